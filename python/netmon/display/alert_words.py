"""What the alert bar says of a rule. Pure: a view, a rule and a number of columns in, words out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon.alerts import written
from netmon.display import canvas
from netmon.measures import measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from netmon.alerts import Gauge
    from netmon.display.canvas import Fragment, Line
    from netmon.display.view import View


def share(gauge: Gauge) -> float:
    """How far the value is on its way to the bound, where 1 is at the bound."""
    value, bound = gauge.value, gauge.rule.threshold
    if gauge.rule.below is not None:
        return bound / value if value else 1.0
    return value / (bound or 1)


def in_words(view: View, gauge: Gauge, word: Fragment, parts: Sequence[str], width: int) -> Line:
    """The alert bar of a rule without a gauge: its name, and as much as fits of what there is to say."""
    first, *more = parts
    room = width - canvas.width([word]) - fmt.width(first) - 5
    name = fmt.sanitize(", ".join(filter(None, (gauge.rule.name, gauge.key))))
    title = f" {fmt.shorten(name, max(SHORTEST_NAME, room), view.glyphs.dots)}" if name else ""
    items: list[Line] = [[("", " "), word, ("class:strong", title)], [("", f"  {first}")]]
    return canvas.fit(canvas.whole([*items, *([("class:dim", part)] for part in more)], width), width)


SHORTEST_GAUGE = 10
"""Minimum number of columns of the gauge. A text that would leave it fewer is not chosen."""

SHORTEST_NAME, LONGEST_NAME = 12, 30
"""Columns of the name of a rule at least, and at most where the whole name leaves no room for its bound."""


def against(view: View, gauge: Gauge, more: str, *, acknowledged: bool) -> Iterator[str]:
    """The texts about the threshold of a rule and its name, or else its metric, to choose from, the longest first."""
    rule = gauge.rule
    bound, span, lasting = written.told(rule, rule.threshold), written.within(rule), _lasting(gauge, view)
    threshold = f" / {bound}" if rule.below is None else f", fires below {bound}:"
    seen = "  acknowledged" if acknowledged else ""
    name = fmt.sanitize(", ".join(filter(None, (rule.name, gauge.key))))
    if rule.name:
        short = [fmt.shorten(name, columns, view.glyphs.dots) for columns in (LONGEST_NAME, 20, SHORTEST_NAME)]
        yield f"{threshold} {name}{span}{lasting}{more}{seen} "
        yield f"{threshold} {name}{lasting}{more}{seen} "
        yield from (f"{threshold} {each}{more}" for each in (name, *short))
        yield f"{threshold} {short[-1]}"
    elif gauge.key:
        yield f"{threshold} {rule.metric} of {name}{span}{lasting}{more}{seen} "
    for metric in (*measure(rule.metric).explained, rule.metric):
        yield f"{threshold} {metric}{span}{lasting}{more}{seen} "
    yield f"{threshold} {rule.metric}{span}{lasting}{more} "
    yield f"{threshold} {rule.metric}{span}{more}"
    yield f"{threshold} {rule.metric}{span}"
    yield f"{threshold} {rule.metric}"
    yield threshold.rstrip(":")


def _lasting(gauge: Gauge, view: View) -> str:
    return f", for {fmt.duration(view.frame.snapshot.end - gauge.alert.at)}" if gauge.alert and view.frame else ""

"""How severe an alert is, as a word and a look, and which of several alerts comes first. Colour never says it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, get_args

from netmon.alerts.rule import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netmon.alerts import Gauge

ORDER: tuple[Severity, ...] = get_args(Severity)[::-1]
"""The severities, the most severe first."""


class Look(NamedTuple):
    """A word, its style as text, and its style as a badge."""

    word: str
    style: str
    badge: str


LOOKS: Mapping[Severity, Look] = {
    "critical": Look("CRITICAL", "class:bad", "class:alert"),
    "warning": Look("ALERT", "class:bad", "class:alert"),
    "info": Look("INFO", "class:strong", "class:notice"),
}
"""The look of an alert. Most rules are warnings, so their alerts are just that."""


class Pressing(NamedTuple):
    """The rule to show where there is room for one, and the number of further alerts."""

    gauge: Gauge
    others: int


def rank(severity: Severity) -> int:
    """The place of a severity: 0 is the most severe."""
    return ORDER.index(severity)


def most_pressing(gauges: Sequence[Gauge]) -> Pressing:
    """The rule whose alert is the most severe and of these the oldest. Without an alert, the first of which nothing is
    known, or else the first.
    """
    firing = [gauge for gauge in gauges if gauge.alert is not None]
    if not firing:
        return Pressing(next((gauge for gauge in gauges if gauge.state == "unknown"), gauges[0]), 0)
    first = min(firing, key=lambda gauge: (rank(gauge.rule.severity), gauge.alert.at if gauge.alert else 0.0))
    return Pressing(first, sum(max(gauge.firing, 1) for gauge in firing) - 1)

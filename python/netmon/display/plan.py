"""How the width of a table is divided among names, figures, trends and what is behind them. Pure: numbers, no text."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from netmon.display import columns
from netmon.display.specs import SPECS
from netmon.display.view import PANELS, Panel, View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netmon.display.columns import Column
    from netmon.display.spec import Behind, Spec, Steps

BEHIND = 20
"""Columns from which there is something behind the figures."""

FIRST, BOTH = 24, 44
"""Columns of the first of two things behind the figures, and from how many on there are two."""

STAMP = 14
"""Columns of a time of day before a name, and the width from which it is shown."""
STAMP_FROM = 64

LONG = 80
"""Columns at the most of a name that is two names, or a path: they are longer than others."""
BESIDE_LONG = 32
"""Columns that it leaves to what is behind the figures."""


TRENDS: Steps = ((140, 20), (100, 8), (1, 0))
"""Columns of a trend."""

SHORT, LONGEST_TREND, SHORTEST_TREND = 24, 60, 7
"""Columns of a name beside wide trends at the most, and of each of these."""

OF_SHARED_NAME: Steps = ((50, 26), (30, 12), (1, 10))
"""Columns that a name keeps in a table that is narrow since it shares its page."""


class Plan(NamedTuple):
    """How the width of a table is divided: mark and name, figures, trends, what is behind."""

    view: View
    panel: Panel
    spec: Spec
    width: int
    is_stamped: bool
    figures: Sequence[Column]
    name: int
    trends: int
    trend: int
    """Columns of each trend."""


def plan_of(view: View, panel: Panel, width: int) -> Plan:
    spec = SPECS[panel]
    is_narrow = bool(spec.narrow) and is_beside(view, panel)
    is_stamped = spec.stamp is not None and width >= STAMP_FROM
    trend = _at_width(TRENDS, width) if spec.trends else 0
    room = min(width - 1, spec.narrow) if is_narrow else width - 1
    least = _at_width(OF_SHARED_NAME if is_narrow else spec.least, width) + STAMP * is_stamped
    sort = view.sort_of(panel).title
    figures, name = columns.choose(spec.columns, room - (trend + 1 if trend else 0), least, sort)
    taken = sum(column.width + 1 for column in figures)
    if spec.has_long_names:
        name = max(name, min(width - 1 - taken - BESIDE_LONG, LONG))
    trends = len(spec.trends) if trend else 0
    if spec.has_wide_trends:
        name = min(name, SHORT)
        trends, trend = _wide_trends(width - 1 - name - taken)
    return Plan(view, panel, spec, width, is_stamped, figures, name, trends, trend)


def _at_width(steps: Steps, width: int) -> int:
    return next((columns_ for least, columns_ in steps if width >= least), steps[-1][1])


def _wide_trends(left: int) -> tuple[int, int]:
    """How many trends of how many columns there are, when nothing else wants the columns that are left."""
    if left >= 2 * BEHIND:
        return 2, min(LONGEST_TREND, (left - 2) // 2 - 2)
    return (1, min(LONGEST_TREND, left - 3)) if left - 3 >= SHORTEST_TREND else (0, 0)


def is_beside(view: View, panel: Panel) -> bool:
    """Whether a table is about what is selected in the first table of its page."""
    return not view.place.is_within and panel in PANELS[view.page][1:]


def behind_figures(spec: Spec, room: int) -> list[tuple[Behind, int]]:
    """What stands behind the figures, each with its columns."""
    if not spec.behind or room <= BEHIND:
        return []
    *others, last = spec.behind if room >= BOTH else spec.behind[-1:]
    return [*((other, FIRST) for other in others), (last, room - FIRST * len(others))]

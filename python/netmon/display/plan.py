"""Divides the width of a table among names, figures, trends and the columns to the right of them (`spec.Behind`).

Pure. It computes widths and draws nothing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from netmon.display import columns
from netmon.display.rows import rows_of
from netmon.display.specs import SPECS
from netmon.display.view import PANELS, Panel, View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netmon._core import Connection, Exchange
    from netmon.display.columns import Column
    from netmon.display.spec import Behind, Spec, Steps
    from netmon.frames import Frame

BEHIND = 20
"""The columns of `spec.Behind` are shown if more than this many columns remain to the right of figures and trends."""

FIRST, BOTH = 24, 44
"""Width of the first of two columns of `spec.Behind`, and how much room is needed to show both."""

STAMP = 14
"""Columns of the time of day before a name."""
STAMP_FROM = 64
"""Minimum width of the table at which the time of day is shown."""

LONG = 80
"""Maximum number of columns of a long name, which consists of two names or is a path."""
BESIDE_LONG = 32
"""Columns that a long name leaves to the columns of `spec.Behind`."""


TRENDS: Steps = ((140, 20), (100, 8), (1, 0))
"""Columns of a trend, by the width of the table."""

SHORT, LONGEST_TREND, SHORTEST_TREND = 24, 60, 7
"""Maximum columns of a name beside wide trends, and the maximum and the minimum columns of a wide trend."""

OF_SHARED_NAME: Steps = ((50, 26), (30, 12), (1, 10))
"""Columns that a name keeps in a table that is narrow because it depends on another table of its page."""


LOOKED_AT = 50
"""Rows of each list that are looked at for processes, or for statuses of gRPC."""


class Plan(NamedTuple):
    """The widths in a table. From left to right: mark and name, figures, trends, columns of `spec.Behind`."""

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
    known = spec.columns
    if columns.PROCESS in known and (view.frame is None or not _has_processes(view.frame)):
        known = tuple(column for column in known if column is not columns.PROCESS)
    if view.frame is None or not _has_others(view.frame):
        known = tuple(column for column in known if column not in columns.OF_OTHERS)
    if columns.GRPC in known and not _has_calls(view, panel):
        known = tuple(column for column in known if column is not columns.GRPC)
    figures, name = columns.choose(known, room - (trend + 1 if trend else 0), least, sort)
    taken = sum(column.width + 1 for column in figures)
    if spec.has_long_names:
        name = max(name, min(width - 1 - taken - BESIDE_LONG, LONG))
    trends = len(spec.trends) if trend else 0
    if spec.has_wide_trends:
        name = min(name, SHORT)
        trends, trend = _wide_trends(width - 1 - name - taken)
    return Plan(view, panel, spec, width, is_stamped, figures, name, trends, trend)


@lru_cache(maxsize=2)
def _has_processes(frame: Frame) -> bool:
    """True if the process of a recent exchange or of a connection is known."""
    rows: tuple[Exchange | Connection, ...] = (*frame.tail.exchanges[:LOOKED_AT], *frame.connections[:LOOKED_AT])
    return any(row.process is not None for row in rows)


@lru_cache(maxsize=2)
def _has_others(frame: Frame) -> bool:
    """True if there are requests of another protocol than HTTP/1, or connections with streams or decrypted ones."""
    known = frame.window.protocols
    return any(name != "http1" for name in known) or any(
        row.streams or row.tls or row.undecrypted for row in frame.connections[:LOOKED_AT]
    )


def _has_calls(view: View, panel: Panel) -> bool:
    """True if one of the newest rows of a table has a status of gRPC. So a filter that leaves none hides the column."""
    return any(row.grpc_status for row in rows_of(view, panel).page(0, LOOKED_AT))


def _at_width(steps: Steps, width: int) -> int:
    return next((columns_ for least, columns_ in steps if width >= least), steps[-1][1])


def _wide_trends(left: int) -> tuple[int, int]:
    """Returns the number of wide trends and the columns of each. They share all columns that are `left`."""
    if left >= 2 * BEHIND:
        return 2, min(LONGEST_TREND, (left - 2) // 2 - 2)
    return (1, min(LONGEST_TREND, left - 3)) if left - 3 >= SHORTEST_TREND else (0, 0)


def is_beside(view: View, panel: Panel) -> bool:
    """True if a table is about the row that is selected in the first table of its page."""
    return not view.place.is_within and panel in PANELS[view.page][1:]


def behind_figures(spec: Spec, room: int) -> list[tuple[Behind, int]]:
    """The columns of `spec.Behind` that fit into `room`, each with its width."""
    if not spec.behind or room <= BEHIND:
        return []
    *others, last = spec.behind if room >= BOTH else spec.behind[-1:]
    return [*((other, FIRST) for other in others), (last, room - FIRST * len(others))]

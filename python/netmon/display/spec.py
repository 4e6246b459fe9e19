"""What may be special about a table, one field for each thing.

No code that draws, selects or explains rows compares one table with another: what differs between tables is a field
here, and `specs` has its value for each table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from netmon._core import Point, Snapshot
    from netmon.display.canvas import Line
    from netmon.display.columns import Column
    from netmon.display.ranked import Rows
    from netmon.display.view import Last, Panel
    from netmon.frames import Frame


class Behind(NamedTuple):
    """What stands behind the figures: items of which as many are shown as fit."""

    title: str
    items: Callable[[Any], list[Line]]


class Absence(NamedTuple):
    """What an empty table says."""

    words: str = ""
    in_window: str = ""
    """More words while the window is shorter than everything."""
    explains: bool = False
    """It says why there is no HTTP; with `words`, only while there is no host."""


Steps: TypeAlias = tuple[tuple[int, int], ...]
"""So many columns, from this width of the table on; the widest first."""

OF_NAME: Steps = ((70, 26), (50, 20), (30, 12), (1, 10))
OF_STAMPED_NAME: Steps = ((70, 26), (50, 20), (30, 22), (1, 10))
OF_TWO_NAMES: Steps = ((50, 34), (30, 22), (1, 10))
"""Columns that a name has before figures of little importance are shown."""


def has_hosts(frame: Frame | None) -> bool:
    return frame is not None and frame.window.host_count > 0


class Spec(NamedTuple):
    """What is special about a table. `name` is text of the wire, not made safe yet."""

    title: str
    columns: tuple[Column, ...]
    name: Callable[[Any], str]
    behind: tuple[Behind, ...] = ()
    """With little room, the last of them."""
    trends: tuple[Callable[[Any], Callable[[Point], float]], ...] = ()
    trend_titles: tuple[str, ...] = ()
    has_wide_trends: bool = False
    """Rows are few and their names short, so the past of each gets all the room there is."""
    stamp: Callable[[Any], float] | None = None
    """The time of day before the name."""
    lead: Callable[[Any], str] | None = None
    """What stands before the name, and is never cut."""
    state: Callable[[Any], str] | None = None
    """The state of an interface, behind its name; rows that have one can be switched off."""
    least: Steps = OF_NAME
    """Columns that the name keeps while there are figures to leave out."""
    has_long_names: bool = False
    """A name is two names, or a path: it may take more columns than others."""
    narrow: int = 0
    """Columns at the most for name and figures while the table shares its page, so that there is room behind."""
    keeps: bool = False
    """A row that is gone keeps its figures: it is something that happened."""
    stays: bool = True
    """The selected row stays though it is not in the frame."""
    interface: Callable[[Any], str] | None = None
    """Where a row was seen; rows of an interface that is switched off are not listed."""
    find: Callable[[Snapshot, Last], Any] | None = None
    """The row as it is in a window now, though a filter leaves it out; None where it is quiet."""
    dependent: Panel | None = None
    """The table beside it that is about its selected row; what was selected there means nothing for another row."""
    elsewhere: str = ""
    """The title on a page of another view, where it is another one."""
    total: Callable[[Snapshot], int] | None = None
    """How many rows a window has, where a filter of hosts leaves some of them."""
    counted: Callable[[Frame | None, Rows], str] | None = None
    """How many rows there are, in words of its own."""
    since: Callable[[Frame], float | None] | None = None
    """From when on rows are listed, where they are not those of the window."""
    is_of_host: bool = False
    """It is about one host, so a filter holds for it only inside of that."""
    has_rows: Callable[[Frame | None], bool] = has_hosts
    """Whether there are rows that a filter may have left out."""
    absence: Absence = Absence()

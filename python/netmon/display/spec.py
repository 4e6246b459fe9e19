"""The properties in which tables differ, one field for each.

Code that draws, selects or explains rows does not ask which table it works on. It reads a field of `Spec`, and `specs`
has the values for each table.
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
    """A column to the right of the figures. It shows as many of the items of a row as fit."""

    title: str
    items: Callable[[Any], list[Line]]


class Absence(NamedTuple):
    """The text of an empty table."""

    words: str = ""
    in_window: str = ""
    """Text to append if the window does not cover the whole capture."""
    explains: bool = False
    """True if the table explains why there is no HTTP. If it also has `words`, it only does so while the window has no
    host.
    """


Steps: TypeAlias = tuple[tuple[int, int], ...]
"""Pairs of a minimum width of the table and a number of columns, the widest first."""

OF_NAME: Steps = ((70, 26), (50, 20), (30, 12), (1, 10))
OF_STAMPED_NAME: Steps = ((70, 26), (50, 20), (30, 22), (1, 10))
OF_TWO_NAMES: Steps = ((50, 34), (30, 22), (1, 10))
"""Columns that the name needs before less important figures are shown. In this order, they are for plain names, for
names after a time of day, and for names that consist of two names.
"""


def has_hosts(frame: Frame | None) -> bool:
    return frame is not None and frame.window.host_count > 0


class Spec(NamedTuple):
    """The properties of a table. `name` returns text from the wire, which is not sanitized yet."""

    title: str
    columns: tuple[Column, ...]
    name: Callable[[Any], str]
    behind: tuple[Behind, ...] = ()
    """The columns to the right of the figures. With little room, only the last one is shown."""
    trends: tuple[Callable[[Any], Callable[[Point], float]], ...] = ()
    trend_titles: tuple[str, ...] = ()
    has_wide_trends: bool = False
    """True if the trends take all the room that is left, since the table has few rows and short names."""
    stamp: Callable[[Any], float] | None = None
    """Returns the time to show before the name, in unix seconds."""
    lead: Callable[[Any], str] | None = None
    """Returns the text to show before the name. It is never cut."""
    state: Callable[[Any], str] | None = None
    """Returns the state of an interface, which is shown after its name. Only rows with a state can be switched off."""
    least: Steps = OF_NAME
    """Columns that the name keeps as long as figures can be left out."""
    has_long_names: bool = False
    """True if a name consists of two names or is a path. It may take more columns than other names."""
    narrow: int = 0
    """Maximum number of columns for name and figures if the table depends on another table of the page. 0: no limit."""
    keeps: bool = False
    """True if the selected row keeps its figures when the frame no longer has it. Otherwise they are shown as zero."""
    stays: bool = True
    """True if the selected row is shown even if the frame does not have it."""
    interface: Callable[[Any], str] | None = None
    """Returns the interface on which a row was captured. Rows of an interface that is switched off are not listed."""
    find: Callable[[Snapshot, Last], Any] | None = None
    """Returns the row as it is in a window, even if a filter leaves it out. Returns None if the window does not have
    it.
    """
    dependent: Panel | None = None
    """The table of the page that is about the selected row of this one. Its own selection is reset when another row is
    selected here.
    """
    elsewhere: str = ""
    """The title if the table is shown on a page of another view. Empty: the same title."""
    total: Callable[[Snapshot], int] | None = None
    """Returns the number of rows in a window, without a filter. The heading shows it while a filter is set."""
    counted: Callable[[Frame | None, Rows], str] | None = None
    """Returns the text for the number of rows, in place of the plain number."""
    since: Callable[[Frame], float | None] | None = None
    """Returns the time of the oldest row, if the table does not follow the window."""
    is_of_host: bool = False
    """True if the table is about one host. The filter applies to it only on the page of that host."""
    has_rows: Callable[[Frame | None], bool] = has_hosts
    """Returns True if there may be rows that a filter leaves out."""
    absence: Absence = Absence()

"""The rows that a table has in a view, the selected row, and what of both is carried over to the next frame.

Rows do not jump: they are ordered by an average of the last seconds (`Standing`), and the selected row keeps its
position while it is quiet, which means that the frame has no such row. Pure: elapsed time is computed from the frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netmon._core import Standing
from netmon.display import matching, ranked
from netmon.display.ranked import NOTHING, Ordered, Rows, listed
from netmon.display.specs import SPECS
from netmon.display.view import PANELS, EarlierStanding, Last, Page, Panel, Place, View

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from netmon._core import Client, Connection, Host
    from netmon.frames import Frame

NEW = Standing()
"""The standing before the first frame. It has no rows."""

DRAWN = 0.1
"""Minimum number of seconds that pass for the user between two frames of a file that is played."""


def rows_of(view: View, panel: Panel, pattern: str | None = None) -> Rows:
    """The rows of a table. The selected row is included even if the frame or the filter leaves it out.

    `pattern` replaces the filter; the selected row is then not added.
    """
    there = present(view, panel, pattern)
    last = view.last.get(panel)
    if pattern is not None or last is None or last.key != view.selected.get(panel) or not _may_stay(view, panel, last):
        return there
    if there.position(last.key) is not None or (last.scope, last.pattern) != (_scope(view, panel), view.typed):
        return there
    now = _now(view, panel, last)
    return there.with_kept_row(last.row if now is None else now, last.number, is_quiet=now is None)


def _may_stay(view: View, panel: Panel, last: Last) -> bool:
    """True if the selected row may be kept although the frame does not have it.

    Alerts are not kept: the line of a flapping rule changes. Nor are rows of an interface that is switched off.
    """
    spec = SPECS[panel]
    return spec.stays and (spec.interface is None or spec.interface(last.row) not in view.off)


def present(view: View, panel: Panel, pattern: str | None = None) -> Rows:
    """The rows of a table that the frame has and that match. `pattern` replaces the filter."""
    pattern = view.typed if pattern is None else pattern
    frame = view.frame
    return NOTHING if frame is None else _MAKERS[panel](view, frame, panel, pattern)


def has_filter(view: View, panel: Panel) -> bool:
    """True if the filter applies to a table. It does if the table is the first one of its page."""
    return PANELS[view.page][0] is panel


def row_number(view: View, panel: Panel, rows: Rows | None = None) -> int:
    """The number of the selected row. 0 if no row is selected or the table does not have the selected row."""
    rows = rows or rows_of(view, panel)
    key = view.selected.get(panel)
    return (rows.position(key) or 0) if key is not None else 0


def selected_row(view: View, panel: Panel) -> Any:
    rows = rows_of(view, panel)
    return rows.row(row_number(view, panel, rows))


def last_of(view: View, panel: Panel, number: int | None = None) -> Last | None:
    """The row with a number, or the selected row, as it is in the frame. None if the table is empty."""
    rows = rows_of(view, panel)
    number = row_number(view, panel, rows) if number is None else max(0, min(number, rows.total - 1))
    row = rows.row(number)
    return None if row is None else Last(rows.key(row), row, number, _scope(view, panel), view.typed)


def in_sight(selected: int, count: int, height: int) -> tuple[int, int]:
    """Returns the number of the first visible row and the number of lines for rows. The selected row is in the middle,
    unless it is near the first or the last row.
    """
    height = max(height, 0)
    return max(0, min(selected - height // 2, count - height)), height


def host_of(view: View) -> Host | None:
    """The host that the page is about, or else the selected host. None if the window does not have it."""
    if view.place.host is not None:
        return view.frame.window.host(view.place.host) if view.frame else None
    row = selected_row(view, Panel.HOSTS)
    return row if row is not None else None


def client_of(view: View) -> Client | None:
    """The client that the page is about, or else the selected client. None if the window does not have it."""
    if view.place.client is not None:
        return view.frame.window.client(view.place.client) if view.frame else None
    row = selected_row(view, Panel.CLIENTS)
    return row if row is not None else None


def scope_of(view: View) -> Place:
    """The place whose host and section the exchanges of a page belong to."""
    if view.page is Page.SECTIONS:
        row = selected_row(view, Panel.ALL_SECTIONS)
        return view.place._replace(host=row.host, section=row.path) if row else view.place
    return view.place


def carried(view: View, frame: Frame) -> View:
    """The view with the order and the selected rows of the frame that is shown, as a basis for the next `frame`."""
    shown = view.frame
    if shown is None or view.held is not None or frame is shown:
        return view
    stood, last = dict(view.stood), dict(view.last)
    for panel in PANELS[view.page]:
        rows = rows_of(view, panel)
        if rows.standing is not None:
            stood[panel] = EarlierStanding(rows.standing, shown.snapshot.end, _counted(view, shown, panel))
        if panel in last and rows.quiet is None and rows.position(last[panel].key) is not None:
            last[panel] = last_of(view, panel) or last[panel]
    return view._replace(stood=stood, last=last)


def warm(view: View) -> None:
    """Ranks the rows that the next drawing needs, so that they are cached. This takes long with 100,000 sections; it
    may run on another thread.
    """
    for panel in PANELS[view.page]:
        rows_of(view, panel)


def _counted(view: View, frame: Frame, panel: Panel) -> tuple[str, float, float]:
    return view.sort_of(panel).title, frame.window_length, frame.shown.start


def _order(view: View, frame: Frame, panel: Panel) -> Ordered:
    """The sort order of a table, with the standing of the frame before if column, window and start are the same."""
    sort, stood = view.sort_of(panel), view.stood.get(panel)
    if stood is None or stood.counted != _counted(view, frame, panel):
        return Ordered(sort, NEW, (0.0, frame.seconds))
    passed = frame.snapshot.end - stood.at
    if view.progress is not None and passed > 0:  # in a file that is played, the order settles in wall-clock time
        passed = max(passed / view.progress.speed, DRAWN)
    return Ordered(sort, stood.standing, (passed, frame.seconds))


def _scope(view: View, panel: Panel) -> Any:
    """The subject of a table, for example a host, if the keys of its rows are only unique within that subject; else
    None.
    """
    scope = _SCOPES.get(panel)
    return scope(view) if scope else None


def _host(view: View) -> str | None:
    host = host_of(view)
    return view.place.host or (host.name if host else None)


def _now(view: View, panel: Panel, last: Last) -> Any:
    """The row as it is in the frame, even if the filter leaves it out. None if the frame does not have it."""
    find = SPECS[panel].find
    return find(view.frame.window, last) if find and view.frame else None


def _hosts(view: View, frame: Frame, panel: Panel, pattern: str) -> Rows:
    return ranked.hosts(frame, panel, _order(view, frame, panel), pattern)


def _paths(view: View, frame: Frame, panel: Panel, pattern: str) -> Rows:
    host = host_of(view)
    if host is None and view.place.host is None:
        return NOTHING
    name = view.place.host or (host.name if host else "")
    # The filter of the hosts does not apply to the sections of the selected host.
    return ranked.paths(frame, name, _order(view, frame, panel), pattern if view.place.host else "")


def _sections(view: View, frame: Frame, panel: Panel, pattern: str) -> Rows:
    return ranked.sections(frame, _order(view, frame, panel), pattern)


def _clients(view: View, frame: Frame, panel: Panel, pattern: str) -> Rows:
    return ranked.clients(frame, _order(view, frame, panel), pattern)


def _client(view: View) -> str:
    if view.place.client is not None:
        return view.place.client
    row = selected_row(view, Panel.CLIENTS)
    return row.address if row else ""


def _of_client(view: View, frame: Frame, panel: Panel, pattern: str) -> Rows:
    about = Place(client=_client(view))
    # The filter of the clients does not apply to the exchanges of the selected client.
    pattern = pattern if view.place.is_within else ""
    return ranked.exchanges(frame, view.off, about, pattern, (panel, view.sort_of(panel)), within=False)


def _interfaces(view: View, frame: Frame, panel: Panel, pattern: str) -> Rows:
    return ranked.interfaces(frame, panel, _order(view, frame, panel), pattern)


def _interface(view: View) -> str:
    if view.place.interface is not None:
        return view.place.interface
    row = selected_row(view, Panel.INTERFACES)
    return row.name if row else ""


def _interface_hosts(view: View, frame: Frame, panel: Panel, pattern: str) -> Rows:
    return ranked.seen_on(frame, _interface(view), _order(view, frame, panel), pattern)


def _requests(view: View, frame: Frame, panel: Panel, pattern: str) -> Rows:
    return ranked.exchanges(frame, view.off, Place(), pattern, (panel, view.sort_of(panel)), within=False)


def _connections(view: View, frame: Frame, panel: Panel, pattern: str) -> Rows:
    return ranked.connections(frame, view.off, pattern, view.sort_of(panel))


def _of_connection(view: View, frame: Frame, panel: Panel, pattern: str) -> Rows:
    about = Place(connection=view.place.connection)
    return ranked.exchanges(frame, view.off, about, pattern, (panel, view.sort_of(panel)), within=False)


def connection_of(view: View) -> Connection | None:
    """The connection that the page is about: as the frame has it, or else as it was when its page was opened."""
    key = view.place.connection
    if key is None or view.frame is None:
        return None
    there = (one for one in view.frame.connections if (one.first_seen, one.client, one.server) == key)
    last = view.last.get(Panel.CONNECTIONS)
    return next(there, last.row if last is not None and last.key == key else None)


def _servers(view: View, frame: Frame, panel: Panel, pattern: str) -> Rows:
    return ranked.servers(frame, _order(view, frame, panel), pattern)


def _alerts(view: View, _frame: Frame, panel: Panel, pattern: str) -> Rows:
    told = view.newest_alerts
    return listed(matching.alerts(pattern, told) if has_filter(view, panel) else told, lambda alert: alert)


def _slowest(view: View, frame: Frame, panel: Panel, pattern: str) -> Rows:
    scope, within = scope_of(view), view.place.host is not None
    about = Place(host=scope.host, section=scope.section)
    return ranked.exchanges(frame, view.off, about, pattern, (panel, view.sort_of(panel)), within=within)


_MAKERS: dict[Panel, Callable[[View, Frame, Panel, str], Rows]] = {
    Panel.HOSTS: _hosts,
    Panel.SECTIONS: _paths,
    Panel.ALL_SECTIONS: _sections,
    Panel.INTERFACES: _interfaces,
    Panel.INTERFACE_HOSTS: _interface_hosts,
    Panel.CONNECTIONS: _connections,
    Panel.INTERFACE_QUALITY: _interfaces,
    Panel.HOST_QUALITY: _hosts,
    Panel.REQUESTS: _requests,
    Panel.SLOWEST: _slowest,
    Panel.CLIENTS: _clients,
    Panel.OF_CLIENT: _of_client,
    Panel.SERVERS: _servers,
    Panel.OF_CONNECTION: _of_connection,
    Panel.ALERTS: _alerts,
}

_SCOPES: Mapping[Panel, Callable[[View], Any]] = {
    Panel.SECTIONS: _host,
    Panel.SLOWEST: lambda view: scope_of(view)[2:5],
    Panel.OF_CLIENT: _client,
    Panel.OF_CONNECTION: lambda view: view.place.connection,
    Panel.INTERFACE_HOSTS: _interface,
}
"""The subject of each table that depends on a host, section, client or interface."""

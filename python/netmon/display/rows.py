"""What rows a table has for a view: how many, a page of them, where one is.

The core ranks, filters and pages hosts and sections, so nothing here walks them; what is walked are the few hundred
interfaces, alerts and exchanges there may be. Rankings are kept for the frame that is shown, since a key or a resize
draws the same frame again.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from netmon.display import specs
from netmon.display.view import PANELS, Page, Panel, Place, Sort, View

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from netmon._core import Exchange, Host
    from netmon.frames import Frame

HOSTS_OF_INTERFACE = 500
"""Hosts listed of one interface: as many are put in order here."""


class Rows(NamedTuple):
    """`key` is what stays the same of a row from frame to frame."""

    total: int
    page: Callable[[int, int], Sequence[Any]]
    position: Callable[[Any], int | None]
    key: Callable[[Any], Hashable]

    def row(self, number: int) -> Any:
        """The row of this number, or the nearest there is; None when there is none."""
        found = self.page(max(0, min(number, self.total - 1)), 1) if self.total else ()
        return found[0] if found else None


def listed(rows: Iterable[Any], key: Callable[[Any], Hashable]) -> Rows:
    """Rows that are all there."""
    every = list(rows)
    places = {key(row): number for number, row in enumerate(every)}
    return Rows(len(every), lambda offset, n: every[offset : offset + n], places.get, key)


NOTHING = listed((), id)


def rows_of(view: View, panel: Panel, matching: str | None = None) -> Rows:
    """The rows of a table; `matching` takes the place of the filter."""
    frame = view.frame
    if panel is Panel.ALERTS:
        return listed(view.newest_alerts, lambda alert: alert)
    if frame is None:
        return NOTHING
    made = _MAKERS[panel]
    return made(view, frame, view.sort_of(panel), view.typed if matching is None else matching)


def row_number(view: View, panel: Panel, rows: Rows | None = None) -> int:
    """Where the selection is: the first row while nothing was selected, or while that is not there."""
    rows = rows or rows_of(view, panel)
    key = view.selected.get(panel)
    return (rows.position(key) or 0) if key is not None else 0


def selected_row(view: View, panel: Panel) -> Any:
    rows = rows_of(view, panel)
    return rows.row(row_number(view, panel, rows))


def in_sight(selected: int, count: int, height: int) -> tuple[int, int]:
    """The first of the rows in sight and how many: the selected one in the middle where there are enough around it."""
    height = max(height, 0)
    return max(0, min(selected - height // 2, count - height)), height


def host_of(view: View) -> Host | None:
    """The host that the place is about, or the one selected."""
    if view.place.host is not None:
        return view.frame.window.host(view.place.host) if view.frame else None
    row = selected_row(view, Panel.HOSTS)
    return row if row is not None else None


def scope_of(view: View) -> Place:
    """What the exchanges of a page are about."""
    if view.page is Page.SECTIONS:
        row = selected_row(view, Panel.ALL_SECTIONS)
        return view.place._replace(host=row.host, section=row.path) if row else view.place
    return view.place


def admits(text: str, pattern: str) -> bool:
    """As the core matches: part of it in any case, or with ``!`` before it what must not be."""
    negated, wanted = pattern.startswith("!"), pattern.removeprefix("!").lower()
    return not wanted or (wanted in text.lower()) is not negated


def warm(view: View) -> None:
    """Ranks what the next drawing will ask for; takes longest with 100,000 sections, and may run on another thread."""
    for panel in PANELS[view.page]:
        rows_of(view, panel)


def _hosts(_view: View, frame: Frame, sort: Sort, matching: str, panel: Panel = Panel.HOSTS) -> Rows:
    return _ranked_hosts(frame, specs.order(panel, sort), sort.is_reversed, matching)


@lru_cache(maxsize=4)
def _ranked_hosts(frame: Frame, order: str, is_reversed: bool, matching: str) -> Rows:
    ranking = frame.window.ranked(order, reverse=is_reversed, matching=matching)
    return Rows(len(ranking), ranking.page, ranking.position, lambda host: host.name)


def _sections(view: View, frame: Frame, sort: Sort, matching: str) -> Rows:
    host = host_of(view)
    if host is None:
        return NOTHING
    return _ranked_paths(frame, host.name, specs.order(Panel.SECTIONS, sort), sort.is_reversed, _inner(view, matching))


@lru_cache(maxsize=2)
def _ranked_paths(frame: Frame, name: str, order: str, is_reversed: bool, matching: str) -> Rows:
    host = frame.window.host(name)
    if host is None:
        return NOTHING
    ranking = host.ranked_sections(order, reverse=is_reversed, matching=matching)
    return Rows(len(ranking), ranking.page, ranking.position, lambda section: section.path)


def _inner(view: View, matching: str) -> str:
    """A filter by host is none for what is inside of one."""
    return matching if view.place.host else ""


def _all_sections(_view: View, frame: Frame, sort: Sort, matching: str) -> Rows:
    return _ranked_sections(frame, specs.order(Panel.ALL_SECTIONS, sort), sort.is_reversed, matching)


@lru_cache(maxsize=2)
def _ranked_sections(frame: Frame, order: str, is_reversed: bool, matching: str) -> Rows:
    ranking = frame.window.ranked_sections(order, reverse=is_reversed, matching=matching)
    return Rows(
        len(ranking), ranking.page, lambda key: ranking.position(*key), lambda section: (section.host, section.path)
    )


def _host_quality(view: View, frame: Frame, sort: Sort, matching: str) -> Rows:
    """By what the core ranks by; the other columns order the busiest hosts."""
    order = specs.order(Panel.HOST_QUALITY, sort)
    if order in ("retransmitted", "name", "hits"):
        return _hosts(view, frame, sort, matching, Panel.HOST_QUALITY)
    return _sorted_hosts(frame, sort, matching)


@lru_cache(maxsize=2)
def _sorted_hosts(frame: Frame, sort: Sort, matching: str) -> Rows:
    hosts = frame.window.top(HOSTS_OF_INTERFACE, matching=matching)
    return listed(_sorted(hosts, Panel.HOST_QUALITY, sort), lambda host: host.name)


def _interfaces(_view: View, frame: Frame, sort: Sort, _matching: str, panel: Panel = Panel.INTERFACES) -> Rows:
    every = frame.window.interfaces or frame.snapshot.interfaces
    return listed(_sorted(every, panel, sort), lambda interface: interface.name)


def _interface_quality(view: View, frame: Frame, sort: Sort, matching: str) -> Rows:
    return _interfaces(view, frame, sort, matching, Panel.INTERFACE_QUALITY)


def _interface_hosts(view: View, frame: Frame, sort: Sort, matching: str) -> Rows:
    name = view.place.interface
    if name is None:
        row = selected_row(view, Panel.INTERFACES)
        name = row.name if row else ""
    return _seen_on(frame, name, sort, matching)


@lru_cache(maxsize=2)
def _seen_on(frame: Frame, interface: str, sort: Sort, matching: str) -> Rows:
    """The hosts of which exchanges are kept that passed an interface."""
    names = {each.host for each in frame.tail.exchanges if each.interface == interface and admits(each.host, matching)}
    found = (frame.window.host(name) for name in sorted(names)[:HOSTS_OF_INTERFACE])
    hosts = _sorted([host for host in found if host is not None], Panel.INTERFACE_HOSTS, sort)
    return listed(hosts, lambda host: host.name)


def _requests(view: View, frame: Frame, sort: Sort, matching: str) -> Rows:
    return _kept(frame, view.off, Place(), matching, (Panel.REQUESTS, sort))


def _slowest(view: View, frame: Frame, sort: Sort, matching: str) -> Rows:
    scope = scope_of(view)
    about = Place(host=scope.host, section=scope.section)
    return _kept(frame, view.off, about, _inner(view, matching), (Panel.SLOWEST, sort))


@lru_cache(maxsize=4)
def _kept(frame: Frame, off: frozenset[str], about: Place, matching: str, ordered: tuple[Panel, Sort]) -> Rows:
    """The exchanges of a tail that are about a host or section, in the order of a panel."""

    def is_meant(exchange: Exchange) -> bool:
        return (
            (about.host is None or exchange.host == about.host)
            and (about.section is None or exchange.section == about.section)
            and exchange.interface not in off
            and (not matching or admits(_words(exchange, about), matching))
        )

    found = [exchange for exchange in frame.tail.exchanges if is_meant(exchange)]
    return listed(_sorted(found, *ordered), lambda exchange: exchange)


def _words(exchange: Exchange, about: Place) -> str:
    """What a filter looks at: the host, and for those of one host all the rest."""
    if about.host is None:
        return exchange.host
    said = f"{exchange.path or exchange.section} {exchange.user_agent}"
    return f"{exchange.method} {said} {exchange.status or 'none'} {exchange.client}"


def _sorted(rows: Sequence[Any], panel: Panel, sort: Sort) -> list[Any]:
    """By a column, most first; what is unknown comes last either way."""
    column = specs.column(panel, sort)
    if column is None:
        return list(rows)
    valued = [(value, row) for row in rows if (value := column.value(row)) is not None]
    unknown = [row for row in rows if column.value(row) is None]
    valued.sort(key=lambda pair: pair[0], reverse=not sort.is_reversed)
    return [*(row for _, row in valued), *unknown]


_MAKERS: dict[Panel, Callable[[View, Frame, Sort, str], Rows]] = {
    Panel.HOSTS: _hosts,
    Panel.SECTIONS: _sections,
    Panel.ALL_SECTIONS: _all_sections,
    Panel.INTERFACES: _interfaces,
    Panel.INTERFACE_HOSTS: _interface_hosts,
    Panel.INTERFACE_QUALITY: _interface_quality,
    Panel.HOST_QUALITY: _host_quality,
    Panel.REQUESTS: _requests,
    Panel.SLOWEST: _slowest,
}

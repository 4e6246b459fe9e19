"""The rows of a frame in a given order: their number, a page of them, and the position of a row.

The core ranks, filters and pages hosts, sections and clients, so this module never iterates over all of them. It
iterates over interfaces, connections and exchanges, whose number is bounded. Rankings are cached, since a key or a
resize draws the same frame again. Pure: a cached value depends on its arguments alone.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from netmon._core import SORT_KEYS
from netmon.display import specs
from netmon.display.matching import connections as matching_connections
from netmon.display.matching import interfaces as matching_interfaces
from netmon.display.matching import matching
from netmon.display.matching import servers as matching_servers
from netmon.display.view import Panel, Place, Sort

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from netmon._core import Client, Exchange, Standing
    from netmon.frames import Frame

HOSTS_OF_INTERFACE = 500
"""Maximum number of hosts that this module sorts itself: those of one interface, or those sorted by a column that the
core does not rank by.
"""


class Rows(NamedTuple):
    """The rows of a table.

    `page` takes an offset and a number of rows. `position` returns the number of the row with a key, or None. `key`
    returns what identifies a row in every frame.
    """

    total: int
    page: Callable[[int, int], Sequence[Any]]
    position: Callable[[Any], int | None]
    key: Callable[[Any], Hashable]
    standing: Standing | None = None
    """The smoothed weights of the rows, from which the next frame is ordered."""
    quiet: Any = None
    """The key of the selected row if the frame has no such row and the row is kept; None otherwise."""

    @property
    def counted(self) -> int:
        """The number of rows without the quiet one."""
        return self.total - (self.quiet is not None)

    def row(self, number: int) -> Any:
        """The row with this number, or the nearest one. None if there are no rows."""
        found = self.page(max(0, min(number, self.total - 1)), 1) if self.total else ()
        return found[0] if found else None

    def with_kept_row(self, row: Any, at: int, *, is_quiet: bool) -> Rows:
        """These rows with one row added at position `at`. `is_quiet` says that the frame does not have that row."""
        at, selected = min(at, self.total), self.key(row)

        def page(offset: int, n: int) -> Sequence[Any]:
            end = offset + n
            if end <= at:
                return self.page(offset, n)
            if offset > at:
                return self.page(offset - 1, n)
            return [*self.page(offset, at - offset), *([row] if n else []), *self.page(at, end - at - 1)]

        def position(key: Any) -> int | None:
            found = self.position(key)
            if key == selected:
                return at
            return found if found is None or found < at else found + 1

        return self._replace(
            total=self.total + 1, page=page, position=position, quiet=selected if is_quiet else self.quiet
        )


class Ordered(NamedTuple):
    """A sort order, and the standing of the frame before, so that rows do not jump."""

    sort: Sort
    before: Standing
    seconds: tuple[float, float]
    """The seconds since the standing `before`, and the seconds that the window covers."""


def listed(rows: Iterable[Any], key: Callable[[Any], Hashable], standing: Standing | None = None) -> Rows:
    """Rows from a sequence that is in order already."""
    every = list(rows)
    places = {key(row): number for number, row in enumerate(every)}
    return Rows(len(every), lambda offset, n: every[offset : offset + n], places.get, key, standing)


NOTHING = listed((), id)


def name_of(row: Any) -> str:
    found: str = row.name
    return found


def _ranking(rank: Callable[..., Any], frame: Frame, panel: Panel, order: Ordered, pattern: str) -> Any:
    """The ranking that `rank`, a method of the core, makes of the rows that match, in the order of the panel."""
    return rank(
        specs.order(panel, order.sort),
        reverse=order.sort.is_reversed,
        matching=matching(frame, pattern),
        after=order.before,
        seconds=order.seconds,
    )


@lru_cache(maxsize=4)
def hosts(frame: Frame, panel: Panel, order: Ordered, pattern: str) -> Rows:
    """The hosts of the window. The core ranks them if it knows the column; otherwise the hosts with most hits are
    sorted here.
    """
    if specs.order(panel, order.sort) not in SORT_KEYS:
        return _sorted(frame.window.ranked(matching=matching(frame, pattern)).page(0, HOSTS_OF_INTERFACE), panel, order)
    ranking = _ranking(frame.window.ranked, frame, panel, order, pattern)
    return Rows(len(ranking), ranking.page, ranking.position, name_of, ranking.standing)


@lru_cache(maxsize=2)
def paths(frame: Frame, name: str, order: Ordered, pattern: str) -> Rows:
    """The sections of a host."""
    host = frame.window.host(name)
    if host is None:
        return NOTHING._replace(key=lambda section: section.path)
    ranking = _ranking(host.ranked_sections, frame, Panel.SECTIONS, order, pattern)
    return Rows(len(ranking), ranking.page, ranking.position, lambda section: section.path, ranking.standing)


@lru_cache(maxsize=2)
def sections(frame: Frame, order: Ordered, pattern: str) -> Rows:
    """The sections of all hosts."""
    ranking = _ranking(frame.window.ranked_sections, frame, Panel.ALL_SECTIONS, order, pattern)
    return Rows(
        len(ranking),
        ranking.page,
        lambda key: ranking.position(*key),
        lambda section: (section.host, section.path),
        ranking.standing,
    )


@lru_cache(maxsize=2)
def clients(frame: Frame, order: Ordered, pattern: str) -> Rows:
    ranking = _ranking(frame.window.ranked_clients, frame, Panel.CLIENTS, order, pattern)
    return Rows(len(ranking), ranking.page, ranking.position, lambda client: client.address, ranking.standing)


@lru_cache(maxsize=4)
def interfaces(frame: Frame, panel: Panel, order: Ordered, pattern: str) -> Rows:
    every = frame.window.interfaces or frame.snapshot.interfaces
    return _sorted(matching_interfaces(frame, pattern, every), panel, order)


@lru_cache(maxsize=2)
def servers(frame: Frame, order: Ordered, pattern: str) -> Rows:
    """The servers that clients reach through TLS or QUIC; the core bounds their number."""
    return _sorted(matching_servers(pattern, frame.window.servers), Panel.SERVERS, order)


@lru_cache(maxsize=4)
def connections(frame: Frame, off: frozenset[str], pattern: str, sort: Sort) -> Rows:
    """The connections of the frame, without those of interfaces that are switched off. Rows with equal values are
    ordered newest first.
    """
    found = [one for one in reversed(frame.connections) if one.interface not in off]
    column = specs.column(Panel.CONNECTIONS, sort)
    meant = matching_connections(pattern, found)
    weights = {id(row): value for row in meant if column and (value := column.value(row)) is not None}
    return listed(_by_weight(meant, weights, id, sort), lambda one: (one.first_seen, one.client, one.server))


@lru_cache(maxsize=2)
def seen_on(frame: Frame, interface: str, order: Ordered, pattern: str) -> Rows:
    """The hosts of an interface: those with an exchange in the tail that was captured on it."""
    names = {each.host for each in frame.tail.exchanges if each.interface == interface}
    found = [host for name in sorted(names) if (host := frame.window.host(name)) is not None]
    meant = matching(frame, pattern).hosts(found) if pattern else found
    return _sorted(meant[:HOSTS_OF_INTERFACE], Panel.INTERFACE_HOSTS, order)


@lru_cache(maxsize=4)
def exchanges(
    frame: Frame, off: frozenset[str], about: Place, pattern: str, ordered: tuple[Panel, Sort], *, within: bool
) -> Rows:
    """The exchanges of the tail that belong to a host, section, client or connection. Their values never change, so
    they are sorted by the exact values and not by a standing.
    """
    client = None if about.client is None else frame.window.client(about.client)

    def is_meant(exchange: Exchange) -> bool:
        return (
            (about.host is None or exchange.host == about.host)
            and (about.section is None or exchange.section == about.section)
            and (about.client is None or _asks(exchange, client, about.client))
            and (about.connection is None or (exchange.client, exchange.server) == about.connection[1:])
            and exchange.interface not in off
        )

    found = [exchange for exchange in frame.tail.exchanges if is_meant(exchange)]
    if pattern:
        found = matching(frame, pattern).exchanges(found, within=within)
    panel, sort = ordered
    column = specs.column(panel, sort)
    weights = {id(row): value for row in found if column and (value := column.value(row)) is not None}
    return listed(_by_weight(found, weights, id, sort), lambda exchange: exchange)


def _asks(exchange: Exchange, client: Client | None, address: str) -> bool:
    """True if the client sent the request. A client that is not in the window is compared by its address."""
    return client.has(exchange) if client is not None else exchange.client_address == address


def _sorted(rows: Sequence[Any], panel: Panel, order: Ordered) -> Rows:
    """Named rows, sorted by their smoothed values of a column."""
    column = specs.column(panel, order.sort)
    if column is None:
        return listed(rows, name_of)
    valued = [(row.name, float(value)) for row in rows if (value := column.value(row)) is not None]
    passed, covered = order.seconds
    standing = order.before.then(valued, passed, covered if column.counts else None)
    by_name = sorted(rows, key=name_of, reverse=order.sort.is_reversed)
    return listed(_by_weight(by_name, standing.weights, name_of, order.sort), name_of, standing)


def _by_weight(rows: Iterable[Any], weights: dict[Any, float], key: Callable[[Any], Any], sort: Sort) -> list[Any]:
    """The rows in descending order of weight, ascending if the sort is reversed. Rows without a weight come last in
    both cases.
    """
    every = list(rows)
    known = [row for row in every if key(row) in weights]
    known.sort(key=lambda row: weights[key(row)], reverse=not sort.is_reversed)
    return [*known, *(row for row in every if key(row) not in weights)]

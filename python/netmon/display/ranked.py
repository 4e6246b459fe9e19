"""Rows of a frame in some order: how many, a page of them, where one is.

The core ranks, filters and pages hosts and sections, so nothing here walks them; what is walked are the few hundred
interfaces, alerts and exchanges there may be. Rankings are kept for the frame that is shown, since a key or a resize
draws the same frame again. Pure: what is remembered depends on the arguments alone.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from netmon._core import SORT_KEYS
from netmon.display import specs
from netmon.display.matching import connections as matching_connections
from netmon.display.matching import interfaces as matching_interfaces
from netmon.display.matching import matching
from netmon.display.view import Panel, Place, Sort

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from netmon._core import Client, Exchange, Standing
    from netmon.frames import Frame

HOSTS_OF_INTERFACE = 500
"""Hosts listed of one interface: as many are put in order here."""


class Rows(NamedTuple):
    """`key` is what stays the same of a row from frame to frame."""

    total: int
    page: Callable[[int, int], Sequence[Any]]
    position: Callable[[Any], int | None]
    key: Callable[[Any], Hashable]
    standing: Standing | None = None
    """How they stand, for the order of the next frame."""
    quiet: Any = None
    """The key of a row that is only there because it is selected."""

    @property
    def counted(self) -> int:
        """How many are there without it."""
        return self.total - (self.quiet is not None)

    def row(self, number: int) -> Any:
        """The row of this number, or the nearest there is; None when there is none."""
        found = self.page(max(0, min(number, self.total - 1)), 1) if self.total else ()
        return found[0] if found else None

    def with_kept_row(self, row: Any, at: int, *, is_quiet: bool) -> Rows:
        """The same with one row more, which comes in at `at`."""
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
    """An order, and what rows stood by before, so that they hold still."""

    sort: Sort
    before: Standing
    seconds: tuple[float, float]
    """Those since then, and those of the window."""


def listed(rows: Iterable[Any], key: Callable[[Any], Hashable], standing: Standing | None = None) -> Rows:
    """Rows that are all there."""
    every = list(rows)
    places = {key(row): number for number, row in enumerate(every)}
    return Rows(len(every), lambda offset, n: every[offset : offset + n], places.get, key, standing)


NOTHING = listed((), id)


def name_of(row: Any) -> str:
    found: str = row.name
    return found


def _ranking(rank: Callable[..., Any], frame: Frame, panel: Panel, order: Ordered, pattern: str) -> Any:
    """What the core ranks, in the order of a panel and with what matches alone."""
    return rank(
        specs.order(panel, order.sort),
        reverse=order.sort.is_reversed,
        matching=matching(frame, pattern),
        after=order.before,
        seconds=order.seconds,
    )


@lru_cache(maxsize=4)
def hosts(frame: Frame, panel: Panel, order: Ordered, pattern: str) -> Rows:
    """By what the core ranks by; the other columns order those with most hits."""
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


@lru_cache(maxsize=4)
def connections(frame: Frame, off: frozenset[str], pattern: str, sort: Sort) -> Rows:
    """Those that are listed, the newest first where a column says nothing."""
    found = [one for one in reversed(frame.connections) if one.interface not in off]
    column = specs.column(Panel.CONNECTIONS, sort)
    meant = matching_connections(pattern, found)
    weights = {id(row): value for row in meant if column and (value := column.value(row)) is not None}
    return listed(_by_weight(meant, weights, id, sort), lambda one: (one.first_seen, one.client, one.server))


@lru_cache(maxsize=2)
def seen_on(frame: Frame, interface: str, order: Ordered, pattern: str) -> Rows:
    """The hosts of which exchanges are kept that passed an interface."""
    names = {each.host for each in frame.tail.exchanges if each.interface == interface}
    found = [host for name in sorted(names) if (host := frame.window.host(name)) is not None]
    meant = matching(frame, pattern).hosts(found) if pattern else found
    return _sorted(meant[:HOSTS_OF_INTERFACE], Panel.INTERFACE_HOSTS, order)


@lru_cache(maxsize=4)
def exchanges(
    frame: Frame, off: frozenset[str], about: Place, pattern: str, ordered: tuple[Panel, Sort], *, within: bool
) -> Rows:
    """The exchanges of a tail that are about a host, section or client; each is what it is, so their order is exact."""
    client = None if about.client is None else frame.window.client(about.client)

    def is_meant(exchange: Exchange) -> bool:
        return (
            (about.host is None or exchange.host == about.host)
            and (about.section is None or exchange.section == about.section)
            and (about.client is None or _asks(exchange, client, about.client))
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
    """Whether a client asked; one that is not in the window is known by its address alone."""
    return client.has(exchange) if client is not None else exchange.client_address == address


def _sorted(rows: Sequence[Any], panel: Panel, order: Ordered) -> Rows:
    """Rows with a name, by what they stand by in a column."""
    column = specs.column(panel, order.sort)
    if column is None:
        return listed(rows, name_of)
    valued = [(row.name, float(value)) for row in rows if (value := column.value(row)) is not None]
    passed, covered = order.seconds
    standing = order.before.then(valued, passed, covered if column.counts else None)
    by_name = sorted(rows, key=name_of, reverse=order.sort.is_reversed)
    return listed(_by_weight(by_name, standing.weights, name_of, order.sort), name_of, standing)


def _by_weight(rows: Iterable[Any], weights: dict[Any, float], key: Callable[[Any], Any], sort: Sort) -> list[Any]:
    """Most first; what is unknown comes last either way."""
    every = list(rows)
    known = [row for row in every if key(row) in weights]
    known.sort(key=lambda row: weights[key(row)], reverse=not sort.is_reversed)
    return [*known, *(row for row in every if key(row) not in weights)]

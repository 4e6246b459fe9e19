"""The tables: of which columns each is made, how its rows are called, and what stands behind the figures."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from netmon import format as fmt
from netmon.display import columns
from netmon.display.columns import Column, status_style
from netmon.display.view import Panel, Sort

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from netmon._core import Connection, Exchange, Interface, Point
    from netmon.alerts import Alert
    from netmon.display.canvas import Line


class Behind(NamedTuple):
    """What stands behind the figures: items of which as many are shown as fit."""

    title: str
    items: Callable[[Any], list[Line]]


class Spec(NamedTuple):
    """`title` is said above the table; `name` is text of the wire, not made safe yet."""

    title: str
    columns: tuple[Column, ...]
    name: Callable[[Any], str]
    behind: tuple[Behind, ...] = ()
    """With little room, the last of them."""
    trends: tuple[Callable[[Any], Callable[[Point], float]], ...] = ()
    trend_titles: tuple[str, ...] = ()
    stamp: Callable[[Any], float] | None = None
    """The time of day before the name."""
    lead: Callable[[Any], str] | None = None
    """What stands before the name, and is never cut."""
    room: int = 0
    """Columns that the name keeps while there are figures to leave out, where that is more than usual."""
    keeps: bool = False
    """A row that is gone keeps its figures: it is something that happened."""
    narrow: int = 0
    """Columns at the most for name and figures while the table shares its page, so that there is room behind."""


def methods(row: Any) -> list[Line]:
    """Methods with their counts, most frequent first."""
    return [_item("", method, n) for method, n in row.methods.items()]


def statuses(row: Any) -> list[Line]:
    """Statuses with their counts, server errors before the others."""
    found = sorted(row.statuses.items(), key=lambda item: item[0] < 500)  # stable: by frequency otherwise
    return [_item(status_style(status), str(status), n) for status, n in found]


def _item(style: str, what: str, n: int) -> Line:
    """A colon tells a count from a status beside it."""
    return [(style, what), ("class:dim", f": {fmt.count(n)}")]


BETWEEN = 34
"""Columns of two sides of a connection, one of them a name."""


def protocols(interface: Interface) -> list[Line]:
    """Bytes by what the connections speak."""
    return [[("", name), ("class:dim", f": {fmt.scaled(n, 'B')}")] for name, n in interface.protocols.items()]


def client(exchange: Exchange) -> list[Line]:
    """Who asked, with which program where that is asked for."""
    words = [exchange.client, fmt.sanitize(exchange.user_agent), f"on {fmt.source(exchange.interface)}"]
    return [[("class:dim", word)] for word in words if word]


def _between(connection: Connection) -> str:
    """Who talks to whom; a name says more than an address."""
    return f"{connection.client} > {connection.host or connection.server}"


def spoken(connection: Connection) -> list[Line]:
    """What a connection speaks, and over what."""
    words = [
        connection.protocol,
        connection.server if connection.host else "",
        f"on {fmt.source(connection.interface)}",
    ]
    return [[("class:dim", word)] for word in words if word]


def _host_hits(row: Any) -> Callable[[Point], float]:
    name = row.name
    return lambda point: point.hits_of(name)


def _bits(row: Any) -> Callable[[Point], float]:
    name = row.name
    return lambda point: 8 * point.bytes_of(name)


def _requests(row: Any) -> Callable[[Point], float]:
    name = row.name
    return lambda point: point.requests_of(name)


def _method(row: Any) -> str:
    return f"{row.method:<6} "


def _path(row: Any) -> str:
    return str(row.path or row.section)


def _at(row: Any) -> float:
    return float(row.ts)


def _alerted(alert: Alert) -> str:
    return alert.state


_ANSWERS = (Behind("methods", methods), Behind("statuses", statuses))
_HOSTS = Spec("HOSTS", columns.HOST, lambda row: row.name, _ANSWERS, (_host_hits,), ("trend",))
_TRAFFIC = ((_bits, _requests), ("bit/s", "requests/s"))
_PROTOCOLS = (Behind("bytes by protocol", protocols),)
_CLIENT = (Behind("client", client),)
_SPOKEN = (Behind("protocol and server", spoken),)

SPECS = {
    Panel.HOSTS: _HOSTS,
    Panel.INTERFACE_HOSTS: _HOSTS,
    Panel.SECTIONS: Spec("SECTIONS", columns.SECTION, lambda row: row.path, _ANSWERS, narrow=49),
    Panel.ALL_SECTIONS: Spec("SECTIONS", columns.SECTION, lambda row: row.host + row.path, _ANSWERS),
    Panel.INTERFACES: Spec("INTERFACES", columns.INTERFACE, lambda row: fmt.source(row.name), _PROTOCOLS, *_TRAFFIC),
    Panel.CONNECTIONS: Spec("CONNECTIONS", columns.CONNECTION, _between, _SPOKEN, room=BETWEEN, keeps=True),
    Panel.INTERFACE_QUALITY: Spec("INTERFACES", columns.QUALITY, lambda row: fmt.source(row.name)),
    Panel.HOST_QUALITY: Spec("HOSTS", columns.QUALITY, lambda row: row.name),
    Panel.REQUESTS: Spec("REQUESTS", columns.EXCHANGE, fmt.target, _CLIENT, stamp=_at, lead=_method, keeps=True),
    Panel.SLOWEST: Spec("REQUESTS", columns.EXCHANGE, _path, _CLIENT, stamp=_at, lead=_method, keeps=True),
    Panel.CLIENTS: Spec("CLIENTS", columns.CLIENT, lambda row: row.address, _ANSWERS),
    Panel.OF_CLIENT: Spec("REQUESTS", columns.EXCHANGE, fmt.target, _CLIENT, stamp=_at, lead=_method, keeps=True),
    Panel.ALERTS: Spec("ALERTS", (), _alerted, keeps=True),
}


def titles(panel: Panel) -> tuple[str, ...]:
    """What a table can be sorted by, in the order of the key that goes through it."""
    return tuple(column.title for column in SPECS[panel].columns)


@cache
def letters(panel: Panel) -> Mapping[str, str]:
    """The letter of each column, on the screen or not: the first of its title that is free, else a capital."""
    chosen: dict[str, str] = {}
    for title in titles(panel):
        own = [char for char in title.lower() if char.isalnum()]
        free = next((char for char in (*own, *map(str.upper, own)) if char not in chosen), "")
        if free:
            chosen[free] = title
    return chosen


def column(panel: Panel, sort: Sort) -> Column | None:
    return next((column for column in SPECS[panel].columns if column.title == sort.title), None)


def order(panel: Panel, sort: Sort) -> str:
    """What the core calls the order that puts the most of a column first."""
    found = column(panel, sort)
    return found.order if found else "hits"

"""The tables: of which columns each is made, how its rows are called, and what stands behind the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from netmon import format as fmt
from netmon.display import columns
from netmon.display.columns import Column, status_style
from netmon.display.view import Panel, Sort

if TYPE_CHECKING:
    from collections.abc import Callable

    from netmon._core import Exchange, Interface, Point
    from netmon.alerts import Alert
    from netmon.display.canvas import Line


class Spec(NamedTuple):
    """`title` is said above the table; `name` is text of the wire, not made safe yet."""

    title: str
    columns: tuple[Column, ...]
    name: Callable[[Any], str]
    behind: Callable[[Any], list[Line]] | None = None
    """Items of which as many are shown as fit."""
    behind_title: str = ""
    trends: tuple[Callable[[Any], Callable[[Point], float]], ...] = ()
    trend_titles: tuple[str, ...] = ()
    stamp: Callable[[Any], float] | None = None
    """The time of day before the name."""
    narrow: int = 0
    """Columns at the most for name and figures while the table shares its page, so that there is room behind."""


def answers(row: Any) -> list[Line]:
    """Methods and statuses with their counts, server errors before other statuses."""
    statuses = sorted(row.statuses.items(), key=lambda item: item[0] < 500)  # stable: by frequency otherwise
    words = [("", method, n) for method, n in list(row.methods.items())[:2]]
    words += [(status_style(status), str(status), n) for status, n in statuses]
    return [[(style, f"  {word}"), ("class:dim", f" ({fmt.count(n)})")] for style, word, n in words]


def protocols(interface: Interface) -> list[Line]:
    """Bytes by what the connections speak."""
    return [[("", f"  {name}"), ("class:dim", f" {fmt.scaled(n, 'B')}")] for name, n in interface.protocols.items()]


def client(exchange: Exchange) -> list[Line]:
    agent: list[Line] = [[("class:dim", f"  {fmt.sanitize(exchange.user_agent)}")]] if exchange.user_agent else []
    return [[("class:dim", f"  {exchange.client}")], *agent, [("class:dim", f"  on {fmt.source(exchange.interface)}")]]


def _host_hits(row: Any) -> Callable[[Point], float]:
    name = row.name
    return lambda point: point.hits_of(name)


def _bits(row: Any) -> Callable[[Point], float]:
    name = row.name
    return lambda point: 8 * point.bytes_of(name)


def _requests(row: Any) -> Callable[[Point], float]:
    name = row.name
    return lambda point: point.requests_of(name)


def _said(row: Any) -> str:
    return f"{row.method:<6} {row.path or row.section}"


def _said_to(row: Any) -> str:
    return f"{row.method:<6} {fmt.target(row)}"


def _alerted(alert: Alert) -> str:
    return alert.state


_HOSTS = Spec("HOSTS", columns.HOST, lambda row: row.name, answers, "methods and statuses", (_host_hits,), ("trend",))
_TRAFFIC = ((_bits, _requests), ("bit/s", "requests/s"))

SPECS = {
    Panel.HOSTS: _HOSTS,
    Panel.INTERFACE_HOSTS: _HOSTS,
    Panel.SECTIONS: Spec("SECTIONS", columns.SECTION, lambda row: row.path, answers, "methods and statuses", narrow=49),
    Panel.ALL_SECTIONS: Spec(
        "SECTIONS", columns.SECTION, lambda row: row.host + row.path, answers, "methods and statuses"
    ),
    Panel.INTERFACES: Spec(
        "INTERFACES", columns.INTERFACE, lambda row: fmt.source(row.name), protocols, "bytes by protocol", *_TRAFFIC
    ),
    Panel.INTERFACE_QUALITY: Spec("INTERFACES", columns.INTERFACE_QUALITY, lambda row: fmt.source(row.name)),
    Panel.HOST_QUALITY: Spec("HOSTS", columns.HOST_QUALITY, lambda row: row.name),
    Panel.REQUESTS: Spec("REQUESTS", columns.EXCHANGE, _said_to, client, "client", stamp=lambda row: row.ts),
    Panel.SLOWEST: Spec("REQUESTS", columns.EXCHANGE, _said, client, "client", stamp=lambda row: row.ts),
    Panel.ALERTS: Spec("ALERTS", (), _alerted),
}


def titles(panel: Panel) -> tuple[str, ...]:
    """What a table can be sorted by, in the order of the key that goes through it."""
    return tuple(column.title for column in SPECS[panel].columns)


def column(panel: Panel, sort: Sort) -> Column | None:
    return next((column for column in SPECS[panel].columns if column.title == sort.title), None)


def order(panel: Panel, sort: Sort) -> str:
    """What the core calls the order that puts the most of a column first."""
    found = column(panel, sort)
    return found.order if found else "hits"

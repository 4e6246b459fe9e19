"""The `Spec` of each table: its columns and the other properties in which tables differ."""

from __future__ import annotations

from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from netmon import format as fmt
from netmon.display import columns, servers
from netmon.display.columns import Column, status_style
from netmon.display.spec import OF_STAMPED_NAME, OF_TWO_NAMES, Absence, Behind, Spec, has_hosts
from netmon.display.view import Panel, Sort

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from netmon._core import Client, Connection, Exchange, Host, Interface, Point, Section, Snapshot
    from netmon.display.canvas import Line
    from netmon.display.ranked import Rows
    from netmon.display.view import Last
    from netmon.frames import Frame


def methods(row: Any) -> list[Line]:
    """Methods with their counts, most frequent first."""
    return [_item("", method, n) for method, n in row.methods.items()]


def statuses(row: Any) -> list[Line]:
    """Statuses with their counts, server errors before the others."""
    found = sorted(row.statuses.items(), key=lambda item: item[0] < 500)  # stable, so both halves stay ordered by count
    return [_item(status_style(status), str(status), n) for status, n in found]


def calls(row: Any) -> list[Line]:
    """Statuses of gRPC calls with their counts, those of calls that failed before OK."""
    found = sorted(row.grpc_statuses.items(), key=lambda item: item[0] == "OK")
    return [_item("class:ok" if name == "OK" else "class:bad", name, n) for name, n in found]


def _answers(row: Any) -> list[Line]:
    """Statuses with their counts; of gRPC calls that failed, theirs come first."""
    return [*(line for line in calls(row) if line[0][1] != "OK"), *statuses(row)]


def _item(style: str, what: str, n: int) -> Line:
    """A method or status with its count. The colon separates the count from a status, which is also a number."""
    return [(style, what), ("class:dim", f": {fmt.count(n)}")]


def protocols(interface: Interface) -> list[Line]:
    """Protocols of an interface with their bytes."""
    return [[("", name), ("class:dim", f": {fmt.scaled(n, 'B')}")] for name, n in interface.protocols.items()]


def client(exchange: Exchange) -> list[Line]:
    """The client of an exchange, its protocol if it is not plain HTTP/1, its user agent and the processes if known, and
    the interface.
    """
    words = [
        exchange.client,
        fmt.spoken(exchange),
        fmt.sanitize(exchange.user_agent),
        *fmt.processes(exchange),
        f"on {fmt.source(exchange.interface)}",
    ]
    return [[("class:dim", word)] for word in words if word]


def _between(connection: Connection) -> str:
    """Client and server of a connection. The name of the host is preferred to the address of the server."""
    return f"{connection.client} > {connection.host or connection.server}"


def spoken(connection: Connection) -> list[Line]:
    """The processes of a connection if known, its protocol, the address of the server if the name shows the host, and
    the interface.
    """
    words = [
        *fmt.processes(connection),
        f"{connection.protocol} over TLS" if connection.tls else connection.protocol,
        f"{connection.open_streams} of {fmt.plural(connection.streams, 'stream')} open" if connection.streams else "",
        f"not decrypted: {connection.undecrypted.replace('_', ' ')}" if connection.undecrypted else "",
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


def _path_asked(row: Any) -> str:
    return str(row.path or row.section)


def _at(row: Any) -> float:
    return float(row.ts)


def _always(_frame: Frame | None) -> bool:
    return True


def _has_connections(frame: Frame | None) -> bool:
    return frame is not None and (has_hosts(frame) or bool(frame.connections))


def _open_and_ended(frame: Frame | None, rows: Rows) -> str:
    """The number of open connections that are listed, of all open connections, and of those that have ended."""
    states = [row.state for row in rows.page(0, rows.total)]
    listed, ended = states.count("open"), sum(state not in ("open", "opening") for state in states)
    there = max(frame.snapshot.capture.open_connections if frame else 0, listed)
    of = f" of {fmt.count(there)}" if there > listed else ""
    return f"{fmt.count(listed)}{of} open, {fmt.count(ended)} ended"


def _oldest(frame: Frame) -> float | None:
    kept = frame.tail.exchanges
    return kept[-1].ts if kept else None


def _find_host(window: Snapshot, last: Last) -> Host | None:
    return window.host(last.key)


def _find_section(window: Snapshot, last: Last) -> Section | None:
    host = window.host(last.row.host)
    return host.section(last.row.path) if host else None


def _find_client(window: Snapshot, last: Last) -> Client | None:
    return window.client(last.key)


def _find_interface(window: Snapshot, last: Last) -> Interface | None:
    return next((each for each in window.interfaces if each.name == last.key), None)


def _hosts_of(window: Snapshot) -> int:
    return window.host_count


_NAME, _PATH, _ADDRESS, _INTERFACE = map(attrgetter, ("name", "path", "address", "interface"))
_ANSWERS = (Behind("methods", methods), Behind("statuses", _answers))
_NO_HTTP = Absence(explains=True)
_NONE_KEPT = "No exchange listed: none was answered recently"

_SECTIONS = Spec("SECTIONS", columns.SECTION, _PATH, _ANSWERS, find=_find_section)
_HOSTS = Spec(
    "HOSTS", columns.HOST, _NAME, _ANSWERS, (_host_hits,), ("trend",), find=_find_host, dependent=Panel.SECTIONS
)
_INTERFACES = Spec(
    "INTERFACES",
    columns.INTERFACE,
    lambda row: fmt.source(row.name),
    state=lambda row: row.state,
    find=_find_interface,
    has_rows=_always,
)
_EXCHANGES = Spec(
    "REQUESTS",
    columns.EXCHANGE,
    fmt.target,
    (Behind("client", client),),
    stamp=_at,
    lead=_method,
    least=OF_STAMPED_NAME,
    has_long_names=True,
    keeps=True,
    interface=_INTERFACE,
    since=_oldest,
)

SPECS: Mapping[Panel, Spec] = {
    Panel.HOSTS: _HOSTS._replace(total=_hosts_of, absence=_NO_HTTP),
    Panel.INTERFACE_HOSTS: _HOSTS._replace(
        title="HOSTS seen on it", dependent=None, absence=Absence("No recent exchange on this interface.")
    ),
    Panel.HOST_QUALITY: Spec("HOSTS", columns.QUALITY, _NAME, find=_find_host, total=_hosts_of, absence=_NO_HTTP),
    Panel.SECTIONS: _SECTIONS._replace(
        narrow=49,
        is_of_host=True,
        absence=Absence("No request for this host in this window", in_window="; w makes it longer"),
    ),
    Panel.ALL_SECTIONS: _SECTIONS._replace(
        name=lambda row: row.host + row.path,
        elsewhere="SECTIONS of all hosts",
        total=lambda window: window.section_count,
        absence=_NO_HTTP,
    ),
    Panel.INTERFACES: _INTERFACES._replace(
        behind=(Behind("bytes by protocol", protocols),),
        trends=(_bits, _requests),
        trend_titles=("bit/s", "requests/s"),
        has_wide_trends=True,
    ),
    Panel.INTERFACE_QUALITY: _INTERFACES._replace(columns=columns.QUALITY),
    Panel.CONNECTIONS: Spec(
        "CONNECTIONS",
        columns.CONNECTION,
        _between,
        (Behind("protocol and server", spoken),),
        least=OF_TWO_NAMES,
        has_long_names=True,
        keeps=True,
        interface=_INTERFACE,
        counted=_open_and_ended,
        has_rows=_has_connections,
        absence=Absence("No connection in this window."),
    ),
    Panel.REQUESTS: _EXCHANGES._replace(absence=Absence(f"{_NONE_KEPT}.", explains=True)),
    Panel.SLOWEST: _EXCHANGES._replace(
        name=_path_asked, absence=Absence(f"{_NONE_KEPT}, or slower ones took their place.")
    ),
    Panel.OF_CLIENT: _EXCHANGES._replace(
        absence=Absence("No exchange of this client listed: none was answered recently.")
    ),
    Panel.OF_CONNECTION: _EXCHANGES._replace(
        absence=Absence("No exchange of this connection listed: none was answered recently, or it stays closed.")
    ),
    Panel.CLIENTS: Spec(
        "CLIENTS",
        columns.CLIENT,
        _ADDRESS,
        _ANSWERS,
        find=_find_client,
        total=lambda window: window.client_count,
        absence=_NO_HTTP,
    ),
    Panel.SERVERS: Spec(
        "SERVERS",
        servers.SERVER,
        _NAME,
        find=lambda window, last: next((each for each in window.servers if each.name == last.key), None),
        total=lambda window: len(window.servers),
        has_rows=lambda frame: frame is not None and bool(frame.window.servers),
        absence=Absence(
            "No connection of TLS or QUIC began or stays closed", in_window=" in this window; w makes it longer"
        ),
    ),
    Panel.ALERTS: Spec("ALERTS", (), lambda alert: alert.state, keeps=True, stays=False, has_rows=_always),
}


def titles(panel: Panel) -> tuple[str, ...]:
    """The titles of the columns that a table can be sorted by, in the order of the keys `s` and `S`."""
    return tuple(column.title for column in SPECS[panel].columns)


@cache
def letters(panel: Panel) -> Mapping[str, str]:
    """The title of each column by its letter, including columns that are not on the screen. The letter is the first one
    of the title that no earlier column has, or else such a capital letter.
    """
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
    """The core's name of the order in which the largest values of a column come first."""
    found = column(panel, sort)
    return found.order if found else "hits"

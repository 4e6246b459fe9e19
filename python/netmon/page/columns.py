"""The tables of a page: for each its columns, and the value of a row in each. Values are small and plain, for JSON.

A kind says how a value is shown, here by `shown` and in the browser by the function of the same name in `page.js`:

    text     a text, shown as it is
    count    a whole number
    share    a number from 0 to 1
    latency  whole microseconds
    size     bytes
    time     Unix seconds
    status   a status code, or None
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from netmon import format as fmt
from netmon.absence import reasons_of
from netmon.measures import Measure, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from netmon.page.clock import Clock

Kind: TypeAlias = Literal["text", "count", "share", "latency", "size", "time", "status"]
Value: TypeAlias = str | int | float | None


class Column(NamedTuple):
    """A column: its key in the document, its heading, the kind of its values, and the value of a row."""

    key: str
    label: str
    kind: Kind
    value: Callable[[Any], Value]
    title: str = ""
    """What the heading means, where it needs saying."""
    has_bar: bool = False
    """Whether a bar in each cell compares the rows."""
    is_optional: bool = False
    """Whether it is left out where no row has a value."""


class Table(NamedTuple):
    """A table: its name in the document, its caption, what one of its rows is called, and its columns."""

    name: str
    caption: str
    noun: str
    columns: Sequence[Column]
    by: str
    """The column by which its rows are sorted at first."""
    room: int
    """Bytes that its rows may take in the document at most; the rows that come later are only counted."""


_UNITS: Mapping[str, Kind] = {"count": "count", "ratio": "share", "s": "latency", "B": "size"}
_4XX = measure("status.4xx")


def micros(seconds: float | None) -> int | None:
    """Whole microseconds, the unit of the document."""
    return None if seconds is None else round(seconds * 1e6)


def _of(name: str, label: str, title: str = "", *, has_bar: bool = False) -> Column:
    """The column of a measure."""
    found: Measure = measure(name)
    kind = _UNITS[found.unit]

    def value(row: Any) -> Value:
        amount = found.value(row)
        if amount is None:
            return None
        return micros(amount) if kind == "latency" else round(amount, 5) if kind == "share" else round(amount)

    return Column(found.field, label, kind, value, title, has_bar)


_COUNTED = (
    _of("requests", "Requests", has_bar=True),
    _of("responses", "Responses"),
    _of("errors", "Errors", "responses with a status of 500 or above, and gRPC calls that failed"),
    _of("status.4xx", "4xx", "responses with a status of 400 to 499"),
    _of("error_ratio", "Error share", "errors divided by responses"),
)
_TIMED = (
    _of("latency.p50", "p50", "half of all responses began within this time"),
    _of("latency.p95", "p95", "95 % of all responses began within this time"),
    _of("latency.p99", "p99", "99 % of all responses began within this time"),
)
_SIZED = (_of("message_bytes", "Bytes", "bytes of HTTP messages"),)

HOSTS = Table(
    "hosts",
    "Hosts, as clients name them",
    "host",
    (
        Column("name", "Host", "text", lambda row: fmt.sanitize(row.name)),
        *_COUNTED,
        *_TIMED,
        *_SIZED,
        _of("rtt", "RTT", "round-trip time between client and server"),
        _of("retransmitted_ratio", "Resent", "share of segments that were sent again"),
    ),
    "requests",
    1_000_000,
)

SECTIONS = Table(
    "sections",
    "Sections: paths of a host that begin alike",
    "section",
    (
        Column("section", "Section", "text", lambda row: fmt.sanitize(row.path)),
        Column("host", "Host", "text", lambda row: fmt.sanitize(row.host)),
        *_COUNTED,
        *_TIMED,
        *_SIZED,
    ),
    "requests",
    240_000,
)

CLIENTS = Table(
    "clients",
    "Clients, by address",
    "client",
    (Column("address", "Client", "text", lambda row: fmt.sanitize(row.address)), *_COUNTED, *_TIMED, *_SIZED),
    "requests",
    160_000,
)

SLOWEST = Table(
    "slowest",
    "Requests that waited longest for their response",
    "request",
    (
        Column("latency", "Latency", "latency", lambda row: micros(row.latency), "wait for the response", has_bar=True),
        Column("target", "Request", "text", lambda row: fmt.sanitize(fmt.target(row))),
        Column("method", "Method", "text", lambda row: fmt.sanitize(row.method)),
        Column("status", "Status", "status", lambda row: row.status),
        Column(
            "protocol",
            "Protocol",
            "text",
            lambda row: "" if row.protocol == "http1" else row.protocol,
            is_optional=True,
        ),
        Column("grpc_status", "gRPC", "text", lambda row: row.grpc_status or "", is_optional=True),
        Column("ts", "Time", "time", lambda row: row.ts),
        Column("duration", "Total", "latency", lambda row: micros(row.duration), "from first byte to last"),
        Column("client", "Client", "text", lambda row: fmt.sanitize(row.client)),
        Column("server", "Server", "text", lambda row: fmt.sanitize(row.server)),
        Column("response_bytes", "Bytes", "size", lambda row: row.response_bytes, "bytes of the response"),
        Column("user_agent", "User agent", "text", lambda row: fmt.sanitize(row.user_agent), is_optional=True),
        Column("process", "Process", "text", lambda row: ", ".join(fmt.processes(row)), is_optional=True),
    ),
    "latency",
    80_000,
)

_HEALTH = (
    _of("opened", "Opened"),
    _of("closed", "Closed"),
    _of("reset", "Reset"),
    _of("refused", "Refused"),
    _of("segments", "Segments"),
    _of("retransmitted_ratio", "Resent", "share of segments that were sent again"),
    _of("out_of_order", "Out of order", "segments that arrived after a later one"),
    _of("duplicate_acks", "Duplicate ACKs", "acknowledgements of nothing new"),
    _of("zero_window", "Window full", "segments whose sender could accept no more data"),
    _of("to_client", "RTT to client", "round-trip time from the capture point to the client"),
    _of("to_server", "RTT to server", "round-trip time from the capture point to the server"),
)

CONNECTIONS = Table(
    "connections",
    "Connections, by interface or file",
    "interface",
    (
        Column("name", "Interface", "text", lambda row: fmt.source(getattr(row, "name", "all"))),
        _of("packets", "Packets", has_bar=True),
        _of("bytes", "Bytes", "bytes on the wire"),
        _of("http_ratio", "HTTP", "share of bytes on connections that carry HTTP"),
        *_HEALTH,
    ),
    "packets",
    60_000,
)


def _median(name: str) -> Callable[[Any], Value]:
    return lambda row: micros(getattr(row, name).quantile(0.5))


SERVERS = Table(
    "servers",
    "Servers of TLS and QUIC, by the name that clients gave",
    "server",
    (
        Column("name", "Server", "text", lambda row: fmt.sanitize(row.name)),
        Column(
            "connections",
            "Connections",
            "count",
            lambda row: row.active,
            "connections that began, and those that were open before",
            has_bar=True,
        ),
        Column("tls", "TLS", "count", lambda row: row.tls, "connections of TLS over TCP"),
        Column("quic", "QUIC", "count", lambda row: row.quic, "connections over QUIC"),
        Column(
            "ech",
            "ECH",
            "count",
            lambda row: row.ech,
            "connections whose hello was encrypted, so that the name may be shared",
        ),
        Column("decrypted", "Decrypted", "count", lambda row: row.decrypted, "connections whose keys were known"),
        Column("bytes_to_server", "To server", "size", lambda row: row.bytes_to_server, "bytes that stay encrypted"),
        Column("bytes_to_client", "To client", "size", lambda row: row.bytes_to_client, "bytes that stay encrypted"),
        Column("round_trip", "RTT", "latency", _median("round_trip"), "median of round trips"),
        Column("handshake", "Handshake", "latency", _median("handshake"), "median of handshakes"),
        Column(
            "tls_versions",
            "TLS versions",
            "text",
            lambda row: fmt.tops(row.tls_versions),
            "by connections",
            is_optional=True,
        ),
        Column(
            "cipher_suites",
            "Cipher suites",
            "text",
            lambda row: fmt.tops(row.cipher_suites),
            "by connections",
            is_optional=True,
        ),
        Column(
            "undecrypted",
            "Closed for",
            "text",
            lambda row: fmt.tops(reasons_of(row.undecrypted)),
            "why connections were not decrypted",
            is_optional=True,
        ),
    ),
    "bytes_to_client",
    60_000,
)


_SHOWN: Mapping[Kind, Callable[[Any, Clock], str]] = {
    "text": lambda value, _: str(value) or "-",
    "count": lambda value, _: fmt.count(value),
    "share": lambda value, _: fmt.percent(value),
    "latency": lambda value, _: fmt.latency(value / 1e6),
    "size": lambda value, _: fmt.scaled(value, "B"),
    "time": lambda value, clock: clock.moment(value),
    "status": lambda value, _: str(value),
}


def shown(kind: Kind, value: Any, clock: Clock) -> str:
    """A value as text for people; the script shows the same text."""
    if value is None:
        return "none" if kind == "status" else "-"
    return _SHOWN[kind](value, clock)

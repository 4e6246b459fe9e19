"""The columns of the tables: how each is titled, shown, styled and sorted by.

Pure. A column belongs to one kind of row; `choose` drops the least important ones until the name has room, and the name
takes what is left. What tables hold which columns is said in `tables`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from netmon import format as fmt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from netmon._core import Exchange, Host, Section, Tcp
    from netmon.display.canvas import Line
    from netmon.display.themes import Glyphs
    from netmon.frames import Frame

Value: TypeAlias = "float | None"


def counted(n: float, width: int) -> str:
    """A count in so many columns: grouped by thousands, or rounded to them."""
    text = fmt.count(n)
    for size, unit in ((1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T")):
        if len(text) <= width:
            break
        text = f"{n / size:.0f}{unit}"
    return text


class Column(NamedTuple):
    """`rank` 0 stays longest when there is little room. `value` is what is shown, exported and, where the core does
    not rank the rows, sorted by; None is unknown. `key` is the core's name for the order.
    """

    title: str
    width: int
    rank: int
    value: Callable[[Any], Value]
    show: Callable[[float, int], str] = counted
    style: str = ""
    per_second: bool = False
    shows_zero: bool = False
    is_share: bool = False
    """Of all requests of the window."""
    style_of: Callable[[float], str] | None = None
    """The style of a value, in place of `style`."""
    is_hidden: bool = False
    """Only sorted by and exported: the name shows it already, or it is seldom looked at."""
    key: str = ""

    @property
    def order(self) -> str:
        return self.key or self.title


def _rate(per_second: float, width: int) -> str:
    text = fmt.rate(per_second)
    return text if len(text) <= width else counted(per_second, width)


def _time(seconds: float, _width: int) -> str:
    return fmt.latency(seconds)


def _bytes(n: float, _width: int) -> str:
    return fmt.scaled(n, "B")


def _percent(share: float, _width: int) -> str:
    return fmt.percent(share)


def _statuses(first: int) -> Callable[[Host | Section], Value]:
    return lambda row: fmt.classes(row.statuses)[first - 2]


def _quantile(q: float) -> Callable[[Host | Section], Value]:
    return lambda row: row.latency.quantile(q)


def _traffic(row: Host | Section) -> Value:
    return row.request_bytes + row.response_bytes


SECTION = (
    Column("req/s", 7, 0, lambda row: row.requests, _rate, "class:strong", per_second=True, key="requests"),
    Column("2xx", 5, 5, _statuses(2), style="class:ok"),
    Column("3xx", 5, 9, _statuses(3), style="class:dim"),
    Column("4xx", 5, 3, _statuses(4), style="class:warn"),
    Column("5xx", 5, 1, _statuses(5), style="class:bad"),
    Column("p50", 7, 8, _quantile(0.5), _time),
    Column("p95", 7, 2, _quantile(0.95), _time),
    Column("p99", 7, 10, _quantile(0.99), _time),
    Column("bytes", 8, 6, _traffic, _bytes, style="class:dim"),
    Column("hits", 7, 12, lambda row: row.hits, is_hidden=True),
)

HOST = (
    *SECTION,
    Column("RTT", 7, 11, lambda row: row.tcp.rtt, _time, key="rtt"),
    Column("retr", 6, 7, lambda row: row.tcp.retransmitted_share, _percent, "class:warn", key="retransmitted"),
)


CLIENT = (
    SECTION[0],
    Column("share", 6, 3, lambda row: row.requests, _percent, is_share=True, key="requests"),
    *SECTION[1:],
)


def quality(tcp_of: Callable[[Any], Tcp]) -> tuple[Column, ...]:
    """The health of connections of a row."""

    def of(value: Callable[[Tcp], Value]) -> Callable[[Any], Value]:
        return lambda row: value(tcp_of(row))

    return (
        Column("opened", 7, 3, of(lambda tcp: tcp.opened)),
        Column("closed", 7, 8, of(lambda tcp: tcp.closed)),
        Column("reset", 6, 2, of(lambda tcp: tcp.reset), style="class:warn"),
        Column("refused", 7, 1, of(lambda tcp: tcp.refused), style="class:bad"),
        Column("cli RTT", 8, 4, of(lambda tcp: tcp.to_client), _time),
        Column("srv RTT", 8, 5, of(lambda tcp: tcp.to_server), _time),
        Column("retr", 6, 0, of(lambda tcp: tcp.retransmitted_share), _percent, "class:warn", key="retransmitted"),
        Column("disorder", 8, 6, of(lambda tcp: tcp.out_of_order)),
        Column("dup ack", 7, 7, of(lambda tcp: tcp.duplicate_acks)),
        Column("0 win", 6, 9, of(lambda tcp: tcp.zero_window), style="class:warn"),
    )


INTERFACE_QUALITY = quality(lambda interface: interface.tcp)
HOST_QUALITY = quality(lambda host: host.tcp)


def _http_share(interface: Any) -> Value:
    return interface.http_bytes / interface.bytes if interface.bytes else None


INTERFACE = (
    Column("bit/s", 12, 0, lambda i: i.bytes * 8, lambda n, _: fmt.scaled(n, "bit/s"), "class:strong", per_second=True),
    Column("packets/s", 9, 2, lambda i: i.packets, _rate, per_second=True),
    Column("HTTP", 6, 1, _http_share, _percent, "class:dim"),
    Column("bytes", 8, 3, lambda i: i.bytes, _bytes),
)


def status_style(status: int | None) -> str:
    if status is None:
        return "class:bad"
    return {2: "class:ok", 4: "class:warn", 5: "class:bad"}.get(status // 100, "class:dim")


def _status(exchange: Exchange) -> Value:
    return exchange.status


EXCHANGE = (
    Column("status", 6, 0, _status, lambda n, _: f"{n:.0f}"),
    Column("answer", 7, 1, lambda x: x.latency, _time, "class:strong", shows_zero=True),
    Column("whole", 7, 3, lambda x: x.duration, _time, shows_zero=True),
    Column("sent", 8, 5, lambda x: x.request_bytes, _bytes, "class:dim"),
    Column("answered", 8, 4, lambda x: x.response_bytes, _bytes, "class:dim"),
    Column("time", 12, 2, lambda x: x.ts, lambda at, _: fmt.time(at, digits=3)[11:23], is_hidden=True),
    Column("connect", 7, 6, lambda x: x.connect, _time, is_hidden=True),
    Column("request", 7, 6, lambda x: x.request_time, _time, is_hidden=True),
    Column("transfer", 8, 6, lambda x: x.transfer, _time, is_hidden=True),
    Column("again", 5, 6, lambda x: x.retransmitted, is_hidden=True),
)


STATES = {
    "open": "class:ok",
    "opening": "class:dim",
    "closed": "class:dim",
    "reset": "class:warn",
    "refused": "class:bad",
}
"""The states of a connection, in the order of their sorting, and their styles."""

_STATES, _STATE_STYLES = tuple(STATES), tuple(STATES.values())


def _age(seconds: float, width: int) -> str:
    """The larger one of two units, where both take too much room."""
    text = fmt.duration(seconds)
    return text if len(text) <= width else " ".join(text.split()[:2])


CONNECTION = (
    Column(
        "state",
        8,
        3,
        lambda connection: _STATES.index(connection.state),
        lambda n, _: _STATES[int(n)],
        shows_zero=True,
        style_of=lambda n: _STATE_STYLES[int(n)],
    ),
    Column("age", 6, 0, lambda c: c.age, _age, shows_zero=True),
    Column("RTT", 7, 1, lambda c: c.rtt, _time, "class:strong", shows_zero=True),
    Column("resent", 6, 2, lambda c: c.retransmitted, style="class:warn"),
    Column("bytes", 8, 4, lambda c: c.bytes_to_server + c.bytes_to_client, _bytes),
    Column("to server", 9, 7, lambda c: c.bytes_to_server, _bytes, "class:dim"),
    Column("to client", 9, 6, lambda c: c.bytes_to_client, _bytes, "class:dim"),
    Column("requests", 8, 5, lambda c: c.requests),
    Column("segments", 8, 8, lambda c: c.segments, style="class:dim", is_hidden=True),
)


WIDEST = 44
"""Columns of a name at the most: further away, a figure is hard to bring together with its row."""


NARROWEST = 8
"""Columns that a name keeps beside the figure that sorts, in the smallest of terminals."""


def choose(columns: Sequence[Column], room: int, name_columns: int, keep: str = "") -> tuple[Sequence[Column], int]:
    """The columns that leave the name at least `name_columns`, and the room the name gets; `keep` goes last of all."""
    seen = [column for column in columns if not column.is_hidden]
    for least in range(max((column.rank for column in seen), default=-1), -1, -1):
        chosen = [column for column in seen if column.rank <= least or column.title == keep]
        left = room - sum(column.width + 1 for column in chosen)
        if left >= name_columns:
            return chosen, min(left, WIDEST)
    kept = [column for column in seen if column.title == keep and room - column.width > NARROWEST]
    return kept, max(room - sum(column.width + 1 for column in kept), 0)


def heading(chosen: Sequence[Column], sort: str, arrow: str) -> Line:
    """The titles of the columns; an arrow beside the one that sorts."""
    line: Line = []
    for column in chosen:
        sorts = column.title == sort
        style = "class:heading.sort" if sorts else "class:heading"
        text = (arrow if sorts else "") + column.title
        blank = " " * (column.width + 1 - fmt.width(text))
        line += [("class:heading", blank), (style, text)]
    return line


def cells(
    row: object, chosen: Sequence[Column], frame: Frame | None, glyphs: Glyphs, *, is_quiet: bool = False
) -> Line:
    """The figures of one row; zero is a faint dot, so that what is not zero stands out, and unknown is nothing.

    Those of a row that is quiet are zero.
    """
    line: Line = []
    seconds = frame.seconds if frame else 0.0
    for column in chosen:
        value = column.value(row)
        if is_quiet and value is not None:
            value = 0
        if value is not None and column.per_second and seconds:
            value /= seconds
        if value is not None and column.is_share:
            value /= max(1, frame.window.requests) if frame else 1
        if value is None:
            text, style = "", ""
        elif value or column.shows_zero:
            text = column.show(value, column.width)
            style = column.style_of(value) if column.style_of else column.style
        else:
            text, style = glyphs.none, "class:dim"
        if column.title == "status":
            text, style = ("none" if value is None else text), status_style(None if value is None else int(value))
        line.append((style, " " + fmt.fit(text, column.width, right=True, dots=glyphs.dots)))
    return line

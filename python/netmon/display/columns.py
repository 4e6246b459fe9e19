"""The columns of the tables: the title, format, style and sort key of each measure.

Pure. A column belongs to one kind of row. `choose` drops the least important columns until the name has enough room;
the name takes the room that is left. `specs` says which table has which columns.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from netmon import format as fmt
from netmon._core import GRPC_STATUSES, Client, Host, Section
from netmon.measures import Measure, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from netmon.display.canvas import Line
    from netmon.display.themes import Glyphs
    from netmon.frames import Frame
    from netmon.measures import Unit

Value: TypeAlias = "float | None"


def counted(n: float, width: int) -> str:
    """A count in at most `width` columns if possible: in full, or rounded to thousands, millions and so on."""
    text = fmt.count(n)
    for size, unit in ((1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T")):
        if len(text) <= width:
            break
        text = f"{n / size:.0f}{unit}"
    return text


def _rate(per_second: float, width: int) -> str:
    text = fmt.rate(per_second)
    return text if len(text) <= width else counted(per_second, width)


def _time(seconds: float, _width: int) -> str:
    return fmt.latency(seconds)


SHOWN: Mapping[Unit, Callable[[float, int], str]] = {
    "count": counted,
    "ratio": lambda share, _: fmt.percent(share),
    "s": _time,
    "B": lambda n, _: fmt.scaled(n, "B"),
    "bit": lambda n, _: fmt.scaled(n, "bit"),
}
"""How a number is formatted, by its unit. A column can override the format (`Column.shown_as`)."""


class Column(NamedTuple):
    """A column of figures.

    With little room, the columns with the highest `rank` are dropped first. `measure` gives the value that is shown;
    None is unknown. If the core does not rank the rows, they are also sorted by that value. `key` is the core's name
    of the sort order.
    """

    title: str
    width: int
    rank: int
    measure: Measure
    style: str = ""
    shown_as: Callable[[float, int], str] | None = None
    per_second: bool = False
    shows_zero: bool = False
    is_share: bool = False
    """True if the value is divided by the number of requests of the window."""
    style_of: Callable[[float], str] | None = None
    """Returns the style of a value. It replaces `style`."""
    unknown: tuple[str, str] = ("", "")
    """Style and text to show if the value is unknown."""
    is_hidden: bool = False
    """True if the column is never shown, and only used for sorting and export."""
    key: str = ""
    text_of: Callable[[Any], str] | None = None
    """Returns the text of a row, for a column that has no figures. `measure` only orders the rows."""
    exported_as: tuple[Measure, ...] | None = None
    """The measures to export in place of `measure`, if its value is computed from other JSON fields."""

    @property
    def order(self) -> str:
        return self.key or self.title

    @property
    def value(self) -> Callable[[Any], Value]:
        return self.measure.value

    @property
    def show(self) -> Callable[[float, int], str]:
        return self.shown_as or SHOWN[self.measure.unit]

    @property
    def exports(self) -> tuple[Measure, ...]:
        return (self.measure,) if self.exported_as is None else self.exported_as

    @property
    def counts(self) -> bool:
        """True if the value counts events. Such values vary from second to second."""
        return self.per_second or self.measure.unit == "count"


def field(name: str, unit: Unit = "count") -> Measure:
    """The measure of an attribute of a single exchange or connection. `measures` has none for it, since the value is
    not aggregated.
    """
    return Measure(name, unit, attrgetter(name))


def _process(row: Any) -> str:
    """The process of an exchange or a connection, and whether it is that of the client."""
    return f"{'' if row.process.side == 'server' else 'from '}{fmt.sanitize(row.process.name)}"


PROCESS = Column(
    *("process", 16, 5, Measure("process", "count", lambda row: row.process.pid if row.process else None)),
    text_of=_process,
    exported_as=(),
)
"""The process of this machine. The column is shown if processes are known, which they are not in files."""

_SHORT = {"websocket": "ws", "": "?"}
"""Shorter names of protocols, for a narrow column."""


def _spoken(row: Any) -> str:
    """The main protocol of a row, with a plus sign if there are others; of an exchange or a connection, also whether
    it is inside TLS.
    """
    if isinstance(row, (Host, Section, Client)):
        names = list(row.protocols)
        return f"{_SHORT.get(names[0], names[0])}{'+' if len(names) > 1 else ''}" if names else ""
    return f"{_SHORT.get(row.protocol, row.protocol)}{'/tls' if row.tls else ''}"


PROTOCOL = Column(
    *("proto", 6, 4, Measure("protocol", "count", lambda row: row.requests)),
    key="requests",
    text_of=_spoken,
    exported_as=(),
)
"""The protocol of rows. It is shown if there is another one than HTTP/1."""

SPOKEN = PROTOCOL._replace(
    width=9, rank=4, key="", measure=Measure("protocol", "count", lambda row: 1 + sum(map(ord, row.protocol)))
)
"""The protocol of an exchange or of a connection. The value groups rows of the same protocol."""

GRPC = Column(
    *("gRPC", 11, 2, Measure("grpc_status", "count", lambda row: _grpc_rank(row.grpc_status))),
    text_of=lambda row: row.grpc_status or "",
    style_of=lambda n: "class:bad" if n > 1 else "class:ok",
    exported_as=(),
)
"""The status of a gRPC call; a status other than OK is an error. It is shown if a row of the table has one."""


def _grpc_rank(status: str | None) -> float | None:
    """1 for success and more for what failed, so that these come first; None without a status."""
    return None if status is None else 1 + GRPC_STATUSES.index(status)


STREAMS = Column(
    *("streams", 9, 5, Measure("streams", "count", attrgetter("streams"))),
    text_of=lambda row: f"{row.open_streams} of {counted(row.streams, 4)}",
    exported_as=(),
)
"""The open streams of a connection, and all that have begun."""

OF_OTHERS = (PROTOCOL, SPOKEN, STREAMS)
"""The columns that are shown only if there are other protocols than HTTP/1."""

_SIZES = (measure("request_bytes"), measure("response_bytes"))
_SENT_AGAIN = (measure("segments"), measure("retransmitted"))
_REQUESTS, _RETRANSMITTED = measure("requests"), measure("retransmitted_ratio")

SECTION = (
    Column("req/s", 7, 0, _REQUESTS, "class:strong", _rate, per_second=True, key="requests"),
    Column("2xx", 5, 5, measure("status.2xx"), "class:ok"),
    Column("3xx", 5, 9, measure("status.3xx"), "class:dim"),
    Column("4xx", 5, 3, measure("status.4xx"), "class:warn"),
    Column("5xx", 5, 1, measure("status.5xx"), "class:bad"),
    Column("p50", 7, 8, measure("latency.p50")),
    Column("p95", 7, 2, measure("latency.p95")),
    Column("p99", 7, 10, measure("latency.p99")),
    Column("bytes", 8, 6, measure("message_bytes"), "class:dim", exported_as=_SIZES),
    PROTOCOL,
    Column("hits", 7, 12, measure("hits"), is_hidden=True),
)

HOST = (
    *SECTION,
    Column("RTT", 7, 11, measure("rtt"), key="rtt"),
    Column("retr", 6, 7, _RETRANSMITTED, "class:warn", key="retransmitted", exported_as=_SENT_AGAIN),
)


CLIENT = (
    SECTION[0],
    Column("share", 6, 3, _REQUESTS, shown_as=SHOWN["ratio"], is_share=True, key="requests", exported_as=()),
    *SECTION[1:],
)

QUALITY = (
    Column("opened", 7, 3, measure("opened")),
    Column("closed", 7, 8, measure("closed")),
    Column("reset", 6, 2, measure("reset"), "class:warn"),
    Column("refused", 7, 1, measure("refused"), "class:bad"),
    Column("cli RTT", 8, 4, measure("to_client")),
    Column("srv RTT", 8, 5, measure("to_server")),
    Column("retr", 6, 0, _RETRANSMITTED, "class:warn", key="retransmitted", exported_as=_SENT_AGAIN),
    Column("disorder", 8, 6, measure("out_of_order")),
    Column("dup ack", 7, 7, measure("duplicate_acks")),
    Column("0 win", 6, 9, measure("zero_window"), "class:warn"),
)
"""TCP health of the connections of a host or an interface."""


INTERFACE = (
    Column(
        *("bit/s", 12, 0, measure("bits"), "class:strong", lambda n, _: fmt.scaled(n, "bit/s")),
        per_second=True,
        exported_as=(),
    ),
    Column("packets/s", 9, 2, measure("packets"), shown_as=_rate, per_second=True),
    Column("HTTP", 6, 1, measure("http_ratio"), "class:dim", exported_as=(measure("http_bytes"),)),
    Column("bytes", 8, 3, measure("bytes")),
)


def status_style(status: int | None) -> str:
    if status is None:
        return "class:bad"
    return {2: "class:ok", 4: "class:warn", 5: "class:bad"}.get(status // 100, "class:dim")


EXCHANGE = (
    Column(
        *("status", 6, 0, field("status")),
        shown_as=lambda n, _: f"{n:.0f}",
        style_of=lambda n: status_style(int(n)),
        unknown=(status_style(None), "none"),
    ),
    Column("answer", 7, 1, field("latency", "s"), "class:strong", shows_zero=True),
    Column("whole", 7, 3, field("duration", "s"), shows_zero=True),
    Column("sent", 8, 5, field("request_bytes", "B"), "class:dim"),
    Column("answered", 8, 4, field("response_bytes", "B"), "class:dim"),
    Column("time", 12, 2, field("ts", "s"), shown_as=lambda at, _: fmt.time(at, digits=3)[11:23], is_hidden=True),
    Column("connect", 7, 6, field("connect", "s"), is_hidden=True),
    Column("request", 7, 6, field("request_time", "s"), is_hidden=True),
    Column("transfer", 8, 6, field("transfer", "s"), is_hidden=True),
    Column("again", 5, 6, field("retransmitted"), is_hidden=True),
    GRPC,
    SPOKEN,
    PROCESS,
)


STATES = {
    "open": "class:ok",
    "opening": "class:dim",
    "closed": "class:dim",
    "reset": "class:warn",
    "refused": "class:bad",
}
"""The states of a connection, in sort order, with their styles."""

_STATES, _STATE_STYLES = tuple(STATES), tuple(STATES.values())


def _age(seconds: float, width: int) -> str:
    """A duration. If it is too wide, only its largest unit is shown."""
    text = fmt.duration(seconds)
    return text if len(text) <= width else " ".join(text.split()[:2])


AGE = Column("age", 6, 0, field("age", "s"), shown_as=_age, shows_zero=True)
"""The age of a connection, or of one of its streams."""

CONNECTION = (
    Column(
        *("state", 8, 3, Measure("state", "count", lambda connection: _STATES.index(connection.state))),
        shown_as=lambda n, _: _STATES[int(n)],
        shows_zero=True,
        style_of=lambda n: _STATE_STYLES[int(n)],
        exported_as=(),
    ),
    AGE,
    Column("RTT", 7, 1, field("rtt", "s"), "class:strong", shows_zero=True),
    Column("resent", 6, 2, field("retransmitted"), "class:warn"),
    Column(
        *("bytes", 8, 4, Measure("bytes", "B", lambda row: row.bytes_to_server + row.bytes_to_client)), exported_as=()
    ),
    Column("to server", 9, 7, field("bytes_to_server", "B"), "class:dim"),
    Column("to client", 9, 6, field("bytes_to_client", "B"), "class:dim"),
    Column("requests", 8, 5, field("requests")),
    Column("segments", 8, 8, field("segments"), "class:dim", is_hidden=True),
    SPOKEN,
    STREAMS,
    PROCESS,
)


WIDEST = 44
"""Maximum number of columns of a name. If figures stood further to the right, it would be hard to see which row they
belong to.
"""


NARROWEST = 8
"""Minimum number of columns of a name beside the figure that the table is sorted by, in a very small terminal."""


def choose(columns: Sequence[Column], room: int, name_columns: int, keep: str = "") -> tuple[Sequence[Column], int]:
    """Returns the columns that leave at least `name_columns` for the name, and the columns the name gets. The column
    with the title `keep` is dropped last.
    """
    seen = [column for column in columns if not column.is_hidden]
    for least in range(max((column.rank for column in seen), default=-1), -1, -1):
        chosen = [column for column in seen if column.rank <= least or column.title == keep]
        left = room - sum(column.width + 1 for column in chosen)
        if left >= name_columns:
            return chosen, min(left, WIDEST)
    kept = [column for column in seen if column.title == keep and room - column.width > NARROWEST]
    return kept, max(room - sum(column.width + 1 for column in kept), 0)


def heading(chosen: Sequence[Column], sort: str, arrow: str) -> Line:
    """The titles of the columns, with an arrow beside the title of the sort column."""
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
    """The figures of one row.

    Zero is shown as a faint dot, so that other values stand out. An unknown value is shown as `Column.unknown`, which
    is blank by default. With `is_quiet`, all known values are zero.
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
            style, text = column.unknown
        elif value or column.shows_zero:
            text = column.text_of(row) if column.text_of else column.show(value, column.width)
            style = column.style_of(value) if column.style_of else column.style
        else:
            text, style = glyphs.none, "class:dim"
        line.append((style, " " + fmt.fit(text, column.width, right=True, dots=glyphs.dots)))
    return line

"""The columns of the tables: how each measure is titled, shown, styled and sorted by.

Pure. A column belongs to one kind of row; `choose` drops the least important ones until the name has room, and the name
takes what is left. What tables hold which columns is said in `tables`.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from netmon import format as fmt
from netmon.measures import Measure, measure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from netmon.display.canvas import Line
    from netmon.display.themes import Glyphs
    from netmon.frames import Frame
    from netmon.measures import Unit

Value: TypeAlias = "float | None"


def counted(n: float, width: int) -> str:
    """A count in so many columns: grouped by thousands, or rounded to them."""
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
"""How a number is shown, by its unit; a column may have a way of its own."""


class Column(NamedTuple):
    """`rank` 0 stays longest when there is little room. The measure is what is shown and, where the core does not rank
    the rows, sorted by; None is unknown. `key` is the core's name for the order.
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
    """Of all requests of the window."""
    style_of: Callable[[float], str] | None = None
    """The style of a value, in place of `style`."""
    unknown: tuple[str, str] = ("", "")
    """What is shown where nothing is known: style and text."""
    is_hidden: bool = False
    """Only sorted by and exported: the name shows it already, or it is seldom looked at."""
    key: str = ""
    exported_as: tuple[Measure, ...] | None = None
    """What is exported in place of the measure, where the measure is made of other JSON fields."""

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
        """Whether the value says how often something happened, and so jitters."""
        return self.per_second or self.measure.unit == "count"


def _field(name: str, unit: Unit = "count") -> Measure:
    """An attribute of one exchange or connection, which has no measure: it is a fact, and no sum of facts."""
    return Measure(name, unit, attrgetter(name))


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
"""The health of the connections of a host or an interface."""

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
        *("status", 6, 0, _field("status")),
        shown_as=lambda n, _: f"{n:.0f}",
        style_of=lambda n: status_style(int(n)),
        unknown=(status_style(None), "none"),
    ),
    Column("answer", 7, 1, _field("latency", "s"), "class:strong", shows_zero=True),
    Column("whole", 7, 3, _field("duration", "s"), shows_zero=True),
    Column("sent", 8, 5, _field("request_bytes", "B"), "class:dim"),
    Column("answered", 8, 4, _field("response_bytes", "B"), "class:dim"),
    Column("time", 12, 2, _field("ts", "s"), shown_as=lambda at, _: fmt.time(at, digits=3)[11:23], is_hidden=True),
    Column("connect", 7, 6, _field("connect", "s"), is_hidden=True),
    Column("request", 7, 6, _field("request_time", "s"), is_hidden=True),
    Column("transfer", 8, 6, _field("transfer", "s"), is_hidden=True),
    Column("again", 5, 6, _field("retransmitted"), is_hidden=True),
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
        *("state", 8, 3, Measure("state", "count", lambda connection: _STATES.index(connection.state))),
        shown_as=lambda n, _: _STATES[int(n)],
        shows_zero=True,
        style_of=lambda n: _STATE_STYLES[int(n)],
        exported_as=(),
    ),
    Column("age", 6, 0, _field("age", "s"), shown_as=_age, shows_zero=True),
    Column("RTT", 7, 1, _field("rtt", "s"), "class:strong", shows_zero=True),
    Column("resent", 6, 2, _field("retransmitted"), "class:warn"),
    Column(
        *("bytes", 8, 4, Measure("bytes", "B", lambda row: row.bytes_to_server + row.bytes_to_client)), exported_as=()
    ),
    Column("to server", 9, 7, _field("bytes_to_server", "B"), "class:dim"),
    Column("to client", 9, 6, _field("bytes_to_client", "B"), "class:dim"),
    Column("requests", 8, 5, _field("requests")),
    Column("segments", 8, 8, _field("segments"), "class:dim", is_hidden=True),
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
            style, text = column.unknown
        elif value or column.shows_zero:
            text = column.show(value, column.width)
            style = column.style_of(value) if column.style_of else column.style
        else:
            text, style = glyphs.none, "class:dim"
        line.append((style, " " + fmt.fit(text, column.width, right=True, dots=glyphs.dots)))
    return line

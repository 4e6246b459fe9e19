"""The open streams of the connection of a page, as a table.

Pure: a view and a size in, lines out. Text from the wire is sanitized here.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon.display import canvas
from netmon.display.columns import AGE, Column, cells, choose, heading, status_style
from netmon.display.rows import connection_of
from netmon.measures import Measure

if TYPE_CHECKING:
    from netmon._core import Stream
    from netmon.display.canvas import Line
    from netmon.display.view import View

LEAST = ((70, 30), (50, 22), (1, 10))
"""Pairs of a minimum width of the table and the columns that the name keeps, the widest first."""


def _messages(stream: Stream) -> str:
    return f"{fmt.short(stream.request_messages)}+{fmt.short(stream.response_messages)}"


COLUMNS = (
    Column(
        *("status", 6, 1, Measure("status", "count", attrgetter("status"))),
        shown_as=lambda n, _: f"{n:.0f}",
        style_of=lambda n: status_style(int(n)),
        unknown=("class:dim", "none"),
    ),
    Column(
        *("proto", 9, 3, Measure("protocol", "count", lambda _: 1)),
        text_of=attrgetter("protocol"),
    ),
    AGE._replace(width=8),
    Column("sent", 8, 5, Measure("request_bytes", "B", attrgetter("request_bytes")), "class:dim"),
    Column("answered", 8, 4, Measure("response_bytes", "B", attrgetter("response_bytes")), "class:dim"),
    Column(
        *("messages", 9, 2, Measure("messages", "count", lambda one: one.request_messages + one.response_messages)),
        text_of=_messages,
    ),
)
"""The figures of a stream. Messages are those of the client and those of the server."""


def open_streams(view: View, width: int, height: int) -> list[Line]:
    """The oldest open streams in at most `height` lines, with their heading; nothing if none is open."""
    found = connection_of(view)
    if found is None or not found.oldest_streams or height <= 0:
        return []
    least = next(columns for from_width, columns in LEAST if width >= from_width)
    figures, name = choose(COLUMNS, width - 1, least, "age")
    streams = found.oldest_streams[: height - 1]
    there = f"OPEN STREAMS  {fmt.count(found.open_streams)}"
    if len(streams) < found.open_streams:
        there += f", the oldest {len(streams)}"
    titles = heading(figures, "", "")
    lines: list[Line] = [[("class:heading", fmt.fit(f" {there}", name + 1)), *titles]]
    digits = max(len(str(stream.id)) for stream in found.oldest_streams)
    for stream in streams:
        number = f" {stream.id:>{digits}} "
        named = fmt.shorten(_name(stream), name - digits - 1, view.glyphs.dots)
        lines.append([("", fmt.fit(number + named, name + 1)), *cells(stream, figures, view.frame, view.glyphs)])
    return [canvas.fit(line, width) for line in lines]


def rows(view: View) -> int:
    """The rows of the table with its heading; 0 without streams."""
    found = connection_of(view)
    return 1 + len(found.oldest_streams) if found is not None and found.oldest_streams else 0


def _name(stream: Stream) -> str:
    """``POST a.example/pkg.Service/Call``. Without a path the section is shown."""
    return f"{stream.method} {fmt.sanitize(stream.host + (stream.path or stream.section))}"

"""The columns of the tables of hosts and sections: one list says how each is titled, shown, styled and sorted by.

Pure. `choose` drops the least important columns until the name has room; the name takes what is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from netmon import format as fmt
from netmon._core import Host, Section

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from netmon.display.canvas import Line
    from netmon.display.style import Glyphs

Row: TypeAlias = Host | Section


@dataclass(frozen=True)
class Column:
    """`rank` 0 stays longest when there is little room; `value` is what is shown; rows are sorted in the core."""

    title: str
    width: int
    rank: int
    value: Callable[[Row], float]
    show: Callable[[float], str] = fmt.short
    style: str = ""
    per_second: bool = False


def _statuses(first: int) -> Callable[[Row], float]:
    return lambda row: fmt.classes(row.statuses)[first - 2]


def _quantile(q: float) -> Callable[[Row], float]:
    def value(row: Row) -> float:
        found = row.latency.quantile(q)
        return -1.0 if found is None else found

    return value


def _latency(seconds: float) -> str:
    return "" if seconds < 0 else fmt.latency(seconds)


def _bytes(n: float) -> str:
    return fmt.scaled(n, "B")


COLUMNS = (
    Column("hits", 8, 0, lambda row: row.hits, style="class:strong"),
    Column("req/s", 7, 4, lambda row: row.requests, fmt.rate, per_second=True),
    Column("2xx", 7, 5, _statuses(2), style="class:ok"),
    Column("3xx", 6, 7, _statuses(3), style="class:dim"),
    Column("4xx", 6, 3, _statuses(4), style="class:warn"),
    Column("5xx", 6, 1, _statuses(5), style="class:bad"),
    Column("p50", 8, 8, _quantile(0.5), _latency),
    Column("p95", 8, 2, _quantile(0.95), _latency),
    Column("p99", 8, 9, _quantile(0.99), _latency),
    Column("bytes", 9, 6, lambda row: row.request_bytes + row.response_bytes, _bytes, style="class:dim"),
)
TITLES = tuple(column.title for column in COLUMNS)


WIDEST = 56
"""Columns of a name at the most: further away, a figure is hard to bring together with its row."""


def choose(columns: int, name_columns: int) -> tuple[Sequence[Column], int]:
    """The columns that leave the name at least `name_columns`, and the room the name gets."""
    for least in range(max(column.rank for column in COLUMNS), -1, -1):
        chosen = [column for column in COLUMNS if column.rank <= least]
        room = columns - sum(column.width + 1 for column in chosen)
        if room >= name_columns:
            return chosen, min(room, WIDEST)
    return [], columns


def sort_key(title: str) -> str:
    """What the core calls the order that puts the most of a column first."""
    return {"req/s": "requests"}.get(title, title)


def heading(title: Line, chosen: Sequence[Column], sort: str, arrow: str) -> Line:
    """The titles of the columns behind the title of the table."""
    line = list(title)
    for column in chosen:
        sorts = column.title == sort
        text = (arrow if sorts else "") + column.title
        line.append(("class:heading.sort" if sorts else "class:heading", " " + fmt.fit(text, column.width, right=True)))
    return line


def cells(row: Row, chosen: Sequence[Column], seconds: float, glyphs: Glyphs) -> Line:
    """The figures of one row; zero is a faint dot, so that what is not zero stands out."""
    line: Line = []
    for column in chosen:
        value = column.value(row)
        rate = value / seconds if column.per_second and seconds else value
        text, style = (column.show(rate), column.style) if value else (glyphs.none, "class:dim")
        line.append((style, " " + fmt.fit(text, column.width, right=True, dots=glyphs.dots)))
    return line

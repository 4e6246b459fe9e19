"""CSV: one line per row of each snapshot, as the native core writes it, and a first line with the names of the columns.

The rows of an interval are one record, so a file has all of them or none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon._core import csv_head

if TYPE_CHECKING:
    from netmon.frames import Frame
    from netmon.sinks import Stream

SECTIONS, EXCHANGES = "sections", "exchanges"


def rows_of(*, requests: bool) -> str:
    """Which rows a table of a session has: those of ``--requests``, or of each section."""
    return EXCHANGES if requests else SECTIONS


def head_of(*, requests: bool) -> bytes:
    """The first line of a file."""
    return csv_head(rows_of(requests=requests))


class Csv:
    """With `writes_head`, the sink writes the first line; else the stream begins each file with it."""

    def __init__(self, stream: Stream, rows: str = SECTIONS, *, writes_head: bool = True) -> None:
        self._stream, self._rows = stream, rows
        self._head = csv_head(rows) if writes_head else b""

    def update(self, frame: Frame) -> None:
        if lines := frame.snapshot.to_csv(self._rows):
            self._write(lines)

    def close(self) -> None:
        self._write(b"")

    def _write(self, lines: bytes) -> None:
        if self._head or lines:
            self._stream.write(self._head + lines)
        self._head = b""
        self._stream.flush()

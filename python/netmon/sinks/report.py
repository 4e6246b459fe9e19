"""The report: one HTML page about the whole run, written at the end. Without any frame, the page of an empty run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon.page.data import document
from netmon.page.record import Record

if TYPE_CHECKING:
    from netmon.frames import Frame
    from netmon.sinks import Stream


class Report:
    def __init__(self, stream: Stream, where: str | None = None) -> None:
        self._stream = stream
        self._record = Record(where)

    def update(self, frame: Frame) -> None:
        self._record.update(frame)

    def close(self) -> None:
        from netmon.page.render import page  # noqa: PLC0415  loads Jinja2, which nothing needs before the end

        self._stream.write(page(document(self._record)).encode())
        self._stream.flush()

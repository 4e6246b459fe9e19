"""Newline-delimited JSON: one snapshot per line, as the native core writes it. Each line is flushed at once."""

from netmon.frames import Frame
from netmon.sinks import Stream
from netmon.sinks.where import with_where


class Ndjson:
    def __init__(self, stream: Stream, where: str | None = None) -> None:
        self._stream = stream
        self._where = where

    def update(self, frame: Frame) -> None:
        self._stream.write(with_where(frame.snapshot.to_json(), self._where) + b"\n")
        self._stream.flush()

    def close(self) -> None:
        self._stream.flush()

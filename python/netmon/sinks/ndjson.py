"""Newline-delimited JSON: one snapshot per line, as the native core writes it. Each line is flushed at once."""

from netmon.frames import Frame
from netmon.sinks import Stream


class Ndjson:
    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def update(self, frame: Frame) -> None:
        self._stream.write(frame.snapshot.to_json() + b"\n")
        self._stream.flush()

    def close(self) -> None:
        self._stream.flush()

"""Newline-delimited JSON: one snapshot a line, as the native core writes it. Flushed line by line, never delayed."""

from typing import BinaryIO

from netmon.frames import Frame


class Ndjson:
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def update(self, frame: Frame) -> None:
        self._stream.write(frame.snapshot.to_json() + b"\n")
        self._stream.flush()

    def close(self) -> None:
        self._stream.flush()

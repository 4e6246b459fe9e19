"""One JSON document, written at the end: the merge of all snapshots, folded to the limits of one.

Without any frame, the document is an empty snapshot.
"""

from netmon._core import Snapshot
from netmon.frames import Frame
from netmon.sinks import Stream
from netmon.sinks.where import with_where


class Document:
    def __init__(self, stream: Stream, where: str | None = None) -> None:
        self._stream = stream
        self._where = where
        self._frame: Frame | None = None

    def update(self, frame: Frame) -> None:
        self._frame = frame

    def close(self) -> None:
        total = self._frame.total.folded() if self._frame else Snapshot()
        self._stream.write(with_where(total.to_json(), self._where) + b"\n")
        self._stream.flush()

"""One JSON document, written at the end: the merge of all snapshots, folded to the limits of one.

Without any frame, the document is an empty snapshot.
"""

from netmon._core import Snapshot
from netmon.frames import Frame
from netmon.sinks import Stream


class Document:
    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._frame: Frame | None = None

    def update(self, frame: Frame) -> None:
        self._frame = frame

    def close(self) -> None:
        total = self._frame.total.folded() if self._frame else Snapshot()
        self._stream.write(total.to_json() + b"\n")
        self._stream.flush()

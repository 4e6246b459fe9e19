"""Lends sources that have an end to the core: bytes, file objects that can seek, and files at URLs.

The core asks for a source by its number, as often as it wants to read it from its beginning: once to look at its first
packet, and again when the merge by time comes to it. The answer is a pipe. So of many sources few are open, and none
counts as live. A thread answers; it waits for nobody but the core.
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

from netmon.pumps import Lendable, Pump, pipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netmon.pumps import Reader


class Seekable(Protocol):
    """The methods of a file object that can be read again from its position."""

    def read(self, size: int, /) -> bytes | memoryview | None: ...
    def seek(self, offset: int, /) -> int: ...
    def tell(self) -> int: ...


class Rewound(Lendable):
    """A file object of the caller, which is read from the position that it has now, and not closed."""

    def __init__(self, file: Seekable, name: str) -> None:
        self.name = name
        self._file, self._start = file, file.tell()

    def open(self, *, is_look: bool) -> Reader:
        del is_look
        self._file.seek(self._start)
        return self._file


class InMemory(Lendable):
    """The bytes of a capture, of which nothing is copied but into the pipe. They must not change meanwhile."""

    name = "<bytes>"

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._data = memoryview(data).cast("B")

    def open(self, *, is_look: bool) -> Reader:
        del is_look
        return _Pieces(self._data)


class _Pieces:
    """Bytes in memory, piece by piece."""

    def __init__(self, data: memoryview) -> None:
        self._rest = data

    def read(self, size: int, /) -> memoryview:
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece


class Kept(Lendable):
    """A file object of the caller that has an end and cannot seek. What a look takes is kept, and given again.

    A look takes no more than a chunk and what a pipe and a block of the core hold.
    """

    def __init__(self, file: Reader, name: str) -> None:
        self.name = name
        self._read = getattr(file, "read1", file.read)
        self._kept: list[bytes | memoryview | None] = []
        self._error: Exception | None = None

    def open(self, *, is_look: bool) -> Reader:
        return _Looking(self) if is_look else self

    def look(self, size: int) -> bytes | memoryview | None:
        """Reads on, and keeps what was read: bytes, the end, or an error."""
        try:
            self._kept.append(self._read(size))
        except Exception as error:
            self._error = error
            raise
        return self._kept[-1]

    def read(self, size: int, /) -> bytes | memoryview | None:
        if self._kept:
            return self._kept.pop(0)
        if self._error is not None:
            raise self._error
        data: bytes | memoryview | None = self._read(size)
        return data


class _Looking:
    """The file object of a look."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def read(self, size: int, /) -> bytes | memoryview | None:
        return self._kept.look(size)


class _Request(NamedTuple):
    """What the core asks for: the number of a source in four bytes, and in one byte whether it only looks at it."""

    number: int
    is_look: bool

    @classmethod
    def of(cls, data: bytes) -> _Request:
        return cls(int.from_bytes(data[:4], "little"), bool(data[4]))


class Lender:
    """Answers the core with pipes into which the sources are copied."""

    def __init__(self, sources: Sequence[Lendable]) -> None:
        self._sources = sources
        self._pumps: dict[int, Pump] = {}
        """The newest pump of each source."""
        self._core, self._asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._thread = threading.Thread(target=self._answer, name="netmon-read", daemon=True)

    @property
    def descriptor(self) -> int:
        """The end of the socket for the core, which takes a descriptor of its own."""
        return self._core.fileno()

    def start(self) -> None:
        self._thread.start()

    def failed(self) -> Pump | None:
        """A pump that ended with an error, if there is one."""
        return next((pump for pump in self._pumps.values() if pump.error is not None), None)

    def close(self) -> None:
        """Answers no more. What is read from a source afterwards is lost."""
        if self._core.fileno() < 0:
            return
        with suppress(OSError):  # the thread has ended, since the core has gone
            self._asked.shutdown(socket.SHUT_RDWR)
        self._core.close()
        if not self._thread.ident:
            self._asked.close()

    def _answer(self) -> None:
        with self._asked, suppress(OSError):  # the core has gone, or `close` was called
            while data := self._asked.recv(8):
                number, is_look = _Request.of(data)
                source, sink = pipe()
                self._lend(number, sink, is_look=is_look)
                try:
                    socket.send_fds(self._asked, [b"."], [source])
                finally:
                    os.close(source)

    def _lend(self, number: int, sink: int, *, is_look: bool) -> None:
        lent, before = self._sources[number], self._pumps.get(number)
        made = Pump(lambda: lent.open(is_look=is_look), sink, name=lent.name, after=before)
        self._pumps[number] = made
        made.start()

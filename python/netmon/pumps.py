"""Copies file objects into pipes, from which the core reads: each by a thread of its own, since a read may take long.

A thread ends with its file object, with the reader of its pipe, or with an error, which it keeps. Whoever closes the
capture never waits for one.
"""

from __future__ import annotations

import fcntl
import os
import select
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import FileIO

CHUNK = 1 << 20
"""Bytes at most per read from a file object."""

PIPE_SIZE = 1 << 18
"""Bytes that a pipe holds: a block of the core. Linux gives a user no more than 64 MiB for all pipes of this kind."""


class Reader(Protocol):
    """The one method that a file object must have."""

    def read(self, size: int, /) -> bytes | memoryview | None: ...


class Lendable(ABC):
    """What can be lent to the core: `open` gives a file object at the beginning of the source, each time."""

    name: str
    """What to call it in messages, and the name of its interface."""

    @abstractmethod
    def open(self, *, is_look: bool) -> Reader:
        """Gives a file object. With `is_look`, little of it will be read."""


class Pump:
    """Copies a file object into a pipe, until its end or until the pipe has no reader.

    `opened` gives the file object, on the thread. `after` is an earlier pump of the same file object: only one reads.
    """

    def __init__(self, opened: Callable[[], Reader], sink: int, *, name: str, after: Pump | None = None) -> None:
        self.name = name
        self.error: Exception | None = None
        self._opened, self._sink, self._after = opened, sink, after
        self._thread = threading.Thread(target=self._run, name="netmon-read", daemon=True)

    @property
    def has_started(self) -> bool:
        return self._thread.ident is not None

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        if self._after is not None:
            self._after._thread.join()
            self._after = None
        with open(self._sink, "wb", buffering=0) as sink:
            try:
                _copy(self._opened(), sink)
            except Exception as error:  # any error of a foreign object; `Files.check` raises it later
                if _has_reader(sink):
                    self.error = error


def widen(sink: int) -> None:
    """Lets a pipe hold more, if the system permits it."""
    with suppress(OSError):
        fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, PIPE_SIZE)


def _copy(reader: Reader, sink: FileIO) -> None:
    read = getattr(reader, "read1", reader.read)  # `read1` does not wait for more than is there
    while chunk := read(CHUNK):
        if not _write_all(sink, memoryview(chunk)):
            break


def _write_all(sink: FileIO, rest: memoryview) -> bool:
    """Writes everything. Returns False if the pipe has no reader any more."""
    try:
        while rest:
            rest = rest[sink.write(rest) :]
    except BrokenPipeError:
        return False
    return True


def _has_reader(sink: FileIO) -> bool:
    waiting = select.poll()
    waiting.register(sink, 0)
    return not waiting.poll(0)


def pipe() -> tuple[int, int]:
    """The reading and the writing end of a pipe that holds a block."""
    source, sink = os.pipe()
    widen(sink)
    return source, sink

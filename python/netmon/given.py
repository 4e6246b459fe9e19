"""What a monitor is given to read: paths, bytes of a capture, and file objects. All become paths, which the core opens.

Bytes are put into an anonymous file in memory. A file object is read by its own thread, which copies it into a pipe: it
may be any object that reads bytes, and it may never end. Nothing is read from it before the capture is opened.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from io import FileIO, TextIOBase
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeGuard, cast

from netmon._core import CaptureError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CHUNK = 1 << 20
"""Bytes at most per read from a file object."""


class Reader(Protocol):
    """The one method that a file object must have."""

    def read(self, size: int, /) -> bytes | None: ...


Readable: TypeAlias = str | os.PathLike[str] | os.PathLike[bytes] | bytes | bytearray | memoryview | Reader


class Files:
    """The sources as paths. `names` has the name to show for each source that has no path of its own."""

    def __init__(self, read: Readable | Sequence[Readable] | None) -> None:
        self.paths: list[str] = []
        self.names: dict[str, str] = {}
        self._memory: list[int] = []
        self._pumps: list[_Pump] = []
        for one in _several(read):
            self._add(one)

    def _add(self, one: Readable) -> None:
        if isinstance(one, (str, os.PathLike)):
            self.paths.append(os.fsdecode(one))
        elif isinstance(one, (bytes, bytearray, memoryview)):
            self._memory.append(_in_memory(one))
            self._call(self._memory[-1], "<bytes>")
        elif isinstance(one, TextIOBase):
            raise TypeError(f"{_name(one)} is open in text mode: open it with mode 'rb'")
        elif _can_read(one):
            self._pumps.append(_Pump(one))
            self._call(self._pumps[-1].source, _name(one))
        else:
            raise TypeError(f"read takes paths, bytes and file objects, not {type(one).__name__}")

    def _call(self, descriptor: int, name: str) -> None:
        self.paths.append(f"/proc/self/fd/{descriptor}")
        self.names[self.paths[-1]] = name

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Starts reading file objects. Closes our ends of the pipes at the end: the core has its own, or failed."""
        for pump in self._pumps:
            pump.start()
        try:
            yield
        except CaptureError:
            self.check()  # a failed file object says more than "not a capture"
            raise
        finally:
            for pump in self._pumps:
                pump.release()

    def check(self) -> None:
        """Raises CaptureError if reading a file object has failed. Called at the end of the capture."""
        for pump in self._pumps:
            if pump.error is not None:
                raise CaptureError(f"{_name(pump.reader)}: {pump.error}") from pump.error

    def close(self) -> None:
        """Closes our ends of the pipes and the files in memory. What is read from a file object afterwards is lost."""
        for pump in self._pumps:
            pump.release()
        while self._memory:
            os.close(self._memory.pop())

    def __del__(self) -> None:
        self.close()


class _Pump:
    """Copies a file object into a pipe, until its end or until the pipe has no reader."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.error: Exception | None = None
        self.source, self._sink = os.pipe()
        self._is_held = True
        self._thread = threading.Thread(target=self._run, name="netmon-read", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def release(self) -> None:
        """Closes our reading end of the pipe: the core has opened its own."""
        if self._is_held:
            self._is_held = False
            os.close(self.source)
            if not self._thread.ident:
                os.close(self._sink)

    def _run(self) -> None:
        read = getattr(self.reader, "read1", self.reader.read)  # `read1` does not wait for more than is there
        with open(self._sink, "wb", buffering=0) as sink:
            try:
                while chunk := read(CHUNK):
                    if not _write_all(sink, memoryview(chunk)):
                        break
            except Exception as error:  # any error of a foreign object; `check` raises it later
                self.error = error


def _write_all(sink: FileIO, rest: memoryview) -> bool:
    """Writes everything. Returns False if the pipe has no reader any more."""
    try:
        while rest:
            rest = rest[sink.write(rest) :]
    except BrokenPipeError:
        return False
    return True


def _several(read: Readable | Sequence[Readable] | None) -> Sequence[Readable]:
    if read is None:
        return ()
    if isinstance(read, (str, bytes, bytearray, memoryview, os.PathLike)) or _can_read(read):
        return (cast("Readable", read),)
    return cast("Sequence[Readable]", read)


def _can_read(one: object) -> TypeGuard[Reader]:
    return callable(getattr(one, "read", None))


def _in_memory(capture: bytes | bytearray | memoryview) -> int:
    """Writes the capture to a file in memory and returns its descriptor."""
    descriptor = os.memfd_create("netmon-capture")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(capture)
    return descriptor


def _name(reader: object) -> str:
    """The name of a file object for messages: its `name`, which is mostly a path, or else its type."""
    name = getattr(reader, "name", None)
    called = os.fsdecode(name) if isinstance(name, (str, bytes)) else f"<{type(reader).__name__}>"
    return called.encode(errors="backslashreplace").decode()

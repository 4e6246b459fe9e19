"""What a monitor is given to read: paths, bytes of a capture, and file objects. All become paths, which the core opens.

Bytes lie in a file without a name, in memory. A file object is read by a thread of its own, which passes it on through
a pipe: it may be anything that reads bytes, and it may never end. Nothing is read before the capture is opened.
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
"""Bytes read from a file object at a time, at the most."""


class Reader(Protocol):
    """What is needed of a file object."""

    def read(self, size: int, /) -> bytes | None: ...


Readable: TypeAlias = str | os.PathLike[str] | os.PathLike[bytes] | bytes | bytearray | memoryview | Reader


class Files:
    """The sources as paths, and how those without one are called."""

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
            raise TypeError(f"{_name(one)} is open for text: open it with mode 'rb'")
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
        """File objects are read from here on; when the core has not opened a pipe by the end, nobody will."""
        for pump in self._pumps:
            pump.start()
        try:
            yield
        except CaptureError:
            self.check()  # what is wrong with a file object says more than that it is no capture
            raise
        finally:
            for pump in self._pumps:
                pump.release()

    def check(self) -> None:
        """Raises what reading a file object has raised, at the end of the capture."""
        for pump in self._pumps:
            if pump.error is not None:
                raise CaptureError(f"{_name(pump.reader)}: {pump.error}") from pump.error

    def close(self) -> None:
        """What is read from a file object after this goes nowhere."""
        for pump in self._pumps:
            pump.release()
        while self._memory:
            os.close(self._memory.pop())

    def __del__(self) -> None:
        self.close()


class _Pump:
    """Passes a file object on through a pipe, until its end or until nobody reads the pipe."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.error: Exception | None = None
        self.source, self._sink = os.pipe()
        self._is_held = True
        self._thread = threading.Thread(target=self._run, name="netmon-read", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def release(self) -> None:
        """Gives up our end of the pipe: the core has one of its own."""
        if self._is_held:
            self._is_held = False
            os.close(self.source)
            if not self._thread.ident:
                os.close(self._sink)

    def _run(self) -> None:
        read = getattr(self.reader, "read1", self.reader.read)  # what is there, without waiting for more
        with open(self._sink, "wb", buffering=0) as sink:
            try:
                while chunk := read(CHUNK):
                    if not _write_all(sink, memoryview(chunk)):
                        break
            except Exception as error:  # of a stranger's object: told at the end of the capture, which the sink's is
                self.error = error


def _write_all(sink: FileIO, rest: memoryview) -> bool:
    """False when nobody reads any more."""
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
    """The descriptor of a file in memory."""
    descriptor = os.memfd_create("netmon-capture")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(capture)
    return descriptor


def _name(reader: object) -> str:
    """What a file object calls itself; most do so by their path."""
    name = getattr(reader, "name", None)
    called = os.fsdecode(name) if isinstance(name, (str, bytes)) else f"<{type(reader).__name__}>"
    return called.encode(errors="backslashreplace").decode()

"""What a monitor is given to read: paths, URLs, bytes of a capture, and file objects. All become paths for the core.

Bytes, a file object that can seek, and a file at a URL are lent to the core, which reads them as it reads files. Any
other file object is read once, by its own thread, which copies it into a pipe: it may never end. Nothing is read before
the capture is opened.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from io import TextIOBase
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, cast

from netmon._core import CaptureError
from netmon.pumps import Lendable, Pump, Reader, pipe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from netmon.lending import Lender, Seekable

Readable: TypeAlias = str | os.PathLike[str] | os.PathLike[bytes] | bytes | bytearray | memoryview | Reader | Lendable

LENT = "/dev/null/"
"""The paths of lent sources begin with this, so that no file has such a path."""


class Files:
    """The sources as paths. `names` has the name to show for each source that has no path of its own.

    `lent` is for the core: the descriptor of a socket, and the paths that stand for the sources of its other end.
    """

    def __init__(self, read: Readable | Sequence[Readable] | None) -> None:
        self.paths: list[str] = []
        self.names: dict[str, str] = {}
        self._pipes: list[_Pipe] = []
        self._lent: dict[str, Lendable] = {}
        self._lender: Lender | None = None
        for one in several(read):
            self._add(one)
        if self._lent:
            from netmon.lending import Lender  # noqa: PLC0415  few runs read anything but paths

            self._lender = Lender([*self._lent.values()])

    @property
    def lent(self) -> tuple[int, list[str]] | None:
        return None if self._lender is None else (self._lender.descriptor, [*self._lent])

    def _add(self, one: Readable) -> None:
        if isinstance(one, str) and "://" in one:
            self._add_text(one)
        elif isinstance(one, (str, os.PathLike)):
            self.paths.append(os.fsdecode(one))
        elif isinstance(one, (bytes, bytearray, memoryview)):
            self._add_bytes(one)
        elif isinstance(one, TextIOBase):
            raise TypeError(f"{name_of(one)} is open in text mode: open it with mode 'rb'")
        elif isinstance(one, Lendable):
            self._lend(one)
        elif can_read(one):
            self._add_object(one)
        else:
            raise TypeError(f"read takes paths, bytes and file objects, not {type(one).__name__}")

    def _add_text(self, text: str) -> None:
        """Adds a URL, or a path that only looks like one at second glance."""
        from netmon import remote  # noqa: PLC0415  as above

        if not remote.is_url(text):
            self.paths.append(text)
            return
        for file in remote.files_of(text):
            self._lend(file)

    def _add_bytes(self, data: bytes | bytearray | memoryview) -> None:
        from netmon.lending import InMemory  # noqa: PLC0415  as above

        self._lend(InMemory(data))

    def _add_object(self, one: Reader) -> None:
        if can_seek(one):
            from netmon.lending import Rewound  # noqa: PLC0415  as above

            self._lend(Rewound(one, name_of(one)))
        else:
            self._pipes.append(_Pipe(one))
            self._call(f"/proc/self/fd/{self._pipes[-1].source}", name_of(one))

    def _lend(self, source: Lendable) -> None:
        path = f"{LENT}{len(self._lent)}"
        self._lent[path] = source
        self._call(path, source.name)

    def _call(self, path: str, name: str) -> None:
        self.paths.append(path)
        self.names[path] = name

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Starts reading file objects. Closes our ends of the pipes at the end: the core has its own, or failed."""
        if self._lender is not None:
            self._lender.start()
        for one in self._pipes:
            one.pump.start()
        try:
            yield
        except CaptureError as error:
            self.check(type(error))  # a failed file object says more than "not a capture"
            raise
        finally:
            for one in self._pipes:
                one.release()

    def check(self, kind: type[CaptureError] = CaptureError) -> None:
        """Raises an error of this kind if reading a file object has failed. Called at the end of the capture."""
        pumps = [one.pump for one in self._pipes if one.pump.error is not None]
        failed = next(iter(pumps), None) or (self._lender and self._lender.failed())
        if failed:
            raise kind(f"{failed.name}: {failed.error}") from failed.error

    def close(self) -> None:
        """Closes our ends of the pipes. What is read from a file object afterwards is lost."""
        for one in self._pipes:
            one.release()
        if self._lender is not None:
            self._lender.close()

    def __del__(self) -> None:
        self.close()


class _Pipe:
    """A file object that is read once, and our reading end of its pipe until the core has opened its own."""

    def __init__(self, reader: Reader) -> None:
        self.source, self._sink = pipe()
        self.pump = Pump(lambda: reader, self._sink, name=name_of(reader))
        self._is_held = True

    def release(self) -> None:
        """Closes our reading end of the pipe: the core has opened its own."""
        if self._is_held:
            self._is_held = False
            os.close(self.source)
            if not self.pump.has_started:
                os.close(self._sink)


def several(read: Readable | Sequence[Readable] | None) -> Sequence[Readable]:
    if read is None:
        return ()
    if (
        isinstance(read, (str, bytes, bytearray, memoryview, os.PathLike))
        or can_read(read)
        or isinstance(read, Lendable)
    ):
        return (cast("Readable", read),)
    return cast("Sequence[Readable]", read)


def can_read(one: object) -> TypeGuard[Reader]:
    return callable(getattr(one, "read", None))


def can_seek(one: object) -> TypeGuard[Seekable]:
    """Whether a file object can be read again from its present position."""
    with suppress(Exception):  # whatever a foreign object raises, it is read once
        return bool(cast("Any", one).seekable()) and cast("Any", one).tell() >= 0
    return False


def name_of(reader: object) -> str:
    """The name of a file object for messages: its `name`, which is mostly a path, or else its type."""
    name = getattr(reader, "name", None)
    called = os.fsdecode(name) if isinstance(name, (str, bytes)) else f"<{type(reader).__name__}>"
    return called.encode(errors="backslashreplace").decode()

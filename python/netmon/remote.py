"""Files at URLs, through fsspec: ``s3://``, ``gs://``, ``https://``, ``memory://`` and whatever else it knows.

A URL in, sources for the core out. Nothing is read before the core asks; a ``*`` is looked up at once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from netmon._core import SourceError
from netmon.extras import missing
from netmon.pumps import Lendable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netmon.pumps import Reader

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(::[A-Za-z][A-Za-z0-9+.-]*)*://")
"""How a URL begins; in ``simplecache::s3://``, a cache comes first."""

BLOCK = 8 << 20
"""Bytes of one request: large enough that the way there and back costs little."""

LOOK = 1 << 18
"""Bytes of a request for the first packet of one of several files."""


class RemoteFile(Lendable):
    """A file of a file system of fsspec. Each `open` gives a new file object, whose end closes it."""

    def __init__(self, system: Any, path: str, name: str) -> None:
        self.name = name
        self._system, self._path = system, path

    def open(self, *, is_look: bool) -> Reader:
        return _Closing(self._system.open(self._path, "rb", block_size=LOOK if is_look else BLOCK))


class _Closing:
    """A file object that is closed when it is no longer used: the pump that reads it keeps the only reference."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def read(self, size: int, /) -> bytes | None:
        data: bytes | None = self._file.read(size)
        return data

    def __del__(self) -> None:
        self._file.close()


def is_url(text: str) -> bool:
    """Whether a text is a URL, not a path."""
    return URL.match(text) is not None


def files_of(url: str, options: Mapping[str, Any] | None = None) -> Sequence[RemoteFile]:
    """The file at a URL, or the files that match one with ``*``, by name. `options` are those of the file system.

    Raises SourceError if a package is missing, or if nothing matches.
    """
    if lacking := missing("fsspec"):
        raise SourceError(f"{url}: {lacking}")
    from fsspec.core import url_to_fs  # type: ignore[import-untyped, import-not-found, unused-ignore]  # noqa: PLC0415  an extra

    try:
        system, path = url_to_fs(url, **(options or {}))
        paths = sorted(system.glob(path)) if "*" in path else [path]
    except (ImportError, OSError, ValueError) as error:  # such as: Install s3fs to access S3
        raise SourceError(f"{url}: {error}") from error
    if not paths:
        raise SourceError(f"{url}: no such file")
    if paths == [path]:
        return [RemoteFile(system, path, url)]
    return [RemoteFile(system, each, system.unstrip_protocol(each)) for each in paths]

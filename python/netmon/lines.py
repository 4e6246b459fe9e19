"""Files of snapshots as netmon writes them as NDJSON: a path in, snapshots with their places out, line by line.

A file may be compressed with gzip or zstd. A line that is no snapshot is told with its number and passed over, and so
is the rest of a file that cannot be read any further. Holds one line at a time.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from netmon._core import Lines, Snapshot, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STDIN = "-"
"""The path that stands for standard input."""

WHERE = b',"where":'
"""How the last key of a line begins if a filter says what is counted. No text contains it, since quotes are escaped."""


class Line(NamedTuple):
    """A snapshot, where it stands, and the filter of what it counts; None without a filter."""

    snapshot: Snapshot
    number: int
    where: str | None


def opened(path: str) -> int:
    """The descriptor of a file, or of standard input. Raises SourceError."""
    try:
        descriptor = os.dup(0) if path == STDIN else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise SourceError(f"{path}: is a directory")
    return descriptor


def read(path: str, tell: Callable[[str], None] = lambda _: None) -> Iterator[Line]:
    """The snapshots of a file. `tell` takes a sentence for each line passed over. Raises SourceError at once."""
    descriptor = opened(path)
    try:
        lines = Lines(descriptor)
    finally:
        os.close(descriptor)
    return _read(lines, path, tell)


def _read(lines: Iterator[bytes], path: str, tell: Callable[[str], None]) -> Iterator[Line]:
    number = 0
    while True:
        number += 1
        try:
            line = next(lines, None)
            if line is None:
                return
            if line.strip():
                yield _line(line, number)
        except ValueError as error:
            tell(f"{path}:{number}: {error}; the line is left out")
        except OSError as error:
            tell(f"{path}: {error}; the lines before line {number} were read")
            return


def _line(line: bytes, number: int) -> Line:
    """Reads a line; raises ValueError. It must have `schema`: any object is a snapshot whose keys are missing."""
    if b'"schema":' not in line:
        what = "is an exchange, as --requests writes them" if line.startswith(b'{"ts":') else "has no key schema"
        raise ValueError(f"not a snapshot: it {what}")
    return Line(Snapshot.from_json(line), number, _where(line))


def _where(line: bytes) -> str | None:
    at = line.rfind(WHERE)
    if at < 0:
        return None
    import json  # noqa: PLC0415  few files have a filter

    found = json.loads(line[at + len(WHERE) : line.rstrip().rfind(b"}")])
    return found if isinstance(found, str) else None

"""Reads one side of a comparison: a capture, NDJSON, a JSON document or Parquet; a file, a folder, or a glob.

Which of them it is, the first bytes of a file say. Raises SourceError for what cannot be read or has nothing to
compare, and ConfigError if a package is missing.
"""

from __future__ import annotations

import glob
import json
import os
import re
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from netmon import lines
from netmon._core import OTHER, CaptureError, Lines, Snapshot, SourceError
from netmon.compare import singles
from netmon.compare.course import Course
from netmon.config import ConfigError
from netmon.extras import missing
from netmon.monitor import Monitor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from netmon.options import CaptureSettings

Format: TypeAlias = Literal["capture", "json", "parquet", "requests"]
"""`requests` is NDJSON of ``--requests``: a line for each exchange."""

TABLES = ("parquet", "requests")
"""The formats that are rows of a table."""

HEAD = 512
"""Bytes of a file that are looked at to tell what it is."""

SECTION = ("start", "end", "path", "statuses", "latency_buckets")
EXCHANGE = ("section", "method", "status", "latency", "duration", "request_bytes", "response_bytes")
"""Columns that tell whether netmon wrote a table."""

PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
"""What a file that is compressed with gzip or zstd begins with."""

PARQUET = b"PAR1"
"""What a Parquet file begins and ends with."""

CSV = "is CSV, which has no histograms: compare NDJSON, Parquet or the capture"

_WHERE = re.compile(rb',"where":("(?:[^"\\]|\\.)*")\}\s*$')
"""The filter at the end of a snapshot, where netmon writes it."""


class Side(NamedTuple):
    """One side: what was given, what it is, and what was counted."""

    given: str
    format: Format
    course: Course
    where: str | None = None
    """The filter of what was counted; None if there is none, or if the file does not say."""

    @property
    def is_table(self) -> bool:
        """Whether it does not say what was lost, how connections were, or which filter was set."""
        return self.format in TABLES

    @property
    def depth(self) -> int:
        """The greatest number of path segments of a section."""
        paths = (section.path for section in self.course.total.sections)
        return max((path.count("/") for path in paths if path != OTHER), default=0)


def format_of(given: str) -> Format:
    """What the files of one side are. Raises SourceError, also for a folder or a glob without any."""
    kinds = {_format(path) for path in _paths(given)}
    if len(kinds) > 1:
        raise SourceError(f"{given}: has files of several kinds: {', '.join(sorted(kinds))}")
    return kinds.pop()


def read(given: str, settings: CaptureSettings, interval: float) -> Side:
    """Reads everything. The settings are those of captures."""
    kind, paths = format_of(given), _paths(given)
    if kind == "capture":
        return Side(given, kind, Course.of(_of_captures(paths, settings, interval)), settings.get("where"))
    if kind in TABLES:
        if kind == "parquet" and (problem := missing("parquet")):
            raise ConfigError(f"{given}: {problem}")
        rows = _of_parquet if kind == "parquet" else _of_requests
        return Side(given, kind, Course.of(each for path in paths for each in rows(path)))
    course, wheres = Course(), set[str]()
    for path in paths:
        for snapshot, where in _of_ndjson(path):
            course.push(snapshot)
            wheres.add(where)
    course.close()
    if len(wheres) > 1:
        raise SourceError(f"{given}: its snapshots were counted with different filters: {', '.join(sorted(wheres))}")
    return Side(given, kind, course, wheres.pop() or None if wheres else None)


def _paths(given: str) -> Sequence[str]:
    """The files that a path, a folder or a glob stands for."""
    if os.path.isdir(given):
        found = sorted(glob.glob("**/*.parquet", root_dir=given, recursive=True))
        if not found:
            raise SourceError(f"{given}: is a folder without a .parquet file")
        return [os.path.join(given, name) for name in found]
    if given == "-" or os.path.exists(given) or not glob.has_magic(given):
        return [given]
    found = sorted(path for path in glob.glob(given, recursive=True) if not os.path.isdir(path))
    if not found:
        raise SourceError(f"{given}: no file has such a name")
    return [path for path in found if not _is_blank(path)] or found


def _is_blank(path: str) -> bool:
    """Whether this is a file of NDJSON without a line, such as one that has just been begun or one on a full disk."""
    return path.endswith(".ndjson") and os.path.isfile(path) and not os.path.getsize(path)


def _format(path: str) -> Format:
    if path == "-":
        return "capture"
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return "capture"
        with open(path, "rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error
    if head.startswith(PACKED):
        with suppress(OSError, ValueError):  # of a damaged file, reading it tells more
            head = next(_lines(path), b"")[:HEAD]
    if head.startswith(PARQUET):
        return "parquet"
    if head.lstrip().startswith(b"{"):
        return "requests" if head.lstrip().startswith(b'{"ts":') else "json"
    if path.endswith(".csv"):
        raise SourceError(f"{path}: {CSV}")
    return "capture"


def _lines(path: str) -> Iterator[bytes]:
    """The lines of a file, which may be compressed. Raises SourceError."""
    descriptor = lines.opened(path)
    try:
        return Lines(descriptor)
    finally:
        os.close(descriptor)


def _of_captures(paths: Sequence[str], settings: CaptureSettings, interval: float) -> Iterator[Snapshot]:
    monitor = Monitor(read=paths, interval=interval, **settings)
    try:
        yield from monitor
    except SourceError:
        raise
    except CaptureError as error:
        raise SourceError(str(error)) from error
    wrong = [message for level, message in monitor.log() if level == "error"]
    if wrong:
        raise SourceError(wrong[0])


def _of_ndjson(path: str) -> Iterator[tuple[Snapshot, str]]:
    """The snapshots of a file, each with its filter. A document may be spread over several lines."""
    found = _lines(path)
    try:
        for number, line in enumerate(found, 1):
            if not line.strip():
                continue
            if number == 1 and line.strip() == b"{":
                yield _snapshot(path, number, json.dumps(_whole(path, b"\n".join((line, *found)))).encode())
                return
            yield _snapshot(path, number, line)
    except CaptureError:
        raise
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _whole(path: str, text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path}: is not JSON: {error}") from error


def _snapshot(path: str, number: int, line: bytes) -> tuple[Snapshot, str]:
    if b'"schema"' not in line or b'"hosts"' not in line:
        raise SourceError(f"{path}: line {number} is no snapshot of netmon")
    try:
        snapshot = Snapshot.from_json(line)
    except ValueError as error:
        raise SourceError(f"{path}: line {number} is no snapshot of netmon: {error}") from error
    where = _WHERE.search(line)
    return snapshot, json.loads(where[1]) if where else ""


def _of_requests(path: str) -> Iterator[Snapshot]:
    """The exchanges of a file of ``--requests``."""
    try:
        yield from singles.of_exchanges(json.loads(line) for line in _lines(path) if line.strip())
    except OSError as error:
        raise SourceError(f"{path}: {_reason(error)}") from error
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise SourceError(f"{path}: has a line that is no exchange of netmon: {error!r}") from error


def _of_parquet(path: str) -> Iterator[Snapshot]:
    """The rows of a file: sections, or with ``--requests`` exchanges."""
    from arro3.io import read_parquet  # noqa: PLC0415  only this needs the extra

    try:
        if not _is_whole(path):
            raise SourceError(f"{path}: has no end, as the file of a run that was killed or still goes on")
        reader = read_parquet(path)
        names = set(reader.schema.names)
        has_exchanges = "ts" in names
        if lacks := {"host", *(EXCHANGE if has_exchanges else SECTION)} - names:
            raise SourceError(f"{path}: has no column {min(lacks)}, so netmon did not write it")
        rows = _rows(reader, names)
        if has_exchanges:
            yield from singles.of_exchanges(row | {"ts": row["ts"].isoformat()} for row in rows)
        else:
            yield from singles.of_sections(rows)
    except CaptureError:
        raise
    except BaseException as error:  # arro3 raises exceptions of several kinds, a panic of Rust among them
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise SourceError(f"{path}: cannot be read as Parquet: {error}") from error


def _rows(reader: Any, names: Iterable[str]) -> Iterator[dict[str, Any]]:
    for batch in reader:
        columns = {name: batch[name].to_pylist() for name in names}
        yield from (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))


def _is_whole(path: str) -> bool:
    """Whether a file ends as Parquet does: with the length of its metadata, and the mark it begins with."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - len(PARQUET) - 4))
        length, mark = int.from_bytes(file.read(4), "little"), file.read()
    return mark == PARQUET and length < size

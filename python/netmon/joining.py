"""Snapshots of many files, joined by time: one snapshot for each interval, the merge of those that begin within it.

Intervals are those of a grid, multiples of a length since 1970, as the core aligns them. Files are merged like sorted
lists, so one snapshot of each open file is held, and a file is open from its first interval to its end. A snapshot that
begins before the interval that is being made is late: it comes by itself, and is told.
"""

from __future__ import annotations

import os
import stat
from heapq import heapify, heappop, heappush
from math import floor
from typing import TYPE_CHECKING, NamedTuple

from netmon import lines
from netmon._core import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from netmon.lines import Line

BATCH = 64
"""Snapshots that are merged at once: so many are held, and a sum is not copied for each."""

FIRST = 3
"""Lines of a file that tell how long its intervals are. The first may be short, since a capture begins within one."""

EXACT = 1e-6
"""Seconds by which a time may be off its multiple: times are floating-point numbers."""


class Head(NamedTuple):
    """What the first lines of a file tell: when it begins, the length of its intervals, and its filter."""

    path: str
    start: float
    length: float
    where: str | None


class Source:
    """A file, whose lines are read one by one. It is opened when its first line is wanted."""

    def __init__(self, path: str, tell: Callable[[str], None]) -> None:
        self.path = path
        self.tell = tell
        self._lines: Iterator[Line] | None = None
        self._held: list[Line] = []
        self._stays = not _is_file(path)

    def head(self) -> Head | None:
        """Looks at the first lines; None if there is none. Only a file that cannot be read again stays open."""
        first: list[Line] = []
        found = lines.read(self.path, self.tell if self._stays else lambda _: None)
        for line in found:
            if line.snapshot.end:
                first.append(line)
            if len(first) == FIRST:
                break
        if self._stays:
            self._lines, self._held = found, first[::-1]
        if not first:
            return None
        later = first[1:] or first
        length = min(line.snapshot.end - line.snapshot.start for line in later)
        return Head(self.path, first[0].snapshot.start, length, first[0].where)

    def next(self) -> Line | None:
        """The next snapshot that is not empty; None at the end of the file."""
        if self._held:
            return self._held.pop()
        if self._lines is None:
            self._lines = lines.read(self.path, self.tell)
        return next((line for line in self._lines if line.snapshot.end), None)


def _is_file(path: str) -> bool:
    return path != lines.STDIN and stat.S_ISREG(os.stat(path).st_mode)


def joined(
    sources: Sequence[tuple[Head, Source]],
    length: float,
    seen: Callable[[str, Line], None],
) -> Iterator[Snapshot]:
    """One snapshot per interval of `length` seconds, in order of time. `seen` is called with every line."""
    waiting: list[tuple[float, int, Line | None]] = [(head.start, at, None) for at, (head, _) in enumerate(sources)]
    heapify(waiting)
    interval: int | None = None
    parts: list[Snapshot] = []
    while waiting:
        start, at, line = heappop(waiting)
        source = sources[at][1]
        line = line or source.next()
        if line is None:
            continue
        seen(source.path, line)
        if (after := source.next()) is not None:
            heappush(waiting, (after.snapshot.start, at, after))
        begins = floor((start + EXACT) / length)
        if interval is not None and begins < interval:
            source.tell(f"{source.path}:{line.number}: begins before lines above it, and is written by itself")
            yield line.snapshot
            continue
        if interval is not None and begins > interval:
            yield merged(parts)
            parts = []
        interval = begins
        parts.append(line.snapshot)
        if len(parts) == BATCH:
            parts = [merged(parts)]
    if parts:
        yield merged(parts)


def total(sources: Iterable[Source], seen: Callable[[str, Line], None]) -> Snapshot:
    """The merge of all snapshots of all files, one file after the other."""
    parts: list[Snapshot] = [Snapshot()]
    for source in sources:
        while (line := source.next()) is not None:
            seen(source.path, line)
            parts.append(line.snapshot)
            if len(parts) == BATCH:
                parts = [merged(parts)]
    return merged(parts)


def merged(parts: Sequence[Snapshot]) -> Snapshot:
    """The merge, with no more rows than one interval may have; sums stay exact."""
    return parts[0] if len(parts) == 1 else Snapshot.merge(parts).folded()

"""Divides the files of one capture point into runs that can be counted apart, on any worker, and added up.

A run is some consecutive files. Its worker also reads the files before, so that it knows the connections that cross the
cut, and a little of the file behind, so that its last interval ends as it does in a single pass. Of the snapshots it
keeps those of its own time. So each interval comes from exactly one run, and the sum is that of a single pass.

    runs = divide(sorted(glob("captures/eth0-*.pcap.zst")), count=8)
    total = Snapshot.merge(map(count, runs))

docs/archives.md says what a cut costs and how many files to read before one.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import netmon
from netmon import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

INTERVAL = 1.0
"""Seconds of an interval. All runs must have the same."""


class Map(Protocol):
    """``map``, or what does the same on workers."""

    def __call__(self, function: Any, items: Any, /) -> Iterable[Any]: ...


class Run(NamedTuple):
    """Files of one capture point, and the time that counts. It can be pickled."""

    files: tuple[str, ...]
    start: float
    end: float


def divide(
    files: Sequence[str], *, count: int, before: int = 1, interval: float = INTERVAL, look: Map = map
) -> list[Run]:
    """At most `count` runs of about as many files each, with `before` more files read ahead of each.

    `files` are the paths or URLs of one capture point, in any order. The first packet of each is looked at; `look` is
    ``map``, or that of workers, since a look takes some milliseconds.
    """
    known = sorted((begin, file) for begin, file in zip(look(first, files), files, strict=True) if begin is not None)
    times, names = [begin for begin, _ in known], tuple(file for _, file in known)
    size = max(1, -(-len(known) // count))
    cuts = [-inf, *(begin // interval * interval for begin in times[size::size]), inf]
    runs = []
    for at, (start, end) in enumerate(pairwise(cuts)):
        within = bisect_right(times, start) - 1  # the file in which the run begins
        runs.append(Run(names[max(0, within - before) : (at + 1) * size + 1], start, end))
    return [run for run in runs if run.start < run.end and run.files]


def first(file: str) -> float | None:
    """When the first packet of a file was captured, to a hundredth of a second; None if it has none."""
    with netmon.read(file, interval=0.01) as recording:
        return next((snapshot.start for snapshot in recording), None)


def snapshots(run: Run, *, interval: float = INTERVAL, **settings: Any) -> Iterator[Snapshot]:
    """The snapshots of a run's own time. `settings` are those of `netmon.read`."""
    with netmon.read(list(run.files), interval=interval, **settings) as recording:
        for snapshot in recording:
            if snapshot.start >= run.end:
                return
            if snapshot.start >= run.start:
                yield snapshot


def count(run: Run, **settings: Any) -> Snapshot:
    """The sum of a run: what a worker sends back."""
    return Snapshot.merge(snapshots(run, **settings))

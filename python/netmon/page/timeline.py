"""Time points: the course of a run of any length as a bounded number of equal steps of time.

Snapshots go in, one after the other. When there are too many points, the step doubles and neighbours are merged, so the
memory of a run does not grow with its length. Pure: the only time is the time of the snapshots.
"""

from __future__ import annotations

from copy import copy
from math import ceil, floor
from typing import TYPE_CHECKING

from netmon.measures import measure
from netmon.pace import EXACT
from netmon.page.latencies import Latencies

if TYPE_CHECKING:
    from netmon._core import Snapshot

POINTS = 240
"""Points at most: on a wide screen, one for every four pixels of a chart."""

JITTER = 1.05
"""How much longer than a step an interval is that makes steps longer: lengths of intervals differ a little."""

COUNTS = tuple(
    measure(name)
    for name in (
        *("requests", "responses", "errors"),
        *("status.1xx", "status.2xx", "status.3xx", "status.4xx", "status.5xx"),
        *("http_bits", "packets", "lost", "segments", "retransmitted", "opened", "reset", "refused"),
    )
)
"""The measures that are added up in each point."""

NAMES = tuple(count.field for count in COUNTS)


class Point:
    """The sums of one step of time, in the order of `COUNTS`, and the latencies."""

    def __init__(self) -> None:
        self.sums = [0.0] * len(COUNTS)
        self.latencies = Latencies()

    def __getitem__(self, name: str) -> float:
        return self.sums[NAMES.index(name)]

    def add(self, snapshot: Snapshot) -> None:
        self.sums = [total + (count.value(snapshot) or 0) for total, count in zip(self.sums, COUNTS, strict=True)]
        self.latencies.add(snapshot.latency)

    def copy(self) -> Point:
        twin = copy(self)
        twin.latencies = self.latencies.copy()
        return twin

    def plus(self, other: Point) -> None:
        self.sums = [a + b for a, b in zip(self.sums, other.sums, strict=True)]
        self.latencies.plus(other.latencies)


class Timeline:
    """The points of a run. Point i covers `step` seconds from ``start + i * step``; a point without packets is absent.

    No step is shorter than the longest interval with traffic, so that no interval is drawn as more than it was. Steps
    begin where that interval began, so that each holds as many intervals as the next.
    """

    def __init__(self, most: int = POINTS) -> None:
        self._most = most
        self.start = self.end = self.step = 0.0
        self.points: dict[int, Point] = {}

    def copy(self) -> Timeline:
        """Independent points with the same sums."""
        twin = copy(self)
        twin.points = {at: point.copy() for at, point in self.points.items()}
        return twin

    def push(self, snapshot: Snapshot) -> None:
        """Adds the next snapshot."""
        length = snapshot.end - snapshot.start
        if length <= 0:
            return
        if not self.step:
            self.start, self.end, self.step = snapshot.start, snapshot.end, length
        self.end = max(self.end, snapshot.end)
        is_silent = not any(count.value(snapshot) for count in COUNTS)
        if length > self.step * JITTER and not is_silent:
            self._merge(length, snapshot.start)
        while self.count > self._most:
            self._merge(2 * self.step, self.start)
        if not is_silent:
            self.points.setdefault(self._number(snapshot.start), Point()).add(snapshot)

    @property
    def count(self) -> int:
        """Number of points from the start to the end, absent ones included."""
        if not self.step:
            return 0
        return max(1, floor((self.end - self.start) / self.step - EXACT) + 1)

    def time(self, at: int) -> float:
        """When point number `at` begins."""
        return self.start + at * self.step

    def column(self, name: str) -> list[float]:
        """One count of all points, absent ones as 0."""
        place, empty = NAMES.index(name), Point()
        return [self.points.get(at, empty).sums[place] for at in range(self.count)]

    def _number(self, time: float) -> int:
        """The number of the point in which a time is; that of the first one for an earlier time."""
        return max(0, floor((time - self.start) / self.step + EXACT))

    def _merge(self, step: float, begins: float) -> None:
        """Makes the step longer, with a point that begins at the time `begins`."""
        before = [(self.time(at), point) for at, point in self.points.items()]
        self.start = begins - ceil((begins - self.start) / step - EXACT) * step
        self.step, self.points = step, {}
        for time, point in before:
            self.points.setdefault(self._number(time), Point()).plus(point)

"""How packet time passes while a capture file is played, as a linear function of a clock, and silence between packets.

Snapshots and clock values go in; snapshots with the clock value at which each is due come out, silence included. A
silence of any length is one snapshot, so the work depends on the packets alone. Pure: never reads a clock, never waits.
"""

from __future__ import annotations

from math import floor, inf, isinf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netmon._core import Snapshot

SILENCE = 3600.0
"""Seconds of packet time that are played of a silence, at most. The rest, as between two days, is skipped."""

GLIMPSE = 0.1
"""Clock seconds that one step of a silence takes on the screen."""

GLIMPSES = 3600
"""Steps at most into which one silence is cut for the screen: making more would take longer than watching them."""

EXACT = 1e-6
"""Two times that differ by less than this many seconds are equal: times are floats."""


class Pace(NamedTuple):
    """Packet time is `at` when the clock shows `since`. It runs `speed` times as fast, or `stands` still."""

    speed: float
    at: float
    since: float
    stands: bool = False

    def time(self, now: float) -> float:
        """Packet time when the clock shows `now`; infinite at infinite speed, where everything is due."""
        if self.stands:
            return self.at
        return inf if isinf(self.speed) else self.at + max(0.0, now - self.since) * self.speed

    def wait(self, at: float, now: float) -> float:
        """Clock seconds until packet time reaches `at`; 0 if it has, infinite while packet time stands still."""
        if self.stands:
            return inf
        left = 0.0 if isinf(self.speed) else self.since + (at - self.at) / self.speed - now
        return left if left > EXACT else 0.0

    def moved(self, at: float, now: float) -> Pace:
        """The same speed, with packet time `at` when the clock shows `now`."""
        return self._replace(at=at, since=now)

    def stopped(self, at: float) -> Pace:
        return self._replace(at=at, stands=True)

    def resumed(self, now: float) -> Pace:
        return self._replace(since=now, stands=False)


def is_silent(snapshot: Snapshot) -> bool:
    """Whether no packet was received, dropped by the kernel or unreadable."""
    capture = snapshot.capture
    return not (snapshot.hits or capture.received or capture.unread or capture.kernel_dropped)


def silence(before: Snapshot | None, after: Snapshot, interval: float) -> Iterator[Snapshot]:
    """Yields one empty snapshot for the whole intervals between two snapshots of a file, or nothing."""
    if before is not None and (intervals := _intervals(after.start - before.end, interval)):
        yield before.silence(intervals * interval)


def glimpses(before: Snapshot | None, after: Snapshot, interval: float, speed: float) -> Iterator[Snapshot]:
    """Yields the silence in steps of about `GLIMPSE` clock seconds, for the screen; `SILENCE` seconds at most."""
    if before is None:
        return
    left = _intervals(min(after.start - before.end, SILENCE), interval)
    step = left if isinf(speed) else max(1, round(GLIMPSE * speed / interval), -(-left // GLIMPSES))
    while left > 0:
        before = before.silence(min(step, left) * interval)
        left -= step
        yield before


def _intervals(seconds: float, interval: float) -> int:
    """How many whole intervals fit into `seconds`."""
    return max(0, floor((seconds + EXACT) / interval))


class Schedule:
    """Tells when each snapshot of a file is due. A silence is due at its end.

    Without a speed every snapshot is due at once, and silences are left out.
    """

    def __init__(self, speed: float | None, interval: float) -> None:
        self._speed, self._interval = speed, interval
        self._pace: Pace | None = None
        self._before: Snapshot | None = None

    def push(self, snapshot: Snapshot, now: float) -> Iterator[tuple[Snapshot, float]]:
        """Yields the silence before the snapshot, if any, and the snapshot, each with the clock value when due."""
        if self._speed is None:
            yield snapshot, now
            return
        self._pace = self._pace or Pace(self._speed, snapshot.start, now)
        for step in (*silence(self._before, snapshot, self._interval), snapshot):
            if step.end - step.start > max(SILENCE, self._interval):
                # Play only the last `SILENCE` seconds of a long silence.
                self._pace = self._pace.moved(step.end - SILENCE, now + self._pace.wait(step.start, now))
            self._before = step
            yield step, now + self._pace.wait(step.end, now)

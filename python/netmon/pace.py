"""How packet time passes while a capture file is played: a straight line over a clock, and silence between packets.

Snapshots and values of a clock go in; when each is due, and the silence between them, come out. A silence is one
snapshot however long it is: so a capture costs what its packets cost. Pure: nothing here looks at a clock or waits.
"""

from __future__ import annotations

from math import floor, inf, isinf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netmon._core import Snapshot

SILENCE = 3600.0
"""Seconds of silence that are waited for; of a longer one, as between captures of two days, the rest is passed over."""

GLIMPSE = 0.1
"""Seconds of the clock between two looks at a silence on the screen."""

GLIMPSES = 3600
"""Looks at one silence: more would take longer to make than to see."""

EXACT = 1e-6
"""Seconds by which instants may differ and be the same: times are floats."""


class Pace(NamedTuple):
    """Packet time is `at` when the clock is `since`, and passes `speed` times as fast; it may stand still."""

    speed: float
    at: float
    since: float
    stands: bool = False

    def time(self, now: float) -> float:
        """Packet time when the clock is `now`; at infinite speed everything has happened."""
        if self.stands:
            return self.at
        return inf if isinf(self.speed) else self.at + max(0.0, now - self.since) * self.speed

    def wait(self, at: float, now: float) -> float:
        """Seconds of the clock until packet time is `at`; 0 when it was, infinite while time stands still."""
        if self.stands:
            return inf
        left = 0.0 if isinf(self.speed) else self.since + (at - self.at) / self.speed - now
        return left if left > EXACT else 0.0

    def moved(self, at: float, now: float) -> Pace:
        """The same speed from another instant on."""
        return self._replace(at=at, since=now)

    def stopped(self, at: float) -> Pace:
        return self._replace(at=at, stands=True)

    def resumed(self, now: float) -> Pace:
        return self._replace(since=now, stands=False)


def is_silent(snapshot: Snapshot) -> bool:
    """Whether no packet came, and none was missed."""
    capture = snapshot.capture
    return not (snapshot.hits or capture.received or capture.unread or capture.kernel_dropped)


def silence(before: Snapshot | None, after: Snapshot, interval: float) -> Iterator[Snapshot]:
    """The silence between two snapshots of a file, in whole intervals: one snapshot, or none."""
    if before is not None and (intervals := _intervals(after.start - before.end, interval)):
        yield before.silence(intervals * interval)


def glimpses(before: Snapshot | None, after: Snapshot, interval: float, speed: float) -> Iterator[Snapshot]:
    """The silence as a screen shows it: in steps that take a moment of the clock, as far as it is waited for."""
    if before is None:
        return
    left = _intervals(min(after.start - before.end, SILENCE), interval)
    step = left if isinf(speed) else max(1, round(GLIMPSE * speed / interval), -(-left // GLIMPSES))
    while left > 0:
        before = before.silence(min(step, left) * interval)
        left -= step
        yield before


def _intervals(seconds: float, interval: float) -> int:
    """Whole intervals in a time."""
    return max(0, floor((seconds + EXACT) / interval))


class Schedule:
    """When each snapshot of a file is due, silence at its end. Without a speed at once, and without the silence."""

    def __init__(self, speed: float | None, interval: float) -> None:
        self._speed, self._interval = speed, interval
        self._pace: Pace | None = None
        self._before: Snapshot | None = None

    def push(self, snapshot: Snapshot, now: float) -> Iterator[tuple[Snapshot, float]]:
        """The silence before the snapshot and the snapshot, each with the clock's value when it is due."""
        if self._speed is None:
            yield snapshot, now
            return
        self._pace = self._pace or Pace(self._speed, snapshot.start, now)
        for step in (*silence(self._before, snapshot, self._interval), snapshot):
            if step.end - step.start > max(SILENCE, self._interval):
                # The rest of a long silence is passed over.
                self._pace = self._pace.moved(step.end - SILENCE, now + self._pace.wait(step.start, now))
            self._before = step
            yield step, now + self._pace.wait(step.end, now)

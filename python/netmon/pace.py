"""How packet time passes while a capture file is played: a straight line over a clock, and silence between packets.

Snapshots and values of a clock go in; when each is due, and the empty intervals between them, come out. Pure: nothing
here looks at a clock or waits.
"""

from __future__ import annotations

from math import inf, isinf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netmon._core import Snapshot

SILENCE = 3600.0
"""Seconds of silence that are played; a longer one, between captures of different days, is cut to this."""

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


def silence(before: Snapshot | None, after: Snapshot, interval: float) -> Iterator[Snapshot]:
    """The empty intervals between two snapshots of a file, as a live capture would have given them."""
    if before is None:
        return
    horizon = min(after.start, before.end + SILENCE) - interval + EXACT
    while before.end <= horizon:
        before = before.silence(interval)
        yield before


class Schedule:
    """When each snapshot of a file is due. Without a speed at once, and without the silence between them."""

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
            if self._before is not None and step.start - self._before.end > EXACT:
                # Silence that was cut short: time goes on where it ended.
                self._pace = self._pace.moved(step.start, now + self._pace.wait(self._before.end, now))
            self._before = step
            yield step, now + self._pace.wait(step.end, now)

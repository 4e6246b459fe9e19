"""What is usual: a range learned from a value's own past. Values in, a range out; times in microseconds.

The range is the median and a number of usual deviations to both sides. The usual deviation is the median of all
deviations from the median (MAD), scaled to that of a normal distribution, so that a few odd values do not widen it.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from netmon.alerts.plain import number, time
from netmon.alerts.watch import micros

SAMPLES = 120
"""Values that are remembered: the past is sampled that often."""

ENOUGH = 0.5
"""Share of the past that must be known before a range is given."""

FEWEST = 5
"""Values that a range is made of at least, if the past is short."""

NORMAL = 1.4826
"""The standard deviation of a normal distribution, in units of its MAD."""

NARROWEST = 0.05
"""The usual deviation is at least this share of the median: a value that never changed may change a little."""


class Range(NamedTuple):
    """The values that are as usual."""

    low: float
    high: float

    def has(self, value: float) -> bool:
        return self.low <= value <= self.high

    def oddity(self, value: float) -> float:
        """How far a value is from the middle: 1 at either end of the range, more outside."""
        middle, reach = (self.low + self.high) / 2, (self.high - self.low) / 2
        return abs(value - middle) / reach if reach else float(value != middle)


class Past:
    """The past of one value, over `length` seconds. A value that is learned counts for later instants only."""

    def __init__(self, length: float) -> None:
        self._step = max(1, micros(length) // SAMPLES)
        self._length = micros(length)
        self._samples: deque[tuple[int, float]] = deque()
        self._newest: tuple[int, float] | None = None  # learned, and not a sample yet
        self._apart = 0  # the shortest time between two samples: each stands for as much; 0 before the second
        self._equal = 0  # how many of the last samples are the same
        self._usual: tuple[float, Range | None] | None = None  # for these deviations, until a sample comes or goes
        self.is_seen = True
        """Whether anything was measured in the newest interval."""

    def learn(self, now: int, value: float) -> None:
        """Takes a value, unless the last one was taken a short time ago."""
        self._pass(now)
        if not self._samples or now - self._samples[-1][0] >= self._step:
            self._newest = now, value

    def _pass(self, now: int) -> None:
        """Makes the value that was learned before `now` a sample, and forgets those that are too old."""
        if self._newest is not None and self._newest[0] < now:
            self._append(*self._newest)
            self._newest = None
            while self._samples[0][0] <= self._samples[-1][0] - self._length:
                self._samples.popleft()

    def _append(self, at: int, value: float) -> None:
        if self._samples:
            apart = at - self._samples[-1][0]
            self._apart = min(self._apart or apart, apart)
        self._equal = self._equal + 1 if self._samples and self._samples[-1][1] == value else 1
        self._samples.append((at, value))
        self._usual = None

    def next_change(self, now: int) -> int | None:
        """When the range may change next if the value stays as it is; None if it does not."""
        if self._newest is not None:
            return now + 1
        is_full = bool(self._samples) and self._samples[-1][0] - self._samples[0][0] > self._length - 2 * self._step
        is_settled = is_full and self._equal >= len(self._samples)
        return None if is_settled or not self._samples else self._samples[-1][0] + self._step

    def stay(self, until: int) -> None:
        """Takes the last value again and again until this time, if all values are the same."""
        if self._samples and self.next_change(until) is None:
            later = (until - self._samples[-1][0]) // self._step * self._step
            self._samples = deque((at + later, value) for at, value in self._samples)

    def usual(self, now: int, deviations: float) -> Range | None:
        """The range of usual values; None until enough is known."""
        self._pass(now)
        if self._usual is None or self._usual[0] != deviations:
            self._usual = deviations, self._range(deviations)
        return self._usual[1]

    @property
    def needed(self) -> int:
        """How much time must be known, in microseconds."""
        return max(round(self._length * ENOUGH), FEWEST * self._apart)

    @property
    def known(self) -> int:
        """How much time is known, in microseconds: that of gaps is not."""
        count, apart = len(self._samples), self._apart
        if self._newest is not None and self._samples:
            last = self._newest[0] - self._samples[-1][0]
            count, apart = count + 1, min(apart or last, last)
        return min(count * apart, self.needed)

    @property
    def is_enough(self) -> bool:
        return bool(self._apart) and len(self._samples) * self._apart >= self.needed

    @property
    def range(self) -> Range | None:
        """The range that was last asked for."""
        return self._usual[1] if self._usual else None

    def _range(self, deviations: float) -> Range | None:
        if not self.is_enough:
            return None
        from statistics import median  # noqa: PLC0415  loads slowly, and few rules have a baseline

        values = [value for _, value in self._samples]
        middle = median(values)
        deviation = NORMAL * median(abs(value - middle) for value in values)
        reach = deviations * max(deviation, NARROWEST * abs(middle))
        return Range(middle - reach, middle + reach)

    def state(self) -> list[Any]:
        """The samples, as JSON can hold them."""
        return [list(sample) for sample in (*self._samples, *filter(None, (self._newest,)))]

    def resume(self, state: Any, now: int) -> None:
        """Takes up the samples that `state` gave; ValueError or TypeError for damage. Those of a time later than now
        count as of now.
        """
        samples = [(min(time(at), now), float(number(value))) for at, value in state]
        if len(samples) > 2 * SAMPLES:
            raise ValueError("the state is damaged: a past has too many values")
        self._samples.clear()
        self._apart = 0
        for sample in samples:
            self._append(*sample)

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


class Past:
    """The past of one value, over `length` seconds."""

    def __init__(self, length: float) -> None:
        self._step = max(1, micros(length) // SAMPLES)
        self._length = micros(length)
        self._samples: deque[tuple[int, float]] = deque()

    def learn(self, now: int, value: float) -> None:
        """Takes a value, unless the last one was taken a short time ago."""
        if not self._samples or now - self._samples[-1][0] >= self._step:
            self._samples.append((now, value))
        while self._samples[0][0] <= now - self._length:
            self._samples.popleft()

    def usual(self, deviations: float) -> Range | None:
        """The range of usual values; None until enough is known."""
        if len(self._samples) < SAMPLES * ENOUGH:
            return None
        from statistics import median  # noqa: PLC0415  loads slowly, and few rules have a baseline

        values = [value for _, value in self._samples]
        middle = median(values)
        deviation = NORMAL * median(abs(value - middle) for value in values)
        reach = deviations * max(deviation, NARROWEST * abs(middle))
        return Range(middle - reach, middle + reach)

    def state(self) -> list[Any]:
        """The samples, as JSON can hold them."""
        return [list(sample) for sample in self._samples]

    def resume(self, state: Any) -> None:
        """Takes up the samples that `state` gave; ValueError or TypeError for damage."""
        self._samples = deque((time(at), float(number(value))) for at, value in state)
        if len(self._samples) > 2 * SAMPLES:
            raise ValueError("the state is damaged: a past has too many values")

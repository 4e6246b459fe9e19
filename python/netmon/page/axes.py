"""Axes: round numbers to label, and where they are. Pure."""

from __future__ import annotations

from math import ceil, floor, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from netmon.page.clock import Clock

STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(60 * n for n in (1, 2, 5, 10, 15, 30)),
    *(3600 * n for n in (1, 2, 3, 6, 12)),
    *(86_400 * n for n in (1, 2, 7, 14, 30, 90, 365)),
)
"""Seconds between two labels of the time axis: the round ones."""

LABELS = 7
"""Labels of the time axis at most; every second one is hidden on a narrow screen."""


def times(clock: Clock, start: float, seconds: float) -> Iterator[tuple[float, str]]:
    """Where a label is, from 0 to 1 of the axis, and its text. The script labels a part of the axis the same way."""
    if seconds <= 0:
        return
    step = next((step for step in STEPS if seconds / step <= LABELS), STEPS[-1])
    first = ceil((start + clock.offset) / step) * step - clock.offset
    at = first
    while at <= start + seconds:
        yield (at - start) / seconds, label(clock, at, step)
        at += step


def label(clock: Clock, at: float, step: float) -> str:
    """A time as finely as the step between labels needs."""
    text = clock.moment_of(at)
    if step >= 86_400:
        return text[5:10]
    time = text[11:19] if step < 60 else text[11:16]
    return f"{text[5:10]} {time}" if clock.spans_days else time


def linear(greatest: float, most: int = 4) -> Sequence[float]:
    """Round numbers from 0 up to the first one that is not below `greatest`, at most about `most` of them."""
    if greatest <= 0:
        return (0.0, 1.0)
    power = 10 ** floor(log10(greatest / most))
    step = next(power * n for n in (1, 2, 2.5, 5, 10, 20) if greatest / (power * n) <= most)
    return [round(n * step, 12) for n in range(ceil(greatest / step - 1e-9) + 1)]


def decades(least: float, greatest: float) -> Iterator[float]:
    """Powers of ten from `least` to `greatest`; where there is at most one, also twice and five times as much."""
    powers = range(floor(log10(least)), ceil(log10(greatest)) + 1)
    few = sum(least <= 10.0**power <= greatest for power in powers) < 2
    for power in powers:
        for factor in (1, 2, 5) if few else (1,):
            if least <= factor * 10.0**power <= greatest:
                yield factor * 10.0**power

"""Confidence intervals of rates, shares, percentiles, and of their differences. Pure.

`z` is how many standard deviations an interval reaches. Counts may be divided by a dispersion, so they need not be
whole. What has no bound is infinite.
"""

from __future__ import annotations

from math import ceil, floor, inf, sqrt
from typing import TYPE_CHECKING, NamedTuple

from netmon.compare.chance import MANY, at_least, at_most, normal_tail

if TYPE_CHECKING:
    from collections.abc import Callable

    from netmon._core import Histogram

_HALVINGS = 50
"""Steps of a bisection: enough for all digits of a share."""


class Interval(NamedTuple):
    low: float
    high: float


def wilson(part: float, whole: float, z: float) -> Interval:
    """The interval of a share: Wilson (1927), as Newcombe (1998a) method 3."""
    if not whole:
        return Interval(0.0, 1.0)
    share, square = part / whole, z * z
    middle = share + square / (2 * whole)
    reach = z * sqrt(share * (1 - share) / whole + square / (4 * whole * whole))
    scale = 1 + square / whole
    return Interval(max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale))


def poisson(count: float, z: float) -> Interval:
    """The interval of the mean of a count: the score interval, which Wilson's becomes where shares are small."""
    middle, reach = count + z * z / 2, z * sqrt(count + z * z / 4)
    return Interval(max(0.0, middle - reach), middle + reach)


def difference(before: float, of_before: Interval, after: float, of_after: Interval) -> Interval:
    """The interval of ``after - before``, made of the interval of each: the distances add up like deviations.

    For shares it is Newcombe (1998b) method 10; Zou and Donner (2008) show it for any two independent estimates.
    """
    change = after - before
    low = change - _together(after - of_after.low, of_before.high - before)
    return Interval(low, change + _together(of_after.high - after, before - of_before.low))


def _together(one: float, other: float) -> float:
    return inf if inf in (one, other) else sqrt(one * one + other * other)


def rate_ratio(before: float, seconds_before: float, after: float, seconds_after: float, z: float) -> Interval:
    """The interval of the ratio of two rates of Poisson counts.

    If both counts are given together, the one after is binomial: Przyborowski and Wilenski (1940). The interval of its
    share is Clopper's and Pearson's (1934), which is never too short.
    """
    n, tail = before + after, normal_tail(z)
    if not n or not seconds_before or not seconds_after:
        return Interval(0.0, inf)
    if n > MANY:
        share = wilson(after, n, z)
    else:
        share = Interval(
            _solved(lambda p: at_least(after, n, p) - tail) if after else 0.0,
            _solved(lambda p: tail - at_most(after, n, p)) if before else 1.0,
        )
    times = seconds_before / seconds_after
    return Interval(*(times * p / (1 - p) if p < 1 else inf for p in share))


def _solved(rising: Callable[[float], float]) -> float:
    """Where a rising function of a share is zero."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return high


def ranks(n: float, q: float, z: float) -> tuple[int, int]:
    """The ranks between which the quantile `q` of a distribution lies, of `n` values in order: 1 is the least value.

    How many of the values are below the quantile is binomial, whatever the distribution (Conover 1999, 3.2; Woodruff
    1952 for values that depend on each other). 0 stands for no lower bound, and ``n + 1`` for no upper one.
    """
    whole, tail = floor(n), normal_tail(z)
    if whole > MANY:
        reach = z * sqrt(n * q * (1 - q))
        return max(0, floor(n * q - reach)), min(whole + 1, ceil(n * q + reach) + 1)
    # The greatest r with P(fewer than r values below the quantile) <= tail, and the same from above.
    low = _last(whole, lambda r: at_most(r - 1, whole, q) <= tail)
    high = _last(whole, lambda r: at_most(r - 1, whole, 1 - q) <= tail)
    return low, whole + 1 - high


def _last(n: int, holds: Callable[[int], bool]) -> int:
    """The greatest number of 1 to `n` for which a condition holds that holds for all lower ones; 0 if there is none."""
    low, high = 0, n
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def quantile(histogram: Histogram, q: float, dispersion: float, z: float) -> Interval:
    """The interval of a quantile: from the lower edge of the bucket that has the lower rank to the upper edge of that
    with the upper rank, since where in its bucket a value lies is not known.
    """
    count = histogram.count
    n = count / dispersion
    low, high = ranks(n, q, z)
    least = edges(histogram, max(1, floor(low * dispersion)))[0] if low else 0.0
    greatest = edges(histogram, min(count, ceil(high * dispersion)))[1] if high <= floor(n) else inf
    return Interval(least, greatest)


def edges(histogram: Histogram, rank: int) -> tuple[float, float]:
    """The edges of the bucket with the value of a rank, within the extremes seen, in seconds."""
    least, greatest = histogram.min or 0.0, histogram.max or 0.0
    seen = histogram.zero_count
    if rank <= seen:
        return 0.0, 0.0
    for bucket, n in enumerate(histogram.buckets, histogram.offset):
        seen += n
        if seen >= rank:
            scale = 2.0**-histogram.scale
            return max(least, 2 ** (bucket * scale)), min(greatest, 2 ** ((bucket + 1) * scale))
    return greatest, greatest

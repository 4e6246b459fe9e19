"""What is compared: two rates, two shares, or two percentiles, each with its test and its intervals. Pure.

`chance` is how likely a difference at least as great is if nothing has changed. `ratio` is the interval of the value
after divided by that before, `difference` that of the value after minus that before; both at 95 %, each by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil, exp, inf, isfinite, log
from typing import TYPE_CHECKING, NamedTuple, Protocol

from netmon.compare import bounds
from netmon.compare.bounds import Interval
from netmon.compare.chance import at_least, at_most, deviations, shares_differ, with_estimated_spread
from netmon.compare.spread import INDEPENDENT, Spread
from netmon.page.latencies import Latencies

if TYPE_CHECKING:
    from collections.abc import Callable

    from netmon._core import Histogram

ANY, ANY_RATIO = Interval(-inf, inf), Interval(0.0, inf)
"""The intervals of a difference and of a ratio of which nothing is known."""


class Value(NamedTuple):
    """The value on one side, of how many events it is made, and what these are counted in: seconds, or the whole."""

    value: float | None
    events: float
    of: float
    interval: Interval = ANY


class Measured(Protocol):
    """A comparison of one measure of one row. `estimates` are the values before and after, without their intervals,
    which take longer.
    """

    @property
    def estimates(self) -> tuple[float | None, float | None]: ...
    @property
    def before(self) -> Value: ...
    @property
    def after(self) -> Value: ...
    @property
    def chance(self) -> float: ...
    @property
    def ratio(self) -> Interval: ...
    @property
    def difference(self) -> Interval: ...
    @property
    def spread(self) -> Spread: ...


@dataclass(frozen=True)
class Unknown:
    """Two values of which nobody knows how much they vary by chance."""

    before: Value
    after: Value
    chance: float = 1.0
    ratio: Interval = ANY_RATIO
    difference: Interval = ANY
    spread: Spread = INDEPENDENT

    @property
    def estimates(self) -> tuple[float | None, float | None]:
        return self.before.value, self.after.value


@dataclass(frozen=True)
class Rate:
    """Events per second. `unseen` are the shares of each side that may be missing."""

    counts: tuple[float, float]
    seconds: tuple[float, float]
    unseen: tuple[float, float] = (0.0, 0.0)
    spread: Spread = INDEPENDENT

    @property
    def estimates(self) -> tuple[float | None, float | None]:
        return _divided_or_none(self.counts[0], self.seconds[0]), _divided_or_none(self.counts[1], self.seconds[1])

    @property
    def _effective(self) -> tuple[float, float]:
        return self.counts[0] / self.spread.dispersion, self.counts[1] / self.spread.dispersion

    @property
    def before(self) -> Value:
        return self._value(0)

    @property
    def after(self) -> Value:
        return self._value(1)

    def _value(self, side: int) -> Value:
        count, seconds = self.counts[side], self.seconds[side]
        if not seconds:
            return Value(None, count, seconds)
        dispersion = self.spread.dispersion
        low, high = bounds.poisson(count / dispersion, self._z)
        within = Interval(low * dispersion / seconds, _divided(high * dispersion / seconds, 1 - self.unseen[side]))
        return Value(self.estimates[side], count, seconds, within)

    @property
    def _z(self) -> float:
        return deviations(self.spread.freedom)

    @cached_property
    def chance(self) -> float:
        before, after = self._effective
        n = before + after
        if not n or not all(self.seconds):
            return 1.0
        rises = at_least(after, n, self._share_if(_divided(1.0, 1 - self.unseen[0])))
        falls = at_most(after, n, self._share_if(1 - self.unseen[1]))
        return with_estimated_spread(min(1.0, 2 * min(rises, falls)), self.spread.freedom)

    def _share_if(self, ratio: float) -> float:
        """The share of all events that is expected after, if rates have this ratio."""
        return ratio * self.seconds[1] / (ratio * self.seconds[1] + self.seconds[0]) if isfinite(ratio) else 1.0

    @cached_property
    def ratio(self) -> Interval:
        found = bounds.rate_ratio(self._effective[0], self.seconds[0], self._effective[1], self.seconds[1], self._z)
        return Interval(found.low * (1 - self.unseen[0]), _divided(found.high, 1 - self.unseen[1]))

    @cached_property
    def difference(self) -> Interval:
        before, after = self.before, self.after
        if before.value is None or after.value is None:
            return ANY
        return bounds.difference(before.value, before.interval, after.value, after.interval)


@dataclass(frozen=True)
class Share:
    """A part of a whole; each of `parts` and `wholes` is (before, after)."""

    parts: tuple[float, float]
    wholes: tuple[float, float]
    spread: Spread = INDEPENDENT

    @property
    def estimates(self) -> tuple[float | None, float | None]:
        return _divided_or_none(self.parts[0], self.wholes[0]), _divided_or_none(self.parts[1], self.wholes[1])

    @property
    def before(self) -> Value:
        return self._value(0)

    @property
    def after(self) -> Value:
        return self._value(1)

    def _value(self, side: int) -> Value:
        part, whole = self.parts[side], self.wholes[side]
        dispersion, z = self.spread.dispersion, deviations(self.spread.freedom)
        within = bounds.wilson(part / dispersion, whole / dispersion, z)
        return Value(self.estimates[side], part, whole, within)

    @cached_property
    def chance(self) -> float:
        return _chance_of_shares(self.parts, self.wholes, self.spread)

    @cached_property
    def ratio(self) -> Interval:
        return _ratio(self.before, self.after)

    @cached_property
    def difference(self) -> Interval:
        return _difference(self.before, self.after)


@dataclass(frozen=True)
class Percentile:
    """A quantile of two histograms of seconds, (before, after)."""

    histograms: tuple[Histogram, Histogram]
    q: float
    spread: Spread = INDEPENDENT

    @property
    def estimates(self) -> tuple[float | None, float | None]:
        return self.histograms[0].quantile(self.q), self.histograms[1].quantile(self.q)

    @cached_property
    def before(self) -> Value:
        return self._value(0)

    @cached_property
    def after(self) -> Value:
        return self._value(1)

    def _value(self, side: int) -> Value:
        histogram = self.histograms[side]
        if not histogram.count:
            return Value(None, 0, 0)
        within = bounds.quantile(histogram, self.q, self.spread.dispersion, deviations(self.spread.freedom))
        return Value(self.estimates[side], histogram.count, histogram.count, within)

    @cached_property
    def bound(self) -> float:
        """The edge of a bucket, in seconds, which of all edges comes nearest to the quantile of both sides together."""
        both = Latencies()
        for histogram in self.histograms:
            both.add(histogram)
        rank, seen = self.q * both.count, 0
        for bucket, n in sorted(both.counts.items()):
            if seen + n >= rank:
                edge = bucket + (rank - seen > seen + n - rank)
                return float(2 ** (edge / 2**both.scale))
            seen += n
        return inf

    @cached_property
    def chance(self) -> float:
        """By the share of values above the common quantile, which is the same if nothing has changed (Mood 1950)."""
        counts = self.histograms[0].count, self.histograms[1].count
        if not all(counts):
            return 1.0
        parts = above(self.histograms[0], self.bound), above(self.histograms[1], self.bound)
        return _chance_of_shares(parts, counts, self.spread)

    @cached_property
    def ratio(self) -> Interval:
        if not self.before.value or not self.after.value:
            return ANY_RATIO
        low, high = self._change(_log)
        return Interval(exp(low) if low > -inf else 0.0, exp(high) if high < inf else inf)

    @cached_property
    def difference(self) -> Interval:
        if self.before.value is None or self.after.value is None:
            return ANY
        return self._change(lambda seconds: seconds)

    def _change(self, scale: Callable[[float], float]) -> Interval:
        """The interval of the difference on a scale. Where values lie in their buckets is not chance: for the lower
        bound those after lie at the lower edge and those before at the upper one, for the upper bound the other way.
        """
        (low, high), (later_low, later_high) = (
            [scale(edge) for edge in bounds.edges(each, max(1, ceil(self.q * each.count)))] for each in self.histograms
        )
        before, after = (Interval(*map(scale, side.interval)) for side in (self.before, self.after))
        least = bounds.difference(high, before._replace(low=high), later_low, after._replace(high=later_low)).low
        most = bounds.difference(low, before._replace(high=low), later_high, after._replace(low=later_high)).high
        return Interval(least, most)


def above(histogram: Histogram, bound: float) -> int:
    """Number of values in buckets above an edge."""
    scale = 2.0**-histogram.scale
    least = log(bound) / log(2) / scale - 0.01  # edges are a bucket apart, so a hundredth is far from all others
    return sum(n for bucket, n in enumerate(histogram.buckets, histogram.offset) if bucket >= least)


def _chance_of_shares(parts: tuple[float, float], wholes: tuple[float, float], spread: Spread) -> float:
    if not all(wholes):
        return 1.0
    (x, y), (n, m), k = parts, wholes, spread.dispersion
    return with_estimated_spread(shares_differ((x / k, n / k), (y / k, m / k)), spread.freedom)


def _ratio(before: Value, after: Value) -> Interval:
    """The interval of a ratio, by the difference of logarithms. A value of 0 has none."""
    if not before.value or not after.value:
        return ANY_RATIO
    logs = [Interval(*map(_log, side.interval)) for side in (before, after)]
    low, high = bounds.difference(log(before.value), logs[0], log(after.value), logs[1])
    return Interval(exp(low) if low > -inf else 0.0, exp(high) if high < inf else inf)


def _difference(before: Value, after: Value) -> Interval:
    if before.value is None or after.value is None:
        return ANY
    return bounds.difference(before.value, before.interval, after.value, after.interval)


def _log(value: float) -> float:
    return log(value) if 0 < value < inf else inf if value else -inf


def _divided_or_none(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _divided(value: float, by: float) -> float:
    return value / by if by > 0 else inf

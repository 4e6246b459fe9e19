"""Latencies of one time point: counts by bucket of the core's histogram, which add up and have quantiles.

Bucket i of scale s holds the seconds in (b**i, b**(i+1)], where b is 2**(2**-s). Pure.
"""

from __future__ import annotations

from copy import copy
from math import ceil, floor, log2
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netmon._core import Histogram

LEAST = 1e-6
"""Seconds that a latency of zero counts as: the resolution of most captures."""


class Latencies:
    """Counts by bucket at one scale. The scale is lowered where a coarser histogram is added."""

    def __init__(self, scale: int = 4) -> None:
        self.scale = scale
        self.counts: dict[int, int] = {}
        self.count = 0
        self.min: float | None = None
        self.max: float | None = None

    def add(self, histogram: Histogram) -> None:
        """Adds all values of a histogram."""
        if not histogram.count:
            return
        self.coarsen(histogram.scale)
        shift = histogram.scale - self.scale
        for bucket, n in enumerate(histogram.buckets, histogram.offset):
            if n:
                self._put(bucket >> shift, n)
        if histogram.zero_count:
            self._put(floor(log2(LEAST) * 2**self.scale), histogram.zero_count)
        self._reach(histogram.count, histogram.min, histogram.max)

    def plus(self, other: Latencies) -> None:
        """Adds all values of `other`, which has no lower scale after this."""
        other.coarsen(self.scale)
        self.coarsen(other.scale)
        for bucket, n in other.counts.items():
            self._put(bucket, n)
        self._reach(other.count, other.min, other.max)

    def coarsen(self, scale: int) -> None:
        """Lowers the scale to `scale`; does nothing if it is that low already."""
        shift = self.scale - scale
        if shift <= 0:
            return
        counts, self.counts, self.scale = self.counts, {}, scale
        for bucket, n in counts.items():
            self._put(bucket >> shift, n)

    def copy(self) -> Latencies:
        twin = copy(self)
        twin.counts = dict(self.counts)
        return twin

    def quantile(self, q: float) -> float | None:
        """The value at quantile `q` in seconds, as the core computes it; None if there is no value."""
        if not self.count:
            return None
        rank = min(max(ceil(q * self.count), 1), self.count)
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= rank:
                middle = float(2 ** ((bucket + 0.5) / 2**self.scale))
                return min(max(middle, self.min or 0.0), self.max or middle)
        return self.max

    def _put(self, bucket: int, n: int) -> None:
        self.counts[bucket] = self.counts.get(bucket, 0) + n

    def _reach(self, count: int, least: float | None, greatest: float | None) -> None:
        self.count += count
        if least is not None:
            self.min = least if self.min is None else min(self.min, least)
        if greatest is not None:
            self.max = greatest if self.max is None else max(self.max, greatest)

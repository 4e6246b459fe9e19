"""Service level objectives: how fast an error budget burns. Minute counts in, burn rates out; times in microseconds.

A burn rate of 1 uses up the budget exactly. A pair of spans burns if both do, so that an alert fires when much of the
budget is gone and ends soon after the errors do. Counts are kept by minute, so a span of days costs few numbers.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from netmon.alerts.rule import first_bad
from netmon.alerts.watch import micros

if TYPE_CHECKING:
    from collections.abc import Callable

    from netmon._core import Snapshot
    from netmon.alerts.rule import Rule, Window

MINUTE = 60_000_000
"""Microseconds in a minute."""


class Budget:
    """The good and all responses of a rule, by minute."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._minutes: deque[list[int]] = deque()  # [minute, good, total], oldest first
        spans = {span for window in rule.windows for span in (window.long, window.short)}
        self._sums = {span: [0, 0] for span in spans}
        self._minute = 0

    def add(self, now: int, good: int, total: int) -> None:
        """Counts responses of the interval that ends at `now`."""
        minute = now // MINUTE
        if not self._minutes or self._minutes[-1][0] < minute:
            self._minutes.append([minute, 0, 0])
        last = self._minutes[-1]
        last[1] += good
        last[2] += total
        for sums in self._sums.values():
            sums[0] += good
            sums[1] += total
        self.pass_time(now)

    def pass_time(self, now: int) -> None:
        """Forgets what is older than the longest span, and recounts the spans that a minute left."""
        minute = now // MINUTE
        if minute == self._minute:
            return
        self._minute = minute
        for span, sums in self._sums.items():
            first = minute - micros(span) // MINUTE
            kept = [entry for entry in self._minutes if entry[0] > first]
            sums[:] = [sum(entry[1] for entry in kept), sum(entry[2] for entry in kept)]
        oldest = minute - max(map(micros, self._sums), default=0) // MINUTE
        while self._minutes and self._minutes[0][0] <= oldest:
            self._minutes.popleft()

    def burn(self, span: float) -> float:
        """The burn rate over the last `span` seconds; 0 without responses."""
        good, total = self._sums[span]
        allowed = 1 - (self._rule.slo or 0)
        return (total - good) / total / allowed if total else 0.0

    def burns(self, window: Window) -> bool:
        """Whether both spans of a pair burn too fast, with enough responses to say so."""
        is_enough = self._sums[window.long][1] >= max(1, self._rule.min_requests)
        return is_enough and min(self.burn(window.long), self.burn(window.short)) > window.factor

    @property
    def fastest(self) -> float:
        """The burn rate that counts: of the pair that is farthest beyond its factor, the lower of both."""
        pairs = self._rule.windows
        rates = [(min(self.burn(pair.long), self.burn(pair.short)), pair.factor) for pair in pairs]
        return max(rates, key=lambda rate: rate[0] / rate[1], default=(0.0, 1.0))[0]

    @property
    def worst(self) -> Window:
        """The pair whose burn rate is `fastest`."""
        pairs = self._rule.windows
        return max(pairs, key=lambda pair: min(self.burn(pair.long), self.burn(pair.short)) / pair.factor)

    @property
    def left(self) -> float:
        """The share of the error budget that is left of the longest span; below 0 if it is overdrawn."""
        return 1 - self.burn(max(self._sums)) if self._sums else 1.0

    def state(self) -> list[Any]:
        """The minutes, as JSON can hold them."""
        return [list(entry) for entry in self._minutes]

    def resume(self, state: Any, now: int) -> None:
        """Takes up the minutes that `state` gave."""
        self._minutes = deque([int(minute), int(good), int(total)] for minute, good, total in state)
        self._minute = 0
        self.pass_time(now)


def good_of(rule: Rule) -> Callable[[Snapshot], tuple[int, int]]:
    """The function from a snapshot to its good and all responses."""
    limit = first_bad(rule.good)

    def counted(snapshot: Snapshot) -> tuple[int, int]:
        statuses = snapshot.statuses
        return sum(n for status, n in statuses.items() if status < limit), sum(statuses.values())

    return counted

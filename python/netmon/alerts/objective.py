"""Service level objectives: how fast an error budget burns. Minute counts in, burn rates out; times in microseconds.

A burn rate of 1 uses up the budget exactly. A pair of spans burns if both do, so that an alert fires when much of the
budget is gone and ends soon after the errors do. Counts are kept by minute, so a span of days costs few numbers.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from netmon.alerts.plain import count
from netmon.alerts.watch import micros

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from netmon._core import Snapshot
    from netmon.alerts.rule import Rule, Window

MINUTE = 60_000_000
"""Microseconds in a minute."""

INTERIM = frozenset(range(100, 200)) - {101}
"""Statuses after which the response is still to come: RFC 9110, section 15.2. After 101 no other follows."""


class Budget:
    """The good and all responses of a rule, or of one of its rows, by minute."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        # The minutes with responses, oldest first: their number, good responses, all responses.
        self._minutes, self._good, self._total = array("q"), array("q"), array("q")
        spans = {span for window in rule.windows for span in (window.long, window.short)}
        self._sums = {span: _Sum(micros(span) // MINUTE) for span in spans}
        self._minute = 0

    def add(self, now: int, good: int, total: int) -> None:
        """Counts responses of the interval that ends at `now`."""
        minute = now // MINUTE
        if total:
            if not self._minutes or self._minutes[-1] < minute:
                for column, value in ((self._minutes, minute), (self._good, 0), (self._total, 0)):
                    column.append(value)
            self._good[-1] += good
            self._total[-1] += total
            for each in self._sums.values():
                each.good += good
                each.total += total
        self.pass_time(now)

    def pass_time(self, now: int) -> None:
        """Takes what is older than a span out of its sum, and forgets what is older than the longest span."""
        minute = now // MINUTE
        if minute <= self._minute:
            return
        self._minute = minute
        for each in self._sums.values():
            while self._has(each) and self._minutes[each.first] <= minute - each.minutes:
                each.good -= self._good[each.first]
                each.total -= self._total[each.first]
                each.first += 1
        left = min((each.first for each in self._sums.values()), default=0)
        for column in (self._minutes, self._good, self._total):
            del column[:left]
        for each in self._sums.values():
            each.first -= left

    @property
    def next_change(self) -> int | None:
        """When the next minute leaves a span; None if there is none."""
        minutes = [self._minutes[each.first] + each.minutes for each in self._sums.values() if self._has(each)]
        return min(minutes) * MINUTE if minutes else None

    def _has(self, found: _Sum) -> bool:
        return found.first < len(self._minutes)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left of any span."""
        return not self._minutes

    def burn(self, span: float) -> float:
        """The burn rate over the last `span` seconds; 0 without responses."""
        found = self._sums[span]
        allowed = round(1 - (self._rule.slo or 0), 12)  # 1 - 0.9 is a little less than 0.1
        return (found.total - found.good) / found.total / allowed if found.total else 0.0

    def burns(self, window: Window) -> bool:
        """Whether both spans of a pair burn too fast, with enough responses to say so."""
        is_enough = self._sums[window.long].total >= max(1, self._rule.min_requests)
        return is_enough and self._rate(window) > window.factor

    @property
    def worst(self) -> Window:
        """The pair whose burn rate is farthest beyond its factor."""
        return max(self._rule.windows, key=lambda pair: self._rate(pair) / pair.factor)

    @property
    def fastest(self) -> float:
        """The burn rate that counts: that of the worst pair."""
        return self._rate(self.worst)

    def _rate(self, pair: Window) -> float:
        return min(self.burn(pair.long), self.burn(pair.short))

    @property
    def left(self) -> float:
        """The share of the error budget that is left of the longest span; below 0 if it is overdrawn."""
        return 1 - self.burn(max(self._sums)) if self._sums else 1.0

    def state(self) -> list[Any]:
        """The minutes, as JSON can hold them."""
        return [list(entry) for entry in zip(self._minutes, self._good, self._total, strict=True)]

    def resume(self, state: Any, now: int) -> None:
        """Takes up the minutes that `state` gave; ValueError or TypeError for damage."""
        Budget.__init__(self, self._rule)
        before = -1
        for minute, good, total in state:
            if not before < count(minute) or not count(good) <= count(total):
                raise ValueError("the state is damaged: minutes of an error budget are no such minutes")
            if minute <= now // MINUTE:  # the clock may have been set back
                self.add(minute * MINUTE, good, total)
            before = minute
        self.pass_time(now)


class _Sum:
    """The responses of the last `minutes`; `first` is the place of the oldest minute among all."""

    __slots__ = ("first", "good", "minutes", "total")

    def __init__(self, minutes: int) -> None:
        self.minutes, self.first, self.good, self.total = minutes, 0, 0, 0


def counted_by(rule: Rule) -> Callable[[Snapshot], Mapping[str, tuple[int, int]]]:
    """The function from a snapshot to the good and all responses of each row of the rule."""
    if not rule.subsets:
        return lambda snapshot: {"": _without_errors(snapshot)}
    meant, good_ones = rule.subsets

    def counted(snapshot: Snapshot) -> Mapping[str, tuple[int, int]]:
        good = snapshot.subset(*good_ones, "responses") or {}
        every = snapshot.subset(*meant, "responses") or {}
        return {key: (good.get(key, 0), total) for key, total in every.items()}

    return counted


def _without_errors(snapshot: Snapshot) -> tuple[int, int]:
    """A call of gRPC that failed is an error whatever its status; it may end an interval after its response began."""
    total = sum(n for status, n in snapshot.statuses.items() if status not in INTERIM)
    return max(0, total - snapshot.errors), total

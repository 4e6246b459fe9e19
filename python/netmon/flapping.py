"""Alerts of a rule that fires again and again: the first are told, the rest are held and told together once a minute.

Pure: the only time is the time of the alerts and of the snapshots. No firing is lost: each is told, or is one of the
`times` of the alert that stands for those that were held.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from netmon.alerts import Alert, Rule

MINUTE = 60.0
"""Seconds that firings are counted over, and between two alerts that stand for several."""

TOLD = 3
"""Firings within a minute that are told one by one: enough to see that a rule flaps."""


class Flapping:
    """Takes what happened, and gives what is worth a line."""

    def __init__(self) -> None:
        self._rules: dict[Rule, _Repeated] = {}

    def update(self, alerts: Iterable[Alert], now: float) -> list[Alert]:
        """What is to be told of `alerts`, by time, and of those held before, once it is `now`."""
        told: list[Alert] = []
        for alert in alerts:
            told += self._rules.setdefault(alert.rule, _Repeated()).take(alert)
        for repeated in self._rules.values():
            told += repeated.pass_time(now)
        return sorted(told, key=lambda alert: alert.at)

    @property
    def held(self) -> Sequence[Alert]:
        """What would be told of the alerts that are held, if there came no more."""
        return [repeated.summary for repeated in self._rules.values() if repeated.summary]

    def copy(self) -> Flapping:
        """Another one with the same past, which goes on by itself."""
        twin = Flapping()
        twin._rules = {rule: repeated.copy() for rule, repeated in self._rules.items()}
        return twin


class _Repeated:
    """One rule."""

    def __init__(self) -> None:
        self._fired: deque[float] = deque()  # within the last minute, or since the one that is held began
        self._held: Alert | None = None  # the newest of those that are held
        self._due = float("-inf")  # when they are told

    @property
    def summary(self) -> Alert | None:
        times = sum(at > self._due - MINUTE for at in self._fired)
        return self._held and self._held._replace(times=times)

    def copy(self) -> _Repeated:
        twin = _Repeated()
        twin._fired, twin._held, twin._due = self._fired.copy(), self._held, self._due
        return twin

    def take(self, alert: Alert) -> Iterator[Alert]:
        yield from self.pass_time(alert.at)
        if alert.state == "fired":
            while self._fired and self._fired[0] <= alert.at - MINUTE:
                self._fired.popleft()
            self._fired.append(alert.at)
        if self._held is None and (alert.state == "recovered" or len(self._fired) <= TOLD):
            yield alert
            return
        if self._held is None:
            # The minute begins with the first firing that is counted, or where the one before ended.
            self._due = max(self._fired[0] - EARLIER, self._due) + MINUTE
        self._held = alert

    def pass_time(self, now: float) -> Iterator[Alert]:
        if now >= self._due and (summary := self.summary):
            self._held = None
            yield summary


EARLIER = 1e-6
"""A minute that begins with a firing begins this much before it, so that the firing is within."""

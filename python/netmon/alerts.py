"""Alert policy: snapshots in, alerts fired and recovered out.

Pure: the only time is the time of the snapshots, so a rule tried on a capture file fires at the times at which it would
have fired live. At time `at`, a rule adds up a count over the snapshots that end within ``(at - span, at]``. It checks
the sum at the end of every interval, including empty intervals, which a file skips. Reaching the
threshold fires one alert; falling below it gives one recovery. Never sends, prints or stores anything.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from netmon.measures import MEASURES, METRICS, Metric

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from netmon._core import Snapshot


class _Rule(NamedTuple):
    threshold: int
    span: float
    metric: Metric


class Rule(_Rule):
    """An alert when `metric`, added up over the last `span` seconds, is `threshold` or more."""

    __slots__ = ()

    def __new__(cls, threshold: int = 7000, span: float = 120.0, metric: Metric = "hits") -> Self:
        if threshold < 1:
            raise ValueError(f"the threshold of a rule must be 1 or more, not {threshold}")
        if not 0 < span < float("inf"):
            raise ValueError(f"the span of a rule must be a number of seconds above 0, not {span}")
        if metric not in METRICS:
            raise ValueError(f"the metric of a rule must be one of {', '.join(METRICS)}, not {metric!r}")
        return super().__new__(cls, threshold, span, metric)

    @classmethod
    def _make(cls, iterable: Iterable[Any]) -> Self:  # type: ignore[override]
        """Called by `_replace`: checks a changed rule like a new one."""
        return cls(*iterable)


class Alert(NamedTuple):
    """A rule that fired or recovered at time `at`; `value` is the sum at that time, `since` is when it fired.

    With `times` above 1, the alert is the last of that many firings within a minute (`flapping.py`).
    """

    rule: Rule
    state: Literal["fired", "recovered"]
    at: float
    value: int
    since: float
    times: int = 1

    @property
    def duration(self) -> float:
        """Seconds from firing to this event: 0 for the firing itself."""
        return self.at - self.since


class Gauge(NamedTuple):
    """The state of a rule after the newest snapshot; `alert` is its alert that has not recovered, if any."""

    rule: Rule
    value: int
    alert: Alert | None


class AlertPolicy:
    """Applies rules to a stream of snapshots."""

    def __init__(self, rules: Iterable[Rule] = (Rule(),)) -> None:
        self._watches = [_Watch(rule) for rule in rules]

    def update(self, snapshot: Snapshot) -> list[Alert]:
        """Takes the next snapshot and returns the new alerts up to its end, in order of time."""
        alerts = [alert for watch in self._watches for alert in watch.update(snapshot)]
        return sorted(alerts, key=lambda alert: alert.at)

    def copy(self) -> AlertPolicy:
        """Returns an independent copy with the same state."""
        twin = AlertPolicy(())
        twin._watches = [watch.copy() for watch in self._watches]
        return twin

    @property
    def gauges(self) -> Sequence[Gauge]:
        """The state of each rule, in the order of the rules."""
        return [watch.gauge for watch in self._watches]


class _Watch:
    """The state of one rule. Times are whole microseconds here: sums of float intervals would not compare equal."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._counts: deque[tuple[int, int]] = deque()  # (end, count), oldest first, counts above 0 only
        self._sum = 0
        self._now = 0
        self._interval = 0  # length of the shortest snapshot so far; longer ones are several merged
        self._alert: Alert | None = None

    @property
    def gauge(self) -> Gauge:
        return Gauge(self._rule, self._sum, self._alert)

    def copy(self) -> _Watch:
        from copy import copy  # noqa: PLC0415  only going back in a file needs it

        twin = copy(self)
        twin._counts = self._counts.copy()
        return twin

    def update(self, snapshot: Snapshot) -> list[Alert]:
        start, end = _micros(snapshot.start), _micros(snapshot.end)
        if end > start:
            self._interval = min(self._interval or end - start, end - start)
        count = int(MEASURES[self._rule.metric].value(snapshot) or 0)
        events = self._pass_gap(until=start if count else end)  # an empty snapshot may stand for many intervals
        self._now = max(self._now, end)  # packet time may jump backwards; alerts already given stay
        self._forget()
        if count:
            self._counts.append((self._now, count))
            self._sum += count
        return events + self._judge(self._now)

    def _pass_gap(self, until: int) -> list[Alert]:
        """Passes the empty intervals before `until`. Returns a recovery if the sum falls below the threshold there."""
        while self._alert and self._counts and (leaves := self._leaves(self._counts[0][0])) <= until:
            self._now = leaves
            self._forget()
            if events := self._judge(leaves):
                return events
        return []

    def _leaves(self, end: int) -> int:
        """The first end of an interval at which a count made at `end` is out of the span."""
        interval = self._interval or 1
        return end + -(-_micros(self._rule.span) // interval) * interval

    def _forget(self) -> None:
        horizon = self._now - _micros(self._rule.span)
        while self._counts and self._counts[0][0] <= horizon:
            self._sum -= self._counts.popleft()[1]

    def _judge(self, now: int) -> list[Alert]:
        at = now / 1e6
        if self._sum >= self._rule.threshold and self._alert is None:
            self._alert = Alert(self._rule, "fired", at, self._sum, at)
            return [self._alert]
        if self._sum < self._rule.threshold and self._alert is not None:
            since, self._alert = self._alert.at, None
            return [Alert(self._rule, "recovered", at, self._sum, since)]
        return []


def _micros(seconds: float) -> int:
    return round(seconds * 1_000_000)

"""Limits the alerts of a rule that flaps: the first ones pass, the rest are held and reported together once a minute.

Pure: the only time is the time of the alerts and of the snapshots. No firing is lost: each is either reported by
itself or counted in `times` of the alert that sums up the held ones.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from netmon.alerts import Alert, Rule

MINUTE = 60.0
"""Seconds over which firings are counted; also the seconds between two alerts that sum up held ones."""

TOLD = 3
"""Firings within a minute that are reported one by one: enough to see that a rule flaps."""


class Flapping:
    """Takes all alerts of all rules and returns those to report."""

    def __init__(self) -> None:
        self._rows: dict[tuple[Rule, str], _Repeated] = {}

    def update(self, alerts: Iterable[Alert], now: float) -> list[Alert]:
        """Returns what to report by time `now`, in order of time: from `alerts` and from the alerts held before."""
        told: list[Alert] = []
        for alert in alerts:
            told += self._rows.setdefault((alert.rule, alert.key), _Repeated()).take(alert)
        for row, repeated in list(self._rows.items()):
            told += repeated.pass_time(now)
            if repeated.is_calm(now):
                del self._rows[row]
        return sorted(told, key=lambda alert: alert.at)

    @property
    def held(self) -> Sequence[Alert]:
        """One alert for each rule that has held alerts: what to report of them if the capture ends here."""
        return [repeated.summary for repeated in self._rows.values() if repeated.summary]

    def copy(self) -> Flapping:
        """Returns an independent copy with the same state."""
        twin = Flapping()
        twin._rows = {row: repeated.copy() for row, repeated in self._rows.items()}
        return twin


class _Repeated:
    """The firings and the held alert of one rule."""

    def __init__(self) -> None:
        self._fired: deque[float] = deque()  # times of firings in the minute before the newest firing
        self._held: Alert | None = None  # the newest alert that is held; it stands for all held ones
        self._due = float("-inf")  # when the held alerts are reported

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
            # The minute begins with the oldest firing in `_fired`, or at the end of the minute before it.
            self._due = max(self._fired[0] - EARLIER, self._due) + MINUTE
        self._held = alert

    def is_calm(self, now: float) -> bool:
        """Whether nothing happened for so long that the row can be forgotten."""
        return self._held is None and now >= self._due and all(at <= now - MINUTE for at in self._fired)

    def pass_time(self, now: float) -> Iterator[Alert]:
        if now >= self._due and (summary := self.summary):
            self._held = None
            yield summary


EARLIER = 1e-6
"""Seconds by which a minute begins before its first firing. A minute excludes its start, so the firing is inside."""

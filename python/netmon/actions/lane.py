"""The alerts of one rule that wait for one kind of action: a bounded queue, one piece of work at a time, retries.

Alerts and outcomes go in; work, due times and counts come out. Time and chance are arguments. Never runs or posts
anything. A full queue first gives up an alert whose row has a newer state, then the oldest one: the newest state wins.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from netmon.actions.delivery import wait

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netmon.actions.delivery import Outcome
    from netmon.actions.spec import Alert, Kind, Limits, Rule


class Counts(NamedTuple):
    """What became of alerts: each that was taken is done, failed, dropped, unsent, or still waits."""

    taken: int = 0
    done: int = 0
    failed: int = 0
    dropped: int = 0
    """Given up because the queue was full."""
    unsent: int = 0
    """Given up because netmon ended."""
    retried: int = 0
    """Attempts after which the same message was tried again."""

    @property
    def failures(self) -> int:
        return self.failed + self.dropped + self.unsent

    def plus(self, other: Counts) -> Counts:
        return Counts(*map(sum, zip(self, other, strict=True)))


class Work(NamedTuple):
    """What one run or one message is about."""

    alerts: tuple[Alert, ...]
    number: int
    """The same for all attempts."""
    attempt: int = 1
    truncated: int = 0
    """Alerts of the rule that were dropped since the work before."""
    is_reminder: bool = False


class Lane:
    """The lane of the rule called `name`. After a reload, its alerts are of several versions of the rule."""

    def __init__(self, kind: Kind, name: str, limits: Limits) -> None:
        self.kind, self.name = kind, name
        self.trouble = ""
        """Why the last piece of work failed; empty if it did not."""
        self.is_busy = False
        self.due = math.inf
        """When the next piece of work may begin. Infinite for none, and while one is being done."""
        self._limits = limits
        self._counts = dict.fromkeys(Counts._fields, 0)
        self._queue: deque[Alert] = deque()
        self._queued: dict[str, int] = {}
        self._firing: dict[str, Alert] = {}
        self._work: Work | None = None
        self._truncated = 0

    @property
    def counts(self) -> Counts:
        return Counts(**self._counts)

    @property
    def waiting(self) -> int:
        """Alerts that are queued or being worked on."""
        return len(self._queue) + (len(self._work.alerts) if self._work and not self._work.is_reminder else 0)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits, is being done, or will be repeated."""
        return not self.is_busy and math.isinf(self.due)

    def push(self, alert: Alert, now: float, *, reminds: bool = False) -> int:
        """Queues an alert, and repeats it while it goes on if it `reminds`. Returns how many were dropped for it."""
        self._count("taken")
        self._remember(alert, reminds=reminds)
        dropped = self._make_room(alert) if len(self._queue) >= self._limits.queue else 0
        self._queue.append(alert)
        self._queued[alert.key] = self._queued.get(alert.key, 0) + 1
        if not self.is_busy and self._work is None:
            self.due = min(self.due, now)
        return dropped

    def remind(self, firing: Iterable[Alert], now: float) -> None:
        """Replaces the alerts that are repeated."""
        self._firing.clear()
        for alert in firing:
            self._remember(alert, reminds=True)
        if not self.is_busy:
            self._plan(now, reminder=now)

    def begin(self, number: int) -> Work:
        """The work that is due, called `number`; or the work before, with its number, if that is to be tried again."""
        if self._work is None and self._queue:
            self._work = Work(self._take(), number, truncated=self._truncated)
            self._truncated = 0
        if self._work is None:
            self._work = Work(tuple(self._firing.values()), number, is_reminder=True)
        self.is_busy, self.due = True, math.inf
        return self._work

    def end(self, outcome: Outcome, now: float, chance: float) -> bool:
        """Takes how the work ended. Returns whether it will be tried again."""
        work, self.is_busy = self._work, False
        assert work is not None  # noqa: S101  `begin` was called
        self.trouble = outcome.reason
        tries_again = outcome.verdict == "retry" and work.attempt < self._limits.attempts and not work.is_reminder
        if tries_again:
            self._count("retried")
            self.due = now + wait(work.attempt, outcome.asked, self._limits, chance)
            self._work = work._replace(attempt=work.attempt + 1)
            return True
        if not work.is_reminder:
            self._count("done" if outcome.verdict == "done" else "failed", len(work.alerts))
        self._work = None
        self._plan(now, reminder=now + self._limits.remind)
        return False

    def hurry(self, now: float) -> None:
        """Makes work due that waits for its next attempt, and forgets what is only repeated: netmon ends."""
        self._firing.clear()
        if not self.is_busy:
            self.due = now if self.waiting else math.inf

    def give_up(self) -> int:
        """Empties the lane. Returns how many alerts were not sent."""
        unsent = self.waiting
        self._queue.clear()
        self._queued.clear()
        self._firing.clear()
        self._work, self.due = None, math.inf
        self._count("unsent", unsent)
        return unsent

    def _plan(self, now: float, reminder: float) -> None:
        if self._work is None:
            self.due = now if self._queue else reminder if self._firing else math.inf

    def _take(self) -> tuple[Alert, ...]:
        """Takes alerts from the queue: one, or as many as go to the same place, each of another row."""
        first = self._queue[0].rule
        most = 1 if self.kind == "exec" or first.format == "plain" else self._limits.batch
        taken: dict[str, Alert] = {}
        while self._queue and len(taken) < most:
            alert = self._queue[0]
            if alert.key in taken or _destination(alert.rule) != _destination(first):
                break
            taken[alert.key] = self._leave(0)
        return tuple(taken.values())

    def _leave(self, place: int) -> Alert:
        """Takes the alert at a place out of the queue."""
        alert = self._queue[place]
        del self._queue[place]
        self._queued[alert.key] -= 1
        if not self._queued[alert.key]:
            del self._queued[alert.key]
        return alert

    def _remember(self, alert: Alert, *, reminds: bool) -> None:
        if alert.state == "recovered" or not reminds:
            self._firing.pop(alert.key, None)
        elif alert.key in self._firing or len(self._firing) < self._limits.firing:
            self._firing[alert.key] = alert

    def _make_room(self, new: Alert) -> int:
        """Drops the oldest alert whose row has a newer state, or else the oldest alert."""
        out_of_date = 0
        if new.key in self._queued or len(self._queued) < len(self._queue):
            states = {**self._queued, new.key: self._queued.get(new.key, 0) + 1}
            out_of_date = next(place for place, alert in enumerate(self._queue) if states[alert.key] > 1)
        self._leave(out_of_date)
        self._truncated += 1
        self._count("dropped")
        return 1

    def _count(self, what: str, number: int = 1) -> None:
        self._counts[what] += number


def _destination(rule: Rule) -> tuple[str, ...]:
    return rule.webhook, rule.format, rule.secret, rule.secret_file, rule.ca_file

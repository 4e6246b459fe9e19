"""The threads for one kind of action, and the lanes of all rules that they serve.

Alerts go in; `perform` is called for each piece of work, on one of few threads, and `report` for how it ended. Whoever
calls a method waits for no action, unless the name of the method says so.
"""

from __future__ import annotations

import math
import os
import threading
import time
from functools import reduce
from itertools import count
from typing import TYPE_CHECKING

from netmon.actions.agenda import Agenda
from netmon.actions.delivery import Outcome
from netmon.actions.lane import Counts, Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from netmon.actions.lane import Work
    from netmon.actions.spec import Alert, Kind, Limits


class Report:
    """How one run or one attempt ended. `tries_again` says that the work is not over."""

    __slots__ = ("kind", "outcome", "rule", "took", "tries_again", "work")

    def __init__(self, lane: Lane, work: Work, outcome: Outcome, took: float, *, tries_again: bool) -> None:
        self.kind, self.rule = lane.kind, lane.name
        self.work, self.outcome, self.took, self.tries_again = work, outcome, took, tries_again


class Crew:
    """Up to `threads` threads, which start when there is work and stay until `give_up`."""

    def __init__(
        self,
        kind: Kind,
        threads: int,
        limits: Limits,
        perform: Callable[[Work, Callable[[], bool]], Outcome],
        report: Callable[[Report], None],
    ) -> None:
        self._kind, self._most, self._limits = kind, threads, limits
        self._perform, self._report = perform, report
        self._lock = threading.Lock()
        self._work, self._rest = threading.Condition(self._lock), threading.Condition(self._lock)
        self._lanes: dict[str, Lane] = {}
        self._agenda = Agenda()
        self._numbers = count(1)
        self._threads = self._busy = 0
        self._past = Counts()
        self._is_over = False

    @property
    def counts(self) -> Counts:
        """What became of all alerts so far."""
        with self._lock:
            return reduce(Counts.plus, (lane.counts for lane in self._lanes.values()), self._past)

    def trouble(self, rule: str) -> str:
        """Why the last work for the rule of this name failed; empty if it did not."""
        with self._lock:
            lane = self._lanes.get(rule)
            return lane.trouble if lane is not None else ""

    def push(self, alerts: Iterable[Alert], reminds: Callable[[Alert], bool]) -> Sequence[tuple[Alert, int]]:
        """Queues alerts. Returns, for each rule that had to drop some, its last alert and how many were dropped."""
        dropped: dict[str, tuple[Alert, int]] = {}
        with self._lock:
            now = time.monotonic()
            for alert in alerts:
                name = alert.rule.name
                lane = self._lane(name)
                if number := lane.push(alert, now, reminds=reminds(alert)):
                    dropped[name] = (alert, dropped.get(name, (alert, 0))[1] + number)
                self._plan(lane)
        return list(dropped.values())

    def remind(self, firing: Mapping[str, Sequence[Alert]], rules: Collection[str] | None) -> None:
        """Replaces the alerts that are repeated, by rule. Forgets lanes of rules that are not in `rules`, if given."""
        with self._lock:
            now = time.monotonic()
            for name in firing:
                self._lane(name)
            for name, lane in list(self._lanes.items()):
                lane.remind(firing.get(name, ()), now)
                self._plan(lane)
                if rules is not None and name not in rules and lane.is_idle:
                    self._past = self._past.plus(self._lanes.pop(name).counts)

    def hurry(self) -> None:
        """Makes all work due that waits for its next attempt: netmon ends."""
        with self._lock:
            for lane in self._lanes.values():
                lane.hurry(time.monotonic())
                self._plan(lane)

    def wait(self, end: float) -> None:
        """Waits until nothing is being done or due before `end`, at most until then."""
        with self._lock:
            while (self._busy or self._agenda.due <= end) and (left := end - time.monotonic()) > 0:
                self._rest.wait(left)

    def give_up(self) -> Mapping[str, int]:
        """Ends what is being done, and drops the rest. Returns how many alerts of each rule were not sent."""
        with self._lock:
            self._is_over = True
            unsent = {name: number for name, lane in self._lanes.items() if (number := lane.give_up())}
            for lane in self._lanes.values():
                self._agenda.plan(lane)
            self._work.notify_all()
        return unsent

    def settle(self, end: float) -> None:
        """Waits until nothing is being done, at most until `end`."""
        with self._lock:
            while self._busy and (left := end - time.monotonic()) > 0:
                self._rest.wait(left)

    def _lane(self, name: str) -> Lane:
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = Lane(self._kind, name, self._limits)
        return lane

    def _plan(self, lane: Lane) -> None:
        """Notes when a lane is due, and sees to it that a thread is there for it."""
        self._agenda.plan(lane)
        if math.isinf(lane.due) or self._is_over:
            return
        if self._threads < min(len(self._lanes), self._most):
            thread = threading.Thread(target=self._serve, name=f"netmon-{self._kind}", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system has no thread left; the next alert tries again
                return
            self._threads += 1
        self._work.notify()

    def _serve(self) -> None:
        """The life of a thread: takes the lane that has been due for longest, and does its work."""
        while (taken := self._next()) is not None:
            lane, work = taken
            started = time.monotonic()
            outcome = self._outcome(work)
            took = time.monotonic() - started
            with self._lock:
                self._busy -= 1
                is_over = self._is_over
                tries_again = not is_over and lane.end(outcome, time.monotonic(), _chance())
                if not is_over:
                    self._plan(lane)
                self._rest.notify_all()
            if not is_over:
                self._report(Report(lane, work, outcome, took, tries_again=tries_again))

    def _next(self) -> tuple[Lane, Work] | None:
        """Waits for work. Returns None at the end."""
        with self._lock:
            while not self._is_over:
                if (lane := self._agenda.next(time.monotonic())) is not None:
                    self._busy += 1
                    return lane, lane.begin(next(self._numbers))
                due = self._agenda.due
                self._work.wait(None if math.isinf(due) else max(0.0, due - time.monotonic()))
        return None

    def _outcome(self, work: Work) -> Outcome:
        try:
            return self._perform(work, lambda: self._is_over)
        except Exception as error:  # a defect in an action must not end the thread that serves all rules
            return Outcome("failed", f"fails: {type(error).__name__}")  # its text may quote a secret


def _chance() -> float:
    """A number from 0 to 1, another one each time."""
    return os.urandom(1)[0] / 255

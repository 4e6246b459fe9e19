"""`Actions`: takes alerts and carries out what their rules say, on threads of its own.

`take` puts alerts into lanes and returns; threads, few and bounded, take work from the lanes and do it. Commands and
messages have separate threads, so a command that hangs delays no message. Whatever happens is told through `on_event`,
which is called on any of these threads, and on the caller's for what is dropped. No failure of an action is raised.
"""

from __future__ import annotations

import math
import os
import threading
import time
from contextlib import suppress
from functools import reduce
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

from netmon import format as fmt
from netmon.actions import spec
from netmon.actions.delivery import Outcome
from netmon.actions.lane import Counts, Lane
from netmon.actions.perform import Performer, reminds, subject
from netmon.actions.spec import KINDS, Kind, Limits

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Mapping

    from netmon.actions.lane import Work
    from netmon.actions.spec import Alert, Rule

EVENT = "action"
"""The name of every event. Its field `outcome` is done, retry, failed, dropped or unsent."""

LAST = 5.0
"""Seconds that `close` waits, after its patience, for commands that it ends."""


def _chance() -> float:
    """A number from 0 to 1, another one each time."""
    return os.urandom(1)[0] / 255


class OnEvent(Protocol):
    """Takes an event: its name, its level as in `logging`, and fields, of which `message` says all in one line."""

    def __call__(self, name: str, level: str, /, **fields: Any) -> None: ...


def _ignore(_name: str, _level: str, /, **_fields: Any) -> None:
    """Takes an event and does nothing."""


class Actions:
    """Runs commands and posts messages for the alerts of `rules`. Raises ValueError for settings that are not allowed.

    `instance` is the name of this machine in messages; of `environment` commands inherit a part; `context` makes the
    TLS settings. Their defaults are those of this machine and this process.
    """

    def __init__(
        self,
        rules: Iterable[Rule] = (),
        *,
        on_event: OnEvent = _ignore,
        limits: Limits | None = None,
        instance: str | None = None,
        environment: Mapping[str, str] | None = None,
        context: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._on_event = on_event
        self._performer = Performer(
            self._limits,
            instance=os.uname().nodename if instance is None else instance,
            run_id=os.urandom(8).hex(),
            environment=os.environ if environment is None else environment,
            context=context,
        )
        self._numbers = count(1)
        self._changed = threading.Condition()
        self._lanes: dict[tuple[Kind, str], Lane] = {}
        self._threads = dict.fromkeys(KINDS, 0)
        self._past = Counts()
        self._is_closing = self._is_over = False
        for rule in rules:
            spec.check(rule)

    @property
    def counts(self) -> Counts:
        """What became of all alerts so far."""
        with self._changed:
            return reduce(Counts.plus, (lane.counts for lane in self._lanes.values()), self._past)

    @property
    def failures(self) -> int:
        """Actions that failed, were dropped, or were not done when netmon ended."""
        return self.counts.failures

    def trouble(self, rule: str) -> str:
        """Why the last action of the rule of this name failed; empty if none did. Sanitized."""
        with self._changed:
            found = [self._lanes.get((kind, rule)) for kind in KINDS]
            return "; ".join(f"{lane.kind} {lane.trouble}" for lane in found if lane and lane.trouble)

    def take(self, alerts: Iterable[Alert]) -> None:
        """Queues the actions of new alerts. Returns at once. After `close` it does nothing."""
        dropped: list[tuple[Kind, Alert]] = []
        with self._changed:
            if self._is_closing:
                return
            now = time.monotonic()
            for alert in alerts:
                for kind in KINDS:
                    if not getattr(alert.rule, kind, None):
                        continue
                    lane = self._lane(kind, alert.rule.name)
                    if lane.push(alert, now, reminds=kind == "webhook" and reminds(alert.rule)):
                        dropped.append((kind, alert))
            self._start_threads()
            self._changed.notify_all()
        for kind, alert in dropped:
            name = subject(kind, alert.rule)
            self._tell("dropped", "warning", kind, alert.rule.name, f"{name} cannot keep up; an older alert is dropped")

    def resume(self, firing: Iterable[Alert], rules: Iterable[Rule] | None = None) -> None:
        """Takes the alerts that fire at the moment, after a restart or after `rules` were reloaded.

        Nothing is run or posted for them again, but Alertmanager is told of them again while they go on. What waits is
        done as it was queued. Raises ValueError for a rule whose settings are not allowed, and then changes nothing.
        """
        rules = None if rules is None else list(rules)
        for rule in rules or ():
            spec.check(rule)
        reminded: dict[str, list[Alert]] = {}
        for alert in firing:
            if reminds(alert.rule):
                reminded.setdefault(alert.rule.name, []).append(alert)
        with self._changed:
            now = time.monotonic()
            for name in reminded:
                self._lane("webhook", name)
            for (kind, name), lane in list(self._lanes.items()):
                if kind == "webhook":
                    lane.remind(reminded.get(name, ()), now)
                if rules is not None and lane.is_idle and not any(rule.name == name for rule in rules):
                    self._past = self._past.plus(self._lanes.pop((kind, name)).counts)
            self._start_threads()
            self._changed.notify_all()

    def close(self, patience: float = 0.0) -> int:
        """Waits for what is queued and running, for `patience` seconds at most, then gives up the rest.

        A command that still runs is ended. Returns how many alerts had an action that was not done, and tells of each
        rule. Calling it again does nothing.
        """
        end = time.monotonic() + patience
        with self._changed:
            self._is_closing = True
            for lane in self._lanes.values():
                lane.hurry(time.monotonic())
            self._changed.notify_all()
            try:
                while self._has_work_before(end) and (left := end - time.monotonic()) > 0:
                    self._changed.wait(left)
            finally:  # also when a second Ctrl+C ends the waiting
                self._is_over = True
                given_up = [(lane, lane.give_up()) for lane in self._lanes.values()]
                self._changed.notify_all()
            ends = time.monotonic() + LAST
            while self._runs_commands() and (left := ends - time.monotonic()) > 0:
                self._changed.wait(left)
        for lane, number in given_up:
            if number:
                what = f"{fmt.plural(number, 'alert')} not delivered before the end"
                self._tell("unsent", "error", lane.kind, lane.name, f"{lane.kind}: {what}", unsent=number)
        return sum(number for _, number in given_up)

    def _has_work_before(self, end: float) -> bool:
        return any(lane.is_busy or lane.due <= end for lane in self._lanes.values())

    def _runs_commands(self) -> bool:
        return any(lane.is_busy and lane.kind == "exec" for lane in self._lanes.values())

    def _lane(self, kind: Kind, name: str) -> Lane:
        return self._lanes.setdefault((kind, name), Lane(kind, name, self._limits))

    def _start_threads(self) -> None:
        """Starts as many threads as there are lanes to serve, within the limit. They stay until `close`."""
        most = {"exec": self._limits.commands, "webhook": self._limits.posts}
        for kind in KINDS:
            wanted = sum(lane.kind == kind and not lane.is_idle for lane in self._lanes.values())
            while self._threads[kind] < min(wanted, most[kind]):
                thread = threading.Thread(target=self._serve, args=(kind,), name=f"netmon-{kind}", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the system has no thread left; the next alert tries again
                    return
                self._threads[kind] += 1

    def _serve(self, kind: Kind) -> None:
        """The life of a thread: takes the lane that has been due for longest, and does its work."""
        while True:
            with self._changed:
                while (lane := self._next(kind)) is None:
                    if self._is_over:
                        return
                    self._changed.wait(self._until_next(kind))
                work = lane.begin(next(self._numbers))
            started = time.monotonic()
            outcome = self._done(kind, work)
            with self._changed:
                is_given_up = self._is_over
                if is_given_up:
                    lane.is_busy = False
                tries_again = not is_given_up and lane.end(outcome, time.monotonic(), _chance())
                self._changed.notify_all()
            if not is_given_up:
                self._report(lane, work, outcome, tries_again=tries_again, took=time.monotonic() - started)

    def _next(self, kind: Kind) -> Lane | None:
        if self._is_over:
            return None
        lanes = (lane for lane in self._lanes.values() if lane.kind == kind)
        lane = min(lanes, key=lambda each: each.due, default=None)
        return lane if lane is not None and lane.due <= time.monotonic() else None

    def _until_next(self, kind: Kind) -> float | None:
        due = min((lane.due for lane in self._lanes.values() if lane.kind == kind), default=math.inf)
        return None if math.isinf(due) else max(0.0, due - time.monotonic())

    def _done(self, kind: Kind, work: Work) -> Outcome:
        try:
            return self._performer.run(work, lambda: self._is_over) if kind == "exec" else self._performer.post(work)
        except Exception as error:  # a defect in an action must not end the thread that serves all
            return Outcome("failed", f"fails: {fmt.sanitize(repr(error))}")

    def _report(self, lane: Lane, work: Work, outcome: Outcome, *, tries_again: bool, took: float) -> None:
        """Tells how one run or one attempt ended."""
        alert = work.alerts[0]
        name = subject(lane.kind, alert.rule)
        fields: dict[str, Any] = {"state": alert.state, "alerts": len(work.alerts), "took": round(took, 3)}
        fields |= {"attempt": work.attempt} if lane.kind == "webhook" else {}
        fields |= {"key": fmt.sanitize(alert.key)} if alert.key else {}
        fields |= {"output": outcome.output} if outcome.output else {}
        if outcome.verdict == "done":
            level = "debug" if work.is_reminder else "info"
            how = "has run" if lane.kind == "exec" else "accepts it"
            self._tell("done", level, lane.kind, lane.name, f"{name} {how} ({alert.state})", **fields)
        elif tries_again:
            text = f"{name} {outcome.reason}; it is tried again"
            self._tell("retry", "info", lane.kind, lane.name, text, reason=outcome.reason, **fields)
        else:
            more = f", after {work.attempt} attempts" if work.attempt > 1 else ""
            text = f"{name} {outcome.reason}{more}"
            level = "warning" if work.is_reminder else "error"
            self._tell("failed", level, lane.kind, lane.name, text, reason=outcome.reason, **fields)

    def _tell(self, outcome: str, level: str, kind: Kind, rule: str, text: str, **fields: Any) -> None:
        """Hands an event over. Whoever takes it must not be able to end a thread or the capture."""
        rule = fmt.sanitize(rule)
        with suppress(Exception):
            self._on_event(
                EVENT, level, message=f"alert {rule}: {text}", rule=rule, kind=kind, outcome=outcome, **fields
            )

"""`Actions`: takes alerts and carries out what their rules say, on threads of its own.

`take` puts alerts into queues and returns. Commands and messages have separate threads, so a command that hangs delays
no message. Whatever happens is told through `on_event`, which is called on any of these threads, and on the caller's
for what is dropped. No failure of an action is raised.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from netmon import format as fmt
from netmon.actions import spec
from netmon.actions.crew import Crew
from netmon.actions.perform import Performer, reminds, subject
from netmon.actions.spec import KINDS, Kind, Limits

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Mapping

    from netmon.actions.crew import Report
    from netmon.actions.lane import Counts
    from netmon.actions.spec import Alert, Rule

EVENT = "action"
"""The name of every event. Its field `outcome` is done, retry, failed, dropped or unsent."""

LAST = 1.0
"""Seconds that `close` waits, after its patience, for commands that it ends."""


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
        for rule in rules:
            spec.check(rule)
        self._on_event = on_event
        self._is_closing = False
        limits = limits or Limits()
        performer = Performer(
            limits,
            instance=os.uname().nodename if instance is None else instance,
            run_id=os.urandom(8).hex(),
            environment=os.environ if environment is None else environment,
            context=context,
        )
        self._crews: Mapping[Kind, Crew] = {
            "exec": Crew("exec", limits.commands, limits, performer.run, self._report),
            "webhook": Crew("webhook", limits.posts, limits, performer.post, self._report),
        }

    @property
    def counts(self) -> Counts:
        """What became of all alerts so far."""
        return self._crews["exec"].counts.plus(self._crews["webhook"].counts)

    @property
    def failures(self) -> int:
        """Actions that failed, were dropped, or were not done when netmon ended."""
        return self.counts.failures

    def trouble(self, rule: str) -> str:
        """Why the last action of the rule of this name failed; empty if none did. Sanitized."""
        found = ((kind, crew.trouble(rule)) for kind, crew in self._crews.items())
        return "; ".join(f"{kind} {trouble}" for kind, trouble in found if trouble)

    def take(self, alerts: Iterable[Alert]) -> None:
        """Queues the actions of new alerts. Returns at once. After `close` it does nothing."""
        if self._is_closing:
            return
        alerts = list(alerts)
        for kind, crew in self._crews.items():
            mine = [alert for alert in alerts if getattr(alert.rule, kind, None)]
            for alert, number in crew.push(mine, lambda alert: reminds(alert.rule)) if mine else ():
                older = f"{fmt.plural(number, 'older alert')} dropped"
                text = f"{subject(kind, alert.rule)} cannot keep up: {older}"
                self._tell("dropped", "warning", kind, alert.rule.name, text, dropped=number)

    def resume(self, firing: Iterable[Alert], rules: Iterable[Rule] | None = None) -> None:
        """Takes the alerts that fire at the moment, after a restart or after `rules` were reloaded.

        Nothing is run or posted for them again, but Alertmanager is told of them again while they go on. What waits is
        done as it was queued. Raises ValueError for a rule whose settings are not allowed, and then changes nothing.
        """
        names: set[str] | None = None
        if rules is not None:
            names = set()
            for rule in rules:
                spec.check(rule)
                names.add(rule.name)
        reminded: dict[str, list[Alert]] = {}
        for alert in firing:
            if reminds(alert.rule):
                reminded.setdefault(alert.rule.name, []).append(alert)
        self._crews["exec"].remind({}, names)
        self._crews["webhook"].remind(reminded, names)

    def close(self, patience: float = 0.0) -> int:
        """Waits for what is queued and running, for `patience` seconds at most, then gives up the rest.

        A command that still runs is ended. Returns how many alerts had an action that was not done, and tells of each
        rule. Calling it again does nothing.
        """
        end = time.monotonic() + patience
        self._is_closing = True
        crews = self._crews.values()
        try:
            for crew in crews:
                crew.hurry()
            for crew in crews:
                crew.wait(end)
        finally:  # also when a second Ctrl+C ends the waiting
            unsent = [(kind, name, n) for kind in KINDS for name, n in self._crews[kind].give_up().items()]
        self._crews["exec"].settle(time.monotonic() + LAST)
        for kind, name, number in unsent:
            text = f"{kind}: {fmt.plural(number, 'alert')} not delivered before the end"
            self._tell("unsent", "error", kind, name, text, unsent=number)
        return sum(number for _, _, number in unsent)

    def _report(self, report: Report) -> None:
        """Tells how one run or one attempt ended."""
        kind, work, outcome = report.kind, report.work, report.outcome
        alert = work.alerts[0]
        name = subject(kind, alert.rule)
        fields: dict[str, Any] = {"state": alert.state, "alerts": len(work.alerts), "took": round(report.took, 3)}
        fields |= {"attempt": work.attempt} if kind == "webhook" else {}
        fields |= {"key": fmt.sanitize(alert.key)} if alert.key else {}
        fields |= {"output": outcome.output} if outcome.output else {}
        if outcome.verdict == "done":
            how = "has run" if kind == "exec" else "accepts it"
            level = "debug" if work.is_reminder else "info"
            self._tell("done", level, kind, report.rule, f"{name} {how} ({alert.state})", **fields)
        elif report.tries_again:
            text = f"{name} {outcome.reason}; it is tried again"
            self._tell(
                "retry",
                "warning" if work.attempt == 1 else "info",
                kind,
                report.rule,
                text,
                reason=outcome.reason,
                **fields,
            )
        else:
            more = f", after {work.attempt} attempts" if work.attempt > 1 else ""
            level = "warning" if work.is_reminder else "error"
            text = f"{name} {outcome.reason}{more}"
            self._tell("failed", level, kind, report.rule, text, reason=outcome.reason, **fields)

    def _tell(self, outcome: str, level: str, kind: Kind, rule: str, text: str, **fields: Any) -> None:
        """Hands an event over. Whoever takes it must not be able to end a thread or the capture."""
        rule = fmt.sanitize(rule)
        with suppress(Exception):
            self._on_event(
                EVENT, level, message=f"alert {rule}: {text}", rule=rule, kind=kind, outcome=outcome, **fields
            )

"""Carries out one piece of work: puts together what `command` runs and what `webhook` posts.

Work goes in, an `Outcome` comes out. Knows the time, this machine and its environment, and no queue.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon._core import __version__
from netmon.actions import address, credentials, messages, spec
from netmon.actions.delivery import DELIVERY, SIGNATURE, Outcome, signature
from netmon.actions.facts import variables

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from netmon.actions.lane import Work
    from netmon.actions.spec import Kind, Limits, Rule


class Performer:
    """`instance` names this machine in messages, `run_id` this run of netmon. `context` makes the TLS settings."""

    def __init__(
        self,
        limits: Limits,
        *,
        instance: str,
        run_id: str,
        environment: Mapping[str, str],
        context: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        self._limits, self._instance, self._run_id = limits, instance, run_id
        self._environment, self._context = environment, context

    def run(self, work: Work, is_over: Callable[[], bool]) -> Outcome:
        """Runs the command of a rule for its alert, and ends it once `is_over`."""
        from netmon.actions import command  # noqa: PLC0415  loads slowly, and is needed once an alert fires

        (alert,) = work.alerts
        effective = os.geteuid()
        who = command.identity(self._environment, effective)
        return command.run(
            alert.rule.exec,
            {**command.surroundings(self._environment, effective, who), **variables(alert)},
            messages.plain(alert),
            timeout=spec.timeout("exec", alert.rule),
            who=who,
            is_over=is_over,
        )

    def post(self, work: Work, _is_over: Callable[[], bool]) -> Outcome:
        """Posts one message about the alerts of a rule: one attempt, which the end of netmon does not wait for."""
        from netmon.actions import webhook  # noqa: PLC0415  as above

        rule, now = work.alerts[0].rule, time.time()
        try:
            to = address.parse(rule.webhook)
        except ValueError as error:
            return Outcome("failed", f"is a URL that {error}")
        try:
            secret = rule.secret or (rule.secret_file and credentials.key(rule.secret_file))
            trusted = credentials.trusting(rule.ca_file) if rule.ca_file else None
        except ValueError as error:
            return Outcome("failed", f"is sent nothing: {fmt.sanitize(str(error))}")
        to, body = self._message(to, rule, work, now)
        fields = {
            "Content-Type": "application/json",
            "User-Agent": f"netmon/{__version__}",
            DELIVERY: f"{self._run_id}-{work.number}",
        }
        if secret:
            fields[SIGNATURE] = signature(secret, int(now), body)
        context = self._context if trusted is None else lambda: trusted
        return webhook.post(to, body, fields, timeout=spec.timeout("webhook", rule), context=context)

    def _message(self, to: address.Address, rule: Rule, work: Work, now: float) -> tuple[address.Address, bytes]:
        """Where a message goes, and its body."""
        if rule.format == "plain":
            return to, messages.plain(work.alerts[0])
        if api := address.api(to):
            remind = self._limits.remind
            return api, messages.api(work.alerts, instance=self._instance, now=now, remind=remind)
        return to, messages.webhook(work.alerts, instance=self._instance, truncated=work.truncated)


def reminds(rule: Rule) -> bool:
    """Whether a rule posts to Alertmanager's API, where an alert that nobody repeats counts as resolved.

    An alert about a newcomer (`new`) never recovers, so it is not repeated.
    """
    if not rule.webhook or rule.format == "plain" or getattr(rule, "new", None):
        return False
    try:
        return address.api(address.parse(rule.webhook)) is not None
    except ValueError:
        return False


def subject(kind: Kind, rule: Rule) -> str:
    """What messages call an action: its program, or the origin of its URL. Sanitized."""
    if kind == "exec":
        return fmt.sanitize(rule.exec[0])
    try:
        return fmt.sanitize(address.parse(rule.webhook).origin)
    except ValueError:
        return "webhook"

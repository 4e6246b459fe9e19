"""What is sent next, and when. Pure: time, chance and outcomes are arguments.

Of cumulative sums only the newest matter, so an export that failed is simply followed by one of what is known then. Of
sums since the last export nothing may be left out: what was not taken is added to what came meanwhile. So either way
one request is waiting at most.
"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from netmon.actions.delivery import wait
from netmon.actions.spec import Limits
from netmon.otlp.answer import said

if TYPE_CHECKING:
    from netmon._core import Metrics
    from netmon.actions.delivery import Outcome
    from netmon.otlp.target import Target

LIMITS = Limits(first_wait=1.0, longest_wait=60.0, longest_asked=300.0)
"""How long to wait after a failure."""

GRPC = 4317
GRPC_HINT = f"; {GRPC} is usually the port for gRPC, and 4318 the one for HTTP"
"""The port that is often given by mistake, and what is said then."""

LEVEL = 5
"""How hard to compress, as pages are."""


class Exports:
    """The exports of one target. `due` is when the next one is to be sent."""

    def __init__(self, target: Target, metrics: Metrics, now: float) -> None:
        self._target, self._metrics = target, metrics
        self._pending: Metrics | None = None
        self._failures = 0
        self._warning = ""
        self._began = now
        self.due = now
        self.is_refused = False
        """Whether the last export was not taken."""

    def body(self, now: float) -> bytes:
        """The body of an export that begins now."""
        self._began = now
        metrics = self._metrics
        if self._target.is_delta:
            metrics = metrics.take()
            if self._pending is not None:
                metrics.absorb(self._pending)
            self._pending = metrics
        made = metrics.otlp(self._target.resource, explicit=self._target.is_explicit, delta=self._target.is_delta)
        return gzip.compress(made, LEVEL, mtime=0) if self._target.is_packed else made

    def ended(self, outcome: Outcome, now: float, chance: float) -> str:
        """What became of the export. Returns what to tell a person; each trouble is told once."""
        was_refused, regular = self.is_refused, max(now, self._began + self._target.interval)
        if outcome.verdict == "done":
            news, self._warning = outcome.output not in ("", self._warning), outcome.output
            self._pending, self._failures, self.is_refused, self.due = None, 0, False, regular
            return outcome.output if news else "takes metrics again" if was_refused else ""
        self.is_refused = True
        hint = GRPC_HINT if self._target.address.port == GRPC else ""
        if outcome.verdict == "retry":
            self._failures += 1
            self.due = now + wait(self._failures, outcome.asked, LIMITS, chance)
            return "" if was_refused else f"{outcome.reason}, trying again{hint}"
        lost = "; what was counted since the last export is lost" if self._pending is not None else ""
        self._pending, self._failures, self.due = None, 0, regular
        return f"{outcome.reason}{said(outcome.output)}{lost}{hint}" if not was_refused or lost else ""

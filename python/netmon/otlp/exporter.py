"""The thread that sends metrics. The session never waits for it, but at the end, and then within its patience."""

from __future__ import annotations

import errno
import random
import time
from contextlib import suppress
from threading import Condition, Thread
from typing import TYPE_CHECKING

from netmon.actions import webhook
from netmon.otlp.answer import judge, warning
from netmon.otlp.exports import Exports

if TYPE_CHECKING:
    from collections.abc import Callable

    from netmon._core import Metrics
    from netmon.actions.delivery import Outcome
    from netmon.otlp.target import Target
    from netmon.outlet import Patience

STEP = 0.1
"""Seconds of one wait for the last export, since a signal may shorten the patience meanwhile."""


class Exporter:
    """The outlet of a target: sends the sums of `metrics` from the first interval on, and a last time at the end."""

    def __init__(
        self,
        target: Target,
        metrics: Metrics,
        patience: Patience,
        *,
        post: Callable[..., Outcome] = webhook.post,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._target, self._metrics, self._patience = target, metrics, patience
        self._post, self._clock, self._chance = post, clock, chance
        self._exports = Exports(target, metrics, clock())
        self._has_begun = self._is_ending = self._is_over = self._is_abandoned = False
        self._news: list[str] = []
        self._reason = ""
        self._changed = Condition()
        self._thread = Thread(target=self._run, name="netmon-otlp", daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """Says that there is something to send. Never waits."""
        if not self._has_begun:
            with self._changed:
                self._has_begun = True
                self._changed.notify_all()

    def end(self) -> None:
        """Says that the sums are complete: they are sent a last time, at once. Never waits."""
        with self._changed:
            self._is_ending = True
            self._changed.notify_all()

    def news(self) -> list[str]:
        """Returns the new messages about the target for a person, and clears them."""
        news, self._news = self._news, []
        return news

    def abandon(self) -> None:
        """Sends nothing more, and waits for nothing."""
        self._is_abandoned = True

    def close(self) -> None:
        """Waits for the last export, as long as it may take. Raises OSError if it was not taken."""
        self.end()
        until = self._clock() + 2 * self._target.timeout  # one export may be under way
        with self._changed:
            while not (self._is_over or self._is_abandoned):
                left = min(self._patience.left, until - self._clock())
                if left <= 0:
                    break
                self._changed.wait(min(STEP, left))
        if self._is_abandoned or not self._has_begun:
            return
        if not self._is_over or self._exports.is_refused:
            reason = self._reason if self._is_over else "did not take the last metrics in time"
            raise OSError(errno.EIO, f"{reason}; the newest metrics are missing there", self._target.shown)

    def _run(self) -> None:
        try:
            while self._wait():
                self._export()
            if self._has_begun:
                self._export(is_last=True)
        except Exception as error:  # nothing else would tell that metrics are not sent any more
            self._reason = f"metrics cannot be sent: {error!r}"
            self._exports.is_refused = True
            self._news.append(f"{self._target.shown}: {self._reason}")
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _wait(self) -> bool:
        """Waits until an export is due. False if it is the last one."""
        with self._changed:
            while not self._is_ending:
                left = self._exports.due - self._clock() if self._has_begun else None
                if left is not None and left <= 0:
                    return True
                self._changed.wait(left)
        return False

    def _export(self, *, is_last: bool = False) -> None:
        target = self._target
        body = self._exports.body(self._clock())
        timeout = min(target.timeout, max(self._patience.left, STEP)) if is_last else target.timeout
        ways = {"timeout": timeout, "context": target.context, "judge": judge, "said": warning}
        outcome = self._post(target.address, body, target.fields, **ways)
        self._reason = outcome.reason
        if told := self._exports.ended(outcome, self._clock(), self._chance()):
            self._news.append(f"{target.shown}: {told}")


def hostname() -> str:
    """The name of this machine; ``localhost`` if it has none."""
    import socket  # noqa: PLC0415  loaded with the exporter

    with suppress(OSError):
        return socket.gethostname() or "localhost"
    return "localhost"

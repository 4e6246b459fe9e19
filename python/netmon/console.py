"""The outside world of a session: streams, terminal, environment and signals, as one value that a test can replace."""

from __future__ import annotations

import os
import select
import signal
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple, Self, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType


PATIENCE = 1.0
"""Seconds that a terminal which does not read is waited for."""


class Console(NamedTuple):
    """Where a person or a pipe is."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    environment: Mapping[str, str]

    @classmethod
    def of_process(cls) -> Self:
        return cls(sys.stdin, sys.stdout, sys.stderr, os.environ)

    @property
    def is_terminal(self) -> bool:
        """Whether a screen can be drawn and keys read."""
        return self._can_draw and self.stdout.isatty() and self.stdin.isatty()

    def wants_color(self, when: str, stream: TextIO | None = None) -> bool:
        """Whether colour is right on stdout or another stream, for ``--color always``, ``never`` or ``auto``."""
        if when != "auto":
            return when == "always"
        return self._can_draw and (stream or self.stdout).isatty() and not self.environment.get("NO_COLOR")

    @property
    def speaks_unicode(self) -> bool:
        return "utf" in (self.stdout.encoding or "").lower()

    def say(self, text: str) -> None:
        """Writes to standard error; a terminal that hung up or does not read has nobody to tell."""
        with suppress(OSError):
            if self._is_heard:
                self.stderr.write(text)
                self.stderr.flush()

    @property
    def _is_heard(self) -> bool:
        """Whether writing to standard error will not wait for ever."""
        if not self.stderr.isatty():
            return True
        ready = select.poll()
        ready.register(self.stderr, select.POLLOUT)
        return bool(ready.poll(PATIENCE * 1000))

    @property
    def _can_draw(self) -> bool:
        return self.environment.get("TERM", "dumb") != "dumb"


@contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Signals stop gently; a second SIGINT is a KeyboardInterrupt, which ends at once."""

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

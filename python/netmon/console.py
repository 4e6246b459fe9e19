"""The outside world of a session: streams, terminal, environment and signals, as one value that a test can replace."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple, Self, TextIO

from netmon import outlet
from netmon.outlet import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType


PATIENCE = 1.0
"""Seconds that a terminal which does not read is waited for."""

LAST = 0.5
"""Seconds that standard error is waited for when nothing else is left to do."""


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

    def say(self, text: str, patience: Patience | None = None) -> None:
        """Writes to standard error, waiting no longer than there is patience; one that does not read is not told."""
        with suppress(OSError):
            self.stderr.flush()
            fd = fileno(self.stderr)
            if fd is None:
                self.stderr.write(text)
                return
            said = outlet.of_stream(fd, "standard error", patience or Patience(LAST - outlet.GRACE), ours=False)
            said.write(text.encode(self.stderr.encoding or "utf-8", "replace"))
            said.close()

    def stdout_outlet(self, patience: Patience) -> outlet.Outlet | None:
        """Standard output, waited for no longer than there is patience; None where it is no descriptor."""
        self.stdout.flush()
        fd = fileno(self.stdout)
        return None if fd is None else outlet.of_stream(fd, "standard output", patience)

    @property
    def _can_draw(self) -> bool:
        return self.environment.get("TERM", "dumb") != "dumb"


def fileno(stream: TextIO) -> int | None:
    """The descriptor of a stream, if it has one."""
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None


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

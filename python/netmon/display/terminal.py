"""What goes to a terminal: text in, bytes out as fast as the terminal takes them, and never a wait.

A terminal that stops reading (a hung ssh, a stopped tmux) would block whoever writes to it, and with it the event loop,
keys and signals. So it is written to without blocking; what it does not take is kept, and whoever draws asks
`is_behind` and draws no more meanwhile. One that is gone takes everything and shows nothing.
"""

from __future__ import annotations

import os
import select
import termios
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, TextIO

from netmon.console import PATIENCE

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

ENTER = "\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J"

NO_MOUSE = b"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l"

# Ends what may have been cut in the middle, then: colours, alternate screen, cursor, mouse, pasting as they were.
RESTORE = b"\x18\x1b[0m\x1b[?1049l\x1b[?25h" + NO_MOUSE + b"\x1b[?2004l\r"

QUIET = 0.05
"""Seconds without a report after which a mouse that was told to be quiet is; one in motion reports more often."""

PATIENCE_WITH_MOUSE = 0.5
"""Seconds that is waited for at the most."""

LOCAL, CHARACTERS = 3, 6
"""Where the attributes of a terminal have the modes of its line and the special characters."""


class Terminal:
    """As much of a text stream as drawing needs. `on_ready` is called when a terminal that was behind is so no more."""

    def __init__(self, stream: TextIO, on_ready: Callable[[], None] = lambda: None) -> None:
        self.encoding = stream.encoding or "utf-8"
        self.on_ready = on_ready
        self._tty = stream.fileno()
        self._fd = _open(self._tty)
        self._pending = bytearray()
        self._is_entered = False
        self._attributes: list[Any] | None = None
        self.has_mouse = False
        """Whether reports of the mouse were asked for, and some may still be on their way."""
        self._watched: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        with suppress(OSError):
            columns, rows = os.get_terminal_size(self._tty)
            return columns or 80, rows or 24
        return 80, 24

    def enter(self, lines: Iterable[str]) -> None:
        """The first frame, before what draws the others is loaded; `close` leaves it, whatever happens meanwhile.

        From here on nothing that is typed is echoed, stops the output or the process, or waits for the end of a line.
        """
        self._enter_line()
        self._is_entered = True
        self.write(ENTER + "\r\n".join(lines) + "\x1b[H")
        self.flush()

    def _enter_line(self) -> None:
        with suppress(OSError, termios.error):
            attributes = termios.tcgetattr(self._tty)
            self._attributes = [*attributes[:CHARACTERS], attributes[CHARACTERS][:]]
            attributes[0] &= ~termios.IXON
            attributes[LOCAL] &= ~(termios.ECHO | termios.ICANON)
            for which, value in ((termios.VMIN, 1), (termios.VTIME, 0), (termios.VSUSP, b"\0")):
                attributes[CHARACTERS][which] = value
            termios.tcsetattr(self._tty, termios.TCSANOW, attributes)

    def restore_line(self) -> None:
        """Leaves the modes of the line as they were, for whoever has the terminal next."""
        if self._attributes is not None:
            with suppress(OSError, termios.error):
                termios.tcsetattr(self._tty, termios.TCSANOW, self._attributes)

    def stop_mouse(self) -> None:
        """Has the mouse be quiet, and throws away what it said meanwhile, which a shell would take for a command."""
        if self.has_mouse:
            self._pending += NO_MOUSE
            self.drain()
            self._discard()

    def _discard(self) -> None:
        waited = select.poll()
        waited.register(self._tty, select.POLLIN)
        until = time.monotonic() + PATIENCE_WITH_MOUSE
        with suppress(OSError, termios.error):
            termios.tcflush(self._tty, termios.TCIFLUSH)
            while time.monotonic() < until and waited.poll(QUIET * 1000):
                termios.tcflush(self._tty, termios.TCIFLUSH)

    def fileno(self) -> int:
        return self._tty

    def isatty(self) -> bool:
        return True

    @property
    def is_behind(self) -> bool:
        """Whether something that was written is still to be shown."""
        return bool(self._pending)

    def write(self, text: str) -> int:
        self._pending += text.encode(self.encoding, "replace")
        return len(text)

    def flush(self) -> None:
        """Writes what the terminal takes; the rest follows when it takes more, while a loop runs."""
        self._push()
        if self._pending and self._watched is None:
            import asyncio  # noqa: PLC0415  takes longer to import than all the rest

            with suppress(RuntimeError):  # no loop: `drain` is for that
                self._watched = asyncio.get_running_loop()
                self._watched.add_writer(self._fd, self._more)

    def drain(self, seconds: float = PATIENCE) -> bool:
        """Waits until all is written, at most so long; tells whether it is."""
        waited = select.poll()
        waited.register(self._fd, select.POLLOUT)
        until = time.monotonic() + seconds
        self._push()
        while self._pending and (left := until - time.monotonic()) > 0:
            waited.poll(left * 1000)
            self._push()
        return not self._pending

    def close(self) -> None:
        """Leaves the terminal whole. One that did not read for a while finds its old state when it reads again."""
        self._unwatch()
        if self._fd < 0:
            return
        if self._is_entered:
            self._pending += RESTORE  # once more, where it was left already
        if not self.drain():
            with suppress(OSError, termios.error):
                termios.tcflush(self._fd, termios.TCOFLUSH)
                self._pending[:] = RESTORE
                self._push()
        elif self.has_mouse:
            self._discard()
        self.restore_line()
        self._pending.clear()
        os.close(self._fd)
        self._fd = -1

    def _push(self) -> None:
        try:
            while self._pending:
                del self._pending[: os.write(self._fd, self._pending)]
        except BlockingIOError:
            pass
        except OSError:  # it hung up
            self._pending.clear()

    def _more(self) -> None:
        self._push()
        if not self._pending:
            self._unwatch()
            self.on_ready()

    def _unwatch(self) -> None:
        if self._watched is not None:
            self._watched.remove_writer(self._fd)
            self._watched = None


def _open(tty: int) -> int:
    """The terminal opened once more, so that not to block is ours alone, not the shell's; else as it is."""
    flags = os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK
    with suppress(OSError):
        return os.open(os.ttyname(tty), flags)
    with suppress(OSError):  # somebody else's, as after su: it may still be the one this process belongs to
        os.tcgetpgrp(tty)
        return os.open("/dev/tty", flags)
    return os.dup(tty)

"""Writes text to a terminal as fast as the terminal accepts it, without blocking.

A terminal that stops reading (a hung ssh, a stopped tmux) would block the writing process, and with it the event loop,
keys and signals. So `Terminal` writes without blocking and keeps the bytes that the terminal does not accept. The
application checks `is_behind` and does not draw while bytes are kept. If the terminal is gone, everything that is
written is dropped. Only `drain`, `stop_mouse` and `close` wait, for a bounded time.
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

# CAN cancels a sequence that may have been cut in the middle. The rest resets colours, leaves the alternate screen,
# shows the cursor, and switches off mouse reports and bracketed paste.
RESTORE = b"\x18\x1b[0m\x1b[?1049l\x1b[?25h" + NO_MOUSE + b"\x1b[?2004l\r"

QUIET = 0.05
"""Seconds without a mouse report after which the terminal is known to have stopped them. A mouse in motion causes
reports more often than that.
"""

PATIENCE_WITH_MOUSE = 0.5
"""Maximum number of seconds to wait until the terminal stops sending mouse reports."""

LOCAL, CHARACTERS = 3, 6
"""Indices in the list of `termios.tcgetattr`: the local modes (``lflag``) and the control characters (``cc``)."""


class Terminal:
    """The methods of a text stream that drawing needs. `on_ready` is called when the terminal has accepted all kept
    bytes.
    """

    def __init__(self, stream: TextIO, on_ready: Callable[[], None] = lambda: None) -> None:
        self.encoding = stream.encoding or "utf-8"
        self.on_ready = on_ready
        self._tty = stream.fileno()
        self._fd = _open(self._tty)
        self._pending = bytearray()
        self._is_entered = False
        self._attributes: list[Any] | None = None
        self.has_mouse = False
        """True once mouse reports were switched on, even if they are off again: some may still arrive."""
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
        """Enters the alternate screen and shows `lines`, before prompt_toolkit is loaded. `close` undoes it.

        From here on the terminal does not echo typed characters, does not wait for the end of a line, and does not act
        on Ctrl+S and Ctrl+Z itself.
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
        """Restores the terminal attributes that `enter` changed, for the program that uses the terminal next."""
        if self._attributes is not None:
            with suppress(OSError, termios.error):
                termios.tcsetattr(self._tty, termios.TCSANOW, self._attributes)

    def stop_mouse(self) -> None:
        """Switches mouse reports off and discards those that still arrive. A shell would read them as a command."""
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
        """True while the terminal has not accepted everything that was written."""
        return bool(self._pending)

    def write(self, text: str) -> int:
        self._pending += text.encode(self.encoding, "replace")
        return len(text)

    def flush(self) -> None:
        """Writes as much as the terminal accepts. An event loop, if one runs, writes the rest when it can."""
        self._push()
        if self._pending and self._watched is None:
            import asyncio  # noqa: PLC0415  takes longer to import than all the rest

            with suppress(RuntimeError):  # no event loop runs: `drain` writes the rest
                self._watched = asyncio.get_running_loop()
                self._watched.add_writer(self._fd, self._more)

    def drain(self, seconds: float = PATIENCE) -> bool:
        """Waits until everything is written, at most `seconds`. Returns True if everything is written."""
        waited = select.poll()
        waited.register(self._fd, select.POLLOUT)
        until = time.monotonic() + seconds
        self._push()
        while self._pending and (left := until - time.monotonic()) > 0:
            waited.poll(left * 1000)
            self._push()
        return not self._pending

    def close(self) -> None:
        """Restores the screen and the attributes of the terminal.

        If the terminal does not read, its unread output is discarded and replaced by the sequences that restore it.
        """
        self._unwatch()
        if self._fd < 0:
            return
        if self._is_entered:
            self._pending += RESTORE  # harmless if the screen was left already
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
        except OSError:  # the terminal is gone
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
    """Opens the terminal a second time, so that the non-blocking mode does not affect the shell, which shares the first
    descriptor. If that fails, returns a copy of the first descriptor, which may block.
    """
    flags = os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK
    with suppress(OSError):
        return os.open(os.ttyname(tty), flags)
    with suppress(OSError):  # after su, the terminal is another user's; /dev/tty may be the same terminal
        os.tcgetpgrp(tty)
        return os.open("/dev/tty", flags)
    return os.dup(tty)

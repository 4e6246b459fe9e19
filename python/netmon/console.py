"""The outside world of a session: streams, terminal, environment and signals, as one value that a test can replace."""

from __future__ import annotations

import os
import re
import select
import signal
import sys
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple, Self, TextIO

from netmon import outlet
from netmon.outlet import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType


PATIENCE = 1.0
"""Seconds that netmon waits for a terminal that does not read."""

LAST = 0.5
"""Seconds that netmon waits for standard error where the caller gives no patience."""


DRAWING = re.compile(
    r"(xterm|screen|tmux|rxvt|linux|vt[1-5]\d\d|ansi|alacritty|foot|kitty|wezterm|ghostty|konsole|gnome|vte|st|mintty|putty"
    r"|iterm2?|contour|rio|eterm|mlterm|cygwin|teraterm|nsterm|hterm|cons25|wsvt25|interix|sun)([-.+].*)?",
    re.IGNORECASE,
)
"""Values of TERM for terminals that can show the screen; for others, the terminfo database decides."""


class Console(NamedTuple):
    """The streams of the process, its environment and the path of its terminal."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    environment: Mapping[str, str]
    tty: str = "/dev/tty"

    @classmethod
    def of_process(cls) -> Self:
        return cls(sys.stdin, sys.stdout, sys.stderr, os.environ)

    @contextmanager
    def keyboard(self, *, stdin_is_read: bool) -> Iterator[TextIO | None]:
        """Gives the stream to read keys from, or None if no screen can be drawn or no key can be read.

        While a capture is read from standard input, keys are read from the controlling terminal.
        """
        if not (self._can_draw and self.stdout.isatty()):
            yield None
        elif self.stdin.isatty():
            yield self.stdin
        elif not stdin_is_read:
            yield None
        else:
            with ExitStack() as closing:
                keys = None
                with suppress(OSError):
                    keys = closing.enter_context(open(self.tty, encoding=self.stdout.encoding))
                yield keys

    def wants_color(self, when: str, stream: TextIO | None = None) -> bool:
        """Whether to use colour on `stream`, by default stdout, given ``--color always``, ``never`` or ``auto``."""
        if when != "auto":
            return when == "always"
        return self._can_draw and (stream or self.stdout).isatty() and not self.environment.get("NO_COLOR")

    @property
    def has_terminal(self) -> bool:
        """Whether the process has a controlling terminal: one it had before is gone once it has hung up."""
        try:
            os.close(os.open(self.tty, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError:
            return False
        return True

    @property
    def has_journal(self) -> bool:
        """Whether standard error is a stream of the journal of systemd, which says so in the environment."""
        device, _, inode = self.environment.get("JOURNAL_STREAM", "").partition(":")
        fd = fileno(self.stderr) if inode else None
        if fd is None:
            return False
        status = os.fstat(fd)
        return (device, inode) == (str(status.st_dev), str(status.st_ino))

    @property
    def speaks_unicode(self) -> bool:
        return "utf" in (self.stdout.encoding or "").lower()

    @property
    def is_heard(self) -> bool:
        """Whether standard error takes text at once: a pipe that nobody reads does not."""
        fd = fileno(self.stderr)
        if fd is None:
            return True
        ready = select.poll()
        ready.register(fd, select.POLLOUT)
        return bool(ready.poll(0))

    def say(self, text: str, patience: Patience | None = None) -> None:
        """Writes to standard error while there is patience; if it is not read by then, the text is dropped."""
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
        """An outlet for standard output that waits while there is patience; None if stdout has no descriptor."""
        self.stdout.flush()
        fd = fileno(self.stdout)
        return None if fd is None else outlet.of_stream(fd, "standard output", patience)

    @property
    def undrawable(self) -> str:
        """Why a terminal shows no screen, and what to try; empty if it can show it, or if there is none."""
        if self._can_draw or not (self.stdout.isatty() and self.stdin.isatty()):
            return ""
        term = self.environment.get("TERM")
        what = f"a terminal called {term} cannot show the screen" if term else "TERM is not set, so there is no screen"
        return f"{what}; try TERM=xterm-256color"

    @property
    def _can_draw(self) -> bool:
        return can_draw(self.environment.get("TERM", ""))


def can_draw(term: str) -> bool:
    """Whether a terminal of this name can show the screen; False for an unknown name."""
    return bool(DRAWING.fullmatch(term)) or _is_in_terminfo(term)


def _is_in_terminfo(term: str) -> bool:
    """Whether the terminfo database of this machine knows how to move the cursor of the terminal."""
    if not term:
        return False
    try:
        import curses  # noqa: PLC0415  few terminals have a name that is not in the table
    except ImportError:
        return False
    try:
        with open(os.devnull) as nowhere:
            curses.setupterm(term, nowhere.fileno())
        return curses.tigetstr("cup") is not None
    except curses.error:
        return False


def fileno(stream: TextIO) -> int | None:
    """The descriptor of a stream; None if it has none."""
    try:
        return stream.fileno()
    except (OSError, ValueError):
        return None


@contextmanager
def stopping(stop: Callable[[], None], hangup: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP call `stop`; after that, a SIGINT raises KeyboardInterrupt, which ends at once.

    SIGHUP does so only if `hangup` returns True. It stays ignored if it was, as under ``nohup``. SIGUSR1, sent by what
    rotates files, does nothing: before each record, an output looks whether its file was moved away. Outside of the
    main thread, which alone may handle signals, nothing changes.
    """

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGUSR1 and (number != signal.SIGHUP or hangup()):
            signal.signal(signal.SIGINT, signal.default_int_handler)
            stop()

    ignored = {number for number in (signal.SIGHUP,) if signal.getsignal(number) is signal.SIG_IGN}
    with _handling({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1} - ignored, on_signal):
        yield


@contextmanager
def after(seconds: float | None, stop: Callable[[], None]) -> Iterator[None]:
    """Calls `stop` after `seconds`, if given, unless the block has ended before."""
    if seconds is None:
        yield
        return
    import threading  # noqa: PLC0415  few captures on a screen have an end by the clock

    timer = threading.Timer(seconds, stop)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def restoring(restore: Callable[[], None]) -> Iterator[None]:
    """Signals that end the process with a core dump call `restore` first, so that the terminal is usable again."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        restore()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    deadly = {signal.SIGQUIT, signal.SIGABRT}
    with _handling({number for number in deadly if signal.getsignal(number) is signal.SIG_DFL}, on_signal):
        yield


@contextmanager
def _handling(numbers: set[signal.Signals], handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    import threading  # noqa: PLC0415  the command is loaded without it

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)

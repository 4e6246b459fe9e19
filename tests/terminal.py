"""A process on a pseudo terminal, and the screen that a person would see."""

import os
import sys
import termios
import time
from contextlib import suppress

import pexpect
import pyte
from patience import PATIENCE

NETMON = [sys.executable, "-m", "netmon", "--no-config"]

CURSOR, ALTERNATE, PASTING = 25, 1049, 2004
MOUSE = {1000, 1002, 1003, 1006, 1015}


class Terminal:
    """netmon, or another command, on a terminal of its own."""

    def __init__(self, *arguments, command=NETMON, width=120, height=30, **how):
        self.screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self.screen)
        self.child = pexpect.spawn(
            command[0], [*command[1:], *map(str, arguments)], dimensions=(height, width), timeout=PATIENCE,
            env=os.environ | {"TERM": "xterm-256color", "TZ": "UTC"} | how.pop("environment", {}), **how,
        )  # fmt: skip
        self.child.delaybeforesend = None
        self._before = termios.tcgetattr(self.child.child_fd)
        self.line = os.dup(self.child.child_fd)
        self.seen = b""
        """Everything that the process has written."""
        self._left = 0

    @property
    def text(self):
        return " ".join(" ".join(self.screen.display).split())

    def shows(self, words, *, patience=PATIENCE):
        """Waits until `words` are on the screen, with any space between them; returns the seconds that took."""
        start = time.monotonic()
        while words not in self.text:
            left = start + patience - time.monotonic()
            assert left > 0, f"{words!r} is not on:\n" + "\n".join(self.screen.display)
            self.look(min(left, 0.5))
        return time.monotonic() - start

    def look(self, seconds=0.0):
        """Reads output of the process, waiting at most `seconds` for it."""
        with suppress(pexpect.TIMEOUT):
            read = self.child.read_nonblocking(1 << 16, timeout=seconds)
            self.seen += read
            self._stream.feed(read)

    def leaves(self, mode):
        """Waits until the process has reset a private mode since the last call; the mode may be set again by now."""
        deadline = time.monotonic() + PATIENCE
        while (at := self.seen.find(f"\x1b[?{mode}l".encode(), self._left)) < 0:
            assert time.monotonic() < deadline, f"mode {mode} is not left"
            self.look(0.5)
        self._left = at + 1

    def type(self, keys):
        self.child.send(keys)

    def resize(self, width, height):
        self.screen.resize(height, width)
        self.child.setwinsize(height, width)

    def end(self):
        """Waits for the end. Returns what the process wrote until then, and its exit code."""
        rest = self.child.read()
        self._stream.feed(rest)
        self.child.close()
        return rest.decode(errors="replace"), self.child.exitstatus

    def hang_up(self):
        os.close(self.child.child_fd)
        os.close(self.line)

    def is_on(self, mode):
        """Whether a private mode is set."""
        return mode << 5 in self.screen.mode

    @property
    def is_whole(self):
        """Whether a shell can use the terminal: main screen, cursor, no mouse, and the line settings as before."""
        modes = {mode for mode in (ALTERNATE, PASTING, *MOUSE) if self.is_on(mode)}
        return not modes and self.is_on(CURSOR) and termios.tcgetattr(self.line) == self._before

    def becomes_raw(self):
        """Waits until the terminal is in raw mode: keys come one by one and without echo. Reads nothing."""
        deadline = time.monotonic() + PATIENCE
        while termios.tcgetattr(self.line)[3] & (termios.ICANON | termios.ISIG):
            assert time.monotonic() < deadline, "the terminal is not in raw mode"
            time.sleep(0.02)

    @property
    def state(self):
        """The state of the process: ``S`` sleeping, ``R`` running, ``T`` stopped, ``Z`` ended."""
        with open(f"/proc/{self.child.pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0]

    def becomes(self, states, patience=PATIENCE):
        """Waits until the process is in one of the states; returns the seconds that took. Reads nothing."""
        start = time.monotonic()
        while self.state not in states:
            assert time.monotonic() - start < patience, f"{self.state}, not one of {states}"
            time.sleep(0.02)
        return time.monotonic() - start

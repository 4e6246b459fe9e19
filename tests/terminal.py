"""A process on a pseudo terminal, and what one would see there."""

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
        """All that was written."""
        self._left = 0

    @property
    def text(self):
        return " ".join(" ".join(self.screen.display).split())

    def shows(self, words, *, patience=PATIENCE):
        """Waits until `words` are on the screen, however far apart; gives the seconds that took."""
        start = time.monotonic()
        while words not in self.text:
            left = start + patience - time.monotonic()
            assert left > 0, f"{words!r} is not on:\n" + "\n".join(self.screen.display)
            self.look(min(left, 0.5))
        return time.monotonic() - start

    def look(self, seconds=0.0):
        """Reads what comes, waiting at most so long for it."""
        with suppress(pexpect.TIMEOUT):
            read = self.child.read_nonblocking(1 << 16, timeout=seconds)
            self.seen += read
            self._stream.feed(read)

    def leaves(self, mode):
        """Waits until a private mode is reset, for however short a time, since this was last asked."""
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
        """What was written from now to the end, and the exit code."""
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
        """Whether a shell could go on here: its screen, a cursor, no mouse, a line as it was before."""
        modes = {mode for mode in (ALTERNATE, PASTING, *MOUSE) if self.is_on(mode)}
        return not modes and self.is_on(CURSOR) and termios.tcgetattr(self.line) == self._before

    def becomes_raw(self):
        """Waits, without reading anything, until keys come one by one and unseen."""
        deadline = time.monotonic() + PATIENCE
        while termios.tcgetattr(self.line)[3] & (termios.ICANON | termios.ISIG):
            assert time.monotonic() < deadline, "keys are not taken"
            time.sleep(0.02)

    @property
    def state(self):
        """``S`` sleeps, ``R`` runs, ``T`` is stopped, ``Z`` has ended."""
        with open(f"/proc/{self.child.pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0]

    def becomes(self, states, patience=PATIENCE):
        """Waits, without reading anything, until the process is in one of the states; gives the seconds that took."""
        start = time.monotonic()
        while self.state not in states:
            assert time.monotonic() - start < patience, f"{self.state}, not one of {states}"
            time.sleep(0.02)
        return time.monotonic() - start

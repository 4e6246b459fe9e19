"""An output as a file descriptor: writes whole records, and never waits in a way that cannot be ended.

A record is everything written between two calls of `flush`: a line, or a document. A record that a file or a pipe does
not accept is held and tried again; where only a part was written, that part is removed again. While netmon runs, it
waits for a slow reader; once it has to end, `Patience` says for how long. Never decides when to end, never prints.
"""

from __future__ import annotations

import errno
import fcntl
import math
import os
import select
import stat
import termios
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from netmon.rotation import Rotation

GRACE = 1.0
"""Seconds that netmon waits for all outputs together once it has to end."""

LAST = 0.3
"""Seconds more, once for each output, to finish a record that its reader has begun to read."""

STEP = 0.1
"""Seconds of one wait. It is short because a signal may be handled by a thread other than the waiting one."""

HELD = 16 << 20
"""Bytes held for a file or a pipe that accepts nothing. Beyond this, the oldest records are dropped and counted."""

CHUNK = 1 << 16
"""Bytes per write: the default capacity of a pipe on Linux."""


class Patience:
    """How long to wait for outputs: without limit until `end` is called or the timeout is over, and then `GRACE`."""

    def __init__(self, timeout: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = math.inf if timeout is None else clock() + timeout

    def end(self) -> None:
        """Says that netmon has to end now."""
        self._end = min(self._end, self._clock())

    @property
    def left(self) -> float:
        """Seconds that may still be waited; never below 0."""
        return max(0.0, self._end + GRACE - self._clock())

    @property
    def is_ending(self) -> bool:
        return self._clock() >= self._end


class Outlet:
    """Writes records to a descriptor, which it owns and closes. `name` is the name of the output in messages.

    A named pipe is given by its `path` and opened once it has a reader. `ours` is False where others write to the same
    terminal: then output that the terminal has not shown yet must not be discarded. `head` is what each new file, and
    what each reader of a pipe gets first. `rotation` says when a file is begun anew.
    """

    def __init__(
        self,
        fd: int,
        name: str,
        patience: Patience,
        *,
        path: str | None = None,
        ours: bool = True,
        head: bytes = b"",
        rotation: Rotation | None = None,
    ) -> None:
        self.name = name
        self.dropped = 0
        self.head, self._rotation = head, rotation
        self._is_new = True
        self._unrenewed: int | None = None
        self._fd, self._path, self._ours = fd, path, ours
        self._patience = patience
        self._open: list[bytes] = []
        self._held: deque[bytes] = deque()
        self._size = 0
        self._done = 0
        self._last: float | None = None
        self._trouble: OSError | None = None
        self._news: list[str] = []
        self._send: Callable[[int, memoryview | bytes], int] = os.write
        self._is_file = self._blocks = False
        if fd >= 0:
            self._learn()

    def write(self, data: bytes) -> int:
        """Appends to the current record."""
        self._open.append(data)
        return len(data)

    def flush(self) -> None:
        """Ends the current record and writes as many held records as are accepted. Raises BrokenPipeError."""
        if record := b"".join(self._open):
            self._held.append(record)
            self._size += len(record)
        self._open.clear()
        self._push()
        while self._size > HELD and len(self._held) > 1 and not self._done:
            self._size -= len(self._held.popleft())
            self.dropped += 1

    @property
    def is_behind(self) -> bool:
        """Whether a record is held that was not accepted."""
        return bool(self._held)

    def news(self) -> list[str]:
        """Returns the new messages about this output for a person, and clears them."""
        news, self._news = self._news, []
        return news

    def close(self) -> None:
        """Tries to write what is held while there is patience, then closes. Raises OSError if records are missing."""
        if self.head and self._is_file and self._is_new and not self._held and not self._open:
            self._held.append(b"")  # the head is written with it
        self.flush()
        until = time.monotonic() + GRACE
        while self._held and self._patience.left > 0 and time.monotonic() < until:
            time.sleep(STEP)
            self._push()
        trouble = self._trouble if self._held else None
        self.dropped += len(self._held)
        self.abandon()
        try:
            if self._fd >= 0:
                os.close(self._fd)
        except OSError as error:  # some file systems report a full disk only on close
            trouble = trouble or error
        if self._fd >= 0:
            self._fd = -1
        if trouble is not None or self.dropped:
            number = trouble.errno if trouble is not None and trouble.errno else errno.EIO
            words = trouble.strerror if trouble is not None else "was full for some time"
            raise OSError(number, f"{words}{self._missing}", self.name)

    def abandon(self) -> None:
        """Drops the current record and all held ones."""
        self._open.clear()
        self._held.clear()
        self._size = self._done = 0

    @property
    def _missing(self) -> str:
        if not self.dropped:
            return ""
        return f" ({self.dropped} {'record is' if self.dropped == 1 else 'records are'} missing)"

    def _learn(self) -> None:
        """Finds out how to write to this kind of descriptor."""
        mode = os.fstat(self._fd).st_mode
        self._is_file = stat.S_ISREG(mode)
        self._is_new = not self._is_file or not os.fstat(self._fd).st_size
        if self._is_file and self._rotation is not None:
            self._rotation.take(self._fd)
        if stat.S_ISSOCK(mode):
            import socket  # noqa: PLC0415  takes time to load, and few outputs are sockets

            line = socket.socket(fileno=os.dup(self._fd))
            self._send = lambda _, data: line.send(data, socket.MSG_DONTWAIT)
        elif not self._is_file:
            self._blocks = os.get_blocking(self._fd)

    def _push(self) -> None:
        """Writes held records until none is left or no more is accepted."""
        try:
            while self._held and self._is_there():
                self._renew(len(self._held[0]))
                self._put(self.head + self._held[0] if self._is_new else self._held[0])
                self._is_new = False
                if self._rotation is not None:
                    self._rotation.wrote(time.time())
                self._size -= len(self._held.popleft())
                self._done = 0
        except BrokenPipeError:
            if self._path is None:
                raise
            self._hang_up()
        except TimeoutError as error:
            self._trouble = error
        except OSError as error:
            self._note(error)
            if self._is_file:
                self._retract()
        else:
            if not self._held and self._trouble is not None:
                self._trouble = None
                self._news.append(f"{self.name}: can be written again{self._missing}")

    def _renew(self, more: int) -> None:
        """Begins a new file before the next record if the rotation says so; tells why if that fails."""
        if self._rotation is None or not self._is_file or self._done:
            return
        self._fd, trouble = self._rotation.renewed(self._fd, more, time.time())
        if trouble is not None and trouble.errno != self._unrenewed:
            self._unrenewed = trouble.errno
            self._news.append(f"{self.name}: no new file can be begun: {trouble.strerror or trouble}")
        self._is_new = not os.fstat(self._fd).st_size

    def _put(self, record: bytes) -> None:
        with memoryview(record) as view:
            while self._done < len(view):
                try:
                    if self._blocks:
                        self._wait()
                    self._done += self._send(self._fd, view[self._done : self._done + self._chunk])
                except BlockingIOError:
                    self._wait()

    @property
    def _chunk(self) -> int:
        """Bytes per write. If the descriptor blocks, `PIPE_BUF`: a pipe that polls as writable has room for them."""
        return select.PIPE_BUF if self._blocks else CHUNK

    def _wait(self) -> None:
        """Waits until the descriptor is writable. Out of patience, drops a partial record and raises TimeoutError."""
        ready = select.poll()
        ready.register(self._fd, select.POLLOUT)
        while not ready.poll(min(self._left, STEP) * 1000):
            if not self._left:
                self._take_back()
                raise TimeoutError(errno.ETIMEDOUT, "is not being read")

    @property
    def _left(self) -> float:
        """Seconds that may still be waited for room. On a busy machine, patience is over before a record is begun."""
        if self._patience.left or not self._done:
            return self._patience.left
        if self._last is None:
            self._last = time.monotonic() + LAST
        return max(0.0, self._last - time.monotonic())

    def _is_there(self) -> bool:
        """True if the descriptor is open. Opens a named pipe, waiting for its first reader but for no later one."""
        while self._fd < 0 and self._path is not None:
            try:
                self._fd = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
                self._learn()
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                if self._trouble is None and self._patience.left > 0:
                    time.sleep(min(self._patience.left, STEP / 2))
                    continue
                self._note(OSError(errno.ENXIO, "has no reader"))
                return False
        return self._fd >= 0

    def _hang_up(self) -> None:
        """Closes a named pipe whose reader is gone. The next reader begins with a whole record."""
        os.close(self._fd)
        self._fd, self._done = -1, 0
        self._note(OSError(errno.ENXIO, "has no reader any more"))

    def _note(self, error: OSError) -> None:
        if self._trouble is None or self._trouble.errno != error.errno:
            self._news.append(f"{self.name}: {error.strerror or error}, trying again")
        self._trouble = error

    def _retract(self) -> None:
        """Cuts a partial record off the end of a file, unless another process has written behind it."""
        if not self._done:
            return
        with suppress(OSError):
            at = os.lseek(self._fd, 0, os.SEEK_CUR)
            if at == os.fstat(self._fd).st_size:
                os.ftruncate(self._fd, at - self._done)
                os.lseek(self._fd, at - self._done, os.SEEK_SET)
                self._done = 0

    def _take_back(self) -> None:
        """Removes a partial record from a pipe that nobody reads; discards all that a terminal has not shown yet."""
        if not self._done or not self._ours:
            return
        with suppress(OSError, termios.error):
            if os.isatty(self._fd):
                termios.tcflush(self._fd, termios.TCOFLUSH)
                self._send(self._fd, b"\n")
            else:
                self._drain()
            self._done = 0

    def _drain(self) -> None:
        """Empties the pipe with one read, which keeps the order, and writes the whole records back."""
        capacity = fcntl.fcntl(self._fd, fcntl.F_GETPIPE_SZ)
        reader = os.open(f"/proc/self/fd/{self._fd}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            data = os.read(reader, capacity)
            self._send(self._fd, data[: -self._done] if len(data) >= self._done else data)
        finally:
            os.close(reader)


class TextOutlet:
    """An outlet for text, in the encoding of the stream that it replaces."""

    def __init__(self, outlet: Outlet, encoding: str) -> None:
        self._outlet = outlet
        self._encoding = encoding

    def write(self, text: str) -> int:
        self._outlet.write(text.encode(self._encoding, "replace"))
        return len(text)

    def flush(self) -> None:
        self._outlet.flush()


_handed: dict[int, int] = {}
"""Standard streams that `hand_over` has opened anew."""


def hand_over(fd: int, user: int | None) -> None:
    """Prepares a standard stream for the time when this process may not open it anew, as it is another `user`."""
    with suppress(OSError):
        if not os.readlink(f"/proc/self/fd/{fd}").startswith("pipe:"):
            if (anew := _anew(fd)) >= 0:
                _handed[fd] = anew
        elif user is not None:
            os.fchown(fd, user, -1)  # a pipe without a name is of no use to whoever made it


def of_stream(fd: int, name: str, patience: Patience, *, ours: bool = True) -> Outlet:
    """An outlet for a standard stream. Opens it anew where possible, so that O_NONBLOCK affects nobody else."""
    mine = _anew(fd)
    return Outlet(os.dup(_handed.get(fd, fd)) if mine < 0 else mine, name, patience, ours=ours)


def _anew(fd: int) -> int:
    """Opens a pipe or a terminal a second time; -1 if that fails, or if it is something else."""
    mode = os.fstat(fd).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        with suppress(OSError):
            return os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    return -1

"""A file of lines that is begun anew when it is too large or too old. Lines and times in; raises OSError.

A line is written whole, into one file, or not at all. Older files are ``netmon.log.1``, ``netmon.log.2`` and so on. A
file that somebody else has moved away is begun anew. The file is created as `safe_file` says: private, and never
through a link.
"""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from math import inf

from netmon import safe_file

TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
"""How the first line of a file tells its age."""

HEAD = 64
"""Bytes of a file in which the time of its first line stands."""


RETRY = 60.0
"""Seconds until a new file is begun again after that has failed."""


class LogFile:
    """`max_size` is in bytes, `max_age` in seconds; `files` is the number of files to keep, this one included."""

    def __init__(self, path: str, *, max_size: int, max_age: float | None, files: int) -> None:
        self.path = path
        self._max_size, self._max_age, self._files = max_size, max_age, files
        self._fd = -1
        self._born: float | None = None
        self._not_before = -inf

    def write(self, line: bytes, now: float) -> None:
        """Writes one line, with its line break, at time `now`; raises OSError if it is not written.

        Raises RotationError if it is written into the old file, because no new one could be begun.
        """
        if self._fd < 0:
            self._open()
        trouble = self._renewed(len(line), now)
        self._put(line)
        self._born = now if self._born is None else self._born
        if trouble is not None:
            raise RotationError(trouble.errno, trouble.strerror, self.path)

    def try_open(self) -> None:
        """Opens the file, which creates it, and closes it; raises OSError if it cannot be written."""
        self._open()
        self.close()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _renewed(self, more: int, now: float) -> OSError | None:
        """Begins a new file if it is time for one. If that fails, the open file stays in use; returns why."""
        is_in_place = self._is_in_place()
        if (is_in_place and not self._is_due(more, now)) or now < self._not_before:
            return None
        try:
            if is_in_place:
                self._move()
            self._open()
        except OSError as error:
            if not os.fstat(self._fd).st_nlink:
                raise  # the open file was removed, so nobody would ever read the line
            self._not_before = now + RETRY
            return error
        return None

    def _open(self) -> None:
        """Opens the file, and closes the one before only once that has worked."""
        fd = safe_file.create(self.path, "append")
        if fd < 0:
            raise OSError(errno.EINVAL, "is not a regular file", self.path)
        self.close()
        self._fd = fd
        self._born = _born(fd)

    def _is_in_place(self) -> bool:
        """Whether the path still names the file that is open."""
        with suppress(OSError):
            return os.path.samestat(os.stat(self.path, follow_symlinks=False), os.fstat(self._fd))
        return False

    def _is_due(self, more: int, now: float) -> bool:
        size = os.fstat(self._fd).st_size
        is_old = self._max_age is not None and self._born is not None and now - self._born >= self._max_age
        return size > 0 and (size + more > self._max_size or is_old)

    def _move(self) -> None:
        """Gives each file the next number; the oldest is removed. The open file goes first, so that a failure there
        leaves the others as they are.
        """
        leaving = f"{self.path}.leaving"
        os.rename(self.path, leaving)
        try:
            for number in range(self._files - 1, 1, -1):
                with suppress(FileNotFoundError):
                    os.rename(f"{self.path}.{number - 1}", f"{self.path}.{number}")
            if self._files > 1:
                os.rename(leaving, f"{self.path}.1")
            else:
                os.unlink(leaving)
        except OSError:
            os.rename(leaving, self.path)
            raise

    def _put(self, line: bytes) -> None:
        """Writes a line whole; takes a part back if the disk is full."""
        try:
            done = os.write(self._fd, line)
        except OSError as error:
            error.filename = self.path
            raise
        if done < len(line):
            with suppress(OSError):
                if os.lseek(self._fd, 0, os.SEEK_CUR) == (size := os.fstat(self._fd).st_size):
                    os.ftruncate(self._fd, size - done)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)


class RotationError(OSError):
    """The line is written, but into the old file, because no new one could be begun."""


def _born(fd: int) -> float | None:
    """The time of the first line of a file; of its last change, if the line has none; None if the file is empty."""
    status = os.fstat(fd)
    if not status.st_size:
        return None
    with suppress(OSError, ValueError), open(f"/proc/self/fd/{fd}", "rb", buffering=0) as file:
        if found := TIME.search(file.read(HEAD) or b""):
            return datetime.fromisoformat(found[0].decode()).replace(tzinfo=UTC).timestamp()
    return status.st_mtime

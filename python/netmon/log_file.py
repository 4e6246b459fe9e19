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

from netmon.rotation import RETRY, Rotation, last_change

__all__ = ["RETRY", "LogFile", "RotationError"]

TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
"""How the first line of a file tells its age."""

HEAD = 64
"""Bytes of a file in which the time of its first line stands."""


class LogFile:
    """`max_size` is in bytes, `max_age` in seconds; `files` is the number of files to keep, this one included."""

    def __init__(self, path: str, *, max_size: int, max_age: float | None, files: int) -> None:
        self.path = path
        self._rotation = Rotation(path, max_size=max_size, max_age=max_age, files=files, born=_born)
        self._fd = -1

    def write(self, line: bytes, now: float) -> None:
        """Writes one line, with its line break, at time `now`; raises OSError if it is not written.

        Raises RotationError if it is written into the old file, because no new one could be begun.
        """
        if self._fd < 0:
            self._fd = self._rotation.open()
        self._fd, trouble = self._rotation.renewed(self._fd, len(line), now)
        self._put(line)
        self._rotation.wrote(now)
        if trouble is not None:
            raise RotationError(trouble.errno, trouble.strerror, self.path)

    def try_open(self) -> None:
        """Opens the file, which creates it, and closes it; raises OSError if it cannot be written."""
        self._fd = self._rotation.open()
        try:
            self.close()
        except OSError as error:
            error.filename = self.path
            raise

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

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
    with suppress(OSError, ValueError), open(f"/proc/self/fd/{fd}", "rb", buffering=0) as file:
        if found := TIME.search(file.read(HEAD) or b""):
            return datetime.fromisoformat(found[0].decode()).replace(tzinfo=UTC).timestamp()
    return last_change(fd)

"""When a file is begun anew because it is too large or too old, and how older files are named. Sizes and times in.

The file is created as `safe_file` says: private, and never through a link. A failure leaves the open file in use.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING

from netmon import safe_file

if TYPE_CHECKING:
    from collections.abc import Callable

RETRY = 60.0
"""Seconds until a new file is begun again after that has failed."""


def behind(path: str, number: int) -> str:
    """``netmon.log.1``: the number follows the name."""
    return f"{path}.{number}"


def before_extension(path: str, number: int) -> str:
    """``all.1.ndjson``: the extension stays the last part of the name."""
    stem, extension = os.path.splitext(path)
    return f"{stem}.{number}{extension}"


def last_change(fd: int) -> float | None:
    """The time of the last change of a file; None if the file is empty."""
    status = os.fstat(fd)
    return status.st_mtime if status.st_size else None


class Rotation:
    """`max_size` is in bytes, `max_age` in seconds, None for no limit; `files` is the number of files to keep, the open
    one included. `named` gives the name of an older file, and `born` the time from which the age of a file counts.
    """

    def __init__(
        self,
        path: str,
        *,
        max_size: int | None,
        max_age: float | None,
        files: int,
        named: Callable[[str, int], str] = behind,
        born: Callable[[int], float | None] = last_change,
    ) -> None:
        self.path = path
        self._max_size, self._max_age, self._files = max_size, max_age, files
        self._named, self._born_of = named, born
        self._born: float | None = None
        self._not_before = -inf

    def open(self) -> int:
        """Opens the file, or creates it. Raises OSError."""
        fd = safe_file.create(self.path, "append")
        if fd < 0:
            raise OSError(errno.EINVAL, "is not a regular file", self.path)
        self.take(fd)
        return fd

    def take(self, fd: int) -> None:
        """Learns the age of a file that is open already."""
        self._born = self._born_of(fd)

    def wrote(self, now: float) -> None:
        """A record was written at time `now`."""
        self._born = now if self._born is None else self._born

    def renewed(self, fd: int, more: int, now: float) -> tuple[int, OSError | None]:
        """Begins a new file if it is time for one before `more` bytes are written, and closes `fd`.

        Returns the descriptor to write to, and why it is still the old one if no new file could be begun. Raises
        OSError if nobody would ever read the old one.
        """
        is_due = now >= self._not_before and (not self._is_in_place(fd) or self.is_due(fd, more, now))
        return self.begun(fd, now) if is_due else (fd, None)

    def begun(self, fd: int, now: float) -> tuple[int, OSError | None]:
        """Begins a new file and closes `fd`; returns and raises what `renewed` does."""
        try:
            if self._is_in_place(fd):
                self._move()
            new = self.open()
        except OSError as error:
            if not os.fstat(fd).st_nlink:
                raise  # the open file was removed
            self._not_before = now + RETRY
            return fd, error
        os.close(fd)
        return new, None

    def _is_in_place(self, fd: int) -> bool:
        """Whether the path still names the file that is open."""
        with suppress(OSError):
            return os.path.samestat(os.stat(self.path, follow_symlinks=False), os.fstat(fd))
        return False

    def is_due(self, fd: int, more: int, now: float) -> bool:
        """Whether a file has become too large for `more` bytes, or too old."""
        size = os.fstat(fd).st_size
        is_old = self._max_age is not None and self._born is not None and now - self._born >= self._max_age
        is_large = self._max_size is not None and size + more > self._max_size
        return size > 0 and (is_large or is_old)

    def _move(self) -> None:
        """Gives each file the next number; the oldest is removed. The open file goes first, so that a failure there
        leaves the others as they are.
        """
        leaving = f"{self.path}.leaving"
        os.rename(self.path, leaving)
        try:
            for number in range(self._files - 1, 1, -1):
                with suppress(FileNotFoundError):
                    os.rename(self._named(self.path, number - 1), self._named(self.path, number))
            if self._files > 1:
                os.rename(leaving, self._named(self.path, 1))
            else:
                os.unlink(leaving)
        except OSError:
            os.rename(leaving, self.path)
            raise

"""The files that packets are written to: their names, when a new one is begun, and how many are kept.

Without a limit there is one file with the name that was given. With one, files are numbered and have the time of their
first packet in their names, ``web_00001_20261126184209.pcapng``: they sort in the order of time, no file is renamed
once it was begun, and Wireshark takes them for a file set. Files of an earlier run are never removed.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from netmon import safe_file
from netmon.outlet import Outlet

if TYPE_CHECKING:
    from netmon.outlet import Patience

NANO = 1_000_000_000
"""Nanoseconds in a second."""

UNLIMITED = 1 << 62
"""The room of a file without a limit, in bytes."""

END = 4096
"""Bytes that are left for the end of a file, where its interfaces are summed up: those of some 40 interfaces."""


class PacketFiles:
    """`max_size` is in bytes and `max_age` in seconds of packet time, None for no limit; `most` is the number of files
    to keep, 0 for all. `force` replaces a file that exists. Raises OSError if the first file could not be written.
    """

    def __init__(
        self,
        path: str,
        patience: Patience,
        *,
        max_size: int | None = None,
        max_age: float | None = None,
        most: int = 0,
        force: bool = False,
    ) -> None:
        self.path, self.max_size = path, max_size
        self.age = None if max_age is None else max(1, round(max_age * NANO))
        """Nanoseconds."""
        self._patience, self._most = patience, most
        self._mode: safe_file.Mode = "replace" if force else "new"
        self._kept: deque[tuple[str, os.stat_result]] = deque()
        self._number = 0
        self._troubles: list[str] = []
        if self.is_set:
            safe_file.check_folder(path)
        else:
            self._first: int | None = safe_file.create(path, self._mode)

    @property
    def is_set(self) -> bool:
        """Whether there are several files."""
        return self.max_size is not None or self.age is not None

    @property
    def room(self) -> int:
        """Bytes that a file has room for, before its end is written."""
        return UNLIMITED if self.max_size is None else max(0, self.max_size - END)

    def opened(self, first: int, head: bytes) -> Outlet:
        """Opens the next file, whose first packet was captured at this time, in nanoseconds. Raises OSError."""
        if not self.is_set:
            fd, self._first = self._first, None
            fd = safe_file.create(self.path, self._mode) if fd is None else fd
            return Outlet(fd, self.path, self._patience, path=self.path, head=head)
        self._number += 1
        name = named(self.path, self._number, first)
        fd = safe_file.create(name, self._mode)
        self._keep(name, fd)
        return Outlet(fd, name, self._patience, path=name, head=head)

    def troubles(self) -> list[str]:
        """What went wrong with files that are not written any more, since the last call."""
        told, self._troubles = self._troubles, []
        return told

    def _keep(self, name: str, fd: int) -> None:
        if not self._most or fd < 0:
            return
        self._kept.append((name, os.fstat(fd)))
        while len(self._kept) > self._most:
            old, status = self._kept.popleft()
            try:
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.stat(old, follow_symlinks=False), status):
                        os.unlink(old)
            except OSError as error:
                self._troubles.append(f"{old}: cannot be removed: {error.strerror or error}")


def named(path: str, number: int, first: int) -> str:
    """The name of a file of a set: its number, and the time of its first packet in UTC."""
    stem, extension = os.path.splitext(path)
    time = datetime.fromtimestamp(min(max(first, 0) // NANO, LATEST), UTC)
    return f"{stem}_{number:05}_{time:%Y%m%d%H%M%S}{extension}"


LATEST = 253_402_300_799
"""The last second of the year 9999, beyond which Python knows no time."""

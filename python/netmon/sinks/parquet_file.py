"""One Parquet file, row group by row group. Row groups in, bytes in a file out; raises OSError.

A row group is written whole or not at all. The file can be read once `finish` has written its end; row groups may be
added after that, over the end.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from netmon.sinks.row_groups import MAGIC, Part, footer, placed

if TYPE_CHECKING:
    from netmon.sinks.thrift import Struct

MOST_GROUPS = 4096
"""Row groups of a file at most. The metadata of a row group has about 4 kB, which are kept until the end is written."""


NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors that mean that fewer bytes may fit."""


class ParquetFile:
    """Owns the descriptor `fd` of a new file; raises OSError if it is not empty. `metadata` describes the columns."""

    def __init__(self, fd: int, metadata: Struct) -> None:
        if os.fstat(fd).st_size:
            os.close(fd)
            raise FileExistsError(
                errno.EEXIST, "has data, and Parquet cannot be appended to a file; name a folder: DIR.parquet/"
            )
        self.fd = fd
        self._metadata = metadata
        self._groups: list[tuple[int, bytes]] = []
        self._starts: list[int] = []
        self._at = 0

    @property
    def size(self) -> int:
        """Bytes of the row groups."""
        return self._at

    @property
    def is_full(self) -> bool:
        return len(self._groups) >= MOST_GROUPS

    def add(self, part: Part) -> None:
        """Writes row groups behind those that are there. If that fails, the file is as before."""
        begin = MAGIC if not self._at else b""
        at = self._at + len(begin)
        groups = placed(part, at, len(self._groups))
        self._write(begin + part.body)
        self._starts += [self._at] * len(groups)
        self._groups += groups
        self._at = at + len(part.body)

    def finish(self) -> int:
        """Writes the end. If the disk is full, gives up row groups until there is room; returns how many."""
        given_up = 0
        while True:
            begin = MAGIC if not self._at else b""
            try:
                self._write(begin + footer(self._metadata, self._groups))
            except OSError as error:
                if error.errno not in NO_ROOM or not self._groups:
                    raise
                self._groups.pop()
                self._at = self._starts.pop()
                given_up += 1
            else:
                return given_up

    def close(self) -> None:
        """Closes the descriptor, also if that raises OSError."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def _write(self, data: bytes) -> None:
        """Writes behind the row groups, over an end that is there."""
        os.ftruncate(self.fd, self._at)
        os.lseek(self.fd, self._at, os.SEEK_SET)
        try:
            with memoryview(data) as view:
                done = 0
                while done < len(view):
                    done += os.write(self.fd, view[done:])
        except OSError:
            with suppress(OSError):
                os.ftruncate(self.fd, self._at)
            raise

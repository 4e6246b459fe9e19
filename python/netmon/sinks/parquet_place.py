"""Where Parquet files lie: one file, which may be begun anew, or a folder with partitions by date and machine.

A place gives the file for the next row group, and finishes files. It raises OSError.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from netmon import safe_file
from netmon.sinks.parquet_file import ParquetFile

if TYPE_CHECKING:
    from netmon.options import Settings
    from netmon.rotation import Rotation
    from netmon.sinks.thrift import Struct

HOUR = 3600.0
"""Seconds of traffic in one file of a folder, unless ``--output-max-age`` says otherwise."""

UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
"""Characters of a machine's name that are no part of the name of a folder."""


class Place(Protocol):
    lost: int
    """Row groups that had no room when a file was finished."""
    news: list[str]
    """What is to be told of the place."""

    def file(self, more: int, start: float) -> ParquetFile:
        """The file to which `more` bytes of row groups go, whose traffic begins at time `start`."""

    def finish(self) -> int:
        """Writes the end of the open file; returns how many row groups had no room."""

    def close(self) -> None:
        """Closes the open file."""


class OneFile:
    """A file, which is begun anew if a rotation says so or if it is full."""

    def __init__(self, path: str, mode: safe_file.Mode, metadata: Struct, rotation: Rotation) -> None:
        fd = safe_file.create(path, mode)
        if fd < 0:
            raise OSError(errno.EINVAL, "is a named pipe, and Parquet needs a file", path)
        self._metadata, self._rotation = metadata, rotation
        rotation.take(fd)
        self._file = ParquetFile(fd, metadata)
        self._trouble: int | None = None
        self.lost = 0
        self.news: list[str] = []

    def file(self, more: int, start: float) -> ParquetFile:  # noqa: ARG002  the time does not matter here
        now = time.time()
        if self._file.size and (self._file.is_full or self._rotation.is_due(self._file.fd, more, now)):
            self.lost += self._file.finish()
            fd, trouble = self._rotation.begun(self._file.fd, now)
            if trouble is None:
                self._file = ParquetFile(fd, self._metadata)
            elif self._file.is_full:
                raise trouble
            elif trouble.errno != self._trouble:
                self.news.append(f"no new file can be begun: {trouble.strerror or trouble}")
            self._trouble = None if trouble is None else trouble.errno
        self._rotation.wrote(now)
        return self._file

    def finish(self) -> int:
        return self._file.finish()

    def close(self) -> None:
        self._file.close()


class Folder:
    """``DIR/date=2026-11-26/machine=web1/sections-120000.parquet``: dates and times are those of the traffic, in UTC.

    Until it is finished, a file has ``.part`` behind its name. Files that exist are never touched.
    """

    def __init__(self, path: str, rows: str, settings: Settings, metadata: Struct) -> None:
        self._path, self._rows, self._metadata = path, rows, metadata
        self._max_size = settings.output_max_size
        self._max_age = settings.output_max_age or HOUR
        self._machine = UNSAFE.sub("_", socket.gethostname()) or "unknown"
        self._file: ParquetFile | None = None
        self._name, self._start = "", 0.0
        self.lost = 0
        self.news: list[str] = []
        _make(path)

    def file(self, more: int, start: float) -> ParquetFile:
        if self._file is not None and self._is_due(self._file, more, start):
            self.lost += self.finish()
            self.close()
        if self._file is None:
            self._file = self._begin(start)
        return self._file

    def finish(self) -> int:
        if self._file is None:
            return 0
        lost = self._file.finish()
        if self._name:
            os.rename(f"{self._name}.part", self._name)
            self._name = ""
        return lost

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None

    def _is_due(self, file: ParquetFile, more: int, start: float) -> bool:
        is_large = self._max_size is not None and file.size + more > self._max_size
        is_old = not self._start <= start < self._start + self._max_age
        return file.is_full or (file.size > 0 and is_large) or is_old or _date(start) != _date(self._start)

    def _begin(self, start: float) -> ParquetFile:
        at = datetime.fromtimestamp(start, UTC)
        folder = self._path
        for part in (f"date={_date(start)}", f"machine={self._machine}"):
            folder = os.path.join(folder, part)
            _make(folder)
        number = 1
        while True:
            name = os.path.join(folder, f"{self._rows}-{at:%H%M%S}{f'-{number}' if number > 1 else ''}.parquet")
            if not os.path.lexists(name):
                with suppress(FileExistsError):
                    fd = safe_file.create(f"{name}.part", "new")
                    self._name, self._start = name, start
                    return ParquetFile(fd, self._metadata)
            number += 1


def _date(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def _make(folder: str) -> None:
    with suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    if not os.path.isdir(folder):
        raise NotADirectoryError(errno.ENOTDIR, "is not a folder", folder)

"""Parquet: the rows of each window are a row group. Needs the extra ``parquet``, which is arro3-io.

`Parquet` is the sink. `ParquetOutlet` holds row groups that a full disk did not take, tells that once, and tries again.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from io import BytesIO
from typing import TYPE_CHECKING

from netmon._core import arrow
from netmon.outlet import HELD
from netmon.rotation import Rotation, before_extension
from netmon.sinks.parquet_place import Folder, OneFile, Place
from netmon.sinks.row_groups import Part, split
from netmon.sinks.tables import rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netmon import safe_file
    from netmon._core import Snapshot
    from netmon.frames import Frame
    from netmon.options import Settings

MOST_ROWS = 100_000
"""Rows of all tables of the snapshots of a window at most; a row group then has less than a window."""

UNLIMITED = 1000
"""Files that are kept where no limit was asked for, and only full files are begun anew."""


def encoded(snapshots: Sequence[Snapshot], rows: str) -> Part:
    """The row groups of these snapshots: one, unless there are more than a million rows; none without rows."""
    from arro3.io import write_parquet  # noqa: PLC0415  only this output needs it

    file = BytesIO()
    write_parquet(arrow(snapshots, rows), file, compression="zstd(3)", skip_arrow_metadata=True, created_by="netmon")
    return split(file.getvalue())


class Parquet:
    """The sink: collects the snapshots of a window."""

    def __init__(self, outlet: ParquetOutlet, window: float) -> None:
        self._outlet, self._window = outlet, window
        self._snapshots: list[Snapshot] = []
        self._weight = 0

    def update(self, frame: Frame) -> None:
        snapshot = frame.snapshot
        self._snapshots.append(snapshot)
        self._weight += snapshot.row_count
        if snapshot.end - self._snapshots[0].start >= self._window or self._weight >= MOST_ROWS:
            self._put()

    def close(self) -> None:
        if self._snapshots:
            self._put()

    def _put(self) -> None:
        self._outlet.put(self._snapshots)
        self._snapshots, self._weight = [], 0


class ParquetOutlet:
    """Writes row groups to a place. `name` is the name of the output in messages."""

    def __init__(self, name: str, rows: str, place: Place) -> None:
        self.name = name
        self.dropped = 0
        self._rows, self._place = rows, place
        self._held: deque[tuple[float, Part]] = deque()
        self._size = 0
        self._trouble: OSError | None = None
        self._news: list[str] = []

    def put(self, snapshots: Sequence[Snapshot]) -> None:
        """Writes the rows of these snapshots, and what is held, as far as that is accepted."""
        part = encoded(snapshots, self._rows)
        if part.groups:
            self._held.append((snapshots[0].start, part))
            self._size += len(part.body)
        self._push()
        while self._size > HELD and len(self._held) > 1:
            self._size -= len(self._held.popleft()[1].body)
            self.dropped += 1

    def news(self) -> list[str]:
        """Returns the new messages about this output for a person, and clears them."""
        news = [*self._news, *(f"{self.name}: {each}" for each in self._place.news)]
        self._news.clear()
        self._place.news.clear()
        return news

    def abandon(self) -> None:
        """Drops what is held."""
        self._held.clear()
        self._size = 0

    def close(self) -> None:
        """Writes what is held and the end of the file. Raises OSError if row groups are missing."""
        self._push()
        trouble = self._trouble if self._held else None
        self.dropped += len(self._held)
        self.abandon()
        try:
            self.dropped += self._place.finish()
        except OSError as error:
            trouble = error
        try:
            self._place.close()
        except OSError as error:  # some file systems report a full disk only on close
            trouble = trouble or error
        self.dropped += self._place.lost
        if trouble is not None or self.dropped:
            number = (trouble.errno if trouble is not None else None) or errno.ENOSPC
            missing = f" ({self.dropped} row groups are missing)" if self.dropped else ""
            raise OSError(number, f"{os.strerror(number)}{missing}", self.name)

    def _push(self) -> None:
        try:
            while self._held:
                start, part = self._held[0]
                self._place.file(len(part.body), start).add(part)
                self._size -= len(self._held.popleft()[1].body)
        except OSError as error:
            if self._trouble is None or self._trouble.errno != error.errno:
                self._news.append(f"{self.name}: {error.strerror or error}, trying again")
            self._trouble = error
        else:
            if self._trouble is not None:
                self._news.append(f"{self.name}: can be written again")
            self._trouble = None


def opened(settings: Settings, name: str, mode: safe_file.Mode) -> tuple[ParquetOutlet, Parquet]:
    """Creates the file or the folder of one output. Raises OSError."""
    rows = rows_of(requests=settings.requests)
    metadata = encoded((), rows).metadata
    place: Place
    if name.endswith("/") or os.path.isdir(name):
        place = Folder(name.rstrip("/") or "/", rows, settings, metadata)
    else:
        is_limited = settings.output_max_size is not None or settings.output_max_age is not None
        rotation = Rotation(
            name,
            max_size=settings.output_max_size,
            max_age=settings.output_max_age,
            files=settings.output_files if is_limited else UNLIMITED,
            named=before_extension,
        )
        try:
            place = OneFile(name, mode, metadata, rotation)
        except FileExistsError as error:
            error.filename = name
            raise
    outlet = ParquetOutlet(name, rows, place)
    return outlet, Parquet(outlet, settings.window)

"""The times of a page: local times of the machine that wrote it, in one offset from UTC throughout. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from netmon import format as fmt

DAY = 86_400


class Clock(NamedTuple):
    """The time that a page covers, from `start` to `end`, and the `offset` from UTC in seconds."""

    start: float = 0.0
    end: float = 0.0
    offset: int = 0

    @classmethod
    def of(cls, start: float, end: float) -> Clock:
        """The clock of a page about the time from `start` to `end`, in the offset of this machine at its start."""
        offset = datetime.fromtimestamp(start).astimezone().utcoffset() or timedelta()
        return cls(start, end, round(offset.total_seconds()))

    @property
    def zone(self) -> timezone:
        return timezone(timedelta(seconds=self.offset))

    @property
    def spans_days(self) -> bool:
        """Whether a time of day alone would be ambiguous."""
        return self.end - self.start > DAY or self.moment_of(self.start)[:10] != self.moment_of(self.end)[:10]

    def moment_of(self, at: float) -> str:
        """Date, time and offset."""
        return fmt.time(at, zone=self.zone)

    def moment(self, at: float) -> str:
        """The time of day, with the date before it where the page covers more than one day."""
        text = self.moment_of(at)
        return text[:19] if self.spans_days else text[11:19]

"""The handler of Python's logging that writes netmon's log. Loaded only where there is a log.

Records in, lines out. An error of writing is reported once and stops nothing; what was lost meanwhile is counted in
the log itself.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from netmon.log_file import RotationError
from netmon.log_lines import Limit, Line

if TYPE_CHECKING:
    from collections.abc import Callable

LOUDEST = ((logging.ERROR, "error"), (logging.WARNING, "warning"), (logging.INFO, "info"))


class Handler(logging.Handler):
    """Formats records and passes lines to `write`, with the time; `report` is told of trouble with that."""

    def __init__(
        self,
        line_of: Callable[[Line], str],
        write: Callable[[bytes, float], None],
        report: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._line_of, self._write, self._report, self._clock = line_of, write, report, clock
        self._limit = Limit()
        self._trouble: int | None = None
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        event, fields = _event_of(record)
        self._tell_suppressed(record.created)
        if self._limit.takes(event, self._clock()):
            self._put(Line(record.created, _level_of(record.levelno), event, fields))

    def pass_time(self) -> None:
        """Writes how many lines were suppressed, for each event whose minute is over."""
        self.acquire()
        try:
            self._tell_suppressed(time.time())
        finally:
            self.release()

    def close(self) -> None:
        """Writes how many lines were suppressed, whether or not their minute is over."""
        self.acquire()
        try:
            self._tell_suppressed(time.time(), is_end=True)
        finally:
            self.release()
        super().close()

    def _tell_suppressed(self, at: float, *, is_end: bool = False) -> None:
        for event, lines in self._limit.suppressed(float("inf") if is_end else self._clock()):
            self._put(Line(at, "warning", "log.suppressed", {"of": event, "lines": lines}))

    def _put(self, line: Line) -> None:
        try:
            if self._lost:
                lost = Line(line.at, "warning", "log.lost", {"lines": self._lost})
                self._write(self._encoded(lost), line.at)
                self._lost = 0
            self._write(self._encoded(line), line.at)
        except OSError as error:
            self._lost += not isinstance(error, RotationError)
            self._note(error)
        else:
            self._trouble = None

    def _encoded(self, line: Line) -> bytes:
        return f"{self._line_of(line)}\n".encode("utf-8", "backslashreplace")

    def _note(self, error: OSError) -> None:
        if self._trouble != error.errno:
            self._trouble = error.errno
            self._report(f"{error.filename or 'the log'}: {error.strerror or error}")


def _event_of(record: logging.LogRecord) -> tuple[str, dict[str, Any]]:
    """The event and the fields of a record; a record of other code is the event ``message``."""
    event = getattr(record, "event", None)
    if isinstance(event, str):
        return event, getattr(record, "fields", {})
    told: dict[str, Any] = {"message": record.getMessage(), "logger": record.name}
    if record.exc_info and record.exc_info[1] is not None:
        told["error"] = repr(record.exc_info[1])
    return "message", told


def _level_of(number: int) -> str:
    return next((level for least, level in LOUDEST if number >= least), "debug")

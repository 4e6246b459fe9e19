"""The log: `event` says what happened, through Python's logging; `opened` writes it to where the settings say.

The logger is ``netmon``. A program that uses netmon as a library hears nothing unless it adds a handler. While nobody
has loaded `logging` nobody can listen, so netmon does not load it either.
"""

from __future__ import annotations

import errno
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from netmon.console import Console
    from netmon.events import Level
    from netmon.options import Settings

LOGGER = "netmon"

STDERR = "-"
"""The name that stands for standard error in place of a file."""


def event(name: str, level: Level = "info", /, **fields: Any) -> None:
    """Logs an event of the table `netmon.events.EVENTS`, with its facts. Costs nothing if nobody listens.

    Text in fields may come from the wire; None is left out. May be called from any thread, but from no signal handler.
    """
    if not is_heard():
        return
    import logging  # noqa: PLC0415  loaded already

    from netmon.log_lines import words  # noqa: PLC0415  only a log needs it

    number: int = getattr(logging, level.upper())
    logger = logging.getLogger(LOGGER)
    if logger.isEnabledFor(number):
        logger.log(number, "%s", words(name, fields), extra={"event": name, "fields": fields})


def is_heard() -> bool:
    """Whether anybody may listen."""
    logging = sys.modules.get("logging")
    if logging is None:
        return False
    logger = logging.getLogger(LOGGER)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())  # without a handler, warnings would be printed on standard error
    return any(not isinstance(one, logging.NullHandler) for one in (*logger.handlers, *logging.root.handlers))


def check(settings: Settings) -> None:
    """Raises OSError if the log cannot be written at the start. Later trouble with it stops nothing."""
    if settings.log_file not in (None, STDERR):
        from netmon.log_file import LogFile  # noqa: PLC0415  few runs have a log

        LogFile(settings.log_file, max_size=1, max_age=None, files=1).try_open()


def takes_stderr(settings: Settings, console: Console) -> bool:
    """Whether the log goes to standard error, so that the same messages are not printed there as well."""
    return settings.log_file == STDERR or (settings.log_file is None and console.has_journal)


def _say(console: Console, line: bytes, _now: float) -> None:
    """Writes a line to standard error, unless that would have to be waited for."""
    if not console.is_heard:
        raise OSError(errno.EAGAIN, "is not being read", "standard error")
    console.say(line.decode())


@contextmanager
def opened(
    settings: Settings, console: Console, report: Callable[[str], None], *, on_screen: bool = False
) -> Iterator[Callable[[], None]]:
    """Writes events as the settings say while the block runs, and nothing after it; gives what to call now and then.

    `report` is told once of a file that cannot be written. With `on_screen`, nothing is written to a terminal.
    """
    is_off = settings.log_file is None and not console.has_journal
    if settings.log_file == STDERR and on_screen and console.stderr.isatty():
        is_off = True
        report("standard error is the terminal of the screen, so nothing is logged")
    if is_off:
        yield lambda: None
        return
    import logging  # noqa: PLC0415  only a log needs it

    from netmon import log_lines  # noqa: PLC0415  as above
    from netmon.log_file import LogFile  # noqa: PLC0415  as above
    from netmon.log_handler import Handler  # noqa: PLC0415  as above

    is_json = settings.log_format == "json"
    line_of = log_lines.as_json if is_json else log_lines.text
    if takes_stderr(settings, console):
        if console.has_journal:
            line_of = log_lines.journal_json if is_json else log_lines.journal
        handler, file = Handler(line_of, partial(_say, console), report), None
    else:
        file = LogFile(
            settings.log_file or "",
            max_size=settings.log_max_size,
            max_age=settings.log_max_age,
            files=settings.log_files,
        )
        handler = Handler(line_of, file.write, report)
    logger = logging.getLogger(LOGGER)
    before = logger.level
    number: int = getattr(logging, settings.log_level.upper())
    handler.setLevel(number)
    logger.setLevel(min(number, before) if before else number)
    logger.addHandler(handler)
    try:
        yield handler.pass_time
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
        handler.close()
        if file is not None:
            file.close()

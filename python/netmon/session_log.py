"""What a session tells its log: its start and its end, the events of its snapshots, and what went wrong."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from netmon import log
from netmon._core import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from netmon.console import Console
    from netmon.events import Events, Level
    from netmon.frames import Frame
    from netmon.monitor import Monitor
    from netmon.options import Settings

NAMED = 20
"""Interfaces or files that are named at most; of the others, the number is told."""

LEVELS: dict[str, Level] = {"error": "error", "warning": "warning", "info": "info", "debug": "debug"}


class SessionLog:
    """The log of one session. Writing begins when it is entered and ends, with the last event, when it is left."""

    def __init__(self, settings: Settings, console: Console, report: Callable[[str], None], *, on_screen: bool) -> None:
        self._settings = settings
        self._frame: Frame | None = None
        self._events: Events | None = None
        self._opened: AbstractContextManager[Callable[[], None]] = log.opened(
            settings, console, report, on_screen=on_screen
        )
        self._pass_time: Callable[[], None] = lambda: None
        self._has_started = False

    def __enter__(self) -> Self:
        self._pass_time = self._opened.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, BrokenPipeError):
            log.event("failed", "error", error=(isinstance(error, OSError) and error.strerror) or str(error))
        if self._has_started:
            self._stopped()
        self._opened.__exit__(None, None, None)

    def started(self, monitor: Monitor, user: str | None = None) -> None:
        self._has_started = True
        if log.is_heard():
            names = monitor.interfaces
            source = "files" if self._settings.read else "interfaces"
            told = {
                "version": __version__,
                "pid": os.getpid(),
                source: names[:NAMED],
                "more": len(names[NAMED:]) or None,
                "user": user,
            }
            log.event("started", **told, filter=self._settings.filter)

    def frame(self, frame: Frame) -> None:
        """Tells what happened in the newest interval."""
        self._frame = frame
        if log.is_heard():
            if self._events is None:
                from netmon.events import Events  # noqa: PLC0415  few sessions have a log

                self._events = Events(is_live=not self._settings.read)
            for event in self._events.update(frame.snapshot, frame.alerts):
                log.event(event.name, event.level, **event.fields)
            self._pass_time()

    def messages(self, messages: Iterable[tuple[str, str]]) -> None:
        """Tells what the capture says, as (level, message)."""
        for level, message in messages:
            log.event("capture.message", LEVELS.get(level, "info"), message=message)

    def _stopped(self) -> None:
        for event in self._events.end() if self._events is not None else ():
            log.event(event.name, event.level, **event.fields)
        told = {}
        if self._frame is not None:
            tally = self._frame.tally
            told = {"seconds": tally.seconds, "packets": tally.packets, "lost": tally.lost, "hits": tally.hits}
            told["alerts"] = tally.fired
        log.event("stopped", **told)

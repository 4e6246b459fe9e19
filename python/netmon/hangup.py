"""What SIGHUP does where there is something to read again: it reads the configuration again.

It always ends a netmon whose terminal is gone. A handler runs between any two lines of the program, so it only asks;
a thread does the reading. Several signals that come meanwhile are one.
"""

from __future__ import annotations

from contextlib import contextmanager
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SETTLING = 1.0
"""Seconds after a SIGHUP in which the terminal may still go: a shell that ends tells its jobs before it does."""


@contextmanager
def reloading(
    reload: Callable[[], None],
    has_terminal: Callable[[], bool],
    stop: Callable[[], None],
    *,
    settling: float = SETTLING,
) -> Iterator[Callable[[], bool]]:
    """Gives what a handler of SIGHUP calls; it returns True if netmon is to end, and else has `reload` called.

    `stop` is called if the terminal that was there at the start goes within
    `settling` seconds after the signal.
    """
    hangups = _Hangups(reload, has_terminal, stop, settling)
    thread = Thread(target=hangups.work, name="reload", daemon=True)
    thread.start()
    try:
        yield hangups.on_signal
    finally:
        hangups.end()
        thread.join()


class _Hangups:
    """Signals that ask for a reload, and the work of the thread that does it."""

    def __init__(
        self, reload: Callable[[], None], has_terminal: Callable[[], bool], stop: Callable[[], None], settling: float
    ) -> None:
        self._reload, self._has_terminal, self._stop, self._settling = reload, has_terminal, stop, settling
        self._had_terminal = has_terminal()
        self._asked: SimpleQueue[bool] = SimpleQueue()  # unlike other queues, a handler may interrupt it

    @property
    def _is_lost(self) -> bool:
        return self._had_terminal and not self._has_terminal()

    def on_signal(self) -> bool:
        if self._is_lost:
            return True
        self._asked.put(True)
        return False

    def end(self) -> None:
        self._asked.put(False)

    def work(self) -> None:
        settling: float | None = None
        while (goes_on := self._next(settling)) is not False:
            if goes_on:
                self._reload()
            elif self._is_lost:
                self._stop()
            settling = self._settling if goes_on else None

    def _next(self, timeout: float | None) -> bool | None:
        """True if a reload is asked for, however often; False at the end; None if nothing happens within `timeout`."""
        try:
            goes_on = self._asked.get(timeout=timeout)
            while goes_on and not self._asked.empty():
                goes_on = self._asked.get()
        except Empty:
            return None
        return goes_on

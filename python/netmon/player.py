"""Plays files on the screen: reads ahead, waits until a step is due, and carries out what keys ask for.

`Player` drives `Playback`, which knows what is due and never waits. Keys may come at any time; their commands are run
between two calls of `Playback.advance`. Steps are played on another thread, so the keyboard never waits for a merge.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from netmon._core import Snapshot
    from netmon.frames import Frame, Frames
    from netmon.monitor import Monitor
    from netmon.options import Settings
    from netmon.playback import Moment, Playback

AHEAD = 10
"""Snapshots at most that are read but not yet added to the playback; when seeking, all are added at once."""

FAR = 1_000_000_000
"""More steps than any file has: seeking this far back goes to the start."""


class Player:
    """One run of a playback. Every public method but `moments` is for keys, and is called on the event loop."""

    def __init__(self, playback: Playback, monitor: Monitor, clock: Callable[[], float] = time.monotonic) -> None:
        self._playback, self._monitor, self._clock = playback, monitor, clock
        self._asked: list[Callable[[float], None]] = []
        self._is_stopped = False
        self._awake = asyncio.Event()
        self._read: asyncio.Queue[Snapshot | None] = asyncio.Queue(maxsize=AHEAD)

    # Keys

    def toggle(self) -> None:
        self._ask(self._playback.toggle)

    def step(self) -> None:
        self._ask(self._playback.step)

    def seek(self, steps: int) -> None:
        self._ask(lambda _now: self._playback.seek(steps))

    def rewind(self) -> None:
        self.seek(-FAR)

    def resize(self, window: float) -> None:
        self._ask(lambda _now: self._playback.resize(window))

    def clear(self) -> None:
        self._ask(lambda _now: self._playback.clear())

    def stop(self) -> None:
        """Ends the playback and closes the monitor."""
        self._is_stopped = True
        self._monitor.close()
        self._awake.set()

    def _ask(self, command: Callable[[float], None]) -> None:
        self._asked.append(command)
        self._awake.set()

    # The loop

    async def moments(self) -> AsyncIterator[Moment]:
        """Yields what to show, when it is due, until `stop`. Raises what reading the file raised."""
        reading = asyncio.create_task(self._reading())
        reading.add_done_callback(lambda _task: self._awake.set())
        try:
            while not self._is_stopped:
                self._awake.clear()
                self._take(reading)
                moment = await asyncio.to_thread(self._playback.advance, self._clock())
                if moment is not None:
                    yield moment
                await self._wait()
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await reading

    async def _reading(self) -> None:
        async for snapshot in self._monitor.asnapshots():
            await self._read.put(snapshot)
            self._awake.set()
        await self._read.put(None)

    def _take(self, reading: asyncio.Task[None]) -> None:
        """Adds the snapshots read so far to the playback, then runs the commands that keys asked for."""
        if reading.done() and self._read.empty():
            reading.result()
        while self._playback.wants_more and not self._read.empty():
            snapshot = self._read.get_nowait()
            if snapshot is None:
                self._playback.end()
            else:
                self._playback.add(snapshot, self._clock())
        asked, self._asked = self._asked, []
        for command in asked:
            command(self._clock())

    async def _wait(self) -> None:
        wait = self._playback.wait(self._clock())
        if wait > 0 and not (self._playback.wants_more and not self._read.empty()):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._awake.wait(), None if wait == float("inf") else wait)


def player_of(settings: Settings, frames: Frames, deliver: Callable[[Frame], object], monitor: Monitor) -> Player:
    """Plays the files of a session; `deliver` gets each frame when it is first played."""
    from netmon.playback import Playback  # noqa: PLC0415  tests of the player bring their own

    speed = settings.speed or 1.0
    return Player(Playback(frames, interval=settings.interval, speed=speed, on_new=deliver), monitor)

"""A capture file played as if it were live: what there is to show at each instant, and going back and on in it.

Snapshots come in as they are read, a value of the clock with each call, and moments come out. A step is one interval,
with or without traffic, played when packet time reaches its end. The frame of a step is made of the steps before it,
whichever way one came there: played, or sought from a checkpoint. Pure: no clock, no waiting, no output.
"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from netmon.frames import LOGGED_ALERTS
from netmon.pace import EXACT, Pace, glimpses, is_silent

if TYPE_CHECKING:
    from collections.abc import Callable

    from netmon._core import Snapshot
    from netmon.alerts import Alert
    from netmon.frames import Frame, Frames

KEPT_ROWS = 300_000
"""Rows of all steps one can go back to, some 100 MB; of a capture with more, the oldest steps are given up."""

STEP_ROWS = 10
"""What a step counts for beside its rows: its totals take as much memory."""

CHECKPOINTS = 32
"""Frames kept on the way: going back one step plays a 32nd of the file at the most."""

AHEAD = 10
"""Steps read ahead of the one that is played: enough that a slow file is no slow screen."""

BURST = 50
"""Steps played in one go: a key waits for no more."""


class Progress(NamedTuple):
    """Where in time one is, and how it goes on."""

    at: float
    speed: float
    is_paused: bool
    is_over: bool
    """The last step was played."""
    earliest: float
    """As far as one can go back."""
    latest: float | None
    """The end of the capture, when it was read so far."""
    forgets: bool
    """There were too many rows to keep all steps."""


class Moment(NamedTuple):
    """What there is to show at an instant."""

    frame: Frame
    alerts: tuple[Alert, ...]
    """All until then, oldest first."""
    progress: Progress


class _State:
    """What the steps played so far have made."""

    def __init__(self, frames: Frames, alerts: tuple[Alert, ...] = ()) -> None:
        self.frames, self.alerts = frames, alerts

    def push(self, snapshot: Snapshot) -> Frame:
        frame = self.frames.push(snapshot)
        self.alerts = (*self.alerts, *frame.alerts)[-LOGGED_ALERTS:]
        return frame

    def copy(self) -> _State:
        return _State(self.frames.copy(), self.alerts)


class Playback:
    """One caller at a time. `on_new` is given each frame once, when it is first played, and a silence as one frame."""

    def __init__(
        self, frames: Frames, *, interval: float, speed: float, on_new: Callable[[Frame], object] = lambda _: None
    ) -> None:
        self._interval, self._speed, self._on_new = interval, speed, on_new
        self._pace: Pace | None = None
        self._steps: deque[Snapshot] = deque()  # those that are kept
        self._first = 0  # the number of the first of them
        self._rows = 0
        self._is_read = False
        self._state = _State(frames)
        self._base = self._state.copy()  # before the first kept step
        self._checkpoints: dict[int, _State] = {}  # before the step of that number
        self._stride = 1
        self._position = 0  # steps played
        self._furthest = 0
        self._cleared: set[int] = set()  # steps played when the totals were cleared
        self._goal: int | None = None  # steps to have played, as fast as it goes
        self._frame: Frame | None = None
        self._is_news = False
        self._told: Snapshot | None = None  # the newest that `on_new` was given
        self._silent: list[Frame] = []  # played since, and not told yet

    # What is read

    @property
    def wants_more(self) -> bool:
        """Whether to read on: there is little ahead, or one wants to be further on."""
        return not self._is_read and self._read < max(self._position, self._goal or 0) + AHEAD

    def add(self, snapshot: Snapshot, now: float) -> None:
        """Takes the next snapshot of the file; time begins with the first."""
        if self._pace is None:
            self._pace = Pace(self._speed, snapshot.start, now)
        before = self._steps[-1] if self._steps else None
        for step in (*glimpses(before, snapshot, self._interval, self._speed), snapshot):
            self._steps.append(step)
            self._rows += step.row_count + STEP_ROWS
        self._forget()

    def end(self) -> None:
        """There is no more to read, and no further to seek."""
        self._is_read = self._is_news = True
        if self._goal is not None and self._goal > self._read:
            clears = self._goal in self._cleared
            self._goal = self._read
            if clears:
                self.clear()

    # Keys

    def toggle(self, now: float) -> None:
        """Lets time stand still, or go on."""
        if self._pace is not None:
            pace = self._pace
            self._pace = pace.resumed(now) if pace.stands else pace.stopped(self._between(pace.time(now)))
            self._is_news = True

    def step(self, now: float) -> None:
        """One step on, and time stands still."""
        if self._pace is not None and not self._pace.stands:
            self.toggle(now)
        self.seek(+1)

    def seek(self, steps: int) -> None:
        """So many steps on, or back; no further than there are steps."""
        wanted = (self._position if self._goal is None else self._goal) + steps
        most = self._read if self._is_read else wanted
        self._goal = max(self._first + 1, min(wanted, most))

    def resize(self, window: float) -> None:
        """Another length of the window, now and for all instants one goes to."""
        self._base.frames.resize(window)
        self._checkpoints.clear()
        self._goal = self._position if self._goal is None else self._goal
        self._state, self._position = self._base.copy(), self._first

    def clear(self) -> None:
        """Counts what is shown anew from here, or where one is about to be, now and whenever one comes there again."""
        here = self._position if self._goal is None else self._goal
        self._cleared.add(here)
        for number in [number for number in self._checkpoints if number >= here]:
            del self._checkpoints[number]
        if here <= self._position:
            self._goal = here
            self._go_back(here)

    # Time

    def advance(self, now: float) -> Moment | None:
        """Plays what is due. None when there is nothing new to show."""
        if self._goal is not None and self._goal < self._position:
            self._go_back(self._goal)
        self._arrive(now)
        for _ in range(BURST):
            if self._position >= self._read or self.wait(now) > 0:
                break
            leaps = self._leap > 0
            self._play()
            self._arrive(now, leaps)
        return self._moment() if self._is_news else None

    def wait(self, now: float) -> float:
        """Seconds of the clock until there is something to play; infinite when that depends on others."""
        if self._goal is not None and self._goal < self._position:
            return 0.0
        if self._position >= self._read or self._pace is None:
            return inf
        if self._goal is not None:
            return 0.0
        return self._pace.wait(self._next.end - self._leap, now)

    @property
    def _read(self) -> int:
        """Steps read so far."""
        return self._first + len(self._steps)

    @property
    def _next(self) -> Snapshot:
        return self._steps[self._position - self._first]

    @property
    def _leap(self) -> float:
        """Seconds between the step that was played and the next, where silence was cut short."""
        gap = self._next.start - self._frame.snapshot.end if self._frame else 0.0
        return gap if gap > EXACT else 0.0

    def _between(self, time: float) -> float:
        """Packet time between the step that was played and the one to come, in which it belongs."""
        if self._frame is None:
            return self._steps[0].start
        end = self._frame.snapshot.end
        return max(end, min(time, self._next.end if self._position < self._read else end))

    def _play(self) -> None:
        if self._position % self._stride == 0 and self._position not in self._checkpoints:
            self._keep()
        frame = self._state.push(self._next)
        self._position += 1
        if self._position > self._furthest:
            self._furthest = self._position
            self._tell(frame)
        cleared = self._state.frames.clear() if self._position in self._cleared else None
        self._frame = cleared or frame
        self._is_news = self._is_news or self._goal is None or self._position == self._furthest

    def _tell(self, frame: Frame) -> None:
        """Hands on what was played; silence when it is over, from its beginning to its end."""
        if is_silent(frame.snapshot) and self._told is not None:
            self._silent.append(frame)
            return
        if self._silent and self._told is not None:
            whole = self._told.silence(frame.snapshot.start - self._told.end)
            alerts = tuple(alert for silent in self._silent for alert in silent.alerts)
            self._on_new(self._silent[-1]._replace(snapshot=whole, alerts=alerts))
            self._silent.clear()
        self._told = frame.snapshot
        self._on_new(frame)

    def _arrive(self, now: float, leaps: bool = False) -> None:
        """Where one wanted to be, or behind a leap, time goes on from the step that was played."""
        is_at_end = self._is_read and self._position >= self._read
        arrives = self._goal is not None and (self._position >= self._goal or is_at_end)
        if arrives:
            self._goal, self._is_news = None, True
        if (arrives or leaps) and self._pace is not None and self._frame is not None:
            self._pace = self._pace.moved(self._frame.snapshot.end, now)

    def _moment(self) -> Moment | None:
        if self._frame is None or self._pace is None:
            return None
        self._is_news = False
        is_over = self._is_read and self._position >= self._read
        progress = Progress(
            at=self._frame.snapshot.end,
            speed=self._speed,
            is_paused=self._pace.stands,
            is_over=is_over,
            earliest=self._steps[0].end,
            latest=self._steps[-1].end if self._is_read else None,
            forgets=self._first > 0,
        )
        return Moment(self._frame, self._state.alerts, progress)

    # The past

    def _go_back(self, goal: int) -> None:
        """To the last checkpoint from which the step before `goal` can be played."""
        at = max((number for number in self._checkpoints if number < goal), default=self._first)
        self._state = self._checkpoints.get(at, self._base).copy()
        self._position = at

    def _keep(self) -> None:
        """Takes a checkpoint here; every second one goes when there are too many, or too many rows in them."""
        self._checkpoints[self._position] = self._state.copy()
        while len(self._checkpoints) > CHECKPOINTS or self._kept_rows() > KEPT_ROWS:
            self._stride *= 2
            kept = {at: state for at, state in self._checkpoints.items() if at % self._stride == 0}
            if len(kept) == len(self._checkpoints):
                break
            self._checkpoints = kept

    def _kept_rows(self) -> int:
        return sum(state.frames.rows for state in self._checkpoints.values())

    def _forget(self) -> None:
        """Gives up the oldest steps that were played; what they counted stays in the totals."""
        while self._rows > KEPT_ROWS and self._first + 1 < self._position:
            step = self._steps.popleft()
            self._base.push(step)
            self._first += 1
            if self._first in self._cleared:
                self._base.frames.clear()
            self._rows -= step.row_count + STEP_ROWS
        for number in [number for number in self._checkpoints if number < self._first]:
            del self._checkpoints[number]

"""A capture file played as if it were live: what to show at each instant, and seeking backward and forward.

Snapshots go in as they are read, with the clock value at each call, and moments come out. A step is one interval with
traffic, or a piece of a silence. It is played when packet time reaches its end. The frame after a step depends only
on the steps up to it, whether they were played or sought from a checkpoint. Pure: no clock, no waiting, no output.
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
"""Rows at most in the steps that are kept for seeking back, about 100 MB. Beyond, the oldest steps are dropped."""

STEP_ROWS = 10
"""Rows that a step counts for in addition to its own: its totals take about as much memory."""

CHECKPOINTS = 32
"""Checkpoints kept at most: going back one step then replays about a 32nd of the file."""

AHEAD = 10
"""Steps read ahead of the one that is played, so that the screen stays smooth while a file is read slowly."""

BURST = 50
"""Steps played at most by one call of `advance`; a key waits for no more than these."""


class Progress(NamedTuple):
    """The position in the file, and how playing goes on."""

    at: float
    speed: float
    is_paused: bool
    is_over: bool
    """True if the last step of the file was played."""
    earliest: float
    """The earliest time that can be sought."""
    latest: float | None
    """The end of the capture; None until the file is read to its end."""
    forgets: bool
    """True if the oldest steps were dropped because there were too many rows."""


class Moment(NamedTuple):
    """What to show at an instant."""

    frame: Frame
    alerts: tuple[Alert, ...]
    """The alerts up to this instant, oldest first; `LOGGED_ALERTS` at most."""
    progress: Progress


class _State:
    """The frames and the alerts that result from the steps played so far."""

    def __init__(self, frames: Frames, alerts: tuple[Alert, ...] = ()) -> None:
        self.frames, self.alerts = frames, alerts

    def push(self, snapshot: Snapshot) -> Frame:
        frame = self.frames.push(snapshot)
        self.alerts = (*self.alerts, *frame.alerts)[-LOGGED_ALERTS:]
        return frame

    def copy(self) -> _State:
        return _State(self.frames.copy(), self.alerts)


class Playback:
    """Steps of a file and the position in them. Not thread-safe: one call at a time.

    `on_new` is called with each frame once, when its step is first played; a whole silence is one frame.
    """

    def __init__(
        self, frames: Frames, *, interval: float, speed: float, on_new: Callable[[Frame], object] = lambda _: None
    ) -> None:
        self._interval, self._speed, self._on_new = interval, speed, on_new
        self._pace: Pace | None = None
        self._steps: deque[Snapshot] = deque()  # the steps that are kept
        self._first = 0  # the number of the first kept step
        self._rows = 0
        self._is_read = False
        self._state = _State(frames)
        self._base = self._state.copy()  # the state before the first kept step
        self._checkpoints: dict[int, _State] = {}  # the state before the step of that number
        self._stride = 1
        self._position = 0  # number of steps played
        self._furthest = 0
        self._cleared: set[int] = set()  # positions at which the totals were cleared
        self._goal: int | None = None  # the position sought; steps up to it are played without waiting
        self._frame: Frame | None = None
        self._is_news = False
        self._told: Snapshot | None = None  # the newest snapshot that `on_new` was called with
        self._silent: list[Frame] = []  # silent frames played since then, not yet handed to `on_new`

    # Reading

    @property
    def wants_more(self) -> bool:
        """Whether to read on: fewer than `AHEAD` steps are read beyond the position and the goal."""
        return not self._is_read and self._read < max(self._position, self._goal or 0) + AHEAD

    def add(self, snapshot: Snapshot, now: float) -> None:
        """Adds the next snapshot of the file. Packet time starts running with the first."""
        if self._pace is None:
            self._pace = Pace(self._speed, snapshot.start, now)
        before = self._steps[-1] if self._steps else None
        for step in (*glimpses(before, snapshot, self._interval, self._speed), snapshot):
            self._steps.append(step)
            self._rows += step.row_count + STEP_ROWS
        self._forget()

    def end(self) -> None:
        """The file is read to its end; a goal beyond the last step becomes the last step."""
        self._is_read = self._is_news = True
        if self._goal is not None and self._goal > self._read:
            clears = self._goal in self._cleared
            self._goal = self._read
            if clears:
                self.clear()

    # Keys

    def toggle(self, now: float) -> None:
        """Stops packet time, or lets it run again."""
        if self._pace is not None:
            pace = self._pace
            self._pace = pace.resumed(now) if pace.stands else pace.stopped(self._between(pace.time(now)))
            self._is_news = True

    def step(self, now: float) -> None:
        """Stops packet time and goes one step forward."""
        if self._pace is not None and not self._pace.stands:
            self.toggle(now)
        self.seek(+1)

    def seek(self, steps: int) -> None:
        """Seeks `steps` forward, or backward if negative, within the steps there are."""
        wanted = (self._position if self._goal is None else self._goal) + steps
        most = self._read if self._is_read else wanted
        self._goal = max(self._first + 1, min(wanted, most))

    def resize(self, window: float) -> None:
        """Changes the length of the window, for the present frame and for every one that is sought."""
        self._base.frames.resize(window)
        self._checkpoints.clear()
        self._goal = self._position if self._goal is None else self._goal
        self._state, self._position = self._base.copy(), self._first

    def clear(self) -> None:
        """Clears the shown totals at the goal, if there is one, else here; again whenever this position is passed."""
        here = self._position if self._goal is None else self._goal
        self._cleared.add(here)
        for number in [number for number in self._checkpoints if number >= here]:
            del self._checkpoints[number]
        if here <= self._position:
            self._goal = here
            self._go_back(here)

    # Time

    def advance(self, now: float) -> Moment | None:
        """Plays the steps that are due, `BURST` at most. Returns None if there is nothing new to show."""
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
        """Clock seconds until a step is due; infinite if that depends on a key or on reading more."""
        if self._goal is not None and self._goal < self._position:
            return 0.0
        if self._position >= self._read or self._pace is None:
            return inf
        if self._goal is not None:
            return 0.0
        return self._pace.wait(self._next.end - self._leap, now)

    @property
    def _read(self) -> int:
        """Number of steps read so far."""
        return self._first + len(self._steps)

    @property
    def _next(self) -> Snapshot:
        return self._steps[self._position - self._first]

    @property
    def _leap(self) -> float:
        """Seconds of silence left out between the step that was played and the next one; 0 if none was."""
        gap = self._next.start - self._frame.snapshot.end if self._frame else 0.0
        return gap if gap > EXACT else 0.0

    def _between(self, time: float) -> float:
        """`time`, limited to the range from the end of the step that was played to the end of the next one."""
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
        """Calls `on_new` with a frame that was played. A silence is handed on as one frame, when it is over."""
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
        """Once the goal is reached, or behind a silence cut short, packet time goes on from the step just played."""
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

    # Going back

    def _go_back(self, goal: int) -> None:
        """Restores the last checkpoint before `goal`. The steps from there up to `goal` are then played again."""
        at = max((number for number in self._checkpoints if number < goal), default=self._first)
        self._state = self._checkpoints.get(at, self._base).copy()
        self._position = at

    def _keep(self) -> None:
        """Takes a checkpoint here. If there are too many, or they have too many rows, drops every second one."""
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
        """Drops the oldest steps that were played while there are too many rows; their counts stay in the totals."""
        while self._rows > KEPT_ROWS and self._first + 1 < self._position:
            step = self._steps.popleft()
            self._base.push(step)
            self._first += 1
            if self._first in self._cleared:
                self._base.frames.clear()
            self._rows -= step.row_count + STEP_ROWS
        for number in [number for number in self._checkpoints if number < self._first]:
            del self._checkpoints[number]

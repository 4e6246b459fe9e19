"""What there is to show after each snapshot: the newest interval, the window, the totals, the alerts.

`Frames.push` takes a snapshot and gives a `Frame`, which every sink and the screen draw from. The core keeps the window
and the total up to date, a few merges for each snapshot with the interpreter released: a screen calls `push` on another
thread, and drawing a frame merges nothing. Of the past a frame has numbers, not snapshots. Pure: no clock, no output.
"""

from __future__ import annotations

from collections import deque
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from netmon._core import Point, Snapshot, Window
from netmon.alerts import Alert, AlertPolicy, Gauge, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HISTORY = 60.0
"""Seconds of points a frame carries for sparklines."""

POINTS = 6000
"""Points at the most: as many as there are of the shortest interval; a clock that was set back forgets none."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The few totals that are looked at all the time, kept as numbers since a merge of everything would cost more."""

    start: float = 0.0
    end: float = 0.0
    packets: int = 0
    lost: int = 0
    hits: int = 0
    requests: int = 0
    responses: int = 0
    errors: int = 0
    fired: int = 0
    recovered: int = 0

    def plus(self, snapshot: Snapshot, alerts: Sequence[Alert]) -> Tally:
        fired = sum(alert.state == "fired" for alert in alerts)
        capture = snapshot.capture
        return Tally(
            start=self.start or snapshot.start,
            end=max(self.end, snapshot.end),
            packets=self.packets + capture.received,
            lost=self.lost + capture.kernel_dropped + capture.interface_dropped,
            hits=self.hits + snapshot.hits,
            requests=self.requests + snapshot.requests,
            responses=self.responses + snapshot.responses,
            errors=self.errors + snapshot.errors,
            fired=self.fired + fired,
            recovered=self.recovered + len(alerts) - fired,
        )

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, eq=False)
class Frame:
    """Everything an output may show; immutable, compared by identity."""

    snapshot: Snapshot
    history: Sequence[Point]
    """The intervals of the last minute in a few numbers each, oldest first."""
    alerts: Sequence[Alert]
    gauges: Sequence[Gauge]
    tally: Tally
    window_length: float
    window: Snapshot
    """The merge of the last `window_length` seconds; of everything when that is infinite."""
    total: Snapshot
    """The merge of everything since the start, folded where it would outgrow twice the limits of an interval."""

    @property
    def seconds(self) -> float:
        """How long a time `window` stands for: shorter at the beginning, longer when snapshots are coarse."""
        covered = self.window.end - self.window.start
        return max(covered, min(self.window_length, self.tally.seconds))


class Frames:
    """Turns snapshots into frames. One caller at a time, from any thread."""

    def __init__(self, window: float = 10.0, rules: Iterable[Rule] = ()) -> None:
        self._policy = AlertPolicy(rules)
        self._window = Window(window)
        self._history: deque[Point] = deque(maxlen=POINTS)
        self._tally = Tally()
        self._newest: Frame | None = None

    def push(self, snapshot: Snapshot) -> Frame:
        alerts = self._policy.update(snapshot)
        self._tally = self._tally.plus(snapshot, alerts)
        self._window.push(snapshot)
        _slide(self._history, snapshot.point(), HISTORY)
        self._newest = Frame(
            snapshot=snapshot,
            history=tuple(self._history),
            alerts=tuple(alerts),
            gauges=tuple(self._policy.gauges),
            tally=self._tally,
            window_length=self._window.length,
            window=self._window.merged,
            total=self._window.total,
        )
        return self._newest

    def resize(self, window: float) -> Frame | None:
        """Another length of the window from now on; the newest frame with it, made of what is still there.

        Its alerts were told with the frame before.
        """
        self._window.resize(window)
        if self._newest is not None:
            merged, length = self._window.merged, self._window.length
            self._newest = replace(self._newest, window=merged, window_length=length, alerts=())
        return self._newest

    def copy(self) -> Frames:
        """Other frames with the same past, which go on by themselves; rows are shared."""
        twin = copy(self)
        twin._policy, twin._window, twin._history = self._policy.copy(), self._window.copy(), self._history.copy()
        return twin

    @property
    def rows(self) -> int:
        """Rows of the newest window and of the total: what the memory of a copy grows with."""
        return self._newest.window.rows + self._newest.total.rows if self._newest else 0


def _slide(points: deque[Point], newest: Point, length: float) -> None:
    """Appends, and drops what ended `length` seconds or more before the newest end."""
    points.append(newest)
    horizon = newest.end - length + 1e-6  # ends are multiples of the interval in floats
    while points[0].end <= horizon:
        points.popleft()

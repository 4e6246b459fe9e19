"""What there is to show after each snapshot: the newest interval, the window, the totals, the alerts.

`Frames.push` takes a snapshot and gives a `Frame`, which every sink and the screen draw from. The core keeps the window
and the total up to date, a few merges for each snapshot with the interpreter released: a screen calls `push` on another
thread, and drawing a frame merges nothing. Of the past a frame has numbers, not snapshots; of exchanges, those worth
keeping for a screen, when there is one. Pure: no clock, no output.
"""

from __future__ import annotations

from collections import deque
from math import inf
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from netmon._core import Point, Snapshot, Window
from netmon.alerts import Alert, AlertPolicy, Gauge, Rule
from netmon.flapping import Flapping
from netmon.measures import measure
from netmon.pace import EXACT
from netmon.tail import Tail

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from netmon._core import Connection

HISTORY = 60.0
"""Seconds of points a frame carries for sparklines."""

SHORTEST = 0.25
"""Seconds that shorter points are joined to: a quarter of what a column of a trend stands for at the least."""

POINTS = 480
"""Points at the most: twice as many as there are of the shortest; a clock that was set back forgets none."""

LOGGED_ALERTS = 1000
"""Alerts that a log on a screen keeps; older ones are in the outputs."""

_LOST = measure("lost")

LATE = 100
"""Interfaces remembered that came up later: containers come and go."""


class Tally(NamedTuple):
    """The few totals that are looked at all the time, kept as numbers since a merge of everything would cost more."""

    start: float = 0.0
    end: float = 0.0
    packets: int = 0
    lost: int = 0
    """Packets that the kernel and interfaces dropped."""
    truncated: int = 0
    """Packets cut off by the snapshot length."""
    truncated_heads: int = 0
    """Heads of messages that could not be read for it."""
    undecoded: Mapping[str, int] = MappingProxyType({})
    """Packets that were not decoded by what they are, most frequent first."""
    late: Mapping[str, float] = MappingProxyType({})
    """Interfaces that came up after the capture began, with the time since when each is watched; `LATE` at the most."""
    hits: int = 0
    requests: int = 0
    responses: int = 0
    errors: int = 0
    fired: int = 0
    recovered: int = 0

    def plus(self, snapshot: Snapshot, alerts: Sequence[Alert]) -> Tally:
        fired = sum(alert.state == "fired" for alert in alerts)
        capture = snapshot.capture
        # Where the clock was set forward, the time it left out did not pass.
        left_out = max(0.0, snapshot.start - self.end) if self.end and capture.clock_steps else 0.0
        return Tally(
            start=(self.start or snapshot.start) + left_out,
            end=max(self.end, snapshot.end),
            packets=self.packets + capture.received,
            lost=self.lost + int(_LOST.value(snapshot) or 0),
            truncated=self.truncated + capture.truncated,
            truncated_heads=self.truncated_heads + capture.truncated_heads,
            undecoded=_sum(self.undecoded, capture.undecoded),
            late=_late(self.late, snapshot),
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


def _sum(known: Mapping[str, int], more: Mapping[str, int]) -> Mapping[str, int]:
    """Both tables as one, most frequent first."""
    if not more:
        return known
    both = {kind: known.get(kind, 0) + more.get(kind, 0) for kind in (*known, *more)}
    return MappingProxyType(dict(sorted(both.items(), key=lambda entry: -entry[1])))


def _late(known: Mapping[str, float], snapshot: Snapshot) -> Mapping[str, float]:
    """What is known of interfaces that came up later, with the newest last."""
    found = dict(snapshot.late)
    if all(known.get(name) == since for name, since in found.items()):
        return known
    both = sorted({**known, **found}.items(), key=lambda entry: entry[1])
    return MappingProxyType(dict(both[-LATE:]))


class Frame(NamedTuple):
    """Everything an output may show; immutable, compared by identity."""

    snapshot: Snapshot
    history: Sequence[Point]
    """The intervals of the last minute in a few numbers each, oldest first."""
    alerts: Sequence[Alert]
    """What is to be told since the frame before; those of a rule that flaps are held, and told together."""
    gauges: Sequence[Gauge]
    tally: Tally
    """Since the start."""
    shown: Tally
    """Since the start, or since a person cleared the totals."""
    window_length: float
    window: Snapshot
    """The merge of the last `window_length` seconds; of everything shown when that is infinite."""
    counted: Snapshot
    """The merge of everything shown."""
    cleared: Snapshot | None = None
    """The merge of what was counted before a person cleared the totals."""
    tail: Tail = Tail()
    """Exchanges; empty unless `Frames` was asked to keep some."""
    listed: Snapshot | None = None
    """The connections of the window, where snapshots have none."""
    held: Sequence[Alert] = ()
    """What is to be told of alerts that are held, if the capture ends here."""
    already: frozenset[str] = frozenset()
    """What is so already, and which no advice must advise: ``demo``, ``read``."""
    serial: int = 0
    """Frames by age: a later one has all of an earlier one, but for its alerts."""

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __hash__(self) -> int:
        return id(self)

    @property
    def total(self) -> Snapshot:
        """Everything since the start, folded where it would outgrow twice the limits of an interval."""
        return self.counted if self.cleared is None else Snapshot.merge([self.cleared, self.counted]).folded()

    @property
    def connections(self) -> list[Connection]:
        """Those of the window; empty unless the capture lists them."""
        return (self.listed or self.window).connections

    @property
    def seconds(self) -> float:
        """How long a time `window` stands for: shorter at the beginning, longer when snapshots are coarse."""
        if self.window_length == inf:
            return self.shown.seconds
        covered = self.window.end - self.window.start
        return max(covered, min(self.window_length, self.shown.seconds))


class Frames:
    """Turns snapshots into frames; safe from any thread.

    With `keeps_exchanges`, exchanges go into the tail of a frame, and its snapshots have none. With
    `keeps_connections`, connections go into a window of their own, and the snapshots have none.
    """

    def __init__(
        self,
        window: float = 10.0,
        rules: Iterable[Rule] = (),
        *,
        keeps_exchanges: bool = False,
        already: Iterable[str] = (),
        keeps_connections: bool = False,
    ) -> None:
        self._policy = AlertPolicy(rules)
        self._flapping = Flapping()
        self._already = frozenset(already)
        self._window = Window(window)
        self._listed = Window(window) if keeps_connections else None
        self._history: deque[Point] = deque(maxlen=POINTS)
        self._tally = self._shown = Tally()
        self._cleared: Snapshot | None = None
        self._tail: Tail | None = Tail() if keeps_exchanges else None
        self._newest: Frame | None = None
        self._serial = 0
        self._lock = Lock()

    def push(self, snapshot: Snapshot) -> Frame:
        with self._lock:
            alerts = self._policy.update(snapshot)
            self._tally = self._tally.plus(snapshot, alerts)
            self._shown = self._shown.plus(snapshot, alerts)
            _slide(self._history, snapshot.point(), HISTORY)
            if self._tail is not None:
                self._tail = self._tail.plus(snapshot)
                snapshot = snapshot.without_exchanges()
            if self._listed is not None:
                self._listed.push(snapshot.only_connections())
                snapshot = snapshot.without_connections()
            self._window.push(snapshot)
            return self._made(snapshot, self._flapping.update(alerts, snapshot.end))

    def resize(self, window: float) -> Frame | None:
        """Another length of the window from now on; the newest frame with it, made of what is still there.

        Its alerts were told with the frame before.
        """
        with self._lock:
            self._window.resize(window)
            if self._listed is not None:
                self._listed.resize(window)
            return self._made(self._newest.snapshot) if self._newest else None

    def clear(self) -> Frame | None:
        """Counts what is shown anew, from the newest interval on; tallies and totals of the run go on."""
        with self._lock:
            if self._newest is None:
                return None
            newest, self._cleared = self._newest.snapshot, self._newest.total
            self._window = Window(self._window.length)
            if self._listed is not None:
                self._listed = Window(self._window.length)
            self._shown = Tally(start=newest.end, end=newest.end)
            return self._made(newest)

    def _made(self, snapshot: Snapshot, alerts: Sequence[Alert] = ()) -> Frame:
        self._serial += 1
        self._newest = Frame(
            snapshot=snapshot,
            history=tuple(self._history),
            alerts=tuple(alerts),
            gauges=tuple(self._policy.gauges),
            tally=self._tally,
            shown=self._shown,
            window_length=self._window.length,
            window=self._window.merged,
            counted=self._window.total,
            cleared=self._cleared,
            tail=self._tail or Tail(),
            listed=self._listed.merged if self._listed else None,
            held=self._flapping.held,
            already=self._already,
            serial=self._serial,
        )
        return self._newest

    def copy(self) -> Frames:
        """Other frames with the same past, which go on by themselves; rows are shared."""
        from copy import copy  # noqa: PLC0415  only who goes back in a file needs one

        twin = copy(self)
        twin._policy, twin._window, twin._history = self._policy.copy(), self._window.copy(), self._history.copy()
        twin._listed = self._listed.copy() if self._listed else None
        twin._flapping, twin._lock = self._flapping.copy(), Lock()
        return twin

    @property
    def rows(self) -> int:
        """Rows of the newest window and of the total: what the memory of a copy grows with."""
        return self._newest.window.row_count + self._newest.counted.row_count if self._newest else 0


def _slide(points: deque[Point], newest: Point, length: float) -> None:
    """Appends, and drops what ended `length` seconds or more before the newest end.

    Points shorter than a trend shows become one: what a frame costs depends on no interval.
    """
    last = points[-1] if points else None
    if last and 0 <= newest.start - last.end < EXACT and newest.end - last.start <= SHORTEST + EXACT:
        newest = points.pop().plus(newest)
    points.append(newest)
    horizon = newest.end - length + EXACT
    while points[0].end <= horizon:
        points.popleft()

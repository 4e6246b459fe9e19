"""What to show after each snapshot: the newest interval, the window, the totals, the alerts.

`Frames.push` takes a snapshot and returns a `Frame`, from which every sink and the screen draw. The core keeps the
window and the total up to date with a few merges per snapshot, and releases the interpreter meanwhile. So a screen
calls `push` on another thread, and drawing a frame merges nothing. A frame keeps a few numbers of each past interval,
not its snapshot, and for a screen the exchanges worth keeping. Pure: no clock, no output.
"""

from __future__ import annotations

from collections import deque
from math import inf
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from netmon._core import Point, Snapshot, Window
from netmon.alerts import Alert, AlertPolicy, Gauge, Policy, Rule
from netmon.flapping import Flapping
from netmon.measures import measure
from netmon.pace import EXACT
from netmon.tail import Tail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from netmon._core import Connection

HISTORY = 60.0
"""Seconds of past intervals that a frame carries for sparklines."""

SHORTEST = 0.25
"""Seconds up to which shorter points are merged: a quarter of the least that a column of a trend stands for."""

POINTS = 480
"""Points kept at most: twice as many as `HISTORY` needs, because points stay longer after a clock is set back."""

LOGGED_ALERTS = 1000
"""Alerts at most in the log on the screen; older ones are only in the outputs."""

_LOST = measure("lost")

LATE = 100
"""Interfaces at most that are remembered as come up later: containers come and go."""


class Tally(NamedTuple):
    """The few totals that every output shows, kept as numbers because a merge of everything would cost more."""

    start: float = 0.0
    end: float = 0.0
    packets: int = 0
    lost: int = 0
    """Packets that the kernel and interfaces dropped, and packets of a file that could not be read."""
    truncated: int = 0
    """Packets longer than the snapshot length, which were captured in part."""
    truncated_heads: int = 0
    """Message heads that could not be read because of it."""
    undecoded: Mapping[str, int] = MappingProxyType({})
    """The number of packets of each kind that was not decoded, most frequent kind first."""
    late: Mapping[str, float] = MappingProxyType({})
    """Interfaces that came up after the capture began, with the time from which each is watched; `LATE` at most."""
    problems: Mapping[str, str] = MappingProxyType({})
    """Interfaces from which nothing is captured at the end, although something should be, with the reason."""
    hits: int = 0
    requests: int = 0
    responses: int = 0
    errors: int = 0
    fired: int = 0
    recovered: int = 0

    def plus(self, snapshot: Snapshot, alerts: Sequence[Alert]) -> Tally:
        fired = sum(alert.state == "fired" for alert in alerts)
        capture = snapshot.capture
        # When the clock is set forward, the time it jumps over does not count as elapsed.
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
            problems=MappingProxyType(dict(snapshot.problems)),
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
    """The interfaces that came up later, with those of `snapshot` added, the newest last; `LATE` at most."""
    found = dict(snapshot.late)
    if all(known.get(name) == since for name, since in found.items()):
        return known
    both = sorted({**known, **found}.items(), key=lambda entry: entry[1])
    return MappingProxyType(dict(both[-LATE:]))


class Frame(NamedTuple):
    """Everything an output may show; immutable, compared by identity."""

    snapshot: Snapshot
    history: Sequence[Point]
    """A few numbers for each interval of the last minute, oldest first."""
    alerts: Sequence[Alert]
    """The alerts to report since the frame before. Alerts of a rule that flaps are held and reported together."""
    gauges: Sequence[Gauge]
    tally: Tally
    """The totals since the start."""
    shown: Tally
    """The totals since the start, or since a person cleared them."""
    window_length: float
    window: Snapshot
    """The merge of the last `window_length` seconds; if that is infinite, the merge of everything shown."""
    counted: Snapshot
    """The merge of all snapshots since the start, or since a person cleared the totals."""
    cleared: Snapshot | None = None
    """The merge of all snapshots before a person cleared the totals; None if nobody did."""
    tail: Tail = Tail()
    """Exchanges; empty unless `Frames` was asked to keep some."""
    listed: Snapshot | None = None
    """The connections of the window, if they are kept apart from its snapshots."""
    held: Sequence[Alert] = ()
    """The held alerts to report if the capture ends here."""
    already: frozenset[str] = frozenset()
    """What the user does already, so that no advice suggests it: ``demo``, ``read``."""
    events: Sequence[Alert] = ()
    """All alerts of the interval, those of rules that flap included: what actions are for."""
    whole: Snapshot | None = None
    """The newest interval with its exchanges, if `snapshot` is without them because they are kept apart."""
    original: Snapshot | None = None
    """The newest interval with its subsets, if `snapshot` is without them."""
    serial: int = 0
    """The number of the frame. A later frame includes everything of an earlier one except its `alerts`."""

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __hash__(self) -> int:
        return id(self)

    @property
    def total(self) -> Snapshot:
        """The merge of everything since the start, folded to at most twice the limits of an interval."""
        return self.counted if self.cleared is None else Snapshot.merge([self.cleared, self.counted]).folded()

    @property
    def connections(self) -> list[Connection]:
        """The connections of the window; empty unless the capture lists connections."""
        return (self.listed or self.window).connections

    @property
    def seconds(self) -> float:
        """The time that `window` covers: shorter than `window_length` at first, longer if snapshots are coarse."""
        if self.window_length == inf:
            return self.shown.seconds
        covered = self.window.end - self.window.start
        return max(covered, min(self.window_length, self.shown.seconds))


class Frames:
    """Turns snapshots into frames; thread-safe.

    `policy` decides on alerts; without one, an `AlertPolicy` with `rules`. With `keeps_exchanges`, exchanges are moved
    from the snapshots into the tail of the frame. With `exchanges_apart`, they are only in `Frame.whole`. With
    `keeps_connections`, connections are moved from the snapshots into a window of their own.
    """

    def __init__(
        self,
        window: float = 10.0,
        rules: Iterable[Rule] = (),
        *,
        keeps_exchanges: bool = False,
        exchanges_apart: bool = False,
        already: Iterable[str] = (),
        keeps_connections: bool = False,
        policy: Policy | None = None,
    ) -> None:
        self._policy = AlertPolicy(rules) if policy is None else policy
        self._flapping = Flapping()
        self._already = frozenset(already)
        self._window = Window(window)
        self._listed = Window(window) if keeps_connections else None
        self._history: deque[Point] = deque(maxlen=POINTS)
        self._tally = self._shown = Tally()
        self._cleared: Snapshot | None = None
        self._tail: Tail | None = Tail() if keeps_exchanges else None
        self._apart = keeps_exchanges or exchanges_apart
        self._newest: Frame | None = None
        self._serial = 0
        self._lock = Lock()

    def push(self, snapshot: Snapshot) -> Frame:
        with self._lock:
            alerts = list(self._policy.update(snapshot))
            original = None
            if snapshot.subsets:  # they are counted for the policy and for metrics
                snapshot, original = snapshot.without_subsets(), snapshot
            self._tally = self._tally.plus(snapshot, alerts)
            self._shown = self._shown.plus(snapshot, alerts)
            _slide(self._history, snapshot.point(), HISTORY)
            whole = None
            if self._tail is not None:
                self._tail = self._tail.plus(snapshot)
            if self._apart:
                snapshot, whole = snapshot.without_exchanges(), snapshot
            if self._listed is not None:
                self._listed.push(snapshot.only_connections())
                snapshot = snapshot.without_connections()
            self._window.push(snapshot)
            return self._made(snapshot, self._flapping.update(alerts, snapshot.end), alerts, whole, original)

    def resize(self, window: float) -> Frame | None:
        """Changes the length of the window. Returns the newest frame with it, made of the snapshots still kept.

        That frame has no alerts: the frame before it had them. Returns None if there is no frame yet.
        """
        with self._lock:
            self._window.resize(window)
            if self._listed is not None:
                self._listed.resize(window)
            return self._made(self._newest.snapshot) if self._newest else None

    def clear(self) -> Frame | None:
        """Starts the shown totals and the window anew after the newest interval; `tally` and `total` go on.

        Returns a frame that shows this, or None if there is no frame yet.
        """
        with self._lock:
            if self._newest is None:
                return None
            newest, self._cleared = self._newest.snapshot, self._newest.total
            self._window = Window(self._window.length)
            if self._listed is not None:
                self._listed = Window(self._window.length)
            self._shown = Tally(start=newest.end, end=newest.end)
            return self._made(newest)

    def _made(
        self,
        snapshot: Snapshot,
        alerts: Sequence[Alert] = (),
        events: Sequence[Alert] = (),
        whole: Snapshot | None = None,
        original: Snapshot | None = None,
    ) -> Frame:
        self._serial += 1
        self._newest = Frame(
            snapshot=snapshot,
            history=tuple(self._history),
            alerts=tuple(alerts),
            gauges=tuple(getattr(self._policy, "gauges", ())),
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
            events=tuple(events),
            whole=whole,
            original=original,
            serial=self._serial,
        )
        return self._newest

    def follow(self, make: Callable[[Policy], Policy]) -> None:
        """Goes on with another policy, which `make` gives from the present one. No snapshot comes in between."""
        with self._lock:
            self._policy = make(self._policy)

    def copy(self) -> Frames:
        """Returns an independent copy with the same state; both share their rows."""
        from copy import copy  # noqa: PLC0415  only going back in a file needs it

        twin = copy(self)
        twin._policy, twin._window, twin._history = _copied(self._policy), self._window.copy(), self._history.copy()
        twin._listed = self._listed.copy() if self._listed else None
        twin._flapping, twin._lock = self._flapping.copy(), Lock()
        return twin

    @property
    def rows(self) -> int:
        """Rows of the newest window and of the total, to which the memory of a copy is proportional."""
        return self._newest.window.row_count + self._newest.counted.row_count if self._newest else 0


def _copied(policy: Policy) -> Policy:
    """An independent copy of a policy."""
    if isinstance(policy, AlertPolicy):
        return policy.copy()
    from copy import deepcopy  # noqa: PLC0415  only going back in a file needs it

    return deepcopy(policy)


def _slide(points: deque[Point], newest: Point, length: float) -> None:
    """Appends `newest`, and drops points that ended `length` seconds or more before the newest end.

    Short neighbouring points are merged, so that the cost of a frame does not depend on the interval.
    """
    last = points[-1] if points else None
    if last and 0 <= newest.start - last.end < EXACT and newest.end - last.start <= SHORTEST + EXACT:
        newest = points.pop().plus(newest)
    points.append(newest)
    horizon = newest.end - length + EXACT
    while points[0].end <= horizon:
        points.popleft()

"""What there is to show after each snapshot: the newest interval, the window, the totals, the alerts.

`Frames.push` takes a snapshot and gives a `Frame`, which every sink and the screen draw from. Merging is put off until
somebody looks, so a sink that wants one line per snapshot costs no merge. Pure: no clock, no output.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from netmon._core import Snapshot
from netmon.alerts import Alert, AlertPolicy, Gauge, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HISTORY = 60.0
"""Seconds of snapshots a frame carries for sparklines."""

BATCH = 60
"""Snapshots that wait before they are merged into the total: one merge of many is cheaper than many merges."""


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
    history: Sequence[Snapshot]
    alerts: Sequence[Alert]
    gauges: Sequence[Gauge]
    tally: Tally
    window_length: float
    _recent: Sequence[Snapshot]
    _parts: Sequence[Snapshot]

    @cached_property
    def window(self) -> Snapshot:
        """The merge of the last `window_length` seconds; of everything when that is infinite."""
        return Snapshot.merge(self._recent) if self._recent else self.total

    @cached_property
    def total(self) -> Snapshot:
        """The merge of everything since the start."""
        return Snapshot.merge(self._parts)

    @cached_property
    def seconds(self) -> float:
        """How long a time `window` stands for: shorter at the beginning, longer when snapshots are coarse."""
        covered = self.window.end - self.window.start
        return max(covered, min(self.window_length, self.tally.seconds))


class Frames:
    """Turns snapshots into frames."""

    def __init__(self, window: float = 10.0, rules: Iterable[Rule] = ()) -> None:
        self._window = window
        self._policy = AlertPolicy(rules)
        self._recent: deque[Snapshot] = deque()
        self._history: deque[Snapshot] = deque()
        self._total = Snapshot()
        self._pending: list[Snapshot] = []
        self._tally = Tally()

    def push(self, snapshot: Snapshot) -> Frame:
        alerts = self._policy.update(snapshot)
        self._tally = self._tally.plus(snapshot, alerts)
        self._remember(snapshot)
        return Frame(
            snapshot=snapshot,
            history=tuple(self._history),
            alerts=tuple(alerts),
            gauges=tuple(self._policy.gauges),
            tally=self._tally,
            window_length=self._window,
            _recent=tuple(self._recent),
            _parts=(self._total, *self._pending),
        )

    def _remember(self, snapshot: Snapshot) -> None:
        _slide(self._history, snapshot, HISTORY)
        if self._window != float("inf"):
            _slide(self._recent, snapshot, self._window)
        self._pending.append(snapshot)
        if len(self._pending) >= BATCH:
            # Folded, or a long run would keep every name it ever saw.
            self._total = Snapshot.merge((self._total, *self._pending)).folded()
            self._pending.clear()


def _slide(snapshots: deque[Snapshot], newest: Snapshot, length: float) -> None:
    """Appends, and drops what ended `length` seconds or more before the newest end."""
    snapshots.append(newest)
    horizon = newest.end - length + 1e-6  # ends are multiples of the interval in floats
    while snapshots[0].end <= horizon:
        snapshots.popleft()

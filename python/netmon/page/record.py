"""What a page remembers of a run: time points, alerts and the slowest requests. Frames go in; memory is bounded."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, NamedTuple

from netmon.page.timeline import Timeline
from netmon.source import SLOWEST

if TYPE_CHECKING:
    from netmon._core import Exchange, Snapshot
    from netmon.alerts import Alert
    from netmon.frames import Frame

ALERTS = 500
"""Alerts kept at most, the newest; more is a list that nobody reads."""


class Period(NamedTuple):
    """An alert from firing to recovery. `until` is None if it did not recover."""

    alert: Alert
    until: float | None = None


class Record:
    """Takes every frame of a run. `where` is the filter of what is counted."""

    def __init__(self, where: str | None = None) -> None:
        self.where = where
        self.frame: Frame | None = None
        self.timeline = Timeline()
        self.periods: dict[tuple[object, str, float], Period] = {}
        self.dropped = 0
        """Alerts that are no longer kept."""
        self.slowest: list[Exchange] = []
        self.unlisted = 0
        """Exchanges that the capture did not list, because an interval had too many."""
        self._floor = 0.0

    def update(self, frame: Frame) -> None:
        self.frame = frame
        self.timeline.push(frame.snapshot)
        self.unlisted += frame.snapshot.capture.exchanges_dropped
        self._look_for_slow(frame.whole or frame.snapshot)
        for alert in frame.events:
            key = (alert.rule, alert.key, alert.since)
            self.periods[key] = Period(alert if alert.state == "fired" else self._fired(key, alert), _end(alert))
        while len(self.periods) > ALERTS:
            self.periods.pop(next(iter(self.periods)))
            self.dropped += 1

    def copy(self) -> Record:
        """A record of the same, which does not change when this one does."""
        twin = copy(self)
        twin.timeline, twin.periods, twin.slowest = self.timeline.copy(), dict(self.periods), list(self.slowest)
        return twin

    def _fired(self, key: tuple[object, str, float], alert: Alert) -> Alert:
        """The alert as it fired; if that is not known, as it recovered."""
        known = self.periods.get(key)
        return known.alert if known else alert

    def _look_for_slow(self, snapshot: Snapshot) -> None:
        slow = snapshot.slowest_exchanges(SLOWEST, self._floor)
        if not slow:
            return
        kept = sorted([*self.slowest, *slow], key=lambda each: (-(each.latency or 0.0), each.ts))
        self.slowest = kept[:SLOWEST]
        if len(kept) >= SLOWEST:
            self._floor = self.slowest[-1].latency or 0.0


def _end(alert: Alert) -> float | None:
    return alert.at if alert.state == "recovered" else None

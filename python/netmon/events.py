"""What happened, as events for a log: snapshots and alerts in, events out. Pure: the only time is that of snapshots.

An event says that something began or ended, not that it goes on: interfaces that are lost and regained, packets that
are dropped, limits that are reached. What repeats without a pause is one event.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from netmon.actions.facts import figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from netmon._core import Snapshot
    from netmon.alerts import Alert

Level: TypeAlias = Literal["error", "warning", "info", "debug"]

CALM = 10.0
"""Seconds without anything lost after which drops have ended: the kernel is often late with its counters."""

EVENTS = {
    "started": "the capture has started: version, pid, interfaces or files, user, filter",
    "stopped": "the capture has ended: seconds, packets, lost, hits, alerts",
    "failed": "an error ended the capture: error",
    "interface.opened": "an interface is captured from: interface",
    "interface.lost": "an interface went down, was removed or cannot be opened: interface, reason",
    "interface.regained": "an interface that was lost is captured from again: interface, seconds",
    "drops.begun": "packets are lost before netmon sees them: packets, and of these kernel, interface, unread",
    "drops.ended": f"no packet was lost for {CALM:g} s: packets, and seconds from the first to the last",
    "limit.reached": "a bounded table is full, so that rows are folded or left out: limit, count",
    "alert.fired": (
        "a rule fired: rule, key, severity, metric, value, threshold, span; of an objective factor, window,"
        " short_window and budget; of a baseline usual_low, usual_high; of a newcomer new; times if it flaps"
    ),
    "alert.recovered": "a rule recovered: as above, and seconds since it fired",
    "action.done": "what a rule has to do was done",
    "action.retry": "a message was not delivered and is tried again; a warning for the first attempt",
    "action.failed": "what a rule has to do failed",
    "evidence.saved": "the packets behind an alert were saved: rule, key, file, packets, connections, and left_out",
    "evidence.missing": "no packets behind an alert were saved: rule, key, reason",
    "reload.done": "SIGHUP: the configuration was read again: message",
    "reload.failed": "SIGHUP: the configuration was not used, and the old one stays: error",
    "output.failed": "an output failed, and the rest goes on: output, error",
    "capture.message": "what the capture says: message",
    "log.suppressed": "lines of one event were left out, because there were too many in a minute: of, lines",
    "log.lost": "lines could not be written, for example because the disk was full: lines",
}
"""Every event, with what it tells and its fields. Those of snapshots also have `at`, the time of the packets."""

LIMITS = {
    "flows_evicted": "connections",
    "hosts_folded": "hosts",
    "sections_folded": "sections",
    "clients_folded": "clients",
    "exchanges_dropped": "exchanges",
    "histogram_halvings": "histograms",
}
"""The counter of `Capture` that is above 0 once a limit is reached, and the name of the limit."""

DROPS = {"kernel_dropped": "kernel", "interface_dropped": "interface", "unread": "unread"}
"""The counters of `Capture` for packets that were lost, and the fields of their events."""

APART = 60.0
"""Seconds between two times at which a limit is reached, from which on they are two events."""

LOST = 1000
"""Interfaces at most that are remembered as lost: containers come and go."""


class Event(NamedTuple):
    name: str
    level: Level
    fields: Mapping[str, Any]


class Events:
    """Turns snapshots into events. Files are no interfaces: with `is_live` False, none is opened or lost."""

    def __init__(self, *, is_live: bool = True) -> None:
        self._is_live = is_live
        self._up: set[str] = set()
        self._lost: dict[str, float] = {}
        self._drops = _Episode(CALM)
        self._limits = {name: _Episode(APART) for name in LIMITS}

    def update(self, snapshot: Snapshot, alerts: Iterable[Alert] = ()) -> Iterator[Event]:
        """Yields the events of the next snapshot, and of the alerts that came with it."""
        if self._is_live:
            yield from self._interfaces(snapshot)
        yield from self._dropped(snapshot)
        yield from self._reached(snapshot)
        yield from map(of_alert, alerts)

    def end(self) -> Iterator[Event]:
        """Yields what has ended because the capture has."""
        yield from self._drops_end(inf)

    def _interfaces(self, snapshot: Snapshot) -> Iterator[Event]:
        for interface in snapshot.interfaces:
            name = interface.name
            told = {"interface": name, "at": Time(snapshot.end)}
            if interface.state == "down":
                if name not in self._lost:
                    reason = {"reason": interface.problem} if interface.problem else {}
                    # On a machine with containers, interfaces come and go all the time.
                    yield Event("interface.lost", "info" if interface.removed else "warning", told | reason)
                self._up.discard(name)
                self._remember(name, snapshot.end)
            elif name in self._lost:
                since = self._lost.pop(name)
                self._up.add(name)
                yield Event("interface.regained", "info", told | {"seconds": max(0.0, snapshot.end - since)})
            elif name not in self._up:
                self._up.add(name)
                yield Event("interface.opened", "info", told)

    def _remember(self, name: str, at: float) -> None:
        self._lost.setdefault(name, at)
        if len(self._lost) > LOST:
            del self._lost[next(iter(self._lost))]

    def _dropped(self, snapshot: Snapshot) -> Iterator[Event]:
        counts = {field: getattr(snapshot.capture, name) for name, field in DROPS.items()}
        packets = sum(counts.values())
        yield from self._drops_end(snapshot.start if packets else snapshot.end)
        if packets and self._drops.count(packets, snapshot.end):
            kinds = {field: count for field, count in counts.items() if count}
            yield Event("drops.begun", "warning", {"packets": packets, **kinds, "at": Time(snapshot.end)})

    def _drops_end(self, now: float) -> Iterator[Event]:
        if (over := self._drops.pass_time(now)) is not None:
            packets, since, until = over
            told = {"packets": packets, "seconds": max(0.0, until - since), "at": Time(until)}
            yield Event("drops.ended", "info", told)

    def _reached(self, snapshot: Snapshot) -> Iterator[Event]:
        for name, limit in LIMITS.items():
            self._limits[name].pass_time(snapshot.start)
            count = getattr(snapshot.capture, name)
            if count and self._limits[name].count(count, snapshot.end):
                yield Event("limit.reached", "warning", {"limit": limit, "count": count, "at": Time(snapshot.end)})


class Time(float):
    """Seconds since 1970, which a log shows as a time."""


class _Episode:
    """Something that goes on as long as it is counted again within `calm` seconds."""

    def __init__(self, calm: float) -> None:
        self._calm = calm
        self._total, self._since, self._last = 0, 0.0, 0.0

    def count(self, n: int, at: float) -> bool:
        """Counts `n` at time `at`; True if an episode begins."""
        begins = not self._total
        if begins:
            self._since = at
        self._total += n
        self._last = at
        return begins

    def pass_time(self, now: float) -> tuple[int, float, float] | None:
        """The total, the begin and the end of an episode that is over by time `now`; else None."""
        if not self._total or now - self._last < self._calm:
            return None
        over = self._total, self._since, self._last
        self._total = 0
        return over


def of_alert(alert: Alert) -> Event:
    rule = alert.rule
    about: dict[str, Any] = {"rule": rule.title, "key": alert.key or None, "severity": rule.severity}
    told = about | figures(alert, rule.threshold)
    if alert.times > 1:
        told["times"] = alert.times
    if alert.state == "fired":
        return Event("alert.fired", "warning", told | {"at": Time(alert.at)})
    return Event("alert.recovered", "info", told | {"seconds": alert.duration, "at": Time(alert.at)})

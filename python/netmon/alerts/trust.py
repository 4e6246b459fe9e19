"""When the counts of a capture may be believed: whether it is up, and what it lost. Times are whole microseconds.

A rule neither fires nor recovers by counts of which a part is missing. Missing packets make counts smaller. So what
fewer events cause has to wait until the whole span is without a gap; what more events cause, until the newest interval
is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netmon.alerts.plain import text, time
from netmon.alerts.watch import micros
from netmon.measures import measure

if TYPE_CHECKING:
    from collections.abc import Collection

    from netmon._core import Snapshot
    from netmon.alerts.rule import Rule

MAX_LOSS = 0.05
"""Share of the packets of an interval that may be lost before its counts are not believed."""

INTERFACES = 10_000
"""Interfaces at most whose state is remembered."""

_LOST = measure("lost_ratio")


class Trust:
    """`needed` are the interfaces that the user named: without one of them, no count is believed. `subsets` are those
    that rules need: what a snapshot did not count is not known.
    """

    def __init__(
        self, *, needed: Collection[str] = (), max_loss: float = MAX_LOSS, subsets: Collection[tuple[str, str]] = ()
    ) -> None:
        self._needed, self._max_loss = frozenset(needed), max_loss
        self._up: set[str] = set()
        self._down: dict[str, None] = {}
        self._is_resumed = False  # until the first snapshot says which interfaces there are
        self._end: int | None = None
        self._last_bad: int | None = None
        self._subsets = frozenset(subsets)
        self._uncounted: dict[tuple[str, str], int] = {}  # the end of the last snapshot without the subset
        self.reason = ""
        """Why the newest interval is not believed; empty if it is."""

    def update(self, snapshot: Snapshot) -> None:
        end = micros(snapshot.end)
        if self._end is None:
            self._last_bad = micros(snapshot.start)  # what was before the capture is not known
        self.reason = self._why(snapshot, self._take_states(snapshot))
        if self.reason:
            self._last_bad = end
        if self._subsets:
            self._uncounted |= dict.fromkeys(self._subsets.difference(snapshot.subsets), end)
        self._end = end if self._end is None else max(self._end, end)

    def _take_states(self, snapshot: Snapshot) -> str:
        """Remembers which interfaces are up; returns the name of one that was and is no longer, if there is any."""
        lost = ""
        for interface in snapshot.interfaces:
            if interface.state == "down":
                lost = interface.name if interface.name in self._up else lost
                self._up.discard(interface.name)
                if len(self._down) < INTERFACES:
                    self._down[interface.name] = None
            else:
                self._down.pop(interface.name, None)
                if len(self._up) < INTERFACES:
                    self._up.add(interface.name)
        if self._is_resumed and snapshot.interfaces:
            self._up.intersection_update(interface.name for interface in snapshot.interfaces)
            self._is_resumed = False
        return lost

    def _why(self, snapshot: Snapshot, lost_now: str) -> str:
        missing = next((name for name in self._down if name in self._needed), "")
        if missing:
            return f"{missing} is lost"
        if self._down and not self._up:
            return "the capture is down"
        if lost_now:
            return f"{lost_now} is lost"
        lost = _LOST.value(snapshot) or 0
        return f"{lost:.1%} of the packets are lost" if lost > self._max_loss else ""

    @property
    def ended(self) -> int:
        """The end of the newest snapshot."""
        return self._end or 0

    def missed(self, until: int) -> None:
        """Notes that nothing was captured before `until`: netmon did not run."""
        self._last_bad = until

    def turn_back(self) -> None:
        """Time goes on at an earlier one: what was before the next snapshot is not known."""
        self._end = self._last_bad = None
        self._uncounted.clear()

    def is_whole(self, now: int, span: float, begun: int | None = None) -> bool:
        """Whether the last `span` seconds have no interval that is not believed, and no part before `begun`."""
        return all(at is None or at <= now - micros(span) for at in (self._last_bad, begun))

    def judgement(self, rule: Rule, now: int, span: float, begun: int | None = None) -> tuple[bool, bool]:
        """Whether the rule may fire and whether it may recover at `now`, by a value that is added up since `begun`."""
        if self.reason_for(rule):
            return False, False
        whole = self.is_whole(now, span, begun)
        if self._uncounted:
            whole &= not any(self._uncounted.get(subset, 0) > now - micros(span) for subset in rule.subsets)
        return (whole, True) if rule.is_low else (True, whole)

    def reason_for(self, rule: Rule) -> str:
        """Why the newest interval is not believed for a rule; empty if it is."""
        if self.reason or not self._uncounted:
            return self.reason
        is_missing = any(self._uncounted.get(subset) == self._end for subset in rule.subsets)
        return "single exchanges are not counted for it" if is_missing else ""

    def state(self) -> list[Any]:
        """What is remembered, as JSON can hold it."""
        uncounted = [[*subset, at] for subset, at in self._uncounted.items()]
        return [self._end, self._last_bad, sorted(self._up), sorted(self._down), self.reason, uncounted]

    def resume(self, state: Any) -> None:
        """Takes up what `state` gave; ValueError or TypeError for damage. What was up may be gone since."""
        self._is_resumed = True
        end, last_bad, up, down, reason, uncounted = state
        self._end, self._last_bad = (None if at is None else time(at) for at in (end, last_bad))
        self._up, self._down = set(map(text, up)), dict.fromkeys(map(text, down))
        self.reason = text(reason)
        self._uncounted = {(where, per): time(at) for where, per, at in uncounted if (where, per) in self._subsets}

    def copy(self) -> Trust:
        twin = Trust(needed=self._needed, max_loss=self._max_loss, subsets=self._subsets)
        twin.resume(self.state())
        twin._is_resumed = self._is_resumed
        return twin

"""The exchanges worth keeping for somebody who looks: the newest, and the slowest of the last minutes.

Snapshots with exchanges go in, an immutable `Tail` comes out. Bounded; says how many there were and how many had no
place. Pure: the only time is the time of the snapshots.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from netmon._core import Exchange, Snapshot

NEWEST = 1000
"""Newest exchanges kept: more than anybody scrolls through."""

SLOWEST = 1000
"""Slowest exchanges kept: some of most sections, however rare those are."""

MEMORY = 300.0
"""Seconds until a slow exchange gives way to faster ones: long enough to be looked at in peace."""

Ranked: TypeAlias = tuple[tuple[float, float, int, "Exchange"], ...]


class Tail(NamedTuple):
    """What is kept: `newest` last first, `slowest` slowest first. An exchange may be in both, as the same object."""

    newest: tuple[Exchange, ...] = ()
    ranked: Ranked = ()
    seen: int = 0
    """Exchanges since the start, those included that are not kept."""
    untold: int = 0
    """Of these, those that the capture did not tell one by one: there were too many in an interval."""

    @property
    def slowest(self) -> list[Exchange]:
        return [exchange for *_, exchange in self.ranked]

    @property
    def all(self) -> list[Exchange]:
        """Everything that is kept, each once, the newest first."""
        found = set(map(id, self.newest))
        older = sorted((row[1:] for row in self.ranked if id(row[-1]) not in found), reverse=True)
        return [*self.newest, *(exchange for *_, exchange in older)]

    def plus(self, snapshot: Snapshot) -> Tail:
        """The tail after an interval."""
        told = snapshot.remarkable_exchanges(NEWEST, SLOWEST)
        untold = snapshot.capture.exchanges_dropped
        seen = self.seen + snapshot.responses
        if not told:
            return Tail(self.newest, self.ranked, seen, self.untold + untold)
        newest = (*reversed(told[-NEWEST:]), *self.newest)[:NEWEST]
        horizon = snapshot.end - MEMORY
        timed = [(-each.latency, each.ts, seen + at, each) for at, each in enumerate(told) if each.latency is not None]
        ranked = sorted([*(row for row in self.ranked if row[1] >= horizon), *timed])[:SLOWEST]
        return Tail(newest, tuple(ranked), seen, self.untold + untold)

"""The exchanges worth keeping for somebody who looks: the newest and, of the last minutes, errors and the slowest.

Snapshots with exchanges go in, an immutable `Tail` comes out. Bounded; says how many there were and how many had no
place. Pure: the only time is the time of the snapshots.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from netmon._core import Exchange, Snapshot

KEPT = 3000
"""Exchanges kept: more than anybody scrolls through, and some of most sections, however rare those are."""

NEWEST = 1000
"""The newest of them stay until newer ones come."""

MEMORY = 300.0
"""Seconds until the others give way, be they errors or slow: long enough to be looked at in peace."""


class Tail(NamedTuple):
    """What is kept, chosen as `Snapshot.remarkable_exchanges` does."""

    exchanges: tuple[Exchange, ...] = ()
    """Each once, the newest first."""
    seen: int = 0
    """Exchanges since the start, those included that are not kept."""
    untold: int = 0
    """Of these, those that the capture did not tell one by one: there were too many in an interval."""

    def plus(self, snapshot: Snapshot) -> Tail:
        """The tail after an interval."""
        horizon = snapshot.end - MEMORY
        older = (exchange for exchange in self.exchanges[NEWEST:] if exchange.ts >= horizon)
        before = [*self.exchanges[:NEWEST], *older]
        kept = snapshot.remarkable_exchanges(KEPT, before[::-1])
        seen, untold = self.seen + snapshot.responses, self.untold + snapshot.capture.exchanges_dropped
        return Tail(tuple(reversed(kept)), seen, untold)

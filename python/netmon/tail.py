"""The exchanges worth keeping for a screen: the newest and, of the last minutes, errors and the slowest.

Snapshots with exchanges go in, an immutable `Tail` comes out. Its size is bounded; it counts all exchanges, and those
that the snapshots had no room to list. Pure: the only time is the time of the snapshots.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from netmon._core import Exchange, Snapshot

KEPT = 3000
"""Exchanges kept at most: more than anybody scrolls through, and enough that rare sections have some."""

NEWEST = 1000
"""The newest exchanges, this many, stay until newer ones replace them."""

MEMORY = 300.0
"""Seconds for which all other exchanges are kept, errors and slow ones included: enough to look at them."""


class Tail(NamedTuple):
    """The exchanges kept; `Snapshot.remarkable_exchanges` chooses them."""

    exchanges: tuple[Exchange, ...] = ()
    """Each exchange once, the newest first."""
    seen: int = 0
    """Number of exchanges since the start, including those not kept."""
    untold: int = 0
    """Number of exchanges that the capture did not list, because an interval had too many."""

    def plus(self, snapshot: Snapshot) -> Tail:
        """Returns the tail with the exchanges of `snapshot` added."""
        horizon = snapshot.end - MEMORY
        older = (exchange for exchange in self.exchanges[NEWEST:] if exchange.ts >= horizon)
        before = [*self.exchanges[:NEWEST], *older]
        kept = snapshot.remarkable_exchanges(KEPT, before[::-1])
        seen, untold = self.seen + snapshot.responses, self.untold + snapshot.capture.exchanges_dropped
        return Tail(tuple(reversed(kept)), seen, untold)

"""One side of a comparison: its snapshots as a bounded number of blocks of equal length, and their sum. Pure.

Blocks say how much traffic varies over time. Requests of one client, one retry or one burst come together, so counts
vary more than those of independent events would; what blocks differ by is that. Blocks are as long as they need to be,
so what belongs together is mostly within one block.
"""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING

from netmon._core import Snapshot
from netmon.measures import measure
from netmon.pace import EXACT

if TYPE_CHECKING:
    from collections.abc import Iterable


BLOCKS = 40
"""Blocks at most; when there are more, neighbours are merged, so there are half as many at least."""

ROWS = 20_000
"""Rows of a block at most; of more, the lightest are folded. The sum of all blocks has four times as many."""

HOSTS, SECTIONS, CLIENTS = 4_000, 40, 1
"""Rows of each kind that a folded block keeps. Clients are not compared."""

PENDING = 64
"""Snapshots that are collected before they are merged: one merge of many is cheaper than many of two."""

_LOST = measure("lost_ratio")

SECOND = 1.0
"""The usual interval: that of a single snapshot is not known."""


class Course:
    """The blocks of one side. Snapshots may come in any order, as those of several machines do."""

    def __init__(self, *, rows: int = ROWS) -> None:
        self._rows = rows
        self._step = 0.0
        self._begin = 0.0
        self._blocks: dict[int, Snapshot] = {}
        self._pending: dict[int, list[Snapshot]] = {}
        self._held = 0
        self._interval = SECOND
        self._total = Snapshot()
        self._listed: list[tuple[float, Snapshot | None]] = []
        self.intervals = 0
        """Number of snapshots with something in it."""

    @classmethod
    def of(cls, snapshots: Iterable[Snapshot]) -> Course:
        made = cls()
        for snapshot in snapshots:
            made.push(snapshot)
        made.close()
        return made

    def push(self, snapshot: Snapshot) -> None:
        """Adds a snapshot. Exchanges, connections and subsets are left out."""
        length = snapshot.end - snapshot.start
        if length <= 0:
            return
        if not self._step:
            self._begin, self._step = snapshot.start, length
        self.intervals += 1
        self._interval = min(self._interval, length)
        bare = snapshot.without_exchanges().without_connections().without_subsets()
        self._pending.setdefault(self._number(snapshot.start), []).append(bare)
        self._held += 1
        while (snapshot.hits and length > self._step * (1 + EXACT)) or self._is_too_long:
            self._double()
        if self._held >= PENDING:
            self._merge()

    def close(self) -> None:
        """Makes the sum of all blocks."""
        self._merge()
        self._total = Snapshot.merge(self._blocks.values())
        self._listed = self._list()

    @property
    def total(self) -> Snapshot:
        """The sum of all snapshots, as of `close`."""
        return self._total

    @property
    def seconds(self) -> float:
        """The time from the first snapshot to the last."""
        return self._total.end - self._total.start

    @property
    def lost(self) -> float:
        """The share of packets that the capture lost, from 0 to 1."""
        return _LOST.value(self._total) or 0.0

    @property
    def unseen(self) -> float:
        """The share by which a count may be too low for its time: packets were lost, and the first interval may have
        begun before the capture, as the last may have ended after it.
        """
        edges = min(1.0, 2 * self._interval / self.seconds) if self.seconds else 1.0
        return 1 - (1 - self.lost) * (1 - edges)

    @property
    def blocks(self) -> list[tuple[float, Snapshot | None]]:
        """Each block with the seconds of it that belong to this side; None for one in which nothing was."""
        return self._listed

    def _list(self) -> list[tuple[float, Snapshot | None]]:
        if not self._blocks:
            return []
        start, end = self._total.start, self._total.end
        found = []
        last = max(self._number(end - 2 * EXACT * self._step), *self._blocks)
        for at in range(min(self._blocks), last + 1):
            begin = self._begin + at * self._step
            seconds = min(end, begin + self._step) - max(start, begin)
            found.append((max(seconds, 0.0), self._blocks.get(at)))
        return found

    def _number(self, time: float) -> int:
        return floor((time - self._begin) / self._step + EXACT)

    @property
    def _is_too_long(self) -> bool:
        numbers = self._blocks.keys() | self._pending.keys()
        return max(numbers) - min(numbers) >= BLOCKS

    def _double(self) -> None:
        """Makes blocks twice as long."""
        self._merge()
        before, self._blocks = self._blocks, {}
        self._step *= 2
        for at, block in before.items():
            self._put(at // 2, [block])

    def _merge(self) -> None:
        pending, self._pending, self._held = self._pending, {}, 0
        for at, snapshots in pending.items():
            self._put(at, snapshots)

    def _put(self, at: int, snapshots: list[Snapshot]) -> None:
        known = self._blocks.get(at)
        merged = Snapshot.merge([*([known] if known else []), *snapshots])
        if merged.client_count > CLIENTS or merged.row_count > self._rows:
            hosts, sections = (HOSTS, SECTIONS) if merged.row_count - merged.client_count > self._rows else (None, None)
            merged = merged.folded(hosts, sections, CLIENTS)
        self._blocks[at] = merged

"""The lanes of one kind of action in the order in which their work is due. Pure: the time is an argument.

`plan` is called whenever a lane may have another due time. What a lane had before stays on the heap until its time has
come, and is passed over then; so planning and taking cost no more with a thousand lanes than with one.
"""

from __future__ import annotations

import math
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netmon.actions.lane import Lane


class Agenda:
    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Lane]] = []
        self._planned: dict[Lane, float] = {}
        self._numbers = count()

    def plan(self, lane: Lane) -> None:
        """Notes when the work of a lane is due."""
        if math.isinf(lane.due):
            self._planned.pop(lane, None)
        elif self._planned.get(lane) != lane.due:
            self._planned[lane] = lane.due
            heappush(self._heap, (lane.due, next(self._numbers), lane))

    def next(self, now: float) -> Lane | None:
        """Takes the lane that has been due for longest off the agenda; None if none is due."""
        if self.due > now:
            return None
        lane = heappop(self._heap)[2]
        del self._planned[lane]
        return lane

    @property
    def due(self) -> float:
        """When the next lane is due; infinite for none."""
        while self._heap and self._planned.get(self._heap[0][2]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else math.inf

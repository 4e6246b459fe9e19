"""Rules that look at the same value: the states of all their rows, judged together.

Most rows are within the bounds of all rules. So the core is asked once for the rows beyond the bound that is crossed
first, and only those rows and rows with a state are looked at. If there is none, it gives the row nearest to the bound,
which is shown.
"""

from __future__ import annotations

from bisect import bisect
from typing import TYPE_CHECKING, Any, NamedTuple

from netmon.alerts.watch import MICRO, Alert, Judged, Watch, micros
from netmon.measures import Absence, Sum, measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from netmon._core import Snapshot
    from netmon.alerts.rule import Rule
    from netmon.alerts.sums import Value
    from netmon.alerts.trust import Trust


class Placed(NamedTuple):
    """A rule, its place among all rules, and its states by row."""

    place: int
    rule: Rule
    watches: dict[str, Watch]


class Verdict(NamedTuple):
    """What a group says of one instant: its alerts, rows it had no room for, and the states it may still add."""

    alerts: list[Alert]
    refused: int
    room: int


class Shown(NamedTuple):
    """What the screen shows of a rule: a value, its row, and what the value is compared with, or 0."""

    value: float
    key: str
    bound: float


class Learning(NamedTuple):
    """How many seconds a rule has learned, of how many that it needs."""

    seconds: float
    needed: float


NO_ROW = ("", 0.0)
"""Key and value if there is no row."""


class Group:
    """The rules of one value."""

    def __init__(self, value: Value, rules: Sequence[tuple[int, Rule]]) -> None:
        self._value = value
        self.rules = [Placed(place, rule, {"": Watch()} if value.is_single else {}) for place, rule in rules]
        self._sides: dict[bool, list[Rule]] = {}  # the rules whose bounds are low, and those whose bounds are high
        for _, rule in rules:
            self._sides.setdefault(rule.below is not None, []).append(rule)
        self._worst = {False: NO_ROW, True: NO_ROW}  # by whether the bound is one `below`

    @property
    def states(self) -> int:
        """Number of states of single rows."""
        return 0 if self._value.is_single else sum(len(placed.watches) for placed in self.rules)

    def deadlines(self, now: int) -> Iterator[int]:
        """Yields the times at which a state changes if all values stay as they are."""
        for _, rule, watches in self.rules:
            for watch in watches.values():
                if (deadline := watch.deadline(rule)) is not None:
                    yield deadline
            if rule.metric == "absent" and rule.below is None:
                yield from (now + micros(rule.threshold - value) + 1 for value in self._absences(rule))

    def _absences(self, rule: Rule) -> Iterator[float]:
        if self._value.is_single:
            values = [self._value.of("")]
        else:
            values = [value for value, _ in self._value.beyond(0, below=False).values()]
        yield from (value for value in values if value is not None and value <= rule.threshold)

    def judge(self, now: int, trust: Trust, room: int) -> Verdict:
        """Judges all rows at `now`; adds at most `room` states."""
        if self._value.is_single:
            rows = {"": self._value.of("")}
            return Verdict([alert for each in self.rules for alert in self._judge(each, now, rows, trust)], 0, room)
        found = {is_low: self._beyond(is_low) for is_low in self._sides}
        alerts: list[Alert] = []
        refused = 0
        for placed in self.rules:
            beyond = found[placed.rule.below is not None]
            if not beyond.values and not placed.watches:
                continue
            new = beyond.new(placed, room)
            refused += new.refused
            room -= len(new.keys)
            placed.watches.update((key, Watch()) for key in new.keys)
            alerts += self._judge(placed, now, beyond.values, trust)
        return Verdict(alerts, refused, room)

    def _beyond(self, is_low: bool) -> _Beyond:
        """The rows beyond the bound, low or high, that is crossed first, with the fewest requests that are enough.
        Remembers the row that is farthest beyond it, or else nearest to it.
        """
        rules = self._sides[is_low]
        bounds = [rule.threshold for rule in rules]
        bound = max(bounds) if is_low else min(bounds)
        least = min(rule.min_requests for rule in rules)
        is_asked_for = any(rule.min_requests for rule in rules)
        rows = self._value.beyond(bound, below=is_low, least=least if is_asked_for else None, or_nearest=True)
        found = _Beyond(rows, bound, least, below=is_low)
        self._worst[is_low] = found.worst
        return found

    def _judge(self, placed: Placed, now: int, values: Mapping[str, float | None], trust: Trust) -> Iterator[Alert]:
        """Judges the rows of a rule that have a state, and forgets those that are quiet again."""
        _, rule, watches = placed
        may_fire, may_recover = self.may(rule, now, trust)
        for key, watch in list(watches.items()):
            value = values[key] if key in values else self._value.of(key)
            is_enough = not rule.min_requests or self._value.requests(key) >= rule.min_requests
            is_beyond = value is not None and is_enough and rule.fires(value)
            is_back = value is None or rule.recovers(value)
            if alert := watch.judge(rule, key, now, Judged(value, is_beyond, is_back, may_fire, may_recover)):
                yield alert
            if key and watch.is_quiet:
                del watches[key]

    def may(self, rule: Rule, now: int, trust: Trust) -> tuple[bool, bool]:
        """Whether a rule may fire and whether it may recover at `now`."""
        return may(rule, now, trust, self._value.begun)

    def firing(self, placed: Placed) -> list[Alert]:
        """The alerts of a rule that have not recovered, the oldest first."""
        found = [watch.alert for watch in placed.watches.values() if watch.alert]
        return sorted(found, key=lambda alert: alert.at)

    def shown(self, placed: Placed) -> Shown:
        """The value of a rule; with `per`, that of the row that has fired for the longest time, or else of the row that
        is nearest to the bound.
        """
        rule, watches = placed.rule, placed.watches
        firing = self.firing(placed) if watches else []
        if rule.per and not firing:
            key, value = self._worst[rule.below is not None]
            return Shown(value, key, rule.threshold)
        key = firing[0].key if firing else ""
        return Shown(self._value.of(key) or 0, key, rule.threshold)

    def learning(self, key: str, now: int) -> Learning | None:
        """How far a rule has learned what it needs to know of a row; None if it knows enough or learns nothing."""

    def turn_back(self, state: Any, now: int) -> None:
        """Goes on at an earlier time with the `state` of before: what waits for a time does not wait any more."""
        for placed in self.rules:
            for watch in placed.watches.values():
                watch.pending = watch.calm = None
        if state is not None:
            self.resume(state, now)

    def stay(self, until: int) -> None:
        """Nothing changes any more until this time, when traffic comes again."""

    def push(self, snapshot: Snapshot, now: int) -> None:
        """The sums take the snapshot."""

    def state(self) -> Any:
        """What is remembered besides sums and states of rows."""
        return None

    def resume(self, state: Any, now: int) -> None:
        """Takes up what `state` gave."""

    def take(self, other: Group) -> None:
        """Takes copies of the states of another group with the same rules."""
        self._worst = dict(other._worst)
        for mine, theirs in zip(self.rules, other.rules, strict=True):
            mine.watches.clear()
            mine.watches.update((key, watch.copy()) for key, watch in theirs.watches.items())


class _New(NamedTuple):
    """Rows that get a state, and the number of those that had no room."""

    keys: list[str]
    refused: int


class _Beyond:
    """The rows beyond a bound with at least so many requests, from the farthest on. `rows` may instead have the one row
    that is nearest to it.
    """

    def __init__(self, rows: Mapping[str, tuple[float, float]], bound: float, least: int, *, below: bool) -> None:
        self.values = {key: value for key, (value, _) in rows.items()}
        self._requests = {key: requests for key, (_, requests) in rows.items()}
        order = sorted(self.values, key=self.values.__getitem__, reverse=not below)
        self.worst = (order[0], self.values[order[0]]) if order else NO_ROW
        value = self.worst[1]
        if not (order and (value <= bound if below else value >= bound)):
            self.values, order = {}, []
        self._orders = {least: order}  # by `min_requests`
        self._least = least

    def _order(self, least: int) -> list[str]:
        """The rows with at least so many requests."""
        if least not in self._orders:
            self._orders[least] = [key for key in self._orders[self._least] if self._requests[key] >= least]
        return self._orders[least]

    def new(self, placed: Placed, room: int) -> _New:
        """The rows beyond the bound of a rule that have no state yet."""
        rule, watches = placed.rule, placed.watches
        order = self._order(rule.min_requests)
        firing = bisect(order, False, key=lambda key: not rule.fires(self.values[key]))
        # Among this many rows there are as many new ones as there is room for.
        near = [key for key in order[: min(firing, len(watches) + max(room, 0))] if key not in watches]
        keys = near[: max(room, 0)]
        return _New(keys, max(0, firing - len(watches) - len(keys)))


def may(rule: Rule, now: int, trust: Trust, begun: int | None) -> tuple[bool, bool]:
    """Whether a rule may fire and whether it may recover at `now`, by a value that is added up since `begun`."""
    made_of = measure(rule.metric).made_of
    if isinstance(made_of, Absence):
        return trust.judgement(rule, now, rule.threshold + 1 / MICRO, begun)
    return trust.judgement(rule, now, rule.span if isinstance(made_of, Sum) else 0, begun)

"""Rules that look at the same value: the states of all their rows, judged together.

Most rows are within the bounds of all rules. So the core is asked once for the rows beyond the bound that is crossed
first, and only those rows and rows with a state are looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from netmon.alerts.watch import Alert, Judged, Watch, micros
from netmon.measures import Absence, Sum, measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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


class Group:
    """The rules of one value."""

    def __init__(self, value: Value, rules: Sequence[tuple[int, Rule]]) -> None:
        self._value = value
        self.rules = [Placed(place, rule, {"": Watch()} if value.is_single else {}) for place, rule in rules]
        self._highs = [rule.threshold for _, rule in rules if rule.below is None]
        self._lows = [rule.threshold for _, rule in rules if rule.below is not None]

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
        rows = {"": self._value.of("")} if self._value.is_single else self._value.beyond(0, below=False)
        yield from (value for value in rows.values() if value is not None and value <= rule.threshold)

    def judge(self, now: int, trust: Trust, room: int) -> Verdict:
        """Judges all rows at `now`; adds at most `room` states."""
        if self._value.is_single:
            value = self._value.of("")
            judged = [self._judge(placed, "", now, trust, {"": value}) for placed in self.rules]
            return Verdict([alert for alert in judged if alert], 0, room)
        high = self._value.beyond(min(self._highs), below=False) if self._highs else {}
        low = self._value.beyond(max(self._lows), below=True) if self._lows else {}
        alerts: list[Alert] = []
        refused = 0
        for placed in self.rules:
            rows = high if placed.rule.below is None else low
            if not rows and not placed.watches:
                continue
            new = [key for key, value in rows.items() if key not in placed.watches and placed.rule.fires(value)]
            taken = new[: max(room, 0)]
            refused += len(new) - len(taken)
            placed.watches.update((key, Watch()) for key in taken)
            alerts += self._judge_rows(placed, now, rows, trust)
            room -= len(taken)
        return Verdict(alerts, refused, room)

    def _judge_rows(self, placed: Placed, now: int, rows: Mapping[str, float], trust: Trust) -> list[Alert]:
        alerts = []
        for key in list(placed.watches):
            if alert := self._judge(placed, key, now, trust, rows):
                alerts.append(alert)
            if placed.watches[key].is_quiet:
                del placed.watches[key]
        return alerts

    def _judge(
        self, placed: Placed, key: str, now: int, trust: Trust, rows: Mapping[str, float | None]
    ) -> Alert | None:
        """Judges one row. Its value is in `rows` if it is beyond a bound."""
        rule = placed.rule
        value = rows[key] if key in rows else self._value.of(key)
        may_fire, may_recover = may(rule, now, trust)
        is_enough = not rule.min_requests or self._value.requests(key) >= rule.min_requests
        return placed.watches[key].judge(rule, key, now, Judged(value, is_enough, may_fire, may_recover))

    def firing(self, placed: Placed) -> list[Alert]:
        """The alerts of a rule that have not recovered, the oldest first."""
        found = [watch.alert for watch in placed.watches.values() if watch.alert]
        return sorted(found, key=lambda alert: alert.at)

    def value_of(self, key: str) -> float | None:
        """The value of a row at this moment."""
        return self._value.of(key)

    def take(self, other: Group) -> None:
        """Takes copies of the states of another group with the same rules."""
        for mine, theirs in zip(self.rules, other.rules, strict=True):
            mine.watches.clear()
            mine.watches.update((key, watch.copy()) for key, watch in theirs.watches.items())


def may(rule: Rule, now: int, trust: Trust) -> tuple[bool, bool]:
    """Whether a rule may fire and whether it may recover at `now`."""
    made_of = measure(rule.metric).made_of
    if isinstance(made_of, Absence):
        return trust.judgement(rule, now, rule.threshold)
    return trust.judgement(rule, now, rule.span if isinstance(made_of, Sum) else 0)

"""The kinds of rules that do not compare a value with a bound: objectives, baselines and newcomers.

Each has the methods of `Group`, which the policy calls, and one rule.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from netmon.alerts.baseline import Past
from netmon.alerts.group import Group, Placed, Verdict, may
from netmon.alerts.newcomers import Known
from netmon.alerts.objective import Budget
from netmon.alerts.watch import MICRO, Alert, Details, Judged, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from netmon._core import Snapshot
    from netmon.alerts.rule import Rule
    from netmon.alerts.sums import Value
    from netmon.alerts.trust import Trust

MOST_PASTS = 1000
"""Rows at most whose past a rule with a baseline remembers."""


class _Single(Group):
    """One rule, whose states change only by what `judge` says."""

    def __init__(self, place: int, rule: Rule, value: Value | None = None) -> None:
        self.rules = [Placed(place, rule, {"": Watch()} if not rule.per else {})]
        self._rule, self._watches, self._measured = rule, self.rules[0].watches, value

    @property
    def states(self) -> int:
        return len(self._watches) if self._rule.per else 0

    def deadlines(self, now: int) -> Iterator[int]:
        del now
        deadlines = (watch.deadline(self._rule) for watch in self._watches.values())
        yield from (deadline for deadline in deadlines if deadline is not None)

    def may(self, rule: Rule, now: int, trust: Trust) -> tuple[bool, bool]:
        return may(rule, now, trust, self._measured.begun if self._measured else None)

    def value_of(self, key: str) -> float | None:
        return self._measured.of(key) if self._measured else 0.0


class Objectives(_Single):
    """A rule with an objective. `counted` gives the good and all responses of a snapshot."""

    def __init__(self, place: int, rule: Rule, counted: Callable[[Snapshot], tuple[int, int]]) -> None:
        super().__init__(place, rule)
        self.budget = Budget(rule)
        self._counted = counted

    def push(self, snapshot: Snapshot, now: int) -> None:
        self.budget.add(now, *self._counted(snapshot))

    def value_of(self, key: str) -> float | None:
        del key
        return self.budget.fastest

    def judge(self, now: int, trust: Trust, room: int) -> Verdict:
        self.budget.pass_time(now)
        burns = any(self.budget.burns(window) for window in self._rule.windows)
        may_fire, may_recover = trust.judgement(self._rule, now, 0)
        details = Details(window=self.budget.worst, budget=self.budget.left)
        judged = Judged(self.budget.fastest, burns, not burns, may_fire, may_recover, details)
        alert = self._watches[""].judge(self._rule, "", now, judged)
        return Verdict([alert] if alert else [], 0, room)

    def state(self) -> Any:
        return self.budget.state()

    def resume(self, state: Any, now: int) -> None:
        self.budget.resume(state, now)


class Baselines(_Single):
    """A rule that compares a value with its own past. It learns nothing while it alerts or may not conclude."""

    def __init__(self, place: int, rule: Rule, value: Value) -> None:
        super().__init__(place, rule, value)
        self._value = value
        self._pasts: dict[str, Past] = {}
        self._refused = 0

    def judge(self, now: int, trust: Trust, room: int) -> Verdict:
        rule = self._rule
        may_fire, may_recover = self.may(rule, now, trust)
        rows: dict[str, float | None] = {key: self._value.of(key) for key in self._pasts}
        rows |= self._value.beyond(-inf, below=False) if rule.per else {"": self._value.of("")}
        alerts, refused = [], 0
        for key, value in rows.items():
            past = self._past(key)
            if past is None:
                refused += 1
                continue
            watch = self._watches.setdefault(key, Watch())
            usual = past.usual(rule.deviations) if value is not None else None
            is_unusual = usual is not None and value is not None and not usual.has(value)
            is_enough = not rule.min_requests or self._value.requests(key) >= rule.min_requests
            judged = Judged(
                value, is_unusual and is_enough, not is_unusual, may_fire, may_recover, Details(usual=usual)
            )
            if alert := watch.judge(rule, key, now, judged):
                alerts.append(alert)
            if value is not None and may_fire and may_recover and watch.is_quiet:
                past.learn(now, value)
        return Verdict(alerts, refused, room)

    def _past(self, key: str) -> Past | None:
        """The past of a row; None if too many rows have one."""
        if key not in self._pasts:
            if len(self._pasts) >= MOST_PASTS:
                return None
            self._pasts[key] = Past(self._rule.baseline)
        return self._pasts[key]

    def state(self) -> Any:
        return {key: past.state() for key, past in self._pasts.items()}

    def resume(self, state: Any, now: int) -> None:
        del now
        for key, samples in state.items():
            if (past := self._past(str(key))) is not None:
                past.resume(samples)


class Newcomers(_Single):
    """A rule that tells each name once that was never seen before. Its alerts do not recover."""

    def __init__(self, place: int, rule: Rule) -> None:
        super().__init__(place, rule)
        self.known = Known(rule)
        self._new: list[str] = []

    def push(self, snapshot: Snapshot, now: int) -> None:
        self._new += self.known.update(snapshot, now)

    def judge(self, now: int, trust: Trust, room: int) -> Verdict:
        del trust  # a name that was seen was there, whatever else was lost
        at = now / MICRO
        told = [Alert(self._rule, "fired", at, 1, at, key=name) for name in self._new]
        self._new.clear()
        return Verdict(told, 0, room)

    def firing(self, placed: Placed) -> list[Alert]:
        del placed
        return []

    def state(self) -> Any:
        return [self.known.until, list(self.known.names)]

    def resume(self, state: Any, now: int) -> None:
        del now
        until, names = state
        self.known.names.update(dict.fromkeys(map(str, names)))
        self.known.until = until

"""The kinds of rules that do not compare a value with a bound: objectives, baselines and newcomers.

Each has the methods of `Group`, which the policy calls, and one rule.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from netmon.alerts.baseline import ENOUGH, Past
from netmon.alerts.group import NO_ROW, Group, Learning, Placed, Shown, Verdict, may
from netmon.alerts.newcomers import Known
from netmon.alerts.objective import Budget, counted_by
from netmon.alerts.plain import text, time
from netmon.alerts.watch import MICRO, Alert, Details, Judged, Watch, micros

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netmon._core import Snapshot
    from netmon.alerts.rule import Rule
    from netmon.alerts.sums import Value
    from netmon.alerts.trust import Trust

MOST_PASTS = 1000
"""Rows at most whose past a rule with a baseline remembers."""

MOST_BUDGETS = 200
"""Rows at most of which a rule with an objective keeps an error budget: about 100 KB each if days are counted."""


class _Single(Group):
    """One rule, whose states change only by what `judge` says."""

    def __init__(self, place: int, rule: Rule) -> None:
        self.rules = [Placed(place, rule, {})]
        self._rule, self._watches = rule, self.rules[0].watches
        self._worst = {False: NO_ROW}

    @property
    def states(self) -> int:
        return len(self._watches) if self._rule.per else 0

    def deadlines(self, now: int) -> Iterator[int]:
        del now
        deadlines = (watch.deadline(self._rule) for watch in self._watches.values())
        yield from (deadline for deadline in deadlines if deadline is not None)

    def may(self, rule: Rule, now: int, trust: Trust) -> tuple[bool, bool]:
        return may(rule, now, trust, None)


class Objectives(_Single):
    """A rule with an objective: an error budget for each row."""

    def __init__(self, place: int, rule: Rule) -> None:
        super().__init__(place, rule)
        self.budgets: dict[str, Budget] = {} if rule.per else {"": Budget(rule)}
        self._counted = counted_by(rule)
        self._refused = 0

    def push(self, snapshot: Snapshot, now: int) -> None:
        for key, (good, total) in self._counted(snapshot).items():
            if (budget := self._budget(key)) is None:
                self._refused += 1
            else:
                budget.add(now, good, total)

    def deadlines(self, now: int) -> Iterator[int]:
        yield from super().deadlines(now)
        yield from (at for budget in self.budgets.values() if (at := budget.next_change) is not None)

    def _budget(self, key: str) -> Budget | None:
        """The budget of a row; None if too many rows have one."""
        if key not in self.budgets:
            if len(self.budgets) >= MOST_BUDGETS:
                return None
            self.budgets[key] = Budget(self._rule)
        return self.budgets[key]

    def shown(self, placed: Placed) -> Shown:
        """The burn rate of the row that has fired for the longest time, or else of the row with the least budget."""
        firing = self.firing(placed)
        rows = [firing[0].key] if firing else sorted(self.budgets, key=lambda key: self.budgets[key].left)
        if not rows:
            return Shown(0.0, "", self._rule.windows[0].factor)
        budget = self.budgets[rows[0]]
        return Shown(budget.fastest, rows[0], budget.worst.factor)

    @property
    def left(self) -> float:
        """The share of the error budget that is left of the row with the least."""
        return min((budget.left for budget in self.budgets.values()), default=1.0)

    def judge(self, now: int, trust: Trust, room: int) -> Verdict:
        may_fire, may_recover = trust.judgement(self._rule, now, 0)
        alerts = []
        for key, budget in list(self.budgets.items()):
            budget.pass_time(now)
            burns = any(budget.burns(window) for window in self._rule.windows)
            watch = self._watches.setdefault(key, Watch())
            details = Details(window=budget.worst, budget=budget.left)
            judged = Judged(budget.fastest, burns, not burns, may_fire, may_recover, details)
            if alert := watch.judge(self._rule, key, now, judged):
                alerts.append(alert)
            if key and watch.is_quiet:
                del self._watches[key]
                if budget.is_empty:
                    del self.budgets[key]
        refused, self._refused = self._refused, 0
        return Verdict(alerts, refused, room)

    def state(self) -> Any:
        return {key: budget.state() for key, budget in self.budgets.items()}

    def resume(self, state: Any, now: int) -> None:
        for key, minutes in state.items():
            if key and not self._rule.per:
                raise ValueError("the state is damaged: a rule about all traffic has rows")
            if (budget := self._budget(text(key))) is not None:
                budget.resume(minutes, now)
        for key in self._watches:  # a state without a budget would never change
            self._budget(key)


class Baselines(_Single):
    """A rule that compares a value with its own past. It learns nothing while it alerts or may not conclude."""

    def __init__(self, place: int, rule: Rule, value: Value) -> None:
        super().__init__(place, rule)
        self._value = value
        self._pasts: dict[str, Past] = {}

    def may(self, rule: Rule, now: int, trust: Trust) -> tuple[bool, bool]:
        return may(rule, now, trust, self._value.begun)

    def judge(self, now: int, trust: Trust, room: int) -> Verdict:
        rule = self._rule
        may_fire, may_recover = self.may(rule, now, trust)
        rows = self._rows()
        alerts, refused = [], 0
        self._make_room(rows)
        worst = -1.0
        for key, value in rows.items():
            past = self._past(key)
            if past is None:
                refused += 1
                continue
            past.is_seen = bool(value)
            usual = past.usual(now, rule.deviations) if value is not None else None
            is_unusual = usual is not None and value is not None and not usual.has(value)
            oddity = usual.oddity(value) if usual and value is not None else 0.0
            if value is not None and oddity > worst:
                worst, self._worst[False] = oddity, (key, value)
            if not is_unusual and key not in self._watches:
                if value is not None and may_fire and may_recover:
                    past.learn(now, value)
                continue
            watch = self._watches.setdefault(key, Watch())
            is_enough = not is_unusual or not rule.min_requests or self._value.requests(key) >= rule.min_requests
            judged = Judged(
                value, is_unusual and is_enough, not is_unusual, may_fire, may_recover, Details(usual=usual)
            )
            if alert := watch.judge(rule, key, now, judged):
                alerts.append(alert)
            if watch.is_quiet:
                del self._watches[key]
        return Verdict(alerts, refused, room)

    def _rows(self) -> dict[str, float | None]:
        """The values of all rows that are known or have a past."""
        if not self._rule.per:
            return {"": self._value.of("")}
        rows: dict[str, float | None] = {
            key: value for key, (value, _) in self._value.beyond(-inf, below=False).items()
        }
        return rows | {key: self._value.of(key) for key in self._pasts.keys() - rows.keys()}

    def _make_room(self, rows: dict[str, float | None]) -> None:
        """Forgets rows that were not seen lately, if there are more rows than places."""
        excess = len(rows) - MOST_PASTS
        if excess > 0:
            idle = [key for key, past in self._pasts.items() if not past.is_seen and key not in self._watches]
            for key in idle[:excess]:
                del self._pasts[key], rows[key]

    def deadlines(self, now: int) -> Iterator[int]:
        yield from super().deadlines(now)
        for key, past in self._pasts.items():
            if key not in self._watches and (at := past.next_change(now)) is not None:
                yield at

    def stay(self, until: int) -> None:
        for key, past in self._pasts.items():
            if key not in self._watches:
                past.stay(until)

    def shown(self, placed: Placed) -> Shown:
        """As for a rule with a bound, which is the upper end of the usual range. With `per`, the row is the one that is
        farthest from what is usual.
        """
        firing = self.firing(placed)
        key = firing[0].key if firing else self._worst[False][0]
        past, value = self._pasts.get(key), self._value.of(key) if key or not self._rule.per else None
        usual = past.range if past else None
        return Shown(value or 0, key, usual.high if usual else 0.0)

    def learning(self, key: str, now: int) -> Learning | None:
        del now
        past = self._pasts.get(key)
        if past is None:
            return Learning(0.0, self._rule.baseline * ENOUGH)
        return None if past.known >= past.needed else Learning(past.known / MICRO, past.needed / MICRO)

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
        for key, samples in state.items():
            if (past := self._past(text(key))) is not None:
                past.resume(samples, now)


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

    def shown(self, placed: Placed) -> Shown:
        del placed
        return Shown(len(self.known.names), "", 0.0)

    def learning(self, key: str, now: int) -> Learning | None:
        del key
        left = self._rule.learn if self.known.until is None else (self.known.until - now) / MICRO
        return Learning(self._rule.learn - left, self._rule.learn) if left > 0 else None

    def state(self) -> Any:
        return [self.known.until, list(self.known.names)]

    def resume(self, state: Any, now: int) -> None:
        until, names = state
        self.known.names.update(dict.fromkeys(map(text, names)))
        self.known.until = None if until is None else min(time(until), now + micros(self._rule.learn))

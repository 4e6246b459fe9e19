"""The values that rules compare with their bounds: sums of the core over the span of each rule.

Rules about the same rows share one `Sliding` table, and rules about the same value share one reading of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon._core import Filter, Sliding
from netmon.alerts.watch import micros
from netmon.measures import Absence, Quantile, Ratio, Sum, measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from netmon._core import Snapshot
    from netmon.alerts.rule import Rule

NEAR = 1e-12
"""The share by which a bound for sums may differ from that for rates, which are compared in the end."""


class Value:
    """One value of each row: a reading of a table. The value of a rate is the sum over `seconds` divided by these."""

    def __init__(self, table: Sliding, reading: int, requests: int, *, per: str, seconds: float) -> None:
        self._table, self._reading, self._requests, self._seconds = table, reading, requests, seconds
        self.is_single = not per
        self._begun: int | None = None

    @property
    def begun(self) -> int | None:
        """Since when all of the value is added up, in microseconds; None before the first snapshot."""
        if self._begun is None:
            self._begun = self._table.begun(self._reading)
        return self._begun

    def forget(self) -> None:
        """The past of the table is another one."""
        self._begun = None

    def of(self, key: str) -> float | None:
        """The value of a row; None if nothing was measured."""
        value = self._table.value(self._reading, key)
        return None if value is None else self._told(value)

    def beyond(
        self, bound: float, *, below: bool, least: int | None = None, or_nearest: bool = False
    ) -> dict[str, tuple[float, float]]:
        """The rows with so many requests whose value is `bound` or beyond: the value and, with `least`, the requests.
        With `or_nearest`, if there is none, the row that is nearest. A rate may fall short of the bound by `NEAR`.
        """
        if self._seconds != 1:
            bound *= self._seconds * (1 + NEAR if below else 1 - NEAR)
        enough = None if least is None else (self._requests, least)
        found = self._table.beyond(self._reading, bound, below=below, enough=enough, or_nearest=or_nearest)
        return {key: (self._told(value), requests) for key, value, requests in found}

    def requests(self, key: str) -> float:
        """The requests of a row in the span."""
        return self._table.value(self._requests, key) or 0

    def on(self, tables: Mapping[int, Sliding]) -> Value:
        """The same value of a copy of its table; `tables` has the copies by the identity of the original."""
        twin = Value(tables[id(self._table)], self._reading, self._requests, per="", seconds=self._seconds)
        twin.is_single = self.is_single
        return twin

    def _told(self, value: float) -> float:
        value /= self._seconds  # exact where the sum is: 3 in 5 s are 0.6 per second, and not more
        return int(value) if value.is_integer() else value


class Sums:
    """All tables that the rules need."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._tables: dict[tuple[str, str, bool, bool], Sliding] = {}
        self._values: dict[tuple[object, ...], Value] = {}
        self.values: list[Value] = [self._value(rule) for rule in rules]
        """The value of each rule, in the order of the rules."""

    def _value(self, rule: Rule) -> Value:
        made_of = measure(rule.metric).made_of
        rows = (rule.per, rule.where, rule.is_low, bool(rule.subsets))
        identity = (*rows, made_of, float(rule.span), rule.per_second)
        if identity not in self._values:
            if rows not in self._tables:
                self._tables[rows] = _table(rule)
            table = self._tables[rows]
            span = micros(rule.span)
            requests = table.add_sum(["requests"], span)
            seconds = rule.span if rule.per_second else 1.0
            self._values[identity] = Value(table, _add(table, made_of, span), requests, per=rule.per, seconds=seconds)
        return self._values[identity]

    def push(self, snapshot: Snapshot, at: int) -> None:
        for table in self._tables.values():
            table.push(snapshot, at)

    def pass_time(self, now: int) -> None:
        for table in self._tables.values():
            table.pass_time(now)

    @property
    def oldest(self) -> list[tuple[int, int]]:
        """Time and span of the oldest part of each sum, in microseconds."""
        return [part for table in self._tables.values() for part in table.oldest]

    @property
    def overflow(self) -> int:
        """Number of rows that were too many to add up."""
        return sum(table.overflow for table in self._tables.values())

    def copy(self) -> Sums:
        """Returns an independent copy with the same past."""
        twin = Sums(())
        copies = {id(table): table.copy() for table in self._tables.values()}
        twin._tables = {name: copies[id(table)] for name, table in self._tables.items()}
        values = {id(value): value.on(copies) for value in self._values.values()}
        twin._values = {name: values[id(value)] for name, value in self._values.items()}
        twin.values = [values[id(value)] for value in self.values]
        return twin

    def dump(self) -> dict[str, bytes]:
        """The past of each table, by the rows that it is about."""
        return {repr(rows): table.dump() for rows, table in self._tables.items()}

    def load(self, past: Mapping[str, bytes], now: int) -> None:
        """Takes up what `dump` gave at `now`; what it does not have begins then. ValueError for bytes of no table."""
        for rows, table in self._tables.items():
            if (known := past.get(repr(rows))) is not None:
                table.load(known)
            elif now:
                table.begin(now)
        for value in self._values.values():
            value.forget()


def _table(rule: Rule) -> Sliding:
    """An empty table of the rows that a rule is about."""
    if rule.subsets:
        return Sliding(rule.per, subset=rule.where, keeps=rule.is_low)
    return Sliding(rule.per, filter=Filter(rule.where) if rule.where else None, keeps=rule.is_low)


def _add(table: Sliding, made_of: object, span: int) -> int:
    match made_of:
        case Sum(names, factor):
            return table.add_sum(list(names), span, factor=factor)
        case Ratio(parts, whole):
            return table.add_ratio(list(parts), list(whole), span)
        case Quantile(name, q):
            return table.add_quantile(name, span, q)
        case Absence():
            return table.add_absence()
    raise ValueError(f"{made_of!r} cannot be added up")

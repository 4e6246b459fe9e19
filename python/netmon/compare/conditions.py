"""The conditions of ``--fail-if``: text in, a `Condition` out; a condition and two sides in, an `Outcome` out. Pure.

    MEASURE > AMOUNT worse|better|more|less|change [for FILTER] [per host|section]

A condition fails if the change is greater than its amount and certain. It passes if no greater change fits the data,
and otherwise there is not enough data to say. An amount in percent means percentage points for a measure that is a
share, and a part of the value before for all others.
"""

from __future__ import annotations

import re
from math import inf
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from netmon._core import Filter, WhereError
from netmon.alerts.quantity import quantity
from netmon.compare.chance import ALPHA, believable
from netmon.compare.findings import Finding, excludes_none, pairs
from netmon.compare.kinds import ROWS, Kind, compared, kind, with_spread
from netmon.measures import MEASURES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from netmon.compare.course import Course
    from netmon.compare.kinds import Place

Word: TypeAlias = Literal["worse", "better", "more", "less", "change"]
WORDS = ("worse", "better", "more", "less", "change")
PER = ("host", "section")

Verdict: TypeAlias = Literal["failed", "passed", "unsure"]

FORM = "MEASURE > AMOUNT worse|better|more|less|change [for FILTER] [per host|section]"

_MEASURE = re.compile(r"\s*([^\s<>=]+)")
_ABOVE = re.compile(r"\s*(>(?!=))")
_AMOUNT = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(%|/s|[A-Za-z]+(?:/s)?)?")
_WORD = re.compile(r"\s*([^\s]+)")
_REST = re.compile(r"(?:\s+for\s+(?P<where>.+?))?(?:\s+per\s+(?P<per>\S+))?\s*")


class ConditionError(ValueError):
    """A text is no condition. `position` is the number of characters before the mistake, `text` the condition."""

    def __init__(self, message: str, text: str, position: int) -> None:
        super().__init__(message)
        self.text, self.position = text, position


class Condition(NamedTuple):
    """One condition."""

    text: str
    kind: Kind
    amount: float
    """A part of the value before if `is_relative`; a share; seconds; or a count."""
    is_relative: bool
    per_second: bool
    word: Word
    where: Filter | None
    per: str
    """What a row stands for: empty for all traffic, ``host`` or ``section``."""

    @property
    def sign(self) -> int:
        """1 if a higher value is what fails, -1 if a lower value is, 0 if both are."""
        if self.word == "change":
            return 0
        if self.word in {"more", "less"}:
            return 1 if self.word == "more" else -1
        return 1 if (self.word == "worse") == self.kind.is_worse_up else -1


class Outcome(NamedTuple):
    """What came of a condition."""

    condition: Condition
    verdict: Verdict
    rows: int
    """Number of rows that were judged."""
    findings: Sequence[Finding]
    """Those rows that led to the verdict, the greatest change first."""


def condition(text: str) -> Condition:
    """Parses a condition. Raises ConditionError."""
    found = _matched(_MEASURE, text, 0, "a measure is expected, such as error_ratio or p95")
    measured = _kind(found[1], text, found.start(1))
    above = _matched(_ABOVE, text, found.end(), "> is expected after the measure")
    amount = _matched(_AMOUNT, text, above.end(), "an amount is expected, such as 1%, 50ms or 100")
    unit = amount[2] or ""
    end = amount.end()
    if unit in WORDS:
        unit, end = "", amount.end(1)
    number, is_relative, per_second = _amount(amount[1], unit, measured, text, amount.start(1))
    if number == inf:
        raise ConditionError("the amount is too large to be exceeded", text, amount.start(1))
    word = _matched(_WORD, text, end, f"one of {', '.join(WORDS)} is expected")
    if word[1] not in WORDS:
        raise ConditionError(f"{word[1]!r} is not one of {', '.join(WORDS)}", text, word.start(1))
    if word[1] in {"worse", "better"} and not measured.is_worse_up:
        raise ConditionError(
            f"{measured.name} is neither better nor worse when it changes: write more, less or change",
            text,
            word.start(1),
        )
    where, per = _rows(text, word.end(), measured, found.start(1))
    return Condition(text, measured, number, is_relative, per_second, word[1], where, per)  # type: ignore[arg-type]


def _matched(pattern: re.Pattern[str], text: str, at: int, expected: str) -> re.Match[str]:
    found = pattern.match(text, at)
    if found is None:
        raise ConditionError(expected, text, at + len(text[at:]) - len(text[at:].lstrip()))
    return found


def _kind(name: str, text: str, at: int) -> Kind:
    """The kind of a measure; ``p95`` is ``latency.p95``."""
    full = f"latency.{name}" if re.fullmatch(r"p\d+(\.\d+)?", name) else name
    try:
        return kind(full)
    except ValueError as error:
        if full in MEASURES:
            instead = ": write to_client or to_server" if full == "rtt" else ""
            raise ConditionError(f"{name} cannot be compared{instead}", text, at) from error
        from difflib import get_close_matches  # noqa: PLC0415  only a mistyped name needs it

        near = get_close_matches(name, [*MEASURES, "p50", "p95", "p99", "status.5xx", "latency.p95"], n=1)
        meant = f", did you mean {near[0]}?" if near else ""
        raise ConditionError(f"no measure is called {name!r}{meant}", text, at) from error


def _amount(number: str, unit: str, measured: Kind, text: str, at: int) -> tuple[float, bool, bool]:
    """The amount, whether it is relative, and whether it is per second."""
    if unit == "%" and measured.form != "share":
        return float(number) / 100, True, False
    try:
        found = quantity(number + unit, measured.unit)
    except ValueError as error:
        raise ConditionError(str(error), text, at) from error
    return found.value, False, found.per_second


def _rows(text: str, at: int, measured: Kind, measure_at: int) -> tuple[Filter | None, str]:
    """The filter of rows, and what a row stands for."""
    found = _REST.fullmatch(text, at)
    if found is None:
        blanks = len(text[at:]) - len(text[at:].lstrip())
        raise ConditionError("for FILTER or per host|section is expected here, or the end", text, at + blanks)
    where, per = None, found["per"] or ""
    if per and per not in PER:
        raise ConditionError(f"{per!r} is not one of {', '.join(PER)}", text, found.start("per"))
    if found["where"] is not None:
        where = _filter(found["where"], text, found.start("where"))
        per = per or ("section" if "section" in where.fields else "host")
        if per == "host" and "section" in where.fields:
            raise ConditionError("a host has many sections: write per section", text, found.start("per"))
    if ROWS[("", *PER).index(per)] not in measured.rows:
        raise ConditionError(f"{measured.name} is not known per {per}", text, measure_at)
    return where, per


def _filter(text: str, whole: str, at: int) -> Filter:
    try:
        found = Filter(text)
    except WhereError as error:
        raise ConditionError(str(error), whole, at + error.position) from error
    if others := sorted(set(found.fields) - set(PER)):
        raise ConditionError(f"rows are chosen by host: and section:, not by {others[0]}", whole, at)
    return found


UNKNOWN = -inf, inf
"""A change of which nothing is known: what was measured, and the most that the data admit."""


def outcome(condition: Condition, before: Course, after: Course) -> Outcome:
    """What comes of a condition for two sides that are closed."""
    judged = list(_findings(condition, (before, after)))
    bound = believable([finding.chance for finding in judged]) if len(judged) > 1 else ALPHA
    judged = [each._replace(is_certain=each.chance <= bound and excludes_none(each)) for each in judged]
    sized = [(*_change(condition, finding), finding) for finding in judged]
    sized.sort(key=lambda each: (-each[0], each[2].place))
    failed = [each for size, _, each in sized if size > condition.amount and each.is_certain]
    if failed:
        return Outcome(condition, "failed", len(judged), failed)
    unsure = [each for size, most, each in sized if _is_unsure(condition.amount, size, most)]
    if unsure or not judged:
        return Outcome(condition, "unsure", len(judged), unsure)
    return Outcome(condition, "passed", len(judged), [each for _, _, each in sized])


def _is_unsure(amount: float, size: float, most: float) -> bool:
    """Whether a change beyond the amount is not excluded. That nothing at all has changed can never be shown, so with
    an amount of 0 what was measured counts; nothing counts as measured where a side has no value.
    """
    return size > amount or (most > amount > 0) or (size, most) == UNKNOWN


def _findings(condition: Condition, sides: tuple[Course, Course]) -> Iterator[Finding]:
    """The measure of each row that is meant, compared; a row that has nothing of it on either side is left out."""
    level = ("", *PER).index(condition.per)
    for place, rows in pairs(sides[0].total, sides[1].total):
        if len(place) != level or not _is_meant(condition.where, place):
            continue
        found = compared(condition.kind, rows, sides, with_none=True)
        if found is not None:
            measured = with_spread(condition.kind, found, place, sides)
            yield Finding(place, condition.kind, measured, measured.chance)


def _is_meant(where: Filter | None, place: Place) -> bool:
    if where is None:
        return True
    fields: dict[str, Any] = dict(zip(PER, place, strict=False))
    return bool(where.admits(**fields))


def _change(condition: Condition, finding: Finding) -> tuple[float, float]:
    """How much a measure changed in the direction of the condition, and the most that the data admit.

    `UNKNOWN` where a side has no value.
    """
    before, after = finding.measured.before.value, finding.measured.after.value
    if before is None or after is None:
        return UNKNOWN
    if condition.is_relative:
        if not before and not after:
            return 0.0, 0.0  # nothing has no part that could be more
        ratio = after / before if before else inf
        size, (low, high) = ratio - 1, (bound - 1 for bound in finding.measured.ratio)
    else:
        is_total = finding.kind.form == "rate" and not condition.per_second
        times = finding.measured.after.of if is_total else 1.0
        size, (low, high) = (after - before) * times, (bound * times for bound in finding.measured.difference)
    if condition.sign == 0:
        return abs(size), max(abs(low), abs(high))
    return (size, high) if condition.sign > 0 else (-size, -low)

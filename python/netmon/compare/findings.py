"""All rows of two sides compared, and which of the differences are certain. Pure.

Among hundreds of rows some always differ by chance. So all tests of one level (all traffic, hosts, sections) are judged
together, by the procedure of Holm. A change is certain if that procedure admits it and its interval excludes that
nothing has changed.
"""

from __future__ import annotations

from math import log2
from typing import TYPE_CHECKING, Any, NamedTuple

from netmon._core import OTHER
from netmon.compare.chance import ALPHA, believable
from netmon.compare.kinds import Kind, Place, compared, kind, row_at, status_share, with_spread
from netmon.compare.measured import ANY_RATIO, Percentile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from netmon._core import Snapshot
    from netmon.compare.course import Course
    from netmon.compare.measured import Measured

FEW = 6
"""Hits of a row, of both sides together, below which nothing about it can be certain."""

MOST_HOSTS, MOST_SECTIONS = 5_000, 10_000
"""Rows of each side that are compared, those with the most hits."""

_COUNTED = (kind("requests"), kind("error_ratio"), status_share("status.4xx"), kind("grpc_error_ratio"))
_TIMED = tuple(kind(f"latency.{name}") for name in ("p50", "p95", "p99"))
_CONNECTED = tuple(map(kind, ("retransmitted_ratio", "reset", "refused", "to_client", "to_server")))

LEVELS: Sequence[Sequence[Kind]] = (
    (*_COUNTED, *_TIMED, *_CONNECTED),
    (*_COUNTED, *_TIMED, *_CONNECTED),
    (*_COUNTED, *_TIMED),
)
"""What is compared of all traffic, of hosts and of sections. For the first two, so are all status codes."""

LEVEL_NAMES = ("all", "host", "section")

_WEIGHTS = {"error_ratio": 10.0, "requests": 0.25, "retransmitted_ratio": 0.1, "to_client": 0.1, "to_server": 0.2}
"""How much an affected request of a measure counts; of others it counts 1."""

_LEVEL_WEIGHTS = (0.5, 1.0, 0.9)
"""A host is named before all traffic if it has half of the change, and before its sections."""

_WORSE = 2.0
"""How much more important what is worse is."""

_DOUBLINGS = 4.0
"""A time that has doubled more often than this is not more important."""


class Finding(NamedTuple):
    """One measure of one row, compared."""

    place: Place
    kind: Kind
    measured: Measured
    chance: float = 1.0
    is_certain: bool = False

    @property
    def change(self) -> float:
        """The value after minus that before; 0 if one of them is not known."""
        before, after = self.measured.estimates
        return after - before if before is not None and after is not None else 0.0

    @property
    def verdict(self) -> str:
        """``worse``, ``better``, or ``changed`` for what is neither."""
        if not self.kind.is_worse_up:
            return "changed"
        return "worse" if self.change > 0 else "better"

    @property
    def has_appeared(self) -> bool:
        return self.kind.name == "requests" and bool(self.place) and not self.measured.before.events

    @property
    def has_vanished(self) -> bool:
        return self.kind.name == "requests" and bool(self.place) and not self.measured.after.events

    @property
    def weight(self) -> float:
        """How many requests the change affects, as a measure of importance."""
        if isinstance(self.measured, Percentile):
            before, after = self.measured.estimates
            doublings = min(abs(log2(after / before)), _DOUBLINGS) if before and after else 0.0
            affected = doublings * (1 - self.kind.q) * max(each.count for each in self.measured.histograms)
        else:  # a difference of shares times their whole, or of rates times their seconds
            affected = abs(self.change) * max(self.measured.before.of, self.measured.after.of)
        times = _WEIGHTS.get(self.kind.name, 0.3 if self.kind.name.startswith("status.") else 1.0)
        return affected * times * _LEVEL_WEIGHTS[len(self.place)] * (_WORSE if self.verdict == "worse" else 1.0)


class Comparison(NamedTuple):
    """Two sides, compared."""

    before: Course
    after: Course
    findings: Sequence[Finding]
    """Every test, the certain ones first, the most important first."""
    few: int
    """Rows that have too few hits to say anything."""

    @property
    def sides(self) -> tuple[Course, Course]:
        return self.before, self.after

    @property
    def certain(self) -> Sequence[Finding]:
        return [finding for finding in self.findings if finding.is_certain]


def comparison(before: Course, after: Course) -> Comparison:
    """Compares all rows of two sides that are closed."""
    sides = (before, after)
    levels: list[list[Finding]] = [[] for _ in LEVELS]
    few = 0
    for place, rows in pairs(before.total, after.total):
        if sum(row.hits for row in rows if row is not None) < FEW:
            few += bool(place)
            continue
        levels[len(place)] += tests(place, rows, sides)
    judged_ones = [finding for level in levels for finding in judged(level)]
    judged_ones.sort(key=lambda finding: (not finding.is_certain, -finding.weight, finding.place))
    return Comparison(before, after, judged_ones, few)


def pairs(before: Snapshot, after: Snapshot) -> Iterator[tuple[Place, tuple[Any, Any]]]:
    """Each row of either side with that of the same place on the other side, or None."""
    yield (), (before, after)
    for rows in (_hosts, _sections):
        found = rows(before), rows(after)
        for place in found[0] | found[1]:
            if OTHER not in place:  # a row beyond the most of one side is looked up there
                pair = (
                    rows.get(place) or row_at(side, place) for rows, side in zip(found, (before, after), strict=True)
                )
                yield place, (next(pair), next(pair))


def _hosts(side: Snapshot) -> dict[Place, Any]:
    return {(host.name,): host for host in side.top(MOST_HOSTS)}


def _sections(side: Snapshot) -> dict[Place, Any]:
    return {(section.host, section.path): section for section in side.top_sections(MOST_SECTIONS)}


def tests(place: Place, rows: tuple[Any, Any], sides: tuple[Course, Course]) -> Iterator[Finding]:
    """Compares all kinds of one row. Of a row that one side lacks, only its requests are compared."""
    kinds: Iterable[Kind] = LEVELS[len(place)]
    if any(row is None or not row.hits for row in rows):
        kinds = (_COUNTED[0],)
    elif len(place) < 2:
        codes = sorted({status for row in rows for status in row.statuses})
        kinds = (*kinds, *(status_share(f"status.{code}") for code in codes if 100 <= code <= 999))
    for each in kinds:
        found = compared(each, rows, sides)
        if found is not None:
            yield tested(Finding(place, each, found), sides)


def tested(finding: Finding, sides: tuple[Course, Course]) -> Finding:
    """The finding with its chance. Dispersion only makes a change less certain, so it is not asked for in vain."""
    measured = finding.measured
    if measured.chance <= ALPHA or not finding.kind.is_independent:
        measured = with_spread(finding.kind, measured, finding.place, sides)
    return finding._replace(measured=measured, chance=measured.chance)


def judged(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Says of findings, which are judged together, whether each is certain."""
    bound = believable([finding.chance for finding in findings])
    for finding in findings:
        yield finding._replace(is_certain=finding.chance <= bound and excludes_none(finding))


def excludes_none(finding: Finding) -> bool:
    """Whether the interval of a change excludes that there is none."""
    has_ratio = finding.measured.ratio != ANY_RATIO
    if finding.kind.form == "share" or not has_ratio:
        low, high = finding.measured.difference
        return low > 0 or high < 0
    low, high = finding.measured.ratio
    return low > 1 or high < 1

"""All that a comparison says: its answer, what limits it, what changed, and what came of conditions. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from netmon import format as fmt
from netmon import losses
from netmon.compare import words
from netmon.compare.conditions import Outcome, outcome
from netmon.compare.findings import LEVELS, Comparison, Finding, comparison
from netmon.compare.spread import FEWEST
from netmon.frames import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from netmon.compare.conditions import Condition
    from netmon.compare.inputs import Side


class Result(NamedTuple):
    """A comparison with its two sides."""

    before: Side
    after: Side
    comparison: Comparison
    outcomes: Sequence[Outcome]
    answer: str
    notes: Sequence[str]
    """What limits the comparison: losses first."""

    @property
    def changes(self) -> Sequence[Finding]:
        """The certain changes but for those of single statuses, the most important first."""
        return [finding for finding in self.comparison.certain if not is_code(finding)]

    @property
    def statuses(self) -> Sequence[Finding]:
        """The certain changes of single statuses."""
        return [finding for finding in self.comparison.certain if is_code(finding)]

    @property
    def totals(self) -> Sequence[Finding]:
        """What was compared of all traffic, certain or not, in the order of measures, without single statuses."""
        found = {finding.kind.name: finding for finding in self.comparison.findings if not finding.place}
        return [found[kind.name] for kind in LEVELS[0] if kind.name in found]

    @property
    def has_failed(self) -> bool:
        return any(each.verdict == "failed" for each in self.outcomes)

    @property
    def is_unsure(self) -> bool:
        return any(each.verdict == "unsure" for each in self.outcomes)


def is_code(finding: Finding) -> bool:
    """Whether a finding is about a single status code."""
    family, _, parameter = finding.kind.name.partition(".")
    return family == "status" and parameter.isdecimal()


def result(before: Side, after: Side, conditions: Sequence[Condition] = (), more_notes: Sequence[str] = ()) -> Result:
    """Compares two sides and judges the conditions. `more_notes` are added to those about the sides."""
    compared = comparison(before.course, after.course)
    outcomes = [outcome(each, before.course, after.course) for each in conditions]
    made = Result(before, after, compared, outcomes, "", [*notes(before, after, compared), *more_notes])
    return made._replace(answer=_answer(made))


def _answer(result: Result) -> str:
    for side, word in ((result.before, "before"), (result.after, "after")):
        if not side.course.total.hits:
            return f"No HTTP was seen {word}, so there is nothing to compare"
    if result.changes:
        return words.sentence(result.changes[0])
    requests = (fmt.count(side.course.total.requests) for side in (result.before, result.after))
    return "No change is certain: {} requests before, {} after".format(*requests)


def tally(side: Side) -> Tally:
    """The totals of one side as outputs of a run show them."""
    return Tally().plus(side.course.total, ())


def notes(before: Side, after: Side, compared: Comparison) -> Iterator[str]:
    """What limits a comparison, in sentences without a period at their end; losses first."""
    sides = ((before, "before"), (after, "after"))
    yield from _losses(sides)
    if before.where != after.where and not (before.is_table or after.is_table):
        said = (f"{word}: {_filter(side.where)}" for side, word in sides)
        yield f"The sides were counted with different filters, {', '.join(said)}"
    if before.depth != after.depth and min(before.depth, after.depth):
        yield (
            f"Sections have up to {fmt.plural(before.depth, 'path segment')} before and {after.depth} after: "
            "if --section-depth differed, sections do not compare"
        )
    for side, word in sides:
        if len(side.course.blocks) < FEWEST:
            yield (
                f"{word.upper()} has too few intervals to tell how much traffic varies; "
                "requests are taken as independent of each other"
            )
        if steps := side.course.total.capture.clock_steps:
            yield f"The clock was set {fmt.plural(steps, 'time')} {word}, so rates per second are not exact"
    folded = [side.course.total.capture for side, _ in sides]
    if any(each.hosts_folded or each.sections_folded for each in folded):
        yield "Some rows had no room and are in ~other, so what appeared or vanished may be among them"
    if compared.few:
        yield f"{fmt.plural(compared.few, 'row')} with too few hits to say anything"


def _losses(sides: tuple[tuple[Side, str], ...]) -> Iterator[str]:
    for side, word in sides:
        course = side.course
        if course.lost:
            lost = f"{words.share(course.lost)} of packets lost {word}"
            yield f"{lost}: counts are lower bounds, and rates are less certain"
        elif side.is_table:
            given = "Parquet" if side.format == "parquet" else "A list of requests"
            yield f"{given} does not say what was lost {word}, nor how connections were"
        elif not losses.is_whole(tally(side)):
            yield f"Not everything was seen {word}: {losses.line(tally(side))}"
        if unfollowed := losses.streams(course.total.capture):
            yield f"Not everything could be followed {word}: {unfollowed}"


def _filter(where: str | None) -> str:
    return fmt.sanitize(" ".join(where.split())) if where else "none"

"""A comparison as text for people, as wide as a terminal: the answer first, then what limits it, then tables. Pure."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon import losses
from netmon.compare import words
from netmon.compare.result import tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from netmon.compare.conditions import Condition, Outcome
    from netmon.compare.findings import Finding
    from netmon.compare.inputs import Side
    from netmon.compare.kinds import Place
    from netmon.compare.result import Result

WIDTH = 80
"""Columns where no terminal says how many it has."""

LEAST_WIDTH, MOST_WIDTH = 60, 132
"""Narrower lines cannot hold a row; in wider ones the eye loses it."""

ROWS = 12
"""Hosts and sections of a table, unless all are asked for; each has some lines."""

NAMED = 5
"""Rows of a condition that are named."""

COLORS = {"worse": "\x1b[31m", "better": "\x1b[32m", "changed": "", "failed": "\x1b[31m", "unsure": "\x1b[33m"}
BOLD, DIM, RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"

VERDICTS = {"failed": "FAILED", "passed": "passed", "unsure": "unsure"}

_GAP = "  "


class _Painter:
    """Colours, or none of them."""

    def __init__(self, *, color: bool) -> None:
        self._color = color

    def __call__(self, text: str, code: str) -> str:
        return f"{code}{text}{RESET}" if self._color and code and text else text


def text(result: Result, *, width: int = WIDTH, color: bool = False, all_rows: bool = False) -> str:
    """The whole text; each line ends with a line feed."""
    width = min(max(width, LEAST_WIDTH), MOST_WIDTH)
    paint = _Painter(color=color)
    parts = (
        (paint(line, BOLD) for line in _wrapped(result.answer, width)),
        (paint(line, COLORS["unsure"]) for note in result.notes for line in _wrapped(f"{note}.", width)),
        _conditions(result.outcomes, width, paint),
        _sides(result, width),
        _tables(result, width, paint, all_rows=all_rows),
    )
    return "\n\n".join(filter(None, ("\n".join(part) for part in parts))) + "\n"


_INSIDE = re.compile(r"(?<=\d) (?=\d{3}(?!\d)|%|(?:points|us|ms|s|min|h|d)\b)")
"""Blanks within a number or before its unit."""


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """The lines of a text; no line ends within a number or before its unit."""
    whole = _INSIDE.sub("\0", text)
    lines = textwrap.wrap(whole, width, subsequent_indent=indent, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]


def _sides(result: Result, width: int) -> Iterator[str]:
    for word, side in (("before", result.before), ("after", result.after)):
        yield from _wrapped(f"{word:<6}  {', '.join(about(side))}", width, " " * 8)


def about(side: Side) -> tuple[str, ...]:
    """What a side is, in phrases: its name; when; how much; what was lost."""
    course = side.course
    phrases = [fmt.source(side.given.rstrip("/"))]
    if course.seconds:
        phrases.append(f"{fmt.time(course.total.start)}, {fmt.duration(course.seconds)}")
    if side.where:
        phrases.append(f"where {fmt.sanitize(' '.join(side.where.split()))}")
    phrases.append(fmt.plural(course.total.requests, "request"))
    if not side.is_table:
        phrases.append(losses.line(tally(side)))
    return tuple(phrases)


def _tables(result: Result, width: int, paint: _Painter, *, all_rows: bool) -> Iterator[str]:
    changes, statuses = groups(result.changes), groups(result.statuses)
    compared = result.comparison.findings
    most = None if all_rows else ROWS
    if changes:
        n = sum(map(len, changes))
        are = "change is" if n == 1 else "changes are"
        said = f"{fmt.count(n)} {are} certain, the most important first (- worse, + better):"
        yield from _grouped(changes, width, paint, said, most)
    elif result.totals:
        yield from _grouped([result.totals], width, paint, "No change is certain. All traffic:", None)
    if statuses:
        yield ""
        yield from _grouped(statuses, width, paint, "Statuses, as shares of all responses:", most)
    rest = [finding for finding in compared if not finding.is_certain]
    if all_rows and rest:
        yield ""
        yield from _grouped(groups(rest), width, paint, "Not certain, so perhaps chance:", None)
    if compared:
        yield ""
    certain = len(compared) - len(rest)
    yield from _wrapped(
        f"{fmt.count(len(compared))} figures compared, {fmt.count(certain)} changed for certain (95 %)"
        + ("." if all_rows or not rest else "; --all lists the others as well."),
        width,
    )


def groups(findings: Sequence[Finding]) -> list[list[Finding]]:
    """The findings by row, in the order of the first of each. A section with nothing but what its host has is left out,
    and so is all traffic with nothing but what one host has.
    """
    found: dict[Place, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.place, []).append(finding)
    figures = {place: {_figures(each) for each in group} for place, group in found.items()}
    hosts = [figures[place] for place in found if len(place) == 1]

    def is_told(place: Place) -> bool:
        others = hosts if not place else [figures.get(place[:1], set())] if len(place) > 1 else []
        return any(figures[place] <= other for other in others)

    return [group for place, group in found.items() if not is_told(place)]


def _figures(finding: Finding) -> tuple[object, ...]:
    """What two findings about the same events have in common."""
    before, after = finding.measured.before, finding.measured.after
    return finding.kind.name, before.value, before.events, after.value, after.events


def _grouped(
    found: Sequence[Sequence[Finding]], width: int, paint: _Painter, said: str, most: int | None
) -> Iterator[str]:
    """A heading, and for each row its name and a line for each finding."""
    cells = [[_cells(finding) for finding in group] for group in found[:most]]
    heads = ("", "before", "after", "change (95 %)")
    lines = [heads, *(line for group in cells for line in group)]
    widths = [max(fmt.width(line[at]) for line in lines) for at in range(len(heads))]
    yield from _wrapped(said, width)
    yield paint(_line(heads, widths), DIM)
    for group, rows in zip(found, cells, strict=False):
        yield fmt.shorten(words.where(group[0].place), width)
        for finding, row in zip(group, rows, strict=True):
            yield paint(_line(row, widths), COLORS[finding.verdict] if finding.is_certain else "")
    if left := len(found) - len(cells):
        yield f"{fmt.plural(left, 'more row')}; --all lists all"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Names and changes to the left, values to the right."""
    fitted = [
        fmt.fit(cell, columns, right=at in {1, 2}) for at, (cell, columns) in enumerate(zip(cells, widths, strict=True))
    ]
    return _GAP.join(["", *fitted]).rstrip()


def _cells(finding: Finding) -> tuple[str, ...]:
    kind, before, after = finding.kind, finding.measured.before, finding.measured.after
    changed = words.change(finding)
    if finding.has_appeared or finding.has_vanished:
        changed = "appeared" if finding.has_appeared else "vanished"
    return (
        f"{_MARKS[finding.verdict] if finding.is_certain else ' '} {words.name(kind)}",
        *(_value(finding, side.value, side.events, side.of) for side in (before, after)),
        changed,
    )


_MARKS = {"worse": "-", "better": "+", "changed": " "}


def _value(finding: Finding, value: float | None, events: float, of: float) -> str:
    """``3.1 % of 6 100``, ``90 ms of 6 100``, ``20.0/s, 6 000``."""
    kind = finding.kind
    shown = words.value(kind, value)
    if kind.form == "rate":
        return f"{shown}, {words.amount_of(kind, events) if kind.unit != 'count' else fmt.short(events)}"
    return f"{shown} of {fmt.short(of)}"


def _conditions(outcomes: Iterable[Outcome], width: int, paint: _Painter) -> Iterator[str]:
    for each in outcomes:
        code = COLORS.get(each.verdict, "")
        for line in _wrapped(condition(each), width, " " * 8):
            yield paint(line, code)


def condition(outcome: Outcome) -> str:
    """``FAILED  error_ratio > 1% worse: error ratio of api.example rose ...``."""
    text = f"{VERDICTS[outcome.verdict]}  {fmt.sanitize(' '.join(outcome.condition.text.split()))}: "
    return text + said(outcome)


def said(outcome: Outcome) -> str:
    """What came of a condition, in a sentence."""
    per = outcome.condition.per
    if not outcome.rows:
        return f"not enough data to say: no {per or 'traffic'} has such a figure"
    named = [f"{words.sentence(each)} ({_within(outcome.condition, each)})" for each in outcome.findings[:NAMED]]
    more = len(outcome.findings) - len(named)
    rest = f"; and {fmt.count(more)} more" if more > 0 else ""
    if outcome.verdict == "failed":
        return "; ".join(named) + rest
    if outcome.verdict == "unsure":
        few = f", for {fmt.count(len(outcome.findings))} of {fmt.count(outcome.rows)} {per}s" if per else ""
        return f"not enough data to say{few}: {named[0]}"
    return f"all {fmt.count(outcome.rows)} {per}s" if per and outcome.rows > 1 else named[0]


def _within(condition: Condition, finding: Finding) -> str:
    """The interval of a change in the unit of the condition."""
    found = _interval(condition, finding)
    return "no interval is known" if found == words.UNKNOWN else found


def _interval(condition: Condition, finding: Finding) -> str:
    kind, (low, high) = finding.kind, finding.measured.difference
    if condition.is_relative:
        return words.ratio(*finding.measured.ratio)
    if kind.form == "share":
        return words.change(finding)
    if kind.form == "percentile":
        return words.span(low, high, fmt.latency)
    if condition.per_second:
        return words.span(low, high, lambda amount: f"{words.amount_of(kind, amount)}/s")
    seconds = finding.measured.after.of
    return words.span(low * seconds, high * seconds, lambda amount: words.amount_of(kind, amount))

"""A comparison as the texts and shapes of a page. It is bounded: of more rows, the most important are there. Pure."""

from __future__ import annotations

from itertools import islice
from math import inf, log2
from typing import TYPE_CHECKING, Any

from netmon import format as fmt
from netmon.compare import words
from netmon.compare.result import is_code
from netmon.compare.text import about, groups, said

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from netmon.compare.conditions import Outcome
    from netmon.compare.findings import Finding
    from netmon.compare.result import Result

ROWS = 1_000
"""Rows of a table at most: some hundred kB."""

DOUBLINGS = 2.0
"""The scale of changes reaches from a quarter to four times; what is beyond is at its end."""

MEANINGS = (
    ("Change (95 %)", "the interval in which the true change is, at 95 % for each figure by itself"),
    ("Certain", "still certain at 95 % when all figures of the same kind of rows are judged together"),
    ("Points", "percentage points: from 1 % to 3 % are 2 points"),
    ("Bars", "the interval as a factor, from a quarter to four times; the line in the middle is no change"),
)


def view(result: Result, *, all_rows: bool = False) -> dict[str, Any]:
    """Everything that the page shows. With `all_rows`, what is not certain is there as well."""
    compared = result.comparison.findings
    codes = [finding for finding in compared if is_code(finding) and not finding.place]
    tables = [
        _table("changes", "Changes", "Certain changes, the most important first", groups(result.changes)),
        _table("totals", "All traffic", "All traffic, whether it changed or not", [result.totals]),
        _table(
            "statuses", "Statuses", "Certain changes of statuses, as shares of all responses", groups(result.statuses)
        ),
        _table("mix", "Status mix", "All statuses of all traffic, as shares of all responses", [_by_code(codes)]),
    ]
    if all_rows:
        rest = [finding for finding in compared if not finding.is_certain]
        tables.append(_table("rest", "Not certain", "Differences that may be chance", groups(rest)))
    return {
        "answer": result.answer,
        "level": _level(result),
        "sources": [fmt.source(side.given.rstrip("/")) for side in (result.before, result.after)],
        "facts": _facts(result),
        "conditions": [_condition(each) for each in result.outcomes],
        "tables": [table for table in tables if table["groups"]],
        "meanings": MEANINGS,
    }


def _by_code(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: finding.kind.name)


def _level(result: Result) -> str:
    """The colour of the answer: ``bad`` if a condition fails, or something got worse."""
    if result.has_failed:
        return "bad"
    is_worse = any(finding.verdict == "worse" for finding in result.changes)
    return "warning" if is_worse or result.is_unsure or result.notes else "good"


def _facts(result: Result) -> list[dict[str, Any]]:
    compared, certain = result.comparison.findings, result.comparison.certain
    verdicts = [sum(finding.verdict == verdict for finding in certain) for verdict in ("worse", "better", "changed")]
    found = (
        f"{fmt.count(len(certain))} of {fmt.plural(len(compared), 'figure')} changed for certain",
        "{} worse, {} better, {} neither.".format(*map(fmt.count, verdicts)),
    )
    notes = [f"{note}." for note in result.notes] or ["Nothing limits the comparison."]
    return [
        {"term": term, "lead": lead, "more": more}
        for term, (lead, *more) in (
            ("What changed", found),
            ("Before", about(result.before)),
            ("After", about(result.after)),
            ("How certain", notes),
        )
    ]


def _condition(outcome: Outcome) -> dict[str, Any]:
    return {
        "verdict": outcome.verdict,
        "text": fmt.sanitize(" ".join(outcome.condition.text.split())),
        "said": said(outcome),
    }


def _table(name: str, title: str, caption: str, found: Sequence[Sequence[Finding]]) -> dict[str, Any]:
    shown = [
        {"row": words.where(group[0].place), "lines": [_line(finding) for finding in group]}
        for group in islice(filter(None, found), ROWS)
    ]
    return {"name": name, "title": title, "caption": caption, "groups": shown, "left": max(0, len(found) - ROWS)}


def _line(finding: Finding) -> dict[str, Any]:
    kind, measured = finding.kind, finding.measured
    changed = words.change(finding)
    if finding.has_appeared or finding.has_vanished:
        changed = "appeared" if finding.has_appeared else "vanished"
    return {
        "measure": words.name(kind),
        "before": (words.value(kind, measured.before.value), words.basis(kind, measured.before)),
        "after": (words.value(kind, measured.after.value), words.basis(kind, measured.after)),
        "change": changed,
        "verdict": finding.verdict if finding.is_certain else "uncertain",
        "bar": _bar(finding),
    }


def _bar(finding: Finding) -> dict[str, float] | None:
    """Where the interval and the change itself lie on the scale, in percent of its width; None if nothing is known."""
    before, after = finding.measured.before.value, finding.measured.after.value
    low, high = finding.measured.ratio
    if before is None or after is None or not (before or after) or (low <= 0 and high == inf):
        return None
    start, end = _at(low), _at(high)
    return {
        "x": round(start, 1),
        "width": round(max(1.0, end - start), 1),
        "at": round(_at(after / before if before else inf), 1),
    }


def _at(ratio: float) -> float:
    """A ratio on the scale, from 0 to 100; 50 is no change."""
    if ratio <= 0 or ratio == inf:
        return 0.0 if ratio <= 0 else 100.0
    return 50 + 50 * max(-1.0, min(1.0, log2(ratio) / DOUBLINGS))

"""A comparison as plain values, for JSON. What the keys mean, docs/diff.md says. Pure."""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any

from netmon.compare import words
from netmon.compare.chance import CONFIDENCE
from netmon.compare.result import tally
from netmon.compare.text import said

if TYPE_CHECKING:
    from netmon.compare.conditions import Outcome
    from netmon.compare.findings import Finding
    from netmon.compare.inputs import Side
    from netmon.compare.measured import Value
    from netmon.compare.result import Result

SCHEMA = 1
"""Version of the document. Raised when a key changes its meaning or is removed."""

PER = ("all", "host", "section")


def document(result: Result, *, all_rows: bool = False) -> dict[str, Any]:
    """The document. `changes` are the certain ones, or with `all_rows` all figures that were compared."""
    compared = result.comparison.findings
    shown = compared if all_rows else [*result.changes, *result.statuses]
    return {
        "schema": SCHEMA,
        "answer": result.answer,
        "confidence": CONFIDENCE,
        "notes": list(result.notes),
        "before": _side(result.before),
        "after": _side(result.after),
        "conditions": [_condition(each) for each in result.outcomes],
        "compared": len(compared),
        "certain": sum(finding.is_certain for finding in compared),
        "changes": [_finding(finding) for finding in shown],
        "totals": [_finding(finding) for finding in result.totals],
    }


def encoded(document: dict[str, Any]) -> bytes:
    """The document as indented JSON in ASCII, with a line feed at its end."""
    return json.dumps(document, indent=1, allow_nan=False).encode() + b"\n"


def _side(side: Side) -> dict[str, Any]:
    course, counted = side.course, tally(side)
    total = course.total
    has_time = course.seconds > 0
    is_known = not side.is_table
    return {
        "source": side.given,
        "format": side.format,
        "where": side.where,
        "start": _time(total.start_time) if has_time else None,
        "end": _time(total.end_time) if has_time else None,
        "seconds": round(course.seconds, 9),
        "intervals": course.intervals,
        "section_depth": side.depth,
        "requests": total.requests,
        "responses": total.responses,
        "errors": total.errors,
        "hosts": total.host_count,
        "packets": counted.packets if is_known else None,
        "lost": counted.lost if is_known else None,
        "lost_ratio": round(course.lost, 9) if is_known else None,
    }


def _time(time: Any) -> str:
    return str(time.isoformat(timespec="microseconds")).replace("+00:00", "Z")


def _condition(outcome: Outcome) -> dict[str, Any]:
    return {
        "condition": outcome.condition.text,
        "verdict": outcome.verdict,
        "said": said(outcome),
        "rows": outcome.rows,
        "findings": [_finding(finding) for finding in outcome.findings] if outcome.verdict != "passed" else [],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    measured = finding.measured
    difference, ratio = measured.difference, measured.ratio
    before, after = measured.before.value, measured.after.value
    is_known = before is not None and after is not None
    return {
        "per": PER[len(finding.place)],
        "host": finding.place[0] if finding.place else None,
        "path": finding.place[1] if len(finding.place) > 1 else None,
        "measure": finding.kind.name,
        "form": finding.kind.form,
        "unit": finding.kind.unit,
        "said": words.sentence(finding),
        "certain": finding.is_certain,
        "verdict": _verdict(finding),
        "before": _value(measured.before),
        "after": _value(measured.after),
        "difference": _number(finding.change) if is_known else None,
        "difference_low": _number(difference.low),
        "difference_high": _number(difference.high),
        "ratio": _number(after / before) if before and after is not None else None,
        "ratio_low": _number(ratio.low),
        "ratio_high": _number(ratio.high),
        "chance": _number(finding.chance),
        "dispersion": _number(measured.spread.dispersion),
    }


def _verdict(finding: Finding) -> str:
    if finding.has_appeared or finding.has_vanished:
        return "appeared" if finding.has_appeared else "vanished"
    return finding.verdict


def _value(side: Value) -> dict[str, Any]:
    return {
        "value": None if side.value is None else _number(side.value),
        "low": _number(side.interval.low),
        "high": _number(side.interval.high),
        "events": _number(side.events),
        "of": _number(side.of),
    }


def _number(value: float) -> float | None:
    """A number with nine figures, whole if it is; None if it has no bound."""
    if not isfinite(value):
        return None
    rounded = float(f"{value:.9g}") if abs(value) < 1e9 else value
    return int(rounded) if rounded == int(rounded) else rounded

"""Writes findings (pure): as a page for people, and as one JSON document for bug reports and machines."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon.doctor.facts import ADVICE, OK, PROBLEM, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from netmon.doctor.facts import Finding

SCHEMA = 1
MARKS = {OK: "ok", ADVICE: "advice", PROBLEM: "PROBLEM", UNKNOWN: "unknown"}
"""The word before a finding. Nothing is told by colour alone."""
COLOURS = {OK: "32", ADVICE: "33", PROBLEM: "1;31", UNKNOWN: "35"}
"""Numbers of the colours of these words (ECMA-48)."""
MARK, ABOUT, NARROWEST = 9, 12, 20
"""Columns of the mark and of the name of a check; columns that a text has at the least."""


def lines(findings: Sequence[Finding], version: str, columns: int, *, colour: bool) -> Iterator[str]:
    """The page. Commands to type are never broken, so that they can be copied."""
    yield f"netmon {version}: {summary(findings)}"
    yield ""
    indent = " " * (MARK + ABOUT)
    before = None
    for finding in findings:
        mark = f"{MARKS[finding.state]:{MARK}}"
        mark = f"\x1b[{COLOURS[finding.state]}m{mark}\x1b[0m" if colour else mark
        about = "" if finding.about == before else finding.about
        first, *rest = _wrapped(fmt.sanitize(finding.text), max(NARROWEST, columns - len(indent))) or [""]
        yield f"{mark}{about:{ABOUT}}{first}"
        yield from (indent + line for line in rest)
        yield from (f"{indent}  $ {fmt.sanitize(command)}" for command in finding.commands)
        before = finding.about


def summary(findings: Sequence[Finding]) -> str:
    """How many findings are problems, and how many have advice or are unknown."""
    number = Counter(each.state for each in findings)
    words = (fmt.plural(number[PROBLEM], "problem"), f"{number[ADVICE]} with advice", f"{number[UNKNOWN]} unknown")
    return ", ".join(each for each in words if not each.startswith("0 ")) or "all is well"


def document(findings: Sequence[Finding], version: str) -> str:
    """The same as JSON, in one line."""
    rows = [
        {"check": each.about, "state": each.state, "text": fmt.sanitize(each.text), "commands": list(each.commands)}
        for each in findings
    ]
    return json.dumps({"schema": SCHEMA, "netmon": version, "summary": summary(findings), "findings": rows})


def _wrapped(text: str, columns: int) -> list[str]:
    return textwrap.wrap(text, columns, break_long_words=False, break_on_hyphens=False)

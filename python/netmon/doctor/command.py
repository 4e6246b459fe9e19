"""Runs the doctor: each check looks and judges apart from the others, so one that fails hides nothing else."""

from __future__ import annotations

import os
import re
import shutil
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from netmon import rulebook
from netmon._core import __version__
from netmon.config import ConfigError
from netmon.console import Console
from netmon.doctor import checks, machine, network, page, rights, trial
from netmon.doctor.facts import PROBLEM, UNKNOWN, Configuration, Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from netmon.config import Configured

    Reads = Callable[[], Configured]

COLUMNS = 80
"""Columns of the page where it is not written to a terminal."""
HEALTHY, ILL, USAGE = 0, 1, 2
"""Exit codes: no finding is a problem, or one is; a format that the page does not have."""


class Check(NamedTuple):
    """One check: its name on the page, what it looks at, and what it makes of that."""

    about: str
    look: Callable[[], Any]
    judge: Callable[[Any], Iterable[Finding]]


def table(reads: Reads) -> tuple[Check, ...]:
    """All checks, in the order of the page. `reads` gives the settings and rules of all sources."""
    return (
        Check("versions", machine.versions, checks.versions),
        Check("libpcap", machine.library, checks.library),
        Check("self-test", trial.trial, partial(checks.trial, expected=trial.EXPECTED)),
        Check("settings", partial(configuration, reads), checks.configuration),
        Check("rights", machine.process, checks.process),
        Check("user", partial(rights.dropped, reads), checks.dropped),
        Check("sandbox", machine.sandbox, checks.sandbox),
        Check("interface", network.links, checks.links),
        Check("namespaces", network.namespaces, checks.namespaces),
        Check("buffers", machine.memory, checks.memory),
        Check("clock", machine.clock, checks.clock),
        Check("terminal", machine.terminal, checks.terminal),
        Check("extras", machine.optional, checks.optional),
    )


def examine(table: Sequence[Check]) -> Iterator[Finding]:
    """The findings of all checks. A check that raises an error is a finding as well."""
    for check in table:
        try:
            found = list(check.judge(check.look()))
        except Exception as error:  # whatever is broken, the page tells the rest
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            found = [Finding(check.about, UNKNOWN, f"could not be looked at: {reason}")]
        yield from found


def configuration(reads: Reads) -> Configuration:
    """Reads settings and rules as a run would."""
    try:
        configured = reads()
        rules = rulebook.rules_of(configured)
    except ConfigError as error:
        return Configuration("", 0, (str(error), *map(str, getattr(error, "others", ()))))
    return Configuration(configured.path, len(rules), ())


def without_home(finding: Finding, home: str) -> Finding:
    """The finding with ``~`` in place of the home folder, whose name often is that of a person."""
    if home in {"", os.sep, "~"}:
        return finding
    inside = re.compile(rf"(?<![\w'\"/]){re.escape(home)}(?=/)")  # a shell leaves ~ between quotes as it is
    text, *commands = (inside.sub("~", each) for each in (finding.text, *finding.commands))
    return finding._replace(text=text, commands=tuple(commands))


def run(given: Mapping[str, Any], reads: Reads) -> int:
    """Prints the page, or with `--json` the document, and returns the exit code. `given` are the flags by name."""
    console = Console.of_process()
    way = given.get("format", "plain")
    if way not in {"auto", "plain", "json"}:
        console.say(f"netmon: --doctor has no {way}: give --json, or nothing\n")
        return USAGE
    home = os.path.expanduser("~")
    findings = [without_home(finding, home) for finding in examine(table(reads))]
    if way == "json":
        text = page.document(findings, __version__)
    else:
        columns = shutil.get_terminal_size((COLUMNS, 0)).columns if console.stdout.isatty() else COLUMNS
        colour = console.wants_color(given.get("color", "auto"))
        text = "\n".join(page.lines(findings, __version__, columns, colour=colour))
    print(text)
    return ILL if any(each.state == PROBLEM for each in findings) else HEALTHY

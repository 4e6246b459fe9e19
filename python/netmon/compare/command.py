"""The command ``netmon diff``: two runs in, what changed between them out, as text, JSON or HTML.

Its settings are those of captures, from flags alone: a gate must not depend on who runs it.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from netmon import config, safe_file
from netmon import format as fmt
from netmon._core import FilterError, WhereError
from netmon.arguments import Parser, add
from netmon.compare import inputs
from netmon.compare.conditions import FORM, Condition, ConditionError, condition
from netmon.compare.document import document, encoded
from netmon.compare.result import result
from netmon.compare.text import WIDTH, said, text
from netmon.config import ConfigError
from netmon.console import Console
from netmon.extras import missing
from netmon.options import DEFAULTS, OPTIONS, Settings, capture_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

    from netmon.compare.result import Result

OK, USAGE, FAILED_IF = 0, 2, 6
"""Exit codes: 6 if a condition fails."""

COUNTING = (
    *("filter", "where", "section_depth", "client_from", "trusted_proxies", "client_ipv6_prefix", "interval"),
    *("snaplen", "decode_tunnels", "count_copies", "response_timeout", "workers"),
)
"""The settings that captures are counted with."""

DESCRIPTION = """\
Compares two runs: which hosts, sections, statuses and latencies changed, and how certain that is. BEFORE and AFTER are
captures, NDJSON or JSON that netmon wrote, or Parquet: a file, a folder of .parquet files, or a glob in quotes."""

EXAMPLES = f"""\
conditions of --fail-if:
  {FORM.replace(" [for", chr(10) + "    [for")}
  "error_ratio > 1% worse"           for a share, % are percentage points
  "p95 > 20% worse"                  for others, % of the value before
  "p99 > 50ms worse for host:api.*"  each host with such a name
  "requests > 30% less per host"     each host
  "status.5xx > 0 more"              any more of them, for the same time

A condition fails if the change is greater than the amount and certain (95 %). If the data are too few to tell, that is
said, and only --strict makes it fail.

exit codes:
  0 compared, 1 an output cannot be written, 2 wrong usage,
  4 BEFORE or AFTER cannot be read, 6 a condition of --fail-if fails
"""


class Output(NamedTuple):
    """A file of ``-o``: what it holds, and the extra that it needs."""

    content: Callable[[Result, bool], bytes]
    extra: str = ""


def _html(result: Result, all_rows: bool) -> bytes:
    from netmon.compare.view import view  # noqa: PLC0415  only a page needs it
    from netmon.page.render import comparison  # noqa: PLC0415  loads Jinja2

    return comparison(view(result, all_rows=all_rows)).encode()


OUTPUTS: Mapping[str, Output] = {
    ".html": Output(_html, extra="html"),
    ".json": Output(lambda result, all_rows: encoded(document(result, all_rows=all_rows))),
    ".txt": Output(lambda result, all_rows: text(result, all_rows=all_rows).encode()),
}
"""How a file is written, by its extension."""


def parser() -> argparse.ArgumentParser:
    """The parser of the arguments."""
    import argparse  # noqa: PLC0415  loaded already

    made = Parser(
        prog="netmon diff",
        usage="netmon diff [OPTIONS] BEFORE AFTER",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=32, width=100),
        allow_abbrev=False,
    )
    made.add_argument("before", metavar="BEFORE", help="the run to compare with")
    made.add_argument("after", metavar="AFTER", help="the run that may be better or worse")
    made.add_argument(
        "--fail-if",
        metavar="CONDITION",
        action="append",
        default=[],
        help="exit with code 6 if a change fails this condition, see below; repeatable",
    )
    made.add_argument("--strict", action="store_true", help="fail a condition also if the data are too few to tell")
    made.add_argument("--all", action="store_true", help="list all figures, also those that may differ by chance")
    made.add_argument("--json", action="store_true", help="print the comparison as JSON")
    made.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        action="append",
        default=[],
        help="also write to a file: .html, .json or .txt; repeatable",
    )
    made.add_argument("--force", action="store_true", help="replace a file of -o that exists")
    options = {option.name: option for option in OPTIONS}
    add(made, options["color"])
    captures = made.add_argument_group("captures", "How packets are counted; what is counted already stays as it is.")
    for name in COUNTING:
        add(captures, options[name])
    return made


def run(flags: argparse.Namespace) -> int:
    """Compares, writes and prints; returns the exit code."""
    try:
        conditions = [condition(each) for each in flags.fail_if]
        compared = _compared(flags, conditions)
    except ConditionError as error:
        return _mistake(f"--fail-if: {error}", error.text, error.position)
    except (FilterError, WhereError) as error:
        name = "filter" if isinstance(error, FilterError) else "where"
        return _mistake(f"--{name}: {error}", getattr(flags, name, ""), error.position)
    for path in flags.output:
        _write(path, OUTPUTS[_extension(path)].content(compared, flags.all), force=flags.force)
    try:
        _print(compared, flags)
        sys.stdout.flush()
    except BrokenPipeError:  # a reader that has seen enough, such as head, does not change the outcome
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED_IF if compared.has_failed or (flags.strict and compared.is_unsure) else OK


def _compared(flags: argparse.Namespace, conditions: Sequence[Condition]) -> Result:
    _check_outputs(flags.output, force=flags.force)
    given = {name: value for name, value in vars(flags).items() if name in COUNTING}
    settings = config.settle(DEFAULTS, given)
    applied = _applied(flags, given)
    before, after = (inputs.read(each, capture_settings(settings), settings.interval) for each in _sides(flags))
    return result(before, after, conditions, applied)


def _sides(flags: argparse.Namespace) -> tuple[str, str]:
    return flags.before, flags.after


def _applied(flags: argparse.Namespace, given: Mapping[str, Any]) -> Sequence[str]:
    """A note if settings hold for one side alone. Raises ConfigError if they hold for neither."""
    sides = _sides(flags)
    if sides == ("-", "-"):
        raise ConfigError("only one of BEFORE and AFTER can be standard input")
    captures = [each for each in sides if inputs.format_of(each) == "capture"]
    if not given or len(captures) == len(sides):
        return ()
    named = ", ".join(f"--{name.replace('_', '-')}" for name in given)
    counted = [each for each in sides if each not in captures]
    if not captures:
        raise ConfigError(
            f"{named} cannot be applied: {' and '.join(counted)} have been counted already; "
            "give it to the netmon that writes them, or compare the captures"
        )
    return (f"{named} was applied to {captures[0]} alone: {counted[0]} had been counted already",)


def _check_outputs(paths: Sequence[str], *, force: bool) -> None:
    for path in paths:
        output = OUTPUTS.get(_extension(path))
        if output is None:
            raise ConfigError(f"-o {path}: the name must end in {', '.join(OUTPUTS)}")
        if output.extra and (problem := missing(output.extra)):
            raise ConfigError(f"-o {path}: {problem}")
        if os.path.isfile(path) and not force:
            raise ConfigError(f"-o {path}: the file exists; --force replaces it")


def _extension(path: str) -> str:
    return os.path.splitext(path)[1]


def _write(path: str, content: bytes, *, force: bool) -> None:
    if not (force or os.path.lexists(path)):
        safe_file.write_new(path, content)  # leaves no part of it behind
        return
    try:
        descriptor = safe_file.create(path, "replace" if force else "new")
        with open(descriptor if descriptor >= 0 else path, "wb") as file:
            file.write(content)
    except OSError as error:
        error.filename = path
        raise


def _print(compared: Result, flags: argparse.Namespace) -> None:
    """Prints the text, or the document; then the conditions are told on standard error as well."""
    console = Console.of_process()
    if flags.json:
        sys.stdout.write(encoded(document(compared, all_rows=flags.all)).decode())
        for each in compared.outcomes:
            if each.verdict != "passed":
                console.say(f"netmon: {fmt.sanitize(each.condition.text)}: {each.verdict}: {said(each)}\n")
        return
    color = console.wants_color(getattr(flags, "color", Settings().color))
    sys.stdout.write(text(compared, width=_width(), color=color, all_rows=flags.all))


def _width() -> int:
    """Columns of the terminal that standard output is."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or WIDTH
    except (OSError, ValueError):
        return WIDTH


def _mistake(message: str, text: str, position: int | None) -> int:
    """Tells a mistake in a text, with a mark below it; returns the exit code."""
    lines = [f"netmon: {fmt.sanitize(message)}"]
    if position is not None and text:
        before = fmt.sanitize(text[:position])
        lines += [f"  {before}{fmt.sanitize(text[position:])}", f"  {' ' * fmt.width(before)}^"]
    Console.of_process().say("\n".join(lines) + "\n")
    return USAGE

"""The parser of the command line, made from the table of options. Words in, a namespace out; exits on wrong usage."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from netmon import commands, config
from netmon._core import __version__
from netmon.address import is_meant
from netmon.options import CONFIGURATION, DEFAULTS, OPTIONS, WAYS, Option

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from netmon.options import Option

USAGE = f"""netmon [OPTIONS] [BPF EXPRESSION...]
       netmon {{{"|".join(commands.COMMANDS)}}} [OPTIONS] ..."""

EXAMPLES = """\
examples:
  sudo netmon                          watch every interface
  sudo netmon -i eth0 tcp port 8080    one interface, one port
  netmon -r capture.pcap --plain       read a file, print a report per window
  sudo netmon --web                    also serve a page that shows what happens, live
  sudo netmon --once --json            the next 10 seconds as one JSON document
  sudo netmon --demo                   a demonstration: make traffic on loopback and watch it

exit codes:
  0  ended; of --doctor: no problem
  1  failed while running, or a compressed file was not read completely; of --doctor: a problem
  2  wrong usage or configuration
  3  not permitted to capture
  4  no usable interface or file, or --exit-on-down and an interface went down
  5  --fail-on-alert and an alert fired
  6  netmon diff --fail-if and a change fails it
"""


SHELLS = ("bash", "zsh", "fish")
"""The shells that have a completion."""

ALONE = {option.flags: option.alone for option in OPTIONS if option.alone}
"""The flags that may stand without a value, each with the value that they then have."""


class Parser(argparse.ArgumentParser):
    """Sanitizes the arguments that its messages repeat: a shell may put any file name in place of ``*``."""

    def format_help(self) -> str:
        """The help, with examples and exit codes that fit the terminal."""
        self.epilog = self.epilog or _fitted(f"{commands.listed()}\n{EXAMPLES}", columns())
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        from netmon import format as fmt  # noqa: PLC0415  only an error needs it

        super().error(fmt.sanitize(message + self._meant(message)))

    def _meant(self, message: str) -> str:
        """``, did you mean --window?`` for a flag that is mistyped."""
        before, _, words = message.partition(": ")
        given = words.split(" ")[0].partition("=")[0]
        if before != "unrecognized arguments" or not given.startswith("-"):
            return ""
        from difflib import get_close_matches  # noqa: PLC0415  as above

        near = get_close_matches(given, list(self._option_string_actions), n=1)
        return f", did you mean {near[0]}?" if near else ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        return super().parse_known_args(self._joined(args), namespace)

    def parse_known_intermixed_args(self, args: Any = None, namespace: Any = None) -> Any:
        return super().parse_known_intermixed_args(self._joined(args), namespace)

    def _joined(self, given: Sequence[str] | None) -> list[str]:
        """The arguments, with each flag that may stand alone and its value as one: ``--web=8088``.

        Otherwise argparse would take the filter in ``--web tcp port 80`` apart.
        """
        words = list(sys.argv[1:] if given is None else given)
        end = words.index("--") if "--" in words else len(words)
        joined: list[str] = []
        while words and end > 0:
            word, end = words.pop(0), end - 1
            if word in ALONE:
                has_value = end > 0 and is_meant(words[0])
                value = words.pop(0) if has_value else ALONE[word]
                word, end = f"{word}={':0' if value == '0' else value}", end - has_value  # 0 is a port here, not false
            joined.append(word)
        return joined + words


NARROW, WIDE = 60, 120
"""Columns of the help at least and at most: fewer have no room beside the flags, and longer lines read badly."""


def columns() -> int:
    """Columns of the help: those of the terminal or of ``COLUMNS``, within limits; 100 where neither is known."""
    told = os.environ.get("COLUMNS", "")
    try:
        room = int(told) if told.isdecimal() else os.get_terminal_size().columns
    except OSError:
        room = 102
    return min(WIDE, max(NARROW, room - 2))


def _formatter(prog: str) -> argparse.HelpFormatter:
    width = columns()
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=32 if width >= 90 else 24, width=width)


def _fitted(text: str, width: int) -> str:
    """The text with lines of at most `width` columns; what is left of one goes below its second column."""
    import textwrap  # noqa: PLC0415  only the help needs it

    lines = []
    for line in text.splitlines():
        indent = line.rfind("  ") + 2
        lines += textwrap.wrap(line, width, subsequent_indent=" " * min(indent, width // 2)) or [""]
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The parser, made from the table of options. A setting whose flag is not given is absent from the result."""
    made = Parser(
        prog="netmon",
        usage=USAGE,
        description="Watches HTTP on the wire: hosts, sections, statuses, latencies, alerts.",
        formatter_class=_formatter,
        allow_abbrev=False,
    )
    made.add_argument("expression", nargs="*", metavar="BPF", help="capture only packets that match, as in tcpdump")
    groups = {name: made.add_argument_group(name) for name in dict.fromkeys(option.group for option in OPTIONS)}
    for option in OPTIONS:
        add(groups[option.group], option)
    _more(groups)
    return made


def add(group: argparse._ActionsContainer, option: Option) -> None:
    """Adds the flags of a setting to a parser or a group of it."""
    text = option.help + _default(option.name)
    group.add_argument(*option.flags.split(), **_how(option), help=text)


def _more(groups: dict[str, argparse._ArgumentGroup]) -> None:
    """Adds the flags that are not settings: shorter spellings, and flags that do something other than capture."""
    groups["capture"].add_argument("-F", "--filter-file", metavar="FILE", help="read the filter from a file")
    ways = groups["output"].add_mutually_exclusive_group()
    for name, text in WAYS.items():
        ways.add_argument(
            f"--{name}", dest="format", action="store_const", const=name, default=argparse.SUPPRESS, help=text
        )
    other = groups[CONFIGURATION]
    other.add_argument("--config", metavar="FILE", help="read this configuration file instead of the usual one")
    other.add_argument("--no-config", action="store_true", help="read no configuration file")
    other.add_argument("--print-config", action="store_true", help="print settings and rules as a TOML file, and exit")
    other.add_argument("--check-config", action="store_true", help="check the configuration, explain rules, and exit")
    other.add_argument(
        "--suggest-alerts", action="store_true", help="print rules that the capture of -r suggests, as TOML, and exit"
    )
    other.add_argument("-D", "--list-interfaces", action="store_true", help="list the interfaces, and exit")
    other.add_argument("--doctor", action="store_true", help="check this machine, say what to do about it, and exit")
    other.add_argument(
        "--completion",
        choices=SHELLS,
        metavar="SHELL",
        help="print the completion of bash, zsh or fish",
    )
    other.add_argument("--demo", action="store_true", help="make traffic on loopback and watch it")
    other.add_argument("-V", "--version", action="version", version=f"netmon {__version__}")


def _how(option: Option) -> dict[str, Any]:
    """The keyword arguments of `add_argument` for a setting."""
    name, metavar = option.name, option.metavar
    how: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS}
    default = DEFAULTS[name]
    if name == "verbose":
        return how | {"action": "count"}
    if isinstance(default, bool):
        return how | {"action": "store_const", "const": not default}
    if isinstance(default, tuple):
        return how | {"action": "append", "metavar": metavar}
    how |= {"nargs": "?"} if option.alone else {}
    return how | {"type": reader(name), "metavar": metavar}


def _default(name: str) -> str:
    """The default as the help shows it; empty for flags, lists and settings without a default."""
    value = DEFAULTS[name]
    shown = value is not None and not isinstance(value, (bool, tuple)) and name != "verbose"
    return f" [{config.to_text(value)}]" if shown else ""


def reader(name: str) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return config.parse(name, text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read

"""The commands of netmon that do not capture, such as ``netmon merge``: the one table of them, and how one is run.

The first word of the command line chooses: no capture filter begins with the name of a command. A command is a module
with two functions: `parser`, the parser of its arguments, and `run`, which takes the arguments parsed and returns the
exit code. Its module is loaded when the command runs, or when its help is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence


class Command(NamedTuple):
    """One command: the module that it runs, and what the help of netmon says of it."""

    module: str
    usage: str
    help: str


class Module(Protocol):
    """The functions of the module of a command."""

    def parser(self) -> argparse.ArgumentParser: ...
    def run(self, flags: argparse.Namespace, /) -> int: ...


COMMANDS: Mapping[str, Command] = {
    "merge": Command("netmon.merging", "merge a.ndjson b.ndjson", "add up snapshots of several files or machines"),
    "diff": Command(
        "netmon.compare.command", "diff before.pcap after.pcap", "say what changed, and how certain that is"
    ),
}
"""Name -> command, in the order of the help."""


def listed() -> str:
    """The commands as lines of the help."""
    lines = [f"  netmon {command.usage:<30}{command.help}\n" for command in COMMANDS.values()]
    return f"commands, each with --help:\n{''.join(lines)}"


def module(name: str) -> Module:
    """The module of a command."""
    from importlib import import_module  # noqa: PLC0415  most runs have no command

    return cast("Module", import_module(COMMANDS[name].module))


def run(name: str, arguments: Sequence[str]) -> int:
    """Runs a command with its arguments and returns its exit code; exits on wrong usage."""
    command = module(name)
    return command.run(command.parser().parse_intermixed_args(arguments))

"""The command ``netmon merge``: files of snapshots in, as netmon writes them as NDJSON, their sum out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from netmon._core import Snapshot
from netmon.arguments import Parser

if TYPE_CHECKING:
    import argparse


def parser() -> argparse.ArgumentParser:
    """The parser of the arguments."""
    made = Parser(prog="netmon merge", description="Adds up snapshots of several files or machines.")
    made.add_argument("files", nargs="+", metavar="FILE", help="NDJSON that netmon wrote, or - for standard input")
    made.add_argument("--total", action="store_true", help="write one snapshot, the sum of all")
    return made


def run(flags: argparse.Namespace) -> int:
    """Prints the sum of all snapshots as one line of JSON."""
    total = Snapshot()
    for path in flags.files:
        with open(path, "rb") as file:
            total = Snapshot.merge([total, *map(Snapshot.from_json, file)])
    sys.stdout.buffer.write(total.to_json() + b"\n")
    return 0

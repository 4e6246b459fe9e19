"""The command ``netmon merge``: files of snapshots in, as netmon writes them as NDJSON, their sums out.

One snapshot comes out for each interval, or one of everything. Outputs are those of a capture. Lines that cannot be
used are told and left out, and the exit code says so.
"""

from __future__ import annotations

import argparse
import os
import stat
from collections import Counter
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Self

from netmon import captures, cli, config, joining
from netmon import format as fmt
from netmon._core import SourceError
from netmon.arguments import Parser, reader
from netmon.console import Console
from netmon.frames import Frames
from netmon.lines import STDIN
from netmon.options import Settings
from netmon.outlet import Patience, TextOutlet
from netmon.sinks import files, outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from netmon._core import Snapshot
    from netmon.joining import Head, Source
    from netmon.lines import Line
    from netmon.sinks import Out, Sink

FORMATS = ("ndjson", "json", "csv")
"""What can be written to standard output; the first is the default."""

PARQUET = b"PAR1"
"""The first bytes of a Parquet file."""

MOST_TOLD = 10
"""Lines of one file at most that are told one by one: more say nothing new."""

EPILOG = """\
examples:
  netmon merge web1.ndjson web2.ndjson > all.ndjson     one line per interval, of both machines
  netmon merge --total -o day.html day/*.ndjson.gz      one report of a day
  ssh web1 cat all.ndjson | netmon merge - here.ndjson  one file comes through a pipe

exit codes: 0 everything was added up, 1 a line or the rest of a file was left out, 2 wrong usage, 4 no file to read
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the arguments."""
    about = "Adds up the snapshots of several files or machines, interval by interval or all of them."
    made = Parser(
        prog="netmon merge",
        description=about,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument(
        "files", nargs="+", metavar="FILE", help="NDJSON that netmon wrote, also .gz and .zst; - is stdin"
    )
    made.add_argument("--total", action="store_true", help="write one snapshot, the sum of all")
    made.add_argument(
        "--interval",
        type=reader("interval"),
        metavar="DURATION",
        help="the length of the intervals that are written, by default that of the longest intervals read",
    )
    made.add_argument(
        "-o", "--output", action="append", default=[], metavar="FILE", help="write this file instead of standard output"
    )
    made.add_argument("--append", action="store_true", help="add to output files that exist")
    made.add_argument("--force", action="store_true", help="replace output files that exist")
    made.add_argument(
        "--format", choices=FORMATS, default=FORMATS[0], help=f"what to write to standard output [{FORMATS[0]}]"
    )
    made.add_argument("-q", "--quiet", action="store_true", help="do not tell of lines that are left out")
    return made


def run(flags: argparse.Namespace) -> int:
    """Merges the files and returns the exit code. Raises SourceError, ConfigError and OSError."""
    merge = Merge(flags, Console.of_process())
    merge.run()
    return cli.FAILED if merge.is_incomplete else cli.OK


class Merge:
    """One run of the command."""

    def __init__(self, flags: argparse.Namespace, console: Console) -> None:
        _each_once(flags.files)
        self.is_incomplete = False
        self._flags, self._console = flags, console
        self._sources = [joining.Source(path, partial(self._left_out, path)) for path in flags.files]
        self._told: Counter[str] = Counter()
        """How many lines of each file were left out."""
        self._where: str | None = None
        self._odd: set[str] = set()
        """Files with a line of another filter."""

    def run(self) -> None:
        heads = [(head, source) for source in self._sources if (head := self._head(source)) is not None]
        self._where = _filter_of([head for head, _ in heads], self._say)
        settings = Settings(
            output=tuple(self._flags.output),
            append=self._flags.append,
            force=self._flags.force,
            format=self._flags.format,
            where=self._where,
        )
        cli.check(settings, vars(self._flags))
        with _Outputs(settings, self._console, self._say) as written:
            for snapshot in self._snapshots(heads):
                written.update(snapshot)
        for path, number in self._told.items():
            if number > MOST_TOLD:
                self._say(f"{path}: {number - MOST_TOLD} more lines like these")

    @staticmethod
    def _head(source: Source) -> Head | None:
        """What the first lines of a file tell. The lines of a file without a snapshot are told."""
        if (head := source.head()) is None:
            source.next()
        return head

    def _snapshots(self, heads: Sequence[tuple[Head, Source]]) -> Iterator[Snapshot]:
        if self._flags.total:
            yield joining.total((source for _, source in heads), self._seen)
            return
        length = self._flags.interval or max((head.length for head, _ in heads), default=1.0)
        yield from joining.joined(heads, float(length), self._seen)

    def _seen(self, path: str, line: Line) -> None:
        """Tells once of a file in which a filter changes."""
        if line.where != self._where and self._where is not None and path not in self._odd:
            self._odd.add(path)
            self._say(f"{path}:{line.number}: counts exchanges of another filter than the lines before")

    def _left_out(self, path: str, words: str) -> None:
        self.is_incomplete = True
        self._told[path] += 1
        if self._told[path] <= MOST_TOLD:
            self._say(words)

    def _say(self, words: str) -> None:
        if not self._flags.quiet:
            self._console.say(f"netmon: {fmt.sanitize(words)}\n")


class _Outputs:
    """The outputs of a run. Leaving it writes what is held; raises OSError if something could not be written."""

    def __init__(self, settings: Settings, console: Console, say: Callable[[str], None]) -> None:
        self._say = say
        self._frames = Frames(float(settings.window))
        self._outlets: list[Out] = []
        self._sinks: list[Sink] = []
        patience = Patience()
        for name in settings.output:
            self._add(*files.opened(settings, name, patience))
        if settings.output:
            return
        stdout, outlet = console.stdout, console.stdout_outlet(patience)
        if outlet is None:
            self._sinks.append(outputs.of_stdout(settings, stdout, stdout.buffer, color=False))
        else:
            text = TextOutlet(outlet, stdout.encoding or "utf-8")
            self._add(outlet, outputs.of_stdout(settings, text, outlet, color=False))

    def _add(self, outlet: Out, sink: Sink) -> None:
        self._outlets.append(outlet)
        self._sinks.append(sink)

    def update(self, snapshot: Snapshot) -> None:
        frame = self._frames.push(snapshot)
        for sink in self._sinks:
            sink.update(frame)
        for outlet in self._outlets:
            for news in outlet.news():
                self._say(news)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        with ExitStack() as closing:
            for outlet in self._outlets:
                closing.callback(outlet.close)
            if error is None:
                for sink in self._sinks:
                    sink.close()


def _each_once(paths: Sequence[str]) -> None:
    """Raises ConfigError if a file is given twice: it would be counted twice."""
    known: dict[object, str] = {}
    for path in paths:
        try:
            about = os.stat(0 if path == STDIN else path)
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}") from error
        key = (about.st_dev, about.st_ino)
        if path in known.values() or (stat.S_ISREG(about.st_mode) and key in known):
            raise config.ConfigError(f"{path}: is given twice, and would be counted twice")
        known[key] = path
        if stat.S_ISREG(about.st_mode):
            _is_text(path)


def _is_text(path: str) -> None:
    """Raises SourceError for a file that another command reads."""
    try:
        with open(0 if path == STDIN else path, "rb", closefd=path != STDIN) as file:
            head = os.pread(file.fileno(), 4, 0)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error
    if head.startswith(captures.PLAIN):
        raise SourceError(f"{path}: is a capture; this counts it: netmon -r {path} -o FILE.ndjson")
    if head == PARQUET:
        raise SourceError(f"{path}: is Parquet, which lacks what a sum needs: merge the NDJSON or read the captures")


def _filter_of(heads: Sequence[Head], say: Callable[[str], None]) -> str | None:
    """The filter of all files. If they differ, that is said, and the sum has none."""
    filters = {head.where for head in heads}
    if len(filters) > 1:
        one, other = heads[0], next(head for head in heads if head.where != heads[0].where)
        say(f"{one.path} counts {_named(one.where)}, {other.path} counts {_named(other.where)}: the sum has no filter")
        return None
    return next(iter(filters), None)


def _named(where: str | None) -> str:
    return "everything" if where is None else f"what matches {where}"

"""Chooses the sink of an output: by the extension of a file, or by the format of standard output.

To add an output, add a module beside this one and a row to a table here.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from netmon.outlet import TextOutlet
from netmon.sinks.document import Document
from netmon.sinks.ndjson import Ndjson

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from netmon import safe_file
    from netmon.console import Console
    from netmon.options import Settings
    from netmon.outlet import Outlet, Patience
    from netmon.sinks import Out, Sink, Stream, Text


class Output(NamedTuple):
    """A file that is written record by record."""

    sink: Callable[[Settings, Stream], Sink]
    head: Callable[[Settings], bytes] = lambda _: b""
    """What each file begins with."""
    rotates: bool = True
    """Whether a file may be begun anew after any record."""
    extra: str = ""
    """The extra of the distribution that it needs."""
    appends: bool = True
    """Whether more can be added to a file that exists."""
    shows_slowest: bool = False
    """Whether it shows the slowest exchanges, so that the capture has to list them."""


class OwnOutput(NamedTuple):
    """A file, or several, with an outlet of its own kind."""

    opened: Callable[[Settings, str, safe_file.Mode], tuple[Out, Sink]]
    """Creates the outlet and the sink of a name."""
    extra: str = ""
    """As above."""
    shows_slowest: bool = False
    """As above."""


def _document(settings: Settings, stream: Stream) -> Sink:
    return Document(stream, settings.where)


def _ndjson(settings: Settings, stream: Stream) -> Sink:
    return Ndjson(stream, settings.where)


def _csv(settings: Settings, stream: Stream, *, writes_head: bool = False) -> Sink:
    from netmon.sinks.tables import Csv, rows_of  # noqa: PLC0415  few runs write tables

    return Csv(stream, rows_of(requests=settings.requests), writes_head=writes_head)


def _csv_head(settings: Settings) -> bytes:
    from netmon.sinks.tables import head_of  # noqa: PLC0415  as above

    return head_of(requests=settings.requests)


def _parquet(settings: Settings, name: str, mode: safe_file.Mode) -> tuple[Out, Sink]:
    from netmon.sinks.parquet import opened  # noqa: PLC0415  as above

    return opened(settings, name, mode)


def _report(settings: Settings, stream: Stream) -> Sink:
    from netmon.sinks.report import Report  # noqa: PLC0415  as above

    return Report(stream, settings.where)


FILES: Mapping[str, Output | OwnOutput] = {
    ".ndjson": Output(_ndjson),
    ".json": Output(_document, rotates=False),
    ".csv": Output(_csv, _csv_head),
    ".parquet": OwnOutput(_parquet, extra="parquet"),
    ".html": Output(_report, rotates=False, extra="html", appends=False, shows_slowest=True),
}
"""How a file is written, by its extension."""

FORMATS: Mapping[str, Callable[[Settings, Stream], Sink]] = {
    "ndjson": _ndjson,
    "json": _document,
    "csv": partial(_csv, writes_head=True),
}
"""The sink of standard output, by ``--format``; every other format is text."""

OF_ROWS = ("csv",)
"""The formats that are tables, so that their sink knows about ``--requests``."""


def endings() -> str:
    """The extensions of all files in words: ``.ndjson, .json, .csv, .parquet or .html``."""
    *most, last = FILES
    return f"{', '.join(most)} or {last}"


def extension(path: str) -> str:
    """The extension of a file or a folder, which decides its format: ``.json``."""
    return os.path.splitext(path.rstrip("/"))[1]


def unavailable(path: str, *, append: bool = False) -> str | None:
    """Why this file cannot be written, such as what to install before; None if it can."""
    output = FILES[extension(path)]
    if append and isinstance(output, Output) and not output.appends:
        return "--append cannot add to a page; --force replaces it"
    if not output.extra:
        return None
    from netmon.extras import missing  # noqa: PLC0415  few outputs need an extra

    return missing(output.extra)


def stdout(settings: Settings, console: Console, patience: Patience) -> tuple[Outlet | None, Sink]:
    """The sink for standard output, and its outlet if standard output has a descriptor."""
    stream = console.stdout
    color = console.wants_color(settings.color)
    outlet = console.stdout_outlet(patience)
    if outlet is None:
        return None, of_stdout(settings, stream, stream.buffer, color=color)
    return outlet, of_stdout(settings, TextOutlet(outlet, stream.encoding or "utf-8"), outlet, color=color)


def of_stdout(settings: Settings, text: Text, stream: Stream, *, color: bool) -> Sink:
    """The sink for standard output. It writes either to `text` or to the byte stream `stream`."""
    plays = bool(settings.read) and settings.speed is not None
    if settings.format in FORMATS and (settings.format in OF_ROWS or not settings.requests):
        return FORMATS[settings.format](settings, stream)
    if settings.requests:
        from netmon.sinks.requests import Requests  # noqa: PLC0415  no other output needs it

        return Requests(text, as_json=settings.format in FORMATS, plays=plays)
    from netmon.sinks.plain import Plain  # noqa: PLC0415  loads modules that no other output needs

    return Plain(text, window=settings.window, top=settings.top, color=color, plays=plays, where=settings.where)

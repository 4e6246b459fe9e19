"""Chooses the sink of an output: by the extension of a file, or by the format of standard output.

To add an output, add a module beside this one and a row to a table here.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from netmon.sinks.document import Document
from netmon.sinks.ndjson import Ndjson

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from netmon.options import Settings
    from netmon.sinks import Sink, Stream, Text

FILES: Mapping[str, Callable[[Stream, str | None], Sink]] = {".ndjson": Ndjson, ".json": Document}
"""The sink of a file, by its extension."""

FORMATS: Mapping[str, Callable[[Stream, str | None], Sink]] = {"ndjson": Ndjson, "json": Document}
"""The sink of standard output, by ``--format``; every other format is text."""


def extension(path: str) -> str:
    """The extension of a file, which decides its format: ``.json``."""
    return os.path.splitext(path)[1]


def of_file(path: str, stream: Stream, where: str | None = None) -> Sink:
    """The sink of a file. `where` is the filter of what is counted."""
    return FILES[extension(path)](stream, where)


def of_stdout(settings: Settings, text: Text, stream: Stream, *, color: bool) -> Sink:
    """The sink for standard output. It writes either to `text` or to the byte stream `stream`."""
    plays = bool(settings.read) and settings.speed is not None
    if settings.requests:
        from netmon.sinks.requests import Requests  # noqa: PLC0415  loads json, which no other output needs

        return Requests(text, as_json=settings.format in FORMATS, plays=plays)
    if settings.format in FORMATS:
        return FORMATS[settings.format](stream, settings.where)
    from netmon.sinks.plain import Plain  # noqa: PLC0415  loads modules that no other output needs

    return Plain(text, window=settings.window, top=settings.top, color=color, plays=plays, where=settings.where)

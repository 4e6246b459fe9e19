"""Exports the table with the focus as CSV: all of its rows in their order, with figures as numbers.

`document` is pure. `write` creates a new file in the current directory and never overwrites a file.
"""

from __future__ import annotations

import csv
import io
import os
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from netmon import format as fmt
from netmon import safe_file
from netmon._core import is_formula
from netmon.actions import facts
from netmon.display.rows import present
from netmon.display.specs import SPECS
from netmon.display.view import Panel, View
from netmon.privileges import numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MOST = 100_000
"""Maximum number of rows of a file, which is also the maximum number of sections."""

STEP = 5_000
"""Rows taken from the core at a time."""


class Field(NamedTuple):
    """A column of the file: its heading, and the function that returns the value of a row."""

    name: str
    value: Callable[[Any], Any]


def _attributes(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, attrgetter(name)) for name in names)


_HOST = _attributes("name")
_PATH = (Field("host", attrgetter("host")), Field("section", attrgetter("path")))
_INTERFACE = (Field("name", lambda row: fmt.source(row.name)),)
_EXCHANGE = _attributes("method", "host", "section", "path", "client", "server", "interface", "user_agent")

NAMES: Mapping[Panel, tuple[Field, ...]] = {
    Panel.HOSTS: _HOST,
    Panel.INTERFACE_HOSTS: _HOST,
    Panel.HOST_QUALITY: _HOST,
    Panel.SECTIONS: _PATH,
    Panel.ALL_SECTIONS: _PATH,
    Panel.INTERFACES: _INTERFACE,
    Panel.INTERFACE_QUALITY: _INTERFACE,
    Panel.CLIENTS: _attributes("address"),
    Panel.SERVERS: _HOST,
    Panel.OF_CONNECTION: _EXCHANGE,
    Panel.REQUESTS: _EXCHANGE,
    Panel.SLOWEST: _EXCHANGE,
    Panel.OF_CLIENT: _EXCHANGE,
    Panel.CONNECTIONS: _attributes("client", "server", "host", "protocol", "interface", "state", "opened"),
    Panel.ALERTS: (
        *_attributes("state"),
        Field("at", lambda alert: facts.iso(alert.at)),
        Field("name", lambda alert: alert.rule.name),
        *_attributes("key"),
        Field("metric", lambda alert: facts.metric(alert.rule)),
        Field("value", lambda alert: None if alert.rule.kind == "new" else alert.value),
        Field("threshold", lambda alert: facts.limit(alert, alert.rule.threshold)),
        *_attributes("duration", "times"),
        Field("severity", lambda alert: alert.rule.severity),
        Field("summary", lambda alert: facts.document(alert)["summary"]),
    ),
}
"""The fields that identify a row in each table, named as in JSON. The figures of the columns follow in the file."""

_PROCESS = (Field("process", lambda row: str(row.process or "")),)

LAST: Mapping[Panel, tuple[Field, ...]] = {
    Panel.REQUESTS: _PROCESS,
    Panel.SLOWEST: _PROCESS,
    Panel.OF_CLIENT: _PROCESS,
    Panel.CONNECTIONS: _PROCESS,
}
"""The fields behind the figures, for which a column of the table has another value than the file."""


def fields(panel: Panel) -> list[Field]:
    """The columns of the file. A heading is the name of the JSON field, for nested ones as in `Snapshot.rows`."""
    last = LAST.get(panel, ())
    apart = {field.name for field in last}
    exports = [measure for column in SPECS[panel].columns for measure in column.exports if measure.field not in apart]
    return [*NAMES[panel], *(Field(each.field, each.value) for each in exports), *last]


def document(view: View, panel: Panel) -> str:
    """The table as CSV. Times are in unix seconds, those of alerts in UTC as text; durations are in seconds, sizes in
    bytes. Counts are those of the window.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = fields(panel)
    writer.writerow([column.name for column in columns])
    for row in _every(view, panel):
        writer.writerow([_safe(column.value(row)) for column in columns])
    return text.getvalue()


def write(view: View, panel: Panel) -> str:
    """Writes the table to a new file and returns its name. Raises OSError if no file can be written."""
    at = view.frame.tally.end if view.frame else 0.0
    stem = f"netmon-{panel.value}-{datetime.fromtimestamp(at).astimezone():%Y%m%d-%H%M%S}"
    text = document(view, panel)
    for number in range(1, 1000):
        path = Path(f"{stem}.csv" if number == 1 else f"{stem}-{number}.csv")
        try:
            safe_file.write_new(str(path), text.encode())
        except FileExistsError:
            continue
        return path.name
    raise FileExistsError(17, "999 files with this name exist already", stem)


def failed(error: OSError) -> str:
    """Says where no file could be written, as which user, and what to do. The folder may be gone."""
    try:
        folder = os.getcwd()
    except OSError:
        folder = "the current folder"
    user = fmt.sanitize(numbered(os.geteuid()).name)
    what = f"export failed: {fmt.sanitize(folder)}: {error.strerror} for the user {user}"
    return f"{what}; start netmon in a folder of {user}, or see --user"


def _every(view: View, panel: Panel) -> Iterator[Any]:
    rows = present(view, panel)
    for offset in range(0, min(rows.total, MOST), STEP):
        yield from rows.page(offset, min(STEP, MOST - offset))


def _safe(value: Any) -> Any:
    """Sanitizes text from the wire, and quotes it if a spreadsheet would read it as a formula."""
    if not isinstance(value, str):
        return value
    text = fmt.sanitize(value)
    return f"'{text}" if is_formula(text) else text

"""The table that has the focus as CSV: all its rows in their order, with the figures as numbers.

`document` is pure; `write` makes a new file in the current directory and never touches one that is there.
"""

from __future__ import annotations

import csv
import io
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netmon import format as fmt
from netmon import safe_file
from netmon.display.rows import present
from netmon.display.specs import SPECS
from netmon.display.view import Panel, View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST = 100_000
"""Rows of a file at the most: as many sections as there can be."""

STEP = 5_000
"""Rows made at a time."""

NAMES: dict[Panel, tuple[tuple[str, Callable[[Any], Any]], ...]] = {
    Panel.SECTIONS: (("host", lambda row: row.host), ("section", lambda row: row.path)),
    Panel.ALL_SECTIONS: (("host", lambda row: row.host), ("section", lambda row: row.path)),
    **{
        panel: tuple(
            (name, lambda row, name=name: getattr(row, name))  # type: ignore[misc]
            for name in ("method", "host", "section", "path", "client", "server", "interface", "user_agent")
        )
        for panel in (Panel.REQUESTS, Panel.SLOWEST, Panel.OF_CLIENT)
    },
    Panel.CONNECTIONS: tuple(
        (name, lambda row, name=name: getattr(row, name))  # type: ignore[misc]
        for name in ("client", "server", "host", "protocol", "interface", "state", "opened")
    ),
    Panel.ALERTS: (
        ("state", lambda alert: alert.state),
        ("at", lambda alert: alert.at),
        ("metric", lambda alert: alert.rule.metric),
        ("value", lambda alert: alert.value),
        ("threshold", lambda alert: alert.rule.threshold),
        ("lasted", lambda alert: alert.duration),
        ("times", lambda alert: alert.times),
    ),
}
"""What a row is called, where that is more than its name."""


def document(view: View, panel: Panel) -> str:
    """The table as CSV; times are unix seconds, durations seconds, sizes bytes, counts those of the window."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    spec = SPECS[panel]
    names = NAMES.get(panel, (("name", spec.name),))
    titles = [title for title, _ in names]
    columns = [column for column in spec.columns if not column.is_share and column.title not in titles]
    writer.writerow([*titles, *(_header(column.title) for column in columns)])
    for row in _every(view, panel):
        writer.writerow([*(_safe(value(row)) for _, value in names), *(column.value(row) for column in columns)])
    return text.getvalue()


def write(view: View, panel: Panel) -> str:
    """Writes the table to a new file and gives its name. Raises OSError."""
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
    raise FileExistsError(17, "there are 999 of them already", stem)


def _every(view: View, panel: Panel) -> Iterator[Any]:
    rows = present(view, panel)
    for offset in range(0, min(rows.total, MOST), STEP):
        yield from rows.page(offset, min(STEP, MOST - offset))


def _header(title: str) -> str:
    """Rates are exported as the counts they are made of."""
    return {"req/s": "requests", "bit/s": "bits", "packets/s": "packets"}.get(title, title)


def _safe(value: Any) -> Any:
    """Text of the wire as no formula of a spreadsheet, and without what could move a cursor."""
    if not isinstance(value, str):
        return value
    text = fmt.sanitize(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text

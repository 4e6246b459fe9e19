"""A document as HTML: one file that loads nothing, with a policy that admits its own style and scripts alone.

The only module that knows Jinja2. Every value is escaped where it is written into a template; what is not escaped is
marked here: the style and the scripts of this package, and the JSON of `escape.packed`.
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from netmon import format as fmt
from netmon._core import __version__
from netmon.page import axes
from netmon.page.charts import charts, quality
from netmon.page.clock import Clock
from netmon.page.columns import shown
from netmon.page.escape import packed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netmon.page.data import Document


class Live(NamedTuple):
    """What a page that is kept up to date has beyond its document."""

    number: int
    """The number of the state that it shows; its stream sends newer ones."""
    parts: Mapping[str, str]
    """The parts that `parts` made of its document."""


FIRST_ROWS = 25
"""Rows of a table that are in the HTML; the script shows the others, which are in the document."""

TABLES = (
    ("hosts", "Hosts"),
    ("sections", "Sections"),
    ("clients", "Clients"),
    ("slowest", "Slowest requests"),
    ("servers", "Encrypted"),
)
"""The tables with a part of their own, in order, with the titles of these parts."""

_NUMBER = re.compile(r"(\d) (?=\d{3}(?!\d)|%|[kMGTP]?(?:bit|B)\b|(?:us|ms|s|min|h|d)\b)")

POINTS: Sequence[tuple[str, str, str]] = (
    ("requests", "Requests", "count"),
    ("responses", "Responses", "count"),
    ("status_2xx", "2xx", "count"),
    ("status_3xx", "3xx", "count"),
    ("status_4xx", "4xx", "count"),
    ("status_5xx", "5xx", "count"),
    ("p50", "p50", "latency"),
    ("p95", "p95", "latency"),
    ("p99", "p99", "latency"),
    ("http_bits", "HTTP bits", "count"),
    ("packets", "Packets", "count"),
    ("lost", "Lost", "count"),
    ("retransmitted", "Resent", "count"),
)
"""The columns of the table of time points: name, heading and kind."""


def page(document: Document, *, live: Live | None = None) -> str:
    """The whole page: a report, or one that is kept up to date."""
    style, early, script, stream = (_own(name) for name in ("page.css", "early.js", "page.js", "live.js"))
    clock = Clock(**document["clock"])
    environment = _environment()
    made = {name: Markup(part) for name, part in live.parts.items()} if live else _parts(environment, document)  # noqa: S704  made by `parts`
    return environment.get_template("page.html").render(
        document=document,
        offset=clock.moment_of(clock.start)[-6:],
        tables=TABLES,
        parts=made,
        version=__version__,
        policy=live_policy() if live else policy([style], [early, script]),
        style=Markup(style),  # noqa: S704  a file of this package
        early=Markup(early),  # noqa: S704  as above
        script=Markup(script),  # noqa: S704  as above
        live=live,
        stream=Markup(stream),  # noqa: S704  as above
        data=Markup(packed(document)),  # noqa: S704  `packed` escapes it
    )


def comparison(view: dict[str, Any]) -> str:
    """The page of a comparison of two runs, which needs no script; `view` is made by `netmon.compare.view`."""
    style, early = _own("page.css") + _own("diff.css"), _own("early.js")
    return (
        _environment()
        .get_template("diff.html")
        .render(
            view=view,
            version=__version__,
            policy=policy([style], [early]),
            style=Markup(style),  # noqa: S704  files of this package
            early=Markup(early),  # noqa: S704  as above
        )
    )


def parts(document: Document, *, is_live: bool = False) -> dict[str, str]:
    """The parts of a page that change with its document, as HTML by the name in ``data-part``. The script of a page
    replaces them when it is given a newer document, see `page.js`.
    """
    return {name: str(part) for name, part in _parts(_environment(), document, is_live=is_live).items()}


@cache
def live_policy() -> str:
    """The policy of a page that is kept up to date: it may also read from the server that it comes from."""
    style, *scripts = (_own(name) for name in ("page.css", "early.js", "page.js", "live.js"))
    return f"{policy([style], scripts)}; connect-src 'self'"


def _parts(environment: Environment, document: Document, *, is_live: bool = False) -> dict[str, Markup]:
    macros: Any = environment.get_template("parts.html").make_module()
    clock = Clock(**document["clock"])
    axis = _axis(document, clock)
    return {
        "answer": macros.answer(document["answer"]),
        "charts": macros.charts(charts(document), axis),
        "points": macros.points(_points(document, clock), axis),
        "alerts": macros.alerts(document, clock, is_live),
        "statuses": macros.shares(document),
        "quality": macros.charts(quality(document), axis),
        **{name: macros.table(name, table, clock) for name, table in document["tables"].items()},
    }


def policy(styles: Sequence[str], scripts: Sequence[str]) -> str:
    """The Content-Security-Policy: these texts alone, inline, and nothing from anywhere else."""
    return "; ".join((
        "default-src 'none'",
        f"script-src {' '.join(map(_hashed, scripts))}",
        f"style-src {' '.join(map(_hashed, styles))}",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ))  # fmt: skip


def _hashed(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _unbroken(text: str) -> str:
    """The text with no line break within a number or before its unit."""
    return _NUMBER.sub("\\1\N{NO-BREAK SPACE}", text)


@cache
def _own(name: str) -> str:
    return (files("netmon.page") / "templates" / name).read_text("utf-8")


@cache
def _environment() -> Environment:
    """The templates, compiled once: a page that is kept up to date is made once a second."""
    environment = Environment(
        loader=PackageLoader("netmon.page", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["shown_rows"] = lambda: FIRST_ROWS
    environment.filters |= {
        "count": fmt.count,
        "percent": fmt.percent,
        "duration": fmt.duration,
        "first_rows": lambda rows: rows[:FIRST_ROWS],
        "shown": lambda value, kind, clock: shown(kind, value, clock),
        "greatest": _greatest,
        "part_of": _part_of,
        "unbroken": _unbroken,
    }
    return environment


def _greatest(table: dict[str, Any]) -> list[float]:
    """The greatest value of each column that has bars, 0 for the others."""
    rows = table["rows"]
    return [max((row[at] or 0 for row in rows), default=0) if c["bar"] else 0 for at, c in enumerate(table["columns"])]


def _part_of(value: float | None, most: float) -> str:
    """A value in percent of the greatest one of its column, for the length of a bar."""
    return f"{100 * (value or 0) / most:.1f}" if most else "0"


def _axis(document: Document, clock: Clock) -> dict[str, Any]:
    points = document["points"]
    seconds = points["count"] * points["step"]
    return {
        "count": points["count"],
        "step": fmt.duration(points["step"]),
        "labels": list(axes.times(clock, points["start"], seconds)),
    }


def _points(document: Document, clock: Clock) -> dict[str, Any]:
    """The table of time points as text."""
    points = document["points"]
    places = [(points["names"].index(name), kind) for name, _, kind in POINTS]
    rows = [
        [clock.moment(points["start"] + row[0] * points["step"]), *(shown(kind, row[at], clock) for at, kind in places)]  # type: ignore[arg-type]
        for row in points["rows"]
    ]
    return {"headings": ["Time", *(heading for _, heading, _ in POINTS)], "rows": rows}

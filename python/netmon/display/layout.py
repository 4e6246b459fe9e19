"""Where everything is: a view and a size in, boxes out, and of them exactly that many lines. Never refuses to draw.

The rows are used up step by step, the most important part first (`parts.STEPS`): with one row less, the part of the
last step is shorter, or is gone, and no other. Rows that are left are divided by weight. With columns enough, parts
stand side by side (`parts.BANDS`), which gives each of them more rows, and takes none away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from netmon import format as fmt
from netmon import losses
from netmon.display import canvas, header, parts
from netmon.display.help import footer, help_page
from netmon.display.parts import AIR, ALERT, CAPTURE, FOOTER, MAIN, PARTS, RATES, TABS, TITLE, Band, Part
from netmon.display.view import PANELS, Page, Panel, View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from netmon.display.canvas import Line

WIDE = 76
"""Columns from which the capture line stands beside the rates, instead of below."""

MERGED = {CAPTURE}
"""Parts that are shown within another one where that is wide enough."""

GAP = 2
"""Columns between parts that stand side by side."""


class Box(NamedTuple):
    """A part of the screen where it is; `panel` says which rows the mouse finds there."""

    name: str
    top: int
    left: int
    width: int
    height: int
    draw: Callable[[View, int, int], list[Line]]
    panel: Panel | None = None
    has_tabs: bool = False
    """The mouse goes to another view there."""


def screen(view: View, width: int, height: int) -> list[Line]:
    """The whole screen."""
    lines: list[Line] = [[] for _ in range(height)]
    for box in sorted(boxes(view, width, height), key=lambda box: box.left):
        for row, line in enumerate(box.draw(view, box.width, box.height)[: box.height], box.top):
            lines[row] = [*canvas.fit(lines[row], box.left), *line] if box.left else line
    return [canvas.fit(line, width) for line in lines]


def boxes(view: View, width: int, height: int) -> list[Box]:
    """The parts of a screen of this size, from top to bottom."""
    if view.helps:
        return [Box("help", 0, 0, width, height, help_page)]
    rows = rows_of_parts(view, width, height)
    top = [band for band in parts.TOP if band[0][0] in rows]
    body = _bands(view.page, rows, width)
    bottom = [band for band in parts.BOTTOM if band[0][0] in rows]
    bands = [*top, *body, *bottom]
    blank = _blank(bands, body, rows.get(AIR, 0))
    heights = _heights(view, bands, rows, height - len(blank))
    found: list[Box] = []
    at = 0
    for number, (band, tall) in enumerate(zip(bands, heights, strict=True)):
        at = height - tall if number >= len(bands) - len(bottom) else at + (number in blank)
        found += _beside(view, band, rows, (at, width, tall))
        at += tall
    return found


def rows_of_parts(view: View, width: int, height: int) -> dict[str, int]:
    """How many rows each part has that is there, before what is left is divided, as if none stood beside another.

    A part that is too wide keeps its rows from parts of less importance, so that a wider screen shows all that a
    narrower one does.
    """
    rows: dict[str, int] = {}
    left = height
    for name, wanted in _steps(view, width):
        more = min(wanted, PARTS[name].most(view)) - rows.get(name, 0)
        if more > left and name not in rows and name != AIR:
            break
        if more > 0:
            rows[name] = rows.get(name, 0) + min(more, left)
            left -= min(more, left)
    return {name: n for name, n in rows.items() if n and width >= PARTS[name].columns}


def _steps(view: View, width: int) -> Iterator[tuple[str, int]]:
    """The steps of a view, with the names of parts."""
    main = main_part(view)
    says = view.is_typing or view.is_ordering or bool(view.notice)
    first = (parts.TYPING if says else ()) + (parts.INSIDE if view.trail else ()) + parts.FIRST
    for name, rows in first + parts.STEPS[view.page]:
        if name != CAPTURE or width < WIDE:
            yield (main if name == MAIN else name), rows


def main_part(view: View) -> str:
    """The part that goes last of all tables."""
    of_focus = view.focus.value if view.focus else parts.TIMELINE
    return parts.MAIN_PARTS.get(view.page, of_focus)


def _bands(page: Page, rows: Mapping[str, int], width: int) -> list[Band]:
    """What stands side by side at this width, of the parts there are."""
    all_bands = next(bands for columns, bands in parts.BANDS[page] if width >= columns)
    found = (tuple(part for part in band if part[0] in rows) for band in all_bands)
    return [band for band in found if band]


def _blank(bands: list[Band], body: list[Band], n: int) -> set[int]:
    """The numbers of the bands that have a blank line above, `n` at the most."""
    names = [band[0][0] for band in bands]
    places = [names.index(name) for name in parts.BREATHING if name in names]
    places += [bands.index(band) for band in body[1:]]
    return set([place for place in places if place > 0][:n])


def _heights(view: View, bands: list[Band], rows: Mapping[str, int], height: int) -> list[int]:
    """The rows of each band. What is left goes row by row to the one with the least for its weight."""
    heights = [max(rows[name] for name, _ in band) for band in bands]
    weights = [max(PARTS[name].weight for name, _ in band) for band in bands]
    most = [max(PARTS[name].most(view) for name, _ in band) for band in bands]
    for _ in range(height - sum(heights)):
        growing = [at for at, weight in enumerate(weights) if weight and heights[at] < most[at]]
        if not growing:
            break
        heights[min(growing, key=lambda at: (heights[at] + 1) / weights[at])] += 1
    return heights


def _beside(view: View, band: Band, rows: Mapping[str, int], where: tuple[int, int, int]) -> Iterator[Box]:
    """The parts of a band side by side, in so many columns and rows from a row on."""
    top, columns, height = where
    room, shares, left = columns - GAP * (len(band) - 1), sum(share for _, share in band), 0
    for number, (name, share) in enumerate(band, 1):
        part = PARTS[name]
        width = room * share // shares if number < len(band) else columns - left
        draw = _rates(rows) if name == RATES else part.draw
        yield Box(name, top, left, width, min(height, part.most(view)), draw, _panel(view, part), name == TABS)
        left += width + GAP


def _panel(view: View, part: Part) -> Panel | None:
    """The table that keys and the mouse find there: none of another view."""
    return part.panel if part.panel in PANELS[view.page] else None


def _rates(rows: Mapping[str, int]) -> Callable[[View, int, int], list[Line]]:
    """The line of rates says what no other part does: without an alert bar whether there is one, and so on."""

    def draw(view: View, width: int, _height: int) -> list[Line]:
        if view.frame is None and TITLE not in rows:
            return [header.title_line(view, width) if width >= PARTS[TITLE].columns else status_line(view, width)]
        if FOOTER not in rows and (view.is_typing or view.is_ordering or view.notice):
            return [footer(view, width)]
        if ALERT not in rows:
            return [status_line(view, width)]
        said = [] if TITLE in rows else header.badge(view)
        said += [] if TABS in rows else header.filters(view)
        return [header.rates_line(view, width, said, has_capture=CAPTURE not in rows)]

    return draw


def status_line(view: View, width: int) -> Line:
    """All that fits in one line, the most important first."""
    frame = view.frame
    if frame is None:
        return canvas.fit([("class:dim", "netmon waits")], width)
    fired = any(gauge.alert for gauge in frame.gauges)
    word = ("class:alert", "ALERT") if fired else ("class:ok", "OK")
    paused = [("class:notice", "PAUSED"), ("", " ")] if view.is_paused else []
    worst = losses.worst(frame.shown)
    lost = [("class:bad", f" {worst}")] if worst else []
    brief = [("class:bad", f" {worst.lstrip('0123456789 ')}")] if worst else []
    rate = [("class:strong", f" {fmt.rate(frame.window.requests / (frame.seconds or 1))} req/s")]
    ways: tuple[Line, ...] = ([*paused, word, *lost, *rate], [*paused, word, *brief, *rate], [*paused, word, *lost])
    ways = (*ways, [*paused, word, *brief], [*paused, word])
    return canvas.fit(next((way for way in ways if canvas.width(way) <= width), ways[-1]), width)

"""Where each part of the screen is: `boxes` places the parts for a view and a size, `screen` draws them.

`screen` returns exactly as many lines as it is asked for, at any size. The parts get rows step by step, the most
important part first (`parts.STEPS`). With one row less, only the part of the last step gets shorter or disappears. The
rows that are left are divided by weight. On a wide screen, parts stand side by side (`parts.BANDS`); no part has fewer
rows because of that, and some have more.
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
"""Width of the screen from which the capture line is on the line of the rates, instead of below it."""

MERGED = {CAPTURE}
"""Parts that are shown inside another part if the screen is wide enough."""

GAP = 2
"""Blank columns between parts that stand side by side."""


class Box(NamedTuple):
    """A part of the screen with its position and size. `panel` is the table whose rows a click selects."""

    name: str
    top: int
    left: int
    width: int
    height: int
    draw: Callable[[View, int, int], list[Line]]
    panel: Panel | None = None
    has_tabs: bool = False
    """True if a click here goes to another view."""


def screen(view: View, width: int, height: int) -> list[Line]:
    """The lines of the whole screen: `height` lines of `width` columns."""
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
    """The rows of each part that is shown, before the remaining rows are divided, as if no parts stood side by side.

    A part that needs more columns than there are is not shown, but its rows are not given to less important parts. So
    a wider screen shows every part that a narrower one shows.
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
    """The steps of a view. `MAIN` is replaced by the name of a part; `CAPTURE` is left out if the rates include it."""
    main = main_part(view)
    says = view.is_typing or view.is_ordering or bool(view.notice)
    first = (parts.TYPING if says else ()) + (parts.INSIDE if view.trail else ()) + parts.FIRST
    for name, rows in first + parts.STEPS[view.page]:
        if name != CAPTURE or width < WIDE:
            yield (main if name == MAIN else name), rows


def main_part(view: View) -> str:
    """The main part of a view: the last table that disappears when rows run out."""
    of_focus = view.focus.value if view.focus else parts.TIMELINE
    return parts.MAIN_PARTS.get(view.page, of_focus)


def _bands(page: Page, rows: Mapping[str, int], width: int) -> list[Band]:
    """The bands of a page at this width, with only the parts that have rows."""
    all_bands = next(bands for columns, bands in parts.BANDS[page] if width >= columns)
    found = (tuple(part for part in band if part[0] in rows) for band in all_bands)
    return [band for band in found if band]


def _blank(bands: list[Band], body: list[Band], n: int) -> set[int]:
    """The numbers of the bands that get a blank line above them, at most `n`."""
    names = [band[0][0] for band in bands]
    places = [names.index(name) for name in parts.BREATHING if name in names]
    places += [bands.index(band) for band in body[1:]]
    return set([place for place in places if place > 0][:n])


def _heights(view: View, bands: list[Band], rows: Mapping[str, int], height: int) -> list[int]:
    """The rows of each band. Each remaining row goes to the band with the fewest rows in proportion to its weight."""
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
    """The boxes of a band, from left to right. `where` is the first row, the width and the height of the band."""
    top, columns, height = where
    room, shares, left = columns - GAP * (len(band) - 1), sum(share for _, share in band), 0
    for number, (name, share) in enumerate(band, 1):
        part = PARTS[name]
        width = room * share // shares if number < len(band) else columns - left
        draw = _rates(rows) if name == RATES else part.draw
        yield Box(name, top, left, width, min(height, part.most(view)), draw, _panel(view, part), name == TABS)
        left += width + GAP


def _panel(view: View, part: Part) -> Panel | None:
    """The table of a part that keys and the mouse act on. None if the table belongs to another view."""
    return part.panel if part.panel in PANELS[view.page] else None


def _rates(rows: Mapping[str, int]) -> Callable[[View, int, int], list[Line]]:
    """How the line of rates is drawn. It shows what missing parts would show, for example whether a rule alerts."""

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
    """Pause, alert, losses and rate in one line. With little room, the less important ones are left out."""
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

"""Which panels at which size: a view and a size in, exactly that many lines out. Never refuses to draw.

full     from 120x30   all panels, sections and alerts side by side
compact  from 80x24    all panels, one above the other
strip    from 40x10    rates, alert, capture line, hosts
status   below that    one line
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon.display import canvas, panels, tables
from netmon.display.keys import FOOTER, help_lines
from netmon.display.state import Panel, View

if TYPE_CHECKING:
    from netmon.display.canvas import Line

INTERFACES = 4
"""Interfaces in the traffic panel; the busiest of them."""


def screen(view: View, width: int, height: int) -> list[Line]:
    """The whole screen."""
    if view.helps and width >= 40 and height >= 10:
        lines = help_lines()
    elif width >= 120 and height >= 30:
        lines = _full(view, width, height)
    elif width >= 80 and height >= 24:
        lines = _compact(view, width, height)
    elif width >= 40 and height >= 10:
        lines = _strip(view, width, height)
    else:
        lines = [status_line(view, width)]
    blank: list[Line] = [[] for _ in range(height)]
    return [canvas.fit(line, width) for line in [*lines, *blank][:height]]


def _full(view: View, width: int, height: int) -> list[Line]:
    top = _top(view, width)
    left = width * 62 // 100
    room = height - len(top) - 4  # two blank lines, two of the footer
    if view.is_drilled:
        return [*top, [], *_filled(tables.host_page(view, width, room + 1), room + 1), [], footer(view, width)]
    upper = max(room * 55 // 100, 4)
    lower = room - upper
    pair = canvas.beside(tables.sections(view, left, lower), tables.alerts(view, width - left - 2, lower), left)
    return [
        *top,
        [],
        *_filled(tables.hosts(view, width, upper), upper),
        [],
        *_filled(pair, lower),
        [],
        footer(view, width),
    ]


def _compact(view: View, width: int, height: int) -> list[Line]:
    top = _top(view, width)
    room = height - len(top) - 2  # a blank line, the footer
    if view.is_drilled:
        return [*top, [], *_filled(tables.host_page(view, width, room), room), footer(view, width)]
    log = 4 if view.focus is Panel.ALERTS else 3
    upper = (room - log) * 55 // 100
    middle = room - log - upper
    return [
        *top,
        [],
        *_filled(tables.hosts(view, width, upper), upper),
        *_filled(tables.sections(view, width, middle), middle),
        *_filled(tables.alerts(view, width, log), log),
        footer(view, width),
    ]


def _top(view: View, width: int) -> list[Line]:
    known = len(view.frame.window.interfaces) if view.frame else 0
    traffic = panels.traffic(view, width, 1 + min(max(known, 1), INTERFACES))
    return [
        panels.title_line(view, width),
        panels.rates_line(view, width),
        panels.alert_bar(view, width),
        [],
        *traffic,
    ]


def _strip(view: View, width: int, height: int) -> list[Line]:
    frame = view.frame
    if frame is None:
        return [panels.title_line(view, width)]
    top: list[Line] = [
        [("", " "), *panels.badge(view), *panels.rates(frame, width - canvas.width(panels.badge(view)))],
        panels.alert_bar(view, width),
        [("", " "), *panels.capture_text(frame)],
    ]
    panel = tables.host_page if view.is_drilled else tables.hosts
    return [*top, *panel(view, width, height - len(top))]


def status_line(view: View, width: int) -> Line:
    """All that fits in one line, the most important first."""
    frame = view.frame
    if frame is None:
        return canvas.fit([("class:dim", "netmon waits")], width)
    fired = any(gauge.alert for gauge in frame.gauges)
    word = ("class:alert", "ALERT") if fired else ("class:ok", "OK")
    lost = [("class:bad", f" {fmt.count(frame.tally.lost)} lost")] if frame.tally.lost else []
    rate = ("class:strong", f" {fmt.rate(frame.window.hits / (frame.seconds or 1))} hits/s")
    paused = [("class:notice", "PAUSED"), ("", " ")] if view.is_paused else []
    return canvas.fit([*paused, word, *lost, rate], width)


def footer(view: View, width: int) -> Line:
    """The keys to begin with, as many as fit."""
    arrows = view.glyphs.arrows
    hints: list[Line] = [
        [("class:key", f" {arrows if key == 'arrows' else key} "), ("class:dim", f"{text}  ")] for key, text in FOOTER
    ]
    return canvas.whole(hints, width)


def _filled(lines: list[Line], height: int) -> list[Line]:
    """Exactly `height` lines, so that what comes below does not move."""
    return [*lines, *([[]] * height)][:height]

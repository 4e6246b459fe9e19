"""Where everything is: a view and a size in, boxes out, and of them exactly that many lines. Never refuses to draw.

full     from 120x30   header, traffic, and the panels of the page, some side by side
compact  from 80x24    the same, one above the other
strip    from 40x10    rates, alert, capture line, and the panel that has the focus
status   below that    one line, and what fits of that panel
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from netmon import format as fmt
from netmon import losses
from netmon.display import about, canvas, header, rows, tables
from netmon.display.help import footer, help_page
from netmon.display.timeline import timeline
from netmon.display.view import PANELS, Page, Panel, View

if TYPE_CHECKING:
    from collections.abc import Callable

    from netmon.display.canvas import Line

INTERFACES = 4
"""Interfaces in the traffic panel; the busiest of them."""


class Box(NamedTuple):
    """A part of the screen; `panel` says which rows the mouse finds there."""

    top: int
    left: int
    width: int
    height: int
    draw: Callable[[View, int, int], list[Line]]
    panel: Panel | None = None


def screen(view: View, width: int, height: int) -> list[Line]:
    """The whole screen."""
    lines: list[Line] = [[] for _ in range(height)]
    for box in sorted(boxes(view, width, height), key=lambda box: box.left):
        drawn = box.draw(view, box.width, box.height)[: box.height]
        for row, line in enumerate(drawn, box.top):
            if row < height:
                lines[row] = [*canvas.fit(lines[row], box.left), *line] if box.left else line
    return [canvas.fit(line, width) for line in lines]


def boxes(view: View, width: int, height: int) -> list[Box]:
    """The parts of a screen of this size."""
    if view.helps:
        return [Box(0, 0, width, height, help_page)]
    if width >= 80 and height >= 24:
        return _large(view, width, height)
    if width >= 40 and height >= 10:
        return _strip(view, width, height)
    return _smallest(view, width, height)


def _line(draw: Callable[[View, int], Line]) -> Callable[[View, int, int], list[Line]]:
    return lambda view, width, _height: [draw(view, width)]


def _table(panel: Panel) -> Callable[[View, int, int], list[Line]]:
    return lambda view, width, height: tables.table(view, panel, width, height)


def _large(view: View, width: int, height: int) -> list[Box]:
    """Full and compact."""
    known = len(header.busiest(view.frame)) if view.frame else 0
    rows_of_traffic = 1 + min(max(known, 1), INTERFACES)
    top = [
        Box(0, 0, width, 1, _line(header.title_line)),
        Box(1, 0, width, 1, _line(header.rates_line)),
        Box(2, 0, width, 1, _line(header.alert_bar)),
    ]
    at, is_full = 3, width >= 120 and height >= 30
    if view.page not in (Page.INTERFACES, Page.EXCHANGE):
        at += is_full
        top.append(Box(at, 0, width, rows_of_traffic, header.traffic))
        at += rows_of_traffic
    at += is_full
    top.append(Box(at, 0, width, 1, _line(header.tabs)))
    body = _body(view, width, height - at - 2 - is_full, full=is_full)
    below = [box._replace(top=box.top + at + 1) for box in body]
    return [*top, *below, Box(height - 1, 0, width, 1, _line(footer))]


def _body(view: View, width: int, height: int, *, full: bool) -> list[Box]:
    """The panels of the page, from row 0 on."""
    if view.page is Page.HOSTS:
        return _hosts(width, height, full=full)
    if view.page is Page.CONNECTIONS:
        return _connections(view, width, height, full=full)
    above, share = _ABOVE.get(view.page, (None, 0))
    top = 0
    boxes: list[Box] = []
    if above is not None:
        rows_above = min(share, height * 2 // 3)
        boxes.append(Box(0, 0, width, rows_above, above))
        top = rows_above + (view.page is not Page.EXCHANGE)
    panels = PANELS[view.page]
    if view.page is Page.REQUESTS:
        return [_box(0, height - 1, panels[0], width=width), Box(height - 1, 0, width, 1, about.kept)]
    if len(panels) > 1:
        upper = _upper(view, panels[0], height - top)
        boxes.append(_box(top, upper, panels[0], width=width))
        top += upper + (full or view.page is not Page.SECTIONS)
    return [*boxes, _box(top, height - top, panels[-1], width=width)]


def _upper(view: View, panel: Panel, height: int) -> int:
    """Lines of the first of two tables: what it needs, so long as the other one has its part."""
    most = height * 60 // 100 if view.page is Page.SECTIONS else height // 2
    return most if view.page is Page.SECTIONS else min(1 + max(1, rows.rows_of(view, panel).total), most)


_ABOVE = {
    Page.ALERTS: (about.rules, 1),
    Page.INTERFACE: (about.about_interface, 3),
    Page.HOST: (about.about_host, 4),
    Page.SECTION: (about.about_section, 3),
    Page.EXCHANGE: (timeline, 14),
}
"""What stands above the tables of a page, and in how many lines."""


def _box(top: int, height: int, panel: Panel, *, width: int) -> Box:
    return Box(top, 0, width, max(height, 0), _table(panel), panel)


def _hosts(width: int, height: int, *, full: bool) -> list[Box]:
    """Hosts above; below them sections and alerts, side by side where there is room."""
    box = partial(_box, width=width)
    if not full:
        log = 3
        upper = (height - log) * 55 // 100
        middle = height - log - upper
        return [
            box(0, upper, Panel.HOSTS),
            box(upper, middle, Panel.SECTIONS),
            box(height - log, log, Panel.ALERTS),
        ]
    upper = max((height - 1) * 58 // 100, 4)
    lower, left = height - 1 - upper, width * 66 // 100
    alerts = Box(upper + 1, left + 2, width - left - 2, lower, _table(Panel.ALERTS), Panel.ALERTS)
    return [box(0, upper, Panel.HOSTS), Box(upper + 1, 0, left, lower, _table(Panel.SECTIONS), Panel.SECTIONS), alerts]


def _connections(view: View, width: int, height: int, *, full: bool) -> list[Box]:
    """The list; below it how connections fare by interface and by host, side by side, or else in a line above it.

    With that line, Tab brings these tables in place of the list.
    """
    if not full:
        panel = view.focus or Panel.CONNECTIONS
        return [Box(0, 0, width, 1, about.health), _box(1, height - 1, panel, width=width)]
    lower = max(min(2 + rows.rows_of(view, Panel.HOST_QUALITY).total, height * 40 // 100), 4)
    upper, left = height - 1 - lower, (width - 2) // 2
    tables_below = [
        Box(upper + 1, 0, left, lower, _table(Panel.INTERFACE_QUALITY), Panel.INTERFACE_QUALITY),
        Box(upper + 1, left + 2, width - left - 2, lower, _table(Panel.HOST_QUALITY), Panel.HOST_QUALITY),
    ]
    return [_box(0, upper, Panel.CONNECTIONS, width=width), *tables_below]


def _strip(view: View, width: int, height: int) -> list[Box]:
    if view.frame is None:
        return [Box(0, 0, width, 1, _line(header.title_line))]
    has_last = view.is_typing or bool(view.notice)
    top = [
        Box(0, 0, width, 1, _line(_badge_and_rates)),
        Box(1, 0, width, 1, _line(header.alert_bar)),
        Box(2, 0, width, 1, _line(_capture)),
    ]
    if view.trail:
        top.append(Box(3, 0, width, 1, _line(header.tabs)))
    last = [Box(height - 1, 0, width, 1, _line(footer))] if has_last else []
    return [*top, _main(view, len(top), width, height - len(top) - has_last), *last]


def _main(view: View, top: int, width: int, height: int) -> Box:
    """The one panel that there is room for."""
    if view.page is Page.EXCHANGE or view.focus is None:
        return Box(top, 0, width, height, timeline)
    return Box(top, 0, width, height, _table(view.focus), view.focus)


def _badge_and_rates(view: View, width: int) -> Line:
    badge = [*header.badge(view), *([] if view.trail else header.filters(view))]
    room = width - canvas.width(badge) - 1
    return [("", " "), *badge, *(header.rates(view, view.frame, room) if view.frame else [])]


def _capture(view: View, width: int) -> Line:
    return [("", " "), *(header.capture_text(view.frame, width - 1) if view.frame else [])]


def _smallest(view: View, width: int, height: int) -> list[Box]:
    first = Box(0, 0, width, 1, _line(status_line))
    if view.frame is None or height < 3 or width < 16:
        return [first]
    return [first, _main(view, 1, width, height - 1)]


def status_line(view: View, width: int) -> Line:
    """All that fits in one line, the most important first."""
    frame = view.frame
    if view.is_typing or view.notice:
        return footer(view, width)
    if frame is None:
        return canvas.fit([("class:dim", "netmon waits")], width)
    fired = any(gauge.alert for gauge in frame.gauges)
    word = ("class:alert", "ALERT") if fired else ("class:ok", "OK")
    worst = losses.worst(frame.shown)
    lost = [("class:bad", f" {worst}")] if worst else []
    rate = ("class:strong", f" {fmt.rate(frame.window.hits / (frame.seconds or 1))} hits/s")
    paused = [("class:notice", "PAUSED"), ("", " ")] if view.is_paused else []
    return canvas.fit([*paused, word, *lost, rate], width)

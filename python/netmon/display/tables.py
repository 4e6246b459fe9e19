"""The tables, which scroll: hosts, sections, one host in full, the log of alerts.

Pure functions from a view and a size to at most so many lines of exactly that width; rows out of sight are never made.
Wire text is sanitized here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon.display import canvas, columns
from netmon.display.panels import no_http
from netmon.display.state import Panel, View, in_sight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netmon.alerts import Alert
    from netmon.display.canvas import Line
    from netmon.display.columns import Column, Row
    from netmon.display.style import Glyphs

ANSWERS = 20
"""Columns from which a table shows methods and statuses behind its figures."""


def hosts(view: View, width: int, height: int) -> list[Line]:
    """The table of hosts; without any, why there is none."""
    frame, marks = view.frame, view.glyphs
    chosen, room = columns.choose(width - 1, 20 if width >= 80 else 14)
    count = view.host_count
    title = _title(view, Panel.HOSTS, f"HOSTS {fmt.count(count)}" if count else "HOSTS", room)
    arrow = marks.up if view.is_reversed else marks.down
    lines = [_heading_line(columns.heading(title, chosen, view.sort, arrow), width)]
    if frame is None or not count:
        reasons = no_http(frame)
        if len(reasons) >= height:
            reasons = [line for line in reasons if line]
        return lines + [canvas.fit(line, width) for line in reasons][: height - 1]
    for number, row in view.hosts_in_sight(height - 1):
        selected = number == view.host_row
        line = [_name(row.name, selected, room, marks), *columns.cells(row, chosen, frame.seconds, marks)]
        line += _answers_behind(line, row, width)
        lines.append(_row(line, selected, view.focus is Panel.HOSTS, width))
    return lines


def sections(view: View, width: int, height: int) -> list[Line]:
    """The sections of the selected host, with methods and statuses."""
    host = view.selected_host
    title = "SECTIONS" if host is None else f"SECTIONS of {fmt.sanitize(host.name)}"
    chosen, room = columns.choose(min(width - 1, 38), 26)
    head = columns.heading(_title(view, Panel.SECTIONS, title, room), chosen, "hits", view.glyphs.down)
    lines = [_heading_line(head, width)]
    return lines + _section_rows(view, chosen, room, width, height - 1)


def host_page(view: View, width: int, height: int) -> list[Line]:
    """One host in full: who it is, what it answered, and all its sections with all their figures."""
    host = view.selected_host
    if host is None:
        return hosts(view, width, height)
    addresses = ", ".join(host.addresses)
    about: list[Line] = [
        [("class:strong", f"  {fmt.sanitize(host.name)}"), ("class:dim", f"   {addresses}")],
        answers(host, width),
    ]
    chosen, room = columns.choose(width - 1, 20 if width >= 80 else 14)
    arrow = view.glyphs.up if view.is_reversed else view.glyphs.down
    title = _title(view, Panel.SECTIONS, f"SECTIONS {fmt.count(host.section_count)}", room)
    head = columns.heading(title, chosen, view.sort, arrow)
    lines = [*(canvas.fit(line, width) for line in about), _heading_line(head, width)]
    return lines + _section_rows(view, chosen, room, width, height - len(lines))


def _section_rows(view: View, chosen: Sequence[Column], room: int, width: int, height: int) -> list[Line]:
    marks, seconds = view.glyphs, view.frame.seconds if view.frame else 1.0
    lines = []
    for number, row in view.sections_in_sight(height):
        selected = view.focus is Panel.SECTIONS and number == view.section_row
        line = [_name(row.path, selected, room, marks), *columns.cells(row, chosen, seconds, marks)]
        line += _answers_behind(line, row, width)
        lines.append(_row(line, selected, True, width))
    return lines


def answers(row: Row, width: int) -> Line:
    """Methods and statuses with their counts, server errors before other statuses; as many as fit."""
    colors = {2: "class:ok", 4: "class:warn", 5: "class:bad"}
    statuses = sorted(row.statuses.items(), key=lambda item: item[0] < 500)  # stable: by frequency otherwise
    words = [("", method, n) for method, n in list(row.methods.items())[:2]]
    words += [(colors.get(status // 100, ""), str(status), n) for status, n in statuses]
    items: list[Line] = [[(style, f"  {word}"), ("class:dim", f" ({fmt.count(n)})")] for style, word, n in words]
    return canvas.whole(items, width)


def alerts(view: View, width: int, height: int) -> list[Line]:
    """The log of alerts, the newest first."""
    title = _title(view, Panel.ALERTS, f"ALERTS {len(view.alerts)}" if view.alerts else "ALERTS", width)
    lines = [canvas.fit(title, width, "class:heading")]
    if not view.alerts:
        lines.append(canvas.fit([("class:dim", "   none so far")], width))
    focused = view.focus is Panel.ALERTS
    first, count = in_sight(view.alert_row, len(view.alerts), height - 1)
    for number, alert in enumerate(view.newest_alerts[first : first + count], first):
        lines.append(_row([("", "   "), *alert_text(alert)], focused and number == view.alert_row, True, width))
    return lines[:height]


def alert_text(alert: Alert) -> Line:
    rule, at = alert.rule, fmt.clock(alert.at)
    if alert.state == "fired":
        said = f"  {fmt.count(alert.value)} {rule.metric} in {fmt.duration(rule.span)}"
        return [("class:dim", f"{at}  "), ("class:bad", "ALERT    "), ("", said)]
    return [("class:dim", f"{at}  "), ("class:ok", "RECOVERED"), ("", f"  after {fmt.duration(alert.duration)}")]


def _heading_line(head: Line, width: int) -> Line:
    if width - canvas.width(head) > ANSWERS:
        head = [*head, ("class:heading", "   methods and statuses")]
    return canvas.fit(head, width, "class:heading")


def _answers_behind(line: Line, row: Row, width: int) -> Line:
    room = width - canvas.width(line)
    return [("", " "), *answers(row, room - 1)] if room > ANSWERS else []


def _title(view: View, panel: Panel, text: str, room: int) -> Line:
    style = "class:heading.focus" if view.focus is panel else "class:heading.title"
    title = fmt.fit(f" {text} ", min(room + 1, fmt.width(text) + 2), dots=view.glyphs.dots)
    return canvas.fit([(style, title)], room + 1, "class:heading")


def _name(name: str, selected: bool, room: int, marks: Glyphs) -> tuple[str, str]:
    mark = marks.mark if selected else " "
    return ("", f" {mark} " + fmt.fit(fmt.sanitize(name), room - 2, dots=marks.dots))


def _row(line: Line, selected: bool, focused: bool, width: int) -> Line:
    if selected and focused:
        return canvas.restyle(canvas.fit(line, width), "class:cursor")
    return canvas.fit(line, width)

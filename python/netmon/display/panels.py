"""The panels: pure functions from a view and a size to lines. No clock, no terminal; wire text is sanitized here.

A panel gives at most the rows it was offered and exactly the columns; the rows of long tables that are out of sight
are never made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from netmon import format as fmt
from netmon.display import canvas, columns
from netmon.display.state import Panel, View
from netmon.display.style import ASCII, UNICODE, Glyphs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from netmon._core import Interface, Snapshot
    from netmon.alerts import Alert, Gauge
    from netmon.display.canvas import Line
    from netmon.display.columns import Column, Row
    from netmon.frames import Frame

RED_LOSS = 0.001
"""Share of lost packets above which the capture line turns red."""

INTERFACES = 6
"""Interfaces named in the title line; the busiest of them."""

ANSWERS = 20
"""Columns from which a table shows methods and statuses behind its figures."""

T = TypeVar("T")


def glyphs(view: View) -> Glyphs:
    return ASCII if view.plain_glyphs else UNICODE


def title_line(view: View, width: int) -> Line:
    """Who, where, how long, when; with little room, the last of these."""
    frame, marks = view.frame, glyphs(view)
    left: Line = [("class:brand", " netmon  "), *badge(view)]
    if frame is None:
        return canvas.fit([*left, ("class:dim", "waiting for the first interval")], width)
    for number, interface in enumerate(_busiest(frame.window)[:INTERFACES]):
        state = "class:ok" if interface.state == "up" else "class:warn"
        left += [
            ("class:dim", marks.between if number else ""),
            ("", fmt.sanitize(interface.name)),
            (state, f" {interface.state}"),
        ]
    whole = frame.window_length == float("inf")
    times = [
        "whole file" if whole else f"last {fmt.duration(frame.seconds)}",
        f"running {fmt.duration(frame.tally.seconds)}",
        f"{fmt.time(frame.tally.end)} ",
    ]
    while times and fmt.width(marks.between.join(times)) > width - canvas.width(left) - 2:
        del times[0]
    return canvas.spread(left, [("class:dim", marks.between.join(times))], width)


def badge(view: View) -> Line:
    """The word for a screen that does not move."""
    if view.is_paused:
        return [("class:notice", " PAUSED "), ("", "  ")]
    return [("class:notice", " END "), ("", "  ")] if view.ended else []


def rates_line(view: View, width: int) -> Line:
    """The rates of the window on the left, the capture line on the right."""
    frame = view.frame
    if frame is None:
        return canvas.fit([], width)
    right = [*capture_text(frame), ("", " ")]
    left = [("", " "), *rates(frame)]
    room = width - canvas.width(left) - canvas.width(right) - 2
    if room >= 10:
        trend = canvas.series(frame.history, lambda snapshot: snapshot.hits, min(room, 30))
        left += [("class:spark", canvas.sparkline(trend, glyphs(view)))]
    return (
        canvas.spread(left, right, width)
        if canvas.width(left) + canvas.width(right) < width
        else canvas.fit(left, width)
    )


def rates(frame: Frame, width: int = 60) -> Line:
    """Hits, bits and packets per second, as many of them as fit."""
    seconds, window = frame.seconds or 1.0, frame.window
    packets = sum(interface.packets for interface in window.interfaces)
    bits = 8 * sum(interface.bytes for interface in window.interfaces)
    number, unit = fmt.scaled(bits / seconds, "bit/s").rsplit(" ", 1)
    figures = ((fmt.rate(window.hits / seconds), "hits/s"), (number, unit), (fmt.rate(packets / seconds), "packets/s"))
    return canvas.whole([[("class:strong", f"{n} "), ("class:dim", f"{words}   ")] for n, words in figures], width)


def capture_text(frame: Frame) -> Line:
    """What was captured and what was lost since the start, in plain words."""
    tally = frame.tally
    share = tally.lost / (tally.packets + tally.lost) if tally.lost else 0.0
    style = "class:bad" if share > RED_LOSS else "class:warn" if tally.lost else "class:dim"
    return [(style, fmt.losses(tally.packets, tally.lost))]


def alert_bar(view: View, width: int) -> Line:
    """The first rule that alerts, else the first rule: word, gauge, number."""
    frame = view.frame
    if frame is None or not frame.gauges:
        return canvas.fit([], width)
    shown = next((gauge for gauge in frame.gauges if gauge.alert), frame.gauges[0])
    rule, bad = shown.rule, shown.alert is not None
    word = ("class:alert", " ALERT ") if bad else ("class:ok", " OK    ")
    number: Line = [
        ("class:bad" if bad else "class:strong", f"  {fmt.count(shown.value)}"),
        ("class:dim", f" / {fmt.count(rule.threshold)}"),
    ]
    if width >= 80:
        number.append(("class:dim", f" {rule.metric} in {fmt.duration(rule.span)}{_lasting(shown, frame)} "))
    room = min(60, width - 10 - canvas.width(number))
    style = "class:bad" if bad else "class:ok"
    bar = canvas.gauge(shown.value / rule.threshold, max(0, room), style, glyphs(view))
    return canvas.fit([("", " "), word, ("", " "), *bar, *number], width)


def _lasting(gauge: Gauge, frame: Frame) -> str:
    return f", for {fmt.duration(frame.snapshot.end - gauge.alert.at)}" if gauge.alert else ""


def traffic(view: View, width: int, height: int) -> list[Line]:
    """One row per interface: state, rates, the share of HTTP, the last minute."""
    frame, marks = view.frame, glyphs(view)
    heads: Line = [("class:heading.title", " TRAFFIC"), ("class:heading", " " * 13)]
    heads.append(("class:heading", "        bit/s  packets/s    HTTP   last 60 s"))
    lines = [canvas.fit(heads, width, "class:heading")]
    shown = _busiest(frame.window) if frame else []
    for interface in shown[: max(0, height - 1)]:
        lines.append(canvas.fit(_interface_row(frame, interface, width, marks), width) if frame else [])
    hidden = len(shown) - (height - 1)
    if hidden > 0 and len(lines) > 1:
        lines[-1] = canvas.fit([("class:dim", f"   and {fmt.plural(hidden + 1, 'more interface')}")], width)
    return lines


def _interface_row(frame: Frame, interface: Interface, width: int, marks: Glyphs) -> Line:
    seconds = frame.seconds or 1.0
    state = "class:ok" if interface.state == "up" else "class:warn"
    share = fmt.percent(interface.http_bytes / interface.bytes) if interface.bytes else marks.none
    trend = canvas.series(frame.history, _bytes_of(interface.name), max(0, min(60, width - 58)))
    return [
        ("", f"   {fmt.fit(fmt.sanitize(interface.name), 13, dots=marks.dots)} "),
        (state, f"{interface.state:<4}"),
        ("class:strong", f"{fmt.scaled(interface.bytes * 8 / seconds, 'bit/s'):>13}"),
        ("", f"{fmt.rate(interface.packets / seconds):>11}"),
        ("class:dim", f"{share:>8}   "),
        ("class:spark", canvas.sparkline(trend, marks)),
    ]


def _bytes_of(name: str) -> Callable[[Snapshot], float]:
    return lambda snapshot: sum(each.bytes for each in snapshot.interfaces if each.name == name)


def _busiest(window: Snapshot) -> Sequence[Interface]:
    return sorted(window.interfaces, key=lambda interface: (-interface.bytes, interface.name))


def hosts(view: View, width: int, height: int) -> list[Line]:
    """The table of hosts; without any, why there is none."""
    frame, marks = view.frame, glyphs(view)
    chosen, room = columns.choose(width - 1, 20 if width >= 80 else 14)
    rows = view.hosts
    title = _title(view, Panel.HOSTS, f"HOSTS {fmt.count(len(rows))}" if rows else "HOSTS", room)
    arrow = marks.up if view.is_reversed else marks.down
    lines = [_heading_line(columns.heading(title, chosen, view.sort, arrow), width)]
    if frame is None or not rows:
        reasons = no_http(frame)
        if len(reasons) >= height:
            reasons = [line for line in reasons if line]
        return lines + [canvas.fit(line, width) for line in reasons][: height - 1]
    selected = view.selected_host
    names = [row.name for row in rows]
    at = names.index(selected.name) if selected else 0
    for row in visible(rows, at, height - 1):
        line = [_name(row.name, row is selected, room, marks), *columns.cells(row, chosen, frame.seconds, marks)]
        line += _answers_behind(line, row, width)
        lines.append(_row(line, row is selected, view.focus is Panel.HOSTS, width))
    return lines


def no_http(frame: Frame | None) -> list[Line]:
    """Why the table of hosts is empty, and what to type."""
    if frame is None:
        return [[], [("", "   Waiting for the first interval to end.")]]
    window = frame.window
    seen = f"   {fmt.losses(frame.tally.packets, frame.tally.lost)} since the start."
    protocols = {name: n for name, n in window.capture.protocols.items() if n}
    lines: list[Line] = [[], [("class:strong", "   No HTTP seen in this window.")], [("", seen)]]
    if window.capture.received == 0:
        lines.append([("", "   No packet passed the filter; is this the right interface?")])
    elif protocols:
        listed = ", ".join(f"{n} {name}" for name, n in protocols.items())
        lines.append([("", f"   Connections by protocol: {listed}.")])
    if protocols.get("tls"):
        lines.append([("", "   Encrypted connections (tls) are counted; what they say cannot be read.")])
    return [*lines, [], [("class:dim", "   For something to look at: "), ("class:key", "netmon --demo")]]


def sections(view: View, width: int, height: int) -> list[Line]:
    """The sections of the selected host, with methods and statuses."""
    host = view.selected_host
    title = "SECTIONS" if host is None else f"SECTIONS of {fmt.sanitize(host.name)}"
    chosen, room = columns.choose(min(width - 1, 38), 26)
    head = columns.heading(_title(view, Panel.SECTIONS, title, room), chosen, "hits", glyphs(view).down)
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
    arrow = glyphs(view).up if view.is_reversed else glyphs(view).down
    title = _title(view, Panel.SECTIONS, f"SECTIONS {fmt.count(len(host.sections))}", room)
    head = columns.heading(title, chosen, view.sort, arrow)
    lines = [*(canvas.fit(line, width) for line in about), _heading_line(head, width)]
    return lines + _section_rows(view, chosen, room, width, height - len(lines))


def _section_rows(view: View, chosen: Sequence[Column], room: int, width: int, height: int) -> list[Line]:
    marks, seconds = glyphs(view), view.frame.seconds if view.frame else 1.0
    rows = view.sections
    paths = [row.path for row in rows]
    at = paths.index(view.section) if view.section in paths else 0
    lines = []
    for row in visible(rows, at, height):
        selected = view.focus is Panel.SECTIONS and row.path == paths[at]
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
    rows = list(enumerate(view.newest_alerts))
    for number, alert in visible(rows, view.alert_row, height - 1):
        lines.append(_row([("", "   "), *alert_text(alert)], focused and number == view.alert_row, True, width))
    return lines[:height]


def alert_text(alert: Alert) -> Line:
    rule, at = alert.rule, fmt.clock(alert.at)
    if alert.state == "fired":
        said = f"  {fmt.count(alert.value)} {rule.metric} in {fmt.duration(rule.span)}"
        return [("class:dim", f"{at}  "), ("class:bad", "ALERT    "), ("", said)]
    return [("class:dim", f"{at}  "), ("class:ok", "RECOVERED"), ("", f"  after {fmt.duration(alert.duration)}")]


def visible(rows: Sequence[T], selected: int, height: int) -> Sequence[T]:
    """The rows in sight: as few screens down as shows the selected one."""
    height = max(height, 0)
    first = max(0, min(selected - height // 2, len(rows) - height))
    return rows[first : first + height]


def _heading_line(head: Line, width: int) -> Line:
    if width - canvas.width(head) > ANSWERS:
        head = [*head, ("class:heading", "   methods and statuses")]
    return canvas.fit(head, width, "class:heading")


def _answers_behind(line: Line, row: Row, width: int) -> Line:
    room = width - canvas.width(line)
    return [("", " "), *answers(row, room - 1)] if room > ANSWERS else []


def _title(view: View, panel: Panel, text: str, room: int) -> Line:
    style = "class:heading.focus" if view.focus is panel else "class:heading.title"
    title = fmt.fit(f" {text} ", min(room + 1, fmt.width(text) + 2), dots=glyphs(view).dots)
    return canvas.fit([(style, title)], room + 1, "class:heading")


def _name(name: str, selected: bool, room: int, marks: Glyphs) -> tuple[str, str]:
    mark = marks.mark if selected else " "
    return ("", f" {mark} " + fmt.fit(fmt.sanitize(name), room - 2, dots=marks.dots))


def _row(line: Line, selected: bool, focused: bool, width: int) -> Line:
    if selected and focused:
        return canvas.restyle(canvas.fit(line, width), "class:selected")
    return canvas.fit(line, width)

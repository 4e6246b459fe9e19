"""Tables, which scroll: one way of drawing for all of them, and the log of alerts.

Pure functions from a view and a size to at most so many lines of exactly that width; rows out of sight are never made.
Wire text is made safe here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netmon import format as fmt
from netmon.display import canvas, columns
from netmon.display.absent import nothing
from netmon.display.rows import client_of, host_of, in_sight, row_number, rows_of, scope_of
from netmon.display.specs import SPECS, Behind, Spec
from netmon.display.view import PANELS, VIEWS, Page, Panel, Sort, View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netmon.alerts import Alert
    from netmon.display.canvas import Line
    from netmon.display.columns import Column
    from netmon.display.ranked import Rows

BEHIND = 20
"""Columns from which there is something behind the figures."""

FIRST, BOTH = 24, 44
"""Columns of the first of two things behind the figures, and from how many on there are two."""

STAMP = 14
"""Columns of a time of day before a name, and the width from which it is shown."""
STAMP_FROM = 64

TIME = "time"
"""The column of the time of day, which is no figure."""


NONE = -1
"""The selected row of a table that keys do not reach: it shows the first ones."""

LONG = 80
"""Columns at the most of a name that is two names, or a path: they are longer than others."""
BESIDE_LONG = 32
"""Columns that it leaves to what is behind the figures."""


class _Plan:
    """How the width of a table is divided: mark and name, figures, trends, what is behind."""

    def __init__(self, view: View, panel: Panel, width: int) -> None:
        self.view, self.panel, self.spec, self.width = view, panel, SPECS[panel], width
        spec, sort = self.spec, view.sort_of(panel).title
        shares_page = spec.narrow and view.page is Page.HOSTS
        self.stamped = spec.stamp is not None and width >= STAMP_FROM
        trend = 0 if not spec.trends or width < 100 else 8 if width < 140 else 20
        self.figures: Sequence[Column]
        room = min(width - 1, spec.narrow) if shares_page else width - 1
        least = _least(spec, width, shares_page=bool(shares_page))
        least += STAMP * self.stamped
        self.figures, self.name = columns.choose(spec.columns, room - (trend + 1 if trend else 0), least, sort)
        if spec.stamp or spec.room:
            taken = sum(column.width + 1 for column in self.figures)
            self.name = max(self.name, min(width - 1 - taken - BESIDE_LONG, LONG))
        if panel is Panel.INTERFACES:  # few of them, so their past gets all the room there is
            self.name = min(self.name, 24)
            left = width - 1 - self.name - sum(column.width + 1 for column in self.figures)
            trend = min(60, (left - 2) // 2 - 2) if left >= 2 * BEHIND else min(left - 3, 60) if left >= 10 else 0
            self.trends = 2 if left >= 2 * BEHIND else 1 if trend > 0 else 0
        else:
            self.trends = len(spec.trends) if trend else 0
        self.trend = trend


LEAST = ((70, 26, 26), (50, 20, 20), (30, 22, 12), (1, 10, 10))
"""Columns that a name has before figures of little importance are shown, by the width from which: of what is two names
or has a time of day before it, of others."""


def _least(spec: Spec, width: int, *, shares_page: bool) -> int:
    of_long, of_others = next(row[1:] for row in LEAST if width >= row[0] or row is LEAST[-1])
    if width >= 50:
        if shares_page:
            return LEAST[0][2]
        of_others = max(of_others, spec.room)
    return of_long if spec.stamp or (spec.room and width < 50) else of_others


def table(view: View, panel: Panel, width: int, height: int) -> list[Line]:
    """The table; without a row, why there is none."""
    if height <= 0:
        return []
    if panel is Panel.ALERTS:
        return alerts(view, width, height)
    plan, rows = _Plan(view, panel, width), rows_of(view, panel)
    lines = [_heading(plan, rows)]
    if not rows.total:
        return lines + [canvas.fit(line, width) for line in nothing(view, panel, width, height - 1)]
    selected = row_number(view, panel, rows) if panel in PANELS[view.page] else NONE
    first, count = in_sight(selected, rows.total, height - 1)
    for number, row in enumerate(rows.page(first, count), first):
        is_quiet = rows.quiet is not None and rows.key(row) == rows.quiet
        line = _row(plan, row, number == selected, is_quiet)
        look = "" if number != selected else "class:cursor.quiet" if is_quiet else "class:cursor"
        lines.append(_marked(line, look if view.focus is panel else "class:dim" if is_quiet else "", width))
    if not rows.counted:
        lines += [canvas.fit(line, width) for line in nothing(view, panel, width, height - len(lines))]
    return lines


def row_at(view: View, panel: Panel, height: int, line: int) -> int | None:
    """The number of the row that is drawn on a line of a table; None for none."""
    rows = rows_of(view, panel)
    first, count = in_sight(row_number(view, panel, rows), rows.total, height - 1)
    if not 1 <= line <= count or first + line - 1 >= rows.total:
        return None
    return first + line - 1


def titles(view: View, panel: Panel, width: int) -> list[str]:
    """The columns that are drawn, from left to right, and with the times of day the order in which rows came."""
    spec = SPECS[panel]
    if not spec.columns:
        return []
    return [*(column.title for column in _Plan(view, panel, width).figures), *([TIME] if spec.stamp else [])]


def title_at(view: View, panel: Panel, width: int, x: int) -> str | None:
    """The column whose heading is drawn there."""
    if not SPECS[panel].columns:
        return None
    plan = _Plan(view, panel, width)
    at = plan.name + 1
    for column in plan.figures:
        if at <= x < at + column.width + 1:
            return column.title
        at += column.width + 1
    return None


def _heading(plan: _Plan, rows: Rows) -> Line:
    view, panel, spec, width = plan.view, plan.panel, plan.spec, plan.width
    sort = view.sort_of(panel)
    style = "class:heading.focus" if view.focus is panel else "class:heading.title"
    room = plan.name + 1
    is_seen = sort.title in [column.title for column in plan.figures]
    said = title(view, panel, rows, room - 2, "" if is_seen else _sorted_by(sort))
    line = canvas.fit([(style, fmt.fit(f" {said} ", min(room, fmt.width(said) + 2), dots=""))], room, "class:heading")
    line += columns.heading(plan.figures, sort.title, view.glyphs.up if sort.is_reversed else view.glyphs.down)
    for label in spec.trend_titles[: plan.trends]:
        shown = label if plan.trend > 10 else label[: plan.trend]
        line.append(("class:heading", fmt.fit(f"  {shown}", plan.trend + (2 if plan.trends > 1 else 1))))
    for behind, columns_of_it in _behind(spec, width - canvas.width(line)):
        line.append(("class:heading", fmt.fit(f"   {behind.title}", columns_of_it)))
    return canvas.fit(line, width, "class:heading")


def _sorted_by(sort: Sort) -> str:
    """The order, where no heading tells it."""
    return f" by {sort.title}" + (", reversed" if sort.is_reversed else "")


def title(view: View, panel: Panel, rows: Rows, room: int = 200, order: str = "") -> str:
    """What a table shows, how much of it, and since when; with little room, less of that."""
    what, name, count = _subject(view, panel, rows)
    since = _since(view, panel)
    for about in (f"{count}{since}{order}", f"{count}{since}", since, f"{count}{order}", count, ""):
        left = room - fmt.width(what) - fmt.width(about)
        if name and left >= min(fmt.width(name), SHORTEST_NAME) + len(" of "):
            return f"{what} of {fmt.shorten(name, left - len(' of '), view.glyphs.dots)}{about}"
        if left >= 0 and not name:
            return f"{what}{about}"
    return fmt.fit(what, min(room, fmt.width(what)), dots=view.glyphs.dots)


SHORTEST_NAME = 12
"""Columns of a name in a heading that the rest of the heading leaves."""


def _subject(view: View, panel: Panel, rows: Rows) -> tuple[str, str, str]:
    """What the rows are, of which host or section, and how many."""
    what, count = SPECS[panel].title, _counted(view, panel, rows)
    if panel not in PANELS[view.page]:
        of = " of all hosts" if panel is Panel.ALL_SECTIONS else ""
        return f"{what}{of}", "", f"{count}, see {_view_of(panel)}"
    if view.page is Page.HOSTS and panel is Panel.SECTIONS:
        host = host_of(view)
        return what, "" if host is None else fmt.sanitize(host.name), ""
    if view.page is Page.CLIENTS and panel is Panel.OF_CLIENT:
        client = client_of(view)
        return what, "" if client is None else client.address, ""
    if view.page is Page.SECTIONS and panel is Panel.SLOWEST:
        scope = scope_of(view)
        return what, fmt.sanitize(f"{scope.host}{scope.section or ''}") if scope.host else "", ""
    return f"{what} seen on it" if panel is Panel.INTERFACE_HOSTS else what, "", count


def _counted(view: View, panel: Panel, rows: Rows) -> str:
    """How many rows there are, and of how many a filter leaves them."""
    if panel is Panel.CONNECTIONS:
        return f" {_connections(view, rows)}"
    all_rows = _all_rows(view, panel)
    if all_rows is not None and view.filter:
        return f" {fmt.count(rows.counted)} of {fmt.count(all_rows)}"
    return f" {fmt.count(rows.counted)}" if rows.counted else ""


def _connections(view: View, rows: Rows) -> str:
    """How many of the open ones are listed, and how many that have ended."""
    states = [row.state for row in rows.page(0, rows.total)]
    listed, ended = states.count("open"), sum(state not in ("open", "opening") for state in states)
    there = max(view.frame.snapshot.capture.open_connections if view.frame else 0, listed)
    of = f" of {fmt.count(there)}" if there > listed else ""
    return f"{fmt.count(listed)}{of} open, {fmt.count(ended)} ended"


def _view_of(panel: Panel) -> int:
    """The number of the view that a table is in."""
    return next(number for number, page in enumerate(VIEWS, 1) if panel in PANELS[page])


def _all_rows(view: View, panel: Panel) -> int | None:
    """How many rows there are without a filter, of tables that a filter of hosts holds for."""
    if view.frame is None:
        return None
    if panel is Panel.ALL_SECTIONS:
        return view.frame.window.section_count
    if panel is Panel.CLIENTS:
        return view.frame.window.client_count
    return view.frame.window.host_count if panel in (Panel.HOSTS, Panel.HOST_QUALITY) else None


def _since(view: View, panel: Panel) -> str:
    """From when on exchanges are listed."""
    if (
        panel not in (Panel.REQUESTS, Panel.SLOWEST, Panel.OF_CLIENT)
        or view.frame is None
        or not view.frame.tail.exchanges
    ):
        return ""
    oldest, now = view.frame.tail.exchanges[-1].ts, view.frame.tally.end
    return f" since {fmt.clock(oldest) if now - oldest < DAY else fmt.time(oldest)[:19]}"


DAY = 86_400.0


def _behind(spec: Spec, room: int) -> list[tuple[Behind, int]]:
    """What stands behind the figures, each with its columns."""
    if not spec.behind or room <= BEHIND:
        return []
    *others, last = spec.behind if room >= BOTH else spec.behind[-1:]
    return [*((other, FIRST) for other in others), (last, room - FIRST * len(others))]


def _row(plan: _Plan, row: Any, selected: bool, is_quiet: bool = False) -> Line:
    view, spec, width = plan.view, plan.spec, plan.width
    marks, frame = view.glyphs, view.frame
    is_quiet = is_quiet and not spec.keeps
    name, room = fmt.sanitize(spec.name(row)), plan.name - 2
    line: Line = [("", f" {marks.mark if selected else ' '} ")]
    if plan.stamped and spec.stamp:
        line.append(("class:dim", fmt.time(spec.stamp(row), digits=3)[11:23] + "  "))
        room -= STAMP
    if spec.lead:
        lead = spec.lead(row)
        line.append(("", lead))
        room -= fmt.width(lead)
    state = row.state if plan.panel in (Panel.INTERFACES, Panel.INTERFACE_QUALITY) else ""
    if state:
        state = "off" if row.name in view.off else state
        name = fmt.fit(fmt.shorten(name, max(room - 5, 1), marks.dots), max(room - 5, 1))
        shown = fmt.fit(f" {state}", 5)
        line += [("", name), ("class:ok" if state == "up" else "class:warn", shown if room > 5 else "")]
    else:
        line.append(("", fmt.shorten(name, max(room, 0), marks.dots)))
    line = canvas.fit(line, plan.name + 1)
    line += columns.cells(row, plan.figures, frame, marks, is_quiet=is_quiet)
    for number, trend in enumerate(spec.trends[: plan.trends]):
        values = canvas.series(frame.history if frame else (), trend(row), plan.trend)
        style = "class:spark.second" if number else "class:spark"
        line += [("", "  " if plan.trends > 1 else " "), (style, canvas.sparkline(values, marks))]
    for behind, room_of_it in [] if is_quiet else _behind(spec, width - canvas.width(line)):
        items = canvas.joined(behind.items(row), room_of_it - 3, marks.between)
        line += canvas.fit([("", "   "), *items], room_of_it)
    return line


def _marked(line: Line, look: str, width: int) -> Line:
    """A row that stands out, or is fainter than others, all in one style."""
    line = canvas.fit(line, width)
    return canvas.restyle(line, look) if look else line


def alerts(view: View, width: int, height: int) -> list[Line]:
    """The log of alerts, the newest first."""
    said = alerts_title(view, width - 2)
    style = "class:heading.focus" if view.focus is Panel.ALERTS else "class:heading.title"
    lines = [canvas.fit([(style, f" {said} ")], width, "class:heading")]
    if not view.told:
        lines.append(canvas.fit([("class:dim", "   none so far")], width))
        return lines[:height]
    rows = rows_of(view, Panel.ALERTS)
    if not rows.total:
        return [*lines, *(canvas.fit(line, width) for line in nothing(view, Panel.ALERTS, width, height - 1))][:height]
    at = row_number(view, Panel.ALERTS, rows)
    first, count = in_sight(at, rows.total, height - 1)
    for number, alert in enumerate(rows.page(first, count), first):
        is_here = number == at and view.focus is Panel.ALERTS
        mark = view.glyphs.mark if is_here else " "
        line = [("", f" {mark} "), *alert_text(alert, alert.at <= view.acknowledged, width - 3)]
        lines.append(_marked(line, "class:cursor" if is_here else "", width))
    return lines[:height]


def alerts_title(view: View, room: int) -> str:
    """How many alerts and recoveries there were, and how many wait for somebody."""
    tally = view.newest.tally if view.newest else None
    if tally is None or not tally.fired:
        return "ALERTS"
    waiting = sum(alert.state == "fired" and alert.at > view.acknowledged for alert in view.told)
    is_filtered = view.filter and view.page is Page.ALERTS
    head = f"ALERTS {rows_of(view, Panel.ALERTS).counted} of {len(view.told)}: " if is_filtered else "ALERTS  "
    counts = f"{fmt.count(tally.fired)} fired, {fmt.count(tally.recovered)} recovered"
    seen = f", {fmt.count(waiting)} not acknowledged" if waiting else ""
    ways = (head + counts + seen, head + counts, f"ALERTS {counts}", f"ALERTS {fmt.short(tally.fired)} fired", "ALERTS")
    return next((way for way in ways if len(way) <= room), ways[-1])


def alert_text(alert: Alert, acknowledged: bool, room: int) -> Line:
    """When, what, how much; what does not fit whole is left out."""
    rule, at = alert.rule, fmt.clock(alert.at)
    if alert.state == "recovered":
        items: list[Line] = [
            [("class:ok", "RECOVERED")],
            [("", f"  after {fmt.duration(alert.duration)}")],
            *_repeated(alert),
        ]
    else:
        items = [
            [("class:warn" if acknowledged else "class:bad", "ALERT    ")],
            [("", f"  {fmt.count(alert.value)} {rule.metric}")],
            [("", f" in {fmt.duration(rule.span)}")],
            *_repeated(alert),
            [("class:dim", "  acknowledged" if acknowledged else "  a acknowledges")],
        ]
    when: Line = [("class:dim", f"{at}  ")]
    if room < len("00:00:00  RECOVERED"):
        return canvas.whole(items, room)
    return canvas.whole([when, *items], room)


def _repeated(alert: Alert) -> list[Line]:
    return [[("class:warn", f"  {fmt.times(alert.times)}")]] if alert.times > 1 else []

"""Tables, which scroll: one way of drawing for all of them, and the log of alerts.

Pure functions from a view and a size to at most so many lines of exactly that width; rows out of sight are never made.
Wire text is made safe here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netmon import format as fmt
from netmon.display import canvas, columns
from netmon.display.absent import nothing
from netmon.display.rows import Rows, host_of, in_sight, row_number, rows_of, scope_of
from netmon.display.specs import SPECS
from netmon.display.view import Page, Panel, View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netmon.alerts import Alert
    from netmon.display.canvas import Line
    from netmon.display.columns import Column

BEHIND = 20
"""Columns from which there is something behind the figures."""

STAMP = 14
"""Columns of a time of day before a name, and the width from which it is shown."""
STAMP_FROM = 64

PATH = 80
"""Columns of a request at the most: a path is longer than other names."""
BESIDE_PATH = 44
"""Columns that it leaves to the client behind the figures."""


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
        least = (
            10 if width < 30 else 22 if width < 50 and spec.stamp else 12 if width < 50 else 26 if shares_page else 20
        )
        least += STAMP * self.stamped
        self.figures, self.name = columns.choose(spec.columns, room - (trend + 1 if trend else 0), least, sort)
        if spec.stamp:
            taken = sum(column.width + 1 for column in self.figures)
            self.name = max(self.name, min(width - 1 - taken - BESIDE_PATH, PATH))
        if panel is Panel.INTERFACES:  # few of them, so their past gets all the room there is
            self.name = min(self.name, 24)
            left = width - 1 - self.name - sum(column.width + 1 for column in self.figures)
            trend = min(60, (left - 2) // 2 - 2) if left >= 2 * BEHIND else min(left - 3, 60) if left >= 10 else 0
            self.trends = 2 if left >= 2 * BEHIND else 1 if trend > 0 else 0
        else:
            self.trends = len(spec.trends) if trend else 0
        self.trend = trend


def table(view: View, panel: Panel, width: int, height: int) -> list[Line]:
    """The table; without a row, why there is none."""
    if height <= 0:
        return []
    if panel is Panel.ALERTS:
        return alerts(view, width, height)
    plan, rows = _Plan(view, panel, width), rows_of(view, panel)
    lines = [_heading(plan, rows)]
    if not rows.total:
        return lines + [canvas.fit(line, width) for line in nothing(view, panel, height - 1)]
    selected = row_number(view, panel, rows)
    first, count = in_sight(selected, rows.total, height - 1)
    for number, row in enumerate(rows.page(first, count), first):
        line = _row(plan, row, number == selected)
        lines.append(_marked(view, panel, line, number == selected, width))
    return lines


def row_at(view: View, panel: Panel, height: int, line: int) -> Any:
    """What selects the row that is drawn on a line of a table; None for none."""
    rows = rows_of(view, panel)
    first, count = in_sight(row_number(view, panel, rows), rows.total, height - 1)
    if not 1 <= line <= count or first + line - 1 >= rows.total:
        return None
    return rows.key(rows.row(first + line - 1))


def _heading(plan: _Plan, rows: Rows) -> Line:
    view, panel, spec, width = plan.view, plan.panel, plan.spec, plan.width
    sort = view.sort_of(panel)
    said = title(view, panel, rows)
    if sort.title not in [column.title for column in plan.figures]:
        said += f" by {sort.title}" + (", reversed" if sort.is_reversed else "")
    style = "class:heading.focus" if view.focus is panel else "class:heading.title"
    room = plan.name + 1
    name = fmt.fit(f" {said} ", min(room, fmt.width(said) + 2), dots=view.glyphs.dots)
    line = canvas.fit([(style, name)], room, "class:heading")
    line += columns.heading(plan.figures, sort.title, view.glyphs.up if sort.is_reversed else view.glyphs.down)
    for label in spec.trend_titles[: plan.trends]:
        shown = label if plan.trend > 10 else label[: plan.trend]
        line.append(("class:heading", fmt.fit(f"  {shown}", plan.trend + (2 if plan.trends > 1 else 1))))
    if spec.behind and width - canvas.width(line) > BEHIND:
        line.append(("class:heading", f"   {spec.behind_title}"))
    return canvas.fit(line, width, "class:heading")


def title(view: View, panel: Panel, rows: Rows) -> str:
    """What a table shows, and how much of it."""
    spec, frame = SPECS[panel], view.frame
    count = fmt.count(rows.total)
    if panel in (Panel.HOSTS, Panel.HOST_QUALITY) and frame and view.filter:
        return f"HOSTS {count} of {fmt.count(frame.window.host_count)}"
    if panel is Panel.ALL_SECTIONS and frame and view.filter:
        return f"SECTIONS {count} of {fmt.count(frame.window.section_count)}"
    if panel is Panel.SECTIONS and view.page is Page.HOSTS:
        host = host_of(view)
        return "SECTIONS" if host is None else f"SECTIONS of {fmt.sanitize(host.name)}"
    if panel is Panel.INTERFACE_HOSTS:
        return f"HOSTS seen on it {count}" if rows.total else "HOSTS seen on it"
    if panel is Panel.SLOWEST:
        scope = scope_of(view)
        about = f" of {fmt.sanitize(scope.host)}{fmt.sanitize(scope.section or '')}" if scope.host else ""
        return f"REQUESTS{about}" if view.page is Page.SECTIONS else f"REQUESTS {count}"
    return f"{spec.title} {count}" if rows.total else spec.title


def _row(plan: _Plan, row: Any, selected: bool) -> Line:
    view, spec, width = plan.view, plan.spec, plan.width
    marks, frame = view.glyphs, view.frame
    name, room = fmt.sanitize(spec.name(row)), plan.name - 2
    line: Line = [("", f" {marks.mark if selected else ' '} ")]
    if plan.stamped and spec.stamp:
        line.append(("class:dim", fmt.time(spec.stamp(row), digits=3)[11:23] + "  "))
        room -= STAMP
    state = getattr(row, "state", "")
    if state:
        state = "off" if row.name in view.off else state
        name = fmt.fit(name, max(room - 5, 1), dots=marks.dots)
        shown = fmt.fit(f" {state}", 5)
        line += [("", name), ("class:ok" if state == "up" else "class:warn", shown if room > 5 else "")]
    else:
        line.append(("", fmt.fit(name, room, dots=marks.dots)))
    line = canvas.fit(line, plan.name + 1)
    line += columns.cells(row, plan.figures, frame, marks)
    for number, trend in enumerate(spec.trends[: plan.trends]):
        values = canvas.series(frame.history if frame else (), trend(row), plan.trend)
        style = "class:spark.second" if number else "class:spark"
        line += [("", "  " if plan.trends > 1 else " "), (style, canvas.sparkline(values, marks))]
    room = width - canvas.width(line)
    if spec.behind and room > BEHIND:
        line += [("", " "), *canvas.whole(spec.behind(row), room - 1)]
    return line


def _marked(view: View, panel: Panel, line: Line, selected: bool, width: int) -> Line:
    """The selected row stands out where the keys go, and faintly elsewhere."""
    line = canvas.fit(line, width)
    if not selected:
        return line
    return canvas.restyle(line, "class:cursor") if view.focus is panel else line


def alerts(view: View, width: int, height: int) -> list[Line]:
    """The log of alerts, the newest first."""
    waiting = sum(alert.state == "fired" and alert.at > view.acknowledged for alert in view.told)
    said = f"ALERTS {len(view.told)}" if view.told else "ALERTS"
    said += f", {waiting} not acknowledged" if waiting and width >= 34 else ""
    style = "class:heading.focus" if view.focus is Panel.ALERTS else "class:heading.title"
    lines = [canvas.fit([(style, f" {said} ")], width, "class:heading")]
    if not view.told:
        lines.append(canvas.fit([("class:dim", "   none so far")], width))
        return lines[:height]
    rows = rows_of(view, Panel.ALERTS)
    at = row_number(view, Panel.ALERTS, rows)
    first, count = in_sight(at, rows.total, height - 1)
    for number, alert in enumerate(rows.page(first, count), first):
        is_here = number == at and view.focus is Panel.ALERTS
        mark = view.glyphs.mark if is_here else " "
        line = [("", f" {mark} "), *alert_text(alert, alert.at <= view.acknowledged, width - 3)]
        lines.append(_marked(view, Panel.ALERTS, line, is_here, width))
    return lines[:height]


def alert_text(alert: Alert, acknowledged: bool, room: int) -> Line:
    """When, what, how much; what does not fit whole is left out."""
    rule, at = alert.rule, fmt.clock(alert.at)
    if alert.state == "recovered":
        items: list[Line] = [
            [("class:ok", "RECOVERED"), ("", f"  after {fmt.duration(alert.duration)}")],
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
        return canvas.fit([fragment for item in items for fragment in item], room)
    return canvas.whole([when, *items], room)


def _repeated(alert: Alert) -> list[Line]:
    return [[("class:warn", f"  {fmt.times(alert.times)}")]] if alert.times > 1 else []

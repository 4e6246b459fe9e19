"""Draws the scrolling tables and the log of alerts.

Pure functions from a view and a size to at most that many lines of exactly that width. Only the visible rows are made.
Text from the wire is sanitized here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netmon import format as fmt
from netmon.alerts import written
from netmon.display import canvas, columns
from netmon.display.absent import nothing
from netmon.display.plan import STAMP, Plan, behind_figures, is_beside, plan_of
from netmon.display.rows import client_of, has_filter, host_of, in_sight, row_number, rows_of, scope_of
from netmon.display.severities import LOOKS
from netmon.display.specs import SPECS
from netmon.display.view import PANELS, VIEWS, Panel, Sort, View

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from netmon.alerts import Alert
    from netmon.display.canvas import Line
    from netmon.display.ranked import Rows

TIME = "time"
"""The title of the time of day, which stands before the name and is not a figure."""


NONE = -1
"""The selected row of a table that keys cannot focus. Such a table shows its first rows."""


def table(view: View, panel: Panel, width: int, height: int) -> list[Line]:
    """The table with its heading. If it has no rows, it explains why."""
    if height <= 0:
        return []
    plan, rows = plan_of(view, panel, width), rows_of(view, panel)
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
    """The number of the row that is drawn on a line of a table. None if there is no row."""
    rows = rows_of(view, panel)
    first, count = in_sight(row_number(view, panel, rows), rows.total, height - 1)
    if not 1 <= line <= count or first + line - 1 >= rows.total:
        return None
    return first + line - 1


def titles(view: View, panel: Panel, width: int) -> list[str]:
    """The titles of the columns that are drawn, from left to right, and `TIME` if the rows have a time."""
    spec = SPECS[panel]
    if not spec.columns:
        return []
    return [*(column.title for column in plan_of(view, panel, width).figures), *([TIME] if spec.stamp else [])]


def title_at(view: View, panel: Panel, width: int, x: int) -> str | None:
    """The title of the column whose heading is at column `x` of the table. None if there is none."""
    if not SPECS[panel].columns:
        return None
    plan = plan_of(view, panel, width)
    at = plan.name + 1
    for column in plan.figures:
        if at <= x < at + column.width + 1:
            return column.title
        at += column.width + 1
    return None


def _heading(plan: Plan, rows: Rows) -> Line:
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
    for behind, columns_of_it in behind_figures(spec, width - canvas.width(line)):
        line.append(("class:heading", fmt.fit(f"   {behind.title}", columns_of_it)))
    return canvas.fit(line, width, "class:heading")


def _sorted_by(sort: Sort) -> str:
    """The sort order in words, for a sort column that is not drawn."""
    return f" by {sort.title}" + (", reversed" if sort.is_reversed else "")


def title(view: View, panel: Panel, rows: Rows, room: int = 200, order: str = "") -> str:
    """The title of a table, with the number of rows, their oldest time and the sort order as far as there is room."""
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
"""Minimum number of columns of a name in a heading, before the rest of the heading is left out."""


def _subject(view: View, panel: Panel, rows: Rows) -> tuple[str, str, str]:
    """The title of a table, the name of its subject (a host, client or section), and the number of rows in words."""
    spec, count = SPECS[panel], _counted(view, panel, rows)
    if panel not in PANELS[view.page]:
        return spec.elsewhere or spec.title, "", f"{count}, see {_view_of(panel)}"
    if panel in _ABOUT and is_beside(view, panel):
        return spec.title, fmt.sanitize(_ABOUT[panel](view)), ""
    return spec.title, "", count


def _about_host(view: View) -> str:
    host = host_of(view)
    return host.name if host else ""


def _about_client(view: View) -> str:
    client = client_of(view)
    return client.address if client else ""


def _about_section(view: View) -> str:
    scope = scope_of(view)
    return f"{scope.host}{scope.section or ''}" if scope.host else ""


_ABOUT: Mapping[Panel, Callable[[View], str]] = {
    Panel.SECTIONS: _about_host,
    Panel.OF_CLIENT: _about_client,
    Panel.SLOWEST: _about_section,
}
"""The name of the subject of each table that is about the selected row of another table."""


def _counted(view: View, panel: Panel, rows: Rows) -> str:
    """The number of rows, and while a filter is set, also the number without the filter."""
    spec = SPECS[panel]
    if spec.counted is not None:
        return f" {spec.counted(view.frame, rows)}"
    if spec.total is not None and view.filter and view.frame is not None:
        return f" {fmt.count(rows.counted)} of {fmt.count(spec.total(view.frame.window))}"
    return f" {fmt.count(rows.counted)}" if rows.counted else ""


def _view_of(panel: Panel) -> int:
    """The number of the first view that has a table."""
    return next(number for number, page in enumerate(VIEWS, 1) if panel in PANELS[page])


def _since(view: View, panel: Panel) -> str:
    """The time of the oldest row in words, if the table does not follow the window. Else empty."""
    spec = SPECS[panel]
    oldest = spec.since(view.frame) if spec.since and view.frame else None
    if oldest is None or view.frame is None:
        return ""
    return f" since {fmt.clock(oldest) if view.frame.tally.end - oldest < DAY else fmt.time(oldest)[:19]}"


DAY = 86_400.0


def _row(plan: Plan, row: Any, selected: bool, is_quiet: bool = False) -> Line:
    view, spec, width = plan.view, plan.spec, plan.width
    marks, frame = view.glyphs, view.frame
    is_quiet = is_quiet and not spec.keeps
    name, room = fmt.sanitize(spec.name(row)), plan.name - 2
    line: Line = [("", f" {marks.mark if selected else ' '} ")]
    if plan.is_stamped and spec.stamp:
        line.append(("class:dim", fmt.time(spec.stamp(row), digits=3)[11:23] + "  "))
        room -= STAMP
    if spec.lead:
        lead = spec.lead(row)
        line.append(("", lead))
        room -= fmt.width(lead)
    if spec.state:
        state = "off" if row.name in view.off else spec.state(row)
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
    for behind, room_of_it in [] if is_quiet else behind_figures(spec, width - canvas.width(line)):
        items = canvas.joined(behind.items(row), room_of_it - 3, marks.between)
        line += canvas.fit([("", "   "), *items], room_of_it)
    return line


def _marked(line: Line, look: str, width: int) -> Line:
    """The row with one style for all of its text, if `look` is not empty."""
    line = canvas.fit(line, width)
    return canvas.restyle(line, look) if look else line


def alerts(view: View, width: int, height: int) -> list[Line]:
    """The log of alerts, the newest first."""
    return _log(view, Panel.ALERTS, width, height)


def _log(view: View, panel: Panel, width: int, height: int) -> list[Line]:
    said = alerts_title(view, width - 2)
    style = "class:heading.focus" if view.focus is panel else "class:heading.title"
    heading: Line = [(style, f" {said} ")]
    lines = [canvas.fit(heading, width, "class:heading")]
    if not view.told:
        lines.append(canvas.fit([("class:dim", "   none so far")], width))
        return lines[:height]
    rows = rows_of(view, panel)
    if not rows.total:
        return [*lines, *(canvas.fit(line, width) for line in nothing(view, panel, width, height - 1))][:height]
    at = row_number(view, panel, rows)
    first, count = in_sight(at, rows.total, height - 1)
    if first:
        lines = [
            canvas.spread(heading, [("class:notice", f" {fmt.count(first)} newer above ")], width, "class:heading")
        ]
    for number, alert in enumerate(rows.page(first, count), first):
        is_here = number == at and view.focus is panel
        mark = view.glyphs.mark if is_here else " "
        words = alert_text(alert, alert.at <= view.acknowledged, width - 3, view.glyphs.dots)
        lines.append(_marked([("", f" {mark} "), *words], "class:cursor" if is_here else "", width))
    return lines[:height]


def alerts_title(view: View, room: int) -> str:
    """The title of the log: the number of alerts, of recoveries, and of alerts that the user has not acknowledged."""
    tally = view.newest.tally if view.newest else None
    if tally is None or not tally.fired:
        return "ALERTS"
    waiting = sum(alert.state == "fired" and alert.at > view.acknowledged for alert in view.told)
    is_filtered = view.filter and has_filter(view, Panel.ALERTS)
    head = f"ALERTS {rows_of(view, Panel.ALERTS).counted} of {len(view.told)}: " if is_filtered else "ALERTS  "
    counts = f"{fmt.count(tally.fired)} fired, {fmt.count(tally.recovered)} recovered"
    seen = f", {fmt.count(waiting)} not acknowledged" if waiting else ""
    ways = (head + counts + seen, head + counts, f"ALERTS {counts}", f"ALERTS {fmt.short(tally.fired)} fired", "ALERTS")
    return next((way for way in ways if len(way) <= room), ways[-1])


SHORT_BELOW = 72
"""Columns below which an alert is told in the fewest words, so that the name of its rule has room."""


def alert_text(alert: Alert, acknowledged: bool, room: int, dots: str = "~") -> Line:
    """Time, severity and value of an alert. The name of the rule is shortened so that the value fits; what else does
    not fit is left out.
    """
    rule, look = alert.rule, LOOKS[alert.rule.severity]
    if alert.state == "recovered":
        word, name_style, colon = ("class:ok", "RECOVERED"), "", ""
        said, more = f"  after {fmt.duration(alert.duration)}", _repeated(alert)
    else:
        style = "class:warn" if acknowledged and look.style == "class:bad" else look.style
        word, name_style, colon = (style, f"{look.word:<9}"), "class:strong", ":"
        said = f"  {written.brief(alert, is_short=room < SHORT_BELOW)}"
        more = [[("", written.within(rule))], *_repeated(alert)]
    items: list[Line] = [[word], [("", said)], *more]
    when: list[Line] = [[("class:dim", f"{fmt.clock(alert.at)}  ")]] if room >= len("00:00:00  RECOVERED") else []
    about = fmt.sanitize(written.subject(alert))
    left = room - sum(map(canvas.width, [*when, *items[:2]])) - len("  :")
    # The rule that is always there is known by what it counts, if there is no room for its name.
    if about and (rule.name or alert.key or len(about) <= left):
        items.insert(1, [(name_style, f"  {fmt.shorten(about, max(SHORTEST_NAME, left), dots)}{colon}")])
    line, whole = canvas.whole([*when, *items], room), sum(map(canvas.width, [*when, *items]))
    hints = ("  acknowledged",) if acknowledged else ("  a acknowledges all", "  a acknowledges")
    hint = next((hint for hint in hints if whole + len(hint) <= room), "") if alert.state == "fired" else ""
    return [*line, ("class:dim", hint)] if hint else line


def _repeated(alert: Alert) -> list[Line]:
    return [[("class:warn", f"  {fmt.times(alert.times)}")]] if alert.times > 1 else []

"""The actions of the keys: move, enter and leave pages, sort, filter, search.

Pure. Each function takes a view and returns the new view.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netmon.display import rows
from netmon.display.specs import SPECS, letters, titles
from netmon.display.view import PANELS, VIEWS, Last, Page, Panel, Place, Sort, View

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from netmon.display.ranked import Rows

PAGE = 10
"""Rows that PgUp and PgDn move the selection by."""

FAR = 1_000_000_000
"""Rows that Home and End move the selection by: more than any table has."""

LONGEST = 100
"""Maximum number of characters of a filter. No name on the screen has more."""


def moved(view: View, by: int) -> View:
    """Moves the selection of the focused panel down by `by` rows, up if `by` is negative. It stops at either end."""
    if view.helps:
        return view._replace(help_row=max(0, view.help_row + by))
    view = held(view)
    panel = view.focus
    if panel is None:
        return view
    last = rows.last_of(view, panel, rows.row_number(view, panel) + by)
    return view if last is None else _on(view, panel, last)


def held(view: View) -> View:
    """Selects the row that is highlighted on the screen, if the user has not selected a row."""
    panel = view.focus
    if panel is None or panel not in view.seen or view.selected.get(panel) is not None:
        return view
    return _on(view, panel, view.seen[panel])


def selected(view: View, panel: Panel, last: Last) -> View:
    """Selects a row of a panel and gives the panel the focus."""
    return _on(view._replace(place=view.place._replace(focus=panel)), panel, last)


def _on(view: View, panel: Panel, last: Last) -> View:
    view = view.with_last(panel, last)
    if dependent := SPECS[panel].dependent:
        view = view.with_selected(dependent, None)
    if view.place.exchange is not None:
        view = view._replace(place=view.place._replace(exchange=last.row))
    return view


def focused(view: View, step: int) -> View:
    """Moves the focus to the next panel of the page, or with `step` -1 to the previous one."""
    panels = PANELS[view.page]
    if len(panels) < 2 or view.focus is None:
        return view
    panel = panels[(panels.index(view.focus) + step) % len(panels)]
    return view._replace(place=view.place._replace(focus=panel))


def to_view(view: View, number: int) -> View:
    """Goes to the view with this number."""
    return view.at(Place.of(VIEWS[number - 1]))


def entered(view: View) -> View:
    """Opens the page of the selected row: an interface, host, section, client, connection or exchange."""
    if view.helps or view.focus is None:
        return view
    view = held(view)
    panel = view.place.focus
    last = rows.last_of(view, panel) if panel else None
    place = _inside(view, panel, last.row) if panel and last else None
    if panel is None or last is None or place is None:
        return view
    inside = view.with_last(panel, last).into(place)
    if place.exchange is None:
        return inside.with_selected(Panel.SLOWEST, None)
    there = inside.with_selected(Panel.SLOWEST, place.exchange)
    here = rows.last_of(there, Panel.SLOWEST)
    return there if here is None or here.row != place.exchange else there.with_last(Panel.SLOWEST, here)


def _inside(view: View, panel: Panel, row: Any) -> Place | None:
    """The place that Enter on a row of a panel opens. None if there is none."""
    way = _WAYS.get(panel)
    return way(view, row) if way else None


def _interface(_view: View, row: Any) -> Place:
    return Place(Page.INTERFACE, Panel.INTERFACE_HOSTS, interface=row.name)


def _host(view: View, row: Any) -> Place:
    return Place(Page.HOST, Panel.SECTIONS, view.place.interface, row.name)


def _section(view: View, row: Any) -> Place:
    return Place(Page.SECTION, Panel.SLOWEST, view.place.interface, row.host, row.path)


def _client(_view: View, row: Any) -> Place:
    return Place(Page.CLIENT, Panel.OF_CLIENT, client=row.address)


def _exchange(view: View, row: Any) -> Place | None:
    is_there = view.place.exchange is not None
    return None if is_there else Place(Page.EXCHANGE, Panel.SLOWEST, row.interface, row.host, row.section, row)


def _connection(_view: View, row: Any) -> Place:
    return Place(Page.CONNECTION, Panel.OF_CONNECTION, connection=(row.first_seen, row.client, row.server))


_WAYS: Mapping[Panel, Callable[[View, Any], Place | None]] = {
    Panel.INTERFACES: _interface,
    Panel.INTERFACE_QUALITY: _interface,
    Panel.HOSTS: _host,
    Panel.INTERFACE_HOSTS: _host,
    Panel.HOST_QUALITY: _host,
    Panel.SECTIONS: _section,
    Panel.ALL_SECTIONS: _section,
    Panel.CLIENTS: _client,
    Panel.REQUESTS: _exchange,
    Panel.SLOWEST: _exchange,
    Panel.OF_CLIENT: _exchange,
    Panel.OF_CONNECTION: _exchange,
    Panel.CONNECTIONS: _connection,
}


def left(view: View) -> View:
    """Goes one step back. In this order, it closes the help, drops the filter of the page, leaves the page, drops the
    filter of all pages, and focuses the first panel.
    """
    if view.helps:
        return view._replace(helps=False)
    if view.place.inner:
        return view.with_typed("")
    if view.trail:
        return view._replace(place=view.trail[-1], trail=view.trail[:-1])
    if view.filter:
        return view.with_typed("")
    first = PANELS[view.page][0]
    return view._replace(place=view.place._replace(focus=first))


def columns(view: View, panel: Panel) -> tuple[str, ...]:
    """The titles of the columns that are on the screen, or of all columns if the panel was not drawn yet."""
    return view.columns.get(panel) or titles(panel)


def sorted_by(view: View, step: int) -> View:
    """Sorts the focused panel by the next or previous column."""
    panel = view.focus
    names = columns(view, panel) if panel else ()
    if panel is None or not names:
        return view
    now = view.sort_of(panel).title
    first = 0 if step > 0 else -1
    return view.with_sort(panel, Sort(names[(names.index(now) + step) % len(names) if now in names else first]))


def sorted_on(view: View, panel: Panel, title: str) -> View:
    """Sorts a panel by the column with this title. If it is sorted by that column already, reverses the order."""
    if title not in columns(view, panel):
        return view
    sort = view.sort_of(panel)
    return view.with_sort(panel, Sort(title, is_reversed=title == sort.title and not sort.is_reversed))


def ordering(view: View) -> View:
    """Makes the next key the letter of a column to sort by, if the focused panel has columns."""
    has_columns = view.focus is not None and bool(titles(view.focus))
    return view._replace(is_ordering=has_columns, helps=False)


def ordered(view: View, letter: str) -> View:
    """Sorts by the column that has the letter. Any other key leaves the order unchanged."""
    panel, view = view.focus, view._replace(is_ordering=False)
    title = letters(panel).get(letter) if panel else None
    return view if panel is None or title is None else sorted_on(view, panel, title)


def reversed_order(view: View) -> View:
    panel = view.focus
    if panel is None or not SPECS[panel].columns:
        return view
    sort = view.sort_of(panel)
    return view.with_sort(panel, sort._replace(is_reversed=not sort.is_reversed))


def with_interface_switched(view: View) -> View:
    """Switches the selected interface off or on. If the focused table has no interfaces, goes to the view of
    interfaces.
    """
    panel = view.focus
    if panel is None or SPECS[panel].state is None:
        return view.at(Place.of(Page.INTERFACES))
    view = held(view)
    last = rows.last_of(view, panel)
    if last is None:
        return view
    return view._replace(off=view.off ^ {last.key}).with_last(panel, last)


def typing(view: View) -> View:
    """Starts typing a filter, which is empty at first."""
    return view.with_typed("")._replace(is_typing=True, is_ordering=False, helps=False)


def with_text(view: View, text: str) -> View:
    """Appends typed or pasted text to the filter. The filter applies at once."""
    printable = "".join(char for char in text if char.isprintable())
    return view.with_typed((view.typed + printable)[:LONGEST])


def with_less(view: View) -> View:
    """Removes the last character of the filter. If the filter is empty, ends typing."""
    return view.with_typed(view.typed[:-1]) if view.typed else view._replace(is_typing=False)


def kept(view: View) -> View:
    """Ends typing and keeps the filter."""
    return view._replace(is_typing=False)


def dropped(view: View) -> View:
    """Ends typing and drops the filter. `n` and `N` can still search for the text."""
    return view.with_typed("")._replace(is_typing=False)


def found(view: View, step: int) -> View:
    """Selects the next or previous row that matches the last filter text. The search wraps around."""
    panel = view.focus
    if panel is None or not view.pattern:
        return view
    every, matching = rows.rows_of(view, panel), rows.present(view, panel, view.pattern)
    if not matching.total:
        return view
    here = rows.row_number(view, panel, every)
    behind = _first_after(every, matching, here)
    if step > 0:
        number = behind
    else:
        number = behind - 1
        if number >= 0 and every.position(matching.key(matching.row(number))) == here:
            number -= 1
    row = matching.row(number % matching.total)
    at = every.position(matching.key(row))
    last = None if at is None else rows.last_of(view, panel, at)
    return view if last is None else _on(view, panel, last)


def _first_after(every: Rows, matching: Rows, here: int) -> int:
    """The number, among the `matching` rows, of the first one after row `here` of `every`. Both have the same order."""
    low, high = 0, matching.total
    while low < high:
        middle = (low + high) // 2
        at = every.position(matching.key(matching.row(middle)))
        if at is not None and at <= here:
            low = middle + 1
        else:
            high = middle
    return low

"""What the keys do to a view: moving, going in and out, sorting, filtering, looking for. Pure: view in, view out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netmon.display import rows
from netmon.display.specs import SPECS, letters, titles
from netmon.display.view import PANELS, VIEWS, Last, Page, Panel, Place, Sort, View

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from netmon.display.ranked import Rows

PAGE = 10
"""Rows that PgUp and PgDn move."""

FAR = 1_000_000_000
"""More rows than there are: Home and End."""

LONGEST = 100
"""Characters of a filter: more than a name on the screen has."""


def moved(view: View, by: int) -> View:
    """The selection of the focused panel, so many rows further down; it stops at either end."""
    if view.helps:
        return view._replace(help_row=max(0, min(view.help_row + by, 100)))
    view = held(view)
    panel = view.focus
    if panel is None:
        return view
    last = rows.last_of(view, panel, rows.row_number(view, panel) + by)
    return view if last is None else _on(view, panel, last)


def held(view: View) -> View:
    """Without a row selected by hand, the one that stood out on the screen when a key was pressed is selected."""
    panel = view.focus
    if panel is None or panel not in view.seen or view.selected.get(panel) is not None:
        return view
    return _on(view, panel, view.seen[panel])


def selected(view: View, panel: Panel, last: Last) -> View:
    """The given row, of the given panel."""
    return _on(view._replace(place=view.place._replace(focus=panel)), panel, last)


def _on(view: View, panel: Panel, last: Last) -> View:
    view = view.with_last(panel, last)
    if dependent := SPECS[panel].dependent:
        view = view.with_selected(dependent, None)
    if view.place.exchange is not None:
        view = view._replace(place=view.place._replace(exchange=last.row))
    return view


def focused(view: View, step: int) -> View:
    """The next panel of the page."""
    panels = PANELS[view.page]
    if len(panels) < 2 or view.focus is None:
        return view
    panel = panels[(panels.index(view.focus) + step) % len(panels)]
    return view._replace(place=view.place._replace(focus=panel))


def to_view(view: View, number: int) -> View:
    """One of the views."""
    return view.at(Place.of(VIEWS[number - 1]))


def entered(view: View) -> View:
    """Into the selected row: interface, host, section, exchange."""
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
    """Where Enter on a row of a panel leads."""
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


def _connection(view: View, row: Any) -> Place | None:
    """What a TLS client names is no host that requests are counted for."""
    is_counted = view.frame is not None and view.frame.window.host(row.host) is not None
    return Place(Page.HOST, Panel.SECTIONS, row.interface, row.host) if is_counted else None


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
    Panel.CONNECTIONS: _connection,
}


def left(view: View) -> View:
    """One step up: out of the help, the filter within a host, the host itself, then the filter of all."""
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
    """The columns that are on the screen; all there are before it was drawn."""
    return view.columns.get(panel) or titles(panel)


def sorted_by(view: View, step: int) -> View:
    """The next or previous of the columns of the focused panel."""
    panel = view.focus
    names = columns(view, panel) if panel else ()
    if panel is None or not names:
        return view
    now = view.sort_of(panel).title
    first = 0 if step > 0 else -1
    return view.with_sort(panel, Sort(names[(names.index(now) + step) % len(names) if now in names else first]))


def sorted_on(view: View, panel: Panel, title: str) -> View:
    """By the column of this title; in the reverse order when it is by that already."""
    if title not in columns(view, panel):
        return view
    sort = view.sort_of(panel)
    return view.with_sort(panel, Sort(title, is_reversed=title == sort.title and not sort.is_reversed))


def ordering(view: View) -> View:
    """The next key is the letter of a column."""
    has_columns = view.focus is not None and bool(titles(view.focus))
    return view._replace(is_ordering=has_columns, helps=False)


def ordered(view: View, letter: str) -> View:
    """By the column of a letter; any other key leaves the order as it is."""
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
    """The selected interface off, or on again; from elsewhere, to the view of interfaces first."""
    panel = view.focus
    if panel is None or SPECS[panel].state is None:
        return view.at(Place.of(Page.INTERFACES))
    view = held(view)
    last = rows.last_of(view, panel)
    if last is None:
        return view
    return view._replace(off=view.off ^ {last.key}).with_last(panel, last)


def typing(view: View) -> View:
    """A filter is typed from now on, from nothing."""
    return view.with_typed("")._replace(is_typing=True, is_ordering=False, helps=False)


def with_text(view: View, text: str) -> View:
    """More of the filter, as typed or pasted; it works at once."""
    printable = "".join(char for char in text if char.isprintable())
    return view.with_typed((view.typed + printable)[:LONGEST])


def with_less(view: View) -> View:
    """One character less; from nothing, typing ends."""
    return view.with_typed(view.typed[:-1]) if view.typed else view._replace(is_typing=False)


def kept(view: View) -> View:
    """Typing ends, and the filter stays."""
    return view._replace(is_typing=False)


def dropped(view: View) -> View:
    """Typing ends, and all rows are shown again; what was typed can still be looked for."""
    return view.with_typed("")._replace(is_typing=False)


def found(view: View, step: int) -> View:
    """The next or previous row that matches what was typed last, and on from the other end."""
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
    """Which of the matching rows, which are in the same order, is the first behind row `here` of all."""
    low, high = 0, matching.total
    while low < high:
        middle = (low + high) // 2
        at = every.position(matching.key(matching.row(middle)))
        if at is not None and at <= here:
            low = middle + 1
        else:
            high = middle
    return low

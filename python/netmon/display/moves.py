"""What the keys do to a view: moving, going in and out, sorting, filtering, looking for. Pure: view in, view out."""

from __future__ import annotations

from typing import Any

from netmon.display import rows
from netmon.display.specs import SPECS, titles
from netmon.display.view import PANELS, VIEWS, Page, Panel, Place, Sort, View

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
    panel = view.focus
    if panel is None:
        return view
    there = rows.rows_of(view, panel)
    return _on(view, panel, there.row(rows.row_number(view, panel, there) + by))


def selected(view: View, panel: Panel, key: Any) -> View:
    """The row of this key, in this panel."""
    there = rows.rows_of(view, panel)
    at = there.position(key)
    view = view._replace(place=view.place._replace(focus=panel))
    return view if at is None else _on(view, panel, there.row(at))


def _on(view: View, panel: Panel, row: Any) -> View:
    if row is None:
        return view
    view = view.with_selected(panel, rows.rows_of(view, panel).key(row))
    if panel is Panel.HOSTS and view.page is Page.HOSTS:
        view = view.with_selected(Panel.SECTIONS, None)
    if view.page is Page.EXCHANGE:
        view = view._replace(place=view.place._replace(exchange=row))
    return view


def focused(view: View, step: int) -> View:
    """The next panel of the page."""
    panels = PANELS[view.page]
    if len(panels) < 2 or view.focus is None:
        return view
    panel = panels[(panels.index(view.focus) + step) % len(panels)]
    return view._replace(place=view.place._replace(focus=panel))


def to_view(view: View, number: int) -> View:
    """One of the six views."""
    return view.at(Place.of(VIEWS[number - 1]))


def entered(view: View) -> View:
    """Into the selected row: interface, host, section, exchange."""
    if view.helps or view.focus is None:
        return view
    row = rows.selected_row(view, view.focus)
    place = _inside(view, view.focus, row) if row is not None else None
    if place is None:
        return view
    selected_here = rows.rows_of(view, view.focus).key(row)
    inside = view.with_selected(view.focus, selected_here).into(place)
    return inside.with_selected(Panel.SLOWEST, place.exchange)


def _inside(view: View, panel: Panel, row: Any) -> Place | None:
    """Where Enter on a row of a panel leads."""
    here = view.place
    if panel in (Panel.INTERFACES, Panel.INTERFACE_QUALITY):
        return Place(Page.INTERFACE, Panel.INTERFACE_HOSTS, interface=row.name)
    if panel is Panel.CONNECTIONS:
        # What a TLS client names is no host that requests are counted for.
        is_counted = view.frame is not None and view.frame.window.host(row.host) is not None
        return Place(Page.HOST, Panel.SECTIONS, row.interface, row.host) if is_counted else None
    if panel in (Panel.HOSTS, Panel.INTERFACE_HOSTS, Panel.HOST_QUALITY):
        return Place(Page.HOST, Panel.SECTIONS, here.interface, row.name)
    if panel in (Panel.SECTIONS, Panel.ALL_SECTIONS):
        return Place(Page.SECTION, Panel.SLOWEST, here.interface, row.host, row.path)
    if panel in (Panel.REQUESTS, Panel.SLOWEST) and view.page is not Page.EXCHANGE:
        return Place(Page.EXCHANGE, Panel.SLOWEST, row.interface, row.host, row.section, row)
    return None


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


def sorted_by(view: View, step: int) -> View:
    """The next or previous column of the focused panel."""
    panel = view.focus
    if panel is None or not titles(panel):
        return view
    names, now = titles(panel), view.sort_of(panel).title
    return view.with_sort(panel, Sort(names[(names.index(now) + step) % len(names)]))


def reversed_order(view: View) -> View:
    panel = view.focus
    if panel is None or not SPECS[panel].columns:
        return view
    sort = view.sort_of(panel)
    return view.with_sort(panel, sort._replace(is_reversed=not sort.is_reversed))


def with_interface_switched(view: View) -> View:
    """The selected interface off, or on again; from elsewhere, to the view of interfaces first."""
    panel = view.focus
    if panel not in (Panel.INTERFACES, Panel.INTERFACE_QUALITY):
        return view.at(Place.of(Page.INTERFACES))
    row = rows.selected_row(view, panel)
    if row is None:
        return view
    return view._replace(off=view.off ^ {row.name}).with_selected(panel, row.name)


def typing(view: View) -> View:
    """A filter is typed from now on, from nothing."""
    return view.with_typed("")._replace(is_typing=True, helps=False)


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
    every, matching = rows.rows_of(view, panel), rows.rows_of(view, panel, view.pattern)
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
    return _on(view, panel, matching.row(number % matching.total))


def _first_after(every: rows.Rows, matching: rows.Rows, here: int) -> int:
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

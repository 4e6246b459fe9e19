"""The interface to prompt_toolkit: the screen as one control, the key bindings and the mouse.

The control draws the lines of `layout.screen` for the current view. Keys and clicks are passed to `Display`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout.controls import UIContent, UIControl
from prompt_toolkit.mouse_events import MouseEventType

from netmon import format as fmt
from netmon.display import header, moves, tables
from netmon.display.help import first_row
from netmon.display.keys import HELPING, KEYS, ORDERING, TYPING, Key
from netmon.display.layout import boxes, screen
from netmon.display.rows import last_of, row_number
from netmon.display.view import PANELS

if TYPE_CHECKING:
    from prompt_toolkit.key_binding import KeyPressEvent
    from prompt_toolkit.mouse_events import MouseEvent

    from netmon.display.app import Display
    from netmon.display.canvas import Line
    from netmon.display.layout import Box
    from netmon.display.view import View

WHEEL = 3
"""Rows that one notch of the mouse wheel moves the selection by."""


class Screen(UIControl):
    """The whole screen as one control. prompt_toolkit asks it for lines and passes mouse events to it."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._size = (0, 0)
        self._drawn = display.view

    @property
    def shown(self) -> View:
        """The current view, with the columns and the row that the user sees. A key refers to what was drawn last, not
        to a frame that is not drawn yet.
        """
        try:
            return seen(self._display.view, self._drawn, self._size)
        except Exception as error:  # keys must work even if the screen cannot be drawn
            self._display.fail(error)
            return self._display.view

    def create_content(self, width: int, height: int) -> UIContent:
        self._size, self._drawn = (width, height), self._display.view
        try:
            lines = screen(self._drawn, width, height)
        except Exception as error:  # capture, outputs and keys continue
            self._display.fail(error)
            lines = undrawn(error, width, height)
        return UIContent(get_line=lambda row: list(lines[row]), line_count=len(lines), show_cursor=False)

    def is_focusable(self) -> bool:
        return True

    def mouse_handler(self, mouse_event: MouseEvent) -> None:
        kind, size, drawn = mouse_event.event_type, self._size, self._drawn
        if kind in (MouseEventType.SCROLL_UP, MouseEventType.SCROLL_DOWN):
            by = WHEEL if kind is MouseEventType.SCROLL_DOWN else -WHEEL
            self._display.press(lambda view: moves.moved(view, by))
        elif kind is MouseEventType.MOUSE_UP:
            where = mouse_event.position
            self._display.press(lambda view: clicked(view, size, where.x, where.y, drawn))


def undrawn(error: Exception, width: int, height: int) -> list[Line]:
    """The lines to show if drawing the screen failed: the error."""
    said = (
        "the screen cannot be drawn",
        repr(error),
        "the capture and the outputs go on; other views may work, q quits",
    )
    lines: list[Line] = [[("class:bad", fmt.sanitize(text)[:width])] for text in said]
    return [*lines, *([] for _ in range(height))][:height]


def seen(view: View, drawn: View, size: tuple[int, int]) -> View:
    """`view` with the columns and the highlighted row of `drawn`, the view that was drawn last. If `drawn` has another
    page, `view` is returned unchanged. The help is scrolled no further than its last line.
    """
    if not all(size) or drawn.place._replace(exchange=None, inner="") != view.place._replace(exchange=None, inner=""):
        return view
    if drawn.helps:
        return view._replace(help_row=first_row(view, *size))
    there = [box for box in boxes(drawn, *size) if box.panel is not None]
    columns = {box.panel: tuple(tables.titles(drawn, box.panel, box.width)) for box in there if box.panel}
    last = last_of(drawn, view.focus) if view.focus else None
    return view._replace(columns=columns, seen={view.focus: last} if view.focus and last else {})


def clicked(view: View, size: tuple[int, int], x: int, y: int, drawn: View | None = None) -> View:
    """The view after a click at a position of the screen that was drawn. A click on a row selects it, or opens it if it
    is selected already. A click on a heading sorts by the column. A click on a tab goes to its view.
    """
    drawn = drawn or view
    for box in boxes(drawn, *size):
        if not (box.left <= x < box.left + box.width and box.top <= y < box.top + box.height):
            continue
        if box.has_tabs:
            return _on_tab(view, header.tab_at(drawn, box.width, x - box.left))
        if box.panel is not None:
            return _on_table(view, drawn, box, x - box.left, y - box.top)
    return view


def _on_tab(view: View, number: int | None) -> View:
    if number is None:
        return view
    return moves.to_view(view, number) if number else moves.left(view)


def _on_table(view: View, drawn: View, box: Box, x: int, y: int) -> View:
    panel = box.panel
    if panel is None or panel not in PANELS[view.page]:
        return view
    if y == 0:
        focused = view._replace(place=view.place._replace(focus=panel))
        title = tables.title_at(drawn, panel, box.width, x)
        return focused if title is None else moves.sorted_on(focused, panel, title)
    number = tables.row_at(drawn, panel, box.height, y)
    last = None if number is None else last_of(drawn, panel, number)
    if last is None:
        return view
    was_here = drawn.focus is panel and number == row_number(drawn, panel)
    there = moves.selected(view, panel, last)
    return moves.entered(there) if was_here else there


def bindings(display: Display) -> KeyBindings:
    """The key bindings, made from the tables of keys. While a filter is typed, all other keys are text of the filter.
    After `o`, they are letters of columns.
    """
    made = KeyBindings()
    is_typing = Condition(lambda: display.view.is_typing)
    is_ordering = Condition(lambda: display.view.is_ordering and not display.view.is_typing)
    is_helping = Condition(lambda: display.view.helps) & ~is_typing & ~is_ordering
    tables_of_keys = (
        (KEYS, ~is_typing & ~is_ordering),
        (HELPING, is_helping),  # of several bindings of a key, the last is the one that counts
        (TYPING, is_typing),
        (ORDERING, is_ordering),
    )
    for keys, when in tables_of_keys:
        for key in keys:
            for name in key.names:
                made.add(name, eager=True, filter=when)(_handler(display, key))

    @made.add(Keys.Any, filter=is_typing)
    @made.add(Keys.BracketedPaste, filter=is_typing)
    def typed(event: KeyPressEvent) -> None:
        display.change(lambda view: moves.with_text(view, event.data))

    @made.add(Keys.Any, filter=is_ordering)
    def ordered(event: KeyPressEvent) -> None:
        display.press(lambda view: moves.ordered(view, event.data))

    return made


def _handler(display: Display, key: Key) -> Any:
    def handle(_event: KeyPressEvent) -> None:
        if isinstance(key.action, str):
            display.commands[key.action]()
        else:
            display.press(key.action)

    return handle

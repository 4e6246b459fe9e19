"""What prompt_toolkit draws and what it tells of: the screen as one control, the keys and the mouse.

Draws what `layout.screen` gives for the view of the moment, and hands every key and click to `Display.change`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout.controls import UIContent, UIControl
from prompt_toolkit.mouse_events import MouseEventType

from netmon import format as fmt
from netmon.display import moves, tables
from netmon.display.keys import KEYS, TYPING, Key
from netmon.display.layout import boxes, screen
from netmon.display.rows import row_number, rows_of

if TYPE_CHECKING:
    from prompt_toolkit.key_binding import KeyPressEvent
    from prompt_toolkit.mouse_events import MouseEvent

    from netmon.display.app import Display
    from netmon.display.canvas import Line
    from netmon.display.view import View

WHEEL = 3
"""Rows that one notch of the mouse's wheel moves."""


class Canvas(UIControl):
    """The whole screen as one control; prompt_toolkit asks it for lines, and tells it of the mouse."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._size = (0, 0)

    def create_content(self, width: int, height: int) -> UIContent:
        self._size = (width, height)
        try:
            lines = screen(self._display.view, width, height)
        except Exception as error:  # the capture and the outputs go on, and keys still work
            self._display.fail(error)
            lines = undrawn(error, width, height)
        return UIContent(get_line=lambda row: list(lines[row]), line_count=len(lines), show_cursor=False)

    def is_focusable(self) -> bool:
        return True

    def mouse_handler(self, mouse_event: MouseEvent) -> None:
        kind = mouse_event.event_type
        if kind in (MouseEventType.SCROLL_UP, MouseEventType.SCROLL_DOWN):
            by = WHEEL if kind is MouseEventType.SCROLL_DOWN else -WHEEL
            self._display.change(lambda view: moves.moved(view, by))
        elif kind is MouseEventType.MOUSE_UP:
            where = mouse_event.position
            self._display.change(lambda view: clicked(view, self._size, where.x, where.y))


def undrawn(error: Exception, width: int, height: int) -> list[Line]:
    """The screen when there is none."""
    said = (
        "the screen cannot be drawn",
        repr(error),
        "the capture and the outputs go on; other views may work, q quits",
    )
    lines: list[Line] = [[("class:bad", fmt.sanitize(text)[:width])] for text in said]
    return [*lines, *([] for _ in range(height))][:height]


def clicked(view: View, size: tuple[int, int], x: int, y: int) -> View:
    """The row under the mouse is selected; when it was, it is opened."""
    for box in boxes(view, *size):
        if box.panel is None or not (box.left <= x < box.left + box.width and box.top <= y < box.top + box.height):
            continue
        key = tables.row_at(view, box.panel, box.height, y - box.top)
        if key is None:
            return view
        was_here = view.focus is box.panel and rows_of(view, box.panel).position(key) == row_number(view, box.panel)
        return moves.entered(view) if was_here else moves.selected(view, box.panel, key)
    return view


def bindings(display: Display) -> KeyBindings:
    """The tables of keys, bound; while a filter is typed, all other keys are its text."""
    made = KeyBindings()
    is_typing = Condition(lambda: display.view.is_typing)
    for keys, when in ((KEYS, ~is_typing), (TYPING, is_typing)):
        for key in keys:
            for name in key.names:
                made.add(name, eager=True, filter=when)(_handler(display, key))

    @made.add(Keys.Any, filter=is_typing)
    @made.add(Keys.BracketedPaste, filter=is_typing)
    def typed(event: KeyPressEvent) -> None:
        display.change(lambda view: moves.with_text(view, event.data))

    return made


def _handler(display: Display, key: Key) -> Any:
    def handle(_event: KeyPressEvent) -> None:
        if isinstance(key.action, str):
            display.commands.get(key.action, lambda: None)()
        else:
            display.change(key.action)

    return handle

"""The table of keys, from which the bindings, the help page and the footer are made.

An action makes a new view from the old one. A key that needs the terminal, the capture or a file has a `Command`
instead, which the application carries out (`app.Display.commands`). Names of keys and commands are literal types, so
the type checker and a test find a name that is mistyped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

from netmon.display import moves
from netmon.display.moves import FAR, PAGE
from netmon.display.view import VIEWS, Page, View

LEAP = 10
"""Intervals that the keys < and > move by."""

Action = Callable[[View], View]

Command: TypeAlias = Literal[
    "quit", "suspend", "pause", "window", "clear", "export", "mouse", "step", "back", "forward", "rewind"
]
"""The commands, which the application carries out because they need more than a view."""

KeyName: TypeAlias = Literal[
    "1", "2", "3", "4", "5", "6", "7", "8", "0", "G", "N", "S", "a", "c", "e", "g", "h", "i", "j", "k", "m", "n", "o",
    "p", "q", "r", "s", "w", " ", "/", ".", "<", ">", "?", "up", "down", "left", "right", "pageup", "pagedown", "home",
    "end", "tab", "s-tab", "enter", "escape", "backspace", "f1", "c-c", "c-u", "c-z",
]  # fmt: skip
"""The keys as prompt_toolkit names them."""


class Key(NamedTuple):
    """Keys with the same action. Each key of `names` does `action`, which is a function or the name of a command.
    `shown` is the text for the keys on the help page.
    """

    names: tuple[KeyName, ...]
    shown: str
    action: Action | Command
    meaning: str
    page: Page | None = None
    """The view that the key goes to, if it is a number key."""


def _move(by: int) -> Action:
    return lambda view: moves.moved(view, by)


NUMBERS: tuple[KeyName, ...] = ("1", "2", "3", "4", "5", "6", "7", "8")


def _view(name: KeyName, number: int) -> Key:
    page = VIEWS[number - 1]
    return Key((name,), name, lambda view: moves.to_view(view, number), f"view: {page.value}", page)


KEYS = (
    *(_view(name, number) for number, name in enumerate(NUMBERS, 1)),
    Key(("up", "k"), "Up k", _move(-1), "one row up"),
    Key(("down", "j"), "Down j", _move(+1), "one row down"),
    Key(("pageup",), "PgUp", _move(-PAGE), "ten rows up"),
    Key(("pagedown",), "PgDn", _move(+PAGE), "ten rows down"),
    Key(("home", "g"), "Home g", _move(-FAR), "first row"),
    Key(("end", "G"), "End G", _move(+FAR), "last row"),
    Key(("tab",), "Tab", lambda view: moves.focused(view, +1), "next panel"),
    Key(("s-tab",), "Shift+Tab", lambda view: moves.focused(view, -1), "previous panel"),
    Key(
        ("enter", "right"), "Enter Right", moves.entered, "open the row: interface, host, section, connection, request"
    ),
    Key(("escape", "backspace", "left"), "Esc Backspace Left", moves.left, "go back; remove the filter"),
    Key(("/",), "/", moves.typing, "filter: show only rows that match; see below"),
    Key(("n",), "n", lambda view: moves.found(view, +1), "next row that matches the filter"),
    Key(("N",), "N", lambda view: moves.found(view, -1), "previous row that matches"),
    Key(("o",), "o", moves.ordering, "sort by a column: type its letter; again to reverse"),
    Key(("s",), "s", lambda view: moves.sorted_by(view, +1), "sort by the next column on the screen"),
    Key(("S",), "S", lambda view: moves.sorted_by(view, -1), "sort by the previous column"),
    Key(("r",), "r", moves.reversed_order, "reverse the order"),
    Key(("p", " "), "p Space", "pause", "pause the screen; the capture goes on, a file waits"),
    Key((".",), ".", "step", "with --speed: one interval forward, and pause"),
    Key(("<",), "<", "back", "with --speed: ten intervals back"),
    Key((">",), ">", "forward", "with --speed: ten intervals forward"),
    Key(("0",), "0", "rewind", "with --speed: to the start"),
    Key(("w",), "w", "window", "window: 1 s, 10 s, 1 min, everything"),
    Key(("i",), "i", moves.with_interface_switched, "interface on or off on the screen; hosts count all"),
    Key(("a",), "a", lambda view: view.with_acknowledged(), "acknowledge all alerts"),
    Key(("c",), "c", "clear", "clear totals; outputs and the summary keep them"),
    Key(("e",), "e", "export", "export all rows of the table to a CSV file here"),
    Key(("m",), "m", "mouse", "mouse on or off; if off, the terminal selects text"),
    Key(("?", "h", "f1"), "? h F1", lambda view: view.helped(), "open and close this page"),
    Key(("c-z",), "Ctrl+Z", "suspend", "suspend to the shell; fg comes back"),
    Key(("q", "c-c"), "q Ctrl+C", "quit", "quit"),
)

TYPING = (
    Key(("enter",), "Enter", moves.kept, "keeps the filter"),
    Key(("escape",), "Esc", moves.dropped, "shows all"),
    Key(("backspace",), "Backspace", moves.with_less, "deletes a character"),
    Key(("c-u",), "Ctrl+U", lambda view: view.with_typed(""), "clears the filter"),
    Key(("up",), "Up", _move(-1), "one row up"),
    Key(("down",), "Down", _move(+1), "one row down"),
    Key(("c-c",), "Ctrl+C", "quit", "quit"),
)
"""The keys while a filter is typed. All other keys are text of the filter."""

HELPING = (Key((" ",), "Space", _move(+PAGE), "ten lines down"),)
"""The keys that do something else while the help is shown."""

ORDERING = (
    Key(("escape",), "Esc", lambda view: view._replace(is_ordering=False), "cancels"),
    Key(("c-c",), "Ctrl+C", "quit", "quit"),
)
"""The keys after `o`, which waits for the letter of a column. All other keys are letters."""

PLAYING = ((".", "step"), ("<", "back"), (">", "on"), ("0", "start"))
"""Hints for the footer while a file is played, after the hint for the pause."""

ARROWS = "arrows"
"""Stands for the arrow keys in a hint. It is drawn with the arrows of the character set (`Glyphs.arrows`)."""

FIRST = (("?", "help"), ("q", "quit"))
"""Hints for every page, as (key, word)."""

PAUSE, RESUME = ("p", "pause"), ("p", "play")

LAST = (("Tab", "panel"), ("o", "sort"), ("r", "reverse"), ("w", "window"), PAUSE, ("e", "export"))
INSIDE = (("Esc", "back"),)

OF_PAGE = {
    Page.HOSTS: (("Enter", "open"), ("/", "filter"), *LAST, ("1-8", "views")),
    Page.SECTIONS: (("Enter", "open"), ("/", "filter"), *LAST),
    Page.INTERFACES: (("Enter", "open"), ("/", "filter"), ("i", "on/off"), *LAST),
    Page.CONNECTIONS: (("Enter", "open"), ("/", "filter"), *LAST),
    Page.REQUESTS: (("Enter", "time line"), ("/", "filter"), *LAST[1:]),
    Page.ALERTS: (("a", "acknowledge all"), ("/", "filter"), ("e", "export")),
    Page.CLIENTS: (("Enter", "open"), ("/", "filter"), *LAST),
    Page.SERVERS: (("/", "filter"), *LAST[1:]),
    Page.INTERFACE: (*INSIDE, ("Enter", "open"), ("/", "filter"), *LAST[1:]),
    Page.HOST: (*INSIDE, ("Enter", "open"), ("/", "filter"), *LAST),
    Page.CLIENT: (*INSIDE, ("Enter", "time line"), ("/", "filter"), *LAST[1:]),
    Page.SECTION: (*INSIDE, ("Enter", "time line"), ("/", "filter"), *LAST[1:]),
    Page.CONNECTION: (*INSIDE, ("Enter", "time line"), ("/", "filter"), *LAST[1:]),
    Page.EXCHANGE: (*INSIDE, (ARROWS, "other requests"), *LAST[1:]),
}
"""Hints for each page, the most useful first."""

"""The keys: one table, from which the bindings, the help page and the footer are made.

An action makes a new view of the old one; those that need the terminal or move in a file that is played are named and
left to the application.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from netmon.display.state import View

if TYPE_CHECKING:
    from netmon.display.canvas import Line

PAGE = 10
"""Rows that PgUp and PgDn move."""

LEAP = 10
"""Intervals that < and > go."""

FAR = 1_000_000_000
"""More rows than there are: Home and End."""

Action = Callable[[View], View]


class Key(NamedTuple):
    """`names` are prompt_toolkit's, any of them; `shown` is how the help calls them; `action` may be a word."""

    names: tuple[str, ...]
    shown: str
    action: Action | str
    meaning: str


def _move(rows: int) -> Action:
    return lambda view: view.moved(rows)


KEYS = (
    Key(("up", "k"), "Up k", _move(-1), "one row up"),
    Key(("down", "j"), "Down j", _move(+1), "one row down"),
    Key(("pageup",), "PgUp", _move(-PAGE), "ten rows up"),
    Key(("pagedown",), "PgDn", _move(+PAGE), "ten rows down"),
    Key(("home", "g"), "Home g", _move(-FAR), "first row"),
    Key(("end", "G"), "End G", _move(+FAR), "last row"),
    Key(("tab",), "Tab", lambda view: view.focused(+1), "next panel"),
    Key(("s-tab",), "Shift+Tab", lambda view: view.focused(-1), "previous panel"),
    Key(("enter",), "Enter", lambda view: view.entered(), "into the host: all its sections"),
    Key(("escape", "backspace"), "Esc Backspace", lambda view: view.left(), "out again"),
    Key(("s",), "s", lambda view: view.sorted_by_next(), "sort by the next column"),
    Key(("r",), "r", lambda view: view.reversed(), "reverse the order"),
    Key(("p", " "), "p Space", "pause", "pause the screen; the capture goes on, a played file waits"),
    Key((".",), ".", "step", "with --speed: one interval on, and pause"),
    Key(("<",), "<", "back", "with --speed: ten intervals back"),
    Key((">",), ">", "forward", "with --speed: ten intervals on"),
    Key(("0",), "0", "rewind", "with --speed: to the start"),
    Key(("?", "h", "f1"), "? h F1", lambda view: view.helped(), "this page, and back"),
    Key(("c-z",), "Ctrl+Z", "suspend", "to the shell; fg comes back"),
    Key(("q", "c-c"), "q Ctrl+C", "quit", "quit"),
)

FOOTER = (
    ("q", "quit"),
    ("?", "help"),
    ("arrows", "select"),
    ("Enter", "open"),
    ("Tab", "panel"),
    ("s", "sort"),
    ("p", "pause"),
    ("r", "reverse"),
)
"""The keys to begin with, as (key, word); ``arrows`` is drawn with what the terminal has."""


def help_lines() -> list[Line]:
    """The help page."""
    lines: list[Line] = [[("class:brand", " netmon"), ("class:dim", "  keys")], []]
    lines += [[("class:key", f"   {key.shown:<15}"), ("", key.meaning)] for key in KEYS]
    lines += [
        [],
        [("class:dim", "   hits    requests and responses together; a dot is zero")],
        [("class:dim", "   p95     95 of 100 requests were answered within this time")],
        [("class:dim", "   lost    packets that netmon could not see: all counts may be too low")],
    ]
    return lines

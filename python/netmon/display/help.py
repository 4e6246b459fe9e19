"""The help page and the last line of the screen. Both are made from the table of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon.display import canvas, moves
from netmon.display.keys import ARROWS, FIRST, KEYS, OF_PAGE, ORDERING, PAUSE, PLAYING, RESUME, TYPING
from netmon.display.matching import note
from netmon.display.specs import letters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netmon.display.canvas import Line
    from netmon.display.view import View

COLUMN = 20
"""Columns for the names of keys, and for the words that are explained."""

WIDE = 150
"""Minimum width of the screen at which the keys are listed in two columns."""

FINDING = (
    ("/text", "rows that contain it: host, section, method, status ..."),
    ("/status:5xx", "rows with such a status; also status:404, status:none"),
    ("/latency>200ms", "exchanges so slow; also duration bytes status, < <= = >="),
    ("/host:api.*", "a whole field, with * and ?; host=name is the whole name"),
    ("/client:10.0.0.0/8", "addresses in a network; also server:"),
    ("  other fields", "section: path: method: interface: user_agent:"),
    ("  of a process", "process: container: pod: namespace:"),
    ("  protocols", "protocol:grpc grpc:UNAVAILABLE grpc:failed tls:yes"),
    ("/!text", "rows without it; /!static method:post needs both"),
    ("  and or not ( )", "combine terms; blanks mean and; quotes hold a text together"),
    ("  of a host", "also its sections, methods and statuses"),
)
"""What may be typed after ``/``."""

WORDS = (
    ("req/s", "requests per second, over the window; a dot is zero"),
    ("hits", "requests and responses together"),
    ("share", "part of all requests in the window"),
    ("p95", "95 of 100 answers began within this time"),
    ("answer", "from the request's last byte to the response's first"),
    ("whole", "from the request's first byte to the response's last"),
    ("retr", "share of TCP segments that were sent again"),
    ("RTT", "round trip to the server; cli, srv: from here to them"),
    ("disorder", "segments that came out of order; 0 win: no room to receive"),
    ("CRITICAL INFO", "alerts of this severity; ALERT is one of severity warning"),
    ("lost", "packets that netmon could not see: all counts may be too low"),
)


def help_page(view: View, width: int, height: int) -> list[Line]:
    """The keys, the filter syntax, and the meaning of the figures, scrolled to `view.help_row`. On a wide screen, the
    keys are listed in two columns.
    """
    body, room = _body(view, width), _room(height)
    title: Line = [("class:brand", " netmon"), ("class:dim", "  keys and words")]
    first = first_row(view, width, height)
    more = len(body) - first - room
    rest = f"  {fmt.plural(more, 'more line')}, {view.glyphs.arrows} to see them; " if more > 0 else "  "
    rest = rest if fmt.width(rest) + len("Esc goes back") <= width else f"  {more} more; " if more > 0 else ""
    foot = canvas.whole([[("class:dim", rest), ("class:key", "Esc")], [("class:dim", " goes back")]], width)
    seen = body[first : first + room]
    return [title, *seen, *([[]] * (room - len(seen))), foot]


def first_row(view: View, width: int, height: int) -> int:
    """The line of the help that is drawn first: the last line stays at the bottom."""
    return max(0, min(view.help_row, len(_body(view, width)) - _room(height)))


def _room(height: int) -> int:
    """The lines of the help that a screen shows between its title and its last line."""
    return max(height - 2, 0)


def _body(view: View, width: int) -> list[Line]:
    """All lines of the help, as wide as the screen; what outputs have told is at the top."""
    keys, words = _keys(), [*_words(FINDING), [], *_words(WORDS)]
    if width >= WIDE:
        half = -(-len(keys) // 2)
        keys = canvas.beside(keys[:half], keys[half:], width // 2)
    news = [(name, rest) for name, _, rest in (fmt.sanitize(each).partition(": ") for each in view.announced)]
    told = _words(news, max((fmt.width(name) + 3 for name, _ in news), default=COLUMN))
    lines = [*told, *([[]] if told else []), *keys, [], *words]
    return [part for line in lines for part in _wrapped(line, width)]


def _wrapped(line: Line, width: int) -> list[Line]:
    """Wraps a line that is too long. The next lines begin below its text, or with little room at the left."""
    if canvas.width(line) <= width:
        return [line]
    if len(line) != 2 or width < 2 * COLUMN:
        return canvas.wrapped(line, width)
    first, *others = canvas.wrapped([("", " " * canvas.width(line[:1])), line[1]], width)
    return [[line[0], *first[1:]], *others]


def _keys() -> list[Line]:
    """One line for each key. The keys of the views share one line."""
    views = [(key.shown, key.page.value) for key in KEYS if key.page]
    lines: list[Line] = [[part for key, name in views for part in (("class:key", f" {key} "), ("", name))]]
    others = [key for key in KEYS if not key.page]
    return lines + [[("class:key", fmt.fit(f" {key.shown}", COLUMN)), ("", key.meaning)] for key in others]


def _words(words: Sequence[tuple[str, str]], column: int = COLUMN) -> list[Line]:
    return [[("class:key", fmt.fit(f" {word}", column)), ("class:dim", meaning)] for word, meaning in words]


def footer(view: View, width: int) -> Line:
    """The last line: the filter while it is typed, the columns to sort by after `o`, a message, or as many keys of the
    page as fit.
    """
    if view.is_typing:
        return prompt(view, width)
    if view.is_ordering:
        return columns(view, width)
    if view.notice:
        return canvas.fit([("class:notice", f" {fmt.sanitize(view.notice)} ")], width)
    hints = _hints(view)
    arrows = view.glyphs.arrows
    items: list[Line] = [
        [("class:key", f" {arrows if key == ARROWS else key} "), ("class:dim", f"{word} ")] for key, word in hints
    ]
    return canvas.whole(items, width)


def _hints(view: View) -> Sequence[tuple[str, str]]:
    """The hints of a page, in the order of their use. While a file is played, its keys come before most others."""
    of_page = OF_PAGE[view.page]
    playing: tuple[tuple[str, str], ...] = ()
    if view.progress is not None:
        playing = (RESUME if view.is_paused else PAUSE, *PLAYING)
        of_page = tuple(hint for hint in of_page if hint is not PAUSE)
    return (*of_page[:2], *playing, *of_page[2:], *FIRST) if view.trail else (*FIRST, *playing, *of_page)


def columns(view: View, width: int) -> Line:
    """The line after `o`: the letters of the columns that are on the screen."""
    panel = view.focus
    shown = moves.columns(view, panel) if panel else ()
    named = {title: letter for letter, title in letters(panel).items()} if panel else {}
    items: list[Line] = [[("class:key", " sort by")]]
    items += [[("class:key", f"  {named[title]}"), ("class:dim", f" {title}")] for title in shown if title in named]
    items += [[("class:key", f"  {key.shown}"), ("class:dim", f" {key.meaning}")] for key in ORDERING[:1]]
    return canvas.fit(canvas.whole(items, width), width)


def prompt(view: View, width: int) -> Line:
    """The line that shows the filter while it is typed, with a note of what is wrong or missing."""
    about = "within " if view.place.is_within else ""
    typed, said = fmt.sanitize(view.typed), fmt.sanitize(note(view.typed))
    if said:  # of a long filter, the end is shown, so that there is room for the note
        room = max(SHORTEST_FILTER, width - len(" /") - len(about) - len("  ") - 1 - fmt.width(said))
        typed = typed if fmt.width(typed) <= room else f"{view.glyphs.dots}{_end(typed, room - 1)}"
    line: Line = [("class:key", " /"), ("class:dim", about), ("class:strong", typed)]
    line.append(("class:strong", view.glyphs.cursor))
    if said:
        return canvas.fit([*line, ("class:warn", f"  {said}")], width)
    hints = (("!", "negates"), ("status:5xx", "one field"), *((key.shown, key.meaning) for key in TYPING[:2]))
    items: list[Line] = [[("class:key", f"  {key} "), ("class:dim", word)] for key, word in hints]
    return canvas.fit([*line, *canvas.whole(items, width - canvas.width(line) - 1)], width)


SHORTEST_FILTER = 24
"""Columns of a filter that is typed at least, beside a note."""


def _end(text: str, columns: int) -> str:
    """The end of a text, no wider than `columns`."""
    while fmt.width(text) > columns:
        text = text[1:]
    return text

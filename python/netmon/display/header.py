"""The top of the screen: title, rates, capture line, alert bar, traffic, and the tabs of the views.

Pure functions from a view and a size to lines of exactly that width. They use no clock and no terminal. Text from the
wire is sanitized here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon import losses
from netmon.alerts import written
from netmon.display import canvas
from netmon.display.alert_words import SHORTEST_GAUGE, against, in_words, share
from netmon.display.matching import note
from netmon.display.severities import LOOKS, most_pressing
from netmon.display.view import VIEWS, Page
from netmon.measures import measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from netmon._core import Interface, Point
    from netmon.display.canvas import Line
    from netmon.display.view import Place, View
    from netmon.frames import Frame
    from netmon.playback import Progress

_PACKETS, _BITS, _HTTP_RATIO = measure("packets"), measure("bits"), measure("http_ratio")

NARROWEST = 8
"""Minimum number of columns of the capture filter. With fewer, it is not shown."""

LONGEST_FILTERS, LONGEST_TABS = 120, 34
"""Columns of filters with a mistake at most, and columns that these leave to the tabs."""

LONGEST_SOURCE = 24
"""Maximum number of columns of the name of an interface or a file in the title line."""

INTERFACES = 6
"""Maximum number of interfaces in the title line. The busiest ones are shown."""


def title_line(view: View, width: int) -> Line:
    """The program name, badge, interfaces, capture filter and times. With little room, less of each is shown."""
    frame, marks = view.frame, view.glyphs
    left: Line = [("class:brand", " netmon  "), *badge(view)]
    if frame is None:
        return canvas.fit([*left, ("class:dim", "waiting for the first interval")], width)
    items: list[Line] = []
    for number, interface in enumerate(busiest(frame)[:INTERFACES]):
        name = fmt.shorten(fmt.source(interface.name), LONGEST_SOURCE, marks.dots)
        items.append([("class:dim", marks.between if number else ""), ("", name), *interface_state(view, interface)])
    left += canvas.whole(items, width - canvas.width(left) - len(" last 10 s "))
    ways = [marks.between.join(way) for way in _times(view, frame)]
    room = width - canvas.width(left) - fmt.width(ways[2]) - len(" | filter ") - 3
    left += capture_filter(view, max(min(room, width // 4), NARROWEST))
    room = width - canvas.width(left) - 3
    times = next((way for way in ways if fmt.width(way) <= room), "")
    return canvas.spread(left, [("class:dim", f"{times} ")], width)


def _times(view: View, frame: Frame) -> Iterator[list[str]]:
    """The texts about time to choose from, the longest first. The last one is the window alone, which all figures
    cover.
    """
    whole = frame.window_length == float("inf")
    window = "everything" if whole else f"last {fmt.duration(frame.seconds)}"
    now, until = fmt.time(frame.tally.end), _until(view)
    yield [window, f"running {fmt.duration(frame.tally.seconds)}", now + until]
    yield [window, now + until]
    yield [window, fmt.clock(frame.tally.end) + until]
    yield [window, fmt.clock(frame.tally.end)]
    yield [window]


def capture_filter(view: View, columns: int) -> Line:
    """The filters of packets and of exchanges, shortened. A filter is left out if it is not set or has too little
    room.
    """
    named = (("filter", view.capture_filter), ("where", view.where))
    filters = [(name, fmt.sanitize(" ".join(text.split()))) for name, text in named if text]
    line: Line = []
    for left, (name, text) in zip(range(len(filters), 0, -1), filters, strict=True):
        room = columns // left
        if room < NARROWEST:
            continue
        shown = fmt.shorten(text, room, view.glyphs.dots)
        line += [("class:dim", f"{view.glyphs.between}{name} "), ("class:warn", shown)]
        columns -= fmt.width(shown) + (fmt.width(f"{view.glyphs.between}{name} ") if left > 1 else 0)
    return line


def interface_state(view: View, interface: Interface) -> Line:
    """The state of an interface, for example `up` or `down`; `off` if the user switched it off on the screen."""
    word = "off" if interface.name in view.off else interface.state
    style = "class:bad" if interface.problem else "class:ok" if word == "up" else "class:warn"
    return [(style, f" {word}")]


def badge(view: View) -> Line:
    """The badge for a paused screen, the end of the capture, or a file that is played."""
    if view.is_paused:
        return [("class:notice", " PAUSED "), ("", "  ")]
    if view.ended:
        return [("class:notice", " END "), ("", "  ")]
    return [("class:notice", f" PLAY {_speed(view.progress)} "), ("", "  ")] if view.progress else []


def _speed(progress: Progress) -> str:
    return "max" if progress.speed == float("inf") else f"{progress.speed:g}x"


def _until(view: View) -> str:
    """The end of the file that is played, once it is known, and the earliest time to go back to, if that is not the
    start.
    """
    progress = view.progress
    if progress is None:
        return ""
    until = f" of {fmt.clock(progress.latest)}" if progress.latest else ""
    return until + (f", kept from {fmt.clock(progress.earliest)}" if progress.forgets else "")


def rates_line(view: View, width: int, said: Line | None = None, *, has_capture: bool = True) -> Line:
    """The rates of the window, after the fragments `said`. With `has_capture`, the capture line is at the right end."""
    frame = view.frame
    if frame is None:
        return canvas.fit([], width)
    left: Line = [("", " "), *(said or [])]
    if not has_capture:
        return canvas.fit([*left, *rates(view, frame, width - canvas.width(left))], width)
    # If data was lost, the capture line gets its full room first, and the rates get the rest.
    least = 0 if losses.is_whole(frame.shown) else width - canvas.width([*left, *rates(view, frame, 20)]) - 3
    right = [*capture_text(frame, max(least, 0) or None), ("", " ")]
    room = width - canvas.width(right) - canvas.width(left) - 1
    left += rates(view, frame, min(60, max(20, room)))
    room = width - canvas.width(left) - canvas.width(right) - 2
    if room >= 10:
        trend = canvas.series(frame.history, lambda point: point.requests, min(room, 30))
        left += [("class:spark.second", canvas.sparkline(trend, view.glyphs))]
    return canvas.spread(left, right, width)


def capture_line(view: View, width: int) -> Line:
    """A separate line that says what was captured and what was missed, with the capture filter."""
    line: Line = [("", " "), *(capture_text(view.frame, width - 1) if view.frame else [])]
    return canvas.fit([*line, *capture_filter(view, width - canvas.width(line) - len(" | filter "))], width)


def rates(view: View, frame: Frame, width: int = 60) -> Line:
    """Requests, bits and packets per second, as many of them as fit. Bits and packets leave out interfaces that are
    switched off.
    """
    seconds, window = frame.seconds or 1.0, frame.window
    on = [interface for interface in window.interfaces if interface.name not in view.off]
    packets, bits = (sum(each.value(interface) or 0 for interface in on) for each in (_PACKETS, _BITS))
    number, unit = fmt.scaled(bits / seconds, "bit/s").rsplit(" ", 1)
    per_second = fmt.rate(window.requests / seconds)
    figures = ((per_second, "requests/s"), (number, unit), (fmt.rate(packets / seconds), "packets/s"))
    return canvas.whole([[("class:strong", f"{n} "), ("class:dim", f"{words}   ")] for n, words in figures], width)


def capture_text(frame: Frame, width: int | None = None) -> Line:
    """What was captured and what was missed, in words, since the start or since the totals were cleared."""
    tally = frame.shown
    style = "class:dim" if losses.is_whole(tally) else "class:bad" if losses.is_bad(tally) else "class:warn"
    return [(style, losses.text(tally, width))]


def alert_bar(view: View, width: int) -> Line:
    """The most pressing rule: a word, a gauge and a number, and how many other alerts there are."""
    frame = view.frame
    if frame is None or not frame.gauges:
        return canvas.fit([], width)
    shown, others = most_pressing(frame.gauges)
    rule, bad, look = shown.rule, shown.alert is not None, LOOKS[shown.rule.severity]
    seen = shown.alert is not None and shown.alert.at <= view.acknowledged
    word = ("class:notice" if seen else look.badge, f" {look.word} ") if bad else ("class:ok", " OK    ")
    more = f", and {fmt.count(others)} more" if others > 0 else ""
    if not bad and shown.state == "unknown":
        word = ("class:warn", " UNKNOWN ")
        return in_words(view, shown, word, [fmt.sanitize(shown.reason)], width)
    if rule.kind != "bound":
        first, *rest = written.standing(shown)
        return in_words(view, shown, word, [f"{first}{more}", *rest], width)
    style = look.style if bad else "class:ok"
    measured: Line = [(style if bad else "class:strong", f"  {written.told(rule, shown.value)}")]
    ways = [[*measured, ("class:dim", said)] for said in against(view, shown, more, acknowledged=seen)]
    left = width - canvas.width([word]) - 2
    number = next((way for way in ways if canvas.width(way) <= left - SHORTEST_GAUGE), ways[-1])
    room = min(60, left - 1 - canvas.width(number))
    bar = canvas.gauge(share(shown), max(0, room), style, view.glyphs)
    return canvas.fit([("", " "), word, ("", " "), *bar, *number], width)


TRENDS = (("bit/s, last 60 s", "class:spark"), ("requests/s, last 60 s", "class:spark.second"))


def traffic(view: View, width: int, height: int) -> list[Line]:
    """One row for each interface: state, rates, the share of HTTP, and trends of bits and requests over the last
    minute.
    """
    frame = view.frame
    trends, columns = _trends(width)
    figures = canvas.whole([[("class:heading", f"{title:>{room}}")] for title, room in FIGURES], width - NAME_COLUMNS)
    shown = busiest(frame) if frame else ()
    of = f"  1 of {fmt.count(len(shown))}" if height == 2 and len(shown) > 1 else ""
    title = canvas.fit([("class:heading.title", " TRAFFIC"), ("class:heading", of)], NAME_COLUMNS, "class:heading")
    words = "   " + "".join(fmt.fit(said, columns + 2) for said, _ in TRENDS[:trends]) if trends else ""
    lines = [canvas.fit([*title, *figures, ("class:heading", words)], width, "class:heading")]
    if frame is None:
        return lines
    lines += [canvas.fit(_interface_row(view, frame, each, width), width) for each in shown[: height - 1]]
    hidden = len(shown) - (height - 1)
    if hidden > 0 and len(lines) > 2:
        lines[-1] = canvas.fit([("class:dim", f"   and {fmt.plural(hidden + 1, 'more interface')}, see 3")], width)
    return lines


NAME_COLUMNS = 21
"""Columns for the name and the state of an interface together."""

FIGURES = (("bit/s", 13), ("packets/s", 11), ("HTTP", 7))
"""Titles of the figures of an interface, with their width in columns."""


def _trends(width: int) -> tuple[int, int]:
    """Returns the number of sparklines that fit into a row of traffic, and the columns of each."""
    room = width - 57
    if room >= 50:
        return 2, min(60, room // 2 - 2)
    return (1, min(60, room)) if room >= 16 else (0, 0)


def _interface_row(view: View, frame: Frame, interface: Interface, width: int) -> Line:
    seconds, marks = frame.seconds or 1.0, view.glyphs
    http, bits = _HTTP_RATIO.value(interface), _BITS.value(interface) or 0
    share = marks.none if http is None else fmt.percent(http)
    name = fmt.shorten(fmt.source(interface.name), 13, marks.dots)
    line: Line = [("", f"   {fmt.fit(name, 13)}"), *canvas.fit(interface_state(view, interface), 5)]
    if interface.name in view.off:
        return [
            *line,
            *canvas.whole(
                [[("class:dim", "   not counted here;")], [("class:dim", " i in view 3 switches it on")]],
                width - NAME_COLUMNS,
            ),
        ]
    said = (fmt.scaled(bits / seconds, "bit/s"), fmt.rate(interface.packets / seconds), share)
    looks = ("class:strong", "", "class:dim")
    figures = zip(FIGURES, said, looks, strict=True)
    line += canvas.whole([[(look, f"{figure:>{room}}")] for (_, room), figure, look in figures], width - NAME_COLUMNS)
    trends, columns = _trends(width)
    line += [("", "   ")] if trends else []
    values = (_bytes_of(interface.name), _requests_of(interface.name))
    for (_, style), value in zip(TRENDS[:trends], values, strict=False):
        line += [(style, canvas.sparkline(canvas.series(frame.history, value, columns), marks)), ("", "  ")]
    return line


def _bytes_of(name: str) -> Callable[[Point], float]:
    return lambda point: point.bytes_of(name)


def _requests_of(name: str) -> Callable[[Point], float]:
    return lambda point: point.requests_of(name)


def busiest(frame: Frame) -> Sequence[Interface]:
    """All interfaces, the busiest first; before them those from which nothing is captured, although it should be."""
    known = frame.window.interfaces or frame.snapshot.interfaces
    return sorted(known, key=lambda interface: (interface.problem is None, -interface.bytes, interface.name))


def tabs(view: View, width: int) -> Line:
    """The tabs of the views with their keys, or on a page that Enter opened, its trail. A filter is at the right."""
    right = filters(view, min(LONGEST_FILTERS, width - LONGEST_TABS))
    if view.trail:
        return canvas.spread([("", " "), *_way(view, width - canvas.width(right) - 1)], right, width)
    line = [fragment for tab in _tabs(view, width - canvas.width(right)) for fragment in tab]
    return canvas.spread(line, right, width)


def tab_at(view: View, width: int, x: int) -> int | None:
    """The number of the view whose tab is at column `x`, or None. On a page that Enter opened, 0, which means back."""
    if view.trail:
        return 0
    at = 0
    right = filters(view, min(LONGEST_FILTERS, width - LONGEST_TABS))
    for number, tab in enumerate(_tabs(view, width - canvas.width(right)), 1):
        at += canvas.width(tab)
        if x < at:
            return number
    return None


def _tabs(view: View, width: int) -> list[Line]:
    """The tabs, one for each view. With little room they are closer together, with shorter names, or only the current
    one has a name.
    """
    whole = {page: page.value for page in VIEWS}
    for pad, names in ((" ", whole), ("", whole), ("", whole | SHORT_NAMES), (" ", {view.page: view.page.value})):
        tabs = [_tab(view, number, page, pad, names.get(page, "")) for number, page in enumerate(VIEWS, 1)]
        if sum(map(canvas.width, tabs)) <= width:
            break
    return tabs


SHORT_NAMES = {Page.INTERFACES: "Links", Page.CONNECTIONS: "Conns"}
"""Names of views where the whole ones do not fit, as on 80 columns."""


def _tab(view: View, number: int, page: Page, pad: str, name: str) -> Line:
    name = f" {name}" if name else ""
    style = "class:tab.here" if page is view.page else "class:tab"
    return [(style, f" {number}{name} ")] if pad else [("", " "), (style, f"{number}{name}")]


def filters(view: View, columns: int = LONGEST_FILTERS) -> Line:
    """The filters that are set, and what of them is not understood. Empty if there are none."""
    words = [view.filter] if view.filter else []
    words += [f"within {view.place.inner}"] if view.place.inner else []
    if not words:
        return []
    mistake = "" if view.is_typing else next(filter(None, map(note, (view.filter, view.place.inner))), "")
    named = fmt.sanitize(", ".join(words))
    if not mistake:
        return [("class:notice", f" only {named} "), ("", " ")]
    why, head = fmt.sanitize(mistake), "only in part "
    room = columns - len(head) - len("     ")
    named = fmt.shorten(named, max(room // 3, room - fmt.width(why)), view.glyphs.dots)
    why = fmt.fit(why, max(0, min(room - fmt.width(named), fmt.width(why))), dots=view.glyphs.dots)
    return [("class:notice", f" {head}{named} "), ("class:warn", f" {why} ")]


LONGEST_STEP = 40
"""Maximum number of columns of a step of the trail."""


def _way(view: View, width: int) -> Line:
    """The trail: the pages from the first view to the current one. With little room, only the last steps are shown."""
    marks = view.glyphs
    places = [*view.trail, view.place]
    steps: list[Line] = []
    for number, place in enumerate(places):
        name = fmt.sanitize(_name(place, places[:number]))
        look = "class:tab.here" if place is view.place else "class:tab"
        steps.append([(look, f" {fmt.shorten(name, max(1, min(LONGEST_STEP, width - 4)), marks.dots)} ")])
    between = ("class:dim", marks.mark)
    while len(steps) > 1 and sum(canvas.width(step) + 1 for step in steps) > width:
        del steps[0]
    line = [fragment for step in steps for fragment in (between, *step)][len(steps) == len(places) :]
    room = width - canvas.width(line)
    return [*line, *canvas.whole([[("class:dim", "   Esc goes back")]], room)]


def _name(place: Place, before: Sequence[Place]) -> str:
    """The name of a step of the trail. A host that an earlier step names is not repeated."""
    in_host = any(other.page is Page.HOST for other in before)
    names = {
        Page.INTERFACE: fmt.source(place.interface or ""),
        Page.HOST: place.host or "",
        Page.CLIENT: place.client or "",
        Page.SECTION: (place.section or "") if in_host else f"{place.host}{place.section}",
        Page.CONNECTION: place.connection[1] if place.connection else "",
        Page.EXCHANGE: place.exchange.method if place.exchange else "",
    }
    return names.get(place.page, place.page.value)

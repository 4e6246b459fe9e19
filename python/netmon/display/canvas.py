"""Functions on lines of styled text: fit a line to a width, put lines side by side, draw gauges and sparklines.

A fragment is a pair of style and text; a line is a list of fragments. Pure. The caller sanitizes the text. A line from
`fit` has exactly the given width, even with wide characters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from netmon import format as fmt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from netmon._core import Point
    from netmon.display.themes import Glyphs

Fragment: TypeAlias = tuple[str, str]
Line: TypeAlias = list[Fragment]


def width(line: Line) -> int:
    return sum(fmt.width(text) for _, text in line)


def fit(line: Line, columns: int, style: str = "") -> Line:
    """`line` in exactly `columns` columns: cut, or padded with blanks in `style`."""
    fitted: Line = []
    room = columns
    for look, text in line:
        taken = fmt.width(text)
        if taken > room:
            fitted.append((look, fmt.fit(text, room, dots="")))
            return fitted
        fitted.append((look, text))
        room -= taken
    return [*fitted, (style, " " * room)] if room else fitted


def spread(left: Line, right: Line, columns: int, style: str = "") -> Line:
    """`left` and `right` at the two ends of a line. If `left` leaves no room for `right`, `right` is left out."""
    room = columns - width(right)
    if width(left) >= room:
        return fit(left, columns, style)
    return [*fit(left, room, style), *right]


def whole(items: Iterable[Line], columns: int) -> Line:
    """The first items, as many as fit without being cut."""
    line: Line = []
    for item in items:
        if width(line) + width(item) > columns:
            break
        line += item
    return line


def joined(items: Iterable[Line], columns: int, between: str) -> Line:
    """The first items, as many as fit without being cut, with the text `between` separating them."""
    line: Line = []
    for item in items:
        longer: Line = [*line, ("class:dim", between), *item] if line else item
        if width(longer) > columns:
            break
        line = longer
    return line


def wrapped(line: Line, columns: int) -> list[Line]:
    """Wraps a line of words into lines no wider than `columns`. All of them have the indentation of the first."""
    text = "".join(part for _, part in line)
    indent = " " * min(len(text) - len(text.lstrip()), columns // 2)
    lines: list[Line] = [[("", indent)]]
    for look, part in line:
        for number, word in enumerate(part.split(" ")):
            blank = [("", " ")] if number and lines[-1][1:] else []
            if lines[-1][1:] and width([*lines[-1], *blank, (look, word)]) > columns:
                lines.append([("", indent)])
                blank = []
            lines[-1] += [*blank, (look, word)] if word else blank
    return lines


def beside(left: Sequence[Line], right: Sequence[Line], columns: int, gap: int = 2) -> list[Line]:
    """Two blocks side by side; the left one is `columns` wide."""
    rows = max(len(left), len(right))
    pad = [*left, *([[]] * (rows - len(left)))]
    return [
        [*fit(line, columns), ("", " " * gap), *other]
        for line, other in zip(pad, [*right, *([[]] * (rows - len(right)))], strict=True)
    ]


def restyle(line: Line, style: str) -> Line:
    """The line with all of its text in one style."""
    return [(style, text) for _, text in line]


def gauge(share: float, columns: int, style: str, glyphs: Glyphs) -> Line:
    """A bar filled to `share`, where 1 and above is full. Any share above 0 fills at least one column."""
    full = min(columns, max(round(share * columns), 1 if share > 0 else 0))
    return [(style, glyphs.full * full), ("class:rest", glyphs.rest * (columns - full))]


def sparkline(values: Sequence[float], glyphs: Glyphs) -> str:
    """One bar for each value; the highest value has a full bar. Any value above 0 is higher than the lowest bar, which
    is 0.
    """
    peak, top = max(values, default=0.0), len(glyphs.bars) - 1
    if peak <= 0:
        return glyphs.bars[0] * len(values)
    return "".join(glyphs.bars[min(top, max(round(v / peak * top), 1)) if v > 0 else 0] for v in values)


def series(history: Sequence[Point], value: Callable[[Point], float], columns: int) -> list[float]:
    """`value` of the points over time: one number for each interval, at least a second long, the newest last.

    Time without a point, as in a gap of a file, is 0. The value of a point that covers several intervals is divided
    evenly among them.
    """
    slots = [0.0] * columns
    if not history or columns <= 0:
        return slots
    end = history[-1].end
    step = max(1.0, min(point.end - point.start for point in history))
    for point in history:
        parts = max(1, round((point.end - point.start) / step))
        newest = columns - 1 - int((end - point.end) / step + 1e-6)
        for slot in range(newest, newest - parts, -1):
            if 0 <= slot < columns:
                slots[slot] += value(point) / parts
    return slots

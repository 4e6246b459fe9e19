"""Charts of the last minute, with one line for each class of status. Pure functions from a view and a size to lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon.display import canvas
from netmon.measures import measure

if TYPE_CHECKING:
    from collections.abc import Callable

    from netmon._core import Point
    from netmon.display.canvas import Line
    from netmon.display.view import View

LEFT = 20
"""Columns to the left of the chart."""

MOST = 60
"""Maximum number of columns of the chart: one for each second of a minute."""

CLASSES = ((2, "class:ok"), (3, "class:dim"), (4, "class:warn"), (5, "class:bad"))
"""The first digit of a class of status, and its style."""


def statuses(view: View, width: int, height: int) -> list[Line]:
    """Responses per second by class of status, in the window and over the last minute."""
    frame = view.frame
    room = max(0, min(MOST, width - LEFT))
    words = f"{'per second':>11}   {'last 60 s' if room >= 9 else ''}"
    lines = [canvas.fit([("class:heading.title", " STATUS"), ("class:heading", words)], width, "class:heading")]
    if frame is None:
        return lines[:height]
    for first, style in CLASSES:
        n = measure(f"status.{first}xx").value(frame.window) or 0
        rate = fmt.rate(n / (frame.seconds or 1.0)) if n else view.glyphs.none
        trend = canvas.series(frame.history, _responses(first), room)
        line: Line = [(style, f"   {first}xx"), ("class:strong" if n else "class:dim", f"{rate:>12}  ")]
        lines.append(canvas.fit([*line, (style, canvas.sparkline(trend, view.glyphs))], width))
    return lines[:height]


def _responses(first: int) -> Callable[[Point], float]:
    return lambda point: point.responses_of(first)

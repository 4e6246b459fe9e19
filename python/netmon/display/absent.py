"""Explains why a table is empty, and what the user can do. Pure functions from a view to a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon import losses
from netmon.absence import reasons, unmatched
from netmon.display import canvas
from netmon.display.specs import SPECS

if TYPE_CHECKING:
    from netmon.display.canvas import Line
    from netmon.display.view import Panel, View
    from netmon.frames import Frame


def nothing(view: View, panel: Panel, width: int, height: int) -> list[Line]:
    """The reasons in at most `height` lines. Long lines are wrapped. Blank lines are left out first."""
    lines = [part for line in _why(view, panel) for part in (canvas.wrapped(line, width) if line else [line])]
    if len(lines) > height:
        lines = [line for line in lines if line]
    return lines[: max(height, 0)]


def _why(view: View, panel: Panel) -> list[Line]:
    frame, spec = view.frame, SPECS[panel]
    is_about_something = not spec.is_of_host or view.place.host is not None
    if spec.has_rows(frame) and view.typed and is_about_something:
        again: Line = [("class:dim", "   Esc shows all again.")]
        return [[], [("", f"   Nothing here matches {fmt.sanitize(view.typed)}.")], again]
    absence = spec.absence
    if absence.explains and not (absence.words and frame is not None and frame.window.host_count):
        return no_http(frame, view.where)
    if frame is None or not absence.words or not is_about_something:
        return []
    more = absence.in_window if frame.window_length != float("inf") else ""
    return [[], [("class:dim", f"   {absence.words}{more}")]]


def no_http(frame: Frame | None, where: str = "") -> list[Line]:
    """The reasons why the window has no host, and commands that help."""
    if frame is None:
        return [[], [("", "   Waiting for the first interval to end.")]]
    window, shown = frame.window, frame.shown
    if not shown.seconds and frame.cleared is not None:
        return [[], [("", "   Cleared: counting anew.")]]
    seen = f"   {losses.line(shown)}."
    if only := unmatched(window, where):
        return [[], [("class:strong", f"   N{only[1:]}.")], [("", seen)]]
    lines: list[Line] = [[], [("class:strong", "   No HTTP seen in this window.")], [("", seen)]]
    lines += [[("", f"   {reason[0].upper()}{reason[1:]}.")] for reason in reasons(window)]
    return [*lines, *_advice(frame)]


def _advice(frame: Frame) -> list[Line]:
    """Commands that help, without those that are in effect already."""
    if "demo" in frame.already:
        return [[], [("class:dim", "   The traffic of the demo begins a second after the start.")]]
    lines: list[Line] = []
    if frame.window.capture.received == 0 and "read" not in frame.already:
        lines.append([("", "   Right interface? "), ("class:key", "netmon -D"), ("", " lists them.")])
    return [*lines, [], [("class:dim", "   To look at something: "), ("class:key", "netmon --demo")]]

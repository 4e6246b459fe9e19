"""Why a table is empty, and what to type. A view in, a few lines out; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon import losses
from netmon.absence import reasons
from netmon.display import canvas
from netmon.display.view import Panel, View

if TYPE_CHECKING:
    from netmon.display.canvas import Line
    from netmon.frames import Frame


def nothing(view: View, panel: Panel, width: int, height: int) -> list[Line]:
    """The reasons in at most so many lines, which continue on the next; blank ones give way first."""
    lines = [part for line in _why(view, panel) for part in (canvas.wrapped(line, width) if line else [line])]
    if len(lines) > height:
        lines = [line for line in lines if line]
    return lines[: max(height, 0)]


def _why(view: View, panel: Panel) -> list[Line]:
    frame = view.frame
    has_hosts = frame is not None and frame.window.host_count > 0
    has_rows = has_hosts or panel in (Panel.ALERTS, Panel.INTERFACES, Panel.INTERFACE_QUALITY)
    has_rows = has_rows or (panel is Panel.CONNECTIONS and frame is not None and bool(frame.connections))
    if has_rows and view.typed and (panel is not Panel.SECTIONS or view.place.host):
        again: Line = [("class:dim", "   Esc shows all again.")]
        return [[], [("", f"   Nothing here matches {fmt.sanitize(view.typed)}.")], again]
    if panel in (Panel.HOSTS, Panel.ALL_SECTIONS, Panel.HOST_QUALITY, Panel.CLIENTS) or (
        panel is Panel.REQUESTS and not has_hosts
    ):
        return no_http(frame)
    words = _words(panel, frame) if frame is not None and (panel is not Panel.SECTIONS or view.place.host) else ""
    return [[], [("class:dim", f"   {words}")]] if words else []


def _words(panel: Panel, frame: Frame) -> str:
    is_everything = frame.window_length == float("inf")
    longer = LONGER if panel is Panel.SECTIONS and not is_everything else ""
    return _WORDS.get(panel, "") + longer


LONGER = "; w makes it longer"

_WORDS = {
    Panel.CONNECTIONS: "No connection in this window.",
    Panel.REQUESTS: "No exchange kept: none was answered lately.",
    Panel.SLOWEST: "No exchange kept: none was answered lately, or slower ones took its place.",
    Panel.OF_CLIENT: "No exchange of this client kept: none was answered lately.",
    Panel.INTERFACE_HOSTS: "No exchange seen on it lately.",
    Panel.SECTIONS: "No request for this host in this window",
}


def no_http(frame: Frame | None) -> list[Line]:
    """Why there is no host, and what to type."""
    if frame is None:
        return [[], [("", "   Waiting for the first interval to end.")]]
    window, shown = frame.window, frame.shown
    if not shown.seconds and frame.cleared is not None:
        return [[], [("", "   Cleared: counting anew.")]]
    seen = f"   {losses.line(shown)}."
    lines: list[Line] = [[], [("class:strong", "   No HTTP seen in this window.")], [("", seen)]]
    lines += [[("", f"   {reason[0].upper()}{reason[1:]}.")] for reason in reasons(window)]
    return [*lines, *_advice(frame)]


def _advice(frame: Frame) -> list[Line]:
    """What to type, of what is not so already."""
    if "demo" in frame.already:
        return [[], [("class:dim", "   The traffic of the demo begins a second after the start.")]]
    lines: list[Line] = []
    if frame.window.capture.received == 0 and "read" not in frame.already:
        lines.append([("", "   Right interface? "), ("class:key", "netmon -D"), ("", " lists them.")])
    return [*lines, [], [("class:dim", "   To look at something: "), ("class:key", "netmon --demo")]]

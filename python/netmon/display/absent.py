"""Why a table is empty, and what to type. A view in, a few lines out; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon import losses
from netmon.absence import reasons
from netmon.display.view import Panel, View

if TYPE_CHECKING:
    from netmon.display.canvas import Line
    from netmon.frames import Frame


def nothing(view: View, panel: Panel, height: int) -> list[Line]:
    """The reasons in at most so many lines; blank ones give way first."""
    lines = _why(view, panel)
    if len(lines) > height:
        lines = [line for line in lines if line]
    return lines[: max(height, 0)]


def _why(view: View, panel: Panel) -> list[Line]:
    frame = view.frame
    has_hosts = frame is not None and frame.window.host_count > 0
    has_rows = has_hosts or (panel is Panel.CONNECTIONS and frame is not None and bool(frame.connections))
    if has_rows and view.typed and (panel is not Panel.SECTIONS or view.place.host):
        again: Line = [("class:dim", "   Esc shows all again.")]
        return [[], [("", f"   Nothing here matches {fmt.sanitize(view.typed)}.")], again]
    if panel in (Panel.HOSTS, Panel.ALL_SECTIONS, Panel.HOST_QUALITY) or (panel is Panel.REQUESTS and not has_hosts):
        return no_http(frame)
    words = _WORDS.get(panel, "") if frame is not None and (panel is not Panel.SECTIONS or view.place.host) else ""
    return [[], [("class:dim", f"   {words}")]] if words else []


_WORDS = {
    Panel.CONNECTIONS: "No connection in this window.",
    Panel.REQUESTS: "No exchange kept: none was answered lately.",
    Panel.SLOWEST: "No exchange kept: none was answered lately, or slower ones took its place.",
    Panel.INTERFACE_HOSTS: "No exchange seen on it lately.",
    Panel.SECTIONS: "No request for this host in this window; w makes it longer.",
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
    if window.capture.received == 0:
        lines.append([("", "   Right interface? "), ("class:key", "netmon -D"), ("", " lists them.")])
    return [*lines, [], [("class:dim", "   To look at something: "), ("class:key", "netmon --demo")]]

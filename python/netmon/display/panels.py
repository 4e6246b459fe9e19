"""The panels that do not scroll: title, rates, alert bar, traffic, and why there is nothing to show.

Pure functions from a view and a size to lines of exactly that width. No clock, no terminal; wire text is sanitized
here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon.absence import reasons
from netmon.display import canvas

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from netmon._core import Interface, Point, Snapshot
    from netmon.alerts import Gauge
    from netmon.display.canvas import Line
    from netmon.display.state import View
    from netmon.display.style import Glyphs
    from netmon.frames import Frame
    from netmon.playback import Progress

RED_LOSS = 0.001
"""Share of lost packets above which the capture line turns red."""

INTERFACES = 6
"""Interfaces named in the title line; the busiest of them."""


def title_line(view: View, width: int) -> Line:
    """Who, where, how long, when; with little room, the last of these."""
    frame, marks = view.frame, view.glyphs
    left: Line = [("class:brand", " netmon  "), *badge(view)]
    if frame is None:
        return canvas.fit([*left, ("class:dim", "waiting for the first interval")], width)
    for number, interface in enumerate(_busiest(frame.window)[:INTERFACES]):
        state = "class:ok" if interface.state == "up" else "class:warn"
        left += [
            ("class:dim", marks.between if number else ""),
            ("", fmt.source(interface.name)),
            (state, f" {interface.state}"),
        ]
    whole = frame.window_length == float("inf")
    times = [
        "whole file" if whole else f"last {fmt.duration(frame.seconds)}",
        f"running {fmt.duration(frame.tally.seconds)}",
        f"{fmt.time(frame.tally.end)}{_until(view)} ",
    ]
    while times and fmt.width(marks.between.join(times)) > width - canvas.width(left) - 2:
        del times[0]
    return canvas.spread(left, [("class:dim", marks.between.join(times))], width)


def badge(view: View) -> Line:
    """The word for a screen that does not move."""
    if view.is_paused:
        return [("class:notice", " PAUSED "), ("", "  ")]
    if view.ended:
        return [("class:notice", " END "), ("", "  ")]
    return [("class:notice", f" PLAY {_speed(view.progress)} "), ("", "  ")] if view.progress else []


def _speed(progress: Progress) -> str:
    return "max" if progress.speed == float("inf") else f"{progress.speed:g}x"


def _until(view: View) -> str:
    """How far a file that is played goes, once that is known, and how far back one can go when not to the start."""
    progress = view.progress
    if progress is None:
        return ""
    until = f" of {fmt.clock(progress.latest)}" if progress.latest else ""
    return until + (f", kept from {fmt.clock(progress.earliest)}" if progress.forgets else "")


def rates_line(view: View, width: int) -> Line:
    """The rates of the window on the left, the capture line on the right."""
    frame = view.frame
    if frame is None:
        return canvas.fit([], width)
    right = [*capture_text(frame), ("", " ")]
    left = [("", " "), *rates(frame)]
    room = width - canvas.width(left) - canvas.width(right) - 2
    if room >= 10:
        trend = canvas.series(frame.history, lambda point: point.hits, min(room, 30))
        left += [("class:spark", canvas.sparkline(trend, view.glyphs))]
    return canvas.spread(left, right, width)


def rates(frame: Frame, width: int = 60) -> Line:
    """Hits, bits and packets per second, as many of them as fit."""
    seconds, window = frame.seconds or 1.0, frame.window
    packets = sum(interface.packets for interface in window.interfaces)
    bits = 8 * sum(interface.bytes for interface in window.interfaces)
    number, unit = fmt.scaled(bits / seconds, "bit/s").rsplit(" ", 1)
    figures = ((fmt.rate(window.hits / seconds), "hits/s"), (number, unit), (fmt.rate(packets / seconds), "packets/s"))
    return canvas.whole([[("class:strong", f"{n} "), ("class:dim", f"{words}   ")] for n, words in figures], width)


def capture_text(frame: Frame) -> Line:
    """What was captured and what was lost since the start, in plain words."""
    tally = frame.tally
    share = tally.lost / (tally.packets + tally.lost) if tally.lost else 0.0
    style = "class:bad" if share > RED_LOSS else "class:warn" if tally.lost else "class:dim"
    return [(style, fmt.losses(tally.packets, tally.lost))]


def alert_bar(view: View, width: int) -> Line:
    """The first rule that alerts, else the first rule: word, gauge, number."""
    frame = view.frame
    if frame is None or not frame.gauges:
        return canvas.fit([], width)
    shown = next((gauge for gauge in frame.gauges if gauge.alert), frame.gauges[0])
    rule, bad = shown.rule, shown.alert is not None
    word = ("class:alert", " ALERT ") if bad else ("class:ok", " OK    ")
    number: Line = [
        ("class:bad" if bad else "class:strong", f"  {fmt.count(shown.value)}"),
        ("class:dim", f" / {fmt.count(rule.threshold)}"),
    ]
    if width >= 80:
        number.append(("class:dim", f" {rule.metric} in {fmt.duration(rule.span)}{_lasting(shown, frame)} "))
    room = min(60, width - 10 - canvas.width(number))
    style = "class:bad" if bad else "class:ok"
    bar = canvas.gauge(shown.value / rule.threshold, max(0, room), style, view.glyphs)
    return canvas.fit([("", " "), word, ("", " "), *bar, *number], width)


def _lasting(gauge: Gauge, frame: Frame) -> str:
    return f", for {fmt.duration(frame.snapshot.end - gauge.alert.at)}" if gauge.alert else ""


def traffic(view: View, width: int, height: int) -> list[Line]:
    """One row per interface: state, rates, the share of HTTP, the last minute."""
    frame, marks = view.frame, view.glyphs
    titles = f"{'bit/s':>26}{'packets/s':>11}{'HTTP':>8}   last 60 s"
    lines = [canvas.fit([("class:heading.title", " TRAFFIC"), ("class:heading", titles)], width, "class:heading")]
    if frame is None:
        return lines
    shown = _busiest(frame.window)
    lines += [canvas.fit(_interface_row(frame, each, width, marks), width) for each in shown[: height - 1]]
    hidden = len(shown) - (height - 1)
    if hidden > 0 and len(lines) > 1:
        lines[-1] = canvas.fit([("class:dim", f"   and {fmt.plural(hidden + 1, 'more interface')}")], width)
    return lines


def _interface_row(frame: Frame, interface: Interface, width: int, marks: Glyphs) -> Line:
    seconds = frame.seconds or 1.0
    state = "class:ok" if interface.state == "up" else "class:warn"
    share = fmt.percent(interface.http_bytes / interface.bytes) if interface.bytes else marks.none
    trend = canvas.series(frame.history, _bytes_of(interface.name), max(0, min(60, width - 58)))
    return [
        ("", f"   {fmt.fit(fmt.source(interface.name), 13, dots=marks.dots)} "),
        (state, f"{interface.state:<4}"),
        ("class:strong", f"{fmt.scaled(interface.bytes * 8 / seconds, 'bit/s'):>13}"),
        ("", f"{fmt.rate(interface.packets / seconds):>11}"),
        ("class:dim", f"{share:>8}   "),
        ("class:spark", canvas.sparkline(trend, marks)),
    ]


def _bytes_of(name: str) -> Callable[[Point], float]:
    return lambda point: point.bytes_of(name)


def _busiest(window: Snapshot) -> Sequence[Interface]:
    return sorted(window.interfaces, key=lambda interface: (-interface.bytes, interface.name))


def no_http(frame: Frame | None) -> list[Line]:
    """Why the table of hosts is empty, and what to type."""
    if frame is None:
        return [[], [("", "   Waiting for the first interval to end.")]]
    window = frame.window
    seen = f"   {fmt.losses(frame.tally.packets, frame.tally.lost)} since the start."
    lines: list[Line] = [[], [("class:strong", "   No HTTP seen in this window.")], [("", seen)]]
    lines += [[("", f"   {reason[0].upper()}{reason[1:]}.")] for reason in reasons(window)]
    if window.capture.received == 0:
        lines.append([("", "   Is this the right interface? "), ("class:key", "netmon -D"), ("", " lists them.")])
    return [*lines, [], [("class:dim", "   For something to look at: "), ("class:key", "netmon --demo")]]

"""The charts of a page as SVG geometry: a document in, paths out. Pure; markup is made by a template.

The horizontal unit is one time point, the vertical one a pixel. The template stretches the first to any width, and the
script zooms by looking at a part of it, so no geometry is ever computed in the browser. Each chart has a text that says
what it shows; the figures are in the table of time points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netmon import format as fmt
from netmon.page import axes
from netmon.page.heat import latency
from netmon.page.shapes import Chart, Layer, Mark, Points, area

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TALL, LOW = 168, 96
"""Pixels of a chart's height."""

LANE = 18
"""Pixels of the height of one lane of alerts."""

LEAST_WIDTH = 400
"""A bar is at least this part of the chart wide, so that a moment can be seen."""

LANES = 12
"""Lanes of alerts at most, those that fired longest; the table lists all."""


def charts(document: dict[str, Any]) -> list[Chart]:
    """The charts about time, from top to bottom; empty if there is no time."""
    points = Points(document)
    if not points.count:
        return []
    made = [_responses(points), _errors(points), _traffic(points)]
    if any(len(counts) > 1 for counts in points.latencies):
        made.append(latency(points))
    return made + ([_alerts(points, document["alerts"])] if document["alerts"] else [])


def quality(document: dict[str, Any]) -> list[Chart]:
    """The charts about connections and losses."""
    points = Points(document)
    if not points.count:
        return []
    segments, resent = points.column("segments"), points.column("retransmitted")
    shares = [part / whole if whole else 0.0 for part, whole in zip(resent, segments, strict=True)]
    chart = _areas(
        points, ("resent", "Segments sent again", "share of all segments"), [("resent", shares)], fmt.percent
    )
    mean = sum(resent) / sum(segments) if any(segments) else 0.0
    made = [chart._replace(text=_course(points, shares, mean, fmt.percent))]
    lost = points.column("lost", 1 / points.step)
    if any(lost):
        made.append(_areas(points, ("lost", "Packets lost by the capture", "per second"), [("lost", lost)], fmt.rate))
    return made


CLASSES = (
    ("s1", "1xx interim", "status_1xx"),
    ("s2", "2xx success", "status_2xx"),
    ("s3", "3xx redirection", "status_3xx"),
    ("s4", "4xx client error", "status_4xx"),
    ("s5", "5xx server error", "status_5xx"),
)
"""Classes of statuses: style, label, and column."""


def _stacked(points: Points, name: str, title: str, classes: Sequence[tuple[str, str, str]], height: int) -> Chart:
    """A stack of the classes that occurred, the first one at the bottom."""
    found = [(style, label, points.column(column, 1 / points.step)) for style, label, column in classes]
    found = [each for each in found if any(each[2])]
    marks = [Mark(style, label, fmt.count(sum(values) * points.step)) for style, label, values in found]
    layers = [(style, values) for style, _, values in found]
    return _areas(points, (name, title, "per second"), layers, fmt.rate, height)._replace(legend=marks)


def _responses(points: Points) -> Chart:
    return _stacked(points, "responses", "Responses by status", CLASSES, TALL)


def _errors(points: Points) -> Chart:
    return _stacked(points, "errors", "Errors", CLASSES[3:], LOW)


def _traffic(points: Points) -> Chart:
    titles = ("traffic", "HTTP traffic", "on the wire")
    bits = points.column("http_bits", 1 / points.step)
    return _areas(points, titles, [("traffic", bits)], lambda n: fmt.scaled(n, "bit/s"))


def _areas(
    points: Points,
    titles: tuple[str, str, str],
    layers: Sequence[tuple[str, list[float]]],
    shown: Callable[[float], str],
    height: int = LOW,
) -> Chart:
    """Areas on top of each other, on an axis from 0. `titles` are the name, the title and the unit of the chart."""
    tops = [0.0] * points.count
    stack = []
    for style, values in layers:
        bottoms, tops = tops, [a + b for a, b in zip(tops, values, strict=True)]
        stack.append((style, bottoms, tops))
    numbers = axes.linear(max(tops, default=0.0))
    top = numbers[-1]

    def y(value: float) -> float:
        return height - value / top * height

    drawn = [Layer(style, area([y(b) for b in bottoms], [y(t) for t in uppers])) for style, bottoms, uppers in stack]
    ticks = [(y(number), shown(number).replace(".0", "")) for number in numbers]
    mean = sum(tops) * points.step / points.seconds
    return Chart(*titles, _course(points, tops, mean, shown), height, ticks, drawn)


def _course(points: Points, values: Sequence[float], mean: float, shown: Callable[[float], str]) -> str:
    """The course of one curve in words."""
    most = max(values, default=0.0)
    if not most:
        return "None at any time."
    return f"{shown(mean)} on average; most at {points.time(values.index(most))}: {shown(most)}."


def _alerts(points: Points, alerts: Sequence[dict[str, Any]]) -> Chart:
    """One lane for each name; a bar from firing to recovery, or to the end."""
    end = points.start + points.count * points.step
    lanes: dict[str, list[tuple[float, float, str]]] = {}
    for alert in alerts:
        until = end if alert["until"] is None else alert["until"]
        lanes.setdefault(alert["name"], []).append((alert["since"], until, alert["severity"]))
    longest = sorted(lanes, key=lambda name: -sum(until - since for since, until, _ in lanes[name]))[:LANES]
    names = [name for name in lanes if name in longest]
    least = points.count / LEAST_WIDTH
    paths: dict[str, list[str]] = {}
    for lane, name in enumerate(names):
        for since, until, severity in lanes[name]:
            left = min(max((since - points.start) / points.step, 0), points.count - least)
            width = max(min((until - points.start) / points.step, points.count) - left, least)
            paths.setdefault(severity, []).append(f"M{left:.2f} {lane * LANE + 4}h{width:.2f}v{LANE - 8}h{-width:.2f}z")
    layers = [Layer(f"alert-{severity}", "".join(parts)) for severity, parts in paths.items()]
    ticks = [(lane * LANE + LANE / 2, str(lane + 1)) for lane in range(len(names))]
    marks = [Mark("lane", f"{number}. {name}") for number, name in enumerate(names, 1)]
    more = f"; shown are the {LANES} of {len(lanes)} that fired longest" if len(lanes) > LANES else ""
    text = f"{fmt.plural(len(alerts), 'alert')} in {fmt.plural(len(names), 'lane')}{more}."
    return Chart("alerts", "Alerts", "from firing to recovery", text, len(names) * LANE, ticks, layers, marks)

"""What charts are made of: the time points of a document as columns, and the paths of areas and lines. Pure.

The horizontal unit is one time point, the vertical one a pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from netmon.page.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Sequence


class Layer(NamedTuple):
    """A path and the name of its style."""

    style: str
    path: str


class Mark(NamedTuple):
    """A key of the legend: the name of a style, its label, and a figure about the whole time."""

    style: str
    label: str
    figure: str = ""


class Chart(NamedTuple):
    name: str
    title: str
    unit: str
    text: str
    """What the chart shows, for those who do not see it."""
    height: int
    ticks: Sequence[tuple[float, str]]
    """Lines across the chart: pixels from the top, and a label."""
    layers: Sequence[Layer]
    legend: Sequence[Mark] = ()


class Points:
    """The time points of a document by column; a point without packets has zeros."""

    def __init__(self, document: dict[str, Any]) -> None:
        points = document["points"]
        self.clock = Clock(**document["clock"])
        self.start, self.step, self.count = points["start"], points["step"] or 1.0, points["count"]
        self.rows, self.names = points["rows"], points["names"]
        self.scale, self.latencies = points["scale"], points["latencies"]

    @property
    def seconds(self) -> float:
        """The time of the run, to which the first and the last point may belong only in part."""
        return max(self.clock.end - self.clock.start, 0.0) or self.step

    def column(self, name: str, factor: float = 1.0) -> list[float]:
        """One column of all points."""
        values, place = [0.0] * self.count, self.names.index(name)
        for row in self.rows:
            values[row[0]] = (row[place] or 0) * factor
        return values

    def time(self, at: int) -> str:
        return self.clock.moment(self.start + at * self.step)


def area(bottoms: Sequence[float], tops: Sequence[float]) -> str:
    """The path of the steps between two curves, each step one unit wide; points where both are equal are skipped."""
    parts, at, end = [], 0, len(tops)
    while at < end:
        if bottoms[at] == tops[at]:
            at += 1
            continue
        start = at
        while at < end and bottoms[at] != tops[at]:
            at += 1
        run = range(start, at)
        parts.append(f"M{start} {_n(tops[start])}" + _steps([tops[i] for i in run], forward=True))
        parts.append(f"V{_n(bottoms[at - 1])}" + _steps([bottoms[i] for i in reversed(run)], forward=False) + "Z")
    return "".join(parts)


def line(values: Sequence[float | None]) -> str:
    """The path of a curve in steps, one unit wide each; None interrupts it."""
    parts, last = [], None
    for at, value in enumerate(values):
        if value is not None:
            parts.append(f"M{at} {_n(value)}h1" if last is None else f"V{_n(value)}h1")
        last = value
    return "".join(parts)


def _steps(values: Sequence[float], *, forward: bool) -> str:
    """Horizontal and vertical lines through the values; equal neighbours are one line."""
    sign, parts, width = "" if forward else "-", [], 0
    for at, value in enumerate(values):
        width += 1
        if at + 1 == len(values) or _n(values[at + 1]) != _n(value):
            parts.append(f"h{sign}{width}" + (f"V{_n(values[at + 1])}" if at + 1 < len(values) else ""))
            width = 0
    return "".join(parts)


def _n(value: float) -> str:
    """A number of pixels, to a tenth."""
    return f"{value:.1f}".removesuffix(".0")

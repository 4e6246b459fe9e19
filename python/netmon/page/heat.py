"""The chart of latencies: a heat map of the histogram over time, with percentiles as lines. Pure."""

from __future__ import annotations

from math import ceil, floor, log2
from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon.page import axes
from netmon.page.shapes import Chart, Layer, Mark, line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netmon.page.shapes import Points

HEIGHT = 240

ROWS = 40
"""Rows of the heat map at most: each is at least six pixels high."""

LEVELS = 6
"""Shades of the heat map; each stands for about twice as much as the one before, down from the fullest cell."""

RARE = 0.001
"""Share of the fastest responses that are drawn in the lowest row, so that a few do not stretch the axis."""

LINES = (("p50", "half of the responses"), ("p95", "95 %"), ("p99", "99 %"))


def latency(points: Points) -> Chart:
    """The chart; at least one point has latencies."""
    per_double = 2 if points.scale > 0 else 1
    cells = _cells(points, per_double)
    if max(row for _, row in cells) - _lowest(points, cells, per_double) >= ROWS:
        per_double = 1  # one row for a factor of two, which is enough for any latency
        cells = _cells(points, per_double)
    high = max(row for _, row in cells) + 1
    low = max(_lowest(points, cells, per_double), high - ROWS + 1)
    rows = high - low + 1
    size = HEIGHT / rows

    def y(seconds: float) -> float:
        return min(max((high + 1 - log2(seconds) * per_double) * size, 0.0), float(HEIGHT))

    layers = [Layer(f"h{level}", path) for level, path in sorted(_shades(cells, low, high, size).items())]
    for name, _ in LINES:
        values = [None if not micros else y(micros / 1e6) for micros in points.column(name)]
        layers += [Layer("halo", path := line(values)), Layer(name, path)]
    bottom, top = 2 ** (low / per_double), 2 ** ((high + 1) / per_double)
    ticks = [(y(seconds), fmt.latency(seconds).replace(".0", "")) for seconds in axes.decades(bottom, top)]
    marks = [Mark(name, f"{name}: {words} began within this time") for name, words in LINES]
    marks.append(Mark("heat", "darker: more responses"))
    return Chart("latency", "Latency", "wait for the response", _text(points), HEIGHT, ticks, layers, marks)


def _cells(points: Points, per_double: int) -> dict[tuple[int, int], int]:
    """Responses by time point and row; row i holds the seconds above ``2 ** (i / per_double)``."""
    shift = max(0, points.scale - (per_double.bit_length() - 1))
    cells: dict[tuple[int, int], int] = {}
    for row, (first, *counts) in zip(points.rows, points.latencies, strict=True):
        for bucket, n in enumerate(counts, first):
            if n:
                cell = (row[0], bucket >> shift)
                cells[cell] = cells.get(cell, 0) + n
    return cells


def _lowest(points: Points, cells: Mapping[tuple[int, int], int], per_double: int) -> int:
    """The lowest row: without the few fastest responses, but not above the median of any time point."""
    sums: dict[int, int] = {}
    for (_, row), n in cells.items():
        sums[row] = sums.get(row, 0) + n
    spare = sum(sums.values()) * RARE
    low = min(sums)
    while low < max(sums) and (spare := spare - sums.get(low, 0)) >= 0:
        low += 1
    medians = (floor(log2(micros / 1e6) * per_double) for micros in points.column("p50") if micros)
    return min(low, *medians, low)


def _shades(cells: Mapping[tuple[int, int], int], low: int, high: int, size: float) -> dict[int, str]:
    """For each shade, the path of its cells; neighbours in a row are one rectangle."""
    drawn: dict[tuple[int, int], int] = {}
    for (at, row), n in cells.items():
        place = (high - max(row, low), at)
        drawn[place] = drawn.get(place, 0) + n
    most = max(drawn.values())
    paths: dict[int, list[str]] = {}
    last: tuple[int, int, int] | None = None  # the rectangle that is not written yet: row, shade, where it begins
    end = 0

    def write() -> None:
        if last is not None:
            row, shade, start = last
            top, bottom = round(row * size, 1), round((row + 1) * size, 1)
            paths.setdefault(shade, []).append(f"M{start} {top:g}H{end}V{bottom:g}H{start}z")

    for (row, at), n in sorted(drawn.items()):
        shade = max(1, LEVELS - ceil(log2(most / n) - 1e-9))
        if last is None or (last[0], last[1], end) != (row, shade, at):
            write()
            last = (row, shade, at)
        end = at + 1
    write()
    return {shade: "".join(parts) for shade, parts in paths.items()}


def _text(points: Points) -> str:
    """The course of the percentiles in words."""
    said = []
    for name, _ in LINES:
        known = [(value, at) for at, value in enumerate(points.column(name)) if value]
        if known:
            (least, _), (most, at) = min(known), max(known)
            span = f"{fmt.latency(least / 1e6)} to {fmt.latency(most / 1e6)}"
            said.append(f"{name} from {span}, greatest at {points.time(at)}")
    return f"{'; '.join(said)}." if said else "None was measured."

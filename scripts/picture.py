#!/usr/bin/env python3
"""Makes the picture in the README: `netmon --demo` in a terminal of 120x30, while the alert lasts.

    picture.py [--keys KEYS] [--theme dark|light] [FILE.svg]

The picture is of a real run on real traffic, so it needs the right to capture. KEYS are typed before it is taken.
"""

import argparse
import os
import sys
import time
from contextlib import suppress
from html import escape
from itertools import groupby
from pathlib import Path

import pexpect
import pyte

WIDTH, HEIGHT = 120, 30
CELL, LINE = 8.4, 18
PATIENCE = 60
"""Seconds to wait for the alert of the demo, which fires after 13."""
AFTER = 3.0
"""Seconds from the alert to the picture."""

NBSP = "\N{NO-BREAK SPACE}"

THEMES = {"dark": ("#0d1117", "#c9d1d9"), "light": ("#ffffff", "#1f2328")}
STYLE = "font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def run(keys, theme):
    """Runs the demo, and returns the terminal as it was some seconds after the alert fired."""
    screen = pyte.Screen(WIDTH, HEIGHT)
    stream = pyte.ByteStream(screen)
    environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    child = pexpect.spawn(
        sys.executable,
        ["-m", "netmon", "--no-config", "--demo", "--theme", theme],
        dimensions=(HEIGHT, WIDTH),
        env=environment,
    )
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(pexpect.TIMEOUT):
            stream.feed(child.read_nonblocking(1 << 16, timeout=0.1))
        if screen.display[2].startswith("  ALERT") and end - time.monotonic() > AFTER:
            child.send(keys)
            end = time.monotonic() + AFTER
    child.send("q")
    child.expect(pexpect.EOF, timeout=10)
    return screen


def svg(screen, theme):
    """The screen as an SVG picture: cells of the same look are one text, with their background below."""
    background, foreground = THEMES[theme]
    width, height = WIDTH * CELL + 24, HEIGHT * LINE + 24
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img" '
            f'aria-label="netmon in a terminal">'
        ),
        f'<rect width="100%" height="100%" rx="8" fill="{background}"/>',
        f'<g style="{STYLE}" fill="{foreground}">',
    ]
    for row in range(HEIGHT):
        parts += _row(screen.buffer[row], 12 + row * LINE, background, foreground)
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _row(cells, top, background, foreground):
    looks = [_look(cells[column], background, foreground) for column in range(WIDTH)]
    for look, run in groupby(range(WIDTH), key=looks.__getitem__):
        columns = list(run)
        text = "".join(cells[column].data for column in columns)
        front, back, bold, underlined = look
        left, length = 12 + columns[0] * CELL, len(columns) * CELL
        if back != background:
            yield f'<rect x="{left:.1f}" y="{top}" width="{length:.1f}" height="{LINE}" fill="{back}"/>'
        if text.strip():
            left += CELL * (len(text) - len(text.lstrip()))
            text = text.strip()
            more = (' font-weight="bold"' if bold else "") + (' text-decoration="underline"' if underlined else "")
            color = f' fill="{front}"' if front != foreground else ""
            place = f'x="{left:.1f}" y="{top + 13}" textLength="{len(text) * CELL:.1f}"'
            yield f"<text {place}{color}{more}>{escape(text).replace(' ', NBSP)}</text>"


def _look(cell, background, foreground):
    front = foreground if cell.fg == "default" else f"#{cell.fg}"
    back = background if cell.bg == "default" else f"#{cell.bg}"
    return (back, front, cell.bold, cell.underscore) if cell.reverse else (front, back, cell.bold, cell.underscore)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    arguments.add_argument("--keys", default="")
    arguments.add_argument("--theme", choices=THEMES, default="dark")
    arguments.add_argument("file", nargs="?", type=Path, default=Path(__file__).parents[1] / "docs" / "screen.svg")
    given = arguments.parse_args()
    given.file.write_text(svg(run(given.keys, given.theme), given.theme))


if __name__ == "__main__":
    main()

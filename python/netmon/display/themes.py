"""Colours by role, in four themes, and the characters to draw with.

Wherever a colour has a meaning, a word or a sign on the screen says the same, so that nothing is lost without colours.
On terminals with 256 or 16 colours, the nearest colours are used.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

DARK = {
    "brand": "bold #58a6ff",
    "heading": "bg:#1f2d3a #9fb3c8",
    "heading.title": "bg:#1f2d3a #dbe7f3 bold",
    "heading.focus": "bg:#24506e #ffffff bold",
    "heading.sort": "bg:#1f2d3a #ffffff bold underline",
    "cursor": "bg:#264f78 #ffffff",
    "cursor.quiet": "bg:#264f78 #9fb3c8",
    "cursor.faint": "bg:#161b22",
    "dim": "#7a8694",
    "strong": "bold",
    "ok": "#3fb950",
    "warn": "#d29922",
    "bad": "#f85149 bold",
    "alert": "bg:#b62324 #ffffff bold",
    "notice": "bg:#9e6a03 #ffffff bold",
    "tab": "#9fb3c8",
    "tab.here": "bg:#24506e #ffffff bold",
    "spark": "#58a6ff",
    "spark.second": "#a371f7",
    "rest": "#3b4450",
    "key": "#79c0ff bold",
}

LIGHT = {
    "brand": "bold #0550ae",
    "heading": "bg:#dde4ec #424a53",
    "heading.title": "bg:#dde4ec #1f2328 bold",
    "heading.focus": "bg:#0969da #ffffff bold",
    "heading.sort": "bg:#dde4ec #000000 bold underline",
    "cursor": "bg:#b6d7ff #000000",
    "cursor.quiet": "bg:#b6d7ff #59636e",
    "cursor.faint": "bg:#f0f3f6",
    "dim": "#59636e",
    "strong": "bold",
    "ok": "#116329",
    "warn": "#7d4e00",
    "bad": "#b3121d bold",
    "alert": "bg:#cf222e #ffffff bold",
    "notice": "bg:#7d4e00 #ffffff bold",
    "tab": "#424a53",
    "tab.here": "bg:#0969da #ffffff bold",
    "spark": "#0969da",
    "spark.second": "#8250df",
    "rest": "#c3ccd5",
    "key": "#0550ae bold",
}

NONE = {
    "brand": "bold",
    "heading": "underline",
    "heading.title": "underline bold",
    "heading.focus": "reverse bold",
    "heading.sort": "underline bold",
    "cursor": "reverse",
    "strong": "bold",
    "bad": "bold",
    "alert": "reverse bold",
    "notice": "reverse bold",
    "tab.here": "reverse bold",
    "key": "bold",
}

PALETTE = {
    "brand": "bold ansicyan",
    "heading": "underline",
    "heading.title": "underline bold",
    "heading.focus": "bg:ansiblue ansiwhite bold",
    "heading.sort": "underline bold",
    "cursor": "reverse",
    "strong": "bold",
    "ok": "ansigreen",
    "warn": "ansiyellow",
    "bad": "ansired bold",
    "alert": "bg:ansired ansiwhite bold",
    "notice": "bg:ansiyellow ansiblack bold",
    "tab.here": "bg:ansiblue ansiwhite bold",
    "spark": "ansicyan",
    "spark.second": "ansimagenta",
    "key": "ansicyan bold",
}
"""Uses the eight basic colours and the text colour that the user has set for the terminal. Grey is not used: in some
palettes it is the colour of the background."""

THEMES = {"dark": DARK, "light": LIGHT, "palette": PALETTE, "none": NONE}

MONOCHROME, SIXTEEN, MANY, ALL = 1, 4, 8, 24
"""Bits of a colour, as prompt_toolkit's `ColorDepth` counts them."""

DEPTHS = (
    (re.compile(r"vt\d.*|.*-(m|mono)"), MONOCHROME),
    (re.compile(r"linux.*|ansi.*|cons25.*|wsvt25.*|cygwin|eterm-color|.*-16color"), SIXTEEN),
    (re.compile(r"screen([-.].*)?"), MANY),
)
"""Bits of a colour by TERM. They take precedence over COLORTERM, which programs inside screen inherit from outside."""

LIGHT_COLOURS = {7, *range(9, 16)}
"""Numbers of the sixteen colours that count as a light background."""


def depth(environment: Mapping[str, str]) -> int:
    """Bits of a colour that a terminal supports, according to TERM and COLORTERM."""
    term = environment.get("TERM", "")
    for pattern, bits in DEPTHS:
        if pattern.fullmatch(term):
            return bits
    is_whole = environment.get("COLORTERM") in ("truecolor", "24bit") or term.endswith("-direct")
    return ALL if is_whole else MANY


def theme_for(environment: Mapping[str, str]) -> str:
    """The theme for a terminal, chosen by its number of colours and by its background as COLORFGBG gives it."""
    if depth(environment) == SIXTEEN:
        return "palette"
    background = environment.get("COLORFGBG", "").rpartition(";")[2]
    return "light" if background.isdecimal() and int(background) in LIGHT_COLOURS else "dark"


class Glyphs(NamedTuple):
    """The characters that are not letters or digits."""

    bars: str
    full: str
    rest: str
    mark: str
    down: str
    up: str
    none: str
    dots: str
    between: str
    arrows: str
    to: str
    cursor: str


UNICODE = Glyphs("▁▂▃▄▅▆▇█", "█", "░", "▸", "▼", "▲", "·", "…", " · ", "↑↓", "→", "▏")
CONSOLE = Glyphs("·░▒█", "█", "░", "▶", "▼", "▲", "·", "~", " · ", "↑↓", "→", "_")
"""Characters that the kernel's font for the Linux console and all console fonts of Debian have."""

ASCII = Glyphs("_.-=+*%#", "#", ".", ">", "v", "^", ".", "~", " | ", "j k", "->", "_")

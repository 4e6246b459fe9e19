"""Colours by role, in four themes, and the characters to draw with.

Every colour has a word or a sign beside it on the screen, so that nothing is lost without colours. Terminals of 256 and
16 colours get the nearest ones.
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
"""The eight colours that a person chose for the terminal, and its own for text. Grey is not among them: some palettes
have the background there."""

THEMES = {"dark": DARK, "light": LIGHT, "palette": PALETTE, "none": NONE}

MONOCHROME, SIXTEEN, MANY, ALL = 1, 4, 8, 24
"""Bits of a colour."""

DEPTHS = (
    (re.compile(r"vt\d.*|.*-(m|mono)"), MONOCHROME),
    (re.compile(r"linux.*|ansi.*|cons25.*|wsvt25.*|cygwin|eterm-color|.*-16color"), SIXTEEN),
    (re.compile(r"screen([-.].*)?"), MANY),
)
"""What terminals have, by TERM, whatever COLORTERM says: it is inherited by what runs inside, as screen does."""

LIGHT_COLOURS = {7, *range(9, 16)}
"""Those of the sixteen that a background is light in."""


def depth(environment: Mapping[str, str]) -> int:
    """How many colours a terminal has, as bits of a colour."""
    term = environment.get("TERM", "")
    for pattern, bits in DEPTHS:
        if pattern.fullmatch(term):
            return bits
    is_whole = environment.get("COLORTERM") in ("truecolor", "24bit") or term.endswith("-direct")
    return ALL if is_whole else MANY


def theme_for(environment: Mapping[str, str]) -> str:
    """The theme that suits a terminal: by how many colours it has, and what COLORFGBG says of its background."""
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
"""What the kernel's own font for the Linux console and each of Debian's have."""

ASCII = Glyphs("_.-=+*%#", "#", ".", ">", "v", "^", ".", "~", " | ", "j k", "->", "_")

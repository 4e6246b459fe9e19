"""Colours by role, in three themes, and the characters to draw with.

Every colour has a word or a sign beside it on the screen, so that nothing is lost without colours. Terminals of 256 and
16 colours get the nearest ones.
"""

from __future__ import annotations

from typing import NamedTuple

DARK = {
    "brand": "bold #58a6ff",
    "heading": "bg:#1f2d3a #9fb3c8",
    "heading.title": "bg:#1f2d3a #dbe7f3 bold",
    "heading.focus": "bg:#24506e #ffffff bold",
    "heading.sort": "bg:#1f2d3a #ffffff bold underline",
    "cursor": "bg:#264f78 #ffffff",
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

THEMES = {"dark": DARK, "light": LIGHT, "none": NONE}


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
ASCII = Glyphs("_.-=+*%#", "#", ".", ">", "v", "^", ".", "~", " | ", "j k", "->", "_")

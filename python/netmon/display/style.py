"""Colours by role and the characters to draw with. Every colour has a word or a sign beside it on the screen."""

from __future__ import annotations

from typing import NamedTuple

COLORS = {
    "brand": "bold #58a6ff",
    "heading": "bg:#1f2d3a #9fb3c8",
    "heading.title": "bg:#1f2d3a #dbe7f3 bold",
    "heading.focus": "bg:#24506e #ffffff bold",
    "heading.sort": "bg:#1f2d3a #ffffff bold",
    "cursor": "bg:#264f78 #ffffff",
    "dim": "#7a8694",
    "strong": "bold",
    "ok": "#3fb950",
    "warn": "#d29922",
    "bad": "#f85149 bold",
    "alert": "bg:#b62324 #ffffff bold",
    "notice": "bg:#9e6a03 #ffffff bold",
    "spark": "#58a6ff",
    "rest": "#3b4450",
    "key": "#79c0ff bold",
}

NO_COLORS = {
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
    "key": "bold",
}


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


UNICODE = Glyphs("▁▂▃▄▅▆▇█", "█", "░", "▸", "▼", "▲", "·", "…", " · ", "↑↓")
ASCII = Glyphs("_.-=+*%#", "#", ".", ">", "v", "^", ".", "~", " | ", "j k")

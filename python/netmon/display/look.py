"""How the screen of a session looks: settings and a console in; its first lines, its colours and its glyphs out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netmon.display import themes
from netmon.display.view import View

if TYPE_CHECKING:
    from netmon.console import Console
    from netmon.display.terminal import Terminal
    from netmon.display.themes import Glyphs
    from netmon.options import Settings


def first_frame(settings: Settings, console: Console, terminal: Terminal) -> list[str]:
    """The lines of the screen before the first interval has ended, without colours."""
    from netmon.display.layout import screen  # noqa: PLC0415  themes are loaded without it

    lines = screen(View(glyphs=_glyphs(settings, console)), *terminal.size)
    return ["".join(text for _, text in line) for line in lines]


def look_of(settings: Settings, console: Console) -> dict[str, Any]:
    """The colours, the glyphs and the theme of a screen and the filters that it names, as keywords of `Display`."""
    environment = console.environment
    has_color = console.wants_color(settings.color)
    return {
        "colors": themes.depth(environment) if has_color else themes.MONOCHROME,
        "glyphs": _glyphs(settings, console),
        "theme": themes.theme_for(environment) if settings.theme == "auto" else settings.theme,
        "capture_filter": settings.filter or "",
        "where": (settings.where or "").strip(),
    }


def _glyphs(settings: Settings, console: Console) -> Glyphs:
    if settings.ascii or not console.speaks_unicode:
        return themes.ASCII
    is_console = console.environment.get("TERM", "").startswith("linux")
    return themes.CONSOLE if is_console else themes.UNICODE

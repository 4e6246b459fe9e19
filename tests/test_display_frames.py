"""Whole frames of the screen as approved text, drawn by the real application on a terminal in memory.

After an intended change, ``APPROVE=1 pytest tests/test_display_frames.py`` writes the frames again, to be read.
"""

import asyncio
import io
import os
import subprocess
import sys
from pathlib import Path
from string import printable

import pyte
import pytest
from drawing import SCENES, text, view_of
from fakes import snapshot
from netmon import Rule
from netmon.display import canvas
from netmon.display.app import Display
from netmon.display.layout import screen
from netmon.display.themes import ASCII, CONSOLE, DARK, LIGHT, NONE, PALETTE, THEMES
from netmon.frames import Frames
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

APPROVED = Path(__file__).parent / "frames"
SIZES = [(200, 60), (120, 30), (80, 24), (80, 23), (60, 20), (40, 10), (20, 5)]


def drawn(view, width, height):
    """What a terminal of that size shows of a view, drawn by the real application."""
    shown = pyte.Screen(width, height)
    stream = pyte.Stream(shown)
    seen = []

    class Terminal(io.StringIO):
        encoding = "utf-8"

        def write(self, data):
            stream.feed(data)
            return len(data)

    output = Vt100_Output(Terminal(), lambda: Size(rows=height, columns=width), term="xterm-256color", enable_cpr=False)

    async def no_frames():
        while not seen:
            await asyncio.sleep(0)
        return
        yield

    with create_pipe_input() as keyboard:
        display = Display(input=keyboard, output=output)
        display.view = view
        display.after_drawing(lambda: seen.append(list(shown.display)))
        display.run(no_frames(), lambda: seen.append([]))
    return [line.rstrip() for line in seen[0]]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("name", SCENES)
def test_frame(name, width, height):
    """Each frame is the approved one."""
    frame = "\n".join(drawn(SCENES[name](), width, height)) + "\n"
    approved = APPROVED / f"{name}-{width}x{height}.txt"
    if os.environ.get("APPROVE"):
        approved.parent.mkdir(exist_ok=True)
        approved.write_text(frame)
    assert frame == approved.read_text()


def test_every_approved_frame_is_of_a_scene():
    known = {f"{name}-{width}x{height}.txt" for name in SCENES for width, height in SIZES}
    assert {path.name for path in APPROVED.iterdir()} == known


@pytest.mark.parametrize("name", SCENES)
def test_every_size_is_filled_exactly(name):
    """A screen of any size is drawn with exactly its rows and columns, and with no control character from the wire."""
    for width in (1, 2, 7, 10, 16, 20, 29, 39, 40, 63, 79, 80, 81, 119, 120, 139, 200, 300):
        for height in (1, 2, 3, 5, 9, 10, 11, 23, 24, 29, 30, 60):
            lines = screen(SCENES[name](), width, height)
            assert len(lines) == height
            assert {canvas.width(line) for line in lines} == {width}
            assert all(part.isprintable() for line in lines for _, part in line)


def test_every_style_in_use_is_in_the_themes():
    used = {
        style.removeprefix("class:")
        for make in SCENES.values()
        for width, height in SIZES
        for line in screen(make(), width, height)
        for style, _ in line
    }
    assert used - {""} <= set(DARK)
    assert set(LIGHT) == set(DARK)
    assert set(NONE) <= set(DARK)
    assert set(PALETTE) <= set(DARK)


def test_the_palette_theme_has_only_colours_that_the_terminal_defines():
    """A style that sets the background sets the colour of the text as well; other styles keep the terminal's."""
    assert not any("#" in look for look in PALETTE.values())
    assert all("bg:" not in look or len(look.split()) > 1 for look in PALETTE.values())
    assert not any("bright" in look or "gray" in look for look in PALETTE.values())


def test_there_is_a_theme_without_colours():
    assert not any("#" in look for look in NONE.values())
    assert set(THEMES) == {"dark", "light", "palette", "none"}


@pytest.mark.parametrize(("glyphs", "beyond"), [(ASCII, ""), (CONSOLE, "·░▒█▶▼▲↑↓→")])
def test_a_screen_uses_only_the_glyphs_of_its_set(glyphs, beyond):
    hits = {"hits": 4, "sections": [{"path": "/", "hits": 4}]}
    frames = [Frames(10.0, [Rule(1)]).push(snapshot(100, hits=4, hosts=[{"name": "a.example", **hits}]))]
    for keys in ("1", "2", "3", "4", "5", "6", "7", "?", "/", ["enter"], ["enter", "enter"]):
        for width, height in SIZES:
            view = view_of(frames, keys, glyphs=glyphs)
            assert all(set(line) <= {*printable, *beyond} for line in text(screen(view, width, height)))


def test_wide_characters_keep_the_columns_aligned():
    line = [("", "例え"), ("class:ok", "e\u0301x"), ("", "tail")]
    for columns in range(1, 12):
        assert canvas.width(canvas.fit(line, columns)) == columns


def test_the_page_about_the_screen_is_up_to_date():
    """`scripts/screens.py` writes it."""
    script = Path(__file__).parents[1] / "scripts" / "screens.py"
    assert subprocess.run([sys.executable, script, "--check"], check=False, timeout=60).returncode == 0

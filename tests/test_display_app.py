"""The running application: keys through a pipe, frames from a generator, and how it ends."""

import asyncio
import csv
import os
import pwd
from contextlib import contextmanager
from typing import get_args

import pytest
from drawing import busy
from fakes import snapshot
from netmon.display import export, themes
from netmon.display.app import Display
from netmon.display.control import clicked, undrawn
from netmon.display.keys import KEYS, PAGE, Command, Key
from netmon.display.view import Page, Panel, View
from netmon.frames import Frames
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput


def of_hosts(frames=None, **hits):
    return (frames or Frames()).push(snapshot(0, hosts=[{"name": name, "hits": n} for name, n in hits.items()]))


@contextmanager
def no_terminal():
    """An application session with a pipe for a keyboard and nowhere to draw."""
    with create_pipe_input() as keyboard, create_app_session(input=keyboard, output=DummyOutput()):
        yield keyboard


def pressed(*typed, frames=None, after=lambda display: None, **how):
    """The view after these keys were typed on the running application."""
    frames = frames or [of_hosts(a=3, b=2, c=1)]
    closed = []

    with no_terminal() as keyboard:
        display = Display(**how)

        async def feed():
            for frame in frames:
                yield frame
            for key in typed:
                keyboard.send_text(key)
                # Only a pause tells Esc from the start of a longer key.
                await asyncio.sleep(0.12 if key == "\x1b" else 0.02)
            after(display)
            await asyncio.sleep(0.02)
            while display._tasks:  # an export is written by another thread
                await asyncio.sleep(0)
            display.seen = display.view
            display.stop()
            while not closed:
                await asyncio.sleep(0)

        display.run(feed(), lambda: closed.append(True))
    return display.seen


def at(view, panel):
    return view.selected.get(panel)


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        ("j", "b"),
        ("jjk", "b"),
        (["\x1b[B"], "b"),
        (["\x1b[6~"], "c"),
        (["G", "\x1b[H"], "a"),
        (["\x1b[F"], "c"),
        ("jq", "b"),
        (["j", "\x03"], "b"),
    ],
)
def test_keys_that_move(typed, host):
    assert at(pressed(*typed), Panel.HOSTS) == host


@pytest.mark.parametrize(
    ("typed", "what", "value"),
    [
        ("\t", "focus", Panel.SECTIONS),
        ("\t\t\t", "focus", Panel.HOSTS),
        (["\x1b[Z"], "focus", Panel.ALERTS),
        ("?", "helps", True),
        ("??", "helps", False),
        (["?", "\x1b"], "helps", False),
        (["\x1bOP"], "helps", True),
        ("? ", "is_paused", False),
        ("? ", "help_row", PAGE),
        ("?? ", "is_paused", True),
        ("p", "is_paused", True),
        ("p ", "is_paused", False),
        ("5", "page", Page.REQUESTS),
        ("j\r", "page", Page.HOST),
        (["\r", "\x1b"], "page", Page.HOSTS),
        (["\r", "\x7f"], "page", Page.HOSTS),
        ("/b", "filter", "b"),
        ("/q?p1", "filter", "q?p1"),
        (["/", "a", "b", "\x7f"], "filter", "a"),
        (["/", "\x1b[200~pas\nte\x1b[201~"], "filter", "paste"),
        (["/", "b", "\r", "j"], "filter", "b"),
        (["/", "b", "\x1b"], "filter", ""),
        (["/", "b", "\x15"], "filter", ""),
        ("m", "has_mouse", True),
        ("mm", "has_mouse", False),
    ],
)
def test_key(typed, what, value):
    assert getattr(pressed(*typed), what) == value


def test_ctrl_c_quits_while_a_filter_is_typed():
    assert pressed("/", "\x03").is_typing


def test_keys_for_the_window_and_the_totals_act_on_the_frames():
    made = Frames(10.0)
    frames = [made.push(snapshot(i, hits=1)) for i in range(30)]
    view = pressed("w", "w", frames=frames, controls=made)
    assert (view.frame.window_length, view.frame.window.hits) == (float("inf"), 30)
    assert pressed("c", frames=frames, controls=made).frame.window.hits == 0


def test_the_screen_does_every_command_that_a_key_may_ask_for():
    with no_terminal():
        assert set(Display().commands) == set(get_args(Command))


def test_keys_that_play_a_file_do_nothing_without_one():
    told = []
    assert at(pressed(".", "<", ">", "0", "j", on_failure=told.append), Panel.HOSTS) == "b"
    assert told == []


def test_keys_for_the_window_and_the_totals_do_nothing_without_controls():
    assert pressed("w", "c").frame.window.host_count == 3


def test_a_message_is_shown_and_goes_away(monkeypatch):
    monkeypatch.setattr("netmon.display.app.NOTICE", 0.01)
    seen = []

    def after(display):
        display.note("eth1 is gone")
        # The message is set by a callback of the loop that was added before this one.
        asyncio.get_running_loop().call_soon(lambda: seen.append(display.view.notice))

    assert pressed(after=after).notice == ""
    assert seen == ["eth1 is gone"]


def test_a_message_stays_for_a_while():
    assert pressed(after=lambda display: display.note("eth1 is gone")).notice == "eth1 is gone"


# Export


def table(keys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    view = pressed(*keys, "e", frames=busy(15), after=lambda _: None)
    name = view.notice.removeprefix("written: ")
    with (tmp_path / name).open() as file:
        return name, list(csv.DictReader(file))


def test_the_table_is_exported_as_it_is_sorted_and_filtered(tmp_path, monkeypatch):
    name, rows = table(["2", "/", "s", "h", "o", "p", "\r"], tmp_path, monkeypatch)
    assert name.startswith("netmon-all-sections-2026")
    assert [row["section"] for row in rows] == ["/checkout", "/cart", "/", "/items"]
    assert float(rows[0]["latency_p95"]) == pytest.approx(0.126, rel=0.03)
    assert int(rows[0]["hits"]) == 100


def test_an_export_never_overwrites(tmp_path, monkeypatch):
    names = {table(keys, tmp_path, monkeypatch)[0] for keys in ([], [], ["\t"])}
    assert len(names) == len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    ("keys", "titles"),
    [
        (
            "5",
            ["method", "host", "section", "path", "client", "server", "interface", "user_agent", "status", "latency"],
        ),
        ("6", ["state", "at", "name", "key", "metric", "value", "threshold", "duration", "times"]),
        ("3", ["name", "packets", "http_bytes", "bytes"]),
    ],
)
def test_every_view_can_be_exported(keys, titles, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    view = pressed(keys, "e", frames=busy(28))
    header = (tmp_path / view.notice.removeprefix("written: ")).read_text().splitlines()[0].split(",")
    assert header[: len(titles)] == titles


def test_a_name_from_the_wire_is_no_formula_in_a_spreadsheet():
    frame = of_hosts(**{"=cmd()": 2, "ok.example": 1})
    lines = export.document(View().with_frame(frame), Panel.HOSTS).splitlines()
    assert [line.split(",")[0] for line in lines] == ["name", "'=cmd()", "ok.example"]


def test_a_file_that_cannot_be_written_is_said(monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("netmon.display.export.write", refuse)
    user = pwd.getpwuid(os.geteuid()).pw_name
    told = f"export failed: {os.getcwd()}: Permission denied for the user {user}; start netmon in a folder of {user}, "
    assert pressed("e").notice == f"{told}or see --user"


# The mouse


def test_a_click_selects_a_row_and_a_second_one_opens_it():
    view = View().with_frame(of_hosts(a=3, b=2, c=1))
    once = clicked(view, (120, 30), 10, 11)
    assert at(once, Panel.HOSTS) == "c"
    assert clicked(once, (120, 30), 10, 11).page is Page.HOST
    for x, y in ((10, 0), (10, 8), (10, 14), (119, 29)):
        assert clicked(view, (120, 30), x, y).place == view.place


# How it ends


def test_the_screen_ends_with_a_live_capture_and_stays_with_a_file():
    async def one():
        yield of_hosts(a=1)

    with no_terminal() as keyboard:
        live = Display()
        live.run(one(), lambda: None)
        assert not live.view.ended

        file = Display(stays=True)
        file.after_drawing(lambda: keyboard.send_text("q") if file.view.ended else None)
        file.run(one(), lambda: None)
        assert file.view.ended


def test_a_failure_of_the_capture_leaves_the_screen_and_is_raised():
    async def failing():
        yield of_hosts(a=1)
        raise OSError("eth0 went away")

    with no_terminal(), pytest.raises(OSError, match="went away"):
        Display().run(failing(), lambda: None)


def broken(*_):
    raise ZeroDivisionError("of the test")


@pytest.mark.parametrize("broken_at", ["control.screen", "app.warm", "control.moves.entered"])
def test_a_failure_of_drawing_or_of_a_key_is_told_once_and_frames_and_keys_go_on(broken_at, monkeypatch):
    told = []
    monkeypatch.setattr(f"netmon.display.{broken_at}", broken)
    monkeypatch.setattr("netmon.display.control.KEYS", (*KEYS, Key(("x",), "", lambda view: broken(), "")))
    frames = [of_hosts(a=n, b=1) for n in range(2, 6)]
    view = pressed("x", "x", "j", frames=frames, on_failure=told.append)
    assert (view.frame.window.top(1)[0].hits, at(view, Panel.HOSTS)) == (5, "b")
    assert list(map(repr, told)) == ["ZeroDivisionError('of the test')"]


def test_a_failure_of_the_controls_is_told():
    class Broken:
        resize = broken

    told = []
    pressed("w", controls=Broken(), on_failure=told.append)
    assert list(map(type, told)) == [ZeroDivisionError]


def test_the_screen_that_cannot_be_drawn_says_so():
    lines = undrawn(ZeroDivisionError("\x1b[31m"), 40, 5)
    assert len(lines) == 5
    assert "".join(text for line in lines for _, text in line).isprintable()
    assert undrawn(ZeroDivisionError(), 0, 0) == []


def test_stopping_before_it_runs_draws_nothing():
    async def none():
        return
        yield

    with no_terminal():
        display = Display()
        display.stop()
        display.run(none(), lambda: None)


TRUE = {"COLORTERM": "truecolor"}


@pytest.mark.parametrize(
    ("environment", "bits"),
    [
        (TRUE, 24),
        ({"TERM": "xterm-256color"}, 8),
        ({"TERM": "xterm-256color"} | TRUE, 24),
        ({"TERM": "tmux-256color"} | TRUE, 24),
        ({"TERM": "xterm-direct"}, 24),
        *(({"TERM": term} | TRUE, 8) for term in ("screen", "screen-256color", "screen.xterm-256color")),
        *(({"TERM": term} | TRUE, 4) for term in ("linux", "linux-basic", "ansi", "xterm-16color")),
        *(({"TERM": term} | TRUE, 1) for term in ("vt100", "vt220", "xterm-mono")),
    ],
)
def test_colours_are_as_many_as_the_terminal_has(environment, bits):
    """Programs inside GNU screen inherit COLORTERM, but screen has at most 256 colours."""
    assert themes.depth(environment) == bits


@pytest.mark.parametrize(
    ("colors", "theme", "bits"), [(24, "dark", 24), (4, "palette", 4), (24, "none", 1), (1, "dark", 1)]
)
def test_without_a_theme_there_are_no_colours(colors, theme, bits):
    with no_terminal():
        assert Display(colors=colors, theme=theme)._app.color_depth.value == f"DEPTH_{bits}_BIT"


@pytest.mark.parametrize(
    ("environment", "theme"),
    [
        ({}, "dark"),
        *(
            ({"COLORFGBG": value}, "dark")
            for value in ("15;0", "7;0", "15;8", "12;default;0", "", ";", "x", "0;x", "0;99")
        ),
        *(({"COLORFGBG": value}, "light") for value in ("0;15", "0;7", "0;default;15", "8;11")),
        ({"TERM": "linux", "COLORFGBG": "0;15"}, "palette"),
    ],
)
def test_the_theme_suits_the_background_that_the_terminal_tells_of(environment, theme):
    assert themes.theme_for(environment) == theme

"""The running application: keys through a pipe, frames from a generator, and how it ends."""

import asyncio
import csv
from contextlib import contextmanager

import pytest
from drawing import busy
from fakes import snapshot
from netmon.display import export
from netmon.display.app import Display
from netmon.display.control import clicked
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
                await asyncio.sleep(0.12 if key == "\x1b" else 0.02)  # Esc is told from a longer key by time alone
            after(display)
            await asyncio.sleep(0.02)
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


def test_the_window_and_the_totals_are_asked_of_where_frames_come_from():
    made = Frames(10.0)
    frames = [made.push(snapshot(i, hits=1)) for i in range(30)]
    view = pressed("w", "w", frames=frames, controls=made)
    assert (view.frame.window_length, view.frame.window.hits) == (float("inf"), 30)
    assert pressed("c", frames=frames, controls=made).frame.window.hits == 0


def test_without_controls_these_keys_do_nothing():
    assert pressed("w", "c").frame.window.host_count == 3


def test_a_message_is_shown_and_goes_away(monkeypatch):
    monkeypatch.setattr("netmon.display.app.NOTICE", 0.01)
    seen = []

    def after(display):
        display.note("eth1 is gone")
        asyncio.get_running_loop().call_soon(lambda: seen.append(display.view.notice))

    assert pressed(after=after).notice == ""
    assert seen in (["eth1 is gone"], [""])


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
    assert float(rows[0]["p95"]) == pytest.approx(0.126, rel=0.03)
    assert int(rows[0]["hits"]) == 100


def test_an_export_never_overwrites(tmp_path, monkeypatch):
    names = {table(keys, tmp_path, monkeypatch)[0] for keys in ([], [], ["\t"])}
    assert len(names) == len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    ("keys", "titles"),
    [
        ("5", ["method", "host", "section", "client", "server", "interface", "status", "answer"]),
        ("6", ["state", "at", "metric", "value", "threshold", "lasted", "times"]),
        ("3", ["name", "bits", "packets", "HTTP", "bytes"]),
    ],
)
def test_every_view_can_be_exported(keys, titles, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    view = pressed(keys, "e", frames=busy(28))
    header = (tmp_path / view.notice.removeprefix("written: ")).read_text().splitlines()[0].split(",")
    assert header[: len(titles)] == titles


def test_what_comes_from_the_wire_is_no_formula():
    frame = of_hosts(**{"=cmd()": 2, "ok.example": 1})
    lines = export.document(View().with_frame(frame), Panel.HOSTS).splitlines()
    assert [line.split(",")[0] for line in lines] == ["name", "'=cmd()", "ok.example"]


def test_a_file_that_cannot_be_written_is_said(monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("netmon.display.export.write", refuse)
    assert pressed("e").notice == "not written: Permission denied"


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


@pytest.mark.parametrize("broken_at", ["control.screen", "app.warm"])
def test_a_failure_of_drawing_leaves_the_screen_and_is_raised(broken_at, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    async def forever():
        while True:
            await asyncio.sleep(0.01)
            yield of_hosts(a=1)
            if closed:
                return

    closed = []
    monkeypatch.setattr(f"netmon.display.{broken_at}", broken)
    with no_terminal(), pytest.raises(ZeroDivisionError):
        Display().run(forever(), lambda: closed.append(True))


def test_a_failure_of_what_was_asked_for_is_raised():
    class Broken:
        def resize(self, window):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        pressed("w", controls=Broken())


def test_stopping_before_it_runs_draws_nothing():
    async def none():
        return
        yield

    with no_terminal():
        display = Display()
        display.stop()
        display.run(none(), lambda: None)


@pytest.mark.parametrize(
    ("environment", "color", "theme", "bits"),
    [
        ({"COLORTERM": "truecolor"}, True, "dark", 24),
        ({"TERM": "xterm-256color"}, True, "light", 8),
        ({"TERM": "linux"}, True, "dark", 4),
        ({"COLORTERM": "truecolor"}, True, "none", 1),
        ({"COLORTERM": "truecolor"}, False, "dark", 1),
    ],
)
def test_colours_are_as_many_as_the_terminal_has(environment, color, theme, bits, monkeypatch):
    monkeypatch.delenv("COLORTERM", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with no_terminal():
        depth = Display(color=color, theme=theme)._app.color_depth
    assert depth.value == f"DEPTH_{bits}_BIT"

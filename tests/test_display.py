"""The screen: panels as tables, whole frames as approved text, keys through a pipe.

After a change that is meant, ``APPROVE=1 pytest tests/test_display.py`` writes the frames anew, to be read.
"""

import asyncio
import io
import os
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import pyte
import pytest
import scene
from fakes import snapshot
from netmon import Rule
from netmon.display import canvas, columns, keys, panels, tables
from netmon.display.app import Display
from netmon.display.layout import screen
from netmon.display.state import Panel, View, in_sight
from netmon.display.style import ASCII, COLORS, NO_COLORS, UNICODE
from netmon.frames import Frames
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from prompt_toolkit.output.vt100 import Vt100_Output

APPROVED = Path(__file__).parent / "frames"
SIZES = [(200, 60), (120, 30), (80, 24), (40, 10), (20, 5)]


def text(lines):
    return ["".join(part for _, part in line).rstrip() for line in lines]


def view_of(frames, **fields):
    view = View()
    for frame in frames:
        view = view.with_frame(frame)
    return replace(view, **fields)


QUIET = Frames(10.0, [Rule()]).push(snapshot(scene.NOON, interfaces=[{"name": "eth0", "state": "up"}]))
SEALED = Frames(10.0, [Rule()]).push(
    snapshot(
        scene.NOON,
        interfaces=[{"name": "eth0", "packets": 1204, "bytes": 97_000, "protocols": {"tls": 81_000, "ssh": 9_000}}],
        server_names=[{"name": "shop.example", "connections": 21}, {"name": "api.example", "connections": 9}],
        capture={"received": 1204, "protocols": {"tls": 30, "other": 8}},
    )
)

SCENES = {
    "calm": cache(lambda: view_of(scene.frames(15))),
    "storm": cache(lambda: view_of(scene.frames(28, lost=3))),
    "after": cache(lambda: view_of(scene.frames(50), focus=Panel.ALERTS)),
    "host": cache(lambda: view_of(scene.frames(15), host="api.example").entered()),
    "paused": cache(lambda: view_of(scene.frames(15)).paused()),
    "plain": cache(lambda: view_of(scene.frames(28), plain_glyphs=True)),
    "help": cache(lambda: View().helped()),
    "start": View,
    "silence": cache(lambda: view_of([QUIET])),
    "sealed": cache(lambda: view_of([SEALED])),
}


# Whole frames


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
        display.run(no_frames(), lambda: None)
    return [line.rstrip() for line in seen[0]]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("name", SCENES)
def test_frame(name, width, height):
    """Each frame is as it was when it was last read and found good."""
    frame = "\n".join(drawn(SCENES[name](), width, height)) + "\n"
    approved = APPROVED / f"{name}-{width}x{height}.txt"
    if os.environ.get("APPROVE"):
        approved.parent.mkdir(exist_ok=True)
        approved.write_text(frame)
    assert frame == approved.read_text()


@pytest.mark.parametrize("width", [1, 7, 20, 39, 40, 79, 80, 81, 119, 120, 200, 300])
@pytest.mark.parametrize("height", [1, 2, 9, 10, 23, 24, 29, 30, 60])
@pytest.mark.parametrize("name", SCENES)
def test_every_size_is_filled_exactly(name, width, height):
    """Never refuses to draw, never a column or a row too many, and no control character of the wire comes through."""
    lines = screen(SCENES[name](), width, height)
    assert len(lines) == height
    assert {canvas.width(line) for line in lines} == {width}
    assert all(part.isprintable() for line in lines for _, part in line)


def test_every_style_that_is_used_has_a_colour_or_is_plain_without():
    used = {
        style.removeprefix("class:")
        for make in SCENES.values()
        for width, height in SIZES
        for line in screen(make(), width, height)
        for style, _ in line
    }
    assert used - {""} <= set(COLORS)
    assert set(NO_COLORS) <= set(COLORS)


def test_without_unicode_everything_of_ours_is_ascii():
    frames = [Frames(10.0, [Rule(1)]).push(snapshot(scene.NOON, hits=4, hosts=[{"name": "a.example", "hits": 4}]))]
    for width, height in SIZES:
        view = view_of(frames, plain_glyphs=True)
        assert all(line.isascii() for line in text(screen(view, width, height)))


# Panels


@pytest.mark.parametrize(
    ("lost", "style", "words"),
    [(0, "class:dim", "none lost"), (1, "class:warn", "1 lost (<0.1 %)"), (10, "class:bad", "10 lost (0.1 %)")],
)
def test_the_capture_line_turns_red_above_a_thousandth(lost, style, words):
    capture = {"received": 9_980, "kernel_dropped": lost}
    [(found, line)] = panels.capture_text(Frames().push(snapshot(0, capture=capture)))
    assert found == style
    assert line.endswith(words)


@pytest.mark.parametrize(("hits", "word"), [(4, "OK"), (5, "ALERT")])
def test_the_alert_bar_has_a_word_beside_its_colour(hits, word):
    view = view_of([Frames(10.0, [Rule(5, 10)]).push(snapshot(0, hits=hits))])
    assert text([panels.alert_bar(view, 100)])[0].split()[0] == word


def test_an_alert_that_lasts_says_for_how_long():
    made = Frames(10.0, [Rule(5, 10)])
    view = view_of([made.push(snapshot(i, hits=5)) for i in range(4)])
    assert "20 / 5 hits in 10 s, for 3 s" in text([panels.alert_bar(view, 100)])[0]


def test_the_log_shows_alerts_and_recoveries_newest_first():
    made = Frames(10.0, [Rule(5, 3)])
    view = view_of([made.push(snapshot(i, hits=n)) for i, n in enumerate([5, 0, 0, 0])])
    assert text(tables.alerts(view, 50, 5)) == [
        " ALERTS 2",
        "   00:00:04  RECOVERED  after 3 s",
        "   00:00:01  ALERT      5 hits in 3 s",
    ]


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (None, ["Waiting for the first interval"]),
        (QUIET, ["No HTTP seen", "No packet passed the filter", "netmon --demo"]),
        (
            SEALED,
            [
                "No HTTP seen",
                "1 204 packets",
                "New connections: 30 tls, 8 other.",
                "encrypted to shop.example",
                "netmon --demo",
            ],
        ),
    ],
)
def test_without_http_the_table_says_why(frame, said):
    shown = "\n".join(text(panels.no_http(frame)))
    assert all(words in shown for words in said)
    assert "h2c" not in shown


def test_more_interfaces_than_fit_are_counted():
    interfaces = [{"name": f"eth{i}", "bytes": 9 - i, "state": "up"} for i in range(6)]
    view = view_of([Frames().push(snapshot(0, interfaces=interfaces))])
    assert [line.split()[0] for line in text(panels.traffic(view, 80, 5))] == ["TRAFFIC", "eth0", "eth1", "eth2", "and"]
    assert text(panels.traffic(view, 80, 5))[-1] == "   and 3 more interfaces"


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (120, ["hits", "req/s", "2xx", "3xx", "4xx", "5xx", "p50", "p95", "p99", "bytes"]),
        (79, ["hits", "req/s", "2xx", "4xx", "5xx", "p95", "bytes"]),
        (60, ["hits", "req/s", "4xx", "5xx", "p95"]),
        (39, ["hits", "5xx"]),
        (10, []),
    ],
)
def test_the_least_important_columns_go_first(width, titles):
    chosen, room = columns.choose(width, 20)
    assert [column.title for column in chosen] == titles
    assert room + (10 if width == 10 else 0) >= 20
    assert room + sum(column.width + 1 for column in chosen) <= width


@pytest.mark.parametrize(
    ("rows", "selected", "height", "seen"),
    [
        ("abc", 0, 5, "abc"),
        ("abcdefgh", 0, 3, "abc"),
        ("abcdefgh", 4, 3, "def"),
        ("abcdefgh", 7, 3, "fgh"),
        ("abc", 0, 0, ""),
        ("", 0, 3, ""),
    ],
)
def test_the_selected_row_is_in_sight(rows, selected, height, seen):
    first, count = in_sight(selected, len(rows), height)
    assert rows[first : first + count] == seen


# Gauges and sparklines


@pytest.mark.parametrize(
    ("share", "bar"), [(0, "....."), (0.001, "#...."), (0.5, "##..."), (1, "#####"), (99, "#####")]
)
def test_gauge(share, bar):
    assert "".join(part for _, part in canvas.gauge(share, 5, "", ASCII)) == bar


@pytest.mark.parametrize(
    ("values", "line"), [([], ""), ([0, 0], "▁▁"), ([0, 1, 2, 4], "▁▃▅█"), ([1, 10**9], "▂█"), ([5, 5], "██")]
)
def test_sparkline(values, line):
    assert canvas.sparkline(values, UNICODE) == line


@pytest.mark.parametrize(
    ("intervals", "series"),
    [
        ([], [0, 0, 0, 0]),
        ([(0, 1, 5)], [0, 0, 0, 5]),
        ([(0, 1, 5), (1, 2, 6)], [0, 0, 5, 6]),
        ([(0, 1, 5), (3, 4, 6)], [5, 0, 0, 6]),
        ([(0, 1, 1), (1, 3, 8)], [0, 1, 4, 4]),
        ([(0, 1, 5), (1, 2, 5), (2, 3, 5), (3, 4, 5), (4, 5, 6)], [5, 5, 5, 6]),
        ([(0, 0.5, 1), (0.5, 1, 2), (1, 1.5, 4), (1.5, 2, 8)], [0, 0, 3, 12]),
    ],
)
def test_series_puts_snapshots_where_they_belong_in_time(intervals, series):
    history = [snapshot(start, end, hits=hits) for start, end, hits in intervals]
    assert canvas.series(history, lambda each: each.hits, 4) == series


# The view


def of_hosts(**hits):
    return Frames().push(snapshot(0, hosts=[{"name": name, "hits": n} for name, n in hits.items()]))


def test_a_selection_stays_on_its_host_while_the_order_changes():
    view = View().with_frame(of_hosts(a=3, b=2, c=1)).moved(+1)
    assert view.selected_host.name == "b"
    assert view.with_frame(of_hosts(a=3, b=2, c=9)).selected_host.name == "b"


def test_without_a_selection_the_busiest_host_is_shown():
    view = View().with_frame(of_hosts(a=3, b=2))
    assert view.selected_host.name == "a"
    assert view.with_frame(of_hosts(a=3, b=9)).selected_host.name == "b"


def test_a_host_that_left_the_window_gives_way_and_comes_back():
    view = View().with_frame(of_hosts(a=3, b=2)).moved(+1).with_frame(of_hosts(a=3))
    assert view.selected_host.name == "a"
    assert view.with_frame(of_hosts(a=3, b=2)).selected_host.name == "b"


@pytest.mark.parametrize(
    ("moves", "host"), [([-1], "a"), ([+1], "b"), ([+99], "c"), ([+99, -1], "b"), ([+1, -99], "a"), ([], "a")]
)
def test_moving_stops_at_either_end(moves, host):
    view = View().with_frame(of_hosts(a=3, b=2, c=1))
    for rows in moves:
        view = view.moved(rows)
    assert view.selected_host.name == host


def test_a_pause_holds_the_frame_and_the_capture_goes_on():
    first, second = of_hosts(a=1), of_hosts(a=2)
    view = View().with_frame(first).paused().with_frame(second)
    assert view.frame is first
    assert view.paused().frame is second


def test_sorting_goes_round_and_back_to_hits():
    view, seen = View(), []
    while not seen or view.sort != "hits":
        seen.append(view.sort)
        view = view.sorted_by_next()
    assert seen == list(columns.TITLES)


def test_reversing_turns_the_table_over():
    view = View().with_frame(of_hosts(a=3, b=2)).reversed()
    assert [host.name for _, host in view.hosts_in_sight(9)] == ["b", "a"]


def test_keys_change_nothing_before_the_first_frame():
    for key in keys.KEYS:
        if callable(key.action):
            key.action(View())


# Keys


@contextmanager
def no_terminal():
    """An application session with a pipe for a keyboard and nowhere to draw."""
    with create_pipe_input() as keyboard, create_app_session(input=keyboard, output=DummyOutput()):
        yield keyboard


def pressed(*typed, frames=None, **how):
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
                await asyncio.sleep(0.12 if key == "\x1b" else 0.01)  # Esc is told from a longer key by time alone
            if "q" not in typed and "\x03" not in typed:
                display.stop()
            while not closed:
                await asyncio.sleep(0)

        display.run(feed(), lambda: closed.append(True))
    return display.view


@pytest.mark.parametrize(
    ("typed", "field", "value"),
    [
        ("j", "host", "b"),
        ("jjk", "host", "b"),
        (["\x1b[B"], "host", "b"),
        (["\x1b[6~"], "host", "c"),
        (["G", "\x1b[H"], "host", "a"),
        (["\x1b[F"], "host", "c"),
        ("\t", "focus", Panel.SECTIONS),
        ("\t\t\t", "focus", Panel.HOSTS),
        (["\x1b[Z"], "focus", Panel.ALERTS),
        ("?", "helps", True),
        ("??", "helps", False),
        (["?", "\x1b"], "helps", False),
        ("p", "is_paused", True),
        ("pp", "is_paused", False),
        ("s", "sort", "req/s"),
        ("r", "is_reversed", True),
        ("j\r", "is_drilled", True),
        (["\r", "\x1b"], "is_drilled", False),
        (["\r", "\x7f"], "is_drilled", False),
        ("jq", "host", "b"),
        (["j", "\x03"], "host", "b"),
    ],
)
def test_key(typed, field, value):
    assert getattr(pressed(*typed), field) == value


def test_the_help_page_and_the_footer_are_made_from_the_table_of_keys():
    shown = "\n".join(text(keys.help_lines()))
    assert all(key.shown in shown and key.meaning in shown for key in keys.KEYS)
    known = {word for key in keys.KEYS for word in key.shown.split()} | {"arrows"}
    assert {key for key, _ in keys.FOOTER} <= known


# The application


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


def test_a_failure_of_drawing_leaves_the_screen_and_is_raised(monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    async def forever():
        while True:
            await asyncio.sleep(0.01)
            yield of_hosts(a=1)
            if closed:
                return

    closed = []
    monkeypatch.setattr("netmon.display.app.screen", broken)
    with no_terminal(), pytest.raises(ZeroDivisionError):
        Display().run(forever(), lambda: closed.append(True))


def test_stopping_before_it_runs_draws_nothing():
    async def none():
        return
        yield

    with no_terminal():
        display = Display()
        display.stop()
        display.run(none(), lambda: None)

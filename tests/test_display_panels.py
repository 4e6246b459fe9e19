"""The panels as tables: a view or a value in, lines of text out."""

from typing import get_args

import pytest
import scene
from drawing import QUIET, SEALED, Exchange, busy, text, view_of, with_exchange
from fakes import snapshot
from netmon import Rule
from netmon.display import about, absent, canvas, charts, columns, header, moves, specs, tables, timeline
from netmon.display.control import seen
from netmon.display.help import help_page
from netmon.display.keyboard import presses
from netmon.display.keys import FIRST, KEYS, OF_PAGE, ORDERING, PLAYING, TYPING, Command, KeyName
from netmon.display.layout import screen
from netmon.display.rows import rows_of
from netmon.display.themes import ASCII, UNICODE
from netmon.display.view import Page, Panel, Sort, View
from netmon.frames import Frames
from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
from prompt_toolkit.keys import KEY_ALIASES


@pytest.mark.parametrize(
    ("lost", "style", "words"),
    [
        ({}, "class:dim", "none lost"),
        ({"kernel_dropped": 1}, "class:warn", "1 lost (<0.1 %)"),
        ({"kernel_dropped": 10}, "class:bad", "10 lost (0.1 %)"),
        ({"truncated": 1}, "class:bad", "1 packet truncated: capture with a larger -s"),
        ({"undecoded": {"too many tags": 1}}, "class:warn", "1 packet with too many tags"),
        ({"undecoded": {"too many tags": 10}}, "class:bad", "10 packets with too many tags"),
    ],
)
def test_the_capture_line_turns_red_above_a_thousandth_and_when_packets_are_cut(lost, style, words):
    capture = {"received": 9_980} | lost
    [(found, line)] = header.capture_text(Frames().push(snapshot(0, capture=capture)))
    assert found == style
    assert line.endswith(words)


@pytest.mark.parametrize(("hits", "word"), [(4, "OK"), (5, "ALERT")])
def test_the_alert_bar_has_a_word_beside_its_colour(hits, word):
    view = view_of([Frames(10.0, [Rule(5, 10)]).push(snapshot(0, hits=hits))])
    assert text([header.alert_bar(view, 100)])[0].split()[0] == word


def test_an_alert_that_lasts_says_for_how_long_and_whether_it_was_acknowledged():
    made = Frames(10.0, [Rule(5, 10)])
    view = view_of([made.push(snapshot(i, hits=5)) for i in range(4)])
    assert "20 / 5 hits (requests + responses) in 10 s, for 3 s" in text([header.alert_bar(view, 120)])[0]
    assert text([header.alert_bar(view.with_acknowledged(), 120)])[0].endswith("for 3 s  acknowledged")


def test_acknowledging_does_not_hold_for_later_alerts():
    made = Frames(10.0, [Rule(5, 1)])
    frames = [made.push(snapshot(i, hits=n)) for i, n in enumerate([5, 0, 5])]
    view = view_of(frames[:2]).with_acknowledged().with_frame(frames[2])
    assert text(tables.alerts(view, 80, 5)) == [
        " ALERTS  2 fired, 1 recovered, 1 not acknowledged",
        "   00:00:03  ALERT      high traffic:  5 hits in 1 s  a acknowledges all",
        "   00:00:02  RECOVERED  high traffic  after 1 s",
        "   00:00:01  ALERT      high traffic:  5 hits in 1 s  acknowledged",
    ]


def named(name, **fields):
    """A rule that fires with the first hit of a second."""
    return Rule(name=name, metric="hits", above=0, span=1, **fields)


def bar(rules, *seconds, width=80):
    made = Frames(10.0, rules)
    view = view_of([made.push(each) for each in seconds])
    [line] = text([header.alert_bar(view, width)])
    return " ".join(line.split())


def test_the_alert_bar_shows_the_most_severe_and_oldest_alert_and_counts_the_others():
    late = named("late", severity="critical", where="host:b")
    rules = [named("note", severity="info"), named("first"), late]
    host = {"name": "b", "hits": 1, "sections": [{"path": "/", "hits": 1}]}
    seconds = [snapshot(0, hits=1), snapshot(1, hits=1, hosts=[host])]
    assert bar(rules[:1], seconds[0]).startswith("INFO")
    assert bar(rules, seconds[0]).startswith("ALERT")
    assert "first" in bar(rules, seconds[0])
    assert "and 1 more" in bar(rules, seconds[0])
    assert bar(rules, *seconds).startswith("CRITICAL")
    assert all(words in bar(rules, *seconds) for words in ("late", "and 2 more"))


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_the_alert_bar_keeps_the_name_of_the_rule_at_every_width(width):
    first = named("payments of the shop fail", severity="critical")
    said = bar([first, named("b"), named("c")], snapshot(0, hits=1), width=width)
    assert all(words in said for words in ("CRITICAL", "pay", "and 2 more"))
    rules = [first._replace(severity="warning"), named("b"), named("c")]
    said = bar(rules, snapshot(0, hits=1), width=width)
    assert "payments" in said
    assert "and 2 more" in said
    assert ("payments of the shop fail" in said) == (width >= 80)


def test_the_alert_bar_says_which_row_fires_and_when_a_low_value_does():
    hosts = [{"name": "shop.example", "hits": 3}]
    assert "busy, shop.example" in bar([named("busy", per="host")], snapshot(0, hosts=hosts), width=100)
    low = Rule(name="quiet", metric="hits", below="2/s", span=1)
    assert "7/s, fires below 2/s: quiet in 1 s" in bar([low], snapshot(0, hits=7, capture={"received": 9}), width=100)


def test_the_alert_bar_says_why_nothing_is_known():
    rule = Rule(name="posts", where="method:POST", metric="requests", above=5)
    assert bar([rule], snapshot(0)) == "UNKNOWN posts single exchanges are not counted for it"


def log_of(rules, *seconds, keys=(), width=80, height=10):
    made = Frames(10.0, rules)
    view = view_of([made.push(each) for each in seconds], *keys)
    return view, [line.rstrip() for line in text(tables.alerts(view, width, height))]


def test_the_log_of_alerts_names_the_severity_in_a_word():
    rules = [named("note", severity="info"), named("usual"), named("worst", severity="critical")]
    _, lines = log_of(rules, snapshot(0, hits=1))
    assert sorted(line[13:].split()[0] for line in lines[1:]) == ["ALERT", "CRITICAL", "INFO"]


@pytest.mark.parametrize("width", range(50, 100, 3))
def test_a_name_in_the_log_is_whole_where_there_is_room_for_it_and_its_value_is_always_there(width):
    rule = named("payments of the shop fail")
    _, [_, line] = log_of([rule], snapshot(0, hits=9), width=width)
    assert "9 hits" in line
    assert ("payments of the shop fail:" in line) == (width >= 59)
    assert "~" not in line, "one sign for what is cut, on the whole screen"


def test_the_log_says_how_many_newer_alerts_are_out_of_sight():
    rule = Rule(name="flips", metric="hits", above=0, span=1)
    seconds = [snapshot(60 * at, 60 * at + 1, hits=at % 2, capture={"received": 1}) for at in range(40)]
    view, lines = log_of([rule], *seconds, keys=("6",), height=5)
    assert "newer" not in lines[0]
    below = moves.moved(view, +10)
    assert text(tables.alerts(below, 80, 5))[0].rstrip().endswith(" 8 newer above")


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (None, ["Waiting for the first interval"]),
        (QUIET, ["No HTTP seen", "No packet passed the filter", "netmon --demo"]),
        (SEALED, ["No HTTP seen", "1 204 packets", "30 tls, 8 other.", "encrypted to shop.example", "netmon --demo"]),
    ],
)
def test_without_http_the_table_says_why(frame, said):
    shown = "\n".join(text(absent.no_http(frame)))
    assert all(words in shown for words in said)


def advice(frame):
    return "\n".join(text(absent.no_http(frame)))


def test_advice_leaves_out_what_is_done_already():
    def quiet(*already):
        return Frames(10.0, already=already).push(snapshot(0))

    assert "netmon --demo" in advice(quiet())
    assert "netmon -D" in advice(quiet())
    assert "netmon" not in advice(quiet("demo"))
    assert "netmon -D" not in advice(quiet("read"))
    for length, longer in ((10.0, True), (float("inf"), False)):
        frame = Frames(length).push(
            snapshot(0, hosts=[{"name": "a", "hits": 1, "sections": [{"path": "/", "hits": 1}]}])
        )
        view = view_of([frame], ["enter"])
        gone = view._replace(place=view.place._replace(host="b"))
        said = " ".join(text(tables.table(gone, Panel.SECTIONS, 100, 5)))
        assert ("w makes it longer" in said) is longer


def test_lists_of_requests_say_when_they_begin():
    view = view_of(busy(28), "5")
    assert tables.table(view, Panel.REQUESTS, 100, 3)
    assert text(tables.table(view, Panel.REQUESTS, 100, 3))[0].startswith(" REQUESTS 396 since 12:00:00")
    assert text(tables.table(view, Panel.REQUESTS, 40, 3))[0].startswith(" REQUESTS since 12:00:00")
    days = view.frame._replace(tally=view.frame.tally._replace(end=view.frame.tally.end + 2 * tables.DAY))
    later = view._replace(newest=days)
    assert "since 2026-11-22 12:00:00" in tables.title(later, Panel.REQUESTS, rows_of(later, Panel.REQUESTS))


@pytest.mark.parametrize(
    ("room", "said"),
    [
        (60, "ALERTS  2 fired, 1 recovered, 2 not acknowledged"),
        (30, "ALERTS  2 fired, 1 recovered"),
        (27, "ALERTS 2 fired, 1 recovered"),
        (15, "ALERTS 2 fired"),
        (9, "ALERTS"),
    ],
)
def test_alerts_and_recoveries_are_counted_separately(room, said):
    made = Frames(10.0, [Rule(5, 1)])
    view = view_of([made.push(snapshot(i, hits=n)) for i, n in enumerate([5, 0, 5])])
    assert tables.alerts_title(view, room) == said


def test_no_count_can_be_taken_for_a_status():
    """Methods and statuses stand in columns of their own, and a count follows a colon."""
    shown = text(tables.table(view_of(busy(28)), Panel.HOSTS, 200, 3))
    assert shown[0].split()[-2:] == ["methods", "statuses"]
    assert shown[1].endswith("GET: 3 234              503: 66 · 200: 2 640")


def test_the_chart_of_statuses_has_a_line_for_each_class():
    view = view_of(busy(28), glyphs=ASCII)
    lines = text(charts.statuses(view, 60, 5))
    assert [line.split()[:2] for line in lines[1:]] == [
        ["2xx", "508"],
        ["3xx", "26.4"],
        ["4xx", "26.4"],
        ["5xx", "13.2"],
    ]
    assert all(line.endswith("########") for line in lines[1:])
    assert charts.statuses(View(), 60, 5)


def test_the_only_line_of_traffic_is_the_busiest_interface():
    interfaces = [{"name": f"eth{i}", "bytes": 9 - i, "state": "up"} for i in range(6)]
    shown = text(header.traffic(view_of([Frames().push(snapshot(0, interfaces=interfaces))]), 80, 2))
    assert shown[0].startswith(" TRAFFIC  1 of 6")
    assert shown[1].split()[0] == "eth0"


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (120, "20 / 5 hits (requests + responses) in 10 s, for 3 s"),
        (72, "20 / 5 hits (requests+responses) in 10 s, for 3 s"),
        (60, "20 / 5 hits in 10 s, for 3 s"),
        (38, "20 / 5 hits"),
        (32, "20 / 5 hits"),
    ],
)
def test_the_alert_bar_explains_hits_where_there_is_room(width, said):
    made = Frames(10.0, [Rule(5, 10)])
    view = view_of([made.push(snapshot(i, hits=5)) for i in range(4)])
    assert text([header.alert_bar(view, width)])[0].split("  ")[-1].startswith(said)


def test_after_clearing_the_table_says_so_and_not_that_nothing_was_seen():
    made = Frames(10.0)
    made.push(scene.second(0))
    assert text(absent.no_http(made.clear())) == ["", "   Cleared: counting anew."]


def test_more_interfaces_than_fit_are_counted():
    interfaces = [{"name": f"eth{i}", "bytes": 9 - i, "state": "up"} for i in range(6)]
    view = view_of([Frames().push(snapshot(0, interfaces=interfaces))])
    assert [line.split()[0] for line in text(header.traffic(view, 80, 5))] == ["TRAFFIC", "eth0", "eth1", "eth2", "and"]
    assert text(header.traffic(view, 80, 5))[-1] == "   and 3 more interfaces, see 3"


def test_an_interface_that_is_off_is_in_no_rate_and_none_of_its_requests_is_listed():
    view = view_of(busy(15))
    off = view._replace(off=frozenset({"eth0"}))
    assert "3.6 Mbit/s" in text([header.rates_line(view, 120)])[0]
    assert text([header.rates_line(off, 120)])[0].startswith(" 87.0 requests/s   0 bit/s   0 packets/s")
    assert len(text(tables.table(view_of(busy(15), "5"), Panel.REQUESTS, 120, 9))) == 9
    assert "No exchange listed" in "".join(text(tables.table(off._replace(place=view.place), Panel.REQUESTS, 120, 9)))


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (119, ["req/s", "2xx", "3xx", "4xx", "5xx", "p50", "p95", "p99", "bytes", "RTT", "retr"]),
        (79, ["req/s", "2xx", "4xx", "5xx", "p50", "p95", "bytes", "retr"]),
        (60, ["req/s", "2xx", "4xx", "5xx", "p95"]),
        (39, ["req/s", "5xx"]),
        (10, []),
    ],
)
def test_the_least_important_columns_go_first(width, titles):
    known = [column for column in columns.HOST if column not in columns.OF_OTHERS]
    chosen, room = columns.choose(known, width, 20)
    assert [column.title for column in chosen] == titles
    assert room + sum(column.width + 1 for column in chosen) <= width


def test_the_column_that_sorts_is_the_last_to_be_left_out():
    for width in (119, 79, 60, 48):
        chosen, _ = columns.choose(columns.HOST, width, 20, "p99")
        assert "p99" in [column.title for column in chosen]


@pytest.mark.parametrize(
    ("n", "width", "shown"),
    [
        (999, 5, "999"),
        (9_999, 5, "9 999"),
        (10_000, 5, "10k"),
        (1_234_567, 5, "1235k"),
        (12_345_678, 5, "12M"),
        (1_234_567, 7, "1235k"),
    ],
)
def test_a_count_fits_its_column(n, width, shown):
    assert columns.counted(n, width) == shown


def test_every_figure_fits_its_column_however_large():
    host = {"name": "a", "sections": []} | dict.fromkeys(("requests", "responses", "request_bytes"), 9999999999)
    health = scene.tcp(99_999_999, rtt=999.0, retransmitted=99_999_999)
    statuses = {str(status): 9_999_999 for status in (200, 301, 404, 503)}
    large = snapshot(0, hosts=[host | {"tcp": health, "statuses": statuses, "latency": scene.spread([(900, 99_999)])}])
    frame = Frames().push(large)
    for table in (columns.HOST, columns.QUALITY):
        for title, [_, shown] in zip(table, columns.cells(frame.window.hosts[0], table, frame, UNICODE), strict=True):
            assert UNICODE.dots not in shown, title.title


def test_titles_of_columns_are_what_the_core_ranks_by():
    window = busy(15)[-1].window
    for panel in (Panel.HOSTS, Panel.ALL_SECTIONS):
        for title in specs.titles(panel):
            assert len(window.ranked(specs.order(panel, Sort(title)))) == 6


# The timeline of an exchange

ALL = ["connect", "request", "server", "transfer"]


@pytest.mark.parametrize(
    ("missing", "names", "begins"),
    [
        ({}, ALL, [0, 0.021, 0.055, 0.365]),
        ({"connect": None}, ALL[1:], [0, 0.034, 0.344]),
        ({"connect": None, "request_time": None, "transfer": None}, ["server"], [0]),
        (dict.fromkeys(("connect", "request_time", "latency", "transfer")), [], []),
    ],
)
def test_stages_follow_each_other_and_what_is_unknown_is_left_out(missing, names, begins):
    stages = timeline.stages(Exchange(**missing))
    assert [stage.name for stage in stages] == names
    assert [stage.begin for stage in stages] == pytest.approx(begins)


def test_the_bars_lie_where_the_stages_do():
    lines = text(timeline.bars(Exchange(), timeline.LEFT + 2 + 45, ASCII))
    assert [line[25:] for line in lines] == [
        "##",
        "..###",
        "....." + "#" * 31,
        "." * 36 + "#" * 9,
        ".." + "#" * 43,
    ]


def test_a_stage_of_no_length_still_shows():
    line = text(timeline.bars(Exchange(connect=0.0), 80, ASCII))[0]
    assert line.split()[:3] == ["connect", "0", "ms"]
    assert line.endswith("#")


def test_a_request_without_a_response_says_so():
    view = with_exchange(view_of(busy(15)))
    asked = Exchange(status=None, latency=None, transfer=None, duration=None, retransmitted=0)
    shown = text(timeline.timeline(view._replace(place=view.place._replace(exchange=asked)), 100, 20))
    assert shown[0].endswith("no response seen")
    assert not any("whole" in line or "server" in line for line in shown)


def test_the_timeline_says_in_words_what_stands_out():
    view = with_exchange(view_of(busy(15)))
    shown = text(timeline.timeline(view, 100, 30))
    assert "  68 % of the time was spent waiting for the server." in shown
    assert "  3 segments retransmitted while it lasted." in shown


# Help and the last line


def test_the_help_page_and_the_footer_are_made_from_the_table_of_keys():
    shown = "\n".join(text(help_page(View(), 200, 200)))
    for key in KEYS:
        assert key.shown in shown
        assert key.meaning.removeprefix("view: ") in shown
    known = {word for key in KEYS for word in key.shown.split()} | {"arrows", "1-8"}
    assert {key for hints in [*OF_PAGE.values(), FIRST, PLAYING] for key, _ in hints} <= known
    assert set(OF_PAGE) == set(Page)


@pytest.mark.parametrize("name", sorted({name for key in (*KEYS, *TYPING, *ORDERING) for name in key.names}))
def test_every_key_that_is_bound_has_a_known_name_that_some_terminal_can_send(name):
    assert name in get_args(KeyName)
    real = KEY_ALIASES.get(name, name)
    sent = [text for text, key in ANSI_SEQUENCES.items() if key == real] or [name]
    assert [press.key for press in presses(sent[:1])] == [real]


def test_every_name_of_a_key_is_bound():
    assert set(get_args(KeyName)) == {name for key in (*KEYS, *TYPING, *ORDERING) for name in key.names}


def test_every_action_of_a_key_is_a_change_of_the_view_or_a_known_command():
    words = {key.action for key in (*KEYS, *TYPING, *ORDERING) if not callable(key.action)}
    assert words == set(get_args(Command))


def test_no_key_is_bound_twice():
    for table in (KEYS, TYPING, ORDERING):
        names = [name for key in table for name in key.names]
        assert len(names) == len(set(names))


def test_the_help_says_where_outputs_are_found_with_their_whole_names():
    view = View(announced=("live page: http://127.0.0.1:8464/?token=t", "metrics for Prometheus: http://127.0.0.1:1/m"))
    shown = text(help_page(view, 80, 24))
    assert [line.split(maxsplit=3)[:3] for line in shown[1:3]] == [
        ["live", "page", "http://127.0.0.1:8464/?token=t"],
        ["metrics", "for", "Prometheus"],
    ]
    assert shown[1].index("http") == shown[2].index("http")


def test_a_long_help_page_scrolls_to_its_end():
    view = view_of([QUIET], ["?", "end"])
    assert any("lost" in line for line in text(screen(view, 80, 24)))
    assert any("lost" in line for line in text(screen(view, 40, 10)))


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (20, 5)])
def test_the_first_key_upwards_moves_a_help_page_that_was_scrolled_to_its_end(size):
    bottom = view_of([QUIET], ["?", "end"])
    above = moves.moved(seen(bottom, bottom, size), -1)
    lines, moved = (text(screen(view, *size))[1:-1] for view in (bottom, above))
    assert moved[1:] == lines[:-1]


# Canvas


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


def test_the_number_of_exchanges_that_did_not_fit_is_said():
    frame = Frames(keeps_exchanges=True).push(snapshot(0, responses=9, capture={"exchanges_dropped": 4}))
    assert "9 answers so far, 4 did not fit" in text([about.kept(view_of([frame]), 120)])[0]

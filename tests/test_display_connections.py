"""The view of connections: which rows it has and in which order, where Enter leads, what a filter finds, its CSV."""

import csv
import io

import pytest
from drawing import at, busy, pressed, text, view_of
from fakes import snapshot
from netmon import format as fmt
from netmon.display.export import document
from netmon.display.layout import boxes, screen
from netmon.display.rows import rows_of, selected_row
from netmon.display.view import Page, Panel, Sort
from netmon.frames import Frames
from scene import NOON, connections

LIST = Panel.CONNECTIONS


def rows(view):
    found = rows_of(view, LIST)
    return list(found.page(0, found.total))


def drawn(view, width=120, height=30):
    return text(screen(view, width, height))


def test_the_list_has_each_connection_of_the_window_once():
    view = at("4")()
    wanted = {(row["client"], row["server"]) for i in range(18, 28) for row in connections(i)}
    assert {(row.client, row.server) for row in rows(view)} == wanted
    assert len(rows(view)) == len(wanted)


def test_snapshots_of_a_screen_have_no_connections_and_its_frames_have():
    frame = busy()[-1]
    assert frame.snapshot.connections == frame.window.connections == frame.counted.connections == []
    assert len(frame.connections) > 0


def test_without_a_window_of_their_own_connections_stay_in_the_snapshots():
    made = Frames(10.0)
    frame = made.push(snapshot(NOON, connections=list(connections(0))))
    assert len(frame.connections) == len(frame.snapshot.connections) > 0


def test_resizing_and_clearing_the_window_hold_for_the_list_as_well():
    made = Frames(10.0, keeps_connections=True)
    for i in range(20):
        made.push(snapshot(NOON + i, connections=list(connections(i))))
    (one, ten) = (len(made.resize(length).connections) for length in (1.0, 10.0))
    assert 0 < one < ten
    twin = made.copy()
    made.clear()
    assert made.resize(10.0).connections == []
    assert len(twin.resize(10.0).connections) == ten


@pytest.mark.parametrize(
    ("title", "value"),
    [
        ("age", lambda row: row.age),
        ("RTT", lambda row: row.rtt if row.rtt is not None else -1),
        ("resent", lambda row: row.retransmitted),
        ("bytes", lambda row: row.bytes_to_server + row.bytes_to_client),
        ("requests", lambda row: row.requests),
    ],
)
def test_each_column_sorts_most_first_and_what_is_unknown_comes_last(title, value):
    view = at("4")().with_sort(LIST, Sort(title))
    values = [value(row) for row in rows(view)]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) > 1


def test_by_default_open_connections_come_first_and_the_newest_of_them_first():
    found = rows(at("4")())
    states = [row.state for row in found]
    assert states == sorted(states, key=["open", "opening", "closed", "reset"].index)
    seen = [row.first_seen for row in found if row.state == "open"]
    assert seen == sorted(seen, reverse=True)
    assert len(seen) > 5


def test_states_sort_from_those_that_were_refused_to_those_that_are_open():
    order = ["refused", "reset", "closed", "opening", "open"]
    found = [row.state for row in rows(at("4")().with_sort(LIST, Sort("state")))]
    assert found == sorted(found, key=order.index)
    assert len(set(found)) >= 3


def test_the_title_says_how_many_of_the_open_connections_are_listed():
    view = at("4")()
    listed = sum(row.state == "open" for row in rows(view))
    ended = sum(row.state in ("closed", "reset") for row in rows(view))
    assert f"CONNECTIONS {listed} of 1 204 open, {ended} ended" in "\n".join(drawn(view))
    few = view_of([Frames(10.0).push(snapshot(NOON, connections=list(connections(0))))], "4")
    listed = sum(row.state == "open" for row in rows(few))
    assert f"CONNECTIONS {listed} open, 0 ended" in "\n".join(drawn(few))


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("login.example", lambda row: row.host == "login.example"),
        ("10.0.0.7:", lambda row: row.client.startswith("10.0.0.7:")),
        ("TLS", lambda row: row.protocol == "tls"),
        ("reset", lambda row: row.state == "reset"),
        (":443", lambda row: row.server.endswith(":443")),
        ("!eth0", lambda row: False),
    ],
)
def test_a_filter_looks_at_everything_that_a_row_says(typed, found):
    view = pressed(at("4")(), ["/", *typed, "enter"])
    wanted = [row for row in rows(at("4")()) if found(row)]
    assert [(row.client, row.age) for row in rows(view)] == [(row.client, row.age) for row in wanted]
    if not wanted:
        assert f"Nothing here matches {typed}." in "\n".join(drawn(view))


@pytest.mark.parametrize("typed", ["http1", "tls"])
def test_enter_opens_the_page_of_a_connection_whatever_it_speaks(typed):
    matching = pressed(at("4")(), ["/", *typed, "enter"])
    row = selected_row(matching, LIST)
    inside = pressed(matching, ["enter"])
    assert inside.page is Page.CONNECTION
    words = "\n".join(drawn(inside))
    assert f"{row.client} {inside.glyphs.to} {row.server}  {row.host}".rstrip() in words
    assert f"  {typed}  {fmt.plural(row.requests, 'request')}" in words
    assert f"{fmt.scaled(row.bytes_to_client, 'B')} to the client" in words
    found = rows_of(inside, Panel.OF_CONNECTION)
    assert {(each.client, each.server) for each in found.page(0, found.total)} <= {(row.client, row.server)}
    assert pressed(inside, ["escape"]).page is Page.CONNECTIONS


def test_the_view_of_servers_says_which_share_is_closed_and_why_and_sorts_and_filters_them():
    view = at("8")()
    words = "\n".join(drawn(view))
    assert "of the bytes are TLS whose keys are unknown; not decrypted: no key: 50, joined midway: 10" in words
    names = [row.name for row in rows_of(view, Panel.SERVERS).page(0, 9)]
    assert names == ["login.example", "mail.example", "cdn.example"]
    slowest_first = view._replace(sorts={Panel.SERVERS: Sort("handshake")})
    assert [row.name for row in rows_of(slowest_first, Panel.SERVERS).page(0, 9)] == names[::-1]
    assert [row.name for row in rows_of(view, Panel.SERVERS, "quic").page(0, 9)] == ["mail.example", "cdn.example"]
    assert [row.name for row in rows_of(view, Panel.SERVERS, "host:mail*").page(0, 9)] == ["mail.example"]


def test_connections_of_an_interface_that_is_off_are_left_out():
    view = at("4")()
    assert rows(view._replace(off=frozenset({"eth0"}))) == []
    assert "No connection in this window." in "\n".join(drawn(view._replace(off=frozenset({"eth0"}), filter="")))


def test_the_health_of_connections_is_beside_the_list_or_a_line_above_it_and_a_tab_away():
    view = at("4")()
    assert [box.panel for box in boxes(view, 120, 30) if box.panel] == [
        LIST,
        Panel.INTERFACE_QUALITY,
        Panel.HOST_QUALITY,
    ]
    for keys, panel in (([], LIST), (["tab"], Panel.INTERFACE_QUALITY), (["tab", "tab"], Panel.HOST_QUALITY)):
        assert panel in [box.panel for box in boxes(pressed(view, keys), 80, 24)]
        assert [box.panel for box in boxes(pressed(view, keys), 40, 10) if box.panel] == [panel]
    assert [box.panel for box in boxes(view, 80, 24) if box.panel] == [LIST]
    assert any("120 opened" in line and "20 refused" in line for line in drawn(view, 80, 24))


def test_the_list_is_exported_with_its_words_and_figures():
    view = at("4")()
    told = list(csv.DictReader(io.StringIO(document(view, LIST))))
    assert list(told[0]) == [
        *("client", "server", "host", "protocol", "interface", "state", "opened"),
        *("age", "rtt", "retransmitted", "bytes_to_server", "bytes_to_client", "requests", "segments", "process"),
    ]
    assert len(told) == len(rows(view))
    for line, row in zip(told, rows(view), strict=True):
        assert (line["client"], line["state"], float(line["age"])) == (row.client, row.state, row.age)
        assert line["opened"] == ("" if row.opened is None else str(row.opened))
        assert int(line["retransmitted"]) == row.retransmitted
    assert all("\x1b" not in value for line in told for value in line.values())


def test_an_address_in_brackets_is_no_formula_and_names_of_the_wire_are_safe():
    one = next(connections(5))
    evil = one | {"host": "=evil\x1b[2J", "client": "[2001:db8::1]:5"}
    view = view_of([Frames(10.0).push(snapshot(NOON, connections=[evil]))], "4")
    (line,) = csv.DictReader(io.StringIO(document(view, LIST)))
    assert line["host"].startswith("'=evil")
    assert "\x1b" not in "".join(drawn(view))

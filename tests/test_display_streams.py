"""The open streams on the page of a connection, and the versions and reasons of servers."""

import pytest
from drawing import pressed, text, view_of
from fakes import snapshot
from netmon.display.layout import screen
from netmon.display.streams import open_streams
from netmon.display.view import Page
from netmon.frames import Frames
from scene import NOON, iso

STREAM = {
    "id": 5,
    "method": "POST",
    "host": "shop.example",
    "section": "/pkg.Service",
    "path": "/pkg.Service/Watch",
    "age": 61.5,
    "request_bytes": 1_300,
    "response_bytes": 48_000,
    "request_messages": 2,
    "response_messages": 310,
    "protocol": "grpc",
    "status": 200,
}
WAITS = STREAM | {"id": 7, "method": "GET", "section": "/slow", "path": "", "protocol": "http2", "status": None}


def page(*streams, there=None):
    """The page of a connection with these open streams."""
    connection = {
        "client": "10.0.0.7:50000",
        "server": "10.1.0.2:443",
        "interface": "eth0",
        "protocol": "http2",
        "host": "shop.example",
        "state": "open",
        "first_seen": iso(NOON),
        "last_seen": iso(NOON),
        "opened": None,
        "age": 70.0,
        "bytes_to_server": 1,
        "bytes_to_client": 1,
        "segments": 9,
        "retransmitted": 0,
        "requests": 4,
        "rtt": None,
        "streams": 40,
        "open_streams": len(streams) if there is None else there,
        "oldest_streams": list(streams),
    }
    frame = Frames(10.0, [], keeps_connections=True).push(snapshot(NOON, connections=[connection]))
    view = pressed(view_of([frame]), ["4", "enter"])
    assert view.page is Page.CONNECTION
    return view


def drawn(view, width, height=9):
    return text(open_streams(view, width, height))


def test_a_stream_has_a_row_with_what_it_is_of_and_how_far_it_has_come():
    heading, watch, slow = drawn(page(STREAM, WAITS), 120)
    assert heading.split() == ["OPEN", "STREAMS", "2", "status", "proto", "age", "sent", "answered", "messages"]
    assert watch.split()[:3] == ["5", "POST", "shop.example/pkg.Service/Watch"]
    assert watch.split()[3:] == ["200", "grpc", "1", "min", "1.3", "kB", "48", "kB", "2+310"]
    assert slow.split()[:5] == ["7", "GET", "shop.example/slow", "none", "http2"]


@pytest.mark.parametrize(
    ("width", "titles"),
    [(120, 6), (80, 5), (60, 4), (30, 1)],
)
def test_the_least_important_figures_go_first(width, titles):
    lines = drawn(page(STREAM, WAITS), width)
    assert "age" in lines[0]
    assert len(lines[0].split()) - 3 == titles
    assert all(len(line) <= width for line in lines)


def test_the_heading_tells_of_streams_that_have_no_row():
    streams = [STREAM | {"id": 2 * at + 1} for at in range(8)]
    assert drawn(page(*streams), 120)[0].startswith(" OPEN STREAMS  8 ")
    assert drawn(page(*streams, there=1_204), 120)[0].startswith(" OPEN STREAMS  1 204, the oldest 8 ")
    assert drawn(page(*streams), 120, 4)[0].startswith(" OPEN STREAMS  8, the oldest 3 ")
    assert len(drawn(page(*streams), 120, 4)) == 4


def test_a_connection_without_streams_has_no_table():
    assert drawn(page(), 120) == []
    assert not any("STREAMS" in line for line in text(screen(page(), 80, 24)))
    whole = text(screen(page(STREAM, WAITS), 80, 24))
    assert sum("shop.example/" in line for line in whole) == 2


def test_hostile_names_are_made_safe():
    view = page(STREAM | {"host": "evil\x1b[2J\u202e", "path": "/\u202e"})
    assert not any(char in "\x1b\u202e" for line in drawn(view, 120) for char in line)


SERVERS = [
    {
        "name": "a.example",
        "connections": 3,
        "bytes_to_client": 900,
        "undecrypted": {"no_key": 2, "late_key": 1},
        "tls_versions": {"TLS 1.3": 2, "TLS 1.2": 1},
        "cipher_suites": {"TLS_AES_128_GCM_SHA256": 3},
    },
    {"name": "b.example", "open_before": 2, "bytes_to_client": 100},
]


def servers(width, height=24):
    frame = Frames(10.0, []).push(snapshot(NOON, servers=SERVERS))
    return text(screen(pressed(view_of([frame]), ["8"]), width, height))


def test_servers_show_their_versions_and_why_they_stay_closed_where_there_is_room():
    wide = servers(140)
    row = next(line for line in wide if line.startswith(">a.example") or " a.example" in line)
    assert row.split()[-3:] == ["1.3+", "no", "key+"]
    assert "closed for" not in "\n".join(servers(60))


def test_the_selected_server_has_its_details_below_the_table():
    whole = "\n".join(servers(80))
    assert "  versions: TLS 1.3: 2, TLS 1.2: 1" in whole
    assert "  suites: TLS_AES_128_GCM_SHA256: 3" in whole
    assert "  not decrypted: no key: 2, late key: 1" in whole


def test_connections_that_began_before_the_window_are_shown():
    row = next(line for line in servers(140) if "b.example" in line)
    assert row.split()[1] == "2"

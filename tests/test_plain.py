"""The plain report and the other outputs: frames in, text out, compared as a whole."""

import io
import json

import pytest
from fakes import Pipe, histogram, snapshot
from netmon import Rule, Snapshot
from netmon.absence import encrypted
from netmon.frames import Frames
from netmon.sinks.document import Document
from netmon.sinks.ndjson import Ndjson
from netmon.sinks.plain import Plain, no_http, server_text
from netmon.sinks.requests import Requests
from netmon.sinks.summary import summary

NOON = 1_795_348_800.0  # 2026-11-22 12:00:00 UTC

CY = {"path": "/cy", "hits": 60, "methods": {"GET": 60}}
APNI = {"path": "/apni", "hits": 12, "methods": {"GET": 8, "POST": 4}}
LEGISLATION = {
    "name": "www.legislation.gov.uk",
    "hits": 191,
    "statuses": {"200": 103, "301": 9, "303": 4},
    "latency": histogram(at=0.0122, count=95),
    "sections": [CY, APNI],
}
INTERFACES = [
    {"name": "enp0s3", "packets": 800, "bytes": 900_000, "http_packets": 780, "http_bytes": 862_625, "state": "up"},
    {"name": "lo", "state": "new"},
]
BUSY = snapshot(
    NOON - 10, NOON, hits=191, hosts=[LEGISLATION], interfaces=INTERFACES, capture={"received": 48_210, "protocols": {}}
)

REPORT = """\
netmon  refresh 10 s  alert at 7000 hits / 120 s  updated 2026-11-22 12:00:00 +00:00
Requests:        19.1 requests/s (191 requests, 0 responses, 0 errors)
Alert watchdog:  191 / 7000 hits (requests + responses) over the past 120 s  OK
HTTP traffic:    enp0s3  690.1 kbit/s (6.9 Mbit)   lo new  0 bit/s
Capture:         48 210 packets, none lost
Top host:        www.legislation.gov.uk   191 hits   statuses 200: 103, 301: 9, 303: 4   p50 12 ms  p95 12 ms
  > /cy       60 hits   methods GET: 60
  > /apni     12 hits   methods GET: 8, POST: 4

"""


def play(*snapshots, rule=None, window=10.0, top=10, color=False, plays=False):
    """What the plain report writes for these snapshots."""
    stream = io.StringIO()
    sink = Plain(stream, window=window, top=top, color=color, plays=plays)
    frames = Frames(window, [rule or Rule()])
    for each in snapshots:
        sink.update(frames.push(each))
    sink.close()
    return stream.getvalue()


def test_a_silence_of_a_played_file_is_one_line_and_a_short_one_is_within_its_report():
    after = snapshot(NOON + 90_000, NOON + 90_001, hits=1, capture={"received": 1})
    text = play(BUSY, BUSY.silence(90_000), after, plays=True)
    assert text.startswith(REPORT + "Silence:         no packet for 1 d 1 h, until 2026-11-23 13:00:00 +00:00\nnetmon")
    assert text.count("netmon  refresh") == 2
    one, other = (snapshot(NOON + at, NOON + at + 1, capture={"received": 1}) for at in (0, 9))
    assert play(one, one.silence(8), other, plays=True).count("Silence") == 0
    assert "Silence" not in play(BUSY, BUSY.silence(90_000)), "only a played file has silence"


def test_the_report_shows_what_gonetmon_shows_in_its_order():
    assert play(BUSY) == REPORT


def test_the_busiest_clients_are_a_line_of_the_report_and_of_the_summary():
    rows = [("10.0.0.1", 120, 3), ("10.0.0.2", 7, 0), ("2001:db8::/64", 9, 1), ("~other", 1, 0)]
    clients = [{"address": address, "requests": n, "errors": errors} for address, n, errors in rows]
    busy = snapshot(NOON, hits=137, clients=clients)
    (line,) = [line for line in play(busy).splitlines() if line.startswith("Top clients:")]
    assert line == (
        "Top clients:     10.0.0.1 120 requests, 3 errors; 2001:db8::/64 9 requests, 1 error; 10.0.0.2 7 requests; "
        "and 1 more client"
    )
    assert "  top clients by requests: 10.0.0.1 120 (3 errors), 2001:db8::/64 9 (1 error), 10.0.0.2 7\n" in summary(
        Frames(10, [Rule()]).push(busy)
    )


def test_one_report_per_window_and_the_rest_at_the_end():
    text = play(*(snapshot(NOON + i, hits=1, hosts=[{"name": "a", "hits": 1}]) for i in range(23)))
    assert [line.split()[-3:-1] for line in text.splitlines() if line.startswith("netmon")] == [
        ["2026-11-22", "12:00:10"],
        ["2026-11-22", "12:00:20"],
        ["2026-11-22", "12:00:23"],
    ]
    assert text.count("a   10 hits") == 2
    assert text.count("a   3 hits") == 1


def test_every_snapshot_is_in_one_report_also_where_a_file_skips_time():
    hits = [(0, 1), (1, 2), (15, 4), (16, 8), (500, 16)]
    text = play(*(snapshot(NOON + at, hits=n, hosts=[{"name": "a", "hits": n}]) for at, n in hits))
    shown = [int(line.split()[3]) for line in text.splitlines() if line.startswith("Top host")]
    assert shown == [1 + 2, 4 + 8, 16]


def test_alerts_are_told_at_once_and_the_watchdog_says_so():
    steps = [snapshot(NOON + i, hits=n) for i, n in enumerate([9, 0, 0, 0])]
    lines = play(*steps, rule=Rule(5, 3), window=2).splitlines()
    words = ("Alert", "ALERT", "RECOVERED")
    assert [line for line in lines if line.startswith(words)] == [
        "ALERT      high traffic: hits = 9 at 2026-11-22 12:00:01.000 +00:00",
        "Alert watchdog:  9 / 5 hits (requests + responses) over the past 3 s  ALERT",
        "Alert watchdog:  0 / 5 hits (requests + responses) over the past 3 s  OK",
        "RECOVERED  high traffic: after 3 s at 2026-11-22 12:00:04.000 +00:00",
    ]


def test_no_http_says_what_was_seen_instead():
    spoken = {"name": "eth0", "protocols": {"tls": 52_000}}
    silent = snapshot(
        NOON,
        interfaces=[spoken],
        server_names=[{"name": f"{name}.example", "connections": 9} for name in "abcd"],
        capture={"received": 1204, "protocols": {"tls": 30, "other": 8}, "encapsulated": 7},
    )
    said = play(silent)
    assert (
        "none, no HTTP in 1 204 packets (52 kB of tls, encrypted to a.example, b.example, c.example and 1 more, "
        "the keys are unknown; " in said
    )
    assert "new connections: 30 tls, 8 other; 7 packets in tunnels, see --decode-tunnels)" in said
    assert "none, no packet seen" in play(snapshot(NOON))


def test_the_share_of_what_is_encrypted_is_told_with_its_servers():
    closed = snapshot(
        NOON,
        interfaces=[{"name": "eth0", "bytes": 100_000, "protocols": {"quic": 62_000}}],
        servers=[
            {"name": "b.example", "connections": 1, "quic": 1, "bytes_to_client": 50_000},
            {"name": "a.example", "connections": 1, "quic": 1, "bytes_to_client": 9_000},
            {"name": "c.example", "connections": 1},
        ],
        capture={"received": 833},
    )
    told = "62 kB of quic (62 % of the bytes), encrypted to b.example, a.example, the keys are unknown"
    assert told in no_http(closed)
    share = "62 % of the bytes are QUIC whose keys are unknown"
    b, a, c = (
        "b.example 1 connection, 50 kB encrypted",
        "a.example 1 connection, 9 kB encrypted",
        "c.example 1 connection",
    )
    assert f"Servers:         {b}; {a}; {c} ({share})\n" in play(closed)
    frame = Frames(10.0, []).push(closed)
    assert f"  {share}; top servers: b.example, a.example\n" in summary(frame)


@pytest.mark.parametrize(
    ("servers", "told"),
    [
        ([{"name": "a", "bytes_to_client": 50_000}], "60 % of the bytes are TLS"),
        ([{"name": "a", "handshake_bytes": 5_000, "decrypted": 1}], ""),
        (
            [{"name": "a", "bytes_to_client": 10_000}, {"name": "b", "handshake_bytes": 5_000}],
            "40 % of the bytes are TLS",
        ),
        ([{"name": "a", "connections": 1}], ""),
        ([], "60 % of the bytes are TLS"),
    ],
    ids=["closed", "decrypted", "some of both", "not decided yet", "no servers known"],
)
def test_handshakes_of_connections_that_were_decrypted_are_not_closed(servers, told):
    window = snapshot(
        NOON, interfaces=[{"name": "eth0", "bytes": 100_000, "protocols": {"tls": 60_000}}], servers=servers
    )
    assert encrypted(window) == (f"{told} whose keys are unknown" if told else "")


def test_a_server_is_told_with_its_connections_of_the_window_and_why_they_stay_closed():
    old, new = (
        snapshot(NOON + at, servers=[{"name": "a", "connections": n, "open_before": before, "bytes_to_client": 9}])
        for at, n, before in ((0, 0, 2), (1, 3, 2))
    )
    window = Snapshot.merge([old, new])
    assert server_text(window.servers[0]) == "a 5 connections, 18 B encrypted"
    closed = snapshot(NOON, servers=[{"name": "a", "connections": 3, "undecrypted": {"late_key": 2, "no_key": 1}}])
    assert server_text(closed.servers[0]) == "a 3 connections, late key"
    closed = snapshot(
        NOON,
        interfaces=[{"name": "eth0", "bytes": 100, "protocols": {"tls": 60}}],
        servers=[{"name": "a", "bytes_to_client": 50}],
        capture={"undecrypted": {"no_key": 3}},
    )
    assert "; top servers: a; not decrypted: no key: 3\n" in summary(Frames(10.0, []).push(closed))


def test_a_filter_that_admits_no_exchange_is_the_reason_for_an_empty_report():
    spoken = {"name": "eth0", "protocols": {"http1": 52_000}}
    window = snapshot(NOON, interfaces=[spoken], capture={"received": 833})
    assert no_http(window, "host:shop  status:5xx") == "none, no exchange matches host:shop status:5xx"
    assert no_http(window).startswith("none, no HTTP in 833 packets")
    sealed = snapshot(NOON, interfaces=[{"name": "eth0", "protocols": {"tls": 9}}], capture={"received": 833})
    assert no_http(sealed, "host:shop").startswith("none, no HTTP in 833 packets (9 B of tls")


def test_losses_are_in_the_capture_line():
    lossy = snapshot(NOON, capture={"received": 990, "kernel_dropped": 8, "interface_dropped": 2})
    assert "Capture:         990 packets, 10 lost (1.0 %)" in play(lossy)


def test_what_was_cut_or_not_decoded_is_named_below_the_capture_line():
    capture = {"received": 990, "truncated": 96, "truncated_heads": 12, "undecoded": {"ethertype 0x8926": 10}}
    said = play(snapshot(NOON, capture=capture), color=True).splitlines()
    assert [line for line in said if "Capture" in line or "Truncated" in line or "Not decoded" in line] == [
        "\x1b[1mCapture:\x1b[0m         990 packets, 96 truncated (12 heads), 10 not decoded",
        "\x1b[31mTruncated:       96 packets and 12 heads; capture with a larger -s\x1b[0m",
        "\x1b[1mNot decoded:\x1b[0m     10 packets with unknown EtherType 0x8926",
    ]


def test_hosts_and_sections_left_out_are_counted():
    sections = [{"path": f"/{i}", "hits": 9 - i} for i in range(7)]
    hosts = [{"name": f"h{i}", "hits": 9 - i, "sections": sections if i == 0 else []} for i in range(4)]
    lines = play(snapshot(NOON, hits=30, hosts=hosts), top=2).splitlines()
    assert lines[-3:-1] == ["Host 2:          h1   8 hits", "                 and 2 more hosts"]
    assert "  > and 2 more sections" in lines


def test_hostile_names_reach_no_terminal():
    evil = {"name": "evil\x1b[2J\u202e", "hits": 1, "sections": [{"path": "/\x9b31m\r\n", "hits": 1}]}
    text = play(snapshot(NOON, hits=1, hosts=[evil], interfaces=[{"name": "e\x1bth"}]))
    assert not set(text) - {"\n"} & {chr(code) for code in (*range(32), 0x7F, 0x9B, 0x202E)}
    assert "evil\\x1b[2J" in text


@pytest.mark.parametrize("color", [True, False])
def test_escape_codes_only_when_colour_was_asked_for(color):
    text = play(snapshot(NOON, hits=9), rule=Rule(5, 3), color=color)
    assert ("\x1b[31mALERT\x1b[0m" in text) is color
    assert ("\x1b" in text) is color


def frames_of(*snapshots):
    frames = Frames(10.0, [Rule(5, 3)])
    return [frames.push(each) for each in snapshots]


def test_ndjson_is_a_snapshot_a_line_as_it_comes():
    stream = io.BytesIO()
    sink = Ndjson(stream)
    one, two = snapshot(NOON, hits=1), snapshot(NOON + 1, hits=2)
    first, second = frames_of(one, two)
    sink.update(first)
    assert Snapshot.from_json(stream.getvalue()) == one
    sink.update(second)
    sink.close()
    assert [Snapshot.from_json(line) for line in stream.getvalue().splitlines()] == [one, two]


@pytest.mark.parametrize("n", [1, 59, 60, 61, 150])
def test_the_document_is_the_merge_of_all_snapshots(n):
    stream = io.BytesIO()
    sink = Document(stream)
    snapshots = [snapshot(NOON + i, hits=i, hosts=[{"name": f"h{i % 3}", "hits": i}]) for i in range(n)]
    for frame in frames_of(*snapshots):
        sink.update(frame)
    assert stream.getvalue() == b""
    sink.close()
    assert Snapshot.from_json(stream.getvalue()) == Snapshot.merge(snapshots)


def test_nothing_seen_is_the_empty_document():
    stream = io.BytesIO()
    Document(stream).close()
    assert Snapshot.from_json(stream.getvalue()) == Snapshot()


EXCHANGE = {
    "ts": "2026-11-22T12:00:00.250000Z",
    "client": "10.0.0.1:5000",
    "server": "10.0.0.2:80",
    "interface": "eth0",
    "host": "shop.example",
    "section": "/cart",
    "path": "/cart/items/7",
    "method": "POST",
    "status": 201,
    "request_bytes": 90,
    "response_bytes": 4200,
    "latency": 0.0123,
    "duration": 0.02,
    "connect": None,
    "request_time": 0.001,
    "transfer": 0.0067,
    "retransmitted": 2,
    "protocol": "http1",
    "tls": False,
    "stream": None,
    "tls_handshake": None,
    "queued": None,
    "grpc_status": None,
    "request_messages": 0,
    "response_messages": 0,
    "user_agent": "curl",
}


def test_requests_are_a_line_each():
    stream = Pipe()
    unanswered = (
        EXCHANGE | {"status": None, "latency": None, "duration": None, "host": "z\x1b"} | {"path": "", "user_agent": ""}
    )
    seen = snapshot(NOON, exchanges=[EXCHANGE, unanswered], capture={"exchanges_dropped": 3})
    Requests(stream).update(frames_of(seen)[0])
    assert [" ".join(line.split()) for line in stream.text.splitlines()] == [
        "2026-11-22 12:00:00.250 +00:00 10.0.0.1:5000 POST shop.example/cart/items/7 201 12 ms 4.2 kB curl",
        "2026-11-22 12:00:00.250 +00:00 10.0.0.1:5000 POST z\\x1b/cart none - 4.2 kB",
        "(3 exchanges more in this interval)",
    ]


def test_requests_as_json_have_the_names_of_the_api():
    stream = Pipe()
    Requests(stream, as_json=True).update(frames_of(snapshot(NOON, exchanges=[EXCHANGE]))[0])
    assert json.loads(stream.text) == EXCHANGE


def test_the_summary_is_a_few_lines_about_all_of_it():
    capture = {"received": 48_000, "kernel_dropped": 480}
    hosts = [{"name": "shop.example", "hits": 5}, {"name": "api.example", "hits": 2}]
    first = snapshot(NOON, hits=7, requests=4, responses=3, errors=1, hosts=hosts, capture=capture)
    again = snapshot(NOON + 129, hits=5, requests=5, hosts=[{"name": "api.example", "hits": 5}])
    assert summary(frames_of(first, again)[-1]) == (
        "netmon: 2 min 10 s, 48 000 packets, 480 lost (1.0 %)\n"
        "  0.1 requests/s: 9 requests, 3 responses, 1 error\n"
        "  top hosts by requests: api.example 7, shop.example 5\n"
        "  alerts: 2 fired, 1 recovered, 1 still lasting\n"
    )


def test_the_summary_of_nothing():
    assert summary(None) == "netmon: nothing was captured\n"

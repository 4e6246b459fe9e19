"""What protocols with streams report: in rows, tables, text, rules and comparisons, and that HTTP/1 stays as it was."""

import csv
import io
import json
import pickle

import drawing
import pytest
import scene
from fakes import histogram, iso, snapshot
from netmon import AlertPolicy, Filter, Rule, Snapshot
from netmon import format as fmt
from netmon._core import csv_head
from netmon.compare.findings import LEVELS
from netmon.display import about, timeline
from netmon.display.plan import plan_of
from netmon.display.view import Panel, Place
from netmon.frames import Frames
from netmon.sinks import plain
from netmon.sinks.requests import as_text

STREAMS = {
    "requests": 10,
    "responses": 10,
    "errors": 3,
    "methods": {"POST": 10},
    "statuses": {"200": 10},
    "protocols": {"grpc": 7, "http2": 1},
    "grpc_statuses": {"OK": 4, "UNAVAILABLE": 2, "ABORTED": 1},
    "request_messages": 7,
    "response_messages": 30,
    "client_close_codes": {"1001": 1},
    "server_close_codes": {},
    "client_resets": {"CANCEL": 2},
    "server_resets": {},
    "latency": histogram(at=0.02, count=10),
    "duration": histogram(at=0.04, count=10),
}

CALL = {
    "ts": iso(scene.NOON),
    "client": "10.0.0.1:5000",
    "server": "10.0.0.2:443",
    "interface": "eth0",
    "host": "shop.example",
    "section": "/pkg.Cart",
    "path": "/pkg.Cart/Add",
    "method": "POST",
    "status": 200,
    "request_bytes": 100,
    "response_bytes": 200,
    "latency": 0.03,
    "duration": 0.05,
    "request_time": 0.0,
    "transfer": 0.02,
    "protocol": "grpc",
    "tls": True,
    "stream": 5,
    "tls_handshake": 0.004,
    "queued": 0.01,
    "grpc_status": "UNAVAILABLE",
    "request_messages": 1,
    "response_messages": 3,
}

CONNECTION = {
    "first_seen": iso(scene.NOON),
    "client": "10.0.0.1:5000",
    "server": "10.0.0.2:443",
    "interface": "eth0",
    "last_seen": iso(scene.NOON + 1),
    "segments": 9,
    "age": 1.0,
    "opened": iso(scene.NOON),
    "state": "open",
    "protocol": "http2",
    "host": "shop.example",
    "bytes_to_server": 900,
    "bytes_to_client": 900,
    "retransmitted": 0,
    "requests": 4,
    "rtt": 0.01,
    "tls": True,
    "streams": 9,
    "open_streams": 2,
    "undecrypted": "",
}


def forged(**more):
    section = {"path": "/pkg.Cart", **STREAMS}
    return snapshot(
        scene.NOON,
        **STREAMS,
        hosts=[{"name": "shop.example", "sections": [section], **STREAMS}],
        clients=[{"address": "10.0.0.1", **STREAMS}],
        capture={"received": 90, "undecrypted": {"no_key": 3}, "goaways": {"NO_ERROR": 2}},
        exchanges=[CALL],
        connections=[CONNECTION],
        interfaces=[{"name": "eth0", "packets": 90, "bytes": 9_000, "state": "up"}],
        **more,
    )


def test_a_row_has_what_its_protocols_report_and_json_and_pickles_keep_it():
    told = forged()
    for made in (told, Snapshot.from_json(told.to_json()), pickle.loads(pickle.dumps(told))):
        host = made.hosts[0]
        for row in (made, host, host.sections[0], made.clients[0], pickle.loads(pickle.dumps(host))):
            assert row.protocols == {"grpc": 7, "http1": 2, "http2": 1}, "the rest is HTTP/1"
            assert row.grpc_statuses == {"OK": 4, "UNAVAILABLE": 2, "ABORTED": 1}
            assert (row.request_messages, row.response_messages) == (7, 30)
            assert (row.client_close_codes, row.client_resets, row.server_resets) == ({1001: 1}, {"CANCEL": 2}, {})
        assert (made.capture.undecrypted, made.capture.goaways) == ({"no_key": 3}, {"NO_ERROR": 2})
        call, connection = made.exchanges[0], made.connections[0]
        assert (call.protocol, call.tls, call.stream, call.grpc_status) == ("grpc", True, 5, "UNAVAILABLE")
        assert (connection.tls, connection.streams, connection.open_streams) == (True, 9, 2)
        assert connection.undecrypted == ""


def test_a_document_without_these_keys_is_of_http1():
    old = snapshot(0, requests=3, hosts=[{"name": "a", "requests": 3}], capture={"protocols": {"h2c": 2, "tls": 1}})
    assert (old.protocols, old.hosts[0].protocols) == ({"http1": 3}, {"http1": 3})
    assert old.capture.protocols == {"http2": 2, "tls": 1}
    assert "grpc_statuses" not in json.loads(old.to_json())


def test_merges_add_and_halves_are_the_whole():
    merged = Snapshot.merge([forged(), forged()])
    assert merged.grpc_statuses == {"OK": 8, "UNAVAILABLE": 4, "ABORTED": 2}
    assert merged.protocols == {"grpc": 14, "http1": 4, "http2": 2}
    assert merged.capture.undecrypted == {"no_key": 6}


def test_tables_have_the_columns_behind_those_of_before():
    lines = list(csv.reader(io.StringIO((csv_head("sections") + forged().to_csv("sections")).decode())))
    row = dict(zip(*lines, strict=True))
    assert lines[0][-8:-6] == ["protocols", "grpc_statuses"]
    assert json.loads(row["grpc_statuses"])["UNAVAILABLE"] == 2
    assert (row["response_messages"], json.loads(row["client_close_codes"])) == ("30", {"1001": 1})


@pytest.mark.parametrize(
    ("text", "admits"),
    [
        ("protocol:grpc", True),
        ("protocol:http2", False),
        ("grpc:UNAVAILABLE", True),
        ("grpc:14", True),
        ("grpc:failed", True),
        ("grpc:ok", False),
        ("tls:yes", True),
        ("tls:no or grpc:none", False),
    ],
)
def test_filters_find_exchanges(text, admits):
    assert Filter(text).admits_exchange(forged().exchanges[0]) is admits


@pytest.mark.parametrize(
    ("metric", "where", "per", "above", "value"),
    [
        ("grpc_status.UNAVAILABLE", "", "", 1, 2),
        ("grpc_errors", "host:shop.example", "", 2, 3),
        ("grpc_error_ratio", "", "host", "40%", pytest.approx(3 / 7)),
        ("errors", "", "section", 2, 3),
        ("messages", "", "client", 36, 37),
        ("resets", "", "", 1, 2),
        ("undecrypted", "", "", 2, 3),
        ("goaways", "", "", 1, 2),
    ],
)
def test_a_rule_fires_by_what_protocols_report(metric, where, per, above, value):
    policy = AlertPolicy([Rule(metric=metric, where=where, per=per, above=above, span=1)])
    alerts = list(policy.update(forged()))
    assert [(alert.state, alert.value) for alert in alerts] == [("fired", value)]


def test_a_rule_about_a_status_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="grpc_status"):
        Rule(metric="grpc_status.TEAPOT", above=1, span=1)


def test_failed_calls_are_compared_where_there_are_calls():
    assert all("grpc_error_ratio" in [kind.name for kind in level] for level in LEVELS)


def test_a_line_of_a_request_says_what_is_special_about_its_protocol():
    call = forged().exchanges[0]
    assert fmt.spoken(call) == "grpc over TLS #5 UNAVAILABLE, messages 1 + 3"
    assert as_text(call).endswith("200 B  grpc over TLS #5 UNAVAILABLE, messages 1 + 3")
    http1 = snapshot(
        0,
        exchanges=[
            {**CALL, "protocol": "http1", "tls": False, "stream": None, "grpc_status": None}
            | {"request_messages": 0, "response_messages": 0}
        ],
    ).exchanges[0]
    assert fmt.spoken(http1) == ""


def frames():
    return [Frames(10.0, [Rule()], keeps_exchanges=True).push(forged())]


def test_the_report_names_protocols_statuses_of_grpc_and_what_stays_closed():
    frame = frames()[0]
    text = "\n".join(plain.report(frame, frame.window, 1.0, 3))
    assert "gRPC OK: 4, UNAVAILABLE: 2, ABORTED: 1" in text
    assert "grpc 70 %, http1, http2" in text
    assert "Not decrypted:   3 connections (no_key: 3)" in text


@pytest.mark.parametrize("width", [80, 100, 140])
def test_tables_have_a_column_of_protocols_only_where_there_are_others(width):
    view = drawing.view_of(frames())
    shown = {panel: [column.title for column in plan_of(view, panel, width).figures] for panel in Panel}
    calm = drawing.view_of(drawing.busy(5))
    for panel in (Panel.HOSTS, Panel.ALL_SECTIONS, Panel.REQUESTS, Panel.CONNECTIONS):
        assert "proto" in shown[panel] or width < 100, panel
        assert "proto" not in [column.title for column in plan_of(calm, panel, width).figures]
    assert "gRPC" in shown[Panel.REQUESTS]


@pytest.mark.parametrize(
    ("typed", "is_shown"), [("protocol:grpc", True), ("grpc:none", False), ("no-such-host", False)]
)
def test_a_table_has_a_column_of_statuses_of_grpc_only_where_a_row_has_one(typed, is_shown):
    view = drawing.view_of(frames(), ["5", "/", *typed, "enter"])
    assert ("gRPC" in [column.title for column in plan_of(view, Panel.REQUESTS, 140).figures]) is is_shown


def test_the_page_of_a_host_has_statuses_of_grpc_beside_the_others():
    view = drawing.view_of(frames())
    view = view._replace(place=Place(host="shop.example"))
    text = "\n".join(drawing.text(about.about_host(view, 140, 9)))
    assert "UNAVAILABLE: 2" in text
    assert "37 messages" in text


def test_the_time_line_shows_stream_tls_handshake_and_queued_time():
    view = drawing.view_of(frames())
    call = forged().exchanges[0]
    names = [(stage.name, round(stage.begin, 3), round(stage.seconds, 3)) for stage in timeline.stages(call)]
    assert names == [
        ("TLS", 0.0, 0.004),
        ("request", 0.004, 0.0),
        ("queued", 0.004, 0.01),
        ("server", 0.014, 0.02),
        ("transfer", 0.034, 0.02),
    ]
    view = view._replace(place=view.place._replace(exchange=call))
    for width in (80, 100, 140):
        text = "\n".join(drawing.text(timeline.timeline(view, width, 20)))
        assert "grpc over TLS #5 UNAVAILABLE" in text
        assert "queued" in text

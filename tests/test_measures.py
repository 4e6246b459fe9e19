"""The table of measures: the value of each, worked out by hand from a snapshot, and which names are accepted."""

import pytest
from fakes import histogram, snapshot
from netmon import Snapshot
from netmon.alerts import Rule
from netmon.alerts.rule import ROWS
from netmon.alerts.sums import Sums
from netmon.alerts.watch import micros
from netmon.measures import MEASURES, METRICS, measure

TCP = {
    "opened": 9,
    "closed": 8,
    "reset": 2,
    "refused": 1,
    "segments": 400,
    "retransmitted": 4,
    "out_of_order": 3,
    "duplicate_acks": 6,
    "zero_window": 5,
    "client_handshake_rtt": histogram(at=0.02, count=9),
    "server_handshake_rtt": histogram(at=0.01, count=9),
}

MESSAGES = {
    "requests": 10,
    "responses": 8,
    "methods": {"GET": 10},
    "statuses": {"200": 5, "301": 1, "500": 1, "503": 1},
    "errors": 2,
    "grpc_statuses": {"OK": 6, "UNAVAILABLE": 1, "ABORTED": 1},
    "request_messages": 11,
    "response_messages": 4,
    "client_resets": {"CANCEL": 2},
    "server_resets": {"REFUSED_STREAM": 1, "CANCEL": 4},
    "request_bytes": 1_000,
    "response_bytes": 9_000,
    "latency": histogram(at=0.1, count=8),
    "duration": histogram(at=0.4, count=8),
}

FULL = snapshot(
    0,
    **MESSAGES,
    hosts=[{"name": "a.example", "tcp": TCP, "sections": [{"path": "/", **MESSAGES}], **MESSAGES}],
    clients=[{"address": "10.0.0.1", **MESSAGES, "duration": histogram(at=1, count=1)}],
    interfaces=[
        {"name": "eth0", "packets": 30, "bytes": 4_000, "http_bytes": 3_000, "tcp": TCP},
        {"name": "eth1", "packets": 10, "bytes": 1_000},
    ],
    tcp=TCP,
    capture={"received": 95, "kernel_dropped": 2, "interface_dropped": 2, "unread": 1, "unanswered": 2}
    | {"undecrypted": {"no_key": 3, "lost": 1}, "goaways": {"NO_ERROR": 2}},
)

EMPTY = snapshot(
    0,
    hosts=[{"name": "a.example", "sections": [{"path": "/"}]}],
    clients=[{"address": "10.0.0.1"}],
    interfaces=[{"name": "eth0"}],
)

VALUES = {
    "hits": 18,
    "requests": 10,
    "responses": 8,
    "errors": 2,
    "error_ratio": 0.25,
    "request_bytes": 1_000,
    "response_bytes": 9_000,
    "message_bytes": 10_000,
    "grpc_calls": 8,
    "grpc_errors": 2,
    "grpc_error_ratio": 0.25,
    "grpc_status.UNAVAILABLE": 1,
    "grpc_status.DATA_LOSS": 0,
    "request_messages": 11,
    "response_messages": 4,
    "messages": 15,
    "resets": 7,
    "undecrypted": 4,
    "goaways": 2,
    "packets": 40,
    "bytes": 5_000,
    "bits": 40_000,
    "http_bytes": 3_000,
    "http_bits": 24_000,
    "http_ratio": 0.6,
    "opened": 9,
    "closed": 8,
    "reset": 2,
    "refused": 1,
    "segments": 400,
    "retransmitted": 4,
    "retransmitted_ratio": 0.01,
    "out_of_order": 3,
    "duplicate_acks": 6,
    "zero_window": 5,
    "rtt": pytest.approx(0.03, rel=0.03),
    "to_client": pytest.approx(0.02, rel=0.03),
    "to_server": pytest.approx(0.01, rel=0.03),
    "lost": 5,
    "lost_ratio": 0.05,
    "unanswered": 2,
    "status.2xx": 5,
    "status.3xx": 1,
    "status.4xx": 0,
    "status.5xx": 2,
    "status.503": 1,
    "status.404": 0,
    "latency.p50": pytest.approx(0.1, rel=0.03),
    "latency.p99.9": pytest.approx(0.1, rel=0.03),
    "duration.p95": pytest.approx(0.4, rel=0.03),
    "absent": None,
}

OF_ETH0 = {"packets": 30, "bytes": 4_000, "bits": 32_000, "http_bits": 24_000, "http_ratio": 0.75}


def rows(merged):
    """Type -> object: the snapshot, and one row of each kind."""
    host = merged.hosts[0]
    return {type(row): row for row in (merged, host, host.sections[0], merged.clients[0], merged.interfaces[0])}


def test_every_measure_of_the_table_is_tried():
    assert set(MEASURES) <= set(VALUES)


@pytest.mark.parametrize("name", VALUES)
def test_a_measure_of_a_snapshot_is_that_worked_out_by_hand(name):
    found = measure(name)
    assert found.name == name
    assert found.value(FULL) == VALUES[name]


ADDED_UP = [
    (name, per)
    for name in VALUES
    for per, kind in ROWS.items()
    if kind in measure(name).rows and measure(name).made_of and name != "absent" and per != "process"  # has a subset
]


@pytest.mark.parametrize(("name", "per"), ADDED_UP)
def test_a_value_added_up_over_a_span_is_that_of_the_row(name, per):
    row = rows(FULL)[ROWS[per]]
    key = {"": "", "interface": "eth0", "section": FULL.hosts[0].name + FULL.hosts[0].sections[0].path}
    key |= {"host": FULL.hosts[0].name, "client": FULL.clients[0].address}
    sums = Sums([Rule(1, 60, name, per=per)])
    sums.push(FULL, micros(FULL.end))
    assert sums.values[0].of(key[per]) == pytest.approx(measure(name).value(row), rel=0.03)


@pytest.mark.parametrize("name", VALUES)
def test_every_kind_of_row_that_has_a_measure_gives_it(name):
    of_kind = rows(FULL)
    expected = dict.fromkeys(measure(name).rows, VALUES[name])
    if type(FULL.interfaces[0]) in expected:
        expected[type(FULL.interfaces[0])] = OF_ETH0.get(name, VALUES[name])
    assert {kind: measure(name).value(of_kind[kind]) for kind in measure(name).rows} == expected


@pytest.mark.parametrize("name", VALUES)
def test_a_measure_without_data_is_none_or_zero(name):
    of_kind = rows(EMPTY)
    found = {measure(name).value(row) for row in [Snapshot(), *(of_kind[kind] for kind in measure(name).rows)]}
    assert found <= {None, 0}
    assert found == ({0} if measure(name).unit in ("count", "B", "bit") else {0} if "retrans" in name else {None})


@pytest.mark.parametrize("name", [name for name in VALUES if measure(name).unit in ("count", "B", "bit")])
def test_counts_and_bytes_add_up_when_snapshots_merge(name):
    assert measure(name).value(Snapshot.merge([FULL, FULL])) == 2 * VALUES[name]


@pytest.mark.parametrize(
    "name",
    [
        *("", "hit", "HITS", "hits.", ".hits", "hits.p95", "latency", "latency.", "status", "status.", "nothing.p95"),
        *("status.5x", "status.xxx", "status.5xxx", "status.50", "status.5000", "status.0xx", "status.099"),
        *("status.5XX", "status.-50", "status.+50", "status.5_3", "status. 50", "status.5\u0663\u0663"),
        *("latency.95", "latency.p", "latency.p0", "latency.p100", "latency.p095", "latency.p95.0", "latency.p-5"),
        *("latency.pnan", "latency.pinf", "latency.p9_5", "latency.p 95", "latency.p1e1", "latency.pp95"),
        *("latency.p95.5.5", "transfer.p95"),
    ],
)
def test_an_unknown_name_is_refused(name):
    with pytest.raises(ValueError, match="no measure is called"):
        measure(name)


def test_the_fields_of_flat_records_are_measures_of_their_sections():
    """What `Snapshot.rows` calls a figure is what exports call it."""
    (record,) = FULL.rows()
    section = FULL.hosts[0].sections[0]
    names = [*VALUES, "status.1xx", "latency.p95", "latency.p99"]
    by_field = {measure(name).field: measure(name) for name in names}
    figures = {key: value for key, value in record.items() if key not in ("start", "end", "host", "section")}
    figures = {key: value for key, value in figures.items() if not key.endswith("_time")}
    assert {key: by_field[key].value(section) for key in figures} == figures


def test_rules_take_every_metric_and_what_they_add_up_are_counts():
    assert [Rule(metric=name).metric for name in METRICS] == list(METRICS)
    assert {MEASURES[name].unit for name in METRICS} == {"count"}


def test_an_explanation_begins_with_the_name_and_shorter_ones_come_later():
    for each in MEASURES.values():
        assert all(text.startswith(each.name) for text in each.explained)
        assert list(each.explained) == sorted(each.explained, key=len, reverse=True)

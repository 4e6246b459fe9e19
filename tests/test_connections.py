"""The list of connections: every figure of a connection, from forged packets; bounds; how lists merge.

Each test forges its packets and reads them as a capture file; see `promises`.
"""

import copy
import io
import json
import pickle

import forge
import pytest
from forge import ACK, RST, SYN
from netmon import Connection, Monitor, Snapshot, Window
from netmon.cli import main
from promises import GET, OK, Wire, get, ok
from test_promises_http import hello

SERVER_HELLO = b"\x16\x03\x03\0\2\2\0"
START = 1_700_000_000.0


def wire(*arguments, now=START, **how):
    return Wire(*arguments, now=now, **how)


def listed(read, *wires, **how):
    return read(*wires, connections=True, **how).connections


def only(read, *wires, **how):
    (one,) = listed(read, *wires, **how)
    return one


@pytest.mark.parametrize(
    ("server", "ends"),
    [
        ("10.0.0.2", ("10.0.0.1:4000", "10.0.0.2:80")),
        ("fd00::2", ("[fd00::1]:4000", "[fd00::2]:80")),
    ],
)
def test_every_figure_of_a_connection_is_told(read, server, ends):
    talk = wire(server=server).say(GET, OK, get("/b", "b.example"), ok(b"x" * 100))
    one = only(read, talk)
    sent = [len(GET) + len(get("/b", "b.example")), len(OK) + len(ok(b"x" * 100))]
    assert (one.client, one.server) == ends
    assert (one.protocol, one.host, one.state, one.requests) == ("http1", "b.example", "open", 2)
    assert [one.bytes_to_server, one.bytes_to_client] == sent
    assert (one.segments, one.retransmitted, one.retransmitted_share) == (len(talk.packets), 0, 0.0)
    first, last = talk.packets[0][0], talk.packets[-1][0]
    assert one.opened == one.first_seen == pytest.approx(first, abs=1e-6)
    assert one.last_seen == pytest.approx(last, abs=1e-6)
    assert one.age == pytest.approx(last - first, abs=0.011)
    assert one.interface.endswith(".pcap")
    # Each side answers after 10 ms, and the capture is taken between them.
    assert one.rtt == pytest.approx(0.02, rel=0.01)


def test_a_connection_of_tls_has_the_name_that_its_client_gives(read):
    named, bare = wire(4000, server_port=443), wire(4001, server_port=443)
    named.say(hello(), SERVER_HELLO)
    bare.say(hello()[:20], SERVER_HELLO)
    told = {one.client: one for one in listed(read, named, bare)}
    assert [told[f"10.0.0.1:{port}"].host for port in (4000, 4001)] == ["secret.example", ""]
    assert {one.protocol for one in told.values()} == {"tls"}
    assert {one.requests for one in told.values()} == {0}


def test_names_that_clients_of_tls_give_are_made_safe(read):
    one = only(read, wire(server_port=443).say(hello(b"Evil\x1b[2J.example"), SERVER_HELLO))
    assert one.host.startswith("evil")
    assert one.host.isprintable()


def test_a_connection_joined_midway_has_no_time_of_opening(read):
    one = only(read, wire(handshake=False).say(GET, OK))
    assert (one.opened, one.first_seen, one.state, one.client) == (None, START, "open", "10.0.0.1:4000")
    # Until the protocol is recognised, the side with the lower port is the server.
    silent = only(read, wire(handshake=False, server_port=22).send(1, b"\x00\x01"))
    assert (silent.server, silent.bytes_to_client, silent.host) == ("10.0.0.2:22", 2, "")


@pytest.mark.parametrize(
    ("state", "end"),
    [
        ("closed", lambda wire: wire.say(GET, OK).close()),
        ("reset", lambda wire: wire.say(GET).send(1, b"", RST | ACK)),
        ("open", lambda wire: wire.say(GET, OK)),
    ],
)
def test_a_connection_says_how_it_ended(read, state, end):
    assert only(read, end(wire())).state == state


def test_a_syn_without_an_answer_is_opening_and_one_answered_by_a_reset_is_refused(read):
    asked = wire(4000, handshake=False).send(0, b"", SYN, at=0)
    refused = wire(4001, handshake=False).send(0, b"", SYN, at=0).send(1, b"", RST | ACK, at=0)
    snapshot = read(asked, refused, connections=True)
    assert [(one.state, one.protocol, one.rtt is None) for one in snapshot.connections] == [
        ("opening", "", True),
        ("refused", "", True),
    ]
    assert snapshot.capture.open_connections == 0


def test_a_retransmitted_segment_is_counted_and_its_bytes_are_not(read):
    talk = wire().send(0, GET)
    talk.now += 0.5
    one = only(read, talk.send(0, GET, at=1).send(1, OK))
    assert (one.retransmitted, one.segments, one.bytes_to_server, one.bytes_to_client) == (1, 6, len(GET), len(OK))
    assert one.retransmitted_share == pytest.approx(1 / 6)
    assert one.requests == 1


def test_the_round_trip_time_is_the_least_one_without_the_latency_of_the_server(read):
    talk = wire().say(GET)
    talk.now += 0.79
    assert only(read, talk.send(1, OK)).rtt == pytest.approx(0.02, rel=0.01)
    # Without a handshake, only the time until the response is known.
    midway = wire(handshake=False).say(GET)
    midway.now += 0.79
    assert only(read, midway.send(1, OK)).rtt == pytest.approx(0.8, rel=0.01)


def test_a_connection_that_is_seen_on_two_interfaces_counts_once(tmp_path):
    talk = wire().say(GET, OK)
    frames = forge.frames(talk)
    later = [(at + 1e-5, frame) for at, frame in frames]
    path = tmp_path / "two.pcapng"
    path.write_bytes(forge.pcapng_of([(frames, 1, {"name": "eth0"}), (later, 1, {"name": "br0"})]))
    snapshot = Snapshot.merge(Monitor(read=path, connections=True))
    (one,) = snapshot.connections
    assert (one.interface, one.segments, one.bytes_to_server) == ("eth0", len(frames), len(GET))
    assert one.retransmitted == 0


def test_the_same_ports_again_are_another_connection(read):
    first = wire().say(GET, OK).close()
    again = wire(now=START + 0.4, isn=(900_000, 800_000)).say(GET, OK)
    assert [(one.state, one.requests) for one in listed(read, first, again)] == [("closed", 1), ("open", 1)]


def test_nothing_is_listed_unless_it_is_asked_for(read):
    assert read(wire().say(GET, OK)).connections == []


def intervals(tmp_path, *wires, **how):
    path = tmp_path / "capture.pcap"
    path.write_bytes(forge.pcap(*wires))
    return list(Monitor(read=path, connections=True, **how))


def test_each_interval_lists_what_it_heard_of_and_the_open_ones_that_were_silent(tmp_path):
    silent, busy = wire(4000).say(GET, OK), wire(4001).say(GET, OK)
    for second in (1, 2, 3):
        busy.now = START + second + 0.5
        busy.say(GET, OK)
    busy.close()
    told = intervals(tmp_path, silent, busy)
    assert [[one.state for one in each.connections] for each in told] == [
        ["open", "open"],
        ["open", "open"],
        ["open", "open"],
        ["open", "closed"],
    ]
    assert [each.capture.open_connections for each in told] == [2, 2, 2, 1]
    assert [each.connections[1].requests for each in told] == [1, 2, 3, 4]
    ages = [each.connections[0].age for each in told]
    assert ages == sorted(ages)
    merged = sum(told)
    assert [(one.state, one.requests, one.age) for one in merged.connections] == [
        ("open", 1, ages[-1]),
        ("closed", 4, told[-1].connections[1].age),
    ]


def test_some_of_very_many_connections_are_listed_and_the_rest_are_counted(tmp_path):
    path = tmp_path / "crowd.pcap"
    path.write_bytes(forge.pcap(forge.crowd(5_000)))
    told = list(Monitor(read=path, connections=True))
    assert all(0 < len(each.connections) <= 1_000 for each in told)
    assert told[-1].capture.open_connections == 5_000
    assert len(sum(told).folded().connections) == 1_000


def test_several_workers_list_what_one_does(tmp_path):
    wires = [wire(4000 + number).say(GET, OK) for number in range(60)]
    one, three = (intervals(tmp_path, *wires, workers=workers) for workers in (1, 3))
    assert [each.to_dict() for each in one] == [each.to_dict() for each in three]
    assert len(one[0].connections) == 60


def test_a_connection_can_be_copied_pickled_and_shown(read):
    snapshot = read(wire().say(GET, OK), connections=True)
    (one,) = snapshot.connections
    assert isinstance(one, Connection)
    assert copy.copy(one) is one
    assert copy.deepcopy(one) is one
    again = pickle.loads(pickle.dumps(one))
    names = [name for name in dir(Connection) if not name.startswith("_")]
    assert [getattr(again, name) for name in names] == [getattr(one, name) for name in names]
    assert repr(one) == (
        f"<Connection 10.0.0.1:4000 to 10.0.0.2:80 (a.example): open, http1, 40.0 ms old, {len(GET) + len(OK)} bytes>"
    )
    assert "<td" in one._repr_html_()
    assert "10.0.0.1:4000" in one._repr_html_()


def test_lists_are_in_json_bytes_and_pickles(read):
    snapshot = read(wire().say(GET, OK), wire(4001).send(0, b"\x16\x03\x01"), connections=True)
    for again in (
        Snapshot.from_json(snapshot.to_json()),
        Snapshot.from_bytes(snapshot.to_bytes()),
        pickle.loads(pickle.dumps(snapshot)),
    ):
        assert again.to_dict()["connections"] == snapshot.to_dict()["connections"]
        assert len(again.connections) == 2
    told = json.loads(snapshot.to_json())["connections"][0]
    one = snapshot.connections[0]
    for name in ("client", "server", "interface", "protocol", "host", "state", "age", "segments", "requests", "rtt"):
        assert told[name] == getattr(one, name), name
    assert snapshot.to_dict()["capture"]["open_connections"] == 2


def test_a_snapshot_can_be_split_into_its_list_and_the_rest(read):
    snapshot = read(wire().say(GET, OK), connections=True, exchanges=True)
    bare, alone = snapshot.without_connections(), snapshot.only_connections()
    assert (bare.connections, bare.hits, len(bare.exchanges)) == ([], 2, 1)
    assert (len(snapshot.without_exchanges().connections), snapshot.without_exchanges().exchanges) == (1, [])
    assert (len(alone.connections), alone.hits, alone.exchanges) == (1, 0, [])
    assert (alone.start, alone.end) == (snapshot.start, snapshot.end)
    assert Snapshot.merge([bare, alone]) == snapshot
    assert snapshot.row_count - bare.row_count == 1


def test_a_window_lists_the_connections_of_its_snapshots(tmp_path):
    gone, stays = wire(4000).say(GET, OK).close(), wire(4001).say(GET, OK)
    for second in range(1, 12):
        stays.now = START + second + 0.5
        stays.say(GET, OK)
    window, listed = Window(5.0), []
    for snapshot in intervals(tmp_path, gone, stays):
        window.push(snapshot)
        listed.append(len(window.merged.connections))
    assert listed[0] == 2
    assert listed[-1] == 1


def test_json_of_the_command_lists_connections_where_they_are_asked_for(tmp_path, capsysbinary):
    path = tmp_path / "capture.pcap"
    path.write_bytes(forge.pcap(wire().say(GET, OK)))
    lists = []
    for flags in ([], ["--connections"]):
        assert main(["--no-config", "-r", str(path), "--json", *flags]) == 0
        lists.append(json.load(io.BytesIO(capsysbinary.readouterr().out))["connections"])
    assert lists[0] == []
    assert [one["client"] for one in lists[1]] == ["10.0.0.1:4000"]


STREAM = {
    "id": 5,
    "method": "POST",
    "host": "a.example",
    "section": "/s",
    "path": "/s/p",
    "age": 1.5,
    "request_bytes": 6,
    "response_bytes": 7,
    "request_messages": 8,
    "response_messages": 9,
    "protocol": "sse",
    "status": None,
}


def with_streams(*streams, second=0):
    """A snapshot with a connection that has these open streams."""
    at = "2023-11-14T22:13:2{}.000000000Z"
    row = {"client": "192.0.2.1:40000", "server": "192.0.2.2:80", "interface": "lo", "protocol": "http2", "host": ""}
    row |= {"first_seen": at.format(0), "last_seen": at.format(second), "opened": None, "state": "open", "rtt": None}
    row |= dict.fromkeys(("bytes_to_server", "bytes_to_client", "segments", "retransmitted", "requests"), second)
    row |= {"age": 1.0, "oldest_streams": list(streams)}
    document = {"schema": 1, "start": at.format(second), "end": at.format(second + 1), "connections": [row]}
    return Snapshot.from_json(json.dumps(document).encode())


def attributes(stream):
    return {name: getattr(stream, name) for name in STREAM}


@pytest.mark.parametrize(
    "kept",
    [lambda one: pickle.loads(pickle.dumps(one)), lambda one: Snapshot.from_json(one.to_json()), copy.deepcopy],
    ids=["pickle", "JSON", "copy"],
)
def test_open_streams_survive_whatever_keeps_a_snapshot(kept):
    whole = with_streams(STREAM, STREAM | {"id": 7, "status": 200})
    again = kept(whole)
    assert again == whole
    assert [attributes(stream) for stream in again.connections[0].oldest_streams] == [
        STREAM,
        STREAM | {"id": 7, "status": 200},
    ]
    stream = pickle.loads(pickle.dumps(again.connections[0].oldest_streams[0]))
    assert attributes(stream) == STREAM
    assert repr(stream) == "<Stream 5: POST a.example/s, sse, no status yet, 1.50 s old>"


def test_a_merge_has_the_streams_of_the_latest_sight_and_a_list_from_elsewhere_is_cut():
    merged = Snapshot.merge([with_streams(STREAM), with_streams(STREAM | {"id": 9}, second=1)])
    assert [stream.id for stream in merged.connections[0].oldest_streams] == [9]
    many = with_streams(*(STREAM | {"id": 2 * at + 1} for at in range(20)))
    assert len(many.connections[0].oldest_streams) == 8

"""The table of clients, the client addresses that proxies tell, and both in JSON and pickles."""

import copy
import json
import pickle
import struct

import forge
import netmon
import pytest
from netmon import Monitor, Snapshot
from netmon._core import OTHER

AT = 1_700_000_000.0
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def asked(port, at=AT, *, client="10.0.0.1", server="10.0.0.2", fields="", before=b"", status=200):
    """A connection with one request that has these header fields, and its response. `before` is sent ahead of them."""
    talk = forge.Conversation(port, at, client=client, server=server)
    if before:
        talk.send(at + 0.001, 0, forge.ACK, before)
    talk.send(at + 0.002, 0, forge.ACK, f"GET /a HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode())
    talk.send(at + 0.01, 1, forge.ACK, f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
    return talk.close(at + 0.02)


def read(*talks, **settings):
    return Snapshot.merge(Monitor(read=forge.pcap(*talks), **settings).snapshots())


def counts(snapshot):
    return {client.address: client.requests for client in snapshot.clients}


def summed(rows, name):
    return sum(getattr(row, name) for row in rows)


def test_each_client_has_its_counts_and_their_sum_is_that_of_the_snapshot():
    talks = [asked(1000 + n, AT + n / 10, client="10.0.0.1", status=500 if n % 3 == 0 else 200) for n in range(6)]
    talks += [asked(2000 + n, AT + n / 10, client="10.0.0.9") for n in range(3)]
    snapshot = read(*talks)
    assert [client.address for client in snapshot.clients] == ["10.0.0.1", "10.0.0.9"]
    busy = snapshot.client("10.0.0.1")
    assert (busy.hits, busy.requests, busy.responses, busy.errors) == (12, 6, 6, 2)
    assert busy.statuses == {200: 4, 500: 2}
    assert busy.methods == {"GET": 6}
    assert (busy.latency.count, busy.duration.count) == (6, 0)
    for name in ("hits", "requests", "responses", "errors", "request_bytes", "response_bytes"):
        assert summed(snapshot.clients, name) == getattr(snapshot, name), name
    assert (snapshot.client_count, snapshot.client("10.0.0.2")) == (2, None)


def test_a_response_that_nobody_asked_for_counts_for_the_client_that_gets_it():
    talk = forge.Conversation(1000, AT, client="10.0.0.7")
    talk.send(AT + 0.01, 1, forge.ACK, b"HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\nhi")
    snapshot = read(talk)
    client = snapshot.client("10.0.0.7")
    assert (client.responses, client.response_bytes) == (snapshot.responses, snapshot.response_bytes) == (1, 39)


def test_clients_are_ranked_filtered_and_paged():
    talks = [asked(1000 + n, client=f"10.0.0.{n}", status=503 if n == 2 else 200) for n in (1, 2, 3)]
    talks.append(asked(4000, AT + 0.1, client="10.0.0.3"))
    snapshot = read(*talks)
    assert [client.address for client in snapshot.top_clients(2)] == ["10.0.0.3", "10.0.0.1"]
    assert [client.address for client in snapshot.top_clients(1, "errors")] == ["10.0.0.2"]
    assert snapshot.top_clients(9, "name", reverse=True)[0].address == "10.0.0.3"
    ranking = snapshot.ranked_clients(matching="!.3")
    assert (len(ranking), ranking.hits, ranking.position("10.0.0.2"), ranking.position("10.0.0.3")) == (2, 4, 1, None)
    assert [client.address for client in ranking.page(1, 5)] == ["10.0.0.2"]
    with pytest.raises(ValueError, match="rows can be ranked by hits"):
        snapshot.ranked_clients("size")


def test_merging_adds_clients_and_folding_keeps_the_heaviest():
    one, two = (read(*[asked(p, client=f"10.0.0.{n}") for p, n in pairs]) for pairs in ([(1, 1), (2, 2)], [(3, 2)]))
    both = one + two
    assert counts(both) == {"10.0.0.1": 1, "10.0.0.2": 2}
    folded = both.folded(max_clients=1)
    assert counts(folded) == {"10.0.0.2": 2, OTHER: 1}
    assert (folded.capture.clients_folded, folded.capture.client_hits_error) == (1, 2)
    assert summed(folded.clients, "hits") == folded.hits
    assert folded.capture.hits_error == 0, "no host was folded"
    window = netmon.Window(5)
    window.push(one)
    window.push(two)
    assert counts(window.total) == counts(both)
    assert one != Snapshot.from_json(one.to_json().replace(b"10.0.0.1", b"10.0.0.5")), "clients are compared"


def test_clients_are_in_json_and_older_documents_have_none():
    snapshot = read(asked(1, client="10.0.0.1", status=500))
    document = json.loads(snapshot.to_json())
    (row,) = document["clients"]
    assert list(row) == ["address", *(key for key in document["hosts"][0] if key not in "name addresses sections tcp")]
    assert (row["address"], row["hits"], row["errors"], row["statuses"]) == ("10.0.0.1", 2, 1, {"500": 1})
    assert Snapshot.from_json(json.dumps(document)).clients[0].statuses == {500: 1}
    del document["clients"]
    old = Snapshot.from_json(json.dumps(document))
    assert (old.clients, old.hits) == ([], 2)
    evil = Snapshot.from_json('{"clients": [{"address": "\\u001b[2J", "requests": 1}]}')
    assert evil.clients[0].address == "\\x1b[2J"


def test_a_client_can_be_copied_pickled_and_shown():
    snapshot = read(asked(1, client="10.0.0.1"))
    client = snapshot.clients[0]
    assert copy.copy(client) is copy.deepcopy(client) is client
    assert pickle.loads(pickle.dumps(client)).requests == 1
    assert counts(pickle.loads(pickle.dumps(snapshot))) == counts(snapshot)
    assert repr(client).startswith("<Client 10.0.0.1: 1 request, 200: 1, p95 ")
    assert client._repr_html_().startswith("<table>")
    assert netmon.Client is type(client)


PROXY = "10.0.0.1"

TOLD = [
    ("X-Forwarded-For", 1, "X-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7"),
    ("x-forwarded-for", 1, "X-FORWARDED-FOR: 6.6.6.6,203.0.113.7\r\n", "203.0.113.7"),
    ("X-Forwarded-For", 2, "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 203.0.113.7, 10.0.0.3\r\n", "203.0.113.7"),
    ("X-Forwarded-For", 9, "X-Forwarded-For: 203.0.113.7, 10.0.0.3\r\n", "203.0.113.7"),
    ("X-Forwarded-For", 1, "X-Forwarded-For: 203.0.113.7:4711\r\n", "203.0.113.7"),
    ("X-Forwarded-For", 1, "X-Forwarded-For: [2001:db8::7]:4711\r\n", "2001:db8::7"),
    ("X-Forwarded-For", 1, "X-Forwarded-For: ::ffff:203.0.113.7\r\n", "203.0.113.7"),
    ("X-Forwarded-For", 1, "X-Forwarded-For: 1.1.1.1,\r\n 203.0.113.7\r\n", "203.0.113.7"),
    ("X-Forwarded-For", 1, "X-Forwarded-For: unknown\r\n", PROXY),
    ("X-Forwarded-For", 1, "X-Forwarded-For: \r\n", PROXY),
    ("X-Forwarded-For", 1, "X-Forwarded-For: \x1b[2J\r\n", PROXY),
    ("X-Forwarded-For", 1, "Forwarded: for=203.0.113.7\r\n", PROXY),
    ("X-Forwarded-For", 1, "", PROXY),
    ("Forwarded", 1, "Forwarded: for=6.6.6.6, For=203.0.113.7;proto=https\r\n", "203.0.113.7"),
    ("Forwarded", 1, 'Forwarded: proto=http;for="[2001:db8::7]:4711"\r\n', "2001:db8::7"),
    ("Forwarded", 1, 'Forwarded: for=", for=203.0.113.7\r\n', "203.0.113.7"),
    ("Forwarded", 1, "Forwarded: for=_hidden\r\n", PROXY),
    ("X-Real-IP", 3, "X-Real-IP: 203.0.113.7\r\n", "203.0.113.7"),
    ("X-Real-IP", 1, "X-Real-IP: 6.6.6.6\r\nX-Real-IP: 203.0.113.7\r\n", "203.0.113.7"),
    (None, 1, "X-Forwarded-For: 203.0.113.7\r\n", PROXY),
]


@pytest.mark.parametrize(("source", "trusted", "fields", "client"), TOLD)
def test_the_client_comes_from_the_field_or_else_from_the_connection(source, trusted, fields, client):
    snapshot = read(asked(1, fields=fields), client_from=source, trusted_proxies=trusted, exchanges=True)
    assert counts(snapshot) == {client: 1}
    (exchange,) = snapshot.exchanges
    assert (exchange.client, exchange.client_address) == (f"{PROXY}:1" if client == PROXY else client, client)
    assert snapshot.clients[0].has(exchange)
    again = Snapshot.from_json(snapshot.to_json())
    assert again.exchanges[0].client == exchange.client


def block(source, command=0x21, family=0x11):
    packed = bytes(map(int, source.split("."))) + bytes([10, 0, 0, 2]) + struct.pack("!HH", 5000, 80)
    return SIGNATURE + struct.pack("!BBH", command, family, len(packed)) + packed


HEADERS = [
    (b"PROXY TCP4 203.0.113.7 10.0.0.2 5000 80\r\n", "203.0.113.7"),
    (b"PROXY TCP6 2001:db8::7 2001:db8::2 5000 80\r\n", "2001:db8::7"),
    (b"PROXY UNKNOWN\r\n", PROXY),
    (b"PROXY TCP4 203.0.113.7 10.0.0.2 5000 80\r\nPROXY TCP4 6.6.6.6 10.0.0.2 5000 80\r\n", "203.0.113.7"),
    (b"PROXY UNKNOWN\r\nPROXY TCP4 6.6.6.6 10.0.0.2 5000 80\r\n", PROXY),
    (b"PROXY TCP4 203.0.113.999 10.0.0.2 5000 80\r\n", PROXY),
    (block("203.0.113.7"), "203.0.113.7"),
    (block("203.0.113.7", command=0x20), PROXY),
    (block("203.0.113.7", family=0x12), PROXY),
]


@pytest.mark.parametrize(("header", "client"), HEADERS)
def test_a_proxy_header_tells_the_client_of_all_requests_of_its_connection(header, client):
    talk = asked(1, before=header)
    talk.packets = talk.packets[:-3]
    for at in (AT + 5, AT + 9):
        talk.ask(at, "GET", "a", "/b", 200)
    snapshot = read(talk.close(AT + 10), client_from="proxy")
    assert counts(snapshot) == {client: 3}
    assert counts(read(asked(1, before=header))) == {PROXY: 1}, "a PROXY header is not read unless client_from says so"


def test_a_reused_port_does_not_keep_the_client_of_its_last_connection():
    first = asked(7, before=b"PROXY TCP4 203.0.113.7 10.0.0.2 1 80\r\n")
    again = forge.Conversation(7, AT + 100)
    again.packets.clear()
    again._ends = [(PROXY, 7, 700_000), ("10.0.0.2", 80, 900_000)]
    again.send(AT + 100, 0, forge.SYN)
    again.send(AT + 100, 1, forge.SYN | forge.ACK)
    again.send(AT + 100, 0, forge.ACK)
    again.ask(AT + 101, "GET", "a", "/b", 200)
    assert counts(read(first, again, client_from="PROXY")) == {"203.0.113.7": 1, PROXY: 1}


def test_requests_of_one_connection_may_be_of_many_clients():
    talk = forge.Conversation(1, AT)
    for number in range(20):
        at = AT + number
        field = f"GET / HTTP/1.1\r\nX-Forwarded-For: 203.0.113.{number % 4}\r\n\r\n"
        talk.send(at, 0, forge.ACK, field.encode())
        talk.send(at + 0.01, 1, forge.ACK, b"HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n")
    snapshot = read(talk, client_from="X-Forwarded-For")
    assert counts(snapshot) == {f"203.0.113.{n}": 5 for n in range(4)}
    assert all(client.responses == 5 for client in snapshot.clients)


def test_clients_of_ipv6_are_grouped_by_prefix_and_those_of_ipv4_are_not():
    talks = [asked(1000 + n, client=f"2001:db8:1:2::{n}", server="2001:db8::80") for n in (1, 2, 3)]
    talks += [asked(2000, client="2001:db8:1:3::1", server="2001:db8::80"), asked(3000, client="10.0.0.1")]
    assert read(*talks).client_count == 5
    snapshot = read(*talks, client_ipv6_prefix=64, exchanges=True)
    assert counts(snapshot) == {"2001:db8:1:2::/64": 3, "2001:db8:1:3::/64": 1, "10.0.0.1": 1}
    grouped = snapshot.client("2001:db8:1:2::/64")
    assert [grouped.has(exchange) for exchange in snapshot.exchanges].count(True) == 3
    assert all(exchange.client.endswith(("000", "001", "002", "003")) for exchange in snapshot.exchanges)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"client_from": "Via"}, "client_from must be one of X-Forwarded-For, Forwarded, X-Real-IP, PROXY"),
        ({"trusted_proxies": 0}, "trusted_proxies must be 1 to"),
        ({"client_ipv6_prefix": 0}, "client_ipv6_prefix must be 1 to 128, not 0"),
        ({"client_ipv6_prefix": 129}, "client_ipv6_prefix must be 1 to 128, not 129"),
    ],
)
def test_a_setting_outside_its_range_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Monitor(**settings)


@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_workers_counts_the_same_clients(workers):
    talks = [asked(1000 + n, AT + n / 100, client=f"10.0.{n % 7}.1") for n in range(60)]
    assert sum(counts(read(*talks, workers=workers)).values()) == 60
    assert counts(read(*talks, workers=workers)) == counts(read(*talks))


def test_a_million_clients_take_bounded_rows_lose_no_count_and_hide_no_busy_one():
    talk = forge.Conversation(1, AT)
    for first in range(0, 1_000_000, 1000):
        numbers = [n if n % 50 else 0 for n in range(first, first + 1000)]
        lines = (f"GET / HTTP/1.1\r\nX-Forwarded-For: 11.{n >> 16}.{n >> 8 & 255}.{n & 255}\r\n\r\n" for n in numbers)
        talk.send(AT + first / 1e6, 0, forge.ACK, "".join(lines).encode())
    snapshot = read(talk, client_from="X-Forwarded-For", interval=3600)
    assert snapshot.client_count == 5_001
    assert summed(snapshot.clients, "requests") == snapshot.requests == 1_000_000
    busy = snapshot.client("11.0.0.0")
    assert 0 <= 20_000 - busy.hits <= snapshot.capture.client_hits_error < 1_000
    assert snapshot.capture.clients_folded > 900_000

"""What netmon promises of traffic that is odd, damaged or hostile: the rows of the table in `docs/accuracy.md`.

Each test forges its packets and reads them as a capture file. `promise` ties it to the row whose condition it is named
after; the last test compares the table with the tests there are. Where a row is shown by tests of the Rust core too,
the table names both.
"""

import random
import re
import socket
import struct
from collections import defaultdict
from pathlib import Path

import forge
import pytest
from forge import ACK, FIN, RST, SYN
from netmon import Monitor, Snapshot

URG = 0x20
ROOT = Path(__file__).parents[1]
ROWS = defaultdict(list)
"""Row of the table -> names of the tests here."""

GET = b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def promise(*rows):
    def mark(function):
        for row in rows:
            ROWS[row].append(function.__name__)
        return function

    return mark


def get(path="/a", host="a.example", *fields):
    return "\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *fields, "", ""]).encode()


def ok(body=b"ok", status=200, *fields):
    return "\r\n".join([f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *fields, "", ""]).encode() + body


class Wire:
    """A connection segment by segment, 10 ms apart. `at` counts a side's sequence numbers from its SYN, which is 0."""

    def __init__(self, port=4000, *, isn=(1000, 5000), server="10.0.0.2", server_port=80, now=0.0, handshake=True):
        client = "fd00::1" if ":" in server else "10.0.0.1"
        self.packets, self.now, self._ids = [], now, 0
        self._ends, self._isn, self._next = [(client, port), (server, server_port)], isn, [1, 1]
        if handshake:
            self.send(0, b"", SYN, at=0).send(1, b"", SYN | ACK, at=0).send(0, b"")

    def send(self, side, payload, flags=ACK, *, at=None, urgent=0):
        (source, source_port), (target, target_port) = self._ends[side], self._ends[1 - side]
        at = self._next[side] if at is None else at
        seq = (self._isn[side] + at) % 2**32
        ack = (self._isn[1 - side] + self._next[1 - side]) % 2**32 if flags & ACK else 0
        ports = struct.pack("!HHII", source_port, target_port, seq, ack)
        tcp = ports + struct.pack("!BBHHH", 5 << 4, flags, 65535, 0xDEAD, urgent) + payload
        self._ids += 1
        packet = bytearray(forge.ip(source, target, tcp))
        if packet[0] >> 4 == 4:
            packet[4:6] = struct.pack("!H", self._ids)
        self.packets.append((self.now, bytes(packet)))
        self.now += 0.01
        end = at + len(payload) + bool(flags & (SYN | FIN))
        self._next[side] = max(self._next[side], end)
        return self

    def say(self, *turns, size=1400):
        """What the client (even turns) and the server (odd ones) say, in segments of a size."""
        for turn, text in enumerate(turns):
            for start in range(0, len(text), size):
                self.send(turn % 2, text[start : start + size])
        return self

    def lose(self, *numbers):
        """Packets not captured, by their place."""
        self.packets = [packet for number, packet in enumerate(self.packets) if number not in numbers]
        return self

    def only(self, side):
        """What one side sent."""
        source = socket.inet_aton(self._ends[side][0])
        self.packets = [(now, packet) for now, packet in self.packets if packet[12:16] == source]
        return self

    def close(self):
        return self.send(0, b"", ACK | FIN).send(1, b"", ACK | FIN).send(0, b"")

    def wrapped(self, wrap):
        self.packets = [(now, wrap(packet)) for now, packet in self.packets]
        return self


@pytest.fixture
def read(tmp_path):
    """Everything counted in a capture of some conversations."""

    def read(*talks, link="ethernet", number=None, snaplen=262_144, **settings):
        path = tmp_path / "capture.pcap"
        path.write_bytes(forge.pcap(*talks, link=link, number=number, snaplen=snaplen))
        return Snapshot.merge(Monitor(read=path, **settings).snapshots())

    return read


def heads(total):
    return total.requests, total.responses


def resident():
    """Bytes of memory in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def crowd(count, payload, flags=ACK, every=1e-5):
    """One packet from each of so many clients."""
    wire = Wire(handshake=False)
    wire.send(0, payload, flags, at=0)
    template = bytearray(wire.packets[0][1])
    for number in range(count):
        template[12:16] = struct.pack("!I", 0x0B000000 + number)
        wire.packets.append((number * every, bytes(template)))
    del wire.packets[0]
    return wire


# Too much of everything.


@promise(1)
def test_a_syn_flood_of_spoofed_sources_is_bounded_and_evicts_no_real_connection(read):
    real = Wire().say(GET)
    flood = crowd(150_000, b"", SYN)
    late = Wire(handshake=False, now=2.0)
    late._next = [1 + len(GET), 1]
    total = read(real, flood, late.send(1, OK))
    assert heads(total) == (1, 1)
    assert (total.capture.orphan_responses, total.capture.unanswered) == (0, 0)
    assert total.capture.flows <= 100_001
    assert total.capture.flows_evicted >= 50_000


@promise(2)
def test_never_finished_heads_of_100_000_clients_cost_little_memory(read):
    crowded = crowd(100_000, b"GET /slow HTTP/1.1\r\nHost: s.example\r\nX-a: b\r\n")
    before = resident()
    total = read(crowded)
    assert total.requests == 100_000
    assert total.capture.unanswered == 100_000
    assert resident() - before < 150e6


@promise(2)
def test_a_head_over_64_kib_counts_once_and_the_next_message_is_found(read):
    total = read(Wire().say(get("/a", "a.example", *["X: " + "y" * 1000] * 100) + GET, OK + OK))
    assert (heads(total), total.capture.parse_errors) == ((2, 2), 1)


@promise(3)
def test_invented_hosts_are_folded_above_the_cap_and_sums_stay_exact(read):
    wire = Wire()
    for first in range(0, 50_000, 100):
        wire.send(0, b"".join(get(f"/{n % 7}", f"{'x' * 300}{n}.example") for n in range(first, first + 100)))
    total = read(wire, interval=3600)
    assert total.host_count <= 10_001
    assert total.capture.hosts_folded >= 40_000
    assert sum(host.requests for host in total.hosts) == total.requests == 50_000
    assert max(len(host.name) for host in total.hosts) <= 255 + len("…".encode("unicode_escape"))


@promise(3)
def test_invented_paths_are_folded_above_the_cap_and_sums_stay_exact(read):
    wire = Wire()
    for first in range(0, 50_000, 500):
        wire.send(0, b"".join(get(f"/{n}") for n in range(first, first + 500)))
    total = read(wire, interval=3600)
    sections = total.host("a.example").sections
    assert len(sections) <= 201
    assert total.capture.sections_folded >= 49_000
    assert sum(section.requests for section in sections) == total.requests == 50_000


@promise(4)
@pytest.mark.parametrize(
    "size",
    [b"fffffffffffffffff", b"10000000000000000", b"-1", b"0x10", b"zz", b"", b"ffffffffffffffffffffffffffffffff"],
)
def test_chunk_sizes_that_are_none_are_told_and_the_next_message_is_found(read, size):
    total = read(Wire().say(GET, CHUNKED + size + b"\r\nrubbish").say(GET, ok(b"", 404)))
    assert total.statuses == {200: 1, 404: 1}
    assert total.capture.ambiguous_framing == {"chunk": 1}
    assert total.capture.resyncs == 1


@promise(4)
@pytest.mark.parametrize("length", ["-1", "+5", "18446744073709551616", "9" * 40, "0x10", "ten", "1.0"])
def test_lengths_that_are_none_are_told_and_the_next_message_is_found(read, length):
    total = read(
        Wire().say(GET, f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nbody".encode()).say(GET, ok(b"", 404))
    )
    assert total.statuses == {200: 1, 404: 1}
    assert total.capture.ambiguous_framing == {"length": 1}


@promise(4)
def test_the_largest_sizes_that_there_are_allocate_nothing(read):
    before = resident()
    largest = f"HTTP/1.1 200 OK\r\nContent-Length: {2**64 - 1}\r\n\r\nbody".encode()
    total = read(Wire().say(GET, CHUNKED + b"ffffffffffffffff\r\nx").close(), Wire(4001).say(GET, largest).close())
    assert total.statuses == {200: 2}
    assert resident() - before < 20e6


# TCP.

LONG = [get(f"/{n}", "a.example", "X: " + "y" * 300) for n in range(20)], [ok(b"z" * 700) for _ in range(20)]


@promise(5)
@pytest.mark.parametrize("seed", range(10))
def test_segments_out_of_order_give_what_they_give_in_order(read, seed):
    shuffle = random.Random(seed).shuffle
    wire = Wire()
    for requests, responses in zip(*LONG, strict=True):
        for side, text in ((0, requests), (1, responses)):
            pieces = [(wire._next[side] + start, text[start : start + 90]) for start in range(0, len(text), 90)]
            shuffle(pieces)
            for at, piece in pieces:
                wire.send(side, piece, at=at)
    total = read(wire.close())
    assert heads(total) == (20, 20)
    assert total.request_bytes == sum(map(len, LONG[0]))
    assert total.response_bytes == sum(map(len, LONG[1]))
    assert total.capture.gaps == 0


@promise(6)
def test_of_overlapping_bytes_the_first_win(read):
    first, second = get("/first"), get("/other")
    whole = Wire(4000).send(0, first).send(0, second, at=1).say(b"", OK)
    begun = Wire(4001).send(0, first[:8]).send(0, second, at=1).send(0, first, at=1)
    held = Wire(4002).send(0, first[8:], at=9).send(0, second[8:], at=9).send(0, second, at=1)
    for wire, path in (whole, "/first"), (begun, "/firer"), (held, "/othst"):
        total = read(wire)
        assert [section.path for section in total.host("a.example").sections] == [path]
        assert (total.requests, total.capture.gaps) == (1, 0)


@promise(7)
@pytest.mark.parametrize("isn", [0, 1, 2**31 - 1, 2**31, 2**32 - 300, 2**32 - 1])
def test_sequence_numbers_wrap_wherever_they_begin(read, isn):
    wire = Wire(isn=(isn, (isn + 2**31) % 2**32))
    for turn in zip(*LONG, strict=True):
        wire.say(*turn, size=90)
    total = read(wire.close())
    assert (heads(total), total.capture.gaps, total.tcp.closed, total.tcp.retransmitted) == ((20, 20), 0, 1, 0)


@promise(8)
@pytest.mark.parametrize(
    ("upload", "download"),
    [
        (b"\0\1\2", b"\xff\xfe\xfd"),
        (b'{"json": 1}', b"<p>some <b>words</b>"),
        (b"words of an upload\n", b"words of a page\n"),
        (b"words of an upload", b"words of a page"),
    ],
)
def test_a_capture_that_begins_midway_counts_from_the_next_message(read, upload, download):
    wire = Wire(handshake=False).send(1, download).send(0, upload)
    total = read(wire.say(b"", ok(b"", 404)).say(GET, OK))
    assert (total.methods, total.statuses) == ({"GET": 1}, {404: 1, 200: 1})
    assert (total.capture.orphan_responses, total.capture.unanswered) == (1, 0)


@promise(9)
def test_requests_alone_are_counted_and_unanswered(read):
    total = read(Wire().say(*[GET, OK] * 30).only(0))
    assert (heads(total), total.capture.unanswered, total.capture.gaps) == ((30, 0), 30, 0)


@promise(9)
def test_responses_alone_are_counted_for_the_address_and_orphans(read):
    total = read(Wire().say(*[GET, OK] * 30).only(1))
    assert (heads(total), total.capture.orphan_responses, total.capture.gaps) == ((0, 30), 30, 0)
    assert [host.name for host in total.hosts] == ["10.0.0.2:80"]


@promise(10)
@pytest.mark.parametrize("snaplen", [54 + 60, 54 + 41, 54 + 20])
def test_packets_cut_by_the_snapshot_length_are_holes_of_known_size(read, snaplen):
    wire = Wire().say(GET, ok(b"x" * 3000)).say(GET, ok(b"y" * 10_000)).close()
    total = read(wire, snaplen=snaplen)
    assert heads(total) == (2, 2), "the first lines were captured"
    assert total.capture.truncated > 0
    assert (total.tcp.retransmitted, total.tcp.out_of_order, total.tcp.closed) == (0, 0, 1)


@promise(11)
def test_a_hole_in_a_body_of_known_length_costs_bytes_only(read):
    body = b"HTTP/1.1 500 not a message\r\n\r\n" * 200
    wire = Wire().say(GET, ok(body)).say(GET, ok(b"", 204)).lose(5, 6)
    total = read(wire)
    assert total.statuses == {200: 1, 204: 1}
    assert (total.capture.gaps, total.capture.gap_bytes) == (1, 2800)
    assert (total.capture.resyncs, total.capture.unanswered) == (0, 0)


@promise(11)
def test_a_hole_in_a_chunked_body_ends_at_the_next_message(read):
    chunks = b"".join(b"64\r\n" + b"c" * 100 + b"\r\n" for _ in range(40)) + b"0\r\n\r\n"
    total = read(Wire().say(GET, CHUNKED + chunks).say(GET, ok(b"", 404)).lose(5))
    assert total.statuses == {200: 1, 404: 1}
    assert (total.capture.gaps, total.capture.gap_bytes) == (1, 1400)
    assert total.capture.resyncs <= 1


@promise(11)
def test_deleting_packets_never_makes_a_message(read):
    wire = Wire()
    for turn in zip(*LONG, strict=True):
        wire.say(*turn, size=200)
    whole = wire.packets
    choose = random.Random(3)
    for _ in range(40):
        wire.packets = sorted(choose.sample(whole, len(whole) - choose.randint(1, 12)))
        total = read(wire)
        assert total.requests <= 20
        assert total.responses <= 20
        lost = total.capture.gaps + total.capture.unanswered + total.capture.orphan_responses
        assert heads(total) == (20, 20) or lost > 0


@promise(11)
def test_a_request_seen_only_when_sent_again_shifts_no_answer(read):
    """It was lost by the capture, not by the network: its answer passes before it does."""
    wire = Wire().send(0, get("/late"))
    del wire.packets[-1]
    wire.send(1, OK).send(0, get("/late"), at=1)
    for number in range(5):
        wire.say(get(f"/{number}"), ok(b"", 400 + number))
    total = read(wire)
    answered = {section.path: section.statuses for section in total.host("a.example").sections}
    del answered["/late"]
    assert answered == {f"/{number}": {400 + number: 1} for number in range(5)}
    assert total.statuses == {200: 1} | {400 + number: 1 for number in range(5)}
    assert total.capture.unanswered <= 1


@promise(12)
def test_data_in_a_reset_is_no_message(read):
    total = read(Wire().say(GET, OK).send(1, OK, RST | ACK).send(0, GET, RST))
    assert (heads(total), total.tcp.reset) == ((1, 1), 1)


@promise(12)
def test_a_blind_reset_out_of_the_window_is_ignored(read):
    wire = Wire().say(GET, OK).send(1, b"", RST, at=2**30).send(0, b"", RST, at=2**31)
    wire._next = [1 + len(GET), 1 + len(OK)]
    total = read(wire.say(GET, OK).close())
    assert (heads(total), total.tcp.reset, total.tcp.closed, total.tcp.opened) == ((2, 2), 0, 1, 1)


@promise(12)
def test_a_fin_sent_again_closes_once(read):
    wire = Wire().say(GET, OK).close()
    end = 1 + len(OK)
    for _ in range(3):
        wire.send(1, b"", FIN | ACK, at=end)
    total = read(wire)
    assert (heads(total), total.tcp.closed, total.tcp.opened) == ((1, 1), 1, 1)


@promise(13)
def test_data_on_a_syn_is_read_once_though_it_is_sent_again_without(read):
    accepted = Wire(4000, handshake=False).send(0, GET, SYN, at=0)
    accepted._next[0] = 1 + len(GET)
    accepted.send(1, b"", SYN | ACK, at=0).say(b"", OK)
    refused = Wire(4001, handshake=False).send(0, GET, SYN, at=0).send(0, b"", SYN, at=0)
    refused._next[0] = 1
    refused.send(1, b"", SYN | ACK, at=0).send(0, b"").say(GET, OK)
    total = read(accepted, refused)
    assert (heads(total), total.tcp.opened) == ((2, 2), 2)
    assert total.capture.unanswered == 0


def split_handshake():
    wire = Wire(handshake=False).send(0, b"", SYN, at=0).send(1, b"", SYN, at=0)
    return wire.send(0, b"", SYN | ACK, at=0).send(1, b"").say(GET, OK).close()


@promise(14)
def test_after_a_split_handshake_the_client_is_who_asks(read):
    total = read(split_handshake(), exchanges=True)
    assert heads(total) == (1, 1)
    assert (total.exchanges[0].client, total.exchanges[0].server) == ("10.0.0.1:4000", "10.0.0.2:80")


@promise(14)
def test_a_split_handshake_opens_one_connection(read):
    assert read(split_handshake()).tcp.opened == 1


@promise(15)
def test_urgent_bytes_are_read_inline(read):
    wire = Wire().send(0, GET[:10]).send(0, GET[10:12], ACK | URG, urgent=1).send(0, GET[12:]).say(b"", OK)
    assert read(wire).host("a.example").requests == 1


# HTTP.


@promise(16)
def test_pipelined_requests_are_paired_in_order(read):
    asked = [(f"/{n}", 400 + n) for n in range(80)]
    turns = b"".join(get(path) for path, _ in asked), b"".join(ok(b"x", status) for _, status in asked)
    total = read(Wire().say(*turns))
    answered = {section.path: section.statuses for section in total.host("a.example").sections}
    assert answered == {path: {status: 1} for path, status in asked}
    assert (total.capture.unanswered, total.capture.orphan_responses) == (0, 0)


@promise(16)
def test_of_over_100_requests_waiting_the_oldest_are_dropped_and_counted(read):
    total = read(Wire().say(GET * 150, OK * 100))
    assert heads(total) == (150, 100)
    assert total.capture.unanswered == 50


@promise(17)
def test_interim_responses_consume_no_request(read):
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    total = read(Wire().say(GET, interim + OK).say(GET, ok(b"", 404)), exchanges=True)
    assert total.statuses == {100: 50, 103: 1, 200: 1, 404: 1}
    assert [exchange.status for exchange in total.exchanges] == [200, 404]


@promise(18)
@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304), ("HEAD", 500)])
def test_responses_without_a_body_have_none_whatever_they_say(read, method, status):
    head = f"HTTP/1.1 {status} X\r\nContent-Length: 5000\r\n\r\n".encode()
    total = read(Wire().say(GET.replace(b"GET", method.encode()) + GET, head + ok(b"", 404)))
    assert total.statuses == {status: 1, 404: 1}


@promise(18)
def test_whether_an_orphan_has_a_body_is_told_by_what_follows(read):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n"
    without = Wire(4000, handshake=False).send(1, head).send(1, ok(b"", 404))
    with_body = Wire(4001, handshake=False).send(1, head).send(1, b"b" * 40 + ok(b"", 404))
    assert read(without, with_body).statuses == {200: 2, 404: 2}


@promise(19)
@pytest.mark.parametrize("size", [1, 7, 1400])
def test_chunk_extensions_and_trailers_are_passed_over(read, size):
    body = b'5;name=value;a="b"\r\nhello\r\n00A \r\n0123456789\r\n0;last\r\nTrailer: GET / HTTP/1.1\r\nT: 2\r\n\r\n'
    total = read(Wire().say(GET, CHUNKED + body + ok(b"", 404), size=size))
    assert total.statuses == {200: 1, 404: 1}
    assert total.response_bytes == len(CHUNKED + body + ok(b"", 404))
    assert total.capture.ambiguous_framing == {}


@promise(19)
def test_chunk_data_without_its_line_end_is_told_and_the_next_message_found(read):
    total = read(Wire().say(GET, CHUNKED + b"2\r\nabcd\r\n0\r\n\r\n").say(GET, ok(b"", 404)))
    assert total.statuses == {200: 1, 404: 1}
    assert (total.capture.ambiguous_framing, total.capture.resyncs) == ({"chunk": 1}, 1)


@promise(19)
def test_trailers_without_end_are_given_up(read):
    wire = Wire().say(GET, CHUNKED + b"0\r\n" + b"T: rubbish\r\n" * 7000).say(GET, ok(b"", 404))
    total = read(wire)
    assert total.statuses == {200: 1, 404: 1}
    assert total.capture.parse_errors == 1


@promise(20)
def test_a_body_until_close_is_over_with_the_fin(read):
    wire = Wire().say(GET, b"HTTP/1.0 200 OK\r\n\r\nHTTP/1.1 500 part of the body\r\n\r\n")
    asked = wire.packets[3][0]
    wire.now = asked + 5
    (exchange,) = read(wire.close(), exchanges=True).exchanges
    assert exchange.status == 200
    assert exchange.duration == pytest.approx(5.01, abs=0.001), "the server's FIN"


@promise(20)
def test_a_body_until_close_hides_no_message(read):
    total = read(Wire().say(GET, b"HTTP/1.0 200 OK\r\n\r\n").send(1, ok(b"", 500)).close())
    assert total.statuses == {200: 1}


def hello(name=b"secret.example"):
    """A TLS ClientHello for a name, in one record."""
    server = struct.pack("!HBH", len(name) + 3, 0, len(name)) + name
    extensions = struct.pack("!HH", 0, len(server)) + server
    extensions = struct.pack("!HH", 21, 300) + bytes(300) + extensions
    body = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0" + struct.pack("!H", len(extensions)) + extensions
    message = b"\1" + struct.pack("!I", len(body))[1:] + body
    return b"\x16\3\1" + struct.pack("!H", len(message)) + message


SERVER_HELLO = b"\x16\3\3\0\x2a" + bytes(42)
CONNECT = b"CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@promise(21)
@pytest.mark.parametrize("size", [1400, 60, 1])
def test_tls_through_connect_is_a_tunnel_and_its_server_is_named(read, size):
    wire = Wire().say(CONNECT, ESTABLISHED).say(hello(), SERVER_HELLO, size=size).say(GET, OK)
    total = read(wire)
    assert heads(total) == (1, 1)
    assert total.capture.protocols == {"http1": 1, "tunnel": 1, "tls": 1}
    assert total.server_names == {"secret.example": 1}


@promise(21)
def test_http_through_connect_is_counted(read):
    total = read(Wire().say(CONNECT, ESTABLISHED).say(GET, ok(b"", 404)))
    assert (total.methods, total.statuses) == ({"CONNECT": 1, "GET": 1}, {200: 1, 404: 1})


@promise(21)
def test_a_connect_that_is_refused_makes_no_tunnel(read):
    total = read(Wire().say(CONNECT, ok(b"no", 403)).say(GET, OK))
    assert (heads(total), total.capture.protocols) == ((2, 2), {"http1": 1})


@promise(21)
@pytest.mark.parametrize(("name", "protocol"), [("websocket", "websocket"), ("h2c", "h2c"), ("rubbish", "tunnel")])
def test_after_an_upgrade_nothing_is_read_and_the_protocol_is_named(read, name, protocol):
    switching = f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: {name}\r\nConnection: upgrade\r\n\r\n".encode()
    wire = Wire().say(get("/chat", "a.example", f"Upgrade: {name}"), switching).say(GET, OK)
    total = read(wire)
    assert (heads(total), total.statuses) == ((1, 1), {101: 1})
    assert total.capture.protocols == {"http1": 1, protocol: 1}


@promise(21, 26)
@pytest.mark.parametrize(
    ("protocol", "client", "server"),
    [
        ("tls", hello(), SERVER_HELLO),
        ("h2c", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", b"\0\0\0\4\0\0\0\0\0"),
        ("ssh", b"SSH-2.0-OpenSSH_9.2\r\n", b"SSH-2.0-OpenSSH_9.2\r\n"),
        ("other", b"\0\1\2\3\4\5\6\7binary", b"\xff\xfe\xfd"),
        ("other", b"EHLO mail.example\r\n", b"250 mail.example\r\n"),
    ],
)
def test_what_is_no_http_is_named_with_its_bytes_on_port_80_too(read, protocol, client, server):
    total = read(Wire().say(client, server).say(b"GET in the midst", b"HTTP/1.1 is a protocol"))
    assert (heads(total), total.capture.protocols) == ((0, 0), {protocol: 1})
    (interface,) = total.interfaces
    assert list(interface.protocols) == [protocol]
    assert 0 < interface.protocols[protocol] <= interface.bytes
    assert interface.http_packets == 0


def framed(*lines, body=b""):
    return "\r\n".join([*lines, "", ""]).encode() + body


POST = "POST /p HTTP/1.1", "Host: a.example"
EMPTY = b"0\r\n\r\n"


@promise(22)
@pytest.mark.parametrize(
    ("message", "kinds"),
    [
        (framed(*POST, "Content-Length: 99", "Transfer-Encoding: chunked", body=EMPTY), {"length_and_encoding": 1}),
        (framed(*POST, "Transfer-Encoding: chunked", "Content-Length: 1", body=EMPTY), {"length_and_encoding": 1}),
        (framed(*POST, "Content-Length: 5, 5", body=b"hello"), {"length": 1}),
        (framed(*POST, "Content-Length: 5", "Content-Length: 5", body=b"hello"), {"length": 1}),
        (framed(*POST, "Content-Length: 5", "Content-Length: 500", body=b"hello"), {"length": 1}),
        (framed(*POST, "Content-Length: 0000000000000005", body=b"hello"), {"length": 1}),
        (framed(*POST, "Transfer-Encoding: gzip, chunked", body=EMPTY), {}),
        (framed(*POST, "Transfer-Encoding: gzip", "Transfer-Encoding: chunked", body=EMPTY), {"encoding": 1}),
        (framed(*POST, "Transfer-Encoding: chunked, identity"), {"encoding": 1}),
        (framed("POST /p HTTP/1.0", "Host: a.example", "Transfer-Encoding: chunked", body=EMPTY), {"encoding": 1}),
        (framed(*POST, "X-Long: a", " continued", "Content-Length: 5", body=b"hello"), {"fold": 1}),
        (framed(*POST, "X-Long: a", "\tcontinued: b"), {"fold": 1}),
        (framed(*POST, "Content-Length : 5", body=b"hello"), {"field": 1}),
    ],
)
def test_framing_that_two_readers_could_read_differently_is_told_by_kind(read, message, kinds):
    total = read(Wire().say(message).send(0, get("/hidden")).say(b"", OK + OK))
    assert total.capture.ambiguous_framing == kinds
    assert total.methods == {"POST": 1, "GET": 1}, "the message behind it is found"


@promise(22)
def test_a_request_hidden_behind_both_lengths_is_counted(read):
    hidden = framed(*POST, "Content-Length: 60", "Transfer-Encoding: chunked", body=EMPTY + get("/hidden"))
    total = read(Wire().say(hidden, OK + ok(b"", 404)))
    assert {section.path for section in total.host("a.example").sections} == {"/p", "/hidden"}
    assert total.statuses == {200: 1, 404: 1}


@promise(23)
@pytest.mark.parametrize(
    ("message", "kinds"),
    [
        (b"GET /a HTTP/1.1\nHost: a.example\n\n", {"bare_lf": 1}),
        (b"GET /a HTTP/1.1\r\nHost: a.example\n\r\n", {"bare_lf": 1}),
        (b"\r\n\r\n\nGET /a HTTP/1.1\r\nHost: a.example\r\n\r\n", {}),
        (b"GET /a HTTP/1.1\r\nX: a\rHost: evil.example\r\nHost: a.example\r\n\r\n", {}),
        (b"GET /a HTTP/1.1\r\n Host: evil.example\r\nHost: a.example\r\n\r\n", {"fold": 1}),
        (b"GET /a HTTP/1.1\r\nHost : a.example\r\n\r\n", {"field": 1}),
        (b"GET /a HTTP/1.1\r\nHost: a.example\r\nX-Nul: b\0c\r\n\r\n", {"field": 1}),
    ],
)
@pytest.mark.parametrize("size", [1400, 1])
def test_line_ends_nul_and_white_space_out_of_place_are_read_as_rfc_9112_says(read, message, kinds, size):
    total = read(Wire().say(message, OK, size=size).say(GET, OK))
    assert [(host.name, host.requests) for host in total.hosts] == [("a.example", 2)]
    assert total.capture.ambiguous_framing == kinds


@promise(24)
@pytest.mark.parametrize(
    ("line", "host", "path", "method"),
    [
        ("GET http://abs.example/x/y HTTP/1.1", "abs.example", "/x", "GET"),
        ("GET http://user:pass@ABS.example:80/x HTTP/1.1", "abs.example", "/x", "GET"),
        ("GET http://abs.example HTTP/1.1", "abs.example", "/", "GET"),
        ("CONNECT auth.example:443 HTTP/1.1", "auth.example:443", None, "CONNECT"),
        ("OPTIONS * HTTP/1.1", "a.example", "*", "OPTIONS"),
        ("get /x HTTP/1.1", "a.example", "/x", "OTHER"),
        ("GET /x y z HTTP/1.1", "a.example", None, "GET"),
        ("GET  HTTP/1.1", "a.example", None, "GET"),
        ("GET ?q=1 HTTP/1.1", "a.example", "/", "GET"),
        ("M-SEARCH /x HTTP/1.0", "a.example", "/x", None),
    ],
)
def test_every_form_of_target_has_its_host_and_section(read, line, host, path, method):
    total = read(Wire().say(framed(line, "Host: a.example"), ok(b"", 404)).say(GET, OK))
    row = total.host(host)
    assert row is not None, [host.name for host in total.hosts]
    assert method is None or method in row.methods
    assert path is None or path in [section.path for section in row.sections]
    assert heads(total) == (2, 2)


@promise(24)
def test_http_0_9_is_the_first_line_of_a_connection_or_none(read):
    first = Wire().say(b"GET /old\r\n", b"<html>HTTP/1.1 200 not a head</html>").close()
    second = Wire(4001).say(GET, OK).say(b"GET /old\r\n")
    midway = Wire(4002, handshake=False).say(b"GET /old\r\n")
    total = read(first, second, midway)
    assert heads(total) == (2, 1)
    assert total.host("10.0.0.2:80").requests == 1


@promise(25)
def test_ten_thousand_fields_hide_neither_host_nor_length(read):
    many = [f"X-{n}: v" for n in range(4000)]
    message = framed(
        "POST /p HTTP/1.1", *many, "Host: last.example", "Content-Length: 19", body=b"GET / HTTP/1.1\r\n\r\n."
    )
    total = read(Wire().say(message + GET, OK + OK))
    assert total.host("last.example").requests == 1
    assert heads(total) == (2, 2)
    more = framed("GET /p HTTP/1.1", "Host: first.example", *many, *many, *many)
    total = read(Wire().say(more + GET, OK + OK))
    assert total.host("first.example").requests == 1
    assert heads(total) == (2, 2)


@promise(25)
def test_one_byte_per_segment_counts_the_same(read):
    message = framed(*POST, *["X-Field: value"] * 200, "Content-Length: 5", body=b"hello")
    total = read(Wire().say(message, CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", size=1).say(GET, OK, size=1).close())
    assert (heads(total), total.request_bytes) == ((2, 2), len(message + GET))


@promise(26)
@pytest.mark.parametrize("port", [1, 22, 443, 8080, 65535])
def test_http_is_found_on_any_port(read, port):
    total = read(Wire(server_port=port).say(GET, OK))
    assert (heads(total), total.capture.protocols) == ((1, 1), {"http1": 1})


# IP and below.


def extended(*headers, final=6):
    """Puts extension headers into an IPv6 packet: (number, bytes from the second on) each."""

    def wrap(packet):
        numbers = [number for number, _ in headers] + [final]
        inside = b"".join(bytes([numbers[at + 1]]) + rest for at, (_, rest) in enumerate(headers)) + packet[40:]
        return packet[:4] + struct.pack("!HB", len(inside), numbers[0]) + packet[7:40] + inside

    return wrap


OPTION = b"\0\1\4\0\0\0\0"
HEADERS = {
    "hop by hop": (0, OPTION),
    "routing": (43, b"\0\4\0\0\0\0\0"),
    "destination": (60, b"\1\1\x0c" + bytes(12)),
    "authentication": (51, b"\4" + bytes(22)),
    "authentication of no length": (51, b"\0" + bytes(6)),
    "atomic fragment": (44, b"\0\0\0\0\0\0\7"),
}


@promise(27)
@pytest.mark.parametrize("name", HEADERS)
def test_ipv6_extension_headers_are_passed(read, name):
    wire = Wire(server="fd00::2").say(GET, OK)
    assert heads(read(wire.wrapped(extended(HEADERS[name])))) == (1, 1)


@promise(27)
def test_eight_ipv6_extension_headers_are_walked(read):
    assert heads(read(Wire(server="fd00::2").say(GET, OK).wrapped(extended(*[(60, OPTION)] * 8)))) == (1, 1)


@promise(27)
@pytest.mark.parametrize("count", [9, 150])
def test_more_ipv6_extension_headers_are_dropped_and_counted(read, count):
    wire = Wire(server="fd00::2").say(GET, OK).wrapped(extended(*[(60, OPTION)] * count))
    total = read(wire, filter="ip6")
    assert heads(total) == (0, 0)
    assert total.capture.undecodable == len(wire.packets)


@promise(27)
@pytest.mark.parametrize("final", [50, 59])
def test_encrypted_payload_and_no_next_header_are_no_error(read, final):
    total = read(Wire(server="fd00::2").say(GET, OK).wrapped(extended((60, OPTION), final=final)), filter="ip6")
    assert (heads(total), total.capture.undecodable) == ((0, 0), 0)


def fragmented(packet, identification, size=48):
    """An IP packet as fragments of `size` bytes."""
    if packet[0] >> 4 == 4:
        head, payload = packet[:20], packet[20:]
    else:
        head, payload = packet[:40], packet[40:]
    parts = []
    for start in range(0, len(payload), size):
        part, more = payload[start : start + size], start + size < len(payload)
        parts.append(fragment(head, part, identification, start, more))
    return parts


def fragment(head, part, identification, start, more):
    if len(head) == 20:
        place = struct.pack("!HHH", 20 + len(part), identification, start // 8 | more << 13)
        return head[:2] + place + head[8:] + part
    middle = struct.pack("!BBHI", head[6], 0, start | more, identification)
    return head[:4] + struct.pack("!HB", 8 + len(part), 44) + head[7:40] + middle + part


def in_fragments(wire, identify=lambda number: number + 1, order=list):
    """Every packet of a conversation in fragments."""
    packets = enumerate(wire.packets)
    pieces = [(now, order(fragmented(packet, identify(number)))) for number, (now, packet) in packets]
    wire.packets = [(now + at * 1e-4, part) for now, parts in pieces for at, part in enumerate(parts)]
    return wire


@promise(28)
@pytest.mark.parametrize("server", ["10.0.0.2", "fd00::2"])
@pytest.mark.parametrize("order", [list, lambda parts: parts[::-1], lambda parts: parts * 2])
def test_fragments_are_put_together(read, server, order):
    total = read(in_fragments(Wire(server=server).say(GET * 5, OK * 5).close(), order=order))
    assert heads(total) == (5, 5)
    assert total.capture.undecodable == 0
    assert total.capture.gaps == 0


@promise(28)
@pytest.mark.parametrize("server", ["10.0.0.2", "fd00::2"])
def test_overlapping_fragments_drop_the_datagram_and_are_counted(read, server):
    wire = Wire(server=server).say(GET)
    now, packet = wire.packets.pop()
    first, *others = fragmented(packet, 7)
    head = packet[:20] if server == "10.0.0.2" else packet[:40]
    teardrop = fragment(head, b"!" * 48, 7, 24, True)
    wire.packets += [(now, first), (now, teardrop), *((now, part) for part in others)]
    total = read(wire)
    assert heads(total) == (0, 0)
    assert total.capture.undecodable == 1


@promise(28)
def test_an_identification_used_again_is_another_datagram(read):
    total = read(in_fragments(Wire().say(GET, OK).say(GET, OK), identify=lambda number: 7))
    assert (heads(total), total.capture.undecodable) == ((2, 2), 0)


@promise(28)
def test_fragments_of_other_protocols_are_no_loss(read):
    wire, other = Wire().say(GET, OK), Wire(now=1)
    datagram = udp(53, 4000, b"x" * 300)
    other.packets = [(1 + number / 10, part) for number in range(50) for part in fragmented(datagram, 100 + number)[1:]]
    total = read(wire, other, in_fragments(Wire(4001, now=60).say(GET, OK)))
    assert heads(total) == (2, 2)
    assert total.capture.undecodable == 0


SNAP = b"\xaa\xaa\3\0\0\0\x08\0"
ETHERNET = forge.MAC + b"\x08\0"
BELOW = {
    "PPPoE": (1, lambda ip: forge.MAC + b"\x88\x64\x11\0\0\7" + struct.pack("!HH", len(ip) + 2, 0x21) + ip),
    "MPLS": (1, lambda ip: forge.MAC + b"\x88\x47" + b"\0\1\0\x40" + b"\0\2\1\x40" + ip),
    "three VLAN tags": (1, lambda ip: forge.MAC + b"\x88\xa8\0\1\x81\0\0\2\x81\0\0\3\x08\0" + ip),
    "802.3 with SNAP": (1, lambda ip: forge.MAC + struct.pack("!H", len(ip) + 8) + SNAP + ip),
    "802.11": (105, lambda ip: b"\x08\1\0\0" + bytes(20) + SNAP + ip),
    "802.11 with QoS": (105, lambda ip: b"\x88\1\0\0" + bytes(22) + SNAP + ip),
    "802.11 with radiotap": (127, lambda ip: b"\0\0\x08\0\0\0\0\0" + b"\x08\2\0\0" + bytes(20) + SNAP + ip),
    "PPP": (9, lambda ip: b"\xff\3\0\x21" + ip),
    "Cisco HDLC": (104, lambda ip: b"\x0f\0\x08\0" + ip),
    "IPv4": (228, lambda ip: ip),
}


@promise(29)
@pytest.mark.parametrize("link", forge.LINKS)
@pytest.mark.parametrize("server", ["10.0.0.2", "fd00::2"])
def test_every_link_gives_the_same_counts(read, link, server):
    total = read(Wire(server=server).say(GET, OK).close(), link=link)
    assert (heads(total), total.tcp.closed, total.capture.undecodable) == ((1, 1), 1, 0)


@promise(29)
@pytest.mark.parametrize("name", BELOW)
def test_what_lies_between_link_and_ip_is_peeled_off(read, name):
    number, wrap = BELOW[name]
    total = read(Wire().say(GET, OK).close().wrapped(wrap), link="raw", number=number)
    assert (heads(total), total.tcp.closed, total.capture.undecodable) == ((1, 1), 1, 0)


def outer(protocol, payload):
    packet = bytearray(forge.ip("192.0.2.1", "192.0.2.2", payload))
    packet[9] = protocol
    return bytes(packet)


def udp(source, target, payload):
    return outer(17, struct.pack("!HHHH", source, target, 8 + len(payload), 0) + payload)


TUNNELS = {
    "GRE": ("10.0.0.2", lambda ip: outer(47, b"\0\0\x08\0" + ip)),
    "GRE with key and sequence number": ("10.0.0.2", lambda ip: outer(47, b"\x30\0\x08\0" + bytes(8) + ip)),
    "GRE of frames": ("10.0.0.2", lambda ip: outer(47, b"\0\0\x65\x58" + ETHERNET + ip)),
    "VXLAN": ("10.0.0.2", lambda ip: udp(50000, 4789, b"\x08\0\0\0\0\0\7\0" + ETHERNET + ip)),
    "GENEVE": ("10.0.0.2", lambda ip: udp(50000, 6081, b"\1\0\x65\x58\0\0\7\0" + bytes(4) + ETHERNET + ip)),
    "IP in IP": ("10.0.0.2", lambda ip: outer(4, ip)),
    "6in4": ("fd00::2", lambda ip: outer(41, ip)),
    "Teredo": ("fd00::2", lambda ip: udp(50000, 3544, ip)),
    "Teredo with its header": ("fd00::2", lambda ip: udp(3544, 50000, b"\0\0" + bytes(6) + ip)),
    "GRE in VXLAN": (
        "10.0.0.2",
        lambda ip: udp(50000, 4789, b"\x08\0\0\0\0\0\7\0" + ETHERNET + outer(47, b"\0\0\x08\0" + ip)),
    ),
}


@promise(29)
@pytest.mark.parametrize("name", TUNNELS)
def test_tunnels_are_looked_into_when_asked_for(read, name):
    server, wrap = TUNNELS[name]
    wire = Wire(server=server).say(GET, OK).close().wrapped(wrap)
    total = read(wire, decode_tunnels=True)
    assert (heads(total), total.tcp.closed, total.capture.encapsulated) == ((1, 1), 1, 0)


@promise(28, 29)
@pytest.mark.parametrize("name", ["GRE", "VXLAN", "IP in IP"])
def test_tunnels_in_fragments_are_put_together_and_looked_into(read, name):
    server, wrap = TUNNELS[name]
    total = read(in_fragments(Wire(server=server).say(GET, OK).close().wrapped(wrap)), decode_tunnels=True)
    assert (heads(total), total.capture.undecodable) == ((1, 1), 0)


@promise(29)
@pytest.mark.parametrize("name", TUNNELS)
def test_tunnels_are_counted_when_not_looked_into(read, name):
    server, wrap = TUNNELS[name]
    wire = Wire(server=server).say(GET, OK).close().wrapped(wrap)
    total = read(wire)
    assert heads(total) == (0, 0)
    assert total.capture.encapsulated == len(wire.packets)
    assert total.capture.undecodable == 0


@promise(30)
def test_wrong_checksums_change_nothing(read):
    wire = Wire().say(GET, OK).close()  # TCP's are wrong in every test here
    wire.wrapped(lambda packet: packet[:10] + b"\xbe\xef" + packet[12:])
    total = read(wire)
    assert (heads(total), total.capture.undecodable) == ((1, 1), 0)


@promise(31)
@pytest.mark.parametrize("server", ["10.0.0.2", "fd00::2"])
def test_packets_without_a_length_are_as_long_as_was_captured(read, server):
    """Segmentation offload and BIG TCP: longer than the length field can say, which holds 0."""
    body = ok(b"x" * 150_000) + ok(b"", 404)
    wire = Wire(server=server).say(GET)
    for start in range(0, len(body), 100_000):
        part = body[start : start + 100_000]
        now, packet = wire.send(1, b"", at=1 + start).packets.pop()
        unsized = packet[:2] + bytes(2) + packet[4:] if packet[0] >> 4 == 4 else packet[:4] + bytes(2) + packet[6:]
        wire.packets.append((now, unsized + part))
    total = read(wire)
    assert total.statuses == {200: 1, 404: 1}
    assert (total.response_bytes, total.capture.gaps) == (len(body), 0)


def in_order_given(wire):
    """A capture file whose packets are in the order given, whatever their times."""
    one = forge.Conversation(1, 0)
    records = []
    for packet in wire.packets:
        one.packets = [packet]
        records.append(forge.pcap(one)[24:])
    return forge.pcap()[:24] + b"".join(records)


@promise(32)
@pytest.mark.parametrize("wrong", [-1e6, -3600, 3600, 1e9])
def test_one_wrong_time_ends_no_connection_and_opens_no_intervals(tmp_path, wrong):
    wire = Wire(now=2e6).say(GET, OK, GET).send(0, GET).say(b"", OK * 2)
    now, packet = wire.packets[5]
    wire.packets[5] = (now + wrong, packet)
    path = tmp_path / "clock.pcap"
    path.write_bytes(in_order_given(wire))
    snapshots = list(Monitor(read=path).snapshots())
    total = Snapshot.merge(snapshots)
    assert heads(total) == (3, 3)
    assert (total.capture.unanswered, total.capture.orphan_responses) == (0, 0)
    assert len(snapshots) <= 3


@promise(33)
def test_every_packet_twice_changes_no_count_but_that_of_duplicates(read):
    wire = Wire()
    for turn in zip(*LONG, strict=True):
        wire.say(*turn, size=200)
    once = read(wire.close())
    wire.packets = [copy for now, packet in wire.packets for copy in ((now, packet), (now + 2e-5, packet))]
    twice = read(wire)
    assert heads(twice) == heads(once) == (20, 20)
    assert (twice.request_bytes, twice.response_bytes) == (once.request_bytes, once.response_bytes)
    health = [(t.opened, t.closed, t.retransmitted, t.out_of_order, t.duplicate_acks) for t in (once.tcp, twice.tcp)]
    assert health == [(1, 1, 0, 0, 0)] * 2
    assert (once.tcp.duplicates, twice.tcp.duplicates) == (0, len(wire.packets) // 2)


@promise(34)
def test_both_hops_through_a_proxy_count_and_a_filter_narrows(read):
    front = Wire(4000, server_port=8080).say(GET, OK)
    back = Wire(4001, server="10.0.0.3").say(GET, OK)
    assert heads(read(front, back)) == (2, 2)
    assert heads(read(front, back, filter="tcp port 8080")) == (1, 1)


@promise(35)
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "rubbish"])
def test_coded_bodies_are_counted_and_not_decoded(read, coding):
    body = b"\x1f\x8b\x08\0bomb" + bytes(500)
    total = read(Wire().say(GET, ok(body, 200, f"Content-Encoding: {coding}")).say(GET, OK))
    assert heads(total) == (2, 2)
    assert total.response_bytes == len(ok(body, 200, f"Content-Encoding: {coding}")) + len(OK)


@promise(36)
def test_parts_of_a_multipart_body_are_no_messages(read):
    body = b"--b\r\nContent-Type: message/http\r\n\r\n" + GET + b"--b--\r\n"
    posted = framed(*POST, "Content-Type: multipart/mixed; boundary=b", f"Content-Length: {len(body)}", body=body)
    assert heads(read(Wire().say(posted + GET, OK + OK, size=len(posted) - len(GET) - 7))) == (2, 2)


@promise(37)
@pytest.mark.parametrize("isn", [(1200, 5100), (2**31, 2**31), (900, 4000)])
def test_ports_used_again_without_a_fin_are_another_connection(read, isn):
    total = read(Wire().say(GET, OK, GET), Wire(isn=isn, now=1).say(GET, OK))
    assert (heads(total), total.tcp.opened) == ((3, 2), 2)
    assert (total.capture.unanswered, total.capture.gaps) == (1, 0)


# Health.


@promise(33)
def test_a_copy_of_what_is_acknowledged_is_no_duplicate_ack_and_no_round_trip(read):
    """The network doubled a segment: its receiver acknowledges both, with nothing outstanding."""
    wire = Wire().send(0, GET).send(1, b"")
    wire.packets.append((wire.now, wire.packets[3][1]))
    wire.packets[-2:] = [
        (wire.packets[3][0] + 1e-4, wire.packets[4][1]),
        (wire.packets[3][0] + 2e-4, wire.packets[3][1]),
    ]
    tcp = read(wire.send(1, b"")).tcp
    assert (tcp.duplicates, tcp.retransmitted) == (1, 0)
    assert tcp.duplicate_acks == 0
    assert (tcp.server_rtt.count, tcp.server_rtt.max) == (1, pytest.approx(1e-4, rel=0.03))


def test_a_syn_sent_again_gives_no_round_trip(read):
    """Karn's algorithm (RFC 6298, section 3): it cannot be told which of the two is answered."""
    wire = Wire(handshake=False).send(0, b"", SYN, at=0)
    wire.now += 1
    wire.send(0, b"", SYN, at=0).send(1, b"", SYN | ACK, at=0).send(0, b"").say(GET, OK)
    tcp = read(wire).tcp
    assert tcp.opened == 1
    assert tcp.server_handshake_rtt.max is None or tcp.server_handshake_rtt.max < 0.02


def test_acknowledgements_again_while_data_is_outstanding_are_duplicates(read):
    """RFC 5681, section 2."""
    wire = Wire().send(0, GET).send(1, b"").send(1, b"").send(0, GET)
    wire._next[0] = 1 + len(GET)
    assert read(wire.send(1, b"").send(1, b"").send(1, b"")).tcp.duplicate_acks == 3


# The table.


def test_every_row_of_the_table_has_tests_that_exist():
    text = (ROOT / "docs" / "accuracy.md").read_text()
    table = {
        int(row): set(re.findall(r"`(\w+)`", tests))
        for row, tests in re.findall(r"^\| (\d+) \|.*\| (.*) \|$", text, re.M)
    }
    sources = [*ROOT.glob("rust/src/**/*.rs"), *ROOT.glob("tests/test_*.py")]
    there = set(re.findall(r"(?:fn|def) (\w+)\(", "".join(path.read_text() for path in sources)))
    assert sorted(table) == list(range(1, 38))
    assert {row: sorted(tests - there) for row, tests in table.items() if tests - there} == {}
    assert {row: sorted(set(tests) - table[row]) for row, tests in ROWS.items() if set(tests) - table[row]} == {}
    assert all(table.values())

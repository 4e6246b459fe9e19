"""Copies of packets, stray segments, ports that are used again, and responses after minutes.

A packet may be seen again under another tag or label, on another interface, or with a translated address. This copy is
counted in packets, in traffic and as a copy; requests, responses and segments are counted once. Each exchange has its
own section and status, which show whether a request was paired with its own response.
"""

import ipaddress
import struct

import forge
import pytest
from forge import ACK, RST, SYN
from netmon import Monitor, Snapshot
from promises import Wire, ok

EXCHANGES = 50
TRUTH = {f"/{number}": 400 + number for number in range(EXCHANGES)}


def ask(wire, paths=TRUTH):
    for path in paths:
        wire.send(0, f"GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode()).send(1, ok(b"ok", TRUTH[path]))
    return wire


@pytest.fixture
def count(tmp_path):
    """A function that counts a capture of some interfaces, each a list of (time, frame).

    Returns the merge of all snapshots, and the (section, status) of each exchange. Checks that two workers count the
    same as one.
    """

    def count(*interfaces, link=1, **settings):
        path = tmp_path / "capture.pcapng"
        named = [(frames, link, {"name": f"if{number}", "resolution": 9}) for number, frames in enumerate(interfaces)]
        path.write_bytes(forge.pcapng_of(named))
        totals = [
            Snapshot.merge(Monitor(read=path, exchanges=True, workers=workers, **settings).snapshots())
            for workers in (1, 2)
        ]
        assert totals[0] == totals[1]
        return totals[0], sorted((each.section, each.status) for each in totals[0].exchanges)

    return count


def once(total):
    """Checks that one connection with every exchange was counted, and nothing else."""
    capture = total.capture
    counts = total.requests, total.responses, total.tcp.opened, total.tcp.closed
    assert counts == (EXCHANGES, EXCHANGES, 1, 1)
    assert (capture.unanswered, capture.orphan_responses, capture.gaps, capture.parse_errors) == (0, 0, 0, 0)


def frame(packet, tags=b"", kind=b"\x08\0"):
    return forge.MAC + tags + kind + packet


def vlan(number):
    return b"\x81\0" + struct.pack("!H", number)


def labels(*numbers):
    """An MPLS stack."""
    last = len(numbers) - 1
    return b"".join(struct.pack("!I", number << 12 | (at == last) << 8 | 64) for at, number in enumerate(numbers))


def rewritten(old, new):
    """A function that replaces an address and port in packets of both directions, as NAT does."""

    def rewrite(packet):
        packet = bytearray(packet)
        for at, port_at in ((12, 20), (16, 22)):
            ends = bytes(packet[at : at + 4]), struct.unpack_from("!H", packet, port_at)[0]
            if ends == (ipaddress.ip_address(old[0]).packed, old[1]):
                packet[at : at + 4] = ipaddress.ip_address(new[0]).packed
                struct.pack_into("!H", packet, port_at, new[1])
        packet[8] -= 1  # TTL, one hop further
        return bytes(packet)

    return rewrite


DNAT = rewritten(("10.0.0.2", 80), ("172.17.0.2", 8080))
MASQUERADE = rewritten(("10.0.0.1", 4000), ("192.0.2.7", 61_000))
TWICE = {
    "two tags": (lambda packet: frame(packet, vlan(7)), lambda packet: frame(packet, vlan(8))),
    "tagged and not": (lambda packet: frame(packet, vlan(7)), frame),
    "labels": (
        lambda packet: frame(labels(16, 17) + packet, kind=b"\x88\x47"),
        lambda packet: frame(labels(18) + packet, kind=b"\x88\x47"),
    ),
    "another server": (frame, lambda packet: frame(DNAT(packet))),
    "another client": (frame, lambda packet: frame(MASQUERADE(packet))),
}
"""Name of a case: the frame of a packet on the client's side, and its frame on the server's side."""
DELAYS = [8e-6, 4e-4, 3e-3]


def seen_twice(wire, name, delay):
    """(frames on the client's side, frames on the server's side). A packet takes `delay` from one to the other."""
    outer, inner = TWICE[name]
    here, there = [], []
    for at, packet in wire.packets:
        is_asked = packet[12:16] == b"\x0a\0\0\1"
        here.append((at + (0 if is_asked else delay), outer(packet)))
        there.append((at + (delay if is_asked else 0), inner(packet)))
    return here, there


@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize("name", TWICE)
def test_a_packet_seen_on_two_interfaces_counts_once_except_in_traffic(count, name, delay):
    wire = ask(Wire()).close()
    total, pairs = count(*seen_twice(wire, name, delay))
    once(total)
    assert pairs == sorted(TRUTH.items())
    packets = len(wire.packets)
    assert [interface.packets for interface in total.interfaces] == [packets, packets]
    assert total.capture.received == 2 * packets
    assert total.tcp.segments == packets
    assert total.tcp.retransmitted == 0


@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize("name", ["two tags", "tagged and not", "labels"])
def test_a_packet_seen_under_two_tags_on_one_interface_counts_once(count, name, delay):
    here, there = seen_twice(ask(Wire()).close(), name, delay)
    total, pairs = count(here + there)
    once(total)
    assert pairs == sorted(TRUTH.items())


@pytest.mark.parametrize("name", TWICE)
def test_copies_are_counted(count, name):
    wire = ask(Wire()).close()
    total, _ = count(*seen_twice(wire, name, 8e-6))
    assert total.capture.copies == len(wire.packets)


@pytest.mark.parametrize(("outward", "back"), [(vlan(7), b""), (b"", vlan(7)), (vlan(7), vlan(8))])
def test_a_connection_may_have_another_tag_in_each_direction(count, outward, back):
    wire = ask(Wire()).close()
    frames = [(at, frame(packet, outward if packet[12:16] == b"\x0a\0\0\1" else back)) for at, packet in wire.packets]
    total, pairs = count(frames)
    once(total)
    assert pairs == sorted(TRUTH.items())
    assert total.capture.copies == 0


def test_three_handshakes_under_three_tags_are_three_connections(count):
    frames = []
    for number in range(3):
        wire = ask(Wire(isn=(1000 + 10**6 * number, 5000 + 10**7 * number), now=number * 0.003)).close()
        frames += [(at, frame(packet, vlan(7 + number))) for at, packet in wire.packets]
    total, pairs = count(frames)
    assert (total.requests, total.responses, total.tcp.opened, total.tcp.closed) == (150, 150, 3, 3)
    assert (total.capture.copies, total.capture.gaps, total.capture.orphan_responses) == (0, 0, 0)
    assert pairs == sorted([*TRUTH.items()] * 3)


@pytest.mark.parametrize("keeps_client", [False, True])
@pytest.mark.parametrize("delay", [2e-5, 1e-3])
def test_a_proxy_on_the_same_host_counts_twice(count, delay, keeps_client):
    """The proxy's connection to the server has its own sequence numbers, even if it carries the same bytes."""
    outside = ask(Wire()).close()
    inside = ask(Wire(isn=(777_000, 888_000), now=delay)).close()
    rewrites = [DNAT] if keeps_client else [DNAT, MASQUERADE]
    for rewrite in rewrites:
        inside.wrapped(rewrite)
    total, pairs = count(*([(at, frame(packet)) for at, packet in wire.packets] for wire in (outside, inside)))
    assert (total.requests, total.responses, total.tcp.opened, total.capture.copies) == (100, 100, 2, 0)
    assert pairs == sorted([*TRUTH.items()] * 2)


def raw(wire):
    return [(at, frame(packet)) for at, packet in wire.packets]


@pytest.mark.parametrize("is_challenged", [False, True])
@pytest.mark.parametrize("payload", [b"", b"GET /stray HTTP/1.1\r\nHost: a.example\r\n\r\n"], ids=["bare", "data"])
@pytest.mark.parametrize("ahead", [3_000, 10_000_000, 2**31 + 5])
@pytest.mark.parametrize("flags", [SYN, SYN | ACK], ids=["syn", "syn-ack"])
@pytest.mark.parametrize("side", [0, 1])
def test_a_stray_syn_changes_nothing(count, side, flags, ahead, payload, is_challenged):
    """RFC 9293, 3.10.7.4: an open connection answers a SYN by an acknowledgement at most."""
    paths = list(TRUTH)
    wire = ask(Wire(), paths[:2])
    after = wire._next[side]
    wire.send(side, payload, flags, at=after + ahead)
    wire._next[side] = after
    if is_challenged:
        wire.send(1 - side, b"")
    total, pairs = count(raw(ask(wire, paths[2:]).close()))
    once(total)
    assert pairs == sorted(TRUTH.items())


@pytest.mark.parametrize("ahead", [70_000, 10_000_000, 2**31 + 5])
@pytest.mark.parametrize("side", [0, 1])
def test_a_blind_reset_ends_nothing(count, side, ahead):
    paths = list(TRUTH)
    wire = ask(Wire(), paths[:2])
    after = wire._next[side]
    wire.send(side, b"", RST, at=after + ahead)
    wire._next[side] = after
    total, pairs = count(raw(ask(wire, paths[2:]).close()))
    assert (total.requests, total.responses, total.tcp.opened) == (EXCHANGES, EXCHANGES, 1)
    assert pairs == sorted(TRUTH.items())


@pytest.mark.parametrize("is_closed", [False, True])
@pytest.mark.parametrize("ahead", [1, 64_000, 10_000_000, 2**31 + 5])
@pytest.mark.parametrize("pause", [1e-4, 2.0, 120.0])
def test_ports_used_again_are_another_connection(count, pause, ahead, is_closed):
    paths = list(TRUTH)
    first = ask(Wire(), paths[:25])
    ends = [(isn + at + ahead) % 2**32 for isn, at in zip(first._isn, first._next, strict=True)]
    if is_closed:
        first.close()
    second = ask(Wire(isn=ends, now=first.now + pause), paths[25:]).close()
    total, pairs = count(raw(first) + raw(second))
    assert pairs == sorted(TRUTH.items())
    assert (total.requests, total.responses, total.tcp.opened, total.capture.gaps) == (EXCHANGES, EXCHANGES, 2, 0)
    assert (total.capture.unanswered, total.capture.orphan_responses, total.capture.copies) == (0, 0, 0)


@pytest.mark.parametrize("took", [400, 3599])
def test_an_answer_after_minutes_is_paired_while_a_thousand_other_connections_pass(count, took):
    slow = Wire(now=1).send(0, b"GET /slow HTTP/1.1\r\nHost: slow.example\r\n\r\n")
    slow.now += took - 0.01
    ask(slow.send(1, ok(b"d", 203)), list(TRUTH)[:1]).close()
    others = []
    for number in range(1000):
        other = ask(Wire(5000 + number, now=1 + took * number / 1000), list(TRUTH)[number % EXCHANGES :][:1])
        others += raw(other if number % 2 else other.close())
    total, pairs = count(raw(slow) + others)
    assert ("/slow", 203) in pairs
    assert (total.requests, total.responses, total.capture.unanswered) == (1002, 1002, 0)
    (exchange,) = [exchange for exchange in total.exchanges if exchange.section == "/slow"]
    assert exchange.latency == pytest.approx(took, abs=1e-6)

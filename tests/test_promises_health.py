"""Health of connections in cases that are easily misjudged.

Each test forges its packets and reads them as a capture file; see `promises`.
"""

import pytest
from forge import ACK, SYN
from promises import GET, OK, Wire, get, promise


@promise(33)
def test_a_copy_of_what_is_acknowledged_is_no_duplicate_ack_and_no_round_trip(read):
    """The network duplicates a segment. Its receiver acknowledges both copies, and no data is outstanding."""
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
    """Karn's algorithm (RFC 6298, section 3): the answer may be to either of the two SYNs."""
    wire = Wire(handshake=False).send(0, b"", SYN, at=0)
    wire.now += 1
    wire.send(0, b"", SYN, at=0).send(1, b"", SYN | ACK, at=0).send(0, b"").say(GET, OK)
    tcp = read(wire).tcp
    assert tcp.opened == 1
    assert tcp.server_handshake_rtt.max is None or tcp.server_handshake_rtt.max < 0.02


def test_a_host_has_the_handshakes_and_retransmissions_of_its_connections(read):
    """A connection counts for the host of its first request. Until that request its host is unknown."""
    wires = [Wire(4000 + n).say(get(host="busy.example"), OK, get(host="second.example"), OK).close() for n in range(3)]
    slow = Wire(5000, handshake=False).send(0, b"", SYN, at=0)
    slow.now += 1
    slow.send(0, b"", SYN, at=0).send(1, b"", SYN | ACK, at=0).send(0, b"").say(get(host="slow.example"), OK)
    total = read(*wires, slow)
    busy, second, slow = (total.host(f"{name}.example").tcp for name in ("busy", "second", "slow"))
    assert [tcp.opened for tcp in (busy, second, slow)] == [3, 0, 1]
    assert [tcp.client_handshake_rtt.count for tcp in (busy, second, slow)] == [3, 0, 1]
    assert [tcp.server_handshake_rtt.count for tcp in (busy, second, slow)] == [3, 0, 0]
    assert [tcp.retransmitted for tcp in (busy, second, slow)] == [0, 0, 1]
    assert busy.segments + second.segments + slow.segments == total.tcp.segments
    told = total.to_dict()
    assert [interface["tcp"] for interface in told["interfaces"]] == [told["tcp"]]


def test_a_handshake_within_one_instant_took_no_time_and_was_seen(read):
    """Clocks of captures may be coarse."""
    wire = Wire().say(GET, OK)
    wire.packets[:3] = [(wire.packets[0][0], packet) for _, packet in wire.packets[:3]]
    total = read(wire)
    for tcp in (total.tcp, total.hosts[0].tcp):
        assert (tcp.client_handshake_rtt.zero_count, tcp.server_handshake_rtt.zero_count) == (1, 1)
        assert tcp.rtt == 0


def test_acknowledgements_again_while_data_is_outstanding_are_duplicates(read):
    """RFC 5681, section 2."""
    wire = Wire().send(0, GET).send(1, b"").send(1, b"").send(0, GET)
    wire._next[0] = 1 + len(GET)
    assert read(wire.send(1, b"").send(1, b"").send(1, b"")).tcp.duplicate_acks == 3


def test_a_retransmission_of_a_segment_that_was_not_captured_counts(read):
    """The sequence number of the acknowledgement behind it shows that data was sent before."""
    wire = Wire().send(0, GET)
    del wire.packets[-1]
    wire.send(0, b"")
    wire.now += 0.2
    tcp = read(wire.send(0, GET, at=1).send(1, OK)).tcp
    assert (tcp.retransmitted, tcp.out_of_order) == (1, 0)

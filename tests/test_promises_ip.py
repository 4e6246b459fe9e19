"""IP and below, clocks, copies: extension headers, fragments, links, tunnels.

Each test forges its packets and reads them as a capture file; see `promises`.
"""

import struct

import forge
import pytest
from forge import ACK
from netmon import Monitor, Snapshot
from promises import GET, LONG, OK, Wire, heads, ok, promise


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
    assert total.capture.undecoded == ({"encrypted esp": len(Wire().say(GET, OK).packets)} if final == 50 else {})


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


MACS = forge.MAC.hex()
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
TAGS = {
    "VN-Tag": "8926 00010002",
    "TTag": "8988 000000010000",
    "E-tag": "893f 000000010000",
    "Cisco metadata": "8909 010100010064",
    "Q-in-Q with 0x9200": "9200 0007 8100 0008",
    "Q-in-Q with 0x8200": "8200 0007 8100 0008",
    "a port tag, a VLAN, metadata": "8926 00010002 8100 0005 8909 010100010064",
    "metadata below two VLANs": "88a8 0005 8100 0006 8909 010100010064",
    "802.1ah with a frame": "88e7 00000007" + MACS,
    "a pseudowire": "8847 00010140 00000000" + MACS,
}
"""What switches put between the addresses of a frame and its type."""


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


def tagged(tag):
    return lambda ip: forge.MAC + bytes.fromhex(tag) + b"\x08\0" + ip


@promise(29)
@pytest.mark.parametrize("name", TAGS)
def test_tags_of_switches_are_peeled_off_in_any_order(read, name):
    total = read(Wire().say(GET, OK).close().wrapped(tagged(TAGS[name])), link="raw", number=1)
    assert (heads(total), total.tcp.closed, total.capture.undecoded) == ((1, 1), 1, {})


@promise(29)
@pytest.mark.parametrize(("count", "kinds"), [(16, {}), (17, {"too many tags": 7})])
def test_more_tags_than_sixteen_are_counted(read, count, kinds):
    wire = Wire().say(GET, OK)
    wire = wire.send(0, b"", ACK | forge.FIN).send(1, b"").wrapped(tagged("8926 00010002" * count))
    total = read(wire, link="raw", number=1)
    assert total.capture.undecoded == kinds
    assert total.capture.undecodable == sum(kinds.values())


@promise(29)
def test_what_is_not_decoded_is_counted_by_kind_and_what_is_ordinary_is_not(read):
    wire, other = Wire().say(GET, OK), Wire(4001).say(GET, OK)
    wire.wrapped(lambda ip: forge.MAC + b"\x08\0" + ip)
    ordinary = ["0806 0001", "88cc 0207", "0026 424203 0000", "8809 01", "86dd 6000 0000 0000 3b40" + "00" * 32]
    kinds = ["abcd 4500", "abcd 4500", "8864 1100 0003 0030 00fd"]
    frames = [forge.MAC + bytes.fromhex(text) for text in ordinary + kinds]
    other.packets = [(number / 100, frame) for number, frame in enumerate(frames)]
    total = read(wire, other, link="raw", number=1)
    assert heads(total) == (1, 1)
    assert total.capture.undecoded == {"ethertype 0xabcd": 2, "ppp protocol 0x00fd": 1}


@promise(29)
def test_unknown_kinds_beyond_a_number_are_counted_together(read):
    wire = Wire()
    wire.packets = [(at / 1000, forge.MAC + struct.pack("!H", 0xA000 + at) + b"E") for at in range(100)]
    kinds = read(wire, link="raw", number=1).capture.undecoded
    assert (len(kinds), sum(kinds.values()), kinds["~other"]) == (33, 100, 68)


def padded(packet):
    """A short packet with zeros up to the least length of a frame. The length field of the packet includes them."""
    zeros = bytes(46 - len(packet)) if len(packet) < 46 else b""
    return packet[:2] + struct.pack("!H", len(packet + zeros)) + packet[4:] + zeros


@promise(31)
@pytest.mark.parametrize("tag", ["", "81000005"])
@pytest.mark.parametrize("checksum", [b"", b"\xde\xad\xbe\xef"])
def test_padding_included_in_the_packet_length_is_not_taken_for_data(read, tag, checksum):
    wire = Wire().say(GET).send(1, b"").say(b"", OK).send(0, b"").say(GET).send(1, b"").say(b"", OK).close()
    total = read(wire.wrapped(lambda ip: tagged(tag)(padded(ip)) + checksum), link="raw", number=1)
    assert (heads(total), total.tcp.closed) == ((2, 2), 1)
    assert (total.capture.gaps, total.capture.parse_errors, total.tcp.retransmitted) == (0, 0, 0)


@promise(31)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 12])
def test_short_segments_of_zeros_are_data(read, size):
    """The sender's card pads as it should: behind the packet, whose length field does not include the padding."""
    body = bytes(60)
    wire = Wire().say(GET, ok(body)[:-60]).say(b"", body, size=size).say(GET, OK)
    total = read(wire.wrapped(lambda ip: tagged("")(ip).ljust(60, b"\0")), link="raw", number=1)
    assert heads(total) == (2, 2)
    assert (total.response_bytes, total.capture.gaps) == (len(ok(body) + OK), 0)


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
    "Teredo of a relay": ("2001:0::2", lambda ip: udp(50000, 60000, ip)),
    "VXLAN on the port of Linux": ("10.0.0.2", lambda ip: udp(50000, 8472, b"\x08\0\0\0\0\0\7\0" + ETHERNET + ip)),
    "ERSPAN I": ("10.0.0.2", lambda ip: outer(47, b"\0\0\x88\xbe" + ETHERNET + ip)),
    "ERSPAN II": (
        "10.0.0.2",
        lambda ip: outer(47, b"\x10\0\x88\xbe" + bytes(4) + b"\x10\5" + bytes(6) + ETHERNET + ip),
    ),
    "ERSPAN III": (
        "10.0.0.2",
        lambda ip: outer(47, b"\x10\0\x22\xeb" + bytes(4) + b"\x20\5" + bytes(9) + b"\1" + bytes(8) + ETHERNET + ip),
    ),
    "GRE in UDP": ("10.0.0.2", lambda ip: udp(50000, 4754, b"\0\0\x08\0" + ip)),
    "GTP-U": ("10.0.0.2", lambda ip: udp(2152, 2152, b"\x30\xff" + bytes(6) + ip)),
    "GTP-U with an extension header": (
        "10.0.0.2",
        lambda ip: udp(2152, 2152, b"\x36\xff" + bytes(9) + b"\x85\1\0\0\0" + ip),
    ),
    "AYIYA": ("fd00::2", lambda ip: udp(50000, 5072, b"\x42\x52\1\x29" + bytes(4 + 36) + ip)),
    "Aruba": ("10.0.0.2", lambda ip: outer(47, b"\0\0\x82\0" + b"\x08\2\0\0" + bytes(20) + SNAP + ip)),
    "L2TP": ("10.0.0.2", lambda ip: udp(1701, 1701, b"\0\2\0\1\0\7\0\x21" + ip)),
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


@promise(28, 29)
@pytest.mark.parametrize("server", ["10.0.0.2", "fd00::2"])
def test_fragments_in_tunnels_are_put_together_also_when_the_tunnels_are_in_fragments(read, server):
    wire = in_fragments(Wire(server=server).say(GET * 5, OK * 5).close(), order=lambda parts: parts[::-1])
    wire.wrapped(lambda ip: outer(47, b"\0\0\x08\0" + ip) if server == "10.0.0.2" else outer(41, ip))
    assert heads(read(wire, decode_tunnels=True)) == (5, 5)
    total = read(in_fragments(wire, identify=lambda number: 1000 + number), decode_tunnels=True)
    assert (heads(total), total.capture.undecoded) == ((5, 5), {})


@promise(29)
@pytest.mark.parametrize(("depth", "kinds"), [(4, {}), (5, {"too many tunnels": 5})])
def test_more_tunnels_than_four_are_counted(read, depth, kinds):
    wire = Wire().say(GET, OK)
    for _ in range(depth):
        wire.wrapped(lambda ip: outer(4, ip))
    total = read(wire, decode_tunnels=True)
    assert (heads(total) == (1, 1), total.capture.undecoded) == (not kinds, kinds)


@promise(29)
@pytest.mark.parametrize("name", TUNNELS)
def test_tunnels_are_counted_when_not_looked_into(read, name):
    server, wrap = TUNNELS[name]
    wire = Wire(server=server).say(GET, OK).close().wrapped(wrap)
    total = read(wire)
    assert heads(total) == (0, 0)
    assert total.capture.encapsulated == len(wire.packets)
    assert [kind.split()[0] for kind in total.capture.undecoded] == ["tunnel"]
    assert sum(total.capture.undecoded.values()) == len(wire.packets)
    assert total.capture.undecodable == 0


@promise(30)
def test_wrong_checksums_change_nothing(read):
    wire = Wire().say(GET, OK).close()  # the checksums of TCP are wrong in every test here
    wire.wrapped(lambda packet: packet[:10] + b"\xbe\xef" + packet[12:])
    total = read(wire)
    assert (heads(total), total.capture.undecodable) == ((1, 1), 0)


@promise(31)
@pytest.mark.parametrize("server", ["10.0.0.2", "fd00::2"])
def test_packets_without_a_length_are_as_long_as_was_captured(read, server):
    """Packets of segmentation offload and BIG TCP are longer than the length field can say. It holds 0."""
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


@promise(37)
@pytest.mark.parametrize("isn", [(1200, 5100), (2**31, 2**31), (900, 4000)])
def test_ports_used_again_without_a_fin_are_another_connection(read, isn):
    total = read(Wire().say(GET, OK, GET), Wire(isn=isn, now=1).say(GET, OK))
    assert (heads(total), total.tcp.opened) == ((3, 2), 2)
    assert (total.capture.unanswered, total.capture.gaps) == (1, 0)

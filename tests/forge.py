"""Makes captures of HTTP conversations: just enough IP and TCP, with any link type, as pcap or pcapng.

A conversation holds (time, IP packet) pairs. `frames` adds the header of the link; `pcap` and `pcapng` return the bytes
of a file. Checksums are zero. Times are seconds, exact to a microsecond in every format.
"""

import ipaddress
import os
import socket
import struct
import threading
from contextlib import contextmanager

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
MAC = b"\x02\0\0\0\0\1" + b"\x02\0\0\0\0\2"


class Conversation:
    """One connection, which begins with a handshake. `ask` adds a request and its response. Addresses may be IPv6."""

    def __init__(self, port, at, server="10.0.0.2", client=None, server_port=80):
        self.packets = []
        client = client or ("fd00::1" if ":" in server else "10.0.0.1")
        self._ends = [(client, port, 1000), (server, server_port, 5000)]
        self.send(at, 0, SYN)
        self.send(at, 1, SYN | ACK)
        self.send(at, 0, ACK)

    def ask(self, at, method, host, path, status, *, took=0.01, body=b""):
        self.send(at, 0, ACK, f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        self.send(at + took, 1, ACK, head + body)
        return self

    def close(self, at):
        self.send(at, 0, ACK | FIN)
        self.send(at, 1, ACK | FIN)
        self.send(at, 0, ACK)
        return self

    def send(self, at, sender, flags, payload=b""):
        """Adds a segment sent by the client (0) or the server (1), with the right sequence numbers."""
        (source, source_port, seq), (target, target_port, ack) = self._ends[sender], self._ends[1 - sender]
        acked = ack if flags & ACK else 0
        ports = struct.pack("!HH", source_port, target_port)
        tcp = ports + struct.pack("!IIBBHHH", seq, acked, 5 << 4, flags, 65535, 0, 0) + payload
        self.packets.append((at, ip(source, target, tcp)))
        moved = len(payload) + bool(flags & (SYN | FIN))
        self._ends[sender] = (source, source_port, (seq + moved) % 2**32)


def crowd(count):
    """Many connections without handshakes: each has a request, and all responses come after the last request."""
    datagram = struct.Struct("!BBHHHBBHIIHHIIBBHHH")
    many = Conversation(1, 0)
    many.packets = []
    for at in range(2 * count):
        asks, number = at < count, at % count
        client, port = 0x0A000000 + number // 50_000, 1024 + number % 50_000
        said = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % (number % 7) if asks else b"HTTP/1.1 204 X\r\n\r\n"
        ends = (client, 0xC0000201, port, 80, 1, 1) if asks else (0xC0000201, client, 80, port, 1, 29)
        top = datagram.pack(69, 0, 40 + len(said), 0, 0, 64, 6, 0, *ends, 80, ACK, 65535, 0, 0)
        many.packets.append((1000 + 20e-6 * at, top + said))
    return many


def ip(source, target, tcp):
    addresses = ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed
    if len(addresses) == 32:
        return struct.pack("!IHBB", 6 << 28, len(tcp), socket.IPPROTO_TCP, 64) + addresses + tcp
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, socket.IPPROTO_TCP, 0) + addresses + tcp


def _ethertype(packet):
    return b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"


def _family(packet, order):
    return struct.pack(order + "I", 2 if packet[0] >> 4 == 4 else 10)


LINKS = {
    "ethernet": (1, lambda packet: MAC + _ethertype(packet) + packet),
    "vlan": (1, lambda packet: MAC + b"\x81\x00\x00\x07" + _ethertype(packet) + packet),
    "qinq": (1, lambda packet: MAC + b"\x88\xa8\x00\x07\x81\x00\x00\x08" + _ethertype(packet) + packet),
    "cooked": (113, lambda packet: struct.pack("!HHH8s", 0, 1, 6, MAC) + _ethertype(packet) + packet),
    "cooked v2": (276, lambda packet: _ethertype(packet) + struct.pack("!HIHBB8s", 0, 1, 1, 0, 6, MAC) + packet),
    "null": (0, lambda packet: _family(packet, "<") + packet),
    "null, other order": (0, lambda packet: _family(packet, ">") + packet),
    "loop": (108, lambda packet: _family(packet, ">") + packet),
    "raw": (101, lambda packet: packet),
}
"""Name of a link: its link type number, and the function that puts its header before an IP packet."""


def frames(*conversations, link="ethernet"):
    """(time, frame) of all packets of all conversations, in order of time."""
    framed = LINKS[link][1]
    packets = sorted((packet for each in conversations for packet in each.packets), key=lambda packet: packet[0])
    return [(at, framed(packet)) for at, packet in packets]


def pcap(*conversations, link="ethernet", order="<", nano=False, number=None, snaplen=262_144):
    """The bytes of a pcap file with all packets in order of time; `number` overrides the link type number."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    link_type = LINKS[link][0] if number is None else number
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link_type)]
    for at, frame in frames(*conversations, link=link):
        seconds, micros = divmod(round(at * 1e6), 1_000_000)
        kept = frame[:snaplen]
        head = struct.pack(order + "IIII", seconds, micros * (1000 if nano else 1), len(kept), len(frame))
        parts.append(head + kept)
    return b"".join(parts)


def pcapng(*conversations, link="ethernet", order="<", resolution=6):
    return pcapng_of([(frames(*conversations, link=link), LINKS[link][0], {"resolution": resolution})], order)


def pcapng_of(interfaces, order="<"):
    """The bytes of a pcapng file of several interfaces, each (frames, link type, {resolution, offset, name}).

    Packets are in order of time.
    """
    parts = [_block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))]
    packets = []
    for number, (rows, link_type, clock) in enumerate(interfaces):
        options = _option(order, 9, bytes([clock.get("resolution", 6)]))
        if "offset" in clock:
            options += _option(order, 14, struct.pack(order + "q", clock["offset"]))
        if "name" in clock:
            options += _option(order, 2, clock["name"].encode())
        parts.append(_block(order, 1, struct.pack(order + "HHI", link_type, 0, 0) + options + _option(order, 0, b"")))
        packets += [(at, number, frame, clock) for at, frame in rows]
    for at, number, frame, clock in sorted(packets, key=lambda packet: packet[0]):
        micros = round(at * 1e6) - clock.get("offset", 0) * 1_000_000
        ticks = micros * 10 ** clock.get("resolution", 6) // 1_000_000
        head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
        parts.append(_block(order, 6, head + _padded(frame)))
    return b"".join(parts)


@contextmanager
def through_pipe(path, data, size):
    """A named pipe at `path`; a thread writes `data` into it in pieces of `size` bytes."""

    def write():
        with path.open("wb", buffering=0) as pipe:
            for at in range(0, len(data), size):
                pipe.write(data[at : at + size])

    if not path.exists():
        os.mkfifo(path)
    writer = threading.Thread(target=write)
    writer.start()
    yield path
    writer.join()


def _block(order, kind, body):
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def _option(order, code, value):
    return struct.pack(order + "HH", code, len(value)) + _padded(value)


def _padded(data):
    return data + bytes(-len(data) % 4)

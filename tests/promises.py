"""Shared by the tests of what netmon promises about traffic: makes conversations segment by segment.

`promise` ties a test to a row of the table in `docs/accuracy.md`; its argument is the condition of that row.
"""

import socket
import struct
from collections import defaultdict
from pathlib import Path

import forge
from forge import ACK, FIN, SYN

URG = 0x20
ROOT = Path(__file__).parents[1]
ROWS = defaultdict(list)
"""Condition of a row of the table -> names of the tests that are marked with it."""

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
    """A connection made segment by segment, 10 ms apart. `at` is a sequence number relative to the SYN, which has 0."""

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
        """Sends the turns in segments of `size` bytes: the first by the client, the next by the server, and so on."""
        for turn, text in enumerate(turns):
            for start in range(0, len(text), size):
                self.send(turn % 2, text[start : start + size])
        return self

    def lose(self, *numbers):
        """Removes the packets at these positions, as if they were not captured."""
        self.packets = [packet for number, packet in enumerate(self.packets) if number not in numbers]
        return self

    def only(self, side):
        """Keeps only the packets that one side sent."""
        source = socket.inet_aton(self._ends[side][0])
        self.packets = [(now, packet) for now, packet in self.packets if packet[12:16] == source]
        return self

    def close(self):
        return self.send(0, b"", ACK | FIN).send(1, b"", ACK | FIN).send(0, b"")

    def wrapped(self, wrap):
        self.packets = [(now, wrap(packet)) for now, packet in self.packets]
        return self


def heads(total):
    return total.requests, total.responses


def resident():
    """Bytes of resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def crowd(count, payload, flags=ACK, every=1e-5):
    """One packet from each of `count` clients, `every` seconds apart."""
    wire = Wire(handshake=False)
    wire.send(0, payload, flags, at=0)
    template = bytearray(wire.packets[0][1])
    for number in range(count):
        template[12:16] = struct.pack("!I", 0x0B000000 + number)
        wire.packets.append((number * every, bytes(template)))
    del wire.packets[0]
    return wire


LONG = [get(f"/{n}", "a.example", "X: " + "y" * 300) for n in range(20)], [ok(b"z" * 700) for _ in range(20)]
"""Twenty requests of about 350 bytes, and twenty responses of about 740."""

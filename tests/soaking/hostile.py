"""Traffic that means ill: forged frames, floods, invented names, broken HTTP, and connections that misbehave.

None of it names a host of the ordinary clients, so that theirs must be counted as if there were no enemy.
"""

import random
import socket
import struct
from contextlib import closing, suppress
from itertools import cycle

import forge

from soaking.clients import Periodic
from soaking.site import FRONT

TURN = 0.25
"""Seconds between two turns."""
VICTIM = "198.51.100.7"
"""An address that no machine has, so nobody answers what is forged."""


def _address(number):
    return f"10.{128 + number // 65536 % 64}.{number // 256 % 256}.{number % 256}"


def _segment(number, flags, payload=b"", seq=1):
    ports = struct.pack("!HH", 1024 + number % 60_000, 80)
    tcp = ports + struct.pack("!IIBBHHH", seq, 1, 5 << 4, flags, 65_535, 0, 0) + payload
    return forge.MAC + b"\x08\x00" + forge.ip(_address(number), VICTIM, tcp)


ANSWERED = 500
"""Invented hosts that answer. Each answer has a latency of its own, and the histograms of a host gain buckets for hours
while new latencies come, up to the 4 million of all. So few hosts have latencies: their histograms are soon full.
"""


def _invented(number, _chance):
    """A request to a host that nobody else names. It is not answered, and its connection begins in the middle."""
    head = f"GET /{number:x}/x HTTP/1.1\r\nHost: h{number:x}.invalid\r\n\r\n".encode()
    return [_segment(number, forge.ACK, head)]


def _answered(number, _chance):
    """A whole conversation with one of few invented hosts."""
    host, client = number % ANSWERED, _address(number % ANSWERED)
    talk = forge.Conversation(1024 + number % 60_000, 0, server=VICTIM, client=client)
    talk.ask(0, "GET", f"a{host:x}.invalid", f"/{host:x}/x", 404).close(0)
    return [frame for _, frame in forge.frames(talk)]


def _flood(number, _chance):
    return [_segment(number * 8 + each, forge.SYN) for each in range(8)]


def _garbage(number, chance):
    return [forge.MAC + b"\x08\x00" + chance.randbytes(chance.randrange(1, 200)), _segment(number, 0x3F, b"\xff" * 40)]


def _mutated(number, chance):
    """A conversation with some bytes changed, from the header of the link on."""
    frames = [bytearray(frame) for frame in _answered(number, chance)]
    for frame in frames:
        for _ in range(3):
            frame[chance.randrange(12, len(frame))] = chance.randrange(256)
    return [bytes(frame) for frame in frames]


HEADS = (
    b"GET /" + b"a" * 1200,
    b"POST / HTTP/1.1\r\nHost: x.invalid\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffff\r\n",
    b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % each for each in range(100)),
    b"GET /\x1b]0;x\x07\r\n\r\n HTTP/1.1\r\nHost: \x00\xff.invalid\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" * 20,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 900,
)


def _broken(number, chance):
    """A connection that says one of the broken heads, the end of which never comes, and leaves a hole."""
    head = chance.choice(HEADS)
    return [
        _segment(number, forge.SYN, seq=0),
        _segment(number, forge.ACK, head),
        _segment(number, forge.ACK, head, seq=1 + 2 * len(head)),
    ]


KINDS = (_invented, _invented, _answered, _flood, _garbage, _mutated, _broken)
DIFFERENT = 8000 * len(KINDS)
"""Attacks before the first one comes again. They name more hosts than netmon keeps in its totals."""
OPENING, FASTER = 3 * DIFFERENT, 3
"""So many attacks come at so many times the rate, to fill tables and buffers soon. After that memory may not grow."""


def frames():
    """Yields lists of Ethernet frames without end, the same ones each time. No frame exceeds the usual MTU."""
    for number in cycle(range(DIFFERENT)):
        yield [frame[:1514] for frame in KINDS[number % len(KINDS)](number, random.Random(number))]


class Forger(Periodic):
    """Sends about `rate` forged frames per second, more at first. `sent` counts them."""

    def __init__(self, site, rate):
        super().__init__(TURN)
        self.sent, self._attacks, self._site, self._each, self._frames = 0, 0, site, rate * TURN, frames()

    def turn(self):
        batch, wanted = [], self._each * (FASTER if self._attacks < OPENING else 1)
        while len(batch) < wanted:
            batch += next(self._frames)
            self._attacks += 1
        self._site.enemy.play("h0", batch)
        self.sent += len(batch)


SAYINGS = (
    b"",
    b"GET / HTTP/1.1\r\nHost: half.invalid\r\n",
    b"GET / HTTP/1.1\r\nHost: whole.invalid\r\n\r\n",
    b"GET /x HTTP/1.1\r\nHost: a.invalid\r\nHost: b.invalid\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: long.invalid\r\nX: " + b"x" * 60_000 + b"\r\n\r\n",
    b"POST /up/x HTTP/1.1\r\nHost: chunk.invalid\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"POST /up/x HTTP/1.1\r\nHost: short.invalid\r\nContent-Length: 1000\r\n\r\nshort",
    b"\x00\x01\x02\x03" * 100,
    b"GET / HTTP/1.1\r\nHost: many.invalid\r\n\r\n" * 50,
)
OPEN = 50
"""Connections that are held open at a time, most of them waiting for the rest of a request."""


class Misbehaving(Periodic):
    """Real connections to nginx that ask wrongly, stay silent, or are reset in the middle. `made` counts them."""

    def __init__(self, site):
        super().__init__(TURN)
        self.made, self._site, self._held, self._chance = 0, site, [], random.Random(3)

    def turn(self):
        with self._site.enemy.inside():
            line = socket.create_connection((FRONT, 80), timeout=10)
        self.made += 1
        self._held.append(line)
        with suppress(OSError):
            line.sendall(self._chance.choice(SAYINGS))
        if len(self._held) > OPEN or self._chance.random() < 0.5:
            self._leave(self._held.pop(0))

    def _leave(self, line):
        with closing(line):
            if self._chance.random() < 0.5:  # a reset instead of an end
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def stop(self):
        super().stop()
        while self._held:
            self._leave(self._held.pop())

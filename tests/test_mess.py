"""Captures with the faults of real ones: packets missing, in other segments, late, from two clocks, in two files.

Each exchange has its own section and another status than its neighbours, so every pair reported can be checked. Random
choices come from a fixed seed.
"""

import random
import struct
from functools import cache
from itertools import groupby
from typing import NamedTuple

import forge
import pytest
from netmon import Monitor, Snapshot
from promises import Wire, ok
from test_promises_ip import fragmented

WITHOUT_BODY = (204, 304)
STATUSES = (200, 201, 302, 404, 500, 204, 206, 400, 503, 301, 304, 410, 418, 502, 202, 403, 307)
"""The statuses of successive exchanges."""


class Row(NamedTuple):
    """A packet that `side` sent. `section` names its exchange; None for handshakes and bare acknowledgements."""

    at: float
    packet: bytes
    side: int
    section: str | None


class Quick(Wire):
    """A connection with packets 0.1 ms apart. `rows` has each packet with its exchange."""

    def __init__(self, number, chance, server="10.0.0.2"):
        self.rows, self.section, self.pace = [], None, 1e-4
        isn = chance.getrandbits(32), chance.getrandbits(32)
        super().__init__(4000 + number, isn=isn, server=server, now=chance.uniform(1, 1.01))

    def send(self, side, payload, flags=forge.ACK, **how):
        began = self.now
        super().send(side, payload, flags, **how)
        self.now = began + self.pace
        self.rows.append(Row(began, self.packets[-1][1], side, self.section if payload else None))
        return self

    def talk(self, exchanges, chance, cut):
        for section, _, request, response in exchanges:
            self.section = section
            for side, text, wait in (
                (0, request, chance.uniform(3e-3, 8e-3)),
                (1, response, chance.uniform(2e-4, 3e-3)),
            ):
                self.now += wait
                start = 0
                while start < len(text):
                    end = start + cut(chance)
                    self.send(side, text[start:end])
                    start = end
            if chance.random() < 0.5:
                self.send(0, b"")
        self.section = None
        return self.close()


def exchanges(number, count, chance):
    """(section, status, request, response) of each exchange of a connection."""
    for turn in range(count):
        section, status = f"/{number}x{turn}", STATUSES[(turn + number) % len(STATUSES)]
        method = chance.choice(("GET", "GET", "GET", "HEAD", "POST"))
        upload = b"u" * chance.randrange(6000) if method == "POST" else b""
        fields = f"Content-Length: {len(upload)}\r\n" if method == "POST" else ""
        request = f"{method} {section} HTTP/1.1\r\nHost: {number}.{turn // 100}\r\n{fields}\r\n".encode() + upload
        body = b"d" * chance.randrange(1, 4000)
        head = f"HTTP/1.1 {status} X\r\n"
        if status in WITHOUT_BODY:
            response = f"{head}\r\n".encode()
        elif method == "HEAD":
            response = f"{head}Content-Length: {len(body)}\r\n\r\n".encode()
        elif chance.random() < 0.3:
            response = f"{head}Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
        else:
            response = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        yield section, status, request, response


@cache
def traffic(connections=5, count=200, *, cut=lambda _chance: 1400, server="10.0.0.2"):
    """Connections at the same time: all packets in order, and the status of each section."""
    chance, rows, truth = random.Random(0), [], {}
    for number in range(connections):
        said = list(exchanges(number, count, chance))
        truth |= {section: status for section, status, *_ in said}
        rows += Quick(number, chance, server).talk(said, chance, cut).rows
    return sorted(rows), truth


def recorded(rows):
    """The bytes of a capture file of rows (time, packet, ...), in the order given."""
    magic = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 101)
    parts = [
        struct.pack("<IIII", *divmod(round(at * 1e9), 10**9), len(packet), len(packet)) + packet
        for at, packet, *_ in rows
    ]
    return b"".join([magic, *parts])


@pytest.fixture
def pairs(tmp_path):
    """A function that reads files: (section -> status, or None without a response; the merge of all snapshots).

    It checks that each exchange found was sent, and that none has the response of another.
    """

    def pairs(*files, truth, workers=1):
        paths = []
        for number, rows in enumerate(files):
            paths.append(tmp_path / f"{number}.pcap")
            paths[-1].write_bytes(recorded(rows))
        total = Snapshot.merge(Monitor(read=paths, exchanges=True, workers=workers).snapshots())
        found = {exchange.section: exchange.status for exchange in total.exchanges}
        assert len(found) == len(total.exchanges)
        assert {section: status for section, status in found.items() if status not in (None, truth.get(section))} == {}
        asked = [each for host in total.hosts for each in host.sections if each.requests]
        assert {each.path for each in asked} <= truth.keys()
        assert all(each.requests == 1 and each.responses <= 1 for each in asked)
        statuses = list(truth.values())
        assert all(count <= statuses.count(status) for status, count in total.statuses.items())
        return found, total

    return pairs


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("share", [0.001, 0.01, 0.05, 0.2])
def test_a_missing_packet_costs_its_own_exchange_and_no_other(pairs, share, workers):
    """An exchange whose packets are all there is rarely lost, and only if a neighbour lacks a packet."""
    rows, truth = traffic()
    for seed in range(3):
        chance = random.Random(seed)
        kept = [row for row in rows if chance.random() >= share]
        touched = {row.section for row in set(rows) - set(kept)} - {None}
        found, _ = pairs(kept, truth=truth, workers=workers)
        lost = {section for section, status in truth.items() if found.get(section) != status} - touched
        assert lost <= {beside(section, way) for section in touched for way in (-1, 1)}
        assert len(lost) <= len(truth.keys() - touched) / 100


def beside(section, way):
    number, turn = section[1:].split("x")
    return f"/{number}x{int(turn) + way}"


CUTS = {
    "one byte": (lambda _chance: 1, 12),
    "some bytes": (lambda chance: chance.randint(1, 90), 60),
    "up to a segment": (lambda chance: chance.randint(1, 1400), 200),
}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", CUTS)
def test_segments_of_any_size_give_the_same_pairs(pairs, name, workers):
    cut, count = CUTS[name]
    rows, truth = traffic(3, count, cut=cut)
    assert pairs(rows, truth=truth, workers=workers)[0] == truth


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("server", ["10.0.0.2", "fd00::2"])
def test_fragments_in_any_order_give_the_same_pairs(pairs, server, workers):
    rows, truth = traffic(3, 60, server=server)
    chance, pieces = random.Random(1), []
    for number, (at, packet, *_) in enumerate(rows):
        parts = fragmented(packet, number + 1, size=400)
        chance.shuffle(parts)
        pieces += [(at + place * 1e-6, part) for place, part in enumerate(parts)]
    assert pairs(sorted(pieces), truth=truth, workers=workers)[0] == truth


def late(rows, chance):
    """One packet in twenty comes up to 20 places later than it should."""
    keys = [place + (chance.uniform(1, 20) if chance.random() < 0.05 else 0) for place in range(len(rows))]
    return [rows[place] for place in sorted(range(len(rows)), key=keys.__getitem__)]


def stamped_as_recorded(rows):
    return [row._replace(at=at) for at, row in zip(sorted(row.at for row in rows), rows, strict=True)]


def by_two_clocks(rows, apart):
    """The server's packets are stamped by a clock that is `apart` seconds ahead."""
    return sorted(row._replace(at=row.at + apart * row.side) for row in rows)


ORDERS = {
    "late, stamped as recorded": lambda rows, chance: stamped_as_recorded(late(rows, chance)),
    "late, stamped as sent": late,
    "server 2 ms early": lambda rows, _chance: by_two_clocks(rows, -0.002),
    "server 2 ms late": lambda rows, _chance: by_two_clocks(rows, 0.002),
    "server 2 ms early, and late": lambda rows, chance: stamped_as_recorded(late(by_two_clocks(rows, -0.002), chance)),
}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("name", ORDERS)
def test_late_packets_and_two_clocks_lose_one_pair_in_a_thousand_at_most(pairs, name, workers):
    rows, truth = traffic()
    for seed in range(3):
        found, _ = pairs(ORDERS[name](rows, random.Random(seed)), truth=truth, workers=workers)
        assert sum(found.get(section) != status for section, status in truth.items()) <= len(truth) / 1000


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_file_for_each_direction_of_a_tap_gives_the_pairs_of_one_file(pairs, order, workers):
    chance = random.Random(5)
    wire, truth = Quick(0, chance), {}
    for turn in range(150):
        section, status = f"/0x{turn}", STATUSES[turn % len(STATUSES)]
        truth[section] = status
        wire.now = 2 + turn * 0.005
        wire.send(0, f"GET {section} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode())
        wire.now += 0.002
        wire.send(1, ok(b"" if status in WITHOUT_BODY else b"d" * 50, status))
    sides = {
        side: list(rows) for side, rows in groupby(sorted(wire.rows, key=lambda row: row.side), lambda row: row.side)
    }
    found, total = pairs(*(sides[side] for side in order), truth=truth, workers=workers)
    assert found == truth
    assert (total.capture.unanswered, total.capture.orphan_responses, total.tcp.opened) == (0, 0, 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_body_whose_head_is_missing_makes_no_request(pairs, workers):
    wire, truth = Quick(0, random.Random(6)), {}
    fake = b"GET /fake HTTP/1.1\r\nHost: a.example\r\n\r\n"
    for turn in range(60):
        wire.section, status = f"/0x{turn}", 400 + turn
        truth[wire.section] = status
        head = f"POST {wire.section} HTTP/1.1\r\nHost: a.example\r\nContent-Length: {len(fake) + 2000}\r\n\r\n".encode()
        wire.send(0, head).send(0, fake).send(0, b"u" * 1000).send(0, b"u" * 1000).send(1, ok(b"d", status))
        wire.now += 0.01
    gone = {f"/0x{turn}" for turn in range(2, 60, 3)}
    kept = [row for row in wire.rows if row.section not in gone or b"POST" not in row.packet]
    found, total = pairs(kept, truth=truth, workers=workers)
    assert found == {section: status for section, status in truth.items() if section not in gone}
    assert total.capture.orphan_responses == len(gone)

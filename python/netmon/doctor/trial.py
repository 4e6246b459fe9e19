"""A capture made in memory with known counts, read by the real core, with a rule that must fire."""

from __future__ import annotations

import struct

from netmon._core import Snapshot
from netmon.alerts import AlertPolicy, Rule
from netmon.doctor.facts import Trial
from netmon.monitor import Monitor

BEGAN = 1_700_000_000
HOST = "doctor.invalid"
EXCHANGES = (("/fast", 200, 10), ("/slow", 503, 200))
"""Path, status and latency in milliseconds of each exchange of the conversation."""
EXPECTED = Trial(2, ((200, 1), (503, 1)), (10, 200), ("fired",))
RULE = Rule(name="trial", metric="errors", above=0, span=10)

PCAP = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 101)
"""The header of a pcap file of IP packets."""
SYN, ACK, FIN = 0x02, 0x10, 0x01


class _Wire:
    """One connection: `send` adds a packet of the client (0) or the server (1), `at` in milliseconds."""

    def __init__(self) -> None:
        self.records = [PCAP]
        self._ends = [(b"\x0a\0\0\1", 40_000, 1000), (b"\x0a\0\0\2", 80, 5000)]

    def send(self, at: int, side: int, flags: int, text: str = "") -> None:
        (source, port, seq), (target, to, ack) = self._ends[side], self._ends[1 - side]
        data = text.encode()
        acked = ack if flags & ACK else 0
        tcp = struct.pack("!HHIIBBHHH", port, to, seq, acked, 5 << 4, flags, 65_535, 0, 0) + data
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, source, target) + tcp
        self.records.append(struct.pack("<IIII", BEGAN + at // 1000, at % 1000 * 1000, len(ip), len(ip)) + ip)
        self._ends[side] = (source, port, seq + len(data) + bool(flags & (SYN | FIN)))


def capture() -> bytes:
    """The bytes of the capture file."""
    wire = _Wire()
    for side, flags in ((0, SYN), (1, SYN | ACK), (0, ACK)):
        wire.send(0, side, flags)
    at = 100
    for path, status, latency in EXCHANGES:
        wire.send(at, 0, ACK, f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        wire.send(at + latency, 1, ACK, f"HTTP/1.1 {status} X\r\nContent-Length: 2\r\n\r\nok")
        at += latency + 100
    for side, flags in ((0, ACK | FIN), (1, ACK | FIN), (0, ACK)):
        wire.send(at, side, flags)
    return b"".join(wire.records)


def trial() -> Trial:
    """What netmon counts in it."""
    alerts: list[str] = []
    snapshots: list[Snapshot] = []
    with Monitor(read=capture(), policy=AlertPolicy([RULE])) as monitor:
        for snapshot in monitor.snapshots():
            snapshots.append(snapshot)
            alerts += [alert.state for alert in monitor.alerts]
    total = Snapshot.merge(snapshots)
    low, high = (round(1000 * (each or 0)) for each in (total.latency.min, total.latency.max))
    statuses = tuple(sorted(total.statuses.items())) if total.host(HOST) else ()
    return Trial(total.requests, statuses, (low, high), tuple(alerts))

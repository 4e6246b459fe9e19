"""Broken captures and settings at their least, through the command: counts stay right, and what is missing is told."""

import json
import random
import re
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import forge
import pytest
import weather
from netmon import Snapshot
from patience import PATIENCE
from test_promises_files import NOON, enhanced, interface, section
from test_promises_hostile import OBEYED

pytestmark = pytest.mark.timeout(300)  # for many runs on a busy machine

NETMON = [sys.executable, "-m", "netmon", "--no-config"]
FRAMES = [
    (NOON + at, frame) for at, frame in forge.frames(forge.Conversation(4000, 0).ask(0.1, "GET", "a.example", "/", 200))
]


def run(*words, **how):
    command = [*NETMON, *map(str, words)]
    return subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False, **how)


# Broken captures


def record(captured, wire, data, at=NOON):
    return struct.pack("<IIII", int(at), 0, captured, wire) + data


def pcap(*records, link=1, snaplen=262_144):
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snaplen, link) + b"".join(records)


GOOD = [record(len(frame), len(frame), frame, at) for at, frame in FRAMES]
SIZE = len(FRAMES[3][1])

BROKEN = {
    "a record that is cut": (pcap(*GOOD)[:-9], 0, 4, "ends in the middle of a packet"),
    "a header of a record that is cut": (pcap(*GOOD[:4], GOOD[4][:9]), 0, 4, "ends in the middle of a packet"),
    "more captured than there was": (pcap(*GOOD[:3], record(SIZE, 10, FRAMES[3][1]), GOOD[4]), 0, 5, ""),
    "a huge record": (pcap(*GOOD[:4], record(0x7FFFFFFF, 0x7FFFFFFF, b"x" * 100)), 0, 4, "damaged from there on"),
    "a record of all ones": (pcap(*GOOD[:4], b"\xff" * 100), 0, 4, "damaged from there on"),
    "zeros": (pcap(*GOOD) + bytes(1000), 0, 5, "damaged from there on"),
    "empty packets": (pcap(*GOOD, *[record(0, 0, b"")] * 3), 0, 8, "not decoded"),
    "a snapshot length of 0": (pcap(*GOOD, snaplen=0), 0, 5, ""),
    "a snapshot length of all ones": (pcap(*GOOD, snaplen=0xFFFFFFFF), 0, 5, ""),
    "an unknown link type": (pcap(*GOOD, link=4242), 4, None, "link type"),
    "a link type of another kind": (pcap(*GOOD, link=147), 4, None, "link type"),
    "a header alone": (pcap(), 0, None, ""),
    "half a header": (pcap()[:20], 4, None, "ends in the middle"),
    "nothing": (b"", 4, None, "is empty"),
    "a text": (b"#!/bin/sh\necho pwned\n" * 10, 4, None, "is not a capture file"),
    "several link types": (
        section() + interface() + interface(link=147) + interface(link=4242)
        + b"".join(enhanced(0, *frame) for frame in FRAMES)
        + b"".join(enhanced(at, NOON, b"x" * 60) for at in (1, 2, 9)),
        0, None, "could not be read|link type",
    ),
    "a block of no length": (
        section() + interface() + enhanced(0, *FRAMES[0]) + struct.pack("<III", 6, 0, 0) * 9,
        0, 1, "impossible length",
    ),
    "a block that ends otherwise": (
        section() + interface() + enhanced(0, *FRAMES[0])[:-4] + b"\1\2\3\4",
        0, None, "lengths differ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("name", BROKEN)
def test_of_a_broken_capture_what_can_be_read_is_counted_and_the_rest_is_told(tmp_path, name, workers):
    data, code, packets, words = BROKEN[name]
    path = tmp_path / "broken"
    path.write_bytes(data)
    done = run("-r", path, "--json", "--workers", workers)
    said = done.stderr.decode()
    assert (done.returncode, "Traceback" in said, "internal error" in said) == (code, False, False), said
    assert re.search(words, said), said
    if packets is not None:
        capture = json.loads(done.stdout)["capture"]
        assert capture["received"] == packets
        assert ("none lost" in said) == (not words), said


def mutated(data, chance):
    """A capture with some bytes replaced, removed, repeated, or moved."""
    made = bytearray(data)
    for _ in range(chance.randrange(1, 12)):
        at, size = chance.randrange(len(made)), chance.randrange(1, 40)
        kind = chance.randrange(5)
        if kind == 0:
            made[at] = chance.randrange(256)
        elif kind == 1:
            made[at : at + 4] = struct.pack("<I", chance.choice((0, 1, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)))
        elif kind == 2:
            del made[at : at + size]
        elif kind == 3:
            made[at:at] = made[at : at + size]
        else:
            made[at : at + size] = chance.randbytes(size)
        made = made or bytearray(b"x")
    return bytes(made)


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_a_mutated_capture_ends_the_command_in_order_whatever_its_bytes(tmp_path, form):
    data = getattr(forge, form)(*weather.traffic())
    chance = random.Random(form)

    def outcome(number):
        path = tmp_path / f"{number}"
        path.write_bytes(mutated(data, random.Random(f"{form}{number}")))
        return run("-r", path, "--ndjson", "--workers", chance.choice((1, 3)), "-v")

    with ThreadPoolExecutor(4) as pool:
        for done in pool.map(outcome, range(40)):
            said = done.stderr.decode()
            assert done.returncode in (0, 4), said
            assert not re.search("Traceback|internal error|panicked", said), said
            assert not OBEYED.search(said)
            for line in done.stdout.splitlines():
                conserved(Snapshot.from_json(line))


# All limits at once


def conserved(snapshot):
    """Counts of hosts, sections and clients add up to those of all traffic."""
    for name in ("hits", "requests", "responses", "errors", "request_bytes", "response_bytes"):
        whole = getattr(snapshot, name)
        assert sum(getattr(host, name) for host in snapshot.hosts) == whole, name
        assert sum(getattr(client, name) for client in snapshot.clients) == whole, name
        for host in snapshot.hosts:
            assert sum(getattr(each, name) for each in host.sections) == getattr(host, name), name


LEAST = {
    "--interval": "10ms", "--window": "10ms", "--top": 1, "--section-depth": 1, "--trusted-proxies": 1,
    "--client-ipv6-prefix": 1, "--response-timeout": "1ms", "--client-from": "X-Forwarded-For",
    "--alert-threshold": 1, "--alert-span": "10ms", "--metrics-hosts": 1,
    "--evidence": "evidence", "--evidence-size": 1, "--evidence-files": 1, "--evidence-max-size": 1,
    "--output-files": 1, "--output-max-size": 1, "--output-max-age": "1ms",
    "--log-file": "log", "--log-files": 1, "--log-max-size": 1, "--log-max-age": "1ms",
    "--write": "web.pcapng", "--write-files": 1, "--write-max-size": 1, "--write-max-age": "1ms",
}  # fmt: skip


@pytest.mark.parametrize("workers", [1, 3])
def test_with_every_setting_at_its_least_counts_are_right_and_nothing_fails(tmp_path, workers):
    path = tmp_path / "crowd.pcap"
    path.write_bytes(forge.pcap(forge.crowd(500)))
    least = [word for each in LEAST.items() for word in each]
    files = ["--connections", "--user-agents", "-o", "all.ndjson", "-o", "all.csv", "-o", "all.parquet"]
    done = run("-r", path, "--ndjson", *least, *files, "--workers", workers, cwd=tmp_path)
    said = done.stderr.decode()
    assert not re.search("Traceback|internal error|panicked", said), said
    assert done.returncode == 0, said
    snapshots = [Snapshot.from_json(line) for line in done.stdout.splitlines()]
    for snapshot in snapshots:
        conserved(snapshot)
    total = Snapshot.merge(snapshots)
    assert (total.requests, total.capture.received) == (500, 1000)
    assert total.responses + total.capture.orphan_responses >= 500
    assert total.responses + total.capture.unanswered == 500
    assert len(list((tmp_path / "evidence").iterdir())) <= 1
    weather.blocks(b"".join(each.read_bytes() for each in tmp_path.glob("web_*.pcapng")))


def test_a_snapshot_length_of_one_byte_makes_no_count_up_and_tells_that_all_is_cut(tmp_path):
    path = tmp_path / "day.pcap"
    path.write_bytes(forge.pcap(*weather.traffic()))
    done = run("-r", path, "--json", "--snaplen", "1")
    total = json.loads(done.stdout)
    assert (done.returncode, total["requests"], total["responses"]) == (0, 0, 0)
    assert total["capture"]["truncated"] == total["capture"]["received"] == 8 * 4 * weather.SECONDS
    assert "truncated" in done.stderr.decode()

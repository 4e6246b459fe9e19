"""Promises about inputs: files in any order, packets in any order within a file, packets that cannot be read, pipes."""

import gzip
import itertools
import json
import os
import resource
import struct
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import forge
import pytest
from netmon import Monitor, Snapshot
from promises import Wire, get, heads, ok, promise

NOON = 1_795_348_800
WORKERS = (1, 2, 3, "auto")


def rows(*wires):
    """(time, frame) of all packets, by time."""
    return [(NOON + at, frame) for at, frame in forge.frames(*wires)]


def pcap(packets, snaplen=262_144):
    """A capture file of packets in the order given."""
    parts = [forge.pcap()]
    for at, frame in packets:
        seconds, micros = divmod(round(at * 1e6), 1_000_000)
        parts.append(struct.pack("<IIII", seconds, micros, len(frame[:snaplen]), len(frame)) + frame[:snaplen])
    return b"".join(parts)


def talk(*, turns=30, apart=1.0, took=0.005, port=4000):
    """Exchanges on one connection."""
    wire = Wire(port, now=0.1)
    for number in range(turns):
        wire.now = number * apart + 0.5
        wire.send(0, get(f"/{number % 3}"))
        wire.now = number * apart + 0.5 + took
        wire.send(1, ok(b"x" * 100))
    return wire.close()


@pytest.fixture
def write(tmp_path):
    """Writes files, one for each of the contents given by name."""

    def write(**files):
        paths = [tmp_path / name for name in files]
        for path, data in zip(paths, files.values(), strict=True):
            path.write_bytes(data)
        return paths

    return write


def counted(paths, **settings):
    """(merge of all snapshots of the files, log). Checks that any number of workers gives the same."""
    found = []
    for workers in WORKERS:
        monitor = Monitor(read=paths, workers=workers, **settings)
        found.append([[snapshot.to_json() for snapshot in monitor.snapshots()], monitor.log()])
    assert found[1:] == found[:1] * (len(WORKERS) - 1)
    return Snapshot.merge(map(Snapshot.from_json, found[0][0])), found[0][1]


def without_names(total):
    """The counts that do not depend on the names of files."""
    found = total.to_dict()
    del found["interfaces"]
    return found


@promise(38)
def test_files_of_a_ring_count_as_one_file_in_whatever_order_they_are_given(write):
    packets = rows(talk())
    whole = without_names(counted(write(whole=pcap(packets)))[0])
    assert (whole["requests"], whole["responses"], whole["tcp"]["segments"]) == (30, 30, len(packets))
    ring = write(b=pcap(packets[20:43]), c=pcap(packets[43:]), a=pcap(packets[:20]))
    for paths in itertools.permutations(ring):
        assert without_names(counted(paths)[0]) == whole


@promise(38)
@pytest.mark.parametrize("took", [0.005, 0.3])
def test_a_tap_with_a_file_for_each_direction_pairs_what_one_file_pairs(write, took):
    wires = [talk(turns=50, apart=0.4, took=took, port=port) for port in (4000, 4001, 4002)]
    for at, wire in enumerate(wires):
        wire.packets = [(now + at / 10, packet) for now, packet in wire.packets]
    sides = [[row for row in rows(*wires) if row[1][30:34] == bytes([10, 0, 0, side])] for side in (2, 1)]
    total, log = counted(write(responses=pcap(sides[1]), requests=pcap(sides[0])))
    assert heads(total) == (150, 150)
    assert (total.capture.orphan_responses, total.capture.unanswered, log) == (0, 0, [])
    assert total.latency.sum / total.latency.count == pytest.approx(took, rel=0.01)


@promise(38)
@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_packets_written_later_than_captured_are_counted_in_their_place(write, form):
    packets = rows(*[talk(turns=100, apart=0.01, took=0.004, port=port) for port in range(4000, 4008)])
    late = sorted(enumerate(packets), key=lambda row: row[0] + (20 if row[0] % 20 == 3 else 0))
    mixed = [row for _, row in late]
    assert mixed != packets
    ordered, disordered = map(pcap, (packets, mixed))
    if form == "pcapng":
        ordered, disordered = (as_pcapng([(0, at, frame) for at, frame in each]) for each in (packets, mixed))
    want, got = (
        without_names(counted(write(**{name: data}))[0])
        for name, data in (("ordered", ordered), ("disordered", disordered))
    )
    assert got == want
    assert want["capture"]["unanswered"] == want["tcp"]["out_of_order"] == 0


@promise(38)
def test_thousands_of_files_take_few_descriptors(write):
    packets = rows(talk(turns=600, apart=0.1, took=0.001))
    parts = {f"ring{at:04}": pcap(packets[at : at + 2]) for at in range(0, len(packets), 2)}
    paths = write(**parts)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 40, hard))
    try:
        total, log = counted(paths[::-1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(paths) > 500
    assert (*heads(total), log) == (600, 600, [])


@promise(38)
def test_more_files_than_may_be_open_at_once_are_read_late_and_that_is_said(write):
    wires = [talk(turns=3, port=4000 + number) for number in range(70)]
    paths = write(**{f"{at:02}": pcap(rows(wire)) for at, wire in enumerate(wires)})
    total, log = counted(paths)
    assert heads(total) == (210, 210)
    assert [(level, "64 files overlap" in message) for level, message in log] == [("warning", True)]


@promise(38)
def test_health_of_a_connection_goes_on_in_the_next_file_of_a_capture(write):
    wire = talk(turns=3, apart=0.2)
    wire.packets = wire.packets[:-3]
    cut = len(wire.packets)
    for number in range(10):
        wire.now = 10 + number
        wire.send(0, get()).send(1, ok(b"x" * 1000))
        at, packet = wire.packets[-1]
        again = bytearray(packet)
        again[4:6] = struct.pack("!H", 900 + number)
        wire.packets.append((at + 0.3, bytes(again)))
    packets = rows(wire)
    whole = counted(write(whole=pcap(packets)))[0]
    parts, _ = counted(write(part1=pcap(packets[cut:]), part0=pcap(packets[:cut])))
    assert (whole.tcp.segments, whole.tcp.retransmitted) == (len(packets), 10)
    assert without_names(parts) == without_names(whole)
    traffic = [(interface.name[-5:], interface.packets) for interface in parts.interfaces]
    assert traffic == [("part0", cut), ("part1", len(packets) - cut)]


@promise(38)
def test_files_of_a_capture_that_overlap_by_a_packet_or_two_are_still_one_interface(write):
    """Packets that several processors write at the same time may get into either file."""
    packets = rows(talk(turns=40, apart=0.01))
    whole = without_names(counted(write(whole=pcap(packets)))[0])
    cut = len(packets) // 2
    parts = write(
        part0=pcap(packets[: cut - 2] + packets[cut : cut + 2]), part1=pcap(packets[cut - 2 : cut] + packets[cut + 2 :])
    )
    assert without_names(counted(parts)[0]) == whole


@promise(38)
def test_a_connection_in_two_files_of_the_same_time_has_its_health_from_one(write):
    """Two capture points: what the second one sees later is not a retransmission."""
    packets = rows(talk())
    later = [(at + 0.002, frame) for at, frame in packets]
    total, _ = counted(write(here=pcap(packets), there=pcap(later)))
    assert heads(total) == (30, 30)
    assert (total.tcp.segments, total.tcp.retransmitted, total.tcp.duplicate_acks) == (len(packets), 0, 0)
    assert [interface.packets for interface in total.interfaces] == [len(packets)] * 2


# What cannot be read


def section():
    return forge._block("<", 0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(link=1, name=None):
    options = forge._option("<", 2, name.encode()) + forge._option("<", 0, b"") if name else b""
    return forge._block("<", 1, struct.pack("<HHI", link, 0, 0) + options)


def enhanced(number, at, frame):
    micros = round(at * 1e6)
    head = struct.pack("<IIIII", number, micros >> 32, micros & 0xFFFFFFFF, len(frame), len(frame))
    return forge._block("<", 6, head + forge._padded(frame))


def as_pcapng(packets):
    """A section of one interface; packets are (interface, time, frame)."""
    return section() + interface() + b"".join(enhanced(*packet) for packet in packets)


@promise(39)
def test_an_interface_described_behind_packets_of_another_loses_none(write):
    first, second = ([(at, frame) for at, frame in rows(talk(turns=2, port=port))] for port in (4000, 4001))
    late = section() + interface(name="a") + b"".join(enhanced(0, *row) for row in first)
    late += interface(name="b") + b"".join(enhanced(1, *row) for row in second)
    total, log = counted(write(late=late))
    assert heads(total) == (4, 4)
    assert {each.name: each.packets for each in total.interfaces} == {"a": len(first), "b": len(second)}
    assert (total.capture.unread, log) == (0, [])


@promise(39)
def test_no_section_loses_a_packet_and_a_connection_goes_on_in_the_next(write):
    packets = rows(talk(turns=4))
    sections = [packets[:5], packets[5:9], packets[9:]]
    total, _ = counted(write(sections=b"".join(as_pcapng([(0, *row) for row in each]) for each in sections)))
    assert without_names(total) == without_names(counted(write(whole=pcap(packets)))[0])


@promise(39)
def test_packets_that_cannot_be_read_are_lost_packets(write):
    packets = rows(talk(turns=4))
    data = as_pcapng([(0 if at < 5 else 3, *row) for at, row in enumerate(packets)])
    paths = write(unknown=data)
    total, log = counted(paths)
    assert (total.capture.received, total.capture.unread) == (5, len(packets) - 5)
    assert log == [("warning", f"{paths[0]}: {len(packets) - 5} packets could not be read")]


@promise(39)
@pytest.mark.parametrize("form", ["cut", "damaged", "nothing but a cut packet", "zeros", "gzip", "unknown interface"])
def test_none_lost_is_not_said_of_a_file_that_is_not_read_to_its_end(write, form):
    packets = rows(talk(turns=4))
    data = pcap(packets)
    contents = {
        "cut": data[:-1],
        "damaged": data[:-100] + b"\xff" * 100,
        "nothing but a cut packet": data[:60],
        "zeros": data + bytes(4096),
        "gzip": gzip.compress(data)[:-200],
        "unknown interface": section() + interface() + enhanced(1, *packets[0]),
    }
    command = [sys.executable, "-m", "netmon", "--no-config", "-r", *write(capture=contents[form]), "--plain"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == (form == "gzip")
    assert "1 lost" in done.stdout
    assert "1 lost" in done.stderr
    assert "none lost" not in done.stdout + done.stderr
    assert ("error" if form == "gzip" else "warning") in done.stderr


@promise(39)
def test_the_snapshot_length_cuts_packets_of_files_too(write):
    packets = rows(talk(turns=4))
    [cut, whole] = write(cut=pcap(packets, snaplen=90), whole=pcap(packets))
    asked, _ = counted([whole], snaplen=90)
    assert asked.capture.truncated == sum(len(frame) > 90 for _, frame in packets) > 0
    assert without_names(asked) == without_names(counted([cut])[0])


@promise(39)
def test_a_filter_that_means_nothing_on_one_link_leaves_its_packets_unread(write):
    [(at, frame), *_] = rows(talk(turns=1))
    data = section() + interface() + interface(link=101) + enhanced(0, at, frame) + enhanced(1, at, frame[14:])
    total, log = counted(write(two=data), filter="ether proto 0x0800 and not vlan 5")
    assert (total.capture.received, total.capture.unread) == (1, 1)
    assert [level for level, _ in log] == ["warning", "warning"]


# Pipes


@contextmanager
def held_open(tmp_path, data):
    """A pipe that gives the data and is then silent, and the descriptor that holds it open."""
    path = tmp_path / "pipe"
    if not path.exists():
        os.mkfifo(path)
    held = os.open(path, os.O_RDWR)
    try:
        os.write(held, data)
        yield path, held
    finally:
        os.close(held)


def now_talk(offset=0.0, turns=1):
    """A capture that begins now, by a clock that is `offset` seconds ahead of ours."""
    began = time.time() + offset
    return pcap([(at - NOON + began, frame) for at, frame in rows(talk(turns=turns, apart=0.01))])


@promise(40)
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("offset", [0, -600, 600, 3600])
def test_intervals_of_a_silent_live_pipe_are_closed_by_the_clock_of_its_sender(tmp_path, workers, offset):
    settings = {"workers": workers, "interval": 0.5}
    with held_open(tmp_path, now_talk(offset)) as (path, _), Monitor(read=path, **settings) as monitor:
        snapshots = list(itertools.islice(monitor.snapshots(), 3))
    assert heads(Snapshot.merge(snapshots)) == (1, 1)
    starts = [snapshot.start for snapshot in snapshots]
    assert starts == [starts[0] + number / 2 for number in range(3)]
    assert abs(starts[0] - time.time() - offset) < 60


@promise(40)
@pytest.mark.parametrize("workers", [1, 2])
def test_the_timeout_ends_a_silent_pipe(tmp_path, workers):
    for data in (b"", forge.pcap(), pcap(rows(talk(turns=2))), now_talk(turns=2)):
        with held_open(tmp_path, data) as (path, _):
            monitor = Monitor(read=path, workers=workers, timeout=0.6)
            total = Snapshot.merge(monitor.snapshots())
        assert heads(total) == ((2, 2) if len(data) > 24 else (0, 0))


@promise(40)
def test_one_window_of_a_pipe_with_only_a_file_header_ends(tmp_path):
    with held_open(tmp_path, forge.pcap()) as (path, _):
        command = [sys.executable, "-m", "netmon", "--no-config", "-r", path, "--once", "--window", "1", "--json"]
        done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    assert json.loads(done.stdout)["requests"] == 0


@promise(40)
@pytest.mark.parametrize("workers", [1, 2])
def test_two_live_pipes_are_merged_and_a_silent_one_holds_up_no_other(tmp_path, workers):
    """They are like those of two machines whose clocks differ by minutes and of which one is idle."""
    idle, busy = tmp_path / "idle", tmp_path / "busy"
    idle.mkdir()
    busy.mkdir()
    with held_open(idle, forge.pcap()) as (first, _), held_open(busy, now_talk(300)) as (second, _):
        monitor = Monitor(read=[first, second], workers=workers)
        found = Snapshot()
        for snapshot in monitor.snapshots():
            found = Snapshot.merge([found, snapshot])
            if found.responses:
                break
    assert heads(found) == (1, 1)


@promise(40)
@pytest.mark.parametrize("when", ["old", "now"])
@pytest.mark.parametrize("size", [1, 999, 70_000])
def test_a_file_through_a_pipe_gives_what_the_file_gives(tmp_path, write, when, size):
    """The packets are out of order, but within a block."""
    turns = {1: 6, 999: 400, 70_000: 2000}[size]
    wires = [talk(turns=turns // 4 + 1, apart=0.003, took=0.001, port=port) for port in range(4000, 4004)]
    packets = rows(*wires)
    mixed = [row for _, row in sorted(enumerate(packets), key=lambda row: row[0] + 30 * (row[0] % 7 == 2))]
    began = time.time() - 60 if when == "now" else NOON
    data = pcap([(at - NOON + began, frame) for at, frame in mixed])
    [path] = write(whole=data)
    for workers in (1, 2):
        want = [snapshot.to_json().replace(b"whole", b"pipe") for snapshot in Monitor(read=path).snapshots()]
        with forge.through_pipe(tmp_path / "pipe", data, size) as pipe:
            got = [snapshot.to_json() for snapshot in Monitor(read=pipe, workers=workers).snapshots()]
        assert got == want


@promise(40)
def test_a_pipe_is_merged_with_files(tmp_path, write):
    packets = rows(talk(turns=50, apart=0.1))
    [odd] = write(odd=pcap(packets[1::2]))
    with forge.through_pipe(tmp_path / "pipe", pcap(packets[::2]), 100) as pipe:
        total = Snapshot.merge(Monitor(read=[odd, pipe]).snapshots())
    assert heads(total) == (50, 50)


@promise(40)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_pipe_that_nobody_writes_to_can_be_closed(tmp_path, workers):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    monitor = Monitor(read=path, workers=workers)
    monitor.open()
    threading.Timer(0.1, monitor.close).start()
    assert list(monitor.snapshots()) == []

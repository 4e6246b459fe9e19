"""Promises about files made to do harm: too many interfaces, damaged compression, names a terminal would obey, silence.

Each file is small, and is read as a capture like any other.
"""

import gzip
import itertools
import json
import os
import re
import struct
import subprocess
import sys
import zlib

import forge
import pytest
from netmon import Monitor, Snapshot, advice, cli
from promises import Wire, get, ok, promise
from test_promises_files import NOON, enhanced, interface, pcap, rows, section, talk

OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
"""What moves a cursor, breaks a line, or reorders or hides text; line feeds and tabs are not looked for."""

NASTY = "e\x1b]0;pwn\x07\x1b[31m\r\nnetmon: forged \x9b\u202e\x7f"


def run(*arguments, check=None, **how):
    command = [sys.executable, "-m", "netmon", "--no-config", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, **how)
    if check is not None:
        assert done.returncode == check, done.stderr.decode()
    return done


def written(path, data):
    path.write_bytes(data)
    return path


# Interfaces


def many(count, packets, name=None):
    """A pcapng file with `count` interfaces and a packet for each (interface, time)."""
    frame = rows(Wire())[0][1]
    described = b"".join(interface(name=name and f"{name}{at}") for at in range(count)) if name else interface() * count
    return section() + described + b"".join(enhanced(number, at, frame) for number, at in packets)


def traffic(total):
    return {each.name: each.packets for each in total.interfaces}


@promise(3)
@pytest.mark.parametrize("workers", [1, 2])
def test_interfaces_beyond_a_number_are_counted_together_and_none_is_taken_for_another(tmp_path, workers):
    seen = [0, 1, 1023, 1024, 65_535, 65_536, 69_999]
    data = many(70_000, [(number, NOON + at / 100) for at, number in enumerate(seen)], name="eth")
    total = Snapshot.merge(Monitor(read=written(tmp_path / "a", data), workers=workers).snapshots())
    assert {name: n for name, n in traffic(total).items() if n} == {"eth0": 1, "eth1": 1, "eth1023": 1, "~other": 4}
    assert (total.capture.received, total.capture.unread) == (7, 0)
    assert len(total.interfaces) <= 1025


PEAK = """
import re, sys
from netmon.cli import main
assert main() == 0
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1], file=sys.stderr)
"""
"""VmHWM is the peak of the command alone. `ru_maxrss` would include that of the process it was forked from."""


def peak(path):
    """The most memory that the command uses for a file, in MiB."""
    command = [sys.executable, "-c", PEAK, "--no-config", "-q", "-r", path, "--json"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
    return int(done.stderr.split()[-1]) / 1024


@promise(3)
@pytest.mark.parametrize("kind", ["many", "long names"])
def test_interfaces_and_their_names_take_memory_within_bounds_whatever_a_small_file_says(tmp_path, kind):
    path = tmp_path / "a.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        if kind == "many":
            file.write(many(65_535, [(at, NOON + at) for at in range(100)]))
        else:
            file.write(section())
            for at in range(2000):
                file.write(interface(name=f"{at}{'x' * 60_000}"))
            file.write(enhanced(1999, NOON, rows(Wire())[0][1]))
    assert peak(path) < 100
    total = Snapshot.merge(Monitor(read=path).snapshots())
    assert max(len(each.name) for each in total.interfaces) <= 1024
    assert len(total.to_json()) < 2_000_000


@promise(3)
def test_more_sections_than_there_are_numbers_lose_no_packet(tmp_path):
    frame = rows(Wire())[0][1]
    data = b"".join(section() + interface() + enhanced(0, NOON + at / 1e5, frame) for at in range(70_000))
    total = Snapshot.merge(Monitor(read=written(tmp_path / "a", data)).snapshots())
    assert (total.capture.received, total.capture.unread, len(total.interfaces)) == (70_000, 0, 1)


@promise(3)
def test_health_of_one_host_on_many_interfaces_adds_up_for_the_host_and_for_them(tmp_path):
    """Also for the interfaces beyond those that are counted by name."""
    parts = [section(), *(interface(name=f"eth{at}") for at in range(1500))]
    for number in range(1500):
        wire = Wire(1000 + number, now=number / 1e4).say(get("/", "a.example"), ok()).close()
        parts += [enhanced(number, *row) for row in rows(wire)]
    total = Snapshot.merge(Monitor(read=written(tmp_path / "a", b"".join(parts)), interval=60).snapshots())
    health = [(each.tcp.segments, each.tcp.opened, each.tcp.closed) for each in (total, *total.hosts)]
    assert health == [(1500 * 8, 1500, 1500)] * 2
    assert sum(each.tcp.segments for each in total.interfaces) == total.tcp.segments


# Compressed files


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


def raw_zstd(data, checksum=None):
    """A frame of raw blocks, which needs no compressor."""
    blocks = [data[at : at + 1000] for at in range(0, len(data), 1000)]
    heads = [struct.pack("<I", len(block) << 3 | (at == len(blocks) - 1))[:3] for at, block in enumerate(blocks)]
    flags, window = 4 if checksum is not None else 0, 0x58
    frame = b"\x28\xb5\x2f\xfd" + bytes([flags, window]) + b"".join(map(bytes.__add__, heads, blocks))
    return frame + (checksum or b"")


SKIPPABLE = struct.pack("<II", 0x184D2A50, 4) + b"abcd"
PACKETS = rows(talk(turns=4))
DATA = pcap(PACKETS)
HALF = len(pcap(PACKETS[:9]))


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at:][1:]


WHOLE = {
    "gzip": gzip.compress(DATA),
    "gzip, padded": gzip.compress(DATA) + bytes(1000),
    "gzip in parts": gzip.compress(DATA[:HALF]) + bytes(5) + gzip.compress(DATA[HALF:]),
    "zstd": raw_zstd(DATA),
    "zstd in parts": raw_zstd(DATA[:HALF]) + raw_zstd(DATA[HALF:]),
    "pzstd": SKIPPABLE + raw_zstd(DATA[:HALF]) + SKIPPABLE + raw_zstd(DATA[HALF:]) + SKIPPABLE,
    "both": gzip.compress(DATA[:HALF]) + raw_zstd(DATA[HALF:]),
}

FAULTS = {
    "gzip, wrong checksum": (flipped(gzip.compress(DATA), -6), True, "wrong checksum"),
    "gzip, wrong length": (flipped(gzip.compress(DATA), -2), True, "wrong checksum"),
    "gzip, first part wrong": (flipped(gzip.compress(DATA[:HALF]), -6) + gzip.compress(DATA[HALF:]), True, "checksum"),
    "gzip, trailing rubbish": (gzip.compress(DATA) + b"rubbish", True, "is not compressed"),
    "gzip, cut": (gzip.compress(DATA)[:-100], False, "in the middle of compressed data"),
    "gzip, cut in its checksum": (gzip.compress(DATA)[:-3], True, "in the middle of compressed data"),
    "gzip, a byte of it wrong": (flipped(gzip.compress(DATA, 0), 700), True, "wrong checksum"),
    "gzip, damaged": (gzip.compress(DATA)[:-200] + b"\xff" * 200, False, "damaged"),
    "zstd, wrong checksum": (raw_zstd(DATA, b"oops"), True, "wrong checksum"),
    "zstd, first part wrong": (raw_zstd(DATA[:HALF], b"oops") + raw_zstd(DATA[HALF:]), True, "checksum"),
    "zstd, cut": (raw_zstd(DATA)[:-1], False, "in the middle of compressed data"),
    "zstd, trailing rubbish": (raw_zstd(DATA) + b"rubbish", True, "is not compressed"),
    "skippable frame, cut": (raw_zstd(DATA) + SKIPPABLE[:-1], True, "in the middle of compressed data"),
}


@promise(39)
@pytest.mark.parametrize("form", WHOLE)
@pytest.mark.parametrize("through", ["file", "pipe"])
def test_every_part_of_a_compressed_file_is_read(tmp_path, form, through):
    if through == "pipe":
        with forge.through_pipe(tmp_path / "a", WHOLE[form], 77) as path:
            done = run("-r", path, "--json", check=0)
    else:
        done = run("-r", written(tmp_path / "a", WHOLE[form]), "--json", check=0)
    found = json.loads(done.stdout)
    assert (found["capture"]["received"], found["requests"]) == (len(PACKETS), 4)
    assert "none lost" in done.stderr.decode()
    assert "netmon: error" not in done.stderr.decode()


@promise(39)
@pytest.mark.parametrize("form", FAULTS)
def test_a_damaged_compressed_file_is_read_as_far_as_can_be_and_is_a_failure(tmp_path, form):
    data, has_all, words = FAULTS[form]
    path = written(tmp_path / "a", data)
    done = run("-r", path, "--json", check=1)
    found, said = json.loads(done.stdout), done.stderr.decode()
    assert (found["capture"]["received"] == len(PACKETS)) is has_all
    assert found["capture"]["received"] > 0
    assert f"netmon: error: {path}: " in said
    assert words in said
    assert "none lost" not in said
    assert run("-r", path, "--quiet", "--json", check=1).stdout == done.stdout


@promise(39)
def test_the_other_files_are_read_although_one_is_damaged(tmp_path):
    bad, good = written(tmp_path / "bad", FAULTS["gzip, wrong checksum"][0]), written(tmp_path / "good", DATA)
    done = run("-r", bad, "-r", good, "--ndjson", check=1)
    total = Snapshot.merge(map(Snapshot.from_json, done.stdout.splitlines()))
    assert total.capture.received == 2 * len(PACKETS)


@promise(39)
def test_what_was_unpacked_before_a_fault_is_read_to_the_last_packet(tmp_path):
    """A decoder keeps back what later data may refer to."""
    packets = rows(talk(turns=3000, apart=0.001, took=0.0001))
    data = pcap(packets)
    deflate = zlib.compressobj(6, zlib.DEFLATED, 31)
    packed = deflate.compress(data) + deflate.flush(zlib.Z_FULL_FLUSH)
    frame = raw_zstd(data)
    for contents in (packed, packed + b"\xff" * 100, frame[: -(len(data) % 1000) - 3]):
        total = Snapshot.merge(Monitor(read=written(tmp_path / "a", contents)).snapshots())
        assert total.capture.received > 0.99 * len(packets)


# Names that a terminal would obey


def nasty_files(folder):
    """Files with a nasty name: of an interface, of an interface whose link type is not supported, of the file."""
    frame = rows(Wire())[0][1]
    good = section() + interface(name=NASTY) + enhanced(0, NOON, frame)
    yield written(folder / "good", good)
    yield written(folder / "odd link", section() + interface() + interface(147, NASTY) + enhanced(1, NOON, frame))
    yield written(folder / NASTY.replace("\n", "\u2028"), good[:-20])
    yield written(folder / f"{NASTY}.gz", gzip.compress(good) + b"rubbish")
    yield written(folder / f"{NASTY}.txt", b"no capture")
    yield folder / f"{NASTY} is not there"
    yield written(folder / f"{NASTY} only odd", section() + interface(147, NASTY))


@pytest.mark.parametrize("output", ["--plain", "--ndjson", "--json", "--csv", "--requests"])
def test_nothing_that_a_file_says_is_obeyed_by_a_terminal(tmp_path, output):
    for path in nasty_files(tmp_path):
        done = run("-r", path, output, "-v")
        out, err = done.stdout.decode(), done.stderr.decode()
        assert not OBEYED.search(out + err), (path, out, err)
        assert not re.search("^netmon: forged", out + err, re.M)


@pytest.mark.parametrize(
    "arguments", [[NASTY], ["-r", NASTY, "--speed", NASTY], ["--config", NASTY], ["-F", NASTY], ["-o", f"{NASTY}.txt"]]
)
def test_nothing_of_a_command_line_is_obeyed_by_a_terminal(capsys, arguments):
    cli.main(arguments)
    said = capsys.readouterr()
    assert not OBEYED.search(said.out + said.err)
    assert not re.search("^netmon: forged", said.out + said.err, re.M)


def test_no_interface_name_of_the_system_is_obeyed_by_a_terminal(monkeypatch):
    class Named:
        name = description = NASTY
        addresses, up, loopback = (), True, False

    monkeypatch.setattr(advice, "list_interfaces", lambda: [Named])
    [line] = advice.interfaces()
    assert not OBEYED.search(line + advice.not_permitted("cause", [NASTY]).replace("\n", ""))
    assert "\n" not in line + advice.files_are_no_filter([NASTY])


def test_messages_are_safe_to_show_for_those_who_use_the_api(tmp_path):
    for path in list(nasty_files(tmp_path))[1:4]:
        monitor = Monitor(read=path)
        list(monitor.snapshots())
        assert monitor.log()
        assert not any(OBEYED.search(message) or "\n" in message for _, message in monitor.log())


def test_a_printed_configuration_has_no_escape_codes():
    done = run("--print-config", "-i", NASTY.replace("\n", ""), check=0)
    assert not OBEYED.search(done.stdout.decode())


# Silence


def silent(count, apart):
    """A capture of `count` packets that are `apart` seconds apart."""
    frame = rows(Wire())[0][1]
    return pcap([(NOON + at * apart, frame) for at in range(count)])


@pytest.mark.parametrize("interval", ["10ms", "1s", "1h"])
@pytest.mark.parametrize("speed", ["1000000000", "max"])
def test_silence_of_days_is_a_line_in_every_output_at_any_interval_and_speed(tmp_path, interval, speed):
    path = written(tmp_path / "a", silent(20, 80_000))
    how = ["-r", path, "--speed", speed, "--interval", interval, "--window", "1h"]
    lines = [json.loads(line) for line in run(*how, "--ndjson", check=0).stdout.splitlines()]
    assert [line["capture"]["received"] for line in lines] == [1, *[0, 1] * 19]
    assert all(before["end"] == after["start"] for before, after in itertools.pairwise(lines))
    said = run(*how, "--plain", check=0).stdout.decode().splitlines()
    assert sum(line.startswith("Silence: ") for line in said) == 19
    assert sum(line.startswith("netmon  refresh") for line in said) == 20
    listed = run(*how, "--requests", "--plain", check=0).stdout.decode().splitlines()
    assert [line.startswith("(no packet for 2") for line in listed] == [True] * 19
    run(*how, "--plain", "-o", tmp_path / "b.ndjson", check=0)
    assert len((tmp_path / "b.ndjson").read_bytes().splitlines()) == 39


def test_every_file_of_these_promises_is_small(tmp_path):
    for data in (gzip.compress(many(65_535, [])), silent(20, 1)):
        path = written(tmp_path / "a", data)
        assert os.path.getsize(path) < 10_000

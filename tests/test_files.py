"""Capture files: every format, link type and size of reads gives the same snapshot.

A damaged file is read up to the damage, and a message says so.
"""

import contextlib
import gzip
import json
import os
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import forge
import pytest
from captures import make as captures
from netmon import FilterError, Monitor, Snapshot, SourceError
from patience import PATIENCE

NOON = 1_795_348_800  # 2026-11-22 12:00:00 UTC


def shop(at=NOON):
    """Two conversations of ten seconds, over IPv4 and IPv6, with several methods and statuses."""
    kept = forge.Conversation(4000, at)
    for second in range(10):
        kept.ask(at + second + 0.2, "GET", "shop.example", f"/items/{second}?secret=1", 200, body=b"x" * 1000)
    posts = forge.Conversation(4001, at + 1, server="fd00::2")
    for second, (path, status) in enumerate([("/v1/a", 200), ("/v1/b", 503), ("/v2", 404), ("/", 304)]):
        posts.ask(at + 2 * second + 1.5, "POST", "api.example", path, status)
    return kept.close(at + 9.9), posts.close(at + 9.95)


def read(*paths, **settings):
    monitor = Monitor(read=paths, **settings)
    return list(monitor.snapshots()), monitor.log()


def total(*paths, **settings):
    """The counts of all files, without those of interfaces, which depend on file names and link headers."""
    counted = Snapshot.merge(read(*paths, **settings)[0]).to_dict()
    del counted["interfaces"]
    return counted


@pytest.fixture
def write(tmp_path):
    """A function that writes bytes into a new file and returns its path."""

    def write(data, name="capture.pcap"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


@pytest.fixture
def expected(write):
    """The counts of `shop`, as `total` returns them."""
    return total(write(forge.pcap(*shop()), "expected.pcap"))


def test_the_expected_counts_are_those_of_the_conversations(expected):
    assert (expected["requests"], expected["responses"], expected["errors"]) == (14, 14, 1)
    assert {host["name"]: host["requests"] for host in expected["hosts"]} == {"shop.example": 10, "api.example": 4}
    assert expected["capture"]["received"] == 2 * (3 + 3) + 2 * 14
    assert expected["tcp"]["opened"] == expected["tcp"]["closed"] == 2
    assert not any(expected["capture"][loss] for loss in ("undecodable", "truncated", "gaps", "parse_errors"))


FORMATS = {
    "pcap": forge.pcap,
    "pcap, big-endian": lambda *made: forge.pcap(*made, order=">"),
    "pcap, nanoseconds": lambda *made: forge.pcap(*made, nano=True),
    "pcap, nanoseconds, big-endian": lambda *made: forge.pcap(*made, nano=True, order=">"),
    "pcapng": forge.pcapng,
    "pcapng, big-endian": lambda *made: forge.pcapng(*made, order=">"),
    "pcapng, nanoseconds": lambda *made: forge.pcapng(*made, resolution=9),
    "pcapng, nanoseconds, big-endian": lambda *made: forge.pcapng(*made, resolution=9, order=">"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same(name, write, expected):
    assert total(write(FORMATS[name](*shop()))) == expected


@pytest.mark.parametrize("link", forge.LINKS)
def test_every_link_gives_the_same(link, write, expected):
    assert total(write(forge.pcap(*shop(), link=link))) == expected
    assert total(write(forge.pcapng(*shop(), link=link))) == expected


def test_gzip_gives_the_same(write, expected):
    data = forge.pcap(*shop())
    assert total(write(gzip.compress(data))) == expected
    halves = gzip.compress(data[:1000]) + gzip.compress(data[1000:])
    assert total(write(halves)) == expected, "several members, as in concatenated files"


def test_zstd_gives_the_same(write, expected):
    if shutil.which("zstd") is None:
        pytest.skip("needs the zstd command")
    packed = subprocess.run(["zstd", "-c"], input=forge.pcap(*shop()), capture_output=True, check=True).stdout
    assert total(write(packed)) == expected


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_slow_pipe_gives_the_same_as_the_file(form, size, tmp_path, expected):
    """The pipe is written in pieces of `size` bytes."""
    with forge.through_pipe(tmp_path / "pipe", FORMATS[form](*shop()), size) as pipe:
        assert total(pipe) == expected


def test_standard_input_gives_the_same(expected):
    command = [sys.executable, "-m", "netmon", "--no-config", "-r", "-", "--json"]
    done = subprocess.run(command, input=forge.pcap(*shop()), capture_output=True, timeout=30, check=True)
    assert {key: value for key, value in json.loads(done.stdout).items() if key != "interfaces"} == expected


def test_a_silent_pipe_can_be_closed(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    held = os.open(pipe, os.O_RDWR)
    os.write(held, forge.pcap(*shop())[:200])
    monitor = Monitor(read=pipe)
    monitor.open()
    began = time.monotonic()
    monitor.close()
    assert time.monotonic() - began < PATIENCE
    os.close(held)


# Damaged files, and files that are no captures


@pytest.mark.parametrize("form", ["pcap", "pcapng", "gzip"])
def test_a_file_cut_off_is_read_up_to_there_and_says_so(form, write):
    data = forge.pcap(*shop()) if form == "gzip" else FORMATS[form](*shop())
    cut = gzip.compress(data)[:-20] if form == "gzip" else data[:-5]
    snapshots, log = read(write(cut))
    whole = Snapshot.merge(read(write(data, "whole"))[0])
    found = Snapshot.merge(snapshots)
    assert 0 < found.capture.received < whole.capture.received
    assert found.requests == whole.requests or form == "gzip"
    assert [level for level, _ in log] == ["error" if form == "gzip" else "warning"]
    assert "capture.pcap: " in log[0][1]


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_no_cut_and_no_flipped_byte_does_harm(form, write):
    data = FORMATS[form](*[forge.Conversation(4000, NOON).ask(NOON, "GET", "a.example", "/", 200)])
    damaged = [data[:length] for length in range(len(data))]
    damaged += [data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :] for at in range(len(data))]
    for contents in damaged:
        with contextlib.suppress(SourceError):
            assert Snapshot.merge(read(write(contents))[0]).requests <= 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_bytes(b"GET / HTTP/1.1\r\n\r\n" * 10), "is not a capture file"),
        (lambda path: path.write_bytes(b'{"schema": 1}\n'), "netmon merge and netmon diff read what netmon wrote"),
        (lambda path: path.write_bytes(b"\x0a"), "is not a capture file"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.mkdir(), "is a directory"),
        (lambda path: None, "no such file"),
        (lambda path: path.write_bytes(forge.pcap(number=147)), "link type 147 is not supported"),
        (lambda path: path.write_bytes(forge.pcapng_of([([], 147, {})])), "link type 147 is not supported"),
        (lambda path: path.write_bytes(forge.pcap()[:10]), "ends"),
    ],
    ids=[
        "garbage",
        "NDJSON",
        "one byte",
        "empty",
        "directory",
        "missing",
        "link type",
        "link type, pcapng",
        "half a header",
    ],
)
def test_what_is_no_capture_is_an_error_that_says_why(make, message, tmp_path):
    path = tmp_path / "capture.pcap"
    make(path)
    with pytest.raises(SourceError, match=message) as caught:
        Monitor(read=path).open()
    assert str(path) in str(caught.value)


def test_a_file_that_may_not_be_read_says_so(write):
    path = write(forge.pcap(*shop()))
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("root may read everything")
    with pytest.raises((SourceError, PermissionError), match=r"capture\.pcap"):
        Monitor(read=path).open()


def test_a_capture_without_packets_is_no_error_and_has_no_intervals(write):
    assert read(write(forge.pcap())) == ([], [])
    assert read(write(forge.pcapng())) == ([], [])


def test_a_filter_holds_for_files_and_one_that_does_not_compile_is_an_error(write):
    path = write(forge.pcap(*shop()))
    assert [host["name"] for host in total(path, filter="ip6")["hosts"]] == ["api.example"]
    with pytest.raises(FilterError, match="syntax error"):
        Monitor(read=path, filter="tcp prot 80").open()


def test_packets_cut_by_the_snapshot_length_are_counted(write):
    found = total(write(forge.pcap(*shop(), snaplen=200)))
    assert (found["requests"], found["responses"]) == (14, 14)
    assert found["capture"]["truncated"] == 10


# The captures kept beside the tests


@pytest.mark.parametrize("name", captures.COUNTS)
def test_kept_captures_count_what_their_readme_says(name):
    found = total(captures.HERE / name)
    assert (found["requests"], found["responses"], found["capture"]["gaps"]) == captures.COUNTS[name]
    assert not any(found["capture"][trouble] for trouble in ("orphan_responses", "parse_errors", "undecodable"))


def test_kept_captures_are_what_their_script_makes():
    for name, (make, _) in captures.MADE.items():
        assert (captures.HERE / name).read_bytes() == make(), name
    assert (captures.HERE / "README.md").read_text() == captures.readme()


# Several interfaces, clocks and files


def test_interfaces_with_clocks_of_their_own_are_one_timeline(write, expected):
    one, other = shop()
    interfaces = [
        (forge.frames(one), 1, {"resolution": 6, "name": "eth0"}),
        (forge.frames(other, link="raw"), 101, {"resolution": 9, "offset": -3600, "name": "tun0"}),
    ]
    path = write(forge.pcapng_of(interfaces))
    assert total(path) == expected
    snapshots, _ = read(path)
    packets = {interface.name: interface.packets for interface in Snapshot.merge(snapshots).interfaces}
    assert packets == {"eth0": len(one.packets), "tun0": len(other.packets)}


def test_an_interface_that_cannot_be_decoded_does_not_hide_the_others(write):
    one, other = shop()
    snapshots, log = read(write(forge.pcapng_of([(forge.frames(one), 1, {}), (forge.frames(other), 147, {})])))
    found = Snapshot.merge(snapshots)
    assert [host.name for host in found.hosts] == ["shop.example"]
    assert found.capture.undecodable == len(other.packets)
    assert any(level == "warning" and "link type 147" in message for level, message in log)


def test_sections_are_read_one_after_the_other(write):
    one, other = shop()
    found = total(write(forge.pcapng(one) + forge.pcapng(other, order=">", resolution=9)))
    assert {host["name"]: host["requests"] for host in found["hosts"]} == {"shop.example": 10, "api.example": 4}


def test_files_of_a_rotated_capture_are_read_as_one(write):
    """A connection, and a head within it, goes on in the next file."""
    talk = forge.Conversation(4000, NOON)
    talk.send(NOON + 1, 0, forge.ACK, b"GET /a HTTP/1.1\r\nHo")
    first = forge.pcap(talk)
    talk.packets = []
    talk.send(NOON + 2, 0, forge.ACK, b"st: split.example\r\n\r\n")
    talk.send(NOON + 3, 1, forge.ACK, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    paths = write(first, "1.pcap"), write(forge.pcap(talk), "2.pcap")
    found = total(*paths)
    assert [(host["name"], host["hits"]) for host in found["hosts"]] == [("split.example", 2)]
    names = {interface.name for interface in Snapshot.merge(read(*paths)[0]).interfaces}
    assert names == {str(path) for path in paths}


def test_what_is_wrong_with_a_later_file_is_known_before_the_first_is_read(write):
    with pytest.raises(SourceError, match="nosuch"):
        Monitor(read=[write(forge.pcap(*shop())), "/nosuch.pcap"]).open()


# Intervals


def hits_by_start(path, **settings):
    snapshots, _ = read(path, **settings)
    return [(snapshot.start - NOON, snapshot.end - snapshot.start, snapshot.hits) for snapshot in snapshots]


def asked(*times):
    """One request and answer at each of the times, in this order in the file."""
    talk = forge.Conversation(4000, NOON)
    for at in times:
        talk.ask(NOON + at, "GET", "a.example", "/", 200, took=0)
    return talk


def in_order_given(talk):
    """The bytes of a pcap file with the packets in the order in which they were made, not by time."""
    parts = [forge.pcap()]
    for at, packet in talk.packets:
        frame = forge.LINKS["ethernet"][1](packet)
        parts.append(struct.pack("<IIII", int(at), round(at % 1 * 1e6), len(frame), len(frame)) + frame)
    return b"".join(parts)


def test_intervals_are_aligned_and_empty_ones_are_skipped(write):
    path = write(forge.pcap(asked(0.25, 0.999999, 1, 4.5, 100)))
    assert hits_by_start(path) == [(0, 1, 4), (1, 1, 2), (4, 1, 2), (100, 1, 2)]
    assert hits_by_start(path, interval=10) == [(0, 10, 8), (100, 10, 2)]
    assert hits_by_start(path, interval=0.5) == [(0, 0.5, 2), (0.5, 0.5, 2), (1, 0.5, 2), (4.5, 0.5, 2), (100, 0.5, 2)]


def test_time_that_runs_backwards_counts_in_the_open_interval(write):
    assert hits_by_start(write(in_order_given(asked(0.5, 5.5, 1.5, 5.6, 6.5)))) == [(0, 1, 2), (5, 1, 6), (6, 1, 2)]


def test_a_packet_with_an_absurd_time_counts_in_the_open_interval(write):
    talk = asked(0.5, 1.5, 2.5)
    sane, absurd = talk.packets[:-4], talk.packets[-4:]
    talk.packets = [*sane, (4_000_000_000, absurd[0][1]), *absurd[1:]]
    assert hits_by_start(write(in_order_given(talk))) == [(0, 1, 3), (1, 1, 1), (2, 1, 2)]


@pytest.mark.parametrize("interval", [0.1, 3, 3600])
def test_whatever_the_interval_the_sum_is_the_same(interval, write, expected):
    """Only `start` and `end` differ, which are those of the intervals."""
    found = total(write(forge.pcap(*shop())), interval=interval)
    bounds = {bound: expected[bound] for bound in ("start", "end")}
    assert found | bounds == expected


def test_a_reader_that_takes_its_time_gets_every_interval(write):
    """A file waits for its reader; only live snapshots are merged."""
    path = write(forge.pcap(asked(*[second + 0.5 for second in range(200)])))
    monitor = Monitor(read=path)
    monitor.open()
    time.sleep(0.2)
    assert len(list(monitor.snapshots())) == 200


def test_paths_may_be_of_any_kind(write, expected):
    path = write(forge.pcap(*shop()))
    for given in (path, str(path), [path], Path(path)):
        assert Snapshot.merge(Monitor(read=given).snapshots()).requests == expected["requests"]

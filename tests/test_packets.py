"""Packets that netmon writes: the right ones, whole, in files that tshark, capinfos and netmon itself read."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import forge
import pytest
from disks import small_disk
from netmon import Monitor, Snapshot
from netmon.outlet import Patience
from netmon.packet_files import PacketFiles, named
from netmon.packet_writer import PacketWriter
from patience import eventually
from test_live import may_capture, server

NETMON = [sys.executable, "-m", "netmon", "--no-config"]
NOON = 1_795_348_800.0
CAPTURES = sorted(
    path
    for folder in (Path(__file__).parent / "captures", Path(__file__).parents[2] / "shared" / "cases")
    for path in folder.rglob("*.pcap*")
)
needs_tshark = pytest.mark.skipif(not shutil.which("tshark") or not shutil.which("capinfos"), reason="needs tshark")


def netmon(*arguments, code=0, **how):
    done = subprocess.run([*NETMON, *map(str, arguments)], capture_output=True, check=False, **how)
    assert done.returncode == code, done.stderr
    return done


def tshark(path, *fields, where=""):
    """One line of fields for each packet."""
    shown = [part for field in fields for part in ("-e", field)]
    command = ["tshark", "-r", str(path), "-T", "fields", *shown, *(("-Y", where) if where else ())]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def talk(port, second, *, status=200, host="shop.example", target="/cart", body=b""):
    made = forge.Conversation(port, NOON + second)
    made.ask(NOON + second + 0.2, "GET", host, target, status, body=body)
    made.close(NOON + second + 0.4)
    return made


def greeting(port, second):
    """A connection that speaks something else than HTTP."""
    made = forge.Conversation(port, NOON + second)
    made.send(NOON + second + 0.1, 1, 24, b"SSH-2.0-OpenSSH_9.6\r\n")
    made.send(NOON + second + 0.2, 0, 24, b"SSH-2.0-OpenSSH_9.6\r\n")
    return made


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """Connections of a minute, of which every second one is SSH."""
    talks = [
        made for n in range(60) for made in (talk(4000 + n, n, status=200 + 300 * (n % 4 == 0)), greeting(5000 + n, n))
    ]
    path = tmp_path_factory.mktemp("captures") / "minute.pcap"
    path.write_bytes(forge.pcap(*talks))
    return path


def counted(path):
    total = Snapshot.merge(Monitor(read=path).snapshots())
    rows = {(host.name, each.path): each for host in total.hosts for each in host.sections}
    return {
        name: (each.requests, each.responses, each.request_bytes, each.response_bytes, each.statuses, each.latency.sum)
        for name, each in rows.items()
    }


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_netmon_counts_the_same_in_what_it_wrote(path, tmp_path):
    first, second = tmp_path / "first.pcapng", tmp_path / "second.pcapng"
    with Monitor(read=path, write=first) as monitor:
        total = Snapshot.merge(monitor.snapshots())
    assert monitor.log() == [] or all(level != "error" for level, _ in monitor.log())
    assert counted(first) == counted(path)
    with Monitor(read=first, write=second) as monitor:
        again = Snapshot.merge(monitor.snapshots())
    assert again.capture.received <= total.capture.received
    assert packets_of(second) == packets_of(first)


def packets_of(path):
    """The packets of a pcapng file that netmon wrote: interface, time in nanoseconds, length on the wire, bytes."""
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        word = [int.from_bytes(data[at + 4 * n : at + 4 * n + 4], "little") for n in range(7)]
        if word[0] == 6:
            found.append((word[2], word[3] << 32 | word[4], word[6], data[at + 28 : at + 28 + word[5]]))
        at += word[1]
    assert at == len(data)
    return found


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_any_number_of_workers_writes_the_same_packets_in_the_order_of_time(capture, tmp_path, workers):
    written = tmp_path / "all.pcapng"
    netmon("-r", capture, "-w", written, "--workers", workers, "-q")
    packets = packets_of(written)
    alone = tmp_path / "alone.pcapng"
    netmon("-r", capture, "-w", alone, "-q")
    assert Counter(packets) == Counter(packets_of(alone))
    assert [packet[1] for packet in packets] == sorted(packet[1] for packet in packets)


@needs_tshark
def test_tshark_and_capinfos_read_all_packets_of_http_connections_with_their_times(capture, tmp_path):
    written = tmp_path / "http.pcapng"
    netmon("-r", capture, "-w", written, "-q")
    is_http = "tcp.port in {4000..4999}"
    fields = ("frame.time_epoch", "frame.len", "frame.cap_len", "tcp.stream", "tcp.seq_raw")
    assert tshark(written, *fields[:3], fields[4]) == tshark(capture, *fields[:3], fields[4], where=is_http)
    assert len(tshark(written, "http.request.method", where="http.request")) == 60
    assert not tshark(written, "frame.number", where="ssh")
    told = subprocess.run(["capinfos", str(written)], capture_output=True, text=True, check=True).stdout
    assert re.search(r"Strict time order: +True", told)
    assert re.search(rf"Number of packets = {len(tshark(written, 'frame.number'))}\n", told)
    assert re.search(r"Capture application: +netmon", told)
    assert "Name = " + str(capture) in told


@needs_tshark
def test_where_selects_whole_connections(capture, tmp_path):
    written = tmp_path / "bad.pcapng"
    netmon("-r", capture, "-w", written, "--where", "status:5xx", "-q")
    streams = set(tshark(written, "tcp.stream"))
    assert len(streams) == 15
    assert Counter(tshark(written, "http.response.code", where="http.response")) == {"500": 15}
    assert len(tshark(written, "tcp.stream", where="tcp.flags.syn == 1 && tcp.flags.ack == 0")) == 15


def test_links_tags_and_cut_packets_stay_as_they_were_captured(tmp_path):
    for link in ("ethernet", "raw", "sll", "null"):
        path, written = tmp_path / f"{link}.pcap", tmp_path / f"{link}.pcapng"
        try:
            data = forge.pcap(talk(4000, 0, body=b"x" * 500), link=link, snaplen=200)
        except (KeyError, ValueError, StopIteration):
            continue
        path.write_bytes(data)
        netmon("-r", path, "-w", written, "-q")
        kept = [(wire, bytes_) for _, _, wire, bytes_ in packets_of(written)]
        assert kept == [(wire, bytes_) for wire, bytes_ in records(data)], link
        assert any(wire > len(bytes_) for wire, bytes_ in kept)


def records(pcap):
    """The packets of a little-endian pcap: length on the wire, bytes."""
    at = 24
    while at < len(pcap):
        kept, wire = (int.from_bytes(pcap[at + n : at + n + 4], "little") for n in (8, 12))
        yield wire, pcap[at + 16 : at + 16 + kept]
        at += 16 + kept


def test_a_file_is_private_and_one_that_exists_is_not_touched_without_force(capture, tmp_path):
    written = tmp_path / "all.pcapng"
    netmon("-r", capture, "-w", written, "-q")
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    before = written.read_bytes()
    told = netmon("-r", capture, "-w", written, code=2).stderr
    assert b"the file exists; --force replaces it" in told
    assert written.read_bytes() == before
    netmon("-r", capture, "-w", written, "-q", "--force", "--where", "status:5xx")
    assert 0 < written.stat().st_size < len(before)


def test_a_capture_without_http_is_a_file_without_packets(tmp_path):
    path, written = tmp_path / "ssh.pcap", tmp_path / "none.pcapng"
    path.write_bytes(forge.pcap(greeting(5000, 0)))
    netmon("-r", path, "-w", written, "-q")
    assert packets_of(written) == []
    assert written.read_bytes()[:4] == b"\x0a\x0d\x0d\x0a"


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["-C", "1MiB"], b"needs -w FILE"),
        (["--evidence-payload"], b"needs --evidence DIR"),
        (["-w", "a.pcapng", "-W", "3"], b"needs -C or -G"),
        (["-w", "a.pcapng", "--append"], b"--append cannot add"),
        (["-w", "-", "-C", "1MiB"], b"-C and -G need a file"),
        (["-w", "-", "--format", "json"], b"nothing else can be written there"),
    ],
)
def test_flags_about_packets_that_do_not_go_together_are_refused(capture, tmp_path, flags, told):
    assert told in netmon("-r", capture, *flags, code=2, cwd=tmp_path).stderr


@needs_tshark
def test_standard_output_takes_the_packets_and_nothing_else(capture, tmp_path):
    done = netmon("-r", capture, "-w", "-")
    path = tmp_path / "out.pcapng"
    path.write_bytes(done.stdout)
    assert counted(path) == counted(capture)
    command = ["tshark", "-r", "-", "-Y", "http.request"]
    shown = subprocess.run(command, input=done.stdout, capture_output=True, check=True).stdout
    assert shown.count(b"\n") == 60


def test_files_by_size_have_all_packets_once_and_are_no_larger(capture, tmp_path):
    netmon("-r", capture, "-w", tmp_path / "web.pcapng", "-C", "8", "-q")
    alone = tmp_path / "alone.pcapng"
    netmon("-r", capture, "-w", alone, "-q")
    files = sorted(tmp_path.glob("web_*.pcapng"))
    assert len(files) > 3
    assert all(re.fullmatch(rf"web_{n:05}_20261122\d{{6}}\.pcapng", path.name) for n, path in enumerate(files, 1))
    assert [packet for path in files for packet in packets_of(path)] == packets_of(alone)
    assert all(path.stat().st_size <= 8192 for path in files)
    assert counted_of(files) == counted(alone)


def counted_of(files):
    total = Snapshot.merge(Monitor(read=files).snapshots())
    return {
        (host.name, each.path): (
            each.requests,
            each.responses,
            each.request_bytes,
            each.response_bytes,
            each.statuses,
            each.latency.sum,
        )
        for host in total.hosts
        for each in host.sections
    }


def test_files_by_time_begin_with_a_packet_of_their_time_and_the_oldest_are_removed(capture, tmp_path):
    netmon("-r", capture, "-w", tmp_path / "web.pcapng", "-G", "10s", "-q")
    files = sorted(tmp_path.glob("web_*.pcapng"))
    begins = [packets_of(path)[0][1] // 10**9 - int(NOON) for path in files]
    assert begins == [0, 10, 20, 30, 40, 50]
    for path in files:
        times = [packet[1] for packet in packets_of(path)]
        assert times[-1] - times[0] < 10 * 10**9
    netmon("-r", capture, "-w", tmp_path / "few.pcapng", "-G", "10s", "-W", "2", "-q")
    assert len(list(tmp_path.glob("few_*.pcapng"))) == 2
    assert [path.name.split("_")[1] for path in sorted(tmp_path.glob("few_*.pcapng"))] == ["00005", "00006"]


def test_a_file_of_somebody_else_in_the_place_of_an_old_one_is_not_removed(tmp_path):
    files = PacketFiles(str(tmp_path / "web.pcapng"), Patience(), max_size=10_000, most=1)
    first = Path(files.opened(0, b"").name)
    first.unlink()
    first.write_text("somebody else's")
    files.opened(0, b"")
    assert first.read_text() == "somebody else's"


def test_the_name_of_a_file_has_a_time_whatever_the_clock_of_the_capture():
    assert named("a/web.pcapng", 7, 0) == "a/web_00007_19700101000000.pcapng"
    assert named("web", 1, 1 << 62) == "web_00001_21160220235338"
    assert named("web.pcapng", 1, -5).endswith("_19700101000000.pcapng")


class Recording:
    """Hands over one packet at each call; counts what is lost."""

    def __init__(self, count, size):
        self.left, self.size, self.losses, self.stuck = count, size, 0, []

    def head(self, described):
        return b"head" if described == 0 else b"headidbs"

    def tail(self):
        return b"tail"

    def take(self, _timeout, room, since, age, described):
        if not self.left:
            return None
        if self.size > room and since is not None:
            return b"", 0, None, described, True
        self.left -= 1
        return b"x" * self.size, 1, 5, 1, False

    def set_stuck(self, is_stuck):
        self.stuck.append(is_stuck)

    def lose(self, packets):
        self.losses += packets

    @property
    def lost(self):
        return self.losses, 0

    def give_up(self):
        self.losses += self.left
        self.left = 0


def test_a_full_disk_is_told_and_tried_again_and_no_block_is_torn(tmp_path):
    with small_disk(tmp_path / "disk", "64k") as disk:
        recording, path = Recording(40, 4000), disk / "all.pcapng"
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(40_000))
        patience = Patience()
        writer = PacketWriter(recording, str(path), patience, files=PacketFiles(str(path), patience))
        writer.start()
        eventually(lambda: recording.stuck)
        news = writer.news()
        ballast.unlink()
        eventually(lambda: recording.stuck != [True] or not recording.left)
        with pytest.raises(OSError, match="not written"):
            writer.close()
        assert news == [f"{path}: No space left on device, trying again"]
        data = path.read_bytes()
        assert data.startswith(b"head")
        assert set(data[4:].removesuffix(b"tail")) == {ord("x")}
        assert len(data[4:].removesuffix(b"tail")) // 4000 == writer.written
        assert len(data[4:].removesuffix(b"tail")) % 4000 == 0
        assert writer.written + recording.losses == 40


def test_an_error_that_nobody_expects_ends_the_writing_and_is_told_with_what_is_missing(tmp_path):
    class Broken(Recording):
        def take(self, *arguments):
            if self.left == 3:
                raise OverflowError("can't convert negative int")
            return super().take(*arguments)

    recording, path, patience = Broken(5, 100), str(tmp_path / "all.pcapng"), Patience()
    writer = PacketWriter(recording, path, patience, files=PacketFiles(path, patience))
    writer.start()
    writer.wait()
    assert writer.news() == [f'{path}: OverflowError("can\'t convert negative int"); no more packets are written']
    with pytest.raises(OSError, match=r"OverflowError.*3 packets not written"):
        writer.close()
    assert (writer.written, recording.losses) == (2, 3)


def test_a_full_disk_stops_neither_the_capture_nor_the_report(tmp_path):
    large = tmp_path / "large.pcap"
    large.write_bytes(forge.pcap(*(talk(4000 + n, n, body=b"x" * 1400) for n in range(400))))
    with small_disk(tmp_path / "disk", "512k") as disk:
        done = netmon("-r", large, "-w", disk / "all.pcapng", "-o", tmp_path / "all.json", code=1)
        assert b"No space left on device" in done.stderr
        assert b"not written" in done.stderr
        assert json.loads((tmp_path / "all.json").read_text())["requests"] == 400
        assert 100 < len(packets_of(disk / "all.pcapng")) < 400 * 10


def test_a_reader_that_goes_away_ends_the_run(capture):
    with subprocess.Popen(
        [*NETMON, "-r", str(capture), "-w", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as run:
        run.stdout.close()
        assert run.wait(60) == 0
        assert run.stderr.read() == b""


@needs_tshark
@pytest.mark.skipif(not may_capture(), reason="needs CAP_NET_RAW")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_live_capture_writes_what_it_counts_while_it_runs(tmp_path, workers):
    from urllib.request import urlopen  # noqa: PLC0415  only this test asks a server

    path = tmp_path / "live.pcapng"
    with server() as port:
        monitor = Monitor("lo", write=path, filter=f"tcp port {port}", interval=0.2, workers=workers)
        seen = []
        with monitor:
            thread = threading.Thread(target=lambda: seen.extend(monitor.snapshots()))
            thread.start()
            for number in range(20):
                with urlopen(f"http://127.0.0.1:{port}/{number}") as answer:
                    answer.read()
            eventually(lambda: sum(each.responses for each in list(seen)) == 20)
            monitor.close()
            thread.join()
    assert monitor.log() == []
    assert len(tshark(path, "http.request.uri", where="http.request")) == 20
    assert len(tshark(path, "frame.number", where="tcp.flags.syn == 1")) == 40
    assert set(tshark(path, "frame.interface_name")) == {"lo"}
    assert sum(row[0] for row in counted(path).values()) == 20
    told = subprocess.run(["capinfos", str(path)], capture_output=True, text=True, check=True).stdout
    assert re.search(r"Number of packets = \d+", told)


def test_a_named_pipe_gets_the_packets_once_it_has_a_reader(capture, tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    got = []
    thread = threading.Thread(target=lambda: got.append(path.read_bytes()))
    thread.start()
    netmon("-r", capture, "-w", path, "-q")
    thread.join()
    whole = tmp_path / "whole.pcapng"
    whole.write_bytes(got[0])
    assert counted(whole) == counted(capture)

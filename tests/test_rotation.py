"""Outputs that are begun anew: by size and by age, whole records only, none lost, and each file complete in itself."""

import csv
import json
import os
import stat
import subprocess
import sys
from contextlib import suppress

import forge
import netmon.outlet
import pytest
from disks import small_disk
from fakes import snapshot
from netmon import Snapshot, safe_file
from netmon.frames import Frames
from netmon.options import Settings
from netmon.outlet import Outlet, Patience
from netmon.rotation import RETRY, Rotation, before_extension
from netmon.sinks import files
from test_arrow import OF_PROCESS, OF_STREAMS

NETMON = [sys.executable, "-m", "netmon", "--no-config"]
NOON = 1_795_348_800.0


class Clock:
    now = NOON

    def time(self):
        return self.now

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(netmon.outlet, "time", clock)
    return clock


def outlet(path, *, head=b"", mode="new", max_size=None, max_age=None, files=100):
    rotation = Rotation(str(path), max_size=max_size, max_age=max_age, files=files, named=before_extension)
    return Outlet(
        safe_file.create(str(path), mode), str(path), Patience(), path=str(path), head=head, rotation=rotation
    )


def put(out, *records):
    for record in records:
        out.write(record)
        out.flush()


def contents(path):
    """The files of an output, oldest first."""
    others = path.parent.glob(f"{path.stem}.*{path.suffix}")
    numbered = sorted((int(each.name.split(".")[-2]), each) for each in others if each != path)
    return [each.read_bytes() for _, each in reversed(numbered)] + [path.read_bytes()]


@pytest.mark.parametrize("size", [1, 40, 100])
def test_rotation_by_size_splits_no_record_and_loses_none(tmp_path, size):
    path = tmp_path / "all.ndjson"
    records = [b"%d\n" % number * (number % 4 + 1) for number in range(60)]
    out = outlet(path, max_size=size)
    put(out, *records)
    out.close()
    files = contents(path)
    assert b"".join(files) == b"".join(records)
    assert len(files) > 1
    assert all(len(each) <= size or each in records for each in files)


def test_the_newest_files_are_kept_and_keep_their_extension(tmp_path):
    out = outlet(tmp_path / "all.ndjson", max_size=1, files=3)
    put(out, *(b"%d\n" % number for number in range(9)))
    out.close()
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {
        "all.ndjson": b"8\n",
        "all.1.ndjson": b"7\n",
        "all.2.ndjson": b"6\n",
    }


def test_rotation_by_age_counts_from_the_first_record(tmp_path, clock):
    path = tmp_path / "all.ndjson"
    out = outlet(path, max_age=3600)
    clock.now += 5000
    for later in (0, 3599, 1, 3599, 1):
        clock.now += later
        put(out, b"%d\n" % (clock.now - NOON))
    out.close()
    assert contents(path) == [b"5000\n8599\n", b"8600\n12199\n", b"12200\n"]


def test_each_file_begins_with_the_head_and_so_does_one_without_records(tmp_path):
    path = tmp_path / "all.csv"
    out = outlet(path, head=b"a,b\n", max_size=12)
    put(out, b"1,2\n", b"3,4\n", b"5,6\n")
    out.close()
    assert contents(path) == [b"a,b\n1,2\n3,4\n", b"a,b\n5,6\n"]
    empty = tmp_path / "empty.csv"
    outlet(empty, head=b"a,b\n").close()
    assert empty.read_bytes() == b"a,b\n"
    more = outlet(empty, head=b"a,b\n", mode="append")
    put(more, b"1,2\n")
    more.close()
    assert empty.read_bytes() == b"a,b\n1,2\n"


def test_each_reader_of_a_named_pipe_gets_the_head_first(tmp_path):
    path = str(tmp_path / "all.csv")
    os.mkfifo(path)
    out = Outlet(safe_file.create(path), path, Patience(), path=path, head=b"a,b\n")
    for record in (b"1,2\n", b"3,4\n"):
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        put(out, record, b"5,6\n")
        assert os.read(reader, 100) == b"a,b\n" + record + b"5,6\n"
        os.close(reader)
        put(out, b"nobody reads this\n")
        out.abandon()
    out.close()


def test_where_no_new_file_can_be_begun_the_old_one_goes_on_and_that_is_told_once(tmp_path, clock):
    path = tmp_path / "all.ndjson"
    (tmp_path / "all.1.ndjson").mkdir()
    (tmp_path / "all.1.ndjson" / "file").touch()
    out = outlet(path, max_size=4, files=2)
    put(out, b"1\n", b"22\n", b"33\n")
    clock.now += RETRY
    put(out, b"44\n")
    [told] = out.news()
    assert told.startswith(f"{path}: no new file can be begun: ")
    assert path.read_bytes() == b"1\n22\n33\n44\n"
    (tmp_path / "all.1.ndjson" / "file").unlink()
    (tmp_path / "all.1.ndjson").rmdir()
    clock.now += RETRY
    put(out, b"55\n")
    out.close()
    assert contents(path) == [b"1\n22\n33\n44\n", b"55\n"]


def test_a_full_disk_is_told_once_and_tried_again_and_every_file_has_whole_records(tmp_path):
    with small_disk(tmp_path / "disk", "64k") as disk:
        path = disk / "all.csv"
        out = outlet(path, head=b"a\n", max_size=20_000)
        records = [b"%04d" % number * 250 + b"\n" for number in range(80)]
        put(out, *records)
        [told] = out.news()
        assert told == f"{path}: No space left on device, trying again"
        assert all(each.startswith(b"a\n") for each in contents(path) if each)
        oldest = max(disk.glob("all.*.csv"), key=lambda each: int(each.name.split(".")[1]))
        kept = oldest.read_bytes()
        oldest.unlink()
        (disk / "all.1.csv").unlink()
        put(out, b"end\n")
        with suppress(OSError):  # what the disk has no room for is missing
            out.close()
        assert kept.startswith(b"a\n" + records[0])
        assert all(line in {*records, b"a\n", b"end\n"} for each in contents(path) for line in each.splitlines(True))


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    talk = forge.Conversation(4000, NOON)
    for second in range(60):
        talk.ask(NOON + second + 0.2, "GET", f"h{second % 3}.example", f"/=cmd{second % 5}/x", 200 + second % 4)
    path = tmp_path_factory.mktemp("captures") / "minute.pcap"
    path.write_bytes(forge.pcap(talk))
    return path


def run(*arguments):
    done = subprocess.run([*NETMON, *map(str, arguments)], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, ""), done.stderr
    return done.stdout


def test_the_command_rotates_its_outputs_and_what_it_wrote_adds_up(capture, tmp_path):
    total = Snapshot.from_json(run("-r", capture, "-q", "--json"))
    limits = ["--output-max-size", "8KiB", "--output-files", "100"]
    run(
        "-r",
        capture,
        "-q",
        "--plain",
        "-o",
        tmp_path / "a.ndjson",
        "-o",
        tmp_path / "a.csv",
        "-o",
        tmp_path / "a.json",
        *limits,
    )
    lines = [line for each in contents(tmp_path / "a.ndjson") for line in each.splitlines()]
    assert len(contents(tmp_path / "a.ndjson")) > 3
    assert Snapshot.merge(map(Snapshot.from_json, lines)) == total
    tables = [list(csv.DictReader(each.decode().splitlines())) for each in contents(tmp_path / "a.csv")]
    assert len(tables) > 1
    assert sum(int(row["hits"]) for table in tables for row in table) == total.hits
    assert Snapshot.from_json((tmp_path / "a.json").read_bytes()) == total, "a document is one file"
    assert all(each.stat().st_size <= 8 << 10 for each in tmp_path.glob("a.*.*"))


@pytest.mark.parametrize("flags", [[], ["--append"], ["--force"]])
def test_a_file_where_older_ones_go_is_replaced_only_if_asked(capture, tmp_path, flags):
    mine = tmp_path / "a.1.ndjson"
    mine.write_text("mine")
    limits = ["--output-max-size", "8KiB", "--output-files", "100", *flags]
    done = write(capture, ["-o", tmp_path / "a.ndjson", *limits])
    if flags:
        assert done.returncode == 0
    else:
        message = "a.1.ndjson exists, where older files go; --append keeps it as one of them, --force replaces it\n"
        assert (done.returncode, done.stderr.endswith(message), mine.read_text()) == (2, True, "mine"), done.stderr
        assert not (tmp_path / "a.ndjson").exists()


@pytest.mark.parametrize("names", [("a.ndjson", "a.1.ndjson"), ("a.1.ndjson", "a.ndjson"), ("a.csv", "./a.csv")])
def test_no_output_writes_to_the_files_of_another(capture, tmp_path, names):
    limits = ["--output-max-size", "8KiB", "--force"]
    done = write(capture, [*(part for name in names for part in ("-o", f"{tmp_path}/{name}")), *limits])
    message = "another output has the same file; give each a name of its own\n"
    assert (done.returncode, done.stderr.endswith(message)) == (2, True), done.stderr
    assert list(tmp_path.glob("a.*")) == []


def write(capture, arguments):
    command = [*NETMON, "-r", str(capture), "-q", "--plain", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def plain(value):
    """A number as a number, and nothing as empty text."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return value or ""


def test_csv_of_requests_has_a_row_for_each_exchange(capture, tmp_path):
    run("-r", capture, "-q", "--requests", "--plain", "-o", tmp_path / "a.csv")
    text = run("-r", capture, "-q", "--requests", "--csv").decode()
    assert (tmp_path / "a.csv").read_text() == text
    rows = list(csv.DictReader(text.splitlines()))
    asked = [json.loads(line) for line in run("-r", capture, "-q", "--requests", "--ndjson").splitlines()]
    assert len(rows) == len(asked) == 60
    first = [name for name in asked[0] if name not in OF_STREAMS]
    assert list(rows[0]) == [*first, *OF_PROCESS, *OF_STREAMS]
    for row, want in zip(rows, asked, strict=True):
        assert not any(row.pop(name) not in ("", "0") for name in OF_PROCESS), "a file has no processes"
        assert row.pop("ts").startswith(want.pop("ts").rstrip("Z"))
        want["stream"] = want["stream"] or 0
        assert {name: plain(value) for name, value in row.items()} == {
            name: plain(value) for name, value in want.items()
        }


def test_csv_of_nothing_is_the_line_of_names(tmp_path):
    path = tmp_path / "empty.pcap"
    path.write_bytes(forge.pcap())
    head = run("-r", path, "-q", "--csv")
    assert head.startswith(b"start,end,host,path,hits,requests,")
    assert head.count(b"\n") == 1


def test_no_cell_of_csv_is_a_formula(tmp_path):
    talk = forge.Conversation(4000, NOON)
    for text in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"):
        talk.send(NOON, 0, forge.ACK, f"GET / HTTP/1.1\r\nHost: {text}\r\nUser-Agent: {text}\r\n\r\n".encode())
    path = tmp_path / "formulas.pcap"
    path.write_bytes(forge.pcap(talk))
    for how in ([], ["--requests", "--user-agents"]):
        rows = list(csv.reader(run("-r", path, "-q", "--csv", *how).decode().splitlines()))
        assert len(rows) > 4
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
        assert any(cell == "'+1" for row in rows for cell in row)


def test_an_output_whose_file_is_moved_away_is_begun_anew_with_its_head(tmp_path):
    path, patience = tmp_path / "all.csv", Patience()
    outlet, sink = files.opened(Settings(), str(path), patience)
    sink.update(Frames(10.0).push(snapshot(100, hits=1, hosts=[{"name": "a", "sections": [{"path": "/", "hits": 1}]}])))
    path.rename(tmp_path / "old.csv")
    sink.update(Frames(10.0).push(snapshot(101, hits=1, hosts=[{"name": "b", "sections": [{"path": "/", "hits": 1}]}])))
    sink.close()
    outlet.close()
    old, new = (list(csv.reader((tmp_path / name).open(newline=""))) for name in ("old.csv", "all.csv"))
    assert old[0] == new[0]
    assert [row[2] for row in (old[1], new[1])] == ["a", "b"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

"""Parquet: a row group per window, files and folders that DuckDB and polars read, a full disk, and a missing extra."""

import io
import json
import os
import socket
import subprocess
import sys

import duckdb
import forge
import netmon
import polars
import pytest
import scene
from arro3.io import read_parquet
from disks import small_disk
from netmon import Snapshot
from netmon.options import FileSize, Settings
from netmon.reading import KINDS
from netmon.sinks import parquet, parquet_file, thrift
from netmon.sinks.parquet_file import ParquetFile
from netmon.sinks.row_groups import split
from test_arrow import OF_PROCESS, OF_STREAMS

NETMON = [sys.executable, "-m", "netmon", "--no-config"]
NOON = 1_795_348_800.0
MACHINE = socket.gethostname()


class Frame:
    def __init__(self, snapshot):
        self.snapshot = snapshot


def written(path, snapshots, mode="new", **settings):
    """Writes these snapshots; returns the outlet."""
    outlet, sink = parquet.opened(Settings(**settings), str(path), mode)
    for each in snapshots:
        sink.update(Frame(each))
    sink.close()
    outlet.close()
    return outlet


def groups(path):
    """(rows, least start) of each row group, as DuckDB reads the metadata."""
    columns = f"select row_group_num_rows, stats_min from parquet_metadata('{path}')"
    return duckdb.sql(f"{columns} where path_in_schema = 'start' order by row_group_id").fetchall()


def seconds(first, last):
    return [scene.second(at) for at in range(first, last)]


# One file


def test_each_window_is_a_row_group_and_three_readers_agree(tmp_path):
    path = tmp_path / "a.parquet"
    snapshots = seconds(0, 60)
    written(path, snapshots)
    found = groups(path)
    assert [start[:19] for _, start in found] == [f"2026-11-22 12:00:{at:02}" for at in range(0, 60, 10)]
    total = Snapshot.merge(snapshots)
    rows = sum(each.section_count for each in snapshots)
    assert (sum(rows for rows, _ in found), sum(batch.num_rows for batch in read_parquet(path))) == (rows, rows)
    data = polars.read_parquet(path)
    assert data.equals(polars.DataFrame(netmon.arrow(snapshots)))
    assert data["hits"].sum() == total.hits
    query = f"select host, sum(requests), sum(latency_count) from '{path}' group by host"
    want = {(host.name, host.requests, host.latency.count) for host in total.hosts}
    assert set(duckdb.sql(query).fetchall()) == want
    statuses = f"select sum(statuses[200]) from '{path}'"
    assert duckdb.sql(statuses).fetchall() == [(sum(section.statuses.get(200, 0) for section in total.sections),)]


def test_a_reader_skips_row_groups_by_time(tmp_path):
    written(tmp_path / "a.parquet", seconds(0, 30))
    late = polars.scan_parquet(tmp_path / "a.parquet").filter(polars.col("start").dt.epoch("s") >= NOON + 20).collect()
    assert late.height == sum(each.section_count for each in seconds(20, 30))


def test_requests_have_a_row_for_each_exchange(tmp_path):
    snapshots = seconds(0, 28)
    written(tmp_path / "a.parquet", snapshots, requests=True)
    data = polars.read_parquet(tmp_path / "a.parquet")
    first = [name for name in snapshots[0].to_dict()["exchanges"][0] if name not in OF_STREAMS]
    assert data.columns[2:] == [*first, *OF_PROCESS, *OF_STREAMS]
    assert data.height == sum(len(each.exchanges) for each in snapshots) > 0


def test_a_file_without_rows_has_all_columns(tmp_path):
    written(tmp_path / "a.parquet", [Snapshot()])
    data = polars.read_parquet(tmp_path / "a.parquet")
    assert (data.height, data.schema) == (0, polars.DataFrame(netmon.arrow([])).schema)
    assert duckdb.sql(f"select count(*) from '{tmp_path / 'a.parquet'}'").fetchall() == [(0,)]


def test_rotation_leaves_whole_files_that_add_up(tmp_path):
    snapshots = seconds(0, 60)
    written(tmp_path / "a.parquet", snapshots, output_max_size=FileSize(12 << 10), output_files=100)
    assert len(list(tmp_path.iterdir())) > 2
    assert {path.suffix for path in tmp_path.iterdir()} == {".parquet"}
    assert polars.read_parquet(tmp_path / "*.parquet")["hits"].sum() == Snapshot.merge(snapshots).hits


def test_a_full_file_is_begun_anew_and_none_is_removed_that_nobody_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_file, "MOST_GROUPS", 3)
    written(tmp_path / "a.parquet", seconds(0, 28), window=1.0)
    assert [len(groups(path)) for path in sorted(tmp_path.iterdir())] == [3] * 9 + [1]
    assert polars.read_parquet(tmp_path / "*.parquet")["hits"].sum() == Snapshot.merge(seconds(0, 28)).hits


def test_where_no_new_file_can_be_begun_the_old_one_goes_on_and_that_is_told_once(tmp_path):
    (tmp_path / "a.1.parquet" / "file").mkdir(parents=True)
    outlet, sink = parquet.opened(
        Settings(window=1.0, output_max_size=FileSize(1), output_files=2), str(tmp_path / "a.parquet"), "new"
    )
    for each in seconds(0, 5):
        sink.update(Frame(each))
    [told] = outlet.news()
    assert told.startswith(f"{tmp_path}/a.parquet: no new file can be begun: ")
    outlet.close()
    assert len(groups(tmp_path / "a.parquet")) == 5


@pytest.mark.parametrize("mode", ["new", "append"])
def test_a_file_with_data_stays_as_it_is(tmp_path, mode):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"data")
    with pytest.raises(FileExistsError) as raised:
        written(path, seconds(0, 1), mode)
    assert (raised.value.filename, path.read_bytes()) == (str(path), b"data")
    written(path, seconds(0, 1), "replace")
    assert polars.read_parquet(path).height == scene.second(0).section_count


def test_a_named_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "a.parquet")
    with pytest.raises(OSError, match="is a named pipe, and Parquet needs a file"):
        written(tmp_path / "a.parquet", [])


# A folder


def test_a_folder_has_partitions_by_date_and_machine(tmp_path):
    snapshots = seconds(0, 20)
    for _ in range(2):  # a second run adds files
        written(f"{tmp_path}/all.parquet/", snapshots)
    names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    folder = f"all.parquet/date=2026-11-22/machine={MACHINE}"
    assert names == [f"{folder}/sections-120000-2.parquet", f"{folder}/sections-120000.parquet"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "all.parquet").rglob("*"))
    query = f"select date::varchar, machine, sum(hits) from '{tmp_path}/all.parquet/**/*.parquet' group by all"
    assert duckdb.sql(query).fetchall() == [("2026-11-22", MACHINE, 2 * Snapshot.merge(snapshots).hits)]
    data = polars.read_parquet(tmp_path / "all.parquet", hive_partitioning=True)
    assert data["host"].n_unique() == len(Snapshot.merge(snapshots).hosts), "no partition hides a column"


def test_a_folder_begins_a_file_when_the_date_or_the_hour_is_over(tmp_path):
    busy = [moved(scene.second(at), by) for at, by in ((0, 0), (1, 1_800), (2, 3_601), (3, 43_199), (4, 90_000))]
    written(f"{tmp_path}/a.parquet/", busy, window=1.0)
    names = sorted(
        path.relative_to(tmp_path / "a.parquet").as_posix() for path in tmp_path.rglob("*.parquet") if path.is_file()
    )
    day, next_day = (f"date=2026-11-2{day}/machine={MACHINE}/sections" for day in (2, 3))
    assert names == [
        f"{day}-120000.parquet",
        f"{day}-130003.parquet",
        f"{next_day}-000002.parquet",
        f"{next_day}-130004.parquet",
    ]


def moved(snapshot, by):
    """The same snapshot at a later time."""
    document = snapshot.to_dict()
    for key in ("start", "end"):
        at = getattr(snapshot, key) + by
        document[key] = scene.iso(at)
    return Snapshot.from_json(json.dumps(document))


def test_a_file_that_is_being_written_has_another_name(tmp_path):
    outlet, sink = parquet.opened(Settings(), f"{tmp_path}/a.parquet/", "new")
    for each in seconds(0, 10):
        sink.update(Frame(each))
    [path] = (path for path in tmp_path.rglob("*") if path.is_file())
    assert path.name == "sections-120000.parquet.part"
    outlet.close()
    assert groups(path.with_suffix(""))


# What goes wrong


def test_a_full_disk_is_told_once_and_what_had_room_can_be_read(tmp_path):
    with small_disk(tmp_path / "disk", "48k") as disk:
        outlet, sink = parquet.opened(Settings(window=1.0), str(disk / "a.parquet"), "new")
        snapshots = seconds(0, 30)
        for each in snapshots:
            sink.update(Frame(each))
        assert outlet.news() == [f"{disk}/a.parquet: No space left on device, trying again"]
        sink.close()
        with pytest.raises(OSError, match=r"No space left on device \(\d+ row groups are missing\)"):
            outlet.close()
        data = polars.read_parquet(disk / "a.parquet")
        rows = [each.section_count for each in snapshots]
        whole = len(groups(disk / "a.parquet"))
        assert (data.height, outlet.dropped) == (sum(rows[:whole]), len(rows) - whole)
        assert whole > 0


def test_a_disk_that_has_room_again_gets_what_was_held(tmp_path):
    with small_disk(tmp_path / "disk", "256k") as disk:
        (disk / "other").write_bytes(b"x" * 220_000)
        outlet, sink = parquet.opened(Settings(window=1.0), str(disk / "a.parquet"), "new")
        for each in seconds(0, 12):
            sink.update(Frame(each))
        assert len(outlet.news()) == 1
        (disk / "other").unlink()
        sink.update(Frame(scene.second(12)))
        assert outlet.news() == [f"{disk}/a.parquet: can be written again"]
        outlet.close()
        assert polars.read_parquet(disk / "a.parquet")["hits"].sum() == Snapshot.merge(seconds(0, 13)).hits


def test_row_groups_are_added_behind_an_end_that_was_written(tmp_path):
    path = tmp_path / "a.parquet"
    part = parquet.encoded(seconds(0, 3), "sections")
    file = ParquetFile(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), part.metadata)
    for number in range(4):
        assert file.finish() == 0
        assert polars.read_parquet(path).height == number * sum(
            rows for rows, _ in [(each.section_count, 0) for each in seconds(0, 3)]
        )
        file.add(part)
    file.close()


def test_metadata_is_written_as_it_was_read():
    file = io.BytesIO()
    parquet_of = polars.DataFrame({"a": range(100), "b": [None, "x"] * 50})
    parquet_of.write_parquet(file, row_group_size=10)
    data = file.getvalue()
    size = int.from_bytes(data[-8:-4], "little")
    raw = data[-8 - size : -8]
    assert thrift.write(thrift.read(raw)) == raw
    assert len(split(data).groups) == 10
    for end in (0, 1, size // 2, size - 1):
        with pytest.raises(ValueError, match="ends early"):
            thrift.read(raw[:end])


# The command


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    talk = forge.Conversation(4000, NOON)
    for second in range(60):
        talk.ask(NOON + second + 0.2, "GET", f"h{second % 3}.example", f"/s{second % 5}/x", 200 + second % 4)
    path = tmp_path_factory.mktemp("captures") / "minute.pcap"
    path.write_bytes(forge.pcap(talk))
    return path


def run(*arguments, environment=None):
    command = [*NETMON, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=60, check=False, env=environment)


def test_every_output_of_one_run_has_the_same_totals(capture, tmp_path):
    names = [tmp_path / f"a.{kind}" for kind in ("ndjson", "json", "csv", "parquet")]
    outputs = [part for name in (*names, f"{tmp_path}/all.parquet/") for part in ("-o", name)]
    done = run("-r", capture, "-q", "--ndjson", *outputs)
    assert (done.returncode, done.stderr) == (0, b"")
    total = Snapshot.merge(map(Snapshot.from_json, done.stdout.splitlines()))
    assert total.hits == 120
    assert (tmp_path / "a.ndjson").read_bytes() == done.stdout
    assert Snapshot.from_json((tmp_path / "a.json").read_bytes()) == total
    frames = [
        polars.read_csv(tmp_path / "a.csv"),
        polars.read_parquet(tmp_path / "a.parquet"),
        polars.read_parquet(tmp_path / "all.parquet"),
        polars.DataFrame(total.sections),
    ]
    counters = ("hits", "requests", "responses", "errors", "request_bytes", "response_bytes")
    want = [getattr(total, name) for name in counters]
    for name in ("a.ndjson", "a.json", "a.csv", "a.parquet", "all.parquet/**/*.parquet"):
        sums = ", ".join(f"sum({counter})::bigint" for counter in counters)
        assert duckdb.sql(f"select {sums} from '{tmp_path / name}'").fetchall() == [tuple(want)], name
    for data in frames:
        assert [data[name].sum() for name in counters] == want
        assert data["latency_count"].sum() == total.latency.count
        assert data["status_2xx"].sum() == sum(count for status, count in total.statuses.items() if status < 300)
        assert data["latency_sum"].sum() == pytest.approx(total.latency.sum)


def test_a_missing_extra_is_named_with_the_command_that_installs_it(capture, tmp_path):
    (tmp_path / "arro3").mkdir()
    (tmp_path / "arro3" / "__init__.py").touch()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = run("-r", capture, "-o", tmp_path / "a.parquet", environment=environment)
    assert done.returncode == 2
    install = f"{sys.executable} -m pip install 'netmon-http[parquet]'"
    assert done.stderr.decode() == (
        f"netmon: -o {tmp_path}/a.parquet: this needs the extra parquet (No module named 'arro3.io'): {install}\n"
    )
    assert not (tmp_path / "a.parquet").exists()


def test_nothing_else_needs_the_extra():
    code = "import sys, netmon.session, netmon.sinks.files; print('arro3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"False\n"
    assert "output_max_size" in KINDS

"""`netmon merge` and `Snapshot.merge`: sums of files, intervals and machines, exact in any order and grouping."""

import gzip
import json
import os
import pickle
import random
import shutil
import subprocess
import sys
from pathlib import Path

import forge
import netmon
import pytest
import slices
from netmon import Monitor, Snapshot, cli, joining

CAPTURES = Path(__file__).parent / "captures"
WHOLE, SLICES = slices.captures(300, 3.0)


def zstd(data):
    """The data as a frame of zstd, by the command."""
    if shutil.which("zstd") is None:
        pytest.skip("needs the zstd command")
    return subprocess.run(["zstd", "-c"], input=data, capture_output=True, check=True).stdout


def lines_of(*captures, **settings):
    """NDJSON as netmon writes it of each capture."""
    return b"".join(snapshot.to_json() + b"\n" for data in captures for snapshot in netmon.read(data, **settings))


def machine(number, seconds, *, first=1000.0, spacing=1.0):
    """A capture of one machine: a request per second, of a host of its own and of one that all have."""
    talk = forge.Conversation(4000 + number, first, client=f"10.2.0.{number}")
    for turn in range(seconds):
        at = first + 0.2 + spacing * turn
        talk.ask(at, "GET", f"own{number}", "/", 200, took=0.01 * (number + 1))
        talk.ask(at + 0.1, "GET", "all", "/x", 500 if turn % 3 == 0 else 200, took=0.02)
    return forge.pcap(talk)


def total(text):
    return Snapshot.merge(map(Snapshot.from_json, text.splitlines()))


@pytest.fixture
def written(tmp_path):
    """A function that writes NDJSON files and returns their paths."""

    def write(**files):
        for name, text in files.items():
            (tmp_path / f"{name}.ndjson").write_bytes(text)
        return [str(tmp_path / f"{name}.ndjson") for name in files]

    return write


def merged(capfdbinary, *arguments):
    """The exit code of ``netmon merge``, its output and what it tells."""
    code = cli.main(["merge", *map(str, arguments)])
    out, err = capfdbinary.readouterr()
    return code, out, err.decode()


# The monoid


KINDS = [*sorted(CAPTURES.glob("*.pcap*")), WHOLE]


@pytest.mark.parametrize("capture", KINDS, ids=lambda capture: getattr(capture, "name", "forged"))
def test_any_partition_of_snapshots_in_any_order_gives_the_same_sum(capture):
    parts = list(Monitor(read=capture, interval=0.5, exchanges=True, connections=True))
    want = Snapshot.merge(parts)
    assert want.hits > 0
    shuffled = random.Random(3)
    for _ in range(20):
        shuffled.shuffle(parts)
        groups, rest = [], parts[:]
        while rest:
            size = shuffled.randint(1, len(rest))
            groups.append(Snapshot.merge(rest[:size]))
            rest = rest[size:]
        shuffled.shuffle(groups)
        assert Snapshot.merge([*groups, Snapshot()]).to_bytes() == want.to_bytes()


@pytest.mark.parametrize("capture", KINDS, ids=lambda capture: getattr(capture, "name", "forged"))
def test_pickles_and_json_carry_all_that_a_merge_needs(capture):
    parts = list(Monitor(read=capture, exchanges=True, connections=True))
    want = Snapshot.merge(parts)
    assert Snapshot.merge(pickle.loads(pickle.dumps(parts))) == want
    assert Snapshot.merge(Snapshot.from_json(part.to_json()) for part in parts).to_json() == want.to_json()
    assert [Snapshot.from_json(part.to_json()) for part in parts] == parts


# Intervals


def test_machines_are_added_up_interval_by_interval(written, capfdbinary):
    captures = [machine(number, 20) for number in range(3)]
    code, out, told = merged(capfdbinary, *written(**{f"m{n}": lines_of(data) for n, data in enumerate(captures)}))
    assert (code, told) == (0, "")
    found = [json.loads(line) for line in out.splitlines()]
    assert [each["start"] for each in found] == sorted({each["start"] for each in found})
    assert len(found) == 20
    assert {each["requests"] for each in found} == {6}
    assert total(out).to_json() == Snapshot.merge(one for data in captures for one in Monitor(read=data)).to_json()


def test_intervals_of_different_lengths_and_offsets_are_put_into_those_of_the_longest(written, capfdbinary):
    fine, coarse = machine(0, 60), machine(1, 60, first=1000.5)
    paths = written(fine=lines_of(fine), coarse=lines_of(coarse, interval=10))
    code, out, _ = merged(capfdbinary, *paths)
    found = [Snapshot.from_json(line) for line in out.splitlines()]
    assert (code, [each.start for each in found]) == (0, [1000, 1010, 1020, 1030, 1040, 1050, 1060][: len(found)])
    assert [each.requests for each in found][:6] == [40] * 6
    assert total(out) == Snapshot.merge([*Monitor(read=fine), *Monitor(read=coarse, interval=10)])
    code, out, _ = merged(capfdbinary, *paths, "--interval", "20s")
    assert [Snapshot.from_json(line).requests for line in out.splitlines()][:3] == [80, 80, 80]


def test_the_first_interval_of_a_live_capture_may_be_short(written, capfdbinary):
    first, *rest = list(Monitor(read=machine(0, 5)))
    short = first.to_json().replace(b"00:16:40.000000000Z", b"00:16:40.900000000Z", 1)
    assert short != first.to_json()
    paths = written(live=b"\n".join([short, *(each.to_json() for each in rest)]))
    code, out, _ = merged(capfdbinary, *paths)
    assert (code, len(out.splitlines())) == (0, 5)


def test_the_total_is_the_merge_of_everything(written, capfdbinary):
    paths = written(a=lines_of(SLICES[0]), b=lines_of(*SLICES[1:]), empty=b"")
    code, out, told = merged(capfdbinary, "--total", *paths)
    assert (code, told, out.count(b"\n")) == (0, "", 1)
    assert out.strip() == total(lines_of(SLICES[0]) + lines_of(*SLICES[1:])).to_json()


def test_hundreds_of_consecutive_files_are_open_one_after_the_other(tmp_path):
    paths = []
    for number in range(300):
        paths.append(tmp_path / f"{number:03}.ndjson")
        paths[-1].write_bytes(lines_of(machine(number % 20, 2, first=1000.0 + 2 * number)))
    random.Random(1).shuffle(paths)
    code = """if True:
        import resource, sys
        from netmon.cli import main
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
        sys.exit(main(["merge", *sys.argv[1:]]))
    """
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == 600
    assert {each["requests"] for each in found} == {2}
    assert [each["start"] for each in found] == sorted(each["start"] for each in found)


# What is wrong with a file


def test_a_line_that_is_no_snapshot_is_named_and_the_rest_goes_on(written, capfdbinary):
    good = lines_of(machine(0, 3)).splitlines()
    exchange = next(iter(Monitor(read=machine(0, 1), exchanges=True))).exchanges_ndjson().splitlines()[0]
    other = good[0].replace(b'"schema":1', b'"schema":7')
    bad = [good[0], b"{", exchange, b'{"hits":3}', other, b"", *good[1:], good[0][:100]]
    first, second = written(a=b"\n".join(bad), b=lines_of(machine(1, 3)))
    code, out, told = merged(capfdbinary, first, second)
    assert code == 1
    assert total(out).requests == 12
    assert [line.split(": ")[1] for line in told.splitlines()] == [f"{first}:{n}" for n in (2, 3, 4, 5, 9)]
    assert "is an exchange, as --requests writes them" in told
    assert "it has no key schema" in told
    assert "it has schema 7, and this version of netmon reads schema 1" in told


@pytest.mark.parametrize("how", [[], ["--total"]])
def test_the_lines_of_a_file_without_a_snapshot_are_told_too(written, capfdbinary, how):
    good, bad = written(a=lines_of(machine(0, 1)), b=b"<html>\n" * 12)
    code, out, told = merged(capfdbinary, *how, good, bad)
    assert (code, total(out).requests) == (1, 2)
    assert told.splitlines()[0].startswith(f"netmon: {bad}:1: not a snapshot")
    assert told.splitlines()[-1] == f"netmon: {bad}: 2 more lines like these"


def test_a_file_without_a_line_adds_nothing(written, capfdbinary):
    good, empty = written(a=lines_of(machine(0, 1)), b=b"")
    code, out, told = merged(capfdbinary, good, empty)
    assert (code, total(out).requests, told) == (0, 2, "")


def test_of_many_bad_lines_the_first_are_told_and_the_others_counted(written, capfdbinary):
    (path,) = written(a=b"{\n" * 1000 + lines_of(machine(0, 1)))
    code, out, told = merged(capfdbinary, path)
    assert (code, len(told.splitlines()), total(out).requests) == (1, 11, 2)
    assert told.splitlines()[-1] == f"netmon: {path}: 990 more lines like these"


def test_quiet_tells_nothing_and_the_exit_code_stays(written, capfdbinary):
    assert merged(capfdbinary, "-q", *written(a=b"{\n" + lines_of(machine(0, 1))))[::2] == (1, "")


def test_a_compressed_file_that_is_cut_is_read_up_to_there(tmp_path, capfdbinary):
    path = tmp_path / "a.ndjson.gz"
    packed = gzip.compress(lines_of(WHOLE))
    path.write_bytes(packed[: len(packed) // 2])
    code, out, told = merged(capfdbinary, path)
    assert code == 1
    assert 0 < len(out.splitlines()) < len(list(Monitor(read=WHOLE)))
    assert "in the middle of compressed data" in told


def test_lines_out_of_order_are_told_and_counted(written, capfdbinary):
    lines = lines_of(machine(0, 6)).splitlines()
    (path,) = written(a=b"\n".join([*lines[3:], *lines[:3]]))
    code, out, told = merged(capfdbinary, path)
    assert code == 1
    assert f"{path}:4: begins before lines above it" in told
    assert total(out) == total(b"\n".join(lines))
    assert merged(capfdbinary, "--total", path)[0] == 0, "a sum has no order"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["a.ndjson", "a.ndjson"], 2, "a.ndjson: is given twice, and would be counted twice"),
        (["a.ndjson", "./a.ndjson"], 2, "is given twice"),
        (["none.ndjson"], 4, "none.ndjson: No such file"),
        (["."], 4, ".: is a directory"),
        (["a.ndjson", str(CAPTURES / "shop.pcap")], 4, "shop.pcap: is a capture; this counts it: netmon -r"),
        (["p.parquet"], 4, "p.parquet: is Parquet"),
        (["a.ndjson", "-o", "b.txt"], 2, "the name must end in"),
        (["a.ndjson", "-o", "a.ndjson"], 2, "the file exists"),
        (["a.ndjson", "--interval", "x"], 2, "--interval"),
        ([], 2, "FILE"),
    ],
)
def test_wrong_usage_says_what_is_wrong(written, capfdbinary, monkeypatch, tmp_path, arguments, code, words):
    written(a=lines_of(machine(0, 1)))
    (tmp_path / "p.parquet").write_bytes(b"PAR1")
    monkeypatch.chdir(tmp_path)
    found, out, told = merged(capfdbinary, *arguments)
    assert (found, out) == (code, b"")
    assert words in told


# Inputs and outputs


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd], ids=["plain", "gzip", "zstd"])
def test_a_file_may_be_compressed(tmp_path, capfdbinary, pack):
    path = tmp_path / "a"
    path.write_bytes(pack(lines_of(WHOLE)))
    assert merged(capfdbinary, path)[:2] == (0, lines_of(WHOLE))


def test_standard_input_and_pipes_are_read(tmp_path):
    path = tmp_path / "b.ndjson"
    path.write_bytes(lines_of(machine(1, 4)))
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m netmon merge - <(cat {path}) {tmp_path}/c.ndjson"],
        input=lines_of(machine(0, 4)), capture_output=True, check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 4, "the third file does not exist"
    (tmp_path / "c.ndjson").write_bytes(lines_of(machine(2, 4)))
    done = subprocess.run(done.args, input=lines_of(machine(0, 4)), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert [json.loads(line)["requests"] for line in done.stdout.splitlines()] == [6, 6, 6, 6]


def test_every_output_of_a_capture_is_one_of_a_merge(written, capfdbinary, tmp_path):
    pytest.importorskip("arro3.io")
    pytest.importorskip("jinja2")
    paths = written(a=lines_of(machine(0, 12)), b=lines_of(machine(1, 12)))
    names = [str(tmp_path / f"out.{end}") for end in ("ndjson", "json", "csv", "parquet", "html")]
    code, out, told = merged(capfdbinary, *paths, *(word for name in names for word in ("-o", name)))
    assert (code, out, told) == (0, b"", "")
    ndjson, document, csv, parquet, html = (Path(name).read_bytes() for name in names)
    assert len(ndjson.splitlines()) == 12
    want = total(ndjson)
    assert Snapshot.from_json(document) == want
    assert want.requests == 48
    import duckdb  # noqa: PLC0415  only this test reads Parquet

    assert duckdb.sql(f"select sum(requests) from '{names[3]}'").fetchall() == [(48,)]
    assert csv.count(b"\n") == 1 + 12 * 3
    assert b"own1" in html
    assert parquet.startswith(b"PAR1")


@pytest.mark.parametrize(("how", "begins"), [("json", b'{"schema":1'), ("csv", b"start,end,host,path")])
def test_standard_output_has_other_formats(written, capfdbinary, how, begins):
    code, out, _ = merged(capfdbinary, "--format", how, *written(a=lines_of(machine(0, 2))))
    assert (code, out[: len(begins)]) == (0, begins)


def test_the_filter_of_the_parts_is_that_of_the_sum(written, capfdbinary):
    def filtered(where):
        return lines_of(machine(0, 3), where=where).replace(b"}\n", b',"where":' + json.dumps(where).encode() + b"}\n")

    same = written(a=filtered('host:own or path:"/a b"'), b=filtered('host:own or path:"/a b"'))
    code, out, told = merged(capfdbinary, *same)
    assert (code, told) == (0, "")
    assert {json.loads(line)["where"] for line in out.splitlines()} == {'host:own or path:"/a b"'}
    code, out, told = merged(capfdbinary, *written(a=filtered("status:5xx"), b=lines_of(machine(1, 3))))
    assert "a.ndjson counts what matches status:5xx" in told
    assert "b.ndjson counts everything: the sum has no filter" in told
    assert all("where" not in json.loads(line) for line in out.splitlines())


def test_a_sum_keeps_the_rows_that_one_interval_may_have():
    def one(first):
        text = b'{"schema":1,"start":"1970-01-01T00:00:01Z","end":"1970-01-01T00:00:02Z","hosts":[%s]}' % b",".join(
            b'{"name":"h%d","sections":[{"path":"/","requests":1}],"requests":1}' % n
            for n in range(first, first + 6000)
        )
        return Snapshot.from_json(text)

    found = joining.merged([one(0), one(6000)])
    assert len(found.hosts) == 10_001
    assert sum(host.requests for host in found.hosts) == 12_000
    assert found.capture.hosts_folded == 2000


def test_an_interrupted_reader_of_the_output_is_no_error(written):
    (path,) = written(a=lines_of(WHOLE, interval=0.1))
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m netmon merge {path} | head -c 10"],
        capture_output=True, check=False, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert (len(done.stdout), done.stderr) == (10, b"")


def test_lines_are_read_from_a_descriptor(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"one\n\ntwo")
    with path.open("rb") as file:
        assert list(netmon._core.Lines(file.fileno())) == [b"one", b"", b"two"]
    with pytest.raises(ValueError, match="is no descriptor"):
        netmon._core.Lines(-1)

"""What netmon diff reads: each kind of input of the same traffic gives the same comparison, and mistakes are told."""

import gzip
import json
import math
import subprocess
import sys

import forge
import pytest
from netmon import Snapshot, SourceError
from netmon._core import WhereError
from netmon.compare import inputs, singles
from netmon.compare.findings import comparison
from netmon.config import ConfigError

NETMON = [sys.executable, "-m", "netmon", "--no-config", "-q", "--plain"]
NOON = 1_795_348_800.0
CONNECTION = ("retransmitted_ratio", "reset", "refused", "to_client", "to_server")
"""Measures that Parquet does not have."""


def talk(seconds, *, fails=(), took=0.02, at=NOON, host="api.example"):
    """Ten requests a second on connections of one second each; those whose number is in `fails` get a 503."""
    made = []
    for second in range(seconds):
        one = forge.Conversation(4000 + int(at + second) % 10_000, at + second)
        for turn in range(10):
            number = 10 * second + turn
            path = f"/v{turn % 2}/items/{number}"
            begun = at + second + 0.01 + turn * 0.09
            status = 503 if number in fails else 200
            one.ask(begun, "GET", host, path, status, took=took * (1 + turn / 10))
        made.append(one.close(at + second + 0.98))
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two captures, and each as netmon writes it in every form."""
    pytest.importorskip("arro3.io", reason="needs the extra [parquet]")
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "before.pcap").write_bytes(forge.pcap(*talk(30)))
    (folder / "after.pcap").write_bytes(forge.pcap(*talk(30, fails=range(100, 160), took=0.05, at=NOON + 3600)))
    for name in ("before", "after"):
        outputs = [f"{name}.ndjson", f"{name}.json", f"{name}.parquet", f"{name}.parquets.parquet/"]
        flags = [flag for each in outputs for flag in ("-o", folder / each if each[-1] != "/" else f"{folder}/{each}")]
        command = [*NETMON, "-r", folder / f"{name}.pcap", *flags]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)
    return folder


def compared(folder, before, after):
    sides = [inputs.read(str(folder / name), {}, 1.0) for name in (before, after)]
    return comparison(*(side.course for side in sides))


def figures(made, *, without=()):
    """Everything that a comparison says of each figure."""
    return {
        (each.place, each.kind.name): (
            each.measured.before,
            each.measured.after,
            each.measured.ratio,
            each.measured.difference,
            each.chance,
            each.is_certain,
        )
        for each in made.findings
        if each.kind.name not in without
    }


FORMS = ("pcap", "ndjson", "parquet", "parquets.parquet")


@pytest.mark.parametrize("form", FORMS[1:])
def test_each_kind_of_input_gives_the_same_comparison(folder, form):
    without = CONNECTION if "parquet" in form else ()
    expected = figures(compared(folder, "before.pcap", "after.pcap"), without=without)
    assert figures(compared(folder, f"before.{form}", f"after.{form}"), without=without) == expected
    assert figures(compared(folder, "before.pcap", f"after.{form}"), without=without) == expected
    assert len(expected) >= 20
    assert any(certain for *_, certain in expected.values())


def test_a_document_has_the_same_values_and_no_course(folder):
    whole, document = compared(folder, "before.pcap", "after.pcap"), compared(folder, "before.json", "after.json")
    values = [
        {key: (one.value, one.events, two.value, two.events) for key, (one, two, *_) in figures(each).items()}
        for each in (whole, document)
    ]
    assert values[0] == values[1]
    assert len(document.before.blocks) == 1


def test_each_kind_is_told_by_its_first_bytes(folder, tmp_path):
    kinds = {form: inputs.format_of(str(folder / f"before.{form}")) for form in (*FORMS, "json")}
    assert kinds == {
        "pcap": "capture",
        "ndjson": "json",
        "json": "json",
        "parquet": "parquet",
        "parquets.parquet": "parquet",
    }
    odd = tmp_path / "no-extension"
    odd.write_bytes((folder / "before.ndjson").read_bytes())
    assert inputs.format_of(str(odd)) == "json"
    assert inputs.format_of("-") == "capture"


def test_lines_may_be_compressed(folder, tmp_path):
    for name in ("before.ndjson", "before.json"):
        packed = tmp_path / f"{name}.gz"
        packed.write_bytes(gzip.compress((folder / name).read_bytes()))
        assert inputs.format_of(str(packed)) == "json"
        read = [inputs.read(str(path), {}, 1.0).course.total for path in (packed, folder / name)]
        assert read[0] == read[1]
    cut = tmp_path / "cut.ndjson.gz"
    cut.write_bytes(gzip.compress((folder / "before.ndjson").read_bytes())[:-200])
    with pytest.raises(SourceError, match=r"cut\.ndjson\.gz"):
        inputs.read(str(cut), {}, 1.0)


def test_a_glob_stands_for_its_files(folder, tmp_path):
    lines = (folder / "before.ndjson").read_bytes().splitlines(keepends=True)
    for name, part in (("all.ndjson", lines[20:]), ("all.1.ndjson", lines[10:20]), ("all.2.ndjson", lines[:10])):
        (tmp_path / name).write_bytes(b"".join(part))
    (tmp_path / "all.3.ndjson").touch()  # as on a full disk
    whole = inputs.read(str(folder / "before.ndjson"), {}, 1.0).course
    parts = inputs.read(f"{tmp_path}/all*.ndjson", {}, 1.0).course
    assert parts.total == whole.total
    assert [seconds for seconds, _ in parts.blocks] == pytest.approx([seconds for seconds, _ in whole.blocks])
    for name, at in (("ring0.pcap", NOON), ("ring1.pcap", NOON + 5)):
        (tmp_path / name).write_bytes(forge.pcap(*talk(5, at=at)))
    assert inputs.read(f"{tmp_path}/ring?.pcap", {}, 1.0).course.total.requests == 100


def test_a_document_may_be_spread_over_lines(folder, tmp_path):
    path = tmp_path / "pretty.json"
    path.write_text(json.dumps(json.loads((folder / "before.json").read_text()), indent=2))
    assert (
        inputs.read(str(path), {}, 1.0).course.total == inputs.read(str(folder / "before.json"), {}, 1.0).course.total
    )


def test_the_filter_of_what_was_counted_is_read(folder, tmp_path):
    out = tmp_path / "some.ndjson"
    where = "status:5xx host:api"
    command = [*NETMON, "-r", folder / "after.pcap", "-o", out, "--where", where]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)
    side = inputs.read(str(out), {}, 1.0)
    assert (side.where, side.course.total.requests) == (where, 60)
    assert inputs.read(str(folder / "after.ndjson"), {}, 1.0).where is None
    mixed = tmp_path / "mixed.ndjson"
    mixed.write_bytes(out.read_bytes() + (folder / "after.ndjson").read_bytes())
    with pytest.raises(SourceError, match="counted with different filters"):
        inputs.read(str(mixed), {}, 1.0)


def test_settings_hold_for_captures(folder):
    side = inputs.read(str(folder / "after.pcap"), {"where": "status:5xx", "section_depth": 2}, 1.0)
    assert (side.course.total.requests, side.depth, side.where) == (60, 2, "status:5xx")
    with pytest.raises(WhereError):
        inputs.read(str(folder / "after.pcap"), {"where": "host:("}, 1.0)


WRONG = [
    ("empty.ndjson", b"", "is empty"),
    ("noise.pcap", b"noise" * 40, "is not a capture file"),
    ("other.ndjson", b'{"a": 1}\n', "line 1 is no snapshot of netmon"),
    ("cut.ndjson", b'{"schema":1,"hosts":[', "line 1 is no snapshot of netmon"),
    ("later.ndjson", b'{"schema":9,"hosts":[]}\n', "line 1 is no snapshot of netmon: .*schema"),
    ("spread.json", b'{\n "schema": 1, "hosts": [\n', "is not JSON"),
    ("a.csv", b"start,end,host\n", "is CSV, which has no histograms"),
    ("cut.parquet", b"PAR1" + b"x" * 50, "has no end, as the file of a run that was killed"),
    ("bad.parquet", b"PAR1" + b"x" * 50 + b"\x20\0\0\0PAR1", "cannot be read as Parquet"),
]


@pytest.mark.parametrize(("name", "content", "message"), WRONG, ids=[row[0] for row in WRONG])
def test_what_cannot_be_read_is_told(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError, match=message) as caught:
        inputs.read(str(path), {}, 1.0)
    assert name in str(caught.value)


def test_files_that_are_missing_or_of_several_kinds_are_told(folder, tmp_path):
    for given, message in (
        (tmp_path / "none.pcap", "No such file or directory"),
        (tmp_path / "*.pcap", "no file has such a name"),
        (tmp_path, "is a folder without a .parquet file"),
        (folder / "before.[np]*", "has files of several kinds: capture, json, parquet"),
    ):
        with pytest.raises(SourceError, match=message):
            inputs.read(str(given), {}, 1.0)


@pytest.fixture(scope="module")
def listed(folder):
    """The same captures as lists of their requests."""
    for name in ("before", "after"):
        command = [*NETMON[:-1], "-r", folder / f"{name}.pcap", "--requests"]
        printed = subprocess.run([*command, "--ndjson"], check=True, capture_output=True, timeout=60).stdout
        (folder / f"{name}.requests.ndjson").write_bytes(printed)
        flags = ["-o", folder / f"{name}.requests.parquet"]
        subprocess.run([*command, *flags], check=True, stdout=subprocess.DEVNULL, timeout=60)
    return folder


@pytest.mark.parametrize("form", ["requests.ndjson", "requests.parquet"])
def test_lists_of_requests_give_the_same_comparison(listed, form):
    assert inputs.format_of(str(listed / f"before.{form}")) == ("parquet" if "parquet" in form else "requests")
    expected = figures(compared(listed, "before.pcap", "after.pcap"), without=CONNECTION)
    assert figures(compared(listed, f"before.{form}", f"after.{form}"), without=CONNECTION) == expected


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 1e-6, 0.001, 0.0625, 0.1, 0.25, 1.0, 1.0000001, 3.7, 3600.0])
def test_a_listed_latency_counts_in_the_bucket_of_the_core(seconds):
    """Powers of two are edges of buckets, which are upper bounds."""
    found = Snapshot.from_json(json.dumps({"schema": 1, "latency": singles.histogram(seconds)})).latency
    assert (found.count, found.zero_count) == (1, int(not seconds))
    if seconds:
        low, high = (2 ** ((found.offset + at) / 16) for at in (0, 1))
        assert int(low * 1e9) < round(seconds * 1e9) <= int(high * 1e9)


ENDLESS = {"ts": "2026-11-26T12:00:00.0Z", "host": "a", "section": "/", "method": "GET", "status": 200}
ENDLESS |= {"request_bytes": 1, "response_bytes": 1, "latency": math.inf, "duration": 0.1}
LATE = ENDLESS | {"ts": "9999-12-31T23:59:59.0Z", "latency": 0.1}


@pytest.mark.parametrize("line", [json.dumps(ENDLESS), json.dumps(LATE)])
def test_an_exchange_with_a_number_beyond_all_bounds_is_told(tmp_path, line):
    path = tmp_path / "requests.ndjson"
    path.write_text(f"{line}\n")
    with pytest.raises(SourceError, match="has a line that is no exchange of netmon: OverflowError"):
        inputs.read(str(path), {}, 1.0)


@pytest.mark.parametrize("line", ['{"ts":1}', '{"ts":"2026-11-26T12:00:00.000000Z"}', '{"ts":"x", ', '{"ts":null}'])
def test_a_line_that_is_no_exchange_is_told(tmp_path, line):
    path = tmp_path / "requests.ndjson"
    path.write_text(f"{line}\n")
    with pytest.raises(SourceError, match="has a line that is no exchange of netmon"):
        inputs.read(str(path), {}, 1.0)


def test_a_compressed_capture_that_is_cut_cannot_be_read(folder, tmp_path):
    path = tmp_path / "cut.pcap.gz"
    path.write_bytes(gzip.compress((folder / "before.pcap").read_bytes())[:-200])
    with pytest.raises(SourceError):
        inputs.read(str(path), {}, 1.0)


def test_a_missing_extra_is_named_with_the_command_that_installs_it(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "arro3.io", None)
    with pytest.raises(ConfigError, match=r"pip install 'netmon-http\[parquet\]'"):
        inputs.read(str(folder / "before.parquet"), {}, 1.0)

"""The command ``netmon diff`` as a process: its text, its JSON, its exit codes, and hostile names in all outputs."""

import json
import os
import subprocess
import sys
from importlib.resources import files

import forge
import pages
import pytest
from disks import small_disk
from jsonschema import Draft202012Validator
from netmon import _core, cli
from netmon.compare import command
from netmon.compare.conditions import FORM, condition
from netmon.compare.document import document
from netmon.compare.result import result
from netmon.compare.text import text
from netmon.compare.view import view
from test_compare import BASE, LATER, course, side
from test_compare_inputs import NOON, talk
from test_schema import strict
from traffic import Shape

DIFF = [sys.executable, "-m", "netmon", "diff"]
SCHEMA = json.loads(files("netmon").joinpath("schema/diff.json").read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Captures of known traffic: 600 requests before, of which 3 fail; 610 after, of which 61 fail, and slower."""
    folder = tmp_path_factory.mktemp("captures")
    (folder / "before.pcap").write_bytes(forge.pcap(*talk(60, fails={100, 200, 300})))
    after = talk(61, fails=range(0, 610, 10), took=0.03, at=NOON + 3600)
    (folder / "after.pcap").write_bytes(forge.pcap(*after))
    (folder / "same.pcap").write_bytes(forge.pcap(*talk(60, fails={150, 250, 350}, at=NOON + 7200)))
    flags = ["-q", "--no-config", "--plain", "-r", folder / "before.pcap", "-o", folder / "before.ndjson"]
    subprocess.run([*DIFF[:-1], *flags], check=True, stdout=subprocess.DEVNULL, timeout=60)
    return folder


def run(folder, *arguments, **environment):
    """(exit code, standard output, standard error) of the command in a folder."""
    done = subprocess.run(  # noqa: PLW1510  the exit code is what is tested
        [*DIFF, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
        env={**os.environ, "TZ": "UTC", **environment},
    )
    return done.returncode, done.stdout, done.stderr


WORSE = """\
error ratio of api.example rose from 0.5 % (3 of 600) to 10.0 % (61 of 610)

FAILED  error_ratio > 1% worse: error ratio of all traffic rose from 0.5 % (3 of
        600) to 10.0 % (61 of 610) (+7 to +12 points)
passed  requests > 50% less: requests of all traffic stayed at 10.0/s (600 in
        1 min before, 610 in 1 min 1 s after) (-14 to +16 %)

before  before.pcap, 2026-11-22 12:00:00 +00:00, 1 min, 600 requests, 1 560
        packets, none lost
after   after.pcap, 2026-11-22 13:00:00 +00:00, 1 min 1 s, 610 requests, 1 586
        packets, none lost

6 changes are certain, the most important first (- worse, + better):
                       before          after  change (95 %)
api.example
  - error ratio  0.5 % of 600  10.0 % of 610  +7 to +12 points
  - p50          28 ms of 600   41 ms of 610  +30 to +68 %
  - p95          38 ms of 600   56 ms of 610  +44 to +53 %
api.example/v0
  - error ratio  1.0 % of 300  20.0 % of 305  +14 to +24 points
  - p50          28 ms of 300   41 ms of 305  +41 to +54 %
api.example/v1
  - p50          31 ms of 300   45 ms of 305  +41 to +54 %

Statuses, as shares of all responses:
                       before          after  change (95 %)
api.example
  - status 503   0.5 % of 600  10.0 % of 610  +7 to +12 points
    status 200  99.5 % of 600  90.0 % of 610  -12 to -7 points

34 figures compared, 13 changed for certain (95 %); --all lists the others as
well.
"""


def test_the_text_begins_with_the_answer_and_the_outcomes_and_fits_80_columns(folder):
    conditions = ["--fail-if", "error_ratio > 1% worse", "--fail-if", "requests > 50% less"]
    code, out, err = run(folder, "before.pcap", "after.pcap", *conditions)
    assert (code, err) == (6, "")
    assert out == WORSE
    assert max(map(len, out.splitlines())) <= 80


def test_equal_traffic_has_no_certain_change(folder):
    code, out, err = run(folder, "before.pcap", "same.pcap", "--fail-if", "error_ratio > 3% worse")
    assert (code, err) == (0, "")
    assert out.startswith("No change is certain: 600 requests before, 600 after\n\npassed  error_ratio > 3% worse: ")
    assert "No change is certain. All traffic:\n" in out
    assert "figures compared, 0 changed for certain (95 %); --all lists the others as\nwell.\n" in out


def test_a_capture_compared_with_its_own_ndjson_is_the_same(folder):
    code, out, _ = run(folder, "before.pcap", "before.ndjson", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["certain"], found["changes"]) == (0, [])
    assert found["answer"] == "No change is certain: 600 requests before, 600 after"
    assert {each["difference"] for each in found["totals"]} == {0}


# Exit codes


CODES = [
    (["before.pcap", "after.pcap"], 0),
    (["before.pcap", "after.pcap", "--fail-if", "error_ratio > 1% worse"], 6),
    (["before.pcap", "after.pcap", "--fail-if", "error_ratio > 1% worse", "--strict"], 6),
    (["before.pcap", "after.pcap", "--fail-if", "error_ratio > 40% worse", "--strict"], 0),
    (["before.pcap", "same.pcap", "--fail-if", "error_ratio > 0.5% worse"], 0),
    (["before.pcap", "same.pcap", "--fail-if", "error_ratio > 0.5% worse", "--strict"], 6),
    (["before.pcap", "same.pcap", "--fail-if", "p99 > 1% wrose"], 2),
    (["before.pcap"], 2),
    (["before.pcap", "after.pcap", "--no-such-flag"], 2),
    (["before.pcap", "after.pcap", "-o", "a.pdf"], 2),
    (["before.pcap", "after.pcap", "--where", "host:("], 2),
    (["before.pcap", "after.pcap", "-f", "no such filter"], 2),
    (["-", "-"], 2),
    (["before.pcap", "none.pcap"], 4),
    (["none.ndjson", "after.pcap"], 4),
    (["before.pcap", "after.pcap", "-o", "no-such-folder/a.txt"], 1),
]


@pytest.mark.parametrize(("arguments", "expected"), CODES, ids=[" ".join(row[0]) for row in CODES])
def test_the_exit_code_says_what_happened(folder, arguments, expected):
    code, _, err = run(folder, *arguments)
    assert code == expected
    assert "Traceback" not in err


def test_a_mistake_in_a_condition_is_pointed_at(folder):
    _, _, err = run(folder, "before.pcap", "after.pcap", "--fail-if", "p95 > 50ms wrose")
    lines = err.splitlines()
    assert lines[0] == "netmon: --fail-if: 'wrose' is not one of worse, better, more, less, change"
    assert lines[1:] == ["  p95 > 50ms wrose", "             ^"]


def test_a_mistake_in_a_filter_is_pointed_at(folder):
    _, _, err = run(folder, "before.pcap", "after.pcap", "--where", "host:a )")
    assert err.splitlines()[1:] == ["  host:a )", "         ^"]


def test_escape_codes_in_a_condition_reach_no_terminal(folder):
    _, out, err = run(folder, "before.pcap", "after.pcap", "--fail-if", "p95\x1b[31m > 1% worse")
    assert "\x1b" not in out + err


def test_too_few_data_are_told_and_do_not_fail(folder):
    _, out, _ = run(folder, "before.pcap", "same.pcap", "--fail-if", "p99 > 1% worse")
    assert "unsure  p99 > 1% worse: not enough data to say: p99 of all traffic " in out
    _, out, err = run(folder, "before.pcap", "same.pcap", "--fail-if", "p99 > 1% worse", "--json")
    assert err.startswith("netmon: p99 > 1% worse: unsure: not enough data to say: ")
    assert json.loads(out)["conditions"][0]["verdict"] == "unsure"


def test_the_help_names_the_exit_code_and_the_form_of_a_condition(capsys):
    assert cli.main(["diff", "--help"]) == 0
    out = capsys.readouterr().out
    assert "6 a condition of --fail-if fails" in out
    assert FORM in " ".join(out.split())
    assert cli.main(["--help"]) == 0
    assert "  6  netmon diff --fail-if and a change fails it" in capsys.readouterr().out


def test_a_reader_that_has_seen_enough_does_not_change_the_exit_code(folder):
    reading, writing = os.pipe()
    os.close(reading)
    command = [*DIFF, "before.pcap", "after.pcap", "--all", "--json", "--fail-if", "error_ratio > 1% worse"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=60, cwd=folder)  # noqa: PLW1510
    os.close(writing)
    assert done.returncode == 6
    assert b"Traceback" not in done.stderr


# Settings


def test_settings_of_captures_are_refused_for_what_is_counted_already(folder):
    code, _, err = run(folder, "before.ndjson", "before.ndjson", "--where", "status:5xx", "--section-depth", "2")
    assert code == 2
    assert (
        "--where, --section-depth cannot be applied: before.ndjson and before.ndjson have been counted already" in err
    )


def test_settings_hold_for_the_one_side_that_is_a_capture_and_that_is_told(folder):
    code, out, _ = run(folder, "before.ndjson", "after.pcap", "--where", "status:5xx")
    told = " ".join(out.split())
    assert code == 0
    assert "The sides were counted with different filters, before: none, after: status:5xx." in told
    assert "--where was applied to after.pcap alone: before.ndjson had been counted already." in told


def test_sections_of_another_depth_are_told(folder):
    _, out, _ = run(folder, "before.ndjson", "after.pcap", "--section-depth", "2")
    assert "Sections have up to 1 path segment before and 2 after" in out


def test_no_configuration_is_read(folder, tmp_path):
    config = tmp_path / "netmon" / "config.toml"
    config.parent.mkdir()
    config.write_text('where = "host:nobody"\n')
    more = {"XDG_CONFIG_HOME": str(tmp_path), "NETMON_WHERE": "host:nobody", "NETMON_COLOR": "always"}
    assert run(folder, "before.pcap", "after.pcap", **more) == run(folder, "before.pcap", "after.pcap")


def test_standard_input_may_be_one_side(folder):
    with (folder / "after.pcap").open("rb") as capture:
        done = subprocess.run(
            [*DIFF, "before.pcap", "-", "--json"],
            stdin=capture,
            capture_output=True,
            timeout=60,
            cwd=folder,
            check=True,
        )
    assert json.loads(done.stdout)["after"]["requests"] == 610


# Outputs


def test_outputs_are_written_beside_the_text_and_never_replaced_unasked(folder, tmp_path):
    pytest.importorskip("jinja2", reason="needs the extra [html]")
    names = [str(tmp_path / name) for name in ("d.html", "d.json", "d.txt")]
    flags = [flag for name in names for flag in ("-o", name)]
    code, out, _ = run(folder, "before.pcap", "after.pcap", *flags)
    assert code == 0
    assert (tmp_path / "d.txt").read_text() == out
    assert json.loads((tmp_path / "d.json").read_text())["answer"] == out.splitlines()[0]
    assert "error ratio of api.example" in (tmp_path / "d.html").read_text()
    assert (tmp_path / "d.txt").stat().st_mode & 0o777 == 0o600
    code, _, err = run(folder, "before.pcap", "same.pcap", *flags)
    assert (code, "the file exists; --force replaces it" in err) == (2, True)
    assert run(folder, "before.pcap", "same.pcap", *flags, "--force")[0] == 0
    assert (tmp_path / "d.txt").read_text().startswith("No change is certain")


def test_a_missing_extra_is_named_before_anything_is_read(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert cli.main(["diff", "none.pcap", "none.pcap", "-o", "d.html"]) == 2
    assert "pip install 'netmon-http[html]'" in capsys.readouterr().err


def test_colours_are_those_that_are_asked_for(folder):
    plain = run(folder, "before.pcap", "after.pcap")[1]
    coloured = run(folder, "before.pcap", "after.pcap", "--color", "always")[1]
    assert "\x1b" not in plain
    assert "\x1b[31m" in coloured
    for code in ("\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"):
        coloured = coloured.replace(code, "")
    assert coloured == plain


@pytest.mark.parametrize("width", [20, 60, 80, 100, 132, 400])
def test_no_line_is_wider_than_the_terminal(width):
    made = worse(hosts=["api.example", "a-host-with-a-very-long-name.and.a.long.domain.example.internal" * 2])
    lines = text(made, width=width, all_rows=True).splitlines()
    assert max(map(len, lines)) <= max(60, min(width, 132)) + 10 * (width < 80)


def worse(hosts=("api.example",), **more):
    before = {(host, "/v1"): Shape(40, errors=0.002) for host in hosts}
    after = {key: Shape(40, errors=0.05, seconds=0.03) for key in before}
    return result(side(course(before)), side(course(after, seed=2, start=LATER, **more)), [condition("p95 > 1% worse")])


# JSON


def faults(made):
    validator = Draft202012Validator(strict(SCHEMA), format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{list(error.absolute_path)}: {error.message[:200]}" for error in validator.iter_errors(made)]


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("all_rows", [False, True])
def test_every_document_is_valid_and_every_key_is_described(all_rows):
    appears = BASE | {("new.example", "/"): Shape(5)}
    empty, whole = side(course({}, 0)), side(course(BASE))
    conditions = [
        condition(each) for each in ("error_ratio > 1% worse", "p99 > 0 change", "requests > 1% more per host")
    ]
    for before, after in (
        (whole, side(course(appears, seed=2))),
        (side(course(appears)), whole),
        (whole, empty),
        (empty, empty),
        (whole, side(course(BASE, seed=2), format="parquet")),
    ):
        made = document(result(before, after, conditions), all_rows=all_rows)
        assert faults(json.loads(json.dumps(made, allow_nan=False))) == []


def test_the_document_has_the_figures_of_the_text(folder):
    _, out, _ = run(folder, "before.pcap", "after.pcap", "--json", "--fail-if", "error_ratio > 1% worse")
    found = json.loads(out)
    assert faults(found) == []
    first = found["changes"][0]
    assert (first["per"], first["host"], first["measure"], first["verdict"]) == (
        "host",
        "api.example",
        "error_ratio",
        "worse",
    )
    assert (first["before"]["events"], first["before"]["of"]) == (3, 600)
    assert (first["after"]["events"], first["after"]["of"]) == (61, 610)
    assert first["difference"] == pytest.approx(0.1 - 0.005)
    assert first["difference_low"] == pytest.approx(0.072, abs=5e-4)
    assert found["conditions"][0]["verdict"] == "failed"
    assert found["before"]["packets"] == 1560
    assert found["certain"] >= len(found["changes"]) > 0


def test_all_lists_every_figure(folder):
    _, out, _ = run(folder, "before.pcap", "after.pcap", "--json", "--all")
    found = json.loads(out)
    assert len(found["changes"]) == found["compared"] > found["certain"]
    _, out, _ = run(folder, "before.pcap", "after.pcap", "--all")
    assert "Not certain, so perhaps chance:\n" in out


# Hostile names


def test_no_part_of_an_output_is_left_on_a_full_disk(folder, tmp_path):
    with small_disk(tmp_path / "disk", "8k") as disk:
        code, _, said = run(folder, "before.pcap", "after.pcap", "--all", "-o", str(disk / "d.json"))
        assert (code, said) == (1, f"netmon: {disk}/d.json: No space left on device\n")
        assert list(disk.iterdir()) == []


@pytest.fixture(scope="module")
def hostile():
    names = [name for name in pages.HOSTILE if name]
    before = {(name, f"/{name}"): Shape(12, errors=0.0) for name in names}
    after = {key: Shape(12, errors=0.5) for key in before}
    sides = (
        side(course(before, 40), name=f"\x1b[2J{names[0]}"),
        side(course(after, 40, seed=2), where=f"host:\x1b{names[1]}"),
    )
    return result(*sides, [condition("error_ratio > 1% worse per host")])


def test_hostile_names_are_printable_in_text_and_json(hostile):
    for shown in (text(hostile, all_rows=True), text(hostile, width=60)):
        assert all(line.isprintable() for line in shown.splitlines())
    said = [finding["said"] for finding in document(hostile)["changes"]]
    assert said
    assert all(each.isprintable() for each in said)
    assert json.dumps(document(hostile)).isascii()


def test_hostile_names_are_text_in_the_page(hostile):
    render = pytest.importorskip("netmon.page.render", reason="needs the extra [html]")
    page = render.comparison(view(hostile))
    for name in pages.HOSTILE[:8]:
        assert name not in page or "<" not in name + '"'
    assert "<img" not in page
    assert page.count("<script>") == 1, "the script of the theme"
    assert page.count("</script>") == 1


def test_a_page_of_many_rows_stays_small(monkeypatch):
    render = pytest.importorskip("netmon.page.render", reason="needs the extra [html]")
    monkeypatch.setattr("netmon.compare.view.ROWS", 100)
    shapes = {(f"host-{n:04}.example", "/"): Shape(3, errors=0.0) for n in range(150)}
    worse = {key: Shape(3, errors=0.9) for key in shapes}
    made = result(side(course(shapes, 20)), side(course(worse, 20, seed=2)))
    page = render.comparison(view(made))
    assert page.count('<tr class="group">') <= 4 * 100
    assert len(page) < 2_000 * 100, "a thousand rows have less than 2 MB"
    assert "more rows, which are less important, are not in this page." in page


def test_the_extensions_are_those_that_the_help_names():
    shown = command.parser().format_help()
    assert all(extension in shown for extension in command.OUTPUTS)
    assert _core.OTHER not in shown


@pytest.mark.parametrize("seconds", [(0, 0), (0, 30), (30, 0)])
def test_runs_without_http_are_compared_in_every_output(seconds):
    render = pytest.importorskip("netmon.page.render", reason="needs the extra [html]")
    sides = (side(course(BASE, length, seed=length)) for length in seconds)
    made = result(*sides, [condition("error_ratio > 1% worse")])
    shown = text(made, all_rows=True)
    assert shown.startswith("No HTTP was seen ")
    assert "unsure  error_ratio > 1% worse: not enough data to say" in " ".join(shown.split(" "))
    assert "No HTTP was seen " in render.comparison(view(made))
    assert faults(document(made)) == []

"""Hostile bytes in every output: shown as text, on one line, in bounds; a parser of its format reads each output.

One capture has every text of `hostile.TEXTS` in every place that the wire controls; one run of `published` gives all
outputs.
"""

import csv
import io
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import hostile
import pytest
from netmon import Snapshot, cli
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
from published import BRIEF, published
from test_promises_hostile import OBEYED

pytest.importorskip("jinja2", reason="needs the extra [html]")
read_parquet = pytest.importorskip("arro3.io", reason="needs the extra [parquet]").read_parquet

pytestmark = pytest.mark.timeout(300)  # for the run that all tests share, on a busy machine

RULE = "e\x1b]0;pwn\x07\u202e</script>=1+1\u2028"
"""The name of an alert rule, which a configuration file may have."""

BINARY = re.compile(r"parquet|protobuf|pickle|^evidence$")
CSV = ("all.csv", "merged.csv", "exported table", "--csv, printed", "--csv --requests, printed", "plain--requests.csv")
PAGES = ("page", "report.html", "merged.html", "diff.html")
LINES = ("all.ndjson", "standard output", "merged.ndjson", "log.json", "--ndjson --requests, printed")
METRICS = ("metrics: text/plain", "metrics: application/openmetrics-text; version=1.0.0")
LONGEST = 1200
"""Characters of one text from the wire in any output: 1,024 and what escapes and a hash add."""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """All outputs about the hostile capture, whose file has a hostile name."""
    folder = tmp_path_factory.mktemp("hostile")
    return published(folder, hostile.capture(hostile.pcap_name(folder)), rule=RULE)


def text(data):
    return data.decode().replace("\r\n", "\n")


def strings(value):
    """All strings in a document of JSON, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for each in value.values():
            yield from strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from strings(each)


def documents(data):
    """The documents of JSON that stand one behind the other."""
    rest, decoder = data.decode().strip(), json.JSONDecoder()
    while rest:
        value, end = decoder.raw_decode(rest)
        yield value
        rest = rest[end:].strip()


def test_the_capture_reaches_every_output_and_every_text_arrives(found):
    total = Snapshot.merge(map(Snapshot.from_json, found["all.ndjson"].splitlines()))
    names = " ".join(
        [host.name for host in total.hosts] + [each.path for host in total.hosts for each in host.sections]
    )
    for part in ("pwn", "cmd|", "<img", "jndi", "LLLLLLLL", "\\x9b", "xn--pypal-4ve.example", "{{7*7}}", "..#"):
        assert part in names, part
    assert total.requests > 400
    assert len(total.interfaces) > 20
    assert {name for name, data in found.items() if not data} <= {"merge", "standard error, quiet", "merged.csv"}


def test_no_output_of_text_has_a_character_that_a_terminal_obeys(found):
    bad = {}
    for name, data in found.items():
        if not BINARY.search(name) and name != "screen" and (hit := OBEYED.search(text(data))):
            bad[name] = text(data)[max(0, hit.start() - 40) : hit.end() + 10]
    assert bad == {}


def test_no_text_of_the_wire_becomes_a_line_of_its_own(found):
    for name, data in found.items():
        if not BINARY.search(name) and name != "screen":
            assert not re.search(r"^\s*netmon: forged", text(data), re.M), name
    for name in (*LINES, "log.text"):
        shown = text(found[name])
        assert len(shown.splitlines()) == shown.count("\n"), name


@pytest.mark.parametrize("name", [*LINES, "all.json", "state.json", "webhooks", "told", "diff --all --json"])
def test_json_is_read_by_a_parser_and_its_texts_are_safe_and_short(found, name):
    every = [each for document in documents(found[name]) for each in strings(document)]
    assert every
    if name == "told":  # the standard input of a command is a document of its own
        every += [each for text in every if text.startswith("{") for each in strings(json.loads(text))]
        every = [each for each in every if not each.startswith("{")]
    assert [each for each in every if OBEYED.search(each.replace("\r", ""))] == []
    if name in ("all.ndjson", "all.json", "standard output", "merged.ndjson"):
        assert found[name].isascii()
        assert max(map(len, every)) <= LONGEST


@pytest.mark.parametrize("name", CSV)
def test_cells_of_csv_are_no_formulas_and_no_lines(found, name):
    rows = list(csv.reader(io.StringIO(found[name].decode(), newline="")))
    assert len({len(row) for row in rows}) <= 1
    cells = [cell for row in rows for cell in row]
    assert [cell for cell in cells if cell[:1] in "=+-@\t\r" and cell and not re.fullmatch(r"-?[0-9.e+-]+", cell)] == []
    assert [cell for cell in cells if re.search(r"[\r\n]", cell)] == []
    assert max(map(len, cells), default=0) <= 40_000


class Page(HTMLParser):
    """What a page is made of: its tags with their attributes, and the contents of scripts by their type."""

    def __init__(self, data):
        super().__init__(convert_charrefs=True)
        self.tags, self.scripts, self._in = [], [], None
        self.feed(data.decode())
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._in = dict(attrs).get("type", "script") if tag == "script" else None

    def handle_endtag(self, tag):
        self._in = None

    def handle_data(self, data):
        if self._in is not None:
            self.scripts.append((self._in, data))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_element_no_attribute_and_no_script_of_the_wire(found, name):
    page = Page(found[name])
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"img", "iframe", "object", "embed", "base", "form", "math"}
    attributes = [(tag, key, value or "") for tag, attrs in page.tags for key, value in attrs.items()]
    assert [each for each in attributes if each[1].startswith("on")] == []
    links = [value for tag, _, value in attributes if re.match(r"\s*(javascript|data|vbscript):", value, re.IGNORECASE)]
    assert all(link.startswith("data:image/svg+xml,%3Csvg") for link in links), "the icon of the page"
    assert len(set(links)) <= 1
    [policy] = [
        a["content"] for tag, a in page.tags if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    kinds = [kind for kind, _ in page.scripts]
    assert kinds.count("script") == len(re.findall(r"'sha256-", policy.partition("script-src")[2].partition(";")[0]))
    for kind, source in page.scripts:
        if kind == "application/json":
            assert "<" not in source
            assert [each for each in strings(json.loads(source)) if OBEYED.search(each)] == []
        else:
            assert "pwn" not in source
            assert "alert(1)" not in source


def test_the_stream_of_the_page_has_only_fields_of_its_own(found):
    for line in text(found["stream of the page"]).rstrip().splitlines():
        field, _, value = line.partition(": ")
        assert field in ("id", "event", "data", "retry"), line[:80]
        if field == "data":
            assert [each for each in strings(json.loads(value)) if OBEYED.search(each)] == []


@pytest.mark.parametrize("name", METRICS)
def test_metrics_are_read_by_the_parser_of_prometheus_and_their_labels_are_bounded(found, name):
    parse = openmetrics if "openmetrics" in name else prometheus
    samples = [sample for family in parse(text(found[name])) for sample in family.samples]
    labels = [value for sample in samples for value in sample.labels.values()]
    assert [value for value in labels if OBEYED.search(value)] == []
    assert max(map(len, labels)) <= 1024
    methods = {sample.labels["http_request_method"] for sample in samples if "http_request_method" in sample.labels}
    assert methods <= {"GET", "POST", "CONNECT", "_OTHER"}
    assert len({sample.labels.get("server_address") for sample in samples}) <= 210


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool")
def test_promtool_finds_no_error_in_hostile_metrics(found):
    done = subprocess.run(["promtool", "check", "metrics"], input=found[METRICS[0]], capture_output=True, check=False)
    assert done.returncode in (0, 3), done.stderr
    assert b"error while linting" not in done.stderr


@pytest.mark.parametrize("name", ["all.parquet", "plain--requests.parquet"])
def test_texts_of_parquet_are_safe(found, name):
    batches = list(read_parquet(io.BytesIO(found[name])))
    assert sum(batch.num_rows for batch in batches) > 200
    shown = repr([[str(value) for value in batch.column(at)] for batch in batches for at in range(batch.num_columns)])
    assert not OBEYED.search(shown.replace("\\\\", ""))


def test_files_of_evidence_have_names_of_safe_characters(found):
    for name in text(found["names of evidence"]).splitlines():
        assert re.fullmatch(r"\d{8}T\d{6}\.\d{3}Z-[A-Za-z0-9_-]+\.pcapng", name), name


def test_a_command_gets_texts_that_are_safe_on_a_command_line(found):
    for environment, _ in documents(found["told"].replace(b"][", b"]\n[")):
        for name, value in environment.items():
            assert not OBEYED.search(value), name
            assert "\n" not in value, name


def test_the_screen_sends_a_terminal_nothing_of_the_wire_that_it_obeys(found):
    sent = found["screen"]
    assert b"pwn" in sent, "the text is shown"
    for code in (
        b"\x1b]",
        b"\x1bP",
        b"\x1b_",
        b"\x1b[6n",
        b"\x1b[5n",
        b"\x1b[c",
        b"\x1b[8m",
        b"\x05",
        b"\x9b31",
        b"\0",
    ):
        assert code not in sent.replace(b"\xc2\x9b", b"\x9b"), code
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>78]|\x18", "", sent.decode("utf-8", "replace"))
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b-\u200f\u0300\x80-\x9f\x07\x0e\x0f]", shown)


@pytest.mark.parametrize("flags", BRIEF)
def test_what_is_told_on_standard_error_names_the_file_safely(found, flags):
    told = text(found[f"{flags}, told"])
    assert told.startswith("netmon: ")
    assert not OBEYED.search(told)


# What a person gives


NASTY = ("e\x1b]0;pwn\x07", "a\u202eb\u2028", "\x9b31m", "a\x7f\x01")


@pytest.mark.parametrize("nasty", NASTY)
@pytest.mark.parametrize(
    "words",
    [
        ["-i", "X"],
        ["-r", "X"],
        ["-w", "none/X"],
        ["-o", "X"],
        ["-o", "none/X.json"],
        ["--log-file", "none/X"],
        ["--where", "X:X"],
        ["--where", "host:X AND X("],
        ["--evidence", "none/X"],
        ["--alerts", "X"],
        ["--config", "X"],
        ["--profile", "X"],
        ["--web", "X"],
        ["--otlp", "X"],
        ["--interval", "X"],
        ["--theme", "X"],
        ["--X"],
        ["X"],
        ["-f", "host X"],
        ["-F", "X"],
    ],
)
def test_no_message_about_what_was_typed_has_a_character_that_a_terminal_obeys(
    tmp_path, monkeypatch, capsys, nasty, words
):
    monkeypatch.chdir(tmp_path)
    source = [] if "-i" in words or "-r" in words else ["-r", "/dev/null"]
    code = cli.main([*(word.replace("X", nasty) for word in words), *source, "--no-config", "-t", "0.1"])
    said = "".join(capsys.readouterr())
    assert code in (1, 2, 3, 4), said
    assert not OBEYED.search(said)
    assert "internal error" not in said


@pytest.mark.parametrize(
    "document",
    [
        "X = 1",
        '"X" = 1',
        'interval = "X"',
        '[profile."X"]\ninterval = "X"',
        '[[alert]]\nname = "X"\nmetric = "X"',
        '[[alert]]\nname = "X"\nmetric = "requests"\nabove = 1\nwhere = "X:X"',
        '[[alert]]\nname = "X"\nmetric = "requests"\nabove = 1\nexec = ["X"]\nwebhook = "X"',
        'where = "X("',
        'output = ["X"]',
    ],
)
def test_no_message_about_a_configuration_has_a_character_that_a_terminal_obeys(tmp_path, capsys, document):
    path = tmp_path / "netmon.toml"
    for nasty in (*NASTY, *(json.dumps(each)[1:-1] for each in NASTY)):
        path.write_text(document.replace("X", nasty))
        cli.main(["--config", str(path), "--check-config"])
        said = "".join(capsys.readouterr())
        assert said
        assert not OBEYED.search(said), said
        assert "internal error" not in said

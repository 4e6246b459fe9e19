"""The JSON Schemas: what netmon writes is valid, every key of it is described, and committed files are up to date."""

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import forge
import pytest
import scene
from jsonschema import Draft202012Validator
from netmon import Monitor, Snapshot

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "scripts"))
import schemas  # noqa: E402  the script that writes what is committed

sys.path.pop()  # another script has the name of a folder beside this file

NETMON = [sys.executable, "-m", "netmon", "--no-config"]
NOON = 1_795_348_800.0
FILES = schemas.files()


def schema(name):
    return json.loads(files("netmon").joinpath(f"schema/{name}.json").read_text())


def strict(value):
    """A schema that permits described keys only."""
    if isinstance(value, list):
        return [strict(each) for each in value]
    if not isinstance(value, dict):
        return value
    more = {"additionalProperties": False} if "properties" in value else {}
    return {key: strict(each) for key, each in value.items()} | more


def faults(name, document):
    validator = Draft202012Validator(strict(schema(name)), format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{list(error.absolute_path)}: {error.message[:200]}" for error in validator.iter_errors(document)]


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """Answered, unanswered and odd requests, and a packet that is not decoded."""
    talk = forge.Conversation(4000, NOON)
    for second in range(5):
        talk.ask(NOON + second, "GET", "a.example", f"/s{second}/x", 200 + 101 * second, body=b"x" * second)
    talk.send(NOON + 6, 0, forge.ACK, b"BREW / HTTP/1.1\r\nHost: b\r\nUser-Agent: curl/8\r\n\r\n")
    path = tmp_path_factory.mktemp("captures") / "a.pcap"
    path.write_bytes(forge.pcap(talk))
    return path


def run(capture, *flags):
    command = [*NETMON, "-q", "-r", capture, "--user-agents", *flags]
    return subprocess.run(command, capture_output=True, timeout=60, check=True).stdout.splitlines()


@pytest.mark.parametrize("name", ["snapshot", "exchange"])
def test_the_schemas_are_schemas(name):
    Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_is_committed_is_what_the_script_writes(path):
    """After a change of keys: make generated."""
    assert path.read_text() == FILES[path]


@pytest.mark.parametrize("flags", [["--ndjson"], ["--json"], ["--ndjson", "--connections", "--where", "host:a*"]])
def test_every_snapshot_that_the_command_writes_is_valid_and_every_key_is_described(capture, flags):
    lines = run(capture, *flags)
    assert lines
    assert [faults("snapshot", json.loads(line)) for line in lines] == [[]] * len(lines)


def test_every_line_of_requests_is_valid_and_every_key_is_described(capture):
    lines = [json.loads(line) for line in run(capture, "--requests", "--ndjson")]
    assert len(lines) == 6
    assert {line["status"] for line in lines} >= {None, 200, 604}
    assert [faults("exchange", line) for line in lines] == [[]] * 6


def test_a_snapshot_with_all_tables_is_valid(capture):
    snapshots = list(Monitor(read=capture, exchanges=True, connections=True))
    busy = Snapshot.merge([*snapshots, scene.second(20)])
    document = json.loads(busy.to_json())
    tables = ("hosts", "clients", "interfaces", "exchanges", "connections")
    assert all(document[table] for table in tables)
    assert faults("snapshot", document) == []
    assert faults("snapshot", json.loads(Snapshot().to_json())) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("schema", 2), ("start", 3), ("hits", -1), ("hits", 1.5), ("hosts", {}), ("latency", None), ("extra", 1)],
)
def test_a_document_that_says_something_else_is_not_valid(key, value):
    document = json.loads(Snapshot().to_json()) | {key: value}
    [fault] = faults("snapshot", document)
    assert key in fault


def test_a_key_that_is_missing_is_told():
    document = json.loads(scene.second(20).to_json())
    for place in (document, document["hosts"][0], document["hosts"][0]["latency"], document["capture"]):
        place.pop(next(iter(place)))
    assert len(faults("snapshot", document)) == 4


def test_every_key_is_in_the_documentation():
    page = (ROOT / "docs" / "json.md").read_text()
    named = {
        key
        for each in ("snapshot", "exchange")
        for part in schema(each)["$defs"].values()
        for key in part["properties"]
    }
    assert len(named) > 90
    assert all(f"| `{key}` |" in page for key in named)

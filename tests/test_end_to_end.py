"""The command as a person runs it: a real process, a real capture file, a real (pseudo) terminal."""

import gzip
import itertools
import json
import os
import signal
import subprocess

import forge
import pexpect
import pytest
from netmon import Monitor, Snapshot
from terminal import NETMON, Terminal

NOON = 1_795_348_800  # 2026-11-22 12:00:00 UTC


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """Twelve seconds with a request to the shop each, three to the API in the last, and one to the shop at 45 s."""
    shop = forge.Conversation(4000, NOON)
    for second in range(12):
        shop.ask(NOON + second + 0.2, "GET", "shop.example", f"/items/{second}?secret=1", 200, body=b"x" * 1000)
    api = forge.Conversation(4001, NOON + 11, server="10.0.0.3")
    for path, status in (("/v1/a", 200), ("/v1/b", 503), ("/v2", 404)):
        api.ask(NOON + 11.5, "POST", "api.example", path, status)
    late = forge.Conversation(4002, NOON + 45).ask(NOON + 45.1, "GET", "shop.example", "/", 304).close(NOON + 45.5)
    path = tmp_path_factory.mktemp("captures") / "shop.pcap"
    path.write_bytes(forge.pcap(shop, api, late))
    return path


def run(*arguments, **how):
    command = [*NETMON, *map(str, arguments)]
    environment = os.environ | {"TZ": "UTC"}
    return subprocess.run(command, capture_output=True, timeout=30, check=False, env=environment, **how)


@pytest.mark.parametrize("whole_paths", [(), ("/a/X", "/a/X/b")])
def test_no_output_of_the_command_has_a_secret(tmp_path, whole_paths):
    """A secret that is a whole segment of a path is shown with the path, unless paths are redacted."""
    secret = "s3cr3t"
    lines = [
        "/login;jsessionid=X",
        "u:X@h/p",
        "http://u:X/X@h/p",
        "http://u:X?X@h/p",
        "/a?X",
        "/a X",
        "//u:X@h/p",
    ]
    hosts = ["h", "h?X", "h/X", "u:X@h", "u:X/X@h", "u:X?X@h", "h;X", "h X"]
    talks = []
    for number, (line, host) in enumerate((line, host) for line in (*lines, *whole_paths) for host in hosts):
        talk = forge.Conversation(4000 + number, NOON + number / 10)
        fields = f"Host: {host}\r\nUser-Agent: curl/X (X)\r\nCookie: X\r\nAuthorization: Basic X\r\n\r\n"
        head = f"GET {line} HTTP/1.1\r\n{fields}"
        talk.send(NOON + number / 10, 0, forge.ACK, head.replace("X", secret).encode())
        answer = f"HTTP/1.1 200 {secret}\r\nSet-Cookie: {secret}\r\nContent-Length: 6\r\n\r\n{secret}"
        talks.append(talk)
        talk.send(NOON + number / 10, 1, forge.ACK, answer.encode())
    path = tmp_path / "secrets.pcap"
    path.write_bytes(forge.pcap(*talks))
    for flags in (
        ["--json"],
        ["--ndjson"],
        ["--plain"],
        ["--csv"],
        *([kind, "--requests"] for kind in ("--ndjson", "--plain", "--csv")),
    ):
        done = run("-r", path, "-vv", "--user-agents", "--redact", "all" if whole_paths else "none", *flags)
        assert done.returncode == 0, done.stderr
        assert done.stdout
        assert secret.encode() not in done.stdout + done.stderr, flags


def test_a_file_gives_its_counts(capture):
    done = run("-r", capture, "--json")
    assert done.returncode == 0
    total = json.loads(done.stdout)
    assert (total["hits"], total["requests"], total["responses"], total["errors"]) == (32, 16, 16, 1)
    assert {host["name"]: host["hits"] for host in total["hosts"]} == {"shop.example": 26, "api.example": 6}
    [api] = [host for host in total["hosts"] if host["name"] == "api.example"]
    assert {section["path"]: section["hits"] for section in api["sections"]} == {"/v1": 4, "/v2": 2}
    assert b"  0.3 requests/s: 16 requests, 16 responses, 1 error\n" in done.stderr


def test_the_plain_report_of_a_file(capture):
    done = run("-r", capture)
    report = done.stdout.decode()
    assert done.returncode == 0
    assert report.count("netmon  refresh 10 s") == 3
    assert "Top host:        shop.example   20 hits   statuses 200: 10" in report
    assert "  > /v1      4 hits   methods POST: 2" in report
    assert "\x1b" not in report
    assert "secret" not in report


def test_every_snapshot_is_a_line_and_their_merge_is_the_document(capture):
    lines = run("-r", capture, "--ndjson").stdout.splitlines()
    document = run("-r", capture, "--json").stdout
    assert Snapshot.merge(map(Snapshot.from_json, lines)) == Snapshot.from_json(document)


def test_standard_input_and_gzip_give_the_same(capture, tmp_path):
    packed = tmp_path / "shop.pcap.gz"
    packed.write_bytes(gzip.compress(capture.read_bytes()))
    outputs = [
        run("-r", capture, "--json").stdout,
        run("-r", packed, "--json").stdout,
        run("-r", "-", "--json", input=capture.read_bytes()).stdout,
    ]
    plain, *others = [json.loads(output) | {"interfaces": None} for output in outputs]
    assert others == [plain, plain]


def test_a_rule_fires_on_a_file_at_the_instants_of_its_packets(capture):
    done = run("-r", capture, "--plain", "--alert-threshold", 8, "--alert-span", 2, "--fail-on-alert")
    events = [line for line in done.stdout.decode().splitlines() if line.startswith(("ALERT ", "RECOVERED"))]
    assert events == [
        "ALERT      high traffic: hits = 10 at 2026-11-22 12:00:12.000 +00:00",
        "RECOVERED  high traffic: after 2 s at 2026-11-22 12:00:14.000 +00:00",
    ]
    assert done.returncode == 5


def test_a_file_that_is_played_counts_the_same_and_its_alerts_are_at_the_same_instants(capture):
    rule = ["--alert-threshold", 8, "--alert-span", 2]
    at_once, *played = (run("-r", capture, "--plain", *rule, *how).stdout for how in ([], ["--speed", "max"]))
    alerts = [line for line in at_once.splitlines() if line.startswith((b"ALERT ", b"RECOVERED"))]
    assert [[line for line in out.splitlines() if line in alerts] for out in played] == [alerts]
    lines = run("-r", capture, "--ndjson", "--speed", "1000").stdout.splitlines()
    without_silence = run("-r", capture, "--ndjson").stdout.splitlines()
    spans = [(line["start"], line["end"]) for line in map(json.loads, lines)]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans)), "lines are contiguous"
    assert len(lines) == len(without_silence) + sum(not json.loads(line)["capture"]["received"] for line in lines)
    assert len(lines) < 2 * len(without_silence), "silence is one line"
    total = run("-r", capture, "--json").stdout
    merged = Snapshot.merge(map(Snapshot.from_json, lines))
    assert (merged.hits, merged.hosts[0].hits) == (32, json.loads(total)["hosts"][-1]["hits"])


def test_requests_are_listed_one_a_line(capture):
    lines = [json.loads(line) for line in run("-r", capture, "--requests", "--ndjson").stdout.splitlines()]
    assert len(lines) == 16
    assert lines[0]["host"] == "shop.example"
    assert lines[0]["latency"] == pytest.approx(0.01, abs=1e-6)


def test_the_api_gives_what_the_command_gives(capture):
    total = Snapshot.merge(Monitor(read=capture).snapshots())
    assert total == Snapshot.from_json(run("-r", capture, "--json").stdout)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-r", "/no/such.pcap"], 4, "/no/such.pcap"),
        (["-r", __file__], 4, "test_end_to_end.py"),
        (["-i", "nosuch0"], 4, "nosuch0"),
        (["-r", "CAPTURE", "-f", "not a filter"], 2, "netmon: the filter does not compile: "),
        (["--speed", "10"], 2, "netmon: --speed needs a capture file to play: add -r FILE"),
    ],
)
def test_what_cannot_be_read_is_named(capture, arguments, code, message):
    done = run(*[str(capture) if word == "CAPTURE" else word for word in arguments])
    assert (done.returncode, done.stdout) == (code, b"")
    assert done.stderr.startswith(b"netmon: ")
    assert message in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_a_pipe_closed_by_its_reader_ends_the_command_without_a_message(capture):
    reader, writer = os.pipe()
    os.close(reader)
    command = [*NETMON, "-r", str(capture), "--ndjson"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=30, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


# On a terminal


def test_the_screen_of_a_file_shows_all_of_it_and_stays(capture):
    terminal = Terminal("-r", capture)
    terminal.shows("END")
    terminal.shows("shop.example 0.3")
    terminal.child.send("j\r")
    terminal.shows("10.0.0.3")
    terminal.child.send("q")
    rest, code = terminal.end()
    assert code == 0
    assert "requests/s: 16 requests" in rest


@pytest.mark.parametrize("how", ["q", "\x03", signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_however_it_ends_the_terminal_is_whole_and_the_summary_is_last(capture, how):
    terminal = Terminal("-r", capture)
    terminal.shows("shop.example")
    if isinstance(how, str):
        terminal.child.send(how)
    else:
        terminal.child.kill(how)
    rest, code = terminal.end()
    assert code == 0
    left = rest.index("\x1b[?1049l")
    assert "\x1b[?25h" in rest, "the cursor is shown again"
    assert rest.index("netmon: ") > left, "nothing is written before the screen is left"
    assert rest.splitlines()[-1].startswith("  alerts: "), "nothing is written after the summary"


def test_a_dumb_terminal_gets_the_plain_report(capture):
    done = pexpect.run(
        " ".join([*NETMON, "-r", str(capture)]), env=os.environ | {"TERM": "dumb", "TZ": "UTC"}, timeout=20
    )
    assert b"netmon  refresh 10 s" in done
    assert b"\x1b" not in done


def test_control_z_leaves_the_screen_and_fg_brings_it_back(capture):
    shell = pexpect.spawn(
        "bash", ["--norc", "-i"], dimensions=(30, 120), timeout=20, env=os.environ | {"TERM": "xterm"}
    )
    shell.sendline(" ".join([*NETMON, "-r", str(capture)]))
    shell.expect("shop.example")
    shell.send("\x1a")
    shell.expect_exact("\x1b[?1049l")
    shell.expect("Stopped")
    shell.sendline("fg")
    shell.expect("shop.example")
    shell.send("q")
    shell.expect("alerts: ")
    shell.sendline("exit")
    shell.expect(pexpect.EOF)

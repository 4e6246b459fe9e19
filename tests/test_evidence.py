"""Evidence: the packets behind an alert, without payload unless that is asked for, in a bounded folder."""

import json
import re
import shutil
import stat
import subprocess
import sys

import forge
import pytest
from disks import small_disk
from netmon import Monitor, Rule
from netmon.alerts import Alert
from netmon.sinks.evidence import OURS, asked_for, file_name
from test_packets import packets_of, tshark

NETMON = [sys.executable, "-m", "netmon", "--no-config"]
NOON = 1_795_348_800.0
SECRET = b"s3cr3t"
needs_tshark = pytest.mark.skipif(not shutil.which("tshark"), reason="needs tshark")


def talk(port, second, host, target, status):
    made = forge.Conversation(port, NOON + second, client=f"10.0.1.{port % 200}")
    made.ask(NOON + second + 0.2, "GET", host, f"{target}?token=s3cr3t", status, body=SECRET * 20)
    made.close(NOON + second + 0.4)
    return made


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """20 s of two hosts, one of which fails from second 10 on."""
    talks = [
        made
        for second in range(20)
        for made in (
            talk(4000 + second, second, "good.example", "/a", 200),
            talk(5000 + second, second, "bad.example", "/b", 503 if second >= 10 else 200),
        )
    ]
    path = tmp_path_factory.mktemp("captures") / "alert.pcap"
    path.write_bytes(forge.pcap(*talks))
    return path


def run(folder, capture, rules, *more, code=0):
    """Runs netmon over the capture. Returns the files of evidence, and the events of the log."""
    alerts = folder / "rules.toml"
    alerts.write_text(rules)
    log = folder / "log.json"
    command = [*NETMON, "-r", str(capture), "--alerts", str(alerts), "--evidence", str(folder / "evidence"), "-q"]
    command += ["--log-file", str(log), "--log-format", "json", *map(str, more)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    events = [json.loads(line) for line in log.read_text().splitlines()]
    return sorted((folder / "evidence").iterdir()), events


ERRORS = """
[[alert]]
name = "errors"
metric = "errors"
above = 2
span = "5s"
per = "host"
"""


@needs_tshark
def test_an_alert_saves_the_connections_of_its_row_and_span_without_payload(capture, tmp_path):
    [path], events = run(tmp_path, capture, ERRORS)
    assert re.fullmatch(r"20261122T1200\d\d\.000Z-errors\.pcapng", path.name)
    assert SECRET not in path.read_bytes()
    assert b"bad.example" not in path.read_bytes()
    ports = {int(port) for line in tshark(path, "tcp.port") for port in line.split(",")} - {80}
    assert ports <= set(range(5000, 5020))
    assert {5010, 5011, 5012} <= ports
    assert len(set(tshark(path, "tcp.seq_raw"))) > 5
    lengths = [line.split("\t") for line in tshark(path, "frame.len", "frame.cap_len", "tcp.hdr_len", "tcp.len")]
    assert any(int(whole) > int(kept) for whole, kept, *_ in lengths)
    assert all(int(kept) == 14 + 20 + int(header) for _, kept, header, _ in lengths)
    [saved] = [event for event in events if event["event"] == "evidence.saved"]
    assert (saved["rule"], saved["key"], saved["file"]) == ("errors", "bad.example", str(path))
    assert saved["packets"] == len(packets_of(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@needs_tshark
def test_with_payload_the_requests_are_there_as_they_were_captured(capture, tmp_path):
    [path], _ = run(tmp_path, capture, ERRORS, "--evidence-payload")
    assert SECRET in path.read_bytes()
    assert set(tshark(path, "http.host", where="http.request")) == {"bad.example"}


@pytest.mark.parametrize("payload", [(), ("--evidence-payload",)])
def test_rules_with_where_per_section_client_and_of_all_traffic_save_what_they_are_about(capture, tmp_path, payload):
    rules = """
[[alert]]
name = "where"
where = "path:/b* status:5xx"
metric = "requests"
above = 2
span = "5s"
[[alert]]
name = "section"
metric = "errors"
per = "section"
above = 2
span = "5s"
[[alert]]
name = "all"
metric = "errors"
above = 2
span = "5s"
"""
    files, events = run(tmp_path, capture, rules, *payload)
    saved = {event["rule"]: event for event in events if event["event"] == "evidence.saved"}
    assert set(saved) == {"where", "section", "all"}
    assert len(files) == 3
    assert saved["where"]["connections"] == 3
    assert 3 <= saved["section"]["connections"] <= 6
    assert saved["all"]["connections"] > saved["section"]["connections"]


HOSTILE = ["../../etc/passwd", "a/b\x00c", "\x1b[31mred", "-rf", "..", "", "é" * 300, "x" * 500, "a b;rm -rf ~"]


@pytest.mark.parametrize("name", HOSTILE)
def test_the_name_of_a_file_is_safe_whatever_the_rule_is_called(name):
    made = file_name(Rule(name=name[:200]), NOON, 2)
    assert OURS.fullmatch(made)
    assert "/" not in made
    assert made.startswith("20261122T120000.000Z-")
    assert not made.startswith(("-", "."))


def test_an_absurd_time_is_a_name_as_well():
    assert OURS.fullmatch(file_name(Rule(), 1e300))
    assert OURS.fullmatch(file_name(Rule(), -1e300))


def test_the_span_of_an_alert_is_that_of_its_rule_and_of_its_waiting():
    alert = Alert(Rule(span=10, for_=5, where="host:a", per="host"), "fired", NOON, 1.0, NOON, key="a")
    assert asked_for(alert) == ("host:a", "host", "a", round((NOON - 16) * 1e9), round(NOON * 1e9))
    new = Rule(new="server_name", name="names")
    assert asked_for(alert._replace(rule=new)) is None


def test_the_folder_has_no_more_files_and_bytes_than_it_may_and_the_oldest_go_first(capture, tmp_path):
    folder = tmp_path / "evidence"
    folder.mkdir()
    old = [f"20200101T00000{n}.000Z-old.pcapng" for n in range(5)]
    for name in old:
        (folder / name).write_bytes(bytes(1000))
    (folder / "notes.txt").write_text("somebody's")
    files, _ = run(tmp_path, capture, ERRORS, "--evidence-files", "3")
    names = [path.name for path in files]
    assert names[:2] == old[3:]
    assert len(names) == 4
    assert names[-1] == "notes.txt"


def test_a_folder_that_is_full_of_evidence_makes_room_for_the_newest(capture, tmp_path):
    (tmp_path / "evidence").mkdir()
    old = tmp_path / "evidence" / "20200101T000000.000Z-old.pcapng"
    old.write_bytes(bytes(14_000))
    [path], _ = run(tmp_path, capture, ERRORS, "--evidence-max-size", "16")
    assert path != old
    assert path.stat().st_size < 16 << 10


def test_a_full_disk_is_told_and_stops_nothing(capture, tmp_path):
    with small_disk(tmp_path / "disk", "4k") as disk:
        (disk / "ballast").write_bytes(bytes(4096))
        rules = tmp_path / "rules.toml"
        rules.write_text(ERRORS)
        command = [*NETMON, "-r", str(capture), "--alerts", str(rules), "--evidence", str(disk)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "No space left on device; evidence of alerts is not saved" in done.stderr
        assert "bad.example" in done.stdout
        assert [path.name for path in disk.iterdir()] == ["ballast"]


def test_a_folder_that_cannot_be_written_is_an_error_at_the_start(capture, tmp_path):
    (tmp_path / "file").touch()
    command = [*NETMON, "-r", str(capture), "--evidence", str(tmp_path / "file")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is no folder" in done.stderr


def test_an_output_that_cannot_be_opened_ends_the_run_though_packets_are_written(capture, tmp_path):
    (tmp_path / "file").touch()
    outputs = ["-w", str(tmp_path / "all.pcapng"), "--evidence", str(tmp_path / "file")]
    command = [*NETMON, "-i", "lo", "--user", "root", *outputs]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode in {1, 3}
    command = [*NETMON, "-r", str(capture), "-w", str(tmp_path / "no" / "all.pcapng")]
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 1


def test_rules_are_suggested_though_packets_are_asked_for(capture, tmp_path):
    path = tmp_path / "all.pcapng"
    command = [*NETMON, "-r", str(capture), "-w", str(path), "--suggest-alerts"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    assert not path.exists()


@pytest.mark.parametrize("workers", [1, 3])
def test_the_evidence_of_several_workers_is_the_same(capture, workers, tmp_path):
    monitor = Monitor(read=capture, evidence=True, workers=workers)
    for _ in monitor.snapshots():
        pass
    since, until = round((NOON + 10) * 1e9), round((NOON + 13) * 1e9)
    found, packets, connections, left_out = monitor.recording.evidence(
        "host:bad.example", "", "", since, until, 1 << 30
    )
    path = tmp_path / "found.pcapng"
    path.write_bytes(found)
    assert (connections, left_out) == (3, 0)
    assert len(packets_of(path)) == packets
    times = [packet[1] for packet in packets_of(path)]
    assert times == sorted(times)
    with pytest.raises(ValueError, match="begins after its end"):
        monitor.recording.evidence("", "", "", until, since, 1)


def test_memory_for_packets_is_bounded_and_the_oldest_are_forgotten(capture):
    monitor = Monitor(read=capture, evidence=True, evidence_size=8192)
    for _ in monitor.snapshots():
        pass
    found, packets, *_ = monitor.recording.evidence("", "", "", 0, 1 << 62, 1 << 30)
    assert 0 < len(found) <= 8192
    assert packets < 100


def test_nothing_is_recorded_unless_it_is_asked_for(capture):
    assert Monitor(read=capture).recording is None

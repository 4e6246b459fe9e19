"""The log: lines of text, JSON and the journal; what a session tells it; what is suppressed, lost or goes nowhere."""

import fcntl
import json
import logging
import os
import re
import subprocess
import sys

import forge
import netmon
import pytest
from fakes import console, monitor, snapshot
from netmon import CaptureError, cli, log, log_lines, session
from netmon.events import EVENTS, Time
from netmon.log_file import RotationError
from netmon.log_handler import Handler
from netmon.log_lines import MINUTE, MOST, Limit, Line
from netmon.options import Duration, Settings
from test_terminal import ticking

NOON = 1_795_348_800.123
LOST = Line(NOON, "warning", "interface.lost", {"interface": "eth1"})


def test_a_line_of_each_format():
    assert log_lines.text(LOST) == "2026-11-22T12:00:00.123Z warning interface.lost interface=eth1"
    assert json.loads(log_lines.as_json(LOST)) == {
        "time": "2026-11-22T12:00:00.123Z",
        "level": "warning",
        "event": "interface.lost",
        "interface": "eth1",
    }
    assert log_lines.journal(LOST) == "<4>interface.lost interface=eth1"
    assert log_lines.journal_json(LOST) == '<4>{"level": "warning", "event": "interface.lost", "interface": "eth1"}'


@pytest.mark.parametrize(
    ("value", "text", "as_json"),
    [
        ("eth0", "eth0", "eth0"),
        ("", '""', ""),
        ("two words", '"two words"', "two words"),
        ('say "x"', '"say \\"x\\""', 'say "x"'),
        ("a=b", '"a=b"', "a=b"),
        ("a\nb\x1b[31m", '"a\\\\x0ab\\\\x1b[31m"', "a\\x0ab\\x1b[31m"),
        ("\u202eevil", '"\\\\u202eevil"', "\\u202eevil"),
        ("caf\udce9", '"caf\\\\xe9"', "caf\\xe9"),
        (3, "3", 3),
        (2.0, "2", 2),
        (0.12345, "0.123", 0.123),
        (float("inf"), "inf", "inf"),
        (True, "true", True),
        (["eth0", "lo"], "eth0,lo", ["eth0", "lo"]),
        (["a b"], '"a b"', ["a b"]),
        (Duration(90), "90", 90),
        (Time(NOON), "2026-11-22T12:00:00.123Z", "2026-11-22T12:00:00.123Z"),
    ],
)
def test_values_are_safe_and_on_one_line(value, text, as_json):
    line = Line(NOON, "info", "started", {"field": value, "none": None})
    assert log_lines.text(line) == f"2026-11-22T12:00:00.123Z info started field={text}"
    assert json.loads(log_lines.as_json(line)) == {
        "time": "2026-11-22T12:00:00.123Z",
        "level": "info",
        "event": "started",
        "field": as_json,
    }


def test_a_field_hides_nothing_that_every_line_has():
    line = json.loads(log_lines.as_json(Line(NOON, "info", "started", {"level": 3, "event": "x"})))
    assert (line["level"], line["event"], line["level_"], line["event_"]) == ("info", "started", 3, "x")


def test_more_lines_of_an_event_than_its_limit_are_counted_and_the_count_is_told():
    limit = Limit()
    assert sum(limit.takes("drops.begun", 10.0) for _ in range(MOST + 30)) == MOST
    assert limit.takes("interface.lost", 10.0), "events are counted apart"
    assert list(limit.suppressed(10.0 + MINUTE - 1)) == []
    assert list(limit.suppressed(10.0 + MINUTE)) == [("drops.begun", 30)]
    assert limit.takes("drops.begun", 10.0 + MINUTE)
    assert list(limit.suppressed(10.0 + 3 * MINUTE)) == []


def test_events_without_end_take_no_memory_without_end():
    limit = Limit()
    for number in range(5_000):
        limit.takes(f"event {number}", 0.0)
    assert len(limit._counts) <= log_lines.KINDS + 1


class Written:
    """A handler whose lines and reports are kept; `trouble` is raised by the next writes."""

    def __init__(self):
        self.lines, self.reports, self.trouble, self.now = [], [], None, 0.0
        self.handler = Handler(log_lines.journal, self.write, self.reports.append, lambda: self.now)

    def write(self, line, _now):
        if self.trouble is not None and not isinstance(self.trouble, RotationError):
            raise self.trouble
        self.lines.append(line.decode().rstrip("\n"))
        if self.trouble is not None:
            raise self.trouble

    def event(self, name, **fields):
        record = logging.LogRecord("netmon", logging.WARNING, "", 0, "", None, None)
        record.event, record.fields = name, fields
        self.handler.handle(record)


def test_the_number_of_suppressed_lines_is_a_line():
    written = Written()
    for number in range(MOST + 5):
        written.event("alert.fired", value=number)
    assert len(written.lines) == MOST
    written.now = MINUTE
    written.handler.pass_time()
    assert written.lines[MOST:] == ["<4>log.suppressed of=alert.fired lines=5"]


def test_what_was_suppressed_is_told_at_the_end_too():
    written = Written()
    for _ in range(MOST + 1):
        written.event("alert.fired")
    written.handler.close()
    assert written.lines[-1] == "<4>log.suppressed of=alert.fired lines=1"


def test_a_log_that_cannot_be_written_is_reported_once_and_lost_lines_are_counted():
    written = Written()
    written.trouble = OSError(28, "No space left on device", "/x/netmon.log")
    for _ in range(3):
        written.event("alert.fired")
    assert written.reports == ["/x/netmon.log: No space left on device"]
    written.trouble = None
    written.event("alert.fired")
    assert written.lines == ["<4>log.lost lines=3", "<4>alert.fired"]
    written.trouble = OSError(13, "Permission denied", "/x/netmon.log")
    written.event("alert.fired")
    assert written.reports[1:] == ["/x/netmon.log: Permission denied"]


def test_a_line_that_went_to_the_old_file_is_not_counted_as_lost():
    written = Written()
    written.trouble = RotationError(13, "Permission denied", "/x/netmon.log")
    written.event("a")
    written.trouble = None
    written.event("b")
    assert written.lines == ["<4>a", "<4>b"]
    assert written.reports == ["/x/netmon.log: Permission denied"]


def test_records_of_other_code_are_lines_too():
    written = Written()
    record = logging.LogRecord("netmon.mine", logging.CRITICAL, "", 0, "%d things", (3,), None)
    written.handler.handle(record)
    assert written.lines == ['<3>message message="3 things" logger=netmon.mine']


# A session


LOG = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warning|info|debug) ([\w.]+)( \w+=(\S+|\"[^\"]*\"))*")


def run(tmp_path, *script, messages=(), **settings):
    """The lines of the log of a session with a fake capture, and its standard error."""
    path = tmp_path / "netmon.log"
    watch, _ = monitor(*script, log=messages)
    world = console()
    given = {"format": "json", "log_file": str(path)} | settings
    try:
        session.run(Settings(**given), monitor=watch, console=world)
    finally:
        lines = path.read_text().splitlines() if path.exists() else []
    assert all(LOG.fullmatch(line) for line in lines) or settings.get("log_format") == "json"
    return lines, world.stderr.text


def events(lines):
    return [line.split(" ")[2] for line in lines]


STEPS = [
    snapshot(100, hits=9, interfaces=[{"name": "eth0", "state": "up"}], capture={"received": 10}),
    snapshot(101, interfaces=[{"name": "eth0", "state": "down"}], capture={"kernel_dropped": 3}),
]


def test_a_session_tells_its_start_its_events_and_its_end(tmp_path):
    lines, err = run(
        tmp_path, *STEPS, messages=[("warning", "odd\x1b thing")], alert_threshold=5, alert_span=Duration(1)
    )
    assert events(lines) == [
        "started", "interface.opened", "alert.fired", "capture.message", "interface.lost", "drops.begun", "drops.ended",
        "stopped",
    ]  # fmt: skip
    assert lines[0].partition(" started ")[2] == f"version={netmon.__version__} pid={os.getpid()} interfaces=eth0"
    assert lines[3].endswith(' warning capture.message message="odd\\\\x1b thing"')
    assert lines[4].endswith(" interface=eth0 at=1970-01-01T00:01:42.000Z")
    assert lines[-1].endswith(" info stopped seconds=2 packets=10 lost=3 hits=9 alerts=1")
    assert "netmon: warning: odd" in err, "messages go to standard error as before"
    assert set(events(lines)) <= EVENTS.keys()


def test_the_level_is_the_least_that_is_logged(tmp_path):
    lines, _ = run(tmp_path, *STEPS, log_level="warning")
    assert events(lines) == ["interface.lost", "drops.begun"]


def test_json_is_one_object_for_each_line_with_the_same_names(tmp_path):
    lines, _ = run(tmp_path, *STEPS, log_format="json")
    rows = [json.loads(line) for line in lines]
    assert [row["event"] for row in rows][:2] == ["started", "interface.opened"]
    assert rows[1]["interface"] == "eth0"
    assert all(list(row)[:3] == ["time", "level", "event"] for row in rows)


def test_an_error_that_ends_the_session_is_the_last_thing_but_one(tmp_path):
    with pytest.raises(CaptureError):
        run(tmp_path, STEPS[0], CaptureError("eth0 went away"))
    lines = (tmp_path / "netmon.log").read_text().splitlines()
    assert events(lines)[-2:] == ["failed", "stopped"]
    assert 'error="eth0 went away"' in lines[-2]


def test_a_log_file_that_cannot_be_written_stops_nothing_and_is_told_once(tmp_path):
    lines, err = run(tmp_path, *STEPS, log_file=str(tmp_path / "no" / "netmon.log"))
    assert lines == []
    assert err.count("No such file or directory") == 1
    assert "2 s, 10 packets" in err


def test_after_a_session_nothing_is_written_and_the_logger_is_as_before(tmp_path):
    logger = logging.getLogger("netmon")
    before = (logger.level, [one for one in logger.handlers if not isinstance(one, logging.NullHandler)])
    lines, _ = run(tmp_path, *STEPS)
    log.event("action.failed", "error", rule="late")
    assert (tmp_path / "netmon.log").read_text().splitlines() == lines
    assert (logger.level, [one for one in logger.handlers if not isinstance(one, logging.NullHandler)]) == before


def test_a_large_log_is_rotated_while_the_session_runs(tmp_path):
    steps = [snapshot(at, interfaces=[{"name": f"veth{at}", "state": "up"}]) for at in range(40)]
    run(tmp_path, *steps, log_max_size=1024, log_files=9)
    assert len(list(tmp_path.glob("netmon.log.*"))) >= 3
    assert all(path.stat().st_size <= 1024 for path in tmp_path.glob("netmon.log*"))
    every = "".join(path.read_text() for path in tmp_path.glob("netmon.log*"))
    assert every.count("interface.opened") == 40


def test_on_standard_error_the_log_replaces_the_messages(tmp_path):
    _, err = run(tmp_path, *STEPS, log_file="-", messages=[("warning", "odd")])
    assert err.count("odd") == 1
    assert re.search(r"^\S+Z warning capture\.message message=odd$", err, re.MULTILINE)
    assert "2 s, 10 packets" in err, "the summary is no message"


# Processes


@pytest.fixture
def capture(tmp_path):
    path = tmp_path / "capture.pcap"
    path.write_bytes(forge.pcap(forge.Conversation(1024, 1000.0).ask(1000.1, "GET", "a.example", "/", 200)))
    return path


@pytest.mark.parametrize(("flags", "first"), [([], "<6>started version="), (["--log-format", "json"], '<6>{"level": ')])
def test_where_standard_error_is_the_journal_lines_have_priorities_and_no_times(capture, tmp_path, flags, first):
    with (tmp_path / "journal").open("w+") as journal:
        status = os.fstat(journal.fileno())
        subprocess.run(
            [sys.executable, "-m", "netmon", "--no-config", "-q", "-r", capture, "--json", *flags],
            env=os.environ | {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"},
            stdout=subprocess.DEVNULL,
            stderr=journal,
            check=True,
        )
        journal.seek(0)
        lines = journal.read().splitlines()
    assert lines[0].startswith(first)
    assert "stopped" in lines[-1]


@pytest.mark.parametrize("stream", ["", "1:2", "x", ":"])
def test_another_journal_is_not_ours(capture, stream):
    done = subprocess.run(
        [sys.executable, "-m", "netmon", "--no-config", "-q", "-r", capture, "--json"],
        env=os.environ | {"JOURNAL_STREAM": stream},
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""


def test_the_log_leaves_the_screen_alone(tmp_path):
    path = tmp_path / "netmon.log"
    terminal = ticking("--log-file", path, "--log-level", "debug", "--alert-threshold", 1, "--alert-span", 1)
    terminal.shows("a.example")
    terminal.type("q")
    rest, code = terminal.end()
    assert code == 0
    assert events(path.read_text().splitlines())[:2] == ["started", "alert.fired"]
    assert events(path.read_text().splitlines())[-1] == "stopped"
    assert b"alert.fired" not in terminal.seen + rest.encode()
    assert b"started version" not in terminal.seen + rest.encode()


def test_a_log_for_the_terminal_of_the_screen_is_refused_in_words_and_not_drawn_over_it():
    terminal = ticking("--log-file", "-")
    terminal.shows("a.example")
    terminal.type("q")
    rest, code = terminal.end()
    seen = terminal.seen + rest.encode()
    assert code == 0
    assert b"standard error is the terminal of the screen, so nothing is logged" in seen
    assert b"started version" not in seen


def test_a_standard_error_that_nobody_reads_delays_nothing_and_lost_lines_are_counted(tmp_path):
    reader, writer = os.pipe2(os.O_NONBLOCK)
    capacity = fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)
    assert os.write(writer, b"x" * capacity) == capacity
    reports = []
    with open(writer, "w") as stderr:
        world = console()._replace(stderr=stderr)
        with log.opened(Settings(log_file="-"), world, reports.append):
            for _ in range(9):
                log.event("alert.fired", "warning")
            assert reports == ["standard error: is not being read"]
            assert len(os.read(reader, capacity)) == capacity
            log.event("alert.recovered")
        lines = os.read(reader, 1 << 16).decode().splitlines()
    os.close(reader)
    assert [line.partition("Z ")[2] for line in lines] == ["warning log.lost lines=9", "info alert.recovered"]


# The library


def test_without_logging_loaded_an_event_costs_nothing_and_loads_nothing():
    code = "import sys; from netmon import log; log.event('x', 'error'); print('logging' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_a_program_that_adds_no_handler_hears_nothing():
    code = (
        "import logging; from netmon import log; log.event('x', 'error'); print(logging.getLogger('netmon').handlers)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[<NullHandler (NOTSET)>]\n", "")


def test_a_program_that_listens_hears_what_a_session_logs(capture, caplog, capfd):
    with caplog.at_level(logging.INFO, logger="netmon"):
        assert netmon.run(read=capture, format="json", quiet=True) == 0
    told = [record for record in caplog.records if record.name == "netmon"]
    assert [record.event for record in told] == ["started", "stopped"]
    assert told[1].getMessage().startswith("stopped seconds=")
    assert told[1].fields["hits"] == 2


def test_the_command_writes_the_file_that_a_flag_names(capture, tmp_path, capfd):
    path = tmp_path / "netmon.log"
    assert cli.main(["--no-config", "-q", "-r", str(capture), "--json", "--log-file", str(path)]) == 0
    assert events(path.read_text().splitlines()) == ["started", "stopped"]
    assert f"files={capture}" in path.read_text()

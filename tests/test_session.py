"""The loop: what ends it, and what it leaves behind, with a fake capture and fake streams."""

import json
import os
import signal

import pytest
from fakes import Pipe, console, monitor, snapshot
from netmon import CaptureError, session
from netmon.console import Console
from netmon.options import Duration, Settings

QUIET = {"quiet": True}
SECONDS = [snapshot(100 + i, hits=i, capture={"received": 10}) for i in range(30)]


def run(*script, settings=None, log=(), **how):
    """Whether an alert fired, standard output, standard error and the calls of the engine."""
    watch, engine = monitor(*script, log=log)
    world = console()
    fired = session.run(Settings(**(settings or {})), monitor=watch, console=world, **how)
    return fired, world.stdout.text, world.stderr.text, engine.calls


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_the_end_of_the_capture_ends_it_with_a_summary():
    _, out, err, calls = run(*SECONDS[:3], settings={"format": "ndjson"})
    assert [line["hits"] for line in lines(out)] == [0, 1, 2]
    assert err.startswith("netmon: 3 s, 30 packets, none lost\n")
    assert calls[0] == "start"
    assert calls[-1] == "close"


def test_quiet_has_no_summary_and_no_warnings():
    assert run(*SECONDS[:3], settings=QUIET, log=[("warning", "odd")])[2] == ""


@pytest.mark.parametrize("format_", ["auto", "plain"])
def test_without_a_terminal_it_is_the_plain_report(format_):
    _, out, _, _ = run(*SECONDS[:3], settings={"format": format_})
    assert out.startswith("netmon  refresh 10 s")
    assert "\x1b" not in out


def test_once_is_one_window():
    _, out, _, calls = run(*SECONDS, settings={"format": "ndjson"}, once=True)
    assert len(lines(out)) == 10
    assert "close" in calls


def test_once_does_not_reach_over_a_gap_in_a_file():
    _, out, _, _ = run(snapshot(100), snapshot(500), settings={"format": "ndjson"}, once=True)
    assert len(lines(out)) == 1


ALERTING = {"alert_threshold": 5, "alert_span": Duration(3)}


@pytest.mark.parametrize(("hits", "fires"), [(5, True), (4, False)])
def test_it_tells_whether_an_alert_fired(hits, fires):
    assert run(snapshot(100, hits=hits), settings=ALERTING)[0] is fires


def test_the_demo_without_a_screen_ends_at_the_first_recovery():
    calm = [snapshot(101 + i) for i in range(20)]
    _, out, _, _ = run(snapshot(100, hits=5), *calm, settings=ALERTING, demo=True)
    assert "RECOVERED  after 3 s at 1970-01-01 00:01:44.000 +00:00" in out.splitlines()
    assert "updated 1970-01-01 00:01:44" in out, "and nothing after it"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_and_what_was_counted_is_written(number):
    def stop():
        os.kill(os.getpid(), number)

    _, out, err, calls = run(SECONDS[0], stop, SECONDS[1], settings={"format": "json"})
    assert json.loads(out)["hits"] == 1
    assert "2 s, 20 packets" in err
    assert "close" in calls


def test_a_second_sigint_ends_at_once():
    def interrupt():
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(SECONDS[0], interrupt, interrupt, *SECONDS, settings={"format": "json"})


def test_signal_handlers_are_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    run(*SECONDS[:1])
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_failing_capture_still_writes_what_it_had():
    watch, _ = monitor(SECONDS[1], CaptureError("eth0 went away"))
    world = console()
    with pytest.raises(CaptureError):
        session.run(Settings(format="json"), monitor=watch, console=world)
    assert json.loads(world.stdout.text)["hits"] == 1
    assert "1 s, 10 packets" in world.stderr.text


class Closed(Pipe):
    """A pipe whose reader is gone."""

    @property
    def buffer(self):
        raise BrokenPipeError

    def write(self, text):
        raise BrokenPipeError


@pytest.mark.parametrize("format_", ["plain", "ndjson"])
def test_a_closed_pipe_ends_it_without_a_word(format_):
    watch, engine = monitor(*SECONDS)
    world = Console(stdin=Pipe(), stdout=Closed(), stderr=Pipe(), environment={})
    with pytest.raises(BrokenPipeError):
        session.run(Settings(format=format_), monitor=watch, console=world)
    assert world.stderr.text == ""
    assert engine.calls[-1] == "close"


def test_files_are_written_beside_the_report(tmp_path):
    stream, document = tmp_path / "all.ndjson", tmp_path / "all.json"
    _, out, _, _ = run(*SECONDS[:3], settings={"output": (str(stream), str(document))})
    assert [line["hits"] for line in lines(stream.read_text())] == [0, 1, 2]
    assert json.loads(document.read_text())["hits"] == 3
    assert out.startswith("netmon  refresh")


def test_no_file_is_touched_when_the_capture_does_not_open(tmp_path):
    kept = tmp_path / "all.json"
    kept.write_text("precious")
    watch, _ = monitor(on_start=PermissionError("no"))
    with pytest.raises(PermissionError):
        session.run(Settings(output=(str(kept),)), monitor=watch, console=console())
    assert kept.read_text() == "precious"


@pytest.mark.parametrize(
    ("settings", "heard"),
    [
        ({}, ["error", "warning"]),
        (QUIET, ["error"]),
        ({"verbose": 1}, ["error", "warning", "info"]),
        ({"verbose": 2}, ["error", "warning", "info", "debug"]),
    ],
)
def test_what_the_capture_says_is_passed_on_by_level(settings, heard):
    log = [(level, "text") for level in ("error", "warning", "info", "debug")]
    _, _, err, _ = run(SECONDS[0], settings=settings, log=log)
    assert [line.split(": ")[1] for line in err.splitlines() if line.endswith(": text")] == heard


@pytest.mark.parametrize(
    ("environment", "color"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)],
)
def test_colour_follows_the_terminal_unless_it_is_told(environment, color):
    class Terminal(Pipe):
        def isatty(self):
            return True

    world = Console(stdin=Terminal(), stdout=Terminal(), stderr=Pipe(), environment=environment)
    assert world.wants_color("auto") is color
    assert world.wants_color("always") is True
    assert world.wants_color("never") is False
    assert world.is_terminal is (environment["TERM"] != "dumb")

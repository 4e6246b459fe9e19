"""The session: what ends it, what it writes, and what it puts back; with a fake capture and fake streams."""

import errno
import json
import os
import signal

import pytest
from fakes import Pipe, console, monitor, snapshot
from netmon import CaptureError, session
from netmon.console import Console, can_draw
from netmon.options import Duration, Settings
from netmon.sinks import outputs

QUIET = {"quiet": True}
SECONDS = [snapshot(100 + i, hits=i, capture={"received": 10}) for i in range(30)]


def run(*script, settings=None, log=(), **how):
    """(whether an alert fired, standard output, standard error, the calls of the engine)."""
    watch, engine = monitor(*script, log=log)
    world = console()
    fired = session.run(Settings(**(settings or {})), monitor=watch, console=world, **how)
    return fired, world.stdout.text, world.stderr.text, engine.calls


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_the_end_of_the_capture_ends_the_session_with_a_summary():
    _, out, err, calls = run(*SECONDS[:3], settings={"format": "ndjson"})
    assert [line["hits"] for line in lines(out)] == [0, 1, 2]
    assert err.startswith("netmon: 3 s, 30 packets, none lost\n")
    assert calls[0] == "start"
    assert calls[-1] == "close"


def test_quiet_has_no_summary_and_no_warnings():
    assert run(*SECONDS[:3], settings=QUIET, log=[("warning", "odd")])[2] == ""


@pytest.mark.parametrize(
    ("asked", "prints"),
    [({}, False), ({"format": "plain"}, True), ({"format": "ndjson"}, True), ({"once": True}, True)],
)
def test_quiet_prints_a_report_only_if_it_is_asked_for(asked, prints):
    assert bool(run(*SECONDS[:3], settings=QUIET | asked)[1]) is prints


@pytest.mark.parametrize("format_", ["auto", "plain"])
def test_without_a_terminal_the_output_is_the_plain_report(format_):
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
def test_the_session_tells_whether_an_alert_fired(hits, fires):
    assert run(snapshot(100, hits=hits), settings=ALERTING)[0] is fires


def test_the_demo_without_a_screen_ends_at_the_first_recovery():
    calm = [snapshot(101 + i) for i in range(20)]
    _, out, _, _ = run(snapshot(100, hits=5), *calm, settings=ALERTING, demo=True)
    assert "RECOVERED  high traffic: after 3 s at 1970-01-01 00:01:44.000 +00:00" in out.splitlines()
    assert "updated 1970-01-01 00:01:44" in out, "the report ends with the recovery"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_capture_and_what_was_counted_is_written(number):
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


@pytest.mark.parametrize("ignored", [True, False])
def test_a_hangup_that_was_ignored_stays_ignored(ignored):
    watch, engine = monitor(SECONDS[0], lambda: os.kill(os.getpid(), signal.SIGHUP), SECONDS[1])
    engine.next, given = lambda timeout, step=engine.next: given.append(len(engine.calls)) or step(timeout), []
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        session.run(Settings(), monitor=watch, console=console())
        assert signal.getsignal(signal.SIGHUP) is (signal.SIG_IGN if ignored else signal.SIG_DFL)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert engine.calls.index("close") == 1
    assert (given[2] == 1) is ignored, "the signal closes the capture unless it is ignored"


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
def test_a_closed_pipe_ends_the_session_without_a_message(format_):
    watch, engine = monitor(*SECONDS)
    world = Console(stdin=Pipe(), stdout=Closed(), stderr=Pipe(), environment={})
    with pytest.raises(BrokenPipeError):
        session.run(Settings(format=format_), monitor=watch, console=world)
    assert world.stderr.text == ""
    assert engine.calls[-1] == "close"


class Broken:
    """An output that fails from its second frame on."""

    def __init__(self, error):
        self.error, self.frames, self.is_closed = error, 0, False

    def update(self, frame):
        self.frames += 1
        if self.frames > 1:
            raise self.error

    def close(self):
        self.is_closed = True


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), "Broken pipe"),
        (ZeroDivisionError("of the test"), "ZeroDivisionError('of the test')"),
    ],
)
def test_an_output_that_fails_stops_neither_the_capture_nor_the_others(error, reason, tmp_path, monkeypatch):
    """The failure is told at once, and raised when the session ends."""
    broken, whole = Broken(error), tmp_path / "whole.ndjson"
    ndjson = outputs.FILES[".ndjson"]

    def made(settings, stream):
        return broken if getattr(stream, "name", "").endswith("full.ndjson") else ndjson.sink(settings, stream)

    monkeypatch.setitem(outputs.FILES, ".ndjson", outputs.Output(made))
    watch, _ = monitor(*SECONDS[:5])
    world = console()
    settings = Settings(format="ndjson", output=(str(tmp_path / "full.ndjson"), str(whole)))
    with pytest.raises(type(error)):
        session.run(settings, monitor=watch, console=world)
    assert [line["hits"] for line in lines(whole.read_text())] == [0, 1, 2, 3, 4]
    assert (broken.frames, broken.is_closed) == (2, False)
    assert world.stderr.text.count(reason) == 1
    assert "full.ndjson" in world.stderr.text


class Full(Pipe):
    """A standard output on a disk that is full."""

    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(("output", "taken"), [((), 1), (("all.ndjson",), 30)])
def test_a_standard_output_that_fails_ends_the_session_only_if_it_is_the_only_output(
    output, taken, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    watch, engine = monitor(*SECONDS)
    world = Console(stdin=Pipe(), stdout=Full(), stderr=Pipe(), environment={})
    with pytest.raises(OSError, match="No space left"):
        session.run(Settings(output=output, window=Duration(1)), monitor=watch, console=world)
    assert len(SECONDS) - len(engine.script) == taken


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
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        *(({"TERM": term}, False) for term in ("", "dumb", "unknown", "no-such-terminal")),
        ({}, False),
    ],
)
def test_colour_follows_the_terminal_unless_it_is_set(environment, color):
    world = Console(stdin=Terminal(), stdout=Terminal(), stderr=Pipe(), environment=environment)
    assert world.wants_color("auto") is color
    assert world.wants_color("always") is True
    assert world.wants_color("never") is False


class Terminal(Pipe):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("term", "is_drawn_on"),
    [
        *((term, False) for term in ("", "dumb", "unknown", "no-such-terminal", "xterm/../dumb", "x" * 5000)),
        *((term, True) for term in ("xterm", "xterm-256color", "xterm-ghostty", "screen", "screen.xterm-256color")),
        *((term, True) for term in ("tmux-256color", "linux", "vt100", "rxvt-unicode-256color", "st-256color", "foot")),
    ],
)
def test_a_screen_is_drawn_on_a_terminal_that_is_known(term, is_drawn_on):
    assert can_draw(term) is is_drawn_on


@pytest.mark.parametrize(
    ("stdin", "stdout", "stdin_is_read", "keys"),
    [
        (Terminal, Terminal, False, "stdin"),
        (Terminal, Terminal, True, "stdin"),
        (Pipe, Terminal, True, "tty"),
        (Pipe, Terminal, False, None),
        (Terminal, Pipe, False, None),
        (Pipe, Pipe, True, None),
    ],
)
def test_keys_come_from_the_terminal_while_a_capture_comes_through_standard_input(
    stdin, stdout, stdin_is_read, keys, tmp_path
):
    tty = tmp_path / "tty"
    tty.touch()
    world = Console(stdin(), stdout(), Pipe(), {"TERM": "xterm"}, str(tty))
    with world.keyboard(stdin_is_read=stdin_is_read) as found:
        assert found is (world.stdin if keys == "stdin" else found)
        assert (found is None) is (keys is None)
        assert keys != "tty" or found.name == str(tty)
    assert keys != "tty" or found.closed


def test_without_a_controlling_terminal_there_is_no_screen(tmp_path):
    world = Console(Pipe(), Terminal(), Pipe(), {"TERM": "xterm"}, str(tmp_path / "none"))
    with world.keyboard(stdin_is_read=True) as found:
        assert found is None

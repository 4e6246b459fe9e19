"""SIGHUP reads the configuration again where there is something to read again; else, and without terminal, it ends."""

import os
import pty
import signal
import sys
import threading

import pytest
from fakes import console, monitor, snapshot
from netmon import cli
from netmon.config import ConfigError, Configured
from netmon.hangup import reloading
from netmon.options import Settings
from netmon.session import Session
from test_terminal import ticking

SECONDS = [snapshot(100 + i, hits=i, capture={"received": 10}) for i in range(9)]
PATIENCE = 20


class Run:
    """A session with a fake capture in which SIGHUP comes after the first interval."""

    def __init__(self, reload, *, tty=None, reread=lambda: Configured(Settings(top=7))):
        self.told = threading.Event()
        watch, self.engine = monitor(SECONDS[0], self.hang_up, *SECONDS[1:3])
        self.console = console()._replace(tty=str(tty or "/none"))
        self.session = Session(Settings(format="json"), watch, self.console)
        self.session.reread = reread
        self.session.reload = reload
        self.before_signal = lambda: None

    def hang_up(self):
        self.before_signal()
        report, self.session._report = self.session._report, self.report
        self.own = report
        os.kill(os.getpid(), signal.SIGHUP)
        if self.session.reload is not None and "close" not in self.engine.calls:
            assert self.told.wait(PATIENCE)

    def report(self, lines):
        self.own(lines)
        if lines:
            self.told.set()

    def run(self):
        self.session.run()
        return self.console.stderr.text


def test_sighup_hands_the_configuration_that_is_read_again_to_the_session_and_tells_so():
    seen = []
    run = Run(lambda configured: seen.append(configured.settings.top) or "3 rules")
    err = run.run()
    assert seen == [7]
    assert err.startswith("netmon: reloaded: 3 rules\n")
    assert "3 s, 30 packets" in err, "the capture goes on"


@pytest.mark.parametrize(
    "error", [ConfigError("rules.toml:3: no such metric"), OSError(2, "No such file", "rules.toml")]
)
def test_what_cannot_be_reloaded_is_told_and_nothing_ends(error):
    def refuse(_configured):
        raise error

    err = Run(refuse).run()
    assert err.startswith(f"netmon: error: not reloaded, nothing has changed: {error}\n")
    assert "3 s, 30 packets" in err


@pytest.mark.parametrize("error", [OverflowError("too large"), RecursionError("too deep"), KeyError("rule")])
def test_a_reload_that_fails_in_an_unforeseen_way_is_told_and_the_next_one_works(error):
    outcomes = [error, "3 rules"]
    told = [threading.Event(), threading.Event()]

    def reread():
        if isinstance(outcome := outcomes.pop(0), Exception):
            raise outcome
        return outcome

    watch, _ = monitor(*SECONDS[:1])
    session = Session(Settings(format="json"), watch, console())
    session.reread, session.reload, lines = reread, str, []
    session._report = lambda new: (lines.extend(new), told[len(lines) - 1].set())
    with reloading(session._reload, lambda: False, lambda: None) as on_signal:
        for each in told:
            assert not on_signal()
            assert each.wait(PATIENCE), "the thread goes on"
    assert lines == [
        f"netmon: error: not reloaded, nothing has changed: {error!r}\n",
        "netmon: reloaded: 3 rules\n",
    ]


def test_a_configuration_that_is_wrong_now_is_told_and_not_handed_on():
    def reread():
        raise ConfigError("config.toml:1: top: 0 is not a whole number of 1 or more")

    run = Run(lambda _: pytest.fail("nothing to use"), reread=reread)
    assert "not reloaded, nothing has changed: config.toml:1: top: 0 is not" in run.run()


def test_without_anything_to_reload_sighup_ends_the_session():
    run = Run(None)
    assert "reloaded" not in run.run()
    assert run.engine.calls[:2] == ["start", "close"]


def test_a_session_whose_terminal_is_gone_ends_on_sighup(tmp_path):
    tty = tmp_path / "tty"
    tty.touch()
    run = Run(lambda _: pytest.fail("nobody is there to reload for"), tty=tty)
    run.before_signal = tty.unlink
    assert "reloaded" not in run.run()
    assert "close" in run.engine.calls


WAITS = """
import os, signal, sys
from netmon.console import Console
console = Console.of_process()
seen = [console.has_terminal]
signal.signal(signal.SIGHUP, lambda *_: seen.append(console.has_terminal))
os.write(1, b"ready")
while len(seen) < 2:
    signal.pause()
open(sys.argv[1], "w").write(f"{seen}")
"""


def test_a_process_knows_that_its_terminal_has_hung_up(tmp_path):
    child, terminal = pty.fork()
    if not child:
        os.execv(sys.executable, [sys.executable, "-c", WAITS, str(tmp_path / "seen")])
    assert os.read(terminal, 5) == b"ready"
    os.close(terminal)
    os.waitpid(child, 0)
    assert (tmp_path / "seen").read_text() == "[True, False]"


def test_a_terminal_that_goes_soon_after_the_signal_ends_netmon_too():
    is_there = threading.Event()
    is_there.set()
    stopped = threading.Event()
    with reloading(is_there.clear, is_there.is_set, stopped.set, settling=0.01) as hangup:
        assert hangup() is False
        assert stopped.wait(PATIENCE)


def test_without_a_terminal_from_the_start_every_signal_reloads():
    reloaded = threading.Semaphore(0)
    with reloading(reloaded.release, lambda: False, lambda: pytest.fail("stopped"), settling=0.001) as hangup:
        for _ in range(3):
            assert hangup() is False
            assert reloaded.acquire(timeout=PATIENCE)


def test_signals_that_come_while_one_reload_runs_are_one_more_reload():
    begun, go_on, count = threading.Semaphore(0), threading.Event(), []

    def reload():
        count.append(1)
        begun.release()
        assert go_on.wait(PATIENCE)

    with reloading(reload, lambda: False, lambda: None) as hangup:
        hangup()
        assert begun.acquire(timeout=PATIENCE)
        for _ in range(5):
            hangup()
        go_on.set()
        assert begun.acquire(timeout=PATIENCE)
    assert len(count) == 2


RELOADS = """
run, begin = session.run, session.Session.begin_alarms
session.run = lambda settings, **how: run(settings, reread=lambda: None, **how)

def with_rules(self, *given):
    begin(self, *given)
    self.reload = lambda configured: "2 rules"

session.Session.begin_alarms = with_rules
"""


def test_the_screen_tells_of_a_reload_and_goes_on_and_a_lost_terminal_ends_it(tmp_path):
    path = tmp_path / "netmon.log"
    terminal = ticking("--log-file", path, more=RELOADS)
    terminal.shows("a.example")
    terminal.child.kill(signal.SIGHUP)
    terminal.shows("reloaded: 2 rules")
    assert terminal.child.isalive()
    terminal.hang_up()
    terminal.becomes("Z")
    told = [line.split(" ")[2] for line in path.read_text().splitlines()]
    assert told == ["started", "reload.done", "stopped"]


def test_a_reload_that_fails_is_an_event_too(tmp_path):
    path = tmp_path / "netmon.log"
    terminal = ticking("--log-file", path, more=RELOADS.replace("None", "int('x')"))
    terminal.shows("a.example")
    terminal.child.kill(signal.SIGHUP)
    terminal.shows("not reloaded, nothing has changed: invalid literal")
    terminal.type("q")
    assert terminal.end()[1] == 0
    assert " error reload.failed error=" in path.read_text()


def test_the_command_reads_again_the_file_that_it_read_at_the_start(tmp_path, monkeypatch):
    path = tmp_path / "config.toml"
    rule = 'metric = "hits"\nabove = 5\n'
    path.write_text(f'[[alert]]\nname = "a"\n{rule}')
    given = {}
    monkeypatch.setattr("netmon.session.run", lambda settings, **how: given.update(how) or False)
    assert cli.main(["--config", str(path)]) == 0
    path.write_text(f'[[alert]]\nname = "a"\n{rule}[[alert]]\nname = "b"\n{rule}')
    assert [rule.values["name"] for rule in given["reread"]().rules] == ["a", "b"]
    path.write_text("[[alert\n")
    with pytest.raises(ConfigError, match=r"config\.toml:1: "):
        given["reread"]()
    with monkeypatch.context() as another:  # as after netmon has become a user who may not read the file
        another.setattr("os.access", lambda *_: False)
        with pytest.raises(ConfigError, match=r"config\.toml: Permission denied for the user \w+, who netmon is now: "):
            given["reread"]()
    path.unlink()
    with pytest.raises(ConfigError, match=r"config\.toml: is gone$"):
        given["reread"]()
    os.mkfifo(path)
    with pytest.raises(ConfigError, match=r"config\.toml: is not a file$"):
        given["reread"]()


def test_without_rules_there_is_nothing_to_read_again(tmp_path, monkeypatch):
    given = {}
    monkeypatch.setattr("netmon.session.run", lambda settings, **how: given.update(how) or False)
    path = tmp_path / "config.toml"
    path.write_text("top = 3\n")
    assert cli.main(["--config", str(path)]) == 0
    assert "reread" not in given
    assert Session(Settings(), monitor()[0], console()).reload is None

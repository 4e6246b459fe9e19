"""The screen on a real terminal that is resized, stopped, does not read or hangs up. Afterwards a shell can use it.

Most tests have an engine of their own, which makes snapshots without a capture. Those marked `live` capture on loopback
and need the right to capture.
"""

import fcntl
import os
import random
import re
import resource
import signal
import subprocess
import sys
import termios
import threading
import time
import tty
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import forge
import pexpect
import pytest
from disks import small_disk
from netmon import Snapshot
from netmon.display.terminal import RESTORE
from netmon.display.terminal import Terminal as Writer
from patience import PATIENCE, eventually
from terminal import ALTERNATE, NETMON, Terminal
from test_live import may_capture, server

NOON = 1_795_348_800  # 2026-11-22 12:00:00 UTC
HERE = Path(__file__).parent

live = pytest.mark.skipif(not may_capture(), reason="needs CAP_NET_RAW")

STAND_IN = """
import os, signal, sys, time
sys.path.insert(0, {here!r})
from fakes import snapshot
from netmon import CaptureError, Monitor, cli, session

class Ticking:
    "An interval each tenth of a second, with one hit, until it is closed."
    interfaces, made, closed = ["eth0"], 0, False
    def start(self): pass
    def close(self): self.closed = True
    def log(self): return []
    def next(self, timeout):
        if self.closed:
            raise EOFError
        time.sleep(0.1)
        self.made += 1
        hosts = [{{"name": "a.example", "hits": 1, "sections": [{{"path": "/", "hits": 1}}]}}]
        return snapshot(1000 + self.made, hits=1, hosts=hosts, capture={{"received": 1}})

engine = Ticking()
session._monitor = lambda *_, **__: Monitor._of(engine)
{more}
sys.exit(cli.main(["--no-config", *sys.argv[1:]]))
"""


def ticking(*arguments, more="", **how):
    """netmon with an engine that needs no network; `more` is run before it starts."""
    code = STAND_IN.format(here=str(HERE), more=more)
    return Terminal(*arguments, command=[sys.executable, "-c", code], **how)


def hits(text):
    """The hits of the summary."""
    return sum(map(int, re.search(r"(\d+) requests?, (\d+) responses?", text).groups()))


# Sizes


def test_a_frame_fits_the_new_size_at_once():
    terminal = ticking(width=120, height=30)
    terminal.shows("a.example")
    for width, height in ((80, 24), (200, 50), (40, 10), (20, 5), (120, 30)):
        terminal.screen.reset()
        terminal.resize(width, height)
        terminal.shows("q quit" if height >= 24 else "req")
        assert len(terminal.screen.display[0].rstrip()) <= width
    terminal.type("q")
    assert terminal.end()[1] == 0


# A file that is played


def tenths(n):
    """A capture of `n` tenths of a second, in each a request and its answer."""
    talk = forge.Conversation(4000, NOON)
    for i in range(n):
        talk.ask(NOON + i / 10 + 0.02, "GET", "a.example", f"/{i}", 200)
    return forge.pcap(talk)


RULE = ["--alert-threshold", 20, "--alert-span", 1]


def test_a_file_is_played_paused_stepped_and_sought(tmp_path):
    path = tmp_path / "a.pcap"
    path.write_bytes(tenths(600))
    terminal = Terminal("-r", path, "--speed", 10, "--interval", 0.1, *RULE)
    terminal.shows("PLAY 10x")
    terminal.type("p")
    terminal.shows("PAUSED")
    paused = re.search(r"running (.*?) s", terminal.text)[1]
    terminal.look(0.5)
    assert re.search(r"running (.*?) s", terminal.text)[1] == paused
    terminal.type("0")
    terminal.shows("12:00:00 +")
    terminal.type(">>>>>>")
    terminal.shows("12:00:06 +")
    terminal.shows("ALERT 20 hits")
    terminal.type("." * 10)
    terminal.shows("12:00:07 +")
    terminal.type("<" * 2)
    terminal.shows("12:00:05 +")
    terminal.type("0p")
    terminal.shows("END")
    terminal.shows("of 12:01:00")
    terminal.type("q")
    rest, code = terminal.end()
    assert code == 0
    assert "requests/s: 600 requests, 600 responses" in rest, "each request counts once, however often it was shown"
    assert "alerts: 1 fired" in rest


def test_a_pipe_that_grows_is_played_as_it_comes(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    capture = tenths(40)
    header, records = capture[:24], capture[24:]
    terminal = Terminal("-r", path, "--speed", 1, "--interval", 0.1)
    with path.open("wb", buffering=0) as pipe:
        pipe.write(header + records[: len(records) // 2])
        terminal.shows("12:00:01")
        terminal.look(0.3)
        assert "END" not in terminal.text
        pipe.write(records[len(records) // 2 :])
    terminal.shows("END")
    terminal.type("q")
    rest, code = terminal.end()
    assert (code, hits(rest)) == (0, 80)


def test_without_a_screen_a_speed_takes_its_time_and_a_signal_ends_it(tmp_path):
    path = tmp_path / "a.pcap"
    path.write_bytes(tenths(600))
    command = [*NETMON, "-r", str(path), "--speed", "1", "--interval", "0.1", "--ndjson"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        start = time.monotonic()
        for _ in range(10):
            assert process.stdout.readline()
        assert time.monotonic() - start > 0.8
        process.send_signal(signal.SIGTERM)
        lines = process.stdout.read().splitlines()
        assert process.wait(PATIENCE) == 0
        most = 10 * (time.monotonic() - start) + 1
    assert 10 + len(lines) <= most, "what was not due is not written"


# Stopped and continued


@pytest.mark.parametrize("how", ["key", "signal"])
def test_a_stop_leaves_the_terminal_whole_and_the_screen_comes_back_after_it(how):
    terminal = ticking()
    terminal.shows("a.example")
    if how == "key":
        terminal.type("\x1a")
    else:
        terminal.child.kill(signal.SIGTSTP)
    # POSIX: SIGTSTP does not stop an orphaned process group. So the screen is back at once.
    terminal.leaves(ALTERNATE)
    terminal.shows("a.example")
    terminal.type("q")
    assert terminal.end()[1] == 0
    assert terminal.is_whole


def shell(command):
    """A shell on a terminal, in which a command was typed."""
    made = Terminal(command=["bash", "--norc", "-i"])
    made.type(f"{command}\n")
    return made


def of_shell(terminal):
    """The screen after the shell has counted which of echo, icanon, isig and opost are on: 4 if all are."""
    terminal.type("stty -a | tr ' ' '\\n' | grep -cxE 'echo|icanon|isig|opost'; echo $((6 * 7))nd\n")
    terminal.shows("42nd")
    return terminal.text


@live
def test_control_z_and_fg_lose_nothing():
    with server() as port:
        command = f"{sys.executable} -m netmon --no-config -i lo tcp port {port}"
        terminal = shell(command)
        terminal.shows("HOSTS")
        urlopen(f"http://127.0.0.1:{port}/before").close()
        terminal.shows("/before")
        terminal.type("\x1a")
        terminal.shows("Stopped")
        assert not terminal.is_on(ALTERNATE)
        assert terminal.is_on(25)
        assert "4" in of_shell(terminal).rsplit("opost'", 1)[1].split()
        for _ in range(20):
            urlopen(f"http://127.0.0.1:{port}/meanwhile").close()
        terminal.type("fg\n")
        terminal.shows("/meanwhile")
        assert terminal.is_on(ALTERNATE)
        terminal.type("q")
        terminal.shows("alerts: none")
        assert "requests/s: 21 requests, 21 responses" in terminal.text
        assert terminal.is_whole or "4" in of_shell(terminal).rsplit("opost'", 1)[1].split()
        terminal.type("exit\n")
        terminal.child.expect(pexpect.EOF)


# How it ends


@pytest.mark.parametrize("how", ["q", "\x03", signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_command_ends_at_once_and_the_terminal_is_whole(how):
    terminal = ticking()
    terminal.shows("a.example")
    assert not terminal.is_whole
    terminal.type(how) if isinstance(how, str) else terminal.child.kill(how)
    rest, code = terminal.end()
    assert code == 0
    assert terminal.is_whole
    assert rest.splitlines()[-1].startswith("  alerts: ")


UNHURRIED = """
def unhurried(timeout):
    time.sleep(0.1)
    engine.made += 1
    return snapshot(1000 + engine.made, hits=1)
engine.next = unhurried  # does not end when it is closed
"""


def test_a_second_interrupt_ends_a_capture_that_does_not_close():
    terminal = ticking(more=UNHURRIED)
    terminal.shows("requests/s")
    terminal.child.kill(signal.SIGINT)
    terminal.leaves(ALTERNATE)
    assert terminal.state != "Z"
    terminal.child.kill(signal.SIGINT)
    _, code = terminal.end()
    assert code == 130
    assert terminal.is_whole


PANIC = """
def panic(timeout):
    engine.next = None
    raise CaptureError("worker 1 panicked: index out of bounds")
engine.made = 0
first = engine.next
def next(timeout):
    return first(timeout) if engine.made < 5 else panic(timeout)
engine.next = next
"""

BROKEN_DRAWING = """
from netmon.display import control
drawn = control.screen
def broken(*of):
    if engine.made > 5:
        raise ZeroDivisionError("of the test")
    return drawn(*of)
control.screen = broken
"""

BROKEN_FROM_THE_START = """
from netmon.display import control
control.screen = lambda *of: 1 / 0
"""


BROKEN_WRITING = """
from prompt_toolkit.renderer import Renderer
rendered = Renderer.render
def broken(self, *of, **how):
    if engine.made > 5:
        raise ZeroDivisionError("of the test")
    return rendered(self, *of, **how)
Renderer.render = broken
"""


def test_a_capture_that_breaks_is_told_on_a_whole_terminal():
    terminal = ticking(more=PANIC)
    rest, code = terminal.end()
    assert code == 1
    assert terminal.is_whole
    assert "netmon: the capture failed: worker 1 panicked: index out of bounds" in rest.splitlines()[-1]
    assert "Traceback" not in rest


@pytest.mark.parametrize("more", [BROKEN_DRAWING, BROKEN_FROM_THE_START, BROKEN_WRITING])
def test_a_screen_that_cannot_be_drawn_stops_neither_the_capture_nor_the_outputs(more, tmp_path):
    written = tmp_path / "all.ndjson"
    terminal = ticking("-o", written, more=more)
    if more is not BROKEN_WRITING:
        terminal.shows("the screen cannot be drawn")
    eventually(lambda: terminal.look(0.1) or (written.exists() and written.read_bytes().count(b"\n") > 10))
    terminal.type("q")
    rest, code = terminal.end()
    assert code == 1, "the exit code tells that something failed"
    assert terminal.is_whole
    assert "netmon: error: the screen: ZeroDivisionError" in rest
    assert "netmon: internal error, please report it: ZeroDivisionError" in rest.splitlines()[-1]
    assert "Traceback" not in rest


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_file_that_cannot_be_written_is_told_on_the_screen_and_stops_nothing_else(tmp_path):
    whole = tmp_path / "whole.ndjson"
    with small_disk(tmp_path / "disk", "8k") as disk:
        (disk / "ballast").write_bytes(bytes(8192))
        terminal = ticking("-o", disk / "full.ndjson", "-o", whole, width=200)  # the message begins with a long path
        terminal.shows("full.ndjson: No space left on device")
        at = whole.read_bytes().count(b"\n")
        eventually(lambda: terminal.look(0.1) or whole.read_bytes().count(b"\n") > at + 5)
        terminal.type("q")
        rest, code = terminal.end()
    assert code == 1
    assert "full.ndjson: No space left on device" in rest.splitlines()[-1]


# A terminal that does not read


def flood(terminal, seconds):
    """Makes the command draw its screen again and again for so many seconds, and reads none of it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for size in ((50, 180), (60, 200)):
            terminal.child.setwinsize(*size)
            time.sleep(0.02)


def memory(pid):
    """Bytes of resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@live
def test_a_terminal_that_does_not_read_stops_neither_capture_nor_outputs(tmp_path):
    written = tmp_path / "all.ndjson"
    with server() as port:
        flags = ["-i", "lo", "--user", "root", "--interval", "0.1", "-o", written]
        terminal = Terminal(*flags, "tcp", "port", port, width=200, height=60)
        terminal.shows("HOSTS")
        flood(terminal, 1.0)
        before = memory(terminal.child.pid)
        for _ in range(5):
            for _ in range(20):
                urlopen(f"http://127.0.0.1:{port}/stuck").close()
            flood(terminal, 0.4)
        at = written.stat().st_size
        eventually(lambda: flood(terminal, 0.1) or written.stat().st_size > at)  # though the screen is stuck
        assert memory(terminal.child.pid) - before < 30 << 20
        urlopen(f"http://127.0.0.1:{port}/again").close()
        terminal.resize(200, 60)
        terminal.shows("/again")
        terminal.type("q")
        rest, code = terminal.end()
    assert code == 0
    assert terminal.is_whole
    assert hits(rest) == 2 * 101
    assert Snapshot.merge(map(Snapshot.from_json, written.read_bytes().splitlines())).hits == 2 * 101


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_terminal_that_does_not_read_does_not_keep_the_command_from_ending(number):
    terminal = ticking(width=200, height=60)
    terminal.shows("a.example")
    flood(terminal, 1.0)
    terminal.child.kill(number)
    terminal.becomes("Z")
    terminal.end()
    assert terminal.is_whole, "the codes that make it whole were left for it to read"


@pytest.fixture
def line():
    """(descriptor from which the terminal reads, stream to which the program writes) of a pseudo terminal."""
    shows, written = os.openpty()
    tty.setraw(written)
    os.set_blocking(shows, False)
    with open(written, "w", encoding="utf-8") as stream:
        yield shows, stream
    os.close(shows)


def everything(shows):
    """The bytes that the terminal can read now."""
    seen = b""
    with suppress(BlockingIOError):
        while True:
            seen += os.read(shows, 1 << 16)
    return seen


def test_what_is_not_taken_is_kept_and_follows_in_order(line):
    shows, stream = line
    text = "".join(f"{i} " for i in range(40_000))
    with Writer(stream) as terminal:
        terminal.write(text)
        terminal.flush()
        assert terminal.is_behind
        seen = b""
        while terminal.is_behind or len(seen) < len(text):
            seen += os.read(shows, 1 << 16)
            terminal.flush()
    assert seen.decode() == text
    assert os.get_blocking(stream.fileno()), "the descriptor is as the shell left it"


def test_leaving_a_terminal_that_reads_slowly_takes_no_longer_than_one_that_does_not_read(line):
    shows, stream = line
    is_over = threading.Event()

    def read_in_crumbs():
        while not is_over.wait(0.3):
            with suppress(BlockingIOError):
                os.read(shows, 4096)

    reader = threading.Thread(target=read_in_crumbs)
    reader.start()
    start = time.monotonic()
    with Writer(stream) as terminal:
        terminal.write("x" * 1_000_000)
    took = time.monotonic() - start
    is_over.set()
    reader.join()
    assert 0.9 < took < PATIENCE, "reading all of it would take 75 s"


def test_leaving_a_terminal_that_does_not_read_takes_a_second_and_takes_back_what_it_did_not_read(line):
    shows, stream = line
    start = time.monotonic()
    with Writer(stream) as terminal:
        terminal.write("x" * 1_000_000)
        terminal.flush()
    assert 0.9 < time.monotonic() - start < PATIENCE
    seen = everything(shows)
    assert seen.endswith(RESTORE)
    assert len(seen) < 100_000


def test_a_terminal_is_restored_after_the_first_frame(line):
    shows, stream = line
    with Writer(stream) as terminal:
        terminal.enter(["one", "two"])
    seen = everything(shows)
    assert b"one\r\ntwo" in seen
    assert seen.endswith(RESTORE)


def test_a_terminal_that_hangs_up_ends_the_command(tmp_path):
    written = tmp_path / "all.json"
    terminal = ticking("-o", written)
    terminal.shows("a.example")
    terminal.hang_up()
    terminal.becomes("Z")
    assert Snapshot.from_json(written.read_bytes()).hits > 0
    os.waitpid(terminal.child.pid, 0)


# A terminal that takes the first frame late


def test_a_terminal_that_takes_its_first_frame_late_gets_the_next_one_too():
    """The first frame is written before there is an event loop, and is longer than the buffer of the terminal."""
    terminal = ticking(width=383, height=105)
    terminal.becomes_raw()
    terminal.shows("a.example")
    terminal.type("q")
    assert terminal.end()[1] == 0
    assert terminal.is_whole


def test_a_terminal_that_was_stopped_by_control_s_goes_on_by_itself():
    terminal = ticking()
    terminal.type("\x13")
    terminal.shows("a.example")
    terminal.type("q")
    assert terminal.end()[1] == 0


# Signals


INTERRUPTED = """
import os, signal, sys
from netmon.start import command

imported = 0

def interrupt(event, _):
    global imported
    imported += event == "import"
    if event == "import" and imported == {number}:
        os.kill(os.getpid(), signal.SIGINT)

sys.addaudithook(interrupt)
command()
"""


@pytest.mark.parametrize("number", [1, 2, 3, 5, 10, 20, 40, 60, 80, 100, 110, 120, 130])
def test_an_interrupt_while_the_command_loads_ends_it_without_a_traceback(number, tmp_path):
    """The interrupt comes at import number `number`, or never if there are fewer imports."""
    path = tmp_path / "a.pcap"
    path.write_bytes(tenths(30))
    command = [sys.executable, "-c", INTERRUPTED.format(number=number), "-r", str(path), "--plain", "--no-config"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode in (0, -signal.SIGINT)
    assert b"Traceback" not in done.stderr
    assert (b"alerts: none" in done.stderr) is (done.returncode == 0)


@pytest.mark.parametrize("number", [100, 150, 200, 300, 400])
def test_an_interrupt_while_the_screen_loads_ends_it_on_a_whole_terminal(number, tmp_path):
    path = tmp_path / "a.pcap"
    path.write_bytes(tenths(30))
    code = INTERRUPTED.format(number=number)
    terminal = Terminal("-r", path, "--no-config", command=[sys.executable, "-c", code])
    terminal.type("q")  # in case the interrupt comes too late
    rest, code = terminal.end()
    assert code == 0 or terminal.child.signalstatus == signal.SIGINT
    assert "Traceback" not in rest
    assert terminal.is_whole


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGABRT])
def test_a_signal_that_dumps_core_does_so_on_a_whole_terminal(number):
    terminal = ticking(preexec_fn=without_core)
    terminal.shows("a.example")
    terminal.child.kill(number)
    terminal.end()
    assert terminal.child.signalstatus == number
    assert terminal.is_whole


def without_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def test_a_hangup_that_was_ignored_is_ignored():
    terminal = ticking(ignore_sighup=True)
    terminal.shows("a.example")
    terminal.child.kill(signal.SIGHUP)
    seconds = re.search(r"running (\d+)", terminal.text)[1]
    terminal.shows(f"running {int(seconds) + 2}")
    terminal.type("q")
    assert terminal.end()[1] == 0


# What a terminal sends that nobody typed


def test_reports_of_the_mouse_that_come_late_are_not_left_to_the_shell():
    terminal = ticking()
    terminal.shows("a.example")
    terminal.type("m")
    terminal.shows("mouse on")
    terminal.type("q" + "\x1b[<35;10;10M" * 200)
    rest, code = terminal.end()
    assert code == 0
    assert "35;10" not in rest
    assert terminal.is_whole
    left = fcntl.ioctl(terminal.line, termios.FIONREAD, b"\0" * 4)
    assert int.from_bytes(left, sys.byteorder) == 0


STRINGS = [b"\x1b]%s\x07", b"\x1b]%s\x1b\\", b"\x1bP%s\x1b\\", b"\x1b_%s\x1b\\", b"\x1b^%s\x1b\\", b"\x1bX%s\x1b\\"]
LETHAL = b"qe\x03\x1a"
"""Keys that end or stop the program, or write a file. They come inside of strings and sequences only."""


def noise(count, seed=14):
    """Byte strings that a terminal might send and nobody types: noise, strings, sequences, reports, some cut short."""
    choose = random.Random(seed)
    printable = bytes(range(0x20, 0x7F))

    def some(of, most):
        return bytes(choose.choices(of, k=choose.randrange(most)))

    for _ in range(count):
        kind = choose.randrange(5)
        if kind == 0:
            yield some(bytes(set(range(256)) - set(LETHAL)), 24)
        elif kind == 1:
            yield choose.choice(STRINGS) % some(printable, 60)
        elif kind == 2:
            yield b"\x1b[" + some(b"0123456789;:<=>?!$ ", 12) + bytes(choose.choices(range(0x40, 0x7F)))
        elif kind == 3:
            yield b"\x1b[M" + bytes(choose.randrange(0x20, 256) for _ in range(3))
        else:
            whole = choose.choice([b"\x1b[<0;12;5M", b"\x1b[31m", b"\x1b]11;rgb:0/0/0\x07", b"\x1bP>|x(1)\x1b\\"])
            yield whole[: choose.randrange(1, len(whole))]


def test_a_thousand_random_byte_strings_leave_the_program_running_and_the_terminal_intact(tmp_path):
    terminal = ticking(cwd=tmp_path)
    terminal.shows("a.example")
    for bytes_ in noise(1000):
        terminal.child.send(bytes_)
        terminal.look()
    assert terminal.child.isalive()
    terminal.type("\x03")
    rest, code = terminal.end()
    assert code == 0, rest[-2000:]
    assert "netmon: error" not in rest
    assert hits(rest), "it counted until the end"
    assert terminal.is_whole
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "sent",
    [
        b"\x1b[31m",
        b"\x1b[0m",
        b"\x1b[<0;10M",
        b"\x1b]11;rgb:qqqq/eeee/5555\x07",
        b"\x1bP>|qe5(370)\x1b\\",
        b"\x1b[5;1R",
    ],
)
def test_answers_and_reports_of_a_terminal_change_nothing(sent, tmp_path):
    terminal = ticking(cwd=tmp_path)
    terminal.shows("a.example")
    terminal.type(sent + b"?")
    terminal.shows("Shift+Tab")
    terminal.type(b"?q")
    rest, code = terminal.end()
    assert (code, list(tmp_path.iterdir())) == (0, [])
    assert "netmon: error" not in rest


# A capture through standard input


def test_a_capture_through_standard_input_is_shown_and_keys_come_from_the_terminal(tmp_path):
    path = tmp_path / "a.pcap"
    path.write_bytes(tenths(30))
    command = ["sh", "-c", f"cat {path} | {' '.join(NETMON)} -r -"]
    terminal = Terminal(command=command)
    terminal.shows("a.example")
    terminal.type("?")
    terminal.shows("Shift+Tab")
    terminal.type("?q")
    rest, code = terminal.end()
    assert (code, hits(rest)) == (0, 60)
    assert terminal.is_whole


@pytest.mark.parametrize("how", [[], ["--speed", "1"], ["--speed", "max"]])
def test_a_file_on_the_screen_ends_when_the_time_is_up(how, tmp_path):
    path = tmp_path / "a.pcap"
    path.write_bytes(tenths(600))
    terminal = Terminal("-q", "-r", path, *how, "-t", 1)
    assert terminal.end()[1] == 0
    assert terminal.is_whole


def test_a_file_whose_name_is_not_utf8_is_read_and_shown(tmp_path):
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.pcap")
    Path(name).write_bytes(tenths(30))
    terminal = Terminal("-r", name)
    terminal.shows("caf\\xe9.pcap")
    terminal.shows("a.example")
    terminal.type("q")
    rest, code = terminal.end()
    assert (code, hits(rest)) == (0, 60)
    with subprocess.Popen([*NETMON, "-r", name, "--json"], stdout=subprocess.PIPE) as process:
        assert b"caf\\\\xe9.pcap" in process.stdout.read()
    missing = subprocess.run([*NETMON, "-r", name + "\udcff"], capture_output=True, check=False)
    assert missing.returncode == 4
    assert b"caf\\xe9.pcap\\xff: no such file" in missing.stderr


@pytest.mark.parametrize(
    ("environment", "has", "has_not"),
    [
        ({"TERM": "linux"}, "\x1b[", "38;"),
        ({"TERM": "screen", "COLORTERM": "truecolor"}, "38;5;", "38;2;"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "38;2;", "38;5;"),
        ({"TERM": "xterm-256color", "COLORFGBG": "0;15", "COLORTERM": "truecolor"}, "38;2;5;80;174", "38;2;88;166;255"),
    ],
)
def test_colours_are_those_of_the_terminal(environment, has, has_not):
    terminal = ticking(environment={"COLORTERM": "", "COLORFGBG": ""} | environment)
    terminal.shows("a.example")
    seen = terminal.seen.decode()
    assert has in seen
    assert has_not not in seen
    terminal.type("q")
    terminal.end()


@pytest.mark.parametrize("term", ["", "dumb", "unknown", "no-such-terminal"])
def test_an_unknown_terminal_gets_the_plain_report(term):
    terminal = ticking("--window", "0.5s", environment={"TERM": term})
    terminal.shows("Top host:")
    assert b"\x1b" not in terminal.seen
    assert b"try TERM=xterm-256color" in terminal.seen
    terminal.child.kill(signal.SIGINT)
    assert terminal.end()[1] == 0


def test_tabs_headings_and_rows_answer_to_the_mouse():
    terminal = ticking()
    terminal.shows("a.example")
    terminal.type("m")
    terminal.shows("mouse on")

    def click(words):
        row = next(row for row, line in enumerate(terminal.screen.display) if words in line)
        column = terminal.screen.display[row].index(words) + 2
        terminal.type(f"\x1b[<0;{column};{row + 1}M\x1b[<0;{column};{row + 1}m")

    click("▼req/s")
    terminal.shows("▲req/s")
    click("p95")
    terminal.shows("▼p95")
    click("2 Sections")
    terminal.shows("SECTIONS 1")
    click("a.example/")
    terminal.shows("Esc goes back")
    click("Esc goes back")
    terminal.shows("SECTIONS 1")
    terminal.type("q")
    assert terminal.end()[1] == 0
    assert terminal.is_whole


def test_the_row_that_was_selected_is_opened_though_its_host_is_quiet_by_then():
    """The first second has one host, all later ones have another. The window is one second."""
    more = """
fast = engine.next
def next(timeout):
    each, name = fast(timeout), "quiet.example" if engine.made < 12 else "busy.example"
    hosts = [{"name": name, "hits": 2, "sections": [{"path": "/", "hits": 2}]}]
    return snapshot(1000 + engine.made, hits=2, hosts=hosts, capture={"received": 1})
engine.next = next
"""
    terminal = ticking("--window", 1, more=more)
    terminal.shows("quiet.example")
    terminal.type("g")
    terminal.shows("busy.example")
    terminal.shows("▸ quiet.example")
    terminal.type("\r")
    terminal.shows("quiet.example not in this window")
    terminal.type("q")
    assert terminal.end()[1] == 0

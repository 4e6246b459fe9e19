"""Outputs: whole lines or none, a full disk, readers that do not read, and files that nobody else may touch."""

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress

import forge
import pytest
from disks import small_disk
from netmon import Snapshot, outlet, safe_file
from netmon.outlet import Outlet, Patience
from patience import PATIENCE

NETMON = [sys.executable, "-m", "netmon", "--no-config"]
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
ENDED = Patience(-outlet.GRACE)
"""A patience that is used up: no output is waited for."""


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def everything(fd):
    """The bytes that can be read without waiting."""
    os.set_blocking(fd, False)
    read = b""
    with suppress(BlockingIOError, OSError):
        while part := os.read(fd, 1 << 16):
            read += part
    return read


@pytest.fixture
def pipe():
    """(descriptor to read from, descriptor to write to) of a pipe that nobody reads yet."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    yield reader, writer
    for fd in (reader, writer):
        with suppress(OSError):
            os.close(fd)


# How long outputs are waited for


def test_outputs_are_waited_for_until_the_end_and_then_for_a_second():
    clock = Clock()
    patience = Patience(clock=clock)
    assert patience.left == float("inf")
    patience.end()
    assert (patience.left, patience.is_ending) == (outlet.GRACE, True)
    clock.now += 0.4
    patience.end()
    assert patience.left == pytest.approx(0.6), "a second call does not start it again"
    clock.now += 10
    assert patience.left == 0


def test_a_timeout_ends_patience_as_a_signal_does():
    clock = Clock()
    patience = Patience(5.0, clock)
    clock.now = 5.25
    assert patience.left == pytest.approx(0.75)


# A pipe


@pytest.mark.parametrize("size", [100, 5_000, 300_000])
def test_a_pipe_that_nobody_reads_is_left_with_whole_records(pipe, size):
    reader, writer = pipe
    out = Outlet(writer, "standard output", ENDED)
    record = b"x" * (size - 1) + b"\n"
    for _ in range(1_000):
        out.write(record)
        out.flush()
    with pytest.raises(TimeoutError) as raised:
        out.close()
    assert raised.value.filename == "standard output"
    left = everything(reader)
    assert left == record * (len(left) // size)
    assert size > 1 << 16 or left


def test_a_pipe_that_is_read_slowly_gets_everything_in_order(pipe):
    reader, writer = pipe
    out = Outlet(writer, "standard output", Patience())
    read = []

    def read_slowly():
        while part := os.read(reader, 50_000):
            read.append(part)

    thread = threading.Thread(target=read_slowly)
    thread.start()
    records = [b"%d " % number * 2_000 + b"\n" for number in range(200)]
    for record in records:
        out.write(record)
        out.flush()
    out.close()
    thread.join()
    assert b"".join(read) == b"".join(records)


def test_a_record_that_is_being_read_is_finished_after_patience_is_over(pipe, monkeypatch):
    """A busy machine may use up the patience before the last record is begun, and no pipe takes a large one at once."""
    monkeypatch.setattr(outlet, "LAST", PATIENCE)
    reader, writer = pipe
    out = Outlet(writer, "standard output", ENDED)
    read = []

    def read_slowly():
        while part := os.read(reader, 1 << 16):
            read.append(part)
            time.sleep(0.005)

    thread = threading.Thread(target=read_slowly)
    thread.start()
    record = b"z" * 399_999 + b"\n"
    out.write(record)
    out.close()
    thread.join()
    assert b"".join(read) == record


def test_a_pipe_without_a_reader_breaks(pipe):
    reader, writer = pipe
    os.close(reader)
    out = Outlet(writer, "standard output", Patience())
    out.write(b"x\n")
    with pytest.raises(BrokenPipeError):
        out.flush()


def test_a_blocking_descriptor_is_written_to_only_while_that_does_not_block(pipe):
    """A descriptor keeps blocking if its pipe cannot be opened again, as a pipe of another user."""
    reader, writer = pipe
    os.set_blocking(writer, True)
    out = Outlet(writer, "standard output", ENDED)
    for _ in range(100):
        out.write(b"y" * 9_999 + b"\n")
        out.flush()
    with pytest.raises(TimeoutError):
        out.close()
    assert everything(reader).endswith(b"\n")


def test_a_named_pipe_waits_for_its_reader_and_outlives_it(tmp_path):
    path = str(tmp_path / "all.ndjson")
    os.mkfifo(path)
    clock = Clock()
    patience = Patience(clock=clock)
    out = Outlet(safe_file.create(path), path, patience, path=path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    out.write(b"one\n")
    out.flush()
    assert os.read(reader, 100) == b"one\n"
    os.close(reader)
    out.write(b"two\n")
    out.flush()
    assert out.news() == [f"{path}: has no reader any more, trying again"]
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    out.write(b"three\n")
    out.flush()
    assert os.read(reader, 100) == b"two\nthree\n"
    out.close()
    os.close(reader)


def test_a_named_pipe_that_nobody_opens_is_not_waited_for_at_the_end(tmp_path):
    path = str(tmp_path / "all.ndjson")
    os.mkfifo(path)
    out = Outlet(safe_file.create(path), path, ENDED, path=path)
    out.write(b"one\n")
    with pytest.raises(OSError, match=r"has no reader \(1 record is missing\)"):
        out.close()


# A full disk


def test_a_full_disk_is_told_once_leaves_no_part_of_a_line_and_is_tried_again(tmp_path):
    with small_disk(tmp_path / "disk", "64k") as disk:
        path, filler = disk / "all.ndjson", disk / "filler"
        filler.write_bytes(b"." * 40_000)
        out = Outlet(safe_file.create(str(path)), str(path), Patience())
        records = [b"%d" % number * 1_500 + b"\n" for number in range(20)]
        for record in records:
            out.write(record)
            out.flush()
        assert out.news() == [f"{path}: No space left on device, trying again"]
        kept = path.read_bytes()
        assert kept
        assert b"".join(records).startswith(kept)
        assert kept.endswith(b"\n")
        filler.unlink()
        out.flush()
        assert out.news() == [f"{path}: can be written again"]
        out.close()
        assert path.read_bytes() == b"".join(records)


def test_what_is_held_for_a_full_disk_is_bounded_and_what_is_dropped_is_counted(monkeypatch):
    monkeypatch.setattr(outlet, "HELD", 10_000)
    out = Outlet(os.open("/dev/full", os.O_WRONLY), "all.ndjson", ENDED)
    for _ in range(100):
        out.write(b"x" * 999 + b"\n")
        out.flush()
    assert (out.dropped, len(out._held)) == (90, 10)
    with pytest.raises(OSError, match=r"No space left on device \(100 records are missing\)") as raised:
        out.close()
    assert raised.value.filename == "all.ndjson"


def test_an_error_of_closing_a_file_is_raised_with_its_name(tmp_path, monkeypatch):
    out = Outlet(safe_file.create(str(tmp_path / "a.json")), "a.json", Patience())
    out.write(b"{}\n")
    out.flush()

    def full(_fd):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "close", full)
        with pytest.raises(OSError, match="No space left on device") as raised:
            out.close()
    assert raised.value.filename == "a.json"


def test_part_of_a_record_is_not_taken_back_after_others_have_appended(tmp_path):
    path = tmp_path / "log"
    mine = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    out = Outlet(mine, "log", ENDED)
    os.write(mine, b"par")
    path.open("ab").write(b"theirs\n")
    out._done = 3
    out._retract()
    assert path.read_bytes() == b"partheirs\n"
    os.close(mine)


# Files


def test_only_its_owner_can_read_or_write_a_file(tmp_path):
    before = os.umask(0)
    try:
        os.close(safe_file.create(str(tmp_path / "all.json")))
        safe_file.write_new(str(tmp_path / "new.csv"), b"a\n")
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()] == [0o600, 0o600]


def test_an_existing_file_is_replaced_or_appended_to_as_asked(tmp_path):
    path = tmp_path / "all.json"
    path.write_text("long ago")
    assert refused(path) == "File exists"
    added = safe_file.create(str(path), "append")
    os.write(added, b", and now")
    os.close(added)
    assert path.read_text() == "long ago, and now"
    os.close(safe_file.create(str(path), "replace"))
    assert path.read_text() == ""
    for mode in ("append", "replace"):
        (tmp_path / f"link-{mode}").symlink_to(path)
        with pytest.raises(OSError, match="symbolic link"):
            safe_file.create(str(tmp_path / f"link-{mode}"), mode)
        os.close(safe_file.create(str(tmp_path / mode), mode))
        assert stat.S_IMODE((tmp_path / mode).stat().st_mode) == 0o600


def refused(path):
    with pytest.raises(OSError, match=r".") as raised:
        safe_file.create(str(path))
    assert raised.value.filename == str(path)
    return raised.value.strerror


def test_no_symbolic_link_is_followed(tmp_path):
    target = tmp_path / "precious"
    target.write_text("kept")
    for name, to in (("link.json", target), ("dangling.json", tmp_path / "none")):
        (tmp_path / name).symlink_to(to)
        assert refused(tmp_path / name) == "is a symbolic link, which is not followed"
    assert target.read_text() == "kept"
    assert not (tmp_path / "none").exists()


def test_a_directory_that_others_can_write_is_refused_and_so_is_all_below_it(tmp_path):
    folder = tmp_path / "open" / "mine"
    folder.mkdir(parents=True)
    (tmp_path / "open").chmod(0o777)
    for path in (tmp_path / "open" / "all.json", folder / "all.json"):
        assert refused(path) == "is in a directory that others can write to"
        assert not path.exists()


def test_in_a_sticky_directory_only_files_of_this_user_are_written(tmp_path):
    folder = tmp_path / "sticky"
    folder.mkdir()
    folder.chmod(0o1777)
    os.close(safe_file.create(str(folder / "all.json")))
    os.close(safe_file.create(str(folder / "all.json"), "replace"))
    os.link(folder / "all.json", folder / "twice.json")
    assert refused(folder / "twice.json") == "was made by somebody else"
    if os.geteuid() == 0:
        for make in (lambda path: path.touch(), os.mkfifo):
            theirs = folder / f"theirs-{make}.json"
            make(theirs)
            os.chown(theirs, 65534, 65534)
            assert refused(theirs) in ("was made by somebody else", "Permission denied")
    (folder / "elsewhere").symlink_to(tmp_path)
    assert "symbolic link" in refused(folder / "elsewhere" / "all.json")


def test_what_is_no_file_is_refused(tmp_path):
    assert refused(tmp_path / "none" / "all.json") == "No such file or directory"
    (tmp_path / "folder.json").mkdir()
    assert refused(tmp_path / "folder.json") == "Is a directory"
    if os.geteuid() == 0:
        os.mknod(tmp_path / "device.json", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        assert refused(tmp_path / "device.json") == "is neither a file nor a named pipe"


def test_a_new_file_that_does_not_fit_is_not_left_behind(tmp_path):
    with small_disk(tmp_path / "disk", "16k") as disk:
        with pytest.raises(OSError, match="No space left on device") as raised:
            safe_file.write_new(str(disk / "table.csv"), b"x" * 100_000)
        assert raised.value.filename == str(disk / "table.csv")
        assert list(disk.iterdir()) == []


# The command


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    """A file of two minutes. Its lines, and its document, are more than a pipe holds."""
    talks = [
        forge.Conversation(1024 + number, at).ask(at, "GET", f"h{number}.example", "/x", 200).close(at + 1)
        for number, at in ((number, number * 0.1) for number in range(1_200))
    ]
    path = tmp_path_factory.mktemp("capture") / "a.pcap"
    path.write_bytes(forge.pcap(*talks))
    return path


def ends_in_time(child, number):
    """Sends the signal, if any; without one, ``-t`` ends the command. Returns the seconds until the end."""
    began = time.monotonic()
    if number:
        child.send_signal(number)
    try:
        child.wait(20)
    finally:
        child.kill()
    return time.monotonic() - began


def is_stuck(child):
    """Waits until the process handles signals and neither reads nor writes any more."""
    is_listening(child)
    used = -1
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with open(f"/proc/{child.pid}/io") as io:
            now = io.read()
        if now == used:
            return
        used = now
        time.sleep(0.4)
    raise AssertionError("it goes on")


def is_listening(child):
    """Waits until the process handles SIGTERM."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with open(f"/proc/{child.pid}/status") as status:
            caught = next(int(line.split()[1], 16) for line in status if line.startswith("SigCgt"))
        if caught >> signal.SIGTERM - 1 & 1:
            return
        time.sleep(0.02)
    raise AssertionError("it does not handle signals")


def arguments_for(number):
    return [] if number else ["-t", "1"]


@pytest.mark.parametrize("number", [*SIGNALS, None])
@pytest.mark.parametrize("format_", ["ndjson", "json", "requests"])
def test_unread_standard_output_does_not_keep_the_command_from_ending(capture, pipe, number, format_):
    reader, writer = pipe
    os.set_blocking(writer, True)
    command = [*NETMON, "-r", capture, "--interval", "0.1", f"--{format_}", *arguments_for(number)]
    with subprocess.Popen(command, stdout=writer, stderr=subprocess.PIPE) as child:
        if number:
            is_stuck(child)
        assert ends_in_time(child, number) < (2 if number else 8)
        said = child.stderr.read().decode()
    assert child.returncode == 1
    assert "netmon: standard output: is not being read (" in said.splitlines()[-1]
    left = everything(reader)
    assert left == b"" or left.endswith(b"\n")
    if format_ == "ndjson":
        assert [Snapshot.from_json(line) for line in left.splitlines()]
    assert os.get_blocking(writer), "the descriptor is as the shell left it"


@pytest.mark.parametrize("number", [*SIGNALS, None])
@pytest.mark.parametrize("is_open", [False, True])
def test_an_unread_named_pipe_does_not_keep_the_command_from_ending(capture, tmp_path, number, is_open):
    path = tmp_path / "all.ndjson"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK) if is_open else -1
    command = [*NETMON, "-r", capture, "--interval", "0.1", "-o", path, "--plain", *arguments_for(number)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        if number:
            is_stuck(child)
        assert ends_in_time(child, number) < (2 if number else 8)
        said = child.stderr.read().decode()
    assert "all.ndjson" in said.splitlines()[-1]
    if is_open:
        left = everything(reader)
        os.close(reader)
        assert left.endswith(b"\n")


@pytest.mark.parametrize("number", [*SIGNALS, None])
def test_a_terminal_stopped_by_control_s_does_not_keep_the_command_from_ending(capture, number):
    shows, written = os.openpty()
    os.write(shows, b"\x13")
    command = [*NETMON, "-r", capture, "--plain", *arguments_for(number)]
    with subprocess.Popen(command, stdin=written, stdout=written, stderr=subprocess.PIPE) as child:
        if number:
            is_stuck(child)
        assert ends_in_time(child, number) < (2 if number else 8)
        said = child.stderr.read().decode()
    assert "standard output" in said.splitlines()[-1]
    os.close(shows)
    os.close(written)


def test_both_streams_in_one_pipe_that_nobody_reads_end_in_time(capture, pipe):
    reader, writer = pipe
    command = [*NETMON, "-r", capture, "--interval", "0.1", "--ndjson"]
    os.set_blocking(writer, True)
    with subprocess.Popen(command, stdout=writer, stderr=writer) as child:
        is_stuck(child)
        assert ends_in_time(child, signal.SIGTERM) < 2
    assert everything(reader).endswith(b"\n")


def test_a_full_disk_stops_no_other_output(capture, tmp_path):
    with small_disk(tmp_path / "disk", "64k") as disk:
        command = [*NETMON, "-r", capture, "--interval", "1", "--ndjson", "-o", disk / "all.ndjson"]
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
        kept = (disk / "all.ndjson").read_bytes()
    lines = done.stdout.splitlines(keepends=True)
    said = done.stderr.decode().splitlines()
    assert done.returncode == 1
    assert said.count(f"netmon: error: {disk}/all.ndjson: No space left on device, trying again") == 1
    assert said[-1].startswith(f"netmon: {disk}/all.ndjson: No space left on device (")
    assert Snapshot.merge(map(Snapshot.from_json, lines)).requests == 1_200
    assert kept
    assert kept == b"".join(lines)[: len(kept)]
    assert kept.endswith(b"\n")


def test_standard_output_on_a_full_disk_is_told_by_name(capture):
    command = f"{' '.join(NETMON)} -r {capture} --ndjson > /dev/full"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("netmon: standard output: No space left on device (")


def test_a_link_given_as_output_is_named_before_anything_is_captured(capture, tmp_path):
    (tmp_path / "all.json").symlink_to(tmp_path / "precious")
    command = [*NETMON, "-r", capture, "-o", tmp_path / "all.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"netmon: {tmp_path}/all.json: is a symbolic link, which is not followed\n"


def test_an_output_that_cannot_be_opened_leaves_the_files_of_others_as_they_are(tmp_path):
    capture, old, new = (tmp_path / name for name in ("day.pcap", "old.json", "new.csv"))
    capture.write_bytes(forge.pcap(forge.Conversation(1024, 1.0).ask(1.5, "GET", "a", "/", 200)))
    old.write_text("what was written yesterday")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for failing, named in (
            (["--prometheus", address], address),
            (["-w", tmp_path / "none" / "w.pcapng"], "w.pcapng"),
        ):
            command = [*NETMON, "-r", capture, "-o", old, "-o", new, "--force", *failing]
            done = subprocess.run(list(map(str, command)), capture_output=True, check=False, timeout=60)
            assert done.returncode == 1
            assert named in done.stderr.decode()
            assert (old.read_text(), new.exists()) == ("what was written yesterday", False)

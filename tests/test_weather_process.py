"""A process that lacks something: descriptors, threads, streams, a folder, an environment, a user, or the right clock.

Each fault is a row of a table: how the command is started, the exit code, and words that must be told. Whatever is
lacking, there is no traceback, and what is written is whole.
"""

import getpass
import grp
import json
import os
import pty
import re
import shutil
import subprocess
from contextlib import suppress
from typing import NamedTuple

import forge
import pytest
import weather
from netmon import advice, safe_file
from patience import PATIENCE
from weather import NETMON, needs_strace

OUTPUTS = "-o all.ndjson -o all.csv -o all.json -w web.pcapng --log-file log.json --log-format json"
FILES = {
    "all.ndjson": weather.lines,
    "all.csv": weather.rows,
    "all.json": weather.document,
    "web.pcapng": weather.blocks,
}
CLONES = "strace -f -qq -o trace -e inject=clone,clone3:error=EAGAIN:when={}+"


class Lack(NamedTuple):
    """What is put before the command, its own words, the environment, the exit codes that are right, and what is told.

    `{}` in `before` stands for nothing; the command is run by a shell with `after` behind it.
    """

    before: str = ""
    after: str = ""
    environment: dict[str, str | None] = {}  # noqa: RUF012  never changed
    codes: tuple[int, ...] = (0,)
    told: str = ""


LACKS = {
    "descriptors: 5": Lack("ulimit -n 5;", codes=(1, 4), told="Too many open files"),
    "descriptors: 6": Lack("ulimit -n 6;", codes=(1, 4), told="Too many open files"),
    "descriptors: 8": Lack("ulimit -n 8;", codes=(1,), told="Too many open files"),
    "descriptors: 11": Lack("ulimit -n 11;"),
    "no thread": Lack(CLONES.format(1), codes=(1,), told="temporarily unavailable|no more threads"),
    "one thread": Lack(CLONES.format(2), codes=(1,), told="temporarily unavailable|no more threads"),
    "two threads": Lack(CLONES.format(3), codes=(0, 1)),
    "standard input": Lack(after="<&-"),
    "standard output": Lack(after=">&-"),
    "standard error": Lack(after="2>&-"),
    "all standard streams": Lack(after="<&- >&- 2>&-"),
    "standard output that takes anything": Lack(after=">/dev/full", codes=(1,), told="standard output: No space left"),
    "an environment": Lack("env -i"),
    "a home": Lack(environment={"HOME": None, "XDG_STATE_HOME": None}),
    "a folder for temporary files": Lack(environment={"TMPDIR": "/nonexistent"}),
    "a terminal that is known": Lack(environment={"TERM": None}),
    "an encoding of the locale": Lack(environment={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    "an encoding but ASCII": Lack(environment={"PYTHONIOENCODING": "ascii"}),
    "a locale that exists": Lack(environment={"LC_ALL": "xx_YY.ISO-8859-15", "LANG": "\x1b[31m"}),
    "a time zone that exists": Lack(environment={"TZ": "Nowhere/At all"}),
    "a clock of this century": Lack("faketime '1971-01-01 00:00:00'"),
    "a clock of this age": Lack("faketime '2105-01-01 00:00:00'"),
}
NEEDS = {"strace": shutil.which("strace"), "faketime": shutil.which("faketime")}


@pytest.mark.parametrize("name", LACKS)
def test_what_a_process_lacks_is_told_without_a_traceback_and_what_it_writes_is_whole(name, tmp_path):
    lack = LACKS[name]
    if not NEEDS.get(lack.before.partition(" ")[0], True):
        pytest.skip(f"needs {lack.before.partition(' ')[0]}")
    (tmp_path / "day.pcap").write_bytes(forge.pcap(*weather.traffic()))
    changed = {**os.environ, **lack.environment}
    environment = {key: value for key, value in changed.items() if value is not None}
    before = lack.before.replace("env -i", f"env -i PYTHONPATH={os.environ.get('PYTHONPATH', '')}")
    script = f'{before} "$@" {lack.after}'
    words = ["bash", "-c", script, "bash", *NETMON, "-r", "day.pcap", "--workers", "3", "--ndjson", *OUTPUTS.split()]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, timeout=PATIENCE, check=False)
    said = done.stderr.decode(errors="replace")
    assert done.returncode in lack.codes, said
    assert "Traceback" not in said
    assert "internal error" not in said
    assert re.search(lack.told, said), said
    counts = {
        file: records((tmp_path / file).read_bytes()) for file, records in FILES.items() if (tmp_path / file).exists()
    }
    shown = weather.lines(done.stdout)
    if done.returncode == 0:
        assert len(counts) == len(FILES)
        assert sum(line["requests"] for line in counts["all.ndjson"]) == 4 * weather.SECONDS
        assert counts["all.json"][0]["requests"] == 4 * weather.SECONDS
        assert shown == ([] if ">&-" in lack.after.replace("2>&-", "") else counts["all.ndjson"])


@needs_strace
@pytest.mark.parametrize("workers", [1, 3])
def test_a_file_that_cannot_be_read_to_its_end_is_told_and_none_lost_is_not_said(tmp_path, workers):
    path = tmp_path / "day.pcap"
    path.write_bytes(forge.pcap(*weather.traffic(600)))
    inject = ["-P", path, "-e", "inject=read,pread64,preadv:error=EIO:when=3+"]
    words = [
        "strace",
        "-f",
        "-qq",
        "-o",
        tmp_path / "trace",
        *inject,
        *NETMON,
        "-r",
        path,
        "--json",
        "--workers",
        workers,
    ]
    done = subprocess.run(list(map(str, words)), capture_output=True, timeout=PATIENCE, check=False)
    said = done.stderr.decode()
    assert done.returncode == 1
    assert said.splitlines()[-1] == f"netmon: the capture failed: {path}: Input/output error (os error 5)"
    assert "none lost" not in said
    found = json.loads(done.stdout)
    assert 0 < found["requests"] < 2400
    assert found["capture"]["unread"] == 1


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
def test_a_terminal_without_standard_input_or_standard_error_is_left_whole(tmp_path, closed):
    (tmp_path / "day.pcap").write_bytes(forge.pcap(*weather.traffic()))
    shows, line = pty.openpty()
    words = ["bash", "-c", f'"$@" {closed}', "bash", *NETMON, "-r", "day.pcap", "-t", "1"]
    environment = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(words, cwd=tmp_path, env=environment, stdin=line, stdout=line, stderr=line) as child:
        os.close(line)
        seen = b""
        with suppress(OSError):  # the line is hung up at the end
            while part := os.read(shows, 1 << 16):
                seen += part
        assert child.wait(PATIENCE) == 0, seen
    os.close(shows)
    assert b"internal error" not in seen
    assert seen.rfind(b"\x1b[?1049l") >= seen.rfind(b"\x1b[?1049h")


def test_standard_input_that_is_closed_is_an_empty_capture(tmp_path):
    words = ["bash", "-c", '"$@" <&-', "bash", *NETMON, "-r", "-", "--ndjson", "-o", tmp_path / "all.ndjson"]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.endswith("is empty\n")


def test_a_working_folder_that_is_gone_is_told_with_the_name_of_the_file(tmp_path):
    (tmp_path / "day.pcap").write_bytes(forge.pcap(*weather.traffic()))
    script = f'mkdir gone; cd gone; rmdir ../gone; "$@" -r {tmp_path}/day.pcap -o all.json'
    done = subprocess.run(
        ["bash", "-c", script, "bash", *NETMON],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "netmon: -o all.json: No such file or directory\n"


def test_where_descriptors_run_out_the_file_that_has_none_is_named(tmp_path, monkeypatch):
    def full(*_path, **_how):
        raise OSError(24, "Too many open files", "..")

    for lacks in ("open", "dup"):
        with monkeypatch.context() as patched:
            patched.setattr(os, lacks, full)
            with pytest.raises(OSError, match="Too many open files") as raised:
                safe_file.create(str(tmp_path / "all.json"))
        assert raised.value.filename == str(tmp_path / "all.json")


def test_a_user_without_a_name_is_told_what_to_type_by_number(monkeypatch):
    def unknown(*_number):
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", unknown)
    monkeypatch.setattr(grp, "getgrgid", unknown)
    said = advice.not_permitted("not permitted", ["-i", "lo"], is_root=False)
    assert f"setpriv --reuid={os.getuid()} --regid={os.getgid()} --clear-groups --inh-caps=+net_raw" in said

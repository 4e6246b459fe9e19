"""Bad weather: the outputs that netmon writes, and the faults of an operating system that a test calls down on them.

`strace` makes system calls fail, or sends a signal in their midst, as a full disk, a broken device or a person would.
For each output there is a function that returns its records, and fails if a file holds a part of one.
"""

import csv
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import forge
import pytest
from patience import PATIENCE

NETMON = [sys.executable, "-m", "netmon", "--no-config"]
NOON = 1_795_348_800.0
SECONDS = 12
"""Intervals of the capture, so that an output that writes one record for each has records before and after a fault."""

needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")

RULES = """
[[alert]]
name = "errors"
metric = "errors"
above = 3
span = "1s"
"""


def traffic(seconds=SECONDS, at=NOON):
    """Four exchanges each second. In every other second all four fail, so that an alert fires and recovers."""
    return [
        forge.Conversation(1024 + number, at + number / 4)
        .ask(at + number / 4, "GET", f"h{number % 5}.example", f"/{number % 3}", 503 if number // 4 % 2 else 200)
        .close(at + number / 4 + 0.1)
        for number in range(4 * seconds)
    ]


# The records of a file


def lines(data):
    assert data == b"" or data.endswith(b"\n"), data[-100:]
    return [json.loads(line) for line in data.splitlines()]


def rows(data):
    assert data == b"" or data.endswith(b"\n"), data[-100:]
    found = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert len({len(row) for row in found}) <= 1
    return found


def blocks(data):
    """The blocks of a pcapng file."""
    at, found = 0, []
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 4)[0]
        assert len(data) >= at + size >= at + 12, "a block is cut"
        assert struct.unpack_from("<I", data, at + size - 4)[0] == size
        found.append(data[at : at + size])
        at += size
    return found


def page(data):
    assert data == b"" or data.rstrip().endswith(b"</html>"), data[-100:]
    return [data] if data else []


def row_groups(data):
    if not data:
        return []
    assert data[:4] == data[-4:] == b"PAR1", "the file has no end"
    read = pytest.importorskip("arro3.io", reason="needs the extra [parquet]").read_parquet
    return [row for batch in read(io.BytesIO(data)) for row in range(batch.num_rows)]


def document(data):
    return [json.loads(data)] if data else []


class Output(NamedTuple):
    """An output: its flags, its file, whose writing fails; the function that reads its records.

    `files` is a glob of all that it may leave. `code` is the exit code if records are missing. An output that is not
    `early` opens its file only when there is something to write. `tries` is False if it drops a record that is refused.
    """

    flags: str
    file: str
    records: Callable[[bytes], list]
    files: str = ""
    code: int = 1
    early: bool = True
    tries: bool = True


FIRST = "20261122T120002.000Z-errors.pcapng"
"""The name of the first file of evidence."""

OUTPUTS = {
    "ndjson": Output("-o all.ndjson", "all.ndjson", lines),
    "json": Output("-o all.json", "all.json", document),
    "csv": Output("-o all.csv", "all.csv", rows),
    "parquet": Output("-o all.parquet", "all.parquet", row_groups),
    "report": Output("-o report.html", "report.html", page),
    "packets": Output("-w web.pcapng", "web.pcapng", blocks),
    "log": Output("--log-file log.json --log-format json", "log.json", lines, code=0, tries=False),
    "state": Output("--state state.json", "state.json.new", document, "state.json*", code=0, early=False),
    "evidence": Output(
        "--evidence evidence", f"evidence/{FIRST}", blocks, "evidence/*", code=0, early=False, tries=False
    ),
}


class Ended(NamedTuple):
    """How a run ended: exit code, standard output, lines on standard error, records of the output, seconds.

    `left` has the records by the name of their file.
    """

    code: int
    out: bytes
    told: list[str]
    left: dict[str, list]
    seconds: float

    @property
    def count(self):
        return sum(map(len, self.left.values()))


def command(folder, output, *inject):
    """The command with one output, to be run in `folder`. Each of `inject` goes behind ``-e inject=`` of strace."""
    (folder / "rules.toml").write_text(RULES)
    of = OUTPUTS[output]
    words = [*NETMON, "--alerts", "rules.toml", "--ndjson", *of.flags.split()]
    if not inject:
        return words
    spelt = [word for each in inject for word in ("-e", f"inject={each}")]
    about = ["-P", str(folder / of.file), "-P", Path(of.file).name]  # the folder may be known by a descriptor alone
    return ["strace", "-f", "-qq", "-o", "trace", *about, *spelt, *words]


def left(folder, output):
    of = OUTPUTS[output]
    return {each.name: of.records(each.read_bytes()) for each in sorted(folder.glob(of.files or of.file))}


def run(folder, output, *inject):
    """Runs netmon over a capture file with one output."""
    (folder / "day.pcap").write_bytes(forge.pcap(*traffic()))
    began = time.monotonic()
    words = [*command(folder, output, *inject), "-r", "day.pcap"]
    done = subprocess.run(words, cwd=folder, capture_output=True, check=False, timeout=PATIENCE)
    seconds = time.monotonic() - began
    return Ended(done.returncode, done.stdout, done.stderr.decode().splitlines(), left(folder, output), seconds)


def signalled(folder, output, inject, then=()):
    """Runs netmon on a pipe that nobody closes, so that only a signal can end it; sends each signal of `then`.

    `seconds` are those from the last signal to the end.
    """
    feed, writer = os.pipe()
    os.write(writer, forge.pcap(*traffic(at=int(time.time()) - SECONDS)))
    words = [*command(folder, output, inject), "-r", "-"]
    with subprocess.Popen(words, cwd=folder, stdin=feed, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        os.close(feed)
        try:
            began = sent(folder / "trace")
            for number in then:
                os.kill(netmon_of(child), number)
                began = time.monotonic()
            out, told = child.communicate(timeout=PATIENCE)
            seconds = time.monotonic() - began
        finally:
            os.close(writer)
            child.kill()
    return Ended(child.returncode, out, told.decode().splitlines(), left(folder, output), seconds)


def sent(trace):
    """Waits until strace has sent its signal; returns the time of that."""
    deadline = time.monotonic() + PATIENCE
    while not (trace.exists() and "--- SIG" in trace.read_text(errors="replace")):
        assert time.monotonic() < deadline, "no signal is sent"
        time.sleep(0.005)
    return time.monotonic()


def netmon_of(tracer):
    """The process that strace has started."""
    return int(Path(f"/proc/{tracer.pid}/task/{tracer.pid}/children").read_text().split()[0])

"""Silent inputs: whatever netmon waits for, a signal or a timeout ends it."""

import gzip
import os
import signal
import subprocess
import sys
import time

import forge
import pytest

NETMON = [sys.executable, "-m", "netmon", "--no-config"]
CAPTURE = forge.pcap(
    *(forge.Conversation(4000 + n, n).ask(n, "GET", "a.example", "/", 200).close(n) for n in range(60))
)

INPUTS = {
    "a pipe without a writer": None,
    "a pipe before its header": b"",
    "half a header": CAPTURE[:10],
    "a header": CAPTURE[:24],
    "half a packet": CAPTURE[:1000],
    "half a member of gzip": gzip.compress(CAPTURE)[:300],
}
"""The bytes that the pipe gives before it is silent; None if it has no writer."""


def ends(command, number, **how):
    """The seconds from the signal `number` until the command has ended. If it is None, ``-t`` ends the command."""
    timeout = [] if number else ["-t", "0.5"]
    with subprocess.Popen(
        [*NETMON, *command, *timeout], stderr=subprocess.PIPE, stdout=subprocess.PIPE, **how
    ) as child:
        time.sleep(1.5)
        began = time.monotonic()
        if number and child.poll() is None:
            child.send_signal(number)
        try:
            _, said = child.communicate(timeout=20)
        finally:
            child.kill()
        assert b"Traceback" not in said
        return time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, None])
@pytest.mark.parametrize("place", ["alone", "second", "first of two, several workers"])
@pytest.mark.parametrize("said", INPUTS)
def test_a_silent_pipe_does_not_keep_the_command_from_ending(tmp_path, said, place, number):
    pipe, file = tmp_path / "pipe", tmp_path / "a.pcap"
    os.mkfifo(pipe)
    file.write_bytes(CAPTURE)
    writer = -1
    if INPUTS[said] is not None:
        writer = os.open(pipe, os.O_RDWR)
        os.write(writer, INPUTS[said])
    files = {
        "alone": ["-r", pipe],
        "second": ["-r", file, "-r", pipe],
        "first of two, several workers": ["-r", pipe, "-r", file, "--workers", "3"],
    }[place]
    assert ends([*files, "--ndjson"], number) < 2
    if writer >= 0:
        os.close(writer)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, None])
def test_silent_standard_input_does_not_keep_the_command_from_ending(number):
    reader, writer = os.pipe()
    assert ends(["-r", "-", "--plain"], number, stdin=reader) < 2
    os.close(reader)
    os.close(writer)


def test_a_file_that_is_played_ends_with_its_timeout(tmp_path):
    path = tmp_path / "a.pcap"
    path.write_bytes(CAPTURE)
    for more in ([], ["--interval", "30"]):
        assert ends(["-r", path, "--speed", "1", "--plain", *more], None) < 2

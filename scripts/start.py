"""Measures the time to the first frame, and the CPU time on a silent link: start.py [seconds]. Needs root.

The first frame is timed from the start of the process to its title on a pseudo terminal, and compared with ``python -c
pass``. The least of several runs counts, because other load on the machine only adds time. Idle is processor time over
the given number of seconds (20), with and without the screen.
"""

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

RUNS = 15
PORT = "65533"
NETMON = [sys.executable, "-m", "netmon", "--no-config", "-i", "lo", "tcp", "port", PORT]


def on_terminal(command):
    """Starts a process on a new pseudo terminal; returns the process and our end of the terminal."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "LINES": "30", "COLUMNS": "120"}
    process = subprocess.Popen(  # noqa: S603  netmon
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    return process, ours


def first_frame():
    """Seconds from the start of the process until the title is on the terminal."""
    start = time.perf_counter()
    process, terminal = on_terminal(NETMON)
    seen = b""
    while b"netmon" not in seen:
        seen += os.read(terminal, 65536)
    took = time.perf_counter() - start
    process.terminate()
    drain(terminal)
    process.wait()
    return took


def bare():
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - start


def drain(terminal):
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        os.close(terminal)


def ticks(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def idle(arguments, seconds):
    """Share of a processor that netmon uses on a silent link."""
    process, terminal = on_terminal([*NETMON, *arguments])
    os.set_blocking(terminal, False)
    rest(terminal, 3.0)
    before, start = ticks(process.pid), time.perf_counter()
    rest(terminal, seconds)
    used, took = ticks(process.pid) - before, time.perf_counter() - start
    process.kill()
    process.wait()
    os.close(terminal)
    return used / os.sysconf("SC_CLK_TCK") / took


def rest(terminal, seconds):
    """Waits for `seconds`, and meanwhile reads and discards the terminal output."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        time.sleep(0.05)
        try:
            os.read(terminal, 65536)
        except BlockingIOError:
            continue


def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    least, python = min(first_frame() for _ in range(RUNS)), min(bare() for _ in range(RUNS))
    print(f"first frame   {1000 * least:5.0f} ms, {1000 * (least - python):.0f} ms more than python -c pass")
    for name, arguments in (("plain", ["--plain"]), ("screen", [])):
        print(f"idle, {name:<7} {100 * idle(arguments, seconds):6.2f} % of a processor over {seconds:g} s")


if __name__ == "__main__":
    main()

"""Every fault at every output: what one output suffers changes no other, and what it writes is whole.

Faults and outputs are two tables; all pairs are run, several at a time. A run of each output without a fault says what
would have been written.
"""

import errno
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import NamedTuple

import pytest
import weather
from weather import OUTPUTS, needs_strace

pytestmark = [needs_strace, pytest.mark.timeout(300)]  # runs wait for one another on a busy machine

AT_ONCE = 4
"""Runs at a time: most of a run is waiting for a disk that stays full."""


class Fault(NamedTuple):
    """What is injected into the system calls about the file of an output, and the words that must be told.

    `loses` is True if records may be missing afterwards. `starts` is False if the command ends before it captures.
    """

    inject: tuple[str, ...]
    error: int = 0
    loses: bool = False
    starts: bool = True


WRITES = "write,writev,pwrite64,pwritev"
FAULTS = {
    "nothing": Fault(()),
    "a full disk": Fault((f"{WRITES}:error=ENOSPC:when=1+",), errno.ENOSPC, loses=True),
    "a disk that fills up": Fault((f"{WRITES}:error=ENOSPC:when=2+",), errno.ENOSPC, loses=True),
    "a disk that has room again": Fault((f"{WRITES}:error=ENOSPC:when=1..2",), errno.ENOSPC),
    "a quota": Fault((f"{WRITES}:error=EDQUOT:when=2+",), errno.EDQUOT, loses=True),
    "a limit on the size of files": Fault((f"{WRITES}:error=EFBIG:when=2+",), errno.EFBIG, loses=True),
    "a broken disk": Fault((f"{WRITES}:error=EIO:when=1+",), errno.EIO, loses=True),
    "a full disk whose files cannot be cut": Fault(
        (f"{WRITES}:error=ENOSPC:when=1..2", "ftruncate:error=EIO:when=2+"), errno.ENOSPC
    ),
    "interrupted calls": Fault((f"{WRITES}:error=EINTR:when=1..3", "fsync:error=EINTR:when=1..2")),
    "an error on closing": Fault(("close:error=EIO",), errno.EIO, loses=True),
    "no descriptor left": Fault(("openat,open:error=EMFILE",), errno.EMFILE, starts=False, loses=True),
    "a file system that is read-only": Fault(("openat,open:error=EROFS",), errno.EROFS, starts=False, loses=True),
    "a file that may not be written": Fault(("openat,open:error=EACCES",), errno.EACCES, starts=False, loses=True),
}
ONCE = ("json", "report", "state", "evidence")
"""The outputs that write their file at once, so that a fault of the second write comes too late."""

CASES = [
    (output, name)
    for output in OUTPUTS
    for name, fault in FAULTS.items()
    if (output, name) != ("parquet", "a full disk whose files cannot be cut")  # it cuts its file before each write
    and (output not in ONCE or not any(each.endswith(":when=2+") for each in fault.inject[:1]))
]


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A function that returns how the run of an output with a fault ended; all runs begin with the first call."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = {
            case: pool.submit(weather.run, tmp_path_factory.mktemp("run"), case[0], *FAULTS[case[1]].inject)
            for case in CASES
        }
        yield lambda *case: runs[case].result()
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize(("output", "name"), CASES)
def test_a_fault_of_one_output_is_told_tears_no_record_and_changes_no_other_output(ended, output, name):
    fault, of, run, calm = FAULTS[name], OUTPUTS[output], ended(output, name), ended(output, "nothing")
    said = "\n".join(run.told)
    assert "Traceback" not in said
    assert "panicked" not in said
    if fault.error:
        words = [line for line in run.told if os.strerror(fault.error) in line]
        assert words, said
        assert all(of.file.split(".")[0].split("/")[0] in line for line in words), said
        assert len(words) <= 2, "it is told once, and at the end"
    is_refused = of.early and (not fault.starts or (output == "log" and name == "an error on closing"))
    if is_refused:
        assert (run.code, run.out, run.count) == (1, b"", 0)
        return
    assert run.out == calm.out
    if fault.loses or not of.tries:
        assert run.code == (of.code if fault.error else 0), said
        assert run.count <= calm.count
    else:
        assert (run.code, run.count) == (0, calm.count), said


# Signals in the midst of a write


SIGNALS = {
    "TERM": (),
    "INT": (),
    "HUP": (signal.SIGTERM,),
    "PIPE": (signal.SIGTERM,),
    "USR1": (signal.SIGTERM,),
    "WINCH": (signal.SIGTERM,),
    "STOP": (signal.SIGCONT, signal.SIGTERM),
}
"""Signals that come while a record is written. After one that does not end netmon, others go on with it and end it."""


@pytest.fixture(scope="module")
def reached(tmp_path_factory):
    """A function that returns how a run on a pipe ended that got a signal in the midst of a write."""

    def begin(output, name):
        folder = tmp_path_factory.mktemp("signal")
        return weather.signalled(
            folder, output, f"{WRITES}:signal={name}:when={1 if output == 'packets' else 2}", SIGNALS[name]
        )

    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = {case: pool.submit(begin, *case) for case in product(LASTING, SIGNALS)}
        yield lambda *case: runs[case].result()
        pool.shutdown(cancel_futures=True)


LASTING = ("ndjson", "csv", "packets", "log")
"""Outputs that write while netmon runs."""


@pytest.mark.parametrize(("output", "name"), list(product(LASTING, SIGNALS)))
def test_a_signal_in_the_midst_of_a_write_tears_no_record_and_netmon_ends_within_two_seconds(reached, output, name):
    run = reached(output, name)
    assert (run.code, run.seconds < 2) == (0, True), run
    assert not any("Traceback" in line for line in run.told)
    assert run.count > 1
    shown = weather.lines(run.out)
    assert sum(line["requests"] for line in shown) == 4 * weather.SECONDS
    if output == "ndjson":
        assert run.left["all.ndjson"] == shown
    if output == "log":
        assert (run.left["log.json"][0]["event"], run.left["log.json"][-1]["event"]) == ("started", "stopped")

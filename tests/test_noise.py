"""Captures with wrong bytes in them (`editcap -E`) are read without harm: no error, no growth, little more time.

The captures are those kept here, and the small ones of the corpus if that is beside the project. Some copies have few
wrong bytes, others many. Any count is accepted, but hosts must add up to the total.
"""

import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from netmon import Monitor, Snapshot, SourceError

ROOT = Path(__file__).parents[1]
FOLDERS = ROOT / "tests" / "captures", ROOT.parent / "shared" / "corpus"
SMALL = 300_000
SEEDS = 200
PROBABILITIES = 0.02, 0.2
SLOWER = 5
ALLOWANCE = 0.1
"""Seconds allowed beyond `SLOWER` times: most captures take less than a millisecond, and the machine may be busy."""
GROWTH = 32 * 2**20

EDITCAP = shutil.which("editcap")
pytestmark = pytest.mark.skipif(not EDITCAP, reason="needs editcap")


def captures():
    paths = [path for folder in FOLDERS for path in sorted(folder.rglob("*.pcap*")) if path.stat().st_size < SMALL]
    return [path for path in paths if is_readable(path)]


def is_readable(path):
    try:
        count(path)
    except SourceError:
        return False
    return True


def count(path):
    return Snapshot.merge(Monitor(read=path, interval=60).snapshots())


def timed(path):
    """(merge of all snapshots, seconds of processor time that this process used for it)."""
    began = time.process_time()
    return count(path), time.process_time() - began


def with_noise(path, probability, seed, copy):
    command = [EDITCAP, "-E", str(probability), "--seed", str(seed), path, copy]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return copy


def peak():
    """The largest resident memory of this process since the last call, in bytes."""
    status = Path("/proc/self/status").read_text()
    (most,) = (int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    Path("/proc/self/clear_refs").write_text("5")
    return most


def adds_up(total):
    rows = [(host.requests, host.responses) for host in total.hosts]
    return [sum(column) for column in zip(*rows, strict=True)] == [total.requests, total.responses] if rows else True


def test_wrong_bytes_do_no_harm(tmp_path):
    paths = captures()
    chosen = [(paths[seed % len(paths)], PROBABILITIES[seed // 2 % 2], seed) for seed in range(SEEDS)]
    with ThreadPoolExecutor(2) as two:
        noisy = list(two.map(lambda one: with_noise(*one, tmp_path / f"{one[2]}.pcapng"), chosen))
    peak()
    before = peak()
    slow = []
    for (path, probability, seed), copy in zip(chosen, noisy, strict=True):
        _, clean = timed(path)
        total, took = timed(copy)
        assert adds_up(total), (path, probability, seed)
        if took > SLOWER * clean + ALLOWANCE:
            slow.append((path.name, probability, seed, clean, took))
    assert slow == []
    assert peak() - before < GROWTH
    print(f"{len(noisy)} copies of {len({path for path, *_ in chosen})} captures")

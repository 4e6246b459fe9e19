"""Measures what docs/archives.md says: what a cut costs, and what a second worker brings.

    python scripts/archives.py target/captures/api.pcap

Needs a release build, and two cores that nothing else uses; it prints how busy they were. The capture is cut into
slices of a few megabytes as a rotating capture writes them, compressed with zstd if the command is there. Times are the
best of five. The time of the processor does not depend on what else runs: its ratio is what two idle cores would give.
"""

import argparse
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import netmon
from netmon import Snapshot

sys.path.append(str(Path(__file__).parents[1] / "contrib" / "recipes"))
from runs import count, divide

ROUNDS = 5

INTERVAL = 0.1
"""Seconds of an interval: far shorter than a slice, as it would be in a capture that lasts for hours."""

ZSTD = shutil.which("zstd")


def cut(capture, folder, size):
    """Writes the packets of a pcap file as consecutive files of about `size` bytes; returns their paths."""
    data = memoryview(capture.read_bytes())
    head, at, start, files = data[:24], 24, 24, []

    def write(until):
        path = folder / f"{len(files):04}.pcap"
        path.write_bytes(bytes(head) + bytes(data[start:until]))
        if ZSTD:
            subprocess.run([ZSTD, "-q", "--rm", path], check=True)  # noqa: S603  a tool of the system
            path = path.with_suffix(".pcap.zst")
        files.append(str(path))

    while at < len(data):
        at += 16 + struct.unpack_from("<I", data, at + 8)[0]
        if at - start >= size:
            write(at)
            start = at
    if start < at:
        write(at)
    return files


def timed(run):
    """The sum of a run, the seconds of the clock and those of the processor, on a worker."""
    wall, processor = time.perf_counter(), time.process_time()
    found = count(run, interval=INTERVAL)
    return found, time.perf_counter() - wall, time.process_time() - processor


def measure(files, workers, pool):
    """Seconds of the clock from the first file to the sum, and of the processor on the busiest worker."""
    began = time.perf_counter()
    look = partial(pool.map, chunksize=max(1, len(files) // (4 * workers)))
    parts = list(pool.map(timed, divide(files, count=workers, interval=INTERVAL, look=look)))
    total = Snapshot.merge(part for part, _, _ in parts)
    return time.perf_counter() - began, max(processor for _, _, processor in parts), total


def cost(whole, found, how):
    """Prints what the cuts between runs have cost."""
    same = "equal to a single pass" if found.to_json() == whole.to_json() else "not equal"
    lost = whole.latency.count - found.latency.count
    orphans = found.capture.orphan_responses - whole.capture.orphan_responses
    rows = found.host_count - whole.host_count
    print(f"{how:>24}: {same}; {lost} latencies lost, {orphans} orphans, {rows} rows more")


def main():
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("capture", type=Path)
    given.add_argument("--slices", type=int, default=40)
    given = given.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = cut(given.capture, Path(folder), given.capture.stat().st_size // given.slices)
        print(f"{len(files)} slices, {'zstd' if ZSTD else 'plain'}, load {os.getloadavg()[0]:.1f} of {os.cpu_count()}")
        whole = Snapshot.merge(netmon.read(files, interval=INTERVAL))
        print(f"single pass: {whole.requests} requests, {whole.latency.count} latencies, {whole.host_count} hosts")
        alone = Snapshot.merge(one for file in files for one in netmon.read(file, interval=INTERVAL))
        cost(whole, alone, "each file by itself")
        for before in (0, 1):
            for number in (2, len(files) // 4, len(files)):
                runs = divide(files, count=number, before=before, interval=INTERVAL)
                cost(
                    whole,
                    Snapshot.merge(count(run, interval=INTERVAL) for run in runs),
                    f"{number} runs, {before} files before",
                )
        times = {}
        for workers in (1, 2):
            with ProcessPoolExecutor(workers, mp_context=get_context("forkserver")) as pool:
                list(pool.map(timed, divide(files[:4], count=workers)))  # processes have started
                rounds = [measure(files, workers, pool) for _ in range(ROUNDS)]
            if any(total.to_json() != whole.to_json() for _, _, total in rounds):
                raise SystemExit("the sum of the runs is not that of a single pass")
            times[workers] = min(wall for wall, _, _ in rounds), min(processor for _, processor, _ in rounds)
            print(
                f"{workers} workers: {times[workers][0]:.2f} s of the clock, {times[workers][1]:.2f} s of the processor"
            )
        wall, processor = (times[1][kind] / times[2][kind] for kind in (0, 1))
        print(f"two workers are {wall:.2f} times as fast by the clock, {processor:.2f} times by the processor")


if __name__ == "__main__":
    main()

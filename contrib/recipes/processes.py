"""Counts the files of one capture point with several processes of the standard library; prints the sum as JSON.

python processes.py captures/eth0-*.pcap.zst > day.json
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING

from netmon import Snapshot
from runs import count, divide

if TYPE_CHECKING:
    from collections.abc import Sequence


def total(files: Sequence[str], *, workers: int, before: int = 1) -> Snapshot:
    """The sum of all files: a run for each worker, so that there are few cuts."""
    with ProcessPoolExecutor(workers, mp_context=get_context("forkserver")) as pool:
        look = partial(pool.map, chunksize=max(1, len(files) // (4 * workers)))
        runs = divide(files, count=workers, before=before, look=look)
        return Snapshot.merge(pool.map(count, runs))


if __name__ == "__main__":
    workers = int(os.environ.get("WORKERS", os.cpu_count() or 1))
    sys.stdout.buffer.write(total(sys.argv[1:], workers=workers).to_json() + b"\n")

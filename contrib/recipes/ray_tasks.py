"""Counts the files of one capture point with Ray, on the cluster of RAY_ADDRESS or on this machine.

pip install ray
python ray_tasks.py captures/eth0-*.pcap.zst > day.json
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import ray
from netmon import Snapshot
from runs import Run, count, divide, first

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 8
"""Sums that one task merges."""


@ray.remote
def counted(run: Run) -> Snapshot:
    return count(run)


@ray.remote
def looked_at(file: str) -> float | None:
    return first(file)


@ray.remote
def merged(*parts: Snapshot) -> Snapshot:
    return Snapshot.merge(parts)


def total(files: Sequence[str], *, pieces: int, before: int = 1) -> Snapshot:
    """The sum of all files. Sums of runs are merged in a tree on the workers, and only the last one comes here."""

    def look(_: object, items: Sequence[str]) -> list[float | None]:
        found: list[float | None] = ray.get([looked_at.remote(item) for item in items])
        return found

    parts = [counted.remote(run) for run in divide(files, count=pieces, before=before, look=look)]
    while len(parts) > 1:
        parts = [merged.remote(*parts[at : at + WIDTH]) for at in range(0, len(parts), WIDTH)]
    return ray.get(parts[0]) if parts else Snapshot()


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    ray.init(runtime_env={"py_modules": [os.path.join(here, "runs.py")]} if "RAY_ADDRESS" in os.environ else None)
    pieces = int(os.environ.get("PIECES", 2 * (os.cpu_count() or 1)))
    sys.stdout.buffer.write(total(sys.argv[1:], pieces=pieces).to_json() + b"\n")

"""Counts the files of one capture point with Dask, on the cluster of DASK_SCHEDULER or on this machine.

    pip install dask distributed
    DASK_SCHEDULER=tcp://scheduler:8786 python dask_bag.py 's3://captures/eth0/2026-11-26/*.pcap.zst' > day.json

Workers need netmon, and runs.py beside them: `client.upload_file("runs.py")` sends it.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import dask.bag
from netmon import Snapshot
from runs import count, divide

if TYPE_CHECKING:
    from collections.abc import Sequence


def total(files: Sequence[str], *, pieces: int, before: int = 1, **compute: Any) -> Snapshot:
    """The sum of all files. Sums of runs are merged in a tree on the workers, and only the last one comes here."""

    def look(function: Any, items: Any) -> Any:
        return dask.bag.from_sequence(items, npartitions=min(pieces, len(items))).map(function).compute(**compute)

    bag = dask.bag.from_sequence(divide(files, count=pieces, before=before, look=look), partition_size=1)
    found: Snapshot = bag.map(count).reduction(Snapshot.merge, Snapshot.merge, split_every=8).compute(**compute)
    return found


def files_of(arguments: Sequence[str]) -> list[str]:
    """Paths as they are, and the URLs of all files that match one with ``*``."""
    from netmon import remote  # noqa: PLC0415  paths need no fsspec

    return [
        name
        for argument in arguments
        for name in ([file.name for file in remote.files_of(argument)] if remote.is_url(argument) else [argument])
    ]


if __name__ == "__main__":
    where: dict[str, Any] = {"scheduler": "processes"}
    if address := os.environ.get("DASK_SCHEDULER"):
        from distributed import Client

        client = Client(address)
        client.upload_file(os.path.join(os.path.dirname(__file__), "runs.py"))
        where = {"scheduler": client}
    pieces = int(os.environ.get("PIECES", 2 * (os.cpu_count() or 1)))
    sys.stdout.buffer.write(total(files_of(sys.argv[1:]), pieces=pieces, **where).to_json() + b"\n")

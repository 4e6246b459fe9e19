"""Rows of tables as snapshots: a row of Parquet is one of a single section, a listed exchange one of a request. Pure.

The core merges them to the intervals that they were.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import groupby
from math import ceil, log2
from typing import TYPE_CHECKING, Any

from netmon._core import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

Row = dict[str, Any]

MOST = 10_000
"""Rows that are merged at once."""

_COUNTS = ("requests", "responses", "errors", "request_bytes", "response_bytes")
_HISTOGRAM = ("count", "sum", "min", "max", "zero_count", "scale", "offset", "buckets")
_NANOS = 10**9
_PER_DOUBLING = 16


def merged(rows: Iterable[Row], span: Callable[[Row], Any], document: Callable[[Row], Row]) -> Iterator[Snapshot]:
    """A snapshot for each run of rows with the same `span`."""
    for _, same in groupby(rows, span):
        snapshots: list[Snapshot] = []
        for row in same:
            snapshots.append(Snapshot.from_json(json.dumps(document(row))))
            if len(snapshots) >= MOST:
                snapshots = [Snapshot.merge(snapshots)]
        yield Snapshot.merge(snapshots)


def of_sections(rows: Iterable[Row]) -> Iterator[Snapshot]:
    """Snapshots of the rows of sections, as Parquet has them."""
    return merged(rows, lambda row: (row["start"], row["end"]), section)


def of_exchanges(rows: Iterable[Row]) -> Iterator[Snapshot]:
    """Snapshots of a second each, of listed exchanges: `ts` is an RFC 3339 time in UTC. Raises KeyError, TypeError or
    ValueError for rows that are none.
    """
    return merged(rows, lambda row: row["ts"][:19], exchange)


def section(row: Mapping[str, Any]) -> Row:
    """The JSON of a snapshot of one section."""
    counts: Row = {name: row[name] for name in _COUNTS}
    counts |= {name: {str(key): n for key, n in row[name]} for name in ("methods", "statuses")}
    counts |= {name: {part: row[f"{name}_{part}"] for part in _HISTOGRAM} for name in ("latency", "duration")}
    return _document(row["start"].isoformat(), row["end"].isoformat(), row["host"], row["path"], counts)


def exchange(row: Mapping[str, Any]) -> Row:
    """The JSON of a snapshot of one request and its response, in its second."""
    status, second = row["status"], row["ts"][:19]
    counts: Row = {
        "requests": 1,
        "responses": int(status is not None),
        "errors": int(status is not None and status >= 500),
        "methods": {row["method"]: 1},
        "statuses": {} if status is None else {str(status): 1},
        "request_bytes": row["request_bytes"],
        "response_bytes": row["response_bytes"],
        **{name: histogram(row[name]) for name in ("latency", "duration") if row[name] is not None},
    }
    end = datetime.fromisoformat(second) + timedelta(seconds=1)
    return _document(f"{second}Z", f"{end.isoformat()}Z", row["host"], row["section"], counts)


def histogram(seconds: float) -> Row:
    """The histogram of one duration, in the bucket that the core would count it in."""
    nanos = round(seconds * _NANOS)
    if nanos <= 0:
        return {"count": 1, "sum": 0.0, "min": 0.0, "max": 0.0, "zero_count": 1, "scale": 4, "offset": 0, "buckets": []}
    bucket = ceil(log2(nanos / _NANOS) * _PER_DOUBLING) - 1
    while nanos > _edge(bucket + 1):
        bucket += 1
    while nanos <= _edge(bucket):
        bucket -= 1
    whole = {"count": 1, "sum": seconds, "min": seconds, "max": seconds, "zero_count": 0}
    return whole | {"scale": 4, "offset": bucket, "buckets": [1]}


def _edge(bucket: int) -> int:
    """The lower edge of a bucket in whole nanoseconds, as the core rounds it."""
    return int(2 ** (bucket / _PER_DOUBLING) * _NANOS)


def _document(start: str, end: str, host: str, path: str, counts: Row) -> Row:
    hosts = [{"name": host, "sections": [{"path": path, **counts}], **counts}]
    times = {"start": start.replace("+00:00", "Z"), "end": end.replace("+00:00", "Z")}
    return {"schema": 1, **times, "hosts": hosts, **counts}

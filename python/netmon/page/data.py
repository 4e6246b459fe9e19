"""The document of a page: everything that it shows, as plain values for templates and for the script.

It is bounded: at most `POINTS` time points, `ALERTS` alerts, and of each table as many rows as fit in its room, the
greatest first; what is left out is counted. All texts from the wire are sanitized. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from netmon import format as fmt
from netmon._core import Snapshot
from netmon.alerts import written
from netmon.page import answer, axes
from netmon.page.clock import Clock
from netmon.page.columns import CLIENTS, CONNECTIONS, HOSTS, SECTIONS, SERVERS, SLOWEST, micros
from netmon.page.escape import packed
from netmon.page.timeline import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from netmon.frames import Frame
    from netmon.page.columns import Table
    from netmon.page.record import Record
    from netmon.page.timeline import Timeline

Document: TypeAlias = dict[str, Any]

VERSION = 1
"""The version of the document, which the script checks."""

LEAST_ROW = 30
"""Bytes of a row at least: how many rows are worth asking for."""

CODES = 60
"""Status codes and methods listed at most; the rest is one row."""

SOURCES = 8
"""Interfaces or files named at most."""

QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))


def document(record: Record) -> Document:
    """The document of everything that was recorded so far; without any frame, that of an empty run."""
    frame, timeline = record.frame, record.timeline
    total = frame.total if frame else Snapshot()
    clock = Clock.of(frame.tally.start, frame.tally.end) if frame else Clock()
    alerts = list(_alerts(record))
    points = _points(timeline)
    return {
        "version": VERSION,
        "clock": clock._asdict(),
        "where": fmt.sanitize(" ".join((record.where or "").split())),
        "sources": _sources(total),
        "answer": answer.answer(record, total, clock, points, alerts),
        "points": points,
        "alerts": alerts,
        "alerts_dropped": record.dropped,
        "rules": list(_rules(frame)),
        "statuses": _shares(total.statuses),
        "methods": _shares(total.methods),
        "tables": dict(_tables(record, total)),
    }


def _sources(total: Snapshot) -> list[str]:
    names = [fmt.source(interface.name) for interface in total.interfaces if interface.packets]
    more = len(names) - SOURCES
    return names[:SOURCES] + ([f"{more} more"] if more > 0 else [])


def _points(timeline: Timeline) -> Document:
    """The time points that had packets: for each its number, its counts and its latencies."""
    found = sorted(timeline.points.items())
    scale = min((point.latencies.scale for _, point in found), default=4)
    rows, spread = [], []
    for at, point in found:
        point.latencies.coarsen(scale)
        latencies = point.latencies
        edges = (micros(latencies.min), *(micros(latencies.quantile(q)) for _, q in QUANTILES), micros(latencies.max))
        rows.append([at, *(round(n) for n in point.sums), *edges])
        first, last = min(latencies.counts, default=0), max(latencies.counts, default=-1)
        spread.append([first, *(latencies.counts.get(bucket, 0) for bucket in range(first, last + 1))])
    return {
        "start": timeline.start,
        "step": timeline.step,
        "count": timeline.count,
        "names": ["at", *NAMES, "min", *(name for name, _ in QUANTILES), "max"],
        "rows": rows,
        "scale": scale,
        "latencies": spread,
        "labels": axes.STEPS,
        "most_labels": axes.LABELS,
    }


def _alerts(record: Record) -> Iterator[Document]:
    """The alerts, oldest first. One without an end still lasts; one about a newcomer has no length."""
    for alert, until in sorted(record.periods.values(), key=lambda period: period.alert.since):
        is_moment = alert.rule.kind == "new"
        yield {
            "since": alert.since,
            "until": alert.since if is_moment else until,
            "name": fmt.sanitize(written.subject(alert) or alert.rule.title),
            "found": fmt.sanitize(written.finding(alert)),
            "severity": alert.rule.severity,
        }


def _rules(frame: Frame | None) -> Iterator[Document]:
    for gauge in frame.gauges if frame else ():
        rule = gauge.rule
        yield {
            "name": fmt.sanitize(rule.title),
            "does": fmt.sanitize(written.sentence(rule)),
            "state": gauge.state,
            "reason": fmt.sanitize(gauge.reason),
        }


def _shares(counts: dict[int, int] | dict[str, int]) -> list[list[Any]]:
    """Key, count and share of all, most frequent first."""
    whole = sum(counts.values())
    rows = [[fmt.sanitize(str(key)), n, round(n / whole, 5)] for key, n in counts.items()]
    if rest := sum(list(counts.values())[CODES:]):
        rows[CODES:] = [["others", rest, round(rest / whole, 5)]]
    return rows


def _tables(record: Record, total: Snapshot) -> Iterator[tuple[str, Document]]:
    def most(table: Table) -> int:
        return table.room // LEAST_ROW

    hosts, sections, clients = (most(table) for table in (HOSTS, SECTIONS, CLIENTS))
    given: tuple[tuple[Table, int, Iterable[Any]], ...] = (
        (HOSTS, total.host_count, total.top(hosts, HOSTS.by)),
        (SECTIONS, total.section_count, total.top_sections(sections, SECTIONS.by)),
        (CLIENTS, total.client_count, total.top_clients(clients, CLIENTS.by)),
        (SLOWEST, len(record.slowest), record.slowest),
        (SERVERS, len(total.servers), total.servers),
        (CONNECTIONS, len(total.interfaces) + 1, (total, *total.interfaces)),
    )
    for table, count, rows in given:
        yield table.name, _table(table, count, rows)


def _table(table: Table, count: int, rows: Iterable[Any]) -> Document:
    """The rows that fit in the room of a table. An optional column without any text is left out."""
    kept, room = [], table.room
    for row in rows:
        values = [column.value(row) for column in table.columns]
        room -= len(packed(values)) + 1
        if room < 0:
            break
        kept.append(values)
    empty = {at for at, c in enumerate(table.columns) if c.is_optional and all(not values[at] for values in kept)}
    columns = [column for at, column in enumerate(table.columns) if at not in empty]
    return {
        "caption": table.caption,
        "noun": table.noun,
        "by": table.by,
        "columns": [
            {"key": c.key, "label": c.label, "kind": c.kind, "title": c.title, "bar": c.has_bar} for c in columns
        ],
        "rows": [[value for at, value in enumerate(row) if at not in empty] for row in kept] if empty else kept,
        "left": count - len(kept),
    }

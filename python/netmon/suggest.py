"""Rules that a capture suggests: snapshots in, TOML out, each rule with its reason.

What a capture shows is taken for usual. A suggested bound is twice the worst that was seen, so that the capture itself
would not have fired, and a reason says what was seen.
"""

from __future__ import annotations

from math import ceil, floor, log10
from typing import TYPE_CHECKING, NamedTuple

from netmon import format as fmt
from netmon._core import OTHER, Snapshot
from netmon.alerts.written import amount
from netmon.measures import measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from netmon.options import Settings

SPAN = 60.0
"""Seconds of a span, in which values are taken."""

FEWEST = 20
"""Requests of a span without which a share or a percentile says nothing."""

MARGIN = 2.0
"""How many times the worst value the bound is."""

SHORTEST_ABSENCE = 30.0
"""Seconds of the shortest silence that is suggested as an alert."""


class Suggested(NamedTuple):
    """A measure that is suggested: per what, and the least bound, below which small values would fire."""

    name: str
    metric: str
    per: str
    least: float


MEASURED = (
    Suggested("more traffic than seen", "hits", "", 100),
    Suggested("responses fail", "error_ratio", "host", 0.01),
    Suggested("responses are slow", "latency.p95", "host", 0.1),
    Suggested("segments are sent again", "retransmitted_ratio", "", 0.02),
    Suggested("connections are refused", "refused", "", 10),
)


def of_capture(settings: Settings) -> Iterator[str]:
    """The lines for the capture files of the settings; raises ConfigError if there are none."""
    from netmon.config import ConfigError  # noqa: PLC0415  only reading needs them
    from netmon.source import monitor_of  # noqa: PLC0415  as above

    if not settings.read:
        raise ConfigError("--suggest-alerts needs a capture file to learn from: add -r FILE")
    with monitor_of(
        settings._replace(speed=None, write=None, evidence=None), None, on_screen=False, once=False
    ) as monitor:
        yield from suggest(monitor.snapshots())


def suggest(snapshots: Iterable[Snapshot]) -> Iterator[str]:
    """Yields the lines of a TOML file."""
    spans, silence = _spans(snapshots)
    if not any(span.hits for span in spans):
        yield "# There is no HTTP in this capture, so it suggests no rule."
        return
    whole = Snapshot.merge(spans)
    length = min(SPAN, max(1.0, floor(whole.end - whole.start)))  # of a short capture no longer span is known
    yield f"# Suggested from {fmt.duration(whole.end - whole.start)} with {fmt.plural(whole.requests, 'request')}."
    for row in MEASURED:
        found = max(_values(row, spans), default=None)
        if found is None:
            continue
        value, where = found
        unit = measure(row.metric).unit
        bound = _round_up(max(MARGIN * value, row.least))
        if unit == "ratio" and bound >= 1:
            continue
        about = f" of {fmt.sanitize(where)}" if where else ""
        seen = f"the worst {length:g} s had {row.metric} = {amount(value, unit)}{about}".replace("\u202f", " ")
        yield from _table(row, seen, {"above": _spelt(bound, row.metric), "span": f"{length:g}s"})
    longest = f"the longest silence was {fmt.duration(silence)}" if silence else "no interval was silent"
    absent = Suggested("no traffic", "absent", "", 0)
    yield from _table(absent, longest, {"above": f"{_round_up(max(3 * silence, SHORTEST_ABSENCE)):g}s"})


def _table(row: Suggested, reason: str, bounds: dict[str, str]) -> Iterator[str]:
    yield ""
    yield f"# {reason[0].upper()}{reason[1:]}."
    yield "[[alert]]"
    yield f'name = "{row.name}"'
    yield f'metric = "{row.metric}"'
    if row.per:
        yield f'per = "{row.per}"'
        yield f"min_requests = {FEWEST}"
    yield from (f'{key} = "{value}"' for key, value in bounds.items())


def _spans(snapshots: Iterable[Snapshot]) -> tuple[list[Snapshot], float]:
    """The snapshots merged to spans, and the longest silence in seconds."""
    spans: list[Snapshot] = []
    part: list[Snapshot] = []
    last, silence = None, 0.0
    for snapshot in snapshots:
        if snapshot.hits:
            silence = max(silence, snapshot.start - last if last is not None else 0.0)
            last = snapshot.end
        if part and snapshot.end - part[0].start > SPAN:
            spans.append(Snapshot.merge(part))
            part = []
        part.append(snapshot)
    return [*spans, *([Snapshot.merge(part)] if part else [])], silence


def _values(row: Suggested, spans: list[Snapshot]) -> Iterator[tuple[float, str]]:
    """The values of a measure in each span, with the name of the row."""
    value = measure(row.metric).value
    for span in spans:
        if not row.per:
            found = value(span)
            if found is not None:
                yield found, ""
            continue
        for host in span.hosts:
            found = value(host)
            if found is not None and host.requests >= FEWEST and host.name != OTHER:
                yield found, host.name


def _round_up(value: float) -> float:
    """The value with two digits, not less than it was."""
    step = 10.0 ** (floor(log10(value)) - 1)
    return float(f"{ceil(value / step - 1e-9) * step:.12g}")


def _spelt(value: float, metric: str) -> str:
    unit = measure(metric).unit
    if unit == "ratio":
        return f"{100 * value:.6g}%"
    return f"{value:.12g}s" if unit == "s" else f"{value:.12g}"

"""The answer at the top of a page, in sentences: what happened, when, to whom, and how certain that is. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netmon import format as fmt
from netmon import losses
from netmon.absence import reasons
from netmon.frames import Tally
from netmon.measures import measure, ratio

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from netmon._core import Capture, Snapshot
    from netmon.page.clock import Clock
    from netmon.page.record import Record

NAMED = 2
"""Alerts named in the headline at most."""

MANY_ERRORS = 0.01
"""Share of responses with a status of 500 or above from which on the answer is marked as a warning."""

QUANTILE_ERROR = 0.022
"""Relative error of a quantile at most; it doubles with each halving of the histograms."""

_4XX, _ERROR_RATIO = measure("status.4xx"), measure("error_ratio")


def answer(
    record: Record, total: Snapshot, clock: Clock, points: dict[str, Any], alerts: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The headline, how bad it is, and four facts, each with a term, a leading sentence and more sentences."""
    tally = record.frame.tally if record.frame else Tally()
    certain = list(_certain(record, total, tally))
    facts = (
        ("What happened", list(_what(total, tally))),
        ("When", list(_when(clock, tally, points))),
        ("To whom", list(_whom(total))),
        ("How certain", certain),
    )
    return {
        "level": _level(total, tally, alerts),
        "headline": _headline(total, tally, alerts),
        "facts": [{"term": term, "lead": said[0], "more": said[1:]} for term, said in facts],
    }


def _level(total: Snapshot, tally: Tally, alerts: Sequence[dict[str, Any]]) -> str:
    if any(alert["severity"] != "info" for alert in alerts):
        return "bad"
    is_doubtful = (_ERROR_RATIO.value(total) or 0) > MANY_ERRORS or losses.is_bad(tally) or bool(alerts)
    return "warning" if is_doubtful or not total.requests else "good"


def _headline(total: Snapshot, tally: Tally, alerts: Sequence[dict[str, Any]]) -> str:
    if not total.hits:
        return "No HTTP was seen"
    share = _ERROR_RATIO.value(total)
    if not total.responses:
        errors = "no response was seen"
    elif share:
        errors = f"{fmt.percent(share)} of all responses were server errors"
    else:
        errors = "no response was a server error"
    if not alerts:
        return f"No alert fired, and {errors}"
    names = list(dict.fromkeys(alert["name"] for alert in alerts))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    lasting = sum(alert["until"] is None for alert in alerts)
    still = f" ({fmt.count(lasting)} still firing)" if lasting else ""
    named = " · ".join(names[:NAMED])  # a name may have a comma, between its rule and its row
    return f"{fmt.plural(max(tally.fired, len(alerts)), 'alert')} fired{still}: {named}{more}; {errors}"


def _what(total: Snapshot, tally: Tally) -> Iterator[str]:
    if not total.hits:
        yield "No request and no response was counted."
        yield from (f"Seen instead: {reason}." for reason in reasons(total))
        return
    rate = fmt.rate(tally.requests / tally.seconds if tally.seconds else 0)
    yield f"{fmt.plural(total.requests, 'request')} and {fmt.plural(total.responses, 'response')}, {rate} requests/s"
    bad, refused = total.errors, int(_4XX.value(total) or 0)
    if total.responses:
        yield (
            f"{fmt.count(bad)} ended in a server error (5xx, {fmt.percent(bad / total.responses)}), "
            f"{fmt.count(refused)} in a client error (4xx, {fmt.percent(refused / total.responses)})."
        )
    latency = total.latency
    if latency.count:
        p50, p95, p99 = (fmt.latency(latency.quantile(q)) for q in (0.5, 0.95, 0.99))
        yield (
            f"Half of the responses began within {p50}, 95 % within {p95} and 99 % within {p99}; "
            f"the slowest took {fmt.latency(latency.max)}."
        )


def _when(clock: Clock, tally: Tally, points: dict[str, Any]) -> Iterator[str]:
    if not tally.seconds:
        yield "Nothing was captured."
        return
    yield f"{fmt.duration(tally.seconds)} from {clock.moment_of(clock.start)}"
    step, rows = points["step"], points["rows"]
    columns = {name: [row[at] for row in rows] for at, name in enumerate(points["names"])}

    def greatest(name: str) -> tuple[str, float]:
        """When a column of the points was greatest, and how great."""
        values = [value or 0 for value in columns[name]]
        value = max(values, default=0)
        at = columns["at"][values.index(value)] if value else 0
        return clock.moment(points["start"] + at * step), value

    at, requests = greatest("requests")
    if requests:
        yield f"Busiest at {at}: {fmt.rate(requests / step)} requests/s."
    at, errors = greatest("errors")
    if errors:
        yield f"Most server errors at {at}: {fmt.count(errors)} in {fmt.duration(step)}."
    at, slow = greatest("p95")
    if slow:
        yield f"Slowest at {at}: 95 % of the responses began within {fmt.latency(slow / 1e6)}."


def _whom(total: Snapshot) -> Iterator[str]:
    if not total.host_count:
        yield "No host was asked for anything."
        return
    counts = ((total.host_count, "host"), (total.section_count, "section"), (total.client_count, "client"))
    yield ", ".join(fmt.plural(n, noun) for n, noun in counts)
    for host in total.top(1, "requests"):
        share = fmt.percent(ratio(host.requests, total.requests) or 0)
        yield f"Most requests went to {fmt.sanitize(host.name) or '-'}: {share}."
    for section in total.top_sections(1, "errors"):
        if section.errors:
            share = fmt.percent(ratio(section.errors, total.errors) or 0)
            yield f"Most server errors came from {fmt.sanitize(section.host + section.path)}: {share} of all."
    for client in total.top_clients(1, "errors"):
        if client.errors:
            share = fmt.percent(ratio(client.errors, total.errors) or 0)
            yield f"Most server errors went to {fmt.sanitize(client.address)}: {share} of all."


def _certain(record: Record, total: Snapshot, tally: Tally) -> Iterator[str]:
    """Losses first, then what else limits the counts."""
    capture = total.capture
    if losses.is_bad(tally):
        yield f"Not everything was seen: {losses.line(tally)}"
    elif losses.is_whole(tally):
        yield f"All packets were seen whole: {losses.line(tally)}"
    else:
        yield f"Nearly everything was seen: {losses.line(tally)}"
    if tally.lost:
        yield "Counts are too low by about that share; errors and slow requests may be among what was lost."
    if cut := losses.truncated(tally):
        yield f"Cut off: {cut}; {losses.MORE_BYTES}."
    yield from (f"Not decoded: {kind}." for kind in losses.kinds(tally.undecoded))
    yield from _unfollowed(capture)
    if hidden := {name: n for name, n in capture.protocols.items() if name != "http1"}:
        said = ", ".join(f"{name}: {fmt.count(n)}" for name, n in hidden.items())
        yield f"Connections whose requests are not counted: {said}."
    if folded := capture.hosts_folded + capture.sections_folded + capture.clients_folded:
        yield (
            f"{fmt.plural(folded, 'row')} had no room and were added to ~other; "
            f"a row may lack up to {fmt.plural(max(capture.hits_error, capture.client_hits_error), 'hit')}."
        )
    if record.unlisted:
        yield f"{fmt.plural(record.unlisted, 'request')} had no room in a list, so slow ones may be missing there."
    if capture.clock_steps:
        yield f"The clock was set {fmt.plural(capture.clock_steps, 'time')}; times before and after do not compare."
    if total.latency.count:
        error = QUANTILE_ERROR * 2**capture.histogram_halvings
        yield f"Counts are exact for what was seen; a percentile is off by {100 * error:.1f} % at most."


def _unfollowed(capture: Capture) -> Iterator[str]:
    if said := losses.streams(capture):
        yield f"{said}."

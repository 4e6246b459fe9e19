"""The last words: a few lines about the whole run, for standard error. Pure: a frame in, text out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon import format as fmt

if TYPE_CHECKING:
    from netmon.frames import Frame

HOSTS = 3


def summary(frame: Frame | None) -> str:
    """What was seen from start to end; `frame` is the last one, None when there was none."""
    if frame is None:
        return "netmon: nothing was captured\n"
    tally = frame.tally
    counts = ((tally.hits, "hit"), (tally.requests, "request"), (tally.responses, "response"), (tally.errors, "error"))
    hits, *rest = (fmt.plural(n, noun) for n, noun in counts)
    lines = [
        f"netmon: {fmt.duration(tally.seconds)}, {fmt.losses(tally.packets, tally.lost)}",
        f"  {hits}: {', '.join(rest)}",
    ]
    hosts = [f"{fmt.sanitize(host.name)} {fmt.count(host.hits)}" for host in frame.total.top(HOSTS)]
    if hosts:
        lines.append(f"  top hosts: {', '.join(hosts)}")
    lines.append(f"  alerts: {_alerts(frame)}")
    return "\n".join(lines) + "\n"


def _alerts(frame: Frame) -> str:
    tally = frame.tally
    if not tally.fired:
        return "none"
    lasting = sum(gauge.alert is not None for gauge in frame.gauges)
    return f"{tally.fired} fired, {tally.recovered} recovered" + (f", {lasting} still lasting" if lasting else "")

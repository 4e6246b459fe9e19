"""The summary at the end: a few lines about the whole run, for standard error. Pure: a frame in, text out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon import losses
from netmon.absence import closed_servers, encrypted, reasons_closed
from netmon.sinks.where import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netmon._core import Client
    from netmon.frames import Frame, Tally

HOSTS = CLIENTS = SERVERS = 3


RED, RESET = "\x1b[31m", "\x1b[0m"


def summary(frame: Frame | None, *, color: bool = False, where: str | None = None) -> str:
    """The summary of the whole run. `frame` is the last frame; None if there was none. `where` is the filter of what is
    counted.
    """
    if frame is None:
        return "netmon: nothing was captured\n"
    tally = frame.tally
    counts = ((tally.requests, "request"), (tally.responses, "response"), (tally.errors, "error"))
    requests, *rest = (fmt.plural(n, noun) for n, noun in counts)
    rate = fmt.rate(tally.requests / tally.seconds if tally.seconds else 0)
    lines = [
        f"netmon: {fmt.duration(tally.seconds)}, {losses.line(tally)}",
        *_missed(tally, color=color),
        *([f"  {in_words(where)}"] if where else []),
        f"  {rate} requests/s: {', '.join((requests, *rest))}",
    ]
    hosts = [f"{fmt.sanitize(host.name)} {fmt.count(host.requests)}" for host in frame.total.top(HOSTS, "requests")]
    if hosts:
        lines.append(f"  top hosts by requests: {', '.join(hosts)}")
    clients = [_client(client) for client in frame.total.top_clients(CLIENTS, "requests")]
    if clients:
        lines.append(f"  top clients by requests: {', '.join(clients)}")
    if closed := encrypted(frame.total):
        names = ", ".join(fmt.sanitize(server.name) for server in closed_servers(frame.total)[:SERVERS])
        why = reasons_closed(frame.total)
        lines.append(
            f"  {closed}{f'; top servers: {names}' if names else ''}{f'; not decrypted: {why}' if why else ''}"
        )
    lines.append(f"  alerts: {_alerts(frame)}")
    return "\n".join(lines) + "\n"


def _client(client: Client) -> str:
    errors = f" ({fmt.plural(client.errors, 'error')})" if client.errors else ""
    return f"{fmt.sanitize(client.address)} {fmt.count(client.requests)}{errors}"


def _missed(tally: Tally, *, color: bool) -> Iterator[str]:
    """Yields a line for truncated packets and one for packets not decoded, if there were any."""
    if cut := losses.truncated(tally):
        line = f"  truncated: {cut}; {losses.MORE_BYTES}"
        yield f"{RED}{line}{RESET}" if color else line
    if kinds := "; ".join(losses.kinds(tally.undecoded)):
        yield f"  not decoded: {kinds}"


def _alerts(frame: Frame) -> str:
    tally = frame.tally
    if not tally.fired:
        return "none"
    lasting = sum(gauge.alert is not None for gauge in frame.gauges)
    return f"{tally.fired} fired, {tally.recovered} recovered" + (f", {lasting} still lasting" if lasting else "")

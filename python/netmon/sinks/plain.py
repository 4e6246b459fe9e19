"""The plain report: once per window on a stream that is no terminal, and each alert at the moment it happens.

Reports do not overlap: every snapshot is in exactly one, even where a file skips time. In a file that is played, a
silence of a window or longer is one line. Escape codes are written only for colour; text from the wire is sanitized.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon import losses
from netmon._core import Client, Host, Interface, Section, Server, Snapshot
from netmon.absence import closed_bytes, encrypted, reasons, reasons_of, unmatched
from netmon.alerts import written
from netmon.measures import measure
from netmon.pace import EXACT, is_silent
from netmon.sinks.where import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netmon.alerts import Alert, Gauge, Rule
    from netmon.frames import Frame
    from netmon.sinks import Text

SECTIONS = 5
"""Sections shown for each host at most; one more line counts the others."""

CLIENTS = SERVERS = 3
"""Clients named on the line of clients at most; the line counts the others."""

_HTTP_BITS, _P50, _P95 = measure("http_bits"), measure("latency.p50"), measure("latency.p95")

RED, GREEN, BOLD, RESET = "\x1b[31m", "\x1b[32m", "\x1b[1m", "\x1b[0m"


class Plain:
    def __init__(
        self,
        stream: Text,
        *,
        window: float,
        top: int,
        color: bool = False,
        plays: bool = False,
        where: str | None = None,
    ) -> None:
        self._stream = stream
        self._where = where
        self._window = window
        self._top = top
        self._color = color
        self._plays = plays
        self._held: list[Snapshot] = []
        self._frame: Frame | None = None
        self._due = 0.0

    def update(self, frame: Frame) -> None:
        snapshot = frame.snapshot
        if self._held and snapshot.start >= self._due:  # a file skipped the rest of the window
            self._report()
        if self._plays and snapshot.end - snapshot.start >= self._window and is_silent(snapshot):
            self._report()
            self._write([f"Silence:         {fmt.silence(snapshot)}", *map(alert_line, frame.alerts)])
            return
        if not self._held:
            self._due = snapshot.start + self._window - EXACT
        self._held.append(snapshot)
        self._frame = frame
        if snapshot.end >= self._due:
            self._report()
        for alert in frame.alerts:
            self._write([alert_line(alert)])

    def close(self) -> None:
        self._report()
        if self._frame and (held := self._frame.held):
            self._write(list(map(alert_line, held)))

    def _report(self) -> None:
        if self._held and self._frame:
            window = Snapshot.merge(self._held)
            self._held.clear()
            self._write(report(self._frame, window, self._window, self._top, self._where))

    def _write(self, lines: Iterator[str] | list[str]) -> None:
        text = "\n".join(map(_paint, lines) if self._color else lines)
        self._stream.write(text + "\n")
        self._stream.flush()


def report(frame: Frame, window: Snapshot, length: float, top: int, where: str | None = None) -> Iterator[str]:
    """Yields the lines of one report on `window`. `where` is the filter of what is counted."""
    only = f"  {in_words(where)}" if where else ""
    rules = "".join(f"  alert at {_bound(gauge.rule)}" for gauge in frame.gauges if not gauge.rule.name)
    yield f"netmon  refresh {length:g} s{rules}{only}  updated {fmt.time(window.end)}"
    yield f"Requests:        {requests_text(window)}"
    for gauge in frame.gauges:
        yield f"Alert watchdog:  {gauge_text(gauge)}"
    traffic = [interface_text(each, window.end - window.start) for each in window.interfaces]
    yield f"HTTP traffic:    {'   '.join(traffic) or 'no interface'}"
    yield f"Capture:         {losses.line(frame.tally)}"
    if cut := losses.truncated(frame.tally):
        yield f"Truncated:       {cut}; {losses.MORE_BYTES}"
    if missed := "; ".join(losses.kinds(frame.tally.undecoded)):
        yield f"Not decoded:     {missed}"
    if closed := window.capture.undecrypted:
        yield f"Not decrypted:   {fmt.plural(sum(closed.values()), 'connection')} ({fmt.tops(closed)})"
    hosts = window.top(top)
    for rank, host in enumerate(hosts, 1):
        label = "Top host:" if rank == 1 else f"Host {rank}:"
        yield f"{label:<16} {host_text(host)}"
        yield from section_lines(host)
    if not hosts:
        yield f"Hosts:           {no_http(window, where)}"
    elif window.host_count > len(hosts):
        yield f"                 and {fmt.plural(window.host_count - len(hosts), 'more host')}"
    if window.servers:
        yield f"Servers:         {servers_text(window)}"
    if window.client_count:
        yield f"Top clients:     {clients_text(window)}"
    yield ""


def requests_text(window: Snapshot) -> str:
    """Requests per second, and the counts of requests, responses and errors."""
    seconds = window.end - window.start
    counts = ((window.requests, "request"), (window.responses, "response"), (window.errors, "error"))
    parts = ", ".join(fmt.plural(n, noun) for n, noun in counts)
    return f"{fmt.rate(window.requests / seconds if seconds else 0)} requests/s ({parts})"


def gauge_text(gauge: Gauge) -> str:
    rule, word = gauge.rule, WORDS[gauge.state]
    more = f" ({gauge.reason})" if gauge.reason else ""
    about = fmt.sanitize(", ".join(filter(None, (rule.name, gauge.key))))
    name = f"{about}: " if about else ""
    if rule.kind != "bound":
        return f"{name}{''.join(written.standing(gauge))}  {word}{more}"
    metric = next(iter(measure(rule.metric).explained), rule.metric)
    over = f" over the past {rule.span:g} s" if written.within(rule) else ""
    is_plain = measure(rule.metric).unit == "count" and not rule.per_second
    value, bound = (str(n) if is_plain else written.told(rule, n) for n in (gauge.value, rule.threshold))
    if rule.below is not None:
        return f"{name}{value} {metric}{over}, fires below {bound}  {word}{more}"
    return f"{name}{value} / {bound} {metric}{over}  {word}{more}"


def _bound(rule: Rule) -> str:
    return f"{rule.threshold} {rule.metric}" + (f" / {rule.span:g} s" if written.within(rule) else "")


WORDS = {"ok": "OK", "pending": "PENDING", "firing": "ALERT", "unknown": "UNKNOWN"}
"""The word for each state of a rule."""


def interface_text(interface: Interface, seconds: float) -> str:
    """HTTP bits on the wire: per second, and the sum of the window."""
    bits = _HTTP_BITS.value(interface) or 0
    name = fmt.source(interface.name)
    state = "" if interface.state == "up" else f" {interface.state}"
    rate = fmt.scaled(bits / seconds if seconds else 0, "bit/s")
    return f"{name}{state}  {rate}" + (f" ({fmt.scaled(bits, 'bit')})" if bits else "")


def host_text(host: Host) -> str:
    parts = [fmt.sanitize(host.name), f" {fmt.plural(host.hits, 'hit')}"]
    if host.statuses:
        parts.append(f" statuses {fmt.tops(host.statuses)}")
    if host.grpc_statuses:
        parts.append(f" gRPC {fmt.tops(host.grpc_statuses)}")
    if others := fmt.protocols(host):
        parts.append(f" {others}")
    if host.latency.count:
        p50, p95 = (fmt.latency(quantile.value(host)) for quantile in (_P50, _P95))
        parts.append(f" p50 {p50}  p95 {p95}")
    return "  ".join(parts)


def clients_text(window: Snapshot) -> str:
    """``10.0.0.1 120 requests, 3 errors; 10.0.0.2 7 requests; and 2 more clients``."""
    clients = window.top_clients(CLIENTS)
    said = list(map(client_text, clients))
    if window.client_count > len(clients):
        said.append(f"and {fmt.plural(window.client_count - len(clients), 'more client')}")
    return "; ".join(said)


def servers_text(window: Snapshot) -> str:
    """The servers of TLS and QUIC with most encrypted bytes, and which share of all bytes stayed closed:
    ``mail.example 3 connections, 1.2 MB encrypted, no key (62 % of the bytes are TLS whose keys are unknown)``.
    """
    said = list(map(server_text, window.servers[:SERVERS]))
    if len(window.servers) > SERVERS:
        said.append(f"and {fmt.plural(len(window.servers) - SERVERS, 'more server')}")
    share = encrypted(window)
    return "; ".join(said) + (f" ({share})" if share else "")


def server_text(server: Server) -> str:
    closed = closed_bytes(server)
    bytes_ = f", {fmt.scaled(closed, 'B')} encrypted" if closed else ""
    why = f", {next(iter(reasons_of(server.undecrypted)))}" if server.undecrypted else ""
    return f"{fmt.sanitize(server.name)} {fmt.plural(server.active, 'connection')}{bytes_}{why}"


def client_text(client: Client) -> str:
    errors = f", {fmt.plural(client.errors, 'error')}" if client.errors else ""
    return f"{fmt.sanitize(client.address)} {fmt.plural(client.requests, 'request')}{errors}"


def section_lines(host: Host) -> Iterator[str]:
    sections = host.top_sections(SECTIONS + 1)
    shown = sections[:SECTIONS]
    columns = max((fmt.width(fmt.sanitize(section.path)) for section in shown), default=0)
    yield from (section_text(section, min(columns, 40)) for section in shown)
    if len(sections) > SECTIONS:
        yield f"  > and {fmt.plural(host.section_count - SECTIONS, 'more section')}"


def section_text(section: Section, columns: int) -> str:
    path = fmt.fit(fmt.shorten(fmt.sanitize(section.path), columns), columns)
    methods = f"   methods {fmt.tops(section.methods)}" if section.methods else ""
    return f"  > {path}  {fmt.plural(section.hits, 'hit'):>10}{methods}"


def no_http(window: Snapshot, where: str | None = None) -> str:
    """Why the window has no host: what was seen instead of HTTP, or that the filter `where` admits none of it."""
    packets = window.capture.received
    if not packets and not window.capture.unread:
        return "none, no packet seen"
    if only := unmatched(window, where):
        return f"none, {only}"
    instead = "; ".join(reasons(window))
    return f"none, no HTTP in {fmt.plural(packets, 'packet')}" + (f" ({instead})" if instead else "")


def alert_line(alert: Alert) -> str:
    at = fmt.time(alert.at, digits=3) + (f", {repeated}" if (repeated := fmt.times(alert.times)) else "")
    about = fmt.sanitize(written.subject(alert))
    about = f"{about}: " if about else ""
    if alert.state == "fired":
        found = written.finding(alert) if alert.rule.name else f"{alert.rule.metric} = {alert.value}"
        return f"ALERT      {about}{found} at {at}"
    return f"RECOVERED  {about}after {fmt.duration(alert.duration)} at {at}"


def _paint(line: str) -> str:
    """Colours the words of alerts and puts labels in bold. The text keeps its words, so it says all without colour."""
    for word, color in (("ALERT", RED), ("RECOVERED", GREEN), ("OK", GREEN)):
        if line.startswith(f"{word}  ") or line.endswith(f"  {word}"):
            return line.replace(word, f"{color}{word}{RESET}")
    if line.startswith("Truncated: "):
        return f"{RED}{line}{RESET}"
    label, colon, rest = line.partition(": ")
    return f"{BOLD}{label}:{RESET} {rest}" if colon and not line.startswith((" ", "netmon")) else line

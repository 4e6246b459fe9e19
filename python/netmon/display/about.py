"""What stands above the tables of one page: who a host is, what an interface carries, where each rule stands.

Pure functions from a view and a size to lines; wire text is made safe here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netmon import format as fmt
from netmon.display import canvas
from netmon.display.header import state
from netmon.display.rows import host_of
from netmon.display.specs import answers, protocols
from netmon.tail import MEMORY

if TYPE_CHECKING:
    from netmon._core import Host, Section, Tcp
    from netmon.display.canvas import Line
    from netmon.display.view import View


def about_host(view: View, width: int, height: int) -> list[Line]:
    """The host of the place: addresses, times, connections, answers."""
    host = host_of(view)
    if host is None:
        return [[("class:strong", f"  {fmt.sanitize(view.place.host or '')}"), ("class:dim", "   not in this window")]]
    name: Line = [("class:strong", f"  {fmt.sanitize(host.name)}"), ("class:dim", f"   {', '.join(host.addresses)}")]
    return [name, _times(view, host, width), _health(host.tcp, width), _answers(host, width)][:height]


def about_section(view: View, width: int, height: int) -> list[Line]:
    """The section of the place, in the window."""
    host = host_of(view)
    path = view.place.section or ""
    section = host.section(path) if host else None
    name: Line = [("class:strong", f"  {fmt.sanitize(f'{view.place.host}{path}')}")]
    if section is None:
        return [[*name, ("class:dim", "   not in this window")]]
    return [name, _times(view, section, width), _answers(section, width)][:height]


def about_interface(view: View, width: int, height: int) -> list[Line]:
    """The interface of the place: state, what its connections speak, how they fare."""
    frame, name = view.frame, view.place.interface or ""
    found = [each for each in frame.window.interfaces if each.name == name] if frame else []
    title: Line = [("class:strong", f"  {fmt.source(name)}")]
    if not found:
        return [[*title, ("class:dim", "   not in this window")]]
    spoken = canvas.whole([[("class:dim", "  "), *item] for item in protocols(found[0])], width - 20)
    note: Line = [("class:dim", "  figures of a host count all interfaces")]
    return [[*title, *state(view, found[0]), *spoken], _health(found[0].tcp, width), note][:height]


def _times(view: View, row: Host | Section, width: int) -> Line:
    seconds = (view.frame.seconds if view.frame else 0) or 1.0
    figures = [(fmt.rate(row.requests / seconds), "req/s")]
    figures += [
        (fmt.latency(row.latency.quantile(q)), word) for word, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    ]
    figures.append((fmt.latency(row.latency.max), "slowest"))
    figures.append((fmt.scaled(row.request_bytes + row.response_bytes, "B"), "in all"))
    items: list[Line] = [[("class:strong", f"  {figure}"), ("class:dim", f" {word} ")] for figure, word in figures]
    return canvas.whole(items, width)


def _health(tcp: Tcp, width: int) -> Line:
    """Connections in one line, as much of it as there is room for."""
    items: list[Line] = [[("class:dim", "  connections")], _figure(tcp.opened, "opened"), _figure(tcp.closed, "closed")]
    items += [_figure(tcp.reset, "reset", "class:warn"), _figure(tcp.refused, "refused", "class:bad")]
    items.append([("", f"  {fmt.latency(tcp.rtt)}"), ("class:dim", " RTT")])
    again = fmt.percent(tcp.retransmitted_share)
    items.append([("class:warn" if tcp.retransmitted else "", f"  {again}"), ("class:dim", " retransmitted")])
    return canvas.whole(items, width)


def _figure(n: int, word: str, style: str = "") -> Line:
    return [(style if n else "", f"  {fmt.count(n)}"), ("class:dim", f" {word}")]


def _answers(row: Any, width: int) -> Line:
    return canvas.whole(answers(row), width)


def rules(view: View, width: int, height: int) -> list[Line]:
    """Where each rule stands."""
    lines: list[Line] = []
    for gauge in view.frame.gauges if view.frame else ():
        bad = gauge.alert is not None
        word = ("class:bad", "  ALERT  ") if bad else ("class:ok", "  OK     ")
        said = f"{fmt.count(gauge.value)} of {fmt.count(gauge.rule.threshold)} {gauge.rule.metric}"
        lines.append([word, ("class:strong", said), ("class:dim", f" in {fmt.duration(gauge.rule.span)}, all hosts")])
    return [canvas.fit(line, width) for line in lines[:height]]


def health(view: View, width: int, height: int) -> list[Line]:
    """How the connections of the window fare, all of them, in one line."""
    return [canvas.fit(_health(view.frame.window.tcp, width), width)][:height] if view.frame else []


def kept(view: View, width: int, height: int) -> list[Line]:
    """How much of all exchanges the list has."""
    if view.frame is None or not height:
        return []
    tail = view.frame.tail
    chosen = f"kept: the newest; errors and the slowest of {fmt.duration(MEMORY)}"
    said = f"  {fmt.plural(tail.seen, 'answer')} so far; {chosen}"
    untold = f", {fmt.count(tail.untold)} did not fit" if tail.untold else ""
    return [canvas.fit([("class:dim", said), ("class:warn", untold)], width)]

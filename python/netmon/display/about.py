"""The lines above the tables of a page, which describe its subject: a host, section, client, interface or the rules.

Pure functions from a view and a size to lines. Text from the wire is sanitized here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netmon import absence
from netmon import format as fmt
from netmon.alerts import written
from netmon.display import canvas, matching
from netmon.display.header import interface_state
from netmon.display.rows import client_of, host_of, selected_row
from netmon.display.severities import LOOKS, rank
from netmon.display.specs import calls, methods, protocols, statuses
from netmon.display.view import Panel
from netmon.measures import measure
from netmon.tail import MEMORY, NEWEST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netmon._core import Client, Host, Section, Tcp
    from netmon.alerts import Gauge
    from netmon.display.canvas import Fragment, Line
    from netmon.display.view import View


def about_host(view: View, width: int, height: int) -> list[Line]:
    """The host of the page: addresses, rates and latencies, connections, methods and statuses."""
    host = host_of(view)
    if host is None:
        return [_name(view, view.place.host or "", ["not in this window"], width)]
    name = _name(view, host.name, host.addresses, width)
    return [name, _times(view, host, width), _health(host.tcp, width), _answers(view, host, width)][:height]


def about_section(view: View, width: int, height: int) -> list[Line]:
    """The section of the page: rates and latencies, methods and statuses in the window."""
    host = host_of(view)
    path = view.place.section or ""
    section = host.section(path) if host else None
    named = f"{view.place.host}{path}"
    if section is None:
        return [_name(view, named, ["not in this window"], width)]
    name = _name(view, named, [], width)
    return [name, _times(view, section, width), _answers(view, section, width)][:height]


def about_client(view: View, width: int, height: int) -> list[Line]:
    """The client of the page: rates and latencies, methods and statuses in the window."""
    client = client_of(view)
    if client is None:
        return [_name(view, view.place.client or "", ["not in this window"], width)]
    name = _name(view, client.address, [], width)
    return [name, _times(view, client, width), _answers(view, client, width)][:height]


def about_interface(view: View, width: int, height: int) -> list[Line]:
    """The interface of the page: its state, protocols, and the TCP health of its connections."""
    frame, name = view.frame, view.place.interface or ""
    found = [each for each in frame.window.interfaces if each.name == name] if frame else []
    title: Line = [("class:strong", f"  {fmt.source(name)}")]
    if not found:
        return [[*title, ("class:dim", "   not in this window")]]
    spoken = canvas.joined(protocols(found[0]), width - canvas.width(title) - 12, view.glyphs.between)
    note = canvas.whole([[("class:dim", "  figures of a host count all interfaces")]], width)
    return [[*title, *interface_state(view, found[0]), ("", "   "), *spoken], _health(found[0].tcp, width), note][
        :height
    ]


def _name(view: View, name: str, remarks: Sequence[str], width: int) -> Line:
    """The name, shortened if it is too long, and as many remarks as fit."""
    line: Line = [("class:strong", f"  {fmt.shorten(fmt.sanitize(name), width - 3, view.glyphs.dots)}")]
    items: list[Line] = [[("class:dim", remark)] for remark in remarks]
    more = canvas.joined(items, width - canvas.width(line) - 4, ", ")
    return [*line, ("", "   "), *more] if more else line


def _times(view: View, row: Client | Host | Section, width: int) -> Line:
    seconds = (view.frame.seconds if view.frame else 0) or 1.0
    figures = [(fmt.rate(row.requests / seconds), "req/s")]
    figures += [(fmt.latency(measure(f"latency.{word}").value(row)), word) for word in ("p50", "p95", "p99")]
    figures.append((fmt.latency(row.latency.max), "slowest"))
    figures.append((fmt.scaled(measure("message_bytes").value(row) or 0, "B"), "in all"))
    if messages := measure("messages").value(row):
        figures.append((fmt.short(messages), "messages"))
    if spoken := fmt.protocols(row):
        figures.append((spoken, ""))
    items: list[Line] = [[("class:strong", f"  {figure}"), ("class:dim", f" {word} ")] for figure, word in figures]
    return canvas.whole(items, width)


def _health(tcp: Tcp, width: int) -> Line:
    """TCP health of connections in one line: as many figures as fit."""
    items: list[Line] = [[("class:dim", "  connections")], _figure(tcp.opened, "opened"), _figure(tcp.closed, "closed")]
    items += [_figure(tcp.reset, "reset", "class:warn"), _figure(tcp.refused, "refused", "class:bad")]
    items.append([("", f"  {fmt.latency(tcp.rtt)}"), ("class:dim", " RTT")])
    again = fmt.percent(tcp.retransmitted_share)
    items.append([("class:warn" if tcp.retransmitted else "", f"  {again}"), ("class:dim", " retransmitted")])
    return canvas.whole(items, width)


def _figure(n: int, word: str, style: str = "") -> Line:
    return [(style if n else "", f"  {fmt.count(n)}"), ("class:dim", f" {word}")]


def _answers(view: View, row: Any, width: int) -> Line:
    """Methods and statuses with their counts, those of gRPC calls first. In a wide terminal, statuses always begin at
    the same column.
    """
    label, between = [("class:dim", "  methods ")], view.glyphs.between
    asked: Line = [*label, *canvas.joined(methods(row), METHODS, between)]
    line = canvas.fit(asked, max(canvas.width(asked), canvas.width(label) + METHODS)) if width >= WIDE else asked
    answers = [*calls(row), *statuses(row)] if row.grpc_statuses else statuses(row)
    given = canvas.joined(answers, width - canvas.width(line) - len("   statuses "), between)
    return [*line, ("class:dim", "   statuses "), *given] if given else line


METHODS, WIDE = 24, 80
"""Columns for the methods, and the minimum width of the terminal at which these are reserved."""


def rules(view: View, width: int, height: int) -> list[Line]:
    """The state of each rule: its value, bound and span. As far as there is room for two lines, its trend is beside it
    with the bound drawn in. Rules that fire come first, then those of which nothing is known; the rest is counted.
    """
    gauges = listed(view)
    if not gauges or height <= 0:
        return _no_rule(view, width)[: max(height, 0)]
    needed = max(sum(map(canvas.width, _state(gauge, 0)[:2])) for gauge in gauges[:height])
    columns = min(TREND, width - max(LEFT_OF_TREND, needed + GAP + 1))
    lines: list[Line] = []
    spare = height - len(gauges)
    for gauge in gauges[:height]:
        upper, lower = _trend(gauge, view, columns if columns >= SHORTEST_TREND else 0)
        if spare <= 0 or not upper:
            lines.append(canvas.whole(_alone(gauge, width, view.glyphs.dots), width))
            continue
        spare -= 1
        room = width - canvas.width(upper) - 1
        for words, trend in ((_state(gauge, room - GAP, view.glyphs.dots), upper), (_why(gauge), lower)):
            lines.append([*canvas.fit(canvas.whole(words, room - GAP), room), *trend])
    if len(gauges) > height:
        lines = [*lines[: height - 1], _hidden(gauges[max(height - 1, 0) :])] if height > 1 else lines
    return [canvas.fit(line, width) for line in lines]


def listed(view: View) -> list[Gauge]:
    """The rules that match the filter, the most pressing first."""
    gauges = matching.rules(view.filter, view.frame.gauges) if view.frame else []
    return sorted(gauges, key=lambda gauge: (ORDER.index(gauge.state), rank(gauge.rule.severity)))


def _no_rule(view: View, width: int) -> list[Line]:
    if view.frame is None or not view.frame.gauges:
        return []
    return [canvas.fit([("class:dim", f"  no rule of {len(view.frame.gauges)} matches")], width)]


def _hidden(gauges: Sequence[Gauge]) -> Line:
    """How many rules are not shown, and how many of these are not as they should be."""
    worst = {state: sum(gauge.state == state for gauge in gauges) for state in ORDER}
    states = [f"{n} {STATES[state][1].strip()}" for state, n in worst.items() if n and state != "ok"]
    about = ", ".join(states) or "all OK"
    return [("class:dim", f"  {fmt.plural(len(gauges), 'more rule')}, {about}; / finds rules by name")]


TREND, SHORTEST_TREND = 60, 8
"""Columns of a trend at most and at least."""

LEFT_OF_TREND, GAP = 51, 2
"""Columns to the left of trends at least, and blank columns between words and trends."""

ORDER = ("firing", "unknown", "pending", "ok")
"""The states of rules, the most pressing first."""

STATES = {
    "firing": ("class:bad", "  ALERT   "),
    "unknown": ("class:warn", "  UNKNOWN "),
    "pending": ("class:warn", "  PENDING "),
    "ok": ("class:ok", "  OK      "),
}


SHORTEST_NAME = 12
"""Columns of the name of a rule at least."""


def _word(gauge: Gauge) -> Fragment:
    """The state of a rule; if it fires, how severe that is. All words take ten columns."""
    look = LOOKS[gauge.rule.severity]
    if gauge.state != "firing":
        return STATES[gauge.state]
    return look.style, f"{look.word:>9} " if look.word == "CRITICAL" else f"  {look.word:<8}"


def _state(gauge: Gauge, room: int, dots: str = "~", parts: Sequence[str] = ()) -> list[Line]:
    """The state of a rule, its value and its bound. The name is shortened so that the value fits. `parts` replaces what
    is said of the value.
    """
    rule = gauge.rule
    name = fmt.sanitize(", ".join(filter(None, (rule.called, gauge.key))))
    said, *more = parts or written.standing(gauge)
    which = f" per {rule.per}" if rule.per else "" if rule.where else ", all hosts"
    more += [which] if rule.kind == "bound" else []
    word = _word(gauge)
    left = room - canvas.width([word]) - canvas.width([("", said)]) - 2
    title: Line = [("class:strong", f"{fmt.shorten(name, max(SHORTEST_NAME, left), dots)}  ")] if name else []
    return [[word, *title], [("class:strong", said)], *([("class:dim", part)] for part in more)]


def _alone(gauge: Gauge, room: int, dots: str) -> list[Line]:
    """A rule in one line: why nothing is known of it comes before its value, and how many rows fire before its span."""
    said, *more = written.standing(gauge)
    if gauge.reason:
        said, more = fmt.sanitize(gauge.reason), [f"; {said}", *more]
    elif gauge.firing > 1:
        said += f", {fmt.count(gauge.firing)} rows fire"
    return _state(gauge, room, dots, [said, *more])


def _why(gauge: Gauge) -> list[Line]:
    """What else there is to say of a rule: why nothing is known, how many rows fire, how severe an alert would be, or
    which traffic counts.
    """
    rule = gauge.rule
    severity = rule.severity if gauge.state != "firing" and rule.severity != "warning" else ""
    words = [gauge.reason, f"{fmt.count(gauge.firing)} rows fire" if gauge.firing > 1 else "", severity, rule.where]
    return [[("class:dim", f"{' ' * 10}{fmt.sanitize('; '.join(filter(None, words)))}")]]


def _trend(gauge: Gauge, view: View, columns: int) -> tuple[Line, Line]:
    """Two lines of a trend. The line between them is the bound: the lower line ends at it, and the upper one shows as
    much again beyond it.
    """
    rule, bound, past = gauge.rule, gauge.bound, gauge.past[-columns:] if columns > 0 else ()
    if bound <= 0 or not past:
        return [], []
    bars = view.glyphs.bars

    def bar(share: float) -> str:
        return bars[min(len(bars) - 1, int(share * len(bars)))]

    upper: Line = []
    lower: Line = []
    for value in past:
        is_beyond = rule.fires(value) if rule.kind == "bound" else value > bound
        style = "class:bad" if is_beyond else "class:spark"
        upper.append((style, bar(value / bound - 1)) if value > bound else ("class:rest", "_"))
        lower.append((style, bar(value / bound)) if value > 0 else ("class:rest", " "))
    return upper, lower


def health(view: View, width: int) -> Line:
    """TCP health of all connections of the window in one line."""
    return canvas.fit(_health(view.frame.window.tcp, width), width) if view.frame else []


def closed(view: View, width: int) -> Line:
    """Which share of the bytes the servers below hide, and why their connections were not decrypted."""
    if view.frame is None:
        return []
    window = view.frame.window
    share, why = absence.encrypted(window), absence.reasons_closed(window)
    items: list[Line] = [
        [("class:strong", f"  {share}")] if share else [("class:dim", "  all that was seen is read")],
        [("class:dim", f"; not decrypted: {why}")] if why else [],
    ]
    return canvas.fit(canvas.whole(items, width), width)


def about_server(view: View, width: int, height: int) -> list[Line]:
    """The server that is selected: versions and cipher suites that it has chosen, and why connections stay closed."""
    server = selected_row(view, Panel.SERVERS)
    if server is None:
        return []
    suites = {fmt.sanitize(name): n for name, n in server.cipher_suites.items()}
    told = (
        ("versions", server.tls_versions),
        ("suites", suites),
        ("not decrypted", absence.reasons_of(server.undecrypted)),
    )
    lines = [_listed(name, counts) for name, counts in told if counts]
    return [canvas.fit(line, width) for line in lines][:height]


def _listed(name: str, counts: Mapping[str, int]) -> Line:
    """What was counted by name, most frequent first."""
    return [("class:dim", f"  {name}: "), ("", fmt.tops(counts))]


def kept(view: View, width: int) -> Line:
    """How many exchanges there were, and which of them the list keeps."""
    if view.frame is None:
        return []
    tail = view.frame.tail
    items: list[Line] = [
        [("class:dim", f"  {fmt.plural(tail.seen, 'answer')} so far")],
        [("class:warn", f", {fmt.count(tail.untold)} did not fit")] if tail.untold else [],
        [("class:dim", f"; kept: the newest {fmt.short(NEWEST)}")],
        [("class:dim", f"; errors and the slowest of {fmt.duration(MEMORY)}")],
    ]
    return canvas.fit(canvas.whole(items, width), width)

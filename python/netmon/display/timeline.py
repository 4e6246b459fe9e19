"""The timeline of one exchange. Its stages are connect, TLS, request, queued, server and transfer, each drawn as a bar.

Pure. A stage that was not seen is left out, and the others keep their order. So if the beginning of the connection was
not seen, the timeline begins with the request.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from netmon import format as fmt
from netmon.display import canvas
from netmon.display.columns import status_style
from netmon.measures import measure

if TYPE_CHECKING:
    from netmon._core import Connection, Exchange
    from netmon.display.canvas import Line
    from netmon.display.themes import Glyphs
    from netmon.display.view import View

STAGES = (
    ("connect", "connect", "class:spark.second", "the handshake, with the first request", "connecting"),
    ("TLS", "tls_handshake", "class:spark.second", "ClientHello to the client's Finished", "in the TLS handshake"),
    ("request", "request_time", "class:ok", "request's first byte to its last", "sending the request"),
    ("queued", "queued", "class:dim", "other streams were sent before", "behind other streams"),
    ("server", "latency", "class:warn", "request's last byte to response's first", "waiting for the server"),
    ("transfer", "transfer", "class:spark", "response's first byte to its last", "transferring the response"),
)
"""For each stage: name, attribute of `Exchange` with its seconds, style, meaning, and its name in a sentence."""

LEFT = 26
"""Columns to the left of the bars."""


SHOWN = 30
"""Maximum number of columns of a path in a remark."""


class Stage(NamedTuple):
    """A stage of an exchange. `begin` is in seconds after the start of the timeline."""

    name: str
    begin: float
    seconds: float
    style: str
    meaning: str
    words: str = ""


def stages(exchange: Exchange) -> list[Stage]:
    """The stages of an exchange that were seen, in order. Each begins where the one before ends.

    The time that an exchange was queued is a part of its latency. It is drawn first, since the order is not known.
    """
    found, at = [], 0.0
    for name, attribute, style, meaning, words in STAGES:
        seconds: float | None = getattr(exchange, attribute)
        if name == "queued" and not seconds:
            continue
        if name == "server" and seconds is not None:
            seconds = max(0.0, seconds - (exchange.queued or 0.0))
        if seconds is not None:
            found.append(Stage(name, at, seconds, style, meaning, words))
            at += seconds
    return found


def timeline(view: View, width: int, height: int) -> list[Line]:
    """The exchange of the page: request and response, then the bars of its stages and remarks."""
    exchange = view.place.exchange
    if exchange is None:
        return []
    marks = view.glyphs
    asked, drawn = _question(exchange, width, marks.dots), bars(exchange, width, marks)
    where = [_where(exchange, width, marks), _sizes(exchange, width), *_round_trips(view, exchange, width)]
    remarks = [part for line in _remarks(view, exchange, width) for part in canvas.wrapped(line, width)]
    lines: list[Line] = [asked, *where, [], *drawn, [], *remarks]
    if len(lines) > height:
        lines = [asked, *where, *drawn, *remarks]
    if len(lines) > height:
        lines = [asked, *drawn, *remarks, *where]
    return [canvas.fit(line, width) for line in lines[:height]]


def _question(exchange: Exchange, width: int, dots: str) -> Line:
    """The request and the status of the response. With little room, the status comes first and is not cut off."""
    status = exchange.status
    code, look = "none" if status is None else str(status), status_style(status)
    phrase = "no response seen" if status is None else f"{status} {_phrase(status)}".rstrip()
    asked = f"{exchange.method} {fmt.sanitize(fmt.target(exchange))}"
    if fmt.width(asked) + len(phrase) + 5 <= width:
        return [("class:strong", f"  {asked}"), ("", "   "), (look, phrase)]
    room = width - len(f"  {code} {exchange.method} ") - 1
    named = fmt.shorten(fmt.sanitize(exchange.host + exchange.section), room, dots)
    return [(look, f"  {code} "), ("class:strong", f"{exchange.method} {named}")]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _where(exchange: Exchange, width: int, marks: Glyphs) -> Line:
    when = fmt.time(exchange.ts, digits=3)
    items: list[Line] = [
        [("class:dim", f"  {when if width >= 80 else when[11:23]}")],
        [("class:dim", f"  {exchange.client} {marks.to} {exchange.server}")],
        *([[("class:dim", f"  {fmt.sanitize(exchange.user_agent)}")]] if exchange.user_agent else []),
        [("class:dim", f"  on {fmt.source(exchange.interface)}")],
    ]
    return canvas.whole(items, width)


def _sizes(exchange: Exchange, width: int) -> Line:
    """The bytes of both messages, and the processes of this machine that sent them."""
    sent, answered = fmt.scaled(exchange.request_bytes, "B"), fmt.scaled(exchange.response_bytes, "B")
    words = (f"{sent} sent, {answered} answered", *filter(None, [fmt.spoken(exchange)]), *fmt.processes(exchange))
    return canvas.whole([[("class:dim", f"  {word}")] for word in words], width)


def connection_of(view: View, exchange: Exchange) -> Connection | None:
    """The connection of an exchange, if it is listed."""
    ends = (exchange.client, exchange.server)
    listed = view.frame.connections if view.frame else ()
    return next((one for one in listed if (one.client, one.server) == ends and one.first_seen <= exchange.ts), None)


def _round_trips(view: View, exchange: Exchange, width: int) -> list[Line]:
    """The round trip of the connection as its packets show it, and beside it what the kernel of this machine knows."""
    one = connection_of(view, exchange)
    if one is None or one.kernel_rtt is None:
        return []
    end = "client" if one.local == "client" else "server"
    words = [
        f"round trip: {fmt.latency(one.rtt)} on the wire",
        f"{fmt.latency(one.kernel_rtt)} in the kernel of the {end}",
        f"its window {fmt.plural(one.kernel_cwnd or 0, 'segment')}",
        f"{fmt.count(one.kernel_retransmits or 0)} retransmitted",
    ]
    items = [[("class:dim", f"  {words[0]}")], *([("class:dim", f", {word}")] for word in words[1:])]
    return [canvas.whole(items, width)]


def bars(exchange: Exchange, width: int, marks: Glyphs) -> list[Line]:
    """One line for each known stage, and one for the whole exchange."""
    known = stages(exchange)
    connect = (exchange.connect or 0.0) + (exchange.tls_handshake or 0.0)
    end = known[-1].begin + known[-1].seconds if known else 0.0
    span = max(end, connect + (exchange.duration or 0.0))
    room = max(0, min(width - LEFT - 2, 100))  # in a very narrow terminal, only the figures are shown
    meanings = width >= LEFT + 60 + 44
    room = min(room, width - LEFT - 44) if meanings else room
    if exchange.duration is not None:
        known.append(Stage("whole", connect, exchange.duration, "class:dim", "request's first byte to response's last"))
    return [_stage_line(stage, span, room, marks, meanings=meanings) for stage in known]


def _stage_line(stage: Stage, span: float, room: int, marks: Glyphs, *, meanings: bool) -> Line:
    for_name = 12 if room > 0 else 9
    line: Line = [("", f"  {stage.name:<{for_name}}"), ("class:strong", f"{fmt.latency(stage.seconds):>9}  ")]
    line += _bar(stage, span, room, marks)
    return [*canvas.fit(line, LEFT + room), ("class:dim", f"  {stage.meaning}")] if meanings else line


def _bar(stage: Stage, span: float, room: int, marks: Glyphs) -> Line:
    """The bar of a stage, from its beginning to its end on the timeline. Even the shortest stage fills one column."""
    if span <= 0 or room <= 0:
        return []
    first = min(int(stage.begin / span * room), room - 1)
    last = max(first + 1, min(room, round((stage.begin + stage.seconds) / span * room)))
    return [("class:rest", marks.none * first), (stage.style, marks.full * (last - first))]


def _remarks(view: View, exchange: Exchange, width: int) -> list[Line]:
    """Remarks: the longest stage, retransmitted segments, and the usual latency of the section."""
    lines: list[Line] = []
    known = stages(exchange)
    whole = sum(stage.seconds for stage in known)
    if len(known) > 1 and whole > 0:
        longest = max(known, key=lambda stage: stage.seconds)
        lines.append([("", f"  {fmt.percent(longest.seconds / whole)} of the time was spent {longest.words}.")])
    again = exchange.retransmitted
    if again:
        lines.append([("class:warn", f"  {fmt.plural(again, 'segment')} retransmitted while it lasted.")])
    host = view.frame.window.host(exchange.host) if view.frame else None
    section = host.section(exchange.section) if host else None
    if section is not None and section.latency.count > 1:
        p50, p95 = (fmt.latency(measure(f"latency.{word}").value(section)) for word in ("p50", "p95"))
        path = fmt.shorten(fmt.sanitize(exchange.section), SHOWN, view.glyphs.dots)
        usual: list[Line] = [
            [("class:dim", f"  usual here: p50 {p50}  p95 {p95}")],
            [("class:dim", f"  (all of {path})")],
        ]
        lines.append(canvas.whole(usual, width))
    return lines

"""Metrics for Prometheus at ``/metrics``, and whether the capture works at ``/healthz``.

`Exporter` takes frames and never waits for a scraper: what is scraped is encoded by the threads of those who ask, once
per interval and format however many they are.
"""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING

from netmon.serving import trust
from netmon.serving.messages import HTML, Body, Response
from netmon.serving.negotiation import Format, chosen
from netmon.serving.servers import Served
from netmon.sinks import Opened
from netmon.sinks.series import Series

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from netmon.address import Address
    from netmon.frames import Frame
    from netmon.options import Settings
    from netmon.serving.messages import Request
    from netmon.serving.servers import Servers

NAME = "the metrics"

PROTOBUF = Format(
    "application/vnd.google.protobuf",
    (("proto", "io.prometheus.client.MetricFamily"), ("encoding", "delimited")),
)
OPENMETRICS = Format("application/openmetrics-text", (("version", "1.0.0"),))
TEXT = Format("text/plain", (("version", "0.0.4"),))

KINDS: Mapping[Format, str] = {
    PROTOBUF: "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
    OPENMETRICS: "application/openmetrics-text; version=1.0.0; charset=utf-8",
    TEXT: "text/plain; version=0.0.4; charset=utf-8",
}
"""The formats, those that tell more first, with the value of ``Content-Type``."""

SILENCE, INTERVALS = 10.0, 5
"""Seconds, and intervals, that a live capture may give nothing before it counts as stuck: a busy machine is not."""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>netmon</title></head>
<body><h1>netmon</h1><p><a href="metrics">Metrics</a> for Prometheus</p>
<p><a href="healthz">Health</a> of the capture</p></body></html>
"""

UNKNOWN_HOST = "This server is bound to loopback, and is asked under another name."


def opened(settings: Settings, servers: Servers) -> Opened:
    """Serves metrics. Raises OSError."""
    if settings.prometheus is None:
        raise ValueError("no address is given")
    server = servers.at(settings.prometheus, "--prometheus")
    exporter = Exporter(settings)
    answers = Answers(exporter, server.bound, tuple(map(trust.host_of, (server.address, settings.prometheus))))
    server.handle("/metrics", answers.metrics)
    server.handle("/healthz", answers.health)
    if not server.handles("/"):
        server.handle("/", answers.page)
    told = f"metrics for Prometheus: http://{server.address}/metrics"
    return Opened(NAME, Served(servers), exporter, told, stays=True)


class Exporter:
    """The sink. `clock` gives seconds of a clock that nobody sets."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._series, self._clock = Series(settings), clock
        self._patience = None if settings.read else max(SILENCE, INTERVALS * settings.interval)
        self._newest = clock()
        self._interfaces: Mapping[str, str] = {}
        self._taken = 0
        self._made: dict[Format, tuple[int, Body]] = {}
        self._lock = Lock()

    def update(self, frame: Frame) -> None:
        self._series.update(frame)
        self._interfaces = {each.name: each.state for each in frame.snapshot.interfaces}
        self._newest = self._clock()
        self._taken += 1

    def close(self) -> None:
        """Everything has been taken."""

    def body(self, format_: Format) -> Body:
        """The newest series in a format. All who ask within an interval get the same bytes."""
        with self._lock:
            taken = self._taken
            made, body = self._made.get(format_, (None, Body(b"")))
            if made != taken:
                metrics = self._series.metrics
                encode = {PROTOBUF: metrics.protobuf, OPENMETRICS: metrics.openmetrics, TEXT: metrics.text}[format_]
                body = Body(encode())
                self._made[format_] = taken, body
            return body

    def trouble(self) -> str:
        """Why the capture does not work; empty if it does."""
        if self._patience is None:
            return ""
        silent = self._clock() - self._newest
        if silent > self._patience:
            return f"no interval was counted for {silent:.0f} s"
        if not self._taken or any(state != "down" for state in self._interfaces.values()):
            return ""
        down = [*self._interfaces]
        return f"no interface is up{': ' if down else ''}{', '.join(down[:5])}{', ...' if down[5:] else ''}"


class Answers:
    """Answers requests. One that is bound to loopback knows only the names of loopback, see `trust`, and `names`."""

    def __init__(self, exporter: Exporter, bound: Address, names: Collection[str] = ()) -> None:
        self._exporter, self._bound, self._names = exporter, bound, names

    def metrics(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        format_ = chosen(request.headers.get("accept", ""), tuple(KINDS), TEXT)
        return Response(200, self._exporter.body(format_), KINDS[format_], [("Vary", "Accept")])

    def health(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        trouble = self._exporter.trouble()
        return Response.text(503, trouble) if trouble else Response.text(200, "ok")

    def page(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        if request.path != "/":
            return Response.text(404, "There is nothing here; /metrics has the metrics.")
        return Response(200, Body(PAGE.encode()), HTML)

    def _refusal(self, request: Request) -> Response | None:
        is_known = not trust.is_loopback(self._bound) or trust.is_for_us(request, self._bound, self._names)
        return None if is_known else Response.text(403, UNKNOWN_HOST)

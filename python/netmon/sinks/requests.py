"""One line per exchange, as text or as JSON. Needs snapshots with exchanges; counts the exchanges they do not list."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon.pace import is_silent

if TYPE_CHECKING:
    from netmon._core import Exchange
    from netmon.frames import Frame
    from netmon.sinks import Text

FIELDS = (
    *("client", "server", "interface", "host", "section", "path", "method", "status"),
    *("request_bytes", "response_bytes", "latency", "duration"),
    *("connect", "request_time", "transfer", "retransmitted", "user_agent"),
)


class Requests:
    """With `plays`, the text has a line for each silence of the file; JSON has none, since exchanges have times."""

    def __init__(self, stream: Text, *, as_json: bool = False, plays: bool = False) -> None:
        self._stream = stream
        self._plays = plays
        self._line = as_object if as_json else as_text

    def update(self, frame: Frame) -> None:
        snapshot = frame.snapshot
        lines = [self._line(exchange) for exchange in snapshot.exchanges]
        dropped = snapshot.capture.exchanges_dropped
        if dropped and self._line is as_text:
            lines.append(f"({fmt.plural(dropped, 'exchange')} more in this interval)")
        if self._plays and self._line is as_text and is_silent(snapshot):
            lines.append(f"({fmt.silence(snapshot)})")
        if lines:
            self._stream.write("\n".join(lines) + "\n")
            self._stream.flush()

    def close(self) -> None:
        self._stream.flush()


def as_text(exchange: Exchange) -> str:
    """``2026-11-22 12:00:00.250 +00:00  10.0.0.1:5000  GET  shop.example/cart/7  200  12 ms  4.2 kB  curl``."""
    where = fmt.sanitize(fmt.target(exchange))
    columns = (
        fmt.time(exchange.ts, digits=3),
        f"{exchange.client:<21}",
        f"{exchange.method:<7}",
        f"{where:<40}",
        f"{exchange.status or 'none':>4}",
        f"{fmt.latency(exchange.latency):>8}",
        f"{fmt.scaled(exchange.response_bytes, 'B'):>9}",
    )
    return "  ".join((*columns, *filter(None, [fmt.sanitize(exchange.user_agent)])))


def as_object(exchange: Exchange) -> str:
    """The exchange as a JSON object on one line, with the attribute names of `Exchange`."""
    ts = datetime.fromtimestamp(exchange.ts, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return json.dumps({"ts": ts} | {name: getattr(exchange, name) for name in FIELDS})

"""One line per exchange, as text or as JSON that the native core writes. Needs snapshots with exchanges; the text
counts the exchanges that they do not list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon.pace import is_silent

if TYPE_CHECKING:
    from netmon._core import Exchange, Snapshot
    from netmon.frames import Frame
    from netmon.sinks import Text

FIELDS = (
    *("client", "server", "interface", "host", "section", "path", "method", "status"),
    *("request_bytes", "response_bytes", "latency", "duration"),
    *("connect", "request_time", "transfer", "retransmitted"),
    *("protocol", "tls", "stream", "tls_handshake", "queued", "grpc_status"),
    *("request_messages", "response_messages", "user_agent"),
)
"""The keys of a line of JSON after ``ts``."""


class Requests:
    """With `plays`, the text has a line for each silence of the file; JSON has none, since exchanges have times."""

    def __init__(self, stream: Text, *, as_json: bool = False, plays: bool = False) -> None:
        self._stream = stream
        self._plays = plays
        self._as_json = as_json

    def update(self, frame: Frame) -> None:
        snapshot = frame.snapshot
        text = snapshot.exchanges_ndjson().decode("ascii") if self._as_json else self._text(snapshot)
        if text:
            self._stream.write(text)
            self._stream.flush()

    def _text(self, snapshot: Snapshot) -> str:
        lines = [as_text(exchange) for exchange in snapshot.exchanges]
        if dropped := snapshot.capture.exchanges_dropped:
            lines.append(f"({fmt.plural(dropped, 'exchange')} more in this interval)")
        if self._plays and is_silent(snapshot):
            lines.append(f"({fmt.silence(snapshot)})")
        return "".join(f"{line}\n" for line in lines)

    def close(self) -> None:
        self._stream.flush()


def as_text(exchange: Exchange) -> str:
    """``2026-11-22 12:00:00.250 +00:00  10.0.0.1:5000  GET  shop.example/cart/7  200  12 ms  4.2 kB  curl``.

    Before the user agent stands what is special about its protocol (`fmt.spoken`), and which processes of this machine
    are at its ends (`fmt.processes`).
    """
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
    more = (fmt.spoken(exchange), *fmt.processes(exchange), fmt.sanitize(exchange.user_agent))
    return "  ".join((*columns, *filter(None, more)))

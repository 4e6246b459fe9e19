"""Numbers, times and wire text as people read them.

Pure functions from a value to a short string; ASCII, except for characters of wire text. Units are SI, thousands are
grouped by a space, times are local with their offset. Nothing here knows of colours or layout.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from netmon._core import Client, Connection, Exchange, Host, Process, Section, Snapshot

HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories that move the cursor, reorder or hide text, or have no known shape: shown as escapes."""

NARROW = frozenset(map(chr, (*range(0x20, 0x7F), 0xB7, 0x2026, *range(0x2190, 0x2200), *range(0x2500, 0x25FD))))
"""Characters that are one column wide: ASCII, and the Unicode blocks that the screen draws with."""


def count(n: float) -> str:
    """``48210`` -> ``48 210``."""
    return f"{n:,.0f}".replace(",", " ")


def scaled(value: float, unit: str = "") -> str:
    """``690100, "bit/s"`` -> ``690.1 kbit/s``."""
    prefixes = iter(("k", "M", "G", "T", "P"))
    prefix = ""
    while abs(value) >= 999.95:
        value, prefix = value / 1000, next(prefixes, "E")
    number = f"{value:.1f}".removesuffix(".0")
    return f"{number} {prefix}{unit}".rstrip()


def rate(per_second: float) -> str:
    """One decimal below 100, none above: ``0.4``, ``62.5``, ``3 480``."""
    if 0 < per_second < 0.05:
        return "<0.1"
    return f"{per_second:.1f}" if 0 < per_second < 99.95 else short(per_second)


def short(n: float) -> str:
    """A count in 7 columns: grouped below a million, scaled from there."""
    return count(n) if n < 999_999.5 else scaled(n)


def percent(share: float) -> str:
    """``0.0312`` -> ``3.1 %``; shows 0 only for 0, and 100 only for all."""
    if share <= 0:
        return "0 %"
    if share < 0.001:
        return "<0.1 %"
    if share < 0.0995:
        return f"{share * 100:.1f} %"
    return f"{100 if share >= 1 else min(share * 100, 99):.0f} %"


def latency(seconds: float | None) -> str:
    """``0.0123`` -> ``12 ms``, ``0.00004`` -> ``40 us``; ``-`` for None."""
    if seconds is None:
        return "-"
    milliseconds = seconds * 1000
    if milliseconds < 0.0995:
        return f"{milliseconds * 1000:.0f} us" if seconds else "0 ms"
    if milliseconds < 9.95:
        return f"{milliseconds:.2f} ms" if milliseconds < 0.995 else f"{milliseconds:.1f} ms"
    return f"{milliseconds:.0f} ms" if milliseconds < 999.5 else f"{seconds:.1f} s"


def duration(seconds: float) -> str:
    """``130`` -> ``2 min 10 s``: the two largest units."""
    if 0 < seconds < 9.95 and round(seconds, 1) != round(seconds):
        return f"{seconds:.1f} s"
    rest, parts = round(seconds), []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        amount, rest = divmod(rest, size)
        if amount:
            parts.append(f"{amount} {unit}")
    return " ".join(parts[:2]) or "0 s"


def silence(snapshot: Snapshot) -> str:
    """The text for a silence in a file that is played."""
    return f"no packet for {duration(snapshot.end - snapshot.start)}, until {time(snapshot.end)}"


def time(at: float, *, zone: tzinfo | None = None, digits: int = 0) -> str:
    """Local date and time with offset, with `digits` (0 or 3) of the second's fraction."""
    from datetime import datetime  # noqa: PLC0415  not every output shows a time

    text = datetime.fromtimestamp(at, zone).astimezone(zone).isoformat(" ", "milliseconds" if digits else "seconds")
    return f"{text[:-6]} {text[-6:]}"


def clock(at: float, *, zone: tzinfo | None = None) -> str:
    """The time of day of `time`, without date and offset."""
    return time(at, zone=zone)[11:19]


def plural(n: int, noun: str) -> str:
    """``1 hit``, ``2 hits``."""
    return f"{count(n)} {noun}" + ("" if n == 1 else "s")


def times(n: int) -> str:
    """``12 times in the last minute``; empty for what happened once."""
    return f"{count(n)} times in the last minute" if n > 1 else ""


def tops(counts: Mapping[str, int] | Mapping[int, int], n: int = 8) -> str:
    """``200: 103, 303: 4``: the first `n` rows of a sorted table. The colon separates a status from its count."""
    return ", ".join(f"{key}: {value}" for key, value in list(counts.items())[:n])


def sanitize(text: str) -> str:
    r"""Text from the wire, safe to show: each character of a category in `HIDDEN` becomes ``\xNN`` or ``\uNNNN``.

    Bytes of a file name that are not valid text are shown as ``\xNN``.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(char) if unicodedata.category(char) in HIDDEN else char for char in text)


def _escape(char: str) -> str:
    code = ord(char)
    if "\udc80" <= char <= "\udcff":
        code -= 0xDC00
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def source(name: str) -> str:
    """The name of an interface, or of a file without its folder."""
    return sanitize(name.rpartition("/")[2] or name)


def target(exchange: Exchange) -> str:
    """The host and the path of a request, or the section if the path is not known. Not sanitized."""
    return exchange.host + (exchange.path or exchange.section)


def protocols(row: Host | Section | Client | Snapshot) -> str:
    """The protocols of the requests of a row, most frequent first; empty if all are HTTP/1: ``grpc 90 %, http2``."""
    found = row.protocols
    if not found or list(found) == ["http1"]:
        return ""
    (first, n), *rest = found.items()
    return ", ".join((f"{first} {percent(n / sum(found.values()))}" if rest else first, *(name for name, _ in rest)))


def spoken(exchange: Exchange) -> str:
    """The protocol of an exchange if it is not plain HTTP/1, its stream, the status of a gRPC call, and its messages:
    ``grpc over TLS #5 UNAVAILABLE, messages 1 + 3``.
    """
    protocol = exchange.protocol if exchange.protocol != "http1" or exchange.tls else ""
    words = [
        f"{protocol} over TLS" if exchange.tls else protocol,
        f"#{exchange.stream}" if exchange.stream is not None else "",
        exchange.grpc_status or "",
    ]
    text = " ".join(filter(None, words))
    if exchange.request_messages or exchange.response_messages:
        text += f", messages {count(exchange.request_messages)} + {count(exchange.response_messages)}"
    return text.removeprefix(", ")


def processes(row: Exchange | Connection) -> list[str]:
    """The processes of this machine at the ends of a connection: ``server nginx[812] in shop/cart-1``."""
    found = [process for process in (row.process, row.client_process) if process is not None]
    return [f"{process.side} {sanitize(process.name)}[{process.pid}]{_container(process)}" for process in found]


def _container(process: Process) -> str:
    """Where a process runs: in a pod, or in a container, of whose id the first twelve characters are shown."""
    where = f"{process.namespace}/{process.pod}" if process.pod else process.container[:12]
    return f" in {sanitize(where)}" if where else ""


def width(text: str) -> int:
    """Columns that sanitized text takes on a terminal."""
    if text.isascii() or NARROW.issuperset(text):
        return len(text)
    from wcwidth import wcswidth  # noqa: PLC0415  its tables are large, and most text needs none

    return max(0, wcswidth(text))


def fit(text: str, columns: int, *, right: bool = False, dots: str = "~") -> str:
    """`text` in exactly `columns` columns: padded, or cut with `dots` at the end."""
    if columns <= 0:
        return ""
    if width(text) > columns:
        keep = len(text)
        while width(text[:keep]) > columns - width(dots):
            keep -= 1
        text = text[:keep] + (dots if columns >= width(dots) else "")
    padding = " " * (columns - width(text))
    return padding + text if right else text + padding


def shorten(name: str, columns: int, dots: str = "~") -> str:
    """A name in `columns` at most, cut in the middle: ``api.example.com/check~/pay``.

    In a host with a path, the host stays whole if it fits; otherwise it gets most of the columns.
    """
    if width(name) <= columns:
        return name
    host, slash, rest = name.partition("/")
    path = slash + rest
    if not host or not path:
        return _middle(name, columns, dots)
    if width(host) + width(slash + dots) > columns:
        host = _middle(host, columns - min(width(path), columns * 2 // 5), dots)
    return host + _middle(path, columns - width(host), dots)


def _middle(text: str, columns: int, dots: str) -> str:
    """The beginning and the end of `text`, about equally long."""
    if width(text) <= columns:
        return text
    room = columns - width(dots)
    if room < 1:
        return dots if room == 0 else ""
    first = fit(text, (room + 1) // 2, dots="").rstrip()
    start = len(text)
    while start and width(text[start - 1 :]) <= room - width(first):
        start -= 1
    return first + dots + text[start:]

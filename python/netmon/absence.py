"""Why there is no HTTP to show, in plain words. A snapshot goes in, short phrases come out; pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon import losses

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from netmon._core import Server, Snapshot

NAMES = 3
"""Servers named at most; more would hide the rest of the line."""

CLOSED = ("tls", "quic")
"""The protocols that hide what is said."""


def reasons(window: Snapshot) -> Iterator[str]:
    """Yields one phrase for each thing that was seen instead of HTTP, the most telling first."""
    capture = window.capture
    if capture.unread:
        yield f"{fmt.plural(capture.unread, 'packet')} of the file could not be read"
    elif not capture.received:
        yield "no packet passed the filter"
    spoken: Counter[str] = Counter()
    for interface in window.interfaces:
        spoken.update(interface.protocols)
    for protocol, bytes_ in spoken.most_common():
        yield f"{fmt.scaled(bytes_, 'B')} of {_speech(protocol, bytes_, window)}"
    if capture.protocols:
        yield "new connections: " + ", ".join(f"{n} {name}" for name, n in capture.protocols.items())
    yield from losses.kinds(capture.undecoded)
    # Snapshots that another program wrote may have the sums without the kinds.
    if capture.encapsulated and not capture.undecoded:
        yield f"{fmt.plural(capture.encapsulated, 'packet')} in tunnels, {losses.TUNNELS}"
    if capture.undecodable and not capture.undecoded:
        yield f"{fmt.plural(capture.undecodable, 'packet')} that could not be decoded"


def unmatched(window: Snapshot, where: str | None) -> str:
    """That the filter of what is counted admits none of the HTTP that there is; empty if that is not the reason."""
    has_http = any(protocol.startswith("http") for each in window.interfaces for protocol in each.protocols)
    return f"no exchange matches {fmt.sanitize(' '.join(where.split()))}" if where and has_http else ""


def encrypted(window: Snapshot) -> str:
    """Which share of the bytes stays closed: ``62 % of the bytes are TLS and QUIC whose keys are unknown``.

    Empty if nothing does. Of the bytes that an interface has seen of TLS, those of handshakes of connections that were
    decrypted do not count.
    """
    spoken: Counter[str] = Counter()
    for interface in window.interfaces:
        spoken.update({name: n for name, n in interface.protocols.items() if name in CLOSED and n})
    if window.servers:
        closed = sum(closed_bytes(server) for server in window.servers if server.tls or not server.quic)
        opened = sum(server.handshake_bytes for server in window.servers)
        spoken["tls"] = round(spoken["tls"] * closed / max(closed + opened, 1))
    spoken = +spoken
    total = sum(interface.bytes for interface in window.interfaces)
    if not spoken or not total:
        return ""
    names = " and ".join(name.upper() for name in CLOSED if name in spoken)
    return f"{fmt.percent(min(spoken.total() / total, 1))} of the bytes are {names} whose keys are unknown"


def closed_bytes(server: Server) -> int:
    """Bytes of connections to a server that stay encrypted."""
    return server.bytes_to_server + server.bytes_to_client


def closed_servers(window: Snapshot) -> list[Server]:
    """The servers that have bytes which stay encrypted, those with most first."""
    return [server for server in window.servers if closed_bytes(server)]


def reasons_closed(window: Snapshot) -> str:
    """Why connections stay closed, with their number: ``no key: 12, joined midway: 1``."""
    return fmt.tops(reasons_of(window.capture.undecrypted))


def reasons_of(undecrypted: Mapping[str, int]) -> dict[str, int]:
    """The reasons in words, with the number of connections."""
    return {reason.replace("_", " "): n for reason, n in undecrypted.items()}


def _speech(protocol: str, bytes_: int, window: Snapshot) -> str:
    """What a protocol is, and for one that is encrypted its share of the link and its servers."""
    if protocol not in CLOSED:
        return protocol
    total = sum(interface.bytes for interface in window.interfaces)
    share = f" ({fmt.percent(min(bytes_ / total, 1))} of the bytes)" if total else ""
    closed = closed_servers(window)
    is_opened = any(server.decrypted or server.handshake_bytes for server in window.servers)
    if protocol == "tls" and is_opened and not closed:
        return f"{protocol}{share} that was decrypted"
    speaking = (server for server in closed or window.servers if getattr(server, protocol))
    names = [fmt.sanitize(server.name) for server in speaking]
    to = f" to {', '.join(names[:NAMES])}" if names else ""
    more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
    return f"{protocol}{share}, encrypted{to}{more}, the keys are unknown"

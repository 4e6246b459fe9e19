"""The columns of the servers that clients reach through TLS or QUIC. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netmon.display.columns import Column, field
from netmon.measures import Measure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _ways(server: Any) -> str:
    """How clients reach a server: ``tls``, ``quic`` or both; with a plus sign and ``ech`` if some hide its name."""
    ways = "/".join(name for name in ("tls", "quic") if getattr(server, name))
    return ways + ("+ech" if server.ech else "")


def _median(name: str) -> Measure:
    return Measure(name, "s", lambda server: getattr(server, name).quantile(0.5))


def _first(counts: Mapping[str, int], short: Callable[[str], str]) -> str:
    """The most frequent of several things, with a plus sign if there are others."""
    names = list(counts)
    return short(names[0]) + ("+" if len(names) > 1 else "") if names else ""


def _version(server: Any) -> str:
    """The version of TLS that most connections to a server have: ``1.3``, or ``1.3+`` if some have another."""
    return _first(server.tls_versions, lambda name: name.removeprefix("TLS "))


def _why(server: Any) -> str:
    """Why most connections to a server stay closed."""
    return _first(server.undecrypted, lambda name: name.replace("_", " "))


SERVER = (
    Column(
        *("conns", 7, 1, field("active"), "class:strong"),
        exported_as=(field("connections"), field("open_before")),
    ),
    Column(
        *("proto", 12, 2, Measure("protocol", "count", lambda server: server.tls + 2 * server.quic)),
        text_of=_ways,
        exported_as=(field("quic"), field("ech")),
    ),
    Column("to server", 9, 3, field("bytes_to_server", "B"), "class:dim"),
    Column("to client", 9, 0, field("bytes_to_client", "B")),
    Column("RTT", 7, 4, _median("round_trip"), exported_as=()),
    Column("handshake", 9, 5, _median("handshake"), exported_as=()),
    Column("decrypted", 9, 8, field("decrypted"), "class:ok"),
    Column(
        *("TLS", 8, 6, Measure("tls_versions", "count", lambda server: sum(server.tls_versions.values()))),
        text_of=_version,
        exported_as=(),
    ),
    Column(
        *("closed for", 14, 7, Measure("undecrypted", "count", lambda server: sum(server.undecrypted.values()))),
        "class:dim",
        text_of=_why,
        exported_as=(),
    ),
)
"""What is known of a server that clients reach through TLS or QUIC. The times are medians."""

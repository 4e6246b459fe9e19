"""The connection of a page: its ends, what it speaks, its health, its times and who holds it.

Pure: a view and a size in, lines out. Text from the wire is sanitized here. A figure that is not known is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netmon import format as fmt
from netmon.display import canvas
from netmon.display.columns import STATES
from netmon.display.rows import connection_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netmon._core import Connection
    from netmon.display.canvas import Line
    from netmon.display.view import View


def about_connection(view: View, width: int, height: int) -> list[Line]:
    """The connection in at most `height` lines, the most important first."""
    found, key = connection_of(view), view.place.connection
    if key is None:
        return []
    arrow = view.glyphs.to
    ends: Line = [("class:strong", f"  {key[1]} {arrow} {key[2]}")]
    if found is None:
        return [canvas.fit([*ends, ("class:dim", "   not in this window")], width)]
    ends += [("class:strong", f"  {fmt.sanitize(found.host)}")] if found.host else []
    first = [
        *ends,
        ("", "   "),
        (STATES[found.state], found.state),
        ("class:dim", f"  on {fmt.source(found.interface)}"),
    ]
    rest = [[[("class:dim", word)] for word in words] for words in (_speech(found), _times(found), _health(found))]
    lines = [first, *([("", "  "), *canvas.joined(items, width - 3, "  ")] for items in rest if items)]
    if owners := fmt.processes(found):
        lines.append([("class:dim", f"  {'  '.join(owners)}")])
    return [canvas.fit(line, width) for line in lines][:height]


def _speech(found: Connection) -> Iterator[str]:
    """What it speaks, and inside what; its streams; why it stays closed."""
    protocol = found.protocol or "nothing yet"
    yield f"{protocol} over TLS" if found.tls else protocol
    if found.streams:
        yield f"{found.open_streams} of {fmt.plural(found.streams, 'stream')} open"
    if found.undecrypted:
        yield f"not decrypted: {found.undecrypted.replace('_', ' ')}"
    yield fmt.plural(found.requests, "request")


def _times(found: Connection) -> Iterator[str]:
    """When it was opened, how old it is, and how many bytes went which way."""
    yield (
        f"opened {fmt.time(found.opened, digits=3)}" if found.opened else f"seen {fmt.time(found.first_seen, digits=3)}"
    )
    yield f"{fmt.duration(found.age)} old"
    yield f"{fmt.scaled(found.bytes_to_server, 'B')} to the server"
    yield f"{fmt.scaled(found.bytes_to_client, 'B')} to the client"


def _health(found: Connection) -> Iterator[str]:
    """Round trip and retransmissions, on the wire and as the kernel of this machine sees them."""
    if found.rtt is not None:
        yield f"round trip {fmt.latency(found.rtt)}"
    yield f"{fmt.count(found.retransmitted)} of {fmt.plural(found.segments, 'segment')} sent again"
    if found.kernel_rtt is not None:
        yield f"the kernel sees {fmt.latency(found.kernel_rtt)}"
    if found.kernel_cwnd is not None:
        yield f"its window {fmt.plural(found.kernel_cwnd, 'segment')}"
    if found.kernel_retransmits is not None:
        yield f"{fmt.count(found.kernel_retransmits)} retransmitted"

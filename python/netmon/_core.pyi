"""The native core: capture, reassembly, HTTP parsing and aggregation. The class `Engine` runs all of them.

This stub is the manual of the module; ``mypy.stubtest`` checks it against the module. Unless a docstring says
otherwise, times are Unix seconds as ``float``, durations are seconds as ``float`` and sizes are bytes as ``int``. There
are no rates: divide a count by ``end - start``.

Snapshots and their rows are immutable views into memory that Rust owns. Threads may share them. The object of a row is
made when it is asked for. Copying an object returns the same object, and all of them can be pickled. A notebook shows
most of them as tables.

The docstrings in this file are also those of the module at run time; a test compares them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from os import PathLike
from typing import Any, Literal, Self, TypeVar, final, overload

__all__ = [
    "BUFFER_BUDGET",
    "DEFAULT_FILTER",
    "DEFAULT_SNAPLEN",
    "GRPC_STATUSES",
    "MAX_SUBSETS",
    "MAX_WORKERS",
    "METRICS_SUBSET",
    "OTHER",
    "SORT_KEYS",
    "Capture",
    "CaptureError",
    "Client",
    "ClientRanking",
    "Columns",
    "Confinement",
    "Connection",
    "Engine",
    "Exchange",
    "Filter",
    "FilterError",
    "Histogram",
    "Host",
    "HostRanking",
    "Interface",
    "InterfaceInfo",
    "Lines",
    "Matching",
    "Metrics",
    "PathRanking",
    "Point",
    "Process",
    "Recording",
    "Rows",
    "Section",
    "SectionRanking",
    "Server",
    "Sliding",
    "Snapshot",
    "SourceError",
    "Standing",
    "Stream",
    "Tcp",
    "WhereError",
    "Window",
    "__version__",
    "_restore",
    "arrow",
    "csv_head",
    "deny_system_calls",
    "fork_process_helper",
    "is_formula",
    "libpcap_version",
    "limit_allocator",
    "limit_rights",
    "list_interfaces",
    "no_new_rights",
    "switch_user",
]

__version__: str
OTHER: str
"""``"~other"``: the name of the row to which rows beyond the limits on hosts, sections and clients are added."""
GRPC_STATUSES: tuple[str, ...]
"""The names of the statuses of gRPC calls, by number: ``OK`` is the first."""
SORT_KEYS: tuple[str, ...]
"""The keys by which rows can be ranked, the greatest value first: ``hits requests responses errors 1xx 2xx 3xx 4xx 5xx
p50 p95 p99 bytes rtt retransmitted``, and ``name``, from A to Z.

``p50``, ``p95`` and ``p99`` are quantiles of `latency`. ``rtt`` and ``retransmitted`` are `Tcp.rtt` and
`Tcp.retransmitted_share`; a section has those of its host. Rows without a value come last. Rows with equal values are
sorted by name; reversing an order reverses them as well.
"""
DEFAULT_FILTER: str
"""The capture filter if none is given: TCP, also behind tags of VLANs and switches, and later IP fragments."""
DEFAULT_SNAPLEN: int
BUFFER_BUDGET: int
"""Bytes of the kernel buffers of all interfaces together, shared by their traffic, if `buffer_size` is None."""
MAX_SUBSETS: int
MAX_WORKERS: int
METRICS_SUBSET: tuple[str, str]
"""The subset of all exchanges by method, status and host, from which `Metrics` has durations by method and status."""

class CaptureError(OSError):
    """A running capture failed: an interface or a file could not be read any further."""

class SourceError(CaptureError):
    """There is nothing to capture from: no such interface, no such file, not a capture file, an unknown link type."""

class FilterError(ValueError):
    """The BPF expression does not compile; the message is libpcap's.

    `position` is the number of characters before the mistake; None if that is not known. `filter` is the expression.
    """

    position: int | None
    filter: str

class WhereError(ValueError):
    """A text is no filter as `Filter` describes them.

    `position` is the number of characters before the mistake.
    """

    position: int

@final
class Filter:
    """A parsed filter: which exchanges are counted, or which rows are meant.

    Terms side by side must all hold; ``and``, ``or``, ``not``, ``!`` and parentheses combine them. ``host:text`` means
    that the field contains the text, or if the text has ``*`` or ``?``, that the whole field matches it; ``host=text``
    means the whole field. ``status:5xx``, ``status:none``, ``client:10.0.0.0/8``, ``latency>200ms``, ``bytes>=1MiB``
    and ``status<500`` are terms too; so is a text alone, for any field. Case does not matter.

    Raises WhereError for a text that is no filter.
    """

    def __new__(cls, text: str) -> Filter: ...
    @property
    def text(self) -> str:
        """The filter as it was written."""
    @property
    def needs_response(self) -> bool:
        """Whether a term is about something that is known only when the response has ended: status, latency, duration
        or bytes, a text that may be a status, or processes, which may be found late.
        """
    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields that terms look at, each once, in the order of the text. ``text`` stands for terms
        without a field.
        """
    @property
    def client_bits(self) -> int | None:
        """Bits of IPv6 addresses that terms about the client compare, 0 if none. None if a term looks at a text that
        may be that of the port: an exchange has one, and a row has none.
        """
    def admits_exchange(self, exchange: Exchange) -> bool:
        """Whether the exchange matches."""
    def admits(
        self,
        *,
        host: str | None = None,
        section: str | None = None,
        path: str | None = None,
        method: str | None = None,
        client: str | None = None,
        server: str | None = None,
        interface: str | None = None,
        user_agent: str | None = None,
        process: str | None = None,
        container: str | None = None,
        pod: str | None = None,
        namespace: str | None = None,
        protocol: str | None = None,
    ) -> bool | None:
        """Whether something with these fields matches; None if that depends on a field that is not given.

        So ``admits(host=section.host, section=section.path)`` evaluates the filter for a row.
        """
    def __eq__(self, other: object, /) -> bool: ...

@final
class Histogram:
    """OpenTelemetry's exponential histogram of seconds. The relative error of a quantile is at most 2.2 %.

    This holds at scale 4. A snapshot has at most four million buckets. If it needs more, scales are lowered, and
    each step doubles the error: see `Capture.histogram_halvings`. Histograms of different scales merge at the lower
    one.
    """

    @property
    def count(self) -> int:
        """Number of values."""
    @property
    def sum(self) -> float:
        """Sum of the values in seconds."""
    @property
    def min(self) -> float | None:
        """The smallest value in seconds; None if there is no value."""
    @property
    def max(self) -> float | None:
        """The greatest value in seconds; None if there is no value."""
    @property
    def scale(self) -> int:
        """The scale, 4 or less: 2**scale buckets cover a factor of two."""
    @property
    def offset(self) -> int:
        """Index of the first of `buckets`: bucket i holds values in (b**i, b**(i+1)] seconds; b is 2**(2**-scale)."""
    @property
    def buckets(self) -> list[int]:
        """Number of values in each bucket, from `offset` on; the first and the last number are not zero."""
    @property
    def zero_count(self) -> int:
        """Number of values that are exactly zero; no bucket holds them."""
    def quantile(self, q: float) -> float | None:
        """The value at quantile `q`, from 0 to 1; None if there is no value. Raises ValueError for another `q`."""
    def __copy__(self) -> Self:
        """The same object: it never changes."""
    def __deepcopy__(self, memo: object, /) -> Self:
        """The same object: it never changes."""

class _Counts:
    """The counts that a snapshot, a host, a section and a client have in common."""

    @property
    def hits(self) -> int:
        """Message heads seen: requests + responses, interim (1xx) responses included."""
    @property
    def requests(self) -> int:
        """Request heads."""
    @property
    def responses(self) -> int:
        """Response heads, interim (1xx) ones included."""
    @property
    def errors(self) -> int:
        """Responses with a status of 500 or above, and gRPC calls that failed; one that is both counts once."""
    @property
    def methods(self) -> dict[str, int]:
        """Requests by method, most frequent first; a method outside the IANA registry counts as ``OTHER``."""
    @property
    def statuses(self) -> dict[int, int]:
        """Response heads by status code, most frequent first."""
    @property
    def request_bytes(self) -> int:
        """HTTP bytes of requests, heads and bodies, each counted in the interval in which it passed."""
    @property
    def response_bytes(self) -> int:
        """HTTP bytes of responses, heads and bodies, each counted in the interval in which it passed."""
    @property
    def latency(self) -> Histogram:
        """Times from a request's last byte to its response's first byte."""
    @property
    def duration(self) -> Histogram:
        """Times from a request's first byte to its response's last byte."""
    @property
    def protocols(self) -> dict[str, int]:
        """Requests by protocol, most frequent first: ``http1 http2 grpc websocket``."""
    @property
    def grpc_statuses(self) -> dict[str, int]:
        """Calls of gRPC that have ended, by the name of their status, most frequent first, such as ``UNAVAILABLE``."""
    @property
    def request_messages(self) -> int:
        """Messages of clients: of gRPC and WebSocket."""
    @property
    def response_messages(self) -> int:
        """Messages of servers: of gRPC and WebSocket, and events of server-sent events."""
    @property
    def client_close_codes(self) -> dict[int, int]:
        """WebSocket connections closed by the client, by code; 1005 if it gave none, 0 beyond 32 codes."""
    @property
    def server_close_codes(self) -> dict[int, int]:
        """WebSocket connections closed by the server, by code; 1005 if it gave none, 0 beyond 32 codes."""
    @property
    def client_resets(self) -> dict[str, int]:
        """HTTP/2 streams that the client has reset, by the name of the code, such as ``CANCEL``."""
    @property
    def server_resets(self) -> dict[str, int]:
        """HTTP/2 streams that the server has reset, by the name of the code, such as ``REFUSED_STREAM``."""
    def __copy__(self) -> Self:
        """The same object: it never changes."""
    def __deepcopy__(self, memo: object, /) -> Self:
        """The same object: it never changes."""

@final
class Section(_Counts):
    """One section of a host: all its paths that begin with the same segments."""

    @property
    def path(self) -> str:
        """``/`` plus the first path segment(s), ``*`` for ``OPTIONS *``, or `OTHER`.

        ``~unknown`` for requests whose path the snapshot length cut off.
        """
    @property
    def host(self) -> str:
        """The name of its host."""

@final
class Host(_Counts):
    """One host, as clients name it in their requests, whatever address serves it."""

    @property
    def name(self) -> str:
        """The authority of its requests, in lower case and without the default port; ``address:port`` of the server if
        requests have none; or `OTHER`.
        """
    @property
    def addresses(self) -> list[str]:
        """Addresses of its servers; if there are more than 8, the lowest 8."""
    @property
    def sections(self) -> list[Section]:
        """All sections, most hits first."""
    @property
    def section_count(self) -> int:
        """Number of its sections."""
    def section(self, path: str) -> Section | None:
        """The section with this path; None if there is none."""
    def top_sections(
        self, n: int, by: str = "hits", *, reverse: bool = False, offset: int = 0, matching: str = ""
    ) -> list[Section]:
        """A page of `ranked_sections`: by default, the `n` sections with the most hits."""
    def ranked_sections(
        self,
        by: str = "hits",
        *,
        reverse: bool = False,
        matching: str | Matching = "",
        after: Standing | None = None,
        seconds: tuple[float, float] = (0.0, 1.0),
    ) -> PathRanking:
        """The sections whose path matches, ranked by one of `SORT_KEYS`; arguments as for `Snapshot.ranked`."""
    @property
    def tcp(self) -> Tcp:
        """Health of its connections. A connection counts for the host of its latest request. How it was opened counts
        for the host of its first request, together with that request.
        """

@final
class Client(_Counts):
    """One client: the requests from one address, or from one IPv6 prefix if clients are grouped by prefix."""

    @property
    def address(self) -> str:
        """``192.0.2.1``, ``2001:db8::1``, ``2001:db8:1:2::/64`` with `client_ipv6_prefix`, or `OTHER`.

        It is the address at the client's end of the connection or, with `client_from`, the one that a proxy passes
        on. `duration` of a client is always empty; sections have durations.
        """
    def has(self, exchange: Exchange) -> bool:
        """Whether this client sent the request of `exchange`; False for `OTHER`."""

@final
class Interface:
    """One interface, or one capture file, in the interval."""

    @property
    def name(self) -> str:
        """Its name on the system; for a file, its path."""
    @property
    def packets(self) -> int:
        """Packets that passed the filter."""
    @property
    def bytes(self) -> int:
        """Bytes on the wire of all packets that passed the filter."""
    @property
    def http_packets(self) -> int:
        """Packets of connections that carry HTTP."""
    @property
    def http_bytes(self) -> int:
        """Bytes on the wire of connections that carry HTTP."""
    @property
    def protocols(self) -> dict[str, int]:
        """Bytes on the wire by the protocol of their connection, once it is known; keys as in `Capture.protocols`."""
    @property
    def tcp(self) -> Tcp:
        """Health of the connections. Each direction of one counts on the interface where it was first seen."""
    @property
    def state(self) -> str:
        """``"up"``, ``"down"``, or ``"new"`` if it came up within this snapshot."""
    @property
    def since(self) -> float | None:
        """When netmon began to watch it, if it came up after the start of the capture; else None. Packets before that
        time were not seen.
        """
    @property
    def problem(self) -> str | None:
        """Why nothing is captured from it, although something should be, such as ``"it is down"``; else None. It stays
        until the problem is over.
        """
    @property
    def removed(self) -> bool:
        """Whether it was removed, and nobody asked for it by name. Interfaces of containers come and go."""
    def __copy__(self) -> Self:
        """The same object: it never changes."""
    def __deepcopy__(self, memo: object, /) -> Self:
        """The same object: it never changes."""

@final
class Server:
    """A server that clients reach through TLS or QUIC."""

    @property
    def name(self) -> str:
        """The name that clients gave (SNI), in lower case; ``address:port`` if they gave none, or `OTHER`."""
    @property
    def connections(self) -> int:
        """Connections that began, of TLS over TCP and of QUIC."""
    @property
    def open_before(self) -> int:
        """Connections that were open and not decrypted when the interval began; in merged intervals, when the earliest
        of them began that has the server.
        """
    @property
    def active(self) -> int:
        """Connections of the interval: those that began, and those that were open before."""
    @property
    def named(self) -> int:
        """Of these, connections whose client has named the server."""
    @property
    def tls(self) -> int:
        """Of the connections that began, those of TLS over TCP."""
    @property
    def quic(self) -> int:
        """Of these, connections over QUIC."""
    @property
    def ech(self) -> int:
        """Of these, connections whose client has sent an encrypted hello (ECH), or pretended to: then the name may be
        one that several servers share.
        """
    @property
    def decrypted(self) -> int:
        """Connections that were decrypted."""
    @property
    def bytes_to_server(self) -> int:
        """Bytes to the server in TCP or UDP of connections that stay encrypted, each counted once that is known."""
    @property
    def bytes_to_client(self) -> int:
        """Bytes from the server of such connections."""
    @property
    def handshake_bytes(self) -> int:
        """Bytes in both directions of connections that were decrypted, before their first plaintext."""
    @property
    def undecrypted(self) -> dict[str, int]:
        """Connections of TLS that stay encrypted, or the rest of which does, by reason as in `Capture.undecrypted`."""
    @property
    def tls_versions(self) -> dict[str, int]:
        """Connections whose server has answered, by the version of TLS that it has chosen, such as ``TLS 1.3``; those
        without a name count as ``OTHER``.
        """
    @property
    def cipher_suites(self) -> dict[str, int]:
        """The same by cipher suite, such as ``TLS_AES_128_GCM_SHA256``; beyond 16 suites, and without a name, it is
        ``OTHER``.
        """
    @property
    def round_trip(self) -> Histogram:
        """Times from here to the server and back: from SYN to SYN with ACK, or from the first packet of QUIC to its
        answer.
        """
    @property
    def handshake(self) -> Histogram:
        """Times from the client's hello to its Finished."""
    def __copy__(self) -> Self:
        """The same object: it never changes."""
    def __deepcopy__(self, memo: object, /) -> Self:
        """The same object: it never changes."""

@final
class Tcp:
    """Health of connections. A connection counts once, even if it crosses several interfaces."""

    @property
    def opened(self) -> int:
        """SYNs that began a connection."""
    @property
    def closed(self) -> int:
        """Connections that both sides closed."""
    @property
    def reset(self) -> int:
        """Connections that were reset."""
    @property
    def refused(self) -> int:
        """SYNs answered with a reset."""
    @property
    def segments(self) -> int:
        """Segments seen."""
    @property
    def retransmitted(self) -> int:
        """Segments with data that was sent before."""
    @property
    def duplicates(self) -> int:
        """Packets seen again within a millisecond: copies made by the capture or the network, not retransmissions."""
    @property
    def out_of_order(self) -> int:
        """Segments that arrived after a later one."""
    @property
    def duplicate_acks(self) -> int:
        """Acknowledgements that acknowledge nothing new."""
    @property
    def zero_window(self) -> int:
        """Segments with a receive window of zero: their sender cannot accept more data."""
    @property
    def rtt(self) -> float | None:
        """Round-trip time between client and server: the sum of `to_client` and `to_server`, or the one that is known;
        None if neither is known.
        """
    @property
    def to_client(self) -> float | None:
        """Round-trip time from the capture point to the client: the median of handshakes if there were any, else the
        shortest time from data to its acknowledgement. Longer times include waiting for an application or for a
        delayed acknowledgement. None if nothing was measured.
        """
    @property
    def to_server(self) -> float | None:
        """Round-trip time from the capture point to the server, measured like `to_client`."""
    @property
    def retransmitted_share(self) -> float:
        """Share of all segments that were retransmissions, from 0 to 1."""
    @property
    def client_handshake_rtt(self) -> Histogram:
        """Round-trip times from the capture point to the client in handshakes: from SYN with ACK to ACK."""
    @property
    def server_handshake_rtt(self) -> Histogram:
        """Round-trip times from the capture point to the server in handshakes: from SYN to SYN with ACK."""
    @property
    def client_rtt(self) -> Histogram:
        """Round-trip times from the capture point to the client: from data to its acknowledgement, including delayed
        acknowledgements.
        """
    @property
    def server_rtt(self) -> Histogram:
        """Round-trip times from the capture point to the server: from data to its acknowledgement, including delayed
        acknowledgements.
        """
    def __copy__(self) -> Self:
        """The same object: it never changes."""
    def __deepcopy__(self, memo: object, /) -> Self:
        """The same object: it never changes."""

@final
class Capture:
    """What the capture delivered, and what the capture or the decoding lost. Every snapshot has one."""

    @property
    def received(self) -> int:
        """Packets that the capture delivered to netmon."""
    @property
    def kernel_dropped(self) -> int:
        """Packets that the kernel dropped because its buffer was full; for a file, the drops that the file records."""
    @property
    def interface_dropped(self) -> int:
        """Packets that the interface or its driver dropped."""
    @property
    def unread(self) -> int:
        """Packets of a file that could not be read, and packets that an internal error of netmon left out.

        If the rest of a file is damaged, it counts as one packet.
        """
    @property
    def undecodable(self) -> int:
        """Packets whose headers are cut, contradictory or of an unknown kind."""
    @property
    def undecoded(self) -> dict[str, int]:
        """Packets that were not decoded, by kind, most frequent first: those in `undecodable` and `encapsulated`, and
        encrypted packets. Packets that are known to carry no HTTP, such as ARP and UDP, are not included.

        Keys are ``ethertype 0x8926``, ``ppp protocol 0x00fd``, ``ip protocol 99``, ``link type 147``,
        ``tunnel vxlan``, ``encrypted 802.11`` (or ``esp``, ``macsec``), ``aggregated 802.11``, ``mpls payload``,
        ``too many tags``, ``too many tunnels``, ``incomplete fragments``, ``cut headers``,
        ``contradictory headers``, and `OTHER` beyond 32 kinds in an interval.
        """
    @property
    def encapsulated(self) -> int:
        """Packets inside a tunnel that was not decoded; see `decode_tunnels`."""
    @property
    def copies(self) -> int:
        """Packets that had been captured before: on another interface, with another tag, or before NAT on this machine
        rewrote an address.
        """
    @property
    def truncated(self) -> int:
        """Packets cut off by the snapshot length."""
    @property
    def truncated_heads(self) -> int:
        """Message heads cut off by the snapshot length. Such a head still counts as a message if a status, or a method
        and the beginning of a path, is left.
        """
    @property
    def gaps(self) -> int:
        """Gaps in streams: missing bytes that netmon no longer waits for."""
    @property
    def gap_bytes(self) -> int:
        """Bytes in these gaps."""
    @property
    def orphan_responses(self) -> int:
        """Responses without a request."""
    @property
    def unanswered(self) -> int:
        """Requests without a response."""
    @property
    def unknown_statuses(self) -> int:
        """Responses of HTTP/2 whose status could not be resolved, because what it refers to was lost or came before the
        capture. They are not in ``responses``.
        """
    @property
    def parse_errors(self) -> int:
        """Streams that could not be parsed any further."""
    @property
    def resyncs(self) -> int:
        """How often the next message of a stream was found after a gap or a parse error."""
    @property
    def flows(self) -> int:
        """Connections tracked at the end of the snapshot. A merge keeps the latest number, and adds numbers of the same
        time.
        """
    @property
    def open_connections(self) -> int:
        """Connections in `flows` that are in use: neither opening nor ended."""
    @property
    def flows_evicted(self) -> int:
        """Connections dropped because the table of connections was full."""
    @property
    def hosts_folded(self) -> int:
        """Hosts folded into `OTHER`."""
    @property
    def sections_folded(self) -> int:
        """Sections folded into `OTHER`."""
    @property
    def hits_error(self) -> int:
        """The most hits that the row of any one host or section may lack because rows were folded into `OTHER`."""
    @property
    def clients_folded(self) -> int:
        """Clients folded into `OTHER`."""
    @property
    def client_hits_error(self) -> int:
        """The most hits that the row of any one client may lack because rows were folded into `OTHER`."""
    @property
    def exchanges_dropped(self) -> int:
        """Exchanges that are not listed because `Snapshot.exchanges` was full."""
    @property
    def histogram_halvings(self) -> int:
        """How often the scale of the coarsest histogram was lowered, because all histograms share a budget of buckets.

        A merge keeps the greatest number. The error of quantiles is 2.2 % at 0, and doubles with each step.
        """
    @property
    def clock_steps(self) -> int:
        """How often the wall clock was set, by a tenth of a second or more, while a live capture ran; 0 for files.

        The length of intervals is not affected. After a step forward, the times of snapshots follow the clock and
        leave out the time between. After a step back, they continue from the old time, ahead of the clock. The log
        says by how much.
        """
    @property
    def protocols(self) -> dict[str, int]:
        """Connections recognised, by protocol: ``http1 http2 grpc websocket tls quic tunnel ssh other``.

        A connection that is upgraded counts for both protocols.
        """
    @property
    def ambiguous_framing(self) -> dict[str, int]:
        """Messages that two readers could frame differently, by kind (see `docs/accuracy.md`)."""
    @property
    def goaways(self) -> dict[str, int]:
        """Times that one side of an HTTP/2 connection would take no new streams, by the name of the code that it gave.

        ``NO_ERROR`` is that of a graceful end.
        """
    @property
    def undecrypted(self) -> dict[str, int]:
        """Connections that stay encrypted, by reason, most frequent first.

        ``no_key``: no key log had the secrets of the connection, or of one direction of it, when its records were given
        up. ``late_key``: the secrets are there, but more had waited for them than may. ``joined_midway``: its beginning
        was not seen. ``unknown_cipher_suite``: its cipher suite or its version is not known. ``lost``: a hole in a
        stream was too large to find the next record behind it. ``damaged``: its records do not fit the secrets.
        """
    def __copy__(self) -> Self:
        """The same object: it never changes."""
    def __deepcopy__(self, memo: object, /) -> Self:
        """The same object: it never changes."""

@final
class Exchange:
    """A request and its final response."""

    @property
    def ts(self) -> float:
        """When the first byte of the request was seen."""
    @property
    def time(self) -> datetime:
        """`ts` as a time in UTC, exact to the microsecond."""
    @property
    def client(self) -> str:
        """``address:port`` of the client's end of the connection, IPv6 addresses in brackets.

        With `client_from`, if a proxy passed an address on, that address without a port. With
        `client_ipv6_prefix`, that is the first address of its prefix. `OTHER` if the row of this client was
        folded meanwhile.
        """
    @property
    def client_address(self) -> str:
        """The address in `client` without a port, written like `Client.address` of clients that are not grouped."""
    @property
    def server(self) -> str:
        """``address:port`` of the server, IPv6 addresses in brackets."""
    @property
    def interface(self) -> str:
        """The interface on which its connection was first seen."""
    @property
    def host(self) -> str:
        """As `Host.name`."""
    @property
    def section(self) -> str:
        """As `Section.path`."""
    @property
    def path(self) -> str:
        """The path of the request target: at most 256 printable characters, without query, fragment,
        parameters and userinfo.

        A longer path ends in ``..#`` and a hash. A path whose end is not known ends in ``..``: the snapshot
        length cut it off, or too many requests waited for a response. ``*`` for CONNECT and ``OPTIONS *``,
        ``~unknown`` if nothing of the path is known, empty with ``redact="all"`` and from documents without
        paths.
        """
    @property
    def method(self) -> str:
        """As in `Section.methods`."""
    @property
    def status(self) -> int | None:
        """Status code of the response; None if no response was seen."""
    @property
    def request_bytes(self) -> int:
        """HTTP bytes of the request, head and body."""
    @property
    def response_bytes(self) -> int:
        """HTTP bytes of the response, head and body."""
    @property
    def latency(self) -> float | None:
        """Time from the request's last byte to the response's first byte; None if no response was seen."""
    @property
    def duration(self) -> float | None:
        """Time from the request's first byte to the response's last byte: the sum of `request_time`, `latency`
        and `transfer`.
        """
    @property
    def connect(self) -> float | None:
        """Duration of the connection's handshake, seen from the capture point. Only the first exchange on a
        connection has it; None for the others.
        """
    @property
    def request_time(self) -> float | None:
        """Time from the request's first byte to its last byte."""
    @property
    def transfer(self) -> float | None:
        """Time from the response's first byte to its last byte."""
    @property
    def retransmitted(self) -> int:
        """Segments of the connection that were sent again while the exchange lasted."""
    @property
    def protocol(self) -> str:
        """``"http1"``, ``"http2"``, ``"grpc"`` (gRPC-Web too) or ``"websocket"``."""
    @property
    def tls(self) -> bool:
        """True if it was inside TLS, and decrypted."""
    @property
    def stream(self) -> int | None:
        """Number of its stream in HTTP/2; None in HTTP/1."""
    @property
    def tls_handshake(self) -> float | None:
        """Duration of the TLS handshake of the connection, from the hello of the client to the client's Finished. Only
        the first exchange on a connection has it; None for the others.
        """
    @property
    def queued(self) -> float | None:
        """The part of `latency` in which the server sent other streams of the same connection: from the first to the
        last byte of each frame of their content. None in HTTP/1.
        """
    @property
    def grpc_status(self) -> str | None:
        """Name of the status of a gRPC call, such as ``"UNAVAILABLE"``; None if it is no gRPC call, or if its
        status was not seen.
        """
    @property
    def request_messages(self) -> int:
        """Messages of the client: of gRPC or WebSocket."""
    @property
    def response_messages(self) -> int:
        """Messages of the server: of gRPC or WebSocket, or events of server-sent events."""
    @property
    def user_agent(self) -> str:
        """Name of the user agent, such as ``curl`` or ``Firefox``: at most 64 printable characters, without a
        version.

        Empty if the request does not name one, without `user_agents`, and with ``redact="all"``.
        """
    @property
    def process(self) -> Process | None:
        """The process of this machine that the connection belongs to: that of the server if the server is on
        this machine, else that of the client.

        None if it is not known, without `processes`, and for files.
        """
    @property
    def client_process(self) -> Process | None:
        """The process of the client, if both ends are on this machine and it is known."""
    def __copy__(self) -> Self:
        """The same object: it never changes."""
    def __deepcopy__(self, memo: object, /) -> Self:
        """The same object: it never changes."""

@final
class Connection:
    """A connection as it was at the end of its interval."""

    @property
    def client(self) -> str:
        """``address:port`` of the side that opened the connection or sends requests; if neither is known, of the
        side with the higher port. IPv6 addresses are in brackets.
        """
    @property
    def server(self) -> str:
        """``address:port`` of the other side."""
    @property
    def interface(self) -> str:
        """The interface on which the connection was first seen."""
    @property
    def protocol(self) -> str:
        """Its protocol, as in `Capture.protocols`; empty while it is not known."""
    @property
    def host(self) -> str:
        """Host of its latest request, as `Host.name`, or the server that a client of TLS or QUIC named; empty
        if there is neither.
        """
    @property
    def state(self) -> str:
        """``"opening"`` (only SYNs were seen), ``"open"``, ``"closed"`` by both sides, ``"reset"`` or
        ``"refused"``. Whether a connection of QUIC has ended cannot be seen: it is ``"opening"`` or ``"open"``.
        """
    @property
    def opened(self) -> float | None:
        """When it was opened; None if its SYN, or the first packet of QUIC, was not seen, as when the capture began
        later.
        """
    @property
    def first_seen(self) -> float:
        """When its first segment was seen."""
    @property
    def last_seen(self) -> float:
        """When its latest segment was seen."""
    @property
    def age(self) -> float:
        """Seconds from its first segment to the end of the interval or, if it has ended, to its last segment."""
    @property
    def bytes_to_server(self) -> int:
        """Bytes of TCP payload sent to the server, without retransmissions; of QUIC, bytes of UDP payload."""
    @property
    def bytes_to_client(self) -> int:
        """Bytes sent to the client, counted alike."""
    @property
    def segments(self) -> int:
        """Number of segments, or of datagrams of QUIC. A segment counts once, even if it crosses several interfaces."""
    @property
    def retransmitted(self) -> int:
        """Segments with data that was sent before; 0 of QUIC, which hides it."""
    @property
    def retransmitted_share(self) -> float:
        """`retransmitted` divided by `segments`; 0.0 if there are no segments."""
    @property
    def requests(self) -> int:
        """Number of request heads; 0 of QUIC, whose requests cannot be seen."""
    @property
    def rtt(self) -> float | None:
        """The shortest round-trip time between client and server. Longer times include waiting for an application
        or for a delayed acknowledgement. If only one side was measured, the time from the capture point to that
        side; None if neither was.
        """
    @property
    def local(self) -> str:
        """Which of its ends are on the machine that captured: ``"client"``, ``"server"``, ``"both"``, or ``""`` if
        none is, without `processes`, and for files.
        """
    @property
    def process(self) -> Process | None:
        """As `Exchange.process`."""
    @property
    def client_process(self) -> Process | None:
        """As `Exchange.client_process`."""
    @property
    def kernel_rtt(self) -> float | None:
        """The smoothed round-trip time that the kernel of this machine measures for the connection, at the server's
        end if that is on this machine, else at the client's; None if it is not known.

        It is at most some seconds old. It includes delayed acknowledgements; `rtt` does not.
        """
    @property
    def kernel_cwnd(self) -> int | None:
        """The congestion window of the same end in segments."""
    @property
    def kernel_retransmits(self) -> int | None:
        """The segments that the same end has retransmitted since the connection began."""
    @property
    def tls(self) -> bool:
        """True if it speaks TLS and was decrypted; `protocol` is that of what is inside."""
    @property
    def streams(self) -> int:
        """Number of streams of HTTP/2 that were seen on it. Those that had ended before the capture began are not
        among them.
        """
    @property
    def open_streams(self) -> int:
        """Of these, the streams that have not ended."""
    @property
    def undecrypted(self) -> str:
        """Why it stays encrypted, as in `Capture.undecrypted`; empty if it is not encrypted, was decrypted, or was
        not judged yet.
        """
    @property
    def oldest_streams(self) -> list[Stream]:
        """The open streams of HTTP/2, the oldest first; of more than 8 the 8 oldest. `open_streams` is the number of
        all.
        """
    def __copy__(self) -> Self:
        """The same object: it never changes."""
    def __deepcopy__(self, memo: object, /) -> Self:
        """The same object: it never changes."""

@final
class Stream:
    """An open stream of an HTTP/2 connection, as it was at the end of the interval."""

    @property
    def id(self) -> int:
        """Its number on the connection."""
    @property
    def method(self) -> str:
        """Request method; ``OTHER`` if it is not registered, or if the request was not seen."""
    @property
    def host(self) -> str:
        """Its host, as `Host.name`; empty if the filter of what is counted leaves the request out."""
    @property
    def section(self) -> str:
        """Its section, as `Section.path`; empty if the filter leaves the request out."""
    @property
    def path(self) -> str:
        """Its path, as `Exchange.path`; empty if no exchanges are listed."""
    @property
    def age(self) -> float:
        """Seconds from its first byte to the end of the interval or, if the connection has ended, to its last
        segment.
        """
    @property
    def request_bytes(self) -> int:
        """Bytes of the request so far, head and content."""
    @property
    def response_bytes(self) -> int:
        """Bytes of the response so far, head and content."""
    @property
    def request_messages(self) -> int:
        """Messages of the client so far: of gRPC or WebSocket."""
    @property
    def response_messages(self) -> int:
        """Messages of the server so far: of gRPC or WebSocket, or server-sent events."""
    @property
    def protocol(self) -> str:
        """What it carries: ``"http2"``, ``"grpc"``, ``"websocket"`` or ``"sse"`` (server-sent events)."""
    @property
    def status(self) -> int | None:
        """Status code of its response; None as long as there is none."""
    def __copy__(self) -> Self:
        """The same object: it never changes."""
    def __deepcopy__(self, memo: object, /) -> Self:
        """The same object: it never changes."""

@final
class Process:
    """A process of the machine that captured, at one end of a connection."""

    @property
    def name(self) -> str:
        """Its name as the kernel knows it, at most 15 characters."""
    @property
    def pid(self) -> int:
        """Its process id. Of several processes that share a listening socket, that of the oldest."""
    @property
    def side(self) -> str:
        """The end of the connection that it holds: ``"server"`` or ``"client"``."""
    @property
    def container(self) -> str:
        """The id of its container; empty if it is in none, or that is not known."""
    @property
    def pod(self) -> str:
        """The name of its Kubernetes pod; empty if it is in none, or that is not known."""
    @property
    def namespace(self) -> str:
        """The Kubernetes namespace of its pod; empty if that is not known."""
    def __copy__(self) -> Self:
        """The same object: it never changes."""
    def __deepcopy__(self, memo: object, /) -> Self:
        """The same object: it never changes."""

@final
class Snapshot(_Counts):
    """Everything counted in one interval, or in several merged intervals. ``Snapshot()`` is empty, the identity of
    `merge`.
    """

    def __new__(cls) -> Snapshot: ...
    @property
    def start(self) -> float:
        """Start of the interval, inclusive; 0.0 for the empty snapshot."""
    @property
    def end(self) -> float:
        """End of the interval, exclusive; 0.0 for the empty snapshot."""
    @property
    def start_time(self) -> datetime:
        """`start` as a time in UTC, exact to the microsecond."""
    @property
    def end_time(self) -> datetime:
        """`end` as a time in UTC, exact to the microsecond."""
    @property
    def hosts(self) -> Rows[Host]:
        """All hosts, most hits first, ties by name."""
    @property
    def sections(self) -> Rows[Section]:
        """All sections of all hosts: those of the host with the most hits first, and of each host those with the most
        hits.
        """
    @property
    def clients(self) -> Rows[Client]:
        """All clients, most hits first, ties by address. Their counts add up to those of the snapshot."""
    @property
    def client_count(self) -> int:
        """Number of clients."""
    @property
    def host_count(self) -> int:
        """Number of hosts."""
    @property
    def section_count(self) -> int:
        """Number of sections of all hosts."""
    @property
    def row_count(self) -> int:
        """Number of rows in all tables, including exchanges and connections, plus one for every 64 buckets of
        histograms. The memory of a snapshot grows with it.
        """
    def rows(self) -> list[dict[str, Any]]:
        """Flat records, one for each section of each host, for ``polars.DataFrame``, ``pandas.DataFrame`` and
        ``csv.DictWriter``. All records have the same keys in the same order.

        Keys are attribute names of `Snapshot` and `Section`. ``status_1xx`` to ``status_5xx`` are responses by class
        of status; ``latency_p50``, ``latency_p95`` and ``latency_p99`` are quantiles in seconds, or None. Hosts and
        their sections are sorted by hits, most first. ``section`` is None for a host without sections, which JSON of
        other programs may have.
        """
    def top(
        self, n: int, by: str = "hits", *, reverse: bool = False, offset: int = 0, matching: str = ""
    ) -> list[Host]:
        """A page of `ranked`: by default, the `n` hosts with the most hits. Only the objects of this page are made."""
    def top_sections(
        self, n: int, by: str = "hits", *, reverse: bool = False, offset: int = 0, matching: str = ""
    ) -> list[Section]:
        """A page of `ranked_sections`."""
    def ranked(
        self,
        by: str = "hits",
        *,
        reverse: bool = False,
        matching: str | Matching = "",
        after: Standing | None = None,
        seconds: tuple[float, float] = (0.0, 1.0),
    ) -> HostRanking:
        """The hosts that match, ranked by one of `SORT_KEYS`. Raises ValueError for any other key.

        A text in `matching` is a part of the name, in any case; after ``!``, a part that the name must not have. An
        empty text matches all hosts. Names are compared as they are stored, in printable ASCII. A `Matching` also
        looks at other fields than the name.

        `after` is the standing of an earlier ranking by the same key. With it, rows keep their places while figures
        jitter. `seconds` are the seconds since that ranking, and the seconds that this snapshot covers.
        """
    def ranked_sections(
        self,
        by: str = "hits",
        *,
        reverse: bool = False,
        matching: str | Matching = "",
        after: Standing | None = None,
        seconds: tuple[float, float] = (0.0, 1.0),
    ) -> SectionRanking:
        """The sections of all hosts that match, as for `ranked`; a text in `matching` is a part of the host's name."""
    def top_clients(
        self, n: int, by: str = "hits", *, reverse: bool = False, offset: int = 0, matching: str = ""
    ) -> list[Client]:
        """A page of `ranked_clients`."""
    def ranked_clients(
        self,
        by: str = "hits",
        *,
        reverse: bool = False,
        matching: str | Matching = "",
        after: Standing | None = None,
        seconds: tuple[float, float] = (0.0, 1.0),
    ) -> ClientRanking:
        """The clients that match, as for `ranked`; a text in `matching` is a part of the address. Clients have no
        ``rtt`` and no ``retransmitted``.
        """
    def point(self) -> Point:
        """The snapshot in a few numbers."""
    def host(self, name: str) -> Host | None:
        """The host with this name; None if there is none."""
    def client(self, address: str) -> Client | None:
        """The client with this address, as in `Client.address`; None if there is none."""
    @property
    def interfaces(self) -> list[Interface]:
        """All interfaces, sorted by name."""
    @property
    def late(self) -> list[tuple[str, float]]:
        """Name and `Interface.since` of each interface that came up after the start of the capture."""
    @property
    def problems(self) -> list[tuple[str, str]]:
        """Name and `Interface.problem` of each interface that has one."""
    @property
    def tcp(self) -> Tcp:
        """Health of all connections."""
    @property
    def capture(self) -> Capture:
        """What the capture delivered, and what the capture or the decoding lost."""
    @property
    def server_names(self) -> dict[str, int]:
        """Connections of TLS and QUIC by the server name that the client sent (SNI), most frequent first."""
    @property
    def servers(self) -> list[Server]:
        """The servers that clients reach through TLS or QUIC, the most encrypted bytes first, then the most
        connections, ties by name.
        """
    @property
    def exchanges(self) -> Rows[Exchange]:
        """Exchanges, sorted by time. Empty unless the setting `exchanges` asks for them."""
    def remarkable_exchanges(self, most: int, before: Iterable[Exchange] | None = None) -> list[Exchange]:
        """At most `most` exchanges of `before` and of this snapshot, in that order: those that a person would look for.

        Responses with a status of 500 or above, those with a status of 400 to 499, requests without a response and
        the slowest exchanges each have a share of the places, divided fairly among sections. The newest exchanges
        get the places that are left.
        """
    def slowest_exchanges(self, most: int, above: float = 0.0) -> list[Exchange]:
        """The exchanges with the greatest latency, at most `most`, all above `above` seconds; the slowest comes first,
        and of equal ones the oldest.
        """
    def without_exchanges(self) -> Snapshot:
        """The same snapshot without its `exchanges`."""
    @property
    def connections(self) -> list[Connection]:
        """Connections with a segment in the interval, and a sample of open ones that were silent, sorted by the time of
        their first segment. A merge has each connection as it was last seen. Empty unless the setting `connections`
        asks for them.

        An interval, and the result of `folded`, has at most 1,000. If there are more, the connections with the most
        retransmissions, the slowest round trips, those that were reset or refused, the newest and those with the
        most bytes each have a share of the places, divided fairly among hosts. A sample of the others gets the
        places that are left. `capture.open_connections` is the number of all open connections.
        """
    def without_connections(self) -> Snapshot:
        """The same snapshot without its `connections`."""
    def only_connections(self) -> Snapshot:
        """A snapshot of the same time with only the `connections`, without counts."""
    @property
    def subsets(self) -> list[tuple[str, str]]:
        """The subsets in which the exchanges of this snapshot were counted, see `Engine.set_subsets`: pairs of a filter
        and a kind of rows. A merge has those that all of its parts have.
        """
    def subset(self, where: str, per: str = "", amount: str = "requests") -> dict[str, int] | None:
        """The count named `amount` of each row of a subset: of the exchanges that the filter `where` admits, by name of
        host, section (host and path), client, interface or ``"outcome"`` (method, status or 0, host) as `per` says, or
        with an empty name for all. None if the exchanges of this snapshot were not counted for that subset.

        `amount` is as in `Sliding.add_sum`. The row for the rest is not included. Raises ValueError for an unknown
        name.
        """
    def without_subsets(self) -> Snapshot:
        """The same snapshot without its subsets."""
    def silence(self, length: float) -> Snapshot:
        """The interval of `length` seconds after this one, as a capture without traffic would count it: no event is
        counted, while interfaces, the numbers of connections and open connections stay as they were.
        """
    @staticmethod
    def merge(snapshots: Iterable[Snapshot]) -> Snapshot:
        """The merge of all `snapshots`. Runs with the interpreter released.

        Merging is associative and commutative, and ``Snapshot()`` is its identity: counts, bytes and buckets of
        histograms are added exactly, whatever the order and the grouping, and no row is dropped (`folded` drops rows).
        Parts may come from other processes and machines: snapshots can be pickled, see also `from_json`. What is
        rather than happens, such as the number of open connections, is that of the part that ends last.
        """
    def folded(
        self, max_hosts: int | None = None, max_sections: int | None = None, max_clients: int | None = None
    ) -> Snapshot:
        """The snapshot with only its heaviest rows: at most `max_hosts` hosts with at most `max_sections` sections
        each, and at most `max_clients` clients. The other rows are added to `OTHER`.

        None stands for the limit of one interval: 10,000 hosts, 200 sections, 5,000 clients. In all, at most 100,000
        sections are kept (each host then keeps fewer), 10,000 exchanges (see `remarkable_exchanges`) and 1,000
        `connections`. `capture` counts what is left out, except for connections, which each interval lists anew.
        """
    def to_dict(self) -> dict[str, Any]:
        """The snapshot as plain values: what ``json.loads(s.to_json())`` gives."""
    def to_json(self) -> bytes:
        """One line of JSON (``"schema": 1``), ASCII only, without the newline.

        Keys are the attribute names of these classes. `start`, `end` and `ts` are RFC 3339 times in UTC; durations
        are in seconds. Rows are sorted by name. Histograms have ``p50 p90 p95 p99`` besides their buckets.
        """
    @staticmethod
    def from_json(data: bytes | str) -> Snapshot:
        """The inverse of `to_json`, so that a machine can merge what another one wrote. Missing keys are zero or empty.

        Derived values are not read: `hits`, `count` and quantiles are computed from the rest. Rows may be in any
        order.

        Raises ValueError for anything that is not such a document.
        """
    def exchanges_ndjson(self) -> bytes:
        """A line of JSON for each exchange, with the attribute names of `Exchange`, in ASCII.

        `ts` is an RFC 3339 time in UTC, exact to the microsecond; durations are in seconds.
        """
    def to_csv(self, rows: str = "sections") -> bytes:
        """Each of these rows as a line of CSV, without the line of names that `csv_head` gives. `rows` as in `arrow`.

        Lines end with a line feed. Times are RFC 3339 in UTC, durations are in seconds, `methods` and `statuses` are
        JSON objects. Text that a spreadsheet would read as a formula gets an apostrophe in front.
        """
    def to_bytes(self) -> bytes:
        """The whole snapshot, exactly, in a tenth of the space of JSON. Pickling stores these bytes."""
    @staticmethod
    def from_bytes(data: bytes | bytearray) -> Snapshot:
        """The inverse of `to_bytes`. It is safe for data from anywhere: nothing in the data is executed, and the
        snapshot takes memory in proportion to the length of the data. (Unpickling is never safe for data from
        anywhere.)

        Raises ValueError for anything else, and for data from a version of netmon with another format.
        """
    def __add__(self, other: Snapshot, /) -> Snapshot:
        """The merge of both snapshots, computed when it is first read."""
    def __radd__(self, other: Literal[0], /) -> Snapshot:
        """Lets ``sum(snapshots)`` begin with 0."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]

@final
class Matching:
    """Selects rows by a filter: terms side by side must all hold; ``and or not ( )`` combine them, as in `Filter`.

    A term is a text that occurs in any shown field, ``field:text``, a text that occurs in that field, or a comparison
    such as ``latency>200ms``; case does not matter. ``!`` before a term negates it. A host or section matches a term if
    one of its sections, methods or statuses does. Terms about what only exchanges have, such as a client or a latency,
    are compared with those of its exchanges that are among `exchanges`. A pattern that is still being typed matches as
    much as is understood, see `mistake`.
    """

    def __new__(cls, pattern: str, exchanges: Sequence[Exchange] = ...) -> Matching: ...
    @property
    def mistake(self) -> tuple[int, str] | None:
        """What is wrong with the pattern, and the number of characters before it; None if nothing is.

        A pattern that is not finished matches as much as is understood.
        """
    def exchanges(self, exchanges: Sequence[Exchange], *, within: bool = False) -> list[Exchange]:
        """The `exchanges` that match. With `within`, for a list of one host or section, only ``host:`` looks at the
        host.
        """
    def hosts(self, hosts: Sequence[Host]) -> list[Host]:
        """The `hosts` that match."""
    def admits(self, fields: dict[str, str]) -> bool:
        """Whether a row with these fields matches. Terms without a field look at all of them."""

@final
class Standing:
    """Steady weights of rows: a ranking that gets them keeps rows in their places while figures jitter. ``Standing()``
    has no rows.

    The steady weight of a row changes only when the average of the last seconds differs from it by more than mere
    jitter.
    """

    def __new__(cls) -> Standing: ...
    def then(self, rows: Sequence[tuple[str, float]], seconds: float, covered: float | None = None) -> Standing:
        """The standing `seconds` later; `rows` are names and present weights. For tables that are not made by a
        ranking.

        With `covered`, a weight is the number of events in that many seconds, which jitters by its square root.
        """
    @property
    def weights(self) -> dict[str, float]:
        """The steady weight of each row, by name. Sections of several hosts are left out."""

_Row_co = TypeVar("_Row_co", covariant=True)

@final
class Rows(Sequence[_Row_co]):
    """The rows of a table of a snapshot: a sequence of objects, and a table for data frames.

    It behaves like the list of its objects, except that it never changes; a slice and a sum are lists. It is no
    ``collections.abc.Sequence``, since polars would then look at the objects.
    """

    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, index: int, /) -> _Row_co: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[_Row_co]: ...
    def __iter__(self) -> Iterator[_Row_co]: ...
    def __reversed__(self) -> Iterator[_Row_co]:
        """The rows from the last to the first."""
    def __contains__(self, value: object, /) -> bool: ...
    def index(self, value: Any, start: int = 0, stop: int = ...) -> int:
        """The position of the first row that equals `value`. Raises ValueError if there is none."""
    def count(self, value: Any) -> int:
        """Number of rows that equal `value`."""
    def __add__(self, other: list[Any] | Rows[Any], /) -> list[Any]: ...
    def __radd__(self, other: list[Any], /) -> list[Any]: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A new Arrow stream of the rows, in their order. Columns have the names of keys in JSON, those of nested keys
        joined with ``_``, such as ``latency_p95``. `requested_schema` is not used, as Arrow permits.
        """

@final
class Columns:
    """The rows of a table of many snapshots, one after the other, for data frames. `arrow` makes it."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A new Arrow stream of the rows of all snapshots: the columns of `Rows` after ``start`` and ``end``, the times
        of the snapshot of a row.
        """

def arrow(snapshots: Iterable[Snapshot], rows: str = "sections") -> Columns:
    """One table of all `snapshots`, for ``polars.DataFrame`` and all that reads Arrow streams: `rows` is ``"hosts"``,
    ``"sections"``, ``"clients"`` or ``"exchanges"``. Raises ValueError for another name.

    It has the columns of these rows (see `Rows`) after ``start`` and ``end``, the times of the snapshot of a row. The
    snapshots are kept, and each is turned into Arrow when the stream comes to it.
    """

def csv_head(rows: str) -> bytes:
    """The first line of CSV of these rows: the names of the columns. `rows` is as in `arrow`."""

def is_formula(text: str) -> bool:
    """Whether a spreadsheet would read this text as a formula: whether it begins with one of ``= + - @``, a tab or a
    carriage return.
    """

@final
class HostRanking:
    """The hosts of a snapshot in some order. Ranks are computed once; a page is selected without sorting all rows."""

    def __len__(self) -> int:
        """Number of hosts that match."""
    @property
    def standing(self) -> Standing:
        """The steady weights of its rows; has no rows if it was ranked without `after`."""
    @property
    def hits(self) -> int:
        """Hits of all rows that match."""
    def page(self, offset: int, n: int) -> list[Host]:
        """At most `n` hosts after the first `offset`."""
    def position(self, name: str) -> int | None:
        """Number of hosts before the one with this name; None if the ranking does not have it."""

@final
class ClientRanking:
    """The clients of a snapshot in some order, like `HostRanking`."""

    def __len__(self) -> int:
        """Number of clients that match."""
    @property
    def standing(self) -> Standing:
        """The steady weights of its rows; has no rows if it was ranked without `after`."""
    @property
    def hits(self) -> int:
        """Hits of all rows that match."""
    def page(self, offset: int, n: int) -> list[Client]:
        """At most `n` clients after the first `offset`."""
    def position(self, address: str) -> int | None:
        """Number of clients before the one with this address; None if the ranking does not have it."""

@final
class SectionRanking:
    """The sections of all hosts of a snapshot in some order, like `HostRanking`. `Section.host` names the host."""

    def __len__(self) -> int:
        """Number of sections that match."""
    @property
    def standing(self) -> Standing:
        """The steady weights of its rows; has no rows if it was ranked without `after`."""
    def page(self, offset: int, n: int) -> list[Section]:
        """At most `n` sections after the first `offset`."""
    def position(self, host: str, path: str) -> int | None:
        """Number of sections before this one; None if the ranking does not have it."""

@final
class PathRanking:
    """The sections of one host in some order, like `HostRanking`."""

    def __len__(self) -> int:
        """Number of sections that match."""
    @property
    def standing(self) -> Standing:
        """The steady weights of its rows; has no rows if it was ranked without `after`."""
    def page(self, offset: int, n: int) -> list[Section]:
        """At most `n` sections after the first `offset`."""
    def position(self, path: str) -> int | None:
        """Number of sections before the one with this path; None if the ranking does not have it."""

@final
class Sliding:
    """Sums over the last seconds for each row of a table: what alert rules compare with their thresholds.

    `per` is ``"host"``, ``"section"``, ``"client"`` or ``"interface"``; the empty string is a table of one row, the
    whole snapshot, whose key is the empty string. With `subset` it may be ``"process"``. The key of a section is its
    host and its path. With `filter`, only
    the rows that it admits count: it is about hosts and sections, or clients, or interfaces. With `subset`, the text of
    any filter, the rows are those of that subset, if snapshots have it (`Snapshot.subsets`). With `keeps`, a row stays
    known when nothing of it is left in any span. Times are whole microseconds, given in the order of the calls. At most
    100,000 rows are known at a time. The row for the rest is not one of them. Work on many rows is done with the
    interpreter released.
    """

    def __new__(
        cls,
        per: str = "",
        *,
        filter: Filter | None = None,  # noqa: A002  the name that it has everywhere
        subset: str | None = None,
        keeps: bool = False,
    ) -> Sliding: ...
    def add_sum(self, names: Sequence[str], span: int, *, factor: float = 1.0) -> int:
        """Adds a reading: the sum of the `names` over `span` microseconds, times `factor`. Returns its number. Names
        are ``hits``, ``status.503``, ``status.5xx`` and the fields that a snapshot counts. Readings are added before
        the first snapshot. ValueError for an unknown name.
        """
    def add_ratio(self, parts: Sequence[str], whole: Sequence[str], span: int) -> int:
        """Adds a reading: the sum of `parts` divided by the sum of `whole`; None if that is 0."""
    def add_quantile(self, name: str, span: int, q: float) -> int:
        """Adds a reading: the quantile `q`, from 0 to 1, of ``latency`` or ``duration`` in seconds, at most 2.2 % from
        the exact one; None if there are no durations.
        """
    def add_absence(self) -> int:
        """Adds a reading: seconds since the row was last seen in traffic."""
    def begin(self, at: int) -> None:
        """The past begins at the time `at`, as it otherwise does with the first snapshot."""
    def begun(self, reading: int) -> int | None:
        """The time since which all that a reading consists of is added up; None before the first snapshot."""
    def push(self, snapshot: Snapshot, at: int) -> None:
        """Adds a snapshot, whose counts all belong to the time `at`."""
    def pass_time(self, now: int) -> None:
        """Passes time to `now`: what ended a span or more before leaves the sums."""
    def value(self, reading: int, key: str) -> float | None:
        """The value of a reading for the row with this key, which may be unknown: then a sum is 0."""
    def beyond(
        self,
        reading: int,
        bound: float,
        *,
        below: bool = False,
        enough: tuple[int, float] | None = None,
        or_nearest: bool = False,
    ) -> list[tuple[str, float, float]]:
        """Key and value of all rows whose value is `bound` or more or, with `below`, `bound` or less. With `enough`,
        only of rows of which the reading `enough[0]` is `enough[1]` or more; its value is the third, else 0. With
        `or_nearest`, if there is none, the row that is nearest to the bound.
        """
    @property
    def oldest(self) -> list[tuple[int, int]]:
        """For each column that has something, the time of the oldest part and the span, both in microseconds: when the
        sums change although nothing is added.
        """
    @property
    def overflow(self) -> int:
        """Number of rows of snapshots that were not added up because too many were known."""
    def copy(self) -> Sliding:
        """An independent copy with the same past."""
    def dump(self) -> bytes:
        """The past as bytes, for `load`."""
    def load(self, past: bytes) -> None:
        """Replaces the past by one that `dump` wrote of a table of the same rows. Names are taken up whatever their
        spans; a name that is new begins at the time of the dump. ValueError for other bytes.
        """

@final
class Window:
    """The merge of the last `length` seconds, and the merge of everything. Each new snapshot costs a few merges.

    All work is done with the interpreter released. Any thread may use a window. Memory is bounded: all its snapshots
    together have at most 400,000 rows. A snapshot with more than its share is folded: its lightest rows are added to
    `OTHER`; sums stay exact. The window slides by snapshots or, if these are shorter, by a sixtieth of its length.
    """

    def __new__(cls, length: float = ...) -> Window:
        """Without a length, or with an infinite one, nothing leaves the window. Raises ValueError unless `length` is
        above 0.
        """
    def push(self, snapshot: Snapshot) -> None:
        """Adds the next snapshot. Snapshots that ended `length` or more before its end leave the window.

        A snapshot that ends before all that are kept, because the clock was set back, begins a new window.
        """
    def copy(self) -> Window:
        """An independent window with the same past. Both share their rows."""
    def resize(self, length: float) -> None:
        """Makes the window longer or shorter at once, with the snapshots that are kept: those of the last 60 s at
        least, or fewer if they have too many rows.
        """
    @property
    def length(self) -> float:
        """Length in seconds; infinite if nothing leaves the window."""
    @property
    def merged(self) -> Snapshot:
        """The merge of the window as it is now. Later snapshots do not change it."""
    @property
    def total(self) -> Snapshot:
        """The merge of everything ever pushed. It is folded to the limits of one interval when it exceeds twice these
        limits.
        """

@final
class Point:
    """One interval in a few numbers, to draw trends from without keeping snapshots."""

    @property
    def start(self) -> float:
        """Start of the interval, inclusive."""
    @property
    def end(self) -> float:
        """End of the interval, exclusive."""
    @property
    def hits(self) -> int:
        """As `Snapshot.hits`."""
    @property
    def requests(self) -> int:
        """As `Snapshot.requests`."""
    @property
    def errors(self) -> int:
        """As `Snapshot.errors`."""
    def responses_of(self, first: int) -> int:
        """Response heads whose status begins with the digit `first`; 0 for a digit that no status begins with."""
    @property
    def packets(self) -> int:
        """Packets of all interfaces."""
    @property
    def bytes(self) -> int:
        """Bytes on the wire of all interfaces."""
    @property
    def hosts(self) -> dict[str, int]:
        """Hits by host, of the 200 hosts with the most hits."""
    def plus(self, other: Point) -> Point:
        """The interval of this point and that of `other` as one interval."""
    def hits_of(self, host: str) -> int:
        """Hits of one host; also 0 if the host is not in `hosts`."""
    def packets_of(self, interface: str) -> int:
        """Packets of one interface."""
    def bytes_of(self, interface: str) -> int:
        """Bytes on the wire of one interface."""
    def requests_of(self, interface: str) -> int:
        """Requests on one interface, estimated: the requests of the interval are divided among the interfaces in
        proportion to their listed exchanges or, if none are listed, to their bytes of HTTP.
        """
    def http_bytes_of(self, interface: str) -> int:
        """Bytes on the wire, on one interface, of connections that carry HTTP."""

@final
class Metrics:
    """The sums of snapshots as series for monitoring systems, whose number has a bound. `docs/metrics.md` lists them.

    The first `hosts` hosts, those with the most hits in the first snapshot before others, get series of their own and
    keep them. Later ones count in `OTHER`. No counter ever decreases. Durations are told apart by method and status if
    snapshots have the subset `METRICS_SUBSET`, see `Monitor.set_subsets`; else only by host.

    Any thread may use it. All work is done with the interpreter released. Raises ValueError unless `hosts` is above 0.
    """

    def __new__(cls, hosts: int = 200) -> Metrics: ...
    def add(self, snapshot: Snapshot) -> None:
        """Adds what a snapshot counted."""
    def set_rules(self, rules: Sequence[tuple[str, str, int, bool]]) -> None:
        """Sets which alert rules there are: name, severity, the number of rows for which the rule fires, and whether
        that is unknown. What was counted of other rules stays.
        """
    def count_alert(self, name: str, severity: str, *, fired: bool) -> None:
        """Counts an alert of a rule that fired or, without `fired`, recovered."""
    def text(self) -> bytes:
        """All series in Prometheus' text format 0.0.4, with classic histograms."""
    def openmetrics(self) -> bytes:
        """All series as OpenMetrics 1.0, with classic histograms."""
    def protobuf(self) -> bytes:
        """All series as Prometheus' delimited protobuf, with native and classic histograms."""
    def otlp(self, resource: Sequence[tuple[str, str]] = ..., *, explicit: bool = False, delta: bool = False) -> bytes:
        """All series as an ``ExportMetricsServiceRequest`` of OpenTelemetry's protocol, with the attributes of its
        `resource`.

        With `explicit`, histograms have fixed bounds; without, they are exponential, as they were counted. With
        `delta`, the sums are told to be those since the last `take`, and series in which nothing was counted are left
        out.
        """
    def take(self) -> Metrics:
        """Returns what was counted since the last call, and begins to count anew. Hosts keep their series."""
    def absorb(self, before: Metrics) -> None:
        """Adds what `before` has counted: a part that was taken and could not be exported."""
    @property
    def end(self) -> float:
        """End of the newest snapshot in seconds since 1970; 0.0 before the first one."""
    @property
    def hosts(self) -> int:
        """Number of hosts that have series of their own."""

@final
class InterfaceInfo:
    """An interface that can be captured from."""

    @property
    def name(self) -> str:
        """Its name on the system."""
    @property
    def description(self) -> str | None:
        """Its description by libpcap; None if there is none."""
    @property
    def addresses(self) -> list[str]:
        """Its addresses."""
    @property
    def up(self) -> bool:
        """Whether it is up."""
    @property
    def loopback(self) -> bool:
        """Whether it is a loopback interface."""

def list_interfaces() -> list[InterfaceInfo]:
    """Every interface that can be captured from, in libpcap's order, including the pseudo device ``any``."""

def _restore(class_: str, data: bytes | bytearray, /) -> Any:
    """Called by unpickling: makes an object of this class from the bytes that pickling stored."""

def fork_process_helper() -> bool:
    """Starts a child process that looks for the processes at the ends of connections, for a process that is about to
    give up privileges. It keeps the rights to look at other users' processes and to read files of container runtimes,
    and nothing else; it sees no packet, and ends with this process.

    To be called before threads start. Captures use the child from then on; without it, they look for processes with
    the rights of this process. False if it was not started: if there are other threads, on other systems than Linux,
    and if this process has none of these rights.
    """

def limit_allocator() -> bool:
    """Keeps the memory of a process that runs for days from growing by fragmentation.

    One arena of the C library's allocator then serves all threads, and its thresholds for mapping blocks and for
    giving memory back are fixed. To be called before threads start, in a process that does little else; the command
    does so. Returns False if the allocator does not have these settings.
    """

@final
class Confinement:
    """What each thread is left with, once it is applied.

    `reads`, `writes` and `devices` are the paths that Landlock leaves within reach: to read, to write and make files
    in, and terminals and the like. A folder stands for all that is in it, and paths that do not exist are left out.
    Without any path, files are not limited. `rights` are the capabilities to retain, as a number whose bits are those
    of `linux/capability.h`; None leaves capabilities alone.

    Raises OSError if the system fails to make it.
    """

    def __new__(
        cls,
        *,
        reads: Sequence[str | PathLike[str]] = ...,
        writes: Sequence[str | PathLike[str]] = ...,
        devices: Sequence[str | PathLike[str]] = ...,
        rights: int | None = None,
    ) -> Confinement: ...
    @property
    def limits_files(self) -> bool:
        """Whether access to files is limited. False where the kernel has no Landlock."""
    def apply(self) -> None:
        """Confines the calling thread, and the threads and processes that it starts later.

        Raises OSError.
        """

def no_new_rights() -> None:
    """Sets no_new_privs of the calling thread, and of those that it starts later.

    Raises OSError.
    """

def limit_rights(rights: int) -> None:
    """Removes all capabilities but `rights`, a number as in `Confinement`, from those that programs can ever gain which
    this thread, or one that it starts later, runs.

    Raises OSError.
    """

def switch_user(user: int, group: int) -> None:
    """Switches all threads of the process to a user and a group, with no other group.

    Raises OSError. Then groups may be given up already.
    """

def deny_system_calls() -> bool:
    """Denies dangerous system calls to all threads: they fail with EPERM. Returns False where the system cannot do so.

    Raises OSError.
    """

def libpcap_version() -> str:
    """The version string of libpcap."""

@final
class Lines:
    """The lines of a file, as bytes without the line end; a file that begins like gzip or zstd is decompressed.

    `descriptor` is open for reading; the object has a descriptor of its own for the same file. Reads with the
    interpreter released. Raises OSError if the file cannot be read, or decompressed, any further, and ValueError for a
    line of more than 512 MiB, which is passed over.
    """

    def __new__(cls, descriptor: int, /) -> Lines: ...
    def __iter__(self) -> Lines: ...
    def __next__(self) -> bytes: ...

@final
class Recording:
    """The packets that a capture records: those to be written, as blocks of pcapng, and those kept for alerts."""

    def take(
        self, timeout: float, room: int, since: int | None, age: int | None, described: int, /
    ) -> tuple[bytes, int, int | None, int, bool] | None:
        """Takes packets to be written, in the order of time, and waits for them at most `timeout` seconds: their
        blocks, their number, the time of the first in nanoseconds since 1970 or None, the number of interfaces that the
        file then describes, and whether the next packet does not belong to the file. None at the end of the capture.

        `since` is the time of the first packet of the file, None if it has none. The blocks have at most `room` bytes,
        or one packet if it is the first, and no packet from `age` nanoseconds after `since` on. `described` is the
        number of interfaces that the file describes already. Descriptions of new ones come first, beyond `room`.
        """
    def head(self, described: int, /) -> bytes:
        """The header of a file that describes this many interfaces."""
    def tail(self) -> bytes:
        """The end of a file: what its interfaces have dropped, and how many packets it has."""
    def set_stuck(self, is_stuck: bool, /) -> None:
        """Says whether nothing can be written for now. Packets that have no room are then lost, also of a file."""
    def lose(self, packets: int, /) -> None:
        """Counts packets that were taken and could not be written."""
    @property
    def lost(self) -> tuple[int, int]:
        """Packets that are missing from what was written: those that had no room or could not be written, and those
        that came too long before their connection was known to be one that is written.
        """
    def give_up(self) -> None:
        """Nothing is written any more; what waits is lost."""
    def evidence(
        self, where: str, per: str, key: str, since: int, until: int, most: int, /
    ) -> tuple[bytes, int, int, int]:
        """Selects from the packets kept for alerts those of the connections with an exchange that ended from `since` to
        `until`, in nanoseconds since 1970, that `where` admits and that counts in the row `key` of the kind `per`: a
        capture, the number of its packets, of its connections, and of connections that had no room in `most` bytes.
        Connections whose exchange is the latest come first.

        Raises WhereError and, for an unknown kind of row, ValueError.
        """

@final
class Engine:
    """A capture. It does nothing until `start` opens its sources."""

    def __new__(
        cls,
        *,
        interfaces: Sequence[str] = ...,
        exclude_interfaces: Sequence[str] = ...,
        netns: Sequence[str] = ...,
        exit_on_down: bool = False,
        read: Sequence[str | PathLike[str]] = ...,
        keylog: Sequence[str | PathLike[str]] = ...,
        names: Mapping[str, str] = ...,
        lent: tuple[int, Sequence[str]] | None = None,
        filter: str | None = None,  # noqa: A002  the setting has this name everywhere
        snaplen: int = ...,
        buffer_size: int | None = None,
        promiscuous: bool = True,
        interval: float = 1.0,
        section_depth: int = ...,
        client_from: str | None = None,
        trusted_proxies: int = ...,
        client_ipv6_prefix: int = ...,
        timeout: float | None = None,
        exchanges: bool = False,
        slowest: int = 0,
        connections: bool = False,
        decode_tunnels: bool = False,
        count_copies: bool = False,
        response_timeout: float = 3600.0,
        workers: int | Literal["auto"] = ...,
        user_agents: bool = False,
        redact: Literal["none", "all"] = "none",
        where: str | None = None,
        processes: bool = True,
        write: bool | None = None,
        evidence: bool | None = None,
        evidence_size: int = ...,
        evidence_payload: bool = False,
    ) -> Engine:
        """Interfaces may be globs; without any, every interface that is up is captured from. `netns` names the network
        namespaces that they are in, by name, number of a process or path; without any, it is netmon's own. With
        `exit_on_down`, the capture ends when an interface named without wildcards, or the last one, goes down. With
        `read`, interfaces are ignored: it names files and pipes, which are merged by time. `keylog` names files and
        named pipes with secrets of TLS connections. `names` has the names to
        show for some of these paths. `lent` is the descriptor of a socket and paths that stand for sources of whoever
        holds its other end, in the order of their numbers: asked for a source, it answers with the descriptor of a
        pipe. `snaplen` also cuts packets of files, unless it has its default, the largest value. `decode_tunnels`
        decodes GRE, VXLAN, GTP-U and other tunnels. `count_copies` counts a connection again where NAT on this machine
        rewrote an address. A silent connection whose request has no response yet is kept for `response_timeout`
        seconds. `workers` is the number of threads that share the connections, at most `MAX_WORKERS`; ``"auto"`` is
        two for files of small packets where two cores are free, otherwise one. `client_from` is
        ``X-Forwarded-For``, ``Forwarded``, ``X-Real-IP`` or ``PROXY``, in any case: the client is the entry number
        `trusted_proxies` from the right or, if there is no entry, the address of the connection. IPv6 clients are
        counted by their first `client_ipv6_prefix` bits. `exchanges` lists exchanges; `slowest` lists that many of each
        interval, at most 10,000, those with the greatest latency. `user_agents` asks for `Exchange.user_agent`; with
        `redact` ``"all"``, exchanges have neither a user agent nor a path. `where` is a filter as `Filter` describes
        them: only exchanges that match are counted and listed. With `processes`, a live capture on Linux looks for the
        processes of this machine at the ends of connections. With `write`, packets are recorded to be written; with
        `evidence`, the latest `evidence_size` bytes of packets are kept for alerts, without payload unless
        `evidence_payload` is true. See `recording`.

        Raises ValueError for a setting outside its range, and WhereError for a `where` that is no filter.
        """
    def start(self, *, held: bool = False) -> None:
        """Opens the sources and starts the capture threads.

        With `held`, a live capture then waits for `confine` and `begin`, and until then looks at no packet.

        Raises PermissionError, SourceError or FilterError.
        """
    def confine(self, confinement: Confinement) -> None:
        """Confines each thread of a live capture that is held. The thread that opens later interfaces retains the right
        to capture.

        Raises OSError if a thread cannot be confined.
        """
    def begin(self) -> None:
        """Lets a live capture that is held go on."""
    def set_subsets(self, subsets: Sequence[tuple[str, str]]) -> None:
        """Sets which subsets snapshots have, from the next interval on, or before `start` from the first one on: pairs
        of a filter and a kind of rows as `Sliding` names them. The exchanges that match are counted apart, each as a
        whole when it has ended. At most `MAX_SUBSETS` are counted, and ``("", "outcome")``: the durations of all
        exchanges by method, status and host.

        Raises WhereError for a text that is no filter, ValueError for an unknown kind of rows.
        """
    def next(self, timeout: float) -> Snapshot | None:
        """The next snapshot; None if none came within `timeout` seconds. Waits with the interpreter released.

        Raises EOFError at the end of the capture, CaptureError if the capture failed.
        """
    def close(self) -> None:
        """Stops the capture and joins its threads within 0.3 s. Any thread may call it, and more than once.

        What was counted until now can still be read with `next`.
        """
    @property
    def recording(self) -> Recording | None:
        """The packets that the capture records; None unless `write` or `evidence` is true."""
    @property
    def interfaces(self) -> list[str]:
        """Names of the interfaces captured from at this moment; for files, their paths."""
    def log(self) -> list[tuple[str, str]]:
        """Returns the messages of the capture since the last call, as (level, message), safe to show. Their number is
        bounded.
        """

"""The native core: capture, reassembly, HTTP parsing and aggregation, all below one class, `Engine`.

This stub is the manual of the module, checked against it by ``mypy.stubtest``. Unless said otherwise: times are unix
seconds as ``float``, durations are seconds as ``float``, sizes are bytes as ``int``, rates are never given (divide a
count by ``end - start``). All snapshot classes are immutable views into memory owned by Rust; they may be shared
between threads, and a row is made only when it is asked for. Snapshots and their rows can be copied, which gives the
same object, and pickled. In a notebook they are tables.

The texts in this file are the runtime's docstrings too; a test compares them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from os import PathLike
from typing import Any, Literal, Self, final

__all__ = [
    "BUFFER_BUDGET",
    "DEFAULT_FILTER",
    "DEFAULT_SNAPLEN",
    "MAX_WORKERS",
    "OTHER",
    "SORT_KEYS",
    "Capture",
    "CaptureError",
    "Client",
    "ClientRanking",
    "Connection",
    "Engine",
    "Exchange",
    "FilterError",
    "Histogram",
    "Host",
    "HostRanking",
    "Interface",
    "InterfaceInfo",
    "Matching",
    "PathRanking",
    "Point",
    "Section",
    "SectionRanking",
    "Snapshot",
    "SourceError",
    "Standing",
    "Tcp",
    "Window",
    "__version__",
    "_restore",
    "libpcap_version",
    "limit_allocator",
    "list_interfaces",
]

__version__: str
OTHER: str
"""``"~other"``: the name of the row that holds what did not fit under the caps on hosts, sections and clients."""
SORT_KEYS: tuple[str, ...]
"""What rows can be ranked by, most first: ``hits requests responses errors 1xx 2xx 3xx 4xx 5xx p50 p95 p99 bytes rtt
retransmitted``, and ``name`` from A to Z.

The quantiles are of `latency`, ``rtt`` and ``retransmitted`` are `Tcp.rtt` and `Tcp.retransmitted_share` (of a section,
those of its host). Rows without a value come last. Ties go by name; reversing an order reverses its ties too.
"""
DEFAULT_FILTER: str
"""The kernel filter used when none is given: TCP behind any tags of VLANs and switches, and later IP fragments."""
DEFAULT_SNAPLEN: int
BUFFER_BUDGET: int
"""Bytes of kernel buffers that all interfaces together have, shared out by traffic, when `buffer_size` is None."""
MAX_WORKERS: int

class CaptureError(OSError):
    """A capture that was running failed: an interface or a file could not be read further."""

class SourceError(CaptureError):
    """There is nothing to capture from: no such interface, no such file, not a capture file, an unknown link type."""

class FilterError(ValueError):
    """The BPF expression does not compile; the message is libpcap's."""

@final
class Histogram:
    """OpenTelemetry's exponential histogram over seconds: relative error of a quantile at most 2.2 %.

    That is at scale 4. A snapshot has four million buckets at the most; where that is too few, scales are lowered, and
    each step doubles the error: `Capture.histogram_halvings`. Histograms of different scales merge at the lower one.
    """

    @property
    def count(self) -> int:
        """How many values."""
    @property
    def sum(self) -> float:
        """Their sum in seconds."""
    @property
    def min(self) -> float | None:
        """The least value in seconds; None when empty."""
    @property
    def max(self) -> float | None:
        """The greatest value in seconds; None when empty."""
    @property
    def scale(self) -> int:
        """4, or less: a doubling has 2**scale buckets."""
    @property
    def offset(self) -> int:
        """Index of the first of `buckets`: bucket i holds values in (b**i, b**(i+1)] seconds; b is 2**(2**-scale)."""
    @property
    def buckets(self) -> list[int]:
        """Counts by bucket, from `offset` on; the first and the last are not zero."""
    @property
    def zero_count(self) -> int:
        """Values of exactly zero, which no bucket holds."""
    def quantile(self, q: float) -> float | None:
        """The value at quantile `q` of 0..1; None when empty. ValueError outside 0..1."""
    def __copy__(self) -> Self:
        """The same object: it never changes."""
    def __deepcopy__(self, memo: object, /) -> Self:
        """The same object: it never changes."""

class _Counts:
    """What the total, a host, a section and a client have in common."""

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
        """Responses with a status of 500 and above."""
    @property
    def methods(self) -> dict[str, int]:
        """Requests by method, most frequent first; a method outside the IANA registry counts as ``OTHER``."""
    @property
    def statuses(self) -> dict[int, int]:
        """Response heads by status code, most frequent first."""
    @property
    def request_bytes(self) -> int:
        """HTTP bytes of requests, heads and bodies, in the interval in which they passed."""
    @property
    def response_bytes(self) -> int:
        """HTTP bytes of responses, heads and bodies, in the interval in which they passed."""
    @property
    def latency(self) -> Histogram:
        """Request's last byte to response's first byte."""
    @property
    def duration(self) -> Histogram:
        """Request's first byte to response's last byte."""
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
    """One host: what clients asked for, whatever address served it."""

    @property
    def name(self) -> str:
        """Authority in lower case, default port dropped; ``address:port`` of the server without one; or `OTHER`."""
    @property
    def addresses(self) -> list[str]:
        """Addresses of servers seen for this host, 8 at the most."""
    @property
    def sections(self) -> list[Section]:
        """All sections, most hits first."""
    @property
    def section_count(self) -> int:
        """How many sections it has."""
    def section(self, path: str) -> Section | None:
        """The section of this path; None when there is none."""
    def top_sections(
        self, n: int, by: str = "hits", *, reverse: bool = False, offset: int = 0, matching: str = ""
    ) -> list[Section]:
        """A page of `ranked_sections`: the `n` sections with most hits, unless said otherwise."""
    def ranked_sections(
        self,
        by: str = "hits",
        *,
        reverse: bool = False,
        matching: str | Matching = "",
        after: Standing | None = None,
        seconds: tuple[float, float] = (0.0, 1.0),
    ) -> PathRanking:
        """The sections whose path matches, by one of `SORT_KEYS`; the rest as `Snapshot.ranked`."""
    @property
    def tcp(self) -> Tcp:
        """Health of its connections, from a request to it until one to another host. Of those whose first request it
        had also how they were opened, counted with that request.
        """

@final
class Client(_Counts):
    """One client: all that was asked from an address, or from an IPv6 prefix where clients are grouped by one."""

    @property
    def address(self) -> str:
        """``192.0.2.1``, ``2001:db8::1``, ``2001:db8:1:2::/64`` with `client_ipv6_prefix`, or `OTHER`.

        That of the connection, or what a proxy told with `client_from`. `duration` is empty: sections have it.
        """
    def has(self, exchange: Exchange) -> bool:
        """Whether this client asked in `exchange`; False for `OTHER`."""

@final
class Interface:
    """One interface, or one capture file, in the interval."""

    @property
    def name(self) -> str:
        """As the system calls it; of a file, its path."""
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
        """Their bytes on the wire."""
    @property
    def protocols(self) -> dict[str, int]:
        """Bytes on the wire by what their connection speaks, once that is known; keys as in `Capture.protocols`."""
    @property
    def tcp(self) -> Tcp:
        """Health of the connections, each direction counted at the interface where it was first seen."""
    @property
    def state(self) -> str:
        """``"up"``, ``"down"`` or ``"new"`` (came up within this snapshot)."""
    @property
    def since(self) -> float | None:
        """Since when it is watched, if it came up after the capture began: what passed before was not seen."""
    def __copy__(self) -> Self:
        """The same object: it never changes."""
    def __deepcopy__(self, memo: object, /) -> Self:
        """The same object: it never changes."""

@final
class Tcp:
    """Health of connections, each counted once however many interfaces it crosses."""

    @property
    def opened(self) -> int:
        """SYNs that began a connection."""
    @property
    def closed(self) -> int:
        """Connections that both sides finished."""
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
        """The same packet again within a millisecond: a copy made by the capture or the network, no retransmission."""
    @property
    def out_of_order(self) -> int:
        """Segments overtaken by a later one."""
    @property
    def duplicate_acks(self) -> int:
        """Acknowledgements of nothing new."""
    @property
    def zero_window(self) -> int:
        """Segments whose sender cannot take more."""
    @property
    def rtt(self) -> float | None:
        """From client to server and back: `to_client` and `to_server`, or one of them where only one is known."""
    @property
    def to_client(self) -> float | None:
        """From here to the client and back: the median of handshakes where there were some, else the least that data
        took; the rest waited for an application, or for a delayed acknowledgement.
        """
    @property
    def to_server(self) -> float | None:
        """From here to the server and back, as `to_client`."""
    @property
    def retransmitted_share(self) -> float:
        """Of all segments, the share that was sent again: 0..1."""
    @property
    def client_handshake_rtt(self) -> Histogram:
        """From the capture point to the client and back: SYN with ACK to ACK."""
    @property
    def server_handshake_rtt(self) -> Histogram:
        """From the capture point to the server and back: SYN to SYN with ACK."""
    @property
    def client_rtt(self) -> Histogram:
        """From the capture point to the client and back: data to its acknowledgement, delayed ones included."""
    @property
    def server_rtt(self) -> Histogram:
        """From the capture point to the server and back: data to its acknowledgement, delayed ones included."""
    def __copy__(self) -> Self:
        """The same object: it never changes."""
    def __deepcopy__(self, memo: object, /) -> Self:
        """The same object: it never changes."""

@final
class Capture:
    """What was seen, and what could not be seen. Travels with every snapshot."""

    @property
    def received(self) -> int:
        """Packets handed to netmon."""
    @property
    def kernel_dropped(self) -> int:
        """Packets the kernel dropped since its buffer was full; of a file, that of the machine that made it."""
    @property
    def interface_dropped(self) -> int:
        """Packets that the interface or its driver dropped."""
    @property
    def unread(self) -> int:
        """Packets of a file that could not be read, and those that a fault of netmon left out.

        Of a file that is damaged from somewhere on one is counted, however many there were.
        """
    @property
    def undecodable(self) -> int:
        """Packets whose headers are cut, contradict themselves or are of a kind that is not known."""
    @property
    def undecoded(self) -> dict[str, int]:
        """Packets that were not decoded by what they are, most frequent first: those of `undecodable` and
        `encapsulated`, and encrypted ones. What is known to hide no HTTP, such as ARP and UDP, is not among them.

        Keys are ``ethertype 0x8926``, ``ppp protocol 0x00fd``, ``ip protocol 99``, ``link type 147``, ``tunnel vxlan``,
        ``encrypted 802.11`` (or ``esp``, ``macsec``), ``aggregated 802.11``, ``mpls payload``, ``too many tags``,
        ``too many tunnels``, ``incomplete fragments``, ``cut headers``, ``contradictory headers``, and `OTHER` beyond
        32 kinds in an interval.
        """
    @property
    def encapsulated(self) -> int:
        """Packets within a tunnel that was not looked into; see `decode_tunnels`."""
    @property
    def copies(self) -> int:
        """Packets captured before: on another interface, under another tag, or before NAT here rewrote an address."""
    @property
    def truncated(self) -> int:
        """Packets cut off by the snapshot length."""
    @property
    def truncated_heads(self) -> int:
        """Heads of messages cut off by it. They count if a status, or a method and the beginning of a path, is left."""
    @property
    def gaps(self) -> int:
        """Holes in streams that were given up."""
    @property
    def gap_bytes(self) -> int:
        """Bytes in these holes."""
    @property
    def orphan_responses(self) -> int:
        """Responses without a request."""
    @property
    def unanswered(self) -> int:
        """Requests without a response."""
    @property
    def parse_errors(self) -> int:
        """Streams that stopped making sense."""
    @property
    def resyncs(self) -> int:
        """Streams in which the next message was found after a hole or nonsense."""
    @property
    def flows(self) -> int:
        """Connections being tracked at the end of the snapshot (the largest of a merge)."""
    @property
    def open_connections(self) -> int:
        """Of `flows` those in use at the end of the snapshot: neither opening nor over."""
    @property
    def flows_evicted(self) -> int:
        """Connections dropped from the full table."""
    @property
    def hosts_folded(self) -> int:
        """Hosts folded into `OTHER`."""
    @property
    def sections_folded(self) -> int:
        """Sections folded into `OTHER`."""
    @property
    def hits_error(self) -> int:
        """By how many hits the row of any one host or section may be too low since rows were folded into `OTHER`."""
    @property
    def clients_folded(self) -> int:
        """Clients folded into `OTHER`."""
    @property
    def client_hits_error(self) -> int:
        """By how many hits the row of any one client may be too low since clients were folded into `OTHER`."""
    @property
    def exchanges_dropped(self) -> int:
        """Exchanges that did not fit in `Snapshot.exchanges`."""
    @property
    def histogram_halvings(self) -> int:
        """How often the scale of the coarsest histogram was halved, since all buckets share a budget; 0: never.

        Of merged snapshots the most. The error of its quantiles is 2.2 % at 0, and doubles each time: 4.4 % at 1.
        """
    @property
    def clock_steps(self) -> int:
        """How often the wall clock was set, by a tenth of a second or more, while a live capture ran; 0 for files.

        Intervals take no notice. After a step forward the times of snapshots follow the clock and leave out the time
        between; after one back they go on as before, ahead of the clock. The log says by how much.
        """
    @property
    def protocols(self) -> dict[str, int]:
        """Connections recognised, by protocol: ``http1 tls h2c websocket tunnel ssh other``.

        One that is upgraded counts for both.
        """
    @property
    def ambiguous_framing(self) -> dict[str, int]:
        """Messages that two readers could frame differently, by kind (see `docs/accuracy.md`)."""
    def __copy__(self) -> Self:
        """The same object: it never changes."""
    def __deepcopy__(self, memo: object, /) -> Self:
        """The same object: it never changes."""

@final
class Exchange:
    """A request and its final response."""

    @property
    def ts(self) -> float:
        """First byte of the request."""
    @property
    def time(self) -> datetime:
        """`ts` as a time in UTC, exact to the microsecond."""
    @property
    def client(self) -> str:
        """``address:port`` of the connection, IPv6 addresses in brackets.

        With `client_from`, where a proxy told it, the address alone: that of its group with `client_ipv6_prefix`, and
        `OTHER` when its row was folded meanwhile.
        """
    @property
    def client_address(self) -> str:
        """The address in `client`, as `Client.address` has it when IPv6 clients are not grouped."""
    @property
    def server(self) -> str:
        """``address:port``, as `client`."""
    @property
    def interface(self) -> str:
        """Where its connection was first seen."""
    @property
    def host(self) -> str:
        """As `Host.name`."""
    @property
    def section(self) -> str:
        """As `Section.path`."""
    @property
    def path(self) -> str:
        """The path of its target: without query, fragment, parameters and userinfo, at most 256 printable characters.

        One that is longer ends in ``..#`` and a hash. One of which the end is not known ends in ``..``: the snapshot
        length cut it off, or too many requests waited. ``*`` for CONNECT and ``OPTIONS *``, ``~unknown`` when nothing
        of it is known, empty with ``redact="all"`` and from documents that have none.
        """
    @property
    def method(self) -> str:
        """As in `Section.methods`."""
    @property
    def status(self) -> int | None:
        """None when no response was seen."""
    @property
    def request_bytes(self) -> int:
        """HTTP bytes of the request, head and body."""
    @property
    def response_bytes(self) -> int:
        """HTTP bytes of the response, head and body."""
    @property
    def latency(self) -> float | None:
        """Request's last byte to response's first; None when no response was seen."""
    @property
    def duration(self) -> float | None:
        """Request's first byte to response's last: `request_time`, `latency` and `transfer` together."""
    @property
    def connect(self) -> float | None:
        """The handshake of the connection, seen from here: with the first exchange on it, None with the others."""
    @property
    def request_time(self) -> float | None:
        """Request's first byte to its last."""
    @property
    def transfer(self) -> float | None:
        """Response's first byte to its last."""
    @property
    def retransmitted(self) -> int:
        """Segments of the connection that were sent again while the exchange lasted."""
    @property
    def user_agent(self) -> str:
        """What its user agent is called, such as ``curl`` or ``Firefox``: at most 64 printable characters, no version.

        Empty when the request does not say, unless asked for with `user_agents`, and with ``redact="all"``.
        """
    def __copy__(self) -> Self:
        """The same object: it never changes."""
    def __deepcopy__(self, memo: object, /) -> Self:
        """The same object: it never changes."""

@final
class Connection:
    """A connection, as it was at the end of its interval."""

    @property
    def client(self) -> str:
        """``address:port`` of who opened it or asks, IPv6 addresses in brackets; where nobody did, the higher port."""
    @property
    def server(self) -> str:
        """``address:port`` of the other side."""
    @property
    def interface(self) -> str:
        """Where it was first seen."""
    @property
    def protocol(self) -> str:
        """What it speaks, as in `Capture.protocols`; empty while that is not known."""
    @property
    def host(self) -> str:
        """The host last asked for on it, as `Host.name`, or the server that a TLS client named; empty for neither."""
    @property
    def state(self) -> str:
        """``"opening"`` (only SYNs were seen), ``"open"``, ``"closed"`` by both sides, ``"reset"`` or ``"refused"``."""
    @property
    def opened(self) -> float | None:
        """When it was opened; None when it was joined midway, or when its SYN was not seen."""
    @property
    def first_seen(self) -> float:
        """Its first segment that was seen."""
    @property
    def last_seen(self) -> float:
        """Its last segment."""
    @property
    def age(self) -> float:
        """Seconds from its first segment to the end of the interval; of one that ended, to its last segment."""
    @property
    def bytes_to_server(self) -> int:
        """Payload of TCP, without segments that were sent again."""
    @property
    def bytes_to_client(self) -> int:
        """As `bytes_to_server`."""
    @property
    def segments(self) -> int:
        """Segments, each counted once however many interfaces it crosses."""
    @property
    def retransmitted(self) -> int:
        """Of these, those with data that was sent before."""
    @property
    def retransmitted_share(self) -> float:
        """`retransmitted` by `segments`; 0.0 of none."""
    @property
    def requests(self) -> int:
        """Heads of requests."""
    @property
    def rtt(self) -> float | None:
        """From the client to the server and back, the least that was measured, since the rest waited for an application
        or a delayed acknowledgement; from here to one of them where only that was, None where nothing was.
        """
    def __copy__(self) -> Self:
        """The same object: it never changes."""
    def __deepcopy__(self, memo: object, /) -> Self:
        """The same object: it never changes."""

@final
class Snapshot(_Counts):
    """Everything counted in one interval, or in several merged. ``Snapshot()`` is empty, the identity of `merge`."""

    def __new__(cls) -> Snapshot: ...
    @property
    def start(self) -> float:
        """Inclusive; 0.0 for the empty snapshot."""
    @property
    def end(self) -> float:
        """Exclusive."""
    @property
    def start_time(self) -> datetime:
        """`start` as a time in UTC, exact to the microsecond."""
    @property
    def end_time(self) -> datetime:
        """`end` as a time in UTC, exact to the microsecond."""
    @property
    def hosts(self) -> list[Host]:
        """All hosts, most hits first, ties by name."""
    @property
    def clients(self) -> list[Client]:
        """All clients, most hits first, ties by address. Their counts add up to those of the snapshot."""
    @property
    def client_count(self) -> int:
        """How many clients it has."""
    @property
    def host_count(self) -> int:
        """How many hosts it has."""
    @property
    def section_count(self) -> int:
        """Sections of all hosts."""
    @property
    def row_count(self) -> int:
        """Rows of all tables, exchanges and connections included, and one more for every 64 buckets of histograms:
        what the memory of a snapshot grows with.
        """
    def rows(self) -> list[dict[str, Any]]:
        """Flat records, one per host and section, with the same keys in the same order in each: for
        ``polars.DataFrame``, ``pandas.DataFrame`` and ``csv.DictWriter``.

        Keys are attribute names of `Snapshot` and `Section`; ``status_1xx`` to ``status_5xx`` are responses by class
        of status, ``latency_p50``, ``latency_p95`` and ``latency_p99`` quantiles in seconds, or None. Hosts and their
        sections come most hits first. ``section`` is None for a host that has no sections, as foreign JSON may have it.
        """
    def top(
        self, n: int, by: str = "hits", *, reverse: bool = False, offset: int = 0, matching: str = ""
    ) -> list[Host]:
        """A page of `ranked`: the `n` hosts with most hits, unless said otherwise, without making the rest."""
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
        """The hosts that match, by one of `SORT_KEYS`; ValueError for another.

        `matching` is part of the name, in any case; with ``!`` before it, what must not be part of it. Empty matches
        all. Names are compared as they are kept, in printable ASCII. A `Matching` looks at more than names.

        With `after`, how the rows of an earlier ranking by the same key stand, rows hold still while figures jitter.
        `seconds` are those that passed since, and those of the snapshot.
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
        """The sections of all hosts that match, as `ranked`; `matching` as text is part of the name of the host."""
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
        """The clients that match, as `ranked`; `matching` as text is part of the address. ``rtt`` and ``retransmitted``
        are not known of clients.
        """
    def point(self) -> Point:
        """The snapshot in a few numbers."""
    def host(self, name: str) -> Host | None:
        """The host of this name; None when there is none."""
    def client(self, address: str) -> Client | None:
        """The client of this address, as `Client.address` has it; None when there is none."""
    @property
    def interfaces(self) -> list[Interface]:
        """By name."""
    @property
    def late(self) -> list[tuple[str, float]]:
        """Name and `Interface.since` of the interfaces that have one."""
    @property
    def tcp(self) -> Tcp:
        """Health of all connections."""
    @property
    def capture(self) -> Capture:
        """What was seen, and what could not be seen."""
    @property
    def server_names(self) -> dict[str, int]:
        """TLS connections by the server that the client named (SNI), most frequent first."""
    @property
    def exchanges(self) -> list[Exchange]:
        """By time; empty unless asked for with `exchanges`."""
    def remarkable_exchanges(self, most: int, before: Iterable[Exchange] | None = None) -> list[Exchange]:
        """At most `most` of `before` and `exchanges`, in that order: those that somebody would look at.

        Responses with a status of 500 and above, those from 400 on, requests without a response and the slowest have a
        share each, divided fairly among sections; the newest have the rest.
        """
    def without_exchanges(self) -> Snapshot:
        """The same counts, with no `exchanges`."""
    @property
    def connections(self) -> list[Connection]:
        """Connections that the interval heard of, and a sample of open ones that were silent, by time of their first
        segment; of a merge the latest sight of each. Empty unless asked for with `connections`.

        1,000 at the most of an interval and of what is `folded`. Of more, those with most retransmissions, the slowest
        round trips, those reset or refused, the newest and those with most bytes have a share each, divided fairly
        among hosts; a sample of the others has the rest. `capture.open_connections` says how many are open in all.
        """
    def without_connections(self) -> Snapshot:
        """The same counts, with no `connections`."""
    def only_connections(self) -> Snapshot:
        """The `connections` of the same time, with no counts."""
    def silence(self, length: float) -> Snapshot:
        """The silence of `length` seconds that follows: interfaces and connections tracked stay as they were."""
    @staticmethod
    def merge(snapshots: Iterable[Snapshot]) -> Snapshot:
        """The snapshot of them all. Associative and commutative, with the interpreter released."""
    def folded(
        self, max_hosts: int | None = None, max_sections: int | None = None, max_clients: int | None = None
    ) -> Snapshot:
        """The heaviest rows, at most `max_hosts` hosts with `max_sections` sections each, and at most `max_clients`
        clients; the rest in `OTHER`.

        None is the limit of one interval: 10,000 hosts, 200 sections, 5,000 clients. In all there are never more than
        100,000 sections (each host then keeps fewer), 10,000 exchanges, see `remarkable_exchanges`, and 1,000
        `connections`; what is left out is counted in `capture`, but for connections, which are listed anew in each
        interval.
        """
    def to_dict(self) -> dict[str, Any]:
        """The snapshot as plain values: what ``json.loads(s.to_json())`` gives."""
    def to_json(self) -> bytes:
        """One line of JSON (``"schema": 1``), ASCII only, without the newline.

        Keys are the attribute names of these classes; `start`, `end` and `ts` are RFC 3339 UTC, durations seconds. Rows
        come by name. Histograms have ``p50 p90 p95 p99`` beside their buckets.
        """
    @staticmethod
    def from_json(data: bytes | str) -> Snapshot:
        """The inverse of `to_json`: what one machine wrote, another may merge. Keys left out are zero or empty.

        What is derived is not read: `hits`, `count` and quantiles follow from the rest. Rows may come in any order.

        Raises ValueError for anything that is not such a document.
        """
    def to_bytes(self) -> bytes:
        """The whole snapshot, exactly and in a tenth of the space of JSON: what pickling stores."""
    @staticmethod
    def from_bytes(data: bytes | bytearray) -> Snapshot:
        """The inverse of `to_bytes`. Data from anywhere may be given: nothing in it runs, and the snapshot takes memory
        in proportion to the length of the data. (Unpickling is never safe for data from anywhere.)

        Raises ValueError for anything else, and for what a version of netmon with another format wrote.
        """
    def __add__(self, other: Snapshot, /) -> Snapshot:
        """The merge of both, made when somebody looks at it."""
    def __radd__(self, other: Literal[0], /) -> Snapshot:
        """Lets ``sum(snapshots)`` begin with 0."""
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]

@final
class Matching:
    """Which rows somebody wants to see: terms parted by blanks, all of which hold.

    A term is a text, which any shown field contains in any case, or ``field:text`` of ``host section path method status
    client interface``, which that field contains; a status begins with it, and ``x`` is any digit of one (``5xx``).
    ``!`` before a term inverts it. A host or section matches by one of its sections, methods or statuses, and by a
    client or an interface where one of `exchanges` is that matches.
    """

    def __new__(cls, pattern: str, exchanges: Sequence[Exchange] = ...) -> Matching: ...
    def exchanges(self, exchanges: Sequence[Exchange], *, within: bool = False) -> list[Exchange]:
        """Those of `exchanges` that match; `within` a host or section, its name is only looked at by ``host:``."""
    def hosts(self, hosts: Sequence[Host]) -> list[Host]:
        """Those of `hosts` that match."""
    def admits(self, fields: dict[str, str]) -> bool:
        """Whether another row matches, by its fields; terms without a field look at all of them."""

@final
class Standing:
    """How rows stand on average, so that a table holds still while figures jitter: what the next ranking goes by.
    ``Standing()`` knows no row.

    A row keeps its weight until the average of the last seconds has left it by more than figures jitter.
    """

    def __new__(cls) -> Standing: ...
    def then(self, rows: Sequence[tuple[str, float]], seconds: float, covered: float | None = None) -> Standing:
        """The standing `seconds` later, of rows with what they weigh then: for tables that no ranking puts in order.

        With `covered`, weights say how often something happened in so many seconds, which jitters by its root.
        """
    @property
    def weights(self) -> dict[str, float]:
        """What each row stands by, by name; sections of several hosts are left out."""

@final
class HostRanking:
    """The hosts of a snapshot in some order. Ranks are computed once, pages are selected: no call sorts all rows."""

    def __len__(self) -> int:
        """How many hosts match."""
    @property
    def standing(self) -> Standing:
        """How its rows stand; knows no row where it was ranked without `after`."""
    @property
    def hits(self) -> int:
        """Hits of all that match."""
    def page(self, offset: int, n: int) -> list[Host]:
        """At most `n` hosts after the first `offset`."""
    def position(self, name: str) -> int | None:
        """How many hosts come before the one of this name; None when it is not among them."""

@final
class ClientRanking:
    """The clients of a snapshot in some order, as `HostRanking`."""

    def __len__(self) -> int:
        """How many clients match."""
    @property
    def standing(self) -> Standing:
        """How its rows stand; knows no row where it was ranked without `after`."""
    @property
    def hits(self) -> int:
        """Hits of all that match."""
    def page(self, offset: int, n: int) -> list[Client]:
        """At most `n` clients after the first `offset`."""
    def position(self, address: str) -> int | None:
        """How many clients come before the one of this address; None when it is not among them."""

@final
class SectionRanking:
    """The sections of all hosts of a snapshot in some order, as `HostRanking`; `Section.host` says whose it is."""

    def __len__(self) -> int:
        """How many sections match."""
    @property
    def standing(self) -> Standing:
        """How its rows stand; knows no row where it was ranked without `after`."""
    def page(self, offset: int, n: int) -> list[Section]:
        """At most `n` sections after the first `offset`."""
    def position(self, host: str, path: str) -> int | None:
        """How many sections come before this one; None when it is not among them."""

@final
class PathRanking:
    """The sections of one host in some order, as `HostRanking`."""

    def __len__(self) -> int:
        """How many sections match."""
    @property
    def standing(self) -> Standing:
        """How its rows stand; knows no row where it was ranked without `after`."""
    def page(self, offset: int, n: int) -> list[Section]:
        """At most `n` sections after the first `offset`."""
    def position(self, path: str) -> int | None:
        """How many sections come before the one of this path; None when it is not among them."""

@final
class Window:
    """The merge of the last `length` seconds, and of everything, kept up to date with a few merges for each snapshot.

    All work is done with the interpreter released; safe from any thread. Memory is bounded: of a snapshot with more
    rows than its share of 400,000, the lightest are folded into `OTHER`; sums stay exact. The window slides by
    snapshots, or by a sixtieth of its length where they are shorter.
    """

    def __new__(cls, length: float = ...) -> Window:
        """Without a length, or with an infinite one, nothing leaves the window. ValueError unless above 0."""
    def push(self, snapshot: Snapshot) -> None:
        """Takes the next snapshot; what ended `length` or more before its end leaves.

        One that ends before all that is kept (a clock set back) begins a new window.
        """
    def copy(self) -> Window:
        """Another window with the same past, which goes on by itself; rows are shared."""
    def resize(self, length: float) -> None:
        """Makes the window longer or shorter at once, with what is there: the last 60 s at least, in a flood fewer."""
    @property
    def length(self) -> float:
        """Seconds; infinite when nothing leaves the window."""
    @property
    def merged(self) -> Snapshot:
        """The window as it is now; later snapshots do not change it."""
    @property
    def total(self) -> Snapshot:
        """The merge of everything ever pushed, folded to the limits of one interval when it outgrows twice these."""

@final
class Point:
    """One interval in a few numbers, to draw trends from without keeping snapshots."""

    @property
    def start(self) -> float:
        """Inclusive."""
    @property
    def end(self) -> float:
        """Exclusive."""
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
        """Response heads with a status that begins with this digit; 0 for a digit that none begins with."""
    @property
    def packets(self) -> int:
        """Packets of all interfaces."""
    @property
    def bytes(self) -> int:
        """Bytes on the wire of all interfaces."""
    @property
    def hosts(self) -> dict[str, int]:
        """Hits of the 200 hosts that had most."""
    def plus(self, other: Point) -> Point:
        """The interval that this one and `other` make together."""
    def hits_of(self, host: str) -> int:
        """0 also when the host was not among the heaviest."""
    def packets_of(self, interface: str) -> int:
        """Packets of one interface."""
    def bytes_of(self, interface: str) -> int:
        """Bytes on the wire of one interface."""
    def requests_of(self, interface: str) -> int:
        """The requests of the interval, divided among interfaces as its exchanges are, or else as bytes of HTTP are."""
    def http_bytes_of(self, interface: str) -> int:
        """Bytes on the wire of connections that carry HTTP, of one interface."""

@final
class InterfaceInfo:
    """An interface that can be captured from."""

    @property
    def name(self) -> str:
        """As the system calls it."""
    @property
    def description(self) -> str | None:
        """What libpcap says it is."""
    @property
    def addresses(self) -> list[str]:
        """Its addresses."""
    @property
    def up(self) -> bool:
        """It is up."""
    @property
    def loopback(self) -> bool:
        """It is a loopback."""

def list_interfaces() -> list[InterfaceInfo]:
    """Every interface that can be captured from, in libpcap's order, the pseudo device ``any`` included."""

def _restore(class_: str, data: bytes | bytearray, /) -> Any:
    """What unpickling calls: an object of this class again."""

def limit_allocator() -> bool:
    """Keeps the memory of a process that runs for days from growing by holes.

    One arena of the C library's allocator serves all threads, and the sizes from which on blocks are mapped and given
    back are fixed. For a process that does little else, before it starts threads; the command does so. False where the
    allocator cannot be told.
    """

def libpcap_version() -> str:
    """The version of libpcap in its own words."""

@final
class Engine:
    """A running capture. Made stopped; `start` opens the sources."""

    def __new__(
        cls,
        *,
        interfaces: Sequence[str] = ...,
        exclude_interfaces: Sequence[str] = ...,
        read: Sequence[str | PathLike[str]] = ...,
        names: Mapping[str, str] = ...,
        filter: str | None = None,  # noqa: A002  the name of the setting everywhere
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
        connections: bool = False,
        decode_tunnels: bool = False,
        count_copies: bool = False,
        response_timeout: float = 3600.0,
        workers: int = ...,
        user_agents: bool = False,
        redact: Literal["none", "all"] = "none",
    ) -> Engine:
        """Interfaces may be globs; none given means every interface that is up. `read` wins over interfaces: files and
        pipes, merged by time. `names` says how some of these paths are called where they are shown. `snaplen` cuts
        packets of files too, unless it is the largest there is, the default.
        `decode_tunnels` looks into GRE, VXLAN, GTP-U and others. `count_copies` counts a connection again where
        NAT on this machine rewrote one of its endpoints. A connection that is silent while a request waits is kept for
        `response_timeout` seconds. `workers` threads, at most `MAX_WORKERS`,
        share the connections. `client_from` is ``X-Forwarded-For``, ``Forwarded``, ``X-Real-IP`` or ``PROXY``, in any
        case: who asks is the entry there that is `trusted_proxies` from the right, else the address of the connection.
        IPv6 clients are counted by their first `client_ipv6_prefix` bits. `user_agents` asks for `Exchange.user_agent`;
        with `redact` ``"all"`` exchanges have neither that nor a path.

        Raises ValueError for a setting outside its range.
        """
    def start(self) -> None:
        """Opens the sources and starts the capture threads.

        Raises PermissionError, SourceError, FilterError.
        """
    def next(self, timeout: float) -> Snapshot | None:
        """The next snapshot, waiting at most `timeout` seconds with the interpreter released; None if none came.

        Raises StopIteration's place-holder EOFError at the end, CaptureError when the capture failed.
        """
    def close(self) -> None:
        """Stops and joins. Idempotent, returns within 0.3 s, safe from any thread.

        What was counted until now can still be read with `next`.
        """
    @property
    def interfaces(self) -> list[str]:
        """The names being captured from now; files by their path."""
    def log(self) -> list[tuple[str, str]]:
        """Takes what the capture had to say since last asked, as (level, message), safe to show; bounded."""

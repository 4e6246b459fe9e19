//! Rows of snapshots as Python sees them: frozen views that share the row, and so outlive its snapshot.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDateTime, PyDict, PyTzInfo};

use super::kept::{self, Reduced};
use super::matching::Pattern;
use super::ranking::{PathRanking, Standing, Wanted};
use super::shown;
use crate::pipeline::histogram;
use crate::pipeline::packet::{SECOND, Timestamp};
use crate::pipeline::snapshot::{self, Counts, InterfaceState};

pub fn seconds(nanos: u64) -> f64 {
    nanos as f64 / SECOND as f64
}

pub fn unix(ts: Timestamp) -> f64 {
    ts.0 as f64 / SECOND as f64
}

/// A time to the microsecond, as Python keeps it.
pub fn utc(py: Python<'_>, ts: Timestamp) -> PyResult<Bound<'_, PyDateTime>> {
    let micros = ts.0.rem_euclid(SECOND) / 1_000;
    let whole = PyDateTime::from_timestamp(py, ts.0.div_euclid(SECOND) as f64, Some(&*PyTzInfo::utc(py)?))?;
    let fields = [("microsecond", micros)].into_py_dict(py)?;
    Ok(whole.call_method("replace", (), Some(&fields))?.cast_into()?)
}

/// A class of plain counters over a value of the core: `class(field, ...) from Type, and more methods`.
macro_rules! counters {
    ($(#[$meta:meta])* $name:ident($($(#[$field_meta:meta])* $field:ident),+ $(,)?) of $inner:ty { $($more:tt)* }) => {
        $(#[$meta])*
        #[pyclass(frozen, module = "netmon._core")]
        pub struct $name(pub $inner);

        #[pymethods]
        impl $name {
            $($(#[$field_meta])*
            #[getter]
            fn $field(&self) -> u64 {
                self.0.$field
            })+
            /// The same object: it never changes.
            fn __copy__(slf: Py<Self>) -> Py<Self> {
                slf
            }
            /// The same object: it never changes.
            fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
                slf
            }
            fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
                kept::reduce(py, stringify!($name), &self.0)
            }
            fn __repr__(&self) -> String {
                let counted = [$((stringify!($field), self.0.$field)),+];
                shown::counters(stringify!($name), &counted)
            }
            $($more)*
        }
    };
}

/// A class with what the total, a host and a section have in common, and more methods.
macro_rules! counted {
    ($name:ident { $($more:tt)* }) => {
        #[pymethods]
        impl $name {
            /// Message heads seen: requests + responses, interim (1xx) responses included.
            #[getter]
            fn hits(&self) -> u64 {
                self.counts().hits()
            }
            /// Request heads.
            #[getter]
            fn requests(&self) -> u64 {
                self.counts().requests
            }
            /// Response heads, interim (1xx) ones included.
            #[getter]
            fn responses(&self) -> u64 {
                self.counts().responses
            }
            /// Responses with a status of 500 and above.
            #[getter]
            fn errors(&self) -> u64 {
                self.counts().errors
            }
            /// Requests by method, most frequent first; a method outside the IANA registry counts as ``OTHER``.
            #[getter]
            fn methods<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
                let dict = PyDict::new(py);
                for (method, count) in self.counts().methods.by_count() {
                    dict.set_item(method.name(), count)?;
                }
                Ok(dict)
            }
            /// Response heads by status code, most frequent first.
            #[getter]
            fn statuses<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
                let dict = PyDict::new(py);
                for (status, count) in self.counts().statuses.by_count() {
                    dict.set_item(status, count)?;
                }
                Ok(dict)
            }
            /// HTTP bytes of requests, heads and bodies, in the interval in which they passed.
            #[getter]
            fn request_bytes(&self) -> u64 {
                self.counts().request_bytes
            }
            /// HTTP bytes of responses, heads and bodies, in the interval in which they passed.
            #[getter]
            fn response_bytes(&self) -> u64 {
                self.counts().response_bytes
            }
            /// Request's last byte to response's first byte.
            #[getter]
            fn latency(&self) -> $crate::python::rows::Histogram {
                $crate::python::rows::Histogram(self.counts().latency.clone())
            }
            /// Request's first byte to response's last byte.
            #[getter]
            fn duration(&self) -> $crate::python::rows::Histogram {
                $crate::python::rows::Histogram(self.counts().duration.clone())
            }
            /// The same object: it never changes.
            fn __copy__(slf: Py<Self>) -> Py<Self> {
                slf
            }
            /// The same object: it never changes.
            fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
                slf
            }
            fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<$crate::python::kept::Reduced<'py>> {
                $crate::python::kept::reduce(py, stringify!($name), self.parts())
            }
            $($more)*
        }
    };
}

pub(super) use counted;

/// OpenTelemetry's exponential histogram over seconds: relative error of a quantile at most 2.2 %.
///
/// That is at scale 4. A snapshot has four million buckets at the most; where that is too few, scales are lowered, and
/// each step doubles the error: `Capture.histogram_halvings`. Histograms of different scales merge at the lower one.
#[pyclass(frozen, module = "netmon._core")]
pub struct Histogram(pub histogram::Histogram);

#[pymethods]
impl Histogram {
    /// How many values.
    #[getter]
    fn count(&self) -> u64 {
        self.0.count()
    }
    /// Their sum in seconds.
    #[getter]
    fn sum(&self) -> f64 {
        self.0.sum() as f64 / SECOND as f64
    }
    /// The least value in seconds; None when empty.
    #[getter]
    fn min(&self) -> Option<f64> {
        self.0.extremes().map(|(min, _)| seconds(min))
    }
    /// The greatest value in seconds; None when empty.
    #[getter]
    fn max(&self) -> Option<f64> {
        self.0.extremes().map(|(_, max)| seconds(max))
    }
    /// 4, or less: a doubling has 2**scale buckets.
    #[getter]
    fn scale(&self) -> i32 {
        self.0.scale()
    }
    /// Index of the first of `buckets`: bucket i holds values in (b**i, b**(i+1)] seconds; b is 2**(2**-scale).
    #[getter]
    fn offset(&self) -> i32 {
        self.0.buckets().offset()
    }
    /// Counts by bucket, from `offset` on; the first and the last are not zero.
    #[getter]
    fn buckets(&self) -> Vec<u64> {
        self.0.buckets().iter().collect()
    }
    /// Values of exactly zero, which no bucket holds.
    #[getter]
    fn zero_count(&self) -> u64 {
        self.0.zero_count()
    }
    /// The value at quantile `q` of 0..1; None when empty. ValueError outside 0..1.
    fn quantile(&self, q: f64) -> PyResult<Option<f64>> {
        if !(0.0..=1.0).contains(&q) {
            return Err(PyValueError::new_err(format!("a quantile is within 0 and 1, not {q}")));
        }
        Ok(self.0.quantile(q).map(seconds))
    }
    /// The same object: it never changes.
    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }
    /// The same object: it never changes.
    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        kept::reduce(py, "Histogram", &self.0)
    }
    fn __repr__(&self) -> String {
        shown::histogram(&self.0)
    }
    fn _repr_html_(&self) -> String {
        shown::histogram_table(&self.0)
    }
}

counters!(
    /// Health of connections, each counted once however many interfaces it crosses.
    Tcp(
        /// SYNs that began a connection.
        opened,
        /// Connections that both sides finished.
        closed,
        /// Connections that were reset.
        reset,
        /// SYNs answered with a reset.
        refused,
        /// Segments seen.
        segments,
        /// Segments with data that was sent before.
        retransmitted,
        /// The same packet again within a millisecond: a copy made by the capture or the network, no retransmission.
        duplicates,
        /// Segments overtaken by a later one.
        out_of_order,
        /// Acknowledgements of nothing new.
        duplicate_acks,
        /// Segments whose sender cannot take more.
        zero_window,
) of snapshot::Tcp {
    /// From client to server and back: `to_client` and `to_server`, or one of them where only one is known.
    #[getter]
    fn rtt(&self) -> Option<f64> {
        self.0.rtt().map(seconds)
    }
    /// From here to the client and back: the median of handshakes where there were some, else the least that data
    /// took; the rest waited for an application, or for a delayed acknowledgement.
    #[getter]
    fn to_client(&self) -> Option<f64> {
        self.0.to_client().map(seconds)
    }
    /// From here to the server and back, as `to_client`.
    #[getter]
    fn to_server(&self) -> Option<f64> {
        self.0.to_server().map(seconds)
    }
    /// Of all segments, the share that was sent again: 0..1.
    #[getter]
    fn retransmitted_share(&self) -> f64 {
        self.0.retransmitted_share()
    }
    /// From the capture point to the client and back: SYN with ACK to ACK.
    #[getter]
    fn client_handshake_rtt(&self) -> Histogram {
        Histogram(self.0.client_handshake_rtt.clone())
    }
    /// From the capture point to the server and back: SYN to SYN with ACK.
    #[getter]
    fn server_handshake_rtt(&self) -> Histogram {
        Histogram(self.0.server_handshake_rtt.clone())
    }
    /// From the capture point to the client and back: data to its acknowledgement, delayed ones included.
    #[getter]
    fn client_rtt(&self) -> Histogram {
        Histogram(self.0.client_rtt.clone())
    }
    /// From the capture point to the server and back: data to its acknowledgement, delayed ones included.
    #[getter]
    fn server_rtt(&self) -> Histogram {
        Histogram(self.0.server_rtt.clone())
    }
});

counters!(
    /// What was seen, and what could not be seen. Travels with every snapshot.
    Capture(
        /// Packets handed to netmon.
        received,
        /// Packets the kernel dropped since its buffer was full; of a file, that of the machine that made it.
        kernel_dropped,
        /// Packets that the interface or its driver dropped.
        interface_dropped,
        /// Packets of a file that could not be read, and those that a fault of netmon left out.
        ///
        /// Of a file that is damaged from somewhere on one is counted, however many there were.
        unread,
        /// Packets whose headers are cut, contradict themselves or are of a kind that is not known.
        undecodable,
        /// Packets cut off by the snapshot length.
        truncated,
        /// Heads of messages cut off by it. They count if a status, or a method and the beginning of a path, is left.
        truncated_heads,
        /// Holes in streams that were given up.
        gaps,
        /// Bytes in these holes.
        gap_bytes,
        /// Responses without a request.
        orphan_responses,
        /// Requests without a response.
        unanswered,
        /// Streams that stopped making sense.
        parse_errors,
        /// Streams in which the next message was found after a hole or nonsense.
        resyncs,
        /// Packets within a tunnel that was not looked into; see `decode_tunnels`.
        encapsulated,
        /// Packets captured before: on another interface, under another tag, or before NAT here rewrote an address.
        copies,
        /// Connections dropped from the full table.
        flows_evicted,
        /// Hosts folded into `OTHER`.
        hosts_folded,
        /// Sections folded into `OTHER`.
        sections_folded,
        /// By how many hits the row of any one host or section may be too low since rows were folded into `OTHER`.
        hits_error,
        /// Clients folded into `OTHER`.
        clients_folded,
        /// By how many hits the row of any one client may be too low since clients were folded into `OTHER`.
        client_hits_error,
        /// Exchanges that did not fit in `Snapshot.exchanges`.
        exchanges_dropped,
        /// How often the wall clock was set, by a tenth of a second or more, while a live capture ran; 0 for files.
        ///
        /// Intervals take no notice. After a step forward the times of snapshots follow the clock and leave out the time
        /// between; after one back they go on as before, ahead of the clock. The log says by how much.
        clock_steps,
) of snapshot::Capture {
    /// How often the scale of the coarsest histogram was halved, since all buckets share a budget; 0: never.
    ///
    /// Of merged snapshots the most. The error of its quantiles is 2.2 % at 0, and doubles each time: 4.4 % at 1.
    #[getter]
    fn histogram_halvings(&self) -> u8 {
        self.0.histogram_halvings.0
    }
    /// Connections being tracked at the end of the snapshot (the largest of a merge).
    #[getter]
    fn flows(&self) -> u64 {
        self.0.flows.value
    }
    /// Of `flows` those in use at the end of the snapshot: neither opening nor over.
    #[getter]
    fn open_connections(&self) -> u64 {
        self.0.open_connections.value
    }
    /// Connections recognised, by protocol: ``http1 tls h2c websocket tunnel ssh other``.
    ///
    /// One that is upgraded counts for both.
    #[getter]
    fn protocols<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (protocol, count) in self.0.protocols.by_count() {
            dict.set_item(protocol.name(), count)?;
        }
        Ok(dict)
    }
    /// Packets that were not decoded by what they are, most frequent first: those of `undecodable` and
    /// `encapsulated`, and encrypted ones. What is known to hide no HTTP, such as ARP and UDP, is not among them.
    ///
    /// Keys are ``ethertype 0x8926``, ``ppp protocol 0x00fd``, ``ip protocol 99``, ``link type 147``, ``tunnel vxlan``,
    /// ``encrypted 802.11`` (or ``esp``, ``macsec``), ``aggregated 802.11``, ``mpls payload``, ``too many tags``,
    /// ``too many tunnels``, ``incomplete fragments``, ``cut headers``, ``contradictory headers``, and `OTHER` beyond
    /// 32 kinds in an interval.
    #[getter]
    fn undecoded<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (kind, count) in self.0.undecoded.by_count() {
            dict.set_item(kind.label(), count)?;
        }
        Ok(dict)
    }
    /// Messages that two readers could frame differently, by kind (see `docs/accuracy.md`).
    #[getter]
    fn ambiguous_framing<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (ambiguity, count) in self.0.ambiguous_framing.by_count() {
            dict.set_item(ambiguity.name(), count)?;
        }
        Ok(dict)
    }
});

/// One interface, or one capture file, in the interval.
#[pyclass(frozen, module = "netmon._core")]
pub struct Interface(pub snapshot::Interface);

#[pymethods]
impl Interface {
    /// As the system calls it; of a file, its path.
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }
    /// Packets that passed the filter.
    #[getter]
    fn packets(&self) -> u64 {
        self.0.traffic.packets
    }
    /// Bytes on the wire of all packets that passed the filter.
    #[getter]
    fn bytes(&self) -> u64 {
        self.0.traffic.bytes
    }
    /// Packets of connections that carry HTTP.
    #[getter]
    fn http_packets(&self) -> u64 {
        self.0.traffic.http_packets
    }
    /// Their bytes on the wire.
    #[getter]
    fn http_bytes(&self) -> u64 {
        self.0.traffic.http_bytes
    }
    /// Bytes on the wire by what their connection speaks, once that is known; keys as in `Capture.protocols`.
    #[getter]
    fn protocols<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (protocol, bytes) in self.0.traffic.protocols.by_count() {
            dict.set_item(protocol.name(), bytes)?;
        }
        Ok(dict)
    }
    /// Health of the connections, each direction counted at the interface where it was first seen.
    #[getter]
    fn tcp(&self) -> Tcp {
        Tcp(self.0.tcp.clone())
    }
    /// ``"up"``, ``"down"`` or ``"new"`` (came up within this snapshot).
    #[getter]
    fn state(&self) -> &'static str {
        match self.0.state {
            InterfaceState::Up => "up",
            InterfaceState::New => "new",
            InterfaceState::Down => "down",
        }
    }
    /// Since when it is watched, if it came up after the capture began: what passed before was not seen.
    #[getter]
    fn since(&self) -> Option<f64> {
        self.0.since.map(unix)
    }
    /// The same object: it never changes.
    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }
    /// The same object: it never changes.
    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        kept::reduce(py, "Interface", &self.0)
    }
    fn __repr__(&self) -> String {
        let traffic = &self.0.traffic;
        format!("<Interface {} {}: {} packets, {} bytes>", self.0.name, self.state(), traffic.packets, traffic.bytes)
    }
}

/// A request and its final response.
#[pyclass(frozen, module = "netmon._core")]
pub struct Exchange(pub snapshot::Exchange);

#[pymethods]
impl Exchange {
    /// First byte of the request.
    #[getter]
    fn ts(&self) -> f64 {
        unix(self.0.ts)
    }
    /// `ts` as a time in UTC, exact to the microsecond.
    #[getter]
    fn time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDateTime>> {
        utc(py, self.0.ts)
    }
    /// ``address:port`` of the connection, IPv6 addresses in brackets.
    ///
    /// With `client_from`, where a proxy told it, the address alone: that of its group with `client_ipv6_prefix`, and
    /// `OTHER` when its row was folded meanwhile.
    #[getter]
    fn client(&self) -> String {
        snapshot::client_name(self.0.client)
    }
    /// The address in `client`, as `Client.address` has it when IPv6 clients are not grouped.
    #[getter]
    fn client_address(&self) -> String {
        snapshot::client_name(snapshot::portless(Some(self.0.client.address)))
    }
    /// ``address:port``, as `client`.
    #[getter]
    fn server(&self) -> String {
        self.0.server.to_string()
    }
    /// Where its connection was first seen.
    #[getter]
    fn interface(&self) -> &str {
        &self.0.interface
    }
    /// As `Host.name`.
    #[getter]
    fn host(&self) -> &str {
        &self.0.host
    }
    /// As `Section.path`.
    #[getter]
    fn section(&self) -> &str {
        &self.0.section
    }
    /// The path of its target: without query, fragment, parameters and userinfo, at most 256 printable characters.
    ///
    /// One that is longer ends in ``..#`` and a hash. One of which the end is not known ends in ``..``: the snapshot
    /// length cut it off, or too many requests waited. ``*`` for CONNECT and ``OPTIONS *``, ``~unknown`` when nothing
    /// of it is known, empty with ``redact="all"`` and from documents that have none.
    #[getter]
    fn path(&self) -> &str {
        &self.0.path
    }
    /// As in `Section.methods`.
    #[getter]
    fn method(&self) -> &'static str {
        self.0.method.name()
    }
    /// None when no response was seen.
    #[getter]
    fn status(&self) -> Option<u16> {
        self.0.status
    }
    /// HTTP bytes of the request, head and body.
    #[getter]
    fn request_bytes(&self) -> u64 {
        self.0.request_bytes
    }
    /// HTTP bytes of the response, head and body.
    #[getter]
    fn response_bytes(&self) -> u64 {
        self.0.response_bytes
    }
    /// Request's last byte to response's first; None when no response was seen.
    #[getter]
    fn latency(&self) -> Option<f64> {
        self.0.latency.map(seconds)
    }
    /// Request's first byte to response's last: `request_time`, `latency` and `transfer` together.
    #[getter]
    fn duration(&self) -> Option<f64> {
        self.0.duration.map(seconds)
    }
    /// The handshake of the connection, seen from here: with the first exchange on it, None with the others.
    #[getter]
    fn connect(&self) -> Option<f64> {
        self.0.connect.map(seconds)
    }
    /// Request's first byte to its last.
    #[getter]
    fn request_time(&self) -> Option<f64> {
        self.0.request_time.map(seconds)
    }
    /// Response's first byte to its last.
    #[getter]
    fn transfer(&self) -> Option<f64> {
        self.0.transfer.map(seconds)
    }
    /// Segments of the connection that were sent again while the exchange lasted.
    #[getter]
    fn retransmitted(&self) -> u16 {
        self.0.retransmitted
    }
    /// What its user agent is called, such as ``curl`` or ``Firefox``: at most 64 printable characters, no version.
    ///
    /// Empty when the request does not say, unless asked for with `user_agents`, and with ``redact="all"``.
    #[getter]
    fn user_agent(&self) -> &str {
        &self.0.user_agent
    }
    /// The same object: it never changes.
    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }
    /// The same object: it never changes.
    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        kept::reduce(py, "Exchange", &self.0)
    }
    fn __repr__(&self) -> String {
        shown::exchange(&self.0)
    }
    fn _repr_html_(&self) -> String {
        shown::exchange_table(&self.0)
    }
}

/// One client: all that was asked from an address, or from an IPv6 prefix where clients are grouped by one.
#[pyclass(frozen, module = "netmon._core")]
pub struct Client(pub Arc<snapshot::Client>);

impl Client {
    fn counts(&self) -> &Counts {
        &self.0.counts
    }
    fn parts(&self) -> &Arc<snapshot::Client> {
        &self.0
    }
}

counted!(Client {
    /// ``192.0.2.1``, ``2001:db8::1``, ``2001:db8:1:2::/64`` with `client_ipv6_prefix`, or `OTHER`.
    ///
    /// That of the connection, or what a proxy told with `client_from`. `duration` is empty: sections have it.
    #[getter]
    fn address(&self) -> &str {
        &self.0.address
    }
    /// Whether this client asked in `exchange`; False for `OTHER`.
    fn has(&self, exchange: &Exchange) -> bool {
        self.0.has(exchange.0.client.address)
    }
    fn __repr__(&self) -> String {
        shown::client(&self.0)
    }
    fn _repr_html_(&self) -> String {
        shown::client_table(&self.0)
    }
});

/// A connection, as it was at the end of its interval.
#[pyclass(frozen, module = "netmon._core")]
pub struct Connection(pub snapshot::Connection);

#[pymethods]
impl Connection {
    /// ``address:port`` of who opened it or asks, IPv6 addresses in brackets; where nobody did, the higher port.
    #[getter]
    fn client(&self) -> String {
        self.0.client.to_string()
    }
    /// ``address:port`` of the other side.
    #[getter]
    fn server(&self) -> String {
        self.0.server.to_string()
    }
    /// Where it was first seen.
    #[getter]
    fn interface(&self) -> &str {
        &self.0.interface
    }
    /// What it speaks, as in `Capture.protocols`; empty while that is not known.
    #[getter]
    fn protocol(&self) -> &'static str {
        self.0.protocol.map_or("", crate::pipeline::exchange::Protocol::name)
    }
    /// The host last asked for on it, as `Host.name`, or the server that a TLS client named; empty for neither.
    #[getter]
    fn host(&self) -> &str {
        &self.0.host
    }
    /// ``"opening"`` (only SYNs were seen), ``"open"``, ``"closed"`` by both sides, ``"reset"`` or ``"refused"``.
    #[getter]
    fn state(&self) -> &'static str {
        self.0.state.name()
    }
    /// When it was opened; None when it was joined midway, or when its SYN was not seen.
    #[getter]
    fn opened(&self) -> Option<f64> {
        self.0.opened.map(unix)
    }
    /// Its first segment that was seen.
    #[getter]
    fn first_seen(&self) -> f64 {
        unix(self.0.first_seen)
    }
    /// Its last segment.
    #[getter]
    fn last_seen(&self) -> f64 {
        unix(self.0.last_seen)
    }
    /// Seconds from its first segment to the end of the interval; of one that ended, to its last segment.
    #[getter]
    fn age(&self) -> f64 {
        seconds(self.0.age)
    }
    /// Payload of TCP, without segments that were sent again.
    #[getter]
    fn bytes_to_server(&self) -> u64 {
        self.0.bytes_to_server
    }
    /// As `bytes_to_server`.
    #[getter]
    fn bytes_to_client(&self) -> u64 {
        self.0.bytes_to_client
    }
    /// Segments, each counted once however many interfaces it crosses.
    #[getter]
    fn segments(&self) -> u64 {
        self.0.segments
    }
    /// Of these, those with data that was sent before.
    #[getter]
    fn retransmitted(&self) -> u64 {
        self.0.retransmitted
    }
    /// `retransmitted` by `segments`; 0.0 of none.
    #[getter]
    fn retransmitted_share(&self) -> f64 {
        self.0.retransmitted as f64 / self.0.segments.max(1) as f64
    }
    /// Heads of requests.
    #[getter]
    fn requests(&self) -> u64 {
        self.0.requests
    }
    /// From the client to the server and back, the least that was measured, since the rest waited for an application
    /// or a delayed acknowledgement; from here to one of them where only that was, None where nothing was.
    #[getter]
    fn rtt(&self) -> Option<f64> {
        self.0.rtt.map(seconds)
    }
    /// The same object: it never changes.
    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }
    /// The same object: it never changes.
    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        kept::reduce(py, "Connection", &self.0)
    }
    fn __repr__(&self) -> String {
        shown::connection(&self.0)
    }
    fn _repr_html_(&self) -> String {
        shown::connection_table(&self.0)
    }
}

/// One section of a host: all its paths that begin with the same segments.
#[pyclass(frozen, module = "netmon._core")]
pub struct Section(pub (Arc<str>, Arc<snapshot::Section>));

impl Section {
    pub fn new(host: &snapshot::Host, at: usize) -> Self {
        Self((host.name.clone(), host.sections[at].clone()))
    }
    fn counts(&self) -> &Counts {
        &self.0.1.counts
    }
    fn parts(&self) -> &(Arc<str>, Arc<snapshot::Section>) {
        &self.0
    }
}

counted!(Section {
    /// ``/`` plus the first path segment(s), ``*`` for ``OPTIONS *``, or `OTHER`.
    ///
    /// ``~unknown`` for requests whose path the snapshot length cut off.
    #[getter]
    fn path(&self) -> &str {
        &self.0.1.path
    }
    /// The name of its host.
    #[getter]
    fn host(&self) -> &str {
        &self.0.0
    }
    fn __repr__(&self) -> String {
        shown::section(&self.0.0, &self.0.1)
    }
    fn _repr_html_(&self) -> String {
        shown::section_table(&self.0.0, &self.0.1)
    }
});

/// One host: what clients asked for, whatever address served it.
#[pyclass(frozen, module = "netmon._core")]
pub struct Host(pub Arc<snapshot::Host>);

impl Host {
    fn counts(&self) -> &Counts {
        &self.0.counts
    }
    fn parts(&self) -> &Arc<snapshot::Host> {
        &self.0
    }
}

counted!(Host {
    /// Authority in lower case, default port dropped; ``address:port`` of the server without one; or `OTHER`.
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }
    /// Addresses of servers seen for this host, 8 at the most.
    #[getter]
    fn addresses(&self) -> Vec<String> {
        self.0.addresses.iter().map(|address| address.to_canonical().to_string()).collect()
    }
    /// All sections, most hits first.
    #[getter]
    fn sections(&self) -> Vec<Section> {
        self.0.top_sections(usize::MAX).into_iter().map(|at| Section::new(&self.0, at)).collect()
    }
    /// How many sections it has.
    #[getter]
    fn section_count(&self) -> usize {
        self.0.sections.len()
    }
    /// The section of this path; None when there is none.
    fn section(&self, path: &str) -> Option<Section> {
        self.0.position(path).map(|at| Section::new(&self.0, at))
    }
    /// A page of `ranked_sections`: the `n` sections with most hits, unless said otherwise.
    #[pyo3(signature = (n, by = "hits", *, reverse = false, offset = 0, matching = ""))]
    fn top_sections(&self, n: usize, by: &str, reverse: bool, offset: usize, matching: &str) -> PyResult<Vec<Section>> {
        Ok(PathRanking::new(self.0.clone(), &Wanted::new(by, reverse, matching.into())?).page(offset, n))
    }
    /// The sections whose path matches, by one of `SORT_KEYS`; the rest as `Snapshot.ranked`.
    #[pyo3(
        signature = (by = "hits", *, reverse = false, matching = Pattern::default(), after = None, seconds = (0.0, 1.0)),
        text_signature = "($self, by='hits', *, reverse=False, matching='', after=None, seconds=(0.0, 1.0))"
    )]
    fn ranked_sections(
        &self,
        by: &str,
        reverse: bool,
        matching: Pattern<'_>,
        after: Option<&Standing>,
        seconds: (f64, f64),
    ) -> PyResult<PathRanking> {
        Ok(PathRanking::new(self.0.clone(), &Wanted::new(by, reverse, matching)?.after(after, seconds)))
    }
    /// Health of its connections, from a request to it until one to another host. Of those whose first request it
    /// had also how they were opened, counted with that request.
    #[getter]
    fn tcp(&self) -> Tcp {
        Tcp(self.0.tcp.clone())
    }
    fn __repr__(&self) -> String {
        shown::host(&self.0)
    }
    fn _repr_html_(&self) -> String {
        shown::host_table(&self.0)
    }
});

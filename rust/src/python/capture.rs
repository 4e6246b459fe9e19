//! The class `Capture`: how much was seen, and what could not be seen.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::class::{by_name, counters};
use crate::pipeline::snapshot;

counters!(
    /// What the capture delivered, and what the capture or the decoding lost. Every snapshot has one.
    Capture(
        /// Packets that the capture delivered to netmon.
        received,
        /// Packets that the kernel dropped because its buffer was full; for a file, the drops that the file records.
        kernel_dropped,
        /// Packets that the interface or its driver dropped.
        interface_dropped,
        /// Packets of a file that could not be read, and packets that an internal error of netmon left out.
        ///
        /// If the rest of a file is damaged, it counts as one packet.
        unread,
        /// Packets whose headers are cut, contradictory or of an unknown kind.
        undecodable,
        /// Packets cut off by the snapshot length.
        truncated,
        /// Message heads cut off by the snapshot length. Such a head still counts as a message if a status, or a method
        /// and the beginning of a path, is left.
        truncated_heads,
        /// Gaps in streams: missing bytes that netmon no longer waits for.
        gaps,
        /// Bytes in these gaps.
        gap_bytes,
        /// Responses without a request.
        orphan_responses,
        /// Requests without a response.
        unanswered,
        /// Responses of HTTP/2 whose status could not be resolved, because what it refers to was lost or came before the
        /// capture. They are not in ``responses``.
        unknown_statuses,
        /// Streams that could not be parsed any further.
        parse_errors,
        /// How often the next message of a stream was found after a gap or a parse error.
        resyncs,
        /// Packets inside a tunnel that was not decoded; see `decode_tunnels`.
        encapsulated,
        /// Packets that had been captured before: on another interface, with another tag, or before NAT on this machine
        /// rewrote an address.
        copies,
        /// Connections dropped because the table of connections was full.
        flows_evicted,
        /// Hosts folded into `OTHER`.
        hosts_folded,
        /// Sections folded into `OTHER`.
        sections_folded,
        /// The most hits that the row of any one host or section may lack because rows were folded into `OTHER`.
        hits_error,
        /// Clients folded into `OTHER`.
        clients_folded,
        /// The most hits that the row of any one client may lack because rows were folded into `OTHER`.
        client_hits_error,
        /// Exchanges that are not listed because `Snapshot.exchanges` was full.
        exchanges_dropped,
        /// How often the wall clock was set, by a tenth of a second or more, while a live capture ran; 0 for files.
        ///
        /// The length of intervals is not affected. After a step forward, the times of snapshots follow the clock and
        /// leave out the time between. After a step back, they continue from the old time, ahead of the clock. The log
        /// says by how much.
        clock_steps,
) of snapshot::Capture {
    /// How often the scale of the coarsest histogram was lowered, because all histograms share a budget of buckets.
    ///
    /// A merge keeps the greatest number. The error of quantiles is 2.2 % at 0, and doubles with each step.
    #[getter]
    fn histogram_halvings(&self) -> u8 {
        self.0.histogram_halvings.0
    }
    /// Connections tracked at the end of the snapshot. A merge keeps the latest number, and adds numbers of the same
    /// time.
    #[getter]
    fn flows(&self) -> u64 {
        self.0.flows.value
    }
    /// Connections in `flows` that are in use: neither opening nor ended.
    #[getter]
    fn open_connections(&self) -> u64 {
        self.0.open_connections.value
    }
    /// Connections recognised, by protocol: ``http1 http2 grpc websocket tls quic tunnel ssh other``.
    ///
    /// A connection that is upgraded counts for both protocols.
    #[getter]
    fn protocols<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        by_name(py, &self.0.protocols)
    }
    /// Packets that were not decoded, by kind, most frequent first: those in `undecodable` and `encapsulated`, and
    /// encrypted packets. Packets that are known to carry no HTTP, such as ARP and UDP, are not included.
    ///
    /// Keys are ``ethertype 0x8926``, ``ppp protocol 0x00fd``, ``ip protocol 99``, ``link type 147``,
    /// ``tunnel vxlan``, ``encrypted 802.11`` (or ``esp``, ``macsec``), ``aggregated 802.11``, ``mpls payload``,
    /// ``too many tags``, ``too many tunnels``, ``incomplete fragments``, ``cut headers``,
    /// ``contradictory headers``, and `OTHER` beyond 32 kinds in an interval.
    #[getter]
    fn undecoded<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        by_name(py, &self.0.undecoded)
    }
    /// Messages that two readers could frame differently, by kind (see `docs/accuracy.md`).
    #[getter]
    fn ambiguous_framing<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        by_name(py, &self.0.ambiguous_framing)
    }
    /// Times that one side of an HTTP/2 connection would take no new streams, by the name of the code that it gave.
    ///
    /// ``NO_ERROR`` is that of a graceful end.
    #[getter]
    fn goaways<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        by_name(py, &self.0.goaways)
    }
    /// Connections that stay encrypted, by reason, most frequent first.
    ///
    /// ``no_key``: no key log had the secrets of the connection, or of one direction of it, when its records were given
    /// up. ``late_key``: the secrets are there, but more had waited for them than may. ``joined_midway``: its beginning
    /// was not seen. ``unknown_cipher_suite``: its cipher suite or its version is not known. ``lost``: a hole in a
    /// stream was too large to find the next record behind it. ``damaged``: its records do not fit the secrets.
    #[getter]
    fn undecrypted<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        by_name(py, &self.0.undecrypted)
    }
});

//! The class `Capture`: how much was seen, and what could not be seen.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::class::counters;
use crate::pipeline::snapshot;

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

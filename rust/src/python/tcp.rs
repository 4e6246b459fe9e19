//! The class `Tcp`: health of connections.

use pyo3::prelude::*;

use super::class::counters;
use super::histogram::Histogram;
use super::value::seconds;
use crate::pipeline::snapshot;

counters!(
    /// Health of connections. A connection counts once, even if it crosses several interfaces.
    Tcp(
        /// SYNs that began a connection.
        opened,
        /// Connections that both sides closed.
        closed,
        /// Connections that were reset.
        reset,
        /// SYNs answered with a reset.
        refused,
        /// Segments seen.
        segments,
        /// Segments with data that was sent before.
        retransmitted,
        /// Packets seen again within a millisecond: copies made by the capture or the network, not retransmissions.
        duplicates,
        /// Segments that arrived after a later one.
        out_of_order,
        /// Acknowledgements that acknowledge nothing new.
        duplicate_acks,
        /// Segments with a receive window of zero: their sender cannot accept more data.
        zero_window,
) of snapshot::Tcp {
    /// Round-trip time between client and server: the sum of `to_client` and `to_server`, or the one that is known;
    /// None if neither is known.
    #[getter]
    fn rtt(&self) -> Option<f64> {
        self.0.rtt().map(seconds)
    }
    /// Round-trip time from the capture point to the client: the median of handshakes if there were any, else the
    /// shortest time from data to its acknowledgement. Longer times include waiting for an application or for a
    /// delayed acknowledgement. None if nothing was measured.
    #[getter]
    fn to_client(&self) -> Option<f64> {
        self.0.to_client().map(seconds)
    }
    /// Round-trip time from the capture point to the server, measured like `to_client`.
    #[getter]
    fn to_server(&self) -> Option<f64> {
        self.0.to_server().map(seconds)
    }
    /// Share of all segments that were retransmissions, from 0 to 1.
    #[getter]
    fn retransmitted_share(&self) -> f64 {
        self.0.retransmitted_share()
    }
    /// Round-trip times from the capture point to the client in handshakes: from SYN with ACK to ACK.
    #[getter]
    fn client_handshake_rtt(&self) -> Histogram {
        Histogram(self.0.client_handshake_rtt.clone())
    }
    /// Round-trip times from the capture point to the server in handshakes: from SYN to SYN with ACK.
    #[getter]
    fn server_handshake_rtt(&self) -> Histogram {
        Histogram(self.0.server_handshake_rtt.clone())
    }
    /// Round-trip times from the capture point to the client: from data to its acknowledgement, including delayed
    /// acknowledgements.
    #[getter]
    fn client_rtt(&self) -> Histogram {
        Histogram(self.0.client_rtt.clone())
    }
    /// Round-trip times from the capture point to the server: from data to its acknowledgement, including delayed
    /// acknowledgements.
    #[getter]
    fn server_rtt(&self) -> Histogram {
        Histogram(self.0.server_rtt.clone())
    }
});

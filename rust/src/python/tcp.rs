//! The class `Tcp`: health of connections.

use pyo3::prelude::*;

use super::class::counters;
use super::histogram::Histogram;
use super::value::seconds;
use crate::pipeline::snapshot;

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

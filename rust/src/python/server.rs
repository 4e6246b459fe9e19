//! Servers behind TLS and QUIC as Python sees them.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::class::{by_name, counters};
use super::histogram::Histogram;
use crate::pipeline::snapshot;

counters!(
    /// A server that clients reach through TLS or QUIC.
    Server(
        /// Connections that began, of TLS over TCP and of QUIC.
        connections,
        /// Of these, connections whose client has named the server.
        named,
        /// Of these, connections over QUIC.
        quic,
        /// Of these, connections whose client has sent an encrypted hello (ECH), or pretended to: then the name may be
        /// one that several servers share.
        ech,
        /// Connections that were decrypted.
        decrypted,
        /// Bytes to the server in TCP or UDP of connections that stay encrypted, each counted once that is known.
        bytes_to_server,
        /// Bytes from the server of such connections.
        bytes_to_client,
        /// Bytes in both directions of connections that were decrypted, before their first plaintext.
        handshake_bytes,
    ) of snapshot::Server {
        /// The name that clients gave (SNI), in lower case; ``address:port`` if they gave none, or `OTHER`.
        #[getter]
        fn name(&self) -> &str {
            &self.0.name
        }
        /// Connections that were open and not decrypted when the interval began; in merged intervals, when the earliest
        /// of them began that has the server.
        #[getter]
        fn open_before(&self) -> u64 {
            self.0.open_before.value
        }
        /// Connections of the interval: those that began, and those that were open before.
        #[getter]
        fn active(&self) -> u64 {
            self.0.connections.saturating_add(self.0.open_before.value)
        }
        /// Of the connections that began, those of TLS over TCP.
        #[getter]
        fn tls(&self) -> u64 {
            self.0.connections.saturating_sub(self.0.quic)
        }
        /// Connections of TLS that stay encrypted, or the rest of which does, by reason as in `Capture.undecrypted`.
        #[getter]
        fn undecrypted<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
            by_name(py, &self.0.undecrypted)
        }
        /// Connections whose server has answered, by the version of TLS that it has chosen, such as ``TLS 1.3``; those
        /// without a name count as ``OTHER``.
        #[getter]
        fn tls_versions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
            by_name(py, &self.0.tls_versions)
        }
        /// The same by cipher suite, such as ``TLS_AES_128_GCM_SHA256``; beyond 16 suites, and without a name, it is
        /// ``OTHER``.
        #[getter]
        fn cipher_suites<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
            by_name(py, &self.0.cipher_suites)
        }
        /// Times from here to the server and back: from SYN to SYN with ACK, or from the first packet of QUIC to its
        /// answer.
        #[getter]
        fn round_trip(&self) -> Histogram {
            Histogram(self.0.round_trip.clone())
        }
        /// Times from the client's hello to its Finished.
        #[getter]
        fn handshake(&self) -> Histogram {
            Histogram(self.0.handshake.clone())
        }
    }
);

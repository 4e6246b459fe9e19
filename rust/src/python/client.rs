//! Clients as Python sees them.

use std::sync::Arc;

use pyo3::prelude::*;

use super::class::counted;
use super::exchange::Exchange;
use super::shown;
use crate::pipeline::snapshot::{self, Counts};

/// One client: the requests from one address, or from one IPv6 prefix if clients are grouped by prefix.
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
    /// It is the address at the client's end of the connection or, with `client_from`, the one that a proxy passes
    /// on. `duration` of a client is always empty; sections have durations.
    #[getter]
    fn address(&self) -> &str {
        &self.0.address
    }
    /// Whether this client sent the request of `exchange`; False for `OTHER`.
    fn has(&self, exchange: &Exchange) -> bool {
        self.0.has(exchange.0.measured.client.address)
    }
    fn __repr__(&self) -> String {
        shown::client(&self.0)
    }
    fn _repr_html_(&self) -> String {
        shown::client_table(&self.0)
    }
});

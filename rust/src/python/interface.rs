//! Interfaces as Python sees them.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::kept::{self, Reduced};
use super::tcp::Tcp;
use super::value::unix;
use crate::pipeline::snapshot::{self, InterfaceState};

/// One interface, or one capture file, in the interval.
#[pyclass(frozen, module = "netmon._core")]
pub struct Interface(pub snapshot::Interface);

#[pymethods]
impl Interface {
    /// Its name on the system; for a file, its path.
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
    /// Bytes on the wire of connections that carry HTTP.
    #[getter]
    fn http_bytes(&self) -> u64 {
        self.0.traffic.http_bytes
    }
    /// Bytes on the wire by the protocol of their connection, once it is known; keys as in `Capture.protocols`.
    #[getter]
    fn protocols<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (protocol, bytes) in self.0.traffic.protocols.by_count() {
            dict.set_item(protocol.name(), bytes)?;
        }
        Ok(dict)
    }
    /// Health of the connections. Each direction of one counts on the interface where it was first seen.
    #[getter]
    fn tcp(&self) -> Tcp {
        Tcp(self.0.tcp.clone())
    }
    /// ``"up"``, ``"down"``, or ``"new"`` if it came up within this snapshot.
    #[getter]
    fn state(&self) -> &'static str {
        match self.0.state {
            InterfaceState::Up => "up",
            InterfaceState::New => "new",
            InterfaceState::Down => "down",
        }
    }
    /// When netmon began to watch it, if it came up after the start of the capture; else None. Packets before that
    /// time were not seen.
    #[getter]
    fn since(&self) -> Option<f64> {
        self.0.since.map(unix)
    }
    /// Why nothing is captured from it, although something should be, such as ``"it is down"``; else None. It stays
    /// until the problem is over.
    #[getter]
    fn problem(&self) -> Option<&str> {
        self.0.problem.as_deref()
    }
    /// Whether it was removed, and nobody asked for it by name. Interfaces of containers come and go.
    #[getter]
    fn removed(&self) -> bool {
        self.0.removed
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

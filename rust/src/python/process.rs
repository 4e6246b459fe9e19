//! Processes as Python sees them.

use pyo3::prelude::*;

use super::class::attributes;
use super::value::IntoPython;
use crate::pipeline::snapshot;

/// A process of the machine that captured, at one end of a connection.
#[pyclass(frozen, module = "netmon._core")]
pub struct Process(pub snapshot::Process);

impl IntoPython<Option<Process>> for &Option<snapshot::Process> {
    fn into_python(self) -> Option<Process> {
        self.clone().map(Process)
    }
}

attributes!(Process {
    /// Its name as the kernel knows it, at most 15 characters.
    name at owner.name as &str,
    /// Its process id. Of several processes that share a listening socket, that of the oldest.
    pid at owner.pid as u32,
    /// The id of its container; empty if it is in none, or that is not known.
    container at owner.container as &str,
    /// The name of its Kubernetes pod; empty if it is in none, or that is not known.
    pod at owner.pod as &str,
    /// The Kubernetes namespace of its pod; empty if that is not known.
    namespace at owner.namespace as &str,
} {
    /// The end of the connection that it holds: ``"server"`` or ``"client"``.
    #[getter]
    fn side(&self) -> &'static str {
        self.0.side()
    }
    fn __str__(&self) -> &str {
        &self.0.owner.name
    }
    fn __repr__(&self) -> String {
        let owner = &self.0.owner;
        format!("<Process {} {} ({})>", super::legible::legible(&owner.name), owner.pid, self.0.side())
    }
});

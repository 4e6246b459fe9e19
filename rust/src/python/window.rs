//! Windows and trends as Python sees them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::rows::unix;
use super::snapshot::Snapshot;
use crate::pipeline::packet::SECOND;
use crate::pipeline::snapshot;

/// What [`snapshot::Window`] is, with the interpreter released for as long as it works.
#[pyclass(frozen, module = "netmon._core")]
pub struct Window(Mutex<snapshot::Window>);

impl Window {
    /// Does something with the window, and with the interpreter released.
    fn with<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut snapshot::Window) -> T + Send) -> T {
        py.detach(|| work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

#[pymethods]
impl Window {
    #[new]
    #[pyo3(signature = (length = f64::INFINITY))]
    fn new(length: f64) -> PyResult<Self> {
        Ok(Self(Mutex::new(snapshot::Window::new(nanos(length)?))))
    }

    fn push(&self, py: Python<'_>, snapshot: &Snapshot) {
        let snapshot = snapshot.share();
        self.with(py, |window| window.push(snapshot));
    }

    fn copy(&self, py: Python<'_>) -> Self {
        Self(Mutex::new(self.with(py, |window| window.clone())))
    }

    fn resize(&self, py: Python<'_>, length: f64) -> PyResult<()> {
        let length = nanos(length)?;
        self.with(py, |window| window.resize(length));
        Ok(())
    }

    #[getter]
    fn length(&self, py: Python<'_>) -> f64 {
        let length = self.with(py, |window| window.length());
        length.map_or(f64::INFINITY, |nanos| nanos as f64 / SECOND as f64)
    }

    #[getter]
    fn merged(&self, py: Python<'_>) -> Snapshot {
        self.with(py, |window| window.merged()).into()
    }

    #[getter]
    fn total(&self, py: Python<'_>) -> Snapshot {
        self.with(py, |window| window.total()).into()
    }
}

/// Seconds as nanoseconds; `None` is for ever.
pub fn nanos(seconds: f64) -> PyResult<Option<i64>> {
    if seconds.is_nan() || seconds <= 0.0 {
        return Err(PyValueError::new_err(format!("a length is above 0 seconds, not {seconds}")));
    }
    Ok(seconds.is_finite().then_some((seconds * SECOND as f64).round() as i64))
}

#[pyclass(frozen, module = "netmon._core")]
pub struct Point(pub snapshot::Point);

#[pymethods]
impl Point {
    #[getter]
    fn start(&self) -> f64 {
        self.0.span.map_or(0.0, |(start, _)| unix(start))
    }
    #[getter]
    fn end(&self) -> f64 {
        self.0.span.map_or(0.0, |(_, end)| unix(end))
    }
    #[getter]
    fn hits(&self) -> u64 {
        self.0.hits
    }
    #[getter]
    fn requests(&self) -> u64 {
        self.0.requests
    }
    #[getter]
    fn errors(&self) -> u64 {
        self.0.errors
    }
    #[getter]
    fn packets(&self) -> u64 {
        self.0.packets
    }
    #[getter]
    fn bytes(&self) -> u64 {
        self.0.bytes
    }
    #[getter]
    fn hosts(&self) -> HashMap<&str, u64> {
        self.0.hosts.iter().map(|(name, hits)| (&**name, *hits)).collect()
    }
    fn plus(&self, other: &Self) -> Self {
        Self(self.0.plus(&other.0))
    }
    fn hits_of(&self, host: &str) -> u64 {
        self.0.host(host).unwrap_or(0)
    }
    fn packets_of(&self, interface: &str) -> u64 {
        self.0.interface(interface).map_or(0, |passed| passed.packets)
    }
    fn bytes_of(&self, interface: &str) -> u64 {
        self.0.interface(interface).map_or(0, |passed| passed.bytes)
    }
    fn requests_of(&self, interface: &str) -> u64 {
        self.0.requests_of(interface)
    }
    fn http_bytes_of(&self, interface: &str) -> u64 {
        self.0.interface(interface).map_or(0, |passed| passed.http_bytes)
    }
}

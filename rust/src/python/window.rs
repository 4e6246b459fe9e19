//! Windows and trends as Python sees them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::rows::unix;
use super::shown;
use super::snapshot::Snapshot;
use crate::pipeline::packet::SECOND;
use crate::pipeline::snapshot;

/// The merge of the last `length` seconds, and of everything, kept up to date with a few merges for each snapshot.
///
/// All work is done with the interpreter released; safe from any thread. Memory is bounded: of a snapshot with more
/// rows than its share of 400,000, the lightest are folded into `OTHER`; sums stay exact. The window slides by
/// snapshots, or by a sixtieth of its length where they are shorter.
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
    /// Without a length, or with an infinite one, nothing leaves the window. ValueError unless above 0.
    #[new]
    #[pyo3(signature = (length = f64::INFINITY))]
    fn new(length: f64) -> PyResult<Self> {
        Ok(Self(Mutex::new(snapshot::Window::new(nanos(length)?))))
    }

    /// Takes the next snapshot; what ended `length` or more before its end leaves.
    ///
    /// One that ends before all that is kept (a clock set back) begins a new window.
    fn push(&self, py: Python<'_>, snapshot: &Snapshot) {
        let snapshot = snapshot.share();
        self.with(py, |window| window.push(snapshot));
    }

    /// Another window with the same past, which goes on by itself; rows are shared.
    fn copy(&self, py: Python<'_>) -> Self {
        Self(Mutex::new(self.with(py, |window| window.clone())))
    }

    /// Makes the window longer or shorter at once, with what is there: the last 60 s at least, in a flood fewer.
    fn resize(&self, py: Python<'_>, length: f64) -> PyResult<()> {
        let length = nanos(length)?;
        self.with(py, |window| window.resize(length));
        Ok(())
    }

    /// Seconds; infinite when nothing leaves the window.
    #[getter]
    fn length(&self, py: Python<'_>) -> f64 {
        let length = self.with(py, |window| window.length());
        length.map_or(f64::INFINITY, |nanos| nanos as f64 / SECOND as f64)
    }

    /// The window as it is now; later snapshots do not change it.
    #[getter]
    fn merged(&self, py: Python<'_>) -> Snapshot {
        self.with(py, |window| window.merged()).into()
    }

    /// The merge of everything ever pushed, folded to the limits of one interval when it outgrows twice these.
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

/// One interval in a few numbers, to draw trends from without keeping snapshots.
#[pyclass(frozen, module = "netmon._core")]
pub struct Point(pub snapshot::Point);

#[pymethods]
impl Point {
    /// Inclusive.
    #[getter]
    fn start(&self) -> f64 {
        self.0.span.map_or(0.0, |(start, _)| unix(start))
    }
    /// Exclusive.
    #[getter]
    fn end(&self) -> f64 {
        self.0.span.map_or(0.0, |(_, end)| unix(end))
    }
    /// As `Snapshot.hits`.
    #[getter]
    fn hits(&self) -> u64 {
        self.0.hits
    }
    /// As `Snapshot.requests`.
    #[getter]
    fn requests(&self) -> u64 {
        self.0.requests
    }
    /// As `Snapshot.errors`.
    #[getter]
    fn errors(&self) -> u64 {
        self.0.errors
    }
    /// Response heads with a status that begins with this digit; 0 for a digit that none begins with.
    fn responses_of(&self, first: usize) -> u64 {
        first.checked_sub(1).and_then(|at| self.0.classes.get(at)).copied().unwrap_or(0)
    }
    /// Packets of all interfaces.
    #[getter]
    fn packets(&self) -> u64 {
        self.0.packets
    }
    /// Bytes on the wire of all interfaces.
    #[getter]
    fn bytes(&self) -> u64 {
        self.0.bytes
    }
    /// Hits of the 200 hosts that had most.
    #[getter]
    fn hosts(&self) -> HashMap<&str, u64> {
        self.0.hosts.iter().map(|(name, hits)| (&**name, *hits)).collect()
    }
    /// The interval that this one and `other` make together.
    fn plus(&self, other: &Self) -> Self {
        Self(self.0.plus(&other.0))
    }
    /// 0 also when the host was not among the heaviest.
    fn hits_of(&self, host: &str) -> u64 {
        self.0.host(host).unwrap_or(0)
    }
    /// Packets of one interface.
    fn packets_of(&self, interface: &str) -> u64 {
        self.0.interface(interface).map_or(0, |passed| passed.packets)
    }
    /// Bytes on the wire of one interface.
    fn bytes_of(&self, interface: &str) -> u64 {
        self.0.interface(interface).map_or(0, |passed| passed.bytes)
    }
    /// The requests of the interval, divided among interfaces as its exchanges are, or else as bytes of HTTP are.
    fn requests_of(&self, interface: &str) -> u64 {
        self.0.requests_of(interface)
    }
    /// Bytes on the wire of connections that carry HTTP, of one interface.
    fn http_bytes_of(&self, interface: &str) -> u64 {
        self.0.interface(interface).map_or(0, |passed| passed.http_bytes)
    }
    fn __repr__(&self) -> String {
        let point = &self.0;
        let (hits, errors) = (shown::plural(point.hits, "hit"), shown::plural(point.errors, "error"));
        format!("<Point {}: {hits}, {errors}>", shown::span(point.span))
    }
}

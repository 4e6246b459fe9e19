//! The class `Point`: one interval in a few numbers.

use std::collections::HashMap;

use pyo3::prelude::*;

use super::shown;
use super::value::unix;
use crate::pipeline::snapshot;

/// One interval in a few numbers, to draw trends from without keeping snapshots.
#[pyclass(frozen, module = "netmon._core")]
pub struct Point(pub snapshot::Point);

#[pymethods]
impl Point {
    /// Start of the interval, inclusive.
    #[getter]
    fn start(&self) -> f64 {
        self.0.span.map_or(0.0, |(start, _)| unix(start))
    }
    /// End of the interval, exclusive.
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
    /// Response heads whose status begins with the digit `first`; 0 for a digit that no status begins with.
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
    /// Hits by host, of the 200 hosts with the most hits.
    #[getter]
    fn hosts(&self) -> HashMap<&str, u64> {
        self.0.hosts.iter().map(|(name, hits)| (&**name, *hits)).collect()
    }
    /// The interval of this point and that of `other` as one interval.
    fn plus(&self, other: &Self) -> Self {
        Self(self.0.plus(&other.0))
    }
    /// Hits of one host; also 0 if the host is not in `hosts`.
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
    /// Requests on one interface, estimated: the requests of the interval are divided among the interfaces in
    /// proportion to their listed exchanges or, if none are listed, to their bytes of HTTP.
    fn requests_of(&self, interface: &str) -> u64 {
        self.0.requests_of(interface)
    }
    /// Bytes on the wire, on one interface, of connections that carry HTTP.
    fn http_bytes_of(&self, interface: &str) -> u64 {
        self.0.interface(interface).map_or(0, |passed| passed.http_bytes)
    }
    fn __repr__(&self) -> String {
        let point = &self.0;
        let (hits, errors) = (shown::plural(point.hits, "hit"), shown::plural(point.errors, "error"));
        format!("<Point {}: {hits}, {errors}>", shown::span(point.span))
    }
}

//! Rows of snapshots as Python sees them: frozen views that share the row, and so outlive its snapshot.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::ranking::{PathRanking, Wanted};
use crate::pipeline::histogram;
use crate::pipeline::packet::{SECOND, Timestamp};
use crate::pipeline::snapshot::{self, Counts, InterfaceState};

pub fn seconds(nanos: u64) -> f64 {
    nanos as f64 / SECOND as f64
}

pub fn unix(ts: Timestamp) -> f64 {
    ts.0 as f64 / SECOND as f64
}

/// A class of plain counters over a value of the core: `class(field, ...) from Type, and more methods`.
macro_rules! counters {
    ($name:ident($($field:ident),+) of $inner:ty { $($more:tt)* }) => {
        #[pyclass(frozen, module = "netmon._core")]
        pub struct $name(pub $inner);

        #[pymethods]
        impl $name {
            $(#[getter]
            fn $field(&self) -> u64 {
                self.0.$field
            })+
            $($more)*
        }
    };
}

/// A class with what the total, a host and a section have in common, and more methods.
macro_rules! counted {
    ($name:ident { $($more:tt)* }) => {
        #[pymethods]
        impl $name {
            #[getter]
            fn hits(&self) -> u64 {
                self.counts().hits()
            }
            #[getter]
            fn requests(&self) -> u64 {
                self.counts().requests
            }
            #[getter]
            fn responses(&self) -> u64 {
                self.counts().responses
            }
            #[getter]
            fn errors(&self) -> u64 {
                self.counts().errors
            }
            #[getter]
            fn methods<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
                let dict = PyDict::new(py);
                for (method, count) in self.counts().methods.by_count() {
                    dict.set_item(method.name(), count)?;
                }
                Ok(dict)
            }
            #[getter]
            fn statuses<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
                let dict = PyDict::new(py);
                for (status, count) in self.counts().statuses.by_count() {
                    dict.set_item(status, count)?;
                }
                Ok(dict)
            }
            #[getter]
            fn request_bytes(&self) -> u64 {
                self.counts().request_bytes
            }
            #[getter]
            fn response_bytes(&self) -> u64 {
                self.counts().response_bytes
            }
            #[getter]
            fn latency(&self) -> $crate::python::rows::Histogram {
                $crate::python::rows::Histogram(self.counts().latency.clone())
            }
            #[getter]
            fn duration(&self) -> $crate::python::rows::Histogram {
                $crate::python::rows::Histogram(self.counts().duration.clone())
            }
            $($more)*
        }
    };
}

pub(super) use counted;

#[pyclass(frozen, module = "netmon._core")]
pub struct Histogram(pub histogram::Histogram);

#[pymethods]
impl Histogram {
    #[getter]
    fn count(&self) -> u64 {
        self.0.count()
    }
    #[getter]
    fn sum(&self) -> f64 {
        self.0.sum() as f64 / SECOND as f64
    }
    #[getter]
    fn min(&self) -> Option<f64> {
        self.0.extremes().map(|(min, _)| seconds(min))
    }
    #[getter]
    fn max(&self) -> Option<f64> {
        self.0.extremes().map(|(_, max)| seconds(max))
    }
    #[getter]
    fn scale(&self) -> i32 {
        self.0.scale()
    }
    #[getter]
    fn offset(&self) -> i32 {
        self.0.buckets().offset()
    }
    #[getter]
    fn buckets(&self) -> Vec<u64> {
        self.0.buckets().iter().collect()
    }
    #[getter]
    fn zero_count(&self) -> u64 {
        self.0.zero_count()
    }
    fn quantile(&self, q: f64) -> PyResult<Option<f64>> {
        if !(0.0..=1.0).contains(&q) {
            return Err(PyValueError::new_err(format!("a quantile is within 0 and 1, not {q}")));
        }
        Ok(self.0.quantile(q).map(seconds))
    }
}

counters!(Tcp(
    opened, closed, reset, refused, segments, retransmitted, duplicates, out_of_order, duplicate_acks, zero_window
) of snapshot::Tcp {
    #[getter]
    fn rtt(&self) -> Option<f64> {
        self.0.rtt().map(seconds)
    }
    #[getter]
    fn to_client(&self) -> Option<f64> {
        self.0.to_client().map(seconds)
    }
    #[getter]
    fn to_server(&self) -> Option<f64> {
        self.0.to_server().map(seconds)
    }
    #[getter]
    fn retransmitted_share(&self) -> f64 {
        self.0.retransmitted_share()
    }
    #[getter]
    fn client_handshake_rtt(&self) -> Histogram {
        Histogram(self.0.client_handshake_rtt.clone())
    }
    #[getter]
    fn server_handshake_rtt(&self) -> Histogram {
        Histogram(self.0.server_handshake_rtt.clone())
    }
    #[getter]
    fn client_rtt(&self) -> Histogram {
        Histogram(self.0.client_rtt.clone())
    }
    #[getter]
    fn server_rtt(&self) -> Histogram {
        Histogram(self.0.server_rtt.clone())
    }
});

counters!(Capture(
    received, kernel_dropped, interface_dropped, unread, undecodable, truncated, truncated_heads, gaps, gap_bytes, orphan_responses,
    unanswered, parse_errors, resyncs, encapsulated, copies, flows_evicted, hosts_folded, sections_folded, hits_error,
    exchanges_dropped, clock_steps
) of snapshot::Capture {
    #[getter]
    fn histogram_halvings(&self) -> u8 {
        self.0.histogram_halvings.0
    }
    #[getter]
    fn flows(&self) -> u64 {
        self.0.flows.value
    }
    #[getter]
    fn protocols<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (protocol, count) in self.0.protocols.by_count() {
            dict.set_item(protocol.name(), count)?;
        }
        Ok(dict)
    }
    #[getter]
    fn undecoded<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (kind, count) in self.0.undecoded.by_count() {
            dict.set_item(kind.label(), count)?;
        }
        Ok(dict)
    }
    #[getter]
    fn ambiguous_framing<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (ambiguity, count) in self.0.ambiguous_framing.by_count() {
            dict.set_item(ambiguity.name(), count)?;
        }
        Ok(dict)
    }
});

#[pyclass(frozen, module = "netmon._core")]
pub struct Interface(pub snapshot::Interface);

#[pymethods]
impl Interface {
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }
    #[getter]
    fn packets(&self) -> u64 {
        self.0.traffic.packets
    }
    #[getter]
    fn bytes(&self) -> u64 {
        self.0.traffic.bytes
    }
    #[getter]
    fn http_packets(&self) -> u64 {
        self.0.traffic.http_packets
    }
    #[getter]
    fn http_bytes(&self) -> u64 {
        self.0.traffic.http_bytes
    }
    #[getter]
    fn protocols<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (protocol, bytes) in self.0.traffic.protocols.by_count() {
            dict.set_item(protocol.name(), bytes)?;
        }
        Ok(dict)
    }
    #[getter]
    fn tcp(&self) -> Tcp {
        Tcp(self.0.tcp.clone())
    }
    #[getter]
    fn state(&self) -> &'static str {
        match self.0.state {
            InterfaceState::Up => "up",
            InterfaceState::New => "new",
            InterfaceState::Down => "down",
        }
    }
    #[getter]
    fn since(&self) -> Option<f64> {
        self.0.since.map(unix)
    }
}

#[pyclass(frozen, module = "netmon._core")]
pub struct Exchange(pub snapshot::Exchange);

#[pymethods]
impl Exchange {
    #[getter]
    fn ts(&self) -> f64 {
        unix(self.0.ts)
    }
    #[getter]
    fn client(&self) -> String {
        self.0.client.to_string()
    }
    #[getter]
    fn server(&self) -> String {
        self.0.server.to_string()
    }
    #[getter]
    fn interface(&self) -> &str {
        &self.0.interface
    }
    #[getter]
    fn host(&self) -> &str {
        &self.0.host
    }
    #[getter]
    fn section(&self) -> &str {
        &self.0.section
    }
    #[getter]
    fn method(&self) -> &'static str {
        self.0.method.name()
    }
    #[getter]
    fn status(&self) -> Option<u16> {
        self.0.status
    }
    #[getter]
    fn request_bytes(&self) -> u64 {
        self.0.request_bytes
    }
    #[getter]
    fn response_bytes(&self) -> u64 {
        self.0.response_bytes
    }
    #[getter]
    fn latency(&self) -> Option<f64> {
        self.0.latency.map(seconds)
    }
    #[getter]
    fn duration(&self) -> Option<f64> {
        self.0.duration.map(seconds)
    }
    #[getter]
    fn connect(&self) -> Option<f64> {
        self.0.connect.map(seconds)
    }
    #[getter]
    fn request_time(&self) -> Option<f64> {
        self.0.request_time.map(seconds)
    }
    #[getter]
    fn transfer(&self) -> Option<f64> {
        self.0.transfer.map(seconds)
    }
    #[getter]
    fn retransmitted(&self) -> u16 {
        self.0.retransmitted
    }
}

#[pyclass(frozen, module = "netmon._core")]
pub struct Section {
    host: Arc<str>,
    row: Arc<snapshot::Section>,
}

impl Section {
    pub fn new(host: &snapshot::Host, at: usize) -> Self {
        Self { host: host.name.clone(), row: host.sections[at].clone() }
    }
    fn counts(&self) -> &Counts {
        &self.row.counts
    }
}

counted!(Section {
    #[getter]
    fn path(&self) -> &str {
        &self.row.path
    }
    #[getter]
    fn host(&self) -> &str {
        &self.host
    }
});

#[pyclass(frozen, module = "netmon._core")]
pub struct Host(pub Arc<snapshot::Host>);

impl Host {
    fn counts(&self) -> &Counts {
        &self.0.counts
    }
}

counted!(Host {
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }
    #[getter]
    fn addresses(&self) -> Vec<String> {
        self.0.addresses.iter().map(|address| address.to_canonical().to_string()).collect()
    }
    #[getter]
    fn sections(&self) -> Vec<Section> {
        self.0.top_sections(usize::MAX).into_iter().map(|at| Section::new(&self.0, at)).collect()
    }
    #[getter]
    fn section_count(&self) -> usize {
        self.0.sections.len()
    }
    fn section(&self, path: &str) -> Option<Section> {
        self.0.position(path).map(|at| Section::new(&self.0, at))
    }
    #[pyo3(signature = (n, by = "hits", *, reverse = false, offset = 0, matching = ""))]
    fn top_sections(&self, n: usize, by: &str, reverse: bool, offset: usize, matching: &str) -> PyResult<Vec<Section>> {
        Ok(self.ranked_sections(by, reverse, matching)?.page(offset, n))
    }
    #[pyo3(signature = (by = "hits", *, reverse = false, matching = ""))]
    fn ranked_sections(&self, by: &str, reverse: bool, matching: &str) -> PyResult<PathRanking> {
        Ok(PathRanking::new(self.0.clone(), &Wanted::new(by, reverse, matching)?))
    }
    #[getter]
    fn tcp(&self) -> Tcp {
        Tcp(self.0.tcp.clone())
    }
});

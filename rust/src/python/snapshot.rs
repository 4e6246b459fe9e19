//! Snapshots as Python sees them: one object each, whatever takes time with the interpreter released.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyIterator};

use super::held::Held;
use super::ranking::{HostRanking, SectionRanking, Wanted};
use super::rows::{Capture, Exchange, Host, Interface, Section, Tcp, counted, unix};
use super::window::{Point, nanos};
use crate::pipeline::snapshot::{self, Counts, Limits};

#[pyclass(frozen, eq, module = "netmon._core")]
#[derive(PartialEq)]
pub struct Snapshot(Held);

impl From<snapshot::Snapshot> for Snapshot {
    fn from(snapshot: snapshot::Snapshot) -> Self {
        Arc::new(snapshot).into()
    }
}

impl From<Arc<snapshot::Snapshot>> for Snapshot {
    fn from(snapshot: Arc<snapshot::Snapshot>) -> Self {
        Arc::new(snapshot::Sum::from(snapshot)).into()
    }
}

impl From<Arc<snapshot::Sum>> for Snapshot {
    fn from(sum: Arc<snapshot::Sum>) -> Self {
        Self(Held::new(sum))
    }
}

impl Snapshot {
    pub fn share(&self) -> Arc<snapshot::Snapshot> {
        self.0.share()
    }
    fn counts(&self) -> &Counts {
        &self.0.counts
    }
    fn make_host(&self, at: usize) -> Host {
        Host(self.0.hosts[at].clone())
    }
    fn json(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        py.detach(|| self.0.to_json()).map_err(|error| PyValueError::new_err(error.to_string()))
    }
}

counted!(Snapshot {
    #[new]
    fn new() -> Self {
        snapshot::Snapshot::default().into()
    }
    #[getter]
    fn start(&self) -> f64 {
        self.0.span.map_or(0.0, |(start, _)| unix(start))
    }
    #[getter]
    fn end(&self) -> f64 {
        self.0.span.map_or(0.0, |(_, end)| unix(end))
    }
    #[getter]
    fn hosts(&self, py: Python<'_>) -> Vec<Host> {
        let order = py.detach(|| self.0.top_hosts(usize::MAX));
        order.into_iter().map(|at| self.make_host(at)).collect()
    }
    #[getter]
    fn host_count(&self) -> usize {
        self.0.hosts.len()
    }
    #[getter]
    fn section_count(&self) -> usize {
        self.0.hosts.iter().map(|host| host.sections.len()).sum()
    }
    #[getter]
    fn rows(&self, py: Python<'_>) -> usize {
        py.detach(|| self.0.weight())
    }
    #[pyo3(signature = (n, by = "hits", *, reverse = false, offset = 0, matching = ""))]
    fn top(
        &self,
        py: Python<'_>,
        n: usize,
        by: &str,
        reverse: bool,
        offset: usize,
        matching: &str,
    ) -> PyResult<Vec<Host>> {
        Ok(self.ranked(py, by, reverse, matching)?.page(py, offset, n))
    }
    #[pyo3(signature = (n, by = "hits", *, reverse = false, offset = 0, matching = ""))]
    fn top_sections(
        &self,
        py: Python<'_>,
        n: usize,
        by: &str,
        reverse: bool,
        offset: usize,
        matching: &str,
    ) -> PyResult<Vec<Section>> {
        Ok(self.ranked_sections(py, by, reverse, matching)?.page(py, offset, n))
    }
    #[pyo3(signature = (by = "hits", *, reverse = false, matching = ""))]
    fn ranked(&self, py: Python<'_>, by: &str, reverse: bool, matching: &str) -> PyResult<HostRanking> {
        Ok(HostRanking::new(py, self.0.clone(), &Wanted::new(by, reverse, matching)?))
    }
    #[pyo3(signature = (by = "hits", *, reverse = false, matching = ""))]
    fn ranked_sections(&self, py: Python<'_>, by: &str, reverse: bool, matching: &str) -> PyResult<SectionRanking> {
        Ok(SectionRanking::new(py, self.0.clone(), &Wanted::new(by, reverse, matching)?))
    }
    fn point(&self, py: Python<'_>) -> Point {
        Point(py.detach(|| self.0.point()))
    }
    fn host(&self, name: &str) -> Option<Host> {
        self.0.position(name).map(|at| self.make_host(at))
    }
    #[getter]
    fn interfaces(&self) -> Vec<Interface> {
        self.0.interfaces.iter().cloned().map(Interface).collect()
    }
    #[getter]
    fn late(&self) -> Vec<(&str, f64)> {
        let since = |interface: &'_ snapshot::Interface| interface.since.map(unix);
        self.0.interfaces.iter().filter_map(|interface| Some((&*interface.name, since(interface)?))).collect()
    }
    #[getter]
    fn tcp(&self) -> Tcp {
        Tcp(self.0.tcp.clone())
    }
    #[getter]
    fn capture(&self) -> Capture {
        Capture(self.0.capture.clone())
    }
    #[getter]
    fn server_names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let mut names: Vec<_> = self.0.server_names.iter().collect();
        names.sort_by_key(|row| std::cmp::Reverse(row.connections));
        let dict = PyDict::new(py);
        for row in names {
            dict.set_item(&*row.name, row.connections)?;
        }
        Ok(dict)
    }
    fn silence(&self, length: f64) -> PyResult<Self> {
        let nanos = nanos(length)?.ok_or_else(|| PyValueError::new_err("an interval ends"))?;
        Ok(self.0.silence(nanos).into())
    }
    #[getter]
    fn exchanges(&self) -> Vec<Exchange> {
        self.0.exchanges.iter().cloned().map(Exchange).collect()
    }
    #[pyo3(signature = (most, before = None))]
    fn remarkable_exchanges(
        &self,
        py: Python<'_>,
        most: usize,
        before: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Vec<Py<Exchange>>> {
        let mut older: Vec<Py<Exchange>> = Vec::new();
        for item in before.map(PyIterator::from_object).transpose()?.into_iter().flatten() {
            older.push(item?.cast_into::<Exchange>()?.unbind());
        }
        let all: Vec<_> = older.iter().map(|one| &one.get().0).chain(&self.0.exchanges).collect();
        let found = py.detach(|| snapshot::remarkable(&all, most));
        let one = |at: usize| match older.get(at) {
            Some(one) => Ok(one.clone_ref(py)),
            None => Py::new(py, Exchange(all[at].clone())),
        };
        found.into_iter().map(one).collect()
    }
    fn without_exchanges(&self, py: Python<'_>) -> Self {
        py.detach(|| self.0.without_exchanges()).into()
    }
    #[staticmethod]
    fn merge(py: Python<'_>, snapshots: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut parts = Vec::new();
        for item in PyIterator::from_object(snapshots)? {
            parts.push(item?.cast::<Self>()?.get().0.clone());
        }
        Ok(py.detach(|| {
            let merged = snapshot::Snapshot::merge_all(parts.iter().map(|part| &**part));
            drop(parts);
            merged
        }).into())
    }
    #[pyo3(signature = (max_hosts = None, max_sections = None))]
    fn folded(&self, py: Python<'_>, max_hosts: Option<usize>, max_sections: Option<usize>) -> Self {
        let most = Limits::default();
        let limits = Limits {
            hosts: max_hosts.unwrap_or(most.hosts),
            sections_per_host: max_sections.unwrap_or(most.sections_per_host),
            ..most
        };
        py.detach(|| self.0.folded(&limits)).into()
    }
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let json = self.json(py)?;
        py.import("json")?.call_method1("loads", (PyBytes::new(py, &json),))
    }
    fn to_json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.json(py)?))
    }
    #[staticmethod]
    fn from_json(py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<Self> {
        let bytes = match data.cast::<PyBytes>() {
            Ok(bytes) => bytes.as_bytes().to_vec(),
            Err(_) => data.extract::<String>()?.into_bytes(),
        };
        let parsed = py.detach(|| snapshot::Snapshot::from_json(&bytes));
        parsed.map(Into::into).map_err(|error| PyValueError::new_err(format!("not a snapshot: {error}")))
    }
});

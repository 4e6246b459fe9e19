//! The class `Snapshot`: one object for each snapshot. Work that takes time runs with the interpreter released.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDateTime, PyDict, PyIterator, PyList};

use super::capture::Capture;
use super::class::counted;
use super::client::Client;
use super::connection::Connection;
use super::exchange::Exchange;
use super::held::Held;
use super::host::Host;
use super::interface::Interface;
use super::pattern::Pattern;
use super::point::Point;
use super::ranking::{ClientRanking, HostRanking, SectionRanking};
use super::section::Section;
use super::standing::{Standing, Wanted};
use super::tcp::Tcp;
use super::value::{nanos, unix, utc};
use super::{kept, records, shown};
use crate::pipeline::packet::Timestamp;
use crate::pipeline::snapshot::{self, Counts, Limits};

/// Everything counted in one interval, or in several merged. ``Snapshot()`` is empty, the identity of `merge`.
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
    fn parts(&self) -> &snapshot::Snapshot {
        &self.0
    }
    fn span(&self) -> (Timestamp, Timestamp) {
        self.0.span.unwrap_or_default()
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
    /// Inclusive; 0.0 for the empty snapshot.
    #[getter]
    fn start(&self) -> f64 {
        self.0.span.map_or(0.0, |(start, _)| unix(start))
    }
    /// Exclusive.
    #[getter]
    fn end(&self) -> f64 {
        self.0.span.map_or(0.0, |(_, end)| unix(end))
    }
    /// `start` as a time in UTC, exact to the microsecond.
    #[getter]
    fn start_time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDateTime>> {
        utc(py, self.span().0)
    }
    /// `end` as a time in UTC, exact to the microsecond.
    #[getter]
    fn end_time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDateTime>> {
        utc(py, self.span().1)
    }
    /// All hosts, most hits first, ties by name.
    #[getter]
    fn hosts(&self, py: Python<'_>) -> Vec<Host> {
        let order = py.detach(|| self.0.top_hosts(usize::MAX));
        order.into_iter().map(|at| self.make_host(at)).collect()
    }
    /// All clients, most hits first, ties by address. Their counts add up to those of the snapshot.
    #[getter]
    fn clients(&self, py: Python<'_>) -> Vec<Client> {
        let order = py.detach(|| self.0.top_clients(usize::MAX));
        order.into_iter().map(|at| Client(self.0.clients[at].clone())).collect()
    }
    /// How many clients it has.
    #[getter]
    fn client_count(&self) -> usize {
        self.0.clients.len()
    }
    /// How many hosts it has.
    #[getter]
    fn host_count(&self) -> usize {
        self.0.hosts.len()
    }
    /// Sections of all hosts.
    #[getter]
    fn section_count(&self) -> usize {
        self.0.hosts.iter().map(|host| host.sections.len()).sum()
    }
    /// Rows of all tables, exchanges and connections included, and one more for every 64 buckets of histograms:
    /// what the memory of a snapshot grows with.
    #[getter]
    fn row_count(&self, py: Python<'_>) -> usize {
        py.detach(|| self.0.weight())
    }
    /// Flat records, one per host and section, with the same keys in the same order in each: for
    /// ``polars.DataFrame``, ``pandas.DataFrame`` and ``csv.DictWriter``.
    ///
    /// Keys are attribute names of `Snapshot` and `Section`; ``status_1xx`` to ``status_5xx`` are responses by class
    /// of status, ``latency_p50``, ``latency_p95`` and ``latency_p99`` quantiles in seconds, or None. Hosts and their
    /// sections come most hits first. ``section`` is None for a host that has no sections, as foreign JSON may have it.
    fn rows<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        records::of(py, &self.0)
    }
    /// A page of `ranked`: the `n` hosts with most hits, unless said otherwise, without making the rest.
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
        Ok(HostRanking::new(py, self.0.clone(), &Wanted::new(by, reverse, matching.into())?).page(py, offset, n))
    }
    /// A page of `ranked_sections`.
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
        Ok(SectionRanking::new(py, self.0.clone(), &Wanted::new(by, reverse, matching.into())?).page(py, offset, n))
    }
    /// The hosts that match, by one of `SORT_KEYS`; ValueError for another.
    ///
    /// `matching` is part of the name, in any case; with ``!`` before it, what must not be part of it. Empty matches
    /// all. Names are compared as they are kept, in printable ASCII. A `Matching` looks at more than names.
    ///
    /// With `after`, how the rows of an earlier ranking by the same key stand, rows hold still while figures jitter.
    /// `seconds` are those that passed since, and those of the snapshot.
    #[pyo3(
        signature = (by = "hits", *, reverse = false, matching = Pattern::default(), after = None, seconds = (0.0, 1.0)),
        text_signature = "($self, by='hits', *, reverse=False, matching='', after=None, seconds=(0.0, 1.0))"
    )]
    fn ranked(
        &self,
        py: Python<'_>,
        by: &str,
        reverse: bool,
        matching: Pattern<'_>,
        after: Option<&Standing>,
        seconds: (f64, f64),
    ) -> PyResult<HostRanking> {
        let wanted = Wanted::new(by, reverse, matching)?.after(after, seconds);
        Ok(HostRanking::new(py, self.0.clone(), &wanted))
    }
    /// The sections of all hosts that match, as `ranked`; `matching` as text is part of the name of the host.
    #[pyo3(
        signature = (by = "hits", *, reverse = false, matching = Pattern::default(), after = None, seconds = (0.0, 1.0)),
        text_signature = "($self, by='hits', *, reverse=False, matching='', after=None, seconds=(0.0, 1.0))"
    )]
    fn ranked_sections(
        &self,
        py: Python<'_>,
        by: &str,
        reverse: bool,
        matching: Pattern<'_>,
        after: Option<&Standing>,
        seconds: (f64, f64),
    ) -> PyResult<SectionRanking> {
        let wanted = Wanted::new(by, reverse, matching)?.after(after, seconds);
        Ok(SectionRanking::new(py, self.0.clone(), &wanted))
    }
    /// A page of `ranked_clients`.
    #[pyo3(signature = (n, by = "hits", *, reverse = false, offset = 0, matching = ""))]
    fn top_clients(
        &self,
        py: Python<'_>,
        n: usize,
        by: &str,
        reverse: bool,
        offset: usize,
        matching: &str,
    ) -> PyResult<Vec<Client>> {
        Ok(ClientRanking::new(py, self.0.clone(), &Wanted::new(by, reverse, matching.into())?).page(py, offset, n))
    }
    /// The clients that match, as `ranked`; `matching` as text is part of the address. ``rtt`` and ``retransmitted``
    /// are not known of clients.
    #[pyo3(
        signature = (by = "hits", *, reverse = false, matching = Pattern::default(), after = None, seconds = (0.0, 1.0)),
        text_signature = "($self, by='hits', *, reverse=False, matching='', after=None, seconds=(0.0, 1.0))"
    )]
    fn ranked_clients(
        &self,
        py: Python<'_>,
        by: &str,
        reverse: bool,
        matching: Pattern<'_>,
        after: Option<&Standing>,
        seconds: (f64, f64),
    ) -> PyResult<ClientRanking> {
        let wanted = Wanted::new(by, reverse, matching)?.after(after, seconds);
        Ok(ClientRanking::new(py, self.0.clone(), &wanted))
    }
    /// The snapshot in a few numbers.
    fn point(&self, py: Python<'_>) -> Point {
        Point(py.detach(|| self.0.point()))
    }
    /// The host of this name; None when there is none.
    fn host(&self, name: &str) -> Option<Host> {
        self.0.position(name).map(|at| self.make_host(at))
    }
    /// The client of this address, as `Client.address` has it; None when there is none.
    fn client(&self, address: &str) -> Option<Client> {
        self.0.client_position(address).map(|at| Client(self.0.clients[at].clone()))
    }
    /// By name.
    #[getter]
    fn interfaces(&self) -> Vec<Interface> {
        self.0.interfaces.iter().cloned().map(Interface).collect()
    }
    /// Name and `Interface.since` of the interfaces that have one.
    #[getter]
    fn late(&self) -> Vec<(&str, f64)> {
        let since = |interface: &'_ snapshot::Interface| interface.since.map(unix);
        self.0.interfaces.iter().filter_map(|interface| Some((&*interface.name, since(interface)?))).collect()
    }
    /// Health of all connections.
    #[getter]
    fn tcp(&self) -> Tcp {
        Tcp(self.0.tcp.clone())
    }
    /// What was seen, and what could not be seen.
    #[getter]
    fn capture(&self) -> Capture {
        Capture(self.0.capture.clone())
    }
    /// TLS connections by the server that the client named (SNI), most frequent first.
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
    /// The silence of `length` seconds that follows: interfaces and connections tracked stay as they were.
    fn silence(&self, length: f64) -> PyResult<Self> {
        let nanos = nanos(length)?.ok_or_else(|| PyValueError::new_err("an interval ends"))?;
        Ok(self.0.silence(nanos).into())
    }
    /// By time; empty unless asked for with `exchanges`.
    #[getter]
    fn exchanges(&self) -> Vec<Exchange> {
        self.0.exchanges.iter().cloned().map(Exchange).collect()
    }
    /// At most `most` of `before` and `exchanges`, in that order: those that somebody would look at.
    ///
    /// Responses with a status of 500 and above, those from 400 on, requests without a response and the slowest have a
    /// share each, divided fairly among sections; the newest have the rest.
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
    /// The same counts, with no `exchanges`.
    fn without_exchanges(&self, py: Python<'_>) -> Self {
        py.detach(|| self.0.without_exchanges()).into()
    }
    /// Connections that the interval heard of, and a sample of open ones that were silent, by time of their first
    /// segment; of a merge the latest sight of each. Empty unless asked for with `connections`.
    ///
    /// 1,000 at the most of an interval and of what is `folded`. Of more, those with most retransmissions, the slowest
    /// round trips, those reset or refused, the newest and those with most bytes have a share each, divided fairly
    /// among hosts; a sample of the others has the rest. `capture.open_connections` says how many are open in all.
    #[getter]
    fn connections(&self) -> Vec<Connection> {
        self.0.connections.iter().cloned().map(Connection).collect()
    }
    /// The same counts, with no `connections`.
    fn without_connections(&self, py: Python<'_>) -> Self {
        py.detach(|| self.0.without_connections()).into()
    }
    /// The `connections` of the same time, with no counts.
    fn only_connections(&self, py: Python<'_>) -> Self {
        py.detach(|| self.0.only_connections()).into()
    }
    /// The snapshot of them all. Associative and commutative, with the interpreter released.
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
    /// The heaviest rows, at most `max_hosts` hosts with `max_sections` sections each, and at most `max_clients`
    /// clients; the rest in `OTHER`.
    ///
    /// None is the limit of one interval: 10,000 hosts, 200 sections, 5,000 clients. In all there are never more than
    /// 100,000 sections (each host then keeps fewer), 10,000 exchanges, see `remarkable_exchanges`, and 1,000
    /// `connections`; what is left out is counted in `capture`, but for connections, which are listed anew in each
    /// interval.
    #[pyo3(signature = (max_hosts = None, max_sections = None, max_clients = None))]
    fn folded(
        &self,
        py: Python<'_>,
        max_hosts: Option<usize>,
        max_sections: Option<usize>,
        max_clients: Option<usize>,
    ) -> Self {
        let most = Limits::default();
        let limits = Limits {
            hosts: max_hosts.unwrap_or(most.hosts),
            sections_per_host: max_sections.unwrap_or(most.sections_per_host),
            clients: max_clients.unwrap_or(most.clients),
            ..most
        };
        py.detach(|| self.0.folded(&limits)).into()
    }
    /// The snapshot as plain values: what ``json.loads(s.to_json())`` gives.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let json = self.json(py)?;
        py.import("json")?.call_method1("loads", (PyBytes::new(py, &json),))
    }
    /// One line of JSON (``"schema": 1``), ASCII only, without the newline.
    ///
    /// Keys are the attribute names of these classes; `start`, `end` and `ts` are RFC 3339 UTC, durations seconds. Rows
    /// come by name. Histograms have ``p50 p90 p95 p99`` beside their buckets.
    fn to_json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.json(py)?))
    }
    /// The whole snapshot, exactly and in a tenth of the space of JSON: what pickling stores.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| snapshot::pack(&*self.0)))
    }
    /// The inverse of `to_bytes`. Data from anywhere may be given: nothing in it runs, and the snapshot takes memory
    /// in proportion to the length of the data. (Unpickling is never safe for data from anywhere.)
    ///
    /// Raises ValueError for anything else, and for what a version of netmon with another format wrote.
    #[staticmethod]
    #[expect(clippy::needless_pass_by_value, reason = "it is taken from Python")]
    fn from_bytes(py: Python<'_>, data: PyBackedBytes) -> PyResult<Self> {
        kept::unpack::<snapshot::Snapshot>(py, &data).map(Into::into)
    }
    /// The merge of both, made when somebody looks at it.
    fn __add__<'py>(&self, py: Python<'py>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let Ok(other) = other.cast::<Self>() else { return Ok(py.NotImplemented().into_bound(py)) };
        let other = other.get().share();
        Ok(Bound::new(py, Self(py.detach(|| self.0.plus(other))))?.into_any())
    }
    /// Lets ``sum(snapshots)`` begin with 0.
    fn __radd__<'py>(slf: Bound<'py, Self>, other: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
        let is_nothing = other.extract::<i64>().is_ok_and(|number| number == 0);
        if is_nothing { slf.into_any() } else { slf.py().NotImplemented().into_bound(slf.py()) }
    }
    fn __repr__(&self) -> String {
        shown::snapshot(&self.0)
    }
    fn _repr_html_(&self, py: Python<'_>) -> String {
        py.detach(|| shown::snapshot_table(&self.0))
    }
    /// The inverse of `to_json`: what one machine wrote, another may merge. Keys left out are zero or empty.
    ///
    /// What is derived is not read: `hits`, `count` and quantiles follow from the rest. Rows may come in any order.
    ///
    /// Raises ValueError for anything that is not such a document.
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

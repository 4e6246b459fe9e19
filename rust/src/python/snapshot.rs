//! The class `Snapshot`: one object for each snapshot. Work that takes time runs with the interpreter released.

use std::collections::BTreeMap;
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
use super::rows::{Rows, table_of};
use super::section::Section;
use super::server::Server;
use super::standing::{Standing, Wanted};
use super::tcp::Tcp;
use super::value::{nanos, per_of, unix, utc};
use super::{kept, records, shown};
use crate::pipeline::packet::{SECOND, Timestamp};
use crate::pipeline::snapshot::{self, Amount, Counts, Limits, Parts, Table};

/// Everything counted in one interval, or in several merged intervals. ``Snapshot()`` is empty, the identity of
/// `merge`.
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
    /// Start of the interval, inclusive; 0.0 for the empty snapshot.
    #[getter]
    fn start(&self) -> f64 {
        self.0.span.map_or(0.0, |(start, _)| unix(start))
    }
    /// End of the interval, exclusive; 0.0 for the empty snapshot.
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
    fn hosts(&self, py: Python<'_>) -> Rows {
        Rows::new(py, &self.0, Table::Hosts)
    }
    /// All sections of all hosts: those of the host with the most hits first, and of each host those with the most
    /// hits.
    #[getter]
    fn sections(&self, py: Python<'_>) -> Rows {
        Rows::new(py, &self.0, Table::Sections)
    }
    /// All clients, most hits first, ties by address. Their counts add up to those of the snapshot.
    #[getter]
    fn clients(&self, py: Python<'_>) -> Rows {
        Rows::new(py, &self.0, Table::Clients)
    }
    /// Number of clients.
    #[getter]
    fn client_count(&self) -> usize {
        self.0.clients.len()
    }
    /// Number of hosts.
    #[getter]
    fn host_count(&self) -> usize {
        self.0.hosts.len()
    }
    /// Number of sections of all hosts.
    #[getter]
    fn section_count(&self) -> usize {
        self.0.hosts.iter().map(|host| host.sections.len()).sum()
    }
    /// Number of rows in all tables, including exchanges and connections, plus one for every 64 buckets of
    /// histograms. The memory of a snapshot grows with it.
    #[getter]
    fn row_count(&self, py: Python<'_>) -> usize {
        py.detach(|| self.0.weight())
    }
    /// Flat records, one for each section of each host, for ``polars.DataFrame``, ``pandas.DataFrame`` and
    /// ``csv.DictWriter``. All records have the same keys in the same order.
    ///
    /// Keys are attribute names of `Snapshot` and `Section`. ``status_1xx`` to ``status_5xx`` are responses by class
    /// of status; ``latency_p50``, ``latency_p95`` and ``latency_p99`` are quantiles in seconds, or None. Hosts and
    /// their sections are sorted by hits, most first. ``section`` is None for a host without sections, which JSON of
    /// other programs may have.
    fn rows<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        records::of(py, &self.0)
    }
    /// A page of `ranked`: by default, the `n` hosts with the most hits. Only the objects of this page are made.
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
    /// The hosts that match, ranked by one of `SORT_KEYS`. Raises ValueError for any other key.
    ///
    /// A text in `matching` is a part of the name, in any case; after ``!``, a part that the name must not have. An
    /// empty text matches all hosts. Names are compared as they are stored, in printable ASCII. A `Matching` also
    /// looks at other fields than the name.
    ///
    /// `after` is the standing of an earlier ranking by the same key. With it, rows keep their places while figures
    /// jitter. `seconds` are the seconds since that ranking, and the seconds that this snapshot covers.
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
    /// The sections of all hosts that match, as for `ranked`; a text in `matching` is a part of the host's name.
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
    /// The clients that match, as for `ranked`; a text in `matching` is a part of the address. Clients have no
    /// ``rtt`` and no ``retransmitted``.
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
    /// The host with this name; None if there is none.
    fn host(&self, name: &str) -> Option<Host> {
        self.0.position(name).map(|at| self.make_host(at))
    }
    /// The client with this address, as in `Client.address`; None if there is none.
    fn client(&self, address: &str) -> Option<Client> {
        self.0.client_position(address).map(|at| Client(self.0.clients[at].clone()))
    }
    /// All interfaces, sorted by name.
    #[getter]
    fn interfaces(&self) -> Vec<Interface> {
        self.0.interfaces.iter().cloned().map(Interface).collect()
    }
    /// Name and `Interface.since` of each interface that came up after the start of the capture.
    #[getter]
    fn late(&self) -> Vec<(&str, f64)> {
        let since = |interface: &'_ snapshot::Interface| interface.since.map(unix);
        self.0.interfaces.iter().filter_map(|interface| Some((&*interface.name, since(interface)?))).collect()
    }
    /// Name and `Interface.problem` of each interface that has one.
    #[getter]
    fn problems(&self) -> Vec<(&str, &str)> {
        self.0.interfaces.iter().filter_map(|one| Some((&*one.name, one.problem.as_deref()?))).collect()
    }
    /// Health of all connections.
    #[getter]
    fn tcp(&self) -> Tcp {
        Tcp(self.0.tcp.clone())
    }
    /// What the capture delivered, and what the capture or the decoding lost.
    #[getter]
    fn capture(&self) -> Capture {
        Capture(self.0.capture.clone())
    }
    /// Connections of TLS and QUIC by the server name that the client sent (SNI), most frequent first.
    #[getter]
    fn server_names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let mut names: Vec<_> = self.0.servers.iter().filter(|row| row.named > 0).collect();
        names.sort_by_key(|row| std::cmp::Reverse(row.named));
        let dict = PyDict::new(py);
        for row in names {
            dict.set_item(&*row.name, row.named)?;
        }
        Ok(dict)
    }
    /// The servers that clients reach through TLS or QUIC, the most encrypted bytes first, then the most
    /// connections, ties by name.
    #[getter]
    fn servers(&self) -> Vec<Server> {
        let mut rows: Vec<_> = self.0.servers.iter().collect();
        rows.sort_by_key(|row| std::cmp::Reverse((row.bytes(), row.connections)));
        rows.into_iter().cloned().map(Server).collect()
    }
    /// The subsets in which the exchanges of this snapshot were counted, see `Engine.set_subsets`: pairs of a filter
    /// and a kind of rows. A merge has those that all of its parts have.
    #[getter]
    fn subsets(&self) -> Vec<(&str, &str)> {
        self.0.subsets.iter().map(|subset| (&*subset.text, subset.per.name())).collect()
    }
    /// The count named `amount` of each row of a subset: of the exchanges that the filter `where` admits, by name of
    /// host, section (host and path), client, interface or ``"outcome"`` (method, status or 0, host) as `per` says, or
    /// with an empty name for all. None if the exchanges of this snapshot were not counted for that subset.
    ///
    /// `amount` is as in `Sliding.add_sum`. The row for the rest is not included. Raises ValueError for an unknown
    /// name.
    #[pyo3(signature = (r#where, per = "", amount = "requests"))]
    fn subset(&self, r#where: &str, per: &str, amount: &str) -> PyResult<Option<BTreeMap<String, u64>>> {
        let Some(counter) = Amount::from_name(amount) else {
            return Err(PyValueError::new_err(format!("nothing is counted as {amount:?}")));
        };
        let found = snapshot::find_subset(&self.0.subsets, r#where, per_of(per)?);
        let counted = |row: &snapshot::SubsetRow| {
            let parts = Parts { counts: Some(&row.counts), ..Parts::default() };
            Some((row.name.to_string(), counter.count(&parts)?))
        };
        Ok(found.map(|subset| subset.named().filter_map(counted).collect()))
    }
    /// The same snapshot without its subsets.
    fn without_subsets(&self, py: Python<'_>) -> Self {
        py.detach(|| self.0.without_subsets()).into()
    }
    /// The interval of `length` seconds after this one, as a capture without traffic would count it: no event is
    /// counted, while interfaces, the numbers of connections and open connections stay as they were.
    fn silence(&self, length: f64) -> PyResult<Self> {
        let nanos = nanos(length)?.ok_or_else(|| PyValueError::new_err("the length must be finite"))?;
        Ok(self.0.silence(nanos).into())
    }
    /// Exchanges, sorted by time. Empty unless the setting `exchanges` asks for them.
    #[getter]
    fn exchanges(&self, py: Python<'_>) -> Rows {
        Rows::new(py, &self.0, Table::Exchanges)
    }
    /// At most `most` exchanges of `before` and of this snapshot, in that order: those that a person would look for.
    ///
    /// Responses with a status of 500 or above, those with a status of 400 to 499, requests without a response and
    /// the slowest exchanges each have a share of the places, divided fairly among sections. The newest exchanges
    /// get the places that are left.
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
    /// The exchanges with the greatest latency, at most `most`, all above `above` seconds; the slowest comes first,
    /// and of equal ones the oldest.
    #[pyo3(signature = (most, above = 0.0))]
    fn slowest_exchanges(&self, py: Python<'_>, most: usize, above: f64) -> Vec<Exchange> {
        let above = (above * SECOND as f64).round() as u64;
        let found = py.detach(|| snapshot::slowest(&self.0.exchanges, most, above));
        found.into_iter().cloned().map(Exchange).collect()
    }
    /// The same snapshot without its `exchanges`.
    fn without_exchanges(&self, py: Python<'_>) -> Self {
        py.detach(|| self.0.without_exchanges()).into()
    }
    /// Connections with a segment in the interval, and a sample of open ones that were silent, sorted by the time of
    /// their first segment. A merge has each connection as it was last seen. Empty unless the setting `connections`
    /// asks for them.
    ///
    /// An interval, and the result of `folded`, has at most 1,000. If there are more, the connections with the most
    /// retransmissions, the slowest round trips, those that were reset or refused, the newest and those with the
    /// most bytes each have a share of the places, divided fairly among hosts. A sample of the others gets the
    /// places that are left. `capture.open_connections` is the number of all open connections.
    #[getter]
    fn connections(&self) -> Vec<Connection> {
        self.0.connections.iter().cloned().map(Connection).collect()
    }
    /// The same snapshot without its `connections`.
    fn without_connections(&self, py: Python<'_>) -> Self {
        py.detach(|| self.0.without_connections()).into()
    }
    /// A snapshot of the same time with only the `connections`, without counts.
    fn only_connections(&self, py: Python<'_>) -> Self {
        py.detach(|| self.0.only_connections()).into()
    }
    /// The merge of all `snapshots`. Runs with the interpreter released.
    ///
    /// Merging is associative and commutative, and ``Snapshot()`` is its identity: counts, bytes and buckets of
    /// histograms are added exactly, whatever the order and the grouping, and no row is dropped (`folded` drops rows).
    /// Parts may come from other processes and machines: snapshots can be pickled, see also `from_json`. What is
    /// rather than happens, such as the number of open connections, is that of the part that ends last.
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
    /// The snapshot with only its heaviest rows: at most `max_hosts` hosts with at most `max_sections` sections
    /// each, and at most `max_clients` clients. The other rows are added to `OTHER`.
    ///
    /// None stands for the limit of one interval: 10,000 hosts, 200 sections, 5,000 clients. In all, at most 100,000
    /// sections are kept (each host then keeps fewer), 10,000 exchanges (see `remarkable_exchanges`) and 1,000
    /// `connections`. `capture` counts what is left out, except for connections, which each interval lists anew.
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
    /// Keys are the attribute names of these classes. `start`, `end` and `ts` are RFC 3339 times in UTC; durations
    /// are in seconds. Rows are sorted by name. Histograms have ``p50 p90 p95 p99`` besides their buckets.
    fn to_json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.json(py)?))
    }
    /// A line of JSON for each exchange, with the attribute names of `Exchange`, in ASCII.
    ///
    /// `ts` is an RFC 3339 time in UTC, exact to the microsecond; durations are in seconds.
    fn exchanges_ndjson<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let lines = py.detach(|| self.0.exchanges_json()).map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(PyBytes::new(py, &lines))
    }
    /// Each of these rows as a line of CSV, without the line of names that `csv_head` gives. `rows` as in `arrow`.
    ///
    /// Lines end with a line feed. Times are RFC 3339 in UTC, durations are in seconds, `methods` and `statuses` are
    /// JSON objects. Text that a spreadsheet would read as a formula gets an apostrophe in front.
    #[pyo3(signature = (rows = "sections"))]
    fn to_csv<'py>(&self, py: Python<'py>, rows: &str) -> PyResult<Bound<'py, PyBytes>> {
        let table = table_of(rows)?;
        Ok(PyBytes::new(py, &py.detach(|| self.0.csv_lines(table))))
    }
    /// The whole snapshot, exactly, in a tenth of the space of JSON. Pickling stores these bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &py.detach(|| snapshot::pack(&*self.0)))
    }
    /// The inverse of `to_bytes`. It is safe for data from anywhere: nothing in the data is executed, and the
    /// snapshot takes memory in proportion to the length of the data. (Unpickling is never safe for data from
    /// anywhere.)
    ///
    /// Raises ValueError for anything else, and for data from a version of netmon with another format.
    #[staticmethod]
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 passes it by value")]
    fn from_bytes(py: Python<'_>, data: PyBackedBytes) -> PyResult<Self> {
        kept::unpack::<snapshot::Snapshot>(py, &data).map(Into::into)
    }
    /// The merge of both snapshots, computed when it is first read.
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
    /// The inverse of `to_json`, so that a machine can merge what another one wrote. Missing keys are zero or empty.
    ///
    /// Derived values are not read: `hits`, `count` and quantiles are computed from the rest. Rows may be in any
    /// order.
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

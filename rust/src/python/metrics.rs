//! The class `Metrics`: sums for monitoring systems. Encoding runs with the interpreter released.

use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::snapshot::Snapshot;
use super::value::unix;
use crate::metrics::{self, Form, Otlp, Store, Temporality, Text};

/// The sums of snapshots as series for monitoring systems, whose number has a bound. `docs/metrics.md` lists them.
///
/// The first `hosts` hosts, those with the most hits in the first snapshot before others, get series of their own and
/// keep them. Later ones count in `OTHER`. No counter ever decreases. Durations are told apart by method and status if
/// snapshots have the subset `METRICS_SUBSET`, see `Monitor.set_subsets`; else only by host.
///
/// Any thread may use it. All work is done with the interpreter released. Raises ValueError unless `hosts` is above 0.
#[pyclass(frozen, module = "netmon._core")]
pub struct Metrics(Mutex<Store>);

impl Metrics {
    fn with<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut Store) -> T + Send) -> T {
        py.detach(|| work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

#[pymethods]
impl Metrics {
    #[new]
    #[pyo3(signature = (hosts = metrics::MAX_HOSTS), text_signature = "(hosts=200)")]
    fn new(hosts: usize) -> PyResult<Self> {
        if hosts == 0 {
            return Err(PyValueError::new_err("at least one host has series of its own"));
        }
        Ok(Self(Mutex::new(Store::new(hosts))))
    }

    /// Adds what a snapshot counted.
    fn add(&self, py: Python<'_>, snapshot: &Snapshot) {
        let snapshot = snapshot.share();
        self.with(py, |store| store.add(&snapshot));
    }

    /// Sets which alert rules there are: name, severity, the number of rows for which the rule fires, and whether
    /// that is unknown. What was counted of other rules stays.
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 passes it by value")]
    fn set_rules(&self, py: Python<'_>, rules: Vec<(String, String, u64, bool)>) {
        let each = rules.iter().map(|(name, severity, firing, unknown)| (&**name, &**severity, *firing, *unknown));
        self.with(py, |store| store.set_rules(each));
    }

    /// Counts an alert of a rule that fired or, without `fired`, recovered.
    #[pyo3(signature = (name, severity, *, fired))]
    fn count_alert(&self, py: Python<'_>, name: &str, severity: &str, fired: bool) {
        self.with(py, |store| store.count_alert(name, severity, fired));
    }

    /// All series in Prometheus' text format 0.0.4, with classic histograms.
    fn text<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let text = self.with(py, |store| Text::prometheus(store));
        PyBytes::new(py, text.as_bytes())
    }

    /// All series as OpenMetrics 1.0, with classic histograms.
    fn openmetrics<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let text = self.with(py, |store| Text::openmetrics(store));
        PyBytes::new(py, text.as_bytes())
    }

    /// All series as Prometheus' delimited protobuf, with native and classic histograms.
    fn protobuf<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes = self.with(py, |store| metrics::families(store));
        PyBytes::new(py, &bytes)
    }

    /// All series as an ``ExportMetricsServiceRequest`` of OpenTelemetry's protocol, with the attributes of its
    /// `resource`.
    ///
    /// With `explicit`, histograms have fixed bounds; without, they are exponential, as they were counted. With
    /// `delta`, the sums are told to be those since the last `take`, and series in which nothing was counted are left
    /// out.
    #[pyo3(signature = (resource = Vec::new(), *, explicit = false, delta = false), text_signature = "($self, resource=..., *, explicit=False, delta=False)")]
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 passes it by value")]
    fn otlp<'py>(
        &self,
        py: Python<'py>,
        resource: Vec<(String, String)>,
        explicit: bool,
        delta: bool,
    ) -> Bound<'py, PyBytes> {
        let form = if explicit { Form::Explicit } else { Form::Exponential };
        let temporality = if delta { Temporality::Delta } else { Temporality::Cumulative };
        let bytes = self.with(py, |store| Otlp::request(store, &resource, temporality, form));
        PyBytes::new(py, &bytes)
    }

    /// Returns what was counted since the last call, and begins to count anew. Hosts keep their series.
    fn take(&self, py: Python<'_>) -> Self {
        Self(Mutex::new(self.with(py, Store::take)))
    }

    /// Adds what `before` has counted: a part that was taken and could not be exported.
    fn absorb(&self, py: Python<'_>, before: &Self) {
        let before = before.with(py, |store| store.clone());
        self.with(py, |store| store.absorb(&before));
    }

    /// End of the newest snapshot in seconds since 1970; 0.0 before the first one.
    #[getter]
    fn end(&self, py: Python<'_>) -> f64 {
        self.with(py, |store| store.newest()).map_or(0.0, unix)
    }

    /// Number of hosts that have series of their own.
    #[getter]
    fn hosts(&self, py: Python<'_>) -> usize {
        self.with(py, |store| store.host_count())
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("<Metrics of {} hosts>", self.hosts(py))
    }
}

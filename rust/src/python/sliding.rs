//! The class `Sliding`: sums over the last seconds, for alert rules.

use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::filter::Filter;
use super::snapshot::Snapshot;
use super::value::per_of;
use crate::pipeline::packet::{SECOND, Timestamp};
use crate::pipeline::snapshot::{self, Amount, Reading, Rows};

/// Nanoseconds in a microsecond, the unit of time here.
const MICRO: i64 = 1_000;

/// Sums over the last seconds for each row of a table: what alert rules compare with their thresholds.
///
/// `per` is ``"host"``, ``"section"``, ``"client"`` or ``"interface"``; the empty string is a table of one row, the
/// whole snapshot, whose key is the empty string. With `subset` it may be ``"process"``. The key of a section is its
/// host and its path. With `filter`, only
/// the rows that it admits count: it is about hosts and sections, or clients, or interfaces. With `subset`, the text of
/// any filter, the rows are those of that subset, if snapshots have it (`Snapshot.subsets`). With `keeps`, a row stays
/// known when nothing of it is left in any span. Times are whole microseconds, given in the order of the calls. At most
/// 100,000 rows are known at a time. The row for the rest is not one of them. Work on many rows is done with the
/// interpreter released.
#[pyclass(frozen, module = "netmon._core")]
pub struct Sliding(Mutex<Tables>);

#[derive(Clone)]
struct Tables {
    table: snapshot::Sliding,
    /// The columns that were added: their name, span in nanoseconds, and number.
    columns: Vec<(String, i64, usize)>,
    readings: Vec<Reading>,
}

impl Tables {
    /// The column that adds up this amount, which is added if there is none yet.
    fn column(&mut self, name: &str, span: i64) -> PyResult<usize> {
        let found = self.columns.iter().find(|(known, length, _)| known == name && *length == span);
        if let Some(&(_, _, column)) = found {
            return Ok(column);
        }
        let column = match Amount::from_name(name) {
            Some(amount @ Amount::Times(..)) => self.table.add_times(amount, span),
            Some(amount) => self.table.add_counts(amount, span),
            None => return Err(PyValueError::new_err(format!("nothing is counted as {name:?}"))),
        };
        self.columns.push((name.to_owned(), span, column));
        Ok(column)
    }

    fn counts(&mut self, names: &[String], span: i64) -> PyResult<Vec<usize>> {
        if let Some(name) = names.iter().find(|name| matches!(Amount::from_name(name), Some(Amount::Times(..)))) {
            return Err(PyValueError::new_err(format!("{name:?} is a histogram, not a count")));
        }
        names.iter().map(|name| self.column(name, span)).collect()
    }
}

impl Sliding {
    fn with<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut Tables) -> T + Send) -> T {
        py.detach(|| work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn add(&self, py: Python<'_>, make: impl FnOnce(&mut Tables) -> PyResult<Reading> + Send) -> PyResult<usize> {
        self.with(py, |tables| {
            let reading = make(tables)?;
            tables.readings.push(reading);
            Ok(tables.readings.len() - 1)
        })
    }
}

fn micros(at: i64) -> Timestamp {
    Timestamp(at.saturating_mul(MICRO))
}

/// Converts a span in microseconds to nanoseconds. ValueError unless it is above 0.
fn span_of(span: i64) -> PyResult<i64> {
    (span > 0).then(|| span.saturating_mul(MICRO)).ok_or_else(|| PyValueError::new_err("a span is above 0"))
}

#[pymethods]
impl Sliding {
    #[new]
    #[pyo3(signature = (per = "", *, filter = None, subset = None, keeps = false))]
    fn new(per: &str, filter: Option<&Filter>, subset: Option<&str>, keeps: bool) -> PyResult<Self> {
        let rows = match (filter, subset) {
            (Some(_), Some(_)) => return Err(PyValueError::new_err("a table has a filter or a subset, not both")),
            (None, Some(text)) => Rows::OfSubset(text.into()),
            (filter, None) => Rows::Admitted(filter.map(|filter| filter.parsed().clone().into())),
        };
        let table = snapshot::Sliding::new(per_of(per)?, rows, keeps);
        Ok(Self(Mutex::new(Tables { table, columns: Vec::new(), readings: Vec::new() })))
    }

    /// Adds a reading: the sum of the `names` over `span` microseconds, times `factor`. Returns its number. Names
    /// are ``hits``, ``status.503``, ``status.5xx`` and the fields that a snapshot counts. Readings are added before
    /// the first snapshot. ValueError for an unknown name.
    #[pyo3(signature = (names, span, *, factor = 1.0))]
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 passes it by value")]
    fn add_sum(&self, py: Python<'_>, names: Vec<String>, span: i64, factor: f64) -> PyResult<usize> {
        self.add(py, |tables| Ok(Reading::Sum(tables.counts(&names, span_of(span)?)?, factor)))
    }

    /// Adds a reading: the sum of `parts` divided by the sum of `whole`; None if that is 0.
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 passes it by value")]
    fn add_ratio(&self, py: Python<'_>, parts: Vec<String>, whole: Vec<String>, span: i64) -> PyResult<usize> {
        self.add(py, |tables| {
            let span = span_of(span)?;
            Ok(Reading::Ratio(tables.counts(&parts, span)?, tables.counts(&whole, span)?))
        })
    }

    /// Adds a reading: the quantile `q`, from 0 to 1, of ``latency`` or ``duration`` in seconds, at most 2.2 % from
    /// the exact one; None if there are no durations.
    fn add_quantile(&self, py: Python<'_>, name: &str, span: i64, q: f64) -> PyResult<usize> {
        self.add(py, |tables| match Amount::from_name(name) {
            Some(Amount::Times(..)) => Ok(Reading::Quantile(tables.column(name, span_of(span)?)?, q)),
            _ => Err(PyValueError::new_err(format!("{name:?} is not a histogram"))),
        })
    }

    /// Adds a reading: seconds since the row was last seen in traffic.
    fn add_absence(&self, py: Python<'_>) -> usize {
        self.with(py, |tables| {
            tables.readings.push(Reading::Absence);
            tables.readings.len() - 1
        })
    }

    /// The past begins at the time `at`, as it otherwise does with the first snapshot.
    fn begin(&self, py: Python<'_>, at: i64) {
        self.with(py, |tables| tables.table.begin(micros(at)));
    }

    /// The time since which all that a reading consists of is added up; None before the first snapshot.
    fn begun(&self, py: Python<'_>, reading: usize) -> Option<i64> {
        let begun = self.with(py, |tables| tables.table.begun(tables.readings.get(reading)?));
        begun.map(|begun| begun.0.div_euclid(MICRO))
    }

    /// Adds a snapshot, whose counts all belong to the time `at`.
    fn push(&self, py: Python<'_>, snapshot: &Snapshot, at: i64) {
        let snapshot = snapshot.share();
        self.with(py, |tables| tables.table.push(&snapshot, micros(at)));
    }

    /// Passes time to `now`: what ended a span or more before leaves the sums.
    fn pass_time(&self, py: Python<'_>, now: i64) {
        self.with(py, |tables| tables.table.pass(micros(now)));
    }

    /// The value of a reading for the row with this key, which may be unknown: then a sum is 0.
    fn value(&self, py: Python<'_>, reading: usize, key: &str) -> Option<f64> {
        self.with(py, |tables| tables.table.value(tables.readings.get(reading)?, key))
    }

    /// Key and value of all rows whose value is `bound` or more or, with `below`, `bound` or less. With `enough`,
    /// only of rows of which the reading `enough[0]` is `enough[1]` or more; its value is the third, else 0. With
    /// `or_nearest`, if there is none, the row that is nearest to the bound.
    #[pyo3(signature = (reading, bound, *, below = false, enough = None, or_nearest = false))]
    fn beyond(
        &self,
        py: Python<'_>,
        reading: usize,
        bound: f64,
        below: bool,
        enough: Option<(usize, f64)>,
        or_nearest: bool,
    ) -> Vec<(String, f64, f64)> {
        let find = if or_nearest { snapshot::Sliding::beyond_or_nearest } else { snapshot::Sliding::beyond };
        self.with(py, |tables| {
            let reading = tables.readings.get(reading);
            let enough = enough.and_then(|(other, least)| Some((tables.readings.get(other)?, least)));
            reading.map(|reading| find(&tables.table, reading, bound, !below, enough)).unwrap_or_default()
        })
    }

    /// For each column that has something, the time of the oldest part and the span, both in microseconds: when the
    /// sums change although nothing is added.
    #[getter]
    fn oldest(&self, py: Python<'_>) -> Vec<(i64, i64)> {
        let oldest = self.with(py, |tables| tables.table.oldest());
        oldest.into_iter().map(|(end, span)| (end.0 / MICRO, span / MICRO)).collect()
    }

    /// Number of rows of snapshots that were not added up because too many were known.
    #[getter]
    fn overflow(&self, py: Python<'_>) -> u64 {
        self.with(py, |tables| tables.table.overflow())
    }

    /// An independent copy with the same past.
    fn copy(&self, py: Python<'_>) -> Self {
        Self(Mutex::new(self.with(py, |tables| tables.clone())))
    }

    /// The past as bytes, for `load`.
    fn dump<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes = self.with(py, |tables| tables.table.dump());
        PyBytes::new(py, &bytes)
    }

    /// Replaces the past by one that `dump` wrote of a table of the same rows. Names are taken up whatever their
    /// spans; a name that is new begins at the time of the dump. ValueError for other bytes.
    fn load(&self, py: Python<'_>, past: &[u8]) -> PyResult<()> {
        self.with(py, |tables| tables.table.load(past)).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let (per, readings) = self.with(py, |tables| (tables.table.per(), tables.readings.len()));
        format!("<Sliding per {per:?}: {readings} readings>")
    }
}

const _: () = assert!(SECOND == 1_000_000 * MICRO);

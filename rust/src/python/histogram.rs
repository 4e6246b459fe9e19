//! Histograms as Python sees them.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::kept::{self, Reduced};
use super::shown;
use super::value::seconds;
use crate::pipeline::histogram;
use crate::pipeline::packet::SECOND;

/// OpenTelemetry's exponential histogram over seconds: relative error of a quantile at most 2.2 %.
///
/// That is at scale 4. A snapshot has four million buckets at the most; where that is too few, scales are lowered, and
/// each step doubles the error: `Capture.histogram_halvings`. Histograms of different scales merge at the lower one.
#[pyclass(frozen, module = "netmon._core")]
pub struct Histogram(pub histogram::Histogram);

#[pymethods]
impl Histogram {
    /// How many values.
    #[getter]
    fn count(&self) -> u64 {
        self.0.count()
    }
    /// Their sum in seconds.
    #[getter]
    fn sum(&self) -> f64 {
        self.0.sum() as f64 / SECOND as f64
    }
    /// The least value in seconds; None when empty.
    #[getter]
    fn min(&self) -> Option<f64> {
        self.0.extremes().map(|(min, _)| seconds(min))
    }
    /// The greatest value in seconds; None when empty.
    #[getter]
    fn max(&self) -> Option<f64> {
        self.0.extremes().map(|(_, max)| seconds(max))
    }
    /// 4, or less: a doubling has 2**scale buckets.
    #[getter]
    fn scale(&self) -> i32 {
        self.0.scale()
    }
    /// Index of the first of `buckets`: bucket i holds values in (b**i, b**(i+1)] seconds; b is 2**(2**-scale).
    #[getter]
    fn offset(&self) -> i32 {
        self.0.buckets().offset()
    }
    /// Counts by bucket, from `offset` on; the first and the last are not zero.
    #[getter]
    fn buckets(&self) -> Vec<u64> {
        self.0.buckets().iter().collect()
    }
    /// Values of exactly zero, which no bucket holds.
    #[getter]
    fn zero_count(&self) -> u64 {
        self.0.zero_count()
    }
    /// The value at quantile `q` of 0..1; None when empty. ValueError outside 0..1.
    fn quantile(&self, q: f64) -> PyResult<Option<f64>> {
        if !(0.0..=1.0).contains(&q) {
            return Err(PyValueError::new_err(format!("a quantile is within 0 and 1, not {q}")));
        }
        Ok(self.0.quantile(q).map(seconds))
    }
    /// The same object: it never changes.
    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }
    /// The same object: it never changes.
    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Reduced<'py>> {
        kept::reduce(py, "Histogram", &self.0)
    }
    fn __repr__(&self) -> String {
        shown::histogram(&self.0)
    }
    fn _repr_html_(&self) -> String {
        shown::histogram_table(&self.0)
    }
}

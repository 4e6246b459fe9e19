//! Histograms as Python sees them.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::kept::{self, Reduced};
use super::shown;
use super::value::seconds;
use crate::pipeline::histogram;
use crate::pipeline::packet::SECOND;

/// OpenTelemetry's exponential histogram of seconds. The relative error of a quantile is at most 2.2 %.
///
/// This holds at scale 4. A snapshot has at most four million buckets. If it needs more, scales are lowered, and
/// each step doubles the error: see `Capture.histogram_halvings`. Histograms of different scales merge at the lower
/// one.
#[pyclass(frozen, module = "netmon._core")]
pub struct Histogram(pub histogram::Histogram);

#[pymethods]
impl Histogram {
    /// Number of values.
    #[getter]
    fn count(&self) -> u64 {
        self.0.count()
    }
    /// Sum of the values in seconds.
    #[getter]
    fn sum(&self) -> f64 {
        self.0.sum() as f64 / SECOND as f64
    }
    /// The smallest value in seconds; None if there is no value.
    #[getter]
    fn min(&self) -> Option<f64> {
        self.0.extremes().map(|(min, _)| seconds(min))
    }
    /// The greatest value in seconds; None if there is no value.
    #[getter]
    fn max(&self) -> Option<f64> {
        self.0.extremes().map(|(_, max)| seconds(max))
    }
    /// The scale, 4 or less: 2**scale buckets cover a factor of two.
    #[getter]
    fn scale(&self) -> i32 {
        self.0.scale()
    }
    /// Index of the first of `buckets`: bucket i holds values in (b**i, b**(i+1)] seconds; b is 2**(2**-scale).
    #[getter]
    fn offset(&self) -> i32 {
        self.0.buckets().offset()
    }
    /// Number of values in each bucket, from `offset` on; the first and the last number are not zero.
    #[getter]
    fn buckets(&self) -> Vec<u64> {
        self.0.buckets().iter().collect()
    }
    /// Number of values that are exactly zero; no bucket holds them.
    #[getter]
    fn zero_count(&self) -> u64 {
        self.0.zero_count()
    }
    /// The value at quantile `q`, from 0 to 1; None if there is no value. Raises ValueError for another `q`.
    fn quantile(&self, q: f64) -> PyResult<Option<f64>> {
        if !(0.0..=1.0).contains(&q) {
            return Err(PyValueError::new_err(format!("a quantile must be from 0 to 1, not {q}")));
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

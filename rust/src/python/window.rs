//! Windows as Python sees them.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

use super::snapshot::Snapshot;
use super::value::nanos;
use crate::pipeline::packet::SECOND;
use crate::pipeline::snapshot;

/// The merge of the last `length` seconds, and the merge of everything. Each new snapshot costs a few merges.
///
/// All work is done with the interpreter released. Any thread may use a window. Memory is bounded: all its snapshots
/// together have at most 400,000 rows. A snapshot with more than its share is folded: its lightest rows are added to
/// `OTHER`; sums stay exact. The window slides by snapshots or, if these are shorter, by a sixtieth of its length.
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
    /// Without a length, or with an infinite one, nothing leaves the window. Raises ValueError unless `length` is
    /// above 0.
    #[new]
    #[pyo3(signature = (length = f64::INFINITY))]
    fn new(length: f64) -> PyResult<Self> {
        Ok(Self(Mutex::new(snapshot::Window::new(nanos(length)?))))
    }

    /// Adds the next snapshot. Snapshots that ended `length` or more before its end leave the window.
    ///
    /// A snapshot that ends before all that are kept, because the clock was set back, begins a new window.
    fn push(&self, py: Python<'_>, snapshot: &Snapshot) {
        let snapshot = snapshot.share();
        self.with(py, |window| window.push(snapshot));
    }

    /// An independent window with the same past. Both share their rows.
    fn copy(&self, py: Python<'_>) -> Self {
        Self(Mutex::new(self.with(py, |window| window.clone())))
    }

    /// Makes the window longer or shorter at once, with the snapshots that are kept: those of the last 60 s at
    /// least, or fewer if they have too many rows.
    fn resize(&self, py: Python<'_>, length: f64) -> PyResult<()> {
        let length = nanos(length)?;
        self.with(py, |window| window.resize(length));
        Ok(())
    }

    /// Length in seconds; infinite if nothing leaves the window.
    #[getter]
    fn length(&self, py: Python<'_>) -> f64 {
        let length = self.with(py, |window| window.length());
        length.map_or(f64::INFINITY, |nanos| nanos as f64 / SECOND as f64)
    }

    /// The merge of the window as it is now. Later snapshots do not change it.
    #[getter]
    fn merged(&self, py: Python<'_>) -> Snapshot {
        self.with(py, |window| window.merged()).into()
    }

    /// The merge of everything ever pushed. It is folded to the limits of one interval when it exceeds twice these
    /// limits.
    #[getter]
    fn total(&self, py: Python<'_>) -> Snapshot {
        self.with(py, |window| window.total()).into()
    }
}

//! Windows as Python sees them.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

use super::snapshot::Snapshot;
use super::value::nanos;
use crate::pipeline::packet::SECOND;
use crate::pipeline::snapshot;

/// The merge of the last `length` seconds, and of everything, kept up to date with a few merges for each snapshot.
///
/// All work is done with the interpreter released; safe from any thread. Memory is bounded: of a snapshot with more
/// rows than its share of 400,000, the lightest are folded into `OTHER`; sums stay exact. The window slides by
/// snapshots, or by a sixtieth of its length where they are shorter.
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
    /// Without a length, or with an infinite one, nothing leaves the window. ValueError unless above 0.
    #[new]
    #[pyo3(signature = (length = f64::INFINITY))]
    fn new(length: f64) -> PyResult<Self> {
        Ok(Self(Mutex::new(snapshot::Window::new(nanos(length)?))))
    }

    /// Takes the next snapshot; what ended `length` or more before its end leaves.
    ///
    /// One that ends before all that is kept (a clock set back) begins a new window.
    fn push(&self, py: Python<'_>, snapshot: &Snapshot) {
        let snapshot = snapshot.share();
        self.with(py, |window| window.push(snapshot));
    }

    /// Another window with the same past, which goes on by itself; rows are shared.
    fn copy(&self, py: Python<'_>) -> Self {
        Self(Mutex::new(self.with(py, |window| window.clone())))
    }

    /// Makes the window longer or shorter at once, with what is there: the last 60 s at least, in a flood fewer.
    fn resize(&self, py: Python<'_>, length: f64) -> PyResult<()> {
        let length = nanos(length)?;
        self.with(py, |window| window.resize(length));
        Ok(())
    }

    /// Seconds; infinite when nothing leaves the window.
    #[getter]
    fn length(&self, py: Python<'_>) -> f64 {
        let length = self.with(py, |window| window.length());
        length.map_or(f64::INFINITY, |nanos| nanos as f64 / SECOND as f64)
    }

    /// The window as it is now; later snapshots do not change it.
    #[getter]
    fn merged(&self, py: Python<'_>) -> Snapshot {
        self.with(py, |window| window.merged()).into()
    }

    /// The merge of everything ever pushed, folded to the limits of one interval when it outgrows twice these.
    #[getter]
    fn total(&self, py: Python<'_>) -> Snapshot {
        self.with(py, |window| window.total()).into()
    }
}

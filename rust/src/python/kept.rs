//! Pickling: a value of the core as bytes, and the value of such bytes.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::pipeline::snapshot::{self, Field};

/// What `__reduce__` gives: the function `_restore`, the name of the class and the bytes.
pub type Reduced<'py> = (Bound<'py, PyAny>, (String, Bound<'py, PyBytes>));

/// How a value of this class is made again.
pub fn reduce<'py>(py: Python<'py>, class: &str, value: &(impl Field + Sync)) -> PyResult<Reduced<'py>> {
    let restore = py.import("netmon._core")?.getattr("_restore")?;
    let bytes = py.detach(|| snapshot::pack(value));
    Ok((restore, (class.to_owned(), PyBytes::new(py, &bytes))))
}

/// The value of bytes that somebody wrote.
pub fn unpack<T: Field + Send>(py: Python<'_>, bytes: &[u8]) -> PyResult<T> {
    py.detach(|| snapshot::unpack(bytes)).map_err(|error| PyValueError::new_err(format!("not a snapshot: {error}")))
}

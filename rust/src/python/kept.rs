//! Pickling: turns a value of the core into bytes, and back.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::pipeline::snapshot::{self, Field};

/// The result of `__reduce__`: the function `_restore`, and its arguments, the name of the class and the bytes.
pub type Reduced<'py> = (Bound<'py, PyAny>, (String, Bound<'py, PyBytes>));

/// Returns the result of `__reduce__` for a value of this class.
pub fn reduce<'py>(py: Python<'py>, class: &str, value: &(impl Field + Sync)) -> PyResult<Reduced<'py>> {
    let restore = py.import("netmon._core")?.getattr("_restore")?;
    let bytes = py.detach(|| snapshot::pack(value));
    Ok((restore, (class.to_owned(), PyBytes::new(py, &bytes))))
}

/// Returns the value that the bytes were made of. `ValueError` if they were not made of such a value.
pub fn unpack<T: Field + Send>(py: Python<'_>, bytes: &[u8]) -> PyResult<T> {
    py.detach(|| snapshot::unpack(bytes)).map_err(|error| PyValueError::new_err(format!("not a snapshot: {error}")))
}

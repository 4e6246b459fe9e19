//! Pickling: a value of the core as bytes, and the function that makes it again.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use super::rows::{Capture, Client, Connection, Exchange, Histogram, Host, Interface, Section, Tcp};
use super::snapshot::Snapshot;
use crate::pipeline::snapshot::{self, Field};

/// What `__reduce__` gives: [`_restore`], the name of the class and the bytes.
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

/// What unpickling calls: an object of this class again.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "it is taken from Python")]
#[pyo3(signature = (class_, data, /))]
pub fn _restore(py: Python<'_>, class_: &str, data: PyBackedBytes) -> PyResult<Py<PyAny>> {
    let data = &*data;
    Ok(match class_ {
        "Snapshot" => Py::new(py, Snapshot::from(unpack::<snapshot::Snapshot>(py, data)?))?.into_any(),
        "Host" => Py::new(py, Host(unpack(py, data)?))?.into_any(),
        "Section" => Py::new(py, Section(unpack(py, data)?))?.into_any(),
        "Client" => Py::new(py, Client(unpack(py, data)?))?.into_any(),
        "Histogram" => Py::new(py, Histogram(unpack(py, data)?))?.into_any(),
        "Interface" => Py::new(py, Interface(unpack(py, data)?))?.into_any(),
        "Tcp" => Py::new(py, Tcp(unpack(py, data)?))?.into_any(),
        "Capture" => Py::new(py, Capture(unpack(py, data)?))?.into_any(),
        "Connection" => Py::new(py, Connection(unpack(py, data)?))?.into_any(),
        "Exchange" => Py::new(py, Exchange(unpack(py, data)?))?.into_any(),
        _ => return Err(PyValueError::new_err(format!("netmon has no class {class_:?}"))),
    })
}

//! Unpickling: makes an object of a class from the bytes that [`kept`](super::kept) made.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use super::capture::Capture;
use super::client::Client;
use super::connection::Connection;
use super::exchange::Exchange;
use super::histogram::Histogram;
use super::host::Host;
use super::interface::Interface;
use super::kept::unpack;
use super::process::Process;
use super::section::Section;
use super::server::Server;
use super::snapshot::Snapshot;
use super::stream::Stream;
use super::tcp::Tcp;
use crate::pipeline::snapshot;

/// Called by unpickling: makes an object of this class from the bytes that pickling stored.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "PyO3 passes it by value")]
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
        "Server" => Py::new(py, Server(unpack(py, data)?))?.into_any(),
        "Tcp" => Py::new(py, Tcp(unpack(py, data)?))?.into_any(),
        "Capture" => Py::new(py, Capture(unpack(py, data)?))?.into_any(),
        "Connection" => Py::new(py, Connection(unpack(py, data)?))?.into_any(),
        "Stream" => Py::new(py, Stream(unpack(py, data)?))?.into_any(),
        "Process" => Py::new(py, Process(unpack(py, data)?))?.into_any(),
        "Exchange" => Py::new(py, Exchange(unpack(py, data)?))?.into_any(),
        _ => return Err(PyValueError::new_err(format!("netmon has no class {class_:?}"))),
    })
}

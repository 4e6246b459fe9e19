//! What the classes of rows have in common. Their objects are frozen views that share a row of the core, so they stay
//! valid when the snapshot is freed. Common methods are macros, since PyO3 wants all methods of a class in one `impl`
//! block.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::pipeline::snapshot::{Tally, TallyKey};

/// Counts by the names of their keys, most frequent first.
pub fn by_name<'py, K: TallyKey>(py: Python<'py>, tally: &Tally<K>) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (key, count) in tally.by_count() {
        dict.set_item(key.label(), count)?;
    }
    Ok(dict)
}

/// Counts by numbers, most frequent first.
pub fn by_number<'py>(py: Python<'py>, tally: &Tally<u16>) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (key, count) in tally.by_count() {
        dict.set_item(key, count)?;
    }
    Ok(dict)
}

/// Defines a class of plain counters over a value of the core: `Class(field, ...) of Type { more methods }`.
macro_rules! counters {
    ($(#[$meta:meta])* $name:ident($($(#[$field_meta:meta])* $field:ident),+ $(,)?) of $inner:ty { $($more:tt)* }) => {
        $(#[$meta])*
        #[pyclass(frozen, module = "netmon._core")]
        pub struct $name(pub $inner);

        #[pymethods]
        impl $name {
            $($(#[$field_meta])*
            #[getter]
            fn $field(&self) -> u64 {
                self.0.$field
            })+
            /// The same object: it never changes.
            fn __copy__(slf: Py<Self>) -> Py<Self> {
                slf
            }
            /// The same object: it never changes.
            fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
                slf
            }
            fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<$crate::python::kept::Reduced<'py>> {
                $crate::python::kept::reduce(py, stringify!($name), &self.0)
            }
            fn __repr__(&self) -> String {
                let counted = [$((stringify!($field), self.0.$field)),+];
                $crate::python::shown::counters(stringify!($name), &counted)
            }
            $($more)*
        }
    };
}

/// Defines the methods that the total, hosts, sections and clients have in common, and more methods.
macro_rules! counted {
    ($name:ident { $($more:tt)* }) => {
        #[pymethods]
        impl $name {
            /// Message heads seen: requests + responses, interim (1xx) responses included.
            #[getter]
            fn hits(&self) -> u64 {
                self.counts().hits()
            }
            /// Request heads.
            #[getter]
            fn requests(&self) -> u64 {
                self.counts().requests
            }
            /// Response heads, interim (1xx) ones included.
            #[getter]
            fn responses(&self) -> u64 {
                self.counts().responses
            }
            /// Responses with a status of 500 or above, and gRPC calls that failed; one that is both counts once.
            #[getter]
            fn errors(&self) -> u64 {
                self.counts().errors
            }
            /// Requests by method, most frequent first; a method outside the IANA registry counts as ``OTHER``.
            #[getter]
            fn methods<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyDict>> {
                $crate::python::class::by_name(py, &self.counts().methods)
            }
            /// Response heads by status code, most frequent first.
            #[getter]
            fn statuses<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyDict>> {
                $crate::python::class::by_number(py, &self.counts().statuses)
            }
            /// HTTP bytes of requests, heads and bodies, each counted in the interval in which it passed.
            #[getter]
            fn request_bytes(&self) -> u64 {
                self.counts().request_bytes
            }
            /// HTTP bytes of responses, heads and bodies, each counted in the interval in which it passed.
            #[getter]
            fn response_bytes(&self) -> u64 {
                self.counts().response_bytes
            }
            /// Times from a request's last byte to its response's first byte.
            #[getter]
            fn latency(&self) -> $crate::python::histogram::Histogram {
                $crate::python::histogram::Histogram(self.counts().latency.clone())
            }
            /// Times from a request's first byte to its response's last byte.
            #[getter]
            fn duration(&self) -> $crate::python::histogram::Histogram {
                $crate::python::histogram::Histogram(self.counts().duration.clone())
            }
            /// Requests by protocol, most frequent first: ``http1 http2 grpc websocket``.
            #[getter]
            fn protocols<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyDict>> {
                $crate::python::class::by_name(py, &self.counts().protocols())
            }
            /// Calls of gRPC that have ended, by the name of their status, most frequent first, such as ``UNAVAILABLE``.
            #[getter]
            fn grpc_statuses<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyDict>> {
                $crate::python::class::by_name(py, &self.counts().streams.get().grpc_statuses)
            }
            /// Messages of clients: of gRPC and WebSocket.
            #[getter]
            fn request_messages(&self) -> u64 {
                self.counts().streams.get().request_messages
            }
            /// Messages of servers: of gRPC and WebSocket, and events of server-sent events.
            #[getter]
            fn response_messages(&self) -> u64 {
                self.counts().streams.get().response_messages
            }
            /// WebSocket connections closed by the client, by code; 1005 if it gave none, 0 beyond 32 codes.
            #[getter]
            fn client_close_codes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyDict>> {
                $crate::python::class::by_number(py, &self.counts().streams.get().client_close_codes)
            }
            /// WebSocket connections closed by the server, by code; 1005 if it gave none, 0 beyond 32 codes.
            #[getter]
            fn server_close_codes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyDict>> {
                $crate::python::class::by_number(py, &self.counts().streams.get().server_close_codes)
            }
            /// HTTP/2 streams that the client has reset, by the name of the code, such as ``CANCEL``.
            #[getter]
            fn client_resets<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyDict>> {
                $crate::python::class::by_name(py, &self.counts().streams.get().client_resets)
            }
            /// HTTP/2 streams that the server has reset, by the name of the code, such as ``REFUSED_STREAM``.
            #[getter]
            fn server_resets<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyDict>> {
                $crate::python::class::by_name(py, &self.counts().streams.get().server_resets)
            }
            /// The same object: it never changes.
            fn __copy__(slf: Py<Self>) -> Py<Self> {
                slf
            }
            /// The same object: it never changes.
            fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
                slf
            }
            fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<$crate::python::kept::Reduced<'py>> {
                $crate::python::kept::reduce(py, stringify!($name), self.parts())
            }
            $($more)*
        }
    };
}

/// Defines attributes for the fields of a value of the core, and more methods.
macro_rules! attributes {
    (
        $class:ident { $($(#[doc = $doc:tt])* $field:ident at $($path:ident).+ as $python:ty,)* }
        { $($more:tt)* }
    ) => {
        #[pymethods]
        impl $class {
            $($(#[doc = $doc])*
            #[getter]
            fn $field(&self) -> $python {
                $crate::python::value::IntoPython::into_python(&self.0.$($path).+)
            })*
            /// The same object: it never changes.
            fn __copy__(slf: Py<Self>) -> Py<Self> {
                slf
            }
            /// The same object: it never changes.
            fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
                slf
            }
            fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<$crate::python::kept::Reduced<'py>> {
                $crate::python::kept::reduce(py, stringify!($class), &self.0)
            }
            $($more)*
        }
    };
}

pub(super) use attributes;
pub(super) use counted;
pub(super) use counters;

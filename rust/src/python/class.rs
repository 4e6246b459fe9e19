//! What the classes of rows have in common. Their objects are frozen views that share a row of the core, so they stay
//! valid when the snapshot is freed. Common methods are macros, since PyO3 wants all methods of a class in one `impl`
//! block.

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
            /// Responses with a status of 500 or above.
            #[getter]
            fn errors(&self) -> u64 {
                self.counts().errors
            }
            /// Requests by method, most frequent first; a method outside the IANA registry counts as ``OTHER``.
            #[getter]
            fn methods<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyDict>> {
                let dict = pyo3::types::PyDict::new(py);
                for (method, count) in self.counts().methods.by_count() {
                    dict.set_item(method.name(), count)?;
                }
                Ok(dict)
            }
            /// Response heads by status code, most frequent first.
            #[getter]
            fn statuses<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyDict>> {
                let dict = pyo3::types::PyDict::new(py);
                for (status, count) in self.counts().statuses.by_count() {
                    dict.set_item(status, count)?;
                }
                Ok(dict)
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

//! The class `Rows`: a table of a snapshot as a sequence of objects and as Arrow. Objects are made when they are asked
//! for; Arrow is made of the rows themselves.

use std::sync::Arc;

use pyo3::exceptions::{PyIndexError, PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyIterator, PyList, PySlice, PyTuple};

use super::client::Client;
use super::exchange::Exchange;
use super::held::Held;
use super::host::Host;
use super::section::Section;
use crate::arrow::ArrowArrayStream;
use crate::pipeline::snapshot::{self, Batch, MAX_ROWS, Place, Table};

/// The rows of a table of a snapshot: a sequence of objects, and a table for data frames.
///
/// It behaves like the list of its objects, except that it never changes; a slice and a sum are lists. It is no
/// ``collections.abc.Sequence``, since polars would then look at the objects.
#[pyclass(frozen, module = "netmon._core")]
pub struct Rows {
    snapshot: Held,
    table: Table,
    places: Arc<[Place]>,
}

impl Rows {
    pub fn new(py: Python<'_>, snapshot: &Held, table: Table) -> Self {
        let places = py.detach(|| table.places(snapshot)).into();
        Self { snapshot: snapshot.clone(), table, places }
    }

    fn make<'py>(&self, py: Python<'py>, (at, section): Place) -> PyResult<Bound<'py, PyAny>> {
        let snapshot = &*self.snapshot;
        Ok(match self.table {
            Table::Hosts => Bound::new(py, Host(snapshot.hosts[at].clone()))?.into_any(),
            Table::Sections => Bound::new(py, Section::new(&snapshot.hosts[at], section))?.into_any(),
            Table::Clients => Bound::new(py, Client(snapshot.clients[at].clone()))?.into_any(),
            Table::Exchanges => Bound::new(py, Exchange(snapshot.exchanges[at].clone()))?.into_any(),
        })
    }

    fn list<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        self.places.iter().try_for_each(|&place| list.append(self.make(py, place)?))?;
        Ok(list)
    }
}

/// Returns the list that another list or other rows are; `None` for anything else.
fn list_of<'py>(other: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyList>>> {
    match other.cast::<Rows>() {
        Ok(rows) => rows.get().list(other.py()).map(Some),
        Err(_) => Ok(other.cast::<PyList>().ok().cloned()),
    }
}

#[pymethods]
impl Rows {
    fn __len__(&self) -> usize {
        self.places.len()
    }
    fn __getitem__<'py>(&self, py: Python<'py>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let length = self.places.len() as isize;
        if let Ok(slice) = index.cast::<PySlice>() {
            let (list, of) = (PyList::empty(py), slice.indices(length)?);
            let mut at = of.start;
            for _ in 0..of.slicelength {
                list.append(self.make(py, self.places[at as usize])?)?;
                at += of.step;
            }
            return Ok(list.into_any());
        }
        let nowhere = || PyIndexError::new_err("there is no such row");
        let index = index.extract::<isize>().map_err(|error| {
            let is_far = error.is_instance_of::<PyOverflowError>(py);
            if is_far { nowhere() } else { PyTypeError::new_err("indices must be integers or slices") }
        })?;
        let at = if index < 0 { index + length } else { index };
        let place = usize::try_from(at).ok().and_then(|at| self.places.get(at));
        self.make(py, *place.ok_or_else(nowhere)?)
    }
    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.list(py)?.try_iter()
    }
    /// The rows from the last to the first.
    fn __reversed__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let list = self.list(py)?;
        list.reverse()?;
        list.try_iter()
    }
    fn __contains__(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.list(value.py())?.contains(value)
    }
    /// The position of the first row that equals `value`. Raises ValueError if there is none.
    #[pyo3(signature = (value, start = 0, stop = isize::MAX), text_signature = "($self, value, start=0, stop=9223372036854775807)")]
    fn index(&self, value: &Bound<'_, PyAny>, start: isize, stop: isize) -> PyResult<usize> {
        self.list(value.py())?.call_method1("index", (value, start, stop))?.extract()
    }
    /// Number of rows that equal `value`.
    fn count(&self, value: &Bound<'_, PyAny>) -> PyResult<usize> {
        self.list(value.py())?.call_method1("count", (value,))?.extract()
    }
    fn __eq__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = other.py();
        match list_of(other)? {
            Some(other) => self.list(py)?.rich_compare(other, pyo3::basic::CompareOp::Eq),
            None => Ok(py.NotImplemented().into_bound(py)),
        }
    }
    fn __add__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = other.py();
        match list_of(other)? {
            Some(other) => self.list(py)?.add(other),
            None => Ok(py.NotImplemented().into_bound(py)),
        }
    }
    fn __radd__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = other.py();
        match list_of(other)? {
            Some(other) => other.add(self.list(py)?),
            None => Ok(py.NotImplemented().into_bound(py)),
        }
    }
    /// Pickles as the list of its objects.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let tuple = PyTuple::new(py, [self.list(py)?])?;
        Ok((py.get_type::<PyList>().into_any(), tuple))
    }
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.list(py)?.repr()?.to_string())
    }
    /// A new Arrow stream of the rows, in their order. Columns have the names of keys in JSON, those of nested keys
    /// joined with ``_``, such as ``latency_p95``. `requested_schema` is not used, as Arrow permits.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let (snapshot, table, places) = (py.detach(|| self.snapshot.share()), self.table, self.places.clone());
        let mut from = 0;
        capsule(py, table, false, move || {
            let some = next_rows(&places, &mut from)?;
            Some(table.batch(&snapshot, some, false))
        })
    }
}

/// The first line of CSV of these rows: the names of the columns. `rows` is as in `arrow`.
#[pyfunction]
pub fn csv_head<'py>(py: Python<'py>, rows: &str) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &snapshot::Snapshot::csv_head(table_of(rows)?)))
}

/// Whether a spreadsheet would read this text as a formula: whether it begins with one of ``= + - @``, a tab or a
/// carriage return.
#[pyfunction]
pub fn is_formula(text: &str) -> bool {
    snapshot::is_formula(text.as_bytes())
}

/// The table with this name; ValueError if there is none.
pub fn table_of(name: &str) -> PyResult<Table> {
    Table::from_name(name).ok_or_else(|| {
        let known = Table::ALL.map(|(name, _)| name).join(", ");
        PyValueError::new_err(format!("there are no rows {name:?}, but {known}"))
    })
}

/// Returns the next rows of a batch, and moves `from` behind them; `None` after the last ones.
pub fn next_rows<'a>(places: &'a [Place], from: &mut usize) -> Option<&'a [Place]> {
    let rest = places.get(*from..).filter(|rest| !rest.is_empty())?;
    let some = &rest[..rest.len().min(MAX_ROWS)];
    *from += some.len();
    Some(some)
}

/// Returns a capsule with a stream of the batches that `next` gives.
pub fn capsule(
    py: Python<'_>,
    table: Table,
    has_span: bool,
    next: impl FnMut() -> Option<Batch> + Send + 'static,
) -> PyResult<Bound<'_, PyCapsule>> {
    let empty = table.batch(&snapshot::Snapshot::default(), &[], has_span);
    PyCapsule::new_with_value(py, ArrowArrayStream::new(empty, next), c"arrow_array_stream")
}

//! The class `Columns`: one table of many snapshots, as Arrow.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyIterator};

use super::rows::{capsule, next_rows, table_of};
use super::snapshot::Snapshot;
use crate::pipeline::snapshot::{self, Table};

/// The rows of a table of many snapshots, one after the other, for data frames. `arrow` makes it.
#[pyclass(frozen, module = "netmon._core")]
pub struct Columns {
    snapshots: Arc<[Arc<snapshot::Snapshot>]>,
    table: Table,
}

#[pymethods]
impl Columns {
    /// A new Arrow stream of the rows of all snapshots: the columns of `Rows` after ``start`` and ``end``, the times
    /// of the snapshot of a row.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let (snapshots, table) = (self.snapshots.clone(), self.table);
        let (mut at, mut from, mut places) = (0, 0, Vec::new());
        capsule(py, table, true, move || {
            loop {
                if let Some(some) = next_rows(&places, &mut from) {
                    return Some(table.batch(&snapshots[at - 1], some, true));
                }
                places = table.places(snapshots.get(at)?);
                (at, from) = (at + 1, 0);
            }
        })
    }
    fn __repr__(&self) -> String {
        let name = Table::ALL[self.table as usize].0;
        format!("<Columns of the {name} of {} snapshots>", self.snapshots.len())
    }
}

/// One table of all `snapshots`, for ``polars.DataFrame`` and all that reads Arrow streams: `rows` is ``"hosts"``,
/// ``"sections"``, ``"clients"`` or ``"exchanges"``. Raises ValueError for another name.
///
/// It has the columns of these rows (see `Rows`) after ``start`` and ``end``, the times of the snapshot of a row. The
/// snapshots are kept, and each is turned into Arrow when the stream comes to it.
#[pyfunction]
#[pyo3(signature = (snapshots, rows = "sections"))]
pub fn arrow(py: Python<'_>, snapshots: &Bound<'_, PyAny>, rows: &str) -> PyResult<Columns> {
    let table = table_of(rows)?;
    let mut parts = Vec::new();
    for item in PyIterator::from_object(snapshots)? {
        let item = item?;
        let snapshot = item.cast::<Snapshot>()?.get();
        parts.push(py.detach(|| snapshot.share()));
    }
    Ok(Columns { snapshots: parts.into(), table })
}

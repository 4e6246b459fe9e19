//! The class `Recording`: the packets that a capture records, for whoever writes them.

use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::filter::where_error;
use super::value::per_of;
use crate::engine::record::{self, Limits};
use crate::pipeline::filter::Filter;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::record::Wanted;

/// What one call of `take` returns.
type Blocks<'py> = (Bound<'py, PyBytes>, u64, Option<i64>, usize, bool);

/// What a call of `evidence` returns.
type Evidence<'py> = (Bound<'py, PyBytes>, u64, u64, u64);

/// The packets that a capture records: those to be written, as blocks of pcapng, and those kept for alerts.
#[pyclass(frozen, module = "netmon._core")]
pub struct Recording(pub Arc<record::Recording>);

#[pymethods]
impl Recording {
    /// Takes packets to be written, in the order of time, and waits for them at most `timeout` seconds: their
    /// blocks, their number, the time of the first in nanoseconds since 1970 or None, the number of interfaces that the
    /// file then describes, and whether the next packet does not belong to the file. None at the end of the capture.
    ///
    /// `since` is the time of the first packet of the file, None if it has none. The blocks have at most `room` bytes,
    /// or one packet if it is the first, and no packet from `age` nanoseconds after `since` on. `described` is the
    /// number of interfaces that the file describes already. Descriptions of new ones come first, beyond `room`.
    #[pyo3(signature = (timeout, room, since, age, described, /))]
    fn take<'py>(
        &self,
        py: Python<'py>,
        timeout: f64,
        room: usize,
        since: Option<i64>,
        age: Option<i64>,
        described: usize,
    ) -> Option<Blocks<'py>> {
        let timeout = Duration::try_from_secs_f64(timeout).unwrap_or_default();
        let limits = Limits { room, since: since.map(Timestamp), age };
        let taken = py.detach(|| self.0.take(timeout, limits, described))?;
        let blocks = PyBytes::new(py, &taken.blocks);
        Some((blocks, taken.packets, taken.first.map(|ts| ts.0), taken.described, taken.is_full))
    }

    /// The header of a file that describes this many interfaces.
    #[pyo3(signature = (described, /))]
    fn head<'py>(&self, py: Python<'py>, described: usize) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.head(described))
    }

    /// The end of a file: what its interfaces have dropped, and how many packets it has.
    fn tail<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.tail())
    }

    /// Says whether nothing can be written for now. Packets that have no room are then lost, also of a file.
    #[pyo3(signature = (is_stuck, /))]
    fn set_stuck(&self, is_stuck: bool) {
        self.0.set_stuck(is_stuck);
    }

    /// Counts packets that were taken and could not be written.
    #[pyo3(signature = (packets, /))]
    fn lose(&self, packets: u64) {
        self.0.lose(packets);
    }

    /// Packets that are missing from what was written: those that had no room or could not be written, and those
    /// that came too long before their connection was known to be one that is written.
    #[getter]
    fn lost(&self) -> (u64, u64) {
        let record::Lost { not_written, not_held } = self.0.lost();
        (not_written, not_held)
    }

    /// Nothing is written any more; what waits is lost.
    fn give_up(&self) {
        self.0.give_up();
    }

    /// Selects from the packets kept for alerts those of the connections with an exchange that ended from `since` to
    /// `until`, in nanoseconds since 1970, that `where` admits and that counts in the row `key` of the kind `per`: a
    /// capture, the number of its packets, of its connections, and of connections that had no room in `most` bytes.
    /// Connections whose exchange is the latest come first.
    ///
    /// Raises WhereError and, for an unknown kind of row, ValueError.
    #[pyo3(signature = (r#where, per, key, since, until, most, /))]
    #[expect(clippy::too_many_arguments, reason = "they are arguments in Python")]
    fn evidence<'py>(
        &self,
        py: Python<'py>,
        r#where: &str,
        per: &str,
        key: &str,
        since: i64,
        until: i64,
        most: usize,
    ) -> PyResult<Evidence<'py>> {
        if since > until {
            return Err(PyValueError::new_err("evidence begins after its end"));
        }
        let filter = Filter::parse(r#where).map_err(|mistake| where_error(py, &mistake))?;
        let (since, until) = (Timestamp(since), Timestamp(until));
        let wanted = Wanted { filter: &filter, per: per_of(per)?, key, since, until, most };
        let selected = py.detach(|| self.0.evidence(&wanted));
        let capture = PyBytes::new(py, &selected.capture);
        Ok((capture, selected.packets, selected.connections, selected.left_out))
    }
}

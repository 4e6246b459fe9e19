//! The class `Lines`: a file as lines, decompressed if it is gzip or zstd.

use std::fs::File;
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::value::duplicate;
use crate::capture::file::{self, Line};

/// Maximum number of bytes of a line: several times as many as a snapshot with as many rows as the limits permit has.
const MAX_LINE: usize = 1 << 29;

/// The lines of a file, as bytes without the line end; a file that begins like gzip or zstd is decompressed.
///
/// `descriptor` is open for reading; the object has a descriptor of its own for the same file. Reads with the
/// interpreter released. Raises OSError if the file cannot be read, or decompressed, any further, and ValueError for a
/// line of more than 512 MiB, which is passed over.
#[pyclass(frozen, module = "netmon._core")]
pub struct Lines(Mutex<file::Lines>);

#[pymethods]
impl Lines {
    #[new]
    #[pyo3(signature = (descriptor, /))]
    fn new(descriptor: i32) -> PyResult<Self> {
        Ok(Self(Mutex::new(file::Lines::new(Box::new(File::from(duplicate(descriptor)?))))))
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let line = py.detach(|| self.0.lock().unwrap_or_else(PoisonError::into_inner).next(MAX_LINE));
        match line {
            Ok(Line::Whole(line)) => Ok(Some(PyBytes::new(py, &line))),
            Ok(Line::TooLong) => Err(PyValueError::new_err("a line is longer than 512 MiB")),
            Ok(Line::End) => Ok(None),
            Err(error) => Err(PyOSError::new_err(error.to_string())),
        }
    }
}

//! The class `Lines`: a file as lines, decompressed if it is gzip or zstd.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::value::duplicate;
use crate::capture::file::Unpacked;

/// Maximum number of bytes of a line: several times as many as a snapshot with as many rows as the limits permit has.
const MAX_LINE: usize = 1 << 29;

/// Bytes that are decompressed at once.
const BUFFER: usize = 1 << 18;

/// The lines of a file, as bytes without the line end; a file that begins like gzip or zstd is decompressed.
///
/// `descriptor` is open for reading; the object has a descriptor of its own for the same file. Reads with the
/// interpreter released. Raises OSError if the file cannot be read, or decompressed, any further, and ValueError for a
/// line of more than 512 MiB, which is passed over.
#[pyclass(frozen, module = "netmon._core")]
pub struct Lines(Mutex<BufReader<Unpacked>>);

#[pymethods]
impl Lines {
    #[new]
    #[pyo3(signature = (descriptor, /))]
    fn new(descriptor: i32) -> PyResult<Self> {
        let file = File::from(duplicate(descriptor)?);
        Ok(Self(Mutex::new(BufReader::with_capacity(BUFFER, Unpacked::new(Box::new(file))))))
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    /// The next line, without its end.
    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let line = py.detach(|| next_line(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), MAX_LINE));
        match line {
            Ok(Line::Whole(line)) => Ok(Some(PyBytes::new(py, &line))),
            Ok(Line::TooLong) => Err(PyValueError::new_err("a line is longer than 512 MiB")),
            Ok(Line::End) => Ok(None),
            Err(error) => Err(PyOSError::new_err(error.to_string())),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Line {
    Whole(Vec<u8>),
    TooLong,
    End,
}

/// Reads a line, without its end. One that is longer than `most` is passed over.
fn next_line(from: &mut impl BufRead, most: usize) -> std::io::Result<Line> {
    let mut line = Vec::new();
    from.take(most as u64 + 1).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(Line::End);
    }
    if line.ends_with(b"\n") {
        line.pop();
    } else if line.len() > most {
        from.skip_until(b'\n')?;
        return Ok(Line::TooLong);
    }
    Ok(Line::Whole(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_given_without_its_end_and_one_that_is_too_long_is_passed_over() {
        let whole = |text: &str| Line::Whole(text.into());
        let mut from = b"abc\n\nabcd\nabcde\nab".as_slice();
        let lines: Vec<_> = std::iter::from_fn(|| Some(next_line(&mut from, 4).unwrap())).take(6).collect();
        assert_eq!(lines, [whole("abc"), whole(""), whole("abcd"), Line::TooLong, whole("ab"), Line::End]);
    }
}

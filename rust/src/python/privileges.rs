//! Giving up rights. The command decides in `privileges.py` what is given up, and in which order.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

use crate::privileges::{self, Paths, Rights, Sandbox};

/// What each thread is left with, once it is applied.
///
/// `reads`, `writes` and `devices` are the paths that Landlock leaves within reach: to read, to write and make files
/// in, and terminals and the like. A folder stands for all that is in it, and paths that do not exist are left out.
/// Without any path, files are not limited. `rights` are the capabilities to retain, as a number whose bits are those
/// of `linux/capability.h`; None leaves capabilities alone.
///
/// Raises OSError if the system fails to make it.
#[pyclass(frozen, module = "netmon._core")]
pub struct Confinement(pub Arc<privileges::Confinement>);

#[pymethods]
impl Confinement {
    #[new]
    #[pyo3(signature = (*, reads = vec![], writes = vec![], devices = vec![], rights = None))]
    fn new(reads: Vec<PathBuf>, writes: Vec<PathBuf>, devices: Vec<PathBuf>, rights: Option<u64>) -> PyResult<Self> {
        let has_paths = ![&reads, &writes, &devices].into_iter().all(Vec::is_empty);
        let paths = Paths { reads, writes, devices };
        let sandbox = if has_paths { Sandbox::new(&paths).map_err(os_error)? } else { None };
        Ok(Self(Arc::new(privileges::Confinement { sandbox, rights: rights.map(Rights) })))
    }

    /// Whether access to files is limited. False where the kernel has no Landlock.
    #[getter]
    fn limits_files(&self) -> bool {
        self.0.sandbox.is_some()
    }

    /// Confines the calling thread, and the threads and processes that it starts later.
    ///
    /// Raises OSError.
    fn apply(&self) -> PyResult<()> {
        self.0.apply(Rights::NONE).map_err(os_error)
    }
}

/// Sets no_new_privs of the calling thread, and of those that it starts later.
///
/// Raises OSError.
#[pyfunction]
pub fn no_new_rights() -> PyResult<()> {
    privileges::no_new_rights().map_err(os_error)
}

/// Removes all capabilities but `rights`, a number as in `Confinement`, from those that programs can ever gain which
/// this thread, or one that it starts later, runs.
///
/// Raises OSError.
#[pyfunction]
pub fn limit_rights(rights: u64) -> PyResult<()> {
    privileges::limit(Rights(rights)).map_err(os_error)
}

/// Switches all threads of the process to a user and a group, with no other group.
///
/// Raises OSError. Then groups may be given up already.
#[pyfunction]
pub fn switch_user(user: u32, group: u32) -> PyResult<()> {
    privileges::switch_user(user, group).map_err(os_error)
}

/// Denies dangerous system calls to all threads: they fail with EPERM. Returns False where the system cannot do so.
///
/// Raises OSError.
#[pyfunction]
pub fn deny_system_calls(py: Python<'_>) -> PyResult<bool> {
    py.detach(privileges::deny_system_calls).map_err(os_error)
}

/// Makes an `OSError` that has the number of the error, so that Python chooses the class and callers the words.
#[expect(clippy::needless_pass_by_value, reason = "a function for `map_err`")]
pub fn os_error(error: io::Error) -> PyErr {
    let words = error.to_string();
    match error.raw_os_error() {
        Some(number) => {
            let words = words.trim_end_matches(&format!(" (os error {number})")).to_owned();
            PyOSError::new_err((number, words))
        }
        None => PyOSError::new_err(words),
    }
}

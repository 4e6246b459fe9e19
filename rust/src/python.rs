//! The edge where snapshots go out: the only code that knows Python. `_core.pyi` is its manual.
//!
//! A snapshot is one Python object. The objects of its rows are made when they are asked for, as views into it. Work
//! that takes time runs with the interpreter released. Errors become exceptions here and nowhere else. Doc lines of
//! classes and their methods are the docstrings that Python shows, and are the same as in the stub.

#![allow(clippy::doc_markdown, reason = "docstrings are not Markdown")]

mod allocator;
mod capture;
mod class;
mod client;
mod columns;
mod connection;
mod engine;
mod exchange;
mod filter;
mod held;
mod histogram;
mod host;
mod interface;
mod kept;
mod legible;
mod lines;
mod matching;
mod metrics;
mod path_ranking;
mod pattern;
mod point;
mod privileges;
mod process;
mod ranking;
mod recording;
mod records;
mod restore;
mod rows;
mod section;
mod server;
mod shown;
mod sliding;
mod snapshot;
mod standing;
mod stream;
mod tcp;
mod value;
mod window;

use pyo3::create_exception;
use pyo3::exceptions::{PyOSError, PyPermissionError, PyValueError};
use pyo3::prelude::*;

use crate::capture::Error;

create_exception!(
    netmon,
    CaptureError,
    PyOSError,
    "A running capture failed: an interface or a file could not be read any further."
);
create_exception!(
    netmon,
    SourceError,
    CaptureError,
    "There is nothing to capture from: no such interface, no such file, not a capture file, an unknown link type."
);
create_exception!(
    netmon,
    FilterError,
    PyValueError,
    "The BPF expression does not compile; the message is libpcap's.

`position` is the number of characters before the mistake; None if that is not known. `filter` is the expression."
);
create_exception!(
    netmon,
    WhereError,
    PyValueError,
    "A text is no filter as `Filter` describes them.

`position` is the number of characters before the mistake."
);

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        let words = legible::legible(&error.to_string());
        match error {
            Error::NotPermitted { .. } | Error::Closed { .. } => PyPermissionError::new_err(words),
            Error::NoInterface(_) | Error::Gone(_) | Error::File { .. } | Error::LinkType { .. } => {
                SourceError::new_err(words)
            }
            Error::Filter { position, expression, .. } => {
                let error = FilterError::new_err(words);
                let set = |py: Python<'_>| {
                    error.value(py).setattr("position", position)?;
                    error.value(py).setattr("filter", &expression)
                };
                match Python::attach(set) {
                    Ok(()) => error,
                    Err(other) => other,
                }
            }
            Error::Failed { .. } | Error::Internal(_) | Error::System(_) => CaptureError::new_err(words),
        }
    }
}

/// The native module.
#[pymodule]
mod _core {
    use pyo3::prelude::*;
    use pyo3::types::PyTuple;

    use crate::pipeline::snapshot::SortKey;

    #[pymodule_export]
    use super::capture::Capture;
    #[pymodule_export]
    use super::client::Client;
    #[pymodule_export]
    use super::columns::{Columns, arrow};
    #[pymodule_export]
    use super::connection::Connection;
    #[pymodule_export]
    use super::engine::{Engine, InterfaceInfo};
    #[pymodule_export]
    use super::exchange::Exchange;
    #[pymodule_export]
    use super::filter::Filter;
    #[pymodule_export]
    use super::histogram::Histogram;
    #[pymodule_export]
    use super::host::Host;
    #[pymodule_export]
    use super::interface::Interface;
    #[pymodule_export]
    use super::lines::Lines;
    #[pymodule_export]
    use super::metrics::Metrics;
    #[pymodule_export]
    use super::path_ranking::PathRanking;
    #[pymodule_export]
    use super::pattern::Matching;
    #[pymodule_export]
    use super::point::Point;
    #[pymodule_export]
    use super::privileges::{Confinement, deny_system_calls, limit_rights, no_new_rights, switch_user};
    #[pymodule_export]
    use super::process::Process;
    #[pymodule_export]
    use super::ranking::{ClientRanking, HostRanking, SectionRanking};
    #[pymodule_export]
    use super::recording::Recording;
    #[pymodule_export]
    use super::restore::_restore;
    #[pymodule_export]
    use super::rows::{Rows, csv_head, is_formula};
    #[pymodule_export]
    use super::section::Section;
    #[pymodule_export]
    use super::server::Server;
    #[pymodule_export]
    use super::sliding::Sliding;
    #[pymodule_export]
    use super::snapshot::Snapshot;
    #[pymodule_export]
    use super::standing::Standing;
    #[pymodule_export]
    use super::stream::Stream;
    #[pymodule_export]
    use super::tcp::Tcp;
    #[pymodule_export]
    use super::window::Window;
    #[pymodule_export]
    use super::{
        CaptureError, FilterError, SourceError, WhereError, fork_process_helper, libpcap_version, limit_allocator,
        list_interfaces,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::engine::keep_panics_quiet();
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("OTHER", crate::pipeline::snapshot::OTHER)?;
        module.add("SORT_KEYS", PyTuple::new(module.py(), SortKey::ALL.map(|(name, _)| name))?)?;
        module.add("GRPC_STATUSES", PyTuple::new(module.py(), crate::pipeline::exchange::GrpcStatus::names())?)?;
        module.add("DEFAULT_FILTER", crate::capture::DEFAULT_FILTER)?;
        module.add("DEFAULT_SNAPLEN", crate::capture::DEFAULT_SNAPLEN)?;
        module.add("MAX_WORKERS", crate::engine::MAX_WORKERS)?;
        module.add("MAX_SUBSETS", crate::pipeline::aggregate::MAX_SUBSETS)?;
        module.add("METRICS_SUBSET", ("", crate::pipeline::snapshot::Per::Outcome.name()))?;
        module.add("BUFFER_BUDGET", crate::capture::BUFFER_BUDGET)?;
        Ok(())
    }
}

/// Keeps the memory of a process that runs for days from growing by fragmentation.
///
/// One arena of the C library's allocator then serves all threads, and its thresholds for mapping blocks and for
/// giving memory back are fixed. To be called before threads start, in a process that does little else; the command
/// does so. Returns False if the allocator does not have these settings.
#[pyfunction]
fn limit_allocator() -> bool {
    allocator::limit()
}

/// Starts a child process that looks for the processes at the ends of connections, for a process that is about to
/// give up privileges. It keeps the rights to look at other users' processes and to read files of container runtimes,
/// and nothing else; it sees no packet, and ends with this process.
///
/// To be called before threads start. Captures use the child from then on; without it, they look for processes with
/// the rights of this process. False if it was not started: if there are other threads, on other systems than Linux,
/// and if this process has none of these rights.
#[pyfunction]
fn fork_process_helper() -> bool {
    crate::processes::fork_helper()
}

/// The version string of libpcap.
#[pyfunction]
fn libpcap_version() -> String {
    crate::capture::libpcap_version()
}

/// Every interface that can be captured from, in libpcap's order, including the pseudo device ``any``.
#[pyfunction]
fn list_interfaces(py: Python<'_>) -> PyResult<Vec<engine::InterfaceInfo>> {
    let infos = py.detach(crate::capture::interfaces::list)?;
    Ok(infos.into_iter().map(engine::InterfaceInfo).collect())
}

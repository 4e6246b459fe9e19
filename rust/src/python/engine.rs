//! `Engine`: a capture as Python drives it.

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyEOFError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use super::CaptureError;
use super::legible::legible;
use super::snapshot::Snapshot;
use crate::capture::interfaces::{Info, Selection};
use crate::capture::{self, DEFAULT_SNAPLEN};
use crate::engine::{self, Level, MAX_WORKERS, Next, Settings, Source};
use crate::pipeline::{self, aggregate};

/// Signals are looked at this often while waiting.
const STEP: Duration = Duration::from_millis(100);

#[pyclass(frozen, module = "netmon._core")]
pub struct InterfaceInfo(pub Info);

#[pymethods]
impl InterfaceInfo {
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    #[getter]
    fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    #[getter]
    fn addresses(&self) -> Vec<String> {
        self.0.addresses.clone()
    }

    #[getter]
    fn up(&self) -> bool {
        self.0.up
    }

    #[getter]
    fn loopback(&self) -> bool {
        self.0.loopback
    }
}

#[pyclass(frozen, module = "netmon._core")]
pub struct Engine {
    settings: Mutex<Option<Settings>>,
    running: OnceLock<engine::Engine>,
    /// Threads do not survive a fork.
    pid: u32,
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (
        *, interfaces = vec![], exclude_interfaces = vec![], read = vec![], filter = None,
        snaplen = DEFAULT_SNAPLEN, buffer_size = None, promiscuous = true,
        interval = 1.0, section_depth = 1, timeout = None, exchanges = false, decode_tunnels = false, count_copies = false,
        response_timeout = 3600.0, workers = 1,
    ))]
    #[expect(clippy::too_many_arguments, clippy::fn_params_excessive_bools, reason = "they are keywords in Python")]
    fn new(
        interfaces: Vec<String>,
        exclude_interfaces: Vec<String>,
        read: Vec<PathBuf>,
        filter: Option<String>,
        snaplen: u32,
        buffer_size: Option<u32>,
        promiscuous: bool,
        interval: f64,
        section_depth: usize,
        timeout: Option<f64>,
        exchanges: bool,
        decode_tunnels: bool,
        count_copies: bool,
        response_timeout: f64,
        workers: usize,
    ) -> PyResult<Self> {
        if !(1..=MAX_WORKERS).contains(&workers) {
            return Err(PyValueError::new_err(format!("workers must be 1 to {MAX_WORKERS}, not {workers}")));
        }
        if snaplen == 0
            || snaplen > i32::MAX as u32
            || buffer_size.is_some_and(|size| size == 0 || size > i32::MAX as u32)
        {
            return Err(PyValueError::new_err("snaplen and buffer_size must be positive and below 2 GiB"));
        }
        let source = if read.is_empty() {
            Source::Live(Selection { wanted: interfaces, excluded: exclude_interfaces })
        } else {
            Source::Files(read)
        };
        let aggregate = aggregate::Settings { section_depth, exchanges, ..aggregate::Settings::default() };
        let waiting_idle = duration("response_timeout", response_timeout, 0.0)?;
        let waiting_idle = waiting_idle.as_nanos().try_into().unwrap_or(i64::MAX);
        let flows = pipeline::flow::Limits { waiting_idle, ..pipeline::flow::Limits::default() };
        let settings = Settings {
            source,
            capture: capture::live::Settings { filter, tunnels: decode_tunnels, snaplen, buffer_size, promiscuous },
            interval: duration("interval", interval, 0.01)?,
            timeout: timeout.map(|timeout| duration("timeout", timeout, 0.0)).transpose()?,
            workers,
            pipeline: pipeline::Settings {
                aggregate,
                flows,
                tunnels: decode_tunnels,
                nat: (!count_copies).then(pipeline::nat::Nat::default),
                ..pipeline::Settings::default()
            },
        };
        Ok(Self { settings: Mutex::new(Some(settings)), running: OnceLock::new(), pid: std::process::id() })
    }

    fn start(&self, py: Python<'_>) -> PyResult<()> {
        let settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner).take();
        let settings = settings.ok_or_else(|| PyRuntimeError::new_err("the capture was started before"))?;
        let started = engine::Engine::start(settings)?;
        let running = self.running.get_or_init(|| started);
        loop {
            match py.detach(|| running.wait_until_open(STEP)) {
                Some(result) => return Ok(result?),
                None => py.check_signals().inspect_err(|_| py.detach(|| running.close()))?,
            }
        }
    }

    fn next(&self, py: Python<'_>, timeout: f64) -> PyResult<Option<Snapshot>> {
        let running = self.running()?;
        let deadline = Instant::now() + duration("timeout", timeout, 0.0)?;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match py.detach(|| running.next(left.min(STEP))) {
                Next::Snapshot(snapshot) => return Ok(Some(Snapshot::from(*snapshot))),
                Next::Nothing if left.is_zero() => return Ok(None),
                Next::Nothing => py.check_signals()?,
                Next::End => return Err(PyEOFError::new_err("the capture has ended")),
                Next::Failed(reason) => return Err(CaptureError::new_err(legible(&reason))),
            }
        }
    }

    fn close(&self, py: Python<'_>) {
        if let Some(running) = self.running.get() {
            // In a forked child there is no thread to wait for.
            if std::process::id() == self.pid {
                py.detach(|| running.close());
            }
        }
    }

    #[getter]
    fn interfaces(&self) -> Vec<String> {
        self.running.get().map(engine::Engine::interfaces).unwrap_or_default()
    }

    fn log(&self) -> Vec<(&'static str, String)> {
        let log = self.running.get().map(engine::Engine::take_log).unwrap_or_default();
        log.into_iter().map(|(level, message)| (level_name(level), legible(&message))).collect()
    }
}

impl Engine {
    fn running(&self) -> PyResult<&engine::Engine> {
        if std::process::id() != self.pid {
            return Err(PyRuntimeError::new_err("a capture does not survive fork(); start it in the child"));
        }
        self.running.get().ok_or_else(|| PyRuntimeError::new_err("the capture was not started"))
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Info => "info",
        Level::Warning => "warning",
    }
}

fn duration(name: &str, seconds: f64, least: f64) -> PyResult<Duration> {
    /// More is for ever: a thousand years.
    const MOST: f64 = 3.2e10;
    if seconds.is_nan() || seconds < least {
        return Err(PyValueError::new_err(format!("{name} must be at least {least} seconds, not {seconds}")));
    }
    Ok(Duration::from_secs_f64(seconds.min(MOST)))
}

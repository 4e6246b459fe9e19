//! The class `Engine`, with which Python runs a capture.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyEOFError, PyOverflowError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use super::filter::where_error;
use super::legible::legible;
use super::privileges::{Confinement, os_error};
use super::recording::Recording;
use super::snapshot::Snapshot;
use super::value::{duplicate, per_of};
use super::{CaptureError, SourceError};
use crate::capture::file::Lent;
use crate::capture::interfaces::{Info, Selection};
use crate::capture::{self, DEFAULT_SNAPLEN};
use crate::engine::{self, EngineSettings, Failure, Inputs, Level, MAX_WORKERS, Next, Source, record};
use crate::pipeline;
use crate::pipeline::aggregate::{self, ClientFrom, Listing, WantedSubset, WantedSubsets};
use crate::pipeline::exchange::ClientField;
use crate::pipeline::filter::Filter;
use crate::pipeline::snapshot::Per;

/// The largest size that libpcap takes: its sizes are signed 32-bit integers.
const MAX_BYTES: u32 = i32::MAX as u32;

/// An `int` of Python. A number beyond 64 bits becomes the nearest one within.
#[derive(Clone, Copy)]
struct Whole(i64);

impl<'py> FromPyObject<'_, 'py> for Whole {
    type Error = PyErr;

    fn extract(number: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let py = number.py();
        match number.extract::<i64>() {
            Err(error) if error.is_instance_of::<PyOverflowError>(py) => {
                Ok(Self(if number.lt(0)? { i64::MIN } else { i64::MAX }))
            }
            whole => whole.map(Self),
        }
    }
}

impl Whole {
    fn within(self, name: &str, least: u32, most: u32) -> PyResult<u32> {
        let fits = u32::try_from(self.0).ok().filter(|number| (least..=most).contains(number));
        fits.ok_or_else(|| PyValueError::new_err(format!("{name} must be {least} to {most}, not {}", self.0)))
    }
}

/// A number of workers, or `"auto"`.
#[derive(FromPyObject)]
enum Workers {
    Count(Whole),
    Name(String),
}

impl Workers {
    fn auto() -> Self {
        Self::Name("auto".into())
    }

    /// The number asked for; `None` if it is left to the source.
    fn count(self) -> PyResult<Option<usize>> {
        match self {
            Self::Count(count) => Ok(Some(count.within("workers", 1, MAX_WORKERS as u32)? as usize)),
            Self::Name(name) if name == "auto" => Ok(None),
            Self::Name(name) => Err(PyValueError::new_err(format!("workers must be a number or 'auto', not {name:?}"))),
        }
    }
}

/// How often Python's signal handlers are given a chance to run while a method waits.
const STEP: Duration = Duration::from_millis(100);

/// An interface that can be captured from.
#[pyclass(frozen, module = "netmon._core")]
pub struct InterfaceInfo(pub Info);

#[pymethods]
impl InterfaceInfo {
    /// Its name on the system.
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    /// Its description by libpcap; None if there is none.
    #[getter]
    fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// Its addresses.
    #[getter]
    fn addresses(&self) -> Vec<String> {
        self.0.addresses.clone()
    }

    /// Whether it is up.
    #[getter]
    fn up(&self) -> bool {
        self.0.up
    }

    /// Whether it is a loopback interface.
    #[getter]
    fn loopback(&self) -> bool {
        self.0.loopback
    }

    fn __repr__(&self) -> String {
        let state = if self.0.up { "up" } else { "down" };
        format!("<InterfaceInfo {} {state}: {}>", self.0.name, self.0.addresses.join(" "))
    }
}

/// A capture. It does nothing until `start` opens its sources.
#[pyclass(frozen, module = "netmon._core")]
pub struct Engine {
    settings: Mutex<Option<EngineSettings>>,
    subsets: WantedSubsets,
    recording: Option<Arc<record::Recording>>,
    running: OnceLock<engine::Engine>,
    /// The process that made the object. A forked child has none of its threads.
    pid: u32,
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (
        *, interfaces = vec![], exclude_interfaces = vec![], netns = vec![], exit_on_down = false, read = vec![], keylog = vec![], names = HashMap::new(), lent = None, filter = None,
        snaplen = Whole(DEFAULT_SNAPLEN.into()), buffer_size = None, promiscuous = true,
        interval = 1.0, section_depth = Whole(1), client_from = None, trusted_proxies = Whole(1),
        client_ipv6_prefix = Whole(128), timeout = None, exchanges = false, slowest = 0, connections = false,
        decode_tunnels = false, count_copies = false, response_timeout = 3600.0, workers = Workers::auto(),
        user_agents = false, redact = "none", r#where = None,
        processes = true, write = None, evidence = None, evidence_size = Whole(32 << 20), evidence_payload = false,
    ))]
    #[expect(clippy::too_many_arguments, clippy::fn_params_excessive_bools, reason = "they are keywords in Python")]
    fn new(
        py: Python<'_>,
        interfaces: Vec<String>,
        exclude_interfaces: Vec<String>,
        netns: Vec<String>,
        exit_on_down: bool,
        read: Vec<PathBuf>,
        keylog: Vec<PathBuf>,
        names: HashMap<PathBuf, String>,
        lent: Option<Loans>,
        filter: Option<String>,
        snaplen: Whole,
        buffer_size: Option<Whole>,
        promiscuous: bool,
        interval: f64,
        section_depth: Whole,
        client_from: Option<&str>,
        trusted_proxies: Whole,
        client_ipv6_prefix: Whole,
        timeout: Option<f64>,
        exchanges: bool,
        slowest: usize,
        connections: bool,
        decode_tunnels: bool,
        count_copies: bool,
        response_timeout: f64,
        workers: Workers,
        user_agents: bool,
        redact: &str,
        r#where: Option<&str>,
        processes: bool,
        write: Option<bool>,
        evidence: Option<bool>,
        evidence_size: Whole,
        evidence_payload: bool,
    ) -> PyResult<Self> {
        let filter_of_exchanges = r#where.map(Filter::parse).transpose();
        let filter_of_exchanges = filter_of_exchanges.map_err(|mistake| where_error(py, &mistake))?;
        let workers = workers.count()?;
        let snaplen = snaplen.within("snaplen", 1, MAX_BYTES)?;
        let buffer_size = buffer_size.map(|size| size.within("buffer_size", 1, MAX_BYTES)).transpose()?;
        let section_depth = section_depth.within("section_depth", 1, u32::MAX)? as usize;
        let source = if read.is_empty() {
            Source::Live(Selection {
                wanted: interfaces,
                excluded: exclude_interfaces,
                namespaces: netns,
                exit_on_down,
            })
        } else {
            Source::Files(Inputs { paths: read, names, lent: lent.map_or(Ok(HashMap::new()), borrowed)? })
        };
        let (writes, keeps) = (write.unwrap_or(false), evidence.unwrap_or(false));
        let kept = evidence_size.within("evidence_size", 1, MAX_BYTES)? as usize;
        let is_live = matches!(source, Source::Live(_));
        let cuts = is_live || snaplen < DEFAULT_SNAPLEN;
        let recording = (writes || keeps).then(|| {
            let recording =
                record::Recording::new(!is_live, if keeps { kept } else { 0 }, if cuts { snaplen } else { 0 });
            Arc::new(recording)
        });
        let redacts = match redact {
            "none" => false,
            "all" => true,
            _ => return Err(PyValueError::new_err(format!("redact must be 'none' or 'all', not {redact:?}"))),
        };
        let subsets = WantedSubsets::default();
        let aggregate = aggregate::Settings {
            subsets: subsets.clone(),
            section_depth,
            exchanges: match slowest {
                _ if exchanges => Listing::All,
                0 => Listing::Nothing,
                most => Listing::Slowest(most.min(aggregate::Limits::default().exchanges)),
            },
            connections,
            processes: processes && is_live,
            user_agents,
            redacts,
            filter: filter_of_exchanges.filter(|filter| !filter.is_empty()).map(Arc::new),
            client_from: client_from.map_or(Ok(ClientFrom::Connection), parse_client_from)?,
            trusted_proxies: trusted_proxies.within("trusted_proxies", 1, u32::MAX)? as usize,
            client_ipv6_prefix: client_ipv6_prefix.within("client_ipv6_prefix", 1, 128)? as u8,
            ..aggregate::Settings::default()
        };
        let waiting_idle = duration("response_timeout", response_timeout, 0.0)?;
        let waiting_idle = waiting_idle.as_nanos().try_into().unwrap_or(i64::MAX);
        let flows = pipeline::flow::Limits { waiting_idle, ..pipeline::flow::Limits::default() };
        let settings = EngineSettings {
            source,
            capture: capture::live::CaptureSettings {
                filter,
                tunnels: decode_tunnels,
                snaplen,
                buffer_size,
                promiscuous,
            },
            interval: duration("interval", interval, 0.01)?,
            timeout: timeout.map(|timeout| duration("timeout", timeout, 0.0)).transpose()?,
            workers,
            keylogs: keylog,
            pipeline: pipeline::Settings {
                aggregate,
                flows,
                tunnels: decode_tunnels,
                nat: (!count_copies).then(pipeline::nat::Nat::default),
                record: recording.clone().map(|carrier| pipeline::record::Settings {
                    carrier,
                    writes,
                    held: pipeline::record::MAX_HELD,
                    evidence: keeps.then_some(evidence_payload),
                }),
                ..pipeline::Settings::default()
            },
            recording: recording.clone(),
        };
        let settings = Mutex::new(Some(settings));
        Ok(Self { settings, subsets, recording, running: OnceLock::new(), pid: std::process::id() })
    }

    /// Opens the sources and starts the capture threads.
    ///
    /// With `held`, a live capture then waits for `confine` and `begin`, and until then looks at no packet.
    ///
    /// Raises PermissionError, SourceError or FilterError.
    #[pyo3(signature = (*, held = false))]
    fn start(&self, py: Python<'_>, held: bool) -> PyResult<()> {
        let settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner).take();
        let settings = settings.ok_or_else(|| PyRuntimeError::new_err("the capture has already been started"))?;
        let started = engine::Engine::start(settings, held)?;
        let running = self.running.get_or_init(|| started);
        loop {
            match py.detach(|| running.wait_until_open(STEP)) {
                Some(result) => return Ok(result?),
                None => py.check_signals().inspect_err(|_| py.detach(|| running.close()))?,
            }
        }
    }

    /// Confines each thread of a live capture that is held. The thread that opens later interfaces retains the right
    /// to capture.
    ///
    /// Raises OSError if a thread cannot be confined.
    fn confine(&self, py: Python<'_>, confinement: &Confinement) -> PyResult<()> {
        let (running, confinement) = (self.running()?, confinement.0.clone());
        py.detach(|| running.confine(confinement)).map_err(os_error)
    }

    /// Lets a live capture that is held go on.
    fn begin(&self) -> PyResult<()> {
        self.running()?.begin();
        Ok(())
    }

    /// The next snapshot; None if none came within `timeout` seconds. Waits with the interpreter released.
    ///
    /// Raises EOFError at the end of the capture, CaptureError if the capture failed.
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
                Next::Failed(Failure { reason, is_gone: true }) => return Err(SourceError::new_err(legible(&reason))),
                Next::Failed(Failure { reason, .. }) => return Err(CaptureError::new_err(legible(&reason))),
            }
        }
    }

    /// Stops the capture and joins its threads within 0.3 s. Any thread may call it, and more than once.
    ///
    /// What was counted until now can still be read with `next`.
    fn close(&self, py: Python<'_>) {
        if let Some(running) = self.running.get() {
            // A forked child has no capture thread to wait for.
            if std::process::id() == self.pid {
                py.detach(|| running.close());
            }
        }
    }

    /// Sets which subsets snapshots have, from the next interval on, or before `start` from the first one on: pairs
    /// of a filter and a kind of rows as `Sliding` names them. The exchanges that match are counted apart, each as a
    /// whole when it has ended. At most `MAX_SUBSETS` are counted, and ``("", "outcome")``: the durations of all
    /// exchanges by method, status and host.
    ///
    /// Raises WhereError for a text that is no filter, ValueError for an unknown kind of rows.
    #[expect(clippy::needless_pass_by_value, reason = "PyO3 passes it by value")]
    fn set_subsets(&self, py: Python<'_>, subsets: Vec<(String, String)>) -> PyResult<()> {
        self.subsets.set(parse_subsets(py, &subsets)?);
        Ok(())
    }

    /// The packets that the capture records; None unless `write` or `evidence` is true.
    #[getter]
    fn recording(&self) -> Option<Recording> {
        self.recording.clone().map(Recording)
    }

    /// Names of the interfaces captured from at this moment; for files, their paths.
    #[getter]
    fn interfaces(&self) -> Vec<String> {
        self.running.get().map(engine::Engine::interfaces).unwrap_or_default()
    }

    /// Returns the messages of the capture since the last call, as (level, message), safe to show. Their number is
    /// bounded.
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
        self.running.get().ok_or_else(|| PyRuntimeError::new_err("the capture has not been started"))
    }
}

/// The descriptor of a lender's socket, and the paths that stand for its sources, in the order of their numbers.
type Loans = (i32, Vec<PathBuf>);

/// Takes a socket of its own of the lender.
fn borrowed((lender, paths): Loans) -> PyResult<HashMap<PathBuf, Lent>> {
    let lender = Arc::new(duplicate(lender)?);
    Ok(paths.into_iter().zip(0..).map(|(path, number)| (path, Lent::new(lender.clone(), number))).collect())
}

/// Reads subsets: pairs of a filter and the kind of rows.
fn parse_subsets(py: Python<'_>, subsets: &[(String, String)]) -> PyResult<Vec<WantedSubset>> {
    let parse = |(text, per): &(String, String)| {
        let filter = Filter::parse(text).map_err(|mistake| where_error(py, &mistake))?;
        let per = per_of(per)?;
        if per == Per::Outcome && !filter.is_empty() {
            return Err(PyValueError::new_err("only all exchanges are counted by outcome, so its filter is empty"));
        }
        Ok(WantedSubset::new(text, filter, per))
    };
    subsets.iter().map(parse).collect()
}

/// The values of `client_from`: where proxies tell the address of their client.
const CLIENT_FROM: [(&str, ClientFrom); 4] = [
    ("X-Forwarded-For", ClientFrom::Field(ClientField::XForwardedFor)),
    ("Forwarded", ClientFrom::Field(ClientField::Forwarded)),
    ("X-Real-IP", ClientFrom::Field(ClientField::XRealIp)),
    ("PROXY", ClientFrom::Proxy),
];

fn parse_client_from(name: &str) -> PyResult<ClientFrom> {
    let found = CLIENT_FROM.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, from)| from).ok_or_else(|| {
        let known = CLIENT_FROM.map(|(known, _)| known).join(", ");
        PyValueError::new_err(format!("client_from must be one of {known}, not {name:?}"))
    })
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Info => "info",
        Level::Warning => "warning",
    }
}

fn duration(name: &str, seconds: f64, least: f64) -> PyResult<Duration> {
    /// Longer durations become this one, a thousand years.
    const MOST: f64 = 3.2e10;
    if seconds.is_nan() || seconds < least {
        return Err(PyValueError::new_err(format!("{name} must be at least {least} seconds, not {seconds}")));
    }
    Ok(Duration::from_secs_f64(seconds.min(MOST)))
}

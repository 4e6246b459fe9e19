//! Runs the pipeline over a source: opens it, closes intervals on time, queues their snapshots, stops when told.
//!
//! One thread captures, or several among which the connections are divided. The pipeline has no clock, so the engine
//! tells it the time: packet time closes intervals, and on a live capture a steady clock does so if no packet comes. A
//! slow reader of snapshots does not delay a live capture: when the queue is full, its two oldest snapshots are merged.
//! The reader then gets coarser snapshots with the same counts.

mod batch;
mod collector;
mod files;
mod gate;
mod intervals;
mod job;
mod keylogs;
mod live;
mod lock;
mod queue;
pub mod record;
mod sturdy;
mod whole;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::capture::interfaces::Selection;
use crate::capture::wait::Bell;
use crate::capture::{self, Error};
use crate::privileges::Confinement;
pub use files::Inputs;
use gate::Gate;
pub use job::Level;
use job::{Job, Opened, Shared};
use lock::lock;
use queue::Queue;
pub use queue::{Failure, Next, Overflow};
use record::Recording;
pub use sturdy::keep_panics_quiet;
use sturdy::panic_words;

/// Where packets come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Interfaces.
    Live(Selection),
    /// Capture files, merged by time.
    Files(Inputs),
}

/// What to run.
#[derive(Debug)]
pub struct EngineSettings {
    /// Where packets come from.
    pub source: Source,
    /// How interfaces are opened. The filter and the snapshot length apply to files too.
    pub capture: capture::live::CaptureSettings,
    /// Length of an interval.
    pub interval: Duration,
    /// Stop after this long.
    pub timeout: Option<Duration>,
    /// Threads among which connections are divided, from 1 to [`MAX_WORKERS`]. `None` leaves it to the source: one for a
    /// live capture, and for files as many as read them fastest.
    pub workers: Option<usize>,
    /// Key logs: files and named pipes that secrets of TLS connections are read from, and followed.
    pub keylogs: Vec<PathBuf>,
    /// Limits and options of the stages.
    pub pipeline: crate::pipeline::Settings,
    /// Where recorded packets go, if any are.
    pub recording: Option<Arc<Recording>>,
}

/// The largest number of workers. More would not pay: each has tables of its own, and one reader has to feed all of
/// them.
pub const MAX_WORKERS: usize = 64;

/// A running capture.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    opened: Mutex<Receiver<Result<(), Error>>>,
    recording: Option<Arc<Recording>>,
}

impl Engine {
    /// Starts a thread that opens the source and then captures. [`Engine::wait_until_open`] tells when the source is
    /// open. If it is `held`, a live capture then waits for [`Engine::confine`] and [`Engine::begin`].
    pub fn start(settings: EngineSettings, held: bool) -> Result<Self, Error> {
        let shared = Arc::new(Shared {
            queue: Queue::default(),
            bell: Bell::new()?,
            log: Mutex::default(),
            names: Mutex::default(),
            gate: if held { Gate::held() } else { Gate::default() },
        });
        let EngineSettings { source, capture, interval, timeout, workers, keylogs, pipeline, recording } = settings;
        let job = Job {
            shared: shared.clone(),
            pipeline,
            interval: interval.as_nanos().try_into().unwrap_or(i64::MAX),
            workers: workers.unwrap_or(1).clamp(1, MAX_WORKERS),
            chooses_workers: workers.is_none(),
            keylogs: keylogs::distinct(keylogs),
            timeout,
            began: OnceLock::new(),
        };
        let (sender, opened) = sync_channel(1);
        let told = Opened(sender);
        let run = move || match source {
            Source::Live(selection) => live::run(job, selection, capture, &told),
            Source::Files(inputs) => files::run(job, inputs, capture.filter, capture.snaplen, &told),
        };
        let (queue, recorded) = (shared.clone(), recording.clone());
        let thread = std::thread::Builder::new().name("netmon-capture".into()).spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(run));
            queue.gate.end();
            recorded.iter().for_each(|recorded| recorded.end());
            queue.queue.end(match result {
                Ok(result) => result
                    .map_err(|error| Failure { reason: error.to_string(), is_gone: matches!(error, Error::Gone(_)) }),
                Err(panic) => Err(format!("internal error: {}", panic_words(&*panic)).as_str().into()),
            });
        })?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)), opened: Mutex::new(opened), recording })
    }

    /// Waits at most `timeout` for the result of opening the source. `Some(Ok)` if the source is open, `Some(Err)` if
    /// it cannot be opened, `None` if that is not known by then.
    pub fn wait_until_open(&self, timeout: Duration) -> Option<Result<(), Error>> {
        match lock(&self.opened).recv_timeout(timeout) {
            Ok(result) => Some(result),
            Err(RecvTimeoutError::Timeout) => None,
            // The result was returned by an earlier call, or the thread has ended and the queue tells why.
            Err(RecvTimeoutError::Disconnected) => Some(Ok(())),
        }
    }

    /// Confines the threads of a live capture that is held: each gives up its rights. The thread that opens later
    /// interfaces retains the right to capture.
    pub fn confine(&self, confinement: Arc<Confinement>) -> std::io::Result<()> {
        self.shared.gate.confine(confinement)
    }

    /// Lets a live capture that is held go on.
    pub fn begin(&self) {
        self.shared.gate.begin();
    }

    /// Returns the next snapshot, and waits for it at most `timeout`.
    pub fn next(&self, timeout: Duration) -> Next {
        self.shared.queue.pop(timeout)
    }

    /// Stops the capture and waits for its end. Safe to call twice, and while another thread waits in `next`.
    pub fn close(&self) {
        self.shared.bell.ring();
        self.shared.gate.end();
        self.shared.queue.stop_waiting();
        self.recording.iter().for_each(|recording| recording.stop_waiting());
        if let Some(thread) = lock(&self.thread).take() {
            // An error is impossible here: the thread catches its own panics.
            let _ = thread.join();
        }
    }

    /// The names of the interfaces being captured from now, or of the files.
    pub fn interfaces(&self) -> Vec<String> {
        lock(&self.shared.names).clone()
    }

    /// Returns the messages logged since the last call, and how many were too many.
    pub fn take_log(&self) -> Vec<(Level, String)> {
        lock(&self.shared.log).take()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}

//! What the threads of a capture share: the settings, and where snapshots and messages go.

use std::path::PathBuf;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::gate::Gate;
use super::lock::lock;
use super::queue::Queue;
use crate::capture::Error;
use crate::capture::wait::Bell;

/// The severity of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something the user asked for could not be done completely.
    Error,
    /// Information; nothing is wrong.
    Info,
    /// Some traffic that could be captured is not seen.
    Warning,
}

/// Messages kept until they are read. Further ones are likely to repeat these and are dropped.
const MAX_LOG: usize = 100;

/// What the capture shares with its [`Engine`](super::Engine).
#[derive(Debug)]
pub struct Shared {
    pub queue: Queue,
    /// Rung when the capture is to end.
    pub bell: Bell,
    pub log: Mutex<Vec<(Level, String)>>,
    /// The names of the interfaces being captured from, or of the files.
    pub names: Mutex<Vec<String>>,
    /// Where a live capture waits until rights are given up.
    pub gate: Gate,
}

impl Shared {
    pub fn log(&self, level: Level, message: String) {
        let mut log = lock(&self.log);
        if log.len() < MAX_LOG {
            log.push((level, message));
        } else if level == Level::Error && log.len() < 2 * MAX_LOG {
            // Errors have room of their own, so that warnings cannot crowd them out.
            log.push((level, message));
        }
    }
}

/// The settings that interfaces and files have in common.
#[derive(Debug)]
pub struct Job {
    pub shared: Arc<Shared>,
    pub pipeline: crate::pipeline::Settings,
    /// Length of an interval in nanoseconds.
    pub interval: i64,
    pub workers: usize,
    /// Files that secrets of TLS connections are read from.
    pub keylogs: Vec<PathBuf>,
    pub timeout: Option<Duration>,
    /// When the time-out began to run.
    pub began: OnceLock<Instant>,
}

impl Job {
    /// Starts the time-out. Called when capturing begins, so opening interfaces does not count.
    pub fn begin(&self) {
        let _ = self.began.set(Instant::now());
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.began.get().zip(self.timeout).and_then(|(began, timeout)| began.checked_add(timeout))
    }

    /// True if the time-out has passed, or the capture is to end.
    pub fn is_ending(&self) -> bool {
        self.is_over() || self.shared.bell.is_rung()
    }

    pub fn is_over(&self) -> bool {
        self.deadline().is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// How long ago the time-out passed; zero if it has not.
    pub fn overtime(&self) -> Duration {
        self.deadline().map_or(Duration::ZERO, |deadline| Instant::now().saturating_duration_since(deadline))
    }
}

/// Tells [`Engine::wait_until_open`](super::Engine::wait_until_open) whether the source could be opened.
#[derive(Debug)]
pub struct Opened(pub SyncSender<Result<(), Error>>);

impl Opened {
    /// Sends the result of opening the source. To be called once.
    pub fn tell(&self, result: Result<(), Error>) {
        // Sending fails if nobody waits for the result any more, which is no error.
        let _ = self.0.try_send(result);
    }
}

//! What the threads of a capture have in common: what is to be done, and where snapshots and messages go.

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::lock::lock;
use super::queue::Queue;
use crate::capture::Error;
use crate::capture::wait::Bell;

/// How grave a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something that was asked for was not done whole.
    Error,
    /// Good to know.
    Info,
    /// Something is not seen that could be.
    Warning,
}

/// Messages kept until somebody asks; more than that is repetition.
const MAX_LOG: usize = 100;

/// What the capture shares with those who watch it.
#[derive(Debug)]
pub struct Shared {
    pub queue: Queue,
    /// Rung when the capture is to end.
    pub bell: Bell,
    pub log: Mutex<Vec<(Level, String)>>,
    /// The interfaces being captured from, or the files.
    pub names: Mutex<Vec<String>>,
}

impl Shared {
    pub fn log(&self, level: Level, message: String) {
        let mut log = lock(&self.log);
        if log.len() < MAX_LOG {
            log.push((level, message));
        } else if level == Level::Error && log.len() < 2 * MAX_LOG {
            // An error is told however many warnings there are.
            log.push((level, message));
        }
    }
}

/// What both kinds of source need to know.
#[derive(Debug)]
pub struct Job {
    pub shared: Arc<Shared>,
    pub pipeline: crate::pipeline::Settings,
    /// Length of an interval in nanoseconds.
    pub interval: i64,
    pub workers: usize,
    pub timeout: Option<Duration>,
    /// When the time-out began to run.
    pub began: OnceLock<Instant>,
}

impl Job {
    /// The time-out runs from now on: what comes before is opening sources.
    pub fn begin(&self) {
        let _ = self.began.set(Instant::now());
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.began.get().zip(self.timeout).and_then(|(began, timeout)| began.checked_add(timeout))
    }

    /// It is over, or somebody wants it to be.
    pub fn is_ending(&self) -> bool {
        self.is_over() || self.shared.bell.is_rung()
    }

    pub fn is_over(&self) -> bool {
        self.deadline().is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// How long ago the time was up; nothing when it is not.
    pub fn overtime(&self) -> Duration {
        self.deadline().map_or(Duration::ZERO, |deadline| Instant::now().saturating_duration_since(deadline))
    }
}

/// Who waits until the source is open, or cannot be opened.
#[derive(Debug)]
pub struct Opened(pub SyncSender<Result<(), Error>>);

impl Opened {
    /// Tells what came of it, once.
    pub fn tell(&self, result: Result<(), Error>) {
        // Nobody may wait any more.
        let _ = self.0.try_send(result);
    }
}

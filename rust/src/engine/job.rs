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

/// Messages kept until they are read. Further ones are likely to repeat these. They are dropped and counted.
const MAX_LOG: usize = 100;

/// Messages that were not read yet.
#[derive(Debug, Default)]
pub struct Messages {
    kept: Vec<(Level, String)>,
    dropped: u64,
    /// True if some of those dropped were more than information.
    has_dropped_warnings: bool,
}

impl Messages {
    fn add(&mut self, level: Level, message: String) {
        // Errors have room of their own, so that warnings cannot crowd them out.
        let room = if level == Level::Error { 2 * MAX_LOG } else { MAX_LOG };
        if self.kept.len() < room {
            self.kept.push((level, message));
        } else {
            self.dropped = self.dropped.saturating_add(1);
            self.has_dropped_warnings |= level != Level::Info;
        }
    }

    /// The messages, which stay.
    #[cfg(test)]
    pub fn kept(&self) -> &[(Level, String)] {
        &self.kept
    }

    /// Takes all messages. The last one says how many were dropped, if any were.
    pub fn take(&mut self) -> Vec<(Level, String)> {
        let Self { mut kept, dropped, has_dropped_warnings } = std::mem::take(self);
        if dropped > 0 {
            let message = match dropped {
                1 => "1 more message was dropped, because too many came at once".to_owned(),
                _ => format!("{dropped} more messages were dropped, because too many came at once"),
            };
            kept.push((if has_dropped_warnings { Level::Warning } else { Level::Info }, message));
        }
        kept
    }
}

/// What the capture shares with its [`Engine`](super::Engine).
#[derive(Debug)]
pub struct Shared {
    pub queue: Queue,
    /// Rung when the capture is to end.
    pub bell: Bell,
    pub log: Mutex<Messages>,
    /// The names of the interfaces being captured from, or of the files.
    pub names: Mutex<Vec<String>>,
    /// Where a live capture waits until rights are given up.
    pub gate: Gate,
}

impl Shared {
    pub fn log(&self, level: Level, message: String) {
        lock(&self.log).add(level, message);
    }
}

/// The settings that interfaces and files have in common.
#[derive(Debug)]
pub struct Job {
    pub shared: Arc<Shared>,
    pub pipeline: crate::pipeline::Settings,
    /// Length of an interval in nanoseconds.
    pub interval: i64,
    /// Threads among which connections are divided.
    pub workers: usize,
    /// True if files may choose another number, by what they contain.
    pub chooses_workers: bool,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_beyond_the_limit_are_counted_and_errors_have_room_of_their_own() {
        let mut messages = Messages::default();
        let add = |messages: &mut Messages, level, count: usize| {
            (0..count).for_each(|at| messages.add(level, at.to_string()));
        };
        for (warnings, errors, kept, told) in [
            (MAX_LOG, 0, MAX_LOG, None),
            (MAX_LOG + 1, 0, MAX_LOG, Some("1 more message was dropped, because too many came at once")),
            (MAX_LOG + 5, MAX_LOG, 2 * MAX_LOG, Some("5 more messages were dropped, because too many came at once")),
            (
                MAX_LOG + 5,
                MAX_LOG + 2,
                2 * MAX_LOG,
                Some("7 more messages were dropped, because too many came at once"),
            ),
        ] {
            add(&mut messages, Level::Warning, warnings);
            add(&mut messages, Level::Error, errors);
            let mut got = messages.take();
            let last = (got.len() > kept).then(|| got.pop().unwrap());
            assert_eq!((got.len(), last.as_ref().map(|(_, message)| &**message)), (kept, told));
            assert!(messages.take().is_empty(), "each is told once");
        }
        (0..=MAX_LOG).for_each(|at| messages.add(Level::Info, at.to_string()));
        assert_eq!(messages.take().pop().map(|(level, _)| level), Some(Level::Info), "nothing is wrong");
    }
}

//! The key logs of a capture: what they hold when it begins, and threads that follow them.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use super::job::{Job, Level, Shared};
use crate::capture::Error;
use crate::capture::keylog::{KeyLog, LineSink, Notice, POLL};
use crate::capture::wait::{Bell, wait};
use crate::pipeline::protocol::tls::keys::{Keys, MAX_CONNECTIONS};
use crate::privileges::Rights;

/// Key logs that are open, read up to their present ends.
pub struct KeyLogs {
    logs: Vec<KeyLog>,
    sink: LineSink,
    /// True if the threads have rights to give up.
    is_gated: bool,
}

/// When keys come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keying {
    /// While packets are captured from interfaces, by threads that have rights to give up.
    Gated,
    /// While packets come through a pipe.
    Live,
    /// Packets come from files, so the keys are read before, and the key logs must exist.
    Before,
}

impl KeyLogs {
    /// Opens the key logs of a capture, and takes all keys that are there. What the user is to be told is logged.
    pub fn open(job: &Job, keying: Keying) -> Result<Self, Error> {
        let mut logs = Self { logs: Vec::new(), sink: sink_of(&job.pipeline.keys), is_gated: keying == Keying::Gated };
        for path in &job.keylogs {
            job.pipeline.keys.expect();
            let mut log = KeyLog::open(path, keying != Keying::Before)?;
            let before = job.pipeline.keys.counts();
            log.read_all(&logs.sink, keying == Keying::Before, &job.shared.bell)?;
            tell(&mut log, &job.shared);
            let after = job.pipeline.keys.counts();
            let has_secrets = (after.secrets, after.known) != (before.secrets, before.known);
            if after.malformed > before.malformed && !has_secrets {
                let words = format!("key log {}: has no secret that can be read; is it in the NSS format?", log.name());
                job.shared.log(Level::Warning, words);
            }
            logs.logs.push(log);
        }
        let dropped = job.pipeline.keys.counts().dropped;
        if dropped > 0 {
            let words = format!(
                "key logs: the secrets of {dropped} connections were dropped, the oldest ones; {MAX_CONNECTIONS} are kept"
            );
            job.shared.log(Level::Warning, words);
        }
        Ok(logs)
    }

    /// Starts a thread for each key log, which follows it. In a capture from interfaces it waits at the gate before.
    pub fn follow(self, shared: &Arc<Shared>) -> io::Result<Following> {
        let mut following = Following::default();
        if self.logs.is_empty() {
            return Ok(following);
        }
        let bell = following.bell.insert(Bell::new()?).clone();
        for mut log in self.logs {
            let (sink, shared, bell) = (self.sink.clone(), shared.clone(), bell.clone());
            let is_gated = self.is_gated;
            if is_gated {
                shared.gate.expect();
            }
            let thread = std::thread::Builder::new().name("netmon-keylog".into()).spawn(move || {
                if is_gated && !shared.gate.pass(Rights::NONE) {
                    return;
                }
                while !wait(&[], &bell, POLL).unwrap_or(true) {
                    log.follow(&sink, Instant::now());
                    tell(&mut log, &shared);
                }
            })?;
            following.threads.push(thread);
        }
        Ok(following)
    }
}

/// Threads that follow key logs, until this is dropped.
#[derive(Default)]
pub struct Following {
    /// Set if there are threads.
    bell: Option<Bell>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.bell.iter().for_each(Bell::ring);
        for thread in self.threads.drain(..) {
            // A thread that panicked follows nothing any more, and has nothing to give back.
            let _ = thread.join();
        }
    }
}

/// Adds lines of key logs to the store.
pub fn sink_of(keys: &Arc<Keys>) -> LineSink {
    let keys = keys.clone();
    LineSink::new(move |line| {
        keys.add_line(line);
    })
}

fn tell(log: &mut KeyLog, shared: &Shared) {
    for notice in log.take_notices() {
        match notice {
            Notice::Info(words) => shared.log(Level::Info, words),
            Notice::Warning(words) => shared.log(Level::Warning, words),
        }
    }
}

/// The paths of key logs, each once.
pub fn distinct(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut kept: Vec<PathBuf> = Vec::with_capacity(paths.len());
    for path in paths {
        if !kept.contains(&path) {
            kept.push(path);
        }
    }
    kept
}

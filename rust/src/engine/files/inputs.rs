//! What there is to read: paths, the names to show for some of them, and those that a lender opens.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::stream::{PacketStream, Pipe};
use crate::capture::Error;
use crate::capture::file::{CaptureFile, InOrder, Lent, Pace, Patient, name_of};
use crate::capture::wait::Bell;
use crate::engine::job::Job;
use crate::engine::keylogs::sink_of;

/// The inputs of a capture.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Files and pipes, in any order; `-` is standard input.
    pub paths: Vec<PathBuf>,
    /// Names to show instead of some paths.
    pub names: HashMap<PathBuf, String>,
    /// Paths that stand for sources of a lender. Like a file, such a source has an end and can be opened again.
    pub lent: HashMap<PathBuf, Lent>,
}

impl Inputs {
    /// Opens a file or a pipe. With `is_look`, it is closed again after its first packet.
    pub fn open(&self, path: &Path, pace: Pace, news: &Bell, job: &Job, is_look: bool) -> Result<PacketStream, Error> {
        let name = self.called(path);
        let failed = |reason: String| Error::File { path: name.clone(), reason };
        let secrets = sink_of(&job.pipeline.keys);
        let file = match self.lent.get(path) {
            None => CaptureFile::open(path, pace, news, &secrets).map_err(|error| match error {
                Error::File { reason, .. } => failed(reason),
                other => other,
            })?,
            Some(lent) => {
                let bell = job.shared.bell.clone();
                let file = lent.open(&bell, is_look).map_err(|error| failed(error.to_string()))?;
                let source = Patient { file, bell, until: job.deadline() };
                CaptureFile::whole(Box::new(source), pace, &secrets).map_err(|problem| failed(problem.to_string()))?
            }
        };
        let pipe = file.is_pipe().then(|| Pipe::new(Instant::now()));
        Ok(PacketStream::new(name, InOrder::new(file), pipe))
    }

    /// Returns the name of a file to show: its path, unless it was given another name.
    pub fn called(&self, path: &Path) -> String {
        self.names.get(path).cloned().unwrap_or_else(|| name_of(path))
    }
}

//! Capture files and pipes, merged by time: rotated captures in any order, and taps with a file for each direction.
//!
//! Packet time is the only clock of files, and intervals without packets are skipped. A pipe is live if its packets
//! were captured at about the present time. While a live pipe is silent, the steady clock lets time pass and closes
//! intervals. A file is opened when the merge comes to its first packet and closed at its end, so few files are open at
//! a time.

mod alone;
mod beginning;
mod cores;
mod crew;
mod filters;
mod inputs;
mod points;
mod reading;
mod rounds;
mod silence;
mod stream;
mod turns;

use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::collector::Collector;
use super::intervals::Intervals;
use super::job::{Job, Opened};
use super::keylogs::{KeyLogs, Keying};
use super::lock::lock;
use super::queue::Overflow;
use crate::capture::file::{Missing, Problem, Reach};
use crate::capture::wait::{Bell, wait};
use crate::capture::{DEFAULT_SNAPLEN, Error};
use crate::pipeline::Pipeline;
use crate::pipeline::packet::Timestamp;
use alone::Alone;
use beginning::{Beginning, MOST_WORKERS};
use crew::Crew;
use filters::Filters;
pub use inputs::Inputs;
use points::Points;
use reading::{Reading, Unopened, pace};
use stream::{PATIENCE, PacketStream};

/// Files to read.
pub struct Files {
    job: Job,
    /// Files that were looked at and closed again, in the order of their first packets.
    unopened: VecDeque<Unopened>,
    /// Inputs that stay open: pipes, standard input, and the file if there is only one.
    open: Vec<PacketStream>,
    filters: Filters,
    snaplen: usize,
    news: Bell,
    inputs: Inputs,
    /// What the inputs look like, until it is decided how many workers there are.
    beginning: Beginning,
}

/// Reads files until their end. `opened` is told the result when all files were looked at.
pub fn run(job: Job, inputs: Inputs, filter: Option<String>, snaplen: u32, opened: &Opened) -> Result<(), Error> {
    match Files::open(job, inputs, filter, snaplen).and_then(|files| Ok((files.keylogs()?, files))) {
        Ok((keylogs, files)) => {
            opened.tell(Ok(()));
            files.run(keylogs)
        }
        Err(error) => {
            opened.tell(Err(error));
            Ok(())
        }
    }
}

impl Files {
    /// Looks at all files before any is read, so that an unreadable one is reported at once.
    pub fn open(job: Job, mut inputs: Inputs, filter: Option<String>, snaplen: u32) -> Result<Self, Error> {
        let paths = std::mem::take(&mut inputs.paths);
        if paths.is_empty() {
            return Err(Error::NoInterface("no file to read".into()));
        }
        job.begin();
        let mut files = Self {
            unopened: VecDeque::new(),
            open: Vec::new(),
            filters: Filters::new(filter),
            // The default snapshot length cuts nothing, not even packets that were captured with a larger one.
            snaplen: if snaplen < DEFAULT_SNAPLEN { snaplen as usize } else { usize::MAX },
            news: Bell::new()?,
            inputs,
            beginning: Beginning::default(),
            job,
        };
        *lock(&files.job.shared.names) = paths.iter().map(|path| files.inputs.called(path)).collect();
        let is_only = paths.len() == 1;
        for path in paths {
            if files.job.is_ending() {
                break;
            }
            match files.look_at(path, is_only) {
                Err(_) if files.job.is_ending() => break,
                looked => looked?,
            }
        }
        files.unopened.make_contiguous().sort_by_key(|unopened| unopened.first);
        files.choose_workers(is_only);
        Ok(files)
    }

    /// Decides how many workers there are, unless a number was asked for.
    fn choose_workers(&mut self, is_only: bool) {
        if self.job.chooses_workers {
            self.job.workers = self.beginning.workers();
            self.open.iter_mut().for_each(|stream| stream.packets.set_pace(pace(is_only, self.job.workers)));
        }
    }

    /// Opens the key logs. Keys can come later only if packets can.
    pub fn keylogs(&self) -> Result<KeyLogs, Error> {
        let is_live = self.open.iter().any(|stream| stream.pipe.is_some());
        KeyLogs::open(&self.job, if is_live { Keying::Live } else { Keying::Before })
    }

    fn look_at(&mut self, path: PathBuf, is_only: bool) -> Result<(), Error> {
        // No thread reads ahead before it is decided how many workers there are.
        let workers = if self.job.chooses_workers { MOST_WORKERS } else { self.job.workers };
        let pace = pace(is_only, workers);
        let mut stream = self.inputs.open(&path, pace, &self.news, &self.job, !is_only)?;
        if stream.pipe.is_some() {
            self.listen_to(&mut stream)?;
        } else {
            stream.packets.begin(false);
        }
        self.check(&stream)?;
        let is_lent = self.inputs.lent.contains_key(&path);
        self.beginning.note(stream.packets.first_block(), is_lent || stream.pipe.is_some());
        if stream.pipe.is_some() || is_only || path == Path::new("-") {
            self.open.push(stream);
        } else {
            // A file without packets is read first, so that what is wrong with it is reported first.
            let first = stream.packets.first().unwrap_or(Timestamp(i64::MIN));
            self.unopened.push_back(Unopened { path, first });
        }
        Ok(())
    }

    /// Waits a moment for the beginning of a pipe. An error if the pipe is no capture.
    fn listen_to(&mut self, stream: &mut PacketStream) -> Result<(), Error> {
        let began = Instant::now();
        let failed = |problem: Problem| Error::File { path: stream.path.clone(), reason: problem.to_string() };
        loop {
            let waited = began.elapsed();
            let hurry = stream.packets.part_since().is_some_and(|since| since.elapsed() >= PATIENCE);
            let is_over = waited >= 2 * PATIENCE || self.job.is_ending();
            if stream.packets.begin(hurry) != Reach::Pending || is_over {
                return stream.packets.failed_to_begin().map_or(Ok(()), |problem| Err(failed(problem)));
            }
            wait(&[self.news.as_fd()], &self.job.shared.bell, PATIENCE / 8)?;
            self.news.hush();
        }
    }

    /// Returns an error if none of the stream's interfaces has a link type that can be decoded, or the filter does not
    /// compile for the first one.
    fn check(&mut self, stream: &PacketStream) -> Result<(), Error> {
        let interfaces = stream.packets.interfaces();
        let Some(first) = interfaces.first() else { return Ok(()) };
        if interfaces.iter().all(|interface| interface.link_type.is_none()) {
            return Err(Error::LinkType { name: stream.path.clone(), number: first.number });
        }
        self.filters.find(first.number)?;
        Ok(())
    }

    pub fn run(self, keylogs: KeyLogs) -> Result<(), Error> {
        let _following = keylogs.follow(&self.job.shared)?;
        let (count, shared) = (self.job.workers, self.job.shared.clone());
        let collector = Collector::new(count, &self.job.pipeline, Overflow::Wait);
        let Self { job, unopened, open, filters, snaplen, news, inputs, .. } = self;
        let settings = &job.pipeline;
        let intervals = Intervals::new(job.interval);
        let points = Points::default();
        let missing = Missing::default();
        let mut reading = Reading {
            job: &job,
            unopened,
            open,
            points,
            intervals,
            filters,
            snaplen,
            news,
            inputs,
            missing,
            is_overdue: false,
            is_crowded: false,
        };
        let result = if count == 1 {
            let mut alone = Alone::new(Pipeline::new(settings.share(1)), &collector, &shared);
            alone.read(&mut reading)
        } else {
            Crew::new(reading, settings, count, &shared).run(&collector)
        };
        (0..count).for_each(|worker| collector.finish(worker, &shared.queue));
        result
    }
}

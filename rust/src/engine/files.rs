//! Capture files, one after the other as if they were one: rotated captures are the usual reason for several.
//! Packet time is the only clock; intervals without packets are skipped.

use std::vec::IntoIter;

use super::alone::Alone;
use super::collector::Collector;
use super::crew::Crew;
use super::intervals::Intervals;
use super::queue::Overflow;
use super::{Job, Level, lock};
use crate::capture::file::{CaptureFile, FileInterface, Lease, Problem, Record};
use crate::capture::filter::Filter;
use crate::capture::{Error, KNOWN_LINK_TYPES};
use crate::pipeline::Pipeline;
use crate::pipeline::packet::{InterfaceId, Packet, Timestamp};

/// What takes the packets of files, interval after interval.
pub trait Workers {
    /// Says how an interface is called.
    fn set_interface(&mut self, id: InterfaceId, name: &str);
    /// Takes a packet, which begins there in the block that comes.
    fn push(&mut self, packet: &Packet<'_>, at: usize);
    /// Takes the block in which the packets are that were pushed since the last one.
    fn take_block(&mut self, block: Lease);
    /// Takes a packet whose link type cannot be decoded.
    fn push_unknown(&mut self, interface: InterfaceId, wire_len: u32, link_type: u32);
    /// Closes an interval.
    fn close(&mut self, start: Timestamp, end: Timestamp);
    /// The source is over, and with it the open interval.
    fn finish(&mut self, interval: Option<(Timestamp, Timestamp)>);
}

/// Files to read.
pub struct Files {
    job: Job,
    /// The first one is open already, so that what is wrong with it is known at once.
    first: CaptureFile,
    paths: Vec<String>,
    filter: Option<String>,
}

impl Files {
    pub fn open(job: Job, paths: Vec<String>, filter: Option<String>) -> Result<Self, Error> {
        let Some(path) = paths.first() else { return Err(Error::NoInterface("no file to read".into())) };
        let first = open(&job, path)?;
        // A pipe can be opened once only; files that are there are looked at now, so that nobody waits for an error.
        for path in paths[1..].iter().filter(|path| *path != "-" && !is_pipe(path)) {
            open(&job, path)?;
        }
        if let (Some(filter), Some(interface)) = (&filter, first.interfaces().first()) {
            Filter::compile(filter, interface.number)?;
        }
        lock(&job.shared.names).clone_from(&paths);
        Ok(Self { job, first, paths, filter })
    }

    pub fn run(self) -> Result<(), Error> {
        let Self { job, first, paths, filter } = self;
        let (count, shared) = (job.workers, &job.shared);
        let collector = Collector::new(count, Overflow::Wait);
        let mut reading = Reading::new(&job, first, paths, filter);
        let result = if count == 1 {
            let mut alone = Alone::new(Pipeline::new(job.pipeline.share(1)), &collector, shared);
            reading.read_all(&mut alone)
        } else {
            Crew::new(reading, &job.pipeline, count).run(&collector, shared)
        };
        (0..count).for_each(|worker| collector.finish(worker, &shared.queue));
        result
    }
}

fn is_pipe(path: &str) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

fn open(job: &Job, path: &str) -> Result<CaptureFile, Error> {
    let file = CaptureFile::open(path, &job.shared.bell, job.workers > 1)?;
    match file.interfaces().first() {
        Some(FileInterface { link_type: None, number, .. }) => {
            Err(Error::LinkType { name: path.to_owned(), number: *number, known: KNOWN_LINK_TYPES })
        }
        _ => Ok(file),
    }
}

/// The files, being read one after the other, block by block.
pub struct Reading<'a> {
    job: &'a Job,
    /// The one being read, and its path.
    file: Option<(String, CaptureFile)>,
    /// Those that come after it.
    paths: IntoIter<String>,
    intervals: Intervals,
    filter: Option<String>,
    /// Interfaces of the files before.
    base: usize,
    /// Interfaces of this file that were seen, with their filters.
    known: Vec<(FileInterface, Option<Filter>)>,
}

/// How far a look through a block got.
enum End {
    OfBlock,
    OfFile,
    Stopped,
}

impl<'a> Reading<'a> {
    fn new(job: &'a Job, first: CaptureFile, paths: Vec<String>, filter: Option<String>) -> Self {
        let mut paths = paths.into_iter();
        let file = paths.next().map(|path| (path, first));
        let intervals = Intervals::new(job.interval);
        Self { job, file, paths, intervals, filter, base: 0, known: Vec::new() }
    }

    fn read_all(&mut self, workers: &mut impl Workers) -> Result<(), Error> {
        while self.read_block(workers)? {}
        Ok(())
    }

    /// The next block comes without waiting.
    pub fn is_ready(&self) -> bool {
        self.file.as_ref().is_some_and(|(_, file)| file.is_ready())
    }

    /// Hands over the packets of the next block. False at the end, which is handed over as well, once.
    pub fn read_block(&mut self, workers: &mut impl Workers) -> Result<bool, Error> {
        let is_stopped = self.job.is_over() || self.job.shared.bell.is_rung();
        let Some((path, mut file)) = self.file.take().filter(|_| !is_stopped) else {
            workers.finish(self.intervals.take());
            return Ok(false);
        };
        let end = self.look_through(&path, &mut file, workers);
        workers.take_block(file.release());
        match end? {
            End::OfBlock => self.file = Some((path, file)),
            End::OfFile => self.open_next()?,
            End::Stopped => {}
        }
        Ok(true)
    }

    fn open_next(&mut self) -> Result<(), Error> {
        self.base += self.known.len();
        self.known.clear();
        if let Some(path) = self.paths.next() {
            let file = open(self.job, &path)?;
            self.file = Some((path, file));
        }
        Ok(())
    }

    fn look_through(&mut self, path: &str, file: &mut CaptureFile, workers: &mut impl Workers) -> Result<End, Error> {
        match file.next_block() {
            Ok(true) => {}
            Ok(false) => return Ok(End::OfFile),
            Err(problem) => return self.fail(path, problem),
        }
        loop {
            self.learn(path, file, workers)?;
            match file.next_in_block() {
                Ok(Some(record)) => self.push(&record, workers),
                Ok(None) => return Ok(End::OfBlock),
                Err(problem) => return self.fail(path, problem),
            }
        }
    }

    /// Nothing can be read any more.
    fn fail(&self, path: &str, problem: Problem) -> Result<End, Error> {
        let shared = &self.job.shared;
        match problem {
            Problem::Io(error) => Err(Error::Failed { name: path.to_owned(), reason: error.to_string() }),
            _ if shared.bell.is_rung() => Ok(End::Stopped),
            problem => {
                shared.log(Level::Warning, format!("{path}: {problem}"));
                Ok(End::OfFile)
            }
        }
    }

    fn push(&mut self, record: &Record<'_>, workers: &mut impl Workers) {
        let Some((interface, filter)) = self.known.get(record.interface) else { return };
        if filter.as_ref().is_some_and(|filter| !filter.matches(record.data)) {
            return;
        }
        let (link_type, number) = (interface.link_type, interface.number);
        let interface = InterfaceId((self.base + record.interface) as u16);
        let ts = self.intervals.admit(record.ts);
        if self.intervals.is_over(ts)
            && let Some((start, end)) = self.intervals.take()
        {
            workers.close(start, end);
        }
        self.intervals.open_at(ts);
        let Record { wire_len, data, at, .. } = *record;
        match link_type {
            Some(link_type) => workers.push(&Packet { ts, wire_len, interface, link_type, data }, at),
            None => workers.push_unknown(interface, wire_len, number),
        }
    }

    /// Takes note of interfaces that the file has told of since.
    fn learn(&mut self, path: &str, file: &CaptureFile, workers: &mut impl Workers) -> Result<(), Error> {
        for at in self.known.len()..file.interfaces().len() {
            let interface = file.interfaces()[at].clone();
            let name = interface.name.as_deref().unwrap_or(path);
            workers.set_interface(InterfaceId((self.base + at) as u16), name);
            if interface.link_type.is_none() {
                let message = format!("{path}: link type {} of {name} is not supported", interface.number);
                self.job.shared.log(Level::Warning, message);
            }
            let filter = self.filter.as_deref().map(|filter| Filter::compile(filter, interface.number)).transpose()?;
            self.known.push((interface, filter));
        }
        Ok(())
    }
}

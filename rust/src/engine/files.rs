//! Capture files, one after the other as if they were one: rotated captures are the usual reason for several.
//! Packet time is the only clock; intervals without packets are skipped.

use super::collector::Collector;
use super::crew::{Alone, Crew, Workers};
use super::intervals::Intervals;
use super::queue::Overflow;
use super::{Job, Level, lock};
use crate::capture::file::{CaptureFile, FileInterface, Problem, Record};
use crate::capture::filter::Filter;
use crate::capture::{Error, KNOWN_LINK_TYPES};
use crate::pipeline::Pipeline;
use crate::pipeline::packet::{InterfaceId, Packet};

/// Packets between two looks at the clock and the bell.
const BATCH: u32 = 1024;

/// Files being read.
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
        let (count, shared, pipeline) = (self.job.workers, self.job.shared.clone(), self.job.pipeline.share(1));
        let collector = Collector::new(count, Overflow::Wait);
        let result = if count == 1 {
            self.read(&mut Alone::new(Pipeline::new(pipeline), &collector, &shared))
        } else {
            std::thread::scope(|scope| {
                let mut crew = Crew::start(scope, &pipeline, count, &collector, &shared)?;
                let result = self.read(&mut crew);
                crew.join();
                result
            })
        };
        (0..count).for_each(|worker| collector.finish(worker, &shared.queue));
        result
    }

    fn read(self, workers: &mut impl Workers) -> Result<(), Error> {
        let Self { job, first, paths, filter } = self;
        let intervals = Intervals::new(job.interval);
        let mut reading = Reading { job: &job, workers, intervals, filter, base: 0, known: Vec::new() };
        let mut opened = Some(first);
        for path in &paths {
            let mut file = match opened.take() {
                Some(file) => file,
                None => open(&job, path)?,
            };
            if reading.read(path, &mut file)? == End::Stopped {
                break;
            }
        }
        reading.workers.finish();
        reading.close_interval();
        Ok(())
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

#[derive(PartialEq, Eq)]
enum End {
    OfFile,
    Stopped,
}

/// The files, being read one after the other.
struct Reading<'a, W> {
    job: &'a Job,
    workers: &'a mut W,
    intervals: Intervals,
    filter: Option<String>,
    /// Interfaces of the files before.
    base: usize,
    /// Interfaces of this file that were seen, with their filters.
    known: Vec<(FileInterface, Option<Filter>)>,
}

impl<W: Workers> Reading<'_, W> {
    fn read(&mut self, path: &str, file: &mut CaptureFile) -> Result<End, Error> {
        self.base += self.known.len();
        self.known.clear();
        let end = self.read_blocks(path, file);
        self.workers.take_block(file.release());
        end
    }

    fn read_blocks(&mut self, path: &str, file: &mut CaptureFile) -> Result<End, Error> {
        let shared = &self.job.shared;
        loop {
            if self.job.is_over() || shared.bell.is_rung() || self.workers.is_broken() {
                return Ok(End::Stopped);
            }
            for _ in 0..BATCH {
                self.learn(path, file)?;
                match file.next_in_block() {
                    Ok(Some(record)) => self.push(&record),
                    Ok(None) => {
                        self.workers.take_block(file.release());
                        match file.next_block() {
                            Ok(true) => {}
                            Ok(false) => return Ok(End::OfFile),
                            Err(problem) => return self.fail(path, problem),
                        }
                    }
                    Err(problem) => return self.fail(path, problem),
                }
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

    fn push(&mut self, record: &Record<'_>) {
        let Some((interface, filter)) = self.known.get(record.interface) else { return };
        if filter.as_ref().is_some_and(|filter| !filter.matches(record.data)) {
            return;
        }
        let link_type = interface.link_type;
        let interface = InterfaceId((self.base + record.interface) as u16);
        let ts = self.intervals.admit(record.ts);
        if self.intervals.is_over(ts) {
            self.close_interval();
        }
        self.intervals.open_at(ts);
        let Record { wire_len, data, at, .. } = *record;
        match link_type {
            Some(link_type) => self.workers.push(&Packet { ts, wire_len, interface, link_type, data }, at),
            None => self.workers.push_unknown(interface, wire_len),
        }
    }

    fn close_interval(&mut self) {
        if let Some((start, end)) = self.intervals.take() {
            self.workers.close(start, end);
        }
    }

    /// Takes note of interfaces that the file has told of since.
    fn learn(&mut self, path: &str, file: &CaptureFile) -> Result<(), Error> {
        for at in self.known.len()..file.interfaces().len() {
            let interface = file.interfaces()[at].clone();
            let name = interface.name.as_deref().unwrap_or(path);
            self.workers.set_interface(InterfaceId((self.base + at) as u16), name);
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

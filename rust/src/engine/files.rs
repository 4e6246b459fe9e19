//! Capture files, one after the other as if they were one: rotated captures are the usual reason for several.
//! Packet time is the only clock; intervals without packets are skipped.

use super::{Level, Worker, lock};
use crate::capture::file::{CaptureFile, FileInterface, Problem};
use crate::capture::filter::Filter;
use crate::capture::{Error, KNOWN_LINK_TYPES};
use crate::pipeline::packet::{InterfaceId, Packet};
use crate::pipeline::snapshot::InterfaceState;

/// Packets between two looks at the clock and the bell.
const BATCH: u32 = 1024;

/// Files being read.
pub struct Files {
    worker: Worker,
    /// The first one is open already, so that what is wrong with it is known at once.
    first: CaptureFile,
    paths: Vec<String>,
    filter: Option<String>,
    /// Interfaces of the files before.
    base: usize,
}

impl Files {
    pub fn open(worker: Worker, paths: Vec<String>, filter: Option<String>) -> Result<Self, Error> {
        let Some(path) = paths.first() else { return Err(Error::NoInterface("no file to read".into())) };
        let first = open(&worker, path)?;
        // A pipe can be opened once only; files that are there are looked at now, so that nobody waits for an error.
        for path in paths[1..].iter().filter(|path| *path != "-" && !is_pipe(path)) {
            open(&worker, path)?;
        }
        if let (Some(filter), Some(interface)) = (&filter, first.interfaces().first()) {
            Filter::compile(filter, interface.number)?;
        }
        lock(&worker.shared.names).clone_from(&paths);
        Ok(Self { worker, first, paths, filter, base: 0 })
    }

    pub fn run(self) -> Result<(), Error> {
        let Self { mut worker, first, paths, filter, mut base } = self;
        let mut opened = Some(first);
        for path in &paths {
            let mut file = match opened.take() {
                Some(file) => file,
                None => open(&worker, path)?,
            };
            let mut reading = Reading { worker: &mut worker, path, filter: filter.as_deref(), base, known: Vec::new() };
            let end = reading.read(&mut file)?;
            base += file.interfaces().len();
            if end == End::Stopped {
                break;
            }
        }
        worker.finish();
        Ok(())
    }
}

fn is_pipe(path: &str) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

fn open(worker: &Worker, path: &str) -> Result<CaptureFile, Error> {
    let file = CaptureFile::open(path, &worker.shared.bell)?;
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

/// One file being read.
struct Reading<'a> {
    worker: &'a mut Worker,
    path: &'a str,
    filter: Option<&'a str>,
    base: usize,
    /// Interfaces that were seen, with their filters.
    known: Vec<(FileInterface, Option<Filter>)>,
}

impl Reading<'_> {
    fn read(&mut self, file: &mut CaptureFile) -> Result<End, Error> {
        loop {
            if self.worker.is_over() || self.worker.shared.bell.is_rung() {
                return Ok(End::Stopped);
            }
            for _ in 0..BATCH {
                self.learn(file)?;
                match file.next_record() {
                    Ok(Some(record)) => {
                        let interfaces = &self.known;
                        let Some((interface, filter)) = interfaces.get(record.interface) else { continue };
                        if filter.as_ref().is_some_and(|filter| !filter.matches(record.data)) {
                            continue;
                        }
                        let id = InterfaceId((self.base + record.interface) as u16);
                        let ts = self.worker.intervals.admit(record.ts);
                        if self.worker.intervals.is_over(ts) {
                            self.worker.close_interval();
                        }
                        self.worker.intervals.open_at(ts);
                        match interface.link_type {
                            Some(link_type) => self.worker.pipeline.push(&Packet {
                                ts,
                                wire_len: record.wire_len,
                                interface: id,
                                link_type,
                                data: record.data,
                            }),
                            None => self.worker.pipeline.push_unknown(id, record.wire_len),
                        }
                    }
                    Ok(None) => return Ok(End::OfFile),
                    Err(Problem::Io(error)) => {
                        return Err(Error::Failed { name: self.path.to_owned(), reason: error.to_string() });
                    }
                    Err(_) if self.worker.shared.bell.is_rung() => return Ok(End::Stopped),
                    Err(problem) => {
                        self.worker.shared.log(Level::Warning, format!("{}: {problem}", self.path));
                        return Ok(End::OfFile);
                    }
                }
            }
        }
    }

    /// Takes note of interfaces that the file has told of since.
    fn learn(&mut self, file: &CaptureFile) -> Result<(), Error> {
        for at in self.known.len()..file.interfaces().len() {
            let interface = file.interfaces()[at].clone();
            let name = interface.name.as_deref().unwrap_or(self.path);
            let id = InterfaceId((self.base + at) as u16);
            self.worker.pipeline.set_interface(id, name, InterfaceState::Up);
            if interface.link_type.is_none() {
                let message = format!("{}: link type {} of {name} is not supported", self.path, interface.number);
                self.worker.shared.log(Level::Warning, message);
            }
            let filter = self.filter.map(|filter| Filter::compile(filter, interface.number)).transpose()?;
            self.known.push((interface, filter));
        }
        Ok(())
    }
}

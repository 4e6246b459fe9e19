//! A capture file, read from front to back, whatever its format.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rustix::fs::OFlags;

use super::blocks::pool::BlockPool;
use super::blocks::{Blocks, Lease, Pace, Patient, PipeSource, Reader};
use super::input::Input;
use super::record::{FileInterface, Location, Missing, Problem, Reach, Record, Step, Told};
use super::unpack::{self, Unpacked};
use super::{pcap, pcapng};
use crate::capture::Error;
use crate::capture::wait::Bell;

/// Bytes that tell the format.
const MAGIC: usize = 4;

enum Format {
    /// Not known yet.
    Unknown,
    Pcap(pcap::Pcap),
    Pcapng(pcapng::Pcapng),
}

/// A capture file, read from front to back.
pub struct CaptureFile {
    input: Input,
    format: Format,
    pub(super) told: Told,
    /// Bytes it takes to go on, at the end of a block; `None` while there may be packets in it.
    needs: Option<usize>,
    is_pipe: bool,
    is_packed: Arc<AtomicBool>,
}

impl CaptureFile {
    /// Opens a file; `-` is standard input. What is no file with an end is read by a thread of its own, which rings `news`
    /// when there is some: see [`CaptureFile::begin`].
    pub fn open(path: &Path, pace: Pace, news: &Bell) -> Result<Self, Error> {
        let failed = |reason: String| Error::File { path: name_of(path), reason };
        let file = open(path).map_err(|error| failed(words(&error)))?;
        let metadata = file.metadata().map_err(|error| failed(words(&error)))?;
        if metadata.is_dir() {
            return Err(failed("is a directory".into()));
        }
        if metadata.is_file() {
            let mut start = [0; unpack::MAGIC];
            // Unpacking is worth a thread, but not one for each of many files.
            let is_packed = pace != Pace::Sparing && file.read_at(&mut start, 0).is_ok() && unpack::is_packed(&start);
            let mut file = Self::new(Box::new(file), if is_packed { Pace::Ahead } else { pace });
            file.begin(false).map_err(|problem| failed(problem.to_string()))?;
            return Ok(file);
        }
        let stop = Bell::new()?;
        let source = Unpacked::new(Box::new(Patient { file, bell: stop.clone() }));
        let is_packed = source.packedness();
        let blocks = Blocks::of_pipe(PipeSource { source: Box::new(source), stop }, news.clone())?;
        Ok(Self { is_pipe: true, ..Self::of(blocks, is_packed) })
    }

    /// Reads a capture from anywhere.
    pub fn from_reader(reader: Box<dyn Read + Send>) -> Result<Self, Problem> {
        let mut file = Self::new(reader, Pace::AsItComes);
        file.begin(false)?;
        Ok(file)
    }

    pub(super) fn new(source: Box<dyn Read + Send>, pace: Pace) -> Self {
        let source = Unpacked::new(source);
        let is_packed = source.packedness();
        Self::of(Blocks::new(Box::new(source), pace), is_packed)
    }

    pub(super) fn of(blocks: Blocks, is_packed: Arc<AtomicBool>) -> Self {
        let input = Input::new(blocks);
        Self { input, format: Format::Unknown, told: Told::default(), needs: None, is_pipe: false, is_packed }
    }

    /// Reads up to the first interface, so that a link type nobody can decode is known at once.
    pub fn begin(&mut self, hurry: bool) -> Result<Reach, Problem> {
        while self.told.interfaces.is_empty() {
            if let Step::Needs(count) = self.step()? {
                self.needs = Some(count);
                let reach = self.next_block(hurry)?;
                if reach != Reach::Here {
                    return Ok(reach);
                }
            }
        }
        Ok(Reach::Here)
    }

    /// The interfaces the file told of so far. More may come while reading.
    pub fn interfaces(&self) -> &[FileInterface] {
        &self.told.interfaces
    }

    /// Takes what is missing as far as the file told since the last call.
    pub(super) fn take_missing(&mut self) -> Missing {
        std::mem::take(&mut self.told.missing)
    }

    /// Who reads it, for another thread to do, if there is much more of it.
    pub(super) fn take_reader(&mut self) -> Option<Reader> {
        self.input.take_reader()
    }

    /// Where its blocks lie.
    pub(super) fn pool(&self) -> Arc<BlockPool> {
        self.input.pool()
    }

    /// It can be read once only, and may say nothing for long.
    pub fn is_pipe(&self) -> bool {
        self.is_pipe
    }

    /// What stopped it, for a packed file: what was packed was whole, so that something of it is missing is no habit of
    /// those who write captures.
    pub(super) fn judge(&self, problem: Problem) -> Problem {
        match problem {
            Problem::Truncated | Problem::Malformed(_) if self.is_packed.load(Ordering::Relaxed) => {
                Problem::Packed(problem.to_string())
            }
            other => other,
        }
    }

    /// The next packet, in the order of the file; `None` at the end.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, Problem> {
        loop {
            match self.step()? {
                Step::Packet(location) => return Ok(Some(self.record(location))),
                Step::Needs(count) if self.input.want(count, true)? != Reach::Here => return Ok(None),
                Step::Needs(_) | Step::Passed => {}
            }
        }
    }

    /// Tells of the place of each packet of the block at hand, as far as they are whole.
    #[inline]
    pub(super) fn look_through(&mut self, take: impl FnMut(Location)) -> Result<(), Problem> {
        let Self { input, format, told, needs, .. } = self;
        if let Format::Unknown = format {
            *format = match Format::tell(input, told)? {
                Ok(format) => format,
                Err(count) => {
                    *needs = Some(count);
                    return Ok(());
                }
            };
        }
        *needs = Some(match format {
            Format::Pcap(format) => each(input, |input| format.step(input, told), take)?,
            Format::Pcapng(format) => each(input, |input| format.step(input, told), take)?,
            Format::Unknown => MAGIC,
        });
        Ok(())
    }

    /// Gives the block at hand to those who still look at its packets. What is cut at its end is kept.
    pub(super) fn release(&mut self) -> Lease {
        self.input.release()
    }

    /// Goes to the next block, waiting for it if that is a file's. The first one may be there already.
    pub(super) fn next_block(&mut self, hurry: bool) -> Result<Reach, Problem> {
        let Some(count) = self.needs else { return Ok(Reach::Here) };
        let is_first = matches!(self.format, Format::Unknown) && count == MAGIC;
        let reach = match self.input.want(count, hurry) {
            Err(Problem::Truncated) if is_first => return Err(Problem::Malformed("is not a capture file".into())),
            Ok(Reach::End) if is_first => return Err(Problem::Malformed("is empty".into())),
            other => other?,
        };
        if reach == Reach::Here {
            self.needs = None;
        }
        Ok(reach)
    }

    /// The next block comes without waiting, for the file or for those who look at blocks before.
    pub fn is_ready(&self) -> bool {
        self.needs.is_none() || self.input.is_ready()
    }

    /// Since when a part of the next block is there, while more of it is waited for.
    pub fn part_since(&self) -> Option<Instant> {
        self.input.part_since()
    }

    #[inline]
    fn record(&self, location: Location) -> Record<'_> {
        let Location { interface, ts, wire_len, at, len } = location;
        let data = &self.input.buffer()[at..at + len];
        Record { ts, wire_len: wire_len.max(len as u32), interface, data }
    }

    fn step(&mut self) -> Result<Step, Problem> {
        let Self { input, format, told, .. } = self;
        match format {
            Format::Pcap(format) => format.step(input, told),
            Format::Pcapng(format) => format.step(input, told),
            Format::Unknown => Ok(match Format::tell(input, told)? {
                Ok(known) => {
                    *format = known;
                    Step::Passed
                }
                Err(count) => Step::Needs(count),
            }),
        }
    }
}

/// Takes all packets until more bytes are needed. Returns how many.
#[inline]
fn each(
    input: &mut Input,
    mut step: impl FnMut(&mut Input) -> Result<Step, Problem>,
    mut take: impl FnMut(Location),
) -> Result<usize, Problem> {
    loop {
        match step(input)? {
            Step::Packet(location) => take(location),
            Step::Passed => {}
            Step::Needs(count) => return Ok(count),
        }
    }
}

impl Format {
    /// The format of a file that begins so, or how many bytes it takes to tell.
    fn tell(input: &mut Input, told: &mut Told) -> Result<Result<Self, usize>, Problem> {
        let bytes = input.bytes();
        let Some(&magic) = bytes.first_chunk::<MAGIC>() else { return Ok(Err(MAGIC)) };
        if magic == pcapng::SECTION_HEADER {
            return Ok(Ok(Self::Pcapng(pcapng::Pcapng::default())));
        }
        if !pcap::Pcap::is_meant(magic) {
            return Err(Problem::Malformed("is not a capture file".into()));
        }
        let Some(header) = bytes.first_chunk() else { return Ok(Err(pcap::HEADER)) };
        let format = pcap::Pcap::read(header, told);
        input.skip(pcap::HEADER);
        Ok(Ok(Self::Pcap(format)))
    }
}

/// A path as text. A byte that belongs to no character is written as `\xff`.
pub fn name_of(path: &Path) -> String {
    let mut name = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        name.push_str(chunk.valid());
        name.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    name
}

/// Opens a path for reading. A named pipe is not waited for until somebody writes to it.
fn open(path: &Path) -> io::Result<File> {
    if path == Path::new("-") {
        return io::stdin().as_fd().try_clone_to_owned().map(File::from);
    }
    let is_fifo = std::fs::metadata(path)?.file_type().is_fifo();
    let flags = if is_fifo { OFlags::NONBLOCK.bits() as i32 } else { 0 };
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// The system's words without its number.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".into(),
        io::ErrorKind::PermissionDenied => "not permitted to read it".into(),
        _ => error.to_string(),
    }
}

//! A capture file, read from front to back, whatever its format.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsFd;
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
use crate::capture::keylog::LineSink;
use crate::capture::named::name_of;
use crate::capture::wait::Bell;

/// Number of bytes that tell the format.
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
    /// Bytes that are needed to go on, once the current block is used up; `None` while it may have more packets.
    needs: Option<usize>,
    is_pipe: bool,
    is_packed: Arc<AtomicBool>,
}

impl CaptureFile {
    /// Opens a file; `-` is standard input. A pipe, or any other source that is no regular file, is read by a thread of
    /// its own, which rings `news` when it has read something. It still has to be begun, see [`CaptureFile::begin`].
    /// `secrets` takes the lines of key logs in the file.
    pub fn open(path: &Path, pace: Pace, news: &Bell, secrets: &LineSink) -> Result<Self, Error> {
        let failed = |reason: String| Error::File { path: name_of(path), reason };
        let file = open(path).map_err(|error| failed(words(&error)))?;
        let metadata = file.metadata().map_err(|error| failed(words(&error)))?;
        if metadata.is_dir() {
            return Err(failed("is a directory".into()));
        }
        if metadata.is_file() {
            let mut start = [0; unpack::MAGIC];
            // Decompression is worth a thread, but not one for each of many files.
            let is_packed = pace != Pace::Sparing && file.read_at(&mut start, 0).is_ok() && unpack::is_packed(&start);
            let mut file = Self::new(Box::new(file), if is_packed { Pace::Ahead } else { pace });
            file.told.secrets = Some(secrets.clone());
            file.begin(false).map_err(|problem| failed(problem.to_string()))?;
            return Ok(file);
        }
        let stop = Bell::new()?;
        let source = Unpacked::new(Box::new(Patient { file, bell: stop.clone(), until: None }));
        let is_packed = source.packedness();
        let blocks = Blocks::of_pipe(PipeSource { source: Box::new(source), stop }, news.clone())?;
        let told = Told { secrets: Some(secrets.clone()), ..Told::default() };
        Ok(Self { is_pipe: true, told, ..Self::of(blocks, is_packed) })
    }

    /// Reads a capture from anywhere.
    pub fn from_reader(reader: Box<dyn Read + Send>) -> Result<Self, Problem> {
        let mut file = Self::new(reader, Pace::AsItComes);
        file.begin(false)?;
        Ok(file)
    }

    /// Reads a capture that has an end from anywhere, such as a file that comes through a pipe.
    pub fn whole(source: Box<dyn Read + Send>, pace: Pace, secrets: &LineSink) -> Result<Self, Problem> {
        let mut file = Self::new(source, if pace == Pace::Sparing { pace } else { Pace::Ahead });
        file.told.secrets = Some(secrets.clone());
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

    /// Reads up to the first interface, so that a link type that cannot be decoded is known at once.
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

    /// The interfaces that the file has described so far. More may come while it is read.
    pub fn interfaces(&self) -> &[FileInterface] {
        &self.told.interfaces
    }

    /// Takes what is missing since the last call.
    pub(super) fn take_missing(&mut self) -> Missing {
        std::mem::take(&mut self.told.missing)
    }

    /// Changes how the rest of a file is read, if only this thread has read it until now.
    pub(super) fn set_pace(&mut self, pace: Pace) {
        self.input.set_pace(if self.is_packed() { Pace::Ahead } else { pace });
    }

    /// True if it is compressed.
    pub(super) fn is_packed(&self) -> bool {
        self.is_packed.load(Ordering::Relaxed)
    }

    /// Takes the reader, so that another thread can read ahead; `None` if there may not be much more of the file.
    pub(super) fn take_reader(&mut self) -> Option<Reader> {
        self.input.take_reader()
    }

    /// Where its blocks lie.
    pub(super) fn pool(&self) -> Arc<BlockPool> {
        self.input.pool()
    }

    /// True for a pipe, which can be read only once and may be silent for long.
    pub fn is_pipe(&self) -> bool {
        self.is_pipe
    }

    /// The problem to report. The capture in a compressed file was whole when it was compressed. So if something of it
    /// is missing, the compressed file is at fault, not a writer that was stopped.
    pub(super) fn judge(&self, problem: Problem) -> Problem {
        match problem {
            Problem::Truncated | Problem::Malformed(_) if self.is_packed() => Problem::Packed(problem.to_string()),
            other => other,
        }
    }

    /// Returns the next packet, in the order of the file; `None` at the end.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, Problem> {
        loop {
            match self.step()? {
                Step::Packet(location) => return Ok(Some(self.record(location))),
                Step::Needs(count) if self.input.want(count, true)? != Reach::Here => return Ok(None),
                Step::Needs(_) | Step::Passed => {}
            }
        }
    }

    /// Calls `take` with the location of each packet in the current block that is whole.
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

    /// Lends out the current block to those who still look at its packets. A record that is cut by its end is kept.
    pub(super) fn release(&mut self) -> Lease {
        self.input.release()
    }

    /// Goes to the next block once the current one is used up. Waits for a block of a file; that of a pipe or of
    /// another thread may be pending. With `hurry`, a pipe also gives less than a block.
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

    /// True if the next block comes without waiting, neither for the file nor for users of earlier blocks.
    pub fn is_ready(&self) -> bool {
        self.needs.is_none() || self.input.is_ready()
    }

    /// When the first byte of the next block came, if a pipe has not filled that block yet.
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

/// Calls `take` with all packets until more bytes are needed. Returns how many bytes are needed.
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
    /// Tells the format by the first bytes of a file. If there are too few, the inner error says how many are needed.
    fn tell(input: &mut Input, told: &mut Told) -> Result<Result<Self, usize>, Problem> {
        let bytes = input.bytes();
        let Some(&magic) = bytes.first_chunk::<MAGIC>() else { return Ok(Err(MAGIC)) };
        if magic == pcapng::SECTION_HEADER {
            return Ok(Ok(Self::Pcapng(pcapng::Pcapng::default())));
        }
        if !pcap::Pcap::is_meant(magic) {
            let is_json = magic.trim_ascii_start().starts_with(b"{");
            let hint = if is_json { "; netmon merge and netmon diff read what netmon wrote" } else { "" };
            return Err(Problem::Malformed(format!("is not a capture file{hint}")));
        }
        let Some(header) = bytes.first_chunk() else { return Ok(Err(pcap::HEADER)) };
        let format = pcap::Pcap::read(header, told);
        input.skip(pcap::HEADER);
        Ok(Ok(Self::Pcap(format)))
    }
}

/// Opens a path for reading. A named pipe is opened without waiting for its writer.
fn open(path: &Path) -> io::Result<File> {
    if path == Path::new("-") {
        return io::stdin().as_fd().try_clone_to_owned().map(File::from);
    }
    let is_fifo = std::fs::metadata(path)?.file_type().is_fifo();
    let flags = if is_fifo { OFlags::NONBLOCK.bits() as i32 } else { 0 };
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// The message of a system error, without its number for the usual ones.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".into(),
        io::ErrorKind::PermissionDenied => "not permitted to read it".into(),
        _ => error.to_string(),
    }
}

//! Capture files: pcap and pcapng, in either byte order, plain or compressed, from disk or a pipe.
//!
//! Read in blocks; records are handed over as slices of them. A file that ends in the middle of a record is read up to
//! there, and says so.

mod blocks;
mod input;
mod pcap;
mod pcapng;

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

use super::Error;
use super::prefetch::prefetch;
use super::wait::Bell;
use crate::pipeline::packet::{LinkType, Timestamp};
pub use blocks::Lease;
use blocks::{Pace, Patient};
use input::Input;

/// No record is larger: libpcap's largest snapshot length for any link, with room for options.
const MAX_RECORD: usize = 16 << 20;

/// Bytes ahead of the packet at hand that are asked for: some packets' worth.
const PREFETCH: usize = 1024;

/// A packet as the file has it.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// When it was captured.
    pub ts: Timestamp,
    /// Its length on the wire.
    pub wire_len: u32,
    /// Which of [`CaptureFile::interfaces`] it came from.
    pub interface: usize,
    /// What was captured of it.
    pub data: &'a [u8],
    /// Where that begins in the block, see [`CaptureFile::release`].
    pub at: usize,
}

/// An interface that the file tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInterface {
    /// Its name, if the file knows it.
    pub name: Option<String>,
    /// `None` when its frames cannot be decoded.
    pub link_type: Option<LinkType>,
    /// `LINKTYPE_` number.
    pub number: u32,
}

/// What reading came to.
#[derive(Debug)]
pub enum Problem {
    /// The file ends in the middle of a record.
    Truncated,
    /// It is no capture, or not any more.
    Malformed(String),
    /// The system failed to read.
    Io(io::Error),
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncated => f.write_str("ends in the middle of a packet; what is before it was read"),
            Self::Malformed(what) => f.write_str(what),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Where the next packet is.
#[derive(Clone, Copy)]
enum Step {
    /// Here.
    Packet(Location),
    /// In the next block, or partly: it takes so many bytes from where the input is now to go on.
    Needs(usize),
}

/// A packet in the input's buffer.
#[derive(Clone, Copy)]
struct Location {
    interface: usize,
    ts: Timestamp,
    wire_len: u32,
    at: usize,
    len: usize,
}

enum Format {
    Pcap(pcap::Format),
    Pcapng(pcapng::Format),
}

/// A capture file, read from front to back.
pub struct CaptureFile {
    input: Input,
    format: Format,
    interfaces: Vec<FileInterface>,
    /// Bytes it takes to go on, at the end of a block; `None` while there may be packets in it.
    needs: Option<usize>,
}

impl CaptureFile {
    /// Opens a file; `-` is standard input. The bell ends a wait for a pipe. Several threads that share its packets read it
    /// themselves; for one that works alone another thread reads ahead.
    pub fn open(path: &str, bell: &Bell, is_shared: bool) -> Result<Self, Error> {
        let failed = |reason: String| Error::File { path: path.to_owned(), reason };
        let file = if path == "-" {
            File::from(io::stdin().as_fd().try_clone_to_owned()?)
        } else {
            File::open(path).map_err(|error| failed(words(&error)))?
        };
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(failed("is a directory".into()));
        }
        let is_regular = file.metadata().is_ok_and(|metadata| metadata.is_file());
        let result = if is_regular {
            Self::read(Box::new(file), if is_shared { Pace::Eager } else { Pace::Ahead })
        } else {
            Self::read(Box::new(Patient { file, bell: bell.clone() }), Pace::AsItComes)
        };
        result.map_err(|problem| failed(problem.to_string()))
    }

    /// Reads a capture from anywhere.
    pub fn from_reader(reader: Box<dyn Read + Send>) -> Result<Self, Problem> {
        Self::read(reader, Pace::AsItComes)
    }

    fn read(source: Box<dyn Read + Send>, pace: Pace) -> Result<Self, Problem> {
        let mut input = Input::new(source, pace);
        input.decompress()?;
        let mut interfaces = Vec::new();
        let start = input.peek(4)?;
        let Some(&magic) = start.first_chunk::<4>() else {
            let what = if start.is_empty() { "is empty" } else { "is not a capture file" };
            return Err(Problem::Malformed(what.into()));
        };
        let format = if magic == pcapng::SECTION_HEADER {
            let mut format = pcapng::Format::default();
            format.find_first_interface(&mut input, &mut interfaces)?;
            Format::Pcapng(format)
        } else {
            Format::Pcap(pcap::Format::read(magic, &mut input, &mut interfaces)?)
        };
        Ok(Self { input, format, interfaces, needs: None })
    }

    /// The interfaces the file told of so far. More may come while reading.
    pub fn interfaces(&self) -> &[FileInterface] {
        &self.interfaces
    }

    /// The next packet; `None` at the end.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, Problem> {
        loop {
            match self.step()? {
                Step::Packet(location) => return Ok(Some(self.record(location))),
                Step::Needs(count) if !self.input.want(count)? => return Ok(None),
                Step::Needs(_) => {}
            }
        }
    }

    /// The next packet of the block at hand; `None` when no more of them is whole.
    #[inline]
    pub fn next_in_block(&mut self) -> Result<Option<Record<'_>>, Problem> {
        match self.step()? {
            Step::Packet(location) => Ok(Some(self.record(location))),
            Step::Needs(count) => {
                self.needs = Some(count);
                Ok(None)
            }
        }
    }

    /// Gives the block at hand to those who still look at its packets. What is cut at its end is kept.
    pub fn release(&mut self) -> Lease {
        self.input.release()
    }

    /// Goes to the next block, waiting for it; false at the end. The first one may be there already.
    pub fn next_block(&mut self) -> Result<bool, Problem> {
        self.needs.take().map_or(Ok(true), |count| self.input.want(count))
    }

    /// The next block comes without waiting, for the file or for those who look at blocks before.
    pub fn is_ready(&self) -> bool {
        self.needs.is_none() || self.input.is_ready()
    }

    #[inline]
    fn record(&self, location: Location) -> Record<'_> {
        let Location { interface, ts, wire_len, at, len } = location;
        let buffer = self.input.buffer();
        let data = &buffer[at..at + len];
        if let Some(coming) = buffer.get(at + PREFETCH..at + PREFETCH + len) {
            prefetch(coming);
        }
        Record { ts, wire_len: wire_len.max(len as u32), interface, data, at }
    }

    #[inline]
    fn step(&mut self) -> Result<Step, Problem> {
        match &mut self.format {
            Format::Pcap(format) => format.step(&mut self.input),
            Format::Pcapng(format) => format.step(&mut self.input, &mut self.interfaces),
        }
    }
}

/// The system's words without its number.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".into(),
        io::ErrorKind::PermissionDenied => "not permitted to read it".into(),
        _ => error.to_string(),
    }
}

/// Integers in the byte order of the file.
#[derive(Clone, Copy, Debug, Default)]
struct Order {
    is_swapped: bool,
}

impl Order {
    fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let value = bytes.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]));
        if self.is_swapped { value.swap_bytes() } else { value }
    }

    fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let value = bytes.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        if self.is_swapped { value.swap_bytes() } else { value }
    }

    fn u64(self, bytes: &[u8]) -> u64 {
        let value = bytes.first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk));
        if self.is_swapped { value.swap_bytes() } else { value }
    }
}

#[cfg(test)]
mod blocks_tests;
#[cfg(test)]
mod tests;

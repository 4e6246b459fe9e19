//! Capture files: pcap and pcapng, in either byte order, plain or compressed, from disk or a pipe.
//!
//! One buffer, filled in large reads; records are handed over as slices of it. A file that ends in the middle of a record
//! is read up to there, and says so.

mod pcap;
mod pcapng;

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::Duration;

use super::Error;
use super::wait::{Bell, wait};
use crate::pipeline::packet::{LinkType, Timestamp};

/// A read this large costs as little as mapping the file, works on pipes, and stays in the processor's cache.
const READ_SIZE: usize = 1 << 18;
/// No record is larger: libpcap's largest snapshot length for any link, with room for options.
const MAX_RECORD: usize = 16 << 20;

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

enum Format {
    Pcap(pcap::Format),
    Pcapng(pcapng::Format),
}

/// A capture file, read from front to back.
pub struct CaptureFile {
    input: Input,
    format: Format,
    interfaces: Vec<FileInterface>,
}

impl CaptureFile {
    /// Opens a file; `-` is standard input. The bell ends a wait for a pipe.
    pub fn open(path: &str, bell: &Bell) -> Result<Self, Error> {
        let failed = |reason: String| Error::File { path: path.to_owned(), reason };
        let file = if path == "-" {
            File::from(io::stdin().as_fd().try_clone_to_owned()?)
        } else {
            File::open(path).map_err(|error| failed(words(&error)))?
        };
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(failed("is a directory".into()));
        }
        let source = Patient { file, bell: bell.clone() };
        Self::from_reader(Box::new(source)).map_err(|problem| failed(problem.to_string()))
    }

    /// Reads a capture from anywhere.
    pub fn from_reader(reader: Box<dyn Read + Send>) -> Result<Self, Problem> {
        let mut input = Input::new(reader);
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
        Ok(Self { input, format, interfaces })
    }

    /// The interfaces the file told of so far. More may come while reading.
    pub fn interfaces(&self) -> &[FileInterface] {
        &self.interfaces
    }

    /// The next packet; `None` at the end.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, Problem> {
        match &mut self.format {
            Format::Pcap(format) => format.next_record(&mut self.input),
            Format::Pcapng(format) => format.next_record(&mut self.input, &mut self.interfaces),
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

/// A file or pipe; a wait for its next bytes ends, as at its end, when the bell rings.
struct Patient {
    file: File,
    bell: Bell,
}

impl Read for Patient {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        const LONG: Duration = Duration::from_secs(3600);
        if wait(&[self.file.as_fd()], &self.bell, LONG)? {
            return Ok(0);
        }
        self.file.read(into)
    }
}

/// Bytes read and not yet used.
struct Input {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    fn new(reader: Box<dyn Read + Send>) -> Self {
        Self { reader, buffer: vec![0; READ_SIZE], start: 0, end: 0 }
    }

    /// Reads through gzip or zstd, when the file starts like it.
    fn decompress(&mut self) -> Result<(), Problem> {
        let start = self.peek(4)?.to_vec();
        let is_gzip = start.starts_with(&[0x1f, 0x8b]);
        if !is_gzip && !start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            return Ok(());
        }
        let peeked = io::Cursor::new(self.buffer[self.start..self.end].to_vec());
        let raw = peeked.chain(std::mem::replace(&mut self.reader, Box::new(io::empty())));
        self.reader = if is_gzip {
            Box::new(flate2::read::MultiGzDecoder::new(raw))
        } else {
            let decoder = ruzstd::decoding::StreamingDecoder::new(raw);
            Box::new(decoder.map_err(|error| Problem::Malformed(error.to_string()))?)
        };
        (self.start, self.end) = (0, 0);
        Ok(())
    }

    /// Up to `count` bytes, fewer only at the end of the file. They stay to be read.
    fn peek(&mut self, count: usize) -> Result<&[u8], Problem> {
        while self.end - self.start < count {
            if self.start + count > self.buffer.len() {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
                if count > self.buffer.len() {
                    self.buffer.resize(count.next_power_of_two(), 0);
                }
            }
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(&self.buffer[self.start..self.end.min(self.start + count)])
    }

    /// Exactly `count` bytes; `None` at the end of the file, an error in the middle of them.
    fn take(&mut self, count: usize) -> Result<Option<&[u8]>, Problem> {
        if count > MAX_RECORD {
            return Err(Problem::Malformed(format!("has a record of {count} bytes: it is damaged from there on")));
        }
        if self.end - self.start < count {
            match self.peek(count)?.len() {
                0 => return Ok(None),
                got if got < count => return Err(Problem::Truncated),
                _ => {}
            }
        }
        let at = self.start;
        self.start += count;
        Ok(Some(&self.buffer[at..at + count]))
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
mod tests;

//! What reading a capture file gives: packets, interfaces, what is missing, and how far it came.

use std::io;

use super::unpack::Fault;
use crate::capture::keylog::LineSink;
use crate::pipeline::packet::{LinkType, Timestamp};

/// Maximum length of a record: libpcap's largest snapshot length for any link, with room for options.
pub const MAX_RECORD: usize = 16 << 20;

/// A packet as it is in the file.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// When it was captured.
    pub ts: Timestamp,
    /// Its length on the wire.
    pub wire_len: u32,
    /// Which of [`CaptureFile::interfaces`] it came from.
    pub interface: u16,
    /// Captured bytes.
    pub data: &'a [u8],
}

/// An interface that the file describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInterface {
    /// Its name, if the file knows it.
    pub name: Option<String>,
    /// `None` if its frames cannot be decoded.
    pub link_type: Option<LinkType>,
    /// `LINKTYPE_` number.
    pub number: u32,
    /// Its number in its section.
    pub place: u32,
    /// True if it stands for interfaces that are too many to be told apart.
    pub is_rest: bool,
}

/// Packets that were on the link, or are in the file, and are not handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Packets of the file that cannot be read.
    pub unread: u64,
    /// Packets that the kernel dropped when the file was made.
    pub kernel_dropped: u64,
    /// Packets that an interface dropped then.
    pub interface_dropped: u64,
    /// Time of the last packet that could not be read.
    pub at: Timestamp,
}

impl Missing {
    /// True if anything is missing.
    pub fn is_any(&self) -> bool {
        self.unread > 0 || self.kernel_dropped > 0 || self.interface_dropped > 0
    }

    /// Adds what else is missing.
    pub fn add(&mut self, other: Self) {
        self.unread = self.unread.saturating_add(other.unread);
        self.kernel_dropped = self.kernel_dropped.saturating_add(other.kernel_dropped);
        self.interface_dropped = self.interface_dropped.saturating_add(other.interface_dropped);
        self.at = if other.is_any() { other.at } else { self.at };
    }
}

/// What was read from the file so far, beside packets.
#[derive(Debug, Default)]
pub struct Told {
    pub interfaces: Vec<FileInterface>,
    /// What is missing, until it is taken.
    pub missing: Missing,
    /// Time of a packet of which only the beginning was read.
    pub cut: Timestamp,
    /// Takes the lines of the key logs in the file, before any packet behind them is handed over.
    pub secrets: Option<LineSink>,
}

impl Told {
    /// Counts a packet with this time that cannot be read.
    #[cold]
    pub fn lose(&mut self, ts: Timestamp) {
        self.missing.unread += 1;
        self.missing.at = ts;
    }
}

/// Why reading stopped.
#[derive(Debug)]
pub enum Problem {
    /// The file ends in the middle of a record.
    Truncated,
    /// The file is no capture, or is damaged from some point on.
    Malformed(String),
    /// The file is compressed, and was not read to its end or is not what was compressed.
    Packed(String),
    /// The system failed to read.
    Io(io::Error),
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Truncated => f.write_str("ends in the middle of a packet; the packets before it were read"),
            Self::Malformed(what) | Self::Packed(what) => f.write_str(what),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        if error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Fault>) {
            return Self::Packed(error.to_string());
        }
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Truncated } else { Self::Io(error) }
    }
}

/// Result of one step through the file.
#[derive(Clone, Copy)]
pub enum Step {
    /// The step came to a packet.
    Packet(Location),
    /// The step passed something else.
    Passed,
    /// The step needs this many bytes, from the current position of the input on.
    Needs(usize),
}

/// Whether what was asked for is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It is there.
    Here,
    /// It is not there yet: a pipe or another thread has to bring it.
    Pending,
    /// The file is over.
    End,
}

/// Where a packet lies in the input's buffer.
#[derive(Clone, Copy)]
pub struct Location {
    pub interface: u16,
    pub ts: Timestamp,
    pub wire_len: u32,
    pub at: usize,
    pub len: usize,
}

/// Integers in the byte order of the file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Order {
    pub is_swapped: bool,
}

impl Order {
    pub fn u16(self, bytes: &[u8], at: usize) -> u16 {
        let value = bytes.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]));
        if self.is_swapped { value.swap_bytes() } else { value }
    }

    pub fn u32(self, bytes: &[u8], at: usize) -> u32 {
        let value = bytes.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        if self.is_swapped { value.swap_bytes() } else { value }
    }

    pub fn u64(self, bytes: &[u8]) -> u64 {
        let value = bytes.first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk));
        if self.is_swapped { value.swap_bytes() } else { value }
    }
}

//! Decompresses a source that starts like gzip or zstd. Any other source is passed on as it is.
//!
//! A packed source is a sequence of parts: members of gzip (RFC 1952), frames of zstd (RFC 8878), skippable frames and
//! padding of zeros, in any order. Every part that can be read is read, and its checksum and length are verified. A
//! part with a wrong checksum is passed on all the same, and the [`Fault`] is reported at the end of the source. A part
//! that is cut or damaged is passed on up to that point. It is the last one, since what follows cannot be joined to
//! what came before.

mod gzip;
mod packed;
mod zstd;

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gzip::Gzip;
use packed::Packed;
use zstd::Zstd;

/// RFC 1952, section 2.3.1.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// RFC 8878, section 3.1.1.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// RFC 8878, section 3.1.2: the lowest of sixteen numbers that begin a skippable frame. pzstd begins a file with one.
const SKIPPABLE: u32 = 0x184d_2a50;

/// Number of bytes that tell how a source is packed.
pub const MAGIC: usize = 4;

/// How a part begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Gzip,
    Zstd,
    Skippable,
}

impl Kind {
    fn of(start: &[u8]) -> Option<Self> {
        let number = start.first_chunk().map(|chunk| u32::from_le_bytes(*chunk) & !0xf);
        match number {
            _ if start.starts_with(&GZIP) => Some(Self::Gzip),
            _ if start.starts_with(&ZSTD) => Some(Self::Zstd),
            Some(SKIPPABLE) => Some(Self::Skippable),
            _ => None,
        }
    }
}

/// True if a source that begins with `start` is packed.
pub fn is_packed(start: &[u8]) -> bool {
    Kind::of(start).is_some()
}

/// What is wrong with a packed source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    wrong: Wrong,
    /// Bytes of the source before the fault, as far as the decoder tells.
    at: u64,
    /// Number of bytes that were unpacked before the fault, all of which were passed on.
    unpacked: u64,
    /// Number of other wrong checksums before.
    more: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wrong {
    /// The source ends within a part.
    Cut,
    /// A part cannot be decoded any further, for this reason.
    Damaged(String),
    /// The checksum or the length is wrong for the part that begins at this byte of the unpacked data.
    Checksum(u64),
    /// Neither a part nor padding.
    Foreign,
}

impl Fault {
    fn error(self) -> io::Error {
        let kind = if self.wrong == Wrong::Cut { ErrorKind::UnexpectedEof } else { ErrorKind::InvalidData };
        io::Error::new(kind, self)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wrong, at, unpacked, more } = self;
        match wrong {
            Wrong::Cut => write!(
                f,
                "ends after {at} bytes in the middle of compressed data; the {unpacked} bytes unpacked before were read"
            ),
            Wrong::Damaged(reason) => write!(
                f,
                "cannot be decompressed from about byte {at} on ({reason}); the {unpacked} bytes unpacked before were read"
            ),
            Wrong::Checksum(start) => write!(
                f,
                "has a wrong checksum: what was read from bytes {start} to {unpacked}, unpacked, may be wrong"
            ),
            Wrong::Foreign => write!(f, "has something that is not compressed from byte {at} on, which was not read"),
        }?;
        if *more > 0 { write!(f, "; {more} checksums before are wrong too") } else { Ok(()) }
    }
}

impl std::error::Error for Fault {}

/// Why a part gives no more bytes.
enum Stop {
    /// The source failed.
    Source(io::Error),
    Wrong(Wrong),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::UnexpectedEof { Self::Wrong(Wrong::Cut) } else { Self::Source(error) }
    }
}

/// Result of reading from a part.
enum Gave {
    /// This many bytes, at least one.
    Bytes(usize),
    /// The part is over; true if its checksum and its length are right.
    End(bool),
}

enum State {
    /// Nothing was read yet.
    Unread,
    /// The source is not packed.
    Plain,
    /// Before a part, or before the end.
    Between,
    /// In a part that began when this many bytes had been unpacked.
    Within(Kind, u64),
    Over,
}

/// The bytes of a source, unpacked.
pub struct Unpacked {
    packed: Packed,
    state: State,
    /// Decoders are kept from part to part.
    gzip: Option<Gzip>,
    zstd: Option<Zstd>,
    /// Number of bytes that were passed on.
    count: u64,
    /// The fault of the newest part with a wrong checksum, reported at the end.
    fault: Option<Fault>,
    is_packed: Arc<AtomicBool>,
}

impl Unpacked {
    /// Wraps a source, which is looked at when it is first read.
    pub fn new(source: Box<dyn Read + Send>) -> Self {
        Self {
            packed: Packed::new(source),
            state: State::Unread,
            gzip: None,
            zstd: None,
            count: 0,
            fault: None,
            is_packed: Arc::default(),
        }
    }

    /// Becomes true when the source turns out to be packed.
    pub fn packedness(&self) -> Arc<AtomicBool> {
        self.is_packed.clone()
    }

    /// Goes to the next part. `None` at the end of the source.
    fn begin(&mut self) -> Result<Option<Kind>, Stop> {
        loop {
            let start = self.packed.peek(MAGIC)?;
            let Some(&first) = start.first() else { return Ok(None) };
            let kind = Kind::of(start);
            let is_cut = start.len() < MAGIC && (GZIP.starts_with(start) || ZSTD.starts_with(start));
            match kind {
                Some(Kind::Gzip) => self.gzip.get_or_insert_default().begin(&mut self.packed)?,
                Some(Kind::Zstd) => self.zstd.get_or_insert_default().begin(&mut self.packed)?,
                Some(Kind::Skippable) => zstd::skip(&mut self.packed)?,
                // Tapes and disks are written in whole blocks, and gzip skips the zeros that fill the last one.
                None if first == 0 => self.packed.skip_zeros()?,
                None => return Err(Stop::Wrong(if is_cut { Wrong::Cut } else { Wrong::Foreign })),
            }
            if matches!(kind, Some(Kind::Gzip | Kind::Zstd)) {
                return Ok(kind);
            }
        }
    }

    /// Unpacks some bytes of the part at hand.
    fn unpack(&mut self, kind: Kind, into: &mut [u8]) -> Result<Gave, Stop> {
        match kind {
            Kind::Gzip => self.gzip.get_or_insert_default().read(&mut self.packed, into),
            Kind::Zstd | Kind::Skippable => self.zstd.get_or_insert_default().read(&mut self.packed, into),
        }
    }

    /// Makes one step. Returns `None` if it gave no bytes, though more may follow.
    fn step(&mut self, into: &mut [u8]) -> Result<Option<usize>, Stop> {
        match self.state {
            State::Unread => {
                let is_packed = is_packed(self.packed.peek(MAGIC)?);
                self.is_packed.store(is_packed, Ordering::Relaxed);
                self.state = if is_packed { State::Between } else { State::Plain };
            }
            State::Plain => return Ok(Some(self.packed.read(into)?)),
            State::Between => {
                self.state = self.begin()?.map_or(State::Over, |kind| State::Within(kind, self.count));
            }
            State::Within(kind, start) => match self.unpack(kind, into)? {
                Gave::Bytes(count) => {
                    self.count += count as u64;
                    return Ok(Some(count));
                }
                Gave::End(is_right) => {
                    self.state = State::Between;
                    if !is_right {
                        self.note(Wrong::Checksum(start));
                    }
                }
            },
            State::Over => return self.fault.take().map_or(Ok(Some(0)), |fault| Err(Stop::Source(fault.error()))),
        }
        Ok(None)
    }

    /// Keeps a fault until the bytes before it were passed on.
    fn note(&mut self, wrong: Wrong) {
        let more = self.fault.take().map_or(0, |before| before.more + 1);
        self.fault = Some(Fault { wrong, at: self.packed.passed(), unpacked: self.count, more });
    }
}

impl Read for Unpacked {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            match self.step(into) {
                Ok(Some(count)) => return Ok(count),
                Ok(None) => {}
                Err(Stop::Source(error)) => return Err(error),
                Err(Stop::Wrong(wrong)) => {
                    self.note(wrong);
                    self.state = State::Over;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;

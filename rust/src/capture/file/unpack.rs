//! Decompresses a source that starts like gzip or zstd. Any other source is passed on as it is.
//!
//! A packed source is a sequence of parts: members of gzip (RFC 1952), frames of zstd (RFC 8878), skippable frames and
//! padding of zeros, in any order. Every part that can be read is read, and its checksum and length are verified. A
//! part with a wrong checksum is passed on all the same, and the [`Fault`] is reported at the end of the source. A part
//! that is cut or damaged is passed on up to that point. It is the last one, since what follows cannot be joined to
//! what came before.

mod fault;
mod gzip;
mod packed;
mod zstd;

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use fault::Fault;
use fault::{Gave, Stop, Wrong};
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
enum Packing {
    Gzip,
    Zstd,
    Skippable,
}

impl Packing {
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
    Packing::of(start).is_some()
}

enum UnpackState {
    /// Nothing was read yet.
    Unread,
    /// The source is not packed.
    Plain,
    /// Before a part, or before the end.
    Between,
    /// In a part that began when this many bytes had been unpacked.
    Within(Packing, u64),
    Over,
}

/// The bytes of a source, unpacked.
pub struct Unpacked {
    packed: Packed,
    state: UnpackState,
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
            state: UnpackState::Unread,
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
    fn begin(&mut self) -> Result<Option<Packing>, Stop> {
        loop {
            let start = self.packed.peek(MAGIC)?;
            let Some(&first) = start.first() else { return Ok(None) };
            let kind = Packing::of(start);
            let is_cut = start.len() < MAGIC && (GZIP.starts_with(start) || ZSTD.starts_with(start));
            match kind {
                Some(Packing::Gzip) => self.gzip.get_or_insert_default().begin(&mut self.packed)?,
                Some(Packing::Zstd) => self.zstd.get_or_insert_default().begin(&mut self.packed)?,
                Some(Packing::Skippable) => zstd::skip(&mut self.packed)?,
                // Tapes and disks are written in whole blocks, and gzip skips the zeros that fill the last one.
                None if first == 0 => self.packed.skip_zeros()?,
                None => return Err(Stop::Wrong(if is_cut { Wrong::Cut } else { Wrong::Foreign })),
            }
            if matches!(kind, Some(Packing::Gzip | Packing::Zstd)) {
                return Ok(kind);
            }
        }
    }

    /// Unpacks some bytes of the part at hand.
    fn unpack(&mut self, kind: Packing, into: &mut [u8]) -> Result<Gave, Stop> {
        match kind {
            Packing::Gzip => self.gzip.get_or_insert_default().read(&mut self.packed, into),
            Packing::Zstd | Packing::Skippable => self.zstd.get_or_insert_default().read(&mut self.packed, into),
        }
    }

    /// Makes one step. Returns `None` if it gave no bytes, though more may follow.
    fn step(&mut self, into: &mut [u8]) -> Result<Option<usize>, Stop> {
        match self.state {
            UnpackState::Unread => {
                let is_packed = is_packed(self.packed.peek(MAGIC)?);
                self.is_packed.store(is_packed, Ordering::Relaxed);
                self.state = if is_packed { UnpackState::Between } else { UnpackState::Plain };
            }
            UnpackState::Plain => return Ok(Some(self.packed.read(into)?)),
            UnpackState::Between => {
                self.state = self.begin()?.map_or(UnpackState::Over, |kind| UnpackState::Within(kind, self.count));
            }
            UnpackState::Within(kind, start) => match self.unpack(kind, into)? {
                Gave::Bytes(count) => {
                    self.count += count as u64;
                    return Ok(Some(count));
                }
                Gave::End(is_right) => {
                    self.state = UnpackState::Between;
                    if !is_right {
                        self.note(Wrong::Checksum(start));
                    }
                }
            },
            UnpackState::Over => {
                return self.fault.take().map_or(Ok(Some(0)), |fault| Err(Stop::Source(fault.error())));
            }
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
                    self.state = UnpackState::Over;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;

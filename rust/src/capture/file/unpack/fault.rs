//! What a part of a packed source gives, and what can be wrong with it.

use std::fmt;
use std::io::{self, ErrorKind};

/// What is wrong with a packed source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub wrong: Wrong,
    /// Bytes of the source before the fault, as far as the decoder tells.
    pub at: u64,
    /// Number of bytes that were unpacked before the fault, all of which were passed on.
    pub unpacked: u64,
    /// Number of other wrong checksums before.
    pub more: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
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
    pub fn error(self) -> io::Error {
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
                "ends after {at} bytes in the middle of compressed data; the first {unpacked} decompressed bytes were read"
            ),
            Wrong::Damaged(reason) => write!(
                f,
                "cannot be decompressed from about byte {at} on ({reason}); the first {unpacked} decompressed bytes were read"
            ),
            Wrong::Checksum(start) => {
                write!(f, "has a wrong checksum: bytes {start} to {unpacked} of the decompressed data may be wrong")
            }
            Wrong::Foreign => write!(f, "is not compressed from byte {at} on; that part was not read"),
        }?;
        if *more > 0 { write!(f, "; {more} checksums before are wrong too") } else { Ok(()) }
    }
}

impl std::error::Error for Fault {}

/// Why a part gives no more bytes.
pub enum Stop {
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
pub enum Gave {
    /// This many bytes, at least one.
    Bytes(usize),
    /// The part is over; true if its checksum and its length are right.
    End(bool),
}

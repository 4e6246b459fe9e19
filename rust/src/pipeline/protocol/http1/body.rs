//! The body of a message: told how it is framed, it says where it ends. Its bytes are counted, never kept.

use super::head::Framing;

/// Bytes of chunk sizes, extensions and trailers that are believed, as with a head.
const MAX_LINE_BYTES: u32 = 64 * 1024;

/// Where in a body we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// So many bytes are left.
    Length(u64),
    /// Within chunked coding.
    Chunked(Chunked),
    /// No end but the connection's.
    UntilClose,
}

/// Where in chunked coding (RFC 9112 §7.1) we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunked {
    /// In the size.
    Size {
        /// So far; what 64 bits do not hold is the largest that they do, and has no end.
        value: u64,
        /// Read so far; RFC 9112 §7.1 allows any number of them.
        digits: u32,
    },
    /// Behind the size, up to the end of its line.
    Extension {
        /// Of the chunk that follows.
        size: u64,
        /// Read so far.
        seen: u32,
    },
    /// In the data.
    Data(u64),
    /// At the line end behind the data.
    DataEnd,
    /// In the trailer section.
    Trailer {
        /// The line has only a CR so far, or nothing.
        empty: bool,
        /// Read so far.
        seen: u32,
    },
}

/// What came of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All of them belong to the body, and it goes on.
    More,
    /// The body ended after so many of them.
    Done(usize),
    /// The coding is broken after so many of them; a line with a size is broken from its start.
    Broken(usize),
}

impl Body {
    /// A body framed so; `None` when there is none, or no telling.
    pub fn new(framing: Framing) -> Option<Self> {
        match framing {
            Framing::Length(0) | Framing::Unknown => None,
            Framing::Length(length) => Some(Self::Length(length)),
            Framing::Chunked => Some(Self::Chunked(Chunked::Size { value: 0, digits: 0 })),
            Framing::UntilClose => Some(Self::UntilClose),
        }
    }

    /// Bytes that follow and need not be seen.
    pub fn unwanted(&self) -> u64 {
        match *self {
            Self::Length(left) | Self::Chunked(Chunked::Data(left)) => left,
            Self::Chunked(_) => 0,
            Self::UntilClose => u64::MAX,
        }
    }

    /// Takes bytes that cannot be seen. Returns false when it is not known any more where we are.
    pub fn skip(&mut self, count: u64) -> bool {
        match self {
            Self::Length(left) | Self::Chunked(Chunked::Data(left)) if count <= *left => {
                *left -= count;
                if let Self::Chunked(state @ Chunked::Data(0)) = self {
                    *state = Chunked::DataEnd;
                }
                true
            }
            Self::UntilClose => true,
            _ => false,
        }
    }

    /// The last byte was seen.
    pub fn is_done(&self) -> bool {
        *self == Self::Length(0)
    }

    /// Takes bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Progress {
        match self {
            Self::UntilClose => Progress::More,
            Self::Length(left) => {
                let taken = (*left).min(bytes.len() as u64);
                *left -= taken;
                if *left == 0 { Progress::Done(taken as usize) } else { Progress::More }
            }
            Self::Chunked(state) => state.push(bytes),
        }
    }
}

impl Chunked {
    fn push(&mut self, bytes: &[u8]) -> Progress {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let byte = rest[0];
            let step = match *self {
                Self::Data(left) => {
                    let taken = left.min(rest.len() as u64);
                    *self = if taken == left { Self::DataEnd } else { Self::Data(left - taken) };
                    taken as usize
                }
                Self::Size { value, digits } => match (byte as char).to_digit(16) {
                    Some(_) if digits == MAX_LINE_BYTES => return Progress::Broken(at),
                    Some(digit) => {
                        let value = if value >> 60 == 0 { value << 4 | u64::from(digit) } else { u64::MAX };
                        *self = Self::Size { value, digits: digits + 1 };
                        1
                    }
                    None if digits > 0 && matches!(byte, b'\r' | b'\n' | b';' | b' ' | b'\t') => {
                        *self = Self::Extension { size: value, seen: 0 };
                        0
                    }
                    None => return Progress::Broken(at.saturating_sub(digits as usize)),
                },
                Self::Extension { size, seen } => {
                    let (taken, ended) = line_rest(rest);
                    let seen = seen.saturating_add(taken as u32);
                    if seen > MAX_LINE_BYTES {
                        return Progress::Broken(at);
                    }
                    *self = match (ended, size) {
                        (false, _) => Self::Extension { size, seen },
                        (true, 0) => Self::Trailer { empty: true, seen: 0 },
                        (true, size) => Self::Data(size),
                    };
                    taken
                }
                Self::DataEnd => match byte {
                    b'\r' => 1,
                    b'\n' => {
                        *self = Self::Size { value: 0, digits: 0 };
                        1
                    }
                    _ => return Progress::Broken(at),
                },
                Self::Trailer { empty, seen } => {
                    let (taken, ended) = line_rest(rest);
                    let is_empty = empty && matches!(&rest[..taken], b"\r" | b"\n" | b"\r\n");
                    if ended && is_empty {
                        return Progress::Done(at + taken);
                    }
                    let seen = seen.saturating_add(taken as u32);
                    if seen > MAX_LINE_BYTES {
                        return Progress::Broken(at);
                    }
                    *self = Self::Trailer { empty: ended || is_empty, seen };
                    taken
                }
            };
            at += step;
        }
        Progress::More
    }
}

/// How much of `bytes` belongs to the current line, and whether the line ends there.
fn line_rest(bytes: &[u8]) -> (usize, bool) {
    memchr::memchr(b'\n', bytes).map_or((bytes.len(), false), |at| (at + 1, true))
}

//! The body of a message: finds its end from its framing. The bytes of a body are counted, never kept.

use super::head::Framing;

/// Limit on the digits of a chunk size, on the bytes of a chunk extension, and on the bytes of a trailer section. It
/// equals the limit on a head.
const MAX_LINE_BYTES: u32 = 64 * 1024;

/// A position in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// In a body of known length, with this many bytes left.
    Length(u64),
    /// In a body with chunked coding.
    Chunked(Chunked),
    /// In a body that ends with the connection.
    UntilClose,
}

/// A position in chunked coding (RFC 9112 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunked {
    /// In the size of a chunk.
    Size {
        /// The size so far. A size too large for 64 bits becomes `u64::MAX`; such a chunk never ends.
        value: u64,
        /// Digits read so far. RFC 9112 §7.1 does not limit their number.
        digits: u32,
    },
    /// Behind the size, up to the end of its line.
    Extension {
        /// Size of the chunk that follows.
        size: u64,
        /// Bytes read so far.
        seen: u32,
    },
    /// In the data of a chunk, with this many bytes left.
    Data(u64),
    /// At the line end behind the data.
    DataEnd,
    /// In the trailer section.
    Trailer {
        /// True if the current line has no byte, or only a CR, so far.
        empty: bool,
        /// Bytes read so far.
        seen: u32,
    },
}

/// The result of reading some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All bytes belong to the body, and it has not ended.
    More,
    /// The body ended after this many of the bytes.
    Done(usize),
    /// The coding is broken after this many of the bytes. A broken chunk size counts as broken from its first digit.
    Broken(usize),
}

impl Body {
    /// The start of a body with this framing; `None` if there is no body, or if its end cannot be found.
    pub fn new(framing: Framing) -> Option<Self> {
        match framing {
            Framing::Length(0) | Framing::Unknown => None,
            Framing::Length(length) => Some(Self::Length(length)),
            Framing::Chunked => Some(Self::Chunked(Chunked::Size { value: 0, digits: 0 })),
            Framing::UntilClose => Some(Self::UntilClose),
        }
    }

    /// Returns how many of the following bytes need not be seen.
    pub fn unwanted(&self) -> u64 {
        match *self {
            Self::Length(left) | Self::Chunked(Chunked::Data(left)) => left,
            Self::Chunked(_) => 0,
            Self::UntilClose => u64::MAX,
        }
    }

    /// Skips `count` bytes that cannot be seen. Returns false if the position behind them is unknown.
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

    /// True if the last byte of a body of known length was read or skipped.
    pub fn is_done(&self) -> bool {
        *self == Self::Length(0)
    }

    /// Reads bytes.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> Progress {
        self.push_with(bytes, |_| {})
    }

    /// Reads bytes, and hands the content over without its framing.
    #[inline]
    pub fn push_with(&mut self, bytes: &[u8], mut content: impl FnMut(&[u8])) -> Progress {
        match self {
            Self::UntilClose => {
                content(bytes);
                Progress::More
            }
            Self::Length(left) => {
                let taken = (*left).min(bytes.len() as u64);
                content(&bytes[..taken as usize]);
                *left -= taken;
                if *left == 0 { Progress::Done(taken as usize) } else { Progress::More }
            }
            Self::Chunked(state) => state.push(bytes, content),
        }
    }
}

impl Chunked {
    fn push(&mut self, bytes: &[u8], mut content: impl FnMut(&[u8])) -> Progress {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let byte = rest[0];
            let step = match *self {
                Self::Data(left) => {
                    let taken = left.min(rest.len() as u64);
                    content(&rest[..taken as usize]);
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

/// Returns how many of `bytes` belong to the current line, and whether the line ends in them.
fn line_rest(bytes: &[u8]) -> (usize, bool) {
    memchr::memchr(b'\n', bytes).map_or((bytes.len(), false), |at| (at + 1, true))
}

//! The parts of a start line, and the rules for its words.

use crate::pipeline::exchange::Method;

/// The longest method that is accepted. The longest registered method has 17 letters, but servers accept any method,
/// because applications may define their own.
pub const MAX_METHOD: usize = 256;

/// The beginning of an HTTP version.
pub const VERSION: &[u8] = b"HTTP/";

/// The beginning of a status line of Shoutcast.
pub const SHOUTCAST: &[u8] = b"ICY ";

/// A start line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// A request. Its target may contain spaces, though RFC 9112 does not allow them.
    Request {
        /// Request method.
        method: Method,
        /// Request target as on the wire.
        target: &'a [u8],
        /// True if the version is HTTP/1.0.
        is_1_0: bool,
        /// True if ordinary text may look like this line.
        is_vague: bool,
    },
    /// A request of HTTP/0.9: `GET SP path`, and nothing else. Only the first line of a connection may be one.
    Simple {
        /// Request target as on the wire.
        target: &'a [u8],
    },
    /// A response.
    Response {
        /// Status code.
        status: u16,
        /// True if the version is HTTP/1.0.
        is_1_0: bool,
    },
}

/// Reads at most three decimal digits as a number.
pub fn number(digits: &[u8]) -> u16 {
    digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'))
}

/// Returns whether `text` is a version as RFC 9112 §2.3 defines it, with a major version of 0 or 1.
pub fn is_version(text: [u8; 8]) -> bool {
    matches!(text, [b'H', b'T', b'T', b'P', b'/', b'0' | b'1', b'.', b'0'..=b'9'])
}

/// The bytes of a token: `tchar` of RFC 9110 §5.6.2.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let marks = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    table
};

/// Returns the length of the token at the start of `bytes`, or [`MAX_METHOD`] + 1 if it is longer than [`MAX_METHOD`].
pub fn token_len(bytes: &[u8]) -> usize {
    bytes.iter().take(MAX_METHOD + 1).take_while(|&&byte| TOKEN[usize::from(byte)]).count()
}

/// Returns whether `target` begins like a path, or like an absolute target.
pub fn is_path(target: &[u8]) -> bool {
    target.starts_with(b"/") || behind_scheme(target).is_some()
}

/// Returns the bytes behind the scheme of an absolute target; `None` for another target.
pub fn behind_scheme(target: &[u8]) -> Option<&[u8]> {
    target.strip_prefix(b"http://").or_else(|| target.strip_prefix(b"https://"))
}

/// Returns whether a byte may separate the words of a start line. RFC 9112 §3: some recipients accept any of these.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0b | 0x0c | b'\r')
}

/// Removes white space at the start.
pub fn trim_start(bytes: &[u8]) -> &[u8] {
    let spaces = bytes.iter().take_while(|&&byte| is_space(byte)).count();
    &bytes[spaces..]
}

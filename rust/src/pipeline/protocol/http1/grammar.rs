//! What a start line says, and the words that it is made of.

use crate::pipeline::exchange::Method;

/// The longest method that is believed. The longest registered one has 17 letters; servers pass on any, for applications
/// to define.
pub const MAX_METHOD: usize = 256;

/// A version begins like this.
pub const VERSION: &[u8] = b"HTTP/";

/// A status line of Shoutcast begins like this.
pub const SHOUTCAST: &[u8] = b"ICY ";

/// What a first line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// A request; its target may hold spaces that should not be there.
    Request {
        /// Method.
        method: Method,
        /// Request target as on the wire.
        target: &'a [u8],
        /// It is of HTTP/1.0.
        is_1_0: bool,
        /// Prose may read like this.
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
        /// It is of HTTP/1.0.
        is_1_0: bool,
    },
}

/// Decimal digits, three at most, as a number.
pub fn number(digits: &[u8]) -> u16 {
    digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'))
}

/// A version as RFC 9112 §2.3 writes it, before HTTP/2.
pub fn is_version(text: [u8; 8]) -> bool {
    matches!(text, [b'H', b'T', b'T', b'P', b'/', b'0' | b'1', b'.', b'0'..=b'9'])
}

/// RFC 9110 §5.6.2: tchar.
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

/// How many bytes at the start are a token's; one more than [`MAX_METHOD`] at the most.
pub fn token_len(bytes: &[u8]) -> usize {
    bytes.iter().take(MAX_METHOD + 1).take_while(|&&byte| TOKEN[usize::from(byte)]).count()
}

/// It starts like a path, or like an absolute target.
pub fn is_path(target: &[u8]) -> bool {
    target.starts_with(b"/") || behind_scheme(target).is_some()
}

/// What follows the scheme of an absolute target.
pub fn behind_scheme(target: &[u8]) -> Option<&[u8]> {
    target.strip_prefix(b"http://").or_else(|| target.strip_prefix(b"https://"))
}

/// RFC 9112 §3: some recipients divide a request line at any of these.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0b | 0x0c | b'\r')
}

/// Without the white space at the start.
pub fn trim_start(bytes: &[u8]) -> &[u8] {
    let spaces = bytes.iter().take_while(|&&byte| is_space(byte)).count();
    &bytes[spaces..]
}

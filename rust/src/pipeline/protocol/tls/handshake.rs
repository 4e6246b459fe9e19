//! Reads handshake messages (RFC 8446 §4): which ones come, and those parts of the hellos on which decryption depends.

use super::keys::ClientRandom;
use crate::pipeline::steps;

/// The longest message that is read. Others are only skipped.
const MAX_MESSAGE: usize = 64 * 1024;

/// Kinds of messages (RFC 8446 §B.3).
pub const CLIENT_HELLO: u8 = 1;
pub const SERVER_HELLO: u8 = 2;
pub const END_OF_EARLY_DATA: u8 = 5;
pub const ENCRYPTED_EXTENSIONS: u8 = 8;
pub const FINISHED: u8 = 20;
pub const KEY_UPDATE: u8 = 24;

/// Reads the messages of one direction, in any pieces.
#[derive(Debug, Default)]
pub struct Messages {
    header: [u8; 4],
    seen: u8,
    left: u32,
    body: Vec<u8>,
}

/// A message that has ended. Its body is kept for hellos and encrypted extensions only.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub kind: u8,
    /// What it holds.
    pub body: Vec<u8>,
}

impl Messages {
    /// Bytes kept of the current message.
    pub fn held(&self) -> usize {
        self.body.capacity()
    }

    /// Takes bytes from the front of `bytes`, up to the end of the next message. `None` if they do not suffice.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Option<Message> {
        loop {
            steps::add(1);
            if usize::from(self.seen) < self.header.len() {
                let (&byte, rest) = bytes.split_first()?;
                self.header[usize::from(self.seen)] = byte;
                self.seen += 1;
                *bytes = rest;
                let [_, a, b, c] = self.header;
                self.left = u32::from_be_bytes([0, a, b, c]);
                continue;
            }
            let (taken, rest) = bytes.split_at(bytes.len().min(self.left as usize));
            steps::add(taken.len());
            let kind = self.header[0];
            let is_read = matches!(kind, CLIENT_HELLO | SERVER_HELLO | ENCRYPTED_EXTENSIONS);
            if is_read && self.body.len() + self.left as usize <= MAX_MESSAGE {
                self.body.extend_from_slice(taken);
            }
            self.left -= taken.len() as u32;
            *bytes = rest;
            if self.left > 0 {
                return None;
            }
            self.seen = 0;
            return Some(Message { kind, body: std::mem::take(&mut self.body) });
        }
    }

    /// True if no message has begun.
    pub fn is_between(&self) -> bool {
        self.seen == 0
    }
}

/// What a `ClientHello` tells.
#[derive(Debug, PartialEq, Eq)]
pub struct ClientHello {
    /// The random value, by which key logs name the connection.
    pub random: ClientRandom,
    /// True if early data may follow at once.
    pub offers_early: bool,
}

impl ClientHello {
    /// Reads the body of the message.
    pub fn read(body: &[u8]) -> Option<Self> {
        let random = *body.get(2..)?.first_chunk()?;
        let (_session, rest) = vector(body.get(34..)?, 1)?;
        let (_suites, rest) = vector(rest, 2)?;
        let (_compressions, rest) = vector(rest, 1)?;
        let offers_early = Extensions::of(rest).any(|(kind, _)| kind == EARLY_DATA);
        Some(Self { random, offers_early })
    }
}

/// Kinds of extensions (IANA's registry of TLS extensions).
const ENCRYPT_THEN_MAC: u16 = 22;
const EARLY_DATA: u16 = 42;
const SUPPORTED_VERSIONS: u16 = 43;

/// What a `ServerHello` tells.
#[derive(Debug, PartialEq, Eq)]
pub struct ServerHello {
    /// The random value.
    pub random: [u8; 32],
    /// Number of the cipher suite.
    pub suite: u16,
    /// Number of the version: 0x0303 for TLS 1.2, 0x0304 for TLS 1.3.
    pub version: u16,
    /// True if suites with CBC authenticate the ciphertext (RFC 7366).
    pub encrypts_first: bool,
}

/// The random value that makes a `ServerHello` a request for another `ClientHello` (RFC 8446 §4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

impl ServerHello {
    /// Reads the body of the message.
    pub fn read(body: &[u8]) -> Option<Self> {
        let version = u16::from_be_bytes(*body.first_chunk()?);
        let random = *body.get(2..)?.first_chunk()?;
        let (_session, rest) = vector(body.get(34..)?, 1)?;
        let (suite, rest) = rest.split_first_chunk()?;
        let extensions = rest.get(1..)?;
        let mut hello = Self { random, suite: u16::from_be_bytes(*suite), version, encrypts_first: false };
        for (kind, value) in Extensions::of(extensions) {
            match kind {
                SUPPORTED_VERSIONS => hello.version = u16::from_be_bytes(*value.first_chunk()?),
                ENCRYPT_THEN_MAC => hello.encrypts_first = true,
                _ => {}
            }
        }
        Some(hello)
    }

    /// True if the server asks for another `ClientHello`.
    pub fn is_retry(&self) -> bool {
        self.random == RETRY
    }
}

/// What `EncryptedExtensions` tell.
#[derive(Debug, PartialEq, Eq)]
pub struct EncryptedExtensions {
    /// True if the server takes the early data.
    pub accepts_early: bool,
}

impl EncryptedExtensions {
    /// Reads the body of the message.
    pub fn read(body: &[u8]) -> Self {
        Self { accepts_early: Extensions::of(body).any(|(kind, _)| kind == EARLY_DATA) }
    }
}

/// The extensions of a message, until one is malformed.
struct Extensions<'a>(&'a [u8]);

impl<'a> Extensions<'a> {
    /// The extensions whose list begins with its length.
    fn of(bytes: &'a [u8]) -> Self {
        Self(vector(bytes, 2).map_or(b"", |(list, _)| list))
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        steps::add(1);
        let (kind, rest) = self.0.split_first_chunk()?;
        let (value, rest) = vector(rest, 2)?;
        self.0 = rest;
        Some((u16::from_be_bytes(*kind), value))
    }
}

/// Reads a vector whose length is in the first `width` bytes. Returns the vector and the bytes behind it.
fn vector(bytes: &[u8], width: usize) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(width)?;
    let length = length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte));
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extension(kind: u16, value: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), value].concat()
    }

    fn server(suite: u16, extensions: &[u8]) -> Vec<u8> {
        let length = (extensions.len() as u16).to_be_bytes();
        [&[3, 3][..], &[7; 32], &[2, 1, 2], &suite.to_be_bytes(), &[0], &length, extensions].concat()
    }

    #[test]
    fn a_server_hello_tells_version_and_suite() {
        let plain = ServerHello::read(&server(0xc02f, b"")).unwrap();
        assert_eq!((plain.version, plain.suite, plain.encrypts_first), (0x303, 0xc02f, false));
        let list = [extension(43, &[3, 4]), extension(22, b""), extension(16, b"\0\x03\x02h2")].concat();
        let full = ServerHello::read(&server(0x1301, &list)).unwrap();
        assert_eq!((full.version, full.encrypts_first), (0x304, true));
        assert!(!full.is_retry() && ServerHello::read(b"\x03\x03").is_none());
    }

    #[test]
    fn messages_are_the_same_in_any_pieces() {
        let hello = server(0x1301, b"");
        let stream = [&[2, 0, 0, hello.len() as u8][..], &hello, &[11, 0, 1, 0], &[1; 256], &[20, 0, 0, 1, 9]].concat();
        for size in [1, 3, 50, 1000] {
            let mut messages = Messages::default();
            let mut found = Vec::new();
            for mut piece in stream.chunks(size) {
                while let Some(message) = messages.next(&mut piece) {
                    found.push((message.kind, message.body.len()));
                }
            }
            assert_eq!(found, [(2, hello.len()), (11, 0), (20, 0)], "{size}");
        }
    }
}

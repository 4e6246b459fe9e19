//! gRPC: recognised by its content type; its messages are counted as they pass.
//!
//! Each message begins with five bytes: one that tells whether it is compressed, and its length. Only these are read. A
//! message counts when its five bytes were seen.

use crate::pipeline::steps;

/// How a call of gRPC carries its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Plain bytes.
    Binary,
    /// Base64 (`application/grpc-web-text`). Its messages are not counted.
    Text,
}

/// Returns how a body with this content type carries messages; `None` if it is not gRPC.
pub fn coding(content_type: &[u8]) -> Option<Coding> {
    let rest = content_type.strip_prefix(b"application/grpc")?;
    let rest = rest.strip_prefix(b"-web").unwrap_or(rest);
    match rest.first() {
        None | Some(b'+' | b';' | b' ') => Some(Coding::Binary),
        Some(b'-') if rest.starts_with(b"-text") => Some(Coding::Text),
        Some(_) => None,
    }
}

/// Length of what is before each message.
const PREFIX: u8 = 5;

/// A position among the messages of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// Bytes of the prefix that were read.
    prefix: u8,
    /// False once it is not known where the next message begins.
    is_lost: bool,
    /// True for the trailers of gRPC-Web, which are sent as a message.
    is_trailers: bool,
    /// The length in the prefix so far; behind the prefix, the bytes that are left.
    left: u32,
}

impl Messages {
    /// Takes the next bytes. Returns how many messages began in them.
    #[inline]
    pub fn take(&mut self, bytes: &[u8]) -> u64 {
        let (mut rest, mut count) = (bytes, 0);
        while !rest.is_empty() && !self.is_lost {
            steps::add(1);
            if self.prefix == PREFIX {
                let taken = rest.len().min(self.left as usize);
                self.left -= taken as u32;
                rest = &rest[taken..];
            } else {
                let byte = rest[0];
                rest = &rest[1..];
                match self.prefix {
                    // Compressed or not; the highest bit marks the trailers of gRPC-Web.
                    0 => (self.is_lost, self.is_trailers) = (byte & 0x7e != 0, byte >> 7 != 0),
                    _ => self.left = self.left << 8 | u32::from(byte),
                }
                self.prefix += 1;
                count += u64::from(self.prefix == PREFIX && !self.is_trailers);
            }
            if self.prefix == PREFIX && self.left == 0 {
                self.prefix = 0;
            }
        }
        count
    }

    /// The next `count` bytes cannot be seen. Where the next message begins is known only if they belong to the current
    /// one.
    pub fn skip(&mut self, count: Option<u64>) {
        match count {
            Some(count) if count <= self.unwanted() && !self.is_lost => {
                self.left -= count as u32;
                if self.left == 0 && self.prefix == PREFIX {
                    self.prefix = 0;
                }
            }
            _ => self.is_lost = true,
        }
    }

    /// Returns how many of the following bytes need not be seen.
    #[inline]
    pub fn unwanted(self) -> u64 {
        match self.prefix {
            _ if self.is_lost => u64::MAX,
            PREFIX => u64::from(self.left),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_tells_the_coding_of_messages() {
        let table: [(&[u8], Option<Coding>); 8] = [
            (b"application/grpc", Some(Coding::Binary)),
            (b"application/grpc+proto", Some(Coding::Binary)),
            (b"application/grpc; charset=utf-8", Some(Coding::Binary)),
            (b"application/grpc-web+proto", Some(Coding::Binary)),
            (b"application/grpc-web-text", Some(Coding::Text)),
            (b"application/grpc-web-text+proto", Some(Coding::Text)),
            (b"application/grpcx", None),
            (b"application/json", None),
        ];
        for (value, want) in table {
            assert_eq!(coding(value), want, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn messages_are_counted_in_any_pieces() {
        let body = b"\0\0\0\0\x03abc\0\0\0\0\0\x01\0\0\x01\0".iter().chain(&[7; 256]).chain(b"\0\0\0\0\x01x");
        let body: Vec<u8> = body.copied().collect();
        for size in 1..=body.len() {
            let mut messages = Messages::default();
            let count: u64 = body.chunks(size).map(|piece| messages.take(piece)).sum();
            assert_eq!((count, messages), (4, Messages::default()), "pieces of {size}");
        }
    }

    #[test]
    fn no_message_is_invented_behind_a_hole() {
        let mut messages = Messages::default();
        assert_eq!(messages.take(b"\0\0\0\0\x0aabc"), 1);
        messages.skip(Some(7));
        assert_eq!(messages.take(b"\0\0\0\0\x02"), 1, "the hole was inside a message");
        messages.skip(Some(3));
        assert_eq!((messages.take(b"\0\0\0\0\0"), messages.unwanted()), (0, u64::MAX), "the hole was longer");
        let mut messages = Messages::default();
        assert_eq!(messages.take(b"GARBAGE"), 0, "no message begins like this");
        assert_eq!(messages.take(b"\0\0\0\0\0"), 0);
    }

    #[test]
    fn the_trailers_of_grpc_web_are_no_message() {
        let mut messages = Messages::default();
        assert_eq!(messages.take(b"\0\0\0\0\x01x\x80\0\0\0\x0fgrpc-status: 0\n"), 1);
    }
}

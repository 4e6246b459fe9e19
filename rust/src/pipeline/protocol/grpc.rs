//! Messages of gRPC, counted as they pass.
//!
//! Each message begins with five bytes: one of flags, and its length. Only these are read. A message counts when its
//! five bytes were seen.

use super::watch::{Seen, Watch};

/// Length of what is before each message.
const PREFIX: u8 = 5;
/// The flag of a message that is compressed.
const COMPRESSED: u8 = 0x01;
/// The flag of the trailers of gRPC-Web, which are sent like a message.
const TRAILERS: u8 = 0x80;

/// A position among the messages of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// Bytes of the prefix that were read.
    prefix: u8,
    flags: u8,
    /// False once it is not known where the next message begins.
    is_lost: bool,
    /// The length in the prefix so far; behind the prefix, the bytes that are left.
    left: u32,
}

impl Messages {
    /// The flags of the message that the position is in, and how many of its bytes are left.
    pub fn within(self) -> Option<(u8, u32)> {
        (self.prefix == PREFIX && !self.is_lost).then_some((self.flags, self.left))
    }

    /// From now on looks at nothing.
    pub fn give_up(&mut self) {
        self.is_lost = true;
    }

    fn end_message(&mut self) {
        if self.prefix == PREFIX && self.left == 0 {
            self.prefix = 0;
        }
    }
}

/// True for trailers that can be read.
pub fn are_trailers(flags: u8) -> bool {
    flags == TRAILERS
}

impl Watch for Messages {
    #[inline]
    fn step(&mut self, bytes: &[u8], seen: &mut Seen) -> usize {
        if self.is_lost {
            return bytes.len();
        }
        let mut taken = 1;
        match self.prefix {
            PREFIX => {
                taken = bytes.len().min(self.left as usize);
                self.left -= taken as u32;
            }
            0 => {
                (self.prefix, self.flags) = (1, bytes[0]);
                self.is_lost = self.flags & !(TRAILERS | COMPRESSED) != 0;
            }
            _ => {
                self.left = self.left << 8 | u32::from(bytes[0]);
                self.prefix += 1;
                seen.messages += u64::from(self.prefix == PREFIX && self.flags & TRAILERS == 0);
            }
        }
        self.end_message();
        taken
    }

    /// Where the next message begins is known only if the bytes belong to the current one.
    fn skip(&mut self, count: Option<u64>) {
        match count {
            Some(count) if count <= self.unwanted() && !self.is_lost => {
                self.left -= count as u32;
                self.end_message();
            }
            _ => self.is_lost = true,
        }
    }

    #[inline]
    fn unwanted(&self) -> u64 {
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
    use crate::pipeline::protocol::watch::tests::in_pieces;

    #[test]
    fn messages_are_counted_in_any_pieces() {
        let body = b"\0\0\0\0\x03abc\0\0\0\0\0\x01\0\0\x01\0".iter().chain(&[7; 256]).chain(b"\0\0\0\0\x01x");
        let body: Vec<u8> = body.copied().collect();
        assert_eq!(in_pieces(&body, Messages::default).messages, 4);
        let mut messages = Messages::default();
        messages.take(&body);
        assert_eq!((messages.within(), messages.unwanted()), (None, 0), "the next message is due");
    }

    #[test]
    fn no_message_is_invented_behind_a_hole() {
        let mut messages = Messages::default();
        assert_eq!(messages.take(b"\0\0\0\0\x0aabc").messages, 1);
        messages.skip(Some(7));
        assert_eq!(messages.take(b"\0\0\0\0\x02").messages, 1, "the hole was inside a message");
        messages.skip(Some(3));
        assert_eq!((messages.take(b"\0\0\0\0\0").messages, messages.unwanted()), (0, u64::MAX), "it was longer");
        let mut messages = Messages::default();
        assert_eq!(messages.take(b"GARBAGE").messages, 0, "no message begins like this");
        assert_eq!(messages.take(b"\0\0\0\0\0").messages, 0);
    }

    #[test]
    fn the_trailers_of_grpc_web_are_no_message() {
        assert_eq!(in_pieces(b"\0\0\0\0\x01x\x80\0\0\0\x0fgrpc-status: 0\n", Messages::default).messages, 1);
    }
}

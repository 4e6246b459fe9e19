//! The body of gRPC-Web: messages as those of gRPC, and behind those of a response the trailers, one of which is the status
//! of the call. `application/grpc-web-text` is the same in base64.

use super::grpc::{Messages, are_trailers};
use super::watch::{Seen, Watch};
use crate::pipeline::exchange::GrpcStatus;

/// The trailer with the status.
const STATUS: &[u8] = b"grpc-status";
/// Bytes of a trailer that are kept: its name, a status of ten digits, and white space.
const KEPT: usize = 28;

/// The position in the body of a request or of a response.
#[derive(Debug, Default)]
pub struct GrpcWeb {
    messages: Messages,
    /// The first bytes of the current trailer.
    line: [u8; KEPT],
    /// Length of the current trailer so far.
    length: u32,
}

impl GrpcWeb {
    /// Reads trailers, which are lines as in HTTP/1. Returns the number of bytes.
    fn trailers(&mut self, bytes: &[u8], seen: &mut Seen) -> usize {
        let end = memchr::memchr(b'\n', bytes);
        let line = &bytes[..end.unwrap_or(bytes.len())];
        let start = (self.length as usize).min(KEPT);
        let kept = line.len().min(KEPT - start);
        self.line[start..start + kept].copy_from_slice(&line[..kept]);
        self.length = self.length.saturating_add(line.len() as u32);
        if end.is_some() {
            self.end_line(seen);
        }
        end.map_or(bytes.len(), |end| end + 1)
    }

    fn end_line(&mut self, seen: &mut Seen) {
        let length = std::mem::take(&mut self.length) as usize;
        seen.grpc = seen.grpc.or_else(|| status(self.line.get(..length)?));
    }
}

/// Returns the status, if this trailer is the one that tells it.
fn status(line: &[u8]) -> Option<GrpcStatus> {
    let (name, value) = line.split_at(memchr::memchr(b':', line)?);
    name.trim_ascii().eq_ignore_ascii_case(STATUS).then(|| GrpcStatus::from_bytes(&value[1..])).flatten()
}

impl Watch for GrpcWeb {
    fn step(&mut self, bytes: &[u8], seen: &mut Seen) -> usize {
        let Some((_, left)) = self.messages.within().filter(|&(flags, _)| are_trailers(flags)) else {
            return self.messages.step(bytes, seen);
        };
        let bytes = &bytes[..bytes.len().min(left as usize)];
        let taken = self.trailers(bytes, seen);
        self.messages.step(&bytes[..taken], seen);
        if taken == left as usize {
            // The last line need not end. Nothing follows the trailers.
            self.end_line(seen);
            self.messages.give_up();
        }
        taken
    }

    /// A hole in trailers may hide the status.
    fn skip(&mut self, count: Option<u64>) {
        if self.messages.within().is_some_and(|(flags, _)| are_trailers(flags)) {
            self.messages.give_up();
        }
        self.messages.skip(count);
    }

    fn unwanted(&self) -> u64 {
        match self.messages.within() {
            Some((flags, _)) if are_trailers(flags) => 0,
            _ => self.messages.unwanted(),
        }
    }
}

/// Number of bytes that are decoded at once.
const DECODED: usize = 48;

/// The position in a body of gRPC-Web in base64. Its sender may encode the body as a whole or each message for itself, so
/// padding may stand anywhere.
#[derive(Debug, Default)]
pub struct GrpcWebText {
    inner: GrpcWeb,
    /// Bits of the current group that were not decoded, and their number.
    bits: u32,
    count: u8,
}

/// Returns the six bits of a character.
fn six_bits(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    }))
}

impl Watch for GrpcWebText {
    fn step(&mut self, bytes: &[u8], seen: &mut Seen) -> usize {
        let mut decoded = [0; DECODED];
        let (mut length, mut taken, mut is_base64) = (0, 0, true);
        for &byte in bytes.iter().take(DECODED) {
            taken += 1;
            match six_bits(byte) {
                Some(bits) => {
                    self.bits = self.bits << 6 | bits;
                    self.count += 6;
                    if self.count >= 8 {
                        self.count -= 8;
                        decoded[length] = (self.bits >> self.count) as u8;
                        length += 1;
                    }
                }
                // Padding ends a group, and with it the bits that are left over.
                None if byte == b'=' => (self.bits, self.count) = (0, 0),
                None if byte.is_ascii_whitespace() => {}
                None => {
                    is_base64 = false;
                    break;
                }
            }
        }
        let Seen { messages, grpc, .. } = self.inner.take(&decoded[..length]);
        seen.messages += messages;
        seen.grpc = seen.grpc.or(grpc);
        if !is_base64 {
            self.inner.skip(None);
        }
        taken
    }

    /// Padding may be in the hole, so it is not known how many bytes are missing.
    fn skip(&mut self, _count: Option<u64>) {
        self.inner.skip(None);
    }

    fn unwanted(&self) -> u64 {
        if self.inner.unwanted() == u64::MAX { u64::MAX } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::protocol::watch::tests::in_pieces;
    use crate::pipeline::steps;

    #[test]
    fn messages_and_the_status_are_read_in_any_pieces() {
        let long = [&b"\x80\0\0\x01\0"[..], &[b'x'; 240], b"\ngrpc-status: 9\n"].concat();
        let table: [(&[u8], u64, Option<&str>); 9] = [
            (b"", 0, None),
            (b"\0\0\0\0\x03abc\x80\0\0\0\x0fgrpc-status: 0\n", 1, Some("OK")),
            (b"\0\0\0\0\0\x01\0\0\0\x01a\x80\0\0\0\x21grpc-message:no\r\nGRPC-STATUS:14\r\n", 2, Some("UNAVAILABLE")),
            (b"\x80\0\0\0\x1fgrpc-message:no\r\nGRPC-STATUS:14", 0, Some("UNAVAILABLE")),
            (&long, 0, Some("FAILED_PRECONDITION")),
            (b"\x81\0\0\0\x0fgrpc-status: 0\n", 0, None),
            (b"\0\0\0\0\x03abc", 1, None),
            (b"AAAAAAA=", 0, None),
            (b"\x80\0\0\0\x03abc\0\0\0\0\0", 0, None),
        ];
        for (body, messages, grpc) in table {
            let seen = in_pieces(body, GrpcWeb::default);
            assert_eq!((seen.messages, seen.grpc.map(GrpcStatus::name)), (messages, grpc), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn a_hole_inside_a_message_costs_only_bytes() {
        let mut reader = GrpcWeb::default();
        assert_eq!(reader.take(b"\0\0\0\0\x03a").messages, 1);
        reader.skip(Some(2));
        assert_eq!(reader.take(b"\0\0\0\0\x03a").messages, 1);
        reader.skip(Some(3));
        assert_eq!((reader.take(b"\0\0\0\0\0"), reader.unwanted()), (Seen::default(), u64::MAX));
        let mut reader = GrpcWeb::default();
        reader.take(b"\x80\0\0\0\x0fgrpc-st");
        reader.skip(Some(4));
        assert_eq!(reader.take(b"s: 0\n"), Seen::default(), "a hole in trailers");
    }

    #[test]
    fn base64_is_read_as_a_whole_and_in_parts() {
        let table: [(&[u8], u64, Option<&str>); 6] = [
            // A message of three bytes, and trailers.
            (b"AAAAAANhYmOAAAAAD2dycGMtc3RhdHVzOiAwCg==", 1, Some("OK")),
            // The same, each encoded for itself.
            (b"AAAAAANhYmM=gAAAAA9ncnBjLXN0YXR1czogMAo=", 1, Some("OK")),
            (b"AAAAAAE=\r\nAA==AAAAAAA=", 2, None),
            (b"AAAAAAA", 1, None),
            (b"AAAAAAA=*AAAAAAA=", 1, None),
            (b"====", 0, None),
        ];
        for (body, messages, grpc) in table {
            let seen = in_pieces(body, GrpcWebText::default);
            assert_eq!((seen.messages, seen.grpc.map(GrpcStatus::name)), (messages, grpc), "{}", body.escape_ascii());
        }
        let mut reader = GrpcWebText::default();
        reader.take(b"AAAAAANh");
        reader.skip(Some(4));
        assert_eq!((reader.take(b"AAAAAAA="), reader.unwanted()), (Seen::default(), u64::MAX), "behind a hole");
    }

    #[test]
    fn work_is_in_proportion_to_the_bytes() {
        for piece in [&b"\0\0\0\0\0"[..], b"\0\0\0\0\x01a", b"\x80\xff\xff\xff\xff\n\n\n"] {
            steps::tests::are_in_proportion("messages", 10_000, 1, |size| {
                GrpcWeb::default().take(&piece.repeat(size / piece.len()));
            });
        }
        for piece in [&b"AAAA"[..], b"=", b"A=", b"gAAA\nAAA"] {
            steps::tests::are_in_proportion("base64", 10_000, 2, |size| {
                GrpcWebText::default().take(&piece.repeat(size / piece.len()));
            });
        }
    }
}

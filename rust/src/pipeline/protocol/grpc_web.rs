//! The body of a response of gRPC-Web (`application/grpc-web`): frames with messages, and a last frame with the trailers,
//! one of which is the status of the call. The form in base64, `application/grpc-web-text`, is not read.

use super::http2::content::{Seen, Watch};
use crate::pipeline::exchange::GrpcStatus;
use crate::pipeline::steps;

/// A frame begins with a byte of flags and a length of four bytes.
const PREFIX: usize = 5;
/// The flag of the frame with the trailers.
const TRAILERS: u8 = 0x80;
/// The flag of a frame that is compressed.
const COMPRESSED: u8 = 0x01;
/// Limit on the bytes of trailers that are kept. The status stands first, or behind a message of one line.
const MAX_TRAILERS: usize = 4096;

#[derive(Debug)]
enum State {
    Prefix {
        bytes: [u8; PREFIX],
        count: u8,
    },
    Message(u32),
    Trailers {
        kept: Vec<u8>,
        left: u32,
    },
    /// Behind the trailers, or no frames.
    Over,
}

/// The position in the body of a response.
#[derive(Debug)]
pub struct GrpcWeb {
    state: State,
}

const START: State = State::Prefix { bytes: [0; PREFIX], count: 0 };

impl Default for GrpcWeb {
    fn default() -> Self {
        Self { state: START }
    }
}

impl GrpcWeb {
    fn enter(flags: u8, length: u32, seen: &mut Seen) -> State {
        match flags {
            0 | COMPRESSED => {
                seen.messages += 1;
                if length == 0 { START } else { State::Message(length) }
            }
            TRAILERS => State::Trailers { kept: Vec::new(), left: length },
            _ => State::Over,
        }
    }

    fn step(&mut self, bytes: &[u8], seen: &mut Seen) -> usize {
        match &mut self.state {
            State::Prefix { bytes: prefix, count } => {
                prefix[usize::from(*count)] = bytes[0];
                *count += 1;
                if usize::from(*count) == PREFIX {
                    let [flags, length @ ..] = *prefix;
                    self.state = Self::enter(flags, u32::from_be_bytes(length), seen);
                }
                1
            }
            State::Message(left) => {
                let taken = bytes.len().min(*left as usize);
                *left -= taken as u32;
                if *left == 0 {
                    self.state = START;
                }
                taken
            }
            State::Trailers { kept, left } => {
                let taken = bytes.len().min(*left as usize);
                let room = MAX_TRAILERS - kept.len();
                kept.extend_from_slice(&bytes[..taken.min(room)]);
                *left -= taken as u32;
                if *left == 0 || kept.len() == MAX_TRAILERS {
                    seen.grpc = status(kept);
                    self.state = State::Over;
                }
                taken
            }
            State::Over => bytes.len(),
        }
    }
}

/// Finds the status among trailers, which are lines as in HTTP/1.
fn status(trailers: &[u8]) -> Option<GrpcStatus> {
    trailers.split(|&byte| byte == b'\n').find_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let is_status = line[..colon].trim_ascii().eq_ignore_ascii_case(b"grpc-status");
        is_status.then(|| GrpcStatus::from_bytes(&line[colon + 1..])).flatten()
    })
}

impl Watch for GrpcWeb {
    fn take(&mut self, bytes: &[u8]) -> Seen {
        let (mut rest, mut seen) = (bytes, Seen::default());
        while !rest.is_empty() {
            steps::add(1);
            rest = &rest[self.step(rest, &mut seen)..];
        }
        seen
    }

    fn skip(&mut self, count: Option<u64>) {
        self.state = match (&self.state, count) {
            (State::Message(left), Some(count)) if count < u64::from(*left) => State::Message(*left - count as u32),
            (State::Message(left), Some(count)) if count == u64::from(*left) => START,
            _ => State::Over,
        };
    }

    fn unwanted(&self) -> u64 {
        match self.state {
            State::Message(left) => u64::from(left),
            State::Over => u64::MAX,
            State::Prefix { .. } | State::Trailers { .. } => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_the_status_are_read_in_any_pieces() {
        let table: [(&[u8], u64, Option<&str>); 8] = [
            (b"", 0, None),
            (b"\0\0\0\0\x03abc\x80\0\0\0\x0fgrpc-status: 0\n", 1, Some("OK")),
            (b"\0\0\0\0\0\x01\0\0\0\x01a\x80\0\0\0\x21grpc-message:no\r\nGRPC-STATUS:14\r\n", 2, Some("UNAVAILABLE")),
            (b"\x80\0\0\0\x1fgrpc-message:no\r\nGRPC-STATUS:14", 0, Some("UNAVAILABLE")),
            (b"\x81\0\0\0\x0fgrpc-status: 0\n", 0, None),
            (b"\0\0\0\0\x03abc", 1, None),
            (b"AAAAAAA=", 0, None),
            (b"\x80\0\0\0\x03abc\0\0\0\0\0", 0, None),
        ];
        for (body, messages, grpc) in table {
            for size in 1..=body.len().max(1) {
                let (mut reader, mut sum) = (GrpcWeb::default(), Seen::default());
                for seen in body.chunks(size).map(|piece| reader.take(piece)) {
                    sum = Seen { messages: sum.messages + seen.messages, grpc: sum.grpc.or(seen.grpc), ..sum };
                }
                let got = (sum.messages, sum.grpc.map(GrpcStatus::name));
                assert_eq!(got, (messages, grpc), "{} in pieces of {size}", body.escape_ascii());
            }
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
    }
}

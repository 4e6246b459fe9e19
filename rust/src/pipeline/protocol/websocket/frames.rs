//! The frames that one side of a WebSocket sends (RFC 6455 §5): bytes in any pieces come in, the number of messages and
//! the code of the close frame go out. Payloads are skipped by their lengths and never looked at, except the two bytes of
//! the code; so it does not matter whether an extension compresses them.
//!
//! A message counts when the header of its last frame was seen. A hole inside a payload costs nothing but its bytes.
//! After any other hole, and after bytes that are no frame, the side is given up: a payload may hold anything, so what
//! looks like a frame behind a hole may be none.

use crate::pipeline::protocol::watch::{Seen, Watch};

/// The longest header: two bytes, a length of eight, and a masking key of four.
const MAX_HEADER: usize = 14;
/// RFC 6455 §5.5: limit on the payload of a control frame.
const MAX_CONTROL: u64 = 125;
/// RFC 6455 §7.4.1: the code that stands for a close frame without one.
pub const NO_CODE: u16 = 1005;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In a header, of which this many bytes were read.
    Header { bytes: [u8; MAX_HEADER], count: u8 },
    /// In a payload, with this many bytes left.
    Payload(u64),
    /// At the code in the payload of a close frame.
    Close { mask: [u8; 2], first: Option<u8> },
    /// Behind a close frame: nothing follows that counts.
    Closed,
    /// Given up.
    Lost,
}

const START: State = State::Header { bytes: [0; MAX_HEADER], count: 0 };

/// The position among the frames of one side.
#[derive(Debug)]
pub struct Frames {
    /// RFC 6455 §5.1: a client masks all its frames, and a server none.
    is_masked: bool,
    /// True if the frames of a fragmented message have begun and not ended.
    is_fragmented: bool,
    state: State,
}

/// What the header of a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    is_final: bool,
    code: u8,
    length: u64,
    mask: [u8; 4],
}

impl Header {
    /// Reads a header; `Err` holds the number of bytes that it has, if there are fewer.
    fn read(bytes: &[u8]) -> Result<Self, usize> {
        let [first, second, rest @ ..] = bytes else { return Err(2) };
        let (is_masked, short) = (second & 0x80 != 0, second & 0x7f);
        let wide = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let size = 2 + wide + if is_masked { 4 } else { 0 };
        let (Some(length), Some(mask)) = (rest.get(..wide), rest.get(wide..size - 2)) else { return Err(size) };
        let length =
            if wide == 0 { u64::from(short) } else { length.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)) };
        let mask = mask.try_into().unwrap_or_default();
        Ok(Self { is_final: first & 0x80 != 0, code: first & 0x0f, length, mask })
    }
}

impl Frames {
    /// The frames of the client, or of the server, from the first one on.
    pub fn new(is_client: bool) -> Self {
        Self { is_masked: is_client, is_fragmented: false, state: START }
    }

    /// From now on looks at nothing.
    pub fn give_up(&mut self) {
        self.state = State::Lost;
    }

    /// True behind a close frame.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// True if nothing that counts follows.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Closed | State::Lost)
    }

    /// True inside a payload with at least this many bytes left.
    pub fn is_within_payload(&self, count: u64) -> bool {
        matches!(self.state, State::Payload(left) if count <= left)
    }

    /// Enters a frame behind its header.
    fn enter(&mut self, header: Header, seen: &mut Seen) -> State {
        let Header { is_final, code, length, mask } = header;
        let is_control = code & 0x8 != 0;
        // RFC 6455 §5.5: control frames are short and not fragmented. §5.4: they may come between fragments.
        if is_control && (!is_final || length > MAX_CONTROL) || length >> 63 != 0 {
            return State::Lost;
        }
        match code {
            // §5.4: a continuation belongs to a message that has begun, and no other message begins within it.
            0 if !self.is_fragmented => return State::Lost,
            1 | 2 if self.is_fragmented => return State::Lost,
            0..=2 => {
                self.is_fragmented = !is_final;
                seen.messages += u64::from(is_final);
            }
            8 => {
                return match length {
                    0 => {
                        seen.closed = Some(NO_CODE);
                        State::Closed
                    }
                    1 => State::Lost,
                    _ => State::Close { mask: [mask[0], mask[1]], first: None },
                };
            }
            9 | 10 => {}
            _ => return State::Lost,
        }
        if length == 0 { START } else { State::Payload(length) }
    }
}

impl Watch for Frames {
    fn step(&mut self, bytes: &[u8], seen: &mut Seen) -> usize {
        match &mut self.state {
            State::Header { bytes: header, count } => {
                header[usize::from(*count)] = bytes[0];
                *count += 1;
                let (header, count) = (*header, usize::from(*count));
                // §5.1: a side that masks differently speaks something else.
                let is_odd = count == 2 && (header[1] & 0x80 != 0) != self.is_masked;
                self.state = match Header::read(&header[..count]) {
                    _ if is_odd => State::Lost,
                    Ok(header) => self.enter(header, seen),
                    Err(_) => return 1,
                };
                1
            }
            State::Payload(left) => {
                let taken = (*left).min(bytes.len() as u64);
                *left -= taken;
                if *left == 0 {
                    self.state = START;
                }
                taken as usize
            }
            State::Close { mask, first } => {
                self.state = match *first {
                    None => State::Close { mask: *mask, first: Some(bytes[0] ^ mask[0]) },
                    Some(first) => {
                        seen.closed = Some(u16::from_be_bytes([first, bytes[0] ^ mask[1]]));
                        State::Closed
                    }
                };
                1
            }
            State::Closed | State::Lost => bytes.len(),
        }
    }

    fn skip(&mut self, count: Option<u64>) {
        self.state = match (self.state, count) {
            (State::Payload(left), Some(count)) if count < left => State::Payload(left - count),
            (State::Payload(left), Some(count)) if count == left => START,
            // What was lost of a close frame was its code, and nothing follows it.
            (State::Closed | State::Close { .. }, _) => State::Closed,
            _ => State::Lost,
        };
    }

    fn unwanted(&self) -> u64 {
        match self.state {
            State::Payload(left) => left,
            State::Closed | State::Lost => u64::MAX,
            State::Header { .. } | State::Close { .. } => 0,
        }
    }

    fn is_lost(&self) -> bool {
        self.state == State::Lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::steps;

    /// Reads bytes whole and in all pieces of one size. Returns the number of messages, the code, and whether the side
    /// was given up.
    fn read(is_client: bool, bytes: &[u8]) -> (u64, Option<u16>, bool) {
        let cut = |size: usize| {
            let (mut frames, mut sum) = (Frames::new(is_client), Seen::default());
            for piece in bytes.chunks(size) {
                let seen = frames.take(piece);
                sum.messages += seen.messages;
                sum.closed = sum.closed.or(seen.closed);
            }
            (sum.messages, sum.closed, frames.is_lost())
        };
        let whole = cut(bytes.len().max(1));
        (1..20).for_each(|size| assert_eq!(cut(size), whole, "pieces of {size}"));
        whole
    }

    /// The examples of RFC 6455 §5.7, and what else there is.
    #[test]
    fn messages_are_counted_in_any_pieces() {
        type Row<'a> = (&'a str, bool, &'a [u8], (u64, Option<u16>));
        let long = [&b"\x82\x7e\x01\x00"[..], &[0x88; 256]].concat();
        let longer = [&b"\x82\x7f\0\0\0\0\0\x01\0\0"[..], &vec![0x81; 65_536]].concat();
        let table: [Row<'_>; 12] = [
            ("nothing", false, b"", (0, None)),
            ("a text", false, b"\x81\x05Hello", (1, None)),
            ("a masked text", true, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", (1, None)),
            ("fragments", false, b"\x01\x03Hel\x80\x02lo", (1, None)),
            ("a ping between fragments", false, b"\x01\x03Hel\x89\x01x\x00\x01l\x80\x01o\x81\x00", (2, None)),
            ("a length of two bytes", false, &long, (1, None)),
            ("a length of eight bytes", false, &longer, (1, None)),
            ("a compressed text", false, b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00", (1, None)),
            ("an end with a code", false, b"\x81\x00\x88\x06\x03\xe8done", (1, Some(1000))),
            ("a masked end", true, b"\x88\x82\x12\x34\x56\x78\x11\xdd", (0, Some(0x03e9))),
            ("an end without a code", false, b"\x88\x00", (0, Some(NO_CODE))),
            ("what follows the end", false, b"\x88\x02\x03\xe9\x81\x00\xff\xff", (0, Some(1001))),
        ];
        for (what, is_client, bytes, (messages, closed)) in table {
            assert_eq!(read(is_client, bytes), (messages, closed, false), "{what}");
        }
    }

    #[test]
    fn what_is_no_frame_ends_the_count() {
        let table: [(&str, bool, &[u8]); 8] = [
            ("an unmasked frame of a client", true, b"\x81\x05Hello"),
            ("a masked frame of a server", false, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
            ("a reserved code", false, b"\x83\x00"),
            ("a continuation of nothing", false, b"\x80\x00"),
            ("a message within another", false, b"\x01\x00\x81\x00"),
            ("a control frame in fragments", false, b"\x09\x00"),
            ("a long control frame", false, b"\x89\x7e\x00\x7e"),
            ("a length of 64 bits", false, b"\x82\x7f\x80\0\0\0\0\0\0\0"),
        ];
        for (what, is_client, bytes) in table {
            assert_eq!(read(is_client, &[bytes, b"\x81\x00\x81\x80"].concat()), (0, None, true), "{what}");
        }
    }

    #[test]
    fn a_hole_inside_a_payload_costs_only_bytes() {
        let mut frames = Frames::new(false);
        assert_eq!(frames.take(b"\x81\x0aab").messages, 1);
        assert_eq!(frames.unwanted(), 8);
        frames.skip(Some(5));
        assert_eq!(frames.take(b"xyz\x81\x01a\x81\x02").messages, 2, "behind the hole");
        frames.skip(Some(2));
        assert_eq!(frames.take(b"\x81\x00").messages, 1, "behind a hole as long as the payload");
        frames.skip(Some(1));
        assert_eq!((frames.take(b"\x81\x00").messages, frames.is_lost()), (0, true), "behind any other hole");
        for (begun, is_lost) in [(&b"\x88\x04"[..], false), (b"\x88", true)] {
            let mut frames = Frames::new(false);
            frames.take(begun);
            frames.skip(Some(4));
            assert_eq!((frames.take(b"\x81\x00"), frames.is_lost()), (Seen::default(), is_lost));
        }
    }

    #[test]
    fn work_is_in_proportion_to_the_bytes() {
        for piece in [&b"\x81\x00"[..], b"\x82\x7e\x00\x01a", b"\x89\x03abc"] {
            steps::tests::are_in_proportion("frames", 10_000, 1, |size| {
                Frames::new(false).take(&piece.repeat(size / piece.len()));
            });
        }
    }
}

//! Recognises HTTP/2 on a connection whose preface was not seen: by likely frames in both directions, with a request in
//! one of them. Frames of one direction alone are no sign, and neither is a response.
//!
//! What looks like frames is kept, within limits, until the other direction has shown its own; then it is read as
//! HTTP/2, or as before. A server may also send its first frame before the preface of the client has come.

use super::frame::{self, Frame, HEADER, Kind};
use super::head::Head;
use super::hpack::Decoder;
use super::search;
use crate::pipeline::decode::{Direction, SeqNumber};
use crate::pipeline::flow::FlowInfo;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::reassembly::Chunk;
use crate::pipeline::steps;

/// Limits on what is kept of a connection until it is recognised: in bytes, and in segments.
const MAX_KEPT: usize = 16 * 1024;
const MAX_PIECES: usize = 32;

/// What the frames of a direction have shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sign {
    #[default]
    Nothing,
    Frames,
    Request,
}

/// One direction.
#[derive(Debug, Default)]
struct Side {
    bytes: Vec<u8>,
    /// Where the next header that was not looked at begins. It may be behind the bytes.
    next: usize,
    sign: Sign,
}

/// A segment that was kept.
#[derive(Clone, Copy, Debug)]
struct Piece {
    direction: Direction,
    length: usize,
    seq: SeqNumber,
    ack: Option<SeqNumber>,
    start: bool,
    ts: Timestamp,
}

/// What is to be done with a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is kept.
    Kept,
    /// It is not kept: it does not look like frames.
    Passed,
    /// It is kept, and the connection speaks HTTP/2. Holds the direction of the client.
    Recognised(Direction),
    /// It is not kept, and the connection does not speak HTTP/2 as far as can be seen.
    GivenUp,
}

/// A connection that may speak HTTP/2.
#[derive(Debug, Default)]
pub struct Midway {
    sides: [Side; 2],
    pieces: Vec<Piece>,
}

impl Midway {
    /// Returns whether a chunk may begin a frame of a connection that is not known yet. No message of HTTP/1 begins with
    /// a zero, as nearly all frames do.
    #[inline]
    pub fn may_begin(flow: &FlowInfo, direction: Direction, chunk: &Chunk<'_>) -> bool {
        chunk.bytes.first() == Some(&0) && begins(flow, direction, chunk)
    }

    /// Bytes of buffers.
    pub fn held(&self) -> usize {
        let bytes: usize = self.sides.iter().map(|side| side.bytes.capacity()).sum();
        bytes + self.pieces.capacity() * size_of::<Piece>()
    }

    /// Takes a chunk.
    pub fn take(&mut self, flow: &FlowInfo, direction: Direction, chunk: &Chunk<'_>) -> Step {
        let Chunk { skipped, bytes, seq, ack, start, ts, .. } = *chunk;
        let kept: usize = self.sides.iter().map(|side| side.bytes.len()).sum();
        let side = &mut self.sides[direction as usize];
        if side.bytes.is_empty() && !begins(flow, direction, chunk) {
            return Step::Passed;
        }
        let is_torn = skipped > 0 && !side.bytes.is_empty();
        if is_torn || kept + bytes.len() > MAX_KEPT || self.pieces.len() == MAX_PIECES {
            return Step::GivenUp;
        }
        side.bytes.extend_from_slice(bytes);
        if !side.look() {
            side.bytes.truncate(side.bytes.len() - bytes.len());
            return Step::GivenUp;
        }
        self.pieces.push(Piece { direction, length: bytes.len(), seq, ack, start, ts });
        let signs = [Direction::Up, Direction::Down].map(|side| self.sides[side as usize].sign);
        match signs {
            [Sign::Request, Sign::Frames] => Step::Recognised(Direction::Up),
            [Sign::Frames, Sign::Request] => Step::Recognised(Direction::Down),
            _ => Step::Kept,
        }
    }

    /// Hands over what was kept, in the order in which it came.
    pub fn replay(self, mut take: impl FnMut(Direction, Chunk<'_>)) {
        let mut at = [0; 2];
        for Piece { direction, length, seq, ack, start, ts } in self.pieces {
            let at = &mut at[direction as usize];
            let bytes = &self.sides[direction as usize].bytes[*at..*at + length];
            *at += length;
            take(direction, Chunk { skipped: 0, cut: false, bytes, seq, ack, start, ts });
        }
    }
}

/// Returns whether a chunk begins with a likely frame. The first bytes of a direction are those of a server, which
/// begins with its settings (RFC 9113 §3.4); a client would begin with the preface.
#[cold]
fn begins(flow: &FlowInfo, direction: Direction, chunk: &Chunk<'_>) -> bool {
    let is_client = flow.opener == Some(direction);
    if let Some(header) = chunk.bytes.first_chunk() {
        let frame = Frame::read(header);
        let is_first = frame.kind == Kind::Settings && !frame.has(frame::ACK) && !is_client;
        return search::fits(&frame) && (is_first || !chunk.start);
    }
    let settings = [0, 0, 0, Kind::Settings as u8, 0, 0, 0, 0, 0];
    let fits = |(at, (&byte, wanted)): (usize, (&u8, u8))| byte == wanted || at == 2;
    chunk.start && !is_client && chunk.bytes.iter().zip(settings).enumerate().all(fits)
}

impl Side {
    /// Looks at the frames that have become complete. Returns whether all of them are likely.
    fn look(&mut self) -> bool {
        while let Some(header) = self.bytes.get(self.next..).and_then(|rest| rest.first_chunk::<HEADER>()) {
            steps::add(1);
            let frame = Frame::read(header);
            if !search::fits(&frame) {
                return false;
            }
            let Some(payload) = self.bytes[self.next + HEADER..].get(..frame.length as usize) else { break };
            let is_request =
                frame.kind == Kind::Headers && frame.has(frame::END_HEADERS) && is_request(&frame, payload);
            if is_request {
                self.sign = Sign::Request;
            } else if self.sign == Sign::Nothing {
                self.sign = Sign::Frames;
            }
            self.next += frame.size() as usize;
        }
        true
    }
}

/// Returns whether a frame holds the header block of a request.
fn is_request(frame: &Frame, payload: &[u8]) -> bool {
    let Some((before, behind)) = frame::wrapping(frame, payload) else { return false };
    let mut head = Head::default();
    let block = &payload[before..payload.len() - behind];
    let is_whole = Decoder::joined().block(block, Head::reads, &mut |field| head.take(&field)).is_ok();
    is_whole && head.is_whole_request()
}

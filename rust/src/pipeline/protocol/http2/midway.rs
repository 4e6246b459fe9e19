//! Recognises HTTP/2 on a connection whose preface was not seen: by likely frames in both directions, with a request in
//! one of them. Frames of one direction alone are no sign, and neither is a response.
//!
//! What looks like frames is kept, within limits, until the other direction has shown its own; then it is read as
//! HTTP/2, or as before. Content of DATA beyond the limits is passed, and counts as missing content. A server may also send its first frame before the preface of the client has come.

use super::frame::{self, Frame, HEADER, Kind};
use super::head::Head;
use super::hpack::Decoder;
use super::search;
use crate::pipeline::decode::{Direction, SeqNumber};
use crate::pipeline::flow::FlowInfo;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::reassembly::Chunk;
use crate::pipeline::steps;

/// Limits on what is kept of a connection until it is recognised: in bytes, and in pieces of segments. Of segments that
/// would not fit, the content of DATA is passed without being kept.
const MAX_KEPT: usize = 16 * 1024;
const MAX_PIECES: usize = 256;

/// What the frames of a direction have shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sign {
    #[default]
    Nothing,
    Frames,
    Request,
}

/// How far the frames of a direction were looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// Where the next header that was not looked at begins. It may be behind the bytes: within a frame of DATA.
    next: usize,
    /// Bytes of DATA that were passed since the newest piece.
    passed: u64,
    /// The stream whose header block is not complete.
    open: Option<u32>,
    sign: Sign,
}

/// One direction.
#[derive(Debug, Default)]
struct Side {
    bytes: Vec<u8>,
    progress: Progress,
}

/// A part of a segment that was kept.
#[derive(Clone, Copy, Debug)]
struct Piece {
    direction: Direction,
    /// Bytes that were passed before it.
    passed: u64,
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
        let side = &self.sides[direction as usize];
        if side.bytes.is_empty() && !begins(flow, direction, chunk) {
            return Step::Passed;
        }
        if chunk.skipped > 0 && !side.bytes.is_empty() {
            return Step::GivenUp;
        }
        let before = (side.bytes.len(), side.progress, self.pieces.len());
        if !self.keep(direction, chunk) || self.kept() > MAX_KEPT || self.pieces.len() > MAX_PIECES {
            let side = &mut self.sides[direction as usize];
            side.bytes.truncate(before.0);
            side.progress = before.1;
            self.pieces.truncate(before.2);
            return Step::GivenUp;
        }
        let signs = [Direction::Up, Direction::Down].map(|side| self.sides[side as usize].progress.sign);
        match signs {
            [Sign::Request, Sign::Frames] => Step::Recognised(Direction::Up),
            [Sign::Frames, Sign::Request] => Step::Recognised(Direction::Down),
            _ => Step::Kept,
        }
    }

    fn kept(&self) -> usize {
        self.sides.iter().map(|side| side.bytes.len()).sum()
    }

    /// Keeps a chunk, without the content of DATA if there is too much of it. Returns whether all its frames are likely.
    fn keep(&mut self, direction: Direction, chunk: &Chunk<'_>) -> bool {
        let Chunk { bytes, seq, ack, start, ts, .. } = *chunk;
        let (passes_data, of_chunk) = (self.kept() + bytes.len() > MAX_KEPT, self.pieces.len());
        let Self { sides, pieces } = self;
        let side = &mut sides[direction as usize];
        let mut at = 0;
        while at < bytes.len() {
            let content = side.progress.next.saturating_sub(side.bytes.len()).min(bytes.len() - at);
            if passes_data && content > 0 {
                side.progress.next -= content;
                side.progress.passed += content as u64;
                at += content;
                continue;
            }
            let length = if passes_data { side.wanted().min(bytes.len() - at) } else { bytes.len() - at };
            side.bytes.extend_from_slice(&bytes[at..at + length]);
            let passed = std::mem::take(&mut side.progress.passed);
            match pieces[of_chunk..].last_mut() {
                Some(piece) if passed == 0 => piece.length += length,
                _ => {
                    let (seq, start) = (seq.plus(at as u32), start && at == 0);
                    pieces.push(Piece { direction, passed, length, seq, ack, start, ts });
                }
            }
            at += length;
            if !side.look() {
                return false;
            }
        }
        if side.progress.passed > 0 {
            let (passed, seq) = (std::mem::take(&mut side.progress.passed), seq.plus(at as u32));
            pieces.push(Piece { direction, passed, length: 0, seq, ack, start: false, ts });
        }
        true
    }

    /// Hands over what was kept, in the order in which it came.
    pub fn replay(self, mut take: impl FnMut(Direction, Chunk<'_>)) {
        let mut at = [0; 2];
        for Piece { direction, passed, length, seq, ack, start, ts } in self.pieces {
            let at = &mut at[direction as usize];
            let bytes = &self.sides[direction as usize].bytes[*at..*at + length];
            *at += length;
            take(direction, Chunk { skipped: passed, cut: false, bytes, seq, ack, start, ts });
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
    /// Number of bytes that complete the header that comes next, or the frame behind it.
    fn wanted(&self) -> usize {
        let begun = &self.bytes[self.progress.next..];
        let whole = begun.first_chunk().map_or(HEADER, |header| Frame::read(header).size() as usize);
        whole - begun.len()
    }

    /// Looks at the frames that have become complete, and at the headers of DATA. Returns whether all of them are likely.
    fn look(&mut self) -> bool {
        let Self { bytes, progress } = self;
        while let Some(header) = bytes.get(progress.next..).and_then(|rest| rest.first_chunk::<HEADER>()) {
            steps::add(1);
            let frame = Frame::read(header);
            let continues = frame.kind == Kind::Continuation && progress.open == Some(frame.stream);
            if !continues && (!search::fits(&frame) || progress.open.is_some()) {
                return false;
            }
            let payload = bytes[progress.next + HEADER..].get(..frame.length as usize);
            if payload.is_none() && frame.kind != Kind::Data {
                break;
            }
            if matches!(frame.kind, Kind::Headers | Kind::PushPromise) || continues {
                progress.open = Some(frame.stream).filter(|_| !frame.has(frame::END_HEADERS));
            }
            let is_whole = frame.kind == Kind::Headers && progress.open.is_none();
            if is_whole && payload.is_some_and(|payload| is_request(&frame, payload)) {
                progress.sign = Sign::Request;
            } else if progress.sign == Sign::Nothing {
                progress.sign = Sign::Frames;
            }
            progress.next += frame.size() as usize;
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

//! One direction of a connection put in order: segments in, chunks out, each byte of the stream at most once.
//!
//! In-order data goes straight through as a slice of its packet. What arrives early is held back, within bounds, until
//! the hole before it is filled or given up; of bytes that overlap, the first to arrive win. Bytes that nobody will look
//! at (a body being skipped) are held as ranges without content. Not done here: deciding *when* a hole is given up, which
//! takes both directions and is `flow`'s.

use std::collections::VecDeque;

use crate::pipeline::decode::SeqNumber;
use crate::pipeline::packet::Timestamp;

/// A piece of the stream, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// Bytes of the stream that cannot be seen, before `bytes`: lost, cut off by the snapshot length, or not wanted.
    pub skipped: u64,
    /// What can be seen; may be empty after a skip.
    pub bytes: &'a [u8],
    /// These are the very first bytes of the connection in this direction: its SYN was seen.
    pub start: bool,
    /// The receiver had acknowledged them before they were seen: the capture brings them late.
    pub late: bool,
    /// When the segment was captured.
    pub ts: Timestamp,
}

/// What a segment adds to a stream.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Of its first byte.
    pub seq: SeqNumber,
    /// What was captured of it.
    pub bytes: &'a [u8],
    /// Its length on the wire.
    pub len: u32,
    /// The receiver had acknowledged it before.
    pub late: bool,
    /// When it was captured.
    pub ts: Timestamp,
}

impl Piece<'_> {
    /// Without its first `count` bytes, of which there are so many.
    fn after(self, count: u32) -> Self {
        let seen = self.bytes.len().min(count as usize);
        Self { seq: self.seq.plus(count), bytes: &self.bytes[seen..], len: self.len - count, ..self }
    }

    /// Its first `count` bytes, of which there are so many.
    fn first(self, count: u32) -> Self {
        Self { bytes: &self.bytes[..self.bytes.len().min(count as usize)], len: count, ..self }
    }
}

/// What takes chunks.
pub trait Sink {
    /// Takes the next chunk. Returns how many of the bytes that follow it there is no need to see.
    fn chunk(&mut self, chunk: Chunk<'_>) -> u64;
}

impl<F: FnMut(Chunk<'_>) -> u64> Sink for F {
    fn chunk(&mut self, chunk: Chunk<'_>) -> u64 {
        self(chunk)
    }
}

/// Bytes held back per stream: a window of unscaled TCP four times over, far beyond any reordering on a link.
pub const MAX_HELD_BYTES: usize = 256 * 1024;
/// Segments held back per stream, so that one-byte segments cannot cost a hundred times their size.
pub const MAX_HELD_SEGMENTS: usize = 1024;
/// Bytes held back by all streams of a worker together, with what it costs to hold them.
pub const MAX_HELD_TOTAL: usize = 64 * 1024 * 1024;
/// What a held segment costs beside its bytes: its place in a line that doubles, and the least that can be allocated.
const SEGMENT_COST: usize = 2 * size_of::<Held>() + 32;

/// Memory for held bytes, shared by all streams of a worker, and what was lost for the lack of patience or memory.
#[derive(Debug)]
pub struct Budget {
    held: usize,
    /// For all streams together, see [`MAX_HELD_TOTAL`].
    pub total_bytes: usize,
    /// Per stream, see [`MAX_HELD_BYTES`].
    pub stream_bytes: usize,
    /// Per stream, see [`MAX_HELD_SEGMENTS`].
    pub stream_segments: usize,
    /// Holes that were given up.
    pub gaps: u64,
    /// Bytes in them.
    pub gap_bytes: u64,
}

impl Budget {
    /// A budget with the given bounds.
    pub fn new(total_bytes: usize, stream_bytes: usize, stream_segments: usize) -> Self {
        Self { held: 0, total_bytes, stream_bytes, stream_segments, gaps: 0, gap_bytes: 0 }
    }
}

impl Budget {
    fn is_exceeded_by(&self, waiting: &Waiting) -> bool {
        self.held > self.total_bytes
            || waiting.bytes > self.stream_bytes
            || waiting.segments.len() > self.stream_segments
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(MAX_HELD_TOTAL, MAX_HELD_BYTES, MAX_HELD_SEGMENTS)
    }
}

/// A segment that waits for the ones before it.
#[derive(Debug)]
struct Held {
    seq: SeqNumber,
    len: u32,
    /// May be shorter than `len`: cut off, or not wanted.
    bytes: Box<[u8]>,
    ts: Timestamp,
}

impl Held {
    fn end(&self) -> SeqNumber {
        self.seq.plus(self.len)
    }
}

/// The waiting line of a stream with a hole, by sequence number, without overlaps.
#[derive(Debug)]
struct Waiting {
    since: Timestamp,
    bytes: usize,
    segments: VecDeque<Held>,
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub struct Stream {
    next: SeqNumber,
    /// One before the first byte: of the SYN, or of what would be it where the stream was joined.
    isn: SeqNumber,
    fin: SeqNumber,
    begun: bool,
    at_start: bool,
    syn_seen: bool,
    fin_seen: bool,
    unwanted: u32,
    waiting: Option<Box<Waiting>>,
}

impl Stream {
    /// A SYN was seen: the stream starts behind it. If it has begun there already, the SYN came late.
    pub fn open(&mut self, isn: SeqNumber) {
        if !self.begun {
            self.begin(isn.plus(1));
            self.at_start = true;
        }
        self.syn_seen = true;
    }

    fn begin(&mut self, first: SeqNumber) {
        (self.isn, self.next, self.begun) = (first.plus(u32::MAX), first, true);
    }

    /// It was joined midway, where it would have started behind a SYN of this number.
    pub fn was_joined_behind(&self, isn: SeqNumber) -> bool {
        self.begun && !self.syn_seen && self.isn == isn
    }

    /// The initial sequence number, when the SYN was seen.
    pub fn isn(&self) -> Option<SeqNumber> {
        self.syn_seen.then_some(self.isn)
    }

    /// The sequence number expected next, once there is one.
    pub fn next(&self) -> Option<SeqNumber> {
        self.begun.then_some(self.next)
    }

    /// When the first hole opened, if there is one.
    pub fn hole_since(&self) -> Option<Timestamp> {
        self.waiting.as_ref().map(|waiting| waiting.since)
    }

    /// The sender will send nothing from `seq` on.
    pub fn finish(&mut self, seq: SeqNumber) {
        if !self.begun {
            self.begin(seq);
        }
        if !self.fin_seen {
            (self.fin, self.fin_seen) = (seq, true);
        }
    }

    /// Everything up to the FIN was delivered.
    pub fn is_finished(&self) -> bool {
        self.fin_seen && !self.fin.is_after(self.next)
    }

    /// Takes what a segment adds.
    pub fn push(&mut self, piece: Piece<'_>, budget: &mut Budget, sink: &mut impl Sink) {
        if !self.begun {
            self.begin(piece.seq);
        }
        if piece.seq.is_after(self.next) {
            return self.push_early(piece, budget, sink);
        }
        loop {
            let known = self.next.distance(piece.seq) as u32;
            if known >= piece.len {
                return;
            }
            let new = piece.after(known);
            let held = self.waiting.as_ref().and_then(|waiting| waiting.segments.front());
            // First wins: what is held already was here before this.
            let room = held.map_or(u32::MAX, |held| held.seq.distance(self.next) as u32);
            self.deliver(new.first(new.len.min(room)), sink);
            self.deliver_held(budget, sink);
        }
    }

    /// Gives up the first hole: what is held behind it is delivered, up to the next one.
    pub fn give_up_hole(&mut self, budget: &mut Budget, sink: &mut impl Sink) {
        let Some(held) = self.waiting.as_ref().and_then(|waiting| waiting.segments.front()) else { return };
        let lost = held.seq.distance(self.next) as u32;
        let ts = held.ts;
        budget.gaps += 1;
        budget.gap_bytes += u64::from(lost);
        self.next = held.seq;
        self.skip(lost, ts, sink);
        self.deliver_held(budget, sink);
    }

    /// Gives up every hole; at the end of a connection nothing is waited for.
    pub fn flush(&mut self, budget: &mut Budget, sink: &mut impl Sink) {
        while self.waiting.is_some() {
            self.give_up_hole(budget, sink);
        }
    }

    /// Hands on what is next.
    fn deliver(&mut self, piece: Piece<'_>, sink: &mut impl Sink) {
        let Piece { bytes, len, late, ts, .. } = piece;
        self.next = self.next.plus(len);
        if !bytes.is_empty() {
            let chunk = Chunk { skipped: 0, bytes, start: self.at_start, late, ts };
            self.unwanted = within_reach(sink.chunk(chunk));
            self.at_start = false;
        }
        if bytes.len() < len as usize {
            self.skip(len - bytes.len() as u32, ts, sink);
        }
    }

    fn skip(&mut self, len: u32, ts: Timestamp, sink: &mut impl Sink) {
        self.at_start = false;
        let chunk = Chunk { skipped: u64::from(len), bytes: &[], start: false, late: false, ts };
        self.unwanted = within_reach(sink.chunk(chunk));
    }

    /// Hands on what is held and has become next.
    fn deliver_held(&mut self, budget: &mut Budget, sink: &mut impl Sink) {
        while let Some(waiting) = self.waiting.as_mut() {
            if waiting.segments.front().is_some_and(|held| held.seq != self.next) {
                break;
            }
            let Some(held) = waiting.segments.pop_front() else { break };
            waiting.bytes -= held.bytes.len();
            waiting.since = held.ts;
            budget.held -= held.bytes.len() + SEGMENT_COST;
            if waiting.segments.is_empty() {
                self.waiting = None;
            }
            self.deliver(Piece { seq: held.seq, bytes: &held.bytes, len: held.len, late: false, ts: held.ts }, sink);
        }
    }

    /// Holds back what is ahead of a hole; over the bounds the hole is given up.
    fn push_early(&mut self, piece: Piece<'_>, budget: &mut Budget, sink: &mut impl Sink) {
        if piece.len == 0 {
            return;
        }
        let end = piece.seq.plus(piece.len);
        let is_wanted = end.is_after(self.next.plus(self.unwanted));
        let piece = if is_wanted { piece } else { Piece { bytes: &[], ..piece } };
        let waiting = self.waiting.get_or_insert_with(|| {
            Box::new(Waiting { since: piece.ts, bytes: 0, segments: VecDeque::with_capacity(4) })
        });
        let before = waiting.cost();
        waiting.insert(piece);
        budget.held += waiting.cost() - before;
        while self.waiting.as_ref().is_some_and(|waiting| budget.is_exceeded_by(waiting)) {
            self.give_up_hole(budget, sink);
        }
    }
}

/// A count of bytes as sequence numbers can express it: up to half their space.
fn within_reach(count: u64) -> u32 {
    count.min(i32::MAX as u64) as u32
}

impl Waiting {
    /// What counts against the budget of all streams.
    fn cost(&self) -> usize {
        self.bytes + self.segments.len() * SEGMENT_COST
    }

    /// Puts the new parts of a piece between those that are held.
    fn insert(&mut self, mut piece: Piece<'_>) {
        // From the back, where new data nearly always belongs: behind the last held segment that starts no later.
        let mut at = self.segments.len();
        while at > 0 && self.segments[at - 1].seq.is_after(piece.seq) {
            at -= 1;
        }
        if at > 0 {
            let known = self.segments[at - 1].end().distance(piece.seq).clamp(0, piece.len as i32);
            piece = piece.after(known as u32);
        }
        while piece.len > 0 {
            // Up to the next held segment it is new; that one was here first.
            let (room, held) = match self.segments.get(at) {
                Some(held) => (held.seq.distance(piece.seq).max(0) as u32, held.len),
                None => (piece.len, 0),
            };
            let new = piece.first(piece.len.min(room));
            if new.len > 0 && !self.extend_range(at, new) {
                self.bytes += new.bytes.len();
                self.segments.insert(at, Held { seq: new.seq, len: new.len, bytes: new.bytes.into(), ts: new.ts });
                at += 1;
            }
            piece = piece.after(piece.len.min(new.len.saturating_add(held)));
            at += 1;
        }
    }

    /// Ranges without content that touch are one: a skipped body costs a few entries however long it is.
    fn extend_range(&mut self, at: usize, piece: Piece<'_>) -> bool {
        match at.checked_sub(1).and_then(|at| self.segments.get_mut(at)) {
            Some(last) if piece.bytes.is_empty() && last.bytes.is_empty() && last.end() == piece.seq => {
                last.len += piece.len;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;

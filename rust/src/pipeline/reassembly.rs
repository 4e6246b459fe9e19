//! One direction of a connection put in order: segments in, chunks out, each byte of the stream at most once.
//!
//! In-order data goes straight through as a slice of its packet. What arrives early is held back, within bounds, until
//! the hole before it is filled or given up; of bytes that overlap, the first to arrive win. Bytes that nobody will look
//! at (a body being skipped) are held as ranges without content.
//!
//! A segment is also held back while it acknowledges bytes of the other direction that have not been handed on: its
//! sender had them, so the capture recorded the two out of order, or lost some. Not done here: deciding *when* a hole is
//! given up, which takes both directions and is `flow`'s.

use std::collections::VecDeque;

use crate::pipeline::decode::SeqNumber;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::steps;

/// A piece of the stream, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// Bytes of the stream that cannot be seen, before `bytes`: lost, cut off by the snapshot length, or not wanted.
    pub skipped: u64,
    /// The snapshot length cut them off: they belong to the segment that was delivered last.
    pub cut: bool,
    /// What can be seen; may be empty after a skip.
    pub bytes: &'a [u8],
    /// Sequence number of the first of `bytes`.
    pub seq: SeqNumber,
    /// What their segment acknowledges of the other direction; `None` in a hole.
    pub ack: Option<SeqNumber>,
    /// These are the very first bytes of the connection in this direction: its SYN was seen.
    pub start: bool,
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
    /// What it acknowledges of the other direction.
    pub ack: Option<SeqNumber>,
    /// When it was captured.
    pub ts: Timestamp,
}

/// Acknowledgements this far ahead of what was seen are not believed, or belong to a stretch that nobody captured.
const MAX_AHEAD: i32 = 16 << 20;

/// True when a segment acknowledges nothing that is still missing: `peer` is how far the other direction has come.
pub fn is_due(ack: Option<SeqNumber>, peer: Option<SeqNumber>) -> bool {
    let ahead = ack.zip(peer).map_or(0, |(ack, peer)| ack.distance(peer));
    !(1..=MAX_AHEAD).contains(&ahead)
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
    /// The same bounds and losses, and nothing held: all streams are forgotten.
    #[must_use]
    pub fn restarted(&self) -> Self {
        Self { held: 0, ..*self }
    }

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
    ack: Option<SeqNumber>,
    ts: Timestamp,
}

/// The first segment of a waiting line.
#[derive(Clone, Copy, Debug)]
pub struct Front {
    /// Its first byte.
    pub seq: SeqNumber,
    /// What it acknowledges of the other direction.
    pub ack: Option<SeqNumber>,
    /// When it was captured.
    pub ts: Timestamp,
}

impl Held {
    fn end(&self) -> SeqNumber {
        self.seq.plus(self.len)
    }
}

/// The waiting line of a stream with a hole, by sequence number, without overlaps.
#[derive(Debug)]
struct Waiting {
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

    /// Nothing came behind the SYN yet: the stream starts here instead, since the SYN was not its own.
    pub fn restart(&mut self, first: SeqNumber) {
        if self.syn_seen && self.next == self.isn.plus(1) && !self.is_waiting() {
            self.begin(first);
            self.syn_seen = false;
        }
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

    /// How far it has come, as an acknowledgement by the other side would say: a FIN takes a number.
    #[inline]
    pub fn reached(&self) -> Option<SeqNumber> {
        self.begun.then(|| self.next.plus(u32::from(self.is_finished())))
    }

    /// The first of the segments held back, if there is one.
    #[inline]
    pub fn front(&self) -> Option<Front> {
        let held = self.waiting.as_ref()?.segments.front()?;
        Some(Front { seq: held.seq, ack: held.ack, ts: held.ts })
    }

    /// Segments are held back.
    #[inline]
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// How many segments are held back.
    #[inline]
    pub fn waiting(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.segments.len())
    }

    /// The first segment held back is next, and acknowledges nothing that is missing.
    pub fn is_due(&self, peer: Option<SeqNumber>) -> bool {
        self.front().is_some_and(|front| front.seq == self.next && is_due(front.ack, peer))
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
    #[inline]
    pub fn is_finished(&self) -> bool {
        self.fin_seen && !self.fin.is_after(self.next)
    }

    /// Takes what a segment adds. `peer` is how far the other direction has come, see [`Self::reached`].
    pub fn push(&mut self, piece: Piece<'_>, peer: Option<SeqNumber>, budget: &mut Budget, sink: &mut impl Sink) {
        if self.begun && self.next == piece.seq && self.waiting.is_none() && is_due(piece.ack, peer) {
            // Nearly every one.
            return self.deliver(piece, sink);
        }
        if !self.begun {
            self.begin(piece.seq);
        }
        if piece.seq.is_after(self.next) || !is_due(piece.ack, peer) && self.is_wanted(&piece) {
            return self.push_early(piece, peer, budget, sink);
        }
        loop {
            let known = self.next.distance(piece.seq) as u32;
            if known >= piece.len {
                return;
            }
            let new = piece.after(known);
            // First wins: what is held already was here before this.
            let room = self.front().map_or(u32::MAX, |held| held.seq.distance(self.next) as u32);
            if room == 0 {
                return self.push_early(new, peer, budget, sink);
            }
            self.deliver(new.first(new.len.min(room)), sink);
            self.deliver_due(peer, budget, sink);
        }
    }

    /// Somebody will look at some of it.
    fn is_wanted(&self, piece: &Piece<'_>) -> bool {
        piece.seq.plus(piece.len).is_after(self.next.plus(self.unwanted))
    }

    /// Gives up what the first segment held back waits for: that and what has become due is delivered.
    pub fn give_up_hole(&mut self, peer: Option<SeqNumber>, budget: &mut Budget, sink: &mut impl Sink) {
        let Some(front) = self.front() else { return };
        self.skip_to(front.seq, front.ts, budget, sink);
        self.deliver_front(budget, sink);
        self.deliver_due(peer, budget, sink);
    }

    /// Gives up all before `seq` that was not seen.
    pub fn skip_to(&mut self, seq: SeqNumber, ts: Timestamp, budget: &mut Budget, sink: &mut impl Sink) {
        let lost = seq.distance(self.next);
        if lost > 0 {
            budget.gaps += 1;
            budget.gap_bytes += lost as u64;
            self.next = seq;
            self.skip(lost as u32, false, None, ts, sink);
        }
    }

    /// Hands on what is next.
    fn deliver(&mut self, piece: Piece<'_>, sink: &mut impl Sink) {
        let Piece { seq, bytes, len, ack, ts } = piece;
        self.next = self.next.plus(len);
        if !bytes.is_empty() {
            let chunk = Chunk { skipped: 0, cut: false, bytes, seq, ack, start: self.at_start, ts };
            self.unwanted = within_reach(sink.chunk(chunk));
            self.at_start = false;
        }
        if bytes.len() < len as usize {
            self.skip(len - bytes.len() as u32, true, ack, ts, sink);
        }
    }

    fn skip(&mut self, len: u32, cut: bool, ack: Option<SeqNumber>, ts: Timestamp, sink: &mut impl Sink) {
        self.at_start = false;
        let chunk = Chunk { skipped: u64::from(len), cut, bytes: &[], seq: self.next, ack, start: false, ts };
        self.unwanted = within_reach(sink.chunk(chunk));
    }

    /// Hands on what is held and has become due.
    pub fn deliver_due(&mut self, peer: Option<SeqNumber>, budget: &mut Budget, sink: &mut impl Sink) {
        while self.is_due(peer) {
            self.deliver_front(budget, sink);
        }
    }

    /// Hands on the first segment held back, which is next.
    fn deliver_front(&mut self, budget: &mut Budget, sink: &mut impl Sink) {
        let Some(waiting) = self.waiting.as_mut() else { return };
        let Some(held) = waiting.segments.pop_front() else { return };
        waiting.bytes -= held.bytes.len();
        budget.held -= held.bytes.len() + SEGMENT_COST;
        if waiting.segments.is_empty() {
            self.waiting = None;
        }
        let Held { seq, len, ref bytes, ack, ts } = held;
        self.deliver(Piece { seq, bytes, len, ack, ts }, sink);
    }

    /// Holds back what is ahead of a hole or of the other direction; over the bounds nothing is waited for.
    fn push_early(&mut self, piece: Piece<'_>, peer: Option<SeqNumber>, budget: &mut Budget, sink: &mut impl Sink) {
        let known = self.next.distance(piece.seq).max(0) as u32;
        if piece.len <= known {
            return;
        }
        let piece = piece.after(known);
        let piece = if self.is_wanted(&piece) { piece } else { Piece { bytes: &[], ..piece } };
        let waiting =
            self.waiting.get_or_insert_with(|| Box::new(Waiting { bytes: 0, segments: VecDeque::with_capacity(4) }));
        let before = waiting.cost();
        waiting.insert(piece);
        budget.held += waiting.cost() - before;
        while self.waiting.as_ref().is_some_and(|waiting| budget.is_exceeded_by(waiting)) {
            self.give_up_hole(peer, budget, sink);
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
        // Behind the last held segment that starts no later.
        let mut at = self.segments.partition_point(|held| {
            steps::add(1);
            !held.seq.is_after(piece.seq)
        });
        if let Some(before) = at.checked_sub(1).and_then(|at| self.segments.get(at)) {
            let known = before.end().distance(piece.seq).max(0) as u32;
            piece = piece.after(known.min(piece.len));
        }
        // Each held segment has a byte or more, so a piece meets no more of them than it is long.
        while piece.len > 0 {
            steps::add(1);
            // Up to the next held segment it is new; that one was here first.
            let (room, held) = match self.segments.get(at) {
                Some(held) => (held.seq.distance(piece.seq).max(0) as u32, held.len),
                None => (piece.len, 0),
            };
            let new = piece.first(piece.len.min(room));
            if new.len > 0 && !self.extend_range(at, new) {
                self.bytes += new.bytes.len();
                let Piece { seq, bytes, len, ack, ts } = new;
                self.segments.insert(at, Held { seq, len, bytes: bytes.into(), ack, ts });
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
                let joined = last.len.checked_add(piece.len).filter(|&len| i32::try_from(len).is_ok());
                last.len = joined.unwrap_or(last.len);
                joined.is_some()
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;

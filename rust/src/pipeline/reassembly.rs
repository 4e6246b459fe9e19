//! Puts one direction of a connection in order: segments in, chunks out, each byte of the stream at most once.
//!
//! In-order data is passed on at once, as a slice of its packet. A segment that arrives early is held back, within
//! limits, until the hole before it is filled or given up. Where segments overlap, the byte that arrived first counts.
//! Bytes that nobody will look at (the rest of a body that is skipped) are held as ranges without content.
//!
//! A segment is also held back while it acknowledges bytes of the other direction that have not been delivered: its
//! sender had received them, so the capture recorded the two segments out of order, or lost some. Not done here:
//! deciding *when* a hole is given up. That takes both directions and is done in `flow`.

use std::collections::VecDeque;

use crate::pipeline::decode::SeqNumber;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::steps;

/// A value of [`Chunk::skipped`]: it is not known how many bytes cannot be seen.
pub const UNKNOWN_LENGTH: u64 = u64::MAX;

/// A piece of the stream, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// Number of bytes before `bytes` that cannot be seen: lost, cut off by the snapshot length, or not wanted. May be
    /// [`UNKNOWN_LENGTH`] in the plaintext of TLS.
    pub skipped: u64,
    /// True if the skipped bytes are the end of the segment that was delivered last: cut off by the snapshot length, or
    /// not kept because nobody wanted them.
    pub cut: bool,
    /// The bytes that can be seen; may be empty after a skip.
    pub bytes: &'a [u8],
    /// Sequence number of the first of `bytes`.
    pub seq: SeqNumber,
    /// Acknowledgement number of their segment; `None` in a hole.
    pub ack: Option<SeqNumber>,
    /// True if these are the very first bytes of the connection in this direction: its SYN was seen.
    pub start: bool,
    /// When the segment was captured.
    pub ts: Timestamp,
}

/// What a segment adds to a stream.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Sequence number of its first byte.
    pub seq: SeqNumber,
    /// Captured bytes.
    pub bytes: &'a [u8],
    /// Length on the wire.
    pub len: u32,
    /// Acknowledgement number, if there is one.
    pub ack: Option<SeqNumber>,
    /// When it was captured.
    pub ts: Timestamp,
}

/// An acknowledgement that is further ahead of the delivered bytes than this holds nothing back: it is wrong, or it
/// acknowledges data that was not captured.
const MAX_AHEAD: i32 = 16 << 20;

/// True if a segment acknowledges no bytes that are still missing. `peer` is where the other direction has come to, see
/// [`Stream::reached`].
pub fn is_due(ack: Option<SeqNumber>, peer: Option<SeqNumber>) -> bool {
    let ahead = ack.zip(peer).map_or(0, |(ack, peer)| ack.distance(peer));
    !(1..=MAX_AHEAD).contains(&ahead)
}

impl Piece<'_> {
    /// The piece without its first `count` bytes. It must have that many.
    fn after(self, count: u32) -> Self {
        let seen = self.bytes.len().min(count as usize);
        Self { seq: self.seq.plus(count), bytes: &self.bytes[seen..], len: self.len - count, ..self }
    }

    /// The first `count` bytes of the piece. It must have that many.
    fn first(self, count: u32) -> Self {
        Self { bytes: &self.bytes[..self.bytes.len().min(count as usize)], len: count, ..self }
    }
}

/// Receives chunks.
pub trait Sink {
    /// Takes the next chunk. Returns how many of the following bytes need not be seen.
    fn chunk(&mut self, chunk: Chunk<'_>) -> u64;
}

impl<F: FnMut(Chunk<'_>) -> u64> Sink for F {
    fn chunk(&mut self, chunk: Chunk<'_>) -> u64 {
        self(chunk)
    }
}

/// Maximum bytes held back per stream: four windows of unscaled TCP, far beyond any reordering on a link.
pub const MAX_HELD_BYTES: usize = 256 * 1024;
/// Maximum segments held back per stream, so that one-byte segments cannot cost a hundred times their size.
pub const MAX_HELD_SEGMENTS: usize = 1024;
/// Maximum memory for segments held back by all streams of a worker together.
pub const MAX_HELD_TOTAL: usize = 64 * 1024 * 1024;
/// Memory that a held segment costs beside its bytes: its place in a queue that doubles, and the smallest allocation.
const SEGMENT_COST: usize = 2 * size_of::<Held>() + 32;

/// Memory for held bytes, shared by all streams of a worker, and counts of the holes that were given up.
#[derive(Debug)]
pub struct Budget {
    held: usize,
    /// Limit for all streams together, see [`MAX_HELD_TOTAL`].
    pub total_bytes: usize,
    /// Limit of bytes per stream, see [`MAX_HELD_BYTES`].
    pub stream_bytes: usize,
    /// Limit of segments per stream, see [`MAX_HELD_SEGMENTS`].
    pub stream_segments: usize,
    /// Holes that were given up.
    pub gaps: u64,
    /// Bytes in these holes.
    pub gap_bytes: u64,
}

impl Budget {
    /// A budget with these limits.
    pub fn new(total_bytes: usize, stream_bytes: usize, stream_segments: usize) -> Self {
        Self { held: 0, total_bytes, stream_bytes, stream_segments, gaps: 0, gap_bytes: 0 }
    }
}

impl Budget {
    /// The same limits and losses with nothing held, for use after all streams were dropped.
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

/// A segment that is held back.
#[derive(Debug)]
struct Held {
    seq: SeqNumber,
    len: u32,
    /// May be shorter than `len`: cut off, or not wanted.
    bytes: Box<[u8]>,
    ack: Option<SeqNumber>,
    ts: Timestamp,
}

/// The first segment that a stream holds back.
#[derive(Clone, Copy, Debug)]
pub struct Front {
    /// Sequence number of its first byte.
    pub seq: SeqNumber,
    /// Acknowledgement number, if there is one.
    pub ack: Option<SeqNumber>,
    /// When it was captured.
    pub ts: Timestamp,
}

impl Held {
    fn end(&self) -> SeqNumber {
        self.seq.plus(self.len)
    }
}

/// Segments that a stream holds back, by sequence number, without overlaps.
#[derive(Debug)]
struct Waiting {
    bytes: usize,
    segments: VecDeque<Held>,
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub struct Stream {
    next: SeqNumber,
    /// Sequence number before the first byte: that of the SYN or, if the capture joined the stream midway, the one that
    /// a SYN would have had.
    isn: SeqNumber,
    /// Sequence number of the FIN, if `fin_seen`.
    fin: SeqNumber,
    begun: bool,
    /// True from the SYN until the first bytes behind it are delivered or skipped.
    at_start: bool,
    syn_seen: bool,
    fin_seen: bool,
    /// How many of the following bytes the sink need not see.
    unwanted: u32,
    waiting: Option<Box<Waiting>>,
}

impl Stream {
    /// Notes a SYN. The stream starts behind it, unless the stream has begun already, because the SYN came late.
    pub fn open(&mut self, isn: SeqNumber) {
        if !self.begun {
            self.begin(isn.plus(1));
            self.at_start = true;
        }
        self.syn_seen = true;
    }

    /// Starts the stream at `first` instead, because the SYN did not belong to it. Does nothing once bytes behind the
    /// SYN have come.
    pub fn restart(&mut self, first: SeqNumber) {
        if self.syn_seen && self.next == self.isn.plus(1) && !self.is_waiting() {
            self.begin(first);
            self.syn_seen = false;
        }
    }

    fn begin(&mut self, first: SeqNumber) {
        (self.isn, self.next, self.begun) = (first.plus(u32::MAX), first, true);
    }

    /// True if the stream was joined midway, where it would have started behind a SYN with this number.
    pub fn was_joined_behind(&self, isn: SeqNumber) -> bool {
        self.begun && !self.syn_seen && self.isn == isn
    }

    /// The initial sequence number, if the SYN was seen.
    pub fn isn(&self) -> Option<SeqNumber> {
        self.syn_seen.then_some(self.isn)
    }

    /// The sequence number expected next; `None` before the stream has begun.
    pub fn next(&self) -> Option<SeqNumber> {
        self.begun.then_some(self.next)
    }

    /// Where the stream has come to, as the other side would acknowledge it: a FIN takes one number.
    #[inline]
    pub fn reached(&self) -> Option<SeqNumber> {
        self.begun.then(|| self.next.plus(u32::from(self.is_finished())))
    }

    /// The first segment held back, if there is one.
    #[inline]
    pub fn front(&self) -> Option<Front> {
        let held = self.waiting.as_ref()?.segments.front()?;
        Some(Front { seq: held.seq, ack: held.ack, ts: held.ts })
    }

    /// True if segments are held back.
    #[inline]
    pub fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// How many segments are held back.
    #[inline]
    pub fn waiting(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.segments.len())
    }

    /// True if the first segment held back is next, and acknowledges nothing that is missing.
    pub fn is_due(&self, peer: Option<SeqNumber>) -> bool {
        self.front().is_some_and(|front| front.seq == self.next && is_due(front.ack, peer))
    }

    /// Notes a FIN: the sender sends nothing from `seq` on. Only the first FIN counts. One before what was delivered is not
    /// of this connection, or was forged; its receiver drops it (RFC 9293 §3.10.7.4).
    pub fn finish(&mut self, seq: SeqNumber) {
        if !self.begun {
            self.begin(seq);
        }
        if self.next.is_after(seq) {
            return;
        }
        if !self.fin_seen {
            (self.fin, self.fin_seen) = (seq, true);
        }
    }

    /// True if everything up to the FIN was delivered.
    #[inline]
    pub fn is_finished(&self) -> bool {
        self.fin_seen && !self.fin.is_after(self.next)
    }

    /// Takes a piece of the stream. `peer` is where the other direction has come to, see [`Self::reached`].
    pub fn push(&mut self, piece: Piece<'_>, peer: Option<SeqNumber>, budget: &mut Budget, sink: &mut impl Sink) {
        if self.begun && self.next == piece.seq && self.waiting.is_none() && is_due(piece.ack, peer) {
            // Nearly every segment goes this way.
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
            // The first to arrive wins: bytes that are held came before this piece.
            let room = self.front().map_or(u32::MAX, |held| held.seq.distance(self.next) as u32);
            if room == 0 {
                return self.push_early(new, peer, budget, sink);
            }
            self.deliver(new.first(new.len.min(room)), sink);
            self.deliver_due(peer, budget, sink);
        }
    }

    /// True if the sink wants to see some of the piece.
    fn is_wanted(&self, piece: &Piece<'_>) -> bool {
        piece.seq.plus(piece.len).is_after(self.next.plus(self.unwanted))
    }

    /// Gives up what the first segment held back waits for. Delivers that segment and those that have become due.
    pub fn give_up_hole(&mut self, peer: Option<SeqNumber>, budget: &mut Budget, sink: &mut impl Sink) {
        let Some(front) = self.front() else { return };
        self.skip_to(front.seq, front.ts, budget, sink);
        self.deliver_front(budget, sink);
        self.deliver_due(peer, budget, sink);
    }

    /// Gives up the missing bytes before `seq`, and counts them as a gap.
    pub fn skip_to(&mut self, seq: SeqNumber, ts: Timestamp, budget: &mut Budget, sink: &mut impl Sink) {
        let lost = seq.distance(self.next);
        if lost > 0 {
            budget.gaps += 1;
            budget.gap_bytes += lost as u64;
            self.next = seq;
            self.skip(lost as u32, false, None, ts, sink);
        }
    }

    /// Delivers the piece that is next.
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

    /// Delivers the held segments that have become due.
    pub fn deliver_due(&mut self, peer: Option<SeqNumber>, budget: &mut Budget, sink: &mut impl Sink) {
        while self.is_due(peer) {
            self.deliver_front(budget, sink);
        }
    }

    /// Delivers the first segment held back, which is next.
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

    /// Holds back a piece that is behind a hole, or that acknowledges missing bytes of the other direction. Beyond the
    /// limits of the budget, holes are given up.
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

/// A count of bytes, limited to half the space of sequence numbers.
fn within_reach(count: u64) -> u32 {
    count.min(i32::MAX as u64) as u32
}

impl Waiting {
    /// Memory that counts against the budget of all streams.
    fn cost(&self) -> usize {
        self.bytes + self.segments.len() * SEGMENT_COST
    }

    /// Adds the bytes of a piece that are not held yet.
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
        // Each held segment has at least one byte, so a piece meets at most as many of them as it has bytes.
        while piece.len > 0 {
            steps::add(1);
            // Bytes up to the next held segment are new. Bytes of that segment came earlier and are kept.
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

    /// Joins a range without content to the one before it if the two touch, so a skipped body costs a few entries
    /// however long it is. Returns whether the piece was joined.
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

//! One connection: puts both directions in order against each other, and decides in which phase of its life it is.

use std::ops::RangeInclusive;

use super::consumer::{Consumer, FlowInfo};
use super::quality::{Quality, Signs, Tag};
use super::table::{Entry, Phase};
use crate::pipeline::decode::{Direction, Flags, FlowKey, Segment, SeqNumber};
use crate::pipeline::packet::Timestamp;
use crate::pipeline::reassembly::{self, Budget, Chunk, Piece, Sink, Stream};

/// How many segments may overtake bytes that the receiver has acknowledged, before these bytes are given up. At first
/// it is the maximum, as many as a capture point mixes up. It falls towards the minimum if such bytes never come, and
/// rises again if they do.
const PATIENCE: RangeInclusive<usize> = 2..=32;

/// Sequence numbers at most this far apart may belong to one connection: a window, and what a capture may miss.
const NEAR: u32 = 1 << 20;

/// One connection.
#[derive(Debug)]
pub struct Flow<T> {
    pub info: FlowInfo,
    pub streams: [Stream; 2],
    pub quality: Quality,
    pub last_seen: Timestamp,
    /// Tag of its first segment.
    pub tag: Tag,
    /// True if it is in the queue of connections with a hole.
    pub is_watched: bool,
    /// How many segments may overtake what they acknowledge, see [`PATIENCE`].
    patience: u8,
    pub state: T,
}

/// Hands the chunks of one direction to the consumer.
struct Outlet<'a, C: Consumer> {
    consumer: &'a mut C,
    info: &'a FlowInfo,
    state: &'a mut C::State,
    direction: Direction,
}

impl<C: Consumer> Sink for Outlet<'_, C> {
    fn chunk(&mut self, chunk: Chunk<'_>) -> u64 {
        self.consumer.chunk(self.info, self.state, self.direction, chunk)
    }
}

impl<T> Entry for Flow<T> {
    fn key(&self) -> &FlowKey {
        &self.info.key
    }

    fn last_seen(&self) -> Timestamp {
        self.last_seen
    }
}

impl<T: Default> Flow<T> {
    /// The connection that `segment` begins.
    pub fn new(info: FlowInfo, segment: &Segment<'_>, last_seen: Timestamp) -> Self {
        let (streams, quality, state) = Default::default();
        Self {
            info,
            streams,
            quality,
            last_seen,
            tag: Tag::of(segment),
            is_watched: false,
            patience: *PATIENCE.end() as u8,
            state,
        }
    }
}

impl<T> Flow<T> {
    #[inline]
    pub fn stream(&self, direction: Direction) -> &Stream {
        &self.streams[direction as usize]
    }

    /// Reads something from each part of the connection, which brings it into the processor's cache.
    pub fn glance(&self) -> (Timestamp, [bool; 2], Option<SeqNumber>, bool) {
        let finished = [Direction::Up, Direction::Down].map(|direction| self.stream(direction).is_finished());
        (self.last_seen, finished, self.quality.acknowledged(Direction::Up), self.is_watched)
    }

    #[inline]
    pub fn is_finished(&self) -> bool {
        self.streams.iter().all(Stream::is_finished)
    }

    /// True if the capture joined the connection with the first bytes behind this SYN, or behind the SYN that this one
    /// answers.
    pub fn was_joined_behind(&self, syn: &Segment<'_>) -> bool {
        let is_answer = syn.flags.has(Flags::ACK);
        self.stream(syn.direction).was_joined_behind(syn.seq)
            || is_answer && self.stream(syn.direction.reverse()).was_joined_behind(syn.ack.plus(u32::MAX))
    }

    /// True if a SYN belongs to this connection, not to another one with the same addresses and ports.
    #[inline]
    pub fn takes_syn(&self, syn: &Segment<'_>) -> bool {
        let (own, peer) = (self.stream(syn.direction), self.stream(syn.direction.reverse()));
        match own.isn() {
            Some(isn) => isn == syn.seq,
            None if own.next().is_some() => own.was_joined_behind(syn.seq),
            // The SYN answers the other side's, with ACK or, in a split handshake, without.
            None => !syn.flags.has(Flags::ACK) || peer.next().is_none_or(|next| is_near(syn.ack, next)),
        }
    }

    /// How far the sequence and acknowledgement numbers of a segment are from those expected; `None` if they belong to
    /// another connection.
    pub fn distance(&self, segment: &Segment<'_>) -> Option<u32> {
        let apart = |number: SeqNumber, at: Option<SeqNumber>| at.map_or(0, |at| number.distance(at).unsigned_abs());
        let own = apart(segment.seq, self.stream(segment.direction).next());
        let ack = Some(segment.ack).filter(|_| segment.flags.has(Flags::ACK));
        let peer = ack.map_or(0, |ack| apart(ack, self.stream(segment.direction.reverse()).next()));
        (own.max(peer) <= NEAR).then(|| own + peer)
    }

    /// True if a segment acknowledges no more than was seen of the other side.
    pub fn acknowledges_nothing_new(&self, segment: &Segment<'_>) -> bool {
        let reached = self.stream(segment.direction.reverse()).reached();
        segment.flags.has(Flags::ACK) && reached.is_some_and(|reached| !segment.ack.is_after(reached))
    }

    /// True if a segment acknowledges the SYN of the other side.
    pub fn is_acknowledged_by(&self, segment: &Segment<'_>) -> bool {
        let isn = self.stream(segment.direction.reverse()).isn();
        segment.flags.has(Flags::ACK) && isn.is_some_and(|isn| segment.ack.is_after(isn) && is_near(segment.ack, isn))
    }

    /// True if a segment acknowledges the SYN of the other side, and nothing behind it.
    pub fn answers_syn(&self, segment: &Segment<'_>) -> bool {
        let isn = self.stream(segment.direction.reverse()).isn();
        segment.flags.has(Flags::ACK) && isn.is_some_and(|isn| segment.ack == isn.plus(1))
    }

    /// True if a segment brings nothing new in its direction.
    pub fn has_seen(&self, segment: &Segment<'_>) -> bool {
        let end = segment.seq.plus(segment.payload_wire_len);
        self.stream(segment.direction).reached().is_none_or(|reached| !end.is_after(reached))
    }

    #[inline]
    pub fn has_hole(&self) -> bool {
        self.streams.iter().any(Stream::is_waiting)
    }

    /// True if the missing bytes that `direction` waits for have reached their receiver. They may be of this direction
    /// or of the other one.
    pub fn hole_is_acknowledged(&self, direction: Direction) -> bool {
        let stream = self.stream(direction);
        let is_next = stream.front().map(|front| front.seq) == stream.next();
        is_next || self.quality.acknowledged(direction).zip(stream.next()).is_some_and(|(ack, next)| ack.is_after(next))
    }

    /// How many segments are held back in both directions.
    #[inline]
    pub fn held(&self) -> usize {
        self.streams.iter().map(Stream::waiting).sum()
    }

    /// Hands over what has become due in either direction, after a segment came in `direction`. Gives up bytes that too
    /// many segments have overtaken. `held` is how many segments were held back before.
    #[cold]
    pub fn settle<C: Consumer<State = T>>(
        &mut self,
        direction: Direction,
        held: usize,
        budget: &mut Budget,
        consumer: &mut C,
    ) {
        self.deliver_due(direction.reverse(), budget, consumer);
        if self.held() < held {
            // Missing bytes have come, so it pays to wait.
            self.patience = self.patience.max((2 * held).min(*PATIENCE.end()) as u8);
        }
        while self.held() > usize::from(self.patience) {
            let sides = [direction, direction.reverse()].into_iter();
            let overtaken = sides.filter(|&side| self.stream(side).is_waiting() && self.hole_is_acknowledged(side));
            let oldest = overtaken.min_by_key(|&side| self.stream(side).front().map(|front| front.ts));
            let Some(oldest) = oldest else { return };
            self.give_up(oldest, budget, consumer);
            self.patience = (self.patience / 4 * 3).max(*PATIENCE.start() as u8);
        }
    }

    /// Hands over what has become due, first in `direction` and then alternately, until nothing is due.
    fn deliver_due<C: Consumer<State = T>>(&mut self, mut direction: Direction, budget: &mut Budget, consumer: &mut C) {
        while self.stream(direction).is_due(self.stream(direction.reverse()).reached()) {
            let peer = self.stream(direction.reverse()).reached();
            let (stream, mut sink) = self.outlet(direction, consumer);
            stream.deliver_due(peer, budget, &mut sink);
            direction = direction.reverse();
        }
    }

    /// Gives up what the first segment held back in `direction` waits for. Both directions move on in the order in
    /// which their bytes were sent: the other direction goes on to what that segment acknowledges, and this one to what
    /// the segments of the other direction acknowledge.
    pub fn give_up<C: Consumer<State = T>>(&mut self, direction: Direction, budget: &mut Budget, consumer: &mut C) {
        let Some(front) = self.stream(direction).front() else { return };
        let reverse = direction.reverse();
        while let Some(ack) = front.ack.filter(|_| !reassembly::is_due(front.ack, self.stream(reverse).reached())) {
            let held = self.stream(reverse).front().filter(|held| ack.is_after(held.seq));
            if let Some(need) = held.and_then(|held| held.ack) {
                let until = if need.is_after(front.seq) { front.seq } else { need };
                let (stream, mut sink) = self.outlet(direction, consumer);
                stream.skip_to(until, front.ts, budget, &mut sink);
            }
            let peer = self.stream(direction).reached();
            let (stream, mut sink) = self.outlet(reverse, consumer);
            match held {
                Some(_) => stream.give_up_hole(peer, budget, &mut sink),
                None => stream.skip_to(ack, front.ts, budget, &mut sink),
            }
        }
        let peer = self.stream(reverse).reached();
        let (stream, mut sink) = self.outlet(direction, consumer);
        stream.give_up_hole(peer, budget, &mut sink);
        self.deliver_due(reverse, budget, consumer);
    }

    /// Returns the phase of the connection after a segment. A reset ends nothing yet: data that overtook it, or was
    /// overtaken by it, still counts.
    pub fn next_phase(&self, phase: Phase, segment: &Segment<'_>, signs: &mut Signs) -> Phase {
        if segment.flags.has(Flags::RST) {
            if !self.accepts_reset(segment) {
                return phase;
            }
            // RFC 9293 §3.5.2: a SYN to a port without a listener is answered with a reset.
            let is_refusal =
                matches!(phase, Phase::HalfOpen | Phase::Candidate) && self.info.opener != Some(segment.direction);
            signs.add_if(is_refusal, Signs::REFUSED);
            signs.add_if(phase != Phase::Closing && !is_refusal, Signs::RESET);
            return Phase::Closing;
        }
        if self.is_finished() {
            signs.add_if(phase != Phase::Closing, Signs::CLOSED);
            return Phase::Closing;
        }
        let is_answered = phase == Phase::HalfOpen && !segment.flags.has(Flags::SYN);
        if is_answered || phase == Phase::Waiting { Phase::Open } else { phase }
    }

    pub fn push_payload<C: Consumer<State = T>>(
        &mut self,
        segment: &Segment<'_>,
        budget: &mut Budget,
        consumer: &mut C,
    ) {
        // RFC 7413: data on a SYN starts behind it.
        let seq = segment.seq.plus(u32::from(segment.flags.has(Flags::SYN)));
        let ack = segment.flags.has(Flags::ACK).then_some(segment.ack);
        let peer = self.stream(segment.direction.reverse()).reached();
        let (stream, mut sink) = self.outlet(segment.direction, consumer);
        let piece = Piece { seq, bytes: segment.payload, len: segment.payload_wire_len, ack, ts: segment.ts };
        stream.push(piece, peer, budget, &mut sink);
    }

    /// A stream, and the consumer as its sink.
    fn outlet<'a, C: Consumer<State = T>>(
        &'a mut self,
        direction: Direction,
        consumer: &'a mut C,
    ) -> (&'a mut Stream, Outlet<'a, C>) {
        let Self { info, streams, state, .. } = self;
        (&mut streams[direction as usize], Outlet { consumer, info, state, direction })
    }

    /// Ends the connection at the time of its last segment, not at the time when that is noticed. Returns its streams.
    pub fn end<C: Consumer<State = T>>(mut self, budget: &mut Budget, consumer: &mut C) -> [Stream; 2] {
        self.flush(self.last_seen, budget, consumer);
        consumer.ended(&self.info, self.state);
        self.streams
    }

    /// Delivers everything that is held back, and finishes both directions. The side that opened the connection comes
    /// first, so that requests precede responses.
    fn flush<C: Consumer<State = T>>(&mut self, ts: Timestamp, budget: &mut Budget, consumer: &mut C) {
        let first = self.info.opener.unwrap_or(Direction::Up);
        for direction in [first, first.reverse()] {
            while self.stream(direction).is_waiting() {
                self.give_up(direction, budget, consumer);
            }
        }
        for direction in [first, first.reverse()] {
            if self.quality.first_finish(direction) {
                consumer.finished(&self.info, &mut self.state, direction, ts);
            }
        }
    }

    pub fn tell_finished<C: Consumer<State = T>>(&mut self, direction: Direction, ts: Timestamp, consumer: &mut C) {
        if self.stream(direction).is_finished() && self.quality.first_finish(direction) {
            consumer.finished(&self.info, &mut self.state, direction, ts);
        }
    }

    /// True if a reset counts: RFC 9293 §3.10.7.4 asks that it is in the window, which a blindly forged one rarely is.
    fn accepts_reset(&self, segment: &Segment<'_>) -> bool {
        /// The largest unscaled window, and some more for data in flight.
        const NEAR: u32 = 1 << 18;
        let expected = self.stream(segment.direction).next();
        expected.is_none_or(|next| segment.seq.distance(next).unsigned_abs() < NEAR)
    }
}

fn is_near(a: SeqNumber, b: SeqNumber) -> bool {
    a.distance(b).unsigned_abs() <= NEAR
}

//! Connections: which segment belongs to which, both directions put in order, how healthy they are, when they end.
//!
//! Segments in, [`Consumer`] calls out. The table is bounded; a connection is made at its SYN or its first payload byte,
//! never for a stray acknowledgement. Two things are decided here that no single direction can know: when a hole is given
//! up (the receiver has acknowledged it, so its sender will not send it again), and when a connection is over.

mod brief;
mod ended;
mod opening;
mod quality;
mod table;

pub use opening::Opening;
pub use quality::{Observation, Signs};
pub use table::{FlowId, Limits};

use std::collections::VecDeque;
use std::hint::black_box;

use crate::pipeline::decode::{Direction, Flags, FlowKey, Segment, SeqNumber};
use crate::pipeline::packet::{InterfaceId, SECOND, Timestamp};
use crate::pipeline::reassembly::{self, Budget, Chunk, Front, Piece, Sink, Stream};
use ended::Ended;
use quality::Quality;
use table::{Entry, Phase, Table};

/// How long bytes that the receiver has acknowledged may still come: packets captured late, or by a clock that is behind.
const ACKNOWLEDGED_PATIENCE: i64 = SECOND / 5;
/// Segments of a connection that may overtake such bytes: a capture point that mixes up packets does so by a few dozen.
const ACKNOWLEDGED_SEGMENTS: usize = 64;
/// How long a hole that nobody acknowledged is waited for: longer than TCP retries, for captures of one side only.
const SILENT_PATIENCE: i64 = 30 * SECOND;

/// What takes the streams of connections. `State` is what it keeps for each.
pub trait Consumer {
    /// Kept in the connection, made by default.
    type State: Default;
    /// What is known of a connection when a segment of it came.
    type Verdict;

    /// Bytes of a stream, in order. Returns how many of the following bytes it has no need to see.
    fn chunk(&mut self, flow: &FlowInfo, state: &mut Self::State, direction: Direction, chunk: Chunk<'_>) -> u64;
    /// Nothing more comes in `direction`, and all that did was handed over: FIN, reset, or the end of the connection.
    fn finished(&mut self, flow: &FlowInfo, state: &mut Self::State, direction: Direction, ts: Timestamp);
    /// A segment was looked at, after whatever it brought was handed over.
    fn observed(&mut self, flow: &FlowInfo, state: &Self::State, segment: &Observed) -> Self::Verdict;
    /// The connection is over: closed, reset, idle or evicted. Both directions have finished; nothing follows.
    fn ended(&mut self, flow: &FlowInfo, state: Self::State);
}

/// What identifies a connection to its consumer.
#[derive(Clone, Copy, Debug)]
pub struct FlowInfo {
    /// Addresses and ports.
    pub key: FlowKey,
    /// Where its first segment was seen.
    pub interface: InterfaceId,
    /// The direction of its SYN, when that was seen.
    pub opener: Option<Direction>,
    /// Segments that were sent again, modulo 2^16: for differences.
    pub retransmitted: u16,
    /// What was observed before this segment.
    pub opening: Opening,
}

impl FlowInfo {
    /// A connection of which nothing was seen yet.
    pub fn new(key: FlowKey, interface: InterfaceId, opener: Option<Direction>) -> Self {
        Self { key, interface, opener, retransmitted: 0, opening: Opening::default() }
    }
}

/// One connection.
#[derive(Debug)]
struct Flow<T> {
    info: FlowInfo,
    streams: [Stream; 2],
    quality: Quality,
    last_seen: Timestamp,
    /// It stands in the line of connections with a hole.
    is_watched: bool,
    state: T,
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

/// Where a connection is, or would be.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    hash: u64,
    id: Option<FlowId>,
}

/// What a segment of a connection tells of its health.
#[derive(Clone, Copy, Debug)]
pub struct Observed {
    /// Way within the connection.
    pub direction: Direction,
    /// Where the segment counts: its own interface, or for a copy seen elsewhere, the connection's.
    pub interface: InterfaceId,
    /// What it tells.
    pub observation: Observation,
}

/// All connections of a worker.
#[derive(Debug)]
pub struct Flows<T> {
    table: Table<Flow<T>>,
    budget: Budget,
    /// Connections with a hole, and when to look at it again.
    holes: VecDeque<(FlowId, Timestamp)>,
    evicted: u64,
    ended: Ended,
    now: Timestamp,
}

/// Losses since last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Holes given up.
    pub gaps: u64,
    /// Bytes in them.
    pub gap_bytes: u64,
    /// Connections dropped from the full table.
    pub flows_evicted: u64,
}

impl<T: Default> Flows<T> {
    /// An empty table.
    pub fn new(limits: Limits, budget: Budget) -> Self {
        Self {
            table: Table::new(limits),
            budget,
            holes: VecDeque::new(),
            evicted: 0,
            ended: Ended::default(),
            now: Timestamp(i64::MIN),
        }
    }

    /// Connections being tracked.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// None is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the losses counted since the last call.
    pub fn take_losses(&mut self) -> Losses {
        Losses {
            gaps: std::mem::take(&mut self.budget.gaps),
            gap_bytes: std::mem::take(&mut self.budget.gap_bytes),
            flows_evicted: std::mem::take(&mut self.evicted),
        }
    }

    /// Where the connection of a key is.
    #[inline]
    pub fn find(&self, key: &FlowKey) -> Place {
        let mut place = self.place(key);
        self.look_up(&mut place, key);
        place
    }

    /// Where it would be; [`Self::look_up`] and [`Self::fetch`] are the next steps for whoever has many to find.
    #[inline]
    pub fn place(&self, key: &FlowKey) -> Place {
        Place { hash: self.table.hash(key), id: None }
    }

    /// Looks whether it is there.
    #[inline]
    pub fn look_up(&self, place: &mut Place, key: &FlowKey) {
        place.id = self.table.find(place.hash, key);
    }

    /// Looks at all of a connection that a segment is going to be compared with, so that it is in the processor's cache.
    #[inline]
    pub fn fetch(&self, place: &Place) {
        black_box(place.id.and_then(|id| self.table.get(id)).map(Flow::glance));
    }

    /// Takes a segment, whose connection may have been looked up some segments before. `None` when it belongs to no
    /// connection that is tracked.
    #[inline]
    pub fn push<C: Consumer<State = T>>(
        &mut self,
        segment: &Segment<'_>,
        place: Place,
        consumer: &mut C,
    ) -> Option<C::Verdict> {
        let flags = segment.flags;
        let is_new_connection = flags.has(Flags::SYN) && !flags.has(Flags::RST);
        let Place { hash, id } = place;
        let mut found = id.filter(|&id| self.table.touch(id));
        if found.is_none() {
            // It was not there yet, or has ended since.
            found = self.table.find(hash, &segment.key).filter(|&id| self.table.touch(id));
        }
        if is_new_connection
            && let Some(id) = found
            && self.is_reuse(id, segment)
        {
            self.end(id, consumer);
            found = None;
        }
        let may_open = (is_new_connection || segment.payload_wire_len > 0) && found.is_none();
        if may_open && !self.ended.has(hash, segment) {
            let id = self.open(hash, segment, consumer);
            return self.advance(id, is_new_connection, segment, consumer);
        }
        self.advance(found?, false, segment, consumer)
    }

    /// Lets time pass: connections that are over are ended, holes that are old enough are given up.
    pub fn tick<C: Consumer<State = T>>(&mut self, now: Timestamp, consumer: &mut C) {
        self.now = now;
        while let Some(id) = self.table.next_expired(now) {
            self.end(id, consumer);
        }
        while let Some(&(id, due)) = self.holes.front() {
            if due > now {
                break;
            }
            self.holes.pop_front();
            self.look_at_holes(id, now, consumer);
        }
    }

    /// Ends every connection. What comes after that belongs to other ones.
    pub fn finish<C: Consumer<State = T>>(&mut self, consumer: &mut C) {
        self.holes.clear();
        for flow in self.table.take_all() {
            flow.end(&mut self.budget, consumer);
        }
    }

    /// A SYN with another initial sequence number: the same addresses and ports, another connection.
    fn is_reuse(&self, id: FlowId, segment: &Segment<'_>) -> bool {
        let Some(flow) = self.table.get(id) else { return false };
        let stream = &flow.streams[segment.direction as usize];
        match stream.isn() {
            Some(isn) => isn != segment.seq,
            // Its own side was joined midway, and not right behind this. Else it answers, with ACK or, in a split
            // handshake, without.
            None => stream.next().is_some() && !stream.was_joined_behind(segment.seq),
        }
    }

    fn open<C: Consumer<State = T>>(&mut self, hash: u64, segment: &Segment<'_>, consumer: &mut C) -> FlowId {
        while let Some(id) = self.table.victim() {
            self.evicted += 1;
            self.end(id, consumer);
        }
        let flow = Flow {
            info: FlowInfo::new(segment.key, segment.interface, opener(segment)),
            streams: Default::default(),
            quality: Quality::default(),
            last_seen: segment.ts.max(self.now),
            is_watched: false,
            state: T::default(),
        };
        let phase = if segment.flags.has(Flags::SYN) { Phase::HalfOpen } else { Phase::Open };
        self.table.insert(hash, phase, flow)
    }

    /// Takes a segment of a known connection, which it may have opened.
    fn advance<C: Consumer<State = T>>(
        &mut self,
        id: FlowId,
        mut opens: bool,
        segment: &Segment<'_>,
        consumer: &mut C,
    ) -> Option<C::Verdict> {
        let phase = self.table.phase(id);
        let flow = self.table.get_mut(id)?;
        // Silence is measured by the clock of all packets: one from a clock set back is not old.
        flow.last_seen = segment.ts.max(self.now);
        let mut observation = flow.quality.see(segment);
        observation.signs.add_if(phase == Phase::HalfOpen, Signs::HANDSHAKE);
        let (direction, flags) = (segment.direction, segment.flags);
        if flags.has(Flags::SYN) && flow.stream(direction).isn().is_none() {
            if flow.info.opener.is_none() && flow.was_joined_behind(segment) {
                flow.info.opener = opener(segment);
                opens = true;
            }
            flow.streams[direction as usize].open(segment.seq);
        }
        observation.signs.add_if(opens, Signs::OPENED);
        let is_again = observation.signs.has(Signs::RETRANSMITTED);
        flow.info.retransmitted = flow.info.retransmitted.wrapping_add(u16::from(is_again));
        if segment.payload_wire_len > 0 && !flags.has(Flags::RST) {
            flow.push_payload(segment, &mut self.budget, consumer);
        }
        if flags.has(Flags::FIN) {
            let end = segment.seq.plus(segment.payload_wire_len + u32::from(flags.has(Flags::SYN)));
            flow.streams[direction as usize].finish(end);
        }
        if flow.has_hole() {
            flow.settle(direction, &mut self.budget, consumer);
        }
        for direction in [Direction::Up, Direction::Down] {
            flow.tell_finished(direction, segment.ts, consumer);
        }
        if flow.has_hole() && !std::mem::replace(&mut flow.is_watched, true) {
            self.holes.push_back((id, segment.ts.plus(ACKNOWLEDGED_PATIENCE)));
        }
        let may_change = phase != Phase::Open || flags.has(Flags::RST) || flow.is_finished();
        let next = if may_change { flow.next_phase(phase, segment, &mut observation.signs) } else { phase };
        let interface = if observation.signs.has(Signs::COUNTED) { segment.interface } else { flow.info.interface };
        let verdict = consumer.observed(&flow.info, &flow.state, &Observed { direction, interface, observation });
        flow.info.opening.note(direction, observation);
        if next != phase {
            self.table.enter(id, next);
        }
        Some(verdict)
    }

    /// Gives up holes whose time has come; looks again later at the others.
    fn look_at_holes<C: Consumer<State = T>>(&mut self, id: FlowId, now: Timestamp, consumer: &mut C) {
        let Some(flow) = self.table.get_mut(id) else { return };
        for direction in [Direction::Up, Direction::Down] {
            while let Some(front) = flow.stream(direction).front() {
                let is_acknowledged = flow.hole_is_acknowledged(direction);
                let patience = if is_acknowledged { ACKNOWLEDGED_PATIENCE } else { SILENT_PATIENCE };
                if front.ts.plus(patience) > now {
                    break;
                }
                flow.give_up(direction, &mut self.budget, consumer);
            }
        }
        for direction in [Direction::Up, Direction::Down] {
            flow.tell_finished(direction, now, consumer);
        }
        flow.is_watched = flow.has_hole();
        if flow.is_watched {
            self.holes.push_back((id, now.plus(ACKNOWLEDGED_PATIENCE)));
        }
    }

    fn end<C: Consumer<State = T>>(&mut self, id: FlowId, consumer: &mut C) {
        let Some(flow) = self.table.remove(id) else { return };
        let hash = self.table.hash(&flow.info.key);
        self.ended.remember(hash, &flow.end(&mut self.budget, consumer));
    }
}

/// Who opens a connection, by its SYN or by the SYN that answers.
fn opener(segment: &Segment<'_>) -> Option<Direction> {
    let opener = if segment.flags.has(Flags::ACK) { segment.direction.reverse() } else { segment.direction };
    segment.flags.has(Flags::SYN).then_some(opener)
}

impl<T> Entry for Flow<T> {
    fn key(&self) -> &FlowKey {
        &self.info.key
    }

    fn last_seen(&self) -> Timestamp {
        self.last_seen
    }
}

impl<T> Flow<T> {
    fn stream(&self, direction: Direction) -> &Stream {
        &self.streams[direction as usize]
    }

    /// Something from each part of it.
    fn glance(&self) -> (Timestamp, [bool; 2], Option<SeqNumber>, bool) {
        let finished = [Direction::Up, Direction::Down].map(|direction| self.stream(direction).is_finished());
        (self.last_seen, finished, self.quality.acknowledged(Direction::Up), self.is_watched)
    }

    fn is_finished(&self) -> bool {
        self.streams.iter().all(Stream::is_finished)
    }

    /// It was joined by the first bytes behind this SYN, or behind the one that this answers.
    fn was_joined_behind(&self, syn: &Segment<'_>) -> bool {
        let is_answer = syn.flags.has(Flags::ACK);
        self.stream(syn.direction).was_joined_behind(syn.seq)
            || is_answer && self.stream(syn.direction.reverse()).was_joined_behind(syn.ack.plus(u32::MAX))
    }

    fn has_hole(&self) -> bool {
        self.streams.iter().any(Stream::is_waiting)
    }

    /// The receiver of `direction` has got what is waited for here, be it of this direction or of the other one.
    fn hole_is_acknowledged(&self, direction: Direction) -> bool {
        let stream = self.stream(direction);
        let is_next = stream.front().map(|front| front.seq) == stream.next();
        is_next || self.quality.acknowledged(direction).zip(stream.next()).is_some_and(|(ack, next)| ack.is_after(next))
    }

    /// Hands over what has become due in either direction, after something was handed over in `direction`; gives up what
    /// too many segments have overtaken.
    #[cold]
    fn settle<C: Consumer<State = T>>(&mut self, direction: Direction, budget: &mut Budget, consumer: &mut C) {
        self.deliver_due(direction.reverse(), budget, consumer);
        while self.streams.iter().map(Stream::waiting).sum::<usize>() > ACKNOWLEDGED_SEGMENTS {
            let sides = [direction, direction.reverse()].into_iter();
            let overtaken = sides.filter(|&side| self.stream(side).is_waiting() && self.hole_is_acknowledged(side));
            let Some(oldest) = overtaken.min_by_key(|&side| self.stream(side).front().map(|front| front.ts)) else {
                return;
            };
            self.give_up(oldest, budget, consumer);
        }
    }

    /// Hands over what has become due, beginning with `direction`, until nothing is.
    fn deliver_due<C: Consumer<State = T>>(&mut self, mut direction: Direction, budget: &mut Budget, consumer: &mut C) {
        while self.stream(direction).is_due(self.stream(direction.reverse()).reached()) {
            let peer = self.stream(direction.reverse()).reached();
            let (stream, mut sink) = self.outlet(direction, consumer);
            stream.deliver_due(peer, budget, &mut sink);
            direction = direction.reverse();
        }
    }

    /// Gives up what the first segment held back in `direction` waits for. What was asked comes before what was answered:
    /// first the other direction goes on to where that segment acknowledges it.
    fn give_up<C: Consumer<State = T>>(&mut self, direction: Direction, budget: &mut Budget, consumer: &mut C) {
        let Some(Front { ack, ts, .. }) = self.stream(direction).front() else { return };
        let reverse = direction.reverse();
        while let Some(ack) = ack.filter(|_| !reassembly::is_due(ack, self.stream(reverse).reached())) {
            let next_held = self.stream(reverse).front().filter(|held| ack.is_after(held.seq));
            let (stream, mut sink) = self.outlet(reverse, consumer);
            match next_held {
                Some(_) => stream.give_up_hole(None, budget, &mut sink),
                None => stream.skip_to(ack, ts, budget, &mut sink),
            }
        }
        let peer = self.stream(reverse).reached();
        let (stream, mut sink) = self.outlet(direction, consumer);
        stream.give_up_hole(peer, budget, &mut sink);
        self.deliver_due(reverse, budget, consumer);
    }

    /// Where in its life the connection is after a segment. A reset ends nothing yet: data that overtook it, or was
    /// overtaken by it, was sent all the same.
    fn next_phase(&self, phase: Phase, segment: &Segment<'_>, signs: &mut Signs) -> Phase {
        if segment.flags.has(Flags::RST) {
            if !self.accepts_reset(segment) {
                return phase;
            }
            // RFC 9293 §3.5.2: a SYN to a port where nobody listens is answered with a reset.
            let is_refusal = phase == Phase::HalfOpen && self.info.opener != Some(segment.direction);
            signs.add_if(is_refusal, Signs::REFUSED);
            signs.add_if(phase != Phase::Closing && !is_refusal, Signs::RESET);
            return Phase::Closing;
        }
        if self.is_finished() {
            signs.add_if(phase != Phase::Closing, Signs::CLOSED);
            return Phase::Closing;
        }
        let is_answered = phase == Phase::HalfOpen && !segment.flags.has(Flags::SYN);
        if is_answered { Phase::Open } else { phase }
    }

    fn push_payload<C: Consumer<State = T>>(&mut self, segment: &Segment<'_>, budget: &mut Budget, consumer: &mut C) {
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

    /// It ended when it was last heard of, not when that was noticed. Returns where its streams were then.
    fn end<C: Consumer<State = T>>(mut self, budget: &mut Budget, consumer: &mut C) -> [Stream; 2] {
        self.flush(self.last_seen, budget, consumer);
        consumer.ended(&self.info, self.state);
        self.streams
    }

    /// Nothing more is waited for. What was asked comes before what was answered.
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

    fn tell_finished<C: Consumer<State = T>>(&mut self, direction: Direction, ts: Timestamp, consumer: &mut C) {
        if self.stream(direction).is_finished() && self.quality.first_finish(direction) {
            consumer.finished(&self.info, &mut self.state, direction, ts);
        }
    }

    /// RFC 9293 §3.10.7.4: a reset counts when it is in the window; a blind one rarely is.
    fn accepts_reset(&self, segment: &Segment<'_>) -> bool {
        /// The largest window without scaling, and then some for what is in flight.
        const NEAR: u32 = 1 << 18;
        let expected = self.stream(segment.direction).next();
        expected.is_none_or(|next| segment.seq.distance(next).unsigned_abs() < NEAR)
    }
}

//! Connections: finds the connection of each segment, puts both directions in order, observes how healthy it is, and
//! decides when it ends.
//!
//! Segments in, [`Consumer`] calls out. The table is bounded. A connection is made at its SYN or its first payload
//! byte, never for a stray acknowledgement. Two decisions take both directions and are made here: when a hole is given
//! up (its receiver has acknowledged it, so its sender will not send it again), and when a connection is over.

mod brief;
mod connection;
mod consumer;
mod ended;
mod lanes;
mod opening;
mod quality;
mod table;
mod watch;

pub use consumer::{Consumer, Cover, FlowInfo, Observed};
pub use opening::Opening;
pub use quality::{Observation, Signs};
pub use table::{FlowId, Limits};
pub use watch::{Stage, Told, Watched};

use std::collections::VecDeque;
use std::hint::black_box;

use crate::pipeline::decode::{Direction, Flags, FlowKey, Segment};
use crate::pipeline::packet::{SECOND, Timestamp};
use crate::pipeline::reassembly::Budget;
use crate::pipeline::steps;
use connection::Flow;
use ended::Ended;
use table::{Phase, Table};
use watch::Watch;

/// Nanoseconds for which missing bytes may still come after the receiver has acknowledged them: in packets captured
/// late, or stamped by a clock that is behind.
const ACKNOWLEDGED_PATIENCE: i64 = SECOND / 5;
/// Nanoseconds for which missing bytes that nobody acknowledged are waited for: longer than TCP retries. This is for
/// captures of one side only.
const SILENT_PATIENCE: i64 = 30 * SECOND;

/// Nanoseconds after which a connection that waits for its consumer is tried again.
const RETRY: i64 = SECOND;

/// Where in the table a connection is, or would be.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    hash: u64,
    id: Option<FlowId>,
}

/// All connections of a worker.
#[derive(Debug)]
pub struct Flows<T> {
    table: Table<Flow<T>>,
    budget: Budget,
    /// Connections with a hole, and when to look at each again.
    holes: VecDeque<(FlowId, Timestamp)>,
    /// Connections that wait for their consumer, each once, and when to try them again.
    stalled: VecDeque<(FlowId, Timestamp)>,
    evicted: u64,
    ended: Ended,
    /// Number of connections in other lanes than the first, see `lanes`.
    twins: usize,
    now: Timestamp,
    /// Set if a list of connections was asked for.
    watch: Option<Box<Watch>>,
    /// Number of connections that were in use when [`Self::finish`] ended them.
    left_open: usize,
}

/// Losses since the last call of [`Flows::take_losses`].
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
            stalled: VecDeque::new(),
            evicted: 0,
            ended: Ended::default(),
            twins: 0,
            now: Timestamp(i64::MIN),
            watch: None,
            left_open: 0,
        }
    }

    /// From now on remembers what a list shows of each connection; see [`Self::list`].
    pub fn watch(&mut self) {
        self.watch = Some(Box::default());
    }

    /// Number of connections being tracked.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Number of connections in use. The first call after [`Self::finish`] includes those that were in use when it
    /// ended them.
    pub fn take_open(&mut self) -> usize {
        std::mem::take(&mut self.left_open) + self.open()
    }

    fn open(&self) -> usize {
        [Phase::Open, Phase::Waiting].into_iter().map(|phase| self.table.count(phase)).sum()
    }

    /// True if no connection is tracked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops all connections without telling their consumer, and counts them as evicted.
    pub fn restart(&mut self) {
        let evicted = self.evicted + self.len() as u64;
        let fresh = Self::new(self.table.limits(), self.budget.restarted());
        let watch = self.watch.take().map(|_| Box::default());
        *self = Self { evicted, now: self.now, watch, ..fresh };
    }

    /// Takes the losses counted since the last call.
    pub fn take_losses(&mut self) -> Losses {
        Losses {
            gaps: std::mem::take(&mut self.budget.gaps),
            gap_bytes: std::mem::take(&mut self.budget.gap_bytes),
            flows_evicted: std::mem::take(&mut self.evicted),
        }
    }

    /// Finds the place of the connection with this key.
    #[inline]
    pub fn find(&self, key: &FlowKey) -> Place {
        let mut place = self.place(key);
        self.look_up(&mut place, key);
        place
    }

    /// Returns the place where the connection would be, without a look-up. [`Self::look_up`] and [`Self::fetch`] are
    /// the next steps for a caller that has many connections to find.
    #[inline]
    pub fn place(&self, key: &FlowKey) -> Place {
        Place { hash: self.table.hash(key), id: None }
    }

    /// Looks the connection up and notes it in `place`.
    #[inline]
    pub fn look_up(&self, place: &mut Place, key: &FlowKey) {
        place.id = self.table.find(place.hash, key);
    }

    /// Reads those parts of a connection that a segment will be compared with, so that they are in the processor's
    /// cache.
    #[inline]
    pub fn fetch(&self, place: &Place) {
        black_box(place.id.and_then(|id| self.table.get(id)).map(Flow::glance));
    }

    /// Takes a segment. Its `place` may have been looked up some segments before. Returns the connection of the segment
    /// and what the consumer reports about it, or `None` if the segment belongs to no connection that is tracked.
    #[inline]
    pub fn push<C: Consumer<State = T>>(
        &mut self,
        segment: &Segment<'_>,
        place: Place,
        consumer: &mut C,
    ) -> Option<(FlowId, C::Verdict)> {
        let is_syn = segment.flags.has(Flags::SYN) && !segment.flags.has(Flags::RST);
        let Place { hash, id } = place;
        let mut found = id.filter(|&id| self.table.touch(id));
        if found.is_none() {
            // The connection was not there yet, or has ended since.
            found = self.table.find(hash, &segment.key).filter(|&id| self.table.touch(id));
        }
        if self.twins > 0 {
            found = self.choose(segment, found);
        }
        if is_syn
            && let Some(id) = found
            && self.table.get(id).is_some_and(|flow| !flow.takes_syn(segment))
        {
            found = self.meet_syn(id, segment, consumer);
        }
        if found.is_none() && (is_syn || segment.payload_wire_len > 0) && !self.ended.has(hash, segment) {
            let phase = if is_syn { Phase::HalfOpen } else { Phase::Open };
            let id = self.begin(hash, segment, phase, consumer);
            return self.advance(id, is_syn, segment, consumer);
        }
        self.advance(found?, false, segment, consumer)
    }

    /// Lets time pass: ends connections that are over, and gives up holes that are old enough.
    pub fn tick<C: Consumer<State = T>>(&mut self, now: Timestamp, consumer: &mut C) {
        self.now = now;
        self.ended.tick(now);
        while let Some(id) = self.table.next_expired(now) {
            steps::add(1);
            let is_open = self.table.phase(id) == Phase::Open;
            let is_waiting = |flow: &Flow<T>| consumer.is_waiting(&flow.state);
            if is_open && self.table.get(id).is_some_and(|flow| self.table.limits().may_go_on(is_waiting(flow))) {
                self.table.enter(id, Phase::Waiting);
            } else {
                self.end(id, consumer);
            }
        }
        while let Some(&(id, due)) = self.holes.front() {
            if due > now {
                break;
            }
            self.holes.pop_front();
            self.look_at_holes(id, now, consumer);
        }
        while let Some(&(id, due)) = self.stalled.front() {
            if due > now {
                break;
            }
            self.stalled.pop_front();
            self.retry(id, now, consumer);
        }
    }

    /// Lists the connections that had segments in this interval, and of the silent ones those that were active last.
    /// Each is listed once, and their number is bounded. Then the next interval begins.
    pub fn list<C: Consumer<State = T>>(&mut self, now: Timestamp, consumer: &mut C) {
        let Some(mut watch) = self.watch.take() else { return };
        let heard = watch.take_heard();
        let silent =
            [Phase::Open, Phase::Waiting].into_iter().flat_map(|phase| self.table.newest(phase).take(watch::SILENT));
        let silent = silent.filter(|id| !watch.has_heard(id.slot()));
        for id in heard.iter().filter_map(|&slot| self.table.at(slot)).chain(silent) {
            steps::add(1);
            if let Some(flow) = self.table.get(id)
                && let Some(stage) = stage(self.table.phase(id))
            {
                let watched = watch.watched(id.slot(), stage, flow.last_seen, now);
                consumer.listed(&flow.info, &flow.state, &watched);
            }
        }
        watch.turn(heard);
        self.watch = Some(watch);
    }

    /// Ends every connection. Later segments begin new ones.
    pub fn finish<C: Consumer<State = T>>(&mut self, consumer: &mut C) {
        self.list(self.now, consumer);
        self.left_open += self.open();
        if let Some(watch) = &mut self.watch {
            watch.clear();
        }
        self.holes.clear();
        self.stalled.clear();
        self.twins = 0;
        for (id, flow) in self.table.take_all() {
            flow.end(&mut self.budget, consumer);
            consumer.settled(id, true);
        }
        consumer.told();
    }

    /// Adds a connection, or a candidate for one, to the table.
    fn begin<C: Consumer<State = T>>(
        &mut self,
        hash: u64,
        segment: &Segment<'_>,
        phase: Phase,
        consumer: &mut C,
    ) -> FlowId {
        while let Some(id) = self.table.victim() {
            steps::add(1);
            self.evicted += 1;
            self.end(id, consumer);
        }
        let (hash, key) = self.free_lane(hash, &segment.key, phase == Phase::Candidate, consumer);
        let info = FlowInfo::new(key, segment.interface, opener(segment));
        if phase != Phase::Candidate {
            consumer.began(&info);
        }
        let flow = Flow::new(info, segment, segment.ts.max(self.now));
        let id = self.table.insert(hash, phase, flow);
        if let Some(watch) = &mut self.watch {
            watch.open(id.slot(), segment.ts);
        }
        id
    }

    /// Takes a segment of a connection in the table. `opens` is true if the segment is the SYN for which it was added.
    fn advance<C: Consumer<State = T>>(
        &mut self,
        id: FlowId,
        mut opens: bool,
        segment: &Segment<'_>,
        consumer: &mut C,
    ) -> Option<(FlowId, C::Verdict)> {
        if self.twins > 0 && self.is_confirmed(id, segment) {
            self.confirm(id, consumer);
            opens = true;
        }
        if self.twins > 0 {
            self.correct_start(id, segment);
        }
        let phase = self.table.phase(id);
        let flow = self.table.get_mut(id)?;
        // Silence is measured by the clock of all packets, so a packet whose clock was set back does not make its
        // connection look old.
        flow.last_seen = segment.ts.max(self.now);
        let mut observation = flow.quality.see(segment);
        // If a copy of this segment was read before, the connection is no longer half-open.
        let answers_syn = observation.rtt.is_some() && flow.answers_syn(segment);
        observation.signs.add_if(phase == Phase::HalfOpen || answers_syn, Signs::HANDSHAKE);
        let (direction, flags) = (segment.direction, segment.flags);
        if flags.has(Flags::SYN) && flow.stream(direction).isn().is_none() {
            if flow.info.opener.is_none() && flow.was_joined_behind(segment) {
                flow.info.opener = opener(segment);
                opens = true;
            }
            flow.streams[direction as usize].open(segment.seq);
        }
        observation.signs.add_if(opens, Signs::OPENED);
        // Of two packets with the same bytes the later one is the copy, even if it is on the link where health is
        // judged.
        if !observation.signs.has(Signs::COUNTED) || observation.signs.has(Signs::ONWARD) {
            observation.signs.add_if(flow.has_seen(segment), Signs::COPY);
        }
        let is_again = observation.signs.has(Signs::RETRANSMITTED);
        flow.info.retransmitted = flow.info.retransmitted.wrapping_add(u16::from(is_again));
        let held = flow.held();
        if segment.payload_wire_len > 0 && !flags.has(Flags::RST) && phase != Phase::Candidate {
            flow.push_payload(segment, &mut self.budget, consumer);
        }
        if flags.has(Flags::FIN) {
            let end = segment.seq.plus(segment.payload_wire_len + u32::from(flags.has(Flags::SYN)));
            flow.streams[direction as usize].finish(end);
        }
        if held > 0 || flow.has_hole() {
            flow.settle(direction, held, &mut self.budget, consumer);
        }
        for direction in [Direction::Up, Direction::Down] {
            flow.tell_finished(direction, segment.ts, consumer);
        }
        if consumer.take_stalled() {
            self.stalled.push_back((id, segment.ts.plus(RETRY)));
        }
        if flow.has_hole() && !std::mem::replace(&mut flow.is_watched, true) {
            self.holes.push_back((id, segment.ts.plus(ACKNOWLEDGED_PATIENCE)));
        }
        let may_change = phase != Phase::Open || flags.has(Flags::RST) || flow.is_finished();
        let next = if may_change { flow.next_phase(phase, segment, &mut observation.signs) } else { phase };
        let interface = if observation.signs.has(Signs::COUNTED) { segment.interface } else { flow.info.interface };
        let is_new = observation.signs.has(Signs::COUNTED) && !is_again && !observation.signs.has(Signs::COPY);
        let bytes = if is_new { segment.payload_wire_len } else { 0 };
        let observed = Observed { direction, interface, observation, bytes };
        let verdict = consumer.observed(&flow.info, &flow.state, &observed);
        flow.info.opening.note(direction, observation);
        if let Some(watch) = &mut self.watch {
            watch.see(id.slot(), segment, observation, consumer.told());
        }
        if next != phase {
            self.table.enter(id, next);
        }
        Some((id, verdict))
    }

    /// Lets the consumer try again what it waits for.
    fn retry<C: Consumer<State = T>>(&mut self, id: FlowId, now: Timestamp, consumer: &mut C) {
        steps::add(1);
        let Some(flow) = self.table.get_mut(id) else { return };
        if consumer.retry(&flow.info, &mut flow.state, now) {
            self.stalled.push_back((id, now.plus(RETRY)));
        }
        if let Some(watch) = &mut self.watch {
            watch.learn(id.slot(), consumer.told());
        }
        consumer.settled(id, false);
    }

    /// Gives up the holes of a connection whose time has come, and looks at the others again later.
    fn look_at_holes<C: Consumer<State = T>>(&mut self, id: FlowId, now: Timestamp, consumer: &mut C) {
        steps::add(1);
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
        if consumer.take_stalled() {
            self.stalled.push_back((id, now.plus(RETRY)));
        }
        if let Some(watch) = &mut self.watch {
            watch.learn(id.slot(), consumer.told());
        }
        consumer.settled(id, false);
        flow.is_watched = flow.has_hole();
        if flow.is_watched {
            self.holes.push_back((id, now.plus(ACKNOWLEDGED_PATIENCE)));
        }
    }

    fn end<C: Consumer<State = T>>(&mut self, id: FlowId, consumer: &mut C) {
        let phase = self.table.phase(id);
        let Some(flow) = self.table.remove(id) else { return };
        self.twins -= usize::from(flow.info.key.lane > 0);
        let key = FlowKey { lane: 0, ..flow.info.key };
        // Half-open connections are not listed when they leave the table: a flood of SYNs pushes out too many.
        if let Some(watch) = &self.watch
            && let Some(stage) = stage(phase).filter(|&stage| stage != Stage::Opening)
            && let Some(watched) = watch.parting(id.slot(), stage, flow.last_seen)
        {
            consumer.listed(&flow.info, &flow.state, &watched);
        }
        let streams = flow.end(&mut self.budget, consumer);
        consumer.settled(id, true);
        if self.watch.is_some() {
            // Drops what the consumer learnt while the connection ended, so that it is not taken for news of the next
            // one.
            consumer.told();
        }
        if phase != Phase::Candidate {
            self.ended.remember(self.table.hash(&key), &streams, self.now);
        }
    }
}

/// The stage that a list shows for a phase; `None` for a candidate, which is no connection yet.
fn stage(phase: Phase) -> Option<Stage> {
    match phase {
        Phase::Candidate => None,
        Phase::HalfOpen => Some(Stage::Opening),
        Phase::Open | Phase::Waiting => Some(Stage::Open),
        Phase::Closing => Some(Stage::Closed),
    }
}

/// Direction of the side that opens the connection, told by its SYN or by the SYN that answers; `None` for other
/// segments.
fn opener(segment: &Segment<'_>) -> Option<Direction> {
    let opener = if segment.flags.has(Flags::ACK) { segment.direction.reverse() } else { segment.direction };
    segment.flags.has(Flags::SYN).then_some(opener)
}

#[cfg(test)]
mod steps_tests;

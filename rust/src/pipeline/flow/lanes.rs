//! Connections with the same addresses and ports at the same time, and SYNs in the middle of a connection.
//!
//! Each such connection has a lane of its own. A segment belongs to the connection that its sequence and
//! acknowledgement numbers fit. There are two reasons for more than one lane. Different networks may use the same
//! addresses; their tags tell them apart. On one network a SYN may be stray, or forged: RFC 5961 §4 lets the receiver
//! decide. So such a SYN begins a candidate, which replaces the connection only if the other side acknowledges it.

use smallvec::SmallVec;

use super::Flows;
use super::connection::Flow;
use super::consumer::Consumer;
use super::quality::Tag;
use super::table::{FlowId, Phase};
use crate::pipeline::decode::{Flags, FlowKey, Segment, SeqNumber};
use crate::pipeline::packet::SECOND;
use crate::pipeline::steps;

/// Maximum number of lanes of one pair of addresses and ports: more than anybody uses by accident.
const LANES: u8 = 8;

/// A SYN that was not answered for this many nanoseconds gives way to one with another sequence number: a sender waits
/// as long before it tries again (RFC 6298 §2). A second SYN that comes sooner may be forged.
const RETRY: u64 = SECOND as u64;

impl<T: Default> Flows<T> {
    /// Finds the connection that a segment belongs to, if there may be several. `first` is that of the first lane.
    #[cold]
    pub(super) fn choose(&mut self, segment: &Segment<'_>, first: Option<FlowId>) -> Option<FlowId> {
        let is_syn = segment.flags.has(Flags::SYN);
        let is_next = |id: &FlowId| {
            let fits = |flow: &Flow<T>| flow.tag == Tag::of(segment) && flow.distance(segment) == Some(0);
            self.is_answered(*id) && self.table.get(*id).is_some_and(fits)
        };
        if let Some(first) = first.filter(is_next) {
            // This is so for nearly every segment, even while a few connections have twins in other lanes.
            return Some(first);
        }
        let there = self.lanes(&segment.key);
        let fits = |&(_, id): &(u8, FlowId)| {
            let flow = self.table.get(id)?;
            let distance = flow.distance(segment);
            let fits = if is_syn { flow.takes_syn(segment).then(|| distance.unwrap_or(u32::MAX)) } else { distance };
            // A segment that acknowledges bytes of an answered connection belongs to that one rather than to a forged
            // one.
            let is_its_own = self.is_answered(id) && flow.acknowledges_nothing_new(segment);
            fits.map(|distance| (flow.tag != Tag::of(segment), !is_its_own, distance))
        };
        let best = there.iter().filter_map(|lane| Some((fits(lane)?, lane.1))).min_by_key(|&(rank, _)| rank);
        let mut others = there.iter().map(|&(_, id)| id);
        let answered = || others.clone().find(|&id| self.is_answered(id));
        let chosen = best.map(|(_, id)| id).or_else(answered).or(first).or_else(|| others.next());
        chosen.filter(|&id| self.table.touch(id))
    }

    /// True if the connection is past its handshake, or both sides have sent something. A candidate is never answered.
    fn is_answered(&self, id: FlowId) -> bool {
        let phase = self.table.phase(id);
        let has_begun = |flow: &Flow<T>| flow.streams.iter().all(|stream| stream.next().is_some());
        phase != Phase::Candidate && (phase != Phase::HalfOpen || self.table.get(id).is_some_and(has_begun))
    }

    /// Finds all connections of a pair of addresses and ports, with their lanes.
    fn lanes(&self, key: &FlowKey) -> SmallVec<[(u8, FlowId); LANES as usize]> {
        let find = |lane| {
            steps::add(1);
            let key = FlowKey { lane, ..*key };
            Some((lane, self.table.find(self.table.hash(&key), &key)?))
        };
        (0..LANES).filter_map(find).collect()
    }

    /// Takes a SYN that does not belong to the connection with its addresses and ports. Returns the candidate that it
    /// begins. Returns `None` if it begins a new connection, because the other one is over or was never answered.
    #[cold]
    pub(super) fn meet_syn<C: Consumer<State = T>>(
        &mut self,
        id: FlowId,
        syn: &Segment<'_>,
        consumer: &mut C,
    ) -> Option<FlowId> {
        let flow = self.table.get(id)?;
        let is_old = syn.ts.since(flow.last_seen) >= RETRY;
        let is_over = flow.tag == Tag::of(syn)
            && match self.table.phase(id) {
                Phase::Closing => true,
                Phase::HalfOpen => is_old && !self.is_answered(id),
                Phase::Candidate | Phase::Open | Phase::Waiting => false,
            };
        if is_over {
            self.end(id, consumer);
            return None;
        }
        Some(self.begin(0, syn, Phase::Candidate, consumer))
    }

    /// Returns the first free lane, as a key and its hash. `hash` is that of the first lane, which is free if there are
    /// no twins and no candidate is to begin. If no lane is free, a connection is ended, preferably a candidate.
    pub(super) fn free_lane<C: Consumer<State = T>>(
        &mut self,
        hash: u64,
        key: &FlowKey,
        is_candidate: bool,
        consumer: &mut C,
    ) -> (u64, FlowKey) {
        if self.twins == 0 && !is_candidate {
            return (hash, *key);
        }
        let there = self.lanes(key);
        let is_free = |lane: &u8| there.iter().all(|(taken, _)| taken != lane);
        let lane = (0..LANES).find(is_free).unwrap_or_else(|| {
            let is_candidate = |&&(_, id): &&(u8, FlowId)| self.table.phase(id) == Phase::Candidate;
            let given_up = there.iter().rev().find(is_candidate).or_else(|| there.last());
            given_up.map_or(0, |&(lane, id)| {
                self.end(id, consumer);
                lane
            })
        });
        self.twins += usize::from(lane > 0);
        let key = FlowKey { lane, ..*key };
        (self.table.hash(&key), key)
    }

    /// True if a segment makes a candidate a connection: it acknowledges the candidate's SYN, or it brings data where
    /// only one side is seen.
    #[cold]
    pub(super) fn is_confirmed(&self, id: FlowId, segment: &Segment<'_>) -> bool {
        let is_candidate = self.table.phase(id) == Phase::Candidate;
        let Some(flow) = self.table.get(id).filter(|_| is_candidate) else { return false };
        let is_silent =
            |id| self.table.get(id).is_none_or(|flow| flow.stream(segment.direction.reverse()).next().is_none());
        let brings_data = segment.payload_wire_len > 0 && !segment.flags.has(Flags::RST);
        flow.is_acknowledged_by(segment)
            || brings_data && self.lanes(&segment.key).into_iter().all(|(_, id)| is_silent(id))
    }

    /// Corrects the start of a stream that began at a forged SYN. Of many forged SYNs one may be nearly right, and the
    /// sender's own SYN may have found no free lane. Data that begins before the SYN tells that it was forged, if
    /// nobody acknowledged it. A single byte there may be a keep-alive probe.
    #[cold]
    pub(super) fn correct_start(&mut self, id: FlowId, segment: &Segment<'_>) {
        let Some(flow) = self.table.get_mut(id) else { return };
        let is_acknowledged =
            |isn| flow.quality.acknowledged(segment.direction).is_some_and(|ack: SeqNumber| ack.is_after(isn));
        let start = flow.stream(segment.direction).isn().filter(|&isn| !is_acknowledged(isn)).map(|isn| isn.plus(1));
        if segment.payload_wire_len > 1 && start.is_some_and(|start| start.is_after(segment.seq)) {
            flow.streams[segment.direction as usize].restart(segment.seq);
        }
    }

    /// Makes a candidate a connection, and ends the other ones on the same network.
    #[cold]
    pub(super) fn confirm<C: Consumer<State = T>>(&mut self, id: FlowId, consumer: &mut C) {
        let Some(flow) = self.table.get(id) else { return };
        let (key, tag) = (flow.info.key, flow.tag);
        self.table.enter(id, Phase::HalfOpen);
        for (_, other) in self.lanes(&key) {
            if other != id && self.table.get(other).is_some_and(|flow| flow.tag == tag) {
                self.end(other, consumer);
            }
        }
        if let Some(flow) = self.table.get(id) {
            consumer.began(&flow.info);
        }
    }
}

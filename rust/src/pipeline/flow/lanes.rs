//! Connections of the same addresses and ports that are open at once, and what a SYN in the middle of one means.
//!
//! Each stands in a lane of its own, and a segment belongs to the one that its numbers fit. There are two reasons for
//! more than one. On different networks the same addresses may be used twice; their tags tell. On one network a SYN may
//! be stray, or forged: RFC 5961 §4 lets the receiver decide, so it begins a candidate, which takes the place of the
//! connection only when the other side acknowledges it.

use smallvec::SmallVec;

use super::Flows;
use super::connection::Flow;
use super::consumer::Consumer;
use super::quality::Tag;
use super::table::{FlowId, Phase};
use crate::pipeline::decode::{Flags, FlowKey, Segment, SeqNumber};
use crate::pipeline::packet::SECOND;
use crate::pipeline::steps;

/// Lanes of one pair of addresses and ports: more than anybody uses by accident.
const LANES: u8 = 8;

/// A SYN that was not answered for this long will not be: a sender that begins anew with another number waits as long
/// (RFC 6298 §2). Before, the new one may be forged.
const RETRY: u64 = SECOND as u64;

impl<T: Default> Flows<T> {
    /// The connection that a segment belongs to, where there may be several; `first` is that of the first lane.
    #[cold]
    pub(super) fn choose(&mut self, segment: &Segment<'_>, first: Option<FlowId>) -> Option<FlowId> {
        let is_syn = segment.flags.has(Flags::SYN);
        let is_next = |id: &FlowId| {
            let fits = |flow: &Flow<T>| flow.tag == Tag::of(segment) && flow.distance(segment) == Some(0);
            self.is_answered(*id) && self.table.get(*id).is_some_and(fits)
        };
        if let Some(first) = first.filter(is_next) {
            // Nearly every one, also while a few have twins.
            return Some(first);
        }
        let there = self.lanes(&segment.key);
        let fits = |&(_, id): &(u8, FlowId)| {
            let flow = self.table.get(id)?;
            let distance = flow.distance(segment);
            let fits = if is_syn { flow.takes_syn(segment).then(|| distance.unwrap_or(u32::MAX)) } else { distance };
            // What acknowledges something of a connection that was answered does not belong to one that somebody made up.
            let is_its_own = self.is_answered(id) && flow.acknowledges_nothing_new(segment);
            fits.map(|distance| (flow.tag != Tag::of(segment), !is_its_own, distance))
        };
        let best = there.iter().filter_map(|lane| Some((fits(lane)?, lane.1))).min_by_key(|&(rank, _)| rank);
        let mut others = there.iter().map(|&(_, id)| id);
        let answered = || others.clone().find(|&id| self.is_answered(id));
        let chosen = best.map(|(_, id)| id).or_else(answered).or(first).or_else(|| others.next());
        chosen.filter(|&id| self.table.touch(id))
    }

    /// Both sides have said something.
    fn is_answered(&self, id: FlowId) -> bool {
        let phase = self.table.phase(id);
        let has_begun = |flow: &Flow<T>| flow.streams.iter().all(|stream| stream.next().is_some());
        phase != Phase::Candidate && (phase != Phase::HalfOpen || self.table.get(id).is_some_and(has_begun))
    }

    /// The connections of a pair of addresses and ports, with their lanes.
    fn lanes(&self, key: &FlowKey) -> SmallVec<[(u8, FlowId); LANES as usize]> {
        let find = |lane| {
            steps::add(1);
            let key = FlowKey { lane, ..*key };
            Some((lane, self.table.find(self.table.hash(&key), &key)?))
        };
        (0..LANES).filter_map(find).collect()
    }

    /// A SYN that does not belong to the connection of its addresses and ports. Gives the candidate that it begins; `None`
    /// when it begins a connection, since the other one is over or was never answered.
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

    /// The first lane that is free, as a key and its hash; `hash` is that of the first lane, which is free for all but a
    /// candidate where there are no twins. When none is free, one is given up, a candidate if there is one.
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

    /// A segment makes a candidate a connection: it acknowledges its SYN, or it brings data where only one side is seen.
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

    /// Of many forged SYNs one may be nearly right, and stand where the sender's own had no lane left. Data that begin before
    /// it tell, since nobody acknowledged it. A byte there may be a probe that keeps the connection alive.
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

    /// A candidate has become a connection, which ends the one before on the same network.
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
    }
}

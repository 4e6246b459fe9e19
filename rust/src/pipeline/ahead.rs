//! Connections looked up some packets ahead. Where there are many of them most of the time goes into fetching them from
//! memory, and while one is waited for, others can be fetched as well. Changes nothing but the time it takes.

use smallvec::SmallVec;

use super::Pipeline;
use super::decode::Segment;
use super::flow::Place;
use super::intake::{Arrival, Content, Intake};
use super::packet::Packet;

/// Segments whose connections are looked up before the first of them is taken: as many fetches as a processor has under
/// way at a time, and then some.
const AHEAD: usize = 16;

/// Connections that no cache holds; with fewer of them looking ahead costs more than it saves.
const MANY: usize = 100_000;

/// A segment whose connection was looked up.
#[derive(Debug)]
struct Ahead<'a> {
    segment: Segment<'a>,
    place: Place,
    /// Of its packet.
    wire_len: u32,
    is_truncated: bool,
}

type Aheads<'a> = SmallVec<[Ahead<'a>; AHEAD]>;

impl Pipeline {
    /// True if there are so many connections that looking ahead pays.
    pub fn has_many(&self) -> bool {
        self.stages.flows.len() >= MANY
    }

    /// Reads packets and takes all of them, as [`Self::push_if`] does with one.
    pub fn push_all<'a>(&mut self, packets: impl IntoIterator<Item = Packet<'a>>) {
        if self.has_many() {
            self.look_ahead(packets);
        } else {
            packets.into_iter().for_each(|packet| self.push_if(&packet, |_| true));
        }
    }

    /// Takes packets that another [`Intake`] has read.
    pub fn push_read<'a>(&mut self, arrivals: impl IntoIterator<Item = Arrival<'a>>) {
        if !self.has_many() {
            return arrivals.into_iter().for_each(|arrival| self.stages.take(&arrival));
        }
        let mut ahead = Aheads::new();
        for arrival in arrivals {
            if let Content::Segment(segment) = arrival.content {
                self.note(&mut ahead, segment, arrival.wire_len, arrival.is_truncated);
            } else {
                self.catch_up(&mut ahead);
                self.stages.take(&arrival);
            }
        }
        self.catch_up(&mut ahead);
    }

    pub(super) fn look_ahead<'a>(&mut self, packets: impl IntoIterator<Item = Packet<'a>>) {
        let mut ahead = Aheads::new();
        for packet in packets {
            if let Some(segment) = Intake::plain(&packet).filter(|_| self.intake.is_simple()) {
                self.note(&mut ahead, segment, packet.wire_len, packet.is_truncated());
            } else {
                self.catch_up(&mut ahead);
                self.push_if(&packet, |_| true);
            }
        }
        self.catch_up(&mut ahead);
    }

    fn note<'a>(&mut self, ahead: &mut Aheads<'a>, segment: Segment<'a>, wire_len: u32, is_truncated: bool) {
        let place = self.stages.flows.place(&segment.key);
        ahead.push(Ahead { segment, place, wire_len, is_truncated });
        if ahead.len() == AHEAD {
            self.catch_up(ahead);
        }
    }

    /// Takes what was looked up ahead.
    fn catch_up(&mut self, ahead: &mut Aheads<'_>) {
        let flows = &self.stages.flows;
        // In short loops, one behind the other: the processor looks ahead itself, but not far.
        ahead.iter_mut().for_each(|Ahead { place, segment, .. }| flows.look_up(place, &segment.key));
        ahead.iter().for_each(|Ahead { place, .. }| flows.fetch(place));
        for &Ahead { ref segment, place, wire_len, is_truncated } in ahead.iter() {
            self.stages.take_segment(segment, place, wire_len, is_truncated);
        }
        ahead.clear();
    }
}

//! Looks up the connections of several packets before the first of these is taken. With many connections, most of the
//! time is spent fetching them from memory, and while one is being fetched, others can be fetched as well. This only
//! saves time; results are the same.

use smallvec::SmallVec;

use super::Pipeline;
use super::decode::Segment;
use super::flow::Place;
use super::intake::{Arrival, Content, Intake};
use super::packet::Packet;

/// Segments whose connections are looked up before the first of them is taken: a little more than the number of memory
/// fetches that a processor can have in progress.
const AHEAD: usize = 16;

/// From this many connections on, looking ahead pays: they no longer fit in the processor's caches. With fewer, it
/// costs more than it saves.
const MANY: usize = 100_000;

/// A segment whose connection was looked up.
#[derive(Debug)]
struct Ahead<'a> {
    segment: Segment<'a>,
    place: Place,
    /// Length on the wire of its packet.
    wire_len: u32,
    is_truncated: bool,
}

type Aheads<'a> = SmallVec<[Ahead<'a>; AHEAD]>;

impl Pipeline {
    /// True if there are so many connections that looking ahead pays. Where packets are recorded, that costs more.
    pub fn has_many(&self) -> bool {
        self.stages.flows.len() >= MANY && !self.records()
    }

    /// Reads packets and counts all of them, as [`Self::push_if`] does with one.
    pub fn push_all<'a>(&mut self, packets: impl IntoIterator<Item = Packet<'a>>) {
        if self.has_many() {
            self.look_ahead(packets);
        } else {
            packets.into_iter().for_each(|packet| self.push_if(&packet, |_| true));
        }
    }

    /// Counts packets that were already read by an [`Intake`].
    pub fn push_read<'a>(&mut self, arrivals: impl IntoIterator<Item = Arrival<'a>>) {
        if !self.has_many() {
            return arrivals.into_iter().for_each(|arrival| _ = self.stages.take(&arrival));
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

    /// Counts what was already read by an [`Intake`], and records the frames that make it up.
    pub fn push_whole(&mut self, arrival: &Arrival<'_>, frames: &[Packet<'_>]) {
        self.stages.take_with(arrival, frames);
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

    /// Passes on the segments whose connections were looked up ahead.
    fn catch_up(&mut self, ahead: &mut Aheads<'_>) {
        let flows = &self.stages.flows;
        // Each step has a short loop of its own, so that the processor, which looks only a little ahead, overlaps the
        // fetches.
        ahead.iter_mut().for_each(|Ahead { place, segment, .. }| flows.look_up(place, &segment.key));
        ahead.iter().for_each(|Ahead { place, .. }| flows.fetch(place));
        for &Ahead { ref segment, place, wire_len, is_truncated } in ahead.iter() {
            self.stages.take_segment(segment, place, wire_len, is_truncated);
        }
        ahead.clear();
    }
}

//! What one thread has for another: packets already read, and what else is to happen between them, in one order.
//!
//! Everything lies in two buffers, which are handed back to be filled again: nothing is allocated per packet.

use crate::pipeline::Pipeline;
use crate::pipeline::decode::Segment;
use crate::pipeline::intake::{Arrival, Content};
use crate::pipeline::packet::{InterfaceId, Timestamp};
use crate::pipeline::snapshot::InterfaceState;

/// Events in a full batch: enough to make a hand-over cheap, few enough to stay in a cache.
const MAX_EVENTS: usize = 512;
/// Payload bytes in a full batch, for the same reason.
const MAX_BYTES: usize = 128 * 1024;

/// What happens to a worker.
#[derive(Debug)]
pub enum Event {
    /// Time passes.
    Tick(Timestamp),
    /// An interface is called, and is, so.
    Interface(InterfaceId, String, InterfaceState),
    /// So many packets make no datagram.
    Undecodable(u64),
    /// The source is over.
    Finish,
    /// The interval is over.
    Close(Timestamp, Timestamp),
}

#[derive(Debug)]
enum Entry {
    /// A packet without its payload, which is so long.
    Packet(Arrival<'static>, usize),
    Event(Event),
}

/// Packets and events.
#[derive(Debug, Default)]
pub struct Batch {
    entries: Vec<Entry>,
    payloads: Vec<u8>,
}

impl Batch {
    /// Nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// It is worth handing over.
    pub fn is_full(&self) -> bool {
        self.entries.len() >= MAX_EVENTS || self.payloads.len() >= MAX_BYTES
    }

    /// Packets in it.
    pub fn packets(&self) -> u64 {
        self.entries.iter().filter(|entry| matches!(entry, Entry::Packet(..))).count() as u64
    }

    /// Puts in a packet.
    pub fn push(&mut self, arrival: &Arrival<'_>) {
        let (content, payload) = detach(&arrival.content);
        self.payloads.extend_from_slice(payload);
        let Arrival { ts, interface, wire_len, is_truncated, .. } = *arrival;
        self.entries.push(Entry::Packet(Arrival { ts, interface, wire_len, is_truncated, content }, payload.len()));
    }

    /// Puts in something else.
    pub fn note(&mut self, event: Event) {
        self.entries.push(Entry::Event(event));
    }

    /// Empties it into a pipeline, telling of the end of intervals.
    pub fn play(&mut self, pipeline: &mut Pipeline, mut close: impl FnMut(&mut Pipeline, Timestamp, Timestamp)) {
        let mut payloads = &self.payloads[..];
        for entry in self.entries.drain(..) {
            match entry {
                Entry::Packet(arrival, len) => {
                    let (payload, rest) = payloads.split_at(len);
                    payloads = rest;
                    pipeline.take(&attach(arrival, payload));
                }
                Entry::Event(Event::Tick(now)) => pipeline.tick(now),
                Entry::Event(Event::Interface(id, name, state)) => pipeline.set_interface(id, &name, state),
                Entry::Event(Event::Undecodable(packets)) => pipeline.add_undecodable(packets),
                Entry::Event(Event::Finish) => pipeline.finish(),
                Entry::Event(Event::Close(start, end)) => close(pipeline, start, end),
            }
        }
        self.payloads.clear();
    }
}

/// A packet's content without its payload, and the payload.
fn detach<'a>(content: &Content<'a>) -> (Content<'static>, &'a [u8]) {
    let segment = match *content {
        Content::Segment(segment) => segment,
        Content::Fragment => return (Content::Fragment, &[]),
        Content::Tunnel => return (Content::Tunnel, &[]),
        Content::Foreign => return (Content::Foreign, &[]),
        Content::Broken => return (Content::Broken, &[]),
    };
    let Segment { key, direction, seq, ack, flags, window, ip_id, payload, payload_wire_len, ts, interface } = segment;
    let bare =
        Segment { key, direction, seq, ack, flags, window, ip_id, payload: &[], payload_wire_len, ts, interface };
    (Content::Segment(bare), payload)
}

fn attach<'a>(mut arrival: Arrival<'a>, payload: &'a [u8]) -> Arrival<'a> {
    if let Content::Segment(segment) = &mut arrival.content {
        segment.payload = payload;
    }
    arrival
}

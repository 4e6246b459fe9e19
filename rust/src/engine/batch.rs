//! What one thread has for another: packets already read, and what else is to happen between them, in one order.
//!
//! Packets of a file stay in their blocks, which all batches share that refer to them; what is in no block is copied. The
//! buffers of a batch are handed back to be filled again: nothing is allocated per packet.

use std::mem::discriminant;
use std::panic::resume_unwind;
use std::sync::Arc;

use super::sturdy::Sturdy;
use crate::capture::fanout;
use crate::capture::file::{Lease, Missing};
use crate::pipeline::Pipeline;
use crate::pipeline::decode::{Folded, Segment};
use crate::pipeline::intake::{Arrival, Content};
use crate::pipeline::packet::{InterfaceId, LinkType, Packet, Timestamp};
use crate::pipeline::snapshot::InterfaceState;

/// Events in a full batch: enough to make a hand-over cheap, few enough to stay in a cache.
const MAX_EVENTS: usize = 512;
/// Payload bytes in a full batch, for the same reason.
const MAX_BYTES: usize = 128 * 1024;

/// Which of `count` workers has a connection, by what both its directions have in common.
pub fn worker_of(Folded { addresses, ports }: Folded, count: usize) -> usize {
    fanout::share(addresses, ports, count)
}

/// What happens to a worker.
#[derive(Debug)]
pub enum BatchEvent {
    /// Time passes.
    Tick(Timestamp),
    /// An interface is called, and is, so.
    Interface(InterfaceId, String, InterfaceState),
    /// So many datagrams lack a fragment.
    Incomplete(u64),
    /// Packets are not handed over.
    Missing(Missing),
    /// The source is over.
    Finish,
    /// The interval is over.
    Close(Timestamp, Timestamp),
}

impl BatchEvent {
    /// It happens to a pipeline; `close` is told of the end of an interval.
    pub fn happen(self, pipeline: &mut Pipeline, close: impl FnOnce(&mut Pipeline, Timestamp, Timestamp)) {
        match self {
            Self::Tick(now) => pipeline.tick(now),
            Self::Interface(id, name, state) => pipeline.set_interface(id, &name, state),
            Self::Incomplete(datagrams) => pipeline.add_incomplete(datagrams),
            Self::Missing(missing) => {
                pipeline.add_unread(missing.unread);
                pipeline.add_drops(missing.kernel_dropped, missing.interface_dropped);
            }
            Self::Finish => pipeline.finish(),
            Self::Close(start, end) => close(pipeline, start, end),
        }
    }
}

/// What comes next, small, since there is one for each packet.
#[derive(Debug)]
enum BatchEntry {
    /// The packets from here on lie in the next of the blocks.
    Block,
    /// A packet in the block.
    There(PacketRef),
    /// The next of those that were copied.
    Copied,
    /// The next of the events.
    BatchEvent,
}

const _: () = assert!(size_of::<BatchEntry>() == 24);

/// A packet, and where in the block its bytes are.
#[derive(Clone, Copy, Debug)]
struct PacketRef {
    ts: Timestamp,
    at: u32,
    len: u32,
    wire_len: u32,
    interface: InterfaceId,
    link_type: LinkType,
}

impl PacketRef {
    fn packet(self, block: &[u8]) -> Packet<'_> {
        let Self { ts, at, len, wire_len, interface, link_type } = self;
        Packet { ts, wire_len, interface, link_type, data: &block[at as usize..][..len as usize] }
    }
}

impl BatchEntry {
    fn packet_ref(&self) -> Option<PacketRef> {
        if let Self::There(place) = *self { Some(place) } else { None }
    }
}

/// Packets and events.
#[derive(Debug, Default)]
pub struct Batch {
    entries: Vec<BatchEntry>,
    blocks: Vec<Arc<Lease>>,
    events: Vec<BatchEvent>,
    /// Packets without their payload, which is so long.
    copied: Vec<(Arrival<'static>, usize)>,
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
        (self.entries.len() - self.events.len() - self.blocks.len()) as u64
    }

    /// Puts in a packet that begins there in the block, and is no fragment.
    #[inline]
    pub fn refer(&mut self, packet: &Packet<'_>, block: &Arc<Lease>, at: usize) {
        if !self.blocks.last().is_some_and(|last| Arc::ptr_eq(last, block)) {
            self.blocks.push(block.clone());
            self.entries.push(BatchEntry::Block);
        }
        let Packet { ts, wire_len, interface, link_type, data } = *packet;
        let (at, len) = (at as u32, data.len() as u32);
        self.entries.push(BatchEntry::There(PacketRef { ts, at, len, wire_len, interface, link_type }));
    }

    /// Puts in a copy of a packet that was read.
    pub fn push(&mut self, arrival: &Arrival<'_>) {
        let (content, payload) = detach(&arrival.content);
        self.payloads.extend_from_slice(payload);
        self.copied.push((Arrival { content, ..*arrival }, payload.len()));
        self.entries.push(BatchEntry::Copied);
    }

    /// Puts in something else.
    pub fn note(&mut self, event: BatchEvent) {
        self.events.push(event);
        self.entries.push(BatchEntry::BatchEvent);
    }

    /// Empties it into a pipeline, telling of the end of intervals. Packets that a panic leaves out are counted as unread.
    /// After a second panic that is every packet that is left, and the panic goes on once the batch is empty.
    pub fn play(&mut self, pipeline: &mut Sturdy, mut close: impl FnMut(&mut Pipeline, Timestamp, Timestamp)) {
        let mut blocks = self.blocks.iter();
        let mut block = &[][..];
        let mut payloads = &self.payloads[..];
        let mut copied = self.copied.drain(..).map(|(arrival, len)| {
            let (payload, rest) = payloads.split_at(len);
            payloads = rest;
            attach(arrival, payload)
        });
        let mut events = self.events.drain(..);
        for run in self.entries.chunk_by(|before, next| discriminant(before) == discriminant(next)) {
            match run[0] {
                BatchEntry::Block => block = blocks.nth(run.len() - 1).map_or(&[][..], |lease| &lease[..]),
                BatchEntry::There(_) => {
                    let mut packets = run.iter().filter_map(|entry| Some(entry.packet_ref()?.packet(block)));
                    take(pipeline, run.len(), |pipeline| pipeline.push_all(packets.by_ref()));
                }
                BatchEntry::Copied => {
                    let mut copied = copied.by_ref().take(run.len());
                    take(pipeline, run.len(), |pipeline| pipeline.push_read(copied.by_ref()));
                }
                BatchEntry::BatchEvent => {
                    let mut events = events.by_ref().take(run.len());
                    pipeline
                        .run_always(|pipeline| events.by_ref().for_each(|event| event.happen(pipeline, &mut close)));
                }
            }
        }
        drop((events, copied));
        self.entries.clear();
        self.blocks.clear();
        self.payloads.clear();
        if let Some(panic) = pipeline.take_panic() {
            resume_unwind(panic);
        }
    }
}

/// Takes so many packets.
fn take(pipeline: &mut Sturdy, packets: usize, work: impl FnMut(&mut Pipeline)) {
    let before = pipeline.received();
    pipeline.run(work);
    let lost = packets as u64 - (pipeline.received() - before).min(packets as u64);
    pipeline.add_unread(lost);
}

/// A packet's content without its payload, and the payload.
fn detach<'a>(content: &Content<'a>) -> (Content<'static>, &'a [u8]) {
    let segment = match *content {
        Content::Segment(segment) => segment,
        Content::Fragment => return (Content::Fragment, &[]),
        Content::Foreign => return (Content::Foreign, &[]),
        Content::Undecoded(kind) => return (Content::Undecoded(kind), &[]),
    };
    let Segment { key, tag, direction, seq, ack, flags, window, ip_id, payload, payload_wire_len, ts, interface } =
        segment;
    let bare =
        Segment { key, tag, direction, seq, ack, flags, window, ip_id, payload: &[], payload_wire_len, ts, interface };
    (Content::Segment(bare), payload)
}

fn attach<'a>(mut arrival: Arrival<'a>, payload: &'a [u8]) -> Arrival<'a> {
    if let Content::Segment(segment) = &mut arrival.content {
        segment.payload = payload;
    }
    arrival
}

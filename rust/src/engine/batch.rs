//! A batch carries work from one thread to another: packets that were read, and events between them, in order.
//!
//! Packets of a file stay in the block they were read into. A batch refers to them, and all batches that refer to a
//! block share it. Packets that are in no block are copied. A batch that was worked off is filled again, so nothing is
//! allocated per packet.

use std::mem::discriminant;
use std::panic::resume_unwind;
use std::sync::Arc;

use smallvec::SmallVec;

use super::sturdy::Sturdy;
use crate::capture::fanout;
use crate::capture::file::{Lease, Missing};
use crate::pipeline::Pipeline;
use crate::pipeline::decode::{Folded, Segment, Udp};
use crate::pipeline::intake::{Arrival, Content};
use crate::pipeline::packet::{InterfaceId, LinkType, Packet, Timestamp};
use crate::pipeline::record::Frames;
use crate::pipeline::snapshot::InterfaceState;

/// Packets and events in a full batch: enough to make a hand-over cheap, few enough to stay in the processor's cache.
const MAX_EVENTS: usize = 512;
/// Copied payload bytes in a full batch, limited for the same reason.
const MAX_BYTES: usize = 128 * 1024;

/// Returns which of `count` workers follows a connection. The result is the same for both of its directions.
pub fn worker_of(Folded { addresses, ports }: Folded, count: usize) -> usize {
    fanout::share(addresses, ports, count)
}

/// What a worker is told between packets.
#[derive(Debug)]
pub enum BatchEvent {
    /// Packet time has come to this instant.
    Tick(Timestamp),
    /// The name and the state of an interface.
    Interface(InterfaceId, String, InterfaceState),
    /// This many datagrams were given up because fragments of them are missing.
    Incomplete(u64),
    /// Packets that were lost before they got here: unread, or dropped by the kernel or the interface.
    Missing(Missing),
    /// The source has no more packets.
    Finish,
    /// The interval from the first to the second instant is over.
    Close(Timestamp, Timestamp),
}

impl BatchEvent {
    /// Applies the event to a pipeline. For the end of an interval `close` is called instead.
    pub fn happen(self, pipeline: &mut Pipeline, close: impl FnOnce(&mut Pipeline, Timestamp, Timestamp)) {
        match self {
            Self::Tick(now) => pipeline.tick(now),
            Self::Interface(id, name, state) => pipeline.set_interface(id, &name, state),
            Self::Incomplete(datagrams) => pipeline.add_incomplete(datagrams),
            Self::Missing(missing) => {
                pipeline.add_unread(missing.unread);
                let (kernel, interface) = (missing.kernel_dropped, missing.interface_dropped);
                pipeline.add_drops(kernel, interface);
                pipeline.note_drops(InterfaceId::default(), kernel, interface);
            }
            Self::Finish => pipeline.finish(),
            Self::Close(start, end) => close(pipeline, start, end),
        }
    }
}

/// Says where the next packet or event of a batch is. Kept small, since there is one for each packet.
#[derive(Debug)]
enum BatchEntry {
    /// The packets from here on lie in the next element of `blocks`.
    Block,
    /// A packet in the block.
    There(PacketRef),
    /// The next element of `copied`.
    Copied,
    /// The next element of `events`.
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

/// Packets and events, in the order in which a worker is to take them.
#[derive(Debug, Default)]
pub struct Batch {
    entries: Vec<BatchEntry>,
    blocks: Vec<Arc<Lease>>,
    events: Vec<BatchEvent>,
    /// Copied packets without their payload, each with the length that its payload has in `payloads`, and with how many
    /// of `frames` make it up.
    copied: Vec<(Arrival<'static>, usize, usize)>,
    payloads: Vec<u8>,
    /// Frames of copied packets, if packets are recorded.
    frames: Frames,
}

impl Batch {
    /// True if the batch has neither packets nor events.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// True if the batch has enough to be handed over.
    pub fn is_full(&self) -> bool {
        self.entries.len() >= MAX_EVENTS || self.payloads.len() + self.frames.len() >= MAX_BYTES
    }

    /// The number of packets in the batch.
    pub fn packets(&self) -> u64 {
        (self.entries.len() - self.events.len() - self.blocks.len()) as u64
    }

    /// Adds a packet that begins at offset `at` of `block`. The packet must not be a fragment.
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

    /// Adds a copy of a packet that was read. `frames` make it up; there are none unless packets are recorded.
    pub fn push(&mut self, arrival: &Arrival<'_>, frames: &[Packet<'_>]) {
        let (content, payload) = detach(&arrival.content);
        self.payloads.extend_from_slice(payload);
        frames.iter().for_each(|frame| self.frames.push(frame));
        self.copied.push((Arrival { content, ..*arrival }, payload.len(), frames.len()));
        self.entries.push(BatchEntry::Copied);
    }

    /// Adds an event.
    pub fn note(&mut self, event: BatchEvent) {
        self.events.push(event);
        self.entries.push(BatchEntry::BatchEvent);
    }

    /// Empties the batch into a pipeline, and calls `close` at the end of each interval. A packet that is lost to a
    /// panic is counted as unread. After a second panic all remaining packets are, and that panic is resumed once the
    /// batch is empty.
    pub fn play(&mut self, pipeline: &mut Sturdy, mut close: impl FnMut(&mut Pipeline, Timestamp, Timestamp)) {
        let mut blocks = self.blocks.iter();
        let mut block = &[][..];
        let mut payloads = &self.payloads[..];
        let mut copied = self.copied.drain(..).map(|(arrival, len, frames)| {
            let (payload, rest) = payloads.split_at(len);
            payloads = rest;
            (attach(arrival, payload), frames)
        });
        let mut frames = self.frames.iter();
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
                    take(pipeline, run.len(), |pipeline| {
                        if pipeline.records() {
                            for (arrival, count) in copied.by_ref() {
                                let whole: SmallVec<[_; 2]> = frames.by_ref().take(count).collect();
                                pipeline.push_whole(&arrival, &whole);
                            }
                        } else {
                            pipeline.push_read(copied.by_ref().map(|(arrival, _)| arrival));
                        }
                    });
                }
                BatchEntry::BatchEvent => {
                    let mut events = events.by_ref().take(run.len());
                    pipeline
                        .run_always(|pipeline| events.by_ref().for_each(|event| event.happen(pipeline, &mut close)));
                }
            }
        }
        drop((events, copied, frames));
        self.entries.clear();
        self.blocks.clear();
        self.payloads.clear();
        self.frames.clear();
        if let Some(panic) = pipeline.take_panic() {
            resume_unwind(panic);
        }
    }
}

/// Runs `work`, which takes `packets` packets. Those that a panic left out are counted as unread.
fn take(pipeline: &mut Sturdy, packets: usize, work: impl FnMut(&mut Pipeline)) {
    let before = pipeline.received();
    pipeline.run(work);
    let lost = packets as u64 - (pipeline.received() - before).min(packets as u64);
    pipeline.add_unread(lost);
}

/// Splits a packet's content into the content without payload, and the payload.
fn detach<'a>(content: &Content<'a>) -> (Content<'static>, &'a [u8]) {
    let segment = match *content {
        Content::Segment(segment) => segment,
        Content::Udp(udp) => return (Content::Udp(Udp { payload: &[], ..udp }), udp.payload),
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
    match &mut arrival.content {
        Content::Segment(segment) => segment.payload = payload,
        Content::Udp(udp) => udp.payload = payload,
        _ => {}
    }
    arrival
}

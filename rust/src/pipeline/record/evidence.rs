//! What is kept for alerts, as bytes: packets, by default without payload, and marks of exchanges, each with its
//! connection. A chunk is what one worker has recorded in a short time.

use crate::pipeline::flow::FlowId;
use crate::pipeline::intake::Intake;
use crate::pipeline::packet::{InterfaceId, LinkType, Packet, Timestamp};

/// A chunk is passed on at this size, or at the end of an interval.
const CHUNK: usize = 128 * 1024;

/// Bytes before each item: its kind, link type, interface, length on the wire, captured length, connection and time.
const HEAD: usize = 32;

/// Kept packets and marks that were not passed on yet.
#[derive(Debug)]
pub struct Spool {
    has_payload: bool,
    chunk: Vec<u8>,
}

/// A packet or marks, as they were kept.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// The connection.
    pub flow: u64,
    /// When the packet was captured, or the exchange ended.
    pub ts: Timestamp,
    /// The packet, or `None` for marks.
    pub packet: Option<Packet<'a>>,
    /// The marks.
    pub marks: &'a [u8],
}

impl Spool {
    /// Keeps payload only with `has_payload`.
    pub fn new(has_payload: bool) -> Self {
        Self { has_payload, chunk: Vec::new() }
    }

    /// Keeps a packet.
    pub fn push(&mut self, id: FlowId, packet: &Packet<'_>) {
        let Packet { ts, wire_len, interface, link_type, data } = *packet;
        let most = if self.has_payload { data.len() } else { Intake::headers(packet) };
        let data = &data[..most.min(data.len())];
        let wire_len = wire_len.max(packet.data.len() as u32);
        self.add(link_type.number() as u16, interface, wire_len, id, ts, data, 0);
    }

    /// Keeps marks of exchanges.
    pub fn mark(&mut self, id: FlowId, now: Timestamp, marks: &[u8]) {
        self.add(0, InterfaceId::default(), 0, id, now, marks, 1);
    }

    #[expect(clippy::too_many_arguments, reason = "they are the fields of the head")]
    fn add(&mut self, link: u16, at: InterfaceId, wire: u32, id: FlowId, ts: Timestamp, data: &[u8], kind: u32) {
        let chunk = &mut self.chunk;
        chunk.extend(kind.to_le_bytes());
        chunk.extend(link.to_le_bytes());
        chunk.extend(at.0.to_le_bytes());
        chunk.extend(wire.to_le_bytes());
        chunk.extend((data.len() as u32).to_le_bytes());
        chunk.extend(id.to_bits().to_le_bytes());
        chunk.extend(ts.0.to_le_bytes());
        chunk.extend_from_slice(data);
    }

    /// Passes on a chunk if it is large enough, or, with `all`, what there is.
    pub fn pass_on(&mut self, all: bool, take: impl FnOnce(&[u8])) {
        if self.chunk.len() >= CHUNK || all && !self.chunk.is_empty() {
            take(&self.chunk);
            self.chunk.clear();
        }
    }
}

/// The items of a chunk, in order.
pub fn items(mut chunk: &[u8]) -> impl Iterator<Item = Item<'_>> {
    std::iter::from_fn(move || {
        let (head, rest) = chunk.split_first_chunk::<HEAD>()?;
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let half = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        let long = |at: usize| u64::from(word(at + 4)) << 32 | u64::from(word(at));
        let (data, behind) = rest.split_at_checked(word(12) as usize)?;
        chunk = behind;
        let (flow, ts) = (long(16), Timestamp(long(24).cast_signed()));
        let link_type = LinkType::from_number(half(4).into()).unwrap_or(LinkType::Ethernet);
        let packet = Packet { ts, wire_len: word(8), interface: InterfaceId(half(6)), link_type, data };
        let is_mark = word(0) != 0;
        Some(Item { flow, ts, packet: (!is_mark).then_some(packet), marks: if is_mark { data } else { &[] } })
    })
}

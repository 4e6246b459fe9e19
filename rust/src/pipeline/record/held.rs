//! Packets of connections that are not decided yet, in a ring of bytes. The oldest packet makes room for the newest. The
//! packets of a connection are a chain, each of which knows the one before it.

use super::blocks;
use super::parcel::Entry;
use crate::pipeline::flow::FlowId;
use crate::pipeline::packet::{InterfaceId, LinkType, Packet, Timestamp};

/// Stands for no packet.
pub const NOWHERE: u64 = u64::MAX;

/// Bytes before each block: where the packet before is, its connection, its time, its length, its interface and link.
const HEAD: usize = 32;

/// A length that stands for the end of the memory: what follows is at its beginning.
const WRAP: u32 = u32::MAX;

/// The ring. Places count from its beginning on, and never repeat.
#[derive(Debug)]
pub struct Held {
    bytes: Vec<u8>,
    most: usize,
    first: u64,
    end: u64,
    chain: Vec<u64>,
}

/// What is known of a packet beside its block.
#[derive(Clone, Copy)]
struct Place {
    before: u64,
    id: u64,
    entry: Entry,
}

impl Held {
    /// A ring of at most `most` bytes. Its memory is taken when it is needed first.
    pub fn new(most: usize) -> Self {
        Self { bytes: Vec::new(), most: most / 8 * 8, first: 0, end: 0, chain: Vec::new() }
    }

    /// Adds a packet of a connection, whose packet before is at `before`. Returns its place, `None` if it is too large.
    /// `gone` is called for the connection of each packet that makes room: its slot, and its id as a number.
    pub fn push(
        &mut self,
        id: FlowId,
        before: u64,
        packet: &Packet<'_>,
        mut gone: impl FnMut(u32, u64),
    ) -> Option<u64> {
        let len = blocks::length_of(packet.data.len());
        let size = (HEAD + len).next_multiple_of(8);
        if size > self.most / 4 {
            return None;
        }
        if self.bytes.is_empty() {
            // Zeroed memory is not touched before it is used.
            self.bytes = vec![0; self.most];
        }
        let left = self.most - self.index(self.end);
        if left < size {
            self.make_room(left, &mut gone);
            if left >= HEAD {
                let at = self.index(self.end);
                self.bytes[at + 24..at + 28].copy_from_slice(&WRAP.to_le_bytes());
            }
            self.end += left as u64;
        }
        self.make_room(size, &mut gone);
        let at = self.index(self.end);
        let Packet { ts, interface, link_type, .. } = *packet;
        let entry = Entry { ts, len: len as u32, interface, link_type };
        let (head, rest) = self.bytes[at..at + size].split_at_mut(HEAD);
        Place { before, id: id.to_bits(), entry }.write(head);
        let (start, rest) = rest.split_at_mut(blocks::OVERHEAD - 4);
        start.copy_from_slice(&blocks::head(packet));
        let (data, rest) = rest.split_at_mut(packet.data.len());
        data.copy_from_slice(packet.data);
        let padding = len - blocks::OVERHEAD - packet.data.len();
        rest[..padding].fill(0);
        rest[padding..padding + 4].copy_from_slice(&(len as u32).to_le_bytes());
        let place = self.end;
        self.end += size as u64;
        Some(place)
    }

    /// Hands over the packets of a connection in order. `last` is where its newest one is.
    pub fn release(&mut self, last: u64, mut take: impl FnMut(Entry, &[u8])) {
        let mut chain = std::mem::take(&mut self.chain);
        let mut at = last;
        // A packet is always behind the one before it, so this ends.
        while at != NOWHERE && (self.first..self.end).contains(&at) {
            chain.push(at);
            at = Place::read(&self.bytes[self.index(at)..]).before;
        }
        for &at in chain.iter().rev() {
            let at = self.index(at);
            let entry = Place::read(&self.bytes[at..]).entry;
            take(entry, &self.bytes[at + HEAD..][..entry.len as usize]);
        }
        chain.clear();
        self.chain = chain;
    }

    /// Forgets all packets.
    pub fn clear(&mut self) {
        self.first = self.end;
    }

    fn index(&self, place: u64) -> usize {
        (place % self.most as u64) as usize
    }

    /// Drops the oldest packets until `size` bytes are free.
    fn make_room(&mut self, size: usize, gone: &mut impl FnMut(u32, u64)) {
        while self.end + size as u64 - self.first > self.most as u64 && self.first < self.end {
            let at = self.index(self.first);
            let left = self.most - at;
            let length = if left < HEAD { WRAP } else { word(&self.bytes[at + 24..]) };
            if length == WRAP {
                self.first += left as u64;
                continue;
            }
            let Place { id, .. } = Place::read(&self.bytes[at..]);
            gone(id as u32, id);
            self.first += (HEAD + length as usize).next_multiple_of(8) as u64;
        }
    }
}

impl Place {
    fn write(&self, to: &mut [u8]) {
        let Entry { ts, len, interface, link_type } = self.entry;
        to[..8].copy_from_slice(&self.before.to_le_bytes());
        to[8..16].copy_from_slice(&self.id.to_le_bytes());
        to[16..24].copy_from_slice(&ts.0.to_le_bytes());
        to[24..28].copy_from_slice(&len.to_le_bytes());
        to[28..30].copy_from_slice(&interface.0.to_le_bytes());
        to[30..32].copy_from_slice(&(link_type.number() as u16).to_le_bytes());
    }

    fn read(from: &[u8]) -> Self {
        let ts = Timestamp(long(&from[16..]).cast_signed());
        let (interface, link_type) = (word(&from[28..]) as u16, word(&from[28..]) >> 16);
        let link_type = LinkType::from_number(link_type).unwrap_or(LinkType::Ethernet);
        let entry = Entry { ts, len: word(&from[24..]), interface: InterfaceId(interface), link_type };
        Self { before: long(from), id: long(&from[8..]), entry }
    }
}

/// The first four bytes as a number; 0 if there are fewer.
fn word(from: &[u8]) -> u32 {
    from.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// The first eight bytes as a number; 0 if there are fewer.
fn long(from: &[u8]) -> u64 {
    from.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

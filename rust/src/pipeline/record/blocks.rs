//! Blocks of pcapng (draft-ietf-opsawg-pcapng), in little-endian order. Bytes out, nothing is written here.

use crate::pipeline::packet::{InterfaceId, LinkType, Packet, Timestamp};

/// Bytes that a packet block has beside the padded packet.
pub const OVERHEAD: usize = 32;

/// Where the number of its interface is in a packet block.
pub const INTERFACE_AT: usize = 8;

/// Longest name of an interface or a program in bytes: the length of an option has 16 bits.
const MOST_TEXT: usize = 1024;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const STATISTICS: u32 = 5;
const PACKET: u32 = 6;

/// What was counted of an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// When the first packet was written.
    pub start: Timestamp,
    /// When the last packet was written.
    pub end: Timestamp,
    /// Packets that the interface dropped.
    pub device_dropped: u64,
    /// Packets that the kernel dropped.
    pub kernel_dropped: u64,
    /// Packets that were written.
    pub written: u64,
}

/// The header of a section, with the name of the program.
pub fn section(to: &mut Vec<u8>, program: &str) {
    block(to, SECTION_HEADER, |to| {
        to.extend(0x1a2b_3c4d_u32.to_le_bytes());
        to.extend([1, 0, 0, 0]); // version 1.0
        to.extend(u64::MAX.to_le_bytes()); // of unknown length
        option(to, 4, program.as_bytes());
        option(to, 0, b"");
    });
}

/// The description of an interface. `snaplen` is 0 for no limit.
pub fn interface(to: &mut Vec<u8>, name: &str, link_type: LinkType, snaplen: u32) {
    block(to, INTERFACE, |to| {
        to.extend((link_type.number() as u16).to_le_bytes());
        to.extend([0, 0]);
        to.extend(snaplen.to_le_bytes());
        option(to, 2, name.as_bytes());
        option(to, 9, &[9]); // nanoseconds
        option(to, 0, b"");
    });
}

/// The statistics of the interface of this number.
pub fn statistics(to: &mut Vec<u8>, interface: u32, statistics: &Statistics) {
    let Statistics { start, end, device_dropped, kernel_dropped, written } = *statistics;
    block(to, STATISTICS, |to| {
        to.extend(interface.to_le_bytes());
        to.extend(stamp(end));
        option(to, 2, &stamp(start));
        option(to, 3, &stamp(end));
        option(to, 5, &device_dropped.to_le_bytes());
        option(to, 7, &kernel_dropped.to_le_bytes());
        option(to, 8, &written.to_le_bytes());
        option(to, 0, b"");
    });
}

/// A packet of interface 0. Returns the length of the block.
pub fn packet(to: &mut Vec<u8>, packet: &Packet<'_>) -> u32 {
    let begin = to.len();
    to.extend(head(packet));
    to.extend_from_slice(packet.data);
    to.resize(to.len().next_multiple_of(4), 0);
    let length = (to.len() - begin + 4) as u32;
    to.extend(length.to_le_bytes());
    length
}

/// The bytes of a packet block before the packet.
pub fn head(packet: &Packet<'_>) -> [u8; OVERHEAD - 4] {
    let mut head = [0; OVERHEAD - 4];
    let captured = packet.data.len();
    let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &PACKET.to_le_bytes());
    put(4, &(length_of(captured) as u32).to_le_bytes());
    put(12, &stamp(packet.ts));
    put(20, &(captured as u32).to_le_bytes());
    put(24, &packet.wire_len.max(captured as u32).to_le_bytes());
    head
}

/// The length of the block of a packet of which this many bytes were captured.
pub fn length_of(captured: usize) -> usize {
    OVERHEAD + captured.next_multiple_of(4)
}

/// Sets the number of the interface in a packet block.
pub fn set_interface(block: &mut [u8], number: u32) {
    if let Some(place) = block.get_mut(INTERFACE_AT..INTERFACE_AT + 4) {
        place.copy_from_slice(&number.to_le_bytes());
    }
}

/// A time as two words, the upper one first.
fn stamp(ts: Timestamp) -> [u8; 8] {
    let nanos = ts.0.max(0).cast_unsigned();
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&((nanos >> 32) as u32).to_le_bytes());
    bytes[4..].copy_from_slice(&(nanos as u32).to_le_bytes());
    bytes
}

fn block(to: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let begin = to.len();
    to.extend(kind.to_le_bytes());
    to.extend([0; 4]);
    body(to);
    let length = ((to.len() - begin + 4) as u32).to_le_bytes();
    to[begin + 4..begin + 8].copy_from_slice(&length);
    to.extend(length);
}

fn option(to: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(MOST_TEXT)];
    to.extend(code.to_le_bytes());
    to.extend((value.len() as u16).to_le_bytes());
    to.extend(value);
    to.extend(std::iter::repeat_n(0, value.len().next_multiple_of(4) - value.len()));
}

/// The number of an interface is its place among those described, by number and link type.
#[derive(Debug, Default)]
pub struct Interfaces(pub Vec<(InterfaceId, LinkType)>);

impl Interfaces {
    /// The number of an interface, which is a new one if it has none yet.
    pub fn number(&mut self, id: InterfaceId, link_type: LinkType) -> usize {
        let wanted = (id, link_type);
        self.0.iter().position(|known| *known == wanted).unwrap_or_else(|| {
            self.0.push(wanted);
            self.0.len() - 1
        })
    }
}

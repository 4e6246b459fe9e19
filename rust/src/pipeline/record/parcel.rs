//! What the recorder hands over: packets to be written, several at a time.

use crate::pipeline::packet::{InterfaceId, LinkType, Timestamp};

/// Packets to be written, as blocks of pcapng.
#[derive(Debug, Default)]
pub struct Parcel {
    /// The blocks, each with 0 as the number of its interface.
    pub blocks: Vec<u8>,
    /// The packet of each block, in order.
    pub packets: Vec<Entry>,
}

/// A block of a parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When the packet was captured.
    pub ts: Timestamp,
    /// Length of the block.
    pub len: u32,
    /// Where the packet was captured.
    pub interface: InterfaceId,
    /// How the packet begins.
    pub link_type: LinkType,
}

impl Parcel {
    /// Forgets its packets, and keeps the memory.
    pub fn clear(&mut self) {
        self.blocks.clear();
        self.packets.clear();
    }
}

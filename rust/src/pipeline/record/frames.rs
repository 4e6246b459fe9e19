//! Copies of whole frames, where packets are read in one thread and recorded in another, or later.

use smallvec::SmallVec;

use crate::pipeline::packet::{InterfaceId, LinkType, Packet, Timestamp};

/// A frame without its bytes.
#[derive(Clone, Copy, Debug)]
struct Head {
    ts: Timestamp,
    wire_len: u32,
    len: u32,
    interface: InterfaceId,
    link_type: LinkType,
}

/// Frames, one behind the other.
#[derive(Debug, Default)]
pub struct Frames {
    heads: Vec<Head>,
    bytes: Vec<u8>,
}

/// Several packets, of which there is one but for fragments.
pub type Packets<'a> = SmallVec<[Packet<'a>; 2]>;

impl Frames {
    /// Adds a copy of a frame.
    pub fn push(&mut self, packet: &Packet<'_>) {
        let Packet { ts, wire_len, interface, link_type, data } = *packet;
        self.heads.push(Head { ts, wire_len, len: data.len() as u32, interface, link_type });
        self.bytes.extend_from_slice(data);
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Bytes of all frames.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// All frames, in order.
    pub fn iter(&self) -> impl Iterator<Item = Packet<'_>> {
        let mut rest = &self.bytes[..];
        self.heads.iter().map(move |head| {
            let (data, behind) = rest.split_at(head.len as usize);
            rest = behind;
            let &Head { ts, wire_len, interface, link_type, .. } = head;
            Packet { ts, wire_len, interface, link_type, data }
        })
    }

    /// Forgets all frames, and keeps the memory.
    pub fn clear(&mut self) {
        self.heads.clear();
        self.bytes.clear();
    }
}

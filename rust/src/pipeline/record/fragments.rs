//! Frames with fragments, kept until their datagram is whole and its connection is known.

use std::collections::VecDeque;
use std::net::Ipv6Addr;

use hashbrown::HashMap;
use smallvec::smallvec;

use super::frames::{Frames, Packets};
use crate::pipeline::intake::{Arrival, Content, Intake};
use crate::pipeline::packet::Packet;

/// Datagrams whose frames are kept: as many as are put together at a time.
const DATAGRAMS: usize = 1024;

/// Bytes of frames that are kept. Beyond them the oldest datagrams are forgotten; their segments are recorded without
/// these frames.
const BYTES: usize = 4 * 1024 * 1024;

/// Which datagram a fragment belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    tag: u32,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    id: u32,
}

impl Key {
    fn of(packet: &Packet<'_>, tunnels: bool) -> Option<Self> {
        let datagram = Intake::fragment(packet, tunnels)?;
        let id = datagram.fragment?.id;
        Some(Self { tag: datagram.tag, source: datagram.source, destination: datagram.destination, id })
    }
}

/// The frames of datagrams that are not whole.
#[derive(Debug, Default)]
pub struct Fragments {
    waiting: HashMap<Key, Frames>,
    order: VecDeque<Key>,
    bytes: usize,
    whole: Frames,
}

impl Fragments {
    /// Returns the frames that make up what a packet has brought: for nearly all packets that packet, for the last
    /// fragment of a datagram the others as well. A fragment of a datagram that is not whole is kept, and makes up
    /// nothing yet.
    pub fn gather<'a>(&'a mut self, packet: &Packet<'a>, arrival: &Arrival<'_>, tunnels: bool) -> Packets<'a> {
        if matches!(arrival.content, Content::Fragment) {
            self.keep(packet, tunnels);
            return Packets::new();
        }
        if !arrival.is_assembled {
            return smallvec![*packet];
        }
        self.whole = Key::of(packet, tunnels).and_then(|key| self.waiting.remove(&key)).unwrap_or_default();
        self.bytes -= self.whole.len();
        self.whole.iter().chain([*packet]).collect()
    }

    fn keep(&mut self, packet: &Packet<'_>, tunnels: bool) {
        let Some(key) = Key::of(packet, tunnels) else { return };
        while self.order.len() >= DATAGRAMS || self.bytes + packet.data.len() > BYTES {
            let Some(oldest) = self.order.pop_front() else { return };
            let gone = self.waiting.remove(&oldest).map_or(0, |frames| frames.len());
            self.bytes -= gone;
        }
        let order = &mut self.order;
        let frames = self.waiting.entry(key).or_insert_with(|| {
            order.push_back(key);
            Frames::default()
        });
        frames.push(packet);
        self.bytes += packet.data.len();
    }
}

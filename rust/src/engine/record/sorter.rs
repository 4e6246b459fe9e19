//! Puts the packets of all workers in the order of time, as far as they come within a moment of each other.
//!
//! Parcels in, blocks of pcapng out, in pieces that fit a file.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use super::outbox::Drops;
use crate::pipeline::packet::{InterfaceId, LinkType, SECOND, Timestamp};
use crate::pipeline::record::Parcel;
use crate::pipeline::record::blocks::{self, Interfaces, Statistics};

/// Bytes of packets that are sorted at a time. Beyond that the earliest are handed over however new they are.
const MOST: usize = 16 * 1024 * 1024;

/// Bytes that are handed over at a time.
const PIECE: usize = 128 * 1024;

/// Nanoseconds by which a packet may be late and still get to its place: connections are decided within a moment, and
/// workers and interfaces are not this far apart.
pub const WINDOW: i64 = SECOND;

/// True if a packet of this time has waited for long enough.
fn is_settled(ts: Timestamp, reached: Timestamp) -> bool {
    ts.plus(WINDOW) <= reached
}

/// How much may be handed over.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes that the file has room for. The first packet of a file has room in any case.
    pub room: usize,
    /// The time of the first packet of the file; `None` if it has none.
    pub since: Option<Timestamp>,
    /// Nanoseconds after its first packet from which on packets belong to the next file.
    pub age: Option<i64>,
}

/// What is handed over.
#[derive(Debug, Default)]
pub struct Taken {
    /// Whole blocks.
    pub blocks: Vec<u8>,
    /// Packets in them.
    pub packets: u64,
    /// The time of the first packet.
    pub first: Option<Timestamp>,
    /// Interfaces that are described in the file with these blocks.
    pub described: usize,
    /// True if the next packet does not belong to the file.
    pub is_full: bool,
}

/// A packet by its time; of two with the same time, the one that came first comes first.
type Waiting = Reverse<(Timestamp, u64, Place)>;

/// Where a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    parcel: usize,
    at: usize,
    len: usize,
    interface: usize,
}

/// Sorts packets.
#[derive(Debug)]
pub struct Sorter {
    waiting: BinaryHeap<Waiting>,
    /// Parcels, each with the number of its packets that wait.
    parcels: Vec<Option<(Parcel, usize)>>,
    empty: Vec<Parcel>,
    bytes: usize,
    came: u64,
    /// The time that all workers have reached.
    pub reached: Timestamp,
    heard: Instant,
    /// The interfaces of all packets so far.
    pub interfaces: Interfaces,
    statistics: Vec<Statistics>,
}

impl Sorter {
    /// Has no packet.
    pub fn new(now: Instant) -> Self {
        Self {
            waiting: BinaryHeap::new(),
            parcels: Vec::new(),
            empty: Vec::new(),
            bytes: 0,
            came: 0,
            reached: Timestamp(i64::MIN),
            heard: now,
            interfaces: Interfaces::default(),
            statistics: Vec::new(),
        }
    }

    /// Takes a parcel.
    pub fn add(&mut self, parcel: Parcel, now: Instant) {
        self.heard = now;
        let free = self.parcels.iter().position(Option::is_none).unwrap_or(self.parcels.len());
        let mut at = 0;
        for entry in &parcel.packets {
            let interface = self.number(entry.interface, entry.link_type);
            let place = Place { parcel: free, at, len: entry.len as usize, interface };
            self.waiting.push(Reverse((entry.ts, self.came, place)));
            self.came += 1;
            at += entry.len as usize;
        }
        self.bytes += parcel.blocks.len();
        let count = parcel.packets.len();
        if free == self.parcels.len() {
            self.parcels.push(None);
        }
        self.parcels[free] = Some((parcel, count));
    }

    fn number(&mut self, id: InterfaceId, link_type: LinkType) -> usize {
        let number = self.interfaces.number(id, link_type);
        self.statistics.resize(self.interfaces.0.len(), Statistics::default());
        number
    }

    /// True if there are so many packets that the earliest are handed over however new they are.
    pub fn is_full(&self) -> bool {
        self.bytes > MOST
    }

    /// True if a packet can be handed over.
    pub fn has_due(&self) -> bool {
        self.waiting.peek().is_some_and(|Reverse((ts, ..))| is_settled(*ts, self.reached) || self.is_full())
    }

    /// True if nothing has come for this long.
    pub fn is_idle(&self, now: Instant, long: Duration) -> bool {
        now.saturating_duration_since(self.heard) >= long
    }

    /// Hands over packets that have waited for long enough; with `all`, however new they are.
    pub fn take(&mut self, limits: Limits, all: bool) -> Taken {
        let mut taken = Taken::default();
        while let Some(&Reverse((ts, _, place))) = self.waiting.peek() {
            if !all && !self.has_due() || taken.blocks.len() + place.len > PIECE && taken.packets > 0 {
                break;
            }
            let first = limits.since.or(taken.first);
            let is_late = first.zip(limits.age).is_some_and(|(first, age)| ts >= first.plus(age));
            let is_large = first.is_some() && taken.blocks.len() + place.len > limits.room;
            if is_late || is_large {
                taken.is_full = true;
                break;
            }
            self.waiting.pop();
            self.copy(place, &mut taken.blocks);
            let statistics = &mut self.statistics[place.interface];
            statistics.start = if statistics.written == 0 { ts } else { statistics.start };
            (statistics.end, statistics.written) = (ts, statistics.written + 1);
            taken.first.get_or_insert(ts);
            taken.packets += 1;
            taken.described = taken.described.max(place.interface + 1);
        }
        taken
    }

    fn copy(&mut self, Place { parcel, at, len, interface }: Place, to: &mut Vec<u8>) {
        let Some((blocks, left)) = self.parcels[parcel].as_mut() else { return };
        let begin = to.len();
        to.extend_from_slice(blocks.blocks.get(at..at + len).unwrap_or_default());
        blocks::set_interface(&mut to[begin..], interface as u32);
        *left -= 1;
        if *left == 0
            && let Some((empty, _)) = self.parcels[parcel].take()
        {
            self.bytes -= empty.blocks.len();
            self.empty.push(empty);
        }
    }

    /// Gives back the parcels of which every packet was handed over.
    pub fn give_back(&mut self, give: impl FnMut(Parcel)) {
        self.empty.drain(..).for_each(give);
    }

    /// Statistics of the interfaces for the end of a file, with drops that no file has told yet. Those of an interface
    /// without packets are told by the first one.
    pub fn tail(&mut self, drops: &Drops) -> Vec<u8> {
        for (id, (kernel, device)) in drops {
            let own = self.interfaces.0.iter().position(|(known, _)| known == id).unwrap_or(0);
            if let Some(statistics) = self.statistics.get_mut(own) {
                statistics.kernel_dropped += kernel;
                statistics.device_dropped += device;
            }
        }
        let mut tail = Vec::new();
        for (number, statistics) in (0..).zip(&mut self.statistics) {
            if *statistics != Statistics::default() {
                blocks::statistics(&mut tail, number, statistics);
            }
            *statistics = Statistics::default();
        }
        tail
    }
}

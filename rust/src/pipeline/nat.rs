//! Recognises connections whose addresses this machine translates, on the interface behind the translation.
//!
//! A published container port, or masquerading, rewrites one endpoint: the capture sees each packet on two interfaces
//! under two pairs of addresses. All other fields of the packet stay the same. So a segment is taken for a translated
//! copy if its sequence number, acknowledgement number and bytes were seen moments before on another interface, with
//! one endpoint in common. It gets the addresses under which it was seen first, and counts as a copy like any other. A
//! proxy sends with sequence numbers of its own, so its connections are not translated.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;

use super::decode::{Direction, Endpoint, Flags, FlowKey, Segment};
use super::packet::{InterfaceId, SECOND, Timestamp};

/// Number of recent segments remembered: as many as the interfaces of a busy machine bring between two reads of them.
const RECENT: usize = 1 << 14;
/// How many of the places are for SYNs alone, so that a download displaces no SYN.
const SYNS: usize = RECENT / 2;
/// Number of places that a segment may take; it takes that of the oldest. So a few segments whose hashes collide
/// displace nothing.
const WAYS: usize = 4;
/// Maximum number of translated connections remembered: as many as Linux tracks on a small machine, some 10 MB.
const TRANSLATED: usize = 65_536;
/// Nanoseconds between a segment and its translated copy at the most. Translation takes microseconds; a delayed softirq
/// takes milliseconds.
const SOON: u64 = SECOND as u64 / 50;
/// Bytes of each segment that are compared.
const COMPARED: usize = 64;
/// Nanoseconds by which one interface may be read later than another, because of a block of the kernel's buffer and a
/// busy worker. For this long a matching SYN is believed although data does not match.
const PATIENCE: u64 = SECOND as u64 / 2;
/// A segment at least this long may have been cut or joined by an offload on the way, so it need not match.
const OFFLOADED: u32 = 1400;

/// A segment seen before.
#[derive(Clone, Copy, Debug)]
struct Seen {
    mark: u64,
    /// Key with the addresses on the wire.
    own: FlowKey,
    /// Key after translation.
    key: FlowKey,
    direction: Direction,
    interface: InterfaceId,
    ts: Timestamp,
}

/// How the segments of a translated connection get the addresses under which it was seen first.
#[derive(Clone, Copy, Debug)]
struct Translated {
    key: FlowKey,
    /// True if `Up` is the same direction under both keys.
    is_parallel: bool,
    /// Direction whose packets are seen here later than under the original addresses.
    downstream: Direction,
    /// True if data matched, not only the SYN.
    is_sure: bool,
    /// When data first did not match; its original may not have been read yet.
    doubted: Option<Timestamp>,
}

/// Finds translated connections. Shared by all workers that see packets of one capture.
#[derive(Clone, Debug, Default)]
pub struct Nat(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    /// Empty until the first segment comes.
    recent: Vec<Option<Seen>>,
    hasher: foldhash::fast::FixedState,
    translated: HashMap<FlowKey, Translated>,
    order: VecDeque<FlowKey>,
}

impl Nat {
    /// Gives a segment the addresses under which its connection was seen first. Returns true if the segment belongs to
    /// a translated connection.
    pub fn translate(&self, segment: &mut Segment<'_>) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).translate(segment)
    }
}

impl Table {
    fn translate(&mut self, segment: &mut Segment<'_>) -> bool {
        if self.recent.is_empty() {
            self.recent = vec![None; RECENT];
        }
        let is_syn = segment.flags.has(Flags::SYN);
        let is_telling = (segment.payload_wire_len > 0 || is_syn) && !segment.flags.has(Flags::RST);
        let known = self.translated.get(&segment.key).copied();
        match known {
            Some(known) if !is_telling || known.is_sure && !is_syn => apply(segment, known),
            None if !is_telling => false,
            _ => self.look_up(segment, known),
        }
    }

    /// Compares a SYN, or data of a connection that is not known for sure, with recent segments.
    fn look_up(&mut self, segment: &mut Segment<'_>, known: Option<Translated>) -> bool {
        let Segment { key: own, direction, interface, ts, .. } = *segment;
        let mark = self.mark(segment);
        let is_syn = segment.flags.has(Flags::SYN);
        let place = if is_syn { mark as usize % SYNS } else { SYNS + mark as usize % (RECENT - SYNS) };
        let places = place / WAYS * WAYS..(place / WAYS + 1) * WAYS;
        let seen = self.recent[places.clone()].iter().flatten().find(|seen| seen.mark == mark).copied();
        if let Some(original) = seen.filter(|seen| seen.is_original_of(segment)) {
            let (key, is_parallel, downstream) = (original.key, original.direction == direction, direction);
            let translated = Translated { key, is_parallel, downstream, is_sure: !is_syn, doubted: None };
            self.remember(segment.key, translated);
            return apply(segment, translated);
        }
        // The translated copy may have been read before its original, which is this segment.
        if let Some(copy) = seen.filter(|seen| seen.own != own && seen.key == own && seen.interface != interface)
            && let Some(translated) = self.translated.get_mut(&copy.own)
        {
            translated.is_sure |= !is_syn;
        }
        // In the direction that is seen here first nothing can match. Data that an offload may have cut or joined need
        // not match.
        let is_first_here = |known: &Translated| known.downstream != direction;
        let is_vague = !is_syn && segment.payload_wire_len >= OFFLOADED;
        let is_soon = |known: &Translated| known.doubted.is_none_or(|since| since.0.abs_diff(ts.0) <= PATIENCE);
        let known = known.filter(|known| is_first_here(known) || is_vague || !is_syn && is_soon(known));
        match known {
            Some(known) => {
                if !is_first_here(&known)
                    && let Some(translated) = self.translated.get_mut(&own)
                {
                    translated.doubted.get_or_insert(ts);
                }
                apply(segment, known)
            }
            None => self.translated.remove(&own).is_some(),
        };
        let Segment { key, direction, .. } = *segment;
        let age = |place: &&mut Option<Seen>| place.filter(|seen| seen.mark != mark).map(|seen| seen.ts);
        if let Some(place) = self.recent[places].iter_mut().min_by_key(age) {
            *place = Some(Seen { mark, own, key, direction, interface, ts });
        }
        known.is_some()
    }

    /// Hash of the fields that a packet keeps when one of its endpoints is rewritten.
    fn mark(&self, segment: &Segment<'_>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u64(u64::from(segment.seq.0) << 32 | u64::from(segment.ack.0));
        hasher.write_u64(
            u64::from(segment.payload_wire_len) << 24 | u64::from(segment.ip_id) << 8 | u64::from(segment.flags.0),
        );
        hasher.write(&segment.payload[..segment.payload.len().min(COMPARED)]);
        hasher.finish()
    }

    fn remember(&mut self, key: FlowKey, translated: Translated) {
        if self.translated.insert(key, translated).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > TRANSLATED
            && let Some(oldest) = self.order.pop_front()
        {
            self.translated.remove(&oldest);
        }
    }
}

impl Seen {
    /// True if this is `segment` before one of its endpoints was rewritten.
    fn is_original_of(&self, segment: &Segment<'_>) -> bool {
        let ends = |key: &FlowKey, direction: Direction| [key.sender(direction), key.sender(direction.reverse())];
        let [source, target]: [Endpoint; 2] = ends(&self.key, self.direction);
        let [new_source, new_target] = ends(&segment.key, segment.direction);
        // The address must differ: two connections between the same hosts may differ in a port alone.
        let is_rewritten = source == new_source && target.address != new_target.address
            || target == new_target && source.address != new_source.address;
        is_rewritten && self.interface != segment.interface && self.ts.0.abs_diff(segment.ts.0) <= SOON
    }
}

fn apply(segment: &mut Segment<'_>, Translated { key, is_parallel, .. }: Translated) -> bool {
    segment.key = key;
    segment.direction = if is_parallel { segment.direction } else { segment.direction.reverse() };
    true
}

//! Puts fragments of IP datagrams together (RFC 791 §3.2, RFC 8200 §4.5), within limits of number, memory and time.
//!
//! Parts may come in any order and more than once. A datagram whose parts overlap with different bytes is dropped as a
//! whole, with its later parts (RFC 5722): a sender has no reason to overlap them, an attacker has. If the snapshot
//! length cut a part, the reassembled payload ends there; its length on the wire is still known.
//!
//! A fragment takes the same work whatever came before it: its place is looked up among at most [`MAX_PARTS`] parts,
//! and sums tell when a datagram is whole.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv6Addr;

use hashbrown::HashMap;

use crate::pipeline::decode::{Datagram, FragmentPart, extensions};
use crate::pipeline::packet::{SECOND, Timestamp};
use crate::pipeline::steps;

/// Limits. Beyond them the oldest datagram is dropped.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Incomplete datagrams: a second of a link that fragments everything.
    pub datagrams: usize,
    /// Bytes held for them.
    pub bytes: usize,
    /// Nanoseconds for which missing parts are waited for. RFC 1122 §3.3.2 asks 60 to 120 s of a host; a monitor can do
    /// with less.
    pub patience: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { datagrams: 1024, bytes: 16 * 1024 * 1024, patience: 30 * SECOND }
    }
}

/// Payload of the largest datagram.
const MAX_DATAGRAM: usize = 65_535;
/// Maximum number of parts of a datagram: the largest datagram over a link with the smallest MTU, 68 bytes (RFC 791
/// §3.2), of which 20 are a header. A datagram of more parts is dropped.
const MAX_PARTS: usize = MAX_DATAGRAM.div_ceil(68 - 20);
/// Memory that a part costs beside its bytes: its place in a tree whose nodes may be half empty.
const PART_COST: usize = 2 * (size_of::<usize>() + size_of::<Part>());

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    tag: u32,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    id: u32,
}

#[derive(Debug)]
struct Part {
    len: usize,
    /// Shorter than `len` if the snapshot length cut the part.
    bytes: Box<[u8]>,
}

/// A datagram with missing parts.
#[derive(Debug)]
struct Partial {
    /// Tells this datagram from others with the same key.
    number: u64,
    /// Parts by offset, without overlaps. Empty if `is_poisoned`.
    parts: BTreeMap<usize, Part>,
    /// Sum of the lengths of all parts.
    covered: usize,
    /// Memory that the parts take.
    held: usize,
    /// Length of the datagram, known once its last part has come.
    total: Option<usize>,
    /// Protocol that the first part names. The other parts may name any.
    protocol: u8,
    /// True if the datagram was dropped for contradictory parts. Its later parts are dropped as well.
    is_poisoned: bool,
}

/// All datagrams with missing parts.
#[derive(Debug)]
pub struct Defragmenter {
    limits: Limits,
    partials: HashMap<Key, Partial>,
    /// Key, number and time of the first part of each datagram, oldest first. Datagrams that have become whole may
    /// still be in it.
    order: VecDeque<(Key, u64, Timestamp)>,
    begun: u64,
    bytes: usize,
    whole: Vec<u8>,
    dropped: u64,
}

impl Defragmenter {
    /// A defragmenter without any datagrams.
    pub fn new(limits: Limits) -> Self {
        let (partials, order) = (HashMap::new(), VecDeque::new());
        Self { limits, partials, order, begun: 0, bytes: 0, whole: Vec::new(), dropped: 0 }
    }

    /// Takes the number of datagrams dropped since the last call: overlapping, incomplete for too long, or too many.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// Drops all incomplete datagrams, and counts them as dropped.
    pub fn restart(&mut self) {
        let lost = self.partials.values().filter(|partial| !partial.is_poisoned).count();
        *self = Self { dropped: self.dropped + lost as u64, ..Self::new(self.limits) };
    }

    /// Takes a fragment. Returns the whole datagram if this was its last missing part.
    pub fn push(&mut self, fragment: &Datagram<'_>, part: FragmentPart, ts: Timestamp) -> Option<Datagram<'_>> {
        self.expire(ts);
        let key = Key { tag: fragment.tag, source: fragment.source, destination: fragment.destination, id: part.id };
        let (order, number) = (&mut self.order, &mut self.begun);
        let partial = self.partials.entry(key).or_insert_with(|| {
            *number += 1;
            order.push_back((key, *number, ts));
            Partial::new(*number, fragment.protocol)
        });
        if partial.is_poisoned {
            return None;
        }
        if part.offset == 0 {
            partial.protocol = fragment.protocol;
        }
        let before = partial.held;
        if !partial.insert(fragment, part) {
            partial.poison();
            self.dropped += 1;
        }
        self.bytes = self.bytes + partial.held - before;
        if !partial.is_whole() {
            return None;
        }
        let partial = self.partials.remove(&key)?;
        self.bytes -= partial.held;
        self.assemble(&partial, fragment)
    }

    fn assemble(&mut self, partial: &Partial, fragment: &Datagram<'_>) -> Option<Datagram<'_>> {
        self.whole.clear();
        for part in partial.parts.values() {
            steps::add(1);
            self.whole.extend_from_slice(&part.bytes);
            if part.bytes.len() < part.len {
                break;
            }
        }
        let mut datagram = Datagram {
            protocol: partial.protocol,
            fragment: None,
            payload: &self.whole,
            wire_len: partial.total?,
            fills_frame: false,
            ..*fragment
        };
        extensions(&mut datagram).ok()?;
        Some(datagram)
    }

    /// Drops datagrams that waited too long, and the oldest ones while there are too many.
    fn expire(&mut self, now: Timestamp) {
        // Entries of datagrams that have become whole are removed before there are many of them.
        if self.order.len() > 2 * self.limits.datagrams {
            let partials = &self.partials;
            steps::add(self.order.len());
            self.order.retain(|(key, number, _)| partials.get(key).is_some_and(|partial| partial.number == *number));
        }
        while let Some(&(key, number, since)) = self.order.front() {
            let is_gone = self.partials.get(&key).is_none_or(|partial| partial.number != number);
            let is_over = self.partials.len() >= self.limits.datagrams || self.bytes > self.limits.bytes;
            if !is_gone && !is_over && since.plus(self.limits.patience) > now {
                break;
            }
            self.order.pop_front();
            if !is_gone && let Some(partial) = self.partials.remove(&key) {
                self.bytes -= partial.held;
                self.dropped += u64::from(!partial.is_poisoned);
            }
        }
    }
}

impl Partial {
    fn new(number: u64, protocol: u8) -> Self {
        let (parts, covered, held) = (BTreeMap::new(), 0, 0);
        Self { number, parts, covered, held, total: None, protocol, is_poisoned: false }
    }

    fn poison(&mut self) {
        *self = Self { is_poisoned: true, ..Self::new(self.number, self.protocol) };
    }

    /// Adds a part. Returns false if it contradicts the others, or if there are too many.
    fn insert(&mut self, fragment: &Datagram<'_>, part: FragmentPart) -> bool {
        let (offset, len) = (part.offset as usize, fragment.wire_len);
        let end = offset + len;
        let bytes = &fragment.payload[..fragment.payload.len().min(len)];
        if end > MAX_DATAGRAM || self.total.is_some_and(|total| end > total || !part.more && end != total) {
            return false;
        }
        steps::add(self.parts.len().checked_ilog2().unwrap_or(0) as usize + 1);
        if let Some(same) = self.parts.get(&offset) {
            steps::add(len);
            return same.len == len && *same.bytes == *bytes;
        }
        let before = self.parts.range(..offset).next_back();
        let overlaps_before = before.is_some_and(|(at, before)| at + before.len > offset);
        let next = self.parts.range(offset..).next();
        let overlaps_after = next.is_some_and(|(&at, _)| end > at || !part.more);
        if overlaps_before || overlaps_after || self.parts.len() >= MAX_PARTS {
            return false;
        }
        if !part.more {
            self.total = Some(end);
        }
        self.covered += len;
        self.held += bytes.len() + PART_COST;
        self.parts.insert(offset, Part { len, bytes: bytes.into() });
        true
    }

    /// True if all parts have come: they do not overlap, so the sum of their lengths tells.
    fn is_whole(&self) -> bool {
        self.total == Some(self.covered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::steps::tests::are_in_proportion;

    fn fragment(payload: &'static [u8]) -> Datagram<'static> {
        Datagram {
            tag: 0,
            source: Ipv6Addr::LOCALHOST,
            destination: Ipv6Addr::LOCALHOST,
            protocol: 6,
            id: 0,
            fragment: None,
            payload,
            wire_len: payload.len(),
            fills_frame: false,
        }
    }

    fn part(id: u32, offset: u32, more: bool) -> FragmentPart {
        FragmentPart { id, offset, more }
    }

    fn push(all: &mut Defragmenter, bytes: &'static [u8], part: FragmentPart, ts: i64) -> Option<Vec<u8>> {
        all.push(&fragment(bytes), part, Timestamp(ts)).map(|whole| whole.payload.to_vec())
    }

    #[test]
    fn parts_in_any_order_and_twice_make_the_datagram() {
        let parts: [(&[u8], u32, bool); 3] = [(b"abcdefgh", 0, true), (b"ijklmnop", 8, true), (b"qr", 16, false)];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
            let mut all = Defragmenter::new(Limits::default());
            let mut got = None;
            for at in order {
                let (bytes, offset, more) = parts[at];
                for _ in 0..2 {
                    got = push(&mut all, bytes, part(7, offset, more), 0).or(got);
                }
            }
            assert_eq!(got.as_deref(), Some(&b"abcdefghijklmnopqr"[..]), "{order:?}");
        }
    }

    #[test]
    fn overlapping_fragments_drop_the_datagram_and_its_later_fragments() {
        let mut all = Defragmenter::new(Limits::default());
        assert_eq!(push(&mut all, b"abcdefgh", part(7, 0, true), 0), None);
        assert_eq!(push(&mut all, b"XXXXXXXXXXXXXXXX", part(7, 0, true), 0), None);
        assert_eq!(push(&mut all, b"ij", part(7, 8, false), 0), None);
        assert_eq!(all.take_dropped(), 1);
    }

    #[test]
    fn bounds_hold_with_every_limit_at_one() {
        let mut all = Defragmenter::new(Limits { datagrams: 1, bytes: 1, patience: 1 });
        for id in 0..100 {
            assert_eq!(push(&mut all, b"abcdefgh", part(id, 0, true), i64::from(id)), None);
            assert!(all.partials.len() <= 1 && all.order.len() <= 2);
        }
        assert_eq!(all.take_dropped(), 99);
    }

    #[test]
    fn a_fragment_takes_the_same_work_whatever_came_before_it() {
        type Place = fn(usize) -> usize;
        let orders: [(&str, Place); 4] = [
            ("in order", |at| at % MAX_PARTS),
            ("backwards", |at| MAX_PARTS - 1 - at % MAX_PARTS),
            ("the last one again and again", |at| at.min(MAX_PARTS - 2)),
            ("one too many", |at| at),
        ];
        for (what, place) in orders {
            are_in_proportion(what, 40_000, 32, |size| {
                let mut all = Defragmenter::new(Limits::default());
                for at in 0..size {
                    push(&mut all, b"abcdefgh", part(7, 8 * place(at) as u32, true), 0);
                    assert!(all.partials.values().all(|partial| partial.parts.len() <= MAX_PARTS));
                }
            });
        }
        are_in_proportion("datagrams that become whole behind one that does not", 4000, 32, |size| {
            let mut all = Defragmenter::new(Limits::default());
            push(&mut all, b"abcdefgh", part(0, 0, true), 0);
            for id in 1..size as u32 {
                push(&mut all, b"abcdefgh", part(id, 0, true), 0);
                assert!(push(&mut all, b"ij", part(id, 8, false), 0).is_some());
            }
        });
    }

    #[test]
    fn a_datagram_of_too_many_parts_is_dropped_and_counted_once() {
        let mut all = Defragmenter::new(Limits::default());
        for at in 0..2 * MAX_PARTS as u32 {
            assert_eq!(push(&mut all, b"abcdefgh", part(7, 8 * at, true), 0), None);
        }
        assert_eq!((all.take_dropped(), all.bytes), (1, 0));
    }

    #[test]
    fn held_bytes_are_counted_and_given_back() {
        let mut all = Defragmenter::new(Limits::default());
        push(&mut all, b"abcdefgh", part(7, 0, true), 0);
        push(&mut all, b"abcdefgh", part(7, 0, true), 0);
        assert_eq!(all.bytes, 8 + PART_COST);
        assert!(push(&mut all, b"ij", part(7, 8, false), 0).is_some());
        assert_eq!(all.bytes, 0);
    }

    #[test]
    fn parts_are_waited_for_no_longer_than_the_limit() {
        let mut all = Defragmenter::new(Limits::default());
        assert_eq!(push(&mut all, b"abcdefgh", part(1, 0, true), 0), None);
        assert_eq!(push(&mut all, b"ij", part(1, 8, false), 31 * SECOND), None);
        assert_eq!(all.take_dropped(), 1);
    }
}

//! Fragments of IP datagrams put together (RFC 791 §3.2, RFC 8200 §4.5), within bounds of number, memory and time.
//!
//! Parts may come in any order and twice. A datagram whose parts overlap with different bytes is dropped whole, and so
//! are parts of it that follow (RFC 5722): a sender has no reason, an attacker has. What was cut by the snapshot length
//! ends the reassembled payload there; its length on the wire is still known.

use std::collections::VecDeque;
use std::net::Ipv6Addr;

use hashbrown::HashMap;

use crate::pipeline::decode::{Datagram, FragmentPart, extensions};
use crate::pipeline::packet::{SECOND, Timestamp};

/// Bounds; the oldest datagram goes first.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Datagrams being put together: a second of a link that fragments everything.
    pub datagrams: usize,
    /// Bytes of them.
    pub bytes: usize,
    /// How long parts are waited for, nanoseconds (RFC 1122 asks for 60 to 120 s of a host; a monitor sees no resends).
    pub patience: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { datagrams: 1024, bytes: 16 * 1024 * 1024, patience: 30 * SECOND }
    }
}

/// Payload of the largest datagram.
const MAX_DATAGRAM: usize = 65_535;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    tag: u32,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    id: u32,
}

#[derive(Debug)]
struct Part {
    offset: usize,
    len: usize,
    /// Shorter than `len` when cut by the snapshot length.
    bytes: Box<[u8]>,
}

/// A datagram with holes.
#[derive(Debug)]
struct Partial {
    /// Tells it from others of the same key.
    number: u64,
    /// Sorted, without overlaps. Empty with `is_poisoned`.
    parts: Vec<Part>,
    /// Known with the last part.
    total: Option<usize>,
    /// Of the first part: the others may say anything.
    protocol: u8,
    is_poisoned: bool,
}

/// All datagrams with holes.
#[derive(Debug)]
pub struct Defragmenter {
    limits: Limits,
    partials: HashMap<Key, Partial>,
    /// By age: key and number, and when the first part came. Those that became whole may still stand here.
    order: VecDeque<(Key, u64, Timestamp)>,
    begun: u64,
    bytes: usize,
    whole: Vec<u8>,
    dropped: u64,
}

impl Defragmenter {
    /// Nothing yet.
    pub fn new(limits: Limits) -> Self {
        let (partials, order) = (HashMap::new(), VecDeque::new());
        Self { limits, partials, order, begun: 0, bytes: 0, whole: Vec::new(), dropped: 0 }
    }

    /// Takes the number of datagrams dropped since the last call: overlapping, incomplete for too long, or too many.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// Takes a fragment; gives the whole datagram when this was its last missing part.
    pub fn push(&mut self, fragment: &Datagram<'_>, part: FragmentPart, ts: Timestamp) -> Option<Datagram<'_>> {
        self.expire(ts);
        let key = Key { tag: fragment.tag, source: fragment.source, destination: fragment.destination, id: part.id };
        let (order, number) = (&mut self.order, &mut self.begun);
        let partial = self.partials.entry(key).or_insert_with(|| {
            *number += 1;
            order.push_back((key, *number, ts));
            let protocol = fragment.protocol;
            Partial { number: *number, parts: Vec::new(), total: None, protocol, is_poisoned: false }
        });
        if partial.is_poisoned {
            return None;
        }
        if part.offset == 0 {
            partial.protocol = fragment.protocol;
        }
        let before: usize = partial.held();
        if !partial.insert(fragment, part) {
            partial.poison();
            self.dropped += 1;
        }
        self.bytes = self.bytes + partial.held() - before;
        if !partial.is_whole() {
            return None;
        }
        let partial = self.partials.remove(&key)?;
        self.bytes -= partial.held();
        self.assemble(&partial, fragment)
    }

    fn assemble(&mut self, partial: &Partial, fragment: &Datagram<'_>) -> Option<Datagram<'_>> {
        self.whole.clear();
        for part in &partial.parts {
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

    /// Drops what waited too long, and the oldest while there is too much.
    fn expire(&mut self, now: Timestamp) {
        // Those that became whole behind one that does not are forgotten before they are many.
        if self.order.len() > 2 * self.limits.datagrams {
            let partials = &self.partials;
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
                self.bytes -= partial.held();
                self.dropped += u64::from(!partial.is_poisoned);
            }
        }
    }
}

impl Partial {
    fn held(&self) -> usize {
        self.parts.iter().map(|part| part.bytes.len() + size_of::<Part>()).sum()
    }

    fn poison(&mut self) {
        (self.is_poisoned, self.parts) = (true, Vec::new());
    }

    /// Puts a part in its place. False when it contradicts the others.
    fn insert(&mut self, fragment: &Datagram<'_>, part: FragmentPart) -> bool {
        let (offset, len) = (part.offset as usize, fragment.wire_len);
        let end = offset + len;
        let bytes = &fragment.payload[..fragment.payload.len().min(len)];
        if end > MAX_DATAGRAM || self.total.is_some_and(|total| end > total || !part.more && end != total) {
            return false;
        }
        let at = self.parts.partition_point(|other| other.offset < offset);
        if let Some(same) = self.parts.get(at).filter(|other| other.offset == offset) {
            return same.len == len && *same.bytes == *bytes;
        }
        let overlaps_before = at > 0 && self.parts[at - 1].offset + self.parts[at - 1].len > offset;
        let overlaps_after = self.parts.get(at).is_some_and(|next| end > next.offset);
        if overlaps_before || overlaps_after || !part.more && at < self.parts.len() {
            return false;
        }
        if !part.more {
            self.total = Some(end);
        }
        self.parts.insert(at, Part { offset, len, bytes: bytes.into() });
        true
    }

    fn is_whole(&self) -> bool {
        let mut end = 0;
        let contiguous = self.parts.iter().all(|part| {
            let follows = part.offset == end;
            end = part.offset + part.len;
            follows
        });
        contiguous && self.total == Some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn overlapping_fragments_drop_the_datagram_and_what_follows_of_it() {
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
    fn parts_are_waited_for_no_longer_than_promised() {
        let mut all = Defragmenter::new(Limits::default());
        assert_eq!(push(&mut all, b"abcdefgh", part(1, 0, true), 0), None);
        assert_eq!(push(&mut all, b"ij", part(1, 8, false), 31 * SECOND), None);
        assert_eq!(all.take_dropped(), 1);
    }
}

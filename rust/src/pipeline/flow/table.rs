//! The table of connections: a hash table over a slab, bounded, with a queue (a line) for each phase of a connection's
//! life.
//!
//! A connection is in exactly one line. Lines are in order of activity, but re-ordered lazily: activity only marks a
//! connection, and a marked one that reaches the head of its line is sent to the tail. So a packet costs one look-up.

use hashbrown::HashTable;
use std::hash::BuildHasher;

use crate::pipeline::decode::FlowKey;
use crate::pipeline::packet::{SECOND, Timestamp};
use crate::pipeline::steps;

/// Limits of the table. Connections beyond them are evicted, half-open ones first.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum number of connections: those of a busy proxy, some 300 MB.
    pub flows: usize,
    /// Maximum number of connections of which only SYNs were seen: a flood of them must not push out the others.
    pub half_open: usize,
    /// Silence after which an open connection is forgotten, in nanoseconds; keep-alive time-outs are shorter.
    pub idle: i64,
    /// The same for a connection whose request waits for its response: HTTP sets no limit.
    pub waiting_idle: i64,
    /// The same for a half-open connection.
    pub half_open_idle: i64,
    /// The same after FIN or RST, for segments that come late.
    pub closing_idle: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            flows: 1_000_000,
            half_open: 100_000,
            idle: 300 * SECOND,
            waiting_idle: 3600 * SECOND,
            half_open_idle: 5 * SECOND,
            closing_idle: 5 * SECOND,
        }
    }
}

impl Limits {
    /// True if a connection may be silent for the longer of the two limits of those in use.
    pub fn may_go_on(&self, is_waiting: bool) -> bool {
        is_waiting == (self.waiting_idle > self.idle)
    }
}

/// Phase of a connection's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Begun by a SYN in the middle of another connection, which the other side has not acknowledged.
    Candidate,
    /// Only SYNs were seen.
    HalfOpen,
    /// In use.
    Open,
    /// In use and silent for the shorter of [`Limits::idle`] and [`Limits::waiting_idle`], while the longer one counts.
    Waiting,
    /// After FIN from both sides, or RST.
    Closing,
}

const PHASES: usize = 5;

/// Identifies a connection. It is stale once the connection is gone, even if its slot is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowId {
    slot: u32,
    generation: u32,
}

impl FlowId {
    /// Index in the table, a small number.
    pub fn slot(self) -> u32 {
        self.slot
    }

    /// The id as a number, different for each connection of a table.
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.slot)
    }
}

const NONE: u32 = u32::MAX;

/// What a table holds.
pub trait Entry {
    /// The key by which it is found; it never changes.
    fn key(&self) -> &FlowKey;
    /// Time of its last activity.
    fn last_seen(&self) -> Timestamp;
}

#[derive(Debug)]
struct Slot<F> {
    value: Option<F>,
    generation: u32,
    before: u32,
    behind: u32,
    phase: Phase,
    /// True if it was active since it joined its line.
    is_touched: bool,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    head: u32,
    tail: u32,
    len: usize,
}

const EMPTY: Line = Line { head: NONE, tail: NONE, len: 0 };

/// The part of a key's hash that is kept.
fn mark(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Where to find a key: its slot, and enough of its hash to tell most other keys apart, and to move it to a larger
/// index, without fetching the slot.
#[derive(Clone, Copy, Debug)]
struct Pointer {
    mark: u32,
    slot: u32,
}

impl Pointer {
    /// The hash of a pointer in the index.
    fn hash(mark: u32) -> u64 {
        u64::from(mark) << 32 | u64::from(mark)
    }
}

/// Connections by key and by activity.
#[derive(Debug)]
pub struct Table<F> {
    limits: Limits,
    index: HashTable<Pointer>,
    hasher: foldhash::fast::RandomState,
    slots: Vec<Slot<F>>,
    free: Vec<u32>,
    lines: [Line; PHASES],
}

impl<F: Entry> Table<F> {
    /// An empty table. It grows as needed.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            index: HashTable::new(),
            // Senders choose the keys. A random seed and the limit on connections keep collisions harmless.
            hasher: foldhash::fast::RandomState::default(),
            slots: Vec::new(),
            free: Vec::new(),
            lines: [EMPTY; PHASES],
        }
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// The hash of a key, the same for the life of the table.
    pub fn hash(&self, key: &FlowKey) -> u64 {
        self.hasher.hash_one(key)
    }

    /// Finds the connection with this key, whose hash is `hash`.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it is done for every packet, in three places")]
    pub fn find(&self, hash: u64, key: &FlowKey) -> Option<FlowId> {
        let mark = mark(hash);
        let is_it = |pointer: &Pointer| {
            steps::add(1);
            let slot = || &self.slots[pointer.slot as usize];
            pointer.mark == mark && slot().value.as_ref().is_some_and(|value| value.key() == key)
        };
        let Pointer { slot, .. } = *self.index.find(Pointer::hash(mark), is_it)?;
        Some(FlowId { slot, generation: self.slots[slot as usize].generation })
    }

    /// Marks a connection as active. Returns false if it is gone.
    pub fn touch(&mut self, id: FlowId) -> bool {
        let Some(place) = self.slots.get_mut(id.slot as usize) else { return false };
        let is_there = place.generation == id.generation;
        place.is_touched |= is_there;
        is_there
    }

    /// The connection in a slot.
    pub fn at(&self, slot: u32) -> Option<FlowId> {
        let place = self.slots.get(slot as usize).filter(|place| place.value.is_some())?;
        Some(FlowId { slot, generation: place.generation })
    }

    /// How many connections are in a phase.
    pub fn count(&self, phase: Phase) -> usize {
        self.lines[phase as usize].len
    }

    /// The connections of a phase, from the tail of its line on.
    pub fn newest(&self, phase: Phase) -> impl Iterator<Item = FlowId> {
        let mut slot = self.lines[phase as usize].tail;
        std::iter::from_fn(move || {
            let place = self.slots.get(slot as usize)?;
            let id = FlowId { slot, generation: place.generation };
            slot = place.before;
            Some(id)
        })
    }

    pub fn get(&self, id: FlowId) -> Option<&F> {
        self.slots.get(id.slot as usize).filter(|slot| slot.generation == id.generation)?.value.as_ref()
    }

    pub fn get_mut(&mut self, id: FlowId) -> Option<&mut F> {
        self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation)?.value.as_mut()
    }

    /// The phase of a connection that exists.
    pub fn phase(&self, id: FlowId) -> Phase {
        self.slots[id.slot as usize].phase
    }

    /// Adds a connection whose key is not in the table yet. `hash` is the hash of its key.
    pub fn insert(&mut self, hash: u64, phase: Phase, value: F) -> FlowId {
        let slot = self.free.pop().unwrap_or_else(|| {
            let (value, before, behind) = (None, NONE, NONE);
            self.slots.push(Slot { value, generation: 0, before, behind, phase, is_touched: false });
            (self.slots.len() - 1) as u32
        });
        let place = &mut self.slots[slot as usize];
        (place.value, place.phase) = (Some(value), phase);
        let generation = place.generation;
        let mark = mark(hash);
        self.index.insert_unique(Pointer::hash(mark), Pointer { mark, slot }, |pointer| Pointer::hash(pointer.mark));
        self.join(slot);
        FlowId { slot, generation }
    }

    pub fn remove(&mut self, id: FlowId) -> Option<F> {
        let place = self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation)?;
        let value = place.value.take()?;
        place.generation = place.generation.wrapping_add(1);
        let mark = mark(self.hash(value.key()));
        if let Ok(pointer) = self.index.find_entry(Pointer::hash(mark), |pointer| pointer.slot == id.slot) {
            pointer.remove();
        }
        self.leave(id.slot);
        self.free.push(id.slot);
        Some(value)
    }

    /// Moves a connection to the end of the line of another phase.
    pub fn enter(&mut self, id: FlowId, phase: Phase) {
        self.leave(id.slot);
        self.slots[id.slot as usize].phase = phase;
        self.join(id.slot);
    }

    /// Takes all connections with their ids, in the order of their slots. All ids become stale.
    pub fn take_all(&mut self) -> impl Iterator<Item = (FlowId, F)> + use<F> {
        self.index.clear();
        self.free.clear();
        self.lines = [EMPTY; PHASES];
        let slots = (0..).zip(std::mem::take(&mut self.slots));
        slots.filter_map(|(slot, Slot { value, generation, .. })| Some((FlowId { slot, generation }, value?)))
    }

    /// Finds a connection that was silent for as long as its phase allows.
    pub fn next_expired(&mut self, now: Timestamp) -> Option<FlowId> {
        [
            (Phase::Candidate, self.limits.half_open_idle),
            (Phase::HalfOpen, self.limits.half_open_idle),
            (Phase::Open, self.limits.idle.min(self.limits.waiting_idle)),
            (Phase::Waiting, self.limits.idle.max(self.limits.waiting_idle)),
            (Phase::Closing, self.limits.closing_idle),
        ]
        .into_iter()
        .find_map(|(phase, idle)| self.expired_in(phase, now.plus(-idle)))
    }

    fn expired_in(&mut self, phase: Phase, before: Timestamp) -> Option<FlowId> {
        // The loop goes round the line once at most, so that a capture whose clock jumps cannot keep it going for ever.
        for _ in 0..self.lines[phase as usize].len {
            steps::add(1);
            let id = self.head(phase)?;
            let slot = &self.slots[id.slot as usize];
            if slot.value.as_ref().is_none_or(|value| value.last_seen() <= before) {
                return Some(id);
            }
            if !self.was_touched(id) {
                return None;
            }
        }
        None
    }

    /// Returns the connection to evict if the table is full: candidates and half-open ones first, otherwise roughly the
    /// one that was silent for longest.
    pub fn victim(&mut self) -> Option<FlowId> {
        /// How many active connections are sent to the tail before the head of the line is evicted.
        const CHANCES: usize = 8;
        for phase in [Phase::Candidate, Phase::HalfOpen] {
            if self.lines[phase as usize].len >= self.limits.half_open {
                return self.head(phase);
            }
        }
        if self.len() < self.limits.flows {
            return None;
        }
        let phase = [Phase::Candidate, Phase::HalfOpen, Phase::Closing, Phase::Waiting, Phase::Open]
            .into_iter()
            .find(|&phase| self.lines[phase as usize].len > 0)?;
        for _ in 0..CHANCES {
            steps::add(1);
            let id = self.head(phase)?;
            if !self.was_touched(id) {
                return Some(id);
            }
        }
        self.head(phase)
    }

    fn head(&self, phase: Phase) -> Option<FlowId> {
        let slot = self.lines[phase as usize].head;
        (slot != NONE).then(|| FlowId { slot, generation: self.slots[slot as usize].generation })
    }

    /// Sends a connection to the tail of its line if it was active since it joined it. Returns whether it was.
    fn was_touched(&mut self, id: FlowId) -> bool {
        let is_touched = self.slots[id.slot as usize].is_touched;
        if is_touched {
            self.leave(id.slot);
            self.join(id.slot);
        }
        is_touched
    }

    fn join(&mut self, slot: u32) {
        let line = &mut self.lines[self.slots[slot as usize].phase as usize];
        let before = std::mem::replace(&mut line.tail, slot);
        line.len += 1;
        if before == NONE {
            line.head = slot;
        } else {
            self.slots[before as usize].behind = slot;
        }
        let place = &mut self.slots[slot as usize];
        (place.before, place.behind, place.is_touched) = (before, NONE, false);
    }

    fn leave(&mut self, slot: u32) {
        let Slot { phase, before, behind, .. } = self.slots[slot as usize];
        let line = &mut self.lines[phase as usize];
        line.len -= 1;
        if before == NONE {
            line.head = behind;
        } else {
            self.slots[before as usize].behind = behind;
        }
        if behind == NONE {
            self.lines[phase as usize].tail = before;
        } else {
            self.slots[behind as usize].before = before;
        }
    }
}

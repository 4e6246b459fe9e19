//! Where connections live: a hash table over a slab, bounded, with a line for each phase of life in the order of activity.
//!
//! A connection stands in exactly one line. The lines are re-ordered lazily: activity only marks the connection, and one
//! that reaches the head of its line though it was active since is sent to the tail. So a packet costs one look-up.

use hashbrown::HashTable;
use std::hash::BuildHasher;

use crate::pipeline::decode::FlowKey;
use crate::pipeline::packet::{SECOND, Timestamp};
use crate::pipeline::steps;

/// Bounds of the table. What overflows is evicted, half-open connections first.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections in all: a busy proxy's worth, some 300 MB.
    pub flows: usize,
    /// Connections of which only SYNs were seen: a flood of them must not push out the others.
    pub half_open: usize,
    /// Silence after which an open connection is forgotten, in nanoseconds; keep-alive time-outs are shorter.
    pub idle: i64,
    /// The same for one whose request waits for its response: HTTP sets no limit.
    pub waiting_idle: i64,
    /// The same for a half-open one.
    pub half_open_idle: i64,
    /// The same after FIN or RST, for what comes late.
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

/// Where in its life a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Begun by a SYN in the middle of another connection, which the other side has not acknowledged.
    Candidate,
    /// Only SYNs were seen.
    HalfOpen,
    /// In use.
    Open,
    /// In use, silent for [`Limits::idle`], and a request waits.
    Waiting,
    /// After FIN from both sides, or RST.
    Closing,
}

const PHASES: usize = 5;

/// Names a connection; stale once the connection is gone, even if its place is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowId {
    slot: u32,
    generation: u32,
}

impl FlowId {
    /// Where it lies in the table, a small number.
    pub fn slot(self) -> u32 {
        self.slot
    }
}

const NONE: u32 = u32::MAX;

/// What a table holds.
pub trait Entry {
    /// What it is found by; never changes.
    fn key(&self) -> &FlowKey;
    /// When there was activity.
    fn last_seen(&self) -> Timestamp;
}

#[derive(Debug)]
struct Slot<F> {
    value: Option<F>,
    generation: u32,
    before: u32,
    behind: u32,
    phase: Phase,
    /// It was looked up since it joined its line.
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

/// Where to look for a key: its slot, and enough of its hash to tell most others apart, and to find its place in a larger
/// index, without fetching the slot.
#[derive(Clone, Copy, Debug)]
struct Pointer {
    mark: u32,
    slot: u32,
}

impl Pointer {
    /// What an index of pointers hashes by.
    fn hash(mark: u32) -> u64 {
        u64::from(mark) << 32 | u64::from(mark)
    }
}

/// Connections by key and by age.
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
            // Keys are chosen by strangers: a seed of our own, and the cap, keep collisions harmless.
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

    /// The connection of this key, which hashes so.
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

    /// The connection was heard of. False when there is none of that name any more.
    pub fn touch(&mut self, id: FlowId) -> bool {
        let place = &mut self.slots[id.slot as usize];
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

    /// The connections of a phase, those that joined it or were sent to its tail last before the others.
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

    /// Puts in a connection whose key, which hashes so, is not there yet.
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

    /// All connections, as they lie in memory. None of their names is good any more.
    pub fn take_all(&mut self) -> impl Iterator<Item = F> + use<F> {
        self.index.clear();
        self.free.clear();
        self.lines = [EMPTY; PHASES];
        std::mem::take(&mut self.slots).into_iter().filter_map(|slot| slot.value)
    }

    /// A connection that was silent for as long as its phase allows.
    pub fn next_expired(&mut self, now: Timestamp) -> Option<FlowId> {
        [
            (Phase::Candidate, self.limits.half_open_idle),
            (Phase::HalfOpen, self.limits.half_open_idle),
            (Phase::Open, self.limits.idle),
            (Phase::Waiting, self.limits.waiting_idle),
            (Phase::Closing, self.limits.closing_idle),
        ]
        .into_iter()
        .find_map(|(phase, idle)| self.expired_in(phase, now.plus(-idle)))
    }

    fn expired_in(&mut self, phase: Phase, before: Timestamp) -> Option<FlowId> {
        // At most once round the line: a capture whose clock jumps must not go round for ever.
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

    /// The connection to give up when the table is full: half-open ones first, else the one silent for longest, nearly.
    pub fn victim(&mut self) -> Option<FlowId> {
        /// Second chances given before whatever is at the head goes.
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

    /// Sends a connection that was active since it joined its line to the tail; false if it was not.
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

//! Parcels of packets that wait to be written. Their bytes are bounded. Beyond that, reading files waits, and a live
//! capture loses packets, which are counted.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::lock::lock;
use crate::pipeline::packet::{InterfaceId, Timestamp};
use crate::pipeline::record::Parcel;

/// Bytes that may wait: a second of a busy link, in which a disk may be slow.
const MOST: usize = 32 * 1024 * 1024;

/// Empty parcels that are kept to be filled again.
const SPARE: usize = 64;

/// Packets that are missing from what was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Packets for which there was no room, or that could not be written.
    pub not_written: u64,
    /// Packets that came before it was known that their connection is to be written, and had to go.
    pub not_held: u64,
}

/// Drops of an interface: by the kernel, and by the interface.
pub type Drops = HashMap<InterfaceId, (u64, u64)>;

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Parcel>,
    bytes: usize,
    spare: Vec<Parcel>,
    lost: Lost,
    drops: Drops,
    /// The time that each worker has reached, by number, without those that have ended.
    reached: HashMap<u32, Timestamp>,
    /// Workers that are about to come and have reached nothing yet.
    expected: usize,
    waits: bool,
    is_stuck: bool,
    is_over: bool,
    is_given_up: bool,
}

impl State {
    fn is_full(&self, more: usize) -> bool {
        self.bytes + more > MOST
    }
}

/// The parcels of all workers.
#[derive(Debug)]
pub struct Outbox {
    state: Mutex<State>,
    news: Condvar,
    room: Condvar,
}

impl Outbox {
    /// `waits` says whether workers wait when the outbox is full.
    pub fn new(waits: bool) -> Self {
        let state = State { waits, ..State::default() };
        Self { state: Mutex::new(state), news: Condvar::new(), room: Condvar::new() }
    }

    /// Takes a parcel and leaves an empty one.
    pub fn carry(&self, parcel: &mut Parcel) {
        let size = parcel.blocks.len();
        let mut state = lock(&self.state);
        while state.is_full(size) && state.waits && !state.is_stuck && !state.is_given_up {
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.is_given_up || state.is_full(size) {
            state.lost.not_written += parcel.packets.len() as u64;
            parcel.clear();
            return;
        }
        let empty = state.spare.pop().unwrap_or_default();
        state.bytes += size;
        state.waiting.push_back(std::mem::replace(parcel, empty));
        self.news.notify_one();
    }

    /// Waits for more workers before anything counts as reached by all.
    pub fn expect(&self, workers: usize) {
        lock(&self.state).expected += workers;
    }

    /// Takes note of how far a worker has come. One that has come to the end of time has ended.
    pub fn reach(&self, number: u32, ts: Timestamp) {
        let mut state = lock(&self.state);
        if ts == Timestamp(i64::MAX) {
            state.reached.remove(&number);
        } else if state.reached.insert(number, ts).is_none() {
            state.expected = state.expected.saturating_sub(1);
        }
    }

    /// The time that all workers have reached.
    pub fn reached(&self) -> Timestamp {
        let state = lock(&self.state);
        if state.expected > 0 {
            return Timestamp(i64::MIN);
        }
        state.reached.values().copied().min().unwrap_or(Timestamp(i64::MAX))
    }

    /// Hands over all parcels that wait; if there is none, waits for one at most `timeout`. True if no more will come.
    pub fn take(&self, timeout: Duration, take: &mut dyn FnMut(Parcel)) -> bool {
        let deadline = Instant::now() + timeout;
        let mut state = lock(&self.state);
        while state.waiting.is_empty() && !state.is_over {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.news.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.waiting.drain(..).for_each(take);
        state.bytes = 0;
        self.room.notify_all();
        state.is_over
    }

    /// Takes back a parcel, to be filled again.
    pub fn give_back(&self, mut parcel: Parcel) {
        let mut state = lock(&self.state);
        if state.spare.len() < SPARE {
            parcel.clear();
            state.spare.push(parcel);
        }
    }

    pub fn add_drops(&self, interface: InterfaceId, kernel: u64, device: u64) {
        let mut state = lock(&self.state);
        let drops = state.drops.entry(interface).or_default();
        *drops = (drops.0 + kernel, drops.1 + device);
    }

    pub fn take_drops(&self) -> Drops {
        std::mem::take(&mut lock(&self.state).drops)
    }

    pub fn lose(&self, packets: u64) {
        lock(&self.state).lost.not_written += packets;
    }

    pub fn lose_held(&self, packets: u64) {
        lock(&self.state).lost.not_held += packets;
    }

    pub fn lost(&self) -> Lost {
        lock(&self.state).lost
    }

    pub fn set_stuck(&self, is_stuck: bool) {
        lock(&self.state).is_stuck = is_stuck;
        self.room.notify_all();
    }

    pub fn stop_waiting(&self) {
        lock(&self.state).waits = false;
        self.room.notify_all();
    }

    pub fn end(&self) {
        lock(&self.state).is_over = true;
        self.news.notify_all();
    }

    pub fn give_up(&self) {
        let mut state = lock(&self.state);
        state.is_given_up = true;
        state.lost.not_written += state.waiting.drain(..).map(|parcel| parcel.packets.len() as u64).sum::<u64>();
        state.bytes = 0;
        self.room.notify_all();
    }
}

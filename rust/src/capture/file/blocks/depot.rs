//! Where blocks lie while nobody uses them: empty ones for whoever reads, full ones for whoever asked.
//!
//! Blocks come and go a thousand times a second, so nobody spins for them, and nobody is woken who does not sleep.

use std::collections::VecDeque;
use std::io;
use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes of the file in a block: a read this large costs as little as mapping the file, and stays in a cache.
pub const BLOCK_SIZE: usize = 1 << 18;
/// Room before them for the beginning of a record that the block before cut: twice the largest frame of an interface
/// that leaves segmentation to its hardware. Memory that is never touched takes none.
pub const HEADROOM: usize = 1 << 17;

/// Some bytes of the file, between headroom and `end`.
#[derive(Debug)]
pub struct Block {
    pub bytes: Vec<u8>,
    pub end: usize,
}

impl Block {
    /// What was read.
    pub fn data(&self) -> &[u8] {
        &self.bytes[HEADROOM..self.end]
    }
}

/// What reading a block came to; `None` at the end.
pub type Outcome = io::Result<Option<Block>>;

#[derive(Debug, Default)]
struct State {
    /// The last to come back is the first to be filled again, since a cache still has it.
    empty: Vec<Vec<u8>>,
    made: usize,
    full: VecDeque<Outcome>,
    reader_sleeps: bool,
    user_sleeps: bool,
    /// Nobody reads any more.
    is_over: bool,
    /// Nobody wants more.
    is_abandoned: bool,
}

/// All blocks of a file.
#[derive(Debug)]
pub struct Depot {
    state: Mutex<State>,
    came_back: Condvar,
    came: Condvar,
    /// Never more blocks than this.
    most: usize,
}

impl Depot {
    pub fn new(most: usize) -> Self {
        Self { state: Mutex::default(), came_back: Condvar::new(), came: Condvar::new(), most }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block to fill, when there is one; `None` when nobody wants it.
    pub fn empty(&self) -> Option<Vec<u8>> {
        let mut state = self.lock();
        loop {
            if state.is_abandoned {
                return None;
            }
            if let Some(bytes) = state.empty.pop() {
                return Some(bytes);
            }
            if state.made < self.most {
                state.made += 1;
                drop(state);
                return Some(vec![0; HEADROOM + BLOCK_SIZE]);
            }
            state.reader_sleeps = true;
            state = self.came_back.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes back what a block was read into. Records larger than a block lie elsewhere, and are not kept.
    fn give_back(&self, bytes: Vec<u8>) {
        if bytes.len() == HEADROOM + BLOCK_SIZE {
            let mut state = self.lock();
            state.empty.push(bytes);
            // Several at once, unless somebody waits, so that the reader is woken less often.
            if state.user_sleeps || state.empty.len() >= self.most / 2 {
                self.wake_reader(&mut state);
            }
        }
    }

    fn wake_reader(&self, state: &mut State) {
        if std::mem::take(&mut state.reader_sleeps) {
            self.came_back.notify_one();
        }
    }

    /// Puts in what was read.
    pub fn put(&self, outcome: Outcome) {
        let mut state = self.lock();
        state.full.push_back(outcome);
        self.wake_user(&mut state);
    }

    fn wake_user(&self, state: &mut State) {
        if std::mem::take(&mut state.user_sleeps) {
            self.came.notify_one();
        }
    }

    /// What was read next, when it is there; `None` when nobody reads any more.
    pub fn take(&self) -> Option<Outcome> {
        let mut state = self.lock();
        loop {
            if let Some(outcome) = state.full.pop_front() {
                return Some(outcome);
            }
            if state.is_over {
                return None;
            }
            state.user_sleeps = true;
            if !state.empty.is_empty() {
                self.wake_reader(&mut state);
            }
            state = self.came.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Nobody reads any more.
    pub fn finish(&self) {
        let mut state = self.lock();
        state.is_over = true;
        self.wake_user(&mut state);
    }

    /// Nobody wants more.
    pub fn abandon(&self) {
        let mut state = self.lock();
        state.is_abandoned = true;
        self.wake_reader(&mut state);
    }

    /// Lends out what a block was read into.
    pub fn lend(self: &Arc<Self>, bytes: Vec<u8>) -> Lease {
        Lease { bytes, depot: self.clone() }
    }
}

/// What a block was read into. It comes back when it is dropped.
#[derive(Debug)]
pub struct Lease {
    bytes: Vec<u8>,
    depot: Arc<Depot>,
}

impl Deref for Lease {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.depot.give_back(std::mem::take(&mut self.bytes));
    }
}

//! The store of blocks that nobody uses at the moment: empty ones for the reader to fill, full ones for their user.
//!
//! Blocks come and go a thousand times a second. So no thread spins for them, and a thread is woken only if it sleeps.

use std::collections::VecDeque;
use std::io;
use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Bytes of the file in a block: a read this large costs as little as mapping the file, and stays in a cache.
pub const BLOCK_SIZE: usize = 1 << 18;
/// Room before these bytes for the first part of a record that was cut by the block before: twice the largest frame of
/// an interface with segmentation offload. Memory that is never touched takes no space.
pub const HEADROOM: usize = 1 << 17;

/// Some bytes of the file, between headroom and `end`.
#[derive(Debug)]
pub struct Block {
    pub bytes: Vec<u8>,
    pub end: usize,
}

impl Block {
    /// The bytes that were read.
    pub fn data(&self) -> &[u8] {
        &self.bytes[HEADROOM..self.end]
    }
}

/// Result of reading a block; `None` at the end.
pub type Outcome = io::Result<Option<Block>>;

/// What can be taken without waiting.
#[derive(Debug)]
pub enum Stock {
    /// What was read next.
    Full(Outcome),
    /// Nothing, or too little for a user who is in no hurry.
    Pending,
    /// Nothing, and the reader has ended.
    Over,
}

#[derive(Debug, Default)]
struct PoolState {
    /// Buffers to fill. The last one to come back is filled first, since a cache still has it.
    empty: Vec<Vec<u8>>,
    made: usize,
    /// Number of records larger than a block that are lent out. Nothing is read until they are back, so there is at
    /// most one.
    large: usize,
    full: VecDeque<Outcome>,
    /// The block that a pipe is filling, and when its first byte came.
    part: Option<(Block, Instant)>,
    reader_sleeps: bool,
    user_sleeps: bool,
    /// The reader has ended.
    is_over: bool,
    /// The user wants no more.
    is_abandoned: bool,
    /// Maximum number of blocks.
    most: usize,
}

impl PoolState {
    fn may_fill(&self) -> bool {
        self.large == 0 && (!self.empty.is_empty() || self.made < self.most)
    }
}

/// All blocks of a file.
#[derive(Debug)]
pub struct BlockPool {
    state: Mutex<PoolState>,
    came_back: Condvar,
}

impl BlockPool {
    pub fn new(most: usize) -> Self {
        let state = PoolState { most, ..PoolState::default() };
        Self { state: Mutex::new(state), came_back: Condvar::new() }
    }

    /// Changes the maximum number of blocks. Those beyond it that were made stay.
    pub fn set_most(&self, most: usize) {
        self.lock().most = most;
    }

    fn lock(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a buffer to fill; `None` if the user wants no more.
    pub fn empty(&self) -> Option<Vec<u8>> {
        let mut state = self.lock();
        loop {
            if state.is_abandoned {
                return None;
            }
            if state.may_fill() {
                state.user_sleeps = false;
                if let Some(bytes) = state.empty.pop() {
                    return Some(bytes);
                }
                state.made += 1;
                drop(state);
                return Some(vec![0; HEADROOM + BLOCK_SIZE]);
            }
            state.reader_sleeps = true;
            state = self.came_back.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// True if there is a buffer to fill.
    pub fn has_empty(&self) -> bool {
        self.lock().may_fill()
    }

    /// True if a block was read, and what follows it can be read too.
    pub fn has_full(&self) -> bool {
        let state = self.lock();
        state.large == 0 && !state.full.is_empty()
    }

    /// True if a record larger than a block is lent out.
    pub fn lacks_large(&self) -> bool {
        self.lock().large > 0
    }

    /// Number of blocks that were read and not yet taken.
    pub fn stock(&self) -> usize {
        self.lock().full.len()
    }

    /// Takes back the buffer of a block.
    fn give_back(&self, bytes: Vec<u8>) {
        let mut state = self.lock();
        if is_large(&bytes) {
            state.large -= 1;
            self.wake_reader(&mut state);
        } else if !bytes.is_empty() {
            state.empty.push(bytes);
            // The reader is woken for several at once, unless the user waits, so that it is woken less often.
            if state.user_sleeps || state.empty.len() >= state.most / 2 {
                self.wake_reader(&mut state);
            }
        }
    }

    fn wake_reader(&self, state: &mut PoolState) {
        if std::mem::take(&mut state.reader_sleeps) {
            self.came_back.notify_one();
        }
    }

    /// Notes that the user waits for what is read next: the reader is woken as soon as there is a buffer.
    pub fn hurry(&self) {
        let mut state = self.lock();
        state.user_sleeps = true;
        if !state.empty.is_empty() {
            self.wake_reader(&mut state);
        }
    }

    /// Adds what was read.
    pub fn put(&self, outcome: Outcome) {
        self.lock().full.push_back(outcome);
    }

    /// Adds bytes of a pipe to the block that is being filled. Waits for a buffer if there is none. Returns false if
    /// the user wants no more.
    pub fn pour(&self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let part = self.lock().part.take();
            let (mut block, since) = match part {
                Some(part) => part,
                None => match self.empty() {
                    Some(empty) => (Block { bytes: empty, end: HEADROOM }, Instant::now()),
                    None => return false,
                },
            };
            let room = &mut block.bytes[block.end..];
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            (block.end, bytes) = (block.end + count, &bytes[count..]);
            if block.end == block.bytes.len() {
                self.put(Ok(Some(block)));
            } else {
                self.lock().part = Some((block, since));
            }
        }
        true
    }

    /// Adds the block that is being filled as it is, since no more bytes come.
    pub fn put_part(&self) {
        let part = self.lock().part.take();
        if let Some((block, _)) = part {
            self.put(Ok(Some(block)));
        }
    }

    /// Takes what was read next. With `hurry`, that may be the block that is being filled.
    pub fn take(&self, hurry: bool) -> Stock {
        let mut state = self.lock();
        if let Some(outcome) = state.full.pop_front() {
            return Stock::Full(outcome);
        }
        match state.part.take_if(|_| hurry) {
            Some((block, _)) => Stock::Full(Ok(Some(block))),
            None if state.is_over => Stock::Over,
            None => Stock::Pending,
        }
    }

    /// When the first byte came of the block that is being filled.
    pub fn part_since(&self) -> Option<Instant> {
        self.lock().part.as_ref().map(|&(_, since)| since)
    }

    /// True if the reader has ended.
    pub fn is_over(&self) -> bool {
        self.lock().is_over
    }

    /// Notes that the reader has ended.
    pub fn finish(&self) {
        self.lock().is_over = true;
    }

    /// Notes that the user wants no more, and wakes the reader.
    pub fn abandon(&self) {
        let mut state = self.lock();
        state.is_abandoned = true;
        self.wake_reader(&mut state);
    }

    /// Lends out the buffer of a block, or of a record larger than a block.
    pub fn lend(self: &Arc<Self>, bytes: Vec<u8>) -> Lease {
        if is_large(&bytes) {
            self.lock().large += 1;
        }
        Lease { bytes, pool: self.clone() }
    }
}

/// True for the buffer of a record that is larger than a block.
fn is_large(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.len() != HEADROOM + BLOCK_SIZE
}

/// The buffer of a block. It returns to the depot when it is dropped.
#[derive(Debug)]
pub struct Lease {
    bytes: Vec<u8>,
    pool: Arc<BlockPool>,
}

impl Lease {
    /// True if this is a record larger than a block: nothing is read until it is given back.
    pub fn is_large(&self) -> bool {
        is_large(&self.bytes)
    }
}

impl Deref for Lease {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.give_back(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SOON: Duration = Duration::from_millis(50);

    /// Asks for a buffer in another thread.
    fn ask(pool: &Arc<BlockPool>) -> std::sync::mpsc::Receiver<Option<Vec<u8>>> {
        let (answer, answered) = std::sync::mpsc::channel();
        let pool = pool.clone();
        std::thread::spawn(move || answer.send(pool.empty()));
        answered
    }

    #[test]
    fn there_are_never_more_blocks_than_promised_and_the_last_user_gives_one_back() {
        let pool = Arc::new(BlockPool::new(2));
        let [first, second] = [(); 2].map(|()| Arc::new(pool.lend(pool.empty().unwrap())));
        let other_user = second.clone();
        let third = ask(&pool);
        drop(second);
        assert!(third.recv_timeout(SOON).is_err(), "somebody still looks at it");
        drop(other_user);
        assert_eq!(third.recv().unwrap().unwrap().len(), HEADROOM + BLOCK_SIZE);
        drop(first);
    }

    #[test]
    fn while_a_record_larger_than_a_block_is_lent_out_nothing_is_read() {
        let pool = Arc::new(BlockPool::new(2));
        let large = pool.lend(vec![1; 2 * BLOCK_SIZE]);
        let next = ask(&pool);
        assert!(next.recv_timeout(SOON).is_err());
        pool.put(Ok(Some(Block { bytes: Vec::new(), end: HEADROOM })));
        assert!(!pool.has_empty() && !pool.has_full(), "its user would wait for itself");
        drop(large);
        assert!(pool.has_full() && next.recv().unwrap().is_some());
    }

    #[test]
    fn a_block_is_to_be_had_until_all_are_lent_out() {
        let pool = BlockPool::new(1);
        assert!(pool.has_empty() && !pool.has_full());
        let held = pool.empty().unwrap();
        assert!(!pool.has_empty());
        pool.give_back(held);
        assert!(pool.has_empty());
    }

    #[test]
    fn who_reads_is_told_that_nobody_wants_more() {
        let pool = Arc::new(BlockPool::new(1));
        let held = pool.empty();
        let next = ask(&pool);
        pool.abandon();
        assert!(held.is_some() && next.recv().unwrap().is_none());
    }
}

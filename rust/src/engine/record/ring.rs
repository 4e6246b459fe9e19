//! The latest packets and marks, kept for alerts: a ring of chunks, bounded in bytes. Whoever reads it takes the chunks
//! as they are, so no worker waits for a reader.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::engine::lock::lock;

/// Bytes that a chunk costs beside its content.
const COST: usize = 64;

/// A chunk, with the number of its worker.
pub type Chunk = (u32, Arc<[u8]>);

#[derive(Debug, Default)]
struct State {
    chunks: VecDeque<Chunk>,
    bytes: usize,
}

/// The ring of all workers.
#[derive(Debug)]
pub struct Ring {
    most: usize,
    state: Mutex<State>,
}

impl Ring {
    /// Keeps at most `most` bytes.
    pub fn new(most: usize) -> Self {
        Self { most, state: Mutex::default() }
    }

    /// Adds a chunk; the oldest ones make room.
    pub fn keep(&self, number: u32, chunk: &[u8]) {
        let cost = chunk.len() + COST;
        if cost > self.most {
            return;
        }
        let chunk = Arc::from(chunk);
        let mut gone = Vec::new();
        let mut state = lock(&self.state);
        while state.bytes + cost > self.most
            && let Some(oldest) = state.chunks.pop_front()
        {
            state.bytes -= oldest.1.len() + COST;
            gone.push(oldest);
        }
        state.bytes += cost;
        state.chunks.push_back((number, chunk));
        // The memory is freed when the lock is free again.
        drop(state);
        drop(gone);
    }

    /// All chunks, the oldest first.
    pub fn chunks(&self) -> Vec<Chunk> {
        lock(&self.state).chunks.iter().cloned().collect()
    }
}

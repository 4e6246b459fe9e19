//! The bytes of the file that have not been used yet, in one piece.

use std::sync::Arc;
use std::time::Instant;

use super::blocks::pool::BlockPool;
use super::blocks::{Block, Blocks, HEADROOM, Lease, NextBlock, Pace, Reader};
use super::record::{MAX_RECORD, Problem, Reach};

/// The block being read. If the end of the block cuts a record, its first part is copied to just before the bytes of
/// the next block. All other records are used where they were read.
pub struct Input {
    blocks: Blocks,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// The first part of a record, while the rest of it is waited for.
    cut: Vec<u8>,
}

impl Input {
    pub fn new(blocks: Blocks) -> Self {
        Self { blocks, buffer: Vec::new(), start: 0, end: 0, cut: Vec::new() }
    }

    /// True if more bytes come without waiting.
    pub fn is_ready(&self) -> bool {
        self.blocks.is_ready()
    }

    /// See [`Blocks::set_pace`].
    pub fn set_pace(&mut self, pace: Pace) {
        self.blocks.set_pace(pace);
    }

    /// See [`Blocks::take_reader`].
    pub fn take_reader(&mut self) -> Option<Reader> {
        self.blocks.take_reader()
    }

    /// See [`Blocks::pool`].
    pub fn pool(&self) -> Arc<BlockPool> {
        self.blocks.pool()
    }

    /// See [`Blocks::part_since`].
    pub fn part_since(&self) -> Option<Instant> {
        self.blocks.part_since()
    }

    /// The bytes that are there without waiting.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Where in [`Input::buffer`] these bytes begin.
    #[inline]
    pub fn at(&self) -> usize {
        self.start
    }

    /// The buffer in which these bytes lie.
    #[inline]
    pub fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// Uses up the first `count` bytes.
    #[inline]
    pub fn skip(&mut self, count: usize) {
        self.start += count;
    }

    /// Reads on until there are `count` bytes, which the next record needs.
    pub fn want(&mut self, count: usize, hurry: bool) -> Result<Reach, Problem> {
        if count > MAX_RECORD {
            return Err(Problem::Malformed(format!("has a record of {count} bytes: it is damaged from there on")));
        }
        if self.bytes().len() >= count {
            return Ok(Reach::Here);
        }
        drop(self.release());
        loop {
            match self.blocks.next(hurry)? {
                NextBlock::Block(block) => {
                    if self.add(block, count) {
                        return Ok(Reach::Here);
                    }
                }
                NextBlock::Pending => return Ok(Reach::Pending),
                NextBlock::End if self.cut.is_empty() => return Ok(Reach::End),
                NextBlock::End => return Err(Problem::Truncated),
            }
        }
    }

    /// Adds a block to the bytes. Returns true once there are `count` of them.
    fn add(&mut self, block: Block, count: usize) -> bool {
        let is_enough = self.cut.len() + block.data().len() >= count;
        if is_enough && self.cut.len() <= HEADROOM {
            self.complete(block);
            return true;
        }
        // The record is larger than any frame, or a pipe brings it in small pieces.
        self.cut.extend_from_slice(block.data());
        drop(self.blocks.lend(block.bytes));
        if is_enough {
            self.buffer = std::mem::take(&mut self.cut);
            self.end = self.buffer.len();
        }
        is_enough
    }

    /// Keeps the unused bytes, and lends out the buffer in which they lie.
    pub fn release(&mut self) -> Lease {
        self.cut.extend_from_slice(&self.buffer[self.start..self.end]);
        (self.start, self.end) = (0, 0);
        self.blocks.lend(std::mem::take(&mut self.buffer))
    }

    /// Puts the first part of a record before the block that has the rest of it.
    fn complete(&mut self, Block { mut bytes, end }: Block) {
        self.start = HEADROOM - self.cut.len();
        bytes[self.start..HEADROOM].copy_from_slice(&self.cut);
        self.cut.clear();
        (self.buffer, self.end) = (bytes, end);
    }
}

//! Bytes of the file that were not used yet, in one piece.

use std::sync::Arc;
use std::time::Instant;

use super::blocks::pool::BlockPool;
use super::blocks::{Block, Blocks, HEADROOM, Lease, NextBlock, Reader};
use super::record::{MAX_RECORD, Problem, Reach};

/// The block being read. When the record at its end is cut, the next block is completed by what there is of it, copied
/// to just before the block's own bytes; all others are used where they were read.
pub struct Input {
    blocks: Blocks,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// The beginning of a record, while the rest of it is waited for.
    cut: Vec<u8>,
}

impl Input {
    pub fn new(blocks: Blocks) -> Self {
        Self { blocks, buffer: Vec::new(), start: 0, end: 0, cut: Vec::new() }
    }

    /// More comes without waiting.
    pub fn is_ready(&self) -> bool {
        self.blocks.is_ready()
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

    /// What there is without waiting.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Where in [`Input::buffer`] the bytes begin.
    #[inline]
    pub fn at(&self) -> usize {
        self.start
    }

    /// What the bytes lie in.
    #[inline]
    pub fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// The first `count` of the bytes were used.
    #[inline]
    pub fn skip(&mut self, count: usize) {
        self.start += count;
    }

    /// Reads on until there are `count` bytes, for a record that takes as many.
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

    /// Adds a block to what there is. True if `count` bytes are there now.
    fn add(&mut self, block: Block, count: usize) -> bool {
        let is_enough = self.cut.len() + block.data().len() >= count;
        if is_enough && self.cut.len() <= HEADROOM {
            self.complete(block);
            return true;
        }
        // A record larger than any frame, or a pipe that gives it in crumbs.
        self.cut.extend_from_slice(block.data());
        drop(self.blocks.lend(block.bytes));
        if is_enough {
            self.buffer = std::mem::take(&mut self.cut);
            self.end = self.buffer.len();
        }
        is_enough
    }

    /// Keeps the bytes, and lends out what they lie in.
    pub fn release(&mut self) -> Lease {
        self.cut.extend_from_slice(&self.buffer[self.start..self.end]);
        (self.start, self.end) = (0, 0);
        self.blocks.lend(std::mem::take(&mut self.buffer))
    }

    /// Puts what was cut before the block that has the rest.
    fn complete(&mut self, Block { mut bytes, end }: Block) {
        self.start = HEADROOM - self.cut.len();
        bytes[self.start..HEADROOM].copy_from_slice(&self.cut);
        self.cut.clear();
        (self.buffer, self.end) = (bytes, end);
    }
}

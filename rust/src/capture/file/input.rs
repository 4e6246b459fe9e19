//! Bytes of the file that were not used yet, in one piece.

use std::io::{self, Read};

use super::blocks::{Block, Blocks, HEADROOM, Lease, Pace};
use super::{MAX_RECORD, Problem};

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
    pub fn new(source: Box<dyn Read + Send>, pace: Pace) -> Self {
        Self { blocks: Blocks::new(source, pace), buffer: Vec::new(), start: 0, end: 0, cut: Vec::new() }
    }

    /// Reads through gzip or zstd, when the file starts like it.
    pub fn decompress(&mut self) -> Result<(), Problem> {
        let start = self.peek(4)?;
        let is_gzip = start.starts_with(&[0x1f, 0x8b]);
        if !is_gzip && !start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            return Ok(());
        }
        let start = self.bytes().to_vec();
        self.start = self.end;
        if is_gzip {
            self.blocks.decode(start, |raw| Ok(flate2::read::MultiGzDecoder::new(raw)))?;
        } else {
            let decoder = |raw| ruzstd::decoding::StreamingDecoder::new(raw).map_err(io::Error::other);
            self.blocks.decode(start, decoder).map_err(|error| Problem::Malformed(error.to_string()))?;
        }
        Ok(())
    }

    /// More comes without waiting.
    pub fn is_ready(&self) -> bool {
        self.blocks.is_ready()
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

    /// Up to `count` bytes, fewer only at the end of the file. They stay to be used.
    pub fn peek(&mut self, count: usize) -> Result<&[u8], Problem> {
        if self.bytes().len() < count {
            self.read(count)?;
        }
        let bytes = self.bytes();
        Ok(&bytes[..bytes.len().min(count)])
    }

    /// Waits until there are `count` bytes, for a record that takes as many. False when there are none at all.
    pub fn want(&mut self, count: usize) -> Result<bool, Problem> {
        if count > MAX_RECORD {
            return Err(Problem::Malformed(format!("has a record of {count} bytes: it is damaged from there on")));
        }
        match self.peek(count)?.len() {
            0 => Ok(false),
            got if got < count => Err(Problem::Truncated),
            _ => Ok(true),
        }
    }

    /// Reads on until there are `count` bytes, or the file is over.
    fn read(&mut self, count: usize) -> Result<(), Problem> {
        drop(self.release());
        while let Some(block) = self.blocks.next()? {
            let is_enough = self.cut.len() + block.data().len() >= count;
            if is_enough && self.cut.len() <= HEADROOM {
                self.complete(block);
                return Ok(());
            }
            // A record larger than any frame, or a pipe that gives it in crumbs.
            self.cut.extend_from_slice(block.data());
            drop(self.blocks.lend(block.bytes));
            if is_enough {
                break;
            }
        }
        self.buffer = std::mem::take(&mut self.cut);
        self.end = self.buffer.len();
        Ok(())
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

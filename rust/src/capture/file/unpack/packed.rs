//! The bytes of a source through a buffer, so that the next ones can be looked at before they are used.

use std::io::{self, BufRead, Read};

/// Bytes read at once: as many as a pipe of Linux holds.
const SIZE: usize = 1 << 16;

/// The bytes of a source.
pub struct Packed {
    source: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    passed: u64,
}

impl Packed {
    pub fn new(source: Box<dyn Read + Send>) -> Self {
        Self { source, buffer: Vec::new(), start: 0, end: 0, passed: 0 }
    }

    /// Number of bytes that were used.
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// Returns the next bytes, `count` at most, without using them. There are fewer at the end of the source.
    pub fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        while self.end - self.start < count && self.read_more()? > 0 {}
        Ok(&self.buffer[self.start..self.end.min(self.start + count)])
    }

    /// Uses the next `COUNT` bytes.
    pub fn take<const COUNT: usize>(&mut self) -> io::Result<[u8; COUNT]> {
        let mut bytes = [0; COUNT];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Skips `count` bytes.
    pub fn skip(&mut self, count: u64) -> io::Result<()> {
        let mut left = count;
        while left > 0 {
            let there = self.fill_buf()?.len();
            if there == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let count = there.min(usize::try_from(left).unwrap_or(usize::MAX));
            self.consume(count);
            left -= count as u64;
        }
        Ok(())
    }

    /// Skips everything up to a zero byte, and that byte.
    pub fn skip_text(&mut self) -> io::Result<()> {
        while self.take::<1>()? != [0] {}
        Ok(())
    }

    /// Skips zero bytes.
    pub fn skip_zeros(&mut self) -> io::Result<()> {
        loop {
            let there = self.fill_buf()?;
            let zeros = there.iter().position(|&byte| byte != 0).unwrap_or(there.len());
            let is_all = zeros > 0 && zeros == there.len();
            self.consume(zeros);
            if !is_all {
                return Ok(());
            }
        }
    }

    /// Reads once, behind the bytes that are there, which move to the front. Returns how many bytes came.
    fn read_more(&mut self) -> io::Result<usize> {
        self.buffer.resize(SIZE, 0);
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => {
                    let count = other?;
                    self.end += count;
                    return Ok(count);
                }
            }
        }
    }
}

impl BufRead for Packed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.read_more()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, count: usize) {
        self.start += count;
        self.passed += count as u64;
    }
}

impl Read for Packed {
    /// Gives what is in the buffer, or else what one read of the source gives.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end && into.len() >= SIZE {
            let count = self.source.read(into)?;
            self.passed += count as u64;
            return Ok(count);
        }
        let count = self.fill_buf()?.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

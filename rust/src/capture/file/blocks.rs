//! The bytes of a file, block after block.
//!
//! A pipe has a thread that reads it, so that nobody waits for its writer. Its blocks are filled like those of a
//! file, whatever a read gives; only one that is asked for early is shorter.

pub mod pool;

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::capture::wait::{Bell, Woken, wait_for};
pub use pool::{Block, HEADROOM, Lease, Stock};
use pool::{BlockPool, Outcome};

/// Blocks that go round among several workers, who are done with one at different times. One thread that reads for itself
/// makes no more than one.
pub const BLOCKS: usize = 16;

/// Blocks that go round between the thread that reads ahead and one that works: few, so that they stay in a cache.
const FEW_BLOCKS: usize = 6;

/// Blocks of a file that is read together with others: one at hand, one behind it, and one for each while they change.
const LEAST_BLOCKS: usize = 4;

/// Bytes of a pipe that are read at once: as many as Linux keeps in one.
const PIPE_SIZE: usize = 1 << 16;

/// How a source is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// All of it is there, and another thread reads it ahead.
    Ahead,
    /// All of it is there, and its blocks are filled when they are asked for.
    Eager,
    /// The same, with few blocks since other files are open as well.
    Sparing,
    /// Whatever one read gives is a block.
    AsItComes,
}

impl Pace {
    /// Blocks that there may be.
    fn blocks(self) -> usize {
        match self {
            Self::Ahead => FEW_BLOCKS,
            Self::Eager | Self::AsItComes => BLOCKS,
            Self::Sparing => LEAST_BLOCKS,
        }
    }
}

/// What comes next.
pub enum NextBlock {
    /// Bytes.
    Block(Block),
    /// Nothing yet: the pipe says nothing, or so little that more of it is waited for.
    Pending,
    /// No more.
    End,
}

/// Reads blocks.
pub struct Reader {
    source: Box<dyn Read + Send>,
    pace: Pace,
    pool: Arc<BlockPool>,
    /// Told once the bytes before it have been.
    failed: Option<io::Error>,
    is_over: bool,
}

impl Reader {
    /// The next block; `None` at the end.
    pub fn next(&mut self) -> Outcome {
        if let Some(error) = self.failed.take() {
            self.is_over = true;
            return Err(error);
        }
        if self.is_over {
            return Ok(None);
        }
        let Some(bytes) = self.pool.empty() else { return Ok(None) };
        let mut block = Block { bytes, end: HEADROOM };
        self.fill(&mut block);
        if block.end > HEADROOM {
            return Ok(Some(block));
        }
        drop(self.pool.lend(block.bytes));
        self.failed.take().map_or(Ok(None), Err)
    }

    fn fill(&mut self, block: &mut Block) {
        while block.end < block.bytes.len() {
            match self.source.read(&mut block.bytes[block.end..]) {
                Ok(0) => self.is_over = true,
                Ok(read) => block.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => self.failed = Some(error),
            }
            if self.is_over || self.failed.is_some() || self.pace == Pace::AsItComes {
                break;
            }
        }
    }
}

/// A thread that reads a pipe until its end, or until nobody wants more.
struct Follower {
    pool: Arc<BlockPool>,
    thread: Option<JoinHandle<()>>,
    /// Ends its wait for the pipe.
    stop: Bell,
}

impl Follower {
    fn start(mut pipe: PipeSource, pool: Arc<BlockPool>, news: Bell) -> io::Result<Self> {
        let (stop, guard) = (pipe.stop.clone(), ExitGuard { pool: pool.clone(), news });
        let thread = std::thread::Builder::new().name("netmon-reader".into()).spawn(move || {
            let ExitGuard { pool, news } = &guard;
            let mut bytes = vec![0; PIPE_SIZE];
            loop {
                match pipe.source.read(&mut bytes) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Ok(read) if read > 0 && pool.pour(&bytes[..read]) => news.ring(),
                    Ok(_) => return pool.put_part(),
                    Err(error) => {
                        pool.put_part();
                        return pool.put(Err(error));
                    }
                }
            }
        })?;
        Ok(Self { pool, thread: Some(thread), stop })
    }

    /// What there is; who is in a hurry has also what is less than a block.
    fn next(&mut self, hurry: bool) -> io::Result<NextBlock> {
        match self.pool.take(hurry) {
            Stock::Full(outcome) => Ok(outcome?.map_or(NextBlock::End, NextBlock::Block)),
            Stock::Pending => Ok(NextBlock::Pending),
            Stock::Over => match self.thread.take().map(JoinHandle::join) {
                // No end of the file.
                Some(Err(panic)) => resume_unwind(panic),
                _ => Ok(NextBlock::End),
            },
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.pool.abandon();
        self.stop.ring();
        if let Some(thread) = self.thread.take() {
            // Nobody is left to whom a panic would matter.
            let _ = thread.join();
        }
    }
}

/// The thread ends, even by a panic: nobody waits for it any more.
struct ExitGuard {
    pool: Arc<BlockPool>,
    news: Bell,
}

impl Drop for ExitGuard {
    fn drop(&mut self) {
        self.pool.finish();
        self.news.ring();
    }
}

/// Where blocks come from.
enum BlockSource {
    /// Read when they are asked for.
    Here(Reader),
    /// Read when the pipe has some.
    Piped(Follower),
    /// Read by somebody else, who puts them in the pool.
    Pool,
}

/// The blocks of a file, in order.
pub struct Blocks {
    from: BlockSource,
    pool: Arc<BlockPool>,
    /// The newest was full, so there may be many.
    is_long: bool,
    /// A thread is worth it when there are many.
    is_all_there: bool,
}

impl Blocks {
    /// The blocks of `source`.
    pub fn new(source: Box<dyn Read + Send>, pace: Pace) -> Self {
        let pool = Arc::new(BlockPool::new(pace.blocks()));
        let reader = Reader { source, pace, pool: pool.clone(), failed: None, is_over: false };
        Self { from: BlockSource::Here(reader), pool, is_long: false, is_all_there: pace == Pace::Ahead }
    }

    /// The blocks of a pipe; `news` is rung when there is something to read, and at its end.
    pub fn of_pipe(pipe: PipeSource, news: Bell) -> io::Result<Self> {
        let pool = Arc::new(BlockPool::new(BLOCKS));
        let from = BlockSource::Piped(Follower::start(pipe, pool.clone(), news)?);
        Ok(Self { from, pool, is_long: false, is_all_there: false })
    }

    /// The next block. One that somebody else reads may be pending; who is in a hurry takes what there is of a pipe's.
    pub fn next(&mut self, hurry: bool) -> io::Result<NextBlock> {
        let block = match &mut self.from {
            BlockSource::Here(reader) => reader.next()?,
            BlockSource::Piped(follower) => return follower.next(hurry),
            BlockSource::Pool => match self.pool.take(false) {
                Stock::Full(outcome) => outcome?,
                Stock::Pending => return Ok(NextBlock::Pending),
                Stock::Over => None,
            },
        };
        self.is_long = block.as_ref().is_some_and(|block| block.end == block.bytes.len());
        Ok(block.map_or(NextBlock::End, NextBlock::Block))
    }

    /// Who reads them, for another thread to do, if there may be many more. What is read is put in the pool.
    pub fn take_reader(&mut self) -> Option<Reader> {
        if !self.is_all_there || !self.is_long {
            return None;
        }
        match std::mem::replace(&mut self.from, BlockSource::Pool) {
            BlockSource::Here(reader) => Some(reader),
            other => {
                self.from = other;
                None
            }
        }
    }

    /// Where they lie.
    pub fn pool(&self) -> Arc<BlockPool> {
        self.pool.clone()
    }

    /// The next block comes without waiting: it was read before, or is all there and has a place.
    pub fn is_ready(&self) -> bool {
        match &self.from {
            BlockSource::Here(reader) => reader.pace != Pace::AsItComes && self.pool.has_empty(),
            BlockSource::Piped(_) | BlockSource::Pool => self.pool.has_full() || self.pool.is_over(),
        }
    }

    /// Since when a part of a block waits to be completed by a pipe.
    pub fn part_since(&self) -> Option<Instant> {
        self.pool.part_since()
    }

    /// Lends out what a block was read into, until nobody uses it any more.
    pub fn lend(&self, bytes: Vec<u8>) -> Lease {
        self.pool.lend(bytes)
    }
}

/// What is read by a thread of its own, until `stop` is rung.
pub struct PipeSource {
    pub source: Box<dyn Read + Send>,
    pub stop: Bell,
}

/// A pipe; a wait for its next bytes ends, as at its end, when the bell rings.
pub struct Patient {
    pub file: File,
    pub bell: Bell,
}

impl Read for Patient {
    /// What is there, at least one byte.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        const LONG: Duration = Duration::from_secs(3600);
        loop {
            match wait_for(self.file.as_fd(), &self.bell, LONG)? {
                Woken::Rung => return Ok(0),
                Woken::Nothing => {}
                Woken::Readable => match self.file.read(into) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    other => return other,
                },
            }
        }
    }
}

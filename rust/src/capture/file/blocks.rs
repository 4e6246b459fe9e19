//! The bytes of a file, block after block.
//!
//! A pipe is read by a thread of its own, so that no worker waits for the pipe's writer. Its blocks are as full as
//! those of a file, however little a read gives. Only a block that is asked for early is shorter.

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

/// Maximum number of blocks that several workers share, who are done with one at different times. A thread that reads
/// for itself needs few of them.
pub const BLOCKS: usize = 16;

/// Maximum number of blocks that go round between the thread that reads ahead and the one that works: few, so that they
/// stay in a cache.
const FEW_BLOCKS: usize = 6;

/// Maximum number of blocks of a file that is read together with others: the current one, the one behind it, and one
/// more for each while they are exchanged.
const LEAST_BLOCKS: usize = 4;

/// Bytes of a pipe that are read at once: as many as a pipe of Linux holds.
const PIPE_SIZE: usize = 1 << 16;

/// How a source is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// The whole source is there, and another thread reads it ahead.
    Ahead,
    /// The whole source is there, and a block is filled when it is asked for.
    Eager,
    /// The same, with few blocks since other files are open as well.
    Sparing,
    /// Each read gives a block, however short.
    AsItComes,
}

impl Pace {
    /// Maximum number of blocks.
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
    /// Nothing yet: a pipe has brought nothing, or too little, or the thread that reads ahead is not there yet.
    Pending,
    /// The end of the file.
    End,
}

/// Reads blocks.
pub struct Reader {
    source: Box<dyn Read + Send>,
    pace: Pace,
    pool: Arc<BlockPool>,
    /// An error that is returned after the bytes before it.
    failed: Option<io::Error>,
    is_over: bool,
}

impl Reader {
    /// Reads the next block; `None` at the end.
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
    /// Rung to end its wait for the pipe.
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

    /// Takes what was read. With `hurry`, that may be less than a block.
    fn next(&mut self, hurry: bool) -> io::Result<NextBlock> {
        match self.pool.take(hurry) {
            Stock::Full(outcome) => Ok(outcome?.map_or(NextBlock::End, NextBlock::Block)),
            Stock::Pending => Ok(NextBlock::Pending),
            Stock::Over => match self.thread.take().map(JoinHandle::join) {
                // A panic of the thread is not the end of the file.
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
            // A panic of the thread matters to nobody any more.
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
    /// This thread reads them when they are asked for.
    Here(Reader),
    /// A thread of the pipe reads them as they come.
    Piped(Follower),
    /// Read by somebody else, who puts them in the pool.
    Pool,
}

/// The blocks of a file, in order.
pub struct Blocks {
    from: BlockSource,
    pool: Arc<BlockPool>,
    /// True if the newest block was full, so that many more may follow.
    is_long: bool,
    /// True if a thread should read ahead when there are many blocks.
    is_all_there: bool,
}

impl Blocks {
    /// The blocks of `source`.
    pub fn new(source: Box<dyn Read + Send>, pace: Pace) -> Self {
        let pool = Arc::new(BlockPool::new(pace.blocks()));
        let reader = Reader { source, pace, pool: pool.clone(), failed: None, is_over: false };
        Self { from: BlockSource::Here(reader), pool, is_long: false, is_all_there: pace == Pace::Ahead }
    }

    /// Changes how the rest of a file is read. What another thread reads is not changed.
    pub fn set_pace(&mut self, pace: Pace) {
        if let BlockSource::Here(reader) = &mut self.from
            && reader.pace != Pace::AsItComes
        {
            reader.pace = pace;
            self.is_all_there = pace == Pace::Ahead;
            self.pool.set_most(pace.blocks());
        }
    }

    /// The blocks of a pipe; `news` is rung when there is something to read, and at its end.
    pub fn of_pipe(pipe: PipeSource, news: Bell) -> io::Result<Self> {
        let pool = Arc::new(BlockPool::new(BLOCKS));
        let from = BlockSource::Piped(Follower::start(pipe, pool.clone(), news)?);
        Ok(Self { from, pool, is_long: false, is_all_there: false })
    }

    /// Returns the next block. One that another thread reads may be pending. With `hurry`, a pipe gives what it has,
    /// even less than a block.
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

    /// True if the next block comes without waiting: it was read before, or it is in a file and there is a buffer for
    /// it.
    pub fn is_ready(&self) -> bool {
        match &self.from {
            BlockSource::Here(reader) => reader.pace != Pace::AsItComes && self.pool.has_empty(),
            BlockSource::Piped(_) | BlockSource::Pool => self.pool.has_full() || self.pool.is_over(),
        }
    }

    /// When the first byte came of a block that a pipe has not filled yet.
    pub fn part_since(&self) -> Option<Instant> {
        self.pool.part_since()
    }

    /// Lends out the buffer of a block, until nobody uses it any more.
    pub fn lend(&self, bytes: Vec<u8>) -> Lease {
        self.pool.lend(bytes)
    }
}

/// What is read by a thread of its own, until `stop` is rung.
pub struct PipeSource {
    pub source: Box<dyn Read + Send>,
    pub stop: Bell,
}

/// A pipe. When the bell rings, or at `until`, a wait for its next bytes ends as at the end of the pipe.
pub struct Patient {
    /// Its reading end.
    pub file: File,
    /// Ends every wait.
    pub bell: Bell,
    /// When every wait ends.
    pub until: Option<Instant>,
}

impl Read for Patient {
    /// Waits for at least one byte, and reads what is there.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        const LONG: Duration = Duration::from_secs(3600);
        loop {
            let left = self.until.map_or(LONG, |until| until.saturating_duration_since(Instant::now()));
            match wait_for(self.file.as_fd(), &self.bell, left)? {
                Woken::Rung => return Ok(0),
                Woken::Nothing if left.is_zero() => return Ok(0),
                Woken::Nothing => {}
                Woken::Readable => match self.file.read(into) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    other => return other,
                },
            }
        }
    }
}

//! The bytes of a file, block after block. Large files are read ahead: a thread copies them out of the kernel, and
//! decompresses them, while the blocks before are worked on.
//!
//! A pipe has such a thread from the start, so that nobody waits for its writer. Its blocks are filled like those of a
//! file, whatever a read gives; only one that is asked for early is shorter.

pub mod depot;

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::capture::wait::{Bell, Woken, wait_for};
pub use depot::{Block, HEADROOM, Lease, Stock};
use depot::{Depot, Outcome};

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
pub enum Next {
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
    depot: Arc<Depot>,
    /// Told once the bytes before it have been.
    failed: Option<io::Error>,
    is_over: bool,
}

impl Reader {
    /// The next block; `None` at the end.
    fn next(&mut self) -> Outcome {
        if let Some(error) = self.failed.take() {
            self.is_over = true;
            return Err(error);
        }
        if self.is_over {
            return Ok(None);
        }
        let Some(bytes) = self.depot.empty() else { return Ok(None) };
        let mut block = Block { bytes, end: HEADROOM };
        self.fill(&mut block);
        if block.end > HEADROOM {
            return Ok(Some(block));
        }
        drop(self.depot.lend(block.bytes));
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

/// A thread that reads blocks until there are no more, or nobody wants them.
struct Ahead {
    depot: Arc<Depot>,
    thread: Option<JoinHandle<()>>,
    /// Ends its wait for a pipe.
    stop: Option<Bell>,
}

impl Ahead {
    fn start(mut reader: Reader) -> io::Result<Self> {
        let depot = reader.depot.clone();
        let thread = std::thread::Builder::new().name("netmon-reader".into()).spawn(move || {
            let leaving = Leaving(reader.depot.clone());
            loop {
                let outcome = reader.next();
                let is_last = !matches!(outcome, Ok(Some(_)));
                leaving.0.put(outcome);
                if is_last {
                    return;
                }
            }
        })?;
        Ok(Self { depot, thread: Some(thread), stop: None })
    }

    /// Reads a pipe, and rings `news` when there is some.
    fn follow(mut pipe: Pipe, depot: Arc<Depot>, news: Bell) -> io::Result<Self> {
        let (stop, reader) = (pipe.stop.clone(), depot.clone());
        let thread = std::thread::Builder::new().name("netmon-reader".into()).spawn(move || {
            let leaving = Leaving(reader);
            let mut bytes = vec![0; PIPE_SIZE];
            loop {
                match pipe.source.read(&mut bytes) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Ok(read) if read > 0 && leaving.0.pour(&bytes[..read]) => news.ring(),
                    Ok(_) => break,
                    Err(error) => {
                        leaving.0.put_part();
                        leaving.0.put(Err(error));
                        break;
                    }
                }
            }
            leaving.0.put_part();
            drop(leaving);
            news.ring();
        })?;
        Ok(Self { depot, thread: Some(thread), stop: Some(stop) })
    }

    fn next(&mut self) -> Outcome {
        let outcome = self.depot.take();
        outcome.unwrap_or_else(|| self.end().map(|()| None))
    }

    /// The same, if it is there; what there is of a block, when somebody is in a hurry.
    fn next_there(&mut self, hurry: bool) -> io::Result<Next> {
        match self.depot.take_there(hurry) {
            Stock::Full(outcome) => Ok(outcome?.map_or(Next::End, Next::Block)),
            Stock::Pending => Ok(Next::Pending),
            Stock::Over => self.end().map(|()| Next::End),
        }
    }

    /// Nobody reads any more. A panic of the thread is no end of the file.
    fn end(&mut self) -> io::Result<()> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(panic)) => resume_unwind(panic),
            _ => Ok(()),
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.depot.abandon();
        self.stop.iter().for_each(Bell::ring);
        if let Some(thread) = self.thread.take() {
            // Nobody is left to whom a panic would matter.
            let _ = thread.join();
        }
    }
}

/// The thread ends, even by a panic: nobody waits for it any more.
struct Leaving(Arc<Depot>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// Where blocks come from.
enum From {
    /// Read when they are asked for.
    Here(Reader),
    /// Read before.
    Ahead(Ahead),
    /// Read when the pipe has some.
    Piped(Ahead),
    /// Nowhere any more.
    Nowhere,
}

/// The blocks of a file, in order.
pub struct Blocks {
    from: From,
    depot: Arc<Depot>,
    /// The newest was full, so there may be many.
    is_long: bool,
    /// A thread is worth it when there are many.
    reads_ahead: bool,
}

impl Blocks {
    /// The blocks of `source`.
    pub fn new(source: Box<dyn Read + Send>, pace: Pace) -> Self {
        let depot = Arc::new(Depot::new(pace.blocks()));
        let reader = Reader { source, pace, depot: depot.clone(), failed: None, is_over: false };
        Self { from: From::Here(reader), depot, is_long: false, reads_ahead: pace == Pace::Ahead }
    }

    /// The blocks of a pipe; `news` is rung when there is something to read, and at its end.
    pub fn of_pipe(pipe: Pipe, news: Bell) -> io::Result<Self> {
        let depot = Arc::new(Depot::new(BLOCKS));
        let from = From::Piped(Ahead::follow(pipe, depot.clone(), news)?);
        Ok(Self { from, depot, is_long: false, reads_ahead: false })
    }

    /// The next block. Only that of a pipe may be pending; who is in a hurry takes what there is of it. A file of one
    /// block is never worth a thread.
    pub fn next(&mut self, hurry: bool) -> io::Result<Next> {
        if self.reads_ahead && self.is_long {
            self.from = match std::mem::replace(&mut self.from, From::Nowhere) {
                From::Here(reader) => From::Ahead(Ahead::start(reader)?),
                other => other,
            };
        }
        let block = match &mut self.from {
            From::Here(reader) => reader.next(),
            From::Ahead(ahead) => ahead.next(),
            From::Piped(ahead) => return ahead.next_there(hurry),
            From::Nowhere => Ok(None),
        }?;
        self.is_long = block.as_ref().is_some_and(|block| block.end == block.bytes.len());
        Ok(block.map_or(Next::End, Next::Block))
    }

    /// The next block comes without waiting: it was read before, or is all there and has a place.
    pub fn is_ready(&self) -> bool {
        match &self.from {
            From::Here(reader) => reader.pace != Pace::AsItComes && self.depot.has_empty(),
            From::Ahead(_) => self.depot.has_full(),
            From::Piped(_) => self.depot.has_full() || self.depot.is_over(),
            From::Nowhere => true,
        }
    }

    /// Since when a part of a block waits to be completed by a pipe.
    pub fn part_since(&self) -> Option<Instant> {
        self.depot.part_since()
    }

    /// Lends out what a block was read into, until nobody uses it any more.
    pub fn lend(&self, bytes: Vec<u8>) -> Lease {
        self.depot.lend(bytes)
    }
}

/// What is read by a thread of its own, until `stop` is rung.
pub struct Pipe {
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

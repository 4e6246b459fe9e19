//! The bytes of a file, block after block. Large files are read ahead: a thread copies them out of the kernel, and
//! decompresses them, while the blocks before are worked on.

pub mod depot;

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::capture::wait::{Bell, Woken, wait_for};
pub use depot::{Block, HEADROOM, Lease};
use depot::{Depot, Outcome};

/// Blocks that go round among several workers, who are done with one at different times. One thread that reads for itself
/// makes no more than one.
pub const BLOCKS: usize = 16;

/// Blocks that go round between the thread that reads ahead and one that works: few, so that they stay in a cache.
const FEW_BLOCKS: usize = 6;

/// How a source is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// All of it is there, and another thread reads it ahead.
    Ahead,
    /// All of it is there: blocks are filled. Only decompressing is worth a thread.
    Eager,
    /// Whatever one read gives is a block.
    AsItComes,
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
                // A compressed file that is cut.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => self.is_over = true,
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
        Ok(Self { depot, thread: Some(thread) })
    }

    fn next(&mut self) -> Outcome {
        self.depot.take().unwrap_or_else(|| match self.thread.take().map(JoinHandle::join) {
            Some(Err(panic)) => resume_unwind(panic),
            _ => Ok(None),
        })
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.depot.abandon();
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
        let depot = Arc::new(Depot::new(if pace == Pace::Ahead { FEW_BLOCKS } else { BLOCKS }));
        let reader = Reader { source, pace, depot: depot.clone(), failed: None, is_over: false };
        Self { from: From::Here(reader), depot, is_long: false, reads_ahead: pace == Pace::Ahead }
    }

    /// The next block; `None` at the end. A file of one block is never worth a thread.
    pub fn next(&mut self) -> Outcome {
        if self.reads_ahead && self.is_long {
            self.from = match std::mem::replace(&mut self.from, From::Nowhere) {
                From::Here(reader) => From::Ahead(Ahead::start(reader)?),
                other => other,
            };
        }
        let block = match &mut self.from {
            From::Here(reader) => reader.next(),
            From::Ahead(ahead) => ahead.next(),
            From::Nowhere => Ok(None),
        }?;
        self.is_long = block.as_ref().is_some_and(|block| block.end == block.bytes.len());
        Ok(block)
    }

    /// The next block comes without waiting: it was read before, or is all there and has a place.
    pub fn is_ready(&self) -> bool {
        match &self.from {
            From::Here(reader) => reader.pace != Pace::AsItComes && self.depot.has_empty(),
            From::Ahead(_) => self.depot.has_full(),
            From::Nowhere => true,
        }
    }

    /// Lends out what a block was read into, until nobody uses it any more.
    pub fn lend(&self, bytes: Vec<u8>) -> Lease {
        self.depot.lend(bytes)
    }

    /// Reads what `through` makes of the source from here on, which begins with `start`.
    pub fn decode<R: Read + Send + 'static>(
        &mut self,
        start: Vec<u8>,
        through: impl FnOnce(Box<dyn Read + Send>) -> io::Result<R>,
    ) -> io::Result<()> {
        if let From::Here(reader) = &mut self.from {
            let rest = std::mem::replace(&mut reader.source, Box::new(io::empty()));
            reader.source = Box::new(through(Box::new(io::Cursor::new(start).chain(rest)))?);
            (reader.is_over, reader.failed) = (false, None);
            self.reads_ahead = reader.pace != Pace::AsItComes;
        }
        self.is_long = false;
        Ok(())
    }
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
        let mut got = 0;
        let mut patience = LONG;
        while got < into.len() {
            match wait_for(self.file.as_fd(), &self.bell, patience)? {
                Woken::Rung => break,
                Woken::Nothing if got > 0 => break,
                Woken::Nothing => continue,
                Woken::Readable => {}
            }
            match self.file.read(&mut into[got..]) {
                Ok(0) => break,
                Ok(read) => got += read,
                // What was read comes first; the next read will fail again.
                Err(_) if got > 0 => break,
                Err(error) => return Err(error),
            }
            patience = Duration::ZERO;
        }
        Ok(got)
    }
}

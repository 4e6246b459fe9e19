//! A thread that reads a file ahead. It also looks through what it has read while the worker is busy with earlier
//! packets.

use std::collections::VecDeque;
use std::io;
use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::scanner::{IndexEntry, Page, Scanner};
use crate::capture::file::blocks::Reader;
use crate::capture::file::blocks::pool::BlockPool;
use crate::capture::file::record::Reach;

/// Number of blocks read but not looked through at which the thread looks through one itself. If it did so with one
/// fewer, the worker might have to wait for it to read.
const BACKLOG: usize = 2;

/// Pages that wait for the worker, at most as many as there are blocks.
#[derive(Default)]
struct ReadyPages {
    pages: VecDeque<Page>,
    /// Entries of pages before.
    spare: Vec<Vec<IndexEntry>>,
    user_sleeps: bool,
}

/// What the thread that reads ahead and the one that asks have in common.
pub struct SharedScanner {
    /// Whoever holds it makes the next page, and puts it among those that are ready or takes it for itself.
    scanner: Mutex<Scanner>,
    ready: Mutex<ReadyPages>,
    came: Condvar,
}

impl SharedScanner {
    pub fn new(scanner: Scanner) -> Self {
        Self { scanner: Mutex::new(scanner), ready: Mutex::default(), came: Condvar::new() }
    }

    pub fn scanner(&self) -> MutexGuard<'_, Scanner> {
        self.scanner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ready(&self) -> MutexGuard<'_, ReadyPages> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a page for the shelf, unless the worker is about to make one or has just taken the blocks for it.
    fn look_ahead(&self) {
        let Ok(mut scanner) = self.scanner.try_lock() else { return };
        let entries = self.ready().spare.pop().unwrap_or_default();
        let page = scanner.next(false, entries);
        let mut ready = self.ready();
        match page.reach {
            Reach::Pending => ready.spare.push(page.entries),
            _ => ready.pages.push_back(page),
        }
    }

    /// Takes a page in exchange for entries that nobody uses any more.
    fn take(&self, entries: &mut Vec<IndexEntry>) -> Option<Page> {
        let mut ready = self.ready();
        let page = ready.pages.pop_front()?;
        ready.spare.push(std::mem::take(entries));
        Some(page)
    }

    /// Wakes the worker, if it waits until something was read.
    fn wake(&self) {
        if std::mem::take(&mut self.ready().user_sleeps) {
            self.came.notify_one();
        }
    }
}

/// A thread that reads a file until its end, or until nobody wants more.
pub struct ReadAhead {
    shared: Arc<SharedScanner>,
    pool: Arc<BlockPool>,
    thread: Option<JoinHandle<()>>,
}

impl ReadAhead {
    pub fn start(shared: Arc<SharedScanner>, pool: Arc<BlockPool>, mut reader: Reader) -> io::Result<Self> {
        let guard = ExitGuard { shared: shared.clone(), pool: pool.clone() };
        let thread = std::thread::Builder::new().name("netmon-reader".into()).spawn(move || {
            let ExitGuard { shared, pool } = &guard;
            loop {
                let outcome = reader.next();
                let is_last = !matches!(outcome, Ok(Some(_)));
                pool.put(outcome);
                if is_last {
                    return;
                }
                if pool.stock() >= BACKLOG {
                    shared.look_ahead();
                }
                shared.wake();
            }
        })?;
        Ok(Self { shared, pool, thread: Some(thread) })
    }

    /// The next page, made of entries that nobody uses any more.
    pub fn next(&mut self, mut entries: Vec<IndexEntry>) -> Page {
        loop {
            if let Some(page) = self.shared.take(&mut entries) {
                return page;
            }
            let mut scanner = self.shared.scanner();
            // The thread may have put one on the shelf meanwhile.
            if let Some(page) = self.shared.take(&mut entries) {
                return page;
            }
            let page = scanner.next(false, entries);
            drop(scanner);
            if page.reach != Reach::Pending {
                self.end_with_panic();
                return page;
            }
            entries = page.entries;
            self.wait();
        }
    }

    /// Waits until something was read.
    fn wait(&self) {
        let mut ready = self.shared.ready();
        while ready.pages.is_empty() && self.pool.stock() == 0 && !self.pool.is_over() {
            ready.user_sleeps = true;
            self.pool.hurry();
            ready = self.shared.came.wait(ready).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Passes on a panic of the thread: it is not the end of the file.
    fn end_with_panic(&mut self) {
        if self.pool.is_over()
            && let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
        {
            resume_unwind(panic);
        }
    }

    pub fn is_ready(&self) -> bool {
        let has_some = !self.shared.ready().pages.is_empty() || self.pool.stock() > 0;
        has_some && !self.pool.lacks_large() || self.pool.is_over()
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.pool.abandon();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread matters to nobody any more.
            let _ = thread.join();
        }
    }
}

/// The thread ends, even by a panic: nobody waits for it any more.
struct ExitGuard {
    shared: Arc<SharedScanner>,
    pool: Arc<BlockPool>,
}

impl Drop for ExitGuard {
    fn drop(&mut self) {
        self.pool.finish();
        self.shared.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::file::blocks::Pace;
    use crate::capture::file::blocks::pool::BLOCK_SIZE;
    use crate::capture::file::capture_file::CaptureFile;

    /// A pcap file of packets of 1,000 bytes, several blocks long.
    fn capture() -> Vec<u8> {
        let mut out: Vec<u8> =
            [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 1].iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
        while out.len() < 4 * BLOCK_SIZE {
            out.extend([0, 0, 1000, 1000].iter().flat_map(|word: &u32| word.to_le_bytes()));
            out.resize(out.len() + 1000, 7);
        }
        out
    }

    #[test]
    fn a_block_that_the_worker_took_meanwhile_leaves_no_page_behind() {
        let mut file = CaptureFile::new(Box::new(io::Cursor::new(capture())), Pace::Ahead);
        file.begin(false).unwrap();
        let shared = SharedScanner::new(Scanner::new(file));
        let mut entries = Vec::new();
        let (reader, pool) = {
            let mut scanner = shared.scanner();
            assert_eq!(scanner.next(false, Vec::new()).reach, Reach::Here);
            (scanner.file.take_reader(), scanner.file.pool())
        };
        let mut reader = reader.unwrap();
        shared.look_ahead();
        assert!(shared.take(&mut entries).is_none(), "nothing was read yet");
        pool.put(reader.next());
        shared.look_ahead();
        assert_eq!(shared.take(&mut entries).map(|page| page.reach), Some(Reach::Here));
    }
}

//! A thread that reads a file ahead. It also looks through what it has read while the worker is busy with earlier
//! packets.

use std::collections::VecDeque;
use std::io;
use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::{Page, Place, Scanner};
use crate::capture::file::Reach;
use crate::capture::file::blocks::Reader;
use crate::capture::file::blocks::depot::Depot;

/// Number of blocks read but not looked through at which the thread looks through one itself. If it did so with one
/// fewer, the worker might have to wait for it to read.
const BACKLOG: usize = 2;

/// Pages that wait for the worker, at most as many as there are blocks.
#[derive(Default)]
struct Shelf {
    pages: VecDeque<Page>,
    /// Memory of the places of earlier pages, to be used again.
    spare: Vec<Vec<Place>>,
    user_sleeps: bool,
}

/// What the thread that reads ahead shares with the worker.
pub struct Shared {
    /// Whoever holds the lock makes the next page, and puts it on the shelf or uses it.
    scanner: Mutex<Scanner>,
    shelf: Mutex<Shelf>,
    came: Condvar,
}

impl Shared {
    pub fn new(scanner: Scanner) -> Self {
        Self { scanner: Mutex::new(scanner), shelf: Mutex::default(), came: Condvar::new() }
    }

    pub fn scanner(&self) -> MutexGuard<'_, Scanner> {
        self.scanner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a page for the shelf, unless the worker is about to make one.
    fn look_ahead(&self) {
        let Ok(mut scanner) = self.scanner.try_lock() else { return };
        let places = self.shelf().spare.pop().unwrap_or_default();
        let page = scanner.next(false, places);
        self.shelf().pages.push_back(page);
    }

    /// Takes a page from the shelf, in exchange for places whose memory is used again.
    fn take(&self, places: &mut Vec<Place>) -> Option<Page> {
        let mut shelf = self.shelf();
        let page = shelf.pages.pop_front()?;
        shelf.spare.push(std::mem::take(places));
        Some(page)
    }

    /// Wakes the worker, if it waits until something was read.
    fn wake(&self) {
        if std::mem::take(&mut self.shelf().user_sleeps) {
            self.came.notify_one();
        }
    }
}

/// A thread that reads a file until its end, or until nobody wants more.
pub struct Ahead {
    shared: Arc<Shared>,
    depot: Arc<Depot>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    pub fn start(shared: Arc<Shared>, depot: Arc<Depot>, mut reader: Reader) -> io::Result<Self> {
        let leaving = Leaving { shared: shared.clone(), depot: depot.clone() };
        let thread = std::thread::Builder::new().name("netmon-reader".into()).spawn(move || {
            let Leaving { shared, depot } = &leaving;
            loop {
                let outcome = reader.next();
                let is_last = !matches!(outcome, Ok(Some(_)));
                depot.put(outcome);
                if is_last {
                    return;
                }
                if depot.stock() >= BACKLOG {
                    shared.look_ahead();
                }
                shared.wake();
            }
        })?;
        Ok(Self { shared, depot, thread: Some(thread) })
    }

    /// Returns the next page. `places` is memory of an earlier page that is used again.
    pub fn next(&mut self, mut places: Vec<Place>) -> Page {
        loop {
            if let Some(page) = self.shared.take(&mut places) {
                return page;
            }
            let mut scanner = self.shared.scanner();
            // The thread may have put one on the shelf meanwhile.
            if let Some(page) = self.shared.take(&mut places) {
                return page;
            }
            let page = scanner.next(false, places);
            drop(scanner);
            if page.reach != Reach::Pending {
                self.end_with_panic();
                return page;
            }
            places = page.places;
            self.wait();
        }
    }

    /// Waits until something was read.
    fn wait(&self) {
        let mut shelf = self.shared.shelf();
        while shelf.pages.is_empty() && self.depot.stock() == 0 && !self.depot.is_over() {
            shelf.user_sleeps = true;
            self.depot.hurry();
            shelf = self.shared.came.wait(shelf).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Passes on a panic of the thread: it is not the end of the file.
    fn end_with_panic(&mut self) {
        if self.depot.is_over()
            && let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
        {
            resume_unwind(panic);
        }
    }

    pub fn is_ready(&self) -> bool {
        let has_some = !self.shared.shelf().pages.is_empty() || self.depot.stock() > 0;
        has_some && !self.depot.lacks_large() || self.depot.is_over()
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.depot.abandon();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread matters to nobody any more.
            let _ = thread.join();
        }
    }
}

/// Dropped when the thread ends, even by a panic: after that nobody waits for it.
struct Leaving {
    shared: Arc<Shared>,
    depot: Arc<Depot>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.depot.finish();
        self.shared.wake();
    }
}

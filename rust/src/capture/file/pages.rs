//! Blocks that were looked through: where their packets are. A large file is looked through by a thread of its own, while
//! the packets before are worked on.

use std::collections::VecDeque;
use std::io;
use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use super::blocks::depot::Depot;
use super::{CaptureFile, FileInterface, Lease, Location, Missing, Problem, Reach};
use crate::pipeline::packet::{SECOND, Timestamp};

/// A packet this much older than one before it was not written late: its clock is another. What an interface got is handed
/// over a second later by tcpdump, at the latest.
const MAX_LATE: i64 = 3 * SECOND;

/// A packet that was looked at, and where its bytes are.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub ts: Timestamp,
    pub at: u32,
    pub len: u32,
    pub wire_len: u32,
    pub interface: u16,
    /// Which of two blocks it lies in: they take turns.
    pub block: bool,
    /// A run begins with it: the clock before was another.
    pub begins: bool,
}

const _: () = assert!(size_of::<Place>() == 24);

/// A block that was looked through, or none, and what else the file told of.
pub struct Page {
    pub reach: Reach,
    /// Its packets, in the order of the file.
    pub places: Vec<Place>,
    /// None of them is earlier than one before it in the same run.
    pub is_in_order: bool,
    /// The latest time of the newest run.
    pub front: Timestamp,
    pub block: Option<Lease>,
    /// Interfaces told of since the page before.
    pub interfaces: Vec<FileInterface>,
    pub missing: Missing,
    /// Why there are no more pages, when that is not the end of the file.
    pub problem: Option<Problem>,
}

/// Looks through a file, block by block.
struct Scanner {
    file: CaptureFile,
    /// The latest time of the newest run.
    front: Timestamp,
    /// Which of two blocks comes next.
    block: bool,
    /// Interfaces that were told of.
    told: usize,
}

impl Scanner {
    /// The next block that has packets. Of a pipe, what there is; who is in a hurry has also what is less than a block.
    fn next(&mut self, hurry: bool, places: Vec<Place>) -> Page {
        let mut page = Page {
            reach: Reach::Here,
            places,
            is_in_order: true,
            front: self.front,
            block: None,
            interfaces: Vec::new(),
            missing: Missing::default(),
            problem: None,
        };
        page.places.clear();
        while page.places.is_empty() && page.reach == Reach::Here {
            match self.file.next_block(hurry).and_then(|reach| self.look_through(reach, &mut page)) {
                Ok(reach) => page.reach = reach,
                Err(problem) => self.fail(problem, &mut page),
            }
        }
        page.interfaces = self.file.interfaces()[self.told..].to_vec();
        self.told = self.file.interfaces().len();
        page.missing = self.file.take_missing();
        page
    }

    fn look_through(&mut self, reach: Reach, page: &mut Page) -> Result<Reach, Problem> {
        if reach != Reach::Here {
            return Ok(reach);
        }
        let (mut front, mut is_in_order, block) = (self.front, true, self.block);
        let result = self.file.look_through(|Location { interface, ts, wire_len, at, len }| {
            let mut begins = false;
            if ts < front {
                begins = ts.plus(MAX_LATE) < front;
                is_in_order &= begins;
            }
            front = if begins { ts } else { ts.max(front) };
            let (at, len, interface) = (at as u32, len as u32, interface as u16);
            page.places.push(Place { ts, at, len, wire_len: wire_len.max(len), interface, block, begins });
        });
        let lease = self.file.release();
        if !page.places.is_empty() {
            page.block = Some(lease);
            self.block = !block;
        }
        self.front = front;
        (page.front, page.is_in_order) = (front, is_in_order);
        result.map(|()| reach)
    }

    /// Nothing more can be read. What is not read is a packet at least.
    fn fail(&mut self, problem: Problem, page: &mut Page) {
        let told = &mut self.file.told;
        told.lose(told.cut);
        (page.reach, page.problem) = (Reach::End, Some(problem));
    }
}

/// The pages of a file, in order.
pub struct Pages {
    from: From,
}

enum From {
    /// Looked through when they are asked for.
    Here(Box<Scanner>),
    /// Looked through before.
    Ahead(Ahead),
    /// Nowhere any more.
    Nowhere,
}

impl Pages {
    pub fn new(file: CaptureFile) -> Self {
        let scanner = Scanner { file, front: Timestamp(i64::MIN), block: false, told: 0 };
        Self { from: From::Here(Box::new(scanner)) }
    }

    /// The next page, made of places that nobody uses any more. A file of one block is never worth a thread.
    pub fn next(&mut self, hurry: bool, places: Vec<Place>) -> Page {
        if let From::Here(scanner) = &mut self.from {
            if !scanner.file.is_worth_a_thread() {
                return scanner.next(hurry, places);
            }
            if let From::Here(scanner) = std::mem::replace(&mut self.from, From::Nowhere) {
                match Ahead::start(*scanner) {
                    Ok(ahead) => self.from = From::Ahead(ahead),
                    Err(error) => return ended(Some(error.into())),
                }
            }
        }
        match &mut self.from {
            From::Ahead(ahead) => ahead.next(places).unwrap_or_else(|| ended(None)),
            From::Here(_) | From::Nowhere => ended(None),
        }
    }

    /// The next page comes without waiting, for the file or for those who look at blocks before.
    pub fn is_ready(&self) -> bool {
        match &self.from {
            From::Here(scanner) => scanner.file.is_ready(),
            From::Ahead(ahead) => ahead.is_ready(),
            From::Nowhere => true,
        }
    }

    /// See [`CaptureFile::part_since`].
    pub fn part_since(&self) -> Option<Instant> {
        if let From::Here(scanner) = &self.from { scanner.file.part_since() } else { None }
    }
}

/// There are no more pages.
fn ended(problem: Option<Problem>) -> Page {
    Page {
        reach: Reach::End,
        places: Vec::new(),
        is_in_order: true,
        front: Timestamp(i64::MIN),
        block: None,
        interfaces: Vec::new(),
        missing: Missing::default(),
        problem,
    }
}

/// Pages between the thread that makes them and the one that asks; as many as there are blocks.
#[derive(Default)]
struct Shelf {
    pages: VecDeque<Page>,
    /// Places of pages before.
    spare: Vec<Vec<Place>>,
    user_sleeps: bool,
    /// Nobody makes any more.
    is_over: bool,
}

#[derive(Default)]
struct Shared {
    shelf: Mutex<Shelf>,
    came: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, page: Page) {
        let mut shelf = self.lock();
        shelf.pages.push_back(page);
        self.wake(&mut shelf);
    }

    fn wake(&self, shelf: &mut Shelf) {
        if std::mem::take(&mut shelf.user_sleeps) {
            self.came.notify_one();
        }
    }
}

/// A thread that makes pages until there are no more, or nobody wants them.
struct Ahead {
    shared: Arc<Shared>,
    depot: Arc<Depot>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    fn start(mut scanner: Scanner) -> io::Result<Self> {
        let (shared, depot) = (Arc::<Shared>::default(), scanner.file.depot());
        let leaving = Leaving(shared.clone());
        let thread = std::thread::Builder::new().name("netmon-reader".into()).spawn(move || {
            loop {
                let places = leaving.0.lock().spare.pop().unwrap_or_default();
                let page = scanner.next(false, places);
                let is_last = page.reach != Reach::Here;
                leaving.0.put(page);
                if is_last {
                    return;
                }
            }
        })?;
        Ok(Self { shared, depot, thread: Some(thread) })
    }

    /// The next page; `None` when nobody makes any more.
    fn next(&mut self, places: Vec<Place>) -> Option<Page> {
        let mut shelf = self.shared.lock();
        shelf.spare.push(places);
        loop {
            if let Some(page) = shelf.pages.pop_front() {
                return Some(page);
            }
            if shelf.is_over {
                drop(shelf);
                if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
                    resume_unwind(panic);
                }
                return None;
            }
            shelf.user_sleeps = true;
            self.depot.hurry();
            shelf = self.shared.came.wait(shelf).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn is_ready(&self) -> bool {
        !self.shared.lock().pages.is_empty() && !self.depot.lacks_large()
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
struct Leaving(Arc<Shared>);

impl Drop for Leaving {
    fn drop(&mut self) {
        let mut shelf = self.0.lock();
        shelf.is_over = true;
        self.0.wake(&mut shelf);
    }
}

//! Looks through a file, block by block: where its packets are, and which of them were written late.

use crate::capture::file::blocks::Lease;
use crate::capture::file::capture_file::CaptureFile;
use crate::capture::file::record::{FileInterface, Location, Missing, Problem, Reach};
use crate::pipeline::packet::{SECOND, Timestamp};

/// A packet more than this many nanoseconds older than one before it was not written late: it has another clock.
/// tcpdump is handed packets a second after their capture at the latest.
const MAX_LATE: i64 = 3 * SECOND;

/// A packet that was looked at, and where its bytes are.
#[derive(Clone, Copy, Debug)]
pub struct IndexEntry {
    pub ts: Timestamp,
    pub at: u32,
    pub len: u32,
    pub wire_len: u32,
    pub interface: u16,
    /// Which of two blocks it lies in; the blocks alternate.
    pub block: bool,
    /// True if a run begins with it, because the clock changed.
    pub begins: bool,
}

const _: () = assert!(size_of::<IndexEntry>() == 24);

/// A block that was looked through, if there is one, and what else was read from the file.
pub struct Page {
    pub reach: Reach,
    /// Its packets, in the order of the file.
    pub entries: Vec<IndexEntry>,
    /// True if no packet is earlier than one before it in the same run.
    pub is_in_order: bool,
    /// The latest time of the newest run.
    pub front: Timestamp,
    pub block: Option<Lease>,
    /// Interfaces described since the page before.
    pub interfaces: Vec<FileInterface>,
    pub missing: Missing,
    /// Why there are no more pages, if it is not the end of the file.
    pub problem: Option<Problem>,
}

impl Page {
    /// The page that says that there are no more.
    pub fn ended(problem: Option<Problem>) -> Self {
        Self {
            reach: Reach::End,
            entries: Vec::new(),
            is_in_order: true,
            front: Timestamp(i64::MIN),
            block: None,
            interfaces: Vec::new(),
            missing: Missing::default(),
            problem,
        }
    }
}

/// Looks through a file, block by block.
pub struct Scanner {
    pub file: CaptureFile,
    /// The latest time of the newest run.
    front: Timestamp,
    /// Which of two alternating blocks comes next.
    block: bool,
    /// Number of interfaces that were passed on.
    told: usize,
}

impl Scanner {
    pub fn new(file: CaptureFile) -> Self {
        Self { file, front: Timestamp(i64::MIN), block: false, told: 0 }
    }

    /// Looks through the next block that has packets. If another thread reads the file, the block may be pending. With
    /// `hurry`, a pipe also gives less than a block.
    pub fn next(&mut self, hurry: bool, entries: Vec<IndexEntry>) -> Page {
        let mut page = Page { reach: Reach::Here, entries, front: self.front, ..Page::ended(None) };
        page.entries.clear();
        while page.entries.is_empty() && page.reach == Reach::Here {
            match self.file.next_block(hurry).and_then(|reach| self.look_through(reach, &mut page)) {
                Ok(reach) => page.reach = reach,
                Err(problem) => self.fail(problem, &mut page),
            }
        }
        // What a pipe brings without packets is passed on at once.
        if page.reach != Reach::Pending || self.file.is_pipe() {
            page.interfaces = self.file.interfaces()[self.told..].to_vec();
            self.told += page.interfaces.len();
            page.missing = self.file.take_missing();
        }
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
            let (at, len) = (at as u32, len as u32);
            page.entries.push(IndexEntry { ts, at, len, wire_len: wire_len.max(len), interface, block, begins });
        });
        let lease = self.file.release();
        if !page.entries.is_empty() {
            page.block = Some(lease);
            self.block = !block;
        }
        self.front = front;
        (page.front, page.is_in_order) = (front, is_in_order);
        result.map(|()| reach)
    }

    /// Ends the file with a problem. What cannot be read counts as one packet.
    fn fail(&mut self, problem: Problem, page: &mut Page) {
        let told = &mut self.file.told;
        told.lose(told.cut);
        (page.reach, page.problem) = (Reach::End, Some(self.file.judge(problem)));
    }
}

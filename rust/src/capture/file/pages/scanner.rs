//! Looks through a file, block by block: where its packets are, and which of them were written late.

use crate::capture::file::blocks::Lease;
use crate::capture::file::capture_file::CaptureFile;
use crate::capture::file::record::{FileInterface, Location, Missing, Problem, Reach};
use crate::pipeline::packet::{SECOND, Timestamp};

/// A packet this much older than one before it was not written late: its clock is another. What an interface got is handed
/// over a second later by tcpdump, at the latest.
const MAX_LATE: i64 = 3 * SECOND;

/// A packet that was looked at, and where its bytes are.
#[derive(Clone, Copy, Debug)]
pub struct IndexEntry {
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

const _: () = assert!(size_of::<IndexEntry>() == 24);

/// A block that was looked through, or none, and what else the file told of.
pub struct Page {
    pub reach: Reach,
    /// Its packets, in the order of the file.
    pub entries: Vec<IndexEntry>,
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

impl Page {
    /// There are no more pages.
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
    /// Which of two blocks comes next.
    block: bool,
    /// Interfaces that were told of.
    told: usize,
}

impl Scanner {
    pub fn new(file: CaptureFile) -> Self {
        Self { file, front: Timestamp(i64::MIN), block: false, told: 0 }
    }

    /// The next block that has packets. Of what somebody else reads, what there is; who is in a hurry has of a pipe also what
    /// is less than a block.
    pub fn next(&mut self, hurry: bool, entries: Vec<IndexEntry>) -> Page {
        let mut page = Page { reach: Reach::Here, entries, front: self.front, ..Page::ended(None) };
        page.entries.clear();
        while page.entries.is_empty() && page.reach == Reach::Here {
            match self.file.next_block(hurry).and_then(|reach| self.look_through(reach, &mut page)) {
                Ok(reach) => page.reach = reach,
                Err(problem) => self.fail(problem, &mut page),
            }
        }
        // News of a pipe that has no packets is news all the same.
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

    /// Nothing more can be read. What is not read is a packet at least.
    fn fail(&mut self, problem: Problem, page: &mut Page) {
        let told = &mut self.file.told;
        told.lose(told.cut);
        (page.reach, page.problem) = (Reach::End, Some(self.file.judge(problem)));
    }
}

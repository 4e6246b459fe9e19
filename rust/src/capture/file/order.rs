//! The packets of a file in order of time.
//!
//! Each block is looked through before the one ahead of it is given, so packets that were written later than captured, by up
//! to a block, get to their place. A file that is in order has nothing sorted.
//!
//! Not everything that goes back in time is late. Where the clock was set back, or a packet has a broken time, the order of
//! the file says more than the times: there a new run begins, and packets never pass from one run to another.

use std::mem::swap;
use std::sync::Arc;
use std::time::Instant;

use super::blocks::Lease;
use super::capture_file::CaptureFile;
use super::pages::{IndexEntry, Pages};
use super::record::{FileInterface, Missing, Problem, Reach};
use crate::pipeline::packet::Timestamp;

/// A packet, and the block in which it begins `at` there.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// When it was captured.
    pub ts: Timestamp,
    /// Its length on the wire.
    pub wire_len: u32,
    /// Which of [`InOrder::interfaces`] it came from.
    pub interface: u16,
    /// What was captured of it.
    pub data: &'a [u8],
    /// The block.
    pub block: &'a Arc<Lease>,
    /// Where in the block the data begins.
    pub at: usize,
}

/// A file whose packets are given in order of time.
pub struct InOrder {
    pages: Pages,
    interfaces: Vec<FileInterface>,
    /// Not taken yet.
    missing: Missing,
    /// The two newest blocks. Those of packets waiting are among them.
    blocks: [Option<Arc<Lease>>; 2],
    /// Which of the blocks is the newest.
    newest: bool,
    /// Packets looked at; those from `next` to `until` may be given.
    waiting: Vec<IndexEntry>,
    next: usize,
    until: usize,
    /// Packets of the newest block, when they all come after those waiting.
    coming: Vec<IndexEntry>,
    /// The latest time of the newest run.
    front: Timestamp,
    /// Packets looked at in all.
    count: u64,
    /// Nothing more is read.
    is_over: bool,
    /// Why, when that is not the end of the file. Told after the packets before it.
    problem: Option<Problem>,
}

impl InOrder {
    /// The packets of a file of which none was read.
    pub fn new(file: CaptureFile) -> Self {
        Self {
            pages: Pages::new(file),
            interfaces: Vec::new(),
            missing: Missing::default(),
            blocks: [None, None],
            newest: false,
            waiting: Vec::new(),
            next: 0,
            until: 0,
            coming: Vec::new(),
            front: Timestamp(i64::MIN),
            count: 0,
            is_over: false,
            problem: None,
        }
    }

    /// The interfaces of all packets that may be given.
    pub fn interfaces(&self) -> &[FileInterface] {
        &self.interfaces
    }

    /// Takes what is missing as far as the file told since the last call.
    pub fn take_missing(&mut self) -> Missing {
        std::mem::take(&mut self.missing)
    }

    /// Packets looked at, and not given yet.
    pub fn left(&self) -> usize {
        self.waiting.len() + self.coming.len() - self.next
    }

    /// Packets looked at so far.
    pub fn seen(&self) -> u64 {
        self.count
    }

    /// The latest time of a packet looked at; `None` before the first.
    pub fn front(&self) -> Option<Timestamp> {
        (self.count > 0).then_some(self.front)
    }

    /// All packets were looked at, and hardly any of them is left to be given.
    pub fn is_ending(&self) -> bool {
        self.is_over && self.left() as u64 * 8 < self.count
    }

    /// There are packets to give.
    pub fn has_some(&self) -> bool {
        self.next < self.until
    }

    /// Packets wait for what the next block has.
    pub fn holds_back(&self) -> bool {
        self.until < self.waiting.len()
    }

    /// The next block can be looked at without waiting.
    pub fn is_ready(&self) -> bool {
        self.is_over || self.pages.is_ready()
    }

    /// See [`CaptureFile::part_since`].
    pub fn part_since(&self) -> Option<Instant> {
        self.pages.part_since()
    }

    /// When the next packet was captured, for comparing with other files. A single packet whose clock was far ahead holds
    /// those behind it up no longer than they ask for.
    pub fn head(&self) -> Option<Timestamp> {
        let entry = self.waiting[..self.until].get(self.next)?;
        Some(self.after(self.next).map_or(entry.ts, |next| entry.ts.min(next.ts)))
    }

    /// The packet behind one, if it begins another run.
    fn after(&self, at: usize) -> Option<&IndexEntry> {
        self.waiting.get(at + 1).or_else(|| self.coming.first()).filter(|entry| entry.begins)
    }

    /// Gives the packets that come before `limit`, and those of that very instant if it `includes` them, at most so many.
    pub fn give(&mut self, limit: Timestamp, includes: bool, most: usize, mut take: impl FnMut(Given<'_>)) {
        let end = self.end_before(limit, includes, self.until.min(self.next.saturating_add(most)));
        let Self { waiting, blocks, next, .. } = self;
        let first = *next;
        for entry in &waiting[first..end] {
            // Who takes it may panic, and is not given it again.
            *next += 1;
            let &IndexEntry { ts, at, len, wire_len, interface, block, .. } = entry;
            if let Some(block) = &blocks[usize::from(block)]
                && let Some(data) = block.get(at as usize..(at + len) as usize)
            {
                take(Given { ts, wire_len, interface, data, block, at: at as usize });
            }
        }
    }

    fn end_before(&self, limit: Timestamp, includes: bool, most: usize) -> usize {
        if limit.0 == i64::MAX {
            return most;
        }
        let is_due = |ts: Timestamp| ts < limit || includes && ts == limit;
        let is_late =
            |at: &usize| !is_due(self.waiting[*at].ts) && !self.after(*at).is_some_and(|next| is_due(next.ts));
        (self.next..most).find(is_late).unwrap_or(most)
    }

    /// Looks at more of the file when nothing is left to give: until there is something, or the file is over. Of a pipe it
    /// takes what is there; who is in a hurry has also what is less than a block. Pending is also what somebody has to wait
    /// for who may not.
    pub fn refill(&mut self, hurry: bool, may_wait: bool) -> Result<Reach, Problem> {
        while !self.has_some() {
            self.forget_given();
            if self.is_over {
                if !self.release() {
                    return self.problem.take().map_or(Ok(Reach::End), Err);
                }
            } else if self.lies_alone() {
                self.release();
            } else if !may_wait && !self.pages.is_ready() || self.look_through(hurry) == Reach::Pending {
                return Ok(Reach::Pending);
            }
        }
        Ok(Reach::Here)
    }

    /// Packets that were held back may be given now. True if there are any.
    pub fn release(&mut self) -> bool {
        self.until = self.waiting.len();
        self.has_some()
    }

    /// Looks for the first packet. Nothing may have been given.
    pub fn begin(&mut self, hurry: bool) -> Reach {
        while self.waiting.is_empty() && !self.is_over {
            if self.look_through(hurry) == Reach::Pending {
                return Reach::Pending;
            }
        }
        if self.waiting.is_empty() { Reach::End } else { Reach::Here }
    }

    /// Why there is no packet and no interface either.
    pub fn failed_to_begin(&mut self) -> Option<Problem> {
        self.problem.take_if(|_| self.interfaces.is_empty())
    }

    /// When the first packet was captured, once [`InOrder::begin`] has found it.
    pub fn first(&self) -> Option<Timestamp> {
        self.waiting.first().map(|entry| entry.ts)
    }

    /// Drops packets that were given, and the older block.
    fn forget_given(&mut self) {
        if self.next < self.waiting.len() {
            self.waiting.drain(..self.next);
        } else {
            self.waiting.clear();
            swap(&mut self.waiting, &mut self.coming);
        }
        (self.next, self.until) = (0, 0);
        self.blocks[usize::from(!self.newest)] = None;
        if self.waiting.is_empty() {
            self.blocks = [None, None];
        }
    }

    /// The newest block is a record larger than a block: nothing is read until it is given back.
    fn lies_alone(&self) -> bool {
        self.blocks[usize::from(self.newest)].as_ref().is_some_and(|block| block.is_large())
    }

    /// Takes the next page.
    fn look_through(&mut self, hurry: bool) -> Reach {
        let page = self.pages.next(hurry, std::mem::take(&mut self.coming));
        self.interfaces.extend(page.interfaces);
        self.missing.add(page.missing);
        self.coming = page.entries;
        self.count += self.coming.len() as u64;
        if let (Some(entry), Some(block)) = (self.coming.first(), page.block) {
            self.newest = entry.block;
            self.front = page.front;
            self.blocks[usize::from(self.newest)] = Some(Arc::new(block));
            self.settle(page.is_in_order);
        }
        self.is_over |= page.reach == Reach::End;
        self.problem = self.problem.take().or(page.problem);
        page.reach
    }

    /// Packets of the newest block go where their times belong. What is waiting may be given up to the last packet of the
    /// block before.
    fn settle(&mut self, is_in_order: bool) {
        if !is_in_order {
            sort(&mut self.coming);
        }
        let Some(last) = self.waiting.last() else { return swap(&mut self.waiting, &mut self.coming) };
        if self.coming.first().is_none_or(|first| first.begins || first.ts >= last.ts) {
            self.until = self.waiting.len();
            return;
        }
        self.waiting.append(&mut self.coming);
        sort(&mut self.waiting);
        let newest = self.newest;
        self.until = self.waiting.iter().rposition(|entry| entry.block != newest).map_or(0, |at| at + 1);
    }
}

/// Sorts each run by time; packets of one instant stay as they are.
fn sort(entries: &mut [IndexEntry]) {
    for run in entries.chunk_by_mut(|_, next| !next.begins) {
        let begins = run[0].begins;
        run[0].begins = false;
        run.sort_by_key(|entry| entry.ts);
        run[0].begins = begins;
    }
}

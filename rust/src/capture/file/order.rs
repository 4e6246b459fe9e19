//! The packets of a file in order of time.
//!
//! Before the packets of a block are given, the block behind it is looked through. So a packet that was written late,
//! by up to a block, still gets to its place. Nothing is sorted in a file that is in order.
//!
//! A packet that goes back in time is not always late. Where the clock was set back, or a packet has a broken time, the
//! order of the file tells more than the times. There a new run begins, and no packet passes from one run to another.

use std::mem::swap;
use std::sync::Arc;
use std::time::Instant;

use super::blocks::{Lease, Pace};
use super::capture_file::CaptureFile;
use super::pages::{IndexEntry, Pages};
use super::record::{FileInterface, Missing, Problem, Reach};
use crate::pipeline::packet::Timestamp;

/// A packet, and the block in which its data lies.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// When it was captured.
    pub ts: Timestamp,
    /// Its length on the wire.
    pub wire_len: u32,
    /// Which of [`InOrder::interfaces`] it came from.
    pub interface: u16,
    /// Captured bytes.
    pub data: &'a [u8],
    /// The block in which the data lies.
    pub block: &'a Arc<Lease>,
    /// Where in the block the data begins.
    pub at: usize,
}

/// What the first block of a file tells.
#[derive(Clone, Copy, Debug)]
pub struct FirstBlock {
    /// Captured bytes of its packets.
    pub bytes: u64,
    /// The number of its packets.
    pub packets: u64,
    /// True if the file is compressed.
    pub is_packed: bool,
}

/// A file whose packets are given in order of time.
pub struct InOrder {
    pages: Pages,
    interfaces: Vec<FileInterface>,
    /// What is missing, until it is taken.
    missing: Missing,
    /// The two newest blocks. All packets in `waiting` lie in them.
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
    /// Number of packets looked at so far.
    count: u64,
    /// True if nothing more is read.
    is_over: bool,
    /// The reason, if it is not the end of the file. It is reported after the packets before it.
    problem: Option<Problem>,
}

impl InOrder {
    /// The packets of a file from which none was read yet.
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

    /// Takes what is missing since the last call.
    pub fn take_missing(&mut self) -> Missing {
        std::mem::take(&mut self.missing)
    }

    /// Number of packets that were looked at and not given yet.
    pub fn left(&self) -> usize {
        self.waiting.len() + self.coming.len() - self.next
    }

    /// Number of packets looked at so far.
    pub fn seen(&self) -> u64 {
        self.count
    }

    /// The latest time of a packet looked at; `None` before the first.
    pub fn front(&self) -> Option<Timestamp> {
        (self.count > 0).then_some(self.front)
    }

    /// True if all packets were looked at, and hardly any is left to be given.
    pub fn is_ending(&self) -> bool {
        self.is_over && self.left() as u64 * 8 < self.count
    }

    /// True if there are packets to give.
    pub fn has_some(&self) -> bool {
        self.next < self.until
    }

    /// True if packets wait until the next block was looked through.
    pub fn holds_back(&self) -> bool {
        self.until < self.waiting.len()
    }

    /// True if the next block can be looked through without waiting.
    pub fn is_ready(&self) -> bool {
        self.is_over || self.pages.is_ready()
    }

    /// See [`CaptureFile::part_since`].
    pub fn part_since(&self) -> Option<Instant> {
        self.pages.part_since()
    }

    /// Time of the next packet, for comparing with other files. If the packet behind it begins another run at an
    /// earlier time, it is that time. So one packet whose clock was far ahead does not hold up those behind it.
    pub fn head(&self) -> Option<Timestamp> {
        let entry = self.waiting[..self.until].get(self.next)?;
        Some(self.after(self.next).map_or(entry.ts, |next| entry.ts.min(next.ts)))
    }

    /// The packet behind one, if it begins another run.
    fn after(&self, at: usize) -> Option<&IndexEntry> {
        self.waiting.get(at + 1).or_else(|| self.coming.first()).filter(|entry| entry.begins)
    }

    /// Gives at most `most` packets: those before `limit` and, if `includes` is set, those of that very instant.
    pub fn give(&mut self, limit: Timestamp, includes: bool, most: usize, mut take: impl FnMut(Given<'_>)) {
        let end = self.end_before(limit, includes, self.until.min(self.next.saturating_add(most)));
        let Self { waiting, blocks, next, .. } = self;
        let first = *next;
        for entry in &waiting[first..end] {
            // If `take` panics, the packet is not given again.
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

    /// Looks through more of the file while there is nothing to give, until there is something or the file is over.
    /// With `hurry`, a pipe also gives less than a block. Returns `Pending` if nothing has come yet, or if it would
    /// have to wait and `may_wait` is not set.
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

    /// Lets packets be given that were held back. Returns true if there are any.
    pub fn release(&mut self) -> bool {
        self.until = self.waiting.len();
        self.has_some()
    }

    /// Looks for the first packet. No packet may have been given before.
    pub fn begin(&mut self, hurry: bool) -> Reach {
        while self.waiting.is_empty() && !self.is_over {
            if self.look_through(hurry) == Reach::Pending {
                return Reach::Pending;
            }
        }
        if self.waiting.is_empty() { Reach::End } else { Reach::Here }
    }

    /// Takes the problem of a file in which not even an interface was found.
    pub fn failed_to_begin(&mut self) -> Option<Problem> {
        self.problem.take_if(|_| self.interfaces.is_empty())
    }

    /// What the first block tells, once [`InOrder::begin`] has found it.
    pub fn first_block(&self) -> FirstBlock {
        let bytes = self.waiting.iter().map(|entry| u64::from(entry.len)).sum();
        FirstBlock { bytes, packets: self.waiting.len() as u64, is_packed: self.pages.is_packed() }
    }

    /// Changes how the rest of a file is read. To be called before the first packet is given.
    pub fn set_pace(&mut self, pace: Pace) {
        self.pages.set_pace(pace);
    }

    /// Time of the first packet, once [`InOrder::begin`] has found it.
    pub fn first(&self) -> Option<Timestamp> {
        self.waiting.first().map(|entry| entry.ts)
    }

    /// Drops the packets that were given, and the older block.
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

    /// True if the newest block is a record larger than a block: nothing is read until it is given back.
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

    /// Puts the packets of the newest block where their times belong. What is waiting may be given up to the last
    /// packet of the block before.
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

/// Sorts each run by time. Packets of one instant keep their order.
fn sort(entries: &mut [IndexEntry]) {
    for run in entries.chunk_by_mut(|_, next| !next.begins) {
        let begins = run[0].begins;
        run[0].begins = false;
        run.sort_by_key(|entry| entry.ts);
        run[0].begins = begins;
    }
}

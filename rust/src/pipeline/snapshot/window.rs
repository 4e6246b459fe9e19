//! The merge of the snapshots of the last seconds. Each new snapshot costs a few merges, even if the window is long.
//!
//! The parts of the window form a queue of two stacks. Each of the older parts has the sum of itself and all later
//! older parts. The newer parts share one sum. The window is the sum of the oldest part's sum and of the newer parts'
//! sum. When the oldest part leaves the window, its sum is popped. When no older part is left, the newer parts become
//! the older ones, which costs one merge each. Nothing is ever subtracted, so extremes and addresses, which cannot be
//! subtracted, are exact. Each sum is made when it is first read ([`Sum`]).

use std::collections::VecDeque;
use std::sync::Arc;

use super::limits::Limits;
use super::merge::Snapshot;
use super::sum::Sum;
use crate::pipeline::packet::{InterfaceId, SECOND, Timestamp};

/// Snapshots of this many nanoseconds are kept even if the window is shorter, so that it can be made longer. A terminal
/// shows as much of the past.
pub const KEPT: i64 = 60 * SECOND;

/// Most parts of a window. Each part has a sum, so the memory grows with their number. Shorter snapshots are joined.
const PARTS: i64 = 60;

/// Most rows of all parts together: a few hundred MB, or ten seconds of 10,000 hosts with a few sections each. Each
/// snapshot has a share of them. A snapshot with more rows than its share is folded.
pub const ROWS: usize = 400_000;

/// Most pending rows of a sum that is not read. A sum with more is made all the same, so that its terms can be freed.
const MAX_PENDING: usize = ROWS / 4;

/// The merge of the last `length` nanoseconds, and the merge of everything. A clone shares the rows.
#[derive(Clone, Debug)]
pub struct Window {
    /// `None` if the window has no limit.
    length: Option<i64>,
    now: Timestamp,
    /// Oldest first. Parts before the window are kept in case the window is made longer.
    parts: VecDeque<Part>,
    /// Number of rows of all parts.
    rows: usize,
    /// For each of the older parts in the window, the sum of this part and of the older parts after it. The sum of the
    /// oldest part is last.
    older: Vec<Arc<Sum>>,
    /// Sum of the newer parts in the window. `newer_parts` is their number.
    newer: Arc<Sum>,
    newer_parts: usize,
    merged: Arc<Sum>,
    total: Arc<Sum>,
}

#[derive(Clone, Debug)]
struct Part {
    snapshot: Arc<Snapshot>,
    start: Timestamp,
    /// The latest end so far, since time may run backwards.
    end: Timestamp,
    rows: usize,
}

impl Window {
    /// An empty window of `length` nanoseconds, or of all time (`None`).
    pub fn new(length: Option<i64>) -> Self {
        Self {
            length: length.map(|length| length.max(1)),
            now: Timestamp(i64::MIN),
            parts: VecDeque::new(),
            rows: 0,
            older: Vec::new(),
            newer: Arc::default(),
            newer_parts: 0,
            merged: Arc::default(),
            total: Arc::default(),
        }
    }

    /// Adds the next snapshot. Parts that ended `length` or more before its end leave the window.
    pub fn push(&mut self, snapshot: Arc<Snapshot>) {
        self.total = with_total(&self.total, snapshot.clone());
        let (start, end) = snapshot.span.unwrap_or((self.now, self.now));
        if end <= self.before(self.kept()) {
            // The clock was set back, so the parts cannot be ordered with the new snapshot.
            self.forget_all();
        }
        self.now = self.now.max(end);
        self.add(self.share(snapshot, end.0.saturating_sub(start.0)), start);
        self.slide();
        self.bound();
        self.sum_up();
    }

    /// Makes the window longer or shorter at once, with the snapshots that are kept.
    pub fn resize(&mut self, length: Option<i64>) {
        self.length = length.map(|length| length.max(1));
        (self.older, self.newer, self.newer_parts) = (Vec::new(), Arc::default(), 0);
        self.join();
        if let Some(length) = self.length {
            let horizon = self.before(length);
            self.stack(self.parts.iter().rev().take_while(|part| part.end > horizon).count());
        }
        self.sum_up();
    }

    /// Returns the length in nanoseconds, `None` if the window has no limit.
    pub fn length(&self) -> Option<i64> {
        self.length
    }

    /// Returns the merge of the window.
    pub fn merged(&self) -> Arc<Sum> {
        if self.length.is_none() { self.total.clone() } else { self.merged.clone() }
    }

    /// Returns the merge of everything. It is folded when it exceeds twice the limits of an interval.
    pub fn total(&self) -> Arc<Sum> {
        self.total.clone()
    }

    /// Returns the number of rows of all parts that are kept.
    pub fn rows(&self) -> usize {
        self.rows
    }

    fn kept(&self) -> i64 {
        self.length.unwrap_or(0).max(KEPT)
    }

    fn slot(&self) -> i64 {
        self.length.unwrap_or(KEPT) / PARTS
    }

    fn before(&self, nanos: i64) -> Timestamp {
        Timestamp(self.now.0.saturating_sub(nanos))
    }

    /// Returns the snapshot, folded if it has more rows than its share of [`ROWS`].
    fn share(&self, snapshot: Arc<Snapshot>, span: i64) -> Arc<Snapshot> {
        let parts = self.length.unwrap_or(KEPT) / span.max(self.slot()).max(1);
        let share = ROWS / (parts.clamp(1, PARTS) as usize);
        if snapshot.weight() <= share {
            return snapshot;
        }
        let most = Limits::default();
        // Each host may have one more section, for the rest.
        let limits = Limits {
            hosts: share / 4,
            sections: share / 8 * 3,
            clients: most.clients.min(share / 8),
            exchanges: share / 4,
            connections: most.connections.min(share / 8),
            buckets: share * 16,
            ..most
        };
        Arc::new(snapshot.folded(&limits))
    }

    fn add(&mut self, snapshot: Arc<Snapshot>, start: Timestamp) {
        if self.length.is_some() {
            self.newer = settled(self.newer.plus(snapshot.clone()));
        }
        let slot = self.slot();
        // The newest part cannot grow if it is one of the older parts, because their sums are fixed.
        let is_open = self.newer_parts > 0 || self.length.is_none();
        match self.parts.back_mut() {
            Some(last) if is_open && self.now.0.saturating_sub(last.start.0) <= slot => {
                self.rows -= last.rows;
                last.absorb(&snapshot, self.now);
                self.rows += last.rows;
            }
            _ => {
                let rows = snapshot.rows();
                self.parts.push_back(Part { snapshot, start, end: self.now, rows });
                self.rows += rows;
                self.newer_parts += usize::from(self.length.is_some());
            }
        }
    }

    /// Removes parts from the window that are too old for it, and drops parts that are too old to be kept.
    fn slide(&mut self) {
        if let Some(length) = self.length {
            let horizon = self.before(length);
            let inside = self.older.len() + self.newer_parts;
            let first = self.parts.len() - inside;
            let gone = self.parts.iter().skip(first).take_while(|part| part.end <= horizon).count();
            if gone <= self.older.len() {
                self.older.truncate(self.older.len() - gone);
            } else {
                self.stack(inside - gone);
            }
        }
        let horizon = self.before(self.kept());
        while self.parts.front().is_some_and(|part| part.end <= horizon) {
            self.drop_oldest();
        }
    }

    /// Makes the newest `inside` parts the older ones, each with the sum of itself and the parts after it.
    fn stack(&mut self, inside: usize) {
        self.older.clear();
        (self.newer, self.newer_parts) = (Arc::default(), 0);
        for part in self.parts.iter().rev().take(inside) {
            let this = Arc::new(Sum::from(part.snapshot.clone()));
            let sum = match self.older.last() {
                Some(behind) => Arc::new(Sum::of(vec![behind.clone(), this])),
                None => this,
            };
            self.older.push(sum);
        }
    }

    /// Drops the oldest parts outside the window until there are at most [`ROWS`] rows.
    fn bound(&mut self) {
        let inside = self.older.len() + self.newer_parts;
        while self.rows > ROWS && self.parts.len() > inside.max(1) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(part) = self.parts.pop_front() {
            self.rows -= part.rows;
        }
    }

    /// Joins neighbouring parts that together are not longer than a part of the window may be.
    fn join(&mut self) {
        let slot = self.slot();
        let mut joined: VecDeque<Part> = VecDeque::new();
        for part in self.parts.drain(..) {
            match joined.back_mut() {
                Some(last) if part.end.0.saturating_sub(last.start.0) <= slot => last.absorb(&part.snapshot, part.end),
                _ => joined.push_back(part),
            }
        }
        self.parts = joined;
        self.rows = self.parts.iter().map(|part| part.rows).sum();
    }

    fn sum_up(&mut self) {
        if self.length.is_some() {
            let terms = self.older.last().into_iter().chain([&self.newer]).cloned();
            self.merged = Arc::new(Sum::of(terms.collect()));
        }
    }

    fn forget_all(&mut self) {
        let total = std::mem::take(&mut self.total);
        *self = Self { total, ..Self::new(self.length) };
    }
}

impl Part {
    fn absorb(&mut self, snapshot: &Snapshot, end: Timestamp) {
        Arc::make_mut(&mut self.snapshot).merge(snapshot);
        self.end = self.end.max(end);
        self.rows = self.snapshot.rows();
    }
}

/// Returns the sum in an `Arc`. Makes its merge now if too many rows are pending.
pub fn settled(sum: Sum) -> Arc<Sum> {
    if sum.pending() > MAX_PENDING {
        sum.get();
    }
    Arc::new(sum)
}

/// Returns the total with one more snapshot. A total that exceeds twice the limits is folded first; otherwise a long
/// run would keep every name that it ever saw. Twice the limits, so that folding is seldom necessary.
fn with_total(total: &Sum, snapshot: Arc<Snapshot>) -> Arc<Sum> {
    let most = Limits::default();
    match total.made().filter(|made| is_large(made, &most)) {
        Some(large) => settled(Sum::from(Arc::new(large.folded(&most))).plus(snapshot)),
        None => settled(total.plus(snapshot)),
    }
}

fn is_large(sum: &Snapshot, most: &Limits) -> bool {
    let sections: usize = sum.hosts.iter().map(|host| host.sections.len()).sum();
    sum.hosts.len() > 2 * most.hosts
        || sections > 2 * most.sections
        || sum.clients.len() > 2 * most.clients
        || sum.servers.len() > 2 * most.hosts
        || sum.interfaces.len() > 2 * InterfaceId::MOST
        || sum.exchanges.len() > 2 * most.exchanges
        || sum.connections.len() > 2 * most.connections
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;

//! The queue of snapshots between the capture and its reader. It is full at [`CAPACITY`] snapshots, or beyond [`ROWS`]
//! rows.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::lock::lock;
use crate::pipeline::snapshot::{Limits, Snapshot};

/// Snapshots in a full queue: one minute of intervals of a second, for a reader that stalls.
const CAPACITY: usize = 60;

/// Rows in a full queue, not counting the newest snapshot: three intervals with the most sections that one can have,
/// about 100 MB.
const ROWS: usize = 300_000;

/// What happens when the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The two oldest snapshots are merged into one. For a live capture, where packets do not wait.
    Merge,
    /// The writer waits for the reader. For files.
    Wait,
}

/// What a reader gets.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// A snapshot.
    Snapshot(Box<Snapshot>),
    /// No snapshot came before the time-out.
    Nothing,
    /// The capture has ended, and all snapshots were read.
    End,
    /// The capture has failed for this reason, and all snapshots were read. Returned once, then [`Next::End`].
    Failed(Failure),
}

/// Why a capture has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The reason, in words.
    pub reason: String,
    /// True if there is nothing to capture from any more.
    pub is_gone: bool,
}

impl From<&str> for Failure {
    fn from(reason: &str) -> Self {
        Self { reason: reason.to_owned(), is_gone: false }
    }
}

#[derive(Debug, Default)]
struct QueueState {
    /// Each with its weight, which is mostly its number of rows.
    snapshots: VecDeque<(Snapshot, usize)>,
    /// The sum of the weights.
    rows: usize,
    end: Option<Result<(), Failure>>,
    /// True if writers no longer wait for readers.
    is_stopped: bool,
}

impl QueueState {
    fn is_full(&self) -> bool {
        self.snapshots.len() >= CAPACITY || self.rows > ROWS
    }

    fn pop(&mut self) -> Option<Snapshot> {
        let (snapshot, rows) = self.snapshots.pop_front()?;
        self.rows -= rows;
        Some(snapshot)
    }

    /// Merges the two oldest snapshots into one, folded to the limits of a single snapshot. False if there are fewer
    /// than two.
    fn merge_oldest(&mut self) -> bool {
        if self.snapshots.len() < 2 {
            return false;
        }
        let (Some(mut merged), Some(second)) = (self.pop(), self.pop()) else { return false };
        merged.merge(&second);
        merged.fold(&Limits::default());
        let rows = merged.weight();
        self.rows += rows;
        self.snapshots.push_front((merged, rows));
        true
    }
}

/// A bounded queue.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<QueueState>,
    came: Condvar,
    went: Condvar,
}

impl Queue {
    /// Adds a snapshot. A full queue makes room as `overflow` says.
    pub fn push(&self, snapshot: Snapshot, overflow: Overflow) {
        let mut state = lock(&self.state);
        while overflow == Overflow::Wait && state.is_full() && !state.is_stopped {
            state = self.went.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        while state.is_full() && state.merge_oldest() {}
        let rows = snapshot.weight();
        state.rows += rows;
        state.snapshots.push_back((snapshot, rows));
        self.came.notify_one();
    }

    /// Tells readers that no more snapshots come, and with which result the capture ended.
    pub fn end(&self, result: Result<(), Failure>) {
        lock(&self.state).end = Some(result);
        self.came.notify_all();
    }

    /// Releases writers that wait, and lets none wait from now on.
    pub fn stop_waiting(&self) {
        lock(&self.state).is_stopped = true;
        self.went.notify_all();
    }

    /// Removes the oldest snapshot and returns it. Waits for one at most `timeout`.
    pub fn pop(&self, timeout: Duration) -> Next {
        let deadline = Instant::now() + timeout;
        let mut state = lock(&self.state);
        loop {
            if let Some(snapshot) = state.pop() {
                self.went.notify_one();
                return Next::Snapshot(Box::new(snapshot));
            }
            if let Some(end) = &mut state.end {
                return std::mem::replace(end, Ok(())).map_or_else(Next::Failed, |()| Next::End);
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                return Next::Nothing;
            };
            state = self.came.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::packet::Timestamp;
    use crate::pipeline::snapshot::{Counts, Host, Section};
    use std::sync::Arc;

    fn second(at: i64) -> Snapshot {
        let mut snapshot =
            Snapshot { span: Some((Timestamp::new(at, 0), Timestamp::new(at + 1, 0))), ..Snapshot::default() };
        snapshot.counts.requests = 1;
        snapshot
    }

    #[test]
    fn a_full_live_queue_gives_coarser_snapshots_and_the_same_counts() {
        let queue = Queue::default();
        (0..1000).for_each(|at| queue.push(second(at), Overflow::Merge));
        queue.end(Ok(()));
        let mut got = Vec::new();
        while let Next::Snapshot(snapshot) = queue.pop(Duration::ZERO) {
            got.push(*snapshot);
        }
        assert_eq!(got.len(), CAPACITY);
        assert_eq!(Snapshot::merge_all(&got).counts.requests, 1000);
        assert_eq!(
            got.windows(2).filter(|pair| pair[0].span.unwrap().1 == pair[1].span.unwrap().0).count(),
            CAPACITY - 1
        );
        assert_eq!(queue.pop(Duration::ZERO), Next::End);
    }

    /// A snapshot of one second, with names that occur in no other second.
    fn flood(at: i64, sections: u64) -> Snapshot {
        let mut snapshot = second(at);
        snapshot.counts.requests = sections;
        snapshot.hosts = (0..sections / 100)
            .map(|h| {
                let one = Counts { requests: 1, ..Counts::default() };
                let section = |s| Arc::new(Section { path: format!("/{at}/{s:03}").into(), counts: one.clone() });
                let counts = Counts { requests: 100, ..Counts::default() };
                let sections = (0..100).map(section).collect();
                Arc::new(Host { name: format!("h{h:05}").into(), counts, sections, ..Host::default() })
            })
            .collect();
        snapshot
    }

    #[test]
    fn a_flood_of_names_nobody_reads_keeps_its_counts_and_is_bounded_in_rows() {
        let queue = Queue::default();
        for at in 0..20 {
            queue.push(flood(at, 100_000), Overflow::Merge);
            let rows: usize = lock(&queue.state).snapshots.iter().map(|(snapshot, _)| snapshot.rows()).sum();
            assert_eq!(rows, lock(&queue.state).rows);
            assert!(rows <= ROWS + 101_000, "{rows} rows after {at} intervals");
        }
        queue.end(Ok(()));
        let mut total = 0;
        while let Next::Snapshot(snapshot) = queue.pop(Duration::ZERO) {
            total += snapshot.counts.requests;
        }
        assert_eq!((total, lock(&queue.state).rows), (2_000_000, 0));
    }

    #[test]
    fn a_file_of_many_names_waits_for_its_reader() {
        let queue = std::sync::Arc::new(Queue::default());
        let writer = queue.clone();
        let thread = std::thread::spawn(move || (0..9).for_each(|at| writer.push(flood(at, 100_000), Overflow::Wait)));
        for at in 0..9 {
            let Next::Snapshot(snapshot) = queue.pop(Duration::from_secs(60)) else { panic!("no snapshot {at}") };
            assert_eq!((snapshot.rows(), snapshot.capture.sections_folded), (101_000, 0));
        }
        thread.join().unwrap();
    }

    #[test]
    fn a_file_waits_for_its_reader_until_it_is_told_to_stop() {
        let queue = std::sync::Arc::new(Queue::default());
        let writer = queue.clone();
        let thread = std::thread::spawn(move || (0..200).for_each(|at| writer.push(second(at), Overflow::Wait)));
        for at in 0..100 {
            let Next::Snapshot(snapshot) = queue.pop(Duration::from_secs(60)) else { panic!("no snapshot {at}") };
            assert_eq!(snapshot.span.unwrap().0, Timestamp::new(at, 0));
        }
        queue.stop_waiting();
        thread.join().unwrap();
    }

    #[test]
    fn a_failure_is_told_once() {
        let queue = Queue::default();
        assert_eq!(queue.pop(Duration::ZERO), Next::Nothing);
        queue.end(Err("gone".into()));
        assert_eq!(queue.pop(Duration::ZERO), Next::Failed("gone".into()));
        assert_eq!(queue.pop(Duration::ZERO), Next::End);
    }
}

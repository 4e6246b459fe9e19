//! Snapshots on their way to whoever reads them, never more than [`CAPACITY`].

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::lock;
use crate::pipeline::snapshot::{Limits, Snapshot};

/// Snapshots waiting: a minute of seconds for a reader that stalls.
const CAPACITY: usize = 60;

/// What happens when the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// The two oldest become one: packets do not wait.
    Merge,
    /// The writer waits: a file does.
    Wait,
}

/// What a reader gets.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// A snapshot.
    Snapshot(Box<Snapshot>),
    /// Nothing yet.
    Nothing,
    /// There will be no more.
    End,
    /// There will be no more, for this reason. Told once.
    Failed(String),
}

#[derive(Debug, Default)]
struct State {
    snapshots: VecDeque<Snapshot>,
    end: Option<Result<(), String>>,
    /// Nobody waits for readers any more.
    is_stopped: bool,
}

/// A bounded queue.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    came: Condvar,
    went: Condvar,
}

impl Queue {
    /// Puts a snapshot in.
    pub fn push(&self, snapshot: Snapshot, overflow: Overflow) {
        let mut state = lock(&self.state);
        while overflow == Overflow::Wait && state.snapshots.len() >= CAPACITY && !state.is_stopped {
            state = self.went.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.snapshots.len() >= CAPACITY
            && let Some(oldest) = state.snapshots.pop_front()
            && let Some(second) = state.snapshots.front_mut()
        {
            second.merge(&oldest);
            second.fold(&Limits::default());
        }
        state.snapshots.push_back(snapshot);
        self.came.notify_one();
    }

    /// There will be no more.
    pub fn end(&self, result: Result<(), String>) {
        lock(&self.state).end = Some(result);
        self.came.notify_all();
    }

    /// Writers need not wait any more.
    pub fn stop_waiting(&self) {
        lock(&self.state).is_stopped = true;
        self.went.notify_all();
    }

    /// Takes a snapshot out, waiting for one at most so long.
    pub fn pop(&self, timeout: Duration) -> Next {
        let deadline = Instant::now() + timeout;
        let mut state = lock(&self.state);
        loop {
            if let Some(snapshot) = state.snapshots.pop_front() {
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

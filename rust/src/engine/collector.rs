//! Merges the partial snapshots of several workers into one snapshot per interval, in order.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::lock::lock;
use super::queue::{Overflow, Queue};
use super::whole::Whole;
use crate::pipeline::Settings;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::snapshot::{Limits, Snapshot};

/// An instant after the end of every interval.
const FOREVER: Timestamp = Timestamp(i64::MAX);

/// Holds intervals until every worker has delivered its part.
#[derive(Debug)]
pub struct Collector {
    state: Mutex<Partials>,
    overflow: Overflow,
}

#[derive(Debug)]
struct Partials {
    open: BTreeMap<Timestamp, Snapshot>,
    /// For each worker, the end of the last interval that it delivered; [`FOREVER`] if it has finished.
    delivered: Vec<Timestamp>,
    whole: Whole,
}

impl Collector {
    /// A collector for `workers` workers. `overflow` says what happens when the queue is full.
    pub fn new(workers: usize, settings: &Settings, overflow: Overflow) -> Self {
        let (delivered, whole) = (vec![Timestamp(i64::MIN); workers], Whole::new(settings));
        Self { state: Mutex::new(Partials { open: BTreeMap::new(), delivered, whole }), overflow }
    }

    /// Takes a worker's part of an interval, which must be later than its parts before. Intervals that are complete go
    /// into the queue.
    pub fn deliver(&self, worker: usize, part: Snapshot, queue: &Queue) {
        let Some((start, end)) = part.span else { return };
        let mut state = lock(&self.state);
        state.delivered[worker] = end;
        match state.open.entry(start) {
            std::collections::btree_map::Entry::Vacant(place) => drop(place.insert(part)),
            std::collections::btree_map::Entry::Occupied(mut whole) => whole.get_mut().merge(&part),
        }
        self.pass_on(&mut state, queue);
    }

    /// Takes note that this worker delivers no more parts. Intervals that are complete go into the queue.
    pub fn finish(&self, worker: usize, queue: &Queue) {
        let mut state = lock(&self.state);
        state.delivered[worker] = FOREVER;
        self.pass_on(&mut state, queue);
    }

    fn pass_on(&self, state: &mut Partials, queue: &Queue) {
        let until = state.delivered.iter().copied().min().unwrap_or(FOREVER);
        while let Some(first) = state.open.first_entry() {
            if first.get().span.is_some_and(|(_, end)| end > until) {
                return;
            }
            let mut interval = first.remove();
            state.whole.select(&mut interval);
            if state.delivered.len() > 1 {
                interval.fold(&Limits::default());
            }
            queue.push(interval, self.overflow);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::queue::Next;
    use super::*;

    fn part(second: i64, requests: u64) -> Snapshot {
        let span = Some((Timestamp::new(second, 0), Timestamp::new(second + 1, 0)));
        let mut part = Snapshot { span, ..Snapshot::default() };
        part.counts.requests = requests;
        part
    }

    fn whole(queue: &Queue) -> Vec<(i64, u64)> {
        let mut got = Vec::new();
        while let Next::Snapshot(snapshot) = queue.pop(Duration::ZERO) {
            got.push((snapshot.span.unwrap().0.0 / 1_000_000_000, snapshot.counts.requests));
        }
        got
    }

    #[test]
    fn an_interval_is_passed_on_once_when_every_worker_has_given_its_part() {
        let queue = Queue::default();
        let collector = Collector::new(2, &Settings::default(), Overflow::Merge);
        collector.deliver(0, part(1, 1), &queue);
        collector.deliver(0, part(2, 10), &queue);
        assert_eq!(whole(&queue), []);
        collector.deliver(1, part(1, 2), &queue);
        assert_eq!(whole(&queue), [(1, 3)]);
        // The other worker has no part of second 2: its next one is later, so second 2 is complete.
        collector.deliver(1, part(5, 20), &queue);
        assert_eq!(whole(&queue), [(2, 10)]);
        collector.finish(1, &queue);
        assert_eq!(whole(&queue), []);
        collector.finish(0, &queue);
        assert_eq!(whole(&queue), [(5, 20)]);
    }
}

//! Durations of exchanges by method, status and host. Metrics count every exchange this way, so a row is found without
//! a look at any name.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::hosts::Slot;
use crate::pipeline::exchange::Method;
use crate::pipeline::histogram::{Histogram, Sample};
use crate::pipeline::snapshot::{Counts, OTHER, SubsetRow};

/// What the exchanges of a row have in common. The slot stands for the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub host: Slot,
    pub method: Method,
    pub status: Option<u16>,
}

/// The rows of an interval.
#[derive(Debug, Default)]
pub struct Outcomes {
    rows: HashMap<Key, Row, RandomState>,
    /// What had no room in the rows.
    rest: Histogram,
}

#[derive(Debug)]
struct Row {
    host: Arc<str>,
    durations: Histogram,
}

impl Outcomes {
    /// Counts a duration in nanoseconds, in one of at most `most` rows. `name` gives the name of the host of a new row.
    /// Returns how many buckets the histograms have gained.
    pub fn count(&mut self, key: Key, duration: u64, most: usize, name: impl FnOnce() -> Arc<str>) -> usize {
        let sample = Sample::new(duration);
        if let Some(row) = self.rows.get_mut(&key) {
            return row.durations.record(sample);
        }
        if self.rows.len() >= most {
            return self.rest.record(sample);
        }
        let row = self.rows.entry(key).or_insert_with(|| Row { host: name(), durations: Histogram::default() });
        row.durations.record(sample)
    }

    /// Takes all rows, sorted by name: method, status or 0, and host.
    pub fn take(&mut self) -> Vec<Arc<SubsetRow>> {
        let mut named: HashMap<String, Histogram> = HashMap::new();
        for (Key { method, status, .. }, Row { host, durations }) in self.rows.drain() {
            // A host that lost its slot within the interval has one row for each slot that it had.
            let name = format!("{} {} {host}", method.name(), status.unwrap_or_default());
            named.entry(name).or_default().merge(&durations);
        }
        let rest = std::mem::take(&mut self.rest);
        if rest.count() > 0 {
            named.insert(OTHER.to_owned(), rest);
        }
        let row = |(name, duration): (String, Histogram)| {
            Arc::new(SubsetRow { name: name.into(), counts: Counts { duration, ..Counts::default() } })
        };
        let mut rows: Vec<_> = named.into_iter().map(row).collect();
        rows.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        rows
    }

    /// All histograms.
    pub fn histograms(&mut self) -> impl Iterator<Item = &mut Histogram> {
        self.rows.values_mut().map(|row| &mut row.durations).chain([&mut self.rest])
    }
}

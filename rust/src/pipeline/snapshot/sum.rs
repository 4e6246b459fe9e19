//! The merge of several snapshots (its terms), made at the first [`Sum::get`] and then kept.
//!
//! A sum that is read once a second costs one merge a second, and a sum that is not read costs nothing. The terms are
//! immutable, so the time of the merge does not change its value. Small terms are merged beforehand, so an interval
//! without traffic costs nothing later, however large the sum is.

use std::sync::{Arc, OnceLock};

use super::limits::Limits;
use super::merge::Snapshot;

/// Buckets are counted again after more rows were merged than the sum's number of rows divided by this.
const CHECKED: usize = 16;

/// A sum of snapshots.
#[derive(Debug, Default)]
pub struct Sum {
    terms: Vec<Arc<Sum>>,
    value: OnceLock<Made>,
    rows: OnceLock<usize>,
}

#[derive(Clone, Debug)]
struct Made {
    snapshot: Arc<Snapshot>,
    /// Rows merged into the snapshot since its buckets were last counted.
    unchecked: usize,
}

impl From<Arc<Snapshot>> for Sum {
    fn from(snapshot: Arc<Snapshot>) -> Self {
        Made { snapshot, unchecked: 0 }.into()
    }
}

impl From<Made> for Sum {
    fn from(made: Made) -> Self {
        Self { terms: Vec::new(), value: made.into(), rows: OnceLock::new() }
    }
}

impl Sum {
    /// A sum with these terms, which are not merged yet.
    pub fn of(terms: Vec<Arc<Sum>>) -> Self {
        Self { terms, value: OnceLock::new(), rows: OnceLock::new() }
    }

    /// Returns the merge of all terms, and makes it if that was not done yet.
    pub fn get(&self) -> &Arc<Snapshot> {
        &self.make().snapshot
    }

    fn make(&self) -> &Made {
        self.value.get_or_init(|| match &self.terms[..] {
            [] => Made { snapshot: Arc::default(), unchecked: 0 },
            [only] => only.make().clone(),
            [first, rest @ ..] => {
                let Made { snapshot, mut unchecked } = first.make().clone();
                let mut merged = Arc::unwrap_or_clone(snapshot);
                for term in rest {
                    merged.merge(term.get());
                    unchecked += term.rows();
                }
                // Counting buckets walks all rows, so it is done only after many of them may have gained buckets.
                if unchecked > merged.rows() / CHECKED {
                    merged.coarsen(Limits::default().buckets);
                    unchecked = 0;
                }
                Made { snapshot: Arc::new(merged), unchecked }
            }
        })
    }

    /// Returns the merge if it was made already.
    pub fn made(&self) -> Option<&Arc<Snapshot>> {
        self.value.get().map(|made| &made.snapshot)
    }

    /// Returns the sum with one more snapshot. If the merge was made already, it is a single term of the new sum.
    #[must_use]
    pub fn plus(&self, snapshot: Arc<Snapshot>) -> Self {
        let mut terms = match self.value.get() {
            Some(made) => vec![Arc::new(made.clone().into())],
            None => self.terms.clone(),
        };
        let mut newest = Self::from(snapshot);
        // Each term has more than twice the rows of the next one. So there are few terms, and a row is seldom merged
        // again.
        while let Some(last) = terms.pop_if(|last| last.rows() <= 2 * newest.rows()) {
            newest = Self::of(vec![last, Arc::new(newest)]).settled();
        }
        if terms.is_empty() {
            return newest;
        }
        terms.push(Arc::new(newest));
        Self::of(terms)
    }

    /// Makes the merge and drops the terms.
    fn settled(mut self) -> Self {
        self.make();
        self.terms.clear();
        self
    }

    /// Number of rows that making the merge would add to those of the first term; 0 if the merge was made.
    pub fn pending(&self) -> usize {
        let merged = if self.made().is_some() { &[] } else { self.terms.get(1..).unwrap_or_default() };
        merged.iter().map(|term| term.rows()).sum()
    }

    /// Number of terms.
    #[cfg(test)]
    pub fn terms(&self) -> usize {
        self.terms.len()
    }

    /// Number of rows that are freed when this sum is dropped. A snapshot that is shared frees none.
    pub fn rows_of_its_own(&self) -> usize {
        let own = |term: &Arc<Self>| if Arc::strong_count(term) == 1 { term.rows_of_its_own() } else { 0 };
        let made = self.made().filter(|value| Arc::strong_count(value) == 1);
        made.map_or(0, |value| value.rows()) + self.terms.iter().map(own).sum::<usize>()
    }

    /// Number of rows that this sum keeps in memory, in its terms or, without terms, in its merge.
    pub fn rows(&self) -> usize {
        *self.rows.get_or_init(|| match &self.terms[..] {
            [] => self.made().map_or(0, |value| value.rows()),
            terms => terms.iter().map(|term| term.rows()).sum(),
        })
    }
}

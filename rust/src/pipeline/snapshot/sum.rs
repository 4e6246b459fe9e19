//! The merge of several snapshots, made when somebody looks, and then kept.
//!
//! What is looked at once a second costs a merge a second; what nobody looks at costs nothing. The terms are immutable,
//! so it makes no difference when the sum is made. Small terms are put together before: an interval without traffic
//! costs nothing later, however large the sum is.

use std::sync::{Arc, OnceLock};

use super::limits::Limits;
use super::merge::Snapshot;

/// Of so many rows one may have been merged into since buckets were counted.
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
    /// Rows merged into it since its buckets were counted.
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
    /// The sum of `terms`.
    pub fn of(terms: Vec<Arc<Sum>>) -> Self {
        Self { terms, value: OnceLock::new(), rows: OnceLock::new() }
    }

    /// The merge of all terms.
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
                // Counting buckets walks all rows, so it is done once a good part of them may have more.
                if unchecked > merged.rows() / CHECKED {
                    merged.coarsen(Limits::default().buckets);
                    unchecked = 0;
                }
                Made { snapshot: Arc::new(merged), unchecked }
            }
        })
    }

    /// The merge, if somebody looked at it.
    pub fn made(&self) -> Option<&Arc<Snapshot>> {
        self.value.get().map(|made| &made.snapshot)
    }

    /// This and one more; what was made already is used.
    #[must_use]
    pub fn plus(&self, snapshot: Arc<Snapshot>) -> Self {
        let mut terms = match self.value.get() {
            Some(made) => vec![Arc::new(made.clone().into())],
            None => self.terms.clone(),
        };
        let mut newest = Self::from(snapshot);
        // Each term keeps more than twice the rows of the one behind it, so there are few, and a row is seldom merged.
        while let Some(last) = terms.pop_if(|last| last.rows() <= 2 * newest.rows()) {
            newest = Self::of(vec![last, Arc::new(newest)]).settled();
        }
        if terms.is_empty() {
            return newest;
        }
        terms.push(Arc::new(newest));
        Self::of(terms)
    }

    /// The same without its terms, which its value stands for.
    fn settled(mut self) -> Self {
        self.make();
        self.terms.clear();
        self
    }

    /// Rows that would be merged into those of its first term to make it; none when it is made.
    pub fn pending(&self) -> usize {
        let merged = if self.made().is_some() { &[] } else { self.terms.get(1..).unwrap_or_default() };
        merged.iter().map(|term| term.rows()).sum()
    }

    /// How many snapshots would be merged to make it.
    #[cfg(test)]
    pub fn terms(&self) -> usize {
        self.terms.len()
    }

    /// Rows that nobody else holds on to: what freeing it costs. Of a snapshot that is shared none are.
    pub fn rows_of_its_own(&self) -> usize {
        let own = |term: &Arc<Self>| if Arc::strong_count(term) == 1 { term.rows_of_its_own() } else { 0 };
        let made = self.made().filter(|value| Arc::strong_count(value) == 1);
        made.map_or(0, |value| value.rows()) + self.terms.iter().map(own).sum::<usize>()
    }

    /// Rows it holds on to.
    pub fn rows(&self) -> usize {
        *self.rows.get_or_init(|| match &self.terms[..] {
            [] => self.made().map_or(0, |value| value.rows()),
            terms => terms.iter().map(|term| term.rows()).sum(),
        })
    }
}

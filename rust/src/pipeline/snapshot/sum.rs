//! The merge of several snapshots, made when somebody looks, and then kept.
//!
//! What is looked at once a second costs a merge a second; what nobody looks at costs nothing. The terms are immutable,
//! so it makes no difference when the sum is made.

use std::sync::{Arc, OnceLock};

use super::Snapshot;

/// A sum of snapshots.
#[derive(Debug, Default)]
pub struct Sum {
    terms: Vec<Arc<Sum>>,
    value: OnceLock<Arc<Snapshot>>,
}

impl From<Arc<Snapshot>> for Sum {
    fn from(snapshot: Arc<Snapshot>) -> Self {
        Self { terms: Vec::new(), value: snapshot.into() }
    }
}

impl Sum {
    /// The sum of `terms`.
    pub fn of(terms: Vec<Arc<Sum>>) -> Self {
        Self { terms, value: OnceLock::new() }
    }

    /// The merge of all terms.
    pub fn get(&self) -> &Arc<Snapshot> {
        self.value.get_or_init(|| match &self.terms[..] {
            [] => Arc::default(),
            [only] => only.get().clone(),
            [first, rest @ ..] => {
                let mut merged = Snapshot::clone(first.get());
                rest.iter().for_each(|term| merged.merge(term.get()));
                Arc::new(merged)
            }
        })
    }

    /// The merge, if somebody looked at it.
    pub fn made(&self) -> Option<&Arc<Snapshot>> {
        self.value.get()
    }

    /// This and one more; what was made already is used.
    #[must_use]
    pub fn plus(&self, snapshot: Arc<Snapshot>) -> Self {
        let mut terms = match self.made() {
            Some(value) => vec![Arc::new(value.clone().into())],
            None => self.terms.clone(),
        };
        terms.push(Arc::new(snapshot.into()));
        Self::of(terms)
    }

    /// How many snapshots would be merged to make it, and their rows; none when it is made.
    pub fn pending(&self) -> (usize, usize) {
        match self.made() {
            Some(_) => (0, 0),
            None => (self.terms.len(), self.rows()),
        }
    }

    /// Rows it holds on to.
    pub fn rows(&self) -> usize {
        match self.made() {
            Some(value) => value.rows(),
            None => self.terms.iter().map(|term| term.rows()).sum(),
        }
    }
}

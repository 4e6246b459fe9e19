//! Counts exchanges apart for the filters of alert rules. Each subset has a filter and a kind of rows.
//!
//! An exchange is judged by each filter when it has ended: with its final response, or as one without a response when
//! it is given up. An exchange that is admitted is counted as a whole, in one row. Interim responses do not count. A
//! response without a request counts when its head is seen. Only exchanges that the aggregate counts are judged.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use foldhash::fast::RandomState;

use super::outcomes::Outcomes;
use crate::pipeline::filter::{Field, Filter, Known, Needs};
use crate::pipeline::histogram::Histogram;
use crate::pipeline::name;
use crate::pipeline::snapshot::{Counts, OTHER, Per, Subset, SubsetRow};

/// Most subsets at a time, since each exchange is judged for each of them. Durations by outcome come on top.
pub const MAX_SUBSETS: usize = 64;

/// A filter and the kind of rows in which its exchanges are counted.
#[derive(Debug)]
pub struct WantedSubset {
    text: Arc<str>,
    filter: Filter,
    per: Per,
}

impl WantedSubset {
    /// `text` is what `filter` was parsed from.
    pub fn new(text: &str, filter: Filter, per: Per) -> Self {
        Self { text: text.into(), filter, per }
    }

    /// True if it has all exchanges by outcome.
    fn is_by_outcome(&self) -> bool {
        self.per == Per::Outcome && self.filter.is_empty()
    }

    /// A subset without rows.
    fn subset(&self) -> Subset {
        Subset { text: self.text.clone(), per: self.per, rows: Vec::new() }
    }
}

/// The subsets to count. Workers look at it when they close an interval, so it may change while a capture runs.
#[derive(Clone, Debug, Default)]
pub struct WantedSubsets(Arc<RwLock<Arc<[WantedSubset]>>>);

impl WantedSubsets {
    /// Sets what is counted from the next interval on: the first [`MAX_SUBSETS`] different ones, and all exchanges by
    /// outcome.
    pub fn set(&self, mut wanted: Vec<WantedSubset>) {
        wanted.sort_by(|one, other| one.subset().order(&other.subset()));
        wanted.dedup_by(|one, other| one.subset().order(&other.subset()).is_eq());
        let by_outcome = wanted.iter().position(WantedSubset::is_by_outcome).map(|at| wanted.remove(at));
        wanted.retain(|one| one.per != Per::Outcome);
        wanted.truncate(MAX_SUBSETS);
        wanted.extend(by_outcome);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = wanted.into();
    }

    fn get(&self) -> Arc<[WantedSubset]> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The names of rows in which an exchange counts, if it counts in rows of that kind.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// That of its client; empty unless there are rows by client.
    pub client: &'a str,
    /// That of its process; empty if it is not known.
    pub process: &'a str,
}

/// The subsets of the open interval.
#[derive(Debug, Default)]
pub struct Subsets {
    wanted: Arc<[WantedSubset]>,
    /// For each one but that by outcome, which is the last, its rows by name.
    tables: Vec<HashMap<Arc<str>, Counts, RandomState>>,
    /// Durations by outcome, if they are wished for.
    pub outcomes: Option<Box<Outcomes>>,
    needs: Needs,
    /// True if rows of a subset are clients.
    pub has_clients: bool,
    /// The name of the row being looked up. A field so that its memory is reused.
    name: String,
}

impl Subsets {
    /// The subsets that are wished for now.
    pub fn new(wanted: &WantedSubsets) -> Self {
        let wanted = wanted.get();
        let needs = |one: &WantedSubset| {
            let needs = one.filter.needs();
            Needs { process: needs.process || one.per == Per::Process, ..needs }
        };
        Self {
            needs: wanted.iter().map(needs).fold(Needs::default(), Needs::or),
            has_clients: wanted.iter().any(|one| one.per == Per::Client),
            // Strangers choose the names, so the hash has a random seed.
            tables: wanted.iter().filter(|one| one.per != Per::Outcome).map(|_| HashMap::default()).collect(),
            outcomes: wanted.iter().any(|one| one.per == Per::Outcome).then(Box::default),
            wanted,
            name: String::new(),
        }
    }

    /// True if no exchange is judged. Durations may still be counted by outcome.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// What filters look at and only the head of a request has.
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// Calls `look` with every histogram of the interval.
    pub fn each_histogram(&mut self, look: &mut impl FnMut(&mut Histogram)) {
        let rows = self.tables.iter_mut().flat_map(HashMap::values_mut);
        rows.flat_map(Counts::histograms_mut).for_each(&mut *look);
        self.outcomes.iter_mut().flat_map(|outcomes| outcomes.histograms()).for_each(look);
    }

    /// Takes the counts of all subsets, and begins to count those that are wished for now.
    pub fn take(&mut self, wanted: &WantedSubsets) -> Vec<Subset> {
        let tables = self.tables.iter_mut().zip(&*self.wanted);
        let taken = tables.map(|(table, one)| {
            let mut rows: Vec<_> = table.drain().map(|(name, counts)| Arc::new(SubsetRow { name, counts })).collect();
            rows.sort_unstable_by(|one, other| one.name.cmp(&other.name));
            Subset { rows, ..one.subset() }
        });
        let mut taken: Vec<_> = taken.collect();
        if let Some((outcomes, one)) = self.outcomes.as_mut().zip(self.wanted.last()) {
            taken.push(Subset { rows: outcomes.take(), ..one.subset() });
            taken.sort_unstable_by(Subset::order);
        }
        if !Arc::ptr_eq(&self.wanted, &wanted.get()) {
            *self = Self::new(wanted);
        }
        taken
    }

    /// Counts an exchange of which `known` is known in the subsets whose filter admits it: in at most `most` rows of each,
    /// and in that for the rest. Returns how many buckets the histograms have gained.
    pub fn count<K: Known + Copy>(
        &mut self,
        known: K,
        rows: Rows<'_>,
        most: usize,
        count: impl Fn(&mut Counts) -> usize,
    ) -> usize {
        let mut grown = 0;
        for (wanted, table) in self.wanted.iter().zip(&mut self.tables) {
            if wanted.filter.admits(known) != Some(true) {
                continue;
            }
            if wanted.per == Per::Process && rows.process.is_empty() {
                // An exchange whose process is not known is in no row.
                continue;
            }
            name_row(known, rows, wanted.per, &mut self.name);
            let is_full = table.len() >= most && !table.contains_key(&*self.name);
            let name = if is_full { OTHER } else { &self.name };
            grown += match table.get_mut(name) {
                Some(counts) => count(counts),
                None => count(table.entry(name.into()).or_default()),
            };
        }
        grown
    }
}

/// Writes the name of the row of a kind in which an exchange counts.
fn name_row(mut known: impl Known, rows: Rows<'_>, per: Per, name: &mut String) {
    name.clear();
    let mut push = |field| {
        known.text(field, |text| {
            name.push_str(&name::as_text(text));
            text == OTHER.as_bytes()
        })
    };
    match per {
        Per::All | Per::Outcome => {}
        Per::Host => _ = push(Field::Host),
        Per::Section => {
            let parts = [push(Field::Host), push(Field::Section)];
            if parts.contains(&Some(true)) {
                name.clear();
                name.push_str(OTHER);
            }
        }
        Per::Client => name.push_str(rows.client),
        Per::Process => name.push_str(rows.process),
        Per::Interface => _ = push(Field::Interface),
    }
}

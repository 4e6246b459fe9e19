//! Subsets: counts of the exchanges that a filter admits, in rows of one kind. Alert rules read them.
//!
//! A snapshot has a subset, though it may be empty, if the exchanges of its whole interval were counted for it. So a
//! merge has the subsets that both of its parts have.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::counts::Counts;
use super::limits::OTHER;
use super::per::Per;
use super::tables::{Row, merge_rows, sort_rows};
use super::values;
use crate::pipeline::filter;

/// One row of a subset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubsetRow {
    /// As [`Per::text`] gives it: empty for all exchanges. [`OTHER`] is the row of those whose own is not known.
    #[serde(deserialize_with = "values::name")]
    pub name: Arc<str>,
    /// Its counts.
    #[serde(flatten)]
    pub counts: Counts,
}

impl Row for SubsetRow {
    fn key(&self) -> &Arc<str> {
        &self.name
    }
    fn absorb(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
    }
}

/// The exchanges that a filter admits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Subset {
    /// The filter as it was written.
    #[serde(rename = "where", deserialize_with = "text")]
    pub text: Arc<str>,
    /// What a row stands for.
    #[serde(with = "per")]
    pub per: Per,
    /// Sorted by name.
    pub rows: Vec<Arc<SubsetRow>>,
}

impl Subset {
    /// An empty subset with the same filter and kind of rows.
    #[must_use]
    pub fn emptied(&self) -> Self {
        Self { text: self.text.clone(), per: self.per, rows: Vec::new() }
    }

    /// The order of subsets in a snapshot.
    pub fn order(&self, other: &Self) -> Ordering {
        self.is(&other.text, other.per)
    }

    /// Compares filter and kind of rows with those of this subset.
    pub fn is(&self, text: &str, per: Per) -> Ordering {
        (&*self.text, self.per).cmp(&(text, per))
    }

    /// Rows that stand for something by name.
    pub fn named(&self) -> impl Iterator<Item = &SubsetRow> {
        self.rows.iter().map(|row| &**row).filter(|row| &*row.name != OTHER)
    }
}

/// Returns the subset with this filter and kind of rows, `None` if it was not counted. Subsets are sorted.
pub fn find<'a>(subsets: &'a [Subset], text: &str, per: Per) -> Option<&'a Subset> {
    subsets.binary_search_by(|subset| subset.is(text, per)).ok().map(|at| &subsets[at])
}

/// Merges subsets of two intervals: only what both have was counted in both.
pub fn merge_subsets(mine: &mut Vec<Subset>, theirs: &[Subset]) {
    mine.retain_mut(|subset| {
        let other = find(theirs, &subset.text, subset.per);
        other.is_some_and(|other| {
            merge_rows(&mut subset.rows, &other.rows);
            true
        })
    });
}

/// Sorts subsets and their rows. Of several with the same filter and kind of rows, the first one stays.
pub fn sort_subsets(subsets: &mut Vec<Subset>) {
    subsets.iter_mut().for_each(|subset| sort_rows(&mut subset.rows));
    subsets.sort_by(Subset::order);
    subsets.dedup_by(|later, kept| later.order(kept).is_eq());
}

/// Reads the text of a filter. A longer text than a filter may have is no filter of this netmon.
fn text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Arc<str>, D::Error> {
    use serde::de::Error as _;
    let text = String::deserialize(deserializer)?;
    if text.len() > filter::MAX_LENGTH {
        return Err(D::Error::custom("the filter of a subset is too long"));
    }
    Ok(text.into())
}

/// Kinds of rows, by name.
mod per {
    use super::{Deserialize, Per};
    use serde::de::Error as _;
    use serde::{Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub fn serialize<S: Serializer>(per: &Per, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(per.name())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Per, D::Error> {
        let name = String::deserialize(deserializer)?;
        Per::from_name(&name).ok_or_else(|| D::Error::custom(format!("unknown rows {name:?}")))
    }
}

#[cfg(test)]
#[path = "subsets_tests.rs"]
mod tests;

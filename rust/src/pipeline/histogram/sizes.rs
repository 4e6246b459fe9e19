//! How many buckets many histograms have together, and how many they would have at each lower scale.

use super::Histogram;
use super::buckets::MAX_HALVINGS;

/// Sums of buckets, by the number of halvings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sizes([usize; MAX_HALVINGS as usize + 1]);

impl Sizes {
    /// Adds a histogram.
    pub fn add(&mut self, histogram: &Histogram) {
        if !histogram.buckets.is_empty() {
            (0..=MAX_HALVINGS).for_each(|by| self.0[usize::from(by)] += histogram.buckets.len_at(by));
        }
    }

    /// Number of buckets after `halvings` halvings.
    pub fn at(&self, halvings: u8) -> usize {
        self.0[usize::from(halvings)]
    }

    /// The fewest halvings that leave at most `most` buckets; [`MAX_HALVINGS`] if fewer do not.
    pub fn halvings_within(&self, most: usize) -> u8 {
        (0..MAX_HALVINGS).find(|&halvings| self.at(halvings) <= most).unwrap_or(MAX_HALVINGS)
    }
}

//! A sum of histograms from which earlier ones can be subtracted: the durations of the last seconds.

use super::{Histogram, PER_DOUBLING};
use crate::pipeline::packet::SECOND;

/// Counts by bucket, at the scale of the coarsest histogram that was added. Extremes cannot be subtracted, so a
/// quantile is the middle of its bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    count: u64,
    zero_count: u64,
    halvings: u8,
    offset: i32,
    buckets: Vec<u64>,
}

impl Spread {
    /// True if nothing is left.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds a histogram.
    pub fn add(&mut self, times: &Histogram) {
        if self.is_empty() {
            *self = Self { halvings: times.buckets.halvings(), ..Self::default() };
        }
        self.coarsen(times.buckets.halvings());
        self.count = self.count.saturating_add(times.count());
        self.zero_count = self.zero_count.saturating_add(times.zero_count());
        self.each(times, |counts, count| *counts = counts.saturating_add(count));
    }

    /// Subtracts a histogram that was added.
    pub fn subtract(&mut self, times: &Histogram) {
        self.count = self.count.saturating_sub(times.count());
        self.zero_count = self.zero_count.saturating_sub(times.zero_count());
        if self.is_empty() {
            *self = Self::default();
        } else {
            self.each(times, |counts, count| *counts = counts.saturating_sub(count));
        }
    }

    /// The value at quantile `q` of 0..=1, in nanoseconds: the middle of its bucket. `None` if nothing is left.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let rank = ((q * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        if self.is_empty() || rank <= self.zero_count {
            return (!self.is_empty()).then_some(0);
        }
        let mut seen = self.zero_count;
        let at = self.buckets.iter().position(|&bucket| {
            seen = seen.saturating_add(bucket);
            seen >= rank
        })?;
        let width = f64::from(1_u16 << self.halvings);
        let middle = (f64::from(self.offset) + at as f64 + 0.5) * width / PER_DOUBLING;
        Some((middle.exp2() * SECOND as f64).round() as u64)
    }

    /// Calls `change` for each bucket of `times` that has a count, with the bucket here that it falls into.
    fn each(&mut self, times: &Histogram, change: impl Fn(&mut u64, u64)) {
        let by = self.halvings.saturating_sub(times.buckets.halvings());
        for (at, count) in times.buckets.iter().enumerate().filter(|&(_, count)| count > 0) {
            let bucket = (times.buckets.offset() + at as i32) >> by;
            change(self.bucket(bucket), count);
        }
    }

    fn bucket(&mut self, bucket: i32) -> &mut u64 {
        if self.buckets.is_empty() {
            self.offset = bucket;
        }
        if bucket < self.offset {
            let missing = (self.offset - bucket) as usize;
            self.buckets.splice(..0, std::iter::repeat_n(0, missing));
            self.offset = bucket;
        }
        let at = (bucket - self.offset) as usize;
        if at >= self.buckets.len() {
            self.buckets.resize(at + 1, 0);
        }
        &mut self.buckets[at]
    }

    fn coarsen(&mut self, halvings: u8) {
        let by = halvings.saturating_sub(self.halvings);
        if by == 0 {
            return;
        }
        let fine = std::mem::take(&mut self.buckets);
        let offset = self.offset;
        self.halvings = halvings;
        for (at, count) in fine.into_iter().enumerate().filter(|&(_, count)| count > 0) {
            let sum = self.bucket((offset + at as i32) >> by);
            *sum = sum.saturating_add(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Sample;
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[u64], halvings: u8) -> Histogram {
        let mut histogram = Histogram::default();
        for &value in values {
            histogram.record(Sample::new(value));
        }
        histogram.coarsen(halvings);
        histogram
    }

    #[test]
    fn nothing_is_left_of_what_was_added_and_subtracted() {
        let (one, two) = (of(&[0, 5, 70_000], 0), of(&[9, 1_000_000_000], 3));
        let mut spread = Spread::default();
        spread.add(&one);
        spread.add(&two);
        assert_eq!(spread.quantile(0.0), Some(0));
        spread.subtract(&one);
        spread.subtract(&two);
        assert_eq!((spread.quantile(0.5), spread == Spread::default()), (None, true));
    }

    proptest! {
        #[test]
        fn a_quantile_of_what_is_left_lies_in_the_bucket_of_the_merge(
            parts in prop::collection::vec((prop::collection::vec(1u64..1 << 40, 1..9), 0u8..3), 1..9),
            gone in 0usize..8,
            q in 0.0..=1.0f64,
        ) {
            let parts: Vec<_> = parts.iter().map(|(values, halvings)| of(values, *halvings)).collect();
            let gone = gone.min(parts.len() - 1);
            let mut spread = Spread::default();
            parts.iter().for_each(|part| spread.add(part));
            parts[..gone].iter().for_each(|part| spread.subtract(part));
            let mut merged = Histogram::default();
            parts[gone..].iter().for_each(|part| merged.merge(part));
            merged.coarsen(spread.halvings);
            let (exact, found) = (merged.quantile(q).unwrap() as f64, spread.quantile(q).unwrap() as f64);
            let width = f64::from(1_u16 << spread.halvings) / PER_DOUBLING;
            prop_assert!((exact / found).log2().abs() <= width / 2.0 + 1e-6, "{exact} {found}");
        }
    }
}

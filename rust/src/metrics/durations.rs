//! Durations as monitoring systems take them: the exponential histogram as it is, and counts up to fixed bounds.
//!
//! Counts up to a bound are made of exponential buckets: of those up to the edge that is nearest to the bound. At the
//! finest scale that edge is at most 2.2 % from the bound, as any duration is from the middle of its bucket. They are
//! added up apart, so that they never decrease, also when the scale of the histogram is lowered.

use crate::pipeline::histogram::{Histogram, SCALE};

/// Number of bounds of each metric.
pub const BOUNDS: usize = 14;

/// Most buckets of a histogram: 20 doublings at the finest scale, from 10 microseconds to 10 seconds. Beyond, the scale
/// is lowered, as OpenTelemetry does it.
const MAX_BUCKETS: usize = 320;

/// The durations of one series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Durations {
    exponential: Histogram,
    /// Counts between each bound and the one before.
    between: [u64; BOUNDS],
}

impl Durations {
    /// Adds what `more` counted.
    pub fn add(&mut self, more: &Histogram, bounds: &[f64; BOUNDS]) {
        if more.count() == 0 {
            return;
        }
        for (sum, count) in self.between.iter_mut().zip(between(more, bounds)) {
            *sum = sum.saturating_add(count);
        }
        self.merge(more);
    }

    /// Adds what another series of the same metric counted.
    pub fn absorb(&mut self, other: &Self) {
        for (sum, count) in self.between.iter_mut().zip(other.between) {
            *sum = sum.saturating_add(count);
        }
        self.merge(&other.exponential);
    }

    fn merge(&mut self, more: &Histogram) {
        self.exponential.merge(more);
        let mut halvings = (SCALE - self.exponential.scale()) as u8;
        while self.exponential.buckets().len() > MAX_BUCKETS {
            halvings += 1;
            self.exponential.coarsen(halvings);
        }
    }

    /// The histogram.
    pub fn exponential(&self) -> &Histogram {
        &self.exponential
    }

    /// Number of durations.
    pub fn count(&self) -> u64 {
        self.exponential.count()
    }

    /// Their sum in seconds.
    pub fn sum(&self) -> f64 {
        self.exponential.sum() as f64 / 1e9
    }

    /// Counts up to each bound.
    pub fn up_to(&self) -> [u64; BOUNDS] {
        let mut sum = 0_u64;
        self.between.map(|count| {
            sum = sum.saturating_add(count);
            sum
        })
    }

    /// Counts between each bound and the one before, and beyond the last.
    pub fn between(&self) -> [u64; BOUNDS + 1] {
        let mut counts = [0; BOUNDS + 1];
        counts[..BOUNDS].copy_from_slice(&self.between);
        counts[BOUNDS] = self.count().saturating_sub(self.up_to()[BOUNDS - 1]);
        counts
    }
}

/// Counts between each bound and the one before.
fn between(histogram: &Histogram, bounds: &[f64; BOUNDS]) -> [u64; BOUNDS] {
    let per_doubling = f64::from(histogram.scale()).exp2();
    // The first bucket beyond the edge that is nearest to each bound. Bounds are sorted, so these are as well.
    let ends = bounds.map(|bound| (bound.log2() * per_doubling).round() as i32);
    let mut counts = [0_u64; BOUNDS];
    counts[0] = histogram.zero_count();
    let first = histogram.buckets().offset();
    for (bucket, count) in (first..).zip(histogram.buckets().iter()) {
        let at = ends.partition_point(|&end| end <= bucket);
        if let Some(sum) = counts.get_mut(at) {
            *sum = sum.saturating_add(count);
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metrics::family::{DURATIONS, ROUND_TRIPS};
    use crate::pipeline::histogram::Sample;

    fn of(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        values.iter().for_each(|&value| _ = histogram.record(Sample::new(value)));
        histogram
    }

    #[test]
    fn a_power_of_two_is_an_exact_bound() {
        let mut durations = Durations::default();
        durations.add(&of(&[0, 250_000_000, 250_000_001, 500_000_000, 1_000_000_000, 1_000_000_001]), &DURATIONS);
        let at =
            |bound: f64| durations.up_to()[DURATIONS.iter().position(|other| other.total_cmp(&bound).is_eq()).unwrap()];
        assert_eq!((at(0.1), at(0.25), at(0.5), at(1.0), at(10.0)), (1, 2, 4, 5, 6));
        assert_eq!(durations.between().iter().sum::<u64>(), durations.count());
    }

    proptest! {
        #[test]
        fn a_value_is_counted_up_to_each_bound_that_is_beyond_it_by_more_than_the_promised_error(
            nanos in 0u64..30_000_000_000,
        ) {
            for bounds in [&DURATIONS, &ROUND_TRIPS] {
                let mut durations = Durations::default();
                durations.add(&of(&[nanos]), bounds);
                let seconds = nanos as f64 / 1e9;
                for (bound, count) in bounds.iter().zip(durations.up_to()) {
                    if seconds < bound * 0.978 {
                        prop_assert_eq!(count, 1, "{} is below {}", seconds, bound);
                    }
                    if seconds > bound * 1.0222 {
                        prop_assert_eq!(count, 0, "{} is above {}", seconds, bound);
                    }
                }
            }
        }

        #[test]
        fn no_count_ever_decreases_and_the_number_of_buckets_has_a_bound(
            parts in prop::collection::vec((prop::collection::vec(0u64..1 << 62, 1..30), 0u8..=10), 1..12),
        ) {
            let mut durations = Durations::default();
            let mut before = durations.clone();
            for (values, halvings) in parts {
                let mut more = of(&values);
                more.coarsen(halvings);
                durations.add(&more, &DURATIONS);
                prop_assert_eq!(durations.count(), before.count() + values.len() as u64);
                prop_assert!(durations.up_to().iter().zip(before.up_to()).all(|(now, before)| *now >= before));
                prop_assert!(durations.between().iter().zip(before.between()).all(|(now, before)| *now >= before));
                prop_assert!(durations.exponential().buckets().len() <= MAX_BUCKETS);
                before = durations.clone();
            }
        }
    }
}

//! Durations counted in exponential buckets: OpenTelemetry's exponential histogram at scale 4, over seconds.
//!
//! Bucket `i` holds values in `(2^(i/16), 2^((i+1)/16)]` seconds; any value is at most 2.2 % from the middle of its
//! bucket. Edges are fixed, so merging is addition, in any order, and loses nothing. Values are kept in nanoseconds:
//! integers add exactly.
//! If many histograms together have too many buckets, the scale of each is lowered. Each step doubles the width of the
//! buckets and that distance. Histograms of different scales merge at the lower one.
//! <https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram>

mod buckets;
mod sizes;
mod spread;

use std::sync::LazyLock;

pub use buckets::Buckets;
pub use buckets::MAX_HALVINGS;
pub use sizes::Sizes;
pub use spread::Spread;

use crate::pipeline::packet::SECOND;

/// Buckets per doubling at the finest scale.
const PER_DOUBLING: f64 = 16.0;

/// The finest scale. A scale of `s` has 2^s buckets per doubling.
pub const SCALE: i32 = 4;

/// From the bucket of one nanosecond to that of the longest duration that 64 bits hold.
const BUCKETS: std::ops::RangeInclusive<i32> = -479..=545;

/// Bits that number the slices of a doubling. A slice is so small that there is at most one edge in it. The slice of a
/// duration is given by the bits behind its leading one.
const SLICE_BITS: u32 = 8;

/// The edges of all buckets, and tables to find the bucket of a duration in nanoseconds.
struct Edges {
    /// The upper edges of [`BUCKETS`] in nanoseconds.
    upper: Vec<u64>,
    /// For each power of two, the index of the first edge that is not below it.
    firsts: [usize; 64],
    /// How many edges of a doubling lie before each slice of it. This is the same for all doublings, since edges are a
    /// constant factor apart.
    before: [u8; 1 << SLICE_BITS],
}

static EDGES: LazyLock<Edges> = LazyLock::new(|| {
    let edge = |bucket: i32| (f64::from(bucket + 1) / PER_DOUBLING).exp2() * SECOND as f64;
    let upper: Vec<u64> = BUCKETS.map(|bucket| edge(bucket) as u64).collect();
    let firsts = std::array::from_fn(|power| upper.partition_point(|&edge| edge < 1 << power));
    let doubling = 1 << 40;
    let inner = &upper[upper.partition_point(|&edge| edge < doubling)..];
    let start_of = |slice: usize| doubling + ((slice as u64) << (40 - SLICE_BITS));
    let before = std::array::from_fn(|slice| inner.partition_point(|&edge| edge < start_of(slice)) as u8);
    Edges { upper, firsts, before }
});

/// A mergeable histogram of durations. `Histogram::default()` is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    count: u64,
    /// Nanoseconds.
    sum: u128,
    /// Nanoseconds; meaningless if the histogram is empty.
    min: u64,
    max: u64,
    /// Values of exactly zero, which have no logarithm.
    zero_count: u64,
    buckets: Buckets,
}

/// A duration with its bucket, which is found once however many histograms count the duration.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    nanos: u64,
    bucket: Option<i32>,
}

impl Sample {
    /// A duration in nanoseconds.
    pub fn new(nanos: u64) -> Self {
        Self { nanos, bucket: nanos.checked_ilog2().map(|power| bucket_of(nanos, power as usize)) }
    }
}

/// The first bucket whose upper edge is not below `nanos`, the leading bit of which is bit `power`.
fn bucket_of(nanos: u64, power: usize) -> i32 {
    let edges = &*EDGES;
    let slice = (nanos << (63 - power) << 1) >> (64 - SLICE_BITS);
    let mut at = edges.firsts[power] + usize::from(edges.before[slice as usize]);
    // This takes at most one step, except for the shortest durations, whose edges lie closer together.
    while edges.upper.get(at).is_some_and(|&edge| edge < nanos) {
        at += 1;
    }
    BUCKETS.start() + at as i32
}

impl Histogram {
    /// Rebuilds a histogram from its exported parts; `None` if they contradict each other.
    pub fn from_parts(
        sum: u128,
        extremes: Option<(u64, u64)>,
        zero_count: u64,
        scale: i32,
        offset: i32,
        buckets: &[u64],
    ) -> Option<Self> {
        let halvings = u8::try_from(SCALE.checked_sub(scale)?).ok().filter(|&halvings| halvings <= MAX_HALVINGS)?;
        let count = buckets.iter().try_fold(zero_count, |count, &bucket| count.checked_add(bucket))?;
        let (min, max) = extremes.unwrap_or_default();
        let trimmed = buckets.first() != Some(&0) && buckets.last() != Some(&0);
        // The range of nanoseconds in 64 bits: 2^-30 s to 2^35 s.
        let within = (-512..=1024).contains(&offset) && offset + (buckets.len().min(4096) as i32) <= 1024;
        let consistent = trimmed && within && min <= max && extremes.is_some() == (count > 0);
        consistent.then(|| Self {
            count,
            sum,
            min,
            max,
            zero_count,
            buckets: Buckets::halved(halvings, offset, buckets),
        })
    }

    /// Counts one duration. Returns how many buckets were added for it.
    #[inline]
    pub fn record(&mut self, sample: Sample) -> usize {
        self.min = if self.count == 0 { sample.nanos } else { self.min.min(sample.nanos) };
        self.max = self.max.max(sample.nanos);
        self.count += 1;
        self.sum += u128::from(sample.nanos);
        match sample.bucket {
            None => {
                self.zero_count += 1;
                0
            }
            Some(bucket) => self.buckets.count(bucket),
        }
    }

    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.min = if self.count == 0 { other.min } else { self.min.min(other.min) };
        self.max = self.max.max(other.max);
        // Counts that another machine wrote may be near the largest number.
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        self.zero_count = self.zero_count.saturating_add(other.zero_count);
        self.buckets.merge(&other.buckets);
    }

    /// The value at quantile `q` of 0..=1, in nanoseconds: the middle of its bucket, within the extremes seen.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        if self.count == 0 {
            return None;
        }
        // The smallest value with at least q of all values at or below it.
        let rank = ((q * self.count as f64).ceil() as u64).clamp(1, self.count);
        if rank <= self.zero_count {
            return Some(0);
        }
        let mut seen = self.zero_count;
        let at = self.buckets.iter().position(|bucket| {
            seen = seen.saturating_add(bucket);
            seen >= rank
        })?;
        let width = f64::from(1_u16 << self.buckets.halvings());
        let middle = (f64::from(self.buckets.offset()) + at as f64 + 0.5) * width / PER_DOUBLING;
        Some(((middle.exp2() * SECOND as f64).round() as u64).clamp(self.min, self.max))
    }

    /// Lowers the scale by `halvings` steps from the finest, unless it is that low already.
    pub fn coarsen(&mut self, halvings: u8) {
        self.buckets.coarsen(halvings);
    }

    /// OpenTelemetry's scale: there are 2^scale buckets per doubling.
    pub fn scale(&self) -> i32 {
        SCALE - i32::from(self.buckets.halvings())
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Sum of the values in nanoseconds.
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// Least and greatest value in nanoseconds; `None` if the histogram is empty.
    pub fn extremes(&self) -> Option<(u64, u64)> {
        (self.count > 0).then_some((self.min, self.max))
    }

    /// Number of values that are exactly zero.
    pub fn zero_count(&self) -> u64 {
        self.zero_count
    }

    /// Counts by bucket.
    pub fn buckets(&self) -> &Buckets {
        &self.buckets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        for &value in values {
            histogram.record(Sample::new(value));
        }
        histogram
    }

    #[test]
    fn bucket_edges_belong_to_the_bucket_below() {
        let table = [(SECOND as u64, -1), (SECOND as u64 + 1, 0), (2 * SECOND as u64, 15), (SECOND as u64 / 2, -17)];
        for (nanos, bucket) in table {
            assert_eq!(Sample::new(nanos).bucket, Some(bucket), "{nanos}");
        }
        assert_eq!(Sample::new(0).bucket, None);
        for nanos in [1, 2, 3, u64::MAX / 2, u64::MAX - 1, u64::MAX] {
            let exact = ((nanos as f64 / SECOND as f64).log2() * PER_DOUBLING).ceil() as i32 - 1;
            assert_eq!(Sample::new(nanos).bucket, Some(exact), "{nanos}");
        }
    }

    #[test]
    fn every_edge_is_the_last_value_of_its_bucket() {
        let edges = &EDGES.upper;
        for (at, &edge) in edges.iter().enumerate().filter(|&(at, &edge)| edge > 0 && edges.get(at + 1) != Some(&edge))
        {
            let first = edges.partition_point(|&other| other < edge);
            assert_eq!(Sample::new(edge).bucket, Some(BUCKETS.start() + first as i32), "{edge}");
            let next = edge.checked_add(1).filter(|_| at + 1 < edges.len());
            assert_eq!(next.and_then(|next| Sample::new(next).bucket), next.map(|_| BUCKETS.start() + at as i32 + 1));
        }
    }

    #[test]
    fn an_empty_histogram_has_no_quantile() {
        assert_eq!(Histogram::default().quantile(0.5), None);
        assert_eq!(of(&[0, 0, 0, 5]).quantile(0.5), Some(0));
    }

    proptest! {
        #[test]
        fn a_value_lies_between_the_edges_of_its_bucket(nanos in 1u64..1 << 62) {
            let bucket = Sample::new(nanos).bucket.unwrap();
            let edge = |at: i32| (f64::from(at) / PER_DOUBLING).exp2() * SECOND as f64;
            prop_assert!(edge(bucket) * (1.0 - 1e-12) <= nanos as f64 && nanos as f64 <= edge(bucket + 1) * (1.0 + 1e-12));
        }

        #[test]
        fn quantiles_are_within_the_promised_error(values in prop::collection::vec(1u64..1 << 45, 1..200), q in 0.0f64..=1.0) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let rank = ((q * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len());
            let exact = sorted[rank - 1] as f64;
            let told = of(&values).quantile(q).unwrap() as f64;
            prop_assert!((told - exact).abs() <= exact * 0.0222 + 1.0, "{told} for {exact}");
        }

        #[test]
        fn quantiles_of_a_lower_scale_are_within_the_error_of_its_buckets(
            values in prop::collection::vec(1u64..1 << 45, 1..200), q in 0.0f64..=1.0, halvings in 0..=MAX_HALVINGS,
        ) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let exact = sorted[((q * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len()) - 1] as f64;
            let mut coarse = of(&values);
            coarse.coarsen(halvings);
            let told = coarse.quantile(q).unwrap() as f64;
            let half_a_bucket = f64::from(1_u16 << halvings) / PER_DOUBLING / 2.0 + 1e-9;
            prop_assert!((told.log2() - exact.log2()).abs() <= half_a_bucket + 1.0 / exact, "{told} for {exact}");
        }

        #[test]
        fn a_merge_equals_recording_the_values_of_both(a in prop::collection::vec(0u64..1 << 40, 0..50), b in prop::collection::vec(0u64..1 << 40, 0..50)) {
            let mut merged = of(&a);
            merged.merge(&of(&b));
            let both: Vec<u64> = a.iter().chain(&b).copied().collect();
            prop_assert_eq!(merged, of(&both));
        }

        #[test]
        fn exported_parts_rebuild_the_same_histogram(values in prop::collection::vec(0u64..1 << 40, 0..50), halvings in 0..=MAX_HALVINGS) {
            let mut h = of(&values);
            h.coarsen(halvings);
            let again = Histogram::from_parts(h.sum(), h.extremes(), h.zero_count(), h.scale(), h.buckets().offset(), &h.buckets().iter().collect::<Vec<_>>());
            prop_assert_eq!(again, Some(h));
        }
    }
}

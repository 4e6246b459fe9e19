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
///
/// It fits into one line of the processor's cache: an exchange is counted in five of them. So the number of values is
/// not stored, but summed up for those who ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[repr(align(64))]
pub struct Histogram {
    /// The lower 64 bits of the sum in nanoseconds.
    sum: u64,
    /// Nanoseconds; meaningless if the histogram is empty.
    min: u64,
    max: u64,
    /// `None` if all of it is zero.
    seldom: Option<Box<Seldom>>,
    buckets: Buckets,
}

const _: () = assert!(size_of::<Histogram>() == 64);

/// What few histograms have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seldom {
    /// The upper 64 bits of the sum.
    upper: u64,
    /// Values of exactly zero, which have no logarithm.
    zeros: u64,
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
        let buckets = consistent.then(|| Buckets::halved(halvings, offset, buckets))?;
        let mut histogram = Self { min, max, buckets, ..Self::default() };
        histogram.set_sum(sum);
        histogram.add_zeros(zero_count);
        Some(histogram)
    }

    /// Counts one duration. Returns how many buckets were added for it.
    #[inline]
    pub fn record(&mut self, sample: Sample) -> usize {
        self.min = if self.is_empty() { sample.nanos } else { self.min.min(sample.nanos) };
        self.max = self.max.max(sample.nanos);
        match self.sum.checked_add(sample.nanos) {
            Some(sum) => self.sum = sum,
            None => self.set_sum(self.sum() + u128::from(sample.nanos)),
        }
        match sample.bucket {
            None => {
                self.add_zeros(1);
                0
            }
            Some(bucket) => self.buckets.count(bucket),
        }
    }

    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        if other.is_empty() {
            return;
        }
        self.min = if self.is_empty() { other.min } else { self.min.min(other.min) };
        self.max = self.max.max(other.max);
        // What another machine wrote may be near the largest number.
        self.set_sum(self.sum().saturating_add(other.sum()));
        self.add_zeros(other.zero_count());
        self.buckets.merge(&other.buckets);
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.buckets.is_empty() && self.zero_count() == 0
    }

    /// Sets the sum, which never shrinks.
    fn set_sum(&mut self, sum: u128) {
        self.sum = sum as u64;
        let upper = (sum >> 64) as u64;
        if upper > 0 {
            self.seldom.get_or_insert_default().upper = upper;
        }
    }

    fn add_zeros(&mut self, zeros: u64) {
        if zeros > 0 {
            let sum = &mut self.seldom.get_or_insert_default().zeros;
            *sum = sum.saturating_add(zeros);
        }
    }

    /// The value at quantile `q` of 0..=1, in nanoseconds: the middle of its bucket, within the extremes seen.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let (count, zero_count) = (self.count(), self.zero_count());
        if count == 0 {
            return None;
        }
        // The smallest value with at least q of all values at or below it.
        let rank = ((q * count as f64).ceil() as u64).clamp(1, count);
        if rank <= zero_count {
            return Some(0);
        }
        let mut seen = zero_count;
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
        self.buckets.iter().fold(self.zero_count(), u64::saturating_add)
    }

    /// Sum of the values in nanoseconds.
    pub fn sum(&self) -> u128 {
        let upper = self.seldom.as_ref().map_or(0, |seldom| seldom.upper);
        u128::from(upper) << 64 | u128::from(self.sum)
    }

    /// Least and greatest value in nanoseconds; `None` if the histogram is empty.
    pub fn extremes(&self) -> Option<(u64, u64)> {
        (!self.is_empty()).then_some((self.min, self.max))
    }

    /// Number of values that are exactly zero.
    #[inline]
    pub fn zero_count(&self) -> u64 {
        self.seldom.as_ref().map_or(0, |seldom| seldom.zeros)
    }

    /// Counts by bucket.
    pub fn buckets(&self) -> &Buckets {
        &self.buckets
    }
}

#[cfg(test)]
#[path = "histogram/tests.rs"]
mod tests;

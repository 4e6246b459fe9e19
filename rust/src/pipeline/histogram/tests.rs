use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

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
    for (at, &edge) in edges.iter().enumerate().filter(|&(at, &edge)| edge > 0 && edges.get(at + 1) != Some(&edge)) {
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

/// A histogram with a number of its own for everything: what [`Histogram`] must tell, however it keeps it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Plain {
    count: u64,
    sum: u128,
    extremes: Option<(u64, u64)>,
    zero_count: u64,
    halvings: u8,
    buckets: BTreeMap<i32, u64>,
}

impl Plain {
    fn record(&mut self, nanos: u64, times: u64) {
        let bucket = Sample::new(nanos).bucket;
        let one = Self {
            count: times,
            sum: u128::from(nanos) * u128::from(times),
            extremes: Some((nanos, nanos)),
            zero_count: if bucket.is_none() { times } else { 0 },
            halvings: 0,
            buckets: bucket.map(|bucket| (bucket, times)).into_iter().collect(),
        };
        self.merge(&one);
    }

    fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.coarsen(other.halvings);
        let mut other = other.clone();
        other.coarsen(self.halvings);
        self.halvings = if self.buckets.is_empty() { other.halvings } else { self.halvings };
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        self.zero_count = self.zero_count.saturating_add(other.zero_count);
        let (min, max) = other.extremes.unwrap();
        self.extremes = Some(self.extremes.map_or((min, max), |(least, most)| (least.min(min), most.max(max))));
        for (bucket, count) in other.buckets {
            let sum = self.buckets.entry(bucket).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    fn coarsen(&mut self, halvings: u8) {
        if halvings > self.halvings && !self.buckets.is_empty() {
            let by = halvings - self.halvings;
            self.halvings = halvings;
            for (bucket, count) in std::mem::take(&mut self.buckets) {
                let sum = self.buckets.entry(bucket >> by).or_default();
                *sum = sum.saturating_add(count);
            }
        }
    }

    fn of(histogram: &Histogram) -> Self {
        let counts = (histogram.buckets().offset()..).zip(histogram.buckets().iter());
        Self {
            count: histogram.count(),
            sum: histogram.sum(),
            extremes: histogram.extremes(),
            zero_count: histogram.zero_count(),
            halvings: (SCALE - histogram.scale()) as u8,
            buckets: counts.filter(|&(_, count)| count > 0).collect(),
        }
    }

    fn quantile(&self, q: f64) -> Option<u64> {
        let (min, max) = self.extremes?;
        let rank = ((q * self.count as f64).ceil() as u64).clamp(1, self.count);
        let mut seen = self.zero_count;
        let in_order = self.buckets.iter().find(|&(_, count)| {
            seen = seen.saturating_add(*count);
            seen >= rank
        });
        if rank <= self.zero_count {
            return Some(0);
        }
        let middle = (f64::from(*in_order?.0) + 0.5) * f64::from(1_u16 << self.halvings) / PER_DOUBLING;
        Some(((middle.exp2() * SECOND as f64).round() as u64).clamp(min, max))
    }
}

/// What happens to one of three histograms.
#[derive(Clone, Debug)]
enum Change {
    Record(u64),
    /// A histogram from elsewhere, in which a value was counted many times.
    Add(u64, u64),
    Merge(usize),
    Coarsen(u8),
    Take,
}

fn change() -> impl Strategy<Value = Change> {
    let nanos = || prop_oneof![Just(0), 1u64..9, 100_000u64..90_000_000, Just(u64::MAX), any::<u64>()];
    let times = prop_oneof![65_530u64..65_540, u64::from(u32::MAX) - 3..1 << 33, u64::MAX - 3..=u64::MAX];
    prop_oneof![
        8 => nanos().prop_map(Change::Record),
        3 => (nanos(), times).prop_map(|(nanos, times)| Change::Add(nanos, times)),
        3 => (0usize..3).prop_map(Change::Merge),
        1 => (0..=MAX_HALVINGS).prop_map(Change::Coarsen),
        1 => Just(Change::Take),
    ]
}

proptest! {
    #[test]
    fn a_histogram_tells_what_one_with_a_number_for_everything_tells(
        changes in prop::collection::vec((0usize..3, change()), 1..60), q in 0.0f64..=1.0,
    ) {
        let mut histograms = [(); 3].map(|()| Histogram::default());
        let mut plain = [(); 3].map(|()| Plain::default());
        for (at, change) in changes {
            match change {
                Change::Record(nanos) => {
                    // Counting one by one never comes near the largest number.
                    if plain[at].count < 1 << 62 {
                        let before = histograms[at].buckets().len();
                        let grown = histograms[at].record(Sample::new(nanos));
                        prop_assert_eq!(before + grown, histograms[at].buckets().len());
                        plain[at].record(nanos, 1);
                    }
                }
                Change::Add(nanos, times) => {
                    let mut other = Plain::default();
                    other.record(nanos, times);
                    let (offset, counts) = other.buckets.first_key_value().map_or((0, vec![]), |(&at, &count)| (at, vec![count]));
                    let built = Histogram::from_parts(other.sum, other.extremes, other.zero_count, SCALE, offset, &counts);
                    histograms[at].merge(&built.unwrap());
                    plain[at].merge(&other);
                }
                Change::Merge(from) => {
                    let (other, other_plain) = (histograms[from].clone(), plain[from].clone());
                    histograms[at].merge(&other);
                    plain[at].merge(&other_plain);
                }
                Change::Coarsen(halvings) => {
                    histograms[at].coarsen(halvings);
                    plain[at].coarsen(halvings);
                }
                Change::Take => {
                    prop_assert_eq!(&Plain::of(&std::mem::take(&mut histograms[at])), &plain[at]);
                    plain[at] = Plain::default();
                }
            }
            prop_assert_eq!(&Plain::of(&histograms[at]), &plain[at]);
            prop_assert_eq!(histograms[at].quantile(q), plain[at].quantile(q));
        }
    }
}

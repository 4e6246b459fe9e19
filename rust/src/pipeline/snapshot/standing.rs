//! Steady weights, by which rows are ranked so that a table does not reorder while figures jitter.
//!
//! Each row has an average of its weight over the last seconds. Its steady weight (`stands_by`) changes only when the
//! average differs from it by more than a tolerance, and then becomes the average. From time to time a smaller
//! tolerance applies, so that no two rows stay in the wrong order for long. The steady weight of a new row is its
//! present weight. No clock is read: the time that passed is an argument.

use super::tables::RowName;

/// Seconds in which an average covers two thirds of the way to a new value. This is long enough for rows whose weight
/// doubles and halves every second.
const SETTLES: f64 = 5.0;

/// Tolerance as a share of the steady weight.
const BAND: f64 = 0.125;

/// Tolerance of counts in standard deviations, if that is more than [`BAND`]. The standard deviation of `n` events is
/// the square root of `n`.
const DEVIATIONS: f64 = 2.0;

/// Seconds between two moments at which the smaller tolerance applies.
const AFRESH: f64 = 15.0;

/// The smaller tolerance as a part of the usual one.
const CLOSELY: f64 = 1.0 / 3.0;

/// If more seconds have passed, the previous standing is ignored.
const FORGETS: f64 = 60.0;

/// The kind of a weight: how it depends on time and how much it jitters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Number of events. It grows with the time over which it is counted, and jitters by its square root.
    Count,
    /// A sum, such as bytes, that grows with the time over which it is counted.
    Sum,
    /// A quantile or a share, which does not depend on the time.
    Level,
}

/// What weights are, and when they were counted.
#[derive(Clone, Copy, Debug)]
pub struct Weighing {
    /// Kind of the weights.
    pub kind: Kind,
    /// Seconds since the previous standing.
    pub passed: f64,
    /// Seconds over which the weights were counted. The number grows until the window is full.
    pub covered: f64,
}

impl Weighing {
    /// Returns the number by which weights are divided, so that they can be compared with those of other windows.
    fn scale(&self) -> f64 {
        if self.kind == Kind::Level || self.covered.is_nan() || self.covered <= 0.0 { 1.0 } else { self.covered }
    }
}

/// The steady weights of rows, sorted by the name of the row. Counts and sums are per second.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    rows: Vec<Row>,
    /// Seconds since the smaller tolerance was applied.
    age: f64,
}

#[derive(Clone, Debug)]
struct Row {
    place: RowName,
    average: f64,
    stands_by: f64,
}

impl Standing {
    /// Returns the next standing. `rows` are names and present weights, sorted by name, each name once.
    #[must_use]
    pub fn then(&self, rows: impl Iterator<Item = (RowName, f64)>, weighing: Weighing) -> Self {
        let (seconds, scale) = (weighing.passed, weighing.scale());
        let is_known = (0.0..=FORGETS).contains(&seconds);
        let is_afresh = self.age + seconds >= AFRESH;
        let part = if is_afresh { CLOSELY } else { 1.0 };
        let gain = 1.0 - (-seconds / SETTLES).exp();
        let mut known = if is_known { self.rows.as_slice() } else { &[] };
        let rows = rows.map(|(place, weight)| {
            let weight = weight / scale;
            while known.first().is_some_and(|row| row.place != place && row.place < place) {
                known = &known[1..];
            }
            match known.first().filter(|row| row.place == place) {
                Some(row) => row.then(place, weight, weighing, (gain, part)),
                None => Row { place, average: weight, stands_by: weight },
            }
        });
        Self { rows: rows.collect(), age: if is_afresh || !is_known { 0.0 } else { self.age + seconds } }
    }

    /// Steady weights, in the order of the rows.
    pub fn weights(&self) -> impl Iterator<Item = f64> + '_ {
        self.rows.iter().map(|row| row.stands_by)
    }

    /// Name and steady weight of each row.
    pub fn rows(&self) -> impl Iterator<Item = (&RowName, f64)> + '_ {
        self.rows.iter().map(|row| (&row.place, row.stands_by))
    }
}

impl Row {
    /// Returns the row with its present `weight`. `gain` is how far the average moves towards the weight, and `part` is
    /// the part of the tolerance that applies.
    fn then(&self, place: RowName, weight: f64, weighing: Weighing, (gain, part): (f64, f64)) -> Self {
        let average = self.average + gain * (weight - self.average);
        let band = match weighing.kind {
            Kind::Count => (DEVIATIONS * (self.stands_by / weighing.scale()).sqrt()).max(BAND * self.stands_by),
            Kind::Sum | Kind::Level => BAND * self.stands_by,
        };
        // A weight of zero always moves the steady weight, so that the row soon sinks below rows that are not zero.
        let moves = weight == 0.0 || (average - self.stands_by).abs() > part * band;
        Self { place, average, stands_by: if moves { average } else { self.stands_by } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order of rows after each second, by name.
    fn orders(seconds: usize, kind: Kind, weights: impl Fn(usize) -> Vec<(&'static str, f64)>) -> Vec<String> {
        let mut standing = Standing::default();
        (0..seconds)
            .map(|second| {
                let rows = weights(second).into_iter().map(|(name, weight)| ((name.into(), "".into()), weight));
                standing = standing.then(rows, Weighing { kind, passed: 1.0, covered: 1.0 });
                let mut rows: Vec<_> = standing.rows().collect();
                rows.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
                rows.into_iter().map(|(place, _)| &*place.0).collect()
            })
            .collect()
    }

    fn changes(orders: &[String]) -> usize {
        orders.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }

    #[test]
    fn rows_whose_weights_jitter_around_the_same_value_do_not_swap() {
        let alternating = |low: f64, high: f64| {
            move |second: usize| {
                let (a, b) = if second.is_multiple_of(2) { (high, low) } else { (low, high) };
                vec![("a", a), ("b", b), ("c", 1.0)]
            }
        };
        for (low, high) in [(99.0, 100.0), (80.0, 120.0), (10.0, 20.0), (1.0, 3.0), (1e6, 1.2e6)] {
            for kind in [Kind::Count, Kind::Sum, Kind::Level] {
                let found = orders(120, kind, alternating(low, high));
                assert!(changes(&found) <= 120 / AFRESH as usize, "{low} and {high}: {} of 120", changes(&found));
            }
        }
    }

    #[test]
    fn counts_of_rare_events_do_not_swap_each_time() {
        // Ten hits in ten seconds, give or take three: as random as requests are.
        let mut state = 1u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1u32 << 31)
        };
        let drawn: Vec<[f64; 4]> = (0..200).map(|_| [(); 4].map(|()| 7.0 + (random() * 7.0).floor())).collect();
        let names = ["a", "b", "c", "d"];
        let found = orders(200, Kind::Count, |second| names.into_iter().zip(drawn[second]).collect());
        assert!(changes(&found) <= 24, "{} of 200", changes(&found));
    }

    #[test]
    fn what_grows_tenfold_is_first_within_seconds() {
        let found = orders(30, Kind::Count, |second| {
            vec![("calm", 1000.0), ("storm", if second < 10 { 300.0 } else { 3000.0 })]
        });
        assert_eq!(found[9], "calmstorm");
        assert_eq!(found[12], "stormcalm");
    }

    #[test]
    fn no_two_rows_stand_the_wrong_way_round_for_long() {
        let found =
            orders(60, Kind::Level, |second| vec![("a", if second == 0 { 110.0 } else { 100.0 }), ("b", 105.0)]);
        assert_eq!((found[1].as_str(), found[20].as_str()), ("ab", "ba"));
    }

    #[test]
    fn what_is_nothing_now_soon_stands_below_what_is_something() {
        let found = orders(9, Kind::Count, |second| vec![("a", if second == 0 { 4.0 } else { 0.0 }), ("b", 3.0)]);
        assert_eq!(found[4], "ba");
    }

    /// One second more of weights as they are.
    const SECOND: Weighing = Weighing { kind: Kind::Level, passed: 1.0, covered: 1.0 };

    #[test]
    fn rows_do_not_swap_while_their_window_fills() {
        let at = |name: &str| -> RowName { (name.into(), "".into()) };
        let mut standing = Standing::default();
        for second in 1..20 {
            let covered = f64::from(second.min(10));
            let rows = [(at("a"), 101.0 * covered), (at("b"), 100.0 * covered + f64::from(second % 3) - 1.0)];
            standing = standing.then(rows.into_iter(), Weighing { kind: Kind::Count, passed: 1.0, covered });
            assert!(standing.weights().next() > standing.weights().nth(1), "{second}");
        }
    }

    #[test]
    fn time_that_runs_backwards_or_leaps_begins_anew() {
        let place: RowName = ("a".into(), "".into());
        let standing = Standing::default().then([(place.clone(), 9.0)].into_iter(), SECOND);
        for (seconds, weight) in [(-1.0, 1.0), (FORGETS + 1.0, 1.0), (f64::NAN, 1.0), (0.0, 9.0)] {
            let then = standing.then([(place.clone(), 1.0)].into_iter(), Weighing { passed: seconds, ..SECOND });
            assert_eq!(then.weights().collect::<Vec<_>>(), [weight], "{seconds}");
        }
    }

    #[test]
    fn a_row_that_left_and_comes_back_is_new() {
        let at = |name: &str| -> RowName { (name.into(), "".into()) };
        let first = Standing::default().then([(at("a"), 9.0), (at("b"), 5.0)].into_iter(), SECOND);
        let second = first.then([(at("b"), 5.0), (at("c"), 4.0)].into_iter(), SECOND);
        let third = second.then([(at("a"), 1.0), (at("b"), 5.0)].into_iter(), SECOND);
        assert_eq!(third.weights().collect::<Vec<_>>(), [1.0, 5.0]);
    }
}

//! What rows are ranked by so that a table holds still while figures jitter: averages of the last seconds.
//!
//! A row keeps the weight it stands by until its average has left that by more than figures jitter. At times less is
//! enough, so that no two rows stand the wrong way round for long. A row that is new stands by its own weight.
//! Pure: the time that passed is an argument.

use super::tables::RowName;

/// Seconds in which an average covers two thirds of the way to a new value: long enough that every second value of a
/// row may be twice the other.
const SETTLES: f64 = 5.0;

/// Share of a weight that its average may be off.
const BAND: f64 = 0.125;

/// How many standard deviations a count may be off besides; that of `n` events is the root of `n`.
const DEVIATIONS: f64 = 2.0;

/// Seconds after which rows are looked at more closely.
const AFRESH: f64 = 15.0;

/// Part of what an average may be off that it may be off then.
const CLOSELY: f64 = 1.0 / 3.0;

/// Seconds after which what was is no longer compared with what is.
const FORGETS: f64 = 60.0;

/// What a weight is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// How often something happened: grows with the time it is gathered over, and jitters by its root.
    Count,
    /// Grows with the time it is gathered over.
    Sum,
    /// A quantile, a share: as it is.
    Level,
}

/// When and what is weighed.
#[derive(Clone, Copy, Debug)]
pub struct Weighing {
    /// What they are.
    pub kind: Kind,
    /// Seconds since what was weighed before.
    pub passed: f64,
    /// Seconds that weights are gathered over: a window grows until it is full.
    pub covered: f64,
}

impl Weighing {
    /// What weights are divided by, to be compared with those of before.
    fn scale(&self) -> f64 {
        if self.kind == Kind::Level || self.covered.is_nan() || self.covered <= 0.0 { 1.0 } else { self.covered }
    }
}

/// The weights that rows stand by, by the name of the row; counts and sums are per second.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    rows: Vec<Row>,
    /// Seconds since rows were looked at closely.
    age: f64,
}

#[derive(Clone, Debug)]
struct Row {
    place: RowName,
    average: f64,
    stands_by: f64,
}

impl Standing {
    /// The standing of rows sorted by place, each once, with what they weigh now.
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

    /// The weights, in the order of the rows.
    pub fn weights(&self) -> impl Iterator<Item = f64> + '_ {
        self.rows.iter().map(|row| row.stands_by)
    }

    /// Name and weight of each row.
    pub fn rows(&self) -> impl Iterator<Item = (&RowName, f64)> + '_ {
        self.rows.iter().map(|row| (&row.place, row.stands_by))
    }
}

impl Row {
    /// `part` is how much of what an average may be off it may be off now.
    fn then(&self, place: RowName, weight: f64, weighing: Weighing, (gain, part): (f64, f64)) -> Self {
        let average = self.average + gain * (weight - self.average);
        let band = match weighing.kind {
            Kind::Count => (DEVIATIONS * (self.stands_by / weighing.scale()).sqrt()).max(BAND * self.stands_by),
            Kind::Sum | Kind::Level => BAND * self.stands_by,
        };
        // What is shown as nothing stands above nothing for a moment only.
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

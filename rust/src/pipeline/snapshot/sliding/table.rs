//! The [`Sliding`] table: the names of its rows, its columns, and what is read from them.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::super::counts::Counts;
use super::super::merge::Snapshot;
use super::super::per::Per;
use super::super::tables::RowName;
use super::amount::{Amount, Parts};
use super::column::Column;
use crate::pipeline::filter::Filter;
use crate::pipeline::histogram::Spread;
use crate::pipeline::packet::{SECOND, Timestamp};

/// Most rows that are known at the same time. Rows beyond are not added up, and counted.
const MAX_ROWS: usize = 100_000;

/// Most numbers in the steps of all columns, 16 bytes each. Beyond, the oldest steps of the largest column are joined.
const MAX_WEIGHT: usize = 4 << 20;

/// What is read from the columns of a row.
#[derive(Clone, Debug)]
pub enum Reading {
    /// The sum of count columns, times a factor.
    Sum(Vec<usize>, f64),
    /// The sum of some count columns divided by the sum of others; none if that is 0.
    Ratio(Vec<usize>, Vec<usize>),
    /// The quantile, from 0 to 1, of a column of durations, in seconds; none if there are no durations.
    Quantile(usize, f64),
    /// Seconds since the row was last seen in traffic.
    Absence,
}

/// Where the rows come from.
#[derive(Clone, Debug)]
pub enum Rows {
    /// The tables of a snapshot: the rows that the filter admits.
    Admitted(Option<Arc<Filter>>),
    /// The subset of a snapshot with this filter.
    OfSubset(Arc<str>),
}

/// Sums over spans, see the module.
#[derive(Clone, Debug)]
pub struct Sliding {
    per: Per,
    rows: Rows,
    /// Whether rows stay known when nothing of them is left.
    keeps: bool,
    names: Names,
    pub(super) counts: Vec<(Amount, Column<u64>)>,
    pub(super) times: Vec<(Amount, Column<Spread>)>,
    pub(super) now: Timestamp,
    /// When the table began, from which the absence of a total counts.
    pub(super) since: Option<Timestamp>,
    overflow: u64,
    none: Arc<str>,
}

/// The number of a row and its value.
type Valued = (usize, f64, f64);

/// A reading, and the least value of it that is enough.
type Enough<'a> = Option<(&'a Reading, f64)>;

#[derive(Clone, Debug, Default)]
struct Names {
    numbers: HashMap<RowName, u32, RandomState>,
    rows: Vec<Row>,
    free: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Row {
    name: RowName,
    /// Number of parts of the row in all steps.
    uses: u32,
    last: Timestamp,
    /// False if the number is free for another row.
    is_known: bool,
}

impl Sliding {
    /// A table of the rows of `per`. With `keeps`, rows stay known when nothing of them is left in any span.
    pub fn new(per: Per, rows: Rows, keeps: bool) -> Self {
        let (names, none) = (Names::default(), Arc::from(""));
        let (counts, times, now) = (Vec::new(), Vec::new(), Timestamp(i64::MIN));
        Self { per, rows, keeps, names, counts, times, now, since: None, overflow: 0, none }
    }

    /// Which rows the table has.
    pub fn per(&self) -> Per {
        self.per
    }

    /// Adds a column of counts, before the first snapshot. Returns its number among the columns of counts.
    pub fn add_counts(&mut self, amount: Amount, span: i64) -> usize {
        self.counts.push((amount, Column::new(span)));
        self.counts.len() - 1
    }

    /// Adds a column of durations, before the first snapshot. Returns its number among these.
    pub fn add_times(&mut self, amount: Amount, span: i64) -> usize {
        self.times.push((amount, Column::new(span)));
        self.times.len() - 1
    }

    /// Number of rows that were not added up because too many were known.
    pub fn overflow(&self) -> u64 {
        self.overflow
    }

    /// The past begins at this time: nothing before it was added up.
    pub fn begin(&mut self, at: Timestamp) {
        self.since = Some(at);
        self.counts.iter_mut().for_each(|(_, column)| column.begun = Some(at));
        self.times.iter_mut().for_each(|(_, column)| column.begun = Some(at));
    }

    /// Since when everything that a reading consists of is added up; none before the first snapshot.
    pub fn begun(&self, reading: &Reading) -> Option<Timestamp> {
        let counted = |columns: &[usize]| columns.iter().filter_map(|&at| self.counts.get(at)?.1.begun).max();
        match reading {
            Reading::Sum(columns, _) => counted(columns),
            Reading::Ratio(parts, whole) => counted(parts).max(counted(whole)),
            Reading::Quantile(column, _) => self.times.get(*column)?.1.begun,
            Reading::Absence => self.since,
        }
    }

    /// Adds a snapshot that counts at the time `at`.
    pub fn push(&mut self, snapshot: &Snapshot, at: Timestamp) {
        if let (None, Some((start, _))) = (self.since, snapshot.span) {
            self.begin(start);
        }
        let mut counts: Vec<Vec<(u32, u64)>> = vec![Vec::new(); self.counts.len()];
        let mut times = vec![Vec::new(); self.times.len()];
        let (per, none, rows) = (self.per, self.none.clone(), self.rows.clone());
        let first = snapshot.span.map_or(at, |(start, _)| start.min(at));
        let add = |name, parts: Parts<'_>| {
            let traffic = parts.counts.map(Counts::hits).or(parts.traffic.as_ref().map(|traffic| traffic.packets));
            let is_seen = traffic.is_some_and(|amount| amount > 0);
            let is_row = is_seen || self.has_any(&parts) || parts.is_present && self.keeps;
            if !is_row {
                return;
            }
            let Some(row) = self.names.number(name, first) else {
                self.overflow += 1;
                return;
            };
            let known = &mut self.names.rows[row as usize];
            if is_seen {
                known.last = at;
            }
            for ((amount, _), parts_of_step) in self.counts.iter().zip(&mut counts) {
                if let Some(count) = amount.count(&parts).filter(|&count| count > 0) {
                    parts_of_step.push((row, count));
                    known.uses += 1;
                }
            }
            for ((amount, _), parts_of_step) in self.times.iter().zip(&mut times) {
                if let Some(histogram) = amount.times(&parts) {
                    parts_of_step.push((row, histogram.clone()));
                    known.uses += 1;
                }
            }
        };
        match rows {
            Rows::Admitted(filter) => per.rows(snapshot, filter.as_deref(), &none, add),
            Rows::OfSubset(text) => per.rows_of_subset(snapshot, &text, add),
        }
        self.counts.iter_mut().zip(counts).for_each(|((_, column), parts)| column.push(at, parts));
        self.times.iter_mut().zip(times).for_each(|((_, column), parts)| column.push(at, parts));
        self.pass(at);
        self.bound();
    }

    fn has_any(&self, parts: &Parts<'_>) -> bool {
        self.counts.iter().any(|(amount, _)| amount.count(parts).is_some_and(|count| count > 0))
            || self.times.iter().any(|(amount, _)| amount.times(parts).is_some())
    }

    /// Passes time to `now`: what ended a span or more before leaves the sums.
    pub fn pass(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        let (names, keeps) = (&mut self.names, self.keeps);
        self.counts.iter_mut().for_each(|(_, column)| column.pass(now, |row| names.release(row, keeps)));
        self.times.iter_mut().for_each(|(_, column)| column.pass(now, |row| names.release(row, keeps)));
    }

    /// Joins the oldest steps of the heaviest column while all columns together are too heavy.
    fn bound(&mut self) {
        while self.weight() > MAX_WEIGHT {
            let weights: Vec<usize> = self.weights().collect();
            let Some(heaviest) = (0..weights.len()).max_by_key(|&at| weights[at]) else { return };
            let names = &mut self.names;
            let joined = |row| names.release(row, true);
            let was_joined = match heaviest.checked_sub(self.counts.len()) {
                None => self.counts[heaviest].1.join_oldest(joined),
                Some(at) => self.times[at].1.join_oldest(joined),
            };
            if !was_joined {
                return;
            }
        }
    }

    fn weights(&self) -> impl Iterator<Item = usize> + '_ {
        let counts = self.counts.iter().map(|(_, column)| column.weight());
        counts.chain(self.times.iter().map(|(_, column)| column.weight()))
    }

    /// Memory of the steps of all columns, in numbers of 16 bytes.
    pub fn weight(&self) -> usize {
        self.weights().sum()
    }

    /// For each column that has steps, the end of its oldest step and its span in nanoseconds.
    pub fn oldest(&self) -> Vec<(Timestamp, i64)> {
        let counts = self.counts.iter().filter_map(|(_, column)| Some((column.oldest()?, column.span)));
        let times = self.times.iter().filter_map(|(_, column)| Some((column.oldest()?, column.span)));
        counts.chain(times).collect()
    }

    /// The names of all known rows, with the time when each was last seen; and for each number of a row, its place among
    /// these names.
    pub(super) fn rows(&self) -> (Vec<(RowName, Timestamp)>, Vec<u64>) {
        let (mut rows, mut places) = (Vec::new(), Vec::new());
        for row in &self.names.rows {
            places.push(rows.len() as u64);
            rows.extend(row.is_known.then(|| (row.name.clone(), row.last)));
        }
        (rows, places)
    }

    /// Replaces all rows. Returns false, and changes nothing, if a name occurs twice or there are too many.
    pub(super) fn take_rows(&mut self, rows: Vec<(RowName, Timestamp)>) -> bool {
        let mut names = Names::default();
        for (at, (name, last)) in rows.into_iter().enumerate() {
            if names.number(name, last) != Some(at as u32) {
                return false;
            }
        }
        self.names = names;
        true
    }

    /// Counts the parts of each row, and forgets the rows without any.
    pub(super) fn count_uses(&mut self) {
        let rows = &mut self.names.rows;
        for (_, column) in &self.counts {
            column.steps().flat_map(|step| step.parts.iter()).for_each(|&(row, _)| rows[row as usize].uses += 1);
        }
        for (_, column) in &self.times {
            column.steps().flat_map(|step| step.parts.iter()).for_each(|&(row, _)| rows[row as usize].uses += 1);
        }
        let unused: Vec<u32> = (0..rows.len() as u32).filter(|&row| rows[row as usize].uses == 0).collect();
        unused.into_iter().for_each(|row| self.names.release(row, self.keeps));
    }

    /// The value of the row with this name, which may be unknown.
    pub fn value(&self, reading: &Reading, name: &str) -> Option<f64> {
        let number = self.names.numbers.get(&self.per.row_name(name));
        number.map_or_else(|| self.value_of(reading, None), |&row| self.value_of(reading, Some(row)))
    }

    fn value_of(&self, reading: &Reading, row: Option<u32>) -> Option<f64> {
        let sum_of = |columns: &[usize]| {
            let sums = columns.iter().filter_map(|&at| self.counts.get(at)?.1.sum(row?));
            sums.fold(0_u64, |sum, &count| sum.saturating_add(count))
        };
        match reading {
            Reading::Sum(columns, factor) => Some(sum_of(columns) as f64 * factor),
            Reading::Ratio(parts, whole) => {
                let whole = sum_of(whole);
                (whole > 0).then(|| sum_of(parts) as f64 / whole as f64)
            }
            Reading::Quantile(column, q) => {
                let nanos = self.times.get(*column)?.1.sum(row?)?.quantile(*q)?;
                Some(nanos as f64 / SECOND as f64)
            }
            Reading::Absence => {
                let last = row.map(|row| self.names.rows[row as usize].last).or(self.since)?;
                Some((self.now.0.saturating_sub(last.0)).max(0) as f64 / SECOND as f64)
            }
        }
    }

    /// The names and values of all rows that lie beyond a bound: above it or, unless `is_above`, below it. With `enough`,
    /// only of those of which another reading is at least a number; its value is the last of the three, else 0.
    pub fn beyond(&self, reading: &Reading, bound: f64, is_above: bool, enough: Enough<'_>) -> Vec<(String, f64, f64)> {
        let (beyond, _) = self.split(reading, bound, is_above, enough);
        self.named(beyond)
    }

    /// As `beyond`, or if there is no such row, the one that is nearest to the bound.
    pub fn beyond_or_nearest(
        &self,
        reading: &Reading,
        bound: f64,
        is_above: bool,
        enough: Enough<'_>,
    ) -> Vec<(String, f64, f64)> {
        let (beyond, nearest) = self.split(reading, bound, is_above, enough);
        let nearest = nearest.filter(|_| beyond.is_empty());
        self.named(beyond.into_iter().chain(nearest))
    }

    /// The rows beyond a bound, and of all others the first that is nearest to it.
    fn split(
        &self,
        reading: &Reading,
        bound: f64,
        is_above: bool,
        enough: Enough<'_>,
    ) -> (Vec<Valued>, Option<Valued>) {
        let is_beyond = |value: f64, other: f64| if is_above { value >= other } else { value <= other };
        let requests = |row| match enough {
            Some((other, least)) => self.value_of(other, Some(row)).filter(|&value| value >= least),
            None => Some(0.0),
        };
        let (mut beyond, mut nearest): (Vec<Valued>, Option<Valued>) = (Vec::new(), None);
        for (row, _) in self.names.rows.iter().enumerate().filter(|(_, row)| row.is_known) {
            let Some(value) = self.value_of(reading, Some(row as u32)) else { continue };
            let is_far = is_beyond(value, bound);
            if !is_far && nearest.is_some_and(|(_, best, _)| is_beyond(best, value)) {
                continue;
            }
            let Some(other) = requests(row as u32) else { continue };
            if is_far {
                beyond.push((row, value, other));
            } else {
                nearest = Some((row, value, other));
            }
        }
        (beyond, nearest)
    }

    fn named(&self, rows: impl IntoIterator<Item = Valued>) -> Vec<(String, f64, f64)> {
        let name = |row: usize| self.per.text(&self.names.rows[row].name);
        rows.into_iter().map(|(row, value, other)| (name(row), value, other)).collect()
    }
}

impl Names {
    /// The number of the row with this name, which is added unless there is no room. The absence of a new row counts from
    /// `first` until it is seen in traffic.
    fn number(&mut self, name: RowName, first: Timestamp) -> Option<u32> {
        if let Some(&row) = self.numbers.get(&name) {
            return Some(row);
        }
        if self.numbers.len() >= MAX_ROWS {
            return None;
        }
        let new = Row { name: name.clone(), uses: 0, last: first, is_known: true };
        let row = self.free.pop().unwrap_or(self.rows.len() as u32);
        match self.rows.get_mut(row as usize) {
            Some(free) => *free = new,
            None => self.rows.push(new),
        }
        self.numbers.insert(name, row);
        Some(row)
    }

    /// A part of the row has gone. The row is forgotten with its last part, unless it `stays`.
    fn release(&mut self, row: u32, stays: bool) {
        let known = &mut self.rows[row as usize];
        known.uses = known.uses.saturating_sub(1);
        if known.uses == 0 && !stays {
            self.numbers.remove(&known.name);
            known.is_known = false;
            self.free.push(row);
        }
    }
}

//! One amount of each row, added up over a span that moves with time.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::pipeline::histogram::{Histogram, Spread};
use crate::pipeline::packet::Timestamp;

/// A sum that intervals enter and leave.
pub trait Sum: Clone + Default {
    /// What an interval adds.
    type Part: Clone;
    fn add(&mut self, part: &Self::Part);
    fn subtract(&mut self, part: &Self::Part);
    /// Joins two parts of one row.
    fn join(part: &mut Self::Part, other: &Self::Part);
    /// Memory of a part, in units of a number.
    fn weight(part: &Self::Part) -> usize;
}

impl Sum for u64 {
    type Part = Self;
    fn add(&mut self, part: &Self) {
        *self = self.saturating_add(*part);
    }
    fn subtract(&mut self, part: &Self) {
        *self = self.saturating_sub(*part);
    }
    fn join(part: &mut Self, other: &Self) {
        part.add(other);
    }
    fn weight(_part: &Self) -> usize {
        1
    }
}

/// Buckets that take as much memory as a number with its row.
const BUCKETS_OF_A_NUMBER: usize = 4;

impl Sum for Spread {
    type Part = Histogram;
    fn add(&mut self, part: &Histogram) {
        Self::add(self, part);
    }
    fn subtract(&mut self, part: &Histogram) {
        Self::subtract(self, part);
    }
    fn join(part: &mut Histogram, other: &Histogram) {
        part.merge(other);
    }
    fn weight(part: &Histogram) -> usize {
        6 + part.buckets().len() / BUCKETS_OF_A_NUMBER
    }
}

/// The parts of one interval, sorted by the number of their row. Each row occurs once.
#[derive(Clone, Debug)]
pub struct Step<P> {
    pub end: Timestamp,
    pub parts: Arc<Vec<(u32, P)>>,
}

/// The sums of all rows, and the steps that they consist of, oldest first.
#[derive(Clone, Debug)]
pub struct Column<S: Sum> {
    /// Nanoseconds.
    pub span: i64,
    /// Since when all parts are added up; none before the first one could be.
    pub begun: Option<Timestamp>,
    steps: VecDeque<Step<S::Part>>,
    sums: Vec<S>,
    weight: usize,
}

impl<S: Sum> Column<S> {
    pub fn new(span: i64) -> Self {
        Self { span, begun: None, steps: VecDeque::new(), sums: Vec::new(), weight: 0 }
    }

    /// The sum of a row.
    pub fn sum(&self, row: u32) -> Option<&S> {
        self.sums.get(row as usize)
    }

    pub fn steps(&self) -> impl ExactSizeIterator<Item = &Step<S::Part>> {
        self.steps.iter()
    }

    /// Memory of all steps, in units of a number.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// The end of the oldest step.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.steps.front().map(|step| step.end)
    }

    /// Adds an interval; `parts` are in any order.
    pub fn push(&mut self, end: Timestamp, mut parts: Vec<(u32, S::Part)>) {
        if parts.is_empty() {
            return;
        }
        parts.sort_unstable_by_key(|&(row, _)| row);
        for (row, part) in &parts {
            let row = *row as usize;
            if row >= self.sums.len() {
                self.sums.resize_with(row + 1, S::default);
            }
            self.sums[row].add(part);
            self.weight += S::weight(part);
        }
        self.steps.push_back(Step { end, parts: Arc::new(parts) });
    }

    /// Removes the steps that ended `span` or more before `now`. Calls `left` with the row of each of their parts.
    pub fn pass(&mut self, now: Timestamp, mut left: impl FnMut(u32)) {
        let horizon = Timestamp(now.0.saturating_sub(self.span));
        while self.oldest().is_some_and(|end| end <= horizon) {
            let Some(step) = self.steps.pop_front() else { return };
            for (row, part) in step.parts.iter() {
                self.sums[*row as usize].subtract(part);
                self.weight -= S::weight(part);
                left(*row);
            }
        }
    }

    /// Joins the two oldest steps, so that the older one leaves together with the later one. Calls `joined` with each
    /// row that had a part in both. Returns false if there are fewer than two steps.
    pub fn join_oldest(&mut self, mut joined: impl FnMut(u32)) -> bool {
        if self.steps.len() < 2 {
            return false;
        }
        let (Some(old), Some(next)) = (self.steps.pop_front(), self.steps.front_mut()) else { return false };
        let mut parts: Vec<(u32, S::Part)> = old.parts.iter().chain(next.parts.iter()).cloned().collect();
        self.weight -= parts.iter().map(|(_, part)| S::weight(part)).sum::<usize>();
        parts.sort_by_key(|&(row, _)| row);
        parts.dedup_by(|later, kept| {
            let is_same = later.0 == kept.0;
            if is_same {
                S::join(&mut kept.1, &later.1);
                joined(kept.0);
            }
            is_same
        });
        self.weight += parts.iter().map(|(_, part)| S::weight(part)).sum::<usize>();
        next.parts = Arc::new(parts);
        true
    }
}

//! The lightest of many rows, for the moments when a table is full.
//!
//! A heap that is built when first asked and put right when asked again: rows only grow heavier within an interval, so
//! what comes out too light goes back with its present weight. A row that is counted costs nothing here.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A heap of row numbers by weight.
#[derive(Debug, Default)]
pub struct Lightest {
    heap: BinaryHeap<Reverse<(u64, u32)>>,
    is_built: bool,
    /// More entries than this, and most are of rows that are gone.
    limit: usize,
}

/// Entries that are kept for each row when rows go without being taken here: few, and seldom sorted out.
const ENTRIES: usize = 2;
/// Entries that are kept for any number of rows.
const FEW: usize = 64;

impl Lightest {
    /// Forgets all: weights have been reset.
    pub fn reset(&mut self) {
        self.heap.clear();
        self.is_built = false;
    }

    /// A row came in.
    pub fn push(&mut self, row: u32, weight: u64) {
        if self.is_built {
            self.heap.push(Reverse((weight, row)));
        }
        if self.heap.len() > self.limit {
            self.reset();
        }
    }

    /// Takes out the lightest row. `weight` is `None` for a row that is gone or may not be taken.
    pub fn take(&mut self, rows: impl Iterator<Item = u32>, weight: impl Fn(u32) -> Option<u64>) -> Option<u32> {
        if !self.is_built {
            self.heap = rows.filter_map(|row| Some(Reverse((weight(row)?, row)))).collect();
            self.is_built = true;
            self.limit = (self.heap.len() * ENTRIES).max(FEW);
        }
        while let Some(Reverse((believed, row))) = self.heap.pop() {
            match weight(row) {
                Some(actual) if actual == believed => return Some(row),
                Some(actual) => self.heap.push(Reverse((actual, row))),
                None => {}
            }
        }
        None
    }
}

/// Goes around a table, once an interval, to find rows in which nothing was counted: the lightest there are. So finding
/// one costs a step for each row that was counted in.
#[derive(Debug, Default)]
pub struct Hand {
    at: usize,
    steps: usize,
}

impl Hand {
    /// An interval begins: rows that were counted in are idle again.
    pub fn reset(&mut self) {
        self.steps = 0;
    }

    /// The next idle one of `len` rows, if there is one left.
    pub fn next(&mut self, len: usize, is_idle: impl Fn(u32) -> bool) -> Option<u32> {
        while self.steps < len {
            self.steps += 1;
            self.at = (self.at + 1) % len;
            if is_idle(self.at as u32) {
                return Some(self.at as u32);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lightest_comes_out_by_its_present_weight() {
        let mut weights = [5, 1, 3];
        let mut lightest = Lightest::default();
        assert_eq!(lightest.take(0..3, |row| Some(weights[row as usize])), Some(1));
        weights[2] = 9;
        weights[1] = 6;
        lightest.push(1, 6);
        assert_eq!(lightest.take(0..3, |row| Some(weights[row as usize])), Some(0));
        assert_eq!(lightest.take(0..3, |row| Some(weights[row as usize])), Some(1));
        assert_eq!(lightest.take(0..3, |row| (row != 2).then_some(0)), None);
    }

    #[test]
    fn rows_that_go_elsewhere_leave_no_more_than_some_entries_each() {
        let mut lightest = Lightest::default();
        let weight = |row: u32| (row < 1000).then_some(7);
        assert!(lightest.take(0..1000, weight).is_some());
        for _ in 0..1_000_000 {
            lightest.push(5, 7);
            assert!(lightest.heap.len() <= 2000);
        }
        let mut taken: Vec<_> = std::iter::from_fn(|| lightest.take(0..1000, weight)).collect();
        taken.dedup();
        assert_eq!(taken.len(), 1000);
    }

    #[test]
    fn a_hand_goes_around_once_and_gives_each_idle_row() {
        let mut hand = Hand::default();
        let found = |hand: &mut Hand| std::iter::from_fn(|| hand.next(6, |row| row % 2 == 1)).collect::<Vec<_>>();
        assert_eq!(found(&mut hand), [1, 3, 5]);
        assert!(found(&mut hand).is_empty());
        hand.reset();
        assert_eq!(hand.next(6, |row| row > 3), Some(4));
        assert_eq!(Hand::default().next(0, |_| true), None);
    }
}

//! Finds the lightest of many rows when a table is full.
//!
//! [`Lightest`] is a heap that is built at its first use in an interval. Rows only grow heavier within an interval. So
//! a row whose weight in the heap is out of date goes back into the heap with its present weight. Counting in a row
//! does not touch the heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A heap of row numbers by weight.
#[derive(Debug, Default)]
pub struct Lightest {
    heap: BinaryHeap<Reverse<(u64, u32)>>,
    is_built: bool,
    /// Beyond this number of entries the heap is cleared, because most entries are out of date.
    limit: usize,
}

/// Entries per row before the heap is cleared. Entries pile up when rows leave the table without being taken here.
const ENTRIES: usize = 2;
/// Entries that the heap may always have, even if the table has few rows.
const FEW: usize = 64;

impl Lightest {
    /// Clears the heap, because the weights of all rows have been reset.
    pub fn reset(&mut self) {
        self.heap.clear();
        self.is_built = false;
    }

    /// Adds a row that is new in the table.
    pub fn push(&mut self, row: u32, weight: u64) {
        if self.is_built {
            self.heap.push(Reverse((weight, row)));
        }
        if self.heap.len() > self.limit {
            self.reset();
        }
    }

    /// Takes out the lightest row and returns its number, `None` if there is no row to take. `weight` returns `None`
    /// for a row that is gone or may not be taken.
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

/// Walks around a table once per interval and finds idle rows: those in which nothing was counted in this interval. No
/// row is lighter than an idle one. All searches of an interval together look at each row at most once.
#[derive(Debug, Default)]
pub struct Hand {
    at: usize,
    steps: usize,
}

impl Hand {
    /// Begins an interval, in which all rows are idle again.
    pub fn reset(&mut self) {
        self.steps = 0;
    }

    /// Returns the next idle row of `len` rows, `None` after a full round.
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

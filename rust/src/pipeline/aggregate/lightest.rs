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
}

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
    }

    /// Takes out the lightest row. `weight` is `None` for a row that is gone or may not be taken.
    pub fn take(&mut self, rows: impl Iterator<Item = u32>, weight: impl Fn(u32) -> Option<u64>) -> Option<u32> {
        if !self.is_built {
            self.heap = rows.filter_map(|row| Some(Reverse((weight(row)?, row)))).collect();
            self.is_built = true;
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
}

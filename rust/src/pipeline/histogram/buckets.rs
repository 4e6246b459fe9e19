//! Counts by bucket, without zeros at either end: 32 bits each, until one of them needs 64.
//!
//! Most never do, and buckets are touched at random: a processor's cache holds twice as many of them.

use smallvec::SmallVec;

/// Counts of neighbouring buckets. Those that count the same are equal: they are wide only when they have to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buckets {
    /// A word for each bucket or, when they are wide, two, the lower one first. A few lie in the row itself: most rows of
    /// many count a few values at a time.
    words: SmallVec<[u32; 8]>,
    /// Index of the first bucket.
    offset: i32,
    is_wide: bool,
}

impl Buckets {
    /// Counts from the bucket `offset` on.
    pub fn new(offset: i32, counts: &[u64]) -> Self {
        let offset = if counts.is_empty() { 0 } else { offset };
        let mut buckets = Self { offset, ..Self::default() };
        buckets.words.resize(counts.len(), 0);
        counts.iter().enumerate().for_each(|(at, &count)| buckets.add(at, count));
        buckets
    }

    /// Index of the first bucket.
    pub fn offset(&self) -> i32 {
        self.offset
    }

    /// Counts from the first bucket to the last.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        let count = |words: &[u32]| words.iter().rev().fold(0, |count, &word| count << 32 | u64::from(word));
        self.words.chunks_exact(self.width()).map(count)
    }

    /// Counts one more in a bucket.
    #[inline]
    pub fn count(&mut self, bucket: i32) {
        let at = bucket.wrapping_sub(self.offset) as usize;
        match self.words.get_mut(at) {
            Some(count) if !self.is_wide && *count < u32::MAX => *count += 1,
            _ => {
                self.cover(bucket, bucket);
                self.add((bucket - self.offset) as usize, 1);
            }
        }
    }

    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        let Some(last) = other.len().checked_sub(1) else { return };
        self.cover(other.offset, other.offset + last as i32);
        let from = (other.offset - self.offset) as usize;
        if self.is_wide || other.is_wide || !self.fits(from, other) {
            return other.iter().enumerate().for_each(|(at, count)| self.add(from + at, count));
        }
        for (mine, theirs) in self.words[from..].iter_mut().zip(&other.words) {
            *mine += theirs;
        }
    }

    /// Neither is wide, nor is their sum.
    fn fits(&self, from: usize, other: &Self) -> bool {
        self.words[from..].iter().zip(&other.words).all(|(mine, theirs)| mine.checked_add(*theirs).is_some())
    }

    fn width(&self) -> usize {
        1 + usize::from(self.is_wide)
    }

    fn len(&self) -> usize {
        self.words.len() / self.width()
    }

    fn add(&mut self, at: usize, count: u64) {
        let width = self.width();
        let words = &mut self.words[at * width..][..width];
        let old = u64::from(words[0]) | words.get(1).map_or(0, |&upper| u64::from(upper) << 32);
        let sum = old.saturating_add(count);
        let upper = (sum >> 32) as u32;
        if let Some(word) = words.get_mut(1) {
            *word = upper;
        } else if upper > 0 {
            self.widen();
            return self.add(at, count);
        }
        words[0] = sum as u32;
    }

    #[cold]
    fn widen(&mut self) {
        self.words = self.words.iter().flat_map(|&word| [word, 0]).collect();
        self.is_wide = true;
    }

    /// Makes room for buckets `first..=last`.
    fn cover(&mut self, first: i32, last: i32) {
        if self.words.is_empty() {
            self.offset = first;
        }
        if first < self.offset {
            let missing = (self.offset - first) as usize;
            self.words.insert_many(0, std::iter::repeat_n(0, missing * self.width()));
            self.offset = first;
        }
        let needed = (last - self.offset) as usize + 1;
        if needed > self.len() {
            self.words.resize(needed * self.width(), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Counts as they would be without any care for their width.
    fn plainly(parts: &[(i32, Vec<u64>)]) -> Vec<(i32, u64)> {
        let mut counts = std::collections::BTreeMap::<i32, u64>::new();
        for (offset, part) in parts {
            part.iter().enumerate().for_each(|(at, count)| *counts.entry(offset + at as i32).or_default() += count);
        }
        counts.into_iter().filter(|&(_, count)| count > 0).collect()
    }

    fn told(buckets: &Buckets) -> Vec<(i32, u64)> {
        let counts = buckets.iter().enumerate();
        counts.map(|(at, count)| (buckets.offset() + at as i32, count)).filter(|&(_, count)| count > 0).collect()
    }

    #[test]
    fn one_more_than_32_bits_hold_is_counted() {
        let full = u64::from(u32::MAX);
        let mut buckets = Buckets::new(7, &[1, full, 3]);
        assert!(!buckets.is_wide);
        buckets.count(8);
        assert!(buckets.is_wide);
        buckets.count(8);
        buckets.count(12);
        buckets.count(5);
        assert_eq!(told(&buckets), [(5, 1), (7, 1), (8, full + 2), (9, 3), (12, 1)]);
    }

    proptest! {
        #[test]
        fn parts_add_up_in_any_order_whatever_their_width(
            parts in prop::collection::vec(
                (-20i32..20, prop::collection::vec(prop_oneof![0u64..9, u64::from(u32::MAX) - 2..1 << 40], 1..12)), 1..6,
            ),
        ) {
            let merged = |parts: &mut dyn Iterator<Item = &(i32, Vec<u64>)>| {
                let mut merged = Buckets::default();
                parts.for_each(|(offset, counts)| merged.merge(&Buckets::new(*offset, counts)));
                merged
            };
            let forth = merged(&mut parts.iter());
            prop_assert_eq!(told(&forth), plainly(&parts));
            prop_assert_eq!(&merged(&mut parts.iter().rev()), &forth);
            let counts: Vec<u64> = forth.iter().collect();
            prop_assert_eq!(Buckets::new(forth.offset(), &counts), forth);
        }
    }
}

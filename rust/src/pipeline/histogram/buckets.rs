//! Counts by bucket, without zeros at either end. Each has 16 bits, until one of them needs 32, and then 64.
//!
//! Most histograms of an interval never need more than 16 bits. Buckets are accessed at random, and the narrower they
//! are, the more of them fit into the processor's cache.
//!
//! If there are too many buckets in all, pairs of neighbours are joined: the scale is halved, as OpenTelemetry does it.
//! A bucket of the coarser scale is exactly two of the finer one, so counts stay exact whatever is merged.

use smallvec::SmallVec;

/// Counts of consecutive buckets. They are wide only if they have to be, so values with the same counts are equal.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Buckets {
    /// One, two or four words per bucket, the lowest one first.
    words: SmallVec<[u16; WORDS_IN_PLACE]>,
    /// Index of the first bucket.
    offset: i16,
    /// How often the number of words per bucket was doubled.
    doublings: u8,
    /// How often the scale was halved; 0 if there are no buckets.
    halvings: u8,
}

/// Maximum number of halvings, after which all possible durations fall into two buckets.
pub const MAX_HALVINGS: u8 = 10;

/// Doublings after which a bucket has 64 bits.
const MAX_DOUBLINGS: u8 = 2;

/// Words of 16 bits in half a line of the processor's cache: the unit of allocated memory.
const WORDS_OF_HALF_A_LINE: usize = 16;

/// Words stored in the row itself: most rows count only a few values at a time.
const WORDS_IN_PLACE: usize = 8;

impl Clone for Buckets {
    fn clone(&self) -> Self {
        let mut words = SmallVec::with_capacity(capacity_for(self.words.len()));
        words.extend_from_slice(&self.words);
        Self { words, ..*self }
    }
}

/// Returns the number of words for which memory is allocated when `words` are needed.
///
/// There are two sizes between a power of two and the next. A total gains a bucket now and then and is copied every
/// second. With a size for each number of words, a freed block often fits no later histogram, and memory grows by holes
/// for hours. With twice the memory for each new bucket, the totals themselves grow for hours.
fn capacity_for(words: usize) -> usize {
    if words <= WORDS_IN_PLACE {
        return WORDS_IN_PLACE;
    }
    words.next_multiple_of((words.next_power_of_two() / 4).max(WORDS_OF_HALF_A_LINE))
}

impl Buckets {
    /// Makes buckets from their counts, from the bucket `offset` on.
    pub fn new(offset: i32, counts: &[u64]) -> Self {
        let offset = if counts.is_empty() { 0 } else { offset };
        let mut buckets = Self { offset: offset as i16, ..Self::default() };
        buckets.words.resize(counts.len(), 0);
        counts.iter().enumerate().for_each(|(at, &count)| buckets.add(at, count));
        buckets
    }

    /// The same at a scale that was halved `halvings` times.
    pub fn halved(halvings: u8, offset: i32, counts: &[u64]) -> Self {
        let halvings = if counts.is_empty() { 0 } else { halvings };
        Self { halvings, ..Self::new(offset, counts) }
    }

    /// How often the scale was halved.
    pub fn halvings(&self) -> u8 {
        self.halvings
    }

    /// Index of the first bucket.
    pub fn offset(&self) -> i32 {
        self.offset.into()
    }

    /// Counts from the first bucket to the last.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.words.chunks_exact(self.width()).map(joined)
    }

    /// Counts one more in a bucket, which is given at the finest scale. Returns how many buckets were added for it.
    #[inline]
    pub fn count(&mut self, bucket: i32) -> usize {
        let at = bucket.wrapping_sub(self.offset()) as usize;
        match self.words.get_mut(at) {
            Some(count) if self.doublings | self.halvings == 0 && *count < u16::MAX => {
                *count += 1;
                0
            }
            _ => self.count_anywhere(bucket >> self.halvings),
        }
    }

    fn count_anywhere(&mut self, bucket: i32) -> usize {
        let before = self.len();
        self.cover(bucket, bucket);
        self.add((bucket - self.offset()) as usize, 1);
        self.len() - before
    }

    /// Adds what `other` counted, at the coarser scale of the two.
    pub fn merge(&mut self, other: &Self) {
        let Some(last) = other.len().checked_sub(1) else { return };
        if self.words.is_empty() {
            self.clone_from(other);
            return;
        }
        if self.halvings != other.halvings {
            return self.merge_coarsened(other);
        }
        self.cover(other.offset(), other.offset() + last as i32);
        let from = (other.offset - self.offset) as usize;
        while self.doublings < other.doublings || !self.fits(from, other) {
            self.widen();
        }
        match (self.doublings, other.doublings) {
            (0, _) => self.words[from..].iter_mut().zip(&other.words).for_each(|(mine, theirs)| *mine += theirs),
            (1, 0) => add_to_pairs(&mut self.words[2 * from..], other.words.iter().copied().map(u32::from)),
            (1, _) => add_to_pairs(&mut self.words[2 * from..], pairs(&other.words)),
            _ => other.iter().enumerate().for_each(|(at, count)| self.add(from + at, count)),
        }
    }

    #[cold]
    fn merge_coarsened(&mut self, other: &Self) {
        self.coarsen(other.halvings);
        let by = self.halvings - other.halvings;
        let first = other.offset() >> by;
        self.cover(first, first + other.len_at(self.halvings) as i32 - 1);
        for (at, count) in other.iter().enumerate() {
            self.add((((other.offset() + at as i32) >> by) - self.offset()) as usize, count);
        }
    }

    /// Halves the scale until that was done `halvings` times in all. Does nothing if it was already.
    pub fn coarsen(&mut self, halvings: u8) {
        if halvings <= self.halvings || self.words.is_empty() {
            return;
        }
        let by = halvings - self.halvings;
        let first = self.offset() >> by;
        let mut counts = vec![0_u64; self.len_at(halvings)];
        for (at, count) in self.iter().enumerate() {
            let sum = &mut counts[(((self.offset() + at as i32) >> by) - first) as usize];
            *sum = sum.saturating_add(count);
        }
        *self = Self::halved(halvings, first, &counts);
    }

    /// How many buckets there are at a scale that was halved `halvings` times; as many as now if it was already.
    pub fn len_at(&self, halvings: u8) -> usize {
        let by = halvings.saturating_sub(self.halvings);
        let last = self.offset() + self.len() as i32 - 1;
        ((last >> by) - (self.offset() >> by) + 1) as usize
    }

    /// True if no sum of two counts needs wider buckets. `other` may not be wider than this.
    fn fits(&self, from: usize, other: &Self) -> bool {
        let fits = |(mine, theirs): (u32, u32)| mine.checked_add(theirs).is_some();
        match (self.doublings, other.doublings) {
            (0, _) => {
                self.words[from..].iter().zip(&other.words).all(|(mine, theirs)| mine.checked_add(*theirs).is_some())
            }
            (1, 0) => pairs(&self.words[2 * from..]).zip(other.words.iter().copied().map(u32::from)).all(fits),
            (1, _) => pairs(&self.words[2 * from..]).zip(pairs(&other.words)).all(fits),
            _ => true,
        }
    }

    /// Words per bucket.
    fn width(&self) -> usize {
        1 << self.doublings
    }

    /// True if nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// How many buckets there are.
    pub fn len(&self) -> usize {
        self.words.len() >> self.doublings
    }

    fn add(&mut self, at: usize, count: u64) {
        let width = self.width();
        let words = &mut self.words[at * width..][..width];
        let mut sum = joined(words).saturating_add(count);
        if self.doublings < MAX_DOUBLINGS && sum >> (16 * width) > 0 {
            self.widen();
            return self.add(at, count);
        }
        for word in words {
            *word = sum as u16;
            sum >>= 16;
        }
    }

    #[cold]
    fn widen(&mut self) {
        let width = self.width();
        let mut words = SmallVec::with_capacity(capacity_for(2 * self.words.len()));
        for bucket in self.words.chunks_exact(width) {
            words.extend_from_slice(bucket);
            words.resize(words.len() + width, 0);
        }
        self.words = words;
        self.doublings += 1;
    }

    /// Makes room for buckets `first..=last`.
    fn cover(&mut self, first: i32, last: i32) {
        if self.words.is_empty() {
            self.offset = first as i16;
        }
        if first < self.offset() {
            let missing = (self.offset() - first) as usize * self.width();
            self.make_room(self.words.len() + missing);
            self.words.insert_many(0, std::iter::repeat_n(0, missing));
            self.offset = first as i16;
        }
        let needed = (last - self.offset()) as usize + 1;
        if needed > self.len() {
            self.make_room(needed * self.width());
            self.words.resize(needed * self.width(), 0);
        }
    }

    /// Makes room for this many words.
    fn make_room(&mut self, words: usize) {
        if words > self.words.capacity() {
            self.words.grow(capacity_for(words));
        }
    }
}

/// The count of a bucket with these words.
fn joined(words: &[u16]) -> u64 {
    words.iter().rev().fold(0, |count, &word| count << 16 | u64::from(word))
}

/// The counts of buckets of two words each.
fn pairs(words: &[u16]) -> impl Iterator<Item = u32> + '_ {
    words.as_chunks().0.iter().map(|&[lower, upper]| u32::from(upper) << 16 | u32::from(lower))
}

/// Adds to the counts of buckets of two words each. No sum may need more.
fn add_to_pairs(words: &mut [u16], counts: impl Iterator<Item = u32>) {
    for ([lower, upper], count) in words.as_chunks_mut().0.iter_mut().zip(counts) {
        let sum = (u32::from(*upper) << 16 | u32::from(*lower)) + count;
        (*lower, *upper) = (sum as u16, (sum >> 16) as u16);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Counts added up without regard to their width.
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
    fn memory_comes_in_few_sizes_none_much_larger_than_needed() {
        let capacity = |buckets: &Buckets| buckets.words.capacity();
        let mut sizes = std::collections::BTreeSet::new();
        for last in 0..1024 {
            let mut grown = Buckets::default();
            for bucket in [0, last / 2, last] {
                grown.count(bucket);
            }
            let needed = grown.words.len();
            assert!((needed..=needed * 3 / 2 + 2 * WORDS_OF_HALF_A_LINE).contains(&capacity(&grown)), "{needed} words");
            sizes.extend([capacity(&grown), capacity(&grown.clone())]);
        }
        assert!(sizes.len() <= 16, "{sizes:?}");
    }

    #[test]
    fn a_count_may_exceed_16_and_32_bits() {
        for (width, full) in [(1, u64::from(u16::MAX)), (2, u64::from(u32::MAX))] {
            let mut buckets = Buckets::new(7, &[1, full, 3]);
            assert_eq!(buckets.width(), width);
            buckets.count(8);
            assert_eq!(buckets.width(), 2 * width);
            buckets.count(8);
            buckets.count(12);
            buckets.count(5);
            assert_eq!(told(&buckets), [(5, 1), (7, 1), (8, full + 2), (9, 3), (12, 1)]);
        }
    }

    #[test]
    fn a_full_count_stays_full() {
        let mut buckets = Buckets::new(7, &[u64::MAX]);
        buckets.count(7);
        buckets.merge(&Buckets::new(6, &[5, 5]));
        assert_eq!(told(&buckets), [(6, 5), (7, u64::MAX)]);
    }

    proptest! {
        #[test]
        fn counts_at_a_halved_scale_are_the_same_whenever_it_was_halved(
            values in prop::collection::vec(-479i32..546, 1..40),
            more in prop::collection::vec(-479i32..546, 1..40),
            (early, late) in (0..=MAX_HALVINGS, 0..=MAX_HALVINGS),
        ) {
            let of = |values: &mut dyn Iterator<Item = &i32>| {
                let mut buckets = Buckets::default();
                let grown: usize = values.map(|&value| buckets.count(value)).sum();
                assert_eq!(grown, buckets.len());
                buckets
            };
            let mut wanted = of(&mut values.iter().chain(&more));
            prop_assert_eq!(wanted.len_at(0), wanted.len());
            let predicted = wanted.len_at(early.max(late));
            wanted.coarsen(early.max(late));
            prop_assert_eq!((wanted.len(), wanted.halvings()), (predicted, early.max(late)));
            // Counting goes on after the scale was halved.
            let mut counted = of(&mut values.iter());
            counted.coarsen(early);
            more.iter().for_each(|&value| { counted.count(value); });
            counted.coarsen(late);
            prop_assert_eq!(&counted, &wanted);
            // Merged with a histogram of another scale, in either order.
            let (mut a, mut b) = (of(&mut values.iter()), of(&mut more.iter()));
            a.coarsen(early);
            b.coarsen(late);
            let (mut forth, mut back) = (a.clone(), b.clone());
            forth.merge(&b);
            back.merge(&a);
            prop_assert_eq!(&forth, &wanted);
            prop_assert_eq!(&back, &wanted);
            wanted.coarsen(MAX_HALVINGS);
            prop_assert!(wanted.len() <= 2);
        }

        #[test]
        fn parts_add_up_in_any_order_whatever_their_width(
            parts in prop::collection::vec(
                (-20i32..20, prop::collection::vec(prop_oneof![0u64..9, 65_530u64..65_540, u64::from(u32::MAX) - 2..1 << 40], 1..12)), 1..6,
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

//! Counts by a small key: methods, statuses, protocols.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::pipeline::decode::Undecoded;
use crate::pipeline::exchange::{Ambiguity, CipherSuite, Closed, ErrorCode, GrpcStatus, Method, Protocol, TlsVersion};

/// A key of a [`Tally`].
pub trait TallyKey: Copy + Ord {
    /// The text of the key in a snapshot.
    fn label(self) -> Cow<'static, str>;
    /// Returns the key of a label, `None` if no key has it.
    fn from_label(label: &str) -> Option<Self>;
}

impl TallyKey for Method {
    fn label(self) -> Cow<'static, str> {
        self.name().into()
    }
    fn from_label(label: &str) -> Option<Self> {
        Some(Self::from_bytes(label.as_bytes()))
    }
}

impl TallyKey for u16 {
    fn label(self) -> Cow<'static, str> {
        self.to_string().into()
    }
    fn from_label(label: &str) -> Option<Self> {
        label.parse().ok()
    }
}

impl TallyKey for Protocol {
    fn label(self) -> Cow<'static, str> {
        self.name().into()
    }
    fn from_label(label: &str) -> Option<Self> {
        // Earlier versions counted HTTP/2 in clear text under another name.
        let label = if label == "h2c" { Self::Http2.name() } else { label };
        Self::ALL.into_iter().find(|known| known.name() == label)
    }
}

impl TallyKey for GrpcStatus {
    fn label(self) -> Cow<'static, str> {
        self.name().into()
    }
    fn from_label(label: &str) -> Option<Self> {
        Self::from_name(label)
    }
}

impl TallyKey for ErrorCode {
    fn label(self) -> Cow<'static, str> {
        self.name()
    }
    fn from_label(label: &str) -> Option<Self> {
        Self::from_name(label)
    }
}

impl TallyKey for Closed {
    fn label(self) -> Cow<'static, str> {
        self.name().into()
    }
    fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == label)
    }
}

impl TallyKey for TlsVersion {
    fn label(self) -> Cow<'static, str> {
        self.name().into()
    }
    fn from_label(label: &str) -> Option<Self> {
        Self::from_name(label)
    }
}

impl TallyKey for CipherSuite {
    fn label(self) -> Cow<'static, str> {
        self.name().into()
    }
    fn from_label(label: &str) -> Option<Self> {
        Self::from_name(label)
    }
}

impl TallyKey for Ambiguity {
    fn label(self) -> Cow<'static, str> {
        self.name().into()
    }
    fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == label)
    }
}

impl TallyKey for Undecoded {
    fn label(self) -> Cow<'static, str> {
        Self::label(self)
    }
    fn from_label(label: &str) -> Option<Self> {
        Some(Self::from_label(label))
    }
}

/// Counts by key: a few entries, sorted by key. Most sections have one method and one or two statuses, so the first two
/// entries are stored inline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally<K>(SmallVec<[(K, u64); 2]>);

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self(SmallVec::new())
    }
}

impl<K: TallyKey> Tally<K> {
    /// Adds `count` to the count of `key`.
    #[inline]
    pub fn add(&mut self, key: K, count: u64) {
        match self.0.first_mut() {
            // Nearly always the only key.
            Some((known, counted)) if *known == key => *counted = counted.saturating_add(count),
            _ => self.add_anywhere(key, count),
        }
    }

    #[inline(never)]
    fn add_anywhere(&mut self, key: K, count: u64) {
        match self.0.binary_search_by_key(&key, |&(known, _)| known) {
            Ok(at) => self.0[at].1 = self.0[at].1.saturating_add(count),
            Err(at) => self.0.insert(at, (key, count)),
        }
    }

    /// Adds `count` to the count of `key`. If `key` is new and there are `max` keys besides `other`, adds it to
    /// `other`.
    pub fn add_within(&mut self, max: usize, key: K, other: K, count: u64) {
        let named = self.0.len() - usize::from(self.get(other) > 0);
        let has_room = named < max || self.get(key) > 0;
        self.add(if has_room { key } else { other }, count);
    }

    /// Keeps the `max` most frequent keys and counts the rest as `other`. `max` does not include `other`.
    pub fn fold(&mut self, max: usize, other: K) {
        if self.0.len() > max {
            let named = self.by_count().into_iter().filter(|&(key, _)| key != other);
            let rest: Vec<_> = named.skip(max).collect();
            self.0.retain(|entry| !rest.contains(entry));
            rest.into_iter().for_each(|(_, count)| self.add(other, count));
        }
    }

    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        for &(key, count) in &other.0 {
            self.add(key, count);
        }
    }

    /// Removes a key with its count.
    pub fn remove(&mut self, key: K) {
        self.0.retain(|(known, _)| *known != key);
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the count of `key`, 0 if there is none.
    pub fn get(&self, key: K) -> u64 {
        self.0.iter().find(|(known, _)| *known == key).map_or(0, |&(_, count)| count)
    }

    /// Returns the sum of the counts of all keys for which `is_meant` is true.
    pub fn sum(&self, is_meant: impl Fn(K) -> bool) -> u64 {
        self.iter().filter(|&(key, _)| is_meant(key)).fold(0, |sum, (_, count)| sum.saturating_add(count))
    }

    /// Returns the sum of all counts.
    pub fn total(&self) -> u64 {
        self.sum(|_| true)
    }

    /// Iterates over keys and counts in the order of the keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (K, u64)> + '_ {
        self.0.iter().copied()
    }

    /// Returns keys and counts, the most frequent first, ties by key.
    pub fn by_count(&self) -> Vec<(K, u64)> {
        let mut entries = self.0.to_vec();
        entries.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_beyond_a_number_are_counted_together_and_none_is_lost() {
        let mut tally = Tally::default();
        (1..=9u16).for_each(|key| tally.add_within(4, key, 0, u64::from(key)));
        assert_eq!(tally.by_count(), [(0, 35), (4, 4), (3, 3), (2, 2), (1, 1)]);
        tally.fold(4, 0);
        assert_eq!(tally.by_count().len(), 5, "what it counted within bounds stays as it is");
        tally.fold(2, 0);
        assert_eq!(tally.by_count(), [(0, 38), (4, 4), (3, 3)]);
        assert_eq!(tally.total(), 45);
    }
}

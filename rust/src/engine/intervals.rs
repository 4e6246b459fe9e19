//! Tracks the open interval: `[start, start + length)`, aligned to multiples of the length since the epoch.

use crate::pipeline::clock::JumpDetector;
use crate::pipeline::packet::{SECOND, Timestamp};

/// A packet jumps if its time is more than this ahead of the latest time before it. A packet that is behind never
/// jumps: it counts in the open interval.
const MAX_JUMP: u64 = 24 * 3600 * SECOND as u64;

/// The open interval, and the latest packet time.
#[derive(Debug)]
pub struct Intervals {
    length: i64,
    open: Option<(Timestamp, Timestamp)>,
    latest: Option<Timestamp>,
    jumps: JumpDetector,
}

impl Intervals {
    /// Starts with no interval open. `length` is in nanoseconds.
    pub fn new(length: i64) -> Self {
        Self { length: length.max(1), open: None, latest: None, jumps: JumpDetector::new(MAX_JUMP) }
    }

    /// Returns the time at which a packet counts: its own, or the latest time before it if its own jumps too far ahead.
    pub fn admit(&mut self, ts: Timestamp) -> Timestamp {
        let latest = *self.latest.get_or_insert(ts);
        if self.jumps.doubts(ts.since(latest)) {
            return latest;
        }
        if ts > latest {
            self.latest = Some(ts);
        }
        ts
    }

    /// Opens the interval around `ts`, unless one is open.
    pub fn open_at(&mut self, ts: Timestamp) {
        if self.open.is_none() {
            let start = Timestamp(ts.0.div_euclid(self.length).saturating_mul(self.length));
            self.open = Some((start, start.plus(self.length)));
        }
    }

    /// Opens the first interval. It begins at `ts`, and ends where the aligned interval around `ts` ends.
    pub fn begin_at(&mut self, ts: Timestamp) {
        self.open_at(ts);
        self.open = self.open.map(|(_, end)| (ts, end));
    }

    /// Makes the open interval end early, at `ts`, but leaves it at least one nanosecond long.
    pub fn end_at(&mut self, ts: Timestamp) {
        self.open = self.open.map(|(start, end)| (start, ts.min(end).max(start.plus(1))));
    }

    /// The open interval.
    pub fn open(&self) -> Option<(Timestamp, Timestamp)> {
        self.open
    }

    /// The end of the open interval.
    pub fn end(&self) -> Option<Timestamp> {
        self.open.map(|(_, end)| end)
    }

    /// True if an interval is open and has ended by `ts`.
    pub fn is_over(&self, ts: Timestamp) -> bool {
        self.open.is_some_and(|(_, end)| ts >= end)
    }

    /// Closes the open interval and returns it.
    pub fn take(&mut self) -> Option<(Timestamp, Timestamp)> {
        self.open.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(seconds, 0)
    }

    #[test]
    fn intervals_are_aligned_to_the_epoch() {
        let mut intervals = Intervals::new(10 * SECOND);
        intervals.open_at(at(1_234));
        assert!(!intervals.is_over(at(1_239)) && intervals.is_over(at(1_240)));
        assert_eq!(intervals.take(), Some((at(1_230), at(1_240))));
        intervals.open_at(at(-1));
        assert_eq!(intervals.take(), Some((at(-10), at(0))));
    }

    #[test]
    fn the_first_interval_begins_and_the_last_one_ends_when_it_does() {
        let mut intervals = Intervals::new(10 * SECOND);
        intervals.begin_at(at(1_234));
        assert_eq!(intervals.take(), Some((at(1_234), at(1_240))));
        intervals.open_at(at(1_240));
        intervals.end_at(at(1_243));
        assert_eq!(intervals.take(), Some((at(1_240), at(1_243))));
        for (end, want) in [(at(1_260), at(1_260)), (at(1_250), at(1_250).plus(1)), (at(1_300), at(1_260))] {
            intervals.open_at(at(1_250));
            intervals.end_at(end);
            assert_eq!(intervals.take(), Some((at(1_250), want)));
        }
    }

    #[test]
    fn one_absurd_timestamp_does_not_move_the_clock_and_two_do() {
        let mut intervals = Intervals::new(SECOND);
        let far = at(1_000_000_000);
        assert_eq!(intervals.admit(at(5)), at(5));
        assert_eq!(intervals.admit(far), at(5));
        assert_eq!(intervals.admit(at(6)), at(6));
        assert_eq!(intervals.admit(far), at(6));
        assert_eq!(intervals.admit(far), far);
        assert_eq!(intervals.admit(at(7)), at(7));
    }

    #[test]
    fn a_jump_right_behind_one_that_was_confirmed_is_doubted_as_well() {
        let mut intervals = Intervals::new(SECOND);
        let [far, farther] = [1, 2].map(|times| at(times * 1_000_000_000));
        for (ts, counted) in [(at(5), at(5)), (far, at(5)), (far, far), (farther, far), (far, far)] {
            assert_eq!(intervals.admit(ts), counted);
        }
    }
}

//! The time of a live capture: it passes as fast as a clock that nobody sets, whatever becomes of the wall clock.
//!
//! Readings of both clocks go in. Out come the time of packets and connections, which begins at the wall clock's and
//! neither jumps nor stands still, and the time of snapshots, which follows the wall clock forward and never back. Pure:
//! [`Clocks`](super::clocks::Clocks) looks at the clocks, and all workers share one timeline.

use crate::capture::clocks::ClockReading;
use crate::pipeline::packet::{SECOND, Timestamp};

/// A wall clock that is this far from where it should be was set. NTP makes smaller corrections by changing the rate, which
/// changes that of the steady clock as well; those of other makers add up until they are seen.
pub const MIN_STEP: i64 = SECOND / 10;

/// How long a packet may wait to be read: the kernel's buffer holds no more than that, unless the process was stopped.
const MAX_AGE: u64 = 10 * SECOND as u64;

/// How the wall clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockStep {
    /// Nanoseconds forward, or back when negative.
    pub by: i64,
    /// How far ahead of the wall clock the times of snapshots are since.
    pub ahead: i64,
}

/// Time as of the last look at the clocks. A copy tells what packets mean that come before the next look.
#[derive(Clone, Copy, Debug)]
pub struct Timeline {
    /// Now, in the time of packets and connections.
    pub now: Timestamp,
    /// The same by the wall clock, which stamps packets.
    pub wall: Timestamp,
    /// How far ahead of that the time of snapshots is.
    pub lead: i64,
    /// Steps of the wall clock so far.
    pub steps: u64,
    /// From the steady clock to `now`.
    origin: i64,
    /// How far ahead of `now` the wall clock is.
    offset: i64,
    /// The same before its last step, by which packets are stamped that still wait to be read.
    before: i64,
    stepped: Timestamp,
}

impl Timeline {
    /// Time begins at the wall clock's.
    pub fn new(reading: ClockReading) -> Self {
        let origin = reading.wall.0.saturating_sub(reading.steady);
        Self {
            now: reading.wall,
            wall: reading.wall,
            lead: 0,
            steps: 0,
            origin,
            offset: 0,
            before: 0,
            stepped: reading.wall,
        }
    }

    /// Time passes. Tells when the wall clock was set meanwhile.
    pub fn follow(&mut self, reading: ClockReading) -> Option<ClockStep> {
        self.now = Timestamp(reading.steady.saturating_add(self.origin));
        self.wall = reading.wall;
        if self.now.since(self.stepped) > MAX_AGE {
            self.before = self.offset;
        }
        let offset = reading.wall.0.saturating_sub(self.now.0);
        let by = offset.saturating_sub(self.offset);
        if by.saturating_abs() < MIN_STEP {
            return None;
        }
        (self.before, self.offset, self.stepped) = (self.offset, offset, self.now);
        self.lead = self.lead.max(offset);
        self.steps += 1;
        Some(ClockStep { by, ahead: self.lead.saturating_sub(offset) })
    }

    /// What time it is in snapshots, at some time of packets.
    pub fn label(&self, ts: Timestamp) -> Timestamp {
        ts.plus(self.lead)
    }

    /// The time of a packet with this stamp, if it fits: else the packet is newer than the last look, or the clock was set.
    #[inline]
    pub fn place(&self, stamp: Timestamp) -> Option<Timestamp> {
        // A packet cannot come before it was stamped. So of two readings of its stamp the later one that is possible holds.
        let latest = self.now.plus(MIN_STEP);
        let [since, before] = [self.offset, self.before].map(|offset| Timestamp(stamp.0.saturating_sub(offset)));
        let ts = match (since <= latest, before <= latest) {
            (true, true) => since.max(before),
            (true, false) => since,
            (false, true) => before,
            (false, false) => return None,
        };
        (self.now.since(ts) <= MAX_AGE).then_some(ts)
    }

    /// A packet with this stamp came before this time of the steady clock. One whose stamp fits nowhere did not wait to be
    /// read since then.
    pub fn is_before(&self, stamp: Timestamp, steady: i64) -> bool {
        self.place(stamp).is_some_and(|ts| ts.0 < steady.saturating_add(self.origin))
    }

    /// The time of a packet with a stamp that fits nowhere, right after a look: that of an old one is its own.
    pub fn place_anyhow(&self, stamp: Timestamp) -> Timestamp {
        self.place(stamp).unwrap_or_else(|| Timestamp(stamp.0.saturating_sub(self.offset)).min(self.now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds to nanoseconds.
    fn nanos(seconds: f64) -> i64 {
        (seconds * 1e9).round() as i64
    }

    fn reading(steady: f64, wall: f64) -> ClockReading {
        ClockReading { steady: nanos(steady), wall: Timestamp(nanos(wall)) }
    }

    /// Steady clock, wall clock; then the time of packets, that of snapshots, and (step, ahead) when the clock was set.
    type Row = (f64, f64, f64, f64, Option<(f64, f64)>);

    fn follows(rows: &[Row]) {
        let mut time = Timeline::new(reading(5.0, 1000.0));
        let mut steps = 0;
        for &(steady, wall, now, label, step) in rows {
            let seen = time.follow(reading(steady, wall));
            let wanted = step.map(|(by, ahead)| ClockStep { by: nanos(by), ahead: nanos(ahead) });
            assert_eq!(seen, wanted, "at {steady}");
            let (now, label) = (Timestamp(nanos(now)), Timestamp(nanos(label)));
            assert_eq!((time.now, time.label(time.now)), (now, label), "at {steady}");
            steps += u64::from(step.is_some());
            assert_eq!(time.steps, steps);
        }
    }

    #[test]
    fn time_passes_as_the_steady_clock_does_and_labels_never_go_back() {
        follows(&[
            (6.0, 1001.0, 1001.0, 1001.0, None),
            // Back by an hour: labels go on, ahead of the clock.
            (7.0, -2598.0, 1002.0, 1002.0, Some((-3600.0, 3600.0))),
            (8.0, -2597.0, 1003.0, 1003.0, None),
            // Forward by half of that: still behind.
            (9.0, -796.0, 1004.0, 1004.0, Some((1800.0, 1800.0))),
            // Forward by more: labels follow.
            (10.0, 2805.0, 1005.0, 2805.0, Some((3600.0, 0.0))),
            (11.0, 2806.0, 1006.0, 2806.0, None),
            (12.0, 1007.0, 1007.0, 2807.0, Some((-1800.0, 1800.0))),
        ]);
    }

    #[test]
    fn small_slews_are_steps_when_they_add_up() {
        follows(&[
            (6.0, 1000.95, 1001.0, 1001.0, None),
            (7.0, 1002.04, 1002.0, 1002.0, None),
            (8.0, 1002.94, 1003.0, 1003.0, None),
            (9.0, 1003.89, 1004.0, 1004.0, Some((-0.11, 0.11))),
            (10.0, 1004.89, 1005.0, 1005.0, None),
            (11.0, 1005.95, 1006.0, 1006.0, None),
            (12.0, 1007.0, 1007.0, 1007.0, Some((0.11, 0.0))),
        ]);
    }

    #[test]
    fn sleep_of_the_machine_is_time_that_passes() {
        follows(&[(6.0, 1001.0, 1001.0, 1001.0, None), (28_806.0, 29_801.0, 29_801.0, 29_801.0, None)]);
    }

    /// What the wall clock was set by half a second before the look, then stamps and the time they mean, both from now.
    #[test]
    fn a_stamp_means_the_latest_time_that_is_possible() {
        type Case<'a> = (f64, &'a [(f64, Option<f64>)]);
        let cases: [Case; 4] = [
            (0.0, &[(0.0, Some(0.0)), (-3.0, Some(-3.0)), (0.05, Some(0.05)), (0.2, None), (-11.0, None)]),
            // Stamped by the clock as it was, or as it is.
            (-3600.0, &[(-0.6, Some(-0.6)), (-3600.2, Some(-0.2)), (-3599.8, None), (0.2, None)]),
            (3600.0, &[(-0.6, Some(-0.6)), (3599.8, Some(-0.2)), (3600.2, None), (0.2, None)]),
            (-1.0, &[(-0.6, Some(-0.6)), (-1.2, Some(-0.2)), (-0.8, Some(-0.8))]),
        ];
        for (by, stamps) in cases {
            let mut time = Timeline::new(reading(0.0, 1000.0));
            time.follow(reading(1.5, 1001.5 + by));
            time.follow(reading(2.0, 1002.0 + by));
            for &(stamp, meant) in stamps {
                let meant = meant.map(|meant| Timestamp(nanos(1002.0 + meant)));
                assert_eq!(time.place(Timestamp(nanos(1002.0 + stamp))), meant, "{by} {stamp}");
            }
        }
    }

    #[test]
    fn what_came_before_a_time_is_told_though_the_clock_was_set_since() {
        for by in [0.0, -5.0, -3600.0, 3600.0] {
            let mut time = Timeline::new(reading(0.0, 1000.0));
            let is_before = |time: &Timeline, stamp| time.is_before(Timestamp(nanos(stamp)), nanos(2.0));
            time.follow(reading(2.5, 1002.5));
            assert!(is_before(&time, 1001.9) && !is_before(&time, 1002.1));
            time.follow(reading(3.0, 1003.0 + by));
            time.follow(reading(4.0, 1004.0 + by));
            assert!(!is_before(&time, 1003.9 + by), "{by}");
            assert!(is_before(&time, 1001.9), "{by}");
            // The wall clock may show again what it showed before that time.
            time.follow(reading(9.0, 1009.0 + by));
            assert!(!is_before(&time, 1008.9 + by), "{by}");
        }
    }

    #[test]
    fn stamps_that_fit_nowhere_are_no_later_than_now_and_old_ones_stay_old() {
        let mut time = Timeline::new(reading(0.0, 1000.0));
        time.follow(reading(60.0, 4660.0));
        let at = |seconds| Timestamp(nanos(seconds));
        for (stamp, meant) in [(9000.0, 1060.0), (4630.0, 1030.0), (4659.0, 1059.0), (1059.0, 1059.0)] {
            assert_eq!(time.place_anyhow(at(stamp)), at(meant));
        }
        // The clock as it was before is forgotten after a while.
        time.follow(reading(71.0, 4671.0));
        assert_eq!(time.place(at(1070.9)), None);
        for absurd in [i64::MIN, i64::MAX] {
            assert!(time.place_anyhow(Timestamp(absurd)) <= time.now);
        }
    }
}

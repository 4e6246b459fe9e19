//! The time of a live capture. It passes as fast as the steady clock, however the wall clock is set.
//!
//! Readings of both clocks go in. Two times come out. The time of packets and connections begins at the wall clock's,
//! and neither jumps nor stands still. The time of snapshots follows the wall clock forward and never goes back. Pure:
//! [`Clocks`](super::clocks::Clocks) reads the clocks, and all workers share one timeline.

use crate::capture::clocks::ClockReading;
use crate::pipeline::packet::{SECOND, Timestamp};

/// If the wall clock is this far from where it should be, it was set. NTP makes smaller corrections by changing the
/// clock rate, which changes the rate of the steady clock as well. Other small corrections add up until they reach this
/// limit.
pub const MIN_STEP: i64 = SECOND / 10;

/// The longest that a packet is expected to wait to be read. The kernel's buffer holds no more, unless the process was
/// stopped.
const MAX_AGE: u64 = 10 * SECOND as u64;

/// How the wall clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockStep {
    /// Nanoseconds forward, or back when negative.
    pub by: i64,
    /// How far ahead of the wall clock the times of snapshots are after the step.
    pub ahead: i64,
}

/// The times as of the last look at the clocks. A worker keeps a copy for the packets that come before the next look.
#[derive(Clone, Copy, Debug)]
pub struct Timeline {
    /// The present time of packets and connections.
    pub now: Timestamp,
    /// The present time by the wall clock, which stamps packets.
    pub wall: Timestamp,
    /// How far the time of snapshots is ahead of the time of packets.
    pub lead: i64,
    /// The number of steps of the wall clock so far.
    pub steps: u64,
    /// How far `now` is ahead of the steady clock. It never changes.
    origin: i64,
    /// How far ahead of `now` the wall clock is.
    offset: i64,
    /// `offset` before the last step. Packets that were stamped before the step may still wait to be read.
    before: i64,
    stepped: Timestamp,
}

impl Timeline {
    /// Starts a timeline at the wall clock's time.
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

    /// Moves the timeline to a new reading. Returns the step if the wall clock was set since the last one.
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

    /// Returns the time of snapshots at a time of packets.
    pub fn label(&self, ts: Timestamp) -> Timestamp {
        ts.plus(self.lead)
    }

    /// Returns the time of a packet with this time stamp. `None` if the stamp fits neither the clock as it is nor as it
    /// was before the last step: the packet may be newer than the last look, or the clock was set since.
    #[inline]
    pub fn place(&self, stamp: Timestamp) -> Option<Timestamp> {
        // The stamp was made before or after the last step, so it can mean two times. A packet cannot arrive before it
        // was stamped, so a time beyond now is impossible. Of two possible times the later one is taken.
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

    /// True if a packet with this time stamp was captured before `steady`, a time of the steady clock. False if the
    /// stamp does not fit.
    pub fn is_before(&self, stamp: Timestamp, steady: i64) -> bool {
        self.place(stamp).is_some_and(|ts| ts.0 < steady.saturating_add(self.origin))
    }

    /// Returns the time of a packet even if its stamp does not fit after a new look at the clocks. The stamp is then
    /// taken to be by the clock as it is, but no later than now.
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

    /// Steady clock, wall clock; then the time of packets, the time of snapshots, and (step, ahead) if the clock was
    /// set.
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
            // The clock is set back by an hour: the times of snapshots go on, ahead of the clock.
            (7.0, -2598.0, 1002.0, 1002.0, Some((-3600.0, 3600.0))),
            (8.0, -2597.0, 1003.0, 1003.0, None),
            // It is set forward by half an hour: they are still ahead of it.
            (9.0, -796.0, 1004.0, 1004.0, Some((1800.0, 1800.0))),
            // It is set forward by an hour: they follow it.
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

    /// By how much the wall clock was set half a second before the look; then stamps and the times they mean, relative
    /// to now.
    #[test]
    fn a_stamp_means_the_latest_time_that_is_possible() {
        type Case<'a> = (f64, &'a [(f64, Option<f64>)]);
        let cases: [Case; 4] = [
            (0.0, &[(0.0, Some(0.0)), (-3.0, Some(-3.0)), (0.05, Some(0.05)), (0.2, None), (-11.0, None)]),
            // The packets were stamped by the clock as it was before the step, or as it is.
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
            // After a step back, the wall clock shows the same times again.
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
        // The offset from before the step is forgotten after [`MAX_AGE`].
        time.follow(reading(71.0, 4671.0));
        assert_eq!(time.place(at(1070.9)), None);
        for absurd in [i64::MIN, i64::MAX] {
            assert!(time.place_anyhow(Timestamp(absurd)) <= time.now);
        }
    }
}

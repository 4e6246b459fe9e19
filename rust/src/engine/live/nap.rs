//! Decides how long a worker lets packets gather after it has taken some (pure). A worker that wakes for every block of
//! a few packets finds its caches cold each time, which costs more than the packets.

use std::time::Duration;

/// The longest nap. Packets are late by this and the time-out of a block at most.
pub const LONGEST: Duration = Duration::from_millis(50);

/// The first nap after a silence. Traffic of any speed fits into the buffer meanwhile.
const FIRST: Duration = Duration::from_millis(5);

/// Naps shorter than this gain nothing.
const SHORTEST: Duration = Duration::from_millis(1);

/// The part of its buffer that may fill up during a nap. The rest is for traffic that becomes faster meanwhile, and for
/// the time-out of a block.
const PART: f64 = 1.0 / 8.0;

/// The naps of one worker.
#[derive(Debug)]
pub struct Naps {
    length: Duration,
    /// Where the first nap after a silence or after the end of an interval is within its length. Workers that woke at
    /// the same time do not go on to do so.
    phase: f64,
    is_first: bool,
}

impl Naps {
    /// Starts as after a silence. `number` is the worker's number among `workers`.
    pub fn new(number: usize, workers: usize) -> Self {
        Self { length: FIRST, phase: (number + 1) as f64 / workers.max(1) as f64, is_first: true }
    }

    /// Takes note of a wake-up: the fullest buffer held `fill` of what it can hold. Naps become twice as long at the
    /// most, and as much shorter as they must.
    pub fn note(&mut self, fill: f64) {
        let factor = if fill * 2.0 <= PART { 2.0 } else { PART / fill };
        self.length = self.length.mul_f64(factor).clamp(SHORTEST, LONGEST);
    }

    /// Takes note of a sleep that no packet ended for so long.
    pub fn note_silence(&mut self, slept: Duration) {
        if slept > LONGEST {
            (self.length, self.is_first) = (FIRST, true);
        }
    }

    /// Returns how long to sleep whatever packets come. `until_due` is the time until the worker has something to do:
    /// then it wakes, and then waits for the packet that tells it to go on.
    pub fn next(&mut self, until_due: Duration) -> Duration {
        let length = if self.is_first { self.length.mul_f64(self.phase) } else { self.length };
        self.is_first = until_due <= length;
        length.min(until_due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(1);

    fn naps(fills: &[f64]) -> Vec<u128> {
        let mut naps = Naps::new(0, 1);
        let nap = |fill: &f64| {
            naps.note(*fill);
            naps.next(LONG).as_millis()
        };
        fills.iter().map(nap).collect()
    }

    #[test]
    fn naps_grow_while_the_buffer_stays_empty_and_shrink_at_once_when_it_fills() {
        assert_eq!(naps(&[0.0, 0.0, 0.01, 0.02, 0.02]), [10, 20, 40, 50, 50]);
        assert_eq!(naps(&[0.0, 0.0, 0.25, 0.125, 0.125]), [10, 20, 10, 10, 10]);
        assert_eq!(naps(&[0.0, 0.0, 0.0, 1.0, 0.5, 0.1]), [10, 20, 40, 5, 1, 1], "and never to nothing");
    }

    #[test]
    fn steady_traffic_of_any_speed_fills_an_eighth_of_the_buffer_at_most() {
        // Bytes per millisecond in a buffer of 32 MiB: 10 MB/s to 10 Gbit/s.
        for speed in [10_000.0, 240_000.0, 1_250_000.0] {
            let (mut naps, mut last) = (Naps::new(0, 1), FIRST);
            for round in 0..40 {
                let fill = last.as_secs_f64() * 1000.0 * speed / f64::from(32 << 20);
                assert!(fill < 0.5, "{speed} {round}: {fill}");
                if round > 10 {
                    assert!(fill <= PART * 1.01, "{speed} {round}: {fill}");
                }
                naps.note(fill);
                last = naps.next(LONG);
            }
        }
    }

    #[test]
    fn after_a_silence_the_first_nap_is_short_again() {
        let mut naps = Naps::new(0, 1);
        (0..8).for_each(|_| naps.note(0.0));
        for (slept, nap) in [(LONGEST, LONGEST), (LONGEST * 2, FIRST)] {
            naps.note_silence(slept);
            assert_eq!(naps.next(LONG), nap);
        }
    }

    #[test]
    fn nothing_that_is_due_waits_for_the_end_of_a_nap() {
        let mut naps = Naps::new(0, 1);
        for due in [0, 1, 4] {
            assert_eq!(naps.next(Duration::from_millis(due)).as_millis(), u128::from(due));
        }
    }

    #[test]
    fn workers_that_wake_together_at_the_end_of_an_interval_nap_for_different_times() {
        let mut workers: Vec<_> = (0..4).map(|number| Naps::new(number, 4)).collect();
        let mut next = |due| workers.iter_mut().map(|naps| naps.next(due).as_micros()).collect::<Vec<_>>();
        assert_eq!(next(LONG), [1250, 2500, 3750, 5000]);
        assert_eq!(next(LONG), [5000; 4]);
        assert_eq!(next(Duration::from_micros(700)), [700; 4]);
        assert_eq!(next(LONG), [1250, 2500, 3750, 5000]);
    }
}

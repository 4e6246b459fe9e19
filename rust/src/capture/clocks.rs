//! Reads the clocks of the machine: the wall clock, which packets are stamped with, and a steady clock, which cannot be
//! set.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::pipeline::packet::{SECOND, Timestamp};

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// Nanoseconds of `CLOCK_BOOTTIME`. Like the wall clock, it runs on while the machine sleeps.
    pub steady: i64,
    /// `CLOCK_REALTIME`, which the kernel stamps packets with.
    pub wall: Timestamp,
}

/// Both clocks count as read at one instant if the steady clock moved by no more than this meanwhile.
const AT_ONCE: i64 = SECOND / 1000;
/// How many times the clocks are read, at most, if the thread is interrupted between the two.
const TRIES: usize = 5;

/// Reads both clocks at one instant, as nearly as possible.
pub fn read() -> ClockReading {
    let mut best = read_once();
    for _ in 1..TRIES {
        if best.0 <= AT_ONCE {
            break;
        }
        let again = read_once();
        best = if again.0 < best.0 { again } else { best };
    }
    best.1
}

/// Reads both clocks. Also returns how many nanoseconds the reading took.
fn read_once() -> (i64, ClockReading) {
    let before = steady();
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let apart = steady().saturating_sub(before);
    let wall = Timestamp::new(wall.as_secs() as i64, i64::from(wall.subsec_nanos()));
    (apart, ClockReading { steady: before.saturating_add(apart / 2), wall })
}

/// The clock that goes on while the machine sleeps.
#[cfg(target_os = "linux")]
const STEADY: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const STEADY: ClockId = ClockId::Monotonic;

fn steady() -> i64 {
    let time = clock_gettime(STEADY);
    Timestamp::new(time.tv_sec, time.tv_nsec).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_pass_alike() {
        let (one, other) = (read(), read());
        let passed = other.steady - one.steady;
        assert!(passed >= 0);
        assert!((other.wall.0 - one.wall.0 - passed).abs() < SECOND / 10, "{one:?} {other:?}");
    }
}

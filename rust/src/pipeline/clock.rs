//! Packet time, the only clock of the pipeline: tells when connections must be checked for expiry, and which packets
//! have an absurd time.
//!
//! If the time of a packet jumps, the time is wrong, or the clock that stamped the packet was set. The next packet
//! tells which: if that one jumps as well, the clock was set. [`JumpDetector`] implements this rule; its user says how
//! far a jump is.

use super::packet::{SECOND, Timestamp};

/// How often expiry is checked, in packet time: twice in the shortest wait, the 0.2 s until an acknowledged hole is
/// given up.
const TICK: i64 = SECOND / 10;

/// A packet jumps if its time is more than this from the last tick, either way. A jump that is ignored ages no
/// connection.
const MAX_JUMP: u64 = 60 * SECOND as u64;

/// Tells a wrong time from a clock that was set.
#[derive(Debug)]
pub struct JumpDetector {
    /// The largest distance from the time before, in nanoseconds, that is no jump.
    most: u64,
    /// True if the last packet jumped and was ignored.
    is_in_doubt: bool,
}

impl JumpDetector {
    /// Makes a detector for jumps of more than `most` nanoseconds.
    pub fn new(most: u64) -> Self {
        Self { most, is_in_doubt: false }
    }

    /// True if the time of a packet, which is `distance` nanoseconds from the time before, is to be ignored. Of two
    /// packets in a row that jump, the first is ignored and the second is believed.
    #[inline]
    pub fn doubts(&mut self, distance: u64) -> bool {
        self.is_in_doubt = distance > self.most && !self.is_in_doubt;
        self.is_in_doubt
    }
}

/// The time before the first packet.
const NEVER: Timestamp = Timestamp(i64::MIN);

/// The packet time as of the last tick. The thread that sees all packets has the clock, and tells the time to threads
/// that see only some.
#[derive(Debug)]
pub struct Clock {
    now: Timestamp,
    next_tick: Timestamp,
    jumps: JumpDetector,
}

impl Default for Clock {
    fn default() -> Self {
        Self { now: NEVER, next_tick: NEVER, jumps: JumpDetector::new(MAX_JUMP) }
    }
}

impl Clock {
    /// Takes the time of a packet. Returns it if a tick is due.
    #[inline]
    pub fn follow(&mut self, ts: Timestamp) -> Option<Timestamp> {
        let is_within = self.now <= ts && ts < self.next_tick && !self.jumps.is_in_doubt;
        if is_within { None } else { self.judge(ts) }
    }

    /// Sets the clock to `now`.
    pub fn set(&mut self, now: Timestamp) {
        (self.now, self.next_tick) = (now, now.plus(TICK));
    }

    /// Decides whether to take the time of a packet that [`Self::follow`] cannot simply pass over.
    fn judge(&mut self, ts: Timestamp) -> Option<Timestamp> {
        let distance = if self.now == NEVER { 0 } else { ts.0.abs_diff(self.now.0) };
        if self.jumps.doubts(distance) || distance <= MAX_JUMP && ts < self.next_tick {
            return None;
        }
        self.set(ts);
        Some(ts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_packets_in_a_row_that_jump_every_second_one_is_believed() {
        let mut jumps = JumpDetector::new(60);
        for (distance, doubted) in
            [(60, false), (61, true), (0, false), (61, true), (61, false), (61, true), (u64::MAX, false), (0, false)]
        {
            assert_eq!(jumps.doubts(distance), doubted, "{distance}");
        }
    }

    /// (packet time in seconds, whether it makes a tick); a tick is a tenth of a second.
    #[test]
    fn time_passes_in_steps_and_jumps_only_when_the_next_packet_agrees() {
        let mut clock = Clock::default();
        let packets = [
            (10.0, true),
            (10.05, false),
            (9.0, false),
            (10.1, true),
            (500.0, false),
            (10.15, false),
            (500.0, false),
            (500.1, true),
            (20.0, false),
            (20.0, true),
        ];
        for (at, passes) in packets {
            let ts = Timestamp((at * 1e9) as i64);
            assert_eq!(clock.follow(ts), passes.then_some(ts), "{at}");
        }
    }
}

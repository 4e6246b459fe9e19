//! Packet time as the only clock: when expiry is to be looked after, and which packets tell an absurd time.
//!
//! A packet whose time jumps may have a broken time, or the clock that stamped it was set. The next packet tells which: if
//! that one jumps as well, the clock was set. [`JumpDetector`] knows this rule alone; how far is a jump is said where it is used.

use super::packet::{SECOND, Timestamp};

/// How often expiry is looked after, in packet time: a tenth of what the shortest time-out is worth.
const TICK: i64 = SECOND / 10;

/// Ageing of connections: a packet this far from the last tick, either way, jumps.
const MAX_JUMP: u64 = 60 * SECOND as u64;

/// Tells a broken time from a clock that was set.
#[derive(Debug)]
pub struct JumpDetector {
    /// Nanoseconds from the time before that are no jump yet.
    most: u64,
    /// The packet before jumped, and nothing has confirmed its time.
    is_in_doubt: bool,
}

impl JumpDetector {
    /// A detector for jumps of more than `most` nanoseconds.
    pub fn new(most: u64) -> Self {
        Self { most, is_in_doubt: false }
    }

    /// True if the time of this packet, so far from the time before, is to be ignored: of two packets in a row that jump the
    /// first is ignored, and the second one is right.
    #[inline]
    pub fn doubts(&mut self, distance: u64) -> bool {
        self.is_in_doubt = distance > self.most && !self.is_in_doubt;
        self.is_in_doubt
    }
}

/// Before the first packet.
const NEVER: Timestamp = Timestamp(i64::MIN);

/// The time as of the last tick. Whoever sees all packets keeps it; whoever sees some of them is told.
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
    /// Takes the time from a packet. Returns it when time is to pass.
    #[inline]
    pub fn follow(&mut self, ts: Timestamp) -> Option<Timestamp> {
        let is_within = self.now <= ts && ts < self.next_tick && !self.jumps.is_in_doubt;
        if is_within { None } else { self.judge(ts) }
    }

    /// Time has passed until `now`.
    pub fn set(&mut self, now: Timestamp) {
        (self.now, self.next_tick) = (now, now.plus(TICK));
    }

    /// Decides on a packet that is not simply a little later than the last tick.
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

    /// (packet time, does time pass) in seconds; a tenth of a second is a tick.
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

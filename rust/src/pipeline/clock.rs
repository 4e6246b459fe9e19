//! Packet time as the only clock: when expiry is to be looked after, and which packets tell an absurd time.

use super::packet::{SECOND, Timestamp};

/// How often expiry is looked after, in packet time: a tenth of what the shortest time-out is worth.
const TICK: i64 = SECOND / 10;

/// A packet this far from the one before, either way, is taken for a broken clock until the next one agrees.
const MAX_JUMP: u64 = 60 * SECOND as u64;

/// Before the first packet.
const NEVER: Timestamp = Timestamp(i64::MIN);

/// The time as of the last tick. Whoever sees all packets keeps it; whoever sees some of them is told.
#[derive(Debug)]
pub struct Clock {
    now: Timestamp,
    next_tick: Timestamp,
    /// The packet before was far from the others.
    jumped: bool,
}

impl Default for Clock {
    fn default() -> Self {
        Self { now: NEVER, next_tick: NEVER, jumped: false }
    }
}

impl Clock {
    /// Takes the time from a packet. Returns it when time is to pass.
    #[inline]
    pub fn follow(&mut self, ts: Timestamp) -> Option<Timestamp> {
        let is_within = self.now <= ts && ts < self.next_tick && !self.jumped;
        if is_within { None } else { self.judge(ts) }
    }

    /// Time has passed until `now`.
    pub fn set(&mut self, now: Timestamp) {
        (self.now, self.next_tick) = (now, now.plus(TICK));
    }

    /// Of two packets, the second decides whether the first one's clock had jumped.
    fn judge(&mut self, ts: Timestamp) -> Option<Timestamp> {
        let jumps = self.now != NEVER && ts.0.abs_diff(self.now.0) > MAX_JUMP;
        if jumps && !std::mem::replace(&mut self.jumped, true) {
            return None;
        }
        self.jumped = false;
        if !jumps && ts < self.next_tick {
            return None;
        }
        self.set(ts);
        Some(ts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

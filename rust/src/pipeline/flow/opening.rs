//! What was observed of a connection before its first request told which host it belongs to, in a few bytes.

use super::brief::Brief;
use super::quality::{Observation, Signs};
use crate::pipeline::decode::Direction;

/// What the segments of a connection told so far, without what only few connections have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// Its SYN was seen.
    pub opened: bool,
    /// Segments, up to 255.
    pub segments: u8,
    /// Those of them that were retransmitted.
    pub retransmitted: u8,
    /// Round trips between the capture point and the sender of each direction, measured in the handshake.
    rtts: [Brief; 2],
}

impl Opening {
    /// Adds what a segment told.
    pub fn note(&mut self, direction: Direction, Observation { signs, rtt }: Observation) {
        self.segments = self.segments.saturating_add(u8::from(signs.has(Signs::COUNTED)));
        self.retransmitted = self.retransmitted.saturating_add(u8::from(signs.has(Signs::RETRANSMITTED)));
        self.opened |= signs.has(Signs::OPENED);
        if let Some(rtt) = rtt.filter(|_| signs.has(Signs::HANDSHAKE)) {
            self.rtts[direction as usize] = Brief::new(rtt);
        }
    }

    /// Nanoseconds of the round trip between the capture point and the sender of `direction`, if the handshake told it.
    pub fn rtt(&self, direction: Direction) -> Option<u64> {
        self.rtts[direction as usize].nanos()
    }

    /// Nanoseconds of the handshake, from the SYN to the ACK that ends it, or of the half that was seen.
    pub fn handshake(&self) -> Option<u64> {
        let [up, down] = [Direction::Up, Direction::Down].map(|direction| self.rtt(direction));
        up.map(|up| up + down.unwrap_or(0)).or(down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opening_tells_both_halves_of_its_handshake() {
        let mut opening = Opening::default();
        let told = |signs: &[Signs], rtt| {
            let mut observation = Observation { rtt, ..Observation::default() };
            signs.iter().for_each(|&sign| observation.signs.add_if(true, sign));
            observation
        };
        assert_eq!((opening.handshake(), opening.rtt(Direction::Up)), (None, None));
        opening.note(Direction::Up, told(&[Signs::COUNTED, Signs::OPENED, Signs::HANDSHAKE], None));
        opening.note(Direction::Up, told(&[Signs::COUNTED, Signs::RETRANSMITTED, Signs::HANDSHAKE], None));
        opening.note(Direction::Down, told(&[Signs::COUNTED, Signs::HANDSHAKE], Some(2000)));
        assert_eq!(opening.handshake(), Some(2000));
        opening.note(Direction::Up, told(&[Signs::COUNTED, Signs::HANDSHAKE], Some(300)));
        opening.note(Direction::Up, told(&[Signs::COUNTED], Some(999)));
        assert_eq!((opening.opened, opening.segments, opening.retransmitted), (true, 5, 1));
        assert_eq!([Direction::Up, Direction::Down].map(|of| opening.rtt(of)), [Some(300), Some(2000)]);
        assert_eq!(opening.handshake(), Some(2300));
    }
}

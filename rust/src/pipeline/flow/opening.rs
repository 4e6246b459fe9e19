//! How a connection began, in a few bytes: what was observed of it before its first request told whose it is.

use super::brief::Brief;
use super::quality::{Observation, Signs};
use crate::pipeline::decode::Direction;

/// What the segments of a connection told so far, those that tell what few do left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// Its SYN was seen.
    pub opened: bool,
    /// Segments, up to 255.
    pub segments: u8,
    /// Of these, those sent again.
    pub retransmitted: u8,
    /// From here to the sender of each direction and back, in the handshake.
    rtts: [Brief; 2],
}

impl Opening {
    /// Takes what a segment told.
    pub fn note(&mut self, direction: Direction, Observation { signs, rtt }: Observation) {
        self.segments = self.segments.saturating_add(u8::from(signs.has(Signs::COUNTED)));
        self.retransmitted = self.retransmitted.saturating_add(u8::from(signs.has(Signs::RETRANSMITTED)));
        self.opened |= signs.has(Signs::OPENED);
        if let Some(rtt) = rtt.filter(|_| signs.has(Signs::HANDSHAKE)) {
            self.rtts[direction as usize] = Brief::new(rtt);
        }
    }

    /// Nanoseconds from here to the sender of `direction` and back, when the handshake told.
    pub fn rtt(&self, direction: Direction) -> Option<u64> {
        self.rtts[direction as usize].nanos()
    }

    /// The handshake in nanoseconds: SYN to the ACK that ends it, or as much of it as was seen.
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

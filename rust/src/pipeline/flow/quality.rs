//! How healthy a connection is, seen from where it is captured: round trips, retransmissions, duplicate acknowledgements.
//!
//! Counted on the link where each direction was first seen, so that a connection crossing several captured interfaces, or
//! seen with and without a tag, is judged once.

use crate::pipeline::decode::{Direction, Flags, Segment, SeqNumber};
use crate::pipeline::packet::Timestamp;

/// A segment this soon behind a later one was overtaken on the way; later still, it was sent again (tshark does the same
/// while it knows no round trip).
const REORDERING: u64 = 3_000_000;

/// Duplicate acknowledgements after which a segment was sent again because of them (RFC 5681 §3.2 has 3; tshark, and a
/// capture point that may not see them all, 2).
const FAST: u8 = 2;

/// What one segment tells, a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs(u16);

impl Signs {
    /// It is counted: not a copy seen on a second interface.
    pub const COUNTED: Self = Self(1);
    /// The connection's SYN.
    pub const OPENED: Self = Self(1 << 1);
    /// Both sides have finished.
    pub const CLOSED: Self = Self(1 << 2);
    /// A reset that is believed.
    pub const RESET: Self = Self(1 << 3);
    /// A reset in answer to a SYN.
    pub const REFUSED: Self = Self(1 << 4);
    /// The same packet again: a copy made by the capture, or by the network.
    pub const DUPLICATE: Self = Self(1 << 5);
    /// Carries data, a SYN or a FIN that was sent before.
    pub const RETRANSMITTED: Self = Self(1 << 6);
    /// Was overtaken by a later one.
    pub const OUT_OF_ORDER: Self = Self(1 << 7);
    /// Acknowledges nothing new (RFC 5681 §2).
    pub const DUPLICATE_ACK: Self = Self(1 << 8);
    /// The sender cannot take any more.
    pub const ZERO_WINDOW: Self = Self(1 << 9);
    /// Belongs to the handshake.
    pub const HANDSHAKE: Self = Self(1 << 10);
    /// The same bytes again on another interface or under another tag: counted in traffic only.
    pub const COPY: Self = Self(1 << 11);
    /// Carries data behind all that came before where it is counted, of a direction that was seen elsewhere as well.
    pub const ONWARD: Self = Self(1 << 12);

    /// All of `other` are in the set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Adds `other` when that is so.
    pub fn add_if(&mut self, is_so: bool, other: Self) {
        self.0 |= if is_so { other.0 } else { 0 };
    }
}

/// What one segment tells, with the round trip it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// What it is a sign of.
    pub signs: Signs,
    /// Nanoseconds from a segment of the other side to this one, which acknowledges it: the way from here to the sender
    /// of this one and back.
    pub rtt: Option<u64>,
}

/// A copy follows its original within this many nanoseconds; a retransmission waits for a round trip at least, and has
/// another IP identification.
const COPYING: u64 = 1_000_000;

/// An instant in half the space, for differences of milliseconds: exact to a microsecond, good for half an hour, and a
/// connection that is silent for that long is forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Moment(u32);

impl Moment {
    /// A moment is so many bits coarser than a nanosecond.
    const SHIFT: u32 = 10;

    fn of(ts: Timestamp) -> Self {
        Self((ts.0 >> Self::SHIFT) as u32)
    }

    /// `self` is at most so many nanoseconds later than `earlier`, or before it.
    fn is_within(self, nanos: u64, earlier: Self) -> bool {
        (self.0.wrapping_sub(earlier.0) as i32) <= (nanos >> Self::SHIFT) as i32
    }
}

/// An instant to the nanosecond that asks for no place at a multiple of eight bytes: with those around it, it would cost
/// twelve.
#[derive(Clone, Copy, Debug, Default)]
#[repr(Rust, packed(4))]
struct Instant(Timestamp);

/// A tag in two bytes, since there are millions of them; two tags are hardly ever the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tag(u16);

impl Tag {
    pub fn of(segment: &Segment<'_>) -> Self {
        Self((segment.tag ^ segment.tag >> 16) as u16)
    }
}

/// An interface and a tag in two bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Link(u16);

impl Link {
    fn of(segment: &Segment<'_>) -> Self {
        Self(Tag::of(segment).0 ^ segment.interface.0.rotate_right(4))
    }
}

/// What tells a packet from its copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Likeness {
    seq: SeqNumber,
    len: u32,
    ip_id: u16,
    flags: Flags,
}

/// What of a [`Half`] is known.
mod known {
    pub const HOME: u8 = 1;
    pub const ACKNOWLEDGED: u8 = 1 << 1;
    pub const ACKNOWLEDGED_AT_HOME: u8 = 1 << 2;
    pub const SENT: u8 = 1 << 3;
    pub const TIMED: u8 = 1 << 4;
    pub const LAST: u8 = 1 << 5;
    pub const FINISH_TOLD: u8 = 1 << 6;
    pub const ELSEWHERE: u8 = 1 << 7;
}

/// One direction: what its sender sent and its receiver acknowledged, at the interface where it was first seen. There
/// may be millions, so what is known is told by one byte for all fields.
#[derive(Clone, Copy, Debug, Default)]
struct Half {
    /// A segment being timed: when it was seen, and its end. One at a time, dropped when it is sent again (Karn).
    timed_at: Instant,
    timed_end: SeqNumber,
    /// The highest acknowledgement on any interface.
    acknowledged: SeqNumber,
    /// The same at home, and how often it came again.
    acknowledged_at_home: SeqNumber,
    /// The end of the furthest segment, when it was seen, and its IP identification.
    sent: SeqNumber,
    sent_at: Moment,
    sent_id: u16,
    window: u16,
    last: Likeness,
    last_at: Moment,
    /// The link where it was first seen.
    home: Link,
    duplicate_acks: u8,
    known: u8,
}

/// Both directions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quality {
    halves: [Half; 2],
}

impl Quality {
    /// The highest acknowledgement by the receiver of `direction`.
    pub fn acknowledged(&self, direction: Direction) -> Option<SeqNumber> {
        let half = &self.halves[direction as usize];
        half.knows(known::ACKNOWLEDGED).then_some(half.acknowledged)
    }

    /// True once per direction.
    pub fn first_finish(&mut self, direction: Direction) -> bool {
        self.halves[direction as usize].learn(known::FINISH_TOLD)
    }

    /// Takes what the header of a segment tells.
    pub fn see(&mut self, segment: &Segment<'_>) -> Observation {
        let half = &mut self.halves[segment.direction as usize];
        let link = Link::of(segment);
        if half.learn(known::HOME) {
            half.home = link;
        }
        let acknowledges = segment.flags.has(Flags::ACK) && !segment.flags.has(Flags::RST);
        let mut observation = Observation::default();
        if half.home == link {
            let is_copy = half.is_copy(segment);
            observation.signs = Signs::COUNTED;
            observation.signs.add_if(is_copy, Signs::DUPLICATE);
            observation.signs.add_if(segment.window == 0 && !segment.flags.has(Flags::RST), Signs::ZERO_WINDOW);
            if !is_copy {
                let same_window = std::mem::replace(&mut half.window, segment.window) == segment.window;
                let may_be_duplicate = same_window && length(segment) == 0;
                half.send(segment, &mut observation);
                if acknowledges {
                    let other = &mut self.halves[segment.direction.reverse() as usize];
                    other.receive(segment, may_be_duplicate, &mut observation);
                }
            }
        } else {
            half.known |= known::ELSEWHERE;
        }
        if acknowledges {
            self.halves[segment.direction.reverse() as usize].acknowledge(segment.ack);
        }
        observation
    }
}

/// What a segment takes of the sequence space.
fn length(segment: &Segment<'_>) -> u32 {
    segment.payload_wire_len + u32::from(segment.flags.has(Flags::SYN)) + u32::from(segment.flags.has(Flags::FIN))
}

impl Half {
    fn knows(&self, what: u8) -> bool {
        self.known & what != 0
    }

    /// Returns whether it was not known before.
    fn learn(&mut self, what: u8) -> bool {
        let is_new = !self.knows(what);
        self.known |= what;
        is_new
    }

    /// The packet before was this one.
    fn is_copy(&mut self, segment: &Segment<'_>) -> bool {
        let Segment { seq, flags, ip_id, payload_wire_len, ts, .. } = *segment;
        let (this, now) = (Likeness { seq, len: payload_wire_len, ip_id, flags }, Moment::of(ts));
        let last = std::mem::replace(&mut self.last, this);
        let last_at = std::mem::replace(&mut self.last_at, now);
        // Bare acknowledgements of IPv6 look all the same.
        let is_telling = length(segment) > 0 || ip_id != 0;
        !self.learn(known::LAST) && is_telling && last == this && now.is_within(COPYING, last_at)
    }

    /// The sender sends: something new, something overtaken, or something again.
    fn send(&mut self, segment: &Segment<'_>, observation: &mut Observation) {
        let end = segment.seq.plus(length(segment));
        if end == segment.seq {
            // A bare acknowledgement stands where the next byte will: what is missing before it was lost on the way here.
            if !segment.flags.has(Flags::RST) && (!self.knows(known::SENT) || end.is_after(self.sent)) {
                self.reach(end, segment);
            }
            return;
        }
        if !self.knows(known::SENT) || !self.sent.is_after(segment.seq) {
            self.reach(end, segment);
            observation.signs.add_if(segment.payload_wire_len > 0 && self.knows(known::ELSEWHERE), Signs::ONWARD);
            if self.learn(known::TIMED) {
                (self.timed_end, self.timed_at) = (end, Instant(segment.ts));
            }
            return;
        }
        // RFC 9293 §3.8.4: a keep-alive sends the byte before the next again.
        if length(segment) == segment.payload_wire_len && end == self.sent && segment.payload_wire_len == 1 {
            return;
        }
        let is_acknowledged = self.knows(known::ACKNOWLEDGED_AT_HOME) && !end.is_after(self.acknowledged_at_home);
        // Senders count their packets: one with a higher number was sent later.
        let is_newer = self.sent_id != 0 && (segment.ip_id.wrapping_sub(self.sent_id) as i16) > 0;
        let is_soon = Moment::of(segment.ts).is_within(REORDERING, self.sent_at);
        if is_soon && !is_newer && !is_acknowledged && self.duplicate_acks < FAST {
            observation.signs.add_if(true, Signs::OUT_OF_ORDER);
        } else {
            observation.signs.add_if(true, Signs::RETRANSMITTED);
            self.known &= !known::TIMED;
        }
        if end.is_after(self.sent) {
            self.reach(end, segment);
        }
    }

    /// The furthest that was sent.
    fn reach(&mut self, end: SeqNumber, segment: &Segment<'_>) {
        (self.sent, self.sent_at, self.sent_id) = (end, Moment::of(segment.ts), segment.ip_id);
        self.known |= known::SENT;
    }

    /// The receiver acknowledges, at home.
    fn receive(&mut self, segment: &Segment<'_>, may_be_duplicate: bool, observation: &mut Observation) {
        let ack = segment.ack;
        if self.learn(known::ACKNOWLEDGED_AT_HOME) || ack.is_after(self.acknowledged_at_home) {
            (self.acknowledged_at_home, self.duplicate_acks) = (ack, 0);
        } else if ack == self.acknowledged_at_home {
            // RFC 5681 §2: no data, no SYN or FIN, the same window, while data is outstanding.
            let is_duplicate = may_be_duplicate && self.knows(known::SENT) && self.sent.is_after(ack);
            observation.signs.add_if(is_duplicate, Signs::DUPLICATE_ACK);
            self.duplicate_acks = self.duplicate_acks.saturating_add(u8::from(is_duplicate));
        } else {
            return;
        }
        if self.knows(known::TIMED) && !self.timed_end.is_after(ack) {
            self.known &= !known::TIMED;
            observation.rtt = Some(segment.ts.since(self.timed_at.0));
        }
    }

    /// The receiver acknowledges, on any interface.
    fn acknowledge(&mut self, ack: SeqNumber) {
        if self.learn(known::ACKNOWLEDGED) || ack.is_after(self.acknowledged) {
            self.acknowledged = ack;
        }
    }
}

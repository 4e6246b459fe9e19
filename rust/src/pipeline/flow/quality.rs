//! How healthy a connection is, seen from where it is captured: round trips, retransmissions, duplicate acknowledgements.
//!
//! Each direction is judged on the link where it was first seen, so a connection that crosses several captured
//! interfaces, or is seen with and without a tag, is judged once.

use crate::pipeline::decode::{Direction, Flags, Segment, SeqNumber};
use crate::pipeline::packet::Timestamp;

/// A segment that comes at most this many nanoseconds after one that was sent later was overtaken on the way. If it
/// comes later still, it was sent again (tshark does the same while it knows no round trip).
const REORDERING: u64 = 3_000_000;

/// Duplicate acknowledgements that explain a retransmission. RFC 5681 §3.2 has 3; a capture point may not see them all,
/// so 2 are enough here, as for tshark.
const FAST: u8 = 2;

/// What one segment tells of the health of its connection, as a set of flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signs(u16);

impl Signs {
    /// The segment is counted: it is no copy seen on a second interface.
    pub const COUNTED: Self = Self(1);
    /// The segment opens the connection.
    pub const OPENED: Self = Self(1 << 1);
    /// Both sides have finished.
    pub const CLOSED: Self = Self(1 << 2);
    /// A reset that is accepted, of a connection that was not closed yet.
    pub const RESET: Self = Self(1 << 3);
    /// A reset in answer to a SYN.
    pub const REFUSED: Self = Self(1 << 4);
    /// The same packet again: a copy made by the capture, or by the network.
    pub const DUPLICATE: Self = Self(1 << 5);
    /// The segment carries data, a SYN or a FIN that was sent before.
    pub const RETRANSMITTED: Self = Self(1 << 6);
    /// The segment was overtaken by a later one.
    pub const OUT_OF_ORDER: Self = Self(1 << 7);
    /// The segment acknowledges nothing new (RFC 5681 §2).
    pub const DUPLICATE_ACK: Self = Self(1 << 8);
    /// The sender cannot take any more data.
    pub const ZERO_WINDOW: Self = Self(1 << 9);
    /// The segment belongs to the handshake.
    pub const HANDSHAKE: Self = Self(1 << 10);
    /// The same bytes again on another interface or under another tag: counted in traffic only.
    pub const COPY: Self = Self(1 << 11);
    /// The segment carries data behind all that came before on its link, in a direction that was seen on another link
    /// as well.
    pub const ONWARD: Self = Self(1 << 12);

    /// True if all flags of `other` are in the set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Adds `other` if `is_so` is true.
    pub fn add_if(&mut self, is_so: bool, other: Self) {
        self.0 |= if is_so { other.0 } else { 0 };
    }
}

/// What one segment tells, and the round trip that it ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// What the segment tells.
    pub signs: Signs,
    /// Nanoseconds from a segment of the other side to this one, which acknowledges it: the round trip between the
    /// capture point and the sender of this segment.
    pub rtt: Option<u64>,
}

/// A copy follows its original within this many nanoseconds; a retransmission waits for a round trip at least, and has
/// another IP identification.
const COPYING: u64 = 1_000_000;

/// An instant in four bytes, for differences of milliseconds. It is exact to a microsecond. Differences are valid up to
/// half an hour; a connection is forgotten sooner, unless a request waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Moment(u32);

impl Moment {
    /// Bits by which a moment is coarser than a nanosecond.
    const SHIFT: u32 = 10;

    fn of(ts: Timestamp) -> Self {
        Self((ts.0 >> Self::SHIFT) as u32)
    }

    /// True if `self` is at most `nanos` nanoseconds later than `earlier`, or before it.
    fn is_within(self, nanos: u64, earlier: Self) -> bool {
        (self.0.wrapping_sub(earlier.0) as i32) <= (nanos >> Self::SHIFT) as i32
    }
}

/// An instant to the nanosecond that is aligned to four bytes. Aligned to eight, it would take twelve bytes with the
/// padding beside it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(Rust, packed(4))]
struct Instant(Timestamp);

/// A tag folded into two bytes, since there are millions of them. Two different tags hardly ever become the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tag(u16);

impl Tag {
    pub fn of(segment: &Segment<'_>) -> Self {
        Self((segment.tag ^ segment.tag >> 16) as u16)
    }
}

/// An interface and a tag, folded into two bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Link(u16);

impl Link {
    fn of(segment: &Segment<'_>) -> Self {
        Self(Tag::of(segment).0 ^ segment.interface.0.rotate_right(4))
    }
}

/// Fields that are the same for a packet and its copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Likeness {
    seq: SeqNumber,
    len: u32,
    ip_id: u16,
    flags: Flags,
}

/// Bits of [`Half`]'s field `known`: which other fields are known, and what has happened.
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

/// One direction: what its sender sent and its receiver acknowledged on its home, the link where it was first seen.
/// There may be millions, so one byte of flags tells for all fields whether they are known.
#[derive(Clone, Copy, Debug, Default)]
struct Half {
    /// The segment whose round trip is measured: when it was seen, and its end. There is one at a time. It is dropped
    /// at a retransmission (Karn's algorithm).
    timed_at: Instant,
    timed_end: SeqNumber,
    /// The highest acknowledgement on any interface.
    acknowledged: SeqNumber,
    /// The highest acknowledgement on the home link. `duplicate_acks` tells how often it came again.
    acknowledged_at_home: SeqNumber,
    /// The end of the furthest segment on the home link, when it was seen, and its IP identification.
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

/// The health of both directions.
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

    /// Returns true at the first call for a direction.
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

/// Length of a segment in sequence numbers: its payload, SYN and FIN.
fn length(segment: &Segment<'_>) -> u32 {
    segment.payload_wire_len + u32::from(segment.flags.has(Flags::SYN)) + u32::from(segment.flags.has(Flags::FIN))
}

impl Half {
    fn knows(&self, what: u8) -> bool {
        self.known & what != 0
    }

    /// Sets a flag of `known`. Returns true if it was not set before.
    fn learn(&mut self, what: u8) -> bool {
        let is_new = !self.knows(what);
        self.known |= what;
        is_new
    }

    /// True if the packet before this one in the same direction was the same. Remembers this one.
    fn is_copy(&mut self, segment: &Segment<'_>) -> bool {
        let Segment { seq, flags, ip_id, payload_wire_len, ts, .. } = *segment;
        let (this, now) = (Likeness { seq, len: payload_wire_len, ip_id, flags }, Moment::of(ts));
        let last = std::mem::replace(&mut self.last, this);
        let last_at = std::mem::replace(&mut self.last_at, now);
        // Bare acknowledgements over IPv6 all look the same.
        let is_telling = length(segment) > 0 || ip_id != 0;
        !self.learn(known::LAST) && is_telling && last == this && now.is_within(COPYING, last_at)
    }

    /// Takes a segment of the sender, and tells whether it is new, was overtaken, or was sent again.
    fn send(&mut self, segment: &Segment<'_>, observation: &mut Observation) {
        let end = segment.seq.plus(length(segment));
        if end == segment.seq {
            // A bare acknowledgement has the sequence number of the next byte. Bytes missing before it were lost on the
            // way to the capture point.
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
        // Senders count up the IP identification: a packet with a higher one was sent later.
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

    /// Notes the furthest segment that was sent.
    fn reach(&mut self, end: SeqNumber, segment: &Segment<'_>) {
        (self.sent, self.sent_at, self.sent_id) = (end, Moment::of(segment.ts), segment.ip_id);
        self.known |= known::SENT;
    }

    /// Takes an acknowledgement of the receiver on its home link.
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

    /// Takes an acknowledgement of the receiver on any link.
    fn acknowledge(&mut self, ack: SeqNumber) {
        if self.learn(known::ACKNOWLEDGED) || ack.is_after(self.acknowledged) {
            self.acknowledged = ack;
        }
    }
}

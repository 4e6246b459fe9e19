//! How healthy a connection is, seen from where it is captured: round trips, retransmissions, duplicate acknowledgements.
//!
//! Counted on the interface where each direction was first seen, so that a connection crossing several captured
//! interfaces is judged once.

use crate::pipeline::decode::{Direction, Flags, Segment, SeqNumber};
use crate::pipeline::packet::{InterfaceId, Timestamp};

/// A segment this soon behind a later one was overtaken on the way; later still, it was sent again (tshark does the same
/// while it knows no round trip).
const REORDERING: u64 = 3_000_000;

/// Duplicate acknowledgements after which a segment was sent again because of them (RFC 5681 §3.2 has 3; tshark, and a
/// capture point that may not see them all, 2).
const FAST: u8 = 2;

/// What one segment tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// It is counted: not a copy seen on a second interface.
    pub counted: bool,
    /// The connection's SYN.
    pub opened: bool,
    /// Both sides have finished.
    pub closed: bool,
    /// A reset that is believed.
    pub reset: bool,
    /// A reset in answer to a SYN.
    pub refused: bool,
    /// The same packet again: a copy made by the capture, or by the network.
    pub duplicate: bool,
    /// Carries data, a SYN or a FIN that was sent before.
    pub retransmitted: bool,
    /// Was overtaken by a later one.
    pub out_of_order: bool,
    /// Acknowledges nothing new (RFC 5681 §2).
    pub duplicate_ack: bool,
    /// The sender cannot take any more.
    pub zero_window: bool,
    /// Nanoseconds from a segment of the other side to this one, which acknowledges it: the way from here to the sender
    /// of this one and back.
    pub rtt: Option<u64>,
    /// That was the handshake.
    pub is_handshake: bool,
}

impl Observation {
    /// Neither a copy nor seen on a second interface.
    pub fn is_original(&self) -> bool {
        self.counted && !self.duplicate
    }
}

/// A copy follows its original within this many nanoseconds; a retransmission waits for a round trip at least, and has
/// another IP identification.
const COPYING: u64 = 1_000_000;

/// What tells a packet from its copies: sequence number, flags, IP identification, length, and when it was seen.
type Likeness = (SeqNumber, Flags, u16, u32, Timestamp);

/// One direction: what its sender sent and its receiver acknowledged, at the interface where it was first seen.
#[derive(Clone, Copy, Debug, Default)]
struct Half {
    home: Option<InterfaceId>,
    /// The highest acknowledgement on any interface.
    acknowledged: Option<SeqNumber>,
    /// The same at home, and how often it came again.
    acknowledged_at_home: Option<SeqNumber>,
    duplicate_acks: u8,
    window: u16,
    finish_told: bool,
    last: Option<Likeness>,
    /// The end of the furthest segment, when it was seen, and its IP identification.
    sent: Option<(SeqNumber, Timestamp, u16)>,
    /// A segment being timed: its end, and when it was seen. One at a time, dropped when it is sent again (Karn).
    timed: Option<(SeqNumber, Timestamp)>,
}

/// Both directions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quality {
    halves: [Half; 2],
}

impl Quality {
    /// The highest acknowledgement by the receiver of `direction`.
    pub fn acknowledged(&self, direction: Direction) -> Option<SeqNumber> {
        self.halves[direction as usize].acknowledged
    }

    /// True once per direction.
    pub fn first_finish(&mut self, direction: Direction) -> bool {
        !std::mem::replace(&mut self.halves[direction as usize].finish_told, true)
    }

    /// Takes what the header of a segment tells.
    pub fn see(&mut self, segment: &Segment<'_>) -> Observation {
        let half = &mut self.halves[segment.direction as usize];
        let counted = *half.home.get_or_insert(segment.interface) == segment.interface;
        let acknowledges = segment.flags.has(Flags::ACK) && !segment.flags.has(Flags::RST);
        let mut observation = Observation { counted, ..Observation::default() };
        if counted {
            observation.duplicate = half.is_copy(segment);
            observation.zero_window = segment.window == 0 && !segment.flags.has(Flags::RST);
        }
        if observation.is_original() {
            let same_window = std::mem::replace(&mut half.window, segment.window) == segment.window;
            let is_bare = length(segment) == 0;
            half.send(segment, &mut observation);
            if acknowledges {
                self.halves[segment.direction.reverse() as usize].receive(
                    segment,
                    is_bare && same_window,
                    &mut observation,
                );
            }
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
    /// The packet before was this one.
    fn is_copy(&mut self, segment: &Segment<'_>) -> bool {
        let Segment { seq, flags, ip_id, payload_wire_len, ts, .. } = *segment;
        let last = self.last.replace((seq, flags, ip_id, payload_wire_len, ts));
        // Bare acknowledgements of IPv6 look all the same.
        let is_telling = length(segment) > 0 || ip_id != 0;
        is_telling
            && last.is_some_and(|(last_seq, last_flags, last_id, last_len, last_ts)| {
                (last_seq, last_flags, last_id, last_len) == (seq, flags, ip_id, payload_wire_len)
                    && ts.since(last_ts) <= COPYING
            })
    }

    /// The sender sends: something new, something overtaken, or something again.
    fn send(&mut self, segment: &Segment<'_>, observation: &mut Observation) {
        let end = segment.seq.plus(length(segment));
        let furthest = (end, segment.ts, segment.ip_id);
        if end == segment.seq {
            // A bare acknowledgement stands where the next byte will: what is missing before it was lost on the way here.
            if !segment.flags.has(Flags::RST) && self.sent.is_none_or(|(sent, ..)| end.is_after(sent)) {
                self.sent = Some(furthest);
            }
            return;
        }
        match self.sent {
            Some((sent, at, id)) if sent.is_after(segment.seq) => {
                // RFC 9293 §3.8.4: a keep-alive sends the byte before the next again.
                if length(segment) == segment.payload_wire_len && end == sent && segment.payload_wire_len == 1 {
                    return;
                }
                let is_acknowledged = self.acknowledged_at_home.is_some_and(|ack| !end.is_after(ack));
                // Senders count their packets: one with a higher number was sent later.
                let is_newer = id != 0 && (segment.ip_id.wrapping_sub(id) as i16) > 0;
                let is_soon = segment.ts.since(at) <= REORDERING;
                if is_soon && !is_newer && !is_acknowledged && self.duplicate_acks < FAST {
                    observation.out_of_order = true;
                } else {
                    observation.retransmitted = true;
                    self.timed = None;
                }
                if end.is_after(sent) {
                    self.sent = Some(furthest);
                }
            }
            _ => {
                self.sent = Some(furthest);
                self.timed.get_or_insert((end, segment.ts));
            }
        }
    }

    /// The receiver acknowledges, at home.
    fn receive(&mut self, segment: &Segment<'_>, may_be_duplicate: bool, observation: &mut Observation) {
        match self.acknowledged_at_home {
            Some(before) if before == segment.ack => {
                // RFC 5681 §2: no data, no SYN or FIN, the same window, while data is outstanding.
                let is_outstanding = self.sent.is_some_and(|(sent, ..)| sent.is_after(segment.ack));
                observation.duplicate_ack = may_be_duplicate && is_outstanding;
                self.duplicate_acks = self.duplicate_acks.saturating_add(u8::from(observation.duplicate_ack));
            }
            Some(before) if before.is_after(segment.ack) => return,
            _ => (self.acknowledged_at_home, self.duplicate_acks) = (Some(segment.ack), 0),
        }
        if let Some((end, sent)) = self.timed
            && !end.is_after(segment.ack)
        {
            self.timed = None;
            observation.rtt = Some(segment.ts.since(sent));
        }
    }

    /// The receiver acknowledges, on any interface.
    fn acknowledge(&mut self, ack: SeqNumber) {
        if self.acknowledged.is_none_or(|before| ack.is_after(before)) {
            self.acknowledged = Some(ack);
        }
    }
}

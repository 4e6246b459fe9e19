//! How healthy a connection is, seen from where it is captured: round trips, retransmissions, duplicate acknowledgements.
//!
//! Counted on the interface where each direction was first seen, so that a connection crossing several captured
//! interfaces is judged once.

use crate::pipeline::decode::{Direction, Flags, Segment, SeqNumber};
use crate::pipeline::packet::{InterfaceId, Timestamp};
use crate::pipeline::reassembly::Arrival;

/// A segment that fills a hole this soon was overtaken on the way; later, it was sent again (tshark uses 3 ms as well).
const REORDERING: u64 = 3_000_000;

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

/// One direction: what its sender sent and its receiver acknowledged.
#[derive(Clone, Copy, Debug, Default)]
struct Half {
    home: Option<InterfaceId>,
    acknowledged: Option<SeqNumber>,
    window: u16,
    finish_told: bool,
    last: Option<Likeness>,
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
        let is_reset = segment.flags.has(Flags::RST);
        let duplicate = counted && half.is_copy(segment);
        let mut observation = Observation {
            counted,
            duplicate,
            zero_window: counted && segment.window == 0 && !is_reset,
            ..Observation::default()
        };
        let same_window = half.window == segment.window;
        half.window = segment.window;
        let length = segment.payload_wire_len
            + u32::from(segment.flags.has(Flags::SYN))
            + u32::from(segment.flags.has(Flags::FIN));
        if counted && length > 0 && half.timed.is_none() {
            half.timed = Some((segment.seq.plus(length), segment.ts));
        }
        if segment.flags.has(Flags::ACK) && !is_reset && !duplicate {
            self.acknowledge(segment, length == 0 && same_window, &mut observation);
        }
        observation
    }

    fn acknowledge(&mut self, segment: &Segment<'_>, may_be_duplicate: bool, observation: &mut Observation) {
        let other = &mut self.halves[segment.direction.reverse() as usize];
        match other.acknowledged {
            Some(before) if before == segment.ack => {
                // RFC 5681 §2: no data, no SYN or FIN, the same window, while data is outstanding.
                observation.duplicate_ack = observation.counted && may_be_duplicate && other.timed.is_some();
            }
            Some(before) if before.is_after(segment.ack) => return,
            _ => other.acknowledged = Some(segment.ack),
        }
        if let Some((end, sent)) = other.timed
            && !end.is_after(segment.ack)
        {
            other.timed = None;
            observation.rtt = observation.counted.then(|| segment.ts.since(sent));
        }
    }

    /// Takes how the payload of a segment fitted in.
    pub fn judge(&mut self, arrival: Arrival, segment: &Segment<'_>, observation: &mut Observation) {
        if !observation.is_original() {
            return;
        }
        match arrival {
            Arrival::InOrder | Arrival::Early => {}
            Arrival::Filling(since) if segment.ts.since(since) <= REORDERING => observation.out_of_order = true,
            // RFC 9293 §3.8.4: a keep-alive sends the byte before the next again, or none.
            Arrival::Old if segment.payload_wire_len <= 1 => {}
            Arrival::Filling(_) | Arrival::Old => {
                observation.retransmitted = true;
                self.halves[segment.direction as usize].timed = None;
            }
        }
    }
}

impl Half {
    /// The packet before was this one.
    fn is_copy(&mut self, segment: &Segment<'_>) -> bool {
        let likeness = (segment.seq, segment.flags, segment.ip_id, segment.payload_wire_len, segment.ts);
        let last = self.last.replace(likeness);
        let may_be = segment.payload_wire_len > 0
            || segment.flags.has(Flags::SYN)
            || segment.flags.has(Flags::FIN)
            || segment.ip_id != 0;
        may_be
            && last.is_some_and(|(seq, flags, id, length, ts)| {
                (seq, flags, id, length) == (segment.seq, segment.flags, segment.ip_id, segment.payload_wire_len)
                    && segment.ts.since(ts) <= COPYING
            })
    }
}

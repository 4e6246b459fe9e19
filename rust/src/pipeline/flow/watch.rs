//! What is remembered of each connection if a list of connections was asked for.
//!
//! Records are kept beside the table, so that connections stay small. A connection with a segment in the interval is
//! noted. Closing the interval looks only at the noted ones and at some silent ones, so its cost is bounded by
//! [`HEARD`] and [`SILENT`], however many connections are tracked.

use std::cmp::Reverse;
use std::sync::Arc;

use hashbrown::HashMap;

use super::quality::{Observation, Signs};
use crate::pipeline::decode::Segment;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::steps;

/// Number of connections that stay noted when twice as many were noted. This is more than a list has, and takes a
/// millisecond to look through.
pub const HEARD: usize = 2048;

/// Maximum number of silent connections of each phase that are looked at for a list: those that were active last.
pub const SILENT: usize = 1024;

/// Maximum number of TLS server names that are remembered: some 6 MB. Further connections have none.
const NAMES: usize = 65_536;

/// A connection that was dropped from the noted ones is noted again when its number of segments is a multiple of this.
const SECOND_CHANCE: u32 = 64;

/// Stands for a round trip that was not measured.
const UNKNOWN: u64 = u64::MAX;

/// Stage of a connection's life, as a list shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Only SYNs were seen.
    Opening,
    /// In use.
    #[default]
    Open,
    /// Both sides have finished.
    Closed,
    /// Ended by a reset.
    Reset,
    /// Its SYN was answered with a reset.
    Refused,
}

/// What the consumer learnt of a connection from one segment.
#[derive(Debug, Default)]
pub struct Told {
    /// Number of request heads.
    pub requests: u32,
    /// The server name that a TLS client sent.
    pub server_name: Option<Arc<str>>,
}

/// What is remembered of one connection. There may be a million, so a record fits into a cache line.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Time of its first segment.
    pub first_seen: Timestamp,
    /// Payload bytes of each direction, without retransmissions.
    pub bytes: [u64; 2],
    /// The shortest round trip between the capture point and the sender of each direction, or [`UNKNOWN`]. Longer ones
    /// include the time that an application or a delayed acknowledgement took.
    rtts: [u64; 2],
    /// Segments, each counted once.
    pub segments: u32,
    /// Those of them that were retransmitted.
    pub retransmitted: u32,
    /// Number of request heads.
    pub requests: u32,
    /// The last interval in which it had a segment.
    interval: u32,
    /// True if its SYN was seen.
    pub is_opened: bool,
    /// True if it is among the connections noted in that interval.
    is_noted: bool,
    /// How it ended; `Open` if it has not.
    ending: Stage,
}

const _: () = assert!(size_of::<Record>() == 64);

impl Record {
    /// Nanoseconds from the capture point to the client, to the server and back, or the half of it that was measured.
    pub fn rtt(&self) -> Option<u64> {
        let [up, down] = self.rtts.map(|rtt| Some(rtt).filter(|&rtt| rtt != UNKNOWN));
        up.map(|up| up.saturating_add(down.unwrap_or(0))).or(down)
    }

    fn see(&mut self, segment: &Segment<'_>, Observation { signs, rtt }: Observation) {
        let is_again = signs.has(Signs::RETRANSMITTED);
        if signs.has(Signs::COUNTED) && !signs.has(Signs::DUPLICATE) {
            self.segments = self.segments.saturating_add(1);
            self.retransmitted = self.retransmitted.saturating_add(is_again.into());
            if !is_again {
                let bytes = &mut self.bytes[segment.direction as usize];
                *bytes = bytes.saturating_add(segment.payload_wire_len.into());
            }
        }
        if let Some(rtt) = rtt {
            let least = &mut self.rtts[segment.direction as usize];
            *least = rtt.min(*least);
        }
        self.is_opened |= signs.has(Signs::OPENED);
        for (sign, ending) in
            [(Signs::CLOSED, Stage::Closed), (Signs::RESET, Stage::Reset), (Signs::REFUSED, Stage::Refused)]
        {
            if signs.has(sign) {
                self.ending = ending;
            }
        }
    }
}

/// What makes a connection worth a place in the list: many retransmissions, a long round trip, many bytes, a recent
/// beginning. Each of them has the same share of the noted connections.
const WEIGHTS: [fn(&Record) -> u64; 4] = [
    |record| record.retransmitted.into(),
    |record| record.rtt().unwrap_or(0),
    |record| record.bytes.iter().fold(0, |sum, bytes| sum.saturating_add(*bytes)),
    |record| record.first_seen.0.max(0).cast_unsigned(),
];

/// What a list shows of a connection.
#[derive(Debug)]
pub struct Watched<'a> {
    /// What is remembered of it.
    pub record: &'a Record,
    /// The server name that its TLS client sent.
    pub server_name: Option<&'a Arc<str>>,
    /// Stage of its life.
    pub stage: Stage,
    /// Time of its last segment.
    pub last_seen: Timestamp,
    /// Nanoseconds since its first segment; for one that ended, up to its last segment.
    pub age: u64,
}

/// The records of all connections, by slot in the table.
#[derive(Debug, Default)]
pub struct Watch {
    records: Vec<Record>,
    server_names: HashMap<u32, Arc<str>>,
    /// Slots of the connections noted in this interval.
    heard: Vec<u32>,
    interval: u32,
}

impl Watch {
    /// Starts the record of a new connection.
    pub fn open(&mut self, slot: u32, first_seen: Timestamp) {
        let at = slot as usize;
        if self.records.len() <= at {
            self.records.resize(at + 1, Record::default());
        }
        self.server_names.remove(&slot);
        // If the connection that had the slot before is noted, this one takes over its place.
        let Record { interval, is_noted, .. } = self.records[at];
        let rtts = [UNKNOWN; 2];
        let interval = if is_noted { interval } else { self.interval.wrapping_sub(1) };
        self.records[at] = Record { first_seen, rtts, interval, is_noted, ..Record::default() };
    }

    /// Adds a segment of a connection.
    #[inline(never)]
    pub fn see(&mut self, slot: u32, segment: &Segment<'_>, observation: Observation, told: Told) {
        let record = &mut self.records[slot as usize];
        record.see(segment, observation);
        let is_news = record.interval != self.interval;
        let is_notable = observation.signs.has(Signs::RETRANSMITTED)
            || record.ending != Stage::Open
            || record.segments.is_multiple_of(SECOND_CHANCE);
        let is_noted = record.is_noted && !is_news;
        record.interval = self.interval;
        if is_news || is_notable && !is_noted {
            record.is_noted = true;
            self.note(slot);
        }
        self.learn(slot, told);
    }

    /// Adds what the consumer learnt of a connection.
    pub fn learn(&mut self, slot: u32, Told { requests, server_name }: Told) {
        let record = &mut self.records[slot as usize];
        record.requests = record.requests.saturating_add(requests);
        if let Some(name) = server_name
            && self.server_names.len() < NAMES
        {
            self.server_names.insert(slot, name);
        }
    }

    /// What a list shows of a connection that leaves the table; `None` if it had no segment in this interval.
    pub fn parting(&self, slot: u32, stage: Stage, last_seen: Timestamp) -> Option<Watched<'_>> {
        let is_heard = self.records[slot as usize].interval == self.interval;
        is_heard.then(|| self.watched(slot, stage, last_seen, last_seen))
    }

    /// What a list shows of a connection. The age of one that has ended no longer grows.
    pub fn watched(&self, slot: u32, stage: Stage, last_seen: Timestamp, now: Timestamp) -> Watched<'_> {
        let record = &self.records[slot as usize];
        let stage = if record.ending == Stage::Open { stage } else { record.ending };
        let is_over = !matches!(stage, Stage::Opening | Stage::Open);
        let until = if is_over { last_seen } else { last_seen.max(now) };
        let age = until.since(record.first_seen);
        Watched { record, server_name: self.server_names.get(&slot), stage, last_seen, age }
    }

    /// True if the connection had a segment in this interval.
    pub fn has_heard(&self, slot: u32) -> bool {
        self.records[slot as usize].interval == self.interval
    }

    /// Takes the slots noted in this interval, each once. [`Self::turn`] follows.
    pub fn take_heard(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.heard)
    }

    /// Begins the next interval. `heard` is what [`Self::take_heard`] returned; its memory is used again.
    pub fn turn(&mut self, mut heard: Vec<u32>) {
        for slot in heard.drain(..) {
            self.records[slot as usize].is_noted = false;
        }
        self.heard = heard;
        self.interval = self.interval.wrapping_add(1);
    }

    /// Forgets all connections, for use when the table gives up all its slots.
    pub fn clear(&mut self) {
        let interval = self.interval;
        *self = Self { interval, ..Self::default() };
    }

    fn note(&mut self, slot: u32) {
        self.heard.push(slot);
        if self.heard.len() >= 2 * HEARD {
            self.thin();
        }
    }

    /// Keeps half of the noted connections, the heaviest by each of [`WEIGHTS`].
    #[cold]
    fn thin(&mut self) {
        let Self { records, heard, .. } = self;
        steps::add(heard.len() * WEIGHTS.len());
        let share = HEARD / WEIGHTS.len();
        for (at, weight) in WEIGHTS.iter().enumerate() {
            let rest = &mut heard[at * share..];
            rest.select_nth_unstable_by_key(share, |&slot| (Reverse(weight(&records[slot as usize])), slot));
        }
        for slot in heard.drain(WEIGHTS.len() * share..) {
            records[slot as usize].is_noted = false;
        }
    }
}

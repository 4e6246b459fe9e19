//! What is remembered of each connection where somebody asked for a list of connections; nothing is otherwise.
//!
//! Records stand beside the table, so that connections stay as small as they are. The connections that an interval heard
//! of are noted as they speak, and closing the interval looks at those alone: what that costs is bounded by [`HEARD`] and
//! [`SILENT`], however many connections are tracked.

use std::cmp::Reverse;
use std::sync::Arc;

use hashbrown::HashMap;

use super::quality::{Observation, Signs};
use crate::pipeline::decode::Segment;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::steps;

/// Connections noted of those that an interval heard of, twice as many at times: more than a list has, and looked
/// through in a millisecond.
pub const HEARD: usize = 2048;

/// Connections of each phase that were silent and are looked at for a list: those that spoke last.
pub const SILENT: usize = 1024;

/// Names of TLS servers that are remembered: some 6 MB. Connections beyond have none.
const NAMES: usize = 65_536;

/// A connection that was left out for many others is noted again after so many more segments.
const SECOND_CHANCE: u32 = 64;

/// No round trip was measured.
const UNKNOWN: u64 = u64::MAX;

/// Where a connection is in its life, as a list says it.
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
    /// Heads of requests.
    pub requests: u32,
    /// The server that a TLS client named.
    pub server_name: Option<Arc<str>>,
}

/// What is remembered of a connection. There may be a million, so it fits a line of the cache.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Its first segment.
    pub first_seen: Timestamp,
    /// Payload by its sender, without segments that were sent again.
    pub bytes: [u64; 2],
    /// The least round trips from here to the sender of each direction, or [`UNKNOWN`]. The others waited for an
    /// application, or for a delayed acknowledgement.
    rtts: [u64; 2],
    /// Segments, each counted once.
    pub segments: u32,
    /// Of these, those sent again.
    pub retransmitted: u32,
    /// Heads of requests.
    pub requests: u32,
    /// The interval that heard of it last.
    interval: u32,
    /// Its SYN was seen.
    pub is_opened: bool,
    /// It is among those noted of that interval.
    is_noted: bool,
    /// How it ended, if it did.
    ending: Stage,
}

const _: () = assert!(size_of::<Record>() == 64);

impl Record {
    /// Nanoseconds from here to the client, to the server and back, as much of it as was measured.
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

/// What makes a connection worth a place in the list. Each of them has the same share of those noted.
const WEIGHTS: [fn(&Record) -> u64; 4] = [
    |record| record.retransmitted.into(),
    |record| record.rtt().unwrap_or(0),
    |record| record.bytes.iter().fold(0, |sum, bytes| sum.saturating_add(*bytes)),
    |record| record.first_seen.0.max(0).cast_unsigned(),
];

/// A connection as it is listed.
#[derive(Debug)]
pub struct Watched<'a> {
    /// What is remembered of it.
    pub record: &'a Record,
    /// The server that its TLS client named.
    pub server_name: Option<&'a Arc<str>>,
    /// Where in its life it is.
    pub stage: Stage,
    /// Its last segment.
    pub last_seen: Timestamp,
    /// Nanoseconds since its first segment; of one that ended, until its last.
    pub age: u64,
}

/// The records of all connections, by their slots in the table.
#[derive(Debug, Default)]
pub struct Watch {
    records: Vec<Record>,
    server_names: HashMap<u32, Arc<str>>,
    /// Slots of connections that this interval heard of.
    heard: Vec<u32>,
    interval: u32,
}

impl Watch {
    /// A connection begins.
    pub fn open(&mut self, slot: u32, first_seen: Timestamp) {
        let at = slot as usize;
        if self.records.len() <= at {
            self.records.resize(at + 1, Record::default());
        }
        self.server_names.remove(&slot);
        // Another one had the slot, and may be noted: so is this one then.
        let Record { interval, is_noted, .. } = self.records[at];
        let rtts = [UNKNOWN; 2];
        let interval = if is_noted { interval } else { self.interval.wrapping_sub(1) };
        self.records[at] = Record { first_seen, rtts, interval, is_noted, ..Record::default() };
    }

    /// A connection spoke.
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

    /// Something of a connection was understood.
    pub fn learn(&mut self, slot: u32, Told { requests, server_name }: Told) {
        let record = &mut self.records[slot as usize];
        record.requests = record.requests.saturating_add(requests);
        if let Some(name) = server_name
            && self.server_names.len() < NAMES
        {
            self.server_names.insert(slot, name);
        }
    }

    /// A connection that left the table: how it is listed, if this interval heard of it.
    pub fn parting(&self, slot: u32, stage: Stage, last_seen: Timestamp) -> Option<Watched<'_>> {
        let is_heard = self.records[slot as usize].interval == self.interval;
        is_heard.then(|| self.watched(slot, stage, last_seen, last_seen))
    }

    /// How a connection is listed; one that has ended is as old as it became.
    pub fn watched(&self, slot: u32, stage: Stage, last_seen: Timestamp, now: Timestamp) -> Watched<'_> {
        let record = &self.records[slot as usize];
        let stage = if record.ending == Stage::Open { stage } else { record.ending };
        let is_over = !matches!(stage, Stage::Opening | Stage::Open);
        let until = if is_over { last_seen } else { last_seen.max(now) };
        let age = until.since(record.first_seen);
        Watched { record, server_name: self.server_names.get(&slot), stage, last_seen, age }
    }

    /// This interval heard of the connection.
    pub fn has_heard(&self, slot: u32) -> bool {
        self.records[slot as usize].interval == self.interval
    }

    /// Takes the slots noted in the interval, each once. The next interval begins.
    pub fn take_heard(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.heard)
    }

    /// The next interval begins, for which `heard` is used again.
    pub fn turn(&mut self, mut heard: Vec<u32>) {
        for slot in heard.drain(..) {
            self.records[slot as usize].is_noted = false;
        }
        self.heard = heard;
        self.interval = self.interval.wrapping_add(1);
    }

    /// The table gives up all its slots.
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

    /// Keeps half of those noted, the weightiest of each kind.
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

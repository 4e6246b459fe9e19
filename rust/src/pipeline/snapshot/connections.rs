//! Connections as a snapshot lists them: which of them where there is no place for all, and how lists merge.

use std::hash::BuildHasher;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::remarkable::{Class, Remarkable};
use super::values;
use crate::pipeline::decode::Endpoint;
use crate::pipeline::flow::Stage;
use crate::pipeline::http::Protocol;
use crate::pipeline::packet::Timestamp;

/// A connection, as it was when its interval was closed. Of several sights of it the greatest is the latest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Connection {
    /// Its first segment.
    #[serde(with = "values::time")]
    pub first_seen: Timestamp,
    /// Who opened it, or asks.
    #[serde(with = "values::endpoint")]
    pub client: Endpoint,
    /// The other side.
    #[serde(with = "values::endpoint")]
    pub server: Endpoint,
    /// Where it was first seen.
    #[serde(deserialize_with = "values::name")]
    pub interface: Arc<str>,
    /// Its last segment.
    #[serde(with = "values::time")]
    pub last_seen: Timestamp,
    /// Segments, each counted once.
    pub segments: u64,
    /// Nanoseconds since its first segment; of one that ended, until its last.
    #[serde(with = "values::length")]
    pub age: u64,
    /// The same as `first_seen`, if that was its SYN.
    #[serde(with = "values::maybe_time")]
    pub opened: Option<Timestamp>,
    /// Where it is in its life.
    #[serde(with = "values::stage")]
    pub state: Stage,
    /// What it speaks, once that is known.
    #[serde(with = "values::protocol")]
    pub protocol: Option<Protocol>,
    /// The host last asked for, or the server that a TLS client named.
    #[serde(deserialize_with = "values::name")]
    pub host: Arc<str>,
    /// Payload, without segments that were sent again.
    pub bytes_to_server: u64,
    /// Payload, without segments that were sent again.
    pub bytes_to_client: u64,
    /// Segments that were sent again.
    pub retransmitted: u64,
    /// Heads of requests.
    pub requests: u64,
    /// The least, nanoseconds.
    #[serde(with = "values::seconds")]
    pub rtt: Option<u64>,
}

impl Stage {
    /// All of them, as they follow each other.
    pub const ALL: [Self; 5] = [Self::Opening, Self::Open, Self::Closed, Self::Reset, Self::Refused];

    /// As in a snapshot.
    pub fn name(self) -> &'static str {
        ["opening", "open", "closed", "reset", "refused"][self as usize]
    }
}

impl Connection {
    /// Payload of both directions.
    pub fn bytes(&self) -> u64 {
        self.bytes_to_server.saturating_add(self.bytes_to_client)
    }

    /// The same after so many nanoseconds in which it was silent, if it is in use.
    pub fn still_open(&self, nanos: i64) -> Option<Self> {
        let age = self.age.saturating_add(nanos.max(0).cast_unsigned());
        (self.state <= Stage::Open).then(|| Self { age, ..self.clone() })
    }

    /// All its times, to change them.
    pub fn times_mut(&mut self) -> impl Iterator<Item = &mut Timestamp> {
        [&mut self.first_seen, &mut self.last_seen].into_iter().chain(&mut self.opened)
    }

    /// Two sights of one connection.
    pub fn is_same(&self, other: &Self) -> bool {
        let ends = |one: &Self| (one.first_seen, one.client, one.server);
        ends(self) == ends(other) && self.interface == other.interface
    }
}

impl Remarkable for Connection {
    const CLASSES: &'static [Class<Self>] = &[
        Class { weight: |one| weight(one.retransmitted), share: 4 },
        Class { weight: |one| one.rtt.and_then(weight), share: 4 },
        Class { weight: |one| (one.state >= Stage::Reset).then_some(one.last_seen.0), share: 8 },
        Class { weight: |one| Some(one.first_seen.0), share: 8 },
        Class { weight: |one| weight(one.bytes()), share: 8 },
    ];

    fn group(&self) -> (&str, &str) {
        (&self.host, "")
    }

    /// A sample of those in use, which stays the same from one interval to the next.
    fn rest(&self) -> i64 {
        let hasher = foldhash::fast::FixedState::with_seed(0);
        let name = (self.client.address.to_bits(), self.client.port, self.server.port, self.first_seen.0);
        let order = (hasher.hash_one(name) >> 1).cast_signed();
        if self.state <= Stage::Open { order } else { order.wrapping_sub(i64::MAX) }
    }
}

/// What is not nothing.
fn weight(amount: u64) -> Option<i64> {
    (amount > 0).then(|| amount.try_into().unwrap_or(i64::MAX))
}

/// Brings sights of connections into the order of a list, the latest of each.
pub fn sort_connections(connections: &mut Vec<Connection>) {
    if connections.is_sorted_by(|one, next| one < next && !one.is_same(next)) {
        return;
    }
    connections.sort_unstable();
    connections.dedup_by(|later, kept| {
        let is_same = later.is_same(kept);
        if is_same {
            std::mem::swap(later, kept);
        }
        is_same
    });
}

/// Adds the list of another interval.
pub fn merge_connections(mine: &mut Vec<Connection>, theirs: &[Connection]) {
    if !theirs.is_empty() {
        mine.extend_from_slice(theirs);
        sort_connections(mine);
    }
}

#[cfg(test)]
#[path = "connections_tests.rs"]
mod tests;

//! Connections as a snapshot lists them, which of them stay if the list is too long, and how two lists merge.

use std::hash::BuildHasher;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::open::{self, OpenStreams};
use super::processes::Process;
use super::remarkable::{Class, Remarkable};
use super::values;
use crate::pipeline::decode::Endpoint;
use crate::pipeline::exchange::{Closed, Protocol};
use crate::pipeline::flow::Stage;
use crate::pipeline::owners::Local;
use crate::pipeline::packet::Timestamp;

/// Passes the fields of a connection to a macro, like [`exchange_fields`](crate::pipeline::exchange::exchange_fields)
/// does for an exchange.
///
/// Several intervals may list the same connection. The greatest of these rows must be the latest one. So the first
/// fields identify the connection, and the values of the next fields only rise.
macro_rules! connection_fields {
    ($macro:ident) => {
        $macro! {
            /// When its first segment was seen.
            #[serde(with = "values::time")]
            first_seen: Timestamp as f64,
            /// ``address:port`` of the side that opened the connection or sends requests; if neither is known, of the
            /// side with the higher port. IPv6 addresses are in brackets.
            #[serde(with = "values::endpoint")]
            client: Endpoint as String,
            /// ``address:port`` of the other side.
            #[serde(with = "values::endpoint")]
            server: Endpoint as String,
            /// The interface on which the connection was first seen.
            #[serde(deserialize_with = "values::name")]
            interface: Arc<str> as &str,
            /// When its latest segment was seen.
            #[serde(with = "values::time")]
            last_seen: Timestamp as f64,
            /// Number of segments, or of datagrams of QUIC. A segment counts once, even if it crosses several interfaces.
            segments: u64 as u64,
            /// Seconds from its first segment to the end of the interval or, if it has ended, to its last segment.
            #[serde(with = "values::length")]
            age: u64 as f64,
            /// When it was opened; None if its SYN, or the first packet of QUIC, was not seen, as when the capture began
            /// later.
            #[serde(with = "values::maybe_time")]
            opened: Option<Timestamp> as Option<f64>,
            /// ``"opening"`` (only SYNs were seen), ``"open"``, ``"closed"`` by both sides, ``"reset"`` or
            /// ``"refused"``. Whether a connection of QUIC has ended cannot be seen: it is ``"opening"`` or ``"open"``.
            #[serde(with = "values::stage")]
            state: Stage as &str,
            /// Its protocol, as in `Capture.protocols`; empty while it is not known.
            #[serde(with = "values::protocol")]
            protocol: Option<Protocol> as &str,
            /// Host of its latest request, as `Host.name`, or the server that a client of TLS or QUIC named; empty
            /// if there is neither.
            #[serde(deserialize_with = "values::name")]
            host: Arc<str> as &str,
            /// Bytes of TCP payload sent to the server, without retransmissions; of QUIC, bytes of UDP payload.
            bytes_to_server: u64 as u64,
            /// Bytes sent to the client, counted alike.
            bytes_to_client: u64 as u64,
            /// Segments with data that was sent before; 0 of QUIC, which hides it.
            retransmitted: u64 as u64,
            /// Number of request heads; 0 of QUIC, whose requests cannot be seen.
            requests: u64 as u64,
            /// The shortest round-trip time between client and server. Longer times include waiting for an application
            /// or for a delayed acknowledgement. If only one side was measured, the time from the capture point to that
            /// side; None if neither was.
            #[serde(with = "values::seconds")]
            rtt: Option<u64> as Option<f64>,
            /// Which of its ends are on the machine that captured: ``"client"``, ``"server"``, ``"both"``, or ``""`` if
            /// none is, without `processes`, and for files.
            #[serde(default, skip_serializing_if = "Local::is_neither", with = "values::local")]
            local: Local as &str,
            /// As `Exchange.process`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            process: Option<Process> as Option<ProcessView>,
            /// As `Exchange.client_process`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            client_process: Option<Process> as Option<ProcessView>,
            /// The smoothed round-trip time that the kernel of this machine measures for the connection, at the server's
            /// end if that is on this machine, else at the client's; None if it is not known.
            ///
            /// It is at most some seconds old. It includes delayed acknowledgements; `rtt` does not.
            #[serde(default, skip_serializing_if = "Option::is_none", with = "values::seconds")]
            kernel_rtt: Option<u64> as Option<f64>,
            /// The congestion window of the same end in segments.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            kernel_cwnd: Option<u64> as Option<u64>,
            /// The segments that the same end has retransmitted since the connection began.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            kernel_retransmits: Option<u64> as Option<u64>,
            /// True if it speaks TLS and was decrypted; `protocol` is that of what is inside.
            #[serde(default)]
            tls: bool as bool,
            /// Number of streams of HTTP/2 that were seen on it. Those that had ended before the capture began are not
            /// among them.
            #[serde(default)]
            streams: u64 as u64,
            /// Of these, the streams that have not ended.
            #[serde(default)]
            open_streams: u64 as u64,
            /// Why it stays encrypted, as in `Capture.undecrypted`; empty if it is not encrypted, was decrypted, or was
            /// not judged yet.
            #[serde(default, with = "values::undecrypted")]
            undecrypted: Option<Closed> as &str,
            /// The open streams of HTTP/2, the oldest first; of more than 8 the 8 oldest. `open_streams` is the number of
            /// all.
            #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "open::few")]
            oldest_streams: OpenStreams as Vec<StreamView>,
        }
    };
}

pub(crate) use connection_fields;

/// Makes the struct from the table of fields.
macro_rules! connection {
    ($($(#[doc = $doc:tt])* $(#[serde($($serde:tt)*)])? $field:ident: $type:ty as $python:ty,)*) => {
        /// A connection, as it was when its interval was closed. Durations are in nanoseconds.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct Connection {
            $($(#[doc = $doc])* $(#[serde($($serde)*)])? pub $field: $type,)*
        }
    };
}

connection_fields!(connection);

impl Stage {
    /// All stages, in the order in which a connection may go through them.
    pub const ALL: [Self; 5] = [Self::Opening, Self::Open, Self::Closed, Self::Reset, Self::Refused];

    /// Returns the text of the stage in a snapshot.
    pub fn name(self) -> &'static str {
        ["opening", "open", "closed", "reset", "refused"][self as usize]
    }
}

impl Connection {
    /// Returns the payload of both directions in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes_to_server.saturating_add(self.bytes_to_client)
    }

    /// Returns the connection as it is after `nanos` nanoseconds without a segment, `None` if it has ended.
    pub fn still_open(&self, nanos: i64) -> Option<Self> {
        let more = nanos.max(0).cast_unsigned();
        (self.state <= Stage::Open).then(|| {
            let mut later = self.clone();
            let ages = later.oldest_streams.iter_mut().map(|stream| &mut stream.age);
            [&mut later.age].into_iter().chain(ages).for_each(|age| *age = age.saturating_add(more));
            later
        })
    }

    /// Iterates over all instants of the connection, to change them.
    pub fn times_mut(&mut self) -> impl Iterator<Item = &mut Timestamp> {
        [&mut self.first_seen, &mut self.last_seen].into_iter().chain(&mut self.opened)
    }

    /// True if both are rows of the same connection.
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

    /// Prefers a sample of the connections that have not ended. The sample stays the same from one interval to the
    /// next.
    fn rest(&self) -> i64 {
        let hasher = foldhash::fast::FixedState::with_seed(0);
        let name = (self.client.address.to_bits(), self.client.port, self.server.port, self.first_seen.0);
        let order = (hasher.hash_one(name) >> 1).cast_signed();
        if self.state <= Stage::Open { order } else { order.wrapping_sub(i64::MAX) }
    }
}

/// Returns the amount as a weight, `None` if it is 0.
fn weight(amount: u64) -> Option<i64> {
    (amount > 0).then(|| amount.try_into().unwrap_or(i64::MAX))
}

/// Sorts rows of connections into the order of a list, and keeps only the latest row of each connection.
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

/// Merges the list of another interval into `mine`.
pub fn merge_connections(mine: &mut Vec<Connection>, theirs: &[Connection]) {
    if !theirs.is_empty() {
        mine.extend_from_slice(theirs);
        sort_connections(mine);
    }
}

#[cfg(test)]
#[path = "connections_tests.rs"]
mod tests;

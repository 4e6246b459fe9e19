//! Counts of what the capture delivered, and of what it or the decoding lost.

use serde::{Deserialize, Serialize};

use super::counters::counters;
use super::tally::Tally;
use crate::pipeline::decode::Undecoded;
use crate::pipeline::exchange::{Ambiguity, Closed, ErrorCode, Protocol};
use crate::pipeline::packet::Timestamp;

counters! {
    /// Counts of what the capture delivered, and of what it or the decoding lost.
    #[derive(Serialize)]
    Capture {
        /// Packets that the capture delivered.
        received,
        /// Packets the kernel had no room for.
        kernel_dropped,
        /// Packets the interface or its driver dropped.
        interface_dropped,
        /// Packets of a file that could not be read. If the rest of a file is damaged, it counts as one.
        unread,
        /// Packets whose headers are cut, contradictory or of an unknown kind.
        undecodable,
        /// Packets cut by the snapshot length.
        truncated,
        /// Message heads cut by the snapshot length.
        truncated_heads,
        /// Packets in a tunnel that is not decoded.
        encapsulated,
        /// Packets that had been captured before: on another interface, with another VLAN tag, or before an address was
        /// rewritten.
        copies,
        /// Gaps in streams: missing bytes that are no longer waited for.
        gaps,
        /// Bytes in these gaps.
        gap_bytes,
        /// Responses without a request.
        orphan_responses,
        /// Requests without a response.
        unanswered,
        /// Responses of HTTP/2 whose status could not be resolved.
        unknown_statuses,
        /// Streams that could not be parsed any further.
        parse_errors,
        /// Times that the next message of a stream was found after a gap or a parse error.
        resyncs,
        /// Connections dropped from the full table.
        flows_evicted,
        /// Hosts folded into [`OTHER`].
        hosts_folded,
        /// Sections folded into [`OTHER`].
        sections_folded,
        /// The most hits that the row of any one host or section may lack because of this folding.
        hits_error,
        /// Clients folded into [`OTHER`].
        clients_folded,
        /// The most hits that the row of any one client may lack because of this folding.
        client_hits_error,
        /// Exchanges that are not listed because the list was full.
        exchanges_dropped,
        /// How often the wall clock was set while a live capture ran.
        clock_steps,
    } and {
        /// Tracked connections.
        flows: Gauge,
        /// Of these, the connections in use: neither opening nor over.
        open_connections: Gauge,
        /// How often the scale of the coarsest histogram was halved, to stay within the budget `Limits::buckets`.
        histogram_halvings: Halvings,
        /// Packets that were not decoded, by kind: those in `undecodable` and `encapsulated`, and encrypted packets.
        undecoded: Tally<Undecoded>,
        /// Connections recognised, by protocol.
        protocols: Tally<Protocol>,
        /// Messages that two readers could frame differently, by kind.
        ambiguous_framing: Tally<Ambiguity>,
        /// Times that one side of a connection would take no new streams, by the code that it gave.
        goaways: Tally<ErrorCode>,
        /// Connections that stay encrypted, by reason.
        undecrypted: Tally<Closed>,
    }
}

/// How often the scale of a histogram was halved. Merging keeps the greater number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halvings(pub u8);

impl Halvings {
    /// Keeps the greater number.
    pub fn merge(&mut self, other: &Self) {
        self.0 = self.0.max(other.0);
    }
}

/// A level at an instant, not a count of events. Merging keeps the later value and adds values of the same instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauge {
    /// The instant of the value.
    pub at: Timestamp,
    /// The level at that instant.
    pub value: u64,
}

impl Gauge {
    /// Keeps the later value, or the sum of both values if they are of the same instant.
    pub fn merge(&mut self, other: &Self) {
        match self.at.cmp(&other.at) {
            std::cmp::Ordering::Less => *self = *other,
            std::cmp::Ordering::Equal => self.value = self.value.saturating_add(other.value),
            std::cmp::Ordering::Greater => {}
        }
    }
}

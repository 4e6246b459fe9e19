//! What was seen, and what could not be.

use serde::{Deserialize, Serialize};

use super::counts::counters;
use super::tally::Tally;
use crate::pipeline::decode::Undecoded;
use crate::pipeline::exchange::{Ambiguity, Protocol};
use crate::pipeline::packet::Timestamp;

counters! {
    /// What was seen, and what could not be.
    #[derive(Serialize)]
    Capture {
        /// Packets handed over.
        received,
        /// Packets the kernel had no room for.
        kernel_dropped,
        /// Packets the interface or its driver dropped.
        interface_dropped,
        /// Packets of a file that could not be read. Of a file that is damaged from somewhere on one is counted.
        unread,
        /// Packets whose headers are cut, contradict themselves or are of a kind that is not known.
        undecodable,
        /// Packets cut by the snapshot length.
        truncated,
        /// Heads of messages cut by it.
        truncated_heads,
        /// Packets within a tunnel that was not looked into.
        encapsulated,
        /// Packets that were captured before, on another interface, under another tag or before an address was rewritten.
        copies,
        /// Holes in streams that were given up.
        gaps,
        /// Bytes in them.
        gap_bytes,
        /// Responses without a request.
        orphan_responses,
        /// Requests without a response.
        unanswered,
        /// Streams that stopped making sense.
        parse_errors,
        /// Streams in which the next message was found after a hole or nonsense.
        resyncs,
        /// Connections dropped from the full table.
        flows_evicted,
        /// Hosts folded into [`OTHER`].
        hosts_folded,
        /// Sections folded into [`OTHER`].
        sections_folded,
        /// By how many hits any one of these rows may be too low because of that.
        hits_error,
        /// Clients folded into [`OTHER`].
        clients_folded,
        /// By how many hits the row of any one client may be too low because of that.
        client_hits_error,
        /// Exchanges that did not fit.
        exchanges_dropped,
        /// How often the wall clock was set while a live capture ran.
        clock_steps,
    } and {
        /// Connections being tracked.
        flows: Gauge,
        /// Of these, those in use: neither opening nor over.
        open_connections: Gauge,
        /// How often the scale of the coarsest histogram was halved, for the budget of [`Limits::buckets`].
        histogram_halvings: Halvings,
        /// Packets that were not decoded, by what they are: those of `undecodable` and `encapsulated`, and encrypted ones.
        undecoded: Tally<Undecoded>,
        /// Connections recognised, by protocol.
        protocols: Tally<Protocol>,
        /// Messages that two readers could frame differently, by kind.
        ambiguous_framing: Tally<Ambiguity>,
    }
}

/// How often a scale was halved: the most holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halvings(pub u8);

impl Halvings {
    /// Takes the greater one.
    pub fn merge(&mut self, other: &Self) {
        self.0 = self.0.max(other.0);
    }
}

/// A number that is, rather than happens: the latest wins, and numbers of the same instant add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauge {
    /// When it was read.
    pub at: Timestamp,
    /// What it read.
    pub value: u64,
}

impl Gauge {
    /// Takes what is later, or both together.
    pub fn merge(&mut self, other: &Self) {
        match self.at.cmp(&other.at) {
            std::cmp::Ordering::Less => *self = *other,
            std::cmp::Ordering::Equal => self.value = self.value.saturating_add(other.value),
            std::cmp::Ordering::Greater => {}
        }
    }
}

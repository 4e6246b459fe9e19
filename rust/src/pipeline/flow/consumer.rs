//! The seam between connections and what is said on them: what takes their streams, and what it is told.

use super::opening::Opening;
use super::quality::Observation;
use super::watch::{Told, Watched};
use crate::pipeline::decode::{Direction, FlowKey};
use crate::pipeline::packet::{InterfaceId, Timestamp};
use crate::pipeline::reassembly::Chunk;

/// What takes the streams of connections. `State` is what it keeps for each.
pub trait Consumer {
    /// Kept in the connection, made by default.
    type State: Default;
    /// What is known of a connection when a segment of it came.
    type Verdict;

    /// Bytes of a stream, in order. Returns how many of the following bytes it has no need to see.
    fn chunk(&mut self, flow: &FlowInfo, state: &mut Self::State, direction: Direction, chunk: Chunk<'_>) -> u64;
    /// Nothing more comes in `direction`, and all that did was handed over: FIN, reset, or the end of the connection.
    fn finished(&mut self, flow: &FlowInfo, state: &mut Self::State, direction: Direction, ts: Timestamp);
    /// Something was asked, and not answered yet: a connection that is silent may well go on.
    fn is_waiting(&self, state: &Self::State) -> bool;
    /// A segment was looked at, after whatever it brought was handed over.
    fn observed(&mut self, flow: &FlowInfo, state: &Self::State, segment: &Observed) -> Self::Verdict;
    /// The connection is over: closed, reset, idle or evicted. Both directions have finished; nothing follows.
    fn ended(&mut self, flow: &FlowInfo, state: Self::State);
    /// What was learnt of the connection at hand since last asked; asked where connections are watched.
    fn told(&mut self) -> Told {
        Told::default()
    }
    /// A connection for the list of the interval that is being closed, or that it left.
    fn listed(&mut self, _flow: &FlowInfo, _state: &Self::State, _watched: &Watched<'_>) {}
}

/// What identifies a connection to its consumer.
#[derive(Clone, Copy, Debug)]
pub struct FlowInfo {
    /// Addresses and ports.
    pub key: FlowKey,
    /// Where its first segment was seen.
    pub interface: InterfaceId,
    /// The direction of its SYN, when that was seen.
    pub opener: Option<Direction>,
    /// Segments that were sent again, modulo 2^16: for differences.
    pub retransmitted: u16,
    /// What was observed before this segment.
    pub opening: Opening,
}

impl FlowInfo {
    /// A connection of which nothing was seen yet.
    pub fn new(key: FlowKey, interface: InterfaceId, opener: Option<Direction>) -> Self {
        Self { key, interface, opener, retransmitted: 0, opening: Opening::default() }
    }
}

/// What a segment of a connection tells of its health.
#[derive(Clone, Copy, Debug)]
pub struct Observed {
    /// Way within the connection.
    pub direction: Direction,
    /// Where the segment counts: its own interface, or for a copy seen elsewhere, the connection's.
    pub interface: InterfaceId,
    /// What it tells.
    pub observation: Observation,
}

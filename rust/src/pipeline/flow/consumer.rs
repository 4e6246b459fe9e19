//! The seam between connections and what is said on them: what takes their streams, and what it is told.

use super::opening::Opening;
use super::quality::Observation;
use super::table::FlowId;
use super::watch::{Told, Watched};
use crate::pipeline::decode::{Direction, FlowKey};
use crate::pipeline::packet::{InterfaceId, Timestamp};
use crate::pipeline::reassembly::Chunk;

/// Receives the streams of all connections.
pub trait Consumer {
    /// What the consumer keeps for each connection, made by default.
    type State: Default;
    /// What the consumer reports about a connection after each of its segments.
    type Verdict;

    /// A connection has begun: its first segment was seen.
    fn began(&mut self, _flow: &FlowInfo) {}
    /// Takes bytes of a stream, in order. Returns how many of the following bytes need not be seen.
    fn chunk(&mut self, flow: &FlowInfo, state: &mut Self::State, direction: Direction, chunk: Chunk<'_>) -> u64;
    /// Nothing more comes in `direction`, and all its bytes were handed over: after a FIN, a reset, or the end of the
    /// connection.
    fn finished(&mut self, flow: &FlowInfo, state: &mut Self::State, direction: Direction, ts: Timestamp);
    /// True if a request waits for its response, so a connection that is silent may well go on.
    fn is_waiting(&self, state: &Self::State) -> bool;
    /// Takes what a segment tells, after its bytes were handed over.
    fn observed(&mut self, flow: &FlowInfo, state: &Self::State, segment: &Observed) -> Self::Verdict;
    /// The connection is over: closed, reset, idle or evicted. Both directions have finished; nothing follows.
    fn ended(&mut self, flow: &FlowInfo, state: Self::State);
    /// Returns whether the current connection has begun to wait for something that is on no connection. It is then tried
    /// again until [`Self::retry`] returns false.
    fn take_stalled(&mut self) -> bool {
        false
    }
    /// Tries again what waits. Returns whether it still waits.
    fn retry(&mut self, _flow: &FlowInfo, _state: &mut Self::State, _now: Timestamp) -> bool {
        false
    }
    /// Takes what the consumer learnt of the current connection since the last call. Used where connections are
    /// watched.
    fn told(&mut self) -> Told {
        Told::default()
    }
    /// What the consumer was told since the last call, outside of a segment of another connection, belongs to this
    /// connection. `is_over` says that nothing follows.
    fn settled(&mut self, _id: FlowId, _is_over: bool) {}
    /// Takes a connection for the list of an interval: when the interval closes, or when the connection leaves the
    /// table.
    fn listed(&mut self, _flow: &FlowInfo, _state: &Self::State, _watched: &Watched<'_>) {}
}

/// What identifies a connection to its consumer.
#[derive(Clone, Copy, Debug)]
pub struct FlowInfo {
    /// Addresses and ports.
    pub key: FlowKey,
    /// Interface on which its first segment was seen.
    pub interface: InterfaceId,
    /// Direction of the side that opened it, if a SYN was seen.
    pub opener: Option<Direction>,
    /// Number of retransmitted segments, modulo 2^16. Only its differences mean something.
    pub retransmitted: u16,
    /// What was observed before this segment.
    pub opening: Opening,
    /// What encloses the stream.
    pub cover: Cover,
}

/// What encloses a stream that a reader of protocols takes. Each tracked connection has one, so it is a small number: the
/// duration of the handshake in microseconds, [`Self::CLEAR`], or [`Self::UNTIMED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cover(u32);

impl Cover {
    /// Nothing encloses it.
    const CLEAR: u32 = u32::MAX;
    /// TLS, of whose handshake a part was not seen.
    const UNTIMED: u32 = u32::MAX - 1;

    /// The bytes were inside TLS, and are decrypted. `handshake` is the duration in nanoseconds, if all of it was seen.
    pub fn tls(handshake: Option<u64>) -> Self {
        let micros = handshake.and_then(|nanos| u32::try_from(nanos / 1000).ok());
        Self(micros.filter(|&micros| micros < Self::UNTIMED).unwrap_or(Self::UNTIMED))
    }

    /// True if the bytes were inside TLS.
    pub fn is_tls(self) -> bool {
        self.0 != Self::CLEAR
    }

    /// Duration of the TLS handshake in nanoseconds, to the microsecond, if all of it was seen.
    pub fn handshake(self) -> Option<u64> {
        (self.0 < Self::UNTIMED).then_some(u64::from(self.0) * 1000)
    }
}

impl Default for Cover {
    fn default() -> Self {
        Self(Self::CLEAR)
    }
}

impl FlowInfo {
    /// Describes a connection of which nothing was observed yet.
    pub fn new(key: FlowKey, interface: InterfaceId, opener: Option<Direction>) -> Self {
        Self { key, interface, opener, retransmitted: 0, opening: Opening::default(), cover: Cover::default() }
    }

    /// Returns whether the client sends in `direction`. `client` is the direction of the requests, if that is known; else
    /// the direction of the SYN decides, and without a SYN the port numbers.
    #[inline]
    pub fn is_client(&self, client: Option<Direction>, direction: Direction) -> bool {
        match client.or(self.opener) {
            Some(client) => direction == client,
            // The capture joined the connection midway. The server usually has the lower port.
            None => self.key.sender(direction).port > self.key.sender(direction.reverse()).port,
        }
    }
}

/// What a segment of a connection tells of its health.
#[derive(Clone, Copy, Debug)]
pub struct Observed {
    /// Direction within the connection.
    pub direction: Direction,
    /// Interface for which the segment counts: its own or, for a copy seen elsewhere, that of the connection.
    pub interface: InterfaceId,
    /// What it tells.
    pub observation: Observation,
    /// Bytes of its payload that were not sent before.
    pub bytes: u32,
}

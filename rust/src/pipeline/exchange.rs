//! Requests meet their responses: messages of both directions in, what is worth counting out.
//!
//! Responses answer requests in order (RFC 9112 §9.3.2). Interim responses answer nothing; a response that nobody asked
//! for is an orphan; a request that gets none is unanswered. What was lost is judged by acknowledgement numbers
//! (`line.rs`). What a sink returns for a request, its ticket, is handed back with
//! everything that belongs to that request.

mod dialogue;
mod line;
mod table;
mod talk;

use std::net::Ipv6Addr;

use crate::pipeline::decode::{Direction, Endpoint, FlowKey};
use crate::pipeline::flow::{Consumer, FlowInfo, Observed, Opening, Told, Watched};
use crate::pipeline::http::{Ambiguity, Method, Protocol};
use crate::pipeline::packet::{InterfaceId, Timestamp};
use crate::pipeline::reassembly::Chunk;
pub(crate) use table::exchange_fields;
use talk::{Known, Open};
pub use talk::{MAX_HELD, Shared, Talk};

/// Requests waiting for their response, per connection; a pipelining client sends a handful.
pub const MAX_WAITING: usize = 100;

/// A request as its head told, when it was seen.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Method.
    pub method: Method,
    /// Request target as on the wire.
    pub target: &'a [u8],
    /// The target may go on: the snapshot length cut it off.
    pub is_cut: bool,
    /// `Host` field as on the wire.
    pub host: Option<&'a [u8]>,
    /// Lines of the head behind the first one, see [`field`](crate::pipeline::http::field); empty when some may be missing.
    pub fields: &'a [u8],
    /// Between whom.
    pub sides: Sides<'a>,
    /// Bytes of the head.
    pub bytes: u64,
}

/// Both ends of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a> {
    /// The connection.
    pub connection: &'a FlowKey,
    /// What the end that asks sends.
    pub asks: Direction,
}

impl Sides<'_> {
    /// The end that asks.
    #[inline]
    pub fn client(&self) -> Endpoint {
        self.connection.sender(self.asks)
    }

    /// The end that is asked.
    #[inline]
    pub fn server(&self) -> Endpoint {
        self.connection.sender(self.asks.reverse())
    }
}

/// A response as its head told, when it was seen.
#[derive(Clone, Copy, Debug)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Request's last byte to response's first byte in nanoseconds, with a final one whose request was seen.
    pub latency: Option<u64>,
    /// Bytes of the head.
    pub bytes: u64,
}

/// Names what a sink keeps of a request until its exchange is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept(pub u32);

impl Kept {
    /// Nothing is kept.
    pub const NOTHING: Self = Self(u32::MAX);
}

/// Makes the struct of the fields that are measured.
macro_rules! exchange {
    ($(
        measured { $($(#[doc = $doc:tt])* $(#[serde($($serde:tt)*)])? $field:ident: $type:ty as $python:ty,)* }
        named { $($named:tt)* }
    )*) => {
        /// A request and its final response, or the lack of one, as far as its messages tell. Durations are in nanoseconds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Exchange {
            $($($(#[doc = $doc])* pub $field: $type,)*)*
        }
    };
}

exchange_fields!(exchange);

/// An exchange that is over, for whoever lists it.
#[derive(Clone, Copy, Debug)]
pub struct Finished {
    /// The exchange.
    pub exchange: Exchange,
    /// Where its connection was first seen.
    pub interface: InterfaceId,
    /// What the sink kept of the request.
    pub kept: Kept,
}

/// A connection for the list of an interval, as far as its messages tell.
#[derive(Debug)]
pub struct Listed<'a, K> {
    /// Where it was first seen.
    pub interface: InterfaceId,
    /// The addresses and ports of the client and of the server.
    pub ends: [Endpoint; 2],
    /// The direction in which the client sends.
    pub client: Direction,
    /// What it speaks, once that is known.
    pub protocol: Option<Protocol>,
    /// Of its newest request.
    pub ticket: Option<K>,
    /// What its segments told.
    pub watched: &'a Watched<'a>,
}

/// Something to count that belongs to no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A connection was recognised.
    Protocol(Protocol),
    /// A response without a request.
    Orphan,
    /// A request without a response.
    Unanswered,
    /// A stream stopped making sense.
    ParseError,
    /// It made sense again.
    Resync,
    /// A head that the snapshot length cut off.
    TruncatedHead,
    /// A message that could be framed differently.
    Ambiguous(Ambiguity),
}

/// What takes the counts.
pub trait Sink {
    /// Names the host and section of a request.
    type Ticket: Copy + PartialEq + std::fmt::Debug;

    /// A load balancer said on whose behalf it opened the connection. Only the first time is it the balancer who says so.
    fn proxied(&mut self, connection: &FlowKey, client: Option<Ipv6Addr>);
    /// The connection is over.
    fn ended(&mut self, connection: &FlowKey);
    /// A request's head was seen; `before` is the ticket of the one before it on the same connection.
    fn request(&mut self, request: &Request<'_>, before: Option<Self::Ticket>) -> Self::Ticket;
    /// That request waits for its response. What is kept of it comes back with its exchange, exactly once.
    fn keep(&mut self, _request: &Request<'_>) -> Kept {
        Kept::NOTHING
    }
    /// That request was the first of its connection, of which this had been observed before.
    fn opening(&mut self, ticket: Self::Ticket, opening: &Opening, client: Direction);
    /// Where to count what a server sends without having been asked.
    fn unasked(&mut self, sides: &Sides<'_>) -> Self::Ticket;
    /// A response's head was seen.
    fn response(&mut self, ticket: Self::Ticket, response: Response);
    /// HTTP bytes behind a head passed.
    fn bytes(&mut self, ticket: Self::Ticket, of_request: bool, count: u64);
    /// An exchange is over; `duration` is that of [`Exchange`], and `tell` tells the rest to whoever wants to know.
    fn exchange(&mut self, ticket: Self::Ticket, duration: Option<u64>, tell: impl FnOnce() -> Finished);
    /// What a segment told of its connection: with the host of the connection's last request, if it had one.
    fn observe(&mut self, ticket: Option<Self::Ticket>, segment: &Observed, from_client: bool);
    /// A TLS client named the server it wants.
    fn server_name(&mut self, name: &[u8]);
    /// Something else to count.
    fn note(&mut self, note: Note);
    /// What was learnt since last asked of the connection at hand, where connections are watched.
    fn told(&mut self) -> Told {
        Told::default()
    }
    /// A connection for the list of the interval.
    fn connection(&mut self, _listed: &Listed<'_, Self::Ticket>) {}
}

/// The stage: a [`Consumer`] of connections that feeds a [`Sink`].
#[derive(Debug)]
pub struct Exchanges<'a, S: Sink> {
    /// What takes the counts.
    pub sink: &'a mut S,
    /// What the connections share.
    pub shared: &'a mut Shared<S::Ticket>,
}

impl<S: Sink> Consumer for Exchanges<'_, S> {
    type State = Talk<S::Ticket>;
    /// What the connection speaks, once that is known.
    type Verdict = Option<Protocol>;

    fn chunk(&mut self, flow: &FlowInfo, state: &mut Self::State, direction: Direction, chunk: Chunk<'_>) -> u64 {
        if state.is_at_rest() {
            *state = Talk::Open(self.shared.open(std::mem::take(state)));
        }
        let Talk::Open(open) = state else { return u64::MAX };
        if let Some(unwanted) = open.pass(flow, direction, &chunk, self.sink) {
            return unwanted;
        }
        let sink = &mut *self.sink;
        let unwanted = self.shared.watch(open, |open| open.chunk(flow, direction, chunk, sink));
        if self.shared.is_full() {
            self.shared.watch(open, |open| open.shed(flow, chunk.ts, sink));
        }
        if let Some(rest) = self.shared.rest(open)
            && let Talk::Open(open) = std::mem::replace(state, rest)
        {
            self.shared.put_back(open);
        }
        unwanted
    }

    fn finished(&mut self, flow: &FlowInfo, state: &mut Self::State, direction: Direction, ts: Timestamp) {
        if let Talk::Open(open) = state {
            let finish =
                |open: &mut Open<_>| open.drive(flow, direction, self.sink, |parser, turn| parser.finish(ts, turn));
            self.shared.watch(open, finish);
        }
    }

    fn is_waiting(&self, state: &Self::State) -> bool {
        state.is_waiting()
    }

    fn observed(&mut self, flow: &FlowInfo, state: &Self::State, segment: &Observed) -> Option<Protocol> {
        let Known { protocol, client, ticket } = state.known();
        let from_client = is_client(flow, client, segment.direction);
        self.sink.observe(ticket, segment, from_client);
        protocol
    }

    fn ended(&mut self, flow: &FlowInfo, state: Self::State) {
        let mut open = match state {
            Talk::Open(open) => open,
            Talk::Asked(_) => self.shared.open(state),
            Talk::Silent | Talk::Idle { .. } | Talk::Opaque(_) => return self.sink.ended(&flow.key),
        };
        self.shared.watch(&mut open, |open| open.give_up(flow, self.sink));
        self.shared.put_back(open);
        self.sink.ended(&flow.key);
    }

    fn told(&mut self) -> Told {
        self.sink.told()
    }

    fn listed(&mut self, flow: &FlowInfo, state: &Self::State, watched: &Watched<'_>) {
        let Known { protocol, client, ticket } = state.known();
        let client = if is_client(flow, client, Direction::Up) { Direction::Up } else { Direction::Down };
        let ends = [client, client.reverse()].map(|side| flow.key.sender(side));
        self.sink.connection(&Listed { interface: flow.interface, ends, client, protocol, ticket, watched });
    }
}

/// The sender of `direction` is the client, whose requests go in the direction of `client` if that is known.
#[inline]
fn is_client(flow: &FlowInfo, client: Option<Direction>, direction: Direction) -> bool {
    match client.or(flow.opener) {
        Some(client) => direction == client,
        // Joined midway: servers have the lower port.
        None => flow.key.sender(direction).port > flow.key.sender(direction.reverse()).port,
    }
}

#[cfg(test)]
mod tests;

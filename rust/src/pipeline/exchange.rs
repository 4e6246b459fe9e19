//! What protocols tell, whichever they are: requests, responses, exchanges and notes, and the [`Sink`] that takes them.
//!
//! Vocabulary alone. Bytes are parsed in `protocol`; what is told is counted in `aggregate`.

mod ambiguity;
mod fields;
mod method;
mod protocol;
mod table;

use std::net::Ipv6Addr;

pub use ambiguity::Ambiguity;
pub use fields::{ClientField, Fields, NoFields};
pub use method::Method;
pub use protocol::Protocol;
pub(crate) use table::exchange_fields;

use crate::pipeline::decode::{Direction, Endpoint, FlowKey};
use crate::pipeline::flow::{Observed, Opening, Told, Watched};
use crate::pipeline::packet::{InterfaceId, Timestamp};

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
    /// Its other fields; none when some may be missing.
    pub fields: &'a dyn Fields,
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

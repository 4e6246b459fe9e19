//! The vocabulary of all protocols: requests, responses, exchanges, notes, and the [`Sink`] that takes them.
//!
//! This module has types only. `protocol` parses bytes into them, and `aggregate` counts them.

mod ambiguity;
mod chosen;
mod codes;
mod fields;
mod method;
mod protocol;
mod suites;
mod table;

use std::net::Ipv6Addr;

pub use ambiguity::Ambiguity;
pub use chosen::{CipherSuite, TlsVersion};
pub use codes::{Closed, Code, Codes, ErrorCode, GrpcStatus};
pub use fields::{ClientField, Fields, NoFields};
pub use method::Method;
pub use protocol::{Protocol, Spoken};
pub(crate) use table::exchange_fields;

use crate::pipeline::decode::{Direction, Endpoint, FlowKey};
use crate::pipeline::flow::{FlowId, Observed, Opening, Told, Watched};
use crate::pipeline::packet::{InterfaceId, Timestamp};

/// A request, reported when its head was seen.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// [`Protocol::Http1`], [`Protocol::Http2`], [`Protocol::Grpc`] or [`Protocol::WebSocket`].
    pub protocol: Protocol,
    /// Request method.
    pub method: Method,
    /// Request target as on the wire.
    pub target: &'a [u8],
    /// True if the snapshot length cut off the head, so that the target may be incomplete.
    pub is_cut: bool,
    /// `Host` field as on the wire.
    pub host: Option<&'a [u8]>,
    /// All fields of the request; empty if some may be missing.
    pub fields: &'a dyn Fields,
    /// The client and the server.
    pub sides: Sides<'a>,
    /// Length of the head in bytes.
    pub bytes: u64,
}

impl Request<'_> {
    /// True if the target is the authority that a tunnel leads to. Extended CONNECT has a path (RFC 8441 §4).
    #[inline]
    pub fn opens_tunnel(&self) -> bool {
        let is_extended = || match self.protocol {
            Protocol::Http1 => false,
            Protocol::WebSocket => true,
            _ => self.target.starts_with(b"/"),
        };
        self.method == Method::CONNECT && !is_extended()
    }
}

/// The two sides of a connection: client and server.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a> {
    /// The connection.
    pub connection: &'a FlowKey,
    /// The direction in which the client sends.
    pub asks: Direction,
    /// Interface on which the connection was first seen.
    pub interface: InterfaceId,
}

impl Sides<'_> {
    /// Address and port of the client.
    #[inline]
    pub fn client(&self) -> Endpoint {
        self.connection.sender(self.asks)
    }

    /// Address and port of the server.
    #[inline]
    pub fn server(&self) -> Endpoint {
        self.connection.sender(self.asks.reverse())
    }
}

/// A response, reported when its head was seen.
#[derive(Clone, Copy, Debug)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Time from the last byte of the request to the first byte of the response, in nanoseconds. Only a final response
    /// whose request was seen has one.
    pub latency: Option<u64>,
    /// Length of the head in bytes.
    pub bytes: u64,
}

/// Identifies what a sink keeps of a request until its exchange has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept(pub u32);

impl Kept {
    /// The sink keeps nothing of this request.
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

impl Exchange {
    /// True if its status is 500 or above, or if it is a gRPC call that failed.
    pub fn is_error(&self) -> bool {
        self.status.is_some_and(|status| status >= 500)
            || self.grpc_status.is_some_and(|status| status != GrpcStatus::OK)
    }
}

/// An exchange that has ended, for a sink that lists exchanges.
#[derive(Clone, Copy, Debug)]
pub struct Finished {
    /// The exchange.
    pub exchange: Exchange,
    /// Interface on which its connection was first seen.
    pub interface: InterfaceId,
    /// The codes with which either side has ended it; [`Sink::ends_with`] has told each of them.
    pub codes: Codes,
}

/// What is known at once of an exchange that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// The method of [`Exchange`].
    pub method: Method,
    /// The status of [`Exchange`].
    pub status: Option<u16>,
    /// The latency of [`Exchange`].
    pub latency: Option<u64>,
    /// The duration of [`Exchange`].
    pub duration: Option<u64>,
    /// What the sink kept of the request.
    pub kept: Kept,
}

/// A connection for the list of an interval, with what its protocol has shown.
#[derive(Debug)]
pub struct Listed<'a, K> {
    /// Interface on which its first segment was seen.
    pub interface: InterfaceId,
    /// The addresses and ports of the client and of the server, in this order.
    pub ends: [Endpoint; 2],
    /// The direction in which the client sends.
    pub client: Direction,
    /// The protocol of the connection, once that is known.
    pub protocol: Option<Protocol>,
    /// Ticket of the newest request, if there was one.
    pub ticket: Option<K>,
    /// What encloses the protocol, and what it consists of.
    pub inside: Inside,
    /// The oldest open streams, the oldest first.
    pub streams: &'a [ListedStream<K>],
    /// What the segments of the connection have shown.
    pub watched: &'a Watched<'a>,
}

/// A connection of QUIC for the list of an interval.
#[derive(Clone, Copy, Debug)]
pub struct ListedQuic<'a> {
    /// The client and the server.
    pub sides: Sides<'a>,
    /// When its first datagram was seen, and its latest.
    pub seen: [Timestamp; 2],
    /// Nanoseconds since its first datagram.
    pub age: u64,
    /// True if its beginning was seen.
    pub is_opened: bool,
    /// True if the server has answered, or the beginning was not seen.
    pub is_answered: bool,
    /// Number of datagrams.
    pub datagrams: u32,
    /// Bytes of UDP payload to the server and to the client.
    pub bytes: [u64; 2],
    /// Time from the client's first packet to the server's.
    pub round_trip: Option<u64>,
}

/// Most open streams that a listed connection shows, the oldest: those that hang or carry a long conversation are among
/// them, and they fit on a small screen.
pub const MAX_LISTED_STREAMS: usize = 8;

/// An open stream of a connection that is listed.
#[derive(Clone, Copy, Debug)]
pub struct ListedStream<K> {
    /// Its number on the connection.
    pub id: u32,
    /// The ticket of its request.
    pub ticket: K,
    /// What the sink keeps of its request.
    pub kept: Kept,
    /// Request method.
    pub method: Method,
    /// What it carries.
    pub protocol: Spoken,
    /// When its first byte was seen.
    pub since: Timestamp,
    /// Status code of its final response, if that was seen.
    pub status: Option<u16>,
    /// Bytes of the request and of the response so far.
    pub bytes: [u64; 2],
    /// Messages of the request and of the response so far.
    pub messages: [u32; 2],
}

/// A connection that speaks TLS or QUIC.
#[derive(Clone, Copy, Debug)]
pub struct Secured<'a> {
    /// [`Protocol::Tls`] or [`Protocol::Quic`].
    pub protocol: Protocol,
    /// The client and the server.
    pub sides: Sides<'a>,
    /// The name of the server as on the wire; `None` if the client gives none, or it was not seen.
    pub name: Option<&'a [u8]>,
    /// True if the client sends an encrypted hello too (ECH), or pretends to: the name may stand for several servers.
    pub has_ech: bool,
    /// Why it stays encrypted, if that is known. `None` for QUIC, which is never decrypted.
    pub closed: Option<Closed>,
}

/// What a list shows of a connection whose protocol is enclosed, or has streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inside {
    /// True if it speaks TLS and is decrypted.
    pub is_tls: bool,
    /// Why it stays encrypted.
    pub closed: Option<Closed>,
    /// Number of streams that have begun.
    pub streams: u64,
    /// Of these, those that have not ended.
    pub open_streams: u64,
}

/// Something to count that belongs to no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The protocol of a connection was recognised.
    Protocol(Protocol),
    /// A response without a request.
    Orphan,
    /// A request without a response.
    Unanswered,
    /// A response whose status could not be resolved.
    UnknownStatus,
    /// A stream could not be parsed any further.
    ParseError,
    /// A message was found after a stream had lost synchronisation.
    Resync,
    /// A head that the snapshot length cut off.
    TruncatedHead,
    /// A message whose framing two readers could understand differently.
    Ambiguous(Ambiguity),
    /// One side of a connection will take no new streams (GOAWAY of HTTP/2).
    GoAway(ErrorCode),
}

/// Takes what the protocols report, and counts it.
pub trait Sink {
    /// Identifies the rows in which a request counts: those of its host and section, and of its client.
    type Ticket: Copy + PartialEq + std::fmt::Debug;

    /// A PROXY header named the client of the connection, or none. Only the first header on a connection comes from the
    /// load balancer; a later one may come from the client.
    fn proxied(&mut self, connection: &FlowKey, client: Option<Ipv6Addr>);
    /// A connection has begun.
    fn began(&mut self, _connection: &FlowKey) {}
    /// The connection has ended.
    fn ended(&mut self, connection: &FlowKey);
    /// The head of a request was seen. Returns its ticket; `before` is the ticket of the previous request on the same
    /// connection.
    fn request(&mut self, request: &Request<'_>, before: Option<Self::Ticket>) -> Self::Ticket;
    /// The request of `ticket` waits for its response. The returned value comes back with its exchange, exactly once.
    fn keep(&mut self, _ticket: Self::Ticket, _request: &Request<'_>) -> Kept {
        Kept::NOTHING
    }
    /// The request of `ticket` was the first one on its connection. `opening` is what was observed before it.
    fn opening(&mut self, ticket: Self::Ticket, opening: &Opening, client: Direction);
    /// Returns the ticket on which a response without a request counts. [`Sink::response`] follows.
    fn unasked(&mut self, sides: &Sides<'_>, response: &Response) -> Self::Ticket;
    /// The head of a response was seen.
    fn response(&mut self, ticket: Self::Ticket, response: Response);
    /// `count` bytes of a message were sent behind its head.
    fn bytes(&mut self, ticket: Self::Ticket, of_request: bool, count: u64);
    /// An exchange has ended. `tell` builds the whole exchange, for a sink that needs it.
    fn exchange(&mut self, ticket: Self::Ticket, ending: Ending, tell: impl FnOnce() -> Finished);
    /// `count` messages of the exchange of `ticket` were seen: messages of gRPC or WebSocket, or events of server-sent
    /// events.
    fn messages(&mut self, _ticket: Self::Ticket, _of_request: bool, _count: u64) {}
    /// A gRPC call has ended with this status. `status` is that of the response, if it was seen.
    fn grpc_status(&mut self, _ticket: Self::Ticket, _grpc: GrpcStatus, _status: Option<u16>) {}
    /// One side has ended the stream of `ticket` with this code, before its exchange ends.
    fn ends_with(&mut self, _ticket: Self::Ticket, _by_client: bool, _code: Code) {}
    /// A segment was observed. It counts for the host of `ticket`, that of the newest request on its connection, if
    /// there was one.
    fn observe(&mut self, ticket: Option<Self::Ticket>, segment: &Observed, from_client: bool);
    /// A connection that speaks TLS or QUIC told which server the client wants to reach, or will not tell it. Reported
    /// once for each direction of a connection at most; only the first report counts.
    fn secured(&mut self, _secured: &Secured<'_>) {}
    /// Bytes of a connection that was reported with [`Sink::secured`], as they are on the wire.
    fn secured_bytes(&mut self, _connection: &FlowKey, _to_server: bool, _bytes: u64) {}
    /// Durations of such a connection in nanoseconds, as they become known: the first round trip to the server, and the
    /// handshake, from the client's hello to its Finished.
    fn secured_times(&mut self, _connection: &FlowKey, _round_trip: Option<u64>, _handshake: Option<u64>) {}
    /// A connection that was reported with [`Sink::secured`] is decrypted from now on.
    fn unsecured(&mut self, _connection: &FlowKey) {}
    /// The server of a connection that was reported with [`Sink::secured`] has chosen this version and suite. Reported once
    /// for each connection.
    fn secured_with(&mut self, _connection: &FlowKey, _version: TlsVersion, _suite: CipherSuite) {}
    /// A connection that speaks TLS, the rest of it, or one direction of it stays encrypted. Reported once for each
    /// connection, perhaps before [`Sink::secured`], which then tells it again.
    fn closed(&mut self, _connection: &FlowKey, _why: Closed) {}
    /// Something else to count.
    fn note(&mut self, note: Note);
    /// Returns what the sink has learnt about the current connection since the last call, for the list of connections.
    fn told(&mut self) -> Told {
        Told::default()
    }
    /// What the sink took since the last call, outside of a segment of another connection, belongs to this connection.
    /// `is_over` says that nothing follows.
    fn settled(&mut self, _id: FlowId, _is_over: bool) {}
    /// A connection for the list of the interval.
    fn connection(&mut self, _listed: &Listed<'_, Self::Ticket>) {}
    /// A connection of QUIC for the same list.
    fn quic_connection(&mut self, _listed: &ListedQuic<'_>) {}
}

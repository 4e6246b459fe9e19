//! What a parser tells, and what it is answered.

use super::head::{RequestHead, ResponseHead};
use crate::pipeline::decode::SeqNumber;
use crate::pipeline::exchange::{Ambiguity, Protocol};
use crate::pipeline::packet::Timestamp;
use std::net::Ipv6Addr;

/// What happens in a stream beside messages that come as they should.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The rest of the current message, if there was one, and maybe whole messages after it, cannot be seen.
    Gap,
    /// The stream stopped making sense.
    Malformed,
    /// The current message's body could be framed differently.
    Ambiguous(Ambiguity),
    /// After the stream stopped making sense, a message was found.
    Resync,
    /// The snapshot length cut off a head: of it only the beginning is known, and nothing of what follows it at once.
    TruncatedHead,
    /// A load balancer said on whose behalf it opened the connection, if it is for anybody whose address it knows.
    Proxied(Option<Ipv6Addr>),
    /// This is no HTTP/1; the stream so far.
    Foreign(Protocol, &'a [u8]),
}

/// Where and when something stands in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When its segment was captured.
    pub ts: Timestamp,
    /// Sequence number.
    pub seq: SeqNumber,
    /// How much of the other direction its sender had received; `None` when the segment does not say.
    pub ack: Option<SeqNumber>,
}

/// How much of a message its head is.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Bytes of the head.
    pub bytes: u64,
    /// The first of them.
    pub since: Mark,
}

/// What follows a response's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// What the head says.
    Body,
    /// The next message.
    Nothing,
    /// What the head says, or the next message: it is not known what was asked.
    Doubt,
    /// Another protocol, which is not looked at.
    Tunnel,
    /// A connection of its own, which may be anything, HTTP too.
    Connection,
}

/// What takes messages.
pub trait Handler {
    /// A request's head.
    fn request(&mut self, head: &RequestHead<'_>, extent: Extent);
    /// A response's head. The answer says what follows it.
    fn response(&mut self, head: &ResponseHead<'_>, extent: Extent) -> Follows;
    /// The current request, whose client waits for an interim response before it sends the body, has got a final one
    /// instead. Then the client need not send the body (RFC 9110 §10.1.1).
    fn was_refused(&self) -> bool;
    /// So many bytes of the current message passed, body and framing.
    fn bytes(&mut self, count: u64);
    /// The current message ended before `mark`.
    fn end(&mut self, mark: Mark);
    /// Something else happened before `mark`.
    fn event(&mut self, event: Event<'_>, mark: Mark);
    /// Behind a hole something that looks like a message begins at `mark`. Answers whether it may be one; else it is a
    /// part of a message whose head was lost.
    fn may_begin(&mut self, is_request: bool, mark: Mark) -> bool {
        let _ = (is_request, mark);
        true
    }
    /// Bytes at `mark` are no message. Answers whether they are the response to a request of HTTP/0.9, which has no head.
    fn is_bare_response(&mut self, mark: Mark) -> bool {
        let _ = mark;
        false
    }
}

//! What a parser reports to its [`Handler`], and what the handler returns.

use super::head::{RequestHead, ResponseHead};
use crate::pipeline::decode::SeqNumber;
use crate::pipeline::exchange::{Ambiguity, Protocol};
use crate::pipeline::packet::Timestamp;
use std::net::Ipv6Addr;

/// An event in a stream other than a regular message.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Synchronisation is lost: the rest of the current message, and maybe whole messages behind it, cannot be read.
    Gap,
    /// The stream could not be parsed any further.
    Malformed,
    /// Two readers could understand the current message differently.
    Ambiguous(Ambiguity),
    /// A message was found after a [`Self::Gap`].
    Resync,
    /// The snapshot length cut off a head. Only the beginning of the head is known, and the bytes directly behind it
    /// are missing.
    TruncatedHead,
    /// A PROXY header ended. Holds the address of the client, if the header gives one.
    Proxied(Option<Ipv6Addr>),
    /// The stream is not HTTP/1. Holds its protocol and the bytes so far.
    Foreign(Protocol, &'a [u8]),
}

/// A place in the stream, and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When the segment was captured.
    pub ts: Timestamp,
    /// Sequence number of the place.
    pub seq: SeqNumber,
    /// The acknowledgement number of the segment: how much of the other direction its sender had received. `None` if
    /// the segment has none.
    pub ack: Option<SeqNumber>,
}

/// Where a head is in the stream.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Length of the head in bytes.
    pub bytes: u64,
    /// Place of its first byte.
    pub since: Mark,
}

/// What follows the head of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// A body, if the head announces one.
    Body,
    /// The same, and the handler takes its content.
    Content,
    /// The next message.
    Nothing,
    /// A body as the head says, or the next message: the request, which decides, is not known.
    Doubt,
    /// Another protocol.
    Tunnel,
    /// A new connection inside this one, of any protocol including HTTP.
    Connection,
}

/// Takes the messages and events of one direction.
pub trait Handler {
    /// A head of a request was read.
    fn request(&mut self, head: &RequestHead<'_>, extent: Extent);
    /// Returns whether the handler takes the content of the request whose head was just read.
    fn takes_content(&self) -> bool {
        false
    }
    /// A head of a response was read. Returns what follows it.
    fn response(&mut self, head: &ResponseHead<'_>, extent: Extent) -> Follows;
    /// Returns whether the current request was answered by a final response while its client waited for an interim one
    /// before sending the body. Then the client need not send the body (RFC 9110 §10.1.1).
    fn was_refused(&self) -> bool;
    /// `count` bytes of the current message were read behind its head: body and framing.
    fn bytes(&mut self, count: u64);
    /// Takes content of the current message, if [`Self::takes_content`] or [`Self::response`] has asked for it.
    fn content(&mut self, bytes: &[u8]) {
        let _ = bytes;
    }
    /// The next `count` bytes of the content cannot be seen.
    fn content_lost(&mut self, count: u64) {
        let _ = count;
    }
    /// Bytes that follow the last message, and are not read any more.
    fn beyond(&mut self, bytes: &[u8]) {
        let _ = bytes;
    }
    /// The current message ended before `mark`.
    fn end(&mut self, mark: Mark);
    /// An event happened before `mark`.
    fn event(&mut self, event: Event<'_>, mark: Mark);
    /// Behind a hole, bytes at `mark` look like a message. Returns whether they may be one; otherwise they are part of
    /// a message whose head was lost.
    fn may_begin(&mut self, is_request: bool, mark: Mark) -> bool {
        let _ = (is_request, mark);
        true
    }
    /// Bytes at `mark` are not a message with a head. Returns whether they are the response to a request of HTTP/0.9.
    fn is_bare_response(&mut self, mark: Mark) -> bool {
        let _ = mark;
        false
    }
}

//! What a parser tells, and what it is answered.

use super::head::{Ambiguity, RequestHead, ResponseHead};
use super::start_line::Protocol;
use crate::pipeline::packet::Timestamp;

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
    /// This is no HTTP/1; the stream so far.
    Foreign(Protocol, &'a [u8]),
}

/// How much of a message its head is.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Bytes of the head.
    pub bytes: u64,
    /// When the first of them came.
    pub since: Timestamp,
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
    /// So many bytes of the current message passed, body and framing.
    fn bytes(&mut self, count: u64);
    /// The current message ended at `ts`.
    fn end(&mut self, ts: Timestamp);
    /// Something else happened at `ts`.
    fn event(&mut self, event: Event<'_>, ts: Timestamp);
}

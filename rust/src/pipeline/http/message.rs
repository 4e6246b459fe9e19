//! What a parser tells, and what it is answered.

use super::head::{Ambiguity, RequestHead, ResponseHead};
use super::start_line::Protocol;
use crate::pipeline::packet::Timestamp;

/// What happens in a stream.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// A request's head.
    Request(RequestHead<'a>, Extent),
    /// A response's head. The answer says what follows it.
    Response(ResponseHead<'a>, Extent),
    /// So many bytes of the current message passed, body and framing.
    Bytes(u64),
    /// The current message ended.
    End,
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

/// What takes messages. The answer matters to [`Message::Response`] only.
pub trait Handler {
    /// Takes an event that was complete at `ts`.
    fn message(&mut self, message: Message<'_>, ts: Timestamp) -> Follows;
}

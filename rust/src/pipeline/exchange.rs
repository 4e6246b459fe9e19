//! Requests meet their responses: messages of both directions in, what is worth counting out.
//!
//! Responses answer requests in order (RFC 9112 §9.3.2). Interim responses answer nothing; a response that nobody asked
//! for is an orphan; a request that gets none is unanswered. After a hole among the responses only the newest request
//! may be believed to be the one that is answered. What a sink returns for a request, its ticket, is handed back with
//! everything that belongs to that request.

mod dialogue;

use crate::pipeline::decode::{Direction, Endpoint};
use crate::pipeline::flow::{Consumer, FlowInfo};
use crate::pipeline::http::{Ambiguity, Method, Parser, Protocol};
use crate::pipeline::packet::{InterfaceId, Timestamp};
use crate::pipeline::reassembly::Chunk;
use dialogue::{Dialogue, Then, Turn};

/// Requests waiting for their response, per connection; a pipelining client sends a handful.
pub const MAX_WAITING: usize = 100;

/// A request as its head told, when it was seen.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Method.
    pub method: Method,
    /// Request target as on the wire.
    pub target: &'a [u8],
    /// `Host` field as on the wire.
    pub host: Option<&'a [u8]>,
    /// Who was asked.
    pub server: Endpoint,
    /// Bytes of the head.
    pub bytes: u64,
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

/// A request and its final response, or the lack of one.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// First byte of the request.
    pub ts: Timestamp,
    /// Who asked.
    pub client: Endpoint,
    /// Who was asked.
    pub server: Endpoint,
    /// Where the connection was first seen.
    pub interface: InterfaceId,
    /// Method of the request.
    pub method: Method,
    /// Status of the response, if there was one.
    pub status: Option<u16>,
    /// Of the request, head and body.
    pub request_bytes: u64,
    /// Of the response, head and body.
    pub response_bytes: u64,
    /// Request's last byte to response's first byte, nanoseconds.
    pub latency: Option<u64>,
    /// Request's first byte to response's last byte, nanoseconds.
    pub duration: Option<u64>,
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
    /// A message that could be framed differently.
    Ambiguous(Ambiguity),
}

/// What takes the counts.
pub trait Sink {
    /// Names the host and section of a request.
    type Ticket: Copy + std::fmt::Debug;

    /// A request's head was seen.
    fn request(&mut self, request: &Request<'_>) -> Self::Ticket;
    /// Where to count what `server` sends without having been asked.
    fn unasked(&mut self, server: Endpoint) -> Self::Ticket;
    /// A response's head was seen.
    fn response(&mut self, ticket: Self::Ticket, response: Response);
    /// HTTP bytes behind a head passed.
    fn bytes(&mut self, ticket: Self::Ticket, of_request: bool, count: u64);
    /// An exchange is over.
    fn exchange(&mut self, ticket: Self::Ticket, exchange: &Exchange);
    /// A TLS client named the server it wants.
    fn server_name(&mut self, name: &[u8]);
    /// Something else to count.
    fn note(&mut self, note: Note);
}

/// A connection, as much of it as is needed.
#[derive(Debug, Default)]
pub enum Talk<K> {
    /// Nothing was said yet.
    #[default]
    Silent,
    /// It is HTTP, or may be.
    Open(Box<Open<K>>),
    /// It is something else, and is not looked at again.
    Opaque(Protocol),
}

impl<K: Copy> Talk<K> {
    /// What it speaks, once known.
    pub fn protocol(&self) -> Option<Protocol> {
        match self {
            Self::Silent => None,
            Self::Open(open) => open.dialogue.protocol,
            Self::Opaque(protocol) => Some(*protocol),
        }
    }

    /// The direction of its requests, once known.
    pub fn client(&self) -> Option<Direction> {
        self.open().and_then(|open| open.dialogue.client)
    }

    /// The ticket of its newest request.
    pub fn ticket(&self) -> Option<K> {
        self.open().and_then(|open| open.dialogue.ticket)
    }

    fn open(&self) -> Option<&Open<K>> {
        if let Self::Open(open) = self { Some(open) } else { None }
    }
}

/// A connection that is looked at.
#[derive(Debug)]
pub struct Open<K> {
    parsers: [Parser; 2],
    dialogue: Dialogue<K>,
}

impl<K> Default for Open<K> {
    fn default() -> Self {
        Self { parsers: Default::default(), dialogue: Dialogue::default() }
    }
}

impl<K: Copy> Open<K> {
    /// What it speaks, when that is nothing that will be looked at again.
    fn opaque(&self) -> Option<Protocol> {
        let Dialogue { ticket, hello, protocol, .. } = &self.dialogue;
        let is_over = self.parsers.iter().all(Parser::is_stopped) && hello.is_none() && ticket.is_none();
        protocol.filter(|_| is_over)
    }

    fn chunk<S: Sink<Ticket = K>>(
        &mut self,
        flow: &FlowInfo,
        direction: Direction,
        chunk: Chunk<'_>,
        sink: &mut S,
    ) -> u64 {
        if let Some((speaker, _)) = self.dialogue.hello {
            if speaker == direction {
                self.dialogue.read_hello(&chunk, sink);
            }
            return 0;
        }
        self.dialogue.is_late = chunk.late;
        self.drive(flow, direction, sink, |parser, turn| parser.push(chunk, turn));
        self.parsers[direction as usize].unwanted()
    }

    fn drive<S: Sink<Ticket = K>>(
        &mut self,
        flow: &FlowInfo,
        direction: Direction,
        sink: &mut S,
        action: impl FnOnce(&mut Parser, &mut Turn<'_, S>),
    ) {
        let mut turn = Turn { flow, direction, dialogue: &mut self.dialogue, sink };
        action(&mut self.parsers[direction as usize], &mut turn);
        match self.dialogue.then.take() {
            None => {}
            Some(Then::Stop) => self.parsers.iter_mut().for_each(Parser::stop),
            // The speaker's parser has begun anew by itself, and may have gone on since.
            Some(Then::Restart) => self.parsers[direction.reverse() as usize].restart(),
        }
    }
}

/// The stage: a [`Consumer`] of connections that feeds a [`Sink`].
#[derive(Debug)]
pub struct Exchanges<'a, S>(pub &'a mut S);

impl<S: Sink> Consumer for Exchanges<'_, S> {
    type State = Talk<S::Ticket>;

    fn chunk(&mut self, flow: &FlowInfo, state: &mut Self::State, direction: Direction, chunk: Chunk<'_>) -> u64 {
        if matches!(state, Talk::Silent) {
            *state = Talk::Open(Box::default());
        }
        let Talk::Open(open) = state else { return u64::MAX };
        let unwanted = open.chunk(flow, direction, chunk, self.0);
        if let Some(protocol) = open.opaque() {
            *state = Talk::Opaque(protocol);
        }
        unwanted
    }

    fn finished(&mut self, flow: &FlowInfo, state: &mut Self::State, direction: Direction, ts: Timestamp) {
        if let Talk::Open(open) = state {
            open.drive(flow, direction, self.0, |parser, turn| parser.finish(ts, turn));
        }
    }

    fn ended(&mut self, flow: &FlowInfo, state: Self::State) {
        if let Talk::Open(mut open) = state {
            let client = open.dialogue.client.unwrap_or(Direction::Up);
            Turn { flow, direction: client, dialogue: &mut open.dialogue, sink: self.0 }.give_up_waiting(0);
        }
    }
}

#[cfg(test)]
mod tests;

//! Requests meet their responses: messages of both directions in, what is worth counting out.
//!
//! Responses answer requests in order (RFC 9112 §9.3.2). Interim responses answer nothing; a response that nobody asked
//! for is an orphan; a request that gets none is unanswered. After a hole among the responses only the newest request
//! may be believed to be the one that is answered. What a sink returns for a request, its ticket, is handed back with
//! everything that belongs to that request.

mod dialogue;

use crate::pipeline::decode::{Direction, Endpoint};
use crate::pipeline::flow::{Consumer, FlowInfo, Observed};
use crate::pipeline::http::{Ambiguity, Handler, Method, Parser, Protocol};
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
    /// Handshake of the connection, for the first exchange on it; nanoseconds.
    pub connect: Option<u64>,
    /// Request's first byte to its last, nanoseconds.
    pub request_time: Option<u64>,
    /// Response's first byte to its last, nanoseconds.
    pub transfer: Option<u64>,
    /// Segments of the connection that were sent again meanwhile.
    pub retransmitted: u16,
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
    /// An exchange is over; `duration` is that of [`Exchange`], and `tell` tells the rest to whoever wants to know.
    fn exchange(&mut self, ticket: Self::Ticket, duration: Option<u64>, tell: impl FnOnce() -> Exchange);
    /// What a segment told of its connection: with the host of the connection's last request, if it had one.
    fn observe(&mut self, ticket: Option<Self::Ticket>, segment: &Observed, from_client: bool);
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
    /// It is HTTP, and all that was asked is answered. Most connections are, most of the time.
    Idle {
        /// The direction of its requests.
        client: Direction,
        /// Of its newest request.
        ticket: K,
    },
    /// It is something else, and is not looked at again.
    Opaque(Protocol),
}

/// What is known of a connection.
struct Known<K> {
    protocol: Option<Protocol>,
    /// The direction of its requests.
    client: Option<Direction>,
    /// Of its newest request.
    ticket: Option<K>,
}

impl<K: Copy> Talk<K> {
    fn known(&self) -> Known<K> {
        let (protocol, client, ticket) = match self {
            Self::Silent => (None, None, None),
            Self::Open(open) => (open.dialogue.protocol, open.dialogue.client, open.dialogue.ticket),
            Self::Idle { client, ticket } => (Some(Protocol::Http1), Some(*client), Some(*ticket)),
            Self::Opaque(protocol) => (Some(*protocol), None, None),
        };
        Known { protocol, client, ticket }
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
    /// A connection at rest, of nobody yet.
    fn resumed() -> Self {
        Self { parsers: [Parser::resumed(), Parser::resumed()], dialogue: Dialogue::resumed() }
    }

    /// All that needs to be known of it now, when that is less than everything.
    fn rest(&self) -> Option<Talk<K>> {
        if let Some((client, ticket)) = self.dialogue.at_rest()
            && self.parsers.iter().all(Parser::is_at_rest)
        {
            return Some(Talk::Idle { client, ticket });
        }
        let Dialogue { ticket, hello, protocol, .. } = &self.dialogue;
        let is_over = self.parsers.iter().all(Parser::is_stopped) && hello.is_none() && ticket.is_none();
        protocol.filter(|_| is_over).map(Talk::Opaque)
    }

    /// What came to rest is a connection of which nothing was seen yet.
    fn begin(&mut self) {
        self.parsers = Default::default();
        self.dialogue.begin();
    }

    /// What came to rest goes on as another connection that did.
    fn go_on(&mut self, client: Direction, ticket: K) {
        self.dialogue.client = Some(client);
        self.dialogue.ticket = Some(ticket);
    }

    /// Bytes kept beside the connection itself.
    fn held(&self) -> usize {
        self.parsers.iter().map(Parser::held).sum::<usize>() + self.dialogue.held()
    }

    /// Gives up what is kept beside the connection.
    fn shed<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, ts: Timestamp, sink: &mut S) {
        for direction in [Direction::Up, Direction::Down] {
            self.drive(flow, direction, sink, |parser, turn| parser.give_up_head(ts, turn));
        }
        self.dialogue.hello = None;
        Turn { flow, direction: Direction::Up, dialogue: &mut self.dialogue, sink }.give_up_waiting(1);
        self.dialogue.waiting.shrink_to_fit();
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

    /// A chunk from the middle of a body, which most are: it is counted, and changes nothing.
    #[inline]
    fn pass<S: Sink<Ticket = K>>(
        &mut self,
        flow: &FlowInfo,
        direction: Direction,
        chunk: &Chunk<'_>,
        sink: &mut S,
    ) -> Option<u64> {
        let unwanted = self.parsers[direction as usize].pass(chunk)?;
        Turn { flow, direction, dialogue: &mut self.dialogue, sink }.bytes(chunk.bytes.len() as u64);
        Some(unwanted)
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

/// Bytes kept for unfinished heads, TLS hellos and pipelined requests by all connections of a worker together. One that
/// asks for more gives up its own.
pub const MAX_HELD: usize = 64 * 1024 * 1024;

/// Connections that came to rest and whose memory waits for the next one to go on: more than take turns in a moment.
const MAX_SPARE: usize = 1024;

/// What the connections of a worker share.
#[derive(Debug)]
pub struct Shared<K> {
    spare: Vec<Box<Open<K>>>,
    held: usize,
    max_held: usize,
}

impl<K: Copy> Default for Shared<K> {
    fn default() -> Self {
        Self::new(MAX_HELD)
    }
}

impl<K: Copy> Shared<K> {
    /// Nothing yet, with a bound on the bytes kept.
    pub fn new(max_held: usize) -> Self {
        Self { spare: Vec::new(), held: 0, max_held }
    }

    /// A connection that says something.
    fn open(&mut self, talk: Talk<K>) -> Talk<K> {
        match talk {
            Talk::Idle { client, ticket } => {
                let mut open = self.spare.pop().unwrap_or_else(|| Box::new(Open::resumed()));
                open.go_on(client, ticket);
                Talk::Open(open)
            }
            Talk::Silent => {
                let mut open = self.spare.pop().unwrap_or_default();
                open.begin();
                Talk::Open(open)
            }
            talk => talk,
        }
    }

    /// A connection came to rest.
    fn put_back(&mut self, mut open: Box<Open<K>>) {
        if self.spare.len() < MAX_SPARE {
            open.dialogue.forget_waiting();
            self.spare.push(open);
        }
    }
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
        if matches!(state, Talk::Silent | Talk::Idle { .. }) {
            *state = self.shared.open(std::mem::take(state));
        }
        let Talk::Open(open) = state else { return u64::MAX };
        if let Some(unwanted) = open.pass(flow, direction, &chunk, self.sink) {
            return unwanted;
        }
        let held = open.held();
        let unwanted = open.chunk(flow, direction, chunk, self.sink);
        self.shared.held += open.held();
        self.shared.held -= held;
        if self.shared.held > self.shared.max_held {
            self.shared.held -= open.held();
            open.shed(flow, chunk.ts, self.sink);
            self.shared.held += open.held();
        }
        if let Some(rest) = open.rest() {
            self.shared.held -= open.held();
            let is_idle = matches!(rest, Talk::Idle { .. });
            if let (Talk::Open(open), true) = (std::mem::replace(state, rest), is_idle) {
                self.shared.put_back(open);
            }
        }
        unwanted
    }

    fn finished(&mut self, flow: &FlowInfo, state: &mut Self::State, direction: Direction, ts: Timestamp) {
        if let Talk::Open(open) = state {
            self.shared.held -= open.held();
            open.drive(flow, direction, self.sink, |parser, turn| parser.finish(ts, turn));
            self.shared.held += open.held();
        }
    }

    fn observed(&mut self, flow: &FlowInfo, state: &Self::State, segment: &Observed) -> Option<Protocol> {
        let Known { protocol, client, ticket } = state.known();
        let direction = segment.direction;
        let from_client = match client.or(flow.opener) {
            Some(client) => direction == client,
            // Joined midway: servers have the lower port.
            None => flow.key.sender(direction).port > flow.key.sender(direction.reverse()).port,
        };
        self.sink.observe(ticket, segment, from_client);
        protocol
    }

    fn ended(&mut self, flow: &FlowInfo, state: Self::State) {
        if let Talk::Open(mut open) = state {
            self.shared.held -= open.held();
            let client = open.dialogue.client.unwrap_or(Direction::Up);
            Turn { flow, direction: client, dialogue: &mut open.dialogue, sink: self.sink }.give_up_waiting(0);
        }
    }
}

#[cfg(test)]
mod tests;

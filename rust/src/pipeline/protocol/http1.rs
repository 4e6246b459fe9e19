//! HTTP/1 on a connection: a parser for each direction, and a dialogue that pairs responses with requests.

mod body;
mod dialogue;
mod ended;
mod fields;
mod grammar;
mod head;
mod line;
mod lines;
mod message;
mod odd_line;
mod parser;
mod proxy;
mod start_line;

pub use dialogue::{Found, MAX_WAITING, Switched};
pub use ended::{Answered, tell};
pub use fields::FieldLines;
pub use head::{Ambiguities, Framing, RequestHead, ResponseHead};
pub use message::{Event, Extent, Follows, Handler, Mark};
pub use parser::{MAX_HEAD, Parser};

use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::{Protocol, Sink};
use crate::pipeline::flow::FlowInfo;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::protocol::reader::{Input, Known, Reader};
use crate::pipeline::reassembly::Chunk;
use dialogue::{Dialogue, Then, Turn};
pub use line::Waiting;

/// A connection that speaks HTTP/1, or may still do so.
#[derive(Debug)]
pub struct Http1<K> {
    parsers: [Parser; 2],
    dialogue: Dialogue<K>,
}

/// The whole state of a connection on which one request waits, and no byte of its response was seen yet.
#[derive(Clone, Copy, Debug)]
pub struct Asked<K> {
    /// The direction of the requests.
    pub client: Direction,
    /// True if the server has sent no payload on this connection yet.
    pub is_first: bool,
    request: Waiting<K>,
}

impl<K: Copy> Asked<K> {
    /// Ticket of the request that waits.
    pub fn ticket(&self) -> K {
        self.request.ticket
    }
}

impl<K> Default for Http1<K> {
    fn default() -> Self {
        Self { parsers: Default::default(), dialogue: Dialogue::default() }
    }
}

impl<K: Copy + PartialEq> Http1<K> {
    /// A connection at rest: all requests are answered. [`Self::go_on`] then says which side is the client.
    pub fn resumed() -> Self {
        Self { parsers: [Parser::resumed(), Parser::resumed()], dialogue: Dialogue::resumed() }
    }

    /// Resets this connection to [`Self::resumed`], and keeps its memory.
    pub fn settle(&mut self) {
        let parsers = self.parsers.iter_mut().filter(|parser| !parser.is_at_rest());
        parsers.for_each(|parser| *parser = Parser::resumed());
        self.dialogue.settle();
    }

    /// Returns the direction of the client and the newest ticket if the connection is at rest: if [`Self::resumed`] and
    /// [`Self::go_on`] can rebuild it from these two.
    pub fn at_rest(&self) -> Option<(Direction, K)> {
        self.dialogue.at_rest().filter(|_| self.parsers.iter().all(Parser::is_at_rest))
    }

    /// Returns the state of a connection that is at rest except for one waiting request: if [`Self::resumed`] and
    /// [`Self::go_on_waiting`] can rebuild it.
    pub fn asked(&self) -> Option<Asked<K>> {
        let (client, request) = self.dialogue.at_rest_but_one()?;
        let answers = &self.parsers[client.reverse() as usize];
        let is_first = answers.is_new();
        let is_at_rest = self.parsers[client as usize].is_at_rest() && (is_first || answers.is_at_rest());
        is_at_rest.then_some(Asked { client, is_first, request })
    }

    /// Returns the other protocol of the connection if neither direction is read any more and no request was seen.
    pub fn stopped(&self) -> Option<Protocol> {
        let is_over = self.dialogue.ticket.is_none() && self.parsers.iter().all(Parser::is_stopped);
        self.dialogue.protocol.filter(|_| is_over)
    }

    /// Makes a settled connection a new one, on which nothing was seen yet.
    pub fn begin(&mut self) {
        self.parsers = Default::default();
        self.dialogue.begin();
    }

    /// Gives a settled connection what [`Self::at_rest`] returned.
    pub fn go_on(&mut self, client: Direction, ticket: K) {
        self.dialogue.client = Some(client);
        self.dialogue.ticket = Some(ticket);
    }

    /// Gives a settled connection what [`Self::asked`] returned.
    pub fn go_on_waiting(&mut self, Asked { client, is_first, request }: Asked<K>) {
        self.go_on(client, request.ticket);
        self.dialogue.line.push(request);
        if is_first {
            self.parsers[client.reverse() as usize] = Parser::default();
        }
    }

    /// The protocol of the connection, once that is known.
    pub fn protocol(&self) -> Option<Protocol> {
        self.dialogue.protocol
    }

    /// Takes the other protocol that was recognised since the last call, if any.
    #[inline]
    pub fn take_found(&mut self) -> Option<Box<Found<K>>> {
        self.dialogue.found.take()
    }

    /// Counts a chunk that lies within a body of known length, as most chunks do. Returns how many of the following
    /// bytes it has no need to see, or `None` if the chunk has to go to [`Self::chunk`].
    #[inline]
    pub fn pass<S: Sink<Ticket = K>>(
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

    /// Takes any chunk. Returns how many of the following bytes it has no need to see.
    pub fn chunk<S: Sink<Ticket = K>>(
        &mut self,
        flow: &FlowInfo,
        direction: Direction,
        chunk: Chunk<'_>,
        sink: &mut S,
    ) -> u64 {
        let [this, other] = [direction, direction.reverse()].map(|side| &self.parsers[side as usize]);
        if this.is_stopped() && other.is_new() {
            // This direction is not HTTP, and the other one has sent nothing so far: it is not read either.
            self.parsers[direction.reverse() as usize].stop();
        }
        self.drive(flow, direction, sink, |parser, turn| parser.push(chunk, turn));
        self.parsers[direction as usize].unwanted()
    }

    /// Ends one direction: no more bytes follow in it.
    fn finish<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, direction: Direction, ts: Timestamp, sink: &mut S) {
        self.drive(flow, direction, sink, |parser, turn| parser.finish(ts, turn));
    }

    /// Ends the connection: requests that still wait are reported as unanswered.
    pub fn give_up<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, sink: &mut S) {
        let client = self.dialogue.client.unwrap_or(Direction::Up);
        Turn { flow, direction: client, dialogue: &mut self.dialogue, sink }.give_up_waiting(0);
    }

    /// Frees the buffers: drops unfinished heads, and all waiting requests but the newest.
    fn shed<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, ts: Timestamp, sink: &mut S) {
        for direction in [Direction::Up, Direction::Down] {
            self.drive(flow, direction, sink, |parser, turn| parser.give_up_head(ts, turn));
        }
        Turn { flow, direction: Direction::Up, dialogue: &mut self.dialogue, sink }.give_up_waiting(1);
        self.dialogue.line.shrink();
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
            Some(Then::Stop) => {
                if let Some(switched) = self.dialogue.found.as_mut().and_then(|found| found.switched.as_mut()) {
                    let client = &self.parsers[switched.client as usize];
                    switched.is_client_known = client.is_at_rest() || client.is_new();
                }
                self.parsers.iter_mut().for_each(Parser::stop);
            }
            Some(Then::HearOther) => {
                self.parsers[direction as usize].stop();
                self.parsers[direction.reverse() as usize].hear_once();
            }
            Some(Then::SearchOn) => self.parsers[direction as usize].search_on(),
            // The parser of this direction has restarted itself, and may have read on since.
            Some(Then::Restart) => self.parsers[direction.reverse() as usize].restart(),
        }
    }
}

impl<K: Copy + PartialEq> Reader<K> for Http1<K> {
    #[inline]
    fn known(&self) -> Known<K> {
        let Dialogue { protocol, client, ticket, .. } = self.dialogue;
        Known { protocol, client, ticket }
    }

    #[inline]
    fn is_waiting(&self) -> bool {
        !self.dialogue.line.is_empty()
    }

    #[inline]
    fn held(&self) -> usize {
        self.parsers.iter().map(Parser::held).sum::<usize>() + self.dialogue.line.held()
    }

    #[inline]
    fn take<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, input: Input<'_>, sink: &mut S) -> u64 {
        match input {
            Input::Chunk(direction, chunk) => return self.chunk(flow, direction, chunk, sink),
            Input::Finish(direction, ts) => self.finish(flow, direction, ts, sink),
            Input::GiveUp => self.give_up(flow, sink),
            Input::Shed(ts) => self.shed(flow, ts, sink),
        }
        0
    }
}

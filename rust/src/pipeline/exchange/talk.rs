//! Connections, as much of each as is needed: all of it while something is said, a few words at rest. There may be
//! millions, nearly all of them at rest.

use super::Sink;
use super::dialogue::{Dialogue, Then, Turn};
use super::line::Waiting;
use crate::pipeline::decode::Direction;
use crate::pipeline::flow::FlowInfo;
use crate::pipeline::http::{Handler, Parser, Protocol};
use crate::pipeline::packet::Timestamp;
use crate::pipeline::reassembly::Chunk;

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
    /// The same, but for a request that waits for its response. Where few do, they stay open.
    Asked(Box<Asked<K>>),
    /// It is something else, and is not looked at again.
    Opaque(Protocol),
}

/// A connection with a request that waits for its response, of which nothing was seen.
#[derive(Clone, Copy, Debug)]
pub struct Asked<K> {
    /// The direction of its requests.
    client: Direction,
    /// The other one has said nothing yet.
    pub(super) is_first: bool,
    request: Waiting<K>,
}

/// What is known of a connection.
pub struct Known<K> {
    pub protocol: Option<Protocol>,
    /// The direction of its requests.
    pub client: Option<Direction>,
    /// Of its newest request.
    pub ticket: Option<K>,
}

impl<K: Copy> Talk<K> {
    /// It is opened by what is said next.
    pub fn is_at_rest(&self) -> bool {
        matches!(self, Self::Silent | Self::Idle { .. } | Self::Asked(_))
    }

    /// A request waits for its response.
    pub fn is_waiting(&self) -> bool {
        match self {
            Self::Open(open) => !open.dialogue.line.is_empty(),
            Self::Asked(_) => true,
            Self::Silent | Self::Idle { .. } | Self::Opaque(_) => false,
        }
    }

    /// What is known of it.
    pub fn known(&self) -> Known<K> {
        let (protocol, client, ticket) = match self {
            Self::Silent => (None, None, None),
            Self::Open(open) => (open.dialogue.protocol, open.dialogue.client, open.dialogue.ticket),
            Self::Idle { client, ticket } => (Some(Protocol::Http1), Some(*client), Some(*ticket)),
            Self::Asked(asked) => (Some(Protocol::Http1), Some(asked.client), Some(asked.request.ticket)),
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

impl<K: Copy + PartialEq> Open<K> {
    /// A connection at rest, of nobody yet.
    fn resumed() -> Self {
        Self { parsers: [Parser::resumed(), Parser::resumed()], dialogue: Dialogue::resumed() }
    }

    /// Forgets all that [`Self::resumed`] does not know, but whose requests they are.
    fn settle(&mut self) {
        let parsers = self.parsers.iter_mut().filter(|parser| !parser.is_at_rest());
        parsers.for_each(|parser| *parser = Parser::resumed());
        self.dialogue.settle();
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

    /// The same where a request waits.
    fn asked(&self) -> Option<Asked<K>> {
        let (client, request) = self.dialogue.at_rest_but_one()?;
        let answers = &self.parsers[client.reverse() as usize];
        let is_first = answers.is_new();
        let is_at_rest = self.parsers[client as usize].is_at_rest() && (is_first || answers.is_at_rest());
        is_at_rest.then_some(Asked { client, is_first, request })
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

    /// The same where a request waits.
    fn go_on_waiting(&mut self, Asked { client, is_first, request }: Asked<K>) {
        self.go_on(client, request.ticket);
        self.dialogue.line.push(request);
        if is_first {
            self.parsers[client.reverse() as usize] = Parser::default();
        }
    }

    /// Bytes kept beside the connection itself.
    fn held(&self) -> usize {
        self.parsers.iter().map(Parser::held).sum::<usize>() + self.dialogue.held()
    }

    /// The connection is over: nobody answers any more.
    pub fn give_up<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, sink: &mut S) {
        let client = self.dialogue.client.unwrap_or(Direction::Up);
        Turn { flow, direction: client, dialogue: &mut self.dialogue, sink }.give_up_waiting(0);
    }

    /// Gives up what is kept beside the connection.
    pub fn shed<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, ts: Timestamp, sink: &mut S) {
        for direction in [Direction::Up, Direction::Down] {
            self.drive(flow, direction, sink, |parser, turn| parser.give_up_head(ts, turn));
        }
        self.dialogue.hello = None;
        Turn { flow, direction: Direction::Up, dialogue: &mut self.dialogue, sink }.give_up_waiting(1);
        self.dialogue.line.shrink();
    }

    pub fn chunk<S: Sink<Ticket = K>>(
        &mut self,
        flow: &FlowInfo,
        direction: Direction,
        chunk: Chunk<'_>,
        sink: &mut S,
    ) -> u64 {
        if self.dialogue.hello.as_ref().is_some_and(|(speaker, _)| *speaker == direction) {
            self.dialogue.read_hello(Some(chunk.bytes).filter(|_| chunk.skipped == 0), sink);
            return 0;
        }
        let [this, other] = [direction, direction.reverse()].map(|side| &self.parsers[side as usize]);
        if this.is_stopped() && other.is_new() {
            // The other side was captured in silence: nobody answers.
            self.parsers[direction.reverse() as usize].stop();
        }
        self.drive(flow, direction, sink, |parser, turn| parser.push(chunk, turn));
        self.parsers[direction as usize].unwanted()
    }

    /// A chunk from the middle of a body, which most are: it is counted, and changes nothing.
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

    pub fn drive<S: Sink<Ticket = K>>(
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
            Some(Then::HearOther) => {
                self.parsers[direction as usize].stop();
                self.parsers[direction.reverse() as usize].hear_once();
            }
            Some(Then::SearchOn) => self.parsers[direction as usize].search_on(),
            // The speaker's parser has begun anew by itself, and may have gone on since.
            Some(Then::Restart) => self.parsers[direction.reverse() as usize].restart(),
        }
    }
}

/// Bytes kept for unfinished heads, TLS hellos and pipelined requests by all connections of a worker together. One that
/// asks for more gives up its own.
pub const MAX_HELD: usize = 64 * 1024 * 1024;

/// Connections that came to rest and whose memory waits for the next one to go on: more than take turns in a moment. Of
/// those that are open, fewer than that stay so while they wait for a response: half a megabyte, which stays in a cache.
pub(super) const MAX_SPARE: usize = 1024;

/// Places of requests that were answered, kept for the next ones: as many as a busy proxy has, some 6 MB.
const MAX_PLACES: usize = 65_536;

/// What the connections of a worker share.
#[derive(Debug)]
pub struct Shared<K> {
    spare: Vec<Box<Open<K>>>,
    pub(super) places: Vec<Box<Asked<K>>>,
    /// Connections that are open.
    pub(super) opened: usize,
    held: usize,
    max_held: usize,
}

impl<K: Copy + PartialEq> Default for Shared<K> {
    fn default() -> Self {
        Self::new(MAX_HELD)
    }
}

impl<K: Copy + PartialEq> Shared<K> {
    /// Nothing yet, with a bound on the bytes kept.
    pub fn new(max_held: usize) -> Self {
        Self { spare: Vec::new(), places: Vec::new(), opened: 0, held: 0, max_held }
    }

    /// A connection at rest says something.
    pub fn open(&mut self, talk: Talk<K>) -> Box<Open<K>> {
        self.opened += 1;
        if let Talk::Silent = talk {
            let mut open = self.spare.pop().unwrap_or_default();
            open.begin();
            return open;
        }
        let mut open = self.spare.pop().unwrap_or_else(|| Box::new(Open::resumed()));
        match talk {
            Talk::Idle { client, ticket } => open.go_on(client, ticket),
            Talk::Asked(asked) => {
                open.go_on_waiting(*asked);
                if self.places.len() < MAX_PLACES {
                    self.places.push(asked);
                }
            }
            Talk::Silent | Talk::Open(_) | Talk::Opaque(_) => {}
        }
        open
    }

    /// Does something with a connection that may change what is kept beside it.
    pub fn watch<R>(&mut self, open: &mut Open<K>, action: impl FnOnce(&mut Open<K>) -> R) -> R {
        let before = open.held();
        let result = action(open);
        self.held += open.held();
        self.held -= before;
        result
    }

    /// More is kept than may be.
    pub fn is_full(&self) -> bool {
        self.held > self.max_held
    }

    /// How a connection rests, if it comes to rest.
    pub fn rest(&mut self, open: &Open<K>) -> Option<Talk<K>> {
        let rest = open.rest();
        if rest.is_some() || self.opened < MAX_SPARE {
            return rest;
        }
        let asked = open.asked()?;
        let Some(mut place) = self.places.pop() else { return Some(Talk::Asked(Box::new(asked))) };
        *place = asked;
        Some(Talk::Asked(place))
    }

    /// A connection is not open any more.
    pub fn put_back(&mut self, mut open: Box<Open<K>>) {
        self.opened -= 1;
        self.held -= open.held();
        if self.spare.len() < MAX_SPARE {
            open.settle();
            self.spare.push(open);
        }
    }
}

//! WebSocket (RFC 6455) on a connection of its own, which began as HTTP/1 (RFC 9110 §7.8): messages, bytes and the codes
//! of close frames are counted for the request that opened it, while the connection is open. The exchange of that request
//! ends when both sides have closed, or with the connection.
//!
//! Nothing is kept but two positions and that exchange, so an idle connection takes about three hundred bytes.

pub mod frames;

use crate::pipeline::decode::{Direction, SeqNumber};
use crate::pipeline::exchange::{Code, Note, Protocol, Sink};
use crate::pipeline::flow::FlowInfo;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::protocol::http1::{Answered, Waiting, tell};
use crate::pipeline::protocol::reader::{Input, Known, Reader};
use crate::pipeline::protocol::watch::{Seen, Watch};
use crate::pipeline::reassembly::Chunk;
use frames::Frames;

/// The exchange that has opened a WebSocket.
#[derive(Debug)]
struct Opened<K> {
    asked: Waiting<K>,
    answered: Answered,
}

/// Both sides of a WebSocket.
#[derive(Debug)]
pub struct WebSocket<K> {
    /// The direction of the client.
    pub client: Direction,
    /// Ticket of the request that opened it.
    pub ticket: K,
    sides: [Frames; 2],
    /// Where the first frame of the client begins, if that is known and nothing of it was seen yet.
    first: Option<SeqNumber>,
    /// Its exchange, if that has not ended.
    opened: Option<Box<Opened<K>>>,
}

impl<K: Copy> WebSocket<K> {
    /// A WebSocket behind the response 101. `first` is where its client goes on, if that is known. The frames of a
    /// client that was not understood before cannot be found, so they are given up. `opened` is its exchange.
    pub fn new(
        client: Direction,
        ticket: K,
        first: Option<SeqNumber>,
        is_client_known: bool,
        opened: Option<(Waiting<K>, Answered)>,
    ) -> Self {
        let mut sides = [Direction::Up, Direction::Down].map(|side| Frames::new(side == client));
        if !is_client_known {
            sides[client as usize].give_up();
        }
        let opened = opened.map(|(asked, answered)| Box::new(Opened { asked, answered }));
        Self { client, ticket, sides, first, opened }
    }

    /// True if nothing that counts follows in either direction.
    pub fn is_over(&self) -> bool {
        self.sides.iter().all(Frames::is_over)
    }

    /// Takes a chunk. Returns how many of the following bytes it has no need to see.
    pub fn chunk<S: Sink<Ticket = K>>(
        &mut self,
        flow: &FlowInfo,
        direction: Direction,
        chunk: &Chunk<'_>,
        sink: &mut S,
    ) -> u64 {
        let is_client = direction == self.client;
        let side = &mut self.sides[direction as usize];
        if side.is_over() {
            // Nothing is read any more, but what is seen counts.
            let bytes = chunk.bytes.len() as u64 + if chunk.cut { chunk.skipped } else { 0 };
            self.count(is_client, bytes, &Seen::default(), chunk.ts, sink);
            return u64::MAX;
        }
        let mut bytes = chunk.bytes.len() as u64;
        if chunk.skipped > 0 {
            if side.is_within_payload(chunk.skipped) {
                bytes += chunk.skipped;
            }
            side.skip(Some(chunk.skipped));
        }
        if is_client
            && !chunk.bytes.is_empty()
            && self.first.take().is_some_and(|first| chunk.skipped == 0 && first != chunk.seq)
        {
            side.give_up();
        }
        let seen = side.take(chunk.bytes);
        let (unwanted, is_lost) = (side.unwanted(), side.is_lost());
        self.count(is_client, bytes, &seen, chunk.ts, sink);
        if is_lost {
            sink.note(Note::ParseError);
        }
        if self.sides.iter().all(Frames::is_closed) {
            self.give_up(flow, sink);
        }
        unwanted
    }

    /// Counts what one side has sent.
    fn count<S: Sink<Ticket = K>>(&mut self, is_client: bool, bytes: u64, seen: &Seen, ts: Timestamp, sink: &mut S) {
        if bytes > 0 {
            sink.bytes(self.ticket, is_client, bytes);
        }
        if seen.messages > 0 {
            sink.messages(self.ticket, is_client, seen.messages);
        }
        let code = seen.closed.map(Code::Close);
        if let Some(code) = code {
            sink.ends_with(self.ticket, is_client, code);
        }
        if let Some(opened) = &mut self.opened {
            opened.count(is_client, bytes, seen.messages, code, ts);
        }
    }

    /// Ends one direction: no more bytes follow in it.
    pub fn finish(&mut self, direction: Direction, ts: Timestamp) {
        if direction != self.client
            && let Some(opened) = &mut self.opened
        {
            opened.answered.ended.get_or_insert(ts);
        }
    }

    /// Ends the WebSocket, and reports its exchange.
    pub fn give_up<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, sink: &mut S) {
        if let Some(opened) = self.opened.take() {
            tell(flow, self.client, &opened.asked, Some(&opened.answered), sink);
        }
    }
}

impl<K> Opened<K> {
    /// Counts what one side has sent.
    fn count(&mut self, is_client: bool, bytes: u64, messages: u64, code: Option<Code>, ts: Timestamp) {
        let Self { asked, answered } = self;
        if let Some(code) = code {
            answered.codes[usize::from(is_client)] = Some(code);
        }
        if is_client {
            asked.bytes = asked.bytes.saturating_add(bytes);
            asked.messages = asked.messages.saturating_add(messages.min(u64::from(u32::MAX)) as u32);
            return;
        }
        answered.bytes = answered.bytes.saturating_add(bytes);
        answered.messages = answered.messages.saturating_add(messages);
        if code.is_some() {
            answered.ended = Some(ts);
        }
    }
}

impl<K: Copy> Reader<K> for WebSocket<K> {
    fn known(&self) -> Known<K> {
        Known { protocol: Some(Protocol::WebSocket), client: Some(self.client), ticket: Some(self.ticket) }
    }

    fn is_waiting(&self) -> bool {
        !self.is_over()
    }

    fn held(&self) -> usize {
        self.opened.as_ref().map_or(0, |opened| size_of_val(&**opened))
    }

    fn take<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, input: Input<'_>, sink: &mut S) -> u64 {
        match input {
            Input::Chunk(direction, chunk) => return self.chunk(flow, direction, &chunk, sink),
            Input::Finish(direction, ts) => self.finish(direction, ts),
            Input::GiveUp => self.give_up(flow, sink),
            Input::Shed(_) => {}
        }
        0
    }
}

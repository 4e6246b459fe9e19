//! WebSocket (RFC 6455) on a connection of its own, which began as HTTP/1 (RFC 9110 §7.8): messages, bytes and the codes
//! of close frames are counted for the request that opened it, while the connection is open. The exchange of that request
//! ends with the response 101.
//!
//! Nothing is kept but two positions, so an idle connection takes about a hundred bytes.

pub mod frames;

use crate::pipeline::decode::{Direction, SeqNumber};
use crate::pipeline::exchange::{Note, Protocol, Sink};
use crate::pipeline::flow::FlowInfo;
use crate::pipeline::protocol::http2::content::Watch;
use crate::pipeline::protocol::reader::{Input, Known, Reader};
use crate::pipeline::reassembly::Chunk;
use frames::Frames;

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
}

impl<K: Copy> WebSocket<K> {
    /// A WebSocket behind the response 101. `first` is where its client goes on, if that is known. The frames of a
    /// client that was not understood before cannot be found, so they are given up.
    pub fn new(client: Direction, ticket: K, first: Option<SeqNumber>, is_client_known: bool) -> Self {
        let mut sides = [Direction::Up, Direction::Down].map(|side| Frames::new(side == client));
        if !is_client_known {
            sides[client as usize].give_up();
        }
        Self { client, ticket, sides, first }
    }

    /// True if nothing that counts follows in either direction.
    pub fn is_over(&self) -> bool {
        self.sides.iter().all(Frames::is_over)
    }

    /// Takes a chunk. Returns how many of the following bytes it has no need to see.
    pub fn chunk<S: Sink<Ticket = K>>(&mut self, direction: Direction, chunk: &Chunk<'_>, sink: &mut S) -> u64 {
        let is_client = direction == self.client;
        let side = &mut self.sides[direction as usize];
        if side.is_over() {
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
        if bytes > 0 {
            sink.bytes(self.ticket, is_client, bytes);
        }
        if seen.messages > 0 {
            sink.messages(self.ticket, is_client, seen.messages);
        }
        if let Some(code) = seen.closed {
            sink.websocket_closed(self.ticket, is_client, code);
        }
        if side.is_lost() {
            sink.note(Note::ParseError);
        }
        side.unwanted()
    }
}

impl<K: Copy> Reader<K> for WebSocket<K> {
    fn known(&self) -> Known<K> {
        Known { protocol: Some(Protocol::WebSocket), client: Some(self.client), ticket: Some(self.ticket) }
    }

    fn is_waiting(&self) -> bool {
        !self.is_over()
    }

    fn take<S: Sink<Ticket = K>>(&mut self, _: &FlowInfo, input: Input<'_>, sink: &mut S) -> u64 {
        let Input::Chunk(direction, chunk) = input else { return 0 };
        self.chunk(direction, &chunk, sink)
    }
}

//! HTTP/2 on a connection: a reader for each direction, and a dialogue that pairs responses with requests.

mod content;
mod dialogue;
mod frame;
mod head;
pub mod hpack;
mod message;
mod midway;
mod reader;
mod search;
mod state;
mod streams;

pub use midway::{Midway, Step};
pub use reader::MAX_BLOCK;
pub use state::Upgraded;
pub use streams::MAX_STREAMS;

use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::{ListedStream, Sink};
use crate::pipeline::flow::FlowInfo;
use crate::pipeline::reassembly::Chunk;
use dialogue::Turn;
use reader::Reader;
use state::Dialogue;

/// A connection that speaks HTTP/2.
#[derive(Debug)]
pub struct Http2<K> {
    readers: [Reader; 2],
    dialogue: Dialogue<K>,
}

impl<K: Copy + PartialEq> Http2<K> {
    /// A connection that is seen from its beginning; the first bytes in the direction of the client are the preface.
    pub fn new(client: Direction) -> Self {
        Self { readers: readers(client, Reader::of_client(), Reader::of_frames()), dialogue: Dialogue::new(client) }
    }

    /// A connection that was joined midway, before a frame in both directions.
    pub fn joined(client: Direction) -> Self {
        Self { readers: readers(client, Reader::of_frames(), Reader::of_frames()), dialogue: Dialogue::joined(client) }
    }

    /// A connection that has changed from HTTP/1 to HTTP/2 (RFC 7540 §3.2), before the preface of the client and the
    /// first frame of the server.
    pub fn upgraded(client: Direction, asked: Upgraded<K>) -> Self {
        let readers = readers(client, Reader::of_client(), Reader::of_frames());
        Self { readers, dialogue: Dialogue::upgraded(client, asked) }
    }

    /// The direction of the requests.
    pub fn client(&self) -> Direction {
        self.dialogue.client
    }

    /// Ticket of the newest request, if there was one.
    pub fn ticket(&self) -> Option<K> {
        self.dialogue.ticket
    }

    /// Number of streams that were seen, and of those that have not ended. Streams that began and ended before the capture,
    /// or in a hole, are in neither, although the numbers of later ones tell that there were some.
    pub fn streams(&self) -> (u64, u64) {
        let Dialogue { seen, streams, .. } = &self.dialogue;
        (u64::from(*seen), streams.len() as u64)
    }

    /// The `most` oldest open streams, the oldest first.
    pub fn oldest_streams(&self, most: usize) -> Vec<ListedStream<K>> {
        self.dialogue.streams.oldest(most)
    }

    /// True if a stream is open.
    pub fn is_waiting(&self) -> bool {
        !self.dialogue.streams.is_empty()
    }

    /// Bytes of buffers and tables that the connection keeps outside its own struct.
    #[inline]
    pub fn held(&self) -> usize {
        let Self { readers: [up, down], dialogue: Dialogue { decoders: [one, other], streams, .. } } = self;
        up.held() + down.held() + one.held() + other.held() + streams.held()
    }

    /// Takes a chunk. Returns how many of the following bytes it has no need to see.
    #[inline]
    pub fn chunk<S: Sink<Ticket = K>>(
        &mut self,
        flow: &FlowInfo,
        direction: Direction,
        chunk: &Chunk<'_>,
        sink: &mut S,
    ) -> u64 {
        let reader = &mut self.readers[direction as usize];
        reader.push(chunk, &mut Turn { flow, direction, dialogue: &mut self.dialogue, sink });
        reader.unwanted()
    }

    /// Ends one direction: no more bytes follow in it.
    pub fn finish(&mut self, direction: Direction) {
        self.readers[direction as usize].stop();
    }

    /// Ends the connection: open streams are reported as they are.
    pub fn give_up<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, sink: &mut S) {
        Turn { flow, direction: Direction::Up, dialogue: &mut self.dialogue, sink }.give_up(0);
    }

    /// Frees the buffers and tables: drops unfinished header blocks, all streams but the newest, and the tables of the
    /// header compression.
    pub fn shed<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, sink: &mut S) {
        for direction in [Direction::Up, Direction::Down] {
            let mut turn = Turn { flow, direction, dialogue: &mut self.dialogue, sink };
            self.readers[direction as usize].shed(&mut turn);
            self.dialogue.decoders[direction as usize].lost();
        }
        Turn { flow, direction: Direction::Up, dialogue: &mut self.dialogue, sink }.give_up(1);
    }
}

/// The readers of a client and of a server, by direction.
fn readers(client: Direction, of_client: Reader, of_server: Reader) -> [Reader; 2] {
    if client == Direction::Up { [of_client, of_server] } else { [of_server, of_client] }
}

#[cfg(test)]
#[expect(missing_docs, reason = "tests")]
pub mod tests;

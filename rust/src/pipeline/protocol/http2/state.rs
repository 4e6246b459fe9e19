//! What both directions of a connection share: the streams that are open, and the decoders of header blocks.

use super::hpack::Decoder;
use super::streams::{Stream, Streams};
use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::{Codes, Kept, Method, Protocol};
use crate::pipeline::packet::Timestamp;

/// The state that both directions of a connection share.
#[derive(Debug)]
pub struct Dialogue<K> {
    pub client: Direction,
    pub decoders: [Decoder; 2],
    pub streams: Streams<K>,
    /// Ticket of the newest request.
    pub ticket: Option<K>,
    /// The lowest number of a stream that the client was seen to open: 1 if the beginning was seen. Streams below it are
    /// those of requests that were not seen.
    pub first: u32,
    /// The highest number of a stream that the client was seen to open.
    pub newest: u32,
    /// The highest number of a stream of the client that the server was seen to answer.
    pub answered: u32,
    /// Number of streams that were seen.
    pub seen: u32,
    /// The newest stream that the server has promised.
    pub promised: u32,
    /// For how long the server has sent content, without the current frame.
    pub busy: u64,
    /// When the current frame of content of the server began.
    pub sending: Option<Timestamp>,
    /// The number of holes in each direction.
    pub holes: [u16; 2],
    /// Streams that were reset last, whose responses may be on their way.
    pub reset: [u32; 4],
    pub goaways: [u8; 2],
}

impl<K> Dialogue<K> {
    /// A connection that is seen from its beginning.
    pub fn new(client: Direction) -> Self {
        Self {
            client,
            decoders: [Decoder::new(), Decoder::new()],
            streams: Streams::default(),
            ticket: None,
            first: 1,
            newest: 0,
            answered: 0,
            seen: 0,
            promised: 0,
            busy: 0,
            sending: None,
            holes: [0; 2],
            reset: [0; 4],
            goaways: [0; 2],
        }
    }

    /// A connection that was joined midway.
    pub fn joined(client: Direction) -> Self {
        let decoders = [Decoder::joined(), Decoder::joined()];
        Self { decoders, first: u32::MAX, ..Self::new(client) }
    }

    /// For how long the server has sent content until `ts`.
    pub fn busy_until(&self, ts: Timestamp) -> u64 {
        self.busy.saturating_add(self.sending.map_or(0, |since| ts.since(since)))
    }

    /// Notes that the client has opened a stream.
    pub fn open(&mut self, id: u32) {
        self.newest = self.newest.max(id);
        self.first = self.first.min(id);
    }
}

/// A request that was counted before its connection changed to HTTP/2 (RFC 7540 §3.2): its response comes on stream 1.
#[derive(Clone, Copy, Debug)]
pub struct Upgraded<K> {
    /// Its ticket.
    pub ticket: K,
    /// Request method.
    pub method: Method,
    /// What the sink kept of it.
    pub kept: Kept,
    /// True if it was the first one on its connection.
    pub is_first: bool,
    /// Retransmitted segments of the connection before it.
    pub retransmitted: u16,
    /// When its first byte was seen.
    pub since: Timestamp,
    /// When its last byte was seen.
    pub ended: Timestamp,
    /// Bytes of head and body.
    pub bytes: u64,
}

impl<K: Copy> Dialogue<K> {
    /// A connection that has changed from HTTP/1 to HTTP/2.
    pub fn upgraded(client: Direction, asked: Upgraded<K>) -> Self {
        let Upgraded { ticket, method, kept, is_first, retransmitted, since, ended, bytes } = asked;
        let mut dialogue = Self { ticket: Some(ticket), ..Self::new(client) };
        dialogue.open(1);
        dialogue.seen = 1;
        dialogue.streams.insert(Stream {
            id: 1,
            ticket,
            method,
            protocol: Protocol::Http2,
            has_request: true,
            is_first,
            is_asked: true,
            retransmitted,
            kept,
            since,
            asked: ended,
            busy: 0,
            bytes: [bytes, 0],
            messages: [0; 2],
            contents: Default::default(),
            holes: [0; 2],
            answer: None,
            grpc_status: None,
            announced: None,
            codes: Codes::default(),
        });
        dialogue
    }
}

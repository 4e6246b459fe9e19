//! The streams of a connection that are open: one exchange each, found by the number of the stream.

use crate::pipeline::exchange::{Codes, GrpcStatus, Kept, ListedStream, Method, Protocol, Spoken};
use crate::pipeline::packet::Timestamp;
use crate::pipeline::protocol::content::{Content, READER};
use crate::pipeline::steps;

/// Limit on the streams of a connection that are kept. Servers allow 100 to 256 at a time. Beyond the limit, the older
/// half ends without a response, or without the end of it.
pub const MAX_STREAMS: usize = 1024;

/// Room for streams that an idle connection keeps.
const FEW: usize = 2;

/// The final response of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// Status code; `None` if it is not known.
    pub status: Option<u16>,
    pub latency: Option<u64>,
    /// The part of the latency in which the server sent other streams.
    pub queued: u64,
    pub since: Timestamp,
    /// When its last byte was seen.
    pub ended: Option<Timestamp>,
}

/// A stream, as far as its exchange goes.
#[derive(Debug)]
pub struct Stream<K> {
    pub id: u32,
    pub ticket: K,
    pub method: Method,
    pub protocol: Protocol,
    /// False for a response whose request was not seen.
    pub has_request: bool,
    /// True for the first request of its connection.
    pub is_first: bool,
    /// True if the last byte of the request was seen.
    pub is_asked: bool,
    pub retransmitted: u16,
    pub kept: Kept,
    pub since: Timestamp,
    /// When the newest byte of the request was seen, up to the beginning of the response.
    pub asked: Timestamp,
    /// How long the server had sent content at that time, see `dialogue`.
    pub busy: u64,
    /// Bytes of the request and of the response.
    pub bytes: [u64; 2],
    /// Messages of the request and of the response.
    pub messages: [u32; 2],
    pub contents: [Content; 2],
    /// The number of holes before the position in each content.
    pub holes: [u16; 2],
    pub answer: Option<Answer>,
    pub grpc_status: Option<GrpcStatus>,
    /// The status of gRPC that the call has if no trailers tell another one.
    pub announced: Option<GrpcStatus>,
    /// The codes with which either side has ended it.
    pub codes: Codes,
}

impl<K: Copy> Stream<K> {
    /// What a list shows of it.
    fn listed(&self) -> ListedStream<K> {
        let &Self { id, ticket, kept, method, since, bytes, messages, .. } = self;
        let protocol = match self.protocol {
            Protocol::Grpc => Spoken::Grpc,
            Protocol::WebSocket => Spoken::WebSocket,
            // Only server-sent events have a reader without being gRPC or WebSocket.
            _ if !self.contents[RESPONSE].is_opaque() => Spoken::Events,
            _ => Spoken::Http2,
        };
        let status = self.answer.and_then(|answer| answer.status);
        ListedStream { id, ticket, kept, method, protocol, since, status, bytes, messages }
    }
}

/// Index of what belongs to the request, and of what belongs to the response.
pub const REQUEST: usize = 0;
pub const RESPONSE: usize = 1;

/// The open streams of a connection, in no order.
#[derive(Debug)]
pub struct Streams<K> {
    /// The number of each stream of `list`: few bytes to search.
    ids: Vec<u32>,
    list: Vec<Stream<K>>,
    /// Where the stream was that was looked for last.
    newest: usize,
}

impl<K> Default for Streams<K> {
    fn default() -> Self {
        Self { ids: Vec::new(), list: Vec::new(), newest: 0 }
    }
}

/// Number of streams that are compared at once.
const LANES: usize = 16;

impl<K> Streams<K> {
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.ids.len() >= MAX_STREAMS
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Finds a stream.
    #[inline]
    fn find(&self, id: u32) -> Option<usize> {
        if self.ids.get(self.newest) == Some(&id) {
            return Some(self.newest);
        }
        let (lanes, rest) = self.ids.as_chunks::<LANES>();
        steps::add(lanes.len() + 1);
        // All lanes are compared at once, without a branch.
        let has = |lane: &[u32; LANES]| lane.iter().fold(0, |found, &one| found | u8::from(one == id)) != 0;
        match lanes.iter().position(has) {
            Some(lane) => {
                let at = lanes[lane].iter().position(|&one| one == id)?;
                Some(lane * LANES + at)
            }
            None => Some(lanes.len() * LANES + rest.iter().position(|&one| one == id)?),
        }
    }

    #[inline]
    pub fn get_mut(&mut self, id: u32) -> Option<&mut Stream<K>> {
        let at = self.find(id)?;
        self.newest = at;
        self.list.get_mut(at)
    }

    pub fn has(&self, id: u32) -> bool {
        self.find(id).is_some()
    }

    /// Adds a stream whose number is not in use.
    #[inline]
    pub fn insert(&mut self, stream: Stream<K>) {
        if self.list.capacity() == 0 {
            self.keep_few();
        }
        self.newest = self.ids.len();
        self.ids.push(stream.id);
        self.list.push(stream);
    }

    /// Removes a stream, after a last look at it.
    #[inline]
    pub fn end(&mut self, id: u32, look: impl FnOnce(&Stream<K>)) {
        let Some(at) = self.find(id) else { return };
        look(&self.list[at]);
        self.ids.swap_remove(at);
        // A stream is large, and nearly always the last one.
        let last = self.list.len() - 1;
        if at != last {
            self.list.swap(at, last);
        }
        self.list.truncate(last);
        if self.ids.is_empty() && self.list.capacity() > FEW {
            // A connection that is idle keeps little.
            self.keep_few();
        }
    }

    fn keep_few(&mut self) {
        (self.ids, self.list) = (Vec::with_capacity(FEW), Vec::with_capacity(FEW));
    }

    /// The numbers of all streams for which `wanted` is true, the lowest first.
    pub fn ids(&self, wanted: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut ids: Vec<u32> = self.ids.iter().copied().filter(|&id| wanted(id)).collect();
        ids.sort_unstable();
        ids
    }

    /// The `most` oldest streams, the oldest first.
    pub fn oldest(&self, most: usize) -> Vec<ListedStream<K>>
    where
        K: Copy,
    {
        steps::add(self.list.len());
        let mut oldest: Vec<&Stream<K>> = self.list.iter().collect();
        let age = |stream: &&Stream<K>| (stream.since, stream.id);
        if oldest.len() > most {
            oldest.select_nth_unstable_by_key(most, age);
            oldest.truncate(most);
        }
        oldest.sort_unstable_by_key(age);
        oldest.into_iter().map(Stream::listed).collect()
    }

    /// Frees memory that is not used.
    pub fn shrink(&mut self) {
        self.ids.shrink_to_fit();
        self.list.shrink_to_fit();
    }

    /// Bytes of memory for streams, and for readers of their contents.
    #[inline]
    pub fn held(&self) -> usize {
        self.ids.capacity() * size_of::<u32>()
            + self.list.capacity() * size_of::<Stream<K>>()
            + self.list.len() * 2 * READER
    }
}

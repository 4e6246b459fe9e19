//! How a connection comes to speak HTTP/2: what it may speak instead, until that is decided.

use super::http1::Http1;
use super::http2::{Http2, Midway, Step, Upgraded};
use super::reader::{Input, Known, Reader};
use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::{Inside, ListedStream, Note, Protocol, Sink};
use crate::pipeline::flow::FlowInfo;

/// A connection whose client speaks HTTP/2. Until the server has shown that it does so as well, it may answer in HTTP/1,
/// for example with an error.
#[derive(Debug)]
pub struct Streamed<K> {
    pub(super) http2: Http2<K>,
    pub(super) plain: Option<Box<Http1<K>>>,
    /// True if the server has answered in HTTP/1, so that `plain` reads on.
    pub(super) is_refused: bool,
}

impl<K: Copy + PartialEq> Streamed<K> {
    fn of(http2: Http2<K>, plain: Option<Box<Http1<K>>>) -> Self {
        Self { http2, plain, is_refused: false }
    }

    /// A connection that is seen from its preface. `plain` reads the answer of a server that speaks HTTP/1.
    pub fn begun(client: Direction, plain: Box<Http1<K>>) -> Self {
        Self::of(Http2::new(client), Some(plain))
    }

    /// A connection behind the response 101.
    pub fn upgraded(client: Direction, asked: Upgraded<K>) -> Self {
        Self::of(Http2::upgraded(client, asked), None)
    }
}

impl<K: Copy + PartialEq> Reader<K> for Streamed<K> {
    fn known(&self) -> Known<K> {
        let (client, ticket) = (self.http2.client(), self.http2.ticket());
        Known { protocol: Some(Protocol::Http2), client: Some(client), ticket }
    }

    fn inside(&self) -> Inside {
        let (streams, open_streams) = self.http2.streams();
        Inside { streams, open_streams, ..Inside::default() }
    }

    fn oldest_streams(&self, most: usize) -> Vec<ListedStream<K>> {
        self.http2.oldest_streams(most)
    }

    fn is_waiting(&self) -> bool {
        self.http2.is_waiting()
    }

    fn held(&self) -> usize {
        self.http2.held() + self.plain.as_ref().map_or(0, |plain| plain.held())
    }

    #[inline]
    fn take<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, input: Input<'_>, sink: &mut S) -> u64 {
        match input {
            Input::Chunk(direction, chunk) => {
                if direction != self.http2.client()
                    && let Some(mut plain) = self.plain.take()
                {
                    // A frame that a server may send first begins with a zero.
                    if chunk.skipped == 0 && chunk.bytes.first().is_some_and(|&byte| byte != 0) {
                        self.http2.give_up(flow, sink);
                        let unwanted = plain.chunk(flow, direction, chunk, sink);
                        (self.plain, self.is_refused) = (Some(plain), true);
                        return unwanted;
                    }
                    plain.give_up(flow, sink);
                }
                return self.http2.chunk(flow, direction, &chunk, sink);
            }
            Input::Finish(direction, _) => self.http2.finish(direction),
            Input::GiveUp => {
                self.http2.give_up(flow, sink);
                self.plain.iter_mut().for_each(|plain| plain.give_up(flow, sink));
            }
            Input::Shed(_) => self.http2.shed(flow, sink),
        }
        0
    }
}

/// A connection that has shown what may be frames of HTTP/2. They are kept for the moment; HTTP/1 reads the rest.
#[derive(Debug)]
pub struct Undecided<K> {
    /// What is kept; `None` once it is decided that the connection does not speak HTTP/2.
    pub(super) midway: Option<Midway>,
    pub(super) plain: Box<Http1<K>>,
    /// Set once it is decided that the connection speaks HTTP/2.
    pub(super) http2: Option<Box<Streamed<K>>>,
}

impl<K: Copy + PartialEq> Undecided<K> {
    /// A connection that `plain` has read so far.
    pub fn new(plain: Box<Http1<K>>) -> Self {
        Self { midway: Some(Midway::default()), plain, http2: None }
    }

    /// True if either reader reads on alone.
    pub fn is_decided(&self) -> bool {
        self.midway.is_none()
    }

    /// Decides for HTTP/1, which reads what was kept.
    fn decide_for_http1<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, sink: &mut S) {
        if let Some(midway) = self.midway.take() {
            midway.replay(|direction, chunk| {
                self.plain.chunk(flow, direction, chunk, sink);
            });
        }
    }

    /// Decides for HTTP/2. Returns how many of the following bytes it has no need to see.
    fn decide_for_http2<S: Sink<Ticket = K>>(
        &mut self,
        flow: &FlowInfo,
        client: Direction,
        direction: Direction,
        sink: &mut S,
    ) -> u64 {
        sink.note(Note::Protocol(Protocol::Http2));
        let mut http2 = Http2::joined(client);
        let mut unwanted = [0; 2];
        if let Some(midway) = self.midway.take() {
            midway.replay(|direction, chunk| {
                unwanted[direction as usize] = http2.chunk(flow, direction, &chunk, sink);
            });
        }
        self.http2 = Some(Box::new(Streamed::of(http2, None)));
        unwanted[direction as usize]
    }
}

impl<K: Copy + PartialEq> Reader<K> for Undecided<K> {
    fn known(&self) -> Known<K> {
        self.plain.known()
    }

    fn is_waiting(&self) -> bool {
        self.plain.is_waiting()
    }

    fn held(&self) -> usize {
        self.midway.as_ref().map_or(0, Midway::held) + self.plain.held()
    }

    #[cold]
    fn take<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, input: Input<'_>, sink: &mut S) -> u64 {
        let step = match (&input, &mut self.midway) {
            (Input::Chunk(direction, chunk), Some(midway)) => midway.take(flow, *direction, chunk),
            _ => Step::GivenUp,
        };
        match (step, input) {
            (Step::Kept, _) => 0,
            (Step::Passed, input) => {
                let unwanted = self.plain.take(flow, input, sink);
                if self.plain.protocol().is_some_and(|protocol| protocol != Protocol::Http2) {
                    self.decide_for_http1(flow, sink);
                }
                unwanted
            }
            (Step::Recognised(client), Input::Chunk(direction, _)) => {
                self.decide_for_http2(flow, client, direction, sink)
            }
            (Step::GivenUp | Step::Recognised(_), input) => {
                self.decide_for_http1(flow, sink);
                self.plain.take(flow, input, sink)
            }
        }
    }
}

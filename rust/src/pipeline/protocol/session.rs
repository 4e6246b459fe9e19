//! The state of one connection: which protocol it speaks, and which protocol is nested inside another. There may be
//! millions of connections, and nearly all of them are at rest. An active connection has a reader with buffers; a
//! connection at rest keeps little more than its newest ticket.
//!
//! Every connection begins as one that may speak HTTP/1. When `http1` finds another protocol (see `recognise`), it
//! returns the bytes read so far, and [`Session::turn_into`] chooses the reader that continues.

use super::http1::{Asked, Found, Http1, Switched, Waiting};
use super::http2::{Http2, Midway, Step, Upgraded};
use super::tls::{Decryption, Tls};
use super::websocket::WebSocket;
use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::{Closed, Inside, Note, Protocol, Sink};
use crate::pipeline::flow::FlowInfo;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::reassembly::Chunk;

#[cfg(test)]
use super::frames::{self, Frames};

/// The protocol of a connection, with the state that its reader needs.
#[derive(Debug, Default)]
pub enum Session<K> {
    /// No payload was seen yet.
    #[default]
    Silent,
    /// The connection speaks HTTP/1, or may still do so.
    Http1(Box<Http1<K>>),
    /// The connection speaks HTTP/1, and no request waits. Most connections are in this state most of the time.
    Idle {
        /// The direction of the requests.
        client: Direction,
        /// Ticket of the newest request.
        ticket: K,
    },
    /// As [`Session::Idle`], with one request that waits for its response. While few connections are open, such a
    /// connection stays [`Session::Http1`] instead.
    Asked(Box<Asked<K>>),
    /// The connection speaks TLS, and its handshake is being read.
    Tls(Box<Secured<K>>),
    /// The connection speaks HTTP/2.
    Http2(Box<Streamed<K>>),
    /// The connection may speak HTTP/2, whose beginning was not seen.
    Midway(Box<Undecided<K>>),
    /// The connection speaks TLS, and its secrets are known or may come. `Sessions` reads it, because decryption needs
    /// what the connections of a worker share.
    Secure(Box<Secure<K>>),
    /// The connection speaks the protocol of the tests, which has frames and streams.
    #[cfg(test)]
    Frames(Box<Frames<K>>),
    /// The connection has changed from HTTP/1 to WebSocket.
    WebSocket(Box<WebSocket<K>>),
    /// The connection speaks another protocol and is not read any more.
    Opaque(Protocol),
}

/// A connection that speaks TLS in one direction. The other side may still answer in HTTP/1, for example with an error.
#[derive(Debug)]
pub struct Secured<K> {
    tls: Tls,
    /// Reads what the other side sends, until that is TLS as well.
    pub plain: Option<Box<Http1<K>>>,
}

impl<K: Copy + PartialEq> Secured<K> {
    /// Bytes of buffers that the connection keeps outside its own struct.
    pub fn held(&self) -> usize {
        self.tls.held() + self.plain.as_ref().map_or(0, |plain| plain.held())
    }
}

/// A connection whose client speaks HTTP/2. Until the server has shown that it does so as well, it may answer in HTTP/1,
/// for example with an error.
#[derive(Debug)]
pub struct Streamed<K> {
    pub(super) http2: Http2<K>,
    plain: Option<Box<Http1<K>>>,
}

/// A connection that has shown what may be frames of HTTP/2. They are kept for the moment; HTTP/1 reads the rest.
#[derive(Debug)]
pub struct Undecided<K> {
    midway: Midway,
    plain: Box<Http1<K>>,
}

/// A connection that speaks TLS and is decrypted, with the session of its plaintext.
#[derive(Debug)]
pub struct Secure<K> {
    /// Decrypts the connection.
    pub tls: Decryption,
    /// The first bytes of the connection, until `Sessions` reads them.
    pub first: Option<Box<[u8]>>,
    /// Reads the `ClientHello`, until it has ended.
    pub hello: Option<Box<Tls>>,
    /// Reads the answer of a server that does not speak TLS, until the server has spoken. Stays if TLS began inside of an
    /// HTTP/1 connection.
    pub plain: Option<Box<Http1<K>>>,
    /// The session of the plaintext.
    pub inner: Session<K>,
    /// True if the connection waits for secrets, and the table of connections knows it.
    pub is_listed: bool,
}

impl<K: Copy + PartialEq> Secure<K> {
    fn new(client: Direction, first: &[u8], plain: Box<Http1<K>>) -> Self {
        Self {
            tls: Decryption::new(client),
            first: Some(first.into()),
            hello: Some(Box::new(Tls::new(client))),
            plain: Some(plain),
            inner: Session::Silent,
            is_listed: false,
        }
    }

    /// True if these are the first bytes of a server that does not speak TLS.
    pub fn is_refused(&self, direction: Direction, bytes: &[u8]) -> bool {
        let is_record = bytes.first().is_none_or(|kind| (20..=23).contains(kind));
        direction != self.tls.client() && !is_record && self.plain.is_some() && self.tls.is_unanswered()
    }

    /// Bytes of buffers beside those of the inner session.
    pub fn held(&self) -> usize {
        self.tls.held()
            + self.first.as_ref().map_or(0, |first| first.len())
            + self.hello.as_ref().map_or(0, |hello| hello.held())
            + self.plain.as_ref().map_or(0, |plain| plain.held())
    }

    /// What is known: of the plaintext or, before there is any, of what encloses it.
    fn known(&self) -> Known<K> {
        let inner = self.inner.known();
        let plain = self.plain.as_ref();
        Known {
            protocol: inner.protocol.or(plain.and_then(|plain| plain.protocol())).or(Some(Protocol::Tls)),
            client: inner.client.or(plain.and_then(|plain| plain.client())).or(Some(self.tls.client())),
            ticket: inner.ticket.or(plain.and_then(|plain| plain.ticket())),
        }
    }
}

/// What is known about a connection; each field is `None` until it is known.
pub struct Known<K> {
    /// The protocol that the connection speaks.
    pub protocol: Option<Protocol>,
    /// The direction of the requests.
    pub client: Option<Direction>,
    /// Ticket of the newest request.
    pub ticket: Option<K>,
}

impl<K: Copy + PartialEq> Session<K> {
    /// True if the connection is at rest: it has no reader until its next payload opens one.
    pub fn is_at_rest(&self) -> bool {
        matches!(self, Self::Silent | Self::Idle { .. } | Self::Asked(_))
    }

    /// True if a request waits for its response.
    pub fn is_waiting(&self) -> bool {
        match self {
            Self::Http1(http1) => http1.is_waiting(),
            Self::Asked(_) => true,
            Self::Tls(secured) => secured.plain.as_ref().is_some_and(|plain| plain.is_waiting()),
            Self::Http2(streamed) => streamed.http2.is_waiting(),
            Self::Midway(undecided) => undecided.plain.is_waiting(),
            Self::Secure(secure) => {
                secure.inner.is_waiting() || secure.plain.as_ref().is_some_and(|plain| plain.is_waiting())
            }
            #[cfg(test)]
            Self::Frames(frames) => frames.is_waiting(),
            Self::WebSocket(websocket) => !websocket.is_over(),
            Self::Silent | Self::Idle { .. } | Self::Opaque(_) => false,
        }
    }

    /// Returns what is known about the connection.
    pub fn known(&self) -> Known<K> {
        let of = |http1: &Http1<K>| (http1.protocol(), http1.client(), http1.ticket());
        let (protocol, client, ticket) = match self {
            Self::Silent => (None, None, None),
            Self::Http1(http1) => of(http1),
            Self::Idle { client, ticket } => (Some(Protocol::Http1), Some(*client), Some(*ticket)),
            Self::Asked(asked) => (Some(Protocol::Http1), Some(asked.client), Some(asked.ticket())),
            Self::Tls(secured) => secured.plain.as_ref().map_or((Some(Protocol::Tls), None, None), |plain| of(plain)),
            Self::Http2(streamed) => (Some(Protocol::Http2), Some(streamed.http2.client()), streamed.http2.ticket()),
            Self::Midway(undecided) => of(&undecided.plain),
            Self::Secure(secure) => return secure.known(),
            Self::WebSocket(websocket) => (Some(Protocol::WebSocket), Some(websocket.client), Some(websocket.ticket)),
            #[cfg(test)]
            Self::Frames(frames) => (Some(Protocol::Other), Some(frames.client()), frames.ticket()),
            Self::Opaque(protocol) => (Some(*protocol), None, None),
        };
        Known { protocol, client, ticket }
    }

    /// What a list shows beside what is [`Self::known`].
    pub fn inside(&self) -> Inside {
        match self {
            Self::Http2(streamed) => {
                let (streams, open_streams) = streamed.http2.streams();
                Inside { streams, open_streams, ..Inside::default() }
            }
            Self::Secure(secure) => Inside { is_tls: secure.inner.known().protocol.is_some(), ..secure.inner.inside() },
            _ => Inside::default(),
        }
    }

    /// Bytes of buffers that the connection keeps outside its own struct.
    #[inline]
    pub fn held(&self) -> usize {
        if let Self::Http1(http1) = self { http1.held() } else { self.held_beyond_http1() }
    }

    #[inline(never)]
    fn held_beyond_http1(&self) -> usize {
        match self {
            Self::Http1(http1) => http1.held(),
            Self::Tls(secured) => secured.held(),
            Self::Http2(streamed) => streamed.http2.held() + streamed.plain.as_ref().map_or(0, |plain| plain.held()),
            Self::Midway(undecided) => undecided.midway.held() + undecided.plain.held(),
            Self::Secure(secure) => secure.held() + secure.inner.held(),
            #[cfg(test)]
            Self::Frames(frames) => frames.held(),
            Self::Silent | Self::Idle { .. } | Self::Asked(_) | Self::WebSocket(_) | Self::Opaque(_) => 0,
        }
    }

    /// Takes a chunk of a connection that is not at rest. `decrypts` is true if the secrets of TLS connections are known
    /// or may come. Returns how many of the following bytes it has no need to see.
    #[inline]
    pub fn chunk<S: Sink<Ticket = K>>(
        &mut self,
        flow: &FlowInfo,
        direction: Direction,
        chunk: Chunk<'_>,
        decrypts: bool,
        sink: &mut S,
    ) -> u64 {
        if let Self::Http1(http1) = self
            && http1.protocol().is_none()
            && Midway::may_begin(flow, direction, &chunk)
        {
            self.doubt();
        }
        let unwanted = self.read(flow, direction, chunk, sink);
        if let Some(found) = self.take_found() {
            let kept = self.decide(flow, sink, found.protocol == Protocol::Http2);
            if self.turn_into(&found, direction, decrypts) {
                if let Self::Tls(_) = self {
                    let is_hello = found.bytes.first() == Some(&22) && found.bytes.get(5).is_none_or(|&kind| kind == 1);
                    sink.note(Note::Closed(if is_hello { Closed::NoKey } else { Closed::JoinedMidway }));
                }
                if let Some(midway) = kept {
                    midway.replay(|direction, chunk| {
                        self.read(flow, direction, chunk, sink);
                    });
                }
                let so_far = Chunk { skipped: 0, cut: false, bytes: &found.bytes, ..chunk };
                return self.read(flow, direction, so_far, sink);
            }
        }
        unwanted
    }

    /// Takes the other protocol that HTTP/1 has recognised since the last call, if any.
    #[inline]
    fn take_found(&mut self) -> Option<Box<Found<K>>> {
        match self {
            Self::Http1(http1) => http1.take_found(),
            Self::Midway(undecided) => undecided.plain.take_found(),
            _ => None,
        }
    }

    /// From now on keeps what may be frames of HTTP/2.
    #[cold]
    fn doubt(&mut self) {
        *self = match std::mem::take(self) {
            Self::Http1(plain) => Self::Midway(Box::new(Undecided { midway: Midway::default(), plain })),
            other => other,
        };
    }

    /// Goes back to HTTP/1 from a connection that may speak HTTP/2. What was kept is returned if it is needed, else
    /// HTTP/1 reads it.
    fn decide<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, sink: &mut S, is_needed: bool) -> Option<Midway> {
        if !matches!(self, Self::Midway(_)) {
            return None;
        }
        match std::mem::take(self) {
            Self::Midway(undecided) => {
                let Undecided { midway, mut plain } = *undecided;
                let mut kept = Some(midway);
                if !is_needed && let Some(midway) = kept.take() {
                    midway.replay(|direction, chunk| {
                        plain.chunk(flow, direction, chunk, sink);
                    });
                }
                *self = Self::Http1(plain);
                kept
            }
            other => {
                *self = other;
                None
            }
        }
    }

    /// Takes a chunk of a connection that may speak HTTP/2.
    #[cold]
    fn read_midway<S: Sink<Ticket = K>>(
        &mut self,
        flow: &FlowInfo,
        direction: Direction,
        chunk: Chunk<'_>,
        sink: &mut S,
    ) -> u64 {
        let Self::Midway(undecided) = self else { return 0 };
        match undecided.midway.take(flow, direction, &chunk) {
            Step::Kept => {}
            Step::Passed => {
                let unwanted = undecided.plain.chunk(flow, direction, chunk, sink);
                if undecided.plain.protocol().is_some_and(|protocol| protocol != Protocol::Http2) {
                    self.decide(flow, sink, false);
                }
                return unwanted;
            }
            Step::GivenUp => {
                self.decide(flow, sink, false);
                return self.read(flow, direction, chunk, sink);
            }
            Step::Recognised(client) => {
                sink.note(Note::Protocol(Protocol::Http2));
                if let Some(midway) = self.decide(flow, sink, true) {
                    *self = Self::Http2(Box::new(Streamed { http2: Http2::joined(client), plain: None }));
                    let mut unwanted = [0; 2];
                    midway.replay(|direction, chunk| {
                        unwanted[direction as usize] = self.read(flow, direction, chunk, sink);
                    });
                    return unwanted[direction as usize];
                }
            }
        }
        0
    }

    /// Takes a chunk of a connection whose client speaks HTTP/2.
    #[inline]
    fn read_http2<S: Sink<Ticket = K>>(
        &mut self,
        flow: &FlowInfo,
        direction: Direction,
        chunk: Chunk<'_>,
        sink: &mut S,
    ) -> u64 {
        let Self::Http2(streamed) = self else { return 0 };
        if streamed.plain.is_some()
            && direction != streamed.http2.client()
            && let Some(mut plain) = streamed.plain.take()
        {
            // A frame that a server may send first begins with a zero.
            if chunk.skipped == 0 && chunk.bytes.first().is_some_and(|&byte| byte != 0) {
                streamed.http2.give_up(flow, sink);
                *self = Self::Http1(plain);
                return self.read(flow, direction, chunk, sink);
            }
            plain.give_up(flow, sink);
        }
        streamed.http2.chunk(flow, direction, &chunk, sink)
    }

    /// Lets the reader of the protocol take a chunk.
    #[inline]
    fn read<S: Sink<Ticket = K>>(
        &mut self,
        flow: &FlowInfo,
        direction: Direction,
        chunk: Chunk<'_>,
        sink: &mut S,
    ) -> u64 {
        match self {
            Self::Http1(http1) => http1.chunk(flow, direction, chunk, sink),
            Self::Http2(_) => self.read_http2(flow, direction, chunk, sink),
            Self::Midway(_) => self.read_midway(flow, direction, chunk, sink),
            Self::Tls(secured) if secured.tls.is_spoken(direction) => {
                if !secured.tls.push(flow, &chunk, sink) {
                    self.leave_tls();
                }
                0
            }
            Self::Tls(secured) => {
                let Some(plain) = &mut secured.plain else { return u64::MAX };
                let unwanted = plain.chunk(flow, direction, chunk, sink);
                // A third protocol on the same connection has no reader; its first bytes are not kept.
                plain.take_found();
                unwanted
            }
            #[cfg(test)]
            Self::Frames(frames) => frames.chunk(flow, direction, chunk, sink),
            Self::Secure(_) => 0,
            Self::WebSocket(websocket) => websocket.chunk(direction, &chunk, sink),
            Self::Silent | Self::Idle { .. } | Self::Asked(_) | Self::Opaque(_) => u64::MAX,
        }
    }

    /// Switches to the protocol that the first bytes show. Returns whether there is a reader for that protocol; if not,
    /// the session stays as it is.
    #[cold]
    fn turn_into(&mut self, found: &Found<K>, direction: Direction, decrypts: bool) -> bool {
        if let Some(switched) = &found.switched {
            *self = Self::switched(switched);
            return true;
        }
        match (found.protocol, std::mem::take(self)) {
            (Protocol::Tls, Self::Http1(plain)) if decrypts => {
                *self = Self::Secure(Box::new(Secure::new(direction, &found.bytes, plain)));
            }
            (Protocol::Tls, Self::Http1(plain)) => {
                *self = Self::Tls(Box::new(Secured { tls: Tls::new(direction), plain: Some(plain) }));
            }
            (Protocol::Http2, Self::Http1(plain)) => {
                *self = Self::Http2(Box::new(Streamed { http2: Http2::new(direction), plain: Some(plain) }));
            }
            #[cfg(test)]
            (Protocol::Other, _) if found.bytes.starts_with(frames::PREFACE) => {
                *self = Self::Frames(Box::new(Frames::new(direction)));
            }
            (_, same) => {
                *self = same;
                return false;
            }
        }
        true
    }

    /// A connection behind the response 101, which changed its protocol.
    fn switched(switched: &Switched<K>) -> Self {
        let &Switched { ticket, client, first, is_client_known, asked } = switched;
        let Some(asked) = asked else {
            return Self::WebSocket(Box::new(WebSocket::new(client, ticket, first, is_client_known)));
        };
        let Waiting { method, kept, is_first, retransmitted, since, ended, bytes, .. } = asked;
        let ended = ended.unwrap_or(since);
        let asked = Upgraded { ticket, method, kept, is_first, retransmitted, since, ended, bytes };
        Self::Http2(Box::new(Streamed { http2: Http2::upgraded(client, asked), plain: None }))
    }

    /// Ends one direction: no more bytes follow in it.
    pub fn finish<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, direction: Direction, ts: Timestamp, sink: &mut S) {
        self.decide(flow, sink, false);
        match self {
            Self::Http1(http1) => http1.finish(flow, direction, ts, sink),
            Self::Http2(streamed) => streamed.http2.finish(direction),
            Self::Tls(secured) => secured.plain.iter_mut().for_each(|plain| plain.finish(flow, direction, ts, sink)),
            #[cfg(test)]
            Self::Frames(_) => {}
            Self::Secure(_)
            | Self::WebSocket(_)
            | Self::Silent
            | Self::Idle { .. }
            | Self::Asked(_)
            | Self::Midway(_)
            | Self::Opaque(_) => {}
        }
    }

    /// Ends the connection: requests that still wait are reported as unanswered.
    pub fn give_up<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, sink: &mut S) {
        self.decide(flow, sink, false);
        match self {
            Self::Http1(http1) => http1.give_up(flow, sink),
            Self::Tls(secured) => secured.plain.iter_mut().for_each(|plain| plain.give_up(flow, sink)),
            Self::Http2(streamed) => {
                streamed.http2.give_up(flow, sink);
                if let Some(plain) = &mut streamed.plain {
                    plain.give_up(flow, sink);
                }
            }
            #[cfg(test)]
            Self::Frames(frames) => frames.give_up(flow, sink),
            Self::Secure(_)
            | Self::WebSocket(_)
            | Self::Silent
            | Self::Idle { .. }
            | Self::Asked(_)
            | Self::Midway(_)
            | Self::Opaque(_) => {}
        }
    }

    /// Frees the buffers of the connection: a TLS hello, unfinished heads, and the waiting requests except the newest.
    pub fn shed<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, ts: Timestamp, sink: &mut S) {
        self.leave_tls();
        self.decide(flow, sink, false);
        match self {
            Self::Http1(http1) => http1.shed(flow, ts, sink),
            Self::Http2(streamed) => streamed.http2.shed(flow, sink),
            #[cfg(test)]
            Self::Frames(frames) => frames.give_up(flow, sink),
            _ => {}
        }
    }

    /// Returns the HTTP/1 reader of a session that has ended, so that its memory is used again; `None` if there is
    /// none.
    pub fn into_http1(self) -> Option<Box<Http1<K>>> {
        match self {
            Self::Http1(http1) => Some(http1),
            Self::Tls(secured) => secured.plain,
            Self::Http2(streamed) => streamed.plain,
            Self::Midway(undecided) => Some(undecided.plain),
            _ => None,
        }
    }

    /// Goes back to HTTP/1 when the handshake has ended. HTTP/1 does not read the direction that speaks TLS.
    fn leave_tls(&mut self) {
        *self = match std::mem::take(self) {
            Self::Tls(secured) => secured.plain.map_or(Self::Opaque(Protocol::Tls), Self::Http1),
            other => other,
        };
    }
}

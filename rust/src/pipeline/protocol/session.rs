//! The state of one connection: which protocol it speaks, and which protocol is nested inside another. There may be
//! millions of connections, and nearly all of them are at rest. An active connection has a reader with buffers; a
//! connection at rest keeps little more than its newest ticket.
//!
//! Every connection begins as one that may speak HTTP/1. When `http1` finds another protocol (see `recognise`), it
//! returns the bytes read so far, and [`Session::turn_into`] chooses the reader that continues.

use super::http1::{Asked, Found, Http1, Switched, Waiting};
use super::http2::{Midway, Upgraded};
use super::reader::{Input, Known, Reader, Unread};
use super::secured::Secured;
use super::streamed::{Streamed, Undecided};
use super::websocket::WebSocket;
use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::{Inside, ListedStream, Protocol, Sink};
use crate::pipeline::flow::FlowInfo;
use crate::pipeline::reassembly::Chunk;

#[cfg(test)]
use super::frames::{self, Frames};

/// The protocol of a connection, with the state that its reader needs.
#[derive(Debug)]
pub enum Session<K> {
    /// The connection is at rest: it has no reader until its next payload opens one.
    AtRest(Rest<K>),
    /// The connection speaks HTTP/1, or may still do so.
    Http1(Box<Http1<K>>),
    /// The connection may speak HTTP/2, whose beginning was not seen.
    Midway(Box<Undecided<K>>),
    /// The connection speaks HTTP/2.
    Http2(Box<Streamed<K>>),
    /// The connection speaks TLS.
    Tls(Box<Secured<K, Self>>),
    /// The connection has changed from HTTP/1 to WebSocket.
    WebSocket(Box<WebSocket<K>>),
    /// The connection speaks the protocol of the tests, which has frames and streams.
    #[cfg(test)]
    Frames(Box<Frames<K>>),
    /// The connection speaks another protocol and is not read any more.
    Opaque(Unread),
}

/// A connection at rest.
#[derive(Debug)]
pub enum Rest<K> {
    /// No payload was seen yet.
    Silent,
    /// The connection speaks HTTP/1, and no request waits. Most connections are in this state most of the time.
    Idle {
        /// The direction of the requests.
        client: Direction,
        /// Ticket of the newest request.
        ticket: K,
    },
    /// As [`Rest::Idle`], with one request that waits for its response. While few connections are open, such a
    /// connection stays [`Session::Http1`] instead.
    Asked(Box<Asked<K>>),
}

impl<K> Default for Session<K> {
    fn default() -> Self {
        Self::AtRest(Rest::Silent)
    }
}

impl<K: Copy> Reader<K> for Rest<K> {
    #[inline]
    fn known(&self) -> Known<K> {
        let (client, ticket) = match self {
            Self::Silent => return Known { protocol: None, client: None, ticket: None },
            Self::Idle { client, ticket } => (*client, *ticket),
            Self::Asked(asked) => (asked.client, asked.ticket()),
        };
        Known { protocol: Some(Protocol::Http1), client: Some(client), ticket: Some(ticket) }
    }

    #[inline]
    fn is_waiting(&self) -> bool {
        matches!(self, Self::Asked(_))
    }
}

/// A connection behind the response 101, which changed its protocol.
impl<K: Copy + PartialEq> From<&Switched<K>> for Session<K> {
    fn from(switched: &Switched<K>) -> Self {
        let &Switched { ticket, client, first, is_client_known, asked, answered } = switched;
        let asked = match (asked, answered) {
            (Some(asked), None) => asked,
            (asked, answered) => {
                let opened = asked.zip(answered);
                return Self::WebSocket(Box::new(WebSocket::new(client, ticket, first, is_client_known, opened)));
            }
        };
        let Waiting { method, kept, is_first, retransmitted, since, ended, bytes, .. } = asked;
        let ended = ended.unwrap_or(since);
        let asked = Upgraded { ticket, method, kept, is_first, retransmitted, since, ended, bytes };
        Self::Http2(Box::new(Streamed::upgraded(client, asked)))
    }
}

impl<K: Copy + PartialEq> Session<K> {
    /// What reads the connection.
    fn reader(&self) -> &dyn Reader<K> {
        match self {
            Self::AtRest(rest) => rest,
            Self::Http1(http1) => &**http1,
            Self::Midway(undecided) => &**undecided,
            Self::Http2(streamed) => &**streamed,
            Self::Tls(secured) => &**secured,
            Self::WebSocket(websocket) => &**websocket,
            #[cfg(test)]
            Self::Frames(frames) => &**frames,
            Self::Opaque(unread) => unread,
        }
    }
}

impl<K: Copy + PartialEq> Reader<K> for Session<K> {
    #[inline]
    fn known(&self) -> Known<K> {
        match self {
            Self::AtRest(rest) => rest.known(),
            Self::Http1(http1) => http1.known(),
            other => other.reader().known(),
        }
    }

    fn inside(&self) -> Inside {
        self.reader().inside()
    }

    fn oldest_streams(&self, most: usize) -> Vec<ListedStream<K>> {
        self.reader().oldest_streams(most)
    }

    #[inline]
    fn is_waiting(&self) -> bool {
        match self {
            Self::AtRest(rest) => rest.is_waiting(),
            Self::Http1(http1) => http1.is_waiting(),
            other => other.reader().is_waiting(),
        }
    }

    #[inline]
    fn held(&self) -> usize {
        if let Self::Http1(http1) = self { http1.held() } else { self.reader().held() }
    }

    #[inline]
    fn take<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, input: Input<'_>, sink: &mut S) -> u64 {
        let unwanted = match self {
            Self::AtRest(_) | Self::Opaque(_) => return u64::MAX,
            Self::Http1(http1) => return http1.take(flow, input, sink),
            Self::Midway(undecided) => undecided.take(flow, input, sink),
            Self::Http2(streamed) => streamed.take(flow, input, sink),
            Self::Tls(secured) => secured.take(flow, input, sink),
            Self::WebSocket(websocket) => websocket.take(flow, input, sink),
            #[cfg(test)]
            Self::Frames(frames) => frames.take(flow, input, sink),
        };
        self.go_on();
        unwanted
    }
}

impl<K: Copy + PartialEq> Session<K> {
    /// Takes a chunk of a connection that is not at rest. Returns how many of the following bytes it has no need to see.
    #[inline]
    pub fn chunk<S: Sink<Ticket = K>>(
        &mut self,
        flow: &FlowInfo,
        direction: Direction,
        chunk: Chunk<'_>,
        sink: &mut S,
    ) -> u64 {
        match self {
            // Most chunks are of HTTP/1, so that way is the shortest.
            Self::Http1(http1) if http1.protocol().is_some() => return http1.chunk(flow, direction, chunk, sink),
            Self::Http1(_) if Midway::may_begin(flow, direction, &chunk) => self.doubt(),
            _ => {}
        }
        self.take(flow, Input::Chunk(direction, chunk), sink)
    }

    /// From now on keeps what may be frames of HTTP/2.
    #[cold]
    fn doubt(&mut self) {
        *self = match std::mem::take(self) {
            Self::Http1(plain) => Self::Midway(Box::new(Undecided::new(plain))),
            other => other,
        };
    }

    /// Changes to the reader that the current one has decided for, if it has.
    #[inline]
    pub fn go_on(&mut self) {
        let is_over = match self {
            Self::Midway(undecided) => undecided.is_decided(),
            Self::Http2(streamed) => streamed.is_refused,
            Self::Tls(secured) => secured.is_over(),
            _ => false,
        };
        if is_over {
            self.change();
        }
    }

    #[cold]
    fn change(&mut self) {
        *self = match std::mem::take(self) {
            Self::Midway(undecided) => {
                let Undecided { plain, http2, .. } = *undecided;
                http2.map_or(Self::Http1(plain), Self::Http2)
            }
            Self::Http2(streamed) => streamed.plain.map_or_else(Self::default, Self::Http1),
            Self::Tls(secured) => Self::Opaque(Unread { protocol: Protocol::Tls, closed: secured.closed }),
            other => other,
        };
    }

    /// Takes the other protocol that HTTP/1 has recognised since the last call, if any.
    #[inline]
    pub fn take_found(&mut self) -> Option<Box<Found<K>>> {
        match self {
            Self::Http1(http1) => http1.take_found(),
            Self::Midway(undecided) => undecided.plain.take_found(),
            _ => None,
        }
    }

    /// Switches to the protocol that the first bytes show. `decrypts` is true if the secrets of TLS connections are known
    /// or may come. Returns whether there is a reader for that protocol; if not, the session stays as it is. What was
    /// kept while HTTP/2 was in doubt comes back in `kept`, and has to be read first.
    #[cold]
    pub fn turn_into(
        &mut self,
        found: &Found<K>,
        direction: Direction,
        decrypts: bool,
        kept: &mut Option<Midway>,
    ) -> bool {
        if let Some(switched) = &found.switched {
            *self = Self::from(switched);
            return true;
        }
        let plain = match std::mem::take(self) {
            Self::Http1(plain) => plain,
            Self::Midway(undecided) => {
                *kept = undecided.midway;
                undecided.plain
            }
            other => {
                *self = other;
                return false;
            }
        };
        *self = match found.protocol {
            Protocol::Tls => Self::Tls(Box::new(Secured::new(direction, plain, decrypts))),
            Protocol::Http2 => Self::Http2(Box::new(Streamed::begun(direction, plain))),
            #[cfg(test)]
            Protocol::Other if found.bytes.starts_with(frames::PREFACE) => {
                Self::Frames(Box::new(Frames::new(direction)))
            }
            _ => {
                *self = Self::Http1(plain);
                return false;
            }
        };
        true
    }

    /// Ends the connection: requests that still wait are reported as unanswered.
    pub fn give_up<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, sink: &mut S) {
        self.take(flow, Input::GiveUp, sink);
        // The response 101 may have been read only now.
        if let Some(switched) = self.take_found().and_then(|found| found.switched) {
            Self::from(&switched).take(flow, Input::GiveUp, sink);
        }
    }

    /// Returns the HTTP/1 reader of a session that has ended, so that its memory is used again; `None` if there is
    /// none.
    pub fn into_http1(self) -> Option<Box<Http1<K>>> {
        match self {
            Self::Http1(http1) => Some(http1),
            Self::Midway(undecided) => Some(undecided.plain),
            Self::Http2(streamed) => streamed.plain,
            Self::Tls(secured) => secured.plain,
            _ => None,
        }
    }
}

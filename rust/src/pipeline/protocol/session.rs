//! The state of one connection: which protocol it speaks, and what is nested inside what. As much is kept as is needed: all of
//! it while something is said, a few words at rest. There may be millions of connections, nearly all of them at rest.
//!
//! Every connection begins as one that may speak HTTP/1. Where `http1` finds another protocol (`recognise`), the bytes so
//! far come here, and [`Session::turn_into`] decides who reads on.

use super::http1::{Asked, Found, Http1};
use super::tls::Tls;
use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::{Protocol, Sink};
use crate::pipeline::flow::FlowInfo;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::reassembly::Chunk;

#[cfg(test)]
use super::frames::{self, Frames};

/// A connection, as much of it as is needed.
#[derive(Debug, Default)]
pub enum Session<K> {
    /// Nothing was said yet.
    #[default]
    Silent,
    /// It speaks HTTP/1, or may.
    Http1(Box<Http1<K>>),
    /// It speaks HTTP/1, and all that was asked is answered. Most connections are so, most of the time.
    Idle {
        /// The direction of its requests.
        client: Direction,
        /// Of its newest request.
        ticket: K,
    },
    /// The same, but for a request that waits for its response. Where few do, they stay [`Session::Http1`].
    Asked(Box<Asked<K>>),
    /// It speaks TLS, and the client's hello is being read.
    Tls(Box<Secured<K>>),
    /// A protocol of the tests, with frames and streams.
    #[cfg(test)]
    Frames(Box<Frames<K>>),
    /// It speaks something else, and is not looked at again.
    Opaque(Protocol),
}

/// A connection that speaks TLS in one direction. The other one may still answer in HTTP/1 that it does not.
#[derive(Debug)]
pub struct Secured<K> {
    tls: Tls,
    plain: Box<Http1<K>>,
}

/// What is known of a connection.
pub struct Known<K> {
    /// What it speaks.
    pub protocol: Option<Protocol>,
    /// The direction of its requests.
    pub client: Option<Direction>,
    /// Of its newest request.
    pub ticket: Option<K>,
}

impl<K: Copy + PartialEq> Session<K> {
    /// It is opened by what is said next.
    pub fn is_at_rest(&self) -> bool {
        matches!(self, Self::Silent | Self::Idle { .. } | Self::Asked(_))
    }

    /// A request waits for its response.
    pub fn is_waiting(&self) -> bool {
        match self {
            Self::Http1(http1) => http1.is_waiting(),
            Self::Asked(_) => true,
            Self::Tls(secured) => secured.plain.is_waiting(),
            #[cfg(test)]
            Self::Frames(frames) => frames.is_waiting(),
            Self::Silent | Self::Idle { .. } | Self::Opaque(_) => false,
        }
    }

    /// What is known of it.
    pub fn known(&self) -> Known<K> {
        let of = |http1: &Http1<K>| (http1.protocol(), http1.client(), http1.ticket());
        let (protocol, client, ticket) = match self {
            Self::Silent => (None, None, None),
            Self::Http1(http1) => of(http1),
            Self::Idle { client, ticket } => (Some(Protocol::Http1), Some(*client), Some(*ticket)),
            Self::Asked(asked) => (Some(Protocol::Http1), Some(asked.client), Some(asked.ticket())),
            Self::Tls(secured) => of(&secured.plain),
            #[cfg(test)]
            Self::Frames(frames) => (Some(Protocol::Other), Some(frames.client()), frames.ticket()),
            Self::Opaque(protocol) => (Some(*protocol), None, None),
        };
        Known { protocol, client, ticket }
    }

    /// Bytes kept beside the connection itself.
    pub fn held(&self) -> usize {
        match self {
            Self::Http1(http1) => http1.held(),
            Self::Tls(secured) => secured.tls.held() + secured.plain.held(),
            #[cfg(test)]
            Self::Frames(frames) => frames.held(),
            Self::Silent | Self::Idle { .. } | Self::Asked(_) | Self::Opaque(_) => 0,
        }
    }

    /// Takes a chunk of a connection that is not at rest. Returns how many bytes are not wanted behind it.
    pub fn chunk<S: Sink<Ticket = K>>(
        &mut self,
        flow: &FlowInfo,
        direction: Direction,
        chunk: Chunk<'_>,
        sink: &mut S,
    ) -> u64 {
        let unwanted = match self {
            Self::Http1(http1) => http1.chunk(flow, direction, chunk, sink),
            Self::Tls(secured) if secured.tls.is_spoken(direction) => {
                if !secured.tls.push(Some(chunk.bytes).filter(|_| chunk.skipped == 0), sink) {
                    self.leave_tls();
                }
                0
            }
            Self::Tls(secured) => secured.plain.chunk(flow, direction, chunk, sink),
            #[cfg(test)]
            Self::Frames(frames) => frames.chunk(flow, direction, chunk, sink),
            Self::Silent | Self::Idle { .. } | Self::Asked(_) | Self::Opaque(_) => u64::MAX,
        };
        if let Self::Http1(http1) = self
            && let Some(found) = http1.take_found()
            && self.turn_into(&found, direction)
        {
            let so_far = Chunk { skipped: 0, cut: false, bytes: &found.bytes, ..chunk };
            return self.chunk(flow, direction, so_far, sink);
        }
        unwanted
    }

    /// The connection speaks another protocol from its first bytes on. True if there is somebody to read it.
    #[cold]
    fn turn_into(&mut self, found: &Found, direction: Direction) -> bool {
        match (found.protocol, std::mem::take(self)) {
            (Protocol::Tls, Self::Http1(plain)) => {
                *self = Self::Tls(Box::new(Secured { tls: Tls::new(direction), plain }));
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

    /// One direction is over.
    pub fn finish<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, direction: Direction, ts: Timestamp, sink: &mut S) {
        match self {
            Self::Http1(http1) => http1.finish(flow, direction, ts, sink),
            Self::Tls(secured) => secured.plain.finish(flow, direction, ts, sink),
            #[cfg(test)]
            Self::Frames(_) => {}
            Self::Silent | Self::Idle { .. } | Self::Asked(_) | Self::Opaque(_) => {}
        }
    }

    /// The connection is over: requests that wait are not answered any more.
    pub fn give_up<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, sink: &mut S) {
        match self {
            Self::Http1(http1) => http1.give_up(flow, sink),
            Self::Tls(secured) => secured.plain.give_up(flow, sink),
            #[cfg(test)]
            Self::Frames(frames) => frames.give_up(flow, sink),
            Self::Silent | Self::Idle { .. } | Self::Asked(_) | Self::Opaque(_) => {}
        }
    }

    /// Gives up what is kept beside the connection.
    pub fn shed<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, ts: Timestamp, sink: &mut S) {
        self.leave_tls();
        match self {
            Self::Http1(http1) => http1.shed(flow, ts, sink),
            #[cfg(test)]
            Self::Frames(frames) => frames.give_up(flow, sink),
            _ => {}
        }
    }

    /// The memory of a connection that is not used any more, if it is of a kind that is used again.
    pub fn into_http1(self) -> Option<Box<Http1<K>>> {
        match self {
            Self::Http1(http1) => Some(http1),
            Self::Tls(secured) => Some(secured.plain),
            _ => None,
        }
    }

    /// The hello is over: what follows it in this direction is not read.
    fn leave_tls(&mut self) {
        *self = match std::mem::take(self) {
            Self::Tls(secured) => Self::Http1(secured.plain),
            other => other,
        };
    }
}

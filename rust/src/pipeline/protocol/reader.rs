//! What all readers of a connection have in common, whichever protocol they read.

use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::{Closed, Inside, ListedStream, Protocol, Sink};
use crate::pipeline::flow::FlowInfo;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::reassembly::Chunk;

/// What is known about a connection; each field is `None` until it is known.
#[derive(Debug)]
pub struct Known<K> {
    /// The protocol that the connection speaks.
    pub protocol: Option<Protocol>,
    /// The direction of the requests.
    pub client: Option<Direction>,
    /// Ticket of the newest request.
    pub ticket: Option<K>,
}

/// What happens to a connection.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The next bytes of a direction.
    Chunk(Direction, Chunk<'a>),
    /// No more bytes follow in a direction.
    Finish(Direction, Timestamp),
    /// The connection ends: requests that still wait are reported as unanswered.
    GiveUp,
    /// All connections together keep too many bytes, so this one frees its buffers: a TLS hello, unfinished heads, and
    /// the waiting requests except the newest.
    Shed(Timestamp),
}

/// Reads a connection that speaks one protocol.
pub trait Reader<K> {
    /// What is known about the connection.
    fn known(&self) -> Known<K>;

    /// What a list shows beside what is [`Self::known`].
    fn inside(&self) -> Inside {
        Inside::default()
    }

    /// The `most` oldest open streams, the oldest first.
    fn oldest_streams(&self, _most: usize) -> Vec<ListedStream<K>> {
        Vec::new()
    }

    /// True if a request waits for its response.
    fn is_waiting(&self) -> bool {
        false
    }

    /// Bytes of buffers that the connection keeps outside its own struct.
    fn held(&self) -> usize {
        0
    }

    /// Takes what happens next. Returns how many of the following bytes of that direction it has no need to see.
    fn take<S: Sink<Ticket = K>>(&mut self, _flow: &FlowInfo, _event: Input<'_>, _sink: &mut S) -> u64
    where
        Self: Sized,
    {
        u64::MAX
    }
}

/// A connection that is named and not read.
#[derive(Clone, Copy, Debug)]
pub struct Unread {
    /// Its protocol.
    pub protocol: Protocol,
    /// Why it stays encrypted, if it is.
    pub closed: Option<Closed>,
}

impl<K> Reader<K> for Unread {
    fn known(&self) -> Known<K> {
        Known { protocol: Some(self.protocol), client: None, ticket: None }
    }

    fn inside(&self) -> Inside {
        Inside { closed: self.closed, ..Inside::default() }
    }
}

//! What the connections of a worker share: the memory of those that are open, and a bound on what they keep.

use super::http1::{Asked, Http1};
use super::session::Session;

/// Bytes kept for unfinished heads, TLS hellos and pipelined requests by all connections of a worker together. One that
/// asks for more gives up its own.
pub const MAX_HELD: usize = 64 * 1024 * 1024;

/// Connections that came to rest and whose memory waits for the next one to go on: more than take turns in a moment. Of
/// those that are open, fewer than that stay so while they wait for a response: half a megabyte, which stays in a cache.
pub(super) const MAX_SPARE: usize = 1024;

/// Places of requests that were answered, kept for the next ones: as many as a busy proxy has, some 6 MB.
const MAX_PLACES: usize = 65_536;

/// What the connections of a worker share.
#[derive(Debug)]
pub struct Shared<K> {
    spare: Vec<Box<Http1<K>>>,
    pub(super) places: Vec<Box<Asked<K>>>,
    /// Connections that are open.
    pub(super) opened: usize,
    held: usize,
    max_held: usize,
}

impl<K: Copy + PartialEq> Default for Shared<K> {
    fn default() -> Self {
        Self::new(MAX_HELD)
    }
}

impl<K: Copy + PartialEq> Shared<K> {
    /// Nothing yet, with a bound on the bytes kept.
    pub fn new(max_held: usize) -> Self {
        Self { spare: Vec::new(), places: Vec::new(), opened: 0, held: 0, max_held }
    }

    /// A connection at rest says something.
    pub fn open(&mut self, session: Session<K>) -> Box<Http1<K>> {
        self.opened += 1;
        if let Session::Silent = session {
            let mut http1 = self.spare.pop().unwrap_or_default();
            http1.begin();
            return http1;
        }
        let mut http1 = self.spare.pop().unwrap_or_else(|| Box::new(Http1::resumed()));
        match session {
            Session::Idle { client, ticket } => http1.go_on(client, ticket),
            Session::Asked(asked) => {
                http1.go_on_waiting(*asked);
                if self.places.len() < MAX_PLACES {
                    self.places.push(asked);
                }
            }
            _ => {}
        }
        http1
    }

    /// A connection that kept so many bytes keeps so many now.
    #[inline]
    pub fn account(&mut self, before: usize, after: usize) {
        self.held += after;
        self.held -= before;
    }

    /// Bytes kept by all connections.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// More is kept than may be.
    pub fn is_full(&self) -> bool {
        self.held > self.max_held
    }

    /// How a connection rests, if it comes to rest.
    pub fn rest(&mut self, http1: &Http1<K>) -> Option<Session<K>> {
        if let Some((client, ticket)) = http1.at_rest() {
            return Some(Session::Idle { client, ticket });
        }
        if let Some(protocol) = http1.stopped() {
            return Some(Session::Opaque(protocol));
        }
        if self.opened < MAX_SPARE {
            return None;
        }
        let asked = http1.asked()?;
        let Some(mut place) = self.places.pop() else { return Some(Session::Asked(Box::new(asked))) };
        *place = asked;
        Some(Session::Asked(place))
    }

    /// A connection is not open any more.
    pub fn close(&mut self, session: Session<K>) {
        self.opened -= 1;
        self.held -= session.held();
        let Some(mut http1) = session.into_http1() else { return };
        if self.spare.len() < MAX_SPARE {
            http1.settle();
            self.spare.push(http1);
        }
    }
}

//! What the connections of a worker share: the readers of open connections, which are used again, and a limit on the
//! bytes that all of them keep.

use std::sync::Arc;

use super::http1::{Asked, Http1};
use super::reader::{Reader, Unread};
use super::session::{Rest, Session};
use super::tls::Crypt;
use super::tls::keys::Keys;

/// Limit on the bytes that all connections of a worker together keep for unfinished heads, TLS hellos and pipelined
/// requests. Above the limit, the connection of each new chunk frees its own buffers.
pub const MAX_HELD: usize = 64 * 1024 * 1024;

/// Limit on the readers kept for reuse after their connections came to rest; fewer connections than that are active at
/// the same moment. While fewer connections than this are open, those that wait for a response stay open as well. They
/// take half a megabyte together, which stays in the CPU cache.
pub(super) const MAX_SPARE: usize = 1024;

/// Limit on the boxes of [`Asked`] kept for reuse after their requests were answered: as many as a busy proxy needs,
/// about 6 MB.
const MAX_PLACES: usize = 65_536;

/// The memory that the connections of a worker share.
#[derive(Debug)]
pub struct Shared<K> {
    spare: Vec<Box<Http1<K>>>,
    pub(super) places: Vec<Box<Asked<K>>>,
    /// Number of open connections: those with a reader.
    pub(super) opened: usize,
    held: usize,
    max_held: usize,
    /// Secrets of TLS connections.
    pub keys: Arc<Keys>,
    /// What TLS connections are decrypted with; `None` while one is decrypted.
    pub(super) crypt: Option<Box<Crypt>>,
    /// True if the current connection has begun to wait for its secrets.
    pub(super) has_stalled: bool,
}

impl<K: Copy + PartialEq> Default for Shared<K> {
    fn default() -> Self {
        Self::new(MAX_HELD)
    }
}

impl<K: Copy + PartialEq> Shared<K> {
    /// Keeps nothing yet; `max_held` limits the bytes that connections may keep.
    pub fn new(max_held: usize) -> Self {
        let (spare, places, keys, crypt) = Default::default();
        Self { spare, places, opened: 0, held: 0, max_held, keys, crypt, has_stalled: false }.decrypting()
    }

    /// Decrypts with the current key store.
    fn decrypting(mut self) -> Self {
        self.crypt = Some(Box::new(Crypt::new(self.keys.clone())));
        self
    }

    /// As by default, with the secrets of TLS connections.
    pub fn with_keys(keys: Arc<Keys>) -> Self {
        Self { keys, ..Self::default() }.decrypting()
    }

    /// Opens a connection at rest: returns a reader in the state that `rest` describes.
    pub fn open(&mut self, rest: Rest<K>) -> Box<Http1<K>> {
        self.opened += 1;
        if let Rest::Silent = rest {
            let mut http1 = self.spare.pop().unwrap_or_default();
            http1.begin();
            return http1;
        }
        let mut http1 = self.spare.pop().unwrap_or_else(|| Box::new(Http1::resumed()));
        match rest {
            Rest::Silent => {}
            Rest::Idle { client, ticket } => http1.go_on(client, ticket),
            Rest::Asked(asked) => {
                http1.go_on_waiting(*asked);
                if self.places.len() < MAX_PLACES {
                    self.places.push(asked);
                }
            }
        }
        http1
    }

    /// Notes that a connection keeps `after` bytes, where it kept `before`.
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

    /// True if the connections keep more bytes than the limit allows.
    pub fn is_full(&self) -> bool {
        self.held > self.max_held
    }

    /// Returns the small state of a connection that comes to rest, or `None` if it stays open.
    pub fn rest(&mut self, http1: &Http1<K>) -> Option<Session<K>> {
        if let Some((client, ticket)) = http1.at_rest() {
            return Some(Session::AtRest(Rest::Idle { client, ticket }));
        }
        if let Some(protocol) = http1.stopped() {
            return Some(Session::Opaque(Unread { protocol, closed: None }));
        }
        if self.opened < MAX_SPARE {
            return None;
        }
        let asked = http1.asked()?;
        let Some(mut place) = self.places.pop() else { return Some(Session::AtRest(Rest::Asked(Box::new(asked)))) };
        *place = asked;
        Some(Session::AtRest(Rest::Asked(place)))
    }

    /// Takes back what a connection that has ended was read with.
    pub fn close(&mut self, session: Session<K>) {
        let held = session.held();
        if let Some(http1) = session.into_http1() {
            self.held -= held - http1.held();
            self.put_back(http1);
        } else {
            self.opened -= 1;
            self.held -= held;
        }
    }

    /// Takes back the HTTP/1 reader of a connection that has come to rest.
    pub fn put_back(&mut self, mut http1: Box<Http1<K>>) {
        self.opened -= 1;
        self.held -= http1.held();
        if self.spare.len() < MAX_SPARE {
            http1.settle();
            self.spare.push(http1);
        }
    }
}

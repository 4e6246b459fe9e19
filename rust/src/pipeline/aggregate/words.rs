//! Keeps what the list of exchanges shows of requests and no row counts: the path and, if the settings ask for it, the
//! user agent. They are kept from the head of a request until its exchange is listed.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::HashTable;

use crate::pipeline::exchange::{Kept, Request};
use crate::pipeline::name;
use crate::pipeline::snapshot::UNKNOWN;

/// Most requests of one worker whose words are kept while they wait for their response. Traffic with more waiting
/// requests has too many exchanges to read one by one. The words take about 25 MB at most.
const MAX_KEPT: usize = 65_536;

/// Most texts that are kept for sharing. Requests with equal texts share one copy, and most requests repeat a text.
const MAX_SHARED: usize = 8_192;

/// The words of one request: what the list of exchanges shows of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    pub path: Arc<str>,
    /// Empty if the request has none, or if the settings do not ask for it.
    pub user_agent: Arc<str>,
}

/// The words of all requests that wait for their response.
#[derive(Debug, Default)]
pub struct Hoard {
    kept: Vec<Words>,
    free: Vec<u32>,
    shared: HashTable<Arc<str>>,
    empty: Arc<str>,
    // Strangers choose the paths, so the hash has a random seed.
    hasher: foldhash::fast::RandomState,
    /// The text being looked up. A field so that its memory is reused.
    text: Vec<u8>,
}

impl Hoard {
    /// Keeps the words of a request. Returns [`Kept::NOTHING`] if there is no place for them.
    pub fn keep(&mut self, request: &Request<'_>, user_agents: bool) -> Kept {
        if self.free.is_empty() && self.kept.len() >= MAX_KEPT {
            return Kept::NOTHING;
        }
        let words = Words { path: self.path(request), user_agent: self.user_agent(request, user_agents) };
        let slot = self.free.pop().unwrap_or(self.kept.len() as u32);
        match self.kept.get_mut(slot as usize) {
            Some(place) => *place = words,
            None => self.kept.push(words),
        }
        Kept(slot)
    }

    /// Takes the words of a request. `None` if there was no place for them.
    pub fn take(&mut self, kept: Kept) -> Option<Words> {
        let words = std::mem::take(self.kept.get_mut(kept.0 as usize)?);
        self.free.push(kept.0);
        Some(words)
    }

    /// The words of a request, which stay. `None` if there was no place for them.
    pub fn get(&self, kept: Kept) -> Option<&Words> {
        self.kept.get(kept.0 as usize)
    }

    /// Frees the place of the words of a request that nobody wants. They are dropped when the place is used again.
    pub fn free(&mut self, kept: Kept) {
        if (kept.0 as usize) < self.kept.len() {
            self.free.push(kept.0);
        }
    }

    /// Drops the words of all requests.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.free.clear();
    }

    fn path(&mut self, request: &Request<'_>) -> Arc<str> {
        let &Request { target, is_cut, host, .. } = request;
        self.text.clear();
        name::path_into(&mut self.text, target, request.opens_tunnel(), host, is_cut);
        if self.text.is_empty() {
            self.text.extend_from_slice(UNKNOWN.as_bytes());
        }
        self.share()
    }

    fn user_agent(&mut self, request: &Request<'_>, is_wanted: bool) -> Arc<str> {
        let value = if is_wanted { request.fields.first(b"user-agent") } else { None };
        let Some(value) = value else { return self.empty.clone() };
        self.text.clear();
        name::product_into(&mut self.text, value);
        self.share()
    }

    /// Returns `self.text` as a shared text: the known copy if there is one, else a new copy.
    fn share(&mut self) -> Arc<str> {
        let Self { shared, hasher, text, .. } = self;
        let hash = hasher.hash_one(&**text);
        if let Some(known) = shared.find(hash, |known| known.as_bytes() == &**text) {
            return known.clone();
        }
        if shared.len() >= MAX_SHARED {
            shared.clear();
        }
        let made: Arc<str> = name::as_text(text).into();
        shared.insert_unique(hash, made.clone(), |known| hasher.hash_one(known.as_bytes()));
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::decode::{Direction, Endpoint, FlowKey};
    use crate::pipeline::exchange::{Method, Protocol, Sides};
    use crate::pipeline::packet::InterfaceId;
    use crate::pipeline::protocol::http1::FieldLines;

    const END: Endpoint = Endpoint { address: std::net::Ipv6Addr::LOCALHOST, port: 80 };
    const KEY: &FlowKey = &FlowKey { low: END, high: END, lane: 0 };

    const FIELDS: &FieldLines<'_> = &FieldLines(b"Host: h\r\nUSER-AGENT : curl/8.5\r\nUser-Agent: other\r\n\r\n");

    fn request(target: &str) -> Request<'_> {
        let method = Method::from_bytes(b"GET");
        let sides = Sides { connection: KEY, asks: Direction::Up, interface: InterfaceId(0) };
        Request {
            protocol: Protocol::Http1,
            method,
            target: target.as_bytes(),
            is_cut: false,
            host: Some(b"h"),
            fields: FIELDS,
            sides,
            bytes: 0,
        }
    }

    #[test]
    fn what_is_kept_is_taken_once_and_its_place_is_used_again() {
        let mut hoard = Hoard::default();
        let [one, two] = ["/a", "/b"].map(|target| hoard.keep(&request(target), true));
        assert_eq!(hoard.take(two).unwrap(), Words { path: "/b".into(), user_agent: "curl".into() });
        let three = hoard.keep(&request("/c"), false);
        assert_eq!(three, two);
        assert_eq!(hoard.take(three).unwrap(), Words { path: "/c".into(), user_agent: "".into() });
        assert_eq!(&*hoard.take(one).unwrap().path, "/a");
    }

    #[test]
    fn those_who_say_the_same_share_it() {
        let mut hoard = Hoard::default();
        let kept = ["/a", "/a"].map(|target| hoard.keep(&request(target), true));
        let [one, two] = kept.map(|kept| hoard.take(kept).unwrap());
        assert!(Arc::ptr_eq(&one.path, &two.path) && Arc::ptr_eq(&one.user_agent, &two.user_agent));
    }

    #[test]
    fn what_is_kept_and_what_is_shared_is_bounded() {
        let mut hoard = Hoard::default();
        for at in 0..MAX_KEPT {
            assert_ne!(hoard.keep(&request(&format!("/{at}")), false), Kept::NOTHING);
            assert!(hoard.shared.len() <= MAX_SHARED);
        }
        assert_eq!(hoard.keep(&request("/"), false), Kept::NOTHING);
        assert_eq!(hoard.take(Kept::NOTHING), None);
        assert_eq!(&*hoard.take(Kept(7)).unwrap().path, "/7");
        assert_eq!(hoard.keep(&request("/"), false), Kept(7));
    }
}

//! A connection that speaks TLS: what it shows from outside, its decryption, and the session of its plaintext.

use super::http1::{Http1, Switched};
use super::reader::{Input, Known, Reader};
use super::tls::{Decryption, Tls};
use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::{Closed, Inside, ListedStream, Protocol, Sink};
use crate::pipeline::flow::FlowInfo;

/// A connection that speaks TLS, at least in one direction. `I` is the session of its plaintext. `Sessions` decrypts,
/// because that needs what the connections of a worker share.
#[derive(Debug)]
pub struct Secured<K, I> {
    /// The direction that was found to speak TLS.
    speaker: Direction,
    /// Reads the hello of the client and the end of its handshake, until these were seen.
    outside: Option<Box<Tls>>,
    /// Decrypts the connection; `None` if no secrets are known, and none may come.
    pub decryption: Option<Box<Decryption>>,
    /// Reads the answer of a server that does not speak TLS, until the server has spoken. Stays if TLS began inside of an
    /// HTTP/1 connection.
    pub plain: Option<Box<Http1<K>>>,
    /// The session of the plaintext.
    pub inner: I,
    /// Why the connection, or the rest of it, stays encrypted.
    pub closed: Option<Closed>,
    /// True if the connection waits for secrets, and the table of connections knows it.
    pub is_listed: bool,
}

impl<K, I> Secured<K, I> {
    /// A connection that speaks TLS in the direction of `speaker`.
    pub fn new(speaker: Direction, plain: Box<Http1<K>>, decrypts: bool) -> Self
    where
        I: Default,
    {
        Self {
            speaker,
            outside: Some(Box::new(Tls::new(speaker))),
            decryption: decrypts.then(|| Box::new(Decryption::new(speaker))),
            plain: Some(plain),
            inner: I::default(),
            closed: None,
            is_listed: false,
        }
    }

    /// True if these are the first bytes of a server that does not speak TLS, on a connection that is decrypted.
    pub fn is_refused(&self, direction: Direction, bytes: &[u8]) -> bool {
        let is_record = bytes.first().is_none_or(|kind| (20..=23).contains(kind));
        let is_unanswered = self.decryption.as_ref().is_some_and(|decryption| decryption.is_unanswered());
        direction != self.speaker && !is_record && self.plain.is_some() && is_unanswered
    }
}

impl<K: Copy + PartialEq, I: Reader<K>> Secured<K, I> {
    /// True if nothing is left to read, and no plaintext was read.
    pub fn is_over(&self) -> bool {
        let is_closed = self.decryption.as_ref().is_none_or(|decryption| decryption.is_closed());
        self.outside.is_none() && self.plain.is_none() && is_closed && self.inner.known().protocol.is_none()
    }
}

impl<K, I> Reader<K> for Secured<K, I>
where
    K: Copy + PartialEq,
    I: Reader<K> + for<'a> From<&'a Switched<K>>,
{
    /// What is known of the plaintext or, before there is any, of what encloses it.
    fn known(&self) -> Known<K> {
        let inner = self.inner.known();
        let plain = self.plain.as_ref().map(|plain| plain.known());
        let plain = plain.unwrap_or(Known { protocol: None, client: None, ticket: None });
        let client = self.decryption.as_ref().map(|decryption| decryption.client());
        Known {
            protocol: inner.protocol.or(plain.protocol).or(Some(Protocol::Tls)),
            client: inner.client.or(plain.client).or(client),
            ticket: inner.ticket.or(plain.ticket),
        }
    }

    fn inside(&self) -> Inside {
        let is_tls = self.inner.known().protocol.is_some();
        Inside { is_tls, closed: self.closed, ..self.inner.inside() }
    }

    fn oldest_streams(&self, most: usize) -> Vec<ListedStream<K>> {
        self.inner.oldest_streams(most)
    }

    fn is_waiting(&self) -> bool {
        self.inner.is_waiting() || self.plain.as_ref().is_some_and(|plain| plain.is_waiting())
    }

    /// Bytes of buffers beside those of the inner session.
    fn held(&self) -> usize {
        self.decryption.as_ref().map_or(0, |decryption| decryption.held())
            + self.outside.as_ref().map_or(0, |outside| outside.held())
            + self.plain.as_ref().map_or(0, |plain| plain.held())
    }

    /// Takes what happens outside of the encryption.
    fn take<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, input: Input<'_>, sink: &mut S) -> u64 {
        match input {
            Input::Chunk(direction, chunk) if direction == self.speaker => {
                let closed = self.closed;
                self.outside.take_if(|outside| !outside.push(flow, &chunk, closed, sink));
                return if self.is_over() { u64::MAX } else { 0 };
            }
            Input::Chunk(direction, chunk) => {
                self.outside.take_if(|outside| !outside.answer(flow, &chunk, sink));
                // The answer of a server is plaintext only if `is_refused` says so.
                if self.decryption.is_some() {
                    return 0;
                }
                let awaits = self.outside.as_ref().is_some_and(|outside| outside.awaits_answer());
                let Some(plain) = &mut self.plain else { return if awaits { 0 } else { u64::MAX } };
                let unwanted = plain.chunk(flow, direction, chunk, sink);
                // A third protocol on the same connection has no reader; its first bytes are not kept.
                if let Some(switched) = plain.take_found().and_then(|found| found.switched) {
                    I::from(&switched).take(flow, Input::GiveUp, sink);
                }
                return if awaits { 0 } else { unwanted };
            }
            Input::Shed(_) => self.outside = None,
            Input::Finish(..) | Input::GiveUp => {}
        }
        self.plain.iter_mut().for_each(|plain| {
            plain.take(flow, input, sink);
        });
        0
    }
}

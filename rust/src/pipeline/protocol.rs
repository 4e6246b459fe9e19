//! Parses the protocols that connections speak: the bytes of both directions come in; requests, responses and exchanges
//! go out. No other module parses a protocol.
//!
//! A response answers a request; in HTTP/1, responses come in the order of the requests (RFC 9112 §9.3.2). An interim
//! response ends no exchange, a response without a request is an orphan, and a request without a response is
//! unanswered. The [`Sink`] returns a ticket for each request and gets it back with everything that belongs to that
//! request.

mod events;
mod forwarded;
#[cfg(test)]
mod frames;
mod grpc_web;
pub mod http1;
pub mod http2;
pub mod quic;
mod recognise;
pub mod session;
mod shared;
pub mod tls;
pub mod websocket;

pub use session::Session;
pub use shared::{MAX_HELD, Shared};

use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::{Closed, Listed, Note, Protocol, Sink};
use crate::pipeline::flow::{Consumer, Cover, FlowId, FlowInfo, Observed, Told, Watched};
use crate::pipeline::packet::Timestamp;
use crate::pipeline::reassembly::Chunk;
use session::{Known, Secure};
use tls::{Crypt, Decryption, Outlet};

/// The stage: a [`Consumer`] of connections that feeds a [`Sink`].
#[derive(Debug)]
pub struct Sessions<'a, S: Sink> {
    /// Where requests, responses and notes are counted.
    pub sink: &'a mut S,
    /// Memory that the connections of this worker share.
    pub shared: &'a mut Shared<S::Ticket>,
}

impl<S: Sink> Consumer for Sessions<'_, S> {
    type State = Session<S::Ticket>;
    /// The protocol of the connection, once that is known.
    type Verdict = Option<Protocol>;

    fn began(&mut self, flow: &FlowInfo) {
        self.sink.began(&flow.key);
    }

    fn chunk(&mut self, flow: &FlowInfo, state: &mut Self::State, direction: Direction, chunk: Chunk<'_>) -> u64 {
        if state.is_at_rest() {
            *state = Session::Http1(self.shared.open(std::mem::take(state)));
        }
        if let Session::Http1(http1) = state
            && let Some(unwanted) = http1.pass(flow, direction, &chunk, self.sink)
        {
            return unwanted;
        }
        if let Session::Secure(_) = state {
            return self.secure_chunk(flow, state, direction, chunk);
        }
        let before = state.held();
        let decrypts = self.shared.keys.is_expected() && !flow.cover.is_tls();
        let unwanted = state.chunk(flow, direction, chunk, decrypts, self.sink);
        self.shared.account(before, state.held());
        if let Session::Secure(secure) = state
            && let Some(first) = secure.first.take()
        {
            self.shared.account(first.len(), 0);
            let chunk = Chunk { skipped: 0, cut: false, bytes: &first, ..chunk };
            return self.secure_chunk(flow, state, direction, chunk);
        }
        if self.shared.is_full() {
            let before = state.held();
            state.shed(flow, chunk.ts, self.sink);
            self.shared.account(before, state.held());
        }
        if let Session::Tls(secured) = state
            && let Some(plain) = secured.plain.take_if(|plain| plain.stopped().is_some())
        {
            self.shared.put_back(plain);
        }
        if let Session::Http1(http1) = state
            && let Some(rest) = self.shared.rest(http1)
            && let Session::Http1(http1) = std::mem::replace(state, rest)
        {
            self.shared.put_back(http1);
        }
        unwanted
    }

    fn finished(&mut self, flow: &FlowInfo, state: &mut Self::State, direction: Direction, ts: Timestamp) {
        if let Session::Secure(secure) = state {
            self.with_crypt(flow, secure, |tls, crypt, out| tls.finish(direction, ts, crypt, out));
            if let Some(plain) = &mut secure.plain {
                let before = plain.held();
                plain.finish(flow, direction, ts, self.sink);
                self.shared.account(before, plain.held());
            }
            return;
        }
        let before = state.held();
        state.finish(flow, direction, ts, self.sink);
        self.shared.account(before, state.held());
    }

    fn is_waiting(&self, state: &Self::State) -> bool {
        state.is_waiting()
    }

    fn observed(&mut self, flow: &FlowInfo, state: &Self::State, segment: &Observed) -> Option<Protocol> {
        let Known { protocol, client, ticket } = state.known();
        let from_client = flow.is_client(client, segment.direction);
        self.sink.observe(ticket, segment, from_client);
        if protocol == Some(Protocol::Tls) && segment.bytes > 0 {
            self.sink.secured_bytes(&flow.key, from_client, segment.bytes.into());
        }
        protocol
    }

    fn ended(&mut self, flow: &FlowInfo, state: Self::State) {
        self.wind_up(flow, state);
        self.shared.has_stalled = false;
        self.sink.ended(&flow.key);
    }

    fn take_stalled(&mut self) -> bool {
        std::mem::take(&mut self.shared.has_stalled)
    }

    fn retry(&mut self, flow: &FlowInfo, state: &mut Self::State, now: Timestamp) -> bool {
        let Session::Secure(secure) = state else { return false };
        self.with_crypt(flow, secure, |tls, crypt, out| tls.retry(now, crypt, out));
        secure.is_listed = secure.tls.is_waiting();
        secure.is_listed
    }

    fn told(&mut self) -> Told {
        self.sink.told()
    }

    fn settled(&mut self, id: FlowId, is_over: bool) {
        self.sink.settled(id, is_over);
    }

    fn listed(&mut self, flow: &FlowInfo, state: &Self::State, watched: &Watched<'_>) {
        let Known { protocol, client, ticket } = state.known();
        let client = if flow.is_client(client, Direction::Up) { Direction::Up } else { Direction::Down };
        let ends = [client, client.reverse()].map(|side| flow.key.sender(side));
        let inside = state.inside();
        self.sink.connection(&Listed { interface: flow.interface, ends, client, protocol, ticket, inside, watched });
    }
}

/// Connections that are decrypted.
impl<S: Sink> Sessions<'_, S> {
    /// Takes a chunk of a connection that speaks TLS.
    #[inline(never)]
    fn secure_chunk(
        &mut self,
        flow: &FlowInfo,
        state: &mut Session<S::Ticket>,
        direction: Direction,
        chunk: Chunk<'_>,
    ) -> u64 {
        let Session::Secure(secure) = state else { return 0 };
        if secure.is_refused(direction, chunk.bytes)
            && let Some(plain) = secure.plain.take()
        {
            // The server answers in another protocol, for example with an error of HTTP/1.
            let Session::Secure(secure) = std::mem::replace(state, Session::Http1(plain)) else { return 0 };
            self.shared.account(secure.held(), 0);
            return self.chunk(flow, state, direction, chunk);
        }
        if let Some(hello) = secure.hello.as_mut().filter(|hello| hello.is_spoken(direction)) {
            let before = hello.held();
            let is_unfinished = hello.push(flow, &chunk, self.sink);
            let after = if is_unfinished { hello.held() } else { 0 };
            self.shared.account(before, after);
            if !is_unfinished {
                secure.hello = None;
            }
        }
        let unwanted = self
            .with_crypt(flow, secure, |tls, crypt, out| tls.chunk(direction, chunk, crypt, out))
            .unwrap_or(u64::MAX);
        if !secure.tls.is_unanswered()
            && let Some(plain) = secure.plain.take_if(|plain| plain.ticket().is_none() && !plain.is_waiting())
        {
            self.shared.put_back(plain);
        }
        if secure.tls.is_waiting() && !std::mem::replace(&mut secure.is_listed, true) {
            self.shared.has_stalled = true;
        }
        if self.shared.is_full() {
            self.with_crypt(flow, secure, |tls, crypt, out| tls.shed(crypt, out));
        }
        unwanted
    }

    /// Lets a connection decrypt, and accounts for its memory. The plaintext goes to its inner session.
    fn with_crypt<R>(
        &mut self,
        flow: &FlowInfo,
        secure: &mut Secure<S::Ticket>,
        action: impl FnOnce(&mut Decryption, &mut Crypt, &mut Inside<'_, '_, S>) -> R,
    ) -> Option<R> {
        let mut crypt = self.shared.crypt.take()?;
        let Secure { tls, inner, .. } = secure;
        let before = tls.held();
        let result = action(
            tls,
            &mut crypt,
            &mut Inside { stage: Sessions { sink: self.sink, shared: self.shared }, flow, inner },
        );
        self.shared.account(before, tls.held());
        self.shared.crypt = Some(crypt);
        Some(result)
    }

    /// Ends a session, and takes back what it was read with.
    fn wind_up(&mut self, flow: &FlowInfo, state: Session<S::Ticket>) {
        let mut state = match state {
            Session::Silent | Session::Idle { .. } | Session::Opaque(_) => return,
            Session::Asked(_) => Session::Http1(self.shared.open(state)),
            Session::Tls(secured) if secured.plain.is_none() => return self.shared.account(secured.held(), 0),
            Session::Secure(mut secure) => {
                self.with_crypt(flow, &mut secure, |tls, crypt, out| tls.end(crypt, out));
                let cover = secure.tls.cover();
                self.wind_up(&FlowInfo { cover, ..*flow }, std::mem::take(&mut secure.inner));
                let Some(plain) = secure.plain.take() else { return self.shared.account(secure.held(), 0) };
                self.shared.account(secure.held(), 0);
                Session::Http1(plain)
            }
            open => open,
        };
        let before = state.held();
        state.give_up(flow, self.sink);
        self.shared.account(before, state.held());
        self.shared.close(state);
    }
}

/// Takes the plaintext of a connection that is decrypted.
struct Inside<'i, 'a, S: Sink> {
    stage: Sessions<'a, S>,
    flow: &'i FlowInfo,
    inner: &'i mut Session<S::Ticket>,
}

impl<S: Sink> Outlet for Inside<'_, '_, S> {
    fn plaintext(&mut self, direction: Direction, chunk: Chunk<'_>, cover: Cover) {
        if let Session::Silent = self.inner {
            self.stage.sink.unsecured(&self.flow.key);
        }
        self.stage.chunk(&FlowInfo { cover, ..*self.flow }, self.inner, direction, chunk);
    }

    fn finished(&mut self, direction: Direction, ts: Timestamp, cover: Cover) {
        self.stage.finished(&FlowInfo { cover, ..*self.flow }, self.inner, direction, ts);
    }

    fn closed(&mut self, reason: Closed) {
        self.stage.sink.note(Note::Closed(reason));
    }
}

#[cfg(test)]
mod tests;

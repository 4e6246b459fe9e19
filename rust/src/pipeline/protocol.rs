//! Parses the protocols that connections speak: the bytes of both directions come in; requests, responses and exchanges
//! go out. No other module parses a protocol.
//!
//! A response answers a request; in HTTP/1, responses come in the order of the requests (RFC 9112 §9.3.2). An interim
//! response ends no exchange, a response without a request is an orphan, and a request without a response is
//! unanswered. The [`Sink`] returns a ticket for each request and gets it back with everything that belongs to that
//! request.

mod content;
mod decrypting;
mod events;
mod forwarded;
#[cfg(test)]
mod frames;
mod grpc;
mod grpc_web;
pub mod http1;
pub mod http2;
pub mod quic;
mod reader;
mod recognise;
mod secured;
pub mod session;
mod shared;
mod streamed;
pub mod tls;
pub mod watch;
pub mod websocket;

pub use session::{Rest, Session};
pub use shared::{MAX_HELD, Shared};

use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::{Closed, Listed, MAX_LISTED_STREAMS, Protocol, Sink};
use crate::pipeline::flow::{Consumer, FlowId, FlowInfo, Observed, Told, Watched};
use crate::pipeline::packet::Timestamp;
use crate::pipeline::reassembly::Chunk;
use http1::Found;
use reader::{Input, Known, Reader};

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
        if let Session::AtRest(_) = state
            && let Session::AtRest(rest) = std::mem::take(state)
        {
            let reader = Session::Http1(self.shared.open(rest));
            // What is left behind is silent: there is nothing to drop.
            std::mem::forget(std::mem::replace(state, reader));
        }
        if let Session::Http1(http1) = state
            && let Some(unwanted) = http1.pass(flow, direction, &chunk, self.sink)
        {
            return unwanted;
        }
        if let Session::Tls(secured) = state
            && secured.decryption.is_some()
        {
            return self.decrypt(flow, state, direction, chunk);
        }
        let before = state.held();
        let mut unwanted = state.chunk(flow, direction, chunk, self.sink);
        let found = state.take_found();
        self.shared.account(before, state.held());
        if let Some(found) = found
            && let Some(of_found) = self.change(flow, state, direction, chunk, &found)
        {
            unwanted = of_found;
        }
        if self.shared.is_full() {
            let before = state.held();
            state.take(flow, Input::Shed(chunk.ts), self.sink);
            self.shared.account(before, state.held());
        }
        match state {
            Session::Http1(http1) => {
                if let Some(rest) = self.shared.rest(http1)
                    && let Session::Http1(http1) = std::mem::replace(state, rest)
                {
                    self.shared.put_back(http1);
                }
            }
            Session::Tls(secured) => {
                if let Some(plain) = secured.plain.take_if(|plain| plain.stopped().is_some()) {
                    self.shared.put_back(plain);
                    state.go_on();
                }
            }
            _ => {}
        }
        unwanted
    }

    fn finished(&mut self, flow: &FlowInfo, state: &mut Self::State, direction: Direction, ts: Timestamp) {
        if let Session::Tls(secured) = state {
            self.with_crypt(flow, secured, |tls, crypt, out| tls.finish(direction, ts, crypt, out));
        }
        let before = state.held();
        state.take(flow, Input::Finish(direction, ts), self.sink);
        self.shared.account(before, state.held());
    }

    fn is_waiting(&self, state: &Self::State) -> bool {
        state.is_waiting()
    }

    fn observed(&mut self, flow: &FlowInfo, state: &Self::State, segment: &Observed) -> Option<Protocol> {
        let Known { protocol, client, ticket } = state.known();
        let from_client = flow.is_client(client, segment.direction);
        self.sink.observe(ticket, segment, from_client);
        let is_secured = protocol == Some(Protocol::Tls) || matches!(state, Session::Tls(_));
        if is_secured && segment.bytes > 0 {
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
        let Session::Tls(secured) = state else { return false };
        self.with_crypt(flow, secured, |tls, crypt, out| tls.retry(now, crypt, out));
        secured.is_listed = secured.decryption.as_ref().is_some_and(|tls| tls.is_waiting());
        secured.is_listed
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
        let (interface, inside) = (flow.interface, state.inside());
        let streams = &state.oldest_streams(MAX_LISTED_STREAMS);
        self.sink.connection(&Listed { interface, ends, client, protocol, ticket, inside, streams, watched });
    }
}

impl<S: Sink> Sessions<'_, S> {
    /// Lets a connection change to the protocol that HTTP/1 has found on it. Returns how many of the following bytes that
    /// protocol has no need to see; `None` if there is no reader for it.
    #[cold]
    fn change(
        &mut self,
        flow: &FlowInfo,
        state: &mut Session<S::Ticket>,
        direction: Direction,
        chunk: Chunk<'_>,
        found: &Found<S::Ticket>,
    ) -> Option<u64> {
        let before = state.held();
        let decrypts = self.shared.keys.is_expected() && !flow.cover.is_tls();
        let mut kept = None;
        let has_reader = state.turn_into(found, direction, decrypts, &mut kept);
        self.shared.account(before, state.held());
        if !has_reader {
            return None;
        }
        if let Session::Tls(secured) = state
            && secured.decryption.is_none()
        {
            let is_hello = found.bytes.first() == Some(&22) && found.bytes.get(5).is_none_or(|&kind| kind == 1);
            let reason = if is_hello { Closed::NoKey } else { Closed::JoinedMidway };
            secured.closed = Some(reason);
            self.sink.closed(&flow.key, reason);
        }
        if let Some(kept) = kept {
            kept.replay(|direction, chunk| {
                self.chunk(flow, state, direction, chunk);
            });
        }
        let so_far = Chunk { skipped: 0, cut: false, bytes: &found.bytes, ..chunk };
        Some(self.chunk(flow, state, direction, so_far))
    }

    /// Ends a session, and takes back what it was read with.
    fn wind_up(&mut self, flow: &FlowInfo, state: Session<S::Ticket>) {
        let mut state = match state {
            Session::AtRest(rest @ Rest::Asked(_)) => Session::Http1(self.shared.open(rest)),
            Session::AtRest(_) | Session::Opaque(_) => return,
            Session::Tls(mut secured) => {
                self.end_decryption(flow, &mut secured);
                let plain = secured.plain.take();
                self.shared.account(secured.held(), 0);
                let Some(plain) = plain else { return };
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

#[cfg(test)]
mod tests;

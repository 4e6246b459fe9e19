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
mod recognise;
pub mod session;
mod shared;
pub mod tls;
pub mod websocket;

pub use session::Session;
pub use shared::{MAX_HELD, Shared};

use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::{Listed, Protocol, Sink};
use crate::pipeline::flow::{Consumer, FlowId, FlowInfo, Observed, Told, Watched};
use crate::pipeline::packet::Timestamp;
use crate::pipeline::reassembly::Chunk;
use session::Known;

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
        let before = state.held();
        let unwanted = state.chunk(flow, direction, chunk, self.sink);
        self.shared.account(before, state.held());
        if self.shared.is_full() {
            let before = state.held();
            state.shed(flow, chunk.ts, self.sink);
            self.shared.account(before, state.held());
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
        let before = state.held();
        state.finish(flow, direction, ts, self.sink);
        self.shared.account(before, state.held());
    }

    fn is_waiting(&self, state: &Self::State) -> bool {
        state.is_waiting()
    }

    fn observed(&mut self, flow: &FlowInfo, state: &Self::State, segment: &Observed) -> Option<Protocol> {
        let Known { protocol, client, ticket } = state.known();
        let from_client = is_client(flow, client, segment.direction);
        self.sink.observe(ticket, segment, from_client);
        protocol
    }

    fn ended(&mut self, flow: &FlowInfo, state: Self::State) {
        let mut state = match state {
            Session::Silent | Session::Idle { .. } | Session::Opaque(_) => return self.sink.ended(&flow.key),
            Session::Asked(_) => Session::Http1(self.shared.open(state)),
            open => open,
        };
        let before = state.held();
        state.give_up(flow, self.sink);
        self.shared.account(before, state.held());
        self.shared.close(state);
        self.sink.ended(&flow.key);
    }

    fn told(&mut self) -> Told {
        self.sink.told()
    }

    fn settled(&mut self, id: FlowId, is_over: bool) {
        self.sink.settled(id, is_over);
    }

    fn listed(&mut self, flow: &FlowInfo, state: &Self::State, watched: &Watched<'_>) {
        let Known { protocol, client, ticket } = state.known();
        let client = if is_client(flow, client, Direction::Up) { Direction::Up } else { Direction::Down };
        let ends = [client, client.reverse()].map(|side| flow.key.sender(side));
        self.sink.connection(&Listed { interface: flow.interface, ends, client, protocol, ticket, watched });
    }
}

/// Returns whether the client sends in `direction`. `client` is the direction of the requests, if that is known; else
/// the direction of the SYN decides, and without a SYN the port numbers.
#[inline]
fn is_client(flow: &FlowInfo, client: Option<Direction>, direction: Direction) -> bool {
    match client.or(flow.opener) {
        Some(client) => direction == client,
        // The capture joined the connection midway. The server usually has the lower port.
        None => flow.key.sender(direction).port > flow.key.sender(direction.reverse()).port,
    }
}

#[cfg(test)]
mod tests;

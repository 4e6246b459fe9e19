//! The end of an exchange of HTTP/1, or of the WebSocket that it has opened.

use super::line::Waiting;
use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::{Codes, Ending, Exchange, Finished, GrpcStatus, Protocol, Sink};
use crate::pipeline::flow::FlowInfo;
use crate::pipeline::packet::Timestamp;

/// The final response of an exchange that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// Status code; `None` in HTTP/0.9.
    pub status: Option<u16>,
    /// From the last byte of the request to the first of the response.
    pub latency: Option<u64>,
    /// When its first byte was seen.
    pub since: Timestamp,
    /// When its last byte was seen.
    pub ended: Option<Timestamp>,
    /// Its length, with that of the stream that it began.
    pub bytes: u64,
    /// Protocol of the exchange.
    pub protocol: Protocol,
    /// Status of a call of gRPC-Web.
    pub grpc: Option<GrpcStatus>,
    /// Messages of the server.
    pub messages: u64,
    /// Codes with which either side has ended the stream.
    pub codes: Codes,
}

/// Reports that the exchange of `asked` has ended.
pub fn tell<S: Sink>(
    flow: &FlowInfo,
    client: Direction,
    asked: &Waiting<S::Ticket>,
    answered: Option<&Answered>,
    sink: &mut S,
) {
    let (method, kept) = (asked.method, asked.kept);
    let ended = answered.and_then(|answered| answered.ended);
    let duration = ended.map(|ts| ts.since(asked.since));
    let status = answered.and_then(|answered| answered.status);
    let latency = answered.and_then(|answered| answered.latency);
    let unanswered = asked.protocol;
    sink.exchange(asked.ticket, Ending { method, status, latency, duration, kept }, || Finished {
        exchange: Exchange {
            ts: asked.since,
            client: flow.key.sender(client),
            server: flow.key.sender(client.reverse()),
            method,
            status,
            request_bytes: asked.bytes,
            response_bytes: answered.map_or(0, |answered| answered.bytes),
            latency,
            duration,
            connect: flow.opening.handshake().filter(|_| asked.is_first),
            request_time: asked.ended.map(|ended| ended.since(asked.since)),
            transfer: answered.zip(ended).map(|(answered, ended)| ended.since(answered.since)),
            retransmitted: flow.retransmitted.wrapping_sub(asked.retransmitted),
            protocol: answered.map_or(unanswered, |answered| answered.protocol),
            tls: flow.cover.is_tls(),
            stream: None,
            tls_handshake: flow.cover.handshake().filter(|_| asked.is_first),
            queued: None,
            grpc_status: answered.and_then(|answered| answered.grpc),
            request_messages: asked.messages.into(),
            response_messages: answered.map_or(0, |answered| answered.messages),
        },
        interface: flow.interface,
        codes: answered.map_or(Codes::default(), |answered| answered.codes),
    });
}

//! A protocol for the tests. Like HTTP/2 it has numbered streams, whose requests and responses come in interleaved
//! frames. It shows that a second protocol needs a [`Reader`] and a place in `session.rs`, and no change elsewhere.
//!
//! A frame has four parts: its kind (`Q` for a request, `R` for a response), the number of its stream, the length of
//! its payload, and the payload. The payload is `target host` in a request and a status of three digits in a response.

use std::collections::BTreeMap;

use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::{
    Codes, Ending, Exchange, Finished, Kept, Method, NoFields, Note, Protocol, Request, Response, Sides, Sink,
};
use crate::pipeline::flow::FlowInfo;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::protocol::reader::{Input, Known, Reader};
use crate::pipeline::reassembly::Chunk;

/// The first bytes that a client sends.
pub const PREFACE: &[u8] = b"\0FRAMES\n";

const HEADER: usize = 3;

/// Both directions of a connection.
#[derive(Debug)]
pub struct Frames<K> {
    client: Direction,
    /// The beginning of an incomplete frame, one for each direction.
    parts: [Vec<u8>; 2],
    /// Requests that wait for their responses, by the number of their stream.
    streams: BTreeMap<u8, Asked<K>>,
    ticket: Option<K>,
}

#[derive(Debug)]
struct Asked<K> {
    ticket: K,
    at: Timestamp,
    bytes: u64,
    kept: Kept,
}

impl<K: Copy + PartialEq> Frames<K> {
    /// A connection whose client sends in this direction.
    pub fn new(client: Direction) -> Self {
        Self { client, parts: Default::default(), streams: BTreeMap::new(), ticket: None }
    }

    fn chunk<S: Sink<Ticket = K>>(
        &mut self,
        flow: &FlowInfo,
        direction: Direction,
        chunk: Chunk<'_>,
        sink: &mut S,
    ) -> u64 {
        let mut bytes = std::mem::take(&mut self.parts[direction as usize]);
        bytes.extend_from_slice(chunk.bytes.strip_prefix(PREFACE).unwrap_or(chunk.bytes));
        let mut rest = &bytes[..];
        while let [kind, stream, length, behind @ ..] = rest
            && let Some((payload, next)) = behind.split_at_checked(usize::from(*length))
        {
            match kind {
                b'Q' => self.request(flow, *stream, payload, chunk.ts, sink),
                _ => self.response(flow, *stream, payload, chunk.ts, sink),
            }
            rest = next;
        }
        self.parts[direction as usize] = rest.to_vec();
        0
    }

    fn request<S: Sink<Ticket = K>>(
        &mut self,
        flow: &FlowInfo,
        stream: u8,
        payload: &[u8],
        at: Timestamp,
        sink: &mut S,
    ) {
        let mut words = payload.split(|&byte| byte == b' ');
        let (target, host) = (words.next().unwrap_or_default(), words.next());
        let bytes = (HEADER + payload.len()) as u64;
        let sides = Sides { connection: &flow.key, asks: self.client, interface: flow.interface };
        let request = Request {
            protocol: Protocol::Http2,
            method: Method::from_bytes(b"GET"),
            target,
            is_cut: false,
            host,
            fields: &NoFields,
            sides,
            bytes,
        };
        let ticket = sink.request(&request, self.ticket);
        if self.ticket.replace(ticket).is_none() {
            sink.note(Note::Protocol(Protocol::Http2));
            sink.opening(ticket, &flow.opening, self.client);
        }
        self.streams.insert(stream, Asked { ticket, at, bytes, kept: sink.keep(ticket, &request) });
    }

    fn response<S: Sink<Ticket = K>>(
        &mut self,
        flow: &FlowInfo,
        stream: u8,
        payload: &[u8],
        at: Timestamp,
        sink: &mut S,
    ) {
        let status = payload.iter().fold(0, |status, byte| status * 10 + u16::from(byte - b'0'));
        let bytes = (HEADER + payload.len()) as u64;
        let Some(asked) = self.streams.remove(&stream) else {
            return sink.note(Note::Orphan);
        };
        sink.response(asked.ticket, Response { status, latency: Some(at.since(asked.at)), bytes });
        self.tell(flow, &asked, Some((status, bytes, at)), sink);
    }

    fn give_up<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, sink: &mut S) {
        for asked in std::mem::take(&mut self.streams).into_values() {
            sink.note(Note::Unanswered);
            self.tell(flow, &asked, None, sink);
        }
        self.parts = Default::default();
    }

    fn tell<S: Sink<Ticket = K>>(
        &self,
        flow: &FlowInfo,
        asked: &Asked<K>,
        answer: Option<(u16, u64, Timestamp)>,
        sink: &mut S,
    ) {
        let duration = answer.map(|(_, _, at)| at.since(asked.at));
        let status = answer.map(|(status, ..)| status);
        let method = Method::from_bytes(b"GET");
        let ending = Ending { method, status, latency: duration, duration, kept: asked.kept };
        sink.exchange(asked.ticket, ending, || Finished {
            exchange: Exchange {
                ts: asked.at,
                client: flow.key.sender(self.client),
                server: flow.key.sender(self.client.reverse()),
                method,
                status,
                request_bytes: asked.bytes,
                response_bytes: answer.map_or(0, |(_, bytes, _)| bytes),
                latency: duration,
                duration,
                connect: None,
                request_time: None,
                transfer: None,
                retransmitted: 0,
                protocol: Protocol::Http2,
                tls: flow.cover.is_tls(),
                stream: None,
                tls_handshake: None,
                queued: None,
                grpc_status: None,
                request_messages: 0,
                response_messages: 0,
            },
            interface: flow.interface,
            codes: Codes::default(),
        });
    }
}

impl<K: Copy + PartialEq> Reader<K> for Frames<K> {
    fn known(&self) -> Known<K> {
        Known { protocol: Some(Protocol::Other), client: Some(self.client), ticket: self.ticket }
    }

    fn is_waiting(&self) -> bool {
        !self.streams.is_empty()
    }

    fn held(&self) -> usize {
        self.parts.iter().map(Vec::capacity).sum()
    }

    fn take<S: Sink<Ticket = K>>(&mut self, flow: &FlowInfo, input: Input<'_>, sink: &mut S) -> u64 {
        match input {
            Input::Chunk(direction, chunk) => return self.chunk(flow, direction, chunk, sink),
            Input::Finish(..) => {}
            Input::GiveUp | Input::Shed(_) => self.give_up(flow, sink),
        }
        0
    }
}

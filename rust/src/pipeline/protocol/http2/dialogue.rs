//! Brings both directions of a connection together: pairs responses with requests by the number of their stream, and
//! reports exchanges.
//!
//! Header blocks are decoded in the order in which they were sent. What cannot be resolved is unknown: a request is
//! counted at once, its host or its section as unknown.
//!
//! The server is busy from the first to the last byte of each frame of DATA. The sum of these times from the end of a
//! request to the beginning of its response is the time for which the response was queued: nothing of its own stream
//! has been sent by then.

use super::content;
use super::frame::{Frame, Kind};
use super::head::Head;
use super::message::{Block, Control, Data, Event, Handler};
use super::state::Dialogue;
use super::streams::{Answer, REQUEST, RESPONSE, Stream};
use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::{
    Code, Codes, Ending, ErrorCode, Exchange, Fields, Finished, Kept, Method, NoFields, Note, Protocol, Request,
    Response, Sides, Sink,
};
use crate::pipeline::flow::FlowInfo;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::protocol::content::Content;
use crate::pipeline::protocol::http1::FieldLines;
use crate::pipeline::steps;

/// The name of a host that is not known.
const UNKNOWN: &[u8] = b"~unknown";

/// RFC 9113 §6.5.2.
const HEADER_TABLE_SIZE: u16 = 1;

/// How many frames with GOAWAY of a direction end streams. A server that closes gracefully sends two.
const MAX_GOAWAYS: u8 = 8;

/// How far behind a hole the number of a stream may be ahead of the newest one that either side has used: as many
/// requests as a busy proxy sends in a quarter of a minute on one connection.
const MAX_AHEAD: u32 = 1 << 18;

/// The [`Handler`] of one call: frames of `direction` come in, and the dialogue and the sink learn of them.
pub struct Turn<'a, S: Sink> {
    pub flow: &'a FlowInfo,
    pub direction: Direction,
    pub dialogue: &'a mut Dialogue<S::Ticket>,
    pub sink: &'a mut S,
}

impl<S: Sink> Handler for Turn<'_, S> {
    fn block(&mut self, block: &Block<'_>) {
        let decoder = &mut self.dialogue.decoders[self.direction as usize];
        let (mut head, mut is_broken) = (Head::default(), false);
        if let Some(bytes) = block.bytes {
            is_broken = decoder.block(bytes, Head::reads, &mut |field| head.take(&field)).is_err();
        } else {
            decoder.lost();
            head.has_unknown = true;
        }
        if is_broken {
            head = Head::lost();
            self.sink.note(Note::ParseError);
        }
        if block.is_promise {
            self.promise(block, &head);
        } else if self.is_client() {
            self.request(block, &head, is_broken);
        } else {
            self.response(block, &head);
        }
    }

    #[inline]
    fn data(&mut self, data: &Data<'_>) -> u64 {
        let is_client = self.is_client();
        if !is_client {
            self.account_busy(data);
        }
        let busy = if is_client { self.dialogue.busy_until(data.ts) } else { 0 };
        let holes = self.dialogue.holes[self.direction as usize];
        let Some(stream) = self.dialogue.streams.get_mut(data.stream) else { return u64::MAX };
        let side = if is_client { REQUEST } else { RESPONSE };
        let count = data.framing + data.bytes.len() as u64 + data.skipped;
        stream.bytes[side] = stream.bytes[side].saturating_add(count);
        let ticket = stream.ticket;
        self.sink.bytes(ticket, is_client, count);
        if is_client && stream.answer.is_none() {
            (stream.asked, stream.busy) = (data.ts, busy);
        }
        let mut unwanted = u64::MAX;
        if !stream.contents[side].is_opaque() {
            let (seen, is_given_up) = content::read(stream, side, data, holes);
            unwanted = stream.contents[side].unwanted();
            content::tell(stream, is_client, seen, self.sink);
            if is_given_up {
                self.sink.note(Note::ParseError);
            }
        }
        if data.ends_stream {
            if is_client {
                self.end_request(data.stream, data.ts);
            } else {
                self.end_response(data.stream, data.ts);
            }
        }
        unwanted
    }

    fn control(&mut self, control: Control<'_>) {
        match control {
            Control::Reset { stream, code } => self.reset(stream, code),
            Control::Settings(settings) => self.settings(settings),
            Control::GoAway { last, code } => self.go_away(last, code),
        }
    }

    fn event(&mut self, event: Event) {
        let side = self.direction as usize;
        match event {
            Event::Gap => {
                let holes = &mut self.dialogue.holes[side];
                *holes = holes.wrapping_add(1);
                self.dialogue.decoders[side].lost();
                if !self.is_client() {
                    self.dialogue.sending = None;
                }
            }
            Event::LostBlock => self.dialogue.decoders[side].lost(),
            Event::Malformed => self.sink.note(Note::ParseError),
            Event::Resync => self.sink.note(Note::Resync),
            Event::TruncatedHead => self.sink.note(Note::TruncatedHead),
        }
    }

    fn may_follow(&self, frame: &Frame) -> bool {
        let Dialogue { streams, first, newest, answered, .. } = &*self.dialogue;
        let id = frame.stream;
        let is_odd = id % 2 == 1;
        let known = *newest.max(answered);
        let is_ahead = is_odd && id > *newest && (*newest == 0 || id <= known.saturating_add(MAX_AHEAD));
        match frame.kind {
            _ if id == 0 => true,
            Kind::Reset | Kind::WindowUpdate | Kind::Priority if is_odd && id <= *newest => true,
            Kind::PushPromise if self.is_client() => false,
            _ => is_ahead || is_odd && id < *first || streams.has(id),
        }
    }
}

impl<'a, S: Sink> Turn<'a, S> {
    fn is_client(&self) -> bool {
        self.dialogue.client == self.direction
    }

    fn sides(&self) -> Sides<'a> {
        Sides { connection: &self.flow.key, asks: self.dialogue.client, interface: self.flow.interface }
    }

    /// Measures how long the server sends content.
    #[inline]
    fn account_busy(&mut self, data: &Data<'_>) {
        if data.begins {
            self.dialogue.sending = Some(data.since);
        }
        if data.ends
            && let Some(since) = self.dialogue.sending.take()
        {
            self.dialogue.busy = self.dialogue.busy.saturating_add(data.ts.since(since));
        }
    }

    /// Takes a header block of the client: a request, or trailers.
    fn request(&mut self, block: &Block<'_>, head: &Head, is_broken: bool) {
        let id = block.stream;
        let busy = self.dialogue.busy_until(block.until);
        if let Some(stream) = self.dialogue.streams.get_mut(id) {
            stream.bytes[REQUEST] = stream.bytes[REQUEST].saturating_add(block.size);
            self.sink.bytes(stream.ticket, true, block.size);
            if stream.answer.is_none() {
                (stream.asked, stream.busy) = (block.until, busy);
            }
        } else if id.is_multiple_of(2) || id <= self.dialogue.newest {
            // RFC 9113 §5.1.1: new streams have odd numbers that rise. Anything else came late for its stream.
            return;
        } else {
            // A block that was not seen may have been that of trailers, if the stream may have been opened before.
            let is_new = block.bytes.is_none() && id >= self.dialogue.first;
            if !head.is_request() && !is_new {
                if !head.has_unknown {
                    self.sink.note(Note::ParseError);
                }
                return;
            }
            if is_broken {
                return;
            }
            self.dialogue.open(id);
            self.begin(id, block, head);
        }
        if block.ends_stream {
            self.end_request(id, block.until);
        }
    }

    /// Takes the request that a server promises to answer.
    fn promise(&mut self, block: &Block<'_>, head: &Head) {
        let id = block.promised;
        let is_due = !self.is_client() && id > self.dialogue.promised && id.is_multiple_of(2) && head.is_request();
        if is_due {
            self.dialogue.promised = id;
            self.begin(id, block, head);
            self.end_request(id, block.until);
        }
    }

    /// Counts a request, and opens its stream.
    fn begin(&mut self, id: u32, block: &Block<'_>, head: &Head) {
        let (target, is_cut) = head.target();
        let lines = FieldLines(head.lines());
        let fields: &dyn Fields = if head.has_unknown { &NoFields } else { &lines };
        let method = head.method();
        let protocol = match head.kind {
            _ if head.is_websocket => Protocol::WebSocket,
            Some(kind) if kind.is_grpc() => Protocol::Grpc,
            _ => Protocol::Http2,
        };
        let request = Request {
            protocol,
            method,
            target,
            is_cut,
            host: head.host(UNKNOWN),
            fields,
            sides: self.sides(),
            bytes: block.size,
        };
        let ticket = self.sink.request(&request, self.dialogue.ticket);
        self.dialogue.seen = self.dialogue.seen.saturating_add(1);
        if self.dialogue.streams.is_full() {
            self.make_room();
        }
        let is_first = self.dialogue.ticket.replace(ticket).is_none();
        if is_first {
            self.sink.opening(ticket, &self.flow.opening, self.dialogue.client);
        }
        self.dialogue.streams.insert(Stream {
            id,
            ticket,
            method,
            protocol,
            has_request: true,
            is_first,
            is_asked: false,
            retransmitted: self.flow.retransmitted,
            kept: self.sink.keep(ticket, &request),
            since: block.since,
            asked: block.until,
            busy: self.dialogue.busy_until(block.until),
            bytes: [block.size, 0],
            messages: [0; 2],
            contents: content::of_request(head),
            holes: [self.dialogue.client, self.dialogue.client.reverse()]
                .map(|side| self.dialogue.holes[side as usize]),
            answer: None,
            grpc_status: None,
            announced: None,
            codes: Codes::default(),
        });
    }

    /// Takes a header block of the server: an interim or final response, or trailers.
    fn response(&mut self, block: &Block<'_>, head: &Head) {
        let (id, size) = (block.stream, block.size);
        let busy = self.dialogue.busy_until(block.since);
        let Some(stream) = self.dialogue.streams.get_mut(id) else {
            return self.orphan(block, head);
        };
        let ticket = stream.ticket;
        stream.bytes[RESPONSE] = stream.bytes[RESPONSE].saturating_add(size);
        let is_open = stream.answer.is_none_or(|answer| answer.status.is_none());
        let is_final = match head.status {
            Some(status) if is_open => {
                let is_final = status >= 200;
                let latency = is_final.then(|| block.since.since(stream.asked)).filter(|_| stream.has_request);
                self.sink.response(ticket, Response { status, latency, bytes: size });
                is_final
            }
            _ => {
                self.sink.bytes(ticket, false, size);
                // The status may be among what is not known.
                stream.answer.is_none() && head.has_unknown
            }
        };
        if is_final {
            let latency = Some(block.since.since(stream.asked)).filter(|_| stream.has_request);
            let queued = busy.saturating_sub(stream.busy).min(latency.unwrap_or(0));
            let (status, since) = (head.status, block.since);
            stream.answer = Some(Answer { status, latency, queued, since, ended: None });
            content::answer(stream, head, self.dialogue.holes[self.direction as usize]);
        }
        content::grpc_of_block(stream, head, is_final, block.ends_stream, self.sink);
        if block.ends_stream {
            self.end_response(id, block.until);
        }
    }

    /// Takes a response whose request was not seen: it was sent before the capture began, or was lost.
    fn orphan(&mut self, block: &Block<'_>, head: &Head) {
        let Dialogue { newest, first, promised, reset, holes, client, .. } = &*self.dialogue;
        let id = block.stream;
        let is_late =
            id % 2 == 1 && (*first..=*newest).contains(&id) && (holes[*client as usize] == 0 || reset.contains(&id));
        let is_late = is_late || id.is_multiple_of(2) && id <= *promised;
        let Some(status) = head.status.filter(|&status| status >= 200 && !is_late) else { return };
        if id % 2 == 1 {
            self.dialogue.answered = self.dialogue.answered.max(id);
        }
        let response = Response { status, latency: None, bytes: block.size };
        let ticket = self.sink.unasked(&self.sides(), &response);
        self.sink.note(Note::Orphan);
        self.dialogue.seen = self.dialogue.seen.saturating_add(1);
        self.sink.response(ticket, response);
        if block.ends_stream {
            if let Some(grpc) = head.grpc_status {
                self.sink.grpc_status(ticket, grpc, Some(status));
            }
            return;
        }
        if self.dialogue.streams.is_full() {
            self.make_room();
        }
        let is_grpc = head.is_grpc();
        self.dialogue.streams.insert(Stream {
            id,
            ticket,
            method: Method::OTHER,
            protocol: if is_grpc { Protocol::Grpc } else { Protocol::Http2 },
            has_request: false,
            is_first: false,
            is_asked: true,
            retransmitted: 0,
            kept: Kept::NOTHING,
            since: block.since,
            asked: block.since,
            busy: 0,
            bytes: [0, block.size],
            messages: [0; 2],
            contents: [Content::Opaque, content::of_response(head).unwrap_or_default()],
            holes: [0, self.dialogue.holes[self.direction as usize]],
            answer: Some(Answer { status: Some(status), latency: None, queued: 0, since: block.since, ended: None }),
            grpc_status: None,
            announced: None,
            codes: Codes::default(),
        });
    }

    /// The client has sent everything on a stream.
    fn end_request(&mut self, id: u32, ts: Timestamp) {
        let busy = self.dialogue.busy_until(ts);
        let Some(stream) = self.dialogue.streams.get_mut(id) else { return };
        stream.is_asked = true;
        match &stream.answer {
            Some(answer) if answer.ended.is_some() => self.end(id),
            Some(_) => {}
            None => (stream.asked, stream.busy) = (ts, busy),
        }
    }

    /// The server has sent everything on a stream. If the client is not done yet, its stream stays until it is.
    fn end_response(&mut self, id: u32, ts: Timestamp) {
        let Some(stream) = self.dialogue.streams.get_mut(id) else { return };
        let is_asked = stream.is_asked;
        content::end_grpc(stream, self.sink);
        if let Some(answer) = &mut stream.answer {
            answer.ended = Some(ts);
        }
        if is_asked || stream.answer.is_none() {
            self.end(id);
        }
    }

    fn reset(&mut self, id: u32, code: u32) {
        let is_client = self.is_client();
        let Some(stream) = self.dialogue.streams.get_mut(id) else { return };
        if stream.answer.is_some_and(|answer| answer.status != Some(200)) {
            // A client of gRPC takes the status of such a response for that of its call, and resets the stream.
            content::end_grpc(stream, self.sink);
        }
        let code = Code::Reset(ErrorCode::from_number(code));
        stream.codes[usize::from(is_client)] = Some(code);
        self.sink.ends_with(stream.ticket, is_client, code);
        self.dialogue.reset.rotate_right(1);
        self.dialogue.reset[0] = id;
        self.end(id);
    }

    /// RFC 9113 §6.5: settings that the sender of this direction wants the other side to obey.
    fn settings(&mut self, settings: &[u8]) {
        steps::add(settings.len() / 6);
        for setting in settings.as_chunks::<6>().0 {
            let [a, b, value @ ..] = *setting;
            if u16::from_be_bytes([a, b]) == HEADER_TABLE_SIZE {
                self.dialogue.decoders[self.direction.reverse() as usize].set_limit(u32::from_be_bytes(value));
            }
        }
    }

    /// RFC 9113 §6.8: streams of the other side above `last` were not and will not be processed.
    fn go_away(&mut self, last: u32, code: u32) {
        let side = self.direction as usize;
        if self.dialogue.goaways[side] == MAX_GOAWAYS {
            return;
        }
        self.dialogue.goaways[side] += 1;
        self.sink.note(Note::GoAway(ErrorCode::from_number(code)));
        let parity = u32::from(!self.is_client());
        steps::add(self.dialogue.streams.len());
        for id in self.dialogue.streams.ids(|id| id > last && id % 2 == parity) {
            self.end(id);
        }
    }

    /// Ends the older half of the streams, because there are too many.
    fn make_room(&mut self) {
        let ids = self.dialogue.streams.ids(|_| true);
        steps::add(ids.len());
        for &id in &ids[..ids.len() / 2] {
            self.end(id);
        }
    }

    /// Ends all streams but the newest `keep`.
    pub fn give_up(&mut self, keep: usize) {
        let ids = self.dialogue.streams.ids(|_| true);
        for &id in &ids[..ids.len().saturating_sub(keep)] {
            self.end(id);
        }
        self.dialogue.streams.shrink();
    }

    /// Ends a stream, and reports its exchange.
    fn end(&mut self, id: u32) {
        let Self { flow, dialogue: Dialogue { client, streams, .. }, sink, .. } = self;
        streams.end(id, |stream| {
            if !stream.has_request {
                return;
            }
            match stream.answer {
                None => sink.note(Note::Unanswered),
                Some(Answer { status: None, .. }) => sink.note(Note::UnknownStatus),
                Some(_) => {}
            }
            tell(flow, *client, stream, *sink);
        });
    }
}

/// Reports that an exchange has ended.
fn tell<S: Sink>(flow: &FlowInfo, client: Direction, stream: &Stream<S::Ticket>, sink: &mut S) {
    let Stream { method, kept, answer, since, .. } = *stream;
    let ended = answer.and_then(|answer| answer.ended);
    let duration = ended.map(|ended| ended.since(since));
    let status = answer.and_then(|answer| answer.status);
    let latency = answer.and_then(|answer| answer.latency);
    sink.exchange(stream.ticket, Ending { method, status, latency, duration, kept }, || Finished {
        exchange: Exchange {
            ts: since,
            client: flow.key.sender(client),
            server: flow.key.sender(client.reverse()),
            method,
            status,
            request_bytes: stream.bytes[REQUEST],
            response_bytes: stream.bytes[RESPONSE],
            latency,
            duration,
            connect: flow.opening.handshake().filter(|_| stream.is_first),
            request_time: (stream.is_asked || answer.is_some()).then(|| stream.asked.since(since)),
            transfer: answer.and_then(|answer| Some(answer.ended?.since(answer.since))),
            retransmitted: flow.retransmitted.wrapping_sub(stream.retransmitted),
            protocol: stream.protocol,
            tls: flow.cover.is_tls(),
            stream: Some(stream.id),
            tls_handshake: flow.cover.handshake().filter(|_| stream.is_first),
            queued: answer.and_then(|answer| answer.latency.map(|_| answer.queued)),
            grpc_status: stream.grpc_status,
            request_messages: u64::from(stream.messages[REQUEST]),
            response_messages: u64::from(stream.messages[RESPONSE]),
        },
        interface: flow.interface,
        codes: stream.codes,
    });
}

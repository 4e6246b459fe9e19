//! Brings both directions of a connection together: decides which request a response answers, and reports exchanges.

use std::net::Ipv6Addr;

use super::ended::{Answered, tell};
use super::fields::FieldLines;
use super::head::{Framing, RequestHead, ResponseHead};
use super::line::{Line, Verdict, Waiting};
use super::message::{Event, Extent, Follows, Handler, Mark};
use crate::pipeline::decode::{Direction, SeqNumber};
use crate::pipeline::exchange::{Codes, GrpcStatus, Method, Note, Protocol, Request, Response, Sides, Sink};
use crate::pipeline::flow::FlowInfo;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::protocol::content::{Content, Kind};

/// Limit on the requests of a connection that wait for their responses. A client that pipelines sends a handful.
pub const MAX_WAITING: usize = 100;

/// The current response.
#[derive(Debug)]
struct Answer<K> {
    ticket: K,
    /// Status code; `None` in HTTP/0.9.
    status: Option<u16>,
    latency: Option<u64>,
    since: Timestamp,
    bytes: u64,
    /// True if its end is the end of the exchange that waits first in the line.
    is_final: bool,
    /// What its content shows, if that is read.
    watched: Option<Box<Watched>>,
}

/// The state that both directions of a connection share.
#[derive(Debug)]
pub struct Dialogue<K> {
    pub protocol: Option<Protocol>,
    pub client: Option<Direction>,
    pub line: Line<K>,
    answer: Option<Answer<K>>,
    /// The content of the request that is being sent, if it is read.
    asking: Option<Box<Content>>,
    /// Ticket of the newest request.
    pub ticket: Option<K>,
    /// True if the newest request was answered before its client sent the announced body.
    is_refused: bool,
    /// What the owner shall do with the parsers after the current call.
    pub then: Option<Then>,
    /// Another protocol that was recognised on the connection.
    pub found: Option<Box<Found<K>>>,
}

impl<K> Default for Dialogue<K> {
    fn default() -> Self {
        let line = Line::default();
        Self {
            protocol: None,
            client: None,
            line,
            answer: None,
            asking: None,
            ticket: None,
            is_refused: false,
            then: None,
            found: None,
        }
    }
}

impl<K: Copy + PartialEq> Dialogue<K> {
    /// A dialogue at rest: all requests are answered, and the client is not known yet.
    pub fn resumed() -> Self {
        Self { protocol: Some(Protocol::Http1), ..Self::default() }
    }

    /// Returns the direction of the client and the newest ticket if the dialogue is at rest: if everything else equals
    /// [`Self::resumed`].
    pub fn at_rest(&self) -> Option<(Direction, K)> {
        self.client.zip(self.ticket).filter(|_| self.line.is_empty() && self.is_plain())
    }

    /// Returns the direction of the client and the waiting request if the dialogue is at rest except for that request:
    /// it is the only one, its end was seen, and its ticket is the newest.
    pub fn at_rest_but_one(&self) -> Option<(Direction, Waiting<K>)> {
        let request = self.line.first().filter(|request| self.line.len() == 1 && request.ended.is_some())?;
        self.client.zip(Some(*request)).filter(|_| self.ticket == Some(request.ticket) && self.is_plain())
    }

    /// Resets the dialogue to [`Self::resumed`], and keeps the memory of the line. The direction of the client and the
    /// ticket may stay, because the next user of this dialogue sets them.
    pub fn settle(&mut self) {
        self.line.clear();
        self.is_refused = false;
        if !self.is_plain() {
            *self = Self { line: std::mem::take(&mut self.line), ..Self::resumed() };
        }
    }

    /// True if the connection speaks HTTP/1, no response is being sent, and no message may have been lost.
    fn is_plain(&self) -> bool {
        self.answer.is_none() && self.asking.is_none() && self.line.is_whole() && self.protocol == Some(Protocol::Http1)
    }
}

impl<K> Dialogue<K> {
    /// Resets the dialogue to a new one; the memory of the line is used again.
    pub fn begin(&mut self) {
        self.line.clear();
        *self = Self { line: std::mem::take(&mut self.line), ..Self::default() };
    }
}

/// The content of a response that is a stream, as far as it was read.
#[derive(Debug)]
struct Watched {
    content: Content,
    is_grpc: bool,
    messages: u64,
    grpc: Option<GrpcStatus>,
}

/// Another protocol that was recognised, with its first bytes.
#[derive(Debug)]
pub struct Found<K> {
    /// The protocol.
    pub protocol: Protocol,
    /// All bytes of its direction so far.
    pub bytes: Box<[u8]>,
    /// How the connection has changed to it, if it spoke HTTP/1 before.
    pub switched: Option<Switched<K>>,
}

/// A change of the protocol by a response 101 (RFC 9110 §7.8).
#[derive(Debug)]
pub struct Switched<K> {
    /// Ticket of the request that asked for it, or of the response if the request was not seen.
    pub ticket: K,
    /// The direction of the client.
    pub client: Direction,
    /// True if the client has ended its requests, so that the new protocol begins with its next byte.
    pub is_client_known: bool,
    /// Where the client goes on: how much of it the server had received.
    pub first: Option<SeqNumber>,
    /// The request that asked for it, whose exchange goes on in the new protocol; `None` if it was not seen.
    pub asked: Option<Waiting<K>>,
    /// The response 101 of a WebSocket; `None` for HTTP/2, where another response follows (RFC 7540 §3.2).
    pub answered: Option<Answered>,
}

/// What to do with the parsers when a connection changes its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Stop both parsers: the rest is another protocol.
    Stop,
    /// Stop the parser of this direction, which speaks another protocol. The other side may still answer with an HTTP
    /// response.
    HearOther,
    /// Look for messages in this direction until it ends.
    SearchOn,
    /// Restart both parsers: the rest is a connection through a proxy (RFC 9110 §9.3.6).
    Restart,
}

/// The [`Handler`] of one call: bytes of `direction` come in, and the dialogue and the sink learn of them.
pub struct Turn<'a, S: Sink> {
    pub flow: &'a FlowInfo,
    pub direction: Direction,
    pub dialogue: &'a mut Dialogue<S::Ticket>,
    pub sink: &'a mut S,
}

impl<S: Sink> Handler for Turn<'_, S> {
    fn request(&mut self, head: &RequestHead<'_>, Extent { bytes, since }: Extent) {
        if !self.agree(self.direction) {
            return self.bytes(bytes);
        }
        let RequestHead { method, target, is_cut, host, is_simple, expects_continue, framing, .. } = *head;
        let fields = FieldLines(head.fields);
        // Calls of gRPC-Web have a body.
        let asks = if method == Method::POST && framing != Framing::Length(0) { grpc_web(&fields) } else { None };
        let protocol = match asks {
            Some(_) => Protocol::Grpc,
            None if head.wants_websocket => Protocol::WebSocket,
            None => Protocol::Http1,
        };
        let request = Request { protocol, method, target, is_cut, host, fields: &fields, sides: self.sides(), bytes };
        let ticket = self.sink.request(&request, self.dialogue.ticket);
        self.give_up_waiting(MAX_WAITING - 1);
        let is_first = self.dialogue.ticket.replace(ticket).is_none();
        if is_first {
            self.sink.opening(ticket, &self.flow.opening, self.direction);
        }
        if self.dialogue.line.has_passed(since) {
            return;
        }
        self.dialogue.is_refused = false;
        if let Some(kind) = asks {
            self.dialogue.asking = Some(Box::new(Content::of(kind)));
        }
        self.dialogue.line.push(Waiting {
            ticket,
            method,
            since: since.ts,
            ended: None,
            bytes,
            start: since.seq,
            end: since.seq,
            ack: since.ack,
            is_first,
            is_simple,
            expects_continue,
            protocol,
            messages: 0,
            retransmitted: self.flow.retransmitted,
            kept: self.sink.keep(ticket, &request),
        });
    }

    fn takes_content(&self) -> bool {
        self.dialogue.asking.is_some()
    }

    fn response(&mut self, head: &ResponseHead<'_>, Extent { bytes, since }: Extent) -> Follows {
        if !self.agree(self.direction.reverse()) {
            self.bytes(bytes);
            return Follows::Body;
        }
        let status = head.status;
        // RFC 9110 §15.2: a final response follows an interim one. No other response follows 101, but in HTTP/2.
        let is_final = status >= 200 || status == 101 && !is_h2c(head);
        let Verdict { unanswered, answers } = self.dialogue.line.judge(since, is_final);
        if unanswered > 0 {
            self.give_up(unanswered);
        }
        let Some(&Waiting { ticket, method, ended, protocol, .. }) = self.dialogue.line.first().filter(|_| answers)
        else {
            if is_final {
                self.dialogue.line.overtake();
            }
            return self.orphan(head, bytes, since.ts, since.ack);
        };
        let is_refused = self.dialogue.line.is_refused_by(status);
        self.dialogue.is_refused |= is_refused.is_some();
        let latency = is_final.then(|| since.ts.since(ended.or(is_refused).unwrap_or(since.ts)));
        self.sink.response(ticket, Response { status, latency, bytes });
        let status = Some(status);
        self.dialogue.answer =
            Some(Answer { ticket, status, latency, since: since.ts, bytes, is_final, watched: None });
        if head.status == 101 {
            self.enter_tunnel(head, ticket, since.ack);
            return Follows::Tunnel;
        }
        if method == Method::CONNECT && (200..300).contains(&head.status) {
            self.sink.note(Note::Protocol(Protocol::Tunnel));
            self.dialogue.protocol = Some(Protocol::Tunnel);
            self.dialogue.then = Some(Then::Restart);
            return Follows::Connection;
        }
        // RFC 9110 §9.3.2: the response to HEAD has a head only.
        if method == Method::HEAD {
            return Follows::Nothing;
        }
        // Only such content may be a stream. Events in a body of known length are not counted.
        let may_stream = head.framing != Framing::Unknown && !matches!(head.framing, Framing::Length(1..));
        if status == Some(200) && (may_stream || protocol == Protocol::Grpc) {
            return self.watch(head);
        }
        Follows::Body
    }

    fn was_refused(&self) -> bool {
        self.dialogue.is_refused
    }

    fn bytes(&mut self, count: u64) {
        if self.is_client() {
            if let Some(ticket) = self.dialogue.ticket {
                self.sink.bytes(ticket, true, count);
            }
            if let Some(asking) = self.dialogue.line.newest().filter(|asking| asking.ended.is_none()) {
                asking.bytes += count;
            }
        } else if let Some(answer) = &mut self.dialogue.answer {
            answer.bytes += count;
            self.sink.bytes(answer.ticket, false, count);
        }
    }

    fn content(&mut self, bytes: &[u8]) {
        if self.is_client() {
            return self.asked_content(bytes);
        }
        if let Some(answer) = &mut self.dialogue.answer
            && let Some(watched) = &mut answer.watched
        {
            let seen = watched.content.take(bytes);
            watched.grpc = watched.grpc.or(seen.grpc);
            if seen.messages > 0 {
                watched.messages += seen.messages;
                self.sink.messages(answer.ticket, false, seen.messages);
            }
        }
    }

    #[cold]
    fn content_lost(&mut self, count: u64) {
        if self.is_client() {
            self.dialogue.asking.iter_mut().for_each(|content| content.skip(Some(count)));
        } else if let Some(watched) = self.dialogue.answer.as_mut().and_then(|answer| answer.watched.as_mut()) {
            watched.content.skip(Some(count));
        }
    }

    fn beyond(&mut self, bytes: &[u8]) {
        if self.dialogue.then == Some(Then::Stop)
            && let Some(found) = &mut self.dialogue.found
        {
            found.bytes = bytes.into();
        }
    }

    fn end(&mut self, mark: Mark) {
        if self.is_client() {
            self.end_request(mark);
        } else {
            self.end_answer(Some(mark.ts));
            self.dialogue.line.finish(mark);
        }
    }

    fn event(&mut self, event: Event<'_>, mark: Mark) {
        match event {
            Event::Gap => self.gap(mark),
            Event::Malformed => self.sink.note(Note::ParseError),
            Event::Ambiguous(ambiguity) => self.sink.note(Note::Ambiguous(ambiguity)),
            Event::Resync => self.sink.note(Note::Resync),
            Event::TruncatedHead => self.sink.note(Note::TruncatedHead),
            Event::Proxied(client) => self.proxied(client),
            Event::Foreign(protocol, bytes) => self.foreign(protocol, bytes, mark),
        }
    }

    fn may_begin(&mut self, is_request: bool, mark: Mark) -> bool {
        let is_known = self.dialogue.ticket.is_some() || self.flow.opener.is_some();
        let is_of_client = self.dialogue.client.is_none_or(|client| client == self.direction);
        !is_request || !is_of_client || self.dialogue.line.may_ask(mark, is_known)
    }

    fn is_bare_response(&mut self, mark: Mark) -> bool {
        let asked = self.dialogue.line.first().filter(|asked| asked.is_simple);
        let Some(&asked) = asked.filter(|_| self.dialogue.client == Some(self.direction.reverse())) else {
            return false;
        };
        let latency = Some(mark.ts.since(asked.ended.unwrap_or(mark.ts)));
        let (ticket, since) = (asked.ticket, mark.ts);
        self.dialogue.answer =
            Some(Answer { ticket, status: None, latency, since, bytes: 0, is_final: true, watched: None });
        true
    }
}

impl<'a, S: Sink> Turn<'a, S> {
    fn is_client(&self) -> bool {
        self.dialogue.client == Some(self.direction)
    }

    /// Takes note that the current message makes `client` the direction of the client. Returns false if an earlier
    /// message has shown the opposite.
    #[inline]
    fn agree(&mut self, client: Direction) -> bool {
        // Nearly all messages are not the first ones of their connection.
        let Dialogue { protocol, client: known, .. } = *self.dialogue;
        protocol == Some(Protocol::Http1) && known == Some(client) || self.meet(client)
    }

    /// As [`Self::agree`], for a message that may be the first one of its connection.
    fn meet(&mut self, client: Direction) -> bool {
        let protocol = self.dialogue.protocol;
        match protocol {
            None | Some(Protocol::Other) => self.sink.note(Note::Protocol(Protocol::Http1)),
            Some(Protocol::Http1 | Protocol::Tunnel) => {}
            // The connection keeps the protocol of its client, and also counts as HTTP/1 for the response.
            Some(_) if self.dialogue.client.is_none() => self.sink.note(Note::Protocol(Protocol::Http1)),
            Some(_) => {}
        }
        if protocol.is_none_or(|protocol| matches!(protocol, Protocol::Other | Protocol::Tunnel)) {
            self.dialogue.protocol = Some(Protocol::Http1);
        }
        let agrees = *self.dialogue.client.get_or_insert(client) == client;
        if !agrees {
            self.sink.note(Note::ParseError);
        }
        agrees
    }

    fn sides(&self) -> Sides<'a> {
        let asks = self.dialogue.client.unwrap_or(self.direction);
        Sides { connection: &self.flow.key, asks, interface: self.flow.interface }
    }

    /// Reports a PROXY header. A load balancer sends it before the first request; a later one comes from the client and
    /// is ignored.
    fn proxied(&mut self, client: Option<Ipv6Addr>) {
        let asks = self.flow.opener.is_none_or(|asks| asks == self.direction);
        if asks && self.dialogue.client.is_none() {
            self.sink.proxied(&self.flow.key, client);
        }
    }

    fn orphan(&mut self, head: &ResponseHead<'_>, bytes: u64, since: Timestamp, first: Option<SeqNumber>) -> Follows {
        let (status, latency) = (head.status, None);
        let response = Response { status, latency, bytes };
        let ticket = self.sink.unasked(&self.sides(), &response);
        self.sink.note(Note::Orphan);
        self.sink.response(ticket, response);
        self.dialogue.answer =
            Some(Answer { ticket, status: Some(status), latency, since, bytes, is_final: false, watched: None });
        if status == 101 {
            self.enter_tunnel(head, ticket, first);
            return Follows::Tunnel;
        }
        Follows::Doubt
    }

    /// The response 101 with `ticket` changes the protocol. The server had received what its client sent before `first`.
    fn enter_tunnel(&mut self, head: &ResponseHead<'_>, ticket: S::Ticket, first: Option<SeqNumber>) {
        let protocol = match head.upgrade {
            Some(name) if name.eq_ignore_ascii_case(b"websocket") => Protocol::WebSocket,
            Some(_) if is_h2c(head) => Protocol::Http2,
            _ => Protocol::Tunnel,
        };
        self.sink.note(Note::Protocol(protocol));
        self.dialogue.protocol = Some(protocol);
        self.dialogue.then = Some(Then::Stop);
        let client = self.direction.reverse();
        let (mut asked, mut answered) = (None, None);
        // In HTTP/2 the response comes on stream 1, and a WebSocket ends later, so the exchange goes on there.
        if protocol != Protocol::Tunnel
            && let Some(answer) = &mut self.dialogue.answer
        {
            let is_of_first = |asked: &&Waiting<S::Ticket>| asked.ticket == ticket && asked.ended.is_some();
            asked = self.dialogue.line.first().filter(is_of_first).copied();
            if asked.is_some() {
                self.dialogue.line.remove(0);
                answer.is_final = false;
            }
            if protocol == Protocol::WebSocket {
                answered = Some(answer.ended(None, protocol));
            }
        }
        if protocol == Protocol::WebSocket || asked.is_some() {
            let switched = Some(Switched { ticket, client, is_client_known: false, first, asked, answered });
            self.dialogue.found = Some(Box::new(Found { protocol, bytes: Box::default(), switched }));
        }
    }

    /// Takes content of the request that is being sent.
    fn asked_content(&mut self, bytes: &[u8]) {
        let Some(content) = &mut self.dialogue.asking else { return };
        let count = content.take(bytes).messages;
        if count > 0
            && let Some(asking) = self.dialogue.line.newest().filter(|asking| asking.ended.is_none())
        {
            asking.messages = asking.messages.saturating_add(count as u32);
            self.sink.messages(asking.ticket, true, count);
        }
    }

    /// Decides by the type of its content whether a response is a stream whose parts are counted.
    fn watch(&mut self, head: &ResponseHead<'_>) -> Follows {
        let fields = FieldLines(head.fields);
        let kind = fields.find(b"content-type").and_then(Kind::of).filter(|&kind| kind != Kind::Grpc);
        let is_identity = |coding: &[u8]| coding.eq_ignore_ascii_case(b"identity");
        let is_coded = || fields.find(b"content-encoding").is_some_and(|coding| !is_identity(coding));
        let Some(kind) = kind.filter(|kind| kind.is_grpc() || !is_coded()) else { return Follows::Body };
        let Some(answer) = &mut self.dialogue.answer else { return Follows::Body };
        let is_grpc = kind.is_grpc();
        // A call that fails at once has its status in the head.
        let status = || fields.find(b"grpc-status").and_then(GrpcStatus::from_bytes);
        let grpc = is_grpc.then(status).flatten();
        answer.watched = Some(Box::new(Watched { content: Content::of(kind), is_grpc, messages: 0, grpc }));
        Follows::Content
    }

    /// Ends the newest request before `mark`.
    fn end_request(&mut self, mark: Mark) {
        if self.dialogue.asking.is_some() {
            self.dialogue.asking = None;
        }
        if let Some(asking) = self.dialogue.line.newest().filter(|asking| asking.ended.is_none()) {
            (asking.ended, asking.end) = (Some(mark.ts), mark.seq);
        }
    }

    /// Ends the current response. `ended` is the time of its last byte, or `None` if that was not seen.
    fn end_answer(&mut self, ended: Option<Timestamp>) {
        if let Some(answer) = self.dialogue.answer.as_ref().filter(|answer| answer.is_final)
            && let Some(asked) = self.dialogue.line.first()
        {
            let client = self.dialogue.client.unwrap_or(self.direction);
            if let Some(grpc) = answer.watched.as_ref().and_then(|watched| watched.grpc) {
                self.sink.grpc_status(answer.ticket, grpc, answer.status);
            }
            tell(self.flow, client, asked, Some(&answer.ended(ended, asked.protocol)), self.sink);
            self.dialogue.line.remove(0);
        }
        self.dialogue.answer = None;
    }

    fn gap(&mut self, mark: Mark) {
        // Before the first message, the side that opened the connection counts as the client.
        if self.dialogue.client.or(self.flow.opener) == Some(self.direction) {
            self.end_request(mark);
        } else {
            self.end_answer(None);
            self.dialogue.line.lose(mark);
        }
    }

    fn foreign(&mut self, protocol: Protocol, bytes: &[u8], mark: Mark) {
        let is_http = self.dialogue.protocol == Some(Protocol::Http1);
        // A server of HTTP/2 may send its settings before the preface of its client, and they are no sure sign.
        let is_named = self.dialogue.protocol == Some(Protocol::Other) && protocol != Protocol::Other;
        if is_http && self.dialogue.client == Some(self.direction.reverse()) {
            // The server sent a response that cannot be parsed.
            self.sink.note(Note::ParseError);
            self.dialogue.line.lose(mark);
            self.dialogue.then = Some(Then::SearchOn);
        } else if matches!(self.dialogue.protocol, None | Some(Protocol::Tunnel)) || is_named {
            self.dialogue.protocol = Some(protocol);
            self.sink.note(Note::Protocol(protocol));
            self.dialogue.found = Some(Box::new(Found { protocol, bytes: bytes.into(), switched: None }));
            // Unknown bytes may be a greeting before HTTP, or an answer to garbage, so both parsers go on.
            if protocol != Protocol::Other {
                self.dialogue.then = Some(Then::HearOther);
            }
        }
    }

    /// Reports the oldest waiting requests as unanswered, all but the newest `keep`.
    pub fn give_up_waiting(&mut self, keep: usize) {
        self.give_up(self.dialogue.line.len().saturating_sub(keep));
    }

    /// Reports the oldest `count` waiting requests as unanswered. A request whose final response is being sent stays.
    fn give_up(&mut self, count: usize) {
        for _ in 0..count {
            let at = usize::from(self.dialogue.answer.as_ref().is_some_and(|answer| answer.is_final));
            let Some(asked) = self.dialogue.line.remove(at) else { return };
            self.sink.note(Note::Unanswered);
            let client = self.dialogue.client.unwrap_or(self.direction);
            tell(self.flow, client, &asked, None, self.sink);
        }
    }
}

/// Returns whether a response 101 changes the connection to HTTP/2 (RFC 7540 §3.2).
fn is_h2c(head: &ResponseHead<'_>) -> bool {
    head.upgrade.is_some_and(|name| name.eq_ignore_ascii_case(b"h2c"))
}

/// Returns how a body with these fields carries messages of gRPC-Web, if it does.
fn grpc_web(fields: &FieldLines<'_>) -> Option<Kind> {
    let kind = fields.find(b"content-type").and_then(Kind::of)?;
    matches!(kind, Kind::GrpcWeb | Kind::GrpcWebText).then_some(kind)
}

impl<K> Answer<K> {
    /// The response at its end, of which `ended` is the time. `protocol` is that of the exchange, unless the content
    /// shows another one.
    fn ended(&self, ended: Option<Timestamp>, protocol: Protocol) -> Answered {
        let &Self { status, latency, since, bytes, .. } = self;
        let watched = self.watched.as_ref();
        let is_grpc = watched.is_some_and(|watched| watched.is_grpc);
        Answered {
            status,
            latency,
            since,
            ended,
            bytes,
            protocol: if is_grpc { Protocol::Grpc } else { protocol },
            grpc: watched.and_then(|watched| watched.grpc),
            messages: watched.map_or(0, |watched| watched.messages),
            codes: Codes::default(),
        }
    }
}

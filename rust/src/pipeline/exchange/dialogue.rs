//! What both directions of a connection say to each other: which request a response answers.

use std::collections::VecDeque;

use super::{Exchange, MAX_WAITING, Note, Request, Response, Sink};
use crate::pipeline::decode::{Direction, Endpoint};
use crate::pipeline::flow::FlowInfo;
use crate::pipeline::http::{Event, Extent, Follows, Handler, Method, Protocol, RequestHead, ResponseHead};
use crate::pipeline::packet::Timestamp;
use crate::pipeline::reassembly::Chunk;
use crate::pipeline::tls::{ClientHello, Progress};

/// A request that waits for its response.
#[derive(Clone, Copy, Debug)]
pub struct Waiting<K> {
    pub ticket: K,
    method: Method,
    since: Timestamp,
    /// When its last byte was seen.
    ended: Option<Timestamp>,
    bytes: u64,
    /// The first of its connection.
    is_first: bool,
    /// What the connection had sent again before it.
    retransmitted: u16,
}

/// The response being sent.
#[derive(Debug)]
struct Answer<K> {
    ticket: K,
    status: u16,
    latency: Option<u64>,
    since: Timestamp,
    bytes: u64,
    /// It ends the exchange at the head of the line.
    is_final: bool,
}

/// What both directions of a connection have said to each other.
#[derive(Debug)]
pub struct Dialogue<K> {
    pub protocol: Option<Protocol>,
    pub client: Option<Direction>,
    pub waiting: VecDeque<Waiting<K>>,
    answer: Option<Answer<K>>,
    /// Of the newest request.
    pub ticket: Option<K>,
    /// Responses may have been missed.
    has_gap: bool,
    /// Final responses since the newest request that answered nothing seen.
    orphans: u32,
    /// What is being read comes late: it was answered already, if it can be.
    pub is_late: bool,
    /// What becomes of both parsers.
    pub then: Option<Then>,
    /// The TLS hello being read, and the direction it comes in.
    pub hello: Option<(Direction, Box<ClientHello>)>,
}

impl<K> Default for Dialogue<K> {
    fn default() -> Self {
        Self {
            protocol: None,
            client: None,
            waiting: VecDeque::new(),
            answer: None,
            ticket: None,
            has_gap: false,
            orphans: 0,
            is_late: false,
            then: None,
            hello: None,
        }
    }
}

/// Requests that may wait without counting as memory beside the connection: as many as a [`VecDeque`] starts with.
const FEW: usize = 4;

impl<K: Copy + PartialEq> Dialogue<K> {
    /// All was answered, and the next request may come; whose it is is still to be said.
    pub fn resumed() -> Self {
        Self { protocol: Some(Protocol::Http1), ..Self::default() }
    }

    /// What [`Self::resumed`] does not know, when that is all there is to know.
    pub fn at_rest(&self) -> Option<(Direction, K)> {
        self.client.zip(self.ticket).filter(|_| self.waiting.is_empty() && self.is_plain())
    }

    /// The same but for the request that waits: one, which is whole, and the newest.
    pub fn at_rest_but_one(&self) -> Option<(Direction, Waiting<K>)> {
        let request = self.waiting.front().filter(|request| self.waiting.len() == 1 && request.ended.is_some())?;
        self.client.zip(Some(*request)).filter(|_| self.ticket == Some(request.ticket) && self.is_plain())
    }

    /// Forgets all that [`Self::resumed`] does not know, but whose requests they are; the memory of a few who waited is
    /// used again.
    pub fn settle(&mut self) {
        self.waiting.clear();
        if self.waiting.capacity() > FEW {
            self.waiting.shrink_to(FEW);
        }
        if !self.is_plain() {
            *self = Self { waiting: std::mem::take(&mut self.waiting), ..Self::resumed() };
        }
    }

    /// Nothing but who waits is out of the ordinary.
    fn is_plain(&self) -> bool {
        let is_silent = self.answer.is_none() && !self.has_gap && self.orphans == 0;
        is_silent && self.protocol == Some(Protocol::Http1)
    }

    /// Bytes kept beside the connection itself.
    pub fn held(&self) -> usize {
        let waiting = self.waiting.capacity().saturating_sub(FEW) * size_of::<Waiting<K>>();
        waiting + self.hello.as_ref().map_or(0, |(_, hello)| hello.held())
    }
}

impl<K> Dialogue<K> {
    /// Nothing was said yet; the memory of those who waited is used again.
    pub fn begin(&mut self) {
        *self = Self { waiting: std::mem::take(&mut self.waiting), ..Self::default() };
    }

    /// Goes on with a TLS hello, until it is whole or has a hole.
    pub fn read_hello<S: Sink<Ticket = K>>(&mut self, chunk: &Chunk<'_>, sink: &mut S) {
        let Some((_, hello)) = &mut self.hello else { return };
        let progress = if chunk.skipped > 0 { Progress::Done(None) } else { hello.push(chunk.bytes) };
        if let Progress::Done(name) = progress {
            self.hello = None;
            if let Some(name) = name {
                sink.server_name(&name);
            }
        }
    }
}

/// The connection is not what it was any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The rest is another protocol.
    Stop,
    /// The rest is a connection through a proxy (RFC 9110 §9.3.6).
    Restart,
}

/// One direction speaks.
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
        let RequestHead { method, target, host, .. } = *head;
        let ticket = self.sink.request(&Request { method, target, host, server: self.server(), bytes });
        self.give_up_waiting(MAX_WAITING - 1);
        let is_first = self.dialogue.ticket.replace(ticket).is_none();
        if is_first {
            self.sink.opening(ticket, &self.flow.opening, self.direction);
        }
        if self.dialogue.is_late && self.dialogue.orphans > 0 {
            // Its answer passed before it did, as an orphan; the next one is not for it.
            self.dialogue.orphans -= 1;
            return;
        }
        self.dialogue.orphans = 0;
        self.dialogue.waiting.push_back(Waiting {
            ticket,
            method,
            since,
            ended: None,
            bytes,
            is_first,
            retransmitted: self.flow.retransmitted,
        });
    }

    fn response(&mut self, head: &ResponseHead<'_>, Extent { bytes, since }: Extent) -> Follows {
        if !self.agree(self.direction.reverse()) {
            self.bytes(bytes);
            return Follows::Body;
        }
        let status = head.status;
        // RFC 9110 §15.2: an interim response is followed by the final one; 101 is the last of its kind.
        let is_final = status >= 200 || status == 101;
        if is_final && std::mem::take(&mut self.dialogue.has_gap) {
            self.give_up_waiting(1);
        }
        let Some(asked) = self.dialogue.waiting.front() else {
            return self.orphan(head, Extent { bytes, since });
        };
        let (ticket, method) = (asked.ticket, asked.method);
        let latency = is_final.then(|| since.since(asked.ended.unwrap_or(since)));
        self.sink.response(ticket, Response { status, latency, bytes });
        self.dialogue.answer = Some(Answer { ticket, status, latency, since, bytes, is_final });
        if status == 101 {
            self.enter_tunnel(head);
            return Follows::Tunnel;
        }
        if method == Method::CONNECT && (200..300).contains(&status) {
            self.sink.note(Note::Protocol(Protocol::Tunnel));
            self.dialogue.protocol = Some(Protocol::Tunnel);
            self.dialogue.then = Some(Then::Restart);
            return Follows::Connection;
        }
        // RFC 9110 §9.3.2: the response to HEAD has a head only.
        if method == Method::HEAD { Follows::Nothing } else { Follows::Body }
    }

    fn bytes(&mut self, count: u64) {
        if self.is_client() {
            if let Some(ticket) = self.dialogue.ticket {
                self.sink.bytes(ticket, true, count);
            }
            if let Some(asking) = self.dialogue.waiting.back_mut().filter(|asking| asking.ended.is_none()) {
                asking.bytes += count;
            }
        } else if let Some(answer) = &mut self.dialogue.answer {
            answer.bytes += count;
            self.sink.bytes(answer.ticket, false, count);
        }
    }

    fn end(&mut self, ts: Timestamp) {
        if self.is_client() {
            if let Some(asking) = self.dialogue.waiting.back_mut() {
                asking.ended.get_or_insert(ts);
            }
        } else {
            self.end_answer(Some(ts));
        }
    }

    fn event(&mut self, event: Event<'_>, ts: Timestamp) {
        match event {
            Event::Gap => self.gap(ts),
            Event::Malformed => self.sink.note(Note::ParseError),
            Event::Ambiguous(ambiguity) => self.sink.note(Note::Ambiguous(ambiguity)),
            Event::Resync => self.sink.note(Note::Resync),
            Event::Foreign(protocol, bytes) => self.foreign(protocol, bytes, ts),
        }
    }
}

impl<S: Sink> Turn<'_, S> {
    fn is_client(&self) -> bool {
        self.dialogue.client == Some(self.direction)
    }

    /// The first message tells who is the client. False when this one contradicts it.
    fn agree(&mut self, client: Direction) -> bool {
        if matches!(self.dialogue.protocol, None | Some(Protocol::Other)) {
            self.sink.note(Note::Protocol(Protocol::Http1));
        }
        self.dialogue.protocol = Some(Protocol::Http1);
        let agrees = *self.dialogue.client.get_or_insert(client) == client;
        if !agrees {
            self.sink.note(Note::ParseError);
        }
        agrees
    }

    fn server(&self) -> Endpoint {
        let client = self.dialogue.client.unwrap_or(self.direction);
        self.flow.key.sender(client.reverse())
    }

    fn orphan(&mut self, head: &ResponseHead<'_>, Extent { bytes, since }: Extent) -> Follows {
        let ticket = self.sink.unasked(self.server());
        self.sink.note(Note::Orphan);
        self.dialogue.orphans = self.dialogue.orphans.saturating_add(u32::from(head.status >= 200));
        let (status, latency) = (head.status, None);
        self.sink.response(ticket, Response { status, latency, bytes });
        self.dialogue.answer = Some(Answer { ticket, status, latency, since, bytes, is_final: false });
        if head.status == 101 {
            self.enter_tunnel(head);
            return Follows::Tunnel;
        }
        Follows::Doubt
    }

    fn enter_tunnel(&mut self, head: &ResponseHead<'_>) {
        let protocol = match head.upgrade {
            Some(name) if name.eq_ignore_ascii_case(b"websocket") => Protocol::WebSocket,
            Some(name) if name.eq_ignore_ascii_case(b"h2c") => Protocol::H2c,
            _ => Protocol::Tunnel,
        };
        self.sink.note(Note::Protocol(protocol));
        self.dialogue.protocol = Some(protocol);
        self.dialogue.then = Some(Then::Stop);
    }

    /// The answer is over; `ended` when its last byte was seen.
    fn end_answer(&mut self, ended: Option<Timestamp>) {
        let Some(answer) = self.dialogue.answer.take().filter(|answer| answer.is_final) else { return };
        let Some(asked) = self.dialogue.waiting.pop_front() else { return };
        self.tell(&asked, Some(&answer), ended);
    }

    fn gap(&mut self, ts: Timestamp) {
        if self.is_client() {
            self.end(ts);
        } else {
            self.end_answer(None);
            self.dialogue.has_gap = true;
        }
    }

    fn foreign(&mut self, protocol: Protocol, bytes: &[u8], ts: Timestamp) {
        if matches!(self.dialogue.protocol, None | Some(Protocol::Tunnel)) {
            self.dialogue.protocol = Some(protocol);
            self.sink.note(Note::Protocol(protocol));
            if protocol == Protocol::Tls {
                self.dialogue.hello = Some((self.direction, Box::default()));
                self.dialogue.read_hello(&Chunk { skipped: 0, bytes, start: true, late: false, ts }, self.sink);
            }
            // Something unknown may still turn out to be a greeting before HTTP, or an answer to rubbish.
            if protocol != Protocol::Other {
                self.dialogue.then = Some(Then::Stop);
            }
        }
    }

    /// The oldest requests will not be answered; `keep` of them still may.
    pub fn give_up_waiting(&mut self, keep: usize) {
        while self.dialogue.waiting.len() > keep {
            // The one that is being answered will be.
            let at = usize::from(self.dialogue.answer.as_ref().is_some_and(|answer| answer.is_final));
            let Some(asked) = self.dialogue.waiting.remove(at) else { return };
            self.sink.note(Note::Unanswered);
            self.tell(&asked, None, None);
        }
    }

    fn tell(&mut self, asked: &Waiting<S::Ticket>, answer: Option<&Answer<S::Ticket>>, ended: Option<Timestamp>) {
        let duration = ended.map(|ts| ts.since(asked.since));
        let client = self.dialogue.client.unwrap_or(self.direction);
        let flow = self.flow;
        self.sink.exchange(asked.ticket, duration, || Exchange {
            ts: asked.since,
            client: flow.key.sender(client),
            server: flow.key.sender(client.reverse()),
            interface: flow.interface,
            method: asked.method,
            status: answer.map(|answer| answer.status),
            request_bytes: asked.bytes,
            response_bytes: answer.map_or(0, |answer| answer.bytes),
            latency: answer.and_then(|answer| answer.latency),
            duration,
            connect: flow.opening.handshake().filter(|_| asked.is_first),
            request_time: asked.ended.map(|ended| ended.since(asked.since)),
            transfer: answer.zip(ended).map(|(answer, ended)| ended.since(answer.since)),
            retransmitted: flow.retransmitted.wrapping_sub(asked.retransmitted),
        });
    }
}

//! One direction of a connection as HTTP/1 messages: chunks in, events out, as they happen.
//!
//! Whether the stream is HTTP at all, and whether it carries requests or responses, is told from its bytes, on any port.
//! Heads are parsed where they lie in the packet; only one cut by the end of a segment is copied. A hole inside a body of
//! known length is arithmetic; anywhere else the parser looks for the next message at the start of each segment, and
//! counts a message only when its first line is whole. Each byte is visited a constant number of times.
//!
//! Not done here: which request a response answers (`dialogue`), and so whether a response has a body: that is asked.

mod rare;

use super::body::{Body, Progress};
use super::head::{self, Framing, Head, RequestHead, ResponseHead};
use super::message::{Event, Extent, Follows, Handler, Mark};
use super::proxy::ProxyHeader;
use super::start_line::{self, FirstLine, Likeness};
use crate::pipeline::decode::SeqNumber;
use crate::pipeline::exchange::{Ambiguity, Protocol};
use crate::pipeline::packet::Timestamp;
use crate::pipeline::protocol::recognise;
use crate::pipeline::reassembly::Chunk;
use crate::pipeline::steps;

/// Bytes of a head that are kept while waiting for its end; servers accept 8 to 64 KiB.
pub const MAX_HEAD: usize = 64 * 1024;

#[derive(Debug)]
enum State {
    /// Between messages.
    Start,
    /// In what a load balancer says before the first message, or may say.
    Proxy { header: ProxyHeader, since: Mark },
    /// In a head; what there is of it is in the buffer.
    Head {
        /// Looked through up to here.
        scanned: usize,
        /// Its first line is whole, and is one.
        confirmed: bool,
        since: Mark,
    },
    /// Behind [`MAX_HEAD`] bytes of a head, looking for its end.
    HeadTail {
        next: Next,
        /// The line has nothing but a CR so far.
        blank: bool,
    },
    Body {
        body: Body,
        /// It may not be there: a response to something unknown.
        doubt: bool,
        /// It may not be there: the client may be refused leave to send it. What there is of what comes instead is in
        /// the buffer.
        expects: bool,
    },
    /// Looks for a message at the start of each chunk.
    Lost {
        /// Something was lost: what looks like a message may be a part of one.
        behind_hole: bool,
    },
    /// Never looks again.
    Deaf,
}

/// What follows a head, once decided.
#[derive(Clone, Copy, Debug)]
enum Next {
    Message,
    Body { framing: Framing, doubt: bool, expects: bool },
    Tunnel,
    Connection,
}

/// Chunks of a stream that did not begin as HTTP in which a message may still be found: a proxy's greeting is shorter.
const TRIES: u8 = 8;

/// The parser of one direction.
#[derive(Debug)]
pub struct Parser {
    state: State,
    buffer: Vec<u8>,
    max_head: u32,
    /// No message was seen yet.
    first: bool,
    /// The very first byte of the stream was seen.
    from_start: bool,
    /// The current message, or the one before, was followed to its end.
    in_sync: bool,
    /// It was, and was not any more.
    was_lost: bool,
    /// The current message, or the one before, was found by a search: it may be a part of another one.
    is_found: bool,
    /// The message that begins here was.
    will_be_found: bool,
    /// Chunks in which a message is still looked for; `None` for all of them.
    tries: Option<u8>,
    /// Where the reader stands, and what the segment at hand acknowledges.
    seq: SeqNumber,
    ack: Option<SeqNumber>,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new(MAX_HEAD)
    }
}

impl Parser {
    /// A parser that keeps at most `max_head` bytes of a head.
    pub fn new(max_head: usize) -> Self {
        Self {
            state: State::Start,
            buffer: Vec::new(),
            max_head: max_head as u32,
            first: true,
            from_start: false,
            in_sync: false,
            was_lost: false,
            is_found: false,
            will_be_found: false,
            tries: None,
            seq: SeqNumber(0),
            ack: None,
        }
    }

    /// A parser in the middle of a stream that was followed so far.
    pub fn resumed() -> Self {
        Self { first: false, in_sync: true, ..Self::default() }
    }

    /// It is between messages, and lost none: [`Self::resumed`] knows as much.
    pub fn is_at_rest(&self) -> bool {
        matches!(self.state, State::Start) && self.in_sync
    }

    /// It has seen nothing: [`Self::default`] knows as much.
    pub fn is_new(&self) -> bool {
        matches!(self.state, State::Start) && self.first && !self.from_start && !self.was_lost && self.tries.is_none()
    }

    /// Bytes kept.
    pub fn held(&self) -> usize {
        self.buffer.capacity()
    }

    /// Keeps no unfinished head any longer: there are too many of them.
    pub fn give_up_head(&mut self, ts: Timestamp, handler: &mut impl Handler) {
        if matches!(self.state, State::Head { .. }) {
            handler.event(Event::Malformed, self.mark(ts));
            self.lose(false, ts, handler);
        }
    }

    /// Where the reader stands.
    fn mark(&self, ts: Timestamp) -> Mark {
        Mark { ts, seq: self.seq, ack: self.ack }
    }

    /// So many bytes of the segment at hand were read.
    fn pass_over(&mut self, bytes: usize) {
        self.seq = self.seq.plus(bytes as u32);
    }

    /// It never looks again.
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, State::Deaf)
    }

    /// What the other side says is no HTTP: only the next bytes may be a response to it.
    pub fn hear_once(&mut self) {
        if self.first && matches!(self.state, State::Start) {
            self.tries = Some(1);
        } else if matches!(self.state, State::Lost { .. }) {
            self.stop();
        }
    }

    /// Looks for a message however long it takes.
    pub fn search_on(&mut self) {
        self.tries = None;
    }

    /// From now on the stream is a new connection.
    pub fn restart(&mut self) {
        *self = Self { from_start: true, ..Self::new(self.max_head as usize) };
    }

    /// From now on the stream is something else.
    pub fn stop(&mut self) {
        (self.state, self.buffer) = (State::Deaf, Vec::new());
    }

    /// How many of the bytes to come it has no need to see.
    pub fn unwanted(&self) -> u64 {
        match &self.state {
            State::Deaf => u64::MAX,
            State::Body { body, doubt: false, expects: false } => body.unwanted(),
            State::Proxy { header, .. } => u64::from(header.unwanted()),
            _ => 0,
        }
    }

    /// Takes a chunk from the middle of a body of known length, if it is one: then nothing happens but that it passed.
    /// Returns how many of the bytes to come there is no need to see.
    #[inline]
    pub fn pass(&mut self, chunk: &Chunk<'_>) -> Option<u64> {
        match &mut self.state {
            State::Body { body: Body::Length(left), doubt: false, expects: false }
                if chunk.skipped == 0 && (chunk.bytes.len() as u64) < *left =>
            {
                *left -= chunk.bytes.len() as u64;
                Some(*left)
            }
            _ => None,
        }
    }

    /// Takes a chunk.
    pub fn push(&mut self, chunk: Chunk<'_>, handler: &mut impl Handler) {
        let Chunk { skipped, cut, bytes, seq, ack, start, ts } = chunk;
        (self.seq, self.ack) = (seq, ack);
        if skipped > 0 {
            if cut {
                self.cut(ts, handler);
            }
            self.skip(skipped, ts, handler);
        }
        self.from_start |= start;
        if self.first && !self.from_start && matches!(self.state, State::Start) && !bytes.is_empty() {
            self.join_midway(bytes, ts, handler);
        }
        self.read(bytes, seq.plus(bytes.len() as u32), ts, handler);
    }

    /// Takes bytes that end before `end`.
    #[inline]
    fn read(&mut self, bytes: &[u8], end: SeqNumber, ts: Timestamp, handler: &mut impl Handler) {
        let mut rest = bytes;
        while !rest.is_empty() {
            steps::add(1);
            self.seq = end.plus((rest.len() as u32).wrapping_neg());
            rest = match self.state {
                State::Start => self.start(rest, ts, handler),
                State::Proxy { .. } => self.proxy(rest, ts, handler),
                State::Head { .. } => self.head(rest, ts, handler),
                State::HeadTail { .. } => self.head_tail(rest, ts, handler),
                State::Body { .. } => self.body(rest, ts, handler),
                State::Lost { .. } => self.search(rest, ts, handler),
                State::Deaf => return,
            };
        }
    }

    /// The first bytes seen are not the first of the stream: a message may start with them, or with any later segment.
    fn join_midway(&mut self, bytes: &[u8], ts: Timestamp, handler: &mut impl Handler) {
        self.state = State::Lost { behind_hole: false };
        if let Some(protocol) = recognise::sure_sign(bytes) {
            handler.event(Event::Foreign(protocol, bytes), self.mark(ts));
        }
    }

    /// Does a message start here? Behind a head whose framing is broken it may also start further on.
    fn search<'a>(&mut self, bytes: &'a [u8], ts: Timestamp, handler: &mut impl Handler) -> &'a [u8] {
        let State::Lost { behind_hole } = self.state else { return bytes };
        steps::add(bytes.len());
        let start = if self.in_sync && !behind_hole {
            start_line::behind_broken_framing(bytes)
        } else {
            start_line::is_likely_start(bytes).then_some(0)
        };
        let is_request = start_line::likeness(bytes) != Likeness::Response;
        if let Some(at) = start
            && (!behind_hole || handler.may_begin(is_request, self.mark(ts)))
        {
            (self.state, self.will_be_found) = (State::Start, true);
            return &bytes[at..];
        }
        if let Some(tries) = &mut self.tries {
            *tries -= 1;
            if *tries == 0 {
                self.stop();
            }
        }
        &[]
    }

    /// The sender has finished.
    pub fn finish(&mut self, ts: Timestamp, handler: &mut impl Handler) {
        self.expect_nothing(ts, handler);
        match self.state {
            State::Body { body: Body::UntilClose, .. } => self.end(ts, handler),
            State::Body { .. } | State::Head { .. } | State::HeadTail { .. } => self.lose(false, ts, handler),
            State::Start | State::Proxy { .. } | State::Lost { .. } | State::Deaf => {}
        }
        self.stop();
    }

    /// Takes bytes that cannot be seen.
    fn skip(&mut self, count: u64, ts: Timestamp, handler: &mut impl Handler) {
        self.expect_nothing(ts, handler);
        if let State::Proxy { header, .. } = &mut self.state
            && header.skip(count)
        {
            if header.is_done() {
                self.end_proxy_header(b"", ts, handler);
            }
            return;
        }
        // Where there may be no body, the next message may be in the hole.
        let State::Body { body, doubt: false, .. } = &mut self.state else {
            return self.lose(true, ts, handler);
        };
        let (unwanted, before) = (body.unwanted(), self.seq.plus((count as u32).wrapping_neg()));
        if body.skip(count) {
            handler.bytes(count);
            if body.is_done() {
                self.end(ts, handler);
            }
            return;
        }
        if matches!(body, Body::Length(_)) {
            // The body ended in the hole, where is known; what else is in there is anybody's guess.
            handler.bytes(unwanted);
            let behind = std::mem::replace(&mut self.seq, before.plus(unwanted as u32));
            self.end(ts, handler);
            self.seq = behind;
        }
        self.lose(true, ts, handler);
    }

    /// Sync is lost: what is known of the current message is told, and the next one is looked for.
    fn lose(&mut self, behind_hole: bool, ts: Timestamp, handler: &mut impl Handler) {
        match self.state {
            State::Deaf => return,
            State::Lost { behind_hole: was_behind } => {
                self.state = State::Lost { behind_hole: behind_hole || was_behind };
                return;
            }
            State::Head { confirmed: true, since, .. } => {
                self.announce_buffer(None, since, ts, handler);
            }
            _ => {}
        }
        (self.first, self.in_sync, self.was_lost) = (false, false, true);
        (self.state, self.buffer) = (State::Lost { behind_hole }, Vec::new());
        handler.event(Event::Gap, self.mark(ts));
    }

    fn end(&mut self, ts: Timestamp, handler: &mut impl Handler) {
        self.state = State::Start;
        handler.end(self.mark(ts));
    }

    fn start<'a>(&mut self, bytes: &'a [u8], ts: Timestamp, handler: &mut impl Handler) -> &'a [u8] {
        if self.may_be_simple()
            && let Some(header) = ProxyHeader::at(bytes)
        {
            self.state = State::Proxy { header, since: self.mark(ts) };
            return bytes;
        }
        // RFC 9112 §2.2: an empty line before a request line is ignored.
        if matches!(bytes[0], b'\r' | b'\n') {
            return &bytes[1..];
        }
        // The usual case: the head is whole, and is read where it lies, once.
        if let Some((head, Some(length))) = head::read(bytes)
            && length <= self.max_head as usize
            && (self.may_be_simple() || !matches!(head, Head::Request(RequestHead { is_simple: true, .. })))
        {
            let next = self.announce(&head, Extent { bytes: length as u64, since: self.mark(ts) }, ts, handler);
            self.pass_over(length);
            self.enter(next, ts, handler);
            return &bytes[length..];
        }
        if self.first_line(bytes, 0) == FirstLine::Foreign {
            self.foreign(bytes, ts, handler);
            return &[];
        }
        self.state = State::Head { scanned: 0, confirmed: false, since: self.mark(ts) };
        bytes
    }

    /// Goes on with a head cut by the end of a segment.
    fn head<'a>(&mut self, bytes: &'a [u8], ts: Timestamp, handler: &mut impl Handler) -> &'a [u8] {
        let State::Head { scanned, confirmed, since } = self.state else { return bytes };
        let before = self.buffer.len();
        let taken = bytes.len().min(self.max_head as usize - before);
        self.buffer.extend_from_slice(&bytes[..taken]);
        steps::add(self.buffer.len() - scanned);
        let line = if confirmed { FirstLine::Head } else { self.first_line(&self.buffer, scanned) };
        let length = match line {
            FirstLine::Foreign | FirstLine::Vague => {
                let start = std::mem::take(&mut self.buffer);
                self.foreign(&start, ts, handler);
                return &[];
            }
            FirstLine::Simple(length) => Ok(length),
            FirstLine::Head => head::end(&self.buffer, if confirmed { scanned } else { 0 }),
            FirstLine::Open => Err(self.buffer.len()),
        };
        match length {
            Ok(length) => {
                let next = self.announce_buffer(Some(length), since, ts, handler);
                self.pass_over(length - before);
                self.enter(next, ts, handler);
                &bytes[length - before..]
            }
            Err(_) if self.buffer.len() == self.max_head as usize => {
                self.long_head(line, since, ts, handler);
                &bytes[taken..]
            }
            Err(scanned) => {
                self.state = State::Head { scanned, confirmed: line == FirstLine::Head, since };
                &[]
            }
        }
    }

    fn first_line(&self, bytes: &[u8], from: usize) -> FirstLine {
        match start_line::first_line(bytes, from) {
            // HTTP/0.9 had one request to a connection.
            FirstLine::Simple(_) if !self.may_be_simple() => FirstLine::Foreign,
            FirstLine::Vague if self.in_sync || self.may_be_simple() => FirstLine::Head,
            FirstLine::Vague => FirstLine::Foreign,
            line => line,
        }
    }

    fn may_be_simple(&self) -> bool {
        self.first && self.from_start
    }

    /// What stands where a message should start is none.
    fn foreign(&mut self, bytes: &[u8], ts: Timestamp, handler: &mut impl Handler) {
        let mark = self.mark(ts);
        if self.first && handler.is_bare_response(mark) {
            handler.bytes(bytes.len() as u64);
            self.state = State::Body { body: Body::UntilClose, doubt: false, expects: false };
            return;
        }
        // Nothing follows a message so: what was found by a search was none.
        self.state = State::Lost { behind_hole: self.in_sync && self.is_found };
        if std::mem::take(&mut self.in_sync) {
            self.was_lost = true;
            handler.event(Event::Malformed, mark);
            handler.event(Event::Gap, mark);
        } else if self.first && self.from_start {
            let sign = recognise::sure_sign(bytes);
            handler.event(Event::Foreign(sign.unwrap_or(Protocol::Other), bytes), mark);
            let tries = self.tries.map_or(TRIES, |tries| tries - 1);
            (self.first, self.tries) = (false, Some(tries));
            if tries == 0 {
                self.stop();
            }
        }
    }

    /// Tells of the head in the buffer, so many bytes of it or all.
    fn announce_buffer(
        &mut self,
        length: Option<usize>,
        since: Mark,
        ts: Timestamp,
        handler: &mut impl Handler,
    ) -> Next {
        let buffer = std::mem::take(&mut self.buffer);
        let bytes = &buffer[..length.unwrap_or(buffer.len())];
        let head = head::read(bytes).map(|(head, _)| head).or_else(|| head::read_cut(bytes));
        let Some(head) = head else { return Next::Message };
        self.announce(&head, Extent { bytes: bytes.len() as u64, since }, ts, handler)
    }

    /// Tells of a head, and decides what follows it.
    fn announce(&mut self, head: &Head<'_>, extent: Extent, ts: Timestamp, handler: &mut impl Handler) -> Next {
        (self.first, self.in_sync, self.tries) = (false, true, None);
        self.is_found = std::mem::take(&mut self.will_be_found);
        if std::mem::take(&mut self.was_lost) {
            handler.event(Event::Resync, self.mark(ts));
        }
        let next = match *head {
            Head::Request(ref request) => {
                handler.request(request, extent);
                Next::Body { framing: request.framing, doubt: false, expects: request.expects_continue }
            }
            Head::Response(ref response) => {
                let follows = handler.response(response, extent);
                after_response(response, follows)
            }
        };
        if !head.ambiguities().is_empty() {
            head.ambiguities().iter().for_each(|ambiguity| handler.event(Event::Ambiguous(ambiguity), self.mark(ts)));
        }
        next
    }

    fn enter(&mut self, next: Next, ts: Timestamp, handler: &mut impl Handler) {
        match next {
            Next::Message => self.end(ts, handler),
            Next::Tunnel => {
                self.end(ts, handler);
                self.stop();
            }
            Next::Connection => {
                self.end(ts, handler);
                self.restart();
            }
            Next::Body { framing, doubt, expects } => {
                if let Some(body) = Body::new(framing) {
                    self.state = State::Body { body, doubt, expects };
                    return;
                }
                self.end(ts, handler);
                if framing == Framing::Unknown {
                    self.state = State::Lost { behind_hole: false };
                }
            }
        }
    }

    fn body<'a>(&mut self, bytes: &'a [u8], ts: Timestamp, handler: &mut impl Handler) -> &'a [u8] {
        let State::Body { body, doubt, expects } = &mut self.state else { return bytes };
        if *expects {
            return self.expected(bytes, ts, handler);
        }
        if std::mem::take(doubt) && start_line::likeness(bytes) == Likeness::Response {
            self.end(ts, handler);
            return bytes;
        }
        let (taken, progress) = match body.push(bytes) {
            Progress::More => (bytes.len(), Progress::More),
            progress @ (Progress::Done(taken) | Progress::Broken(taken)) => (taken, progress),
        };
        handler.bytes(taken as u64);
        self.pass_over(taken);
        match progress {
            Progress::More => {}
            Progress::Done(_) => self.end(ts, handler),
            Progress::Broken(_) => {
                handler.event(Event::Ambiguous(Ambiguity::Chunk), self.mark(ts));
                handler.event(Event::Malformed, self.mark(ts));
                self.lose(false, ts, handler);
                let rest = &bytes[taken..];
                return start_line::behind_broken_chunk(rest).map_or(&[], |at| &rest[at..]);
            }
        }
        &bytes[taken..]
    }
}

/// RFC 9112 §6.3, rules 1 and 2: 1xx, 204 and 304 have no body; what HEAD and CONNECT do, the asker knows.
fn after_response(response: &ResponseHead<'_>, follows: Follows) -> Next {
    let framing = response.framing;
    match (follows, response.status) {
        (Follows::Tunnel, _) => Next::Tunnel,
        (Follows::Connection, _) => Next::Connection,
        (Follows::Nothing, _) | (_, 100..=199 | 204 | 304) => Next::Message,
        (Follows::Doubt, _) => Next::Body { framing, doubt: true, expects: false },
        (Follows::Body, _) => Next::Body { framing, doubt: false, expects: false },
    }
}

#[cfg(test)]
mod tests;

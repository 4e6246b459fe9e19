//! Reads one direction of a connection as HTTP/1 messages: chunks come in, calls to a [`Handler`] go out at once.
//!
//! The parser decides by the bytes, on any port, whether the stream is HTTP and whether it carries requests or
//! responses. It parses a head inside the packet; only a head that continues in the next segment is copied. A hole
//! inside a body of known length is subtracted from that length. After any other hole, the parser looks for the next
//! message at the start of each segment, and counts a message only when its first line is complete. Each byte is
//! visited a constant number of times.
//!
//! The parser does not know which request a response answers (see `dialogue`), and so not whether a response has a
//! body: it asks the handler.

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
use crate::pipeline::reassembly::{Chunk, UNKNOWN_LENGTH};
use crate::pipeline::steps;

/// Limit on the bytes of a head that are kept until its end is seen. Servers accept heads of 8 to 64 KiB.
pub const MAX_HEAD: usize = 64 * 1024;

#[derive(Debug)]
enum State {
    /// Between messages.
    Start,
    /// In a PROXY header, or in the beginning of bytes that may be one.
    Proxy { header: ProxyHeader, since: Mark },
    /// In a head; the buffer holds its bytes so far.
    Head {
        /// The buffer was searched up to here.
        scanned: usize,
        /// True if the first line is complete and valid.
        confirmed: bool,
        since: Mark,
    },
    /// In a head of more than [`MAX_HEAD`] bytes: looks for its end, and keeps nothing.
    HeadTail {
        next: Next,
        /// True if the current line has no byte, or only a CR, so far.
        blank: bool,
    },
    Body {
        body: Body,
        /// The body may be absent, because the request of this response is unknown.
        doubt: bool,
        /// The body may be absent, because the client asked for an interim response first and the server may refuse.
        /// The buffer holds the bytes that may be another request instead.
        expects: bool,
    },
    /// Out of sync: looks for a message at the start of each chunk.
    Lost {
        /// True if bytes were lost: what looks like a message may be a part of another one.
        behind_hole: bool,
    },
    /// Stopped: ignores all further bytes.
    Deaf,
}

/// What follows a head.
#[derive(Clone, Copy, Debug)]
enum Next {
    Message,
    Body { framing: Framing, doubt: bool, expects: bool },
    Tunnel,
    Connection,
}

/// Number of chunks in which a message is looked for after a stream began as something else than HTTP. The greeting of
/// a proxy takes fewer.
const TRIES: u8 = 8;

/// The parser of one direction.
#[derive(Debug)]
pub struct Parser {
    state: State,
    buffer: Vec<u8>,
    max_head: u32,
    /// True until the first message, hole or bytes of another protocol.
    first: bool,
    /// True if the first byte of the stream was seen.
    from_start: bool,
    /// True if a head was read, and no [`Event::Gap`] was reported since.
    in_sync: bool,
    /// True if synchronisation was lost; the next head then reports [`Event::Resync`].
    was_lost: bool,
    /// True if the newest message was found by a search: it may be a part of another message.
    is_found: bool,
    /// True if a search has found the message that begins next; becomes `is_found` with its head.
    will_be_found: bool,
    /// True if the handler takes the content of the newest message.
    is_watched: bool,
    /// Number of chunks in which a message is still looked for; `None` if there is no limit.
    tries: Option<u8>,
    /// Sequence number of the next byte to read. `ack` is the acknowledgement number of the current segment.
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
            is_watched: false,
            tries: None,
            seq: SeqNumber(0),
            ack: None,
        }
    }

    /// A parser in the middle of a stream, in sync and between two messages.
    pub fn resumed() -> Self {
        Self { first: false, in_sync: true, ..Self::default() }
    }

    /// True if the parser is between messages and in sync, so that [`Self::resumed`] can replace it.
    pub fn is_at_rest(&self) -> bool {
        matches!(self.state, State::Start) && self.in_sync
    }

    /// True if the parser has seen nothing, so that [`Self::default`] can replace it.
    pub fn is_new(&self) -> bool {
        matches!(self.state, State::Start) && self.first && !self.from_start && !self.was_lost && self.tries.is_none()
    }

    /// Size of the buffer in bytes.
    pub fn held(&self) -> usize {
        self.buffer.capacity()
    }

    /// Drops an unfinished head, because connections keep too many bytes.
    pub fn give_up_head(&mut self, ts: Timestamp, handler: &mut impl Handler) {
        if matches!(self.state, State::Head { .. }) {
            handler.event(Event::Malformed, self.mark(ts));
            self.lose(false, ts, handler);
        }
    }

    /// The current place in the stream.
    fn mark(&self, ts: Timestamp) -> Mark {
        Mark { ts, seq: self.seq, ack: self.ack }
    }

    /// Moves the current place behind `bytes` bytes of the current segment.
    fn pass_over(&mut self, bytes: usize) {
        self.seq = self.seq.plus(bytes as u32);
    }

    /// True if the parser ignores all further bytes.
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, State::Deaf)
    }

    /// Called when the other direction speaks another protocol. Only the very next bytes of this direction may still be
    /// an HTTP response; a parser that is already looking for a message stops.
    pub fn hear_once(&mut self) {
        if self.first && matches!(self.state, State::Start) {
            self.tries = Some(1);
        } else if matches!(self.state, State::Lost { .. }) {
            self.stop();
        }
    }

    /// From now on looks for a message without a limit on the number of chunks.
    pub fn search_on(&mut self) {
        self.tries = None;
    }

    /// From now on reads the stream as a new connection.
    pub fn restart(&mut self) {
        *self = Self { from_start: true, ..Self::new(self.max_head as usize) };
    }

    /// From now on ignores the stream, and frees the buffer.
    pub fn stop(&mut self) {
        (self.state, self.buffer) = (State::Deaf, Vec::new());
    }

    /// Returns how many of the following bytes need not be seen.
    pub fn unwanted(&self) -> u64 {
        match &self.state {
            State::Deaf => u64::MAX,
            State::Body { body, doubt: false, expects: false } if !self.is_watched => body.unwanted(),
            State::Proxy { header, .. } => u64::from(header.unwanted()),
            _ => 0,
        }
    }

    /// Takes a chunk that lies within a body of known length and does not reach its end. Returns how many of the
    /// following bytes need not be seen. Returns `None`, and takes nothing, for any other chunk.
    #[inline]
    pub fn pass(&mut self, chunk: &Chunk<'_>) -> Option<u64> {
        match &mut self.state {
            State::Body { body: Body::Length(left), doubt: false, expects: false }
                if chunk.skipped == 0 && (chunk.bytes.len() as u64) < *left && !self.is_watched =>
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

    /// Reads bytes that end before sequence number `end`.
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
                State::Deaf => return handler.beyond(rest),
            };
        }
    }

    /// The first bytes seen are not the first ones of the stream: a message may start in this segment or in a later
    /// one.
    fn join_midway(&mut self, bytes: &[u8], ts: Timestamp, handler: &mut impl Handler) {
        self.state = State::Lost { behind_hole: false };
        if let Some(protocol) = recognise::sure_sign(bytes) {
            handler.event(Event::Foreign(protocol, bytes), self.mark(ts));
        }
    }

    /// Looks for a message at the start of `bytes`; behind broken framing, also further on. Returns the bytes from the
    /// message on, or none if there is no message.
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

    /// Ends the stream: the sender has finished.
    pub fn finish(&mut self, ts: Timestamp, handler: &mut impl Handler) {
        self.expect_nothing(ts, handler);
        match self.state {
            State::Body { body: Body::UntilClose, .. } => self.end(ts, handler),
            State::Body { .. } | State::Head { .. } | State::HeadTail { .. } => self.lose(false, ts, handler),
            State::Start | State::Proxy { .. } | State::Lost { .. } | State::Deaf => {}
        }
        self.stop();
    }

    /// Skips `count` bytes that cannot be seen.
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
        // If the body may be absent, the next message may be in the hole instead.
        let State::Body { body, doubt: false, .. } = &mut self.state else {
            return self.lose(true, ts, handler);
        };
        let (unwanted, before) = (body.unwanted(), self.seq.plus((count as u32).wrapping_neg()));
        if body.skip(count) {
            if self.is_watched {
                handler.content_lost(count);
            }
            handler.bytes(if count == UNKNOWN_LENGTH { 0 } else { count });
            if body.is_done() {
                self.end(ts, handler);
            }
            return;
        }
        if matches!(body, Body::Length(_)) {
            // The body ended inside the hole, at a known place. The rest of the hole is unknown.
            handler.bytes(unwanted);
            let behind = std::mem::replace(&mut self.seq, before.plus(unwanted as u32));
            self.end(ts, handler);
            self.seq = behind;
        }
        self.lose(true, ts, handler);
    }

    /// Loses synchronisation: reports what is known about the current message, and looks for the next one.
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
        // RFC 9112 §2.2: empty lines before a request line are ignored.
        if matches!(bytes[0], b'\r' | b'\n') {
            return &bytes[1..];
        }
        // The usual case: the head is complete, and is read once inside the packet.
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

    /// Continues a head that began in an earlier segment.
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
            // A connection of HTTP/0.9 has only one request, which comes first.
            FirstLine::Simple(_) if !self.may_be_simple() => FirstLine::Foreign,
            FirstLine::Vague if self.in_sync || self.may_be_simple() => FirstLine::Head,
            FirstLine::Vague => FirstLine::Foreign,
            line => line,
        }
    }

    fn may_be_simple(&self) -> bool {
        self.first && self.from_start
    }

    /// Handles bytes that are not a message, at a place where a message should start.
    fn foreign(&mut self, bytes: &[u8], ts: Timestamp, handler: &mut impl Handler) {
        let mark = self.mark(ts);
        if self.first && handler.is_bare_response(mark) {
            handler.bytes(bytes.len() as u64);
            self.state = State::Body { body: Body::UntilClose, doubt: false, expects: false };
            return;
        }
        // Such bytes never follow a real message. If a search has found the last message, it was a part of a lost one,
        // and the stream is still behind the hole.
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

    /// Reports the head in the buffer: its first `length` bytes, or all that there are.
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

    /// Reports a head, and returns what follows it.
    fn announce(&mut self, head: &Head<'_>, extent: Extent, ts: Timestamp, handler: &mut impl Handler) -> Next {
        (self.first, self.in_sync, self.is_watched, self.tries) = (false, true, false, None);
        self.is_found = std::mem::take(&mut self.will_be_found);
        if std::mem::take(&mut self.was_lost) {
            handler.event(Event::Resync, self.mark(ts));
        }
        let next = match *head {
            Head::Request(ref request) => {
                handler.request(request, extent);
                self.is_watched = request.framing != Framing::Length(0) && handler.takes_content();
                Next::Body { framing: request.framing, doubt: false, expects: request.expects_continue }
            }
            Head::Response(ref response) => {
                let follows = handler.response(response, extent);
                self.is_watched = follows == Follows::Content;
                after_response(response, follows)
            }
        };
        if !head.ambiguities().is_empty() {
            head.ambiguities().iter().for_each(|ambiguity| handler.event(Event::Ambiguous(ambiguity), self.mark(ts)));
        }
        next
    }

    #[inline]
    fn enter(&mut self, next: Next, ts: Timestamp, handler: &mut impl Handler) {
        if let Next::Body { framing, doubt, expects } = next
            && let Some(body) = Body::new(framing)
        {
            self.state = State::Body { body, doubt, expects };
        } else {
            self.enter_next(next, ts, handler);
        }
    }

    /// Goes on behind a message that has no body.
    fn enter_next(&mut self, next: Next, ts: Timestamp, handler: &mut impl Handler) {
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
            Next::Body { framing, .. } => {
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
        let progress =
            if self.is_watched { body.push_with(bytes, |content| handler.content(content)) } else { body.push(bytes) };
        let (taken, progress) = match progress {
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

/// RFC 9112 §6.3, rules 1 and 2: responses with 1xx, 204 and 304 have no body. For responses to HEAD and CONNECT, the
/// handler decides by `follows`.
fn after_response(response: &ResponseHead<'_>, follows: Follows) -> Next {
    let framing = response.framing;
    match (follows, response.status) {
        (Follows::Tunnel, _) => Next::Tunnel,
        (Follows::Connection, _) => Next::Connection,
        (Follows::Nothing, _) | (_, 100..=199 | 204 | 304) => Next::Message,
        (Follows::Doubt, _) => Next::Body { framing, doubt: true, expects: false },
        (Follows::Body | Follows::Content, _) => Next::Body { framing, doubt: false, expects: false },
    }
}

#[cfg(test)]
mod tests;

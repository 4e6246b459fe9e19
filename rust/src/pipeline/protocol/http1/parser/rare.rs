//! The rare states of the parser: PROXY headers, heads that are cut off or too long, and bodies that may not come.

use super::{Parser, State};
use crate::pipeline::packet::Timestamp;
use crate::pipeline::protocol::http1::message::{Event, Handler, Mark};
use crate::pipeline::protocol::http1::proxy::Step;
use crate::pipeline::protocol::http1::start_line::{self, FirstLine};
use crate::pipeline::protocol::http1::{grammar, head};
use crate::pipeline::steps;

/// Within this many bytes a client that was refused must show whether it sends another request: more than the longest
/// method and the scheme of a target.
const MAX_UNDECIDED: usize = 2 * grammar::MAX_METHOD;

impl Parser {
    /// The snapshot length cut off the following bytes. Reports a truncated head if a head is being read or was due. Of
    /// an unfinished head, a part of the first line may be enough to count the message.
    #[cold]
    pub(super) fn cut(&mut self, ts: Timestamp, handler: &mut impl Handler) {
        let is_head = match &mut self.state {
            State::Head { confirmed, .. } => {
                *confirmed |= head::read_cut(&self.buffer).is_some();
                *confirmed || self.in_sync || start_line::is_likely_start(&self.buffer)
            }
            State::HeadTail { .. } => true,
            State::Start => self.in_sync,
            _ => false,
        };
        if is_head {
            handler.event(Event::TruncatedHead, self.mark(ts));
        }
    }

    /// Continues a PROXY header, or bytes that began like one.
    pub(super) fn proxy<'a>(&mut self, bytes: &'a [u8], ts: Timestamp, handler: &mut impl Handler) -> &'a [u8] {
        let State::Proxy { header, since } = &mut self.state else { return bytes };
        let wanted = header.wanted().min(bytes.len());
        match header.push(bytes) {
            Step::More => {
                self.buffer.extend_from_slice(&bytes[..wanted]);
                &[]
            }
            Step::Done(taken) => {
                self.end_proxy_header(&bytes[..wanted.min(taken)], ts, handler);
                &bytes[taken..]
            }
            Step::Other(taken) => {
                let before = header.read_before();
                let head = State::Head { scanned: 0, confirmed: false, since: *since };
                self.state = if before.is_empty() { State::Start } else { head };
                self.buffer.clear();
                self.buffer.extend_from_slice(before);
                &bytes[taken..]
            }
        }
    }

    /// Ends a PROXY header. `last` are its last bytes that are wanted; the earlier ones are in the buffer.
    pub(super) fn end_proxy_header(&mut self, last: &[u8], ts: Timestamp, handler: &mut impl Handler) {
        let State::Proxy { header, .. } = std::mem::replace(&mut self.state, State::Start) else { return };
        let mut begun = std::mem::take(&mut self.buffer);
        let source = if begun.is_empty() {
            header.source(last)
        } else {
            begun.extend_from_slice(last);
            header.source(&begun)
        };
        handler.event(Event::Proxied(source), self.mark(ts));
    }

    /// Handles a head that is longer than the limit: reports what was read of it, and skips the rest.
    pub(super) fn long_head(&mut self, line: FirstLine, since: Mark, ts: Timestamp, handler: &mut impl Handler) {
        handler.event(Event::Malformed, self.mark(ts));
        if line != FirstLine::Head {
            self.buffer = Vec::new();
            return self.lose(false, ts, handler);
        }
        let blank = self.buffer.ends_with(b"\n") || self.buffer.ends_with(b"\n\r");
        let next = self.announce_buffer(None, since, ts, handler);
        self.state = State::HeadTail { next, blank };
    }

    pub(super) fn head_tail<'a>(&mut self, bytes: &'a [u8], ts: Timestamp, handler: &mut impl Handler) -> &'a [u8] {
        let State::HeadTail { next, blank } = &mut self.state else { return bytes };
        let end = memchr::memchr(b'\n', bytes);
        let (line, rest) = bytes.split_at(end.map_or(bytes.len(), |at| at + 1));
        let is_blank = *blank && matches!(line, b"\r" | b"\n" | b"\r\n");
        let next = *next;
        *blank = is_blank || end.is_some();
        handler.bytes(line.len() as u64);
        if is_blank && end.is_some() {
            self.pass_over(line.len());
            self.enter(next, ts, handler);
        }
        rest
    }

    /// Reads behind the head of a request that expects `100-continue`: the body follows, or the next request if the
    /// server has refused the body.
    #[cold]
    pub(super) fn expected<'a>(&mut self, bytes: &'a [u8], ts: Timestamp, handler: &mut impl Handler) -> &'a [u8] {
        if !handler.was_refused() {
            self.expect_nothing(ts, handler);
            return bytes;
        }
        self.buffer.extend_from_slice(bytes);
        steps::add(self.buffer.len());
        match start_line::is_next_request(&self.buffer) {
            None if self.buffer.len() < MAX_UNDECIDED => {}
            None | Some(false) => self.expect_nothing(ts, handler),
            Some(true) => {
                let request = std::mem::take(&mut self.buffer);
                let end = self.seq.plus(bytes.len() as u32);
                self.end(ts, handler);
                self.read(&request, end, ts, handler);
            }
        }
        &[]
    }

    /// Decides that the body follows, and reads the bytes in the buffer as its beginning.
    pub(super) fn expect_nothing(&mut self, ts: Timestamp, handler: &mut impl Handler) {
        if let State::Body { expects, .. } = &mut self.state
            && std::mem::take(expects)
        {
            let begun = std::mem::take(&mut self.buffer);
            self.read(&begun, self.seq, ts, handler);
        }
    }
}

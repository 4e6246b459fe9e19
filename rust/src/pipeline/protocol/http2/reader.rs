//! Reads one direction of a connection as frames: chunks come in, calls to a [`Handler`] go out at once.
//!
//! Only header blocks and short frames that control the connection are kept until they are complete. DATA is counted,
//! and passes. A hole inside a frame costs what it hides, since the header of the frame told where the next one begins.
//! Behind any other hole, the reader looks for the next frame (see `search`).

use super::frame::{self, Frame, HEADER, Kind, PREFACE};
use super::message::{Block, Control, Data, Event, Handler};
use super::search::{self, Found};
use crate::pipeline::packet::Timestamp;
use crate::pipeline::reassembly::Chunk;
use crate::pipeline::steps;

/// Limit on the bytes of a header block, and of any other frame that is kept until it is complete. As the limit on a
/// head of HTTP/1.
pub const MAX_BLOCK: usize = 64 * 1024;

/// Limit on the bytes in which a frame is looked for. A direction in which none is found is given up.
const MAX_SEARCHED: u32 = 4 * 1024 * 1024;

#[derive(Debug)]
enum State {
    /// In the preface of a client, of which this many bytes were read.
    Preface(u8),
    /// Before a frame, or in its header.
    Header,
    /// In the payload of a frame that is kept until it is complete; this many bytes are left.
    Payload { frame: Frame, left: u32, is_torn: bool },
    /// In a DATA frame.
    Data(Body),
    /// In the payload of a frame that nobody looks at; this many bytes are left.
    Skip(u32),
    /// Out of sync: looks for a frame.
    Search,
    /// A frame may have been found. Its neighbour begins after this many bytes.
    Probe { left: u32 },
    /// Ignores all further bytes.
    Deaf,
}

/// A position in a DATA frame.
#[derive(Clone, Copy, Debug)]
struct Body {
    stream: u32,
    /// Bytes left without padding.
    content: u32,
    /// Bytes of padding left, behind the content.
    padding: u32,
    /// True if the length of the padding comes next.
    is_length_due: bool,
    begins: bool,
    ends_stream: bool,
}

impl Body {
    /// The position behind the header of a frame.
    fn of(frame: &Frame) -> Self {
        Self {
            stream: frame.stream,
            content: frame.length,
            padding: 0,
            is_length_due: frame.has(frame::PADDED) && frame.length > 0,
            begins: true,
            ends_stream: frame.has(frame::END_STREAM),
        }
    }
}

/// A header block that is not complete.
#[derive(Clone, Copy, Debug)]
struct Open {
    stream: u32,
    is_promise: bool,
    promised: u32,
    ends_stream: bool,
    size: u64,
    since: Timestamp,
    is_torn: bool,
}

/// The reader of one direction.
#[derive(Debug)]
pub struct Reader {
    state: State,
    /// The fragments of an open block, and behind them the payload of the current frame.
    buffer: Vec<u8>,
    open: Option<Box<Open>>,
    /// The header of the current frame, of which `have` bytes were read.
    header: [u8; HEADER],
    have: u8,
    /// When the first byte of the current frame was seen.
    since: Timestamp,
    /// How much of the content of the current DATA frame the handler has no need to see.
    unwanted: u64,
    searched: u32,
}

impl Reader {
    fn new(state: State) -> Self {
        Self {
            state,
            buffer: Vec::new(),
            open: None,
            header: [0; HEADER],
            have: 0,
            since: Timestamp(0),
            unwanted: u64::MAX,
            searched: 0,
        }
    }

    /// The direction of a client that is seen from its beginning.
    pub fn of_client() -> Self {
        Self::new(State::Preface(0))
    }

    /// A direction before one of its frames.
    pub fn of_frames() -> Self {
        Self::new(State::Header)
    }

    /// Bytes of buffers.
    #[inline]
    pub fn held(&self) -> usize {
        self.buffer.capacity()
    }

    /// Returns how many of the following bytes need not be seen.
    #[inline]
    pub fn unwanted(&self) -> u64 {
        match &self.state {
            State::Data(body) if body.is_length_due => 0,
            State::Data(body) if self.unwanted >= u64::from(body.content) => {
                u64::from(body.content) + u64::from(body.padding)
            }
            State::Data(_) => self.unwanted,
            State::Skip(left) | State::Probe { left } => u64::from(*left),
            State::Deaf => u64::MAX,
            State::Preface(_) | State::Header | State::Payload { .. } | State::Search => 0,
        }
    }

    /// Ignores the rest.
    pub fn stop(&mut self) {
        *self = Self::new(State::Deaf);
    }

    /// Takes a chunk.
    pub fn push(&mut self, chunk: &Chunk<'_>, handler: &mut impl Handler) {
        let ts = chunk.ts;
        if chunk.skipped > 0 {
            self.skip(chunk.skipped, chunk.cut, ts, handler);
        }
        let mut rest = chunk.bytes;
        while !rest.is_empty() {
            steps::add(1);
            rest = match self.state {
                State::Header => self.header(rest, ts, handler),
                State::Data(body) => self.body(body, rest, ts, handler),
                State::Payload { frame, left, is_torn } => self.payload(frame, left, is_torn, rest, ts, handler),
                State::Skip(left) => {
                    let taken = rest.len().min(left as usize);
                    self.skip_on(left - taken as u32);
                    &rest[taken..]
                }
                State::Preface(seen) => self.preface(seen, rest, handler),
                State::Search => self.search(rest, rest.len() == chunk.bytes.len(), handler),
                State::Probe { left } => self.probe(left, rest, ts, handler),
                State::Deaf => return,
            };
        }
    }

    /// Drops an open block and the bytes of an unfinished frame, because connections keep too many bytes.
    pub fn shed(&mut self, handler: &mut impl Handler) {
        if let State::Payload { is_torn, .. } = &mut self.state {
            *is_torn = true;
        }
        if let Some(open) = &mut self.open {
            open.is_torn = true;
        }
        if self.buffer.capacity() > 0 {
            handler.event(Event::Malformed);
        }
        self.buffer = Vec::new();
    }

    fn skip_on(&mut self, left: u32) {
        self.state = if left == 0 { State::Header } else { State::Skip(left) };
    }

    fn preface<'a>(&mut self, seen: u8, bytes: &'a [u8], handler: &mut impl Handler) -> &'a [u8] {
        let wanted = &PREFACE[usize::from(seen)..];
        let taken = wanted.len().min(bytes.len());
        if bytes[..taken] != wanted[..taken] {
            handler.event(Event::Malformed);
            self.state = State::Search;
            return bytes;
        }
        self.state = if taken == wanted.len() { State::Header } else { State::Preface(seen + taken as u8) };
        &bytes[taken..]
    }

    /// Reads on in the header of a frame. Returns the header once it is complete, and the bytes behind.
    #[inline]
    fn read_header<'a>(&mut self, bytes: &'a [u8], ts: Timestamp) -> (Option<Frame>, &'a [u8]) {
        if self.have == 0 {
            self.since = ts;
            if let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() {
                return (Some(Frame::read(header)), rest);
            }
        }
        let have = usize::from(self.have);
        let taken = bytes.len().min(HEADER - have);
        self.header[have..have + taken].copy_from_slice(&bytes[..taken]);
        self.have += taken as u8;
        let is_whole = usize::from(self.have) == HEADER;
        if is_whole {
            self.have = 0;
        }
        (is_whole.then(|| Frame::read(&self.header)), &bytes[taken..])
    }

    #[inline]
    fn header<'a>(&mut self, bytes: &'a [u8], ts: Timestamp, handler: &mut impl Handler) -> &'a [u8] {
        let (frame, rest) = self.read_header(bytes, ts);
        match frame {
            Some(frame) if frame.is_allowed() => return self.enter(frame, rest, ts, handler),
            Some(_) => {
                handler.event(Event::Malformed);
                self.lose(ts, handler);
            }
            None => {}
        }
        rest
    }

    /// Begins a frame behind its header. Nearly every frame is complete in its packet, and is read there. Returns the bytes
    /// behind what was read.
    #[inline]
    fn enter<'a>(&mut self, frame: Frame, rest: &'a [u8], ts: Timestamp, handler: &mut impl Handler) -> &'a [u8] {
        let Frame { kind, stream, length, .. } = frame;
        if let Some(open) = &self.open
            && (kind != Kind::Continuation || stream != open.stream)
        {
            // RFC 9113 §6.10: nothing comes between the fragments of a block.
            handler.event(Event::Malformed);
            self.tear(ts, handler);
        }
        match kind {
            Kind::Data if rest.is_empty() && length > 0 => self.state = State::Data(Body::of(&frame)),
            Kind::Data => return self.body(Body::of(&frame), rest, ts, handler),
            Kind::Continuation if self.open.is_none() => {
                handler.event(Event::Malformed);
                handler.event(Event::LostBlock);
                self.skip_on(length);
            }
            Kind::Headers | Kind::PushPromise | Kind::Continuation | Kind::Reset | Kind::Settings | Kind::GoAway => {
                if (self.open.is_none() || length == 0)
                    && let Some((payload, behind)) = rest.split_at_checked(length as usize)
                {
                    self.complete(&frame, payload, false, ts, handler);
                    return behind;
                }
                self.state = State::Payload { frame, left: length, is_torn: false };
            }
            Kind::Priority | Kind::Ping | Kind::WindowUpdate | Kind::Extension | Kind::Unknown => self.skip_on(length),
        }
        rest
    }

    #[inline]
    fn body<'a>(&mut self, body: Body, bytes: &'a [u8], ts: Timestamp, handler: &mut impl Handler) -> &'a [u8] {
        let mut body = body;
        let mut rest = bytes;
        let mut framing = if body.begins { HEADER as u64 } else { 0 };
        if body.is_length_due
            && let Some((&padding, behind)) = rest.split_first()
        {
            body.is_length_due = false;
            framing += 1;
            rest = behind;
            body.padding = u32::from(padding).min(body.content - 1);
            body.content -= 1 + body.padding;
        }
        let (content, rest) = rest.split_at(rest.len().min(body.content as usize));
        body.content -= content.len() as u32;
        let padding = if body.content == 0 { rest.len().min(body.padding as usize) } else { 0 };
        body.padding -= padding as u32;
        framing += padding as u64;
        self.pass(body, framing, content, 0, ts, handler);
        &rest[padding..]
    }

    /// Tells of a part of a DATA frame. `body` is the position behind it.
    #[inline]
    fn pass(
        &mut self,
        body: Body,
        framing: u64,
        bytes: &[u8],
        skipped: u64,
        ts: Timestamp,
        handler: &mut impl Handler,
    ) {
        let ends = body.content == 0 && body.padding == 0;
        self.unwanted = handler.data(&Data {
            stream: body.stream,
            framing,
            bytes,
            skipped,
            is_vague: body.is_length_due,
            begins: body.begins,
            since: self.since,
            ends,
            ends_stream: ends && body.ends_stream,
            ts,
        });
        self.state =
            if ends { State::Header } else { State::Data(Body { begins: false, is_length_due: false, ..body }) };
    }

    #[inline]
    fn payload<'a>(
        &mut self,
        frame: Frame,
        left: u32,
        is_torn: bool,
        bytes: &'a [u8],
        ts: Timestamp,
        handler: &mut impl Handler,
    ) -> &'a [u8] {
        let (taken, rest) = bytes.split_at(bytes.len().min(left as usize));
        let is_whole = taken.len() == frame.length as usize && !is_torn;
        if is_whole && self.open.is_none() {
            // Nearly every header block is complete in its packet, and is read there.
            self.complete(&frame, taken, false, ts, handler);
            return rest;
        }
        let is_torn = is_torn || self.buffer.len() + taken.len() > MAX_BLOCK;
        if is_torn {
            self.buffer = Vec::new();
        } else {
            steps::add(taken.len());
            self.buffer.extend_from_slice(taken);
        }
        let left = left - taken.len() as u32;
        self.state = State::Payload { frame, left, is_torn };
        if left == 0 {
            let buffer = std::mem::take(&mut self.buffer);
            let payload = buffer.len().saturating_sub(frame.length as usize);
            if self.open.is_some() {
                self.continue_block(&frame, buffer, is_torn, ts, handler);
            } else {
                self.complete(&frame, &buffer[payload..], is_torn, ts, handler);
            }
        }
        rest
    }

    /// Ends a frame that was kept.
    fn complete(&mut self, frame: &Frame, payload: &[u8], is_torn: bool, ts: Timestamp, handler: &mut impl Handler) {
        self.state = State::Header;
        let stream = frame.stream;
        match frame.kind {
            Kind::Headers | Kind::PushPromise => self.begin_block(frame, payload, is_torn, ts, handler),
            Kind::Continuation => self.continue_block(frame, Vec::new(), is_torn || frame.length > 0, ts, handler),
            _ if is_torn => {}
            Kind::Reset => {
                if let Some(code) = payload.first_chunk() {
                    handler.control(Control::Reset { stream, code: u32::from_be_bytes(*code) });
                }
            }
            Kind::Settings => handler.control(Control::Settings(payload)),
            Kind::GoAway => {
                if let Some(([last, code], _)) = payload.as_chunks::<4>().0.split_first_chunk() {
                    let last = u32::from_be_bytes(*last) & (u32::MAX >> 1);
                    handler.control(Control::GoAway { last, code: u32::from_be_bytes(*code) });
                }
            }
            _ => {}
        }
    }

    fn begin_block(&mut self, frame: &Frame, payload: &[u8], is_torn: bool, ts: Timestamp, handler: &mut impl Handler) {
        let is_promise = frame.kind == Kind::PushPromise;
        let mut open = Open {
            stream: frame.stream,
            is_promise,
            promised: 0,
            ends_stream: !is_promise && frame.has(frame::END_STREAM),
            size: frame.size(),
            since: self.since,
            is_torn,
        };
        let mut fragment: &[u8] = &[];
        if !is_torn {
            let wrapping = frame::wrapping(frame, payload);
            let inner = wrapping.map(|(before, behind)| &payload[before..payload.len() - behind]);
            match inner.map(|inner| (inner, inner.split_first_chunk::<4>())) {
                Some((_, Some((promised, behind)))) if is_promise => {
                    open.promised = u32::from_be_bytes(*promised) & (u32::MAX >> 1);
                    fragment = behind;
                }
                Some((inner, _)) if !is_promise => fragment = inner,
                _ => {
                    handler.event(Event::Malformed);
                    open.is_torn = true;
                }
            }
        }
        if frame.has(frame::END_HEADERS) {
            tell(&open, fragment, ts, handler);
        } else {
            self.buffer = if open.is_torn { Vec::new() } else { fragment.to_vec() };
            self.open = Some(Box::new(open));
        }
    }

    /// Takes a frame that continues the open block. `buffer` holds all fragments so far.
    fn continue_block(
        &mut self,
        frame: &Frame,
        buffer: Vec<u8>,
        is_torn: bool,
        ts: Timestamp,
        handler: &mut impl Handler,
    ) {
        self.state = State::Header;
        let buffer = if frame.length == 0 { std::mem::take(&mut self.buffer) } else { buffer };
        let Some(open) = &mut self.open else { return };
        open.size = open.size.saturating_add(frame.size());
        open.is_torn |= is_torn;
        if frame.has(frame::END_HEADERS) {
            let open = **open;
            self.open = None;
            tell(&open, &buffer, ts, handler);
        } else if !open.is_torn {
            self.buffer = buffer;
        }
    }

    /// Gives up the open block, whose end was not seen.
    fn tear(&mut self, ts: Timestamp, handler: &mut impl Handler) {
        self.buffer = Vec::new();
        if let Some(open) = self.open.take() {
            tell(&Open { is_torn: true, ..*open }, &[], ts, handler);
        }
    }

    /// Skips `count` bytes that cannot be seen.
    fn skip(&mut self, count: u64, is_cut: bool, ts: Timestamp, handler: &mut impl Handler) {
        let mut count = count;
        match self.state {
            State::Deaf => return,
            State::Search => {}
            State::Preface(_) | State::Header => return self.lose(ts, handler),
            State::Skip(left) => {
                let taken = count.min(u64::from(left));
                self.skip_on(left - taken as u32);
                count -= taken;
            }
            State::Probe { left } => {
                let is_within = count <= u64::from(left) && self.have == 0;
                self.state = if is_within { State::Probe { left: left - count as u32 } } else { State::Search };
                self.have = 0;
                return;
            }
            State::Data(mut body) => {
                let content = count.min(u64::from(body.content));
                body.content -= content as u32;
                let padding = (count - content).min(u64::from(body.padding));
                body.padding -= padding as u32;
                count -= content + padding;
                let framing = padding + if body.begins { HEADER as u64 } else { 0 };
                self.pass(body, framing, &[], content, ts, handler);
            }
            State::Payload { frame, left, .. } => {
                if is_cut && matches!(frame.kind, Kind::Headers | Kind::PushPromise | Kind::Continuation) {
                    handler.event(Event::TruncatedHead);
                }
                let taken = count.min(u64::from(left));
                count -= taken;
                self.buffer = Vec::new();
                let left = left - taken as u32;
                self.state = State::Payload { frame, left, is_torn: true };
                if left == 0 {
                    if self.open.is_some() {
                        self.continue_block(&frame, Vec::new(), true, ts, handler);
                    } else {
                        self.complete(&frame, &[], true, ts, handler);
                    }
                }
            }
        }
        if count > 0 {
            self.lose(ts, handler);
        }
    }

    /// Loses synchronisation: looks for the next frame.
    fn lose(&mut self, ts: Timestamp, handler: &mut impl Handler) {
        self.tear(ts, handler);
        self.have = 0;
        if !matches!(self.state, State::Search) {
            self.state = State::Search;
            self.searched = 0;
        }
        handler.event(Event::Gap);
    }

    /// Looks for a frame. Returns the bytes from it on. `is_start` says that `bytes` are the beginning of a segment.
    fn search<'a>(&mut self, bytes: &'a [u8], is_start: bool, handler: &mut impl Handler) -> &'a [u8] {
        steps::add(bytes.len());
        match search::find(bytes, is_start, |frame| handler.may_follow(frame)) {
            Found::Frame(at) => {
                self.state = State::Header;
                handler.event(Event::Resync);
                return &bytes[at..];
            }
            Found::Maybe { left, hides_block } => {
                self.state = State::Probe { left };
                if hides_block {
                    handler.event(Event::LostBlock);
                }
            }
            Found::Nothing => {}
        }
        self.searched = self.searched.saturating_add(bytes.len() as u32);
        if self.searched > MAX_SEARCHED {
            handler.event(Event::Malformed);
            self.stop();
        }
        &[]
    }

    /// Checks whether another frame begins where the one that was found ends.
    fn probe<'a>(&mut self, left: u32, bytes: &'a [u8], ts: Timestamp, handler: &mut impl Handler) -> &'a [u8] {
        let taken = bytes.len().min(left as usize);
        self.searched = self.searched.saturating_add(taken as u32);
        self.state = State::Probe { left: left - taken as u32 };
        let rest = &bytes[taken..];
        if rest.is_empty() {
            return rest;
        }
        let (frame, rest) = self.read_header(rest, ts);
        match frame {
            Some(frame) if search::fits(&frame) && handler.may_follow(&frame) => {
                handler.event(Event::Resync);
                return self.enter(frame, rest, ts, handler);
            }
            Some(_) => self.state = State::Search,
            None => {}
        }
        rest
    }
}

/// Tells of a block, all of whose frames were seen.
#[inline]
fn tell(open: &Open, fragments: &[u8], ts: Timestamp, handler: &mut impl Handler) {
    handler.block(&Block {
        stream: open.stream,
        is_promise: open.is_promise,
        promised: open.promised,
        bytes: (!open.is_torn).then_some(fragments),
        ends_stream: open.ends_stream,
        size: open.size,
        since: open.since,
        until: ts,
    });
}

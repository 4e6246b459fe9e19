//! Reads the head of a message: finds its end, and the few fields that decide the framing and name the host.
//!
//! One pass over the lines, without a limit on their number and without copies. The reader is as tolerant as real
//! servers and clients; [`Ambiguities`] notes what two readers could understand differently.

use super::grammar::StartLine;
use super::lines::Lines;
use super::odd_line;
use super::start_line::is_all;
use crate::pipeline::exchange::{Ambiguity, Method};

/// A set of [`Ambiguity`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ambiguities(u8);

impl Ambiguities {
    /// Adds one ambiguity to the set.
    pub fn add(&mut self, one: Ambiguity) {
        self.0 |= 1 << one as u8;
    }

    /// Iterates over the ambiguities in the set.
    pub fn iter(self) -> impl Iterator<Item = Ambiguity> {
        Ambiguity::ALL.into_iter().filter(move |&one| self.has(one))
    }

    /// Returns whether this ambiguity is in the set.
    pub fn has(self, one: Ambiguity) -> bool {
        self.0 & (1 << one as u8) != 0
    }

    /// True if the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// How a body ends, as far as its head decides (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// After this many bytes; 0 if there is no body.
    Length(u64),
    /// After the last chunk.
    Chunked,
    /// When the connection closes.
    UntilClose,
    /// Unknown: the head is cut off, or its fields do not define an end.
    Unknown,
}

/// The head of a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// Request method.
    pub method: Method,
    /// Request target as on the wire.
    pub target: &'a [u8],
    /// `Host` field as on the wire.
    pub host: Option<&'a [u8]>,
    /// Framing of the body.
    pub framing: Framing,
    /// True for HTTP/0.9: the head is a line without version and fields.
    pub is_simple: bool,
    /// True if the snapshot length cut off the line, so that the target may be incomplete.
    pub is_cut: bool,
    /// True if the client waits for an interim response before it sends the body (RFC 9110 §10.1.1).
    pub expects_continue: bool,
    /// True if the client asks for a WebSocket (RFC 6455 §4.1).
    pub wants_websocket: bool,
    /// What two readers could understand differently in the head.
    pub ambiguities: Ambiguities,
    /// All lines behind the first one, for [`super::FieldLines`]; empty if some may be missing.
    pub fields: &'a [u8],
}

impl<'a> RequestHead<'a> {
    /// A request head with only its first line.
    fn bare(method: Method, target: &'a [u8]) -> Self {
        Self {
            method,
            target,
            host: None,
            framing: Framing::Length(0),
            is_simple: false,
            is_cut: false,
            expects_continue: false,
            wants_websocket: false,
            ambiguities: Ambiguities::default(),
            fields: b"",
        }
    }
}

/// The head of a response.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// Status code, of at most three digits.
    pub status: u16,
    /// Framing of the body, if the request and the status allow one.
    pub framing: Framing,
    /// `Upgrade` field as on the wire.
    pub upgrade: Option<&'a [u8]>,
    /// What two readers could understand differently in the head.
    pub ambiguities: Ambiguities,
    /// All lines behind the first one, for [`super::FieldLines`]; empty if some may be missing.
    pub fields: &'a [u8],
}

/// The head of a message.
#[derive(Clone, Copy, Debug)]
pub enum Head<'a> {
    /// The head of a request.
    Request(RequestHead<'a>),
    /// The head of a response.
    Response(ResponseHead<'a>),
}

impl Head<'_> {
    /// What two readers could understand differently in the head.
    pub fn ambiguities(&self) -> Ambiguities {
        match self {
            Self::Request(request) => request.ambiguities,
            Self::Response(response) => response.ambiguities,
        }
    }
}

/// Finds the end of the head at the start of `bytes`, searching from `from` on. Returns the length of the head
/// including its blank line, or as `Err` the place from which to search again with more bytes.
pub fn end(bytes: &[u8], from: usize) -> Result<usize, usize> {
    let mut at = from;
    while let Some(found) = memchr::memchr(b'\n', &bytes[at..]) {
        let line_feed = at + found;
        match &bytes[line_feed + 1..] {
            [b'\n', ..] => return Ok(line_feed + 2),
            [b'\r', b'\n', ..] => return Ok(line_feed + 3),
            [] | [b'\r'] => return Err(line_feed),
            _ => at = line_feed + 1,
        }
    }
    Err(bytes.len())
}

/// Reads the head at the start of `bytes`. Returns it with its length; the length is `None` if the head is incomplete,
/// and then only its complete lines are read. Returns `None` if there is no start line.
pub fn read(bytes: &[u8]) -> Option<(Head<'_>, Option<usize>)> {
    let mut lines = Lines::new(bytes);
    let first = lines.next()?;
    let start = StartLine::read(first)?;
    if let StartLine::Simple { target } = start {
        if !is_all(first, bytes) {
            return None;
        }
        let request = RequestHead { is_simple: true, ..RequestHead::bare(Method::from_bytes(b"GET"), target) };
        return Some((Head::Request(request), Some(first.len() + 1)));
    }
    let (mut fields, is_whole) = Fields::read(first, &mut lines);
    if fields.ambiguities.has(Ambiguity::Fold) {
        fields = fields.unfolded(&bytes[first.len() + 1..lines.position()]);
    }
    let length = is_whole.then(|| lines.position());
    let all = length.map_or(&b""[..], |length| &bytes[first.len() + 1..length]);
    if lines.may_have_nul() && bytes[..lines.position()].contains(&0) {
        fields.ambiguities.add(Ambiguity::Field);
    }
    let head = match start {
        StartLine::Response { status, is_1_0 } => {
            if status < 100 {
                fields.ambiguities.add(Ambiguity::Status);
            }
            // RFC 9112 §6.3: a response body lasts until the connection closes if there is neither field, or if the
            // last coding is not chunked.
            let framing = fields.framing(is_1_0, Framing::UntilClose, Framing::UntilClose);
            let Fields { upgrade, ambiguities, .. } = fields;
            Head::Response(ResponseHead { status, framing, upgrade, ambiguities, fields: all })
        }
        StartLine::Request { method, target, is_1_0, .. } => {
            // RFC 9112 §6.3: a request with neither field has no body. If the last coding is not chunked, the end of
            // the body is unknown.
            let framing = fields.framing(is_1_0, Framing::Length(0), Framing::Unknown);
            let Fields { host, upgrade, expects_continue, ambiguities, .. } = fields;
            let wants_websocket = upgrade.is_some_and(|name| name.eq_ignore_ascii_case(b"websocket"));
            let bare = RequestHead::bare(method, target);
            let fields = all;
            let request = RequestHead { host, framing, expects_continue, wants_websocket, ambiguities, fields, ..bare };
            Head::Request(request)
        }
        StartLine::Simple { .. } => return None,
    };
    Some((head, length))
}

/// Reads a start line whose end the snapshot length cut off; see [`odd_line::read_cut`].
pub fn read_cut(line: &[u8]) -> Option<Head<'_>> {
    let (framing, ambiguities) = (Framing::Unknown, Ambiguities::default());
    match odd_line::read_cut(line)? {
        (StartLine::Request { method, target, .. }, is_cut) => {
            Some(Head::Request(RequestHead { framing, is_cut, ..RequestHead::bare(method, target) }))
        }
        (StartLine::Response { status, .. }, _) => {
            Some(Head::Response(ResponseHead { status, framing, upgrade: None, ambiguities, fields: b"" }))
        }
        (StartLine::Simple { .. }, _) => None,
    }
}

/// Any number with this many decimal digits fits into 64 bits.
const SAFE_DIGITS: usize = 19;

/// Length of the name of the field that is read here and starts with this byte; 0 if there is none. No two of the names
/// start with the same letter.
const NAME_LENGTHS: [u8; 256] = {
    let names = ["host", "upgrade", "content-length", "transfer-encoding", "expect"];
    let mut table = [0; 256];
    let mut at = 0;
    while at < names.len() {
        let first = names[at].as_bytes()[0];
        table[first as usize] = names[at].len() as u8;
        table[first.to_ascii_uppercase() as usize] = names[at].len() as u8;
        at += 1;
    }
    table
};

/// The values of the fields that are read here.
#[derive(Default)]
struct Fields<'a> {
    host: Option<&'a [u8]>,
    upgrade: Option<&'a [u8]>,
    length: Option<Result<u64, ()>>,
    encoding: Option<&'a [u8]>,
    expects_continue: bool,
    ambiguities: Ambiguities,
}

impl<'a> Fields<'a> {
    /// Reads the lines behind the first one, up to the blank line. Also returns whether there was a blank line.
    fn read(first: &[u8], lines: &mut Lines<'a>) -> (Self, bool) {
        let mut fields = Self::default();
        let mut has_bare_lf = !first.ends_with(b"\r");
        let mut is_whole = false;
        for line in lines {
            let text = line.strip_suffix(b"\r");
            has_bare_lf |= text.is_none();
            let text = text.unwrap_or(line);
            let Some(&first) = text.first() else {
                is_whole = true;
                break;
            };
            // This test alone rules out nearly all lines of other fields.
            let ends_name = |byte: &u8| matches!(byte, b':' | b' ' | b'\t');
            if text.get(usize::from(NAME_LENGTHS[usize::from(first)])).is_some_and(ends_name) {
                fields.line(text);
            }
        }
        if has_bare_lf {
            fields.ambiguities.add(Ambiguity::BareLf);
        }
        (fields, is_whole)
    }

    /// Reads the lines again, each field together with its continuation lines. RFC 9112 §5.2: a line that begins with
    /// white space continues the previous field, and the line ends within a value count as white space.
    #[cold]
    fn unfolded(&self, lines: &'a [u8]) -> Self {
        let mut fields = Self::default();
        let kept = [Ambiguity::Fold, Ambiguity::BareLf].into_iter().filter(|&one| self.ambiguities.has(one));
        kept.for_each(|one| fields.ambiguities.add(one));
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', lines).map(|feed| feed + 1) {
            if !matches!(lines.get(end), Some(b' ' | b'\t')) {
                fields.line(&lines[start..end]);
                start = end;
            }
        }
        fields
    }

    /// Reads a line that may hold one of the fields.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a call for each of these lines costs a twentieth of reading heads")]
    fn line(&mut self, line: &'a [u8]) {
        match line[0] {
            b' ' | b'\t' => self.ambiguities.add(Ambiguity::Fold),
            b'H' | b'h' => self.host = self.host.or(self.value(line, b"host")),
            b'U' | b'u' => self.upgrade = self.value(line, b"upgrade").or(self.upgrade),
            b'E' | b'e' => {
                let value = self.value(line, b"expect");
                self.expects_continue |= value.is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"));
            }
            b'C' | b'c' => {
                if let Some(value) = self.value(line, b"content-length") {
                    self.content_length(value);
                }
            }
            b'T' | b't' => {
                if let Some(value) = self.value(line, b"transfer-encoding") {
                    self.transfer_encoding(value);
                }
            }
            _ => {}
        }
    }

    /// Returns the value of the field in this line if the field has this name. `name` is in lower case.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "see `line`")]
    fn value<const N: usize>(&mut self, line: &'a [u8], name: &[u8; N]) -> Option<&'a [u8]> {
        let (start, rest) = line.split_first_chunk::<N>()?;
        let colon = match rest.first()? {
            b':' => 0,
            b' ' | b'\t' => rest.iter().position(|byte| !matches!(byte, b' ' | b'\t'))?,
            _ => return None,
        };
        if rest[colon] != b':' || !is_name(start, name) {
            return None;
        }
        if colon > 0 {
            self.ambiguities.add(Ambiguity::Field);
        }
        Some(rest[colon + 1..].trim_ascii())
    }

    fn transfer_encoding(&mut self, value: &'a [u8]) {
        if self.encoding.replace(value).is_some() {
            self.ambiguities.add(Ambiguity::Encoding);
        }
    }

    /// Reads a value of `Content-Length`. RFC 9112 §6.3: repeated identical values, in one field or in several, count
    /// as one. Of different values the smallest is taken, so that a message hidden behind it is counted as well.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "see `line`")]
    fn content_length(&mut self, value: &[u8]) {
        if let ([b'1'..=b'9', ..], None) = (value, self.length)
            && value.len() <= SAFE_DIGITS
            && value.iter().all(u8::is_ascii_digit)
        {
            // The usual case: one plain number.
            let length = value.iter().fold(0, |length, digit| length * 10 + u64::from(digit - b'0'));
            self.length = Some(Ok(length));
            return;
        }
        for part in value.split(|&byte| byte == b',') {
            let part = part.trim_ascii();
            let parsed = number(part);
            let is_odd = parsed.is_none_or(|length| length == u64::MAX) || (part.len() > 1 && part[0] == b'0');
            let parsed = parsed.ok_or(());
            if self.length.is_some() || is_odd {
                self.ambiguities.add(Ambiguity::Length);
            }
            self.length = Some(match self.length {
                Some(Ok(before)) => Ok(parsed.map_or(before, |length| length.min(before))),
                _ => parsed,
            });
        }
    }

    /// Returns the framing of the body: `neither` if there is no field that decides, `not_chunked` if the last transfer
    /// coding is not chunked.
    fn framing(&mut self, is_1_0: bool, neither: Framing, not_chunked: Framing) -> Framing {
        // RFC 9112 §6.1: Transfer-Encoding overrides Content-Length.
        if let Some(encoding) = self.encoding {
            if self.length.is_some() {
                self.ambiguities.add(Ambiguity::LengthAndEncoding);
            }
            let last = encoding.rsplit(|&byte| byte == b',').next().unwrap_or_default().trim_ascii();
            let is_chunked = last.eq_ignore_ascii_case(b"chunked");
            if is_1_0 || !is_chunked {
                self.ambiguities.add(Ambiguity::Encoding);
            }
            return if is_chunked { Framing::Chunked } else { not_chunked };
        }
        match self.length {
            Some(Ok(length)) => Framing::Length(length),
            Some(Err(())) => Framing::Unknown,
            None => neither,
        }
    }
}

/// Reads decimal digits as a number. RFC 9110 §8.6: recipients must expect large numbers. A number too large for 64
/// bits becomes `u64::MAX`; a body of either length never ends.
fn number(digits: &[u8]) -> Option<u64> {
    let value = |value: u64, byte: &u8| value.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
    (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit)).then(|| digits.iter().fold(0, value))
}

/// Returns whether `bytes` are this field name. RFC 9110 §5.1: names are case-insensitive; `name` is in lower case.
fn is_name<const N: usize>(bytes: &[u8; N], name: &[u8; N]) -> bool {
    let lower = |byte: u8, letter: u8| byte | if letter == b'-' { 0 } else { 0x20 };
    bytes.iter().zip(name).fold(0, |differs, (&byte, &letter)| differs | (lower(byte, letter) ^ letter)) == 0
}

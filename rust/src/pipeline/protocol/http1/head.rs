//! The head of a message: where it ends, and the few fields that decide framing and name the host.
//!
//! One pass over the lines, no limit on their number, nothing copied. Tolerant as the servers and clients on the wire
//! are; what two readers could read differently is noted in [`Ambiguities`].

use super::grammar::StartLine;
use super::lines::Lines;
use super::odd_line;
use super::start_line::is_all;
use crate::pipeline::exchange::{Ambiguity, Method};

/// A set of [`Ambiguity`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ambiguities(u8);

impl Ambiguities {
    /// Adds one.
    pub fn add(&mut self, one: Ambiguity) {
        self.0 |= 1 << one as u8;
    }

    /// Those in the set.
    pub fn iter(self) -> impl Iterator<Item = Ambiguity> {
        Ambiguity::ALL.into_iter().filter(move |&one| self.has(one))
    }

    /// This one is in the set.
    pub fn has(self, one: Ambiguity) -> bool {
        self.0 & (1 << one as u8) != 0
    }

    /// None at all.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// How a body ends, by the head alone (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes; 0 for none.
    Length(u64),
    /// After the last chunk.
    Chunked,
    /// When the connection closes.
    UntilClose,
    /// Cannot be told.
    Unknown,
}

/// A request's head.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// Method.
    pub method: Method,
    /// Request target as on the wire.
    pub target: &'a [u8],
    /// `Host` field as on the wire.
    pub host: Option<&'a [u8]>,
    /// Of its body.
    pub framing: Framing,
    /// It is of HTTP/0.9: a line, and nothing else.
    pub is_simple: bool,
    /// The target may go on: the snapshot length cut it off.
    pub is_cut: bool,
    /// The client waits for an interim response before it sends the body (RFC 9110 §10.1.1).
    pub expects_continue: bool,
    /// What is odd about it.
    pub ambiguities: Ambiguities,
    /// All lines behind the first one, see [`field`]; empty when some may be missing.
    pub fields: &'a [u8],
}

impl<'a> RequestHead<'a> {
    /// A request that has nothing but its first line.
    fn bare(method: Method, target: &'a [u8]) -> Self {
        Self {
            method,
            target,
            host: None,
            framing: Framing::Length(0),
            is_simple: false,
            is_cut: false,
            expects_continue: false,
            ambiguities: Ambiguities::default(),
            fields: b"",
        }
    }
}

/// A response's head.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// 100 to 999.
    pub status: u16,
    /// Of its body, if the request and the status allow one.
    pub framing: Framing,
    /// `Upgrade` field as on the wire.
    pub upgrade: Option<&'a [u8]>,
    /// What is odd about it.
    pub ambiguities: Ambiguities,
}

/// A head.
#[derive(Clone, Copy, Debug)]
pub enum Head<'a> {
    /// Of a request.
    Request(RequestHead<'a>),
    /// Of a response.
    Response(ResponseHead<'a>),
}

impl Head<'_> {
    /// What is odd about it.
    pub fn ambiguities(&self) -> Ambiguities {
        match self {
            Self::Request(request) => request.ambiguities,
            Self::Response(response) => response.ambiguities,
        }
    }
}

/// Length of the head at the start of `bytes`, its blank line included, looking from `from` on.
/// `Err` has where to go on looking once there are more bytes.
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

/// Reads the head at the start of `bytes`, with its length; that is `None` for one that is not all there, of which the
/// whole lines are read. `None` when there is no first line.
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
    if lines.may_have_nul() && bytes[..lines.position()].contains(&0) {
        fields.ambiguities.add(Ambiguity::Field);
    }
    let head = match start {
        StartLine::Response { status, is_1_0 } => {
            if status < 100 {
                fields.ambiguities.add(Ambiguity::Status);
            }
            // RFC 9112 §6.3: a response with neither field, or whose last coding is not chunked, lasts until the close.
            let framing = fields.framing(is_1_0, Framing::UntilClose, Framing::UntilClose);
            let Fields { upgrade, ambiguities, .. } = fields;
            Head::Response(ResponseHead { status, framing, upgrade, ambiguities })
        }
        StartLine::Request { method, target, is_1_0, .. } => {
            // The same: a request with neither field has no body; one whose last coding is not chunked cannot be framed.
            let framing = fields.framing(is_1_0, Framing::Length(0), Framing::Unknown);
            let Fields { host, expects_continue, ambiguities, .. } = fields;
            let bare = RequestHead::bare(method, target);
            let fields = length.map_or(&b""[..], |length| &bytes[first.len() + 1..length]);
            Head::Request(RequestHead { host, framing, expects_continue, ambiguities, fields, ..bare })
        }
        StartLine::Simple { .. } => return None,
    };
    Some((head, length))
}

/// Reads a first line whose end the snapshot length cut off, see [`odd_line::read_cut`].
pub fn read_cut(line: &[u8]) -> Option<Head<'_>> {
    let (framing, ambiguities) = (Framing::Unknown, Ambiguities::default());
    match odd_line::read_cut(line)? {
        (StartLine::Request { method, target, .. }, is_cut) => {
            Some(Head::Request(RequestHead { framing, is_cut, ..RequestHead::bare(method, target) }))
        }
        (StartLine::Response { status, .. }, _) => {
            Some(Head::Response(ResponseHead { status, framing, upgrade: None, ambiguities }))
        }
        (StartLine::Simple { .. }, _) => None,
    }
}

/// Decimal digits that 64 bits hold, whatever they are.
const SAFE_DIGITS: usize = 19;

/// How long the name of a field is that matters here, by its first letter; 0 where there is none.
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

/// The fields that matter here.
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
    /// Reads the lines behind the first one, up to the blank one, if there is one.
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
            // One look tells nearly all lines that do not matter from those that do.
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

    /// RFC 9112 §5.2: a line that begins with white space belongs to the field before it. Reads the lines again, each
    /// field with all of its own: the line ends within a value are white space as well.
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

    /// Reads a line that may be of one of the fields.
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

    /// The value of the field in this line, if it is the one of that name, given in lower case.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "the same")]
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

    /// RFC 9112 §6.3: several identical values, in one field or more, are one. Of different ones the least is taken:
    /// what an attacker hides behind it is counted as well.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "the same")]
    fn content_length(&mut self, value: &[u8]) {
        if let ([b'1'..=b'9', ..], None) = (value, self.length)
            && value.len() <= SAFE_DIGITS
            && value.iter().all(u8::is_ascii_digit)
        {
            // Nearly every one.
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

    /// `neither`: the framing without any field; `not_chunked`: with a transfer coding that has no end of its own.
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

/// Decimal digits as a number. RFC 9110 §8.6: large ones are to be expected. One that 64 bits do not hold is the largest
/// that they do: either body has no end.
fn number(digits: &[u8]) -> Option<u64> {
    let value = |value: u64, byte: &u8| value.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
    (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit)).then(|| digits.iter().fold(0, value))
}

/// RFC 9110 §5.1: field names are case-insensitive; `name` is given in lower case.
fn is_name<const N: usize>(bytes: &[u8; N], name: &[u8; N]) -> bool {
    let lower = |byte: u8, letter: u8| byte | if letter == b'-' { 0 } else { 0x20 };
    bytes.iter().zip(name).fold(0, |differs, (&byte, &letter)| differs | (lower(byte, letter) ^ letter)) == 0
}

//! The head of a message: where it ends, and the few fields that decide framing and name the host.
//!
//! One pass over the lines, no limit on their number, nothing copied. Tolerant as the servers and clients on the wire
//! are; what two readers could read differently is noted in [`Ambiguities`].

use super::method::Method;
use super::start_line;

/// Something in a message that two readers could frame differently: the raw material of request smuggling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ambiguity {
    /// Both `Transfer-Encoding` and `Content-Length` (RFC 9112 §6.1).
    LengthAndEncoding,
    /// Several `Content-Length`, or one that is no number, or one with leading zeros.
    Length,
    /// `Transfer-Encoding` whose last coding is not chunked, or in a message of HTTP/1.0.
    Encoding,
    /// A field continued on the next line (RFC 9112 §5.2).
    Fold,
    /// A line that ends in LF alone.
    BareLf,
    /// White space before the colon of a field (RFC 9112 §5.1), or a NUL.
    Field,
    /// A chunk size that is none, or chunk data without its line end.
    Chunk,
    /// A status that is not three digits.
    Status,
}

/// A set of [`Ambiguity`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ambiguities(u8);

impl Ambiguity {
    /// All of them, as they are listed.
    pub const ALL: [Self; 8] = [
        Self::LengthAndEncoding,
        Self::Length,
        Self::Encoding,
        Self::Fold,
        Self::BareLf,
        Self::Field,
        Self::Chunk,
        Self::Status,
    ];

    /// As in a snapshot.
    pub fn name(self) -> &'static str {
        ["length_and_encoding", "length", "encoding", "fold", "bare_lf", "field", "chunk", "status"][self as usize]
    }
}

impl Ambiguities {
    /// Adds one.
    pub fn add(&mut self, one: Ambiguity) {
        self.0 |= 1 << one as u8;
    }

    /// Those in the set.
    pub fn iter(self) -> impl Iterator<Item = Ambiguity> {
        Ambiguity::ALL.into_iter().filter(move |&one| self.0 & (1 << one as u8) != 0)
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
    /// What is odd about it.
    pub ambiguities: Ambiguities,
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

/// Reads a request's head, whole or as far as it is there.
pub fn request(head: &[u8]) -> Option<RequestHead<'_>> {
    let (line, rest) = split_line(head);
    if start_line::is_simple_request(line) {
        let target = &line[4..];
        return Some(RequestHead {
            method: Method::from_bytes(b"GET"),
            target,
            host: None,
            framing: Framing::Length(0),
            ambiguities: Ambiguities::default(),
        });
    }
    if !start_line::is_request_line(line) {
        return None;
    }
    let method_end = memchr::memchr(b' ', line)?;
    let target_end = memchr::memrchr(b' ', line)?;
    let mut fields = Fields::read(head, rest);
    let is_1_0 = line.ends_with(b"0");
    Some(RequestHead {
        method: Method::from_bytes(&line[..method_end]),
        target: line[method_end + 1..target_end.max(method_end + 1)].trim_ascii(),
        host: fields.host,
        // RFC 9112 §6.3: a request with neither field has no body; one whose last coding is not chunked cannot be framed.
        framing: fields.framing(is_1_0, Framing::Length(0), Framing::Unknown),
        ambiguities: fields.ambiguities,
    })
}

/// Reads a response's head, whole or as far as it is there.
pub fn response(head: &[u8]) -> Option<ResponseHead<'_>> {
    let (line, rest) = split_line(head);
    let status = start_line::status_code(line)?;
    let mut fields = Fields::read(head, rest);
    let is_1_0 = line.starts_with(b"HTTP/1.0");
    if status < 100 {
        fields.ambiguities.add(Ambiguity::Status);
    }
    Some(ResponseHead {
        status,
        // RFC 9112 §6.3: a response with neither field, or whose last coding is not chunked, lasts until the close.
        framing: fields.framing(is_1_0, Framing::UntilClose, Framing::UntilClose),
        upgrade: fields.upgrade,
        ambiguities: fields.ambiguities,
    })
}

/// The fields that matter here.
#[derive(Default)]
struct Fields<'a> {
    host: Option<&'a [u8]>,
    upgrade: Option<&'a [u8]>,
    length: Option<Result<u64, ()>>,
    encoding: Option<&'a [u8]>,
    ambiguities: Ambiguities,
}

impl<'a> Fields<'a> {
    fn read(head: &[u8], mut rest: &'a [u8]) -> Self {
        let mut fields = Self::default();
        if memchr::memchr(0, head).is_some() {
            fields.ambiguities.add(Ambiguity::Field);
        }
        if !head[..head.len() - rest.len()].ends_with(b"\r\n") {
            fields.ambiguities.add(Ambiguity::BareLf);
        }
        while !rest.is_empty() {
            let (line, next) = split_line(rest);
            let whole = &rest[..rest.len() - next.len()];
            if whole.ends_with(b"\n") && !whole.ends_with(b"\r\n") {
                fields.ambiguities.add(Ambiguity::BareLf);
            }
            rest = next;
            match line.first() {
                None => break,
                Some(b' ' | b'\t') => fields.ambiguities.add(Ambiguity::Fold),
                // Only names that start so are looked at closer.
                Some(b'H' | b'h' | b'C' | b'c' | b'T' | b't' | b'U' | b'u') => fields.field(line),
                Some(_) => {}
            }
        }
        fields
    }

    fn field(&mut self, line: &'a [u8]) {
        let Some(colon) = memchr::memchr(b':', line) else { return };
        let name = line[..colon].trim_ascii_end();
        if name.len() != colon {
            self.ambiguities.add(Ambiguity::Field);
        }
        let value = line[colon + 1..].trim_ascii();
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.host = self.host.or(Some(value)),
            7 if name.eq_ignore_ascii_case(b"upgrade") => self.upgrade = Some(value),
            14 if name.eq_ignore_ascii_case(b"content-length") => self.content_length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if self.encoding.is_some() {
                    self.ambiguities.add(Ambiguity::Encoding);
                }
                self.encoding = Some(value);
            }
            _ => {}
        }
    }

    /// RFC 9112 §6.3: several identical values, in one field or more, are one. Of different ones the least is taken:
    /// what an attacker hides behind it is counted as well.
    fn content_length(&mut self, value: &[u8]) {
        for part in value.split(|&byte| byte == b',') {
            let part = part.trim_ascii();
            let parsed = if !part.is_empty() && part.iter().all(u8::is_ascii_digit) {
                std::str::from_utf8(part).ok().and_then(|digits| digits.parse::<u64>().ok()).ok_or(())
            } else {
                Err(())
            };
            let has_zeros = part.len() > 1 && part[0] == b'0';
            if self.length.is_some() || parsed.is_err() || has_zeros {
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

/// A line without its end, and what follows it.
fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (line, rest) = match memchr::memchr(b'\n', bytes) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[][..]),
    };
    (line.strip_suffix(b"\r").unwrap_or(line), rest)
}

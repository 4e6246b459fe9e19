//! Decides whether bytes are HTTP/1: a first guess by the first bytes, on any port, and a decision when the first line
//! is complete.

use super::grammar::{
    MAX_METHOD, SHOUTCAST, StartLine, VERSION, is_path, is_space, is_version, number, token_len, trim_start,
};
use super::odd_line;
use crate::pipeline::exchange::Method;

/// What the first bytes of a message look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// A request line.
    Request,
    /// A status line.
    Response,
    /// Too few bytes to tell.
    Open,
    /// Neither.
    Neither,
}

/// Guesses by the first bytes what they are. The line need not be complete.
pub fn likeness(bytes: &[u8]) -> Likeness {
    if let Some((name, version)) = bytes.split_at_checked(VERSION.len())
        && name.eq_ignore_ascii_case(VERSION)
    {
        return if version.first().is_none_or(u8::is_ascii_digit) { Likeness::Response } else { Likeness::Neither };
    }
    if bytes.starts_with(SHOUTCAST) {
        return Likeness::Response;
    }
    if matches!(bytes, [0x14..=0x17] | [0x14..=0x17, 3] | [0x14..=0x17, 3, 0..=4]) {
        // May be the beginning of a TLS record.
        return Likeness::Open;
    }
    let token = token_len(bytes);
    match bytes.get(token) {
        None if token <= MAX_METHOD => Likeness::Open,
        Some(&byte) if is_space(byte) && token > 0 && token <= MAX_METHOD => Likeness::Request,
        _ => Likeness::Neither,
    }
}

/// What the first line of a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstLine {
    /// Incomplete, but possible so far.
    Open,
    /// A request line or a status line.
    Head,
    /// A request line or a status line that ordinary text may look like. It is accepted only where a message must
    /// start.
    Vague,
    /// A whole request of HTTP/0.9; the line has this many bytes.
    Simple(usize),
    /// Not HTTP/1.
    Foreign,
}

/// Reads the first line of `bytes`. Its end is searched from `from` on, because there is none before.
pub fn first_line(bytes: &[u8], from: usize) -> FirstLine {
    if likeness(bytes) == Likeness::Neither {
        return FirstLine::Foreign;
    }
    let Some(end) = memchr::memchr(b'\n', &bytes[from..]).map(|at| from + at) else { return FirstLine::Open };
    match StartLine::read(&bytes[..end]) {
        Some(StartLine::Simple { .. }) if !is_all(&bytes[..end], bytes) => FirstLine::Foreign,
        Some(StartLine::Simple { .. }) => FirstLine::Simple(end + 1),
        Some(line) if line.is_vague() => FirstLine::Vague,
        Some(_) => FirstLine::Head,
        None => FirstLine::Foreign,
    }
}

/// Returns whether `line`, the first line of `bytes`, may be a whole request of HTTP/0.9: it ends in CRLF, or nothing
/// follows it. If more bytes follow a bare LF, the line is a request line without its version.
pub fn is_all(line: &[u8], bytes: &[u8]) -> bool {
    line.ends_with(b"\r") || line.len() + 1 == bytes.len()
}

impl<'a> StartLine<'a> {
    /// Reads a line, given without its line feed but with its carriage return, if it has one.
    pub fn read(line: &'a [u8]) -> Option<Self> {
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(status) = usual_status(text) {
            return Some(Self::Response { status, is_1_0: text[7] == b'0' });
        }
        // RFC 9112 §3: `method SP request-target SP HTTP-version`.
        let token = if text.starts_with(b"GET ") { 3 } else { token_len(text) };
        if let Some((rest, version)) = text.split_last_chunk()
            && is_version(*version)
            && (1..=MAX_METHOD).contains(&token)
            && text[token] == b' '
            && let Some(target) = rest.get(token + 1..).and_then(|rest| rest.strip_suffix(b" "))
            && !target.last_chunk().copied().is_some_and(is_version)
        {
            let method = Method::from_bytes(&text[..token]);
            let is_vague = method == Method::OTHER && !is_path(target);
            return Some(Self::Request { method, target: target.trim_ascii(), is_1_0: version[7] == b'0', is_vague });
        }
        odd_line::read(text)
    }

    /// True if ordinary text may look like this line. It is then a message only where a message must start.
    fn is_vague(&self) -> bool {
        match *self {
            Self::Request { is_vague, .. } => is_vague,
            Self::Simple { .. } => true,
            Self::Response { status, .. } => status < 100,
        }
    }
}

/// Returns whether a message likely starts with `bytes`, at a place where any other bytes may be as well. Stricter than
/// [`first_line`]: an incomplete line must begin with `HTTP/1.`, or with a known method and a path.
pub fn is_likely_start(bytes: &[u8]) -> bool {
    match first_line(bytes, 0) {
        FirstLine::Head => true,
        FirstLine::Open => bytes.starts_with(b"HTTP/1.") || names_a_path(bytes),
        FirstLine::Vague | FirstLine::Simple(_) | FirstLine::Foreign => false,
    }
}

/// Returns whether a request starts with `bytes`, at a place where the client may send a body instead. `None` if there
/// are too few bytes to decide.
pub fn is_next_request(bytes: &[u8]) -> Option<bool> {
    let (method, rest) = bytes.split_at(token_len(bytes));
    let target = trim_start(rest);
    let is_open = if rest.is_empty() {
        Method::may_begin(method)
    } else {
        Method::from_bytes(method) != Method::OTHER
            && [&b"http://"[..], b"https://"].iter().any(|scheme| scheme.starts_with(target))
    };
    let is_request = is_likely_start(bytes);
    (is_request || !is_open).then_some(is_request)
}

/// Returns whether `bytes` begin with a known method and a path.
fn names_a_path(bytes: &[u8]) -> bool {
    let (method, rest) = bytes.split_at(token_len(bytes));
    Method::from_bytes(method) != Method::OTHER
        && rest.first().is_some_and(|&byte| is_space(byte))
        && is_path(trim_start(rest))
}

/// Returns where the next message likely starts behind a head with broken framing: at the start of `bytes`, or behind a
/// last chunk.
pub fn behind_broken_framing(bytes: &[u8]) -> Option<usize> {
    const LAST_CHUNK: &[u8] = b"\n0\r\n\r\n";
    let first = bytes.starts_with(&LAST_CHUNK[1..]).then_some(LAST_CHUNK.len() - 1);
    let chunks = memchr::memmem::find_iter(bytes, LAST_CHUNK).map(|at| at + LAST_CHUNK.len());
    std::iter::once(0).chain(first).chain(chunks).find(|&at| is_likely_start(&bytes[at..]))
}

/// Returns where the next message likely starts behind a broken chunk: behind the broken line, or where
/// [`behind_broken_framing`] finds it.
pub fn behind_broken_chunk(bytes: &[u8]) -> Option<usize> {
    let line = memchr::memchr(b'\n', bytes).map(|end| end + 1);
    line.filter(|&at| is_likely_start(&bytes[at..])).or_else(|| behind_broken_framing(bytes))
}

/// Returns the status code of a line in the form of RFC 9112 §4, `HTTP-version SP status-code SP [reason-phrase]`.
/// Nearly all status lines have it.
#[inline]
fn usual_status(line: &[u8]) -> Option<u16> {
    match line.first_chunk::<13>() {
        Some([b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9', b' ', code @ .., b' ']) => {
            code.iter().all(u8::is_ascii_digit).then(|| number(code))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_show_requests_and_responses() {
        let table: &[(&[u8], Likeness)] = &[
            (b"", Likeness::Open),
            (b"G", Likeness::Open),
            (b"HTTP", Likeness::Open),
            (b"GET ", Likeness::Request),
            (b"GET\t", Likeness::Request),
            (b"get /", Likeness::Request),
            (b"M-SEARCH * HTTP/1.1", Likeness::Request),
            (b"HTTP/", Likeness::Response),
            (b"HTTP/1.1 200 OK", Likeness::Response),
            (b"HTTP/2 200", Likeness::Response),
            (b"ICY 200", Likeness::Response),
            (b"HTTP/x", Likeness::Neither),
            (b" GET / HTTP/1.1", Likeness::Neither),
            (b"\x16\x03\x01", Likeness::Open),
            (b"\x16\x03\x01\x02", Likeness::Neither),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Likeness::Request),
            (b"{\"json\":1}", Likeness::Neither),
        ];
        for (bytes, want) in table {
            assert_eq!(likeness(bytes), *want, "{}", bytes.escape_ascii());
        }
        assert_eq!(likeness(&[b'A'; MAX_METHOD]), Likeness::Open);
        assert_eq!(likeness(&[b'A'; MAX_METHOD + 1]), Likeness::Neither);
    }

    #[test]
    fn a_search_rejects_lines_that_ordinary_text_may_look_like() {
        for line in ["GET / HTTP/1.1", "GET /a HTTP/1.10", "brew /pot HTTP/1.1", "HTTP/2 200", "ICY 200 OK", "GET /"] {
            assert!(is_likely_start(line.as_bytes()) || is_likely_start(format!("{line}\r\n").as_bytes()), "{line}");
        }
        let prose =
            ["GET HTTP/1.1", "GET / HTTP/1.1 foo", "all about HTTP/1.1", "LINK", "HTTP/1.1 2nd edition", "GET a"];
        for line in prose {
            assert!(!is_likely_start(format!("{line}\r\n").as_bytes()), "{line}");
        }
    }

    #[test]
    fn the_next_message_is_found_behind_broken_framing() {
        let table = [
            ("GET / HTTP/1.1\r\n\r\n", Some(0), Some(0)),
            ("XYZ\r\nGET / HTTP/1.1\r\n\r\n", None, Some(5)),
            ("0\r\n\r\nGET / HTTP/1.1\r\n\r\n", Some(5), Some(5)),
            ("XYZ\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n", Some(17), Some(17)),
            ("0\r\n\r\n0\r\n\r\nHTTP/1.1 200\r\n", Some(10), Some(10)),
            ("XYZ\r\nhello\r\nGET / HTTP/1.1\r\n\r\n", None, None),
            ("XYZ\r\n0\r\n\r\n", None, None),
            ("", None, None),
        ];
        for (text, framing, chunk) in table {
            assert_eq!(behind_broken_framing(text.as_bytes()), framing, "{text:?}");
            assert_eq!(behind_broken_chunk(text.as_bytes()), chunk, "{text:?}");
        }
    }
}

//! Is this HTTP? Told from the first bytes, on any port, and confirmed when the first line is whole.

use super::method::Method;

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

/// What a connection that is not HTTP/1 speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// HTTP/0.9 to 1.1.
    Http1,
    /// TLS, any version.
    Tls,
    /// HTTP/2 in clear text, by prior knowledge or upgrade.
    H2c,
    /// After an upgrade.
    WebSocket,
    /// After CONNECT, or an upgrade to something unknown.
    Tunnel,
    /// Secure shell.
    Ssh,
    /// Anything else.
    Other,
}

impl Protocol {
    /// All of them, as they are listed.
    pub const ALL: [Self; 7] =
        [Self::Http1, Self::Tls, Self::H2c, Self::WebSocket, Self::Tunnel, Self::Ssh, Self::Other];

    /// As in a snapshot.
    pub fn name(self) -> &'static str {
        ["http1", "tls", "h2c", "websocket", "tunnel", "ssh", "other"][self as usize]
    }
}

/// The longest method that is believed; the registry's longest has 17 letters.
const MAX_METHOD: usize = 24;

const VERSION: &[u8] = b"HTTP/";

/// Looks at the first bytes only; the line need not be whole.
pub fn likeness(bytes: &[u8]) -> Likeness {
    if bytes.starts_with(VERSION) {
        return if bytes.get(5).is_none_or(|byte| matches!(byte, b'0' | b'1')) {
            Likeness::Response
        } else {
            Likeness::Neither
        };
    }
    if matches!(bytes, [0x14..=0x17] | [0x14..=0x17, 3] | [0x14..=0x17, 3, 0..=4]) {
        // A TLS record, so far.
        return Likeness::Open;
    }
    let token = token_len(bytes);
    match bytes.get(token) {
        None if token <= MAX_METHOD => Likeness::Open,
        Some(b' ') if token > 0 && token <= MAX_METHOD => Likeness::Request,
        _ => Likeness::Neither,
    }
}

/// What the first line of a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstLine {
    /// Not whole yet, but plausible.
    Open,
    /// A request line or a status line.
    Head,
    /// A request of HTTP/0.9: the line, so many bytes long, is all of it.
    Simple(usize),
    /// Nothing of HTTP/1.
    Foreign,
}

/// Looks at the first line of `bytes`. Its end is looked for from `from` on: up to there was none.
pub fn first_line(bytes: &[u8], from: usize) -> FirstLine {
    if likeness(bytes) == Likeness::Neither {
        return FirstLine::Foreign;
    }
    let Some(end) = memchr::memchr(b'\n', &bytes[from..]).map(|at| from + at) else { return FirstLine::Open };
    match StartLine::read(&bytes[..end]) {
        Some(StartLine::Simple { .. }) => FirstLine::Simple(end + 1),
        Some(_) => FirstLine::Head,
        None => FirstLine::Foreign,
    }
}

/// What a first line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// A request; its target may hold spaces that should not be there.
    Request {
        /// Method.
        method: Method,
        /// Request target as on the wire.
        target: &'a [u8],
        /// It is of HTTP/1.0.
        is_1_0: bool,
    },
    /// A request of HTTP/0.9: `GET SP path`, and nothing else. Only the first line of a connection may be one.
    Simple {
        /// Request target as on the wire.
        target: &'a [u8],
    },
    /// A response.
    Response {
        /// Status code.
        status: u16,
        /// It is of HTTP/1.0.
        is_1_0: bool,
    },
}

impl<'a> StartLine<'a> {
    /// Reads a line up to its line feed, that is with the carriage return it should end in.
    pub fn read(line: &'a [u8]) -> Option<Self> {
        let (text, ends_in_cr) = line.strip_suffix(b"\r").map_or((line, false), |text| (text, true));
        if text.starts_with(VERSION) {
            let is_1_0 = text.starts_with(b"HTTP/1.0");
            return status_code(text).map(|status| Self::Response { status, is_1_0 });
        }
        let token = if text.starts_with(b"GET ") { 3 } else { token_len(text) };
        if token == 0 || token > MAX_METHOD || text.get(token) != Some(&b' ') {
            return None;
        }
        // RFC 9112 §3: `method SP request-target SP HTTP-version`.
        if let Some((rest, version)) = text.split_last_chunk::<8>()
            && is_version(version)
            && let Some(target) = rest.get(token + 1..).and_then(|rest| rest.strip_suffix(b" "))
        {
            let method = Method::from_bytes(&text[..token]);
            return Some(Self::Request { method, target: target.trim_ascii(), is_1_0: version[7] == b'0' });
        }
        // A bare LF is rather a request that lacks its version.
        (ends_in_cr && is_simple_request(text)).then(|| Self::Simple { target: &text[4..] })
    }
}

/// Would a message start so, where any other bytes may stand as well? Stricter than [`first_line`]: a line that is not
/// whole must name a registered method and a path.
pub fn is_likely_start(bytes: &[u8]) -> bool {
    match first_line(bytes, 0) {
        FirstLine::Head => true,
        FirstLine::Open if bytes.starts_with(b"HTTP/1.") => true,
        FirstLine::Open => memchr::memchr(b' ', &bytes[..bytes.len().min(MAX_METHOD + 1)]).is_some_and(|space| {
            Method::from_bytes(&bytes[..space]) != Method::OTHER
                && (bytes[space + 1..].starts_with(b"/") || bytes[space + 1..].starts_with(b"http://"))
        }),
        _ => false,
    }
}

/// Length of what a load balancer says of its client before the first request: the PROXY protocol, versions 1 and 2.
pub fn proxy_header(bytes: &[u8]) -> usize {
    /// The longest line of version 1.
    const LINE: usize = 107;
    if bytes.starts_with(b"PROXY ") {
        return memchr::memchr(b'\n', &bytes[..bytes.len().min(LINE)]).map_or(0, |end| end + 1);
    }
    match bytes {
        [b'\r', b'\n', b'\r', b'\n', 0, b'\r', b'\n', b'Q', b'U', b'I', b'T', b'\n', _, _, high, low, ..] => {
            (16 + usize::from(u16::from_be_bytes([*high, *low]))).min(bytes.len())
        }
        _ => 0,
    }
}

fn is_simple_request(line: &[u8]) -> bool {
    line.strip_prefix(b"GET /").is_some_and(|rest| !rest.contains(&b' ') && rest.iter().all(u8::is_ascii_graphic))
}

/// RFC 9112 §4: `HTTP-version SP status-code SP [reason-phrase]`; the last space is often left out.
fn status_code(line: &[u8]) -> Option<u16> {
    if let Some([b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9', b' ', code @ .., b' ']) =
        line.first_chunk::<13>()
        && code.iter().all(u8::is_ascii_digit)
    {
        // Nearly every one.
        return Some(code.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0')));
    }
    let (version, rest) = line.split_at_checked(8)?;
    let rest = rest.strip_prefix(b" ").filter(|_| is_version(version))?.trim_ascii_start();
    // Three digits; fewer are a broken server's, but a response all the same.
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_code = matches!(digits, 1..=3) && !(digits == 3 && rest.get(3).is_some_and(u8::is_ascii_alphanumeric));
    is_code.then(|| rest[..digits].iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0')))
}

fn is_version(text: &[u8]) -> bool {
    matches!(text, [b'H', b'T', b'T', b'P', b'/', b'0' | b'1', b'.', b'0'..=b'9'])
}

/// RFC 9110 §5.6.2: tchar.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let marks = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    table
};

/// How many bytes at the start are a token's; one more than [`MAX_METHOD`] at the most.
fn token_len(bytes: &[u8]) -> usize {
    bytes.iter().take(MAX_METHOD + 1).take_while(|&&byte| TOKEN[usize::from(byte)]).count()
}

/// What a stream speaks that does not start like HTTP/1; `None` when its bytes give no sure sign.
pub fn sure_sign(bytes: &[u8]) -> Option<Protocol> {
    match bytes {
        // RFC 8446 §5.1: content type, version 3.x, a length of at most 2^14 + 2048.
        [0x14..=0x17, 0x03, 0x00..=0x04, length, ..] if *length <= 0x48 => Some(Protocol::Tls),
        _ if is_h2_preface(bytes) => Some(Protocol::H2c),
        // RFC 4253 §4.2.
        _ if bytes.starts_with(b"SSH-2.0-") || bytes.starts_with(b"SSH-1.") => Some(Protocol::Ssh),
        _ => None,
    }
}

/// RFC 9113 §3.4: the connection preface of a client; its first line reads like a request of HTTP/1.
pub fn is_h2_preface(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PRI * HTTP/2.0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_what_it_is() {
        let table: &[(&[u8], Likeness)] = &[
            (b"", Likeness::Open),
            (b"G", Likeness::Open),
            (b"HTTP", Likeness::Open),
            (b"GET ", Likeness::Request),
            (b"get /", Likeness::Request),
            (b"M-SEARCH * HTTP/1.1", Likeness::Request),
            (b"HTTP/", Likeness::Response),
            (b"HTTP/1.1 200 OK", Likeness::Response),
            (b"HTTP/2 200", Likeness::Neither),
            (b" GET / HTTP/1.1", Likeness::Neither),
            (b"\x16\x03\x01", Likeness::Open),
            (b"\x16\x03\x01\x02", Likeness::Neither),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Likeness::Neither),
            (b"AVERYLONGWORDTHATISNOTAMETHOD", Likeness::Neither),
            (b"{\"json\":1}", Likeness::Neither),
        ];
        for (bytes, want) in table {
            assert_eq!(likeness(bytes), *want, "{}", bytes.escape_ascii());
        }
    }

    fn is_request_line(line: &[u8]) -> bool {
        matches!(StartLine::read(line), Some(StartLine::Request { .. }))
    }

    #[test]
    fn request_lines_need_a_version_at_their_end() {
        for line in ["GET / HTTP/1.1", "GET /a b c HTTP/1.0", "OPTIONS * HTTP/1.1", "X-ODD http://a/ HTTP/1.1"] {
            assert!(is_request_line(line.as_bytes()), "{line}");
        }
        for line in
            ["GET /", "GET HTTP/1.1", "EHLO mail.example.org", "GET / HTTP/2.0", "GET / RTSP/1.0", "GET / HTTP/1.1 "]
        {
            assert!(!is_request_line(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn status_lines_need_three_digits() {
        let table = [
            ("HTTP/1.1 200 OK", Some(200)),
            ("HTTP/1.0 404", Some(404)),
            ("HTTP/1.1 503 ", Some(503)),
            ("HTTP/1.1  301 Moved", Some(301)),
            ("HTTP/1.1 2000 OK", None),
            ("HTTP/1.1 2XX OK", Some(2)),
            ("HTTP/1.1 200OK", None),
            ("HTTP/1.1", None),
            ("HTTP/1.1 OK", None),
            ("HTTP/2.0 200 OK", None),
        ];
        for (line, want) in table {
            assert_eq!(status_code(line.as_bytes()), want, "{line}");
        }
    }

    #[test]
    fn only_bare_get_is_http_0_9() {
        assert!(is_simple_request(b"GET /index.html"));
        for line in ["GET / HTTP/1.1", "POST /", "GET x", "GET /a b"] {
            assert!(!is_simple_request(line.as_bytes()), "{line}");
        }
    }
}

//! Reads start lines that RFC 9112 does not allow but real servers and clients accept, and start lines that the
//! snapshot length cut off.
//!
//! A version alone is not enough for such a request line: it also needs a known method or a path.

use super::grammar::{
    MAX_METHOD, SHOUTCAST, StartLine, VERSION, behind_scheme, is_path, is_space, is_version, number, token_len,
    trim_start,
};
use crate::pipeline::exchange::Method;
use crate::pipeline::protocol::recognise::is_h2_preface;

/// Reads a start line, given without its line end.
#[cold]
pub fn read(text: &[u8]) -> Option<StartLine<'_>> {
    if let Some(digits) = status_digits(text) {
        return Some(response(text, digits));
    }
    if text.starts_with(VERSION) {
        return None;
    }
    let token = token_len(text);
    if token == 0 || token > MAX_METHOD || is_h2_preface(text) {
        return None;
    }
    let (method, rest) = text.split_at(token);
    let Some((target, version, behind)) = split_at_version(rest) else { return simple(text) };
    let method = Method::from_bytes(method);
    let (is_known, is_path) = (method != Method::OTHER, is_path(target));
    let is_plausible = match (target.is_empty(), behind.is_empty()) {
        (true, is_last) => is_known && is_last,
        (false, true) => is_known || is_path,
        (false, false) => is_known && is_path,
    };
    let is_1_0 = version[VERSION.len()..].starts_with(b"1.0");
    let is_vague = !(is_known && is_path && behind.is_empty());
    is_plausible.then_some(StartLine::Request { method, target, is_1_0, is_vague })
}

fn response<'a>(text: &[u8], digits: &[u8]) -> StartLine<'a> {
    StartLine::Response { status: number(digits), is_1_0: text.starts_with(b"HTTP/1.0") }
}

/// Reads a request of HTTP/0.9 (RFC 1945 §4.1).
fn simple(line: &[u8]) -> Option<StartLine<'_>> {
    let target = trim(line.strip_prefix(b"GET ")?);
    (is_path(target) && target.iter().all(u8::is_ascii_graphic)).then_some(StartLine::Simple { target })
}

/// Reads a line whose end the snapshot length cut off. A status line needs its whole status code. A request line needs
/// the beginning of a path, or another target with the beginning of a version. Also returns whether the target may be
/// incomplete.
pub fn read_cut(text: &[u8]) -> Option<(StartLine<'_>, bool)> {
    if let Some(digits) = status_digits(text) {
        return (digits.len() == 3).then(|| (response(text, digits), false));
    }
    let (method, rest) = text.split_at(token_len(text));
    let method = Method::from_bytes(method);
    if method == Method::OTHER || !starts_with_space(rest) {
        return None;
    }
    let rest = trim_start(rest);
    let (target, behind) = rest.split_at(rest.iter().position(|&byte| is_space(byte)).unwrap_or(rest.len()));
    let is_cut = behind.is_empty();
    let behind = trim_start(behind);
    let name = &behind[..behind.len().min(VERSION.len())];
    let is_http = VERSION[..name.len()].eq_ignore_ascii_case(name) && (is_path(target) || name.len() == VERSION.len());
    // The authority in a cut target may be incomplete. Such a target is dropped, so that it names no wrong host.
    let target = if is_cut && !has_whole_authority(target) { b"" } else { target };
    is_http.then_some((StartLine::Request { method, target, is_1_0: false, is_vague: true }, is_cut))
}

/// Returns the digits of the status code: three of them, whatever follows (`200OK`). After a version of HTTP/1, one or
/// two digits also count, because the line is a response of a broken server, and the space before three digits may be
/// missing.
fn status_digits(line: &[u8]) -> Option<&[u8]> {
    let is_usual = line.first_chunk().copied().is_some_and(is_version);
    let version = if line.starts_with(SHOUTCAST) { SHOUTCAST.len() - 1 } else { version_len(line) };
    if version == 0 {
        return None;
    }
    let behind = &line[version..];
    let (spaced, joined) = (starts_with_space(behind).then(|| trim_start(behind)), line.get(8..).filter(|_| is_usual));
    let code = |text: Option<&'_ [u8]>, least| {
        let digits = text?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        (least..=3).contains(&digits).then_some(digits)
    };
    match code(spaced, if is_usual { 1 } else { 3 }) {
        Some(digits) => spaced.map(|text| &text[..digits]),
        None => code(joined, 3).and(joined).map(|text| &text[..3]),
    }
}

/// Finds the first word that is a version. Returns the text before it, the version, and the text behind it, both texts
/// without white space at their ends.
fn split_at_version(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut starts = memchr::memchr_iter(b'/', text).filter_map(|slash| slash.checked_sub(VERSION.len() - 1));
    starts.find_map(|start| {
        let (before, word) = text.split_at(start);
        let (version, behind) = word.split_at(version_len(word));
        let is_word = before.last().is_some_and(|&byte| is_space(byte)) && !version.is_empty();
        (is_word && (behind.is_empty() || starts_with_space(behind))).then(|| (trim(before), version, trim(behind)))
    })
}

/// Returns the length of a version at the start of `text`, or 0 if there is none. It may have any number of digits and
/// parts: `HTTP/2`, `HTTP/1.`, `http/1.0.8`.
fn version_len(text: &[u8]) -> usize {
    let Some((name, number)) = text.split_at_checked(VERSION.len()) else { return 0 };
    if !name.eq_ignore_ascii_case(VERSION) || !number.first().is_some_and(u8::is_ascii_digit) {
        return 0;
    }
    VERSION.len() + number.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'.')).count()
}

fn has_whole_authority(target: &[u8]) -> bool {
    behind_scheme(target).is_none_or(|rest| rest.contains(&b'/'))
}

fn starts_with_space(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|&byte| is_space(byte))
}

fn trim(bytes: &[u8]) -> &[u8] {
    let bytes = trim_start(bytes);
    let spaces = bytes.iter().rev().take_while(|&&byte| is_space(byte)).count();
    &bytes[..bytes.len() - spaces]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the method, the target, and whether ordinary text may look like this line.
    fn request(line: &str) -> Option<(&'static str, String, bool)> {
        match StartLine::read(line.as_bytes())? {
            StartLine::Request { method, target, is_vague, .. } => {
                Some((method.name(), target.escape_ascii().to_string(), is_vague))
            }
            _ => None,
        }
    }

    #[test]
    fn a_request_line_is_read_as_real_servers_do() {
        let table = [
            ("GET / HTTP/1.1", "GET", "/", false),
            ("GET /a b c HTTP/1.0", "GET", "/a b c", false),
            ("OPTIONS * HTTP/1.1", "OPTIONS", "*", false),
            ("X-ODD http://a/ HTTP/1.1", "OTHER", "http://a/", false),
            ("GET / HTTP/1.1 ", "GET", "/", false),
            ("GET / HTTP/1.1 \t", "GET", "/", false),
            ("GET / HTTP/1.10", "GET", "/", false),
            ("GET / HTTP/1.0.8", "GET", "/", false),
            ("GET / HTTP/1.", "GET", "/", false),
            ("GET / HTTP/1", "GET", "/", false),
            ("GET / HTTP/2.0", "GET", "/", false),
            ("GET / http/1.1", "GET", "/", false),
            ("GET / Http/1.1", "GET", "/", false),
            ("get / http/1.1", "OTHER", "/", true),
            ("GET\t/\tHTTP/1.1", "GET", "/", false),
            ("GET   /   HTTP/1.1", "GET", "/", false),
            ("GET \t/a\t b HTTP/1.1\t", "GET", "/a\\t b", false),
            ("GET HTTP/1.1", "GET", "", true),
            ("GET  HTTP/1.1", "GET", "", false),
            ("GET / HTTP/1.1 foo", "GET", "/", true),
            ("GET /a HTTP/1.1 HTTP/1.1", "GET", "/a", true),
            ("GET /HTTP/1.1 HTTP/1.1", "GET", "/HTTP/1.1", false),
            ("CONNECT a:443 HTTP/1.10", "CONNECT", "a:443", true),
            ("FOO bar HTTP/1.1", "OTHER", "bar", true),
        ];
        for (line, method, target, is_vague) in table {
            assert_eq!(request(line), Some((method, target.into(), is_vague)), "{line:?}");
        }
        let long = "M".repeat(MAX_METHOD);
        assert!(request(&format!("{long} / HTTP/1.1")).is_some());
        assert!(request(&format!("{long}M / HTTP/1.1")).is_none());
        for line in [
            "GET /",
            "EHLO mail.example.org",
            "PRI * HTTP/2.0",
            "GET / RTSP/1.0",
            "GET / HTTP/x",
            "GET / HTTP/1.1,",
            "GET /HTTP/1.1",
            "speak HTTP/1.1 here",
            "see /etc HTTP/1.1 here",
            "GET requests of HTTP/1.1 are",
            "speak HTTP/2",
            "",
            " ",
        ] {
            assert_eq!(request(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_status_line_is_read_as_real_clients_do() {
        let table = [
            ("HTTP/1.1 200 OK", Some(200)),
            ("HTTP/1.0 404", Some(404)),
            ("HTTP/1.1 503 ", Some(503)),
            ("HTTP/1.1  301 Moved", Some(301)),
            ("HTTP/1.1\t301\tMoved", Some(301)),
            ("HTTP/1.1 200OK", Some(200)),
            ("HTTP/1.1 200ok", Some(200)),
            ("HTTP/1.1 2XX OK", Some(2)),
            ("HTTP/1.1200 OK", Some(200)),
            ("HTTP/2 200", Some(200)),
            ("HTTP/2.0 200 OK", Some(200)),
            ("http/1.1 200 OK", Some(200)),
            ("HTTP/1.10 200 OK", Some(200)),
            ("ICY 200 OK", Some(200)),
            ("ICY 404", Some(404)),
            ("HTTP/1.1 2000 OK", None),
            ("HTTP/2 2XX", None),
            ("HTTP/1.1", None),
            ("HTTP/1.1 OK", None),
            ("HTTP/ 200 OK", None),
            ("HTTP/12000", None),
            ("ICY 20", None),
            ("ICY cold", None),
        ];
        for (line, want) in table {
            let found = match StartLine::read(line.as_bytes()) {
                Some(StartLine::Response { status, .. }) => Some(status),
                _ => None,
            };
            assert_eq!(found, want, "{line}");
        }
    }

    #[test]
    fn only_bare_get_is_http_0_9() {
        for line in ["GET /index.html", "GET /index.html\r", "GET /index.html ", "GET http://a/"] {
            assert!(matches!(StartLine::read(line.as_bytes()), Some(StartLine::Simple { .. })), "{line}");
        }
        for line in ["GET / HTTP/1.1", "POST /", "GET x", "GET /a b", "get /", "GET "] {
            assert!(!matches!(StartLine::read(line.as_bytes()), Some(StartLine::Simple { .. })), "{line}");
        }
    }

    #[test]
    fn a_cut_line_needs_only_its_status_code_or_the_beginning_of_its_path() {
        let told = |text: &str| match read_cut(text.as_bytes())? {
            (StartLine::Response { status, .. }, _) => Some(status.to_string()),
            (StartLine::Request { method, target, .. }, is_cut) => {
                Some(format!("{} {}{}", method.name(), target.escape_ascii(), if is_cut { ".." } else { "" }))
            }
            (StartLine::Simple { .. }, _) => None,
        };
        let table = [
            ("HTTP/1.1 200", "200"),
            ("HTTP/1.1 503 Serv", "503"),
            ("ICY 200", "200"),
            ("GET /", "GET /.."),
            ("GET /a/b", "GET /a/b.."),
            ("GET /a ", "GET /a"),
            ("GET /a HTT", "GET /a"),
            ("POST /a HTTP/1.1\r", "POST /a"),
            ("GET http://a.exam", "GET .."),
            ("GET http://a.example/b", "GET http://a.example/b.."),
            ("CONNECT a:443 HTTP/1", "CONNECT a:443"),
        ];
        for (text, want) in table {
            assert_eq!(told(text).as_deref(), Some(want), "{text:?}");
        }
        let none = [
            "HTTP/1.1 20",
            "HTTP/1.1 ",
            "HTTP",
            "GET ",
            "GET",
            "get /",
            "CONNECT a:44",
            "OPTIONS /x RTS",
            "GET a ",
            "",
        ];
        for text in none {
            assert_eq!(told(text), None, "{text:?}");
        }
    }
}

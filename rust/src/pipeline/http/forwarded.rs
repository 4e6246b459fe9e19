//! Who asked, as proxies say in a field of the request: `X-Forwarded-For`, `Forwarded` (RFC 7239) or `X-Real-IP`.
//!
//! A client can write anything into these fields. What a proxy says of its own client it adds on the right, so the list is
//! read from there, and what stands on the left of the trusted entries is not looked at. An entry that is not an address
//! (`unknown`, an obfuscated name, nonsense) is nobody.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::proxy::to_ipv6;
use crate::pipeline::steps;

/// The longest text of an address with a port: `[2001:0db8:0000:0000:0000:0000:192.168.111.222]:65535`.
const MAX_ADDRESS: usize = 56;

/// A field in which proxies tell whom they ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// A list of addresses.
    XForwardedFor,
    /// RFC 7239: a list of parameters, of which `for` is the address.
    Forwarded,
    /// One address.
    XRealIp,
}

impl Field {
    /// In lower case.
    fn name(self) -> &'static [u8] {
        match self {
            Self::XForwardedFor => b"x-forwarded-for",
            Self::Forwarded => b"forwarded",
            Self::XRealIp => b"x-real-ip",
        }
    }

    /// The client by the lines of a head: what the proxy that is so many `hops` away from the server says; where fewer
    /// say something, what the first of them says. All lines with the name of the field are one list.
    pub fn client(self, lines: &[u8], hops: usize) -> Option<Ipv6Addr> {
        let mut left = if self == Self::XRealIp { 1 } else { hops.max(1) };
        let mut found = None;
        let mut end = lines.len();
        while end > 0 && left > 0 {
            let start = start_of_field(lines, end);
            steps::add(end - start);
            if let Some(mut value) = self.value(&lines[start..end]) {
                while left > 0
                    && let Some((rest, entry)) = last_entry(value)
                {
                    value = rest;
                    if !entry.is_empty() {
                        found = Some(entry);
                        left -= 1;
                    }
                }
            }
            end = start;
        }
        let entry = found?;
        address(if self == Self::Forwarded { parameter(entry)? } else { entry })
    }

    /// The value of the field in this line, if it is the one that is meant.
    fn value(self, line: &[u8]) -> Option<&[u8]> {
        let (name, rest) = line.split_at_checked(self.name().len())?;
        let rest = rest.trim_ascii_start();
        (name.eq_ignore_ascii_case(self.name()) && rest.first() == Some(&b':')).then(|| &rest[1..])
    }
}

/// Where the field that ends at `end` starts: a line that begins with white space belongs to the one before it
/// (RFC 9112 §5.2).
fn start_of_field(lines: &[u8], end: usize) -> usize {
    let mut start = end;
    loop {
        start = memchr::memrchr(b'\n', &lines[..start.saturating_sub(1)]).map_or(0, |feed| feed + 1);
        if start == 0 || !matches!(lines[start], b' ' | b'\t') {
            return start;
        }
    }
}

/// Takes the last entry of a list, and gives what stands before it. A comma in quotes separates nothing.
fn last_entry(list: &[u8]) -> Option<(&[u8], &[u8])> {
    if list.is_empty() {
        return None;
    }
    let mut quoted = false;
    for at in (0..list.len()).rev() {
        match list[at] {
            b'"' if !(quoted && is_escaped(list, at)) => quoted = !quoted,
            b',' if !quoted => return Some((&list[..at], list[at + 1..].trim_ascii())),
            _ => {}
        }
    }
    Some((b"", list.trim_ascii()))
}

/// An odd number of backslashes before it makes a quote a character of the text.
fn is_escaped(text: &[u8], at: usize) -> bool {
    text[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// The `for` parameter of an entry of `Forwarded`: `for="[2001:db8::1]:4711";proto=https`.
fn parameter(entry: &[u8]) -> Option<&[u8]> {
    let parameters = entry.split(|byte| *byte == b';').filter_map(|pair| {
        let equals = memchr::memchr(b'=', pair)?;
        Some((pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii()))
    });
    let mut addresses = parameters.filter(|(name, _)| name.eq_ignore_ascii_case(b"for"));
    let (_, value) = addresses.next()?;
    // RFC 7239 §4: a parameter comes once.
    addresses.next().is_none().then_some(value)
}

/// An address, with or without a port, brackets and quotes.
fn address(text: &[u8]) -> Option<Ipv6Addr> {
    let unquoted = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text);
    let text = std::str::from_utf8(unquoted).ok().filter(|text| text.len() <= MAX_ADDRESS)?.trim();
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    // RFC 7239 §6.2: a port may be obfuscated, as `_name`.
    let hidden_port = || {
        let (node, port) = text.rsplit_once(":_")?;
        let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        let node = node.strip_prefix('[').and_then(|node| node.strip_suffix(']')).unwrap_or(node);
        node.parse().ok().filter(|_| is_port)
    };
    let address: IpAddr = text.parse().ok().or_else(bracketed).or_else(with_port).or_else(hidden_port)?;
    Some(to_ipv6(address)).filter(|address| !address.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(field: Field, lines: &str, hops: usize) -> String {
        let found = field.client(lines.as_bytes(), hops);
        found.map_or_else(|| "-".into(), |address| address.to_canonical().to_string())
    }

    #[test]
    fn the_client_is_what_the_nearest_trusted_proxy_says() {
        use Field::{Forwarded, XForwardedFor, XRealIp};
        let table = [
            (XForwardedFor, "X-Forwarded-For: 203.0.113.7\r\n", 1, "203.0.113.7"),
            (XForwardedFor, "Host: a\r\nx-forwarded-FOR:203.0.113.7\r\nAccept: b\r\n\r\n", 1, "203.0.113.7"),
            (XForwardedFor, "X-Forwarded-For: 6.6.6.6, 203.0.113.7\r\n", 1, "203.0.113.7"),
            (XForwardedFor, "X-Forwarded-For: 6.6.6.6, 203.0.113.7, 10.0.0.1\r\n", 2, "203.0.113.7"),
            (XForwardedFor, "X-Forwarded-For: 203.0.113.7\r\n", 5, "203.0.113.7"),
            (XForwardedFor, "X-Forwarded-For: 203.0.113.7\r\n", 0, "203.0.113.7"),
            (XForwardedFor, "X-Forwarded-For: 1.1.1.1\r\nA: b\r\nX-Forwarded-For: 2.2.2.2, 3.3.3.3\r\n", 3, "1.1.1.1"),
            (XForwardedFor, "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n", 1, "2.2.2.2"),
            (XForwardedFor, "X-Forwarded-For: 1.1.1.1,\r\n 2.2.2.2\r\n\r\n", 1, "2.2.2.2"),
            (XForwardedFor, "X-Forwarded-For: 1.1.1.1,\r\n\t2.2.2.2\r\n", 2, "1.1.1.1"),
            (XForwardedFor, "X-Forwarded-For: 1.1.1.1, , 2.2.2.2,,\r\n", 2, "1.1.1.1"),
            (XForwardedFor, "X-Forwarded-For: 203.0.113.7:4711\r\n", 1, "203.0.113.7"),
            (XForwardedFor, "X-Forwarded-For: 2001:db8::7\r\n", 1, "2001:db8::7"),
            (XForwardedFor, "X-Forwarded-For: [2001:db8::7]\r\n", 1, "2001:db8::7"),
            (XForwardedFor, "X-Forwarded-For: [2001:db8::7]:443\r\n", 1, "2001:db8::7"),
            (XForwardedFor, "X-Forwarded-For: \"[2001:db8::7]:443\"\r\n", 1, "2001:db8::7"),
            (XForwardedFor, "X-Forwarded-For: ::ffff:203.0.113.7\r\n", 1, "203.0.113.7"),
            (XForwardedFor, "X-Forwarded-For : 203.0.113.7\n", 1, "203.0.113.7"),
            (XForwardedFor, "X-Forwarded-For: unknown\r\n", 1, "-"),
            (XForwardedFor, "X-Forwarded-For: 203.0.113.7, unknown\r\n", 1, "-"),
            (XForwardedFor, "X-Forwarded-For: 203.0.113.7, unknown\r\n", 2, "203.0.113.7"),
            (XForwardedFor, "X-Forwarded-For: 999.0.113.7\r\n", 1, "-"),
            (XForwardedFor, "X-Forwarded-For: 203.0.113.7:99999\r\n", 1, "-"),
            (XForwardedFor, "X-Forwarded-For: ::\r\n", 1, "-"),
            (XForwardedFor, "X-Forwarded-For:\r\n", 1, "-"),
            (XForwardedFor, "X-Forwarded-Form: 203.0.113.7\r\n", 1, "-"),
            (XForwardedFor, "X-Forwarded-For 203.0.113.7\r\n", 1, "-"),
            (XForwardedFor, "Forwarded: for=203.0.113.7\r\n", 1, "-"),
            (XForwardedFor, "\r\n", 1, "-"),
            (XForwardedFor, "", 1, "-"),
            (Forwarded, "Forwarded: for=203.0.113.7\r\n", 1, "203.0.113.7"),
            (Forwarded, "Forwarded: proto=https;FOR=\"[2001:db8::7]:4711\";by=10.0.0.1\r\n", 1, "2001:db8::7"),
            (Forwarded, "Forwarded: for=192.0.2.43, for=\"[2001:db8::7]\";proto=http\r\n", 1, "2001:db8::7"),
            (Forwarded, "Forwarded: for=192.0.2.43, for=198.51.100.17;host=\"a,b\"\r\n", 2, "192.0.2.43"),
            (Forwarded, "Forwarded: for=\"203.0.113.7:_port\"\r\n", 1, "203.0.113.7"),
            (Forwarded, "Forwarded: for=\"[2001:db8::7]:_a.b\"\r\n", 1, "2001:db8::7"),
            (Forwarded, "Forwarded: for=6.6.6.6\r\nForwarded: for=203.0.113.7\r\n", 1, "203.0.113.7"),
            // A client that opens a quote hides nothing that a proxy adds behind it.
            (Forwarded, "Forwarded: for=\", for=203.0.113.7\r\n", 1, "203.0.113.7"),
            (Forwarded, "Forwarded: for=\"6.6.6.6, for=\"[2001:db8::7]\"\r\n", 1, "2001:db8::7"),
            (Forwarded, "Forwarded: for=6.6.6.6;host=\"\\\", for=203.0.113.7\r\n", 1, "203.0.113.7"),
            (Forwarded, "Forwarded: for=_hidden\r\n", 1, "-"),
            (Forwarded, "Forwarded: for=unknown;proto=http\r\n", 1, "-"),
            (Forwarded, "Forwarded: proto=http\r\n", 1, "-"),
            (Forwarded, "Forwarded: for=1.1.1.1;for=2.2.2.2\r\n", 1, "-"),
            (XRealIp, "X-Real-IP: 203.0.113.7\r\n", 1, "203.0.113.7"),
            (XRealIp, "X-Real-IP: 6.6.6.6\r\nX-Real-Ip: 203.0.113.7\r\n", 3, "203.0.113.7"),
            (XRealIp, "X-Real-IP: localhost\r\n", 1, "-"),
        ];
        for (field, lines, hops, wanted) in table {
            assert_eq!(client(field, lines, hops), wanted, "{lines:?} of {hops}");
        }
    }

    #[test]
    fn a_list_of_any_length_takes_time_in_proportion() {
        let kinds: [&dyn Fn(usize) -> String; 4] = [
            &|size| format!("X-Forwarded-For: {}\r\n", "1.1.1.1, ".repeat(size)),
            &|size| "X-Forwarded-For: 1.1.1.1\r\n".repeat(size),
            &|size| format!("X-Forwarded-For: {}\r\n", "\\\"".repeat(size)),
            &|size| format!("X-Forwarded-For: 1.1.1.1{}\r\n", "\r\n ,".repeat(size)),
        ];
        for lines in kinds {
            steps::tests::are_in_proportion("a list of proxies", 2_000, 60, |size| {
                Field::XForwardedFor.client(lines(size).as_bytes(), usize::MAX);
            });
        }
    }
}

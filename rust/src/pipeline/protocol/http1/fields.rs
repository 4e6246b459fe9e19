//! Looks up fields in the lines of a head. These fields are rarely needed, so the parser itself does not read them.

use std::net::Ipv6Addr;

use crate::pipeline::exchange::{ClientField, Fields};
use crate::pipeline::protocol::forwarded;
use crate::pipeline::steps;

/// All lines of a head except the first one.
#[derive(Clone, Copy, Debug)]
pub struct FieldLines<'a>(pub &'a [u8]);

impl Fields for FieldLines<'_> {
    fn first(&self, name: &[u8]) -> Option<&[u8]> {
        self.0.split(|&byte| byte == b'\n').find_map(|line| value(line, name).map(<[u8]>::trim_ascii))
    }

    fn client(&self, field: ClientField, hops: usize) -> Option<Ipv6Addr> {
        let from_last = FromLast { lines: self.0 };
        forwarded::client(field, from_last.filter_map(|line| value(line, field.name())), hops)
    }
}

impl<'a> FieldLines<'a> {
    /// Returns the first field with this name. Looks only at the place behind the name in each line, so it is fast.
    pub fn find(&self, name: &[u8]) -> Option<&'a [u8]> {
        let mut rest = self.0;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, behind) = rest.split_at(end + 1);
            if line.get(name.len()).is_some_and(|byte| matches!(byte, b':' | b' ' | b'\t'))
                && let Some(value) = value(line, name)
            {
                return Some(value.trim_ascii());
            }
            rest = behind;
        }
        None
    }
}

/// Returns the value of the field in this line if the field has this name.
fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (found, rest) = line.split_at_checked(name.len())?;
    rest.trim_ascii_start().strip_prefix(b":").filter(|_| found.eq_ignore_ascii_case(name))
}

/// Iterates over fields from the last one to the first, each with the lines that continue it.
struct FromLast<'a> {
    lines: &'a [u8],
}

impl<'a> Iterator for FromLast<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.lines.is_empty() {
            return None;
        }
        let (rest, field) = self.lines.split_at(start_of_last(self.lines));
        steps::add(field.len());
        self.lines = rest;
        Some(field)
    }
}

/// Returns where the last field starts. A line that begins with white space continues the previous one (RFC 9112 §5.2).
fn start_of_last(lines: &[u8]) -> usize {
    let mut start = lines.len();
    loop {
        start = memchr::memrchr(b'\n', &lines[..start.saturating_sub(1)]).map_or(0, |feed| feed + 1);
        if start == 0 || !matches!(lines[start], b' ' | b'\t') {
            return start;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(field: ClientField, lines: &str, hops: usize) -> String {
        let found = FieldLines(lines.as_bytes()).client(field, hops);
        found.map_or_else(|| "-".into(), |address| address.to_canonical().to_string())
    }

    #[test]
    fn the_client_is_what_the_nearest_trusted_proxy_says() {
        use ClientField::{Forwarded, XForwardedFor, XRealIp};
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
            // A client that opens a quote cannot hide what a proxy adds behind it.
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
    fn a_list_of_proxies_takes_time_in_proportion_to_its_length() {
        let kinds: [&dyn Fn(usize) -> String; 4] = [
            &|size| format!("X-Forwarded-For: {}\r\n", "1.1.1.1, ".repeat(size)),
            &|size| "X-Forwarded-For: 1.1.1.1\r\n".repeat(size),
            &|size| format!("X-Forwarded-For: {}\r\n", "\\\"".repeat(size)),
            &|size| format!("X-Forwarded-For: 1.1.1.1{}\r\n", "\r\n ,".repeat(size)),
        ];
        for lines in kinds {
            steps::tests::are_in_proportion("a list of proxies", 2_000, 60, |size| {
                FieldLines(lines(size).as_bytes()).client(ClientField::XForwardedFor, usize::MAX);
            });
        }
    }
}

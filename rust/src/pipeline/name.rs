//! Names of hosts and sections as they are counted and shown: what the wire says, made safe and short.
//!
//! Whatever leaves the core is printable ASCII: any other byte is written `\xNN`, so no name can move a cursor, turn
//! text around or break a line. What is cut for its length keeps a hash, so that long names stay apart.

mod agent;
mod path;

pub use agent::product_into;
pub use path::{CUT, MAX_SHOWN, path_into};

use smallvec::SmallVec;

use super::decode::Endpoint;
use super::steps;

/// Longest host name: that of the domain name system.
pub const MAX_HOST: usize = 255;
/// Longest section path.
pub const MAX_PATH: usize = 1024;

/// Writes `bytes` to `out` as printable ASCII of at most `max` characters.
pub fn clean_into(out: &mut Vec<u8>, bytes: &[u8], max: usize) {
    if bytes.len() <= max && bytes.iter().fold(true, |is_plain, byte| is_plain & is_printable(*byte)) {
        // Nearly every name is.
        out.extend_from_slice(bytes);
        return;
    }
    let start = out.len();
    for &byte in bytes.iter().take(max + 1) {
        if is_printable(byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
        }
    }
    if out.len() - start > max {
        let mark = format!("..#{:016x}", fnv1a(bytes));
        out.truncate(start + max - mark.len());
        out.extend_from_slice(mark.as_bytes());
    }
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e)
}

/// `text` as printable ASCII of at most `max` characters.
pub fn clean(text: &str, max: usize) -> String {
    let mut out = Vec::with_capacity(text.len());
    clean_into(&mut out, text.as_bytes(), max);
    as_text(&out).into_owned()
}

/// What this module wrote, as text: it is ASCII.
pub fn as_text(name: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(name)
}

/// Fowler-Noll-Vo: the same on every machine, so that merged names agree.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Host names as most are written, in lower case; 0 for bytes that want a closer look.
const PLAIN: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let letter = byte as u8;
        if letter.is_ascii_alphanumeric() || matches!(letter, b'.' | b'-' | b'_' | b':' | b'[' | b']') {
            table[byte] = letter.to_ascii_lowercase();
        }
        byte += 1;
    }
    table
};

/// Writes the host that a request is for: RFC 9112 §3.2.2, the authority of an absolute target goes before `Host`;
/// without either it is the server's address. Lower case, without userinfo and default port.
pub fn host_into(out: &mut Vec<u8>, target: &[u8], is_connect: bool, field: Option<&[u8]>, server: Endpoint) {
    let authority = if is_connect { Some(target) } else { split_absolute(target).map(|(authority, _)| authority) };
    let authority = authority.filter(|_| is_connect || is_trusted(target, field)).and_then(host_of);
    let start = out.len();
    if let Some(host) = authority.or_else(|| field.and_then(host_of)) {
        out.extend(host.iter().map(|&byte| PLAIN[usize::from(byte)]));
        if host.len() > MAX_HOST || out[start..].contains(&0) {
            out.truncate(start);
            clean_into(out, host.strip_suffix(b":80").unwrap_or(host), MAX_HOST);
            out[start..].make_ascii_lowercase();
        } else if out[start..].ends_with(b":80") {
            out.truncate(out.len() - 3);
        }
    }
    if out.len() == start {
        out.extend_from_slice(server.to_string().as_bytes());
    }
}

/// What ends an authority (RFC 3986 §3.2), or may end it: some recipients read a backslash as a slash, and no authority
/// has white space.
const ENDS_AUTHORITY: &[u8] = b"/?#\\ \t\n\x0b\x0c\r";
/// What no host has, though RFC 3986 allows some of it: parameters that someone put behind one.
const ENDS_HOST: &[u8] = b";&=,\0";

/// The host in an authority, or in what stands where one should: without userinfo, and without what follows. `None` when
/// it cannot be told from a secret.
fn host_of(authority: &[u8]) -> Option<&[u8]> {
    let is_plain = authority.iter().all(|&byte| PLAIN[usize::from(byte)] != 0);
    let authority = if is_plain { authority } else { without_userinfo(authority)? };
    let mut colons = memchr::memchr_iter(b':', authority);
    // A port that is no number is the rest of a userinfo. An address of IPv6 has more colons.
    let host = match (colons.next(), colons.next()) {
        (Some(at), None) if !authority[at + 1..].iter().all(u8::is_ascii_digit) => &authority[..at],
        _ => authority,
    };
    (!host.is_empty()).then_some(host)
}

/// The host and port of what is no plain one. A userinfo with a slash in it cannot be told from a host and a path.
fn without_userinfo(authority: &[u8]) -> Option<&[u8]> {
    let (authority, rest) = before(scheme(authority).map_or(authority, |(_, rest)| rest), ENDS_AUTHORITY);
    if has_at(rest) {
        return None;
    }
    let userinfo = (0..authority.len()).rev().find(|&at| decoded(authority, at) == b'@');
    let host = userinfo.map_or(authority, |at| &authority[at + if authority[at] == b'%' { 3 } else { 1 }..]);
    Some(before(host, ENDS_HOST).0)
}

/// What comes before the first of these bytes, encoded or not, and the rest.
fn before<'a>(bytes: &'a [u8], ends: &[u8]) -> (&'a [u8], &'a [u8]) {
    let end = (0..bytes.len()).find(|&at| ends.contains(&decoded(bytes, at)));
    bytes.split_at(end.unwrap_or(bytes.len()))
}

/// The byte there, and that of `%3B` for `%`.
fn decoded(bytes: &[u8], at: usize) -> u8 {
    let hex = |digit: u8| char::from(digit).to_digit(16);
    match bytes[at..] {
        [b'%', high, low, ..] => hex(high).zip(hex(low)).map_or(b'%', |(high, low)| (high << 4 | low) as u8),
        [byte, ..] => byte,
        [] => 0,
    }
}

/// The authority and the path of an absolute target are what they seem. With an `@` behind the authority they may be
/// parts of a userinfo, unless `Host` says the same, as it has to (RFC 9112 §3.2.2).
fn is_trusted(target: &[u8], field: Option<&[u8]>) -> bool {
    split_absolute(target).is_none_or(|(authority, rest)| {
        let said = host_of(authority).zip(field.and_then(host_of));
        !has_at(rest) || said.is_some_and(|(here, there)| here.eq_ignore_ascii_case(there))
    })
}

fn has_at(bytes: &[u8]) -> bool {
    (0..bytes.len()).any(|at| decoded(bytes, at) == b'@')
}

/// White space, at any of which some recipients divide a request line (RFC 9112 §3): a target ends there.
fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

/// Writes the section of a request target: its first `depth` path segments, without their parameters, query and fragment.
pub fn section_into(out: &mut Vec<u8>, target: &[u8], is_connect: bool, field: Option<&[u8]>, depth: usize) {
    if is_connect || target == b"*" {
        out.push(b'*');
        return;
    }
    out.push(b'/');
    let path = match split_absolute(target) {
        Some((_, path)) => path,
        // Neither absolute nor a path: perhaps an authority, or an absolute one with a fault.
        None if has_at(target) && (!target.starts_with(b"/") || target.starts_with(b"//")) => return,
        None => target,
    };
    if !is_trusted(target, field) {
        return;
    }
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let path = &path[..segments(path, depth)];
    let kept: &[u8] = if first_secret(path).is_none() { path } else { &without_secrets(path) };
    // Parameters may have hidden that it is no path.
    if !(kept.starts_with(b"/") && has_at(kept)) {
        clean_into(out, kept, MAX_PATH);
    }
}

/// The section of a target that may go on is all there.
pub fn has_whole_section(target: &[u8], depth: usize) -> bool {
    let path = split_absolute(target).map_or(target, |(_, path)| path);
    path.strip_prefix(b"/").is_some_and(|path| end_of_segments(path, depth).is_some())
}

/// Length of the first `depth` segments of a path that has lost its leading slash.
fn segments(path: &[u8], depth: usize) -> usize {
    let end = end_of_segments(path, depth).unwrap_or(path.len());
    path[..end].iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1)
}

/// Where the first `depth` segments end, the slash behind them left out, if something follows them.
fn end_of_segments(path: &[u8], depth: usize) -> Option<usize> {
    let mut left = depth;
    // Up to the slash behind segment number `depth`.
    let is_end = |byte: u8| {
        steps::add(1);
        left -= usize::from(byte == b'/' && left > 0);
        matches!(byte, b'?' | b'#') || is_space(byte) || left == 0
    };
    if depth == 0 { Some(0) } else { path.iter().copied().position(is_end) }
}

/// What ends the name of a segment.
const ENDS_NAME: &[u8] = b";?#";

/// Where a path has what is no name: parameters of a segment (RFC 3986 §3.3), an encoded query or fragment, a userinfo.
fn first_secret(path: &[u8]) -> Option<usize> {
    memchr::memchr3_iter(b';', b'%', b'@', path).find(|&at| match path[at] {
        b'@' => path[..at].contains(&b':'),
        _ => ENDS_NAME.contains(&decoded(path, at)),
    })
}

/// A path without them.
fn without_secrets(path: &[u8]) -> SmallVec<[u8; 128]> {
    let mut kept = SmallVec::new();
    for (number, segment) in path.split(|&byte| byte == b'/').enumerate() {
        if number > 0 {
            kept.push(b'/');
        }
        let (name, rest) = before(segment, ENDS_NAME);
        let userinfo = memchr::memrchr(b'@', name).filter(|&at| name[..at].contains(&b':'));
        kept.extend_from_slice(&name[userinfo.map_or(0, |at| at + 1)..]);
        // What follows an encoded query or fragment is a part of it.
        if !rest.is_empty() && decoded(rest, 0) != b';' {
            break;
        }
    }
    kept.truncate(kept.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1));
    kept
}

/// Host and section of a usual request as they stand in it. A name made plain stays what it is when it is made plain
/// again: where names are kept that read like these, these are the names.
pub fn as_written<'a>(target: &'a [u8], field: Option<&'a [u8]>, depth: usize) -> Option<(&'a [u8], &'a [u8])> {
    let path = target.strip_prefix(b"/")?;
    let host = field.filter(|host| !host.is_empty() && !host.ends_with(b":80"))?;
    Some((host, &target[..=plain_segments(path, depth)?]))
}

/// What ends a segment, or makes a closer look necessary.
const MARKS: [bool; 256] = {
    let mut table = [false; 256];
    let marks = b"/?#;%@ \t\n\x0b\x0c\r";
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    table
};

/// What [`segments`] gives for a path whose first `depth` segments are names and nothing else.
fn plain_segments(path: &[u8], depth: usize) -> Option<usize> {
    let (mut left, mut end) = (depth, 0);
    while left > 0 {
        end += path[end..].iter().position(|&byte| MARKS[usize::from(byte)]).unwrap_or(path.len() - end);
        match path.get(end) {
            Some(b'/') if left > 1 => end += 1,
            Some(b'/' | b'?' | b'#') | None => break,
            Some(_) => return None,
        }
        left -= 1;
    }
    Some(path[..end].iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1))
}

/// Authority and the rest of an absolute-form target (RFC 9112 §3.2.2).
fn split_absolute(target: &[u8]) -> Option<(&[u8], &[u8])> {
    if target.first() == Some(&b'/') {
        return None;
    }
    let (_, rest) = scheme(target)?;
    let end = rest.iter().position(|byte| ENDS_AUTHORITY.contains(byte)).unwrap_or(rest.len());
    Some(rest.split_at(end))
}

/// A scheme and what follows it and its slashes.
fn scheme(url: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memmem::find(url, b"://").filter(|&end| end > 0 && end <= 8)?;
    url[..end].iter().all(u8::is_ascii_alphanumeric).then(|| (&url[..end], &url[end + 3..]))
}

#[cfg(test)]
mod tests;

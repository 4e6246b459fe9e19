//! Names of hosts and sections, as they are counted and shown: what the wire says, made safe and short.
//!
//! Every name that leaves the core is printable ASCII: any other byte is written as `\xNN`, so no name can move a
//! cursor, turn text around or break a line. A name that is too long is cut and ends in a hash of the whole, so that
//! long names stay distinct.

mod agent;
mod path;
mod secrets;

pub use agent::product_into;
pub use path::{CUT, MAX_SHOWN, path_into};

use super::decode::Endpoint;
use super::steps;
use secrets::is_space;

/// Maximum length of a host name, as in DNS.
pub const MAX_HOST: usize = 255;
/// Maximum length of a section path.
pub const MAX_PATH: usize = 1024;

/// Writes `bytes` to `out` as printable ASCII of at most `max` characters.
pub fn clean_into(out: &mut Vec<u8>, bytes: &[u8], max: usize) {
    if bytes.len() <= max && bytes.iter().fold(true, |is_plain, byte| is_plain & is_printable(*byte)) {
        // Nearly every name is short and printable.
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

/// The text of a name that this module wrote, which is ASCII.
pub fn as_text(name: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(name)
}

/// Fowler-Noll-Vo hash: the same on every machine, so that names that were cut merge.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The usual bytes of host names, in lower case; 0 for bytes that need a closer look.
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

/// Writes the host that a request is for, in lower case, without userinfo and default port. The authority of an
/// absolute target takes precedence over `Host` (RFC 9112 §3.2.2). If there is neither, the server's address is
/// written.
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

/// Bytes that end an authority (RFC 3986 §3.2), or may end it: some recipients read a backslash as a slash, and no
/// authority has white space.
const ENDS_AUTHORITY: &[u8] = b"/?#\\ \t\n\x0b\x0c\r";
/// Bytes that end a host. RFC 3986 allows some of them in it, but no real host has them; they begin parameters that
/// somebody added.
const ENDS_HOST: &[u8] = b";&=,\0";

/// The host and port in an authority, or in a text where one should be, without userinfo and without what follows.
/// `None` if there is no host, or if it cannot be told from a secret.
fn host_of(authority: &[u8]) -> Option<&[u8]> {
    let is_plain = authority.iter().all(|&byte| PLAIN[usize::from(byte)] != 0);
    let authority = if is_plain { authority } else { without_userinfo(authority)? };
    let host = without_odd_port(authority)?;
    (!host.is_empty()).then_some(host)
}

/// A host, with its port if that is a number; another port is the rest of a userinfo. `None` if a bracket is not closed.
fn without_odd_port(authority: &[u8]) -> Option<&[u8]> {
    let Some(colon) = memchr::memchr(b':', authority) else { return Some(authority) };
    let end = if authority.starts_with(b"[") { memchr::memchr(b']', authority)? + 1 } else { colon };
    let is_address = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    Some(match authority[end..].split_first() {
        Some((b':', port)) if port.iter().all(u8::is_ascii_digit) => authority,
        // An IPv6 address that lacks its brackets.
        Some((b':', rest)) if rest.contains(&b':') && authority.iter().all(is_address) => authority,
        _ => &authority[..end],
    })
}

/// The host and port in an authority with unusual bytes. `None` if an `@` follows the authority: a userinfo with a
/// slash in it cannot be told from a host and a path.
fn without_userinfo(authority: &[u8]) -> Option<&[u8]> {
    let (authority, rest) = before(scheme(authority).map_or(authority, |(_, rest)| rest), ENDS_AUTHORITY);
    if has_at(rest) {
        return None;
    }
    let userinfo = (0..authority.len()).rev().find(|&at| decoded(authority, at) == b'@');
    let host = userinfo.map_or(authority, |at| &authority[at + if authority[at] == b'%' { 3 } else { 1 }..]);
    Some(before(host, ENDS_HOST).0)
}

/// Splits `bytes` before the first byte of `ends`, whether percent-encoded or not.
fn before<'a>(bytes: &'a [u8], ends: &[u8]) -> (&'a [u8], &'a [u8]) {
    let end = (0..bytes.len()).find(|&at| ends.contains(&decoded(bytes, at)));
    bytes.split_at(end.unwrap_or(bytes.len()))
}

/// The byte at a position, decoded if a percent-encoding such as `%3B` begins there.
fn decoded(bytes: &[u8], at: usize) -> u8 {
    let hex = |digit: u8| char::from(digit).to_digit(16);
    match bytes[at..] {
        [b'%', high, low, ..] => hex(high).zip(hex(low)).map_or(b'%', |(high, low)| (high << 4 | low) as u8),
        [byte, ..] => byte,
        [] => 0,
    }
}

/// True if the authority and the path of a target are what they seem to be. If an `@` follows the authority of an
/// absolute target, both may be parts of a userinfo, unless `Host` names the same host, as it has to (RFC 9112 §3.2.2).
fn is_trusted(target: &[u8], field: Option<&[u8]>) -> bool {
    split_absolute(target).is_none_or(|(authority, rest)| {
        let said = host_of(authority).zip(field.and_then(host_of));
        !has_at(rest) || said.is_some_and(|(here, there)| here.eq_ignore_ascii_case(there))
    })
}

fn has_at(bytes: &[u8]) -> bool {
    (0..bytes.len()).any(|at| decoded(bytes, at) == b'@')
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
        // The target is neither absolute nor a path. It may be an authority, or a faulty absolute target.
        None if (!target.starts_with(b"/") || target.starts_with(b"//")) && has_at(target) => return,
        None => target,
    };
    if !is_trusted(target, field) {
        return;
    }
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let section = &path[..segments(path, depth)];
    if memchr::memchr3(b';', b'%', b'@', section).is_none() && memchr::memchr(b':', section).is_none() {
        return clean_into(out, section, MAX_PATH);
    }
    // A userinfo may end in a later segment.
    let path = secrets::without_secrets(path);
    let section = &path[..segments(&path, depth)];
    // Without its parameters the target may turn out not to be a path.
    if !(section.starts_with(b"/") && has_at(section)) {
        clean_into(out, section, MAX_PATH);
    }
}

/// True if the section of a target is known, even if more of the target follows. With a colon, it may be the beginning
/// of a userinfo.
pub fn has_whole_section(target: &[u8], depth: usize) -> bool {
    let path = split_absolute(target).map_or(target, |(_, path)| path);
    let Some(path) = path.strip_prefix(b"/") else { return false };
    end_of_segments(path, depth).is_some_and(|end| path.get(end) != Some(&b'/') || !secrets::has_colon(&path[..end]))
}

/// Length of the first `depth` segments of a path without its leading slash. Slashes at their end do not count.
fn segments(path: &[u8], depth: usize) -> usize {
    let end = end_of_segments(path, depth).unwrap_or(path.len());
    path[..end].iter().rposition(|&byte| byte != b'/').map_or(0, |last| last + 1)
}

/// Position behind the first `depth` segments, before the slash that ends them; `None` if nothing ends the last of
/// them.
fn end_of_segments(path: &[u8], depth: usize) -> Option<usize> {
    let mut left = depth;
    // True at the slash behind segment number `depth`, and where the path ends.
    let is_end = |byte: u8| {
        steps::add(1);
        left -= usize::from(byte == b'/' && left > 0);
        matches!(byte, b'?' | b'#') || is_space(byte) || left == 0
    };
    if depth == 0 { Some(0) } else { path.iter().copied().position(is_end) }
}

/// Host and section of an ordinary request, as they are written in it; `None` if they need a closer look. Cleaning a
/// clean name changes nothing. So if both equal names that are already kept, they are the names of the request.
pub fn as_written<'a>(target: &'a [u8], field: Option<&'a [u8]>, depth: usize) -> Option<(&'a [u8], &'a [u8])> {
    let path = target.strip_prefix(b"/")?;
    let host = field.filter(|host| !host.is_empty() && !host.ends_with(b":80"))?;
    Some((host, &target[..=plain_segments(path, depth)?]))
}

/// True if host and section, from [`as_written`] for a target that was not cut, differ from the names that
/// [`host_into`] and [`section_into`] write in nothing but the case of the host.
pub fn are_plain(host: &[u8], section: &[u8]) -> bool {
    let is_plain = |&byte: &u8| byte != b':' && PLAIN[usize::from(byte)] != 0;
    host.len() <= MAX_HOST
        && host.iter().all(is_plain)
        && section.len() <= MAX_PATH
        && !section.starts_with(b"//")
        && section.iter().all(|&byte| is_printable(byte))
}

/// Bytes that end a segment, or that need a closer look.
const MARKS: [bool; 256] = {
    let mut table = [false; 256];
    let marks = b"/?#;%@: \t\n\x0b\x0c\r";
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    table
};

/// The result of [`segments`] for a path whose first `depth` segments are plain names; otherwise `None`.
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

/// The authority and the rest of an absolute-form target (RFC 9112 §3.2.2).
fn split_absolute(target: &[u8]) -> Option<(&[u8], &[u8])> {
    if target.first() == Some(&b'/') {
        return None;
    }
    let (_, rest) = scheme(target)?;
    let end = rest.iter().position(|byte| ENDS_AUTHORITY.contains(byte)).unwrap_or(rest.len());
    Some(rest.split_at(end))
}

/// The scheme of a URL, and what follows `://`.
fn scheme(url: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memmem::find(url, b"://").filter(|&end| end > 0 && end <= 8)?;
    url[..end].iter().all(u8::is_ascii_alphanumeric).then(|| (&url[..end], &url[end + 3..]))
}

#[cfg(test)]
mod tests;

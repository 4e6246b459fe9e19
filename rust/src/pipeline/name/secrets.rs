//! Where a path of a request target may have a secret: in parameters, an encoded query or fragment, or a userinfo.

use smallvec::SmallVec;

use crate::pipeline::steps;

/// Length of a path that takes no memory of its own.
const USUAL: usize = 256;

/// The segments of a path, up to its end, that have no secret whichever way it is read: with parameters, an encoded query
/// or fragment, or a userinfo. If it has signs of a userinfo and of one of the others, the segments before both are kept.
pub fn without_secrets(path: &[u8]) -> SmallVec<[u8; USUAL]> {
    let path = &path[..end_of_path(path)];
    let Some((colon, behind)) = find(path, b":") else { return without_parameters(path) };
    if find(&path[behind..], b"@").is_none() {
        without_parameters(path)
    } else if find(path, b";?#").is_none() {
        without_userinfo(path)
    } else {
        without_parameters(&path[..segment_at(path, colon)])
    }
}

/// True if a path has a colon, encoded or not.
pub fn has_colon(path: &[u8]) -> bool {
    find(path, b":").is_some()
}

/// Position where the query or the fragment begins, or white space that ends the target.
pub fn end_of_path(path: &[u8]) -> usize {
    steps::add(path.len());
    path.iter().position(|&byte| matches!(byte, b'?' | b'#') || is_space(byte)).unwrap_or(path.len())
}

/// Position where the segment that contains `at` begins.
pub fn segment_at(path: &[u8], at: usize) -> usize {
    memchr::memrchr(b'/', &path[..at]).map_or(0, |slash| slash + 1)
}

/// The byte that `path[at..]` begins with, decoded however often it was encoded, and how many bytes it takes there.
fn decoded(path: &[u8], at: usize) -> (u8, usize) {
    let hex = |at: usize| path.get(at).and_then(|&digit| char::from(digit).to_digit(16));
    let mut digits = at + 1;
    while path[at] == b'%' && path[digits..].starts_with(b"25") {
        digits += 2;
    }
    match hex(digits).zip(hex(digits + 1)) {
        Some((high, low)) if path[at] == b'%' => ((high << 4 | low) as u8, digits + 2 - at),
        _ => (path[at], 1),
    }
}

/// Position of the first of these bytes, encoded or not, and of what follows it.
pub fn find(path: &[u8], bytes: &[u8]) -> Option<(usize, usize)> {
    let mut at = 0;
    while at < path.len() {
        steps::add(1);
        let (byte, len) = decoded(path, at);
        if bytes.contains(&byte) {
            return Some((at, at + len));
        }
        at += len;
    }
    None
}

/// The path without anything that may be a userinfo: from the beginning of the first colon's segment to the last `@`
/// behind that colon.
pub fn without_userinfo(path: &[u8]) -> SmallVec<[u8; USUAL]> {
    let Some((colon, mut end)) = find(path, b":") else { return path.into() };
    let begin = segment_at(path, colon);
    let mut has_userinfo = false;
    while let Some((_, behind)) = find(&path[end..], b"@") {
        (end, has_userinfo) = (end + behind, true);
    }
    if has_userinfo { [&path[..begin], &path[end..]].concat().into() } else { path.into() }
}

/// The path without the parameters of its segments (RFC 3986 §3.3), and up to an encoded query or fragment.
pub fn without_parameters(path: &[u8]) -> SmallVec<[u8; USUAL]> {
    let mut kept = SmallVec::new();
    for (number, segment) in path.split(|&byte| byte == b'/').enumerate() {
        if number > 0 {
            kept.push(b'/');
        }
        let Some((end, _)) = find(segment, b";?#") else {
            kept.extend_from_slice(segment);
            continue;
        };
        kept.extend_from_slice(&segment[..end]);
        // What follows an encoded query or fragment is a part of it.
        if decoded(segment, end).0 != b';' {
            break;
        }
    }
    kept
}

/// True for white space at which some recipients divide a request line (RFC 9112 §3), so that a target ends there.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

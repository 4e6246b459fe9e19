//! Names of hosts and sections as they are counted and shown: what the wire says, made safe and short.
//!
//! Whatever leaves the core is printable ASCII: any other byte is written `\xNN`, so no name can move a cursor, turn
//! text around or break a line. What is cut for its length keeps a hash, so that long names stay apart.

use super::decode::Endpoint;

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
    let authority = authority.filter(|authority| !authority.is_empty()).or(field).unwrap_or_default();
    let start = out.len();
    out.extend(authority.iter().map(|&byte| PLAIN[usize::from(byte)]));
    if authority.len() > MAX_HOST || out[start..].contains(&0) {
        out.truncate(start);
        // Userinfo is a secret.
        let host = memchr::memrchr(b'@', authority).map_or(authority, |at| &authority[at + 1..]);
        clean_into(out, host.strip_suffix(b":80").unwrap_or(host), MAX_HOST);
        out[start..].make_ascii_lowercase();
    } else if out[start..].ends_with(b":80") {
        out.truncate(out.len() - 3);
    }
    if out.len() == start {
        out.extend_from_slice(server.to_string().as_bytes());
    }
}

/// Writes the section of a request target: its first `depth` path segments, without query and fragment.
pub fn section_into(out: &mut Vec<u8>, target: &[u8], is_connect: bool, depth: usize) {
    if is_connect || target == b"*" {
        out.push(b'*');
        return;
    }
    let path = split_absolute(target).map_or(target, |(_, path)| path);
    let path = path.strip_prefix(b"/").unwrap_or(path);
    out.push(b'/');
    clean_into(out, &path[..segments(path, depth)], MAX_PATH);
}

/// The section of a target that may go on is all there.
pub fn has_whole_section(target: &[u8], depth: usize) -> bool {
    let path = split_absolute(target).map_or(target, |(_, path)| path);
    path.strip_prefix(b"/").is_some_and(|path| end_of_segments(path, depth).is_some())
}

/// Length of the first `depth` segments of a path that has lost its leading slash.
fn segments(path: &[u8], depth: usize) -> usize {
    let end = end_of_segments(path, depth).unwrap_or(path.len());
    end - usize::from(path[..end].ends_with(b"/"))
}

/// Where the first `depth` segments end, the slash behind them left out, if something follows them.
fn end_of_segments(path: &[u8], depth: usize) -> Option<usize> {
    let mut left = depth;
    // Up to the slash behind segment number `depth`.
    let is_end = |byte: u8| {
        left -= usize::from(byte == b'/' && left > 0);
        matches!(byte, b'?' | b'#') || left == 0
    };
    if depth == 0 { Some(0) } else { path.iter().copied().position(is_end) }
}

/// Host and section of a usual request as they stand in it. A name made plain stays what it is when it is made plain
/// again: where names are kept that read like these, these are the names.
pub fn as_written<'a>(target: &'a [u8], field: Option<&'a [u8]>, depth: usize) -> Option<(&'a [u8], &'a [u8])> {
    let path = target.strip_prefix(b"/")?;
    let host = field.filter(|host| !host.is_empty() && !host.ends_with(b":80"))?;
    Some((host, &target[..=segments(path, depth)]))
}

/// Authority and the rest of an absolute-form target (RFC 9112 §3.2.2).
fn split_absolute(target: &[u8]) -> Option<(&[u8], &[u8])> {
    if target.first() == Some(&b'/') {
        return None;
    }
    let scheme = memchr::memmem::find(target, b"://").filter(|&end| end > 0 && end <= 8)?;
    let rest = &target[scheme + 3..];
    let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
    target[..scheme].iter().all(u8::is_ascii_alphanumeric).then(|| rest.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn server() -> Endpoint {
        Endpoint { address: Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped(), port: 8080 }
    }

    #[test]
    fn a_host_is_the_authority_made_plain() {
        let table: &[(&str, Option<&str>, &str)] = &[
            ("/", Some("Example.ORG"), "example.org"),
            ("/", Some("example.org:80"), "example.org"),
            ("/", Some("example.org:8080"), "example.org:8080"),
            ("/", Some("user:secret@example.org"), "example.org"),
            ("http://other.example:80/x", Some("example.org"), "other.example"),
            ("http://u:p@other.example?q", None, "other.example"),
            ("/http://not/absolute", Some("a"), "a"),
            ("/", None, "192.0.2.1:8080"),
            ("/", Some(""), "192.0.2.1:8080"),
            ("/", Some("a\x1b[2Jb"), "a\\x1b[2jb"),
            ("/", Some("b\u{fc}cher.example"), "b\\xc3\\xbccher.example"),
        ];
        for &(target, field, want) in table {
            let mut host = Vec::new();
            host_into(&mut host, target.as_bytes(), false, field.map(str::as_bytes), server());
            assert_eq!(as_text(&host), want, "{target} {field:?}");
        }
        let mut host = Vec::new();
        host_into(&mut host, b"proxied.example:443", true, Some(b"proxy"), server());
        assert_eq!(as_text(&host), "proxied.example:443");
    }

    #[test]
    fn a_section_is_the_first_segments_of_the_path() {
        let table = [
            ("/", 1, "/"),
            ("/a", 1, "/a"),
            ("/a/", 1, "/a"),
            ("/a/b?x=/c", 1, "/a"),
            ("/?x", 1, "/"),
            ("/a#b", 1, "/a"),
            ("//x", 1, "/"),
            ("*", 1, "*"),
            ("http://h/a/b", 1, "/a"),
            ("http://h", 1, "/"),
            ("/a/b/c", 2, "/a/b"),
            ("/a/", 2, "/a"),
            ("/a/b", 0, "/"),
            ("", 1, "/"),
            ("/\u{e9}", 1, "/\\xc3\\xa9"),
        ];
        for (target, depth, want) in table {
            let mut section = Vec::new();
            section_into(&mut section, target.as_bytes(), false, depth);
            assert_eq!(as_text(&section), want, "{target} at {depth}");
        }
    }

    #[test]
    fn what_is_cut_stays_apart() {
        let (long, longer) = ("x".repeat(300), "x".repeat(301));
        let (a, b) = (clean(&long, MAX_HOST), clean(&longer, MAX_HOST));
        assert_eq!((a.len(), b.len()), (MAX_HOST, MAX_HOST));
        assert_ne!(a, b);
        assert_eq!(clean(&"\n".repeat(255), MAX_HOST).len(), MAX_HOST);
    }
}

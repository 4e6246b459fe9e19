//! The whole path of a request target, as an exchange shows it: without query, fragment, parameters and userinfo.
//!
//! Whether a target is a path is decided as for sections. Apart from that a whole path is read with more care, since it
//! has more places where a secret may be.

use super::secrets::{end_of_path, find, segment_at, without_parameters, without_userinfo};
use super::{clean_into, has_at, is_trusted, split_absolute};
use crate::pipeline::steps;

/// Maximum length of a path that is shown: more than a screen is wide. A longer one is cut and ends in `..#` and a hash
/// of the whole.
pub const MAX_SHOWN: usize = 256;

/// Written behind the known part of a path if the rest is not known.
pub const CUT: &[u8] = b"..";

/// The bytes of a path that is shown as it is: those that RFC 3986 §3.3 allows, without `;`, `%` and `@`, which need a
/// closer look.
const PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let letter = byte as u8;
        table[byte] = letter.is_ascii_alphanumeric()
            || matches!(letter, b'/' | b'-' | b'.' | b'_' | b'~' | b'=' | b':')
            || matches!(letter, b'!' | b'$' | b'&'..=b',');
        byte += 1;
    }
    table
};

/// The path of a target that needs no closer look: it begins with one slash and all its bytes are plain. Nearly every
/// target is like this.
fn plain_path(target: &[u8]) -> Option<&[u8]> {
    let end = target.iter().position(|&byte| !PLAIN[usize::from(byte)]).unwrap_or(target.len());
    steps::add(end);
    let is_path = target.starts_with(b"/") && !target.starts_with(b"//") && end <= MAX_SHOWN;
    (is_path && matches!(target.get(end), None | Some(b'?' | b'#'))).then(|| &target[..end])
}

/// Writes the path of a request target. If the capture cut the target (`is_cut`), only its whole segments are written,
/// and nothing if there are none.
pub fn path_into(out: &mut Vec<u8>, target: &[u8], is_connect: bool, field: Option<&[u8]>, is_cut: bool) {
    if is_connect || target == b"*" {
        out.push(b'*');
        return;
    }
    if is_cut {
        return cut_path_into(out, target);
    }
    match plain_path(target) {
        Some(path) => out.extend_from_slice(path),
        None => careful_path_into(out, target, field),
    }
}

/// Writes the path of any request target.
fn careful_path_into(out: &mut Vec<u8>, target: &[u8], field: Option<&[u8]>) {
    let path = match split_absolute(target) {
        Some((_, path)) => path,
        // The target is neither absolute nor a path. It may be an authority, or a faulty absolute target.
        None if (!target.starts_with(b"/") || target.starts_with(b"//")) && has_at(target) => b"",
        None => target,
    };
    let path = &path[..end_of_path(path)];
    let path = if is_trusted(target, field) { path.strip_prefix(b"/").unwrap_or(path) } else { b"" };
    out.push(b'/');
    if memchr::memchr3(b';', b'%', b'@', path).is_none() {
        return clean_into(out, path, MAX_SHOWN - 1);
    }
    let path = without_parameters(&without_userinfo(path));
    // Without its parameters the target may turn out not to be a path.
    if !(path.starts_with(b"/") && has_at(&path)) {
        clean_into(out, &path, MAX_SHOWN - 1);
    }
}

/// Writes the whole segments of a target that was cut. The rest, which was not captured, may have an `@`. With it,
/// everything from the segment of a colon on would be a userinfo, so nothing of that is written.
fn cut_path_into(out: &mut Vec<u8>, target: &[u8]) {
    let Some(path) = target.strip_prefix(b"/").filter(|path| !path.starts_with(b"/")) else { return };
    if end_of_path(path) < path.len() {
        return path_into(out, target, false, None, false);
    }
    let last = segment_at(path, path.len());
    let known = find(&path[..last], b":").map_or(last, |(colon, _)| segment_at(path, colon));
    if known > 0 {
        out.push(b'/');
        clean_into(out, &without_parameters(&path[..known]), MAX_SHOWN - 1 - CUT.len());
        out.extend_from_slice(CUT);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::as_text;
    use super::*;
    use crate::pipeline::steps::tests::are_in_proportion;

    fn path(target: &str, is_cut: bool) -> String {
        let mut out = Vec::new();
        path_into(&mut out, target.as_bytes(), false, Some(b"h"), is_cut);
        as_text(&out).into_owned()
    }

    #[test]
    fn a_path_is_whole_and_ends_before_query_and_fragment() {
        let table = [
            ("/", "/"),
            ("/a/b/c", "/a/b/c"),
            ("/a/b/", "/a/b/"),
            ("//a//b", "//a//b"),
            ("/a?X", "/a"),
            ("/a/?X/b", "/a/"),
            ("/a#X", "/a"),
            ("/?X", "/"),
            ("?X", "/"),
            ("", "/"),
            ("a/b", "/a/b"),
            ("*", "*"),
            ("*?X", "/*"),
            ("/a X", "/a"),
            ("/a\tX", "/a"),
            ("http://h", "/"),
            ("http://h/a/b?X", "/a/b"),
            ("http://h?X", "/"),
            ("/a\u{e9}\x1b[2J", "/a\\xc3\\xa9\\x1b[2J"),
            ("/%E4/a%20b%", "/%E4/a%20b%"),
            ("/a%2", "/a%2"),
        ];
        for (target, want) in table {
            assert_eq!(path(target, false), want, "{target}");
        }
        let mut out = Vec::new();
        path_into(&mut out, b"u:X@h:443", true, None, false);
        assert_eq!(out, b"*");
    }

    proptest! {
        #[test]
        fn a_plain_path_is_what_a_careful_look_gives(target in "/{0,2}[a:/.=*!,_~-]{0,260}[?#@;%& ]?[a/@;]{0,3}") {
            let mut careful = Vec::new();
            careful_path_into(&mut careful, target.as_bytes(), Some(b"h"));
            prop_assert_eq!(path(&target, false), as_text(&careful));
        }
    }

    #[test]
    fn a_path_has_neither_parameters_nor_an_encoded_query_nor_a_userinfo() {
        let table = [
            ("/a;jsessionid=X", "/a"),
            ("/a;X/b;X/c", "/a/b/c"),
            ("/;X", "/"),
            ("/a%3BX/b", "/a/b"),
            ("/a%3bX", "/a"),
            ("/a/b%3fX/c", "/a/b"),
            ("/a/b%23X", "/a/b"),
            ("/a%253fX", "/a"),
            ("/a%25253BX/b", "/a/b"),
            ("/u:X@h/p", "/h/p"),
            ("/u:X%40h/p", "/h/p"),
            ("/u%3AX%2540h/p", "/h/p"),
            ("/r/http://u:X@h/p", "/r/h/p"),
            ("/r/http://u:X/X@h/p", "/r/h/p"),
            ("/r/u:X;X@h", "/r/h"),
            ("/r/u;X:X@h/p@q/r", "/r/q/r"),
            ("/@scope/name", "/@scope/name"),
            ("/users/a@b.example", "/users/a@b.example"),
            ("/a/b:verb", "/a/b:verb"),
            ("/urn:a:b", "/urn:a:b"),
            ("u:X@h/p", "/"),
            ("//u:X@h/p", "/"),
            ("//X@h/p", "/"),
            ("/;/X@h", "/"),
            ("http://u:X/X@h/p", "/"),
            ("http://u:X@h/p", "/p"),
        ];
        for (target, want) in table {
            assert_eq!(path(target, false), want, "{target}");
        }
    }

    #[test]
    fn a_path_that_the_capture_cut_keeps_its_whole_segments() {
        let table = [
            ("/a/b/c", "/a/b/.."),
            ("/a/", "/a/.."),
            ("/a", ""),
            ("/", ""),
            ("", ""),
            ("/a/b?X", "/a/b"),
            ("/a?X", "/a"),
            ("/?X", "/"),
            ("/a;X/b;X/c", "/a/b/.."),
            ("/a/u:X/X", "/a/.."),
            ("/a/u:X?X", "/a/u:X"),
            ("/u:X/X", ""),
            ("//u:X/X", ""),
            ("http://u:X/X", ""),
        ];
        for (target, want) in table {
            assert_eq!(path(target, true), want, "{target}");
        }
    }

    #[test]
    fn a_path_is_bounded_and_says_that_it_was_cut() {
        for is_cut in [false, true] {
            for byte in ["x", "\u{1}", "%41"] {
                let long = format!("/{}/", byte.repeat(2 * MAX_SHOWN));
                let shown = path(&long, is_cut);
                assert_eq!(shown.len(), MAX_SHOWN, "{shown}");
                assert!(shown.contains("..#"), "{shown}");
            }
        }
    }

    #[test]
    fn a_path_twice_as_long_takes_at_most_twice_the_work() {
        for part in ["a", "%", "%25", "25%", ":", "@", ":@", ";", "%253b", "a/", "a;a:@/", "%3a%40"] {
            for is_cut in [false, true] {
                are_in_proportion(part, 500, 30, |size| drop(path(&format!("/{}", part.repeat(size)), is_cut)));
            }
        }
    }
}

//! Tables of names, and a search for secrets in names.

use super::*;
use proptest::prelude::*;
use std::net::Ipv4Addr;

fn server() -> Endpoint {
    Endpoint { address: Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped(), port: 8080 }
}

#[test]
fn a_host_is_the_cleaned_authority() {
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
fn a_host_has_no_userinfo_path_or_parameters() {
    let table: &[(&str, Option<&str>, &str)] = &[
        ("/", Some("h?X"), "h"),
        ("/", Some("h/X"), "h"),
        ("/", Some("h:8080/X"), "h:8080"),
        ("/", Some("h;X"), "h"),
        ("/", Some("h X"), "h"),
        ("/", Some("h @X"), "192.0.2.1:8080"),
        ("/", Some("u:X\\@h"), "192.0.2.1:8080"),
        ("/", Some("h\tX"), "h"),
        ("/", Some("h\r\n X"), "h"),
        ("/", Some("h\\X"), "h"),
        ("/", Some("h\0X"), "h"),
        ("/", Some("h&token=X"), "h"),
        ("/", Some("h%3fX"), "h"),
        ("/", Some("http://u:X@h/X?X"), "h"),
        ("/", Some("u:X;X@h"), "h"),
        ("/", Some("u:X%40h"), "h"),
        ("/", Some("u:X"), "u"),
        ("/", Some("u:X/X@h"), "192.0.2.1:8080"),
        ("/", Some("u:X@"), "192.0.2.1:8080"),
        ("/", Some("[2001:db8::1]:8080"), "[2001:db8::1]:8080"),
        ("/", Some("2001:db8::f"), "2001:db8::f"),
        ("/", Some("[::1]:X"), "[::1]"),
        ("/", Some("[::1]X:1"), "[::1]"),
        ("/", Some("[::1"), "192.0.2.1:8080"),
        ("/", Some("u:X:Y"), "u"),
        ("/", Some("u:X:443"), "u"),
        ("/", Some("a:b:z"), "a"),
        ("/", Some("h:"), "h:"),
        ("http://u:X/X@h/", Some("h"), "h"),
        ("http://u:X?X@h/", None, "192.0.2.1:8080"),
        ("http://u:1/X@h/", Some("h"), "h"),
        ("http://h/@user", Some("h"), "h"),
        ("http://h:80/?mail=a@b", Some("h:80"), "h"),
        ("http://other/?mail=a@b", Some("h"), "h"),
    ];
    for &(target, field, want) in table {
        let mut host = Vec::new();
        host_into(&mut host, target.as_bytes(), false, field.map(str::as_bytes), server());
        assert_eq!(as_text(&host), want, "{target} {field:?}");
    }
    let mut host = Vec::new();
    host_into(&mut host, b"u:X@proxied.example:443", true, Some(b"proxy"), server());
    assert_eq!(as_text(&host), "proxied.example:443");
}

#[test]
fn parameters_are_no_part_of_a_section() {
    let table = [
        ("/a;jsessionid=X", 1, "/a"),
        ("/a;jsessionid=X/b", 1, "/a"),
        ("/a;v=1/b;w=2/c", 2, "/a/b"),
        ("/a%3BX", 1, "/a"),
        ("/a%3bX/b", 2, "/a/b"),
        ("/a%3fX/b", 2, "/a"),
        ("/a%20b", 1, "/a%20b"),
        ("/a X", 1, "/a"),
        ("/a\tX/b", 2, "/a"),
        ("/a/b X", 2, "/a/b"),
        ("/a%2", 1, "/a%2"),
        ("/;X", 1, "/"),
        ("/;X", 2, "/"),
        ("/a/;X", 2, "/a"),
        ("/@user", 1, "/@user"),
        ("/@scope/name", 2, "/@scope/name"),
        ("/u:X@h/p", 1, "/h"),
        ("u:X@h/p", 1, "/"),
        ("//u:X@h/p", 2, "/"),
        ("http://u:X/X@h/p", 1, "/"),
        ("http://u:1/X@h/p", 1, "/"),
        ("/a%253fX", 1, "/a"),
        ("/a%25253BX/b", 2, "/a/b"),
        ("/u:X/X@h/p", 1, "/h"),
        ("/u%3aX/X%40h/p", 2, "/h/p"),
        ("/r/u%3aX%2540h", 2, "/r/h"),
        ("/u:X?@", 1, "/u:X"),
        ("/a:b/c", 1, "/a:b"),
        ("/a;:@X", 1, "/"),
        ("/a;X/b/u:X;X@h", 3, "/a/b"),
        ("/a%3fX/u:X@h", 2, "/a"),
    ];
    for (target, depth, want) in table {
        let mut section = Vec::new();
        section_into(&mut section, target.as_bytes(), false, Some(b"h"), depth);
        assert_eq!(as_text(&section), want, "{target} at {depth}");
    }
}

/// Host and section of a request. Where [`as_written`] gives the same names, its section has no secret either.
fn names(target: &str, field: Option<&str>, depth: usize) -> [String; 2] {
    let (mut host, mut section) = (Vec::new(), Vec::new());
    let field = field.map(str::as_bytes);
    host_into(&mut host, target.as_bytes(), false, field, server());
    section_into(&mut section, target.as_bytes(), false, field, depth);
    if let Some((written_host, written)) = as_written(target.as_bytes(), field, depth)
        && [written_host, written] == [&host[..], &section[..]]
    {
        assert!(!as_text(written).contains(SECRET));
    }
    [host, section].map(|name| as_text(&name).into_owned())
}

const SECRET: &str = "s3cr3t";

proptest! {
    #[test]
    fn plain_names_are_written_as_they_are(
        host in "[a-zA-Z0-9.:@;/é_-]{0,6}|[a-zA-Z0-9.-]{1,20}|a{254,257}",
        target in "/[a-zA/@:%;?#. é_-]{0,8}|/[a-z]{1,6}(/[a-z]{1,6}){0,3}|/a{1022,1026}",
        depth in 0usize..4,
    ) {
        let (field, target) = (Some(host.as_bytes()), target.as_bytes());
        if let Some((host, section)) = as_written(target, field, depth)
            && are_plain(host, section)
        {
            let (mut named_host, mut named_section) = (Vec::new(), Vec::new());
            host_into(&mut named_host, target, false, field, server());
            section_into(&mut named_section, target, false, field, depth);
            prop_assert_eq!((named_host, named_section), (host.to_ascii_lowercase(), section.to_vec()));
        }
    }

    #[test]
    fn no_name_has_a_secret(
        shape in prop::sample::select(vec![
            "/a?{}", "/?{}", "/a/b?x={}", "/a#{}", "/a;{}", "/a;j={}/b", "/a%3b{}", "/a%3F{}", "/;{}", "/a;x/b;{}/c;{}",
            "http://h/a?{}", "http://h/a;{}", "http://h#{}", "http://h?{}", "HTTP://u:{}@h/a", "http://{}@h/a",
            "/u:{}/x@h", "/a/u:{}/{}@h/x", "/u%3a{}%2540h", "/a%253f{}", "//h/a?{}", "a?{}", "?{}", ";{}", "u:{}@h/a", "{}@h/a", "//u:{}@h/a", "ftp+ssl-x:u:{}@h",
        ]),
        around in ("[a-z0-9@:%._~!$&'()*+,;=-]{0,3}", "[a-z0-9@:%._~!$&'()*+,;=-]{0,3}"),
        host in prop::sample::select(vec![None, Some("h"), Some("h:8080"), Some("other.example"), Some("u"), Some("[::1]:s3cr3t"), Some("u:s3cr3t:80")]),
        depth in 1usize..4,
    ) {
        let target = shape.replace("{}", &format!("{}{SECRET}{}", around.0, around.1));
        let names = names(&target, host, depth);
        prop_assert!(!names.iter().any(|name| name.contains(SECRET)), "{} {:?}: {:?}", target, host, names);
    }

    #[test]
    fn no_name_has_a_secret_of_an_odd_userinfo(
        shape in prop::sample::select(vec!["http://{}@h/p", "https://{}@h?p", "{}@h/p", "//{}@h/p", "/p"]),
        field in prop::sample::select(vec![None, Some("h"), Some("h/{}"), Some("h?{}"), Some("h#{}"), Some("{}@h"), Some("http://{}@h/")]),
        user in "u:?",
        around in ("[a-z0-9/?#@:;%]{0,5}", "[a-z0-9/?#@:;%]{0,5}"),
    ) {
        let userinfo = format!("{user}{}{SECRET}{}", around.0, around.1);
        let target = shape.replace("{}", &userinfo);
        let field = field.map(|field| field.replace("{}", &userinfo));
        let names = names(&target, field.as_deref(), 1);
        prop_assert!(!names.iter().any(|name| name.contains(SECRET)), "{} {:?}: {:?}", target, field, names);
    }

    #[test]
    fn cleaning_a_name_twice_changes_nothing(target in "/[ -~]{0,20}", host in "[ -~]{1,20}", depth in 0usize..4) {
        let first = names(&target, Some(&host), depth);
        let again = names(&first[1], Some(&first[0]), depth);
        prop_assert_eq!(first, again);
    }
}

#[test]
fn a_section_of_a_target_that_was_cut_is_known_if_it_has_no_userinfo() {
    let table = [
        ("/a", 1, false),
        ("/a/", 1, true),
        ("/a?X", 1, true),
        ("/a/b", 2, false),
        ("/u:X/X", 1, false),
        ("/u%3AX/X", 1, false),
        ("/u:X?X", 1, true),
        ("/a/u:X/X", 1, true),
        ("/a/u:X/X", 2, false),
    ];
    for (target, depth, want) in table {
        assert_eq!(has_whole_section(target.as_bytes(), depth), want, "{target} at {depth}");
    }
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
        section_into(&mut section, target.as_bytes(), false, None, depth);
        assert_eq!(as_text(&section), want, "{target} at {depth}");
    }
}

#[test]
fn names_that_are_cut_stay_distinct() {
    let (long, longer) = ("x".repeat(300), "x".repeat(301));
    let (a, b) = (clean(&long, MAX_HOST), clean(&longer, MAX_HOST));
    assert_eq!((a.len(), b.len()), (MAX_HOST, MAX_HOST));
    assert_ne!(a, b);
    assert_eq!(clean(&"\n".repeat(255), MAX_HOST).len(), MAX_HOST);
}

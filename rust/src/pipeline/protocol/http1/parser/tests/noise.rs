//! Streams that are not HTTP give no messages: random bytes and other text protocols, complete, joined midway, with
//! holes, and cut off by the snapshot length.

use super::{Told, chunk};
use crate::pipeline::packet::Timestamp;
use crate::pipeline::protocol::http1::Parser;
use crate::pipeline::reassembly::Chunk;
use proptest::prelude::*;

/// Lines of protocols that resemble HTTP, and of texts about HTTP.
const LINES: [&str; 43] = [
    "EHLO mail.example.org",
    "MAIL FROM:<a@example.org> SIZE=1000",
    "250-PIPELINING",
    "USER anonymous",
    "RETR /pub/HTTP/1.1",
    "SIZE /index.html",
    "227 Entering Passive Mode (192,0,2,1,7,138)",
    "NICK somebody",
    "PRIVMSG #http :GET / HTTP/1.1 is a request line",
    ":irc.example.org 001 somebody :Welcome",
    "INVITE sip:b@example.org SIP/2.0",
    "OPTIONS sip:b@example.org SIP/2.0",
    "SUBSCRIBE sip:b@example.org SIP/2.0",
    "SIP/2.0 200 OK",
    "DESCRIBE rtsp://example.org/film RTSP/1.0",
    "OPTIONS * RTSP/1.0",
    "OPTIONS /film RTSP/1.0",
    "RTSP/1.0 200 OK",
    "OPTIONS icap://example.org/check ICAP/1.0",
    "REQMOD icap://example.org/check ICAP/1.0",
    "ICAP/1.0 204 No Content",
    "get user:1 user:2",
    "GET user:1",
    "set user:1 0 0 2",
    "VALUE user:1 0 2",
    "*2",
    "$3",
    "+OK",
    "a1 SEARCH ALL",
    "COPY 2:4 MEETING",
    "LIST 1 /home",
    "CONNECT",
    "CONNECTED",
    "{\"method\": \"GET\", \"path\": \"/\"}",
    "192.0.2.1 - - [22/Nov/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 200 5",
    "Content-Length: 5",
    "Upgrade: HTTP/2.0",
    "We speak HTTP/1.1 here, and HTTP/2 there",
    "HTTP/1.1 is a protocol",
    "HTTP status 200 OK",
    "ICY waters",
    "/ HTTP/1.1",
    "",
];

/// How a stream is captured: from its start or joined midway, with a hole of `skipped` bytes before each piece, and
/// whether the snapshot length or a loss made the hole.
#[derive(Clone, Copy, Debug)]
struct View {
    start: bool,
    skipped: u64,
    cut: bool,
}

fn view() -> impl Strategy<Value = View> {
    (any::<bool>(), prop_oneof![Just(0), Just(0), 1..2000u64], any::<bool>()).prop_map(|(start, skipped, cut)| View {
        start,
        skipped,
        cut,
    })
}

/// Returns the heads that the parser reports for a stream in pieces of these sizes.
fn heads(stream: &[u8], sizes: &[usize], view: View) -> Vec<String> {
    let mut told = Told::default();
    let mut parser = Parser::default();
    let mut rest = stream;
    for (number, size) in sizes.iter().cycle().enumerate() {
        let (piece, behind) = rest.split_at(rest.len().min(*size));
        rest = behind;
        let skipped = if number == 0 { 0 } else { view.skipped };
        let start = number == 0 && view.start;
        parser.push(Chunk { skipped, cut: view.cut, ..chunk(piece, start) }, &mut told);
        if rest.is_empty() {
            break;
        }
    }
    parser.finish(Timestamp(0), &mut told);
    let is_head = |event: &String| event.contains(' ') && !event.starts_with("foreign") || event.parse::<u16>().is_ok();
    told.events.into_iter().filter(is_head).collect()
}

proptest! {
    #[test]
    fn random_bytes_make_no_message(
        bytes in prop::collection::vec(any::<u8>(), 1..2000),
        sizes in prop::collection::vec(1..1500usize, 1..5),
        view in view(),
    ) {
        prop_assert_eq!(heads(&bytes, &sizes, view), Vec::<String>::new());
    }

    #[test]
    fn random_text_makes_no_message(
        text in "[A-Z]{3,8}[ /\\t][ -~\r\n\t]{0,400}",
        sizes in prop::collection::vec(1..150usize, 1..5),
        start: bool,
    ) {
        // A method and a path are enough to count a cut line, so such text is excluded.
        let view = View { start, skipped: 0, cut: false };
        prop_assume!(!text.starts_with("GET /"));
        prop_assert_eq!(heads(text.as_bytes(), &sizes, view), Vec::<String>::new());
    }

    #[test]
    fn other_protocols_make_no_message(
        lines in prop::collection::vec(prop::sample::select(&LINES[..]), 1..20),
        line_end in prop::sample::select(vec!["\n", "\r\n"]),
        whole: bool,
        sizes in prop::collection::vec(1..60usize, 1..5),
        view in view(),
    ) {
        // A method and a path are enough to count a cut request line, also if a segment happens to start with them.
        let is_wanted = |line: &&&str| whole || !view.cut || !["GET /", "OPTIONS /"].iter().any(|start| line.contains(start));
        let lines: Vec<String> = lines.iter().filter(is_wanted).map(|line| format!("{line}{line_end}")).collect();
        // A segment starts at a line, as in these protocols, or anywhere.
        let sizes = if whole && !lines.is_empty() { lines.iter().map(String::len).collect() } else { sizes };
        let stream = lines.concat();
        prop_assert_eq!(heads(stream.as_bytes(), &sizes, view), Vec::<String>::new());
    }
}

//! Streams of one direction and what the parser reports about them: in one piece, byte by byte, and with holes.

mod noise;

use super::*;
use crate::pipeline::steps::tests::are_in_proportion;
use proptest::prelude::*;

/// A handler that writes each event down as text, and adds up the bytes of each message.
#[derive(Default)]
struct Told {
    events: Vec<String>,
    bytes: u64,
    /// What to return for the next responses; [`Follows::Body`] for all others.
    follows: Vec<Follows>,
    /// True if the server refuses the body of every request that expects `100-continue`.
    refuses: bool,
}

impl Handler for Told {
    fn request(&mut self, head: &RequestHead<'_>, extent: Extent) {
        self.bytes += extent.bytes;
        let host = head.host.map_or("-".into(), |host| host.escape_ascii().to_string());
        let rest = if head.is_cut { ".." } else { "" };
        self.events.push(format!("{} {}{rest} {host}", head.method.name(), head.target.escape_ascii()));
    }
    fn response(&mut self, head: &ResponseHead<'_>, extent: Extent) -> Follows {
        self.bytes += extent.bytes;
        self.events.push(head.status.to_string());
        if self.follows.is_empty() { Follows::Body } else { self.follows.remove(0) }
    }
    fn was_refused(&self) -> bool {
        self.refuses
    }
    fn bytes(&mut self, count: u64) {
        self.bytes += count;
    }
    fn end(&mut self, _: Mark) {
        self.events.push(format!("end {}", std::mem::take(&mut self.bytes)));
    }
    fn event(&mut self, event: Event<'_>, _: Mark) {
        self.events.push(match event {
            Event::Gap => {
                self.bytes = 0;
                "gap".into()
            }
            Event::Malformed => "malformed".into(),
            Event::Resync | Event::Proxied(None) => return,
            Event::TruncatedHead => "cut".into(),
            Event::Ambiguous(ambiguity) => ambiguity.name().into(),
            Event::Proxied(Some(client)) => format!("for {}", client.to_canonical()),
            Event::Foreign(protocol, _) => format!("foreign {}", protocol.name()),
        });
    }
}

fn chunk(bytes: &[u8], start: bool) -> Chunk<'_> {
    Chunk { skipped: 0, cut: false, bytes, seq: SeqNumber(1), ack: None, start, ts: Timestamp(0) }
}

/// Returns the events of a stream that arrives in pieces of `size` and then ends.
fn read(stream: &[u8], size: usize, follows: &[Follows]) -> Vec<String> {
    let mut told = Told { follows: follows.to_vec(), ..Told::default() };
    let mut parser = Parser::default();
    for (at, piece) in stream.chunks(size).enumerate() {
        parser.push(chunk(piece, at == 0), &mut told);
    }
    parser.finish(Timestamp(0), &mut told);
    told.events
}

/// Returns the events of a stream, and checks that they are the same in one piece and in small pieces.
fn told(stream: &str, follows: &[Follows]) -> String {
    let whole = read(stream.as_bytes(), usize::MAX, follows);
    for size in [1, 2, 3, 7] {
        assert_eq!(read(stream.as_bytes(), size, follows), whole, "{stream:?} in pieces of {size}");
    }
    whole.join(", ")
}

#[test]
fn requests_are_read_the_same_in_any_pieces() {
    let table = [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / a, end 27"),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nhOsT:b \r\n\r\n", "GET / a, end 27, GET /2 b, end 28"),
        (
            "POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nGET /HEAD / HTTP/1.0\r\n\r\n",
            "POST /x -, end 44, HEAD / -, end 19",
        ),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: r\r\n\r\n",
            "POST / -, end 72",
        ),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, Chunked\r\n\r\nA\r\n0123456789\r\n000\r\n\r\n",
            "POST / -, end 75",
        ),
        ("GET /a b c HTTP/1.1\r\n\r\n", "GET /a b c -, end 23"),
        ("GET http://h/p HTTP/1.1\r\nHost: other\r\n\r\n", "GET http://h/p other, end 40"),
        ("OPTIONS * HTTP/1.1\r\n\r\n", "OPTIONS * -, end 22"),
        ("brew /pot HTTP/1.1\r\n\r\n", "OTHER /pot -, end 22"),
        ("GET / HTTP/1.1\r\n\r\n\r\n\r\nGET /2 HTTP/1.1\r\n\r\n", "GET / -, end 18, GET /2 -, end 19"),
        ("GET / HTTP/1.1\nHost: a\n\n", "GET / a, bare_lf, end 24"),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", "GET / a, field, end 28"),
        ("GET / HTTP/1.1\r\nX: a\r\n b\r\nHost: a\r\n\r\n", "GET / a, fold, end 37"),
        ("GET /old\r\n", "GET /old -, end 10"),
        ("GET /old\n", "GET /old -, end 9"),
        ("PROXY TCP4 192.0.2.1 192.0.2.2 1 80\r\nGET / HTTP/1.1\r\n\r\n", "for 192.0.2.1, GET / -, end 18"),
        ("PROXY /p HTTP/1.1\r\n\r\n", "OTHER /p -, end 21"),
        ("PROPFIND / HTTP/1.1\r\n\r\n", "PROPFIND / -, end 23"),
        ("GET HTTP/1.1\r\nHost: a\r\n\r\n", "GET  a, end 25"),
        ("GET / HTTP/1.1 \r\n\r\nGET\t/2 http/1.10 \r\n\r\n", "GET / -, end 19, GET /2 -, end 21"),
        ("GET / HTTP/1.1 foo\r\n\r\nGET /2 HTTP/2.0\r\n\r\n", "GET / -, end 22, GET /2 -, end 19"),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / -, fold, end 54, GET / -, end 18",
        ),
        ("POST / HTTP/1.1\r\nContent-Length:\r\n\t5\r\nHost:\r\n  a\r\n\r\nhello", "POST / a, fold, end 57"),
        ("POST / HTTP/1.1\nTransfer-Encoding: gzip,\n \n chunked\n\n0\r\n\r\n", "POST / -, fold, bare_lf, end 58"),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: \r\n Content-Length: 5\r\n\r\n", "GET / a, fold, end 52"),
        ("POST / HTTP/1.1\r\nContent-Length: 1\r\n 2\r\n\r\nx", "POST / -, length, fold, end 42"),
        ("EHLO mail.example\r\n", "foreign other"),
        ("\u{16}\u{3}\u{1}\u{0}\u{5}hello", "foreign tls"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "foreign http2"),
        ("SSH-2.0-x\r\n", "foreign ssh"),
        ("GET no-version\n", "foreign other"),
        ("GET /no-version\nHost: a\n\n", "foreign other"),
    ];
    for (stream, want) in table {
        if want.starts_with("foreign") {
            // The first segment decides.
            assert_eq!(read(stream.as_bytes(), usize::MAX, &[]).join(", "), want, "{stream:?}");
        } else {
            assert_eq!(told(stream, &[]), want, "{stream:?}");
        }
    }
}

#[test]
fn responses_are_read_the_same_in_any_pieces() {
    use Follows::{Body, Doubt, Nothing, Tunnel};
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
    let table: Vec<(String, &[Follows], &str)> = vec![
        (format!("{head}body"), &[Body], "200, end 42"),
        (format!("{head}{head}body"), &[Nothing, Body], "200, end 38, 200, end 42"),
        (format!("{head}{head}body"), &[Doubt, Body], "200, end 38, 200, end 42"),
        (format!("{head}body{head}body"), &[Doubt, Body], "200, end 42, 200, end 42"),
        (
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\nHTTP/1.1 204\r\n\r\n".into(),
            &[],
            "304, end 49, 204, end 16",
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into(),
            &[],
            "100, end 25, 200, end 38",
        ),
        ("HTTP/1.0 200 OK\r\n\r\nuntil the end HTTP/1.1 500 no\r\n\r\n".into(), &[], "200, end 52"),
        (
            "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\nHTTP/1.1 200 OK\r\n\r\n".into(),
            &[Tunnel],
            "101, end 46",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n".into(),
            &[],
            "200, length_and_encoding, end 71",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 4, 4\r\nContent-Length: 4\r\n\r\nbody".into(), &[], "200, length, end 64"),
        ("ICY 200 OK\r\nicy-name: x\r\n\r\nmusic".into(), &[], "200, end 32"),
        ("HTTP/2 204\r\n\r\nHTTP/1.1 204ok\r\n\r\n".into(), &[], "204, end 14, 204, end 18"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding\t:\r\n\tchunked\r\n\r\n00000000000000000002 \r\nok\r\n0\r\n\r\nHTTP/1.1 204\r\n\r\n".into(),
            &[],
            "200, fold, field, end 82, 204, end 16",
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nx".into(), &[], "200, encoding, end 49"),
    ];
    for (stream, follows, want) in table {
        // Whether there is a body shows at the start of a segment.
        let told = if follows.contains(&Doubt) {
            read(stream.as_bytes(), usize::MAX, follows).join(", ")
        } else {
            told(&stream, follows)
        };
        assert_eq!(told, want, "{stream:?} answered {follows:?}");
    }
}

#[test]
fn a_broken_chunk_is_told_and_the_next_message_found() {
    let broken = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nXYZ\r\n";
    let mut told = Told::default();
    let mut parser = Parser::default();
    parser.push(chunk(broken.as_bytes(), true), &mut told);
    parser.push(chunk(b"rubbish", false), &mut told);
    parser.push(chunk(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", false), &mut told);
    assert_eq!(told.events.join(", "), "200, chunk, malformed, gap, 404, end 38");
}

#[test]
fn lengths_never_wrap_and_never_allocate() {
    for length in ["18446744073709551615", "18446744073709551616", "99999999999999999999999", "-1", "+5", "0x10", ""] {
        let stream = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nbody");
        let events = read(stream.as_bytes(), usize::MAX, &[]);
        assert_eq!(events[0], "200", "{length}");
    }
    let stream = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx";
    assert_eq!(read(stream.as_bytes(), usize::MAX, &[]).join(", "), "POST / -, gap");
    let stream = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\nx";
    assert_eq!(read(stream.as_bytes(), usize::MAX, &[]).join(", "), "POST / -, gap");
    // A length too large for 64 bits is a body that never ends.
    for length in ["18446744073709551615", "18446744073709551616", "99999999999999999999999"] {
        let stream = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nHTTP/1.1 204\r\n\r\n");
        assert_eq!(told(&stream, &[]), "200, length, gap", "{length}");
    }
    let zeros = "0".repeat(100_000);
    let stream = format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{zeros}");
    assert_eq!(read(stream.as_bytes(), usize::MAX, &[]).join(", "), "POST / -, chunk, malformed, gap");
}

#[test]
fn the_next_message_may_directly_follow_broken_framing() {
    let next = "GET /n HTTP/1.1\r\n\r\n";
    let table = [
        ("Content-Length: -1\r\n\r\n", "POST / -, length, end 39, GET /n -, end 19"),
        ("Content-Length:\r\n\r\n", "POST / -, length, end 36, GET /n -, end 19"),
        ("Transfer-Encoding: chunked, identity\r\n\r\n", "POST / -, encoding, end 57, GET /n -, end 19"),
        ("Transfer-Encoding: chunked\r\n\r\n", "POST / -, chunk, malformed, gap, GET /n -, end 19"),
        ("Transfer-Encoding: chunked\r\n\r\n-1\r\n", "POST / -, chunk, malformed, gap, GET /n -, end 19"),
        ("Transfer-Encoding: chunked\r\n\r\nZ\r\nhi\r\n0\r\n\r\n", "POST / -, chunk, malformed, gap, GET /n -, end 19"),
        ("Transfer-Encoding: chunked\r\n\r\n1\r\nhi\r\n0\r\n\r\n", "POST / -, chunk, malformed, gap, GET /n -, end 19"),
    ];
    for (fields, want) in table {
        let stream = format!("POST / HTTP/1.1\r\n{fields}{next}");
        assert_eq!(read(stream.as_bytes(), usize::MAX, &[]).join(", "), want, "{fields:?}");
    }
    // A request whose last coding is unknown may still be chunked.
    let stream = format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n2\r\nhi\r\n0\r\n\r\n{next}");
    assert_eq!(read(stream.as_bytes(), usize::MAX, &[]).join(", "), "POST / -, encoding, end 57, GET /n -, end 19");
    // The letters of a method may also be hexadecimal digits of a chunk size.
    let stream = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nDELETE /n HTTP/1.1\r\n\r\n";
    assert!(read(stream.as_bytes(), usize::MAX, &[]).join(", ").ends_with("gap, DELETE /n -, end 22"));
    // Bytes that do not look like a message are skipped up to the next segment.
    let stream = format!("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\nhello\r\n{next}");
    assert_eq!(read(stream.as_bytes(), usize::MAX, &[]).join(", "), "POST / -, length, end 39");
}

/// Returns the bytes `behind` after a PROXY header of version 2 that has `length` bytes behind its fixed part.
fn proxied(length: u16, behind: &[u8]) -> Vec<u8> {
    let mut stream = b"\r\n\r\n\0\r\nQUIT\n\x20\x11".to_vec();
    stream.extend(length.to_be_bytes());
    stream.resize(stream.len() + usize::from(length), b'\n');
    stream.extend(behind);
    stream
}

#[test]
fn a_proxy_header_is_passed_over_in_any_pieces_and_what_follows_is_recognised() {
    let line = b"PROXY UNKNOWN\r\n".to_vec();
    for (behind, want) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "GET / -, end 18"),
        (b"GET /old\r\n", "GET /old -, end 10"),
        (b"\x16\x03\x01\x00\x05hello", "foreign tls"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "foreign http2"),
    ] {
        for stream in [[&line[..], behind].concat(), proxied(0, behind), proxied(12, behind), proxied(65_535, behind)] {
            for size in [1, 7, 1448, usize::MAX] {
                let told = read(&stream, size, &[]);
                assert_eq!(told[0], want.split(", ").next().unwrap(), "{} bytes by {size}", stream.len());
                assert!(want.starts_with("foreign") || told.join(", ") == want, "{told:?}");
            }
        }
    }
}

#[test]
fn a_long_proxy_header_need_not_be_seen() {
    let stream = proxied(5000, b"GET / HTTP/1.1\r\n\r\n");
    let mut told = Told::default();
    let mut parser = Parser::default();
    parser.push(chunk(&stream[..1000], true), &mut told);
    // The parser keeps the header up to the end of the first address.
    assert_eq!((parser.unwanted(), parser.held()), (4016, 32));
    parser.push(Chunk { skipped: 4016, ..chunk(&stream[5016..], false) }, &mut told);
    assert_eq!(told.events.join(", "), "GET / -, end 18");
}

/// Returns the events of a segment that the snapshot length cut off behind `before`, and of the bytes `after` it.
fn cut(before: &str, after: &str) -> String {
    let mut told = Told::default();
    let mut parser = Parser::default();
    parser.push(chunk(before.as_bytes(), true), &mut told);
    parser.push(Chunk { skipped: 1000, cut: true, ..chunk(b"", false) }, &mut told);
    parser.push(chunk(after.as_bytes(), false), &mut told);
    told.events.join(", ")
}

#[test]
fn the_beginning_of_a_head_cut_by_the_snapshot_length_counts() {
    let next = "HTTP/1.1 204\r\n\r\n";
    let whole = "HTTP/1.1 304\r\n\r\n";
    let table = [
        ("HTTP/1.1 200 O", "cut, 200, gap, 204, end 16"),
        ("HTTP/1.1 503", "cut, 503, gap, 204, end 16"),
        ("HTTP/1.1 50", "cut, gap, 204, end 16"),
        ("HTTP/1.1 200 OK\r\nServ", "cut, 200, gap, 204, end 16"),
        ("GET /a HTTP/1.1\r\nHost: a\r\nX:", "cut, GET /a a, gap, 204, end 16"),
        ("GET /a HTTP/1.1\r\nHost: a", "cut, GET /a -, gap, 204, end 16"),
        ("GET /abcdef", "cut, GET /abcdef.. -, gap, 204, end 16"),
        ("GET ", "gap, 204, end 16"),
        ("EHLO mail.exam", "gap, 204, end 16"),
    ];
    for (before, want) in table {
        assert_eq!(cut(before, next), want, "{before:?}");
    }
    // No byte of the head was captured, but a head was due.
    assert_eq!(cut(whole, next), "304, end 16, cut, gap, 204, end 16");
    // The rest of a body is not a head.
    assert_eq!(cut("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\nx", next), "200, end 1042, 204, end 16");
    // Before a hole, in contrast, the first line must be complete.
    assert_eq!(around("HTTP/1.1 200 O", 10, next), "gap, 204, end 16");
    assert_eq!(around("GET /abcdef", 10, "GET / HTTP/1.1\r\n\r\n"), "gap, GET / -, end 18");
}

#[test]
fn another_request_may_follow_one_whose_body_was_refused() {
    let head = "PUT / HTTP/1.1\r\nContent-Length: 28\r\nExpect:\r\n 100-Continue\r\n\r\n";
    let next = "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
    let read = |refuses, body: &str, size| {
        let mut told = Told { refuses, ..Told::default() };
        let mut parser = Parser::default();
        parser.push(chunk(head.as_bytes(), true), &mut told);
        assert_eq!((parser.unwanted(), parser.pass(&chunk(b"x", false))), (0, None));
        body.as_bytes().chunks(size).for_each(|piece| parser.push(chunk(piece, false), &mut told));
        parser.finish(Timestamp(0), &mut told);
        told.events.join(", ")
    };
    for size in [1, 2, 5, 100] {
        assert_eq!(read(true, next, size), "PUT / -, fold, end 62, GET /2 a, end 28", "in pieces of {size}");
        assert_eq!(read(true, &"GET x ".repeat(5)[..28], size), "PUT / -, fold, end 90", "in pieces of {size}");
        assert_eq!(read(true, "PUT", size), "PUT / -, fold, gap", "in pieces of {size}");
        assert_eq!(read(false, next, size), "PUT / -, fold, end 90", "in pieces of {size}");
    }
}

/// Returns the events of the bytes `before` and `after` a hole of `lost` bytes.
fn around(before: &str, lost: u64, after: &str) -> String {
    let mut told = Told::default();
    let mut parser = Parser::default();
    parser.push(chunk(before.as_bytes(), true), &mut told);
    parser.push(Chunk { skipped: lost, ..chunk(after.as_bytes(), false) }, &mut told);
    told.events.join(", ")
}

#[test]
fn a_hole_in_a_body_of_known_length_costs_only_bytes() {
    let head = "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n";
    let next = "GET /2 HTTP/1.1\r\n\r\n";
    assert_eq!(around(&format!("{head}01"), 8, next), "POST / -, end 49, GET /2 -, end 19");
    assert_eq!(around(&format!("{head}01"), 6, &format!("89{next}")), "POST / -, end 49, GET /2 -, end 19");
    // The hole is longer than the body, so it holds more than the rest of the body.
    assert_eq!(around(&format!("{head}01"), 20, next), "POST / -, end 49, gap, GET /2 -, end 19");
    let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\na\r\n01";
    assert_eq!(around(chunked, 8, &format!("\r\n0\r\n\r\n{next}")), "POST / -, end 67, GET /2 -, end 19");
}

#[test]
fn after_a_hole_elsewhere_the_next_message_is_found_at_the_start_of_a_segment() {
    let next = "GET /2 HTTP/1.1\r\n\r\n";
    // The hole is in a head whose first line is complete, so the message counts.
    assert_eq!(around("GET / HTTP/1.1\r\nHos", 10, next), "GET / -, gap, GET /2 -, end 19");
    // The hole is in a first line, which may have been anything.
    assert_eq!(around("GET / HT", 10, next), "gap, GET /2 -, end 19");
    assert_eq!(around("", 10, next), "gap, GET /2 -, end 19");
    assert_eq!(around("", 10, "some words of a body\r\nGET /no HTTP/1.1\r\n\r\n"), "gap");
    assert_eq!(around("", 10, "body "), "gap");
    let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01";
    assert_eq!(around(chunked, 8, next), "POST / -, gap, GET /2 -, end 19");
}

#[test]
fn a_stream_joined_midway_is_searched_without_a_parse_error() {
    let mut told = Told::default();
    let mut parser = Parser::default();
    for piece in ["tail of a body\r\n", "more\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"] {
        parser.push(chunk(piece.as_bytes(), false), &mut told);
    }
    assert_eq!(told.events.join(", "), "GET / -, end 18");
}

#[test]
fn a_head_without_end_is_counted_once_and_passed_over() {
    let mut told = Told::default();
    let mut parser = Parser::new(64);
    parser.push(chunk(b"GET / HTTP/1.1\r\nHost: a\r\n", true), &mut told);
    for _ in 0..1000 {
        parser.push(chunk(b"X-Padding: xxxxxxxxxxxxxxxxxxxxxxxxxx\r\n", false), &mut told);
        assert!(parser.buffer.capacity() <= 128);
    }
    parser.push(chunk(b"\r\nGET /2 HTTP/1.1\r\n\r\n", false), &mut told);
    assert_eq!(told.events.join(", "), "malformed, GET / a, end 39027, GET /2 -, end 19");
}

#[test]
fn each_byte_is_visited_a_constant_number_of_times() {
    type Stream = fn(usize) -> Vec<u8>;
    let streams: [(&str, Stream); 8] = [
        ("a head of one field", |size| [&b"GET / HTTP/1.1\r\nX: "[..], &vec![b'x'; size]].concat()),
        ("a head of many fields", |size| [&b"GET / HTTP/1.1\r\n"[..], &b"a: b\r\n".repeat(size / 6)].concat()),
        ("a target without end", |size| [&b"GET /"[..], &vec![b'/'; size]].concat()),
        ("empty lines", |size| b"\r\n".repeat(size / 2)),
        ("requests", |size| b"GET / HTTP/1.1\r\n\r\n".repeat(size / 18)),
        ("chunks of a byte", |size| {
            [&b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"[..], &b"1\r\nx\r\n".repeat(size / 6)].concat()
        }),
        ("broken chunks", |size| {
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n0\r\n\r\n".repeat(size / 64)
        }),
        ("what a refused client sends instead of a body", |size| {
            let asks = b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 999999\r\n\r\nGET";
            [&asks[..], &vec![b' '; size]].concat()
        }),
    ];
    for (what, stream) in streams {
        for size_of_piece in [1, 7, 1400] {
            are_in_proportion(what, 20_000, 200, |size| {
                let mut told = Told { refuses: true, ..Told::default() };
                let mut parser = Parser::default();
                for (at, piece) in stream(size).chunks(size_of_piece).enumerate() {
                    parser.push(chunk(piece, at == 0), &mut told);
                    assert!(parser.held() <= 2 * MAX_HEAD);
                }
            });
        }
    }
}

#[test]
fn heads_agree_with_httparse() {
    let head = b"POST /path?q HTTP/1.1\r\nHost: example.org\r\nContent-Length: 12\r\nX-Other: 1\r\n\r\n";
    let Some((Head::Request(ours), Some(length))) = head::read(head) else { panic!("not read") };
    assert_eq!(length, head.len());
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut theirs = httparse::Request::new(&mut headers);
    assert_eq!(theirs.parse(head).unwrap(), httparse::Status::Complete(head.len()));
    assert_eq!(head::end(head, 0), Ok(head.len()));
    assert_eq!(ours.method.name(), theirs.method.unwrap());
    assert_eq!(ours.target, theirs.path.unwrap().as_bytes());
    assert_eq!(ours.framing, Framing::Length(12));
}

proptest! {
    #[test]
    fn what_httparse_accepts_is_read_the_same(
        method in "[A-Z]{3,7}",
        target in "/[a-z0-9/?=&.]{0,30}",
        fields in prop::collection::vec(("[A-Za-z][A-Za-z0-9-]{0,12}", "[ -~]{0,20}"), 0..6),
        host in "[a-zA-Z0-9.]{1,20}",
    ) {
        let mut text = format!("{method} {target} HTTP/1.1\r\n");
        for (name, value) in &fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("Host: {host}\r\n\r\n"));
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut theirs = httparse::Request::new(&mut headers);
        if let Ok(httparse::Status::Complete(length)) = theirs.parse(text.as_bytes()) {
            let Some((Head::Request(ours), Some(read))) = head::read(text.as_bytes()) else { panic!("not read") };
            prop_assert_eq!(read, length);
            prop_assert_eq!(head::end(text.as_bytes(), 0), Ok(length));
            prop_assert_eq!(ours.target, theirs.path.unwrap().as_bytes());
            let first = theirs.headers.iter().find(|header| header.name.eq_ignore_ascii_case("host")).unwrap();
            prop_assert_eq!(ours.host, Some(first.value.trim_ascii()));
        }
    }

    #[test]
    fn no_stream_panics_and_pieces_of_a_sane_one_do_not_matter(
        pieces in prop::collection::vec(prop_oneof![
            Just("GET / HTTP/1.1\r\n".to_owned()), Just("HTTP/1.1 200 OK\r\n".to_owned()), Just("\r\n".to_owned()),
            Just("Content-Length: 3\r\n".to_owned()), Just("Transfer-Encoding: chunked\r\n".to_owned()),
            Just("0\r\n\r\n".to_owned()), Just("3\r\nabc\r\n".to_owned()), "[ -~]{0,12}", Just("Host: h\r\n".to_owned()),
        ], 0..24),
    ) {
        // After broken bytes, the parser looks for the next message at the start of segments, so the result depends on
        // the pieces from there on.
        let stream: String = pieces.concat();
        let whole = read(stream.as_bytes(), usize::MAX, &[]);
        let bytewise = read(stream.as_bytes(), 1, &[]);
        let good = |events: &[String]| {
            events.iter().take_while(|event| !matches!(event.as_str(), "malformed" | "gap" | "foreign other")).cloned().collect::<Vec<_>>()
        };
        let sane = good(&whole).len() == whole.len() && good(&bytewise).len() == bytewise.len();
        prop_assert!(!sane || whole == bytewise, "{:?} and {:?}", whole, bytewise);
    }
}

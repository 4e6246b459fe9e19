//! Joining midway: HTTP/2 is recognised by both directions, and by nothing less.

use super::*;

/// What is told of a conversation whose first `missing` parts were not seen.
fn join(talk: &Talk, missing: usize) -> Script {
    run(&parts(&talk.said[missing..]), false)
}

#[test]
fn a_connection_without_its_preface_is_recognised_by_both_directions() {
    let mut talk = Talk::begun();
    talk.get(1, "/a");
    talk.answer(1, "200", b"body");
    talk.get(3, "/a");
    talk.answer(3, "200", b"body");
    talk.get(5, "/b");
    talk.answer(5, "201", b"body");
    let begun = 3;
    // From the first request on, everything is known.
    let script = join(&talk, begun);
    assert_eq!(script.lines[0], "Protocol(Http2)");
    assert_eq!(script.requests[0], ["GET", "a.example", "/a"].map(String::from));
    assert_eq!(script.exchanges.iter().map(|(_, e)| e.status).collect::<Vec<_>>(), [Some(200), Some(200), Some(201)]);
    // Later, a host and a path that were sent before are unknown.
    let script = join(&talk, begun + 2);
    assert_eq!(script.requests[0], ["GET", "~unknown", "?"].map(String::from));
    assert_eq!(script.requests[1], ["GET", "~unknown", "/b"].map(String::from));
    assert_eq!(script.exchanges.len(), 2);
}

#[test]
fn a_response_without_its_request_is_an_orphan() {
    let mut talk = Talk::begun();
    talk.get(1, "/a");
    talk.get(3, "/b");
    talk.answer(1, "200", b"body");
    talk.answer(3, "404", b"body");
    let script = join(&talk, 4);
    assert_eq!((script.requests.len(), script.exchanges.len()), (1, 1), "{:?}", script.lines);
    assert_eq!(script.lines.iter().filter(|line| *line == "Orphan").count(), 1, "{:?}", script.lines);
}

#[test]
fn one_direction_alone_is_no_sign() {
    for direction in [Direction::Up, Direction::Down] {
        let mut talk = Talk::begun();
        (0..40).for_each(|at| {
            talk.get(2 * at + 1, "/a");
            talk.answer(2 * at + 1, "200", b"body");
        });
        talk.said.retain(|said| said.0 == direction);
        talk.said.drain(..1);
        assert_eq!(join(&talk, 0).lines, [""; 0], "{direction:?}");
    }
}

#[test]
fn control_frames_and_responses_alone_are_no_sign() {
    let mut talk = Talk::default();
    for _ in 0..20 {
        talk.up(peer::frame(8, 0, 0, &[0, 0, 1, 0]));
        talk.answer(1, "200", b"body");
    }
    assert_eq!(join(&talk, 0).lines, [""; 0]);
}

#[test]
fn a_server_may_speak_first() {
    let mut talk = Talk::begun();
    talk.get(1, "/a");
    talk.answer(1, "200", b"body");
    talk.said.swap(0, 1);
    for size in [1, 4, 9, 1000] {
        let pieces: Vec<Part> = parts(&talk.said)
            .iter()
            .flat_map(|part| {
                part.bytes.chunks(size).map(|bytes| Part { bytes: bytes.to_vec(), ..part.clone() }).collect::<Vec<_>>()
            })
            .collect();
        let script = run(&pieces, true);
        assert_eq!(script.lines[..2], ["Protocol(Http2)", "http2 GET a.example /a 26"], "pieces of {size}");
        assert_eq!(script.exchanges[0].1.status, Some(200));
    }
}

#[test]
fn a_server_that_begins_with_zeros_speaks_another_protocol() {
    let said = |bytes: &[u8]| [(Direction::Down, bytes.to_vec()), (Direction::Up, b"\x05hello".to_vec())];
    for greeting in [&b"\0"[..], b"\0\0\x06\x04\0\0\0", &settings(&[(3, 100)])] {
        let script = run(&parts(&said(greeting)), true);
        assert_eq!(script.lines, ["Protocol(Other)"], "{}", greeting.escape_ascii());
    }
    let http1 = [(Direction::Down, settings(&[])), (Direction::Up, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec())];
    let script = run(&parts(&http1), true);
    assert_eq!(script.requests.len(), 1, "{:?}", script.lines);
}

#[test]
fn a_server_may_answer_a_preface_in_http_1() {
    let mut talk = Talk::begun();
    talk.said.truncate(1);
    talk.get(1, "/a");
    talk.down(b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n".to_vec());
    let script = run(&parts(&talk.said), true);
    assert!(
        script.lines.contains(&"Orphan".to_owned()) && script.exchanges[0].1.status.is_none(),
        "{:?}",
        script.lines
    );
}

/// A conversation joined midway, of requests with this method and content, in segments of this length, behind which each
/// is answered.
fn joined(method: &str, content: usize, of_frame: usize, segment: usize) -> Script {
    let mut talk = Talk::begun();
    let begun = talk.said.len() + 2;
    for at in 0..20 {
        let (stream, path) = (2 * at + 1, "/up");
        let fields = [(":method", method), (":scheme", "http"), (":authority", "a.example"), (":path", path)];
        let mut bytes = talk.headers(Direction::Up, stream, false, &fields);
        for (at, part) in vec![b'x'; content].chunks(of_frame).enumerate() {
            bytes.extend(data(stream, part, (at + 1) * of_frame >= content));
        }
        bytes.chunks(segment).for_each(|segment| talk.up(segment.to_vec()));
        talk.answer(stream, "200", b"stored");
    }
    let begins = talk.said.iter().enumerate().skip(begun).position(|(_, said)| said.0 == Direction::Down).unwrap();
    join(&talk, begun + begins)
}

#[test]
fn a_connection_is_recognised_whatever_its_methods_and_segments_are() {
    let table = [
        ("POST", 3_000, 16_384, 64_000),
        ("PUT", 3_000, 16_384, 64_000),
        ("DELETE", 10, 16_384, 1448),
        ("POST", 20_000, 16_384, 64_000),
        ("PATCH", 300_000, 16_384, 64_000),
        ("POST", 40_000, 40_000, 64_000),
        ("POST", 300_000, 131_060, 64_000),
        ("POST", 20_000, 16_384, 1448),
    ];
    for case in table {
        let (method, content, of_frame, segment) = case;
        let script = joined(method, content, of_frame, segment);
        let answered = script.exchanges.iter().filter(|(_, exchange)| exchange.status == Some(200)).count();
        assert!(script.requests.len() >= 18 && answered >= 18, "{case:?}: {} {answered}", script.requests.len());
        let invents = script.requests.iter().any(|[told, ..]| told != method && told != "OTHER");
        assert!(!invents, "{case:?}: {:?}", script.requests);
        // What was sent of the last request is all that it says.
        let sent = script.exchanges.last().map(|(_, exchange)| exchange.request_bytes).unwrap();
        assert!(sent > content as u64 && sent < content as u64 + 200, "{case:?}: {sent}");
    }
}

#[test]
fn extension_frames_and_continuations_are_frames_as_well() {
    let mut talk = Talk::begun();
    let begun = talk.said.len();
    for at in 0..5 {
        let stream = 2 * at + 1;
        talk.up(peer::frame(0x10, 0, 0, b"\0\0\0\x01u=1"));
        let fields = [(":method", "GET"), (":scheme", "http"), (":authority", "a.example"), (":path", "/a")];
        let block = talk.block(Direction::Up, &fields);
        let (first, rest) = block.split_at(if at % 2 == 0 { 2 } else { block.len() });
        let rest = if rest.is_empty() { Vec::new() } else { peer::frame(9, 4, stream, rest) };
        talk.up([peer::frame(1, if rest.is_empty() { 5 } else { 1 }, stream, first), rest].concat());
        talk.answer(stream, "200", b"body");
    }
    let script = join(&talk, begun);
    assert_eq!((script.requests.len(), script.exchanges.len()), (5, 5), "{:?}", script.lines);
}

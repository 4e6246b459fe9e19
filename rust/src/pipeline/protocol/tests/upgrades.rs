//! What follows the response 101, and streams inside responses: messages of WebSocket, events, calls of gRPC-Web.

use super::*;

const ASK: &[u8] = b">GET /chat HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const SWITCH: &[u8] = b"<HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
/// Frames of a client: a text of two bytes, and an end with code 1000.
const HELLO: &[u8] = b">\x81\x82\x01\x02\x03\x04ij";
const BYE: &[u8] = b">\x88\x82\x01\x02\x03\x04\x02\xea";

/// What the sink is told behind the exchange of the upgrade, and the bytes of the server and of the client.
fn behind_upgrade(lines: &[&[u8]]) -> (Vec<String>, [u64; 2]) {
    let script = converse_bytes(0, lines);
    let at = script.lines.iter().position(|line| line == "Protocol(WebSocket)").expect("an upgrade");
    let told = script.lines[at + 1..].iter().filter(|line| !line.starts_with("exchange 1: Some(101)"));
    (told.cloned().collect(), script.sent)
}

#[test]
fn an_upgrade_is_told_once_and_its_exchange_ends_with_the_connection() {
    let script = converse_bytes(0, &[ASK, SWITCH]);
    assert_eq!(
        script.lines,
        [
            "Protocol(Http1)",
            "GET /chat at 80",
            "101 to 1 after Some(1)",
            "Protocol(WebSocket)",
            "exchange 1: Some(101) 63+56 Some(1)/Some(2)",
        ]
    );
}

#[test]
fn messages_count_for_the_request_of_the_upgrade() {
    type Row<'a> = (&'a str, &'a [&'a [u8]], &'a [&'a str], [u64; 2]);
    let together = [SWITCH, b"\x81\x02hi\x82\x00"].concat();
    let table: [Row<'_>; 9] = [
        (
            "both sides",
            &[ASK, SWITCH, HELLO, b"<\x81\x02hi", BYE, b"<\x88\x02\x03\xe8"],
            &[
                "1 messages of 1",
                "1 messages to 1",
                "1 ended by client with Close(1000)",
                "1 ended by server with Close(1000)",
            ],
            [8, 16],
        ),
        (
            "frames behind the head of the response",
            &[ASK, &together, HELLO],
            &["2 messages to 1", "1 messages of 1"],
            [6, 8],
        ),
        ("a frame in pieces", &[ASK, SWITCH, &HELLO[..4], b">\x02\x03", b">\x04ij"], &["1 messages of 1"], [0, 8]),
        ("no end", &[ASK, SWITCH, b"<\x01\x02hi\x88\x00"], &["1 ended by server with Close(1005)"], [6, 0]),
        (
            "a hole in a payload",
            &[ASK, SWITCH, b"<\x81\x0chi", b"<_\x81\x00"],
            &["1 messages to 1", "1 messages to 1"],
            [16, 0],
        ),
        (
            "a hole between frames",
            &[ASK, SWITCH, b"<\x81\x00", b"<_\x81\x00", HELLO],
            &["1 messages to 1", "ParseError", "1 messages of 1"],
            [4, 8],
        ),
        (
            "what is no frame",
            &[ASK, SWITCH, b">GET / HTTP/1.1\r\n\r\n", b"<\x81\x00"],
            &["ParseError", "1 messages to 1"],
            [2, 18],
        ),
        (
            "bytes behind what is no frame",
            &[ASK, SWITCH, b">GET / HTTP/1.1\r\n\r\n", b">more", b"<\x81\x00", b">\x81\x00"],
            &["ParseError", "1 messages to 1"],
            [2, 24],
        ),
        (
            "an upgrade without its request",
            &[SWITCH, HELLO, b"<\x81\x00"],
            &["1 messages of 0", "1 messages to 0"],
            [2, 8],
        ),
    ];
    for (what, lines, told, sent) in table {
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        assert_eq!(behind_upgrade(lines), (told, sent), "{what}");
    }
}

#[test]
fn the_exchange_of_an_upgrade_has_what_passed_and_ends_when_both_have_closed() {
    let lines: &[&[u8]] = &[ASK, SWITCH, HELLO, b"<\x81\x02hi\x82\x00", BYE, b"<\x88\x02\x03\xe8", b"<late"];
    let script = converse_bytes(0, lines);
    let at = script.lines.iter().position(|line| line.starts_with("exchange")).unwrap();
    assert_eq!(script.lines[at..], ["exchange 1: Some(101) 79+66 Some(1)/Some(5)"], "it is the last");
    let [exchange] = &script.exchanges[..] else { panic!() };
    assert_eq!((exchange.protocol, exchange.request_messages, exchange.response_messages), (Protocol::WebSocket, 1, 2));
}

#[test]
fn the_first_frame_of_a_client_is_not_looked_for_behind_a_hole() {
    // The response acknowledges what the client has sent; a first frame that begins elsewhere is not the first.
    let (told, _) = behind_upgrade(&[SWITCH, b">_", HELLO]);
    assert_eq!(told, ["ParseError"]);
}

#[test]
fn an_idle_websocket_is_small() {
    assert!(size_of::<crate::pipeline::protocol::websocket::WebSocket<[u32; 4]>>() <= 120);
}

#[test]
fn an_upgrade_to_http2_is_answered_on_its_first_stream() {
    // The preface of the client and its settings; settings of the server, and a response of one byte that ends it.
    let client = [b">", &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], b"\0\0\0\x04\0\0\0\0\0"].concat();
    let server = b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x05\0\0\0\x01\x88".as_slice();
    let switch = b"<HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n".as_slice();
    for lines in [
        vec![[switch, server].concat(), client.clone()],
        vec![switch.to_vec(), client.clone(), [b"<", server].concat()],
    ] {
        let mut said: Vec<&[u8]> = vec![b">GET /2 HTTP/1.1\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"];
        said.extend(lines.iter().map(Vec::as_slice));
        let told = converse_bytes(0, &said).lines;
        assert!(told.iter().any(|line| line.starts_with("200 to 1 after Some(")), "{told:?}");
        assert!(told.iter().any(|line| line.starts_with("exchange 1: Some(200)")), "{told:?}");
        assert!(!told.iter().any(|line| line.starts_with("exchange 1: Some(101)")), "{told:?}");
    }
}

/// What is told of the content of a response with these fields.
fn content(fields: &str, body: &[&str]) -> Vec<String> {
    let head = format!("<HTTP/1.1 200 OK\r\n{fields}\r\n");
    let body: Vec<String> = body.iter().map(|part| format!("<{part}")).collect();
    let mut lines = vec![">GET / HTTP/1.1\r\n\r\n", &head];
    lines.extend(body.iter().map(String::as_str));
    let told = converse(&lines);
    told.into_iter().filter(|line| line.contains("messages") || line.contains(" with ")).collect()
}

#[test]
fn events_are_counted_as_they_pass() {
    const EVENTS: &str = "Content-Type: text/event-stream; charset=utf-8\r\n";
    const CHUNKED: &str = "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n";
    const CODED: &str = "content-type: text/event-stream\r\ncontent-encoding: gzip\r\n";
    let table: [(&str, &[&str], &[&str]); 6] = [
        (EVENTS, &["data: a\n\n", ": b\n\ndata: c\n", "\ndata: d\n\n"], &["1 messages to 1", "2 messages to 1"]),
        (
            CHUNKED,
            &["9\r\ndata: a\n\n\r\n4\r\ndata\r\n", "3\r\n:\n\n\r\n0\r\n\r\n"],
            &["1 messages to 1", "1 messages to 1"],
        ),
        (EVENTS, &["data: a\n", "_\n\ndata: b\n\n"], &["2 messages to 1"]),
        (CODED, &["data: a\n\n"], &[]),
        ("Content-Type: text/event-streams\r\n", &["data: a\n\n"], &[]),
        ("", &["data: a\n\n"], &[]),
    ];
    for (fields, body, told) in table {
        assert_eq!(content(fields, body), told, "{fields:?} {body:?}");
    }
}

#[test]
fn a_call_of_grpc_web_tells_its_status() {
    const WEB: &str = "Content-Type: application/grpc-web+proto\r\nTransfer-Encoding: chunked\r\n";
    let failed = format!("{WEB}grpc-status: 7\r\n");
    let text = WEB.replace("-web+", "-web-text+");
    let trailers = "\0\0\0\x0fgrpc-status:14\n";
    let table: [(&str, &[&str], &[&str]); 4] = [
        (WEB, &["8\r\n\0\0\0\0\u{3}abc\r\n", "0\r\n\r\n"], &["1 messages to 1"]),
        (&failed, &["0\r\n\r\n"], &["PERMISSION_DENIED to 1 with Some(200)"]),
        (&text, &["8\r\n\0\0\0\0\u{3}abc\r\n", "0\r\n\r\n"], &[]),
        (&text, &["c\r\nAAAAAANhYmM=\r\n", "0\r\n\r\n"], &["1 messages to 1"]),
    ];
    for (fields, body, told) in table {
        assert_eq!(content(fields, body), told, "{fields:?} {body:?}");
    }
    let head = format!("<HTTP/1.1 200 OK\r\n{WEB}\r\n");
    let body = [b"<14\r\n\x80", trailers.as_bytes(), b"\r\n0\r\n\r\n"].concat();
    let lines = converse_bytes(0, &[b">POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", head.as_bytes(), &body]).lines;
    assert!(lines.contains(&"UNAVAILABLE to 1 with Some(200)".to_owned()), "{lines:?}");
}

#[test]
fn messages_of_a_request_of_grpc_web_are_counted() {
    let ask = |kind: &str, body: &str| {
        let length = body.len();
        format!(
            ">POST /S/M HTTP/1.1\r\nContent-Type: application/grpc-web{kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    let answer = "<HTTP/1.1 200 OK\r\nContent-Type: application/grpc-web\r\nContent-Length: 8\r\n\r\n\0\0\0\0\u{3}abc";
    for (kind, body) in [("+proto", "\0\0\0\0\u{2}hi\0\0\0\0\0"), ("-text", "AAAAAAJoaQAAAAAA")] {
        let asked = ask(kind, body);
        let (first, second) = asked.split_at(asked.len() - 6);
        let told = converse(&[first, &format!(">{second}"), answer, &asked, answer]);
        let told: Vec<_> = told.into_iter().filter(|line| line.contains("messages")).collect();
        let want = ["1 messages of 1", "1 messages of 1", "1 messages to 1", "2 messages of 2", "1 messages to 2"];
        assert_eq!(told, want, "{kind}");
    }
}

#[test]
fn http2_through_a_proxy_is_read_though_its_server_begins() {
    let settings = b"\0\0\0\x04\0\0\0\0\0".as_slice();
    let preface = b">PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice();
    // GET / without a host, and the status 200 that ends its stream.
    let ask = b"\0\0\x03\x01\x05\0\0\0\x01\x82\x84\x86".as_slice();
    let answer = b"<\0\0\x01\x01\x05\0\0\0\x01\x88".as_slice();
    let told = converse_bytes(
        0,
        &[
            b">CONNECT a:80 HTTP/1.1\r\n\r\n",
            b"<HTTP/1.1 200 OK\r\n\r\n",
            &[b"<", settings].concat(),
            &[preface, settings, ask].concat(),
            answer,
        ],
    );
    assert!(told.lines.contains(&"GET / at 80".to_owned()), "{:?}", told.lines);
    assert!(told.lines.iter().any(|line| line.starts_with("exchange 2: Some(200)")), "{:?}", told.lines);
}

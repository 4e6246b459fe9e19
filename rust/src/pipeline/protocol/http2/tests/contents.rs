//! Contents that are streams: WebSocket, server-sent events, gRPC-Web.

use super::super::frame;
use super::peer::{self, Talk, data};
use super::{parts, run};
use crate::pipeline::decode::Direction;
use crate::pipeline::exchange::{Exchange, GrpcStatus};

/// Protocol of an exchange, messages of both sides and status of gRPC.
type Ended = (&'static str, u64, u64, Option<&'static str>);

/// What is told of messages, codes and statuses, and of the exchanges at the end.
fn passed(talk: &Talk) -> (Vec<String>, Vec<Ended>) {
    let script = run(&parts(&talk.said), true);
    let told = script.lines.iter().filter(|line| line.contains(" of ")).cloned().collect();
    let of = |exchange: &Exchange| {
        let status = exchange.grpc_status.map(GrpcStatus::name);
        (exchange.protocol.name(), exchange.request_messages, exchange.response_messages, status)
    };
    (told, script.exchanges.iter().map(|(_, exchange)| of(exchange)).collect())
}

fn open_websocket(status: &str) -> Talk {
    let mut talk = Talk::begun();
    let fields = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":path", "/chat"),
        (":authority", "a.example"),
    ];
    let head = talk.headers(Direction::Up, 1, false, &fields);
    talk.up(head);
    let head = talk.headers(Direction::Down, 1, false, &[(":status", status)]);
    talk.down(head);
    talk
}

#[test]
fn a_websocket_tells_its_messages_while_it_is_open_and_its_codes() {
    let mut talk = open_websocket("200");
    talk.up(data(1, b"\x81\x82\x01\x02\x03\x04ij\x82\x80\x01\x02\x03\x04", false));
    talk.down(data(1, b"\xc1\x0cab", false));
    talk.down(data(1, b"0123456789\x89\x00\x82\x00", false));
    talk.up(data(1, b"\x88\x82\x01\x02\x03\x04\x02\xea", true));
    talk.down(data(1, b"\x88\x00", true));
    let (told, exchanges) = passed(&talk);
    let want = [
        "2 messages of 1 up",
        "1 messages of 1 down",
        "1 messages of 1 down",
        "1000 of 1 by client",
        "1005 of 1 by server",
    ];
    assert_eq!(told, want);
    assert_eq!(exchanges, [("websocket", 2, 2, None)]);
}

#[test]
fn a_websocket_that_is_refused_has_no_messages() {
    let mut talk = open_websocket("404");
    talk.down(data(1, b"\x81\x00\x81\x00", true));
    talk.up(data(1, b"\x81\x80\x01\x02\x03\x04", true));
    assert_eq!(passed(&talk), (vec![], vec![("websocket", 0, 0, None)]));
}

#[test]
fn padding_is_no_content_wherever_its_frame_is_cut() {
    let padded = peer::frame(0, frame::PADDED, 1, b"\x03\x81\x01a\x81\x00\x00\x00\x00");
    for at in 1..padded.len() {
        let mut talk = open_websocket("200");
        let (before, behind) = padded.split_at(at);
        talk.down(before.to_vec());
        talk.down(behind.to_vec());
        talk.down(data(1, b"\x81\x00", true));
        talk.up(data(1, b"", true));
        assert_eq!(passed(&talk).1, [("websocket", 0, 3, None)], "cut at {at}");
    }
}

#[test]
fn a_hole_inside_a_message_costs_only_bytes() {
    let mut talk = open_websocket("200");
    let frame = data(1, &[&b"\x82\x0a"[..], &[b'x'; 10]].concat(), false);
    talk.down(frame[..13].to_vec());
    talk.down(frame[13..18].to_vec());
    talk.down(frame[18..].to_vec());
    talk.down(data(1, b"\x81\x00", true));
    talk.up(data(1, b"", true));
    let mut parts = parts(&talk.said);
    let at = parts.iter().position(|part| part.bytes == frame[13..18]).unwrap();
    parts[at].is_lost = true;
    let script = run(&parts, true);
    let told: Vec<_> = script.lines.iter().filter(|line| line.contains("messages")).collect();
    assert_eq!(told, ["1 messages of 1 down", "1 messages of 1 down"]);
}

#[test]
fn a_side_of_a_websocket_that_is_given_up_is_noted_once() {
    // The second frame from the server is lost together with the header of its DATA frame. On the other row it is one of a
    // client, which no server sends.
    let hidden = data(1, b"\x81\x01a", false);
    let masked = data(1, b"\x81\x81abcda", false);
    for (second, is_lost) in [(hidden, true), (masked, false)] {
        let mut talk = open_websocket("200");
        talk.down(data(1, b"\x81\x00", false));
        talk.down(second);
        talk.down(data(1, b"\x81\x00", false));
        talk.down(data(1, b"\x81\x00", false));
        talk.up(data(1, b"\x81\x80abcd", false));
        let mut parts = parts(&talk.said);
        let count = parts.len();
        parts[count - 4].is_lost = is_lost;
        let script = run(&parts, true);
        let is_told = |line: &&String| line.contains("messages") || *line == "ParseError";
        let told: Vec<_> = script.lines.iter().filter(is_told).collect();
        assert_eq!(told, ["1 messages of 1 down", "ParseError", "1 messages of 1 up"], "{is_lost}");
    }
}

#[test]
fn server_sent_events_are_counted_as_they_pass() {
    for (more, want) in [(&[][..], 2), (&[("content-encoding", "gzip")], 0)] {
        let mut talk = Talk::begun();
        talk.get(1, "/events");
        let fields = [&[(":status", "200"), ("content-type", "text/event-stream")], more].concat();
        let head = talk.headers(Direction::Down, 1, false, &fields);
        talk.down(head);
        talk.down(data(1, b"data: a\n\n: ping\n\ndata", false));
        talk.down(data(1, b": b\n\ndata: c", true));
        assert_eq!(passed(&talk).1, [("http2", 0, want, None)], "{more:?}");
    }
}

#[test]
fn a_call_of_grpc_web_tells_messages_of_both_sides_and_its_status() {
    const ANSWER: &[u8] = b"\0\0\0\0\x03abc\x80\0\0\0\x10grpc-status: 14\n";
    const TEXT: &[u8] = b"AAAAAANhYmM=gAAAABBncnBjLXN0YXR1czogMTQK";
    let table = [("-web+proto", &b"\0\0\0\0\x02hi"[..], ANSWER), ("-web-text", b"AAAAAAJoaQ==", TEXT)];
    for (kind, asked, answered) in table {
        let content_type = format!("application/grpc{kind}");
        let mut talk = Talk::begun();
        talk.post(1, "/pkg.Service/Method", &[("content-type", &content_type)]);
        talk.up(data(1, asked, true));
        let fields = [(":status", "200"), ("content-type", &*content_type)];
        let head = talk.headers(Direction::Down, 1, false, &fields);
        talk.down(head);
        talk.down(data(1, &answered[..9], false));
        talk.down(data(1, &answered[9..], true));
        let (told, exchanges) = passed(&talk);
        assert_eq!(told, ["1 messages of 1 up", "1 messages of 1 down", "UNAVAILABLE of 1 Some(200)"], "{kind}");
        assert_eq!(exchanges, [("grpc", 1, 1, Some("UNAVAILABLE"))], "{kind}");
    }
}

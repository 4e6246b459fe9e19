//! Conversations: each test sends frames in both directions, in order, and compares what the sink is told.

mod contents;
mod loss;
mod midway;
pub mod peer;

use std::net::{Ipv4Addr, Ipv6Addr};

use super::frame;
use super::streams::MAX_STREAMS;
use crate::pipeline::decode::{Direction, Endpoint, FlowKey, SeqNumber};
use crate::pipeline::exchange::{
    Code, Ending, Exchange, Finished, GrpcStatus, Kept, Note, Request, Response, Sides, Sink,
};
use crate::pipeline::flow::{Consumer, FlowInfo, Observed, Opening};
use crate::pipeline::packet::{InterfaceId, Timestamp};
use crate::pipeline::protocol::reader::Reader as _;
use crate::pipeline::protocol::{Session, Sessions, Shared};
use crate::pipeline::reassembly::Chunk;
use crate::pipeline::steps;
use peer::{Said, Talk, data, go_away, reset, settings};

/// A sink that writes each call down as a line of text. A ticket is the number of the request.
#[derive(Default)]
struct Script {
    lines: Vec<String>,
    /// The requests: method, host and target.
    requests: Vec<[String; 3]>,
    exchanges: Vec<(usize, Exchange)>,
    kept: Vec<Kept>,
}

impl Sink for Script {
    type Ticket = usize;

    fn proxied(&mut self, _: &FlowKey, _: Option<Ipv6Addr>) {}
    fn ended(&mut self, _: &FlowKey) {}
    fn request(&mut self, request: &Request<'_>, _: Option<usize>) -> usize {
        let Request { protocol, method, target, host, is_cut, bytes, .. } = *request;
        let host = host.map_or("-".into(), |host| host.escape_ascii().to_string());
        let target = if is_cut { "?".into() } else { target.escape_ascii().to_string() };
        let agent =
            request.fields.first(b"user-agent").map_or(String::new(), |agent| format!(" by {}", agent.escape_ascii()));
        self.lines.push(format!("{} {} {host} {target} {bytes}{agent}", protocol.name(), method.name()));
        self.requests.push([method.name().into(), host, target]);
        self.requests.len()
    }
    fn keep(&mut self, ticket: usize, _: &Request<'_>) -> Kept {
        let kept = Kept(ticket as u32);
        self.kept.push(kept);
        kept
    }
    fn opening(&mut self, ticket: usize, _: &Opening, _: Direction) {
        self.lines.push(format!("{ticket} opens"));
    }
    fn unasked(&mut self, _: &Sides<'_>, _: &Response) -> usize {
        0
    }
    fn response(&mut self, ticket: usize, Response { status, latency, bytes }: Response) {
        self.lines.push(format!("{status} to {ticket} after {latency:?} {bytes}"));
    }
    fn bytes(&mut self, _: usize, _: bool, _: u64) {}
    fn exchange(&mut self, ticket: usize, ending: Ending, tell: impl FnOnce() -> Finished) {
        let exchange = tell().exchange;
        let at = self.kept.iter().position(|&kept| kept == ending.kept).expect("what is kept comes back once");
        self.kept.remove(at);
        let Exchange { status, request_bytes, response_bytes, latency, duration, queued, .. } = exchange;
        let queued = queued.filter(|&queued| queued > 0).map_or(String::new(), |queued| format!(" queued {queued}"));
        let status = status.map_or("-".into(), |status| status.to_string());
        self.lines.push(format!(
            "exchange {ticket}: {status} {request_bytes}+{response_bytes} {latency:?}/{duration:?}{queued}"
        ));
        self.exchanges.push((ticket, exchange));
    }
    fn messages(&mut self, ticket: usize, of_request: bool, count: u64) {
        self.lines.push(format!("{count} messages of {ticket} {}", if of_request { "up" } else { "down" }));
    }
    fn grpc_status(&mut self, ticket: usize, grpc: GrpcStatus, status: Option<u16>) {
        self.lines.push(format!("{} of {ticket} {status:?}", grpc.name()));
    }
    fn ends_with(&mut self, ticket: usize, by_client: bool, code: Code) {
        let code = match code {
            Code::Reset(code) => code.name().into_owned(),
            Code::Close(code) => code.to_string(),
        };
        self.lines.push(format!("{code} of {ticket} {}", if by_client { "by client" } else { "by server" }));
    }
    fn observe(&mut self, _: Option<usize>, _: &Observed, _: bool) {}
    fn note(&mut self, note: Note) {
        self.lines.push(format!("{note:?}"));
    }
}

fn flow() -> FlowInfo {
    let end = |last, port| Endpoint { address: Ipv4Addr::new(192, 0, 2, last).to_ipv6_mapped(), port };
    let key = FlowKey { low: end(1, 40000), high: end(2, 80), lane: 0 };
    FlowInfo::new(key, InterfaceId(0), Some(Direction::Up))
}

/// A chunk of a conversation: its bytes, or a hole of their length.
#[derive(Clone, Debug)]
struct Part {
    direction: Direction,
    bytes: Vec<u8>,
    is_lost: bool,
    ts: i64,
}

/// Each thing said is a chunk, and comes one nanosecond after the one before.
fn parts(said: &[Said]) -> Vec<Part> {
    let part = |(at, (direction, bytes)): (usize, &Said)| Part {
        direction: *direction,
        bytes: bytes.clone(),
        is_lost: false,
        ts: at as i64,
    };
    said.iter().enumerate().map(part).collect()
}

/// Runs a conversation, seen from its beginning or joined midway.
fn run(parts: &[Part], is_whole: bool) -> Script {
    let flow = flow();
    let (mut script, mut shared) = (Script::default(), Shared::default());
    let mut stage = Sessions { sink: &mut script, shared: &mut shared };
    let mut connection = Session::default();
    let (mut started, mut lost, mut reached) = ([!is_whole; 2], [0; 2], [SeqNumber(1); 2]);
    for Part { direction, bytes, is_lost, ts } in parts {
        let side = *direction as usize;
        reached[side] = reached[side].plus(bytes.len() as u32);
        if *is_lost {
            lost[side] += bytes.len() as u64;
            started[side] = true;
            continue;
        }
        let seq = reached[side].plus((bytes.len() as u32).wrapping_neg());
        let start = !std::mem::replace(&mut started[side], true);
        let skipped = std::mem::take(&mut lost[side]);
        let ack = Some(reached[1 - side]);
        let chunk = Chunk { skipped, cut: false, bytes, seq, ack, start, ts: Timestamp(*ts) };
        stage.chunk(&flow, &mut connection, *direction, chunk);
    }
    for direction in [Direction::Up, Direction::Down] {
        stage.finished(&flow, &mut connection, direction, Timestamp(99));
    }
    stage.ended(&flow, connection);
    assert_eq!(shared.held(), 0, "memory is given back");
    assert_eq!(script.kept, [], "what is kept comes back");
    script
}

/// Runs a conversation from its beginning. Returns what is told behind the name of the protocol.
fn converse(talk: &Talk) -> Vec<String> {
    let mut lines = run(&parts(&talk.said), true).lines;
    assert_eq!(lines.remove(0), "Protocol(Http2)");
    lines
}

#[test]
fn a_request_meets_the_response_on_its_stream() {
    let mut talk = Talk::begun();
    talk.get(1, "/1");
    talk.get(3, "/3");
    talk.answer(3, "404", b"none");
    talk.answer(1, "200", b"body");
    assert_eq!(
        converse(&talk),
        [
            "http2 GET a.example /1 26",
            "1 opens",
            "http2 GET a.example /3 16",
            "404 to 2 after Some(1) 23",
            "exchange 2: 404 16+36 Some(1)/Some(1)",
            "200 to 1 after Some(3) 11",
            "exchange 1: 200 26+24 Some(3)/Some(3)",
        ]
    );
}

#[test]
fn latency_counts_from_the_last_byte_of_the_request() {
    let mut talk = Talk::begun();
    talk.post(1, "/", &[]);
    talk.up(data(1, b"12345", false));
    talk.up(data(1, b"678", true));
    talk.answer(1, "204", b"");
    let lines = converse(&talk);
    assert_eq!(lines[2..], ["204 to 1 after Some(1) 23", "exchange 1: 204 49+23 Some(1)/Some(3)"], "{lines:?}");
    let mut talk = Talk::begun();
    talk.post(1, "/stream", &[]);
    talk.up(data(1, b"12345", false));
    let head = talk.headers(Direction::Down, 1, false, &[(":status", "200")]);
    talk.down(head);
    talk.up(data(1, b"678", true));
    talk.down(data(1, b"end", true));
    let lines = converse(&talk);
    assert_eq!(lines[2..], ["200 to 1 after Some(1) 10", "exchange 1: 200 57+22 Some(1)/Some(4)"], "{lines:?}");
}

#[test]
fn a_response_before_the_end_of_the_request_ends_with_the_request() {
    let mut talk = Talk::begun();
    talk.post(1, "/", &[]);
    talk.answer(1, "404", b"no");
    talk.up(data(1, b"12345", true));
    let lines = converse(&talk);
    assert_eq!(lines[2..], ["404 to 1 after Some(1) 23", "exchange 1: 404 37+34 Some(1)/Some(1)"], "{lines:?}");
}

#[test]
fn interim_responses_and_trailers_belong_to_their_stream() {
    let mut talk = Talk::begun();
    talk.get(1, "/");
    for (ends, fields) in [(false, (":status", "103")), (false, (":status", "200")), (true, ("x-sum", "1"))] {
        let head = talk.headers(Direction::Down, 1, ends, &[fields]);
        talk.down(head);
    }
    let lines = converse(&talk);
    let told = ["103 to 1 after None 14", "200 to 1 after Some(2) 10", "exchange 1: 200 23+42 Some(2)/Some(3)"];
    assert_eq!(lines[2..], told, "{lines:?}");
}

#[test]
fn padding_priority_and_continuation_are_read() {
    let mut talk = Talk::begun();
    let fields = [(":method", "GET"), (":scheme", "http"), (":path", "/padded"), ("host", "h.example")];
    let block = talk.block(Direction::Up, &fields);
    let flags = frame::END_STREAM | frame::PADDED | frame::PRIORITY;
    let first = [&[3, 0, 0, 0, 0, 16], &block[..4], &[0; 3]].concat();
    talk.up(peer::frame(1, flags, 1, &first));
    talk.up(peer::frame(9, 0, 1, &[]));
    talk.up(peer::frame(9, 0, 1, &block[4..9]));
    talk.up([peer::frame(9, frame::END_HEADERS, 1, &block[9..]), peer::frame(6, 0, 0, &[0; 8])].concat());
    let head = talk.headers(Direction::Down, 1, false, &[(":status", "200")]);
    talk.down(head);
    talk.down(peer::frame(0, frame::PADDED, 1, b"\x04body...."));
    talk.down(peer::frame(0, frame::PADDED | frame::END_STREAM, 1, b"\x00"));
    let lines = converse(&talk);
    assert_eq!(lines[0], format!("http2 GET h.example /padded {}", 4 * 9 + 9 + block.len()));
    assert_eq!(lines.last().unwrap(), &format!("exchange 1: 200 {}+38 Some(1)/Some(6)", 4 * 9 + 9 + block.len()));
}

#[test]
fn streams_are_reset_by_either_side() {
    let mut talk = Talk::begun();
    talk.get(1, "/1");
    talk.get(3, "/3");
    let head = talk.headers(Direction::Down, 3, false, &[(":status", "200")]);
    talk.down(head);
    talk.up(reset(1, 8));
    talk.down(reset(3, 2));
    // The response to a request that was reset was on its way.
    talk.answer(1, "200", b"late");
    let lines = converse(&talk);
    assert_eq!(
        lines[3..],
        [
            "200 to 2 after Some(1) 10",
            "CANCEL of 1 by client",
            "Unanswered",
            "exchange 1: - 26+0 None/None",
            "INTERNAL_ERROR of 2 by server",
            "exchange 2: 200 16+10 Some(1)/None",
        ],
        "{lines:?}"
    );
}

#[test]
fn streams_above_that_of_goaway_are_not_answered() {
    let mut talk = Talk::begun();
    talk.get(1, "/1");
    talk.get(3, "/3");
    talk.down(go_away(1, 0));
    talk.answer(1, "204", b"");
    let lines = converse(&talk);
    assert_eq!(lines[3..5], ["GoAway(ErrorCode(0))", "Unanswered"], "{lines:?}");
    assert!(lines[5].starts_with("exchange 2: -") && lines[6].starts_with("204 to 1"), "{lines:?}");
}

#[test]
fn a_promise_is_the_request_of_what_is_pushed() {
    let mut talk = Talk::begun();
    talk.get(1, "/");
    let fields = [(":method", "GET"), (":scheme", "http"), (":authority", "a.example"), (":path", "/style.css")];
    let block = talk.block(Direction::Down, &fields);
    talk.down(peer::frame(5, frame::END_HEADERS, 1, &[&2_u32.to_be_bytes(), &block[..]].concat()));
    talk.answer(1, "200", b"page");
    talk.answer(2, "200", b"style");
    let lines = converse(&talk);
    assert!(lines[2].starts_with("http2 GET a.example /style.css"), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("200 to 2 after Some(2)")), "{lines:?}");
}

#[test]
fn connect_names_an_authority_and_extended_connect_a_path() {
    let mut talk = Talk::begun();
    let plain = [(":method", "CONNECT"), (":authority", "b.example:443")];
    let socket = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":path", "/chat"),
        (":authority", "a.example"),
    ];
    for (stream, fields) in [(1, &plain[..]), (3, &socket[..])] {
        let head = talk.headers(Direction::Up, stream, false, fields);
        talk.up(head);
    }
    let lines = converse(&talk);
    assert!(lines[0].starts_with("http2 CONNECT - b.example:443 "), "{lines:?}");
    assert!(lines[2].starts_with("websocket CONNECT a.example /chat "), "{lines:?}");
}

#[test]
fn a_grpc_call_tells_its_messages_and_its_status() {
    let mut talk = Talk::begun();
    talk.post(1, "/pkg.Service/Method", &[("content-type", "application/grpc+proto")]);
    talk.up(data(1, b"\0\0\0\0\x02hi\0\0\0\0\0", true));
    let head = talk.headers(Direction::Down, 1, false, &[(":status", "200"), ("content-type", "application/grpc")]);
    talk.down(head);
    talk.down(data(1, b"\0\0\0\0\x03a", false));
    talk.down(data(1, b"bc", false));
    let trailers = talk.headers(Direction::Down, 1, true, &[("grpc-status", "14")]);
    talk.down(trailers);
    talk.post(3, "/pkg.Service/Method", &[("content-type", "application/grpc+proto")]);
    let only = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "5")];
    let only = talk.headers(Direction::Down, 3, true, &only);
    talk.down(only);
    talk.up(reset(3, 0));
    let script = run(&parts(&talk.said), true);
    let told: Vec<_> = script.lines.iter().filter(|line| line.contains(" of ")).collect();
    let want = [
        "2 messages of 1 up",
        "1 messages of 1 down",
        "UNAVAILABLE of 1 Some(200)",
        "NOT_FOUND of 2 Some(200)",
        "NO_ERROR of 2 by client",
    ];
    assert_eq!(told, want);
    let ended: Vec<_> =
        script.exchanges.iter().map(|(_, e)| (e.protocol.name(), e.request_messages, e.response_messages)).collect();
    assert_eq!(ended, [("grpc", 2, 1), ("grpc", 0, 0)]);
}

/// The status of gRPC that is told of the first request, `-` if none is.
fn status_of_grpc(script: &Script) -> &str {
    let told: Vec<_> = script.lines.iter().filter_map(|line| line.split_once(" of 1 Some(")).collect();
    told.first().map_or("-", |(status, _)| status)
}

#[test]
fn a_grpc_call_without_a_status_of_its_own_has_the_one_that_its_client_takes() {
    type Field<'a> = (&'a str, &'a str);
    /// The type of the request, how the response begins, its trailers, and the status that is told.
    type Case<'a> = (Field<'a>, &'a [Field<'a>], Option<&'a [Field<'a>]>, &'a str);
    const GRPC: Field<'_> = ("content-type", "application/grpc");
    const JSON: Field<'_> = ("content-type", "application/json");
    let table: [Case<'_>; 10] = [
        (GRPC, &[(":status", "403")], None, "PERMISSION_DENIED"),
        (GRPC, &[(":status", "404"), ("content-type", "text/html")], None, "UNIMPLEMENTED"),
        (GRPC, &[(":status", "502")], None, "UNAVAILABLE"),
        (GRPC, &[(":status", "418")], None, "UNKNOWN"),
        (GRPC, &[(":status", "503"), GRPC, ("grpc-status", "8")], None, "RESOURCE_EXHAUSTED"),
        (GRPC, &[(":status", "200"), GRPC], Some(&[("server", "peer")]), "UNKNOWN"),
        (GRPC, &[(":status", "200"), GRPC], None, "-"),
        (GRPC, &[(":status", "200"), GRPC, ("grpc-status", "0")], Some(&[("grpc-status", "13")]), "INTERNAL"),
        (GRPC, &[(":status", "200"), GRPC, ("grpc-status", "5")], None, "NOT_FOUND"),
        (JSON, &[(":status", "200"), JSON, ("grpc-status", "0")], None, "-"),
    ];
    for (kind, begins, trailers, want) in table {
        let mut talk = Talk::begun();
        talk.post(1, "/pkg.Service/Method", &[kind]);
        talk.up(data(1, b"\0\0\0\0\0", true));
        let head = talk.headers(Direction::Down, 1, false, begins);
        talk.down(head);
        talk.down(data(1, b"", trailers.is_none()));
        if let Some(trailers) = trailers {
            let trailers = talk.headers(Direction::Down, 1, true, trailers);
            talk.down(trailers);
        }
        let script = run(&parts(&talk.said), true);
        let protocol = script.exchanges[0].1.protocol.name();
        let is_grpc = if kind == GRPC { "grpc" } else { "http2" };
        assert_eq!((status_of_grpc(&script), protocol), (want, is_grpc), "{begins:?} {trailers:?}");
    }
    // The client may reset the stream instead of waiting for its end.
    for (status, want) in [("502", "UNAVAILABLE"), ("200", "-")] {
        let mut talk = Talk::begun();
        talk.post(1, "/pkg.Service/Method", &[GRPC]);
        let head = talk.headers(Direction::Down, 1, false, &[(":status", status)]);
        talk.down(head);
        talk.up(reset(1, 7));
        assert_eq!(status_of_grpc(&run(&parts(&talk.said), true)), want);
    }
}

#[test]
fn a_response_is_queued_while_the_server_sends_other_streams() {
    let mut talk = Talk::begun();
    talk.get(1, "/big");
    let head = talk.headers(Direction::Down, 1, false, &[(":status", "200")]);
    let body = data(1, &[b'x'; 90], false);
    talk.down([&head, &body[..30]].concat());
    talk.get(3, "/small");
    talk.down(body[30..60].to_vec());
    talk.down(body[60..].to_vec());
    talk.down(peer::frame(6, 0, 0, &[0; 8]));
    talk.answer(3, "200", b"small");
    let lines = converse(&talk);
    assert!(
        lines.iter().any(|line| line.starts_with("exchange 2: 200") && line.ends_with("Some(4)/Some(4) queued 2")),
        "{lines:?}"
    );
}

#[test]
fn a_change_of_the_table_size_is_obeyed() {
    let mut talk = Talk::begun();
    talk.down(settings(&[(1, 0)]));
    // The client drops its table, as the server wants, and refers to nothing.
    let fields = [(":method", "GET"), (":scheme", "http"), (":path", "/a")];
    let block = [vec![0x20], peer::Encoder::default().block(&fields)].concat();
    for stream in [1, 3] {
        talk.up(peer::frame(1, frame::END_HEADERS | frame::END_STREAM, stream, &block));
    }
    let lines = converse(&talk);
    assert_eq!(lines.iter().filter(|line| line.starts_with("http2 GET - /a")).count(), 2, "{lines:?}");
}

#[test]
fn what_rfc_9113_forbids_is_told_and_invents_nothing() {
    let request = |talk: &mut Talk, stream| {
        let fields = [(":method", "GET"), (":scheme", "http"), (":path", "/")];
        talk.headers(Direction::Up, stream, true, &fields)
    };
    let table: [(&str, Vec<u8>); 5] = [
        ("DATA of no stream", data(0, b"x", false)),
        ("a block without a method", peer::frame(1, 5, 1, &[0x88])),
        ("a block that cannot be decoded", peer::frame(1, 5, 1, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])),
        ("a continuation of nothing", peer::frame(9, 4, 1, &[0x82])),
        ("padding that is longer than its frame", peer::frame(1, 0xd, 1, &[9, 0x82])),
    ];
    for (name, bytes) in table {
        let mut talk = Talk::begun();
        talk.up(bytes);
        let lines = converse(&talk);
        assert!(lines.contains(&"ParseError".to_owned()), "{name}: {lines:?}");
        assert!(!lines.iter().any(|line| line.contains("200")), "{name}: {lines:?}");
    }
    let mut talk = Talk::begun();
    let even = request(&mut talk, 2);
    talk.up(even);
    assert_eq!(converse(&talk), [""; 0], "a client opens streams with odd numbers");
}

#[test]
fn a_priority_of_a_wrong_length_ends_no_more_than_its_stream() {
    let mut talk = Talk::begun();
    talk.get(1, "/a");
    talk.up(peer::frame(2, 0, 1, b"four"));
    talk.get(3, "/a");
    talk.answer(1, "200", b"");
    talk.answer(3, "200", b"");
    let script = run(&parts(&talk.said), true);
    let want = ["GET", "a.example", "/a"].map(String::from);
    assert_eq!(script.requests, [want.clone(), want], "{:?}", script.lines);
}

#[test]
fn streams_beyond_the_limit_end_and_are_told() {
    let count = 3 * MAX_STREAMS;
    let mut talk = Talk::begun();
    (0..count).for_each(|at| talk.get(2 * at as u32 + 1, "/"));
    let script = run(&parts(&talk.said), true);
    let unanswered = script.lines.iter().filter(|line| *line == "Unanswered").count();
    assert_eq!((script.requests.len(), script.exchanges.len(), unanswered), (count, count, count));
}

#[test]
fn floods_take_steps_in_proportion_to_their_length() {
    type Flood<'a> = (&'a str, &'a dyn Fn(&mut Talk, u32));
    let floods: [Flood<'_>; 7] = [
        ("streams", &|talk, at| talk.get(2 * at + 1, "/")),
        ("rapid reset", &|talk, at| {
            talk.get(2 * at + 1, "/");
            talk.up(reset(2 * at + 1, 8));
        }),
        ("empty frames", &|talk, _| talk.up(data(1, b"", false))),
        ("settings", &|talk, _| talk.up(settings(&[(1, 0), (1, 4096)]))),
        ("pings", &|talk, _| talk.up(peer::frame(6, 0, 0, &[0; 8]))),
        ("goaways", &|talk, at| talk.down(go_away(u32::MAX - at, 0))),
        ("continuations", &|talk, at| talk.up(peer::frame(if at == 0 { 1 } else { 9 }, 0, 1, b"\x82"))),
    ];
    for (name, flood) in floods {
        steps::tests::are_in_proportion(name, 4_000, 300, |size| {
            let mut talk = Talk::begun();
            (0..size as u32).for_each(|at| flood(&mut talk, at));
            run(&parts(&talk.said), true);
        });
    }
}

#[test]
fn an_idle_connection_takes_at_most_a_kibibyte_beside_its_tables() {
    let flow = flow();
    let (mut script, mut shared) = (Script::default(), Shared::default());
    let mut stage = Sessions { sink: &mut script, shared: &mut shared };
    let mut connection = Session::default();
    let mut talk = Talk::begun();
    (0..50).for_each(|at| talk.get(2 * at + 1, "/"));
    (0..50).for_each(|at| talk.answer(2 * at + 1, "204", b""));
    for Part { direction, bytes, ts, .. } in parts(&talk.said) {
        let chunk = Chunk {
            skipped: 0,
            cut: false,
            bytes: &bytes,
            seq: SeqNumber(0),
            ack: None,
            start: ts < 2,
            ts: Timestamp(ts),
        };
        stage.chunk(&flow, &mut connection, direction, chunk);
    }
    let Session::Http2(streamed) = &connection else { panic!("{connection:?}") };
    assert_eq!(streamed.http2.streams(), (50, 0));
    let tables: usize = streamed.http2.dialogue.decoders.iter().map(super::hpack::Decoder::held).sum();
    let taken = size_of_val(&**streamed) + connection.held() - tables;
    assert!(taken <= 1024, "{taken} bytes beside {tables} of tables");
    assert!(tables > 0);
}

//! Conversations: each test sends bytes in both directions, in order, and compares what the sink is told.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

mod sealed;
mod upgrades;

use super::frames;
use super::http1::MAX_WAITING;
use super::shared::MAX_SPARE;
use super::tls::keys::{Added, Keys};
use super::tls::tests::{Heard, fetch};
use super::*;
use crate::pipeline::decode::{Endpoint, FlowKey, SeqNumber};
use crate::pipeline::exchange::{
    Code, Ending, Exchange, Finished, GrpcStatus, Kept, Note, Request, Response, Secured, Sides,
};
use crate::pipeline::flow::Opening;
use crate::pipeline::packet::InterfaceId;

/// A sink that writes each call down as a line of text. A ticket is the number of the request.
#[derive(Default)]
struct Script {
    lines: Vec<String>,
    requests: usize,
    /// Requests that wait for their exchange.
    kept: Vec<Kept>,
    exchanges: Vec<Exchange>,
    /// Bytes behind heads: of responses, and of requests.
    sent: [u64; 2],
}

impl Sink for Script {
    type Ticket = usize;

    fn proxied(&mut self, _: &FlowKey, client: Option<Ipv6Addr>) {
        self.lines.push(format!("for {client:?}"));
    }
    fn ended(&mut self, _: &FlowKey) {}
    fn request(&mut self, request: &Request<'_>, _: Option<usize>) -> usize {
        self.requests += 1;
        let line =
            format!("{} {} at {}", request.method.name(), request.target.escape_ascii(), request.sides.server().port);
        self.lines.push(line);
        self.requests
    }
    fn keep(&mut self, _: usize, _: &Request<'_>) -> Kept {
        let kept = Kept(self.requests as u32);
        self.kept.push(kept);
        kept
    }
    fn opening(&mut self, _: usize, _: &Opening, _: Direction) {}
    fn unasked(&mut self, sides: &Sides<'_>, _: &Response) -> usize {
        self.lines.push(format!("unasked {}", sides.server().port));
        0
    }
    fn response(&mut self, ticket: usize, Response { status, latency, .. }: Response) {
        self.lines.push(format!("{status} to {ticket} after {latency:?}"));
    }
    fn bytes(&mut self, _: usize, of_request: bool, count: u64) {
        self.sent[usize::from(of_request)] += count;
    }
    fn messages(&mut self, ticket: usize, of_request: bool, count: u64) {
        self.lines.push(format!("{count} messages {} {ticket}", if of_request { "of" } else { "to" }));
    }
    fn grpc_status(&mut self, ticket: usize, grpc: GrpcStatus, status: Option<u16>) {
        self.lines.push(format!("{} to {ticket} with {status:?}", grpc.name()));
    }
    fn ends_with(&mut self, ticket: usize, by_client: bool, code: Code) {
        self.lines.push(format!("{ticket} ended by {} with {code:?}", if by_client { "client" } else { "server" }));
    }
    fn exchange(&mut self, ticket: usize, ending: Ending, tell: impl FnOnce() -> Finished) {
        let Ending { method, status, latency, duration, kept } = ending;
        let exchange = tell().exchange;
        let Exchange { request_bytes, response_bytes, .. } = exchange;
        assert_eq!((exchange.method, exchange.status), (method, status));
        assert_eq!((exchange.latency, exchange.duration, kept), (latency, duration, Kept(ticket as u32)));
        self.exchanges.push(exchange);
        let at = self.kept.iter().position(|&waiting| waiting == kept);
        self.kept.remove(at.expect("what is kept comes back once"));
        self.lines
            .push(format!("exchange {ticket}: {status:?} {request_bytes}+{response_bytes} {latency:?}/{duration:?}"));
    }
    fn observe(&mut self, _: Option<usize>, _: &Observed, _: bool) {}
    fn secured(&mut self, secured: &Secured<'_>) {
        if let Some(name) = secured.name {
            let ech = if secured.has_ech { " with ECH" } else { "" };
            self.lines.push(format!("server name {}{ech}", name.escape_ascii()));
        }
    }
    fn secured_times(&mut self, _: &FlowKey, _: Option<u64>, handshake: Option<u64>) {
        self.lines.extend(handshake.map(|nanos| format!("handshake of {nanos}")));
    }
    fn closed(&mut self, _: &FlowKey, why: Closed) {
        self.lines.push(format!("Closed({why:?})"));
    }
    fn note(&mut self, note: Note) {
        self.lines.push(format!("{note:?}"));
    }
}

fn flow() -> FlowInfo {
    let end = |last, port| Endpoint { address: Ipv4Addr::new(192, 0, 2, last).to_ipv6_mapped(), port };
    FlowInfo::new(FlowKey { low: end(1, 40000), high: end(2, 80), lane: 0 }, InterfaceId(0), None)
}

/// Runs a conversation. A line that starts with `>` is from the client, one with `<` from the server; `>_` and `<_`
/// lose ten bytes before the text. Each line comes one nanosecond after the previous one and acknowledges all bytes
/// before it. With many other open connections, this one comes to rest while a request waits, and the sink must be told
/// the same.
fn converse(lines: &[&str]) -> Vec<String> {
    let script = converse_among(0, lines);
    assert_eq!(converse_among(MAX_SPARE - 1, lines), script);
    script
}

fn converse_among(others: usize, lines: &[&str]) -> Vec<String> {
    let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
    converse_bytes(others, &lines).lines
}

fn converse_bytes(others: usize, lines: &[&[u8]]) -> Script {
    let flow = flow();
    let mut script = Script::default();
    let mut shared = Shared::default();
    shared.opened = others;
    let mut stage = Sessions { sink: &mut script, shared: &mut shared };
    let mut connection = Session::default();
    let mut started = [false; 2];
    let mut reached = [SeqNumber(u32::MAX - 50), SeqNumber(7)];
    for (at, line) in lines.iter().enumerate() {
        let (side, text) = line.split_at(1);
        let direction = if side == b">" { Direction::Up } else { Direction::Down };
        let lost = text.starts_with(b"_");
        let start = !std::mem::replace(&mut started[direction as usize], true) && !lost;
        let bytes = text.strip_prefix(b"_").unwrap_or(text);
        let skipped = if lost { 10 } else { 0 };
        let seq = reached[direction as usize].plus(skipped as u32);
        reached[direction as usize] = seq.plus(bytes.len() as u32);
        let ack = Some(reached[direction.reverse() as usize]).filter(|_| !lost);
        let chunk = Chunk { skipped, cut: false, bytes, seq, ack, start, ts: Timestamp(at as i64) };
        stage.chunk(&flow, &mut connection, direction, chunk);
    }
    for direction in [Direction::Up, Direction::Down] {
        stage.finished(&flow, &mut connection, direction, Timestamp(lines.len() as i64));
    }
    stage.ended(&flow, connection);
    assert_eq!(script.kept, [], "what is kept comes back");
    script
}

const OK: &str = "<HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

#[test]
fn a_request_meets_its_response() {
    assert_eq!(
        converse(&[">GET / HTTP/1.1\r\n", ">\r\n", "<HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "<body"]),
        ["Protocol(Http1)", "GET / at 80", "200 to 1 after Some(1)", "exchange 1: Some(200) 18+42 Some(1)/Some(3)",]
    );
}

#[test]
fn a_waiting_request_takes_a_small_state_when_many_connections_are_open() {
    let mut shared = Shared::default();
    shared.opened = MAX_SPARE - 1;
    let mut script = Script::default();
    let mut stage = Sessions { sink: &mut script, shared: &mut shared };
    let flow = flow();
    let mut connection = Session::default();
    let mut say = |direction, text: &str, connection: &mut Session<usize>| {
        let (skipped, bytes, seq) = (0, text.as_bytes(), SeqNumber(0));
        let chunk = Chunk { skipped, cut: false, bytes, seq, ack: None, start: false, ts: Timestamp(0) };
        stage.chunk(&flow, connection, direction, chunk);
    };
    for (turn, first) in [true, false, false].into_iter().enumerate() {
        say(Direction::Up, "GET / HTTP/1.1\r\n\r\n", &mut connection);
        assert!(
            matches!(&connection, Session::AtRest(Rest::Asked(asked)) if asked.is_first == first),
            "{turn}: {connection:?}"
        );
        say(Direction::Down, &OK[1..], &mut connection);
        assert!(matches!(connection, Session::AtRest(Rest::Idle { .. })), "{turn}: {connection:?}");
    }
    assert_eq!((shared.opened, shared.places.len(), script.requests), (MAX_SPARE - 1, 1, 3));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let lines = converse(&[
        ">GET /1 HTTP/1.1\r\n\r\nHEAD /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n",
        "<HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\nHTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
    ]);
    let responses: Vec<_> = lines.iter().filter(|line| line.contains(" to ")).collect();
    assert_eq!(responses, ["200 to 1 after Some(1)", "404 to 2 after Some(1)", "500 to 3 after Some(1)"]);
}

#[test]
fn interim_responses_answer_nothing_and_are_counted() {
    let lines = converse(&[
        ">POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
        "<HTTP/1.1 100 Continue\r\n\r\n",
        ">hi",
        OK,
    ]);
    assert_eq!(lines[2..4], ["100 to 1 after None", "200 to 1 after Some(1)"]);
    assert!(lines[4].starts_with("exchange 1: Some(200)"));
}

#[test]
fn a_tunnel_is_not_read_any_further() {
    let lines = converse(&[
        ">GET /chat HTTP/1.1\r\nUpgrade: other\r\n\r\n",
        "<HTTP/1.1 101 Switching\r\nUpgrade: other\r\n\r\n",
        ">GET /no HTTP/1.1\r\n\r\n",
        OK,
    ]);
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert_eq!(lines[3], "Protocol(Tunnel)");
}

#[test]
fn a_response_nobody_asked_for_is_an_orphan() {
    assert_eq!(converse(&[OK]), ["Protocol(Http1)", "unasked 80", "Orphan", "200 to 0 after None"]);
}

#[test]
fn a_request_without_response_is_unanswered() {
    assert_eq!(
        converse(&[">GET / HTTP/1.1\r\n\r\n"]),
        ["Protocol(Http1)", "GET / at 80", "Unanswered", "exchange 1: None 18+0 None/None"]
    );
}

#[test]
fn after_a_hole_among_responses_only_the_newest_request_is_answered() {
    let lines = converse(&[">GET /1 HTTP/1.1\r\n\r\n", "<_", ">GET /2 HTTP/1.1\r\n\r\n", OK]);
    assert!(lines.contains(&"200 to 2 after Some(1)".to_owned()), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| *line == "Unanswered").count(), 1);
}

#[test]
fn requests_that_are_never_answered_are_bounded() {
    let many = ">GET / HTTP/1.1\r\n\r\n".to_owned();
    let lines = converse(&vec![many.as_str(); MAX_WAITING * 3]);
    assert_eq!(lines.iter().filter(|line| *line == "Unanswered").count(), MAX_WAITING * 3);
}

#[test]
fn what_is_not_http_is_named_once() {
    assert_eq!(
        converse(&[">\u{16}\u{3}\u{1}\u{0}\u{5}hello", "<\u{16}\u{3}\u{3}\u{0}\u{5}hello"]),
        ["Protocol(Tls)", "Closed(JoinedMidway)"]
    );
    assert_eq!(converse(&["<220 mail.example ESMTP\r\n", ">EHLO x\r\n"]), ["Protocol(Other)"]);
}

/// What is lost, the lines of the conversation, the number of requests seen, and the responses as "status to request".
type Loss<'a> = (&'a str, &'a [&'a str], usize, &'a [&'a str]);

#[test]
fn acknowledgements_tell_which_messages_were_lost() {
    const NO: &str = "<HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n";
    const LONG: &str = "<HTTP/1.1 404 No\r\nContent-Length: 5000\r\n\r\n";
    let table: &[Loss<'_>] = &[
        ("a response and the next request", &[">GET /1 HTTP/1.1\r\n\r\n", "<_", ">_", NO], 1, &["404 to 0"]),
        ("a response", &[">GET /1 HTTP/1.1\r\n\r\n", "<_", ">GET /2 HTTP/1.1\r\n\r\n", NO], 2, &["404 to 2"]),
        (
            "a request",
            &[">GET /1 HTTP/1.1\r\n\r\n", OK, ">_", NO, ">GET /3 HTTP/1.1\r\n\r\n", OK],
            2,
            &["200 to 1", "404 to 0", "200 to 2"],
        ),
        // It is unknown which of the two requests the response answers, and so whether it has a body.
        (
            "the first of two pipelined responses",
            &[">HEAD /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n", "<_", LONG, ">GET /3 HTTP/1.1\r\n\r\n", OK],
            3,
            &["404 to 0", "200 to 3"],
        ),
        (
            "the response before those of a pipeline",
            &[">GET /1 HTTP/1.1\r\n\r\n", "<_", ">GET /2 HTTP/1.1\r\n\r\nHEAD /3 HTTP/1.1\r\n\r\n", NO, LONG, OK],
            3,
            &["404 to 2", "404 to 3", "200 to 0"],
        ),
        (
            "a response that nobody can read",
            &[">GET /1 HTTP/1.1\r\n\r\n", "<\u{1}\u{2}junk\r\n", ">GET /2 HTTP/1.1\r\n\r\n", NO],
            2,
            &["404 to 2"],
        ),
        (
            "a head, of whose body a part reads like a request",
            &[">GET /1 HTTP/1.1\r\n\r\n", OK, ">_", ">GET /fake HTTP/1.1\r\n\r\n", NO, ">GET /2 HTTP/1.1\r\n\r\n", OK],
            2,
            &["200 to 1", "404 to 0", "200 to 2"],
        ),
        (
            "a response to something that may have had no body, and the next one",
            &[
                "<HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
                ">GET /1 HTTP/1.1\r\n\r\n",
                "<_",
                ">GET /2 HTTP/1.1\r\n\r\n",
                NO,
            ],
            2,
            &["200 to 0", "404 to 2"],
        ),
    ];
    for (lost, said, asked, answered) in table {
        let lines = converse(said);
        let requests = lines.iter().filter(|line| line.contains(" at 80")).count();
        let responses: Vec<&str> =
            lines.iter().filter_map(|line| line.split_once(" after").map(|(response, _)| response)).collect();
        assert_eq!((requests, &responses[..]), (*asked, *answered), "{lost}: {lines:?}");
    }
}

#[test]
fn a_refused_client_goes_on_without_the_body_it_announced() {
    let upload = ">POST /1 HTTP/1.1\r\nContent-Length: 18\r\nExpect: 100-continue\r\n\r\n";
    let next = ">GET /2 HTTP/1.1\r\n\r\n";
    let refused = converse(&[upload, "<HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n", next, OK]);
    assert!(refused.contains(&"200 to 2 after Some(1)".to_owned()), "{refused:?}");
    assert!(refused.contains(&"417 to 1 after Some(1)".to_owned()), "{refused:?}");
    let asked_for = converse(&[upload, "<HTTP/1.1 100 Continue\r\n\r\n", next, OK]);
    assert!(asked_for.contains(&"200 to 1 after Some(1)".to_owned()), "{asked_for:?}");
}

#[test]
fn a_client_of_another_protocol_may_be_answered_in_http() {
    for (hello, protocol) in [
        ("\u{16}\u{3}\u{1}\u{0}\u{5}hello", "Tls"),
        ("SSH-2.0-x\r\n", "Ssh"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "Http2"),
    ] {
        let lines = converse(&[&format!(">{hello}"), "<HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n"]);
        let closed = (protocol == "Tls").then_some("Closed(JoinedMidway)");
        let answered = ["Protocol(Http1)", "unasked 80", "Orphan", "400 to 0 after None"];
        let named = format!("Protocol({protocol})");
        let wanted = [&*named].into_iter().chain(closed).chain(answered);
        assert_eq!(lines, wanted.collect::<Vec<_>>());
    }
}

#[test]
fn a_response_of_http_0_9_answers_without_a_head() {
    let lines = converse(&[">GET /\r\n", "<hello, ", "<world"]);
    assert_eq!(lines[2..], ["exchange 1: None 7+12 Some(1)/Some(3)"]);
}

/// Makes a frame of the second protocol (see `frames`).
fn frame(kind: char, stream: u8, payload: &str) -> String {
    format!("{kind}{}{}{payload}", char::from(stream), char::from(payload.len() as u8))
}

#[test]
fn a_second_protocol_is_read_by_the_same_session() {
    let preface = str::from_utf8(frames::PREFACE).unwrap();
    let (one, three) = (frame('Q', 1, "/1 a.example"), frame('Q', 3, "/3 a.example"));
    let (second, first) = (frame('R', 3, "404"), frame('R', 1, "200"));
    let answers = format!("<{second}{first}");
    let told = [
        "Protocol(Other)",
        "GET /1 at 80",
        "Protocol(Http2)",
        "GET /3 at 80",
        "404 to 2 after Some(1)",
        "exchange 2: Some(404) 15+6 Some(1)/Some(1)",
        "200 to 1 after Some(1)",
        "exchange 1: Some(200) 15+6 Some(1)/Some(1)",
    ];
    assert_eq!(converse(&[&format!(">{preface}{one}{three}"), &answers]), told, "responses in any order");
    let (first, second) = one.split_at(5);
    let cut = [preface, first, second].map(|part| format!(">{part}"));
    let cut = [&*cut[0], &*cut[1], &*cut[2]];
    let told = ["Protocol(Other)", "GET /1 at 80", "Protocol(Http2)", "Unanswered", "exchange 1: None 15+0 None/None"];
    assert_eq!(converse(&cut), told, "a frame in several chunks, and no response");
}

#[test]
fn the_memory_of_a_session_is_counted_and_given_back() {
    let preface = str::from_utf8(frames::PREFACE).unwrap();
    let hello = "\u{16}\u{3}\u{1}\u{0}\u{64}\u{1}\u{0}\u{3}hello";
    for said in ["GET / HTTP/1.1\r\nHost: a", hello, &format!("{preface}Q\u{1}\u{7f}/1 a")] {
        let mut shared = Shared::default();
        let mut script = Script::default();
        let mut stage = Sessions { sink: &mut script, shared: &mut shared };
        let (flow, mut connection) = (flow(), Session::default());
        let (skipped, bytes, seq) = (0, said.as_bytes(), SeqNumber(0));
        let chunk = Chunk { skipped, cut: false, bytes, seq, ack: None, start: true, ts: Timestamp(0) };
        stage.chunk(&flow, &mut connection, Direction::Up, chunk);
        let kept = connection.held();
        assert!(kept > 0, "{said:?}: {connection:?}");
        assert_eq!(stage.shared.held(), kept, "{said:?}");
        stage.ended(&flow, connection);
        assert_eq!((shared.held(), shared.opened), (0, 0), "{said:?}");
    }
}

#[test]
fn a_session_above_the_memory_limit_frees_its_buffers() {
    let preface = str::from_utf8(frames::PREFACE).unwrap();
    let hello = "\u{16}\u{3}\u{1}\u{0}\u{64}\u{1}\u{0}\u{3}hello";
    for said in ["GET / HTTP/1.1\r\nHost: a", hello, &format!("{preface}Q\u{1}\u{7f}/1 a")] {
        let mut shared = Shared::new(4);
        let mut script = Script::default();
        let mut stage = Sessions { sink: &mut script, shared: &mut shared };
        let (flow, mut connection) = (flow(), Session::default());
        let (skipped, bytes, seq) = (0, said.as_bytes(), SeqNumber(0));
        let chunk = Chunk { skipped, cut: false, bytes, seq, ack: None, start: true, ts: Timestamp(0) };
        stage.chunk(&flow, &mut connection, Direction::Up, chunk);
        assert_eq!((connection.held(), shared.held()), (0, 0), "{said:?}");
    }
}

/// Reads a connection of OpenSSL's client and server with the key log of the client, or without.
fn overhear(heard: &Heard, has_keys: bool) -> Vec<String> {
    let keys = Arc::new(Keys::default());
    keys.expect();
    heard
        .keylog
        .iter()
        .filter(|_| has_keys)
        .for_each(|line| assert_ne!(keys.add_line(line.as_bytes()), Added::Malformed));
    let (flow, mut script, mut shared) = (flow(), Script::default(), Shared::with_keys(keys));
    let mut stage = Sessions { sink: &mut script, shared: &mut shared };
    let mut connection = Session::default();
    for (at, (direction, bytes)) in heard.pieces.iter().enumerate() {
        let (seq, ts) = (SeqNumber(0), Timestamp(at as i64));
        let chunk = Chunk { skipped: 0, cut: false, bytes, seq, ack: None, start: at < 2, ts };
        stage.chunk(&flow, &mut connection, *direction, chunk);
    }
    for direction in [Direction::Up, Direction::Down] {
        stage.finished(&flow, &mut connection, direction, Timestamp(1000));
    }
    stage.ended(&flow, connection);
    assert_eq!(script.kept, [], "what is kept comes back");
    assert_eq!((shared.held(), shared.opened), (0, 0), "all memory is given back");
    script.lines
}

#[test]
fn http_inside_tls_is_read_as_in_clear_text_if_its_keys_are_known() {
    for version in ["-tls1_3", "-tls1_2"] {
        let heard = fetch(&format!("session {version}"), 5000, &[version], &[version, "-servername", "a.example"]);
        let lines = overhear(&heard, true);
        let told = ["Protocol(Tls)", "server name a.example", "handshake of 2", "Protocol(Http1)", "GET /file at 80"];
        assert_eq!(lines[..5], told, "{version}: {lines:?}");
        assert!(lines[5].starts_with("200 to 1 after Some("), "{version}: {lines:?}");
        assert!(lines[6].starts_with("exchange 1: Some(200) 22+"), "{version}: {lines:?}");
        let closed = overhear(&heard, false);
        let told = ["Protocol(Tls)", "server name a.example", "handshake of 2", "Closed(NoKey)"];
        assert_eq!(closed, told, "{version}");
    }
}

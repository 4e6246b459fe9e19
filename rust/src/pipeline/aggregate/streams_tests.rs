//! What streams report is counted in the rows of their requests: at once, or when a filter has decided.

use std::net::Ipv6Addr;
use std::sync::Arc;

use super::*;
use crate::pipeline::aggregate::{Settings, Tracked, WantedSubset, WantedSubsets};
use crate::pipeline::decode::{Direction, Endpoint, FlowKey};
use crate::pipeline::exchange::{
    Closed, Code, Codes, Ending, ErrorCode, Exchange, Finished, Kept, Method, NoFields, Note, Protocol, Request,
    Response, Sides, Sink,
};
use crate::pipeline::filter::Filter;
use crate::pipeline::flow::Losses;
use crate::pipeline::packet::{InterfaceId, Timestamp};
use crate::pipeline::snapshot::{Per, Snapshot};

const fn end(port: u16) -> Endpoint {
    Endpoint { address: Ipv6Addr::LOCALHOST, port }
}

const KEY: FlowKey = FlowKey { low: end(80), high: end(5000), lane: 0 };

fn post() -> Method {
    Method::from_bytes(b"POST")
}

/// A stream with everything that it reports.
#[derive(Clone, Copy)]
struct Stream {
    protocol: Protocol,
    target: &'static str,
    status: Option<u16>,
    grpc: Option<&'static str>,
    messages: [u64; 2],
    /// By the client or not, and the code.
    codes: &'static [(bool, Code)],
}

const HTTP1: Stream =
    Stream { protocol: Protocol::Http1, target: "/a", status: Some(200), grpc: None, messages: [0, 0], codes: &[] };

fn call(status: Option<u16>, grpc: &'static str) -> Stream {
    Stream { protocol: Protocol::Grpc, target: "/g", status, grpc: Some(grpc), messages: [1, 3], codes: &[] }
}

/// The request of a stream is seen.
fn ask(sink: &mut Aggregate, stream: &Stream) -> (Ticket, Kept) {
    let sides = Sides { connection: &KEY, asks: Direction::Down, interface: InterfaceId(0) };
    let Stream { protocol, target, .. } = *stream;
    let (target, host) = (target.as_bytes(), Some(&b"h"[..]));
    let request =
        Request { protocol, method: post(), target, is_cut: false, host, fields: &NoFields, sides, bytes: 10 };
    let ticket = sink.request(&request, None);
    (ticket, sink.keep(ticket, &request))
}

/// Everything between the request and the end.
fn report(sink: &mut Aggregate, ticket: Ticket, stream: &Stream) {
    let Stream { status, messages: [asked, answered], codes, .. } = *stream;
    if let Some(status) = status {
        sink.response(ticket, Response { status, latency: Some(5), bytes: 20 });
    }
    sink.messages(ticket, true, asked);
    sink.messages(ticket, false, answered);
    for &(by_client, code) in codes {
        sink.ends_with(ticket, by_client, code);
    }
    if let Some(name) = stream.grpc {
        sink.grpc_status(ticket, GrpcStatus::from_name(name).unwrap(), status);
    }
}

/// The stream ends.
fn finish(sink: &mut Aggregate, (ticket, kept): (Ticket, Kept), stream: &Stream) {
    let Stream { protocol, status, grpc, messages: [request_messages, response_messages], .. } = *stream;
    let (latency, duration) = (status.map(|_| 5), status.map(|_| 9));
    let exchange = Exchange {
        ts: Timestamp(1),
        client: end(5000),
        server: end(80),
        method: post(),
        status,
        request_bytes: 10,
        response_bytes: 20,
        latency,
        duration,
        connect: None,
        request_time: None,
        transfer: None,
        retransmitted: 0,
        protocol,
        tls: false,
        stream: None,
        tls_handshake: None,
        queued: None,
        grpc_status: grpc.and_then(GrpcStatus::from_name),
        request_messages,
        response_messages,
    };
    let ending = Ending { method: post(), status, latency, duration, kept };
    let mut codes = Codes::default();
    stream.codes.iter().for_each(|&(by_client, code)| codes[usize::from(by_client)] = Some(code));
    sink.exchange(ticket, ending, || Finished { exchange, interface: InterfaceId(0), codes });
}

fn run(sink: &mut Aggregate, stream: &Stream) {
    let asked = ask(sink, stream);
    report(sink, asked.0, stream);
    finish(sink, asked, stream);
}

fn close(sink: &mut Aggregate) -> Snapshot {
    sink.close(Timestamp(0), Timestamp(1_000_000_000), Tracked::default(), Losses::default())
}

fn aggregate(filter: &str) -> Aggregate {
    let filter = Some(filter).filter(|text| !text.is_empty()).map(|text| Arc::new(Filter::parse(text).unwrap()));
    Aggregate::new(Settings { filter, ..Settings::default() })
}

fn count(filter: &str, streams: &[Stream]) -> Snapshot {
    let mut sink = aggregate(filter);
    streams.iter().for_each(|stream| run(&mut sink, stream));
    close(&mut sink)
}

/// Errors, requests by protocol, statuses of gRPC, messages, resets and codes, in words.
fn told(snapshot: &Snapshot) -> String {
    let counts = &snapshot.counts;
    let streams = counts.streams.get();
    assert_eq!(snapshot.clients.iter().map(|row| &row.counts.streams).collect::<Vec<_>>(), [&counts.streams]);
    let of = |protocol| counts.protocols().get(protocol);
    let statuses: Vec<_> = streams.grpc_statuses.iter().map(|(status, n)| format!("{}={n}", status.name())).collect();
    let resets = |tally: &crate::pipeline::snapshot::Tally<ErrorCode>| {
        tally.iter().map(|(code, n)| format!("{}={n}", code.name())).collect::<Vec<_>>().join(",")
    };
    format!(
        "errors {} http1 {} http2 {} grpc {} [{}] messages {}/{} resets {}/{} closes {:?}/{:?}",
        counts.errors,
        of(Protocol::Http1),
        of(Protocol::Http2),
        of(Protocol::Grpc),
        statuses.join(" "),
        streams.request_messages,
        streams.response_messages,
        resets(&streams.client_resets),
        resets(&streams.server_resets),
        streams.client_close_codes.by_count(),
        streams.server_close_codes.by_count(),
    )
}

fn cancel() -> ErrorCode {
    ErrorCode::from_name("CANCEL").unwrap()
}

#[test]
fn a_call_that_failed_is_an_error_once() {
    for (stream, errors) in [
        (call(Some(200), "OK"), 0),
        (call(Some(200), "UNAVAILABLE"), 1),
        (call(Some(503), "UNAVAILABLE"), 1),
        (call(Some(404), "UNIMPLEMENTED"), 1),
        (call(None, "CANCELLED"), 1),
        (Stream { status: Some(500), ..HTTP1 }, 1),
    ] {
        for filter in ["", "status:none or status:!none", "method:POST"] {
            let snapshot = count(filter, &[stream]);
            assert_eq!(snapshot.counts.errors, errors, "{:?} {:?} with {filter:?}", stream.status, stream.grpc);
            assert_eq!(snapshot.hosts[0].sections[0].counts.errors, errors);
            assert_eq!(snapshot.clients[0].counts.errors, errors);
        }
    }
}

#[test]
fn everything_is_counted_in_the_same_way_at_once_and_when_it_is_decided() {
    const CODES: &[(bool, Code)] = &[(true, Code::Close(1001)), (false, Code::Close(1000))];
    let reset = Stream {
        protocol: Protocol::Http2,
        status: None,
        codes: Box::leak(Box::new([(true, Code::Reset(cancel()))])),
        ..HTTP1
    };
    let socket = Stream { protocol: Protocol::WebSocket, messages: [4, 5], codes: CODES, ..HTTP1 };
    let streams = [HTTP1, HTTP1, call(Some(200), "OK"), call(Some(200), "ABORTED"), reset, socket];
    let want = "errors 1 http1 2 http2 1 grpc 2 [OK=1 ABORTED=1] messages 6/11 resets CANCEL=1/ closes \
                [(1001, 1)]/[(1000, 1)]";
    for filter in ["", "method:POST", "latency<1s or status:none"] {
        assert_eq!(told(&count(filter, &streams)), want, "{filter:?}");
    }
    let none = count("status:404", &streams);
    assert!(none.hosts.is_empty() && none.clients.is_empty(), "and not at all if it is not admitted");
}

#[test]
fn only_what_other_protocols_have_takes_room() {
    let snapshot = count("", &[HTTP1, HTTP1]);
    assert_eq!(snapshot.counts.streams, crate::pipeline::snapshot::Rare::default());
    assert_eq!(snapshot.counts.protocols().by_count(), [(Protocol::Http1, 2)]);
}

#[test]
fn messages_of_a_running_call_are_seen_unless_a_filter_waits_for_its_response() {
    for (filter, running, ended) in
        [("", (1, 3), (0, 0)), ("method:POST", (1, 3), (0, 0)), ("status:200", (0, 0), (1, 3))]
    {
        let mut sink = aggregate(filter);
        let messages = |sink: &mut Aggregate| {
            let counts = close(sink).counts;
            (counts.streams.get().request_messages, counts.streams.get().response_messages)
        };
        let stream = call(Some(200), "OK");
        let asked = ask(&mut sink, &stream);
        report(&mut sink, asked.0, &stream);
        assert_eq!(messages(&mut sink), running, "{filter:?}");
        finish(&mut sink, asked, &stream);
        assert_eq!(messages(&mut sink), ended, "{filter:?}");
    }
}

#[test]
fn codes_under_a_filter_are_those_of_the_exchanges_that_it_admits() {
    const CLOSE: &[(bool, Code)] = &[(true, Code::Close(4000))];
    const OTHER: &[(bool, Code)] = &[(true, Code::Close(4001)), (false, Code::Close(4002))];
    let socket = Stream { protocol: Protocol::WebSocket, target: "/s", status: Some(101), codes: CLOSE, ..HTTP1 };
    let other = Stream { status: Some(200), codes: OTHER, ..socket };
    let mut sink = aggregate("status:101");
    let open = [socket, other, socket].map(|stream| (ask(&mut sink, &stream), stream));
    open.iter().for_each(|(asked, stream)| report(&mut sink, asked.0, stream));
    open.into_iter().rev().for_each(|(asked, stream)| finish(&mut sink, asked, &stream));
    let counts = close(&mut sink).counts;
    assert_eq!(counts.streams.get().client_close_codes.by_count(), [(4000, 2)]);
    assert_eq!(counts.streams.get().server_close_codes.by_count(), []);
}

#[test]
fn subsets_count_what_streams_report() {
    let subsets = WantedSubsets::default();
    subsets.set(vec![WantedSubset::new("method:POST", Filter::parse("method:POST").unwrap(), Per::Section)]);
    let mut sink = Aggregate::new(Settings { subsets, ..Settings::default() });
    let socket = Stream { protocol: Protocol::WebSocket, codes: &[(true, Code::Close(1001))], ..call(Some(101), "OK") };
    for stream in [HTTP1, call(Some(200), "ABORTED"), call(Some(503), "UNAVAILABLE"), Stream { grpc: None, ..socket }] {
        run(&mut sink, &stream);
    }
    let snapshot = close(&mut sink);
    let rows = &snapshot.subsets[0].rows;
    let counts = &rows[1].counts;
    assert_eq!((&*rows[1].name, counts.errors, counts.streams.get().grpc_errors()), ("h/g", 2, 2));
    assert_eq!((counts.streams.get().messages(), counts.protocols().get(Protocol::Grpc)), (12, 2));
    assert_eq!(counts.streams, snapshot.hosts[0].sections[1].counts.streams, "codes of WebSocket too");
    assert_eq!(rows[0].counts.streams, crate::pipeline::snapshot::Rare::default());
}

#[test]
fn notes_about_connections_are_counted_by_code_and_reason() {
    let mut sink = aggregate("");
    for note in [Note::GoAway(ErrorCode::NO_ERROR), Note::GoAway(cancel()), Note::GoAway(ErrorCode::NO_ERROR)] {
        Sink::note(&mut sink, note);
    }
    Sink::closed(&mut sink, &KEY, Closed::NoKey);
    let capture = close(&mut sink).capture;
    assert_eq!(capture.goaways.by_count(), [(ErrorCode::NO_ERROR, 2), (cancel(), 1)]);
    assert_eq!(capture.undecrypted.by_count(), [(Closed::NoKey, 1)]);
}

//! Each stage by itself, in packets per second if it takes packets, otherwise in what it takes.

#[path = "../tests/driver.rs"]
mod driver;
#[path = "../tests/wire.rs"]
mod wire;

mod traffic;

use std::hint::black_box;

use _core::capture::file::CaptureFile;
use _core::pipeline::Settings;
use _core::pipeline::aggregate::{self, Aggregate, Tracked};
use _core::pipeline::decode::{self, Direction, Endpoint, FlowKey, Segment, SeqNumber};
use _core::pipeline::exchange::{Ending, Finished, Method, NoFields, Note, Protocol, Request, Response, Sides, Sink};
use _core::pipeline::flow::{self, Consumer, FlowInfo, Flows, Losses, Observed, Opening};
use _core::pipeline::packet::{InterfaceId, Packet, SECOND, Timestamp};
use _core::pipeline::protocol::http1::{Event, Extent, Follows, Handler, Mark, Parser, RequestHead, ResponseHead};
use _core::pipeline::protocol::{Session, Sessions, Shared};
use _core::pipeline::reassembly::{Budget, Chunk, Piece, Stream};
use _core::pipeline::snapshot::Snapshot;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use driver::Driver;
use wire::{ACK, CLIENT, Connection, SEGMENT, Wire};

fn segment<'a>(packet: &Packet<'a>) -> Segment<'a> {
    let datagram = decode::datagram(packet).expect("a whole header");
    decode::segment(&datagram, packet.ts, packet.interface).expect("a segment")
}

fn file(criterion: &mut Criterion) {
    let capture = traffic::api(50_000);
    let bytes: &'static [u8] = capture.pcap().leak();
    let mut group = criterion.benchmark_group("file");
    group.throughput(Throughput::Elements(capture.len()));
    group.bench_function("pcap", |bencher| {
        bencher.iter(|| {
            let mut file = CaptureFile::from_reader(Box::new(bytes)).expect("a capture file");
            while let Some(record) = file.next_record().expect("a whole record") {
                black_box(record.wire_len);
            }
        });
    });
    group.finish();
}

fn decoding(criterion: &mut Criterion) {
    let capture = traffic::api(50_000);
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(capture.len()));
    group.bench_function("ethernet, IPv4, TCP", |bencher| {
        bencher.iter(|| capture.packets().map(|packet| segment(&packet).payload_wire_len).sum::<u32>());
    });
    group.finish();
}

/// A consumer that asks for every byte and looks at none.
struct Blind;

impl Consumer for Blind {
    type State = ();
    type Verdict = ();

    fn chunk(&mut self, _: &FlowInfo, (): &mut (), _: Direction, chunk: Chunk<'_>) -> u64 {
        black_box(chunk.bytes);
        0
    }
    fn finished(&mut self, _: &FlowInfo, (): &mut (), _: Direction, _: Timestamp) {}
    fn observed(&mut self, _: &FlowInfo, (): &(), segment: &Observed) {
        black_box(segment);
    }
    fn is_waiting(&self, (): &()) -> bool {
        false
    }
    fn ended(&mut self, _: &FlowInfo, (): ()) {}
}

fn take(flows: &mut Flows<()>, segment: &Segment<'_>) {
    let place = flows.find(&segment.key);
    flows.push(segment, place, &mut Blind);
}

/// Finds a connection among many, for a segment without new data.
fn look_up(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("flow");
    group.throughput(Throughput::Elements(1));
    for count in [1_000_u32, 100_000] {
        group.bench_function(format!("look-up among {count}"), |bencher| {
            let (mut flows, mut wire) = (Flows::new(flow::Limits::default(), Budget::default()), Wire::default());
            let mut connections: Vec<_> = (0..count).map(Connection::new).collect();
            for connection in &mut connections {
                take(&mut flows, &segment(&wire.segment(connection, CLIENT, ACK, b"x")));
            }
            let mut at = 0;
            bencher.iter(|| {
                at = (at + 611_953) % count as usize;
                take(&mut flows, &segment(&wire.segment(&mut connections[at], CLIENT, ACK, b"")));
            });
        });
    }
    group.finish();
}

fn reassembly(criterion: &mut Criterion) {
    const SEGMENTS: u32 = 10_000;
    let bytes = [b'x'; SEGMENT];
    let piece = |at: u32| {
        let seq = SeqNumber(1).plus(at * SEGMENT as u32);
        Piece { seq, bytes: &bytes, len: SEGMENT as u32, ack: None, ts: Timestamp(0) }
    };
    let orders = [("in order", 0), ("every two swapped", 1)];
    let mut group = criterion.benchmark_group("reassembly");
    group.throughput(Throughput::Elements(u64::from(SEGMENTS)));
    for (name, swap) in orders {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let (mut stream, mut budget) = (Stream::default(), Budget::default());
                stream.open(SeqNumber(0));
                let mut seen = 0;
                for at in 0..SEGMENTS {
                    stream.push(piece(at ^ swap), None, &mut budget, &mut |chunk: Chunk<'_>| {
                        seen += chunk.bytes.len();
                        0
                    });
                }
                assert_eq!(seen, SEGMENTS as usize * SEGMENT);
            });
        });
    }
    group.finish();
}

struct Deaf;

impl Handler for Deaf {
    fn request(&mut self, head: &RequestHead<'_>, _: Extent) {
        black_box(head);
    }
    fn response(&mut self, head: &ResponseHead<'_>, _: Extent) -> Follows {
        black_box(head);
        Follows::Body
    }
    fn was_refused(&self) -> bool {
        false
    }
    fn bytes(&mut self, _: u64) {}
    fn end(&mut self, _: Mark) {}
    fn event(&mut self, event: Event<'_>, _: Mark) {
        black_box(event);
    }
}

fn chunk(bytes: &[u8], start: bool) -> Chunk<'_> {
    Chunk { skipped: 0, cut: false, bytes, seq: SeqNumber(1), ack: None, start, ts: Timestamp(0) }
}

fn heads(criterion: &mut Criterion) {
    let requests: Vec<_> = (0..1000).map(traffic::request).collect();
    let responses: Vec<_> = (0..1000).map(traffic::response).collect();
    let mut group = criterion.benchmark_group("http");
    for (name, messages) in [("request", requests), ("response", responses)] {
        group.throughput(Throughput::Elements(messages.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut parser = Parser::default();
                messages.iter().enumerate().for_each(|(at, bytes)| parser.push(chunk(bytes, at == 0), &mut Deaf));
            });
        });
    }
    group.finish();
}

impl Sink for Deaf {
    type Ticket = ();

    fn proxied(&mut self, _: &FlowKey, _: Option<std::net::Ipv6Addr>) {}
    fn ended(&mut self, _: &FlowKey) {}
    fn request(&mut self, request: &Request<'_>, _: Option<()>) {
        black_box(request);
    }
    fn opening(&mut self, (): (), opening: &Opening, _: Direction) {
        black_box(opening);
    }
    fn unasked(&mut self, _: &Sides<'_>, _: &Response) {}
    fn response(&mut self, (): (), response: Response) {
        black_box(response);
    }
    fn bytes(&mut self, (): (), _: bool, _: u64) {}
    fn exchange(&mut self, (): (), ending: Ending, _: impl FnOnce() -> Finished) {
        black_box(ending);
    }
    fn observe(&mut self, _: Option<()>, segment: &Observed, _: bool) {
        black_box(segment);
    }
    fn note(&mut self, _: Note) {}
}

fn server(last: u16) -> Endpoint {
    Endpoint { address: std::net::Ipv4Addr::new(192, 0, 2, last as u8).to_ipv6_mapped(), port: 80 }
}

/// Heads of both directions, parsed and paired.
fn exchanges(criterion: &mut Criterion) {
    let turns: Vec<_> = (0..1000).map(|n| (traffic::request(n), traffic::response(n))).collect();
    let key = FlowKey { low: server(1), high: server(2), lane: 0 };
    let flow = FlowInfo::new(key, InterfaceId(0), None);
    let mut group = criterion.benchmark_group("exchange");
    group.throughput(Throughput::Elements(turns.len() as u64));
    group.bench_function("request and response", |bencher| {
        bencher.iter(|| {
            let (mut sink, mut shared, mut talk) = (Deaf, Shared::default(), Session::default());
            let mut stage = Sessions { sink: &mut sink, shared: &mut shared };
            for (at, (request, response)) in turns.iter().enumerate() {
                stage.chunk(&flow, &mut talk, Direction::Up, chunk(request, at == 0));
                stage.chunk(&flow, &mut talk, Direction::Down, chunk(response, at == 0));
            }
        });
    });
    group.finish();
}

fn aggregation(criterion: &mut Criterion) {
    let key = FlowKey { low: server(1), high: server(2), lane: 0 };
    let sides = Sides { connection: &key, asks: Direction::Up, interface: InterfaceId(0) };
    let mut before = None;
    let hosts: Vec<_> = (0..200).map(|n| format!("host{n:03}.example.test")).collect();
    let mut aggregate = Aggregate::new(aggregate::Settings::default());
    let mut group = criterion.benchmark_group("aggregate");
    group.throughput(Throughput::Elements(1));
    let mut n = 0;
    group.bench_function("exchange on one of 1000 sections", |bencher| {
        bencher.iter(|| {
            n += 1;
            let target: &[u8] = [&b"/api/users/7?q=1"[..], b"/old/x", b"/nope", b"/", b"/fail/y"][n % 5];
            let host = Some(hosts[n % 200].as_bytes());
            let request = Request {
                protocol: Protocol::Http1,
                method: Method::from_bytes(b"GET"),
                target,
                is_cut: false,
                host,
                fields: &NoFields,
                sides,
                bytes: 200,
            };
            let ticket = aggregate.request(&request, before);
            before = Some(ticket);
            let latency = Some(1_000_000 + n as u64 % 1000);
            aggregate.response(ticket, Response { status: 200, latency, bytes: 200 });
            aggregate.bytes(ticket, false, 300);
        });
    });
    group.bench_function("close an interval of 1000 sections", |bencher| {
        bencher.iter_batched(
            || {
                let mut aggregate = Aggregate::new(aggregate::Settings::default());
                for n in 0..1000 {
                    let (host, target) = (Some(hosts[n % 200].as_bytes()), format!("/s{}", n / 200));
                    let (method, target) = (Method::from_bytes(b"GET"), target.as_bytes());
                    let (protocol, fields, bytes) = (Protocol::Http1, &NoFields, 200);
                    let request = Request { protocol, method, target, is_cut: false, host, fields, sides, bytes };
                    aggregate.request(&request, None);
                }
                aggregate
            },
            |mut aggregate| aggregate.close(Timestamp(0), Timestamp(SECOND), Tracked::default(), Losses::default()),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// A snapshot of `hosts` hosts with four sections each.
fn snapshot(hosts: usize) -> Snapshot {
    let (mut pipeline, mut wire) = (Driver::new(Settings::default()), Wire::default());
    let mut connection = Connection::new(1);
    for n in 0..hosts * 4 {
        let request = format!("GET /s{}/x HTTP/1.1\r\nHost: host{:05}.example.test\r\n\r\n", n / hosts, n % hosts);
        pipeline.push(&wire.segment(&mut connection, CLIENT, ACK, request.as_bytes()));
        pipeline.push(&wire.segment(&mut connection, 1 - CLIENT, ACK, b"HTTP/1.1 204 No Content\r\n\r\n"));
    }
    pipeline.close(Timestamp(0), Timestamp(SECOND))
}

fn snapshots(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("snapshot");
    for hosts in [200, 5_000] {
        let one = snapshot(hosts);
        assert_eq!(one.hosts.len(), hosts);
        group.throughput(Throughput::Elements(hosts as u64));
        group.bench_function(format!("merge {hosts} hosts"), |bencher| {
            bencher.iter_batched_ref(|| one.clone(), |merged| merged.merge(&one), BatchSize::LargeInput);
        });
        group.bench_function(format!("to_json {hosts} hosts"), |bencher| bencher.iter(|| one.to_json()));
    }
    group.finish();
}

criterion_group!(benches, file, decoding, look_up, reassembly, heads, exchanges, aggregation, snapshots);
criterion_main!(benches);

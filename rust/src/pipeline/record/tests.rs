//! Recorded packets, with a carrier that keeps all it gets.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;

use super::*;
use crate::pipeline::Pipeline;
use crate::pipeline::filter::Filter;
use crate::pipeline::reassembly::Budget;
use crate::pipeline::snapshot::{OTHER, Per};
use crate::pipeline::tests::forge::{Forge, Frame, Wire};

/// Keeps everything that it is given.
#[derive(Debug, Default)]
struct Basket {
    workers: AtomicU32,
    packets: Mutex<Vec<(i64, Vec<u8>)>>,
    chunks: Mutex<Vec<(u32, Vec<u8>)>>,
    lost: Mutex<u64>,
    largest: Mutex<usize>,
}

impl Carrier for Basket {
    fn enroll(&self) -> u32 {
        self.workers.fetch_add(1, Ordering::Relaxed)
    }

    fn name(&self, _: InterfaceId, _: &str) {}

    fn drops(&self, _: InterfaceId, _: u64, _: u64) {}

    fn reach(&self, _: u32, _: Timestamp) {}

    fn carry(&self, parcel: &mut Parcel) {
        let mut largest = self.largest.lock().unwrap();
        *largest = parcel.blocks.len().max(*largest);
        let mut rest = &parcel.blocks[..];
        for entry in &parcel.packets {
            let (block, behind) = rest.split_at(entry.len as usize);
            self.packets.lock().unwrap().push((entry.ts.0, data_of(block)));
            rest = behind;
        }
        assert!(rest.is_empty());
        parcel.clear();
    }

    fn lose(&self, packets: u64) {
        *self.lost.lock().unwrap() += packets;
    }

    fn keep(&self, number: u32, chunk: &[u8]) {
        self.chunks.lock().unwrap().push((number, chunk.to_vec()));
    }
}

/// The packet in a block.
fn data_of(block: &[u8]) -> Vec<u8> {
    let word = |at: usize| u32::from_le_bytes(block[at..at + 4].try_into().unwrap());
    assert_eq!((word(0), word(4) as usize, word(block.len() - 4) as usize), (6, block.len(), block.len()));
    block[28..28 + word(20) as usize].to_vec()
}

/// The packets of a whole capture of pcapng, each with its length on the wire.
fn read(mut capture: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut packets = Vec::new();
    while !capture.is_empty() {
        let word = |at: usize| u32::from_le_bytes(capture[at..at + 4].try_into().unwrap());
        let (kind, length, wire) = (word(0), word(4) as usize, word(24));
        let (block, rest) = capture.split_at(length);
        if kind == 6 {
            packets.push((wire, data_of(block)));
        }
        capture = rest;
    }
    packets
}

struct Run {
    basket: Arc<Basket>,
    pipeline: Pipeline,
}

impl Run {
    fn new(change: impl FnOnce(&mut crate::pipeline::Settings)) -> Self {
        let basket = Arc::new(Basket::default());
        let record = Settings { carrier: basket.clone(), writes: true, held: 1 << 20, evidence: None };
        let mut settings = crate::pipeline::Settings { record: Some(record), ..Default::default() };
        change(&mut settings);
        Self { basket, pipeline: Pipeline::new(settings) }
    }

    fn push(&mut self, frames: &[Frame]) {
        for frame in frames {
            self.pipeline.tick(Timestamp(frame.ts));
            self.pipeline.push_if(&frame.packet(), |_| true);
        }
    }

    /// Everything that is written, as bytes of packets.
    fn written(mut self) -> Vec<Vec<u8>> {
        self.pipeline.finish();
        self.basket.packets.lock().unwrap().drain(..).map(|(_, data)| data).collect()
    }

    /// What is selected of what was kept.
    fn select(&mut self, text: &str, per: Per, key: &str, most: usize) -> Selected {
        self.pipeline.finish();
        let filter = Filter::parse(text).unwrap();
        let (since, until) = (Timestamp(0), Timestamp(i64::MAX));
        let chunks = self.basket.chunks.lock().unwrap();
        select(&chunks, &Wanted { filter: &filter, per, key, since, until, most }, "test", |_| "eth0".into())
    }
}

fn port(client_port: u16) -> Wire {
    Wire { client_port, ..Wire::default() }
}

fn ask(target: &str, status: u16) -> [String; 2] {
    [
        format!("GET {target} HTTP/1.1\r\nHost: shop.example\r\nCookie: s3cr3t\r\n\r\n"),
        format!("HTTP/1.1 {status} X\r\nContent-Length: 6\r\n\r\ns3cr3t"),
    ]
}

fn exchange(wire: Wire, target: &str, status: u16) -> Vec<Frame> {
    let turns = ask(target, status);
    Forge::connection(wire, &[&turns[0], &turns[1]])
}

fn bytes(frames: &[Frame]) -> Vec<Vec<u8>> {
    frames.iter().map(|frame| frame.bytes.clone()).collect()
}

/// Frames of several connections, one of each in turn.
fn woven(all: &[&[Frame]]) -> Vec<Frame> {
    let most = all.iter().map(|frames| frames.len()).max().unwrap_or(0);
    (0..most).flat_map(|at| all.iter().filter_map(move |frames| frames.get(at).cloned())).collect()
}

#[test]
fn all_packets_of_an_http_connection_are_written_and_none_of_another_one() {
    let http = exchange(port(1), "/a", 200);
    let other = Forge::connection(port(2), &["SSH-2.0-OpenSSH_9.6\r\n", "SSH-2.0-OpenSSH_9.6\r\n"]);
    let silent = Forge::connection(port(3), &[]);
    let mut run = Run::new(|_| {});
    run.push(&woven(&[&http, &other, &silent]));
    assert_eq!(run.written(), bytes(&http));
}

#[test]
fn with_a_filter_whole_connections_are_written_and_only_those_it_selects() {
    let (good, bad) = (exchange(port(1), "/a", 200), exchange(port(2), "/b", 503));
    for (text, want) in [("status:5xx", &bad), ("path:/a", &good), ("status:200", &good)] {
        let mut run = Run::new(|settings| settings.aggregate.filter = Some(Arc::new(Filter::parse(text).unwrap())));
        run.push(&woven(&[&good, &bad]));
        assert_eq!(run.written(), bytes(want), "{text}");
    }
}

#[test]
fn a_request_that_is_selected_when_its_connection_ends_writes_it_whole() {
    let asked = Forge::connection(port(1), &[&ask("/a", 200)[0]]);
    let mut run =
        Run::new(|settings| settings.aggregate.filter = Some(Arc::new(Filter::parse("status:none").unwrap())));
    run.push(&asked);
    assert_eq!(run.written(), bytes(&asked));
}

#[test]
fn held_packets_are_bounded_and_those_missing_from_a_written_connection_are_counted() {
    let http = exchange(port(1), "/a", 200);
    let mut run = Run::new(|settings| settings.record.as_mut().unwrap().held = 4096);
    run.push(&http[..3]);
    let silent: Vec<_> = (100..400).flat_map(|number| Forge::connection(port(number), &[])[..2].to_vec()).collect();
    run.push(&silent);
    run.push(&http[3..]);
    let lost = *run.basket.lost.lock().unwrap();
    assert_eq!((lost, run.written()), (3, bytes(&http[3..])));
}

#[test]
fn a_packet_larger_than_the_ring_is_lost_and_counted_and_one_in_a_written_connection_is_not() {
    let body = "x".repeat(30_000);
    let wire = Wire { segment: 40_000, ..port(1) };
    let request = format!("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n{body}");
    let frames = Forge::connection(wire, &[&request, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]);
    let mut run = Run::new(|settings| settings.record.as_mut().unwrap().held = 4096);
    run.push(&frames);
    assert_eq!(run.written(), bytes(&frames));
    let mut run = Run::new(|settings| {
        settings.record.as_mut().unwrap().held = 4096;
        settings.aggregate.filter = Some(Arc::new(Filter::parse("status:200").unwrap()));
    });
    run.push(&frames);
    let large = frames.iter().filter(|frame| frame.bytes.len() > 1000).count() as u64;
    assert_eq!(*run.basket.lost.lock().unwrap(), large);
}

#[test]
fn fragments_are_written_with_the_connection_that_they_turn_out_to_belong_to() {
    let frames = exchange(port(1), "/a", 200);
    let mut cut = Vec::new();
    for (number, frame) in (7..).zip(&frames) {
        let payload = &frame.bytes[34..];
        if payload.len() < 40 {
            cut.push(frame.clone());
            continue;
        }
        for (offset, part, more) in [(0_u16, &payload[..24], true), (3, &payload[24..], false)] {
            let mut bytes = frame.bytes[..34].to_vec();
            bytes[16..18].copy_from_slice(&(20 + part.len() as u16).to_be_bytes());
            bytes[18..20].copy_from_slice(&u16::to_be_bytes(number));
            bytes[20..22].copy_from_slice(&(offset | u16::from(more) << 13).to_be_bytes());
            bytes.extend_from_slice(part);
            cut.push(Frame { bytes, ..frame.clone() });
        }
    }
    assert!(cut.len() > frames.len());
    let mut run = Run::new(|settings| settings.record.as_mut().unwrap().evidence = Some(false));
    run.push(&cut);
    let kept = read(&run.select("", Per::All, "", usize::MAX).capture);
    assert_eq!(kept.len(), cut.len());
    assert!(kept.iter().all(|(_, data)| !data.windows(6).any(|part| part == b"s3cr3t" || part == b"HTTP/1")));
    assert_eq!(run.written(), bytes(&cut));
}

#[test]
fn a_connection_that_follows_on_the_same_ports_is_decided_anew() {
    let http = exchange(port(1), "/a", 200);
    let wire = Wire { start: Wire::default().start + 100 * SECOND, isn: [90_000, 70_000], ..port(1) };
    let other = Forge::connection(wire, &["SSH-2.0-OpenSSH_9.6\r\n", "SSH-2.0-OpenSSH_9.6\r\n"]);
    let mut run = Run::new(|_| {});
    run.push(&[&http[..], &other].concat());
    assert_eq!(run.written(), bytes(&http));
}

#[test]
fn parcels_are_handed_over_before_they_grow_large() {
    let mut run = Run::new(|_| {});
    let body = format!("HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n{}", "x".repeat(4_000_000));
    let mut frames = Forge::connection(port(1), &[&ask("/a", 200)[0], &body]);
    frames.iter_mut().for_each(|frame| frame.ts = 0);
    run.push(&frames);
    assert!((PARCEL..PARCEL + 2000).contains(&*run.basket.largest.lock().unwrap()));
}

#[test]
fn evidence_is_that_of_the_row_of_the_alert_and_has_no_payload() {
    let all = [
        exchange(port(1), "/cart/1", 200),
        exchange(port(2), "/cart/2", 503),
        exchange(Wire { ipv6: true, ..port(3) }, "/login", 500),
    ];
    // (filter, kind of row, its name, the connections)
    let cases: [(&str, Per, &str, &[usize]); 9] = [
        ("", Per::All, "", &[0, 1, 2]),
        ("status:5xx", Per::All, "", &[1, 2]),
        ("", Per::Host, "shop.example", &[0, 1, 2]),
        ("", Per::Host, "other.example", &[]),
        ("", Per::Section, "shop.example/cart", &[0, 1]),
        ("status:5xx", Per::Section, "shop.example/cart", &[1]),
        ("", Per::Client, "2001:db8::1", &[2]),
        ("", Per::Host, OTHER, &[0, 1, 2]),
        ("method:POST", Per::All, "", &[]),
    ];
    for has_payload in [false, true] {
        for (text, per, key, want) in cases {
            let mut run = Run::new(|settings| settings.record.as_mut().unwrap().evidence = Some(has_payload));
            run.push(&woven(&[&all[0], &all[1], &all[2]]));
            let selected = run.select(text, per, key, usize::MAX);
            let wanted: usize = want.iter().map(|&at| all[at].len()).sum();
            let packets = read(&selected.capture);
            assert_eq!((packets.len(), selected.connections as usize), (wanted, want.len()), "{text} {per:?} {key}");
            let is_secret = |data: &[u8]| data.windows(6).any(|part| part == b"s3cr3t");
            assert_eq!(packets.iter().any(|(_, data)| is_secret(data)), has_payload && wanted > 0, "{text}");
            if !has_payload {
                assert!(packets.iter().all(|(_, data)| data.len() == 54 || data.len() == 74));
            }
            assert!(packets.iter().all(|(wire, data)| *wire as usize >= data.len()));
        }
    }
}

#[test]
fn evidence_that_has_no_room_leaves_out_the_oldest_connections_and_says_so() {
    let (old, new) = (exchange(port(1), "/a", 200), exchange(Wire { start: i64::MAX / 2, ..port(2) }, "/b", 200));
    let mut run = Run::new(|settings| settings.record.as_mut().unwrap().evidence = Some(true));
    run.push(&[&old[..], &new].concat());
    let selected = run.select("", Per::All, "", 1500);
    let kept: Vec<_> = read(&selected.capture).into_iter().map(|(_, data)| data).collect();
    assert_eq!((selected.connections, selected.left_out, kept), (1, 1, bytes(&new)));
}

#[test]
fn secrets_in_padding_behind_a_packet_are_no_evidence() {
    let mut frames = exchange(port(1), "/a", 200);
    frames.iter_mut().for_each(|frame| frame.bytes.extend_from_slice(b"s3cr3t"));
    let mut run = Run::new(|settings| settings.record.as_mut().unwrap().evidence = Some(false));
    run.push(&frames);
    let packets = read(&run.select("", Per::All, "", usize::MAX).capture);
    assert_eq!(packets.len(), frames.len());
    assert!(packets.iter().all(|(_, data)| data.len() == 54));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_ring_of_any_size_gives_back_what_is_left_of_a_connection_in_order(
        most in 200_usize..4000,
        sizes in proptest::collection::vec((0_u16..4, 54_usize..300), 1..200),
    ) {
        let mut held = Held::new(most);
        let mut frames: [Vec<Vec<u8>>; 4] = Default::default();
        let mut last = [NOWHERE; 4];
        let ids = ids();
        let mut gone = [0; 4];
        for (at, &(flow, size)) in sizes.iter().enumerate() {
            let flow = usize::from(flow);
            let data = vec![at as u8; size];
            let packet = Frame { ts: at as i64, bytes: data.clone(), interface: flow as u16 };
            let place = held.push(ids[flow], last[flow], &packet.packet(), |_, bits| {
                gone[ids.iter().position(|id| id.to_bits() == bits).unwrap()] += 1;
            });
            if let Some(place) = place {
                last[flow] = place;
                frames[flow].push(data);
            }
        }
        for flow in 0..4 {
            let mut left = Vec::new();
            held.release(last[flow], |entry, block| {
                assert_eq!((entry.interface.0 as usize, entry.len as usize), (flow, block.len()));
                left.push(data_of(block));
            });
            prop_assert_eq!(&left, &frames[flow][gone[flow]..]);
        }
    }
}

/// Four ids of connections.
fn ids() -> [FlowId; 4] {
    let mut table =
        crate::pipeline::flow::Flows::<()>::new(crate::pipeline::flow::Limits::default(), Budget::default());
    std::array::from_fn(|number| {
        let frame = &Forge::connection(port(number as u16 + 1), &[])[0];
        let datagram = crate::pipeline::decode::datagram(&frame.packet()).unwrap();
        let segment = crate::pipeline::decode::segment(&datagram, Timestamp(frame.ts), InterfaceId::default()).unwrap();
        let place = table.find(&segment.key);
        table.push(&segment, place, &mut Deaf).unwrap().0
    })
}

struct Deaf;

impl crate::pipeline::flow::Consumer for Deaf {
    type State = ();
    type Verdict = ();

    fn chunk(
        &mut self,
        _: &crate::pipeline::flow::FlowInfo,
        (): &mut (),
        _: crate::pipeline::decode::Direction,
        _: crate::pipeline::reassembly::Chunk<'_>,
    ) -> u64 {
        0
    }

    fn finished(
        &mut self,
        _: &crate::pipeline::flow::FlowInfo,
        (): &mut (),
        _: crate::pipeline::decode::Direction,
        _: Timestamp,
    ) {
    }

    fn is_waiting(&self, (): &()) -> bool {
        false
    }

    fn observed(&mut self, _: &crate::pipeline::flow::FlowInfo, (): &(), _: &crate::pipeline::flow::Observed) {}

    fn ended(&mut self, _: &crate::pipeline::flow::FlowInfo, (): ()) {}
}

//! What the fuzzers run, here so that an ordinary test can replay what they found. Each takes any bytes, and panics only
//! when a law is broken.

#[path = "../tests/driver.rs"]
pub mod driver;

use std::io::Cursor;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use _core::capture::file::{CaptureFile, Given, InOrder, Reach};
use _core::engine::record::{Limits, Recording};
use _core::metrics::{Form, Otlp, Store, Temporality, Text, families};
use _core::pipeline::Settings;
use _core::pipeline::aggregate::{self, ClientFrom, Listing, WantedSubset, WantedSubsets};
use _core::pipeline::decode::{Direction, Endpoint, FlowKey, SeqNumber};
use _core::pipeline::defragment;
use _core::pipeline::exchange::{ClientField, Fields, GrpcStatus};
use _core::pipeline::filter::{Facts, Filter, MAX_TERMS, Outcome, Party};
use _core::pipeline::flow::{self, Consumer, FlowInfo};
use _core::pipeline::histogram::Histogram;
use _core::pipeline::nat::Nat;
use _core::pipeline::packet::{InterfaceId, LinkType, Packet, SECOND, Timestamp};
use _core::pipeline::protocol::http1::FieldLines;
use _core::pipeline::protocol::{Session, Sessions, Shared};
use _core::pipeline::reassembly::{Budget, Chunk};
use _core::pipeline::record::{self, Wanted};
use _core::pipeline::snapshot::{Counts, Per, Snapshot, find_subset};
use driver::Driver;

/// Limits so tight that every way to overflow is taken.
fn tight() -> Settings {
    let limits = aggregate::Limits {
        hosts: 2,
        sections_per_host: 2,
        sections: 3,
        clients: 2,
        exchanges: 2,
        connections: 2,
        buckets: 20,
    };
    Settings {
        aggregate: aggregate::Settings {
            exchanges: Listing::All,
            user_agents: true,
            connections: true,
            client_from: ClientFrom::Proxy,
            client_ipv6_prefix: 64,
            limits,
            ..Default::default()
        },
        flows: flow::Limits { flows: 4, half_open: 2, ..flow::Limits::default() },
        reassembly: Budget::new(64, 32, 3),
        defragment: defragment::Limits { datagrams: 2, bytes: 256, patience: SECOND },
        tunnels: true,
        nat: Some(Nat::default()),
        record: None,
        keys: Arc::default(),
    }
}

/// The filters of the subsets that [`filtered`] counts.
const FILTERS: [&str; 4] =
    ["", "status:5xx or latency>1ms", "path:/a* method:!GET", "not (host:a or client:192.0.2.0/24)"];

/// Tight limits with a filter that needs responses, and subsets.
fn filtered(filter: &str) -> Settings {
    let parse = |text: &str| Filter::parse(text).expect("a filter");
    let wanted = FILTERS.iter().flat_map(|text| Per::ALL.map(|(_, per)| WantedSubset::new(text, parse(text), per)));
    let subsets = WantedSubsets::default();
    subsets.set(wanted.collect());
    let mut settings = tight();
    settings.aggregate.filter = Some(parse(filter).into());
    settings.aggregate.subsets = subsets;
    settings
}

/// The kinds of rows that rules have.
const RULES: [Per; 5] = [Per::All, Per::Host, Per::Section, Per::Client, Per::Interface];

/// Rows of every kind have the same sum, which is no more than was counted.
fn check_subsets(snapshot: &Snapshot) {
    for text in FILTERS {
        let sums = RULES.map(|per| {
            let mut sum = Counts::default();
            let subset = find_subset(&snapshot.subsets, text, per)?;
            subset.rows.iter().for_each(|row| sum.merge(&row.counts));
            Some((sum.requests, sum.responses, sum.errors, sum.request_bytes, sum.latency.count()))
        });
        assert!(sums.windows(2).all(|pair| pair[0] == pair[1]), "{text}: {sums:?}");
    }
}

/// Sums are sums, and JSON says the same again.
pub fn check(snapshot: &Snapshot) {
    let mut total = Counts::default();
    for host in &snapshot.hosts {
        let mut sum = Counts::default();
        host.sections.iter().for_each(|section| sum.merge(&section.counts));
        assert_eq!(sum, host.counts, "sections of {}", host.name);
        total.merge(&host.counts);
    }
    assert_eq!(total, snapshot.counts, "hosts");
    let mut of_clients = Counts::default();
    snapshot.clients.iter().for_each(|client| of_clients.merge(&client.counts));
    // Durations are counted for sections alone.
    let of_sections = Counts { duration: Histogram::default(), ..snapshot.counts.clone() };
    assert_eq!(of_clients, of_sections, "clients");
    assert_eq!(snapshot.counts.statuses.total(), snapshot.counts.responses);
    assert_eq!(snapshot.counts.methods.total(), snapshot.counts.requests);
    let json = snapshot.to_json().expect("a snapshot can be written");
    let again = Snapshot::from_json(&json).expect("what was written can be read");
    assert_eq!(again.counts.requests, snapshot.counts.requests);
    check_subsets(snapshot);
    check_metrics(snapshot);
}

/// Metrics are written whatever was counted, a line for each series, and each response counts for some host.
fn check_metrics(snapshot: &Snapshot) {
    let mut store = Store::new(1);
    (0..2).for_each(|_| store.add(snapshot));
    let text = Text::openmetrics(&store);
    assert!(text.ends_with("# EOF\n"));
    let mut responses = 0;
    for line in text.lines().filter(|line| !line.starts_with("# ")) {
        let (name, number) = line.rsplit_once(' ').expect("a name and a number");
        let number: f64 = number.parse().expect("a number");
        if name.starts_with("netmon_http_responses_total") {
            responses += number as u64;
        }
    }
    assert_eq!(responses, 2 * snapshot.counts.responses);
    assert!(!families(&store).is_empty());
    for form in [Form::Exponential, Form::Explicit] {
        assert!(!Otlp::request(&store, &[], Temporality::Delta, form).is_empty());
    }
}

fn finish(mut pipeline: Driver) {
    pipeline.finish();
    check(&pipeline.close(Timestamp(0), Timestamp(SECOND)));
}

/// Frames: link type, length, bytes; and so on.
pub fn packets(mut data: &[u8]) {
    let mut settings = [tight(), Settings::default(), filtered("path:/a* or status:4xx"), filtered("method:GET")];
    let recorded = [1, 2].map(|at| Recorded::with(&mut settings[at]));
    let mut pipelines = settings.map(Driver::new);
    let mut ts = Timestamp(0);
    while let [number, length, interface, rest @ ..] = data {
        let (frame, next) = rest.split_at(rest.len().min(usize::from(*length) * 2));
        data = next;
        ts = ts.plus(i64::from(*interface) * SECOND / 50);
        let Some(link_type) = LinkType::from_number(u32::from(*number)) else { continue };
        // What a record claims: a little more than there is, or anything.
        let claimed =
            [0, 1, 7, 1 << 20, i32::MAX as u32, 1 << 31, u32::MAX - 1, u32::MAX][usize::from(*interface >> 1 & 7)];
        let wire_len = (frame.len() as u32).saturating_add(claimed);
        let interface = InterfaceId(u16::from(*interface & 1));
        let packet = Packet { ts, wire_len, interface, link_type, data: frame };
        pipelines.iter_mut().for_each(|pipeline| pipeline.push(&packet));
    }
    pipelines.into_iter().for_each(finish);
    recorded.iter().for_each(Recorded::check);
}

/// Records into a little memory, and checks what was recorded in the end.
struct Recorded(Arc<Recording>);

impl Recorded {
    /// Changes the settings so that packets are recorded.
    fn with(settings: &mut Settings) -> Self {
        let recording = Arc::new(Recording::new(false, 4096, 0));
        let (carrier, held) = (recording.clone(), 2048);
        settings.record = Some(record::Settings { carrier, writes: true, held, evidence: Some(false) });
        Self(recording)
    }

    /// All blocks are whole, and so is the evidence, which has headers alone.
    fn check(&self) {
        /// Bytes of the longest headers in these tests, tunnels included.
        const HEADERS: usize = 510;
        self.0.end();
        let limits = Limits { room: usize::MAX, since: None, age: None };
        let mut described = 0;
        while let Some(taken) = self.0.take(Duration::ZERO, limits, described) {
            described = taken.described;
            assert_eq!(blocks(&taken.blocks, usize::MAX), taken.packets);
        }
        let filter = Filter::parse("").expect("a filter");
        let (since, until, most) = (Timestamp(i64::MIN), Timestamp(i64::MAX), usize::MAX);
        let wanted = Wanted { filter: &filter, per: Per::All, key: "", since, until, most };
        let selected = self.0.evidence(&wanted);
        assert_eq!(blocks(&selected.capture, HEADERS), selected.packets);
    }
}

/// Walks over blocks of pcapng, which must be whole. Returns the number of packets, each of at most `most` bytes.
fn blocks(mut bytes: &[u8], most: usize) -> u64 {
    let mut packets = 0;
    while !bytes.is_empty() {
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize;
        let (kind, length) = (word(0), word(4));
        assert!(length.is_multiple_of(4) && word(length - 4) == length);
        if kind == 6 {
            assert!(word(20) <= most && word(20) <= word(24) && word(20) <= length - 32);
            packets += 1;
        }
        bytes = &bytes[length..];
    }
    packets
}

/// A capture file.
pub fn file(data: &[u8]) {
    let Ok(file) = CaptureFile::from_reader(Box::new(Cursor::new(data.to_vec()))) else { return };
    let (mut file, mut pipeline) = (InOrder::new(file), Driver::new(tight()));
    let mut given = 0;
    while matches!(file.refill(true, true), Ok(Reach::Here)) {
        let types: Vec<_> = file.interfaces().iter().map(|interface| interface.link_type).collect();
        file.give(Timestamp(i64::MAX), true, usize::MAX, |packet| {
            let Given { ts, wire_len, data, .. } = packet;
            let link_type = types[usize::from(packet.interface)].unwrap_or(LinkType::Ethernet);
            let interface = InterfaceId(packet.interface);
            pipeline.push(&Packet { ts, wire_len, interface, link_type, data });
            given += 1;
        });
    }
    assert_eq!((given, file.left()), (file.seen(), 0), "every packet is given once");
    finish(pipeline);
}

/// A filter. What is known of an exchange is made of the same bytes, so that terms hold now and then.
pub fn filter(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (filter, mistake) = Filter::understand(&text);
    assert_eq!(Filter::parse(&text).err(), mistake);
    assert!(filter.terms().len() <= MAX_TERMS);
    let length = text.chars().count();
    assert!(mistake.is_none_or(|mistake| mistake.position <= length && !mistake.message.is_empty()));
    let (half, rest) = data.split_at(data.len() / 2);
    let number = data.iter().fold(1u64, |number, &byte| number.wrapping_mul(257).wrapping_add(byte.into()));
    let end = |port| Endpoint { address: Ipv4Addr::from(number as u32).to_ipv6_mapped(), port };
    let head = Facts {
        host: Some(half),
        section: Some(rest),
        path: Some(data),
        method: Some(b"GET"),
        interface: Some(b"eth0"),
        user_agent: Some(rest),
        client: Some(Party::End(end(1))),
        server: Some(Party::Named("2001:db8::1")),
        ..Facts::default()
    };
    let answered = Outcome {
        status: Some((100 + number % 500) as u16),
        latency: Some(number >> 30),
        duration: Some(number >> 20),
        request_bytes: number >> 50,
        response_bytes: number >> 40,
        grpc: GrpcStatus::from_number((number % 20) as u8),
        is_tls: number % 2 == 1,
    };
    let at_head = filter.admits(&head);
    assert!(at_head.is_some() || filter.needs().response, "{text}");
    for outcome in [answered, Outcome::default()] {
        let ended = filter.admits(&Facts { outcome: Some(outcome), ..head });
        assert!(ended.is_some() && (at_head.is_none() || at_head == ended), "{text}");
    }
}

/// Pieces of both directions: a byte for direction, loss and start, a length, bytes; and so on.
pub fn stream(data: &[u8]) {
    for field in [ClientField::XForwardedFor, ClientField::Forwarded, ClientField::XRealIp] {
        let found = (1..4).filter_map(|hops| FieldLines(data).client(field, hops));
        found.for_each(|client| assert!(!client.is_unspecified(), "an address of somebody"));
    }
    [tight(), filtered("status:5xx or path:/a*"), filtered("method:GET")].into_iter().for_each(|settings| {
        converse(data, settings.aggregate);
    });
}

/// Pieces of both directions as in [`stream`], behind the preface of HTTP/2 and the first frames.
pub fn http2(data: &[u8]) {
    const UP: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    const DOWN: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x80";
    let begun = [&[0x10, UP.len() as u8], UP, &[0x11, DOWN.len() as u8], DOWN, data].concat();
    converse(&begun, tight().aggregate);
    converse(data, filtered("status:5xx or path:/a*").aggregate);
}

fn converse(mut data: &[u8], settings: aggregate::Settings) {
    let end = |last, port| Endpoint { address: Ipv4Addr::new(192, 0, 2, last).to_ipv6_mapped(), port };
    let key = FlowKey { low: end(1, 1), high: end(2, 80), lane: 0 };
    let flow = FlowInfo::new(key, InterfaceId(0), None);
    let mut aggregate = aggregate::Aggregate::new(settings);
    let mut shared = Shared::new(64);
    let mut stage = Sessions { sink: &mut aggregate, shared: &mut shared };
    let mut connection = Session::default();
    let mut ts = Timestamp(0);
    let mut started = [false; 2];
    let mut reached = [SeqNumber(1); 2];
    while let [how, length, rest @ ..] = data {
        let (bytes, next) = rest.split_at(rest.len().min(usize::from(*length)));
        data = next;
        ts = ts.plus(1_000_000);
        let direction = if how & 1 == 0 { Direction::Up } else { Direction::Down };
        let skipped = if how & 2 == 0 { 0 } else { u64::from(how >> 2) };
        let cut = how & 64 != 0;
        let start = skipped == 0 && how & 4 == 0 && !started[direction as usize];
        started[direction as usize] = true;
        let [seq, peer] = [direction, direction.reverse()].map(|side| reached[side as usize]);
        let seq = seq.plus(skipped as u32);
        reached[direction as usize] = seq.plus(bytes.len() as u32);
        // Most acknowledge what there is; some as much as the bits say.
        let ack = [Some(peer), Some(peer), Some(SeqNumber(u32::from(*how))), None][usize::from(how >> 4 & 3)];
        stage.chunk(&flow, &mut connection, direction, Chunk { skipped, cut, bytes, seq, ack, start, ts });
        if *how == 0xff {
            stage.finished(&flow, &mut connection, direction, ts);
        }
    }
    for direction in [Direction::Up, Direction::Down] {
        stage.finished(&flow, &mut connection, direction, ts);
    }
    stage.ended(&flow, connection);
    check(&aggregate.close(Timestamp(0), Timestamp(SECOND), aggregate::Tracked::default(), flow::Losses::default()));
}

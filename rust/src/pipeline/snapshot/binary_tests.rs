//! Values that are written and read again are unchanged, and arbitrary bytes are read safely.

use super::super::tests::snapshot;
use super::*;
use crate::pipeline::exchange::{
    Ambiguity, CipherSuite, Closed, ErrorCode, GrpcStatus, Method, Protocol, Spoken, TlsVersion,
};
use crate::pipeline::flow::Stage;
use crate::pipeline::histogram::{Histogram, SCALE};
use crate::pipeline::owners::Local;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::snapshot::{InterfaceState, Per, Tally, TallyKey};
use proptest::prelude::*;
use std::net::Ipv6Addr;
use std::sync::Arc;

fn exchange(second: i64) -> NamedExchange {
    let side = |port| Endpoint { address: Ipv6Addr::LOCALHOST, port };
    let measured = Exchange {
        ts: Timestamp::new(second, 0),
        client: side(50_000),
        server: side(80),
        method: Method::from_bytes(b"GET"),
        status: Some(200),
        request_bytes: 70,
        response_bytes: 7_000,
        latency: Some(12_000_000),
        duration: Some(13_000_000),
        connect: None,
        request_time: Some(0),
        transfer: Some(1_000_000),
        retransmitted: 1,
        protocol: Protocol::Grpc,
        tls: true,
        stream: Some(3),
        tls_handshake: Some(4_000_000),
        queued: Some(5),
        grpc_status: GrpcStatus::from_name("ABORTED"),
        request_messages: 6,
        response_messages: 7,
    };
    NamedExchange {
        measured,
        interface: "lo".into(),
        host: "a".into(),
        section: "/x".into(),
        path: "/x/y".into(),
        user_agent: "curl".into(),
        process: Some(process("nginx", true)),
        client_process: Some(process("curl", false)),
    }
}

fn process(name: &str, is_server: bool) -> Process {
    let owner =
        Owner { name: name.into(), pid: 42, container: "c0".into(), pod: "cart".into(), namespace: "shop".into() };
    Process { owner: Arc::new(owner), is_server }
}

fn connection(second: i64) -> Connection {
    let side = |port| Endpoint { address: Ipv6Addr::LOCALHOST, port };
    let first_seen = Timestamp::new(second, 0);
    Connection {
        first_seen,
        client: side(50_000),
        server: side(443),
        interface: "lo".into(),
        last_seen: Timestamp::new(second, 9),
        segments: 12,
        age: 1 << 33,
        opened: Some(first_seen),
        state: Stage::Reset,
        protocol: Some(Protocol::Tls),
        host: "b".into(),
        bytes_to_server: 700,
        bytes_to_client: 70_000,
        retransmitted: 2,
        requests: 3,
        rtt: Some(12_000_000),
        local: Local::Both,
        process: Some(process("nginx", true)),
        client_process: Some(process("curl", false)),
        kernel_rtt: Some(13_000_000),
        kernel_cwnd: Some(10),
        kernel_retransmits: Some(1),
        tls: true,
        streams: 9,
        open_streams: 2,
        undecrypted: Some(Closed::Lost),
        oldest_streams: vec![stream(1), stream(3)],
    }
}

fn subset(text: &str) -> Subset {
    let counts = Counts { requests: 2, ..Counts::default() };
    Subset { text: text.into(), per: Per::Host, rows: vec![Arc::new(SubsetRow { name: "a".into(), counts })] }
}

fn stream(id: u32) -> OpenStream {
    OpenStream {
        id,
        method: Method::from_bytes(b"POST"),
        host: "h".into(),
        section: "/s".into(),
        path: "/s/p".into(),
        age: 5,
        request_bytes: 6,
        response_bytes: 7,
        request_messages: 8,
        response_messages: 9,
        protocol: Spoken::Events,
        status: Some(200),
    }
}

fn tally<K: TallyKey>(key: K) -> Tally<K> {
    let mut tally = Tally::default();
    tally.add(key, 3);
    tally
}

/// A snapshot in which no table is empty.
fn full() -> Snapshot {
    let mut counts = Counts { requests: 3, responses: 300, ..Counts::default() };
    counts.methods.add(Method::from_bytes(b"GET"), 3);
    counts.statuses.add(200, 300);
    counts.streams.add().protocols.add(Protocol::Grpc, 2);
    counts.streams.add().close(true, 1001);
    counts.latency.record(crate::pipeline::histogram::Sample::new(12_000_000));
    let histogram = counts.latency.clone();
    let section = Section { path: "/x".into(), counts: counts.clone() };
    let host = Host {
        name: "a".into(),
        addresses: vec![Ipv6Addr::LOCALHOST],
        counts: counts.clone(),
        sections: vec![Arc::new(section)],
        tcp: Tcp { opened: 1, ..Tcp::default() },
    };
    let mut capture = Capture { received: 1 << 40, ..Capture::default() };
    capture.flows = Gauge { at: Timestamp(5), value: 6 };
    capture.protocols.add(Protocol::Tls, 1);
    capture.ambiguous_framing.add(Ambiguity::Fold, 2);
    capture.goaways.add(ErrorCode::NO_ERROR, 1);
    capture.undecrypted.add(Closed::NoKey, 4);
    let client = Client { address: "192.0.2.1".into(), counts: counts.clone() };
    Snapshot {
        clients: vec![Arc::new(client)],
        span: Some((Timestamp(-1), Timestamp::new(9, 0))),
        counts,
        hosts: vec![Arc::new(host)],
        interfaces: vec![Interface {
            name: "lo".into(),
            state: InterfaceState::Down,
            since: Some(Timestamp(7)),
            problem: Some("it is down".into()),
            ..Interface::default()
        }],
        tcp: Tcp { segments: 9, ..Tcp::default() },
        capture,
        servers: vec![Server {
            name: "b".into(),
            connections: 2,
            open_before: Before { at: Timestamp(-1), value: 7 },
            named: 1,
            quic: 1,
            ech: 1,
            decrypted: 1,
            bytes_to_server: 3,
            bytes_to_client: 4,
            handshake_bytes: 5,
            undecrypted: tally(Closed::LateKey),
            tls_versions: tally(TlsVersion::from_number(0x0304)),
            cipher_suites: tally(CipherSuite::from_number(0x1301)),
            round_trip: histogram.clone(),
            handshake: histogram.clone(),
        }],
        exchanges: vec![exchange(1), exchange(2)],
        connections: vec![connection(1), connection(2)],
        subsets: vec![subset("method:POST"), subset("status:5xx")],
    }
}

proptest! {
    #[test]
    fn bytes_there_and_back_are_the_same(snapshot in snapshot()) {
        prop_assert_eq!(unpack(&pack(&snapshot)), Ok(snapshot));
    }

    #[test]
    fn every_number_comes_back(number in any::<u64>(), signed in any::<i64>(), wide in any::<u128>()) {
        let packed = pack(&(number, (signed, wide)));
        prop_assert_eq!(unpack(&packed), Ok((number, (signed, wide))));
    }

    #[test]
    fn bytes_from_anywhere_are_read_or_refused(at in 0usize..2_000, byte in any::<u8>(), noise in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut damaged = pack(&full());
        let at = at % damaged.len();
        damaged[at] = byte;
        let _ = unpack::<Snapshot>(&damaged);
        let _ = unpack::<Snapshot>(&[&MAGIC[..], &[VERSION], &noise].concat());
    }
}

#[test]
fn each_table_of_a_snapshot_comes_back() {
    assert_eq!(unpack(&pack(&full())), Ok(full()));
    assert_eq!(unpack(&pack(&Snapshot::default())), Ok(Snapshot::default()));
}

/// A change of the layout needs a new [`VERSION`]. Then the numbers in this test change too.
#[test]
fn the_layout_of_this_version_stays() {
    let packed = pack(&full());
    let sum = packed.iter().fold(0u64, |sum, &byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    assert_eq!((VERSION, packed.len(), sum), (8, 1256, 10_394_061_442_003_772_720));
}

#[test]
fn what_is_cut_anywhere_or_too_long_is_refused() {
    let packed = pack(&full());
    for len in 0..packed.len() {
        assert!(unpack::<Snapshot>(&packed[..len]).is_err(), "{len}");
    }
    assert_eq!(unpack::<Snapshot>(&[&packed[..], &[0]].concat()), Err(Unreadable::Damaged));
}

#[test]
fn other_versions_and_other_formats_are_named() {
    let mut packed = pack(&full());
    for version in [1, 9] {
        packed[MAGIC.len()] = version;
        assert_eq!(unpack::<Snapshot>(&packed), Err(Unreadable::Version(version)));
    }
    assert_eq!(unpack::<Snapshot>(b"{\"schema\": 1}"), Err(Unreadable::Foreign));
}

#[test]
fn a_table_that_promises_more_rows_than_there_are_bytes_takes_no_memory() {
    let mut promised = [&MAGIC[..], &[VERSION]].concat();
    u64::MAX.put(&mut promised);
    assert_eq!(unpack::<Vec<u64>>(&promised), Err(Unreadable::Damaged));
}

#[test]
fn tables_out_of_order_are_refused() {
    let reversed = |mut snapshot: Snapshot| {
        snapshot.exchanges.reverse();
        snapshot
    };
    assert_eq!(unpack::<Snapshot>(&pack(&reversed(full()))), Err(Unreadable::Damaged));
    for connections in
        [vec![connection(2), connection(1)], vec![connection(1), Connection { segments: 13, ..connection(1) }]]
    {
        assert_eq!(unpack::<Snapshot>(&pack(&Snapshot { connections, ..full() })), Err(Unreadable::Damaged));
    }
    let twice = Snapshot { servers: [full().servers, full().servers].concat(), ..full() };
    assert_eq!(unpack::<Snapshot>(&pack(&twice)), Err(Unreadable::Damaged));
}

#[test]
fn names_from_elsewhere_are_made_safe() {
    let evil: Arc<str> = "evil\x1b[2J\u{202e}".into();
    assert_eq!(unpack::<Arc<str>>(&pack(&evil)), Ok(Arc::from("evil\\x1b[2J\\xe2\\x80\\xae")));
}

#[test]
fn sums_of_the_largest_numbers_stay_the_largest() {
    let largest = Histogram::from_parts(u128::MAX, Some((1, 1)), 0, SCALE, -480, &[u64::MAX]).unwrap();
    let mut merged = largest.clone();
    merged.merge(&largest);
    assert_eq!((merged.count(), merged.sum()), (u64::MAX, u128::MAX));
    assert!(merged.quantile(0.5).is_some());
}

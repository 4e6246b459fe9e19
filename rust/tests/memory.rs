//! Bounded memory: whatever floods the pipeline, resident memory stays below a stated limit and stops growing once a
//! limit is reached. What overflows is counted, and sums stay right.

mod driver;
mod siege;
mod wire;

use std::sync::Arc;

use _core::engine::record::{Lost, Recording};
use _core::pipeline::Settings;
use _core::pipeline::aggregate::ClientFrom;
use _core::pipeline::exchange::ClientField;
use _core::pipeline::record;
use _core::pipeline::snapshot::Snapshot;
use driver::Driver;
use siege::{MIB, Siege, is_inside, size};
use wire::{ACK, CLIENT, Connection, Random, SERVER, SYN, client_hello};

#[test]
fn a_flood_of_syns_costs_the_half_open_table_and_no_more() {
    if !is_inside("a_flood_of_syns_costs_the_half_open_table_and_no_more", 300 * MIB) {
        return;
    }
    let n = size(600_000, 10_000_000);
    let mut siege = Siege::new(1_000);
    let mut random = Random(7);
    siege.stays_flat(n, |siege, _| {
        let mut connection = Connection::new(random.number() as u32);
        siege.push(|wire| wire.segment(&mut connection, CLIENT, SYN, b""));
    });
    let capture = siege.close().capture;
    assert!(capture.flows.value <= 100_000);
    // Two SYNs of the same address are one connection. Among random addresses that happens about n^2 / 2^33 times.
    let repeated = (u64::from(n) * u64::from(n)) >> 32;
    let known = capture.flows.value + capture.flows_evicted;
    assert!(known <= u64::from(n) && known + repeated + 100 >= u64::from(n), "{known} of {n}");
}

#[test]
fn connections_beyond_the_table_evict_the_least_recently_used_and_are_counted() {
    if !is_inside("connections_beyond_the_table_evict_the_least_recently_used_and_are_counted", 1600 * MIB) {
        return;
    }
    // It takes a while to reach the default limit, and the behaviour does not depend on it.
    let (n, bound) = (size(200_000, 4_000_000), size(20_000, 1_000_000));
    let mut siege = Siege::new(1_000);
    let mut settings = Settings::default();
    settings.flows.flows = bound as usize;
    siege.pipeline = Driver::new(settings);
    siege.stays_flat(n, |siege, at| {
        let mut connection = Connection::new(at);
        siege.push(|wire| wire.segment(&mut connection, CLIENT, ACK, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"));
    });
    let snapshot = siege.close();
    assert_eq!(snapshot.capture.flows.value, u64::from(bound));
    assert_eq!(snapshot.capture.flows_evicted, u64::from(n - bound));
}

#[test]
fn invented_hosts_and_targets_are_folded() {
    if !is_inside("invented_hosts_and_targets_are_folded", 400 * MIB) {
        return;
    }
    let n = size(400_000, 5_000_000);
    let mut siege = Siege::new(1_000);
    let mut connection = Connection::new(1);
    siege.handshake(&mut connection);
    let mut snapshots = Snapshot::default();
    siege.stays_flat(n, |siege, at| {
        let request = format!("GET /{at:08x}/{at} HTTP/1.1\r\nHost: h{at:08x}.example.test\r\n\r\n");
        siege.say(&mut connection, CLIENT, request.as_bytes());
        siege.say(&mut connection, SERVER, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        if at % 40_000 == 39_999 {
            let pushed = siege.pushed;
            siege.pushed = pushed - snapshots.capture.received;
            let snapshot = siege.close();
            assert!(snapshot.hosts.len() <= 10_001 && snapshot.capture.hosts_folded >= 29_999);
            snapshots.merge(&snapshot);
            // The sum of the snapshots is bounded as well.
            snapshots.fold(&Settings::default().aggregate.limits);
            siege.pushed = pushed;
        }
    });
    assert_eq!((snapshots.counts.requests, snapshots.counts.responses), (u64::from(n), u64::from(n)));
    assert!(snapshots.hosts.len() <= 10_001);
    assert!(snapshots.capture.hosts_folded >= u64::from(n) - 10_001);
}

#[test]
fn invented_sections_of_one_host_are_folded() {
    if !is_inside("invented_sections_of_one_host_are_folded", 300 * MIB) {
        return;
    }
    let n = size(400_000, 5_000_000);
    let mut siege = Siege::new(1_000);
    let mut connection = Connection::new(1);
    siege.handshake(&mut connection);
    siege.stays_flat(n, |siege, at| {
        let request = format!("GET /{at:08x} HTTP/1.1\r\nHost: a\r\n\r\n");
        siege.say(&mut connection, CLIENT, request.as_bytes());
        siege.say(&mut connection, SERVER, b"HTTP/1.1 204 No Content\r\n\r\n");
    });
    let snapshot = siege.close();
    assert_eq!(snapshot.counts.requests, u64::from(n));
    assert_eq!(snapshot.hosts.len(), 1);
    assert!(snapshot.hosts[0].sections.len() <= 201);
    assert!(snapshot.capture.sections_folded >= u64::from(n) - 201);
}

#[test]
fn invented_clients_are_folded() {
    if !is_inside("invented_clients_are_folded", 300 * MIB) {
        return;
    }
    let n = size(200_000, 1_000_000);
    let mut siege = Siege::new(1_000);
    let mut settings = Settings::default();
    settings.aggregate.client_from = ClientFrom::Field(ClientField::XForwardedFor);
    siege.pipeline = Driver::new(settings);
    let mut connection = Connection::new(1);
    siege.handshake(&mut connection);
    siege.stays_flat(n, |siege, at| {
        let address = std::net::Ipv4Addr::from(0x0b00_0000 + at);
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {address}\r\n\r\n");
        siege.say(&mut connection, CLIENT, request.as_bytes());
        siege.say(&mut connection, SERVER, b"HTTP/1.1 204 No Content\r\n\r\n");
    });
    let snapshot = siege.close();
    assert!(snapshot.clients.len() <= 5_001);
    assert!(snapshot.capture.clients_folded >= u64::from(n) - 5_001);
    assert_eq!(snapshot.clients.iter().map(|client| client.counts.requests).sum::<u64>(), u64::from(n));
}

#[test]
fn invented_server_names_are_folded() {
    if !is_inside("invented_server_names_are_folded", 300 * MIB) {
        return;
    }
    let n = size(200_000, 2_000_000);
    let mut siege = Siege::new(1_000);
    let mut settings = Settings::default();
    settings.flows.flows = 1_000;
    siege.pipeline = Driver::new(settings);
    siege.stays_flat(n, |siege, at| {
        let mut connection = Connection::new(at).to_port(443);
        siege.push(|wire| wire.segment(&mut connection, CLIENT, SYN, b""));
        siege.say(&mut connection, CLIENT, &client_hello(&format!("{at:08x}.example.test")));
    });
    let names = siege.close().servers;
    assert!(names.len() <= 10_001);
    assert_eq!(names.iter().map(|name| name.connections).sum::<u64>(), u64::from(n));
}

/// A hole on every connection, and as many bytes behind it as are held.
#[test]
fn segments_held_behind_holes_share_a_bounded_memory() {
    if !is_inside("segments_held_behind_holes_share_a_bounded_memory", 400 * MIB) {
        return;
    }
    let n = size(20_000, 200_000);
    let mut siege = Siege::new(100);
    siege.grows_by_connections_only(n, |siege, at| {
        let mut connection = Connection::new(at);
        siege.handshake(&mut connection);
        connection.next[CLIENT] = connection.next[CLIENT].wrapping_add(100);
        (0..20).for_each(|_| siege.say(&mut connection, CLIENT, &[b'x'; 1400]));
    });
    siege.pipeline.finish();
    let snapshot = siege.close();
    assert_eq!(snapshot.capture.gaps, u64::from(n));
    assert_eq!(snapshot.capture.gap_bytes, u64::from(n) * 100);
}

/// Packets are recorded into the real rings, and nobody takes those to be written.
#[test]
fn packets_of_connections_that_nobody_decides_are_held_in_a_ring() {
    if !is_inside("packets_of_connections_that_nobody_decides_are_held_in_a_ring", 500 * MIB) {
        return;
    }
    let n = size(400_000, 4_000_000);
    let mut siege = Siege::new(1_000);
    let recording = Arc::new(Recording::new(false, 32 * MIB, 0));
    let (carrier, held) = (recording.clone(), record::MAX_HELD);
    let record = Some(record::Settings { carrier, writes: true, held, evidence: Some(true) });
    siege.pipeline = Driver::new(Settings { record, ..Settings::default() });
    siege.stays_flat(n, |siege, at| {
        let mut connection = Connection::new(at % 100_000);
        siege.push(|wire| wire.segment(&mut connection, CLIENT, SYN, b""));
        siege.push(|wire| wire.segment(&mut connection, CLIENT, ACK, &[0x80; 300]));
    });
    siege.close();
    assert_eq!(recording.lost(), Lost::default());
}

/// As above, with connections that are all written, while the disk takes nothing.
#[test]
fn packets_that_nobody_writes_are_dropped_and_counted() {
    if !is_inside("packets_that_nobody_writes_are_dropped_and_counted", 300 * MIB) {
        return;
    }
    let n = size(200_000, 2_000_000);
    let mut siege = Siege::new(1_000);
    let recording = Arc::new(Recording::new(false, MIB, 0));
    let (carrier, held) = (recording.clone(), MIB);
    let record = Some(record::Settings { carrier, writes: true, held, evidence: Some(false) });
    siege.pipeline = Driver::new(Settings { record, ..Settings::default() });
    let mut connection = Connection::new(1);
    siege.handshake(&mut connection);
    siege.stays_flat(n, |siege, at| {
        let request = format!("GET /{} HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", at % 10, "x".repeat(400));
        siege.say(&mut connection, CLIENT, request.as_bytes());
        siege.say(&mut connection, SERVER, b"HTTP/1.1 204 No Content\r\n\r\n");
    });
    siege.close();
    let lost = recording.lost();
    assert!(lost.not_held == 0 && lost.not_written >= u64::from(n), "{lost:?}");
}

const SERVER_ADDRESS: [u8; 4] = [192, 0, 2, 1];

/// The sender of datagram number `n`. Each datagram differs from all others in its sender or in its identification.
fn sender(n: u32) -> [u8; 4] {
    (u32::from_be_bytes([10, 0, 0, 0]) + (n >> 16)).to_be_bytes()
}

#[test]
fn fragments_without_end_are_dropped_and_counted() {
    if !is_inside("fragments_without_end_are_dropped_and_counted", 200 * MIB) {
        return;
    }
    let n = size(500_000, 5_000_000);
    let mut siege = Siege::new(1_000);
    siege.stays_flat(n, |siege, at| {
        // The header says that more fragments follow.
        siege.push(|wire| wire.datagram(sender(at), SERVER_ADDRESS, (at as u16, 0x2000), &[&[0; 1400]]));
    });
    let dropped = siege.close().capture.undecodable;
    assert!(dropped <= u64::from(n) && dropped + 1024 >= u64::from(n), "{dropped} of {n}");
}

#[test]
fn a_datagram_that_lacks_a_fragment_holds_up_no_others() {
    if !is_inside("a_datagram_that_lacks_a_fragment_holds_up_no_others", 200 * MIB) {
        return;
    }
    let n = size(1_000_000, 5_000_000);
    let mut siege = Siege::new(1_000);
    siege.push(|wire| wire.datagram([10, 255, 255, 255], SERVER_ADDRESS, (7, 0x2000), &[&[0; 8]]));
    siege.stays_flat(n, |siege, at| {
        siege.push(|wire| wire.datagram(sender(at), SERVER_ADDRESS, (at as u16, 0x2000), &[&[0; 24]]));
        siege.push(|wire| wire.datagram(sender(at), SERVER_ADDRESS, (at as u16, 3), &[&[0; 24]]));
    });
    siege.close();
}

//! What the fuzzers run, here so that an ordinary test can replay what they found. Each takes any bytes, and panics only
//! when a law is broken.

use std::io::Cursor;
use std::net::Ipv4Addr;

use crate::capture::file::{CaptureFile, Given, InOrder, Reach};
use crate::pipeline::aggregate::{self, ClientFrom};
use crate::pipeline::decode::{Direction, Endpoint, FlowKey, SeqNumber};
use crate::pipeline::defragment;
use crate::pipeline::exchange::{ClientField, Fields};
use crate::pipeline::flow::{self, Consumer, FlowInfo};
use crate::pipeline::histogram::Histogram;
use crate::pipeline::nat::Nat;
use crate::pipeline::packet::{InterfaceId, LinkType, Packet, SECOND, Timestamp};
use crate::pipeline::protocol::http1::FieldLines;
use crate::pipeline::protocol::{Session, Sessions, Shared};
use crate::pipeline::reassembly::{Budget, Chunk};
use crate::pipeline::snapshot::{Counts, Snapshot};
use crate::pipeline::{Pipeline, Settings};

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
            exchanges: true,
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
    }
}

/// Sums are sums, and JSON says the same again.
fn check(snapshot: &Snapshot) {
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
}

fn finish(mut pipeline: Pipeline) {
    pipeline.finish();
    check(&pipeline.close(Timestamp(0), Timestamp(SECOND)));
}

/// Frames: link type, length, bytes; and so on.
pub fn packets(mut data: &[u8]) {
    let mut pipelines = [Pipeline::new(tight()), Pipeline::new(Settings::default())];
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
}

/// A capture file.
pub fn file(data: &[u8]) {
    let Ok(file) = CaptureFile::from_reader(Box::new(Cursor::new(data.to_vec()))) else { return };
    let (mut file, mut pipeline) = (InOrder::new(file), Pipeline::new(tight()));
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

/// Pieces of both directions: a byte for direction, loss and start, a length, bytes; and so on.
pub fn stream(mut data: &[u8]) {
    for field in [ClientField::XForwardedFor, ClientField::Forwarded, ClientField::XRealIp] {
        let found = (1..4).filter_map(|hops| FieldLines(data).client(field, hops));
        found.for_each(|client| assert!(!client.is_unspecified(), "an address of somebody"));
    }
    let end = |last, port| Endpoint { address: Ipv4Addr::new(192, 0, 2, last).to_ipv6_mapped(), port };
    let key = FlowKey { low: end(1, 1), high: end(2, 80), lane: 0 };
    let flow = FlowInfo::new(key, InterfaceId(0), None);
    let mut aggregate = aggregate::Aggregate::new(tight().aggregate);
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

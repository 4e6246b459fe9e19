//! Connections that stay encrypted: their servers, bytes and durations.

use etherparse::PacketBuilder;

use super::*;
use crate::pipeline::protocol::quic::tests::{ID, SHORT, crypto, initial, long, message};
use crate::pipeline::protocol::tls::hello::tests::hello;
use crate::pipeline::snapshot::Server;

/// A UDP datagram between 192.0.2.1 and port 443 of 192.0.2.2.
fn datagram(client_port: u16, from_client: bool, ts: i64, payload: &[u8]) -> Frame {
    let mut ends = [([192, 0, 2, 1], client_port), ([192, 0, 2, 2], 443)];
    if !from_client {
        ends.reverse();
    }
    let builder = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(ends[0].0, ends[1].0, 64).udp(ends[0].1, ends[1].1);
    let mut bytes = Vec::new();
    builder.write(&mut bytes, payload).unwrap();
    Frame { ts, bytes, interface: 0 }
}

fn longest(histogram: &Histogram) -> Option<u64> {
    histogram.extremes().map(|(_, most)| most)
}

pub fn quic(client_port: u16, name: Option<&str>) -> Vec<Frame> {
    let begin = initial(1, &ID, 0, &crypto(0, &message(name)), 1400);
    let finished = [long(2), SHORT.to_vec()].concat();
    vec![
        datagram(client_port, true, 0, &begin),
        datagram(client_port, false, 5_000_000, &[long(0), long(2)].concat()),
        datagram(client_port, true, 9_000_000, &finished),
        datagram(client_port, false, 9_500_000, &SHORT),
    ]
}

fn tls(name: Option<&str>, segment: usize) -> Vec<Frame> {
    let mut forge = Forge::new(Wire { segment, ..Wire::default() });
    forge.handshake();
    forge.say(0, &hello(name, 500));
    forge.say(1, &[&b"\x16\x03\x03\x00\x64"[..], &[2; 100]].concat());
    forge.say(0, &[&b"\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x35"[..], &[7; 53]].concat());
    forge.say(1, &[&b"\x17\x03\x03\x03\xe8"[..], &[9; 1000]].concat());
    forge.finish();
    forge.frames
}

#[test]
fn a_tls_connection_counts_for_the_server_that_its_client_names() {
    for segment in [1460, 100, 7] {
        let snapshot = count(&tls(Some("A.example"), segment));
        let [Server { name, connections, named, quic, bytes_to_server, bytes_to_client, round_trip, handshake, .. }] =
            &snapshot.servers[..]
        else {
            panic!("{:?}", snapshot.servers)
        };
        assert_eq!((&**name, *connections, *named, *quic), ("a.example", 1, 1, 0));
        let asked = hello(Some("A.example"), 500).len() as u64 + 6 + 58;
        assert_eq!((*bytes_to_server, *bytes_to_client), (asked, 105 + 1005), "segments of {segment}");
        assert_eq!((round_trip.count(), handshake.count()), (1, 1));
    }
    let unnamed = count(&tls(None, 1460)).servers;
    assert!(unnamed.len() == 1 && unnamed[0].name.ends_with(":80") && unnamed[0].named == 0, "{unnamed:?}");
}

#[test]
fn a_quic_connection_counts_beside_those_of_tls() {
    let frames = [quic(40_000, Some("a.example")), quic(40_001, Some("a.example")), quic(40_002, None)].concat();
    let snapshot = count(&frames);
    let told: Vec<_> = snapshot
        .servers
        .iter()
        .map(|row| {
            (&*row.name, row.connections, row.named, row.quic, longest(&row.round_trip), longest(&row.handshake))
        })
        .collect();
    let (round_trip, handshake) = (Some(5_000_000), Some(9_000_000));
    assert_eq!(
        told,
        [("192.0.2.2:443", 1, 0, 1, round_trip, handshake), ("a.example", 2, 2, 2, round_trip, handshake)]
    );
    let payload: u64 = frames.iter().map(|frame| frame.bytes.len() as u64 - 42).sum();
    assert_eq!(snapshot.servers.iter().map(Server::bytes).sum::<u64>(), payload);
    let [interface] = &snapshot.interfaces[..] else { panic!() };
    assert_eq!(interface.traffic.protocols.get(Protocol::Quic), interface.traffic.bytes);
    assert_eq!(snapshot.capture.protocols.get(Protocol::Quic), 3);
}

#[test]
fn a_server_tells_why_its_connections_stay_closed_and_what_it_chooses() {
    let body = [&[3, 3][..], &[7; 32], &[0, 0x13, 0x01, 0], &[0, 6, 0, 43, 0, 2, 3, 4]].concat();
    let answer = [&[22, 3, 3, 0, body.len() as u8 + 4, 2, 0, 0, body.len() as u8][..], &body].concat();
    let mut forge = Forge::new(Wire::default());
    forge.handshake();
    forge.say(0, &hello(Some("a.example"), 500));
    forge.say(1, &answer);
    let joined = {
        let mut forge = Forge::new(Wire { client_port: 40_001, ..Wire::default() });
        forge.say(0, &[&b"\x17\x03\x03\x00\x35"[..], &[7; 53]].concat());
        forge.frames
    };
    let snapshot = count(&[forge.frames, joined].concat());
    let told: Vec<_> = snapshot
        .servers
        .iter()
        .map(|row| {
            let closed: Vec<_> = row.undecrypted.by_count().iter().map(|(why, count)| (why.name(), *count)).collect();
            let versions: Vec<_> = row.tls_versions.by_count().iter().map(|(version, _)| version.name()).collect();
            let suites: Vec<_> = row.cipher_suites.by_count().iter().map(|(suite, _)| suite.name()).collect();
            (&*row.name, closed, versions, suites)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("192.0.2.9:80", vec![("joined_midway", 1)], vec![], vec![]),
            ("a.example", vec![("no_key", 1)], vec!["TLS 1.3"], vec!["TLS_AES_128_GCM_SHA256"]),
        ]
    );
}

#[test]
fn a_datagram_seen_on_two_interfaces_counts_once_for_its_server() {
    let once = quic(40_000, Some("a.example"));
    let twice: Vec<_> =
        once.iter().flat_map(|frame| [frame.clone(), Frame { interface: 1, ..frame.clone() }]).collect();
    assert_eq!(count(&twice).servers, count(&once).servers);
}

//! The examples of RFC 9001 appendix A and RFC 9369 appendix A, and conversations.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::crypto::{Broken, CryptoStream};
use super::keys::{OVERHEAD, SideKeys};
use super::packet::{Kind, V1, V2};
use super::*;
use crate::pipeline::decode::Endpoint;
use crate::pipeline::exchange::{CipherSuite, Ending, Finished, Request, Response, Secured, Sides, TlsVersion};
use crate::pipeline::flow::{Observed, Opening};
use crate::pipeline::packet::InterfaceId;
use crate::pipeline::protocol::tls::hello::of_message;
use crate::pipeline::protocol::tls::hello::tests::hello as records;
use crate::pipeline::steps::tests::{are_in_proportion, taken};

/// The connection id of the examples.
pub const ID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
const MILLI: i64 = 1_000_000;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// The client's hello of both examples, in a CRYPTO frame.
fn example_hello() -> Vec<u8> {
    bytes(
        "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c000004130113020100\
         00c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e00\
         0500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d74800\
         2b0003020304000d0010000e0403050306030203080408050806002d00020101001c00024001003900320408ffffffffffffff\
         ff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff",
    )
}

#[test]
fn packets_of_clients_are_protected_as_in_the_examples() {
    let table = [
        (
            V1,
            "c300000001088394c8f03e5157080000449e00000002",
            "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11",
            "7e78bfe706ca4cf5e9c5453e9f7cfd2b8b4c8d169a44e55c88d4a9a7f9474241e221af44860018ab0856972e194cd934",
        ),
        (
            V2,
            "d36b3343cf088394c8f03e5157080000449e00000002",
            "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485",
            "9a37ddec600545473cfb5a05e08d0b209973b2172b4d21fb69745a262ccde96ba18b2faa745b6fe189cf772a9f84cbfc",
        ),
    ];
    for (version, head, beginning, end) in table {
        let mut keys = SideKeys::new(version, &ID, true).unwrap();
        let mut frames = example_hello();
        frames.resize(1162, 0);
        let sealed = keys.seal(&bytes(head), 2, &frames);
        assert!(sealed.starts_with(&bytes(beginning)) && sealed.ends_with(&bytes(end)));
        let packet = Packets::new(&sealed).next().unwrap();
        assert_eq!((packet.kind, packet.destination), (Kind::Initial, &ID[..]));
        assert_eq!(keys.open(&packet), Some(frames.clone()));
        let mut stream = CryptoStream::default();
        assert_eq!(stream.push(&frames), Ok(()));
        let hello = of_message(stream.front()).unwrap().unwrap();
        assert_eq!((hello.name.as_deref(), hello.has_ech), (Some(&b"example.com"[..]), false));
    }
}

#[test]
fn packets_of_servers_are_opened_as_in_the_examples() {
    let frames = "02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a045a1200130100\
                  002e00330024001d00209d3c940d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00020304";
    let table = [
        (
            V1,
            "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5a99f5ede\
             4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795d77d06ed\
             bb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee",
        ),
        (
            V2,
            "dc6b3343cf0008f067a5502a4262b5004075d92faaf16f05d8a4398c47089698baeea26b91eb761d9b89237bbf872630179153582300\
             35f7fd3945d88965cf17f9af6e16886c61bfc703106fbaf3cb4cfa52382dd16a393e42757507698075b2c984c707f0a0812d8cd5a688\
             1eaf21ceda98f4bd23f6fe1a3e2c43edd9ce7ca84bed8521e2e140",
        ),
    ];
    for (version, packet) in table {
        let packet = bytes(packet);
        let hello = initial(version, &ID, 0, &crypto(0, &message(Some("a.example"))), 1400);
        let script = converse(&[(true, hello), (false, long(0)), (false, packet.clone()), (false, packet.clone())]);
        let told = ["a.example at 192.0.2.2:443", "round trip 10", "TLS 1.3 with TLS_AES_128_GCM_SHA256"];
        assert_eq!(script.lines, told);
        let read = Packets::new(&packet).next().unwrap();
        assert_eq!(SideKeys::new(version, &ID, false).unwrap().open(&read), Some(bytes(frames)));
        assert_eq!(SideKeys::new(version, &ID, true).unwrap().open(&read), None, "the other side's keys");
    }
}

/// A sink that writes down what it is told of connections.
#[derive(Default)]
pub struct Script {
    pub lines: Vec<String>,
    pub bytes: [u64; 2],
    pub connections: u64,
}

impl Sink for Script {
    type Ticket = ();

    fn proxied(&mut self, _: &FlowKey, _: Option<Ipv6Addr>) {}
    fn ended(&mut self, _: &FlowKey) {
        self.lines.push("ended".into());
    }
    fn request(&mut self, _: &Request<'_>, _: Option<()>) {}
    fn opening(&mut self, (): (), _: &Opening, _: Direction) {}
    fn unasked(&mut self, _: &Sides<'_>, _: &Response) {}
    fn response(&mut self, (): (), _: Response) {}
    fn bytes(&mut self, (): (), _: bool, _: u64) {}
    fn exchange(&mut self, (): (), _: Ending, _: impl FnOnce() -> Finished) {}
    fn observe(&mut self, _: Option<()>, _: &Observed, _: bool) {}
    fn secured(&mut self, secured: &Secured<'_>) {
        let name = secured.name.map_or("-".into(), |name| name.escape_ascii().to_string());
        let name = if secured.has_ech { format!("{name} with ECH") } else { name };
        self.lines.push(format!("{name} at {}", secured.sides.server()));
    }
    fn secured_with(&mut self, _: &FlowKey, version: TlsVersion, suite: CipherSuite) {
        self.lines.push(format!("{} with {}", version.name(), suite.name()));
    }
    fn secured_bytes(&mut self, _: &FlowKey, to_server: bool, bytes: u64) {
        self.bytes[usize::from(!to_server)] += bytes;
    }
    fn secured_times(&mut self, _: &FlowKey, round_trip: Option<u64>, handshake: Option<u64>) {
        self.lines.extend(round_trip.map(|nanos| format!("round trip {}", nanos / MILLI as u64)));
        self.lines.extend(handshake.map(|nanos| format!("handshake {}", nanos / MILLI as u64)));
    }
    fn note(&mut self, note: Note) {
        assert_eq!(note, Note::Protocol(Protocol::Quic));
        self.connections += 1;
    }
}

/// A datagram between a client and a server. Its key is the same in both directions.
fn udp(client: u16, server: u16, from_client: bool, milli: i64, payload: &[u8]) -> Udp<'_> {
    let end = |last, port| Endpoint { address: Ipv4Addr::new(192, 0, 2, last).to_ipv6_mapped(), port };
    Udp {
        key: FlowKey { low: end(1, client), high: end(2, server), lane: 0 },
        direction: if from_client { Direction::Up } else { Direction::Down },
        payload,
        wire_len: payload.len() as u32,
        ts: Timestamp(milli * MILLI),
        interface: InterfaceId(0),
    }
}

/// A CRYPTO frame.
pub fn crypto(offset: usize, data: &[u8]) -> Vec<u8> {
    let number = |number: usize| (0x8000_0000 | number as u32).to_be_bytes();
    [&[6][..], &number(offset), &number(data.len()), data].concat()
}

/// The `Initial` packet of a client. `length` is that of the whole packet.
#[expect(clippy::missing_panics_doc, reason = "a test")]
pub fn initial(version: u32, id: &[u8], number: u32, frames: &[u8], length: usize) -> Vec<u8> {
    let first = if version == V2 { 0xd3 } else { 0xc3 };
    let head = [&[first][..], &version.to_be_bytes(), &[id.len() as u8], id, &[0, 0]].concat();
    let rest = (length - head.len() - 2) as u16;
    let head = [&head[..], &(0x4000 | rest).to_be_bytes(), &number.to_be_bytes()].concat();
    let mut frames = frames.to_vec();
    frames.resize(usize::from(rest) - OVERHEAD, 0);
    SideKeys::new(version, id, true).unwrap().seal(&head, number, &frames)
}

/// A packet of a server with a long header of this kind, which is not opened.
pub fn long(kind: u8) -> Vec<u8> {
    [&[0xc0 | kind << 4, 0, 0, 0, 1, 0, 2, 9, 9][..], if kind == 0 { &[0] } else { &[] }, &[0x40, 30], &[5; 30]]
        .concat()
}

pub const SHORT: [u8; 40] = [0x45; 40];

/// The handshake message of a hello, as the stream of CRYPTO frames carries it.
pub fn message(name: Option<&str>) -> Vec<u8> {
    records(name, 16_000)[5..].to_vec()
}

/// Lets a connection to port 443 take datagrams, one each 10 ms, those with `true` from the client.
fn converse(datagrams: &[(bool, Vec<u8>)]) -> Script {
    let (mut quic, mut script) = (Quic::default(), Script::default());
    for (at, (from_client, payload)) in (0..).zip(datagrams) {
        assert!(quic.push(&udp(40_000, 443, *from_client, 10 * at, payload), &mut script));
    }
    script
}

#[test]
fn a_handshake_tells_the_server_the_round_trip_and_its_duration() {
    for version in [V1, V2] {
        let hello = initial(version, &ID, 0, &crypto(0, &message(Some("a.example"))), 1400);
        let datagrams = [
            (true, hello),
            (false, [long(0), long(2)].concat()),
            (true, [long(2), SHORT.to_vec()].concat()),
            (true, SHORT.to_vec()),
        ];
        let script = converse(&datagrams);
        assert_eq!(script.lines, ["a.example at 192.0.2.2:443", "round trip 10", "handshake 20"]);
        let sum =
            |client| datagrams.iter().filter(|(from, _)| *from == client).map(|(_, all)| all.len() as u64).sum::<u64>();
        assert_eq!(script.bytes, [sum(true), sum(false)]);
    }
}

#[test]
fn a_hello_may_be_cut_into_any_pieces_in_any_order_and_sent_again() {
    let message = message(Some("a.example"));
    for size in [1100, 300, 40] {
        let mut pieces: Vec<_> = message.chunks(size).enumerate().map(|(at, piece)| crypto(at * size, piece)).collect();
        pieces.rotate_left(1);
        pieces.reverse();
        pieces.push(crypto(size / 2, &message[size / 2..size]));
        for per_packet in [1, 3] {
            let datagrams: Vec<_> = (0..)
                .zip(pieces.chunks(per_packet))
                .map(|(number, some)| (true, initial(V1, &ID, number, &some.concat(), 3500)))
                .collect();
            assert_eq!(converse(&datagrams).lines, ["a.example at 192.0.2.2:443"], "{size}, {per_packet} in each");
        }
    }
}

#[test]
fn after_a_retry_the_client_begins_with_another_id() {
    let message = message(Some("a.example"));
    let (first, rest) = message.split_at(1000);
    let datagrams = [
        (true, initial(V1, &ID, 0, &crypto(0, first), 1300)),
        (false, long(3)),
        (true, initial(V1, b"another one", 1, &crypto(0, first), 1300)),
        (true, initial(V1, b"another one", 2, &crypto(1000, rest), 1300)),
        (false, long(0)),
    ];
    assert_eq!(converse(&datagrams).lines, ["a.example at 192.0.2.2:443", "round trip 10"]);
    let negotiation = [&[0x80, 0, 0, 0, 0, 0, 0][..], &V2.to_be_bytes()].concat();
    let datagrams = [
        (true, initial(V1, &ID, 0, &crypto(0, first), 1300)),
        (false, negotiation),
        (true, initial(V2, &ID, 0, &crypto(0, &message), 1500)),
    ];
    assert_eq!(converse(&datagrams).lines, ["a.example at 192.0.2.2:443", "round trip 10"]);
}

#[test]
fn what_joins_midway_counts_by_address_on_the_port_of_https_only() {
    let script = converse(&[(false, SHORT.to_vec()), (true, SHORT.to_vec())]);
    assert_eq!((&script.lines[..], script.bytes), (&["- at 192.0.2.2:443".to_owned()][..], [40, 40]));
    let (mut quic, mut script) = (Quic::default(), Script::default());
    let hello = initial(V1, &ID, 0, &crypto(0, &message(Some("a.example"))), 1400);
    let not_quic = [SHORT.to_vec(), long(0), vec![0xff; 1300], vec![], vec![0xc0], b"GET / HTTP/1.1\r\n".to_vec()];
    for payload in &not_quic {
        assert!(!quic.push(&udp(40_000, 8443, true, 0, payload), &mut script), "{}", payload.escape_ascii());
    }
    assert!(!quic.push(&udp(40_000, 443, true, 0, b"\x01\0\0\0 of WireGuard"), &mut script));
    assert!(quic.push(&udp(40_000, 8443, true, 0, &hello), &mut script));
    assert!(quic.push(&udp(40_000, 8443, true, 0, &SHORT), &mut script), "the connection is known");
    assert_eq!(script.lines, ["a.example at 192.0.2.2:8443"]);
}

#[test]
fn a_silent_connection_ends_and_one_that_never_names_its_server_counts_by_address() {
    let (mut quic, mut script) = (Quic::default(), Script::default());
    let half = initial(V1, &ID, 0, &crypto(0, &message(None)[..500]), 1300);
    quic.push(&udp(40_000, 443, true, 0, &half), &mut script);
    assert!(quic.held > 500);
    quic.tick(Timestamp(IDLE - 1), &mut script);
    assert!(script.lines.is_empty());
    quic.tick(Timestamp(IDLE + SWEEP), &mut script);
    assert_eq!(script.lines, ["- at 192.0.2.2:443", "ended"]);
    assert_eq!((quic.flows.len(), quic.held, script.bytes), (0, 0, [1300, 0]));
}

#[test]
fn a_flood_of_connections_is_bounded() {
    let (mut quic, mut script) = (Quic { most: 100, ..Quic::default() }, Script::default());
    let half = initial(V1, &ID, 0, &crypto(0, &message(None)[..500]), 1300);
    for at in 0..1000 {
        assert!(quic.push(&udp(at, 443, true, 100 * i64::from(at), &half), &mut script));
        assert!(quic.flows.len() <= 100 && quic.held <= 100 * 2000);
    }
    quic.finish(&mut script);
    assert_eq!((quic.flows.len(), quic.held), (0, 0));
}

#[test]
fn a_connection_beyond_the_limit_costs_no_look_at_all_others_and_counts_as_none() {
    let half = initial(V1, &ID, 0, &crypto(0, &message(None)[..500]), 1300);
    let cost = |most: u16| {
        let (mut quic, mut script) = (Quic { most: usize::from(most), ..Quic::default() }, Script::default());
        let mut come = |first: u16, count: u16, milli| {
            (first..=first + count).for_each(|at| _ = quic.push(&udp(at, 443, true, milli, &half), &mut script));
        };
        come(0, most, 0);
        let steps = taken(|| come(60_000, 50, 10));
        assert_eq!((quic.flows.len(), script.connections), (usize::from(most), u64::from(most)));
        steps
    };
    assert_eq!(cost(10), cost(3000));
}

#[test]
fn a_hello_that_is_incomplete_when_the_handshake_ends_is_not_kept() {
    let half = initial(V1, &ID, 0, &crypto(0, &message(None)[..500]), 1300);
    let (mut quic, mut script) = (Quic::default(), Script::default());
    for (from_client, payload) in [(true, &half), (false, &long(2)), (true, &SHORT.to_vec())] {
        quic.push(&udp(40_000, 443, from_client, 0, payload), &mut script);
    }
    assert_eq!((quic.held, &script.lines[..]), (0, &["- at 192.0.2.2:443".to_owned(), "handshake 0".to_owned()][..]));
}

#[test]
fn frames_that_are_not_those_of_an_initial_packet_end_the_reading() {
    let stream = |frames: &[u8]| CryptoStream::default().push(frames);
    assert_eq!(stream(&[0, 1, 2, 5, 0, 0, 1, 3, 5, 0, 1, 1, 1, 1, 0, 0, 0, 0]), Ok(()));
    for (name, frames) in [
        ("a STREAM frame", vec![8, 0, 0]),
        ("beyond the bound", crypto(1 << 17, b"a")),
        ("cut", vec![6, 0, 9, 1]),
        ("an ACK with more ranges than bytes", vec![2, 5, 0, 0x7f, 0xff, 1]),
        ("too many frames", [1, 0].repeat(300)),
        ("too many pieces", (0..70).flat_map(|at| crypto(10 + 3 * at, b"a")).collect()),
    ] {
        assert_eq!(stream(&frames), Err(Broken), "{name}");
    }
}

#[test]
fn each_byte_is_visited_a_constant_number_of_times() {
    are_in_proportion("datagrams of hellos", 40_000, 4, |size| {
        let (mut quic, mut script) = (Quic::default(), Script::default());
        for at in 0..size / 1300 {
            let frames = crypto(3000 - 30 * (at % 60), &[1; 20]);
            let datagram = initial(V1, &ID, at as u32, &frames, 1300);
            quic.push(&udp(40_000, 443, true, 0, &datagram), &mut script);
        }
    });
}

proptest! {
    #[test]
    fn damage_never_panics(at in any::<prop::sample::Index>(), with in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let hello = initial(V1, &ID, 0, &crypto(0, &message(Some("a.example"))), 1400);
        let mut datagram = [hello, long(2), SHORT.to_vec()].concat();
        let at = at.index(datagram.len());
        datagram[at] = with;
        let (mut quic, mut script) = (Quic::default(), Script::default());
        for payload in [&datagram[..], &datagram[..cut.index(datagram.len())], &datagram[cut.index(datagram.len())..]] {
            for from_client in [true, false] {
                quic.push(&udp(40_000, 443, from_client, 0, payload), &mut script);
            }
        }
        quic.finish(&mut script);
        prop_assert_eq!(quic.held, 0);
    }

    #[test]
    fn frames_of_any_bytes_never_panic(frames in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut stream = CryptoStream::default();
        let _ = stream.push(&frames);
        prop_assert!(stream.held() <= frames.len());
    }
}

//! Headers that a sender can repeat take work in proportion to their number. Where their number is limited, headers
//! beyond the limit take no work.

use super::tests::{ip, packet, read};
use super::*;
use crate::pipeline::defragment::Limits;
use crate::pipeline::intake::Intake;
use crate::pipeline::steps::tests::{are_in_proportion, taken};

/// A repeated header: its name, a count, the link type, and a function that builds a packet with a given count of it.
/// Where there is a limit, the count is below 100 and twice the count is within the limit.
type Kind = (&'static str, usize, LinkType, fn(usize) -> Vec<u8>);

const MAC: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

fn ethernet(tags: &[Vec<u8>]) -> Vec<u8> {
    [&MAC[..], &tags.concat(), &ip(b"hello")].concat()
}

/// An IPv4 packet with this protocol and payload.
fn around(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let total = (20 + payload.len()) as u16;
    let mut header = [0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    header[2..4].copy_from_slice(&total.to_be_bytes());
    [&header[..], payload].concat()
}

/// An IPv4 packet with a UDP datagram.
fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let length = (8 + payload.len()) as u16;
    around(17, &[&port.to_be_bytes()[..], &port.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload].concat())
}

fn extended(count: usize) -> Vec<u8> {
    let segment = &ip(b"hello")[20..];
    let mut packet = vec![0x60, 0, 0, 0, 0, 0, if count > 0 { 60 } else { TCP }, 64];
    packet[4..6].copy_from_slice(&((8 * count + segment.len()) as u16).to_be_bytes());
    packet.extend([0; 32]);
    for left in (0..count).rev() {
        packet.extend([if left > 0 { 60 } else { TCP }, 0, 1, 4, 0, 0, 0, 0]);
    }
    [&packet[..], segment].concat()
}

const KINDS: [Kind; 8] = [
    ("VLAN tags", 7, LinkType::Ethernet, |n| ethernet(&[[0x81, 0, 0, 5].repeat(n), vec![8, 0]])),
    ("MPLS labels", 7, LinkType::Ethernet, |n| {
        ethernet(&[vec![0x88, 0x47], [0, 1, 0, 64].repeat(n - 1), vec![0, 1, 1, 64]])
    }),
    ("IPv6 extension headers", 4, LinkType::Ip, extended),
    ("GRE routes", 100, LinkType::Ip, |n| {
        let routes = [vec![0x40, 0, 8, 0, 0, 0, 0, 0], [0, 1, 0, 4, 1, 2, 3, 4].repeat(n), vec![0; 4]].concat();
        around(47, &[routes, ip(b"hello")].concat())
    }),
    ("GTP-U extension headers", 100, LinkType::Ip, |n| {
        let head = vec![0x34, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
        let headers = [[1, 0, 0, 1].repeat(n - 1), vec![1, 0, 0, 0]].concat();
        udp(2152, &[head, headers, ip(b"hello")].concat())
    }),
    ("TZSP fields", 100, LinkType::Ip, |n| {
        let fields = [vec![1, 0, 0, 1], [10, 1, 0].repeat(n), vec![1], MAC.to_vec(), vec![8, 0]].concat();
        udp(37008, &[fields, ip(b"hello")].concat())
    }),
    ("tunnels", 2, LinkType::Ip, |n| (0..n).fold(ip(b"hello"), |packet, _| around(4, &packet))),
    ("netfilter records", 100, LinkType::NfLog, |n| {
        let ip = ip(b"hello");
        let record = |length: usize, kind: u16| [(length as u16).to_ne_bytes(), kind.to_ne_bytes()].concat();
        [vec![2, 0, 0, 0], record(4, 5).repeat(n), record(4 + ip.len(), 9), ip].concat()
    }),
];

/// Reads a packet, tunnels included.
fn take(link_type: LinkType, data: &[u8]) {
    let mut intake = Intake::new(Limits::default(), true, None);
    intake.read(&packet(link_type, data));
}

#[test]
fn twice_as_many_headers_take_at_most_twice_the_work() {
    for (what, size, link_type, make) in KINDS {
        // The packet itself takes a step too, which weighs much where there are few headers.
        let [none, once, twice] = [1, size, 2 * size].map(|size| taken(|| take(link_type, &make(size))));
        assert!(once > none || size == 1, "{what}: no step is counted");
        assert!(twice - once <= (once - none) * size / (size - 1) + 2, "{what}: {none}, {once}, {twice}");
        if size >= 100 {
            are_in_proportion(what, size, 4, |size| take(link_type, &make(size)));
        }
    }
}

#[test]
fn headers_beyond_a_limit_take_no_work() {
    for (what, bound, link_type, make) in KINDS.into_iter().filter(|(_, size, ..)| *size < 100) {
        let most = 2 * MAX_TAGS + 2 * bound;
        let steps = taken(|| take(link_type, &make(1000)));
        assert!(steps <= most, "{what}: {steps} steps, {most} are enough");
    }
}

#[test]
fn the_packets_of_these_tests_can_be_decoded() {
    for (what, size, link_type, make) in KINDS {
        if matches!(what, "VLAN tags" | "MPLS labels" | "IPv6 extension headers" | "netfilter records") {
            let read = read(link_type, &make(2 * size)).map(|(text, _)| text);
            assert_eq!(read, Ok("hello".into()), "{what}");
        } else {
            let mut intake = Intake::new(Limits::default(), true, None);
            let data = make(2 * size);
            let arrival = intake.read(&packet(link_type, &data));
            let segment = matches!(&arrival.content, crate::pipeline::intake::Content::Segment(segment) if segment.payload == b"hello");
            assert!(segment, "{what}: {:?}", arrival.content);
        }
    }
}

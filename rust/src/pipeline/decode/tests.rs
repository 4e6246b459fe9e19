//! Tables of frames, a comparison with etherparse, and damaged frames.

use super::*;
use crate::pipeline::packet::{InterfaceId, LinkType, Timestamp};
use etherparse::PacketBuilder;
use proptest::prelude::*;

pub fn ip(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64)
        .tcp(1234, 80, 7, 9)
        .ack(5)
        .write(&mut bytes, payload)
        .unwrap();
    bytes
}

pub fn packet(link_type: LinkType, data: &[u8]) -> Packet<'_> {
    Packet { ts: Timestamp(0), wire_len: data.len() as u32, interface: InterfaceId(0), link_type, data }
}

/// Payload and tag of the segment in a frame.
pub fn read(link_type: LinkType, frame: &[u8]) -> Result<(String, u32), NotTcp> {
    let datagram = datagram(&packet(link_type, frame))?;
    let segment = segment(&datagram, Timestamp(0), InterfaceId(0))?;
    Ok((String::from_utf8_lossy(segment.payload).into_owned(), segment.tag))
}

#[test]
fn every_link_type_leads_to_the_same_segment() {
    let mac = [0u8; 12];
    let ip = ip(b"hello");
    let table: Vec<(&str, LinkType, Vec<u8>, &[u32])> = vec![
        ("Ethernet", LinkType::Ethernet, [&mac[..], &[0x08, 0]].concat(), &[]),
        ("802.1Q", LinkType::Ethernet, [&mac[..], &[0x81, 0, 0x20, 5, 0x08, 0]].concat(), &[5]),
        ("802.1Q of priority only", LinkType::Ethernet, [&mac[..], &[0x81, 0, 0x20, 0, 0x08, 0]].concat(), &[]),
        ("802.1ad", LinkType::Ethernet, [&mac[..], &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 5, 0x08, 0]].concat(), &[7, 5]),
        (
            "three tags",
            LinkType::Ethernet,
            [&mac[..], &[0x91, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 0x08, 0]].concat(),
            &[1, 2, 3],
        ),
        ("MPLS", LinkType::Ethernet, [&mac[..], &[0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64]].concat(), &[16, 32]),
        ("PPPoE", LinkType::Ethernet, [&mac[..], &[0x88, 0x64, 0x11, 0, 0, 1, 0, 47, 0, 0x21]].concat(), &[1]),
        ("SNAP", LinkType::Ethernet, [&mac[..], &[0, 53, 0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0]].concat(), &[]),
        ("SLL", LinkType::LinuxSll, [&[0u8; 14][..], &[0x08, 0]].concat(), &[]),
        ("SLL with a tag", LinkType::LinuxSll, [&[0u8; 14][..], &[0x81, 0, 0, 6, 0x08, 0]].concat(), &[6]),
        ("SLL2", LinkType::LinuxSll2, [&[0x08, 0][..], &[0u8; 18]].concat(), &[]),
        ("NULL", LinkType::Loopback, vec![2, 0, 0, 0], &[]),
        ("LOOP", LinkType::Loopback, vec![0, 0, 0, 2], &[]),
        ("raw IP", LinkType::Ip, vec![], &[]),
        ("PPP", LinkType::Ppp, vec![0xff, 3, 0, 0x21], &[]),
        ("PPP compressed", LinkType::Ppp, vec![0x21], &[]),
        ("Cisco HDLC", LinkType::CiscoHdlc, vec![0x0f, 0, 0x08, 0], &[]),
        (
            "NFLOG",
            LinkType::NfLog,
            [
                &[2, 0, 0, 0][..],
                &5u16.to_ne_bytes(),
                &8u16.to_ne_bytes(),
                b"x\0\0\0",
                &49u16.to_ne_bytes(),
                &9u16.to_ne_bytes(),
            ]
            .concat(),
            &[],
        ),
    ];
    for (name, link_type, link, numbers) in table {
        let tag = numbers.iter().fold(0, |tag, &number| tags::fold(tag, number));
        let mut frame = [&link[..], &ip].concat();
        assert_eq!(read(link_type, &frame), Ok(("hello".into(), tag)), "{name}");
        if link_type == LinkType::Ethernet {
            frame.extend([0xee; 9]);
            assert_eq!(read(link_type, &frame), Ok(("hello".into(), tag)), "{name} with padding");
        }
        for length in 0..link.len() + 40 {
            assert!(read(link_type, &frame[..length]).is_err(), "{name} cut to {length}");
        }
    }
}

#[test]
fn lengths_come_from_the_ip_header_not_from_what_was_captured() {
    let whole = ip(b"hello");
    let cut = Packet { wire_len: whole.len() as u32, ..packet(LinkType::Ip, &whole[..42]) };
    let cut_datagram = datagram(&cut).unwrap();
    let cut_segment = segment(&cut_datagram, cut.ts, cut.interface).unwrap();
    assert_eq!((cut_segment.payload, cut_segment.payload_wire_len), (&b"he"[..], 5));
    // Segmentation offload: with a total length of 0 the packet is the rest of the frame.
    let mut offloaded = whole.clone();
    offloaded[2..4].fill(0);
    assert_eq!(read(LinkType::Ip, &offloaded), Ok(("hello".into(), 0)));
}

#[test]
fn a_packet_without_a_length_is_read_up_to_the_offload_limit() {
    let mut v4 = ip(b"hello");
    v4[2..4].fill(0);
    let mut v6 = Vec::new();
    PacketBuilder::ipv6([1; 16], [2; 16], 64).tcp(1234, 80, 7, 9).write(&mut v6, b"hello").unwrap();
    v6[4..6].fill(0);
    for bytes in [v4, v6] {
        for (wire_len, is_read) in
            [(1 << 19, true), (1 << 20, true), ((1 << 20) + 1, false), (1 << 31, false), (u32::MAX, false)]
        {
            let packet = Packet { wire_len, ..packet(LinkType::Ip, &bytes) };
            assert_eq!(datagram(&packet).is_ok(), is_read, "{wire_len}");
        }
    }
}

#[test]
fn ipv6_extension_headers_are_walked_up_to_eight() {
    let build = |headers: &[u8], count: usize| {
        let mut bytes = vec![0x60, 0, 0, 0];
        let extension = headers.len() / 8 * 8;
        bytes.extend(((extension * count + 25) as u16).to_be_bytes());
        bytes.extend([60, 64]);
        bytes.extend([0u8; 31]);
        bytes.push(1);
        for at in 0..count {
            let mut header = headers.to_vec();
            header[0] = if at + 1 == count { 6 } else { 60 };
            bytes.extend(header);
        }
        bytes.extend([4, 210, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 1, 0, 0, 0, 0, 0]);
        bytes.extend(b"hello");
        bytes
    };
    let option = [60, 0, 1, 4, 0, 0, 0, 0];
    for count in 1..=8 {
        assert_eq!(read(LinkType::Ip, &build(&option, count)), Ok(("hello".into(), 0)), "{count}");
    }
    assert_eq!(read(LinkType::Ip, &build(&option, 9)), Err(NotTcp::Malformed));
}

#[test]
fn both_directions_have_one_key() {
    let end = |last: u8, port| Endpoint { address: std::net::Ipv4Addr::new(192, 0, 2, last).to_ipv6_mapped(), port };
    let ip = ip(b"");
    let datagram = datagram(&packet(LinkType::Ip, &ip)).unwrap();
    let there = segment(&datagram, Timestamp(0), InterfaceId(0)).unwrap();
    assert_eq!((there.direction, there.key.low, there.key.high), (Direction::Up, end(1, 1234), end(2, 80)));
    assert_eq!(there.key.sender(there.direction.reverse()), end(2, 80));
    assert_eq!(end(1, 80).to_string(), "192.0.2.1:80");
    let v6 = Endpoint { address: "2001:db8::1".parse().unwrap(), port: 80 };
    assert_eq!(v6.to_string(), "[2001:db8::1]:80");
}

#[test]
fn folded_reads_only_plain_tcp_over_ipv4_in_ethernet() {
    let plain = [[2; 12].as_slice(), &[8, 0], &ip(b"x")].concat();
    let tells = |link_type, frame: &[u8]| folded(&packet(link_type, frame)).is_some();
    assert!(tells(LinkType::Ethernet, &plain) && tells(LinkType::Ethernet, &plain[..38]));
    assert!(!tells(LinkType::LinuxSll, &plain) && !tells(LinkType::Ethernet, &plain[..37]));
    let table = [
        ("IPv6", 12, 0x86),
        ("a VLAN tag", 12, 0x81),
        ("options", 14, 0x46),
        ("the first fragment", 20, 0x20),
        ("the last fragment", 21, 1),
        ("UDP", 23, 17),
    ];
    for (what, at, byte) in table {
        let mut frame = plain.clone();
        frame[at] = byte;
        assert!(!tells(LinkType::Ethernet, &frame), "{what}");
    }
}

proptest! {
    #[test]
    fn etherparse_agrees(payload in prop::collection::vec(any::<u8>(), 0..60), ports in any::<(u16, u16)>(), seq in any::<u32>(), vlan in 0u16..4096, v6 in any::<bool>()) {
        let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).single_vlan(vlan.try_into().unwrap());
        let builder = if v6 { builder.ipv6([7; 16], [8; 16], 64) } else { builder.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64) };
        let mut frame = Vec::new();
        builder.tcp(ports.0, ports.1, seq, 512).ack(seq).write(&mut frame, &payload).unwrap();
        let packet = packet(LinkType::Ethernet, &frame);
        let datagram = datagram(&packet).unwrap();
        let ours = segment(&datagram, packet.ts, packet.interface).unwrap();
        let theirs = etherparse::SlicedPacket::from_ethernet(&frame).unwrap();
        let Some(etherparse::TransportSlice::Tcp(tcp)) = theirs.transport else { panic!("no TCP") };
        prop_assert_eq!(ours.payload, tcp.payload());
        prop_assert_eq!((ours.seq.0, ours.ack.0, ours.window), (tcp.sequence_number(), tcp.acknowledgment_number(), tcp.window_size()));
        prop_assert_eq!(ours.key.sender(ours.direction).port, tcp.source_port());
    }

    #[test]
    fn folded_agrees_with_the_key_of_the_segment(ends in any::<([u8; 4], [u8; 4])>(), ports in any::<(u16, u16)>(), damage in prop::option::of((12usize..40, any::<u8>()))) {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(ends.0, ends.1, 64).tcp(ports.0, ports.1, 1, 9).write(&mut frame, b"GET").unwrap();
        prop_assert!(folded(&packet(LinkType::Ethernet, &frame)).is_some());
        if let Some((at, byte)) = damage {
            frame[at] = byte;
        }
        let packet = packet(LinkType::Ethernet, &frame);
        let datagram = datagram(&packet);
        let looks_whole = datagram.as_ref().is_ok_and(|datagram| datagram.fragment.is_none() && datagram.protocol == TCP);
        let key = datagram.and_then(|datagram| segment(&datagram, packet.ts, packet.interface)).map(|segment| segment.key.folded());
        if let (Some(glance), Ok(key)) = (folded(&packet), key) {
            prop_assert!(looks_whole);
            prop_assert_eq!(glance, key);
        }
    }

    #[test]
    fn any_bytes_on_any_link_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..120), number in 0u32..300, wire_len in any::<u32>()) {
        if let Some(link_type) = LinkType::from_number(number) {
            let packet = Packet { wire_len, ..packet(link_type, &bytes) };
            if let Ok(datagram) = datagram(&packet) {
                let _ = segment(&datagram, packet.ts, packet.interface);
            }
        }
    }
}

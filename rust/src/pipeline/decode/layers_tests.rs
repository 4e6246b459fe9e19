//! Tables of tags, frames and tunnels: the decoder finds the packet that they carry, and names what it does not decode.

use super::tests::{ip, packet, read};
use super::*;
use crate::pipeline::defragment::Limits;
use crate::pipeline::intake::{Content, Intake};

const MAC: [u8; 12] = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// An Ethernet frame: MAC addresses, the bytes `tags` from the Ethernet type on, then the packet.
fn ethernet(tags: &str, packet: &[u8]) -> Vec<u8> {
    [&MAC[..], &bytes(tags), packet].concat()
}

fn tag_of(numbers: &[u32]) -> u32 {
    numbers.iter().fold(0, |tag, &number| tags::fold(tag, number))
}

#[test]
fn tags_before_ip_are_peeled_off_in_any_order() {
    let table: [(&str, &str, &[u32]); 29] = [
        ("VN-Tag", "8926 00010002 0800", &[]),
        ("TTag", "8988 000000010000 0800", &[]),
        ("E-tag", "893f 000000010000 0800", &[]),
        ("Cisco metadata", "8909 0101 0001 0064 0800", &[]),
        ("Cisco metadata of two options", "8909 0102 00010064 00010065 0800", &[]),
        ("0x9200", "9200 0007 8100 0008 0800", &[7, 8]),
        ("0x8200", "8200 0007 8100 0008 0800", &[7, 8]),
        ("0x9300", "9300 0007 0800", &[7]),
        ("a port tag, then a VLAN, then metadata", "8926 00010002 8100 2003 8909 010100010064 0800", &[3]),
        ("metadata, then a VLAN", "8909 010100010064 8100 0009 0800", &[9]),
        ("five VLAN tags", "8100 0001 8100 0002 8100 0003 8100 0004 8100 0005 0800", &[1, 2, 3, 4, 5]),
        ("R-TAG", "f1c1 0000 0007 0800", &[]),
        ("HSR", "892f 1034 0007 0800", &[]),
        ("MPLS below a VLAN", "8100 0004 8847 00010040 00002140 ", &[4, 16, 2]),
        ("SNAP below a VLAN", "8100 0004 0035 aaaa03000000 0800", &[4]),
        ("a VLAN below SNAP", "0035 aaaa03000000 8100 0004 0800", &[4]),
        ("SNAP of a bridge", "0035 aaaa030000f8 0800", &[]),
        ("IP behind LLC", "0030 060603", &[]),
        ("PPPoE below two VLANs", "88a8 0001 8100 0002 8864 1100 0003 0030 0021", &[1, 2, 3]),
        ("MPLS in PPP", "8864 1100 0003 0030 0281 00007140", &[3, 7]),
        ("a pseudowire", "8847 00010140 020000000003 020000000004 0800", &[16]),
        ("a pseudowire with control word", "8847 00010140 00000000 020000000003 020000000004 0800", &[16]),
        ("a pseudowire of VLANs", "8847 00010140 00000000 020000000003 020000000004 8100 0005 0800", &[16, 5]),
        ("802.1ah", "88e7 00000007 020000000003 020000000004 0800", &[7]),
        ("FabricPath", "8903 0640 020000000003 020000000004 0800", &[]),
        ("TRILL with an option", "22f3 0045 0001 0002 00000000 020000000003 020000000004 0800", &[]),
        ("NSH", "894f 0fc2 0103 00000100 020000000003 020000000004 0800", &[]),
        ("MACsec that encrypts nothing", "88e5 00 00 00000001 0800", &[]),
        ("MACsec with a channel", "88e5 20 00 00000001 0200000000010001 0800", &[]),
    ];
    for (name, hex, numbers) in table {
        let frame = ethernet(hex, &ip(b"hello"));
        assert_eq!(read(LinkType::Ethernet, &frame), Ok(("hello".into(), tag_of(numbers))), "{name}");
        for length in 0..frame.len() - 5 {
            assert!(read(LinkType::Ethernet, &frame[..length]).is_err(), "{name} cut to {length}");
        }
    }
}

#[test]
fn more_tags_than_the_limit_are_named_as_such() {
    let of = |count: usize, tag: &str| ethernet(&format!("{} 0800", tag.repeat(count)), &ip(b"hello"));
    for tag in ["8100 0001", "8926 00010002"] {
        assert!(read(LinkType::Ethernet, &of(MAX_TAGS, tag)).is_ok());
        assert_eq!(read(LinkType::Ethernet, &of(MAX_TAGS + 1, tag)), Err(NotTcp::Undecoded(Undecoded::Tags)));
    }
    let labels = ethernet(&format!("8847 {}", "00001040".repeat(100)), &[]);
    assert_eq!(read(LinkType::Ethernet, &labels), Err(NotTcp::Undecoded(Undecoded::Tags)));
    let frames = ethernet(&"88e7 00000000 020000000003 020000000004".repeat(100), &[]);
    assert_eq!(read(LinkType::Ethernet, &frames), Err(NotTcp::Undecoded(Undecoded::Tags)));
}

fn content(frame: &[u8], link_type: LinkType, tunnels: bool) -> Result<(String, u32), Option<Undecoded>> {
    match Intake::new(Limits::default(), tunnels, None).read(&packet(link_type, frame)).content {
        Content::Segment(segment) => Ok((String::from_utf8_lossy(segment.payload).into_owned(), segment.tag)),
        Content::Undecoded(kind) => Err(Some(kind)),
        Content::Udp(_) | Content::Foreign | Content::Fragment => Err(None),
    }
}

#[test]
fn undecoded_packets_are_named_and_ordinary_ones_are_not() {
    let table: [(&str, &str, Option<Undecoded>); 19] = [
        ("ARP", "0806 0001", None),
        ("LLDP", "88cc 0207", None),
        ("STP", "0026 424203 0000", None),
        ("Cisco's protocols", "0026 aaaa03 00000c 2000", None),
        ("pause", "8808 0001", None),
        ("PPPoE discovery below a VLAN", "8100 0001 8863 1109", None),
        ("LCP", "8864 1100 0003 0030 c021", None),
        ("UDP", "0800 45000014 00000000 40110000 c0000201 c0000202", None),
        ("ICMP", "0800 45000014 00000000 40010000 c0000201 c0000202", None),
        ("OSPF", "0800 45000014 00000000 40590000 c0000201 c0000202", None),
        (
            "no next header",
            "86dd 60000000 00003b40 20010db8000000000000000000000001 20010db8000000000000000000000002",
            None,
        ),
        ("an unknown type", "abcd 4500", Some(Undecoded::EtherType(0xabcd))),
        ("an unknown type below a VLAN", "8100 0001 abcd 4500", Some(Undecoded::EtherType(0xabcd))),
        ("compressed PPP", "8864 1100 0003 0030 00fd", Some(Undecoded::Ppp(0xfd))),
        ("encrypted MACsec", "88e5 0c 00 00000001 0800", Some(Undecoded::Encrypted(Cipher::Macsec))),
        ("MPLS of something else", "8847 00010140 f0000000", Some(Undecoded::Mpls)),
        ("ESP", "0800 45000014 00000000 40320000 c0000201 c0000202", Some(Undecoded::Encrypted(Cipher::Esp))),
        ("IP that is none", "0800 55000014 00000000 40060000 c0000201 c0000202", Some(Undecoded::Malformed)),
        ("an unknown protocol", "0800 45000014 00000000 40fd0000 c0000201 c0000202", Some(Undecoded::IpProtocol(0xfd))),
    ];
    for (name, hex, want) in table {
        assert_eq!(content(&ethernet(hex, &[]), LinkType::Ethernet, false), Err(want), "{name}");
    }
    let wifi = |head: &str, qos: &str| [bytes(head), vec![0; 22], bytes(qos), vec![0x55; 40]].concat();
    let table = [
        ("encrypted", wifi("0841", ""), Some(Undecoded::Encrypted(Cipher::Wifi))),
        ("aggregated", wifi("8801", "8000"), Some(Undecoded::AggregatedWifi)),
        ("a beacon", wifi("8000", ""), None),
        ("an acknowledgement", wifi("d400", ""), None),
        ("no data", wifi("4801", ""), None),
    ];
    for (name, frame, want) in table {
        assert_eq!(content(&frame, LinkType::Wifi, false), Err(want), "802.11, {name}");
    }
}

#[test]
fn decrypted_wireless_frames_that_are_still_marked_as_protected_are_read() {
    for between in ["", "0000000000000000"] {
        let frame = [bytes("0841"), vec![0; 22], bytes(between), bytes("aaaa03000000 0800"), ip(b"hello")].concat();
        assert_eq!(content(&frame, LinkType::Wifi, false), Ok(("hello".into(), 0)));
    }
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = bytes("45000000 00010000 40000000 c0000205 c0000206");
    packet.extend(payload);
    let length = packet.len() as u16;
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    packet[9] = protocol;
    packet
}

fn udp(source: u16, destination: u16, data: &[u8]) -> Vec<u8> {
    let length = data.len() as u16 + 8;
    let head = [source, destination, length, 0].map(u16::to_be_bytes).concat();
    ipv4(17, &[head.as_slice(), data].concat())
}

fn ipv6(source: &str, payload: &[u8]) -> Vec<u8> {
    let source: std::net::Ipv6Addr = source.parse().unwrap();
    let target: std::net::Ipv6Addr = "2001:db8::2".parse().unwrap();
    let length = (payload.len() as u16).to_be_bytes();
    [&bytes("60000000"), &length[..], &[6, 64], &source.octets(), &target.octets(), payload].concat()
}

const FRAME: &str = "020000000003 020000000004 0800";

#[test]
fn tunnels_are_entered_if_asked_for_and_named_otherwise() {
    let inner = ip(b"hello");
    let of = |head: &str| [bytes(head), inner.clone()].concat();
    let framed = |head: &str| of(&format!("{head} {FRAME}"));
    let wifi = |head: &str| of(&format!("{head} 0802 0000 {} aaaa03000000 0800", "00".repeat(20)));
    let tcp = &inner[20..];
    let table: [(&str, Vec<u8>, Tunnel, &[u32]); 43] = [
        ("IP in IP", ipv4(4, &inner), Tunnel::IpInIp, &[]),
        ("6in4", ipv4(41, &ipv6("2001:db8::1", tcp)), Tunnel::IpInIp, &[]),
        ("GRE", ipv4(47, &of("0000 0800")), Tunnel::Gre, &[]),
        ("GRE with all fields", ipv4(47, &of("b000 0800 00000000 00000007 00000001")), Tunnel::Gre, &[7]),
        ("GRE with routes", ipv4(47, &of("4000 0800 00000000 0800 00 04 0a000001 00000000")), Tunnel::Gre, &[]),
        ("PPTP", ipv4(47, &of("3081 880b 0000 0009 00000001 00000002 ff03 0021")), Tunnel::Gre, &[9]),
        ("EoIP", ipv4(47, &framed("2001 6400 0000 0009")), Tunnel::Gre, &[9]),
        ("MPLS in GRE", ipv4(47, &of("0000 8847 00007140")), Tunnel::Gre, &[7]),
        ("NSH in GRE", ipv4(47, &of("0000 894f 0fc2 0101 00000100")), Tunnel::Gre, &[]),
        ("WCCP", ipv4(47, &of("0000 883e")), Tunnel::Gre, &[]),
        ("WCCP of version 2", ipv4(47, &of("0000 883e 00000000")), Tunnel::Gre, &[]),
        ("Cisco metadata in GRE", ipv4(47, &of("0000 8909 0800 01010001 0064")), Tunnel::Gre, &[]),
        ("ERSPAN I", ipv4(47, &framed("0000 88be")), Tunnel::Gre, &[]),
        ("ERSPAN II", ipv4(47, &framed("1000 88be 00000001 1005 0001 00000000")), Tunnel::Gre, &[5]),
        ("ERSPAN III", ipv4(47, &framed("1000 22eb 00000001 2005 0001 00000000 0000 0000")), Tunnel::Gre, &[5]),
        (
            "ERSPAN III with a subheader",
            ipv4(47, &framed("1000 22eb 00000001 2005 0001 00000000 0000 0001 0000000000000000")),
            Tunnel::Gre,
            &[5],
        ),
        ("ERSPAN III of packets", ipv4(47, &of("1000 22eb 00000001 2000 0001 00000000 0000 0800")), Tunnel::Gre, &[]),
        ("Aruba", ipv4(47, &wifi("0000 8200")), Tunnel::Gre, &[]),
        ("Aruba's other queues", ipv4(47, &wifi("0000 8370")), Tunnel::Gre, &[]),
        ("EtherIP", ipv4(97, &framed("3000")), Tunnel::EtherIp, &[]),
        ("MPLS in IP", ipv4(137, &of("00007140")), Tunnel::Mpls, &[7]),
        ("L2TPv3", ipv4(115, &framed("00000007")), Tunnel::L2tp, &[7]),
        (
            "L2TPv3 with a cookie and a sublayer",
            ipv4(115, &framed("00000007 1111111111111111 40000001")),
            Tunnel::L2tp,
            &[7],
        ),
        ("VXLAN", udp(50000, 4789, &framed("08000000 00000700")), Tunnel::Vxlan, &[7]),
        ("VXLAN of Linux", udp(50000, 8472, &framed("08000000 00000700")), Tunnel::Vxlan, &[7]),
        ("VXLAN with a policy", udp(50000, 4789, &framed("88000005 00000700")), Tunnel::Vxlan, &[7]),
        ("VXLAN-GPE", udp(50000, 4790, &of("0c000001 00000700")), Tunnel::Vxlan, &[7]),
        ("GENEVE", udp(50000, 6081, &framed("0100 6558 00000700 00000000")), Tunnel::Geneve, &[7]),
        ("GRE in UDP", udp(50000, 4754, &of("2000 0800 00000007")), Tunnel::GreInUdp, &[7]),
        ("GTP-U", udp(50000, 2152, &of("30ff 002d 00000007")), Tunnel::GtpU, &[7]),
        ("GTP-U with a sequence number", udp(2152, 50000, &of("32ff 0031 00000007 0001 00 00")), Tunnel::GtpU, &[7]),
        ("GTP-U with an N-PDU", udp(2152, 2152, &of("31ff 0031 00000007 0000 05 00")), Tunnel::GtpU, &[7]),
        (
            "GTP-U with extension headers",
            udp(2152, 2152, &of("34ff 0039 00000007 0000 00 85 01 1009 c0 02 00000000 0000 00")),
            Tunnel::GtpU,
            &[7],
        ),
        ("GTP-U of frames", udp(2152, 2152, &framed("30ff 003b 00000007")), Tunnel::GtpU, &[7]),
        (
            "AYIYA",
            udp(
                50000,
                5072,
                &[bytes(&format!("4252 0129 00000000 {}", "11".repeat(36))), ipv6("2001:db8::1", tcp)].concat(),
            ),
            Tunnel::Ayiya,
            &[],
        ),
        ("Teredo", udp(50000, 3544, &ipv6("2001:db8::1", tcp)), Tunnel::Teredo, &[]),
        ("Teredo of a relay", udp(50000, 60000, &ipv6("2001:0::1", tcp)), Tunnel::Teredo, &[]),
        (
            "Teredo of a relay with an origin",
            udp(50000, 60000, &[bytes("0000 1234 c0000201"), ipv6("2001:0::1", tcp)].concat()),
            Tunnel::Teredo,
            &[],
        ),
        ("L2TP", udp(1701, 1701, &of("0002 0001 0007 ff03 0021")), Tunnel::L2tp, &[0x1_0007]),
        (
            "L2TP with all fields",
            udp(1701, 1701, &of("4a02 0000 0001 0007 00000000 0002 0000 0021")),
            Tunnel::L2tp,
            &[0x1_0007],
        ),
        ("MPLS in UDP", udp(50000, 6635, &of("00007140")), Tunnel::Mpls, &[7]),
        ("LISP", udp(50000, 4341, &of("08000000 00000700")), Tunnel::Lisp, &[7]),
        ("TZSP", udp(50000, 37008, &framed("0100 0001 0a 01 05 00 01")), Tunnel::Tzsp, &[]),
    ];
    for (name, packet, tunnel, numbers) in table {
        let frame = ethernet("8100 0003 0800", &packet);
        let tag = tag_of(&[&[3], numbers].concat());
        let entered = content(&frame, LinkType::Ethernet, true);
        assert_eq!(entered, Ok(("hello".into(), tag)), "{name}");
        assert_eq!(content(&frame, LinkType::Ethernet, false), Err(Some(Undecoded::Tunnel(tunnel))), "{name}");
        for length in 0..frame.len() {
            let _ = content(&frame[..length], LinkType::Ethernet, true);
        }
    }
}

#[test]
fn packets_that_carry_no_other_packet_are_not_taken_for_tunnels() {
    let table = [
        ("SIP", udp(5072, 5072, b"INVITE sip:a@b SIP/2.0\r\n\r\n")),
        ("a GTP echo", udp(2152, 2152, &bytes("3201 0004 00000000 0001 0000"))),
        ("L2TP control", udp(1701, 1701, &bytes("c802 000c 0000 0000 0000 0000"))),
        ("text", udp(50000, 8472, b"hello world, hello world")),
        ("little", udp(50000, 4789, b"x")),
        ("nothing", udp(50000, 4754, b"")),
        ("DNS", udp(50000, 53, &[0x60; 80])),
        ("six that is no relay's", udp(50000, 60000, &[&ipv6("2001:0::1", &[0; 30])[..], b"more"].concat())),
        ("a GRE keepalive", ipv4(47, &bytes("0000 0000"))),
        ("an L2TPv3 control message", ipv4(115, &bytes("00000000 c8030014 00000000 00000000"))),
    ];
    for (name, packet) in table {
        for tunnels in [false, true] {
            assert_eq!(content(&ethernet("0800", &packet), LinkType::Ethernet, tunnels), Err(None), "{name}");
        }
    }
}

#[test]
fn tunnels_within_tunnels_are_entered_up_to_the_bound() {
    let mut packet = ip(b"hello");
    for depth in 1..=MAX_TUNNELS + 3 {
        packet = ipv4(4, &packet);
        let want = if depth <= MAX_TUNNELS { Ok(("hello".into(), 0)) } else { Err(Some(Undecoded::Tunnels)) };
        assert_eq!(content(&packet, LinkType::Ip, true), want, "{depth}");
    }
}

#[test]
fn an_authentication_header_of_ipv4_is_walked() {
    let tcp = &ip(b"hello")[20..];
    let packet = ipv4(51, &[&bytes("06 04 0000 00000001 00000001 000000000000000000000000")[..], tcp].concat());
    assert_eq!(content(&packet, LinkType::Ip, false), Ok(("hello".into(), 0)));
}

#[test]
fn a_label_of_an_undecoded_kind_is_read_back_as_that_kind() {
    let mut kinds = vec![Undecoded::LinkType(147), Undecoded::EtherType(0x8926), Undecoded::Ppp(0xfd)];
    kinds.extend([Undecoded::IpProtocol(99), Undecoded::Tunnel(Tunnel::Vxlan), Undecoded::Other, Undecoded::Tags]);
    for kind in kinds {
        assert_eq!(Undecoded::from_label(&kind.label()), kind);
    }
    assert_eq!(Undecoded::EtherType(0x0bee).label(), "ethertype 0x0bee");
    assert_eq!(Undecoded::from_label("of a later version"), Undecoded::Other);
}

/// An Ethernet frame with a TCP segment over IPv4 of this payload and these flags, then the bytes `behind`.
fn least(tags: &str, flags: u8, payload: &[u8], behind: &[u8]) -> Vec<u8> {
    let mut packet = ip(payload);
    packet[33] = flags;
    [&ethernet(tags, &packet)[..], behind].concat()
}

#[test]
fn zeros_that_fill_a_frame_of_minimum_size_are_padding_and_other_bytes_are_not() {
    const ACK: u8 = 0x10;
    const PSH: u8 = 0x08;
    const FIN: u8 = 0x01;
    let fcs = [0xde, 0xad, 0xbe, 0xef];
    let table: [(&str, Vec<u8>, usize); 13] = [
        ("a pure acknowledgement", least("0800", ACK, &[0; 6], &[]), 0),
        ("with a checksum", least("0800", ACK, &[0; 6], &fcs), 0),
        ("a FIN", least("0800", ACK | FIN, &[0; 6], &[]), 0),
        ("below a VLAN tag that came later", least("8100 0005 0800", ACK, &[0; 6], &[]), 0),
        ("below a VLAN tag", least("8100 0005 0800", ACK, &[0; 2], &[]), 0),
        ("below a VLAN tag, with a checksum", least("8100 0005 0800", ACK, &[0; 2], &fcs), 0),
        ("pushed zeros", least("0800", ACK | PSH, &[0; 6], &[]), 6),
        ("other bytes", least("0800", ACK, &[0, 0, 0, 0, 0, 1], &[]), 6),
        ("fewer zeros in a shorter frame", least("0800", ACK, &[0; 2], &[]), 2),
        ("fewer zeros, and padding behind the packet", least("0800", ACK, &[0; 2], &[0; 4]), 2),
        ("a probe of a closed window", least("0800", ACK, &[0; 1], &[0; 5]), 1),
        ("more zeros", least("0800", ACK, &[0; 7], &[]), 7),
        ("zeros before more padding than a checksum", least("0800", ACK, &[0; 6], &[0; 6]), 6),
    ];
    for (name, frame, want) in table {
        let frame = packet(LinkType::Ethernet, &frame);
        let datagram = datagram(&frame).unwrap();
        let segment = segment(&datagram, frame.ts, frame.interface).unwrap();
        assert_eq!((segment.payload.len(), segment.payload_wire_len as usize), (want, want), "{name}");
    }
}

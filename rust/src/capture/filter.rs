//! Applies BPF expressions to packets of files. For interfaces the kernel does that.

mod mistake;

use pcap::{BpfProgram, Capture, Linktype};

use super::Error;

/// A compiled expression for one link type.
pub struct Filter(BpfProgram);

impl Filter {
    /// Compiles an expression for a `LINKTYPE_` number.
    pub fn compile(expression: &str, link_type: u32) -> Result<Self, Error> {
        compile(expression, link_type).map(Self).map_err(|error| failure(expression, link_type, &error))
    }

    /// True if the packet matches the expression.
    pub fn matches(&self, packet: &[u8]) -> bool {
        self.0.filter(packet)
    }
}

fn compile(expression: &str, link_type: u32) -> Result<BpfProgram, pcap::Error> {
    // Raw IP is 101 in files (LINKTYPE_RAW) and 12 in libpcap on Linux (DLT_RAW).
    let number = if link_type == 101 { 12 } else { link_type };
    Capture::dead(Linktype(number as i32))?.compile(expression, true)
}

/// The error for an expression that does not compile, with the position of the mistake if it can be located.
pub fn failure(expression: &str, link_type: u32, error: &pcap::Error) -> Error {
    let words = |error: &pcap::Error| match error {
        pcap::Error::PcapError(words) => words.clone(),
        other => other.to_string(),
    };
    let reason = words(error);
    let complain = |part: &str| compile(part, link_type).err().map(|error| words(&error));
    let position = mistake::position(expression, &reason, complain);
    Error::Filter { expression: expression.to_owned(), reason, position }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{DEFAULT_FILTER, TUNNELS_FILTER, UNTAGGED_FILTER, UNTAGGED_TUNNELS_FILTER};

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect()
    }

    /// An Ethernet frame with these bytes after its addresses, followed by zeros.
    fn frame(hex: &str) -> Vec<u8> {
        [vec![2; 12], bytes(hex), vec![0; 100]].concat()
    }

    fn ipv4(protocol: u8) -> String {
        format!("0800 45000060 00000000 40{protocol:02x}0000 0a000001 0a000002")
    }

    #[test]
    fn the_default_filters_hold_for_their_links() {
        for (link_type, filters) in [
            (1, [DEFAULT_FILTER, TUNNELS_FILTER]),
            (113, [UNTAGGED_FILTER, UNTAGGED_TUNNELS_FILTER]),
            (276, [UNTAGGED_FILTER, UNTAGGED_TUNNELS_FILTER]),
            (12, [UNTAGGED_FILTER, UNTAGGED_TUNNELS_FILTER]),
            (101, [UNTAGGED_FILTER, UNTAGGED_TUNNELS_FILTER]),
            (0, [UNTAGGED_FILTER, UNTAGGED_TUNNELS_FILTER]),
            (9, [UNTAGGED_FILTER, UNTAGGED_TUNNELS_FILTER]),
        ] {
            for filter in filters {
                assert!(Filter::compile(filter, link_type).is_ok(), "{link_type}: {filter}");
            }
        }
    }

    #[test]
    fn what_may_hide_tcp_passes_the_default_filter_and_what_cannot_does_not() {
        let default = Filter::compile(DEFAULT_FILTER, 1).unwrap();
        let hidden = ["", "8100 0001", "88a8 0001 8100 0002", "8100 0001 8100 0002 8100 0003"];
        for tags in hidden {
            assert!(default.matches(&frame(&format!("{tags} {}", ipv4(6)))), "{tags}");
        }
        let tags =
            ["8926 00010002", "893f 000000010000", "8909 010100010064", "8988 000000010000", "9200 0007", "8200 0007"];
        for tag in tags {
            assert!(default.matches(&frame(tag)), "{tag}");
            assert!(default.matches(&frame(&format!("8100 0001 {tag}"))), "{tag} below a VLAN tag");
        }
        let quic = format!("{} c000 01bb 0040 0000", ipv4(17));
        assert!(default.matches(&frame(&quic)) && default.matches(&frame(&format!("8100 0001 {quic}"))));
        for other in ["0806 0001", &ipv4(17), "8100 0001 0806 0001", &format!("8100 0001 {}", ipv4(17))] {
            assert!(!default.matches(&frame(other)), "{other}");
        }
    }

    #[test]
    fn tunnels_pass_the_filter_for_them_only() {
        let (default, tunnels) =
            (Filter::compile(DEFAULT_FILTER, 1).unwrap(), Filter::compile(TUNNELS_FILTER, 1).unwrap());
        let udp = |source: u16, target: u16| format!("{} {source:04x} {target:04x} 0040 0000", ipv4(17));
        let to = [4789, 8472, 4790, 6081, 6635, 4341, 37008, 37009].map(|port| udp(50000, port));
        let from = [4754, 2152, 5072, 3544, 1701].map(|port| udp(port, 50000));
        let relays = format!("{} 60000000 0000 3b40 20010000", udp(50000, 60000));
        let fragment = ipv4(17).replace("45000060 00000000", "45000060 00000010");
        let protocols = [4, 41, 47, 97, 115, 137].map(ipv4);
        for packet in to.iter().chain(&from).chain(&protocols).chain([&relays, &fragment]) {
            for tag in ["", "8100 0001"] {
                let frame = frame(&format!("{tag} {packet}"));
                assert!(tunnels.matches(&frame) && !default.matches(&frame), "{tag} {packet}");
            }
        }
        assert!(!tunnels.matches(&frame(&udp(50000, 53))));
    }

    #[test]
    fn the_position_of_a_mistake_is_told_where_it_can_be_located() {
        let table = [
            ("tcp prot 80", Some(4)),
            ("tpc port 80", Some(0)),
            ("tcp port", Some(8)),
            ("port 80 and", Some(11)),
            ("tcp and and port 80", Some(8)),
            ("(tcp", Some(4)),
            ("tcp)", Some(3)),
            ("host 192.0.2.1 port 80 udp", Some(15)),
            ("tcp port 80 udp", Some(12)),
            ("ip[0 = 5", Some(5)),
            ("tcp[tcpflags] & tcp-syn != 0 or", Some(31)),
            ("tcp port 80 or not", Some(18)),
            ("host and tcp", Some(9)),
            ("tcp port nosuchport", Some(9)),
            ("\u{e9} tcp", Some(0)),
        ];
        for (expression, wanted) in table {
            match Filter::compile(expression, 1).err() {
                Some(Error::Filter { position, reason, expression: of }) => {
                    assert_eq!((position, &*of), (wanted, expression), "{reason}");
                }
                other => panic!("{expression}: {other:?}"),
            }
        }
    }
}

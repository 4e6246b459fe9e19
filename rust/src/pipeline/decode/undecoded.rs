//! Kinds of packets that are not decoded although they may carry HTTP, and protocols that are known to carry none.

use std::borrow::Cow;

/// Why a packet was not decoded, as snapshots count and name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Undecoded {
    /// A link type that is not supported.
    LinkType(u32),
    /// An Ethernet type that is not known.
    EtherType(u16),
    /// A PPP protocol that is not known, or compressed.
    Ppp(u16),
    /// An IP protocol that is not known.
    IpProtocol(u8),
    /// MPLS that carries neither IP nor Ethernet.
    Mpls,
    /// Several frames in one IEEE 802.11 frame (A-MSDU).
    AggregatedWifi,
    /// A frame or a packet that its link or `IPsec` encrypts.
    Encrypted(Cipher),
    /// A tunnel that is not looked into.
    Tunnel(Tunnel),
    /// More than [`super::MAX_TAGS`] headers between link and IP.
    Tags,
    /// More than [`super::MAX_TUNNELS`] nested tunnels.
    Tunnels,
    /// Fragments that do not make a datagram.
    Fragments,
    /// A header is cut off, by the snapshot length or by its sender.
    Cut,
    /// A header contradicts itself.
    Malformed,
    /// All kinds for which a list had no room.
    Other,
}

/// Encryption below TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cipher {
    /// IEEE 802.11 (WEP, TKIP, CCMP).
    Wifi,
    /// IEEE 802.1AE.
    Macsec,
    /// `IPsec`, RFC 4303.
    Esp,
}

/// The tunnels that can be looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tunnel {
    /// RFC 2003, 4213 (6in4) and 2473.
    IpInIp,
    /// RFC 2784, 2890, 2637; with ERSPAN (draft-foschiano-erspan), Aruba and `MikroTik` among its protocols.
    Gre,
    /// RFC 8086.
    GreInUdp,
    /// RFC 7348, with its extension of several protocols (draft-ietf-nvo3-vxlan-gpe).
    Vxlan,
    /// RFC 8926.
    Geneve,
    /// RFC 4380.
    Teredo,
    /// 3GPP TS 29.281.
    GtpU,
    /// draft-massar-v6ops-ayiya.
    Ayiya,
    /// RFC 2661 and 3931.
    L2tp,
    /// RFC 4023 and 7510.
    Mpls,
    /// RFC 3378.
    EtherIp,
    /// RFC 9300.
    Lisp,
    /// Mirrored frames of `MikroTik` and of wireless sniffers.
    Tzsp,
}

/// Every kind without a number, and its label. A label of a tunnel begins with `tunnel`, that of a cipher with
/// `encrypted`.
const NAMES: [(Undecoded, &str); 24] = [
    (Undecoded::Mpls, "mpls payload"),
    (Undecoded::AggregatedWifi, "aggregated 802.11"),
    (Undecoded::Encrypted(Cipher::Wifi), "encrypted 802.11"),
    (Undecoded::Encrypted(Cipher::Macsec), "encrypted macsec"),
    (Undecoded::Encrypted(Cipher::Esp), "encrypted esp"),
    (Undecoded::Tunnel(Tunnel::IpInIp), "tunnel ip-in-ip"),
    (Undecoded::Tunnel(Tunnel::Gre), "tunnel gre"),
    (Undecoded::Tunnel(Tunnel::GreInUdp), "tunnel gre-in-udp"),
    (Undecoded::Tunnel(Tunnel::Vxlan), "tunnel vxlan"),
    (Undecoded::Tunnel(Tunnel::Geneve), "tunnel geneve"),
    (Undecoded::Tunnel(Tunnel::Teredo), "tunnel teredo"),
    (Undecoded::Tunnel(Tunnel::GtpU), "tunnel gtp-u"),
    (Undecoded::Tunnel(Tunnel::Ayiya), "tunnel ayiya"),
    (Undecoded::Tunnel(Tunnel::L2tp), "tunnel l2tp"),
    (Undecoded::Tunnel(Tunnel::Mpls), "tunnel mpls"),
    (Undecoded::Tunnel(Tunnel::EtherIp), "tunnel etherip"),
    (Undecoded::Tunnel(Tunnel::Lisp), "tunnel lisp"),
    (Undecoded::Tunnel(Tunnel::Tzsp), "tunnel tzsp"),
    (Undecoded::Tags, "too many tags"),
    (Undecoded::Tunnels, "too many tunnels"),
    (Undecoded::Fragments, "incomplete fragments"),
    (Undecoded::Cut, "cut headers"),
    (Undecoded::Malformed, "contradictory headers"),
    (Undecoded::Other, "~other"),
];

const LINK_TYPE: &str = "link type ";
const ETHERTYPE: &str = "ethertype 0x";
const PPP: &str = "ppp protocol 0x";
const IP_PROTOCOL: &str = "ip protocol ";

impl Undecoded {
    /// The label in a snapshot: `ethertype 0x8926`, `tunnel vxlan`.
    pub fn label(self) -> Cow<'static, str> {
        match self {
            Self::LinkType(number) => format!("{LINK_TYPE}{number}").into(),
            Self::EtherType(number) => format!("{ETHERTYPE}{number:04x}").into(),
            Self::Ppp(number) => format!("{PPP}{number:04x}").into(),
            Self::IpProtocol(number) => format!("{IP_PROTOCOL}{number}").into(),
            named => {
                let found = NAMES.iter().find(|(kind, _)| *kind == named);
                found.map_or("~other", |&(_, name)| name).into()
            }
        }
    }

    /// The kind with this label; [`Undecoded::Other`] for a label that only a later version knows.
    pub fn from_label(label: &str) -> Self {
        let hex = |prefix| label.strip_prefix(prefix).and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let decimal = |prefix| label.strip_prefix(prefix).and_then(|digits| digits.parse::<u32>().ok());
        let named = || NAMES.iter().find(|(_, name)| *name == label).map(|&(kind, _)| kind);
        hex(ETHERTYPE)
            .map(Self::EtherType)
            .or_else(|| hex(PPP).map(Self::Ppp))
            .or_else(|| decimal(LINK_TYPE).map(Self::LinkType))
            .or_else(|| decimal(IP_PROTOCOL).and_then(|number| number.try_into().ok()).map(Self::IpProtocol))
            .or_else(named)
            .unwrap_or(Self::Other)
    }
}

/// Ethernet types that carry no IP, sorted: control protocols of links and bridges, and network protocols other than
/// IP.
const ORDINARY: [u16; 77] = [
    0x0600, 0x0806, 0x0842, 0x0bad, 0x2000, 0x2001, 0x2003, 0x2004, 0x22ea, 0x22f0, 0x22f4, 0x6000, 0x6001, 0x6002,
    0x6003, 0x6004, 0x6005, 0x6006, 0x6007, 0x8035, 0x8037, 0x809b, 0x80f3, 0x8102, 0x8137, 0x8138, 0x814c, 0x8204,
    0x8808, 0x8809, 0x8819, 0x8863, 0x886c, 0x886d, 0x886f, 0x8874, 0x887b, 0x888e, 0x8892, 0x8899, 0x889a, 0x88a2,
    0x88a4, 0x88ab, 0x88b4, 0x88b8, 0x88b9, 0x88ba, 0x88bf, 0x88c7, 0x88ca, 0x88cc, 0x88cd, 0x88d9, 0x88dc, 0x88e1,
    0x88e3, 0x88f5, 0x88f6, 0x88f7, 0x88f8, 0x88fb, 0x8902, 0x8906, 0x890d, 0x8914, 0x8915, 0x8917, 0x8918, 0x891d,
    0x8929, 0x8940, 0x8946, 0x9000, 0x9003, 0xcafe, 0xfefe,
];

/// True if this Ethernet type is known to carry no HTTP.
pub fn is_ordinary_ethertype(number: u16) -> bool {
    ORDINARY.binary_search(&number).is_ok()
}

/// True if this PPP protocol is known to carry no HTTP: networks other than IP, and everything from 0x4000 on, which is
/// control (RFC 1661 §2).
pub fn is_ordinary_ppp(number: u16) -> bool {
    matches!(number, 0x0023 | 0x0025 | 0x0027 | 0x0029 | 0x002b | 0x003f | 0x0201..=0x0207 | 0x4000..)
}

/// True if this IP protocol is known to carry no HTTP: other transports and control protocols. GRE (47) and L2TP (115)
/// are among them for messages that carry no packet. HTTP/3 over UDP is not looked for.
pub fn is_ordinary_ip_protocol(number: u8) -> bool {
    matches!(
        number,
        1 | 2
            | 3
            | 8
            | 9
            | 17
            | 20
            | 27
            | 33
            | 46
            | 47
            | 48
            | 54
            | 58
            | 59
            | 76
            | 88
            | 89
            | 103
            | 112
            | 113
            | 115
            | 124
            | 132
            | 136
            | 139
    )
}

//! Tunnels: packets and frames inside IP packets. Two tables list the IP protocols and the UDP ports by which a tunnel
//! is recognised, each with the function that finds its content. Tunnels are entered if that is asked for, otherwise
//! only named.
//!
//! A packet that is recognised by its UDP port must also look like the tunnel, since other programs use these ports as
//! well.

use super::header::{NotTcp, after, u8_at, u16_at, u32_at};
use super::ip::Datagram;
use super::link::Frame;
use super::tags::{self, BRIDGED, IPV4, IPV6, MPLS, PPP, Tagged};
use super::undecoded::Tunnel;
use super::wifi;
use crate::pipeline::steps;

/// Content of a tunnel, not yet decoded.
#[derive(Clone, Copy, Debug)]
pub struct Inside<'a> {
    /// Identifier of the network inside the tunnel; 0 if there is none.
    number: u32,
    shape: Shape,
    rest: &'a [u8],
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    /// What this Ethernet type announces.
    Type(u16),
    /// An IEEE 802.11 frame.
    Wifi,
}

/// A packet that carries another one through a tunnel.
#[derive(Clone, Copy, Debug)]
pub struct Outer<'a> {
    /// Kind of tunnel.
    pub tunnel: Tunnel,
    inside: Inside<'a>,
}

impl<'a> Inside<'a> {
    fn new(number: u32, kind: u16, rest: &'a [u8]) -> Self {
        Self { number, shape: Shape::Type(kind), rest }
    }

    /// A bare IP packet, of either version.
    fn ip(number: u32, rest: &'a [u8]) -> Result<Self, NotTcp> {
        let is_ip = matches!(u8_at(rest, 0)? >> 4, 4 | 6);
        if is_ip { Ok(Self::new(number, IPV4, rest)) } else { Err(NotTcp::Foreign) }
    }

    fn strip(self, tag: u32) -> Result<Tagged<'a>, NotTcp> {
        let tag = tags::fold(tag, self.number);
        match self.shape {
            Shape::Type(kind) => tags::from_ethertype(tag, kind, self.rest),
            Shape::Wifi => wifi::frame(tag, self.rest),
        }
    }
}

impl<'a> Outer<'a> {
    /// Finds the packet inside the tunnel. `datagram` is the one that [`outer`] was given.
    pub fn enter(self, datagram: &Datagram<'a>) -> Result<Frame<'a>, NotTcp> {
        let (tag, ip) = self.inside.strip(datagram.tag)?;
        let stripped = datagram.payload.len() - ip.len();
        Ok(Frame { tag, ip, wire_len: datagram.wire_len.saturating_sub(stripped) })
    }
}

type Parser = for<'a> fn(&'a [u8]) -> Result<Inside<'a>, NotTcp>;

/// Tunnels by IP protocol.
const PROTOCOLS: [(u8, Tunnel, Parser); 6] = [
    (4, Tunnel::IpInIp, |data| Ok(Inside::new(0, IPV4, data))),
    (41, Tunnel::IpInIp, |data| Ok(Inside::new(0, IPV4, data))),
    (47, Tunnel::Gre, gre),
    (97, Tunnel::EtherIp, |data| Ok(Inside::new(0, BRIDGED, after(data, 2)?))),
    (115, Tunnel::L2tp, |data| l2tp3(u32_at(data, 0)?, after(data, 4)?)),
    (137, Tunnel::Mpls, |data| Ok(Inside::new(0, MPLS, data))),
];

/// Tunnels by UDP port (assigned by IANA; 8472 is that of Linux): the destination port, or either port where answers
/// come from it as well.
const PORTS: [(u16, Side, Tunnel, Parser); 13] = [
    (4789, Side::To, Tunnel::Vxlan, vxlan),
    (8472, Side::To, Tunnel::Vxlan, vxlan),
    (4790, Side::To, Tunnel::Vxlan, vxlan_gpe),
    (6081, Side::To, Tunnel::Geneve, geneve),
    (4754, Side::Either, Tunnel::GreInUdp, gre),
    (2152, Side::Either, Tunnel::GtpU, gtp_u),
    (5072, Side::Either, Tunnel::Ayiya, ayiya),
    (3544, Side::Either, Tunnel::Teredo, teredo),
    (1701, Side::Either, Tunnel::L2tp, l2tp),
    (6635, Side::To, Tunnel::Mpls, |data| Ok(Inside::new(0, MPLS, data))),
    (4341, Side::To, Tunnel::Lisp, |data| Inside::ip(u32_at(data, 4)? >> 8, after(data, 8)?)),
    (37008, Side::To, Tunnel::Tzsp, tzsp),
    (37009, Side::To, Tunnel::Tzsp, tzsp),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    To,
    Either,
}

/// Returns the tunnel whose packet this is. Returns `None` if it is another packet, or a message of the tunnel's own
/// protocol, such as an echo.
pub fn outer<'a>(datagram: &Datagram<'a>) -> Option<Result<Outer<'a>, NotTcp>> {
    if datagram.protocol == 17 {
        return udp(datagram);
    }
    let (_, tunnel, parse) = PROTOCOLS.into_iter().find(|(protocol, ..)| *protocol == datagram.protocol)?;
    found(tunnel, parse(datagram.payload))
}

fn found(tunnel: Tunnel, inside: Result<Inside<'_>, NotTcp>) -> Option<Result<Outer<'_>, NotTcp>> {
    match inside {
        Err(NotTcp::Foreign) => None,
        inside => Some(inside.map(|inside| Outer { tunnel, inside })),
    }
}

fn udp<'a>(datagram: &Datagram<'a>) -> Option<Result<Outer<'a>, NotTcp>> {
    let payload = datagram.payload;
    let (source, destination) = (u16_at(payload, 0).ok()?, u16_at(payload, 2).ok()?);
    let data = payload.get(8..)?;
    let is_known =
        |&(port, side, ..): &(u16, Side, Tunnel, Parser)| destination == port || side == Side::Either && source == port;
    if let Some((.., tunnel, parse)) = PORTS.into_iter().find(is_known) {
        let is_whole = payload.len() >= datagram.wire_len;
        return match parse(data) {
            // Another program uses this port.
            Err(NotTcp::Short) if is_whole => None,
            inside => found(tunnel, inside),
        };
    }
    let wire_len = usize::from(u16_at(payload, 4).ok()?).checked_sub(8)?;
    teredo_of_relay(data, wire_len).and_then(|inside| found(Tunnel::Teredo, Ok(inside)))
}

fn gre(data: &[u8]) -> Result<Inside<'_>, NotTcp> {
    const CHECKSUM: u16 = 0x8000;
    const ROUTING: u16 = 0x4000;
    const KEY: u16 = 0x2000;
    const SEQUENCE: u16 = 0x1000;
    const ACKNOWLEDGEMENT: u16 = 0x0080;
    let (flags, kind) = (u16_at(data, 0)?, u16_at(data, 2)?);
    let version = flags & 7;
    let bit = |mask: u16| 4 * usize::from(flags & mask != 0);
    let key_at = 4 + bit(CHECKSUM | ROUTING);
    // RFC 2637 §4.1: in version 1 the upper half of the key is a length, the lower half the number of the call.
    let number = match (flags & KEY != 0, version) {
        (false, _) => 0,
        (true, 1) => u32::from(u16_at(data, key_at + 2)?),
        (true, _) => u32_at(data, key_at)?,
    };
    let acknowledgement = if version == 1 { bit(ACKNOWLEDGEMENT) } else { 0 };
    let mut rest = after(data, key_at + bit(KEY) + bit(SEQUENCE) + acknowledgement)?;
    if flags & ROUTING != 0 {
        rest = past_routes(rest)?;
    }
    match kind {
        0x88be if flags & SEQUENCE == 0 => Ok(Inside::new(number, BRIDGED, rest)),
        0x88be | 0x22eb => erspan(number, rest),
        // Aruba, one number per queue.
        0x8200..=0x837f | 0x9000 if kind % 0x10 == 0 => Ok(Inside { number, shape: Shape::Wifi, rest }),
        // `MikroTik`'s EoIP.
        0x6400 => Ok(Inside::new(number, BRIDGED, rest)),
        // WCCP, whose second version has four bytes before the packet (draft-wilson-wrec-wccp-v2 §4.12).
        0x883e if u8_at(rest, 0)? >> 4 != 4 => Ok(Inside::new(number, IPV4, after(rest, 4)?)),
        0x883e => Ok(Inside::new(number, IPV4, rest)),
        // Cisco metadata: here the Ethernet type of what follows comes first.
        0x8909 => Ok(Inside::new(number, u16_at(rest, 0)?, after(rest, 4 + 4 * usize::from(u8_at(rest, 3)?))?)),
        // A keepalive of routers.
        0 => Err(NotTcp::Foreign),
        _ => Ok(Inside::new(number, kind, rest)),
    }
}

/// Steps over the routing entries of RFC 1701. Each has a family, an offset, a length and that many bytes; the last is
/// empty.
fn past_routes(mut rest: &[u8]) -> Result<&[u8], NotTcp> {
    loop {
        steps::add(1);
        let (family, length) = (u16_at(rest, 0)?, usize::from(u8_at(rest, 3)?));
        rest = after(rest, 4 + length)?;
        if family == 0 && length == 0 {
            return Ok(rest);
        }
    }
}

/// ERSPAN types II and III (draft-foschiano-erspan §4.2, §4.3), told apart by their version. Both carry the id of the
/// VLAN tag that was removed.
fn erspan(number: u32, rest: &[u8]) -> Result<Inside<'_>, NotTcp> {
    let first = u16_at(rest, 0)?;
    let number = tags::fold(number, u32::from(first & 0x0fff));
    match first >> 12 {
        1 => Ok(Inside::new(number, BRIDGED, after(rest, 8)?)),
        2 => {
            let flags = u16_at(rest, 10)?;
            let platform = 8 * usize::from(flags & 1);
            // The frame type: Ethernet, or an IP packet.
            let kind = if flags >> 10 & 0x1f == 2 { IPV4 } else { BRIDGED };
            Ok(Inside::new(number, kind, after(rest, 12 + platform)?))
        }
        _ => Err(NotTcp::Malformed),
    }
}

/// The network identifier of three bytes in a VXLAN or GENEVE header.
fn network(data: &[u8]) -> Result<u32, NotTcp> {
    Ok(u32_at(data, 4)? >> 8)
}

/// RFC 7348 §5: the flag of the identifier must be set. The only other flag accepted is that of a group policy, as
/// Linux does.
fn vxlan(data: &[u8]) -> Result<Inside<'_>, NotTcp> {
    const HAS_POLICY: u8 = 0x80;
    if u8_at(data, 0)? & !HAS_POLICY != 0x08 {
        return Err(NotTcp::Foreign);
    }
    Ok(Inside::new(network(data)?, BRIDGED, after(data, 8)?))
}

fn vxlan_gpe(data: &[u8]) -> Result<Inside<'_>, NotTcp> {
    const SAYS_PROTOCOL: u8 = 0x04;
    let next = if u8_at(data, 0)? & SAYS_PROTOCOL == 0 { Some(BRIDGED) } else { tags::by_nsh_number(u8_at(data, 3)?) };
    Ok(Inside::new(network(data)?, next.ok_or(NotTcp::Foreign)?, after(data, 8)?))
}

fn geneve(data: &[u8]) -> Result<Inside<'_>, NotTcp> {
    const IS_CONTROL: u16 = 0x0080;
    let first = u16_at(data, 0)?;
    if first >> 14 != 0 || first & IS_CONTROL != 0 {
        return Err(NotTcp::Foreign);
    }
    let options = usize::from(first >> 8 & 0x3f) * 4;
    Ok(Inside::new(network(data)?, u16_at(data, 2)?, after(data, 8 + options)?))
}

/// RFC 4380 §5.1.1: an IPv6 packet behind an optional authentication header and an optional origin header.
fn teredo(mut data: &[u8]) -> Result<Inside<'_>, NotTcp> {
    if data.starts_with(&[0, 1]) {
        // Client identifier, value, nonce of eight bytes, confirmation.
        data = after(data, 13 + usize::from(u8_at(data, 2)?) + usize::from(u8_at(data, 3)?))?;
    }
    if data.starts_with(&[0, 0]) {
        data = after(data, 8)?;
    }
    if u8_at(data, 0)? >> 4 == 6 { Ok(Inside::new(0, IPV6, data)) } else { Err(NotTcp::Foreign) }
}

/// Teredo of a relay, which may use any port (RFC 4380 §5.4). It is recognised by an address with Teredo's prefix, and
/// by an IPv6 packet that fills the UDP datagram.
fn teredo_of_relay(data: &[u8], wire_len: usize) -> Option<Inside<'_>> {
    const PREFIX: [u8; 4] = [0x20, 0x01, 0, 0];
    let inside = teredo(data).ok()?;
    let ip = inside.rest;
    let total = 40 + usize::from(u16_at(ip, 4).ok()?);
    let has_address = [8, 24].into_iter().any(|at| ip.get(at..).is_some_and(|rest| rest.starts_with(&PREFIX)));
    (has_address && total + data.len() - ip.len() == wire_len).then_some(inside)
}

/// 3GPP TS 29.281 §5: version 1, a payload message, optional fields and extension headers.
fn gtp_u(data: &[u8]) -> Result<Inside<'_>, NotTcp> {
    const HAS_EXTENSION: u8 = 4;
    const HAS_OPTIONS: u8 = 7;
    let flags = u8_at(data, 0)?;
    if flags >> 4 != 3 || u8_at(data, 1)? != 0xff {
        return Err(NotTcp::Foreign);
    }
    let number = u32_at(data, 4)?;
    let mut rest = after(data, 8)?;
    if flags & HAS_OPTIONS != 0 {
        let mut next = u8_at(rest, 3)?;
        rest = after(rest, 4)?;
        while flags & HAS_EXTENSION != 0 && next != 0 {
            steps::add(1);
            let length = 4 * usize::from(u8_at(rest, 0)?);
            next = u8_at(rest, length.checked_sub(1).ok_or(NotTcp::Malformed)?)?;
            rest = after(rest, length)?;
        }
    }
    // A 5G session may carry Ethernet frames; an empty packet marks the end of a session.
    match rest.first() {
        None => Err(NotTcp::Short),
        Some(first) if matches!(first >> 4, 4 | 6) => Ok(Inside::new(number, IPV4, rest)),
        Some(_) => Ok(Inside::new(number, BRIDGED, rest)),
    }
}

/// draft-massar-v6ops-ayiya §4: behind eight bytes come an identity, whose length is a power of two, and a signature,
/// whose length is in words.
fn ayiya(data: &[u8]) -> Result<Inside<'_>, NotTcp> {
    let head = u32_at(data, 0)?;
    let (forwards, next) = (matches!(head >> 8 & 0x0f, 1 | 3), head & 0xff);
    if !forwards || !matches!(next, 4 | 41) || head >> 28 > 4 {
        return Err(NotTcp::Foreign);
    }
    let (identity, signature) = (1 << (head >> 28), 4 * (head >> 20 & 0x0f));
    Inside::ip(0, after(data, 8 + identity + signature as usize)?)
}

/// RFC 2661 §3.1 and RFC 3931 §4.1.2.1: data messages of version 2 carry PPP.
fn l2tp(data: &[u8]) -> Result<Inside<'_>, NotTcp> {
    const IS_CONTROL: u16 = 0x8000;
    let flags = u16_at(data, 0)?;
    let has = |mask: u16| usize::from(flags & mask != 0);
    match flags & 0x0f {
        _ if flags & IS_CONTROL != 0 => Err(NotTcp::Foreign),
        2 => {
            let ids = 2 + 2 * has(0x4000);
            let offset_at = ids + 4 + 4 * has(0x0800);
            let offset = if has(0x0200) == 0 { 0 } else { 2 + usize::from(u16_at(data, offset_at)?) };
            Ok(Inside::new(u32_at(data, ids)?, PPP, after(data, offset_at + offset)?))
        }
        3 => l2tp3(u32_at(data, 4)?, after(data, 8)?),
        _ => Err(NotTcp::Foreign),
    }
}

/// RFC 3931: the lengths of the cookie and of the sublayer before the frame are negotiated elsewhere, so each possible
/// length is tried. Session 0 is control.
fn l2tp3(session: u32, rest: &[u8]) -> Result<Inside<'_>, NotTcp> {
    let frames = [0, 4, 8, 12].into_iter().filter_map(|at| rest.get(at..));
    let frame = frames.into_iter().find(|frame| session != 0 && tags::looks_like_frame(frame));
    frame.map(|frame| Inside::new(session, BRIDGED, frame)).ok_or(NotTcp::Foreign)
}

/// TZSP: version, kind (received or sent), protocol of the content, then fields of a number, a length and that many
/// bytes. Field 1 is the last.
fn tzsp(data: &[u8]) -> Result<Inside<'_>, NotTcp> {
    let (first, follows) = (u16_at(data, 0)?, u16_at(data, 2)?);
    let shape = match (first, follows) {
        (0x0100 | 0x0101, 1) => Shape::Type(BRIDGED),
        (0x0100 | 0x0101, 18) => Shape::Wifi,
        _ => return Err(NotTcp::Foreign),
    };
    let mut rest = after(data, 4)?;
    loop {
        steps::add(1);
        let length = match u8_at(rest, 0)? {
            0 => 1,
            1 => return Ok(Inside { number: 0, shape, rest: after(rest, 1)? }),
            _ => 2 + usize::from(u8_at(rest, 1)?),
        };
        rest = after(rest, length)?;
    }
}

//! Link headers: from the start of a frame to the start of its IP header, over any VLAN, MPLS and `PPPoE` in between.

use super::{NotTcp, after, u8_at, u16_at, u32_at};
use crate::pipeline::packet::{LinkType, Packet};

/// An IP packet with what the link told of it.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// All numbers by which the link tells networks apart, see [`fold`]; 0 without any.
    pub tag: u32,
    /// From the IP header on, as captured.
    pub ip: &'a [u8],
    /// From the IP header on, as it was on the wire (link padding included).
    pub wire_len: usize,
}

/// VLAN tags one inside the other. Three cover 802.1ad with one to spare; more is a loop or an attack.
const MAX_TAGS: usize = 3;
/// MPLS labels stacked; providers use two or three.
const MAX_LABELS: usize = 8;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// Below this an Ethernet type field is an 802.3 length, and an LLC header follows.
const MIN_ETHERTYPE: u16 = 0x0600;

/// Finds the IP header of a frame.
#[inline]
pub fn strip<'a>(packet: &Packet<'a>) -> Result<Frame<'a>, NotTcp> {
    let data = packet.data;
    let frame = match packet.link_type {
        LinkType::Ethernet => ethernet(data)?,
        LinkType::LinuxSll => from_ethertype(u16_at(data, 14)?, after(data, 16)?)?,
        LinkType::LinuxSll2 => from_ethertype(u16_at(data, 0)?, after(data, 20)?)?,
        LinkType::Loopback => untagged(after(data, 4)?),
        LinkType::Ip => untagged(data),
        LinkType::Ppp => untagged(ppp(data)?),
        LinkType::CiscoHdlc => from_ethertype(u16_at(data, 2)?, after(data, 4)?)?,
        LinkType::NfLog => untagged(nflog(data)?),
        LinkType::Wifi => wifi(data)?,
        // The length of the header is little-endian.
        LinkType::Radiotap => wifi(after(data, usize::from(u16_at(data, 2)?.swap_bytes()))?)?,
        LinkType::Pktap => pktap(data)?,
    };
    let stripped = data.len() - frame.1.len();
    Ok(Frame { tag: frame.0, ip: frame.1, wire_len: (packet.wire_len as usize).saturating_sub(stripped) })
}

/// A tag (see [`Frame::tag`]) and what follows the link headers.
pub type Tagged<'a> = (u32, &'a [u8]);

/// Takes one more number into a tag: a VLAN id, an MPLS label, the key or identifier of a tunnel. 0 names no network
/// (IEEE 802.1Q: a tag of id 0 carries a priority only), so it leaves the tag as it is.
#[inline]
pub fn fold(tag: u32, number: u32) -> u32 {
    /// The golden ratio, odd, so that no two tags become one by the multiplication.
    const MIX: u32 = 0x9e37_79b1;
    if number == 0 { tag } else { tag.rotate_left(5).wrapping_mul(MIX).wrapping_add(number) }
}

#[inline]
fn untagged(ip: &[u8]) -> Tagged<'_> {
    (0, ip)
}

/// An Ethernet frame.
#[inline]
pub fn ethernet(data: &[u8]) -> Result<Tagged<'_>, NotTcp> {
    let kind = u16_at(data, 12)?;
    let rest = after(data, 14)?;
    if kind == IPV4 { Ok(untagged(rest)) } else { from_ethertype(kind, rest) }
}

/// What follows an Ethernet type.
pub fn from_ethertype(mut kind: u16, mut rest: &[u8]) -> Result<Tagged<'_>, NotTcp> {
    let (mut tag, mut tags) = (0, 0);
    loop {
        match kind {
            IPV4 | IPV6 => return Ok((tag, rest)),
            // 802.1Q, 802.1ad, and the number QinQ used before it had one.
            0x8100 | 0x88a8 | 0x9100 if tags < MAX_TAGS => {
                tag = fold(tag, u32::from(u16_at(rest, 0)? & 0x0fff));
                tags += 1;
                kind = u16_at(rest, 2)?;
                rest = after(rest, 4)?;
            }
            0x8847 | 0x8848 => return mpls(tag, rest),
            0x8864 => return Ok((fold(tag, u32::from(u16_at(rest, 2)?)), ppp(after(rest, 6)?)?)),
            // 802.3 with LLC and SNAP: AA AA 03, organisation 0, then an Ethernet type.
            _ if kind < MIN_ETHERTYPE && rest.starts_with(&[0xaa, 0xaa, 0x03, 0, 0, 0]) => {
                kind = u16_at(rest, 6)?;
                rest = after(rest, 8)?;
                if kind < MIN_ETHERTYPE {
                    return Err(NotTcp::Foreign);
                }
            }
            _ => return Err(NotTcp::Foreign),
        }
    }
}

/// RFC 3032: labels of four bytes, the last one marked; what follows is told by its first nibble.
fn mpls(mut tag: u32, mut rest: &[u8]) -> Result<Tagged<'_>, NotTcp> {
    for _ in 0..MAX_LABELS {
        let entry = u32_at(rest, 0)?;
        tag = fold(tag, entry >> 12);
        rest = after(rest, 4)?;
        if entry & 0x100 != 0 {
            return match u8_at(rest, 0)? >> 4 {
                4 | 6 => Ok((tag, rest)),
                _ => Err(NotTcp::Foreign),
            };
        }
    }
    Err(NotTcp::Malformed)
}

/// RFC 1661 with optional HDLC framing (RFC 1662) and protocol field compression.
pub fn ppp(data: &[u8]) -> Result<&[u8], NotTcp> {
    let data = if data.starts_with(&[0xff, 0x03]) { &data[2..] } else { data };
    match data {
        [0x00, 0x21 | 0x57, rest @ ..] | [0x21 | 0x57, rest @ ..] => Ok(rest),
        [] | [0x00] => Err(NotTcp::Short),
        _ => Err(NotTcp::Foreign),
    }
}

/// IEEE 802.11-2020 §9.3.2: data frames that are neither encrypted nor aggregated.
fn wifi(data: &[u8]) -> Result<Tagged<'_>, NotTcp> {
    const DATA: u8 = 2;
    const PROTECTED: u8 = 0x40;
    const SNAP: [u8; 6] = [0xaa, 0xaa, 0x03, 0, 0, 0];
    let (kind, flags) = (u8_at(data, 0)?, u8_at(data, 1)?);
    let (has_qos, is_null) = (kind & 0x80 != 0, kind & 0x40 != 0);
    if kind >> 2 & 3 != DATA || is_null || flags & PROTECTED != 0 {
        return Err(NotTcp::Foreign);
    }
    let four_addresses = flags & 3 == 3;
    let header = 24 + 6 * usize::from(four_addresses) + 2 * usize::from(has_qos);
    // Some drivers pad the header to a multiple of four.
    let body = [header, header.next_multiple_of(4)].into_iter().filter_map(|at| data.get(at..));
    let Some(body) = body.into_iter().find(|body| body.starts_with(&SNAP)) else { return Err(NotTcp::Foreign) };
    from_ethertype(u16_at(body, 6)?, after(body, 8)?)
}

/// Netfilter log: type-length-value records in host byte order, padded to four; type 9 holds the packet.
fn nflog(data: &[u8]) -> Result<&[u8], NotTcp> {
    const PAYLOAD: u16 = 9;
    let mut rest = after(data, 4)?;
    while let Some(&[a, b, c, d]) = rest.get(..4) {
        let length = usize::from(u16::from_ne_bytes([a, b]));
        if length < 4 {
            return Err(NotTcp::Malformed);
        }
        if u16::from_ne_bytes([c, d]) == PAYLOAD {
            return Ok(&rest[4..length.clamp(4, rest.len())]);
        }
        rest = after(rest, length.next_multiple_of(4))?;
    }
    Err(NotTcp::Short)
}

/// Darwin's PKTAP: header length, record type and the link type behind it, little-endian.
fn pktap(data: &[u8]) -> Result<Tagged<'_>, NotTcp> {
    let header = u32_at(data, 0)?.swap_bytes() as usize;
    let inner = u32_at(data, 8)?.swap_bytes();
    let rest = after(data, header)?;
    match LinkType::from_number(inner) {
        Some(LinkType::Ethernet) => ethernet(rest),
        Some(LinkType::Ip) => Ok(untagged(rest)),
        Some(LinkType::Loopback) => Ok(untagged(after(rest, 4)?)),
        _ => Err(NotTcp::Foreign),
    }
}

//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers, extension headers included.

use std::net::Ipv6Addr;

use super::header::{NotTcp, after, u8_at, u16_at, u32_at};
use super::link::Frame;
use crate::pipeline::steps;

/// Protocol number of TCP.
pub const TCP: u8 = 6;
/// Protocol number of the authentication header of `IPsec` (RFC 4302). The rest of the packet follows it in clear text.
pub const AUTHENTICATION: u8 = 51;

/// Maximum number of IPv6 extension headers. Real traffic has one or two, evasion tools use a thousand.
const MAX_EXTENSIONS: usize = 8;

/// Maximum length of a packet whose IP header has no length. Linux passes on up to 512 KiB (BIG TCP: eight times 65,535
/// bytes). A record that claims a longer packet is malformed.
pub const MAX_OFFLOADED: usize = 1 << 20;

/// The payload of one IP packet, or of one fragment.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// Which network the packet was on, see [`Frame::tag`].
    pub tag: u32,
    /// Sender; IPv4 addresses are mapped into IPv6 (`::ffff:a.b.c.d`).
    pub source: Ipv6Addr,
    /// Receiver.
    pub destination: Ipv6Addr,
    /// IP protocol of the payload: 6 is TCP.
    pub protocol: u8,
    /// IPv4 identification, 0 for IPv6. Copies of a packet have the same one, a retransmission has a new one.
    pub id: u16,
    /// Position in a larger datagram, if this is a fragment.
    pub fragment: Option<FragmentPart>,
    /// Captured bytes of the payload.
    pub payload: &'a [u8],
    /// Length of the payload according to the IP header; at most [`MAX_OFFLOADED`].
    pub wire_len: usize,
    /// True if the packet ends where an Ethernet frame of minimum size ends, see [`fills_frame`].
    pub fills_frame: bool,
}

impl Datagram<'_> {
    /// True if this fragment may be part of a TCP segment. Every IPv4 fragment names the protocol; in IPv6 only the
    /// first fragment has to, so any later one may be.
    pub fn may_hold_tcp(&self, part: FragmentPart) -> bool {
        let is_extension = matches!(self.protocol, 0 | 43 | 51 | 60);
        let may_say_anything = part.offset != 0 && self.source.to_ipv4_mapped().is_none();
        self.protocol == TCP || is_extension || may_say_anything
    }
}

/// Position of a fragment in its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentPart {
    /// Identification, shared by all fragments of a datagram.
    pub id: u32,
    /// Offset of the fragment's first byte in the payload of the datagram.
    pub offset: u32,
    /// True if more fragments follow.
    pub more: bool,
}

/// Reads the IP header of a frame.
#[inline(always)]
#[allow(clippy::inline_always, reason = "returning a datagram through memory costs as much as reading it")]
pub fn parse<'a>(frame: &Frame<'a>) -> Result<Datagram<'a>, NotTcp> {
    match u8_at(frame.ip, 0)? >> 4 {
        4 => v4(frame),
        6 => v6(frame),
        _ => Err(NotTcp::Malformed),
    }
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "as above")]
fn v4<'a>(frame: &Frame<'a>) -> Result<Datagram<'a>, NotTcp> {
    let ip = frame.ip;
    let header: &[u8; 20] = ip.first_chunk().ok_or(NotTcp::Short)?;
    let header_len = usize::from(header[0] & 0x0f) * 4;
    let total = match u16::from_be_bytes([header[2], header[3]]) {
        // Segmentation offload passes on packets longer than the field can express, with 0 in it.
        0 => offloaded(frame)?,
        total => usize::from(total),
    };
    if header_len < 20 || total < header_len {
        return Err(NotTcp::Malformed);
    }
    let id = u16::from_be_bytes([header[4], header[5]]);
    let part = u16::from_be_bytes([header[6], header[7]]);
    let (offset, more) = (u32::from(part & 0x1fff) * 8, part & 0x2000 != 0);
    Ok(Datagram {
        tag: frame.tag,
        source: mapped([header[12], header[13], header[14], header[15]]),
        destination: mapped([header[16], header[17], header[18], header[19]]),
        protocol: header[9],
        id,
        fragment: (offset != 0 || more).then_some(FragmentPart { id: u32::from(id), offset, more }),
        payload: after(&ip[..total.min(ip.len())], header_len)?,
        wire_len: total - header_len,
        fills_frame: total <= MIN_FRAME && fills_frame(frame, total),
    })
}

/// Length of a packet whose header has none: the rest of its frame. An error above [`MAX_OFFLOADED`].
#[cold]
fn offloaded(frame: &Frame<'_>) -> Result<usize, NotTcp> {
    if frame.wire_len <= MAX_OFFLOADED { Ok(frame.wire_len) } else { Err(NotTcp::Malformed) }
}

/// Minimum payload of an Ethernet frame; a shorter one is padded with zeros (IEEE 802.3 §3.2.8).
const MIN_FRAME: usize = 46;
/// The same behind a VLAN tag, where the tag counts as part of the payload.
const MIN_TAGGED_FRAME: usize = 42;
/// Length of the frame check sequence, if it was captured.
const FCS: usize = 4;

/// True if the packet ends exactly where an Ethernet frame of minimum size ends. Either the packet has that length, or
/// the device that padded the frame counted the padding in the length of the packet.
#[cold]
fn fills_frame(frame: &Frame<'_>, total: usize) -> bool {
    let is_least = total == MIN_FRAME || total == MIN_TAGGED_FRAME && frame.tag != 0;
    is_least && [0, FCS].contains(&frame.wire_len.saturating_sub(total))
}

/// An IPv4 address mapped into IPv6 (RFC 4291 §2.5.5.2).
#[inline]
fn mapped(address: [u8; 4]) -> Ipv6Addr {
    Ipv6Addr::from_bits(0xffff << 32 | u128::from(u32::from_be_bytes(address)))
}

fn v6<'a>(frame: &Frame<'a>) -> Result<Datagram<'a>, NotTcp> {
    let ip = frame.ip;
    let total = match u16_at(ip, 4)? {
        // Jumbo payloads and BIG TCP have 0 here.
        0 => offloaded(frame)?,
        length => 40 + usize::from(length),
    };
    let address = |at: usize| -> Result<Ipv6Addr, NotTcp> {
        let bytes = ip.get(at..).and_then(|rest| rest.first_chunk::<16>()).ok_or(NotTcp::Short)?;
        Ok(Ipv6Addr::from(*bytes))
    };
    let mut datagram = Datagram {
        tag: frame.tag,
        source: address(8)?,
        destination: address(24)?,
        protocol: u8_at(ip, 6)?,
        id: 0,
        fragment: None,
        payload: &ip[40..total.clamp(40, ip.len())],
        wire_len: total.saturating_sub(40),
        // Headers of IPv6 and TCP alone are longer than the minimum, so there is no padding.
        fills_frame: false,
    };
    extensions(&mut datagram)?;
    Ok(datagram)
}

/// Steps over the IPv6 extension headers, up to the upper-layer header or into a fragment.
pub fn extensions(datagram: &mut Datagram<'_>) -> Result<(), NotTcp> {
    for seen in 0.. {
        steps::add(1);
        let rest = datagram.payload;
        let length = match datagram.protocol {
            // Hop-by-hop, routing, destination options, mobility, HIP, shim6: length in units of 8 bytes, without the
            // first.
            0 | 43 | 60 | 135 | 139 | 140 => 8 + usize::from(u8_at(rest, 1)?) * 8,
            // RFC 4302 §2.2: authentication header, length in units of 4 bytes, minus 2.
            AUTHENTICATION => 8 + usize::from(u8_at(rest, 1)?) * 4,
            44 => {
                let part = u16_at(rest, 2)?;
                let (offset, more) = (u32::from(part & 0xfff8), part & 1 != 0);
                // RFC 6946: an atomic fragment holds a whole datagram, so it needs no reassembly.
                if offset != 0 || more {
                    datagram.fragment = Some(FragmentPart { id: u32_at(rest, 4)?, offset, more });
                }
                8
            }
            _ => return Ok(()),
        };
        if seen == MAX_EXTENSIONS {
            return Err(NotTcp::Malformed);
        }
        datagram.protocol = u8_at(rest, 0)?;
        datagram.payload = after(rest, length)?;
        datagram.wire_len = datagram.wire_len.saturating_sub(length);
        // The headers behind a fragment header belong to the reassembled datagram. They are read once it is whole.
        if datagram.fragment.is_some() {
            return Ok(());
        }
    }
    Ok(())
}

//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers, extension headers included.

use std::net::Ipv6Addr;

use super::header::{NotTcp, after, u8_at, u16_at, u32_at};
use super::link::Frame;
use crate::pipeline::steps;

/// Protocol number of TCP.
pub const TCP: u8 = 6;
/// Protocol number of the authentication header of `IPsec` (RFC 4302), behind which the packet goes on in clear text.
pub const AUTHENTICATION: u8 = 51;

/// IPv6 extension headers in a row; real traffic has one or two, evasion tools a thousand.
const MAX_EXTENSIONS: usize = 8;

/// The longest packet without a length in its header. Linux hands over up to 512 KiB (BIG TCP: eight times 65,535 bytes);
/// a record that claims more contradicts its packet.
pub const MAX_OFFLOADED: usize = 1 << 20;

/// The payload of one IP packet, or of one fragment.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// See [`Frame::tag`].
    pub tag: u32,
    /// Sender; IPv4 addresses are mapped into IPv6 (`::ffff:a.b.c.d`).
    pub source: Ipv6Addr,
    /// Receiver.
    pub destination: Ipv6Addr,
    /// Of the payload: 6 is TCP.
    pub protocol: u8,
    /// Identification of an IPv4 packet, 0 for IPv6: equal on copies of one packet, new on a retransmission.
    pub id: u16,
    /// Set when this is a part of a larger datagram.
    pub fragment: Option<FragmentPart>,
    /// As captured.
    pub payload: &'a [u8],
    /// Length of the payload by the IP header; at most [`MAX_OFFLOADED`].
    pub wire_len: usize,
    /// Its end is the end of an Ethernet frame of the least size, see [`fills_frame`].
    pub fills_frame: bool,
}

impl Datagram<'_> {
    /// This fragment may be one of a TCP segment: by its protocol, which in IPv4 all fragments carry, in IPv6 only the
    /// first has to.
    pub fn may_hold_tcp(&self, part: FragmentPart) -> bool {
        let is_extension = matches!(self.protocol, 0 | 43 | 51 | 60);
        let may_say_anything = part.offset != 0 && self.source.to_ipv4_mapped().is_none();
        self.protocol == TCP || is_extension || may_say_anything
    }
}

/// Which part of a datagram a fragment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentPart {
    /// Shared by all fragments of a datagram.
    pub id: u32,
    /// Of this part's first byte.
    pub offset: u32,
    /// More parts follow.
    pub more: bool,
}

/// Reads the IP header of a frame.
#[inline(always)]
#[allow(clippy::inline_always, reason = "a datagram that is returned through memory costs as much as reading it")]
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
        // Segmentation offload hands over packets longer than the field can say, with 0 in it.
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

/// The length of a packet whose header has none: that of its frame.
#[cold]
fn offloaded(frame: &Frame<'_>) -> Result<usize, NotTcp> {
    if frame.wire_len <= MAX_OFFLOADED { Ok(frame.wire_len) } else { Err(NotTcp::Malformed) }
}

/// Least payload of an Ethernet frame; one of less is padded with zeros (IEEE 802.3 §3.2.8).
const MIN_FRAME: usize = 46;
/// The same below a VLAN tag, where the tag counts as a part of it.
const MIN_TAGGED_FRAME: usize = 42;
/// Checksum of a frame, where it was captured.
const FCS: usize = 4;

/// A packet that ends where a frame of the least size ends is either just that long, or whoever padded the frame counted
/// the padding into the length of the packet.
#[cold]
fn fills_frame(frame: &Frame<'_>, total: usize) -> bool {
    let is_least = total == MIN_FRAME || total == MIN_TAGGED_FRAME && frame.tag != 0;
    is_least && [0, FCS].contains(&frame.wire_len.saturating_sub(total))
}

/// An IPv4 address as IPv6 has it (RFC 4291 §2.5.5.2).
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
        // Without any payload it is longer than the least.
        fills_frame: false,
    };
    extensions(&mut datagram)?;
    Ok(datagram)
}

/// Walks the IPv6 extension headers to the first one that is none, or to a fragment's.
pub fn extensions(datagram: &mut Datagram<'_>) -> Result<(), NotTcp> {
    for seen in 0.. {
        steps::add(1);
        let rest = datagram.payload;
        let length = match datagram.protocol {
            // Hop-by-hop, routing, destination options, mobility, HIP, shim6: length in units of 8, the first not counted.
            0 | 43 | 60 | 135 | 139 | 140 => 8 + usize::from(u8_at(rest, 1)?) * 8,
            // RFC 4302 §2.2: authentication header, length in units of 4 minus 2.
            AUTHENTICATION => 8 + usize::from(u8_at(rest, 1)?) * 4,
            44 => {
                let part = u16_at(rest, 2)?;
                let (offset, more) = (u32::from(part & 0xfff8), part & 1 != 0);
                // RFC 6946: an atomic fragment (whole datagram in one) is no fragment.
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
        // What follows belongs to the reassembled datagram; its headers are not to be read from a part.
        if datagram.fragment.is_some() {
            return Ok(());
        }
    }
    Ok(())
}

//! Link headers: finds the IP header of a frame, behind the tags and labels that `tags` knows.

use super::header::{NotTcp, after, u16_at, u32_at};
use super::tags::{self, Tagged};
use super::undecoded::Undecoded;
use super::wifi;
use crate::pipeline::packet::{LinkType, Packet};
use crate::pipeline::steps;

/// An IP packet and what its link says about it.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Tells apart networks that may use the same addresses: the VLAN ids, MPLS labels and tunnel identifiers before
    /// the packet, folded into one number by [`tags::fold`]; 0 if there are none.
    pub tag: u32,
    /// Captured bytes from the IP header on.
    pub ip: &'a [u8],
    /// Length on the wire from the IP header on, link padding included.
    pub wire_len: usize,
}

/// Finds the IP header of a frame.
#[inline]
pub fn strip<'a>(packet: &Packet<'a>) -> Result<Frame<'a>, NotTcp> {
    let data = packet.data;
    let (tag, ip) = match packet.link_type {
        LinkType::Ethernet => tags::ethernet(0, data)?,
        other => peel(other, data)?,
    };
    let stripped = data.len() - ip.len();
    Ok(Frame { tag, ip, wire_len: (packet.wire_len as usize).saturating_sub(stripped) })
}

fn peel(link_type: LinkType, data: &[u8]) -> Result<Tagged<'_>, NotTcp> {
    match link_type {
        LinkType::Ethernet => tags::ethernet(0, data),
        LinkType::LinuxSll => tags::from_ethertype(0, u16_at(data, 14)?, after(data, 16)?),
        LinkType::LinuxSll2 => tags::from_ethertype(0, u16_at(data, 0)?, after(data, 20)?),
        LinkType::Loopback => Ok((0, after(data, 4)?)),
        LinkType::Ip => Ok((0, data)),
        LinkType::Ppp => tags::ppp(data),
        LinkType::CiscoHdlc => tags::from_ethertype(0, u16_at(data, 2)?, after(data, 4)?),
        LinkType::NfLog => Ok((0, nflog(data)?)),
        LinkType::Wifi => wifi::frame(0, data),
        // The length of the header is little-endian.
        LinkType::Radiotap => wifi::frame(0, after(data, usize::from(u16_at(data, 2)?.swap_bytes()))?),
        LinkType::Pktap => pktap(data),
    }
}

/// Netfilter log: type-length-value records in host byte order, padded to four; type 9 holds the packet.
fn nflog(data: &[u8]) -> Result<&[u8], NotTcp> {
    const PAYLOAD: u16 = 9;
    let mut rest = after(data, 4)?;
    while let Some(&[a, b, c, d]) = rest.get(..4) {
        steps::add(1);
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

/// Darwin's PKTAP header, little-endian: its length, a record type, and the link type of the frame behind it.
fn pktap(data: &[u8]) -> Result<Tagged<'_>, NotTcp> {
    let header = u32_at(data, 0)?.swap_bytes() as usize;
    let inner = u32_at(data, 8)?.swap_bytes();
    let rest = after(data, header)?;
    match LinkType::from_number(inner) {
        Some(inner) if inner != LinkType::Pktap => peel(inner, rest),
        _ => Err(NotTcp::Undecoded(Undecoded::LinkType(inner))),
    }
}

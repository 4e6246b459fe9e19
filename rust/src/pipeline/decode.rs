//! Frame -> IP datagram -> TCP segment. Stateless and tolerant: looks at one frame, allocates nothing, verifies no
//! checksum (offload leaves them wrong), takes lengths from the IP header rather than from what was captured.
//!
//! [`datagram`] strips the link and IP headers. A fragment goes through `defragment` first. [`segment`] reads the TCP
//! header of a whole datagram. [`outer`] recognises a datagram that carries a tunnelled packet, [`inner`] decodes that
//! packet.

mod header;
mod ip;
mod link;
mod tags;
mod tcp;
mod tunnel;
mod udp;
mod undecoded;
mod wifi;

pub use header::NotTcp;
pub use ip::{AUTHENTICATION, Datagram, FragmentPart, MAX_OFFLOADED, TCP, extensions};
pub use tags::MAX_TAGS;
pub use tcp::{Direction, Endpoint, Flags, FlowKey, Folded, Segment, SeqNumber, segment};
pub use tunnel::{Outer, outer};
pub use udp::{UDP, Udp, udp};
pub use undecoded::{Cipher, Tunnel, Undecoded};

use crate::pipeline::packet::{LinkType, Packet};

/// Strips the link and IP headers of a frame.
#[inline]
pub fn datagram<'a>(packet: &Packet<'a>) -> Result<Datagram<'a>, NotTcp> {
    let frame = link::strip(packet)?;
    ip::parse(&frame)
}

/// Computes [`FlowKey::folded`] straight from the bytes of the most common kind of packet: TCP in unfragmented IPv4
/// without options, in untagged Ethernet. Returns `None` for every other packet. The rest of the headers is not
/// checked, so a packet that [`segment`] rejects may get a value too.
#[inline]
pub fn folded(packet: &Packet<'_>) -> Option<Folded> {
    /// Length of the Ethernet header, the IPv4 header and the TCP ports.
    const HEADERS: usize = 14 + 20 + 4;
    /// Bits that are set if more fragments follow or came before.
    const FRAGMENT: u16 = 0x3fff;
    let frame = packet.data.first_chunk::<HEADERS>().filter(|_| packet.link_type == LinkType::Ethernet)?;
    let word = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    let address = |at: usize| u32::from(word(at)) << 16 | u32::from(word(at + 2));
    let is_plain = word(12) == 0x0800 && frame[14] == 0x45 && word(20) & FRAGMENT == 0 && frame[23] == TCP;
    is_plain.then(|| Folded { addresses: address(26) ^ address(30), ports: word(34) ^ word(36) })
}

/// Maximum depth of nested tunnels; more is a loop or an attack.
pub const MAX_TUNNELS: usize = 4;

/// Decodes the datagram inside a tunnel. `datagram` is the one that [`outer`] was given.
pub fn inner<'a>(outer: Outer<'a>, datagram: &Datagram<'a>) -> Result<Datagram<'a>, NotTcp> {
    ip::parse(&outer.enter(datagram)?)
}

#[cfg(test)]
mod layers_tests;
#[cfg(test)]
mod steps_tests;
#[cfg(test)]
mod tests;

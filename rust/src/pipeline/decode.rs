//! Frame -> IP datagram -> TCP segment. Stateless and tolerant: looks at one frame, allocates nothing, verifies no
//! checksum (offload leaves them wrong), takes lengths from the IP header rather than from what was captured.
//!
//! [`datagram`] peels the link and IP headers; a datagram that is a fragment goes to `defragment` first; [`segment`]
//! reads the TCP header of a whole one. [`outer`] knows a tunnel's datagram, [`inner`] the one within.

mod header;
mod ip;
mod link;
mod tags;
mod tcp;
mod tunnel;
mod undecoded;
mod wifi;

pub use header::NotTcp;
pub use ip::{AUTHENTICATION, Datagram, FragmentPart, MAX_OFFLOADED, TCP, extensions};
pub use tags::MAX_TAGS;
pub use tcp::{Direction, Endpoint, Flags, FlowKey, Folded, Segment, SeqNumber, segment};
pub use tunnel::{Outer, outer};
pub use undecoded::{Cipher, Tunnel, Undecoded};

use crate::pipeline::packet::{LinkType, Packet};

/// Peels the link and IP headers off a frame.
#[inline]
pub fn datagram<'a>(packet: &Packet<'a>) -> Result<Datagram<'a>, NotTcp> {
    let frame = link::strip(packet)?;
    ip::parse(&frame)
}

/// What [`FlowKey::folded`] gives for the connection of a packet that nearly all packets are like, or would give if the
/// rest of its headers made sense: TCP in IPv4 without options, whole, in Ethernet. `None` for all others.
#[inline]
pub fn folded(packet: &Packet<'_>) -> Option<Folded> {
    /// Ethernet, IPv4 and the ports of TCP.
    const HEADERS: usize = 14 + 20 + 4;
    /// More fragments follow, or came before.
    const FRAGMENT: u16 = 0x3fff;
    let frame = packet.data.first_chunk::<HEADERS>().filter(|_| packet.link_type == LinkType::Ethernet)?;
    let word = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    let address = |at: usize| u32::from(word(at)) << 16 | u32::from(word(at + 2));
    let is_plain = word(12) == 0x0800 && frame[14] == 0x45 && word(20) & FRAGMENT == 0 && frame[23] == TCP;
    is_plain.then(|| Folded { addresses: address(26) ^ address(30), ports: word(34) ^ word(36) })
}

/// Tunnels one inside the other; more is a loop or an attack.
pub const MAX_TUNNELS: usize = 4;

/// The datagram within a tunnel.
pub fn inner<'a>(outer: Outer<'a>, datagram: &Datagram<'a>) -> Result<Datagram<'a>, NotTcp> {
    ip::parse(&outer.enter(datagram)?)
}

#[cfg(test)]
mod layers_tests;
#[cfg(test)]
mod steps_tests;
#[cfg(test)]
mod tests;

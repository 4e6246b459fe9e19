//! The TCP header (RFC 9293 §3.1), and the key that identifies a connection.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::Ipv6Addr;

use super::header::{NotTcp, after};
use super::ip::{Datagram, TCP};
use super::undecoded::{Cipher, Undecoded, is_ordinary_ip_protocol};
use crate::pipeline::packet::{InterfaceId, Timestamp};

/// One side of a connection. IPv4 addresses are mapped into IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Address.
    pub address: Ipv6Addr,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    /// `192.0.2.1:80`, `[2001:db8::1]:80`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address.to_ipv4_mapped() {
            Some(v4) => write!(f, "{v4}:{}", self.port),
            None => write!(f, "[{}]:{}", self.address, self.port),
        }
    }
}

/// Identifies a connection; the same for both of its directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowKey {
    /// The lesser endpoint.
    pub low: Endpoint,
    /// The greater endpoint.
    pub high: Endpoint,
    /// Tells apart connections that have the same addresses and ports at the same time; 0 for nearly all.
    pub lane: u8,
}

impl Hash for FlowKey {
    /// Writes three words instead of each field, because a key is hashed for every packet.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(bits(self.low.address));
        state.write_u128(bits(self.high.address));
        state.write_u64(u64::from(self.low.port) << 32 | u64::from(self.high.port) << 16 | u64::from(self.lane));
    }
}

/// An address as a number in native byte order, which needs no conversion.
#[inline]
fn bits(address: Ipv6Addr) -> u128 {
    u128::from_ne_bytes(address.octets())
}

/// Exclusive or of the two sides of a connection, the same for both directions. It decides which worker has the
/// connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Folded {
    /// Exclusive or of all 32-bit words of both addresses.
    pub addresses: u32,
    /// Exclusive or of both ports.
    pub ports: u16,
}

impl FlowKey {
    /// The exclusive or of its addresses and of its ports.
    pub fn folded(&self) -> Folded {
        let bits = self.low.address.to_bits() ^ self.high.address.to_bits();
        let addresses = (bits >> 96) as u32 ^ (bits >> 64) as u32 ^ (bits >> 32) as u32 ^ bits as u32;
        Folded { addresses, ports: self.low.port ^ self.high.port }
    }

    /// The endpoint that sends in `direction`.
    pub fn sender(&self, direction: Direction) -> Endpoint {
        match direction {
            Direction::Up => self.low,
            Direction::Down => self.high,
        }
    }
}

/// Direction of a segment within its connection: `Up` from the lesser endpoint of the key, `Down` from the greater.
/// It says nothing about who is the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From `FlowKey::low`.
    Up,
    /// From `FlowKey::high`.
    Down,
}

impl Direction {
    /// The opposite direction.
    #[must_use]
    pub fn reverse(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }
}

/// A sequence number: 32 bits that wrap (RFC 9293 §3.4). Two of them can be compared if they are less than 2^31 apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeqNumber(pub u32);

impl SeqNumber {
    /// The number `bytes` further on.
    #[must_use]
    pub fn plus(self, bytes: u32) -> Self {
        Self(self.0.wrapping_add(bytes))
    }

    /// How far this number is ahead of `other`; negative if it is behind.
    pub fn distance(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0) as i32
    }

    /// True if this number is ahead of `other`.
    pub fn is_after(self, other: Self) -> bool {
        self.distance(other) > 0
    }
}

/// Control bits of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronize sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// The sender has no more to send for now.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement number is valid.
    pub const ACK: Self = Self(0x10);

    /// True if all bits of `other` are set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// One TCP segment.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Connection.
    pub key: FlowKey,
    /// Tells apart networks that may use the same addresses, see [`Datagram::tag`].
    pub tag: u32,
    /// Direction within the connection.
    pub direction: Direction,
    /// Sequence number of the first byte.
    pub seq: SeqNumber,
    /// Acknowledgement number; valid with [`Flags::ACK`].
    pub ack: SeqNumber,
    /// Control bits.
    pub flags: Flags,
    /// Receive window, not scaled.
    pub window: u16,
    /// Identification of the IPv4 packet that carried it, 0 for IPv6.
    pub ip_id: u16,
    /// Captured bytes of the payload.
    pub payload: &'a [u8],
    /// Payload length on the wire; at most [`super::MAX_OFFLOADED`].
    pub payload_wire_len: u32,
    /// When it was captured.
    pub ts: Timestamp,
    /// Where it was captured.
    pub interface: InterfaceId,
}

/// Maximum padding behind the headers of IPv4 and TCP in an Ethernet frame of minimum size.
const MAX_PADDING: usize = 6;

/// True if the apparent payload of a segment that fills an Ethernet frame of minimum size is padding: a few zeros
/// without PSH. Some switches and cards count the padding in the length of the packet. Senders set PSH at the end of
/// what an application wrote, so a few bytes without PSH are hardly ever data.
#[cold]
fn is_padding(payload: &[u8], wire_len: usize, flags: Flags) -> bool {
    wire_len <= MAX_PADDING && !flags.has(Flags::PSH) && payload.iter().all(|byte| *byte == 0)
}

/// Why a datagram of this protocol holds no TCP segment.
#[cold]
fn other(protocol: u8) -> NotTcp {
    const ESP: u8 = 50;
    match protocol {
        // A fragment of a segment.
        TCP => NotTcp::Foreign,
        ESP => NotTcp::Undecoded(Undecoded::Encrypted(Cipher::Esp)),
        _ if is_ordinary_ip_protocol(protocol) => NotTcp::Foreign,
        _ => NotTcp::Undecoded(Undecoded::IpProtocol(protocol)),
    }
}

/// Returns the connection between two ends, and the direction from `source` to `destination` within it.
#[inline]
pub fn ends(source: Endpoint, destination: Endpoint) -> (FlowKey, Direction) {
    let number = |endpoint: Endpoint| (bits(endpoint.address), endpoint.port);
    if number(source) <= number(destination) {
        (FlowKey { low: source, high: destination, lane: 0 }, Direction::Up)
    } else {
        (FlowKey { low: destination, high: source, lane: 0 }, Direction::Down)
    }
}

/// Reads the TCP header of a whole datagram.
#[inline]
pub fn segment<'a>(datagram: &Datagram<'a>, ts: Timestamp, interface: InterfaceId) -> Result<Segment<'a>, NotTcp> {
    if datagram.protocol != TCP || datagram.fragment.is_some() {
        return Err(other(datagram.protocol));
    }
    let header: &[u8; 20] = datagram.payload.first_chunk().ok_or(NotTcp::Short)?;
    let header_len = usize::from(header[12] >> 4) * 4;
    if header_len < 20 || header_len > datagram.wire_len {
        return Err(NotTcp::Malformed);
    }
    let source = Endpoint { address: datagram.source, port: u16::from_be_bytes([header[0], header[1]]) };
    let destination = Endpoint { address: datagram.destination, port: u16::from_be_bytes([header[2], header[3]]) };
    let (key, direction) = ends(source, destination);
    let (mut payload_wire_len, flags) = (datagram.wire_len - header_len, Flags(header[13]));
    // If the snapshot length cuts the options, the payload is empty, but its length on the wire is known.
    let mut payload = after(datagram.payload, header_len).unwrap_or_default();
    if datagram.fills_frame && is_padding(payload, payload_wire_len, flags) {
        (payload, payload_wire_len) = (&[], 0);
    }
    Ok(Segment {
        key,
        tag: datagram.tag,
        direction,
        seq: SeqNumber(u32::from_be_bytes([header[4], header[5], header[6], header[7]])),
        ack: SeqNumber(u32::from_be_bytes([header[8], header[9], header[10], header[11]])),
        flags,
        window: u16::from_be_bytes([header[14], header[15]]),
        ip_id: datagram.id,
        payload,
        payload_wire_len: payload_wire_len as u32,
        ts,
        interface,
    })
}

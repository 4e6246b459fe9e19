//! The packets of a datagram (RFC 9000 §17, RFC 8999), as far as their headers can be read without keys.

use crate::pipeline::steps;

/// QUIC version 1 (RFC 9000).
pub const V1: u32 = 1;
/// QUIC version 2 (RFC 9369).
pub const V2: u32 = 0x6b33_43cf;

/// The longest connection id of both versions (RFC 9000 §17.2).
const MAX_ID: usize = 20;

/// Packets that are read of one datagram. Clients and servers put at most one of each kind into one.
const MAX_COALESCED: usize = 6;

/// The least length of a datagram with an `Initial` packet of a client (RFC 9000 §14.1).
const MIN_INITIAL: usize = 1200;

/// The least length of a packet with a short header: its first byte, the four bytes of the longest packet number, behind
/// which header protection takes its sample, and the sample (RFC 9001 §5.4.2).
const MIN_SHORT: usize = 1 + 4 + 16;

/// The kind of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Carries the hellos.
    Initial,
    /// Early data.
    ZeroRtt,
    /// Carries the rest of the handshake.
    Handshake,
    /// Asks the client to begin again, with another connection id.
    Retry,
    /// Tells the versions that the server speaks.
    VersionNegotiation,
    /// A packet of a version that is not known.
    Unknown,
    /// A packet after the handshake.
    Short,
}

/// A packet.
#[derive(Clone, Copy, Debug)]
pub struct QuicPacket<'a> {
    /// Its kind.
    pub kind: Kind,
    /// Its version; 0 for a short header.
    pub version: u32,
    /// The connection id of its receiver; empty for a short header.
    pub destination: &'a [u8],
    /// All of it, from its first byte on.
    pub bytes: &'a [u8],
    /// Where its packet number begins, for `Initial` packets.
    pub number_at: usize,
}

impl QuicPacket<'_> {
    /// True if the packet is not obviously something else: not too short, and not with a connection id that is too long.
    pub fn is_plausible(&self) -> bool {
        match self.kind {
            Kind::Short => self.bytes.len() >= MIN_SHORT,
            _ => self.destination.len() <= MAX_ID,
        }
    }
}

/// True if a datagram may begin with the `Initial` packet of a client, in a version that is known.
#[inline]
pub fn may_begin(datagram: &[u8]) -> bool {
    datagram.len() >= MIN_INITIAL
        && datagram[0] & 0xc0 == 0xc0
        && matches!(u32::from_be_bytes([datagram[1], datagram[2], datagram[3], datagram[4]]), V1 | V2)
}

/// The packets of a datagram, in order.
#[derive(Debug)]
pub struct Packets<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Packets<'a> {
    /// The packets of a datagram.
    pub fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram, left: MAX_COALESCED }
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = QuicPacket<'a>;

    fn next(&mut self) -> Option<QuicPacket<'a>> {
        self.left = self.left.checked_sub(1)?;
        steps::add(1);
        let bytes = std::mem::take(&mut self.rest);
        let &first = bytes.first()?;
        if first & 0x80 == 0 {
            // The second bit is 1 in both versions (RFC 9000 §17.2, §17.3).
            let short = QuicPacket { kind: Kind::Short, version: 0, destination: &[], bytes, number_at: 0 };
            return (first & 0x40 != 0).then_some(short);
        }
        let (packet, rest) = long(bytes)?;
        self.rest = rest;
        Some(packet)
    }
}

/// Reads a long header. Returns the packet and the bytes behind it.
fn long(bytes: &[u8]) -> Option<(QuicPacket<'_>, &[u8])> {
    let (head, rest) = bytes.split_at_checked(5)?;
    let version = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    let (destination, rest) = short_vector(rest)?;
    let (_source, rest) = short_vector(rest)?;
    let kind = match (version, head[0] >> 4 & 3) {
        (0, _) => Kind::VersionNegotiation,
        (V1 | V2, _) if head[0] & 0x40 == 0 => return None,
        (V1, kind) => [Kind::Initial, Kind::ZeroRtt, Kind::Handshake, Kind::Retry][usize::from(kind)],
        (V2, kind) => [Kind::Retry, Kind::Initial, Kind::ZeroRtt, Kind::Handshake][usize::from(kind)],
        _ => Kind::Unknown,
    };
    let whole = QuicPacket { kind, version, destination, bytes, number_at: 0 };
    if matches!(kind, Kind::Retry | Kind::VersionNegotiation | Kind::Unknown) {
        return Some((whole, &[]));
    }
    if destination.len() > MAX_ID {
        return None;
    }
    let rest = if kind == Kind::Initial {
        let (length, rest) = varint(rest)?;
        rest.get(usize::try_from(length).ok()?..)?
    } else {
        rest
    };
    let (length, rest) = varint(rest)?;
    let number_at = bytes.len() - rest.len();
    // Of a packet that the snapshot length cuts, the beginning is there.
    let length = usize::try_from(length).ok()?.min(rest.len());
    let (bytes, rest) = bytes.split_at(number_at + length);
    Some((QuicPacket { bytes, number_at, ..whole }, rest))
}

/// Reads a vector whose length is in its first byte.
fn short_vector(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(length))
}

/// Reads a variable-length integer (RFC 9000 §16).
pub fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (&first, _) = bytes.split_first()?;
    let (number, rest) = bytes.split_at_checked(1 << (first >> 6))?;
    let number = number.iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
    let bits = (8 << (first >> 6)) - 2;
    Some((number & ((1 << bits) - 1), rest))
}

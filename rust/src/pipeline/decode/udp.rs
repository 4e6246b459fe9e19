//! The UDP header (RFC 768).

use super::ip::Datagram;
use super::tcp::{Direction, Endpoint, FlowKey, ends};
use crate::pipeline::packet::{InterfaceId, Timestamp};

/// Protocol number of UDP.
pub const UDP: u8 = 17;

/// The lane of all keys of UDP, so that none is that of a TCP connection between the same ends. TCP uses the lowest lanes.
const LANE: u8 = u8::MAX;

/// Length of the header.
const HEADER: usize = 8;

/// One UDP datagram.
#[derive(Clone, Copy, Debug)]
pub struct Udp<'a> {
    /// Addresses and ports.
    pub key: FlowKey,
    /// Direction within the connection.
    pub direction: Direction,
    /// Captured bytes of the payload.
    pub payload: &'a [u8],
    /// Length of the payload on the wire.
    pub wire_len: u32,
    /// When it was captured.
    pub ts: Timestamp,
    /// Where it was captured.
    pub interface: InterfaceId,
}

/// Reads the header of a whole datagram. `None` if it is of another protocol, a fragment, or cut within the header.
pub fn udp<'a>(datagram: &Datagram<'a>, ts: Timestamp, interface: InterfaceId) -> Option<Udp<'a>> {
    if datagram.protocol != UDP || datagram.fragment.is_some() {
        return None;
    }
    let (header, rest) = datagram.payload.split_at_checked(HEADER)?;
    let port = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    // The length is 0 for datagrams that are larger than it can express, and for those that offloads have put together.
    let length = usize::from(port(4)).checked_sub(HEADER).unwrap_or(datagram.wire_len.saturating_sub(HEADER));
    let from = Endpoint { address: datagram.source, port: port(0) };
    let (key, direction) = ends(from, Endpoint { address: datagram.destination, port: port(2) });
    let key = FlowKey { lane: LANE, ..key };
    let payload = &rest[..rest.len().min(length)];
    Some(Udp { key, direction, payload, wire_len: length as u32, ts, interface })
}

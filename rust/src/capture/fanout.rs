//! Divides the packets of one interface among several workers: a fanout group of packet sockets (packet(7)), in which a
//! classic BPF program tells which socket gets a packet.
//!
//! The program computes the same function as [`share`]. It cannot tell the connection of a fragment, or the one inside
//! a tunnel. A worker that gets such a packet puts the fragments together or enters the tunnel, and uses [`share`] to
//! find the worker that the packet belongs to.
//!
//! Only Linux has such groups. Elsewhere one worker reads an interface, and hands connections over.

#[cfg(target_os = "linux")]
#[path = "fanout/group.rs"]
mod group;
#[cfg(not(target_os = "linux"))]
#[path = "fanout/elsewhere.rs"]
mod group;

pub use group::{FanoutGroup, shut};

/// Odd multipliers from well-known hash functions: the golden ratio, and those of `MurmurHash3`.
const MIX: [u32; 3] = [0x9e37_79b1, 0x85eb_ca6b, 0xc2b2_ae35];

/// Returns which of `count` workers has a connection. `addresses` is the exclusive or of all words of both addresses,
/// and `ports` that of both ports, so the result is the same for both directions.
#[inline]
pub fn share(addresses: u32, ports: u16, count: usize) -> usize {
    let mixed = (addresses ^ u32::from(ports).wrapping_mul(MIX[0])).wrapping_mul(MIX[1]);
    let mixed = (mixed ^ mixed >> 15).wrapping_mul(MIX[2]) >> 16;
    mixed as usize % count
}

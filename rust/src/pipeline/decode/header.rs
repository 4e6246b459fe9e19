//! Reading a header: the numbers in it, and why there is none.

use super::undecoded::Undecoded;

/// Why a frame yields no TCP segment. `Foreign` is ordinary (ARP, UDP ...); with the others TCP may have been lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTcp {
    /// Well-formed, but another protocol.
    Foreign,
    /// A header is cut off, by the snapshot length or by its sender.
    Short,
    /// A header contradicts itself.
    Malformed,
    /// The frame or packet is of a kind that is not decoded.
    Undecoded(Undecoded),
}

/// Big-endian loads. What is cut off is an error.
#[inline]
pub fn u16_at(bytes: &[u8], at: usize) -> Result<u16, NotTcp> {
    match bytes.get(at..at + 2) {
        Some(&[a, b]) => Ok(u16::from_be_bytes([a, b])),
        _ => Err(NotTcp::Short),
    }
}

pub fn u32_at(bytes: &[u8], at: usize) -> Result<u32, NotTcp> {
    match bytes.get(at..at + 4) {
        Some(&[a, b, c, d]) => Ok(u32::from_be_bytes([a, b, c, d])),
        _ => Err(NotTcp::Short),
    }
}

#[inline]
pub fn u8_at(bytes: &[u8], at: usize) -> Result<u8, NotTcp> {
    bytes.get(at).copied().ok_or(NotTcp::Short)
}

#[inline]
pub fn after(bytes: &[u8], at: usize) -> Result<&[u8], NotTcp> {
    bytes.get(at..).ok_or(NotTcp::Short)
}

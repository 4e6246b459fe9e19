//! IEEE 802.11-2020 §9.3.2: finds the packet in a data frame that is not encrypted.

use super::header::{NotTcp, after, u8_at, u16_at};
use super::tags::{self, Tagged};
use super::undecoded::{Cipher, Undecoded};

const DATA: u8 = 2;
const PROTECTED: u8 = 0x40;
/// In a frame with quality of service: four bytes of HT control follow the header.
const HAS_HT_CONTROL: u8 = 0x80;
const AGGREGATED: u8 = 0x80;
/// Length of the header that encryption adds; frames that the card decrypted may still have it.
const CIPHER_HEADER: usize = 8;
const SNAP: [[u8; 6]; 2] = [[0xaa, 0xaa, 0x03, 0, 0, 0], [0xaa, 0xaa, 0x03, 0, 0, 0xf8]];

/// Finds the IP header in an IEEE 802.11 frame.
pub fn frame(tag: u32, data: &[u8]) -> Result<Tagged<'_>, NotTcp> {
    let (kind, flags) = (u8_at(data, 0)?, u8_at(data, 1)?);
    let (has_qos, is_null) = (kind & 0x80 != 0, kind & 0x40 != 0);
    if kind >> 2 & 3 != DATA || is_null {
        return Err(NotTcp::Foreign);
    }
    let has_four_addresses = flags & 3 == 3;
    let addresses = 24 + 6 * usize::from(has_four_addresses);
    let has_ht_control = has_qos && flags & HAS_HT_CONTROL != 0;
    let header = addresses + 2 * usize::from(has_qos) + 4 * usize::from(has_ht_control);
    let is_protected = flags & PROTECTED != 0;
    // Some drivers pad the header to a multiple of four.
    let places = [header, header.next_multiple_of(4), header + CIPHER_HEADER];
    let bodies = places.into_iter().take(2 + usize::from(is_protected)).filter_map(|at| data.get(at..));
    let body = bodies.into_iter().find(|body| SNAP.iter().any(|snap| body.starts_with(snap)));
    match body {
        Some(body) => tags::from_ethertype(tag, u16_at(body, 6)?, after(body, 8)?),
        None if is_protected => Err(NotTcp::Undecoded(Undecoded::Encrypted(Cipher::Wifi))),
        None if has_qos && u8_at(data, addresses)? & AGGREGATED != 0 => {
            Err(NotTcp::Undecoded(Undecoded::AggregatedWifi))
        }
        None => Err(NotTcp::Foreign),
    }
}

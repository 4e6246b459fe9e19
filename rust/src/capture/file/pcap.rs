//! The classic format, pcap: a file header of 24 bytes, then records with a header of 16 bytes and the packet.
//! <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html>

use super::input::Input;
use super::record::{FileInterface, Location, Order, Problem, Step, Told};
use crate::pipeline::packet::{LinkType, Timestamp};

/// Length of the file header.
pub const HEADER: usize = 24;

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const PATCHED: u32 = 0xa1b2_cd34;
const MAGICS: [u32; 3] = [MICROSECONDS, NANOSECONDS, PATCHED];

/// Maximum captured bytes of one packet. With more, far beyond libpcap's largest snapshot length, it is no record
/// header.
const MAX_CAPTURED: u32 = 262_144 * 4;

/// Maximum length of one packet on the wire, far above what any interface sends at once.
const MAX_ON_WIRE: u32 = 1 << 24;

pub struct Pcap {
    order: Order,
    /// Nanoseconds per unit of the fraction.
    unit: i64,
    /// Units per second.
    units: u32,
    /// Length of a record header: 16, or 24 in a variant that old Linux distributions wrote.
    header: usize,
}

impl Pcap {
    /// Reads the header of a file of this format.
    pub fn read(header: &[u8; HEADER], told: &mut Told) -> Self {
        let little = Order::default().u32(header, 0);
        let is_swapped = !MAGICS.contains(&little);
        let order = Order { is_swapped };
        let (unit, units, record) = match order.u32(header, 0) {
            NANOSECONDS => (1, 1_000_000_000, 16),
            PATCHED => (1000, 1_000_000, 24),
            _ => (1000, 1_000_000, 16),
        };
        // The upper bits describe a frame check sequence.
        let number = order.u32(header, 20) & 0x03ff_ffff;
        let link_type = LinkType::from_number(number);
        told.interfaces.push(FileInterface { name: None, link_type, number, place: 0, is_rest: false });
        Self { order, unit, units, header: record }
    }

    /// True if the magic number is one of this format.
    pub fn is_meant(magic: [u8; 4]) -> bool {
        MAGICS.contains(&u32::from_le_bytes(magic)) || MAGICS.contains(&u32::from_be_bytes(magic))
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a step that is returned through memory costs as much as making it")]
    pub fn step(&mut self, input: &mut Input, told: &mut Told) -> Result<Step, Problem> {
        let (bytes, order) = (input.bytes(), self.order);
        let Some(header) = bytes.get(..self.header) else { return Ok(Step::Needs(self.header)) };
        let fraction = order.u32(header, 4);
        let ts = Timestamp::new(i64::from(order.u32(header, 0)), i64::from(fraction) * self.unit);
        let (captured, wire_len) = (order.u32(header, 8), order.u32(header, 12));
        // Some programs write one of these oddities. With two of them it is no record header.
        let oddities =
            u8::from(fraction >= self.units) + u8::from(captured > wire_len) + u8::from(wire_len > MAX_ON_WIRE);
        if captured > MAX_CAPTURED || oddities > 1 {
            return Err(Problem::Malformed(format!("has a packet of {captured} bytes: it is damaged from there on")));
        }
        if captured == 0 && header[..16] == [0; 16] {
            return Err(Problem::Malformed("has zeros where a packet begins: it is damaged from there on".into()));
        }
        let len = captured as usize;
        let whole = self.header + len;
        if bytes.len() < whole {
            told.cut = ts;
            return Ok(Step::Needs(whole));
        }
        let at = input.at() + self.header;
        input.skip(whole);
        Ok(Step::Packet(Location { interface: 0, ts, wire_len, at, len }))
    }
}

//! The classic format: a header of 24 bytes, then records of 16 and the packet.
//! <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html>

use super::{FileInterface, Input, Location, Order, Problem, Step};
use crate::pipeline::packet::{LinkType, Timestamp};

/// Captured bytes of one packet: beyond libpcap's largest snapshot length a record header is not one.
const MAX_CAPTURED: u32 = 262_144 * 4;

pub struct Format {
    order: Order,
    /// Nanoseconds to the unit of the fraction.
    unit: i64,
    /// Bytes of a record's header: 16, or 24 in a variant that old Linux distributions wrote.
    header: usize,
}

impl Format {
    pub fn read(magic: [u8; 4], input: &mut Input, interfaces: &mut Vec<FileInterface>) -> Result<Self, Problem> {
        let little = u32::from_le_bytes(magic);
        let is_swapped = !matches!(little, 0xa1b2_c3d4 | 0xa1b2_3c4d | 0xa1b2_cd34);
        let order = Order { is_swapped };
        let (unit, record) = match order.u32(&magic, 0) {
            0xa1b2_c3d4 => (1000, 16),
            0xa1b2_3c4d => (1, 16),
            0xa1b2_cd34 => (1000, 24),
            _ => return Err(Problem::Malformed("is not a capture file".into())),
        };
        let header = input.peek(24)?;
        if header.len() < 24 {
            return Err(Problem::Truncated);
        }
        // The upper bits tell of a frame check sequence.
        let number = order.u32(header, 20) & 0x03ff_ffff;
        input.skip(24);
        interfaces.push(FileInterface { name: None, link_type: LinkType::from_number(number), number });
        Ok(Self { order, unit, header: record })
    }

    #[inline]
    pub fn step(&mut self, input: &mut Input) -> Result<Step, Problem> {
        let (bytes, order) = (input.bytes(), self.order);
        let Some(header) = bytes.get(..self.header) else { return Ok(Step::Needs(self.header)) };
        let ts = Timestamp::new(i64::from(order.u32(header, 0)), i64::from(order.u32(header, 4)) * self.unit);
        let (captured, wire_len) = (order.u32(header, 8), order.u32(header, 12));
        if captured > MAX_CAPTURED {
            return Err(Problem::Malformed(format!("has a packet of {captured} bytes: it is damaged from there on")));
        }
        let len = captured as usize;
        let whole = self.header + len;
        if bytes.len() < whole {
            return Ok(Step::Needs(whole));
        }
        let at = input.at() + self.header;
        input.skip(whole);
        Ok(Step::Packet(Location { interface: 0, ts, wire_len, at, len }))
    }
}

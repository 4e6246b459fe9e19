//! The classic format: a header of 24 bytes, then records of 16 and the packet.
//! <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html>

use super::{FileInterface, Input, Order, Problem, Record};
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
        let header = input.take(24)?.ok_or(Problem::Truncated)?;
        // The upper bits tell of a frame check sequence.
        let number = order.u32(header, 20) & 0x03ff_ffff;
        interfaces.push(FileInterface { name: None, link_type: LinkType::from_number(number), number });
        Ok(Self { order, unit, header: record })
    }

    pub fn next_record<'a>(&mut self, input: &'a mut Input) -> Result<Option<Record<'a>>, Problem> {
        let Some(header) = input.take(self.header)? else { return Ok(None) };
        let order = self.order;
        let ts = Timestamp::new(i64::from(order.u32(header, 0)), i64::from(order.u32(header, 4)) * self.unit);
        let (captured, wire_len) = (order.u32(header, 8), order.u32(header, 12));
        if captured > MAX_CAPTURED {
            return Err(Problem::Malformed(format!("has a packet of {captured} bytes: it is damaged from there on")));
        }
        let data = match input.take(captured as usize)? {
            Some(data) => data,
            None if captured == 0 => &[],
            None => return Err(Problem::Truncated),
        };
        Ok(Some(Record { ts, wire_len: wire_len.max(captured), interface: 0, data }))
    }
}

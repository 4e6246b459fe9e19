//! The newer format: blocks of a type and a length; interfaces, each with its link type and clock, come before packets.
//! <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html>

use super::{FileInterface, Input, Location, Order, Problem, Step};
use crate::pipeline::packet::{LinkType, SECOND, Timestamp};

/// Reads the same in both byte orders.
pub const SECTION_HEADER: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const OPTION_NAME: u16 = 2;
const OPTION_RESOLUTION: u16 = 9;
const OPTION_OFFSET: u16 = 14;

/// The clock of an interface.
#[derive(Clone, Copy, Debug)]
struct Clock {
    /// Units to a second.
    units: u64,
    /// Seconds to add.
    offset: i64,
}

impl Clock {
    fn read(self, high: u32, low: u32) -> Timestamp {
        let ticks = u64::from(high) << 32 | u64::from(low);
        let seconds = i64::try_from(ticks / self.units).unwrap_or(i64::MAX);
        let nanos = u128::from(ticks % self.units) * SECOND as u128 / u128::from(self.units);
        Timestamp::new(seconds.saturating_add(self.offset), nanos as i64)
    }
}

/// Interfaces of the current section begin at `base` in the list of all.
#[derive(Default)]
pub struct Format {
    order: Order,
    base: usize,
    clocks: Vec<(Clock, u32)>,
    latest: Timestamp,
}

/// What a block holds.
enum Content {
    /// A packet, at this place in the input's buffer.
    Packet(Location),
    /// Something else.
    Other,
    /// So many bytes are needed to tell.
    Cut(usize),
}

impl Format {
    /// Reads up to the first interface, so that a link type nobody can decode is known at once.
    pub fn find_first_interface(
        &mut self,
        input: &mut Input,
        interfaces: &mut Vec<FileInterface>,
    ) -> Result<(), Problem> {
        while interfaces.is_empty() {
            let kind = input.peek(8)?;
            if kind.len() < 8 {
                return Ok(());
            }
            if matches!(self.order.u32(kind, 0), ENHANCED_PACKET | SIMPLE_PACKET | OBSOLETE_PACKET) {
                return Err(Problem::Malformed("has packets without an interface".into()));
            }
            if let Content::Cut(count) = self.block(input, interfaces)? {
                input.want(count)?;
            }
        }
        Ok(())
    }

    #[inline]
    pub fn step(&mut self, input: &mut Input, interfaces: &mut Vec<FileInterface>) -> Result<Step, Problem> {
        loop {
            match self.block(input, interfaces)? {
                Content::Packet(location) => return Ok(Step::Packet(location)),
                Content::Cut(count) => return Ok(Step::Needs(count)),
                Content::Other => {}
            }
        }
    }

    /// Reads one block, if it is there.
    fn block(&mut self, input: &mut Input, interfaces: &mut Vec<FileInterface>) -> Result<Content, Problem> {
        let bytes = input.bytes();
        let Some(head) = bytes.get(..12) else { return Ok(Content::Cut(12)) };
        if head[..4] == SECTION_HEADER {
            self.begin_section(head, interfaces.len())?;
        }
        let kind = self.order.u32(head, 0);
        let length = self.order.u32(head, 4) as usize;
        if length < 12 || !length.is_multiple_of(4) {
            return Err(Problem::Malformed("has a block of impossible length: it is damaged from there on".into()));
        }
        let Some(block) = bytes.get(..length) else { return Ok(Content::Cut(length)) };
        let body = &block[8..length - 4];
        let found = match kind {
            INTERFACE_DESCRIPTION => {
                self.interface(body, interfaces);
                None
            }
            ENHANCED_PACKET => self.packet(body, self.order.u32(body, 0), 20)?,
            OBSOLETE_PACKET => self.packet(body, u32::from(self.order.u16(body, 0)), 20)?,
            SIMPLE_PACKET => self.simple(body),
            _ => None,
        };
        let body_at = input.at() + 8;
        input.skip(length);
        Ok(found.map_or(Content::Other, |found| Content::Packet(Location { at: body_at + found.at, ..found })))
    }

    fn begin_section(&mut self, head: &[u8], base: usize) -> Result<(), Problem> {
        let magic = Order::default().u32(head, 8);
        self.order = match magic {
            BYTE_ORDER_MAGIC => Order { is_swapped: false },
            _ if magic.swap_bytes() == BYTE_ORDER_MAGIC => Order { is_swapped: true },
            _ => return Err(Problem::Malformed("has a section without byte order".into())),
        };
        // Interfaces are numbered anew in each section.
        (self.base, self.clocks) = (base, Vec::new());
        Ok(())
    }

    fn interface(&mut self, body: &[u8], interfaces: &mut Vec<FileInterface>) {
        let order = self.order;
        let number = u32::from(order.u16(body, 0));
        let mut clock = Clock { units: 1_000_000, offset: 0 };
        let mut name = None;
        let mut options = body.get(8..).unwrap_or_default();
        while options.len() >= 4 {
            let (code, length) = (order.u16(options, 0), usize::from(order.u16(options, 2)));
            let value = options.get(4..4 + length).unwrap_or_default();
            match (code, value) {
                (0, _) => break,
                (OPTION_NAME, _) => name = Some(String::from_utf8_lossy(value).into_owned()),
                (OPTION_RESOLUTION, &[resolution, ..]) => clock.units = units(resolution),
                (OPTION_OFFSET, value) if value.len() == 8 => {
                    clock.offset = order.u64(value) as i64;
                }
                _ => {}
            }
            options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        }
        self.clocks.push((clock, order.u32(body, 4)));
        interfaces.push(FileInterface { name, link_type: LinkType::from_number(number), number });
    }

    /// An enhanced packet, or its older form: interface, time, captured length, length, data. Its place is that in `body`.
    fn packet(&mut self, body: &[u8], interface: u32, data: usize) -> Result<Option<Location>, Problem> {
        let order = self.order;
        let Some(&(clock, _)) = self.clocks.get(interface as usize) else {
            return Err(Problem::Malformed("has a packet of an interface it does not describe".into()));
        };
        self.latest = clock.read(order.u32(body, 4), order.u32(body, 8));
        let len = order.u32(body, 12) as usize;
        if data + len > body.len() {
            return Err(Problem::Malformed("has a packet longer than its block: it is damaged from there on".into()));
        }
        Ok(Some(Location {
            interface: self.base + interface as usize,
            ts: self.latest,
            wire_len: order.u32(body, 16),
            at: data,
            len,
        }))
    }

    /// A simple packet has no time of its own: the one before it gives it.
    fn simple(&self, body: &[u8]) -> Option<Location> {
        let &(_, snaplen) = self.clocks.first()?;
        let wire_len = self.order.u32(body, 0);
        let limit = if snaplen == 0 { u32::MAX } else { snaplen };
        let len = (wire_len.min(limit) as usize).min(body.len().saturating_sub(4));
        Some(Location { interface: self.base, ts: self.latest, wire_len, at: 4, len })
    }
}

/// Units to a second: a power of ten, or of two when the highest bit is set. Absurd ones count as the finest that fits.
fn units(resolution: u8) -> u64 {
    let power = u32::from(resolution & 0x7f);
    if resolution & 0x80 == 0 { 10u64.saturating_pow(power) } else { 1u64.checked_shl(power).unwrap_or(u64::MAX) }
}

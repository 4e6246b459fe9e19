//! The newer format, pcapng: blocks of a type and a length. Interfaces, each with its link type and clock, are
//! described before their packets.
//! <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html>
//!
//! A packet that cannot be read is counted, and reading goes on with the next block.

use super::described::{Described, InterfaceClock, Interfaces};
use super::input::Input;
use super::record::{Location, Order, Problem, Step, Told};
use crate::capture::keylog::Lines;
use crate::pipeline::packet::Timestamp;

/// Type of a section header block, the same in both byte orders.
pub const SECTION_HEADER: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
const DECRYPTION_SECRETS: u32 = 10;

/// Secrets in the format of key logs of TLS, among those in decryption secrets blocks.
const TLS_KEY_LOG: u32 = 0x544c_534b;

const OPTION_NAME: u16 = 2;
const OPTION_RESOLUTION: u16 = 9;
const OPTION_OFFSET: u16 = 14;
/// In an enhanced packet block: packets lost since the packet before.
const OPTION_DROPPED: u16 = 4;
/// In interface statistics: packets dropped since the start, by the interface and by the operating system.
const OPTION_INTERFACE_DROPPED: u16 = 5;
const OPTION_KERNEL_DROPPED: u16 = 7;

/// Number of drops in an obsolete packet block whose writer did not count them.
const UNKNOWN_DROPS: u16 = 0xffff;

/// What has to be known of a file of this format to read on.
#[derive(Default)]
pub struct Pcapng {
    order: Order,
    interfaces: Interfaces,
    latest: Timestamp,
}

impl Pcapng {
    /// Reads one block, if all of it is there.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a step that is returned through memory costs as much as making it")]
    pub fn step(&mut self, input: &mut Input, told: &mut Told) -> Result<Step, Problem> {
        let bytes = input.bytes();
        let Some(head) = bytes.get(..12) else { return Ok(Step::Needs(12)) };
        if head[..4] == SECTION_HEADER {
            self.order = byte_order(head)?;
        }
        let kind = self.order.u32(head, 0);
        let length = self.order.u32(head, 4) as usize;
        if length < 12 || !length.is_multiple_of(4) {
            return Err(Problem::Malformed("has a block of impossible length: it is damaged from there on".into()));
        }
        let Some(block) = bytes.get(..length) else {
            told.cut = self.latest;
            return Ok(Step::Needs(length));
        };
        if self.order.u32(block, length - 4) as usize != length {
            return Err(Problem::Malformed("has a block whose lengths differ: it is damaged from there on".into()));
        }
        let body = &block[8..length - 4];
        let found = match kind {
            ENHANCED_PACKET => self.packet(body, self.order.u32(body, 0), told),
            OBSOLETE_PACKET => self.obsolete(body, told),
            SIMPLE_PACKET => self.simple(body, told),
            _ => {
                self.other(kind, body, told);
                None
            }
        };
        let body_at = input.at() + 8;
        input.skip(length);
        Ok(found.map_or(Step::Passed, |found| Step::Packet(Location { at: body_at + found.at, ..found })))
    }

    #[cold]
    fn other(&mut self, kind: u32, body: &[u8], told: &mut Told) {
        if kind == u32::from_le_bytes(SECTION_HEADER) {
            // Interfaces are numbered anew in each section.
            self.interfaces.begin_section();
        } else if kind == INTERFACE_DESCRIPTION {
            self.interface(body, told);
        } else if kind == INTERFACE_STATISTICS {
            self.statistics(body, told);
        } else if kind == DECRYPTION_SECRETS {
            self.secrets(body, told);
        }
    }

    /// Hands over the lines of a key log: the type of the secrets, their length, the text.
    fn secrets(&self, body: &[u8], told: &Told) {
        const TEXT: usize = 8;
        let (kind, length) = (self.order.u32(body, 0), self.order.u32(body, 4) as usize);
        let text = body.get(TEXT..).unwrap_or_default();
        if let Some(sink) = told.secrets.as_ref().filter(|_| kind == TLS_KEY_LOG) {
            let mut lines = Lines::default();
            lines.push(&text[..length.min(text.len())], sink);
            lines.show(sink);
        }
    }

    fn interface(&mut self, body: &[u8], told: &mut Told) {
        let order = self.order;
        let number = u32::from(order.u16(body, 0));
        let (mut clock, mut name) = (InterfaceClock::default(), None);
        options(order, body, 8, |code, value| match (code, value) {
            (OPTION_NAME, _) => name = Some(value),
            (OPTION_RESOLUTION, &[resolution, ..]) => clock.units = units(resolution),
            (OPTION_OFFSET, value) if value.len() == 8 => clock.offset = order.u64(value) as i64,
            _ => {}
        });
        self.interfaces.describe(number, name, clock, order.u32(body, 4), &mut told.interfaces);
    }

    /// Reads an enhanced packet block, or its older form: interface, time, captured length, length, data. The location
    /// returned is relative to `body`.
    #[inline]
    fn packet(&mut self, body: &[u8], interface: u32, told: &mut Told) -> Option<Location> {
        const DATA: usize = 20;
        let order = self.order;
        let described = self.interfaces.get(interface);
        let clock = described.map_or_else(InterfaceClock::default, |described| described.clock);
        let ts = clock.read(order.u32(body, 4), order.u32(body, 8));
        let len = order.u32(body, 12) as usize;
        let end = DATA + len;
        let Some(number) = described.map(|described| described.number).filter(|_| end <= body.len()) else {
            told.lose(ts);
            return None;
        };
        self.latest = ts;
        if end.next_multiple_of(4) < body.len() {
            self.options_of_packet(body, end.next_multiple_of(4), interface, told);
        }
        Some(Location { interface: number, ts, wire_len: order.u32(body, 16), at: DATA, len })
    }

    fn obsolete(&mut self, body: &[u8], told: &mut Told) -> Option<Location> {
        let (interface, drops) = (u32::from(self.order.u16(body, 0)), self.order.u16(body, 2));
        let found = self.packet(body, interface, told)?;
        if drops != UNKNOWN_DROPS {
            self.add_drops(interface, u64::from(drops), told);
        }
        Some(found)
    }

    /// Reads a simple packet block. It has no time, so it gets that of the packet before it.
    fn simple(&self, body: &[u8], told: &mut Told) -> Option<Location> {
        let Some(&Described { snaplen, number, .. }) = self.interfaces.get(0) else {
            told.lose(self.latest);
            return None;
        };
        let wire_len = self.order.u32(body, 0);
        let limit = if snaplen == 0 { u32::MAX } else { snaplen };
        let len = (wire_len.min(limit) as usize).min(body.len().saturating_sub(4));
        Some(Location { interface: number, ts: self.latest, wire_len, at: 4, len })
    }

    #[cold]
    fn options_of_packet(&mut self, body: &[u8], at: usize, interface: u32, told: &mut Told) {
        let (order, mut drops) = (self.order, 0);
        options(order, body, at, |code, value| {
            if code == OPTION_DROPPED && value.len() == 8 {
                drops = order.u64(value);
            }
        });
        self.add_drops(interface, drops, told);
    }

    /// Adds packets that were lost since the packet before.
    fn add_drops(&mut self, interface: u32, drops: u64, told: &mut Told) {
        if let Some(described) = self.interfaces.get_mut(interface).filter(|_| drops != u64::MAX) {
            described.kernel_dropped = described.kernel_dropped.saturating_add(drops);
            told.missing.kernel_dropped = told.missing.kernel_dropped.saturating_add(drops);
        }
    }

    /// Adds the drops of a statistics block. They count since the start, so what packets have reported already is not
    /// added again.
    fn statistics(&mut self, body: &[u8], told: &mut Told) {
        let order = self.order;
        let Some(described) = self.interfaces.get_mut(order.u32(body, 0)) else { return };
        let (mut by_kernel, mut by_interface) = (0, 0);
        options(order, body, 12, |code, value| {
            let count = if value.len() == 8 { order.u64(value) } else { u64::MAX };
            match code {
                OPTION_KERNEL_DROPPED if count != u64::MAX => by_kernel = count,
                OPTION_INTERFACE_DROPPED if count != u64::MAX => by_interface = count,
                _ => {}
            }
        });
        let known = described.kernel_dropped.saturating_add(described.interface_dropped);
        let new = by_kernel.saturating_add(by_interface).saturating_sub(known);
        let new_of_kernel = by_kernel.saturating_sub(described.kernel_dropped).min(new);
        described.kernel_dropped += new_of_kernel;
        described.interface_dropped += new - new_of_kernel;
        told.missing.kernel_dropped = told.missing.kernel_dropped.saturating_add(new_of_kernel);
        told.missing.interface_dropped = told.missing.interface_dropped.saturating_add(new - new_of_kernel);
    }
}

/// The byte order of the section that begins with this header.
fn byte_order(head: &[u8]) -> Result<Order, Problem> {
    match Order::default().u32(head, 8) {
        BYTE_ORDER_MAGIC => Ok(Order { is_swapped: false }),
        magic if magic.swap_bytes() == BYTE_ORDER_MAGIC => Ok(Order { is_swapped: true }),
        _ => Err(Problem::Malformed("has a section without a byte order: it is damaged from there on".into())),
    }
}

/// Calls `take` with each option of a block, from `at` on.
fn options<'a>(order: Order, body: &'a [u8], at: usize, mut take: impl FnMut(u16, &'a [u8])) {
    let mut options = body.get(at..).unwrap_or_default();
    while options.len() >= 4 {
        let (code, length) = (order.u16(options, 0), usize::from(order.u16(options, 2)));
        if code == 0 {
            return;
        }
        take(code, options.get(4..4 + length).unwrap_or_default());
        options = options.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
    }
}

/// Units per second: a power of ten, or of two if the highest bit is set. An absurd resolution counts as the finest
/// that fits.
fn units(resolution: u8) -> u64 {
    let power = u32::from(resolution & 0x7f);
    if resolution & 0x80 == 0 { 10u64.saturating_pow(power) } else { 1u64.checked_shl(power).unwrap_or(u64::MAX) }
}

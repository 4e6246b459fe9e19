//! What the beginning of the inputs tells, and how many workers pay for it.

use super::cores;
use crate::capture::file::FirstBlock;

/// Bytes of packets from which on a second worker pays: those of a block that is full. Smaller files are read before
/// another thread would have begun.
const ENOUGH: u64 = 1 << 17;

/// Bytes of a packet, on average, from which on a second worker costs more than it saves: of large bodies, most time is
/// spent copying out of the kernel, which only one of the workers does at a time, and one worker has it done by another
/// thread.
const LARGE: u64 = 800;

/// The number of workers if they pay. More would wait for the one that reads.
pub const MOST_WORKERS: usize = 2;

/// The first blocks of all inputs that were looked at.
#[derive(Debug, Default)]
pub struct Beginning {
    bytes: u64,
    packets: u64,
    /// True if another thread or process already works on an input: its writer, or a thread that decompresses it.
    is_made_elsewhere: bool,
}

impl Beginning {
    /// Takes note of the first block of an input. `is_written` is true if somebody writes it while it is read.
    pub fn note(&mut self, FirstBlock { bytes, packets, is_packed }: FirstBlock, is_written: bool) {
        self.bytes += bytes;
        self.packets += packets;
        self.is_made_elsewhere |= is_packed || is_written;
    }

    /// The number of workers that read such input fastest: [`MOST_WORKERS`] if as many cores are free and they pay,
    /// otherwise one.
    pub fn workers(&self) -> usize {
        if self.is_worth_more() && cores::free() >= MOST_WORKERS { MOST_WORKERS } else { 1 }
    }

    fn is_worth_more(&self) -> bool {
        !self.is_made_elsewhere && self.bytes >= ENOUGH && self.bytes < LARGE.saturating_mul(self.packets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_workers_pay_for_many_small_packets_that_nobody_else_prepares() {
        let block = |packets, length| FirstBlock { bytes: packets * length, packets, is_packed: false };
        let packed = |packets, length| FirstBlock { is_packed: true, ..block(packets, length) };
        for (name, blocks, is_written, want) in [
            ("no input", vec![], false, false),
            ("no packet", vec![block(0, 0)], false, false),
            ("small requests", vec![block(1200, 200)], false, true),
            ("large bodies", vec![block(180, 1440)], false, false),
            ("bodies of some kilobytes", vec![block(400, 650)], false, true),
            ("a small file", vec![block(100, 200)], false, false),
            ("many small files", vec![block(100, 200); 20], false, true),
            ("large bodies and small requests", vec![block(180, 1440), block(1200, 200)], false, true),
            ("a compressed file", vec![packed(1200, 200)], false, false),
            ("a compressed file among others", vec![block(1200, 200), packed(1200, 200)], false, false),
            ("a pipe", vec![block(1200, 200)], true, false),
        ] {
            let mut beginning = Beginning::default();
            blocks.into_iter().for_each(|block| beginning.note(block, is_written));
            assert_eq!(beginning.is_worth_more(), want, "{name}");
        }
    }
}

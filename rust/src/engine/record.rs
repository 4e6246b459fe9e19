//! Where recorded packets go: those to be written wait for whoever writes them, the others are kept for alerts.
//!
//! Workers never wait here while a capture is live. What has no room is counted.

mod outbox;
mod ring;
mod sorter;

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::lock::lock;
use crate::pipeline::packet::{InterfaceId, LinkType, Timestamp};
use crate::pipeline::record::{Carrier, Parcel, Selected, Wanted, blocks, select};
pub use outbox::Lost;
use outbox::Outbox;
use ring::Ring;
use sorter::Sorter;
pub use sorter::{Limits, Taken};

/// The program that writes the files.
const PROGRAM: &str = concat!("netmon ", env!("CARGO_PKG_VERSION"));

/// How long after the last packet those that wait for others to be sorted are handed over.
const IDLE: Duration = Duration::from_secs(1);

/// What the workers of a capture have recorded.
#[derive(Debug)]
pub struct Recording {
    outbox: Outbox,
    sorter: Mutex<Sorter>,
    ring: Ring,
    names: Mutex<HashMap<InterfaceId, String>>,
    workers: AtomicU32,
    snaplen: u32,
}

impl Recording {
    /// `waits` says whether workers wait for whoever writes; `kept` is how many bytes are kept for alerts. Files tell
    /// `snaplen`, 0 for no limit.
    pub fn new(waits: bool, kept: usize, snaplen: u32) -> Self {
        Self {
            outbox: Outbox::new(waits),
            sorter: Mutex::new(Sorter::new(Instant::now())),
            ring: Ring::new(kept),
            names: Mutex::default(),
            workers: AtomicU32::new(0),
            snaplen,
        }
    }

    /// The header of a file: a section, with the first `described` interfaces.
    pub fn head(&self, described: usize) -> Vec<u8> {
        let mut head = Vec::new();
        blocks::section(&mut head, PROGRAM);
        let known = &lock(&self.sorter).interfaces.0;
        self.describe(&mut head, known.iter().take(described));
        head
    }

    /// The end of a file: the statistics of its interfaces.
    pub fn tail(&self) -> Vec<u8> {
        let drops = self.outbox.take_drops();
        lock(&self.sorter).tail(&drops)
    }

    /// Takes packets in the order of time, and waits for them at most `timeout`. `described` interfaces are described
    /// in the file already; the description of others comes before their packets. `None` at the end.
    pub fn take(&self, timeout: Duration, limits: Limits, described: usize) -> Option<Taken> {
        let mut sorter = lock(&self.sorter);
        let mut is_over = false;
        // Read before the parcels: what a worker has handed over before it reached a time is among them.
        sorter.reached = self.outbox.reached();
        if !sorter.is_full() {
            let timeout = if sorter.has_due() { Duration::ZERO } else { timeout };
            is_over = self.outbox.take(timeout, &mut |parcel| sorter.add(parcel, Instant::now()));
        }
        let all = is_over || sorter.is_idle(Instant::now(), IDLE);
        let mut taken = sorter.take(limits, all);
        sorter.give_back(|parcel| self.outbox.give_back(parcel));
        if is_over && taken.packets == 0 && !taken.is_full {
            return None;
        }
        let new = sorter.interfaces.0.get(described..taken.described).unwrap_or_default();
        let mut bytes = Vec::new();
        self.describe(&mut bytes, new.iter());
        bytes.append(&mut taken.blocks);
        (taken.blocks, taken.described) = (bytes, taken.described.max(described));
        Some(taken)
    }

    fn describe<'a>(&self, to: &mut Vec<u8>, interfaces: impl Iterator<Item = &'a (InterfaceId, LinkType)>) {
        for &(id, link_type) in interfaces {
            blocks::interface(to, &self.name_of(id), link_type, self.snaplen);
        }
    }

    fn name_of(&self, id: InterfaceId) -> String {
        lock(&self.names).get(&id).cloned().unwrap_or_default()
    }

    /// Selects what was kept for an alert.
    pub fn evidence(&self, wanted: &Wanted<'_>) -> Selected {
        select(&self.ring.chunks(), wanted, PROGRAM, |id| self.name_of(id))
    }

    /// Takes note that nothing can be written for now, so that nobody waits for it.
    pub fn set_stuck(&self, is_stuck: bool) {
        self.outbox.set_stuck(is_stuck);
    }

    /// Counts packets that were taken and could not be written.
    pub fn lose(&self, packets: u64) {
        self.outbox.lose(packets);
    }

    /// Packets that are missing from what was written.
    pub fn lost(&self) -> Lost {
        self.outbox.lost()
    }

    /// Workers no longer wait.
    pub fn stop_waiting(&self) {
        self.outbox.stop_waiting();
    }

    /// Nothing more is recorded.
    pub fn end(&self) {
        self.outbox.end();
    }

    /// Nothing is written any more: what waits is counted as lost.
    pub fn give_up(&self) {
        self.outbox.give_up();
    }
}

impl Carrier for Recording {
    fn expect(&self, workers: usize) {
        self.outbox.expect(workers);
    }

    fn enroll(&self) -> u32 {
        let number = self.workers.fetch_add(1, Ordering::Relaxed);
        self.outbox.reach(number, Timestamp(i64::MIN));
        number
    }

    fn name(&self, interface: InterfaceId, name: &str) {
        lock(&self.names).insert(interface, name.to_owned());
    }

    fn drops(&self, interface: InterfaceId, kernel: u64, device: u64) {
        self.outbox.add_drops(interface, kernel, device);
    }

    fn reach(&self, number: u32, ts: Timestamp) {
        self.outbox.reach(number, ts);
    }

    fn carry(&self, parcel: &mut Parcel) {
        self.outbox.carry(parcel);
    }

    fn lose(&self, packets: u64) {
        self.outbox.lose_held(packets);
    }

    fn keep(&self, number: u32, chunk: &[u8]) {
        self.ring.keep(number, chunk);
    }
}

#[cfg(test)]
mod tests;

//! Shared by the tests of bounded memory. A case runs in a process of its own, whose address space is limited, and is
//! small enough for every day. `NETMON_FULL=1 cargo test --release --test memory -- --nocapture --test-threads=1` runs
//! the cases at full size, and prints what was measured.
#![allow(dead_code, reason = "each test that shares it uses a part")]

use std::process::Command;
use std::sync::Arc;

use _core::pipeline::Settings;
use _core::pipeline::packet::{InterfaceId, Packet, SECOND, Timestamp};
use _core::pipeline::protocol::tls::keys::Keys;
use _core::pipeline::snapshot::{Counts, InterfaceState, Snapshot};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::driver::Driver;
use crate::wire::{ACK, Connection, Wire};

/// Set in the process that runs a case.
const INSIDE: &str = "NETMON_MEMORY_CASE";
/// Set to run cases at full size.
const FULL: &str = "NETMON_FULL";

pub const MIB: usize = 1 << 20;

/// Runs the case `name` in a process of its own with `limit` bytes of address space, and returns true in that process.
/// The case fails if the process runs out of memory.
pub fn is_inside(name: &str, limit: usize) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        let limit = Some(limit as u64);
        setrlimit(Resource::As, Rlimit { current: limit, maximum: limit }).unwrap();
        return true;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    said.lines().filter_map(|line| line.split_once("measured: ")).for_each(|(_, what)| println!("{name}: {what}"));
    assert!(child.status.success(), "{name}: {}\n{said}{}", child.status, String::from_utf8_lossy(&child.stderr));
    false
}

/// Returns `few` every day, `many` at full size.
pub fn size(few: u32, many: u32) -> u32 {
    if std::env::var_os(FULL).is_some() { many } else { few }
}

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * rustix::param::page_size()
}

/// A pipeline under attack, and what was pushed into it.
pub struct Siege {
    pub pipeline: Driver,
    pub wire: Wire,
    pub pushed: u64,
    before: usize,
}

impl Siege {
    pub fn new(step: i64) -> Self {
        let mut pipeline = Driver::new(Settings::default());
        pipeline.set_interface(InterfaceId(0), "eth0", InterfaceState::Up);
        let mut wire = Wire::default();
        wire.step = step;
        Self { pipeline, wire, pushed: 0, before: resident() }
    }

    /// As above, with the lines of a key log.
    pub fn with_keys(step: i64, lines: &[String]) -> Self {
        let keys = Keys::default();
        lines.iter().for_each(|line| {
            keys.add_line(line.as_bytes());
        });
        let mut siege = Self::new(step);
        siege.pipeline = Driver::new(Settings { keys: Arc::new(keys), ..Settings::default() });
        siege
    }

    pub fn push(&mut self, make: impl FnOnce(&mut Wire) -> Packet<'_>) {
        self.pipeline.push(&make(&mut self.wire));
        self.pushed += 1;
    }

    pub fn handshake(&mut self, of: &mut Connection) {
        let (pipeline, pushed) = (&mut self.pipeline, &mut self.pushed);
        self.wire.handshake(of, |packet| {
            pipeline.push(packet);
            *pushed += 1;
        });
    }

    /// One segment of `sender`.
    pub fn say(&mut self, of: &mut Connection, sender: usize, bytes: &[u8]) {
        self.push(|wire| wire.segment(of, sender, ACK, bytes));
    }

    pub fn grown(&self) -> usize {
        resident().saturating_sub(self.before)
    }

    /// Repeats `action` `n` times. At the end no more memory may be held than halfway, apart from the granularity of
    /// the allocator.
    pub fn stays_flat(&mut self, n: u32, action: impl FnMut(&mut Self, u32)) {
        self.grows_by(0, n, action);
    }

    /// Repeats an `action` that begins a connection, `n` times. Each may take as much memory as a connection costs, and
    /// no more.
    pub fn grows_by_connections_only(&mut self, n: u32, action: impl FnMut(&mut Self, u32)) {
        const CONNECTION: usize = 1_200;
        self.grows_by(CONNECTION, n, action);
    }

    /// As above, where a connection costs `each` bytes.
    pub fn grows_by(&mut self, each: usize, n: u32, mut action: impl FnMut(&mut Self, u32)) {
        const GRAIN: usize = 4 * MIB;
        (0..n / 2).for_each(|at| action(self, at));
        let halfway = self.grown();
        (n / 2..n).for_each(|at| action(self, at));
        let end = self.grown();
        println!("measured: after {n}: {:.1} MiB halfway, {:.1} MiB at the end", mib(halfway), mib(end));
        let allowed = halfway + halfway / 20 + GRAIN + each * (n / 2) as usize;
        assert!(end <= allowed, "from {:.1} to {:.1} MiB", mib(halfway), mib(end));
    }

    /// Closes the interval, and checks the laws of snapshots.
    pub fn close(&mut self) -> Snapshot {
        let snapshot = self.pipeline.close(Timestamp(0), Timestamp(SECOND));
        let mut total = Counts::default();
        snapshot.hosts.iter().for_each(|host| total.merge(&host.counts));
        assert_eq!(total, snapshot.counts, "hosts sum to the total");
        for host in &snapshot.hosts {
            let mut sum = Counts::default();
            host.sections.iter().for_each(|section| sum.merge(&section.counts));
            assert_eq!(sum, host.counts, "sections sum to {}", host.name);
        }
        assert_eq!(snapshot.capture.received, self.pushed, "every packet is counted");
        snapshot
    }
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / MIB as f64
}

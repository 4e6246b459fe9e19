//! The stages, wired: packets in, a snapshot out for each interval. Pure: no I/O, no clock, no logging.
//!
//! ```text
//! packet -> decode -> defragment -> flow (reassembly) -> protocol -> aggregate -> snapshot
//! ```
//!
//! The only file that knows all stages; each stage knows only those before it.
#![forbid(unsafe_code)]

pub mod aggregate;
mod ahead;
pub mod clock;
pub mod decode;
pub mod defragment;
pub mod exchange;
pub mod flow;
pub mod histogram;
pub mod intake;
pub mod name;
pub mod nat;
pub mod packet;
pub mod protocol;
pub mod reassembly;
pub mod snapshot;
mod steps;

use aggregate::{Aggregate, Ticket, Tracked};
use clock::Clock;
use decode::{Segment, Undecoded};
use flow::{Flows, Place};
use intake::{Arrival, Content, Intake};
use nat::Nat;
use packet::{InterfaceId, Packet, Timestamp};
use protocol::{Session, Sessions, Shared};
use reassembly::Budget;
use snapshot::{InterfaceState, Snapshot};

/// Every bound and choice of the stages.
#[derive(Debug, Default)]
pub struct Settings {
    /// What to aggregate, and its bounds.
    pub aggregate: aggregate::Settings,
    /// Bounds on connections.
    pub flows: flow::Limits,
    /// Bounds on bytes held back.
    pub reassembly: Budget,
    /// Bounds on fragments.
    pub defragment: defragment::Limits,
    /// Look into tunnels, see [`decode::Tunnel`].
    pub tunnels: bool,
    /// Finds connections that this machine translates; without, each is counted on every interface.
    pub nat: Option<Nat>,
}

impl Settings {
    /// The bounds of one of `count` workers: together they hold as many connections and bytes as one would. Rows are not
    /// divided, since every worker may see every host.
    #[must_use]
    pub fn share(&self, count: usize) -> Self {
        let Self { aggregate, flows, ref reassembly, defragment, tunnels, ref nat } = *self;
        let (most, half_open) = (flows.flows.div_ceil(count), flows.half_open.div_ceil(count));
        let held = reassembly.total_bytes.div_ceil(count);
        Self {
            flows: flow::Limits { flows: most, half_open, ..flows },
            reassembly: Budget::new(held, reassembly.stream_bytes, reassembly.stream_segments),
            aggregate,
            defragment,
            tunnels,
            nat: nat.clone(),
        }
    }
}

/// All stages of one worker.
#[derive(Debug)]
pub struct Pipeline {
    clock: Clock,
    intake: Intake,
    stages: Stages,
}

/// What follows connections, behind the intake.
#[derive(Debug)]
struct Stages {
    flows: Flows<Session<Ticket>>,
    exchanges: Shared<Ticket>,
    aggregate: Aggregate,
}

impl Pipeline {
    /// An empty pipeline.
    pub fn new(settings: Settings) -> Self {
        let mut flows = Flows::new(settings.flows, settings.reassembly);
        if settings.aggregate.connections {
            flows.watch();
        }
        let stages = Stages { flows, exchanges: Shared::default(), aggregate: Aggregate::new(settings.aggregate) };
        Self {
            clock: Clock::default(),
            intake: Intake::new(settings.defragment, settings.tunnels, settings.nat),
            stages,
        }
    }

    /// Says how an interface is called and how it is.
    pub fn set_interface(&mut self, id: InterfaceId, name: &str, state: InterfaceState) {
        self.stages.aggregate.set_interface(id, name, state);
        self.intake.add_interface(id);
    }

    /// Says since when an interface is watched that was not there at the start.
    pub fn set_watched_since(&mut self, id: InterfaceId, since: Option<Timestamp>) {
        self.stages.aggregate.set_watched_since(id, since);
    }

    /// Takes a packet.
    pub fn push(&mut self, packet: &Packet<'_>) {
        if let Some(now) = self.clock.follow(packet.ts) {
            self.stages.tick(now);
        }
        self.push_timeless(packet);
    }

    /// Takes a packet that was read elsewhere. Lets no time pass: see [`Pipeline::tick`].
    pub fn take(&mut self, arrival: &Arrival<'_>) {
        self.stages.take(arrival);
    }

    /// Takes a packet. Lets no time pass: see [`Pipeline::tick`].
    pub fn push_timeless(&mut self, packet: &Packet<'_>) {
        self.push_if(packet, |_| true);
    }

    /// The same, if what the packet turns out to be is wanted here now.
    #[inline]
    pub fn push_if(&mut self, packet: &Packet<'_>, wanted: impl FnOnce(&Arrival<'_>) -> bool) {
        let arrival = self.intake.read(packet);
        if wanted(&arrival) {
            self.stages.take(&arrival);
        }
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Timestamp) {
        self.clock.set(now);
        self.stages.tick(now);
    }

    /// Losses that an edge knows of: packets the kernel and the interfaces dropped since last told.
    pub fn add_drops(&mut self, kernel: u64, interface: u64) {
        self.stages.aggregate.capture().kernel_dropped += kernel;
        self.stages.aggregate.capture().interface_dropped += interface;
    }

    /// Steps of the wall clock that an edge saw since last told.
    pub fn add_clock_steps(&mut self, steps: u64) {
        self.stages.aggregate.capture().clock_steps += steps;
    }

    /// Datagrams whose fragments do not make a whole, where fragments are put together elsewhere.
    pub fn add_incomplete(&mut self, datagrams: u64) {
        self.stages.aggregate.undecoded(Undecoded::Fragments, datagrams);
    }

    /// Packets that an edge has and cannot read.
    pub fn add_unread(&mut self, packets: u64) {
        self.stages.aggregate.capture().unread += packets;
    }

    /// After a panic in a stage: connections and fragments are forgotten, since nobody knows in what state they are. What the
    /// interval has counted stays, and they are counted as evicted and incomplete.
    pub fn restart(&mut self) {
        self.intake.restart();
        self.stages.flows.restart();
        self.stages.exchanges = Shared::default();
        self.stages.aggregate.forget_connections();
    }

    /// Packets counted in the open interval.
    pub fn received(&self) -> u64 {
        self.stages.aggregate.received()
    }

    /// The capture is over: what is still open ends.
    pub fn finish(&mut self) {
        let Stages { flows, exchanges, aggregate } = &mut self.stages;
        flows.finish(&mut Sessions { sink: aggregate, shared: exchanges });
    }

    /// Closes the interval `[start, end)`.
    pub fn close(&mut self, start: Timestamp, end: Timestamp) -> Snapshot {
        let incomplete = self.intake.take_dropped();
        self.add_incomplete(incomplete);
        let Stages { flows, exchanges, aggregate } = &mut self.stages;
        flows.list(end, &mut Sessions { sink: aggregate, shared: exchanges });
        let losses = flows.take_losses();
        aggregate.close(start, end, Tracked { all: flows.len(), open: flows.take_open() }, losses)
    }
}

impl Stages {
    /// Counts a packet, and follows its segment through the stages.
    fn take(&mut self, arrival: &Arrival<'_>) {
        let Arrival { interface, wire_len, is_truncated, .. } = *arrival;
        match &arrival.content {
            Content::Segment(segment) => {
                let place = self.flows.find(&segment.key);
                return self.take_segment(segment, place, wire_len, is_truncated);
            }
            Content::Undecoded(kind) => self.aggregate.undecoded(*kind, 1),
            Content::Fragment | Content::Foreign => {}
        }
        self.aggregate.packet(interface, wire_len, is_truncated, None);
    }

    /// Counts the packet of a segment, and follows the segment through the stages.
    fn take_segment(&mut self, segment: &Segment<'_>, place: Place, wire_len: u32, is_truncated: bool) {
        let Self { flows, exchanges, aggregate } = self;
        #[cfg(test)]
        assert!(!segment.payload.starts_with(FAULT), "a fault injected by a test");
        let protocol = flows.push(segment, place, &mut Sessions { sink: aggregate, shared: exchanges }).flatten();
        aggregate.packet(segment.interface, wire_len, is_truncated, protocol);
    }

    fn tick(&mut self, now: Timestamp) {
        self.flows.tick(now, &mut Sessions { sink: &mut self.aggregate, shared: &mut self.exchanges });
    }
}

/// A segment that begins so makes a stage panic, in tests.
#[cfg(test)]
pub(crate) const FAULT: &[u8] = b"\0fault\0";

#[cfg(test)]
pub(crate) mod tests;

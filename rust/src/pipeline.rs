//! Connects the stages: packets go in, a snapshot comes out for each interval. Pure: no I/O, no clock, no logging.
//!
//! ```text
//! packet -> decode -> defragment -> flow (reassembly) -> protocol -> aggregate -> snapshot
//! ```
//!
//! Only this file and `pipeline/ahead.rs` know all stages. Each stage knows only those before it.
#![forbid(unsafe_code)]

pub mod aggregate;
mod ahead;
pub mod clock;
pub mod decode;
pub mod defragment;
pub mod exchange;
pub mod filter;
pub mod flow;
pub mod histogram;
pub mod intake;
pub mod mark;
pub mod name;
pub mod nat;
pub mod owners;
pub mod packet;
pub mod protocol;
pub mod reassembly;
pub mod record;
pub mod snapshot;
mod steps;

use std::sync::Arc;

use aggregate::{Aggregate, Ticket, Tracked};
use decode::{Segment, Undecoded};
use exchange::Protocol;
use flow::{FlowId, Flows, Place};
use intake::{Arrival, Content, Intake};
use nat::Nat;
use owners::{Answer, Ask, Machine};
use packet::{InterfaceId, Packet, Timestamp};
use protocol::quic::Quic;
use protocol::tls::keys::Keys;
use protocol::{Session, Sessions, Shared};
use reassembly::Budget;
use record::{Fragments, Recorder};
use snapshot::{InterfaceState, Snapshot};

/// The limits and options of all stages.
#[derive(Debug, Default)]
pub struct Settings {
    /// What to aggregate, and the limits on rows.
    pub aggregate: aggregate::Settings,
    /// Limits on connections.
    pub flows: flow::Limits,
    /// Limits on bytes held back.
    pub reassembly: Budget,
    /// Limits on fragments.
    pub defragment: defragment::Limits,
    /// True if tunnels are looked into, see [`decode::Tunnel`].
    pub tunnels: bool,
    /// Finds connections whose addresses this machine translates. If `None`, such a connection is counted on every
    /// interface.
    pub nat: Option<Nat>,
    /// Which packets are recorded; `None` for none.
    pub record: Option<record::Settings>,
    /// Secrets of TLS connections. All workers share them, and more may come while they run.
    pub keys: Arc<Keys>,
}

impl Settings {
    /// Returns the settings of one of `count` workers. Limits on connections and held bytes are divided by `count`.
    /// Limits on rows are not, since every worker may see every host.
    #[must_use]
    pub fn share(&self, count: usize) -> Self {
        let Self { ref aggregate, flows, ref reassembly, defragment, tunnels, ref nat, ref record, ref keys } = *self;
        let (most, half_open) = (flows.flows.div_ceil(count), flows.half_open.div_ceil(count));
        let held = reassembly.total_bytes.div_ceil(count);
        Self {
            flows: flow::Limits { flows: most, half_open, ..flows },
            reassembly: Budget::new(held, reassembly.stream_bytes, reassembly.stream_segments),
            aggregate: aggregate.clone(),
            defragment,
            tunnels,
            nat: nat.clone(),
            record: record.as_ref().map(|record| record.share(count)),
            keys: keys.clone(),
        }
    }
}

/// All stages of one worker.
#[derive(Debug)]
pub struct Pipeline {
    intake: Intake,
    /// Frames of fragments, kept if packets are recorded.
    fragments: Fragments,
    tunnels: bool,
    stages: Stages,
}

/// The stages after the intake, which follow connections.
#[derive(Debug)]
struct Stages {
    flows: Flows<Session<Ticket>>,
    exchanges: Shared<Ticket>,
    quic: Quic,
    aggregate: Aggregate,
    /// Set if packets are recorded.
    record: Option<Box<Recorder>>,
}

impl Pipeline {
    /// An empty pipeline.
    pub fn new(settings: Settings) -> Self {
        let mut flows = Flows::new(settings.flows, settings.reassembly);
        if settings.aggregate.connections {
            flows.watch();
        }
        let record = settings.record.as_ref().map(|record| Box::new(Recorder::new(record)));
        let mut aggregate = Aggregate::new(settings.aggregate);
        if let Some(record) = &record {
            aggregate.note(record.wants_marks());
        }
        let tunnels = settings.tunnels;
        let stages = Stages {
            flows,
            exchanges: Shared::with_keys(settings.keys),
            quic: Quic::new(aggregate.lists_connections()),
            aggregate,
            record,
        };
        let intake = Intake::new(settings.defragment, tunnels, settings.nat);
        Self { intake, fragments: Fragments::default(), tunnels, stages }
    }

    /// Sets the name and the state of an interface.
    pub fn set_interface(&mut self, id: InterfaceId, name: &str, state: InterfaceState) {
        self.stages.aggregate.set_interface(id, name, state);
        if let Some(record) = &self.stages.record {
            record.name(id, name);
        }
        self.intake.add_interface(id);
    }

    /// Gives an interface another name. What was counted so far stays with the name before.
    pub fn rename_interface(&mut self, id: InterfaceId, name: &str) {
        self.stages.aggregate.rename_interface(id, name);
        if let Some(record) = &self.stages.record {
            record.name(id, name);
        }
    }

    /// Tells that an interface was removed.
    pub fn remove_interface(&mut self, id: InterfaceId, name: &str) {
        self.stages.aggregate.remove_interface(id, name);
    }

    /// Tells why nothing is captured from an interface that is down, or with `None` that this is over.
    pub fn set_problem(&mut self, id: InterfaceId, name: &str, problem: Option<&str>) {
        self.stages.aggregate.set_problem(id, name, problem);
    }

    /// Sets since when an interface is watched that came up after the start; `None` for one watched from the start.
    pub fn set_watched_since(&mut self, id: InterfaceId, since: Option<Timestamp>) {
        self.stages.aggregate.set_watched_since(id, since);
    }

    /// Reads a packet, and counts it if `wanted` returns true for what was read. A packet does not make time pass: see
    /// [`Pipeline::tick`].
    #[inline]
    pub fn push_if(&mut self, packet: &Packet<'_>, wanted: impl FnOnce(&Arrival<'_>) -> bool) {
        self.push_with(packet, |arrival, _| wanted(arrival));
    }

    /// As [`Self::push_if`]. If packets are recorded, `wanted` gets the frames that make up what was read as well, for
    /// another pipeline that takes it: see [`Self::push_read`].
    #[inline]
    pub fn push_with(&mut self, packet: &Packet<'_>, wanted: impl FnOnce(&Arrival<'_>, &[Packet<'_>]) -> bool) {
        if self.stages.record.is_some() {
            return self.record(packet, wanted);
        }
        let arrival = self.intake.read(packet);
        if wanted(&arrival, &[]) {
            self.stages.take(&arrival);
        }
    }

    #[inline(never)]
    fn record(&mut self, packet: &Packet<'_>, wanted: impl FnOnce(&Arrival<'_>, &[Packet<'_>]) -> bool) {
        let arrival = self.intake.read(packet);
        let frames = self.fragments.gather(packet, &arrival, self.tunnels);
        if wanted(&arrival, &frames) {
            self.stages.take_with(&arrival, &frames);
        }
    }

    /// Lets time pass until `now`. Connections and holes that have waited for too long are given up.
    pub fn tick(&mut self, now: Timestamp) {
        let Stages { flows, exchanges, aggregate, .. } = &mut self.stages;
        flows.tick(now, &mut Sessions { sink: aggregate, shared: exchanges });
        self.stages.quic.tick(now, &mut self.stages.aggregate);
        if let (Some(record), Some(noted)) = (&mut self.stages.record, self.stages.aggregate.noted()) {
            record.pass(now, noted);
        }
    }

    /// Sets what is known of this machine from now on, for the processes at the ends of connections.
    pub fn set_machine(&mut self, machine: Arc<Machine>) {
        if let Some(owners) = self.stages.aggregate.owners() {
            owners.set_machine(machine);
        }
    }

    /// Takes the connections whose processes are to be looked for, and the number of those of which there were too many.
    pub fn take_asks(&mut self) -> (Vec<Ask>, u64) {
        let owners = self.stages.aggregate.owners();
        owners.map(|owners| (owners.take_asks(), owners.take_dropped())).unwrap_or_default()
    }

    /// Takes the processes of a connection.
    pub fn answer(&mut self, answer: Answer) {
        if let Some(owners) = self.stages.aggregate.owners() {
            owners.answer(answer);
        }
    }

    /// Adds packets that the kernel and the interfaces have dropped.
    pub fn add_drops(&mut self, kernel: u64, interface: u64) {
        self.stages.aggregate.capture().kernel_dropped += kernel;
        self.stages.aggregate.capture().interface_dropped += interface;
    }

    /// Takes note at which interface dropped packets would have been captured, for the statistics in recorded files.
    /// [`Self::add_drops`] counts them.
    pub fn note_drops(&self, at: InterfaceId, kernel: u64, interface: u64) {
        if let Some(record) = &self.stages.record {
            record.drops(at, kernel, interface);
        }
    }

    /// True if packets are recorded.
    pub fn records(&self) -> bool {
        self.stages.record.is_some()
    }

    /// Sets by how many nanoseconds the times of recorded packets are later than the packets have them.
    pub fn shift_records(&mut self, nanos: i64) {
        if let Some(record) = &mut self.stages.record {
            record.shift(nanos);
        }
    }

    /// Passes on the packets to be written that were recorded until now.
    pub fn flush_packets(&mut self) {
        if let Some(record) = &mut self.stages.record {
            record.flush_packets();
        }
    }

    /// Passes on everything that was recorded until now.
    pub fn flush_records(&mut self) {
        if let Some(record) = &mut self.stages.record {
            record.flush();
        }
    }

    /// Adds steps of the wall clock.
    pub fn add_clock_steps(&mut self, steps: u64) {
        self.stages.aggregate.capture().clock_steps += steps;
    }

    /// Adds datagrams with missing fragments, if another thread puts fragments together.
    pub fn add_incomplete(&mut self, datagrams: u64) {
        self.stages.aggregate.undecoded(Undecoded::Fragments, datagrams);
    }

    /// Adds packets that could not be read.
    pub fn add_unread(&mut self, packets: u64) {
        self.stages.aggregate.capture().unread += packets;
    }

    /// Makes the pipeline usable after a panic in a stage. Connections and fragments may be in an inconsistent state
    /// and are forgotten. They count as evicted and incomplete. What the interval has counted stays.
    pub fn restart(&mut self) {
        self.intake.restart();
        self.stages.flows.restart();
        self.stages.exchanges = Shared::with_keys(self.stages.exchanges.keys.clone());
        self.stages.quic = Quic::new(self.stages.aggregate.lists_connections());
        self.stages.aggregate.forget_connections();
        self.stages.record.iter_mut().for_each(|record| record.restart());
    }

    /// The number of packets counted in the open interval.
    pub fn received(&self) -> u64 {
        self.stages.aggregate.received()
    }

    /// Ends all connections, at the end of the capture.
    pub fn finish(&mut self) {
        let Stages { flows, exchanges, aggregate, .. } = &mut self.stages;
        flows.finish(&mut Sessions { sink: aggregate, shared: exchanges });
        self.stages.quic.finish(&mut self.stages.aggregate);
        if let (Some(record), Some(noted)) = (&mut self.stages.record, self.stages.aggregate.noted()) {
            record.finish(noted);
        }
    }

    /// Closes the interval `[start, end)` and returns its snapshot.
    pub fn close(&mut self, start: Timestamp, end: Timestamp) -> Snapshot {
        let incomplete = self.intake.take_dropped();
        self.add_incomplete(incomplete);
        self.flush_records();
        let Stages { flows, exchanges, aggregate, quic, .. } = &mut self.stages;
        quic.list(end, aggregate);
        flows.list(end, &mut Sessions { sink: aggregate, shared: exchanges });
        let losses = flows.take_losses();
        aggregate.close(start, end, Tracked { all: flows.len(), open: flows.take_open() }, losses)
    }
}

impl Stages {
    /// As [`Self::take`], and records the frames that make up the arrival.
    fn take_with(&mut self, arrival: &Arrival<'_>, frames: &[Packet<'_>]) {
        let of = self.take(arrival);
        if let (Some(record), Some(noted)) = (&mut self.record, self.aggregate.noted()) {
            record.take(frames, of, noted);
        }
    }

    /// Counts a packet, and passes its segment through the stages if it has one. Returns the connection of the segment,
    /// and its protocol as far as it is known.
    fn take(&mut self, arrival: &Arrival<'_>) -> Option<(FlowId, Option<Protocol>)> {
        let Arrival { interface, wire_len, is_truncated, .. } = *arrival;
        match &arrival.content {
            Content::Segment(segment) => {
                let place = self.flows.find(&segment.key);
                return self.take_segment(segment, place, wire_len, is_truncated);
            }
            Content::Udp(udp) => {
                let protocol = self.quic.push(udp, &mut self.aggregate).then_some(Protocol::Quic);
                self.aggregate.packet(interface, wire_len, is_truncated, protocol);
                return None;
            }
            Content::Undecoded(kind) => self.aggregate.undecoded(*kind, 1),
            Content::Fragment | Content::Foreign => {}
        }
        self.aggregate.packet(interface, wire_len, is_truncated, None);
        None
    }

    /// Counts the packet of a segment, and passes the segment through the stages.
    fn take_segment(
        &mut self,
        segment: &Segment<'_>,
        place: Place,
        wire_len: u32,
        is_truncated: bool,
    ) -> Option<(FlowId, Option<Protocol>)> {
        let Self { flows, exchanges, aggregate, .. } = self;
        #[cfg(test)]
        assert!(!segment.payload.starts_with(FAULT), "a fault injected by a test");
        let of = flows.push(segment, place, &mut Sessions { sink: aggregate, shared: exchanges });
        let protocol = of.and_then(|(_, protocol)| protocol);
        aggregate.packet(segment.interface, wire_len, is_truncated, protocol);
        of
    }
}

/// In tests, a segment that begins with these bytes makes a stage panic.
#[cfg(test)]
pub(crate) const FAULT: &[u8] = b"\0fault\0";

#[cfg(test)]
pub(crate) mod tests;

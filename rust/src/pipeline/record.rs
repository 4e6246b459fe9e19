//! Records packets: those of HTTP connections that are to be written, and the latest ones as evidence for alerts.
//!
//! Frames come in, with their connection and what became known of it. A connection is chosen once an exchange on it is
//! counted; with a filter, once one is that the filter admits. Until then its packets are held, within bounds, since its
//! handshake belongs to it. What is chosen leaves as blocks of pcapng through a [`Carrier`], connections whole. Evidence
//! is another matter: the packets of all connections that may speak HTTP, by default without payload, among marks that
//! tell which exchanges were on which connection.
//!
//! Of other protocols nothing is recorded, and nothing of packets without a connection.

pub mod blocks;
mod evidence;
mod fragments;
mod frames;
mod held;
mod parcel;
mod select;

use std::fmt::Debug;
use std::sync::Arc;

use super::aggregate::{Noted, Settled};
use super::exchange::Protocol;
use super::flow::FlowId;
use super::packet::{InterfaceId, Packet, SECOND, Timestamp};
use evidence::Spool;
pub use fragments::Fragments;
pub use frames::Frames;
use held::{Held, NOWHERE};
pub use parcel::{Entry, Parcel};
pub use select::{Selected, Wanted, select};

/// Bytes of packets that are held of connections that are not decided yet: several seconds of a busy link if only new
/// connections are, and of what fits most with a filter.
pub const MAX_HELD: usize = 64 * 1024 * 1024;

/// A parcel is handed over at this size. Large enough that handing over costs nothing, small enough to be one write.
const PARCEL: usize = 256 * 1024;

/// Nanoseconds of packet time after which packets are handed over even if they are few, so that those of several
/// workers can be put in the order of time.
const STEP: i64 = SECOND / 10;

/// Packets after which a connection that speaks something unknown is given up. Before that it may be a greeting.
const GREETING: u32 = 16;

/// Takes what is recorded. Nothing that it does may wait for a disk while a capture is live.
pub trait Carrier: Debug + Send + Sync {
    /// So many workers are about to enroll.
    fn expect(&self, _workers: usize) {}
    /// A number for one more worker, or for one that begins anew. Connections of different numbers are different.
    fn enroll(&self) -> u32;
    /// The name of an interface.
    fn name(&self, interface: InterfaceId, name: &str);
    /// Packets that the kernel, and the interface, have dropped.
    fn drops(&self, interface: InterfaceId, kernel: u64, device: u64);
    /// The worker with this number hands over no more packets from before this time, but for those that it holds.
    fn reach(&self, number: u32, ts: Timestamp);
    /// Packets to be written. The parcel comes back empty.
    fn carry(&self, parcel: &mut Parcel);
    /// Packets of chosen connections that could not be held until their connection was chosen.
    fn lose(&self, packets: u64);
    /// Packets and marks to be kept for alerts, of the worker with this number.
    fn keep(&self, number: u32, chunk: &[u8]);
}

/// What is recorded.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who takes it.
    pub carrier: Arc<dyn Carrier>,
    /// True if packets of chosen connections are written.
    pub writes: bool,
    /// Bytes held of connections that are not decided yet.
    pub held: usize,
    /// Set if packets are kept for alerts; true if with their payload.
    pub evidence: Option<bool>,
}

impl Settings {
    /// The settings of one of `count` workers.
    #[must_use]
    pub fn share(&self, count: usize) -> Self {
        Self { held: self.held.div_ceil(count), ..self.clone() }
    }
}

/// What is known of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Its packets are held.
    Open,
    /// Its packets are written.
    Chosen,
    /// It speaks another protocol.
    Refused,
}

/// A connection, by its slot in the table of connections.
#[derive(Clone, Copy, Debug)]
struct Flow {
    id: Option<FlowId>,
    fate: Fate,
    /// Packets in an unknown protocol.
    unknown: u32,
    /// Packets that were held and had to go.
    lost: u32,
    /// Where its newest held packet is.
    last: u64,
}

impl Flow {
    const NEW: Self = Self { id: None, fate: Fate::Open, unknown: 0, lost: 0, last: NOWHERE };

    /// Takes note of the protocol that the connection speaks.
    fn learn(&mut self, protocol: Option<Protocol>) {
        let is_foreign = match protocol {
            // There may be HTTP in a tunnel.
            None
            | Some(Protocol::Http1 | Protocol::Http2 | Protocol::Grpc | Protocol::WebSocket | Protocol::Tunnel) => {
                false
            }
            Some(Protocol::Other) => {
                self.unknown += 1;
                self.unknown > GREETING
            }
            Some(Protocol::Tls | Protocol::Quic | Protocol::Ssh) => true,
        };
        if is_foreign && self.fate == Fate::Open {
            (self.fate, self.last) = (Fate::Refused, NOWHERE);
        }
    }
}

/// Records the packets of one worker.
#[derive(Debug)]
pub struct Recorder {
    carrier: Arc<dyn Carrier>,
    number: u32,
    /// Nanoseconds from the times of packets to the times as they are shown.
    shift: i64,
    now: Timestamp,
    /// The time up to which packets were handed over.
    reached: Timestamp,
    flows: Vec<Flow>,
    writes: bool,
    held: Held,
    parcel: Parcel,
    spool: Option<Spool>,
}

impl Recorder {
    /// Has recorded nothing yet.
    pub fn new(settings: &Settings) -> Self {
        let Settings { carrier, writes, held, evidence } = settings;
        Self {
            number: carrier.enroll(),
            carrier: carrier.clone(),
            shift: 0,
            now: Timestamp::default(),
            reached: Timestamp(i64::MIN),
            flows: Vec::new(),
            writes: *writes,
            held: Held::new(if *writes { *held } else { 0 }),
            parcel: Parcel::default(),
            spool: evidence.map(Spool::new),
        }
    }

    /// True if exchanges are to be marked.
    pub fn wants_marks(&self) -> bool {
        self.spool.is_some()
    }

    /// Passes on the name of an interface.
    pub fn name(&self, interface: InterfaceId, name: &str) {
        self.carrier.name(interface, name);
    }

    /// Passes on packets that were dropped before they got here.
    pub fn drops(&self, interface: InterfaceId, kernel: u64, device: u64) {
        if kernel > 0 || device > 0 {
            self.carrier.drops(interface, kernel, device);
        }
    }

    /// Sets by how many nanoseconds times are shown later than packets have them.
    pub fn shift(&mut self, nanos: i64) {
        self.shift = nanos;
    }

    /// Takes the packets that make up a segment of a connection, `None` if it is of none. `noted` is what was noted
    /// while the segment was read, and is cleared.
    pub fn take(&mut self, frames: &[Packet<'_>], of: Option<(FlowId, Option<Protocol>)>, noted: &mut Noted) {
        self.settle(noted);
        if let Some((id, protocol)) = of {
            if noted.is_selected {
                self.choose(id);
            }
            let flow = self.flow(id);
            flow.learn(protocol);
            let fate = flow.fate;
            for packet in frames {
                self.record(id, fate, packet);
            }
            let marks = noted.settled.last().map_or(0, |settled| settled.marks);
            self.mark(id, &noted.marks[marks..]);
        }
        noted.clear();
        if self.parcel.blocks.len() >= PARCEL {
            self.carrier.carry(&mut self.parcel);
        }
        if let Some(spool) = &mut self.spool {
            spool.pass_on(false, |chunk| self.carrier.keep(self.number, chunk));
        }
    }

    /// Takes what was settled of connections without a segment of theirs. `noted` is cleared by the caller.
    fn settle(&mut self, noted: &Noted) {
        let mut from = 0;
        for &Settled { id, is_over, is_selected, marks } in &noted.settled {
            if is_selected {
                self.choose(id);
            }
            self.mark(id, &noted.marks[from..marks]);
            from = marks;
            if is_over {
                *self.flow(id) = Flow::NEW;
            }
        }
    }

    /// Takes what was settled while time passed until `now`. `noted` is cleared.
    pub fn pass(&mut self, now: Timestamp, noted: &mut Noted) {
        if !noted.settled.is_empty() {
            self.settle(noted);
        }
        noted.clear();
        if now >= self.reached.plus(STEP) || now < self.reached.plus(-STEP) {
            self.reached = now;
            self.flush_packets();
            self.carrier.reach(self.number, now.plus(self.shift));
        }
    }

    /// Takes what was settled when all connections ended, and passes everything on.
    pub fn finish(&mut self, noted: &mut Noted) {
        self.settle(noted);
        noted.clear();
        self.flush();
        self.carrier.reach(self.number, Timestamp(i64::MAX));
    }

    /// Passes on the packets to be written that were recorded until now.
    pub fn flush_packets(&mut self) {
        if !self.parcel.packets.is_empty() {
            self.carrier.carry(&mut self.parcel);
        }
    }

    /// Passes on everything that was recorded until now.
    pub fn flush(&mut self) {
        self.flush_packets();
        if let Some(spool) = &mut self.spool {
            spool.pass_on(true, |chunk| self.carrier.keep(self.number, chunk));
        }
    }

    /// Forgets all connections, as the stage before has done.
    pub fn restart(&mut self) {
        self.flush();
        self.carrier.reach(self.number, Timestamp(i64::MAX));
        self.number = self.carrier.enroll();
        self.carrier.reach(self.number, self.reached.plus(self.shift));
        self.flows.clear();
        self.held.clear();
    }

    fn flow(&mut self, id: FlowId) -> &mut Flow {
        let at = id.slot() as usize;
        if self.flows.len() <= at {
            self.flows.resize(at + 1, Flow::NEW);
        }
        let flow = &mut self.flows[at];
        if flow.id != Some(id) {
            *flow = Flow { id: Some(id), ..Flow::NEW };
        }
        flow
    }

    fn record(&mut self, id: FlowId, fate: Fate, packet: &Packet<'_>) {
        let packet = &Packet { ts: packet.ts.plus(self.shift), ..*packet };
        self.now = packet.ts;
        if fate == Fate::Refused {
            return;
        }
        if let Some(spool) = &mut self.spool {
            spool.push(id, packet);
        }
        if !self.writes {
            return;
        }
        if fate == Fate::Chosen {
            let Parcel { blocks, packets } = &mut self.parcel;
            let len = blocks::packet(blocks, packet);
            packets.push(Entry { ts: packet.ts, len, interface: packet.interface, link_type: packet.link_type });
        } else {
            self.hold(id, packet);
        }
    }

    /// Holds a packet of a connection that is not decided. The oldest ones make room.
    fn hold(&mut self, id: FlowId, packet: &Packet<'_>) {
        let flows = &mut self.flows;
        let last = flows[id.slot() as usize].last;
        let at = self.held.push(id, last, packet, |slot, bits| {
            let flow = flows.get_mut(slot as usize);
            if let Some(flow) = flow.filter(|flow| flow.id.is_some_and(|id| id.to_bits() == bits)) {
                flow.lost += u32::from(flow.fate == Fate::Open);
            }
        });
        let flow = &mut flows[id.slot() as usize];
        match at {
            Some(at) => flow.last = at,
            None => flow.lost += 1,
        }
    }

    /// Chooses a connection: what is held of it will be written, and what comes.
    fn choose(&mut self, id: FlowId) {
        let flow = self.flow(id);
        if std::mem::replace(&mut flow.fate, Fate::Chosen) == Fate::Chosen || !self.writes {
            return;
        }
        let flow = self.flow(id);
        let (last, lost) = (std::mem::replace(&mut flow.last, NOWHERE), std::mem::take(&mut flow.lost));
        if lost > 0 {
            self.carrier.lose(lost.into());
        }
        let Self { held, parcel, carrier, .. } = self;
        held.release(last, |entry, block| {
            parcel.packets.push(entry);
            parcel.blocks.extend_from_slice(block);
            if parcel.blocks.len() >= PARCEL {
                carrier.carry(parcel);
            }
        });
    }

    fn mark(&mut self, id: FlowId, marks: &[u8]) {
        if let Some(spool) = self.spool.as_mut().filter(|_| !marks.is_empty()) {
            spool.mark(id, self.now, marks);
        }
    }
}

#[cfg(test)]
mod tests;

//! The stages, wired: packets in, a snapshot out for each interval. Pure: no I/O, no clock, no logging.
//!
//! ```text
//! packet -> decode -> defragment -> flow (reassembly) -> http -> exchange -> aggregate -> snapshot
//! ```
//!
//! The only file that knows all stages; each stage knows only those before it.
#![forbid(unsafe_code)]

pub mod aggregate;
pub mod decode;
pub mod defragment;
pub mod exchange;
pub mod flow;
pub mod histogram;
pub mod http;
pub mod name;
pub mod packet;
pub mod reassembly;
pub mod snapshot;

use aggregate::Aggregate;
use decode::{Datagram, NotTcp};
use defragment::Defragmenter;
use exchange::{Connection, Exchanges};
use flow::Flows;
use http::Protocol;
use packet::{InterfaceId, Packet, SECOND, Timestamp};
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
}

/// How often expiry is looked after, in packet time: a tenth of what the shortest time-out is worth.
const TICK: i64 = SECOND / 10;

/// All stages of one worker.
#[derive(Debug)]
pub struct Pipeline {
    fragments: Defragmenter,
    flows: Flows<Connection<aggregate::Ticket>>,
    aggregate: Aggregate,
    now: Timestamp,
    next_tick: Timestamp,
}

impl Pipeline {
    /// An empty pipeline.
    pub fn new(settings: Settings) -> Self {
        Self {
            fragments: Defragmenter::new(settings.defragment),
            flows: Flows::new(settings.flows, settings.reassembly),
            aggregate: Aggregate::new(settings.aggregate),
            now: Timestamp(i64::MIN),
            next_tick: Timestamp(i64::MIN),
        }
    }

    /// Says how an interface is called and how it is.
    pub fn set_interface(&mut self, id: InterfaceId, name: &str, state: InterfaceState) {
        self.aggregate.set_interface(id, name, state);
    }

    /// Takes a packet.
    pub fn push(&mut self, packet: &Packet<'_>) {
        if packet.ts >= self.next_tick {
            self.tick(packet.ts);
        }
        self.aggregate.capture().truncated += u64::from((packet.data.len() as u64) < u64::from(packet.wire_len));
        let is_http = match self.datagram(packet) {
            Ok(is_http) => is_http,
            Err(problem) => {
                self.aggregate.capture().undecodable += u64::from(problem != NotTcp::Foreign);
                false
            }
        };
        self.aggregate.packet(packet.interface, u64::from(packet.wire_len), is_http);
    }

    /// Takes a packet whose link type nobody can decode.
    pub fn push_unknown(&mut self, interface: InterfaceId, wire_len: u32) {
        self.aggregate.capture().undecodable += 1;
        self.aggregate.packet(interface, u64::from(wire_len), false);
    }

    /// Lets time pass. Time that runs backwards is ignored.
    pub fn tick(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        self.next_tick = self.now.plus(TICK);
        self.flows.tick(self.now, &mut Exchanges(&mut self.aggregate));
    }

    /// What follows may be older than what was: another file begins.
    pub fn rewind(&mut self) {
        (self.now, self.next_tick) = (Timestamp(i64::MIN), Timestamp(i64::MIN));
        self.flows.rewind();
    }

    /// Losses that an edge knows of: packets the kernel and the interfaces dropped since last told.
    pub fn add_drops(&mut self, kernel: u64, interface: u64) {
        self.aggregate.capture().kernel_dropped += kernel;
        self.aggregate.capture().interface_dropped += interface;
    }

    /// The capture is over: what is still open ends.
    pub fn finish(&mut self) {
        self.flows.finish(self.now, &mut Exchanges(&mut self.aggregate));
    }

    /// Closes the interval `[start, end)`.
    pub fn close(&mut self, start: Timestamp, end: Timestamp) -> Snapshot {
        self.aggregate.capture().undecodable += self.fragments.take_dropped();
        let losses = self.flows.take_losses();
        self.aggregate.close(start, end, self.flows.len(), losses)
    }

    /// Follows a frame to its segment. Returns whether its connection carries HTTP.
    fn datagram(&mut self, packet: &Packet<'_>) -> Result<bool, NotTcp> {
        let datagram = decode::datagram(packet)?;
        let Some(part) = datagram.fragment else {
            return segment(&mut self.flows, &mut self.aggregate, &datagram, packet);
        };
        if datagram.protocol != decode::TCP && part.offset == 0 {
            return Err(NotTcp::Foreign);
        }
        match self.fragments.push(&datagram, part, packet.ts) {
            Some(whole) => segment(&mut self.flows, &mut self.aggregate, &whole, packet),
            None => Ok(false),
        }
    }
}

fn segment(
    flows: &mut Flows<Connection<aggregate::Ticket>>,
    aggregate: &mut Aggregate,
    datagram: &Datagram<'_>,
    packet: &Packet<'_>,
) -> Result<bool, NotTcp> {
    let segment = decode::segment(datagram, packet.ts, packet.interface)?;
    let outcome = flows.push(&segment, &mut Exchanges(aggregate));
    let connection = outcome.flow.and_then(|flow| flows.state(flow));
    aggregate.observe(&outcome.observation, connection.and_then(Connection::ticket));
    Ok(connection.is_some_and(|connection| connection.protocol() == Some(Protocol::Http1)))
}

#[cfg(test)]
mod tests;

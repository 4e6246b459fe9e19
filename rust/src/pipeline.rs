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
pub mod tls;

use aggregate::{Aggregate, Ticket};
use decode::{Datagram, NotTcp, Segment};
use defragment::Defragmenter;
use exchange::{Exchanges, Shared, Talk};
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
    /// Look into GRE, VXLAN, GENEVE, IP-in-IP and Teredo.
    pub tunnels: bool,
}

/// How often expiry is looked after, in packet time: a tenth of what the shortest time-out is worth.
const TICK: i64 = SECOND / 10;

/// A packet this far from the one before, either way, is taken for a broken clock until the next one agrees.
const MAX_JUMP: u64 = 60 * SECOND as u64;

/// Before the first packet.
const NEVER: Timestamp = Timestamp(i64::MIN);

/// All stages of one worker.
#[derive(Debug)]
pub struct Pipeline {
    fragments: Defragmenter,
    flows: Flows<Talk<Ticket>>,
    exchanges: Shared<Ticket>,
    aggregate: Aggregate,
    tunnels: bool,
    now: Timestamp,
    next_tick: Timestamp,
    /// The packet before was far from the others.
    jumped: bool,
}

impl Pipeline {
    /// An empty pipeline.
    pub fn new(settings: Settings) -> Self {
        Self {
            fragments: Defragmenter::new(settings.defragment),
            flows: Flows::new(settings.flows, settings.reassembly),
            exchanges: Shared::default(),
            aggregate: Aggregate::new(settings.aggregate),
            tunnels: settings.tunnels,
            now: NEVER,
            next_tick: NEVER,
            jumped: false,
        }
    }

    /// Says how an interface is called and how it is.
    pub fn set_interface(&mut self, id: InterfaceId, name: &str, state: InterfaceState) {
        self.aggregate.set_interface(id, name, state);
    }

    /// Takes a packet.
    pub fn push(&mut self, packet: &Packet<'_>) {
        if packet.ts >= self.next_tick || packet.ts < self.now || self.jumped {
            self.follow_clock(packet.ts);
        }
        self.aggregate.capture().truncated += u64::from((packet.data.len() as u64) < u64::from(packet.wire_len));
        let protocol = self.follow(packet).unwrap_or_else(|problem| {
            self.aggregate.capture().undecodable += u64::from(problem != NotTcp::Foreign);
            None
        });
        self.aggregate.packet(packet.interface, u64::from(packet.wire_len), protocol);
    }

    /// Takes a packet whose link type nobody can decode.
    pub fn push_unknown(&mut self, interface: InterfaceId, wire_len: u32) {
        self.aggregate.capture().undecodable += 1;
        self.aggregate.packet(interface, u64::from(wire_len), None);
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Timestamp) {
        (self.now, self.next_tick) = (now, now.plus(TICK));
        self.flows.tick(now, &mut Exchanges { sink: &mut self.aggregate, shared: &mut self.exchanges });
    }

    /// Takes the time from a packet. Of two packets, the second decides whether the first one's clock had jumped.
    fn follow_clock(&mut self, ts: Timestamp) {
        let jumps = self.now != NEVER && ts.0.abs_diff(self.now.0) > MAX_JUMP;
        if jumps && !std::mem::replace(&mut self.jumped, true) {
            return;
        }
        self.jumped = false;
        if jumps || ts >= self.next_tick {
            self.tick(ts);
        }
    }

    /// Losses that an edge knows of: packets the kernel and the interfaces dropped since last told.
    pub fn add_drops(&mut self, kernel: u64, interface: u64) {
        self.aggregate.capture().kernel_dropped += kernel;
        self.aggregate.capture().interface_dropped += interface;
    }

    /// The capture is over: what is still open ends.
    pub fn finish(&mut self) {
        self.flows.finish(&mut Exchanges { sink: &mut self.aggregate, shared: &mut self.exchanges });
    }

    /// Closes the interval `[start, end)`.
    pub fn close(&mut self, start: Timestamp, end: Timestamp) -> Snapshot {
        self.aggregate.capture().undecodable += self.fragments.take_dropped();
        let losses = self.flows.take_losses();
        self.aggregate.close(start, end, self.flows.len(), losses)
    }

    /// Follows a frame to its segment. Returns what its connection speaks, when that is known.
    fn follow(&mut self, packet: &Packet<'_>) -> Result<Option<Protocol>, NotTcp> {
        let datagram = decode::datagram(packet)?;
        if datagram.fragment.is_some() || datagram.protocol != decode::TCP {
            return self.unwrap(datagram, packet);
        }
        let segment = decode::segment(&datagram, packet.ts, packet.interface)?;
        Ok(segment_of(&mut self.flows, &mut self.exchanges, &mut self.aggregate, &segment))
    }

    /// Follows a fragment or a tunnel.
    #[cold]
    fn unwrap(&mut self, outer: Datagram<'_>, packet: &Packet<'_>) -> Result<Option<Protocol>, NotTcp> {
        let whole = match outer.fragment {
            None => outer,
            Some(part) if !self.tunnels && !outer.may_hold_tcp(part) => return Err(NotTcp::Foreign),
            Some(part) => match self.fragments.push(&outer, part, packet.ts) {
                Some(whole) => whole,
                None => return Ok(None),
            },
        };
        let datagram = innermost(whole, self.tunnels, &mut self.aggregate)?;
        let segment = decode::segment(&datagram, packet.ts, packet.interface)?;
        Ok(segment_of(&mut self.flows, &mut self.exchanges, &mut self.aggregate, &segment))
    }
}

/// Follows a segment to its connection. Returns what that speaks, when it is known.
fn segment_of(
    flows: &mut Flows<Talk<Ticket>>,
    shared: &mut Shared<Ticket>,
    aggregate: &mut Aggregate,
    segment: &Segment<'_>,
) -> Option<Protocol> {
    let outcome = flows.push(segment, &mut Exchanges { sink: aggregate, shared });
    let talk = outcome.flow.and_then(|flow| flows.state(flow));
    let from_client = match talk.and_then(Talk::client).or(outcome.opener) {
        Some(client) => segment.direction == client,
        // Joined midway: servers have the lower port.
        None => segment.key.sender(segment.direction).port > segment.key.sender(segment.direction.reverse()).port,
    };
    let ticket = talk.and_then(Talk::ticket);
    aggregate.observe(&outcome.observation, outcome.interface, from_client, ticket);
    talk.and_then(Talk::protocol)
}

/// The datagram within all tunnels, when they are to be entered; else a tunnel is counted and left alone. Fragments
/// within a tunnel stay what they are.
fn innermost<'a>(mut datagram: Datagram<'a>, tunnels: bool, aggregate: &mut Aggregate) -> Result<Datagram<'a>, NotTcp> {
    for _ in 0..decode::MAX_TUNNELS {
        if datagram.protocol == decode::TCP {
            return Ok(datagram);
        }
        let Some(inner) = decode::inner(&datagram) else { return Ok(datagram) };
        if !tunnels {
            aggregate.capture().encapsulated += 1;
            return Err(NotTcp::Foreign);
        }
        datagram = inner?;
    }
    Ok(datagram)
}

#[cfg(test)]
mod tests;

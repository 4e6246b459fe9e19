//! QUIC (RFC 9000, version 1 and version 2 of RFC 9369): datagrams come in; the server that a client names, bytes, round
//! trips and handshakes go out. What comes after the `Initial` packets stays closed: only these can be decrypted by
//! anybody, with keys that follow from the connection id (RFC 9001 §5.2).
//!
//! A connection is known by its addresses and ports, so one that moves to another address counts as another one. It
//! ends when it has been silent for [`IDLE`], since its last packets cannot be read.

mod crypto;
mod keys;
mod packet;
mod state;
#[cfg(test)]
#[expect(missing_docs, reason = "tests")]
pub mod tests;

use hashbrown::HashMap;

use crate::pipeline::decode::{Direction, FlowKey, Udp};
use crate::pipeline::exchange::{Note, Protocol, Sink};
use crate::pipeline::packet::{SECOND, Timestamp};
use crate::pipeline::steps;
use packet::Packets;
use state::Flow;

/// The port of HTTP/3. Packets that begin in the midst of a connection are taken for QUIC on this port only.
const HTTPS: u16 = 443;

/// Limit on the connections that are followed; a flow takes about 200 bytes, and a few KiB until its hello is read.
/// While so many are followed, others are counted as packets only.
const MAX_FLOWS: usize = 65_536;

/// Limit on the bytes of unfinished hellos that all connections keep. Above it, the connection of each new packet gives
/// its hello up.
const MAX_HELD: usize = 16 << 20;

/// Limit on the connections that an interval notes for the list of connections, as among those of TCP.
const MAX_HEARD: usize = 4096;

/// How long a connection may be silent before it is over. Servers close idle connections after 30 s or less.
const IDLE: i64 = 60 * SECOND;

/// How long a connection that nobody answered is kept when there are too many.
const UNANSWERED: i64 = 5 * SECOND;

/// How often silent connections are looked for.
const SWEEP: i64 = 5 * SECOND;

/// How often they are looked for while there are too many. All connections are looked at, so this bounds the work for
/// each packet of a flood.
const HASTE: i64 = SECOND;

/// The QUIC connections of a worker.
#[derive(Debug)]
pub struct Quic {
    flows: HashMap<FlowKey, Flow>,
    held: usize,
    swept: Timestamp,
    most: usize,
    /// The connections with a datagram in this interval, each once; `None` if none are to be listed.
    heard: Option<Vec<FlowKey>>,
    /// The newest time.
    now: Timestamp,
}

impl Default for Quic {
    fn default() -> Self {
        Self {
            flows: HashMap::new(),
            held: 0,
            swept: Timestamp(i64::MIN),
            most: MAX_FLOWS,
            heard: None,
            now: Timestamp(i64::MIN),
        }
    }
}

impl Quic {
    /// Follows no connection yet. `lists` is true if connections are to be listed.
    pub fn new(lists: bool) -> Self {
        Self { heard: lists.then(Vec::new), ..Self::default() }
    }

    /// Takes a datagram. Returns whether it is QUIC.
    pub fn push(&mut self, udp: &Udp<'_>, sink: &mut impl Sink) -> bool {
        let is_https = [udp.key.low.port, udp.key.high.port].contains(&HTTPS);
        if !self.flows.contains_key(&udp.key) {
            // Most other datagrams are too short for an `Initial` packet.
            if !is_https && !packet::may_begin(udp.payload) {
                return false;
            }
            let Some(flow) = begin(udp, is_https) else { return false };
            if self.flows.len() >= self.most && self.is_due(udp.ts, HASTE) {
                self.sweep(udp.ts, UNANSWERED, sink);
            }
            if self.flows.len() >= self.most {
                return true;
            }
            sink.note(Note::Protocol(Protocol::Quic));
            self.held += flow.held();
            self.flows.insert(udp.key, flow);
        }
        self.now = self.now.max(udp.ts);
        if let Some(flow) = self.flows.get_mut(&udp.key) {
            if let Some(heard) = self.heard.as_mut().filter(|heard| heard.len() < MAX_HEARD)
                && !std::mem::replace(&mut flow.is_heard, true)
            {
                heard.push(udp.key);
            }
            self.held -= flow.held();
            flow.push(udp, sink);
            if self.held + flow.held() > MAX_HELD {
                flow.give_up(udp, sink);
            }
            self.held += flow.held();
        }
        true
    }

    /// Lets time pass: connections that have been silent for too long end.
    pub fn tick(&mut self, now: Timestamp, sink: &mut impl Sink) {
        if !self.flows.is_empty() && self.is_due(now, SWEEP) {
            self.sweep(now, IDLE, sink);
        }
    }

    /// Lists the connections with a datagram since the last call.
    pub fn list(&mut self, now: Timestamp, sink: &mut impl Sink) {
        let Some(heard) = &mut self.heard else { return };
        steps::add(heard.len());
        for key in heard.drain(..) {
            if let Some(flow) = self.flows.get_mut(&key) {
                flow.is_heard = false;
                sink.quic_connection(&flow.listed(&key, now));
            }
        }
    }

    /// True if silent connections were not looked for since `every` nanoseconds, or the clock was set back.
    fn is_due(&self, now: Timestamp, every: i64) -> bool {
        now < self.swept || now >= self.swept.plus(every)
    }

    /// Ends all connections.
    pub fn finish(&mut self, sink: &mut impl Sink) {
        self.list(self.now, sink);
        for (key, mut flow) in self.flows.drain() {
            flow.end(&key, sink);
        }
        self.held = 0;
    }

    /// Ends the connections that have been silent for too long, or for `unanswered` if nobody has answered.
    fn sweep(&mut self, now: Timestamp, unanswered: i64, sink: &mut impl Sink) {
        self.swept = now;
        steps::add(self.flows.len());
        let mut freed = 0;
        self.flows.retain(|key, flow| {
            let patience = if flow.is_answered() { IDLE } else { unanswered };
            let stays = now < flow.last.plus(patience);
            if !stays {
                freed += flow.held();
                flow.end(key, sink);
            }
            stays
        });
        self.held -= freed;
    }
}

/// Begins to follow a connection, if the datagram shows that it is one.
fn begin(udp: &Udp<'_>, is_https: bool) -> Option<Flow> {
    let first = Packets::new(udp.payload).next()?;
    if let Some(flow) = Flow::of_client(udp, &first) {
        return Some(flow);
    }
    if !is_https || !first.is_plausible() {
        return None;
    }
    // The capture joined the connection midway, or its version is not known. The server has the port of HTTPS.
    let client = if udp.key.high.port == HTTPS && udp.key.low.port != HTTPS { Direction::Up } else { Direction::Down };
    let is_between = udp.key.low.port == HTTPS && udp.key.high.port == HTTPS;
    Some(Flow::joined(udp, if is_between { udp.direction } else { client }))
}

//! Selects the packets behind an alert from what was kept: those of the connections with an exchange that the alert is
//! about. Chunks in, a whole capture of pcapng out.

use hashbrown::HashMap;

use super::blocks::{self, Interfaces};
use super::evidence::items;
use crate::pipeline::filter::Filter;
use crate::pipeline::mark::Mark;
use crate::pipeline::packet::{InterfaceId, Packet, Timestamp};
use crate::pipeline::snapshot::{OTHER, Per};

/// What an alert is about.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Which exchanges.
    pub filter: &'a Filter,
    /// The kind of its row.
    pub per: Per,
    /// The name of its row.
    pub key: &'a str,
    /// From when on exchanges have ended.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Bytes of packets at most. Connections whose exchange is the latest come first.
    pub most: usize,
}

/// What was selected.
#[derive(Debug, Default)]
pub struct Selected {
    /// The capture.
    pub capture: Vec<u8>,
    /// Its packets.
    pub packets: u64,
    /// Its connections.
    pub connections: u64,
    /// Connections that had no room.
    pub left_out: u64,
}

impl Wanted<'_> {
    fn is_about(&self, mark: &Mark<'_>) -> bool {
        self.is_in_row(mark) && (self.filter.is_empty() || self.filter.admits(&mark.facts) == Some(true))
    }

    /// A row for the rest may have any name.
    fn is_in_row(&self, mark: &Mark<'_>) -> bool {
        let key = self.key.as_bytes();
        let host = mark.facts.host.unwrap_or_default();
        self.key == OTHER
            || match self.per {
                Per::All | Per::Outcome => true,
                Per::Host => host == key,
                Per::Section => key.strip_prefix(host) == Some(mark.facts.section.unwrap_or_default()),
                Per::Client => mark.row_of_client == self.key,
                Per::Interface => mark.facts.interface == Some(key),
                Per::Process => mark.facts.process == Some(key),
            }
    }
}

/// A connection: which worker had it, and its number there.
type Flow = (u32, u64);

/// Selects packets from chunks, each with the number of its worker. `name` tells the name of an interface.
pub fn select<'a>(
    chunks: &'a [(u32, impl AsRef<[u8]>)],
    wanted: &Wanted<'_>,
    program: &str,
    name: impl Fn(InterfaceId) -> String,
) -> Selected {
    let all =
        || chunks.iter().flat_map(|(worker, chunk)| items(chunk.as_ref()).map(|item| ((*worker, item.flow), item)));
    let mut latest: HashMap<Flow, Timestamp> = HashMap::new();
    for (flow, item) in all().filter(|(_, item)| (wanted.since..=wanted.until).contains(&item.ts)) {
        let mut marks = item.marks;
        while let Some(mark) = Mark::read(&mut marks) {
            if wanted.is_about(&mark) {
                latest.insert(flow, item.ts);
            }
        }
    }
    let mut sizes: HashMap<Flow, usize> = HashMap::new();
    for (flow, item) in all().filter(|(flow, _)| latest.contains_key(flow)) {
        *sizes.entry(flow).or_default() += item.packet.map_or(0, |packet| blocks::length_of(packet.data.len()));
    }
    let mut order: Vec<_> = latest.into_iter().map(|(flow, ts)| (ts, flow)).collect();
    order.sort_unstable_by(|one, other| other.cmp(one));
    let (found, mut room) = (order.len(), wanted.most);
    let kept = order.into_iter().map_while(|(_, flow)| {
        room = room.checked_sub(sizes.get(&flow).copied().unwrap_or(0))?;
        Some((flow, ()))
    });
    let kept: HashMap<Flow, ()> = kept.collect();
    let mut packets: Vec<Packet<'a>> =
        all().filter(|(flow, _)| kept.contains_key(flow)).filter_map(|(_, item)| item.packet).collect();
    packets.sort_by_key(|packet| packet.ts);
    let capture = capture_of(&packets, program, name);
    let (packets, connections) = (packets.len() as u64, kept.len() as u64);
    Selected { capture, packets, connections, left_out: found as u64 - connections }
}

fn capture_of(packets: &[Packet<'_>], program: &str, name: impl Fn(InterfaceId) -> String) -> Vec<u8> {
    let mut capture = Vec::new();
    blocks::section(&mut capture, program);
    let mut interfaces = Interfaces::default();
    packets.iter().for_each(|packet| _ = interfaces.number(packet.interface, packet.link_type));
    for &(id, link_type) in &interfaces.0 {
        blocks::interface(&mut capture, &name(id), link_type, 0);
    }
    for packet in packets {
        let at = capture.len();
        blocks::packet(&mut capture, packet);
        blocks::set_interface(&mut capture[at..], interfaces.number(packet.interface, packet.link_type) as u32);
    }
    capture
}

//! Counts the events of one worker in the open interval. [`Aggregate::close`] returns the counts as a [`Snapshot`].
//!
//! Each event is counted in two rows: that of its section and that of its client. Hosts and totals are sums, made when
//! the interval is closed, so they always equal the sum of their rows. A request costs one hash of its host and one of
//! its section. The client of a connection is looked up once.

mod awaiting;
mod clients;
mod codes;
mod ended;
mod filtered;
mod health;
mod hosts;
mod interfaces;
mod lightest;
mod lists;
mod marks;
mod noted;
mod outcomes;
mod processes;
mod scratch;
mod servers;
mod settings;
mod sink;
mod streams;
mod subsets;
mod words;

use std::net::Ipv6Addr;
use std::sync::Arc;

use hashbrown::HashMap;

use super::decode::{FlowKey, Undecoded};
use super::exchange::Protocol;
use super::flow::{Losses, Told};
use super::histogram::{Histogram, Sizes};
use super::owners::Owners;
use super::packet::{InterfaceId, Timestamp};
pub use super::snapshot::Limits;
use super::snapshot::{self, Capture, Gauge, InterfaceState, Snapshot};
use awaiting::Awaiting;
use clients::{Clients, Group};
use hosts::HostTable;
use interfaces::Interfaces;
pub use noted::{Noted, Settled};
use scratch::Scratch;
use servers::Servers;
pub use settings::{ClientFrom, Listing, Settings};
use subsets::Subsets;
pub use subsets::{MAX_SUBSETS, WantedSubset, WantedSubsets};
use words::Hoard;

/// Identifies the two rows in which a request counts: that of its section and that of its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    row: hosts::Ticket,
    client: clients::Ticket,
}

impl Ticket {
    /// The ticket of a request that is not counted.
    const NOWHERE: Self = Self { row: hosts::Ticket::NOWHERE, client: clients::REST_TICKET };
}

/// Numbers of tracked connections.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tracked {
    /// All tracked connections.
    pub all: usize,
    /// Of these, the connections in use: neither opening nor over.
    pub open: usize,
}

/// The open interval.
#[derive(Debug)]
pub struct Aggregate {
    settings: Settings,
    hosts: HostTable,
    clients: Clients,
    /// The client that a PROXY header named, for each tracked connection with such a header. `None` if it named no
    /// client.
    proxied: HashMap<FlowKey, Option<Ipv6Addr>>,
    /// Upper bound of the buckets of all histograms. It includes buckets of rows that were folded since all were last
    /// counted.
    buckets: usize,
    interfaces: Interfaces,
    capture: Capture,
    exchanges: Vec<snapshot::NamedExchange>,
    /// An exchange that is faster is not among the slowest ones of the open interval.
    slow_enough: Option<u64>,
    connections: Vec<snapshot::Connection>,
    /// What was learnt about the current connection since it was last asked for, see `Sink::told`.
    told: Told,
    hoard: Hoard,
    servers: Servers,
    subsets: Subsets,
    /// Set if processes are looked for.
    owners: Option<Box<Owners>>,
    /// Exchanges that are judged when their interval is closed, since their processes were not known when they ended.
    awaiting: Vec<Awaiting<Ticket>>,
    /// Set if packets are recorded.
    noted: Option<Box<Noted>>,
    /// The host name being looked up. A field so that its memory is reused.
    host: Vec<u8>,
    path: Vec<u8>,
    scratch: Scratch,
}

impl Aggregate {
    /// An empty interval.
    pub fn new(settings: Settings) -> Self {
        let mut hosts = HostTable::new(settings.limits);
        hosts.filter.clone_from(&settings.filter);
        Self {
            hosts,
            clients: Clients::new(settings.limits.clients, Group::new(settings.client_ipv6_prefix)),
            proxied: HashMap::new(),
            buckets: 0,
            interfaces: Interfaces::default(),
            capture: Capture::default(),
            exchanges: Vec::new(),
            slow_enough: None,
            connections: Vec::new(),
            told: Told::default(),
            hoard: Hoard::default(),
            servers: Servers::default(),
            subsets: Subsets::new(&settings.subsets),
            owners: settings.processes.then(Box::default),
            awaiting: Vec::new(),
            noted: None,
            host: Vec::new(),
            path: Vec::new(),
            scratch: Scratch::default(),
            settings,
        }
    }

    /// Sets the name and the state of an interface. Interfaces may be set in any order. An interface that gets another
    /// name counts in a new row.
    pub fn set_interface(&mut self, id: InterfaceId, name: &str, state: InterfaceState) {
        self.interfaces.set(id, name, state);
    }

    /// Gives an interface another name.
    pub fn rename_interface(&mut self, id: InterfaceId, name: &str) {
        self.interfaces.rename(id, name);
    }

    /// Tells that an interface was removed.
    pub fn remove_interface(&mut self, id: InterfaceId, name: &str) {
        self.interfaces.remove(id, name);
    }

    /// Tells why nothing is captured from an interface, or with `None` that this is over.
    pub fn set_problem(&mut self, id: InterfaceId, name: &str, problem: Option<&str>) {
        match problem {
            Some(problem) => self.interfaces.set_problem(id, name, problem),
            None => self.interfaces.forget_problem(id),
        }
    }

    /// Sets since when an interface is watched, for an interface that came up after the capture began.
    pub fn set_watched_since(&mut self, id: InterfaceId, since: Option<Timestamp>) {
        self.interfaces.set_watched_since(id, since);
    }

    /// Counts a packet. `protocol` is the protocol of its connection, if known.
    #[inline]
    pub fn packet(&mut self, interface: InterfaceId, wire_len: u32, is_truncated: bool, protocol: Option<Protocol>) {
        self.capture.received += 1;
        self.capture.truncated += u64::from(is_truncated);
        self.interfaces.at(interface).packet(u64::from(wire_len), protocol);
    }

    /// Counts packets that are not decoded, by kind.
    #[cold]
    pub fn undecoded(&mut self, kind: Undecoded, packets: u64) {
        let counter = match kind {
            _ if packets == 0 => return,
            Undecoded::Tunnel(_) => Some(&mut self.capture.encapsulated),
            Undecoded::Encrypted(_) => None,
            _ => Some(&mut self.capture.undecodable),
        };
        if let Some(counter) = counter {
            *counter += packets;
        }
        self.capture.undecoded.add_within(snapshot::MAX_KINDS, kind, Undecoded::Other, packets);
    }

    /// Returns the losses and protocol counts of the open interval, for the caller to add to.
    pub fn capture(&mut self) -> &mut Capture {
        &mut self.capture
    }

    /// True if connections are listed.
    pub fn lists_connections(&self) -> bool {
        self.settings.connections
    }

    /// Packets counted in the open interval.
    pub fn received(&self) -> u64 {
        self.capture.received
    }

    /// Closes the interval `[start, end)` and returns everything counted since the last call.
    pub fn close(&mut self, start: Timestamp, end: Timestamp, flows: Tracked, losses: Losses) -> Snapshot {
        self.judge_awaiting();
        self.make_room_for_exchanges(1);
        self.slow_enough = None;
        self.name_processes();
        let mut capture = std::mem::take(&mut self.capture);
        self.buckets = 0;
        capture.gaps += losses.gaps;
        capture.gap_bytes += losses.gap_bytes;
        capture.flows_evicted += losses.flows_evicted;
        capture.flows = Gauge { at: end, value: flows.all as u64 };
        capture.open_connections = Gauge { at: end, value: flows.open as u64 };
        let interfaces = &mut self.interfaces;
        let hosts = self.hosts.take(&mut capture, |interface, tcp| interfaces.add_health(interface, tcp));
        let clients = self.clients.take(&mut capture);
        let mut snapshot = Snapshot {
            span: Some((start, end)),
            clients: clients.into_iter().map(Arc::new).collect(),
            interfaces: self.interfaces.take(end),
            capture,
            servers: self.servers.take(start),
            exchanges: std::mem::take(&mut self.exchanges),
            connections: self.take_connections(),
            subsets: self.subsets.take(&self.settings.subsets),
            ..Snapshot::default()
        };
        hosts.iter().for_each(|host| snapshot.counts.merge(&host.counts));
        // Each segment was counted at one interface.
        snapshot.interfaces.iter().for_each(|interface| snapshot.tcp.merge(&interface.tcp));
        snapshot.hosts = hosts.into_iter().map(Arc::new).collect();
        snapshot.exchanges.sort();
        // The sums of hosts and of the interval have histograms too, so the budget is checked once more.
        snapshot.coarsen(self.settings.limits.buckets);
        snapshot
    }

    /// Notes that histograms have gained `buckets` buckets. Coarsens all histograms if together they exceed their
    /// budget.
    fn grew(&mut self, buckets: usize) {
        self.buckets += buckets;
        if self.buckets > self.settings.limits.buckets {
            self.coarsen();
        }
    }

    /// Halves the scale of histograms until they use at most half the budget, so that this is seldom necessary.
    #[cold]
    fn coarsen(&mut self) {
        let mut sizes = Sizes::default();
        self.each_histogram(|histogram| sizes.add(histogram));
        let halvings = sizes.halvings_within(self.settings.limits.buckets / 2);
        self.buckets = sizes.at(halvings);
        if halvings > 0 {
            self.each_histogram(|histogram| histogram.coarsen(halvings));
            self.capture.histogram_halvings.merge(&snapshot::Halvings(halvings));
        }
    }

    fn each_histogram(&mut self, mut look: impl FnMut(&mut Histogram)) {
        self.hosts.each_histogram(&mut look);
        self.clients.each_histogram(&mut look);
        self.interfaces.each_histogram(&mut look);
        self.subsets.each_histogram(&mut look);
        self.servers.each_histogram(&mut look);
    }

    fn take_connections(&mut self) -> Vec<snapshot::Connection> {
        let mut connections = std::mem::take(&mut self.connections);
        snapshot::keep(&mut connections, self.settings.limits.connections);
        snapshot::sort_connections(&mut connections);
        connections
    }

    /// Drops what is kept for tracked connections: clients named by a proxy, and the words of waiting requests.
    pub fn forget_connections(&mut self) {
        self.proxied.clear();
        self.servers.forget();
        self.hoard.clear();
        self.noted.iter_mut().for_each(|noted| noted.clear());
        self.awaiting.clear();
        self.owners.iter_mut().for_each(|owners| owners.clear());
    }
}

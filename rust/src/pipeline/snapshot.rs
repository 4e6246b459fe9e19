//! Everything counted in one interval. A monoid: [`Snapshot::merge`] is associative and commutative, and
//! `Snapshot::default()` is its identity; whatever is shown, exported or alerted on is a merge of snapshots.
//!
//! Rows are kept sorted by their key, so equal contents are equal values. Merging never drops a row;
//! [`Snapshot::folded`] does, and says so.

mod binary;
mod connections;
mod fold;
mod json;
mod matching;
mod point;
mod rank;
mod remarkable;
mod rows;
mod scale;
mod standing;
mod sum;
mod tally;
mod window;

use std::net::Ipv6Addr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::decode::{Endpoint, Undecoded};
use super::exchange::{Ambiguity, Method, Protocol};
use super::histogram::Histogram;
use super::packet::Timestamp;
pub use binary::{Field, Unreadable, pack, unpack};
pub use connections::{Connection, sort_connections};
pub use matching::Matching;
pub use point::Point;
pub use rank::{Key, Ranking};
pub use remarkable::{keep, remarkable};
use rows::merge_rows;
pub use rows::sort_rows;
pub use standing::{Kind, Place, Standing, Weighing};
pub use sum::Sum;
pub use tally::Tally;
pub use window::{Window, settled};

/// The row for what did not fit under the caps on hosts, sections and clients.
pub const OTHER: &str = "~other";
/// The section of requests whose path the snapshot length cut off.
pub const UNKNOWN: &str = "~unknown";
/// Addresses remembered per host: enough for a round-robin name, no more than a line shows.
pub const MAX_ADDRESSES: usize = 8;
/// Kinds of packets that are not decoded, counted apart in an interval: more than a network has, few enough to look through.
pub const MAX_KINDS: usize = 32;

/// Bounds of a snapshot, as it is counted and as it is kept. What overflows is folded into `~other`, the lightest rows first, and counted.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Hosts: more than anybody reads, few enough to merge in a few milliseconds.
    pub hosts: usize,
    /// Sections of one host.
    pub sections_per_host: usize,
    /// Sections of all hosts.
    pub sections: usize,
    /// Clients: more than anybody reads; each interval has a row for each that it saw.
    pub clients: usize,
    /// Exchanges listed, when they are asked for.
    pub exchanges: usize,
    /// Connections listed, when they are asked for: more than anybody looks through.
    pub connections: usize,
    /// Buckets of all histograms: 16 MB of counts, and 20 for each histogram of as many sections as there can be.
    /// Beyond, the scale of histograms is halved.
    pub buckets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hosts: 10_000,
            sections_per_host: 200,
            sections: 100_000,
            clients: 5_000,
            exchanges: 10_000,
            connections: 1000,
            buckets: 1 << 22,
        }
    }
}

/// A struct of counters whose merge is addition, field by field.
macro_rules! counters {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident),+ $(,)? } $(and { $($(#[$more_meta:meta])* $more:ident: $kind:ty),+ $(,)? })?) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
        #[serde(default)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: u64,)+
            $($($(#[$more_meta])* pub $more: $kind,)+)?
        }

        impl $name {
            /// Adds what `other` counted.
            pub fn merge(&mut self, other: &Self) {
                $(self.$field = self.$field.saturating_add(other.$field);)+
                $($(self.$more.merge(&other.$more);)+)?
            }
        }
    };
}

counters! {
    /// What the total, a host, a section and a client have in common.
    Counts {
        /// Request heads.
        requests,
        /// Response heads, interim ones included.
        responses,
        /// Responses with a status of 500 and above.
        errors,
        /// HTTP bytes of requests.
        request_bytes,
        /// HTTP bytes of responses.
        response_bytes,
    } and {
        /// Requests by method.
        methods: Tally<Method>,
        /// Response heads by status.
        statuses: Tally<u16>,
        /// Request's last byte to response's first byte.
        latency: Histogram,
        /// Request's first byte to response's last byte.
        duration: Histogram,
    }
}

impl Counts {
    /// Message heads.
    pub fn hits(&self) -> u64 {
        self.requests.saturating_add(self.responses)
    }
}

counters! {
    /// Health of connections, counted once per connection however many interfaces it crosses.
    #[derive(Serialize)]
    Tcp {
        /// SYNs that began a connection.
        opened,
        /// Connections both sides finished.
        closed,
        /// Connections reset.
        reset,
        /// SYNs answered with a reset.
        refused,
        /// Segments.
        segments,
        /// Segments with data that was sent before.
        retransmitted,
        /// The same packet again within a millisecond: a copy, not a retransmission.
        duplicates,
        /// Segments overtaken by a later one.
        out_of_order,
        /// Acknowledgements of nothing new.
        duplicate_acks,
        /// Segments whose sender cannot take more.
        zero_window,
    } and {
        /// From here to the client and back, in the handshake (SYN with ACK to ACK).
        client_handshake_rtt: Histogram,
        /// From here to the server and back, in the handshake (SYN to SYN with ACK).
        server_handshake_rtt: Histogram,
        /// From here to the client and back, from data to its acknowledgement.
        client_rtt: Histogram,
        /// From here to the server and back, from data to its acknowledgement.
        server_rtt: Histogram,
    }
}

counters! {
    /// What was seen, and what could not be.
    #[derive(Serialize)]
    Capture {
        /// Packets handed over.
        received,
        /// Packets the kernel had no room for.
        kernel_dropped,
        /// Packets the interface or its driver dropped.
        interface_dropped,
        /// Packets of a file that could not be read. Of a file that is damaged from somewhere on one is counted.
        unread,
        /// Packets whose headers are cut, contradict themselves or are of a kind that is not known.
        undecodable,
        /// Packets cut by the snapshot length.
        truncated,
        /// Heads of messages cut by it.
        truncated_heads,
        /// Packets within a tunnel that was not looked into.
        encapsulated,
        /// Packets that were captured before, on another interface, under another tag or before an address was rewritten.
        copies,
        /// Holes in streams that were given up.
        gaps,
        /// Bytes in them.
        gap_bytes,
        /// Responses without a request.
        orphan_responses,
        /// Requests without a response.
        unanswered,
        /// Streams that stopped making sense.
        parse_errors,
        /// Streams in which the next message was found after a hole or nonsense.
        resyncs,
        /// Connections dropped from the full table.
        flows_evicted,
        /// Hosts folded into [`OTHER`].
        hosts_folded,
        /// Sections folded into [`OTHER`].
        sections_folded,
        /// By how many hits any one of these rows may be too low because of that.
        hits_error,
        /// Clients folded into [`OTHER`].
        clients_folded,
        /// By how many hits the row of any one client may be too low because of that.
        client_hits_error,
        /// Exchanges that did not fit.
        exchanges_dropped,
        /// How often the wall clock was set while a live capture ran.
        clock_steps,
    } and {
        /// Connections being tracked.
        flows: Gauge,
        /// Of these, those in use: neither opening nor over.
        open_connections: Gauge,
        /// How often the scale of the coarsest histogram was halved, for the budget of [`Limits::buckets`].
        histogram_halvings: Halvings,
        /// Packets that were not decoded, by what they are: those of `undecodable` and `encapsulated`, and encrypted ones.
        undecoded: Tally<Undecoded>,
        /// Connections recognised, by protocol.
        protocols: Tally<Protocol>,
        /// Messages that two readers could frame differently, by kind.
        ambiguous_framing: Tally<Ambiguity>,
    }
}

/// How often a scale was halved: the most holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halvings(pub u8);

impl Halvings {
    /// Takes the greater one.
    pub fn merge(&mut self, other: &Self) {
        self.0 = self.0.max(other.0);
    }
}

/// A number that is, rather than happens: the latest wins, and numbers of the same instant add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauge {
    /// When it was read.
    pub at: Timestamp,
    /// What it read.
    pub value: u64,
}

impl Gauge {
    /// Takes what is later, or both together.
    pub fn merge(&mut self, other: &Self) {
        match self.at.cmp(&other.at) {
            std::cmp::Ordering::Less => *self = *other,
            std::cmp::Ordering::Equal => self.value = self.value.saturating_add(other.value),
            std::cmp::Ordering::Greater => {}
        }
    }
}

/// One section of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Section {
    /// `/` and the first path segments.
    #[serde(deserialize_with = "json::name")]
    pub path: Arc<str>,
    /// Its counts.
    #[serde(flatten)]
    pub counts: Counts,
}

/// One host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Host {
    /// Authority.
    #[serde(deserialize_with = "json::name")]
    pub name: Arc<str>,
    /// The least of its servers' addresses, sorted, at most [`MAX_ADDRESSES`].
    #[serde(with = "json::addresses")]
    pub addresses: Vec<Ipv6Addr>,
    /// Sum over its sections.
    #[serde(flatten)]
    pub counts: Counts,
    /// By path. Shared with every snapshot that has them unchanged.
    pub sections: Vec<Arc<Section>>,
    /// Its connections.
    pub tcp: Tcp,
}

/// One client, or all clients of one IPv6 prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Client {
    /// Address, with the length of the prefix where clients are grouped by one.
    #[serde(deserialize_with = "json::name")]
    pub address: Arc<str>,
    /// Its counts.
    #[serde(flatten)]
    pub counts: Counts,
}

/// What an interface is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InterfaceState {
    /// Being captured.
    #[default]
    Up,
    /// Came up in this interval.
    New,
    /// Gone or down.
    Down,
}

counters! {
    /// Traffic of an interface.
    #[derive(Serialize)]
    Traffic {
        /// Packets that passed the filter.
        packets,
        /// Their bytes on the wire.
        bytes,
        /// Packets of connections that carry HTTP.
        http_packets,
        /// Their bytes on the wire.
        http_bytes,
    } and {
        /// Bytes on the wire by what their connection speaks, once that is known.
        protocols: Tally<Protocol>,
    }
}

/// One interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interface {
    /// As the system calls it; of a file, its path.
    #[serde(deserialize_with = "json::name")]
    pub name: Arc<str>,
    /// Its traffic.
    #[serde(flatten)]
    pub traffic: Traffic,
    /// Health of the connections first seen there.
    pub tcp: Tcp,
    /// As of `at`.
    pub state: InterfaceState,
    /// Since when it is watched, if it came up after the capture began. As of `at`.
    #[serde(with = "json::maybe_time", skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// When the state was looked at; of two, the later one holds.
    #[serde(skip)]
    pub at: Timestamp,
}

/// A server that TLS clients named, and in how many connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerName {
    /// As the client wrote it (SNI).
    #[serde(deserialize_with = "json::name")]
    pub name: Arc<str>,
    /// How many connections.
    pub connections: u64,
}

/// A request and its final response.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Exchange {
    /// First byte of the request.
    #[serde(with = "json::time")]
    pub ts: Timestamp,
    /// Who asked; without a port where a proxy told, see [`portless`].
    #[serde(with = "json::client")]
    pub client: Endpoint,
    /// Who was asked.
    #[serde(with = "json::endpoint")]
    pub server: Endpoint,
    /// Where the connection was first seen.
    #[serde(deserialize_with = "json::name")]
    pub interface: Arc<str>,
    /// As in [`Host`].
    #[serde(deserialize_with = "json::name")]
    pub host: Arc<str>,
    /// As in [`Section`].
    #[serde(deserialize_with = "json::name")]
    pub section: Arc<str>,
    /// The path of the request target, of [`name::MAX_SHOWN`](super::name::MAX_SHOWN) bytes at the most. Empty when it is redacted.
    #[serde(default, deserialize_with = "json::name")]
    pub path: Arc<str>,
    /// Of the request.
    #[serde(with = "json::method")]
    pub method: Method,
    /// `None` when no response was seen.
    pub status: Option<u16>,
    /// Head and body.
    pub request_bytes: u64,
    /// Head and body.
    pub response_bytes: u64,
    /// Nanoseconds.
    #[serde(with = "json::seconds")]
    pub latency: Option<u64>,
    /// Nanoseconds.
    #[serde(with = "json::seconds")]
    pub duration: Option<u64>,
    /// Handshake of the connection, for the first exchange on it; nanoseconds.
    #[serde(default, with = "json::seconds")]
    pub connect: Option<u64>,
    /// Request's first byte to its last, nanoseconds.
    #[serde(default, with = "json::seconds")]
    pub request_time: Option<u64>,
    /// Response's first byte to its last, nanoseconds.
    #[serde(default, with = "json::seconds")]
    pub transfer: Option<u64>,
    /// Segments of the connection that were sent again meanwhile.
    #[serde(default)]
    pub retransmitted: u16,
    /// What its user agent is called. Empty when it is not told, not asked for or redacted.
    #[serde(default, deserialize_with = "json::name")]
    pub user_agent: Arc<str>,
}

/// Everything counted in `[start, end)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// `None` for the empty snapshot.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Sum over the hosts.
    pub counts: Counts,
    /// By name. Shared with every snapshot that has them unchanged.
    pub hosts: Vec<Arc<Host>>,
    /// By address, as text. Their sum is that of the hosts.
    pub clients: Vec<Arc<Client>>,
    /// By name.
    pub interfaces: Vec<Interface>,
    /// All connections.
    pub tcp: Tcp,
    /// What was seen and what was not.
    pub capture: Capture,
    /// By name.
    pub server_names: Vec<ServerName>,
    /// By time.
    pub exchanges: Vec<Exchange>,
    /// By time of their first segment, each once.
    pub connections: Vec<Connection>,
}

/// An address that was told without a port. That of a client whose row was folded is not known any more.
pub fn portless(address: Option<Ipv6Addr>) -> Endpoint {
    Endpoint { address: address.unwrap_or(Ipv6Addr::UNSPECIFIED), port: 0 }
}

/// `address:port` of a connection; the address alone where a proxy told it; [`OTHER`] where its row was folded.
pub fn client_name(client: Endpoint) -> String {
    match client {
        Endpoint { address, port: 0 } if address.is_unspecified() => OTHER.into(),
        Endpoint { address, port: 0 } => address.to_canonical().to_string(),
        connection => connection.to_string(),
    }
}

impl Client {
    /// The row is that of this address.
    pub fn has(&self, address: Ipv6Addr) -> bool {
        let (first, length) = self.address.split_once('/').unwrap_or((&self.address, "128"));
        let (Ok(first), Ok(length)) = (first.parse(), length.parse()) else { return false };
        let first = json::addresses::to_v6(first);
        // Addresses of IPv4 are not grouped.
        let length: u32 = if first.to_ipv4_mapped().is_some() { 128 } else { length };
        let differs = first.to_bits() ^ address.to_bits();
        differs.checked_shr(128_u32.saturating_sub(length)).unwrap_or(0) == 0
            && first.to_ipv4_mapped().is_some() == address.to_ipv4_mapped().is_some()
    }
}

impl Snapshot {
    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        self.span = match (self.span, other.span) {
            (Some((start, end)), Some((other_start, other_end))) => Some((start.min(other_start), end.max(other_end))),
            (mine, theirs) => mine.or(theirs),
        };
        self.counts.merge(&other.counts);
        merge_rows(&mut self.hosts, &other.hosts);
        merge_rows(&mut self.clients, &other.clients);
        merge_rows(&mut self.interfaces, &other.interfaces);
        merge_rows(&mut self.server_names, &other.server_names);
        self.tcp.merge(&other.tcp);
        self.capture.merge(&other.capture);
        if !other.exchanges.is_empty() {
            self.exchanges.extend_from_slice(&other.exchanges);
            self.exchanges.sort();
        }
        connections::merge_connections(&mut self.connections, &other.connections);
    }

    /// The merge of many.
    pub fn merge_all<'a>(snapshots: impl IntoIterator<Item = &'a Self>) -> Self {
        snapshots.into_iter().fold(Self::default(), |mut merged, snapshot| {
            merged.merge(snapshot);
            merged
        })
    }

    /// The empty interval of `length` nanoseconds behind this one, as a live capture counts silence: what is rather than
    /// happens stays as it was.
    #[must_use]
    pub fn silence(&self, length: i64) -> Self {
        let start = self.span.map_or(Timestamp::default(), |(_, end)| end);
        let end = start.plus(length);
        let here = self.interfaces.iter().filter(|interface| interface.state != InterfaceState::Down);
        let still = |interface: &Interface| Interface { name: interface.name.clone(), at: end, ..Interface::default() };
        let Capture { flows, open_connections, .. } = &self.capture;
        let [flows, open_connections] = [flows, open_connections].map(|&gauge| Gauge { at: end, ..gauge });
        Self {
            span: Some((start, end)),
            interfaces: here.map(still).collect(),
            capture: Capture { flows, open_connections, ..Capture::default() },
            connections: self.connections.iter().filter_map(|one| one.still_open(length)).collect(),
            ..Self::default()
        }
    }

    /// How many rows it has in all its tables: what its memory grows with.
    pub fn rows(&self) -> usize {
        let sections: usize = self.hosts.iter().map(|host| host.sections.len()).sum();
        let tables = self.hosts.len() + sections + self.clients.len() + self.interfaces.len();
        tables + self.server_names.len() + self.exchanges.len() + self.connections.len()
    }

    /// Position of the host of this name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.hosts.binary_search_by(|host| host.name.as_ref().cmp(name)).ok()
    }

    /// The host of this name.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.position(name).map(|at| &*self.hosts[at])
    }

    /// Position of the client of this address.
    pub fn client_position(&self, address: &str) -> Option<usize> {
        self.clients.binary_search_by(|client| client.address.as_ref().cmp(address)).ok()
    }

    /// Positions of the `n` clients with most hits; ties by address.
    pub fn top_clients(&self, n: usize) -> Vec<usize> {
        top(self.clients.len(), n, |at| self.clients[at].counts.hits())
    }

    /// Positions of the `n` hosts with most hits; ties by name.
    pub fn top_hosts(&self, n: usize) -> Vec<usize> {
        top(self.hosts.len(), n, |at| self.hosts[at].counts.hits())
    }
}

impl Host {
    /// Positions of the `n` sections with most hits; ties by path.
    pub fn top_sections(&self, n: usize) -> Vec<usize> {
        top(self.sections.len(), n, |at| self.sections[at].counts.hits())
    }
}

/// Positions of the `n` heaviest of `len` rows, heaviest first, ties in the order of the rows.
fn top(len: usize, n: usize, weight: impl Fn(usize) -> u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    let key = |&at: &usize| (std::cmp::Reverse(weight(at)), at);
    if n < len {
        order.select_nth_unstable_by_key(n, key);
        order.truncate(n);
    }
    order.sort_unstable_by_key(key);
    order
}

#[cfg(test)]
mod tests;

//! The [`Snapshot`]: its fields, and the merge of two snapshots.

use std::sync::Arc;

use super::capture::{Capture, Gauge};
use super::clients::Client;
use super::connections::{Connection, merge_connections};
use super::counts::{Counts, Tcp};
use super::exchanges::NamedExchange;
use super::hosts::Host;
use super::interfaces::{Interface, InterfaceState};
use super::servers::Server;
use super::subsets::{Subset, merge_subsets};
use super::tables::merge_rows;
use crate::pipeline::packet::Timestamp;

/// Everything counted in `[start, end)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// `None` for the empty snapshot.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Sum over the hosts.
    pub counts: Counts,
    /// Sorted by name. Snapshots share the hosts that are the same in them.
    pub hosts: Vec<Arc<Host>>,
    /// Sorted by address as text. The counts of all clients add up to those of all hosts, except for durations, which
    /// are not counted by client.
    pub clients: Vec<Arc<Client>>,
    /// Sorted by name.
    pub interfaces: Vec<Interface>,
    /// Health of all connections.
    pub tcp: Tcp,
    /// What the capture delivered, and what was lost.
    pub capture: Capture,
    /// Sorted by name.
    pub servers: Vec<Server>,
    /// Sorted by their fields, the time first.
    pub exchanges: Vec<NamedExchange>,
    /// Sorted by the time of their first segment, each connection once.
    pub connections: Vec<Connection>,
    /// Sorted by filter and kind of rows.
    pub subsets: Vec<Subset>,
}

impl Snapshot {
    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        match (self.span, other.span) {
            (_, None) => {}
            (None, _) => self.subsets.clone_from(&other.subsets),
            _ => merge_subsets(&mut self.subsets, &other.subsets),
        }
        self.span = match (self.span, other.span) {
            (Some((start, end)), Some((other_start, other_end))) => Some((start.min(other_start), end.max(other_end))),
            (mine, theirs) => mine.or(theirs),
        };
        self.counts.merge(&other.counts);
        merge_rows(&mut self.hosts, &other.hosts);
        merge_rows(&mut self.clients, &other.clients);
        merge_rows(&mut self.interfaces, &other.interfaces);
        merge_rows(&mut self.servers, &other.servers);
        self.tcp.merge(&other.tcp);
        self.capture.merge(&other.capture);
        if !other.exchanges.is_empty() {
            self.exchanges.extend_from_slice(&other.exchanges);
            self.exchanges.sort();
        }
        merge_connections(&mut self.connections, &other.connections);
    }

    /// Returns the merge of all `snapshots`.
    pub fn merge_all<'a>(snapshots: impl IntoIterator<Item = &'a Self>) -> Self {
        snapshots.into_iter().fold(Self::default(), |mut merged, snapshot| {
            merged.merge(snapshot);
            merged
        })
    }

    /// Returns the interval of `length` nanoseconds after this one, as a live capture without traffic would count it.
    /// Counts of events are zero. Interfaces that are up, gauges and open connections are carried over.
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
            subsets: self.subsets.iter().map(Subset::emptied).collect(),
            ..Self::default()
        }
    }

    /// Returns the number of rows in all tables, to which the memory of the snapshot is proportional.
    pub fn rows(&self) -> usize {
        let sections: usize = self.hosts.iter().map(|host| host.sections.len()).sum();
        let tables = self.hosts.len() + sections + self.clients.len() + self.interfaces.len();
        let subsets: usize = self.subsets.iter().map(|subset| subset.rows.len()).sum();
        let streams: usize = self.connections.iter().map(|one| one.oldest_streams.len()).sum();
        tables + subsets + self.servers.len() + self.exchanges.len() + self.connections.len() + streams
    }

    /// Returns the position of the host with this name, `None` if there is none.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.hosts.binary_search_by(|host| host.name.as_ref().cmp(name)).ok()
    }

    /// Returns the host with this name, `None` if there is none.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.position(name).map(|at| &*self.hosts[at])
    }

    /// Returns the position of the client with this address, `None` if there is none.
    pub fn client_position(&self, address: &str) -> Option<usize> {
        self.clients.binary_search_by(|client| client.address.as_ref().cmp(address)).ok()
    }

    /// Returns the positions of the `n` clients with the most hits; ties by address.
    pub fn top_clients(&self, n: usize) -> Vec<usize> {
        top(self.clients.len(), n, |at| self.clients[at].counts.hits())
    }

    /// Returns the positions of the `n` hosts with the most hits; ties by name.
    pub fn top_hosts(&self, n: usize) -> Vec<usize> {
        top(self.hosts.len(), n, |at| self.hosts[at].counts.hits())
    }
}

impl Snapshot {
    /// Returns the snapshot without its list of exchanges.
    #[must_use]
    pub fn without_exchanges(&self) -> Self {
        Self { exchanges: Vec::new(), connections: self.connections.clone(), ..self.without_lists() }
    }

    /// Returns the snapshot without its list of connections.
    #[must_use]
    pub fn without_connections(&self) -> Self {
        Self { exchanges: self.exchanges.clone(), ..self.without_lists() }
    }

    /// Returns the snapshot without its subsets.
    #[must_use]
    pub fn without_subsets(&self) -> Self {
        let (exchanges, connections) = (self.exchanges.clone(), self.connections.clone());
        Self { exchanges, connections, subsets: Vec::new(), ..self.without_lists() }
    }

    /// Returns a snapshot with nothing but the span and the list of connections.
    #[must_use]
    pub fn only_connections(&self) -> Self {
        Self { span: self.span, connections: self.connections.clone(), ..Self::default() }
    }

    fn without_lists(&self) -> Self {
        Self {
            span: self.span,
            counts: self.counts.clone(),
            hosts: self.hosts.clone(),
            clients: self.clients.clone(),
            interfaces: self.interfaces.clone(),
            tcp: self.tcp.clone(),
            capture: self.capture.clone(),
            servers: self.servers.clone(),
            exchanges: Vec::new(),
            connections: Vec::new(),
            subsets: self.subsets.clone(),
        }
    }
}

impl Host {
    /// Returns the positions of the `n` sections with the most hits; ties by path.
    pub fn top_sections(&self, n: usize) -> Vec<usize> {
        top(self.sections.len(), n, |at| self.sections[at].counts.hits())
    }
}

/// Positions of the `n` heaviest of `len` rows, heaviest first, ties in the order of the rows.
pub fn top(len: usize, n: usize, weight: impl Fn(usize) -> u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    let key = |&at: &usize| (std::cmp::Reverse(weight(at)), at);
    if n < len {
        order.select_nth_unstable_by_key(n, key);
        order.truncate(n);
    }
    order.sort_unstable_by_key(key);
    order
}

//! Hosts and their sections, and the servers that TLS clients named.

use std::net::Ipv6Addr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::counts::{Counts, Tcp};
use super::limits::MAX_ADDRESSES;
use super::tables::{Row, merge_rows};
use super::values;

/// One section of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Section {
    /// `/` and the first path segments.
    #[serde(deserialize_with = "values::name")]
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
    #[serde(deserialize_with = "values::name")]
    pub name: Arc<str>,
    /// The least of its servers' addresses, sorted, at most [`MAX_ADDRESSES`].
    #[serde(with = "values::addresses")]
    pub addresses: Vec<Ipv6Addr>,
    /// Sum over its sections.
    #[serde(flatten)]
    pub counts: Counts,
    /// By path. Shared with every snapshot that has them unchanged.
    pub sections: Vec<Arc<Section>>,
    /// Its connections.
    pub tcp: Tcp,
}

/// A server that TLS clients named, and in how many connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerName {
    /// As the client wrote it (SNI).
    #[serde(deserialize_with = "values::name")]
    pub name: Arc<str>,
    /// How many connections.
    pub connections: u64,
}

impl Row for Section {
    fn key(&self) -> &Arc<str> {
        &self.path
    }
    fn absorb(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
    }
}

impl Row for Host {
    fn key(&self) -> &Arc<str> {
        &self.name
    }
    fn absorb(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        self.tcp.merge(&other.tcp);
        merge_rows(&mut self.sections, &other.sections);
        if self.addresses != other.addresses {
            self.addresses.extend(&other.addresses);
            self.addresses.sort_unstable();
            self.addresses.dedup();
            self.addresses.truncate(MAX_ADDRESSES);
        }
    }
}

impl Row for ServerName {
    fn key(&self) -> &Arc<str> {
        &self.name
    }
    fn absorb(&mut self, other: &Self) {
        self.connections = self.connections.saturating_add(other.connections);
    }
}

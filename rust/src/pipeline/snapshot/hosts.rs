//! The table of hosts with their sections.

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
    /// `/` and the first segments of the path.
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
    /// The host that requests name, normalised, or the address of the server if they name none.
    #[serde(deserialize_with = "values::name")]
    pub name: Arc<str>,
    /// Addresses of its servers, sorted. Only the lowest [`MAX_ADDRESSES`] addresses are kept.
    #[serde(with = "values::addresses")]
    pub addresses: Vec<Ipv6Addr>,
    /// Sum of its sections.
    #[serde(flatten)]
    pub counts: Counts,
    /// Sorted by path. Snapshots share the sections that are the same in them.
    pub sections: Vec<Arc<Section>>,
    /// Health of its connections.
    pub tcp: Tcp,
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

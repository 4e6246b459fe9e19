//! Settings of what is counted and listed, and of how the client of a request is found.

use std::sync::Arc;

use super::subsets::WantedSubsets;
use crate::pipeline::exchange::ClientField;
use crate::pipeline::filter::Filter;
use crate::pipeline::snapshot::Limits;

/// What to aggregate.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Path segments that make a section.
    pub section_depth: usize,
    /// Which exchanges to list.
    pub exchanges: Listing,
    /// List connections.
    pub connections: bool,
    /// Look for the processes of this machine at the ends of connections.
    pub processes: bool,
    /// List exchanges with the name of their user agent.
    pub user_agents: bool,
    /// List exchanges without path and user agent.
    pub redacts: bool,
    /// Where the address of the client comes from.
    pub client_from: ClientFrom,
    /// Number of proxies in front of the server that are trusted to name their client.
    pub trusted_proxies: usize,
    /// Length in bits of the IPv6 prefix that identifies a client.
    pub client_ipv6_prefix: u8,
    /// Which exchanges are counted; `None` for all.
    pub filter: Option<Arc<Filter>>,
    /// Which exchanges are counted apart, for alert rules.
    pub subsets: WantedSubsets,
    /// Bounds.
    pub limits: Limits,
}

/// Which exchanges of an interval are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// None.
    Nothing,
    /// The given number of those with the greatest latency.
    Slowest(usize),
    /// All, as far as the limits allow.
    All,
}

/// Source of the client's address. If the source has no address, the address of the connection is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientFrom {
    /// The address of the connection.
    Connection,
    /// A field of the request.
    Field(ClientField),
    /// The PROXY protocol, before the first request of a connection.
    Proxy,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            section_depth: 1,
            exchanges: Listing::Nothing,
            connections: false,
            processes: false,
            user_agents: false,
            redacts: false,
            client_from: ClientFrom::Connection,
            trusted_proxies: 1,
            client_ipv6_prefix: 128,
            filter: None,
            subsets: WantedSubsets::default(),
            limits: Limits::default(),
        }
    }
}

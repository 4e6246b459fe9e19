//! What is counted and listed, and whom requests are attributed to.

use crate::pipeline::exchange::ClientField;
use crate::pipeline::snapshot::Limits;

/// What to aggregate.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Path segments that make a section.
    pub section_depth: usize,
    /// List exchanges.
    pub exchanges: bool,
    /// List connections.
    pub connections: bool,
    /// Exchanges tell what their user agent is called.
    pub user_agents: bool,
    /// Exchanges tell neither path nor user agent.
    pub redacts: bool,
    /// Who asks.
    pub client_from: ClientFrom,
    /// Proxies before the server whose word on their own client is believed.
    pub trusted_proxies: usize,
    /// Bits of an IPv6 address that make a client.
    pub client_ipv6_prefix: u8,
    /// Bounds.
    pub limits: Limits,
}

/// What tells who asks. Where that tells nothing, it is the address of the connection.
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
            exchanges: false,
            connections: false,
            user_agents: false,
            redacts: false,
            client_from: ClientFrom::Connection,
            trusted_proxies: 1,
            client_ipv6_prefix: 128,
            limits: Limits::default(),
        }
    }
}

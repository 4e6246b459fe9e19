//! The protocols that netmon tells apart.

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// HTTP/0.9 to 1.1.
    Http1,
    /// TLS of any version.
    Tls,
    /// HTTP/2 in clear text, by prior knowledge or by an upgrade.
    H2c,
    /// WebSocket, by an upgrade.
    WebSocket,
    /// A tunnel after CONNECT, or after an upgrade to another protocol.
    Tunnel,
    /// SSH.
    Ssh,
    /// Anything else.
    Other,
}

impl Protocol {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 7] =
        [Self::Http1, Self::Tls, Self::H2c, Self::WebSocket, Self::Tunnel, Self::Ssh, Self::Other];

    /// True if its messages are parsed and count as HTTP.
    pub fn is_http(self) -> bool {
        self == Self::Http1
    }

    /// The name in snapshots.
    pub fn name(self) -> &'static str {
        ["http1", "tls", "h2c", "websocket", "tunnel", "ssh", "other"][self as usize]
    }
}

//! Protocols that a connection may speak.

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// HTTP/0.9 to 1.1.
    Http1,
    /// TLS, any version.
    Tls,
    /// HTTP/2 in clear text, by prior knowledge or upgrade.
    H2c,
    /// After an upgrade.
    WebSocket,
    /// After CONNECT, or an upgrade to something unknown.
    Tunnel,
    /// Secure shell.
    Ssh,
    /// Anything else.
    Other,
}

impl Protocol {
    /// All of them, as they are listed.
    pub const ALL: [Self; 7] =
        [Self::Http1, Self::Tls, Self::H2c, Self::WebSocket, Self::Tunnel, Self::Ssh, Self::Other];

    /// True if its messages are read, and count as HTTP.
    pub fn is_http(self) -> bool {
        self == Self::Http1
    }

    /// As in a snapshot.
    pub fn name(self) -> &'static str {
        ["http1", "tls", "h2c", "websocket", "tunnel", "ssh", "other"][self as usize]
    }
}

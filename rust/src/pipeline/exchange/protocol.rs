//! The protocols that netmon tells apart.

/// The protocol of a connection, or of an exchange on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// HTTP/0.9 to 1.1.
    #[default]
    Http1,
    /// HTTP/2, in clear text or inside TLS.
    Http2,
    /// gRPC or gRPC-Web. Exchanges have it, connections do not: these speak HTTP/2 or HTTP/1.
    Grpc,
    /// WebSocket, by an upgrade or by extended CONNECT.
    WebSocket,
    /// TLS of any version, as long as what is inside is not known.
    Tls,
    /// QUIC.
    Quic,
    /// A tunnel after CONNECT, or after an upgrade to another protocol.
    Tunnel,
    /// SSH.
    Ssh,
    /// Anything else.
    Other,
}

impl Protocol {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 9] = [
        Self::Http1,
        Self::Http2,
        Self::Grpc,
        Self::WebSocket,
        Self::Tls,
        Self::Quic,
        Self::Tunnel,
        Self::Ssh,
        Self::Other,
    ];

    /// True if its messages are read, and count as HTTP.
    pub fn is_http(self) -> bool {
        matches!(self, Self::Http1 | Self::Http2 | Self::Grpc | Self::WebSocket)
    }

    /// The name in snapshots.
    pub fn name(self) -> &'static str {
        ["http1", "http2", "grpc", "websocket", "tls", "quic", "tunnel", "ssh", "other"][self as usize]
    }
}
/// What a stream of HTTP/2 carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spoken {
    /// A request and its response.
    Http2,
    /// A call of gRPC.
    Grpc,
    /// A WebSocket (RFC 8441).
    WebSocket,
    /// Server-sent events.
    Events,
}

impl Spoken {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 4] = [Self::Http2, Self::Grpc, Self::WebSocket, Self::Events];

    /// The name in snapshots.
    pub fn name(self) -> &'static str {
        ["http2", "grpc", "websocket", "sse"][self as usize]
    }
}

//! The table of the fields of an exchange. Macros make from it the struct, the order of exchanges in a list, their
//! JSON, their bytes and the Python class.

/// Passes the table to a macro. Each row has the docstring of the Python attribute, the serde attributes for JSON, the
/// name of the field, its Rust type and its Python type.
///
/// The order of the rows is the order of the fields in JSON and in bytes, and the order in which exchanges are
/// compared. `measured` fields belong to [`Exchange`](super::Exchange). `named` fields are added when an exchange is
/// listed, most of them from the rows in which it was counted. A field that JSON of earlier versions lacks has a
/// `default`.
macro_rules! exchange_fields {
    ($macro:ident) => {
        $macro! {
            measured {
                /// When the first byte of the request was seen.
                #[serde(with = "values::time")]
                ts: Timestamp as f64,
                /// ``address:port`` of the client's end of the connection, IPv6 addresses in brackets.
                ///
                /// With `client_from`, if a proxy passed an address on, that address without a port. With
                /// `client_ipv6_prefix`, that is the first address of its prefix. `OTHER` if the row of this client was
                /// folded meanwhile.
                #[serde(with = "values::client")]
                client: Endpoint as ClientName,
                /// ``address:port`` of the server, IPv6 addresses in brackets.
                #[serde(with = "values::endpoint")]
                server: Endpoint as String,
            }
            named {
                /// The interface on which its connection was first seen.
                #[serde(deserialize_with = "values::name")]
                interface: Arc<str> as &str,
                /// As `Host.name`.
                #[serde(deserialize_with = "values::name")]
                host: Arc<str> as &str,
                /// As `Section.path`.
                #[serde(deserialize_with = "values::name")]
                section: Arc<str> as &str,
                /// The path of the request target: at most 256 printable characters, without query, fragment,
                /// parameters and userinfo.
                ///
                /// A longer path ends in ``..#`` and a hash. A path whose end is not known ends in ``..``: the snapshot
                /// length cut it off, or too many requests waited for a response. ``*`` for CONNECT and ``OPTIONS *``,
                /// ``~unknown`` if nothing of the path is known, empty with ``redact="all"`` and from documents without
                /// paths.
                #[serde(default, deserialize_with = "values::name")]
                path: Arc<str> as &str,
            }
            measured {
                /// As in `Section.methods`.
                #[serde(with = "values::method")]
                method: Method as &str,
                /// Status code of the response; None if no response was seen.
                status: Option<u16> as Option<u16>,
                /// HTTP bytes of the request, head and body.
                request_bytes: u64 as u64,
                /// HTTP bytes of the response, head and body.
                response_bytes: u64 as u64,
                /// Time from the request's last byte to the response's first byte; None if no response was seen.
                #[serde(with = "values::seconds")]
                latency: Option<u64> as Option<f64>,
                /// Time from the request's first byte to the response's last byte: the sum of `request_time`, `latency`
                /// and `transfer`.
                #[serde(with = "values::seconds")]
                duration: Option<u64> as Option<f64>,
                /// Duration of the connection's handshake, seen from the capture point. Only the first exchange on a
                /// connection has it; None for the others.
                #[serde(default, with = "values::seconds")]
                connect: Option<u64> as Option<f64>,
                /// Time from the request's first byte to its last byte.
                #[serde(default, with = "values::seconds")]
                request_time: Option<u64> as Option<f64>,
                /// Time from the response's first byte to its last byte.
                #[serde(default, with = "values::seconds")]
                transfer: Option<u64> as Option<f64>,
                /// Segments of the connection that were sent again while the exchange lasted.
                #[serde(default)]
                retransmitted: u16 as u16,
                /// ``"http1"``, ``"http2"``, ``"grpc"`` (gRPC-Web too) or ``"websocket"``.
                #[serde(default, with = "values::spoken")]
                protocol: Protocol as &str,
                /// True if it was inside TLS, and decrypted.
                #[serde(default)]
                tls: bool as bool,
                /// Number of its stream in HTTP/2; None in HTTP/1.
                #[serde(default)]
                stream: Option<u32> as Option<u32>,
                /// Duration of the TLS handshake of the connection, from the hello of the client to the client's Finished. Only
                /// the first exchange on a connection has it; None for the others.
                #[serde(default, with = "values::seconds")]
                tls_handshake: Option<u64> as Option<f64>,
                /// The part of `latency` in which the server sent other streams of the same connection: from the first to the
                /// last byte of each frame of their content. None in HTTP/1.
                #[serde(default, with = "values::seconds")]
                queued: Option<u64> as Option<f64>,
                /// Name of the status of a gRPC call, such as ``"UNAVAILABLE"``; None if it is no gRPC call, or if its
                /// status was not seen.
                #[serde(default, with = "values::grpc")]
                grpc_status: Option<GrpcStatus> as Option<&str>,
                /// Messages of the client: of gRPC or WebSocket.
                #[serde(default)]
                request_messages: u64 as u64,
                /// Messages of the server: of gRPC or WebSocket, or events of server-sent events.
                #[serde(default)]
                response_messages: u64 as u64,
            }
            named {
                /// Name of the user agent, such as ``curl`` or ``Firefox``: at most 64 printable characters, without a
                /// version.
                ///
                /// Empty if the request does not name one, without `user_agents`, and with ``redact="all"``.
                #[serde(default, deserialize_with = "values::name")]
                user_agent: Arc<str> as &str,
                /// The process of this machine that the connection belongs to: that of the server if the server is on
                /// this machine, else that of the client.
                ///
                /// None if it is not known, without `processes`, and for files.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                process: Option<Process> as Option<ProcessView>,
                /// The process of the client, if both ends are on this machine and it is known.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                client_process: Option<Process> as Option<ProcessView>,
            }
        }
    };
}

pub(crate) use exchange_fields;

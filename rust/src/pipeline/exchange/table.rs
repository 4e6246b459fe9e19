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
                /// First byte of the request.
                #[serde(with = "values::time")]
                ts: Timestamp as f64,
                /// ``address:port`` of the connection, IPv6 addresses in brackets.
                ///
                /// With `client_from`, where a proxy told it, the address alone: that of its group with `client_ipv6_prefix`, and
                /// `OTHER` when its row was folded meanwhile.
                #[serde(with = "values::client")]
                client: Endpoint as ClientName,
                /// ``address:port``, as `client`.
                #[serde(with = "values::endpoint")]
                server: Endpoint as String,
            }
            named {
                /// Where its connection was first seen.
                #[serde(deserialize_with = "values::name")]
                interface: Arc<str> as &str,
                /// As `Host.name`.
                #[serde(deserialize_with = "values::name")]
                host: Arc<str> as &str,
                /// As `Section.path`.
                #[serde(deserialize_with = "values::name")]
                section: Arc<str> as &str,
                /// The path of its target: without query, fragment, parameters and userinfo, at most 256 printable characters.
                ///
                /// One that is longer ends in ``..#`` and a hash. One of which the end is not known ends in ``..``: the snapshot
                /// length cut it off, or too many requests waited. ``*`` for CONNECT and ``OPTIONS *``, ``~unknown`` when nothing
                /// of it is known, empty with ``redact="all"`` and from documents that have none.
                #[serde(default, deserialize_with = "values::name")]
                path: Arc<str> as &str,
            }
            measured {
                /// As in `Section.methods`.
                #[serde(with = "values::method")]
                method: Method as &str,
                /// None when no response was seen.
                status: Option<u16> as Option<u16>,
                /// HTTP bytes of the request, head and body.
                request_bytes: u64 as u64,
                /// HTTP bytes of the response, head and body.
                response_bytes: u64 as u64,
                /// Request's last byte to response's first; None when no response was seen.
                #[serde(with = "values::seconds")]
                latency: Option<u64> as Option<f64>,
                /// Request's first byte to response's last: `request_time`, `latency` and `transfer` together.
                #[serde(with = "values::seconds")]
                duration: Option<u64> as Option<f64>,
                /// The handshake of the connection, seen from here: with the first exchange on it, None with the others.
                #[serde(default, with = "values::seconds")]
                connect: Option<u64> as Option<f64>,
                /// Request's first byte to its last.
                #[serde(default, with = "values::seconds")]
                request_time: Option<u64> as Option<f64>,
                /// Response's first byte to its last.
                #[serde(default, with = "values::seconds")]
                transfer: Option<u64> as Option<f64>,
                /// Segments of the connection that were sent again while the exchange lasted.
                #[serde(default)]
                retransmitted: u16 as u16,
            }
            named {
                /// What its user agent is called, such as ``curl`` or ``Firefox``: at most 64 printable characters, no version.
                ///
                /// Empty when the request does not say, unless asked for with `user_agents`, and with ``redact="all"``.
                #[serde(default, deserialize_with = "values::name")]
                user_agent: Arc<str> as &str,
            }
        }
    };
}

pub(crate) use exchange_fields;

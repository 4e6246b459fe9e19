//! Exchanges as a snapshot lists them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::remarkable::{Class, Remarkable};
use super::values;
use crate::pipeline::decode::Endpoint;
use crate::pipeline::http::Method;
use crate::pipeline::packet::Timestamp;

/// A request and its final response.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Exchange {
    /// First byte of the request.
    #[serde(with = "values::time")]
    pub ts: Timestamp,
    /// Who asked; without a port where a proxy told, see [`portless`].
    #[serde(with = "values::client")]
    pub client: Endpoint,
    /// Who was asked.
    #[serde(with = "values::endpoint")]
    pub server: Endpoint,
    /// Where the connection was first seen.
    #[serde(deserialize_with = "values::name")]
    pub interface: Arc<str>,
    /// As in [`Host`].
    #[serde(deserialize_with = "values::name")]
    pub host: Arc<str>,
    /// As in [`Section`].
    #[serde(deserialize_with = "values::name")]
    pub section: Arc<str>,
    /// The path of the request target, of [`name::MAX_SHOWN`](super::name::MAX_SHOWN) bytes at the most. Empty when it is redacted.
    #[serde(default, deserialize_with = "values::name")]
    pub path: Arc<str>,
    /// Of the request.
    #[serde(with = "values::method")]
    pub method: Method,
    /// `None` when no response was seen.
    pub status: Option<u16>,
    /// Head and body.
    pub request_bytes: u64,
    /// Head and body.
    pub response_bytes: u64,
    /// Nanoseconds.
    #[serde(with = "values::seconds")]
    pub latency: Option<u64>,
    /// Nanoseconds.
    #[serde(with = "values::seconds")]
    pub duration: Option<u64>,
    /// Handshake of the connection, for the first exchange on it; nanoseconds.
    #[serde(default, with = "values::seconds")]
    pub connect: Option<u64>,
    /// Request's first byte to its last, nanoseconds.
    #[serde(default, with = "values::seconds")]
    pub request_time: Option<u64>,
    /// Response's first byte to its last, nanoseconds.
    #[serde(default, with = "values::seconds")]
    pub transfer: Option<u64>,
    /// Segments of the connection that were sent again meanwhile.
    #[serde(default)]
    pub retransmitted: u16,
    /// What its user agent is called. Empty when it is not told, not asked for or redacted.
    #[serde(default, deserialize_with = "values::name")]
    pub user_agent: Arc<str>,
}

impl Remarkable for Exchange {
    /// Errors, requests without a response and the slowest.
    const CLASSES: &'static [Class<Self>] = &[
        Class { weight: |exchange| exchange.status.filter(|status| *status >= 500).map(|_| exchange.ts.0), share: 4 },
        Class {
            weight: |exchange| exchange.status.filter(|status| matches!(status, 400..=499)).map(|_| exchange.ts.0),
            share: 8,
        },
        Class { weight: |exchange| exchange.status.is_none().then_some(exchange.ts.0), share: 8 },
        Class { weight: |exchange| exchange.latency.map(|latency| latency as i64), share: 4 },
    ];

    fn group(&self) -> (&str, &str) {
        (&self.host, &self.section)
    }

    /// The newest.
    fn rest(&self) -> i64 {
        self.ts.0
    }
}

//! The table of clients, by address or by prefix.

use std::net::Ipv6Addr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::counts::Counts;
use super::endpoints::to_v6;
use super::tables::Row;
use super::values;

/// One client, or all clients of one IPv6 prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Client {
    /// Address. If clients are grouped by prefix, `/` and the length of the prefix follow.
    #[serde(deserialize_with = "values::name")]
    pub address: Arc<str>,
    /// Its counts.
    #[serde(flatten)]
    pub counts: Counts,
}

impl Client {
    /// True if this row counts the client with this address.
    pub fn has(&self, address: Ipv6Addr) -> bool {
        let (first, length) = self.address.split_once('/').unwrap_or((&self.address, "128"));
        let (Ok(first), Ok(length)) = (first.parse(), length.parse()) else { return false };
        let first = to_v6(first);
        // IPv4 addresses are never grouped.
        let length: u32 = if first.to_ipv4_mapped().is_some() { 128 } else { length };
        let differs = first.to_bits() ^ address.to_bits();
        differs.checked_shr(128_u32.saturating_sub(length)).unwrap_or(0) == 0
            && first.to_ipv4_mapped().is_some() == address.to_ipv4_mapped().is_some()
    }
}

impl Row for Client {
    fn key(&self) -> &Arc<str> {
        &self.address
    }
    fn absorb(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
    }
}

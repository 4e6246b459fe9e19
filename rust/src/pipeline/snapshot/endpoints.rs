//! Addresses and ports of clients and servers, and their text.

use std::net::{IpAddr, Ipv6Addr};

use super::limits::OTHER;
use crate::pipeline::decode::Endpoint;

/// Returns the endpoint of a client that is known by its address only: port 0. `None` stands for a client whose row was
/// folded, and gives the unspecified address.
pub fn portless(address: Option<Ipv6Addr>) -> Endpoint {
    Endpoint { address: address.unwrap_or(Ipv6Addr::UNSPECIFIED), port: 0 }
}

/// Returns the text of a client: `address:port`, the address alone if it has no port, or [`OTHER`] if its row was
/// folded.
pub fn client_name(client: Endpoint) -> String {
    match client {
        Endpoint { address, port: 0 } if address.is_unspecified() => OTHER.into(),
        Endpoint { address, port: 0 } => address.to_canonical().to_string(),
        connection => connection.to_string(),
    }
}

/// Returns the address as an IPv6 address. An IPv4 address becomes a mapped one.
pub fn to_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

//! Addresses and ports of clients and servers, and their text.

use std::net::{IpAddr, Ipv6Addr};

use super::limits::OTHER;
use crate::pipeline::decode::Endpoint;

/// An address that was told without a port. That of a client whose row was folded is not known any more.
pub fn portless(address: Option<Ipv6Addr>) -> Endpoint {
    Endpoint { address: address.unwrap_or(Ipv6Addr::UNSPECIFIED), port: 0 }
}

/// `address:port` of a connection; the address alone where a proxy told it; [`OTHER`] where its row was folded.
pub fn client_name(client: Endpoint) -> String {
    match client {
        Endpoint { address, port: 0 } if address.is_unspecified() => OTHER.into(),
        Endpoint { address, port: 0 } => address.to_canonical().to_string(),
        connection => connection.to_string(),
    }
}

/// An address of either version as one of version 6, in which addresses of version 4 are mapped.
pub fn to_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

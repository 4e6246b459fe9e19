//! Access to the fields of a request that are rarely needed.

use std::fmt::Debug;
use std::net::Ipv6Addr;

/// The fields of a request. A field is looked up only when a method is called.
pub trait Fields: Debug {
    /// Returns the value of the first field with this name. `name` is in lower case.
    fn first(&self, name: &[u8]) -> Option<&[u8]>;

    /// Returns the address of the client that proxies have written into `field`: the entry that the proxy `hops` hops
    /// away from the server has added, or the leftmost entry if there are fewer.
    fn client(&self, field: ClientField, hops: usize) -> Option<Ipv6Addr>;
}

/// A request without fields.
#[derive(Clone, Copy, Debug)]
pub struct NoFields;

impl Fields for NoFields {
    fn first(&self, _: &[u8]) -> Option<&[u8]> {
        None
    }

    fn client(&self, _: ClientField, _: usize) -> Option<Ipv6Addr> {
        None
    }
}

/// A field in which proxies name the client that they forward for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientField {
    /// `X-Forwarded-For`: a list of addresses.
    XForwardedFor,
    /// `Forwarded` (RFC 7239): a list of entries with parameters, of which `for` is the address.
    Forwarded,
    /// `X-Real-IP`: one address.
    XRealIp,
}

impl ClientField {
    /// The name of the field in lower case.
    pub fn name(self) -> &'static [u8] {
        match self {
            Self::XForwardedFor => b"x-forwarded-for",
            Self::Forwarded => b"forwarded",
            Self::XRealIp => b"x-real-ip",
        }
    }
}

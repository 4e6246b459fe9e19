//! Fields of a request, for whoever asks for one that few ask for.

use std::fmt::Debug;
use std::net::Ipv6Addr;

/// The fields of a request. Nothing is looked for until somebody asks.
pub trait Fields: Debug {
    /// The value of the first field of that name, which is in lower case.
    fn first(&self, name: &[u8]) -> Option<&[u8]>;

    /// The client, as proxies tell in `field`: what the proxy that is so many `hops` away from the server says; where
    /// fewer say something, what the first of them says.
    fn client(&self, field: ClientField, hops: usize) -> Option<Ipv6Addr>;
}

/// No fields.
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

/// A field in which proxies tell whom they ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientField {
    /// A list of addresses.
    XForwardedFor,
    /// RFC 7239: a list of parameters, of which `for` is the address.
    Forwarded,
    /// One address.
    XRealIp,
}

impl ClientField {
    /// In lower case.
    pub fn name(self) -> &'static [u8] {
        match self {
            Self::XForwardedFor => b"x-forwarded-for",
            Self::Forwarded => b"forwarded",
            Self::XRealIp => b"x-real-ip",
        }
    }
}

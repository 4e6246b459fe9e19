//! What is known of an exchange, or of a row, when a filter is evaluated.

use std::io::Write;
use std::net::Ipv6Addr;

use super::network::address_in;
use crate::pipeline::decode::Endpoint;

/// What is known. A field that is not known is `None`; one that is known to be absent is an empty text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// Name of the host.
    pub host: Option<&'a [u8]>,
    /// Path of the section.
    pub section: Option<&'a [u8]>,
    /// Path of the request.
    pub path: Option<&'a [u8]>,
    /// Request method.
    pub method: Option<&'a [u8]>,
    /// Name of the interface.
    pub interface: Option<&'a [u8]>,
    /// Name of the user agent.
    pub user_agent: Option<&'a [u8]>,
    /// The client.
    pub client: Option<Party<'a>>,
    /// The server.
    pub server: Option<Party<'a>>,
    /// What became of the request, once that is known.
    pub outcome: Option<Outcome>,
    /// True if terms without a field do not look at the host, in a table of one host.
    pub is_within: bool,
}

/// The end of an exchange.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Status of the final response; `None` if there was none.
    pub status: Option<u16>,
    /// Nanoseconds, if known.
    pub latency: Option<u64>,
    /// Nanoseconds, if known.
    pub duration: Option<u64>,
    /// Bytes of the request.
    pub request_bytes: u64,
    /// Bytes of the response.
    pub response_bytes: u64,
}

/// A client or a server.
#[derive(Clone, Copy, Debug)]
pub enum Party<'a> {
    /// By address and port; port 0 stands for an address alone.
    End(Endpoint),
    /// By the text of its address.
    Named(&'a str),
}

impl Party<'_> {
    /// Its address, if the text has one.
    pub fn address(self) -> Option<Ipv6Addr> {
        match self {
            Self::End(end) => Some(end.address),
            Self::Named(text) => address_in(text),
        }
    }

    /// Calls `look` with its text as it is shown: `192.0.2.1:5000`, or the address alone.
    pub fn with_text(self, look: impl FnOnce(&[u8]) -> bool) -> bool {
        let end = match self {
            Self::Named(text) => return look(text.as_bytes()),
            Self::End(end) => end,
        };
        // The longest text is that of an IPv6 address in brackets, with a port: 47 bytes.
        let mut room = [0; 64];
        let mut rest = &mut room[..];
        let written = match end {
            Endpoint { address, port: 0 } => write!(rest, "{}", address.to_canonical()),
            connection => write!(rest, "{connection}"),
        };
        let left = rest.len();
        written.is_ok() && look(&room[..room.len() - left])
    }
}

//! What is known of an exchange, or of a row, when a filter is evaluated.

use std::io::Write;
use std::net::Ipv6Addr;

use super::field::Field;
use super::network::address_in;
use crate::pipeline::decode::Endpoint;
use crate::pipeline::exchange::{Exchange, GrpcStatus};

/// Tells what is known, field by field, when a term asks for it. So a field that costs something to read is read only
/// if the filter depends on it.
pub trait Known {
    /// Calls `look` with the text of a field; with a second text if the field has one and the first is not what is looked
    /// for. `None` if the text is not known, or if the field is no text.
    fn text(&mut self, field: Field, look: impl FnMut(&[u8]) -> bool) -> Option<bool>;

    /// The client, if known.
    fn client(&mut self) -> Option<Party<'_>>;

    /// The server, if known.
    fn server(&mut self) -> Option<Party<'_>>;

    /// What became of the request, once that is known.
    fn outcome(&self) -> Option<Outcome>;

    /// True if terms without a field do not look at the host.
    fn is_within(&self) -> bool {
        false
    }
}

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
    /// Protocol of the exchange.
    pub protocol: Option<&'a [u8]>,
    /// Name of the interface.
    pub interface: Option<&'a [u8]>,
    /// Name of the user agent.
    pub user_agent: Option<&'a [u8]>,
    /// Name of the process that the connection belongs to.
    pub process: Option<&'a [u8]>,
    /// Name of the process of the client, if that is another one.
    pub client_process: Option<&'a [u8]>,
    /// Id of the container of the process.
    pub container: Option<&'a [u8]>,
    /// Name of its pod.
    pub pod: Option<&'a [u8]>,
    /// Namespace of its pod.
    pub namespace: Option<&'a [u8]>,
    /// The client.
    pub client: Option<Party<'a>>,
    /// The server.
    pub server: Option<Party<'a>>,
    /// What became of the request, once that is known.
    pub outcome: Option<Outcome>,
    /// True if terms without a field do not look at the host, in a table of one host.
    pub is_within: bool,
}

impl Known for &Facts<'_> {
    #[inline]
    fn text(&mut self, field: Field, look: impl FnMut(&[u8]) -> bool) -> Option<bool> {
        let text = match field {
            Field::Host => self.host,
            Field::Section => self.section,
            Field::Path => self.path,
            Field::Method => self.method,
            Field::Protocol => self.protocol,
            Field::Interface => self.interface,
            Field::UserAgent => self.user_agent,
            Field::Process => return has_process(self.process, self.client_process, look),
            Field::Container => self.container,
            Field::Pod => self.pod,
            Field::Namespace => self.namespace,
            _ => None,
        };
        text.map(look)
    }

    fn client(&mut self) -> Option<Party<'_>> {
        self.client
    }

    fn server(&mut self) -> Option<Party<'_>> {
        self.server
    }

    fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    fn is_within(&self) -> bool {
        self.is_within
    }
}

/// Looks at the names of both processes of a connection. The name of a process that is not known is not looked at, unless
/// neither is known.
fn has_process(
    process: Option<&[u8]>,
    client_process: Option<&[u8]>,
    mut look: impl FnMut(&[u8]) -> bool,
) -> Option<bool> {
    let client = client_process.filter(|name| !name.is_empty());
    let first = process.filter(|name| !name.is_empty() || client.is_none());
    match (first, client) {
        (None, None) => None,
        (first, second) => Some(first.is_some_and(&mut look) || second.is_some_and(look)),
    }
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
    /// Status of a gRPC call, if it has one.
    pub grpc: Option<GrpcStatus>,
    /// True if it was inside TLS.
    pub is_tls: bool,
}

impl Exchange {
    /// The end of the exchange, as filters look at it.
    pub fn outcome(&self) -> Outcome {
        let &Self { status, latency, duration, request_bytes, response_bytes, .. } = self;
        Outcome { status, latency, duration, request_bytes, response_bytes, grpc: self.grpc_status, is_tls: self.tls }
    }
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
        if let Some(v4) = end.address.to_ipv4_mapped() {
            let used = write_v4(&mut room, v4.octets(), end.port);
            return look(&room[..used]);
        }
        let mut rest = &mut room[..];
        let written = match end {
            Endpoint { address, port: 0 } => write!(rest, "{address}"),
            connection => write!(rest, "{connection}"),
        };
        let left = rest.len();
        written.is_ok() && look(&room[..room.len() - left])
    }
}

/// Each octet of an IPv4 address as it is shown, with the dot behind it, and the length of both.
const OCTETS: [([u8; 4], u8); 256] = {
    let mut table = [([b'.'; 4], 0); 256];
    let mut octet = 0;
    while octet < 256 {
        let digits = 1 + (octet > 9) as usize + (octet > 99) as usize;
        let (mut rest, mut at) = (octet, digits);
        while at > 0 {
            at -= 1;
            table[octet].0[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        table[octet].1 = digits as u8 + 1;
        octet += 1;
    }
    table
};

/// Writes an IPv4 address, and its port unless that is 0, as they are shown. Returns the length. The formatter of the
/// standard library takes many times as long, and a filter may ask for the text of each request's client.
fn write_v4(room: &mut [u8; 64], octets: [u8; 4], mut port: u16) -> usize {
    let mut used = 0;
    for octet in octets {
        let (text, length) = &OCTETS[usize::from(octet)];
        room[used..used + text.len()].copy_from_slice(text);
        used += usize::from(*length);
    }
    if port == 0 {
        return used - 1;
    }
    room[used - 1] = b':';
    let digits = 1 + [9, 99, 999, 9999].iter().map(|&most| usize::from(port > most)).sum::<usize>();
    for place in room[used..used + digits].iter_mut().rev() {
        *place = b'0' + (port % 10) as u8;
        port /= 10;
    }
    used + digits
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_text_of_an_ipv4_address_is_the_text_that_is_shown(bits: u32, port: u16) {
            let v4 = Ipv4Addr::from_bits(bits);
            for port in [0, port] {
                let end = Endpoint { address: v4.to_ipv6_mapped(), port };
                let shown = if port == 0 { v4.to_string() } else { end.to_string() };
                prop_assert!(Party::End(end).with_text(|text| text == shown.as_bytes()));
            }
        }
    }
}

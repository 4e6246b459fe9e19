//! The address of the client, as proxies write it into a field of the request: `X-Forwarded-For`, `Forwarded` (RFC
//! 7239) or `X-Real-IP`.
//!
//! A client can write anything into these fields. A proxy adds the address of its own client on the right. So the list
//! is read from the right, and the entries on the left of the trusted ones are ignored. An entry that is not an address
//! (`unknown`, an obfuscated name, nonsense) gives no client.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::pipeline::exchange::ClientField;

/// The longest text of an address with a port: `[2001:0db8:0000:0000:0000:0000:192.168.111.222]:65535`.
const MAX_ADDRESS: usize = 56;

/// Returns the address of the client. `values` are the values of all fields of this name, the last one first; together
/// they form one list. The result is the entry that the proxy `hops` hops away from the server has added, or the
/// leftmost entry if there are fewer. For `X-Real-IP`, it is always the last entry.
pub fn client<'a>(field: ClientField, values: impl Iterator<Item = &'a [u8]>, hops: usize) -> Option<Ipv6Addr> {
    let mut left = if field == ClientField::XRealIp { 1 } else { hops.max(1) };
    let mut found = None;
    for mut value in values {
        while left > 0
            && let Some((rest, entry)) = last_entry(value)
        {
            value = rest;
            if !entry.is_empty() {
                found = Some(entry);
                left -= 1;
            }
        }
        if left == 0 {
            break;
        }
    }
    let entry = found?;
    address(if field == ClientField::Forwarded { parameter(entry)? } else { entry })
}

/// Splits the last entry off a list. Returns the rest of the list and that entry; a comma in quotes does not separate
/// entries.
fn last_entry(list: &[u8]) -> Option<(&[u8], &[u8])> {
    if list.is_empty() {
        return None;
    }
    let mut quoted = false;
    for at in (0..list.len()).rev() {
        match list[at] {
            b'"' if !(quoted && is_escaped(list, at)) => quoted = !quoted,
            b',' if !quoted => return Some((&list[..at], list[at + 1..].trim_ascii())),
            _ => {}
        }
    }
    Some((b"", list.trim_ascii()))
}

/// Returns whether the quote at `at` is escaped: an odd number of backslashes stands before it.
fn is_escaped(text: &[u8], at: usize) -> bool {
    text[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// Returns the `for` parameter of an entry of `Forwarded`, such as `for="[2001:db8::1]:4711";proto=https`.
fn parameter(entry: &[u8]) -> Option<&[u8]> {
    let parameters = entry.split(|byte| *byte == b';').filter_map(|pair| {
        let equals = memchr::memchr(b'=', pair)?;
        Some((pair[..equals].trim_ascii(), pair[equals + 1..].trim_ascii()))
    });
    let mut addresses = parameters.filter(|(name, _)| name.eq_ignore_ascii_case(b"for"));
    let (_, value) = addresses.next()?;
    // RFC 7239 §4: a parameter must not occur more than once in an entry.
    addresses.next().is_none().then_some(value)
}

/// Parses an address, with or without a port, brackets and quotes.
fn address(text: &[u8]) -> Option<Ipv6Addr> {
    let unquoted = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text);
    let text = std::str::from_utf8(unquoted).ok().filter(|text| text.len() <= MAX_ADDRESS)?.trim();
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    // RFC 7239 §6.2: a port may be obfuscated, for example `_name`.
    let hidden_port = || {
        let (node, port) = text.rsplit_once(":_")?;
        let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        let node = node.strip_prefix('[').and_then(|node| node.strip_suffix(']')).unwrap_or(node);
        node.parse().ok().filter(|_| is_port)
    };
    let address: IpAddr = text.parse().ok().or_else(bracketed).or_else(with_port).or_else(hidden_port)?;
    Some(to_ipv6(address)).filter(|address| !address.is_unspecified())
}

/// Maps an IPv4 address into IPv6, the form of all addresses in the pipeline.
pub fn to_ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

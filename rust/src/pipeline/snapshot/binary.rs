//! Snapshots and their rows as bytes, exactly, and back: what pickling stores. The layout has a version, [`VERSION`].
//!
//! A struct is its fields in order, without names. Numbers are in base 128, low digits first. Reading trusts nothing:
//! whatever is read costs memory in proportion to the bytes it was read from, and a table that is out of order is refused.

use std::net::Ipv6Addr;
use std::sync::Arc;

use super::rows::Row;
use super::tally::Key;
use super::{
    Capture, Client, Connection, Counts, Exchange, Gauge, Halvings, Host, Interface, InterfaceState, MAX_ADDRESSES,
    Section, ServerName, Snapshot, Tally, Tcp, Traffic,
};
use crate::pipeline::decode::Endpoint;
use crate::pipeline::exchange::{Method, Protocol};
use crate::pipeline::flow::Stage;
use crate::pipeline::histogram::{Histogram, MAX_HALVINGS};
use crate::pipeline::name;
use crate::pipeline::packet::Timestamp;

/// What all of it begins with.
const MAGIC: &[u8; 6] = b"netmon";
/// Raised whenever a struct has other fields than before.
pub const VERSION: u8 = 2;
/// Buckets of a histogram: more than there are for 64 bits of nanoseconds.
const MAX_BUCKETS: u64 = 1024;

/// Why bytes are no snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Something else wrote them.
    #[error("it does not begin as one")]
    Foreign,
    /// Another version wrote them.
    #[error("it is of version {0} of the format, and this netmon reads version {VERSION}")]
    Version(u8),
    /// They contradict themselves, or some are missing.
    #[error("it is damaged")]
    Damaged,
}

/// The bytes of a value.
pub fn pack(value: &impl Field) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.push(VERSION);
    value.put(&mut out);
    out
}

/// The value of bytes that [`pack`] made of one of its type.
pub fn unpack<T: Field>(bytes: &[u8]) -> Result<T, Unreadable> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(Unreadable::Foreign)?;
    let (&version, mut rest) = rest.split_first().ok_or(Unreadable::Damaged)?;
    if version != VERSION {
        return Err(Unreadable::Version(version));
    }
    let value = T::get(&mut rest).ok_or(Unreadable::Damaged)?;
    if rest.is_empty() { Ok(value) } else { Err(Unreadable::Damaged) }
}

/// What can be written as bytes. What is read is removed from the front; `None` when it is not such a value.
pub trait Field: Sized {
    /// Writes it.
    fn put(&self, out: &mut Vec<u8>);
    /// Reads it.
    fn get(from: &mut &[u8]) -> Option<Self>;
}

impl Field for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        let mut rest = *self;
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
    }

    fn get(from: &mut &[u8]) -> Option<Self> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = from.split_first()?;
            *from = rest;
            let digit = u64::from(byte & 0x7f);
            if digit << shift >> shift != digit {
                return None;
            }
            value |= digit << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

impl Field for u16 {
    fn put(&self, out: &mut Vec<u8>) {
        u64::from(*self).put(out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        u64::get(from)?.try_into().ok()
    }
}

/// Small numbers are short, whatever their sign.
impl Field for i64 {
    fn put(&self, out: &mut Vec<u8>) {
        ((self << 1) ^ (self >> 63)).cast_unsigned().put(out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        let value = u64::get(from)?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }
}

impl Field for u128 {
    fn put(&self, out: &mut Vec<u8>) {
        (*self as u64).put(out);
        ((self >> 64) as u64).put(out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        let low = u64::get(from)?;
        Some(u128::from(low) | u128::from(u64::get(from)?) << 64)
    }
}

impl Field for Halvings {
    fn put(&self, out: &mut Vec<u8>) {
        u64::from(self.0).put(out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        let halvings = u64::get(from)?.try_into().ok()?;
        (halvings <= MAX_HALVINGS).then_some(Self(halvings))
    }
}

impl Field for Timestamp {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        i64::get(from).map(Self)
    }
}

impl<T: Field> Field for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.is_some().into());
        if let Some(value) = self {
            value.put(out);
        }
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        match u64::get(from)? {
            0 => Some(None),
            1 => T::get(from).map(Some),
            _ => None,
        }
    }
}

impl<T: Field, U: Field> Field for (T, U) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        T::get(from).zip(U::get(from))
    }
}

impl<T: Field> Field for Arc<T> {
    fn put(&self, out: &mut Vec<u8>) {
        T::put(self, out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        T::get(from).map(Self::new)
    }
}

/// No room is made for more than what is there: each item takes a byte at least.
impl<T: Field> Field for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        self.iter().for_each(|item| item.put(out));
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        (0..u64::get(from)?).map(|_| T::get(from)).collect()
    }
}

/// A name; what is read is made safe again.
impl Field for Arc<str> {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self, out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        Some(name::clean(get_text(from)?, name::MAX_PATH).into())
    }
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    (text.len() as u64).put(out);
    out.extend_from_slice(text.as_bytes());
}

fn get_text<'a>(from: &mut &'a [u8]) -> Option<&'a str> {
    let len = u64::get(from)?.try_into().ok()?;
    let (text, rest) = from.split_at_checked(len)?;
    *from = rest;
    std::str::from_utf8(text).ok()
}

impl Field for Ipv6Addr {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.octets());
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        let (octets, rest) = from.split_first_chunk::<16>()?;
        *from = rest;
        Some((*octets).into())
    }
}

/// By label, in the order of the keys.
impl<K: Key> Field for Tally<K> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.iter().len() as u64).put(out);
        for (key, count) in self.iter() {
            put_text(&key.label(), out);
            count.put(out);
        }
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        let mut tally = Self::default();
        let mut last = None;
        for _ in 0..u64::get(from)? {
            let key = K::from_label(get_text(from)?)?;
            if last.replace(key).is_some_and(|last| last >= key) {
                return None;
            }
            tally.add(key, u64::get(from)?);
        }
        Some(tally)
    }
}

impl Field for Method {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self.name(), out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        get_text(from).map(|name| Self::from_bytes(name.as_bytes()))
    }
}

impl Field for InterfaceState {
    fn put(&self, out: &mut Vec<u8>) {
        (*self as u64).put(out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        let state = u64::get(from)?;
        [Self::Up, Self::New, Self::Down].into_iter().find(|known| *known as u64 == state)
    }
}

impl Field for Stage {
    fn put(&self, out: &mut Vec<u8>) {
        (*self as u64).put(out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        Self::ALL.get(usize::try_from(u64::get(from)?).ok()?).copied()
    }
}

impl Field for Protocol {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self.name(), out);
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        Self::from_label(get_text(from)?)
    }
}

/// An empty one is a zero.
impl Field for Histogram {
    fn put(&self, out: &mut Vec<u8>) {
        let Some(extremes) = self.extremes() else { return out.push(0) };
        let buckets = self.buckets();
        (1 + buckets.iter().count() as u64).put(out);
        self.sum().put(out);
        extremes.put(out);
        self.zero_count().put(out);
        i64::from(self.scale()).put(out);
        i64::from(buckets.offset()).put(out);
        buckets.iter().for_each(|count| count.put(out));
    }
    fn get(from: &mut &[u8]) -> Option<Self> {
        let Some(len) = u64::get(from)?.checked_sub(1) else { return Some(Self::default()) };
        if len > MAX_BUCKETS {
            return None;
        }
        let (sum, extremes, zero_count) = (u128::get(from)?, Field::get(from)?, u64::get(from)?);
        let (scale, offset) = (i64::get(from)?.try_into().ok()?, i64::get(from)?.try_into().ok()?);
        let buckets: Vec<u64> = (0..len).map(|_| u64::get(from)).collect::<Option<_>>()?;
        Self::from_parts(sum, Some(extremes), zero_count, scale, offset, &buckets)
    }
}

/// The fields of a struct, in this order, and what it promises beside their types. One that is left out does not compile.
macro_rules! fields {
    ($name:ident { $($field:ident),+ $(,)? } $($is_sound:expr)?) => {
        impl Field for $name {
            fn put(&self, out: &mut Vec<u8>) {
                let Self { $($field),+ } = self;
                $($field.put(out);)+
            }
            fn get(from: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: Field::get(from)?),+ })$(.filter($is_sound))?
            }
        }
    };
}

fn is_table<R: Row>(rows: &[R]) -> bool {
    rows.is_sorted_by(|a, b| a.key() < b.key())
}

fn is_sound_host(host: &Host) -> bool {
    let Host { addresses, sections, .. } = host;
    addresses.len() <= MAX_ADDRESSES && addresses.is_sorted_by(|a, b| a < b) && is_table(sections)
}

fn is_sound(snapshot: &Snapshot) -> bool {
    let Snapshot { hosts, clients, interfaces, server_names, exchanges, connections, .. } = snapshot;
    let is_list = connections.is_sorted_by(|one, next| one < next && !one.is_same(next));
    let are_lists = exchanges.is_sorted() && is_list;
    is_table(hosts) && is_table(clients) && is_table(interfaces) && is_table(server_names) && are_lists
}

fields!(Gauge { at, value });
fields!(Endpoint { address, port });
fields!(Counts { requests, responses, errors, request_bytes, response_bytes, methods, statuses, latency, duration });
fields!(Tcp {
    opened,
    closed,
    reset,
    refused,
    segments,
    retransmitted,
    duplicates,
    out_of_order,
    duplicate_acks,
    zero_window,
    client_handshake_rtt,
    server_handshake_rtt,
    client_rtt,
    server_rtt,
});
fields!(Capture {
    received,
    kernel_dropped,
    interface_dropped,
    unread,
    undecodable,
    truncated,
    truncated_heads,
    encapsulated,
    copies,
    gaps,
    gap_bytes,
    orphan_responses,
    unanswered,
    parse_errors,
    resyncs,
    flows_evicted,
    hosts_folded,
    sections_folded,
    hits_error,
    clients_folded,
    client_hits_error,
    exchanges_dropped,
    clock_steps,
    histogram_halvings,
    flows,
    open_connections,
    undecoded,
    protocols,
    ambiguous_framing,
});
fields!(Traffic { packets, bytes, http_packets, http_bytes, protocols });
fields!(Section { path, counts });
fields!(Client { address, counts });
fields!(Host { name, addresses, counts, sections, tcp } is_sound_host);
fields!(Interface { name, traffic, tcp, state, at, since });
fields!(ServerName { name, connections });
fields!(Exchange {
    ts,
    client,
    server,
    interface,
    host,
    section,
    path,
    method,
    status,
    request_bytes,
    response_bytes,
    latency,
    duration,
    connect,
    request_time,
    transfer,
    retransmitted,
    user_agent,
});
fields!(Connection {
    first_seen,
    client,
    server,
    interface,
    last_seen,
    segments,
    age,
    opened,
    state,
    protocol,
    host,
    bytes_to_server,
    bytes_to_client,
    retransmitted,
    requests,
    rtt,
});
fields!(Snapshot { span, counts, hosts, clients, interfaces, tcp, capture, server_names, exchanges, connections } is_sound);

#[cfg(test)]
#[path = "binary_tests.rs"]
mod tests;

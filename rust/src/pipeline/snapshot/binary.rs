//! Writes snapshots and their rows as bytes, without loss, and reads them. Python's pickle stores these bytes.
//! [`VERSION`] is the version of the layout.
//!
//! A struct is written as its fields in order, without names. Reading trusts nothing: it needs memory in proportion to
//! the bytes that it reads, and it rejects a table that is out of order.

mod values;

use super::capture::{Capture, Gauge};
use super::clients::Client;
use super::connections::{Connection, connection_fields};
use super::counts::{Counts, Tcp, Traffic};
use super::exchanges::NamedExchange;
use super::hosts::{Host, Section};
use super::interfaces::Interface;
use super::limits::MAX_ADDRESSES;
use super::merge::Snapshot;
use super::open::{OpenStream, stream_fields};
use super::processes::Process;
use super::servers::{Before, Server};
use super::streams::Streams;
use super::subsets::{Subset, SubsetRow};
use super::tables::Row;
use crate::pipeline::decode::Endpoint;
use crate::pipeline::exchange::{Exchange, MAX_LISTED_STREAMS, exchange_fields};
use crate::pipeline::owners::Owner;
pub use values::Field;

/// The first bytes of everything that is written.
const MAGIC: &[u8; 6] = b"netmon";
/// Version of the layout. Raised when the fields of a struct change.
pub const VERSION: u8 = 8;

/// Why bytes cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// They do not begin with the bytes that netmon writes first.
    #[error("its first bytes are not those of a snapshot")]
    Foreign,
    /// Their layout has another version.
    #[error("it has format version {0}, and this netmon reads version {VERSION}")]
    Version(u8),
    /// They are contradictory, or bytes are missing or left over.
    #[error("it is damaged")]
    Damaged,
}

/// Returns a value as bytes.
pub fn pack(value: &impl Field) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.push(VERSION);
    value.put(&mut out);
    out
}

/// Reads a value from the bytes that [`pack`] made of a value of the same type.
pub fn unpack<T: Field>(bytes: &[u8]) -> Result<T, Unreadable> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(Unreadable::Foreign)?;
    let (&version, mut rest) = rest.split_first().ok_or(Unreadable::Damaged)?;
    if version != VERSION {
        return Err(Unreadable::Version(version));
    }
    let value = T::get(&mut rest).ok_or(Unreadable::Damaged)?;
    if rest.is_empty() { Ok(value) } else { Err(Unreadable::Damaged) }
}

/// Writes and reads a struct: its fields in this order, and a function that checks what their types do not. Leaving out
/// a field is a compile error.
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
    let Snapshot { hosts, clients, interfaces, servers, exchanges, connections, subsets, .. } = snapshot;
    let is_list = connections.is_sorted_by(|one, next| one < next && !one.is_same(next));
    let are_lists = exchanges.is_sorted() && is_list;
    let are_subsets =
        subsets.is_sorted_by(|one, next| one.order(next).is_lt()) && (subsets.is_empty() || snapshot.span.is_some());
    is_table(hosts) && is_table(clients) && is_table(interfaces) && is_table(servers) && are_lists && are_subsets
}

fields!(Gauge { at, value });
fields!(Before { at, value });
fields!(Endpoint { address, port });
fields!(Owner { name, pid, container, pod, namespace });
fields!(Process { owner, is_server });
fields!(Counts {
    requests,
    responses,
    errors,
    request_bytes,
    response_bytes,
    methods,
    statuses,
    latency,
    duration,
    streams,
});
fields!(Streams {
    request_messages,
    response_messages,
    protocols,
    grpc_statuses,
    client_close_codes,
    server_close_codes,
    client_resets,
    server_resets,
});
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
    unknown_statuses,
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
    goaways,
    undecrypted,
});
fields!(Traffic { packets, bytes, http_packets, http_bytes, protocols });
fields!(Section { path, counts });
fields!(Client { address, counts });
fields!(Host { name, addresses, counts, sections, tcp } is_sound_host);
fields!(Interface { name, traffic, tcp, state, at, since, problem, removed });
fields!(Server {
    name,
    connections,
    open_before,
    named,
    quic,
    ech,
    decrypted,
    bytes_to_server,
    bytes_to_client,
    handshake_bytes,
    undecrypted,
    tls_versions,
    cipher_suites,
    round_trip,
    handshake,
});
fields!(SubsetRow { name, counts });
fields!(Subset { text, per, rows } |subset: &Subset| is_table(&subset.rows));
fields!(Snapshot {
    span,
    counts,
    hosts,
    clients,
    interfaces,
    tcp,
    capture,
    servers,
    exchanges,
    connections,
    subsets,
} is_sound);

/// Writes and reads an exchange by the table of its fields.
macro_rules! exchange_bytes {
    ($(
        measured { $($(#[doc = $doc:tt])* $(#[serde($($serde:tt)*)])? $field:ident: $type:ty as $python:ty,)* }
        named {
            $($(#[doc = $named_doc:tt])* $(#[serde($($named_serde:tt)*)])? $named:ident: $named_type:ty as $named_python:ty,)*
        }
    )*) => {
        impl Field for NamedExchange {
            fn put(&self, out: &mut Vec<u8>) {
                $($(self.measured.$field.put(out);)* $(self.$named.put(out);)*)*
            }
            fn get(from: &mut &[u8]) -> Option<Self> {
                $($(let $field = Field::get(from)?;)* $(let $named = Field::get(from)?;)*)*
                Some(Self { measured: Exchange { $($($field,)*)* }, $($($named,)*)* })
            }
        }
    };
}

/// Writes and reads a connection by the table of its fields.
macro_rules! connection_bytes {
    ($($(#[doc = $doc:tt])* $(#[serde($($serde:tt)*)])? $field:ident: $type:ty as $python:ty,)*) => {
        fields!(Connection { $($field),* } |one: &Connection| one.oldest_streams.len() <= MAX_LISTED_STREAMS);
    };
}

/// Writes and reads an open stream by the table of its fields.
macro_rules! stream_bytes {
    ($($(#[doc = $doc:tt])* $(#[serde($($serde:tt)*)])? $field:ident: $type:ty as $python:ty,)*) => {
        fields!(OpenStream { $($field),* });
    };
}

exchange_fields!(exchange_bytes);
connection_fields!(connection_bytes);
stream_fields!(stream_bytes);

#[cfg(test)]
#[path = "binary_tests.rs"]
mod tests;

//! Counters that add up when two snapshots merge: those of requests and responses, of connections and of traffic.

use serde::{Deserialize, Serialize};

use super::tally::Tally;
use crate::pipeline::exchange::{Method, Protocol};
use crate::pipeline::histogram::Histogram;

/// A struct of counters whose merge is addition, field by field.
macro_rules! counters {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident),+ $(,)? } $(and { $($(#[$more_meta:meta])* $more:ident: $kind:ty),+ $(,)? })?) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
        #[serde(default)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: u64,)+
            $($($(#[$more_meta])* pub $more: $kind,)+)?
        }

        impl $name {
            /// Adds what `other` counted.
            pub fn merge(&mut self, other: &Self) {
                $(self.$field = self.$field.saturating_add(other.$field);)+
                $($(self.$more.merge(&other.$more);)+)?
            }
        }
    };
}

pub(super) use counters;

counters! {
    /// What the total, a host, a section and a client have in common.
    Counts {
        /// Request heads.
        requests,
        /// Response heads, interim ones included.
        responses,
        /// Responses with a status of 500 and above.
        errors,
        /// HTTP bytes of requests.
        request_bytes,
        /// HTTP bytes of responses.
        response_bytes,
    } and {
        /// Requests by method.
        methods: Tally<Method>,
        /// Response heads by status.
        statuses: Tally<u16>,
        /// Request's last byte to response's first byte.
        latency: Histogram,
        /// Request's first byte to response's last byte.
        duration: Histogram,
    }
}

impl Counts {
    /// Message heads.
    pub fn hits(&self) -> u64 {
        self.requests.saturating_add(self.responses)
    }
}

counters! {
    /// Health of connections, counted once per connection however many interfaces it crosses.
    #[derive(Serialize)]
    Tcp {
        /// SYNs that began a connection.
        opened,
        /// Connections both sides finished.
        closed,
        /// Connections reset.
        reset,
        /// SYNs answered with a reset.
        refused,
        /// Segments.
        segments,
        /// Segments with data that was sent before.
        retransmitted,
        /// The same packet again within a millisecond: a copy, not a retransmission.
        duplicates,
        /// Segments overtaken by a later one.
        out_of_order,
        /// Acknowledgements of nothing new.
        duplicate_acks,
        /// Segments whose sender cannot take more.
        zero_window,
    } and {
        /// From here to the client and back, in the handshake (SYN with ACK to ACK).
        client_handshake_rtt: Histogram,
        /// From here to the server and back, in the handshake (SYN to SYN with ACK).
        server_handshake_rtt: Histogram,
        /// From here to the client and back, from data to its acknowledgement.
        client_rtt: Histogram,
        /// From here to the server and back, from data to its acknowledgement.
        server_rtt: Histogram,
    }
}

counters! {
    /// Traffic of an interface.
    #[derive(Serialize)]
    Traffic {
        /// Packets that passed the filter.
        packets,
        /// Their bytes on the wire.
        bytes,
        /// Packets of connections that carry HTTP, see [`Protocol::is_http`].
        http_packets,
        /// Their bytes on the wire: those that `protocols` has under protocols that are HTTP.
        http_bytes,
    } and {
        /// Bytes on the wire by what their connection speaks, once that is known.
        protocols: Tally<Protocol>,
    }
}

impl Traffic {
    /// Adds packets of connections that speak `protocol`. The share of HTTP is told from the protocol here, and nowhere else.
    pub fn add(&mut self, protocol: Protocol, packets: u64, bytes: u64) {
        if bytes > 0 {
            self.protocols.add(protocol, bytes);
        }
        if protocol.is_http() {
            self.http_packets = self.http_packets.saturating_add(packets);
            self.http_bytes = self.http_bytes.saturating_add(bytes);
        }
    }
}

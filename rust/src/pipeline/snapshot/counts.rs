//! Counters that are added when two snapshots merge: of requests and responses, of connections and of traffic.

use serde::{Deserialize, Serialize};

use super::tally::Tally;
use crate::pipeline::exchange::{Method, Protocol};
use crate::pipeline::histogram::Histogram;

/// Makes a struct of counters with a `merge` that adds field by field.
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
    /// Counts of requests and responses: of a section, a host, a client or a whole snapshot.
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
        /// Time from the last byte of the request to the first byte of the response.
        latency: Histogram,
        /// Time from the first byte of the request to the last byte of the response.
        duration: Histogram,
    }
}

impl Counts {
    /// Returns the number of message heads: requests and responses.
    pub fn hits(&self) -> u64 {
        self.requests.saturating_add(self.responses)
    }
}

counters! {
    /// Health of connections. A connection counts once, even if it crosses several interfaces.
    #[derive(Serialize)]
    Tcp {
        /// SYNs that began a connection.
        opened,
        /// Connections that both sides have closed.
        closed,
        /// Connections that were reset.
        reset,
        /// SYNs answered with a reset.
        refused,
        /// Segments.
        segments,
        /// Segments with data that was sent before.
        retransmitted,
        /// Packets that were seen again within a millisecond: copies, not retransmissions.
        duplicates,
        /// Segments that arrived after a later one.
        out_of_order,
        /// Acknowledgements that acknowledge nothing new.
        duplicate_acks,
        /// Segments with a receive window of zero: their sender cannot accept more data.
        zero_window,
    } and {
        /// Round-trip time from here to the client in the handshake (SYN with ACK to ACK).
        client_handshake_rtt: Histogram,
        /// Round-trip time from here to the server in the handshake (SYN to SYN with ACK).
        server_handshake_rtt: Histogram,
        /// Round-trip time from here to the client, from data to its acknowledgement.
        client_rtt: Histogram,
        /// Round-trip time from here to the server, from data to its acknowledgement.
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
        /// Their bytes on the wire: the sum of `protocols` over all protocols that are HTTP.
        http_bytes,
    } and {
        /// Bytes on the wire by the protocol of their connection, once it is known.
        protocols: Tally<Protocol>,
    }
}

impl Traffic {
    /// Adds packets of connections that speak `protocol`. Only this function decides which traffic is HTTP.
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

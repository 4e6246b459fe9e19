//! Counters that are added when two snapshots merge: of requests and responses, of connections and of traffic.

use serde::{Deserialize, Serialize};

use super::counters::counters;
use super::streams::{Rare, Streams};
use super::tally::Tally;
use crate::pipeline::exchange::{ErrorCode, GrpcStatus, Method, Protocol};
use crate::pipeline::histogram::Histogram;

counters! {
    /// Counts of requests and responses: of a section, a host, a client or a whole snapshot.
    #[serde(from = "Flat")]
    Counts {
        /// Request heads.
        requests,
        /// Response heads, interim ones included.
        responses,
        /// Responses with a status of 500 and above, and gRPC calls that failed. One that is both counts once.
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
        /// What HTTP/1 does not have.
        streams: Rare,
    }
}

/// The fields of [`Counts`] side by side, as they are in JSON.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Flat {
    requests: u64,
    responses: u64,
    errors: u64,
    request_bytes: u64,
    response_bytes: u64,
    methods: Tally<Method>,
    statuses: Tally<u16>,
    latency: Histogram,
    duration: Histogram,
    protocols: Tally<Protocol>,
    grpc_statuses: Tally<GrpcStatus>,
    request_messages: u64,
    response_messages: u64,
    client_close_codes: Tally<u16>,
    server_close_codes: Tally<u16>,
    client_resets: Tally<ErrorCode>,
    server_resets: Tally<ErrorCode>,
}

impl From<Flat> for Counts {
    fn from(flat: Flat) -> Self {
        let mut protocols = flat.protocols;
        protocols.remove(Protocol::Http1);
        let streams = Streams {
            request_messages: flat.request_messages,
            response_messages: flat.response_messages,
            protocols,
            grpc_statuses: flat.grpc_statuses,
            client_close_codes: flat.client_close_codes,
            server_close_codes: flat.server_close_codes,
            client_resets: flat.client_resets,
            server_resets: flat.server_resets,
        };
        Self {
            requests: flat.requests,
            responses: flat.responses,
            errors: flat.errors,
            request_bytes: flat.request_bytes,
            response_bytes: flat.response_bytes,
            methods: flat.methods,
            statuses: flat.statuses,
            latency: flat.latency,
            duration: flat.duration,
            streams: streams.into(),
        }
    }
}

impl Counts {
    /// Returns the number of message heads: requests and responses.
    pub fn hits(&self) -> u64 {
        self.requests.saturating_add(self.responses)
    }

    /// Returns the requests by protocol. Those of HTTP/1 are the ones that no other protocol has.
    pub fn protocols(&self) -> Tally<Protocol> {
        let mut protocols = self.streams.get().protocols.clone();
        let http1 = self.requests.saturating_sub(protocols.total());
        if http1 > 0 {
            protocols.add(Protocol::Http1, http1);
        }
        protocols
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

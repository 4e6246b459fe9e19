//! The table of all metrics: OpenTelemetry's name, kind, unit, attributes, and what a metric counts.
//!
//! Names in Prometheus follow from the table by OpenTelemetry's rules: dots become underscores, the unit is appended,
//! and a counter ends in `_total`. Names, kinds, units and attributes are a contract with users (`docs/metrics.md`).

use super::durations::BOUNDS;

/// What the numbers of a metric are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A sum that never decreases.
    Counter,
    /// A level.
    Gauge,
    /// Durations, with the bounds of explicit buckets in seconds.
    Histogram(&'static [f64; BOUNDS]),
}

/// One metric.
#[derive(Debug)]
pub struct Family {
    /// Its name in OpenTelemetry.
    pub name: &'static str,
    /// What its numbers are.
    pub kind: Kind,
    /// Its unit in OpenTelemetry, as UCUM writes it.
    pub unit: &'static str,
    /// The names of its attributes in OpenTelemetry. A point has a text for each; an empty text stands for none.
    pub attributes: &'static [&'static str],
    /// What it counts.
    pub help: &'static str,
}

impl Family {
    /// Its name in Prometheus, without the `_total` of a counter.
    pub fn prometheus(&self) -> String {
        let name = self.name.replace('.', "_");
        match self.unit_word() {
            Some(unit) if !name.ends_with(unit) => format!("{name}_{unit}"),
            _ => name,
        }
    }

    /// Its unit as Prometheus writes it. `None` if the metric counts things.
    pub fn unit_word(&self) -> Option<&'static str> {
        match self.unit {
            "s" => Some("seconds"),
            "By" => Some("bytes"),
            _ => None,
        }
    }
}

/// The bounds that OpenTelemetry advises for durations of HTTP requests.
pub static DURATIONS: [f64; BOUNDS] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// Bounds for round trips: from that of one machine room to that of a satellite.
pub static ROUND_TRIPS: [f64; BOUNDS] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// The attributes that are numbers in OpenTelemetry.
pub const NUMBERS: [&str; 2] = [STATUS, PORT];

const METHOD: &str = "http.request.method";
const STATUS: &str = "http.response.status_code";
const ADDRESS: &str = "server.address";
const PORT: &str = "server.port";
const SCHEME: &str = "url.scheme";
const ERROR: &str = "error.type";
const RPC_STATUS: &str = "rpc.response.status_code";
const SIDE: &str = "side";
const INTERFACE: &str = "interface";
const ALERT: [&str; 2] = ["alert", "severity"];

const HOST: &[&str] = &[ADDRESS, PORT];

macro_rules! families {
    ($($(#[doc = $help:literal])+ $id:ident: $kind:expr, $name:literal, $unit:literal, $attributes:expr;)*) => {
        $(
            $(#[doc = $help])+
            pub static $id: Family = Family {
                name: $name,
                kind: $kind,
                unit: $unit,
                attributes: $attributes,
                help: concat!($($help),+).trim_ascii_start(),
            };
        )*
        /// All of them, in the order in which they are written.
        pub static ALL: &[&Family] = &[$(&$id),*];
    };
}

use Kind::{Counter, Gauge, Histogram};

families! {
    /// Time from the first byte of the request to the last byte of the response, of exchanges seen whole.
    REQUEST_DURATION: Histogram(&DURATIONS), "http.server.request.duration", "s", &[METHOD, STATUS, ADDRESS, PORT, SCHEME, ERROR];
    /// Time from the last byte of the request to the first byte of the response.
    LATENCY: Histogram(&DURATIONS), "netmon.http.response.latency", "s", HOST;
    /// Request heads.
    REQUESTS: Counter, "netmon.http.requests", "{request}", &[METHOD, ADDRESS, PORT];
    /// Response heads, interim responses included.
    RESPONSES: Counter, "netmon.http.responses", "{response}", &[STATUS, ADDRESS, PORT];
    /// HTTP bytes of requests, heads included.
    REQUEST_BYTES: Counter, "netmon.http.request.size", "By", HOST;
    /// HTTP bytes of responses, heads included.
    RESPONSE_BYTES: Counter, "netmon.http.response.size", "By", HOST;
    /// Calls of gRPC that have ended, by the name of their status.
    GRPC_CALLS: Counter, "netmon.grpc.calls", "{call}", &[RPC_STATUS, ADDRESS, PORT];
    /// Messages of clients: of gRPC and WebSocket.
    REQUEST_MESSAGES: Counter, "netmon.stream.request_messages", "{message}", HOST;
    /// Messages of servers: of gRPC and WebSocket, and events of server-sent events.
    RESPONSE_MESSAGES: Counter, "netmon.stream.response_messages", "{message}", HOST;
    /// Streams of HTTP/2 that the client or the server has reset.
    RESET_STREAMS: Counter, "netmon.stream.resets", "{stream}", HOST;
    /// Segments of the connections of a host.
    HOST_SEGMENTS: Counter, "netmon.host.segments", "{segment}", HOST;
    /// Segments of the connections of a host with data that was sent before.
    HOST_RETRANSMITTED: Counter, "netmon.host.retransmitted_segments", "{segment}", HOST;
    /// Connections of a host that were reset.
    HOST_RESET: Counter, "netmon.host.reset_connections", "{connection}", HOST;
    /// Round-trip time from here to a side of the connections of a host, from data to its acknowledgement.
    HOST_RTT: Histogram(&ROUND_TRIPS), "netmon.host.rtt", "s", &[ADDRESS, PORT, SIDE];
    /// Events of connections: opened, closed, reset, or refused.
    CONNECTIONS: Counter, "netmon.tcp.connections", "{connection}", &["event"];
    /// Segments of all connections.
    SEGMENTS: Counter, "netmon.tcp.segments", "{segment}", &[];
    /// Segments with a sign of trouble: retransmitted, out of order, a duplicate acknowledgement, or a zero window.
    TROUBLED: Counter, "netmon.tcp.troubled_segments", "{segment}", &["trouble"];
    /// Round-trip time of handshakes from here to a side of the connection.
    HANDSHAKE_RTT: Histogram(&ROUND_TRIPS), "netmon.tcp.handshake.rtt", "s", &[SIDE];
    /// Round-trip time from here to a side of the connection, from data to its acknowledgement.
    RTT: Histogram(&ROUND_TRIPS), "netmon.tcp.rtt", "s", &[SIDE];
    /// 1 if packets are captured on the interface, 0 if it is down. Left out once it is not watched any more.
    INTERFACE_UP: Gauge, "netmon.interface.up", "{interface}", &[INTERFACE];
    /// Packets of an interface that passed the capture filter.
    INTERFACE_PACKETS: Counter, "netmon.interface.packets", "{packet}", &[INTERFACE];
    /// Bytes of these packets on the wire.
    INTERFACE_BYTES: Counter, "netmon.interface.io", "By", &[INTERFACE];
    /// Of these, bytes of connections that carry HTTP.
    INTERFACE_HTTP_BYTES: Counter, "netmon.interface.http.io", "By", &[INTERFACE];
    /// Packets that the capture delivered.
    CAPTURED: Counter, "netmon.capture.packets", "{packet}", &[];
    /// Packets that were lost, by who lost them: the kernel, the interface, or a file that could not be read.
    LOST: Counter, "netmon.capture.lost_packets", "{packet}", &["reason"];
    /// Packets that were not decoded, by kind.
    UNDECODED: Counter, "netmon.capture.undecoded_packets", "{packet}", &["kind"];
    /// Packets cut by the snapshot length.
    TRUNCATED: Counter, "netmon.capture.truncated_packets", "{packet}", &[];
    /// Message heads cut by the snapshot length.
    TRUNCATED_HEADS: Counter, "netmon.capture.truncated_heads", "{head}", &[];
    /// Packets that had been captured before.
    COPIES: Counter, "netmon.capture.copies", "{packet}", &[];
    /// Gaps in streams: missing bytes that are no longer waited for.
    GAPS: Counter, "netmon.capture.gaps", "{gap}", &[];
    /// Bytes in these gaps.
    GAP_BYTES: Counter, "netmon.capture.gap", "By", &[];
    /// Responses without a request.
    ORPHANS: Counter, "netmon.capture.orphan_responses", "{response}", &[];
    /// Requests without a response.
    UNANSWERED: Counter, "netmon.capture.unanswered_requests", "{request}", &[];
    /// Responses of HTTP/2 whose status could not be resolved.
    UNKNOWN_STATUSES: Counter, "netmon.capture.unknown_statuses", "{response}", &[];
    /// Streams that could not be parsed any further.
    PARSE_ERRORS: Counter, "netmon.capture.parse_errors", "{stream}", &[];
    /// Times that the next message of a stream was found after a gap or a parse error.
    RESYNCS: Counter, "netmon.capture.resyncs", "{resync}", &[];
    /// Times that the wall clock was set while a live capture ran.
    CLOCK_STEPS: Counter, "netmon.capture.clock_steps", "{step}", &[];
    /// Connections recognised, by protocol.
    PROTOCOLS: Counter, "netmon.capture.recognised_connections", "{connection}", &["protocol"];
    /// Messages that two readers could frame differently, by kind.
    AMBIGUOUS: Counter, "netmon.capture.ambiguous_messages", "{message}", &["kind"];
    /// Connections that stay encrypted, by reason.
    UNDECRYPTED: Counter, "netmon.capture.undecrypted_connections", "{connection}", &["reason"];
    /// Times that one side of an HTTP/2 connection would take no new streams, by the name of the code that it gave.
    GOAWAYS: Counter, "netmon.capture.goaways", "{frame}", &["code"];
    /// What a full table gave up: connections dropped, rows folded into ~other, exchanges not listed.
    OVERFLOWED: Counter, "netmon.capture.overflowed", "{row}", &["table"];
    /// Connections that are tracked.
    TRACKED: Gauge, "netmon.capture.tracked_connections", "{connection}", &[];
    /// Of these, the connections in use: neither opening nor over.
    OPEN: Gauge, "netmon.capture.open_connections", "{connection}", &[];
    /// Intervals that were counted.
    SNAPSHOTS: Counter, "netmon.snapshots", "{snapshot}", &[];
    /// When the newest interval that was counted ended, in seconds since 1970.
    NEWEST: Gauge, "netmon.snapshot.timestamp", "s", &[];
    /// Hosts that have series of their own.
    HOSTS: Gauge, "netmon.metrics.hosts", "{host}", &[];
    /// The most hosts that get series of their own; later ones count in ~other.
    HOSTS_LIMIT: Gauge, "netmon.metrics.hosts_limit", "{host}", &[];
    /// Rows for which an alert rule fires.
    FIRING: Gauge, "netmon.alert.firing", "{row}", &ALERT;
    /// 1 if it is unknown whether an alert rule should fire, 0 if it is known.
    UNKNOWN: Gauge, "netmon.alert.unknown", "{rule}", &ALERT;
    /// Alerts that fired.
    FIRED: Counter, "netmon.alerts.fired", "{alert}", &ALERT;
    /// Alerts that recovered.
    RECOVERED: Counter, "netmon.alerts.recovered", "{alert}", &ALERT;
    /// 1; its label is the version of netmon.
    BUILD: Gauge, "netmon.build_info", "{build}", &["version"];
}

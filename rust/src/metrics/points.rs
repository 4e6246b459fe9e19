//! A store as points: for each family, the values of its attributes and its number.

use std::borrow::Cow;

use smallvec::{SmallVec, smallvec};

use super::durations::Durations;
use super::family::{self as of, Family};
use super::fold;
use super::store::{HostSeries, Store};
use crate::pipeline::decode::Undecoded;
use crate::pipeline::exchange::{Ambiguity, Closed, ErrorCode, GrpcStatus, Protocol};
use crate::pipeline::packet::Timestamp;

/// One series of a family.
#[derive(Debug)]
pub struct Point<'a> {
    /// A text for each attribute of the family; an empty one stands for none.
    pub labels: Labels<'a>,
    /// Since when it is counted.
    pub since: Timestamp,
    /// Its number.
    pub value: Value<'a>,
}

type Labels<'a> = SmallVec<[Cow<'a, str>; 6]>;

/// The number of a point.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// A whole number.
    Count(u64),
    /// Any number.
    Level(f64),
    /// Durations.
    Durations(&'a Durations),
}

/// Writes families.
pub trait Encode {
    /// Writes a family with its points, of which there is at least one.
    fn family(&mut self, family: &'static Family, points: &[Point<'_>]);
}

/// The sides of a connection, in the order of their histograms.
const SIDES: [&str; 2] = ["client", "server"];

impl Store {
    /// Hands all families that have points to an encoder.
    pub fn encode(&self, encoder: &mut impl Encode) {
        for family in of::ALL {
            let points = self.points(family);
            if !points.is_empty() {
                encoder.family(family, &points);
            }
        }
    }

    fn points(&self, family: &'static Family) -> Vec<Point<'_>> {
        let mut points = Vec::new();
        for host in &self.hosts {
            if let Some(since) = host.since {
                let (address, port) = address_and_port(&host.name);
                let ends: [Cow<'_, str>; 2] = [address.into(), port.into()];
                host.points(family, &ends, &mut |labels, value| points.push(Point { labels, since, value }));
            }
        }
        let (since, end) = self.span.unwrap_or_default();
        self.whole(family, end, &mut |labels, value| points.push(Point { labels, since, value }));
        points
    }

    /// The points of families that are not by host.
    fn whole<'a>(&'a self, family: &'static Family, end: Timestamp, add: &mut impl FnMut(Labels<'a>, Value<'a>)) {
        let (tcp, capture) = (&self.tcp.counts, &self.capture);
        let table: [(&Family, u64); 18] = [
            (&of::SEGMENTS, tcp.segments),
            (&of::CAPTURED, capture.received),
            (&of::TRUNCATED, capture.truncated),
            (&of::TRUNCATED_HEADS, capture.truncated_heads),
            (&of::COPIES, capture.copies),
            (&of::GAPS, capture.gaps),
            (&of::GAP_BYTES, capture.gap_bytes),
            (&of::ORPHANS, capture.orphan_responses),
            (&of::UNANSWERED, capture.unanswered),
            (&of::UNKNOWN_STATUSES, capture.unknown_statuses),
            (&of::PARSE_ERRORS, capture.parse_errors),
            (&of::RESYNCS, capture.resyncs),
            (&of::CLOCK_STEPS, capture.clock_steps),
            (&of::TRACKED, capture.flows.value),
            (&of::OPEN, capture.open_connections.value),
            (&of::SNAPSHOTS, self.snapshots),
            (&of::HOSTS, self.host_count() as u64),
            (&of::HOSTS_LIMIT, self.limit as u64),
        ];
        if let Some(&(_, count)) = table.iter().find(|(known, _)| is(family, known)) {
            return add(Labels::new(), Value::Count(count));
        }
        for &(known, label, count) in &self.by_label() {
            if is(family, known) {
                add(smallvec![label.into()], Value::Count(count));
            }
        }
        let durations = [(&of::HANDSHAKE_RTT, &self.tcp.handshake), (&of::RTT, &self.tcp.rtt)];
        for (_, sides) in durations.into_iter().filter(|(known, _)| is(family, known)) {
            add_sides(&[], sides, add);
        }
        self.by_name(family, add);
        if is(family, &of::NEWEST) && self.span.is_some() {
            add(Labels::new(), Value::Level(end.0 as f64 / 1e9));
        }
        if is(family, &of::BUILD) {
            add(smallvec![env!("CARGO_PKG_VERSION").into()], Value::Count(1));
        }
    }

    /// Counts with one label that is always the same.
    fn by_label(&self) -> [(&'static Family, &'static str, u64); 16] {
        let (tcp, capture) = (&self.tcp.counts, &self.capture);
        [
            (&of::CONNECTIONS, "opened", tcp.opened),
            (&of::CONNECTIONS, "closed", tcp.closed),
            (&of::CONNECTIONS, "reset", tcp.reset),
            (&of::CONNECTIONS, "refused", tcp.refused),
            (&of::TROUBLED, "retransmitted", tcp.retransmitted),
            (&of::TROUBLED, "out_of_order", tcp.out_of_order),
            (&of::TROUBLED, "duplicate_ack", tcp.duplicate_acks),
            (&of::TROUBLED, "zero_window", tcp.zero_window),
            (&of::LOST, "kernel", capture.kernel_dropped),
            (&of::LOST, "interface", capture.interface_dropped),
            (&of::LOST, "unread", capture.unread),
            (&of::OVERFLOWED, "connections", capture.flows_evicted),
            (&of::OVERFLOWED, "hosts", capture.hosts_folded),
            (&of::OVERFLOWED, "sections", capture.sections_folded),
            (&of::OVERFLOWED, "clients", capture.clients_folded),
            (&of::OVERFLOWED, "exchanges", capture.exchanges_dropped),
        ]
    }

    /// Counts whose labels come from the traffic or from the user.
    fn by_name<'a>(&'a self, family: &'static Family, add: &mut impl FnMut(Labels<'a>, Value<'a>)) {
        if is(family, &of::UNDECODED) {
            let mut kinds = self.undecoded().iter();
            kinds.by_ref().for_each(|(kind, count)| add(smallvec![Undecoded::label(kind)], Value::Count(count)));
        }
        if is(family, &of::PROTOCOLS) {
            for protocol in Protocol::ALL {
                add(smallvec![protocol.name().into()], Value::Count(self.capture.protocols.get(protocol)));
            }
        }
        if is(family, &of::UNDECRYPTED) {
            for reason in Closed::ALL {
                add(smallvec![reason.name().into()], Value::Count(self.capture.undecrypted.get(reason)));
            }
        }
        if is(family, &of::GOAWAYS) {
            for (code, count) in self.capture.goaways.iter() {
                add(smallvec![ErrorCode::name(code)], Value::Count(count));
            }
        }
        if is(family, &of::AMBIGUOUS) {
            for kind in Ambiguity::ALL {
                add(smallvec![kind.name().into()], Value::Count(self.capture.ambiguous_framing.get(kind)));
            }
        }
        for interface in &self.interfaces {
            let traffic = &interface.traffic;
            let table = [
                (&of::INTERFACE_UP, interface.is_up.map(u64::from)),
                (&of::INTERFACE_PACKETS, Some(traffic.packets)),
                (&of::INTERFACE_BYTES, Some(traffic.bytes)),
                (&of::INTERFACE_HTTP_BYTES, Some(traffic.http_bytes)),
            ];
            for count in table.into_iter().filter(|(known, _)| is(family, known)).filter_map(|(_, count)| count) {
                add(smallvec![(&*interface.name).into()], Value::Count(count));
            }
        }
        for rule in &self.rules {
            let table = [
                (&of::FIRING, rule.state.map(|(firing, _)| firing)),
                (&of::UNKNOWN, rule.state.map(|(_, is_unknown)| u64::from(is_unknown))),
                (&of::FIRED, Some(rule.events[0])),
                (&of::RECOVERED, Some(rule.events[1])),
            ];
            for count in table.into_iter().filter(|(known, _)| is(family, known)).filter_map(|(_, count)| count) {
                add(smallvec![(&*rule.name).into(), (&*rule.severity).into()], Value::Count(count));
            }
        }
    }
}

impl HostSeries {
    fn points<'a>(
        &'a self,
        family: &'static Family,
        ends: &[Cow<'a, str>; 2],
        add: &mut impl FnMut(Labels<'a>, Value<'a>),
    ) {
        let [address, port] = ends;
        if is(family, &of::REQUEST_DURATION) {
            for (&(method, status), durations) in self.outcomes.iter().map(|(key, durations)| (key, durations)) {
                let (status, error) = (fold::status_text(status), fold::error_type(status));
                let labels = [method.into(), status.into(), address.clone(), port.clone(), "http".into(), error.into()];
                add(labels.into(), Value::Durations(durations));
            }
        }
        if is(family, &of::LATENCY) && self.latency.count() > 0 {
            add(ends.iter().cloned().collect(), Value::Durations(&self.latency));
        }
        if is(family, &of::REQUESTS) {
            for &(method, count) in &self.methods {
                add(smallvec![method.into(), address.clone(), port.clone()], Value::Count(count));
            }
        }
        if is(family, &of::RESPONSES) {
            for &(status, count) in &self.statuses {
                let status = fold::status_text(status).into();
                add(smallvec![status, address.clone(), port.clone()], Value::Count(count));
            }
        }
        if is(family, &of::GRPC_CALLS) {
            for &(status, count) in &self.grpc {
                add(smallvec![GrpcStatus::name(status).into(), address.clone(), port.clone()], Value::Count(count));
            }
        }
        // Hosts that speak HTTP/1 alone have no series of streams.
        if let Some([messages, answers, resets]) = self.streams {
            let table =
                [(&of::REQUEST_MESSAGES, messages), (&of::RESPONSE_MESSAGES, answers), (&of::RESET_STREAMS, resets)];
            for (_, count) in table.into_iter().filter(|(known, _)| is(family, known)) {
                add(ends.iter().cloned().collect(), Value::Count(count));
            }
        }
        let table = [
            (&of::REQUEST_BYTES, self.bytes[0]),
            (&of::RESPONSE_BYTES, self.bytes[1]),
            (&of::HOST_SEGMENTS, self.segments[0]),
            (&of::HOST_RETRANSMITTED, self.segments[1]),
            (&of::HOST_RESET, self.segments[2]),
        ];
        for (_, count) in table.into_iter().filter(|(known, _)| is(family, known)) {
            add(ends.iter().cloned().collect(), Value::Count(count));
        }
        if is(family, &of::HOST_RTT) {
            add_sides(ends, &self.rtt, add);
        }
    }
}

/// Adds the durations of both sides of a connection, as far as there are some.
fn add_sides<'a>(ends: &[Cow<'a, str>], sides: &'a [Durations; 2], add: &mut impl FnMut(Labels<'a>, Value<'a>)) {
    for (side, durations) in SIDES.into_iter().zip(sides) {
        if durations.count() > 0 {
            let labels = ends.iter().cloned().chain([side.into()]);
            add(labels.collect(), Value::Durations(durations));
        }
    }
}

fn is(family: &Family, other: &Family) -> bool {
    std::ptr::eq(family, other)
}

/// Splits the port off the name of a host. A name without one has an empty port. What is no number as a machine writes
/// it, such as `08080`, stays in the name: where ports are numbers, two hosts would have the same attributes.
fn address_and_port(name: &str) -> (&str, &str) {
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|number| number.to_string() == port);
    match name.rsplit_once(':') {
        // In an address of IPv6, a port stands behind brackets.
        Some((address, port)) if is_port(port) && (!address.contains(':') || address.ends_with(']')) => (address, port),
        _ => (name, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::address_and_port;

    #[test]
    fn the_port_is_split_off_and_an_address_stays_whole() {
        let table = [
            ("api.example", ("api.example", "")),
            ("api.example:8080", ("api.example", "8080")),
            ("[2001:db8::1]:8080", ("[2001:db8::1]", "8080")),
            ("[2001:db8::1]", ("[2001:db8::1]", "")),
            ("2001:db8::1", ("2001:db8::1", "")),
            ("a:port", ("a:port", "")),
            ("a:", ("a:", "")),
            ("a:0", ("a", "0")),
            ("a:65535", ("a", "65535")),
            ("a:65536", ("a:65536", "")),
            ("a:08080", ("a:08080", "")),
            ("a:00", ("a:00", "")),
            ("a:+80", ("a:+80", "")),
            ("~other", ("~other", "")),
            ("", ("", "")),
        ];
        for (name, parts) in table {
            assert_eq!(address_and_port(name), parts);
        }
    }
}

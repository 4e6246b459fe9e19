//! An interval reduced to a few numbers. Trends are drawn from these, so whole snapshots need not be kept for them.

use std::sync::Arc;

use super::hosts::Host;
use super::merge::Snapshot;
use crate::pipeline::packet::Timestamp;

/// Most hosts of a point: more than a screen has lines, and few enough to keep the points of a minute.
pub const HEAVIEST: usize = 200;

/// The totals of an interval, the traffic of each interface, and the hits of the [`HEAVIEST`] hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// As in [`Snapshot`].
    pub span: Option<(Timestamp, Timestamp)>,
    /// Message heads.
    pub hits: u64,
    /// Request heads.
    pub requests: u64,
    /// Responses with a status of 500 and above.
    pub errors: u64,
    /// Response heads by the first digit of their status, from 1 to 5.
    pub classes: [u64; 5],
    /// Packets of all interfaces.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// Traffic by interface, sorted by name.
    pub interfaces: Vec<Passed>,
    /// Hits by host, sorted by name.
    pub hosts: Vec<(Arc<str>, u64)>,
}

/// Traffic of an interface in the interval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// As in [`super::Interface`].
    pub name: Arc<str>,
    /// Packets.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Of these, bytes of connections that carry HTTP.
    pub http_bytes: u64,
    /// Number of listed exchanges.
    pub exchanges: u64,
}

impl Snapshot {
    /// Reduces the snapshot to a few numbers.
    pub fn point(&self) -> Point {
        let passed = self.interfaces.iter().map(|interface| {
            let traffic = &interface.traffic;
            let (packets, bytes, http_bytes) = (traffic.packets, traffic.bytes, traffic.http_bytes);
            Passed { name: interface.name.clone(), packets, bytes, http_bytes, exchanges: 0 }
        });
        let mut interfaces: Vec<Passed> = passed.collect();
        for exchange in &self.exchanges {
            if let Ok(at) = interfaces.binary_search_by(|passed| passed.name.cmp(&exchange.interface)) {
                interfaces[at].exchanges += 1;
            }
        }
        let mut heaviest = self.top_hosts(HEAVIEST);
        heaviest.sort_unstable();
        let hits = |host: &Host| (host.name.clone(), host.counts.hits());
        Point {
            span: self.span,
            hits: self.counts.hits(),
            requests: self.counts.requests,
            errors: self.counts.errors,
            classes: [1, 2, 3, 4, 5].map(|first| self.counts.statuses.sum(|status| status / 100 == first)),
            packets: interfaces.iter().map(|passed| passed.packets).sum(),
            bytes: interfaces.iter().map(|passed| passed.bytes).sum(),
            interfaces,
            hosts: heaviest.into_iter().map(|at| hits(&self.hosts[at])).collect(),
        }
    }
}

impl Point {
    /// Returns this interval and the one that followed as one. Of their hosts, the [`HEAVIEST`] are kept.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut interfaces = self.interfaces.clone();
        for more in &other.interfaces {
            match interfaces.binary_search_by(|known| known.name.cmp(&more.name)) {
                Ok(at) => interfaces[at].add(more),
                Err(at) => interfaces.insert(at, more.clone()),
            }
        }
        let span = match (self.span, other.span) {
            (Some((start, end)), Some((other_start, other_end))) => Some((start.min(other_start), end.max(other_end))),
            (mine, theirs) => mine.or(theirs),
        };
        Self {
            span,
            hits: self.hits + other.hits,
            requests: self.requests + other.requests,
            errors: self.errors + other.errors,
            classes: std::array::from_fn(|at| self.classes[at] + other.classes[at]),
            packets: self.packets + other.packets,
            bytes: self.bytes + other.bytes,
            interfaces,
            hosts: heaviest(&self.hosts, &other.hosts),
        }
    }

    /// Returns the traffic of the interface with this name, `None` if there is none.
    pub fn interface(&self, name: &str) -> Option<&Passed> {
        self.interfaces.iter().find(|passed| &*passed.name == name)
    }

    /// Estimates the requests on the interface with this name. The requests of the interval are divided among the
    /// interfaces in proportion to their listed exchanges or, if none are listed, to their bytes of HTTP.
    pub fn requests_of(&self, name: &str) -> u64 {
        let told = self.interfaces.iter().any(|passed| passed.exchanges > 0);
        let share = |passed: &Passed| if told { passed.exchanges } else { passed.http_bytes };
        let all: u128 = self.interfaces.iter().map(|passed| u128::from(share(passed))).sum();
        let mine = u128::from(self.interface(name).map_or(0, share));
        (u128::from(self.requests) * mine).checked_div(all).map_or(0, |requests| requests as u64)
    }

    /// Returns the hits of the host with this name, `None` if it is not among the heaviest.
    pub fn host(&self, name: &str) -> Option<u64> {
        let at = self.hosts.binary_search_by(|(known, _)| known.as_ref().cmp(name)).ok()?;
        Some(self.hosts[at].1)
    }
}

impl Passed {
    fn add(&mut self, more: &Self) {
        self.packets += more.packets;
        self.bytes += more.bytes;
        self.http_bytes += more.http_bytes;
        self.exchanges += more.exchanges;
    }
}

/// Merges two tables that are sorted by name, and keeps the [`HEAVIEST`] hosts.
fn heaviest(a: &[(Arc<str>, u64)], b: &[(Arc<str>, u64)]) -> Vec<(Arc<str>, u64)> {
    let mut both = [a, b].concat();
    both.sort_by(|(a, _), (b, _)| a.cmp(b));
    both.dedup_by(|(name, hits), (kept, sum)| {
        let is_same = name == kept;
        *sum += if is_same { *hits } else { 0 };
        is_same
    });
    if both.len() > HEAVIEST {
        both.select_nth_unstable_by_key(HEAVIEST, |(_, hits)| std::cmp::Reverse(*hits));
        both.truncate(HEAVIEST);
        both.sort_by(|(a, _), (b, _)| a.cmp(b));
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::snapshot::{Counts, Interface, Traffic};

    #[test]
    fn a_point_has_the_totals_and_no_more_hosts_than_the_heaviest() {
        let host = |at: u64| {
            let counts = Counts { requests: at, ..Counts::default() };
            Arc::new(Host { name: format!("h{at:04}").into(), counts, ..Host::default() })
        };
        let traffic = |bytes| Traffic { packets: 1, bytes, ..Traffic::default() };
        let interface =
            |name: &str, bytes| Interface { name: name.into(), traffic: traffic(bytes), ..Interface::default() };
        let mut counts = Counts { requests: 7, errors: 2, ..Counts::default() };
        for (status, n) in [(200, 3), (204, 1), (404, 2), (503, 1)] {
            counts.statuses.add(status, n);
        }
        let snapshot = Snapshot {
            counts,
            hosts: (0..1000).map(host).collect(),
            interfaces: vec![interface("eth0", 30), interface("lo", 12)],
            ..Snapshot::default()
        };
        let point = snapshot.point();
        assert_eq!((point.hits, point.requests, point.errors, point.packets, point.bytes), (7, 7, 2, 2, 42));
        assert_eq!(point.classes, [0, 4, 0, 2, 1]);
        assert_eq!(point.plus(&point).classes, [0, 8, 0, 4, 2]);
        assert_eq!(point.interface("lo").map(|passed| passed.bytes), Some(12));
        assert_eq!(point.interface("eth1"), None);
        assert_eq!((point.requests_of("lo"), point.requests_of("eth1")), (0, 0), "no HTTP, no requests");
        assert_eq!(point.hosts.len(), HEAVIEST);
        assert_eq!((point.host("h0999"), point.host("h0800"), point.host("h0799")), (Some(999), Some(800), None));
    }

    #[test]
    fn two_intervals_make_one_with_the_heaviest_hosts_of_both() {
        let named = |name: String, hits| (Arc::from(name), hits);
        let passed = |name: &str, bytes| Passed { name: name.into(), bytes, ..Passed::default() };
        let first = Point {
            span: Some((Timestamp(0), Timestamp(10))),
            hits: 5,
            interfaces: vec![passed("a", 1), passed("c", 2)],
            hosts: (0..HEAVIEST).map(|at| named(format!("h{at:03}"), 10)).collect(),
            ..Point::default()
        };
        let second = Point {
            span: Some((Timestamp(10), Timestamp(20))),
            hits: 7,
            interfaces: vec![passed("b", 4), passed("c", 8)],
            hosts: vec![named("h000".into(), 1), named("light".into(), 1), named("z".into(), 99)],
            ..Point::default()
        };
        let both = first.plus(&second);
        assert_eq!((both.span, both.hits), (Some((Timestamp(0), Timestamp(20))), 12));
        let bytes: Vec<_> = both.interfaces.iter().map(|passed| (&*passed.name, passed.bytes)).collect();
        assert_eq!(bytes, [("a", 1), ("b", 4), ("c", 10)]);
        assert_eq!(
            (both.hosts.len(), both.host("h000"), both.host("z"), both.host("light")),
            (HEAVIEST, Some(11), Some(99), None)
        );
        assert_eq!(first.plus(&Point::default()), first);
    }

    #[test]
    fn requests_are_divided_among_interfaces_as_exchanges_are_or_else_as_bytes_of_http() {
        let passed = |name: &str, http_bytes, exchanges| Passed {
            name: name.into(),
            http_bytes,
            exchanges,
            ..Passed::default()
        };
        let table = [((90, 3), (10, 9), (25, 75)), ((90, 0), (10, 0), (90, 10)), ((0, 0), (0, 0), (0, 0))];
        for (eth0, lo, shares) in table {
            let interfaces = vec![passed("eth0", eth0.0, eth0.1), passed("lo", lo.0, lo.1)];
            let point = Point { requests: 100, interfaces, ..Point::default() };
            assert_eq!((point.requests_of("eth0"), point.requests_of("lo")), shares);
        }
    }
}

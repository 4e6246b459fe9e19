//! Sorts tables for display: one page of rows, the number of rows, and the rank of a row.
//!
//! The weight of each row is computed once, when the ranking is made. A page is then selected without sorting the whole
//! table. Orders are total: rows of equal weight are sorted by name, and a reversed order reverses these too.

use std::cmp::Ordering;

use super::counts::{Counts, Tcp};
use super::hosts::{Host, Section};
use super::matching::Matching;
use super::merge::Snapshot;
use super::standing::{Kind, Standing, Weighing};
use super::tables::RowName;
use crate::pipeline::histogram::Histogram;

/// What rows are sorted by: the greatest first, but names from A to Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// Host, then path.
    Name,
    /// Message heads.
    Hits,
    /// Request heads.
    Requests,
    /// Response heads.
    Responses,
    /// Responses with a status of 500 and above.
    Errors,
    /// Response heads whose status begins with this digit.
    Class(u16),
    /// Latency at a quantile in percent. Rows without a latency come last.
    Latency(u8),
    /// HTTP bytes of requests and responses.
    Bytes,
    /// [`Tcp::rtt`]. A section has that of its host.
    Rtt,
    /// [`Tcp::retransmitted_share`]. A section has that of its host.
    Retransmitted,
}

impl SortKey {
    /// All keys with their names.
    pub const ALL: [(&str, Self); 16] = [
        ("hits", Self::Hits),
        ("requests", Self::Requests),
        ("responses", Self::Responses),
        ("errors", Self::Errors),
        ("1xx", Self::Class(1)),
        ("2xx", Self::Class(2)),
        ("3xx", Self::Class(3)),
        ("4xx", Self::Class(4)),
        ("5xx", Self::Class(5)),
        ("p50", Self::Latency(50)),
        ("p95", Self::Latency(95)),
        ("p99", Self::Latency(99)),
        ("bytes", Self::Bytes),
        ("rtt", Self::Rtt),
        ("retransmitted", Self::Retransmitted),
        ("name", Self::Name),
    ];

    /// Returns the key with this name, `None` if there is none.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, key)| key)
    }

    /// Returns the weight of a row, never negative.
    fn weight(self, counts: &Counts, tcp: &Tcp) -> f64 {
        let count = match self {
            Self::Name => 0,
            Self::Hits => counts.hits(),
            Self::Requests => counts.requests,
            Self::Responses => counts.responses,
            Self::Errors => counts.errors,
            Self::Class(first) => counts.statuses.sum(|status| status / 100 == first),
            Self::Latency(percent) => or_none(counts.latency.quantile(f64::from(percent) / 100.0)),
            Self::Bytes => counts.request_bytes.saturating_add(counts.response_bytes),
            Self::Rtt => or_none(tcp.rtt()),
            Self::Retransmitted => return tcp.retransmitted_share(),
        };
        count as f64
    }

    /// Returns the kind of the weights of this key.
    fn kind(self) -> Kind {
        match self {
            Self::Bytes => Kind::Sum,
            Self::Name | Self::Latency(_) | Self::Rtt | Self::Retransmitted => Kind::Level,
            Self::Hits | Self::Requests | Self::Responses | Self::Errors | Self::Class(_) => Kind::Count,
        }
    }
}

/// Maps `None` to 0 and a duration to at least 1, so that rows without a duration come last.
fn or_none(nanos: Option<u64>) -> u64 {
    nanos.map_or(0, |nanos| nanos.saturating_add(1))
}

impl Tcp {
    /// Round-trip time from here to the client, in nanoseconds: the median of handshakes if there were any, else the
    /// shortest time from data to its acknowledgement. Longer times include waiting for an application or for a delayed
    /// acknowledgement (RFC 9293 §3.8.6.3).
    pub fn to_client(&self) -> Option<u64> {
        shortest(&self.client_handshake_rtt, &self.client_rtt)
    }

    /// Round-trip time from here to the server, as in [`Self::to_client`].
    pub fn to_server(&self) -> Option<u64> {
        shortest(&self.server_handshake_rtt, &self.server_rtt)
    }

    /// Round-trip time from client to server, in nanoseconds: the sum of both halves, or one half if only that is
    /// known.
    pub fn rtt(&self) -> Option<u64> {
        let server = self.to_server();
        self.to_client().map_or(server, |client| Some(client.saturating_add(server.unwrap_or(0))))
    }

    /// Share of all segments that were retransmissions, from 0 to 1.
    pub fn retransmitted_share(&self) -> f64 {
        if self.segments == 0 { 0.0 } else { self.retransmitted as f64 / self.segments as f64 }
    }
}

fn shortest(handshake: &Histogram, data: &Histogram) -> Option<u64> {
    handshake.quantile(0.5).or(data.extremes().map(|(least, _)| least))
}

/// Rows of a table with their weights, in an order. `P` is the position of a row in its table.
#[derive(Clone, Debug)]
pub struct Ranking<P> {
    /// Sorted by position. Each weight is stored as the complement of its bits, so that the heaviest sorts first.
    rows: Vec<(u64, P)>,
    is_reversed: bool,
}

impl<P: Copy + Ord> Ranking<P> {
    fn new(rows: impl Iterator<Item = (f64, P)>, is_reversed: bool) -> Self {
        // The bits of floats that are not negative are in the same order as the floats.
        Self { rows: rows.map(|(weight, at)| (!weight.to_bits(), at)).collect(), is_reversed }
    }

    /// Replaces the weight of each row by its steady weight (see [`Standing`]), so that rows do not swap while figures
    /// jitter. Returns the new standing.
    ///
    /// `before` is the standing of `passed` seconds ago. The weights were counted over `covered` seconds. `place` names
    /// a row.
    pub fn stand(
        &mut self,
        before: &Standing,
        by: SortKey,
        (passed, covered): (f64, f64),
        place: impl Fn(P) -> RowName,
    ) -> Standing {
        let rows = self.rows.iter().map(|&(weight, at)| (place(at), f64::from_bits(!weight)));
        let now = before.then(rows, Weighing { kind: by.kind(), passed, covered });
        for (row, weight) in self.rows.iter_mut().zip(now.weights()) {
            row.0 = !weight.to_bits();
        }
        now
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True if there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn order(&self, a: &(u64, P), b: &(u64, P)) -> Ordering {
        if self.is_reversed { b.cmp(a) } else { a.cmp(b) }
    }

    /// Positions of all rows, in the order of the table.
    pub fn positions(&self) -> impl Iterator<Item = P> {
        self.rows.iter().map(|&(_, at)| at)
    }

    /// Returns the positions of at most `n` rows after the first `offset`, in the order of the ranking.
    pub fn page(&self, offset: usize, n: usize) -> Vec<P> {
        let end = offset.saturating_add(n).min(self.len());
        if offset >= end {
            return Vec::new();
        }
        let mut rows = self.rows.clone();
        if end < rows.len() {
            rows.select_nth_unstable_by(end, |a, b| self.order(a, b));
            rows.truncate(end);
        }
        if offset > 0 {
            rows.select_nth_unstable_by(offset, |a, b| self.order(a, b));
            rows.drain(..offset);
        }
        rows.sort_unstable_by(|a, b| self.order(a, b));
        rows.into_iter().map(|(_, at)| at).collect()
    }

    /// Returns how many rows come before the row at position `at`, `None` if the ranking does not have that row.
    pub fn rank(&self, at: P) -> Option<usize> {
        let row = &self.rows[self.rows.binary_search_by_key(&at, |&(_, at)| at).ok()?];
        Some(self.rows.iter().filter(|other| self.order(other, row).is_lt()).count())
    }
}

impl Snapshot {
    /// Ranks the hosts that match.
    pub fn ranked(&self, by: SortKey, is_reversed: bool, matching: &Matching) -> Ranking<usize> {
        let hosts = self.hosts.iter().enumerate().filter(|(_, host)| matching.admits_host(host));
        Ranking::new(hosts.map(|(at, host)| (by.weight(&host.counts, &host.tcp), at)), is_reversed)
    }

    /// Ranks the clients that match. The health of connections is not counted by client, so it weighs nothing here.
    pub fn ranked_clients(&self, by: SortKey, is_reversed: bool, matching: &Matching) -> Ranking<usize> {
        let clients = self.clients.iter().enumerate().filter(|(_, client)| matching.admits_client(client));
        let tcp = Tcp::default();
        Ranking::new(clients.map(|(at, client)| (by.weight(&client.counts, &tcp), at)), is_reversed)
    }

    /// Ranks the sections of all hosts that match. A position is that of the host and that of the section within the
    /// host.
    pub fn ranked_sections(&self, by: SortKey, is_reversed: bool, matching: &Matching) -> Ranking<(usize, usize)> {
        let rows = self.hosts.iter().enumerate().flat_map(|(at, host)| {
            let weight = move |section: &Section| by.weight(&section.counts, &host.tcp);
            let sections = host.sections.iter().enumerate();
            let meant = sections.filter(|(_, section)| matching.admits_section(host, section, false));
            meant.map(move |(section_at, section)| (weight(section), (at, section_at)))
        });
        Ranking::new(rows, is_reversed)
    }
}

impl Host {
    /// Ranks the sections of this host that match.
    pub fn ranked_sections(&self, by: SortKey, is_reversed: bool, matching: &Matching) -> Ranking<usize> {
        let sections = self.sections.iter().enumerate();
        let sections = sections.filter(|(_, section)| matching.admits_section(self, section, true));
        Ranking::new(sections.map(|(at, section)| (by.weight(&section.counts, &self.tcp), at)), is_reversed)
    }

    /// Returns the position of the section with this path, `None` if there is none.
    pub fn position(&self, path: &str) -> Option<usize> {
        self.sections.binary_search_by(|section| section.path.as_ref().cmp(path)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::histogram::Sample;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn host(at: usize, requests: u64, nanos: u64) -> Arc<Host> {
        let mut counts = Counts { requests, ..Counts::default() };
        counts.latency.record(Sample::new(nanos));
        counts.statuses.add(200 + 100 * (requests as u16 % 4), requests);
        let tcp = Tcp { segments: 10, retransmitted: nanos % 10, ..Tcp::default() };
        let section = Arc::new(Section { path: "/".into(), counts: counts.clone() });
        Arc::new(Host { name: format!("h{at:03}").into(), counts, sections: vec![section], tcp, ..Host::default() })
    }

    fn of(rows: &[(u64, u64)]) -> Snapshot {
        let hosts = rows.iter().enumerate().map(|(at, &(requests, nanos))| host(at, requests, nanos)).collect();
        Snapshot { hosts, ..Snapshot::default() }
    }

    proptest! {
        #[test]
        fn a_page_is_a_piece_of_the_sorted_table(
            rows in prop::collection::vec((0u64..5, 0u64..1 << 20), 0..40), key in 0usize..16, is_reversed: bool, offset in 0usize..50, n in 0usize..50,
        ) {
            let (snapshot, by) = (of(&rows), SortKey::ALL[key].1);
            let mut sorted: Vec<usize> = (0..rows.len()).collect();
            sorted.sort_by_key(|&at| (std::cmp::Reverse(by.weight(&snapshot.hosts[at].counts, &snapshot.hosts[at].tcp).to_bits()), at));
            if is_reversed {
                sorted.reverse();
            }
            let ranking = snapshot.ranked(by, is_reversed, &Matching::default());
            let piece: Vec<usize> = sorted.iter().copied().skip(offset).take(n).collect();
            prop_assert_eq!(ranking.page(offset, n), piece);
            for (rank, &at) in sorted.iter().enumerate() {
                prop_assert_eq!(ranking.rank(at), Some(rank));
            }
            let sections = snapshot.ranked_sections(by, is_reversed, &Matching::default()).page(0, usize::MAX);
            prop_assert_eq!(sections, sorted.iter().map(|&at| (at, 0)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn rows_that_do_not_match_have_no_rank() {
        let snapshot = of(&[(1, 1), (2, 2), (3, 3)]);
        let ranking = snapshot.ranked(SortKey::Hits, false, &Matching::named("!h001"));
        assert_eq!((ranking.len(), ranking.page(0, 9)), (2, vec![2, 0]));
        assert_eq!((ranking.rank(0), ranking.rank(1)), (Some(1), None));
        assert_eq!(ranking.positions().collect::<Vec<_>>(), [0, 2]);
    }

    #[test]
    fn rows_hold_still_while_their_weights_jitter_and_a_ranking_without_what_was_is_exact() {
        let place = |at: usize| -> RowName { (format!("h{at:03}").into(), "".into()) };
        let mut standing = Standing::default();
        for second in 0..20 {
            let jitters = u64::from(u64::is_multiple_of(second, 2));
            let snapshot = of(&[(100 + jitters, 1), (101 - jitters, 2), (500, 3)]);
            let exact = snapshot.ranked(SortKey::Hits, false, &Matching::default());
            let mut steady = exact.clone();
            standing = steady.stand(&standing, SortKey::Hits, (1.0, 1.0), place);
            assert_eq!(steady.page(0, 3), [2, 0, 1]);
            assert_eq!(steady.rank(1), Some(2));
            assert_eq!(exact.page(0, 3), if jitters == 1 { [2, 0, 1] } else { [2, 1, 0] });
        }
    }

    #[test]
    fn a_round_trip_is_both_halves_of_the_handshake_or_else_of_data() {
        let times = |nanos: u64| {
            let mut histogram = crate::pipeline::histogram::Histogram::default();
            histogram.record(Sample::new(nanos));
            histogram
        };
        let mut tcp = Tcp { client_handshake_rtt: times(2), client_rtt: times(900), ..Tcp::default() };
        assert_eq!(tcp.rtt(), Some(2));
        tcp.server_rtt = times(40);
        assert_eq!(tcp.rtt(), Some(42));
        assert_eq!(Tcp::default().rtt(), None);
    }
}

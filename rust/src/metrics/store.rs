//! Adds up snapshots into series whose number has a bound.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::durations::Durations;
use super::family::{DURATIONS, ROUND_TRIPS};
use super::fold;
use crate::pipeline::decode::Undecoded;
use crate::pipeline::exchange::GrpcStatus;
use crate::pipeline::packet::Timestamp;
use crate::pipeline::snapshot::{
    Capture, Host, Interface, InterfaceState, MAX_KINDS, OTHER, Per, Snapshot, Tally, Tcp, Traffic, find_subset,
};

/// Hosts that get series of their own by default: some 3,000 series in all, or 19,000 with classic buckets.
pub const MAX_HOSTS: usize = 200;

/// Pairs of a method and a status code of one host that get series of their own. Later ones count as method `_OTHER`
/// and the x00 of their class, so that a stranger who makes up requests adds few series.
const MAX_OUTCOMES: usize = 32;

/// Interfaces that get series of their own, since those of containers come and go. Later ones count in `~other`.
const MAX_INTERFACES: usize = 100;

/// Alert rules that are counted, since a configuration may be read again with others.
const MAX_RULES: usize = 1000;

/// Everything that was counted since the start.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) limit: usize,
    /// The hosts that have series. The first row is [`OTHER`].
    pub(super) hosts: Vec<HostSeries>,
    places: HashMap<Arc<str>, usize, RandomState>,
    pub(super) tcp: TcpSeries,
    pub(super) capture: Capture,
    undecoded: Tally<Undecoded>,
    pub(super) interfaces: Vec<InterfaceSeries>,
    pub(super) rules: Vec<Rule>,
    /// When counting began, and when the newest snapshot ended.
    pub(super) span: Option<(Timestamp, Timestamp)>,
    pub(super) snapshots: u64,
}

/// The counts of one host.
#[derive(Clone, Debug, Default)]
pub struct HostSeries {
    pub(super) name: Arc<str>,
    /// Since when it counts; `None` if nothing was counted.
    pub(super) since: Option<Timestamp>,
    pub(super) methods: Vec<(&'static str, u64)>,
    pub(super) statuses: Vec<(u16, u64)>,
    pub(super) outcomes: Vec<((&'static str, u16), Durations)>,
    pub(super) grpc: Vec<(GrpcStatus, u64)>,
    /// Messages of clients, messages of servers, and resets; `None` until there was another protocol than HTTP/1.
    pub(super) streams: Option<[u64; 3]>,
    pub(super) bytes: [u64; 2],
    pub(super) latency: Durations,
    pub(super) segments: [u64; 3],
    pub(super) rtt: [Durations; 2],
}

/// The health of all connections.
#[derive(Clone, Debug, Default)]
pub struct TcpSeries {
    pub(super) counts: Tcp,
    pub(super) handshake: [Durations; 2],
    pub(super) rtt: [Durations; 2],
}

/// The counts of one interface.
#[derive(Clone, Debug, Default)]
pub struct InterfaceSeries {
    pub(super) name: Arc<str>,
    pub(super) traffic: Traffic,
    /// `None` if it is not watched any more, and in the row for the rest.
    pub(super) is_up: Option<bool>,
}

/// What is known of an alert rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub name: Arc<str>,
    /// How serious its alerts are.
    pub severity: Arc<str>,
    /// Rows for which it fires, and whether that is unknown; `None` if the rule is not in use any more.
    pub state: Option<(u64, bool)>,
    /// Alerts that fired, and alerts that recovered.
    pub events: [u64; 2],
}

impl Default for Store {
    fn default() -> Self {
        Self::new(MAX_HOSTS)
    }
}

impl Store {
    /// An empty store in which `limit` hosts get series of their own.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            hosts: vec![HostSeries { name: OTHER.into(), ..HostSeries::default() }],
            // Strangers choose the names, so the hash has a random seed.
            places: HashMap::default(),
            tcp: TcpSeries::default(),
            capture: Capture::default(),
            undecoded: Tally::default(),
            interfaces: Vec::new(),
            rules: Vec::new(),
            span: None,
            snapshots: 0,
        }
    }

    /// Adds what a snapshot counted.
    ///
    /// Durations are told apart by method and status if the snapshot has the subset of all exchanges by outcome. If it
    /// has not, they count in the series of the host without method and status.
    pub fn add(&mut self, snapshot: &Snapshot) {
        let Some((start, end)) = snapshot.span else { return };
        self.span = Some(self.span.map_or((start, end), |(begun, newest)| (begun, newest.max(end))));
        self.snapshots = self.snapshots.saturating_add(1);
        let outcomes = find_subset(&snapshot.subsets, "", Per::Outcome);
        // Of the hosts that are new, the heaviest ones get series of their own.
        for at in snapshot.top_hosts(usize::MAX) {
            let host = &snapshot.hosts[at];
            let series = self.host(&host.name, start);
            series.add(host);
            if outcomes.is_none() && host.counts.duration.count() > 0 {
                series.outcome("", 0).add(&host.counts.duration, &DURATIONS);
            }
        }
        for row in outcomes.iter().flat_map(|subset| &subset.rows) {
            if row.counts.duration.count() > 0 {
                let (host, method, status) = parts_of(&row.name);
                self.host(host, start).outcome(method, status).add(&row.counts.duration, &DURATIONS);
            }
        }
        self.tcp.add(&snapshot.tcp);
        self.add_capture(&snapshot.capture);
        self.add_interfaces(&snapshot.interfaces);
    }

    /// The series in which a host counts.
    fn host(&mut self, name: &str, now: Timestamp) -> &mut HostSeries {
        let place = self.places.get(name).copied().unwrap_or_else(|| self.place(name));
        let series = &mut self.hosts[place];
        series.since = series.since.or(Some(now));
        series
    }

    fn place(&mut self, name: &str) -> usize {
        if name == OTHER || self.hosts.len() > self.limit {
            return 0;
        }
        let name: Arc<str> = name.into();
        self.places.insert(name.clone(), self.hosts.len());
        self.hosts.push(HostSeries { name, ..HostSeries::default() });
        self.hosts.len() - 1
    }

    fn add_capture(&mut self, capture: &Capture) {
        self.capture.merge(&Capture { undecoded: Tally::default(), ..capture.clone() });
        for (kind, count) in capture.undecoded.iter() {
            self.undecoded.add_within(MAX_KINDS, kind, Undecoded::Other, count);
        }
    }

    fn add_interfaces(&mut self, interfaces: &[Interface]) {
        // A snapshot has a row for each interface that is watched.
        self.interfaces.iter_mut().for_each(|series| series.is_up = None);
        for interface in interfaces {
            let series = self.interface(&interface.name);
            series.traffic.merge(&interface.traffic);
            if &*series.name != OTHER {
                series.is_up = Some(interface.state != InterfaceState::Down);
            }
        }
    }

    fn interface(&mut self, name: &str) -> &mut InterfaceSeries {
        let found = |all: &[InterfaceSeries], name: &str| all.iter().position(|series| &*series.name == name);
        let is_full = self.interfaces.len() >= MAX_INTERFACES;
        let own = found(&self.interfaces, name);
        let at = own.or_else(|| is_full.then(|| found(&self.interfaces, OTHER)).flatten()).unwrap_or_else(|| {
            let name = if is_full { OTHER } else { name };
            self.interfaces.push(InterfaceSeries { name: name.into(), ..InterfaceSeries::default() });
            self.interfaces.len() - 1
        });
        &mut self.interfaces[at]
    }

    /// Kinds of packets that were not decoded.
    pub(super) fn undecoded(&self) -> &Tally<Undecoded> {
        &self.undecoded
    }

    /// Sets which alert rules there are, by name and severity, with the number of rows for which each fires and whether
    /// that is unknown. Rules of the same name and severity add up. What other rules have counted stays.
    pub fn set_rules<'a>(&mut self, rules: impl IntoIterator<Item = (&'a str, &'a str, u64, bool)>) {
        self.rules.iter_mut().for_each(|rule| rule.state = None);
        for (name, severity, firing, is_unknown) in rules {
            if let Some(rule) = self.rule(name, severity) {
                let (others, is_any_unknown) = rule.state.unwrap_or_default();
                rule.state = Some((firing.saturating_add(others), is_unknown || is_any_unknown));
            }
        }
    }

    /// Counts an alert that fired, or one that recovered.
    pub fn count_alert(&mut self, name: &str, severity: &str, has_fired: bool) {
        if let Some(rule) = self.rule(name, severity) {
            let count = &mut rule.events[usize::from(!has_fired)];
            *count = count.saturating_add(1);
        }
    }

    fn rule(&mut self, name: &str, severity: &str) -> Option<&mut Rule> {
        let found = self.rules.iter().position(|rule| &*rule.name == name && &*rule.severity == severity);
        if found.is_none() && self.rules.len() < MAX_RULES {
            self.rules.push(Rule { name: name.into(), severity: severity.into(), ..Rule::default() });
        }
        let at = found.unwrap_or(self.rules.len().checked_sub(1)?);
        self.rules.get_mut(at).filter(|rule| &*rule.name == name && &*rule.severity == severity)
    }

    /// Takes what was counted since the last call, for sums that begin anew with each export. Hosts keep their series.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let mut next = Self::new(self.limit);
        next.span = self.span.map(|(_, end)| (end, end));
        next.places.clone_from(&self.places);
        next.hosts = self.hosts.iter().map(HostSeries::emptied).collect();
        let known = self.interfaces.iter();
        next.interfaces =
            known.map(|series| InterfaceSeries { traffic: Traffic::default(), ..series.clone() }).collect();
        next.rules = self.rules.iter().map(|rule| Rule { events: [0; 2], ..rule.clone() }).collect();
        let Capture { flows, open_connections, .. } = self.capture;
        next.capture = Capture { flows, open_connections, ..Capture::default() };
        std::mem::replace(self, next)
    }

    /// Adds what another store has counted before: one that [`Store::take`] returned, and that could not be exported.
    pub fn absorb(&mut self, before: &Self) {
        for host in &before.hosts {
            if let Some(since) = host.since {
                let series = self.host(&host.name, since);
                series.since = series.since.min(Some(since));
                series.absorb(host);
            }
        }
        self.tcp.absorb(&before.tcp);
        self.add_capture(&Capture { undecoded: before.undecoded.clone(), ..before.capture.clone() });
        for interface in &before.interfaces {
            self.interface(&interface.name).traffic.merge(&interface.traffic);
        }
        for rule in &before.rules {
            if let Some(mine) = self.rule(&rule.name, &rule.severity) {
                mine.events = [0, 1].map(|at| mine.events[at].saturating_add(rule.events[at]));
            }
        }
        self.span = match (before.span, self.span) {
            (Some((start, end)), Some((begun, newest))) => Some((start.min(begun), end.max(newest))),
            (before, mine) => mine.or(before),
        };
        self.snapshots = self.snapshots.saturating_add(before.snapshots);
    }

    /// Number of hosts that have series of their own.
    pub fn host_count(&self) -> usize {
        self.hosts.len() - 1
    }

    /// When the newest snapshot ended.
    pub fn newest(&self) -> Option<Timestamp> {
        self.span.map(|(_, end)| end)
    }
}

/// Host, method and status of a row by outcome. The row for the rest has no method and no status.
fn parts_of(name: &str) -> (&str, &str, u16) {
    let mut parts = name.splitn(3, ' ');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(method), Some(status), Some(host)) => (host, method, status.parse().unwrap_or(0)),
        _ => (OTHER, "", 0),
    }
}

fn add_to<K: PartialEq>(counts: &mut Vec<(K, u64)>, key: K, count: u64) {
    match counts.iter_mut().find(|(known, _)| *known == key) {
        Some((_, sum)) => *sum = sum.saturating_add(count),
        None => counts.push((key, count)),
    }
}

fn add_each<const N: usize>(sums: &mut [u64; N], counts: [u64; N]) {
    sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum = sum.saturating_add(count));
}

impl HostSeries {
    fn add(&mut self, host: &Host) {
        let counts = &host.counts;
        for (method, count) in counts.methods.iter() {
            add_to(&mut self.methods, fold::method(method.name()), count);
        }
        for (status, count) in counts.statuses.iter() {
            add_to(&mut self.statuses, fold::status(status), count);
        }
        if !counts.streams.is_empty() {
            let streams = counts.streams.get();
            streams.grpc_statuses.iter().for_each(|(status, count)| add_to(&mut self.grpc, status, count));
            let sums = [streams.request_messages, streams.response_messages, streams.resets()];
            add_each(self.streams.get_or_insert_default(), sums);
        }
        add_each(&mut self.bytes, [counts.request_bytes, counts.response_bytes]);
        self.latency.add(&counts.latency, &DURATIONS);
        add_each(&mut self.segments, [host.tcp.segments, host.tcp.retransmitted, host.tcp.reset]);
        for (sum, rtt) in self.rtt.iter_mut().zip([&host.tcp.client_rtt, &host.tcp.server_rtt]) {
            sum.add(rtt, &ROUND_TRIPS);
        }
    }

    /// The series of a method and a status.
    fn outcome(&mut self, method: &str, status: u16) -> &mut Durations {
        let (method, status) = (fold::method(method), fold::status(status));
        let find = |outcomes: &[((&str, u16), Durations)], key| outcomes.iter().position(|(known, _)| *known == key);
        let mut key = (method, status);
        let mut found = find(&self.outcomes, key);
        if found.is_none() && self.outcomes.len() >= MAX_OUTCOMES {
            key = (if method.is_empty() { "" } else { fold::OTHER_METHOD }, status / 100 * 100);
            found = find(&self.outcomes, key);
        }
        let at = found.unwrap_or_else(|| {
            self.outcomes.push((key, Durations::default()));
            self.outcomes.len() - 1
        });
        &mut self.outcomes[at].1
    }

    /// The same series with nothing counted.
    fn emptied(&self) -> Self {
        Self {
            name: self.name.clone(),
            methods: self.methods.iter().map(|&(method, _)| (method, 0)).collect(),
            statuses: self.statuses.iter().map(|&(status, _)| (status, 0)).collect(),
            outcomes: self.outcomes.iter().map(|(key, _)| (*key, Durations::default())).collect(),
            grpc: self.grpc.iter().map(|&(status, _)| (status, 0)).collect(),
            streams: self.streams.map(|_| [0; 3]),
            ..Self::default()
        }
    }

    fn absorb(&mut self, before: &Self) {
        before.methods.iter().for_each(|&(method, count)| add_to(&mut self.methods, method, count));
        before.statuses.iter().for_each(|&(status, count)| add_to(&mut self.statuses, status, count));
        for ((method, status), durations) in &before.outcomes {
            self.outcome(method, *status).absorb(durations);
        }
        before.grpc.iter().for_each(|&(status, count)| add_to(&mut self.grpc, status, count));
        if let Some(streams) = before.streams {
            add_each(self.streams.get_or_insert_default(), streams);
        }
        add_each(&mut self.bytes, before.bytes);
        self.latency.absorb(&before.latency);
        add_each(&mut self.segments, before.segments);
        self.rtt.iter_mut().zip(&before.rtt).for_each(|(sum, rtt)| sum.absorb(rtt));
    }
}

impl TcpSeries {
    fn add(&mut self, tcp: &Tcp) {
        let histograms = [&tcp.client_handshake_rtt, &tcp.server_handshake_rtt, &tcp.client_rtt, &tcp.server_rtt];
        let sums = self.handshake.iter_mut().chain(&mut self.rtt);
        sums.zip(histograms).for_each(|(sum, more)| sum.add(more, &ROUND_TRIPS));
        self.counts.merge(tcp);
    }

    fn absorb(&mut self, before: &Self) {
        let sums = self.handshake.iter_mut().chain(&mut self.rtt);
        sums.zip(before.handshake.iter().chain(&before.rtt)).for_each(|(sum, more)| sum.absorb(more));
        self.counts.merge(&before.counts);
    }
}

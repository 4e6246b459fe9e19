//! Folds a snapshot: keeps the heaviest rows and merges the other rows into `~other`. Sums do not change.

use std::sync::Arc;

use super::clients::Client;
use super::hosts::{Host, Section};
use super::interfaces::Interface;
use super::limits::{Limits, MAX_KINDS, OTHER};
use super::merge::{Snapshot, top};
use super::remarkable;
use super::servers::{MAX_CIPHER_SUITES, Server};
use super::subsets::SubsetRow;
use super::tables::Row;
use crate::pipeline::decode::Undecoded;
use crate::pipeline::exchange::CipherSuite;
use crate::pipeline::packet::InterfaceId;

impl Snapshot {
    /// Returns the snapshot with the heaviest rows within the limits, and the other rows merged into `~other`. The
    /// limits do not include `~other`.
    #[must_use]
    pub fn folded(&self, limits: &Limits) -> Self {
        let mut folded = self.clone();
        folded.fold(limits);
        folded
    }

    /// Does the same as [`Self::folded`] in place.
    pub fn fold(&mut self, limits: &Limits) {
        let error = self.fold_sections(self.sections_per_host(limits));
        let lost = fold_rows(&mut self.hosts, limits.hosts, absorb_host);
        self.capture.hosts_folded += lost.rows;
        self.capture.hits_error += error.max(lost.heaviest);
        let lost = fold_rows(&mut self.clients, limits.clients, Arc::<Client>::absorb);
        self.capture.clients_folded += lost.rows;
        self.capture.client_hits_error += lost.heaviest;
        fold_rows(&mut self.servers, limits.hosts, Server::absorb);
        let suites = self.servers.iter_mut().map(|server| &mut server.cipher_suites);
        suites.for_each(|suites| suites.fold(MAX_CIPHER_SUITES, CipherSuite::OTHER));
        fold_rows(&mut self.interfaces, InterfaceId::MOST, Interface::absorb);
        for subset in &mut self.subsets {
            fold_rows(&mut subset.rows, limits.hosts, Arc::<SubsetRow>::absorb);
        }
        self.capture.undecoded.fold(MAX_KINDS, Undecoded::Other);
        self.fold_codes();
        self.capture.exchanges_dropped += remarkable::keep(&mut self.exchanges, limits.exchanges);
        remarkable::keep(&mut self.connections, limits.connections);
        self.coarsen(limits.buckets);
    }

    /// Counts codes of strangers together where a row has many.
    fn fold_codes(&mut self) {
        let is_wide = |host: &Host| {
            host.counts.streams.is_wide() || host.sections.iter().any(|section| section.counts.streams.is_wide())
        };
        for host in self.hosts.iter_mut().filter(|host| is_wide(host)) {
            let host = Arc::make_mut(host);
            host.counts.streams.fold();
            host.sections.iter_mut().for_each(|section| Arc::make_mut(section).counts.streams.fold());
        }
        for client in self.clients.iter_mut().filter(|client| client.counts.streams.is_wide()) {
            Arc::make_mut(client).counts.streams.fold();
        }
        self.counts.streams.fold();
    }

    /// Returns how many sections each host may keep. The number is halved until the sections of all hosts are within
    /// their limit.
    fn sections_per_host(&self, limits: &Limits) -> usize {
        let mut per_host = limits.sections_per_host;
        // The limit does not include the row for the rest.
        let kept = |max: usize| self.hosts.iter().map(|host| host.sections.len().min(max + 1)).sum::<usize>();
        while per_host > 1 && kept(per_host) > limits.sections {
            per_host /= 2;
        }
        per_host
    }

    /// Folds the sections of each host beyond the `max` heaviest. Returns the weight of the heaviest folded section.
    fn fold_sections(&mut self, max: usize) -> u64 {
        let mut heaviest = 0;
        // The limit does not include the row for the rest.
        for host in self.hosts.iter_mut().filter(|host| host.sections.len() > max) {
            let sections = &mut Arc::make_mut(host).sections;
            let lost = fold_rows(sections, max, Arc::<Section>::absorb);
            self.capture.sections_folded += lost.rows;
            heaviest = heaviest.max(lost.heaviest);
        }
        heaviest
    }
}

/// Adds a folded host to the host for the rest.
fn absorb_host(other: &mut Arc<Host>, row: &Arc<Host>) {
    let other = Arc::make_mut(other);
    // Without the names of their hosts the sections say nothing, so the host for the rest has a single section.
    let mut sections = std::mem::take(&mut other.sections);
    let mut rest = sections.pop().unwrap_or_else(|| Arc::named(OTHER));
    Arc::make_mut(&mut rest).counts.merge(&row.counts);
    other.absorb(&Host { sections: Vec::new(), ..Host::clone(row) });
    other.sections = vec![rest];
}

trait Weighed: Row {
    fn hits(&self) -> u64;
    fn named(name: &str) -> Self;
}

impl<R: Weighed> Weighed for Arc<R> {
    fn hits(&self) -> u64 {
        R::hits(self)
    }
    fn named(name: &str) -> Self {
        Self::new(R::named(name))
    }
}

impl Weighed for Host {
    fn hits(&self) -> u64 {
        self.counts.hits()
    }
    fn named(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

impl Weighed for Section {
    fn hits(&self) -> u64 {
        self.counts.hits()
    }
    fn named(name: &str) -> Self {
        Self { path: name.into(), ..Self::default() }
    }
}

impl Weighed for Client {
    fn hits(&self) -> u64 {
        self.counts.hits()
    }
    fn named(name: &str) -> Self {
        Self { address: name.into(), ..Self::default() }
    }
}

impl Weighed for SubsetRow {
    fn hits(&self) -> u64 {
        self.counts.hits()
    }
    fn named(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

impl Weighed for Interface {
    fn hits(&self) -> u64 {
        self.traffic.packets
    }
    fn named(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

impl Weighed for Server {
    fn hits(&self) -> u64 {
        self.weight()
    }
    fn named(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// The number of folded rows, and the weight of the heaviest of them.
#[derive(Default)]
struct Lost {
    rows: u64,
    heaviest: u64,
}

fn fold_rows<R: Weighed>(rows: &mut Vec<R>, max: usize, absorb: impl Fn(&mut R, &R)) -> Lost {
    let is_other = |row: &R| **row.key() == *OTHER;
    let other_at = rows.iter().position(is_other);
    if rows.len() - usize::from(other_at.is_some()) <= max {
        return Lost::default();
    }
    // The row for the rest is kept even if it is the lightest.
    let weight = |at: usize| if Some(at) == other_at { u64::MAX } else { rows[at].hits() };
    let mut keep = vec![false; rows.len()];
    for at in top(rows.len(), max + usize::from(other_at.is_some()), weight) {
        keep[at] = true;
    }
    let mut other = other_at.map_or_else(|| R::named(OTHER), |at| rows[at].clone());
    let mut lost = Lost::default();
    let mut kept = Vec::with_capacity(max + 1);
    for (at, (row, keep)) in rows.drain(..).zip(keep).enumerate() {
        if Some(at) == other_at {
            continue;
        }
        if keep {
            kept.push(row);
        } else {
            lost.rows += 1;
            lost.heaviest = lost.heaviest.max(row.hits());
            absorb(&mut other, &row);
        }
    }
    let at = kept.partition_point(|row| **row.key() < *OTHER);
    kept.insert(at, other);
    *rows = kept;
    lost
}

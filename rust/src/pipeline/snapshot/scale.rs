//! Keeps the buckets of all histograms within a budget: halves the scale of the finest histograms as often as
//! necessary.

use std::sync::Arc;

use super::clients::Client;
use super::counts::{Counts, Tcp};
use super::hosts::{Host, Section};
use super::merge::Snapshot;
use super::servers::Server;
use super::subsets::SubsetRow;
use crate::pipeline::histogram::{Histogram, Sizes};

/// Number of buckets that need about as much memory as a row.
const BUCKETS_OF_A_ROW: usize = 64;

impl Counts {
    /// All histograms.
    pub fn histograms(&self) -> [&Histogram; 2] {
        [&self.latency, &self.duration]
    }

    /// All histograms, to change them.
    pub fn histograms_mut(&mut self) -> [&mut Histogram; 2] {
        [&mut self.latency, &mut self.duration]
    }
}

impl Tcp {
    /// All histograms.
    pub fn histograms(&self) -> [&Histogram; 4] {
        [&self.client_handshake_rtt, &self.server_handshake_rtt, &self.client_rtt, &self.server_rtt]
    }

    /// All histograms, to change them.
    pub fn histograms_mut(&mut self) -> [&mut Histogram; 4] {
        [&mut self.client_handshake_rtt, &mut self.server_handshake_rtt, &mut self.client_rtt, &mut self.server_rtt]
    }
}

impl Host {
    /// All histograms of the host and of its sections.
    fn histograms(&self) -> impl Iterator<Item = &Histogram> {
        let sections = self.sections.iter().flat_map(|section| section.counts.histograms());
        self.counts.histograms().into_iter().chain(self.tcp.histograms()).chain(sections)
    }

    fn coarsen(self: &mut Arc<Self>, halvings: u8) {
        if !self.histograms().any(|histogram| is_finer(histogram, halvings)) {
            return;
        }
        let Self { counts, tcp, sections, .. } = Arc::make_mut(self);
        counts.histograms_mut().into_iter().chain(tcp.histograms_mut()).for_each(|each| each.coarsen(halvings));
        sections.iter_mut().for_each(|section| section.coarsen(halvings));
    }
}

/// A row whose only histograms are those of its counts.
trait Counted: Clone {
    fn counts(&self) -> &Counts;
    fn counts_mut(&mut self) -> &mut Counts;

    fn coarsen(self: &mut Arc<Self>, halvings: u8) {
        if self.counts().histograms().into_iter().any(|histogram| is_finer(histogram, halvings)) {
            let histograms = Arc::make_mut(self).counts_mut().histograms_mut();
            histograms.into_iter().for_each(|each| each.coarsen(halvings));
        }
    }
}

/// Makes a row with a field `counts` a [`Counted`] one.
macro_rules! counted {
    ($($row:ident)+) => {
        $(impl Counted for $row {
            fn counts(&self) -> &Counts {
                &self.counts
            }
            fn counts_mut(&mut self) -> &mut Counts {
                &mut self.counts
            }
        })+
    };
}

counted!(Section Client SubsetRow);

fn is_finer(histogram: &Histogram, halvings: u8) -> bool {
    !histogram.buckets().is_empty() && histogram.buckets().halvings() < halvings
}

impl Snapshot {
    fn histograms(&self) -> impl Iterator<Item = &Histogram> {
        let hosts = self.hosts.iter().flat_map(|host| host.histograms());
        let interfaces = self.interfaces.iter().flat_map(|interface| interface.tcp.histograms());
        let clients = self.clients.iter().flat_map(|client| client.counts.histograms());
        let subsets = self.subsets.iter().flat_map(|subset| &subset.rows).flat_map(|row| row.counts.histograms());
        let totals = self.counts.histograms().into_iter().chain(self.tcp.histograms());
        let servers = self.servers.iter().flat_map(Server::histograms);
        totals.chain(hosts).chain(clients).chain(interfaces).chain(subsets).chain(servers)
    }

    /// Returns the number of buckets of all histograms.
    pub fn buckets(&self) -> usize {
        self.histograms().map(|histogram| histogram.buckets().len()).sum()
    }

    /// Returns a measure of the snapshot's memory: the number of rows, plus the buckets in units of a row. Walks all
    /// rows.
    pub fn weight(&self) -> usize {
        self.rows() + self.buckets() / BUCKETS_OF_A_ROW
    }

    /// Halves the scale of the finest histograms until there are at most `most` buckets, and notes it in
    /// `capture.histogram_halvings`.
    pub fn coarsen(&mut self, most: usize) {
        if self.buckets() <= most {
            return;
        }
        let mut sizes = Sizes::default();
        self.histograms().for_each(|histogram| sizes.add(histogram));
        let halvings = sizes.halvings_within(most);
        let mine = self.counts.histograms_mut().into_iter().chain(self.tcp.histograms_mut());
        let interfaces = self.interfaces.iter_mut().flat_map(|interface| interface.tcp.histograms_mut());
        let servers = self.servers.iter_mut().flat_map(Server::histograms_mut);
        mine.chain(interfaces).chain(servers).for_each(|each| each.coarsen(halvings));
        self.hosts.iter_mut().for_each(|host| host.coarsen(halvings));
        self.clients.iter_mut().for_each(|client| client.coarsen(halvings));
        let subsets = self.subsets.iter_mut().flat_map(|subset| &mut subset.rows);
        subsets.for_each(|row| row.coarsen(halvings));
        self.capture.histogram_halvings.merge(&super::Halvings(halvings));
    }
}

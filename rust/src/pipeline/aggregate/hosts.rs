//! The rows being counted: hosts and their sections, found by name, bounded in number.
//!
//! Rows outlive their interval, so that a busy host costs no allocation. When a table is full its lightest row makes
//! room (space-saving: Metwally, Agrawal, El Abbadi 2005): its counts go to `~other`, and the row that takes its place
//! may be too low by as much as the lost one had. So a flood of invented names cannot hide a busy host.
//!
//! A row that is counted in is listed, once an interval. Closing an interval walks these lists alone, so rows of the past
//! cost nothing until one of them makes room.

mod find;
mod fold;

use std::hash::BuildHasher;
use std::net::Ipv6Addr;
use std::sync::Arc;

use hashbrown::HashTable;

use super::lightest::{Hand, Lightest};
use crate::pipeline::histogram::Histogram;
use crate::pipeline::packet::InterfaceId;
use crate::pipeline::snapshot::{Capture, Counts, Host, Limits, MAX_ADDRESSES, OTHER, Section, Tcp};

/// Names the row of a section; counts for a row that was folded since go where the row went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    host: Slot,
    section: Slot,
}

/// A slot, as long as it is used for the same row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    slot: u32,
    generation: u32,
}

#[derive(Debug)]
struct HostRow {
    name: Arc<str>,
    generation: u32,
    hits: u64,
    /// What the row may have missed before it came in.
    missed: u64,
    addresses: Vec<Ipv6Addr>,
    /// Where its connections were first observed in this interval. Nearly always that is the only interface.
    home: Option<InterfaceId>,
    /// Health of its connections there.
    health: Tcp,
    /// Health that was counted at its interface already: on other interfaces, and before the connections were its own.
    elsewhere: Tcp,
    sections: Vec<u32>,
    /// The section for those that did not fit.
    rest: Option<u32>,
    lightest: Lightest,
    /// Listed in [`HostTable::touched`].
    is_touched: bool,
    /// Sections that were counted in since the interval began.
    touched: Vec<u32>,
}

#[derive(Debug)]
struct SectionRow {
    host: u32,
    path: Arc<str>,
    generation: u32,
    missed: u64,
    is_rest: bool,
    is_free: bool,
    /// Listed in [`HostRow::touched`] of its host, and its host in [`HostTable::touched`].
    is_touched: bool,
    counts: Counts,
}

/// Hosts and sections.
#[derive(Debug)]
pub struct HostTable {
    limits: Limits,
    hasher: foldhash::fast::RandomState,
    host_index: HashTable<u32>,
    section_index: HashTable<u32>,
    hosts: Vec<HostRow>,
    sections: Vec<SectionRow>,
    free_hosts: Vec<u32>,
    free_sections: Vec<u32>,
    lightest_hosts: Lightest,
    lightest_sections: Lightest,
    /// Hosts that were counted in since the interval began.
    touched: Vec<u32>,
    idle_hosts: Hand,
    idle_sections: Hand,
    hosts_folded: u64,
    sections_folded: u64,
    hits_error: u64,
    /// Health of hosts that were folded, at the place of the number of their interface.
    folded: Vec<Tcp>,
}

/// The slot of the host that stands for those that did not fit.
const REST: u32 = 0;

impl HostTable {
    pub fn new(limits: Limits) -> Self {
        let mut rows = Self {
            limits,
            // Names are chosen by strangers.
            hasher: foldhash::fast::RandomState::default(),
            host_index: HashTable::new(),
            section_index: HashTable::new(),
            hosts: Vec::new(),
            sections: Vec::new(),
            free_hosts: Vec::new(),
            free_sections: Vec::new(),
            lightest_hosts: Lightest::default(),
            lightest_sections: Lightest::default(),
            touched: Vec::new(),
            idle_hosts: Hand::default(),
            idle_sections: Hand::default(),
            hosts_folded: 0,
            sections_folded: 0,
            hits_error: 0,
            folded: Vec::new(),
        };
        let rest = rows.add_host(OTHER, 0);
        debug_assert_eq!(rest, REST);
        rows
    }

    /// The row of a section, made if it is not there.
    pub fn ticket(&mut self, host: &[u8], path: &[u8]) -> Ticket {
        let host = self.host(host);
        let section = self.section(host, path);
        Ticket { host: self.host_place(host), section: self.section_place(section) }
    }

    /// The row of a section, if it is there.
    pub fn find(&self, host: &[u8], path: &[u8]) -> Option<Ticket> {
        let host = self.find_host(self.hasher.hash_one(host), host).filter(|&host| host != REST)?;
        let section = self.find_section(self.hasher.hash_one((host, path)), host, path)?;
        Some(Ticket { host: self.host_place(host), section: self.section_place(section) })
    }

    /// Counts of a row, where a hit is about to be counted.
    pub fn hit(&mut self, ticket: Ticket) -> &mut Counts {
        let section = self.resolve(ticket);
        self.hosts[self.sections[section as usize].host as usize].hits += 1;
        self.touched_counts(section)
    }

    /// Counts of a row.
    pub fn counts(&mut self, ticket: Ticket) -> &mut Counts {
        let section = self.resolve(ticket);
        self.touched_counts(section)
    }

    /// Connection health of the row's host for what is observed at an interface. False if it is to be counted at the interface
    /// as well.
    pub fn tcp(&mut self, ticket: Ticket, interface: InterfaceId) -> (&mut Tcp, bool) {
        let host = self.resolve_host(ticket);
        let row = self.touched_host(host);
        let is_at_home = *row.home.get_or_insert(interface) == interface;
        (if is_at_home { &mut row.health } else { &mut row.elsewhere }, is_at_home)
    }

    /// Health of the same connections before they belonged to the row's host.
    pub fn openings(&mut self, ticket: Ticket) -> &mut Tcp {
        let host = self.resolve_host(ticket);
        &mut self.touched_host(host).elsewhere
    }

    /// Names of the row.
    pub fn names(&mut self, ticket: Ticket) -> (Arc<str>, Arc<str>) {
        let section = self.resolve(ticket);
        let section = &self.sections[section as usize];
        (self.hosts[section.host as usize].name.clone(), section.path.clone())
    }

    /// The name of the row's host, unless the host has made room for another one since.
    pub fn host_name(&self, ticket: Ticket) -> Option<Arc<str>> {
        let Slot { slot, generation } = ticket.host;
        let row = self.hosts.get(slot as usize).filter(|row| row.generation == generation)?;
        Some(row.name.clone())
    }

    /// A server of the row's host.
    pub fn add_address(&mut self, ticket: Ticket, address: Ipv6Addr) {
        let host = self.resolve_host(ticket);
        if self.hosts[host as usize].addresses.contains(&address) {
            return;
        }
        let addresses = &mut self.touched_host(host).addresses;
        if let Err(at) = addresses.binary_search(&address)
            && at < MAX_ADDRESSES
        {
            addresses.insert(at, address);
            addresses.truncate(MAX_ADDRESSES);
        }
    }

    /// Every histogram of the interval.
    pub fn each_histogram(&mut self, look: &mut impl FnMut(&mut Histogram)) {
        for &slot in &self.touched {
            let HostRow { elsewhere, health, touched, .. } = &mut self.hosts[slot as usize];
            let observed = [health, elsewhere].into_iter();
            observed.flat_map(Tcp::histograms_mut).for_each(&mut *look);
            for &section in &*touched {
                self.sections[section as usize].counts.histograms_mut().into_iter().for_each(&mut *look);
            }
        }
    }

    /// Takes all counts; the rows stay. `observed` is told the health of each host, and where it was observed.
    pub fn take(&mut self, capture: &mut Capture, mut observed: impl FnMut(InterfaceId, &Tcp)) -> Vec<Host> {
        self.lightest_hosts.reset();
        self.lightest_sections.reset();
        self.idle_hosts.reset();
        self.idle_sections.reset();
        capture.hosts_folded += std::mem::take(&mut self.hosts_folded);
        capture.sections_folded += std::mem::take(&mut self.sections_folded);
        capture.hits_error += std::mem::take(&mut self.hits_error);
        for (number, tcp) in self.folded.drain(..).enumerate() {
            observed(InterfaceId(number as u16), &tcp);
        }
        let mut hosts: Vec<Host> = Vec::new();
        for slot in self.touched.drain(..) {
            let row = &mut self.hosts[slot as usize];
            let sections = take_sections(row, &mut self.sections);
            (row.hits, row.missed, row.is_touched) = (0, 0, false);
            row.lightest.reset();
            let mut tcp = std::mem::take(&mut row.elsewhere);
            if let Some(home) = row.home.take() {
                let part = std::mem::take(&mut row.health);
                observed(home, &part);
                tcp.merge(&part);
            }
            let addresses = std::mem::take(&mut row.addresses);
            if sections.is_empty() && tcp == Tcp::default() {
                continue;
            }
            let mut counts = Counts::default();
            sections.iter().for_each(|section| counts.merge(&section.counts));
            hosts.push(Host { name: row.name.clone(), addresses, counts, sections, tcp });
        }
        hosts.sort_by(|a, b| a.name.cmp(&b.name));
        hosts
    }

    /// Counts of a section, which is listed for the end of the interval.
    #[inline]
    fn touched_counts(&mut self, slot: u32) -> &mut Counts {
        if !self.sections[slot as usize].is_touched {
            self.list_section(slot);
        }
        &mut self.sections[slot as usize].counts
    }

    /// A host, which is listed for the end of the interval.
    #[inline]
    fn touched_host(&mut self, slot: u32) -> &mut HostRow {
        if !self.hosts[slot as usize].is_touched {
            self.list_host(slot);
        }
        &mut self.hosts[slot as usize]
    }

    #[cold]
    fn list_section(&mut self, slot: u32) {
        let row = &mut self.sections[slot as usize];
        row.is_touched = true;
        let host = row.host;
        self.touched_host(host).touched.push(slot);
    }

    #[cold]
    fn list_host(&mut self, slot: u32) {
        self.hosts[slot as usize].is_touched = true;
        self.touched.push(slot);
    }

    fn resolve(&mut self, ticket: Ticket) -> u32 {
        if self.section_place(ticket.section.slot) == ticket.section {
            return ticket.section.slot;
        }
        let host = self.resolve_host(ticket);
        self.rest_of(host)
    }

    fn resolve_host(&self, ticket: Ticket) -> u32 {
        if self.host_place(ticket.host.slot) == ticket.host { ticket.host.slot } else { REST }
    }

    fn host_place(&self, slot: u32) -> Slot {
        Slot { slot, generation: self.hosts[slot as usize].generation }
    }

    fn section_place(&self, slot: u32) -> Slot {
        Slot { slot, generation: self.sections[slot as usize].generation }
    }
}

fn take_sections(host: &mut HostRow, rows: &mut [SectionRow]) -> Vec<Arc<Section>> {
    let mut sections: Vec<Arc<Section>> = Vec::new();
    for slot in host.touched.drain(..) {
        let row = &mut rows[slot as usize];
        (row.missed, row.is_touched) = (0, false);
        if row.counts != Counts::default() {
            let counts = std::mem::take(&mut row.counts);
            sections.push(Arc::new(Section { path: row.path.clone(), counts }));
        }
    }
    sections.sort_by(|a, b| a.path.cmp(&b.path));
    sections
}

#[cfg(test)]
#[path = "hosts_tests.rs"]
mod tests;
